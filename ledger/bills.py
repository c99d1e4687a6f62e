"""Electronic tax bills: what customs sent (816), what became of it (818), the list it belongs to, and its payment.

Each function takes the set of what arrived and ends in the same rows in whatever order it came. Bills are locked by
their number, before any account (``guarantee.py`` tells the order).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from accounts.models import User
from ledger.models import TaxBill
from ledger.tax import Assessment


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of an 816."""

    gnum: int
    gcode: str
    value: Decimal
    duty: Decimal
    consumption: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """An 816; ``status`` is customs' digit (1 made, 2 consolidated, 3 void)."""

    invt_no: str
    tax_no: str
    order_no: str
    logistics_no: str
    assure_code: str
    ebc_code: str
    logistics_code: str
    agent_code: str
    customs_code: str
    duty: Decimal
    consumption: Decimal
    vat: Decimal
    status: str
    duty_no: str
    billed_at: datetime
    lines: tuple[BillLine, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """An 818."""

    invt_no: str
    tax_no: str
    status: str
    duty_no: str
    customs_time: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What the bills of one list come to; ``total`` is that of those neither void nor paid."""

    total: Decimal
    state: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A list a bill may belong to: its document, the Shanghai day of its release, and our own computation."""

    invt_no: str
    document_id: int
    released_on: date | None
    own: Assessment | None


def record_bills(bills: Iterable[Bill], *, enterprise_id: int, inbound_id: int | None, received_at: datetime) -> None:
    """Keep bills an enterprise received; the same again changes nothing, of two under one number the later counts."""
    raise NotImplementedError


def record_notices(
    notices: Iterable[Notice], *, enterprise_id: int, inbound_id: int | None, received_at: datetime
) -> None:
    """Keep what customs said of bills' states, also of bills not here yet; the same again changes nothing."""
    raise NotImplementedError


def standing(enterprise_id: int, invt_nos: Iterable[str]) -> dict[str, Standing]:
    """What customs' bills say of these lists now, with the bills locked; a list without a bill is missing."""
    raise NotImplementedError


def attach(enterprise_id: int, lists: Iterable[Attached]) -> None:
    """Tie bills to their lists, keep our own computation beside customs', and open or close what differs."""
    raise NotImplementedError


def confirm_payment(
    *, paid_on: date, voucher: str, user: User | None, duty_no: str = "", bills: Iterable[TaxBill] = ()
) -> int:
    """Staff confirm that bills were paid outside, in cash: they are paid, and their holds given back. How many."""
    raise NotImplementedError
