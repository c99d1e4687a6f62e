"""Services that staff end: with a reason, told to whom they were and whom it cleared for, by nobody of the enterprise."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import (
    Application,
    AuditEntry,
    Membership,
    Notice,
    Service,
)
from accounts.onboarding.services import active, tell_whom_it_cleared
from accounts.onboarding.types import register_types
from accounts.roles import MemberRole
from portal.sentences import speak
from tests.accounts.test_services import as_staff

pytestmark = pytest.mark.django_db


def test_staff_end_a_service_with_a_reason_and_its_administrators_are_told(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    one = Service.objects.get(enterprise=cast.enterprises["merchant"], mode="1210", district="2216")
    staff, address = client_of("staff"), reverse("admin:accounts_service_change", args=[one.pk])
    assert staff.get(address).status_code == 200
    assert "这个字段是必填项" in staff.post(address, {"end_reason": " "}).content.decode()
    assert Service.objects.get(pk=one.pk).ended is None and not Notice.objects.exists()
    assert staff.post(address, {"end_reason": "场地已关闭", "district": "2299"}).status_code == 302
    one.refresh_from_db()
    assert one.ended is not None and (one.end_reason, one.district) == ("场地已关闭", "2216")
    deed = AuditEntry.objects.get(action="service_ended")
    assert (deed.enterprise, deed.user, deed.subject) == (one.enterprise, cast.users["staff"], f"service {one.pk}")
    notice = Notice.objects.get(user=cast.users["merchant_administrator"])
    assert speak(notice.text) == "平台已终止本企业的服务：电商企业 1210，2216 关区。原因：场地已关闭"
    assert Notice.objects.filter(enterprise=one.enterprise).count() == 1
    assert staff.post(address, {"end_reason": "再来一次"}).status_code == 403
    assert "场地已关闭" in staff.get(address).content.decode()
    body = client_of("merchant_viewer").get(reverse("services")).content.decode()
    assert "平台已终止" in body and "场地已关闭" in body


def test_nobody_of_the_staff_decides_about_an_enterprise_of_their_own(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    merchant, staff = cast.enterprises["merchant"], client_of("staff")
    one = Service.objects.filter(enterprise=merchant, ended=None).first()
    assert one is not None
    own = Membership.objects.create(user=cast.users["staff"], enterprise=merchant, roles=[MemberRole.VIEWER])
    page = reverse("admin:accounts_enterprise_change", args=[merchant.pk])
    data = {"state": "suspended", "reason": "核查"}
    for prefix in ("memberships", "credentials"):
        data |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    ending = reverse("admin:accounts_service_change", args=[one.pk])
    for address, sent in ((page, data), (ending, {"end_reason": "场地已关闭"})):
        assert "您是这家企业的成员，请由另一位同事办理" in staff.post(address, sent).content.decode()
    merchant.refresh_from_db()
    assert merchant.state == "approved" and Service.objects.filter(pk=one.pk, ended=None).exists()
    Membership.objects.filter(pk=own.pk).update(active=False)
    for address, sent in ((ending, {"end_reason": "场地已关闭"}), (page, data)):
        assert staff.post(address, sent).status_code == 302
    merchant.refresh_from_db()
    assert merchant.state == "suspended" and not Service.objects.filter(pk=one.pk, ended=None).exists()


NOT_CLEARED = "通关服务企业“{}”现在不能替本企业申报清单：{}。请与对方联系，或在“服务开通”改填另一家"


def told_of_clearing(cast: Cast) -> list[str]:
    """What the merchant's administrator is told of who cleared for it."""
    notices = Notice.objects.filter(user=cast.users["merchant_administrator"], enterprise=cast.enterprises["merchant"])
    assert not Notice.objects.filter(user=cast.users["merchant_filer"], text__contains="通关服务企业").exists()
    return [speak(one.text) for one in notices if "通关服务企业" in one.text]


def test_whom_it_cleared_for_hears_when_a_service_of_a_clearer_is_ended(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    warehouse, staff = cast.enterprises["warehouse"], client_of("staff")
    of_others = Service.objects.get(enterprise=cast.enterprises["platform"], mode="1210", district="2216")
    staff.post(reverse("admin:accounts_service_change", args=[of_others.pk]), {"end_reason": "核查"})
    assert told_of_clearing(cast) == [], "that of who clears for nobody"
    one = Service.objects.get(enterprise=warehouse, mode="1210", district="2216")
    staff.post(reverse("admin:accounts_service_change", args=[one.pk]), {"end_reason": "场地已关闭"})
    assert told_of_clearing(cast) == [NOT_CLEARED.format(warehouse.name, "1210 2216")]
    assert not Notice.objects.filter(enterprise=warehouse, text__contains="通关服务企业").exists(), "nobody of its own"


def test_whom_it_cleared_for_hears_once_when_a_clearer_is_suspended_or_gives_up_the_type(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    warehouse = cast.enterprises["warehouse"]
    merchant = Service.objects.filter(enterprise=cast.enterprises["merchant"], mode="1210")
    merchant.filter(district="2233").update(ended=timezone.now())
    with as_staff(cast.users["staff"]):
        tell_whom_it_cleared(warehouse, active(warehouse))
    said = NOT_CLEARED.format(warehouse.name, "1210 2216, 1210 2218")
    assert told_of_clearing(cast) == [said]
    data = {"state": "suspended", "reason": "核查"}
    for prefix in ("memberships", "credentials"):
        data |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    page = reverse("admin:accounts_enterprise_change", args=[warehouse.pk])
    assert client_of("staff").post(page, data).status_code == 302
    assert told_of_clearing(cast) == [said, said]
    assert client_of("staff").post(page, data | {"state": "approved"}).status_code == 302
    with as_staff(cast.users["staff"]):
        given_up = {"types": ["platform"], "depot": "", "operator_number": ""}
        register_types(Application(enterprise=warehouse), given_up, cast.users["staff"])
    assert told_of_clearing(cast) == [said, said, said]


def test_nobody_but_staff_who_may_ends_a_service(cast: Cast, client_of: Callable[[str], Client]) -> None:
    one = Service.objects.filter(enterprise=cast.enterprises["merchant"]).first()
    assert one is not None
    address = reverse("admin:accounts_service_change", args=[one.pk])
    assert client_of("merchant_administrator").post(address, {"end_reason": "x"}).status_code == 404
    assert client_of("auditor").post(address, {"end_reason": "x"}).status_code == 403
    assert Service.objects.filter(ended=None, pk=one.pk).exists()
