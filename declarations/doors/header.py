"""Step 2 of the walk: the header of a sheet, found among its first rows and checked to the last column.

Its refusals, and those of `excel.py`, are kept in the clear, so nothing of the sheet is repeated in them, be it the text
of a header or the name of a sheet: where the first row holds data, that is a person's.
"""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.translation import gettext_lazy as _
from xlsxwriter.utility import xl_col_to_name

from declarations.doors.template import OF_THE_CHECK, Column, columns_of, is_mandatory
from declarations.kinds import KINDS, Kind
from portal.workbook import WorkbookRefused

HEADER_WITHIN = 5  # rows with content in which the header is looked for
MOST_TOLD = 10  # columns named in one refusal
#: So much of a cell is looked at for a column name.
LONGEST_NAME = 200
DROPPED = re.compile(r"[\s*_\-·:：﹡]+|\((?:必填|选填|可不填)\)")  # untranslated: headers are Chinese


class SheetRefused(WorkbookRefused):
    """A workbook that opens but whose sheet is not one of this kind's; `reason` names place and cure."""

    reasons = {
        "no_header": _(
            "前 %(rows)s 行里没有找到%(kind)s的表头。表头应含“%(columns)s”等列名；请下载%(kind)s模板，把数据填在模板里。"
        ),
        "missing_columns": _(
            "第 %(row)s 行的表头缺少必填列：“%(columns)s”。请补上这些列（列名与%(kind)s模板一致）后再上传。"
        ),
        "unknown_columns": _("第 %(row)s 行的表头有不认识的列：%(columns)s。请改正列名，或删去模板以外的列后再上传。"),
        "doubled_columns": _("第 %(row)s 行的表头有重复的列：%(columns)s。请每种只保留一列后再上传。"),
        "another_kind": _(
            "这是%(other)s的工作簿。请到“%(others)s → 导入”上传；要申报%(kind)s，请下载%(kind)s模板，把数据填在模板里。"
        ),
        "unlabelled_column": _(
            "第 %(row)s 行 %(column)s 列有内容，但这一列没有表头。请补上列名，或清空这一列后再上传。"
        ),
        "header_only": _("工作表里只有表头，没有数据。请从表头下一行起填写后再上传。"),
        "several_sheets": _(
            "工作簿里有 %(count)s 个工作表都有内容（左起第 %(tabs)s 个）。"
            "请只保留要申报的一个，其余的删除、隐藏或另存为单独的文件。"
        ),
        "not_the_form": _("数据应填在“%(kind)s”工作表，而这份工作簿里只有“%(sheet)s”有内容。请填写后再上传。"),
    }


@dataclass(frozen=True)
class Found:
    """A column as found in a sheet: its letter, and the field it fills."""

    letter: str
    name: str
    line: bool


def plain_label(text: str) -> str:
    """A column name without what people add to it: marks, blanks, full-width forms, capital letters.

    What is longer than any name is cut: bringing order into many marks takes ever longer.
    """
    return DROPPED.sub("", unicodedata.normalize("NFKC", text[:LONGEST_NAME])).casefold()


class Header:
    """The row of column names: found by the most names recognised, and checked to the last column."""

    def __init__(self, kind: Kind, first: list[tuple[int, list[Any]]]) -> None:
        """Finds it among the first rows; raises SheetRefused naming the columns that stand in the way."""
        self.kind = kind
        rows = [(number, [cell if isinstance(cell, str) else "" for cell in cells]) for number, cells in first]
        known = known_columns(kind)
        count, self.row, names = header_among(rows, known)
        refuse_another_kind(kind, rows, count)
        self.width = len(names)
        if count < 2:
            wanted = [str(column.label) for column in columns_of(kind) if is_mandatory(kind, column)][:5]
            raise SheetRefused("no_header", rows=HEADER_WITHIN, kind=kind.label, columns="”“".join(wanted))
        self.heads: dict[str, int] = {}
        self.lines: dict[str, int] = {}
        self.passed_over: set[int] = set()
        self._place(names, known)
        self._check_mandatory()

    def _place(self, names: list[str], known: dict[str, list[Column]]) -> None:
        """Gives every named column its field; a name that head and line share is the head's first, then the line's."""
        unknown: list[int] = []
        doubled: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            if not name.strip():
                continue
            if plain_label(name) in OF_THE_CHECK:
                self.passed_over.add(index)
                continue
            candidates = known.get(plain_label(name))
            if not candidates:
                unknown.append(index)
                continue
            for column in candidates:
                taken = self.lines if column.line else self.heads
                if column.name not in taken:
                    taken[column.name] = index
                    break
            else:
                first = [(self.lines if column.line else self.heads)[column.name] for column in candidates]
                doubled.setdefault(str(candidates[0].label), first).append(index)
        if doubled:
            told = [doubled_column(label, places) for label, places in list(doubled.items())[:MOST_TOLD]]
            raise SheetRefused("doubled_columns", row=self.row, columns="、".join(told))
        if unknown:
            told = [self._told(index, names[index]) for index in unknown[:MOST_TOLD]]
            raise SheetRefused("unknown_columns", row=self.row, columns="、".join(told))

    def _told(self, index: int, name: str) -> str:
        """An unknown column by its letter, with the nearest name still free; its own text may be a person's."""
        free = [
            str(column.label)
            for column in columns_of(self.kind, clerk_only=False)
            if column.name not in (self.lines if column.line else self.heads)
        ]
        near = difflib.get_close_matches(name.strip()[:60], free, 1, 0.5)
        words = {"letter": xl_col_to_name(index), "label": near[0] if near else ""}
        return str(_("%(letter)s 列（是不是“%(label)s”）") if near else _("%(letter)s 列")) % words

    def _check_mandatory(self) -> None:
        missing = [
            str(column.label)
            for column in columns_of(self.kind)
            if is_mandatory(self.kind, column) and column.name not in (self.lines if column.line else self.heads)
        ]
        if missing:
            raise SheetRefused("missing_columns", row=self.row, kind=self.kind.label, columns="”“".join(missing))

    def found(self) -> list[Found]:
        """The columns by place in the sheet."""
        placed = [(index, name, False) for name, index in self.heads.items()]
        placed += [(index, name, True) for name, index in self.lines.items()]
        return [Found(xl_col_to_name(index), name, line) for index, name, line in sorted(placed)]


def doubled_column(label: str, places: Sequence[int]) -> str:
    """A column that stands there more than once, with all its letters."""
    letters = ", ".join(xl_col_to_name(index) for index in sorted(places)[:MOST_TOLD])
    return str(_("“%(label)s”（%(letters)s 列）")) % {"label": label, "letters": letters}


def header_among(rows: list[tuple[int, list[str]]], known: dict[str, list[Column]]) -> tuple[int, int, list[str]]:
    """The row with the most names of columns: how many, its number, its cells; (0, 0, []) where there are none."""
    counted = [(sum(plain_label(name) in known for name in names), number, names) for number, names in rows]
    best = max(counted, key=lambda row: row[0], default=(0, 0, []))
    return best if best[0] else (0, 0, [])


def refuse_another_kind(kind: Kind, rows: list[tuple[int, list[str]]], count: int) -> None:
    """Raises SheetRefused when another kind knows more of the names, and knows them for its own mandatory ones."""
    for other in KINDS:
        known = known_columns(other)
        found, _number, names = header_among(rows, known)
        if other is kind or found <= count:
            continue
        columns = {column.name for name in names for column in known.get(plain_label(name), ())}
        wanted = [column.name for column in columns_of(other) if is_mandatory(other, column)]
        if 2 * sum(name in columns for name in wanted) > len(wanted):
            raise SheetRefused("another_kind", other=other.label, others=other.many, kind=kind.label)


@cache
def known_columns(kind: Kind) -> dict[str, list[Column]]:
    """Every spelling a column may have: label (with its group for lines), element name, field name."""
    known: dict[str, list[Column]] = {}
    for column in columns_of(kind, clerk_only=False):
        for spelling in dict.fromkeys(
            plain_label(text) for text in (str(column.label), str(column.field.label), column.field.tag, column.name)
        ):
            known.setdefault(spelling, []).append(column)
    return known
