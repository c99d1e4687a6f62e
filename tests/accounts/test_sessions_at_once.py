"""Two requests of one session, or of one link, at the same moment: one session stays, one password is set."""

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from accounts import sessions
from accounts.cast import PASSWORD
from accounts.models import Membership, Notice, User, UserSession
from accounts.roles import MemberRole
from tests.cast import people
from tests.ledger.test_concurrency import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_failures")]
HANDS = 6


def signed_in(username: str = "merchant_filer") -> Client:
    client = Client()
    assert client.post("/login/", {"username": username, "password": PASSWORD})["Location"] == "/"
    client.get("/enterprise/")
    return client


def window(client: Client) -> Client:
    """Another window of the same browser."""
    other = Client()
    other.cookies["sessionid"] = client.cookies["sessionid"].value
    return other


@pytest.mark.parametrize("_turn", range(3))
def test_roles_that_change_renew_one_session_and_fork_none(_turn: int) -> None:
    cast = people()
    client = signed_in()
    Membership.objects.filter(user=cast.users["merchant_filer"]).update(roles=[MemberRole.FINANCE])
    windows = [window(client) for _hand in range(HANDS)]
    answers: list[int] = []
    assert at_once([lambda one=one: answers.append(one.get("/enterprise/").status_code) for one in windows]) == []
    assert set(answers) <= {200, 302}
    row = UserSession.objects.get()
    assert [one.session_key for one in Session.objects.all()] == [row.session_key], (
        "there is one, and it is the one shown"
    )
    keys = {one.cookies["sessionid"].value for one in windows}
    assert client.cookies["sessionid"].value not in {row.session_key} and row.session_key in keys
    assert sessions.end(UserSession.objects.all()) == 1
    assert all(one.get("/enterprise/").status_code == 302 for one in windows), "its end ends it everywhere"


def test_another_enterprise_chosen_in_two_windows_at_once_leaves_one_session() -> None:
    cast = people()
    Membership.objects.create(
        user=cast.users["merchant_filer"], enterprise=cast.enterprises["platform"], roles=[MemberRole.VIEWER]
    )
    client = signed_in()
    windows, wanted = [window(client) for _hand in range(HANDS)], {"enterprise": cast.enterprises["platform"].pk}
    assert at_once([lambda one=one: one.post("/enterprise/", wanted) for one in windows]) == []
    assert Session.objects.count() == UserSession.objects.count() == 1
    assert Session.objects.get().session_key == UserSession.objects.get().session_key


def test_who_is_signed_out_elsewhere_is_not_signed_in_again_by_a_new_key() -> None:
    cast = people()
    client = signed_in()
    Membership.objects.filter(user=cast.users["merchant_filer"]).update(roles=[MemberRole.FINANCE])
    UserSession.objects.all().delete()  # as the end of a session does, while a request of it is under way
    client.get("/enterprise/")
    assert client.get("/enterprise/").status_code == 302


def test_a_link_to_reset_the_password_used_by_many_at_once_sets_one_password() -> None:
    people()
    Client().post("/password/forgotten/", {"email": "merchant_filer@example.org"})
    link = re.search(r"http://testserver(/password/reset/\S+)", mail.outbox[0].body)[1]  # type: ignore[index]
    visitors = [Client() for _hand in range(HANDS)]
    places = [one.get(link)["Location"] for one in visitors]
    answers: list[Any] = []

    def use(number: int) -> None:
        new = f"lantern-meadow-{number}"
        data = {"new_password1": new, "new_password2": new}
        answers.append((new, visitors[number].post(places[number], data)))

    assert at_once([lambda number=number: use(number) for number in range(HANDS)]) == []
    done = [new for new, answer in answers if answer.status_code == 302]
    assert len(done) == 1 and User.objects.get(username="merchant_filer").check_password(done[0])
    assert all("链接已失效" in answer.content.decode() for new, answer in answers if new not in done)
    assert Notice.objects.filter(is_warning=True).count() == 1
