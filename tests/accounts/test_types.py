"""企业类型登记: which types go together, which licence each needs, and what an approval brings into force."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import AuditEntry, Enterprise, Licence, Membership, Qualification
from accounts.onboarding import applications
from accounts.onboarding.kinds import TYPES
from accounts.roles import MemberRole
from portal.tenancy import acting_as

TODAY = timezone.localdate()
EXPRESS = {
    "express_number": "国邮20200417", "express_scope": "国内快递", "express_valid_from": "2024-01-01",
    "express_valid_to": "2099-12-31",
}  # fmt: skip
INTERNATIONAL = {
    "depot": "public", "international_number": "国邮20210418", "international_scope": "国际快递（邮政企业专营业务除外）",
    "international_valid_from": "2024-01-01", "international_valid_to": "2099-12-31", "operator_number": "KJ2225-07",
}  # fmt: skip
PAYMENT = {
    "payment_licence": "payment", "payment_number": "Z2015331000077", "payment_scope": "互联网支付、移动电话支付",
    "payment_valid_from": "2024-01-01", "payment_valid_to": "2099-12-31",
}  # fmt: skip
BANK = {"payment_licence": "finance", "payment_number": "B0015H231000077", "payment_valid_from": "1999-01-01"}


def typed(*types: str, **more: str) -> dict[str, list[str]]:
    """The form as it is sent."""
    return {"types": list(types)} | {name: [text] for name, text in more.items()}


def problems(*types: str, **more: str) -> dict[str, str]:
    """What the form says, by field."""
    found = applications.form_of(TYPES, typed(*types, **more)).errors
    return {name: " ".join(map(str, texts)) for name, texts in found.items()}


@pytest.mark.parametrize("of_type", ["platform", "merchant", "warehouse"])
def test_some_types_need_no_licence(of_type: str) -> None:
    assert problems(of_type) == {}


def test_a_type_has_to_be_ticked() -> None:
    assert set(problems()) == {"types"}
    assert "types" in problems("consumer")


def test_nobody_registers_a_venue_alone() -> None:
    assert "不能单独登记监管场所" in problems("venue")["types"]
    assert "不能单独登记监管场所" in problems("merchant", "venue")["types"]
    assert problems("warehouse", "venue") == {}


def test_direct_logistics_with_a_depot_of_its_own_ticks_two() -> None:
    assert problems("direct_logistics", **INTERNATIONAL) == {}
    own = INTERNATIONAL | {"depot": "own"}
    assert problems("direct_logistics", "venue", **own) == {}
    assert "还要勾选监管场所经营人" in problems("direct_logistics", **own)["types"]
    assert "不勾选监管场所经营人" in problems("direct_logistics", "venue", **INTERNATIONAL)["types"]
    assert problems("direct_logistics", "warehouse", "venue", **INTERNATIONAL) == {}
    assert "自有库还是公共库" in problems("direct_logistics", **(INTERNATIONAL | {"depot": ""}))["depot"]


@pytest.mark.parametrize(
    ("of_type", "group", "good"),
    [
        ("bonded_logistics", "express", EXPRESS),
        ("direct_logistics", "international", INTERNATIONAL),
        ("payment", "payment", PAYMENT),
    ],
)
def test_a_licence_is_asked_for_whole_and_has_to_be_valid_today(of_type: str, group: str, good: dict[str, str]) -> None:
    day = {name: (TODAY + timedelta(days=n)).isoformat() for name, n in (("past", -1), ("now", 0), ("coming", 1))}
    assert problems(of_type, **good) == {}
    missing = problems(of_type, depot=good.get("depot", ""))
    assert {f"{group}_number", f"{group}_valid_from", f"{group}_scope"} <= set(missing)
    first, last = f"{group}_valid_from", f"{group}_valid_to"
    assert problems(of_type, **(good | {last: day["now"]})) == {}, "through its last day"
    assert problems(of_type, **(good | {first: day["now"]})) == {}, "from its first day"
    assert f"已于 {day['past']} 到期，请先换证" in problems(of_type, **(good | {last: day["past"]}))[last]
    assert f"{day['coming']} 起才有效" in problems(of_type, **(good | {first: day["coming"]}))[first]
    assert set(problems(of_type, **(good | {first: "去年"}))) == {first}


def test_the_licence_of_a_payment_institution_has_internet_payment_in_its_scope() -> None:
    assert "互联网支付" in problems("payment", **(PAYMENT | {"payment_scope": "银行卡收单"}))["payment_scope"]
    assert problems("payment", **(PAYMENT | {"payment_valid_to": ""})) == {}, "valid without an end"
    assert problems("payment", **BANK) == {}, "a bank's licence names no scope"
    assert set(problems("payment", **(BANK | {"payment_licence": ""}))) >= {"payment_licence"}


def test_direct_logistics_carries_parcels_over_the_border() -> None:
    local = INTERNATIONAL | {"international_scope": "国内快递"}
    assert "没有国际快递" in problems("direct_logistics", **local)["international_scope"]
    assert set(problems("direct_logistics", **(INTERNATIONAL | {"operator_number": ""}))) == {"operator_number"}


def test_columns_of_types_not_ticked_are_left_out() -> None:
    form = applications.form_of(TYPES, typed("merchant", express_number="X", express_valid_to="never", **BANK))
    assert form.is_valid()
    assert not form.cleaned_data["express_number"] and form.cleaned_data["express_valid_to"] is None


# --- applied for and approved -------------------------------------------------------------------------------------------


@pytest.fixture
def enterprise(cast: Cast) -> Enterprise:
    """An enterprise without a type; its administrator is the one without an enterprise so far."""
    one = Enterprise.objects.create(
        name="上海桐溪岸贸易有限公司", credit_code="913101150000930090", customs_code="312226DM77"
    )
    Membership.objects.create(user=cast.users["stranger"], enterprise=one, roles=[MemberRole.ADMINISTRATOR])
    return one


def applied(cast: Cast, enterprise: Enterprise, said: dict[str, list[str]], *papers: str) -> dict[str, list[str]]:
    """Handed in as the administrator, and approved if it was whole; else what is missing."""
    user, staff = cast.users["stranger"], cast.users["staff"]
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        one = applications.begin(TYPES, by=user, enterprise=enterprise)
        for slot in papers:
            one.papers.create(
                slot=slot, name="scan.pdf", media_type="application/pdf", size=4, sha256="0" * 64, content=b"%PDF",
                uploaded_by=user,
            )  # fmt: skip
        found = applications.submit(one, said, by=user, version=one.version)
    if not found:
        with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
            assert applications.approve(one, staff=staff, version=one.version)
        enterprise.refresh_from_db()
    return found


def test_the_paper_of_each_type_is_asked_for(cast: Cast, enterprise: Enterprise) -> None:
    both = typed("bonded_logistics", "payment", **EXPRESS, **PAYMENT)
    assert set(applied(cast, enterprise, both)) == {"express_licence", "payment_licence_copy"}
    assert set(applied(cast, enterprise, both, "express_licence")) == {"payment_licence_copy"}
    assert applied(cast, enterprise, both, "payment_licence_copy") == {}
    assert enterprise.types == ["payment", "bonded_logistics"]


def test_an_approval_adds_types_and_licences_to_those_there_are(cast: Cast, enterprise: Enterprise) -> None:
    assert applied(cast, enterprise, typed("merchant")) == {}
    assert applied(cast, enterprise, typed("direct_logistics", **INTERNATIONAL), "international_licence") == {}
    assert enterprise.types == ["merchant", "direct_logistics"]
    held = {one.licence: one for one in enterprise.licences_in_force}
    assert set(held) == {Licence.INTERNATIONAL_EXPRESS, Licence.EXPRESS_OPERATOR}
    assert held[Licence.EXPRESS_OPERATOR].number == "KJ2225-07"
    assert str(held[Licence.INTERNATIONAL_EXPRESS].valid_to) == "2099-12-31"
    assert AuditEntry.objects.filter(action="application_approved", enterprise=enterprise).count() == 2


def test_a_new_licence_takes_the_place_of_the_old_one_only_when_it_is_approved(
    cast: Cast, enterprise: Enterprise
) -> None:
    applied(cast, enterprise, typed("bonded_logistics", **EXPRESS), "express_licence")
    renewed = typed("bonded_logistics", **(EXPRESS | {"express_number": "国邮20260001"}))
    user = cast.users["stranger"]
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        one = applications.begin(TYPES, by=user, enterprise=enterprise)
        applications.save(one, renewed, version=one.version)
    assert [each.number for each in Qualification.objects.filter(enterprise=enterprise)] == ["国邮20200417"]
    assert applied(cast, enterprise, renewed, "express_licence") == {}
    rows = Qualification.objects.filter(enterprise=enterprise).order_by("id")
    assert [(each.number, each.replaced) for each in rows] == [("国邮20200417", True), ("国邮20260001", False)]
    assert enterprise.types == ["bonded_logistics"]


def test_a_bank_that_becomes_a_payment_institution_files_by_the_new_licence_alone(
    cast: Cast, enterprise: Enterprise
) -> None:
    bank = typed("payment", **(PAYMENT | {"payment_licence": "finance"}))
    assert applied(cast, enterprise, bank, "payment_licence_copy") == {}
    assert applied(cast, enterprise, typed("payment", **PAYMENT), "payment_licence_copy") == {}
    held = Qualification.objects.filter(enterprise=enterprise, replaced=False)
    assert [one.licence for one in held] == [Licence.PAYMENT]


def test_licences_are_the_enterprises_own_and_nobody_rewrites_them(cast: Cast) -> None:
    neighbour, payer = cast.actor("neighbour_filer"), cast.actor("payment_filer")
    with acting_as(enterprise_id=neighbour.enterprise.pk, user_id=neighbour.user.pk):
        assert not Qualification.objects.exists()
    with acting_as(enterprise_id=payer.enterprise.pk, user_id=payer.user.pk):
        assert Qualification.objects.get().enterprise == payer.enterprise
        with pytest.raises(DatabaseError), transaction.atomic():
            Qualification.objects.update(valid_to="2099-01-01")
        with pytest.raises(DatabaseError), transaction.atomic():
            Qualification.objects.create(enterprise=payer.enterprise, licence="finance", number="1")
    with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
        with pytest.raises(DatabaseError), transaction.atomic():
            Qualification.objects.update(number="1")
        with pytest.raises(DatabaseError), transaction.atomic():
            Qualification.objects.update(replaced=False)
