"""Another address or telephone of one's own: proved by a code sent there, the old one told, another's given away to nobody."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import DatabaseError, transaction
from django.test import Client

from accounts.cast import PASSWORD, Cast
from accounts.models import AuditEntry, Notice, User
from accounts.models.who import PHONE_PLACE
from portal.personal import open_sealed, seal
from portal.sentences import speak
from portal.tenancy import acting_as

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_failures")]
NEW, PHONE, OLD_PHONE = "xin@example.org", "13900001234", "13800005678"


@pytest.fixture
def client(cast: Cast, client_of: Callable[[str], Client]) -> Client:
    User.objects.filter(username="merchant_filer").update(phone=seal(OLD_PHONE, PHONE_PLACE))
    return client_of("merchant_filer")


@pytest.fixture
def post(django_capture_on_commit_callbacks: Any, capsys: Any) -> Callable[..., tuple[Any, str]]:
    """One POST, with the text messages that leave after its commit."""

    def posted(client: Client, path: str, **data: str) -> tuple[Any, str]:
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(path, data)
        return answer, capsys.readouterr().out

    return posted


def of_email(to: str = NEW, password: str = PASSWORD) -> dict[str, str]:
    return {"what": "email", "email-email": to, "email-password": password}


def of_phone(to: str = PHONE, password: str = PASSWORD) -> dict[str, str]:
    return {"what": "phone", "phone-phone": to, "phone-password": password}


def said(answer: Any) -> str:
    return " ".join(re.findall(r'class="err"[^>]*>.*?<span>(.*?)</span>', answer.content.decode(), re.S))


def me() -> User:
    return User.objects.get(username="merchant_filer")


def test_an_address_counts_once_its_code_was_shown_and_the_old_one_is_told(client: Client, post: Any) -> None:
    page = client.get("/contact/").content.decode()
    assert "m***@example.org" in page and "138****5678" in page and OLD_PHONE not in page
    answer, _sms = post(client, "/contact/", **of_email())
    assert answer["Location"] == "/contact/code/" and me().email == "merchant_filer@example.org"
    (letter,) = mail.outbox
    code = re.search(r"验证码：(\d{6})", letter.body)[1]  # type: ignore[index]
    assert letter.to == [NEW] and NEW not in str(dict(client.session.items()))
    assert "验证码不对" in said(post(client, "/contact/code/", code="000000x")[0])
    answer, _sms = post(client, "/contact/code/", code=code)
    assert answer["Location"] == "/contact/" and me().email == NEW
    (told,) = mail.outbox
    assert told.to == ["merchant_filer@example.org"] and NEW not in told.body and "不是您本人" in told.body
    warning = Notice.objects.get(user=me())
    assert warning.is_warning and "x***@example.org" in speak(warning.text)
    deed = AuditEntry.objects.get(action="email_changed")
    assert (deed.user, deed.details) == (me(), {})
    assert client.get("/contact/code/")["Location"] == "/contact/", "the code works once"
    assert Client().post("/login/", {"username": NEW, "password": PASSWORD})["Location"] == "/"


def test_a_telephone_counts_once_its_code_was_shown_and_the_old_one_is_told(client: Client, post: Any) -> None:
    answer, sms = post(client, "/contact/", **of_phone("+86 139 0000 1234"))
    assert answer["Location"] == "/contact/code/"
    code = re.search(rf"SMS {PHONE}: 验证码 (\d{{6}})", sms)[1]  # type: ignore[index]
    _answer, sms = post(client, "/contact/code/", code=code)
    assert open_sealed(bytes(me().phone), PHONE_PLACE) == PHONE
    assert sms.startswith(f"SMS {OLD_PHONE}:") and "另一个手机" in sms
    assert "139****1234" in client.get("/contact/").content.decode()
    assert AuditEntry.objects.get(action="phone_changed").details == {}


def test_who_has_none_yet_adds_one(cast: Cast, client_of: Callable[[str], Client], post: Any) -> None:
    client = client_of("staff")
    assert "未登记" in client.get("/contact/").content.decode()
    _answer, sms = post(client, "/contact/", **of_phone())
    _answer, sms = post(client, "/contact/code/", code=re.search(r"验证码 (\d{6})", sms)[1])  # type: ignore[index]
    assert User.objects.get(username="staff").phone and sms == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (of_email("x"), "这不是邮箱地址"),
        (of_email("Merchant_Filer@example.org"), "这就是现在的邮箱"),
        (of_email(password="wrong"), "密码不对"),
        (of_email(password=""), "请填写现在的密码"),
        (of_phone("123"), "11 位手机号码"),
        (of_phone(OLD_PHONE), "这就是现在的手机"),
        (of_phone(password="wrong"), "密码不对"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(client: Client, post: Any, data: dict[str, str], words: str) -> None:
    answer, sms = post(client, "/contact/", **data)
    assert words in said(answer) and not mail.outbox and not sms
    assert client.get("/contact/code/").status_code == 302


def test_the_address_of_another_account_is_answered_alike_and_never_taken(client: Client, post: Any) -> None:
    taken, _sms = post(client, "/contact/", **of_email("Merchant_Viewer@example.org"))
    (letter,) = mail.outbox
    assert taken["Location"] == "/contact/code/" and "已有账号" in letter.subject
    assert not re.search(r"\d{6}", letter.body.split("服务热线")[0])
    for code in ("", "000000"):
        assert said(post(client, "/contact/code/", code=code)[0])
    assert me().email == "merchant_filer@example.org"


def test_another_who_took_it_meanwhile_keeps_it(client: Client, post: Any) -> None:
    post(client, "/contact/", **of_email())
    code = re.search(r"验证码：(\d{6})", mail.outbox[0].body)[1]  # type: ignore[index]
    User.objects.filter(username="stranger").update(email=NEW.upper())
    post(client, "/contact/code/", code=code)
    assert "没有改成" in client.get("/contact/").content.decode() and me().email != NEW


def test_codes_are_tried_and_sent_only_so_often(client: Client, post: Any) -> None:
    post(client, "/contact/", **of_email())
    for _number in range(5):
        assert "验证码不对" in said(post(client, "/contact/code/", code="x")[0])
    answer, _sms = post(client, "/contact/code/", code="x")
    assert answer["Location"] == "/contact/" and "重新开始" in client.get("/contact/").content.decode()
    for _number in range(4):
        post(client, "/contact/", **of_email())
    assert "发送得太频繁" in said(post(client, "/contact/", **of_email())[0]) and not mail.outbox


def test_who_has_a_second_factor_shows_it_first(cast: Cast) -> None:
    client = Client()
    client.post("/login/", {"username": "merchant_administrator", "password": PASSWORD})
    for path in ("/contact/", "/contact/code/"):
        assert client.get(path).status_code == 302
    assert client.post("/contact/", of_email()).status_code == 302 and not mail.outbox


def test_a_page_writes_nobody_elses_address(cast: Cast) -> None:
    actor = cast.actor("merchant_filer")
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        with pytest.raises(DatabaseError), transaction.atomic():
            User.objects.filter(username="merchant_viewer").update(email="stolen@example.org")
        assert User.objects.filter(pk=actor.user.pk).update(email="own@example.org") == 1
