"""Which sheet of a workbook to read, and what its XML says that the reading library would not tell us.

The second step of `portal/sheet_reader.py`: while the parts are unpacked and counted by `portal/sheet_guard.py`, the first
visible sheet that holds anything is found and searched. Knows nothing of Django: runs in the reading process.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from portal.sheet_guard import Package, Refused

MAX_ROW_XML = 8_000_000  # bytes of one row; honest ones are a few thousand
MAX_CELL_XML = 400_000  # bytes of one cell; 32,767 characters written the longest way
MAX_TAG_XML = 2_000  # bytes of the tag a cell starts with
MAX_MARKED = 20_000  # cells with an error or without a result, in one sheet


@dataclass
class FoundSheet:
    """The sheet to read: its place among all sheets, and what the search of its XML brought up."""

    index: int
    name: str
    #: row number (from 1) → column (from 0) → ("error", "#N/A") or ("formula", "")
    marked: dict[int, dict[int, tuple[str, str]]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    #: further visible sheets that hold something: place among the visible ones (from 1), name
    others: list[tuple[int, str]] = field(default_factory=list)
    #: its own place among the visible ones, from 1, as a person counts the tabs
    tab: int = 1


def find_sheet(package: Package, max_rows: int, max_columns: int) -> FoundSheet:
    """Unpacks every XML part once and returns the first visible sheet that holds a value, searched and within limits."""
    sheets = listed_sheets(package)
    found: FoundSheet | None = None
    others, tab = [], 0
    for index, name, part, visible in sheets:
        tab += visible
        if not visible or part not in package.parts:
            continue
        if found is None:
            search = SheetSearch(max_rows, max_columns)
            if search.run(package.chunks(part)):
                found = FoundSheet(
                    index,
                    name,
                    search.marked,
                    ["hidden_rows"] if search.hidden_rows else [],
                    tab=tab,
                )
        elif sum(bool(VALUE.search(chunk)) for chunk in package.chunks(part)):  # a sum: all of it is unpacked
            others.append((tab, name))
    searched = {part for _, _, part, visible in sheets if visible} | {
        "[content_types].xml",
        "xl/workbook.xml",
    }
    for name in package.parts:
        if name not in searched and name.endswith((".xml", ".rels", ".vml")):
            for _ in package.chunks(name):
                pass  # counted and searched on the way
    if found is None:
        raise Refused("hidden_only" if sheets and not any(sheet[3] for sheet in sheets) else "empty")
    found.others = others
    return found


def listed_sheets(package: Package) -> list[tuple[int, str, str, bool]]:
    """All sheets of the workbook in its order: place, name, part, whether a person sees it."""
    try:
        workbook = ElementTree.fromstring(package.small("xl/workbook.xml"))  # noqa: S314  (no DOCTYPE gets here)
        relations = ElementTree.fromstring(package.small("xl/_rels/workbook.xml.rels"))  # noqa: S314
    except (ElementTree.ParseError, ValueError) as error:
        raise Refused("damaged") from error
    targets = {
        relation.get("Id", ""): posixpath.normpath(posixpath.join("/xl", relation.get("Target", "")))[1:].lower()
        for relation in relations
        if relation.get("TargetMode") != "External"
    }
    sheets: list[tuple[int, str, str, bool]] = []
    for element in workbook.iter():
        if element.tag.rpartition("}")[2] == "sheet":
            relation = next((value for key, value in element.items() if key.endswith("}id")), "")
            part = targets.get(relation, "")
            visible = element.get("state", "visible") == "visible" and "/worksheets/" in f"/{part}"
            sheets.append((len(sheets), element.get("name", ""), part, visible))
    return sheets


def column_number(letters: str) -> int:
    """A → 0, Z → 25, AA → 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def columns_beyond(limit: int) -> bytes:
    """A pattern of the column letters past the limit, a number from 27 to 702 (the columns named by two letters)."""
    first, second = divmod(limit - 1, 26)
    patterns = ["[A-Z]{3}"]
    if first < 26:
        patterns.append(f"[{chr(65 + first)}-Z][A-Z]")
    if second < 25:
        patterns.append(f"{chr(64 + first)}[{chr(66 + second)}-Z]")
    return "|".join(patterns).encode()


# Every pattern is linear in the worst of files: one that begins with "<" never reads past the next "<", one that begins
# inside a tag reads a bounded part of it, and runs of blanks are taken whole or not at all (*+).
TAG = rb"<(?:\w{1,40}+:)?"
PLACE = re.compile(rb'\sr="([A-Z]{1,3})(\d{1,7})"')
IS_ERROR = re.compile(rb"""\st=["']e["']""")
VALUE = re.compile(TAG + rb"(?:v\b[^<>/]*>[^<]|is\b)")
SHOWN = re.compile(TAG + rb"v>([^<]{0,20})<")
HIDDEN_ROW = re.compile(TAG + rb'row\b[^<>]*\shidden="(?:1|true)"')
REST_OF_TAG = rb"[^<>/]{0,100}+>(?!</)"
AFTER_FORMULA = rb"\s*+(%(v)s\s*+/>|%(v)s>\s*+%(end)sv>)?+\s*+%(end)sc>"
#: The errors a spreadsheet program shows. Nothing else is repeated: it may be anything at all, a person's data too.
ERRORS = frozenset(
    ("#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!")
)
UNKNOWN_ERROR = "#ERROR!"


class SheetSearch:
    """Searches the XML of one sheet, as it is unpacked, for what the reader would not tell us.

    That is: values outside the limits (early, so that a huge sheet is refused in a moment), error values, and formulas
    that were never calculated. The search is for clear messages; safety rests on the limits of the process.
    """

    def __init__(self, max_rows: int, max_columns: int) -> None:
        self.max_rows, self.max_columns = max_rows, max_columns
        self.far_cell = re.compile(rb' r="[A-Z]{1,3}(\d{%d,7})"' % len(str(max_rows)) + REST_OF_TAG)
        self.far_column = re.compile(rb' r="(?:' + columns_beyond(max_columns) + rb')\d{1,7}"' + REST_OF_TAG)
        self.prefix = self.closing = b""  # how tags of this sheet start and end: "<", or "<x:" as some programs write
        self.far_row = self.far_cell
        self.uncalculated: list[re.Pattern[bytes]] = []
        self.marked: dict[int, dict[int, tuple[str, str]]] = {}
        self.mark_count = 0
        self.hidden_rows = False
        self.has_values = False

    def run(self, chunks: Iterator[bytes]) -> bool:
        """Searches all of it in pieces of whole rows; true when the sheet holds anything."""
        rest = b""
        for chunk in chunks:
            piece = rest + chunk
            if not self.prefix:
                self.learn_prefix(piece)
            cut = max(piece.rfind(self.prefix + b"row"), 0)
            self.look(piece[:cut])
            rest = piece[cut:]
            if len(rest) > MAX_ROW_XML:
                raise Refused("too_large")
        self.look(rest)
        return self.has_values

    def learn_prefix(self, start: bytes) -> None:
        """Finds how this sheet spells its tags, so that they can be searched for as plain bytes, which is quick."""
        root = re.search(rb"<(\w{1,40}+:)?worksheet\b", start)
        name = (root and root.group(1)) or b""
        self.prefix, self.closing = b"<" + name, b"</" + name
        self.far_row = re.compile(re.escape(self.prefix) + rb'row [^<>]*?r="\d{%d,7}"' % len(str(self.max_rows)))
        after = AFTER_FORMULA % {b"v": re.escape(self.prefix + b"v"), b"end": re.escape(self.closing)}
        formula = re.escape(self.prefix) + rb"f\b[^<>]*/>"
        self.uncalculated = [re.compile(start + after) for start in (re.escape(self.closing) + rb"f>", formula)]

    def look(self, piece: bytes) -> None:
        """Searches some whole rows."""
        if not self.has_values and VALUE.search(piece):
            self.has_values = True
        if self.far_row.search(piece):  # few and quick: only then are single cells looked at
            for match in self.far_cell.finditer(piece):
                if int(match.group(1)) > self.max_rows:
                    raise Refused("too_many_rows", limit=self.max_rows)
        if self.far_column.search(piece):
            raise Refused("too_many_columns", limit=self.max_columns)
        if not self.hidden_rows and b'hidden="' in piece and HIDDEN_ROW.search(piece):
            self.hidden_rows = True
        for sign in (b't="e"', b"t='e'"):
            self.look_for_errors(piece, sign)
        if self.prefix + b"f" in piece:
            for pattern in self.uncalculated:
                self.look_for_formulas(piece, pattern)

    def look_for_errors(self, piece: bytes, sign: bytes) -> None:
        """Marks the cells that show an error; every byte is passed once, whatever the piece holds."""
        done = 0
        while (at := piece.find(sign, done)) >= 0:
            start = self.cell_before(piece, done, at)
            done = at + len(sign)
            if start < 0:
                continue
            tag = piece[start : start + MAX_TAG_XML].partition(b">")[0]
            if start + len(tag) < at or tag.endswith(b"/"):  # the sign is text, or the cell is blank
                continue
            end = piece.find(self.closing + b"c>", start, start + MAX_CELL_XML)
            if end < 0:
                raise Refused("damaged")
            done = max(done, end)
            if IS_ERROR.search(tag):
                found = SHOWN.search(piece[start:end])
                shown = found.group(1).decode("ascii", "replace") if found else "#N/A"
                self.mark(tag, ("error", shown if shown in ERRORS else UNKNOWN_ERROR))

    def look_for_formulas(self, piece: bytes, pattern: re.Pattern[bytes]) -> None:
        """Marks the cells whose formula has no result."""
        done = 0
        for match in pattern.finditer(piece):
            start = self.cell_before(piece, done, match.start())
            done = match.end()
            if start < 0:
                continue
            if done - start > MAX_CELL_XML:
                raise Refused("damaged")
            tag = piece[start : start + MAX_TAG_XML].partition(b">")[0]
            if not (match.group(1) and b't="str"' in tag):  # a calculated empty text is an answer
                self.mark(tag, ("formula", ""))

    def cell_before(self, piece: bytes, start: int, end: int) -> int:
        """Where the last cell before `end` begins, not before `start`; -1 when none does."""
        at = piece.rfind(self.prefix + b"c", start, end)
        return at if at >= 0 and piece[at + len(self.prefix) + 1 : at + len(self.prefix) + 2] in b" >\t\r\n" else -1

    def mark(self, tag: bytes, what: tuple[str, str]) -> None:
        """Notes a cell the reader would show as blank."""
        place = PLACE.search(tag)
        self.mark_count += 1
        if place is None or self.mark_count > MAX_MARKED:
            raise Refused("formulas")
        row, column = int(place.group(2)), column_number(place.group(1).decode())
        if row > self.max_rows:
            raise Refused("too_many_rows", limit=self.max_rows)
        if column >= self.max_columns:
            raise Refused("too_many_columns", limit=self.max_columns)
        self.has_values = True
        self.marked.setdefault(row, {})[column] = what
