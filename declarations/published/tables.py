"""Reads the published field and code tables; each file is read once per process."""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent


class Row(NamedTuple):
    """One row of a published field table: an element, an attribute (`@…`) or a structural node of a message.

    `group` is the path of the parent from the root. `type` is C (text), N (decimal), int, complex, any or an
    xs: type of the envelope. `length` is spelled as published: `36` exactly, `1..60`, `..60`, `19,5` total and
    fraction digits, for int the number of digits.
    """

    group: str
    field: str
    name_zh: str
    type: str
    length: str
    occurs: str
    required: bool
    fixed: str

    @property
    def bounds(self) -> tuple[int, int | None]:
        """Least and greatest number of characters of a text; None where the table sets no upper limit."""
        if not self.length:
            return 0, None
        low, dots, high = self.length.partition("..")
        if not dots:
            return int(low), int(low)
        return int(low or 0), int(high)

    @property
    def digits(self) -> tuple[int, int]:
        """Total and fraction digits of a number."""
        total, _, fraction = self.length.partition(",")
        return int(total), int(fraction or 0)

    @property
    def times(self) -> tuple[int, int | None]:
        """How often the element occurs: least and most; None where the table sets no upper limit (`1..n`)."""
        if self.occurs:
            low, _, high = self.occurs.partition("..")
            return int(low), None if high == "n" else int(high)
        return (1 if self.required else 0), 1


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def rows(message: str) -> tuple[Row, ...]:
    """The field table of a message, in schema order: "CEB311Message", "DxpMsg", or "_common" for the shared parts.

    Raises KeyError when no such table is kept.
    """
    path = FOLDER / "fields" / f"{message.removesuffix('Message')}.csv"
    if not path.is_file():
        raise KeyError(message)
    return tuple(Row(**{**row, "required": row["required"] == "Y"}) for row in _read(path))  # type: ignore[arg-type]


@cache
def codes(name: str) -> dict[str, str]:
    """A published code table as code → Chinese name. Raises KeyError when no such table is kept.

    Tables: units, countries, currencies, districts, divisions, wrap_types, transport_modes, trade_modes,
    return_status, customs_codes, platform_errors. The dictionary is shared: read it, do not change it.
    """
    path = FOLDER / "codes" / f"{name}.csv"
    if not path.is_file():
        raise KeyError(name)
    return {row["code"]: row["name_zh"] for row in _read(path)}


def tariff() -> list[dict[str, str]]:
    """The tariff of 2019, a row per 10-digit code, in order of the codes; README.md says what each column means.

    Read anew at every call: who needs it often keeps a copy where it can be looked up.
    """
    return _read(FOLDER / "tariff.csv")


@cache
def messages() -> tuple[str, ...]:
    """The root names of all messages whose tables are kept, CEB900Message among them, without the envelope."""
    return tuple(sorted(f"{path.stem}Message" for path in (FOLDER / "fields").glob("CEB*.csv")))
