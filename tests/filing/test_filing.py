"""The one door: everything wrong is said, everything right is filed, once, by the filer alone, in one transaction."""

import threading
from contextlib import nullcontext
from datetime import datetime

import pytest
from django.db import connection
from django.db.utils import ProgrammingError
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from declarations import filing
from declarations.exchange import envelope, inbox
from declarations.fields import SYSTEM
from declarations.filing import check_documents, file_documents, read_draft, save_draft
from declarations.kinds import KINDS, kind
from declarations.models import (
    Document,
    Draft,
    Order,
    OrderLine,
    Outbound,
    OutboundDocument,
    Payment,
    Receipt,
    StateChange,
)
from declarations.reading import SHANGHAI
from declarations.shape import Entry
from portal.tenancy import acting_as
from tests import make
from tests.exchange import answers
from tests.exchange.desk import FILERS, accepted, bring, filed, history, read_all, state

SLUGS = [one.slug for one in KINDS]


def rules(outcome, place: int = 0) -> set[str]:
    """The numbers of what keeps one document from being sent: errors, skips and waits."""
    return {one.rule for one in outcome.problems.get(place, []) if one.level in ("error", "skip", "wait")}


def nothing_saved() -> bool:
    tables = (Document, StateChange, Order, OrderLine, Outbound, OutboundDocument)
    return not any(table.objects.exists() for table in tables)


def as_filer(cast, slug: str):
    """What the web process is while that filer's request runs."""
    actor = cast.actor(FILERS[slug])
    return acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk)


def prepare(cast, slug: str, *numbers: int) -> None:
    """Everything a document of that kind stands on, accepted by customs."""
    for before in kind(slug).after:
        accepted(cast, before, *numbers)


# --- good and bad ----------------------------------------------------------------------------------------------


def test_it_files_the_good_and_says_everything_wrong_with_the_bad(cast):
    bad = make.order(2, goods_value="1", consignee="")
    bad.lines[1]["qty"] = "ten"
    bad.lines[0]["country"] = "XYZ"
    outcome = bring(cast, "order", [make.order(1), bad, make.order(3), make.order(4, actual_paid="1", freight="-2")])
    assert (list(outcome.filed), outcome.refused, outcome.known) == ([0, 2], [1, 3], [])
    assert {(one.field, one.line) for one in outcome.problems[1]} >= {("consignee", None), ("qty", 1), ("country", 0)}
    assert {one.field for one in outcome.problems[3]} == {"freight"}
    assert [Document.objects.get(id=one).number for one in outcome.filed.values()] == [
        make.order(n).head["order_no"] for n in (1, 3)
    ]
    assert Outbound.objects.get().document_count == 2


def test_it_says_every_rule_broken_by_a_document_of_right_shape(cast):
    wrong = make.order(1, goods_value="1", pay_code="", ebp_code=make.CARRIER.customs_code, ebp_name=make.CARRIER.name)
    wrong.lines[0]["total_price"] = "7"
    outcome = bring(cast, "order", [wrong], by="merchant_filer")
    assert {"O01", "O02", "O03", "O05"} <= rules(outcome)
    assert nothing_saved()


def test_it_checks_without_saving(cast):
    problems = check_documents(
        actor=cast.actor("platform_filer"), kind=kind("order"), entries=[make.order(1), make.order(2, consignee="")]
    )
    assert [{one.rule for one in found if one.level == "error"} for found in problems] == [set(), {"S01"}]
    assert nothing_saved()


def test_it_files_nothing_of_nothing(cast):
    outcome = bring(cast, "order", [])
    assert (outcome.filed, outcome.known, outcome.refused) == ({}, [], [])
    assert nothing_saved()
    assert not AuditEntry.objects.exists()


def test_it_files_all_or_nothing(cast):
    entries = [make.order(1), make.order(2, consignee="")]
    outcome = bring(cast, "order", entries, all_or_nothing=True)
    assert (outcome.filed, outcome.refused) == ({}, [1])
    assert nothing_saved()
    assert list(bring(cast, "order", entries[:1], all_or_nothing=True).filed) == [0]


def test_it_writes_down_who_filed_what(cast):
    (document_id,) = filed(cast, "order", 1)
    document = Document.objects.get(id=document_id)
    user = cast.users["platform_filer"]
    assert (document.filed_by, document.state, document.attempt, document.source) == (user, "queued", 1, "form")
    assert document.key == f"{make.PLATFORM.customs_code}|{document.order_no}"
    entry = AuditEntry.objects.get(action="file")
    assert (entry.user, entry.details["documents"]) == (user, 1)
    assert StateChange.objects.get().user == user


# --- once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", SLUGS)
def test_it_passes_over_what_is_filed_already(cast, slug):
    prepare(cast, slug, 1)
    filed(cast, slug, 1)
    messages = Outbound.objects.count()
    outcome = bring(cast, slug, [make.entry(slug, 1)])
    assert (outcome.filed, outcome.known, outcome.refused) == ({}, [0], [])
    assert rules(outcome) == {"E04"}
    assert Outbound.objects.count() == messages


@pytest.mark.parametrize("slug", SLUGS)
def test_it_refuses_another_content_under_the_same_number(cast, slug):
    prepare(cast, slug, 1)
    (document_id,) = filed(cast, slug, 1)
    outcome = bring(cast, slug, [make.entry(slug, 1, note="别的")])
    assert (outcome.filed, outcome.refused) == ({}, [0])
    assert rules(outcome) == {"E05"}
    assert kind(slug).body._default_manager.get(document_id=document_id).note == ""


def test_it_files_twins_in_one_go_once(cast):
    outcome = bring(cast, "order", [make.order(1), make.order(1), make.order(1, note="别的")])
    assert (list(outcome.filed), outcome.known, outcome.refused) == ([0], [1], [2])
    assert (rules(outcome, 1), rules(outcome, 2)) == ({"X03"}, {"X02"})
    assert Document.objects.count() == Order.objects.count() == 1


def test_it_lets_two_enterprises_use_the_same_number(cast):
    filed(cast, "order", 1)
    filed(cast, "order", 1, by="merchant_filer")
    assert Document.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("portion", [1, 1000])
def test_it_files_once_what_two_file_at_the_same_moment(committed, monkeypatch, portion):
    monkeypatch.setattr(filing, "PORTION", portion)
    outcomes = []
    ready = threading.Barrier(2)

    def clerk(numbers: tuple[int, ...]) -> None:
        try:
            ready.wait(5)
            outcomes.append(bring(committed, "order", [make.order(n) for n in numbers]))
        finally:
            connection.close()

    threads = [threading.Thread(target=clerk, args=(numbers,)) for numbers in ((1, 2, 3), (3, 2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(place for outcome in outcomes for place in outcome.filed) == [0, 1, 2]
    assert sorted(place for outcome in outcomes for place in outcome.known) == [0, 1, 2]
    assert Document.objects.count() == OutboundDocument.objects.count() == Order.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_it_begins_one_attempt_when_two_file_a_refused_document_again_at_the_same_moment(committed):
    ids = filed(committed, "order", 1, 2)
    Document.objects.update(state="rejected")
    OutboundDocument.objects.all().delete()
    outcomes = []
    ready = threading.Barrier(2)

    def clerk(numbers: tuple[int, ...]) -> None:
        try:
            ready.wait(5)
            outcomes.append(bring(committed, "order", [make.order(n, note="更正") for n in numbers]))
        finally:
            connection.close()

    threads = [threading.Thread(target=clerk, args=(numbers,)) for numbers in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(one for outcome in outcomes for one in outcome.filed.values()) == ids
    assert set(Document.objects.values_list("attempt", flat=True)) == {2}
    assert OutboundDocument.objects.count() == 2


# --- refused, corrected, filed again ------------------------------------------------------------------------------


def answer(document_id: int, code: str, minutes: float) -> None:
    inbox.store(answers.to_filer(document_id, code, minutes))
    read_all()


def test_it_files_a_refused_document_again_as_its_next_attempt(cast):
    (document_id,) = filed(cast, "order", 1)
    answer(document_id, "2", 1)
    answer(document_id, "100", 5)
    outcome = bring(cast, "order", [make.order(1, note="更正", lines=1, goods_value=None)])
    assert outcome.refused == [0]  # still wrong: nothing of the refused one is touched
    assert OrderLine.objects.filter(document_id=document_id).count() == 2
    outcome = bring(cast, "order", [make.order(1, note="更正", lines=1)])
    assert outcome.filed == {0: document_id}
    document = Document.objects.get()
    assert (document.state, document.code, document.reason, document.attempt) == ("queued", "", "", 2)
    assert document.answered_until == answers.at(5)
    assert Order.objects.get().note == "更正"
    assert OrderLine.objects.count() == 1
    assert history(document_id) == [("queued", ""), ("declaring", "2"), ("rejected", "100"), ("queued", "")]


def test_it_files_a_refused_document_again_without_a_change(cast):
    (document_id,) = filed(cast, "order", 1)
    answer(document_id, "100", 5)
    assert bring(cast, "order", [make.order(1)]).filed == {0: document_id}


@pytest.mark.parametrize(("code", "minutes"), [("120", 3), ("100", 5), ("800", 4), ("2", 0)])
def test_it_lets_late_answers_on_the_old_attempt_change_nothing(cast, code, minutes):
    (document_id,) = filed(cast, "order", 1)
    answer(document_id, "100", 5)
    bring(cast, "order", [make.order(1, note="更正")])
    answer(document_id, code, minutes)
    assert state(document_id) == ("queued", "")
    answer(document_id, "2", 9)
    assert state(document_id) == ("declaring", "2")
    answer(document_id, "100", 5)
    assert state(document_id) == ("declaring", "2")


def test_it_counts_attempts_as_often_as_customs_refuses(cast):
    (document_id,) = filed(cast, "order", 1)
    for attempt in range(1, 5):
        answer(document_id, "2", attempt * 10)
        answer(document_id, "100", attempt * 10 + 1)
        assert state(document_id) == ("rejected", "100")
        assert Document.objects.get().attempt == attempt
        bring(cast, "order", [make.order(1, note=str(attempt))])
    assert Receipt.objects.count() == 8
    assert Document.objects.count() == 1


def test_it_files_a_list_again_under_a_new_number_of_its_own(cast):
    prepare(cast, "inventory", 1)
    (document_id,) = filed(cast, "inventory", 1)
    first = Document.objects.get(id=document_id).number
    late = answers.to_filer(document_id, "120", 3)
    answer(document_id, "100", 5)
    bring(cast, "inventory", [make.inventory(1)])
    assert Document.objects.get(id=document_id).number != first
    inbox.store(late)
    read_all()
    assert state(document_id) == ("queued", "")
    answer(document_id, "120", 9)
    assert state(document_id) == ("stored", "120")


def test_it_lets_those_after_it_find_what_was_corrected(cast):
    """A payment named the wrong order; corrected, the waybill of the right order finds it."""
    accepted(cast, "order", 1)
    (payment,) = filed(cast, "payment", 1, order_no="SHWRONG1")
    answer(payment, "100", 1)
    assert rules(bring(cast, "waybill", [make.waybill(1)])) == {"E07"}
    assert bring(cast, "payment", [make.payment(1)]).filed == {0: payment}
    assert Document.objects.get(id=payment).order_no == make.payment(1).head["order_no"]
    answer(payment, "120", 2)
    assert rules(bring(cast, "waybill", [make.waybill(1, note="更正")])) == set()


# --- what must come first ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["waybill", "inventory"])
def test_it_wants_everything_before_it_to_be_there_and_accepted(cast, slug):
    before = list(kind(slug).after)
    outcome = bring(cast, slug, [make.entry(slug, 1)])
    assert (outcome.filed, outcome.refused, list(outcome.waiting)) == ({}, [], [0])
    assert [one.params["document"] for one in outcome.problems[0] if one.rule == "E07"] == before
    for one in before:
        accepted(cast, one, 1)
    Document.objects.filter(kind__in=before).update(state="sent")
    outcome = bring(cast, slug, [make.entry(slug, 1, note="一")])
    assert list(outcome.waiting) == [0]
    assert [one.params["document"] for one in outcome.problems[0] if one.rule == "E08"] == before
    Document.objects.filter(kind__in=before).update(state="stored")
    outcome = bring(cast, slug, [make.entry(slug, 1, note="二")])
    assert (list(outcome.filed), outcome.waiting) == ([0], {})


@pytest.mark.parametrize("refused", ["rejected", "failed", "queued", "sent"])
def test_it_does_not_stand_on_what_customs_has_not_taken(cast, refused):
    prepare(cast, "waybill", 1)
    Document.objects.filter(kind="payment").update(state=refused)
    outcome = bring(cast, "waybill", [make.waybill(1)])
    assert (rules(outcome), list(outcome.waiting), outcome.refused) == ({"E08"}, [0], [])


def test_it_looks_behind_the_wall_for_no_more_than_that(cast):
    """The courier's own process sees no order, yet knows that there is one."""
    prepare(cast, "waybill", 1)
    with as_filer(cast, "waybill"):
        assert not Document.objects.exists()
        outcome = bring(cast, "waybill", [make.waybill(1), make.waybill(2)])
    assert (list(outcome.filed), list(outcome.waiting)) == ([0], [1])
    assert rules(outcome, 1) == {"E07"}


# --- how much it costs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("web", [True, False], ids=["page", "worker"])
@pytest.mark.parametrize("slug", SLUGS)
def test_it_asks_the_database_as_often_for_fifty_as_for_five(cast, slug, web):
    prepare(cast, slug, *range(1, 56))

    def cost(numbers: range) -> int:
        entries = [make.entry(slug, n) for n in numbers]
        actor = cast.actor(FILERS[slug])
        with CaptureQueriesContext(connection) as queries:
            if web:
                with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
                    outcome = bring(cast, slug, entries)
            else:
                outcome = bring(cast, slug, entries)
        assert len(outcome.filed) == len(entries)
        return len(queries)

    assert cost(range(1, 6)) == cost(range(6, 56))


def test_it_files_refused_documents_again_in_as_few_questions(cast):
    def cost(numbers: range) -> int:
        filed(cast, "order", *numbers)
        Document.objects.update(state="rejected")
        with CaptureQueriesContext(connection) as queries:
            outcome = bring(cast, "order", [make.order(n, note="更正") for n in numbers])
        assert len(outcome.filed) == len(numbers)
        return len(queries)

    assert cost(range(1, 6)) == cost(range(6, 56))


@pytest.mark.parametrize("web", [False, True])
def test_it_files_many_portions_as_one(cast, monkeypatch, web):
    """In the order of the sheet, each document with what itself says, whether new, refused before or filed already."""
    monkeypatch.setattr(filing, "PORTION", 2)
    filed(cast, "order", 4, 6)
    Document.objects.filter(number=make.order(4).head["order_no"]).update(state="rejected")
    numbers = [9, 3, 7, 1, 4, 8, 2, 6, 5]
    with as_filer(cast, "order") if web else nullcontext():
        outcome = bring(cast, "order", [make.order(n) for n in numbers])
    assert (list(outcome.filed), outcome.known, outcome.refused) == ([0, 1, 2, 3, 4, 5, 6, 8], [7], [])
    new = [document_id for place, document_id in outcome.filed.items() if numbers[place] != 4]
    assert new == sorted(new)
    for place, document_id in outcome.filed.items():
        said, brought = Order.objects.get(document=document_id), make.order(numbers[place])
        assert (said.order_no, said.document.number) == (brought.head["order_no"],) * 2
        assert OrderLine.objects.filter(document=document_id).count() == len(brought.lines)
    enclosed = OutboundDocument.objects.filter(outbound=Outbound.objects.latest("id")).order_by("id")
    assert list(enclosed.values_list("document_id", flat=True)) == list(outcome.filed.values())


# --- page and worker ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", SLUGS)
def test_it_stores_the_same_from_a_page_as_from_a_worker(cast, slug):
    prepare(cast, slug, 1)
    (by_worker,) = filed(cast, slug, 1)
    Document.objects.filter(id=by_worker).update(key="moved away")
    with as_filer(cast, slug):
        (by_page,) = filed(cast, slug, 1)
    which = kind(slug)
    said = [place for place, one in enumerate(which.fields) if one.given != SYSTEM]
    first, second = envelope.load(which, [by_worker, by_page])
    assert [first.head[place] for place in said] == [second.head[place] for place in said]
    assert first.lines == second.lines
    assert len(first.lines) == (2 if which.line else 0)
    (one, other) = Document.objects.filter(id__in=[by_worker, by_page]).values_list(
        "number" if slug != "inventory" else "order_no", "fingerprint", "enterprise", "filed_by", "state"
    )
    assert one == other


def test_it_writes_no_row_for_another_enterprise(cast):
    """A door that mixes up its actor is stopped by PostgreSQL itself."""
    actor = cast.actor("platform_filer")
    assert actor.enterprise.services_in_force  # read beforehand: behind the other's wall there are none
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        acting_as(enterprise_id=cast.enterprises["neighbour"].pk, user_id=cast.users["neighbour_filer"].pk),
    ):
        file_documents(actor=actor, kind=kind("order"), entries=[make.order(1)], source="form")
    assert nothing_saved()


def test_it_saves_nothing_when_the_last_step_fails(cast):
    with connection.cursor() as cursor:
        cursor.execute("REVOKE INSERT ON declarations_outbounddocument FROM portal_web")
    with pytest.raises(ProgrammingError, match="permission denied"), as_filer(cast, "order"):
        bring(cast, "order", [make.order(1)])
    assert nothing_saved()
    assert not AuditEntry.objects.exists()


# --- drafts -----------------------------------------------------------------------------------------------------


def test_it_keeps_a_form_as_it_is(cast):
    actor = cast.actor("platform_filer")
    entry = Entry({"order_no": "SH 1", "consignee": "=沈"}, [{"qty": "ten"}, {}])
    draft = save_draft(actor=actor, kind=kind("order"), entry=entry)
    assert (draft.number, read_draft(Draft.objects.get())) == ("SH 1", entry)
    save_draft(actor=actor, kind=kind("order"), entry=Entry({"order_no": "SH 2"}), draft=draft)
    assert read_draft(Draft.objects.get()).head == {"order_no": "SH 2"}
    with as_filer(cast, "order"):
        assert read_draft(Draft.objects.get()).head == {"order_no": "SH 2"}


# --- times --------------------------------------------------------------------------------------------------------


def test_it_keeps_beijing_time(cast):
    (document_id,) = filed(cast, "payment", 1, pay_time="2025-06-01 00:30:00")
    assert Payment.objects.get(document_id=document_id).pay_time == datetime(2025, 6, 1, 0, 30, tzinfo=SHANGHAI)
