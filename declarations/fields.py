"""Django fields that also know what customs, the clerk and the sheet need to know about them.

The bottom of the one description (`kinds/`): element name, label, note, example, who fills it, which code table. Form,
workbook, XML, lists and the row checker are derived from it. Everything Django does not need is dropped in
`deconstruct()`, which names Django's own class: rewording or renaming makes no migration, a length does.

`read(raw)` is the one validator of a cell. `quick(v, put)` gives Python source for the same thing where no thought is
needed; `shape.py` compiles it, and a property test holds the two equal.
"""

# What `take`, `quick` and `text_of` promise is said once, on Described.
# ruff: noqa: D102

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db import models
from django.utils.functional import Promise

from declarations import published, reading
from declarations.reading import LOST, PLACEHOLDERS, SHANGHAI, refuse
from portal import personal

Put = Callable[[object], str]
CLERK, OWN, SYSTEM, CUSTOMS = "clerk", "own", "system", "customs"


class Described(models.Field):
    """The description a field carries beside Django's own.

    tag: element name. note, example: for the clerk; examples are invented. listed (given as `column=`): shown on list
    pages. group: section of the form. given: who fills it (clerk, own = from the filer's record, system = the door,
    customs = an answer). codes: published code table. fixed: the only value allowed. name_of: the code field whose
    registered name fills this one when left blank. required: by the published table.
    """

    missing: Any = ""
    personal = False
    mask = ""
    wanted: str | Promise = ""
    plain_path = ""

    def __init__(
        self,
        label: str | Promise | None = None,
        *,
        tag: str = "",
        note: str | Promise = "",
        example: str = "",
        column: bool = False,
        group: str | Promise = "",
        given: str = CLERK,
        codes: str | None = None,
        fixed: Any = None,
        name_of: str = "",
        required: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self.tag, self.note, self.example, self.listed, self.group = tag, note, example, column, group
        self.given, self.codes, self.fixed, self.name_of = given, codes, fixed, name_of
        if required is False:
            kwargs["blank"] = True
            if self.missing is None:
                kwargs["null"] = True
        super().__init__(label, **kwargs)  # type: ignore[arg-type]
        self.required = not self.blank

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, _, args, kwargs = super().deconstruct()
        kwargs.pop("verbose_name", None)
        return name, self.plain_path, list(args), kwargs

    @property
    def label(self) -> str | Promise:
        """What the clerk calls it."""
        return self.verbose_name or ""

    def read(self, raw: Any, notes: list[str] | None = None) -> Any:
        """The clean value of a cell; ValidationError with the rule number as code and params for its text."""
        if reading.is_blank(raw):
            return refuse("S01") if self.required else self.missing
        if self.given == CUSTOMS:
            refuse("S26")
        value = self.take(raw, [] if notes is None else notes)
        if self.fixed is not None and value != self.fixed:
            refuse("S24", wanted=str(self.fixed))
        return value

    def take(self, raw: Any, notes: list[str]) -> Any:
        """The clean value of a cell that is not blank."""
        raise NotImplementedError

    def text_of(self, value: Any) -> str:
        """The text that stands in the message for a clean value; "" for a missing one."""
        return str(value)

    def sealed(self, value: Any) -> Any:
        """What the column takes for a clean value: itself, unless it is a person's."""
        return value

    def unsealed(self, value: Any) -> Any:
        """The clean value of what the column holds."""
        return value

    def quick(self, v: str, put: Put) -> tuple[str, str]:
        """Source of a condition on the variable `v`, and of the value when it holds; `put` names a constant."""
        raise NotImplementedError


class Text(Described, models.CharField):
    """Words. halfwidth: a number or mark, only visible half-width characters. named: may not be 空, 无 or /."""

    plain_path = "django.db.models.CharField"

    def __init__(
        self,
        label: str | Promise | None = None,
        max_length: int = 60,
        *,
        halfwidth: bool = False,
        named: bool = False,
        **kwargs: Any,
    ) -> None:
        self.halfwidth, self.named, self.longest = halfwidth, named, max_length
        super().__init__(label, max_length=max_length, **kwargs)

    def take(self, raw: Any, notes: list[str]) -> str:
        text = reading.tidied(reading.as_text(raw), notes)
        if self.halfwidth:
            text = reading.halved(text, notes)
            if not text.isascii() or " " in text:
                refuse("S08")
        if self.named and text in PLACEHOLDERS:
            refuse("S23")
        if len(text) > self.longest:
            refuse("S02", length=len(text), limit=self.longest)
        return text

    def quick(self, v: str, put: Put) -> tuple[str, str]:
        test = f"{v}.__class__ is str and 0 < len({v}) <= {self.longest} and {v}.isprintable() and {v}.strip() is {v}"
        test += f" and {LOST!r} not in {v}"
        if self.halfwidth:
            test += f' and {v}.isascii() and " " not in {v}'
        if self.named:
            test += f" and {v} not in {put(PLACEHOLDERS)}"
        if self.fixed is not None:
            test += f" and {v} == {self.fixed!r}"
        return test, v


class Code(Described, models.CharField):
    """A code: of a published table (`codes`), or of a pattern described in words (`wanted`).

    length is one number for codes of one length, a pair for codes between two lengths.
    """

    plain_path = "django.db.models.CharField"

    def __init__(
        self,
        label: str | Promise | None = None,
        length: int | tuple[int, int] = 0,
        *,
        pattern: str = "",
        wanted: str | Promise = "",
        max_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.shortest, self.longest = (length, length) if isinstance(length, int) else length
        self.longest = max_length or self.longest
        self.pattern, self.wanted = pattern, wanted
        self.matches = re.compile(pattern).fullmatch if pattern else None
        super().__init__(label, max_length=self.longest, **kwargs)

    @cached_property
    def table(self) -> frozenset[str]:
        """The codes of the published table; empty without one."""
        return frozenset(published.codes(self.codes)) if self.codes else frozenset()

    @cached_property
    def by_name(self) -> dict[str, str]:
        """The codes of the published table by their Chinese names, for the clerk who wrote the name."""
        return {name: code for code, name in published.codes(self.codes).items()} if self.codes else {}

    def take(self, raw: Any, notes: list[str]) -> str:
        text = reading.as_text(raw)
        if not isinstance(raw, str) and text.isdigit() and len(text) < self.shortest:
            text = text.zfill(self.shortest)
            notes.append("S33")
        text = reading.raised(reading.halved(reading.tidied(text, notes), notes), notes)
        if reading.is_identity(text):
            refuse("S28")
        if self.codes and text not in self.table:
            reading.refuse_code(text, self.by_name)
        if not self.shortest <= len(text) <= self.longest:
            if self.shortest == self.longest:
                refuse("S03", length=len(text), wanted=self.shortest)
            refuse("S02", length=len(text), limit=self.longest)
        if self.matches and not self.matches(text):
            refuse("S05", wanted=str(self.wanted))
        if not text.isascii() or not text.isprintable() or " " in text:
            refuse("S08")
        return text

    def quick(self, v: str, put: Put) -> tuple[str, str]:
        if self.fixed is not None:
            return f"{v}.__class__ is str and {v} == {self.fixed!r}", v
        test = f"{v}.__class__ is str"
        if self.codes:
            good = frozenset(
                code
                for code in self.table
                if self.shortest <= len(code) <= self.longest
                and (not self.matches or self.matches(code))
                and code.isascii()
                and code == code.strip().upper()
            )
            return f"{test} and {v} in {put(good)}", v
        if self.longest >= 18:  # a person's identity number is told apart by `take`
            test += f" and not (len({v}) == 18 and {v}[:17].isdigit())"
        if self.matches:
            return f"{test} and {put(self.matches)}({v}) and {v}.isascii() and {v} == {v}.upper()", v
        return (
            f"{test} and {self.shortest or 1} <= len({v}) <= {self.longest} and {v}.isascii() and {v}.isprintable()"
            f' and " " not in {v} and {v} == {v}.upper()'
        ), v


class Amount(Described, models.DecimalField):
    """A number of 19 digits, 5 of them after the point, never negative."""

    missing = None
    plain_path = "django.db.models.DecimalField"

    def __init__(self, label: str | Promise | None = None, **kwargs: Any) -> None:
        super().__init__(label, **{"max_digits": 19, "decimal_places": 5, **kwargs})

    def take(self, raw: Any, notes: list[str]) -> Decimal:
        return reading.as_decimal(raw, notes)

    def text_of(self, value: Decimal | None) -> str:
        """Plain notation without trailing zeros."""
        if value is None:
            return ""
        text = str(value)
        if "E" in text:
            text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text

    def quick(self, v: str, put: Put) -> tuple[str, str]:
        number = f"{put(reading.amount_of)}({v}) if {v}.__class__ is str else {put(reading.quick_decimal)}({v})"
        return f"(_n := {number}) is not None", "_n"


class Money(Amount):
    """An amount in yuan."""


class Quantity(Amount):
    """A number of units, or a weight in kilograms."""


class Whole(Described, models.IntegerField):
    """A whole number from 1 up to the given number of digits."""

    missing = None
    plain_path = "django.db.models.IntegerField"

    def __init__(self, label: str | Promise | None = None, digits: int = 9, **kwargs: Any) -> None:
        self.digits, self.limit = digits, 10**digits - 1
        super().__init__(label, **kwargs)

    def take(self, raw: Any, notes: list[str]) -> int:
        value = reading.as_decimal(raw, notes)
        if value != int(value) or not 1 <= value <= self.limit:
            refuse("S15", limit=self.limit)
        return int(value)

    def text_of(self, value: int | None) -> str:
        return "" if value is None else str(value)

    def quick(self, v: str, put: Put) -> tuple[str, str]:
        test = f"{v}.__class__ is int and " + (
            f"1 <= {v} <= {self.limit}" if self.fixed is None else f"{v} == {self.fixed}"
        )
        return test, v


class Day(Described, models.DateField):
    """A calendar day; 8 digits on the wire."""

    missing = None
    plain_path = "django.db.models.DateField"

    def take(self, raw: Any, notes: list[str]) -> date:
        return reading.as_day(raw, notes)

    def text_of(self, value: date | None) -> str:
        return "" if value is None else f"{value:%Y%m%d}"

    def quick(self, v: str, put: Put) -> tuple[str, str]:
        return f"{v}.__class__ is {put(date)} and 2000 <= {v}.year <= 2099", v


class Moment(Described, models.DateTimeField):
    """A point in time to the second; 14 digits of Beijing time on the wire."""

    missing = None
    plain_path = "django.db.models.DateTimeField"

    def take(self, raw: Any, notes: list[str]) -> datetime:
        return reading.as_moment(raw, notes)

    def text_of(self, value: datetime | None) -> str:
        return "" if value is None else f"{value.astimezone(SHANGHAI):%Y%m%d%H%M%S}"

    def quick(self, v: str, put: Put) -> tuple[str, str]:
        return (
            f"{v}.__class__ is {put(datetime)} and {v}.tzinfo is {put(SHANGHAI)} and {v}.microsecond == 0"
            f" and 2000 <= {v}.year <= 2099"
        ), v


class PersonalText(Described, models.BinaryField):
    """A person's name, number, phone or address (`mask`): text in Python, sealed in the database.

    Found only by `exact`, which compares the keyed hash the sealed bytes begin with as a range, so that a plain index
    on the column serves it, under row-level security too. The seal is bound to table and column.
    """

    personal = True
    plain_path = "django.db.models.BinaryField"
    steps = {"name": reading.as_name, "number": reading.as_identity, "phone": reading.as_phone}

    def __init__(
        self, label: str | Promise | None = None, max_length: int | None = None, *, mask: str = "", **kwargs: Any
    ) -> None:
        self.mask, self.longest = mask, max_length or 0
        if kwargs.get("required") is False:
            kwargs["null"] = True
        super().__init__(label, **kwargs)

    @cached_property
    def seal_label(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"

    def take(self, raw: Any, notes: list[str]) -> str:
        text = reading.tidied(reading.as_text(raw), notes)
        if self.mask in self.steps:
            text = self.steps[self.mask](text, notes)
        if len(text) > self.longest:
            refuse("S02", length=len(text), limit=self.longest)
        return text

    def quick(self, v: str, put: Put) -> tuple[str, str]:
        test = f"{v}.__class__ is str and 0 < len({v}) <= {self.longest}"
        if self.mask == "name":
            return f"{test} and {v}.isalpha() and {v} not in {put(PLACEHOLDERS)}", v
        if self.mask == "number":
            return f"{test} and {put(reading.quick_identity)}({v})", v
        if self.mask == "phone":
            return f"{test} and 7 <= len({v}) <= 12 and {v}.isascii() and {v}.isdigit()", v
        return f"{test} and {v}.isprintable() and {v}.strip() is {v} and {LOST!r} not in {v}", v

    def sealed(self, value: str) -> bytes | None:
        """The bytes of the column for a clean value; None for a missing one."""
        return personal.seal(value, self.seal_label) if value else None

    def masked(self, value: str) -> str:
        """What may be shown of a value."""
        return personal.MASKS[self.mask](value) if value else ""

    def unsealed(self, value: Any) -> str:
        return personal.open_sealed(value, self.seal_label) if value is not None else ""

    def from_db_value(self, value: Any, expression: object, connection: object) -> str:
        return self.unsealed(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return self.sealed(value) if isinstance(value, str) else value or None

    def to_python(self, value: Any) -> Any:
        return value

    def get_default(self) -> str:
        return ""

    def get_lookup(self, lookup_name: str) -> Any:
        """Only `exact` and `isnull` have a meaning on sealed bytes."""
        return super().get_lookup(lookup_name) if lookup_name in ("exact", "isnull") else None


@PersonalText.register_lookup
class SameHash(models.Lookup):
    """`exact` on sealed bytes: those that begin with the keyed hash of the text."""

    lookup_name = "exact"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        first = personal.keyed_hash(str(self.rhs))
        after = (int.from_bytes(first) + 1).to_bytes(len(first) + 1)[1:] if first != b"\xff" * len(first) else first * 2
        return f"({column} >= %s AND {column} < %s)", (*params, first, *params, after)
