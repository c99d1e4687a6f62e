"""From a visitor to a user, and a new password for a forgotten one; neither tells whether an account exists."""

import re
import time

import pytest
from django.core import mail
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import sign_in
from accounts.access import PROVEN_IN_SESSION
from accounts.cast import PASSWORD, one_time_code
from accounts.forms import AccountForm
from accounts.models import AuditEntry, Notice, User
from accounts.models.who import PHONE_PLACE
from accounts.outgoing import write_mail
from portal.personal import open_sealed
from portal.sentences import speak
from portal.tenancy import acting_as

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cast", "no_failures")]
EMAIL, PHONE, NEW = "xinren@example.org", "13800001234", "lantern-meadow-42"
TAKEN = "Merchant_Filer@Example.org"


def said(response) -> str:
    return " ".join(re.findall(r'class="err"[^>]*>.*?<span>(.*?)</span>', response.content.decode(), re.S))


def bare(response) -> str:
    """The page without what differs from one answer to the next."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", response.content.decode())


class Post:
    """What the postman and the telephone bring."""

    def __init__(self, committed, capsys) -> None:
        self.committed, self.capsys = committed, capsys

    def send(self, client: Client, path: str, **data: str):
        """One POST, and all that is sent after its commit."""
        mail.outbox.clear()
        with self.committed(execute=True):
            response = client.post(path, data)
        self.sms = self.capsys.readouterr().out
        return response

    @property
    def email_code(self) -> str:
        (letter,) = mail.outbox
        return re.search(r"验证码：(\d{6})", letter.body)[1]

    @property
    def phone_code(self) -> str:
        return re.search(r"SMS \d{11}: 验证码 (\d{6})", self.sms)[1]


@pytest.fixture
def post(django_capture_on_commit_callbacks, capsys) -> Post:
    return Post(django_capture_on_commit_callbacks, capsys)


def checked(post: Post, email: str = EMAIL, phone: str = PHONE) -> Client:
    """A visitor who has proved address and telephone."""
    client = Client()
    assert post.send(client, "/register/", email=email, phone=phone)["Location"] == "/register/codes/"
    response = client.post("/register/codes/", {"email_code": post.email_code, "phone_code": post.phone_code})
    assert response["Location"] == "/register/account/", said(response)
    return client


def account(**more: str) -> dict[str, str]:
    return {"username": "xin_ren", "name": "新人", "password": NEW, **more}


def test_it_makes_a_user_of_a_visitor(post):
    client = checked(post, phone="+86 138-0000 1234")
    assert "xin_ren" not in client.get("/register/account/").content.decode()
    assert client.post("/register/account/", account())["Location"] == "/"
    user = User.objects.get(username="xin_ren")
    assert (user.email, user.name, user.is_staff, user.is_superuser, user.is_active) == (
        EMAIL,
        "新人",
        False,
        False,
        True,
    )
    assert open_sealed(bytes(user.phone), PHONE_PLACE) == PHONE
    assert not user.memberships.exists()
    home = client.get("/")
    assert home.status_code == 200 and "新人" in home.content.decode()
    assert {"registered", "sign_in"} == set(AuditEntry.objects.filter(user=user).values_list("action", flat=True))
    client.post("/logout/")
    for name in ("xin_ren", EMAIL.upper()):
        assert Client().post("/login/", {"username": name, "password": NEW})["Location"] == "/"


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/invitations/a-token/", "/invitations/a-token/"),
        ("https://evil.example/", "/"),
        ("logout", "/"),
        ("/admin/", "/"),
    ],
)
def test_who_came_for_an_invitation_is_led_back_to_it_and_nowhere_else(post, wanted, led):
    client = Client()
    post.send(client, f"/register/?next={wanted}", email=EMAIL, phone=PHONE)
    post.send(client, "/register/codes/", do="again")  # the way is not lost by a second letter
    client.post("/register/codes/", {"email_code": post.email_code, "phone_code": post.phone_code})
    assert client.post("/register/account/", account())["Location"] == led


def test_it_leads_there_from_the_sign_in_page(client_of):
    page = Client().get("/login/").content.decode()
    assert 'href="/register/"' in page and 'href="/password/forgotten/"' in page
    for path in ("/register/", "/register/codes/", "/register/account/", "/password/forgotten/"):
        assert client_of("merchant_filer").get(path)["Location"] == "/"


def test_it_answers_for_a_used_address_as_for_a_new_one_and_tells_its_owner(post):
    known, unknown = Client(), Client()
    answers = [post.send(known, "/register/", email=TAKEN, phone=PHONE)]
    (letter,) = mail.outbox
    assert (
        letter.to == [TAKEN]
        and "已有账号" in letter.subject
        and not re.search(r"\d{6}", letter.body.split("服务热线")[0])
    )
    code = post.phone_code
    answers.append(post.send(unknown, "/register/", email=EMAIL, phone=PHONE))
    assert len(mail.outbox) == 1 and "验证码" in mail.outbox[0].subject
    assert [(one.status_code, one["Location"]) for one in answers] == [(302, "/register/codes/")] * 2
    pages = [bare(known.get("/register/codes/")), bare(unknown.get("/register/codes/"))]
    assert pages[0].replace(TAKEN, EMAIL) == pages[1]
    for email_code in ("", "000000"):
        assert said(known.post("/register/codes/", {"email_code": email_code or "x", "phone_code": code})) == (
            "验证码不对，请核对最近收到的一条"
        )
    assert known.get("/register/account/")["Location"] == "/register/codes/"
    assert User.objects.filter(email__iexact=TAKEN).count() == 1


def test_a_person_has_a_name_of_one_line() -> None:
    said = {"username": "xin_ren", "name": "新\u202e人\nBcc: x", "password": NEW}
    assert "看不见的字符" in AccountForm(EMAIL, said).errors["name"][0]
    assert "name" not in AccountForm(EMAIL, said | {"name": "新 人"}).errors


def test_a_subject_is_one_line_whatever_name_stands_in_it(django_capture_on_commit_callbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        write_mail(EMAIL, "甲公司\r\nBcc: x@example.org\n 邀请您", "信")
    assert [letter.subject for letter in mail.outbox] == ["甲公司 Bcc: x@example.org 邀请您"]


def test_it_does_as_much_for_a_used_address_as_for_a_new_one(post):
    counted = []
    for email in (TAKEN, EMAIL):
        with CaptureQueriesContext(connection) as queries:
            post.send(Client(), "/register/", email=email, phone=PHONE)
        counted.append(len(queries))
        assert len(mail.outbox) == 1 and post.sms.count("SMS") == 1
    assert counted[0] == counted[1]


@pytest.mark.parametrize(
    ("email", "phone", "answer"),
    [
        ("", "", "请填写邮箱 请填写手机号码"),
        ("nobody", PHONE, "这不是邮箱地址，应形如 name@example.com"),
        ("a@b\n.example", PHONE, "这不是邮箱地址，应形如 name@example.com"),
        (EMAIL, "12345", "请填写 11 位手机号码，如 13800001234"),
        (EMAIL, "021-60000000", "请填写 11 位手机号码，如 13800001234"),
        (EMAIL, "١٣٨٠٠٠٠١٢٣٤", "请填写 11 位手机号码，如 13800001234"),
        ("x" * 10_000 + "@example.org", PHONE, "邮箱"),
        (EMAIL, "1" * 10_000, "30"),
    ],
)
def test_it_says_what_is_wrong_with_address_or_telephone(post, email, phone, answer):
    response = post.send(Client(), "/register/", email=email, phone=phone)
    assert response.status_code == 200 and not mail.outbox and not post.sms
    assert answer in said(response) or answer == "邮箱"


@pytest.mark.parametrize(
    ("field", "value", "answer"),
    [
        ("username", "xin@ren", "用户名只能用文字、数字和 . + - _"),
        ("username", "", "请填写用户名"),
        ("username", "x" * 10_000, "60"),
        ("username", "Merchant_Filer", "已有这个用户名，请换一个"),
        ("password", "", "请填写密码"),
        ("password", "12345678901234", "数字"),
        ("password", "short-1", "10"),
        ("password", "password123", "常见"),
        ("password", "xinren@example.org", "相似"),
        ("password", "x" * 10_000, "256"),
        ("name", "", "请填写姓名"),
        ("name", "新" * 10_000, "60"),
    ],
)
def test_it_says_what_is_wrong_with_name_or_password(post, field, value, answer):
    client = checked(post)
    response = client.post("/register/account/", account(**{field: value}))
    assert response.status_code == 200
    assert answer in said(response), said(response)
    assert f'aria-describedby="id_{field}_error"' in response.content.decode().replace(f"id_{field}_helptext ", "")
    assert not User.objects.filter(username__iexact="xin_ren").exists()
    assert client.post("/register/account/", account())["Location"] == "/"


def test_it_takes_five_guesses_of_the_codes_and_begins_anew(post):
    client = Client()
    post.send(client, "/register/", email=EMAIL, phone=PHONE)
    right = {"email_code": post.email_code, "phone_code": post.phone_code}
    wrong = f"{(int(right['email_code']) + 1) % 1_000_000:06}"
    for _number in range(5):
        response = client.post("/register/codes/", {**right, "email_code": wrong})
        assert said(response) == "验证码不对，请核对最近收到的一条"
    assert client.post("/register/codes/", right)["Location"] == "/register/"
    assert "重新开始" in client.get("/register/").content.decode()
    assert client.get("/register/codes/")["Location"] == "/register/"


def test_it_takes_the_latest_codes_only_each_from_its_own_way(post):
    client = Client()
    post.send(client, "/register/", email=EMAIL, phone=PHONE)
    old = {"email_code": post.email_code, "phone_code": post.phone_code}
    assert post.send(client, "/register/codes/", do="again")["Location"] == "/register/codes/"
    new = {"email_code": post.email_code, "phone_code": post.phone_code}
    assert said(client.post("/register/codes/", old))
    crossed = {"email_code": new["phone_code"], "phone_code": new["email_code"]}
    assert said(client.post("/register/codes/", crossed))
    for garbage in ("", "x" * 10_000, "😀", "%s"):
        assert client.post("/register/codes/", {**new, "email_code": garbage}).status_code == 200 or garbage == "😀"


def test_it_takes_codes_for_a_quarter_of_an_hour_once_and_in_that_browser(post, monkeypatch):
    client = Client()
    post.send(client, "/register/", email=EMAIL, phone=PHONE)
    right = {"email_code": post.email_code, "phone_code": post.phone_code}
    assert Client().post("/register/codes/", right)["Location"] == "/register/"
    now = time.time()
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: now + 16 * 60)
        assert client.post("/register/codes/", right)["Location"] == "/register/"
    assert client.post("/register/codes/", right)["Location"] == "/register/account/"
    assert client.post("/register/account/", account())["Location"] == "/"
    client.post("/logout/")
    assert client.post("/register/codes/", right)["Location"] == "/register/"


def test_it_keeps_what_a_visitor_said_sealed(post):
    client = Client()
    post.send(client, "/register/", email=EMAIL, phone=PHONE)
    kept = str(dict(client.session.items()))
    for secret in (EMAIL, PHONE, post.email_code, post.phone_code):
        assert secret not in kept


def test_it_sends_only_so_many_to_one_address_and_for_one_network(post):
    for email in (EMAIL, TAKEN):
        for number in range(5):
            response = post.send(Client(), "/register/", email=email, phone=f"1380000{number:04}")
            assert response.status_code == 302
        response = post.send(Client(), "/register/", email=email.upper(), phone="13800009999")
        assert "发送得太频繁" in response.content.decode() and not mail.outbox
    for number in range(18):
        post.send(Client(), "/register/", email=f"n{number}@example.org", phone=f"1390000{number:04}")
    response = post.send(Client(), "/register/", email="last@example.org", phone="13700000000")
    assert "发送得太频繁" in response.content.decode() and not mail.outbox


def test_it_lets_nobody_read_out_the_user_names(post):
    client = checked(post)
    for number in range(10):
        assert (
            client.post("/register/account/", account(username="staff", password=f"{NEW}{number}")).status_code == 200
        )
    assert client.post("/register/account/", account())["Location"] == "/register/"
    assert not User.objects.filter(username="xin_ren").exists()


def test_it_begins_anew_when_another_took_the_address_meanwhile(post):
    client = checked(post)
    User.objects.create(username="faster", email=EMAIL.upper())
    assert client.post("/register/account/", account())["Location"] == "/register/"
    assert "没有注册成功" in client.get("/register/").content.decode()


def test_it_closes_when_nothing_can_be_counted(settings, post):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///nowhere/redis.sock"}}
    for path, data in (("/register/", {"email": EMAIL, "phone": PHONE}), ("/password/forgotten/", {"email": EMAIL})):
        response = post.send(Client(), path, **data)
        assert response.status_code == 503 and not mail.outbox


def test_a_page_makes_plain_users_and_nothing_else(cast):
    with acting_as(enterprise_id=None, user_id=None), connection.cursor() as cursor:
        cursor.execute("SELECT accounts_register('plain', 'x', 'plain@example.org', NULL, '!')")
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            cursor.execute("INSERT INTO accounts_user (username, is_superuser) VALUES ('y', true)")
    made = User.objects.get(username="plain")
    assert not (made.is_staff or made.is_superuser)
    with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
        with (
            connection.cursor() as cursor,
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
        ):
            cursor.execute("SELECT accounts_register('z', 'x', 'z@example.org', NULL, '!')")


# A forgotten password


def link_for(post: Post, email: str) -> str:
    """The link sent to an address."""
    assert post.send(Client(), "/password/forgotten/", email=email).status_code == 200
    (letter,) = mail.outbox
    return re.search(r"http://testserver(/password/reset/\S+)", letter.body)[1]


def follow(client: Client, link: str) -> str:
    """Where the link leads."""
    response = client.get(link)
    return response["Location"]


def passwords(new: str = NEW, again: str = "") -> dict[str, str]:
    return {"new_password1": new, "new_password2": again or new}


def test_it_gives_a_new_password_to_who_reads_the_mail(post):
    old = Client()
    old.post("/login/", {"username": "merchant_filer", "password": PASSWORD})
    client = Client()
    page = follow(client, link_for(post, TAKEN))
    assert page.endswith("/now/")
    response = post.send(client, page, **passwords())
    assert response["Location"] == "/login/"
    assert "密码已重设" in client.get("/login/").content.decode()
    warning = Notice.objects.get(user__username="merchant_filer", is_warning=True)
    assert "您的密码已修改" in speak(warning.text)
    assert old.get("/enterprise/").status_code == 302, "sessions of the old password have ended"
    assert client.post("/login/", {"username": "merchant_filer", "password": NEW})["Location"] == "/"
    assert AuditEntry.objects.filter(action="password_reset").count() == 1


def test_who_set_another_password_signs_in_although_the_old_one_was_guessed_at_all_day(post, monkeypatch):
    monkeypatch.setattr(sign_in, "PASSWORDS_A_DAY", 2)
    for number in range(2):
        Client().post("/login/", {"username": TAKEN, "password": "wrong"}, REMOTE_ADDR=f"198.51.100.{number}")
    right = {"username": TAKEN, "password": PASSWORD}
    assert Client().post("/login/", right).status_code == 200
    client = Client()
    post.send(client, follow(client, link_for(post, TAKEN)), **passwords())
    assert client.post("/login/", right | {"password": NEW})["Location"] == "/"


def test_it_takes_a_link_once_within_an_hour_and_not_after_signing_in(post, settings):
    link = link_for(post, TAKEN)
    client = Client()
    client.post(follow(client, link), passwords())
    again = Client()
    assert "链接已失效" in again.get(follow(again, link)).content.decode()
    link = link_for(post, TAKEN)
    Client().post("/login/", {"username": "merchant_filer", "password": NEW})
    assert "链接已失效" in again.get(follow(again, link)).content.decode()
    link = link_for(post, TAKEN)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "链接已失效" in again.get(follow(again, link)).content.decode()
    assert "链接已失效" in again.post(follow(again, link), passwords("another-pass-word-9")).content.decode()
    assert User.objects.get(username="merchant_filer").check_password(NEW)


def test_it_answers_for_an_unknown_address_as_for_a_known_one(post):
    known = post.send(Client(), "/password/forgotten/", email=TAKEN)
    assert "重设密码" in mail.outbox[0].subject
    unknown = post.send(Client(), "/password/forgotten/", email=EMAIL)
    assert mail.outbox[0].to == [EMAIL] and "没有账号" in mail.outbox[0].subject
    assert bare(known).replace(TAKEN, EMAIL) == bare(unknown)
    User.objects.filter(username="merchant_viewer").update(is_active=False)
    post.send(Client(), "/password/forgotten/", email="merchant_viewer@example.org")
    assert "没有账号" in mail.outbox[0].subject


def test_it_sends_only_so_many_links_to_one_address_known_or_not(post):
    for email in (TAKEN, EMAIL):
        for _number in range(5):
            assert post.send(Client(), "/password/forgotten/", email=email).status_code == 200
        assert said(post.send(Client(), "/password/forgotten/", email=email)) == "发送得太频繁，请 15 分钟后再试"
        assert not mail.outbox


@pytest.mark.parametrize(
    "wrong",
    [passwords("short-1"), passwords("1" * 20), passwords(NEW, "other"), passwords("x" * 10_000), passwords("")],
)
def test_it_refuses_weak_passwords_and_keeps_the_link(post, wrong):
    client = Client()
    page = follow(client, link_for(post, TAKEN))
    response = client.post(page, wrong)
    assert response.status_code == 200 and said(response)
    assert client.post(page, passwords())["Location"] == "/login/"


@pytest.mark.parametrize("account", ["x", "MQ", "-", "%00", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "LTE", "x" * 3000])
def test_it_says_of_a_made_up_link_only_that_it_is_void(account, cast):
    client = Client()
    for token in ("now", "x-y", "x" * 2000):
        response = client.get(f"/password/reset/{account}/{token}/", follow=True)
        assert response.status_code in (200, 400, 404, 414)
        assert response.status_code != 200 or "链接已失效" in response.content.decode()


def test_it_asks_for_the_second_factor_all_the_same(post):
    client = Client()
    client.post(follow(client, link_for(post, "staff@example.org")), passwords())
    assert client.post("/login/", {"username": "staff", "password": NEW})["Location"] == "/login/code/"
    assert PROVEN_IN_SESSION not in client.session
    assert client.post("/login/code/", {"code": one_time_code("staff")})["Location"] == "/"
