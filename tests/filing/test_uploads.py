"""A workbook's way: received, checked, decided on, filed; three numbers at the end, and nothing twice."""

import io
import threading
import zipfile
from collections.abc import Sequence

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook, load_workbook

from accounts.cast import Cast
from accounts.models import AuditEntry, Enterprise, Membership
from declarations.doors import staging, uploads
from declarations.doors.template import template, workbook_of
from declarations.kinds import KINDS, kind
from declarations.models import Document, Order, Outbound, Upload, UploadFile, UploadRow, UploadState
from declarations.shape import Entry, Problem
from portal.sentences import speak
from tests import make
from tests.exchange.desk import FILERS, accepted, filed


def received(cast: Cast, slug: str, entries: Sequence[Entry], *, by: str = "") -> Upload:
    """A workbook of these documents, sent in."""
    return sent_in(cast, workbook_of(kind(slug), entries), slug=slug, by=by)


def sent_in(cast: Cast, content: bytes, *, slug: str = "order", by: str = "", filename: str = "六月.xlsx") -> Upload:
    actor = cast.actor(by or FILERS[slug])
    return uploads.receive(actor=actor, kind=kind(slug), filename=filename, content=content)


def swept(upload: Upload) -> Upload:
    """After the sweep."""
    while uploads.work_next():
        pass
    upload.refresh_from_db()
    return upload


def decided(cast: Cast, upload: Upload, *, all_or_nothing: bool = False, by: str = "") -> bool:
    return uploads.decide(actor=cast.actor(by or FILERS[upload.kind]), upload=upload, all_or_nothing=all_or_nothing)


def numbers(upload: Upload) -> tuple[int, int, int]:
    """The three numbers at the end."""
    return upload.filed, upload.skipped, upload.refused


def rules_at_rows(upload: Upload) -> dict[int, list[str]]:
    """Sheet row → the numbers of what was found in it."""
    rows = UploadRow.objects.filter(upload_id=upload.id).order_by("row").values_list("row", "problems")
    return {row: [one["rule"] for one in problems] for row, problems in rows}


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def bad(n: int) -> Entry:
    """An order whose second line has no number for a quantity."""
    order = make.order(n)
    order.lines[1]["qty"] = "ten"
    return order


# --- the whole way ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", [one.slug for one in KINDS])
def test_it_brings_a_workbook_of_every_kind_to_the_outbox(cast, slug):
    for before in kind(slug).after:
        accepted(cast, before, 1, 2, 3)
    before = Document.objects.count()
    upload = received(cast, slug, [make.entry(slug, n) for n in (1, 2, 3)])
    assert (upload.state, Document.objects.count()) == (UploadState.RECEIVED, before)
    swept(upload)
    assert (upload.state, upload.reason) == (UploadState.CHECKED, "")
    assert (upload.documents, upload.bad_documents, upload.known_documents) == (3, 0, 0)
    assert Document.objects.count() == before
    assert decided(cast, upload)
    swept(upload)
    assert upload.state == UploadState.FILED
    assert numbers(upload) == (3, 0, 0)
    documents = Document.objects.filter(upload_id=upload.id, source="workbook", kind=slug)
    assert documents.count() == 3
    assert sorted(documents.values_list("sheet_row", flat=True)) == ([2, 4, 6] if kind(slug).line else [2, 3, 4])
    assert Outbound.objects.get(kind=slug, state="pending", enclosed__document=documents[0]).document_count == 3


def test_it_counts_filed_skipped_and_refused(cast):
    filed(cast, "order", 1, 5)
    brought = [make.order(1), make.order(2), bad(3), make.order(4), make.order(5, note="x")]
    upload = swept(received(cast, "order", brought))
    assert (upload.rows, upload.documents, upload.bad_documents, upload.bad_rows) == (10, 5, 2, 2)
    assert decided(cast, upload)
    swept(upload)
    assert numbers(upload) == (2, 1, 2)
    fates = dict(UploadRow.objects.filter(upload_id=upload.id).values_list("document_index", "result"))
    assert list(fates.values()).count("filed") == 2
    assert set(fates.values()) == {"filed", "skipped", "refused"}
    assert not UploadFile.objects.exists()
    assert set(UploadRow.objects.exclude(document_id=None).values_list("document_id", flat=True)) == set(
        Document.objects.filter(upload_id=upload.id).values_list("id", flat=True)
    )


def test_it_names_row_column_and_rule_of_every_problem(cast):
    worse = make.order(3, consignee="", goods_value="x")
    worse.lines[1]["price"] = "1,5"
    upload = swept(received(cast, "order", [make.order(1), bad(2), worse]))
    found = {
        (row.row, one.rule, one.field, one.label)
        for row in UploadRow.objects.filter(upload_id=upload.id)
        for one in map(Problem.from_json, row.problems)
        if one.level == "error"
    }
    assert found == {
        (5, "S09", "qty", "数量"),
        (6, "S01", "consignee", "收货人姓名"),
        (6, "S09", "goods_value", "商品价格"),
        (7, "S10", "price", "单价"),
    }
    assert upload.found == {"S09": 2, "S01": 1, "S10": 1}
    assert (upload.bad_rows, upload.bad_documents) == (3, 2)
    levels = list(UploadRow.objects.filter(upload_id=upload.id).order_by("row").values_list("level", flat=True))
    assert [level == "error" for level in levels] == [False, False, True, True, True, True]


def test_it_gives_the_cells_back_as_they_were(cast):
    upload = swept(received(cast, "order", [make.order(1)]))
    rows = list(UploadRow.objects.filter(upload_id=upload.id).order_by("row"))
    first, second = staging.cells_of(rows)[:2]
    assert first["head"]["consignee"] == make.person(1).name
    assert second["line"]["item_no"] == make.order(1).lines[1]["item_no"]
    assert "head" not in second


# --- twice ----------------------------------------------------------------------------------------------------------


def test_it_files_the_same_workbook_once_and_names_the_first(cast):
    content = workbook_of(kind("order"), [make.order(1), make.order(2)])
    first = swept(sent_in(cast, content))
    decided(cast, first)
    swept(first)
    second = swept(sent_in(cast, content))
    assert uploads.filed_before(second) == first
    assert uploads.filed_before(first) is None
    assert (second.known_documents, second.bad_documents) == (2, 0)
    assert decided(cast, second)
    swept(second)
    assert numbers(second) == (0, 2, 0)
    assert Document.objects.count() == 2
    assert Outbound.objects.count() == 1


def test_it_names_no_earlier_upload_that_was_not_filed_or_not_ours(cast):
    content = workbook_of(kind("order"), [make.order(1)])
    sent_in(cast, content)
    merchant = swept(sent_in(cast, content, by="merchant_filer"))
    decided(cast, merchant, by="merchant_filer")
    swept(merchant)
    assert uploads.filed_before(swept(sent_in(cast, content))) is None


def test_it_files_once_when_the_clerk_clicks_twice(cast):
    upload = swept(received(cast, "order", [make.order(1)]))
    assert decided(cast, upload)
    assert not decided(cast, upload)
    swept(upload)
    assert not decided(cast, upload)
    assert not uploads.work_next()
    assert numbers(upload) == (1, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_it_files_once_when_two_workers_sweep(committed):
    uploads_ = [received(committed, "order", [make.order(n)]) for n in (1, 2, 3)]

    def sweep_by_two() -> None:
        def worker() -> None:
            try:
                while uploads.work_next():
                    pass
            finally:
                connection.close()

        threads = [threading.Thread(target=worker) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    sweep_by_two()
    assert {decided(committed, one) for one in uploads_} == {True}
    sweep_by_two()
    for one in uploads_:
        assert numbers(swept(one)) == (1, 0, 0)
    assert Document.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_it_files_once_what_two_workbooks_say_in_opposite_order(committed):
    entries = [make.order(n, lines=1) for n in range(1, 61)]
    both = [swept(received(committed, "order", brought)) for brought in (entries, entries[::-1])]
    assert [decided(committed, one) for one in both] == [True, True]

    def worker() -> None:
        try:
            uploads.work_next()
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(numbers(swept(one)) for one in both) == [(0, 60, 0), (60, 0, 0)]
    assert Document.objects.count() == 60


# --- decisions ---------------------------------------------------------------------------------------------------------


def test_it_files_all_or_nothing_only_when_all_are_good(cast):
    upload = swept(received(cast, "order", [make.order(1), bad(2)]))
    assert not decided(cast, upload, all_or_nothing=True)
    assert decided(cast, upload)


def test_it_files_nothing_of_all_when_one_has_become_wrong_meanwhile(cast):
    upload = swept(received(cast, "order", [make.order(1), make.order(2)]))
    assert decided(cast, upload, all_or_nothing=True)
    filed(cast, "order", 2, note="inzwischen")
    swept(upload)
    assert (upload.state, *numbers(upload)) == (UploadState.CHECKED, 0, 0, 0)
    assert Document.objects.count() == 1
    assert rules_at_rows(upload) == {2: [], 3: [], 4: ["E05"], 5: []}
    assert (upload.bad_rows, upload.bad_documents, upload.found) == (1, 1, {"E05": 1})
    assert not UploadRow.objects.exclude(result="").exists()
    assert not decided(cast, upload, all_or_nothing=True)
    assert decided(cast, upload)
    assert swept(upload).state == UploadState.FILED
    assert (upload.reason, *numbers(upload)) == ("", 1, 0, 1)


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_it_gives_the_decision_back_when_all_has_become_wrong_meanwhile(cast, all_or_nothing):
    for before in ("order", "payment"):
        accepted(cast, before, 1, 2)
    content = workbook_of(kind("waybill"), [make.waybill(n) for n in (1, 2)])
    upload = swept(sent_in(cast, content, slug="waybill"))
    assert decided(cast, upload, all_or_nothing=all_or_nothing)
    courier = cast.enterprises["bonded_logistics"]
    Document.objects.filter(kind="payment").update(enterprise=courier)
    swept(upload)
    assert (upload.state, *numbers(upload)) == (UploadState.CHECKED, 0, 0, 0)
    assert "2 票" in speak(upload.reason)
    assert (upload.bad_documents, upload.bad_rows, upload.found) == (2, 2, {"E09": 2})
    assert set(UploadRow.objects.values_list("level", "result")) == {("error", "")}
    assert UploadFile.objects.filter(upload_id=upload.id).exists()
    assert not decided(cast, upload)
    Document.objects.filter(kind="payment").update(enterprise=cast.enterprises["payment"])
    again = swept(sent_in(cast, content, slug="waybill"))
    assert uploads.filed_before(again) is None
    assert decided(cast, again, all_or_nothing=True)
    assert numbers(swept(again)) == (2, 0, 0)


@pytest.mark.parametrize("all_or_nothing", [True, False])
def test_it_lets_wait_what_stands_on_others_and_counts_it_apart(cast, all_or_nothing):
    for before in ("order", "payment"):
        accepted(cast, before, 1, 2)
    content = workbook_of(kind("waybill"), [make.waybill(n) for n in (1, 2, 3)])
    upload = swept(sent_in(cast, content, slug="waybill"))
    assert (upload.bad_documents, upload.bad_rows, upload.waiting_documents, upload.found) == (0, 0, 1, {})
    assert rules_at_rows(upload) == {2: [], 3: [], 4: ["E07", "E07"]}
    Document.objects.filter(kind="payment", number=make.payment(2).head["pay_transaction_id"]).update(state="rejected")
    assert decided(cast, upload, all_or_nothing=all_or_nothing)
    swept(upload)
    assert (upload.state, *numbers(upload), upload.waiting) == (UploadState.FILED, 1, 0, 0, 2)
    rows = UploadRow.objects.filter(upload_id=upload.id).order_by("row")
    assert list(rows.values_list("level", "result")) == [("", "filed"), ("wait", "waiting"), ("wait", "waiting")]
    documents = Document.objects.filter(upload_id=upload.id).order_by("sheet_row")
    assert list(documents.values_list("id", "state", "waits_for")) == [
        (row.document_id, state, waits_for)
        for row, state, waits_for in zip(
            rows, ["queued", "waiting", "waiting"], ["", "payment", "order,payment"], strict=True
        )
    ]
    assert Outbound.objects.get(kind="waybill").document_count == 1
    again = swept(sent_in(cast, content, slug="waybill"))
    assert uploads.filed_before(again) == upload
    assert rules_at_rows(again) == {2: ["E04"], 3: ["E08", "E14"], 4: ["E07", "E07", "E14"]}
    assert (again.known_documents, again.waiting_documents) == (3, 0)


def test_it_names_the_earlier_upload_also_where_everything_in_it_waits(cast):
    content = workbook_of(kind("waybill"), [make.waybill(1)])
    first = swept(sent_in(cast, content, slug="waybill"))
    assert decided(cast, first)
    assert (numbers(swept(first)), first.waiting, first.state) == ((0, 0, 0), 1, UploadState.FILED)
    assert uploads.filed_before(swept(sent_in(cast, content, slug="waybill"))) == first


def test_it_gives_the_decision_back_when_all_is_known_or_wrong_but_all_should_be_right(cast):
    upload = swept(received(cast, "order", [make.order(1), make.order(2)]))
    assert decided(cast, upload, all_or_nothing=True)
    filed(cast, "order", 1)
    filed(cast, "order", 2, note="inzwischen")
    swept(upload)
    assert (upload.state, upload.known_documents, upload.bad_documents) == (UploadState.CHECKED, 1, 1)
    levels = dict(UploadRow.objects.values_list("document_index", "level"))
    assert levels == {0: "known", 1: "error"}


def test_it_says_at_its_row_what_became_wrong_between_check_and_filing(cast):
    """Levels, chips and figures come from the same rows, so the page agrees with the result."""
    upload = swept(received(cast, "order", [make.order(1), make.order(2), bad(3), make.order(4), make.order(5)]))
    assert (upload.bad_documents, upload.found) == (1, {"S09": 1})
    decided(cast, upload)
    filed(cast, "order", 2, note="inzwischen")
    filed(cast, "order", 4)
    swept(upload)
    assert numbers(upload) == (2, 1, 2)
    assert (upload.rows, upload.documents, upload.bad_rows) == (10, 5, 2)
    assert (upload.bad_documents, upload.known_documents, upload.found) == (2, 1, {"S09": 1, "E05": 1})
    rows = UploadRow.objects.filter(upload_id=upload.id)
    assert dict(rows.values_list("document_index", "level")) == {0: "", 1: "error", 2: "error", 3: "known", 4: ""}
    assert set(rows.values_list("document_index", "result")) == {
        (0, "filed"), (1, "refused"), (2, "refused"), (3, "skipped"), (4, "filed")
    }  # fmt: skip
    assert {row: rules for row, rules in rules_at_rows(upload).items() if rules} == {4: ["E05"], 7: ["S09"], 8: ["E04"]}


def test_it_keeps_what_only_the_reader_of_the_sheet_can_say(cast):
    book = load_workbook(io.BytesIO(workbook_of(kind("order"), [make.order(1), make.order(2)])))
    book.worksheets[0].row_dimensions[3].hidden = True
    upload = swept(sent_in(cast, saved(book)))
    assert rules_at_rows(upload)[2] == ["X06"]
    decided(cast, upload)
    assert numbers(swept(upload)) == (2, 0, 0)
    assert rules_at_rows(upload)[2] == ["X06"]


def test_it_settles_fifty_refused_documents_in_as_many_queries_as_five(cast):
    def cost(first: int, count: int) -> int:
        documents = range(first, first + count)
        upload = swept(received(cast, "order", [make.order(n) for n in [*documents, first + 100]]))
        decided(cast, upload)
        filed(cast, "order", *documents, note="inzwischen")
        with CaptureQueriesContext(connection) as queries:
            uploads.work_next()
        upload.refresh_from_db()
        assert numbers(upload) == (1, 0, count)
        return len(queries)

    assert cost(1, 5) == cost(11, 50)


def test_it_says_of_a_cell_that_shows_an_error_only_that(cast):
    book = load_workbook(io.BytesIO(workbook_of(kind("order"), [make.order(1), make.order(2)])))
    sheet = book.worksheets[0]
    column = {str(cell.value).rstrip("*"): cell.column for cell in sheet[1]}
    for row, label, shown in [(2, "商品价格", "#DIV/0!"), (3, "数量", "#N/A")]:
        sheet.cell(row, column[label], shown).data_type = "e"
    sheet.cell(4, column["单价"], "=A1*2")
    sheet.cell(4, column["原产国"], "XYZ")
    upload = swept(sent_in(cast, saved(book)))
    found = {row: sorted(rules) for row, rules in rules_at_rows(upload).items()}
    assert {row: rules for row, rules in found.items() if row != 4} == {2: ["X04"], 3: ["X04"], 5: []}
    assert found[4] == ["S04", "X05"]
    assert upload.found["X04"] == 2


def test_it_says_so_too_where_a_later_row_spoils_the_head(cast):
    book = load_workbook(io.BytesIO(workbook_of(kind("order"), [make.order(1), make.order(2)])))
    sheet = book.worksheets[0]
    column = {str(cell.value).rstrip("*"): cell.column for cell in sheet[1]}
    sheet.cell(2, column["商品价格"]).value = None
    for row in (3, 5):  # fills the blank of the first row; contradicts it
        sheet.cell(row, column["商品价格"], "#REF!").data_type = "e"
    upload = swept(sent_in(cast, saved(book)))
    assert rules_at_rows(upload) == {2: [], 3: ["X04"], 4: [], 5: ["X04"]}


def test_it_names_the_enterprise_of_a_code_given_as_a_number(cast):
    for name, code in [("platform", "3122260001"), ("merchant", "3122260002")]:
        Enterprise.objects.filter(pk=cast.enterprises[name].pk).update(customs_code=code)
    order = make.order(1)
    order.head |= {"ebp_code": 3122260001, "ebp_name": "", "ebc_code": 3122260002, "ebc_name": ""}
    book = load_workbook(io.BytesIO(workbook_of(kind("order"), [order])))
    column = {str(cell.value).rstrip("*"): cell.column for cell in book.worksheets[0][1]}
    for row in (2, 3):
        book.worksheets[0].cell(row, column["电商平台代码"]).value = 3122260001
        book.worksheets[0].cell(row, column["电商企业代码"]).value = 3122260002
    upload = swept(sent_in(cast, saved(book)))
    assert (upload.bad_documents, upload.found) == (0, {})
    decided(cast, upload)
    assert numbers(swept(upload)) == (1, 0, 0)
    body = Order.objects.get()
    assert (body.ebp_code, body.ebp_name) == ("3122260001", make.PLATFORM.name)
    assert (body.ebc_code, body.ebc_name) == ("3122260002", make.MERCHANT.name)


def test_it_files_the_good_when_one_has_become_wrong_meanwhile(cast):
    upload = swept(received(cast, "order", [make.order(1), make.order(2), make.order(3)]))
    decided(cast, upload)
    filed(cast, "order", 2, note="inzwischen")
    filed(cast, "order", 3)
    swept(upload)
    assert numbers(upload) == (1, 1, 1)


def test_it_offers_nothing_to_file_where_all_is_bad(cast):
    upload = swept(received(cast, "order", [bad(1), bad(2)]))
    assert not decided(cast, upload)


def test_it_lets_nobody_decide_for_another_enterprise(cast):
    upload = swept(received(cast, "order", [make.order(1)]))
    assert not decided(cast, upload, by="merchant_filer")
    assert not uploads.discard(actor=cast.actor("merchant_filer"), upload=upload)


@pytest.mark.parametrize(
    "leave",
    [
        lambda cast: Membership.objects.filter(user=cast.users["platform_filer"]).update(active=False),
        lambda cast: Membership.objects.filter(user=cast.users["platform_filer"]).update(roles=["viewer"]),
        lambda cast: (
            type(cast.users["platform_filer"]).objects.filter(username="platform_filer").update(is_active=False)
        ),
        lambda cast: Enterprise.objects.filter(pk=cast.enterprises["platform"].pk).update(state="suspended"),
    ],
    ids=["removed", "demoted", "locked", "suspended"],
)
def test_it_files_for_nobody_who_may_not_file_any_more(cast, leave):
    upload = swept(received(cast, "order", [make.order(1)]))
    assert decided(cast, upload)
    leave(cast)
    swept(upload)
    assert (upload.state, Document.objects.count()) == (UploadState.CHECKED, 0)
    assert "请" in upload.reason
    assert not uploads.work_next()


def test_it_refuses_to_read_for_a_member_who_has_left(cast):
    upload = received(cast, "order", [make.order(1)])
    Membership.objects.filter(user=cast.users["platform_filer"]).update(active=False)
    swept(upload)
    assert upload.state == UploadState.REFUSED
    assert upload.reason


# --- files that are none ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"PK\x03\x04" + b"\0" * 200, b"\xd0\xcf\x11\xe0" + b"\0" * 600, "订单编号,数量\n1,2".encode()],
)
def test_it_refuses_what_is_no_workbook_and_says_why(cast, content):
    upload = swept(sent_in(cast, content))
    assert upload.state == UploadState.REFUSED
    assert len(upload.reason) > 8
    assert not UploadRow.objects.exists()
    assert not decided(cast, upload)


def test_it_refuses_an_empty_form_and_another_kind_s_workbook(cast):
    empty = swept(sent_in(cast, template(kind("order"))))
    other = swept(sent_in(cast, workbook_of(kind("payment"), [make.payment(1)])))
    for upload in (empty, other):
        assert upload.state == UploadState.REFUSED
        assert upload.reason


def test_it_goes_on_with_those_behind_a_refused_one(cast):
    first = sent_in(cast, b"x")
    second = received(cast, "order", [make.order(1)])
    swept(second)
    assert second.state == UploadState.CHECKED
    assert swept(first).state == UploadState.REFUSED


def test_it_gives_up_a_workbook_that_kills_its_worker(cast):
    upload = received(cast, "order", [make.order(1)])
    Upload.objects.update(attempts=uploads.MAX_ATTEMPTS)
    swept(upload)
    assert upload.state == UploadState.REFUSED
    assert "三次" in upload.reason
    assert not uploads.work_next()


def test_it_gives_the_decision_back_when_filing_kills_its_worker(cast):
    upload = swept(received(cast, "order", [make.order(1)]))
    assert decided(cast, upload)
    Upload.objects.update(attempts=uploads.MAX_ATTEMPTS)
    swept(upload)
    assert (upload.state, Document.objects.count()) == (UploadState.CHECKED, 0)
    assert "再次申报" in upload.reason
    assert decided(cast, upload)
    assert swept(upload).state == UploadState.FILED
    assert (upload.reason, *numbers(upload)) == ("", 1, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_it_begins_again_after_a_worker_that_died(committed):
    """The attempt is counted although nothing else is left of it; the next sweep does it all."""
    upload = received(committed, "order", [make.order(1)])
    UploadFile.objects.filter(upload_id=upload.id).update(content=b"unreadable for now")
    kept = uploads.pack(workbook_of(kind("order"), [make.order(1)]), uploads._file_label(upload.id))
    with pytest.raises(ValueError, match="key"):
        uploads.work_next()
    upload.refresh_from_db()
    assert (upload.state, upload.attempts, UploadRow.objects.count()) == (UploadState.RECEIVED, 1, 0)
    UploadFile.objects.filter(upload_id=upload.id).update(content=kept)
    assert swept(upload).state == UploadState.CHECKED
    assert upload.attempts == 0


# --- away ----------------------------------------------------------------------------------------------------------------


def test_it_drops_rows_and_file_when_discarded(cast):
    upload = swept(received(cast, "order", [make.order(1)]))
    other = swept(received(cast, "order", [make.order(2)]))
    assert uploads.discard(actor=cast.actor("platform_filer"), upload=upload)
    assert not uploads.discard(actor=cast.actor("platform_filer"), upload=upload)
    assert set(UploadRow.objects.values_list("upload_id", flat=True)) == {other.id}
    assert set(UploadFile.objects.values_list("upload_id", flat=True)) == {other.id}
    upload.refresh_from_db()
    assert upload.state == UploadState.DISCARDED
    assert not decided(cast, upload)


@pytest.mark.parametrize("state", [UploadState.FILING, UploadState.FILED, UploadState.RECEIVED])
def test_it_drops_nothing_that_is_being_worked_on_or_filed(cast, state):
    upload = swept(received(cast, "order", [make.order(1)]))
    Upload.objects.update(state=state)
    assert not uploads.discard(actor=cast.actor("platform_filer"), upload=upload)
    assert UploadRow.objects.exists()


def test_it_writes_down_who_brought_and_who_decided(cast):
    upload = swept(received(cast, "order", [make.order(1)]))
    decided(cast, upload)
    swept(upload)
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "upload",
        "upload_filed",
        "file",
    ]
    assert AuditEntry.objects.filter(user=cast.users["platform_filer"], at__lte=timezone.now()).count() == 3


def test_it_keeps_the_end_of_a_long_file_name_out(cast):
    assert len(sent_in(cast, b"x", filename="长" * 400 + ".xlsx").filename) == 255


# --- in turn ---------------------------------------------------------------------------------------------------------


def test_enterprises_take_turns(cast):
    """One enterprise's many workbooks delay another's by no more than one."""
    many = [sent_in(cast, b"x") for _ in range(4)]
    other = sent_in(cast, b"x", slug="payment")
    order = []
    while uploads.work_next():
        done = set(Upload.objects.filter(state=UploadState.REFUSED).values_list("id", flat=True))
        order += done - set(order)
    assert order == [many[0].id, other.id, *(one.id for one in many[1:])]
    later, again = sent_in(cast, b"x"), sent_in(cast, b"x", slug="payment")
    assert uploads._in_turn() == [again.id, later.id]


def test_a_workbook_that_kills_its_worker_does_not_hold_up_the_others(cast):
    heavy, other = sent_in(cast, b"x"), sent_in(cast, b"x", slug="payment")
    Upload.objects.filter(id=heavy.id).update(attempts=1, checked_at=timezone.now())
    assert uploads._in_turn() == [other.id, heavy.id]


def test_so_many_may_wait_and_no_more(cast):
    for _ in range(uploads.MAX_WAITING):
        last = sent_in(cast, b"x")
    with pytest.raises(uploads.TooManyWaiting, match="20 份"):
        sent_in(cast, b"x")
    assert sent_in(cast, b"x", slug="payment").id
    assert (Upload.objects.count(), UploadFile.objects.count()) == (uploads.MAX_WAITING + 1, uploads.MAX_WAITING + 1)
    client = Client()
    client.force_login(cast.users["platform_filer"])
    page = client.post(reverse("upload", kwargs={"kind": "order"}), {"file": io.BytesIO(b"x")})
    assert page.status_code == 200 and "20 份工作簿在等待" in page.content.decode()
    swept(last)
    assert sent_in(cast, b"x").id


def test_the_file_of_a_refused_workbook_goes_at_once(cast):
    upload = swept(sent_in(cast, b"x"))
    assert upload.state == UploadState.REFUSED and not UploadFile.objects.exists()


def test_a_character_no_database_holds_is_reported_at_its_cell(cast):
    content = workbook_of(kind("order"), [make.order(1), make.order(2, order_no="NUL312226")])
    spoilt = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(spoilt, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"NUL312226", b"_x0000_312226"))
    upload = swept(sent_in(cast, spoilt.getvalue()))
    assert upload.state == UploadState.CHECKED
    assert rules_at_rows(upload) == {2: [], 3: [], 4: ["S07"], 5: []}
