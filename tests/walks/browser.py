"""Somebody at a real browser, and what every page they see is held to: no error in the console, nothing the content
security policy refuses, no sideways scrolling on a phone, a tablet or a desk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, expect

from accounts.cast import PASSWORD
from tests.conftest import Stack, until

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
LIES_OPEN = """
(part) => {
  const box = part.getBoundingClientRect();
  return document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2) === part;
}
"""
#: How long a clerk waits for the next step of customs.
PATIENCE_SECONDS = 40
PATIENCE = PATIENCE_SECONDS * 1000


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

    @property
    def path(self) -> str:
        """Where they are."""
        return self.page.url.removeprefix(self.address)

    def go(self, path: str) -> None:
        """Open an address and look at the page."""
        self.page.goto(self.address + path)
        self.look()

    def look(self) -> None:
        """The page as it stands: in order on every width, nothing refused by the policy."""
        self.page.wait_for_load_state()
        if not self.scripts or self.path in self.pages:
            return
        self.pages.add(self.path)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 0:
                self.faults.append(f"{self.path}: {wide} px too wide for {width} px")
        self.faults += [f"{self.path}: {refused}" for refused in self.page.evaluate("window.refusedByPolicy")]

    def sees(self, part: Locator) -> None:
        """Wait until a part of the page has been scrolled to where nothing lies over it."""
        until(lambda: part.evaluate(LIES_OPEN), what=f"{self.path}: {part} can be seen")

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
        link = self.page.get_by_role("link", name=name).first
        leads_to = link.get_attribute("href")
        link.click()
        self.page.wait_for_url(f"**{leads_to}")
        self.look()

    def narrow(self, cells: dict[str, str], *, to: int) -> None:
        """Fill in the filter of a list and apply it; the list then has so many rows."""
        for field, value in cells.items():
            self.page.fill(f"#{field}", value)
        self.page.get_by_role("button", name="筛选").click()
        expect(self.page.locator("#list tbody tr")).to_have_count(to)
        first = next(iter(cells.values()))
        self.page.wait_for_url(lambda url: first in url)
        self.look()

    def fill(self, cells: dict[str, str]) -> None:
        """Type into inputs by their ids."""
        for field, value in cells.items():
            if self.page.locator(f"#{field}:not([readonly])").count():
                self.page.fill(f"#{field}", value)

    def until_stands(self, slug: str, number: str, look: str) -> None:
        """Watch the list until a document stands where it should: by a code of customs or a word."""

        def there() -> bool:
            self.page.goto(f"{self.address}/{slug}/?q={number}")
            badges = self.page.locator("tbody .st")
            return badges.count() == 1 and look in badges.inner_text().split()

        until(there, seconds=PATIENCE_SECONDS, what=f"{slug} {number}: {look}")
        self.look()

    def open(self, slug: str, number: str) -> str:
        """Open a document from its list; where its page is."""
        self.page.goto(f"{self.address}/{slug}/?q={number}")
        self.page.locator("tbody td.key a").click()
        self.page.wait_for_url(f"**/{slug}/*/")
        self.look()
        return self.path

    def upload(self, slug: str, filename: str, content: bytes) -> None:
        """Send in a workbook on the page for it, and wait until it is checked."""
        if self.path != f"/{slug}/upload/":
            self.go(f"/{slug}/upload/")
        self.page.set_input_files("#file", {"name": filename, "mimeType": XLSX, "buffer": content})
        self.press("上传并校验")
        self.refreshed("#grid")

    def file(self, count: int) -> None:
        """File what is right in a checked workbook, and wait until it is done."""
        self.press(f"申报 {count} 票")
        self.refreshed("dl.figures")

    def refreshed(self, wanted: str) -> None:
        """Wait for something on a page that asks again by itself."""
        expect(self.page.locator(wanted)).to_be_visible(timeout=PATIENCE)
        self.look()

    def save(self, name: str, to: Path) -> Path:
        """Follow a link that downloads a file, and keep it."""
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name=name).first.click()
        download.value.save_as(to)
        return to


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
    if one.path.startswith("/login/code/"):
        one.page.get_by_label("动态码或恢复码").fill(portal.manage("one_time_code", username).stdout.strip())
        one.press("验证并登录")
    expect(one.page.locator("h1")).to_be_visible()
    yield one
    assert one.faults == [], "\n".join(one.faults)
    context.close()
