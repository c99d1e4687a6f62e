"""The second factor: who must have one, how it is set up, and that every code works once."""

import base64
import re
import time

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.urls import reverse

from accounts.cast import APP_SECRET, PASSWORD, one_time_code
from accounts.models import AuditEntry, AuthenticatorApp, Membership, RecoveryCode, User
from accounts.roles import MemberRole
from accounts.second_factor import STEP_SECONDS, code_at, make_recovery_codes
from portal.personal import pack
from portal.tenancy import acting_as
from tests.cast import prove

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cast", "no_failures")]
CODE_PAGE = "/login/code/"


def said(response) -> str:
    return " ".join(re.findall(r'class="err"[^>]*>.*?<span>(.*?)</span>', response.content.decode(), re.S))


def with_password(username: str, **more: str) -> Client:
    """Somebody who has typed the right password on the page."""
    client = Client()
    response = client.post("/login/", {"username": username, "password": PASSWORD, **more})
    assert response.status_code == 302
    return client


def type_code(client: Client, code: str, **more: str):
    return client.post(CODE_PAGE, {"code": code, **more})


def now() -> int:
    return int(time.time()) // STEP_SECONDS


def without_factor(username: str) -> None:
    AuthenticatorApp.objects.filter(user__username=username).delete()


def secret_on(page) -> bytes:
    """The secret as a person types it into the app."""
    shown = re.search(r'<code class="code secret">([A-Z2-7 ]+)</code>', page.content.decode())
    return base64.b32decode(shown[1].replace(" ", ""))


def set_up(client: Client) -> list[str]:
    """Set up an app by the pages; the recovery codes they show."""
    secret = secret_on(client.get("/second-factor/app/"))
    page = client.post("/second-factor/app/", {"code": code_at(secret, now())})
    assert page.status_code == 200, said(page)
    return re.findall(r"<li><code class=\"code\">([A-Z0-9-]{11})</code>", page.content.decode())


@pytest.mark.parametrize(("username", "home"), [("staff", "/admin/"), ("merchant_administrator", "/")])
def test_it_asks_those_who_have_one_for_a_code_after_the_password(username, home):
    client = Client()
    response = client.post("/login/", {"username": username, "password": PASSWORD, "next": "/enterprise/"})
    assert response["Location"] == f"{CODE_PAGE}?next=/enterprise/"
    assert client.get(home)["Location"].startswith("/login/"), "nobody is signed in by the password alone"
    assert not AuditEntry.objects.filter(action="sign_in").exists()
    before = client.cookies["sessionid"].value
    response = type_code(client, one_time_code(username), next=home)
    assert (response.status_code, response["Location"]) == (302, home)
    assert client.cookies["sessionid"].value != before
    assert client.get(home).status_code == 200
    assert AuditEntry.objects.get(action="sign_in").user.username == username


def test_it_asks_nobody_else(client_of):
    client = with_password("merchant_filer")
    assert client.get("/").status_code == 200
    assert client.get(CODE_PAGE)["Location"] == "/login/"


@pytest.mark.parametrize(("username", "page"), [("staff", "/admin/"), ("merchant_administrator", "/enterprise/")])
def test_it_leads_who_must_have_one_to_set_it_up_before_anything_else(username, page):
    without_factor(username)
    client = with_password(username)
    for address in (page, "/", "/password/", "/nothing/"):
        assert client.get(address)["Location"] == "/second-factor/", address
        assert client.post(address)["Location"] == "/second-factor/", address
    fragment = client.get(page, headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment["HX-Redirect"]) == (204, "/second-factor/")
    overview = client.get("/second-factor/")
    assert "设置验证器" in overview.content.decode() and 'class="side"' not in overview.content.decode()
    assert len(set_up(client)) == 10
    assert client.get(page).status_code == 200
    assert AuditEntry.objects.filter(action="second_factor_set", user__username=username).count() == 1
    client.post("/logout/")
    with_password(username)
    client = with_password(username)
    assert client.get(page)["Location"].startswith("/login/")


def test_it_leads_who_becomes_administrator_to_it_at_the_next_click(cast):
    client = with_password("merchant_viewer")
    assert client.get("/enterprise/").status_code == 200
    Membership.objects.filter(user=cast.users["merchant_viewer"]).update(roles=[MemberRole.ADMINISTRATOR])
    assert client.get("/enterprise/")["Location"] == "/second-factor/"
    Membership.objects.filter(user=cast.users["merchant_viewer"]).update(active=False)
    assert client.get("/second-factor/").status_code == 200
    assert client.get("/").status_code == 200


def test_it_lets_who_owes_it_leave_and_read_in_english():
    without_factor("staff")
    client = with_password("staff")
    assert client.post("/language/setlang/", {"language": "en"}).status_code == 302
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/second-factor/")["Location"].startswith("/login/")


def test_it_is_there_for_anybody_who_wants_it():
    client = with_password("merchant_filer")
    codes = set_up(client)
    assert client.get("/").status_code == 200
    client = with_password("merchant_filer")
    assert client.get("/")["Location"].startswith("/login/")
    assert type_code(client, codes[0]).status_code == 302
    assert client.get("/").status_code == 200


def test_it_takes_a_code_once():
    first, second = with_password("staff"), with_password("staff")
    code = one_time_code("staff")
    assert type_code(first, code).status_code == 302
    assert said(type_code(second, code)) == "验证码不对或已经用过，还可以试 4 次"
    assert type_code(second, one_time_code("staff")).status_code == 302
    old = code_at(APP_SECRET, now() - 1)
    assert said(type_code(with_password("staff"), old)) == "验证码不对或已经用过，还可以试 4 次"


def test_it_takes_a_recovery_code_once_however_it_is_typed(cast):
    codes = make_recovery_codes(cast.users["staff"])
    assert type_code(with_password("staff"), f" {codes[0].lower().replace('-', ' ')}").status_code == 302
    assert said(type_code(with_password("staff"), codes[0])) == "验证码不对或已经用过，还可以试 4 次"
    assert RecoveryCode.objects.filter(user=cast.users["staff"], used_at=None).count() == 9
    assert AuditEntry.objects.filter(action="recovery_code_used").count() == 1
    assert said(type_code(with_password("merchant_administrator"), codes[1])).startswith("验证码不对")


def test_it_reads_full_width_digits():
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in one_time_code("staff"))
    assert type_code(with_password("staff"), f"{wide[:3]} {wide[3:]}").status_code == 302


@pytest.mark.parametrize(
    "code",
    ["", "0", "١٢٣٤٥٦", "12345x", "-" * 64, "x" * 10_000, "'; DROP TABLE accounts_user; --", "😀" * 6, "%s", "²²²²²²"],
)
def test_it_refuses_garbage_and_what_is_past_alike(code):
    response = type_code(with_password("staff"), code)
    assert response.status_code == 200
    assert said(response)


@pytest.mark.parametrize("away", [-3, 3])
def test_it_refuses_the_codes_of_other_times(away):
    client = with_password("staff")
    assert said(type_code(client, code_at(APP_SECRET, now() + away))) == "验证码不对或已经用过，还可以试 4 次"


def test_it_locks_the_account_after_five_wrong_codes_from_wherever(cast):
    for number in range(5):
        client = with_password("staff")
        response = client.post(CODE_PAGE, {"code": "000000"}, REMOTE_ADDR=f"203.0.113.{number}")
    assert said(response) == "尝试次数过多，请 15 分钟后再试"
    locked = with_password("staff").post(CODE_PAGE, {"code": one_time_code("staff")}, REMOTE_ADDR="203.0.113.99")
    assert said(locked) == "尝试次数过多，请 15 分钟后再试"
    recovery = make_recovery_codes(cast.users["staff"])[0]
    assert said(type_code(with_password("staff"), recovery)) == "尝试次数过多，请 15 分钟后再试"
    assert (
        type_code(with_password("merchant_administrator"), one_time_code("merchant_administrator")).status_code == 302
    )
    refused = AuditEntry.objects.filter(action="second_factor_refused")
    assert refused.count() == 5 and "000000" not in str(list(refused.values()))


def test_it_closes_when_wrong_codes_cannot_be_counted(settings):
    client = with_password("staff")
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///nowhere/redis.sock"}}
    response = type_code(client, one_time_code("staff"))
    assert response.status_code == 503 and said(response).startswith("暂时无法登录")


def test_it_forgets_after_ten_minutes_that_the_password_was_right(cast):
    client = with_password("staff")
    session = client.session
    session["second_factor_of"] = {**session["second_factor_of"], "until": int(time.time()) - 1}
    session.save()
    assert type_code(client, one_time_code("staff"))["Location"] == "/login/"


@pytest.mark.parametrize("change", ["password", "active"])
def test_it_forgets_so_when_the_account_has_changed_meanwhile(change, cast):
    client, user = with_password("staff"), cast.users["staff"]
    if change == "password":
        user.set_password("oyster-cabinet-17")
    else:
        user.is_active = False
    user.save()
    assert type_code(client, one_time_code("staff"))["Location"] == "/login/"
    assert not AuditEntry.objects.filter(action="sign_in").exists()


def test_it_asks_a_session_begun_before_for_the_code_too(cast):
    without_factor("merchant_administrator")
    early = with_password("merchant_administrator")
    late = with_password("merchant_administrator")
    set_up(late)
    assert early.get("/")["Location"] == "/second-factor/"
    for address in ("/second-factor/", "/second-factor/app/"):
        assert early.get(address)["Location"] == f"{CODE_PAGE}?next=/second-factor/"
    assert early.post("/second-factor/app/remove/", {"password": PASSWORD})["Location"].startswith(CODE_PAGE)
    assert AuthenticatorApp.objects.filter(user=cast.users["merchant_administrator"]).exists()
    codes = make_recovery_codes(cast.users["merchant_administrator"])
    assert type_code(early, codes[0]).status_code == 302
    assert early.get("/").status_code == 200


def test_it_sets_up_nothing_without_the_right_code():
    client = with_password("merchant_filer")
    secret = secret_on(client.get("/second-factor/app/"))
    for wrong in ("000000", "", "x" * 10_000, code_at(secret, now() + 5)):
        page = client.post("/second-factor/app/", {"code": wrong})
        assert page.status_code == 200 and said(page), wrong
        assert secret_on(page) == secret, "what was scanned stays right"
    assert not AuthenticatorApp.objects.filter(user__username="merchant_filer").exists()
    fresh = with_password("merchant_filer")  # a code without having seen a secret
    assert fresh.post("/second-factor/app/", {"code": code_at(secret, now())}).status_code == 200
    assert not AuthenticatorApp.objects.filter(user__username="merchant_filer").exists()
    assert client.post("/second-factor/app/", {"code": code_at(secret, now())}).status_code == 200
    assert client.get("/second-factor/app/")["Location"] == "/second-factor/"


def test_it_keeps_no_secret_in_plain(cast):
    client = with_password("merchant_filer")
    secret = secret_on(client.get("/second-factor/app/"))
    assert base64.b32encode(secret).decode() not in str(dict(client.session.items()))
    codes = set_up(client)
    kept = AuthenticatorApp.objects.get(user=cast.users["merchant_filer"])
    assert secret not in bytes(kept.secret)
    digests = b"".join(bytes(one.digest) for one in RecoveryCode.objects.all())
    assert not any(code.replace("-", "").encode() in digests for code in codes)


def test_it_takes_nothing_away_without_the_password(client_of, cast):
    client = client_of("merchant_administrator")
    for page in ("/second-factor/app/remove/", "/second-factor/codes/"):
        assert said(client.post(page, {"password": "wrong"})) == "密码不对"
        assert said(client.post(page)) == "请填写现在的密码"
        assert client.get(page).status_code == 405
    assert AuthenticatorApp.objects.filter(user=cast.users["merchant_administrator"]).exists()
    page = client.post("/second-factor/codes/", {"password": PASSWORD})
    assert len(re.findall(r"<li><code", page.content.decode())) == 10
    response = client.post("/second-factor/app/remove/", {"password": PASSWORD})
    assert response["Location"] == "/second-factor/"
    assert not RecoveryCode.objects.filter(user=cast.users["merchant_administrator"]).exists()
    assert client.get("/")["Location"] == "/second-factor/", "an administrator sets up another at once"
    assert AuditEntry.objects.filter(action="second_factor_removed").count() == 1


def test_it_counts_guesses_of_the_password_there(client_of, cast):
    client = client_of("merchant_administrator")
    for _number in range(5):
        client.post("/second-factor/app/remove/", {"password": "wrong"})
    assert said(client.post("/second-factor/app/remove/", {"password": PASSWORD})).startswith("尝试次数过多")
    assert AuthenticatorApp.objects.filter(user=cast.users["merchant_administrator"]).exists()


def test_it_walls_factors_off_by_person(cast):
    mine, other = cast.users["merchant_filer"], cast.users["merchant_administrator"]
    make_recovery_codes(other)
    actor = cast.actor("merchant_filer")
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=mine.pk):
        assert not AuthenticatorApp.objects.exists() and not RecoveryCode.objects.exists()
        assert AuthenticatorApp.objects.filter(user=other).delete()[0] == 0
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            AuthenticatorApp.objects.create(user=other, secret=b"x")
    with acting_as(enterprise_id=None, user_id=other.pk, role="portal_staff"):
        with (
            connection.cursor() as cursor,
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
        ):
            cursor.execute("SELECT secret FROM accounts_authenticatorapp")


@pytest.mark.parametrize("column", ["secret = 'x'", "user_id = 1"])
def test_it_lets_no_page_rewrite_a_factor(cast, column):
    user = cast.users["staff"]
    with acting_as(enterprise_id=None, user_id=user.pk), connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            cursor.execute(f"UPDATE accounts_authenticatorapp SET {column}")


def test_it_lets_no_used_code_be_used_again_by_sql(cast):
    user = cast.users["staff"]
    make_recovery_codes(user)
    RecoveryCode.objects.filter(user=user).update(used_at="2026-01-01T00:00Z")
    with acting_as(enterprise_id=None, user_id=user.pk):
        assert RecoveryCode.objects.filter(user=user).update(used_at=None) == 0


def test_a_command_says_the_code_of_whoever_has_an_app_and_never_in_production(cast, capsys, settings):
    registered = User.objects.create(username="somebody", email="somebody@example.org")
    AuthenticatorApp.objects.create(user=registered, secret=pack(b"x" * 20, "accounts_authenticatorapp.secret"))
    for username in ("staff", "somebody"):
        call_command("one_time_code", username)
        assert re.fullmatch(r"\d{6}\n", capsys.readouterr().out)
    for username, why in (("merchant_filer", "no authenticator app"), ("nobody", "no user nobody")):
        with pytest.raises(CommandError, match=why):
            call_command("one_time_code", username)
    settings.PORTAL_ENV = "production"
    with pytest.raises(CommandError, match="PORTAL_ENV=production"):
        call_command("one_time_code", "staff")


def test_staff_reset_it_for_who_lost_it_and_superusers_alone_for_staff(client_of, cast):
    asked = {"reason": "本人到场核验", "action": "reset_second_factor", "_selected_action": []}
    deputy = User.objects.create(username="deputy", is_staff=True)
    deputy.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    set_up_for(deputy)
    both = [cast.users["staff"].pk, cast.users["merchant_administrator"].pk]
    client = Client()
    client.force_login(deputy)
    prove(client)
    client.post("/admin/accounts/user/", {**asked, "_selected_action": both})
    assert set(AuthenticatorApp.objects.values_list("user__username", flat=True)) == {
        "auditor", "deputy", "reviewer", "staff", "warehouse_administrator",
    }  # fmt: skip
    client_of("staff").post("/admin/accounts/user/", {**asked, "_selected_action": [deputy.pk]})
    assert set(AuthenticatorApp.objects.values_list("user__username", flat=True)) == {
        "auditor", "reviewer", "staff", "warehouse_administrator",
    }  # fmt: skip
    assert AuditEntry.objects.filter(action="second_factor_removed").count() == 2
    assert with_password("merchant_administrator").get("/")["Location"] == "/second-factor/"


def set_up_for(user: User) -> None:
    AuthenticatorApp.objects.create(user=user, secret=pack(APP_SECRET, "accounts_authenticatorapp.secret"))
    make_recovery_codes(user)


def test_it_links_each_page_to_the_next(client_of):
    page = client_of("merchant_filer").get("/").content.decode()
    assert f'href="{reverse("second_factor")}"' in page


def test_a_reset_ends_the_sessions_of_before(client_of, cast):
    administrator = with_password("merchant_administrator")
    type_code(administrator, one_time_code("merchant_administrator"))
    assert administrator.get("/").status_code == 200
    asked = {
        "reason": "本人到场核验",
        "action": "reset_second_factor",
        "_selected_action": [cast.users["merchant_administrator"].pk],
    }
    client_of("staff").post("/admin/accounts/user/", asked)
    assert administrator.get("/")["Location"].startswith("/login/")
