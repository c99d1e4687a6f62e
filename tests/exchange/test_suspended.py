"""What a suspended enterprise had in the outbox waits, says so, and goes on when it is opened again; others' goes out."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.cast import Cast
from accounts.models import Enterprise
from accounts.roles import EnterpriseState
from declarations.exchange import outbox
from declarations.models import Outbound, OutboundBytes, OutboundState
from portal.sentences import speak
from tests.exchange.desk import certify, due_again, filed, forward_all, state

pytestmark = pytest.mark.django_db

SAID = "企业已暂停，报文等在本平台，不发往海关；企业恢复后自动发送"


def becomes(cast: Cast, to: EnterpriseState, key: str = "platform") -> None:
    """Staff suspend or reopen it."""
    Enterprise.objects.filter(pk=cast.enterprises[key].pk).update(state=to)


@pytest.fixture
def signs(cast: Cast) -> None:
    """Platform and payment enterprise have what they sign with."""
    for key in ("platform", "payment"):
        certify(cast.enterprises[key])


def test_what_was_filed_before_waits_and_goes_on_by_itself(cast: Cast, signs: None, peer) -> None:
    (order,) = filed(cast, "order", 1)
    (payment,) = filed(cast, "payment", 1)
    becomes(cast, EnterpriseState.SUSPENDED)
    forward_all()
    message = Outbound.objects.get(kind="order")
    assert (message.state, message.signed_at, speak(message.needs_person)) == (OutboundState.PENDING, None, SAID)
    assert message.claimed_until is None
    assert (state(order)[0], state(payment)[0], len(peer.letters)) == ("queued", "sent", 1)
    becomes(cast, EnterpriseState.APPROVED)
    due_again()
    forward_all()
    message.refresh_from_db()
    assert (message.state, message.needs_person, message.last_error) == (OutboundState.SENT, "", "")
    assert (state(order)[0], len(peer.letters)) == ("sent", 2)


def test_what_was_signed_waits_too_and_keeps_its_bytes(cast: Cast, signs: None, peer) -> None:
    (order,) = filed(cast, "order", 1)
    filed(cast, "payment", 1)
    ready = outbox.sign_all(outbox.claim())
    assert [one.state for one in ready] == [OutboundState.SIGNED] * 2
    kept = outbox.signed_bytes(Outbound.objects.get(kind="order").pk)
    becomes(cast, EnterpriseState.SUSPENDED)
    due_again()
    forward_all()
    message = Outbound.objects.get(kind="order")
    assert (message.state, message.sendings, speak(message.last_error)) == (OutboundState.SIGNED, 0, SAID)
    assert (len(peer.letters), state(order)[0]) == (1, "queued")
    becomes(cast, EnterpriseState.APPROVED)
    due_again()
    forward_all()
    assert (Outbound.objects.get(kind="order").state, len(peer.letters)) == (OutboundState.SENT, 2)
    assert outbox.signed_bytes(message.pk) == kept and OutboundBytes.objects.count() == 2


def test_one_not_yet_open_is_no_suspended_one(cast: Cast, signs: None, peer) -> None:
    filed(cast, "order", 1)
    becomes(cast, EnterpriseState.DRAFT)
    forward_all()
    assert len(peer.letters) == 1


def test_the_timeline_says_why(cast: Cast, signs: None, peer, client_of: Callable[[str], Client]) -> None:
    (order,) = filed(cast, "order", 1)
    becomes(cast, EnterpriseState.SUSPENDED)
    forward_all()
    page = client_of("platform_filer").get(reverse("detail", args=["order", order])).content.decode()
    assert page.count(SAID) == 2  # whose turn it is, and what happened


def test_asking_costs_no_query_of_its_own(cast: Cast, signs: None, peer) -> None:
    def cost(numbers: range) -> int:
        for number in numbers:
            filed(cast, "order", number)
        Outbound.objects.filter(state=OutboundState.PENDING).update(alone=True)
        with CaptureQueriesContext(connection) as asked:
            forward_all()
        assert not Outbound.objects.filter(state=OutboundState.PENDING, claimed_until__isnull=False).exists()
        return len(asked.captured_queries)

    assert cost(range(1, 2)) == cost(range(2, 6))
    becomes(cast, EnterpriseState.SUSPENDED)
    waiting = cost(range(6, 7))
    due_again()
    assert waiting == cost(range(7, 11))
