"""Hostile and broken files are refused with a reason, honest ones read as typed."""

import resource
import time
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.sheet_reader import BESIDE_FROM, BLANK
from portal.sheet_search import SheetSearch
from portal.workbook import CutNumber, ErrorCell, UncalculatedFormula, WorkbookRefused, open_sheet
from tests.portal import hostile
from tests.portal.hostile import parts, rows_xml, sheet_of, small, text_cell, written, zipped

DOCTYPE = '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE sst [%s]><sst>&a;</sst>'
LAUGHS = '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">'
HALF_PAST_NINE = datetime(2025, 6, 1, 9, 30)  # noqa: DTZ001  a cell has no time zone
VISIBLE = ("甲", "visible", sheet_of(text_cell("A1", "x")))


def rows_of(content: bytes, **limits: int) -> list[tuple[int, list[object]]]:
    """Everything a file says."""
    with open_sheet(content, **limits) as sheet:
        return list(sheet)


def refusal(content: bytes, **limits: int) -> WorkbookRefused:
    """Why a file is refused."""
    with pytest.raises(WorkbookRefused) as caught:
        rows_of(content, **limits)
    assert "%" not in caught.value.reason and caught.value.reason.endswith("。")
    return caught.value


REFUSED = {
    "empty": (b"", "empty"),
    "blank": (b"\xef\xbb\xbf \r\n\r\n", "empty"),
    "zeros": (b"\x00" * 5000, "empty"),
    "pdf": (b"%PDF-1.7\n1 0 obj", "pdf"),
    "program": (b"MZ\x90\x00\x03" + b"\x00" * 200, "program"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"\x00" * 200, "picture"),
    "rar": (b"Rar!\x1a\x07\x00", "archive"),
    "html renamed xls": ("\ufeff<html><table><tr><td>订单编号</td></tr></table></html>".encode(), "html"),
    "html in UTF-16": ("<!DOCTYPE html><html>".encode("utf-16"), "html"),
    "sheet of 2003 in XML": (b'<?xml version="1.0"?><Workbook/>', "html"),
    "binary": (bytes(range(1, 32)) * 20, "not_workbook"),
    "old xls renamed xlsx": (hostile.old_xls(), "old_xls"),
    "encrypted": (hostile.old_xls(encrypted=True), "encrypted"),
    "zip of a workbook": (zipped({"orders.xlsx": small()}), "archive"),
    "word document": (zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": "<w/>"}), "other_format"),
    "open document": (zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), "other_format"),
    "binary workbook": (zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.bin": b"\x01"}), "other_format"),
    "macros": (small(**{"xl/vbaProject.bin": b"\x00"}), "macros"),
    "macro content type": (
        small(**{"[Content_Types].xml": hostile.CONTENT_TYPES.replace("sheet.main", "sheet.macroEnabled.main")}),
        "macros",
    ),
    "macros of Excel 4": (small(**{"xl/macrosheets/sheet1.xml": "<x/>"}), "macros"),
    "bomb": (hostile.bomb(30_000_000), "bomb"),
    "lying bomb": (hostile.lying_bomb(30_000_000), "bomb"),
    "many members": (hostile.many_members(2_500), "too_many_parts"),
    "zip slip": (small(**{"../../etc/cron.d/x": "x"}), "unsafe_name"),
    "absolute name": (small(**{"/etc/passwd": "x"}), "unsafe_name"),
    "drive": (small(**{"C:\\x": "x"}), "unsafe_name"),
    "symlink": (hostile.with_symlink(), "unsafe_name"),
    "billion laughs": (small(**{"xl/sharedStrings.xml": DOCTYPE % LAUGHS}), "doctype"),
    "quadratic": (small(**{"xl/sharedStrings.xml": DOCTYPE % f'<!ENTITY a "{"a" * 50_000}">'}), "doctype"),
    "external entity": (small(**{"xl/styles.xml": DOCTYPE % '<!ENTITY a SYSTEM "file:///etc/passwd">'}), "doctype"),
    "parameter entity": (small(**{"xl/theme/theme1.xml": DOCTYPE % '<!ENTITY % p SYSTEM "http://x/">'}), "doctype"),
    "doctype in workbook": (small(**{"xl/workbook.xml": "<!DOCTYPE x><workbook/>"}), "doctype"),
    "doctype on a seam": (small(**{"docProps/a.xml": "<a>" + " " * (2**20 - 6) + "<!DOCTYPE x></a>"}), "doctype"),
    "part in UTF-16": (small(**{"xl/styles.xml": "<a/>".encode("utf-16")}), "damaged"),
    "part in UTF-7": (small(**{"xl/styles.xml": '<?xml version="1.0" encoding="UTF-7"?><a/>'}), "damaged"),
    "broken XML of the workbook": (small(**{"xl/workbook.xml": "<workbook><sheets>"}), "damaged"),
    "broken XML of the sheet": (zipped(parts(("甲", "visible", "<sheetData><row r='1'><c r='A1'><v>1"))), "damaged"),
    "no sheets": (zipped(parts()), "empty"),
    "nothing on the sheet": (zipped(parts(("甲", "visible", "<sheetData/>"))), "empty"),
    "all hidden": (zipped(parts((*VISIBLE[:1], "hidden", VISIBLE[2]))), "hidden_only"),
    "200,000 rows": (
        zipped(parts(("甲", "visible", f"<sheetData>{rows_xml(200_000, 3)}</sheetData>"))),
        "too_many_rows",
    ),
    "the last row of all": (
        zipped(parts(("甲", "visible", f"<sheetData>{rows_xml(1, 1, start=1_048_576)}</sheetData>"))),
        "too_many_rows",
    ),
    "a far corner without places": (
        zipped(
            parts(
                (
                    "甲",
                    "visible",
                    "<sheetData><row r='1'>" + "<c><v>1</v></c>" * 20_000 + "</row>"
                    "<row r='1048576'><c><v>1</v></c></row></sheetData>",
                )
            )
        ),
        None,
    ),
    "16,384 columns": (zipped(parts(("甲", "visible", sheet_of(text_cell("XFD1", "x"))))), "too_many_columns"),
    "columns past the limit": (zipped(parts(("甲", "visible", sheet_of(text_cell("IW1", "x"))))), "too_many_columns"),
    "a cell too long": (zipped(parts(("甲", "visible", sheet_of(text_cell("A1", "长" * 40_000))))), "long_cell"),
    "a sheet of formulas": (
        zipped(parts(("甲", "visible", "<sheetData><row r='1'>" + "<c><f>1+1</f></c>" * 3 + "</row></sheetData>"))),
        "formulas",
    ),
    "CSV of 200,000 rows": ("订单编号,数量\n".encode() + b"A,1\n" * 200_000, "too_many_rows"),
    "CSV of 300 columns": (b",".join([b"x"] * 300), "too_many_columns"),
    "CSV with one endless cell": (b'a,b\n"' + b"x" * 50_000, "bad_csv"),
    "CSV with one endless row": (b"a,b\nx" + b"," * 19_000_000, "long_row"),
    "CSV with one endless row of many lines": (b'a,b\n"' + b'\n","' * 4_000_000, "long_row"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_its_reason(name: str) -> None:
    content, code = REFUSED[name]
    begun = time.monotonic()
    found = refusal(content)
    assert code is None or found.code == code
    assert time.monotonic() - begun < 5


def test_every_reason_is_said_in_full() -> None:
    values = {"size": "1", "limit": "2", "row": 3, "column": 4}
    for code in WorkbookRefused.reasons:
        reason = WorkbookRefused(code, **values).reason
        assert "%" not in reason and reason.endswith("。") and "请" in reason, code


def test_too_many_bytes_are_not_even_looked_at() -> None:
    assert refusal(b"x" * 1001, max_bytes=1000).code == "too_many_bytes"


def test_memory_is_bounded_by_the_process() -> None:
    """A dense sheet within every limit but that of memory ends the reader, not the worker."""
    content = written([["x" * 30_000] * 20] * 400)
    assert refusal(content, memory=120_000_000).code in ("too_large", "damaged")


ROW = '<row r="2">'
ENDLESS = {
    "error cells never closed": '<c r="A2" t="e">',
    "tags never closed": '<c  t="e" ',
    "values never closed": "<v ",
    "formulas never closed": "<f ",
    "formulas without cell": "</f>",
    "formulas and blanks": "<c><f></f>" + " " * 1_000,
    "empty formulas": "<c><f/>",
    "far columns in one tag": ' r="AAA1"',
    "signs in one tag": ' xt="e" t="e"',
    "signs in other tags": '<cc t="e">',
    "rows never closed": '<row hidden="',
}


@pytest.mark.parametrize("unit", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("size", [7_000_000, 13_000_000])
def test_reading_takes_time_in_proportion(unit: str, size: int) -> None:
    """Some 30 KB that unpack to millions of beginnings of the same tag: seconds, not a minute of the processor."""
    content = zipped(parts(("甲", "visible", f"<sheetData>{ROW}{unit * (size // len(unit))}{ROW}</row></sheetData>")))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    read_or_refuse(content)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 5


def test_a_short_row_of_many_commas_is_cut_before_it_is_handed_over() -> None:
    read = rows_of(b"a,b\nx" + b"," * 900_000 + b"\n1,2\n")
    assert [(number, len(row)) for number, row in read] == [(1, 2), (2, 256), (3, 2)]


def test_what_no_database_holds_is_replaced() -> None:
    cells = [
        f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>' for place, text in (("A1", "_x0000_31"), ("B1", "x"))
    ]
    assert rows_of(zipped(parts(("甲", "visible", sheet_of(*cells))))) == [(1, ["\ufffd31", "x"])]


def test_an_error_cell_repeats_only_known_errors() -> None:
    search = SheetSearch(100, 50)
    cells = '<c r="A1" t="e"><v>310115190001010011</v></c><c r="B1" t="e"><v>#NUM!</v></c>'
    assert search.run(iter([f"<worksheet>{sheet_of(cells)}".encode()]))
    assert search.marked == {1: {0: ("error", "#ERROR!"), 1: ("error", "#NUM!")}}


def test_signs_of_an_error_in_text_are_text() -> None:
    cell = '<c r="A1" t="inlineStr"><is><t>x t="e"</t></is></c><c r="B1" t="e"><v>#N/A</v></c><c r="C1" t="e"/>'
    assert rows_of(zipped(parts(("甲", "visible", sheet_of(cell)))))[0][1][:2] == ['x t="e"', ErrorCell("#N/A")]


def test_formatted_but_blank_cells_are_no_content() -> None:
    far = '<row r="1048576"><c r="XFD1048576" s="0"/><c r="A1048576"></c></row>'
    sheet = f'<sheetData><row r="1">{text_cell("A1", "x")}</row>{far}</sheetData>'
    assert rows_of(zipped(parts(("甲", "visible", sheet)))) == [(1, ["x"])]


def test_cells_are_read_as_typed() -> None:
    rows = [
        ["标题"],
        [],
        [310115199001011234, 123456789012345, 0.1 + 0.2, 12.5, -3, 35, 1e-7],
        [date(2025, 6, 1), HALF_PAST_NINE, True, "  左右有空格  ", "\t=1+1", "＝1+1", "'=1"],
    ]
    read = dict(rows_of(written(rows)))
    assert list(read) == [1, 3, 4]
    assert read[3] == [CutNumber("3.10115e+17"), 123456789012345, 0.3, 12.5, -3, 35, 1e-7]
    assert read[4][:2] == [date(2025, 6, 1), HALF_PAST_NINE]
    assert read[4][2:] == ["TRUE", "  左右有空格  ", "\t=1+1", "＝1+1", "'=1"]


def test_text_in_exponent_form_is_a_cut_number() -> None:
    assert rows_of(written([["3.10115E+17", "1E+5箱", "E+1"]])) == [(1, [CutNumber("3.10115E+17"), "1E+5箱", "E+1"])]


def test_errors_and_uncalculated_formulas_are_named() -> None:
    cells = (
        text_cell("B2", "甲"),
        '<c r="C2" t="e"><f>NA()</f><v>#N/A</v></c>',
        '<c r="D2"><f>1+1</f></c>',
        '<c r="E2"><f>1+1</f><v></v></c>',
        '<c r="F2"><f>1+1</f><v>2</v></c>',
        '<c r="G2" t="str"><f>""</f><v></v></c>',
        '<c r="H2" t="str"><f>"a"</f><v>a</v></c>',
        '<c r="I2" s="0"/>',
        '<c r="J2" t="e"><v>#REF!</v></c>',
    )
    sheet = (
        f'<sheetData><row r="2">{"".join(cells)}</row><row r="9"><c r="A9" t="e"><v>#DIV/0!</v></c></row></sheetData>'
    )
    formula = UncalculatedFormula()
    read = rows_of(zipped(parts(("甲", "visible", sheet))))
    assert read[0] == (2, ["", "甲", ErrorCell("#N/A"), formula, formula, 2, "", "a", "", ErrorCell("#REF!")])
    assert (read[1][0], read[1][1][0], set(read[1][1][1:])) == (9, ErrorCell("#DIV/0!"), {""})


def test_prefixed_tags_are_understood() -> None:
    sheet = (
        f'<?xml version="1.0" encoding="UTF-8"?><x:worksheet {hostile.MAIN.replace("xmlns", "xmlns:x")}><x:sheetData>'
        '<x:row r="1"><x:c r="A1"><x:v>7</x:v></x:c><x:c r="B1"><x:f>1+1</x:f></x:c></x:row></x:sheetData></x:worksheet>'
    )
    assert rows_of(small(**{"xl/worksheets/sheet1.xml": sheet})) == [(1, [7, UncalculatedFormula()])]


def test_the_first_visible_sheet_with_content_is_read() -> None:
    content = zipped(
        parts(
            ("藏", "hidden", sheet_of(text_cell("A1", "藏"))),
            ("深藏", "veryHidden", sheet_of(text_cell("A1", "深藏"))),
            ("空", "visible", "<sheetData/>"),
            ("甲", "visible", sheet_of(text_cell("A1", "甲"))),
            ("空二", "visible", '<sheetData><row r="1"><c r="A1" s="0"/></row></sheetData>'),
            ("乙", "visible", sheet_of(text_cell("A1", "乙"))),
        )
    )
    with open_sheet(content) as sheet:
        assert (sheet.name, sheet.tab, sheet.others) == ("甲", 2, [(4, "乙")])
        assert list(sheet) == [(1, ["甲"])]


LARGE = f"<sheetData>{rows_xml(20_000, 9)}</sheetData>"


@pytest.mark.parametrize("before", ["", "<sheetData/>", "hidden"])
def test_a_large_workbook_is_read_as_a_small_one(before: str) -> None:
    """It is read while it is still being searched, and the sheet begun may turn out to hold nothing."""
    first = [("空", "hidden" if before == "hidden" else "visible", "<sheetData/>")] if before else []
    content = zipped(parts(*first, ("甲", "visible", LARGE)))
    assert len(LARGE) > BESIDE_FROM
    with open_sheet(content) as sheet:
        assert sheet.name == "甲"
        assert list(sheet) == [(number, [1] * 9) for number in range(1, 20_001)]


@pytest.mark.parametrize(
    ("sheet", "more", "code"),
    [
        (LARGE.replace("</sheetData>", f"{rows_xml(1, 1, start=1_000_000)}</sheetData>"), {}, "too_many_rows"),
        (
            LARGE.replace("</sheetData>", '<row r="20001"><c r="XFD20001"><v>1</v></c></row></sheetData>'),
            {},
            "too_many_columns",
        ),
        (LARGE, {"xl/styles.xml": DOCTYPE % LAUGHS}, "doctype"),
        (LARGE.replace("</c></row></sheetData>", "</row>"), {}, "damaged"),
    ],
)
def test_a_large_workbook_is_refused_as_a_small_one(sheet: str, more: dict[str, str], code: str) -> None:
    assert refusal(zipped(parts(("甲", "visible", sheet), **more))).code == code


def test_hidden_rows_are_read_and_said() -> None:
    sheet = f'<sheetData><row r="1" hidden="1">{text_cell("A1", "x")}</row></sheetData>'
    with open_sheet(zipped(parts(("甲", "visible", sheet)))) as read:
        assert read.notices == ["hidden_rows"]
        assert list(read) == [(1, ["x"])]


def test_external_links_and_dde_are_never_followed() -> None:
    link = (
        '<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<ddeLink ddeService="cmd" ddeTopic="/c calc"/></externalLink>'
    )
    assert rows_of(small(**{"xl/externalLinks/externalLink1.xml": link})) == [(1, ["订单编号"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_is_read_in_the_usual_encodings(encoding: str, delimiter: str) -> None:
    lines = [
        delimiter.join(row)
        for row in (["订单编号", "名称", "备注"], ['="0012"', "奶粉", ""], ["", "", ""], ["A-1", "甲", "x"])
    ]
    assert rows_of("\r\n".join(lines).encode(encoding)) == [
        (1, ["订单编号", "名称", "备注"]),
        (2, ["0012", "奶粉", ""]),
        (4, ["A-1", "甲", "x"]),
    ]


def test_csv_keeps_line_breaks_in_cells() -> None:
    assert rows_of(b'a,b\n"1\n2",3\n') == [(1, ["a", "b"]), (2, ["1\n2", "3"])]


def test_reading_may_stop_halfway() -> None:
    """The reader ends when nobody wants the rest."""
    with open_sheet(written([["x"] * 20] * 5_000)) as sheet:
        assert next(iter(sheet))[0] == 1
        reader = sheet._reader
    assert reader.returncode is not None


VALID = written([["订单编号", "数量"], ["A", 1.5], ["B", 2]])
EVERY = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def read_or_refuse(content: bytes) -> None:
    """The only two ways a file may end."""
    try:
        rows_of(content)
    except WorkbookRefused as refused:
        assert refused.reason


@EVERY
@given(st.binary(max_size=3000))
def test_random_bytes(content: bytes) -> None:
    read_or_refuse(content)


@EVERY
@given(st.binary(max_size=2000), st.sampled_from([b"PK\x03\x04", hostile.old_xls()[:8], b"\xff\xfe", b"\xef\xbb\xbf"]))
def test_random_bytes_after_a_known_beginning(content: bytes, beginning: bytes) -> None:
    read_or_refuse(beginning + content)


@EVERY
@given(st.integers(0, len(VALID) - 1))
def test_truncated_workbooks(end: int) -> None:
    read_or_refuse(VALID[:end])


@EVERY
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_workbooks(changes: list[tuple[int, int]]) -> None:
    content = bytearray(VALID)
    for place, byte in changes:
        content[place] = byte
    read_or_refuse(bytes(content))


@EVERY
@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=400))
def test_random_sheet_xml(inside: str) -> None:
    read_or_refuse(zipped(parts(("甲", "visible", f'<sheetData><row r="1">{inside}</row></sheetData>'))))


LETTERS = st.characters(blacklist_categories=["Cs", "Cc"])


@EVERY
@given(st.lists(st.lists(st.text(LETTERS, min_size=1, max_size=30), min_size=1, max_size=6), min_size=1, max_size=6))
def test_text_comes_back_as_written(rows: list[list[str]]) -> None:
    read = dict(rows_of(written_text(rows), max_columns=27)) if said(rows) else {}
    assert list(read) == [number for number, row in enumerate(rows, 1) if said([row])]
    for number, cells in read.items():
        wanted = rows[number - 1]
        assert [cell.shown if isinstance(cell, CutNumber) else cell for cell in cells[: len(wanted)]] == wanted


def said(rows: list[list[str]]) -> bool:
    """Whether the rows hold more than blanks."""
    return bool("".join(cell for row in rows for cell in row).strip(BLANK))


def written_text(rows: list[list[str]]) -> bytes:
    """A workbook in which every cell is text."""
    inside = ""
    for number, row in enumerate(rows, 1):
        cells = [text_cell(f"{chr(65 + place)}{number}", cell) for place, cell in enumerate(row)]
        inside += f'<row r="{number}">{"".join(cells)}</row>'
    return zipped(parts(("甲", "visible", f"<sheetData>{inside}</sheetData>")))
