"""Other numbers for an enterprise: proposed by one of the staff with the paper, decided by another, and what follows them."""

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import enrolment
from accounts.cast import Cast
from accounts.models import (
    Application,
    ApplicationState,
    AuditEntry,
    Credential,
    Enterprise,
    Evidence,
    KeyRequest,
    Membership,
    Notice,
    Paper,
    Profile,
    Service,
    Submission,
    User,
)
from accounts.onboarding import applications
from accounts.onboarding.applications import NotPossible, Stale
from accounts.onboarding.certificate_change import change_certificate
from accounts.onboarding.comparing import versions_of
from accounts.onboarding.kinds import CERTIFICATE_CHANGE, ENTERPRISE_NUMBERS, GUARANTEE, SERVICE
from accounts.onboarding.numbers import change_numbers, why_not_these
from accounts.onboarding.same_numbers import taken
from accounts.onboarding.typed import packed, typed_in
from accounts.roles import EnterpriseState, MemberRole
from declarations.models import Document
from ledger.models import Hold
from portal.personal import pack
from portal.sentences import speak
from portal.tenancy import acting_as
from tests.accounts.papers import PDF, sent
from tests.accounts.test_applications import GOOD, as_staff, handed_in
from tests.accounts.test_types import a_waybill
from tests.pages import trade
from tests.wall import refused

pytestmark = pytest.mark.django_db

Clients = Callable[[str], Client]
WAS = {"credit_code": "91310115000091862F", "customs_code": "312246DM06"}
NOW = {"credit_code": "91310115000093070B", "customs_code": "312246DM76"}
FREE = {"credit_code": "91310115000093070B", "customs_code": "312246DM72"}
TYPED = NOW | {"registration_customs": "", "reason": "迁址后换发执照、重新备案"}
LICENCE, PROOF = "paper_business_licence", "paper_customs_certificate"


@pytest.fixture
def warehouse(cast: Cast) -> Enterprise:
    return cast.enterprises["warehouse"]


def office_of(enterprise: Enterprise) -> str:
    return Profile.objects.get(enterprise=enterprise).registration_customs


def desk(enterprise: Enterprise) -> str:
    return reverse("admin:accounts_enterprise_numbers", args=[enterprise.pk])


def proposed(
    client: Client, enterprise: Enterprise, *, papers: tuple[str, ...] = (LICENCE, PROOF), **typed: str
) -> str:
    """What the page answers to a proposal."""
    files = {name: sent(PDF) for name in papers}
    said = {**TYPED, "registration_customs": office_of(enterprise), **typed, **files}
    answer = client.post(desk(enterprise), said, follow=True)
    assert answer.status_code == 200, answer.status_code
    return html.unescape(answer.content.decode())


def the_one(enterprise: Enterprise) -> Application:
    return Application.objects.filter(enterprise=enterprise, kind="enterprise_numbers").latest("pk")


def decided(client: Client, one: Application, do: str = "approve", **said: str) -> str:
    page = reverse("admin:accounts_application_change", args=[one.pk])
    answer = client.post(page, {"do": do, "version": str(one.version), **said}, follow=True)
    return html.unescape(answer.content.decode())


def codes_of(enterprise: Enterprise) -> dict[str, str]:
    enterprise.refresh_from_db()
    return {name: getattr(enterprise, name) for name in NOW}


def told(user: User) -> list[str]:
    return [speak(one.text) for one in Notice.objects.filter(user=user).order_by("pk")]


def administrator_of(enterprise: Enterprise) -> User:
    """An administrator to be told."""
    user = User.objects.create(username=f"head_{enterprise.pk}", email=f"head{enterprise.pk}@example.org")
    Membership.objects.create(user=user, enterprise=enterprise, roles=[MemberRole.ADMINISTRATOR])
    return user


# --- the way of it --------------------------------------------------------------------------------------------------------


def test_one_proposes_with_the_papers_another_approves_and_the_numbers_change(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    staff, reviewer, head = client_of("staff"), client_of("reviewer"), cast.users["warehouse_administrator"]
    page = reverse("admin:accounts_enterprise_change", args=[warehouse.pk])
    assert desk(warehouse) in staff.get(page).content.decode()
    form = html.unescape(staff.get(desk(warehouse)).content.decode())
    assert all(number in form for number in WAS.values()) and 'name="name"' not in form
    assert "等另一位同事在“申请”中审核" in proposed(staff, warehouse)
    assert codes_of(warehouse) == WAS
    one = the_one(warehouse)
    assert (one.state, one.topic, one.title) == (ApplicationState.SUBMITTED, str(warehouse.pk), warehouse.name)
    assert sorted(paper.slot for paper in one.papers.all()) == ["business_licence", "customs_certificate"]
    assert any("提出了企业代码变更申请，等另一位工作人员审核" in text for text in told(head))
    review = html.unescape(reviewer.get(reverse("admin:accounts_application_change", args=[one.pk])).content.decode())
    for number in (*WAS.values(), *NOW.values()):
        assert number in review
    assert "与现行资料相比改动 2 处" in review and "项由它通关的其他企业的服务随之改用新编码" in review
    assert "已通过" in decided(reviewer, one)
    assert codes_of(warehouse) == NOW
    held = Profile.objects.get(enterprise=warehouse)
    assert held.business_licence == one.papers.get(slot="business_licence") and held.application == one
    assert any(WAS["customs_code"] in text and NOW["customs_code"] in text for text in told(head))
    deeds = AuditEntry.objects.filter(subject=f"enterprise_numbers {one.pk}").order_by("pk")
    assert [(deed.action, deed.user.username, deed.enterprise) for deed in deeds] == [
        ("application_submitted", "staff", warehouse), ("application_approved", "reviewer", warehouse),
    ]  # fmt: skip
    entry = AuditEntry.objects.get(action="numbers_changed")
    assert (entry.user.username, entry.details["was"], entry.details["now"]) == (
        "reviewer", list(WAS.values()), list(NOW.values()),
    )  # fmt: skip
    assert [version.number for version in Submission.objects.filter(application=one)] == [1]


@pytest.mark.parametrize(
    ("kept", "paper"), [("credit_code", PROOF), ("customs_code", LICENCE)], ids=["customs alone", "credit alone"]
)
def test_each_number_needs_its_own_paper_and_no_other(
    cast: Cast, client_of: Clients, warehouse: Enterprise, kept: str, paper: str
) -> None:
    staff, other = client_of("staff"), LICENCE if paper == PROOF else PROOF
    for papers in ((), (other,)):
        said = proposed(staff, warehouse, papers=papers, **{kept: WAS[kept]})
        assert "请上传写有新代码的材料" in said and ("请改正后重新选择材料" in said) == bool(papers)
    assert not Application.objects.filter(kind="enterprise_numbers").exists() and not Paper.objects.exists()
    proposed(staff, warehouse, papers=(paper,), **{kept: WAS[kept]})
    decided(client_of("reviewer"), the_one(warehouse))
    assert codes_of(warehouse) == NOW | {kept: WAS[kept]}


def test_what_is_no_paper_is_refused_with_nothing_kept(client_of: Clients, warehouse: Enterprise) -> None:
    staff = client_of("staff")
    typed = TYPED | {"registration_customs": office_of(warehouse)}
    files = {LICENCE: sent(b"plain words"), PROOF: sent(PDF)}
    said = html.unescape(staff.post(desk(warehouse), typed | files).content.decode())
    assert "文件内容不是 PDF、PNG 或 JPG" in said and NOW["credit_code"] in said, "what was typed is kept"
    assert not Application.objects.exists() and not Paper.objects.exists()


def test_a_paper_of_some_megabytes_comes_through_and_one_too_large_is_told(
    client_of: Clients, warehouse: Enterprise
) -> None:
    staff, typed = client_of("staff"), TYPED | {"registration_customs": office_of(warehouse)}
    head, rest = PDF.split(b"\n", 1)

    def of_megabytes(many: int) -> Any:
        return sent(head + b"\n%" + b"x" * (many << 20) + b"\n" + rest)

    said = html.unescape(
        staff.post(desk(warehouse), typed | {LICENCE: of_megabytes(11), PROOF: sent(PDF)}).content.decode()
    )
    assert "超过 10 MB" in said and not Application.objects.exists()
    assert staff.post(desk(warehouse), typed | {LICENCE: of_megabytes(3), PROOF: sent(PDF)}).status_code == 302
    assert the_one(warehouse).papers.get(slot="business_licence").size > 3 << 20


def test_what_is_refused_is_told_to_who_proposed_and_to_the_enterprise_and_may_come_again(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    staff = client_of("staff")
    proposed(staff, warehouse)
    assert "已经提出过一份" in html.unescape(staff.get(desk(warehouse)).content.decode())
    assert "已经提出过一份" in proposed(staff, warehouse) and Application.objects.count() == 1
    decided(client_of("reviewer"), the_one(warehouse), "refuse", reason="执照没有盖章")
    assert codes_of(warehouse) == WAS
    assert any("没有通过，一切照旧" in text for text in told(cast.users["warehouse_administrator"]))
    assert any("不予通过" in text for text in told(cast.users["staff"]))
    assert "已提交" in proposed(staff, warehouse)


# --- by whom ----------------------------------------------------------------------------------------------------------------


def test_one_of_the_staff_is_not_two_and_no_member_proposes_or_decides(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    staff, reviewer = client_of("staff"), client_of("reviewer")
    mine = Membership.objects.create(user=cast.users["staff"], enterprise=warehouse, roles=[MemberRole.VIEWER])
    assert "不能为自己的企业提出这一申请" in proposed(staff, warehouse)
    assert not Application.objects.exists()
    Membership.objects.filter(pk=mine.pk).update(active=False)
    proposed(staff, warehouse)
    one = the_one(warehouse)
    assert "不能审核自己" in decided(staff, one)
    theirs = Membership.objects.create(user=cast.users["reviewer"], enterprise=warehouse, roles=[MemberRole.VIEWER])
    assert "自己企业提交的申请" in decided(reviewer, one)
    assert codes_of(warehouse) == WAS
    Membership.objects.filter(pk=theirs.pk).update(active=False)
    decided(reviewer, one)
    assert codes_of(warehouse) == NOW


def test_nobody_else_proposes(cast: Cast, client_of: Clients, warehouse: Enterprise) -> None:
    for username in ("stranger", "warehouse_administrator"):
        client = client_of(username)
        assert client.get(desk(warehouse)).status_code == 404
        assert client.post(desk(warehouse), TYPED).status_code == 404
        for address in ("/applications/enterprise_numbers/new/", "/applications/enterprise_numbers/"):
            assert client.get(address).status_code == 404
        assert "企业代码变更" not in client.get("/applications/").content.decode()
        with pytest.raises(PermissionDenied):
            typed = {name: [text] for name, text in TYPED.items()}
            applications.lodge(ENTERPRISE_NUMBERS, typed, by=cast.users[username], topic="1", enterprise=warehouse)
    assert client_of("staff").get(desk(warehouse).replace(str(warehouse.pk), "999999")).status_code == 302
    for answer in (client_of("auditor").get(desk(warehouse)), client_of("auditor").post(desk(warehouse), TYPED)):
        assert answer.status_code == 403
    assert Client().get(desk(warehouse)).status_code == 302
    User.objects.filter(username="staff").update(is_superuser=False)
    User.objects.get(username="staff").user_permissions.set([Permission.objects.get(codename="view_enterprise")])
    page = client_of("staff").get(reverse("admin:accounts_enterprise_change", args=[warehouse.pk]))
    assert page.status_code == 200 and desk(warehouse) not in page.content.decode()
    assert client_of("staff").get(desk(warehouse)).status_code == 403
    assert client_of("staff").post(desk(warehouse), TYPED).status_code == 403
    assert not Application.objects.exists()


def test_of_a_suspended_enterprise_staff_propose_as_of_any_other(client_of: Clients, warehouse: Enterprise) -> None:
    Enterprise.objects.filter(pk=warehouse.pk).update(state=EnterpriseState.SUSPENDED)
    proposed(client_of("staff"), warehouse)
    decided(client_of("reviewer"), the_one(warehouse))
    assert codes_of(warehouse) == NOW and warehouse.state == EnterpriseState.SUSPENDED


# --- what the enterprise sees -------------------------------------------------------------------------------------------------


def test_the_enterprise_reads_the_proposal_and_touches_nothing_of_it(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    head = client_of("warehouse_administrator")
    own = html.unescape(head.get("/enterprise/profile/").content.decode())
    assert "换发的营业执照" in own and "新的海关备案证明" in own and "不能在线变更" not in own
    proposed(client_of("staff"), warehouse)
    one = the_one(warehouse)
    there = reverse("application", args=[one.pk])
    own = html.unescape(head.get("/enterprise/profile/").content.decode())
    assert there in own and "企业代码变更：待审核" in own
    assert there not in client_of("warehouse_filer").get("/enterprise/profile/").content.decode()
    said = head.get(there).content.decode()
    assert NOW["customs_code"] in said and 'value="withdraw"' not in said
    for do in ("withdraw", "submit", "save"):
        assert head.post(there, {"do": do, "version": str(one.version)} | TYPED).status_code == 404
    assert client_of("merchant_administrator").get(there).status_code == 404
    one.refresh_from_db()
    assert one.state == ApplicationState.SUBMITTED
    decided(client_of("reviewer"), one)
    assert "新代码已生效" in head.get(there).content.decode()
    assert head.get(reverse("paper", args=[one.pk, one.papers.first().pk])).status_code == 200


# --- what is checked ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (WAS, "没有要变更的"),
        ({"credit_code": "91310115000093070A"}, "统一社会信用代码“91310115000093070A”不对"),
        ({"customs_code": "310046DM76"}, "3100 不是海关的注册地区"),
        ({"customs_code": "31224"}, "海关十位编码“31224”不对"),
        ({"customs_code": "330146DM76"}, "以 33（浙江省）开头，与注册地海关不符"),
        ({"registration_customs": "elsewhere"}, "以 31（上海市）开头，与注册地海关不符"),
        ({"reason": ""}, "必填"),
        ({"credit_code": "913101150000903844"}, "企业“上海栗光屿国际贸易有限公司”已用这个号码开户"),
        ({"customs_code": "312246DM02"}, "企业“上海栗光屿国际贸易有限公司”已用这个号码开户"),
    ],
)
def test_wrong_taken_and_unchanged_numbers_are_refused(
    client_of: Clients, warehouse: Enterprise, typed: dict[str, str], words: str
) -> None:
    said = proposed(client_of("staff"), warehouse, **typed)
    assert words in said or (words == "必填" and "errorlist" in said)
    assert not Application.objects.exists()


def test_an_enterprise_that_moved_gets_its_office_and_district_with_its_code(
    client_of: Clients, warehouse: Enterprise
) -> None:
    moved = {"customs_code": "330146DM76", "registration_customs": "elsewhere"}
    proposed(client_of("staff"), warehouse, **moved)
    decided(client_of("reviewer"), the_one(warehouse))
    assert codes_of(warehouse)["customs_code"] == "330146DM76" and office_of(warehouse) == "elsewhere"
    assert warehouse.customs_district == "2218", "whose four digits are not known"
    back = WAS | {"registration_customs": "1"}
    proposed(client_of("staff"), warehouse, **back)
    decided(client_of("reviewer"), the_one(warehouse))
    assert codes_of(warehouse) == WAS and office_of(warehouse) == "1" and warehouse.customs_district == "2233"


def test_a_number_somebody_applies_for_waits_until_that_is_decided(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    asked = handed_in(cast.users["stranger"], GOOD | {"customs_code": [NOW["customs_code"]]})
    staff = client_of("staff")
    assert f"“{asked.title}”也填了这个号码，请先办结" in proposed(staff, warehouse)
    with as_staff(cast.users["reviewer"]):
        applications.send_back(
            asked, staff=cast.users["reviewer"], version=asked.version, remarks={}, reason="编码不是你的"
        )
    assert "已提交" in proposed(staff, warehouse), "what waits for a stranger holds nobody up"
    one = the_one(warehouse)
    review = client_of("reviewer").get(reverse("admin:accounts_application_change", args=[one.pk]))
    assert "与另一份未办结的申请相同" in review.content.decode()


def test_a_number_taken_meanwhile_is_refused_at_the_approval(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    proposed(client_of("staff"), warehouse)
    Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk).update(customs_code=NOW["customs_code"])
    assert "已用这个号码开户" in decided(client_of("reviewer"), the_one(warehouse))
    assert codes_of(warehouse) == WAS


@pytest.mark.parametrize(("state", "is_held"), [("sent", True), ("stored", False), ("rejected", False)])
def test_documents_under_way_keep_the_numbers_at_lodging_and_at_approval(
    cast: Cast, client_of: Clients, state: str, is_held: bool
) -> None:
    courier, staff = cast.enterprises["bonded_logistics"], client_of("staff")
    user, typed = cast.users["bonded_logistics_filer"], {"customs_code": "312246DM75"}
    filed = a_waybill(courier, user, state)
    said = proposed(staff, courier, **typed)
    assert ("还有 1 票运单用现在的代码申报、没有办结" in said) == is_held
    assert Application.objects.exists() != is_held
    filed.delete()
    if is_held:
        proposed(staff, courier, **typed)
    filed = a_waybill(courier, user, state)
    said = decided(client_of("reviewer"), the_one(courier))
    assert ("还有 1 票运单" in said) == is_held
    assert (codes_of(courier)["customs_code"] == "312246DM75") != is_held


def test_lists_that_hold_something_of_its_guarantee_keep_the_numbers(client_of: Clients, warehouse: Enterprise) -> None:
    held = Hold.objects.create(
        enterprise=warehouse, guarantor_code=warehouse.customs_code, document_id=1, wanted="10.00"
    )
    assert "还有 1 票清单占用这家企业的担保额度" in proposed(client_of("staff"), warehouse)
    Hold.objects.filter(pk=held.pk).update(wanted=0)
    assert "已提交" in proposed(client_of("staff"), warehouse)


def test_what_is_filed_between_the_gate_and_the_change_is_counted_again(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    proposed(client_of("staff"), warehouse)
    one, reviewer, cleaned = the_one(warehouse), cast.users["reviewer"], NOW | {"registration_customs": ""}
    assert why_not_these(one, cleaned) == {}
    filed = trade.whole(cast)["inventory"]
    with as_staff(reviewer), pytest.raises(ValidationError, match="还有 1 票清单用现在的代码"):
        change_numbers(one, cleaned, reviewer)
    assert codes_of(warehouse) == WAS
    Document.objects.filter(pk=filed.pk).update(state="released")
    decided(client_of("reviewer"), one)
    assert codes_of(warehouse) == NOW


@pytest.mark.parametrize(("state", "is_held"), [("declaring", True), ("stored", True), ("released", False)])
def test_lists_of_others_that_name_it_keep_the_numbers_they_name(
    cast: Cast, client_of: Clients, state: str, is_held: bool
) -> None:
    merchant, staff = cast.enterprises["merchant"], client_of("staff")
    documents = trade.whole(cast)
    Document.objects.filter(enterprise=merchant).update(state="stored")
    Document.objects.filter(pk=documents["inventory"].pk).update(state=state)
    named = documents["inventory"].inventory.ebc_code
    [changing] = [name for name in NOW if getattr(merchant, name) == named]
    other = next(name for name in NOW if name != changing)
    typed = {changing: FREE[changing], other: getattr(merchant, other)}
    said = proposed(staff, merchant, **typed)
    assert ("其他企业还有 1 票清单写着要变更的代码" in said) == is_held
    assert Application.objects.filter(kind="enterprise_numbers").exists() != is_held
    if is_held:
        said = proposed(staff, merchant, **{changing: named, other: FREE[other]})
        assert "已提交" in said, "they name it by the other"


def test_what_waits_for_a_list_is_told_before_and_after(cast: Cast, client_of: Clients) -> None:
    merchant, staff, head = cast.enterprises["merchant"], client_of("staff"), cast.users["merchant_administrator"]
    documents = [trade.file(cast, "order", n) for n in (1, 2)]
    Document.objects.filter(pk__in=[one.pk for one in documents]).update(state="stored")
    words = "2 票写着现在代码的订单还没有放行的清单"
    assert words in html.unescape(staff.get(desk(merchant)).content.decode())
    typed = {name: FREE[name] for name in NOW}
    assert "已提交" in proposed(staff, merchant, **typed)
    assert sum("2 票单证写着本企业现在的代码" in text for text in told(head)) == 1
    page = reverse("admin:accounts_application_change", args=[the_one(merchant).pk])
    assert words in html.unescape(client_of("reviewer").get(page).content.decode())
    decided(client_of("reviewer"), the_one(merchant))
    assert codes_of(merchant) == FREE
    assert sum("2 票单证写着本企业原来的代码" in text for text in told(head)) == 1


def test_what_has_its_list_or_was_refused_waits_for_none(cast: Cast, client_of: Clients) -> None:
    merchant = cast.enterprises["merchant"]
    for document in trade.whole(cast).values():
        Document.objects.filter(pk=document.pk).update(state="released" if document.kind == "inventory" else "stored")
    refused_one = trade.file(cast, "order", 2)
    Document.objects.filter(pk=refused_one.pk).update(state="rejected")
    assert "还没有放行的清单" not in html.unescape(client_of("staff").get(desk(merchant)).content.decode())
    assert "已提交" in proposed(client_of("staff"), merchant, **FREE)
    decided(client_of("reviewer"), the_one(merchant))
    assert codes_of(merchant) == FREE
    assert not any("清单对不上" in text for text in told(cast.users["merchant_administrator"]))


def test_the_pages_do_not_count_the_documents_of_others(cast: Cast, warehouse: Enterprise) -> None:
    user = cast.users["warehouse_administrator"]
    lists, waiting = (
        "SELECT declarations_lists_naming(1, '{}', '{}')",
        "SELECT declarations_unfollowed('{}', '{}', '{}')",
    )
    with acting_as(enterprise_id=warehouse.pk, user_id=user.pk):
        assert refused(lists) and refused(waiting)
    with as_staff(cast.users["staff"]):
        assert not refused(lists) and not refused(waiting)


def test_a_code_in_small_letters_is_no_change(cast: Cast, client_of: Clients, warehouse: Enterprise) -> None:
    """What is typed otherwise and read the same is not marked for who reviews it."""
    proposed(client_of("staff"), warehouse, credit_code=WAS["credit_code"])
    one = the_one(warehouse)
    handed = one.submissions.get()

    def marked(**typed: list[str]) -> set[str]:
        handed.content = packed(typed_in(handed) | typed)
        handed.save(update_fields=["content"])
        return {line.name for line in versions_of(one)[0].lines if line.is_changed}

    assert marked(credit_code=[f" {WAS['credit_code'].lower()} "]) == {"customs_code"}
    assert marked(credit_code=[NOW["credit_code"].lower()]) == {"credit_code", "customs_code"}


# --- who else keeps them ------------------------------------------------------------------------------------------------------


def changed(client_of: Clients, enterprise: Enterprise, **typed: str) -> None:
    proposed(client_of("staff"), enterprise, **typed)
    decided(client_of("reviewer"), the_one(enterprise))


def test_services_it_clears_follow_and_those_that_ended_stay(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    merchant, platform = cast.enterprises["merchant"], administrator_of(cast.enterprises["platform"])
    gone = Service.objects.filter(enterprise=merchant, clearance_code=WAS["customs_code"]).first()
    assert gone is not None
    Service.objects.filter(pk=gone.pk).update(ended=timezone.now())
    others = Service.objects.exclude(clearance_code=WAS["customs_code"]).count()
    changed(client_of, warehouse)
    running = Service.objects.filter(ended=None)
    assert not running.filter(clearance_code=WAS["customs_code"]).exists()
    assert running.filter(enterprise=merchant, clearance_code=NOW["customs_code"]).count() == 2
    assert running.filter(enterprise=warehouse, clearance_code=NOW["customs_code"]).exists(), "its own, too"
    gone.refresh_from_db()
    assert gone.clearance_code == WAS["customs_code"]
    assert Service.objects.exclude(clearance_code__in=[WAS["customs_code"], NOW["customs_code"]]).count() == others
    for user in (cast.users["merchant_administrator"], platform):
        assert any("本企业的服务已随之更新" in text and NOW["customs_code"] in text for text in told(user))
    assert not any("服务已随之更新" in text for text in told(cast.users["merchant_filer"]))
    assert AuditEntry.objects.filter(action="numbers_followed", enterprise=merchant).count() == 2


def test_another_credit_code_alone_moves_no_service(cast: Cast, client_of: Clients, warehouse: Enterprise) -> None:
    before = list(Service.objects.order_by("pk").values_list("clearance_code", flat=True))
    changed(client_of, warehouse, customs_code=WAS["customs_code"])
    assert codes_of(warehouse) == NOW | {"customs_code": WAS["customs_code"]}
    assert list(Service.objects.order_by("pk").values_list("clearance_code", flat=True)) == before
    assert not any("随之更新" in text for text in told(cast.users["merchant_administrator"]))


def test_whom_it_guarantees_and_deals_with_hear_of_it(cast: Cast, client_of: Clients, warehouse: Enterprise) -> None:
    merchant, neighbour = cast.enterprises["merchant"], cast.enterprises["neighbour"]
    head = administrator_of(neighbour)
    for enterprise, replaced in ((neighbour, False), (merchant, True)):
        Evidence.objects.filter(enterprise=enterprise, item="guarantee").update(replaced=True)
        Evidence.objects.create(
            enterprise=enterprise, item="guarantee", variety="agent", number=WAS["customs_code"], replaced=replaced
        )
    changed(client_of, warehouse)
    guarantees = Evidence.objects.filter(item="guarantee", variety="agent")
    assert {one.enterprise: one.number for one in guarantees} == {
        neighbour: NOW["customs_code"], merchant: WAS["customs_code"],
    }  # fmt: skip
    assert any("担保凭证已随之更新" in text for text in told(head))
    assert not any("担保凭证" in text for text in told(cast.users["merchant_administrator"]))
    assert any("委托照旧有效" in text for text in told(cast.users["merchant_administrator"]))


@pytest.mark.parametrize(
    ("kind", "topic", "typed"),
    [
        (SERVICE, "merchant-1210", {"clearance_code": ["312246DM06"]}),
        (SERVICE, "merchant-1210", {"clearance_code": [" 312246dm 06"]}),
        (GUARANTEE, "", {"agent_code": ["312246DM06"]}),
    ],
)
def test_who_named_it_in_an_open_application_is_told_to_change_it(
    cast: Cast, client_of: Clients, warehouse: Enterprise, kind: Any, topic: str, typed: dict[str, list[str]]
) -> None:
    merchant, user = cast.enterprises["merchant"], cast.users["merchant_administrator"]
    with acting_as(enterprise_id=merchant.pk, user_id=user.pk):
        one = applications.begin(kind, by=user, enterprise=merchant, topic=topic)
        applications.save(one, typed, version=one.version)
    proposed(client_of("staff"), warehouse)
    page = reverse("admin:accounts_application_change", args=[the_one(warehouse).pk])
    assert "1 份没有办结的申请填了原编码" in client_of("reviewer").get(page).content.decode()
    decided(client_of("reviewer"), the_one(warehouse))
    notice = Notice.objects.get(user=user, address=reverse("application", args=[one.pk]))
    assert "没有办结的申请填了原代码，请改填" in speak(notice.text)


def test_certificates_of_the_old_numbers_end_and_requests_for_one_are_void(
    cast_with_keys: Cast, client_of: Clients
) -> None:
    cast = cast_with_keys
    warehouse, other = cast.enterprises["warehouse"], cast.enterprises["merchant"]
    in_use = Credential.objects.filter(enterprise=warehouse, active=True)
    serials = list(in_use.values_list("serial", flat=True))
    assert serials
    asked = KeyRequest.objects.create(
        enterprise=warehouse, environment="production", asked_by=cast.users["warehouse_administrator"]
    )
    proposed(client_of("staff"), warehouse)
    page = reverse("admin:accounts_application_change", args=[the_one(warehouse).pk])
    review = client_of("reviewer").get(page).content.decode()
    assert all(serial in review for serial in serials) and "证书请求写着原编码" in review
    decided(client_of("reviewer"), the_one(warehouse))
    assert codes_of(warehouse) == NOW and not in_use.exists()
    assert Credential.objects.filter(enterprise=other, active=True).exists()
    asked.refresh_from_db()
    assert asked.closed
    said = [text for text in told(cast.users["warehouse_administrator"]) if "证书已停用" in text]
    assert len(said) == 1 and serials[0] in said[0]
    assert AuditEntry.objects.filter(action="credential_stopped", subject=serials[0], enterprise=warehouse).exists()


def test_no_certificate_of_the_old_numbers_is_put_to_use_again(cast_with_keys: Cast, client_of: Clients) -> None:
    cast = cast_with_keys
    actor = cast.actor("warehouse_administrator")
    mine = Credential.objects.filter(enterprise=actor.enterprise)
    mine.update(active=False)
    one = mine.first()
    assert one is not None
    enrolment.put_to_use(actor, one)
    changed(client_of, actor.enterprise)
    for environment in ("sandbox", "production"):
        mine.filter(pk=one.pk).update(environment=environment)
        with pytest.raises(enrolment.NotPossible, match="不是本企业现在的代码"):
            enrolment.put_to_use(cast.actor("warehouse_administrator"), mine.get(pk=one.pk))
    assert not mine.filter(active=True).exists()
    asked = {"serial": [one.serial], "reason": ["再用"]}
    user = actor.user
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=user.pk):
        wish = applications.begin(
            CERTIFICATE_CHANGE, by=user, enterprise=Enterprise.objects.get(pk=actor.enterprise.pk)
        )
        refused_for = applications.submit(wish, asked, by=user, version=wish.version)
    assert "不是本企业现在的代码" in refused_for["__all__"][0]


def test_a_certificate_looked_at_before_the_change_is_judged_by_the_codes_after(
    cast_with_keys: Cast, client_of: Clients
) -> None:
    cast = cast_with_keys
    actor = cast.actor("warehouse_administrator")
    mine = Credential.objects.filter(enterprise=actor.enterprise)
    one = mine.select_related("enterprise").first()
    assert one is not None
    mine.update(active=False)
    changed(client_of, warehouse := Enterprise.objects.get(pk=actor.enterprise.pk))
    assert one.enterprise.customs_code == WAS["customs_code"] != codes_of(warehouse)["customs_code"]
    with pytest.raises(enrolment.NotPossible, match="不是本企业现在的代码"):
        enrolment.put_to_use(actor, one)
    assert not mine.filter(active=True).exists()


def test_an_approved_change_of_certificate_asks_for_the_codes_again(cast_with_keys: Cast, client_of: Clients) -> None:
    cast = cast_with_keys
    enterprise, reviewer = cast.enterprises["warehouse"], cast.users["reviewer"]
    changed(client_of, enterprise)
    Credential.objects.filter(enterprise=enterprise).update(environment="production")
    one = Credential.objects.filter(enterprise=enterprise).earliest("pk")
    wish = Application(enterprise=enterprise, kind="certificate_change")
    with as_staff(reviewer), pytest.raises(ValidationError, match="不是本企业现在的代码"):
        change_certificate(wish, {"serial": one.serial}, reviewer)


def test_a_certificate_that_names_the_credit_code_stays_while_that_does(
    cast_with_keys: Cast, client_of: Clients
) -> None:
    """The cast's name the customs code: with the credit code alone nothing of them is wrong."""
    warehouse = cast_with_keys.enterprises["warehouse"]
    before = Credential.objects.filter(enterprise=warehouse, active=True).count()
    changed(client_of, warehouse, customs_code=WAS["customs_code"])
    assert codes_of(warehouse)["credit_code"] == NOW["credit_code"]
    assert Credential.objects.filter(enterprise=warehouse, active=True).count() == before


# --- the wall -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["credit_code", "customs_code", "id", "created"])
def test_staff_write_no_number_of_an_enterprise_by_sql(cast: Cast, warehouse: Enterprise, column: str) -> None:
    with as_staff(cast.users["staff"]):
        assert refused(f"UPDATE accounts_enterprise SET {column} = {column} WHERE id = %s", warehouse.pk)
        assert not refused("UPDATE accounts_enterprise SET state = state WHERE id = %s", warehouse.pk)


def asked_by_sql(user: User, one: Application, certificates: list[int]) -> bool:
    """What the function answers this one of the staff."""
    with as_staff(user), connection.cursor() as cursor:
        cursor.execute("SELECT accounts_change_numbers(%s, %s)", [one.pk, certificates])
        answer: bool = cursor.fetchone()[0]
        return answer


def test_the_function_changes_what_another_has_just_approved_and_nothing_else(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    staff, reviewer = cast.users["staff"], cast.users["reviewer"]
    proposed(client_of("staff"), warehouse)
    one = the_one(warehouse)
    assert not asked_by_sql(reviewer, one, []), "nobody has approved it"
    decided(client_of("reviewer"), one)
    Enterprise.objects.filter(pk=warehouse.pk).update(**WAS)
    assert not asked_by_sql(staff, one, []), "it was another who approved it"
    assert codes_of(warehouse) == WAS
    assert asked_by_sql(reviewer, one, []) and codes_of(warehouse) == NOW
    Enterprise.objects.filter(pk=warehouse.pk).update(**WAS)
    Submission.objects.filter(application=one).update(submitted_by=reviewer)
    assert not asked_by_sql(reviewer, one, []), "of one person there are not two"
    Submission.objects.filter(application=one).update(submitted_by=staff)
    Application.objects.filter(pk=one.pk).update(state_at=timezone.now() - timezone.timedelta(hours=1))
    assert not asked_by_sql(reviewer, one, []), "that was long ago"
    Application.objects.filter(pk=one.pk).update(state_at=timezone.now(), kind="enterprise_change")
    assert not asked_by_sql(reviewer, one, []), "that was something else"
    assert codes_of(warehouse) == WAS


def test_the_function_ends_no_certificate_of_anybody_else(cast_with_keys: Cast, client_of: Clients) -> None:
    cast = cast_with_keys
    changed(client_of, cast.enterprises["warehouse"])
    theirs = Credential.objects.filter(enterprise=cast.enterprises["merchant"], active=True)
    ids = list(theirs.values_list("pk", flat=True))
    assert asked_by_sql(cast.users["reviewer"], the_one(cast.enterprises["warehouse"]), ids)
    assert theirs.count() == len(ids) > 0


def test_the_pages_may_not_ask_the_function(cast: Cast, warehouse: Enterprise) -> None:
    with acting_as(enterprise_id=warehouse.pk, user_id=cast.users["warehouse_administrator"].pk):
        assert refused("SELECT accounts_change_numbers(1, '{}')")
        assert refused("UPDATE accounts_enterprise SET customs_code = '312246DM76' WHERE id = %s", warehouse.pk)


INSERTED = (
    "INSERT INTO accounts_application (kind, topic, title, content, state, version, applicant_id, enterprise_id)"
    " VALUES ({kind}, {topic}, '', '', {state}, 1, {applicant}, {enterprise})"
)


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "'types'"},
        {"state": "'approved'"},
        {"topic": "'0'"},
        {"applicant": "{other}"},
        {"enterprise": "NULL"},
        {"kind": "'public_site'"},
        {"enterprise": "{mine}", "topic": "'{mine}'"},
    ],
)
def test_staff_insert_a_proposal_and_nothing_like_it(cast: Cast, warehouse: Enterprise, other: dict[str, str]) -> None:
    staff, merchant = cast.users["staff"], cast.enterprises["merchant"]
    Membership.objects.create(user=staff, enterprise=merchant, roles=[MemberRole.VIEWER])
    right = {
        "kind": "'enterprise_numbers'", "topic": f"'{warehouse.pk}'", "state": "'submitted'",
        "applicant": str(staff.pk), "enterprise": str(warehouse.pk),
    }  # fmt: skip
    words = {name: text.format(other=cast.users["reviewer"].pk, mine=merchant.pk) for name, text in other.items()}
    with as_staff(staff):
        assert refused(INSERTED.format(**right | words))
        assert not refused(INSERTED.format(**right))


def test_papers_of_a_proposal_come_before_it_is_handed_in_and_by_who_proposes(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    staff, reviewer = cast.users["staff"], cast.users["reviewer"]
    put = (
        "INSERT INTO accounts_paper (application_id, slot, name, media_type, size, sha256, content, uploaded_by_id, replaced)"
        " VALUES (%s, %s, 'x.pdf', 'application/pdf', 1, '', '', %s, false)"
    )
    one = Application.objects.create(
        enterprise=warehouse, applicant=staff, kind="enterprise_numbers", topic=str(warehouse.pk),
        content=pack(b"{}", "accounts_application.content"), state="submitted",
    )  # fmt: skip
    account = handed_in(cast.users["stranger"])
    with as_staff(staff):
        assert refused(put, account.pk, "a", staff.pk) and refused(put, one.pk, "a", reviewer.pk)
        assert not refused(put, one.pk, "a", staff.pk)
        assert refused("UPDATE accounts_paper SET replaced = true")
    with as_staff(reviewer):
        assert refused(put, one.pk, "b", reviewer.pk)
    Submission.objects.create(application=one, number=1, content=b"", submitted_by=staff)
    with as_staff(staff):
        assert refused(put, one.pk, "c", staff.pk)


def test_the_enterprise_neither_begins_nor_touches_a_proposal_by_sql(
    cast: Cast, client_of: Clients, warehouse: Enterprise
) -> None:
    proposed(client_of("staff"), warehouse)
    one, user = the_one(warehouse), cast.users["warehouse_administrator"]
    own = INSERTED.format(
        kind="'enterprise_numbers'", topic="'9'", state="'draft'", applicant=user.pk, enterprise=warehouse.pk
    )
    with acting_as(enterprise_id=warehouse.pk, user_id=user.pk):
        assert Application.objects.filter(pk=one.pk).exists(), "it is read"
        assert refused(own)
        assert not refused(own.replace("enterprise_numbers", "types"))
        with pytest.raises(Stale):
            applications.withdraw(one, by=user, version=one.version)
        assert refused(
            "INSERT INTO accounts_submission (application_id, number, content, papers, numbers, submitted_by_id, verdict,"
            " reason) VALUES (%s, 2, '', '{}', '{}', %s, '', '')",
            one.pk, user.pk,
        )  # fmt: skip
        assert refused(
            "INSERT INTO accounts_paper (application_id, slot, name, media_type, size, sha256, content, uploaded_by_id,"
            " replaced) VALUES (%s, 'z', 'x.pdf', 'application/pdf', 1, '', '', %s, false)",
            one.pk, user.pk,
        )  # fmt: skip
        assert not Paper.objects.filter(application=one).update(replaced=True)
    one.refresh_from_db()
    assert one.state == ApplicationState.SUBMITTED


def test_what_was_approved_has_to_be_what_was_proposed(cast: Cast, client_of: Clients, warehouse: Enterprise) -> None:
    """Whoever wrote other numbers beside the contents by hand changes nothing."""
    proposed(client_of("staff"), warehouse)
    one, reviewer = the_one(warehouse), cast.users["reviewer"]
    Submission.objects.filter(application=one).update(numbers=["91310115000093071E", "312246DM79"])
    with as_staff(reviewer), pytest.raises(NotPossible, match="审核的内容与提出的不一致"):
        applications.approve(one, staff=reviewer, version=one.version)
    assert codes_of(warehouse) == WAS


def test_a_number_given_up_goes_to_nobody_else(cast: Cast, client_of: Clients, warehouse: Enterprise) -> None:
    proposed(client_of("staff"), warehouse)
    decided(client_of("reviewer"), the_one(warehouse))
    assert codes_of(warehouse) == NOW
    told = taken(WAS, but=cast.enterprises["merchant"])
    assert set(told) == set(WAS) and all("曾是企业" in one for texts in told.values() for one in texts)
    assert taken(WAS, but=warehouse) == {}, "its own it may have again"
    applicant = cast.users["stranger"]
    one = handed_in(applicant, GOOD | {name: [code] for name, code in WAS.items()})
    for username in ("staff", "reviewer"):
        one.refresh_from_db()
        page = decided(client_of(username), one)
    assert "旧单证仍在该号码下" in page and not Enterprise.objects.filter(**WAS).exists()
