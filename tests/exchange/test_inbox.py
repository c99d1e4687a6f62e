"""What customs sends: kept first, read later, in any order and however often; one bad message stops no other."""

import random
import threading
from itertools import permutations

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Enterprise
from declarations.doors import letters
from declarations.doors.story import story
from declarations.exchange import envelope, inbox, outbox, said
from declarations.kinds import kind
from declarations.models import (
    Document,
    Inbound,
    InboundBytes,
    InboundState,
    Inventory,
    Outbound,
    OutboundState,
    Receipt,
    StateChange,
)
from tests import make
from tests.exchange import answers
from tests.exchange.desk import bring, carried, due_again, filed, forward_all, history, listed, read_all, state
from tests.exchange.test_schema import HOSTILE


def arrive(*letters: bytes) -> list[int]:
    """They are stored, then swept."""
    ids = [inbox.store(letter) for letter in letters]
    read_all()
    return ids


def stuck(inbound_id: int) -> str:
    """The reason why a message waits for a person; fails when it does not."""
    one = Inbound.objects.get(id=inbound_id)
    assert one.state == InboundState.STUCK
    return one.last_error


@pytest.fixture
def order(signers) -> int:
    """An order filed, not sent yet."""
    return filed(signers, "order", 1)[0]


# --- kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"x", b"\x00\xff" * 50, "回执".encode(), b"<x/>\r\n", bytes(range(256)) * 400])
def test_it_keeps_what_arrives_byte_for_byte_unread(db, raw):
    number = inbox.store(raw)
    one = Inbound.objects.get(id=number)
    assert inbox.raw_bytes(number) == raw
    assert (one.state, one.byte_count, one.message) == (InboundState.STORED, len(raw), "")
    assert raw not in bytes(InboundBytes.objects.get().content) or len(raw) == 1


def test_it_knows_whose_a_message_is_once_it_is_read(order):
    (number,) = arrive(answers.to_filer(order, "120"))
    one = Inbound.objects.get(id=number)
    assert one.enterprise.customs_code == make.PLATFORM.customs_code
    assert (one.state, one.message) == (InboundState.PROCESSED, "CEB312Message")
    assert InboundBytes.objects.get(inbound_id=number).enterprise_id == one.enterprise_id


# --- once, and in any order -------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [2, 100])
def test_it_takes_the_same_receipt_once(order, times):
    arrive(*[answers.to_filer(order, "120", 1)] * times)
    assert Receipt.objects.count() == 1
    assert history(order) == [("queued", ""), ("stored", "120")]
    assert Inbound.objects.filter(state=InboundState.PROCESSED).count() == times


def test_it_takes_a_receipt_repeated_within_one_message_once(order, signers):
    one = answers.receipt(order, "120", 1)
    arrive(answers.letter(answers.message("order", one, one, one), signers.enterprises["platform"].dxp_id))
    assert Receipt.objects.count() == 1
    assert state(order) == ("stored", "120")


def test_it_takes_the_same_answer_at_another_time_for_another_receipt(order):
    arrive(answers.to_filer(order, "120", 1), answers.to_filer(order, "120", 2))
    assert Receipt.objects.count() == 2


@pytest.mark.parametrize("arrival", list(permutations([("2", 1), ("120", 2), ("100", 3), ("1", 4)])))
def test_it_ends_the_same_in_any_order_of_arrival(order, arrival):
    for code, minutes in arrival:
        arrive(answers.to_filer(order, code, minutes))
    assert state(order) == ("rejected", "100")
    assert Receipt.objects.count() == 4


@pytest.mark.parametrize("arrival", list(permutations([("2", 1), ("1", 3), ("-1", 2)])))
def test_it_ends_the_same_whatever_the_port_says_first(order, arrival):
    for code, minutes in arrival:
        arrive(answers.to_filer(order, code, minutes))
    assert state(order) == ("failed", "-1")


def test_it_walks_a_list_to_its_end_however_shuffled_and_repeated(signers):
    course = [("2", 1), ("120", 2), ("500", 3), ("800", 4), ("399", 5), ("100", 6), ("501", 7), ("899", 8), ("1", 9)]
    for n in range(1, 5):
        (document_id,) = listed(signers, n)
        letters = [answers.to_filer(document_id, code, minutes) for code, minutes in course] * 2
        random.Random(n).shuffle(letters)
        arrive(*letters)
        assert state(document_id) == ("closed", "899")
        assert Receipt.objects.filter(document_id=document_id).count() == len(course)


@pytest.mark.django_db(transaction=True)
def test_it_settles_rightly_when_two_workers_read_about_the_same_documents(committed):
    ids = filed(committed, "order", 1, 2, 3)
    to = committed.enterprises["platform"].dxp_id
    chance = random.Random(5)
    for minutes, code in enumerate(["2", "120", "100", "120"] * 3):
        order = chance.sample(ids, 3)
        inbox.store(answers.letter(answers.message("order", *[answers.receipt(i, code, minutes) for i in order]), to))

    def worker() -> None:
        try:
            read_all()
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {state(one) for one in ids} == {("stored", "120")}
    assert Receipt.objects.count() == 36
    assert set(Inbound.objects.values_list("state", "attempts")) == {(InboundState.PROCESSED, 1)}


# --- whose ----------------------------------------------------------------------------------------------------


def test_it_keeps_a_receipt_of_a_document_it_does_not_know(signers):
    said = {"ebpCode": make.PLATFORM.customs_code, "ebcCode": make.MERCHANT.customs_code, "orderNo": "NOBODY1"}
    known = filed(signers, "order", 1)[0]
    inner = answers.message("order", answers.stranger("order", said, "120"), answers.receipt(known, "120"))
    arrive(answers.letter(inner, signers.enterprises["platform"].dxp_id))
    kept = Receipt.objects.get(document=None)
    assert (kept.code, kept.enterprise.customs_code) == ("120", make.PLATFORM.customs_code)
    assert state(known) == ("stored", "120")


def test_it_touches_no_document_of_another_enterprise(signers):
    (order,) = filed(signers, "order", 1)
    inner = answers.message("order", answers.receipt(order, "100"))
    arrive(answers.letter(inner, signers.enterprises["neighbour"].dxp_id))
    assert state(order) == ("queued", "")
    kept = Receipt.objects.get()
    assert kept.document_id is None
    assert kept.enterprise == signers.enterprises["neighbour"]


def test_it_touches_no_message_of_another_enterprise(signers, peer):
    filed(signers, "order", 1)
    (message,) = forward_all()
    (number,) = arrive(answers.letter(answers.refusal(message), signers.enterprises["neighbour"].dxp_id))
    assert message.guid in stuck(number)
    assert Outbound.objects.get().state == OutboundState.SENT


def test_it_asks_a_person_about_a_receiver_it_does_not_know(order):
    inner = answers.message("order", answers.receipt(order, "120"))
    (number,) = arrive(answers.letter(inner, "DXPENT0000999999"))
    assert "DXPENT0000999999" in stuck(number)
    assert state(order) == ("queued", "")


# --- bad ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_it_sets_hostile_bytes_aside_with_the_reason(order, name):
    outside = inbox.store(HOSTILE[name])
    inside = inbox.store(answers.letter(HOSTILE[name] or b" ", make_dxp()))
    arrive(answers.to_filer(order, "120"))
    assert stuck(outside)
    assert stuck(inside)
    assert state(order) == ("stored", "120")
    assert inbox.raw_bytes(outside) == HOSTILE[name]


def make_dxp() -> str:
    return Enterprise.objects.get(customs_code=make.PLATFORM.customs_code).dxp_id


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"CEB312Message", b"CEB999Message"),
        (b"CEB312Message", b"CEB412Message"),
        (b"OrderReturn", b"OrderAnswer"),
        (b"returnStatus", b"returnState"),
        (b"<ceb:returnTime>2", b"<ceb:returnTime>22"),
        (b"www.chinaport.gov.cn", b"www.example.org"),
    ],
)
def test_it_sets_aside_what_is_not_published_so(order, was, becomes):
    inner = answers.message("order", answers.receipt(order, "120"))
    (number,) = arrive(answers.letter(inner.replace(was, becomes), make_dxp()))
    assert stuck(number)
    assert not Receipt.objects.exists()
    assert state(order) == ("queued", "")


def test_it_sets_aside_a_message_that_answers_nothing(order):
    text = envelope.build(
        outbox.kind("order"),
        (make.PLATFORM.customs_code, "x", make_dxp()),
        envelope.new_guid(),
        [make.clean("order", 1)],
    )
    (number,) = arrive(answers.letter(text, make_dxp()))
    assert "CEB311Message" in stuck(number)


@pytest.mark.parametrize("time", ["2025060109300000A", "20251301093000000", "20250601250000000", "00000000000000000"])
def test_it_sets_aside_a_time_that_is_none(order, time):
    inner = answers.message("order", answers.receipt(order, "120"))
    right = answers.clock(answers.MORNING).encode()
    number = inbox.store(answers.letter(inner.replace(right, time.encode()), make_dxp()))
    for _ in range(inbox.MAX_ATTEMPTS):
        Inbound.objects.update(not_before=make.NOW)
        read_all()
    assert stuck(number)
    assert not Receipt.objects.exists()


def test_it_believes_no_answer_from_the_future(order):
    """It would outlast every later answer."""
    ahead = (timezone.now() + said.FARTHEST_AHEAD * 2 - answers.MORNING).total_seconds() / 60
    inbox.store(answers.to_filer(order, "100", ahead))
    read_all()
    assert Inbound.objects.get().state == InboundState.STUCK
    assert state(order) == ("queued", "")


@pytest.mark.parametrize("code", ["300", "700", "800", "899", "12345"])
def test_it_keeps_a_code_an_order_does_not_know_and_changes_nothing(order, code):
    inbox.store(answers.to_filer(order, code))
    read_all()
    assert Receipt.objects.get().code == code
    assert state(order) == ("queued", "")


def test_it_tries_a_poisoned_message_to_the_limit_then_asks_a_person(order):
    poisoned = inbox.store(answers.to_filer(order, "120"))
    InboundBytes.objects.filter(inbound_id=poisoned).update(content=b"not what we packed")
    well = inbox.store(answers.to_filer(order, "2"))
    for attempt in range(1, inbox.MAX_ATTEMPTS + 1):
        assert Inbound.objects.get(id=poisoned).state == InboundState.STORED
        Inbound.objects.filter(id=poisoned).update(not_before=make.NOW)
        read_all()
        assert Inbound.objects.get(id=poisoned).attempts == attempt
        assert Inbound.objects.get(id=well).state == InboundState.PROCESSED
    assert "Unreadable" in stuck(poisoned)
    Inbound.objects.filter(id=poisoned).update(not_before=make.NOW)
    assert read_all() == 0
    assert state(order) == ("declaring", "2")


# --- the whole message refused -----------------------------------------------------------------------------------


def test_it_narrows_a_refused_message_down_to_the_culprit(signers, peer):
    """Customs refuses every message that carries the fifth; six others arrive, each once in a message taken."""
    ids = filed(signers, "order", *range(1, 8))
    culprit, to = ids[4], signers.enterprises["platform"].dxp_id
    taken: list[int] = []
    refused = 0
    while messages := forward_all():
        for message in messages:
            if culprit in carried(message):
                refused += 1
                inbox.store(answers.letter(answers.refusal(message, refused), to))
            else:
                taken += carried(message)
        read_all()
        due_again()
    assert sorted(taken) == [one for one in ids if one != culprit]
    assert {state(one) for one in taken} == {("sent", "")}
    document = Document.objects.get(id=culprit)
    assert (document.state, document.code) == ("failed", "-900")
    assert "报文结构不符" in document.reason
    assert Receipt.objects.get().document_id == culprit
    assert refused <= 4


def test_it_keeps_the_refusal_at_every_document_it_sent_back(signers, peer):
    """The message that was split can be read at each of its documents, without the persons it quotes."""
    ids = filed(signers, "order", 1, 2)
    (message,) = forward_all()
    arrive(answers.letter(answers.refusal(message, 1), signers.enterprises["platform"].dxp_id))
    inbound = Inbound.objects.get()
    for document_id in ids:
        document = Document.objects.get(id=document_id)
        text, _others = letters.shown(
            kind("order"), document, letters.IN, letters.raw(document, letters.IN, inbound.id)
        )
        assert "CEB900Message" in text and make.person(1).name not in text
        steps = story(kind("order"), document).steps
        assert [step.message for step in steps if f"/in/{inbound.id}/" in step.message]


@pytest.mark.parametrize("count", [1, 2])
def test_it_takes_a_refusal_once(signers, peer, count):
    filed(signers, "order", *range(1, count + 1))
    (message,) = forward_all()
    to = signers.enterprises["platform"].dxp_id
    arrive(answers.letter(answers.refusal(message, 1), to))
    before = (Outbound.objects.count(), Receipt.objects.count(), StateChange.objects.count())
    arrive(*[answers.letter(answers.refusal(message, minutes), to) for minutes in (1, 2, 3)])
    assert (Outbound.objects.count(), Receipt.objects.count(), StateChange.objects.count()) == before
    assert Outbound.objects.get(id=message.id).state == OutboundState.REFUSED


def test_it_sends_no_document_again_that_customs_has_answered(signers, peer):
    first, second, third, fourth = filed(signers, "order", 1, 2, 3, 4)
    (message,) = forward_all()
    arrive(answers.to_filer(first, "120"), answers.to_filer(second, "100"))
    arrive(answers.letter(answers.refusal(message, 5), signers.enterprises["platform"].dxp_id))
    assert state(first) == ("stored", "120")
    assert state(second) == ("rejected", "100")
    halves = Outbound.objects.exclude(id=message.id)
    assert [carried(half) for half in halves.order_by("id")] == [[third], [fourth]]
    assert "整份报文被退回" in Document.objects.get(id=third).reason
    forward_all()
    assert state(third) == state(fourth) == ("sent", "")


def test_it_lets_the_culprit_be_corrected_and_filed_again(signers, peer):
    (order,) = filed(signers, "order", 1)
    (message,) = forward_all()
    arrive(answers.letter(answers.refusal(message), signers.enterprises["platform"].dxp_id))
    bring(signers, "order", [make.order(1, note="已更正")])
    forward_all()
    arrive(answers.to_filer(order, "2", 5))
    assert history(order)[-3:] == [("queued", ""), ("sent", ""), ("declaring", "2")]
    assert Document.objects.get(id=order).attempt == 2


def test_it_asks_a_person_about_a_refusal_of_a_message_nobody_sent(signers, peer):
    filed(signers, "order", 1)
    (message,) = forward_all()
    message.guid = envelope.new_guid()
    (number,) = arrive(answers.letter(answers.refusal(message), signers.enterprises["platform"].dxp_id))
    assert message.guid in stuck(number)


# --- numbers customs gives -----------------------------------------------------------------------------------------


def test_it_writes_the_numbers_customs_gave_into_the_list(signers):
    (document_id,) = listed(signers, 1)
    arrive(answers.to_filer(document_id, "2", 1, preNo="221620251234567890"))
    body = Inventory.objects.get(document_id=document_id)
    assert (body.pre_no, body.invt_no) == ("221620251234567890", "")
    arrive(answers.to_filer(document_id, "120", 2, preNo="221620251234567890", invtNo="22162025I123456789"))
    body.refresh_from_db()
    assert (body.pre_no, body.invt_no) == ("221620251234567890", "22162025I123456789")
    arrive(answers.to_filer(document_id, "2", 1, preNo="221620251234567890"))
    body.refresh_from_db()
    assert body.invt_no == "22162025I123456789"


@pytest.mark.parametrize("slug", ["order", "payment", "waybill", "inventory"])
def test_it_reads_the_answer_of_every_kind(signers, slug):
    listed(signers, 1)
    document_id = Document.objects.get(kind=slug).id
    arrive(answers.to_filer(document_id, "100", 7, info="[Code:1;Desc:理由]"))
    assert state(document_id) == ("rejected", "100")
    assert Document.objects.get(id=document_id).reason == "[Code:1;Desc:理由]"


def test_it_reads_a_hundred_receipts_by_as_many_queries_as_one(signers, django_assert_max_num_queries):
    to = signers.enterprises["platform"].dxp_id
    ids = filed(signers, "order", *range(1, 101))
    arrive(answers.to_filer(ids[0], "2"))
    inbox.store(answers.letter(answers.message("order", *[answers.receipt(one, "120", 1) for one in ids]), to))
    with django_assert_max_num_queries(22):
        assert inbox.process_next()
    assert {state(one) for one in ids} == {("stored", "120")}
