"""A visitor registers at the browser and guards the account with a passkey; staff come in by password and code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.conftest import Stack, until
from tests.pages.canaries import load_people
from tests.walks.browser import CHROMIUM, QUIETLY, REFUSED_BY_POLICY, Clerk, clerk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="CHROMIUM IS NOT INSTALLED: NO PAGE WAS WALKED IN A BROWSER"),
]
PASSWORD = "lantern-meadow-42"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


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


def visitor(chromium: Browser, portal: Stack, *, scripts: bool) -> Clerk:
    """Somebody who calls the portal by a name: browsers do passkeys at no number."""
    context = chromium.new_context(locale="zh-CN", java_script_enabled=scripts)
    context.set_default_timeout(15_000)
    context.add_init_script(REFUSED_BY_POLICY)
    return Clerk(context, portal.address.replace("127.0.0.1", "localhost"), scripts=scripts)


def brought(log: Path, pattern: str) -> str:
    """The last of what the portal printed in place of letters and text messages."""
    until(lambda: re.findall(pattern, log.read_text(errors="replace")), what=pattern)
    return str(re.findall(pattern, log.read_text(errors="replace"))[-1])


def register(one: Clerk, log: Path, name: str, phone: str) -> None:
    """From the sign-in page to the desk."""
    one.go("/login/")
    one.follow("注册账号")
    one.page.get_by_label("邮箱").fill(f"{name}@example.org")
    one.page.get_by_label("手机").fill(phone)
    one.press("发送验证码")
    letter = rf"To: {name}@example.org[\s\S]*?验证码：(\d{{6}})"
    one.page.get_by_label("邮件中的验证码").fill(brought(log, letter))
    one.page.get_by_label("短信中的验证码").fill(brought(log, rf"SMS {phone}: 验证码 (\d{{6}})"))
    one.press("下一步")
    one.page.get_by_label("用户名").fill(name)
    one.page.get_by_label("姓名").fill("新来的人")
    one.page.get_by_label("密码", exact=True).fill(PASSWORD)
    one.press("完成注册")
    expect(one.page.locator("body")).to_contain_text("新来的人")
    assert one.path == "/"


@pytest.mark.parametrize(
    ("scripts", "name", "phone"), [(True, "xin_ren", "13800001111"), (False, "lao_ren", "13800002222")]
)
def test_a_visitor_registers_with_and_without_script(chromium, portal, scripts, name, phone):
    one = visitor(chromium, portal, scripts=scripts)
    register(one, portal.data / "log" / "web.log", name, phone)
    assert one.faults == []
    one.context.close()


def test_a_new_user_guards_the_account_with_a_passkey(chromium, portal):
    one = visitor(chromium, portal, scripts=True)
    device = one.context.new_cdp_session(one.page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    register(one, portal.data / "log" / "web.log", "yao_shi", "13800003333")
    one.go("/second-factor/passkey/")
    one.page.get_by_label("名称").fill("办公室电脑")
    one.press("添加", exact=True)
    expect(one.page.locator(".recovery li")).to_have_count(10)
    one.go("/second-factor/")
    one.page.context.clear_cookies()
    one.go("/login/")
    one.page.get_by_label("用户名").fill("yao_shi")
    one.page.get_by_label("密码", exact=True).fill(PASSWORD)
    one.press("登录", exact=True)
    one.page.get_by_role("button", name="用通行密钥验证").click()
    one.page.wait_for_url(f"{one.address}/")
    assert one.faults == []
    one.context.close()


def test_staff_come_in_by_password_and_code(chromium, portal):
    with clerk(chromium, portal, "staff") as staff:
        staff.go("/admin/")
        expect(staff.page.locator("#content")).to_be_visible()
