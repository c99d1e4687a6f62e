"""Uploading a workbook: the check grid, the decision, the three numbers."""

import io
from datetime import timedelta

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from declarations import filing
from declarations.doors import uploads
from declarations.doors.template import EXAMPLE_SHEET, columns_of, example, workbook_of
from declarations.kinds import KINDS, kind
from declarations.models import Document, Source, Upload, UploadState
from portal.workbook import MAX_BYTES
from tests import make
from tests.pages import filed

pytestmark = pytest.mark.django_db


def orders(*, wrong: int = 0, right: int = 0):
    good = [make.order(number) for number in range(1, right + 1)]
    return good + [make.order(100 + number, buyer_id_number="310115190001010011") for number in range(wrong)]


@pytest.mark.parametrize("slug", [kind.slug for kind in KINDS])
def test_it_takes_a_workbook_and_offers_the_template(slug, cast, client_of):
    client = client_of(filed.FILERS[slug])
    assert client.get(reverse("template", args=[slug])).content.startswith(b"PK")
    content = workbook_of(kind(slug), [make.entry(slug, 1)])
    answer = client.post(reverse("upload", args=[slug]), {"file": SimpleUploadedFile("甲.xlsx", content)})
    upload = Upload.objects.get()
    assert answer.headers["Location"] == reverse("upload_check", args=[upload.pk])
    page = client.get(answer.headers["Location"]).content.decode()
    assert 'hx-trigger="every 1s"' in page and 'http-equiv="refresh"' in page
    assert uploads.work_next()
    assert 'hx-trigger="every 1s"' not in client.get(answer.headers["Location"]).content.decode()


FILINGS = [
    ("order", "merchant_filer"), ("order", "platform_filer"), ("order", "neighbour_filer"), ("payment", "payment_filer"),
    ("waybill", "bonded_logistics_filer"), ("inventory", "warehouse_filer"),
    ("inventory", "merchant_filer"), ("inventory", "neighbour_filer"),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "by"), FILINGS)
def test_the_example_of_the_template_can_be_filed(slug, by, cast, client_of):
    """As a newcomer does it: the row of the example, of a bonded trade, copied into the sheet beside it."""
    client = client_of(by)
    book = openpyxl.load_workbook(io.BytesIO(client.get(reverse("template", args=[slug])).content))
    for cell in book[EXAMPLE_SHEET][2]:
        book.worksheets[0].cell(2, cell.column, cell.value)
    out = io.BytesIO()
    book.save(out)
    client.post(reverse("upload", args=[slug]), {"file": SimpleUploadedFile("示例.xlsx", out.getvalue())})
    assert uploads.work_next()
    upload = Upload.objects.get()
    assert (upload.documents, upload.bad_documents, upload.found) == (1, 0, {})
    client.post(reverse("upload_file", args=[upload.pk]), {"choice": "all", "do": "file"})
    assert uploads.work_next() and Document.objects.get().kind == slug


def test_the_examples_of_all_templates_are_one_trade(cast):
    """Filed one after the other, they wait for nothing but customs' word."""
    for slug, by in (("order", "merchant_filer"), ("payment", "payment_filer"), ("waybill", "bonded_logistics_filer")):
        done = filing.file_documents(
            actor=cast.actor(by), kind=kind(slug), entries=[example(kind(slug))], source=Source.FORM
        )
        assert done.filed, done.problems
        filed.accept(list(Document.objects.filter(kind=slug)))
    listed = kind("inventory")
    done = filing.file_documents(
        actor=cast.actor("warehouse_filer"), kind=listed, entries=[example(listed)], source=Source.FORM
    )
    assert done.filed and not done.problems.get(0)


@pytest.mark.parametrize(("slug", "by"), [*FILINGS, ("waybill", "direct_logistics_filer")])
def test_form_and_template_ask_for_the_same(slug, by, cast, client_of):
    """A star in the one is a star in the other, for this filer."""
    client = client_of(by)
    page = client.get(reverse("form", args=[slug])).context["page"]
    needed = {str(one.label) for group in page.groups for one in group.inputs if one.is_needed}
    lines = {str(column.label) for column in columns_of(kind(slug)) if column.line}
    book = openpyxl.load_workbook(io.BytesIO(client.get(reverse("template", args=[slug])).content))
    starred = {cell.value.removesuffix("*") for cell in book.worksheets[0][1] if cell.value.endswith("*")}
    assert starred - lines == needed


@pytest.mark.parametrize("sent", [None, b""])
def test_it_asks_for_a_file(sent, cast, client_of):
    files = {} if sent is None else {"file": SimpleUploadedFile("空.xlsx", sent)}
    page = client_of("merchant_filer").post(reverse("upload", args=["order"]), files)
    assert "没有选择文件" in page.content.decode() and not Upload.objects.exists()


def test_it_refuses_what_is_no_workbook_and_says_why(cast, client_of):
    client = client_of("merchant_filer")
    client.post(reverse("upload", args=["order"]), {"file": SimpleUploadedFile("甲.xlsx", b"%PDF-1.7 hello")})
    assert uploads.work_next()
    page = client.get(reverse("upload_check", args=[Upload.objects.get().pk])).content.decode()
    assert "一票也没有申报" in page and "PDF" in page


def test_it_marks_each_wrong_cell_with_its_reason(cast, client_of):
    upload = filed.uploaded(cast, "order", orders(wrong=2, right=3))
    page = client_of("merchant_filer").get(reverse("upload_check", args=[upload.pk]))
    shown = page.context["grid"]
    body = page.content.decode()
    assert {problem.rule for row in shown.rows for problem in row.problems} == {"S20"}
    assert [(chip.rule, chip.count) for chip in shown.chips] == [("S20", 2)]
    assert "身份证号的校验位不对" in body and "申报 3 票" in body
    assert "310115190001010011" not in body


def test_it_shows_only_the_rows_of_one_rule(cast, client_of):
    upload = filed.uploaded(cast, "order", [*orders(wrong=1), make.order(50, goods_value="1")])
    client = client_of("merchant_filer")
    shown = client.get(reverse("upload_check", args=[upload.pk]) + "?tab=error&rule=S20").context["grid"]
    assert {problem.rule for row in shown.rows for problem in row.problems} == {"S20"}
    everything = client.get(reverse("upload_check", args=[upload.pk]) + "?tab=all").context["grid"]
    assert len(everything.rows) == upload.rows


def test_it_files_the_good_ones_and_gives_three_numbers(cast, client_of):
    upload = filed.uploaded(cast, "order", orders(wrong=1, right=2))
    client = client_of("merchant_filer")
    address = reverse("upload_file", args=[upload.pk])
    assert client.post(address, {"choice": "good", "do": "file"}).status_code == 302
    assert uploads.work_next()
    upload.refresh_from_db()
    assert (upload.filed, upload.refused, upload.skipped) == (2, 1, 0)
    body = client.get(reverse("upload_check", args=[upload.pk])).content.decode()
    assert "已申报" in body and "未受理" in body and "跳过" in body
    client.post(address, {"choice": "good", "do": "file"})
    assert not uploads.work_next() and Document.objects.count() == 2


def test_it_files_nothing_when_all_must_be_right(cast, client_of):
    upload = filed.uploaded(cast, "order", orders(wrong=1, right=2))
    client_of("merchant_filer").post(reverse("upload_file", args=[upload.pk]), {"choice": "all", "do": "file"})
    assert not uploads.work_next() and not Document.objects.exists()


def test_it_says_when_the_same_workbook_comes_twice(cast, client_of):
    client = client_of("merchant_filer")
    for _time in range(2):
        upload = filed.uploaded(cast, "order", orders(right=2))
        page = client.get(reverse("upload_check", args=[upload.pk])).content.decode()
        client.post(reverse("upload_file", args=[upload.pk]), {"choice": "good", "do": "file"})
        uploads.work_next()
    assert Document.objects.count() == 2
    assert "没有要申报的" in page


def test_it_drops_an_upload(cast, client_of):
    upload = filed.uploaded(cast, "order", orders(right=1))
    client_of("merchant_filer").post(reverse("upload_file", args=[upload.pk]), {"do": "discard"})
    upload.refresh_from_db()
    assert upload.state == UploadState.DISCARDED and not Document.objects.exists()


def test_it_costs_the_same_queries_for_few_and_many_rows(cast, client_of, django_assert_max_num_queries):
    client = client_of("merchant_filer")
    few, many = filed.uploaded(cast, "order", orders(wrong=1)), filed.uploaded(cast, "order", orders(wrong=20))
    client.get(reverse("upload_check", args=[few.pk]))
    with django_assert_max_num_queries(20) as one:
        client.get(reverse("upload_check", args=[few.pk]))
    with django_assert_max_num_queries(len(one.captured_queries)):
        client.get(reverse("upload_check", args=[many.pk]))


def test_it_says_that_the_rows_are_no_longer_kept(cast, client_of):
    upload = filed.uploaded(cast, "order", orders(wrong=1, right=1))
    client, address = client_of("merchant_filer"), reverse("upload_check", args=[upload.pk])
    client.post(reverse("upload_file", args=[upload.pk]), {"choice": "good", "do": "file"})
    assert uploads.work_next()
    assert "已删除" not in client.get(address).content.decode()
    assert "已删除" not in client.get(address + "?tab=warning").content.decode()
    uploads.drop_expired(now=timezone.now() + timedelta(days=91))
    body = client.get(address).content.decode()
    assert "申报 90 天后已删除" in body and "已申报" in body and "下表" not in body and "<table" not in body


def test_it_says_that_nobody_decided_in_time(cast, client_of):
    upload = filed.uploaded(cast, "order", orders(right=1))
    uploads.drop_expired(now=timezone.now() + timedelta(days=31))
    body = client_of("merchant_filer").get(reverse("upload_check", args=[upload.pk])).content.decode()
    assert "已放弃" in body and "30 天内没有决定" in body


def test_it_says_why_a_decision_came_to_nothing_and_offers_it_again(cast, client_of):
    upload = filed.uploaded(cast, "order", orders(right=2))
    client, address = client_of("merchant_filer"), reverse("upload_check", args=[upload.pk])
    client.post(reverse("upload_file", args=[upload.pk]), {"choice": "all", "do": "file"})
    filing.file_documents(
        actor=filed.actor(cast, "order"), kind=kind("order"), entries=[make.order(1, note="别的")], source=Source.FORM
    )
    assert uploads.work_next()
    page = client.get(address)
    shown, body = page.context["grid"], page.content.decode()
    assert "一票也没有申报" in body and "申报 1 票" in body
    assert [(chip.rule, chip.count) for chip in shown.chips] == [("E05", 1)]
    assert {tab.slug: tab.count for tab in shown.tabs} == {"error": 2, "all": 4}


def test_it_promises_the_size_the_reader_takes(cast, client_of):
    page = client_of("merchant_filer").get(reverse("upload", args=["order"])).content.decode()
    assert f"不超过 {MAX_BYTES // 1024 // 1024} MB" in page and uploads.MAX_BYTES == MAX_BYTES
