"""From a visitor to the first document filed, for each of the six types that may apply: by pages and admin alone.

The six go side by side, each by the links and buttons that their pages name, and staff decide for all at one visit of the
queue.
"""

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from accounts.onboarding.preparation import GUARANTORS, TICKS, VISITS
from accounts.roles import EnterpriseType
from accounts.second_factor import STEP_SECONDS, code_at
from declarations.shape import Entry
from tests import make
from tests.accounts.papers import PDF
from tests.conftest import Stack, until
from tests.pages.canaries import load_people
from tests.walks.browser import CHROMIUM, PATIENCE_SECONDS, QUIETLY, Clerk, clerk
from tests.walks.test_in_the_browser import cells_of
from tests.walks.test_signing_in import brought, register, visitor

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="CHROMIUM IS NOT INSTALLED: NO PAGE WAS WALKED IN A BROWSER"),
]
QUEUE = "/admin/accounts/application/"
#: Of the two environments on the page of certificates, the one the portal runs in: only there it signs.
HERE = "section:has(header .st-info)"
#: The kinds that rest on nobody else's document.
SENT_AT_ONCE = ("order", "payment")


@dataclass(frozen=True)
class Newcomer:
    """An enterprise that nobody knows yet: its numbers, what it registers as, and the service it asks for."""

    of_type: str
    credit_code: str
    customs_code: str
    service: str
    clearing: str
    #: What the registration of types asks beside the tick.
    licence: Mapping[str, str] = field(default_factory=dict)
    #: The papers of that registration, and of the service.
    type_papers: tuple[str, ...] = ()
    service_papers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return f"上海桐溪{self.customs_code[-2:]}号有限公司"

    @property
    def mark(self) -> str:
        """The end of its customs code, which tells its numbers from others'."""
        return self.customs_code[-4:]

    @property
    def phone(self) -> str:
        """The telephone of its first user."""
        return f"138000{self.mark[-2:]}000"

    @property
    def user(self) -> str:
        """Its first user."""
        return f"new_{self.of_type}"


WAREHOUSE, DIRECT = "312246DM06", "312226DM04"
NEWCOMERS = (
    Newcomer("platform", "913101150000930090", "312226DM71", "platform-1210", WAREHOUSE),
    Newcomer("merchant", "91310115000093017T", "312226DM72", "merchant-1210", WAREHOUSE),
    Newcomer(
        "payment", "91310115000093025M", "312226DM73", "payment-1210", WAREHOUSE,
        {
            "payment_licence": "payment", "payment_number": "Z2000131000010", "payment_scope": "互联网支付",
            "payment_valid_from": "2020-01-01",
        },
        ("payment_licence_copy",), ("payment_licence",),
    ),
    Newcomer(
        "direct_logistics", "91310115000093033G", "312226DM74", "direct_logistics-9610", DIRECT,
        {
            "depot": "public", "international_number": "GJ2020001", "international_scope": "国际快递业务",
            "international_valid_from": "2020-01-01", "international_valid_to": "2039-12-31", "operator_number": "KJ001",
        },
        ("international_licence",), ("international_licence",),
    ),
    Newcomer(
        "bonded_logistics", "91310115000093041B", "312226DM75", "bonded_logistics-1210", WAREHOUSE,
        {
            "express_number": "SH2020001", "express_scope": "国内快递业务", "express_valid_from": "2020-01-01",
            "express_valid_to": "2039-12-31",
        },
        ("express_licence",), ("express_licence",),
    ),
    Newcomer("warehouse", "913101150000930509", "312226DM76", "warehouse-1210", "312226DM76"),
)  # fmt: skip


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


def fill_in(one: Clerk, typed: Mapping[str, str], papers: tuple[str, ...] = ()) -> None:
    """Fill in the form of an application, and choose its papers."""
    for name, text in typed.items():
        cell = one.page.locator(f'[name="{name}"]')
        if cell.first.get_attribute("type") in ("checkbox", "radio"):
            one.page.locator(f'[name="{name}"][value="{text}"]').check()
        elif cell.evaluate("cell => cell.tagName") == "SELECT":
            cell.select_option(text)
        else:
            cell.fill(text)
    for slot in papers:
        scan = {"name": f"{slot}.pdf", "mimeType": "application/pdf", "buffer": PDF}
        one.page.set_input_files(f'[name="paper_{slot}"]', scan)


def hand_in(one: Clerk) -> str:
    """Hand the form in as it stands; where the application then is."""
    one.press("提交")
    expect(one.page.locator(".errsum")).to_have_count(0)
    return one.path


def decide(staff: Clerk, title: str, deed: str, remarks: Mapping[str, str] | None = None) -> None:
    """Staff who stand before the queue open what waits under that title, and decide; it leads back to the queue."""
    staff.page.locator("#result_list tbody tr", has_text=title).locator("th a").first.click()
    staff.page.wait_for_url(f"**{QUEUE}*/change/**")
    for name, text in (remarks or {}).items():
        staff.page.fill(f'[name="remark.{name}"]', text)
    staff.press(deed, exact=True)
    expect(staff.page.locator(".messagelist .success")).to_be_visible()


def decide_all(staff: Clerk, walkers: Sequence["Walker"], deed: str) -> None:
    """One visit of the queue for what all of them handed in."""
    staff.go(QUEUE)
    for walker in walkers:
        decide(staff, walker.newcomer.name, deed)


def guard(one: Clerk) -> None:
    """An administrator sets up the app that shows codes, before anything else."""
    one.go("/")
    set_up_app(one)


def set_up_app(one: Clerk) -> None:
    """Whoever is an administrator now is led here from whatever page, and on to the desk."""
    assert one.path.startswith("/second-factor/")
    one.page.get_by_role("link", name="验证器").first.click()
    secret = one.page.locator("code.secret").inner_text().replace(" ", "")
    one.page.locator('[name="code"]').fill(code_at(secret_bytes(secret), int(time.time()) // STEP_SECONDS))
    one.press("核对并启用")


def secret_bytes(text: str) -> bytes:
    """The secret of an app, as people type it."""
    return base64.b32decode(text + "=" * (-len(text) % 8))


# --- the way, step by step: nobody types an address ---------------------------------------------------------------------


@dataclass(frozen=True)
class Walker:
    """A newcomer at the browser."""

    newcomer: Newcomer
    one: Clerk

    def open(self, link: str) -> None:
        """Follow a link of the page by its place, wherever it leads."""
        with self.one.page.expect_navigation() as came:
            self.one.page.locator(link).first.click()
        assert came.value is None or came.value.ok, f"{self.newcomer.of_type} at {self.one.path}: {came.value.status}"
        self.one.look()

    def onward(self) -> None:
        """From wherever one is by the menu to the desk, and to the next step that it names."""
        self.open('nav a[href="/"]')
        assert self.one.path == "/", self.one.path
        self.open(".next a")

    def prepares(self, typed: Mapping[str, str], *papers: str) -> None:
        """The next item of the preparation, as desk and list name it: its evidence is handed in."""
        self.onward()
        assert self.one.path == "/preparation/"
        self.open(".next a")
        fill_in(self.one, typed, papers)
        hand_in(self.one)


def opens_an_account(walker: Walker) -> str:
    """The enterprise and its papers; where the application is."""
    newcomer, one = walker.newcomer, walker.one
    one.follow("申请企业开户")
    fill_in(
        one,
        {
            "name": newcomer.name, "credit_code": newcomer.credit_code, "customs_code": newcomer.customs_code,
            "registration_customs": "2", "legal_representative": "季明岚", "contact_name": "宋归帆",
            "contact_phone": "13800001234", "contact_email": "contact@example.org",
        },
        ("business_licence",),
    )  # fmt: skip
    return hand_in(one)


def is_sent_back_twice(walker: Walker, account: str, staff: Clerk) -> None:
    """A remark at its field, corrected; another one, corrected."""
    one, name = walker.one, walker.newcomer.name
    decide(staff, name, "退回补正", {"website": "请补网站"})
    one.go(account)
    expect(one.page.locator("#website_remark, #id_website_remark")).to_contain_text("请补网站")
    fill_in(one, {"website": "https://shop.example.org/"})
    hand_in(one)
    staff.go(QUEUE)
    decide(staff, name, "退回补正", {"business_licence": "请换清晰的扫描件"})
    one.go(account)
    fill_in(one, {}, ("business_licence",))
    hand_in(one)


def registers_types(walker: Walker) -> None:
    """Guards the account, and is led to the registration of types."""
    walker.open('nav a[href="/"]')
    set_up_app(walker.one)
    walker.open('main a[href="/"]')
    walker.open(".next a")
    fill_in(walker.one, {"types": walker.newcomer.of_type, **walker.newcomer.licence}, walker.newcomer.type_papers)
    hand_in(walker.one)


def shows_the_card(walker: Walker) -> None:
    """电子口岸 IC 卡."""
    typed = {"medium": "ic_card", "number": f"8931{walker.newcomer.mark}", "progress": "done"}
    walker.prepares(typed, "service_form", "customs_certificate", "legal_representative_id", "operator_id")


def files_its_types(walker: Walker) -> None:
    """企业类型备案, with the visit where there is always one."""
    of_type = EnterpriseType(walker.newcomer.of_type)
    typed = {"filed_types": TICKS[of_type].value, "website": "https://shop.example.org/", "filed_on": "2025-06-02"}
    walker.prepares(typed | ({"visited_on": "2025-06-09"} if of_type in VISITS else {}), "filing_page")


def names_its_certificate(walker: Walker) -> None:
    """加密证书."""
    walker.prepares({"way": "device", "number": f"JM2025{walker.newcomer.mark}"})


def gets_its_number(walker: Walker) -> None:
    """DXP ID for imports."""
    walker.prepares({"dxp_id": f"DXPENT00009300{walker.newcomer.mark[-2:]}"})


def guarantees(walker: Walker) -> None:
    """担保金账户."""
    typed = {"variety": "deposit", "number": f"DB{walker.newcomer.mark}", "amount": "100000"}
    walker.prepares(typed, "guarantee_paper")


def asks_for_a_key(walker: Walker) -> None:
    """A key made here, for the environment the portal runs in; the signing service makes it while others go on."""
    walker.onward()
    assert walker.one.path == "/credentials/"
    walker.open(f"{HERE} header a")
    walker.one.press("制作密钥")


def registers_its_certificate(walker: Walker, folder: Path, office: str) -> None:
    """The request goes to the card centre, what it issues is paired with the key; then the consent."""
    one, asked = walker.one, folder / f"{walker.newcomer.mark}.csr"
    walker.onward()
    while not (waits := one.page.get_by_role("link", name="下载证书请求")).count():
        walker.open('.note a[href="/credentials/"]')
    with one.page.expect_download() as download:
        waits.click()
    download.value.save_as(asked)
    issued = folder / f"{walker.newcomer.mark}.pem"
    issued.write_bytes(issued_by(office, one, asked.read_text()))
    one.follow("上传签发的证书")
    one.page.set_input_files('input[type="file"]', issued)
    one.press("上传并配对")
    expect(one.page.locator(f"{HERE} .st-ok")).to_contain_text("使用中")
    walker.onward()
    one.page.locator('[name="agreed"]').check()
    one.press("同意云加签")
    expect(one.page.locator("h1 + .st-ok")).to_contain_text("已同意")


def issued_by(address: str, one: Clerk, request: str) -> bytes:
    """What the pretended card centre makes of a request pasted into its form."""
    office = one.context.new_page()
    office.goto(address)
    office.get_by_label("粘贴证书请求").fill(request)
    with office.expect_download() as download:
        office.get_by_role("button", name="签发并下载证书").click()
    assert download.value.suggested_filename == "issued.pem"
    content = download.value.path().read_bytes()
    office.close()
    return content


def applies_for_its_service(walker: Walker) -> None:
    """One service, with the licence where it asks for one."""
    newcomer, one = walker.newcomer, walker.one
    walker.onward()
    walker.open(f'button[name="apply"][value="{newcomer.service}"]')
    fill_in(one, {"district": "2216", "clearance_code": newcomer.clearing}, newcomer.service_papers)
    hand_in(one)


def applies_to_go_live(walker: Walker) -> None:
    """Everything is there."""
    walker.onward()
    walker.one.press("申请页面上线")
    walker.one.page.locator('[name="confirmed"]').check()
    hand_in(walker.one)


def customs_knows(address: str, walkers: Sequence[Walker]) -> None:
    """Whoever went live is registered with customs by itself."""

    def all_known() -> bool:
        with urlopen(address, timeout=10) as page:
            text = page.read().decode()
        return all(walker.newcomer.customs_code in text for walker in walkers)

    until(all_known, seconds=PATIENCE_SECONDS, what="customs knows them all")


def files_its_first_document(walker: Walker) -> None:
    """From the desk to the form, by form to the page of the document; there it stands in the list, and customs takes it.

    What waits for others' documents has nothing to sign yet.
    """
    one, (slug, entry, number) = walker.one, first_document(walker.newcomer)
    walker.open('nav a[href="/"]')
    expect(one.page.locator(".note, .next")).to_have_count(0)
    walker.open(f'.acts a[href="/{slug}/new/"]')
    one.fill(cells_of(entry))
    one.press("申报 1 票")
    expect(one.page.locator("ol.lamps")).to_be_visible()
    walker.open(f'nav a[href="/{slug}/"]')
    expect(one.page.locator("#list tbody tr")).to_have_count(1)
    expect(one.page.locator("#list tbody tr")).to_contain_text(number)
    state = one.page.locator("#list tbody td.state")

    def is_answered() -> bool:
        one.page.reload()
        return not any(word in state.inner_text() for word in ("待发送", "已发送"))

    until(is_answered, seconds=PATIENCE_SECONDS, what=f"{slug} {number} signed, sent and answered")
    expect(state).to_contain_text("申报中" if slug in SENT_AT_ONCE else "等待")


def first_document(newcomer: Newcomer) -> tuple[str, Entry, str]:
    """The kind an enterprise of that type files first, what it says, and the number it is found by."""
    n, own = 9000 + int(newcomer.mark[-2:]), {"code": newcomer.customs_code, "name": newcomer.name}

    def named(*parties: str) -> dict[str, str]:
        return {f"{party}_{what}": said for party in parties for what, said in own.items()}

    if newcomer.of_type in ("platform", "merchant"):
        entry = make.order(n, lines=1, **named("ebp" if newcomer.of_type == "platform" else "ebc"))
        return "order", entry, entry.head["order_no"]
    if newcomer.of_type == "payment":
        entry = make.payment(n, lines=1)
        return "payment", entry, entry.head["pay_transaction_id"]
    if newcomer.of_type == "warehouse":  # the warehouse as agent in China of the merchant abroad: its own list
        entry = make.inventory(n, lines=1, assure_code=newcomer.customs_code, **named("ebc", "area"))
        return "inventory", entry, entry.head["order_no"]
    direct = {"bill_no": f"6180{n:07}"} if newcomer.of_type == "direct_logistics" else {}
    entry = make.waybill(n, lines=1, **direct)
    return "waybill", entry, entry.head["logistics_no"]


def test_six_visitors_become_enterprises_that_file(chromium: Browser, portal: Stack, tmp_path: Path) -> None:
    seen: set[str] = set()
    walkers = [Walker(newcomer, visitor(chromium, portal, scripts=True)) for newcomer in NEWCOMERS]
    accounts, customs = {}, f"http://127.0.0.1:{portal.sandbox_port}/"
    for walker in walkers:
        walker.one.pages = seen
        register(walker.one, portal.data / "log" / "web.log", walker.newcomer.user, walker.newcomer.phone)
        accounts[walker.newcomer.of_type] = opens_an_account(walker)
    guarantors = [walker for walker in walkers if walker.newcomer.of_type in GUARANTORS]
    with clerk(chromium, portal, "staff") as staff, clerk(chromium, portal, "reviewer") as reviewer:
        staff.pages = reviewer.pages = seen
        staff.go(QUEUE)
        (merchant,) = (walker for walker in walkers if walker.newcomer.of_type == "merchant")
        is_sent_back_twice(merchant, accounts["merchant"], staff)
        decide_all(staff, walkers, "初审通过")
        decide_all(reviewer, walkers, "复核通过")
        for step in (registers_types, shows_the_card, files_its_types, names_its_certificate, gets_its_number):
            for walker in walkers:
                step(walker)
            decide_all(staff, walkers, "通过")
        for walker in guarantors:
            guarantees(walker)
        decide_all(staff, guarantors, "初审通过")
        decide_all(reviewer, guarantors, "复核通过")
        for walker in walkers:
            asks_for_a_key(walker)
        for walker in walkers:
            registers_its_certificate(walker, tmp_path, customs)
        for step in (applies_for_its_service, applies_to_go_live):
            for walker in walkers:
                step(walker)
            decide_all(staff, walkers, "通过")
    customs_knows(customs, walkers)
    for walker in walkers:
        files_its_first_document(walker)
        assert walker.one.faults == [], "\n".join(walker.one.faults)
        walker.one.context.close()


def test_staff_open_a_public_site_and_invite_its_operator(chromium: Browser, portal: Stack) -> None:
    name, log = "上海桐溪公共监管场所有限公司", portal.data / "log" / "web.log"
    with clerk(chromium, portal, "staff") as staff, clerk(chromium, portal, "reviewer") as reviewer:
        staff.go("/admin/accounts/enterprise/add/")
        typed = {"name": name, "credit_code": "913101150000930683", "customs_code": "312226DM78"}
        fill_in(staff, {**typed, "customs_district": "2233", "park": "浦东机场综合保税区"})
        staff.page.locator('[name="_save"]').click()
        expect(staff.page.locator(".messagelist .success")).to_be_visible()
        reviewer.go(QUEUE)
        decide(reviewer, name, "通过")
        staff.go("/admin/accounts/invitation/add/")
        staff.page.locator(".field-enterprise .select2-selection").click()
        staff.page.locator(".select2-search__field").fill(name)
        staff.page.locator(".select2-results__option", has_text=name).click()
        fill_in(staff, {"email": "operator@example.org", "roles": "administrator", "reason": "新开监管场所"})
        staff.page.locator('[name="_save"]').click()
        expect(staff.page.locator(".messagelist .success")).to_be_visible()
    link = brought(log, r"To: operator@example.org[\s\S]*?(/invitations/[\w-]+/)")
    one = visitor(chromium, portal, scripts=True)
    register(one, log, "operator", "13800078000")
    one.go(link)
    one.press("接受邀请")
    guard(one)
    one.go("/")
    expect(one.page.locator(".firm")).to_contain_text(name)
    expect(one.page.locator(".note")).to_have_count(0)
    assert one.faults == [], "\n".join(one.faults)
    one.context.close()
