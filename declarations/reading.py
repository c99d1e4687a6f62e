"""How one cell becomes a value: the small steps every field's `read` is made of (step 4 of the walk).

A cell may come from a sheet (text, number, date), from a form or from JSON. What is clearly meant is tidied and noted,
what is not is refused with a rule number; nothing is ever guessed. `notes` collects the numbers of the tidying rules.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from stdnum.cn import ric, uscc
from stdnum.exceptions import ValidationError as NumberRefused

from declarations.rulebook import RULES
from portal.calendar import SHANGHAI

LOST = "\ufffd"  # stands where a character could not be read
PLACEHOLDERS = frozenset({"空", "无", "/", "／", "-", "—"})  # untranslated: what clerks type, not what they read
AMOUNT = re.compile(r"[0-9]{1,14}(?:\.[0-9]{1,5})?").fullmatch
_FULL_TO_HALF = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_MIDDLE_DOTS = dict.fromkeys(map(ord, "•‧∙・･．.᛫⋅"), "·")
_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?")
_EXPONENT = re.compile(r"[+-]?(?:[0-9.]+e[+-]?[0-9]+|nan|inf(?:inity)?)", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?[0-9]+(?:,[0-9]+)+(?:\.[0-9]*)?")
_DAY = re.compile(
    r"([0-9]{4})(?:([0-9]{2})([0-9]{2})|([-/.年])([0-9]{1,2})[-/.月]([0-9]{1,2})日?)"  # untranslated: a pattern
)
_CLOCK = re.compile(r"(?:[T ]?([0-9]{2}):?([0-9]{2})(?::?([0-9]{2}))?)|(?:[T ]([0-9]):([0-9]{2})(?::([0-9]{2}))?)")
_CODE_86 = re.compile(r"(?:\+?86|0086)-?(1[0-9]{10})")
_PHONE = re.compile(r"\+?[0-9(][0-9()\-]{5,}(?:[转,#*x][0-9]{1,8})?")  # untranslated: a pattern
_MONTH_DAYS = frozenset(
    f"{month:02}{day:02}"
    for month, days in enumerate((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1)
    for day in range(1, days + 1)
)


class CutNumber(str):
    """The text of a numeric cell with 16 or more digits, of which the sheet kept only 15: always refused (S06)."""


def refuse(number: str, **params: Any) -> NoReturn:
    """Raise the ValidationError of a numbered rule; params must hold nothing personal."""
    raise ValidationError(str(RULES[number].text), code=number, params=params)


def refuse_code(text: str, by_name: Mapping[str, str]) -> NoReturn:
    """Refuse what is no code of a table, given its codes by name; with the code where a name of the table was meant.

    The text is repeated only where it is a name of the table or too short to be anything: what was pasted here by a slip
    of the column may be a person's name or number.
    """
    if text in by_name:
        refuse("S27", value=text, code=by_name[text])
    if text.isascii() and len(text) <= 6:
        refuse("S04", value=text)
    if 2 <= len(text) <= 20:
        begun = [name for name in by_name if len(name) > 1 and text.startswith(name)]
        longer = [name for name in by_name if name.startswith(text)]
        if begun or len(longer) == 1:
            near = max(begun, key=len) if begun else longer[0]
            refuse("S38", name=near, code=by_name[near])
    refuse("S37")


def is_blank(raw: Any) -> bool:
    """Whether a cell says nothing."""
    return raw is None or (isinstance(raw, str) and not raw.strip())


def as_text(raw: Any) -> str:
    """The text a cell shows; refuses numbers the sheet has cut (S06) and cells of another type (S25)."""
    if isinstance(raw, CutNumber):
        refuse("S06")
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        refuse("S25")
    if isinstance(raw, float | Decimal):
        if not _is_finite(raw):
            refuse("S14")
        if raw >= 10**15 or raw <= -(10**15):
            refuse("S06")
        if raw != int(raw):
            text = format(raw, "f") if isinstance(raw, Decimal) else repr(raw)
            return text if "e" not in text else refuse("S14")
        raw = int(raw)
    return str(raw) if abs(raw) < 10**15 else refuse("S06")


def _is_finite(raw: int | float | Decimal) -> bool:
    """Whether it is a number of a size to compute with; asked first, as a Decimal may trap or fill the memory."""
    if isinstance(raw, Decimal):
        return raw.is_finite() and int(raw.as_tuple().exponent) > -100
    return isinstance(raw, int) or isfinite(raw)


def tidied(text: str, notes: list[str]) -> str:
    """The text without outer blanks; special spaces become plain ones (S34), invisible characters are refused (S07)."""
    text = text.strip()
    if text.isprintable() and LOST not in text:
        return text
    out = []
    for place, char in enumerate(text, 1):
        category = unicodedata.category(char)
        if category == "Zs":
            out.append(" ")
        elif category in ("Cc", "Cf", "Cs", "Zl", "Zp") or ord(char) & 0xFFFE == 0xFFFE or char == LOST:
            refuse("S07", points=f"U+{ord(char):04X}", place=place)
        else:
            out.append(char)
    tidy = "".join(out)
    if tidy != text:
        notes.append("S34")
    return tidy


def halved(text: str, notes: list[str]) -> str:
    """Full-width letters, digits and signs as half-width ones (S31)."""
    half = text.translate(_FULL_TO_HALF).strip()
    if half != text:
        notes.append("S31")
    return half


def raised(text: str, notes: list[str]) -> str:
    """Lower-case letters as upper-case ones (S32)."""
    upper = text.upper()
    if upper != text:
        notes.append("S32")
    return upper


def as_decimal(raw: Any, notes: list[str]) -> Decimal:
    """A number of at most 14 digits before and 5 after the point, never negative; S09–S14 say what stands in the way.

    A float is taken as its shortest decimal spelling, or failing that as the 15 digits a sheet keeps.
    """
    if isinstance(raw, bool) or not isinstance(raw, str | int | float | Decimal):
        refuse("S09")
    if isinstance(raw, str):
        text = halved(tidied(raw, notes), notes)
    elif not _is_finite(raw):
        refuse("S14")
    elif raw >= 10**15 or raw <= -(10**15):
        refuse("S13", digits=14)
    elif isinstance(raw, float):
        text = repr(raw)
        if not AMOUNT(text):
            text = format(raw, ".15g")
    else:
        text = format(raw, "f")
    if AMOUNT(text):
        return Decimal(text)
    if _EXPONENT.fullmatch(text):
        refuse("S14")
    if _GROUPED.fullmatch(text):
        refuse("S10")
    found = _NUMBER.fullmatch(text)
    if not found:
        refuse("S09")
    sign, whole, places = found[1], found[2].lstrip("0") or "0", (found[3] or "").rstrip("0")
    if sign == "-" and (whole != "0" or places):
        refuse("S11")
    if len(whole) > 14:
        refuse("S13", digits=14)
    if len(places) > 5:
        refuse("S12", places=5)
    return Decimal(f"{whole}.{places}" if places else whole)


def quick_decimal(raw: Any) -> Decimal | None:
    """What `as_decimal` would give for a cell that needs no thought; None when it needs some."""
    kind = raw.__class__
    if kind is str:
        return amount_of(raw)
    if kind is float:
        return amount_of(repr(raw))
    return Decimal(raw) if kind is int and 0 <= raw < 10**14 else None


@lru_cache(maxsize=10_000)
def amount_of(text: str) -> Decimal | None:
    """The number of a plain amount; None where the text is anything else. The same few amounts come again and again."""
    return Decimal(text) if AMOUNT(text) else None


def as_day(raw: Any, notes: list[str]) -> date:
    """A calendar day: a date cell, or 20250601, 2025-06-01, 2025/6/1, 2025年6月1日."""
    if isinstance(raw, datetime):
        if (raw.hour, raw.minute, raw.second) != (0, 0, 0):
            refuse("S16")
        raw = raw.date()
    if isinstance(raw, date):
        return raw if 2000 <= raw.year <= 2099 else refuse("S18")
    found = _DAY.fullmatch(_digits(raw, notes, "S16"))
    return _day_of(found, "S16") if found else refuse("S16")


def as_moment(raw: Any, notes: list[str]) -> datetime:
    """A Beijing time to the second, aware; a time zone is accepted on a datetime, never in text (S17)."""
    if isinstance(raw, datetime):
        raw = raw.replace(tzinfo=SHANGHAI) if raw.tzinfo is None else raw.astimezone(UTC).astimezone(SHANGHAI)
        return raw.replace(microsecond=0) if 2000 <= raw.year <= 2099 else refuse("S18")
    text = _digits(raw, notes, "S17")
    found = _DAY.match(text)
    clock = _CLOCK.fullmatch(text, found.end()) if found else None
    if found is None or clock is None:
        refuse("S17")
    hour, minute, second = (int(part or 0) for part in (clock.groups()[:3] if clock[1] else clock.groups()[3:]))
    if hour > 23 or minute > 59 or second > 59:
        refuse("S17")
    day = _day_of(found, "S17")
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=SHANGHAI)


def _digits(raw: Any, notes: list[str], rule: str) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        refuse(rule)
    if isinstance(raw, CutNumber) or not isinstance(raw, str):
        raw = as_text(raw)
    return halved(tidied(raw, notes), notes)


def _day_of(found: re.Match[str], rule: str) -> date:
    year, month, day = int(found[1]), int(found[2] or found[5]), int(found[3] or found[6])
    try:
        value = date(year, month, day)
    except ValueError:
        refuse(rule)
    return value if 2000 <= year <= 2099 else refuse("S18")


def as_name(text: str, notes: list[str]) -> str:
    """A person's name: the many middle dots become one (S36), a stand-in for nothing is refused (S23)."""
    if text in PLACEHOLDERS:
        refuse("S23")
    if text.isascii():
        return text
    dotted = text.translate(_MIDDLE_DOTS)
    if dotted != text:
        notes.append("S36")
    return dotted


def as_identity(text: str, notes: list[str]) -> str:
    """A resident identity number: 18 characters, a real day of birth, the check character right."""
    text = raised(halved(text, notes), notes)
    if len(text) != 18 or not (text.isascii() and text[:17].isdigit() and (text[17].isdigit() or text[17] == "X")):
        refuse("S19", length=len(text))
    try:
        born = ric.get_birth_date(text)
    except NumberRefused:
        refuse("S21")
    if born.year < 1900 or born > datetime.now(SHANGHAI).date():
        refuse("S21")
    if ric.calc_check_digit(text) != text[17]:
        refuse("S20")
    return text


def is_identity(text: str) -> bool:
    """Whether a code is really a person's identity number; an enterprise's own credit code may look like one."""
    try:
        as_identity(text, [])
    except ValidationError:
        return False
    return not (text[0] == "9" and uscc.is_valid(text))


def quick_identity(text: str) -> bool:
    """Whether `as_identity` would return the text as it stands; False also where it needs the calendar."""
    return (
        len(text) == 18
        and text.isascii()
        and text[:17].isdigit()
        and "1900" <= text[6:10] <= "2020"
        and text[10:14] in _MONTH_DAYS
        and "0123456789X"[(1 - 2 * int(text[:17], 13)) % 11] == text[17]
    )


def as_phone(text: str, notes: list[str]) -> str:
    """A telephone number without blanks (S34) and without the country code before a mobile number (S35)."""
    text = halved(text, notes)
    plain = text.replace(" ", "")
    if plain != text:
        notes.append("S34")
    found = _CODE_86.fullmatch(plain)
    if found:
        notes.append("S35")
        plain = found[1]
    if not _PHONE.fullmatch(plain):
        refuse("S22")
    return plain
