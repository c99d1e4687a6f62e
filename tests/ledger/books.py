"""What the stories of the books need: a guarantee, lists that want something held, and the books as numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import Enterprise
from ledger.guarantee import Wanted, open_guarantee
from ledger.models import Account, Discrepancy, Guarantee, GuaranteeKind, Hold
from portal.calendar import SHANGHAI

NOW = datetime(2025, 6, 2, 9, 30, tzinfo=SHANGHAI)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside has not happened afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def deposit(enterprise: Enterprise, amount: str = "1000.00", number: str = "BZJ-1") -> Guarantee:
    """A deposit of that much."""
    return open_guarantee(
        enterprise=enterprise, kind=GuaranteeKind.DEPOSIT, number=number, amount=Decimal(amount), user=None, at=NOW
    )


def wants(document_id: int, guarantor: Enterprise | str, amount: str | None) -> Wanted:
    """A list that ought to hold that much."""
    return Wanted(
        document_id=document_id,
        guarantor_code=guarantor if isinstance(guarantor, str) else guarantor.customs_code,
        amount=None if amount is None else Decimal(amount),
        invt_no=f"22162025I{document_id:09}",
        cop_no=f"COP{document_id}",
        order_no=f"ORDER{document_id}",
        at=NOW,
    )


def balances(guarantee: Guarantee) -> tuple[Decimal, Decimal, Decimal]:
    """Available, held, funding."""
    found = dict(Account.objects.filter(guarantee=guarantee).values_list("purpose", "balance"))
    return found["available"], found["held"], found["funding"]


def held() -> dict[int, Decimal]:
    """What each list holds, if anything."""
    return dict(Hold.objects.exclude(amount=0).order_by("document_id").values_list("document_id", "amount"))


def open_discrepancies() -> list[tuple[str, str]]:
    """Kind and subject of each that is open."""
    return list(Discrepancy.objects.filter(closed_at=None).order_by("id").values_list("kind", "subject"))
