"""Two of the staff are two persons: not where one made the account of the other, or took its rights or keys in hand."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import colleagues
from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.cast import Cast
from accounts.colleagues import are_one
from accounts.models import Application, ApplicationState, Notice, User
from accounts.onboarding.applications import why_not_by
from accounts.onboarding.kinds import PUBLIC_SITE
from ledger.guarantee import LedgerProblem
from ledger.limits import confirm, decline, propose
from ledger.models import LimitState, LimitWay
from portal.sentences import speak

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_failures")]

OF_NOBODY = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
WORDS = "不能算作两个人，请由另一位同事办理"


@pytest.fixture
def staff(client_of: Any) -> Client:
    return client_of("staff")


@pytest.fixture
def reviewer(cast: Cast) -> User:
    return cast.users["reviewer"]


def saved(staff: Client, user: User, **values: Any) -> None:
    """The page of one of the staff, sent with other values."""
    now = {"username": user.username, "name": user.name, "email": user.email}
    now |= {"is_active": "on", "is_staff": "on", "is_superuser": "on"} | OF_NOBODY
    assert staff.post(f"/admin/accounts/user/{user.pk}/change/", now | values).status_code == 302


def with_another_password(staff: Client, user: User) -> None:
    words = {
        "reason": "本人来电",
        "usable_password": "true",
        "password1": "a quiet harbour 9",
        "password2": "a quiet harbour 9",
    }
    assert staff.post(f"/admin/accounts/user/{user.pk}/password/", words).status_code == 302


def with_no_second_factor(staff: Client, user: User) -> None:
    asked = {"action": "reset_second_factor", "_selected_action": [user.pk], "reason": "本人到场核验"}
    staff.post("/admin/accounts/user/", asked)


def with_another_address(staff: Client, user: User) -> None:
    saved(staff, user, email="elsewhere@example.net", reason="本人来函")


def with_other_rights(staff: Client, user: User) -> None:
    saved(staff, user, is_superuser="")


def with_another_name(staff: Client, user: User) -> None:
    saved(staff, user, name="改了姓名")


TAKEN_IN_HAND = [with_another_password, with_no_second_factor, with_another_address, with_other_rights]


@pytest.mark.parametrize("deed", TAKEN_IN_HAND)
def test_who_took_the_account_of_another_in_hand_is_one_with_them_for_a_month(
    cast: Cast, staff: Client, reviewer: User, deed: Callable[[Client, User], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    other, third = cast.users["staff"], cast.users["auditor"]
    assert not are_one(other, reviewer)
    deed(staff, reviewer)
    assert are_one(other, reviewer) and are_one(reviewer, other)
    assert not are_one(third, reviewer) and not are_one(third, other)
    monkeypatch.setattr(colleagues, "LATELY", timedelta(0))
    assert not are_one(other, reviewer)


def test_another_name_makes_nobody_one_with_another(cast: Cast, staff: Client, reviewer: User) -> None:
    with_another_name(staff, reviewer)
    assert not are_one(cast.users["staff"], reviewer)


def test_who_was_made_on_the_desk_is_one_with_who_made_them(cast: Cast, staff: Client) -> None:
    words = {
        "reason": "本人来电",
        "usable_password": "true",
        "password1": "a quiet harbour 9",
        "password2": "a quiet harbour 9",
    }
    made = {"username": "puppet", "name": "新同事", "email": "puppet@example.org"} | words | OF_NOBODY
    assert staff.post("/admin/accounts/user/add/", made).status_code == 302
    puppet = User.objects.get(username="puppet")
    assert are_one(puppet, cast.users["staff"]) and not are_one(puppet, cast.users["reviewer"])


def made_by(maker: User, name: str) -> User:
    """A superuser that another makes on the desk."""
    user = User.objects.create(username=name, is_staff=True, is_superuser=True)
    record(Bystander(user=maker), Action.STAFF_ADD, f"accounts.user {user.pk}")
    return user


def test_those_behind_whom_one_stands_are_one(cast: Cast, reviewer: User) -> None:
    first = made_by(reviewer, "first")
    behind_first, second = made_by(first, "behind_first"), made_by(reviewer, "second")
    assert are_one(reviewer, behind_first) and are_one(behind_first, reviewer), "through whom they made"
    assert are_one(first, second) and are_one(behind_first, second), "made by one"
    assert not are_one(cast.users["staff"], behind_first)


def test_one_is_one_and_nobody_is_none(cast: Cast, reviewer: User) -> None:
    assert are_one(reviewer, reviewer) and not are_one(None, reviewer) and not are_one(None, None)


@pytest.mark.parametrize("deed", [*TAKEN_IN_HAND, with_another_name])
def test_all_colleagues_hear_of_it(cast: Cast, staff: Client, reviewer: User, deed: Any) -> None:
    third = User.objects.create(username="third", email="third@example.org", is_staff=True, is_superuser=True)
    deed(staff, reviewer)
    told = [speak(one.text) for one in Notice.objects.filter(user=third)]
    if deed is with_another_name:
        assert told == []
    else:
        assert [text for text in told if f"平台值班 改动了职员 {reviewer}" in text] == told and len(told) == 1
    assert not [one for one in Notice.objects.filter(user=cast.users["staff"]) if "改动了职员" in speak(one.text)]


def test_no_colleague_hears_of_who_is_none_of_them_or_of_what_is_ones_own(
    cast: Cast, staff: Client, reviewer: User
) -> None:
    before = Notice.objects.filter(user=reviewer).count()
    with_another_password(staff, cast.users["stranger"])
    saved(staff, cast.users["staff"], email="mine@example.net", reason="本人来函")
    assert Notice.objects.filter(user=reviewer).count() == before


# --- where two have to agree --------------------------------------------------------------------------------------------


def touched(one: User, other: User) -> None:
    """One reset the second factor of the other."""
    record(Bystander(user=one), Action.SECOND_FACTOR_REMOVED, f"accounts.user {other.pk}")


@pytest.mark.parametrize("way_round", [False, True])
def test_an_application_is_not_approved_twice_by_one(cast: Cast, reviewer: User, way_round: bool) -> None:
    first = cast.users["staff"]
    one = Application(
        kind="account", applicant=cast.users["stranger"], first_approver=first, state=ApplicationState.SECOND
    )
    one.save()
    assert why_not_by(one, reviewer) == ""
    touched(cast.users["auditor"], reviewer)
    touched(reviewer, one.applicant)
    assert why_not_by(one, reviewer) == ""
    touched(*((reviewer, first) if way_round else (first, reviewer)))
    assert WORDS in why_not_by(one, reviewer)


def test_what_one_of_the_staff_hands_in_is_not_approved_by_the_same_person(cast: Cast, reviewer: User) -> None:
    one = Application(kind=PUBLIC_SITE.name, applicant=cast.users["staff"], state=ApplicationState.SUBMITTED)
    one.save()
    assert why_not_by(one, reviewer) == ""
    touched(cast.users["staff"], reviewer)
    assert WORDS in why_not_by(one, reviewer)


def test_a_limit_is_not_changed_by_one_person_twice(cast: Cast, reviewer: User) -> None:
    how = {"enterprise": cast.enterprises["merchant"], "way": LimitWay.OPEN, "amount": Decimal(500), "kind": "deposit"}
    change = propose(by=cast.users["staff"], voucher="HK-1", number="DB-1", **how)
    touched(cast.users["staff"], reviewer)
    with pytest.raises(LedgerProblem) as problem:
        confirm(change, by=reviewer)
    assert WORDS in speak(str(problem.value))
    change.refresh_from_db()
    assert change.state == LimitState.PROPOSED
    third = User.objects.create(username="third", is_staff=True, is_superuser=True)
    confirm(change, by=third)
    change = propose(by=cast.users["staff"], voucher="HK-2", **(how | {"way": LimitWay.TOP_UP, "kind": ""}))
    decline(change, by=reviewer, reason="多余")  # nothing is booked by that
    assert timezone.now() >= change.decided_at
