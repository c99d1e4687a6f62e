"""Signing in and out: by either name, locked after too many failures, telling nothing about accounts."""

import re

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client

from accounts import sign_in
from accounts.cast import PASSWORD
from accounts.limits import AREA
from accounts.models import AuditEntry, User

pytestmark = [pytest.mark.urls("tests.accounts.pages"), pytest.mark.usefixtures("cast", "no_failures")]


def try_(username: str, password: str = "wrong", address: str = "203.0.113.7", client: Client | None = None, **more):
    data = {"username": username, "password": password, **more}
    return (client or Client()).post("/login/", data, REMOTE_ADDR=address)


def said(response) -> str:
    return " ".join(re.findall(r'class="err"[^>]*>.*?<span>(.*?)</span>', response.content.decode(), re.S))


@pytest.mark.parametrize("username", ["merchant_filer", "Merchant_Filer", "merchant_filer@example.org"])
def test_it_signs_in_by_user_name_or_e_mail(username):
    client = Client()
    response = try_(username, PASSWORD, client=client)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/desk/").status_code == 200
    assert User.objects.get(username="merchant_filer").last_login is not None
    entry = AuditEntry.objects.get(action="sign_in")
    assert (entry.user.username, entry.address) == ("merchant_filer", "203.0.113.7")


def test_it_goes_on_to_the_page_asked_for_if_it_is_ours():
    assert try_("merchant_filer", PASSWORD, next="/bills/")["Location"] == "/bills/"
    assert try_("merchant_filer", PASSWORD, next="https://example.com/")["Location"] == "/"
    assert try_("merchant_filer", PASSWORD, next="//example.com/")["Location"] == "/"


def test_it_answers_a_wrong_name_as_a_wrong_password():
    known, unknown = try_("merchant_filer", address="203.0.113.1"), try_("nobody_here", address="203.0.113.2")
    assert said(known) == said(unknown) == "用户名或密码不对，还可以试 4 次"
    assert bare(known) == bare(unknown).replace("nobody_here", "merchant_filer")


def bare(response) -> str:
    """The page without the form's token."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", response.content.decode())


class CountingHasher(MD5PasswordHasher):
    """A hasher that tells how often it worked: the time of an answer is the time of its hashing."""

    algorithm = "counting"
    worked = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.worked += 1
        return super().encode(password, salt)


@pytest.fixture
def counting(settings):
    settings.PASSWORD_HASHERS = [f"{CountingHasher.__module__}.{CountingHasher.__qualname__}"]
    return CountingHasher


def test_it_works_as_hard_for_an_unknown_name_as_for_a_wrong_password(counting, cast):
    known = cast.users["merchant_filer"]
    known.set_password("right")
    known.save()

    def work(username: str) -> int:
        before = counting.worked
        try_(username, "typed")
        return counting.worked - before

    assert work("nobody_here") == work("merchant_filer") == 1


def test_it_locks_a_name_from_one_address_after_five_failures_known_or_not():
    for username in ("merchant_filer", "nobody_here"):
        for _number in range(5):
            response = try_(username)
        assert said(response) == "尝试次数过多，请 15 分钟后再试"
        assert said(try_(username, PASSWORD)) == "尝试次数过多，请 15 分钟后再试"
    assert AuditEntry.objects.filter(action="sign_in_refused").count() == 10
    assert try_("merchant_filer", PASSWORD, address="203.0.113.8").status_code == 302  # elsewhere they may go on


def test_it_lets_colleagues_in_although_somebody_mistypes_at_their_address():
    for number in range(20):
        response = try_(f"nobody_{number}")
    assert said(response) == "用户名或密码不对，还可以试 4 次"
    assert try_("merchant_filer", PASSWORD).status_code == 302


def test_it_locks_an_address_after_fifty_failures():
    for number in range(46):
        assert said(try_(f"nobody_{number}")) == "用户名或密码不对，还可以试 4 次"
    assert said(try_("nobody_46")) == "用户名或密码不对，还可以试 3 次"
    for number in range(47, 50):
        response = try_(f"nobody_{number}")
    assert said(response) == "尝试次数过多，请 15 分钟后再试"
    assert said(try_("merchant_filer", PASSWORD)) == "尝试次数过多，请 15 分钟后再试"
    assert try_("merchant_filer", PASSWORD, address="203.0.113.8").status_code == 302


def test_it_counts_the_addresses_of_one_household_as_one():
    for number in range(5):
        try_("merchant_filer", address=f"2001:db8::{number}")
    assert said(try_("merchant_filer", PASSWORD, address="2001:db8::99")) == "尝试次数过多，请 15 分钟后再试"
    assert try_("merchant_filer", PASSWORD, address="2001:db8:0:1::99").status_code == 302


def test_it_counts_all_networks_of_one_area_together_too(monkeypatch):
    monkeypatch.setattr(sign_in, "FAILURES_OF_ADDRESS", 3)
    for number in range(3 * AREA):
        answer = said(try_(f"nobody_{number}", address=f"2001:db8:1:{number:x}::1"))
    assert answer == "尝试次数过多，请 15 分钟后再试"
    assert said(try_("merchant_filer", PASSWORD, address="2001:db8:1:ffff::1")) == answer
    assert try_("merchant_filer", PASSWORD, address="2001:db8:2:ffff::1").status_code == 302


def test_it_lets_only_known_browsers_in_after_a_day_of_guesses_from_everywhere(cast, monkeypatch):
    monkeypatch.setattr(sign_in, "PASSWORDS_A_DAY", 6)
    known = Client()
    assert try_("merchant_filer", PASSWORD, client=known).status_code == 302
    known.post("/logout/")
    for number in range(5):
        try_("merchant_filer", address=f"198.51.100.{number}")
    assert try_("merchant_filer", PASSWORD, address="198.51.100.80").status_code == 302
    try_("merchant_filer@example.org", address="198.51.100.81")
    assert said(try_("merchant_filer", PASSWORD, address="198.51.100.82")) == "用户名或密码不对，还可以试 4 次"
    assert said(try_("merchant_filer@example.org", PASSWORD, address="198.51.100.83")) == (
        "用户名或密码不对，还可以试 4 次"
    )
    assert try_("merchant_filer", PASSWORD, client=known, address="198.51.100.84").status_code == 302
    assert try_("merchant_viewer", PASSWORD, address="198.51.100.85").status_code == 302
    sign_in.forget_guesses(cast.users["merchant_filer"])
    assert try_("merchant_filer", PASSWORD, address="198.51.100.86").status_code == 302


def test_it_locks_an_account_under_both_its_names():
    for _number in range(5):
        try_("merchant_filer")
    answer = said(try_("merchant_filer@example.org", PASSWORD))
    assert answer == "用户名或密码不对，还可以试 4 次"  # not "locked": that would tell that both are one account
    assert not AuditEntry.objects.filter(action="sign_in").exists()


def test_it_forgets_the_failures_of_a_name_that_signs_in():
    for _number in range(4):
        try_("merchant_filer")
    assert try_("merchant_filer", PASSWORD).status_code == 302
    for _number in range(4):
        answer = try_("merchant_filer")
    assert said(answer) == "用户名或密码不对，还可以试 1 次"
    assert try_("merchant_filer@example.org", PASSWORD).status_code == 302


def test_it_closes_and_says_so_when_failures_cannot_be_counted(settings, client_of):
    signed_in = client_of("merchant_filer")
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///nowhere/redis.sock"}}
    for password in (PASSWORD, "wrong"):
        answer = try_("merchant_filer", password)
        assert answer.status_code == 503
        assert said(answer).startswith("暂时无法登录，与用户名和密码无关")
    assert signed_in.get("/desk/").status_code == 200


def test_it_writes_down_nothing_of_what_was_typed():
    try_("my secret password", "another secret")
    entry = AuditEntry.objects.get(action="sign_in_refused")
    assert (entry.subject, entry.user, entry.details) == ("", None, {"left": 4})


def test_it_refuses_a_switched_off_account_like_a_wrong_password(cast):
    User.objects.filter(username="merchant_filer").update(is_active=False)
    assert said(try_("merchant_filer", PASSWORD)) == "用户名或密码不对，还可以试 4 次"


def test_it_asks_for_what_is_missing_and_counts_nothing():
    for _number in range(6):
        response = try_("", "")
    assert said(response) == "请填写用户名或邮箱 请填写密码"
    assert 'aria-describedby="id_username_error"' in response.content.decode()


def test_it_takes_any_bytes_in_the_form():
    for username in ("\x00", "x" * 10_000, "'; DROP TABLE accounts_user; --", "😀" * 50, "%s%%"):
        assert try_(username).status_code == 200, username


def test_it_renews_the_session_at_sign_in_and_ends_it_at_sign_out():
    client = Client()
    client.get("/login/")
    try_("merchant_filer", PASSWORD, client=client)
    session = client.cookies["sessionid"].value
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/desk/").status_code == 302
    client.cookies["sessionid"] = session
    assert client.get("/desk/").status_code == 302
    assert AuditEntry.objects.filter(action="sign_out", user__username="merchant_filer").count() == 1


def test_it_leads_who_is_signed_in_on(client_of):
    assert client_of("merchant_filer").get("/login/?next=/bills/")["Location"] == "/bills/"


def test_it_shows_no_script_or_style_in_the_page():
    page = Client().get("/login/").content.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)", page)
