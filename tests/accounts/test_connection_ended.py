"""What staff do with a connection that is open: they end it with a reason, or give it another of them as helper."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import AuditEntry, Connection, Notice, User
from accounts.onboarding import connection as deeds
from accounts.onboarding.applications import NotPossible
from portal.sentences import speak
from tests.accounts.connecting import PAGE, TEST, Way, as_staff

pytestmark = pytest.mark.django_db


def desk_of(one: Connection) -> str:
    return reverse("admin:accounts_connection_change", args=[one.pk])


def test_staff_end_an_environment_with_a_reason_and_it_may_be_applied_for_anew(
    served: Way, client_of: Callable[[str], Client]
) -> None:
    test, staff, cast = served.connect(), client_of("staff"), served.cast
    helps = {"helper": test.helper_id}
    assert "没有要办的" in staff.post(desk_of(test), {**helps, "end_reason": " "}).content.decode()
    assert Connection.objects.get(pk=test.pk).ended is None
    both = {"helper": cast.users["reviewer"].pk, "end_reason": "长期不用"}
    assert "请分开办理" in staff.post(desk_of(test), both).content.decode()
    assert Connection.objects.get(pk=test.pk).ended is None
    assert (
        staff.post(desk_of(test), {**helps, "end_reason": "长期不用", "callback": "https://x.org"}).status_code == 302
    )
    test.refresh_from_db()
    assert test.ended is not None and (test.end_reason, test.callback) == (
        "长期不用",
        "https://test-erp.example.org/receipts",
    )
    deed = AuditEntry.objects.get(action="connection_ended")
    assert (deed.subject, deed.details["reason"], deed.address) == (test.platform_code, "长期不用", "127.0.0.1")
    told = Notice.objects.filter(user=served.actor.user, text__contains="长期不用").get()
    assert "平台已终止本企业的测试环境" in speak(told.text) and told.address == PAGE
    assert staff.post(desk_of(test), {**helps, "end_reason": "再来一次"}).status_code == 403
    page = served.page()
    assert "原因：长期不用" in page and test.platform_code in page and "申请调试" in served.next_step()
    again = served.connect()
    assert again.pk != test.pk and again.platform_code != test.platform_code and again.callback == test.callback
    assert "长期不用" not in served.page()


def test_it_is_ended_although_its_helper_has_left(served: Way, client_of: Callable[[str], Client]) -> None:
    test = served.connect()
    gone = User.objects.create(username="gone", name="程已走", is_staff=True, is_active=False)
    Connection.objects.filter(pk=test.pk).update(helper=gone)
    assert client_of("staff").post(desk_of(test), {"helper": gone.pk, "end_reason": "长期不用"}).status_code == 302
    test.refresh_from_db()
    assert test.ended is not None
    preparation = served.client.get(reverse("preparation")).content.decode()
    assert "联调" not in preparation.split("准备清单")[0], "whose system is not connected any more has nothing to test"


def test_a_change_of_what_was_ended_is_not_approved(served: Way) -> None:
    test = served.connect()
    served.hand_in(
        served.begin("connection_change:sandbox"), {"callback": "https://new.example.org/r", "reason": "迁移"}
    )
    staff = served.cast.users["staff"]
    with as_staff(staff):
        assert deeds.end(test, staff=Bystander(user=staff, enterprise=served.enterprise), reason="停用") is True
        assert deeds.end(test, staff=Bystander(user=staff, enterprise=served.enterprise), reason="停用") is False
    with pytest.raises(NotPossible, match="还没有开通"):
        served.approve()


def test_another_of_the_staff_helps_and_all_who_should_know_are_told(
    served: Way, client_of: Callable[[str], Client]
) -> None:
    test, staff, reviewer = served.connect(), client_of("staff"), served.cast.users["reviewer"]
    wrong = {"helper": served.actor.user.pk, "end_reason": ""}
    assert staff.post(desk_of(test), wrong).status_code == 200, "no member of an enterprise"
    assert staff.post(desk_of(test), {"helper": reviewer.pk, "end_reason": ""}).status_code == 302
    test.refresh_from_db()
    assert (test.helper, test.helper_name, test.ended) == (reviewer, str(reviewer), None)
    deed = AuditEntry.objects.get(action="connection_helper")
    assert deed.details == {"environment": "sandbox", "before": served.cast.users["staff"].pk, "after": reviewer.pk}
    assert str(reviewer) in served.page()
    assert Notice.objects.filter(user=served.actor.user, text__contains="对接专员").exists()
    assert Notice.objects.filter(user=reviewer, text__contains="您现在是").exists()
    assert client_of("auditor").post(desk_of(test), {"helper": reviewer.pk}).status_code == 403
    assert client_of("merchant_administrator").post(desk_of(test), {"helper": reviewer.pk}).status_code == 404


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_connection SET platform_code = '9999999'",
        "UPDATE accounts_connection SET enterprise_id = 1",
    ],
)
def test_the_desk_rewrites_no_code(served: Way, statement: str) -> None:
    served.connect()
    with pytest.raises(DatabaseError), as_staff(served.cast.users["staff"]), connection.cursor() as cursor:
        cursor.execute(statement)


def test_what_was_ended_stays_ended(served: Way) -> None:
    test = served.connect()
    Connection.objects.filter(pk=test.pk).update(ended=timezone.now())
    with as_staff(served.cast.users["staff"]):
        assert Connection.objects.filter(pk=test.pk).update(ended=None) == 0


def test_what_an_approval_did_is_written_down_with_the_address_it_came_from(
    served: Way, client_of: Callable[[str], Client], settings
) -> None:
    settings.PORTAL_PROXIES = ["127.0.0.1"]
    served.hand_in(served.begin("test_access:"), TEST)
    one, before = served.latest(), AuditEntry.objects.latest("id").pk
    said = {"do": "approve", "version": one.version}
    there = reverse("admin:accounts_application_change", args=[one.pk])
    answer = client_of("staff").post(there, said, HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert answer.status_code == 302
    deeds = AuditEntry.objects.filter(pk__gt=before).values_list("action", "address")
    assert dict(deeds) == {"application_approved": "203.0.113.9", "connection_opened": "203.0.113.9"}
    record(None, Action.RETRY)  # as a task does: there is no request
    assert AuditEntry.objects.latest("id").address is None
