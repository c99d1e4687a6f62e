"""The queue of applications before staff: working days, what waits and how it is narrowed, reminders."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import Application, AuditEntry, Membership, Notice, Reminder, User
from accounts.notices import mail_due
from accounts.onboarding import applications
from accounts.onboarding.kinds import ACCOUNT, ENTERPRISE_CHANGE
from accounts.onboarding.profile import in_force
from accounts.onboarding.promises import days_late, late, working_days
from accounts.roles import MemberRole
from portal.calendar import SHANGHAI
from portal.sentences import speak
from portal.tenancy import Role, acting_as
from tests.accounts.reviewing import (
    QUEUE,
    a_person,
    browser_of,
    handed_in,
    listed,
    others,
    page_of,
    press,
    seen,
    waiting_since,
)
from tests.accounts.test_applications import GOOD, as_applicant

pytestmark = pytest.mark.django_db

# --- working days -------------------------------------------------------------------------------------------------------

FRIDAY = datetime(2026, 11, 20, 16, 0, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("days", "expected"),
    # New Year's Day of 2027, a Friday, lies within the last one.
    [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2), (7, 5), (9, 5), (10, 6), (70, 49), (-3, 0)],
)
def test_only_days_on_which_offices_work_count(days: int, expected: int) -> None:
    assert working_days(FRIDAY, FRIDAY + timedelta(days=days)) == expected


def test_a_day_is_a_day_in_shanghai() -> None:
    thursday_there = datetime(2026, 11, 19, 15, 59, tzinfo=UTC)  # 23:59 of Thursday
    assert working_days(thursday_there, thursday_there + timedelta(minutes=1)) == 1


def test_holidays_do_not_count_and_saturdays_worked_for_them_do() -> None:
    before_spring = datetime(
        2026, 2, 13, 16, 0, tzinfo=SHANGHAI
    )  # Friday; Saturday 14 is worked, then off until the 23rd
    assert working_days(before_spring, before_spring + timedelta(days=1)) == 1
    assert working_days(before_spring, before_spring + timedelta(days=10)) == 1
    assert working_days(before_spring, before_spring + timedelta(days=11)) == 2


@pytest.mark.parametrize(
    "came", [FRIDAY, datetime(2026, 2, 13, 16, 0, tzinfo=SHANGHAI)], ids=["plain", "spring_festival"]
)
def test_what_is_late_in_the_queue_is_late_on_its_page(applied: Application, came: datetime) -> None:
    for hours in range(0, 24 * 15, 7):
        now = came + timedelta(hours=hours)
        waiting_since(applied, came)
        applied.refresh_from_db()
        assert Application.objects.filter(late(now)).exists() == bool(days_late(applied, now)), now


# --- the queue ----------------------------------------------------------------------------------------------------------


def test_the_queue_shows_what_waits_oldest_first(cast: Cast, staff: Client, applied: Application) -> None:
    newer, returned, typed_only = others(cast, "乙公司", "丙公司", "丁公司")
    user = a_person("only_types", "还在填")
    with as_applicant(user):
        applications.save(applications.begin(ACCOUNT, by=user, enterprise=None, title="没交"), GOOD, version=1)
    waiting_since(newer, timezone.now() - timedelta(days=30))
    press(staff, returned, "send_back", reason="请补材料")
    with as_applicant(typed_only.applicant):
        applications.withdraw(typed_only, by=typed_only.applicant, version=typed_only.version)
    assert listed(staff) == ["乙公司", applied.title]
    assert listed(staff, "?step=returned") == ["丙公司"]
    assert listed(staff, "?step=ended") == ["丁公司"]
    assert set(listed(staff, "?step=all")) == {"乙公司", applied.title, "丙公司", "丁公司"}
    body = staff.get(QUEUE).content.decode()
    assert "等待我方办理 (2)" in body and "退回补正 (1)" in body and "全部 (4)" in body
    assert "企业开户" in body and "待审核" in body and "未分派" in body and "超时" in body


def test_the_queue_is_narrowed_by_step_kind_age_and_assignee(cast: Cast, staff: Client, second: User) -> None:
    mine, theirs, nobodys = others(cast, "甲公司", "乙公司", "丙公司")
    press(staff, mine, "take")
    press(browser_of(second), theirs, "take")
    press(staff, nobodys, "approve")
    waiting_since(theirs, timezone.now() - timedelta(days=10))
    assert listed(staff, "?whose=mine") == ["甲公司"]
    assert listed(staff, "?whose=others") == ["乙公司"]
    assert listed(staff, "?whose=nobody") == ["丙公司"]
    assert listed(staff, "?step=second") == ["丙公司"]
    assert "待复核（初审：平台值班）" in staff.get(QUEUE).content.decode()
    assert listed(staff, "?age=late") == ["乙公司"]
    assert listed(staff, "?age=in_time") == ["甲公司", "丙公司"]
    assert len(listed(staff, "?kind=account")) == 3
    assert listed(staff, "?type=merchant") == []


def test_the_queue_costs_the_same_however_long_it_is(
    cast: Cast, staff: Client, django_assert_num_queries: Callable
) -> None:
    (first,) = others(cast, "甲公司")
    press(staff, first, "take")
    with CaptureQueriesContext(connection) as asked:
        staff.get(QUEUE)
    cost = len(asked)
    for number in range(5):
        user = a_person(f"more{number}", "访客")
        press(staff, handed_in(user, GOOD | {"name": [f"第{number}家"]}), "approve" if number % 2 else "take")
    with django_assert_num_queries(cost):
        assert len(listed(staff)) == 6


def test_a_search_looks_at_names_and_numbers_of_every_step(cast: Cast, staff: Client, applied: Application) -> None:
    others(cast, "乙公司")
    press(staff, applied, "send_back", reason="请补材料")
    assert listed(staff, "?q=桐溪岸") == [applied.title]
    assert set(listed(staff, "?q=312226dm77")) == {applied.title, "乙公司"}  # both say it is theirs
    assert listed(staff, "?q=312226DM78") == []
    assert listed(staff, "?q=桐溪岸&step=waiting") == []


@pytest.mark.parametrize(
    "query",
    [
        "?step=nothing&kind=x&age=7&whose=&type='--",
        "?q=%00",
        "?q=" + "9" * 500,
        "?p=99999999999999999999&o=9.-9.x",
        "?_changelist_filters=%25%00&all=x",
        "?e=1",
    ],
)
def test_a_question_that_makes_no_sense_breaks_nothing(staff: Client, applied: Application, query: str) -> None:
    assert staff.get(QUEUE + query, follow=True).status_code in (200, 400)
    assert staff.get(page_of(applied) + query).status_code in (200, 400)


@pytest.mark.parametrize("lookup", ["content__contains", "applicant__password__startswith", "state__regex", "id__in"])
def test_the_queue_is_narrowed_by_nothing_but_its_filters(staff: Client, lookup: str) -> None:
    assert staff.get(f"{QUEUE}?{lookup}=x").status_code == 400


def test_the_first_page_tells_how_many_wait(staff: Client, applied: Application) -> None:
    assert "申请：1 份等待人工处理" in staff.get("/admin/").content.decode()


# --- reminders ----------------------------------------------------------------------------------------------------------


def remind(client: Client, *chosen: Application, step: str = "all") -> str:
    """Press the button of the queue."""
    data = {"action": "remind", "_selected_action": [one.pk for one in chosen]}
    answer = client.post(f"{QUEUE}?step={step}", data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def reminders_of(user: User) -> list[str]:
    """What somebody was reminded of, the oldest first."""
    told = [speak(one.text) for one in Notice.objects.filter(user=user).order_by("pk")]
    return [one for one in told if one.startswith("催办")]


def test_whoever_is_waited_for_is_reminded_once_a_day(cast: Cast, staff: Client, second: User) -> None:
    returned, taken, also_taken, nobodys, ended = others(cast, "甲公司", "乙公司", "丙公司", "丁公司", "戊公司")
    press(staff, returned, "send_back", reason="请补材料")
    for one in (taken, also_taken):
        press(browser_of(second), one, "take")
    press(staff, ended, "refuse", reason="重复")
    body = remind(staff, returned, taken, also_taken, nobodys, ended)
    assert "已发出催办 4 份" in body and "1 份未催：已办结" in body
    (to_applicant,) = reminders_of(returned.applicant)
    assert "已退回补正" in to_applicant and "甲公司" in to_applicant
    to_second = reminders_of(second)
    assert len(to_second) == 3 and "在等您审核" in to_second[0] and "丙公司" in to_second[1]
    assert "丁公司" in to_second[2] and "还没有人接手" in to_second[2], "what nobody has waits for all who decide"
    mail_due()
    letters = {one.to[0]: one.body for one in mail.outbox}
    assert f"/applications/{returned.pk}/" in letters[returned.applicant.email]
    assert f"{QUEUE}{taken.pk}/change/" in letters[second.email]
    deeds = AuditEntry.objects.filter(action="application_reminded").values_list("subject", flat=True)
    assert set(deeds) == {f"account {one.pk}" for one in (returned, taken, also_taken, nobodys)}
    assert "4 份未催：今天已催过" in remind(browser_of(second), returned, taken, also_taken, nobodys)
    assert len(reminders_of(second)) == 3 and Reminder.objects.count() == 4
    Reminder.objects.update(on=timezone.now() - timedelta(days=1))
    assert "已发出催办 1 份" in remind(staff, returned)
    assert "催办申请" in seen(staff, returned)


def test_of_what_nobody_has_only_those_who_decide_are_reminded(cast: Cast, staff: Client, applied: Application) -> None:
    looker = a_person("looker", "看客", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_application"))
    decider = a_person("decider", "审核员", is_staff=True)
    decider.user_permissions.set(Permission.objects.filter(codename__in=["view_application", "change_application"]))
    User.objects.filter(username="auditor").update(email="auditor@example.org")
    assert "已发出催办 1 份" in remind(staff, applied)
    told = Notice.objects.filter(text__contains="还没有人接手").values_list("user__username", flat=True)
    assert set(told) == {"decider", "reviewer"}, "not who only looks, not who pressed"
    Reminder.objects.all().delete()
    User.objects.exclude(username="staff").update(is_staff=False)
    assert "没有其他能审核的同事可催" in remind(staff, applied) and not Reminder.objects.exists()


def test_who_has_no_address_is_not_reminded(cast: Cast, staff: Client, applied: Application) -> None:
    press(staff, applied, "send_back", reason="请补材料")
    User.objects.filter(pk=applied.applicant_id).update(email="")
    assert "没有登记邮箱" in remind(staff, applied)
    assert not reminders_of(applied.applicant) and not Reminder.objects.exists()


def test_for_who_has_left_the_administrators_are_told(cast: Cast, staff: Client) -> None:
    merchant, gone, left = cast.enterprises["merchant"], a_person("gone", "离职"), a_person("other", "接任")
    for user in (gone, left):
        Membership.objects.create(user=user, enterprise=merchant, roles=[MemberRole.ADMINISTRATOR])
    with acting_as(enterprise_id=merchant.pk, user_id=gone.pk):
        one = applications.begin(ENTERPRISE_CHANGE, by=gone, enterprise=merchant)
        said = in_force(merchant) | {"website": ["https://shop.example.com/"]}
        assert applications.submit(one, said, by=gone, version=one.version) == {}
    press(staff, one, "send_back", reason="请补材料")
    head = cast.users["merchant_administrator"]
    of_return = Notice.objects.filter(address=f"/applications/{one.pk}/")
    assert sorted(of_return.values_list("user", flat=True)) == sorted([head.pk, gone.pk, left.pk]), "each once"
    Membership.objects.filter(user=gone).update(active=False)
    assert "已发出催办 1 份" in remind(staff, one)
    assert not reminders_of(gone) and len(reminders_of(head)) == len(reminders_of(left)) == 1
    Reminder.objects.all().delete()
    Membership.objects.filter(user=gone).update(active=True)
    assert "已发出催办 1 份" in remind(staff, one)
    assert len(reminders_of(gone)) == len(reminders_of(head)) == 1, "who applied and is there is told alone"
    Reminder.objects.all().delete()
    Membership.objects.filter(enterprise=merchant).update(active=False)
    assert "没有登记邮箱" in remind(staff, one)


def test_a_letter_is_chinese_whoever_sends_it(staff: Client, applied: Application) -> None:
    press(staff, applied, "send_back", reason="请补材料")
    staff.cookies["django_language"] = "en"
    remind(staff, applied)
    mail_due()
    letters = {one.to[0]: one.body for one in mail.outbox}
    assert "催办：企业开户" in letters[applied.applicant.email]


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("portal_web", "SELECT 1 FROM accounts_reminder"),
        (
            "portal_web",
            'INSERT INTO accounts_reminder (application_id, "on", by_id) SELECT id, now(), 1 FROM accounts_application',
        ),
        ("portal_staff", "DELETE FROM accounts_reminder"),
        ("portal_staff", 'UPDATE accounts_reminder SET "on" = now()'),
        ("portal_staff", "UPDATE accounts_submission SET numbers = '{}'"),
    ],
)
def test_reminders_are_kept_from_the_pages_and_stand(applied: Application, role: Role, statement: str) -> None:
    user = applied.applicant_id
    with pytest.raises(DatabaseError), acting_as(enterprise_id=None, user_id=user, role=role):
        with connection.cursor() as cursor:
            cursor.execute(statement)
