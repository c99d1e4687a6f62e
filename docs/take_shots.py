"""``make shots``: the pictures of README.md, taken from a portal that ``make demo`` has left running.

    .venv/bin/python docs/take_shots.py http://127.0.0.1:8000

Needs the browser that ``make test`` installs. Run it after every visible change, and look at what it took.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent / "shots"
PASSWORD = "tongguan-demo-2025"  # noqa: S105 (of the demo cast, printed by it)
BROWSER = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def sign_in(page: Page, address: str, username: str) -> None:
    """Sign in as one of the cast."""
    page.goto(f"{address}/login/")
    page.fill("[name=username]", username)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{address}/")


def shoot(page: Page, name: str) -> None:
    """Take the visible part of a page."""
    page.screenshot(path=HERE / f"{name}.png")


def merchant(page: Page, address: str) -> None:
    """What a merchant's clerk sees: orders, the check of a workbook, one order."""
    sign_in(page, address, "merchant_filer")
    page.goto(f"{address}/order/")
    shoot(page, "list")
    page.click("main table a >> nth=0")
    page.wait_for_load_state()
    shoot(page, "detail")
    page.goto(f"{address}/uploads/")
    page.click("main table a >> nth=0")
    page.wait_for_load_state()
    shoot(page, "check")
    page.goto(f"{address}/order/new/")
    shoot(page, "form")


def warehouse(page: Page, address: str) -> None:
    """What a warehouse's clerk sees: a list that customs refused."""
    sign_in(page, address, "warehouse_filer")
    page.goto(f"{address}/inventory/?tab=todo")
    page.click("main table a >> nth=0")
    page.wait_for_load_state()
    shoot(page, "rejected")


def main(address: str) -> None:
    """Take them all."""
    HERE.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=QUIET)
        for visit in (merchant, warehouse):
            page = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 900}).new_page()
            visit(page, address)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
