"""The gateway of the stories, and a world that knows it."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from pytest_django import Settings

from accounts.cast import Cast
from ledger.guarantee import open_guarantee
from ledger.models import TariffLine, VatClass
from tests import make
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


@pytest.fixture
def secured(signers: Cast) -> Cast:
    """The same; platform and merchant have a guarantee, and what the lists of the stories declare is in the tariff."""
    secure(signers)
    return signers


def secure(cast: Cast) -> None:
    """200,000 yuan each for platform and merchant, and the tariff of what `tests/make.py` declares."""
    for key in ("platform", "merchant"):
        open_guarantee(
            enterprise=cast.enterprises[key], kind="deposit", number=f"BZ-{key}", amount=Decimal(200000), user=None,
            at=make.NOW,
        )  # fmt: skip
    TariffLine.objects.bulk_create(
        TariffLine(
            code=goods["gcode"], since=date(2019, 1, 1), name=goods["gname"], unit1=goods["unit1"],
            duty=Decimal(10), vat=VatClass.GENERAL, consumption=Decimal(0),
        )
        for goods in make.GOODS
    )  # fmt: skip
