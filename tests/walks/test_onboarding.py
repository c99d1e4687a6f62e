"""From a visitor to an enterprise that may file, for each of the six types that may apply: by pages and admin alone."""

import base64
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from accounts.second_factor import STEP_SECONDS, code_at
from tests.accounts.papers import PDF
from tests.conftest import Stack
from tests.pages.canaries import load_people
from tests.walks.browser import CHROMIUM, QUIETLY, Clerk, clerk
from tests.walks.test_signing_in import brought, register, visitor

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="CHROMIUM IS NOT INSTALLED: NO PAGE WAS WALKED IN A BROWSER"),
]
QUEUE = "/admin/accounts/application/"


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
    """Staff open what waits in the queue under that title, and decide."""
    staff.go(QUEUE)
    staff.page.locator("#result_list tbody tr", has_text=title).locator("th a").first.click()
    staff.page.wait_for_url(f"**{QUEUE}*/change/**")
    for name, text in (remarks or {}).items():
        staff.page.fill(f'[name="remark.{name}"]', text)
    staff.press(deed, exact=True)
    expect(staff.page.locator(".messagelist .success")).to_be_visible()


def guard(one: Clerk) -> None:
    """An administrator sets up the app that shows codes, before anything else."""
    one.go("/")
    assert one.path.startswith("/second-factor/")
    one.page.get_by_role("link", name="验证器").first.click()
    secret = one.page.locator("code.secret").inner_text().replace(" ", "")
    one.page.locator('[name="code"]').fill(code_at(secret_bytes(secret), int(time.time()) // STEP_SECONDS))
    one.press("核对并启用")


def secret_bytes(text: str) -> bytes:
    """The secret of an app, as people type it."""
    return base64.b32decode(text + "=" * (-len(text) % 8))


@pytest.mark.parametrize("newcomer", NEWCOMERS, ids=lambda one: one.of_type)
def test_a_visitor_becomes_an_enterprise_that_files(chromium: Browser, portal: Stack, newcomer: Newcomer) -> None:
    one = visitor(chromium, portal, scripts=True)
    register(one, portal.data / "log" / "web.log", newcomer.user, f"138000{newcomer.customs_code[-2:]}000")
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
    account = hand_in(one)
    with clerk(chromium, portal, "staff") as staff, clerk(chromium, portal, "reviewer") as reviewer:
        if newcomer.of_type == "merchant":  # sent back twice
            decide(staff, newcomer.name, "退回补正", {"website": "请补网站"})
            one.go(account)
            expect(one.page.locator("#website_remark, #id_website_remark")).to_contain_text("请补网站")
            fill_in(one, {"website": "https://shop.example.org/"})
            hand_in(one)
            decide(staff, newcomer.name, "退回补正", {"business_licence": "请换清晰的扫描件"})
            one.go(account)
            fill_in(one, {}, ("business_licence",))
            hand_in(one)
        decide(staff, newcomer.name, "初审通过")
        decide(reviewer, newcomer.name, "复核通过")
        guard(one)
        one.go("/applications/types/")
        fill_in(one, {"types": newcomer.of_type, **newcomer.licence}, newcomer.type_papers)
        hand_in(one)
        decide(staff, newcomer.name, "通过")
        one.go("/services/")
        one.page.locator(f'button[name="apply"][value="{newcomer.service}"]').click()
        one.page.wait_for_url("**/applications/**")
        fill_in(one, {"district": "2216", "clearance_code": newcomer.clearing}, newcomer.service_papers)
        hand_in(one)
        decide(staff, newcomer.name, "通过")
        one.go("/services/")
        one.press("申请页面上线")
        one.page.locator('[name="confirmed"]').check()
        hand_in(one)
        decide(staff, newcomer.name, "通过")
    one.go("/services/")
    expect(one.page.locator("main")).to_contain_text("已上线")
    one.go("/")
    expect(one.page.locator(".note")).to_have_count(0)
    assert one.faults == [], "\n".join(one.faults)
    one.context.close()


def test_staff_open_a_public_site_and_invite_its_operator(chromium: Browser, portal: Stack) -> None:
    name, log = "上海桐溪公共监管场所有限公司", portal.data / "log" / "web.log"
    with clerk(chromium, portal, "staff") as staff, clerk(chromium, portal, "reviewer") as reviewer:
        staff.go("/admin/accounts/enterprise/add/")
        typed = {"name": name, "credit_code": "913101150000930683", "customs_code": "312226DM78"}
        fill_in(staff, {**typed, "customs_district": "2233", "park": "浦东机场综合保税区"})
        staff.page.locator('[name="_save"]').click()
        expect(staff.page.locator(".messagelist .success")).to_be_visible()
        decide(reviewer, name, "通过")
        staff.go("/admin/accounts/invitation/add/")
        staff.page.locator(".field-enterprise .select2-selection").click()
        staff.page.locator(".select2-search__field").fill(name)
        staff.page.locator(".select2-results__option", has_text=name).click()
        fill_in(staff, {"email": "operator@example.org", "roles": "administrator"})
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
