"""The desk of staff over the books, through its pages: money in and out, taxes paid outside, everything to look at."""

from collections.abc import Callable
from datetime import date
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
from ledger.guarantee import align_many
from ledger.models import BillState, Guarantee, TaxBill, TaxRule
from tests.ledger.books import balances, deposit, held, wants
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


def test_staff_open_a_guarantee_with_its_first_money(client_of: Clients, cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    align_many([wants(1, platform, "40.00")])
    form = {"enterprise": platform.pk, "kind": "letter", "number": "BH-2025-1", "amount": "100.00"}
    assert "BH-2025-1" in said(client_of("staff"), address("guarantee", "add"), form)
    guarantee = Guarantee.objects.get()
    assert (guarantee.enterprise, guarantee.kind) == (platform, "letter")
    assert balances(guarantee) == (Decimal("60.00"), Decimal("40.00"), Decimal("-100.00"))
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))[-2:] == [
        "guarantee_top_up",
        "staff_add",
    ]
    again = said(client_of("staff"), address("guarantee", "add"), {**form, "number": "BH-2"})
    assert "已存在" in again
    assert Guarantee.objects.count() == 1


@pytest.mark.parametrize("amount", ["0", "-5", "1.001", "x", "", "1e99", "NaN", "1000000000.01"])
def test_an_amount_that_is_none_is_refused_at_its_field(client_of: Clients, cast: Cast, amount: str) -> None:
    form = {"enterprise": cast.enterprises["platform"].pk, "kind": "deposit", "number": "B", "amount": amount}
    assert "errorlist" in said(client_of("staff"), address("guarantee", "add"), form)
    guarantee = deposit(cast.enterprises["merchant"])
    money = {"sure": "1", "way": "top_up", "amount": amount, "voucher": "V"}
    assert "errorlist" in press(client_of("staff"), "guarantee", "move_money", guarantee, **money)
    assert Guarantee.objects.count() == 1
    assert balances(guarantee)[0] == Decimal("1000.00")


def test_staff_move_money_and_are_told_what_is_left(client_of: Clients, cast: Cast) -> None:
    guarantee, staff = deposit(cast.enterprises["platform"], "100.00"), client_of("staff")
    assert "可用 100.00 元，预扣 0.00 元" in press(staff, "guarantee", "move_money", guarantee)
    money = {"sure": "1", "way": "top_up", "amount": "50.00", "voucher": "V1"}
    for _time in range(2):
        assert "已记账，可用余额 150.00 元" in press(staff, "guarantee", "move_money", guarantee, **money)
    assert "凭证 V1 已经记账 50.00 元" in press(
        staff, "guarantee", "move_money", guarantee, **money | {"amount": "60.00"}
    )
    out = {"sure": "1", "way": "reduce", "amount": "150.01", "voucher": "V2"}
    assert "可用余额只有 150.00 元" in press(staff, "guarantee", "move_money", guarantee, **out)
    assert "可用余额 0.00 元" in press(staff, "guarantee", "move_money", guarantee, **out | {"amount": "150.00"})
    assert balances(guarantee) == (Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))
    assert "请只选一个担保" in press(
        staff, "guarantee", "move_money", guarantee, deposit(cast.enterprises["merchant"], number="B")
    )


def test_staff_confirm_a_payment_and_the_hold_is_given_back(client_of: Clients, cast: Cast) -> None:
    deposit(cast.enterprises["platform"], "100.00")
    receive(cast, an_816(cast), an_818("2", 60, "JKS1"))
    attached(cast, ours())
    align_many([wants(1, cast.enterprises["platform"], "30.03")])
    bill, staff = TaxBill.objects.get(), client_of("staff")
    assert f"{bill.tax_no} · 已汇总 · 30.03" in press(staff, "taxbill", "confirm", bill)
    paid = {"sure": "1", "paid_on": "2025-07-10", "voucher": "PZ1"}
    assert "在将来" in press(staff, "taxbill", "confirm", bill, **paid | {"paid_on": "9998-01-01"})
    assert "errorlist" in press(staff, "taxbill", "confirm", bill, **paid | {"paid_on": "yesterday"})
    assert "已确认 1 份税单缴款" in press(staff, "taxbill", "confirm", bill, **paid)
    assert "已确认 0 份税单缴款" in press(staff, "taxbill", "confirm", bill, **paid)
    bill.refresh_from_db()
    assert (bill.state, bill.paid_on, held()) == (BillState.PAID, date(2025, 7, 10), {})
    assert [verdict for verdict in audit() if verdict.broken] == []


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
    assert staff.get(address("guarantee", "add")).status_code == 403
    viewer.user_permissions.add(Permission.objects.get(codename="change_guarantee"))
    press(client_of("staff"), "guarantee", "move_money", guarantee, **money)
    assert balances(guarantee)[0] == Decimal("150.00")
