"""The desk of staff over the books, through its pages: money in and out, taxes paid outside, everything to look at."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.cast import Cast
from accounts.models import AuditEntry, User
from ledger.audit import audit
from ledger.bills import Attached, Notice, attach, record_bills, record_notices
from ledger.guarantee import align_many
from ledger.models import BillState, Discrepancy, Guarantee, LimitChange, TaxBill, TaxRule
from tests.ledger.books import NOW, balances, deposit, held, wants
from tests.ledger.test_bills import an_816, an_818, attached, ours, receive

Clients = Callable[[str], Client]


def address(name: str, page: str = "changelist", *words: object) -> str:
    return reverse(f"admin:ledger_{name}_{page}", args=words)


def said(client: Client, address: str, data: dict | None = None) -> str:
    """A page, or what is on the page a form led to."""
    answer = client.get(address) if data is None else client.post(address, data, follow=True)
    assert answer.status_code == 200, answer.status_code
    return unescape(answer.content.decode())


def press(client: Client, name: str, action: str, *rows: object, **form: object) -> str:
    return said(client, address(name), {"action": action, "_selected_action": [row.pk for row in rows], **form})  # type: ignore[attr-defined]


def test_one_of_the_staff_proposes_a_guarantee_and_another_opens_it(client_of: Clients, cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    align_many([wants(1, platform, "40.00")])
    form = {
        "enterprise": platform.customs_code, "kind": "letter", "number": "BH-2025-1", "amount": "100.00",
        "valid_to": "2099-01-31",
    }  # fmt: skip
    staff = client_of("staff")
    assert "等另一位同事确认后开立" in said(staff, address("limitchange", "add"), form)
    assert not Guarantee.objects.exists()
    page = press(client_of("reviewer"), "limitchange", "confirm", LimitChange.objects.get())
    assert (
        "开立担保 · 银行保函 · BH-2025-1 · 有效期至 2099-01-31 · 100.00 元" in page
        and "平台值班 提出" in page
        and "现在没有担保" in page
    )
    assert "可用余额 60.00 元" in confirm(client_of("reviewer"), page, "limitchange")
    guarantee = Guarantee.objects.get()
    assert (guarantee.enterprise, guarantee.kind) == (platform, "letter")
    assert balances(guarantee) == (Decimal("60.00"), Decimal("40.00"), Decimal("-100.00"))
    told = AuditEntry.objects.filter(enterprise=platform).order_by("pk").values_list("action", "user__username")
    assert list(told) == [
        ("limit_proposed", "staff"), ("guarantee_top_up", "reviewer"), ("limit_confirmed", "reviewer"),
    ]  # fmt: skip
    again = said(staff, address("limitchange", "add"), {**form, "number": "BH-2"})
    assert "已有担保 BH-2025-1" in again
    assert "没有海关十位编码为 3122260000 的企业" in said(
        staff, address("limitchange", "add"), {**form, "enterprise": "3122260000"}
    )
    assert Guarantee.objects.count() == 1 and staff.get(address("guarantee", "add")).status_code == 403


@pytest.mark.parametrize("amount", ["0", "-5", "1.001", "x", "", "1e99", "NaN", "1000000000.01"])
def test_an_amount_that_is_none_is_refused_at_its_field(client_of: Clients, cast: Cast, amount: str) -> None:
    code = cast.enterprises["platform"].customs_code
    form = {"enterprise": code, "kind": "deposit", "number": "B", "amount": amount}
    assert "errorlist" in said(client_of("staff"), address("limitchange", "add"), form)
    guarantee = deposit(cast.enterprises["merchant"])
    money = {"sure": "1", "way": "top_up", "amount": amount, "voucher": "V"}
    assert "errorlist" in press(client_of("staff"), "guarantee", "move_money", guarantee, **money)
    assert not LimitChange.objects.exists()
    assert balances(guarantee)[0] == Decimal("1000.00")


def test_two_of_the_staff_move_money_and_are_told_what_is_left(client_of: Clients, cast: Cast) -> None:
    guarantee, staff, reviewer = (
        deposit(cast.enterprises["platform"], "100.00"),
        client_of("staff"),
        client_of("reviewer"),
    )
    page = press(staff, "guarantee", "move_money", guarantee)
    assert "可用 100.00 元，预扣 0.00 元" in page and "海关的额度不随之改变" in page
    money = {"sure": "1", "way": "top_up", "amount": "50.00", "voucher": "V1"}
    assert "已提出，等另一位同事" in press(staff, "guarantee", "move_money", guarantee, **money)
    assert "凭证 V1 已经提出过" in press(staff, "guarantee", "move_money", guarantee, **money)
    assert "待确认：增加额度 · 50.00 元 · 凭证 V1" in press(staff, "guarantee", "move_money", guarantee)
    assert balances(guarantee)[0] == Decimal("100.00")
    (change,) = LimitChange.objects.all()
    assert "须是两个人" in press(staff, "limitchange", "confirm", change, sure="1", chosen=str(change.pk))
    assert "已记账，可用余额 150.00 元" in press(
        reviewer, "limitchange", "confirm", change, sure="1", chosen=str(change.pk)
    )
    assert "刚刚由他人办理" in press(reviewer, "limitchange", "confirm", change, sure="1", chosen=str(change.pk))
    assert "凭证 V1 已经记账" in press(staff, "guarantee", "move_money", guarantee, **money | {"amount": "60.00"})
    out = {"sure": "1", "way": "reduce", "amount": "150.01", "voucher": "V2"}
    assert "可用余额只有 150.00 元" in press(staff, "guarantee", "move_money", guarantee, **out)
    press(staff, "guarantee", "move_money", guarantee, **out | {"amount": "150.00"})
    last = LimitChange.objects.latest("pk")
    page = press(reviewer, "limitchange", "confirm", last)
    assert "现可用余额 150.00 元" in page
    assert "可用余额 0.00 元" in confirm(reviewer, page, "limitchange")
    assert balances(guarantee) == (Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))
    assert "请只选一个担保" in press(
        staff, "guarantee", "move_money", guarantee, deposit(cast.enterprises["merchant"], number="B")
    )


def confirm(client: Client, page: str, name: str, **form: object) -> str:
    """Send the form of the page between an action and its deed, with what the page itself keeps."""
    kept = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', page))
    return said(client, address(name), {**kept, "sure": "1", **form})


def billed(cast: Cast, *numbers: int, duty_no: str = "JKS1") -> list[TaxBill]:
    """Bills over 30.03 each, consolidated; their lists hold as much."""
    made = [an_816(cast, invt_no=f"22162025I{n:09}", tax_no=f"22162025I{n:09}_0") for n in numbers]
    told = [Notice(one.invt_no, one.tax_no, "2", duty_no, one.billed_at + timedelta(hours=1)) for one in made]
    owner = cast.enterprises["warehouse"].pk
    record_bills(made, enterprise_id=owner, inbound_id=1, received_at=NOW)
    record_notices(told, enterprise_id=owner, inbound_id=1, received_at=NOW)
    attach(owner, [Attached(one.invt_no, n, None, ours()) for n, one in zip(numbers, made, strict=True)])
    align_many([wants(n, cast.enterprises["platform"], "30.03") for n in numbers])
    return list(TaxBill.objects.filter(tax_no__in=[one.tax_no for one in made]).order_by("tax_no"))


PAID = {"paid_on": "2025-07-10", "voucher": "PZ1"}


def test_staff_confirm_a_payment_and_the_hold_is_given_back(client_of: Clients, cast: Cast) -> None:
    deposit(cast.enterprises["platform"], "100.00")
    (bill,) = billed(cast, 1)
    staff = client_of("staff")
    page = press(staff, "taxbill", "confirm", bill)
    assert "缴款书 JKS1：1 份，30.03 元" in page
    assert f"{bill.tax_no} · 已汇总 · 30.03" in page
    for day, why in (("9998-01-01", "在将来"), ("2025-06-01", "不能早于 2025-06-02"), ("yesterday", "errorlist")):
        assert why in confirm(staff, page, "taxbill", duty_no="JKS1", **PAID | {"paid_on": day})
    assert "已确认 1 份税单缴款，共 30.03 元" in confirm(staff, page, "taxbill", duty_no="JKS1", **PAID)
    assert "已确认 0 份税单缴款" in confirm(staff, page, "taxbill", duty_no="JKS1", **PAID)
    bill.refresh_from_db()
    assert (bill.state, bill.paid_on, bill.paid_total, held()) == (
        BillState.PAID, date(2025, 7, 10), Decimal("30.03"), {},
    )  # fmt: skip
    assert [verdict for verdict in audit() if verdict.broken] == []


def test_a_payment_note_is_confirmed_by_its_number_however_many_bills_it_has(client_of: Clients, cast: Cast) -> None:
    """One bill of the note chosen is enough; the page names the first twenty and keeps no field for each."""
    deposit(cast.enterprises["platform"], "10000.00")
    bills, staff = billed(cast, *range(1, 42)), client_of("staff")
    receive(cast, an_818("3", 90, tax_no=bills[-1].tax_no))
    page = press(staff, "taxbill", "confirm", bills[0])
    assert "缴款书 JKS1：40 份，1,201.20 元；另有 1 份已作废，不计在内" in page
    assert page.count(" · 已汇总 · 30.03") == 20 and "……另有 21 项" in page
    assert len(re.findall("<input", press(staff, "taxbill", "confirm", *bills))) == len(re.findall("<input", page))
    assert "已确认 40 份税单缴款，共 1,201.20 元" in confirm(staff, page, "taxbill", duty_no="JKS1", **PAID)
    assert set(TaxBill.objects.values_list("state", flat=True)) == {BillState.PAID, BillState.VOID}


def test_without_a_note_the_chosen_bills_alone_are_confirmed(client_of: Clients, cast: Cast) -> None:
    deposit(cast.enterprises["platform"], "100.00")
    first, second = *billed(cast, 1), *billed(cast, 2, duty_no="JKS2")
    staff = client_of("staff")
    page = press(staff, "taxbill", "confirm", first, second)
    assert "所选税单：2 份，60.06 元" in page
    assert "已确认 2 份税单缴款" in confirm(staff, page, "taxbill", duty_no="", **PAID)
    assert held() == {}


def test_nothing_is_confirmed_that_the_page_did_not_show(client_of: Clients, cast: Cast) -> None:
    """Another note's number typed in, or a bill that came meanwhile: the page is shown again with what it is now."""
    deposit(cast.enterprises["platform"], "200.00")
    (first, _second), staff = billed(cast, 1, 2), client_of("staff")
    billed(cast, 3, duty_no="JKS2")
    page = press(staff, "taxbill", "confirm", first)
    again = confirm(staff, page, "taxbill", duty_no="JKS2", **PAID)
    assert "与刚才所示不同" in again and "缴款书 JKS2：1 份，30.03 元" in again
    billed(cast, 4, duty_no="JKS2")
    again = confirm(staff, again, "taxbill", duty_no="JKS2", **PAID)
    assert "与刚才所示不同" in again and "缴款书 JKS2：2 份，60.06 元" in again
    assert not TaxBill.objects.filter(state=BillState.PAID).exists()
    assert "已确认 2 份税单缴款" in confirm(staff, again, "taxbill", duty_no="JKS2", **PAID)
    assert sorted(held()) == [1, 2]


@pytest.mark.parametrize("chosen", ["", "x", "-1", "9" * 18, "0 " * 6000])
def test_what_was_tampered_with_is_refused_in_words(client_of: Clients, cast: Cast, chosen: str) -> None:
    (bill,) = billed(cast, 1)
    staff = client_of("staff")
    page = press(staff, "taxbill", "confirm", bill)
    for duty_no, why in (
        ("", "没有找到要确认缴款的税单"),
        ("JKS9", "没有找到要确认缴款的税单"),
        ("9" * 51, "errorlist"),
        ("JKS1\0", "errorlist"),
    ):
        form = {"duty_no": duty_no, "chosen": chosen, "shown": f"{duty_no} 0 0.00", **PAID}
        assert why in confirm(staff, page, "taxbill", **form)


def test_staff_say_how_they_dealt_with_what_differs(client_of: Clients, cast: Cast) -> None:
    deposit(cast.enterprises["platform"], "10.00")
    receive(cast, an_816(cast))
    attached(cast, ours("330"))
    align_many([wants(1, cast.enterprises["platform"], "30.03")])
    rows, staff = list(Discrepancy.objects.filter(closed_at=None)), client_of("staff")
    page = press(staff, "discrepancy", "settle", *rows)
    assert "本系统计算 30.94 元" in page and "还差 20.03 元" in page
    assert "errorlist" in confirm(staff, page, "discrepancy", why=" ")
    assert "errorlist" in confirm(staff, page, "discrepancy", why="字" * 201)
    answer = confirm(staff, page, "discrepancy", why="海关答复：归类以税单为准")
    assert "已处理 1 项" in answer and "1 项缺的是担保额度" in answer
    assert [one.kind for one in Discrepancy.objects.filter(closed_at=None)] == ["short"]
    assert "海关答复：归类以税单为准" in said(staff, address("discrepancy") + "?closed=yes")
    assert AuditEntry.objects.get(action="discrepancy_settled").details["why"] == "海关答复：归类以税单为准"
    # Chosen in a list that another has worked through meanwhile: nothing is left to ask about.
    closed = Discrepancy.objects.exclude(closed_at=None)[0]
    assert "所选的已不在表中" in press(staff, "discrepancy", "settle", closed)


def test_money_is_written_as_people_read_it(client_of: Clients, cast: Cast) -> None:
    guarantee, staff = deposit(cast.enterprises["platform"], "123456.78"), client_of("staff")
    receive(cast, an_816(cast, vat=Decimal("1234.50")))
    for name in ("guarantee", "transfer"):
        assert "123,456.78" in said(staff, address(name))
    for name in ("taxbill", "discrepancy"):
        assert "1,234.50" in said(staff, address(name))
    page = press(staff, "guarantee", "move_money", guarantee)
    assert "可用 123,456.78 元" in page and 'name="sure" value="提出"' in page


def test_staff_look_at_everything_in_words(client_of: Clients, cast: Cast) -> None:
    call_command("import_tariff", stdout=StringIO())
    deposit(cast.enterprises["platform"], "10.00")
    receive(cast, an_816(cast))
    attached(cast, ours("330"))
    align_many([wants(1, cast.enterprises["platform"], "30.03")])
    staff = client_of("staff")
    bill = TaxBill.objects.get()
    assert "海关税款 30.03 元，本系统计算 30.94 元" in said(staff, address("taxbill", "change", bill.pk))
    open_ones = said(staff, address("discrepancy"))
    assert "还差 20.03 元" in open_ones and "税款与本系统计算不一致" in open_ones
    align_many([wants(1, cast.enterprises["platform"], "0")])
    assert "还差 20.03 元" not in said(staff, address("discrepancy"))
    assert "还差 20.03 元" in said(staff, address("discrepancy") + "?closed=yes")
    assert "还差 20.03 元" in said(staff, address("discrepancy") + "?closed=all")
    tariff = said(staff, address("tariffline") + "?fault=no_vat&q=0501")
    assert "没有增值税率" in tariff
    assert "增加额度" in said(staff, address("transfer"))
    for name in ("guarantee", "taxrule"):
        assert said(staff, address(name))
    guarantee = Guarantee.objects.get()
    assert "10.00" in said(staff, address("guarantee", "change", guarantee.pk))


def test_the_first_page_of_staff_counts_what_differs(client_of: Clients, cast: Cast) -> None:
    align_many([wants(1, cast.enterprises["platform"], "1.00"), wants(2, cast.enterprises["platform"], "1.00")])
    assert "账务差异：2 份等待人工处理" in said(client_of("staff"), "/admin/")


def test_staff_add_a_rule_and_change_none(client_of: Clients, cast: Cast) -> None:
    staff = client_of("staff")
    rule = {
        "since": "2030-01-01", "single_limit": "6000", "annual_limit": "30000", "over": "one_item", "share": "70",
        "vat_general": "13", "vat_low": "9", "basis": "公告",
    }  # fmt: skip
    said(staff, address("taxrule", "add"), rule)
    added = TaxRule.objects.get(since=date(2030, 1, 1))
    answer = staff.post(address("taxrule", "change", added.pk), {**rule, "share": "10"})
    assert answer.status_code == 403
    added.refresh_from_db()
    assert added.share == 70


def test_a_member_of_staff_without_the_right_moves_no_money(client_of: Clients, cast: Cast) -> None:
    guarantee = deposit(cast.enterprises["platform"], "100.00")
    User.objects.filter(username="staff").update(is_superuser=False)
    viewer = User.objects.get(username="staff")
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_guarantee", "view_taxbill"]))
    staff = client_of("staff")
    money = {"sure": "1", "way": "top_up", "amount": "50.00", "voucher": "V1"}
    page = press(staff, "guarantee", "move_money", guarantee, **money)
    assert "move_money" not in page
    assert balances(guarantee)[0] == Decimal("100.00")
    assert staff.get(address("limitchange", "add")).status_code == 403
    viewer.user_permissions.add(Permission.objects.get(codename="change_guarantee"))
    press(client_of("staff"), "guarantee", "move_money", guarantee, **money)
    assert LimitChange.objects.get().proposed_by.username == "staff"
    assert balances(guarantee)[0] == Decimal("100.00")
