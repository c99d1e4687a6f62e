"""A list that customs holds up for want of guarantee: its guarantor is told, until the list goes on, in whatever order."""

from itertools import permutations

import pytest

from accounts.cast import Cast
from accounts.models import Enterprise
from declarations.exchange import inbox
from declarations.models import Document, Inventory
from ledger.models import Discrepancy, DiscrepancyKind, Hold
from portal.sentences import speak
from tests.exchange import answers
from tests.exchange.desk import listed, read_all
from tests.exchange.lists import Told, invt_no, letter
from tests.exchange.test_money import undone

#: What customs says of a guarantee that is too small, and of any other review.
SHORT = "[Code:1200;Desc:转人工审核，担保额度不足：本单税款30.03元，担保企业可用0.00元；增加额度后自动放行]"
OTHER = "[Code:1200;Desc:转人工审核]"
_ACCEPTED, _EXAMINED, _REFUSED = Told("120", 2), Told("399", 4), Told("100", 5)


@pytest.fixture
def one(secured: Cast) -> int:
    """A list the warehouse filed; the merchant is its guarantor."""
    return listed(secured, 1)[0]


def reviewed(document_id: int, info: str) -> bytes:
    """Customs reviews the list, and says why."""
    enterprise = Enterprise.objects.get(id=Document.objects.values_list("enterprise_id").get(id=document_id)[0])
    told = answers.receipt(document_id, "300", 3, info=info, invtNo=invt_no(document_id))
    return answers.letter(answers.message("inventory", told), enterprise.dxp_id)


def read(*letters: bytes) -> None:
    """They arrive in this order, and are read."""
    for one in letters:
        inbox.store(one)
        read_all()


def open_ones() -> list[Discrepancy]:
    """What is open of lists that are held up."""
    return list(Discrepancy.objects.filter(kind=DiscrepancyKind.HELD_UP, closed_at=None))


def test_the_guarantor_is_told_what_customs_says_and_how_much_the_list_has_to_hold(one: int, secured: Cast) -> None:
    read(letter(_ACCEPTED, one), reviewed(one, SHORT))
    (told,) = open_ones()
    assert told.enterprise == secured.enterprises["merchant"] != Document.objects.get(id=one).enterprise
    assert (told.number, told.document_id) == (invt_no(one), one)
    assert told.theirs == Hold.objects.get(document_id=one).wanted > 0
    assert "本单税款30.03元，担保企业可用0.00元" in speak(told.note) and "Code" not in speak(told.note)


@pytest.mark.parametrize("end", [_EXAMINED, _REFUSED])
def test_it_ends_when_the_list_goes_on_or_is_refused(one: int, end: Told) -> None:
    read(letter(_ACCEPTED, one), reviewed(one, SHORT), letter(end, one))
    assert open_ones() == []


def test_a_review_for_another_reason_and_a_guarantor_who_is_not_here_are_nobodys(one: int) -> None:
    read(letter(_ACCEPTED, one), reviewed(one, OTHER))
    assert open_ones() == []
    Inventory.objects.filter(document_id=one).update(assure_code="3100000000")
    read(reviewed(one, SHORT))
    assert open_ones() == []


@pytest.mark.parametrize("last", [None, _EXAMINED, _REFUSED])
def test_any_order_ends_the_same_however_often(one: int, last: Told | None) -> None:
    said = [letter(_ACCEPTED, one), reviewed(one, SHORT), *([letter(last, one)] if last else [])]
    for order in permutations(said):
        with undone():
            read(*order, *order)
            assert [told.number for told in open_ones()] == ([] if last else [invt_no(one)])
