"""Services approved one by one, and the page that goes live on them: as the applicant and as staff, each behind their wall."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import Actor
from accounts.cast import Cast, give_evidence, give_licences, make_mandate
from accounts.credentials import CredentialProblem, agree_for_demo, credential_to_sign_with, make_credential
from accounts.models import (
    Application,
    ApplicationState,
    AuditEntry,
    Credential,
    Enterprise,
    Evidence,
    Notice,
    Service,
    SigningConsent,
    User,
)
from accounts.onboarding import applications, services_views
from accounts.onboarding.admin import remarks_on
from accounts.onboarding.applications import NotPossible
from accounts.onboarding.checklist import checklist
from accounts.onboarding.kinds import GO_LIVE, SERVICE
from accounts.onboarding.services import MODES, SERVICES, active, why_not_ready
from accounts.roles import EnterpriseState, EnterpriseType, Environment, KeyPlace
from portal.sentences import speak
from portal.tenancy import acting_as

pytestmark = pytest.mark.django_db

WAREHOUSE, DIRECT = "312246DM06", "312226DM04"


@contextmanager
def as_member(actor: Actor) -> Iterator[None]:
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        yield


@contextmanager
def as_staff(user: User) -> Iterator[None]:
    with acting_as(enterprise_id=None, user_id=user.pk, role="portal_staff"):
        yield


def typed(service: str = "merchant-1210", district: str = "2216", clearance: str = WAREHOUSE) -> dict[str, list[str]]:
    return {"service": [service], "district": [district], "clearance_code": [clearance]}


def asked_for(actor: Actor, said: dict[str, list[str]], *, papers: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Hand in an application for a service; what is wrong with it."""
    with as_member(actor):
        one = applications.begin(SERVICE, by=actor.user, enterprise=actor.enterprise, topic=said["service"][0])
        for slot in papers:
            one.papers.create(
                slot=slot, name="licence.pdf", media_type="application/pdf", size=4, sha256="0" * 64, content=b"%PDF",
                uploaded_by=actor.user,
            )  # fmt: skip
        return applications.submit(one, said, by=actor.user, version=one.version)


def latest(actor: Actor) -> Application:
    return Application.objects.filter(enterprise=actor.enterprise).latest("id")


def approved(cast: Cast, actor: Actor) -> None:
    """Staff approve what was handed in last."""
    staff = cast.users["staff"]
    with as_staff(staff):
        one = latest(actor)
        assert applications.approve(one, staff=staff, version=one.version)
    actor.enterprise.refresh_from_db()


def go_live(actor: Actor, **said: list[str]) -> dict[str, list[str]]:
    with as_member(actor):
        one = applications.begin(GO_LIVE, by=actor.user, enterprise=actor.enterprise)
        return applications.submit(one, said or {"confirmed": ["on"]}, by=actor.user, version=one.version)


# --- services -----------------------------------------------------------------------------------------------------------


def test_services_are_approved_one_by_one(cast: Cast, newcomer: Actor) -> None:
    assert asked_for(newcomer, typed()) == {}
    assert asked_for(newcomer, typed("merchant-9610", "2233", DIRECT)) == {}
    assert active(newcomer.enterprise) == []
    approved(cast, newcomer)
    (one,) = active(newcomer.enterprise)
    assert (one.enterprise_type, one.mode, one.district, one.clearance_code, one.clearance_name) == (
        "merchant", "9610", "2233", DIRECT, cast.enterprises["direct_logistics"].name,
    )  # fmt: skip
    assert one.application == latest(newcomer)
    first = Application.objects.filter(enterprise=newcomer.enterprise).earliest("id")
    assert first.state == ApplicationState.SUBMITTED


def test_another_district_is_added_and_the_same_one_replaced_while_the_old_stays_until_then(
    cast: Cast, newcomer: Actor
) -> None:
    for district, clearance in (("2216", WAREHOUSE), ("2218", WAREHOUSE), ("2216", newcomer.enterprise.customs_code)):
        before = {(one.district, one.clearance_code) for one in active(newcomer.enterprise)}
        assert asked_for(newcomer, typed(district=district, clearance=clearance)) == {}
        assert {(one.district, one.clearance_code) for one in active(newcomer.enterprise)} == before
        approved(cast, newcomer)
    now = {(one.district, one.clearance_code) for one in active(newcomer.enterprise)}
    assert now == {("2216", newcomer.enterprise.customs_code), ("2218", WAREHOUSE)}
    ended = Service.objects.get(enterprise=newcomer.enterprise, clearance_code=WAREHOUSE, district="2216")
    assert ended.ended is not None


def shown_to_staff(client_of: Callable[[str], Client], actor: Actor) -> str:
    """The page of staff about what was handed in last."""
    return (
        client_of("staff").get(reverse("admin:accounts_application_change", args=[latest(actor).pk])).content.decode()
    )


def test_staff_see_what_a_service_of_the_same_district_replaces_and_where_it_stays(
    cast: Cast, newcomer: Actor, client_of: Callable[[str], Client]
) -> None:
    own, warehouse = newcomer.enterprise, cast.enterprises["warehouse"].name
    assert asked_for(newcomer, typed()) == {}
    new = shown_to_staff(client_of, newcomer)
    assert "与现行资料相比" not in new and "核对提示" not in new, "nothing of it is in force"
    approved(cast, newcomer)
    assert asked_for(newcomer, typed(district="2218")) == {}
    added = shown_to_staff(client_of, newcomer)
    assert "与现行资料相比" not in added and "通过后取代" not in added, "nothing is replaced"
    assert f"在其他关区已开通，不受影响：2216（通关服务企业 {warehouse} {WAREHOUSE}）" in added
    approved(cast, newcomer)
    assert asked_for(newcomer, typed(clearance=own.customs_code)) == {}
    change = shown_to_staff(client_of, newcomer)
    assert "与现行资料相比改动 1 处" in change and f"现行：<del>{WAREHOUSE}</del>" in change
    assert f"通过后取代 2216 关区现在的服务，它的通关服务企业是 {warehouse} {WAREHOUSE}" in change
    assert f"不受影响：2218（通关服务企业 {warehouse} {WAREHOUSE}）" in change
    approved(cast, newcomer)
    done = shown_to_staff(client_of, newcomer)
    assert "与现行资料相比" not in done and "核对提示" not in done, "it has taken its place"


def test_staff_are_told_that_a_service_asked_for_again_changes_nothing(
    cast: Cast, newcomer: Actor, client_of: Callable[[str], Client]
) -> None:
    for _time in range(2):
        assert asked_for(newcomer, typed()) == {}
        body = shown_to_staff(client_of, newcomer)
        assert ("与 2216 关区现在的服务相同，没有变更" in body) == bool(active(newcomer.enterprise))
        assert "与现行资料相比" not in body
        if not active(newcomer.enterprise):
            approved(cast, newcomer)
    assert asked_for(newcomer, typed("merchant-9610", "2216", DIRECT)) == {}
    assert "2216 关区" not in shown_to_staff(client_of, newcomer), "another service in the same district"


def test_what_is_wrong_is_said_at_its_field(newcomer: Actor) -> None:
    wrong = typed("warehouse-1210", "22A6", "99")
    assert set(asked_for(newcomer, wrong)) == {"district", "clearance_code"}
    problems = asked_for(newcomer, typed("warehouse-1210"))
    assert "企业类型登记" in problems["service"][0]
    assert asked_for(newcomer, typed("merchant-1239"))["service"]


def test_an_application_stays_that_of_the_service_it_was_begun_for(newcomer: Actor) -> None:
    with as_member(newcomer):
        one = applications.begin(SERVICE, by=newcomer.user, enterprise=newcomer.enterprise, topic="merchant-9610")
        problems = applications.submit(one, typed("merchant-1210"), by=newcomer.user, version=one.version)
    assert "另一项服务" in problems["service"][0]


def test_it_is_begun_on_its_own_page_alone(newcomer: Actor, client_of: Callable[[str], Client]) -> None:
    client = client_of(newcomer.user.username)
    for kind in ("service", "page_go_live"):
        assert f"/applications/{kind}/new/" not in client.get("/applications/").content.decode()
        for address in (f"/applications/{kind}/", f"/applications/{kind}/new/"):
            assert client.get(address)["Location"] == "/services/"


@pytest.mark.parametrize(
    ("service", "slot"),
    [
        ("direct_logistics-9610", "international_licence"),
        ("bonded_logistics-1210", "express_licence"),
        ("payment-9610", "payment_licence"),
        ("platform-1210", ""),
        ("merchant-9610", ""),
        ("warehouse-1210", ""),
        ("venue-9610", ""),
    ],
)
def test_the_stamped_licence_is_asked_of_who_needs_one(newcomer: Actor, service: str, slot: str) -> None:
    Enterprise.objects.filter(pk=newcomer.enterprise.pk).update(types=EnterpriseType.values)
    newcomer.enterprise.refresh_from_db()
    give_licences(newcomer.enterprise)
    wanted = typed(service, clearance=WAREHOUSE if service.endswith("1210") else DIRECT)
    problems = asked_for(newcomer, wanted)
    assert set(problems) == ({slot} if slot else set())
    if slot:
        assert asked_for(newcomer, wanted, papers=(slot,)) == {}


def test_a_type_whose_licence_ran_out_gets_no_service_and_does_not_go_live(newcomer: Actor) -> None:
    Enterprise.objects.filter(pk=newcomer.enterprise.pk).update(types=["payment"])
    give_licences(Enterprise.objects.get(pk=newcomer.enterprise.pk))
    today = timezone.localdate()

    def with_licence_until(day: date, *papers: str) -> tuple[dict[str, list[str]], list[str]]:
        newcomer.enterprise.qualifications.update(valid_to=day)
        enterprise = Enterprise.objects.get(pk=newcomer.enterprise.pk)
        wanted = typed("payment-9610", clearance=DIRECT)
        problems = asked_for(replace(newcomer, enterprise=enterprise), wanted, papers=papers)
        return problems, why_not_ready(enterprise)

    problems, lacking = with_licence_until(today - timedelta(days=1), "payment_licence")
    assert "已到期" in problems["service"][0] and "企业类型登记" in problems["service"][0]
    assert any("已到期" in one for one in lacking)
    problems, lacking = with_licence_until(today)  # its last day counts
    assert problems == {} and not any("到期" in one for one in lacking)


def test_staff_see_what_going_live_rests_on(cast: Cast, newcomer: Actor) -> None:
    prepare(newcomer)
    assert asked_for(newcomer, typed()) == {}
    approved(cast, newcomer)
    assert go_live(newcomer) == {}
    one = latest(newcomer)
    told = remarks_on(one, one.submissions.get())
    assert any(line.startswith("至少开通一项服务：1210 2216") for line in told)
    (certificate,) = [line for line in told if line.startswith("证书 ")]
    used = Credential.objects.get(enterprise=newcomer.enterprise, environment="sandbox", active=True)
    assert used.serial in certificate and "发证机构" in certificate and "请核对是不是同一张" in certificate
    Evidence.objects.filter(enterprise=newcomer.enterprise, item="signing_certificate").update(number=used.serial)
    assert any("编号一致" in line for line in remarks_on(one, one.submissions.get()))


def test_a_merchant_is_led_to_the_mandate_its_service_needs_and_who_is_named_hears_of_it(
    cast: Cast, newcomer: Actor, client_of: Callable[[str], Client]
) -> None:
    warehouse = cast.enterprises["warehouse"]
    assert asked_for(newcomer, typed()) == {}
    approved(cast, newcomer)
    told = Notice.objects.get(user=cast.users["warehouse_administrator"], text__contains="通关服务企业填的是贵企业")
    assert newcomer.enterprise.name in speak(told.text)
    page = client_of("stranger").get(reverse("services")).content.decode()
    (way,) = re.findall(r'href="([^"]*mandates/new/[^"]*)"', page)
    assert "还没有有效的委托" in page
    Enterprise.objects.filter(pk=newcomer.enterprise.pk).update(state=EnterpriseState.APPROVED)
    form = client_of("stranger").get(html.unescape(way)).content.decode()
    assert f'value="{warehouse.customs_code}"' in form and 'value="2216"' in form
    assert re.search(r'name="modes" value="1210"[^>]* checked|checked[^>]* name="modes" value="1210"', form)
    make_mandate(newcomer.enterprise, warehouse, "1210")
    assert "还没有有效的委托" not in client_of("stranger").get(reverse("services")).content.decode()


def test_every_type_has_a_service_and_no_other_mode() -> None:
    assert set(MODES) == set(EnterpriseType)
    assert set(SERVICES) == {f"{of_type}-{mode}" for of_type, modes in MODES.items() for mode in modes}


@pytest.mark.parametrize(
    ("clearance", "words"),
    [("312226DM78", "没有找到"), ("312226DM04", "不是保税仓储企业"), ("312246DM08", "不是保税仓储企业")],
)
def test_a_clearance_enterprise_that_cannot_be_is_told_when_it_is_handed_in(
    cast: Cast, newcomer: Actor, clearance: str, words: str
) -> None:
    (told,) = asked_for(newcomer, typed(clearance=clearance))["clearance_code"]
    assert words in told and latest(newcomer).state == ApplicationState.DRAFT
    assert asked_for(newcomer, typed()) == {}


def stop(cast: Cast, key: str) -> None:
    Enterprise.objects.filter(pk=cast.enterprises[key].pk).update(state=EnterpriseState.SUSPENDED)


def take_its_service(cast: Cast, key: str) -> None:
    Service.objects.filter(enterprise=cast.enterprises[key], district="2216").update(ended=timezone.now())


@pytest.mark.parametrize(
    ("spoil", "words"), [(stop, "没有找到"), (take_its_service, "没有开通 2216 关区的保税进口服务")]
)
def test_who_clears_must_be_open_and_serve_there_when_handed_in_and_still_when_approved(
    cast: Cast, newcomer: Actor, spoil: Callable[[Cast, str], None], words: str
) -> None:
    assert asked_for(newcomer, typed()) == {}
    spoil(cast, "warehouse")
    with pytest.raises(NotPossible, match=words):
        approved(cast, newcomer)
    assert active(newcomer.enterprise) == [] and latest(newcomer).state == ApplicationState.SUBMITTED
    other = typed("merchant-1210", "2216")
    with as_member(newcomer):
        one = latest(newcomer)
        applications.withdraw(one, by=newcomer.user, version=one.version)
    assert words in asked_for(newcomer, other)["clearance_code"][0]


def test_an_enterprise_may_clear_for_itself_before_it_is_open(cast: Cast, newcomer: Actor) -> None:
    own = newcomer.enterprise.customs_code
    assert asked_for(newcomer, typed(clearance=own)) == {}
    approved(cast, newcomer)
    assert active(newcomer.enterprise)[0].clearance_name == newcomer.enterprise.name
    Enterprise.objects.filter(pk=newcomer.enterprise.pk).update(types=["platform"])
    newcomer.enterprise.refresh_from_db()
    (told,) = asked_for(newcomer, typed("platform-1210", clearance=own))["clearance_code"]
    assert told.startswith("本企业不是电商企业或保税仓储企业")


def test_the_narrow_look_at_who_clears_tells_no_more(cast: Cast, newcomer: Actor) -> None:
    asked = "SELECT name, types, serves FROM accounts_clearing(%s, 'warehouse', '1210', %s)"
    with as_member(newcomer), connection.cursor() as cursor:
        for district, serves in (("2216", True), ("2299", False)):
            cursor.execute(asked, [WAREHOUSE, district])
            assert cursor.fetchall() == [(cast.enterprises["warehouse"].name, ["warehouse"], serves)]
        cursor.execute(asked, [newcomer.enterprise.customs_code, "2216"])  # not open yet: nobody's partner
        assert cursor.fetchall() == []


def test_a_type_lost_meanwhile_is_found_at_the_approval(cast: Cast, newcomer: Actor) -> None:
    assert asked_for(newcomer, typed()) == {}
    Enterprise.objects.filter(pk=newcomer.enterprise.pk).update(types=[])
    with pytest.raises(NotPossible, match="还没有登记为电商企业"):
        approved(cast, newcomer)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE accounts_service SET ended = now()", "DELETE FROM accounts_service",
     "INSERT INTO accounts_service (enterprise_id, enterprise_type, mode, district, clearance_code, clearance_name)"
     " SELECT enterprise_id, enterprise_type, '9610', district, clearance_code, clearance_name FROM accounts_service"],
)  # fmt: skip
def test_an_enterprise_activates_nothing_even_by_sql(cast: Cast, statement: str) -> None:
    for role in ("portal_web", "portal_staff"):
        if role == "portal_staff" and not statement.startswith("DELETE"):
            continue
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            with acting_as(enterprise_id=cast.enterprises["warehouse"].pk, user_id=None, role=role):  # type: ignore[arg-type]
                with connection.cursor() as cursor:
                    cursor.execute(statement)


def test_it_sees_its_own_services_and_nobody_elses(cast: Cast) -> None:
    with as_member(cast.actor("merchant_filer")):
        assert {one.enterprise_id for one in Service.objects.all()} == {cast.enterprises["merchant"].pk}


# --- going live ---------------------------------------------------------------------------------------------------------


def prepare(actor: Actor) -> None:
    """Everything that is verified, registered and agreed to before going live."""
    Enterprise.objects.filter(pk=actor.enterprise.pk).update(dxp_id="DXPENT0000900099")
    actor.enterprise.refresh_from_db()
    give_evidence(actor.enterprise)
    make_credential(actor.enterprise)


def test_it_is_told_everything_it_lacks_each_with_the_cure(cast: Cast, newcomer: Actor) -> None:
    enterprise = newcomer.enterprise
    told = go_live(newcomer)["__all__"]
    for words in ("IC 卡", "类型备案", "加密证书", "申报传输 ID（进口）", "担保金", "测试环境证书", "至少一项"):
        assert sum(words in one for one in told) == 1, words
    assert len(told) == 7 and why_not_ready(enterprise) == told
    prepare(newcomer)
    assert [one for one in why_not_ready(enterprise) if "至少一项" not in one] == []
    spoiled: list[tuple[QuerySet, dict[str, object], str]] = [
        (Evidence.objects.filter(enterprise=enterprise, item="dxp_import"), {"replaced": True}, "申报传输 ID（进口）"),
        (Credential.objects.filter(enterprise=enterprise), {"environment": "production"}, "测试环境证书"),
        (Credential.objects.filter(enterprise=enterprise), {"not_after": timezone.now()}, "测试环境证书"),
        (Credential.objects.filter(enterprise=enterprise), {"active": False}, "测试环境证书"),
        (Credential.objects.filter(enterprise=enterprise), {"key_place": KeyPlace.DEVICE, "proven_at": timezone.now()},
         "自己的设备上"),
        (SigningConsent.objects.filter(enterprise=enterprise), {"revoked_at": timezone.now(), "revoked_by": newcomer.user},
         "云加签"),
        (Enterprise.objects.filter(pk=enterprise.pk), {"types": []}, "登记企业类型"),
    ]  # fmt: skip
    for rows, said, words in spoiled:
        with transaction.atomic():
            rows.update(**said)
            assert any(words in one for one in why_not_ready(Enterprise.objects.get(pk=enterprise.pk))), words
            transaction.set_rollback(True)


def test_a_key_on_a_device_signs_what_a_system_files_and_never_what_is_filed_by_page(
    cast: Cast, newcomer: Actor, settings: Any
) -> None:
    """By page the certificate is one that ``outbox`` can sign with: here, with consent, in this portal's environment."""
    enterprise = newcomer.enterprise
    prepare(newcomer)
    SigningConsent.objects.filter(enterprise=enterprise).update(revoked_at=timezone.now(), revoked_by=newcomer.user)
    own = Credential.objects.filter(enterprise=enterprise)
    own.update(key_place=KeyPlace.DEVICE, proven_at=timezone.now())
    by_page, by_system = (why_not_ready(enterprise, by_page=one) for one in (True, False))
    assert "自己的设备上" in by_page[0] and len(by_page) == 2
    assert "没有使用中的生产环境证书" in by_system[0] and len(by_system) == 2
    with pytest.raises(CredentialProblem):
        credential_to_sign_with(enterprise.pk)
    own.update(environment=Environment.PRODUCTION)
    # A system signs by itself, with a key of its own: no consent is asked for.
    assert len(why_not_ready(enterprise, by_page=False)) == 1
    assert "没有使用中的测试环境证书" in why_not_ready(enterprise)[0]
    own.update(key_place=KeyPlace.MADE)
    assert (
        len(why_not_ready(enterprise, by_page=False)) == 2 and "云加签" in why_not_ready(enterprise, by_page=False)[0]
    )
    settings.PORTAL_ENV = "production"
    assert len(why_not_ready(enterprise)) == 2 and "云加签" in why_not_ready(enterprise)[0]
    agree_for_demo(enterprise)
    assert len(why_not_ready(enterprise)) == 1
    assert credential_to_sign_with(enterprise.pk)[0] == own.get()


@pytest.mark.parametrize("of_type", list(EnterpriseType))
def test_each_type_needs_what_the_guide_names_for_it(cast: Cast, newcomer: Actor, of_type: EnterpriseType) -> None:
    Enterprise.objects.filter(pk=newcomer.enterprise.pk).update(types=[of_type])
    newcomer.enterprise.refresh_from_db()
    told = go_live(newcomer)["__all__"]
    pays_tax = of_type in {"platform", "merchant", "direct_logistics", "warehouse"}
    needs_licence = of_type in {"payment", "direct_logistics", "bonded_logistics"}
    assert any("担保金" in one for one in told) == pays_tax and len(told) == 6 + pays_tax + needs_licence
    assert any("尚未登记" in one for one in told) == needs_licence
    assert not any("出口" in one for one in told)


def test_it_goes_live_prepared_and_with_a_service_and_files_from_then_on(cast: Cast, newcomer: Actor) -> None:
    prepare(newcomer)
    assert "至少一项" in go_live(newcomer)["__all__"][0]
    assert asked_for(newcomer, typed()) == {}
    assert "至少一项" in go_live(newcomer)["__all__"][0]
    service = Application.objects.get(enterprise=newcomer.enterprise, kind="service")
    with as_staff(cast.users["staff"]):
        assert applications.approve(service, staff=cast.users["staff"], version=service.version)
    assert set(go_live(newcomer, confirmed=[])) == {"confirmed"}
    assert go_live(newcomer) == {}
    assert not newcomer.enterprise.may_file
    live = Application.objects.get(enterprise=newcomer.enterprise, kind="page_go_live")
    with as_staff(cast.users["staff"]):
        assert applications.approve(live, staff=cast.users["staff"], version=live.version)
    newcomer.enterprise.refresh_from_db()
    assert newcomer.enterprise.may_file
    told = AuditEntry.objects.filter(subject=f"page_go_live {live.pk}").order_by("id").values_list("action", flat=True)
    assert list(told) == ["application_submitted", "application_approved"]
    assert "已经上线" in go_live(newcomer)["__all__"][0]


def test_a_type_added_after_going_live_is_prepared_for_like_the_first(cast: Cast, newcomer: Actor) -> None:
    """Approved as a payment enterprise, a merchant since: neither its type filing nor a guarantee speaks of that."""
    enterprise = newcomer.enterprise
    Enterprise.objects.filter(pk=enterprise.pk).update(types=["payment"], state=EnterpriseState.APPROVED)
    prepare(newcomer)
    Enterprise.objects.filter(pk=enterprise.pk).update(types=["payment", "merchant"])
    enterprise.refresh_from_db()
    told = asked_for(newcomer, typed())["__all__"]
    assert ["类型备案" in told[0], "担保金" in told[1], len(told)] == [True, True, 2]
    with as_member(newcomer):
        shown = checklist(enterprise, today=timezone.localdate(), may_apply=True)
    assert {row.item.name: row.state for row in shown.needed if row.state != "verified"} == {
        "types": "lapsed", "guarantee": "not_started",
    }  # fmt: skip
    Evidence.objects.filter(enterprise=enterprise, item="type_filing").update(replaced=True)
    give_evidence(enterprise)
    assert asked_for(newcomer, typed()) == {}
    Evidence.objects.filter(enterprise=enterprise, item="guarantee").update(replaced=True)
    with pytest.raises(NotPossible, match="担保金"):
        approved(cast, newcomer)
    assert active(enterprise) == []


def test_a_public_site_prepares_nothing_for_the_venue_it_was_opened_as_and_all_for_what_it_becomes_beside(
    cast: Cast, newcomer: Actor
) -> None:
    """Anybody else who files already is asked; a site is, once it adds a type of its own."""
    site = newcomer.enterprise
    Enterprise.objects.filter(pk=site.pk).update(types=["venue"], state=EnterpriseState.APPROVED)
    site.refresh_from_db()
    wanted = typed("venue-9610", "2218", DIRECT)
    assert "IC 卡" in asked_for(newcomer, wanted)["__all__"][0], "no public site yet"
    opening = Application.objects.create(
        enterprise=site, applicant=cast.users["staff"], kind="public_site", topic=site.customs_code, state="submitted",
        content=b"",
    )  # fmt: skip
    assert "IC 卡" in asked_for(newcomer, wanted)["__all__"][0], "not opened yet"
    Application.objects.filter(pk=opening.pk).update(state=ApplicationState.APPROVED)
    assert not [one for one in why_not_ready(site) if "接入准备" in one]
    assert asked_for(newcomer, wanted) == {}
    with as_member(newcomer):
        one = Application.objects.get(enterprise=site, kind="service")
        applications.withdraw(one, by=newcomer.user, version=one.version)
    Enterprise.objects.filter(pk=site.pk).update(types=["venue", "merchant"])
    site.refresh_from_db()
    assert asked_for(newcomer, wanted) == {}
    assert "IC 卡" in asked_for(newcomer, typed("merchant-9610", "2233", DIRECT))["__all__"][0]


def test_a_service_that_ended_meanwhile_keeps_it_from_going_live(cast: Cast, newcomer: Actor) -> None:
    prepare(newcomer)
    assert asked_for(newcomer, typed()) == {}
    approved(cast, newcomer)
    assert go_live(newcomer) == {}
    Service.objects.filter(enterprise=newcomer.enterprise).update(ended="2026-01-01T00:00:00Z")
    with pytest.raises(NotPossible, match="至少一项"):
        approved(cast, newcomer)
    assert not Enterprise.objects.get(pk=newcomer.enterprise.pk).may_file


def test_a_suspended_enterprise_is_not_reopened_by_going_live(cast: Cast, newcomer: Actor) -> None:
    prepare(newcomer)
    assert asked_for(newcomer, typed()) == {}
    approved(cast, newcomer)
    assert go_live(newcomer) == {}
    Enterprise.objects.filter(pk=newcomer.enterprise.pk).update(state=EnterpriseState.SUSPENDED)
    with pytest.raises(NotPossible, match="企业已暂停"):
        approved(cast, newcomer)


# --- the page -----------------------------------------------------------------------------------------------------------


def test_the_page_leads_from_nothing_to_live(cast: Cast, newcomer: Actor, client_of: Callable[[str], Client]) -> None:
    client, address = client_of("stranger"), reverse("services")
    body = client.get(address).content.decode()
    assert "还没有开通的服务" in body and 'value="merchant-1210"' in body and 'value="merchant-9610"' in body
    assert "warehouse-1210" not in body and "申请页面上线</button>" not in body
    client.post(address, {"apply": "merchant-1210"})
    one = latest(newcomer)
    assert (one.kind, one.topic, one.state) == ("service", "merchant-1210", "draft")
    assert applications.typed_in(one) == {"service": ["merchant-1210"]}
    body = client.get(address).content.decode()
    assert "办理中" in body and 'value="merchant-1210"' not in body
    client.post(address, {"apply": "merchant-1210"})  # once more, in an old window
    assert latest(newcomer) == one
    assert asked_for(newcomer, typed()) == {}
    approved(cast, newcomer)
    body = client.get(address).content.decode()
    assert cast.enterprises["warehouse"].name in body and "增加或变更" in body and "申请页面上线</button>" not in body
    for lacking in ("/preparation/", "/credentials/"):
        assert f'<a href="{lacking}">去办理' in body
    prepare(newcomer)
    body = client.get(address).content.decode()
    assert "去办理" not in body and "申请页面上线</button>" in body
    client.post(address, {"apply": "page_go_live"})
    assert latest(newcomer).kind == "page_go_live"
    assert "申请页面上线</button>" not in client.get(address).content.decode()
    assert go_live(newcomer) == {}
    approved(cast, newcomer)
    assert "已上线" in client.get(address).content.decode()


def test_only_an_administrator_applies_and_only_for_what_there_is(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    address = reverse("services")
    body = client_of("merchant_viewer").get(address).content.decode()
    assert 'name="apply"' not in body and "已上线" in body
    assert client_of("merchant_viewer").post(address, {"apply": "merchant-1210"}).status_code == 403
    client = client_of("merchant_administrator")
    for wanted in ("payment-9610", "nonsense", ""):
        assert client.post(address, {"apply": wanted}).status_code == 404
    assert not Application.objects.exists()
    assert client.post(address, {"apply": "merchant-9610"}).status_code == 302


def test_it_links_to_the_application_where_there_is_a_page_for_it(cast: Cast, newcomer: Actor) -> None:
    with as_member(newcomer):
        one = applications.begin(SERVICE, by=newcomer.user, enterprise=newcomer.enterprise)
    assert services_views.page_of(one) in ("", f"/applications/{one.pk}/")


def test_who_is_suspended_reads_why(cast: Cast, client_of: Callable[[str], Client]) -> None:
    Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk).update(
        state=EnterpriseState.SUSPENDED, state_reason="核查虚假交易"
    )
    body = client_of("merchant_viewer").get(reverse("services")).content.decode()
    assert "原因：核查虚假交易" in body and "已暂停" in body
