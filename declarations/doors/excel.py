"""Step 2 of the walk: rows of a sheet become documents as brought, columns found by their Chinese label.

Knows nothing of the cells' meaning: that is `shape.py`'s. What stands here is how a document lies in a sheet: one row
per line, the head repeated on each row or left blank after the first, rows of one document joined by `Kind.key`. The
workbook the clerk fills in is made in `template.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from xlsxwriter.utility import xl_col_to_name

from declarations.doors.header import HEADER_WITHIN, Found, Header, SheetRefused
from declarations.doors.template import CODE_SHEET, EXAMPLE_SHEET, template, workbook_of
from declarations.kinds import Kind
from declarations.reading import CutNumber, is_blank
from declarations.shape import Entry, Problem
from portal import workbook
from portal.workbook import Marked, Sheet

__all__ = ["Found", "Reading", "SheetRefused", "read_rows", "template", "workbook_of"]

PLAIN = frozenset({str, int, float})
OUR_SHEETS = frozenset({CODE_SHEET, EXAMPLE_SHEET})


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
        if others := [tab for tab, name in sheet.others if name not in OUR_SHEETS]:
            tabs = ", ".join(map(str, [sheet.tab, *others[:9]]))
            raise SheetRefused("several_sheets", count=len(others) + 1, tabs=tabs)
        rows = iter(sheet)
        first = list(islice(rows, HEADER_WITHIN))
        header = Header(kind, first)
        gathering = Gathering(kind, header)
        for number, cells in chain(first, rows):
            if number > header.row:
                gathering.take(number, cells)
    reading = gathering.finish()
    if not reading.entries:
        raise SheetRefused("header_only")
    if "hidden_rows" in sheet.notices:
        reading.problems.append(Problem("X06", row=reading.entries[0].rows[0], kind=kind.slug))
    return reading


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
        named = {*header.heads.values(), *header.lines.values(), *header.passed_over}
        self.unnamed = [index for index in range(header.width) if index not in named]
        self.key_places = [self.head_names.index(name) for name in kind.key if name in header.heads]
        self.number_place = self.head_names.index(kind.number if kind.number in kind.key else kind.order_no)
        self.number_at = self.key_places.index(self.number_place) if kind.line else 0
        #: entry index of the document the last row belonged to; that row's head cells, its number, and the part of the
        #: key it left blank
        self.index = -1
        self.head: tuple[Any, ...] = ()
        self.number = self.unsaid = ""
        #: entry indexes: by key as written, by number, and by number of the document with part of its key unsaid
        self.by_key: dict[tuple[str, ...], int] = {}
        self.by_number: dict[str, list[int]] = {}
        self.incomplete: dict[str, int] = {}
        #: number → rows that left part of the key blank, and which
        self.unsure: dict[str, list[tuple[int, str]]] = {}

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
        if self.index >= 0 and head == self.head:
            self.rows[self.index].append(number)
        else:
            key = tuple([str(head[place]).strip() for place in self.key_places])
            index = self._document_of(key, head)
            if index is None:
                self._begin(number, head)
            else:
                self.index = index
                self._compare(number, head)
                self.rows[index].append(number)
            self._remember(key)
        if self.unsaid:
            self.unsure.setdefault(self.number, []).append((number, self.unsaid))
        self.reading.entries[self.index].lines.append(line)

    def _document_of(self, key: tuple[str, ...], head: tuple[Any, ...]) -> int | None:
        """The document a row with another head than the last one belongs to; None begins a new one.

        By key, wherever in the sheet it began; what the row leaves blank of the key is as in the other rows of its
        number, above or below. A row without a number continues the document above when it says nothing else.
        """
        if key in self.by_key and key[self.number_at]:
            return self.by_key[key]
        above = self._agreeing_above(head)
        if not key[self.number_at]:
            return above
        if same_number := self.by_number.get(key[self.number_at]):
            if not all(key):
                return self.index if self.index in same_number else same_number[-1]
            return self.incomplete.pop(key[self.number_at], None)
        return above if above is not None and self._lacks_number(above) else None

    def _agreeing_above(self, head: tuple[Any, ...]) -> int | None:
        """The document above, unless a head cell says something else than it does."""
        if self.index < 0:
            return None
        above = self.reading.entries[self.index].head
        cells = zip(self.head_names, head, strict=True)
        agrees = all(is_blank(cell) or is_blank(above[name]) or same(above[name], cell) for name, cell in cells)
        return self.index if agrees else None

    def _lacks_number(self, index: int) -> bool:
        """Whether a document has no number yet, but a head by which it is known again."""
        head = self.reading.entries[index].head
        return is_blank(head[self.head_names[self.number_place]]) and not all(map(is_blank, head.values()))

    def _remember(self, key: tuple[str, ...]) -> None:
        """Notes where the rows of this key go, and what it leaves unsaid."""
        self.number = key[self.number_at]
        self.unsaid = ""
        if not self.number:
            return
        indexes = self.by_number.setdefault(self.number, [])
        if key not in self.by_key:
            self.by_key[key] = self.index
            if not indexes or self.index > indexes[-1]:  # a new document
                indexes.append(self.index)
                if not all(key):
                    self.incomplete[self.number] = self.index
        if not all(key):
            self.unsaid = self.head_names[self.key_places[key.index("")]]

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
        self.head = head if agrees else ()

    def finish(self) -> Reading:
        """What was gathered."""
        self._report_unsure()
        for entry, rows in zip(self.reading.entries, self.rows, strict=True):
            entry.rows = tuple(rows)
        return self.reading

    def _report_unsure(self) -> None:
        """Rows that leave part of the key blank although several documents have their number: a problem of them all."""
        for number, rows in self.unsure.items():
            indexes = self.by_number[number]
            if len(indexes) < 2:
                continue
            first, name = rows[0]
            told = {row: (row, name) for row, name in rows}
            for index in indexes:
                told.setdefault(self.rows[index][0], (first, name))
            for row, (which, unsaid) in told.items():
                self._problem("X07", unsaid, None, row, which=which, columns=unsaid)

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
