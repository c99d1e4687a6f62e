"""加密证书代办 after it was taken on: each step by staff, seen and told; none skipped, gone back on, or made by others."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts.cast import Cast
from accounts.models import Application, ApplicationState, AuditEntry, ErrandStep, Membership, Notice, User
from accounts.onboarding import applications, errand_moves
from accounts.onboarding.applications import NotPossible, Stale
from accounts.onboarding.errands import Errand, errand_of, others_going_on
from accounts.roles import MemberRole
from portal.sentences import speak
from portal.tenancy import Role, acting_as
from tests.accounts.test_agency import good, submitted

pytestmark = pytest.mark.django_db

QUEUE = "/admin/accounts/application/"
AGAIN = reverse("application_new", args=["certificate_agency"])
STAGES = ["at_centre", "ready", "handed_over"]


@pytest.fixture
def errand(cast: Cast) -> Application:
    """Taken on by one of the staff."""
    one, problems = submitted(cast, good())
    assert problems == {}
    staff = cast.users["staff"]
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        assert applications.approve(one, staff=staff, version=one.version)
    return one


@pytest.fixture
def staff(client_of: Callable[[str], Client]) -> Client:
    return client_of("staff")


@pytest.fixture
def administrator(client_of: Callable[[str], Client]) -> Client:
    return client_of("merchant_administrator")


def press(
    client: Client, one: Application, do: str = "go_on", *, day: str = "", note: str = "", version: int = 0
) -> str:
    """A button on the desk, with what was typed; the page that comes of it."""
    one.refresh_from_db()
    data = {
        "do": do, "version": version or one.version, "day": day or timezone.localdate().isoformat(), "reason": note,
    }  # fmt: skip
    return client.post(f"{QUEUE}{one.pk}/change/", data, follow=True).content.decode()


def stages(one: Application) -> list[str]:
    return [step.stage for step in one.errand_steps.order_by("number")]


def page_of(client: Client, one: Application) -> str:
    return client.get(f"/applications/{one.pk}/").content.decode()


def track(page: str) -> list[list[str]]:
    """What the applicant reads of each step: word and, where it was made, day."""
    found = html.fromstring(page).xpath("//section[@aria-labelledby='errand']//li/div")
    return [[text.strip() for text in one.itertext() if text.strip()] for one in found]


def latest_notice(cast: Cast) -> Notice:
    return Notice.objects.filter(user=cast.users["merchant_administrator"]).latest("id")


# --- the way ------------------------------------------------------------------------------------------------------------


def test_it_goes_from_taken_on_to_handed_over_and_the_enterprise_reads_and_is_told_each_step(
    cast: Cast, errand: Application, staff: Client, administrator: Client
) -> None:
    today = timezone.localdate().isoformat()
    page = page_of(administrator, errand)
    assert track(page) == [["已受理", today], ["已送制卡中心"], ["可领取"], ["已交付"]]
    assert "送上海制卡中心" in page and "登记证书" not in page and "申请变更" not in page
    for stage, word, told in (
        ("at_centre", "已送制卡中心", "送上海制卡中心，约 5 个工作日"),
        ("ready", "可领取", "可领取，平台工作人员领取后与经办人联系"),
        ("handed_over", "已交付", "请到“证书与加签”登记"),
    ):
        answer = press(staff, errand, note=f"说明{word}")
        assert f"的代办已登记“{word}”" in answer
        assert stages(errand)[-1] == stage
        page = page_of(administrator, errand)
        assert [word, today] in track(page) and f"说明{word}" in page, "the day, and what staff said"
        assert told in speak(latest_notice(cast).text)
        assert word in administrator.get("/applications/").content.decode()
        deed = AuditEntry.objects.filter(action="application_errand").latest("id")
        assert (deed.user.username, deed.details["stage"]) == ("staff", stage) and "说明" not in str(deed.details)
    assert stages(errand) == STAGES
    assert latest_notice(cast).address == "/credentials/"
    assert html.fromstring(page).xpath("//div[@role='status']//a[@href='/credentials/new/']"), "what to do next"
    assert "这次代办已经办结" in press(staff, errand) and stages(errand) == STAGES
    assert 'name="do" value="go_on"' not in staff.get(f"{QUEUE}{errand.pk}/change/").content.decode()


def test_the_card_centre_is_given_five_working_days_over_the_weekends(errand: Application) -> None:
    """Handed in on a Monday: not counting that day, Tuesday to Friday and the Monday after."""
    taken = datetime(2026, 11, 20, 2, tzinfo=UTC)
    step = ErrandStep(application=errand, number=1, stage="at_centre", day=date(2026, 11, 23))
    at_centre = Errand(taken, [step])
    assert at_centre.expected == date(2026, 11, 30)
    assert Errand(taken, []).expected is None, "the guide names no days for the others"
    ready = ErrandStep(application=errand, number=2, stage="ready", day=date(2026, 11, 27))
    assert Errand(taken, [step, ready]).expected is None


def test_the_expected_day_stands_on_both_pages(errand: Application, staff: Client, administrator: Client) -> None:
    press(staff, errand)
    known = errand_of(errand)
    assert known is not None and known.expected is not None
    told = f"预计 {known.expected.isoformat()} 前后可领取"
    assert told in page_of(administrator, errand)
    assert told in staff.get(f"{QUEUE}{errand.pk}/change/").content.decode()


@pytest.mark.parametrize("made", [0, 1, 2])
def test_it_may_fail_at_every_step_with_the_reason_and_may_be_asked_anew(
    made: int, cast: Cast, errand: Application, staff: Client, administrator: Client
) -> None:
    for _number in range(made):
        press(staff, errand)
    assert "请写明未能办成的原因" in press(staff, errand, "fail", note="  ") and len(stages(errand)) == made
    press(staff, errand, "fail", note="委托书的公章不清")
    assert stages(errand) == [*STAGES[:made], "failed"]
    page = page_of(administrator, errand)
    assert "委托书的公章不清" in page and "未能办成" in page and "证书与加签" not in page.split("<main")[1]
    assert "未能办成" in speak(latest_notice(cast).text)
    assert html.fromstring(page).xpath(f"//div[@class='acts']/a[@href='{AGAIN}']")
    assert "这次代办已经办结" in press(staff, errand, "go_on")
    again, problems = submitted(cast, good())
    assert problems == {} and again.pk != errand.pk


# --- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("昨天", "请填写日期"),
        ("2026-02-30", "请填写日期"),
        ("9999-12-31", "日期在将来"),
        ("2001-01-01", "日期早于上一步"),
    ],
)
def test_a_day_that_cannot_be_is_refused_and_what_was_typed_stays(
    day: str, words: str, errand: Application, staff: Client
) -> None:
    page = press(staff, errand, day=day, note="快递单号已告知")
    assert words in page and "快递单号已告知" in page and stages(errand) == []
    assert f'value="{day}"' in page


def test_it_happened_on_an_earlier_day_but_not_before_the_last_step(errand: Application, staff: Client) -> None:
    three_days = timezone.now() - timedelta(days=3)
    Application.objects.filter(pk=errand.pk).update(state_at=three_days)
    two_days_ago = (timezone.localdate() - timedelta(days=2)).isoformat()
    three_days_ago = timezone.localtime(three_days).date().isoformat()
    press(staff, errand, day=two_days_ago)
    assert stages(errand) == ["at_centre"]
    assert f"日期早于上一步（{two_days_ago}）" in press(staff, errand, day=three_days_ago)
    press(staff, errand, day=two_days_ago)
    assert stages(errand) == ["at_centre", "ready"]


def test_too_long_a_note_is_refused(errand: Application, staff: Client) -> None:
    assert "最多 500 个字" in press(staff, errand, note="长" * 501) and stages(errand) == []
    press(staff, errand, note="长" * 500)
    assert stages(errand) == ["at_centre"]


def test_of_two_with_the_same_page_open_one_makes_the_step(errand: Application, staff: Client) -> None:
    seen = errand.version
    press(staff, errand, version=seen)
    page = press(staff, errand, "fail", version=seen, note="材料不齐")
    assert "刚刚被他人更新" in page and "材料不齐" in page, "nothing typed is lost"
    assert stages(errand) == ["at_centre"]


def test_what_is_not_taken_on_goes_no_step(cast: Cast, staff: Client) -> None:
    one, _problems = submitted(cast, good())
    assert "请先受理" in press(staff, one) and stages(one) == []
    Application.objects.filter(pk=one.pk).update(kind="ic_card", state=ApplicationState.APPROVED)
    assert "没有在办的代办" in press(staff, one) and stages(one) == []


def test_nobody_makes_a_step_for_their_own_enterprise(cast: Cast, errand: Application, staff: Client) -> None:
    Membership.objects.create(
        user=cast.users["staff"], enterprise=cast.enterprises["merchant"], roles=[MemberRole.VIEWER]
    )
    one = errand
    with pytest.raises(NotPossible, match="自己企业"):
        errand_moves.go_on(
            one, staff=cast.users["staff"], version=one.version, failed=False,
            day=timezone.localdate().isoformat(), note="",
        )  # fmt: skip
    assert stages(one) == []
    with pytest.raises(DatabaseError), transaction.atomic():
        with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
            ErrandStep.objects.create(
                application=one, number=1, stage="at_centre", day=timezone.localdate(), by=cast.users["staff"]
            )
    reviewer = cast.users["reviewer"]
    for day, is_taken in ((timezone.localdate() + timedelta(days=1), False), (timezone.localdate(), True)):
        with acting_as(enterprise_id=None, user_id=reviewer.pk, role="portal_staff"):
            step = ErrandStep(application=one, number=1, stage="at_centre", day=day, by=reviewer)
            if is_taken:
                step.save()
                continue
            with pytest.raises(DatabaseError), transaction.atomic():
                step.save()


def test_an_auditor_looks_and_makes_no_step(errand: Application, client_of: Callable[[str], Client]) -> None:
    auditor = client_of("auditor")
    place = f"{QUEUE}{errand.pk}/change/"
    shown = auditor.get(place)
    if shown.status_code == 200:
        assert 'value="go_on"' not in shown.content.decode()
    assert auditor.post(place, {"do": "go_on", "version": errand.version}).status_code in (403, 404)
    assert stages(errand) == []


def test_another_enterprise_sees_the_same_404_as_for_nothing(
    errand: Application, client_of: Callable[[str], Client]
) -> None:
    assert client_of("warehouse_administrator").get(f"/applications/{errand.pk}/").status_code == 404


# --- the queue ----------------------------------------------------------------------------------------------------------


def test_staff_find_what_is_under_way_by_its_step(errand: Application, staff: Client) -> None:
    under_way, ended = f"{QUEUE}?step=errands", f"{QUEUE}?step=ended"
    place = f"{QUEUE}{errand.pk}/change/"
    assert place in staff.get(under_way).content.decode() and "已受理" in staff.get(under_way).content.decode()
    press(staff, errand)
    assert place in staff.get(under_way).content.decode() and "已送制卡中心" in staff.get(under_way).content.decode()
    assert place in staff.get(QUEUE).content.decode(), "it waits for staff"
    press(staff, errand, "fail", note="材料不齐")
    assert place not in staff.get(under_way).content.decode() and place not in staff.get(QUEUE).content.decode()
    assert "未能办成" in staff.get(ended).content.decode()


def test_an_errand_is_reminded_of_until_it_is_over(cast: Cast, errand: Application, staff: Client) -> None:
    def remind() -> str:
        data = {"action": "remind", "_selected_action": [errand.pk]}
        return staff.post(f"{QUEUE}?step=errands", data, follow=True).content.decode()

    assert "已发出催办 1 份" in remind()
    told = Notice.objects.filter(user=cast.users["reviewer"], text__contains="代办还没有办完")
    assert told.count() == 1
    press(staff, errand, "fail", note="材料不齐")
    data = {"action": "remind", "_selected_action": [errand.pk]}
    assert "已办结，不用催" in staff.post(f"{QUEUE}?step=all", data, follow=True).content.decode()


def test_who_takes_on_another_is_told_of_the_one_under_way(cast: Cast, errand: Application, staff: Client) -> None:
    second, _problems = submitted(cast, good())
    assert "还没有办结" in staff.get(f"{QUEUE}{second.pk}/change/").content.decode()
    press(staff, errand, "fail", note="材料不齐")
    assert others_going_on(second, {}) == []


# --- the wall -----------------------------------------------------------------------------------------------------------


def written(user: User, one: Application, role: Role, *, enterprise: int | None = None, **values: object) -> bool:
    """Whether PostgreSQL takes the row, whatever the pages would say."""
    row = {
        "application_id": one.pk, "number": 1, "stage": "at_centre", "day": date(2026, 1, 1), "note": "", "by_id": user.pk,
    } | values  # fmt: skip
    names = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    try:
        with acting_as(enterprise_id=enterprise, user_id=user.pk, role=role), connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO accounts_errandstep ({names}) VALUES ({marks})", list(row.values()))
    except DatabaseError:
        return False
    return True


def test_the_wall_takes_the_next_step_of_staff_in_their_own_name_and_nothing_else(
    cast: Cast, errand: Application
) -> None:
    staff, member = cast.users["staff"], cast.users["merchant_administrator"]
    assert not written(member, errand, "portal_web", enterprise=cast.enterprises["merchant"].pk)
    assert not written(staff, errand, "portal_staff", by_id=member.pk)
    assert not written(staff, errand, "portal_staff", at=timezone.now() - timedelta(days=1))
    assert not written(staff, errand, "portal_staff", number=2, stage="ready"), "no step is left out"
    assert not written(staff, errand, "portal_staff", number=1, stage="ready")
    assert not written(staff, errand, "portal_staff", stage="failed"), "not without a reason"
    assert written(staff, errand, "portal_staff")
    assert not written(staff, errand, "portal_staff"), "not twice"
    assert written(staff, errand, "portal_staff", number=2, stage="failed", note="材料不齐")
    assert not written(staff, errand, "portal_staff", number=3, stage="handed_over"), "nothing after it failed"


def test_the_wall_takes_no_step_of_what_is_not_taken_on(cast: Cast) -> None:
    one, _problems = submitted(cast, good())
    staff = cast.users["staff"]
    assert not written(staff, one, "portal_staff")
    Application.objects.filter(pk=one.pk).update(kind="ic_card", state="approved")
    assert not written(staff, one, "portal_staff"), "nor of another kind"
    Application.objects.filter(pk=one.pk).update(kind="certificate_agency")
    assert written(staff, one, "portal_staff")


@pytest.mark.parametrize("deed", ["UPDATE accounts_errandstep SET note = 'x'", "DELETE FROM accounts_errandstep"])
@pytest.mark.parametrize("role", ["portal_web", "portal_staff"])
def test_a_step_once_made_stands(deed: str, role: Role, cast: Cast, errand: Application, staff: Client) -> None:
    press(staff, errand)
    who = cast.users["staff" if role == "portal_staff" else "merchant_administrator"]
    with pytest.raises(DatabaseError), transaction.atomic():
        with acting_as(enterprise_id=cast.enterprises["merchant"].pk, user_id=who.pk, role=role):
            with connection.cursor() as cursor:
                cursor.execute(deed)
    assert stages(errand) == ["at_centre"]


def test_an_enterprise_reads_its_own_steps_alone(cast: Cast, errand: Application, staff: Client) -> None:
    press(staff, errand)
    for enterprise, seen in (("merchant", 1), ("warehouse", 0)):
        user = cast.users[f"{enterprise}_administrator"]
        with acting_as(enterprise_id=cast.enterprises[enterprise].pk, user_id=user.pk):
            assert ErrandStep.objects.count() == seen, enterprise


def test_a_stale_version_is_refused_below_the_page_too(cast: Cast, errand: Application) -> None:
    staff = cast.users["staff"]
    how = {"staff": staff, "failed": False, "day": timezone.localdate().isoformat(), "note": ""}
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        errand_moves.go_on(errand, version=errand.version, **how)
        with pytest.raises(Stale):
            errand_moves.go_on(errand, version=errand.version - 1, **how)
    assert stages(errand) == ["at_centre"]
