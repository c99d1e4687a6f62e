"""What a Django developer would declare for the columns of the sheet: plain fields, and a form of one row.

The model of ``usual`` and the form of ``floors`` are made of these; the checks are those of the product's description
that Django has a ready way to say.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from stdnum.cn import ric
from stdnum.exceptions import ValidationError as NumberRefused

from declarations import published
from declarations.bench.sheet import KIND
from declarations.doors.template import Column, columns_of
from declarations.fields import Amount, Code, PersonalText, Text, Whole
from declarations.kinds import kind

ORDER = kind(KIND)
ITEM = "line_gnum"
FEN = Decimal("0.01")
PHONE = RegexValidator(r"^\+?[0-9(][0-9()\-]{5,}$")
HALFWIDTH = RegexValidator(r"^[!-~]+$")


def resident_number(value: str) -> None:
    """The check every developer of this trade writes, with the library's help."""
    try:
        ric.get_birth_date(value)
        good = len(value) == 18 and ric.calc_check_digit(value) == value[17]
    except NumberRefused:
        good = False
    if not good:
        raise ValidationError("not a resident identity number")


def name_of(column: Column) -> str:
    """The flat name of a column: a line's is told apart where the head has the same."""
    return f"line_{column.name}" if column.line else column.name


def plain_field(column: Column) -> "models.Field[Any, Any]":
    """The field a developer would declare for a column."""
    described: Any = column.field
    optional = not described.required
    if isinstance(described, Whole):
        return models.PositiveSmallIntegerField()
    if isinstance(described, Amount):
        return models.DecimalField(max_digits=19, decimal_places=5, validators=[MinValueValidator(0)])
    checks: list[Any] = []
    length, choices = described.longest, None
    if isinstance(described, Code) and described.codes:
        choices = list(published.codes(described.codes).items())
    elif isinstance(described, Code) and described.pattern:
        checks = [RegexValidator(f"^(?:{described.pattern})$")]
    elif isinstance(described, PersonalText) and described.mask == "number":
        checks = [resident_number]
    elif isinstance(described, PersonalText) and described.mask == "phone":
        checks = [PHONE]
    elif isinstance(described, Text) and described.halfwidth:
        checks = [HALFWIDTH]
    return models.CharField(max_length=length, blank=optional, validators=checks, choices=choices)


def columns(header: Sequence[str]) -> list[Column]:
    """The columns of the sheet in its order, by their labels."""
    known = {str(column.label): column for column in columns_of(ORDER, clerk_only=False)}
    return [known[label.removesuffix("*")] for label in header]


@cache
def form_class(names: tuple[str, ...]) -> type[forms.Form]:
    """A form of one row of the sheet: a field a column, and the sums a line must agree with."""
    by_name = {name_of(column): column for column in columns_of(ORDER, clerk_only=False)}
    fields = {name: plain_field(by_name[name]) for name in names}
    body: dict[str, Any] = {}
    for name, field in fields.items():
        body[name] = field.formfield()
        body[name].validators += [one for one in field.validators if one not in body[name].validators]

    def clean(self: forms.Form) -> dict[str, Any]:
        said = self.cleaned_data
        wanted = said["goods_value"] + said["freight"] + said["tax_total"] - said["discount"]
        if said["actual_paid"] != wanted:
            self.add_error("actual_paid", "not the sum")
        if abs(said["line_qty"] * said["line_price"] - said["line_total_price"]) > FEN:
            self.add_error("line_total_price", "not the product")
        return said

    return type("RowForm", (forms.Form,), body | {"clean": clean})
