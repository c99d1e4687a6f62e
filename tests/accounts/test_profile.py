"""What is known of an enterprise: kept at the opening, masked, changed by two of the staff alone; and public sites."""

import html
from collections.abc import Callable

import lxml.html
import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import (
    Application,
    ApplicationState,
    AuditEntry,
    Enterprise,
    Invitation,
    Notice,
    Paper,
    Profile,
    Submission,
    User,
)
from accounts.models.profile import PERSONAL
from accounts.onboarding import applications
from accounts.onboarding.applications import NotPossible
from accounts.onboarding.checklist import checklist
from accounts.onboarding.kinds import ACCOUNT, ENTERPRISE_CHANGE, PUBLIC_SITE
from accounts.onboarding.profile import in_force
from accounts.roles import EnterpriseState, EnterpriseType
from accounts.services import unserved_for
from portal.personal import pack
from portal.tenancy import acting_as
from tests.accounts.papers import PDF, sent
from tests.accounts.test_admin import INLINE
from tests.accounts.test_application_pages import Applicant
from tests.accounts.test_applications import GOOD, as_applicant, as_staff
from tests.pages.test_markup import assert_alive, assert_named, assert_nothing_inline
from tests.wall import refused

pytestmark = pytest.mark.django_db

Clients = Callable[[str], Client]
PAGE = "/enterprise/profile/"
NEW = "/applications/enterprise_change/new/"
ADD = "/admin/accounts/enterprise/add/"
SITE = {
    "name": "上海桐溪公共监管场所有限公司",
    "credit_code": "913101150000930683",
    "customs_code": "312226DM78",
    "customs_district": "2233",
    "park": "浦东机场综合保税区",
}
#: What the cast's merchant has in force about persons, whole and as it is shown.
WHOLE = ("栗光年", "柳知秋", "13800000200", "merchant@example.org")
MASKED = ("栗**", "柳**", "138****0200", "m***@example.org")


def shown(client: Client, address: str, data: dict[str, str] | None = None, status: int = 200) -> str:
    answer = client.get(address) if data is None else client.post(address, data, follow=True)
    assert answer.status_code == status, answer.status_code
    body = answer.content.decode()
    assert not INLINE.search(body), INLINE.search(body)
    return html.unescape(body)


def a_licence(one: Application, user: User) -> Paper:
    return one.papers.create(
        slot="business_licence", name="licence.pdf", media_type="application/pdf", size=len(PDF), sha256="0" * 64,
        content=pack(PDF, "accounts_paper.content"), uploaded_by=user,
    )  # fmt: skip


def opened(cast: Cast, typed: dict[str, list[str]] = GOOD) -> Enterprise:
    """An account applied for and approved by two."""
    user = cast.users["stranger"]
    with as_applicant(user):
        one = applications.begin(ACCOUNT, by=user, enterprise=None)
        a_licence(one, user)
        assert applications.submit(one, typed, by=user, version=one.version) == {}
    approved(cast, one)
    enterprise = Application.objects.get(pk=one.pk).enterprise
    assert enterprise is not None
    return enterprise


def approved(cast: Cast, one: Application, *names: str) -> None:
    """By these of the staff, one after the other."""
    for name in names or ("staff", "reviewer"):
        with as_staff(cast.users[name]):
            applications.approve(one, staff=cast.users[name], version=one.version)


def changed(cast: Cast, enterprise: Enterprise, *, licence: bool = False, **typed: str) -> dict[str, list[str]]:
    """A change handed in by an administrator; what is wrong with it."""
    user = cast.users["merchant_administrator" if enterprise == cast.enterprises["merchant"] else "stranger"]
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        one = applications.begin(ENTERPRISE_CHANGE, by=user, enterprise=enterprise)
        if licence:
            a_licence(one, user)
        said = in_force(enterprise) | {name: [text] for name, text in typed.items()}
        return applications.submit(one, said, by=user, version=one.version)


def the_change(enterprise: Enterprise) -> Application:
    return Application.objects.filter(enterprise=enterprise, kind="enterprise_change").latest("pk")


# --- what was approved is kept ------------------------------------------------------------------------------------------


def test_what_was_said_at_the_opening_stays_known_and_is_sealed(cast: Cast) -> None:
    enterprise = opened(cast)
    held = enterprise.profile
    assert {name: held.told(name) for name in PERSONAL} == {name: GOOD[name][0] for name in PERSONAL}
    assert (held.registration_customs, held.website) == ("2", "")
    assert held.business_licence == Paper.objects.get(slot="business_licence")
    assert held.application.enterprise == enterprise
    for name in PERSONAL:
        assert GOOD[name][0].encode() not in bytes(getattr(held, name))
    office = checklist(enterprise, today=timezone.localdate(), may_apply=True).office
    assert office is not None and office.key == "2"


def test_the_office_of_one_registered_elsewhere_is_none_of_shanghai(cast: Cast) -> None:
    enterprise = opened(cast, GOOD | {"customs_code": ["330126DM77"], "registration_customs": ["elsewhere"]})
    assert checklist(enterprise, today=timezone.localdate(), may_apply=True).office is None


# --- the page -----------------------------------------------------------------------------------------------------------


def test_every_member_looks_and_an_administrator_alone_uncovers_for_a_reason(cast: Cast, client_of: Clients) -> None:
    for role in ("administrator", "filer", "finance", "viewer", "developer"):
        said = shown(client_of(f"merchant_{role}"), PAGE)
        for text in ("312246DM02", "913101150000903844", "电商企业", "2218", "外高桥关", "已开通", *MASKED):
            assert text in said, (role, text)
        assert not [text for text in WHOLE if text in said], role
        assert ("申请变更" in said) == (role == "administrator")
        if role != "administrator":
            assert client_of(f"merchant_{role}").post(PAGE, {"reason": "与海关核对"}).status_code == 403
    assert not AuditEntry.objects.filter(action="uncover").exists()
    administrator = client_of("merchant_administrator")
    for reason in ("", " ", "因", " 因 \0", "因" * 201):
        said = shown(administrator, PAGE, {"reason": reason}, status=400)
        assert "2 到 200 个字" in said and WHOLE[0] not in said
    said = shown(administrator, PAGE, {"reason": "与海关核对"})
    assert all(text in said for text in WHOLE)
    entry = AuditEntry.objects.get(action="uncover")
    assert (entry.user.username, entry.details) == ("merchant_administrator", {"reason": "与海关核对"})
    assert not [text for text in WHOLE if text in str(entry.details)]


@pytest.mark.parametrize("role", ["administrator", "viewer"])
def test_the_page_is_sound_markup_whatever_it_shows(cast: Cast, client_of: Clients, role: str) -> None:
    client, merchant = client_of(f"merchant_{role}"), cast.enterprises["merchant"]

    def look(answer: HttpResponse) -> None:
        page = lxml.html.fromstring(answer.content)
        for holds in (assert_nothing_inline, assert_named, assert_alive):
            holds(page, PAGE)

    look(client.get(PAGE))
    look(client.post(PAGE, {"reason": ""}))
    assert changed(cast, merchant, contact_name="柳新人") == {}
    look(client.get(PAGE))
    Enterprise.objects.filter(pk=merchant.pk).update(state="suspended", state_reason="核查", dxp_id="", types=[])
    Profile.objects.filter(enterprise=merchant).delete()
    look(client.get(PAGE))


def test_strangers_find_no_page_and_one_who_has_no_data_is_told_what_to_do(cast: Cast, client_of: Clients) -> None:
    assert Client().get(PAGE)["Location"].startswith("/login/")
    assert client_of("stranger").get(PAGE).status_code == client_of("staff").get(PAGE).status_code == 404
    Profile.objects.filter(enterprise=cast.enterprises["merchant"]).delete()
    assert "请用“申请变更”补齐" in shown(client_of("merchant_administrator"), PAGE)
    assert "由企业管理员补齐" in shown(client_of("merchant_viewer"), PAGE)


def test_the_licence_is_an_administrators(cast: Cast, client_of: Clients) -> None:
    merchant, user = cast.enterprises["merchant"], cast.users["merchant_administrator"]
    assert changed(cast, merchant, licence=True, legal_representative="栗新章") == {}
    approved(cast, the_change(merchant))
    held = Profile.objects.get(enterprise=merchant)
    there = reverse("paper", args=[held.application_id, held.business_licence_id])
    assert there in shown(client_of("merchant_administrator"), PAGE)
    assert client_of("merchant_administrator").get(there).status_code == 200
    assert there not in shown(client_of("merchant_viewer"), PAGE)
    assert client_of("merchant_viewer").get(there).status_code == 404
    assert user == held.application.applicant


# --- a change -----------------------------------------------------------------------------------------------------------


def test_a_change_begins_with_what_is_in_force_and_comes_into_force_by_two(cast: Cast, client_of: Clients) -> None:
    merchant = cast.enterprises["merchant"]
    one = Applicant(client_of("merchant_administrator")).open(NEW)
    assert "已填入现在生效的内容" in one.text and "信用代码和海关十位编码不在这里变更" in html.unescape(one.text)
    assert one.value("name") == merchant.name and [one.value(name) for name in PERSONAL] == [""] * 4
    shown_now = html.unescape(one.text)
    assert all(f"现为 {text}，不改的留空" in shown_now for text in MASKED)
    assert not [text for text in WHOLE if text in shown_now], "nobody asked to see whom the portal calls"
    assert "credit_code" not in one.form.fields and "customs_code" not in one.form.fields
    assert not AuditEntry.objects.filter(action="uncover").exists()
    one.press("submit", name="上海栗光屿进出口有限公司", contact_phone="13900001234")
    assert "请上传变更后的营业执照" in one.text
    one.press("save", paper_business_licence=sent(PDF))
    one.press("submit")
    application = the_change(merchant)
    assert application.state == ApplicationState.SUBMITTED
    approved(cast, application, "staff")
    merchant.refresh_from_db()
    assert (application.state, merchant.name) == (ApplicationState.SECOND, "上海栗光屿国际贸易有限公司")
    said = shown(client_of("merchant_viewer"), PAGE)
    assert "上海栗光屿国际贸易有限公司" in said and "进出口" not in said and MASKED[2] in said
    assert "企业资料变更：待复核" in shown(client_of("merchant_administrator"), PAGE)
    with as_staff(cast.users["staff"]), pytest.raises(NotPossible, match="两个人"):
        applications.approve(application, staff=cast.users["staff"], version=application.version)
    approved(cast, application, "reviewer")
    merchant.refresh_from_db()
    assert merchant.name == "上海栗光屿进出口有限公司"
    held = Profile.objects.get(enterprise=merchant)
    assert [held.told(name) for name in PERSONAL] == ["栗光年", "柳知秋", "13900001234", "merchant@example.org"]
    assert held.business_licence is not None and held.application == application
    assert (merchant.credit_code, merchant.customs_code, merchant.customs_district) == (
        "913101150000903844", "312246DM02", "2218",
    )  # fmt: skip


def test_what_is_on_the_licence_needs_it_and_the_rest_does_not(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    for name in ("name", "legal_representative"):
        assert set(changed(cast, merchant, **{name: "另一个"})) == {"business_licence"}
    assert changed(cast, merchant, contact_email="new@example.org") == {}


BLANK = dict.fromkeys(PERSONAL, "")


@pytest.mark.parametrize("typed", [{}, BLANK])
def test_something_has_to_change(cast: Cast, typed: dict[str, str]) -> None:
    problems = changed(cast, cast.enterprises["merchant"], **typed)
    assert "没有要变更的内容" in problems["__all__"][0]


def test_a_renewed_licence_alone_is_a_change(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    before = in_force(merchant)
    assert changed(cast, merchant, licence=True, **BLANK) == {}
    one = the_change(merchant)
    approved(cast, one)
    held = Profile.objects.get(enterprise=merchant)
    assert held.business_licence == one.papers.get() and in_force(merchant) == before


def test_what_is_not_known_of_persons_cannot_stay_blank(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    Profile.objects.filter(enterprise=merchant).update(contact_name=None)
    problems = changed(cast, merchant, **(BLANK | {"website": "https://shop.example.com/"}))
    assert problems == {"contact_name": ["还没有登记，请填写"]}


def test_another_office_moves_the_district_and_fits_the_customs_code(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    assert "31 开头" in changed(cast, merchant, registration_customs="elsewhere")["registration_customs"][0]
    assert set(changed(cast, merchant, registration_customs="99", contact_phone="1")) == {
        "registration_customs", "contact_phone",
    }  # fmt: skip
    assert changed(cast, merchant, registration_customs="1") == {}
    approved(cast, the_change(merchant))
    merchant.refresh_from_db()
    assert merchant.customs_district == "2233"
    assert changed(cast, merchant, registration_customs="5") == {}, "its four digits are not known"
    approved(cast, the_change(merchant))
    merchant.refresh_from_db()
    assert (merchant.customs_district, merchant.profile.registration_customs) == ("2233", "5")


def test_a_refused_change_changes_nothing_and_what_was_typed_comes_again(cast: Cast, client_of: Clients) -> None:
    merchant = cast.enterprises["merchant"]
    assert changed(cast, merchant, contact_name="新来人") == {}
    one = the_change(merchant)
    with as_staff(cast.users["staff"]):
        applications.refuse(one, staff=cast.users["staff"], version=one.version, reason="联系人已离职")
    assert Profile.objects.get(enterprise=merchant).told("contact_name") == "柳知秋"
    assert Applicant(client_of("merchant_administrator")).open(NEW).value("contact_name") == "新来人"


def test_a_suspended_enterprise_looks_and_applies_for_nothing(cast: Cast, client_of: Clients) -> None:
    merchant, staff = cast.enterprises["merchant"], cast.users["staff"]
    rows = Enterprise.objects.filter(pk=merchant.pk)
    page = Applicant(client_of("merchant_administrator")).open(NEW)
    rows.update(state=EnterpriseState.SUSPENDED)
    page.press("submit", contact_name="柳新人")
    assert "企业已暂停" in page.text and page.value("contact_name") == "柳新人", "nothing typed is lost"
    assert the_change(merchant).state == ApplicationState.DRAFT
    rows.update(state=EnterpriseState.APPROVED)
    page.press("submit")
    one = the_change(merchant)
    assert one.state == ApplicationState.SUBMITTED
    rows.update(state=EnterpriseState.SUSPENDED)
    one = the_change(merchant)
    with as_staff(staff), pytest.raises(NotPossible, match="企业已暂停"):
        applications.approve(one, staff=staff, version=one.version)
    rows.update(state=EnterpriseState.APPROVED)
    approved(cast, the_change(merchant))


def test_only_an_administrator_applies_for_a_change(client_of: Clients) -> None:
    for role in ("filer", "finance", "viewer", "developer"):
        assert client_of(f"merchant_{role}").get(NEW).status_code == 403
    assert client_of("stranger").get(NEW).status_code == 404
    assert "企业资料变更" in shown(client_of("merchant_administrator"), "/applications/")
    assert "企业资料变更" not in shown(client_of("stranger"), "/applications/")


def test_staff_see_what_would_change_beside_what_is_in_force(cast: Cast, client_of: Clients) -> None:
    merchant = cast.enterprises["merchant"]
    assert changed(cast, merchant, licence=True, name="上海栗光屿进出口有限公司", contact_name="柳新人") == {}
    page = reverse("admin:accounts_application_change", args=[the_change(merchant).pk])
    said = shown(client_of("staff"), page)
    assert "与现行资料相比改动 2 处" in said and "现行：" in said and merchant.name in said
    assert "柳新人" not in said and "柳知秋" not in said and "遮挡后看不出差别" in said
    approved(cast, the_change(merchant))
    assert "与现行资料相比" not in shown(client_of("staff"), page)


def test_what_was_left_blank_is_no_change_for_staff(cast: Cast, client_of: Clients) -> None:
    merchant, staff = cast.enterprises["merchant"], client_of("staff")
    assert changed(cast, merchant, **(BLANK | {"website": "https://shop.example.com/"})) == {}
    one = the_change(merchant)
    page = reverse("admin:accounts_application_change", args=[one.pk])
    said = shown(staff, page)
    assert "与现行资料相比改动 1 处" in said and said.count(">不改<") == 4
    own = shown(client_of("merchant_administrator"), f"/applications/{one.pk}/")
    assert own.count("不改") == 4 and not [text for text in WHOLE if text in own]
    with as_staff(cast.users["staff"]):
        applications.send_back(one, staff=cast.users["staff"], version=one.version, remarks={}, reason="请补联系人")
    assert changed(cast, merchant, **(BLANK | {"contact_name": "柳新人"})) == {}
    said = shown(staff, page)
    assert "柳**" in said and "上一次未填" in said


# --- the wall -----------------------------------------------------------------------------------------------------------


def test_an_enterprise_reads_its_own_and_writes_none_of_it(cast: Cast) -> None:
    actor = cast.actor("merchant_administrator")
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        assert [one.enterprise_id for one in Profile.objects.all()] == [actor.enterprise.pk]
        assert refused("UPDATE accounts_profile SET website = 'https://x.example'")
        assert refused("DELETE FROM accounts_profile")
        assert refused("INSERT INTO accounts_profile (enterprise_id) VALUES (%s)", actor.enterprise.pk)


def test_staff_write_none_of_it_but_by_an_approval(cast: Cast) -> None:
    merchant, neighbour = cast.enterprises["merchant"], cast.enterprises["neighbour"]
    assert changed(cast, merchant, contact_name="柳新人") == {}
    one = the_change(merchant)
    with as_staff(cast.users["staff"]):
        assert refused("UPDATE accounts_profile SET website = 'https://x.example'")
        assert refused("UPDATE accounts_profile SET application_id = %s", one.pk), "not approved yet"
        assert refused("DELETE FROM accounts_profile")
    approved(cast, one)
    with as_staff(cast.users["staff"]):
        assert refused(
            "UPDATE accounts_profile SET application_id = %s WHERE enterprise_id = %s", one.pk, neighbour.pk
        ), "another enterprise's approval"
    Application.objects.filter(pk=one.pk).update(state_at=timezone.now() - timezone.timedelta(hours=1))
    with as_staff(cast.users["staff"]):
        assert refused(
            "UPDATE accounts_profile SET website = 'https://x.example' WHERE enterprise_id = %s", merchant.pk
        )


# --- the desk of staff --------------------------------------------------------------------------------------------------


def test_staff_look_at_it_masked_and_uncover_it_for_a_reason(cast: Cast, client_of: Clients) -> None:
    merchant, staff = cast.enterprises["merchant"], client_of("staff")
    page = reverse("admin:accounts_enterprise_change", args=[merchant.pk])
    whole = reverse("admin:accounts_enterprise_profile", args=[merchant.pk])
    for address in (page, whole):
        said = shown(staff, address)
        assert all(text in said for text in MASKED), address
        assert not [text for text in WHOLE if text in said], address
    assert whole in shown(staff, page)
    assert "2 至 200 个字" in shown(staff, whole, {"why": "x"})
    said = shown(staff, whole, {"why": "电话核实"})
    assert all(text in said for text in WHOLE)
    entry = AuditEntry.objects.get(action="uncover")
    assert (entry.user.username, entry.enterprise, entry.details) == ("staff", merchant, {"reason": "电话核实"})
    User.objects.filter(username="staff").update(is_superuser=False)
    User.objects.get(username="staff").user_permissions.set([Permission.objects.get(codename="view_enterprise")])
    viewer = client_of("staff")
    assert MASKED[0] in shown(viewer, whole) and 'name="why"' not in shown(viewer, whole)
    assert viewer.post(whole, {"why": "电话核实"}).status_code == 403


def test_the_approved_data_is_looked_up_once_and_without_the_bytes_of_the_licence(
    cast: Cast, client_of: Clients
) -> None:
    merchant = cast.enterprises["merchant"]
    assert changed(cast, merchant, licence=True, legal_representative="栗新章") == {}
    approved(cast, the_change(merchant))
    desk = [reverse(f"admin:accounts_enterprise_{one}", args=[merchant.pk]) for one in ("change", "profile")]
    for client, address in [(client_of("staff"), one) for one in desk] + [(client_of("merchant_administrator"), PAGE)]:
        with CaptureQueriesContext(connection) as asked:
            said = shown(client, address)
        assert "营业执照" in said
        reads = [one["sql"] for one in asked if 'FROM "accounts_profile"' in one["sql"]]
        assert len(reads) == 1, address
        assert not [one for one in asked if '"accounts_paper"."content"' in one["sql"]], address


@pytest.mark.parametrize("name", ["name", "credit_code", "customs_code", "customs_district", "dxp_id", "types"])
def test_no_single_one_of_the_staff_changes_what_an_enterprise_is(cast: Cast, client_of: Clients, name: str) -> None:
    merchant, staff = cast.enterprises["merchant"], client_of("staff")
    before = {
        one: getattr(merchant, one)
        for one in ("name", "credit_code", "customs_code", "customs_district", "dxp_id", "types")
    }
    page = reverse("admin:accounts_enterprise_change", args=[merchant.pk])
    assert f'name="{name}"' not in shown(staff, page)
    other = {"types": ["payment"], "customs_district": "2210", "dxp_id": "DXPENT0000900999"}.get(name, "312226DM99")
    data = {"state": merchant.state, name: other}
    for prefix in ("memberships", "credentials"):
        data |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    assert staff.post(page, data).status_code == 302
    merchant.refresh_from_db()
    assert {one: getattr(merchant, one) for one in before} == before


# --- a public site ------------------------------------------------------------------------------------------------------


def test_a_public_site_is_handed_in_by_one_of_the_staff_and_opened_by_another(cast: Cast, client_of: Clients) -> None:
    staff, reviewer = client_of("staff"), client_of("reviewer")
    assert "公共监管场所由平台公司与园区开设" in shown(staff, ADD)
    assert "等另一位同事在“申请”中审核" in shown(staff, ADD, SITE)
    assert not Enterprise.objects.filter(customs_code=SITE["customs_code"]).exists()
    one = Application.objects.get(kind="public_site")
    assert (one.state, one.applicant.username, one.enterprise) == (ApplicationState.SUBMITTED, "staff", None)
    assert Notice.objects.filter(user=cast.users["reviewer"], text__contains="待审核").exists()
    page = reverse("admin:accounts_application_change", args=[one.pk])
    said = shown(staff, page)
    assert "由另一位同事审核" in said and 'value="send_back"' not in said and "remark." not in said
    assert "由另一位同事审核" in shown(staff, page, {"do": "approve", "version": "1"})
    assert not Enterprise.objects.filter(customs_code=SITE["customs_code"]).exists()
    assert "不退回补正" in shown(reviewer, page, {"do": "send_back", "version": "1", "reason": "请补园区"})
    assert "已通过" in shown(reviewer, page, {"do": "approve", "version": "1"})
    site = Enterprise.objects.get(customs_code=SITE["customs_code"])
    assert (site.types, site.state, site.customs_district, site.profile.park) == (
        ["venue"], EnterpriseState.APPROVED, "2233", SITE["park"],
    )  # fmt: skip
    (service,) = site.services.all()
    assert (service.mode, service.district, service.clearance_code, service.application) == (
        "9610", "2233", SITE["customs_code"], one,
    )  # fmt: skip
    assert unserved_for(site, {EnterpriseType.VENUE}) == ""
    told = Notice.objects.filter(user=cast.users["staff"]).latest("pk")
    assert (told.address, told.enterprise) == (page, None)
    deeds = AuditEntry.objects.filter(subject=f"public_site {one.pk}").order_by("pk")
    assert [(deed.action, deed.user.username) for deed in deeds] == [
        ("application_submitted", "staff"), ("application_approved", "reviewer"),
    ]  # fmt: skip
    opened = AuditEntry.objects.get(action="enterprise_opened")
    assert opened.enterprise == site
    assert {deed.address for deed in (*deeds, opened)} == {"127.0.0.1"}, "what the approval did came from there too"
    said = shown(staff, reverse("admin:accounts_enterprise_change", args=[site.pk]))
    assert SITE["park"] in said
    invited = staff.post(
        "/admin/accounts/invitation/add/",
        {"enterprise": site.pk, "email": "operator@example.org", "roles": ["administrator"], "reason": "新开监管场所"},
    )
    assert invited.status_code == 302 and Invitation.objects.get().enterprise == site


def test_a_refused_site_is_told_to_who_handed_it_in_who_may_try_again(cast: Cast, client_of: Clients) -> None:
    staff, reviewer = client_of("staff"), client_of("reviewer")
    shown(staff, ADD, SITE)
    assert "已经提出过这一申请" in shown(staff, ADD, SITE)
    one = Application.objects.get(kind="public_site")
    page = reverse("admin:accounts_application_change", args=[one.pk])
    shown(reviewer, page, {"do": "refuse", "version": "1", "reason": "园区还没有签约"})
    assert "园区还没有签约" in shown(staff, page)
    assert Notice.objects.filter(user=cast.users["staff"], address=page).exists()
    shown(staff, ADD, SITE | {"park": "外高桥保税区"})
    assert Application.objects.filter(kind="public_site", state=ApplicationState.SUBMITTED).count() == 1


def test_wrong_and_taken_numbers_are_told_at_their_fields(cast: Cast, client_of: Clients) -> None:
    staff, merchant = client_of("staff"), cast.enterprises["merchant"]
    said = shown(staff, ADD, {"credit_code": "1", "customs_code": "2", "customs_district": "x"})
    for words in ("统一社会信用代码“1”不对", "海关十位编码“2”不对", "关区代码“x”不对"):
        assert words in said
    said = shown(staff, ADD, SITE | {"customs_code": merchant.customs_code})
    assert f"企业“{merchant.name}”已用这个号码开户" in said
    assert not Application.objects.filter(kind="public_site").exists()


def test_a_number_taken_meanwhile_opens_no_site(cast: Cast, client_of: Clients) -> None:
    shown(client_of("staff"), ADD, SITE)
    Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk).update(customs_code=SITE["customs_code"])
    page = reverse("admin:accounts_application_change", args=[Application.objects.get(kind="public_site").pk])
    assert "已用这个号码开户" in shown(client_of("reviewer"), page, {"do": "approve", "version": "1"})
    assert Enterprise.objects.filter(types=["venue"]).count() == 1


def test_a_site_is_begun_and_held_to_by_staff_alone(cast: Cast) -> None:
    staff, reviewer = cast.users["staff"], cast.users["reviewer"]
    typed = {name: [text] for name, text in SITE.items()}
    for user in (cast.users["merchant_administrator"], cast.users["stranger"]):
        with pytest.raises(PermissionDenied):
            applications.lodge(PUBLIC_SITE, typed, by=user, topic=SITE["customs_code"])
    with as_staff(staff):
        with pytest.raises(PermissionDenied):
            applications.lodge(ACCOUNT, GOOD, by=staff, topic="")
        assert applications.lodge(PUBLIC_SITE, typed, by=staff, topic=SITE["customs_code"]) == {}
    one = Application.objects.get()
    User.objects.filter(pk=staff.pk).update(is_staff=False)
    with as_staff(reviewer), pytest.raises(NotPossible, match="由同事重新提出"):
        applications.approve(one, staff=reviewer, version=one.version)
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    one = Application.objects.get()
    with as_staff(reviewer):
        assert applications.approve(one, staff=reviewer, version=one.version) is True
    assert Enterprise.objects.filter(customs_code=SITE["customs_code"]).exists()


def test_no_page_begins_a_site_even_by_sql(cast: Cast) -> None:
    begin = (
        "INSERT INTO accounts_application (applicant_id, kind, topic, title, content, state, version)"
        " VALUES (%s, %s, '', '', '', 'draft', 1)"
    )
    user = cast.users["stranger"]
    with as_applicant(user), connection.cursor() as cursor:
        cursor.execute(begin, [user.pk, "account"])
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            cursor.execute(begin, [user.pk, "public_site"])
    assert [one.kind for one in Application.objects.all()] == ["account"]


def test_nobody_else_opens_a_site(cast: Cast, client_of: Clients) -> None:
    for username in ("stranger", "merchant_administrator"):
        client = client_of(username)
        for address in ("/applications/public_site/new/", "/applications/public_site/"):
            assert client.get(address).status_code == 404
        assert client.post("/applications/public_site/new/", SITE | {"do": "submit"}).status_code in (404, 405)
        assert client.post(ADD, SITE).status_code == 404
        assert "监管场所" not in shown(client, "/applications/")
    User.objects.filter(username="staff").update(is_superuser=False)
    assert client_of("staff").get(ADD).status_code == 403
    assert not Application.objects.filter(kind="public_site").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO accounts_application (kind, topic, title, content, state, version, applicant_id)"
        " VALUES ('account', '', '', '', 'submitted', 1, {me})",
        "INSERT INTO accounts_application (kind, topic, title, content, state, version, applicant_id)"
        " VALUES ('public_site', '', '', '', 'approved', 1, {me})",
        "INSERT INTO accounts_application (kind, topic, title, content, state, version, applicant_id)"
        " VALUES ('public_site', '', '', '', 'submitted', 1, {other})",
        "INSERT INTO accounts_submission (application_id, number, content, papers, numbers, submitted_by_id, verdict, reason)"
        " SELECT id, 9, '', '{{}}', '{{}}', {me}, '', '' FROM accounts_application WHERE kind = 'account'",
    ],
)
def test_staff_hand_in_nothing_else_and_in_nobody_elses_name(cast: Cast, statement: str) -> None:
    opened(cast)
    words = statement.format(me=cast.users["staff"].pk, other=cast.users["reviewer"].pk)
    with as_staff(cast.users["staff"]):
        assert refused(words)
    assert Submission.objects.count() == 1
