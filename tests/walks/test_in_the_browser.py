"""Four clerks at the browser take their documents of one trade to release, in the real portal before the pretended
customs, and a fifth person finds, understands and exports its tax bill.

Those who come early wait for the others and go on by themselves; what was wrong is corrected where it was found.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect, sync_playwright

from accounts.cast import ENTERPRISES
from declarations.demo.trades import Parties, Party, Trade, trades
from declarations.doors.excel import workbook_of
from declarations.kinds import kind
from portal.calendar import SHANGHAI
from tests.conftest import Stack
from tests.pages.canaries import load_people
from tests.walks.browser import CHROMIUM, PATIENCE, QUIETLY, Clerk, clerk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="CHROMIUM IS NOT INSTALLED: NO PAGE WAS WALKED IN A BROWSER"),
]

PHONE, DESK = 375, 1440


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The distribution's browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIETLY))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def portal(stack: Stack) -> Stack:
    """The running portal with its people."""
    load_people(stack)
    return stack


@pytest.fixture(scope="module")
def parcels() -> list[Trade]:
    """Five trades of this very minute; the first and the last have two goods each."""
    party = {key: Party(customs_code, name) for key, (name, _credit, customs_code, *_more) in ENTERPRISES.items()}
    parties = Parties(
        platform=party["platform"],
        merchant=party["merchant"],
        payment=party["payment"],
        logistics=party["bonded_logistics"],
        warehouse=party["warehouse"],
    )
    paid_at = timezone.now().astimezone(SHANGHAI).replace(microsecond=0) - timedelta(minutes=5)
    return trades(5, parties=parties, paid_at=paid_at, seed=14, prefix="BW")


def book(slug: str, parcels: Sequence[Trade]) -> bytes:
    """The documents of one kind as a workbook."""
    return workbook_of(kind(slug), [getattr(trade, slug)() for trade in parcels])


def cells_of(entry: Any) -> dict[str, str]:
    """What is typed into the form of a document, by the ids of its inputs."""
    cells = {f"f-{name}": value for name, value in entry.head.items()}
    return cells | {f"f-{row}-{name}": value for row, line in enumerate(entry.lines) for name, value in line.items()}


def rows_of(path: Path) -> list[tuple[Any, ...]]:
    """The rows of a workbook that somebody downloaded."""
    return list(openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True))


def yuan(text: str) -> Decimal:
    """An amount as a page shows it."""
    return Decimal(re.sub(r"[^\d.-]", "", text))


def test_a_trade_goes_from_workbook_to_release_and_to_its_tax_bill(
    chromium: Browser, portal: Stack, parcels: list[Trade], tmp_path: Path
) -> None:
    first, spoiled, third = parcels[:3]
    with (
        clerk(chromium, portal, "bonded_logistics_filer") as courier,
        clerk(chromium, portal, "warehouse_filer") as warehouse,
        clerk(chromium, portal, "merchant_filer") as merchant,
        clerk(chromium, portal, "payment_filer") as payer,
    ):
        brings_waybills_early(courier, [first, spoiled, third])
        brings_lists_early(warehouse, first, [spoiled, third])
        orders_with_a_bad_one(merchant, [first, spoiled, third], tmp_path)
        pays_after_one_mistake(payer, first, [spoiled, third])
        sees_the_lamps_fill(warehouse, first)
        warehouse.until_stands("inventory", third.order_no, "899")
        still_waits_for_the_order(warehouse, spoiled)
        with clicks_while_the_page_moves_on(warehouse):
            corrects_the_bad_one(merchant, spoiled, tmp_path)
        warehouse.until_stands("inventory", spoiled.order_no, "899")
        courier.until_stands("waybill", spoiled.waybill_no, "120")
        payer.until_stands("payment", spoiled.transaction_no, "120")
        reads_and_downloads(merchant, first, tmp_path)
        files_nothing_twice(merchant, book("order", [first, third]), rows=len(first.basket) + len(third.basket))
    with clerk(chromium, portal, "merchant_finance") as finance:
        finds_the_bill_by_search(finance, first)
        understands_the_bill(finance, first)
        finds_what_is_held(finance, first)
        exports_the_bills(finance, [first, spoiled, third], tmp_path)


def brings_waybills_early(courier: Clerk, parcels: Sequence[Trade]) -> None:
    """A workbook of waybills before there is any order: they are taken, wait, and say for what and whom."""
    page = courier.page
    courier.upload("waybill", "运单.xlsx", book("waybill", parcels))
    expect(page.locator("td.h").first).to_be_visible()
    expect(page.locator("td.e")).to_have_count(0)
    courier.file(len(parcels))
    expect(page.locator("dl.figures .text-hold")).to_contain_text(str(len(parcels)))
    courier.until_stands("waybill", parcels[0].waybill_no, "等待前序单证")
    courier.open("waybill", parcels[0].waybill_no)
    expect(page.locator("ol.lamps li").first).to_contain_text("应由电商平台、电商企业申报")
    expect(page.locator("ol.time")).to_contain_text("订单尚未申报")


def brings_lists_early(warehouse: Clerk, typed: Trade, others: Sequence[Trade]) -> None:
    """One list by form, the others by workbook; each names the very enterprises that owe it something."""
    warehouse.upload("inventory", "清单.xlsx", book("inventory", others))
    warehouse.file(len(others))
    for trade in others:
        warehouse.until_stands("inventory", trade.order_no, "等待前序单证")
    files_by_form(warehouse, "inventory", typed.inventory())
    owed = warehouse.page.locator("dl.actor").inner_text()
    assert ENTERPRISES["merchant"][0] in owed and "无须操作" in owed
    assert "订单尚未申报" in warehouse.page.inner_text("ol.time")
    warehouse.go("/")
    expect(warehouse.page.locator("table.waits")).to_contain_text(ENTERPRISES["merchant"][0])
    warehouse.open("inventory", typed.order_no)


def orders_with_a_bad_one(merchant: Clerk, parcels: Sequence[Trade], folder: Path) -> None:
    """The template, the workbook, the bad cell with its reason, and the good ones filed."""
    page = merchant.page
    merchant.follow("订单")
    page.locator("main a[href$='/order/upload/']").first.click()
    merchant.look()
    assert "订单编号" in str(rows_of(merchant.save("下载订单模板", folder / "template.xlsx"))[0])
    orders = [trade.order() for trade in parcels]
    orders[1].lines[0]["country"] = "FRA"
    merchant.upload("order", "订单明细.xlsx", workbook_of(kind("order"), orders))
    bad = page.locator("td.e")
    expect(bad).to_have_count(1)
    expect(bad).to_contain_text("FRA")
    expect(page.locator(f"#{bad.get_attribute('aria-describedby')}")).to_contain_text("国")
    merchant.file(len(orders) - 1)
    expect(page.locator("dl.figures")).to_contain_text(str(len(orders) - 1))


def corrects_the_bad_one(merchant: Clerk, trade: Trade, folder: Path) -> None:
    """The desk keeps what was not filed; it comes back as a workbook with the reason; put right there, it is uploaded again."""
    merchant.go("/")
    left = merchant.page.locator("ul.todo li", has_text="订单明细.xlsx：未受理 1 票")
    left.get_by_role("link", name="导入有未受理的单证，改好再传", exact=True).click()
    merchant.page.wait_for_url("**/uploads/*/")
    merchant.look()
    failed = merchant.save("下载这些单证的", folder / "failed.xlsx")
    heads, *rows = rows_of(failed)
    said = [dict(zip(heads, row, strict=True)) for row in rows]
    assert {row["订单编号"] for row in said if row["订单编号"]} == {trade.order_no} and len(said) == len(trade.basket)
    assert "FRA" in said[0]["错误原因"] and said[0]["原产国"] == "FRA"
    corrected = openpyxl.load_workbook(failed)
    corrected.worksheets[0].cell(2, heads.index("原产国") + 1).value = trade.order().lines[0]["country"]
    corrected.save(failed)
    merchant.upload("order", "订单明细-未申报的行.xlsx", failed.read_bytes())
    expect(merchant.page.locator("td.e")).to_have_count(0)
    merchant.file(1)
    merchant.go("/")
    expect(left).to_have_count(0)


def pays_after_one_mistake(payer: Clerk, typed: Trade, others: Sequence[Trade]) -> None:
    """The form says on top what is wrong and leads to the field; corrected, it is filed and answered."""
    page, cells = payer.page, cells_of(typed.payment())
    payer.upload("payment", "支付单.xlsx", book("payment", others))
    payer.file(len(others))
    payer.go("/payment/new/")
    payer.fill({**cells, "f-payer_id_number": cells["f-payer_id_number"][:-1]})
    payer.press("申报 1 票")
    summary = page.locator(".errsum")
    expect(summary.locator("li")).to_have_count(1)
    expect(summary).to_be_focused()
    page.set_viewport_size({"width": 375, "height": 420})  # a phone whose keyboard is open
    summary.get_by_role("link").click()
    field = page.locator("#f-payer_id_number")
    expect(field).to_be_focused()
    payer.sees(field)
    assert page.get_attribute("#f-payer_id_number", "aria-invalid") == "true"
    assert page.input_value("#f-payer_name") == cells["f-payer_name"]
    payer.fill({"f-payer_id_number": cells["f-payer_id_number"]})
    payer.press("申报 1 票")
    expect(page.locator("h1")).to_contain_text(typed.transaction_no)


def sees_the_lamps_fill(warehouse: Clerk, trade: Trade) -> None:
    """The list stays open on the screen: untouched, it goes on to release, and all five lamps turn green."""
    page = warehouse.page
    expect(page.locator("ol.lamps li")).to_have_count(5)
    expect(page.locator("ol.lamps li.done")).to_have_count(5, timeout=PATIENCE)
    expect(page.locator(".page-head .st")).to_contain_text(re.compile("放行|结关"))
    warehouse.until_stands("inventory", trade.order_no, "899")
    warehouse.open("inventory", trade.order_no)
    told = page.inner_text("ol.time")
    for step in ("等待前序单证", "前序单证已到齐", "加签", "发往海关", "120", "399", "800", "899"):
        assert step in told, step


def still_waits_for_the_order(warehouse: Clerk, trade: Trade) -> None:
    """What stands on the order that was not filed waits on, for that order alone and who is to file it."""
    warehouse.until_stands("inventory", trade.order_no, "等待前序单证")
    warehouse.open("inventory", trade.order_no)
    lamps = warehouse.page.locator("ol.lamps li")
    expect(lamps.first).to_contain_text(ENTERPRISES["merchant"][0])
    expect(lamps.nth(1)).to_have_class("done")


@contextmanager
def clicks_while_the_page_moves_on(warehouse: Clerk) -> Iterator[None]:
    """The page of a list asks again, and there is news, between press and release: the link still leads where it says."""
    page, path = warehouse.page, warehouse.path
    page.locator("ol.time a[href^='/uploads/']").hover()
    page.mouse.down()
    with page.expect_response(
        lambda answer: f"{path}?seen=" in answer.url and answer.status == 200, timeout=3 * PATIENCE
    ) as news:
        yield
    news.value.finished()
    page.mouse.up()
    page.wait_for_url("**/uploads/*/")
    warehouse.look()


def files_by_form(one: Clerk, slug: str, entry: Any) -> None:
    """A form filled in, with as many lines as there are goods, and filed; it leads to the document's page."""
    one.go(f"/{slug}/new/")
    cells = cells_of(entry)
    one.fill(cells)
    for row in range(1, len(entry.lines)):
        if one.scripts:
            with one.page.expect_response(lambda answer: answer.request.method == "POST"):
                one.page.get_by_role("button", name="加一项").click()
            expect(one.page.locator(f"#f-{row}-qty")).to_be_visible()
        else:
            one.press("加一项")
        one.fill({name: value for name, value in cells.items() if name.startswith(f"f-{row}-")})
    one.press("申报 1 票")
    expect(one.page.locator("h1")).not_to_contain_text("录入")
    expect(one.page.locator("ol.lamps")).to_be_visible()


def reads_and_downloads(merchant: Clerk, trade: Trade, folder: Path) -> None:
    """The order's lamps and timeline, the message with persons masked, the raw one for a reason."""
    page = merchant.page
    order_page = merchant.open("order", trade.order_no)
    expect(page.locator("ol.lamps li.done")).to_have_count(5)
    told = page.locator("ol.time").inner_text()
    for step in ("申报", "校验通过", "加签", "证书序列号", "发往海关", "2", "120"):
        assert step in told, step
    merchant.follow("报文 XML")
    shown = page.inner_text("pre.xml")
    assert trade.order_no in shown and "ds:Signature" in shown
    assert trade.buyer.id_number not in page.content() and trade.buyer.name not in page.content()
    page.fill("#reason", "与客户核对收件人")
    with page.expect_download() as raw:
        page.get_by_role("button", name="记录并下载").click()
    raw.value.save_as(folder / "raw.xml")
    assert trade.buyer.id_number in (folder / "raw.xml").read_text(encoding="utf-8")
    merchant.go(order_page)
    merchant.follow("回执 XML")
    assert "CEB312Message" in page.inner_text("pre.xml")


def files_nothing_twice(merchant: Clerk, brought: bytes, *, rows: int) -> None:
    """Orders that were filed before, brought again: said so, nothing to file."""
    page = merchant.page
    merchant.upload("order", "再来一次.xlsx", brought)
    expect(page.get_by_role("link", name="已申报过")).to_contain_text(str(rows))
    expect(page.get_by_role("button", name="申报")).to_have_count(0)
    merchant.press("放弃本次导入")


def finds_the_bill_by_search(finance: Clerk, trade: Trade) -> None:
    """Money comes first on the desk; the order's number in the search box leads to its page, the last lamp to the bill."""
    page = finance.page
    expect(page.locator("main h2").first).to_have_text("担保金")
    search = page.get_by_role("search").get_by_label("按编号搜索")
    if finance.scripts:
        page.keyboard.press("/")
        expect(search).to_be_focused()
    search.fill(trade.order_no)
    search.press("Enter")
    page.wait_for_url("**/order/*/")
    finance.look()
    page.locator("ol.lamps li").last.get_by_role("link").click()
    page.wait_for_url("**/tax-bills/*/")
    finance.look()


def understands_the_bill(finance: Clerk, trade: Trade) -> None:
    """Every figure is led back to value and rates, customs and the portal agree, and the parts come to the total."""
    page = finance.page
    taxes = {
        row.locator("td").first.inner_text(): row
        for row in page.locator("section[aria-labelledby=taxes] tbody tr").all()
    }
    figures = {word: yuan(row.locator("td").nth(1).inner_text()) for word, row in taxes.items()}
    assert figures["合计"] == figures["关税"] + figures["消费税"] + figures["增值税"] > 0
    assert all("一致" in row.inner_text() for row in taxes.values())
    workings = page.locator("ol.workings > li")
    assert workings.count() == len(trade.basket)
    goods = dict.fromkeys(good.hs_code for good, _count in trade.basket)
    assert list(goods) == list(dict.fromkeys(page.locator("ol.workings .code").all_inner_texts()))
    sums = [yuan(text) for text in page.locator("ol.workings .sum .gets").all_inner_texts()]
    assert len(sums) == len(trade.basket) and sum(sums) == figures["合计"]
    told = page.locator("ol.workings").inner_text()
    assert "增值税税率" in told and "70%" in told and "分摊的运费" in told
    days = re.findall(r"\d{4}-\d\d-\d\d", page.inner_text("section[aria-labelledby=days]"))
    released, opens, closes = (date.fromisoformat(day) for day in days)
    assert opens - released == timedelta(days=31) and closes - released == timedelta(days=45)
    said = page.inner_text("main")
    assert trade.order_no in said and trade.waybill_no in said and f"{opens} 起" in said


def finds_what_is_held(finance: Clerk, trade: Trade) -> None:
    """From the bill to the guarantee: what is left and held, and the movement of this list, which leads back."""
    page, bill = finance.page, finance.path
    total = yuan(page.locator("section[aria-labelledby=taxes] tr.sum td").nth(1).inner_text())
    finance.follow("在账户中看")
    row = page.locator("#list tbody tr")
    expect(row).to_have_count(1)
    assert yuan(row.locator("td.sum").inner_text()) == -total
    row.get_by_role("link").click()
    page.wait_for_url(f"**{bill}")
    finance.follow("担保金账户")
    shares = [yuan(text) for text in page.locator("section[aria-labelledby=standing] dd").all_inner_texts()]
    left = yuan(page.locator("p.money").inner_text())
    assert sum(shares[:-1]) == shares[-1] and left in shares and shares[-1] - left >= total


def exports_the_bills(finance: Clerk, parcels: Sequence[Trade], folder: Path) -> None:
    """The list of bills, narrowed to these trades; the workbook of it holds the same bills and comes to the same sums."""
    page = finance.page
    finance.follow("电子税单")
    finance.narrow({"by-q": parcels[0].order_no}, to=1)
    page.set_viewport_size({"width": PHONE, "height": 900})
    expect(page.locator("#list tbody").get_by_text(parcels[0].order_no)).to_be_visible()
    page.set_viewport_size({"width": DESK, "height": 900})
    today = timezone.now().astimezone(SHANGHAI).date()
    period = {"by-since": f"{today - timedelta(days=1)}", "by-until": f"{today}"}
    finance.narrow({"by-q": parcels[0].order_no[:-6], **period}, to=len(parcels))
    shown = [text.strip() for text in page.locator("#list tbody td.key").all_inner_texts()]
    sums = [yuan(text) for text in page.locator("#list tfoot td.num").all_inner_texts()]
    _about, _blank, heads, *rows, last = rows_of(finance.save(f"导出 {len(parcels)} 张", folder / "bills.xlsx"))
    bills = [dict(zip(heads, row, strict=True)) for row in rows]
    assert {bill["订单编号"] for bill in bills} == {trade.order_no for trade in parcels}
    assert sorted(bill["电子税单编号"] for bill in bills) == sorted(shown)
    names = ("关税", "消费税", "增值税", "税款合计")
    assert sums == [sum(Decimal(str(bill[name])) for bill in bills) for name in names]
    assert sums == [Decimal(str(dict(zip(heads, last, strict=True))[name])) for name in names]


def test_it_works_with_scripts_switched_off(
    chromium: Browser, portal: Stack, parcels: list[Trade], tmp_path: Path
) -> None:
    trade, other = parcels[3], parcels[4]
    with clerk(chromium, portal, "bonded_logistics_filer", scripts=False) as courier:
        files_by_form(courier, "waybill", trade.waybill())
        assert "等待前序单证" in courier.page.inner_text("ol.time")
    with clerk(chromium, portal, "merchant_filer", scripts=False) as merchant:
        merchant.upload("order", "无脚本.xlsx", book("order", [trade]))
        merchant.file(1)
        files_by_form(merchant, "order", other.order())
    with clerk(chromium, portal, "payment_filer", scripts=False) as payer:
        files_by_form(payer, "payment", trade.payment())
    with clerk(chromium, portal, "warehouse_filer", scripts=False) as warehouse:
        files_by_form(warehouse, "inventory", trade.inventory())
        warehouse.until_stands("inventory", trade.order_no, "899")
        warehouse.open("inventory", trade.order_no)
        assert "发往海关" in warehouse.page.inner_text("ol.time")
    with clerk(chromium, portal, "merchant_finance", scripts=False) as finance:
        finds_the_bill_by_search(finance, trade)
        understands_the_bill(finance, trade)
        finds_what_is_held(finance, trade)
        finance.follow("电子税单")
        finance.narrow({"by-q": trade.order_no}, to=1)


def test_a_form_tells_what_its_width_hides(chromium: Browser, portal: Stack) -> None:
    """On a desk that the goods go on to the right, on a phone which of them must be filled in."""
    with clerk(chromium, portal, "warehouse_filer") as warehouse:
        warehouse.go("/inventory/new/")
        page = warehouse.page
        hint = page.get_by_text("右边还有几栏，可左右滚动")
        expect(hint).to_be_visible()
        page.set_viewport_size({"width": PHONE, "height": 900})
        expect(hint).to_be_hidden()
        star = "cell => getComputedStyle(cell, '::after').content"
        for needed, shown in (("[aria-required]", '"*"'), (":not([aria-required])", "none")):
            cell = page.locator(f"#goods-lines td:has(input.form-control{needed})").first
            assert cell.evaluate(star) == shown


def test_the_page_of_the_pretended_customs_is_no_wider_than_a_phone(chromium: Browser, portal: Stack) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 900})
    page.goto(f"http://127.0.0.1:{portal.sandbox_port}/")
    assert page.get_by_text("direct_logistics").count()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_a_form_shows_no_sum_of_what_is_no_number_or_beyond_counting(chromium: Browser, portal: Stack) -> None:
    with clerk(chromium, portal, "merchant_filer") as merchant:
        merchant.go("/order/new/")
        paid, total = merchant.page.locator("#f-actual_paid"), merchant.page.locator("[data-sum=actual_paid]")
        for typed, shown in (("12.5", "12.50"), ("9" * 32, "—"), ("", "0.00"), ("NaN", "—"), ("1,000", "1,000.00")):
            paid.fill(typed)
            expect(total).to_have_text(shown)


@pytest.mark.parametrize(
    ("username", "paths"),
    [
        (
            "merchant_filer",
            ("/", "/order/", "/order/?tab=drafts", "/order/new/", "/order/upload/", "/inventory/new/", "/uploads/"),
        ),
        ("direct_logistics_filer", ("/", "/waybill/new/", "/waybill/", "/inventory/", "/inventory/upload/")),
        ("platform_filer", ("/", "/order/", "/tax-bills/", "/search/?q=NOWHERE0001")),
        (
            "merchant_finance",
            ("/", "/tax-bills/", "/tax-bills/?tab=due", "/tax-bills/?tab=void", "/guarantee/", "/search/?q=BW2"),
        ),
        ("venue_filer", ("/", "/uploads/")),
        ("stranger", ("/",)),
        (
            "staff",
            ("/admin/", "/admin/accounts/enterprise/", "/admin/accounts/auditentry/", "/admin/ledger/taxbill/"),
        ),
    ],
)
def test_pages_are_in_order_for(chromium: Browser, portal: Stack, username: str, paths: tuple[str, ...]) -> None:
    with clerk(chromium, portal, username) as one:
        for path in paths:
            one.go(path)
