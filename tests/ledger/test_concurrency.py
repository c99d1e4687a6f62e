"""Many at once against one account: nothing is held twice, nothing below zero, nobody waits for ever."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.cast import Cast
from accounts.models import AuditEntry
from ledger import limits
from ledger.discrepancies import Found, open_many, settle
from ledger.guarantee import align_many, top_up
from ledger.models import Account, BillState, Discrepancy, Entry, Hold, TaxBill, Transfer
from portal.tenancy import acting_as
from tests.cast import people
from tests.ledger.books import NOW, balances, deposit, held, meanwhile, wants
from tests.ledger.test_bills import an_816, receive
from tests.ledger.test_desk import PAID, Clients, billed, confirm, press

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 64


def at_once(jobs: Sequence[Callable[[], Any]]) -> list[BaseException]:
    """Run each job in a thread of its own, all begun together; what they raised."""
    gate, raised = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], Any]) -> None:
        try:
            gate.wait(60)
            job()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "somebody still waits"
    return raised


def test_of_64_threads_exactly_as_many_holds_succeed_as_fit() -> None:
    cast = people()
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "5000.00")
    each = 16

    def hold(first: int) -> None:
        for document_id in range(first, first + each):
            align_many([wants(document_id, platform, "10.00")])

    assert at_once([lambda first=place * each + 1: hold(first) for place in range(THREADS)]) == []
    assert len(held()) == 500
    assert set(held().values()) == {Decimal("10.00")}
    assert balances(guarantee) == (Decimal("0.00"), Decimal("5000.00"), Decimal("-5000.00"))
    assert Discrepancy.objects.filter(kind="short", closed_at=None).count() == THREADS * each - 500
    assert Transfer.objects.filter(kind="hold").count() == 500
    assert list(
        Entry.objects.filter(account__purpose="held").order_by("version").values_list("version", flat=True)
    ) == (list(range(1, 501)))
    # One top-up holds for all that were short, none twice.
    top_up(guarantee=guarantee, amount=Decimal("5240.00"), voucher="V", user=None, at=NOW)
    assert len(held()) == THREADS * each
    assert balances(guarantee) == (Decimal("0.00"), Decimal("10240.00"), Decimal("-10240.00"))
    assert not Discrepancy.objects.filter(closed_at=None).exists()


def test_the_same_list_from_64_threads_is_held_once() -> None:
    platform = people().enterprises["platform"]
    guarantee = deposit(platform, "5000.00")
    assert at_once([lambda: align_many([wants(1, platform, "10.00")])] * THREADS) == []
    assert balances(guarantee) == (Decimal("4990.00"), Decimal("10.00"), Decimal("-5000.00"))
    assert Transfer.objects.filter(kind="hold").count() == 1


def test_the_same_voucher_from_64_threads_counts_once() -> None:
    guarantee = deposit(people().enterprises["platform"], "100.00")
    one = {"guarantee": guarantee, "amount": Decimal("50.00"), "voucher": "V", "user": None, "at": NOW}
    assert at_once([lambda: top_up(**one)] * THREADS) == []
    assert balances(guarantee) == (Decimal("150.00"), Decimal("0.00"), Decimal("-150.00"))


def test_sets_that_name_the_same_lists_and_guarantees_crosswise_never_wait_for_each_other() -> None:
    """Each set moves lists between two guarantees, in whatever order the caller has them."""
    cast = people()
    guarantors = [cast.enterprises["platform"], cast.enterprises["merchant"]]
    both = [deposit(one, "100000.00", f"BZJ-{place}") for place, one in enumerate(guarantors)]
    documents = list(range(1, 21))

    def shuffle(seed: int) -> None:
        for turn in range(6):
            ordered = documents if (seed + turn) % 2 else documents[::-1]
            align_many(
                [
                    wants(document_id, guarantors[(document_id * 7 + seed + turn) % 2], f"{10 + (seed + turn) % 3}.00")
                    for document_id in ordered[(seed % 3) :]
                ]
            )

    assert at_once([lambda seed=seed: shuffle(seed) for seed in range(16)]) == []
    assert not Discrepancy.objects.filter(closed_at=None).exists()
    for guarantee in both:
        available, on_hold, funding = balances(guarantee)
        assert available + on_hold == Decimal("100000.00") == -funding
        assert on_hold == sum(Hold.objects.filter(guarantee=guarantee).values_list("amount", flat=True))


def test_a_thousand_holds_are_a_handful_of_statements_and_well_under_a_second(
    django_assert_max_num_queries: Any, capsys: pytest.CaptureFixture
) -> None:
    platform = people().enterprises["platform"]
    guarantee = deposit(platform, "1000000.00")
    times = []
    for batch in range(3):
        wanted = [wants(batch * 1000 + place, platform, "10.00") for place in range(1, 1001)]
        began = time.perf_counter()
        with transaction.atomic(), django_assert_max_num_queries(16):
            align_many(wanted)
        times.append(time.perf_counter() - began)
    with capsys.disabled():
        print(f"\n1,000 holds: {', '.join(f'{1000 * one:.0f} ms' for one in times)}")
    assert balances(guarantee)[1] == Decimal("30000.00")
    assert min(times) < 0.8


def test_an_entry_costs_the_same_however_long_the_books_are(capsys: pytest.CaptureFixture) -> None:
    """The blocks one hold reads, counted by PostgreSQL: behind 5,000 others not more than twice those behind 100."""
    platform = people().enterprises["platform"]
    deposit(platform, "1000000.00")
    align_many([wants(place, platform, "1.00") for place in range(1, 101)])
    few = _blocks(lambda: align_many([wants(900001, platform, "1.00")]))
    align_many([wants(place, platform, "1.00") for place in range(101, 5101)])
    many = _blocks(lambda: align_many([wants(900002, platform, "1.00")]))
    with capsys.disabled():
        print(f"\nblocks read by one hold: {few} behind 100 others, {many} behind 5,100")
    assert many < 2 * few + 50


def _blocks(job: Callable[[], Any]) -> int:
    """How many blocks of the books were touched by a job."""

    def count() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))"
                " FROM pg_statio_user_tables WHERE relname IN ('ledger_entry', 'ledger_account', 'ledger_transfer')"
            )
            return int(cursor.fetchone()[0])

    before = count()
    job()
    return count() - before


def test_the_laws_hold_at_a_commit_under_the_role_of_staff() -> None:
    """Triggers run as whoever writes: staff reach what they need for it, and nothing is put off past the commit."""
    cast = people()
    guarantee = deposit(cast.enterprises["platform"], "10.00")
    align_many([wants(1, cast.enterprises["platform"], "40.00")])
    staff, reviewer = cast.users["staff"], cast.users["reviewer"]
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        change = limits.propose(
            enterprise=guarantee.enterprise, way="top_up", amount=Decimal("30.00"), voucher="V", by=staff
        )
    with acting_as(enterprise_id=None, user_id=reviewer.pk, role="portal_staff"):
        limits.confirm(change, by=reviewer)
    assert balances(guarantee) == (Decimal("0.00"), Decimal("40.00"), Decimal("-40.00"))
    for role in ("portal_staff", "portal_web"):
        with pytest.raises(DatabaseError), acting_as(enterprise_id=guarantee.enterprise_id, user_id=None, role=role):
            Transfer.objects.create(
                enterprise=guarantee.enterprise, guarantee=guarantee, kind="hold", key=role, amount=1,
                happened_at=NOW, recorded_at=NOW,
            )  # fmt: skip
    assert Transfer.objects.count() == 3


def test_the_books_stand_after_everything() -> None:
    """No account is anything but the sum of its entries."""
    platform = people().enterprises["platform"]
    deposit(platform, "5000.00")
    jobs = [
        lambda n=n: [align_many([wants(n % 40, platform, str(n * turn % 7))]) for turn in range(5)] for n in range(32)
    ]
    assert at_once(jobs) == []
    for account in Account.objects.all():
        assert account.balance == sum(account.entries.values_list("amount", flat=True))
        assert account.version == account.entries.count()


def test_a_bill_that_becomes_another_while_its_payment_is_confirmed_is_shown_again(
    cast: Cast, client_of: Clients
) -> None:
    """Staff press while a later 816 is being read: they wait for it, and then nothing is booked that they did not see."""
    deposit(cast.enterprises["platform"])
    (bill,) = billed(cast, 1)
    staff, said = client_of("staff"), []
    page = press(staff, "taxbill", "confirm", bill)
    assert "缴款书 JKS1：1 份，30.03 元" in page
    with meanwhile(lambda: said.append(confirm(staff, page, "taxbill", duty_no="JKS1", **PAID))) as begin:
        receive(cast, an_816(cast, vat=Decimal("99.00"), billed_at=NOW + timedelta(hours=2)))
        begin()
    (again,) = said
    assert "与刚才所示不同" in again and "缴款书 JKS1：1 份，99.00 元" in again
    assert not TaxBill.objects.filter(state=BillState.PAID).exists()
    assert "共 99.00 元" in confirm(staff, again, "taxbill", duty_no="JKS1", **PAID)


def test_staff_who_deal_with_what_differs_wait_for_nobody(cast: Cast, client_of: Clients) -> None:
    """Of two one is just being told anew: that one is left alone and said so, whatever order the reader takes them in."""
    receive(cast, an_816(cast), an_816(cast, tax_no="T2"))
    rows, staff, said = list(Discrepancy.objects.filter(kind="bill_without_list")), client_of("staff"), []
    page = press(staff, "discrepancy", "settle", *rows)

    def press_it() -> None:
        said.append(confirm(staff, page, "discrepancy", why="已核对"))
        connections.close_all()

    job = threading.Thread(target=press_it)
    with transaction.atomic():
        receive(cast, an_816(cast, tax_no="T2", vat=Decimal("9.99"), billed_at=NOW + timedelta(hours=2)))
        job.start()
        job.join(60)
        assert "已处理 1 项" in said[0] and "1 项正在随海关报文更新" in said[0]
    assert Discrepancy.objects.get(closed_at=None).number == "T2"


def test_any_number_of_discrepancies_is_dealt_with_by_the_same_queries(cast: Cast) -> None:
    owner, staff = cast.enterprises["warehouse"].pk, cast.users["staff"]

    def cost(many: int) -> int:
        found = [Found("lines_differ", f"bill {owner} {many} {place}", owner, str(place)) for place in range(many)]
        open_many(found)
        with CaptureQueriesContext(connection) as queries:
            assert settle(list(Discrepancy.objects.filter(closed_at=None)), why="已核对", user=staff) == many
        return len(queries)

    assert cost(500) == cost(5)
    assert AuditEntry.objects.filter(action="discrepancy_settled").count() == 505
