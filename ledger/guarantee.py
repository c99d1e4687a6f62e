"""Guarantee accounts: money comes in, lists hold part of it, and give it back (domain §8).

Every movement is a transfer with two entries; ``Hold`` says what one list holds now. Holds are brought to what they
ought to be, set by set, in the transaction of whoever knows why. What does not fit is a ``Discrepancy`` and is held as
soon as it fits. Locks are always taken in one order: accounts by id, then holds by document. Whoever locks documents or
bills does so before (documents, bills, accounts, holds), and calls here once per transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.models import Enterprise, User
from ledger.models import Guarantee


class LedgerProblem(ValueError):
    """What was asked cannot be booked; the text (kept sentence) says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one list ought to hold. ``amount`` is None when nobody can say: then nothing moves."""

    document_id: int
    guarantor_code: str
    amount: Decimal | None
    invt_no: str
    cop_no: str
    order_no: str
    at: datetime | None
    #: Who is told when the guarantor is none of our enterprises: the owner of the list.
    owner_id: int | None = None


def open_guarantee(
    *, enterprise: Enterprise, kind: str, number: str, amount: Decimal, user: User | None, at: datetime
) -> Guarantee:
    """Open the guarantee of an enterprise with its first money; the same again changes nothing."""
    raise NotImplementedError


def top_up(*, guarantee: Guarantee, amount: Decimal, voucher: str, user: User | None, at: datetime) -> None:
    """Money came in: funding → available. A voucher counts once; then holds that did not fit are tried again."""
    raise NotImplementedError


def reduce(*, guarantee: Guarantee, amount: Decimal, voucher: str, user: User | None, at: datetime) -> None:
    """Money went out, or the letter was lowered: available → funding. What lists hold stands."""
    raise NotImplementedError


def align_many(wanted: list[Wanted], *, inbound_id: int | None = None) -> None:
    """Bring the hold of each list to what it ought to be, in the caller's transaction; the difference moves, once."""
    raise NotImplementedError
