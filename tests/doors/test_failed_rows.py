"""The workbook of failed rows: every failed row once, with its reason, and itself a workbook to correct and upload again."""

import io

import pytest
from openpyxl import load_workbook

from declarations.doors import uploads
from declarations.doors.failed_rows import NO_ANSWER, workbook
from declarations.doors.template import OF_THE_CHECK, workbook_of
from declarations.kinds import KINDS, kind
from declarations.models import Document, Upload, UploadRow
from tests import make
from tests.exchange.desk import FILERS, filed
from tests.filing.test_uploads import bad, decided, received, rules_at_rows, saved, sent_in, swept

pytestmark = pytest.mark.django_db


def sheet_of(content: bytes) -> list[dict[str, str]]:
    """The rows of the sheet by column."""
    book = load_workbook(io.BytesIO(content))
    head, *rows = [[cell.value or "" for cell in row] for row in book.worksheets[0].iter_rows()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def red(content: bytes) -> set[tuple[int, str]]:
    """Row and column of every coloured cell below the header."""
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    head = [cell.value for cell in sheet[1]]
    return {
        (cell.row, str(head[cell.column - 1]))
        for row in sheet.iter_rows(min_row=2)
        for cell in row
        if cell.fill.fill_type == "solid"
    }


def test_it_holds_every_row_of_every_failed_document_and_no_other(cast):
    upload = swept(received(cast, "order", [make.order(1), bad(2), make.order(3), make.order(4, consignee="")]))
    content = workbook(upload)
    rows = sheet_of(content)
    assert [row["原行号"] for row in rows] == ["4", "5", "8", "9"]
    assert len(rows) == UploadRow.objects.filter(upload_id=upload.id, level="error").count()
    assert [row["规则"] for row in rows] == ["", "S09", "S01", ""]
    assert list(rows[0])[3:6] == ["订单编号", "电商平台代码", "电商平台名称"]
    assert rows[1]["错误原因"].startswith("数量：不是数字") and "收货人姓名" in rows[2]["错误原因"]
    assert rows[0]["错误原因"] == rows[3]["错误原因"] == "同一单证的其他行有错"
    assert red(content) == {(3, "数量"), (4, "收货人姓名")}
    assert decided(cast, upload)
    swept(upload)
    assert sheet_of(workbook(upload)) == rows


def test_it_takes_up_what_became_wrong_when_it_was_filed(cast):
    upload = swept(received(cast, "order", [make.order(1), make.order(2)]))
    assert sheet_of(workbook(upload)) == []
    decided(cast, upload)
    filed(cast, "order", 2, note="inzwischen")
    swept(upload)
    assert [(row["原行号"], row["规则"]) for row in sheet_of(workbook(upload))] == [("4", "E05"), ("5", "")]


def test_it_leaves_out_what_waits_and_what_is_filed_already(cast):
    filed(cast, "order", 1)
    upload = swept(received(cast, "order", [make.order(1), bad(2)]))
    assert {row["原行号"] for row in sheet_of(workbook(upload))} == {"4", "5"}
    waits = swept(received(cast, "waybill", [make.waybill(1), make.waybill(2, consignee="")]))
    assert [row["原行号"] for row in sheet_of(workbook(waits))] == ["3"]


@pytest.mark.parametrize("slug", [one.slug for one in KINDS])
def test_corrected_it_is_uploaded_again_as_it_is(cast, slug):
    """Every kind: the clerk corrects the red cell in the very file and sends it in; what it says is what was meant."""
    entries = [make.entry(slug, n) for n in (1, 2)]
    spoilt = [make.entry(slug, 1), make.entry(slug, 2, **{"currency": "XXX"})]
    upload = swept(received(cast, slug, spoilt))
    assert (upload.documents, upload.bad_documents) == (2, 1)
    book = load_workbook(io.BytesIO(workbook(upload)))
    sheet = book.worksheets[0]
    column = {str(cell.value): cell.column for cell in sheet[1]}
    (label,) = {name for _row, name in red(workbook(upload))}
    assert sheet.cell(2, column[label]).value == "XXX"
    sheet.cell(2, column[label]).value = "142"
    again = swept(sent_in(cast, saved(book), slug=slug))
    assert (again.reason, again.documents, again.bad_documents) == ("", 1, 0)
    assert decided(cast, again)
    swept(again)
    assert again.filed + again.waiting == 1
    whole = swept(received(cast, slug, entries))
    found = {rule for rules in rules_at_rows(whole).values() for rule in rules}
    assert (whole.known_documents, "E05" in found) == (1, False)
    assert Document.objects.filter(kind=slug).count() == 1


def test_uncorrected_it_is_refused_for_the_same_reasons(cast):
    wrong = make.order(2, goods_value="x", consignee="")
    wrong.lines[1]["price"] = "1,5"
    upload = swept(received(cast, "order", [bad(1), wrong]))
    again = swept(sent_in(cast, workbook(upload)))
    assert again.found == upload.found
    assert (again.rows, again.documents, again.bad_documents) == (4, 2, 2)


def test_what_the_sheet_has_lost_does_not_pass_when_it_comes_again(cast):
    """A number Excel cut, rows of one document that disagree: the file may not make them right by itself."""
    book = load_workbook(io.BytesIO(workbook_of(kind("order"), [make.order(1), make.order(2), make.order(3)])))
    sheet = book.worksheets[0]
    column = {str(cell.value).rstrip("*"): cell.column for cell in sheet[1]}
    for row in (2, 3):
        sheet.cell(row, column["订购人注册号"]).value = 1234567890123456789
        sheet.cell(row, column["订购人注册号"]).number_format = "0"
    sheet.cell(5, column["商品价格"]).value = "999"
    upload = swept(sent_in(cast, saved(book)))
    assert {"S06", "X01"} <= set(upload.found)
    rows = sheet_of(workbook(upload))
    assert [row["原行号"] for row in rows] == ["2", "3", "4", "5"]
    assert rows[0]["订购人注册号"] == "" and rows[3]["商品价格"] == NO_ANSWER
    again = swept(sent_in(cast, workbook(upload)))
    assert (again.bad_documents, again.documents) == (2, 2)
    assert {"S01", "X01"} <= set(again.found)


def test_a_number_where_a_code_belongs_is_written_as_the_code(cast):
    book = load_workbook(io.BytesIO(workbook_of(kind("inventory"), [make.inventory(1, net_weight="x")])))
    sheet = book.worksheets[0]
    column = {str(cell.value).rstrip("*"): cell.column for cell in sheet[1]}
    unit = column["法定计量单位"]
    assert sheet.cell(2, unit).value == "035"
    for row in (2, 3):
        sheet.cell(row, unit).value = 35
        sheet.cell(row, unit).number_format = "General"
    upload = swept(sent_in(cast, saved(book), slug="inventory"))
    assert "S09" in upload.found
    assert {row["法定计量单位"] for row in sheet_of(workbook(upload))} == {"035"}


def test_text_that_looks_like_a_formula_stays_text(cast):
    upload = swept(received(cast, "order", [make.order(1, note="=1+1", consignee="")]))
    cells = load_workbook(io.BytesIO(workbook(upload))).worksheets[0]
    head = [cell.value for cell in cells[1]]
    note = cells.cell(2, head.index("备注") + 1)
    assert (note.value, note.data_type) == ("=1+1", "s")


def test_the_columns_of_the_check_mean_nothing_where_they_stand(cast):
    """Left in, emptied or filled with anything, they are passed over; a column nobody knows is still refused."""
    book = load_workbook(io.BytesIO(workbook_of(kind("order"), [make.order(1)])))
    sheet = book.worksheets[0]
    last = sheet.max_column
    for place, label in enumerate(OF_THE_CHECK, last + 1):
        sheet.cell(1, place, label)
        sheet.cell(2, place, "随便写的")
    assert swept(sent_in(cast, saved(book))).bad_documents == 0
    sheet.cell(1, last + 4, "别的")
    refused = swept(sent_in(cast, saved(book)))
    assert "不认识的列" in refused.reason or refused.state == "refused"


def test_it_is_of_the_upload_asked_for_and_of_nobody_else(cast):
    own = swept(received(cast, "order", [bad(1)]))
    other = swept(received(cast, "order", [bad(2)], by="merchant_filer"))
    assert sheet_of(workbook(own))[0]["订单编号"] == make.order(1).head["order_no"]
    assert sheet_of(workbook(other))[0]["订单编号"] == make.order(2).head["order_no"]
    assert Upload.objects.count() == 2 and uploads.work_next() is False
    assert FILERS["order"] == own.user.username
