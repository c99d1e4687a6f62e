"""A kind's workbook, filled in and read back; and everything a clerk may do to it."""

import io
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xlsxwriter.utility import xl_col_to_name

from declarations.doors.excel import Reading, SheetRefused, read_rows, template, workbook_of
from declarations.doors.header import plain_label
from declarations.doors.template import CODE_SHEET, EXAMPLE_SHEET, columns_of, example, is_mandatory, shown
from declarations.kinds import KINDS, Kind, kind
from declarations.reading import CutNumber
from declarations.rulebook import RULES
from declarations.shape import Entry, check
from portal.workbook import WorkbookRefused, open_sheet
from tests import make
from tests.portal.hostile import written

ORDER, PAYMENT = kind("order"), kind("payment")
EVERY_KIND = pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
EVERY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def read(which: Kind, content: bytes) -> Reading:
    """What a file says of a kind."""
    return read_rows(which, open_sheet(content))


def refusal(which: Kind, content: bytes) -> WorkbookRefused:
    """Why a file is refused."""
    with pytest.raises(WorkbookRefused) as caught:
        read(which, content)
    assert "%" not in caught.value.reason and caught.value.reason.endswith("。")
    return caught.value


def said(cells: dict[str, Any]) -> dict[str, str]:
    """The cells that say something, as a clerk would type them."""
    return {name: shown(value) for name, value in cells.items() if shown(value)}


def grid(which: Kind, entries: list[Entry]) -> list[list[Any]]:
    """The cells of documents in the layout of the template, header first, to be spoilt by a test."""
    book = openpyxl.load_workbook(io.BytesIO(workbook_of(which, entries)))
    return [[cell or "" for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)]


def place(rows: list[list[Any]], label: str) -> int:
    """The column of that label."""
    return [cell.rstrip("*") for cell in rows[0]].index(label)


def spoilt(rows: list[list[Any]], row: int, label: str, value: Any) -> list[list[Any]]:
    """The same cells with one changed; rows count from 1 as in Excel."""
    rows[row - 1][place(rows, label)] = value
    return rows


@EVERY_KIND
def test_what_is_written_is_read(which: Kind) -> None:
    entries = [make.entry(which.slug, n) for n in range(1, 6)]
    reading = read(which, workbook_of(which, entries))
    assert [said(entry.head) for entry in reading.entries] == [said(entry.head) for entry in entries]
    assert [[said(line) for line in entry.lines] for entry in reading.entries] == [
        [said(line) for line in entry.lines] for entry in entries
    ]
    assert reading.problems == []
    assert (
        reading.row_count
        == sum(len(entry.rows) for entry in reading.entries)
        == sum(len(e.lines) or 1 for e in entries)
    )
    for brought, entry in zip(entries, reading.entries, strict=True):
        wanted, _ = check(which, make.filled(which, brought))
        got, problems = check(which, make.filled(which, entry))
        assert got is not None and wanted is not None, problems
        names = [name for name in which.head_names if which.field(name).given == "clerk"]
        places = [which.head_names.index(name) for name in names]
        assert [got.head[p] for p in places] == [wanted.head[p] for p in places]
        assert got.lines == wanted.lines


@EVERY_KIND
def test_template_holds_each_column_once_and_refuses_itself_empty(which: Kind) -> None:
    labels = [str(column.label) for column in columns_of(which, clerk_only=False)]
    assert len(set(labels)) == len(labels)
    assert refusal(which, template(which)).code == "header_only"
    assert template(which) is template(which)


@EVERY_KIND
def test_template_guides_the_clerk(which: Kind) -> None:
    book = openpyxl.load_workbook(io.BytesIO(template(which)))
    sheet = book.worksheets[0]
    columns = columns_of(which)
    assert sheet.title == which.label
    for cell, column in zip(sheet[1], columns, strict=True):
        assert cell.value == f"{column.label}{'*' if is_mandatory(which, column) else ''}"
        assert cell.comment is not None and str(column.field.note) in cell.comment.text
        assert sheet.column_dimensions[cell.column_letter].number_format == "@" or cell.column > 1
    uses_codes = any(column.field.codes for column in columns)
    assert book.sheetnames == [str(which.label), EXAMPLE_SHEET, *([CODE_SHEET] if uses_codes else [])]
    sample = [[cell or "" for cell in row] for row in book[EXAMPLE_SHEET].iter_rows(values_only=True)]
    assert len(sample) == 2 and sample[1][0] == columns[0].field.example


@EVERY_KIND
def test_the_example_alone_is_not_filed(which: Kind) -> None:
    book = openpyxl.load_workbook(io.BytesIO(template(which)))
    del book[str(which.label)]
    out = io.BytesIO()
    book.save(out)
    assert refusal(which, out.getvalue()).code == "not_the_form"


def test_the_filled_template_is_read_beside_its_other_sheets() -> None:
    book = openpyxl.load_workbook(io.BytesIO(template(ORDER)))
    for number, row in enumerate(grid(ORDER, [make.order()])[1:], 2):
        for column, cell in enumerate(row, 1):
            book.worksheets[0].cell(number, column, cell or None)
    out = io.BytesIO()
    book.save(out)
    assert len(read(ORDER, out.getvalue()).entries) == 1


@pytest.mark.parametrize(
    "respell",
    [
        lambda column: str(column.label),
        lambda column: f" * {column.label} ",
        lambda column: str(column.label).replace("（", "(").replace("）", ")") + "（必填）",
        lambda column: "\n".join(str(column.label)),
        lambda column: column.field.tag if not column.line else column.name,
        lambda column: column.name.upper(),
    ],
)
@EVERY_KIND
def test_columns_are_found_under_any_of_their_names(which: Kind, respell: Callable[[Any], str]) -> None:
    rows = grid(which, [make.entry(which.slug)])
    columns = {str(column.label): column for column in columns_of(which, clerk_only=False)}
    rows[0] = [respell(columns[label.rstrip("*")]) for label in rows[0]]
    reading = read(which, written(rows))
    assert said(reading.entries[0].head) == said(make.entry(which.slug).head)


def test_columns_may_stand_in_any_order_below_titles() -> None:
    rows = [list(reversed(row)) for row in grid(ORDER, [make.order()])]
    titles = [["订单导入表"], [], ["制表：甲", "", "2025-06-01"]]
    reading = read(ORDER, written([*titles, *rows]))
    assert said(reading.entries[0].head) == said(make.order().head)
    assert reading.header_row == 4
    assert reading.entries[0].rows == (5, 6)


def test_a_merged_title_over_groups_of_columns_does_no_harm() -> None:
    rows = grid(ORDER, [make.order()])
    groups = ["订单"] + [""] * (len(rows[0]) - 2) + ["商品"]
    assert read(ORDER, written([groups, *rows])).header_row == 2


def test_no_header_names_what_is_looked_for() -> None:
    found = refusal(ORDER, written([["甲", "乙"], [1, 2]]))
    assert found.code == "no_header" and "“订单编号”" in found.reason and "模板" in found.reason


def test_another_kinds_workbook_is_called_by_its_name() -> None:
    for which in KINDS:
        for other in KINDS:
            if other is not which:
                for content in (workbook_of(other, [make.entry(other.slug)]), template(other)):
                    found = refusal(which, content)
                    assert isinstance(found, SheetRefused) and found.code == "another_kind"
                    assert f"这是{other.label}的工作簿" in found.reason and f"“{other.many} → 导入”" in found.reason


def test_a_workbook_of_this_kind_with_a_few_strange_columns_stays_one() -> None:
    rows = grid(ORDER, [make.order()])
    for label, strange in (("订单编号", "单号"), ("商品价格", "支付金额"), ("币制", "支付时间")):
        if label in [cell.rstrip("*") for cell in rows[0]]:
            rows = spoilt(rows, 1, label, strange)
    assert refusal(ORDER, written(rows)).code == "unknown_columns"


def test_missing_columns_are_all_named() -> None:
    rows = grid(ORDER, [make.order()])
    gone = sorted([place(rows, "订购人姓名"), place(rows, "数量")])
    found = refusal(ORDER, written([[cell for p, cell in enumerate(row) if p not in gone] for row in rows]))
    assert found.code == "missing_columns" and "“订购人姓名”“数量”" in found.reason and "第 1 行" in found.reason


@EVERY_KIND
def test_every_column_is_either_optional_or_missed(which: Kind) -> None:
    rows = grid(which, [make.entry(which.slug)])
    for column in columns_of(which):
        where = place(rows, str(column.label))
        cut = written([row[:where] + row[where + 1 :] for row in rows])
        if is_mandatory(which, column):
            assert str(column.label) in refusal(which, cut).reason
        else:
            assert read(which, cut).entries


def test_unknown_columns_are_named_by_letter_with_the_nearest_free_label() -> None:
    rows = grid(ORDER, [make.order()])
    rows = spoilt(rows, 1, "收货地址", "收件地址")
    rows = [[*row, ""] for row in rows]
    rows[0][-1] = "XYZ"
    found = refusal(ORDER, written(rows))
    assert found.code == "unknown_columns"
    letter, last = (xl_col_to_name(index) for index in (rows[0].index("收件地址"), len(rows[0]) - 1))
    assert f"{letter} 列（是不是“收货地址”）、{last} 列。" in found.reason
    assert "收件地址" not in found.kept and "XYZ" not in found.kept


def test_a_refusal_repeats_nothing_of_a_sheet_that_begins_with_data() -> None:
    someone = make.person(1)
    data = [
        "订单编号",
        "备注",
        someone.name,
        someone.number,
        someone.telephone,
        someone.address,
        f"订购人{someone.name}",
    ]
    book = openpyxl.Workbook()
    for name in (someone.name, someone.number):
        book.create_sheet(name).append(["订单编号", "备注"])
    out = io.BytesIO()
    book.save(out)
    only_header = written([row[:] for row in grid(ORDER, [make.order()])[:1]], name=someone.name)
    for content in (written([data]), written([data[2:]]), out.getvalue(), only_header):
        kept = refusal(ORDER, content).kept
        assert not any(word in kept for word in someone), kept


def test_doubled_columns_are_named_with_their_letters() -> None:
    rows = [[*row, row[0]] for row in grid(ORDER, [make.order()])]
    found = refusal(ORDER, written(rows))
    first, second = xl_col_to_name(place(rows, "订单编号")), xl_col_to_name(len(rows[0]) - 1)
    assert found.code == "doubled_columns" and f"“订单编号”（{first}, {second} 列）" in found.reason


def test_two_columns_of_one_name_are_the_heads_and_the_lines() -> None:
    rows = grid(ORDER, [make.order(note="整单", line={"note": "单项"})])
    rows = spoilt(rows, 1, "商品备注", "备注")
    entry = read(ORDER, written(rows)).entries[0]
    assert (entry.head["note"], entry.lines[0]["note"]) == ("整单", "单项")


def test_content_without_a_header_is_not_passed_over() -> None:
    rows = [[*row, ""] for row in grid(ORDER, [make.order()])]
    rows[2][-1] = "赠品"
    found = refusal(ORDER, written(rows))
    assert found.code == "unlabelled_column" and "第 3 行" in found.reason


def test_several_sheets_with_content_are_refused_by_place() -> None:
    book = openpyxl.Workbook()
    for name in ("一月", "二月"):
        sheet = book.create_sheet(name)
        for row in grid(ORDER, [make.order()]):
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    found = refusal(ORDER, out.getvalue())
    assert found.code == "several_sheets" and "第 2, 3 个" in found.reason


def test_rows_of_one_document_lie_apart_and_blank_rows_between() -> None:
    rows = grid(ORDER, [make.order(1), make.order(2)])
    first, second = rows[1:3], rows[3:5]
    reading = read(ORDER, written([rows[0], first[0], second[0], [], first[1], [" ", "　"], second[1]]))
    assert [entry.rows for entry in reading.entries] == [(2, 5), (3, 7)]
    assert [len(entry.lines) for entry in reading.entries] == [2, 2]
    assert reading.problems == [] and reading.row_count == 4


@pytest.mark.parametrize("keep", [(), ("订单编号",), ("电商平台代码",), ("订购人姓名",), ("订单编号", "收货地址")])
def test_head_cells_may_be_blank_after_the_first_row(keep: tuple[str, ...]) -> None:
    rows = grid(ORDER, [make.order(1, lines=3), make.order(2, lines=3)])
    heads = [place(rows, str(column.label)) for column in columns_of(ORDER) if not column.line]
    for number in (2, 3, 5, 6):
        for head in heads:
            if rows[0][head].rstrip("*") not in keep:
                rows[number][head] = ""
    reading = read(ORDER, written(rows))
    assert [entry.rows for entry in reading.entries] == [(2, 3, 4), (5, 6, 7)]
    assert reading.problems == []
    assert [said(entry.head) for entry in reading.entries] == [said(make.order(n, lines=3).head) for n in (1, 2)]


def test_a_row_of_other_words_without_a_number_is_a_document_of_its_own() -> None:
    rows = grid(ORDER, [make.order(1, lines=1), make.order(2, lines=1)])
    reading = read(ORDER, written(spoilt(rows, 3, "订单编号", "")))
    assert [entry.rows for entry in reading.entries] == [(2,), (3,)]
    _, problems = check(ORDER, make.filled(ORDER, reading.entries[1]))
    assert [(problem.rule, problem.field, problem.row) for problem in problems] == [("S01", "order_no", 3)]


@pytest.mark.parametrize("blank", [(2,), (3,), (4,), (2, 3), (3, 4), (2, 4), (2, 3, 4)])
def test_a_row_without_platform_code_belongs_to_its_number(blank: tuple[int, ...]) -> None:
    rows = grid(ORDER, [make.order(1, lines=3), make.order(2, lines=1)])
    for row in blank:
        rows = spoilt(rows, row, "电商平台代码", "")
    for order in ([0, 1, 2, 3, 4], [0, 1, 4, 2, 3]):
        reading = read(ORDER, written([rows[number] for number in order]))
        assert [len(entry.lines) for entry in reading.entries] == [3, 1]
        assert reading.problems == []
        assert bool(reading.entries[0].head["ebp_code"]) == (blank != (2, 3, 4))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2), (0, 1, 3, 2)])
def test_a_row_that_may_belong_to_two_documents_is_a_problem_of_both(order: tuple[int, ...]) -> None:
    rows = [grid(ORDER, [make.order(1, lines=1)])[number] for number in (0, 1, 1, 1)]
    rows = [row[:] for row in rows]
    rows = spoilt(rows, 3, "电商平台代码", "")
    rows = spoilt(rows, 4, "电商平台代码", "3122960A99")
    reading = read(ORDER, written([rows[number] for number in order]))
    doubtful = order.index(2) + 1
    assert len(reading.entries) == 2
    found = [problem for problem in reading.problems if problem.rule == "X07"]
    assert {problem.field for problem in found} == {"ebp_code"}
    assert all(any(problem.row in entry.rows for problem in found) for entry in reading.entries)
    assert doubtful in [problem.row for problem in found]
    assert all(f"第 {doubtful} 行没有填写“电商平台代码”" in problem.text for problem in found)


def test_a_first_row_without_number_is_as_the_row_below_it() -> None:
    rows = spoilt(grid(ORDER, [make.order(1, lines=3)]), 2, "订单编号", "")
    reading = read(ORDER, written(rows))
    assert [entry.rows for entry in reading.entries] == [(2, 3, 4)] and reading.problems == []
    assert said(reading.entries[0].head) == said(make.order(1, lines=3).head)


def test_a_row_that_differs_from_its_document_takes_no_other_row_along() -> None:
    rows = grid(ORDER, [make.order(1, lines=1), make.order(2, lines=1)])
    strange = spoilt([row[:] for row in rows], 2, "收货地址", "别处")[1]
    reading = read(ORDER, written([rows[0], rows[1], rows[2], strange, rows[2]]))
    assert [entry.rows for entry in reading.entries] == [(2, 4), (3, 5)]
    assert [(problem.rule, problem.row) for problem in reading.problems] == [("X01", 4)]


def test_many_documents_of_one_number_are_gathered_quickly() -> None:
    rows = grid(ORDER, [make.order(1, lines=1)])
    where = place(rows, "电商平台代码")
    more = [[*rows[1][:where], f"31{n:08}" if n % 2 else "", *rows[1][where + 1 :]] for n in range(6_000)]
    begun = time.process_time()
    reading = read(ORDER, written([rows[0], *more]))
    assert len(reading.entries) == 3_000 and {problem.rule for problem in reading.problems} == {"X07"}
    assert time.process_time() - begun < 15


def test_heads_that_differ_are_reported_at_row_and_column() -> None:
    rows = grid(ORDER, [make.order(1, lines=4)])
    for number in (3, 4):
        spoilt(rows, number, "收货地址", "上海市浦东新区另一路2号")
    reading = read(ORDER, written(rows))
    assert len(reading.entries) == 1
    assert [(p.rule, p.field, p.row, p.params) for p in reading.problems] == [
        ("X01", "consignee_address", 3, {"first": 2}),
        ("X01", "consignee_address", 4, {"first": 2}),
    ]
    assert reading.problems[0].label == "收货地址" and "第 2 行" in reading.problems[0].text


def test_one_row_per_document_where_there_are_no_lines() -> None:
    """The same number twice is the rules' to judge, not the reader's to join."""
    reading = read(PAYMENT, workbook_of(PAYMENT, [make.payment(1), make.payment(1)]))
    assert [entry.rows for entry in reading.entries] == [(2,), (3,)]


def test_an_identity_number_excel_has_cut_is_reported() -> None:
    number = make.person(1).number
    rows = spoilt(grid(PAYMENT, [make.payment()]), 2, "支付人证件号码", int(number[:17] + "0"))
    entry = read(PAYMENT, written(rows)).entries[0]
    assert isinstance(entry.head["payer_id_number"], CutNumber)
    clean, problems = check(PAYMENT, make.filled(PAYMENT, entry))
    assert clean is None
    assert [(p.rule, p.field, p.row) for p in problems] == [("S06", "payer_id_number", 2)]
    assert number[:6] not in problems[0].text


def test_a_code_that_lost_its_zero_is_mended_and_said() -> None:
    rows = spoilt(grid(ORDER, [make.order(line={"unit": "035"})]), 2, "单位", 35)
    _, problems = check(ORDER, make.filled(ORDER, read(ORDER, written(rows)).entries[0]))
    assert [(p.rule, p.field, p.line, p.row) for p in problems] == [("S33", "unit", 0, 2)]


def test_dates_come_as_dates() -> None:
    rows = grid(kind("inventory"), [make.inventory()])
    rows = spoilt(rows, 2, "进口日期", date(2025, 5, 30))
    assert read(kind("inventory"), written(rows)).entries[0].head["ie_date"] == date(2025, 5, 30)


def test_errors_and_formulas_without_result_are_problems_of_their_cell() -> None:
    book = openpyxl.Workbook()
    rows = spoilt(grid(ORDER, [make.order(1, lines=2)]), 2, "订单编号", "=A1&B1")
    rows = spoilt(rows, 3, "订单编号", "=A1&B1")
    for row in rows:
        book.worksheets[0].append(row)
    cell = book.worksheets[0].cell(3, place(rows, "数量") + 1, "#DIV/0!")
    cell.data_type = "e"
    out = io.BytesIO()
    book.save(out)
    reading = read(ORDER, out.getvalue())
    assert [(p.rule, p.field, p.line, p.row) for p in reading.problems] == [
        ("X05", "order_no", None, 2),
        ("X05", "order_no", None, 3),
        ("X04", "qty", 1, 3),
    ]
    assert "#DIV/0!" in reading.problems[2].text


def test_hidden_rows_are_read_and_said() -> None:
    book = openpyxl.Workbook()
    for row in grid(ORDER, [make.order(1), make.order(2)]):
        book.worksheets[0].append(row)
    book.worksheets[0].row_dimensions[3].hidden = True
    out = io.BytesIO()
    book.save(out)
    reading = read(ORDER, out.getvalue())
    assert reading.row_count == 4
    assert [(p.rule, p.row) for p in reading.problems] == [("X06", 2)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_csv_says_the_same(encoding: str) -> None:
    text = "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in grid(ORDER, [make.order(1), make.order(2)]))
    reading = read(ORDER, text.encode(encoding))
    assert [said(entry.head) for entry in reading.entries] == [said(make.order(n).head) for n in (1, 2)]


def test_text_that_starts_like_a_formula_stays_text() -> None:
    words = ["=1+1", "+86", "-5", "@SUM(A1)", "\t=1", "＝1", "'=1", "=cmd|' /C calc'!A0"]
    content = workbook_of(ORDER, [make.order(n, note=word) for n, word in enumerate(words)])
    assert [entry.head["note"] for entry in read(ORDER, content).entries] == words
    cells = [cell for row in openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells if cell.value is not None} == {"s"}


def test_many_lines_of_one_document_are_gathered_quickly() -> None:
    rows = grid(ORDER, [make.order(1, lines=1)])
    begun = time.monotonic()
    reading = read(ORDER, written([rows[0], *[rows[1]] * 5_000]))
    assert len(reading.entries) == 1 and len(reading.entries[0].lines) == 5_000
    assert time.monotonic() - begun < 10


def test_rules_of_the_sheet_are_in_the_book() -> None:
    assert {"X01", "X04", "X05", "X06", "X07"} <= RULES.keys()


CELLS = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=12).filter(lambda text: not text.startswith("http")),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(date(1900, 3, 1)),
    st.sampled_from([str(column.label) for which in KINDS for column in columns_of(which)] + ["", "SH20250601"]),
)


@EVERY
@given(st.sampled_from(KINDS), st.lists(st.lists(CELLS, max_size=12), max_size=8))
def test_any_sheet_is_read_or_refused(which: Kind, rows: list[list[Any]]) -> None:
    try:
        read(which, written(rows))
    except WorkbookRefused as refused:
        assert refused.reason


@EVERY
@given(st.sampled_from(KINDS), st.lists(st.tuples(st.integers(1, 5), st.integers(0, 60), CELLS), max_size=12))
def test_any_cells_in_a_good_sheet_end_in_entries_and_problems(
    which: Kind, changes: list[tuple[int, int, Any]]
) -> None:
    rows = grid(which, [make.entry(which.slug, n) for n in (1, 2, 3)])
    for row, column, cell in changes:
        if row < len(rows) and column < len(rows[row]):
            rows[row][column] = cell
    try:
        reading = read(which, written(rows))
    except WorkbookRefused as refused:
        assert refused.reason
        return
    brought = [row for entry in reading.entries for row in entry.rows]
    assert len(set(brought)) == len(brought) == reading.row_count
    assert {problem.row for problem in reading.problems} <= set(brought)
    for entry in reading.entries:
        assert len(entry.lines) == (len(entry.rows) if which.line else 0)
        for problem in check(which, make.filled(which, entry))[1] + reading.problems:
            assert problem.text


@EVERY_KIND
def test_the_example_is_a_document_in_shape(which: Kind) -> None:
    clean, problems = check(which, make.filled(which, example(which)))
    assert clean is not None, [(problem.field, problem.text) for problem in problems]


def test_a_cell_of_many_marks_is_no_column_name_and_costs_nothing() -> None:
    """Bringing order into 32,000 marks takes seconds, for each of them."""
    marks = "\u0301" * 16_000 + "\u0323" * 16_000
    begun = time.process_time()
    assert marks.startswith(plain_label(marks)) and time.process_time() - begun < 1
