"""The rows of a workbook that were not filed, as a workbook with what is wrong beside them (after step 4 of the walk).

Cells are text as they were read, the wrong ones coloured; the clerk corrects them and uploads this very file: the reader
passes the columns over that say what was found (`header.py`). A cell whose content is known to be lost is left so that it
is found wrong again, never so that it would pass.
"""

import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

import xlsxwriter
from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext as _
from xlsxwriter.worksheet import Worksheet

from declarations.doors import staging
from declarations.doors.template import (
    FORMULA_STARTS,
    OF_THE_CHECK,
    PROPERTIES,
    SOURCE_LANGUAGE,
    Column,
    columns_of,
)
from declarations.doors.template import shown as as_typed
from declarations.fields import CLERK, Amount
from declarations.kinds import kind as kind_of
from declarations.models import Upload, UploadRow
from declarations.reading import is_blank
from declarations.rulebook import ERROR
from declarations.shape import Problem

#: What the sheet showed in such a cell is not what it held: Excel cut the number, or rows of one document disagree.
LOST = frozenset({"S06"})
UNSURE = frozenset({"X01", "X07"})
NO_ANSWER = "？"
_AT_A_TIME = 500


class Row(NamedTuple):
    """A row of the sheet: its number there, its cells as text in the order of the columns, and the places of wrong ones."""

    number: int
    cells: list[str]
    errors: list[Problem]
    wrong: frozenset[int]


def workbook(upload: Upload) -> bytes:
    """Every row of every document of the upload that has an error, in the order of the sheet."""
    kind = kind_of(upload.kind)
    said = _said(upload)
    columns = [
        column
        for column in columns_of(kind, clerk_only=False)
        if column.field.given == CLERK or (column.line, column.name) in said
    ]
    out = io.BytesIO()
    with translation.override(SOURCE_LANGUAGE), xlsxwriter.Workbook(out, {"constant_memory": True}) as book:
        book.set_properties(PROPERTIES)
        sheet = book.add_worksheet(str(kind.label))
        paper = _Paper(book, sheet, columns)
        for number, row in enumerate(_rows(upload, columns), 1):
            paper.write(number, row)
    return out.getvalue()


def _failed(upload: Upload) -> Iterator[tuple[UploadRow, dict[str, dict[str, Any]]]]:
    """The rows of documents with an error with their cells, those of one document together."""
    failed = UploadRow.objects.filter(enterprise_id=upload.enterprise_id, upload_id=upload.pk, level=ERROR)
    rows = failed.order_by("document_index", "row").iterator(chunk_size=_AT_A_TIME)
    while some := list(islice(rows, _AT_A_TIME)):
        yield from zip(some, staging.cells_of(some), strict=True)


def _said(upload: Upload) -> frozenset[tuple[bool, str]]:
    """The columns in which any of these rows says something, by whether they are a line's and by name."""
    said = set()
    for _row, cells in _failed(upload):
        for part in ("head", "line"):
            said |= {(part == "line", name) for name, value in (cells.get(part) or {}).items() if not is_blank(value)}
    return frozenset(said)


def _rows(upload: Upload, columns: Sequence[Column]) -> Iterator[Row]:
    """Each row with its cells as text; a head stands at its first row alone, as the reader takes it.

    A later row that contradicts it says so again, beside the key that joins the two.
    """
    keys = kind_of(upload.kind).key
    head: dict[str, Any] = {}
    places = {(column.line, column.name): place for place, column in enumerate(columns)}
    for row, said in _failed(upload):
        head = said.get("head") or head
        own_head, line = said.get("head") or {}, said.get("line") or {}
        errors = [Problem.from_json(one) for one in row.problems if one["level"] == ERROR]
        at = [(problem.rule, places.get((problem.line is not None, problem.field))) for problem in errors]
        unsure = {place for rule, place in at if rule in UNSURE}
        if unsure:
            own_head = {name: head.get(name) for name in keys} | own_head
        cells = [_text(column, (line if column.line else own_head).get(column.name)) for column in columns]
        for rule, place in at:
            if place is not None and rule in UNSURE | LOST:
                cells[place] = NO_ANSWER if place in unsure else ""
        yield Row(row.row, cells, errors, frozenset(place for _rule, place in at if place is not None))


def _text(column: Column, raw: Any) -> str:
    """A cell as a clerk would type it. A number where a code belongs is written as the code it was read as: 0012, not 12."""
    if isinstance(raw, int | float | Decimal) and not isinstance(column.field, Amount):
        try:
            raw = column.field.read(raw, [])
        except ValidationError:
            raw = int(raw) if isinstance(raw, float) and raw.is_integer() else raw
    return as_typed(raw)


class _Paper:
    """The sheet being written, row after row: what was found at the left, then the columns of the template."""

    def __init__(self, book: Any, sheet: Worksheet, columns: list[Column]) -> None:
        self.sheet = sheet
        frame = {"bold": True, "valign": "vcenter", "text_wrap": True, "border": 1, "border_color": "#C9D1DC"}
        head, found = (
            book.add_format({**frame, "bg_color": "#EEF2F8"}),
            book.add_format({**frame, "bg_color": "#FBE3E4"}),
        )
        self.text = book.add_format({"num_format": "@"})
        red = {"bg_color": "#FBE3E4", "font_color": "#A1122A"}
        #: by whether the cell is wrong, and whether it begins like a formula
        self.forms = {
            (is_wrong, is_guarded): book.add_format(
                {"num_format": "@", **(red if is_wrong else {}), **({"quote_prefix": True} if is_guarded else {})}
            )
            for is_wrong in (False, True)
            for is_guarded in (False, True)
        }
        self.why = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        self.left = len(OF_THE_CHECK)
        sheet.freeze_panes(1, self.left)
        sheet.set_column(0, 0, 8, self.text)
        sheet.set_column(1, 1, 60, self.why)
        sheet.set_column(2, 2, 12, self.text)
        sheet.set_column(self.left, self.left + len(columns) - 1, 18, self.text)
        sheet.set_row(0, 32)
        for place, label in enumerate(OF_THE_CHECK):
            sheet.write_string(0, place, label, found)
        for place, column in enumerate(columns, self.left):
            sheet.write_string(0, place, str(column.label), head)

    def write(self, number: int, row: Row) -> None:
        """One row: where it stood, what is wrong and by which rule, and its cells, the wrong ones coloured."""
        self.sheet.write_string(number, 0, str(row.number), self.text)
        why = "\n".join(
            _("%(label)s：%(text)s") % {"label": one.label, "text": one.text} if one.label else one.text
            for one in row.errors
        )
        self.sheet.write_string(number, 1, why or _("同一单证的其他行有错"), self.why)
        self.sheet.write_string(number, 2, " ".join(dict.fromkeys(one.rule for one in row.errors)), self.text)
        for place, cell in enumerate(row.cells):
            is_wrong = place in row.wrong
            if cell:
                form = self.forms[is_wrong, cell.startswith(FORMULA_STARTS)]
                self.sheet.write_string(number, self.left + place, cell, form)
            elif is_wrong:
                self.sheet.write_blank(number, self.left + place, None, self.forms[True, False])
