"""Stories of a guarantee account: money comes in, lists hold part of it, and give it back."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import IntegrityError

from accounts.cast import Cast
from accounts.models import AuditEntry
from accounts.models.preparation import GuaranteeKind
from declarations.management.commands.load_cast import open_guarantees
from ledger.audit import audit
from ledger.guarantee import LedgerProblem, align_many, open_guarantee, reduce, settle_many, top_up
from ledger.models import Discrepancy, Entry, Guarantee, Hold, Transfer
from portal.sentences import speak
from tests.ledger.books import NOW, balances, deposit, held, open_discrepancies, wants


def money(*amounts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, amounts))


def kinds() -> list[str]:
    return list(Transfer.objects.order_by("id").values_list("kind", flat=True))


def test_a_deposit_is_available_and_its_other_side_is_funding(cast: Cast) -> None:
    guarantee = deposit(cast.enterprises["platform"], "1000.00")
    assert balances(guarantee) == money("1000.00", "0.00", "-1000.00")
    assert list(Entry.objects.order_by("amount").values_list("amount", "balance_after", "version")) == [
        (Decimal("-1000.00"), Decimal("-1000.00"), 1),
        (Decimal("1000.00"), Decimal("1000.00"), 1),
    ]


def test_the_life_of_a_hold_accepted_adjusted_to_its_bill_and_given_back(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "1000.00")
    align_many([wants(7, platform, "30.03")])
    assert balances(guarantee) == money("969.97", "30.03", "-1000.00")
    align_many([wants(7, platform, "98.00")])
    align_many([wants(7, platform, "90.00")])
    assert balances(guarantee) == money("910.00", "90.00", "-1000.00")
    align_many([wants(7, platform, "0")])
    assert balances(guarantee) == money("1000.00", "0.00", "-1000.00")
    assert kinds() == ["top_up", "hold", "adjust", "adjust", "release"]
    assert held() == {}
    assert open_discrepancies() == []


def test_the_same_call_a_thousand_times_has_one_effect(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "1000.00")
    for _time in range(1000):
        align_many([wants(7, platform, "30.03")])
    assert balances(guarantee) == money("969.97", "30.03", "-1000.00")
    assert kinds() == ["top_up", "hold"]


def test_a_list_accepted_again_after_it_was_given_back_holds_again(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform)
    for amount in ("30.00", "0", "30.00", "0", "30.00"):
        align_many([wants(7, platform, amount)])
    assert balances(guarantee) == money("970.00", "30.00", "-1000.00")
    assert kinds() == ["top_up", "hold", "release", "hold", "release", "hold"]


def test_the_guarantor_may_stand_under_its_credit_code(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform)
    align_many([wants(7, platform.credit_code, "10.00")])
    assert balances(guarantee)[1] == Decimal("10.00")


def test_what_does_not_fit_is_a_discrepancy_and_is_held_once_money_comes_in(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "100.00")
    align_many([wants(1, platform, "60.00"), wants(2, platform, "60.00"), wants(3, platform, "30.00")])
    assert held() == {1: Decimal("60.00"), 3: Decimal("30.00")}
    assert open_discrepancies() == [("short", "list 2")]
    told = Discrepancy.objects.get()
    assert (told.enterprise_id, told.ours, told.theirs) == (platform.pk, Decimal("10.00"), Decimal("60.00"))
    assert speak(told.note) == (
        "清单 22162025I000000002 应预扣 60.00 元，可用余额 10.00 元，还差 50.00 元；增加额度后自动补扣"
    )
    top_up(guarantee=guarantee, amount=Decimal("49.99"), voucher="V1", user=None, at=NOW)
    assert open_discrepancies() == [("short", "list 2")]
    top_up(guarantee=guarantee, amount=Decimal("0.01"), voucher="V2", user=None, at=NOW)
    assert held() == {1: Decimal("60.00"), 2: Decimal("60.00"), 3: Decimal("30.00")}
    assert open_discrepancies() == []
    assert balances(guarantee) == money("0.00", "150.00", "-150.00")


def test_what_one_list_gives_back_goes_to_the_oldest_that_was_short(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    deposit(platform, "100.00")
    align_many([wants(5, platform, "100.00")])
    align_many([wants(9, platform, "40.00")])
    align_many([wants(2, platform, "70.00")])
    align_many([wants(3, platform, "40.00")])
    align_many([wants(5, platform, "0"), wants(6, platform, "30.00")])
    assert held() == {2: Decimal("70.00"), 6: Decimal("30.00")}
    assert open_discrepancies() == [("short", "list 9"), ("short", "list 3")]


def test_a_hold_that_cannot_grow_stays_as_it_was_and_grows_later(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "50.00")
    align_many([wants(1, platform, "40.00")])
    align_many([wants(1, platform, "60.00")])
    assert held() == {1: Decimal("40.00")}
    top_up(guarantee=guarantee, amount=Decimal("10.00"), voucher="V1", user=None, at=NOW)
    assert held() == {1: Decimal("60.00")}
    assert open_discrepancies() == []


def test_a_short_list_that_wants_nothing_any_more_is_no_discrepancy(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "10.00")
    align_many([wants(1, platform, "40.00")])
    align_many([wants(1, platform, "0")])
    top_up(guarantee=guarantee, amount=Decimal("100.00"), voucher="V1", user=None, at=NOW)
    assert (held(), open_discrepancies()) == ({}, [])


def test_without_a_guarantee_nothing_moves_until_one_is_opened(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    align_many([wants(1, platform, "40.00"), wants(2, "3122960X01", "10.00")])
    assert held() == {}
    assert sorted(open_discrepancies()) == [("no_guarantee", "list 1"), ("no_guarantee", "list 2")]
    guarantee = deposit(platform)
    assert balances(guarantee) == money("960.00", "40.00", "-1000.00")
    assert open_discrepancies() == [("no_guarantee", "list 2")]


def test_a_guarantor_registered_later_holds_for_the_lists_that_named_it(cast: Cast) -> None:
    neighbour = cast.enterprises["neighbour"]
    code, neighbour.customs_code = neighbour.customs_code, "3122960X01"
    neighbour.save()
    align_many([wants(1, code, "40.00")])
    assert Hold.objects.get().enterprise_id is None
    neighbour.customs_code = code
    neighbour.save()
    guarantee = deposit(neighbour)
    assert balances(guarantee)[1] == Decimal("40.00")
    assert open_discrepancies() == []


def test_what_nobody_can_compute_moves_nothing_and_says_so(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    deposit(platform)
    align_many([wants(1, platform, "40.00")])
    align_many([wants(1, platform, None), wants(2, platform, None)])
    assert held() == {1: Decimal("40.00")}
    assert sorted(open_discrepancies()) == [("not_computed", "list 1"), ("not_computed", "list 2")]
    align_many([wants(1, platform, "41.00"), wants(2, platform, "0")])
    assert held() == {1: Decimal("41.00")}
    assert open_discrepancies() == []


def test_a_list_filed_again_with_another_guarantor_moves_to_its_guarantee(cast: Cast) -> None:
    platform, merchant = cast.enterprises["platform"], cast.enterprises["merchant"]
    first, second = deposit(platform, number="A"), deposit(merchant, number="B")
    align_many([wants(1, platform, "40.00")])
    align_many([wants(1, merchant, "40.00")])
    assert balances(first) == money("1000.00", "0.00", "-1000.00")
    assert balances(second) == money("960.00", "40.00", "-1000.00")
    align_many([wants(1, "3122960X01", "40.00")])
    assert balances(second) == money("1000.00", "0.00", "-1000.00")
    assert open_discrepancies() == [("no_guarantee", "list 1")]


def test_a_voucher_counts_once_and_says_when_it_is_used_for_something_else(cast: Cast) -> None:
    guarantee = deposit(cast.enterprises["platform"], "100.00")
    for _time in range(3):
        top_up(guarantee=guarantee, amount=Decimal("50.00"), voucher="V1", user=None, at=NOW)
    assert balances(guarantee) == money("150.00", "0.00", "-150.00")
    with pytest.raises(LedgerProblem) as refused:
        top_up(guarantee=guarantee, amount=Decimal("60.00"), voucher="V1", user=None, at=NOW)
    assert speak(str(refused.value)) == "凭证 V1 已经记账 50.00 元，金额不同的请用另一个凭证号"
    other = deposit(cast.enterprises["merchant"], "100.00", "BZJ-2")
    top_up(guarantee=other, amount=Decimal("60.00"), voucher="V1", user=None, at=NOW)
    assert balances(other)[0] == Decimal("160.00")


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN", "Infinity", "1000000000.01"])
def test_an_amount_that_is_none_is_refused(cast: Cast, amount: str) -> None:
    guarantee = deposit(cast.enterprises["platform"])
    with pytest.raises(LedgerProblem, match="金额"):
        top_up(guarantee=guarantee, amount=Decimal(amount), voucher="V1", user=None, at=NOW)


def test_only_what_no_list_holds_can_be_taken_out(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "100.00")
    align_many([wants(1, platform, "40.00")])
    with pytest.raises(LedgerProblem) as refused:
        reduce(guarantee=guarantee, amount=Decimal("60.01"), voucher="R1", user=None, at=NOW)
    assert "可用余额只有 60.00 元" in speak(str(refused.value))
    reduce(guarantee=guarantee, amount=Decimal("60.00"), voucher="R1", user=None, at=NOW)
    reduce(guarantee=guarantee, amount=Decimal("60.00"), voucher="R1", user=None, at=NOW)
    assert balances(guarantee) == money("0.00", "40.00", "-40.00")
    align_many([wants(2, platform, "1.00")])
    assert held() == {1: Decimal("40.00")}


def test_opening_again_changes_nothing_and_another_guarantee_is_refused(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    assert deposit(platform, "100.00") == deposit(platform, "100.00")
    with pytest.raises(LedgerProblem, match="已有担保"):
        open_guarantee(
            enterprise=platform, kind=GuaranteeKind.LETTER, number="BH-1", amount=Decimal(1), user=None, at=NOW
        )


def test_a_payment_outside_gives_the_hold_back_by_its_own_name(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "100.00")
    align_many([wants(1, platform, "40.00"), wants(2, platform, "50.00"), wants(3, platform, "30.00")])
    settle_many({1: Decimal(0)}, why="", user=cast.users["staff"])
    settle_many({1: Decimal(0)}, why="", user=cast.users["staff"])
    assert kinds() == ["top_up", "hold", "hold", "settle", "hold"]
    assert held() == {2: Decimal("50.00"), 3: Decimal("30.00")}
    assert balances(guarantee) == money("20.00", "80.00", "-100.00")


def test_a_payment_of_one_of_two_bills_of_a_short_list_holds_the_other_if_it_fits(cast: Cast) -> None:
    """Lists that never held anything, that held something once, and that hold a part."""
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "100.00")
    align_many([wants(1, platform, "60.00"), wants(3, platform, "5.00")])
    align_many([wants(1, platform, "0")])
    align_many([wants(4, platform, "50.00")])
    align_many([wants(1, platform, "60.00"), wants(2, platform, "60.00"), wants(3, platform, "80.00")])
    assert held() == {3: Decimal("5.00"), 4: Decimal("50.00")}
    settle_many({1: Decimal("10.00"), 2: Decimal("30.00"), 3: Decimal("70.00")}, why="", user=None)
    assert held() == {1: Decimal("10.00"), 2: Decimal("30.00"), 3: Decimal("5.00"), 4: Decimal("50.00")}
    assert balances(guarantee) == money("5.00", "95.00", "-100.00")
    told = Discrepancy.objects.get(closed_at=None)
    assert (told.kind, told.subject, told.ours, told.theirs) == ("short", "list 3", Decimal(5), Decimal(70))
    settle_many({3: Decimal(0), 4: Decimal(0)}, why="", user=None)
    assert (held(), open_discrepancies()) == ({1: Decimal("10.00"), 2: Decimal("30.00")}, [])
    assert [verdict for verdict in audit() if verdict.broken] == []


def test_a_payment_without_a_guarantor_here_tells_whoever_was_told_before(cast: Cast) -> None:
    """What is left is still held nowhere, and a list without any claim is left alone."""
    neighbour = cast.enterprises["neighbour"]
    align_many([replace(wants(1, "3122960X01", "40.00"), owner_id=neighbour.pk)])
    settle_many({1: Decimal("10.00"), 2: Decimal("10.00")}, why="", user=None)
    told = Discrepancy.objects.get(closed_at=None)
    assert (told.kind, told.enterprise, told.theirs) == ("no_guarantee", neighbour, Decimal(10))
    settle_many({1: Decimal(0)}, why="", user=None)
    assert open_discrepancies() == []
    assert Hold.objects.count() == 1


def test_staff_who_move_money_stand_in_the_record(cast: Cast) -> None:
    guarantee = deposit(cast.enterprises["platform"])
    top_up(guarantee=guarantee, amount=Decimal("50.00"), voucher="V1", user=cast.users["staff"], at=NOW)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.user, entry.enterprise) == (
        "guarantee_top_up",
        cast.users["staff"],
        cast.enterprises["platform"],
    )
    assert entry.details == {"amount": "50.00", "voucher": "V1"}
    assert Transfer.objects.latest("pk").user == cast.users["staff"]


def test_a_movement_says_why_it_was(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    guarantee = deposit(platform, "50.00")
    align_many([replace(wants(1, platform, "40.00"), why="accepted"), wants(2, platform, "20.00")])
    align_many([replace(wants(1, platform, "0"), why="rejected")])
    told = Transfer.objects.filter(guarantee=guarantee).exclude(kind="top_up").order_by("id")
    assert [(one.kind, one.document_id, speak(one.reason)) for one in told] == [
        ("hold", 1, "accepted"),
        ("release", 1, "rejected"),
        ("hold", 2, "可用余额足够后补扣"),
    ]


def test_notes_are_kept_sentences(cast: Cast) -> None:
    align_many([wants(1, "3122960X01", "10.00")])
    assert json.loads(Discrepancy.objects.get().note)["with"]["code"] == "3122960X01"


def test_the_cast_has_the_guarantees_customs_knows_of(cast: Cast) -> None:
    for _time in range(2):
        open_guarantees(cast)
    assert {guarantee.enterprise: balances(guarantee)[0] for guarantee in Guarantee.objects.all()} == {
        cast.enterprises[key]: Decimal("200000.00")
        for key in ("platform", "merchant", "neighbour", "direct_logistics", "warehouse")
    }


def test_one_hold_per_list(cast: Cast) -> None:
    deposit(cast.enterprises["platform"])
    align_many([wants(1, cast.enterprises["platform"], "10.00")])
    with pytest.raises(IntegrityError):
        Hold.objects.create(document_id=1, guarantor_code="X")
