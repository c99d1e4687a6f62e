"""What customs says of lists becomes holds and bills: once, in any order, and never refused because we disagree."""

import random
import threading
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.cast import Cast
from declarations.exchange import inbox
from declarations.models import Inbound, InboundState, Receipt
from ledger.audit import audit
from ledger.guarantee import reduce, top_up
from ledger.models import Discrepancy, Guarantee, Hold, TaxBill, TaxBillNotice, Transfer
from portal.sentences import speak
from tests import make
from tests.exchange import answers
from tests.exchange.conftest import secure
from tests.exchange.desk import accepted, bring, filed, listed, read_all, state
from tests.exchange.lists import Books, Told, balances, books, held, invt_no, letter
from tests.ledger.books import undone

ACCEPTED, EXAMINED, RELEASED, CLOSED = Told("120", 2), Told("399", 4), Told("800", 6), Told("899", 8)
BILL, CONSOLIDATED, VOID = Told("816", 7), Told("818", 9, "2"), Told("818", 10, "3")
#: All that customs may say of a list, with its time; some of it against the course of nature.
EVENTS = (
    Told("2", 1), ACCEPTED, Told("100", 2.5), Told("300", 3), EXAMINED, Told("500", 5), RELEASED, BILL, CLOSED,
    Told("816", 7.5, "45.50"), Told("818", 6.5, "1"), CONSOLIDATED, VOID, Told("818", 8.5, "3"), Told("818", 11, "1"),
    Told("120", 12), Told("100", 13), Told("700", 14),
)  # fmt: skip


def tell(told: Told, *lists: int) -> None:
    """Customs says it, and it is read."""
    inbox.store(letter(told, *lists))
    read_all()


def reasons_of(document_id: int) -> list[str]:
    """Why money moved for a list, the first time first."""
    return [speak(one.reason) for one in Transfer.objects.filter(document_id=document_id).order_by("id")]


def stuck() -> list[str]:
    """Why messages wait for a person."""
    return list(Inbound.objects.exclude(state=InboundState.PROCESSED).values_list("last_error", flat=True))


@pytest.fixture
def one(secured: Cast) -> int:
    """A list filed; the merchant is its guarantor."""
    return listed(secured, 1)[0]


# --- in any order, however often ----------------------------------------------------------------------------------


def end_of(steps: list[tuple[Told, tuple[int, ...]] | Decimal], guarantee: Guarantee) -> Books:
    """The books after these messages, and the money that comes in between them; nothing of it stays."""
    with undone():
        for step in steps:
            if isinstance(step, Decimal):
                read_all()
                top_up(guarantee=guarantee, amount=step, voucher=f"V{step}", user=None, at=answers.at(20))
            else:
                told, lists = step
                inbox.store(letter(told, *lists))
        read_all()
        assert stuck() == []
        assert [verdict for verdict in audit() if verdict.broken] == []
        return books()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(st.sets(st.sampled_from(EVENTS), max_size=9), min_size=3, max_size=3),
    chance=st.randoms(use_true_random=False),
    money_comes=st.lists(st.sampled_from([Decimal("9.99"), Decimal("20.00"), Decimal("500.00")]), unique=True),
)
def test_it_ends_in_the_same_books_in_any_order_however_often_repeated(
    three: list[int],
    secured: Cast,
    said: list[set[Told]],
    chance: random.Random,
    money_comes: list[Decimal],
) -> None:
    """Three lists on a guarantee that carries one, each told of by some of the events, and money that comes in between.

    The same told of several lists may come in one message. Where the money does not suffice in the end, who came first
    holds it, and no more than there is; everything else is the same, also what each list ought to hold.
    """
    guarantee = secured.enterprises["merchant"].guarantee
    about = {told: tuple(one for one, events in zip(three, said, strict=True) if told in events) for told in EVENTS}
    in_order = [(told, lists) for told, lists in sorted(about.items(), key=lambda item: item[0].minutes) if lists]
    singly = [(told, (one,)) for told, lists in in_order for one in lists]
    shuffled = [*chance.choice([in_order, singly]), *(chance.choices(singly, k=4) if singly else ()), *money_comes]
    chance.shuffle(shuffled)
    ends = [end_of(steps, guarantee) for steps in ([*in_order, *money_comes], shuffled)]
    short = [any(kind == "short" for kind, *_about in end.discrepancies) for end in ends]
    assert short[0] == short[1]
    given = Decimal(50) + sum(money_comes)
    for end in ends:
        money = {purpose: balance for guarantee_id, purpose, balance in end.balances if guarantee_id == guarantee.pk}
        assert money["held"] == sum(amount for _one, amount in end.holds) == given - money["available"] <= given
        assert {subject for kind, subject, *_rest in end.discrepancies if kind == "short"} == {
            f"list {one}" for one, wanted in end.wanted if wanted != dict(end.holds).get(one, 0)
        }
    if short[0]:
        ends = [
            end._replace(
                holds=frozenset(),
                balances=frozenset(),
                discrepancies=frozenset(one for one in end.discrepancies if one[0] != "short"),
            )
            for end in ends
        ]
    assert ends[0] == ends[1]


@pytest.fixture
def three(secured: Cast) -> list[int]:
    """Three lists filed; of the guarantee they name as much is left as one of them needs."""
    guarantee = secured.enterprises["merchant"].guarantee
    reduce(guarantee=guarantee, amount=Decimal("199950.00"), voucher="R1", user=None, at=make.NOW)
    return listed(secured, 1, 2, 3)


def test_it_takes_the_same_a_thousand_times_once(one: int) -> None:
    """Twenty messages that each say it fifty times over: a receipt, a bill, what became of the bill."""
    for told in (ACCEPTED, BILL, CONSOLIDATED):
        tell(told, one)
    before = books(), Transfer.objects.count(), TaxBillNotice.objects.count()
    assert held(one) == Decimal("30.03")
    for told in (ACCEPTED, BILL, CONSOLIDATED):
        for _ in range(20):
            inbox.store(letter(told, *[one] * 50))
    read_all()
    assert (books(), Transfer.objects.count(), TaxBillNotice.objects.count()) == before
    assert stuck() == []


# --- what is held -------------------------------------------------------------------------------------------------


def test_it_holds_our_own_tax_from_acceptance_and_customs_figure_from_the_bill(one: int, secured: Cast) -> None:
    before = balances(secured.enterprises["merchant"])
    tell(Told("2", 1), one)
    assert held(one) == 0
    tell(ACCEPTED, one)
    own = held(one)
    assert own > 0
    tell(BILL, one)
    assert held(one) == Decimal("30.03") != own
    assert reasons_of(one) == ["海关接受清单，按本系统计算的税款预扣", "按税单金额预扣，与税单一致"]
    after = balances(secured.enterprises["merchant"])
    assert (after["available"], after["held"]) == (before["available"] - held(one), before["held"] + held(one))


@pytest.mark.parametrize(("end", "why"), [
    (VOID, "税单作废，预扣返还"), (Told("100", 5), "退单，预扣返还"), (Told("700", 12), "退运，预扣返还"),
])  # fmt: skip
def test_it_gives_the_hold_back_and_says_why(one: int, secured: Cast, end: Told, why: str) -> None:
    before = balances(secured.enterprises["merchant"])
    tell(ACCEPTED, one)
    if end.what != "100":
        for told in (RELEASED, BILL):
            tell(told, one)
    assert held(one) > 0
    tell(end, one)
    assert held(one) == 0
    assert balances(secured.enterprises["merchant"]) == before
    assert reasons_of(one)[-1] == why


@pytest.mark.parametrize("code", ["300", "399", "500", "501", "600", "800", "899"])
def test_it_keeps_the_hold_while_the_list_goes_on(one: int, code: str) -> None:
    tell(ACCEPTED, one)
    before = held(one)
    tell(Told(code, 5), one)
    assert held(one) == before > 0


def test_it_says_which_day_the_list_was_released_and_who_stands_for_it(one: int, secured: Cast) -> None:
    for told in (ACCEPTED, BILL, CLOSED, RELEASED):
        tell(told, one)
    bill = TaxBill.objects.get()
    assert (bill.document_id, bill.invt_no, bill.state) == (one, invt_no(one), "made")
    assert bill.released_on == answers.MORNING.date()
    assert bill.enterprise == secured.enterprises["warehouse"]
    tell(CONSOLIDATED, one)
    bill.refresh_from_db()
    assert (bill.state, bill.duty_no) == ("consolidated", f"PAY{invt_no(one)}")
    assert held(one) == bill.total


def test_it_holds_what_was_short_as_soon_as_something_is_given_back(secured: Cast) -> None:
    """The guarantee carries one of two; the one refused makes room for the other, without anybody's help."""
    first, second = listed(secured, 1, 2)
    with_figures(first, "150000"), with_figures(second, "150000")
    assert held(first) == Decimal(150000) > held(second)
    assert open_kinds(second) == {"short", "tax_differs"}
    tell(VOID, first)
    assert (held(first), held(second)) == (0, Decimal(150000))
    assert "short" not in open_kinds(second)


def test_it_holds_what_was_short_after_a_top_up(secured: Cast) -> None:
    (one,) = listed(secured, 1)
    with_figures(one, "250000")
    assert held(one) < Decimal(250000)
    assert "short" in open_kinds(one)
    hold = Hold.objects.get(document_id=one)
    top_up(
        guarantee=secured.enterprises["merchant"].guarantee, amount=Decimal(100000), voucher="V1",
        user=secured.users["staff"], at=answers.at(20),
    )  # fmt: skip
    hold.refresh_from_db()
    assert hold.amount == Decimal(250000)
    assert "short" not in open_kinds(one)


def with_figures(document_id: int, vat: str) -> None:
    """Accepted, then billed with that tax."""
    tell(ACCEPTED, document_id)
    tell(Told("816", 7, vat), document_id)


def open_kinds(document_id: int) -> set[str]:
    """What stands open about a list between customs and us."""
    return set(Discrepancy.objects.filter(document_id=document_id, closed_at=None).values_list("kind", flat=True))


# --- what disagrees is kept and read ---------------------------------------------------------------------------------


def test_it_says_so_when_customs_taxes_otherwise_than_we(one: int) -> None:
    tell(ACCEPTED, one)
    own = held(one)
    tell(Told("816", 7, str(own)), one)
    assert open_kinds(one) == set()
    tell(Told("816", 8, str(own + 1)), one)
    assert open_kinds(one) == {"tax_differs"}
    assert held(one) == own + 1


def test_it_keeps_a_bill_of_a_list_it_does_not_know_until_the_list_is_known(one: int) -> None:
    tell(BILL, one)
    assert TaxBill.objects.get().document_id is None
    assert set(Discrepancy.objects.filter(closed_at=None).values_list("kind", flat=True)) == {"bill_without_list"}
    assert held(one) == 0
    tell(ACCEPTED, one)
    assert TaxBill.objects.get().document_id == one
    assert "bill_without_list" not in set(Discrepancy.objects.filter(closed_at=None).values_list("kind", flat=True))
    assert held(one) == Decimal("30.03")


def test_it_keeps_news_of_a_bill_it_does_not_have_yet(one: int) -> None:
    tell(ACCEPTED, one)
    assert held(one) > 0
    tell(VOID, one)
    tell(BILL, one)
    assert TaxBill.objects.get().state == "void"
    assert held(one) == 0


def test_it_reads_bills_spelled_as_the_text_and_as_the_world_spells_them(one: int, secured: Cast) -> None:
    to = secured.enterprises["warehouse"].dxp_id
    for number, said in (("22162025I000000001", {"logisticNo": "SF1"}), ("22162025I000000002", {"logisticsNo": "SF2"})):
        bill = answers.bill(number, 1, vat="1.005", orderNo="SH1", assureCode="", customsCode="2216", **said)
        inbox.store(answers.letter(answers.tax_message("CEB816Message", bill), to))
    inbox.store(answers.letter(answers.tax_message("CEB816Message", answers.bill("22162025I000000003", 1)), to))
    read_all()
    assert stuck() == []
    assert set(TaxBill.objects.values_list("logistics_no", "vat", "order_no")) == {
        ("SF1", Decimal("1.01"), "SH1"), ("SF2", Decimal("1.01"), "SH1"), ("", Decimal("0"), ""),
    }  # fmt: skip


def test_it_touches_nothing_of_others_when_a_bill_goes_to_the_wrong_door(one: int, secured: Cast) -> None:
    tell(ACCEPTED, one)
    own = held(one)
    bill = answers.tax_message("CEB816Message", answers.bill(invt_no(one), 7, vat="999"))
    inbox.store(answers.letter(bill, secured.enterprises["neighbour"].dxp_id))
    read_all()
    assert (held(one), stuck()) == (own, [])
    assert TaxBill.objects.get().enterprise == secured.enterprises["neighbour"]
    assert TaxBill.objects.get().document_id is None


@pytest.mark.parametrize(
    ("tag", "text"),
    [("customsTax", "-1"), ("returnTime", "20250601250000000"), ("returnTime", "20991231000000000"), ("status", "7")],
)
def test_it_sets_aside_a_bill_that_cannot_be_one(one: int, secured: Cast, tag: str, text: str) -> None:
    bill = answers.bill(invt_no(one), 7, **{tag: text})
    inbox.store(answers.letter(answers.tax_message("CEB816Message", bill), secured.enterprises["warehouse"].dxp_id))
    read_all()
    assert [reason for reason in stuck() if text in reason]
    assert not TaxBill.objects.exists()


def test_it_keeps_the_books_of_each_attempt_apart(secured: Cast) -> None:
    """Refused after its bill, filed anew: the new attempt starts without number, bill or hold."""
    (one,) = listed(secured, 1)
    for told in (ACCEPTED, Told("100", 5)):
        tell(told, one)
    bring(secured, "inventory", [make.inventory(1, note="更正")])
    tell(Told("2", 20), one)
    assert books().documents >= {(one, "declaring", "2", "")}
    assert held(one) == 0
    tell(Told("120", 21), one)
    assert held(one) > 0


def test_it_leaves_lists_out_of_the_books_that_customs_has_not_accepted(one: int) -> None:
    for code in ("1", "2", "3", "4", "-621005"):
        tell(Told(code, 1), one)
    assert state(one) == ("failed", "-621005")
    assert not Hold.objects.exclude(amount=0).exists()
    assert not Discrepancy.objects.exists()


# --- many at once ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [ACCEPTED, RELEASED, BILL, CONSOLIDATED])
def test_it_settles_a_hundred_lists_by_as_many_queries_as_ten(
    secured: Cast, told: Told, django_assert_max_num_queries
) -> None:
    lists = listed(secured, *range(1, 111))
    for before in (ACCEPTED, RELEASED, BILL, CONSOLIDATED):
        if before is told:
            break
        tell(before, *lists[:100])
        tell(before, *lists[100:])
    inbox.store(letter(told, *lists[100:]))
    with CaptureQueriesContext(connection) as ten:
        assert inbox.process_next()
    inbox.store(letter(told, *lists[:100]))
    with django_assert_max_num_queries(len(ten)):
        assert inbox.process_next()
    assert all(held(one) > 0 for one in lists)


@pytest.mark.django_db(transaction=True)
def test_it_settles_rightly_when_several_read_at_once_about_one_guarantee(committed: Cast) -> None:
    """Warehouse and merchant file lists on the merchant's guarantee; four readers take what arrives, all shuffled."""
    secure(committed)
    for slug in ("order", "payment", "waybill"):
        accepted(committed, slug, *range(1, 9))
    theirs = filed(committed, "inventory", 1, 2, 3, 4)
    own = filed(committed, "inventory", 5, 6, 7, 8, by="merchant_filer")
    chance = random.Random(7)
    messages = []
    for told in (ACCEPTED, EXAMINED, RELEASED, BILL, CONSOLIDATED, CLOSED):
        for lists in (theirs, own):
            messages += [letter(told, *chance.sample(lists, 4)), letter(told, *chance.sample(lists, 2))]
    messages += [letter(VOID, theirs[0]), letter(VOID, own[0])]
    chance.shuffle(messages)
    for message in messages:
        inbox.store(message)
    at_once(4)
    assert stuck() == []
    assert set(Inbound.objects.values_list("attempts", flat=True)) == {1}
    assert Receipt.objects.count() == 8 * 4
    standing = [*theirs[1:], *own[1:]]
    assert {held(one) for one in standing} == {Decimal("30.03")}
    assert held(theirs[0]) == held(own[0]) == 0
    assert balances(committed.enterprises["merchant"])["held"] == Decimal("30.03") * 6


@pytest.mark.django_db(transaction=True)
def test_it_brings_a_list_and_its_bill_together_when_both_are_read_at_the_same_moment(committed: Cast) -> None:
    """One message gives the list its number, the other the bill; two readers take them side by side."""
    secure(committed)
    lists = listed(committed, *range(1, 21))
    for one in lists:
        inbox.store(letter(ACCEPTED, one))
        inbox.store(letter(BILL, one))
    at_once(2)
    assert stuck() == []
    assert set(TaxBill.objects.values_list("document_id", flat=True)) == set(lists)
    assert {held(one) for one in lists} == {Decimal("30.03")}


def at_once(readers: int) -> None:
    """So many readers sweep the inbox at the same time."""

    def worker() -> None:
        try:
            read_all()
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
