"""Licences and evidence on the desk of staff: looked at by everybody who may, ended with a reason, and what follows of it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import Bystander
from accounts.cast import Cast, give_evidence
from accounts.licences import closed_for, closed_types
from accounts.models import AuditEntry, Enterprise, Evidence, Membership, Notice, Qualification, User
from accounts.onboarding import expiry, voiding
from accounts.onboarding.evidence import held_by, in_force_of
from accounts.onboarding.kinds import kind_named
from accounts.onboarding.types import unchanged
from accounts.roles import MemberRole
from portal.sentences import speak
from portal.tenancy import Role, acting_as
from tests.cast import prove

pytestmark = pytest.mark.django_db

Clients = Callable[[str], Client]


def fresh(one: Enterprise) -> Enterprise:
    """As the next request reads it."""
    return Enterprise.objects.get(pk=one.pk)


def page_of(one: Qualification | Evidence) -> str:
    return reverse(f"admin:accounts_{one._meta.model_name}_change", args=[one.pk])


@pytest.fixture
def licence(cast: Cast) -> Qualification:
    """The licence of the payment institution."""
    return Qualification.objects.get(enterprise=cast.enterprises["payment"])


@pytest.fixture
def card(cast: Cast) -> Evidence:
    """The evidence of the merchant's card."""
    give_evidence(cast.enterprises["merchant"])
    return Evidence.objects.get(enterprise=cast.enterprises["merchant"], item="ic_card")


def test_a_revoked_licence_stops_filing_at_once_and_says_why(
    cast: Cast, client_of: Clients, licence: Qualification
) -> None:
    payment, staff = licence.enterprise, client_of("staff")
    administrator = User.objects.create(username="payment_head", name="钱掌柜", email="head@example.org")
    Membership.objects.create(user=administrator, enterprise=payment, roles=[MemberRole.ADMINISTRATOR])
    assert closed_types(fresh(payment)) == {} and client_of("payment_filer").get("/payment/new/").status_code == 200
    assert "这个字段是必填项" in staff.post(page_of(licence), {"end_reason": " "}).content.decode()
    assert closed_types(fresh(payment)) == {} and not Notice.objects.exists()
    assert staff.post(page_of(licence), {"end_reason": "人民银行已注销", "number": "X"}).status_code == 302
    licence.refresh_from_db()
    assert licence.ended is not None and not licence.replaced and licence.number != "X"
    why = speak(closed_for(fresh(payment), ["payment"]))
    assert "已作废：人民银行已注销" in why and "支付企业不能申报" in why
    body = client_of("payment_filer").get("/").content.decode()
    assert "已作废：人民银行已注销" in body
    assert "已作废：人民银行已注销" in client_of("payment_filer").get("/payment/new/").content.decode()
    assert client_of("payment_filer").post("/payment/upload/").status_code == 403
    deed = AuditEntry.objects.get(action="licence_voided")
    assert (deed.user, deed.enterprise, deed.address) == (cast.users["staff"], payment, "127.0.0.1")
    assert deed.details == {"what": licence.licence, "reason": "人民银行已注销"}
    notice = Notice.objects.get(user=administrator)
    assert "作废" in speak(notice.text) and "人民银行已注销" in speak(notice.text)
    assert not Notice.objects.filter(user=cast.users["payment_filer"]).exists()
    assert staff.post(page_of(licence), {"end_reason": "再来一次"}).status_code == 403
    assert "人民银行已注销" in staff.get(page_of(licence)).content.decode()


def test_a_licence_that_was_ended_comes_back_only_by_being_registered_anew(cast: Cast, licence: Qualification) -> None:
    payment = licence.enterprise
    typed = {"payment_licence": licence.licence, "payment_number": licence.number, "payment_scope": licence.scope}
    typed |= {"payment_valid_from": None, "payment_valid_to": None}
    cleaned = {"types": ["payment"], **typed}
    assert voiding.void(licence, staff=Bystander(user=cast.users["staff"], enterprise=payment), reason="误传") is True
    assert unchanged(fresh(payment), "payment", cleaned) is None
    Qualification.objects.filter(pk=licence.pk).update(replaced=True)  # as the approval of another does
    Qualification.objects.create(enterprise=payment, licence=licence.licence, number=licence.number)
    assert closed_types(fresh(payment)) == {}
    assert voiding.void(licence, staff=Bystander(user=cast.users["staff"], enterprise=payment), reason="迟了") is False


def test_false_evidence_counts_no_more_and_the_item_is_to_do_again(
    cast: Cast, client_of: Clients, card: Evidence
) -> None:
    merchant, staff = card.enterprise, client_of("staff")
    assert "ic_card" in held_by(merchant)
    assert staff.post(page_of(card), {"end_reason": "卡号查无此卡"}).status_code == 302
    assert "ic_card" not in held_by(fresh(merchant))
    body = client_of("merchant_administrator").get(reverse("preparation")).content.decode()
    assert "已作废：卡号查无此卡" in body
    deed = AuditEntry.objects.get(action="evidence_voided")
    assert deed.details == {"what": "ic_card", "reason": "卡号查无此卡"}
    notice = Notice.objects.get(user=cast.users["merchant_administrator"])
    assert "卡号查无此卡" in speak(notice.text) and notice.address == reverse("application_of_kind", args=["ic_card"])
    assert in_force_of("ic_card")(merchant, "") == {}, "a new application does not begin with what was void"
    with pytest.raises(DatabaseError), transaction.atomic():
        with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
            Evidence.objects.filter(pk=card.pk).update(end_reason="别的原因", replaced=True)
    Evidence.objects.filter(pk=card.pk).update(replaced=True)
    Evidence.objects.create(enterprise=merchant, item="ic_card", number="89319999", variety="ic_card")
    assert "ic_card" in held_by(fresh(merchant))
    body = client_of("merchant_administrator").get(reverse("preparation")).content.decode()
    assert "已作废" not in body, "what took its place stands for itself"


def test_nothing_is_sent_under_a_transmission_number_that_was_false(cast: Cast, client_of: Clients) -> None:
    merchant = cast.enterprises["merchant"]
    give_evidence(merchant)
    for item, left in (("dxp_export", merchant.dxp_id), ("dxp_import", "")):
        one, _made = Evidence.objects.get_or_create(
            enterprise=merchant, item=item, replaced=False, defaults={"number": "DXPENT0000900777"}
        )
        assert client_of("staff").post(page_of(one), {"end_reason": "不是本企业的"}).status_code == 302
        assert fresh(merchant).dxp_id == left, item


def test_of_what_was_ended_nobody_is_reminded(cast: Cast, licence: Qualification) -> None:
    today = timezone.localdate()
    Qualification.objects.filter(pk=licence.pk).update(valid_to=today + timedelta(days=5))
    voiding.void(licence, staff=Bystander(user=cast.users["staff"], enterprise=licence.enterprise), reason="已注销")
    assert expiry.remind(today) == 0


def test_the_lists_are_narrowed_by_kind_and_by_how_they_stand(
    cast: Cast, client_of: Clients, licence: Qualification, card: Evidence
) -> None:
    staff = client_of("staff")
    voiding.void(licence, staff=Bystander(user=cast.users["staff"], enterprise=licence.enterprise), reason="已注销")

    def listed(table: str, query: str) -> set[int]:
        answer = staff.get(f"/admin/accounts/{table}/{query}")
        assert answer.status_code == 200, query
        return {one.pk for one in answer.context["cl"].result_list}

    assert listed("qualification", "?standing=voided") == {licence.pk}
    assert licence.pk not in listed("qualification", "?standing=in_force")
    assert listed("qualification", f"?licence__exact={licence.licence}") == {licence.pk}
    assert listed("qualification", f"?q={licence.enterprise.customs_code}") == {licence.pk}
    assert listed("evidence", "?item=ic_card&standing=in_force") >= {card.pk}
    assert listed("evidence", "?standing=run_out") == listed("evidence", "?standing=voided") == set()
    assert "有效" in staff.get("/admin/accounts/evidence/").content.decode()
    assert str(kind_named("ic_card").label) in staff.get(page_of(card)).content.decode()


def test_only_by_its_right_and_never_of_an_own_enterprise(cast: Cast, client_of: Clients, card: Evidence) -> None:
    looker = User.objects.create(username="looker", name="看客", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_evidence"))
    client = Client()
    client.force_login(looker)
    prove(client)
    assert client.get(page_of(card)).status_code == 200
    assert client.post(page_of(card), {"end_reason": "查核"}).status_code == 403
    for name, status in (("auditor", 403), ("merchant_administrator", 404), ("neighbour_filer", 404)):
        assert client_of(name).post(page_of(card), {"end_reason": "查核"}).status_code == status
    own = Membership.objects.create(user=cast.users["staff"], enterprise=card.enterprise, roles=[MemberRole.VIEWER])
    staff = client_of("staff")
    assert "您是这家企业的成员" in staff.post(page_of(card), {"end_reason": "查核"}).content.decode()
    card.refresh_from_db()
    assert card.ended is None
    own.delete()
    assert staff.post(page_of(card), {"end_reason": "查核"}).status_code == 302


@pytest.mark.parametrize(
    ("role", "statement", "refused"),
    [
        ("portal_web", "UPDATE accounts_evidence SET ended = now()", True),
        ("portal_web", "UPDATE accounts_qualification SET ended = now()", True),
        ("portal_staff", "UPDATE accounts_evidence SET number = '1'", True),
        ("portal_staff", "UPDATE accounts_evidence SET end_reason = 'x'", True),
        ("portal_staff", "UPDATE accounts_qualification SET ended = NULL", True),
        ("portal_staff", "UPDATE accounts_evidence SET ended = now(), end_reason = 'x' WHERE NOT replaced", False),
        ("portal_staff", "UPDATE accounts_qualification SET ended = now() WHERE NOT replaced", False),
    ],
)
def test_staff_write_that_it_ended_and_nothing_else(
    cast: Cast, card: Evidence, role: Role, statement: str, refused: bool
) -> None:
    def run() -> None:
        with acting_as(enterprise_id=card.enterprise_id, user_id=cast.users["staff"].pk, role=role):
            with connection.cursor() as cursor:
                cursor.execute(statement)

    if refused:
        with pytest.raises(DatabaseError):
            run()
    else:
        run()
