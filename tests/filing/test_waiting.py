"""What comes too early waits, says who owes what is missing, and goes on by itself; nothing is forgotten or starved."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from accounts.cast import ENTERPRISES
from accounts.models import AuditEntry, Enterprise
from declarations import tasks, waiting
from declarations.doors.template import workbook_of
from declarations.exchange import inbox
from declarations.kinds import kind
from declarations.lifecycle import FILED, REFUSED, State
from declarations.models import Document, Inventory, Outbound, OutboundDocument, Receipt, StateChange, Waybill
from portal.sentences import speak
from tests import make
from tests.exchange import answers
from tests.exchange.desk import FILERS, accepted, bring, carried, filed, history, listed, state
from tests.filing.test_uploads import decided, sent_in, swept


def waits(cast, slug: str, *numbers: int, **cells) -> list[int]:
    """The n-th documents of a kind, brought too early."""
    outcome = bring(cast, slug, [make.entry(slug, n, **cells) for n in numbers])
    assert list(outcome.waiting) == list(range(len(numbers)))
    return list(outcome.waiting.values())


def answer(document_id: int, code: str, minutes: float = 1) -> None:
    """Customs answers, and the sweep reads it."""
    inbox.store(answers.to_filer(document_id, code, minutes))
    tasks.drain_inbox()


def why(document_id: int) -> str:
    """What the document waits for, as a Chinese reader hears it."""
    with override("zh-hans"):
        return speak(Document.objects.get(id=document_id).reason)


def missing(document_id: int) -> str:
    return Document.objects.values_list("waits_for", flat=True).get(id=document_id)


# --- the story ---------------------------------------------------------------------------------------------------


def test_a_list_filed_first_of_all_goes_on_by_itself(signers, peer):
    """Everybody files in the wrong order, by workbook; customs gets it in the right one."""
    uploads = []
    for slug in ("inventory", "waybill", "payment", "order"):
        content = workbook_of(kind(slug), [make.entry(slug, n) for n in (1, 2)])
        upload = swept(sent_in(signers, content, slug=slug))
        assert decided(signers, upload, all_or_nothing=True)
        uploads.append(swept(upload))
    assert [(one.filed, one.waiting, one.refused) for one in uploads] == [(0, 2, 0), (0, 2, 0), (2, 0, 0), (2, 0, 0)]
    goods = Document.objects.get(kind="inventory", upload_id=uploads[0].id, sheet_row=2)
    assert (goods.state, goods.waits_for, goods.code) == ("waiting", "order,payment,waybill", "E07")
    assert why(goods.id) == (
        f"订单尚未申报，应由{make.PLATFORM.name}、{make.MERCHANT.name}申报；支付单尚未申报，应由支付企业申报；"
        f"运单尚未申报，应由{make.COURIER.name}申报"
    )
    sent_before = []
    for slug in ("order", "payment", "waybill", "inventory"):
        tasks.free_waiting()
        tasks.drain_outbox()
        sent_before.append(Document.objects.filter(state="sent").count())
        for document_id in Document.objects.filter(kind=slug).values_list("id", flat=True):
            answer(document_id, "2")
    assert sent_before == [4, 2, 2, 2]
    assert set(Document.objects.values_list("state", "waits_for", "reason")) == {
        ("declaring", "", "[Code:2;Desc:测试]")
    }
    assert history(goods.id) == [("waiting", "E07"), ("queued", ""), ("sent", ""), ("declaring", "2")]
    assert len(peer.letters) == 4


def test_it_says_what_is_still_missing_when_some_of_it_has_come(cast):
    (goods,) = waits(cast, "inventory", 1)
    since = Document.objects.get().state_at
    accepted(cast, "order", 1)
    (payment,) = filed(cast, "payment", 1)
    time_passes()
    assert waiting.free_waiting() is False
    assert (missing(goods), state(goods)) == ("payment,waybill", ("waiting", "E07"))
    assert why(goods) == f"运单尚未申报，应由{make.COURIER.name}申报；支付单尚未被海关接受，由支付企业申报"
    assert Document.objects.get(id=goods).state_at == since
    assert history(goods) == [("waiting", "E07"), ("waiting", "E07")]
    time_passes()
    waiting.free_waiting()
    assert len(history(goods)) == 2
    Document.objects.filter(id=payment).update(state="stored")
    accepted(cast, "waybill", 1)
    assert waiting.free_waiting() is True
    assert (missing(goods), state(goods)) == ("", ("queued", ""))


def time_passes() -> None:
    """Whoever waits is due for another look."""
    Document.objects.filter(state="waiting").update(looked_at=make.NOW)


@pytest.mark.parametrize("standing", list(State))
def test_it_goes_on_exactly_when_what_it_stands_on_counts_as_filed(cast, standing):
    """Filed (domain §6): taken by customs, and not taken back."""
    (waybill,) = waits(cast, "waybill", 1)
    accepted(cast, "order", 1)
    accepted(cast, "payment", 1)
    Document.objects.filter(kind="payment").update(state=standing)
    waiting.free_waiting()
    assert (state(waybill)[0] == "queued") is (standing in FILED)
    assert missing(waybill) == ("" if standing in FILED else "order,payment")
    assert Outbound.objects.filter(kind="waybill").exists() is (standing in FILED)


def test_a_predecessor_refused_later_takes_nothing_back(cast):
    (waybill,) = waits(cast, "waybill", 1)
    accepted(cast, "order", 1)
    (payment,) = accepted(cast, "payment", 1)
    assert waiting.free_waiting()
    answer(payment, "100")
    time_passes()
    assert not waiting.free_waiting()
    assert state(waybill) == ("queued", "")


def test_it_is_filed_with_customs_on_the_day_it_goes_on(cast):
    (goods,) = waits(cast, "inventory", 1)
    Inventory.objects.update(app_time=make.NOW, decl_time=make.NOW.date())
    listed(cast, 2)
    for slug in ("order", "payment", "waybill"):
        accepted(cast, slug, 1)
    assert waiting.free_waiting()
    body = Inventory.objects.get(document_id=goods)
    assert timezone.now() - body.app_time < timedelta(minutes=1)
    assert body.decl_time == timezone.localdate()
    assert Document.objects.get(id=goods).fingerprint == Document.objects.get(id=goods).fingerprint


def test_it_leaves_one_line_of_history_and_one_message_for_each_filer_and_kind(cast):
    numbers = range(1, 121)
    waybills = waits(cast, "waybill", *numbers)
    goods = waits(cast, "inventory", *numbers)
    assert StateChange.objects.count() == 240
    for slug in ("order", "payment"):
        accepted(cast, slug, *numbers)
    tasks.free_waiting()
    messages = Outbound.objects.filter(kind="waybill").order_by("id")
    assert [one.document_count for one in messages] == [100, 20]
    assert sorted(one for message in messages for one in carried(message)) == waybills
    assert set(Document.objects.filter(id__in=goods).values_list("state", flat=True)) == {"waiting"}
    entry = AuditEntry.objects.filter(action="file").order_by("id").first()
    assert entry is not None
    assert (entry.details["documents"], entry.details["waiting"]) == (0, 120)


# --- what time cannot cure ---------------------------------------------------------------------------------------


def test_it_fails_with_the_rule_when_its_own_filer_files_the_payment(cast):
    """E09: a courier that pays its own parcels is no third enterprise."""
    (waybill,) = waits(cast, "waybill", 1)
    accepted(cast, "order", 1)
    (payment,) = accepted(cast, "payment", 1)
    Document.objects.filter(id=payment).update(enterprise=cast.enterprises["bonded_logistics"])
    assert waiting.free_waiting()
    assert (state(waybill), missing(waybill)) == (("failed", "E09"), "")
    assert why(waybill) == "与支付单的申报企业是同一家。"
    assert not Outbound.objects.filter(kind="waybill").exists()
    Document.objects.filter(id=payment).update(enterprise=cast.enterprises["payment"])
    assert bring(cast, "waybill", [make.waybill(1)]).filed == {0: waybill}
    assert Document.objects.get(id=waybill).attempt == 2


@pytest.mark.parametrize(
    ("cells", "rule"),
    [({"consignee": ""}, "S01"), ({"weight": "0"}, "W01"), ({"logistics_code": make.MERCHANT.customs_code}, "E01")],
)
def test_it_refuses_at_once_what_no_waiting_cures(cast, cells, rule):
    outcome = bring(cast, "waybill", [make.waybill(1, **cells)])
    assert (outcome.refused, outcome.waiting, outcome.filed) == ([0], {}, {})
    assert {"E07", rule} <= {one.rule for one in outcome.problems[0]}
    assert not Document.objects.exists()


def test_it_waits_for_the_very_waybill_it_names(cast):
    """Another waybill of the same order does not help, and does not starve the others: it is asked in vain, then last."""
    listed(cast, 1)
    (goods,) = waits(cast, "inventory", 2, logistics_no="SF404")
    for slug in ("order", "payment", "waybill"):
        accepted(cast, slug, 2)
    assert waiting.free_waiting(limit=1) is False
    (other,) = waits(cast, "inventory", 3)
    for slug in ("order", "payment", "waybill"):
        accepted(cast, slug, 3)
    assert [waiting.free_waiting(limit=1) for _tick in range(2)].count(True) == 1
    assert (state(other)[0], state(goods)[0], missing(goods)) == ("queued", "waiting", "waybill")
    accepted_as(cast, 2, "SF404")
    assert waiting.free_waiting() is True
    assert state(goods) == ("queued", "")


def accepted_as(cast, n: int, logistics_no: str) -> None:
    (document_id,) = filed(cast, "waybill", n, logistics_no=logistics_no)
    Document.objects.filter(id=document_id).update(state="stored")


# --- the same number on another platform --------------------------------------------------------------------------


def guessed(cast, *numbers: int) -> list[int]:
    """A stranger's orders of guessed numbers, on a platform of its own, accepted by customs."""
    mine = {
        f"{role}_{said}": value
        for role in ("ebp", "ebc")
        for said, value in zip(("code", "name"), NEIGHBOUR, strict=True)
    }
    ids = filed(cast, "order", *numbers, by="neighbour_filer", **mine)
    Document.objects.filter(id__in=ids).update(state="stored")
    return ids


NEIGHBOUR = (ENTERPRISES["neighbour"][2], ENTERPRISES["neighbour"][0])
ELSEWHERE = "另一家电商平台有同号订单，请核对电商平台代码"


@pytest.mark.parametrize("stranger_first", [True, False])
def test_a_stranger_who_files_guessed_numbers_sinks_nobody_s_documents(cast, stranger_first):
    """Order is platform and number (domain §6): another's order is neither ours nor against us, whenever it comes."""
    numbers = range(1, 11)
    strangers = guessed(cast, *numbers) if stranger_first else []
    lists = waits(cast, "inventory", *numbers)
    strangers = strangers or guessed(cast, *numbers)
    for slug in ("payment", "waybill"):
        accepted(cast, slug, *numbers)
    for _look in range(3):
        time_passes()
        assert waiting.free_waiting() is False
    assert {state(one) for one in lists} == {("waiting", "E07")}
    assert {why(one) for one in lists} == {
        f"订单尚未申报，应由{make.PLATFORM.name}、{make.MERCHANT.name}申报（{ELSEWHERE}）"
    }
    assert not any(word in Document.objects.get(id=lists[0]).reason for word in NEIGHBOUR)
    accepted(cast, "order", *numbers)
    assert waiting.free_waiting()
    assert {state(one) for one in lists} == {("queued", "")}
    assert {state(one) for one in strangers} == {("stored", "")}


def test_what_only_looks_ready_is_asked_in_vain_for_a_moment_and_delays_no_other(cast):
    """A stranger's order bears the right number: worth a look while it is new, and none at every tick for ever."""
    numbers = range(1, 11)
    waits(cast, "inventory", *numbers)
    guessed(cast, *numbers)
    for slug in ("payment", "waybill"):
        accepted(cast, slug, *numbers)
    assert looked_at_now() == 10
    Document.objects.exclude(state="waiting").update(changed_at=timezone.now() - 2 * waiting.IN_FLIGHT)
    assert looked_at_now() == 0
    accepted(cast, "order", 10)
    assert waiting.free_waiting(limit=1) is True
    assert Document.objects.get(kind="inventory", state="queued").order_no == make.inventory(10).head["order_no"]


def looked_at_now() -> int:
    """How many documents the next tick asks in vain."""
    last = dict(Document.objects.filter(state="waiting").values_list("id", "looked_at"))
    waiting.free_waiting()
    now = dict(Document.objects.filter(state="waiting").values_list("id", "looked_at"))
    return sum(now[one] != last[one] for one in now)


def test_a_stranger_s_order_stops_nothing_that_stands_on_the_right_one(cast):
    guessed(cast, 1)
    (goods,) = listed(cast, 1)
    assert state(goods) == ("queued", "")


def test_a_platform_is_the_same_under_both_its_codes(cast):
    (goods,) = waits(cast, "inventory", 1, ebp_code=make.PLATFORM.credit_code)
    for slug in ("order", "payment", "waybill"):
        accepted(cast, slug, 1)
    assert waiting.free_waiting()
    assert (state(goods), missing(goods)) == (("queued", ""), "")


def test_who_mistyped_the_platform_is_told_where_to_look_and_the_right_list_goes(cast):
    """A list is its platform and order number: under the right code it is another one, and goes at once."""
    for slug in ("order", "payment", "waybill"):
        accepted(cast, slug, 1)
    (mistyped,) = waits(cast, "inventory", 1, ebp_code=make.WAREHOUSE.customs_code, ebp_name=make.WAREHOUSE.name)
    assert why(mistyped).count("请核对电商平台代码") == 2
    (goods,) = bring(cast, "inventory", [make.inventory(1)]).filed.values()
    assert not waiting.free_waiting()
    assert (state(goods), state(mistyped)) == (("queued", ""), ("waiting", "E07"))


def test_who_is_asked_in_vain_goes_behind_those_who_have_waited_long(cast):
    """A list that names a waybill nobody filed seems ready at each tick; one that has waited an hour still comes first."""
    (patient,) = waits(cast, "inventory", 1)
    in_vain = waits(cast, "inventory", 2, 3, logistics_no="SF404")
    for slug in ("order", "payment", "waybill"):
        accepted(cast, slug, 2, 3)
    long_ago = timezone.now() - timedelta(hours=1)
    Document.objects.filter(id=patient).update(state_at=long_ago)
    time_passes()
    waiting.free_waiting()
    for slug in ("order", "payment", "waybill"):
        accepted(cast, slug, 1)
    ticks = 0
    while state(patient)[0] == "waiting":
        waiting.free_waiting(limit=1)
        ticks += 1
        assert ticks <= 1 + len(in_vain)


# --- filed again while it waits -----------------------------------------------------------------------------------


def test_it_passes_over_what_waits_already(cast):
    (waybill,) = waits(cast, "waybill", 1)
    outcome = bring(cast, "waybill", [make.waybill(1)])
    assert (outcome.known, outcome.waiting, outcome.refused) == ([0], {}, [])
    assert "E14" in {one.rule for one in outcome.problems[0]}
    assert history(waybill) == [("waiting", "E07")]


def test_it_replaces_what_waits_by_what_is_said_now(cast):
    (goods,) = waits(cast, "inventory", 1)
    (again,) = waits(cast, "inventory", 1, note="更正", lines=1)
    assert again == goods
    document = Document.objects.get()
    assert (document.attempt, document.state, document.waits_for) == (1, "waiting", "order,payment,waybill")
    assert Inventory.objects.get().note == "更正"
    assert document.inventory.document.pk == goods
    assert kind("inventory").line._default_manager.count() == 1
    for slug in ("order", "payment", "waybill"):
        accepted(cast, slug, 1)
    assert bring(cast, "inventory", [make.inventory(1, note="再更正")]).filed == {0: goods}
    assert (state(goods), missing(goods)) == (("queued", ""), "")
    assert not waiting.free_waiting()
    assert OutboundDocument.objects.filter(document_id=goods).count() == 1


def test_a_refused_document_filed_again_may_have_to_wait_and_no_late_answer_moves_it(cast):
    for slug in ("order", "payment"):
        accepted(cast, slug, 1)
    (waybill,) = filed(cast, "waybill", 1)
    answer(waybill, "100", 5)
    Document.objects.filter(kind="payment").update(state="rejected")
    assert bring(cast, "waybill", [make.waybill(1, note="更正")]).waiting == {0: waybill}
    assert (Document.objects.get(id=waybill).attempt, state(waybill)) == (2, ("waiting", "E08"))
    answer(waybill, "120", 6)
    assert state(waybill) == ("waiting", "E08")
    Document.objects.filter(kind="payment").update(state="stored")
    assert waiting.free_waiting()
    answer(waybill, "3", 6)
    assert Receipt.objects.filter(document_id=waybill).count() == 3
    assert state(waybill) == ("queued", "")
    answer(waybill, "2", 9)
    assert state(waybill) == ("declaring", "2")


def test_an_enterprise_that_may_not_file_waits_on(cast):
    (waybill,) = waits(cast, "waybill", 1)
    for slug in ("order", "payment"):
        accepted(cast, slug, 1)
    courier = Enterprise.objects.filter(pk=cast.enterprises["bonded_logistics"].pk)
    courier.update(state="suspended")
    assert not waiting.free_waiting()
    assert state(waybill)[0] == "waiting"
    courier.update(state="approved")
    assert waiting.free_waiting()
    assert state(waybill)[0] == "queued"


def test_who_pays_is_named_where_the_filer_s_own_order_says_so(cast):
    """A merchant that files order and list itself knows whose payment is missing."""
    filed(cast, "order", 1, by="merchant_filer")
    own = make.inventory(
        1, agent_code=make.MERCHANT.customs_code, agent_name=make.MERCHANT.name, assure_code=make.MERCHANT.customs_code
    )
    (goods,) = bring(cast, "inventory", [own], by="merchant_filer").waiting.values()
    assert f"支付单尚未申报，应由{make.PAYER.name}申报" in why(goods)


# --- at the same moment -------------------------------------------------------------------------------------------


def in_threads(*works) -> None:
    """All of these at the same moment, each on a connection of its own."""
    ready = threading.Barrier(len(works))
    failed: list[BaseException] = []

    def run(work) -> None:
        try:
            ready.wait(5)
            work()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed, failed


@pytest.mark.django_db(transaction=True)
def test_no_wake_up_is_missed_when_the_last_predecessor_is_accepted_while_it_is_filed(committed):
    """Whatever comes first, the next tick sends it on: the sweep looks at what is, not at what happened."""
    numbers = range(1, 21)
    for slug in ("order", "payment"):
        accepted(committed, slug, *numbers)
    payments = dict(Document.objects.filter(kind="payment").values_list("order_no", "id"))
    Document.objects.filter(kind="payment").update(state="sent")
    brought = [make.waybill(n) for n in numbers]

    def customs() -> None:
        for document_id in payments.values():
            inbox.store(answers.to_filer(document_id, "2", 1))
        tasks.drain_inbox()

    def clerk() -> None:
        for entry in brought:
            bring(committed, "waybill", [entry])

    def sweep() -> None:
        for _ in range(20):
            tasks.free_waiting()

    in_threads(customs, clerk, sweep)
    tasks.free_waiting()
    assert set(Document.objects.filter(kind="waybill").values_list("state", "waits_for")) == {("queued", "")}
    assert OutboundDocument.objects.filter(document__kind="waybill").count() == len(numbers)


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_send_nothing_twice(committed):
    numbers = range(1, 201)
    waits(committed, "waybill", *numbers)
    for slug in ("order", "payment"):
        accepted(committed, slug, *numbers)

    def sweep() -> None:
        while waiting.free_waiting(limit=30):
            pass

    in_threads(sweep, sweep)
    tasks.free_waiting()
    assert set(Document.objects.filter(kind="waybill").values_list("state", flat=True)) == {"queued"}
    assert OutboundDocument.objects.filter(document__kind="waybill").count() == len(numbers)
    assert StateChange.objects.filter(document__kind="waybill", state="queued").count() == len(numbers)


@pytest.mark.django_db(transaction=True)
def test_a_clerk_who_corrects_while_the_sweep_sends_on_wins_or_is_told(committed):
    """Either the correction replaced what waited, or it was gone already and the correction is refused; never both."""
    numbers = range(1, 31)
    ids = waits(committed, "waybill", *numbers)
    for slug in ("order", "payment"):
        accepted(committed, slug, *numbers)
    outcomes = []

    def clerk() -> None:
        for n in numbers:
            outcomes.append(bring(committed, "waybill", [make.waybill(n, note="更正")]))

    def sweep() -> None:
        while waiting.free_waiting(limit=1):
            pass

    in_threads(clerk, sweep)
    tasks.free_waiting()
    notes = dict(Waybill.objects.values_list("document_id", "note"))
    for document_id, outcome in zip(ids, outcomes, strict=True):
        assert state(document_id) == ("queued", "")
        assert OutboundDocument.objects.filter(document_id=document_id).count() == 1
        if outcome.filed:
            assert notes[document_id] == "更正"
        else:
            assert (outcome.refused, notes[document_id]) == ([0], "")
            assert "E05" in {one.rule for one in outcome.problems[0]}


# --- what it costs ------------------------------------------------------------------------------------------------


def test_it_asks_the_database_as_often_for_fifty_as_for_five(cast):
    def cost(numbers: range) -> int:
        ids = waits(cast, "inventory", *numbers)
        for slug in ("order", "payment", "waybill"):
            accepted(cast, slug, *numbers)
        with CaptureQueriesContext(connection) as queries:
            assert waiting.free_waiting()
        assert set(Document.objects.filter(id__in=ids).values_list("state", flat=True)) == {"queued"}
        return len(queries)

    assert cost(range(1, 6)) == cost(range(6, 56))


def test_it_does_nothing_when_nothing_waits(cast, django_assert_num_queries):
    with CaptureQueriesContext(connection) as queries:
        assert waiting.free_waiting() is False
    assert len([one for one in queries if "declarations_document" in one["sql"]]) == 1


@pytest.mark.parametrize("some_has_come", [False, True])
@pytest.mark.parametrize("waited", [timedelta(0), timedelta(minutes=4), timedelta(hours=3), timedelta(days=30)])
def test_it_is_looked_at_again_after_as_long_as_it_has_waited_and_ever_more_rarely(cast, waited, some_has_come):
    """What never comes costs a look a day; what is half there is asked often enough that its reason stays true."""
    (goods,) = waits(cast, "inventory", 1)
    if some_has_come:
        accepted(cast, "payment", 1)
    longest = waiting.LONGEST if some_has_come else waiting.LONGEST_IN_VAIN
    pause = min(max(waited, waiting.SHORTEST), longest)
    second = timedelta(seconds=1)
    for ago, looks in ((pause - second, 0), (pause + second, 1)):
        looked_at = timezone.now() - ago
        Document.objects.filter(id=goods).update(looked_at=looked_at, state_at=looked_at - waited)
        assert looked_at_now() == looks
    assert missing(goods) == ("order,waybill" if some_has_come else "order,payment,waybill")


def test_it_costs_the_same_however_many_documents_there_ever_were(cast):
    """A probe of an index for each that waits, and no reading of what was done with long ago, also where many wait."""
    waits(cast, "inventory", *range(1, 41))
    accepted(cast, "order", 41)
    times(Document.objects.get(kind="order"), 20_000)
    plan = how_it_looks()
    assert "Seq Scan on declarations_document" not in plan
    assert "document_waiting" in plan and "document_by_order" in plan
    times(Document.objects.filter(kind="inventory")[0], 5_000)
    plan = how_it_looks()
    assert "Seq Scan on declarations_document" not in plan
    assert "Index Searches: 5040" in plan
    assert not waiting.free_waiting()


def times(document: Document, count: int) -> None:
    """As many more of these as the table may hold after years, as the planner sees it."""
    columns = ", ".join(
        one.column for one in Document._meta.fields if one.column not in {"id", "key", "number", "order_no"}
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            f"INSERT INTO declarations_document ({columns}, key, number, order_no)"
            f" SELECT {columns}, key || n, number || n, order_no || n FROM declarations_document, generate_series(1, %s) n"
            " WHERE id = %s",
            [count, document.pk],
        )
        cursor.execute("ANALYZE declarations_document")


def how_it_looks() -> str:
    """How the database really finds those whose turn it is."""
    with CaptureQueriesContext(connection) as queries:
        waiting.free_waiting()
    (question,) = [one["sql"] for one in queries if "SKIP LOCKED" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE) " + question)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_nothing_but_the_wait_itself_stands_in_its_row(cast):
    """A page reads and writes no more of a waiting document than of any other."""
    ids = waits(cast, "waybill", 1, 2)
    assert set(Document.objects.filter(id__in=ids).values_list("waits_for", flat=True)) == {"order,payment"}
    assert not OutboundDocument.objects.exists()
    assert REFUSED.isdisjoint(Document.objects.values_list("state", flat=True))
    assert FILERS["waybill"] == Document.objects.select_related("filed_by")[0].filed_by.username
