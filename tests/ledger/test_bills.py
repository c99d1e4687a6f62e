"""Stories of tax bills: what customs sends, in any order and any number of times, and what is paid."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from accounts.cast import Cast
from accounts.models import AuditEntry
from ledger import bills, tax
from ledger.bills import (
    Attached,
    Bill,
    BillLine,
    Notice,
    attach,
    lists_of,
    record_bills,
    record_notices,
    standing,
)
from ledger.discrepancies import settle
from ledger.guarantee import LedgerProblem, align_many
from ledger.models import BillState, Discrepancy, TaxBill, TaxBillLine, TaxBillNotice, Transfer
from ledger.payment import Paid, Payable, confirm_payment, payable
from ledger.window import today
from portal.sentences import speak
from tests.ledger.books import NOW, balances, deposit, held, open_discrepancies, undone, wants

INVT_NO = "22162025I000000001"
TAX_NO = f"{INVT_NO}_0"


def an_816(cast: Cast, **other: object) -> Bill:
    """A bill over 30.03, as customs sends it for a list of milk powder."""
    bill = Bill(
        invt_no=INVT_NO,
        tax_no=TAX_NO,
        order_no="ORDER1",
        logistics_no="YD1",
        assure_code=cast.enterprises["platform"].customs_code,
        ebc_code=cast.enterprises["merchant"].credit_code,
        logistics_code=cast.enterprises["bonded_logistics"].customs_code,
        agent_code=cast.enterprises["warehouse"].customs_code,
        customs_code="2216",
        duty=Decimal("0.00000"),
        consumption=Decimal("0.00000"),
        vat=Decimal("30.03000"),
        status="1",
        duty_no="",
        billed_at=NOW,
        lines=(BillLine(1, "1901101000", Decimal("330.00000"), Decimal(0), Decimal(0), Decimal("30.03000")),),
    )
    return replace(bill, **other)


def an_818(status: str, minutes: int = 60, duty_no: str = "", tax_no: str = TAX_NO) -> Notice:
    return Notice(INVT_NO, tax_no, status, duty_no, NOW + timedelta(minutes=minutes))


def receive(cast: Cast, *told: Bill | Notice) -> None:
    """One message after the other, to the warehouse that declared the list."""
    owner = cast.enterprises["warehouse"].pk
    for one in told:
        record = record_bills if isinstance(one, Bill) else record_notices
        record([one], enterprise_id=owner, inbound_id=1, received_at=NOW)


def ours(total: str = "320", freight: str = "10") -> tax.Assessment:
    """Our computation of the same list."""
    rates = {"1901101000": tax.Rate("1901101000", Decimal(5), "general", Decimal(0))}
    return tax.assess(
        [tax.Good("1901101000", Decimal(total), Decimal(1))],
        freight=Decimal(freight),
        insurance=Decimal(0),
        rule=tax.rule_on(date(2025, 6, 2)),
        rates=rates,
    )


def attached(cast: Cast, own: tax.Assessment | None, *, released_on: date | None = None) -> None:
    attach(cast.enterprises["warehouse"].pk, [Attached(INVT_NO, 1, released_on, own)])


def the_bill() -> TaxBill:
    return TaxBill.objects.get(tax_no=TAX_NO)


def test_a_bill_knows_who_pays_it_and_whose_goods_it_taxes(cast: Cast) -> None:
    receive(cast, an_816(cast))
    bill = the_bill()
    assert (bill.enterprise, bill.guarantor, bill.merchant, bill.logistics) == tuple(
        cast.enterprises[key] for key in ("warehouse", "platform", "merchant", "bonded_logistics")
    )
    assert (bill.state, bill.total, bill.duty_no) == (BillState.MADE, Decimal("30.03"), "")
    assert [(line.gnum, line.gcode, line.vat) for line in bill.lines.all()] == [(1, "1901101000", Decimal("30.03"))]


def test_the_same_bill_a_thousand_times_is_one_bill(cast: Cast) -> None:
    bill = an_816(cast)
    for _time in range(1000):
        receive(cast, bill)
    assert (TaxBill.objects.count(), TaxBillLine.objects.count(), TaxBillNotice.objects.count()) == (1, 1, 1)


def test_of_two_bills_under_one_number_the_later_counts_whatever_came_first(cast: Cast) -> None:
    first = an_816(cast)
    second = an_816(
        cast,
        vat=Decimal("45.50"),
        billed_at=NOW + timedelta(minutes=5),
        lines=(BillLine(1, "3304990029", Decimal(425), Decimal(0), Decimal(0), Decimal("45.50")),),
    )
    for order in ((first, second), (second, first), (second, first, second)):
        with undone():
            receive(cast, *order)
            assert (the_bill().total, list(the_bill().lines.values_list("gcode", flat=True))) == (
                Decimal("45.50"),
                ["3304990029"],
            )


TOLD = {
    "816": lambda cast: an_816(cast),
    "consolidated": lambda cast: an_818("2", 60, "JKS1"),
    "again": lambda cast: an_818("2", 60, "JKS1"),
    "void": lambda cast: an_818("3", 120),
}


@pytest.mark.parametrize(
    ("said", "state", "duty_no"),
    [
        (("816",), BillState.MADE, ""),
        (("816", "consolidated"), BillState.CONSOLIDATED, "JKS1"),
        (("816", "consolidated", "again"), BillState.CONSOLIDATED, "JKS1"),
        (("816", "void"), BillState.VOID, ""),
        (("816", "consolidated", "void"), BillState.VOID, "JKS1"),
    ],
)
def test_the_state_is_a_function_of_what_was_said_not_of_its_order(
    cast: Cast, said: tuple[str, ...], state: str, duty_no: str
) -> None:
    for order in itertools.permutations(said):
        with undone():
            receive(cast, *(TOLD[name](cast) for name in order))
            assert (the_bill().state, the_bill().duty_no) == (state, duty_no), order


def test_of_the_same_moment_void_wins(cast: Cast) -> None:
    for order in ((an_818("3"), an_818("2", duty_no="JKS1")), (an_818("2", duty_no="JKS1"), an_818("3"))):
        with undone():
            receive(cast, an_816(cast), *order)
            assert the_bill().state == BillState.VOID


def test_what_stands_is_what_lists_have_to_hold(cast: Cast) -> None:
    owner = cast.enterprises["warehouse"].pk
    assert standing(owner, [INVT_NO]) == {}
    receive(cast, an_816(cast), an_816(cast, tax_no=f"{INVT_NO}_1", vat=Decimal("1.00")))
    assert standing(owner, [INVT_NO]) == {INVT_NO: bills.Standing(Decimal("31.03"), BillState.MADE)}
    receive(cast, an_818("3", tax_no=f"{INVT_NO}_1"))
    assert standing(owner, [INVT_NO, "other"]) == {INVT_NO: bills.Standing(Decimal("30.03"), BillState.MADE)}
    receive(cast, an_818("3"))
    assert standing(owner, [INVT_NO]) == {INVT_NO: bills.Standing(Decimal("0.00"), BillState.VOID)}
    assert standing(cast.enterprises["merchant"].pk, [INVT_NO]) == {}


def test_an_end_told_before_its_bill_counts_already(cast: Cast) -> None:
    receive(cast, an_818("3"))
    owner = cast.enterprises["warehouse"].pk
    assert standing(owner, [INVT_NO]) == {INVT_NO: bills.Standing(Decimal("0.00"), BillState.VOID)}
    receive(cast, an_818("2", 90, "JKS1"))
    assert standing(owner, [INVT_NO]) == {}


def test_a_bill_without_its_list_is_a_discrepancy_until_the_list_is_known(cast: Cast) -> None:
    receive(cast, an_816(cast))
    subject = f"bill {cast.enterprises['warehouse'].pk} {TAX_NO}"
    assert open_discrepancies() == [("bill_without_list", subject)]
    receive(cast, an_818("2", 60, "JKS1"))
    attached(cast, None, released_on=date(2025, 6, 2))
    assert open_discrepancies() == []
    assert (the_bill().document_id, the_bill().released_on) == (1, date(2025, 6, 2))


def test_a_void_bill_without_its_list_is_nobodys_worry(cast: Cast) -> None:
    receive(cast, an_816(cast), an_818("3"))
    assert open_discrepancies() == []


def test_a_list_that_is_attached_at_once_was_never_missing(cast: Cast) -> None:
    owner = cast.enterprises["warehouse"].pk
    record_bills([an_816(cast)], enterprise_id=owner, inbound_id=1, received_at=NOW, known_lists={INVT_NO})
    attached(cast, ours())
    assert not Discrepancy.objects.exists()


def test_our_own_computation_stands_beside_customs_own_with_its_workings(cast: Cast) -> None:
    receive(cast, an_816(cast))
    attached(cast, ours())
    bill, line = the_bill(), TaxBillLine.objects.get()
    assert (bill.own_duty, bill.own_consumption, bill.own_vat) == (Decimal("0.00"), Decimal("0.00"), Decimal("30.03"))
    assert (bill.own_treatment, bill.own_rule, bill.own_note) == ("reduced", date(2019, 4, 1), "")
    assert (line.own_value, line.own_vat) == (Decimal("330.00"), Decimal("30.03"))
    assert line.own_rates == {
        "goods": "320.00", "carriage": "10.00", "faults": [], "duty": "0", "vat": "13", "consumption": "0", "share": "70",
    }  # fmt: skip
    assert open_discrepancies() == []


def test_a_bill_that_differs_from_ours_says_by_how_much_and_customs_wins(cast: Cast) -> None:
    receive(cast, an_816(cast))
    attached(cast, ours("330"))
    differs = Discrepancy.objects.get(kind="tax_differs")
    assert (differs.enterprise, differs.ours, differs.theirs, differs.closed_at) == (
        cast.enterprises["platform"],
        Decimal("30.94"),
        Decimal("30.03"),
        None,
    )
    assert speak(the_bill().own_note) == "海关税款 30.03 元，本系统计算 30.94 元，以海关为准"
    assert the_bill().total == Decimal("30.03")
    attached(cast, ours())
    assert open_discrepancies() == []


def test_a_list_we_would_have_refused_or_cannot_compute_says_why(cast: Cast) -> None:
    receive(cast, an_816(cast))
    attached(cast, ours("26000"))
    assert "一般贸易" in speak(the_bill().own_note)
    assert ("tax_differs", f"bill {cast.enterprises['warehouse'].pk} {TAX_NO}") in open_discrepancies()
    unknown = tax.assess(
        [tax.Good("9999999999", Decimal(1), Decimal(1))],
        freight=Decimal(0),
        insurance=Decimal(0),
        rule=tax.rule_on(date(2025, 6, 2)),
        rates={},
    )
    attached(cast, unknown)
    assert (the_bill().own_treatment, the_bill().own_vat) == ("unknown", None)
    assert "9999999999" in speak(the_bill().own_note)
    assert [kind for kind, _subject in open_discrepancies()] == ["lines_differ"]


def test_lines_that_do_not_add_up_to_the_head_are_told(cast: Cast) -> None:
    receive(cast, an_816(cast, vat=Decimal("30.04")))
    attached(cast, None)
    told = Discrepancy.objects.get(kind="lines_differ")
    assert (told.ours, told.theirs) == (Decimal("30.03"), Decimal("30.04"))
    receive(cast, an_818("3"))
    attached(cast, None)
    assert open_discrepancies() == []


@pytest.fixture
def on_hold(cast: Cast) -> Cast:
    """A bill over 30.03 whose list holds as much."""
    deposit(cast.enterprises["platform"], "100.00")
    receive(cast, an_816(cast), an_818("2", 60, "JKS1"))
    attached(cast, ours())
    align_many([wants(1, cast.enterprises["platform"], "30.03")])
    return cast


def test_a_payment_confirmed_by_staff_gives_the_hold_back_and_stays(on_hold: Cast) -> None:
    staff = on_hold.users["staff"]
    for count in (1, 0):
        assert confirm_payment(duty_no="JKS1", paid_on=date(2025, 7, 10), voucher="PZ1", user=staff).count == count
    bill = the_bill()
    assert (bill.state, bill.paid_on, bill.paid_voucher) == (BillState.PAID, date(2025, 7, 10), "PZ1")
    assert bill.paid_total == bill.total
    assert held() == {}
    assert list(Transfer.objects.order_by("id").values_list("kind", flat=True)) == ["top_up", "hold", "settle"]
    assert speak(Transfer.objects.latest("id").reason) == "税款已缴，凭证 PZ1"
    entry = AuditEntry.objects.get(action="tax_paid")
    assert (entry.subject, entry.details) == ("JKS1", {"bills": 1, "total": "30.03", "voucher": "PZ1"})
    receive(on_hold, an_816(on_hold), an_818("2", 60, "JKS1"))
    assert the_bill().state == BillState.PAID
    assert standing(bill.enterprise_id, [INVT_NO]) == {INVT_NO: bills.Standing(Decimal("0.00"), BillState.PAID)}


def test_a_list_with_another_open_bill_keeps_what_that_calls_for(on_hold: Cast) -> None:
    receive(on_hold, an_816(on_hold, tax_no=f"{INVT_NO}_1", vat=Decimal("1.00")))
    attached(on_hold, None)
    align_many([wants(1, on_hold.enterprises["platform"], "31.03")])
    confirm_payment(bills=[the_bill()], paid_on=date(2025, 7, 10), voucher="PZ1", user=None)
    assert held() == {1: Decimal("1.00")}


def refusal(ask: Callable[[], object]) -> str:
    with pytest.raises(LedgerProblem) as refused:
        ask()
    return speak(str(refused.value))


def test_a_payment_that_cannot_be_is_refused_with_the_reason(on_hold: Cast) -> None:
    def pay(**other: object) -> Callable[[], object]:
        asked = {"duty_no": "JKS1", "paid_on": date(2025, 7, 10), "voucher": "PZ1", "user": None}
        return lambda: confirm_payment(**(asked | other))

    assert refusal(pay(duty_no="JKS9")) == "没有找到要确认缴款的税单"
    assert refusal(pay(voucher=" ")) == "请填写凭证号，60 个字以内"
    assert "在将来" in refusal(pay(paid_on=date(9999, 1, 1)))
    pay()()
    assert refusal(pay(voucher="PZ2")) == f"税单 {TAX_NO} 已由凭证 PZ1 缴款"


def test_a_payment_is_of_no_day_before_the_bill_was_there_and_the_list_released(on_hold: Cast) -> None:
    def pay(day: date) -> Callable[[], object]:
        return lambda: confirm_payment(duty_no="JKS1", paid_on=day, voucher="PZ1", user=None)

    assert (
        refusal(pay(date(2025, 6, 1))) == f"缴款日期 2025-06-01 不能早于 2025-06-02：税单 {TAX_NO} 这一天才生成或放行"
    )
    attached(on_hold, ours(), released_on=date(2025, 6, 5))
    assert "不能早于 2025-06-05" in refusal(pay(date(2025, 6, 4)))
    assert refusal(pay(today() + timedelta(days=1))) == f"缴款日期 {today() + timedelta(days=1)} 在将来"
    assert the_bill().state == BillState.CONSOLIDATED
    pay(date(2025, 6, 5))()
    assert the_bill().paid_on == date(2025, 6, 5)


def test_a_payment_note_is_paid_without_its_void_bills(on_hold: Cast) -> None:
    """Chosen by itself a void bill is refused; of a note it is left out, unless there is no other."""
    ended = f"{INVT_NO}_1"
    receive(on_hold, an_816(on_hold, tax_no=ended, vat=Decimal("1.00")), an_818("2", 60, "JKS1", ended))
    receive(on_hold, an_818("3", 90, tax_no=ended))
    note = TaxBill.objects.filter(duty_no="JKS1")
    assert payable(note) == Payable(count=1, total=Decimal("30.03"), void=1, paid=0)
    void = TaxBill.objects.get(tax_no=ended)

    def pay(**which: object) -> Paid:
        return confirm_payment(paid_on=date(2025, 7, 10), voucher="PZ1", user=None, **which)

    assert refusal(lambda: pay(bills=[the_bill(), void])) == f"税单 {ended} 已作废，不能确认缴款"
    assert pay(duty_no="JKS1") == Paid(count=1, total=Decimal("30.03"), void=1)
    assert payable(note) == Payable(count=1, total=Decimal("30.03"), void=1, paid=1)
    void.refresh_from_db()
    assert (void.state, void.paid_total, held()) == (BillState.VOID, None, {})
    receive(on_hold, an_816(on_hold, tax_no=f"{INVT_NO}_2"), an_818("2", 60, "JKS2", f"{INVT_NO}_2"))
    receive(on_hold, an_818("3", 90, tax_no=f"{INVT_NO}_2"))
    assert refusal(lambda: pay(duty_no="JKS2")) == "缴款书 JKS2 的税单都已作废，不能确认缴款"


def paid_bill() -> None:
    confirm_payment(duty_no="JKS1", paid_on=date(2025, 7, 10), voucher="PZ1", user=None)


def test_a_bill_void_after_it_was_paid_asks_for_the_money_back(on_hold: Cast) -> None:
    paid_bill()
    receive(on_hold, an_818("3", 240))
    assert the_bill().state == BillState.PAID
    assert [kind for kind, _subject in open_discrepancies()] == ["void_after_payment"]
    assert balances(on_hold.enterprises["platform"].guarantee)[1] == Decimal("0.00")
    receive(on_hold, an_818("2", 300, "JKS1"))
    assert open_discrepancies() == []


def test_what_was_really_paid_stays_known_and_another_sum_later_is_told_by_both_figures(on_hold: Cast) -> None:
    paid_bill()
    receive(on_hold, an_816(on_hold, vat=Decimal("99.00"), billed_at=NOW + timedelta(days=60)))
    bill, told = the_bill(), Discrepancy.objects.get(kind="paid_differs")
    assert (bill.state, bill.total, bill.paid_total) == (BillState.PAID, Decimal("99.00"), Decimal("30.03"))
    assert (told.ours, told.theirs, told.closed_at) == (Decimal("30.03"), Decimal("99.00"), None)
    assert speak(told.note) == f"税单 {TAX_NO} 已缴款 30.03 元，海关又将其改为 99.00 元；请向海关补缴或办理退税"
    receive(on_hold, an_816(on_hold, billed_at=NOW + timedelta(days=61)))
    assert ("paid_differs", told.subject) not in open_discrepancies()


def test_a_payment_ends_the_question_whose_figure_is_right(on_hold: Cast) -> None:
    attached(on_hold, ours("330"))
    assert [kind for kind, _subject in open_discrepancies()] == ["tax_differs"]
    paid_bill()
    attached(on_hold, ours("330"))
    assert open_discrepancies() == []


# --- what staff have dealt with -------------------------------------------------------------------------------------


def test_what_staff_dealt_with_stays_so_until_something_else_is_told(cast: Cast) -> None:
    receive(cast, an_816(cast))
    lost = Discrepancy.objects.get()
    assert settle([lost], why="清单不经本系统申报", user=cast.users["staff"]) == 1
    assert settle([lost], why="又一次", user=cast.users["staff"]) == 0
    lost.refresh_from_db()
    assert (lost.settled_by, lost.settled_why) == (cast.users["staff"], "清单不经本系统申报")
    entry = AuditEntry.objects.get(action="discrepancy_settled")
    assert (entry.user, entry.subject, entry.enterprise) == (cast.users["staff"], TAX_NO, cast.enterprises["platform"])
    assert entry.details == {"kind": "bill_without_list", "why": "清单不经本系统申报"}
    receive(cast, an_816(cast), an_818("1"), an_818("2", 60, "JKS1"))
    assert open_discrepancies() == []
    receive(cast, an_816(cast, vat=Decimal("31.00"), billed_at=NOW + timedelta(minutes=1)))
    lost.refresh_from_db()
    assert (lost.closed_at, lost.settled_by, lost.settled_why, lost.theirs) == (None, None, "", Decimal("31.00"))


def test_what_ended_by_itself_opens_again_when_it_is_so_again(cast: Cast) -> None:
    receive(cast, an_816(cast))
    attached(cast, ours("330"))
    attached(cast, ours())
    assert open_discrepancies() == []
    attached(cast, ours("330"))
    assert [kind for kind, _subject in open_discrepancies()] == ["tax_differs"]


def test_what_only_money_ends_nobody_ends_by_words(cast: Cast) -> None:
    deposit(cast.enterprises["platform"], "1.00")
    align_many([wants(1, cast.enterprises["platform"], "2.00"), wants(2, "nobody", "2.00")])
    assert settle(Discrepancy.objects.all(), why="算了", user=cast.users["staff"]) == 0
    assert [kind for kind, _subject in open_discrepancies()] == ["no_guarantee", "short"]


# --- whose bill it is -----------------------------------------------------------------------------------------------


def test_a_bill_follows_whom_its_list_names_and_another_guarantor_is_told(cast: Cast) -> None:
    """The 816 names the platform as guarantor and the merchant by its credit code; the list knows better."""
    receive(cast, an_816(cast))
    platform, merchant, courier = (cast.enterprises[key] for key in ("platform", "merchant", "direct_logistics"))

    def listed(guarantor: str, goods_of: str, carrier: str) -> None:
        attach(cast.enterprises["warehouse"].pk, [Attached(INVT_NO, 1, None, ours(), guarantor, goods_of, carrier)])

    listed(platform.credit_code, merchant.customs_code, cast.enterprises["bonded_logistics"].customs_code)
    assert (the_bill().guarantor, open_discrepancies()) == (platform, [])
    listed(merchant.customs_code, platform.customs_code, courier.customs_code)
    bill = the_bill()
    assert (bill.guarantor, bill.merchant, bill.logistics, bill.assure_code) == (
        merchant, platform, courier, platform.customs_code,
    )  # fmt: skip
    told = Discrepancy.objects.get(kind="guarantor_differs")
    assert (told.enterprise, told.theirs, told.closed_at) == (merchant, Decimal("30.03"), None)
    assert platform.customs_code in speak(told.note) and merchant.customs_code in speak(told.note)
    receive(cast, an_816(cast))
    assert the_bill().guarantor == merchant
    listed("", "", "")
    assert (the_bill().guarantor, open_discrepancies()) == (platform, [])


def test_a_bill_that_moves_to_another_list_keeps_nothing_of_the_first(cast: Cast) -> None:
    receive(cast, an_816(cast))
    attached(cast, ours("330"), released_on=date(2025, 6, 5))
    other = "22162025I000000002"
    moved = an_816(cast, invt_no=other, billed_at=NOW + timedelta(minutes=5))
    receive(cast, moved, an_816(cast))
    bill = the_bill()
    assert (bill.invt_no, bill.document_id, bill.released_on, bill.own_vat, bill.own_treatment, bill.own_note) == (
        other, None, None, None, "", "",
    )  # fmt: skip
    assert [kind for kind, _subject in open_discrepancies()] == ["bill_without_list"]
    assert lists_of(bill.enterprise_id, [TAX_NO]) == {INVT_NO, other}
    assert standing(bill.enterprise_id, [INVT_NO, other]) == {
        other: bills.Standing(Decimal("30.03"), BillState.MADE),
    }


def test_an_end_that_names_another_list_ends_the_bill_of_its_number(cast: Cast) -> None:
    owner, other = cast.enterprises["warehouse"].pk, "22162025I000000002"
    receive(cast, replace(an_818("3"), invt_no=other))
    assert standing(owner, [INVT_NO, other]) == {other: bills.Standing(Decimal("0.00"), BillState.VOID)}
    receive(cast, an_816(cast))
    assert standing(owner, [INVT_NO, other]) == {INVT_NO: bills.Standing(Decimal("0.00"), BillState.VOID)}


def test_what_staff_dealt_with_is_open_again_when_it_comes_again_after_it_was_right(on_hold: Cast) -> None:
    """The same figures as those they dealt with: in between customs said what was paid, so it is another time."""
    paid_bill()

    def told(vat: str, day: int) -> list[str]:
        receive(on_hold, an_816(on_hold, vat=Decimal(vat), billed_at=NOW + timedelta(days=day)))
        return [kind for kind, _subject in open_discrepancies() if kind == "paid_differs"]

    assert told("99.00", 60) == ["paid_differs"]
    settle([Discrepancy.objects.get(kind="paid_differs")], why="补缴 68.97 元", user=on_hold.users["staff"])
    assert told("99.00", 61) == []
    assert told("30.03", 62) == []
    assert told("99.00", 63) == ["paid_differs"]
    assert Discrepancy.objects.get(kind="paid_differs").settled_by is None
    assert AuditEntry.objects.get(action="discrepancy_settled").details["why"] == "补缴 68.97 元"
