"""Bills that move, that name another list or another guarantor, or that cannot be bills: as messages, through the inbox."""

from collections.abc import Callable
from decimal import Decimal
from itertools import permutations

import pytest
from django.db.models import Q

from accounts.cast import Cast
from declarations.exchange import inbox
from declarations.models import Inbound, InboundState, Inventory
from ledger.bills import locked
from ledger.models import Discrepancy, TaxBill
from ledger.payment import confirm_payment
from ledger.window import today
from portal.sentences import speak
from tests.exchange import answers
from tests.exchange.conftest import secure
from tests.exchange.desk import listed, read_all
from tests.exchange.lists import Told, books, held, invt_no, letter
from tests.ledger.books import meanwhile, open_discrepancies, undone

Lists = tuple[int, int]


@pytest.fixture
def two(secured: Cast) -> Lists:
    """Two lists filed; the merchant is their guarantor."""
    first, second = listed(secured, 1, 2)
    return first, second


def bill(cast: Cast, document_id: int, minutes: float, vat: str = "30.03", **head: str) -> bytes:
    """An 816 about a list under the number of the first bill ever made, unless another is said."""
    part = answers.bill(invt_no(document_id), minutes, vat=vat, **head)
    return answers.letter(answers.tax_message("CEB816Message", part), cast.enterprises["warehouse"].dxp_id)


def news(cast: Cast, document_id: int, status: str, minutes: float, tax_no: str) -> bytes:
    """An 818 that names a list and the number of a bill."""
    part = answers.news(invt_no(document_id), status, minutes, taxNo=tax_no)
    return answers.letter(answers.tax_message("CEB818Message", part), cast.enterprises["warehouse"].dxp_id)


def read(*messages: bytes) -> None:
    """They arrive one after the other and are read."""
    for one in messages:
        inbox.store(one)
    read_all()


def own(document_id: int) -> Decimal:
    """What a list holds by our own computation, accepted and without any bill."""
    with undone():
        read(letter(Told("120", 2), document_id))
        return held(document_id)


# --- a bill that moves, news that name another list ---------------------------------------------------------------------

STORIES: dict[str, Callable[[Cast, Lists], list[bytes]]] = {
    "moved": lambda cast, two: [
        letter(Told("120", 2), *two),
        bill(cast, two[0], 7, taxNo="T"),
        bill(cast, two[1], 8, "45.50", taxNo="T"),
        bill(cast, two[0], 9, "12.00", taxNo="U"),
    ],
    "moved, then void under the first list's number": lambda cast, two: [
        letter(Told("120", 2), *two),
        bill(cast, two[0], 7, taxNo="T"),
        bill(cast, two[1], 8, taxNo="T"),
        news(cast, two[0], "3", 9, "T"),
    ],
    "void under another list's number, which has a bill of its own": lambda cast, two: [
        letter(Told("120", 2), *two),
        bill(cast, two[0], 7, taxNo="T"),
        bill(cast, two[1], 7, "45.50", taxNo="U"),
        news(cast, two[1], "3", 9, "T"),
    ],
    "void, and the next bill is open": lambda cast, two: [
        letter(Told("120", 2), *two),
        news(cast, two[0], "3", 6, "T"),
        news(cast, two[0], "1", 7, "U"),
        bill(cast, two[0], 7, "12.00", taxNo="U"),
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_it_ends_in_the_same_books_in_any_order(secured: Cast, two: Lists, story: str) -> None:
    messages = STORIES[story](secured, two)
    ends = []
    for order in permutations(messages):
        with undone():
            read(*order)
            ends.append(books())
    assert ends == ends[:1] * len(ends)


def test_a_bill_that_moves_frees_the_list_it_leaves_and_binds_the_one_it_comes_to(secured: Cast, two: Lists) -> None:
    first, second = two
    ours = own(first)
    read(letter(Told("120", 2), *two), bill(secured, first, 7, taxNo="T"))
    assert (held(first), held(second)) == (Decimal("30.03"), own(second))
    read(bill(secured, second, 8, "45.50", taxNo="T"))
    assert (held(first), held(second)) == (ours, Decimal("45.50"))
    assert TaxBill.objects.get().document_id == second


def test_an_end_told_under_another_list_frees_the_list_of_the_bill(secured: Cast, two: Lists) -> None:
    first, second = two
    read(letter(Told("120", 2), *two), bill(secured, first, 7, taxNo="T"))
    other = held(second)
    read(news(secured, second, "3", 9, "T"))
    assert (held(first), held(second)) == (Decimal(0), other)


@pytest.mark.django_db(transaction=True)
def test_a_bill_is_read_while_staff_confirm_all_of_its_list(committed: Cast) -> None:
    """Whoever locks bills takes them all in one order, also the others of the list a message is about."""
    secure(committed)
    (one,) = listed(committed, 1)
    read(letter(Told("120", 2), one), bill(committed, one, 7, taxNo="T1"), bill(committed, one, 7, taxNo="T5"))
    inbox.store(bill(committed, one, 8, "45.50", taxNo="T5"))
    with meanwhile(read_all) as begin:
        locked(Q(tax_no="T1"))
        begin()
        paid = confirm_payment(bills=TaxBill.objects.all(), paid_on=today(), voucher="V", user=None)
    assert (paid.count, paid.total) == (2, Decimal("60.06"))
    assert set(Inbound.objects.values_list("state", "attempts")) == {(InboundState.PROCESSED, 1)}
    assert ("paid_differs", f"bill {committed.enterprises['warehouse'].pk} T5") in open_discrepancies()


# --- a bill that names another guarantor ------------------------------------------------------------------------------------


def test_the_hold_and_the_bill_stay_with_the_guarantor_of_the_list(secured: Cast, two: Lists) -> None:
    """The lists name the merchant; the bill names the platform, which has a guarantee too and pays none of it."""
    merchant, platform = secured.enterprises["merchant"], secured.enterprises["platform"]
    assert Inventory.objects.get(document_id=two[0]).assure_code in merchant.codes
    read(letter(Told("120", 2), two[0]), bill(secured, two[0], 7, assureCode=platform.customs_code))
    assert held(two[0]) == Decimal("30.03")
    assert platform.guarantee.accounts.get(purpose="held").balance == 0
    assert (TaxBill.objects.get().guarantor, TaxBill.objects.get().merchant) == (merchant, merchant)
    told = Discrepancy.objects.get(kind="guarantor_differs", closed_at=None)
    assert told.enterprise == merchant
    assert f"担保企业 {platform.customs_code} 不是清单上的" in speak(told.note)
    read(bill(secured, two[0], 8, assureCode=merchant.credit_code))
    assert "guarantor_differs" not in {kind for kind, _subject in open_discrepancies()}


# --- what cannot be a bill ------------------------------------------------------------------------------------------------

TOO_MUCH = "10000000000000000.00"


@pytest.mark.parametrize(
    ("place", "said", "words"),
    [
        ("head", {"customsTax": TOO_MUCH}, f"customsTax“{TOO_MUCH}”过大"),
        ("head", {"consumptionTax": TOO_MUCH}, f"consumptionTax“{TOO_MUCH}”过大"),
        ("head", {"valueAddedTax": "1000000000.01"}, "valueAddedTax“1000000000.01”过大"),
        ("line", {"valueAddedTax": TOO_MUCH}, f"valueAddedTax“{TOO_MUCH}”过大"),
        ("line", {"taxPrice": "99999999999999.00000"}, "taxPrice“99999999999999.00000”过大"),
        ("line", {"gnum": "0"}, "gnum“0”不是商品项号"),
        ("line", {"gnum": "-1"}, "gnum“-1”不是商品项号"),
    ],
)
def test_it_sets_aside_with_the_place_what_the_structure_lets_pass_and_the_books_cannot_hold(
    secured: Cast, two: Lists, place: str, said: dict[str, str], words: str
) -> None:
    line = {"gnum": "1", "gcode": "1901101000", "taxPrice": "100", "customsTax": "0", "consumptionTax": "0",
            "valueAddedTax": "0"}  # fmt: skip
    head = said if place == "head" else {}
    part = answers.bill(invt_no(two[0]), 7, lines=[line | (said if place == "line" else {})], **head)
    message = answers.letter(answers.tax_message("CEB816Message", part), secured.enterprises["warehouse"].dxp_id)
    number = inbox.store(message)
    read_all()
    inbound = Inbound.objects.get(pk=number)
    assert (inbound.state, inbound.attempts) == (InboundState.STUCK, 1)
    assert words in speak(inbound.last_error)
    assert inbox.raw_bytes(number) == message
    assert not TaxBill.objects.exists()


def test_it_takes_the_largest_amount_the_books_can_add_up(secured: Cast, two: Lists) -> None:
    read(bill(secured, two[0], 7, "1000000000.00"))
    assert TaxBill.objects.get().total == Decimal("1000000000.00")
