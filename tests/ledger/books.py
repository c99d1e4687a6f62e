"""What the stories of the books need: a guarantee, lists that want something held, and the books as numbers."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from django.db import connection, connections, transaction

from accounts.models import Enterprise
from accounts.models.preparation import GuaranteeKind
from ledger.guarantee import Wanted, open_guarantee
from ledger.models import Account, Discrepancy, Guarantee, Hold
from portal.calendar import SHANGHAI

NOW = datetime(2025, 6, 2, 9, 30, tzinfo=SHANGHAI)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside has not happened afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def meanwhile(job: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """A transaction beside which another thread does a job, from when the block says so; that one has to wait for it.

    The block goes on when it waits, and after its commit the job has to come to a good end.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            job()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)

    def begin() -> None:
        thread.start()
        until = time.monotonic() + 60
        with connection.cursor() as cursor:
            while not raised and time.monotonic() < until:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    return
        raise AssertionError("nobody waits")

    with transaction.atomic():
        yield begin
    thread.join(60)
    assert not thread.is_alive() and raised == []


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
