"""Tax bills for finance: found by any number and period, added up right, exported as filtered, seen by whom they concern."""

import io
from datetime import timedelta
from decimal import Decimal
from urllib.parse import unquote, urlencode

import openpyxl
import pytest
from django.urls import reverse
from django.utils import timezone
from lxml import html

from ledger.models import BillState, TaxBill
from ledger.pages import export
from ledger.window import Window, today
from portal import paging
from portal.calendar import SHANGHAI
from tests.pages import books
from tests.pages.books import BAG, CREAM, MILK, WINE, Wish
from tests.pages.test_markup import assert_alive, assert_named, assert_nothing_inline

pytestmark = pytest.mark.django_db

#: One of each: every phase of the days, every state, every tax, a difference, a list of three goods, no release yet.
WISHES = (
    Wish(1, days=0),
    Wish(2, ((CREAM, "425.00"),), "0", days=5),
    Wish(3, ((WINE, "600.00"),), "20", days=30),
    Wish(4, ((BAG, "4500.00"),), "0", days=31),
    Wish(5, ((MILK, "99.00"), (CREAM, "120.00"), (WINE, "88.00")), "12", days=40, more_vat="0.02"),
    Wish(6, days=43, status="2", duty_no="DN2026000007"),
    Wish(7, days=45, status="2", duty_no="DN2026000007"),
    Wish(8, days=46),
    Wish(9, days=33, status="3"),
    Wish(10, days=None),
    Wish(11, days=60, own=False),
    Wish(12, days=8, guarantor="platform"),
    Wish(13, days=9, declarant="neighbour", merchant="neighbour", guarantor="neighbour"),
)
#: Those on which the merchant stands.
SEEN = {wish.n for wish in WISHES} - {13}


@pytest.fixture
def brought(cast):
    """The bills of the wishes, by number of the wish; the last of them is paid."""
    for owner in ("merchant", "neighbour", "platform"):
        books.give(cast, owner)
    found = books.bring(cast, WISHES)
    books.pay(found[10])
    return {wish.n: TaxBill.objects.get(tax_no=wish.tax_no) for wish in WISHES}


@pytest.fixture
def finance(client_of):
    """The merchant's finance at a browser."""
    return client_of("merchant_finance")


def numbers(page, brought):
    """The wishes a page of the list shows."""
    by_pk = {bill.pk: n for n, bill in brought.items()}
    return [by_pk[row.bill.pk] for row in page.rows]


def listed(client, query=""):
    """The list under a query."""
    answer = client.get(reverse("tax_bills") + query)
    assert answer.status_code == 200
    return answer.context["page"]


def day(days):
    return today() - timedelta(days=days)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, SEEN),
        ({"tab": "due"}, {4, 5, 6, 7, 8}),
        ({"tab": "made"}, {1, 2, 3, 4, 5, 8, 10, 12}),
        ({"tab": "consolidated"}, {6, 7}),
        ({"tab": "paid"}, {11}),
        ({"tab": "void"}, {9}),
        ({"tab": "differs"}, {5}),
        ({"q": "DN20260"}, {6, 7}),
        ({"duty_no": "DN2026000007"}, {6, 7}),
        ({"duty_no": "DN20260"}, set()),
        ({"q": WISHES[2].invt_no}, {3}),
        ({"q": f" {WISHES[2].tax_no} "}, {3}),
        ({"q": "FN2026ORDER000004"}, {4}),
        ({"q": WISHES[11].logistics_no}, {12}),
        ({"q": "ORDER000004"}, set()),
        ({"q": WISHES[12].invt_no}, set()),
        ({"since": day(31), "until": day(5)}, {2, 3, 4, 12}),
        ({"since": day(0)}, {1}),
        ({"until": day(46)}, {8, 11}),
        ({"by": "billed", "since": day(0)}, {1, 10}),
        ({"district": "2216"}, {n for n in SEEN if n % 3 == 1}),
        ({"district": "9999"}, set()),
        ({"as": "guarantor"}, SEEN - {12}),
        ({"as": "merchant"}, SEEN),
        ({"as": "declarant"}, set()),
        ({"as": "guarantor", "district": "2233", "tab": "due"}, {5, 8}),
        ({"phase": "waiting", "tab": "made"}, {1, 2, 3, 12}),
        ({"phase": "open,closing", "tab": "due"}, {4, 5, 6, 7}),
        ({"phase": "overdue,none", "tab": "due"}, {8}),
        ({"phase": "unreleased"}, {10}),
        ({"phase": "none"}, SEEN),
    ],
)
def test_it_finds_and_adds_up_what_the_filter_says(query, wanted, brought, finance):
    asked = "?" + urlencode(query)
    page = listed(finance, asked)
    assert set(numbers(page, brought)) == wanted
    paid_by_somebody = wanted if query.get("tab") == "void" else wanted - {9}
    for name in ("duty", "consumption", "vat", "total"):
        assert getattr(page.totals, name) == sum((getattr(brought[n], name) for n in paid_by_somebody), Decimal(0)), (
            name
        )
    assert page.totals.count == len(paid_by_somebody) and page.totals.rows == len(wanted)
    for tab in page.tabs:
        assert listed(finance, tab.address.partition("tax-bills/")[2]).totals.rows == tab.count, tab.label


def test_void_bills_are_listed_and_left_out_of_every_sum_which_is_said(brought, finance):
    answer = finance.get(reverse("tax_bills") + "?as=guarantor")
    page, schedule = answer.context["page"], answer.context["schedule"]
    void = brought[9]
    assert 9 in numbers(page, brought) and (page.totals.void, page.totals.void_total) == (1, void.total)
    assert f"另有作废 1 张 {void.total}，不计" in answer.content.decode()
    left = page.totals.total - brought[11].total  # paid
    assert left == sum((amount.total for amount in schedule.phases.values()), Decimal(0))
    sheet = sheet_of(finance.get(page.filter.export_address))
    places = {cell.value: place for place, cell in enumerate(sheet[3])}
    total, apart = ([cell.value for cell in sheet[number]] for number in (sheet.max_row - 1, sheet.max_row))
    assert total[0] == f"合计 {page.totals.count}" and apart[0] == "另有作废 1，不计入合计"
    assert Decimal(str(total[places["税款合计"]])) == page.totals.total
    assert Decimal(str(apart[places["税款合计"]])) == void.total
    alone = listed(finance, "?tab=void")
    assert (alone.totals.count, alone.totals.total, alone.totals.void) == (1, void.total, 0)
    sheet = sheet_of(finance.get(alone.filter.export_address))
    assert sheet.cell(sheet.max_row, 1).value == "合计 1"


def test_what_is_due_comes_by_its_last_day(brought, finance):
    assert numbers(listed(finance, "?tab=due"), brought) == [8, 7, 6, 5, 4]
    assert numbers(listed(finance), brought) == sorted(SEEN, key=lambda n: -brought[n].pk)


def test_it_says_until_when_it_must_be_paid(brought, finance):
    rows = {row.bill.pk: row for row in listed(finance).rows}

    def said(n):
        one = rows[brought[n].pk].deadline
        return one.text, one.tone

    assert said(8) == ("逾期 1 日", "bad")
    assert said(7) == ("今日", "warn")
    assert said(6)[1] == "warn" and said(5)[1] == ""
    assert said(2)[0].endswith(f"{Window(brought[2].released_on).closes:%m-%d}")
    assert said(9) == said(10) == ("", "")
    assert said(11)[0].endswith("缴")


def test_the_days_add_up_to_what_is_guaranteed_and_not_settled(brought, finance):
    schedule = finance.get(reverse("tax_bills")).context["schedule"]
    own = {n: brought[n].total for n in SEEN - {12}}
    assert schedule.waiting.total == own[1] + own[2] + own[3]
    assert schedule.open.total == own[4] + own[5]
    assert schedule.closing.total == own[6] + own[7]
    assert schedule.overdue.total == own[8]
    assert schedule.unreleased.total == own[10]
    assert schedule.last_today.count == 1
    assert {one.number: one.amount.total for one in schedule.listed} == {
        0: own[1], 5: own[2], 30: own[3], 31: own[4], 40: own[5], 43: own[6], 45: own[7]
    }  # fmt: skip
    assert max(one.height for one in schedule.days) == schedule.height
    for figure in (*schedule.phases.values(), schedule.payable):
        found = listed(finance, figure.address.partition("tax-bills/")[2]).totals
        assert (found.rows, found.total) == (figure.count, figure.total), figure.address
    for month in schedule.months:
        found = listed(finance, month.amount.address.partition("tax-bills/")[2]).totals
        assert (found.count, found.total) == (month.amount.count, month.amount.total)
    months = {month.name: month.amount for month in schedule.months}
    released = [brought[n] for n in SEEN - {9, 10, 12}]
    assert sum(one.total for one in months.values()) == sum(bill.total for bill in released)
    assert set(months) == {f"{bill.released_on:%Y-%m}" for bill in released}


def test_a_bill_with_a_payment_note_is_to_be_paid_whatever_day_it_is(cast, finance):
    """Two bills of one note, gathered long before day 31; one of another, void meanwhile; one that waits as ever."""
    books.give(cast, "merchant")
    early, second, void, waits = books.bring(
        cast,
        [
            Wish(1, days=2, status="2", duty_no="DN1"),
            Wish(2, days=4, status="2", duty_no="DN1"),
            Wish(3, days=3, status="3", duty_no="DN1"),
            Wish(4, days=4),
        ],
    )
    total, closes = early.total + second.total, Window(second.released_on).closes
    answer = finance.get(reverse("tax_bills"))
    schedule = answer.context["schedule"]
    assert (
        (schedule.payable.count, schedule.payable.total) == (2, total) == (schedule.early.count, schedule.early.total)
    )
    assert (schedule.waiting.count, schedule.waiting.total) == (1, waits.total)
    for figure in (schedule.payable, schedule.open, schedule.waiting):
        found = listed(finance, figure.address.partition("tax-bills/")[2]).totals
        assert (found.count, found.total) == (figure.count, figure.total)
    due = listed(finance, "?tab=due")
    assert [row.bill.pk for row in due.rows] == [second.pk, early.pk]
    assert {tab.label: tab.count for tab in due.tabs}["待缴"] == 2
    (note,) = answer.context["notes"]
    assert (note.number, note.left.total, note.closes, note.is_ours) == ("DN1", total, closes, True)
    page = html.fromstring(finance.get(note.address).content)
    said = " ".join(page.xpath("//section[@aria-labelledby='note']")[0].text_content().split())
    assert page.xpath("string(//h1)") == "缴款书 DN1" and finance.get(note.address).context["schedule"] is None
    for words in (
        f"¥ {total}",
        f"另有作废 1 张 {void.total}，不计",
        f"按缴款书缴纳，{closes} 截止",
        "本企业",
    ):
        assert words in said, words
    assert {row.bill.pk for row in listed(finance, note.address.partition("tax-bills/")[2]).rows} == {
        early.pk, second.pk, void.pk
    }  # fmt: skip


def zone_of_open(finance):
    """What the strip of days says beside the sum that may be paid."""
    page = html.fromstring(finance.get(reverse("tax_bills")).content)
    return page.xpath("string(//ul[@class='zones']/li[@class='open']/small)")


def test_the_strip_gives_days_of_release_only_of_what_is_to_be_paid_by_its_day(cast, finance):
    """What has a note early is none of these days; and a month tells unpaid what waits as well as what is due."""
    books.give(cast, "merchant")
    (early,) = books.bring(cast, [Wish(1, days=2, status="2", duty_no="DN1")])
    by_note = f"缴款书已出 1 张 {early.total}"
    assert zone_of_open(finance) == by_note
    books.bring(cast, [Wish(2, days=31)])
    said = zone_of_open(finance)
    assert said.startswith("放行 ") and said.endswith(f"；{by_note}")
    books.pay(early)
    assert zone_of_open(finance) == said.removesuffix(f"；{by_note}")


def test_a_month_names_unpaid_what_is_not_paid_and_not_what_is_to_be_paid_now(cast, finance):
    books.give(cast, "merchant")
    books.bring(cast, [Wish(1, days=1, status="2", duty_no="DN1"), Wish(2, days=1)])
    (month,) = finance.get(reverse("tax_bills")).context["schedule"].months
    assert (month.unpaid.count, month.word) == (2, "未缴 2 张")


def test_a_payment_note_says_what_is_left_of_it_and_when_it_was_paid(cast, finance, client_of):
    books.give(cast, "merchant")
    first, second = books.bring(cast, [Wish(n, days=40, status="2", duty_no="DN1") for n in (1, 2)])
    books.pay(first)
    note = listed(finance, "?duty_no=DN1").note
    assert (note.all.total, note.left.total) == (first.total + second.total, second.total)
    declarant = client_of("warehouse_filer").get(reverse("tax_bills") + "?duty_no=DN1")
    assert declarant.context["page"].note.is_ours is False and "缴款书由担保企业缴纳" in declarant.content.decode()
    books.pay(second)
    page = finance.get(reverse("tax_bills") + "?duty_no=DN1")
    assert page.context["page"].note.left.count == 0 and page.context["page"].note.paid_on == today()
    assert page.context["notes"] == [] and listed(finance, "?duty_no=DN2").note is None
    assert "没有符合“缴款书 DN2”的税单" in finance.get(reverse("tax_bills") + "?duty_no=DN2").content.decode()


@pytest.mark.parametrize(
    ("status", "head", "said"), [("2", "应缴", set()), ("paid", "缴款书", {"已缴"}), ("3", "缴款书", {"作废"})]
)
def test_a_payment_note_says_paid_only_of_what_was_paid(status, head, said, cast, finance):
    """One whose bills are all void asks for nothing, and was never paid."""
    books.give(cast, "merchant")
    (bill,) = books.bring(cast, [Wish(1, days=40, status="3" if status == "3" else "2", duty_no="DN1")])
    if status == "paid":
        books.pay(bill)
    page = html.fromstring(finance.get(reverse("tax_bills") + "?duty_no=DN1").content)
    (card,) = page.xpath("//section[@aria-labelledby='note']/header")
    assert card.xpath("string(h2)") == head and {one.text_content() for one in card.xpath("span")} == said


def test_a_note_of_a_list_whose_release_is_not_known_is_due_and_comes_last(cast, finance):
    books.give(cast, "merchant")
    lost, late = books.bring(cast, [Wish(1, days=None, status="2", duty_no="DN1"), Wish(2, days=44)])
    assert [row.bill.pk for row in listed(finance, "?tab=due").rows] == [late.pk, lost.pk]
    note = listed(finance, "?duty_no=DN1").note
    schedule = finance.get(reverse("tax_bills")).context["schedule"]
    assert note.closes is None and (schedule.payable.count, schedule.open.count, schedule.closing.count) == (2, 1, 1)
    for figure, wanted in ((schedule.payable, [late, lost]), (schedule.open, [lost]), (schedule.closing, [late])):
        assert [row.bill for row in listed(finance, figure.address.partition("tax-bills/")[2]).rows] == wanted


def test_a_month_tells_paid_and_unpaid_apart(brought, finance):
    months = finance.get(reverse("tax_bills")).context["schedule"].months
    for month in months:
        own = [
            one for n, one in brought.items() if n not in (9, 10, 12, 13) and f"{one.released_on:%Y-%m}" == month.name
        ]
        paid = [one for one in own if one.state == BillState.PAID]
        assert (month.paid.count, month.paid.total) == (len(paid), sum((one.total for one in paid), Decimal(0)))
        assert (month.unpaid.count, month.paid.total + month.unpaid.total) == (len(own) - len(paid), month.amount.total)


@pytest.mark.parametrize(
    ("query", "period"),
    [
        ("", f"{today():%Y%m%d}"),
        ("?since=2026-11-01&until=2026-11-30", "202611"),
        ("?since=2024-02-01&until=2024-02-29", "202402"),
        ("?since=2026-11-01&until=2026-11-15", "20261101-20261115"),
        ("?since=2026-11-01", f"20261101-{today():%Y%m%d}"),
        ("?until=2026-11-15", "20261115"),
    ],
)
def test_a_workbook_is_called_by_what_whose_and_of_when(query, period, brought, cast, finance):
    own = cast.enterprises["merchant"].customs_code
    for name, title in (("tax_bills_export", "电子税单"), ("guarantee_export", "担保金变动")):
        answer = finance.get(reverse(name) + query)
        assert unquote(answer["Content-Disposition"]).endswith(f"{title}_{own}_{period}.xlsx")


def test_who_pays_nothing_is_told_who_does(brought, client_of):
    answer = client_of("warehouse_filer").get(reverse("tax_bills"))
    assert answer.context["schedule"] is None
    assert "由担保企业在放行后第 31 至 45 日汇总缴纳" in answer.content.decode()


def sheet_of(answer):
    """The rows of a workbook that was sent."""
    assert answer.status_code == 200 and answer["Content-Disposition"].startswith("attachment")
    book = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    return book.worksheets[0]


@pytest.mark.parametrize("query", [{}, {"tab": "due"}, {"q": "FN2026", "district": "2218"}, {"tab": "differs"}])
def test_the_workbook_is_the_list_as_filtered(query, brought, finance):
    asked = "?" + urlencode(query)
    page = listed(finance, asked)
    sheet = sheet_of(finance.get(page.filter.export_address))
    heads = [cell.value for cell in sheet[3]]
    end = sheet.max_row - bool(page.totals.void)
    rows = list(sheet.iter_rows(min_row=4, max_row=end - 1))
    assert [row[0].value for row in rows] == [row.bill.tax_no for row in page.rows]
    for row in rows:
        bill = TaxBill.objects.get(tax_no=row[0].value)
        for head, value in (
            ("清单编号", bill.invt_no),
            ("订单编号", bill.order_no),
            ("担保企业代码", bill.assure_code),
        ):
            cell = row[heads.index(head)]
            assert (cell.data_type, cell.value) == ("s", value), head
        for head, value in (
            ("关税", bill.duty),
            ("消费税", bill.consumption),
            ("增值税", bill.vat),
            ("税款合计", bill.total),
        ):
            cell = row[heads.index(head)]
            assert cell.data_type == "n" and Decimal(str(cell.value)) == value and cell.number_format == "#,##0.00"
    last = {head: cell.value for head, cell in zip(heads, sheet[end], strict=True)}
    assert last["电子税单编号"] == f"合计 {page.totals.count}"
    assert Decimal(str(last["税款合计"])) == page.totals.total
    assert Decimal(str(last["消费税"])) == page.totals.consumption


def test_the_workbook_tells_names_days_and_differences(brought, finance):
    sheet = sheet_of(finance.get(reverse("tax_bills_export")))
    heads = [cell.value for cell in sheet[3]]
    rows = {row[0]: dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(min_row=4, values_only=True)}
    due, differing, paid = (rows[brought[n].tax_no] for n in (7, 5, 11))
    window = Window(brought[7].released_on)
    assert (due["可缴纳起"].date(), due["缴纳截止"].date()) == (window.opens, window.closes)
    assert (due["状态"], due["海关状态代码"], due["缴款书编号"]) == ("已汇总", "2", "DN2026000007")
    assert due["担保企业"] == "上海栗光屿国际贸易有限公司"
    assert due["与海关差额"] is None and Decimal(str(differing["与海关差额"])) == Decimal("0.02")
    assert paid["缴款凭证"] == "PZ-1" and paid["缴纳截止"] is None
    assert "2026" in sheet["A1"].value and "上海栗光屿国际贸易有限公司" in sheet["A1"].value


def test_text_that_looks_like_a_formula_stays_text(brought, finance):
    later = {"fingerprint": "later", "billed_at": brought[1].billed_at + timedelta(seconds=1)}
    TaxBill.objects.filter(pk=brought[1].pk).update(order_no="=1+1", logistics_no="012345678901234567", **later)
    sheet = sheet_of(finance.get(reverse("tax_bills_export") + f"?q={brought[1].tax_no}"))
    row = [(cell.data_type, cell.value) for cell in sheet[4]]
    assert ("s", "=1+1") in row and ("s", "012345678901234567") in row


def test_too_many_for_one_workbook_is_said_with_the_cure(brought, finance, monkeypatch):
    monkeypatch.setattr(export, "MOST_BILLS", 3)
    answer = finance.get(reverse("tax_bills_export") + "?tab=due", follow=True)
    assert answer.redirect_chain == [(reverse("tax_bills") + "?tab=due", 302)]
    assert "请按放行日或税单日分段导出" in answer.content.decode()
    assert sheet_of(finance.get(reverse("tax_bills_export") + "?tab=consolidated"))


@pytest.mark.parametrize("tab", ["", "due"])
def test_it_turns_pages_by_key_both_ways(tab, brought, finance, monkeypatch):
    whole = numbers(listed(finance, f"?tab={tab}"), brought)
    monkeypatch.setattr(paging, "ROWS", 2)
    found, pages = [], [listed(finance, f"?tab={tab}")]
    while pages[-1].older:
        pages.append(listed(finance, pages[-1].older.partition("tax-bills/")[2]))
    for page in pages:
        found += numbers(page, brought)
        assert page.totals.rows == len(whole)
    assert found == whole and len(pages) == -(-len(whole) // 2)
    back = listed(finance, pages[-1].newer.partition("tax-bills/")[2])
    assert numbers(back, brought) == numbers(pages[-2], brought)


def test_guarantor_merchant_and_declarant_see_a_bill_and_nobody_else(cast, client_of):
    for owner in ("merchant", "platform"):
        books.give(cast, owner)
    wish = Wish(1, declarant="direct_logistics", merchant="merchant", guarantor="platform")
    (bill,) = books.bring(cast, [wish])
    address = reverse("tax_bill", kwargs={"pk": bill.pk})
    for username in ("merchant_finance", "merchant_viewer", "platform_filer", "direct_logistics_filer"):
        answer = client_of(username).get(address)
        assert answer.status_code == 200 and bill.order_no in answer.content.decode(), username
        assert [row.bill for row in listed(client_of(username)).rows] == [bill], username
    for username in ("neighbour_filer", "warehouse_filer"):
        answer = client_of(username).get(address)
        assert answer.status_code == 404 and bill.tax_no not in answer.content.decode()
        assert listed(client_of(username), f"?q={bill.tax_no}").rows == []
        assert sheet_of(client_of(username).get(reverse("tax_bills_export"))).max_row == 4
    for username in ("payment_filer", "bonded_logistics_filer", "venue_filer", "merchant_developer"):
        for name in ("tax_bills", "tax_bills_export", "guarantee", "guarantee_export"):
            assert client_of(username).get(reverse(name)).status_code == 403
        assert client_of(username).get(address).status_code == 403
    assert client_of("merchant_filer").get(reverse("guarantee")).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "tab=none", "before=x", "after=-1", "before=" + "9" * 30, "since=2025-02-30", "until=abc", "q=%27%5C",
        "district=x", "as=x", "by=x", "since=9999-12-31&until=0001-01-01", "until=9999-12-31", "tab=due&after=" + "9" * 18,
        "kind=x", "district=²", "phase=,x",
    ],
)  # fmt: skip
def test_it_never_breaks_on_a_strange_address(query, brought, finance):
    for name in ("tax_bills", "tax_bills_export", "guarantee", "guarantee_export"):
        answer = finance.get(f"{reverse(name)}?{query}")
        assert answer.status_code == 200, name
        if answer.streaming:
            assert b"".join(answer.streaming_content)


def test_a_day_that_is_none_is_said(brought, finance):
    page = listed(finance, "?since=2025-02-30")
    assert page.filter.faults and "2025-02-30" in page.filter.faults[0] and len(page.rows) == len(SEEN)
    page = listed(finance, f"?since={day(1)}&until={day(9)}")
    assert page.filter.faults and page.rows == []


def test_it_costs_the_same_queries_for_few_and_for_many(cast, finance, django_assert_max_num_queries):
    books.give(cast, "merchant")
    bills = books.bring(cast, [Wish(1), Wish(2, days=33), Wish(3, days=44, guarantor="platform")])
    addresses = [
        reverse("tax_bills"),
        reverse("tax_bills") + "?tab=due",
        reverse("tax_bills_export"),
        reverse("tax_bill", kwargs={"pk": bills[0].pk}),
        reverse("guarantee"),
        reverse("guarantee_export"),
    ]
    counts = {}
    for address in addresses:
        finance.get(address)
        with django_assert_max_num_queries(24) as asked:
            answer = finance.get(address)
            if answer.streaming:
                b"".join(answer.streaming_content)
        counts[address] = len(asked.captured_queries)
    books.bring(cast, [Wish(n, ((MILK, "30.00"),), days=n % 60) for n in range(10, 60)])
    for address in addresses:
        with django_assert_max_num_queries(counts[address]):
            finance.get(address)


def test_it_says_how_it_begins_when_there_is_none(cast, finance):
    page = finance.get(reverse("tax_bills")).content.decode()
    assert "还没有税单" in page and "导出" not in page
    assert "没有符合" in finance.get(reverse("tax_bills") + "?q=nothing").content.decode()
    assert "第 31 日，进入这一栏" in finance.get(reverse("tax_bills") + "?tab=due").content.decode()
    assert sheet_of(finance.get(reverse("tax_bills_export"))).max_row == 4
    assert "还没有登记担保" in finance.get(reverse("guarantee")).content.decode()
    assert sheet_of(finance.get(reverse("guarantee_export"))).max_row == 4


def test_five_thousand_bills_are_listed_added_up_and_exported(cast, finance):
    books.give(cast, "merchant", "900000.00")
    goods = ((MILK, "320.00"),), ((CREAM, "425.00"),), ((WINE, "600.00"),)
    bills = books.bring(cast, [Wish(n, goods[n % 3], days=n % 70) for n in range(1, 5001)])
    begun = timezone.now()
    page = listed(finance)
    assert len(page.rows) == paging.ROWS and page.older
    assert page.totals.count == 5000
    assert page.totals.total == sum(bill.total for bill in bills)
    assert timezone.now() - begun < timedelta(seconds=3)
    sheet = sheet_of(finance.get(reverse("tax_bills_export")))
    assert sheet.max_row == 5000 + 4
    assert Decimal(str(sheet.cell(sheet.max_row, 11).value)) == page.totals.total


@pytest.mark.parametrize("query", ["", "?tab=due", "?q=nothing", "?tab=void&since=x", "?tab=differs"])
def test_its_markup_is_sound(query, brought, finance):
    addresses = [reverse("tax_bills") + query, reverse("guarantee") + query]
    for address in addresses + [reverse("tax_bill", kwargs={"pk": bill.pk}) for bill in brought.values()][:11]:
        if not query or address in addresses:
            page = html.fromstring(finance.get(address).content)
            assert_nothing_inline(page, address)
            assert_named(page, address)
            assert_alive(page, address)


def test_htmx_gets_the_part_that_changes(brought, finance):
    part = finance.get(reverse("tax_bills") + "?tab=due", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and brought[8].tax_no in part
    part = finance.get(reverse("guarantee") + "?kind=hold", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and brought[8].invt_no in part


def test_paid_and_void_bills_are_not_asked_for(brought, finance):
    assert TaxBill.objects.get(pk=brought[11].pk).state == BillState.PAID
    page = finance.get(reverse("tax_bill", kwargs={"pk": brought[11].pk})).content.decode()
    assert "已缴纳，预扣的税款已返还担保金" in page and "PZ-1" in page
    page = finance.get(reverse("tax_bill", kwargs={"pk": brought[9].pk})).content.decode()
    assert "已作废，不必缴纳" in page


def test_days_are_those_of_shanghai():
    assert today() == timezone.now().astimezone(SHANGHAI).date()
