"""What the wire can do, and whether we say it rightly: passing, permanent, or taken."""

import pytest
import urllib3

from declarations.exchange import envelope
from declarations.exchange.transports import TransportError, http
from tests.conftest import free_ports
from tests.exchange.answers import MORNING
from tests.exchange.peer import HANG, RESET, Peer

LETTER = envelope.wrap(b"<x/>", message_id="1", sender="2", receiver="3", message_type="CEB311Message", now=MORNING)


def failure() -> TransportError:
    with pytest.raises(TransportError) as caught:
        http.send(LETTER)
    return caught.value


def test_it_sends_the_bytes_with_the_token(peer: Peer, settings):
    settings.GATEWAY_TOKEN = "word"
    http.send(LETTER)
    assert peer.bodies == [LETTER]
    assert peer.tokens == ["Bearer word"]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
def test_it_calls_an_ill_gateway_passing(peer: Peer, status: int):
    peer.manners.append(status)
    error = failure()
    assert not error.permanent
    assert str(status) in str(error)
    assert len(peer.bodies) == 1


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_it_calls_a_refusal_of_the_bytes_permanent(peer: Peer, status: int):
    peer.manners.append(status)
    error = failure()
    assert error.permanent
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_it_asks_for_a_person_when_it_is_not_the_bytes(peer: Peer, status: int):
    peer.manners.append(status)
    error = failure()
    assert (error.permanent, error.needs_person) == (False, True)
    assert str(status) in str(error)


def test_it_calls_a_broken_connection_passing(peer: Peer):
    peer.manners.append(RESET)
    assert not failure().permanent
    assert len(peer.bodies) == 1


def test_it_calls_silence_passing(peer: Peer, monkeypatch):
    monkeypatch.setattr(http, "_pool", urllib3.PoolManager(timeout=urllib3.Timeout(connect=1, read=0.2), retries=False))
    peer.manners.append(HANG)
    assert not failure().permanent


def test_it_calls_an_absent_gateway_passing(settings):
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_ports(1)[0]}/dxp"
    assert not failure().permanent


def test_it_goes_on_over_a_connection_the_gateway_has_closed_meanwhile(peer: Peer):
    http.send(LETTER)
    peer.manners.append(RESET)
    assert not failure().permanent
    http.send(LETTER)
    assert len(peer.bodies) == 3
