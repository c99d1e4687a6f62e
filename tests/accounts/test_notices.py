"""What people are told: a line in the inbox of whoever a step waits for, a letter, and announcements to all."""

import smtplib
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import notices, tasks
from accounts.cast import Cast
from accounts.models import Announcement, Membership, Notice, User
from accounts.notices import notify, notify_staff
from accounts.onboarding import applications
from portal.sentences import keep, speak
from portal.tenancy import acting_as
from tests.accounts.test_applications import GOOD, handed_in

pytestmark = pytest.mark.django_db


def told(user: User) -> list[str]:
    """What somebody was told, the oldest first."""
    return [speak(text) for text in Notice.objects.filter(user=user).order_by("id").values_list("text", flat=True)]


def due_again() -> None:
    """Time goes by."""
    Notice.objects.exclude(mail_after=None).update(mail_after=timezone.now())


# --- who is told of an application --------------------------------------------------------------------------------------


@contextmanager
def as_staff(user: User):
    with acting_as(enterprise_id=None, user_id=user.pk, role="portal_staff"):
        yield


def test_every_step_of_an_application_tells_who_has_to_make_the_next(cast: Cast) -> None:
    second = User.objects.create(username="staff_two", name="复核员", is_staff=True, is_superuser=True)
    clerk = User.objects.create(username="staff_clerk", name="办事员", is_staff=True)  # holds no permission
    staff, applicant = cast.users["staff"], cast.users["stranger"]
    one = handed_in(applicant)
    waits = "“上海桐溪岸贸易有限公司”的企业开户申请待审核"
    assert told(staff) == told(second) == [waits]
    assert told(clerk) == told(cast.users["auditor"]) == told(applicant) == []
    with as_staff(staff):
        applications.send_back(one, staff=staff, version=one.version, remarks={}, reason="请补材料")
    assert told(applicant) == ["您的企业开户申请已退回，请按意见补正后再提交"]
    with acting_as(enterprise_id=None, user_id=applicant.pk):
        assert applications.submit(one, GOOD, by=applicant, version=one.version) == {}
    with as_staff(staff):
        applications.approve(one, staff=staff, version=one.version)
    assert told(second)[-1] == "“上海桐溪岸贸易有限公司”的企业开户申请已初审通过，待另一人复核"
    assert told(staff) == [waits, waits], "the first need not be told that a second is needed"
    with as_staff(second):
        applications.approve(one, staff=second, version=one.version)
    assert told(applicant)[-1] == "您的企业开户申请已通过"
    last = Notice.objects.filter(user=applicant).latest("id")
    assert (last.enterprise.name, last.address) == ("上海桐溪岸贸易有限公司", f"/applications/{one.pk}/")


def test_a_refusal_is_told_and_a_move_that_fails_tells_nobody(cast: Cast) -> None:
    staff, applicant = cast.users["staff"], cast.users["stranger"]
    one = handed_in(applicant)
    with as_staff(staff), pytest.raises(applications.NotPossible):
        applications.refuse(one, staff=staff, version=one.version, reason="")
    assert told(applicant) == []
    with as_staff(staff):
        applications.refuse(one, staff=staff, version=one.version, reason="与海关备案不符")
    assert told(applicant) == ["您的企业开户申请不予通过，理由见申请页"]


def test_staff_are_told_by_permission_their_own_or_their_groups(cast: Cast) -> None:
    own, grouped = (User.objects.create(username=name, is_staff=True) for name in ("own_right", "by_group"))
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO auth_group (name) VALUES ('reviewers') RETURNING id")
        (group,) = cursor.fetchone()
        cursor.execute("SELECT id FROM auth_permission WHERE codename = 'change_application'")
        (right,) = cursor.fetchone()
        cursor.execute(
            "INSERT INTO accounts_user_user_permissions (user_id, permission_id) VALUES (%s, %s)", [own.pk, right]
        )
        cursor.execute("INSERT INTO accounts_user_groups (user_id, group_id) VALUES (%s, %s)", [grouped.pk, group])
        cursor.execute("INSERT INTO auth_group_permissions (group_id, permission_id) VALUES (%s, %s)", [group, right])
    notify_staff("accounts.change_application", "一")
    notify_staff("accounts.add_nothing", "二")
    assert told(own) == told(grouped) == ["一"]
    assert told(cast.users["staff"]) == ["一", "二"], "a superuser holds every permission"
    User.objects.filter(pk=own.pk).update(is_active=False)
    notify_staff("accounts.change_application", "三")
    assert told(own) == ["一"]


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "order/",
        "/" + "x" * 300,
        "/order/\n//x",
    ],
)
def test_a_notice_leads_nowhere_but_into_the_portal(cast: Cast, address: str) -> None:
    user = cast.users["stranger"]
    with pytest.raises(ValueError, match="no page of this portal"):
        notify([user], "x", address=address)
    if "\n" not in address:
        with pytest.raises(DatabaseError, match=r"leads_into|too long"), as_staff(cast.users["staff"]):
            connection.cursor().execute("SELECT accounts_notify(%s, NULL, 'x', %s)", [[user.pk], address])
    notify([user], "x", address="/order/?tab=todo#list")
    notify([user], "x", address="/")


# --- the wall -----------------------------------------------------------------------------------------------------------


def test_one_sees_ones_own_and_writes_nothing_but_that_it_was_read(cast: Cast) -> None:
    mine, other, merchant = cast.users["merchant_filer"], cast.users["merchant_finance"], cast.enterprises["merchant"]
    notify([mine, other], "有事", enterprise=merchant)
    with acting_as(enterprise_id=cast.enterprises["neighbour"].pk, user_id=cast.users["neighbour_filer"].pk):
        assert not Notice.objects.exists()
    with acting_as(enterprise_id=merchant.pk, user_id=mine.pk):
        assert [notice.user_id for notice in Notice.objects.all()] == [mine.pk]
        for statement in (
            "UPDATE accounts_notice SET text = ''",
            "UPDATE accounts_notice SET mail_after = NULL",
            "DELETE FROM accounts_notice",
            "INSERT INTO accounts_notice (user_id, text, address) VALUES (1, '', '')",
        ):
            with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(statement)
        assert Notice.objects.update(read_at=timezone.now()) == 1
    with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
        assert not Notice.objects.exists()
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            Notice.objects.update(read_at=None)


def test_staff_are_told_on_their_desk(cast: Cast, client_of: Callable[[str], Client]) -> None:
    notify([cast.users["staff"], cast.users["merchant_filer"]], "有事", address="/admin/accounts/enterprise/")
    staff = client_of("staff")
    assert '<a href="/notices/">消息 (1)</a>' in staff.get("/admin/").content.decode()
    number = Notice.objects.get(user=cast.users["staff"]).pk
    assert staff.post(f"/notices/{number}/", {"open": ""})["Location"] == "/admin/accounts/enterprise/"
    assert '<a href="/notices/">消息</a>' in staff.get("/admin/").content.decode()


def test_who_left_an_enterprise_reads_nothing_more_of_it(cast: Cast, client_of: Callable[[str], Client]) -> None:
    user, merchant = cast.users["merchant_filer"], cast.enterprises["merchant"]
    notify([user], "企业的事", enterprise=merchant)
    notify([user], "自己的事")
    assert "企业的事" in client_of("merchant_filer").get("/notices/").content.decode()
    Membership.objects.filter(user=user).update(active=False)
    page = client_of("merchant_filer").get("/notices/").content.decode()
    assert "企业的事" not in page and "自己的事" in page
    tasks.mail_notices()
    assert "企业的事" not in mail.outbox[0].body and "自己的事" in mail.outbox[0].body


# --- the inbox ----------------------------------------------------------------------------------------------------------


def test_the_bell_counts_and_the_inbox_leads_on(cast: Cast, client_of: Callable[[str], Client]) -> None:
    user, client = cast.users["merchant_filer"], client_of("merchant_filer")
    assert "条未读" not in client.get("/").content.decode()
    for number in range(3):
        notify([user], keep("第 %(number)s 件事", number=number), address="/uploads/")
    assert "消息，3 条未读" in client.get("/").content.decode()
    first, second, third = Notice.objects.order_by("id")
    assert [row.pk for row in client.get("/notices/").context["page"]["rows"]] == [third.pk, second.pk, first.pk]
    assert client.post(f"/notices/{second.pk}/", {"open": ""})["Location"] == "/uploads/"
    assert client.post(f"/notices/{first.pk}/")["Location"] == "/notices/"
    assert [row.pk for row in client.get("/notices/").context["page"]["rows"]] == [third.pk]
    assert len(client.get("/notices/?all=1").context["page"]["rows"]) == 3
    read_at = Notice.objects.get(pk=second.pk).read_at
    client.post(f"/notices/{second.pk}/", {"open": ""})
    assert Notice.objects.get(pk=second.pk).read_at == read_at, "it is read once"


def test_all_is_what_stood_on_the_page(cast: Cast, client_of: Callable[[str], Client]) -> None:
    user, client = cast.users["stranger"], client_of("stranger")
    notify([user], "一")
    upto = client.get("/notices/").context["page"]["rows"][0].pk
    notify([user], "二")
    assert client.post("/notices/read/", {"upto": upto}).status_code == 302
    assert [speak(row.text) for row in client.get("/notices/").context["page"]["rows"]] == ["二"]
    for nonsense in ("", "x", "-1", "9" * 40):
        assert client.post("/notices/read/", {"upto": nonsense}).status_code == 404


def test_anothers_notice_is_as_good_as_none(cast: Cast, client_of: Callable[[str], Client]) -> None:
    notify([cast.users["neighbour_filer"]], "别人的事", address="/order/")
    number = Notice.objects.get().pk
    client = client_of("merchant_filer")
    assert client.post(f"/notices/{number}/", {"open": ""}).status_code == 404
    client.post("/notices/read/", {"upto": number})
    assert Notice.objects.get().read_at is None
    assert "别人的事" not in client.get("/notices/?all=1").content.decode()
    assert Client().get("/notices/")["Location"].startswith("/login/")


def test_a_notice_of_another_of_ones_enterprises_switches_visibly(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    user, other = cast.users["merchant_filer"], cast.enterprises["neighbour"]
    Membership.objects.create(user=user, enterprise=other, roles=["filer"])
    notify([user], "那边的事", address="/order/", enterprise=other)
    client = client_of("merchant_filer")
    page = client.post(f"/notices/{Notice.objects.get().pk}/", {"open": ""}, follow=True)
    assert page.context["actor"].enterprise == other
    assert f"现在代表 {other.name}" in page.content.decode()


def test_a_full_inbox_is_read_page_by_page(cast: Cast, client_of: Callable[[str], Client]) -> None:
    user, client = cast.users["stranger"], client_of("stranger")
    for number in range(120):
        notify([user], f"第 {number} 条")
    page = client.get("/notices/").context["page"]
    assert (len(page["rows"]), page["unread"], page["newer"]) == (50, 99, None)
    seen = list(page["rows"])
    while page["older"]:
        page = client.get("/notices/" + page["older"]).context["page"]
        seen += page["rows"]
    assert [speak(row.text) for row in seen] == [f"第 {number} 条" for number in range(119, -1, -1)]
    assert client.get("/notices/?before=x&after=-1").status_code == 200


# --- the letters --------------------------------------------------------------------------------------------------------


class Broken(EmailBackend):
    """A mail server in trouble: ``trouble`` is raised for every letter to one of ``whom``, or to anybody."""

    trouble: Exception = OSError("no route")
    whom: tuple[str, ...] = ()

    def send_messages(self, messages: Any) -> int:
        if not self.whom or any(one in self.whom for message in messages for one in message.to):
            raise self.trouble
        return super().send_messages(messages)


@pytest.fixture
def broken(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[Broken]:
    settings.EMAIL_BACKEND = f"{__name__}.Broken"
    monkeypatch.setattr(Broken, "whom", ())
    monkeypatch.setattr(Broken, "trouble", OSError("no route"))
    return Broken


def test_one_letter_a_person_says_all_that_is_due(cast: Cast, settings: Any) -> None:
    user, merchant = cast.users["merchant_filer"], cast.enterprises["merchant"]
    notify(
        [user, cast.users["stranger"]],
        keep("您的%(kind)s申请已通过", kind="企业开户"),
        address="/applications/account/",
    )
    notify([user], "另一件事", enterprise=merchant)
    tasks.mail_notices()
    tasks.mail_notices()
    letters = {letter.to[0]: letter for letter in mail.outbox}
    assert len(mail.outbox) == 2 and set(letters) == {"merchant_filer@example.org", "stranger@example.org"}
    both = letters["merchant_filer@example.org"]
    assert both.subject == "[通关] 2 条新消息"
    assert f"您的企业开户申请已通过\n  {settings.PORTAL_ADDRESS}/applications/account/" in both.body
    assert f"{merchant.name}\n  另一件事" in both.body and "顾知微，您好" in both.body
    assert letters["stranger@example.org"].subject == "[通关] 您的企业开户申请已通过"
    assert not Notice.objects.filter(mailed_at=None).exists()


def test_what_was_read_before_or_has_nowhere_to_go_is_not_mailed(cast: Cast) -> None:
    user, nowhere = cast.users["merchant_filer"], cast.users["stranger"]
    User.objects.filter(pk=nowhere.pk).update(email="")
    notify([user, nowhere], "有事")
    Notice.objects.filter(user=user).update(read_at=timezone.now())
    tasks.mail_notices()
    assert mail.outbox == [] and not Notice.objects.exclude(mail_after=None).exists()


def test_a_dead_mail_server_delays_letters_and_loses_none(cast: Cast, broken: type[Broken]) -> None:
    people = [cast.users[name] for name in ("merchant_filer", "merchant_finance", "stranger")]
    notify(people, "有事")
    assert notices.mail_due() == 0
    tried = Notice.objects.filter(mail_attempts=1)
    assert tried.count() == 1, "the others are not tried while nobody answers"
    assert tried.get().mail_after > timezone.now() + timedelta(seconds=40)
    broken.whom = ("nobody",)
    assert notices.mail_due() == 2
    due_again()
    assert notices.mail_due() == 1
    assert sorted(letter.to[0] for letter in mail.outbox) == sorted(one.email for one in people)


@pytest.mark.parametrize(
    "trouble",
    [smtplib.SMTPRecipientsRefused({}), smtplib.SMTPDataError(554, b"no"), RuntimeError("nobody thought of it")],
)
def test_a_letter_that_is_refused_keeps_no_other_waiting(cast: Cast, broken: type[Broken], trouble: Exception) -> None:
    notify([cast.users["stranger"], cast.users["merchant_filer"]], "有事")
    broken.trouble, broken.whom = trouble, ("stranger@example.org",)
    assert notices.mail_due() == 1
    left = Notice.objects.get(mailed_at=None)
    assert left.user.username == "stranger" and left.mail_after > timezone.now()


def test_the_wait_doubles_up_to_an_hour_and_ends_after_days(cast: Cast, broken: type[Broken]) -> None:
    waits = [notices.wait(attempts).total_seconds() / 60 for attempts in range(1, 20)]
    assert 0.8 <= waits[0] <= 1.2 and 1.6 <= waits[1] <= 2.4 and max(waits) <= 72 and min(waits[7:]) >= 48
    notify([cast.users["stranger"]], "有事")
    Notice.objects.update(created=timezone.now() - timedelta(days=4))
    notices.mail_due()
    assert Notice.objects.get().mail_after is None and Notice.objects.get().mailed_at is None


def test_a_sweep_that_dies_with_a_letter_in_hand_leaves_it_to_the_next(cast: Cast) -> None:
    notify([cast.users["stranger"]], "有事")
    assert len(notices._claim()) == 1
    assert notices.mail_due() == 0, "claimed: another may be sending it"
    due_again()
    assert notices.mail_due() == 1


def test_a_letter_of_very_many_names_the_rest(cast: Cast) -> None:
    for number in range(25):
        notify([cast.users["stranger"]], f"第 {number} 条")
    tasks.mail_notices()
    assert mail.outbox[0].body.count("· ") == 20 and "另有 5 条" in mail.outbox[0].body


# --- announcements ------------------------------------------------------------------------------------------------------


def announce(client: Client, **words: Any) -> Any:
    data = {"title": "系统维护", "text": "周六停机", "since_0": "2020-01-01", "since_1": "00:00", **words}
    return client.post("/admin/accounts/announcement/add/", data)


def test_staff_announce_and_members_read_it_on_their_desk(cast: Cast, client_of: Callable[[str], Client]) -> None:
    assert announce(client_of("staff")).status_code == 302
    assert "周六停机" in client_of("merchant_filer").get("/").content.decode()
    assert "周六停机" not in Client().get("/login/").content.decode()
    Announcement.objects.update(public=True)
    assert "周六停机" in Client().get("/login/").content.decode()
    Announcement.objects.update(until=timezone.now())
    assert "周六停机" not in client_of("merchant_filer").get("/").content.decode()


def test_an_announcement_may_be_for_some_types_only(cast: Cast, client_of: Callable[[str], Client]) -> None:
    assert announce(client_of("staff"), types=["warehouse"]).status_code == 302
    assert "周六停机" in client_of("warehouse_filer").get("/").content.decode()
    assert "周六停机" not in client_of("merchant_filer").get("/").content.decode()
    both = announce(client_of("staff"), types=["warehouse"], public="on")
    assert "不能再限定企业类型" in both.content.decode()
    ends = announce(client_of("staff"), until_0="2019-01-01", until_1="00:00")
    assert "显示结束须晚于显示开始" in ends.content.decode()


def test_the_wall_shows_an_announcement_to_whom_and_when_it_is_meant(cast: Cast) -> None:
    now, day = timezone.now(), timedelta(days=1)
    for title, words in {
        "public": {"public": True},
        "all": {},
        "warehouse": {"types": ["warehouse"]},
        "later": {"since": now + day},
        "over": {"since": now - 2 * day, "until": now - day},
    }.items():
        Announcement.objects.create(**{"title": title, "text": "x", "since": now - day, **words})

    def seen(username: str, enterprise: str = "") -> set[str]:
        firm = cast.enterprises[enterprise].pk if enterprise else None
        with acting_as(enterprise_id=firm, user_id=cast.users[username].pk if username else None):
            return set(Announcement.objects.values_list("title", flat=True))

    assert seen("") == {"public"}
    assert seen("stranger") == {"public", "all", "over"}
    assert seen("merchant_filer", "merchant") == {"public", "all", "over"}
    assert seen("warehouse_filer", "warehouse") == {"public", "all", "over", "warehouse"}
    Announcement.objects.filter(title="public").update(until=now - day / 2)
    assert seen("") == set(), "a visitor reads those of now"
    with acting_as(enterprise_id=None, user_id=None), pytest.raises(DatabaseError, match="permission denied"):
        Announcement.objects.update(title="x")
