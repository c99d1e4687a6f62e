"""The workbook a clerk fills in, made from the description of a kind: header, notes, code lists, an example.

Beside step 2 of the walk: `excel.py` reads what was laid out here. All labels are the Chinese ones, whatever language
the page has: they are what the reader finds the columns by.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import xlsxwriter
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from declarations import published
from declarations.fields import CLERK, Described
from declarations.kinds import PARTIES, Kind
from declarations.reading import SHANGHAI
from declarations.shape import Entry, Filer

SOURCE_LANGUAGE = "zh-hans"
EXAMPLE_SHEET = "填写示例"  # untranslated: the workbook is Chinese
CODE_SHEET = "代码表"  # untranslated: the workbook is Chinese
MARK = "*"
#: Columns of a workbook of failed rows (`failed_rows.py`) that say what was found; the reader passes them over.
OF_THE_CHECK = ("原行号", "错误原因", "规则")  # untranslated: the workbook is Chinese
FEW_CODES = 60  # up to here a list to choose from helps; longer ones are searched on the sheet of codes
LAST_ROW = 100_000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
PROPERTIES = {"created": datetime(2025, 1, 1)}  # noqa: DTZ001  the same kind gives the same bytes on every day


@dataclass(frozen=True)
class Column:
    """One column of a kind's sheet: a field of the head or of the line, under a label no other column has."""

    name: str
    field: Described
    line: bool
    label: str | Promise


@cache
def columns_of(kind: Kind, *, clerk_only: bool = True) -> tuple[Column, ...]:
    """Columns in published order, head before line; with `clerk_only=False` also those others fill in.

    A line's label that the head has too is preceded by the name of its group: 商品备注.
    """
    with translation.override(SOURCE_LANGUAGE):
        heads = [
            Column(name, one, False, str(one.label)) for name, one in zip(kind.head_names, kind.fields, strict=True)
        ]
        taken = {column.label for column in heads}
        lines = [
            Column(name, one, True, f"{one.group}{one.label}" if str(one.label) in taken else str(one.label))
            for name, one in zip(kind.line_names, kind.line_fields, strict=True)
        ]
    return tuple(column for column in (*heads, *lines) if not clerk_only or column.field.given == CLERK)


def is_mandatory(kind: Kind, column: Column, filer: Filer | None = None) -> bool:
    """Whether the clerk must fill the column in: required, and nothing the door could fill in for him.

    What the door fills in depends on the filer; without one it is whatever it could fill in for anybody.
    """
    if column.line:
        return column.field.required and not column.field.name_of
    filled = kind.own_codes(filer.types) if filer else {name for pair in kind.own for name in pair}
    return column.field.required and not column.field.name_of and column.name not in filled


@lru_cache(maxsize=64)
def template(kind: Kind, filer: Filer | None = None) -> bytes:
    """The empty workbook of a kind for a filer: the sheet to fill in, an example, and the code tables it needs."""
    return workbook_of(kind, (), with_help=True, filer=filer)


def workbook_of(kind: Kind, entries: Iterable[Entry], *, with_help: bool = False, filer: Filer | None = None) -> bytes:
    """Documents written into the layout of the template, the head repeated on every line; all cells are text.

    Columns a clerk does not fill in appear when an entry has them. Text that starts like a formula stays text.
    """
    entries = list(entries)
    said = {name for entry in entries for name, value in entry.head.items() if value not in (None, "")}
    said_of_lines = {
        name for entry in entries for line in entry.lines for name, value in line.items() if value not in (None, "")
    }
    columns = [
        column
        for column in columns_of(kind, clerk_only=False)
        if column.field.given == CLERK or column.name in (said_of_lines if column.line else said)
    ]
    out = io.BytesIO()
    with translation.override(SOURCE_LANGUAGE), xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties(PROPERTIES)
        paper = Paper(book, kind, columns, filer)
        sheet = paper.sheet(str(kind.label))
        paper.write(sheet, entries)
        if with_help:
            paper.comment(sheet)
            paper.write(paper.sheet(EXAMPLE_SHEET), [example(kind, filer)])
            paper.code_sheet(sheet)
    return out.getvalue()


def example(kind: Kind, filer: Filer | None = None) -> Entry:
    """A document of the examples the fields carry, which are one bonded trade with those of the other kinds: it can be filed.

    The enterprises are those of the demonstration; where the filer is another of its type, it stands there instead.
    """
    head = {column.name: column.field.example for column in columns_of(kind) if not column.line}
    if filer:
        own = {
            head[code]: filer.customs_code for code, type_ in PARTIES.items() if code in head and type_ in filer.types
        }
        names = {kind.field(name).name_of: name for name in head}
        head |= {names[code]: filer.name for code in head if head[code] in own and code in names}
        head = {name: own.get(said, said) for name, said in head.items()}
    line = {column.name: column.field.example for column in columns_of(kind) if column.line}
    return Entry(head, [line] if kind.line else [], (2,))


def shown(value: Any) -> str:
    """A value as a clerk would type it."""
    if isinstance(value, datetime):
        local = value.astimezone(SHANGHAI) if value.tzinfo else value
        return f"{local:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, Decimal):
        return format(value, "f")
    return "" if value is None else str(value)


class Paper:
    """The sheets of one workbook being written."""

    def __init__(self, book: Any, kind: Kind, columns: Sequence[Column], filer: Filer | None = None) -> None:
        self.book, self.kind, self.columns, self.filer = book, kind, columns, filer
        frame = {"bold": True, "valign": "vcenter", "text_wrap": True, "border": 1, "border_color": "#C9D1DC"}
        self.plain_head = book.add_format({**frame, "bg_color": "#EEF2F8"})
        self.must_head = book.add_format({**frame, "bg_color": "#FFF1D6"})
        self.text = book.add_format({"num_format": "@"})
        self.guarded = book.add_format({"num_format": "@", "quote_prefix": True})

    def sheet(self, name: str) -> Worksheet:
        """A sheet with the header row; every column is text, so that Excel cuts no number."""
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        sheet.set_row(0, 32)
        sheet.set_column(0, max(len(self.columns) - 1, 0), 18, self.text)
        for place, column in enumerate(self.columns):
            must = is_mandatory(self.kind, column, self.filer)
            sheet.write_string(
                0, place, f"{column.label}{MARK if must else ''}", self.must_head if must else self.plain_head
            )
        return sheet

    def write(self, sheet: Worksheet, entries: Iterable[Entry]) -> None:
        """The rows of some documents."""
        number = 0
        for entry in entries:
            head = {name: shown(value) for name, value in entry.head.items()}
            for line in entry.lines or [{}]:
                number += 1
                for place, column in enumerate(self.columns):
                    cell = shown(line.get(column.name)) if column.line else head.get(column.name, "")
                    if cell:
                        guarded = cell.startswith(FORMULA_STARTS)
                        sheet.write_string(number, place, cell, self.guarded if guarded else self.text)

    def comment(self, sheet: Worksheet) -> None:
        """What to know about each column, at its header."""
        for place, column in enumerate(self.columns):
            parts = [
                _("必填") if is_mandatory(self.kind, column, self.filer) else _("可不填"),
                str(column.field.note),
                _("示例：%(example)s") % {"example": column.field.example} if column.field.example else "",
                _("报文元素：%(tag)s") % {"tag": column.field.tag},
            ]
            options = {"x_scale": 1.6, "font_size": 9, "author": ""}
            sheet.write_comment(0, place, "\n".join(part for part in parts if part), options)

    def code_sheet(self, sheet: Worksheet) -> None:
        """The code tables side by side; the short ones as lists to choose from in the columns that use them."""
        tables: dict[str, list[int]] = {}
        for place, column in enumerate(self.columns):
            if column.field.codes:
                tables.setdefault(column.field.codes, []).append(place)
        if not tables:
            return
        codes_sheet = self.book.add_worksheet(CODE_SHEET)
        codes_sheet.freeze_panes(1, 0)
        for number, (name, places) in enumerate(tables.items()):
            left = number * 3
            labels = dict.fromkeys(str(self.columns[place].label) for place in places)
            codes_sheet.write_string(0, left, "、".join(labels), self.plain_head)
            codes_sheet.write_string(0, left + 1, _("名称"), self.plain_head)
            codes_sheet.set_column(left, left, 14, self.text)
            codes_sheet.set_column(left + 1, left + 1, 28, self.text)
            table = published.codes(name)
            for row, (code, words) in enumerate(table.items(), 1):
                codes_sheet.write_string(row, left, code, self.text)
                codes_sheet.write_string(row, left + 1, words, self.text)
            if len(table) <= FEW_CODES:
                letter = xl_col_to_name(left)
                choice = f"='{CODE_SHEET}'!${letter}$2:${letter}${len(table) + 1}"
                for place in places:
                    offer(sheet, place, choice)


def offer(sheet: Worksheet, place: int, choice: str) -> None:
    """A list to choose from in one column; another value is allowed after a word of warning."""
    sheet.data_validation(
        1,
        place,
        LAST_ROW,
        place,
        {
            "validate": "list",
            "source": choice,
            "error_type": "warning",
            "error_title": _("代码表"),
            "error_message": _("不在代码表内，请核对。"),
        },
    )
