"""Reads a tariff from a file and puts it in its table: codes, units, rates, and the faults the file states of itself.

Nothing is guessed: an empty rate stays empty and is a fault of its line, shown wherever the line is used. The same file
again changes nothing; a later day is another edition, and both stand.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from django.db import transaction

from ledger.models import Fault, TariffLine, VatClass
from portal.bulk import next_ids, write_rows

COLUMNS = (
    "code", "name_zh", "unit1", "unit2", "duty_pct", "vat_pct", "vat_basis", "consumption_pct", "consumption_specific",
    "consumption_condition", "consumption_basis",
)  # fmt: skip
#: The file's VAT percentages: those since April 2019. For other days only which of the two it is counts.
_VAT = {"13": VatClass.GENERAL, "9": VatClass.LOW, "": ""}
_KEPT = (
    "name", "unit1", "unit2", "duty", "vat", "vat_basis", "consumption", "consumption_specific", "condition",
    "consumption_basis", "faults",
)  # fmt: skip
_LARGEST = Decimal(1000)


class TariffRefused(ValueError):
    """The file cannot be read as a tariff; the text says where and what is wanted there."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    added: int
    changed: int
    same: int
    faults: Mapping[str, int]


def read_tariff(path: Path, since: date) -> list[TariffLine]:
    """The lines of a file, not yet kept. Raises ``TariffRefused``."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise TariffRefused(f"{path}: the first row lacks the columns {', '.join(missing)}")
            lines = list(_lines(reader, path, since))
    except OSError as error:
        raise TariffRefused(f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TariffRefused(f"{path}: not a CSV file in UTF-8 ({error})") from error
    if not lines:
        raise TariffRefused(f"{path}: no rows below the first")
    twice = [code for code, count in Counter(line.code for line in lines).items() if count > 1]
    if twice:
        raise TariffRefused(f"{path}: {', '.join(twice[:5])} stands there more than once")
    return lines


def import_tariff(lines: Iterable[TariffLine]) -> Imported:
    """Keep these lines, all of one day; what stands already is compared and written only where it differs."""
    wanted = {line.code: line for line in lines}
    since = next(iter(wanted.values())).since
    with transaction.atomic():
        standing = {line.code: line for line in TariffLine.objects.select_for_update().filter(since=since)}
        new = [line for code, line in wanted.items() if code not in standing]
        changed = []
        for code, line in wanted.items():
            before = standing.get(code)
            if before is not None and _kept(before) != _kept(line):
                line.pk = before.pk
                changed.append(line)
        if new:
            ids = next_ids("ledger_tariffline", len(new))
            rows = [(pk, line.code, since, *_kept(line)) for pk, line in zip(ids, new, strict=True)]
            write_rows("ledger_tariffline", ("id", "code", "since", *_KEPT), rows)
        TariffLine.objects.bulk_update(changed, _KEPT, batch_size=500)
    faults = Counter(fault for line in wanted.values() for fault in line.faults)
    return Imported(len(new), len(changed), len(wanted) - len(new) - len(changed), faults)


def _kept(line: TariffLine) -> tuple[object, ...]:
    return tuple(getattr(line, name) for name in _KEPT)


def _lines(rows: csv.DictReader, path: Path, since: date) -> Iterator[TariffLine]:
    for row in rows:
        place = f"{path}, row {rows.line_num}"
        said = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if not re.fullmatch("[0-9]{10}", said["code"]):
            raise TariffRefused(f"{place}: code {said['code']!r} should be ten digits, kept as text")
        if said["vat_pct"] not in _VAT:
            raise TariffRefused(f"{place}: vat_pct {said['vat_pct']!r} should be 13, 9 or empty")
        yield TariffLine(
            code=said["code"],
            since=since,
            name=_short(said, "name_zh", 500, place),
            unit1=_short(said, "unit1", 3, place),
            unit2=_short(said, "unit2", 3, place),
            duty=_percent(said, "duty_pct", place),
            vat=str(_VAT[said["vat_pct"]]),
            vat_basis=_short(said, "vat_basis", 20, place),
            consumption=_consumption(said, place),
            consumption_specific=_short(said, "consumption_specific", 200, place),
            condition=_short(said, "consumption_condition", 200, place),
            consumption_basis=_short(said, "consumption_basis", 20, place),
            faults=faults_of(said),
        )


def _short(said: Mapping[str, str], name: str, length: int, place: str) -> str:
    if len(said[name]) > length:
        raise TariffRefused(f"{place}: {name} is longer than {length} characters")
    return said[name]


def _percent(said: Mapping[str, str], name: str, place: str) -> Decimal | None:
    if not said[name]:
        return None
    try:
        rate = Decimal(said[name])
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or not 0 <= rate < _LARGEST or rate != round(rate, 3):
        raise TariffRefused(
            f"{place}: {name} {said[name]!r} should be a percentage with at most three decimals, or empty"
        )
    return round(rate, 3)


def _consumption(said: Mapping[str, str], place: str) -> Decimal | None:
    """Consumption tax by value; empty beside a tax by quantity means none, empty for a heading not filled in: unknown."""
    rate = _percent(said, "consumption_pct", place)
    if said["consumption_basis"] == "todo":
        return None
    if rate is not None and rate >= 100:
        raise TariffRefused(f"{place}: consumption_pct {rate} should be below 100")
    return round(Decimal(0), 3) if rate is None and said["consumption_specific"] else rate


def faults_of(said: Mapping[str, str]) -> list[str]:
    """The faults a row of the file states of itself, as words of ``models.Fault``."""
    found = []
    if not said["duty_pct"]:
        found.append(Fault.NO_DUTY)
    elif re.search(r"\.\d{3}", said["duty_pct"]):
        found.append(Fault.DUTY_EQUIVALENT)
    if not said["vat_pct"]:
        found.append(Fault.NO_VAT)
    elif said["vat_basis"] == "rule":
        found.append(Fault.VAT_BY_RULE)
    elif said["vat_basis"] in ("heading", "subheading"):
        found.append(Fault.VAT_BY_NEIGHBOUR)
    taxed = said["consumption_specific"] or said["consumption_pct"] not in ("", "0")
    if said["consumption_basis"] == "todo" or not (said["consumption_pct"] or said["consumption_specific"]):
        found.append(Fault.NO_CONSUMPTION)
    elif taxed and said["consumption_basis"] == "rule":
        found.append(Fault.CONSUMPTION_BY_RULE)
    elif taxed and said["consumption_basis"] in ("heading", "subheading"):
        found.append(Fault.CONSUMPTION_BY_NEIGHBOUR)
    return [str(fault) for fault in found]
