"""The desk of staff: every page opens under the role of staff, changes are written down, nothing breaks the strict CSP."""

import re

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from accounts.audit import record
from accounts.models import AuditEntry, Enterprise, Membership, User
from accounts.roles import EnterpriseState

pytestmark = pytest.mark.urls("tests.accounts.pages")

INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=\"|<script(?![^>]*(?:\bsrc=|type=\"application/json\"))|javascript:", re.I
)


@pytest.fixture
def staff(client_of) -> Client:
    return client_of("staff")


def pages(cast) -> list[str]:
    merchant = cast.enterprises["merchant"]
    membership = Membership.objects.get(user=cast.users["merchant_filer"])
    entry = AuditEntry.objects.first()
    return [
        "/admin/",
        "/admin/accounts/",
        "/admin/accounts/enterprise/",
        "/admin/accounts/enterprise/?q=栗光屿&state__exact=approved&type=merchant",
        "/admin/accounts/enterprise/add/",
        f"/admin/accounts/enterprise/{merchant.pk}/change/",
        f"/admin/accounts/enterprise/{merchant.pk}/history/",
        "/admin/accounts/user/?q=merchant",
        "/admin/accounts/user/add/",
        f"/admin/accounts/user/{cast.users['merchant_filer'].pk}/change/",
        f"/admin/accounts/user/{cast.users['merchant_filer'].pk}/password/",
        "/admin/accounts/membership/?role=filer&q=merchant",
        "/admin/accounts/membership/add/",
        f"/admin/accounts/membership/{membership.pk}/change/",
        "/admin/accounts/credential/",
        f"/admin/accounts/credential/{merchant.credentials.get().pk}/change/",
        "/admin/accounts/auditentry/?q=order&action=file",
        f"/admin/accounts/auditentry/{entry.pk}/change/",
        "/admin/jsi18n/",
        "/admin/autocomplete/?term=merchant&app_label=accounts&model_name=membership&field_name=user",
    ]


def test_it_opens_every_page_to_staff_without_inline_script_or_style(cast_with_keys, staff):
    record(cast_with_keys.actor("merchant_filer"), "file", "order 1")
    for path in pages(cast_with_keys):
        response = staff.get(path)
        assert response.status_code == 200, path
        assert "no-store" in response["Cache-Control"], path
        if response["Content-Type"].startswith("text/html"):
            assert not INLINE.search(response.content.decode()), (path, INLINE.search(response.content.decode()))


def test_it_keeps_everybody_else_out(client_of, cast):
    assert Client().get("/admin/accounts/user/")["Location"].startswith("/login/")
    for username in ("merchant_administrator", "stranger"):
        assert client_of(username).get("/admin/").status_code == 404
        assert client_of(username).post("/admin/accounts/enterprise/add/").status_code == 404


def test_it_gives_an_enterprise_a_member_and_writes_it_down(cast, staff):
    merchant = cast.enterprises["merchant"]
    response = staff.post(
        f"/admin/accounts/enterprise/{merchant.pk}/change/",
        {
            "state": "approved",
            "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "0",
            "memberships-0-user": cast.users["stranger"].pk,
            "memberships-0-roles": ["finance", "filer"],
            "memberships-0-active": "on",
            "memberships-0-reason": "企业来函",
            "credentials-TOTAL_FORMS": "0",
            "credentials-INITIAL_FORMS": "0",
        },
    )
    assert response.status_code == 302, response.context and response.context["errors"]
    assert merchant.memberships.get(user=cast.users["stranger"]).roles == ["finance", "filer"]
    why, entry = AuditEntry.objects.filter(action="staff_change").order_by("id")
    assert (entry.user.username, entry.enterprise) == (why.user.username, why.enterprise) == ("staff", merchant)
    assert entry.subject == f"accounts.enterprise {merchant.pk}"
    assert why.subject.startswith("accounts.membership ") and why.details["reason"] == "企业来函"


def put_in_state(staff: Client, enterprise: Enterprise, state: str, reason: str = "") -> HttpResponse:
    """The change page of an enterprise, sent with another state."""
    path = f"/admin/accounts/enterprise/{enterprise.pk}/change/"
    form = staff.get(path).context["adminform"].form
    data = {name: form.initial.get(name, "") for name in form.fields} | {"state": state, "reason": reason}
    for prefix in ("memberships", "credentials"):
        data |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    answer = staff.post(path, data)
    enterprise.refresh_from_db()
    return answer


def test_it_suspends_and_reopens_an_enterprise_with_a_reason(cast, staff, client_of):
    merchant = cast.enterprises["merchant"]
    for state, reason in (
        (EnterpriseState.SUSPENDED, "核查虚假交易"),
        (EnterpriseState.APPROVED, "核查完毕，未见异常"),
    ):
        assert "请写明原因" in put_in_state(staff, merchant, state).content.decode()
        assert merchant.state != state
        assert put_in_state(staff, merchant, state, reason).status_code == 302
        assert (merchant.state, merchant.state_reason) == (state, reason)
        if state == EnterpriseState.SUSPENDED:
            assert "原因：核查虚假交易" in client_of("merchant_filer").get("/filing/").content.decode()
    told = AuditEntry.objects.filter(action__startswith="enterprise_").order_by("id")
    assert [(one.action, one.enterprise, one.details, one.user.username) for one in told] == [
        ("enterprise_suspended", merchant, {"reason": "核查虚假交易"}, "staff"),
        ("enterprise_reopened", merchant, {"reason": "核查完毕，未见异常"}, "staff"),
    ]
    changed = AuditEntry.objects.filter(action="staff_change")
    assert [[len(name) > 0 for name in one.details["changed"]] for one in changed] == [[True, True], [True, True]]


def test_staff_alone_open_nothing_and_put_nothing_back(cast, staff):
    merchant, venue = cast.enterprises["merchant"], cast.enterprises["venue"]
    assert "errorlist" in put_in_state(staff, merchant, EnterpriseState.DRAFT, "误开").content.decode()
    assert merchant.state == EnterpriseState.APPROVED
    Enterprise.objects.filter(pk=venue.pk).update(state=EnterpriseState.DRAFT)
    for state in (EnterpriseState.APPROVED, EnterpriseState.SUSPENDED):
        assert "errorlist" in put_in_state(staff, venue, state, "公共监管场所，由平台开设").content.decode()
        assert venue.state == EnterpriseState.DRAFT
    assert put_in_state(staff, venue, EnterpriseState.DRAFT).status_code == 302  # nothing changed, nothing to say
    assert not AuditEntry.objects.filter(action__startswith="enterprise_").exists()


def test_it_makes_a_user_who_can_sign_in(staff):
    password = "a quiet harbour at dawn"
    data = {
        "username": "new_filer",
        "name": "新来",
        "usable_password": "true",
        "password1": password,
        "password2": password,
    }
    data |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert staff.post("/admin/accounts/user/add/", data).status_code == 302
    assert Client().post("/login/", {"username": "new_filer", "password": password}).status_code == 302
    response = staff.post("/admin/accounts/user/add/", data | {"username": "someone@example.org"})
    assert "用户名只能用" in response.content.decode()


def test_it_deletes_nothing_and_changes_no_record(cast_with_keys, staff):
    record(cast_with_keys.actor("merchant_filer"), "file", "order 1")
    merchant = cast_with_keys.enterprises["merchant"]
    assert staff.post(f"/admin/accounts/enterprise/{merchant.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.post(f"/admin/accounts/user/{cast_with_keys.users['stranger'].pk}/delete/").status_code == 403
    assert staff.get("/admin/accounts/auditentry/add/").status_code == 403
    entry = AuditEntry.objects.first()
    assert staff.post(f"/admin/accounts/auditentry/{entry.pk}/change/", {"action": "x"}).status_code == 403
    assert staff.get("/admin/accounts/credential/add/").status_code == 403


def test_it_lets_only_a_superuser_make_staff(cast, staff):
    cast.users["staff"].is_superuser = False
    cast.users["staff"].save()
    with connection.cursor() as cursor:  # every right of accounts, but not a superuser
        cursor.execute(
            "INSERT INTO accounts_user_user_permissions (user_id, permission_id) SELECT %s, p.id FROM auth_permission p"
            " JOIN django_content_type c ON c.id = p.content_type_id WHERE c.app_label = 'accounts'",
            [cast.users["staff"].pk],
        )
    path = f"/admin/accounts/user/{cast.users['staff'].pk}/change/"
    assert 'name="is_superuser"' not in staff.get(path).content.decode()
    data = {"username": "staff", "name": "平台值班", "is_active": "on", "is_superuser": "on", "is_staff": "on"}
    data["reason"] = "本人来函"
    data |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert staff.post(path, data).status_code == 302
    assert not User.objects.get(username="staff").is_superuser


@pytest.mark.parametrize(
    "query",
    [
        "enterprise/?types__contains=x",
        "enterprise/?name__regex=(",
        "membership/?roles__contains=x",
        "membership/?user__password__startswith=a",
        "auditentry/?at__year=-1",
        "auditentry/?details__x=1",
        "auditentry/?address__exact=bad",
        "user/?password__startswith=a",
        "credential/?pem__contains=x",
        "auditentry/?at__gte=-1",
        "auditentry/?at__gte=0001-01-01 00:00:00%2B23:59",
        "auditentry/?at__lt=9999-12-31 23:59:59.999999-23:59",
        "credential/?not_after__gte=99999999999999999999",
    ],
)
def test_it_narrows_a_list_by_nothing_but_its_filters(staff, query):
    assert staff.get(f"/admin/accounts/{query}").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "enterprise/?type=nothing",
        "enterprise/?type=merchant&type=x",
        "enterprise/?state__exact=nothing",
        "enterprise/?customs_district=x&customs_district__isnull=maybe",
        "membership/?role=%7B&active__exact=7",
        "membership/?role=',--",
        "auditentry/?at__gte=2026-11-01 00:00:00%2B08:00&at__lt=2026-99-99 00:00:00%2B08:00",
        "auditentry/?at__isnull=x&action=x",
        "user/?is_active__exact=99999999999999999999&p=99999999999999999999&o=9.-9.x",
        "user/?p=-1&all=x",
    ],
)
def test_a_filter_that_asks_for_nothing_known_breaks_no_list(staff, query):
    assert staff.get(f"/admin/accounts/{query}", follow=True).status_code == 200


def test_it_narrows_a_list_by_its_filters(cast, staff):
    assert (
        staff.get("/admin/accounts/enterprise/?type=merchant").context["cl"].result_count < Enterprise.objects.count()
    )
    assert staff.get("/admin/accounts/enterprise/?type=x").context["cl"].result_count == Enterprise.objects.count()
    assert staff.get("/admin/accounts/membership/?role=filer&active__exact=0").context["cl"].result_count == 0
