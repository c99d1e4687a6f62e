"""Four clerks at the browser take one order from its workbook to release, in the real portal before the pretended
customs, and a fifth person finds, understands and exports its tax bill.

Every page they see is held to the same: no error in the console, nothing the content security policy refuses, no
sideways scrolling on a phone, a tablet or a desk.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from accounts.cast import ENTERPRISES, PASSWORD
from declarations.demo.trades import Parties, Party, Trade, trades
from declarations.doors.excel import workbook_of
from declarations.kinds import kind
from portal.calendar import SHANGHAI
from tests.conftest import Stack, until
from tests.pages.canaries import load_people

CHROMIUM = Path("/usr/bin/chromium")
QUIETLY = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS = (375, 1024, 1440)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
REFUSED_BY_POLICY = """
window.refusedByPolicy = [];
document.addEventListener("securitypolicyviolation", function (event) {
  window.refusedByPolicy.push(event.violatedDirective + " " + event.blockedURI);
});
"""
#: How long a clerk waits for the next step of customs.
PATIENCE_SECONDS = 40

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="CHROMIUM IS NOT INSTALLED: NO PAGE WAS WALKED IN A BROWSER"),
]


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


class Clerk:
    """Somebody at a browser of their own."""

    def __init__(self, context: BrowserContext, address: str, *, scripts: bool) -> None:
        self.context, self.address, self.scripts = context, address, scripts
        self.faults: list[str] = []
        self.pages: set[str] = set()
        self.page = context.new_page()
        self.page.on("console", lambda message: self.heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.faults.append(f"{self.page.url}: {error}"))
        self.page.on("response", lambda answer: self.answered(answer.url, answer.status))

    def heard(self, sort: str, text: str) -> None:
        if sort in ("error", "warning"):
            self.faults.append(f"{self.page.url}: {sort} {text}")

    def answered(self, address: str, status: int) -> None:
        if status >= 400:
            self.faults.append(f"{address}: {status}")

    def go(self, path: str) -> None:
        """Open an address and look at the page."""
        self.page.goto(self.address + path)
        self.look()

    def look(self) -> None:
        """The page as it stands: in order on every width, nothing refused by the policy."""
        self.page.wait_for_load_state()
        path = self.page.url.removeprefix(self.address)
        if not self.scripts or path in self.pages:
            return
        self.pages.add(path)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 0:
                self.faults.append(f"{path}: {wide} px too wide for {width} px")
        self.faults += [f"{path}: {refused}" for refused in self.page.evaluate("window.refusedByPolicy")]

    def press(self, name: str, **options: Any) -> None:
        """Press a button that sends a form, and look at what it leads to: a page, or by htmx a fragment or a way on."""
        button = self.page.get_by_role("button", name=name, **options)
        with self.page.expect_response(lambda answer: answer.request.method == "POST") as sent:
            button.click()
        if way_on := sent.value.headers.get("hx-redirect"):
            self.page.wait_for_url(f"**{way_on}")
        self.look()

    def follow(self, name: str) -> None:
        """Follow a link and look at what it leads to."""
        self.page.get_by_role("link", name=name).first.click()
        self.look()

    def fill(self, cells: dict[str, str]) -> None:
        """Type into inputs by their ids."""
        for field, value in cells.items():
            if self.page.locator(f"#{field}:not([readonly])").count():
                self.page.fill(f"#{field}", value)

    def until_answered(self, slug: str, number: str, code: str) -> None:
        """Watch the list until customs has answered a document with that code."""

        def there() -> bool:
            self.page.goto(f"{self.address}/{slug}/?q={number}")
            badges = self.page.locator("tbody .st b")
            return badges.count() == 1 and badges.inner_text() == code

        until(there, seconds=PATIENCE_SECONDS, what=f"{slug} {number}: {code}")
        self.look()

    def upload(self, filename: str, content: bytes) -> None:
        """Send in a workbook on the page for it, and wait until it is checked."""
        self.page.set_input_files("#file", {"name": filename, "mimeType": XLSX, "buffer": content})
        self.press("上传并校验")
        expect(self.page.locator("#grid")).to_be_visible(timeout=PATIENCE_SECONDS * 1000)
        self.look()


@contextmanager
def clerk(chromium: Browser, portal: Stack, username: str, *, scripts: bool = True) -> Iterator[Clerk]:
    """A clerk who has signed in; at the end nothing they saw was out of order."""
    context = chromium.new_context(locale="zh-CN", java_script_enabled=scripts, accept_downloads=True)
    context.set_default_timeout(15_000)
    context.add_init_script(REFUSED_BY_POLICY)
    one = Clerk(context, portal.address, scripts=scripts)
    one.go("/login/")
    one.page.get_by_label("用户名").fill(username)
    one.page.get_by_label("密码", exact=True).fill(PASSWORD)
    one.press("登录", exact=True)
    expect(one.page.locator("h1")).to_be_visible()
    yield one
    assert one.faults == [], "\n".join(one.faults)
    context.close()


def cells_of(entry: Any) -> dict[str, str]:
    """What is typed into the form of a document, by the ids of its inputs."""
    cells = {f"f-{name}": value for name, value in entry.head.items()}
    return cells | {f"f-{row}-{name}": value for row, line in enumerate(entry.lines) for name, value in line.items()}


def test_an_order_goes_from_its_workbook_to_release_and_tax_bill(
    chromium: Browser, portal: Stack, parcels: list[Trade], tmp_path: Path
) -> None:
    orders = [trade.order() for trade in parcels[:3]]
    orders[1].lines[0]["country"] = "FRA"
    book = workbook_of(kind("order"), orders)
    trade = parcels[0]
    with clerk(chromium, portal, "merchant_filer") as merchant:
        order_page = files_the_good_rows(merchant, book, trade, tmp_path)
        reads_and_downloads(merchant, order_page, trade, tmp_path)
        with clerk(chromium, portal, "payment_filer") as payer:
            files_after_one_mistake(payer, trade)
        with clerk(chromium, portal, "bonded_logistics_filer") as courier:
            files_by_form(courier, "waybill", trade.waybill_no, trade.waybill())
        with clerk(chromium, portal, "warehouse_filer") as warehouse:
            files_by_form(warehouse, "inventory", trade.order_no, trade.inventory(), wait=False)
            warehouse.until_answered("inventory", trade.order_no, "899")
        merchant.until_answered("order", trade.order_no, "120")
        merchant.go(order_page)
        assert "120" in merchant.page.inner_text("ol.time")
        files_nothing_twice(merchant, book, rows=len(orders[0].lines) + len(orders[2].lines))
    with clerk(chromium, portal, "merchant_finance") as finance:
        finds_and_exports_the_bill(finance, trade, tmp_path)


def files_the_good_rows(merchant: Clerk, book: bytes, trade: Trade, folder: Path) -> str:
    """The template, the workbook, the bad cell with its reason, the good rows filed, customs' answer; the order's page."""
    page = merchant.page
    merchant.follow("订单")
    page.locator("main a[href$='/order/upload/']").first.click()
    merchant.look()
    with page.expect_download() as template:
        page.get_by_role("link", name="下载订单模板").click()
    template.value.save_as(folder / "template.xlsx")
    assert "订单编号" in str([cell.value for cell in openpyxl.load_workbook(folder / "template.xlsx").worksheets[0][1]])
    merchant.upload("订单明细.xlsx", book)
    bad = page.locator("td.e")
    expect(bad).to_have_count(1)
    expect(bad).to_contain_text("FRA")
    reason = page.locator(f"#{bad.get_attribute('aria-describedby')}")
    expect(reason).to_contain_text("国")
    merchant.press("申报 2 票")
    expect(page.locator("dl.figures")).to_contain_text("2", timeout=PATIENCE_SECONDS * 1000)
    merchant.look()
    merchant.until_answered("order", trade.order_no, "2")
    merchant.follow(trade.order_no)
    return page.url.removeprefix(merchant.address)


def reads_and_downloads(merchant: Clerk, order_page: str, trade: Trade, folder: Path) -> None:
    """The timeline, the message with persons masked, the raw one for a reason."""
    page = merchant.page
    told = page.locator("ol.time").inner_text()
    for step in ("申报", "校验通过", "加签", "证书序列号", "发往海关", "2"):
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


def files_after_one_mistake(payer: Clerk, trade: Trade) -> None:
    """The form says on top what is wrong and leads to the field; corrected, it is filed and answered."""
    page, cells = payer.page, cells_of(trade.payment())
    payer.go("/payment/new/")
    payer.fill({**cells, "f-payer_id_number": cells["f-payer_id_number"][:-1]})
    payer.press("申报 1 票")
    summary = page.locator(".errsum")
    expect(summary.locator("li")).to_have_count(1)
    expect(summary).to_be_focused()
    summary.get_by_role("link").click()
    expect(page.locator("#f-payer_id_number")).to_be_focused()
    assert page.get_attribute("#f-payer_id_number", "aria-invalid") == "true"
    assert page.input_value("#f-payer_name") == cells["f-payer_name"]
    payer.fill({"f-payer_id_number": cells["f-payer_id_number"]})
    payer.press("申报 1 票")
    expect(page.locator("h1")).to_contain_text(trade.transaction_no)
    payer.until_answered("payment", trade.transaction_no, "2")


def files_by_form(one: Clerk, slug: str, number: str, entry: Any, *, wait: bool = True) -> None:
    """A form filled in, with as many lines as there are goods, filed and answered."""
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
    if wait:
        one.until_answered(slug, number, "2")


def files_nothing_twice(merchant: Clerk, book: bytes, *, rows: int) -> None:
    """The very same workbook again: said so, nothing to file."""
    page = merchant.page
    merchant.go("/order/upload/")
    merchant.upload("订单明细.xlsx", book)
    said = page.inner_text("main")
    assert "导入并申报过" in said and "重复的单证不会再次申报" in said
    expect(page.get_by_role("link", name="已申报过")).to_contain_text(str(rows))
    expect(page.get_by_role("button", name="申报")).to_have_count(0)
    merchant.press("放弃本次导入")


def finds_and_exports_the_bill(finance: Clerk, trade: Trade, folder: Path) -> None:
    """By the order's number in the list of tax bills: its page, the list as a workbook, the guarantee that holds it."""
    page = finance.page
    finance.follow("电子税单")
    page.get_by_label("税单、清单、订单、运单或缴款书编号").fill(trade.order_no)
    page.get_by_label("税单、清单、订单、运单或缴款书编号").press("Enter")
    page.wait_for_url(f"**q={trade.order_no}*")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    total = page.locator("#list tbody td.sum").inner_text()
    with page.expect_download() as exported:
        page.get_by_role("link", name="导出 1 张").click()
    exported.value.save_as(folder / "bills.xlsx")
    rows = list(openpyxl.load_workbook(folder / "bills.xlsx").worksheets[0].iter_rows(values_only=True))
    assert any(trade.order_no in row for row in rows) and float(total.replace(",", "")) in rows[-1]
    page.locator("#list tbody td.key a").click()
    page.wait_for_url("**/tax-bills/*/")
    finance.look()
    assert total in page.inner_text("dl.actor") and trade.order_no in page.inner_text("main")
    finance.follow("在账户中看")
    assert total in page.inner_text("main")


def test_it_works_with_scripts_switched_off(chromium: Browser, portal: Stack, parcels: list[Trade]) -> None:
    book = workbook_of(kind("order"), [parcels[3].order()])
    with clerk(chromium, portal, "merchant_filer", scripts=False) as merchant:
        merchant.go("/order/upload/")
        merchant.upload("无脚本.xlsx", book)
        merchant.press("申报 1 票")
        expect(merchant.page.locator("dl.figures")).to_contain_text("1", timeout=PATIENCE_SECONDS * 1000)
        files_by_form(merchant, "order", parcels[4].order_no, parcels[4].order(), wait=False)
        merchant.until_answered("order", parcels[4].order_no, "2")
        merchant.follow(parcels[4].order_no)
        assert "发往海关" in merchant.page.inner_text("ol.time")


@pytest.mark.parametrize(
    ("username", "paths"),
    [
        (
            "merchant_filer",
            ("/", "/order/", "/order/?tab=drafts", "/order/new/", "/order/upload/", "/inventory/new/", "/uploads/"),
        ),
        ("direct_logistics_filer", ("/", "/waybill/new/", "/waybill/", "/inventory/", "/inventory/upload/")),
        ("merchant_finance", ("/", "/tax-bills/", "/tax-bills/?tab=due", "/guarantee/", "/search/?q=BW2")),
        ("venue_filer", ("/", "/uploads/")),
        ("stranger", ("/",)),
        ("staff", ("/admin/", "/admin/accounts/enterprise/", "/admin/accounts/auditentry/")),
    ],
)
def test_pages_are_in_order_for(chromium: Browser, portal: Stack, username: str, paths: tuple[str, ...]) -> None:
    with clerk(chromium, portal, username) as one:
        for path in paths:
            one.go(path)
