"""Documents that wait, as a clerk sees them: before filing, in the list, on their page, in the form; and the failed rows."""

import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from accounts.models import AuditEntry
from declarations import tasks, waiting
from declarations.doors import uploads
from declarations.kinds import kind
from declarations.lifecycle import State
from declarations.models import Document, Outbound, StateChange
from tests import make
from tests.pages import filed

pytestmark = pytest.mark.django_db


def brought(cast, slug: str, *numbers: int, **cells) -> list[Document]:
    """The n-th documents of a kind, filed before anything they stand on."""
    outcome = filed.filing.file_documents(
        actor=filed.actor(cast, slug),
        kind=kind(slug),
        entries=[make.entry(slug, number, **cells) for number in numbers],
        source="form",
    )
    return [Document.objects.get(pk=pk) for pk in outcome.waiting.values()]


def there(cast, *slugs: str, numbers: tuple[int, ...] = (1,)) -> None:
    """Those documents of the trades, filed and accepted."""
    for slug in slugs:
        entries = [make.entry(slug, number) for number in numbers]
        filed.filing.file_documents(actor=filed.actor(cast, slug), kind=kind(slug), entries=entries, source="form")
        filed.accept(list(Document.objects.filter(kind=slug, state="queued")))


# --- the check of a workbook ---------------------------------------------------------------------------------------


def test_the_check_shows_apart_what_will_wait_and_why(cast, client_of):
    there(cast, "order", "payment")
    upload = filed.uploaded(cast, "waybill", [make.waybill(1), make.waybill(2), make.waybill(3, weight="0")])
    client, address = client_of("bonded_logistics_filer"), reverse("upload_check", args=[upload.pk])
    shown = client.get(address).context["grid"]
    assert {tab.slug: tab.count for tab in shown.tabs} == {"error": 1, "wait": 1, "all": 3}
    page = client.get(address + "?tab=wait")
    body = page.content.decode()
    (row,) = page.context["grid"].rows
    assert [cell.level for cell in row.cells].count("wait") == 1
    assert (row.problems, row.wait) == (
        [],
        "订单尚未申报，应由电商企业、电商平台申报；支付单尚未申报，应由支付企业申报",
    ), "one line for each document"
    assert body.count(row.wait) == 1 and "自动发往海关" in body
    assert "其中 1 票的前序单证还没有被海关接受" in body and "申报 2 票" in body
    client.post(reverse("upload_file", args=[upload.pk]), {"choice": "good", "do": "file"})
    assert uploads.work_next()
    upload.refresh_from_db()
    assert (upload.filed, upload.waiting, upload.refused, upload.skipped) == (1, 1, 1, 0)


def test_the_figures_of_a_filed_workbook_follow_what_still_waits(cast, client_of):
    """Not what it was when it was filed: an hour later the clerk reads how it stands."""
    upload = filed.uploaded(cast, "waybill", [make.waybill(1), make.waybill(2)])
    client, address = client_of("bonded_logistics_filer"), reverse("upload_check", args=[upload.pk])
    client.post(reverse("upload_file", args=[upload.pk]), {"choice": "good", "do": "file"})
    assert uploads.work_next()

    def shown() -> tuple[int, int, str]:
        page = client.get(address)
        standing = page.context["grid"].standing
        return standing.filed, standing.waiting, page.content.decode()

    waits, home = "支付单尚未申报，应由支付企业申报", reverse("uploads")
    filed_, waiting_, body = shown()
    assert (filed_, waiting_) == (0, 2)
    assert f'href="{reverse("list", args=["waybill"])}?tab=waiting"' in body and "自动发出，不必再传" in body
    assert body.count(waits) == 2 and "＋2 等待" in client.get(home).content.decode()
    there(cast, "order", "payment")
    assert waiting.free_waiting()
    filed_, waiting_, body = shown()
    assert (filed_, waiting_) == (1, 1) and body.count(waits) == 1
    page = client.get(home)
    assert "＋1 等待" in page.content.decode() and page.context["uploads"][0][0].filed == 1
    desk = client.get(reverse("home")).content.decode()
    assert "已申报 1 票" in desk and "1 票仍在等待" in desk
    there(cast, "order", "payment", numbers=(2,))
    assert waiting.free_waiting()
    filed_, waiting_, body = shown()
    assert (filed_, waiting_) == (2, 0) and waits not in body and "其中 2 票申报时先等待前序单证，现已不再等待" in body
    assert "等待</small>" not in client.get(home).content.decode()


def test_uploads_are_counted_with_one_query_and_with_none_where_nothing_waited(cast, django_assert_num_queries):
    waited = filed.uploaded(cast, "waybill", [make.waybill(1)])
    for upload in (waited, at_once := filed.uploaded(cast, "order", [make.order(1)])):
        uploads.decide(actor=filed.actor(cast, upload.kind), upload=upload, all_or_nothing=False)
        assert uploads.work_next()
        upload.refresh_from_db()
    with django_assert_num_queries(0):
        assert [one[1:] for one in uploads.standings([at_once])] == [(1, 0)]
    with django_assert_num_queries(1):
        assert [one[1:] for one in uploads.standings([waited, waited])] == [(0, 1), (0, 1)]


def test_a_sheet_without_errors_speaks_of_none(cast, client_of):
    upload = filed.uploaded(cast, "order", [make.order(1)])
    assert "一行有错" not in client_of("merchant_filer").get(reverse("upload_check", args=[upload.pk])).content.decode()
    upload = filed.uploaded(cast, "order", [make.order(2, goods_value="x")])
    assert "一行有错" in client_of("merchant_filer").get(reverse("upload_check", args=[upload.pk])).content.decode()


def test_all_or_nothing_counts_what_waits_as_right(cast, client_of):
    upload = filed.uploaded(cast, "waybill", [make.waybill(1)])
    client_of("bonded_logistics_filer").post(reverse("upload_file", args=[upload.pk]), {"choice": "all", "do": "file"})
    assert uploads.work_next()
    assert Document.objects.get().state == State.WAITING


# --- the failed rows -----------------------------------------------------------------------------------------------


def test_the_failed_rows_are_offered_to_who_files_and_put_on_record(cast, client_of):
    upload = filed.uploaded(cast, "order", [make.order(1), make.order(2, goods_value="x")])
    client, address = client_of("merchant_filer"), reverse("upload_failed", args=[upload.pk])
    page = client.get(reverse("upload_check", args=[upload.pk])).content.decode()
    assert f'href="{address}"' in page and "下载这些单证的 2 行和原因" in page
    answer = client.get(address)
    assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
    assert sheet.max_row - 1 == upload.documents - 1 + 1
    assert make.person(2).name in {cell.value for row in sheet.iter_rows() for cell in row}
    entry = AuditEntry.objects.get(action="uncover")
    assert entry.subject == f"order upload {upload.pk}" and entry.details["reason"]


def test_where_nothing_failed_nothing_is_offered(cast, client_of):
    upload = filed.uploaded(cast, "order", [make.order(1)])
    page = client_of("merchant_filer").get(reverse("upload_check", args=[upload.pk])).content.decode()
    assert reverse("upload_failed", args=[upload.pk]) not in page


# --- the list ------------------------------------------------------------------------------------------------------


def test_the_list_has_a_tab_for_what_waits_and_says_whose_turn_it_is(cast, client_of):
    client, address = client_of("warehouse_filer"), reverse("list", args=["inventory"])
    assert "waiting" not in {tab.slug for tab in client.get(address).context["page"].tabs}
    (document,) = brought(cast, "inventory", 1)
    page = client.get(address + "?tab=waiting").context["page"]
    assert {tab.slug: tab.count for tab in page.tabs if tab.count} == {"": 1, "waiting": 1}
    (row,) = page.rows
    names = (make.PLATFORM.name, make.MERCHANT.name, "支付企业", make.COURIER.name)
    assert row.next_step == f"等订单、支付单、运单（{'、'.join(names)}）"
    assert (str(row.look.word), row.look.tone, row.look.code, row.is_bad) == ("等待前序单证", "hold", "", False)
    assert page.is_moving and document.number in client.get(address).content.decode()


def test_it_is_the_turn_of_those_only_who_have_not_filed_and_then_of_customs(cast, client_of):
    """The courier whose waybill is there, though it waits itself, has nothing to do; asked now, not as last noted."""
    there(cast, "payment")
    (document,) = brought(cast, "inventory", 1)
    brought(cast, "waybill", 1)
    client, home = client_of("warehouse_filer"), reverse("list", args=["inventory"])
    address = reverse("detail", args=["inventory", document.pk])

    def turn() -> tuple[str, str, str]:
        (row,) = client.get(home).context["page"].rows
        now = client.get(address).context["story"].turn
        return now.who, now.what, row.next_step

    owners = f"{make.PLATFORM.name}、{make.MERCHANT.name}"
    assert turn() == (owners, "申报订单，由海关接受", f"等订单（{owners}）")
    filed.filing.file_documents(
        actor=filed.actor(cast, "order"), kind=kind("order"), entries=[make.order(1)], source="form"
    )
    assert turn() == ("海关", "接受订单、运单", "等海关接受订单、运单")
    assert Document.objects.get(pk=document.pk).waits_for == "order,waybill"


def test_a_list_asks_as_often_for_fifty_that_wait_as_for_two(cast, client_of):
    client, address = client_of("warehouse_filer"), reverse("list", args=["inventory"]) + "?tab=waiting"

    def cost(*numbers: int) -> int:
        brought(cast, "inventory", *numbers)
        with CaptureQueriesContext(connection) as queries:
            assert len(client.get(address).context["page"].rows) >= len(numbers)
        return len(queries)

    cost(1)
    assert cost(2) == cost(*range(3, 51))


# --- its page ------------------------------------------------------------------------------------------------------


def test_its_page_says_since_when_it_waits_for_what_and_that_it_went_on(cast, client_of):
    (document,) = brought(cast, "inventory", 1)
    client, address = client_of("warehouse_filer"), reverse("detail", args=["inventory", document.pk])
    story = client.get(address).context["story"]
    assert story.is_moving and not story.turn.is_ours and "核对订单编号" in story.turn.ours
    assert [step.title for step in story.steps] == ["等待前序单证", "校验通过", "申报"]
    assert "订单尚未申报，应由" in story.steps[0].lines[0] and story.steps[0].at == document.state_at
    assert "前序单证到齐后" in story.next_steps
    there(cast, "order", "payment")
    Document.objects.filter(pk=document.pk).update(looked_at=make.NOW)
    waiting.free_waiting()
    story = client.get(address).context["story"]
    # What a sweep notes bears the time of its transaction, which is here the test's own: its place says nothing.
    (still,) = [step for step in story.steps if step.title == "仍在等待"]
    assert [step.title for step in story.steps if step is not still] == ["等待前序单证", "校验通过", "申报"]
    assert still.lines == [f"运单尚未申报，应由{make.COURIER.name}申报"]
    assert story.turn.who == make.COURIER.name and "运单" in story.turn.what
    there(cast, "waybill")
    assert waiting.free_waiting()
    story = client.get(address).context["story"]
    assert "前序单证已到齐" in [step.title for step in story.steps] and story.turn.who == "本系统"
    assert [step.title for step in story.steps].count("申报") == 1


def test_its_page_says_which_rule_it_broke_while_it_waited(cast, client_of):
    (document,) = brought(cast, "waybill", 1)
    there(cast, "order", "payment")
    Document.objects.filter(kind="payment").update(enterprise=cast.enterprises["bonded_logistics"])
    tasks.free_waiting()
    page = client_of("bonded_logistics_filer").get(reverse("detail", args=["waybill", document.pk]))
    story, body = page.context["story"], page.content.decode()
    assert [(reason.code, reason.text) for reason in story.reasons] == [("E09", "与支付单的申报企业是同一家。")]
    assert "请由相应企业申报" in body and "海关原文" not in body and story.turn.who == "本企业"


def test_the_story_of_a_document_refused_and_filed_again_too_early(cast, client_of):
    (document,) = filed.file(cast, "waybill", 1)
    filed.reject([document])
    Document.objects.filter(kind="payment").update(state="rejected")
    (again,) = brought(cast, "waybill", 1, note="更正")
    assert again.pk == document.pk
    story = client_of("bonded_logistics_filer").get(reverse("detail", args=["waybill", again.pk])).context["story"]
    filings = [step.meta for step in story.steps if step.title == "申报"]
    assert filings == ["第 2 次", "第 1 次"]
    assert StateChange.objects.filter(document=document, state="waiting").get().attempt == 2


# --- the form ------------------------------------------------------------------------------------------------------


def test_the_form_says_that_it_will_wait_and_files_all_the_same(cast, client_of):
    client, address = client_of("bonded_logistics_filer"), reverse("form", args=["waybill"])
    posted = filed.typed("waybill", make.waybill(1))
    page = client.post(address, {**posted, "do": "check"})
    body = page.content.decode()
    assert "可以申报，但要先等前序单证" in body and "应由支付企业申报" in body and "校验通过" in body
    assert not page.context["page"].faults and len(page.context["page"].waits) == 2
    answer = client.post(address, {**posted, "do": "file"}, follow=True)
    document = Document.objects.get()
    assert document.state == State.WAITING and not Outbound.objects.exists()
    assert answer.redirect_chain[-1][0] == reverse("detail", args=["waybill", document.pk])
    assert "已保存，等待前序单证" in answer.content.decode()


def test_what_waits_may_be_corrected_until_it_goes_on(cast, client_of):
    (document,) = brought(cast, "waybill", 1)
    client, address = client_of("bonded_logistics_filer"), reverse("form", args=["waybill"]) + f"?from={document.pk}"
    assert f'href="{address}"' in client.get(reverse("detail", args=["waybill", document.pk])).content.decode()
    page = client.get(address).content.decode()
    assert "更正运单" in page and "退回" not in page
    same = client.post(address, {**filed.typed("waybill", make.waybill(1)), "do": "file"}).content.decode()
    assert "正在等待前序单证，不重复申报" in same
    client.post(address, {**filed.typed("waybill", make.waybill(1, note="更正")), "do": "file"})
    document.refresh_from_db()
    assert (document.state, document.attempt, document.waybill.note) == ("waiting", 1, "更正")
    there(cast, "order", "payment")
    assert waiting.free_waiting()
    assert client.get(address).status_code == 404
