"""Step 2 of the walk: rows of a sheet become documents as brought, columns found by their Chinese label.

Knows nothing of the cells' meaning: that is `shape.py`'s. What stands here is how a document lies in a sheet: one row
per line, the head repeated on each row or left blank after the first, rows of one document joined by `Kind.key`. The
workbook the clerk fills in is made in `template.py`.
"""

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from django.utils.translation import gettext_lazy as _
from xlsxwriter.utility import xl_col_to_name

from declarations.doors.template import (
    CODE_SHEET,
    EXAMPLE_SHEET,
    Column,
    columns_of,
    is_mandatory,
    template,
    workbook_of,
)
from declarations.kinds import Kind
from declarations.reading import CutNumber, is_blank
from declarations.shape import Entry, Problem
from portal import workbook
from portal.workbook import Marked, Sheet, WorkbookRefused

__all__ = ["Found", "Reading", "SheetRefused", "read_rows", "template", "workbook_of"]

HEADER_WITHIN = 5  # rows with content in which the header is looked for
PLAIN = frozenset({str, int, float})
OUR_SHEETS = frozenset({CODE_SHEET, EXAMPLE_SHEET})
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
        "doubled_columns": _("第 %(row)s 行的表头有重复的列：%(columns)s。请只保留一列后再上传。"),
        "unlabelled_column": _(
            "第 %(row)s 行 %(column)s 列有内容，但这一列没有表头。请补上列名，或清空这一列后再上传。"
        ),
        "header_only": _("“%(sheet)s”只有表头，没有数据。请从表头下一行起填写后再上传。"),
        "several_sheets": _(
            "工作簿里有几个工作表都有内容：“%(sheets)s”。请只保留要申报的一个，其余的删除、隐藏或另存为单独的文件。"
        ),
        "not_the_form": _("数据应填在“%(kind)s”工作表，而这份工作簿里只有“%(sheet)s”有内容。请填写后再上传。"),
    }


@dataclass(frozen=True)
class Found:
    """A column as found in a sheet: its letter, and the field it fills."""

    letter: str
    name: str
    line: bool


@dataclass
class Reading:
    """What a sheet says: documents in order of appearance, problems only a sheet can have, and where it stood."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    columns: list[Found] = field(default_factory=list)
    row_count: int = 0
    header_row: int = 0


def read_rows(kind: Kind, sheet: Sheet) -> Reading:
    """All documents of a sheet. Every row read belongs to exactly one entry, in its `rows`.

    Raises WorkbookRefused when the sheet cannot be read as one of this kind; nothing else, whatever it holds.
    """
    with sheet:
        if sheet.name in OUR_SHEETS:
            raise SheetRefused("not_the_form", kind=kind.label, sheet=sheet.name)
        if others := [name for name in sheet.others if name not in OUR_SHEETS]:
            raise SheetRefused("several_sheets", sheets="”“".join([sheet.name, *others]))
        rows = iter(sheet)
        first = list(islice(rows, HEADER_WITHIN))
        header = Header(kind, first)
        gathering = Gathering(kind, header)
        for number, cells in chain(first, rows):
            if number > header.row:
                gathering.take(number, cells)
    reading = gathering.finish()
    if not reading.entries:
        raise SheetRefused("header_only", sheet=sheet.name or kind.label)
    if "hidden_rows" in sheet.notices:
        reading.problems.append(Problem("X06", row=reading.entries[0].rows[0], kind=kind.slug))
    return reading


def plain_label(text: str) -> str:
    """A column name without what people add to it: marks, blanks, full-width forms, capital letters."""
    return DROPPED.sub("", unicodedata.normalize("NFKC", text)).casefold()


class Header:
    """The row of column names: found by the most names recognised, and checked to the last column."""

    def __init__(self, kind: Kind, first: list[tuple[int, list[Any]]]) -> None:
        """Finds it among the first rows; raises SheetRefused naming the columns that stand in the way."""
        self.kind = kind
        known = known_columns(kind)
        best: list[str] = []
        best_count = self.row = 0
        for number, cells in first:
            names = [cell if isinstance(cell, str) else "" for cell in cells]
            count = sum(plain_label(name) in known for name in names)
            if count > best_count:
                best, best_count, self.row = names, count, number
        self.width = len(best)
        if best_count < 2:
            wanted = [str(column.label) for column in columns_of(kind) if is_mandatory(kind, column)][:5]
            raise SheetRefused("no_header", rows=HEADER_WITHIN, kind=kind.label, columns="”“".join(wanted))
        self.heads: dict[str, int] = {}
        self.lines: dict[str, int] = {}
        self._place(best, known)
        self._check_mandatory()

    def _place(self, names: list[str], known: dict[str, list[Column]]) -> None:
        """Gives every named column its field; a name that head and line share is the head's first, then the line's."""
        unknown, doubled = [], []
        for index, name in enumerate(names):
            if not name.strip():
                continue
            candidates = known.get(plain_label(name))
            if not candidates:
                unknown.append((index, name))
                continue
            for column in candidates:
                taken = self.lines if column.line else self.heads
                if column.name not in taken:
                    taken[column.name] = index
                    break
            else:
                doubled.append(f"“{name.strip()}”（{xl_col_to_name(index)}）")
        if doubled:
            raise SheetRefused("doubled_columns", row=self.row, columns="、".join(doubled))
        if unknown:
            told = [self._told(index, name) for index, name in unknown[:10]]
            raise SheetRefused("unknown_columns", row=self.row, columns="、".join(told))

    def _told(self, index: int, name: str) -> str:
        """An unknown column with the nearest name still free."""
        free = [
            str(column.label)
            for column in columns_of(self.kind, clerk_only=False)
            if column.name not in (self.lines if column.line else self.heads)
        ]
        near = difflib.get_close_matches(name.strip()[:60], free, 1, 0.5)
        shown = name.strip() if len(name.strip()) <= 20 else name.strip()[:20] + "…"
        told = f"“{shown}”（{xl_col_to_name(index)}）"
        return told + str(_("，是不是“%(label)s”") % {"label": near[0]}) if near else told

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


def known_columns(kind: Kind) -> dict[str, list[Column]]:
    """Every spelling a column may have: label (with its group for lines), element name, field name."""
    known: dict[str, list[Column]] = {}
    for column in columns_of(kind, clerk_only=False):
        for spelling in dict.fromkeys(
            plain_label(text) for text in (str(column.label), str(column.field.label), column.field.tag, column.name)
        ):
            known.setdefault(spelling, []).append(column)
    return known


def picker(indexes: Sequence[int]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """The cells at some places of a row as a tuple, at the speed of C."""
    if len(indexes) == 1:
        return lambda row: (row[indexes[0]],)
    return itemgetter(*indexes) if indexes else lambda row: ()


class Gathering:
    """Joins rows into documents while they come."""

    def __init__(self, kind: Kind, header: Header) -> None:
        self.kind, self.header = kind, header
        self.reading = Reading(columns=header.found(), header_row=header.row)
        #: the sheet rows of each entry
        self.rows: list[list[int]] = []
        self.head_names, self.line_names = list(header.heads), list(header.lines)
        self.pick_head = picker(list(header.heads.values()))
        self.pick_line = picker(list(header.lines.values()))
        named = {*header.heads.values(), *header.lines.values()}
        self.unnamed = [index for index in range(header.width) if index not in named]
        self.key_places = [self.head_names.index(name) for name in kind.key if name in header.heads]
        self.number_place = self.head_names.index(kind.number if kind.number in kind.key else kind.order_no)
        #: entry index and head cells of the document the last row belonged to, and of every document by key
        self.index = -1
        self.head: tuple[Any, ...] = ()
        self.by_key: dict[tuple[str, ...], int] = {}

    def take(self, number: int, cells: list[Any]) -> None:
        """One row with content."""
        width = self.header.width
        if len(cells) < width:
            cells += [""] * (width - len(cells))
        elif len(cells) > width and any(cell != "" for cell in cells[width:]):
            self._refuse_unnamed(number, cells, range(width, len(cells)))
        if self.unnamed and any(cells[index] != "" for index in self.unnamed):
            self._refuse_unnamed(number, cells, self.unnamed)
        marked = []
        if not PLAIN.issuperset(map(type, cells)):
            marked = [(index, cell) for index, cell in enumerate(cells) if isinstance(cell, Marked)]
            for index, cell in marked:
                cells[index] = CutNumber(cell.shown) if isinstance(cell, workbook.CutNumber) else cell.shown or "="
        self.reading.row_count += 1
        head = self.pick_head(cells)
        if self.line_names:
            self._add_line(number, head, cells)
        else:
            self._begin(number, head)
        if marked:
            self._report(number, marked)

    def _refuse_unnamed(self, number: int, cells: list[Any], places: Sequence[int]) -> None:
        for index in places:
            if not isinstance(cells[index], str) or cells[index].strip():
                raise SheetRefused("unlabelled_column", row=number, column=xl_col_to_name(index))

    def _begin(self, number: int, head: tuple[Any, ...]) -> None:
        """A new document begins with this row."""
        self.index = len(self.reading.entries)
        self.head = head
        self.reading.entries.append(Entry(dict(zip(self.head_names, head, strict=True))))
        self.rows.append([number])

    def _add_line(self, number: int, head: tuple[Any, ...], cells: list[Any]) -> None:
        """A row of a kind with lines: goes to the document of its key, a new one where there is none."""
        line = dict(zip(self.line_names, self.pick_line(cells), strict=True))
        if self.index < 0 or head != self.head:
            index = self._document_of(head)
            if index is None:
                self._begin(number, head)
                self.by_key[self._key(head)] = self.index
                self.reading.entries[self.index].lines.append(line)
                return
            self.index = index
            self._compare(number, head)
        self.reading.entries[self.index].lines.append(line)
        self.rows[self.index].append(number)

    def _key(self, head: tuple[Any, ...]) -> tuple[str, ...]:
        return tuple([str(head[place]).strip() for place in self.key_places])

    def _document_of(self, head: tuple[Any, ...]) -> int | None:
        """The document a row with another head than the last one belongs to; None begins a new one.

        By key, wherever in the sheet it began. A row that leaves part of the key blank continues the document above
        when what it says agrees with it: the rest of the key, or without a number every head cell, or none at all.
        """
        key = self._key(head)
        numbered = bool(str(head[self.number_place]).strip())
        if numbered and key in self.by_key:
            return self.by_key[key]
        if self.index < 0 or all(key):
            return None
        above = self.reading.entries[self.index].head
        places = self.key_places if numbered else range(len(head))
        agrees = all(is_blank(head[place]) or same(above[self.head_names[place]], head[place]) for place in places)
        return self.index if agrees else None

    def _compare(self, number: int, head: tuple[Any, ...]) -> None:
        """Head cells of a later row: blank is well, new fills a blank, another value than before is a problem."""
        entry, agrees = self.reading.entries[self.index], True
        for name, cell in zip(self.head_names, head, strict=True):
            if is_blank(cell) or same(entry.head[name], cell):
                continue
            if is_blank(entry.head[name]):
                entry.head[name] = cell
            else:
                agrees = False
                self._problem("X01", name, None, number, first=self.rows[self.index][0])
        if agrees:
            self.head = head

    def finish(self) -> Reading:
        """What was gathered."""
        for entry, rows in zip(self.reading.entries, self.rows, strict=True):
            entry.rows = tuple(rows)
        return self.reading

    def _report(self, number: int, marked: list[tuple[int, Marked]]) -> None:
        """Names error values and formulas without result; cut numbers are found by the shape of the cell."""
        names = {index: (name, None) for name, index in self.header.heads.items()}
        place = len(self.reading.entries[self.index].lines) - 1
        lines = {index: (name, place) for name, index in self.header.lines.items()}
        for index, cell in marked:
            name, line = lines[index] if index in lines else names[index]
            if isinstance(cell, workbook.ErrorCell):
                self._problem("X04", name, line, number, shown=cell.shown)
            elif isinstance(cell, workbook.UncalculatedFormula):
                self._problem("X05", name, line, number)

    def _problem(self, rule: str, name: str, line: int | None, row: int, **params: Any) -> None:
        self.reading.problems.append(Problem(rule, name, line, row, params, kind=self.kind.slug))


def same(first: Any, second: Any) -> bool:
    """Whether two cells say the same; outer blanks, and whether a number is text, do not count."""
    return str(first).strip() == str(second).strip()
