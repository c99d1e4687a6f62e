"""From the filed document to the gateway that has taken it: once, whole, the same bytes, whatever breaks on the way."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from lxml import etree

from accounts.models import Credential
from declarations.exchange import inbox, making, outbox
from declarations.models import Document, Order, Outbound, OutboundBytes, OutboundDocument, OutboundState
from declarations.published import CEB
from portal.sentences import speak
from tests import make
from tests.exchange import answers
from tests.exchange.desk import (
    accepted,
    bring,
    carried,
    certify,
    due_again,
    filed,
    forward_all,
    history,
    read_all,
    state,
)
from tests.exchange.peer import HANG, RESET


def states() -> set[str]:
    return set(Document.objects.values_list("state", flat=True))


def only() -> Outbound:
    return Outbound.objects.get()


# --- how many messages ------------------------------------------------------------------------------------------


@pytest.fixture
def few_per_message(monkeypatch):
    """Small numbers stand for large ones: five documents fill a message."""
    monkeypatch.setattr(outbox, "DOCUMENTS_PER_MESSAGE", 5)


@pytest.mark.parametrize("portions", [[12], [1] * 12, [3, 3, 3, 3], [4, 4, 4], [5, 5, 2], [1, 5, 1, 4, 1], [7, 5]])
def test_it_costs_no_more_messages_than_needed_however_filed(signers, peer, few_per_message, portions):
    ids, first = [], 1
    for size in portions:
        ids += filed(signers, "order", *range(first, first + size))
        first += size
    messages = forward_all()
    assert len(messages) == len(peer.bodies) == -(-sum(portions) // 5)
    assert sorted(one for message in messages for one in carried(message)) == ids
    assert [message.document_count for message in messages] == [len(carried(message)) for message in messages]
    assert max(message.document_count for message in messages) <= 5
    assert Outbound.objects.count() == len(messages)
    assert states() == {"sent"}


def test_it_puts_a_hundred_into_a_message(signers, peer):
    filed(signers, "payment", *range(1, 102))
    assert sorted(message.document_count for message in forward_all()) == [1, 100]
    roots = [etree.fromstring(letter.data) for letter in peer.letters]
    assert sorted(len(root.findall(f"{{{CEB}}}Payment")) for root in roots) == [1, 100]


def test_it_never_joins_other_senders_or_kinds(signers, peer):
    accepted(signers, "order", 1, 2)
    accepted(signers, "payment", 1, 2)
    filed(signers, "waybill", 1)
    certify(signers.enterprises["merchant"])
    filed(signers, "order", 3, by="merchant_filer")
    filed(signers, "order", 4)
    assert sorted((m.enterprise.customs_code, m.kind, m.document_count) for m in forward_all()) == sorted(
        [
            (make.PLATFORM.customs_code, "order", 3),
            (make.PAYER.customs_code, "payment", 2),
            (make.COURIER.customs_code, "waybill", 1),
            (make.MERCHANT.customs_code, "order", 1),
        ]
    )
    assert {letter.sender for letter in peer.letters} == {
        signers.enterprises[key].dxp_id for key in ("platform", "payment", "bonded_logistics", "merchant")
    }


def test_it_does_not_join_the_halves_of_a_refused_message(signers, peer):
    filed(signers, "order", 1, 2, 3)
    (message,) = forward_all()
    inbox.store(answers.letter(answers.refusal(message), signers.enterprises["platform"].dxp_id))
    read_all()
    filed(signers, "order", 4)
    assert sorted(one.document_count for one in forward_all()) == [1, 1, 2]


def test_it_does_not_join_what_was_signed_already(signers, peer):
    filed(signers, "order", 1)
    peer.manners.append(503)
    forward_all()
    filed(signers, "order", 2)
    due_again()
    assert [one.document_count for one in forward_all()] == [1, 1]
    assert len(peer.counted) == 2


def test_it_splits_a_message_too_large_for_customs_until_it_fits(signers, peer, monkeypatch):
    ids = filed(signers, "order", *range(1, 8))
    monkeypatch.setattr(making, "LARGEST_MESSAGE", 9_000)
    forward_all()
    assert len(peer.bodies) > 1
    assert max(len(letter.data) for letter in peer.letters) < 9_000 + 4_000  # the signature comes on top
    assert [history(one)[-1] for one in ids] == [("sent", "")] * 7
    sent = Outbound.objects.filter(state=OutboundState.SENT)
    assert sorted(one for message in sent for one in carried(message)) == ids


def test_it_sends_a_single_document_however_large(signers, peer, monkeypatch):
    filed(signers, "order", 1)
    monkeypatch.setattr(making, "LARGEST_MESSAGE", 10)
    forward_all()
    assert len(peer.bodies) == 1


# --- claims ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_it_gives_two_workers_different_messages(committed, monkeypatch):
    monkeypatch.setattr(outbox, "DOCUMENTS_PER_MESSAGE", 1)
    monkeypatch.setattr(outbox, "_MESSAGES_PER_CLAIM", 2)
    filed(committed, "order", *range(1, 13))
    taken: list[list[int]] = []
    ready = threading.Barrier(2)

    def worker() -> None:
        mine: list[int] = []
        try:
            ready.wait(5)
            while messages := outbox.claim():
                mine += [message.id for message in messages]
        finally:
            taken.append(mine)
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert set(taken[0]).isdisjoint(taken[1])
    assert len(taken[0]) + len(taken[1]) <= 12
    # A worker that finds nothing while the other holds the rows goes home; the next sweep takes what it left.
    assert len(taken[0]) + len(taken[1]) + len([m for _ in range(6) for m in outbox.claim()]) == 12


@pytest.mark.django_db(transaction=True)
def test_it_passes_over_what_another_is_just_claiming(committed):
    filed(committed, "order", 1)
    seen: list[list[Outbound]] = []

    def other() -> None:
        try:
            seen.append(outbox.claim())
        finally:
            connection.close()

    with transaction.atomic():
        mine = outbox.claim()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(10)
    assert len(mine) == 1
    assert seen == [[]]


def test_it_takes_an_expired_claim_again_and_no_other(signers, peer):
    filed(signers, "order", 1)
    (lost,) = outbox.claim()
    assert outbox.claim() == []
    due_again()
    (found,) = outbox.claim()
    assert (found.id, found.attempts) == (lost.id, 2)
    assert found.claim != lost.claim
    outbox.forward_all([lost])
    assert peer.bodies == []  # the slow worker has lost its claim: it neither keeps bytes nor sends
    outbox.forward_all([found])
    assert list(peer.counted.values()) == [1]
    assert states() == {"sent"}


def test_it_keeps_no_bytes_of_a_message_that_was_filled_up_meanwhile(signers, peer):
    """Waiting for a certificate, taken by a slow worker, joined with another by the next: nothing falls out."""
    Credential.objects.all().delete()
    filed(signers, "order", 1)
    forward_all()
    due_again()
    (slow,) = outbox.claim()
    certify(signers.enterprises["platform"])
    due_again()
    filed(signers, "order", 2)
    (full,) = outbox.claim()
    outbox.forward_all([slow])
    outbox.forward_all([full])
    assert len(peer.bodies) == 1
    assert peer.letters[0].data.count(b"<ceb:OrderHead>") == 2
    assert states() == {"sent"}


# --- a crash between any two steps ------------------------------------------------------------------------------


def test_it_builds_again_after_a_crash_before_the_bytes_were_kept(signers, peer):
    filed(signers, "order", 1)
    guid = only().guid
    outbox.claim()
    due_again()
    forward_all()
    assert peer.counted == {guid: 1}
    assert only().state == OutboundState.SENT


def test_it_sends_the_kept_bytes_after_a_crash_before_sending(signers, peer):
    (document_id,) = filed(signers, "order", 1)
    (message,) = outbox.claim()
    assert outbox._sign_and_keep([message]) == [message]
    kept = outbox.signed_bytes(message.id)
    Order.objects.filter(document_id=document_id).update(note="改过")
    due_again()
    forward_all()
    assert [letter.data for letter in peer.letters] == [kept]
    assert peer.counted == {message.guid: 1}
    assert history(document_id) == [("queued", ""), ("sent", "")]


@pytest.mark.parametrize("manner", [RESET, HANG, 500])
def test_it_sends_the_same_bytes_when_it_is_unknown_whether_they_arrived(signers, peer, quick, manner):
    filed(signers, "order", 1)
    peer.manners.append(manner)
    forward_all()
    assert only().state == OutboundState.SIGNED
    assert only().last_error
    assert states() == {"queued"}
    due_again()
    forward_all()
    first, second = peer.bodies
    assert first == second
    assert peer.counted == {only().guid: 2}  # customs counts it once: the same CopMsgId, the same bytes
    assert states() == {"sent"}


@pytest.fixture
def quick(monkeypatch):
    """Patience for tests: half a second."""
    patience = outbox.http.urllib3.Timeout(connect=1, read=0.3)
    monkeypatch.setattr(outbox.http, "_pool", outbox.http.urllib3.PoolManager(timeout=patience, retries=False))


def test_it_sends_again_after_a_crash_before_noting_that_it_was_sent(signers, peer):
    (document_id,) = filed(signers, "order", 1)
    (message,) = outbox.claim()
    outbox._sign_and_keep([message])
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        outbox._send([message])
        raise KeyboardInterrupt
    assert state(document_id) == ("queued", "")
    due_again()
    forward_all()
    assert peer.bodies[0] == peer.bodies[1]
    assert history(document_id) == [("queued", ""), ("sent", "")]


def test_it_does_not_take_back_an_answer_that_was_faster_than_the_note(signers, peer):
    (document_id,) = filed(signers, "order", 1)
    (message,) = outbox.claim()
    outbox._sign_and_keep([message])
    inbox.store(answers.to_filer(document_id, "120"))
    read_all()
    due_again()
    forward_all()
    assert state(document_id) == ("stored", "120")
    assert only().state == OutboundState.SENT


def test_it_does_not_fail_what_customs_has_taken(signers, peer):
    """Taken, but the answer was lost; by the time it goes again the gateway refuses the bytes."""
    (document_id,) = filed(signers, "order", 1)
    peer.manners.extend([RESET, 400])
    forward_all()
    inbox.store(answers.to_filer(document_id, "2"))
    read_all()
    due_again()
    forward_all()
    assert only().state == OutboundState.FAILED
    assert state(document_id) == ("declaring", "2")


def test_it_sends_nothing_twice_that_was_sent(signers, peer):
    filed(signers, "order", 1)
    (message,) = forward_all()
    outbox.forward_all([message])
    message.refresh_from_db()
    outbox.forward_all([message])
    due_again()
    assert forward_all() == []
    assert len(peer.bodies) == 1


# --- trouble ---------------------------------------------------------------------------------------------------


def test_it_waits_twice_as_long_each_time_and_says_why(signers, peer):
    filed(signers, "order", 1)
    waits = []
    for status in (500, 502, 503, 500):
        peer.manners.append(status)
        due_again()
        forward_all()
        message = only()
        waits.append((message.not_before - timezone.now()) / timedelta(seconds=1))
        assert str(status) in message.last_error
        assert message.needs_person == ""
        assert message.claimed_until is None
    for attempt, wait in enumerate(waits, 1):
        assert 0.7 * 2**attempt < wait < 1.25 * 2**attempt
    assert outbox.claim() == []  # not due yet
    assert states() == {"queued"}


def test_it_never_waits_longer_than_the_longest_wait(signers, peer):
    filed(signers, "order", 1)
    Outbound.objects.update(attempts=500)
    peer.manners.append(500)
    forward_all()
    assert only().not_before - timezone.now() < 1.25 * outbox.LONGEST_WAIT


@pytest.mark.parametrize("status", [400, 413, 422])
def test_it_fails_the_documents_with_the_reason_when_refused_for_good(signers, peer, status):
    ids = filed(signers, "order", 1, 2)
    peer.manners.append(status)
    forward_all()
    assert only().state == OutboundState.FAILED
    for document_id in ids:
        document = Document.objects.get(id=document_id)
        assert document.state == "failed"
        assert str(status) in document.reason
    due_again()
    assert forward_all() == []
    again = bring(signers, "order", [make.order(1), make.order(2)])
    assert list(again.filed.values()) == ids
    (message,) = forward_all()
    assert carried(message) == ids
    assert states() == {"sent"}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_it_fails_nothing_when_the_gateway_does_not_know_us_but_asks_for_a_person(signers, peer, status):
    (document_id,) = filed(signers, "order", 1)
    peer.manners.append(status)
    forward_all()
    assert state(document_id) == ("queued", "")
    assert str(status) in speak(only().needs_person)
    due_again()
    forward_all()
    assert (state(document_id)[0], only().needs_person) == ("sent", "")


def test_it_tries_no_other_while_the_gateway_does_not_answer(signers, peer):
    for number in range(1, 4):
        filed(signers, "payment", number)
        forward_all()
    ids = [filed(signers, slug, 4)[0] for slug in ("order", "payment")]
    peer.manners.append(503)
    assert outbox.forward_all(outbox.claim()) is False
    untried = Outbound.objects.get(enclosed__document_id=ids[1])
    assert (untried.claimed_until, untried.attempts, untried.sendings) == (None, 0, 0)
    due_again()
    forward_all()
    assert {state(document_id)[0] for document_id in ids} == {"sent"}


def test_it_signs_nothing_for_an_enterprise_without_transmission_number(signers, peer):
    (document_id,) = filed(signers, "order", 1)
    platform = signers.enterprises["platform"]
    type(platform).objects.filter(pk=platform.pk).update(dxp_id="")
    forward_all()
    assert (only().state, state(document_id)[0], peer.bodies) == (OutboundState.PENDING, "queued", [])
    assert "DXP" in speak(only().needs_person)


def test_it_notices_a_certificate_that_is_not_of_the_key(signers, peer):
    (document_id,) = filed(signers, "order", 1)
    other = Credential.objects.get(enterprise=signers.enterprises["payment"])
    Credential.objects.filter(enterprise=signers.enterprises["platform"]).update(certificate=other.certificate)
    forward_all()
    assert (only().state, state(document_id)[0], peer.bodies) == (OutboundState.PENDING, "queued", [])
    assert only().needs_person


def test_it_waits_for_a_certificate_and_says_what_to_do(signers, peer):
    Credential.objects.all().delete()
    filed(signers, "order", 1)
    forward_all()
    assert only().state == OutboundState.PENDING
    assert "请" in only().needs_person
    assert states() == {"queued"}
    certify(signers.enterprises["platform"])
    filed(signers, "order", 2)
    due_again()
    (message,) = forward_all()
    assert message.document_count == 2  # what waited and what came meanwhile go together
    assert only().needs_person == only().last_error == ""
    assert states() == {"sent"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"not_after": timezone.now() - timedelta(days=1)}, "到期"),
        ({"not_before": timezone.now() + timedelta(days=1)}, "起才有效"),
        ({"active": False}, "请"),
        ({"key_handle": "0" * 32}, "密钥"),
    ],
)
def test_it_waits_while_the_certificate_cannot_sign(signers, peer, change, word):
    Credential.objects.filter(enterprise=signers.enterprises["platform"]).update(**change)
    filed(signers, "order", 1)
    filed(signers, "payment", 1)
    forward_all()
    message = Outbound.objects.get(kind="order")
    assert message.state == OutboundState.PENDING
    assert word in message.needs_person
    assert Outbound.objects.get(kind="payment").state == OutboundState.SENT


def test_it_never_sends_what_the_published_structure_forbids(signers, peer):
    (document_id,) = filed(signers, "order", 1)
    Order.objects.filter(document_id=document_id).update(ebp_code="")
    forward_all()
    assert peer.bodies == []
    assert not OutboundBytes.objects.exists()
    assert only().state == OutboundState.FAILED
    document = Document.objects.get()
    assert document.state == "failed"
    assert "ebpCode" in document.reason


def test_it_finds_the_one_document_that_may_not_leave_and_sends_the_others(signers, peer):
    ids = filed(signers, "order", *range(1, 8))
    Order.objects.filter(document_id=ids[4]).update(ebp_code="")
    while forward_all():
        pass
    assert state(ids[4])[0] == "failed"
    assert {state(document_id)[0] for document_id in ids if document_id != ids[4]} == {"sent"}
    assert ids[4] not in [
        one for message in Outbound.objects.filter(state=OutboundState.SENT) for one in carried(message)
    ]


def test_it_finds_the_one_document_that_cannot_be_written(signers, peer):
    ids = filed(signers, "order", 1, 2, 3)
    Order.objects.filter(document_id=ids[1]).delete()
    while forward_all():
        pass
    assert [state(document_id)[0] for document_id in ids] == ["sent", "failed", "sent"]


def test_it_lets_a_poisoned_message_hold_up_nobody(signers, peer):
    (poisoned,) = filed(signers, "order", 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE declarations_order SET buyer_name = 'no seal of ours' WHERE document_id = %s", [poisoned]
        )
    filed(signers, "payment", 1)
    forward_all()
    sick = Outbound.objects.get(kind="order")
    assert (sick.state, sick.claimed_until) == (OutboundState.PENDING, None)
    assert sick.last_error
    assert Outbound.objects.get(kind="payment").state == OutboundState.SENT
    (well,) = filed(signers, "order", 2)
    due_again()
    forward_all()
    assert state(well) == ("sent", "")
    assert state(poisoned) == ("queued", "")


def test_it_leaves_a_document_filed_again_to_its_new_message(signers, peer):
    """The old message lingers unsent-as-far-as-we-know while its document was refused, corrected and filed again."""
    (document_id,) = filed(signers, "order", 1)
    peer.manners.append(RESET)
    (old,) = forward_all()
    inbox.store(answers.to_filer(document_id, "100"))
    read_all()
    bring(signers, "order", [make.order(1, note="已更正")])
    new = Outbound.objects.exclude(id=old.id).get()
    Outbound.objects.filter(id=new.id).update(not_before=timezone.now() + timedelta(hours=1))
    Outbound.objects.filter(id=old.id).update(not_before=make.NOW)
    peer.manners.append(400)
    forward_all()
    assert state(document_id) == ("queued", "")
    inbox.store(answers.letter(answers.refusal(old), signers.enterprises["platform"].dxp_id))
    read_all()
    assert OutboundDocument.objects.filter(document_id=document_id).count() == 2
    due_again()
    forward_all()
    assert state(document_id) == ("sent", "")
