"""What an uploaded file really is, and whether it is safe to open; the first step of `portal/sheet_reader.py`.

Judged by content, never by name. A workbook is a zip of XML parts: the directory is checked before anything is
unpacked, then every XML part is unpacked once and counted (headers may lie), and searched for what no honest workbook
holds. What gets past is bounded by the limits of the process. Knows nothing of Django: runs in the reading process.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

MAX_MEMBERS = 2_000
MAX_DIRECTORY = 1_000_000
SMALL_PART = 4_000_000  # bytes of workbook.xml and the like; real ones are a few thousand
HONEST_RATIO = 200  # unpacked to packed; sheets of repeated text reach some 60, a bomb 1,000
BOMB_FROM = 20_000_000  # unpacked bytes from which the ratio counts
PIECE = 1 << 16
CHUNK = 1 << 20
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
    """The file cannot be taken; `code` and `params` choose the wording in `portal/workbook.py`."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code, self.params = code, params


def kind_of(content: bytes) -> str:
    """`"xlsx"` or `"csv"` by content; everything else is refused by its name."""
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
        #: bytes of all parts unpacked, as the directory has them
        self.size = sum(info.file_size for info in infos)
        if self.size > max_unpacked or (self.size > BOMB_FROM and self.size > HONEST_RATIO * len(content)):
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
