"""The guarantee account for finance: what is left and held, every movement led to its bill, what is open and what to do."""

import io
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from urllib.parse import unquote, urlencode

import openpyxl
import pytest
from django.urls import reverse
from lxml import html

from accounts.models import Membership
from accounts.roles import MemberRole
from ledger import guarantee
from ledger.models import Account, Discrepancy, DiscrepancyKind, Purpose
from ledger.pages import export
from ledger.window import today
from portal import paging
from tests.pages import books
from tests.pages.books import BAG, MILK, WINE, Wish

pytestmark = pytest.mark.django_db
WISHES = (
    Wish(1, days=3),
    Wish(2, ((WINE, "600.00"),), "20", days=33),
    Wish(3, ((MILK, "90.00"),), "0", days=46),
    Wish(4, days=None),
    Wish(5, days=20, guarantor="platform"),
)


@pytest.fixture
def bills(cast):
    """The bills of the wishes; the third is paid."""
    for owner in ("merchant", "platform"):
        books.give(cast, owner, "1000.00")
    found = books.bring(cast, WISHES)
    books.pay(found[2])
    return found


@pytest.fixture
def finance(client_of):
    return client_of("merchant_finance")


def shown(client, query=""):
    answer = client.get(reverse("guarantee") + query)
    assert answer.status_code == 200
    return answer.context["page"]


def test_what_is_left_and_held_adds_up_to_what_was_given(bills, cast, finance):
    page = shown(finance)
    held = bills[0].total + bills[1].total + bills[3].total
    assert page.standing.held == held and page.standing.available == Decimal("1000.00") - held
    assert {share.slug: share.amount for share in page.shares} == {
        "idle": bills[0].total, "warn": bills[1].total, "info": bills[3].total, "ok": page.standing.available
    }  # fmt: skip
    assert sum(share.amount for share in page.shares) == page.standing.total == Decimal("1000.00")
    assert round(sum(float(bar.width.rstrip("%")) for bar in page.bars)) == 100
    accounts = dict(Account.objects.filter(enterprise=cast.enterprises["merchant"]).values_list("purpose", "balance"))
    assert accounts[Purpose.AVAILABLE] == page.standing.available and accounts[Purpose.HELD] == held


def test_the_parts_are_of_what_is_really_held(bills, cast, finance):
    """A bill that the account does not carry whole counts with what is held for it."""
    before = shown(finance).standing
    (bill,) = books.bring(cast, [Wish(6, ((BAG, "8000.00"),), "0", days=2)])
    assert bill.total > before.available
    page = shown(finance)
    assert sum(share.amount for share in page.shares) == page.standing.total == before.total
    (noted,) = books.bring(cast, [Wish(7, ((MILK, "100.00"),), "0", days=2, status="2", duty_no="DN1")])
    parts = {share.slug: share.amount for share in shown(finance).shares}
    assert parts["warn"] == bills[1].total + noted.total and parts["idle"] == bills[0].total
    assert [str(share.word) for share in page.shares] == [
        "预扣，等待期",
        "预扣，待缴",
        "预扣，尚未放行或税单未到",
        "可用",
    ]
    for share in shown(finance).shares:
        if share.address:
            total = finance.get(share.address).context["page"].totals.total
            assert total == share.amount or (share.slug == "idle" and total == share.amount + bill.total)


def test_lists_customs_holds_up_are_shown_to_the_guarantor_with_what_to_do(bills, cast, finance, client_of):
    assert shown(finance).held_up is None
    Discrepancy.objects.bulk_create(
        Discrepancy(
            kind=DiscrepancyKind.HELD_UP, subject=f"list {n}", enterprise=cast.enterprises["merchant"], document_id=n,
            number=f"22162026I00000000{n}", theirs=Decimal("24.39"), opened_at=books.moment(0),
            note=f"海关答复：担保额度不足，可用0.0{n}元",
        )
        for n in (1, 2)
    )  # fmt: skip
    page = shown(finance)
    assert (page.held_up.count, page.held_up.total) == (2, Decimal("48.78")) and page.has_bad
    text = " ".join(
        html.fromstring(finance.get(reverse("guarantee")).content).xpath("//main")[0].text_content().split()
    )
    assert "海关因担保额度不足暂不放行 2 票清单，税款合计 48.78 元" in text and "没有需核对的" not in text
    for n in (1, 2):
        assert f"22162026I00000000{n}" in text and f"可用0.0{n}元" in text
    assert "以海关的余额为准，在本系统登记不改变它：请向海关增加额度，到账后海关自动放行，清单不必重报" in text
    Membership.objects.filter(user=cast.users["platform_filer"]).update(roles=[MemberRole.FINANCE])
    assert shown(client_of("platform_filer")).held_up is None


def test_every_movement_says_what_it_left_and_leads_to_its_bill(bills, finance):
    page = shown(finance)
    rows = page.movements
    assert [row.transfer.kind for row in rows] == ["settle", "hold", "hold", "hold", "hold", "top_up"]
    for newer, older in pairwise(rows):
        assert newer.available == older.available + newer.change
    assert rows[0].available == page.standing.available and rows[0].held == page.standing.held
    by_list = {bill.invt_no: reverse("tax_bill", kwargs={"pk": bill.pk}) for bill in bills}
    for row in rows[:-1]:
        assert row.bill == by_list[row.transfer.list_no]
        assert finance.get(row.bill).status_code == 200
    assert rows[-1].note.startswith("凭证 ")
    assert page.net == page.standing.available and page.count == 6


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"kind": "hold"}, {1, 2, 3, 4}),
        ({"kind": "settle"}, {3}),
        ({"kind": "nonsense"}, {1, 2, 3, 4, 0}),
        ({"q": WISHES[1].invt_no}, {2}),
        ({"q": WISHES[4].invt_no}, set()),
        ({"since": today() - timedelta(days=3), "kind": "hold"}, {1, 4}),
        ({"until": today() - timedelta(days=33), "kind": "hold"}, {2, 3}),
    ],
)
def test_it_narrows_by_kind_number_and_day_and_adds_up(query, wanted, bills, finance):
    page = shown(finance, "?" + urlencode(query))
    numbers = {wish.invt_no: wish.n for wish in WISHES} | {"": 0}
    assert {numbers[row.transfer.list_no] for row in page.movements} == wanted
    assert page.net == sum((row.change for row in page.movements), Decimal(0))
    assert page.count == len(page.movements) and page.more - page.taken == page.net
    sheet = sheet_of(finance.get(page.filter.export_address))
    assert sheet.max_row == page.count + 4
    total = [cell.value for cell in sheet[sheet.max_row]]
    assert total[0] == f"合计 {page.count}"
    assert Decimal(str(total[3])) == page.more and Decimal(str(total[4])) == page.taken


def test_the_days_of_a_period_in_the_wrong_order_are_said(bills, finance):
    first, last = today() - timedelta(days=9), today() - timedelta(days=1)
    assert not shown(finance, f"?since={first}&until={last}").filter.faults
    assert shown(finance, f"?since={last}&until={first}").filter.faults == [f"起始日 {last} 晚于截止日 {first}，请对调"]


@pytest.mark.parametrize(
    ("name", "query", "which"),
    [
        ("tax_bills_export", {"duty_no": "DN2026000007"}, "_DN2026000007"),
        ("tax_bills_export", {"tab": "due", "q": "../22"}, "_待缴_22"),
        ("guarantee_export", {"kind": "hold", "q": WISHES[1].invt_no}, f"_预扣_{WISHES[1].invt_no}"),
        ("guarantee_export", {}, ""),
    ],
)
def test_a_workbook_of_some_is_not_called_as_that_of_all(name, query, which, bills, cast, finance):
    answer = finance.get(reverse(name) + "?" + urlencode(query))
    whose = cast.enterprises["merchant"].customs_code
    assert unquote(answer["Content-Disposition"]).endswith(f"_{whose}{which}_{today():%Y%m%d}.xlsx")


def sheet_of(answer):
    assert answer.status_code == 200
    return openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).worksheets[0]


def test_the_workbook_has_the_balances_of_every_movement(bills, finance):
    page = shown(finance)
    sheet = sheet_of(finance.get(reverse("guarantee_export")))
    rows = list(sheet.iter_rows(min_row=4, max_row=sheet.max_row - 1))
    for row, told in zip(rows, page.movements, strict=True):
        assert (row[2].value or "") == told.transfer.list_no and row[2].data_type in ("s", "n")
        assert Decimal(str(row[5].value)) == told.available
        change = Decimal(str(row[3].value or 0)) - Decimal(str(row[4].value or 0))
        assert change == told.change
    assert {row[2].data_type for row in rows if row[2].value} == {"s"}


def test_too_many_movements_are_said_with_the_cure(bills, finance, monkeypatch):
    monkeypatch.setattr(export, "MOST_BILLS", 2)
    answer = finance.get(reverse("guarantee_export") + "?kind=hold", follow=True)
    assert answer.redirect_chain == [(reverse("guarantee") + "?kind=hold", 302)]
    assert "请按日期分段导出" in answer.content.decode()


def test_it_turns_pages_by_key(bills, finance, monkeypatch):
    whole = [row.transfer.pk for row in shown(finance).movements]
    monkeypatch.setattr(paging, "ROWS", 2)
    found, page = [], shown(finance)
    while True:
        found += [row.transfer.pk for row in page.movements]
        assert page.count == len(whole)
        if not page.older:
            break
        page = shown(finance, page.older.partition("guarantee/")[2])
    assert found == whole
    assert [row.transfer.pk for row in shown(finance, page.newer.partition("guarantee/")[2]).movements] == whole[2:4]


def test_a_hold_that_does_not_fit_is_said_with_what_is_missing_and_goes_when_it_fits(bills, cast, finance):
    big = Wish(6, ((BAG, "8000.00"),), "0", days=1)
    (bill,) = books.bring(cast, [big])
    page = shown(finance)
    (point,) = page.open
    assert point.tone == "bad" and page.has_bad and point.number == big.invt_no
    assert point.amounts == [("应预扣", bill.total), ("可用", page.standing.available)]
    assert "请向海关增加额度" in point.action
    text = finance.get(reverse("guarantee")).content.decode()
    assert big.invt_no in text and "补扣" in text
    own = cast.enterprises["merchant"].guarantee
    guarantee.top_up(guarantee=own, amount=Decimal("2000.00"), voucher="ICBC-7", user=None, at=books.moment(0))
    page = shown(finance)
    assert page.open == [] and page.movements[0].transfer.list_no == big.invt_no
    assert page.movements[1].note == "凭证 ICBC-7" and page.movements[1].change == Decimal("2000.00")
    assert "没有需核对的，账目与海关已发来的回执和税单一致" in finance.get(reverse("guarantee")).content.decode()


def test_little_left_is_said_with_what_to_do(bills, cast, finance):
    assert not shown(finance).standing.is_low
    own = cast.enterprises["merchant"].guarantee
    left = shown(finance).standing.available
    guarantee.reduce(guarantee=own, amount=left - Decimal("10.00"), voucher="R-1", user=None, at=books.moment(0))
    page = shown(finance)
    assert page.standing.is_low and page.movements[0].transfer.kind == "reduce"
    text = finance.get(reverse("guarantee")).content.decode()
    assert f"可用只剩 {page.standing.percent_left}%" in text and "余额不够时新的清单不能放行" in text


def test_each_guarantor_sees_its_own_movements_only(bills, cast, client_of):
    for username, own in (("platform_filer", {WISHES[4].invt_no}), ("neighbour_filer", set())):
        Membership.objects.filter(user=cast.users[username]).update(roles=[MemberRole.FINANCE])
        client = client_of(username)
        assert {row.transfer.list_no for row in shown(client).movements} - {""} == own
        assert shown(client).open == []
        text = client.get(reverse("guarantee") + f"?q={WISHES[0].invt_no}").content.decode()
        assert bills[0].tax_no not in text and text.count(WISHES[0].invt_no) <= 3  # what was asked for, nothing found
        cells = [cell.value for row in sheet_of(client.get(reverse("guarantee_export"))) for cell in row]
        assert {cell for cell in cells if cell in {wish.invt_no for wish in WISHES}} == own


def test_without_a_guarantee_it_says_how_to_come_to_one(cast, finance):
    page = html.fromstring(finance.get(reverse("guarantee")).content)
    text = page.xpath("//main")[0].text_content()
    assert "还没有登记担保" in text and "服务热线" in text


def test_many_open_points_fold_behind_the_first(bills, cast, finance):
    books.bring(cast, [Wish(n, days=2, more_vat="0.01") for n in range(20, 27)])
    page = html.fromstring(finance.get(reverse("guarantee")).content)
    listed = page.xpath("//ul[@class='open-points'][not(ancestor::details)]/li")
    folded = page.xpath("//details//ul[@class='open-points']/li")
    # The differences are the declarant's; the guarantor is told of what its account lacks.
    assert len(listed) <= 4 and len(listed) + len(folded) == shown(finance).open_count
