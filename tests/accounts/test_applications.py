"""An application from the first word to the decision, as the applicant and as staff, each behind their own wall."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.db import DatabaseError, connection
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import Application, ApplicationState, AuditEntry, Enterprise, Membership, Notice, Submission, User
from accounts.onboarding import applications
from accounts.onboarding.applications import NotPossible, Stale
from accounts.onboarding.kinds import ACCOUNT
from accounts.onboarding.same_numbers import NUMBERS
from accounts.roles import EnterpriseState, MemberRole
from portal.tenancy import acting_as

pytestmark = pytest.mark.django_db

GOOD = {
    "name": ["上海桐溪岸贸易有限公司"],
    "credit_code": ["913101150000930090"],
    "customs_code": ["312226DM77"],
    "registration_customs": ["2"],
    "legal_representative": ["季明岚"],
    "contact_name": ["宋归帆"],
    "contact_phone": ["13800001234"],
    "contact_email": ["contact@example.org"],
    "website": [""],
}


@pytest.fixture
def second(cast: Cast) -> User:
    """Another of the staff."""
    return User.objects.create(username="staff_two", name="复核员", is_staff=True, password=make_password(None))


@pytest.fixture
def applicant(cast: Cast) -> User:
    """Somebody without an enterprise."""
    return cast.users["stranger"]


@contextmanager
def as_applicant(user: User) -> Iterator[None]:
    with acting_as(enterprise_id=None, user_id=user.pk):
        yield


@contextmanager
def as_staff(user: User) -> Iterator[None]:
    with acting_as(enterprise_id=None, user_id=user.pk, role="portal_staff"):
        yield


def handed_in(user: User, typed: dict[str, list[str]] | None = None) -> Application:
    """An account applied for, whole."""
    with as_applicant(user):
        one = applications.begin(ACCOUNT, by=user, enterprise=None)
        a_paper(one, user)
        assert applications.submit(one, typed or GOOD, by=user, version=one.version) == {}
    return one


def a_paper(application: Application, user: User, slot: str = "business_licence") -> None:
    """A scan of the licence; what a file must be is the business of papers."""
    application.papers.create(
        slot=slot, name="licence.pdf", media_type="application/pdf", size=4, sha256="0" * 64, content=b"%PDF",
        uploaded_by=user,
    )  # fmt: skip


def test_two_of_the_staff_make_an_account_and_the_applicant_its_administrator(
    cast: Cast, applicant: User, second: User
) -> None:
    one = handed_in(applicant)
    with as_staff(cast.users["staff"]):
        applications.take(one, staff=cast.users["staff"], version=one.version)
        assert applications.approve(one, staff=cast.users["staff"], version=one.version) is False
    assert not Enterprise.objects.filter(customs_code="312226DM77").exists()
    with as_staff(second):
        assert applications.approve(one, staff=second, version=one.version) is True
    enterprise = Enterprise.objects.get(customs_code="312226DM77")
    assert (enterprise.state, enterprise.name, enterprise.customs_district) == (
        EnterpriseState.DRAFT, "上海桐溪岸贸易有限公司", "2210",
    )  # fmt: skip
    assert Membership.objects.get(enterprise=enterprise).roles == [MemberRole.ADMINISTRATOR]
    assert Membership.objects.get(enterprise=enterprise).user == applicant
    one.refresh_from_db()
    assert (one.state, one.enterprise) == (ApplicationState.APPROVED, enterprise)
    told = AuditEntry.objects.filter(subject=f"account {one.pk}").order_by("id").values_list("action", flat=True)
    assert list(told) == [
        "application_submitted", "application_taken", "application_first_approved", "application_approved",
    ]  # fmt: skip


def test_the_first_may_not_be_the_second(cast: Cast, applicant: User) -> None:
    one = handed_in(applicant)
    staff = cast.users["staff"]
    with as_staff(staff):
        applications.approve(one, staff=staff, version=one.version)
        with pytest.raises(NotPossible, match="两个人"):
            applications.approve(one, staff=staff, version=one.version)


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(applicant: User) -> None:
    wrong = GOOD | {"customs_code": ["330126DM77"], "credit_code": ["913101150000930091"], "contact_phone": ["123"]}
    with as_applicant(applicant):
        one = applications.begin(ACCOUNT, by=applicant, enterprise=None)
        problems = applications.submit(one, wrong, by=applicant, version=one.version)
        assert set(problems) == {"customs_code", "credit_code", "contact_phone", "business_licence"}
        assert "31 开头" in problems["customs_code"][0]
        one.refresh_from_db()
        assert one.state == ApplicationState.DRAFT
        assert applications.typed_in(one) == wrong
        again = applications.begin(ACCOUNT, by=applicant, enterprise=None)
        assert again.pk == one.pk
    assert "宋归帆".encode() not in bytes(one.content) and b"13800001234" not in bytes(one.content)


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\u202e", "\u200b", "\u2028", "\u2029", "\x1b"])
def test_a_name_reads_as_it_is_written(applicant: User, sign: str) -> None:
    names = ("name", "legal_representative", "contact_name")
    with as_applicant(applicant):
        one = applications.begin(ACCOUNT, by=applicant, enterprise=None)
        wrong = GOOD | {name: [f"甲{sign}乙"] for name in names}
        problems = applications.submit(one, wrong, by=applicant, version=one.version)
        assert all("看不见的字符" in problems[name][0] for name in names)
        right = GOOD | {name: ["Zoë O’Neill·阿依 古丽（上海）"] for name in names}
        assert set(applications.problems_of(one, right)) == {"business_licence"}


def test_it_comes_back_with_a_remark_at_each_field_as_often_as_needed(cast: Cast, applicant: User) -> None:
    one, staff = handed_in(applicant), cast.users["staff"]
    for number, (field, text) in enumerate([("website", "请补网站"), ("business_licence", "请换清晰的扫描件")], 1):
        with as_staff(staff):
            applications.send_back(one, staff=staff, version=one.version, remarks={field: text, "name": " "}, reason="")
        with as_applicant(applicant):
            handed = Submission.objects.get(application=one, number=number)
            assert [(remark.field, remark.text) for remark in handed.remarks.all()] == [(field, text)]
            better = GOOD | {"website": ["https://shop.example.org"]}
            assert applications.submit(one, better, by=applicant, version=one.version) == {}
    versions = one.submissions.order_by("number")
    assert [applications.typed_in(each)["website"] for each in versions] == [[""]] + [["https://shop.example.org"]] * 2
    assert [each.verdict for each in versions] == ["returned", "returned", ""]


def test_so_often_a_day_is_handed_in_and_no_more(cast: Cast, applicant: User) -> None:
    for _time in range(applications.MOST_A_DAY):
        one = handed_in(applicant)
        with as_applicant(applicant):
            applications.withdraw(one, by=applicant, version=one.version)
    told = Notice.objects.count()
    with as_applicant(applicant):
        one = applications.begin(ACCOUNT, by=applicant, enterprise=None)
        a_paper(one, applicant)
        assert "明天再提交" in applications.submit(one, GOOD, by=applicant, version=one.version)["__all__"][0]
    one.refresh_from_db()
    assert one.state == ApplicationState.DRAFT and applications.typed_in(one) == GOOD
    assert told and Notice.objects.count() == told
    Submission.objects.update(at=timezone.now() - timedelta(days=1, minutes=1))
    with as_applicant(applicant):
        assert applications.submit(one, GOOD, by=applicant, version=one.version) == {}


def test_nothing_is_sent_back_or_refused_without_a_word(cast: Cast, applicant: User) -> None:
    one, staff = handed_in(applicant), cast.users["staff"]
    with as_staff(staff):
        for move in (
            lambda: applications.send_back(one, staff=staff, version=one.version, remarks={"name": ""}, reason=""),
            lambda: applications.send_back(one, staff=staff, version=one.version, remarks={"no_field": "x"}, reason=""),
            lambda: applications.refuse(one, staff=staff, version=one.version, reason=" "),
            lambda: applications.refuse(one, staff=staff, version=one.version, reason="长" * 501),
        ):
            with pytest.raises(NotPossible):
                move()
        applications.refuse(one, staff=staff, version=one.version, reason="与海关备案不符")
    assert one.submissions.get().reason == "与海关备案不符"


def test_of_two_who_have_it_open_one_moves_it(cast: Cast, applicant: User, second: User) -> None:
    one, staff = handed_in(applicant), cast.users["staff"]
    seen = one.version
    with as_staff(staff):
        applications.send_back(one, staff=staff, version=seen, remarks={}, reason="请补材料")
    other = Application.objects.get(pk=one.pk)
    with as_staff(second), pytest.raises(Stale):
        applications.approve(other, staff=second, version=seen)
    with as_applicant(applicant), pytest.raises(Stale):
        applications.save(other, GOOD, version=seen)


def test_a_number_in_use_is_told_to_staff_and_to_nobody_else(cast: Cast, applicant: User, second: User) -> None:
    taken = cast.enterprises["merchant"]
    one = handed_in(applicant, GOOD | {"credit_code": [taken.credit_code]})
    staff = cast.users["staff"]
    with as_staff(staff):
        applications.approve(one, staff=staff, version=one.version)
    with as_staff(second), pytest.raises(NotPossible, match=taken.name):
        applications.approve(one, staff=second, version=one.version)
    one.refresh_from_db()
    assert (one.state, one.submissions.get().verdict) == (ApplicationState.SECOND, "")


def test_another_sees_and_writes_nothing_of_it(cast: Cast, applicant: User) -> None:
    one = handed_in(applicant)
    neighbour = cast.enterprises["neighbour"]
    with acting_as(enterprise_id=neighbour.pk, user_id=cast.users["neighbour_filer"].pk):
        assert not Application.objects.exists() and not Submission.objects.exists()
        with pytest.raises(Stale):
            applications.withdraw(one, by=cast.users["neighbour_filer"], version=one.version)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_application SET state = 'approved'",
        "UPDATE accounts_application SET first_approver_id = applicant_id, state = 'second'",
        "UPDATE accounts_application SET applicant_id = 1",
        "UPDATE accounts_submission SET verdict = 'approved'",
        "DELETE FROM accounts_paper",
        "INSERT INTO accounts_remark (submission_id, field, text) SELECT id, 'name', '' FROM accounts_submission",
    ],
)
def test_an_applicant_decides_nothing_even_by_sql(applicant: User, statement: str) -> None:
    handed_in(applicant)
    with pytest.raises(DatabaseError), as_applicant(applicant), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_application SET content = ''",
        "UPDATE accounts_submission SET content = ''",
        "UPDATE accounts_application SET state = 'withdrawn'",
        "DELETE FROM accounts_remark",
        "UPDATE accounts_paper SET replaced = true",
    ],
)
def test_staff_change_nothing_that_was_handed_in(cast: Cast, applicant: User, statement: str) -> None:
    handed_in(applicant)
    with pytest.raises(DatabaseError), as_staff(cast.users["staff"]), connection.cursor() as cursor:
        cursor.execute(statement)


def test_numbers_are_taken_however_they_were_typed(applicant: User) -> None:
    typed = GOOD | {"credit_code": ["91310115 0000 930090"], "customs_code": ["３１２２26dm77"]}
    one = handed_in(applicant, typed)
    form = applications.form_of(ACCOUNT, applications.typed_in(one))
    assert form.is_valid() and {name: form.cleaned_data[name] for name in NUMBERS} == {
        "credit_code": "913101150000930090", "customs_code": "312226DM77",
    }  # fmt: skip
    assert one.submissions.get().numbers == ["913101150000930090", "312226DM77"]
    # Bringing order into half a million marks takes minutes: what is far too long is refused before.
    begun = time.process_time()
    long = applications.form_of(ACCOUNT, GOOD | {"credit_code": ["\u0301" * 250_000 + "\u0323" * 250_000]})
    assert "credit_code" in long.errors and time.process_time() - begun < 5
    # The browser may not cut off what is longer with its spaces.
    assert "maxlength" not in str(form["credit_code"])
