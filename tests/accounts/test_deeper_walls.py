"""What a login of the pages or of the desk reaches with SQL of its own: whom it tells, what it moves, what it decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import Mandate, Membership, Notice, User
from accounts.notices import notify, notify_member, notify_members, notify_staff
from portal.tenancy import acting_as
from tests.accounts.test_applications import handed_in
from tests.wall import refused

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(minutes=2)


@contextmanager
def as_staff(user: User) -> Iterator[None]:
    with acting_as(enterprise_id=None, user_id=user.pk, role="portal_staff"):
        yield


@contextmanager
def as_page(cast: Cast, username: str, enterprise: str = "") -> Iterator[None]:
    """As the pages ask for this user, who acts for that enterprise or for none."""
    with acting_as(
        enterprise_id=cast.enterprises[enterprise].pk if enterprise else None, user_id=cast.users[username].pk
    ):
        yield


def texts() -> set[tuple[str, str]]:
    """Who was told what."""
    return set(Notice.objects.values_list("user__username", "text"))


# --- who is told --------------------------------------------------------------------------------------------------------


def test_no_page_chooses_whom_it_tells_and_staff_do(cast: Cast) -> None:
    stranger = cast.users["stranger"]
    with as_page(cast, "merchant_administrator", "merchant"):
        assert refused("SELECT accounts_notify(ARRAY[%s::bigint], NULL, '请点这里', '/')", stranger.pk)
    with as_staff(cast.users["staff"]):
        notify([stranger], "已受理")
    assert texts() == {("stranger", "已受理")}


def test_an_administrator_tells_who_is_or_was_a_member(cast: Cast) -> None:
    merchant, neighbour, gone = (
        cast.enterprises["merchant"],
        cast.enterprises["neighbour"],
        cast.users["merchant_finance"],
    )
    Membership.objects.filter(user=gone).update(active=False)
    with as_page(cast, "merchant_administrator", "merchant"):
        notify_member(gone, merchant, "一")
        notify_member(cast.users["merchant_filer"], merchant, "二")
        notify_member(cast.users["neighbour_filer"], merchant, "不是成员")
        notify_member(cast.users["neighbour_filer"], neighbour, "不是本企业")
    with as_page(cast, "merchant_filer", "merchant"):
        notify_member(cast.users["merchant_viewer"], merchant, "不是管理员")
    with as_staff(cast.users["staff"]):
        notify_member(cast.users["neighbour_filer"], neighbour, "三")
    assert texts() == {("merchant_finance", "一"), ("merchant_filer", "二"), ("neighbour_filer", "三")}


def test_members_are_told_by_one_of_them(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    with as_page(cast, "neighbour_filer", "merchant"):
        notify_members(merchant, "冒充")
    Membership.objects.filter(user=cast.users["merchant_viewer"]).update(active=False)
    with as_page(cast, "merchant_viewer", "merchant"):
        notify_members(merchant, "已离开")
    assert texts() == set()
    with as_page(cast, "merchant_filer", "merchant"):
        notify_members(merchant, "自己企业的事")
    assert ("merchant_finance", "自己企业的事") in texts()


def test_the_other_party_is_told_when_a_mandate_moves_and_only_its_administrators(cast: Cast) -> None:
    merchant, warehouse = cast.enterprises["merchant"], cast.enterprises["warehouse"]
    shared = Mandate.objects.filter(principal=merchant, agent=warehouse)
    shared.update(proposed_at=timezone.now() - LONG_AGO, answered_at=timezone.now() - LONG_AGO)
    with as_page(cast, "merchant_administrator", "merchant"):
        notify_members(warehouse, "早已委托")
    assert shared.exists() and texts() == set()
    shared.update(answered_at=timezone.now())
    with as_page(cast, "merchant_filer", "merchant"):
        notify_members(warehouse, "不是管理员")
    assert texts() == set()
    with as_page(cast, "merchant_administrator", "merchant"):
        notify_members(warehouse, "委托变了")
    administrators = Membership.objects.filter(enterprise=warehouse, active=True, roles__contains=["administrator"])
    assert texts() == {(one.user.username, "委托变了") for one in administrators} != set()


def test_a_page_tells_reviewers_alone_and_of_what_it_hands_in(cast: Cast) -> None:
    applicant = cast.users["stranger"]
    with as_page(cast, "stranger"):
        notify_staff("accounts.change_application", "没有申请")
    assert texts() == set()
    one = handed_in(applicant)
    assert "staff" in {name for name, _text in texts()}
    Notice.objects.all().delete()
    with as_page(cast, "stranger"):
        notify_staff("accounts.change_user", "别的权限")
    one.submissions.update(at=timezone.now() - LONG_AGO)
    with as_page(cast, "stranger"):
        notify_staff("accounts.change_application", "早已提交")
    assert texts() == set()
    with as_staff(cast.users["staff"]):
        notify_staff("accounts.change_user", "职员之间")
    assert ("reviewer", "职员之间") in texts()
