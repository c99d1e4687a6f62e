"""``make shots``: the pictures of README.md, taken from a portal that ``make demo`` has left running.

    .venv/bin/python docs/take_shots.py http://127.0.0.1:8000

Needs the browser that ``make test`` installs, and PORTAL_DATA where the portal had it. Run it after every visible change,
and look at what it took.
"""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent / "shots"
ROOT = Path(__file__).parent.parent
PASSWORD = "tongguan-demo-2025"  # noqa: S105 (of the demo cast, printed by it)
BROWSER = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WIDTH, HEIGHT = 1440, 900


def sign_in(browser: Browser, address: str, username: str) -> Page:
    """One of the cast at a browser of their own, with relative addresses."""
    context = browser.new_context(
        base_url=address,
        locale="zh-CN",
        reduced_motion="reduce",
        timezone_id="Asia/Shanghai",
        viewport={"width": WIDTH, "height": HEIGHT},
    )
    page = context.new_page()
    page.goto("/login/")
    page.fill("[name=username]", username)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(lambda url: urlsplit(url).path != "/login/")
    if urlsplit(page.url).path != "/":
        page.fill("[name=code]", one_time_code(username))
        page.press("[name=code]", "Enter")
        page.wait_for_url(lambda url: urlsplit(url).path in ("/", "/admin/"))
    return page


def one_time_code(username: str) -> str:
    """What the app of one of the cast shows."""
    asked = [sys.executable, str(ROOT / "manage.py"), "one_time_code", username]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def shoot(page: Page, name: str, *, height: int = HEIGHT) -> None:
    """Take the upper part of a page, so many pixels of it."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_load_state("networkidle")
    page.screenshot(path=HERE / f"{name}.png")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def first(page: Page, path: str) -> None:
    """Open the first of a list."""
    page.goto(path)
    page.locator("main td.key a").first.click()
    page.wait_for_url(lambda url: urlsplit(url).path != urlsplit(path).path)


def merchant(page: Page) -> None:
    """What a merchant's clerk sees: the desk, the check of a workbook, orders, one order with its lamps and timeline."""
    shoot(page, "home", height=760)
    page.goto("/uploads/")
    page.click("main table a >> nth=0")
    page.wait_for_url("**/uploads/*/")
    shoot(page, "check")
    page.goto("/order/")
    shoot(page, "list", height=700)
    first(page, "/order/?tab=stored")
    shoot(page, "detail")


def warehouse(page: Page) -> None:
    """What a warehouse's clerk sees: a list that waits, one that was refused and the form it leads to."""
    first(page, "/inventory/?tab=waiting")
    shoot(page, "waiting", height=780)
    page.goto("/inventory/?tab=todo")
    page.locator("main tr", has_text="130126").locator("td.key a").click()
    page.wait_for_url("**/inventory/*/")
    shoot(page, "rejected")
    page.get_by_role("link", name="更正并重新申报").first.click()
    page.wait_for_url("**/inventory/new/?from=*")
    page.locator("main").get_by_role("link", name="订购人电话").click()
    shoot(page, "correct")


def finance(page: Page) -> None:
    """What finance sees: tax bills, one bill with its computation, the guarantee account."""
    page.goto("/tax-bills/")
    shoot(page, "bills")
    with_consumption = page.locator("#list tbody tr", has=page.locator("td:nth-child(5):not(.soft)"))
    with_consumption.first.locator("td.key a").click()
    page.wait_for_url("**/tax-bills/*/")
    shoot(page, "bill", height=1040)
    page.goto("/guarantee/")
    shoot(page, "guarantee", height=760)


def newcomer(page: Page) -> None:
    """What an enterprise on its way sees: what has to be there, how far it is, and a remark at its place."""
    page.goto("/preparation/")
    shoot(page, "preparation")
    page.locator("main .next a").first.click()
    page.wait_for_url("**/applications/*/")
    shoot(page, "returned", height=1000)


def staff(page: Page) -> None:
    """What staff decide on: an account, its data beside its papers."""
    page.goto("/admin/accounts/application/")
    page.locator("#result_list tbody tr", has_text="竹深里").locator("th a").first.click()
    page.wait_for_url("**/change/**")
    shoot(page, "review", height=1000)


def developer(page: Page) -> None:
    """What a developer sees of the connection of the enterprise's own system."""
    page.goto("/connection/")
    shoot(page, "connection", height=1000)


def main(address: str) -> None:
    """Take them all."""
    HERE.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=QUIET)
        for username, visit in (
            ("merchant_filer", merchant),
            ("warehouse_filer", warehouse),
            ("merchant_finance", finance),
            ("newcomer", newcomer),
            ("staff", staff),
            ("merchant_developer", developer),
        ):
            visit(sign_in(browser, address, username))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
