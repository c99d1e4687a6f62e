"""Who is registered with customs: enterprises, their certificates and guarantee limits; loaded by a command of its own."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from cryptography import x509

from declarations.sandbox.store import Connection

_MOST = 10**12  # yuan by one top-up
TYPES = {"platform", "merchant", "payment", "direct_logistics", "bonded_logistics", "warehouse", "venue"}


class BadRegistry(ValueError):
    """What was to be registered cannot be; nothing of it was."""


@dataclass(frozen=True, slots=True)
class Enterprise:
    """One legal entity as customs knows it."""

    customs_code: str
    credit_code: str
    name: str
    types: frozenset[str]
    dxp_id: str


class Registry:
    """The enterprises, found by customs code (10) or credit code (18)."""

    def __init__(self, enterprises: Iterable[Enterprise]) -> None:
        self._by_code: dict[str, Enterprise] = {}
        for enterprise in enterprises:
            self._by_code[enterprise.customs_code] = self._by_code[enterprise.credit_code] = enterprise

    def find(self, code: str) -> Enterprise | None:
        """The enterprise with this customs or credit code."""
        return self._by_code.get(code)

    def entity(self, code: str) -> str:
        """One spelling for one legal entity: its credit code, or the code as given when it is not registered."""
        enterprise = self._by_code.get(code)
        return enterprise.credit_code if enterprise else code


def read(connection: Connection) -> Registry:
    """The registry as it stands."""
    return Registry(
        Enterprise(row["customs_code"], row["credit_code"], row["name"], frozenset(row["types"]), row["dxp_id"])
        for row in connection.execute("SELECT * FROM enterprise")
    )


def certificates(connection: Connection, enterprise: Enterprise) -> list[x509.Certificate]:
    """The certificates registered for an enterprise."""
    rows = connection.execute("SELECT pem FROM certificate WHERE customs_code = %s", [enterprise.customs_code])
    return [_certificate(row["pem"]) for row in rows]


def load(connection: Connection, text: str) -> int:
    """Take over a registry file: enterprises are added or replaced, those not named stay. Raises BadRegistry.

    A guarantee registered as before stays as it stands now: what it was raised by since is not undone.
    """
    entries = _entries(text)
    with connection.transaction():
        for entry in entries:
            connection.execute(
                "DELETE FROM enterprise WHERE credit_code = %s AND customs_code <> %s",
                [entry["credit_code"], entry["customs_code"]],
            )
            connection.execute(
                "INSERT INTO enterprise VALUES (%s, %s, %s, %s, %s) ON CONFLICT (customs_code) DO UPDATE SET"
                " credit_code = excluded.credit_code, name = excluded.name, types = excluded.types,"
                " dxp_id = excluded.dxp_id",
                [entry["customs_code"], entry["credit_code"], entry["name"], entry["types"], entry["dxp_id"]],
            )
            _register_guarantee(connection, entry["customs_code"], entry.get("guarantee") or {})
            connection.execute("DELETE FROM certificate WHERE customs_code = %s", [entry["customs_code"]])
            for pem in entry["certificates"]:
                connection.execute(
                    "INSERT INTO certificate VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                    [entry["customs_code"], f"{_certificate(pem).serial_number:x}", pem],
                )
    return len(entries)


def _register_guarantee(connection: Connection, customs_code: str, guarantee: Mapping[str, str]) -> None:
    kind, limit = guarantee.get("kind"), guarantee.get("limit")
    changed = connection.execute(
        "INSERT INTO registered_guarantee AS r VALUES (%s, %s, %s) ON CONFLICT (customs_code) DO UPDATE SET"
        ' kind = excluded.kind, "limit" = excluded."limit"'
        ' WHERE (r.kind, r."limit") IS DISTINCT FROM (excluded.kind, excluded."limit") RETURNING customs_code',
        [customs_code, kind, limit],
    ).fetchone()
    if changed:
        connection.execute(
            "UPDATE enterprise SET guarantee_kind = %s, guarantee_limit = %s WHERE customs_code = %s",
            [kind, limit, customs_code],
        )


def top_up(connection: Connection, customs_code: str, amount: str) -> tuple[str, Decimal]:
    """Raise what an enterprise has given as guarantee: its name, and the limit now. Raises BadRegistry."""
    try:
        more = Decimal(amount)
    except InvalidOperation:
        more = Decimal("NaN")
    if not (more.is_finite() and 0 < more <= _MOST and more == round(more, 2)):
        raise BadRegistry(f"金额“{amount}”不对：应大于0、不超过{_MOST:,}元，最多两位小数，不写逗号，如 5000.00")
    row = connection.execute(
        "UPDATE enterprise SET guarantee_kind = coalesce(guarantee_kind, 'deposit'),"
        " guarantee_limit = coalesce(guarantee_limit, 0) + %s WHERE customs_code = %s RETURNING name, guarantee_limit",
        [more, customs_code],
    ).fetchone()
    if row is None:
        raise BadRegistry(f"海关没有编码为“{customs_code}”的企业；编码共10位，见沙箱页面的备案企业")
    return row["name"], row["guarantee_limit"]


def _entries(text: str) -> list[dict[str, Any]]:
    try:
        entries = json.loads(text)["enterprises"]
    except (ValueError, KeyError, TypeError):
        raise BadRegistry("备案文件应是含enterprises的JSON") from None
    if not isinstance(entries, list):
        raise BadRegistry("enterprises应是列表")
    for number, entry in enumerate(entries, 1):
        if fault := _fault(entry):
            raise BadRegistry(f"第{number}家企业：{fault}")
    return entries


def _fault(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return "应是对象"
    for field, length in (("customs_code", 10), ("credit_code", 18)):
        if not isinstance(entry.get(field), str) or len(entry[field]) != length:
            return f"{field}应为{length}位"
    for field in ("name", "dxp_id"):
        if not isinstance(entry.get(field), str) or not entry[field].strip():
            return f"{field}不能为空"
    if not isinstance(entry.get("types"), list) or not entry["types"] or not set(entry["types"]) <= TYPES:
        return f"types应取自{'、'.join(sorted(TYPES))}"
    if not isinstance(entry.get("certificates"), list):
        return "certificates应是列表"
    for pem in entry["certificates"]:
        try:
            _certificate(pem)
        except (ValueError, TypeError, AttributeError):
            return "certificates含不能读取的证书"
    return _guarantee_fault(entry.get("guarantee"))


def _guarantee_fault(guarantee: Any) -> str:
    if guarantee is None:
        return ""
    try:
        limit = Decimal(guarantee["limit"])
        if guarantee["kind"] in ("deposit", "letter") and limit.is_finite() and limit >= 0:
            return ""
    except (KeyError, TypeError, InvalidOperation):
        pass
    return "guarantee应含kind（deposit或letter）与limit（元）"


@lru_cache(maxsize=256)
def _certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())
