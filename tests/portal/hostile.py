"""Files nobody should send, made here so that none lies about: bombs, links, lies, disguises."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter

CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
RELS = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="xl/workbook.xml"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def parts(*sheets: tuple[str, str, str], **more: str | bytes) -> dict[str, str | bytes]:
    """The parts of a small workbook; each sheet is (name, state, XML inside worksheet)."""
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" state="{state}" r:id="rId{n}"/>'
        for n, (name, state, _) in enumerate(sheets, 1)
    )
    relations = "".join(
        f'<Relationship Id="rId{n}" Type="{TYPE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    found: dict[str, str | bytes] = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": RELS,
        "xl/workbook.xml": f'<?xml version="1.0" encoding="UTF-8"?><workbook {MAIN} {R}><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<?xml version="1.0" encoding="UTF-8"?><Relationships'
        f' xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}</Relationships>',
    }
    for n, (_, _, inside) in enumerate(sheets, 1):
        found[f"xl/worksheets/sheet{n}.xml"] = (
            f'<?xml version="1.0" encoding="UTF-8"?><worksheet {MAIN}>{inside}</worksheet>'
        )
    return {**found, **more}


def zipped(members: Mapping[str, str | bytes], *, level: int = 6) -> bytes:
    """A zip of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as book:
        for name, content in members.items():
            book.writestr(name, content)
    return out.getvalue()


def text_cell(place: str, text: str) -> str:
    """A cell with its text inside."""
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def sheet_of(*cells: str) -> str:
    """Sheet XML with all cells in row 1."""
    return f'<sheetData><row r="1">{"".join(cells)}</row></sheetData>'


def small(**more: str | bytes) -> bytes:
    """A valid workbook of one cell, and further parts."""
    return zipped(parts(("甲", "visible", sheet_of(text_cell("A1", "订单编号"))), **more))


def written(rows: list[list[Any]], name: str = "甲") -> bytes:
    """A workbook with typed cells, as a spreadsheet program would write them."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet(name)
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(number, place, cell, moment)
                else:
                    sheet.write(number, place, cell)
    return out.getvalue()


def bomb(size: int) -> bytes:
    """A workbook whose shared strings unpack to so many bytes of nothing."""
    return small(**{"xl/sharedStrings.xml": b"<sst>" + b" " * size + b"</sst>"})


def lying_bomb(size: int) -> bytes:
    """The same, with headers that promise a small part (and the checksum of that small part)."""
    honest = b"<sst>" + b" " * 100
    content = bomb(size)
    real = struct.pack("<I", size + 11)
    crc = struct.pack("<I", zlib.crc32(b"<sst>" + b" " * size + b"</sst>"))
    return content.replace(real, struct.pack("<I", len(honest))).replace(crc, struct.pack("<I", zlib.crc32(honest)))


def many_members(count: int) -> bytes:
    """A workbook with so many empty parts beside it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        for name, content in parts(("甲", "visible", sheet_of(text_cell("A1", "x")))).items():
            book.writestr(name, content)
        for number in range(count):
            book.writestr(zipfile.ZipInfo(f"x{number}"), b"")
    return out.getvalue()


def with_symlink() -> bytes:
    """A workbook with a link to a file of the machine."""
    out = io.BytesIO(small())
    with zipfile.ZipFile(out, "a") as book:
        link = zipfile.ZipInfo("xl/media/image1.png")
        link.external_attr = 0o120777 << 16
        book.writestr(link, "/etc/passwd")
    return out.getvalue()


def rows_xml(count: int, columns: int, *, start: int = 1) -> str:
    """That many rows of the same short text."""
    letters = [chr(65 + place) for place in range(columns)]
    return "".join(
        f'<row r="{number}">' + "".join(f'<c r="{letter}{number}"><v>1</v></c>' for letter in letters) + "</row>"
        for number in range(start, start + count)
    )


def old_xls(*, encrypted: bool = False) -> bytes:
    """The beginning of an OLE file, as old .xls and encrypted workbooks are."""
    name = "EncryptedPackage" if encrypted else "Workbook"
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 1000 + name.encode("utf-16-le") + b"\x00" * 1000
