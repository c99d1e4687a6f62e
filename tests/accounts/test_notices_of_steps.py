"""Whoever a step waits for is told of it, by one path: mandates, enterprises, certificates, members, and one's own account."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import consent, enrolment, mandates, members
from accounts.access import Actor
from accounts.cast import PASSWORD, Cast
from accounts.models import Announcement, Credential, Dismissal, Enterprise, Membership, Notice, User
from accounts.notices import mail_due, notify_members, warn
from accounts.roles import EnterpriseState, MemberRole
from accounts.second_factor import make_recovery_codes
from portal.folders import ROOT
from portal.sentences import speak
from portal.tenancy import acting_as
from tests.accounts.test_mandates import administrator, moved, proposed
from tests.accounts.throwaway import Issued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_failures")]


def told(user: User) -> list[str]:
    """What somebody was told, the oldest first."""
    return [speak(text) for text in Notice.objects.filter(user=user).order_by("id").values_list("text", flat=True)]


@pytest.fixture
def bare(cast: Cast) -> Cast:
    """Everybody, nobody with a mandate."""
    cast.enterprises["merchant"].mandates_given.all().delete()
    return cast


def another_head(cast: Cast, key: str) -> User:
    """One more administrator of an enterprise."""
    user = User.objects.create(username=f"{key}_other", name="另一位", email=f"{key}_other@example.org")
    Membership.objects.create(user=user, enterprise=cast.enterprises[key], roles=[MemberRole.ADMINISTRATOR])
    return user


# --- mandates -----------------------------------------------------------------------------------------------------------


def test_each_move_of_a_mandate_is_told_to_the_administrators_of_the_other_party(bare: Cast) -> None:
    merchant, warehouse = administrator(bare, "merchant").user, administrator(bare, "warehouse").user
    one = proposed(bare)
    name = bare.enterprises["merchant"].name
    assert told(warehouse) == [f"“{name}”提出保税进口委托，等贵企业答复"]
    assert told(bare.users["warehouse_filer"]) == [], "only administrators answer"
    waits = Notice.objects.get(user=warehouse)
    assert (waits.address, waits.enterprise) == (f"/mandates/{one.pk}/", bare.enterprises["warehouse"])
    moved(bare, one, mandates.accept, by="warehouse")
    assert told(merchant)[-1].startswith(f"“{bare.enterprises['warehouse'].name}”已接受保税进口委托")
    moved(bare, one, mandates.revoke, by="merchant")
    assert "已撤销保税进口委托" in told(warehouse)[-1]
    again = proposed(bare)
    moved(bare, again, mandates.revoke, by="merchant")
    assert "撤回了提出的" in told(warehouse)[-1]
    third = proposed(bare)
    moved(bare, third, mandates.decline, by="warehouse", reason="仓位不足")
    assert "没有接受" in told(merchant)[-1]
    assert len(told(merchant)) == 2, "nobody is told what they did themselves"


def test_a_page_reaches_no_enterprise_it_shares_no_mandate_with(bare: Cast) -> None:
    neighbour, merchant = bare.enterprises["neighbour"], bare.enterprises["merchant"]
    with acting_as(enterprise_id=neighbour.pk, user_id=bare.users["neighbour_filer"].pk):
        notify_members(merchant, "骚扰")
    assert not Notice.objects.filter(enterprise=merchant).exists()
    with acting_as(enterprise_id=merchant.pk, user_id=bare.users["merchant_filer"].pk):
        notify_members(merchant, "自己企业的事")
    assert told(bare.users["merchant_filer"]) == [] and told(bare.users["merchant_viewer"]) == ["自己企业的事"]


# --- enterprises --------------------------------------------------------------------------------------------------------


def set_state(staff: Client, enterprise: Enterprise, state: str, reason: str) -> None:
    data = {
        "name": enterprise.name, "credit_code": enterprise.credit_code, "customs_code": enterprise.customs_code,
        "types": enterprise.types, "customs_district": enterprise.customs_district, "dxp_id": enterprise.dxp_id,
        "state": state, "reason": reason,
    }  # fmt: skip
    for prefix in ("memberships", "credentials"):
        data |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    answer = staff.post(f"/admin/accounts/enterprise/{enterprise.pk}/change/", data)
    assert answer.status_code == 302, answer.context["errors"]


def test_a_suspension_and_its_end_are_told_to_all_members(cast: Cast, client_of: Callable[[str], Client]) -> None:
    merchant, staff = cast.enterprises["merchant"], client_of("staff")
    set_state(staff, merchant, EnterpriseState.SUSPENDED, "材料失效")
    set_state(staff, merchant, EnterpriseState.APPROVED, "材料已补")
    for username in ("merchant_viewer", "merchant_administrator", "merchant_finance"):
        assert told(cast.users[username]) == [
            f"“{merchant.name}”已暂停，只能查看，不能申报。原因：材料失效",
            f"“{merchant.name}”已恢复，可以继续申报。说明：材料已补",
        ]
    assert told(cast.users["neighbour_filer"]) == []


# --- certificates and consent -------------------------------------------------------------------------------------------


@pytest.fixture
def actor(cast: Cast, settings: Any, tmp_path: Path) -> Actor:
    settings.PORTAL_KEYS_DIR = tmp_path
    return cast.actor("merchant_administrator")


def behind(actor: Actor) -> Any:
    return acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk)


def test_what_is_signed_with_is_told_to_the_other_administrators(cast: Cast, actor: Actor) -> None:
    other = another_head(cast, "merchant")
    with behind(actor):
        first, second = (enrolment.register_certificate(actor, "sandbox", Issued().pem()) for _both in range(2))
        for one in (first, second):  # as a signature of theirs shows
            one.proven_at = timezone.now()
            one.save(update_fields=["proven_at"])
        enrolment.put_to_use(actor, first)
        enrolment.put_to_use(actor, second)
        enrolment.put_to_use(actor, second)
        enrolment.stop(actor, second)
        consent.give(actor, consent.PRESENT_TEXT)
        consent.revoke(actor)
    said = told(other)
    assert [one[:4] for one in said] == ["测试环境"] * 3 + ["本企业已"] * 2
    assert "开始用" in said[0] and "改用" in said[1] and "已停用" in said[2]
    assert "已同意云加签" in said[3] and "已撤销云加签" in said[4]
    assert told(actor.user) == [] == told(cast.users["merchant_filer"])


def test_who_asked_for_a_key_is_told_once_it_is_made(cast: Cast, actor: Actor) -> None:
    with behind(actor):
        enrolment.ask_for_key(actor, "sandbox")
    enrolment.make_wanted_keys()
    (said,) = told(actor.user)
    assert "下载证书请求" in said and Notice.objects.get().address == "/credentials/"


# --- members ------------------------------------------------------------------------------------------------------------


def test_a_member_is_told_what_they_may_do_and_reads_it_also_when_removed(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    by, user = cast.actor("merchant_administrator"), cast.users["merchant_viewer"]
    membership, name = Membership.objects.get(user=user), cast.enterprises["merchant"].name
    with behind(by):
        members.change_roles(by=by, membership=membership, roles=[MemberRole.FILER, MemberRole.FINANCE])
        members.change_roles(by=by, membership=membership, roles=[MemberRole.FILER, MemberRole.FINANCE])
        members.remove(by=by, membership=membership)
    assert told(user) == [f"您在“{name}”的角色现在是：申报员 / 财务", f"您不再是“{name}”的成员，不能再代表它"]
    assert "您不再是" in client_of("merchant_viewer").get("/notices/").content.decode()
    with behind(by):
        members.restore(by=by, membership=membership)
        own = Membership.objects.get(user=by.user)
        Membership.objects.filter(pk=membership.pk)
        members.change_roles(by=by, membership=own, roles=[MemberRole.ADMINISTRATOR, MemberRole.VIEWER])
    assert len(told(user)) == 3 and told(by.user) == [], "nobody is told what they did themselves"


def test_roles_that_staff_change_are_told_too(cast: Cast, client_of: Callable[[str], Client]) -> None:
    user, one = cast.users["merchant_viewer"], Membership.objects.get(user=cast.users["merchant_viewer"])
    data = {
        "user": user.pk,
        "enterprise": one.enterprise_id,
        "roles": ["finance"],
        "active": "on",
        "reason": "企业来函",
    }
    for _twice in range(2):
        answer = client_of("staff").post(f"/admin/accounts/membership/{one.pk}/change/", data)
        assert answer.status_code == 302
    assert [text[-2:] for text in told(user)] == ["财务"]


def test_who_joins_is_told_to_the_administrators(cast: Cast) -> None:
    by, guest = cast.actor("merchant_administrator"), cast.users["stranger"]
    with behind(by):
        _invitation, token = members.invite(by=by, email=guest.email, roles=[MemberRole.VIEWER])
    with acting_as(enterprise_id=None, user_id=guest.pk):
        members.accept(user=guest, token=token)
    assert told(by.user) == [f"{guest.name} 已接受邀请，加入本企业"] and told(guest) == []


# --- one's own account --------------------------------------------------------------------------------------------------


def test_a_warning_is_mailed_although_it_was_read(cast: Cast) -> None:
    user = cast.users["merchant_filer"]
    with acting_as(enterprise_id=None, user_id=user.pk):
        warn(user, "密码已修改")
        warn(cast.users["merchant_viewer"], "别人的账号")
    assert told(cast.users["merchant_viewer"]) == [], "a page warns nobody else"
    Notice.objects.update(read_at=timezone.now())
    assert mail_due() == 1 and "密码已修改" in mail.outbox[0].body


def test_another_password_and_factor_are_told_to_their_owner(cast: Cast, client_of: Callable[[str], Client]) -> None:
    user, client = cast.users["merchant_filer"], client_of("merchant_filer")
    new = "lantern-meadow-42"
    client.post("/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert "您的密码已修改" in told(user)[0]
    staff, head = client_of("staff"), cast.users["merchant_administrator"]
    assert (
        client_of("merchant_administrator").post("/second-factor/app/remove/", {"password": PASSWORD}).status_code
        == 302
    )
    assert "停用了一种二次验证" in told(head)[0]
    asked = {"action": "reset_second_factor", "_selected_action": [user.pk], "reason": "本人到场核验"}
    staff.post("/admin/accounts/user/", asked)
    assert "平台工作人员已重置您的二次验证" in told(user)[1]
    wanted = {
        "reason": "本人来电",
        "password1": "another-lantern-9",
        "password2": "another-lantern-9",
        "usable_password": "true",
    }
    assert staff.post(f"/admin/accounts/user/{user.pk}/password/", wanted).status_code == 302
    assert "您的密码已修改" in told(user)[2]
    assert not Notice.objects.filter(is_warning=False, user=user).exists()
    of_member = [text for text in told(head) if f"成员 {user}" in text]
    assert ["二次验证" in text or "登录密码" in text for text in of_member] == [True, True]


def test_a_sign_in_by_a_recovery_code_is_told(cast: Cast) -> None:
    user = cast.users["staff"]
    code, *_others = make_recovery_codes(user)
    client = Client()
    client.post("/login/", {"username": "staff", "password": PASSWORD})
    assert client.post("/login/code/", {"code": code})["Location"] == "/"
    assert "恢复码还剩 9 个" in told(user)[0]


def test_a_new_browser_is_told_and_a_known_one_is_not(cast: Cast) -> None:
    user, agent = cast.users["merchant_filer"], "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"
    login = {"username": "merchant_filer", "password": PASSWORD}
    desk, phone = Client(headers={"User-Agent": agent}), Client(REMOTE_ADDR="203.0.113.8")
    desk.post("/login/", login)
    assert told(user) == [], "nobody is warned of their first sign-in"
    desk.post("/logout/")
    desk.post("/login/", login)
    assert told(user) == [], "the browser is known"
    phone.post("/login/", login)
    assert told(user) == [
        "您的账号在新的浏览器登录：未知设备，地址 203.0.113.8。不是您本人登录的，请让它退出并修改密码"
    ]
    phone.post("/logout/")
    phone.cookies["known_here"] = "forged:value"
    phone.post("/login/", login)
    assert len(told(user)) == 2
    phone.post("/logout/")
    phone.post("/login/", {"username": "merchant_viewer", "password": PASSWORD})
    phone.post("/logout/")
    phone.post("/login/", login)
    assert len(told(user)) == 2, "one browser knows several people"


def test_mail_leaves_by_notices_and_by_what_may_not_be_kept_and_by_nothing_else() -> None:
    sources = [one for app in ("accounts", "ledger", "declarations") for one in (ROOT / app).rglob("*.py")]
    found = {one.relative_to(ROOT).as_posix() for one in sources if "django.core.mail" in one.read_text()}
    assert found == {"accounts/notices.py", "accounts/outgoing.py"}


# --- announcements ------------------------------------------------------------------------------------------------------


def test_an_announcement_is_put_away_by_each_for_themselves(cast: Cast, client_of: Callable[[str], Client]) -> None:
    one = Announcement.objects.create(title="系统维护", text="周六停机", since=timezone.now() - timedelta(days=1))
    mine, other = client_of("merchant_filer"), client_of("merchant_viewer")
    put_away = reverse("announcement_dismiss", args=[one.pk])
    assert put_away in mine.get("/").content.decode()
    for _twice in range(2):
        assert mine.post(put_away)["Location"] == "/"
    assert "周六停机" not in mine.get("/").content.decode() and "周六停机" in other.get("/").content.decode()
    assert "周六停机" in mine.get("/announcements/").content.decode(), "it can still be read"
    with acting_as(enterprise_id=None, user_id=cast.users["merchant_viewer"].pk):
        assert not Dismissal.objects.exists(), "what others put away is theirs"


def test_past_announcements_stand_on_their_page_for_whom_they_were_meant(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    past = timezone.now() - timedelta(days=9)
    over = {"since": past, "until": past + timedelta(days=1)}
    Announcement.objects.create(title="去年的", text="结束了", **over)
    hidden = Announcement.objects.create(title="仓储的", text="别人的", types=["warehouse"], **over)
    later = Announcement.objects.create(title="明年的", text="还没有", since=timezone.now() + timedelta(days=9))
    filer = client_of("merchant_filer")
    page = filer.get("/announcements/").content.decode()
    assert "去年的" in page and "已结束" in page and "仓储的" not in page and "明年的" not in page
    assert "去年的" not in filer.get("/").content.decode()
    assert "仓储的" in client_of("warehouse_filer").get("/announcements/").content.decode()
    for one in (hidden, later):
        assert filer.post(reverse("announcement_dismiss", args=[one.pk])).status_code == 404
    assert Client().get("/announcements/")["Location"].startswith("/login/")


def test_a_certificate_counts_within_its_enterprise(cast: Cast) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'accounts_credential_serial_once'"
        )
        assert cursor.fetchone() == ("UNIQUE (enterprise_id, environment, serial)",)
    assert not Credential.objects.exists()
