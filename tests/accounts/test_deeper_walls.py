"""What a login of the pages or of the desk reaches with SQL of its own: whom it tells, what it moves, what it decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import Application, ApplicationState, Enterprise, Mandate, Membership, Notice, Submission, User
from accounts.notices import notify, notify_member, notify_members, notify_staff
from accounts.onboarding import applications
from accounts.onboarding.kinds import ACCOUNT, ENTERPRISE_CHANGE, GUARANTEE, KINDS, SERVICE, Kind
from ledger.guarantee import OF_APPLICATION, open_guarantee, top_up
from ledger.limits import propose
from ledger.models import Guarantee, LimitWay
from portal.tenancy import acting_as
from tests.accounts.test_applications import a_paper, handed_in
from tests.wall import refused, writes

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


# --- what staff decide --------------------------------------------------------------------------------------------------

STATE = "UPDATE accounts_application SET state = %s WHERE id = %s"
FIRST = "UPDATE accounts_application SET state = 'second', first_approver_id = %s WHERE id = %s"
VERDICT = """
UPDATE accounts_submission SET verdict = %s, decided_by_id = %s, decided_at = statement_timestamp() WHERE application_id = %s
"""


def lying(kind: Kind, cast: Cast, *, by: User | None = None, enterprise: Enterprise | None = None) -> Application:
    """One of this kind that waits for staff."""
    by = by or cast.users["merchant_administrator"]
    one = Application.objects.create(
        kind=kind.name, enterprise=enterprise, applicant=by, content=b"x", state=ApplicationState.SUBMITTED
    )
    Submission.objects.create(application=one, number=1, content=b"x", submitted_by=by)
    return one


def decided(one: Application, by: User, verdict: str = "approved") -> None:
    assert writes(VERDICT, verdict, by.pk, one.pk)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_takes_two_is_approved_by_two_and_all_else_by_one(cast: Cast, kind: Kind) -> None:
    one, staff, reviewer = lying(kind, cast), cast.users["staff"], cast.users["reviewer"]
    with as_staff(staff):
        assert writes(FIRST, staff.pk, one.pk) == kind.second_person
    with as_staff(reviewer if kind.second_person else staff):
        decided(one, reviewer if kind.second_person else staff)
        assert writes(STATE, "approved", one.pk)
    alone = lying(kind, cast, by=cast.users["stranger"])
    with as_staff(staff):
        decided(alone, staff)
        assert writes(STATE, "approved", alone.pk) == (not kind.second_person)


def test_the_first_is_who_acts_and_not_the_second(cast: Cast) -> None:
    one, staff, reviewer = lying(GUARANTEE, cast), cast.users["staff"], cast.users["reviewer"]
    with as_staff(staff):
        assert refused(FIRST, reviewer.pk, one.pk), "in another's name"
        assert writes(FIRST, staff.pk, one.pk)
        assert refused("UPDATE accounts_application SET first_approver_id = %s WHERE id = %s", reviewer.pk, one.pk)
        assert refused(STATE, "submitted", one.pk), "not undone"
        decided(one, staff)
        assert refused(STATE, "approved", one.pk)
    with as_staff(reviewer):
        swapped = "UPDATE accounts_application SET state = 'approved', first_approver_id = %s WHERE id = %s"
        assert refused(swapped, cast.users["auditor"].pk, one.pk)


@pytest.mark.parametrize("state", ["approved", "returned", "refused"])
def test_a_decision_carries_its_verdict_of_now_in_ones_own_name(cast: Cast, state: str) -> None:
    one, staff, reviewer = lying(SERVICE, cast), cast.users["staff"], cast.users["reviewer"]
    timed = "UPDATE accounts_submission SET verdict = %s, decided_by_id = %s, decided_at = now() - interval '1 hour'"
    with as_staff(staff):
        assert refused(STATE, state, one.pk), "no verdict"
        assert refused(VERDICT, state, reviewer.pk, one.pk), "in another's name"
        assert refused(timed, state, staff.pk), "at another time"
    with as_staff(reviewer):
        decided(one, reviewer, state)
    with as_staff(staff):
        assert refused(STATE, state, one.pk), "another's verdict"
    Submission.objects.update(decided_at=timezone.now() - LONG_AGO)
    with as_staff(reviewer):
        assert refused(STATE, state, one.pk), "of another time"
    Submission.objects.update(decided_at=timezone.now())
    with as_staff(reviewer):
        other = "refused" if state == "approved" else "approved"
        assert refused(STATE, other, one.pk), "another verdict"
        assert writes(STATE, state, one.pk)


def test_a_verdict_on_an_earlier_version_decides_nothing(cast: Cast) -> None:
    one, staff = lying(SERVICE, cast), cast.users["staff"]
    Submission.objects.create(application=one, number=2, content=b"y", submitted_by=one.applicant)
    on = (
        "UPDATE accounts_submission SET verdict = 'approved', decided_by_id = %s, decided_at = statement_timestamp()"
        " WHERE number = %s"
    )
    with as_staff(staff):
        assert writes(on, staff.pk, 1)
        assert refused(STATE, "approved", one.pk)
        assert writes(on, staff.pk, 2)
        assert writes(STATE, "approved", one.pk)


@pytest.mark.parametrize("how", ["applied", "handed in", "member"])
def test_nobody_approves_their_own(cast: Cast, how: str) -> None:
    staff, reviewer, enterprise = cast.users["staff"], cast.users["reviewer"], cast.enterprises["neighbour"]
    by_staff = staff if how == "applied" else None
    one = lying(SERVICE, cast, by=by_staff, enterprise=enterprise)
    two = lying(ENTERPRISE_CHANGE, cast, by=by_staff, enterprise=enterprise)
    if how == "handed in":
        Submission.objects.update(submitted_by=staff)
    if how == "member":
        Membership.objects.create(user=staff, enterprise=enterprise, roles=["viewer"])
    with as_staff(staff):
        decided(one, staff)
        assert refused(STATE, "approved", one.pk)
        assert refused(FIRST, staff.pk, two.pk), "nor as the first"
    Submission.objects.update(verdict="")
    with as_staff(reviewer):
        decided(one, reviewer)
        assert writes(STATE, "approved", one.pk)
        assert writes(FIRST, reviewer.pk, two.pk)


def test_staff_give_it_to_no_other_enterprise_and_what_is_decided_stands(cast: Cast) -> None:
    staff, neighbour = cast.users["staff"], cast.enterprises["neighbour"]
    one, account = lying(SERVICE, cast, enterprise=cast.enterprises["merchant"]), lying(SERVICE, cast)
    move = "UPDATE accounts_application SET enterprise_id = %s WHERE id = %s"
    with as_staff(staff):
        assert refused(move, neighbour.pk, one.pk)
        assert refused(move, neighbour.pk, account.pk), "not before it is approved"
        for each in (one, account):
            decided(each, staff)
            assert writes(STATE, "approved", each.pk)
        assert refused(move, neighbour.pk, one.pk) and refused(move, None, one.pk)
        assert writes(move, neighbour.pk, account.pk), "the one it makes"
        assert refused(STATE, "submitted", one.pk) and refused(STATE, "refused", one.pk)
    Application.objects.update(state_at=timezone.now() - LONG_AGO)
    with as_staff(staff):
        assert not writes("UPDATE accounts_application SET assignee_id = %s", staff.pk)


def test_when_it_moved_is_nobodys_to_say(cast: Cast) -> None:
    one, staff = lying(SERVICE, cast, by=cast.users["stranger"]), cast.users["staff"]
    Application.objects.update(state_at=timezone.now() - LONG_AGO)
    for who in (as_staff(staff), as_page(cast, "stranger")):
        with who:
            assert refused("UPDATE accounts_application SET state_at = now() - interval '9 days'")
    with as_staff(staff):
        assert writes("UPDATE accounts_application SET assignee_id = %s", staff.pk)
    one.refresh_from_db()
    assert one.state_at < timezone.now() - LONG_AGO + timedelta(seconds=30), "taking it on is no move"
    with as_staff(staff):
        decided(one, staff, "refused")
        assert writes(STATE, "refused", one.pk)
    one.refresh_from_db()
    assert one.state_at > timezone.now() - timedelta(seconds=30)


# --- what applicants change ---------------------------------------------------------------------------------------------


def test_what_waits_for_staff_stays_as_it_was_handed_in(cast: Cast) -> None:
    one = handed_in(cast.users["stranger"])
    with as_page(cast, "stranger"):
        assert refused("UPDATE accounts_application SET content = 'other'")
        assert refused("UPDATE accounts_application SET title = 'other'")
        assert refused(
            "UPDATE accounts_application SET content = 'other', state = 'withdrawn', first_approver_id = NULL"
        )
        for state in ("draft", "returned", "approved", "refused", "second"):
            assert refused(STATE, state, one.pk), state
    Application.objects.update(state_at=timezone.now() - LONG_AGO)
    with as_page(cast, "stranger"):
        assert not writes("UPDATE accounts_paper SET replaced = true")
        paper = (
            "INSERT INTO accounts_paper (application_id, slot, name, media_type, size, sha256, content, uploaded_by_id, replaced)"
            " VALUES (%s, 'other', '', '', 1, '', '', %s, false)"
        )
        assert refused(paper, one.pk, one.applicant_id)
        assert writes(STATE, "withdrawn", one.pk)
        assert not writes(STATE, "draft", one.pk), "an end is an end"


def test_a_draft_is_written_and_handed_in_and_not_sent_back_by_its_writer(cast: Cast) -> None:
    user = cast.users["stranger"]
    with as_page(cast, "stranger"):
        one = applications.begin(ACCOUNT, by=user, enterprise=None)
        assert writes("UPDATE accounts_application SET content = 'other' WHERE id = %s", one.pk)
        assert refused(STATE, "returned", one.pk)
        a_paper(one, user)
        assert refused("UPDATE accounts_paper SET replaced = false"), "what was replaced stays so"
        assert writes("UPDATE accounts_paper SET replaced = true")
        assert writes(STATE, "submitted", one.pk)


SUBMISSION = """
INSERT INTO accounts_submission (application_id, number, content, papers, numbers, submitted_by_id, verdict, reason)
SELECT id, 9, {content}, {papers}, '{{}}', %s, '', '' FROM accounts_application WHERE id = %s
"""


def test_a_version_is_a_true_copy_in_ones_own_name(cast: Cast) -> None:
    user, other = cast.users["stranger"], cast.users["merchant_filer"]
    true = SUBMISSION.format(content="content", papers="'{}'")
    one, elsewhere = handed_in(user), lying(SERVICE, cast)
    a_paper(elsewhere, other)
    theirs = elsewhere.papers.get().pk
    with as_page(cast, "stranger"):
        assert refused(true, other.pk, one.pk), "another's name"
        assert refused(SUBMISSION.format(content="'other'", papers="'{}'"), user.pk, one.pk)
        assert refused(SUBMISSION.format(content="content", papers=f"ARRAY[{theirs}]"), user.pk, one.pk)
        assert not refused(true, user.pk, one.pk)
    Application.objects.update(state_at=timezone.now() - LONG_AGO)
    with as_page(cast, "stranger"):
        assert refused(true, user.pk, one.pk), "while staff look at it"
    timed = (
        "INSERT INTO accounts_application (applicant_id, kind, topic, title, content, state, version, state_at)"
        " VALUES (%s, 'account', %s, '', '', 'draft', 1, {})"
    )
    with as_page(cast, "stranger"):
        assert refused(timed.format("now() - interval '9 days'"), user.pk, "a")
        assert not refused(timed.format("DEFAULT"), user.pk, "b")


def test_for_an_enterprise_its_administrators_apply(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    begin = (
        "INSERT INTO accounts_application (enterprise_id, applicant_id, kind, topic, title, content, state, version)"
        " VALUES (%s, %s, 'service', '', '', '', 'draft', 1)"
    )
    change = "UPDATE accounts_application SET content = 'other' WHERE enterprise_id = %s"
    with as_page(cast, "merchant_filer", "merchant"):
        assert refused(begin, merchant.pk, cast.users["merchant_filer"].pk)
    with as_page(cast, "merchant_administrator", "merchant"):
        assert not refused(begin, merchant.pk, cast.users["merchant_administrator"].pk)
        assert writes(change, merchant.pk)
    for username, acting in (("merchant_filer", "merchant"), ("neighbour_filer", "neighbour")):
        with as_page(cast, username, acting):
            assert not writes(change, merchant.pk), username


# --- money --------------------------------------------------------------------------------------------------------------

BOOKED = """
INSERT INTO ledger_transfer (enterprise_id, guarantee_id, kind, key, amount, list_no, reason, happened_at, recorded_at)
VALUES (%s, %s, 'top_up', %s, 900, '', '', now(), now())
"""


@pytest.fixture
def guarantee(cast: Cast) -> Guarantee:
    """One with a hundred."""
    open_guarantee(
        enterprise=cast.enterprises["merchant"], kind="deposit", number="DB-1", amount=Decimal(100), voucher="V0",
        user=None, at=timezone.now(),
    )  # fmt: skip
    return Guarantee.objects.get()


def test_an_approval_books_money_if_two_made_it(cast: Cast, guarantee: Guarantee) -> None:
    one, staff, reviewer = (
        lying(GUARANTEE, cast, enterprise=guarantee.enterprise),
        cast.users["staff"],
        cast.users["reviewer"],
    )
    row = (guarantee.enterprise_id, guarantee.pk, f"top_up {guarantee.pk} application {one.pk}")
    approved, verdict = Application.objects.filter(pk=one.pk), one.submissions.all()
    verdict.update(verdict="approved", decided_by=staff, decided_at=timezone.now())
    good = {"state": "approved", "first_approver": reviewer, "applicant": one.applicant}
    for wrong in ({"first_approver": None}, {"first_approver": staff}, {"applicant": reviewer}, {"applicant": staff}):
        approved.update(**(good | wrong), state_at=timezone.now())
        with as_staff(staff):
            assert refused(BOOKED, *row), wrong
            assert refused("UPDATE ledger_guarantee SET number = 'X'"), wrong
    approved.update(**good)
    for wrong in ({"verdict": ""}, {"decided_by": reviewer}, {"decided_at": timezone.now() - LONG_AGO}):
        before = verdict.values(*wrong).get()
        verdict.update(**wrong)
        with as_staff(staff):
            assert refused(BOOKED, *row), wrong
        verdict.update(**before)
    with as_staff(staff):
        assert writes("UPDATE ledger_guarantee SET number = 'X'")
        top_up(
            guarantee=guarantee, amount=Decimal(900), voucher=f"{OF_APPLICATION}{one.pk}", user=staff, at=timezone.now()
        )


def test_a_change_of_a_limit_is_timed_by_the_database_and_confirmed_by_an_impartial_other(
    cast: Cast, guarantee: Guarantee
) -> None:
    staff, reviewer = cast.users["staff"], cast.users["reviewer"]
    how = {"enterprise": guarantee.enterprise, "way": LimitWay.TOP_UP, "amount": Decimal(50)}
    with as_staff(staff):
        propose(by=staff, voucher="V1", **how)
        again = (
            "INSERT INTO ledger_limitchange (enterprise_id, way, kind, number, amount, voucher, state, reason, proposed_by_id,"
            " proposed_at) VALUES (%s, 'top_up', '', '', 50, %s, 'proposed', '', %s, {})"
        )
        assert refused(again.format("now() - interval '9 days'"), guarantee.enterprise_id, "V2", staff.pk)
        assert not refused(again.format("DEFAULT"), guarantee.enterprise_id, "V2", staff.pk)
    confirm = (
        "UPDATE ledger_limitchange SET state = 'confirmed', decided_by_id = %s, decided_at = {} WHERE voucher = 'V1'"
    )
    now = confirm.format("statement_timestamp()")
    Membership.objects.create(user=reviewer, enterprise=guarantee.enterprise, roles=["viewer"])
    with as_staff(reviewer):
        assert refused(now, staff.pk), "in another's name"
        assert refused(now, reviewer.pk), "a member"
    Membership.objects.filter(user=reviewer).update(active=False)
    with as_staff(reviewer):
        assert refused(confirm.format("now() - interval '9 days'"), reviewer.pk)
        assert writes(now, reviewer.pk)
