"""The auditor: reads the record of deeds and its seals, takes a sheet of it along, and changes nothing anywhere."""

import ast
import io

import openpyxl
import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from accounts import record_admin
from accounts.access import PROVEN_IN_SESSION, Bystander, EnterpriseMiddleware
from accounts.actions import Action
from accounts.audit import record
from accounts.cast import PASSWORD, Cast, one_time_code
from accounts.models import Application, AuditEntry, AuditSeal, Enterprise, Membership, User
from accounts.onboarding import applications
from accounts.onboarding.kinds import ACCOUNT
from accounts.record_admin import WORDS
from portal.folders import ROOT
from portal.tenancy import acting_as

#: The functions that write an entry.
RECORDS = {"record", "_write_down", "write_down"}
LIST = "/admin/accounts/auditentry/"


def session_of(user: User) -> SessionStore:
    """A session of somebody who has shown both factors."""
    session = SessionStore()
    session.update({SESSION_KEY: str(user.pk), PROVEN_IN_SESSION: True})
    return session


@pytest.fixture
def auditor(client_of) -> Client:
    return client_of("auditor")


@pytest.fixture
def deeds(cast: Cast) -> Cast:
    """Three people did something, from three places."""
    for username, subject, address in (
        ("merchant_filer", "order 1", "203.0.113.7"),
        ("neighbour_filer", "order 2", "203.0.113.99"),
        ("warehouse_filer", "list 3", "198.51.100.4"),
    ):
        who = cast.actor(username)
        record(Bystander(who.user, who.enterprise, address), Action.FILE, subject, count=1)
    return cast


def subjects(client: Client, query: str) -> set[str]:
    """What the list shows for these filters."""
    return {entry.subject for entry in client.get(LIST + query).context["cl"].result_list}


def test_an_auditor_signs_in_reads_and_signs_out(deeds: Cast, no_failures: None) -> None:
    client = Client()
    assert client.post("/login/", {"username": "auditor", "password": PASSWORD}).status_code == 302
    assert client.post("/login/code/", {"code": one_time_code("auditor")}).status_code == 302
    assert client.get("/")["Location"] == "/admin/"
    entry = AuditEntry.objects.latest("id")
    seal = AuditSeal.objects.create(
        number=1, at=entry.at, entries=1, floor=0, through_turn=1, through_entry=1, highest=1, digests=b"", hash="a" * 64,
    )  # fmt: skip
    for path in (
        "/admin/", LIST, f"{LIST}{entry.pk}/change/", f"{LIST}{entry.pk}/history/", f"{LIST}export/",
        "/admin/accounts/auditseal/", f"/admin/accounts/auditseal/{seal.pk}/change/",
    ):  # fmt: skip
        assert client.get(path).status_code == 200, path
    for table in ("enterprise", "user", "membership", "credential", "announcement"):
        assert client.get(f"/admin/accounts/{table}/").status_code == 403, table
    assert client.get("/admin/ledger/transfer/").status_code == 403
    assert client.post("/logout/").status_code == 302
    assert client.get(LIST)["Location"].startswith("/login/")


def test_an_entry_reads_as_words(cast: Cast, auditor: Client) -> None:
    who = cast.actor("merchant_filer")
    record(
        Bystander(who.user, who.enterprise, "203.0.113.7"),
        Action.ENTERPRISE_SUSPENDED,
        "x 1",
        reason="<b>许可证过期</b>",
    )
    page = auditor.get(f"{LIST}{AuditEntry.objects.latest('id').pk}/change/").content.decode()
    assert "理由：&lt;b&gt;许可证过期&lt;/b&gt;" in page and str(Action.ENTERPRISE_SUSPENDED.label) in page


def test_everything_that_is_recorded_has_a_word() -> None:
    """What is told of a deed is a keyword of the call that records it."""
    said = set()
    for path in (one for app in ("accounts", "ledger", "declarations") for one in (ROOT / app).rglob("*.py")):
        calls = (one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call))
        named = (one for one in calls if getattr(one.func, "id", getattr(one.func, "attr", "")) in RECORDS)
        said |= {keyword.arg for one in named for keyword in one.keywords if keyword.arg}
    assert {"reason", "roles", "stage"} <= said and said <= WORDS.keys(), said - WORDS.keys()


def test_nothing_an_auditor_sends_is_taken(deeds: Cast, auditor: Client) -> None:
    entry, before = AuditEntry.objects.latest("id"), AuditEntry.objects.count()
    for path in (
        "/admin/accounts/enterprise/add/",
        f"/admin/accounts/user/{deeds.users['auditor'].pk}/change/",
        f"{LIST}{entry.pk}/change/",
        f"{LIST}{entry.pk}/delete/",
        f"{LIST}export/",
        "/admin/nothing/here/",
    ):
        answer = auditor.post(path, {"is_superuser": "on", "post": "yes"})
        assert answer.status_code == 403 and "审计员只能查看" in answer.content.decode(), path
    assert AuditEntry.objects.count() == before


def test_postgresql_refuses_what_the_pages_would_let_through(deeds: Cast) -> None:
    """Even with every permission of Django's, and on a page that writes on GET."""

    def careless(request: object) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_enterprise SET state = 'draft'")
        return HttpResponse("written")

    def ask(user: User) -> HttpResponse:
        request = RequestFactory().get("/admin/x/")
        request.user, request.session = user, session_of(user)
        return EnterpriseMiddleware(careless)(request)

    with pytest.raises(DatabaseError, match="read-only transaction"):
        ask(deeds.users["auditor"])
    assert ask(deeds.users["staff"]).status_code == 200, "it is the auditor that is kept from it"


def test_a_read_only_transaction_leaves_the_one_around_it_as_it_was(cast: Cast) -> None:
    user = cast.users["staff"].pk
    with acting_as(enterprise_id=None, user_id=user, role="portal_staff"):
        with acting_as(enterprise_id=None, user_id=user, role="portal_staff", read_only=True):
            assert Enterprise.objects.exists()
        assert Enterprise.objects.update(state="draft")


def test_an_auditor_acts_for_no_enterprise_even_as_a_member(cast: Cast, auditor: Client) -> None:
    Membership.objects.create(
        user=cast.users["auditor"], enterprise=cast.enterprises["merchant"], roles=["administrator"]
    )
    assert auditor.get("/order/").status_code == 404
    assert auditor.get("/")["Location"] == "/admin/"


def test_an_auditor_changes_their_own_password(auditor: Client) -> None:
    new = "a quiet harbour at dawn"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert auditor.post("/password/", data).status_code == 302
    assert User.objects.get(username="auditor").check_password(new)


def test_nobody_is_auditor_and_superuser(cast: Cast, client_of) -> None:
    staff, path = client_of("staff"), f"/admin/accounts/user/{cast.users['auditor'].pk}/change/"
    data = {
        "username": "auditor",
        "name": "平台审计",
        "is_active": "on",
        "is_staff": "on",
        "is_auditor": "on",
        "reason": "本人来函",
    }
    data |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert staff.post(path, data).status_code == 302
    answer = staff.post(path, data | {"is_superuser": "on"})
    assert "审计员不能同时是超级用户" in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?who=merchant_filer", {"order 1"}),
        ("?who=%E9%A1%BE%E7%9F%A5%E5%BE%AE", {"order 1"}),
        ("?who=NEIGHBOUR_FILER@example.org", {"order 2"}),
        ("?who=merchant", set()),
        ("?firm=312246DM06", {"list 3"}),
        ("?firm=%E6%A0%97%E5%85%89", {"order 1"}),
        ("?from=203.0.113.", {"order 1", "order 2"}),
        ("?from=203.0.113.7", {"order 1"}),
        ("?from=203.0.113.&who=neighbour_filer&action=file", {"order 2"}),
        ("?action=sign_out", set()),
        ("?since=2020-01-01", {"order 1", "order 2", "list 3"}),
        ("?until=2020-01-01", set()),
        ("?who=%20", {"order 1", "order 2", "list 3"}),
    ],
)
def test_the_record_is_narrowed_by_who_what_day_enterprise_and_place(
    deeds: Cast, auditor: Client, query: str, found: set[str]
) -> None:
    assert subjects(auditor, query) == found


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "9999-12-31", "0001-01-01"])
def test_a_day_that_is_none_is_told(deeds: Cast, auditor: Client, text: str) -> None:
    answer = auditor.get(f"{LIST}?until={text}")
    assert answer.status_code == 200 and "不是日期" in answer.content.decode()
    assert not answer.context["cl"].result_list


def test_the_sheet_has_what_the_list_shows_and_its_taking_is_written_down(deeds: Cast, auditor: Client) -> None:
    record(Bystander(deeds.users["staff"]), Action.FILE, "=HYPERLINK(1)")
    page = auditor.get(f"{LIST}?from=203.0.113.")
    assert f'href="{LIST}export/?from=203.0.113."' in page.content.decode()
    answer = auditor.get(f"{LIST}export/?from=203.0.113.")
    rows = list(openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active.values)
    assert [row[3] for row in rows[1:]] == ["order 1", "order 2"]
    assert rows[1][4:] == (
        "merchant_filer", "顾知微", "上海栗光屿国际贸易有限公司", "312246DM02", "203.0.113.7", '{"count": 1}',
    )  # fmt: skip
    taken = AuditEntry.objects.get(action="audit_export")
    assert (taken.user, taken.details) == (deeds.users["auditor"], {"rows": 2, "asked": ["from"]})
    whole = b"".join(auditor.get(f"{LIST}export/").streaming_content)
    cells = openpyxl.load_workbook(io.BytesIO(whole)).active
    assert [cell.data_type for cell in cells["D"]] == ["s"] * 6, "nothing of it is a formula"


def test_a_sheet_that_would_be_too_long_is_refused_with_the_cure(deeds: Cast, auditor: Client, monkeypatch) -> None:
    monkeypatch.setattr(record_admin, "MOST_ROWS", 2)
    answer = auditor.get(f"{LIST}export/", follow=True)
    assert answer.redirect_chain and "请用日期缩小范围" in answer.content.decode()
    assert not AuditEntry.objects.filter(action="audit_export").exists()
    assert auditor.get(f"{LIST}export/?details__x=1").status_code == 400


def test_a_page_of_the_desk_that_fails_writes_nothing_afterwards(cast: Cast, rf: RequestFactory) -> None:
    def fails(request: object) -> HttpResponse:
        request.afterwards.append(lambda: record(Bystander(cast.users["staff"]), Action.AUDIT_EXPORT))
        request.view_raised = True
        return HttpResponse(status=500)

    request = rf.get("/admin/x/")
    request.user, request.session = cast.users["auditor"], session_of(cast.users["auditor"])
    assert EnterpriseMiddleware(fails)(request).status_code == 500
    assert not AuditEntry.objects.filter(action="audit_export").exists()


def test_an_auditor_applies_for_nothing_and_decides_on_nothing(cast: Cast) -> None:
    applicant, auditor = cast.users["stranger"], cast.users["auditor"]
    with acting_as(enterprise_id=None, user_id=auditor.pk), pytest.raises(PermissionDenied):
        applications.begin(ACCOUNT, by=auditor, enterprise=None)
    with acting_as(enterprise_id=None, user_id=applicant.pk):
        one = applications.begin(ACCOUNT, by=applicant, enterprise=None)
    Application.objects.filter(pk=one.pk).update(state="submitted")
    with (
        pytest.raises(DatabaseError, match="read-only"),
        acting_as(enterprise_id=None, user_id=auditor.pk, role="portal_staff", read_only=True),
    ):
        applications.take(one, staff=auditor, version=one.version)
