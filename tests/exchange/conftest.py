"""The gateway of the stories, and a world that knows it."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.cast import Cast
from tests.cast import people
from tests.exchange.desk import certify
from tests.exchange.peer import Peer, listening


@pytest.fixture
def peer(settings: Settings) -> Iterator[Peer]:
    """A gateway of one's own; the portal is told its address."""
    with listening() as gateway:
        settings.GATEWAY_URL = gateway.url
        yield gateway


@pytest.fixture
def signers(cast: Cast) -> Cast:
    """Everybody; the filers of orders, payments, waybills and lists can sign."""
    for key in ("platform", "payment", "bonded_logistics", "warehouse"):
        certify(cast.enterprises[key])
    return cast


@pytest.fixture
def committed(transactional_db: None) -> Cast:
    """Everybody, really committed, for stories with several connections; the platform can sign."""
    cast = people()
    certify(cast.enterprises["platform"])
    return cast
