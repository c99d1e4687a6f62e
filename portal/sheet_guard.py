"""What an uploaded file really is, and whether it is safe to open; the first half of `portal/sheet_reader.py`.

Judged by content, never by name. A workbook is a zip of XML parts: the directory is checked before anything is
unpacked, then every XML part is unpacked once and counted (headers may lie), and searched for what no honest workbook
holds. What gets past is bounded by the limits of the process. Knows nothing of Django: runs in the reading process.
"""

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

MAX_MEMBERS = 2_000
MAX_DIRECTORY = 1_000_000
SMALL_PART = 4_000_000  # bytes of workbook.xml and the like; real ones are a few thousand
HONEST_RATIO = 200  # unpacked to packed; sheets of repeated text reach some 60, a bomb 1,000
BOMB_FROM = 20_000_000  # unpacked bytes from which the ratio counts
PIECE = 1 << 16
CHUNK = 1 << 20
MAX_ROW_XML = 32_000_000
MAX_MARKED = 20_000
SYMLINK = 0o120000

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: First bytes → what the file is; the code names the wording in `portal/workbook.py`.
SIGNATURES = (
    (b"%PDF", "pdf"),
    (b"MZ", "program"),
    (b"\x7fELF", "program"),
    (b"\x89PNG", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"GIF8", "picture"),
    (b"Rar!", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"{\\rtf", "not_workbook"),
)


class Refused(Exception):
    """The file cannot be taken; ``code`` and ``params`` choose the wording in `portal/workbook.py`."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code, self.params = code, params


def kind_of(content: bytes) -> str:
    """``"xlsx"`` or ``"csv"`` by content; everything else is refused by its name."""
    if not content.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise Refused("empty")
    if content.startswith(b"PK"):
        return "xlsx"
    if content.startswith(OLE):
        raise Refused("encrypted" if "EncryptedPackage".encode("utf-16-le") in content else "old_xls")
    for signature, code in SIGNATURES:
        if content.startswith(signature):
            raise Refused(code)
    start = content[:2_000].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if start.startswith(
        (
            b"<!doctype html",
            b"<html",
            b"<table",
            b"<head",
            b"<meta",
            b"<?xml",
            b"<!--",
            b"mime-version",
        )
    ):
        raise Refused("html")
    return "csv"


class Package:
    """The zip of a workbook: its directory checked, its parts unpacked under one budget for the whole file."""

    def __init__(self, content: bytes, max_unpacked: int) -> None:
        """Checks the directory; raises Refused before one byte is unpacked."""
        self.content = memoryview(content)
        self.left = max_unpacked
        check_directory_size(content)
        try:
            infos = zipfile.ZipFile(io.BytesIO(content)).infolist()
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            ValueError,
            OSError,
            struct.error,
            UnicodeError,
        ) as error:
            raise Refused("damaged") from error
        self.parts = {info.filename.lower(): info for info in infos}
        if len(self.parts) != len(infos):
            raise Refused("damaged")
        for info in infos:
            check_member(info)
        unpacked = sum(info.file_size for info in infos)
        if unpacked > max_unpacked or (unpacked > BOMB_FROM and unpacked > HONEST_RATIO * len(content)):
            raise Refused("bomb")
        self.check_is_workbook()

    def check_is_workbook(self) -> None:
        """Only a workbook without macros passes; what else comes as a zip is called by its name."""
        if any(name.endswith("vbaproject.bin") or name.startswith("xl/macrosheets/") for name in self.parts):
            raise Refused("macros")
        if "[content_types].xml" not in self.parts:
            raise Refused("other_format" if "mimetype" in self.parts else "archive")
        if "xl/workbook.xml" not in self.parts:
            raise Refused("other_format")
        if b"macroenabled" in self.small("[content_types].xml").lower():
            raise Refused("macros")

    def small(self, name: str) -> bytes:
        """A whole part of modest size; empty when there is none."""
        if name not in self.parts:
            return b""
        if self.parts[name].file_size > SMALL_PART:
            raise Refused("damaged")
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """The part unpacked piece by piece, each piece searched for a DOCTYPE; stops when the budget is spent."""
        info = self.parts[name]
        size, overlap = 0, b""
        for chunk in unpack(self.content, info):
            size += len(chunk)
            self.left -= len(chunk)
            if self.left < 0 or size > info.file_size:
                raise Refused("bomb")
            if not overlap:
                check_encoding(chunk[:200])
            seam = overlap + chunk[:16]
            if b"<!DOCTYPE" in chunk or b"<!ENTITY" in chunk or b"<!DOCTYPE" in seam or b"<!ENTITY" in seam:
                raise Refused("doctype")
            overlap = chunk[-16:]
            yield chunk
        if size != info.file_size:
            raise Refused("damaged")


def check_directory_size(content: bytes) -> None:
    """Reads the counts at the end of the zip, so that half a million members cost nothing."""
    end = content.rfind(b"PK\x05\x06", max(0, len(content) - 66_000))
    if end < 0 or len(content) < end + 22:
        raise Refused("damaged")
    members, size = struct.unpack_from("<HI", content, end + 10)
    locator = end - 20
    if locator >= 0 and content[locator : locator + 4] == b"PK\x06\x07":
        (place,) = struct.unpack_from("<Q", content, locator + 8)
        if content[place : place + 4] != b"PK\x06\x06" or len(content) < place + 56:
            raise Refused("damaged")
        members, size = struct.unpack_from("<QQ", content, place + 32)
    if members > MAX_MEMBERS or size > MAX_DIRECTORY:
        raise Refused("too_many_parts", limit=MAX_MEMBERS)


def check_member(info: zipfile.ZipInfo) -> None:
    """Refuses names that point elsewhere, links, encryption and packings no spreadsheet program uses."""
    name = info.orig_filename
    if name.startswith("/") or "\\" in name or ":" in name or "\x00" in name or ".." in name.split("/"):
        raise Refused("unsafe_name")
    if (info.external_attr >> 16) & 0o170000 == SYMLINK:
        raise Refused("unsafe_name")
    if info.flag_bits & 0x41:
        raise Refused("encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused("damaged")


def unpack(content: memoryview, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The real bytes of a member, whatever its header promises, at most 1 MiB at a time."""
    header = bytes(content[info.header_offset : info.header_offset + 30])
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        raise Refused("damaged")
    name_size, extra_size = struct.unpack_from("<HH", header, 26)
    start = info.header_offset + 30 + name_size + extra_size
    packed = content[start : start + info.compress_size]
    if len(packed) != info.compress_size:
        raise Refused("damaged")
    checksum = 0
    if info.compress_type == zipfile.ZIP_STORED:
        chunks: Iterator[bytes] = (bytes(packed[place : place + CHUNK]) for place in range(0, len(packed), CHUNK))
    else:
        chunks = inflate(packed)
    for chunk in chunks:
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if checksum != info.CRC:
        raise Refused("damaged")


def inflate(packed: memoryview) -> Iterator[bytes]:
    """Deflated bytes unpacked, never more than 1 MiB in memory at once."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for place in range(0, len(packed), PIECE):
            piece: Any = packed[place : place + PIECE]
            while piece and not stream.eof:
                chunk = stream.decompress(piece, CHUNK)
                piece = stream.unconsumed_tail
                if chunk:
                    yield chunk
    except zlib.error as error:
        raise Refused("damaged") from error
    if not stream.eof:
        raise Refused("damaged")


def check_encoding(start: bytes) -> None:
    """Parts must be UTF-8, as every spreadsheet program writes them: other encodings could hide from the search."""
    declared = re.search(rb"""<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)""", start)
    if b"\x00" in start or start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Refused("damaged")
    if declared and declared.group(1).lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Refused("damaged")


@dataclass
class FoundSheet:
    """The sheet to read: its place among all sheets, and what the search of its XML brought up."""

    index: int
    name: str
    #: row number (from 1) → column (from 0) → ("error", "#N/A") or ("formula", "")
    marked: dict[int, dict[int, tuple[str, str]]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    #: names of further visible sheets that hold something
    others: list[str] = field(default_factory=list)


def find_sheet(package: Package, max_rows: int, max_columns: int) -> FoundSheet:
    """Unpacks every XML part once and returns the first visible sheet that holds a value, searched and within limits."""
    sheets = listed_sheets(package)
    found: FoundSheet | None = None
    others = []
    for index, name, part, visible in sheets:
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
                )
        elif sum(bool(VALUE.search(chunk)) for chunk in package.chunks(part)):  # a sum: all of it is unpacked
            others.append(name)
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
    sheets = []
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


TAG = rb"<(?:\w+:)?"
END = rb"</(?:\w+:)?"
PLACE = re.compile(rb'\sr="([A-Z]{1,3})(\d{1,7})"')
VALUE = re.compile(TAG + rb"(?:v\b[^>/]*>[^<]|is\b)")
ERROR = re.compile(TAG + rb"""c\b[^>/]*\st=["']e["'][^>/]*>(.*?)""" + END + rb"c>", re.DOTALL)
UNCALCULATED = re.compile(
    TAG + rb"c\b([^>]*)>\s*" + TAG + rb"f\b(?:[^>]*/>|[^>]*>[^<]*" + END + rb"f>)\s*"
    rb"(" + TAG + rb"v\s*/>|" + TAG + rb"v>\s*" + END + rb"v>)?\s*" + END + rb"c>"
)
SHOWN = re.compile(TAG + rb"v>([^<]{0,20})<")
HIDDEN_ROW = re.compile(TAG + rb'row\b[^>]*\shidden="(?:1|true)"')


class SheetSearch:
    """Searches the XML of one sheet, as it is unpacked, for what the reader would not tell us.

    That is: values outside the limits (early, so that a huge sheet is refused in a moment), error values, and formulas
    that were never calculated. The search is for clear messages; safety rests on the limits of the process.
    """

    def __init__(self, max_rows: int, max_columns: int) -> None:
        self.max_rows, self.max_columns = max_rows, max_columns
        self.far_cell = re.compile(rb' r="[A-Z]{1,3}(\d{%d,7})"[^>/]*>(?!</)' % len(str(max_rows)))
        self.far_column = re.compile(rb' r="(?:' + columns_beyond(max_columns) + rb')\d{1,7}"[^>/]*>(?!</)')
        self.prefix = b""  # how tags of this sheet start: "<", or "<x:" as some programs write
        self.far_row = self.far_cell
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
        root = re.search(rb"<(\w+:)?worksheet\b", start)
        self.prefix = b"<" + ((root and root.group(1)) or b"")
        self.far_row = re.compile(re.escape(self.prefix) + rb'row [^>]*?r="\d{%d,7}"' % len(str(self.max_rows)))

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
        if b't="e"' in piece or b"t='e'" in piece:
            for match in ERROR.finditer(piece):
                shown = SHOWN.search(match.group(1))
                self.mark(
                    match.group(0),
                    (
                        "error",
                        shown.group(1).decode("ascii", "replace") if shown else "#N/A",
                    ),
                )
        if self.prefix + b"f" in piece:
            for match in UNCALCULATED.finditer(piece):
                if not (match.group(2) and b't="str"' in match.group(1)):  # a calculated empty text is an answer
                    self.mark(match.group(0), ("formula", ""))

    def mark(self, cell: bytes, what: tuple[str, str]) -> None:
        """Notes a cell the reader would show as blank."""
        place = PLACE.search(cell[: cell.find(b">")])
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
