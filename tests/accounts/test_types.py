"""企业类型登记: which types go together, which licence each needs, and what an approval brings into force."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone
from lxml import html

from accounts.cast import Cast
from accounts.models import (
    Application,
    AuditEntry,
    Enterprise,
    Licence,
    Membership,
    Paper,
    Qualification,
    Service,
    User,
)
from accounts.onboarding import applications, types
from accounts.onboarding.applications import NotPossible
from accounts.onboarding.kinds import SERVICE, TYPES
from accounts.roles import Depot, MemberRole
from declarations.access import under_way
from declarations.models import Document
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
def test_a_licence_is_asked_for_whole_and_has_begun(of_type: str, group: str, good: dict[str, str]) -> None:
    day = {name: (TODAY + timedelta(days=n)).isoformat() for name, n in (("now", 0), ("coming", 1))}
    assert problems(of_type, **good) == {}
    missing = problems(of_type, depot=good.get("depot", ""))
    assert {f"{group}_number", f"{group}_valid_from", f"{group}_scope"} <= set(missing)
    first = f"{group}_valid_from"
    assert problems(of_type, **(good | {first: day["now"]})) == {}, "from its first day"
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


def test_an_approval_brings_types_depot_and_licences_into_force(cast: Cast, enterprise: Enterprise) -> None:
    assert applied(cast, enterprise, typed("merchant")) == {}
    both = typed("merchant", "direct_logistics", **INTERNATIONAL)
    assert applied(cast, enterprise, both, "international_licence") == {}
    assert (enterprise.types, enterprise.depot) == (["merchant", "direct_logistics"], Depot.PUBLIC)
    held = in_force(enterprise)
    assert set(held) == {Licence.INTERNATIONAL_EXPRESS, Licence.EXPRESS_OPERATOR}
    assert held[Licence.EXPRESS_OPERATOR].number == "KJ2225-07"
    assert str(held[Licence.INTERNATIONAL_EXPRESS].valid_to) == "2099-12-31"
    assert AuditEntry.objects.filter(action="application_approved", enterprise=enterprise).count() == 2


def in_force(enterprise: Enterprise) -> dict[str, Qualification]:
    """Its licences, asked anew."""
    return {one.licence: one for one in Qualification.objects.filter(enterprise=enterprise, replaced=False)}


def begun(enterprise: Enterprise) -> dict[str, list[str]]:
    """What a registration begins with."""
    found = types.in_force(Enterprise.objects.get(pk=enterprise.pk))
    return {name: list(texts) for name, texts in found.items()}


def test_it_begins_filled_with_what_is_in_force(
    cast: Cast, enterprise: Enterprise, client_of: Callable[[str], Client]
) -> None:
    assert begun(enterprise) == {}, "nothing yet"
    everything = typed("payment", "direct_logistics", "venue", **(INTERNATIONAL | {"depot": "own"}), **BANK)
    assert applied(cast, enterprise, everything, "international_licence", "payment_licence_copy") == {}
    assert applications.form_of(TYPES, begun(enterprise)).errors == {}
    page = html.fromstring(client_of("stranger").get("/applications/types/new/").content)
    ticked = page.xpath('//input[@name="types"][@checked]/@value')
    assert ticked == ["payment", "direct_logistics", "venue"]
    assert page.xpath('//select[@name="depot"]/option[@selected]/@value') == ["own"]
    assert page.xpath('//input[@name="international_number"]/@value') == ["国邮20210418"]
    assert page.xpath('//input[@name="payment_valid_from"]/@value') == ["1999-01-01"]
    text = page.text_content()
    assert "已填入现在生效的内容" in text and text.count("没有换证的，不用再传") == 2


def test_what_one_type_alone_needs_is_drawn_with_its_tick(
    cast: Cast, enterprise: Enterprise, client_of: Callable[[str], Client]
) -> None:
    client = client_of("stranger")
    page = html.fromstring(client.get("/applications/types/new/").content)
    cells = {
        name: page.xpath(f'//*[@name="{name}"]/ancestor::*[contains(@class, "field ")]/@class')[-1].split()
        for name in ("types", "depot", "operator_number", "express_scope", "payment_licence", "paper_express_licence")
    }
    assert "of-types-direct_logistics" in cells["depot"] and "of-types-direct_logistics" in cells["operator_number"]
    assert "of-types-bonded_logistics" in cells["express_scope"]
    assert "of-types-bonded_logistics" in cells["paper_express_licence"]
    assert "of-types-payment" in cells["payment_licence"]
    assert not page.xpath('//*[@name="giving_up"]'), "nothing is given up by who has nothing"
    # What is wrong is shown whatever is ticked, and readers see only what was asked.
    answer = client.post("/applications/types/new/", {**typed("payment"), "version": "0", "do": "submit"})
    wrong = html.fromstring(answer.content).xpath('//*[@name="payment_number"]/ancestor::div[1]/@class')[0]
    assert "of-types" not in wrong
    assert applied(cast, enterprise, typed("merchant")) == {}
    one = Application.objects.get(enterprise=enterprise)
    for reader, address in (
        ("stranger", f"/applications/{one.pk}/"),
        ("staff", f"/admin/accounts/application/{one.pk}/change/"),
    ):
        said = client_of(reader).get(address).content.decode()
        assert "企业类型" in said and "支付企业的许可证" not in said and "确认放弃" not in said, reader
        assert "快递业务经营许可证" not in said, "nor a paper nobody asked for"


def test_what_was_withdrawn_is_gone_on_with(
    cast: Cast, enterprise: Enterprise, client_of: Callable[[str], Client]
) -> None:
    assert applied(cast, enterprise, typed("merchant")) == {}
    user = cast.users["stranger"]
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        one = applications.begin(TYPES, by=user, enterprise=enterprise)
        applications.save(one, typed("merchant", "platform"), version=one.version)
        applications.withdraw(one, by=user, version=one.version)
    page = html.fromstring(client_of("stranger").get("/applications/types/new/").content)
    assert page.xpath('//input[@name="types"][@checked]/@value') == ["platform", "merchant"]
    assert "已带入上一次申请填写的内容" in page.text_content()


def test_an_unchanged_licence_stays_and_its_paper_is_taken_over(cast: Cast, enterprise: Enterprise) -> None:
    one = typed("bonded_logistics", **EXPRESS)
    assert applied(cast, enterprise, one, "express_licence") == {}
    before = in_force(enterprise)[Licence.EXPRESS]
    more = begun(enterprise) | {"types": ["bonded_logistics", "merchant"]}
    assert applied(cast, enterprise, more) == {}, "the paper on file serves"
    assert enterprise.types == ["merchant", "bonded_logistics"]
    assert in_force(enterprise)[Licence.EXPRESS] == before, "nothing took its place"
    latest = Application.objects.filter(enterprise=enterprise).latest("id")
    (taken,) = latest.papers.all()
    assert latest.submissions.get().papers == [taken.pk]
    assert bytes(Paper.objects.get(pk=taken.pk).content) == b"%PDF"
    assert AuditEntry.objects.filter(action="paper_uploaded", details__taken_from__isnull=False).count() == 1
    renewed = begun(enterprise) | {"express_valid_to": ["2098-12-31"]}
    assert set(applied(cast, enterprise, renewed)) == {"express_licence"}, "another licence needs another paper"


@pytest.mark.parametrize(
    ("of_type", "group", "good"),
    [
        ("bonded_logistics", "express", EXPRESS),
        ("direct_logistics", "international", INTERNATIONAL),
        ("payment", "payment", PAYMENT),
    ],
)
def test_a_new_licence_has_to_be_valid_today(
    cast: Cast, enterprise: Enterprise, of_type: str, group: str, good: dict[str, str]
) -> None:
    last, paper = f"{group}_valid_to", types.PAPERS[group]
    past = (TODAY - timedelta(days=1)).isoformat()
    found = applied(cast, enterprise, typed(of_type, **(good | {last: past})), paper)
    assert found == {last: [f"已于 {past} 到期，请先换证，再填新证的有效期"]} and not enterprise.types
    assert applied(cast, enterprise, typed(of_type, **(good | {last: TODAY.isoformat()}))) == {}, "through its last day"
    assert enterprise.types == [of_type]


def test_a_licence_that_ran_out_keeps_no_other_type_from_being_changed(cast: Cast, enterprise: Enterprise) -> None:
    past = TODAY - timedelta(days=1)
    assert applied(cast, enterprise, typed("bonded_logistics", **EXPRESS), "express_licence") == {}
    Qualification.objects.filter(enterprise=enterprise).update(valid_to=past)
    more = begun(enterprise) | {"types": ["bonded_logistics", "merchant"]}
    assert applied(cast, enterprise, more) == {}
    assert enterprise.types == ["merchant", "bonded_logistics"]
    assert in_force(enterprise)[Licence.EXPRESS].valid_to == past, "and files no more than before"
    other = begun(enterprise) | {"express_number": ["国邮20260001"]}
    assert "express_valid_to" in applied(cast, enterprise, other, "express_licence"), "another has to be valid"


def asked_for_service(enterprise: Enterprise, user: User) -> tuple[Application, dict[str, list[str]]]:
    """The service of the courier handed in without a paper, and what is said of it."""
    said = {"service": ["bonded_logistics-1210"], "district": ["2216"], "clearance_code": ["312246DM06"]}
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        one = applications.begin(SERVICE, by=user, enterprise=enterprise, topic="bonded_logistics-1210")
        return one, applications.submit(one, said, by=user, version=one.version)


def test_a_service_takes_the_stamped_licence_from_the_registration(
    cast: Cast, enterprise: Enterprise, client_of: Callable[[str], Client]
) -> None:
    assert applied(cast, enterprise, typed("bonded_logistics", **EXPRESS), "express_licence") == {}
    user = cast.users["stranger"]
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        draft = applications.begin(SERVICE, by=user, enterprise=enterprise, topic="bonded_logistics-1210")
        applications.save(draft, {"service": ["bonded_logistics-1210"]}, version=draft.version)
    page = client_of("stranger").get(f"/applications/{draft.pk}/").content.decode()
    assert "快递业务经营许可证 国邮20200417，有效期至 2099-12-31" in page and "没有换证的，不用再传" in page
    assert 'name="paper_express_licence"' in page, "another may be uploaded"
    assert 'name="paper_payment_licence"' not in page, "papers of other services are not asked for"
    one, said = asked_for_service(enterprise, user)
    assert said == {}
    assert [paper.slot for paper in one.papers.all()] == ["express_licence"]


def test_a_service_asks_for_the_licence_where_none_is_on_file_or_it_has_ended(
    cast: Cast, enterprise: Enterprise
) -> None:
    user = cast.users["stranger"]
    Enterprise.objects.filter(pk=enterprise.pk).update(types=["bonded_logistics"])
    enterprise.refresh_from_db()
    assert set(asked_for_service(enterprise, user)[1]) == {"express_licence"}
    assert applied(cast, enterprise, typed("bonded_logistics", **EXPRESS), "express_licence") == {}
    Qualification.objects.filter(enterprise=enterprise).update(valid_to=TODAY - timedelta(days=1))
    assert set(asked_for_service(enterprise, user)[1]) == {"express_licence"}


# --- given up -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def courier(cast: Cast, enterprise: Enterprise) -> Enterprise:
    """A merchant that is a courier too, with a service for each."""
    both = typed("merchant", "bonded_logistics", **EXPRESS)
    assert applied(cast, enterprise, both, "express_licence") == {}
    for of_type in ("merchant", "bonded_logistics"):
        Service.objects.create(
            enterprise=enterprise, enterprise_type=of_type, mode="1210", district="2216", clearance_code="312246DM06",
            clearance_name="仓",
        )  # fmt: skip
    return enterprise


def test_a_type_is_given_up_only_knowingly_and_takes_service_and_licence_along(
    cast: Cast, courier: Enterprise, client_of: Callable[[str], Client]
) -> None:
    less = begun(courier) | {"types": ["merchant"]}
    said = applied(cast, courier, less)
    assert set(said) == {"giving_up"}
    one = Application.objects.filter(enterprise=courier).latest("id")
    page = client_of("stranger").post(f"/applications/{one.pk}/", {**less, "version": one.version, "do": "submit"})
    assert 'name="giving_up"' in page.content.decode(), "asked for once it is needed"
    assert "将放弃保税物流企业" in said["giving_up"][0] and "保税物流企业 1210 2216" in said["giving_up"][0]
    assert applied(cast, courier, less | {"giving_up": ["on"]}) == {}
    assert courier.types == ["merchant"]
    running = Service.objects.filter(enterprise=courier, ended=None)
    assert [one.enterprise_type for one in running] == ["merchant"]
    assert in_force(courier) == {}, "nobody is reminded of a licence that is not needed"


def test_giving_up_nothing_needs_no_word_and_an_idle_tick_gives_up_nothing(cast: Cast, courier: Enterprise) -> None:
    assert applied(cast, courier, begun(courier) | {"giving_up": ["on"]}) == {}
    assert courier.types == ["merchant", "bonded_logistics"]
    assert Service.objects.filter(enterprise=courier, ended=None).count() == 2


def a_waybill(enterprise: Enterprise, user: User, state: str) -> Document:
    """One that was filed and stands so."""
    now = timezone.now()
    return Document.objects.create(
        enterprise=enterprise, kind="waybill", number=f"W-{state}", key=f"W-{state}", order_no="SH1", platform_code="",
        fingerprint=b"", state=state, filed_by=user, source="form", state_at=now, filed_at=now, changed_at=now,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "is_held"),
    [("waiting", True), ("queued", True), ("sent", True), ("declaring", True), ("stored", False), ("rejected", False)],
)
def test_a_type_with_documents_under_way_is_kept(cast: Cast, courier: Enterprise, state: str, is_held: bool) -> None:
    a_waybill(courier, cast.users["stranger"], state)
    less = begun(courier) | {"types": ["merchant"], "giving_up": ["on"]}
    said = applied(cast, courier, less)
    assert set(said) == ({"types"} if is_held else set())
    assert not is_held or "还有 1 票运单没有办结" in said["types"][0]


def test_what_was_filed_meanwhile_is_found_at_the_approval(cast: Cast, courier: Enterprise) -> None:
    user, staff = cast.users["stranger"], cast.users["staff"]
    less = begun(courier) | {"types": ["merchant"], "giving_up": ["on"]}
    with acting_as(enterprise_id=courier.pk, user_id=user.pk):
        one = applications.begin(TYPES, by=user, enterprise=courier)
        assert applications.submit(one, less, by=user, version=one.version) == {}
    a_waybill(courier, user, "sent")
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        with pytest.raises(NotPossible, match="还有 1 票运单"), transaction.atomic():
            applications.approve(one, staff=staff, version=one.version)
    courier.refresh_from_db()
    assert "bonded_logistics" in courier.types


def test_another_type_that_files_the_same_lets_go(cast: Cast, courier: Enterprise) -> None:
    Enterprise.objects.filter(pk=courier.pk).update(types=["bonded_logistics", "direct_logistics"])
    courier.refresh_from_db()
    a_waybill(courier, cast.users["stranger"], "sent")
    assert under_way(courier, ["direct_logistics"]) == []
    assert under_way(courier, ["merchant"]) != []


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


@pytest.mark.parametrize(
    ("held", "depot"),
    [
        (["direct_logistics"], "public"),
        (["direct_logistics", "venue"], "own"),
        (["direct_logistics", "warehouse", "venue"], ""),
        (["warehouse", "venue"], ""),
    ],
)
def test_the_depots_of_before_are_known_where_the_types_tell(
    enterprise: Enterprise, held: list[str], depot: str
) -> None:
    Enterprise.objects.filter(pk=enterprise.pk).update(types=held, depot="")
    with connection.cursor() as cursor:
        cursor.execute(import_module("accounts.migrations.0020_depot").KNOWN)
    enterprise.refresh_from_db()
    assert enterprise.depot == depot
