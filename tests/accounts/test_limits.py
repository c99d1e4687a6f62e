"""How often something may be sent or guessed: counted by purpose, receiver, network and day, each refusal saying when again."""

import re
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connections
from django.test import Client

from accounts import enrolment
from accounts.cast import PASSWORD, Cast, one_time_code
from accounts.credentials import read_key
from accounts.limits import (
    AREA,
    LETTERS_A_DAY,
    MESSAGES_A_DAY,
    SENT_FOR_NETWORK,
    SENT_TO_ONE,
    TooOften,
    area_of,
    count_sending,
    count_today,
    network_of,
    take_back_today,
)
from accounts.models import Credential
from accounts.sign_in import GUESSES_A_DAY
from tests.accounts.test_enrolment import send
from tests.accounts.throwaway import PASSWORD as FILE_PASSWORD
from tests.accounts.throwaway import Issued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cast", "no_failures")]
MINE, PHONE = "xinren@example.org", "13800001234"


def a_while_later() -> None:
    """The short counters run out; those of the day stay."""
    day = re.compile(r":\d{4}-\d\d-\d\d$")
    own = cache.make_key("")
    for key in cache._cache.get_client().scan_iter():  # type: ignore[attr-defined]
        name = key.decode()
        if name.startswith(own) and not day.search(name):
            cache.delete(name.removeprefix(own))


def tomorrow() -> None:
    """All counters begin anew."""
    cache.clear()


def sent(count: int, *, network: str = "203.0.113.7", purpose: str = "register", **to: list[str]) -> str:
    """Send so often; what is said when it is refused."""
    for _number in range(count):
        try:
            count_sending(purpose, network, **to)
        except TooOften as often:
            return str(often)
    return ""


def test_in_a_while_only_so_much_goes_to_one_and_says_when_again() -> None:
    assert sent(SENT_TO_ONE, emails=[MINE]) == ""
    assert sent(1, emails=[MINE.upper()]) == "发送得太频繁，请 15 分钟后再试"
    assert sent(1, emails=["other@example.org"]) == ""
    a_while_later()
    assert sent(1, emails=[MINE]) == ""


def test_one_network_and_one_purpose_do_not_use_up_what_belongs_to_another() -> None:
    assert "15 分钟" in sent(99, purpose="reset", emails=[MINE])
    assert sent(SENT_TO_ONE, purpose="register", emails=[MINE]) == "", "another purpose"
    assert sent(SENT_TO_ONE, purpose="reset", emails=[MINE], network="198.51.100.1") == "", "another network"


@pytest.mark.parametrize(("way", "to", "limits"), [("emails", MINE, LETTERS_A_DAY), ("phones", PHONE, MESSAGES_A_DAY)])
def test_in_a_day_only_so_much_goes_to_one(way: str, to: str, limits: tuple[int, int, int]) -> None:
    to_one, of_network, _for_network = limits

    def use_up(network: str) -> tuple[int, str]:
        for number in range(to_one + 1):
            if said := sent(1, network=network, **{way: [to]}):
                return number, said
            a_while_later()
        raise AssertionError("no limit")

    count, said = use_up("203.0.113.1")
    assert (count, said) == (of_network, "今天发送的次数已到上限，请明天再试；急需时请拨打服务热线")
    assert sent(1, network="203.0.113.2", **{way: [to]}) == "", "one network alone cannot use up the day of another"
    total = count + 1
    for number in range(3, 9):
        total += use_up(f"203.0.113.{number}")[0]
    assert total == to_one, "but all together no more than the most of the day"
    tomorrow()
    assert sent(1, **{way: [to]}) == ""


def test_in_a_day_one_network_sends_only_so_many_messages() -> None:
    for number in range(MESSAGES_A_DAY[2]):
        assert sent(1, phones=[f"1390000{number:04}"]) == ""
        a_while_later()
    assert "明天再试" in sent(1, phones=["13700000000"])
    assert sent(1, network="2001:db8::1", phones=["13700000000"]) == "", (
        "what it was refused counts against nobody else"
    )


@pytest.mark.parametrize(
    ("address", "network", "area"),
    [
        ("203.0.113.7", "203.0.113.7", ""),
        ("::ffff:203.0.113.7", "203.0.113.7", ""),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("::1", "::/64", "::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        ("", "", ""),
        ("nonsense", "nonsense", ""),
    ],
)
def test_what_counts_as_one_network_and_one_area(address: str, network: str, area: str) -> None:
    assert (network_of(address), area_of(network_of(address))) == (network, area)


def test_all_networks_of_one_area_together_send_ten_times_what_one_may() -> None:
    def in_a_while(area: str) -> int:
        """How many receivers the networks of an area reach before they are refused."""
        for number in range(SENT_FOR_NETWORK * AREA + 1):
            network = network_of(f"2001:db8:{area}:{number:x}::1")
            if said := sent(1, network=network, emails=[f"{area}-{number}@example.org"]):
                assert said == "发送得太频繁，请 15 分钟后再试"
                return number
        raise AssertionError("no limit")

    assert in_a_while("1") == SENT_FOR_NETWORK * AREA
    assert sent(1, network=network_of("2001:db8:2:1::1"), emails=[MINE]) == "", "another area"
    assert sent(1, network="203.0.113.7", emails=[MINE]) == ""
    a_while_later()
    assert sent(1, network=network_of("2001:db8:1:1::1"), emails=[MINE]) == ""


def test_all_networks_of_one_area_together_send_ten_times_what_one_may_in_a_day() -> None:
    for number in range(MESSAGES_A_DAY[2] * AREA):
        network = network_of(f"2001:db8:1:{number:x}::1")
        assert sent(1, network=network, purpose=f"{number % 9}", phones=[f"139{number:08}"]) == ""
    assert "明天再试" in sent(1, network=network_of("2001:db8:1:ffff::1"), phones=["13700000000"])
    assert sent(1, network=network_of("2001:db8:2:ffff::1"), phones=["13700000000"]) == "", "nor counted against it"
    tomorrow()
    assert sent(1, network=network_of("2001:db8:1:ffff::1"), phones=["13700000000"]) == ""


def test_a_day_of_guesses_is_taken_back_by_none_but_the_right_one() -> None:
    assert [count_today("x") for _each in range(3)] == [1, 2, 3]
    take_back_today("x")
    assert count_today("x") == 3
    take_back_today("never-counted")
    assert count_today("never-counted") == 1


def said(response: Any) -> str:
    return " ".join(re.findall(r'class="err"[^>]*>.*?<span>(.*?)</span>', response.content.decode(), re.S))


def test_second_factors_are_guessed_so_often_in_a_day_however_often_one_signs_in(cast: Cast) -> None:
    refusals = []
    for _number in range(GUESSES_A_DAY):
        client = Client()
        client.post("/login/", {"username": "staff", "password": PASSWORD})
        refusals.append(said(client.post("/login/code/", {"code": "AAAAA-AAAAA"})))
        a_while_later()
    assert "还可以试" in refusals[-2]
    assert refusals[-1] == "今天试错的次数已到上限，请明天再试；手机丢失的请拨打服务热线"
    client = Client()
    client.post("/login/", {"username": "staff", "password": PASSWORD})
    right = one_time_code("staff")
    assert "明天再试" in said(client.post("/login/code/", {"code": right})), "nor is the right one taken"
    tomorrow()
    assert client.post("/login/code/", {"code": right})["Location"] == "/"


def test_right_factors_are_counted_against_nobody(cast: Cast) -> None:
    counter = f"second-factor:{cast.users['staff'].pk}"
    for _number in range(2):
        client = Client()
        client.post("/login/", {"username": "staff", "password": PASSWORD})
        client.post("/login/code/", {"code": "AAAAA-AAAAA"})
        assert client.post("/login/code/", {"code": one_time_code("staff")})["Location"] == "/"
    assert count_today(counter) == 3, "two wrong ones, and this one"


def test_registering_says_that_the_day_is_used_up() -> None:
    for _number in range(MESSAGES_A_DAY[1]):
        Client().post("/register/", {"email": MINE, "phone": PHONE})
        a_while_later()
    answer = Client().post("/register/", {"email": "another@example.org", "phone": PHONE})
    assert "请明天再试" in answer.content.decode() and not mail.outbox
    assert Client().post("/password/forgotten/", {"email": MINE}).status_code == 200


# --- files with keys ----------------------------------------------------------------------------------------------------


@pytest.fixture
def busy(django_db_blocker: Any) -> Any:
    """All places at which files are opened are taken, by other workers."""
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        for place in range(enrolment.READERS):
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [enrolment.READERS_LOCK, place])
    yield other
    other.close()


def test_only_so_many_files_are_opened_at_once_over_all_workers(
    busy: Any, client_of: Any, settings: Any, tmp_path: Any
) -> None:
    settings.PORTAL_KEYS_DIR = tmp_path
    read_key.cache_clear()
    client = client_of("merchant_administrator")
    answer = send(client, "pkcs12", Issued().p12(), "sandbox", password=FILE_PASSWORD)
    assert "过半分钟再提交" in said(answer) and not Credential.objects.exists()
    busy.close()
    assert send(client, "pkcs12", Issued().p12(), "sandbox", password=FILE_PASSWORD).status_code == 302
