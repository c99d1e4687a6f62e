"""The process that opens an uploaded sheet: guarded, then handed on row by row; run by `portal/workbook.py`, never imported by it.

Everything hostile in an upload is touched here and nowhere else: in a process of its own, with a memory and a
processor limit, without our settings, keys or environment. Bytes come in on standard input, marshalled frames go out
on standard output, each after its length in four bytes: `("sheet", name, notices, others, tab)`, any number of `("rows", numbers, rows, marks)`, `("end",)`;
or `("refused", code, params)` at any point. Wording belongs to `portal/workbook.py`; here are only codes.
"""

import csv
import io
import json
import marshal
import os
import re
import resource
import sys
import threading
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import python_calamine

from portal.sheet_guard import Package, Refused, kind_of
from portal.sheet_search import find_sheet, listed_sheets

CELL_LIMIT = 32_767  # characters in one cell; Excel's own limit
ROW_LIMIT = 1_000_000  # characters in one row of a CSV file; a real one holds some thousand
TEXT_LIMIT = 100_000_000  # characters in one sheet; a full sheet of 100,000 rows holds some 60 million
ROWS_PER_FRAME = 500
BESIDE_FROM = 4_000_000  # unpacked bytes of a workbook from which it is read while it is still being searched
#: Fifteen digits is what Excel keeps of a number: from here on the last ones are already lost.
FIRST_CUT_NUMBER = 10**15
CUT_TEXT = re.compile(r"\s*[+-]?\d(?:\.\d+)?[Ee]\+\d{1,3}\s*")
QUOTED_TEXT = re.compile(r'\A="([^"]*)"\Z')  # how text is kept text in CSV: Excel shows ="0012" as 0012
BLANK = " \t\r\n\x00\xa0\u3000\ufeff"
DELIMITERS = ",\t;"
NOT_TEXT = re.compile("[\x00\ud800-\udfff]")  # what neither the database nor a message can hold
REPLACEMENT = "\ufffd"


def plain_number(value: float) -> Any:
    """The number a person sees in the cell; one Excel has cut comes back marked `("cut", shown)`."""
    if not -FIRST_CUT_NUMBER < value < FIRST_CUT_NUMBER:
        return ("cut", f"{value:.6g}")
    if value == int(value):
        return int(value)
    return float(f"{value:.15g}")  # 0.1+0.2 is shown as 0.3


def plain_cell(value: Any) -> Any:
    """One typed cell as text or number, or a marked pair for what marshal cannot carry."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return plain_number(value)
    if isinstance(value, datetime):
        return ("moment", value.isoformat())
    if isinstance(value, date):
        return ("day", value.isoformat())
    if isinstance(value, time):
        return value.isoformat("seconds")
    if isinstance(value, timedelta):
        hours, seconds = divmod(int(value.total_seconds()), 3600)
        return f"{hours:02d}:{seconds // 60:02d}:{seconds % 60:02d}"
    return str(value)


def put(out: Any, frame: tuple[Any, ...]) -> None:
    """Writes one frame. With its length in front it is read at once; `marshal.load` would ask the pipe for every cell."""
    data = marshal.dumps(frame)
    out.write(len(data).to_bytes(4))
    out.write(data)


class Frames:
    """Collects rows and writes them out some hundreds at a time; refuses what is longer than a real sheet can be."""

    def __init__(self, out: Any) -> None:
        self.out = out
        self.numbers: list[int] = []
        self.rows: list[list[Any]] = []
        self.marks: dict[int, list[int]] = {}
        self.characters = 0

    def add(self, number: int, row: list[Any]) -> None:
        """Takes one row of text, numbers and marked pairs; blank rows fall out here."""
        marked: list[int] = []
        if (kinds := set(map(type, row))) == {str}:
            text = "\n".join(row)
            if not text.strip(BLANK):
                return
        else:
            text = "\n".join([cell for cell in row if type(cell) is str])
            if tuple in kinds:
                marked = [column for column, cell in enumerate(row) if type(cell) is tuple]
        self.characters += len(text)
        if self.characters > TEXT_LIMIT:
            raise Refused("too_large")
        if len(text) > CELL_LIMIT:
            for column, cell in enumerate(row, 1):
                if type(cell) is str and len(cell) > CELL_LIMIT:
                    raise Refused("long_cell", row=number, column=column, limit=CELL_LIMIT)
        if NOT_TEXT.search(text):
            row = [NOT_TEXT.sub(REPLACEMENT, cell) if type(cell) is str else cell for cell in row]
        if "E+" in text or "e+" in text:
            for column, cell in enumerate(row):
                if type(cell) is str and CUT_TEXT.fullmatch(cell):
                    row[column] = ("cut", cell.strip())
                    marked.append(column)
        if marked:
            self.marks[len(self.rows)] = marked
        self.numbers.append(number)
        self.rows.append(row)
        if len(self.rows) >= ROWS_PER_FRAME:
            self.flush()

    def flush(self) -> None:
        """Writes what was collected."""
        if self.rows:
            put(self.out, ("rows", self.numbers, self.rows, self.marks))
            self.numbers, self.rows, self.marks = [], [], {}


def sheet_of(content: bytes, index: int, name: str) -> python_calamine.CalamineSheet:
    """The sheet at a place of a workbook, which must bear that name; raises what the reading library does."""
    workbook = python_calamine.load_workbook(io.BytesIO(content))
    if workbook.sheet_names[index] != name:
        raise Refused("damaged")
    return workbook.get_sheet_by_index(index)


class Ahead(threading.Thread):
    """Reads, while a large workbook is searched, the sheet that most likely is the one; nobody sees it before that is done.

    What the search refuses is refused at once, whatever is being read; the process ends with it. What the directory has
    promised was checked before, and both together stay within the limits of the process; should the reading break these
    first (a cell in the last column, for which it makes room as large as the whole sheet), whoever asked has the file
    searched once more before it is read, to hear what is wrong.
    """

    def __init__(self, package: Package, content: bytes) -> None:
        super().__init__(daemon=True)
        self.content = content
        seen = [
            (index, name) for index, name, part, visible in listed_sheets(package) if visible and part in package.parts
        ]
        self.listed = seen[:1]
        self.read: python_calamine.CalamineSheet | None = None
        self.problem: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Read, and keep what came of it."""
        try:
            for index, name in self.listed:
                self.read = sheet_of(self.content, index, name)
        except BaseException as problem:  # a panic in the reading library is no Exception
            self.problem = problem

    def sheet(self, index: int, name: str) -> python_calamine.CalamineSheet | None:
        """What was read if it is this sheet, or the problem there was; None when it is another one."""
        if [(index, name)] != self.listed:
            return None
        self.join()
        if self.problem is not None:
            raise self.problem
        return self.read


def read_workbook(content: bytes, limits: dict[str, int], out: Any) -> None:
    """Guards and reads an .xlsx workbook: its first visible sheet that holds anything."""
    package = Package(content, limits["max_unpacked"])
    ahead = Ahead(package, content) if package.size > BESIDE_FROM and not limits.get("search_first") else None
    found = find_sheet(package, limits["max_rows"], limits["max_columns"])
    try:
        sheet = (ahead and ahead.sheet(found.index, found.name)) or sheet_of(content, found.index, found.name)
    except (python_calamine.CalamineError, OSError, ValueError, IndexError) as error:
        raise Refused("damaged") from error
    start, end = sheet.start or (0, 0), sheet.end or (0, 0)
    if end[0] >= limits["max_rows"]:
        raise Refused("too_many_rows", limit=limits["max_rows"])
    if end[1] >= limits["max_columns"]:
        raise Refused("too_many_columns", limit=limits["max_columns"])
    put(out, ("sheet", found.name, found.notices, found.others, found.tab))
    frames, marked, blanks, last = Frames(out), found.marked, [""] * start[1], 0
    for last, cells in enumerate(sheet.iter_rows(), 1):  # leading blank rows come along, leading blank columns do not
        if set(map(type, cells)) != {str}:
            cells = [cell if type(cell) is str else plain_cell(cell) for cell in cells]
        row: list[Any] = blanks + cells if blanks else cells
        if last in marked:
            row = with_marks(row, marked[last])
        frames.add(last, row)
    for number in sorted(number for number in marked if number > last):
        frames.add(number, with_marks([], marked[number]))
    frames.flush()


def with_marks(row: list[Any], marks: dict[int, tuple[str, str]]) -> list[Any]:
    """The row with the cells calamine shows as blank (errors, formulas never calculated) named for what they are."""
    row = row + [""] * (max(marks) + 1 - len(row))
    for column, mark in marks.items():
        row[column] = mark
    return row


def text_of(content: bytes) -> str:
    """The text of a CSV file: UTF-8, UTF-16 or GB 18030 (which holds GBK), found by mark or by trying."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if content.startswith(mark):
            encodings = [encoding]
            break
    else:
        head = content[:4000]
        if head.count(0):
            encodings = ["utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"]
        else:
            encodings = ["utf-8", "gb18030"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not re.search(r"[\x00-\x08\x0e-\x1f\ufffe\uffff]", text):
            return text
    raise Refused("not_workbook")


def read_csv(content: bytes, limits: dict[str, int], out: Any) -> None:
    """Reads comma, tab or semicolon separated text; every cell is text as typed."""
    text = text_of(content)
    delimiter = max(DELIMITERS, key="\n".join(text[:20_000].splitlines()[:5]).count)
    csv.field_size_limit(CELL_LIMIT + 1)
    put(out, ("sheet", "", [], [], 1))
    frames = Frames(out)
    for number, row in enumerate(csv_rows(text, delimiter), 1):
        if number > limits["max_rows"]:
            raise Refused("too_many_rows", limit=limits["max_rows"])
        if len(row) > limits["max_columns"]:
            if any(row[limits["max_columns"] :]):
                raise Refused("too_many_columns", limit=limits["max_columns"])
            del row[limits["max_columns"] :]
        if any(cell.startswith('="') for cell in row):
            row = [QUOTED_TEXT.sub(r"\1", cell) for cell in row]
        frames.add(number, row)
    frames.flush()


class Lines:
    """The lines of a text for the CSV reader, which must not be given a row longer than any real one."""

    def __init__(self, text: str) -> None:
        self.rest = io.StringIO(text, newline="")
        #: rows handed on so far, and the characters given since
        self.rows = self.taken = 0

    def __iter__(self) -> Iterator[str]:
        while line := self.rest.readline(ROW_LIMIT + 1):
            self.taken += len(line)
            if self.taken > ROW_LIMIT:
                raise Refused("long_row", row=self.rows + 1, limit=ROW_LIMIT)
            yield line


def csv_rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows of a CSV text; what is wrong with one is refused with its number."""
    lines = Lines(text)
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            lines.rows, lines.taken = lines.rows + 1, 0
            yield row
    except csv.Error as error:
        raise Refused("bad_csv", row=lines.rows + 1) from error


def read(content: bytes, limits: dict[str, int], out: Any) -> None:
    """Reads any upload to the end; every way it can fail ends in one frame `refused`."""
    try:
        if kind_of(content) == "xlsx":
            read_workbook(content, limits, out)
        else:
            read_csv(content, limits, out)
        answer: tuple[Any, ...] = ("end",)
    except Refused as refused:
        answer = ("refused", refused.code, refused.params)
    except (MemoryError, RecursionError):
        answer = ("refused", "too_large", {})
    except BrokenPipeError:
        raise
    except BaseException:  # a panic in the reading library is no Exception
        answer = ("refused", "damaged", {})
    put(out, answer)


def main() -> None:
    """Takes the limits as JSON in the first argument: those of `workbook.open_sheet`, memory in bytes, seconds.

    `search_first`: nothing is read before all of it was searched.
    """
    limits = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["seconds"], limits["seconds"] + 1))
    out = sys.stdout.buffer
    try:
        read(sys.stdin.buffer.read(), limits, out)
        out.flush()
    except BrokenPipeError:  # the asker has gone
        os._exit(1)
    os._exit(0)  # whatever is still being read of a workbook that was refused


if __name__ == "__main__":
    main()
