"""An enterprise that files by its own system: from the test application to production parameters, by its pages and the desk."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts.access import Actor, Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.cast import Cast, give_evidence, give_licences
from accounts.credentials import make_credential
from accounts.models import (
    Application,
    ApplicationState,
    AuditEntry,
    Connection,
    Enterprise,
    InterfaceProof,
    Notice,
    Service,
    User,
)
from accounts.onboarding import applications
from accounts.onboarding import connection as deeds
from accounts.onboarding.applications import NotPossible
from accounts.onboarding.comparing import versions_of
from accounts.onboarding.interfaces import INTERFACES, interface_named, lacking, needed_by, prove
from accounts.onboarding.kinds import kind_named
from accounts.roles import EnterpriseState, EnterpriseType, Environment
from portal.personal import mask_name, mask_phone
from portal.sentences import speak
from portal.tenancy import acting_as
from tests.accounts.papers import png, sent
from tests.pages.test_markup import assert_alive, assert_named, assert_nothing_inline

pytestmark = pytest.mark.django_db

PAGE = reverse("connection")
TODAY = timezone.localdate().isoformat()
TEST = {
    "source_addresses": "1.1.1.1\n8.8.8.0/28",
    "callback": "https://TEST-erp.example.org:443/receipts",
    "contact_name": "唐接口",
    "contact_phone": "13800001234",
    "contact_email": "api@example.org",
}
LIVE = {
    "source_addresses": "9.9.9.9",
    "callback": "https://erp.example.org/receipts",
    "signing_confirmed": "on",
}


def serve(enterprise: Enterprise, of_type: str, mode: str, *, clearance: str = "312246DM06") -> Service:
    """A service in force."""
    return Service.objects.create(
        enterprise=enterprise, enterprise_type=of_type, mode=mode, district="2216",
        clearance_code=clearance, clearance_name="通关服务企业",
    )  # fmt: skip


@contextmanager
def as_staff(user: User) -> Iterator[None]:
    with acting_as(enterprise_id=None, user_id=user.pk, role="portal_staff"):
        yield


class Way:
    """The administrator at the pages, and staff at the desk."""

    def __init__(self, cast: Cast, actor: Actor, client: Client) -> None:
        self.cast, self.actor, self.client = cast, actor, client

    @property
    def enterprise(self) -> Enterprise:
        return Enterprise.objects.get(pk=self.actor.enterprise.pk)

    def page(self) -> str:
        answer = self.client.get(PAGE)
        assert answer.status_code == 200
        page = html.fromstring(answer.content)
        for holds in (assert_nothing_inline, assert_named, assert_alive):
            holds(page, PAGE)
        return " ".join(page.xpath("//main")[0].text_content().split())

    def next_step(self) -> str:
        page = html.fromstring(self.client.get(PAGE).content)
        return " ".join(page.xpath("//*[contains(concat(' ', @class, ' '), ' next ')]")[0].text_content().split())

    def begin(self, what: str) -> Application:
        """Press a button of the page."""
        offered = html.fromstring(self.client.get(PAGE).content).xpath("//button[@name='apply']/@value")
        assert what in offered, offered
        answer = self.client.post(PAGE, {"apply": what})
        assert re.fullmatch(r"/applications/[0-9]+/", answer["Location"])
        return self.latest()

    def latest(self) -> Application:
        return Application.objects.filter(enterprise=self.actor.enterprise).latest("id")

    def hand_in(self, one: Application, said: dict[str, str], *, paper: bool = False) -> str:
        """Fill in the form as it stands and hand it in; what the page says."""
        form = html.fromstring(self.client.get(f"/applications/{one.pk}/").content).forms
        cells = dict(next(each for each in form if each.get("enctype")).form_values())
        cells = {name: value or "" for name, value in cells.items()} | said | {"do": "submit"}
        cells.pop("csrfmiddlewaretoken", None)
        if paper:
            cells["paper_screenshot"] = sent(png(), "回执.png", "image/png")
        return self.client.post(f"/applications/{one.pk}/", cells, follow=True).content.decode()

    def approve(self, one: Application | None = None) -> None:
        staff = self.cast.users["staff"]
        with as_staff(staff):
            one = Application.objects.get(pk=(one or self.latest()).pk)
            assert applications.approve(one, staff=staff, version=one.version)

    def send_back(self, one: Application, **remarks: str) -> None:
        staff = self.cast.users["staff"]
        with as_staff(staff):
            one = Application.objects.get(pk=one.pk)
            applications.send_back(one, staff=staff, version=one.version, remarks=remarks, reason="")

    def connect(self) -> Connection:
        """Be given test access."""
        self.hand_in(self.begin("test_access:"), TEST)
        self.approve()
        return Connection.objects.get(enterprise=self.enterprise, environment="sandbox", ended=None)

    def make_ready(self) -> None:
        """Everything else an enterprise needs to file in production."""
        give_licences(self.enterprise)
        give_evidence(self.enterprise)
        make_credential(self.enterprise, Environment.PRODUCTION)

    def prove_all(self) -> None:
        """By calls, as the interfaces themselves will."""
        for one in needed_by(self.enterprise):
            prove(self.enterprise, one.name, message="TEST-0001", day=timezone.localdate())
        self.make_ready()


@pytest.fixture
def way(cast: Cast, newcomer: Actor, client_of: Callable[[str], Client]) -> Way:
    return Way(cast, newcomer, client_of("stranger"))


@pytest.fixture
def served(way: Way) -> Way:
    """With a service, so that the way to production is open."""
    serve(way.enterprise, "merchant", "1210")
    return way


def proof(name: str, **said: str) -> dict[str, str]:
    return {"interface": name, "message_number": "TEST-20260001", "day": TODAY, "returned": "2 新增申报成功", **said}


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


# --- the whole way ------------------------------------------------------------------------------------------------------


def test_it_goes_from_the_service_to_production_and_the_page_names_each_step(way: Way) -> None:
    assert "下一步：服务开通" in way.next_step() and 'name="apply"' not in way.client.get(PAGE).content.decode()
    serve(way.enterprise, "merchant", "1210")

    assert "下一步：申请调试" in way.next_step()
    access = way.begin("test_access:")
    assert "填写完整后提交" in way.next_step() and "继续填写" in way.next_step()
    assert "已提交" in way.hand_in(access, TEST)
    assert "等待工作人员审核" in way.next_step()
    assert not Connection.objects.filter(enterprise=way.enterprise).exists()
    way.send_back(access, callback="请填测试系统的地址")
    assert "照审核意见补正" in way.next_step() and "去补正" in way.next_step()
    assert "请填测试系统的地址" in way.client.get(f"/applications/{access.pk}/").content.decode()
    way.hand_in(access, {})
    way.approve()

    test = Connection.objects.get(enterprise=way.enterprise)
    assert (test.environment, test.application, test.helper) == ("sandbox", access, way.cast.users["staff"])
    assert re.fullmatch("9[0-9]{6}", test.platform_code) and re.fullmatch("T[0-9]{5}", test.short_code)
    assert test.source_addresses == ["1.1.1.1", "8.8.8.0/28"]
    assert test.callback == "https://test-erp.example.org/receipts", "as it is kept: no port, the host in lower case"
    page = way.page()
    for told in (test.platform_code, "T00000", test.service_address, "8.8.8.0/28", test.callback, "平台值班"):
        assert told in page
    assert page.count("本平台另要求") == 1, "the query of states is beyond the guide"
    assert "已通过 0 个，共 2 个接口" in page and "联调“订单申报”" in way.next_step()

    for name in ("order", "status_query"):
        one = way.begin(f"interface_proof:{name}")
        assert applications.typed_in(one) == {"interface": [name]}
        assert "请上传回执截图" in way.hand_in(one, proof(name)), "no evidence without a paper"
        assert "已提交" in way.hand_in(one, proof(name), paper=True)
        assert name not in {each.interface for each in InterfaceProof.objects.filter(enterprise=way.enterprise)}
        way.approve(one)
        assert InterfaceProof.objects.get(enterprise=way.enterprise, interface=name).application == one
    assert "已通过 2 个，共 2 个接口" in way.page()
    # What is certain to be refused is not offered: first what else production asks for, one after the other.
    assert (
        "下一步：电子口岸 IC 卡" in way.next_step() and 'href="/preparation/"' in way.client.get(PAGE).content.decode()
    )
    assert 'value="connection_go_live:"' not in way.client.get(PAGE).content.decode()
    give_evidence(way.enterprise)
    assert "下一步：生产环境的加签证书" in way.next_step()
    way.make_ready()
    assert "下一步：申请上线" in way.next_step()
    live = way.begin("connection_go_live:")
    assert "已提交" in way.hand_in(live, LIVE)
    assert not way.enterprise.may_file
    way.approve(live)
    production = Connection.objects.get(enterprise=way.enterprise, environment="production")
    assert re.fullmatch("[1-8][0-9]{6}", production.platform_code)
    assert production.service_address != test.service_address
    assert way.enterprise.may_file
    page = way.page()
    assert production.platform_code in page and test.platform_code in page and "生产环境已经开通" in page
    deeds = AuditEntry.objects.filter(enterprise=way.enterprise).values_list("action", "subject")
    for deed in (
        ("connection_opened", test.platform_code), ("connection_opened", production.platform_code),
        ("interface_proved", "order"), ("interface_proved", "status_query"),
    ):  # fmt: skip
        assert deed in deeds


def test_the_two_environments_are_never_on_one_card(way: Way, served: Way) -> None:
    way.connect()
    way.prove_all()
    way.hand_in(way.begin("connection_go_live:"), LIVE)
    way.approve()
    page = html.fromstring(way.client.get(PAGE).content)
    for one in Connection.objects.filter(enterprise=way.enterprise):
        (card,) = page.xpath(f"//section[@aria-labelledby='{one.environment}']")
        (other,) = Connection.objects.filter(enterprise=way.enterprise).exclude(pk=one.pk)
        words = card.text_content()
        for mine, foreign in (
            (one.platform_code, other.platform_code), (one.callback, other.callback),
            (one.service_address, other.service_address), (one.source_addresses[0], other.source_addresses[0]),
        ):  # fmt: skip
            assert mine in words and foreign not in words


# --- test access --------------------------------------------------------------------------------------------------------


def test_nobody_applies_without_a_service_or_twice_or_suspended(way: Way) -> None:
    def refused(words: str) -> None:
        with acting_as(enterprise_id=way.enterprise.pk, user_id=way.actor.user.pk):
            one = applications.begin(kind_named("test_access"), by=way.actor.user, enterprise=way.enterprise)
            typed = {name: [text] for name, text in TEST.items()}
            problems = applications.submit(one, typed, by=way.actor.user, version=one.version)
        assert words in problems["__all__"][0]

    refused("还没有开通的服务")
    service = serve(way.enterprise, "merchant", "1210")
    Enterprise.objects.filter(pk=way.enterprise.pk).update(state=EnterpriseState.SUSPENDED)
    refused("企业已暂停")
    Enterprise.objects.filter(pk=way.enterprise.pk).update(state=EnterpriseState.DRAFT)
    way.hand_in(way.latest(), TEST)
    Service.objects.filter(pk=service.pk).update(ended=timezone.now())
    with pytest.raises(NotPossible, match="还没有开通的服务"):
        way.approve()
    Service.objects.filter(pk=service.pk).update(ended=None)
    way.approve()
    refused("测试环境已经开通")


def test_what_is_wrong_is_said_at_its_field_and_all_at_once(served: Way) -> None:
    wrong = {**TEST, "source_addresses": "10.0.0.1\nnonsense\n1.1.1.1", "callback": "http://erp.example.org/"}
    page = served.hand_in(served.begin("test_access:"), wrong)
    assert "“10.0.0.1”是内网" in page and "“nonsense”不是 IP 地址" in page and "须以 https:// 开头" in page
    assert "唐接口" in page and "10.0.0.1" in page, "nothing typed is lost"


def test_who_looks_after_the_system_is_masked_to_staff(served: Way) -> None:
    one = served.begin("test_access:")
    served.hand_in(one, TEST)
    form = applications.form_of(kind_named("test_access"), applications.typed_in(Application.objects.get(pk=one.pk)))
    masks = {name: getattr(field, "mask", "") for name, field in form.fields.items()}
    assert masks["contact_name"] == "name" and masks["contact_phone"] == "phone" and masks["contact_email"] == "email"
    served.client.force_login(served.cast.users["staff"])
    session = served.client.session
    session["second_factor"] = True
    session.save()
    desk = served.client.get(reverse("admin:accounts_application_change", args=[one.pk])).content.decode()
    assert mask_phone(TEST["contact_phone"]) in desk and mask_name(TEST["contact_name"]) in desk
    for covered in (TEST["contact_name"], TEST["contact_phone"], TEST["contact_email"]):
        assert covered not in desk


@pytest.mark.parametrize(
    "of_type", ["direct_logistics", "bonded_logistics", "warehouse", "merchant", "payment", "venue"]
)
def test_who_carries_parcels_is_told_its_short_code_and_who_names_them_one_to_try_with(way: Way, of_type: str) -> None:
    Enterprise.objects.filter(pk=way.enterprise.pk).update(types=[of_type])
    serve(way.enterprise, of_type, "9610")
    test = way.connect()
    assert re.fullmatch("T[0-9]{5}", test.short_code)
    assert (test.short_code in way.page()) == of_type.endswith("_logistics")
    assert ("T00000" in way.page()) == (of_type in ("merchant", "warehouse"))
    serve(way.enterprise, "bonded_logistics", "1210")  # whoever carries later is told then
    assert test.short_code in way.page()


def test_without_an_address_to_give_nothing_is_opened(served: Way, settings) -> None:
    settings.PORTAL_INTERFACES = {"sandbox": "", "production": ""}
    served.hand_in(served.begin("test_access:"), TEST)
    with pytest.raises(NotPossible, match="还没有设置测试环境的接口地址"):
        served.approve()
    assert served.latest().state == ApplicationState.SUBMITTED


# --- what has to be proved ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("services", "wanted"),
    [
        ([("platform", "1210")], ["order", "status_query"]),
        ([("merchant", "9610")], ["order", "status_query"]),
        ([("payment", "9610"), ("payment", "1210")], ["payment", "status_query"]),
        ([("bonded_logistics", "1210")], ["waybill", "status_query"]),
        (
            [("direct_logistics", "9610")],
            ["waybill", "inventory", "cancellation", "goods_return", "status_query"],
        ),
        (
            [("warehouse", "1210")],
            ["inventory", "waybill_prep", "cancellation", "goods_return", "status_query"],
        ),
        ([("venue", "9610")], ["inbound_note", "status_query"]),
        (
            [("direct_logistics", "9610"), ("venue", "9610")],
            ["waybill", "inventory", "inbound_note", "cancellation", "goods_return", "status_query"],
        ),
        ([], []),
    ],
)
def test_each_role_proves_its_own_interfaces(way: Way, services: list[tuple[str, str]], wanted: list[str]) -> None:
    Enterprise.objects.filter(pk=way.enterprise.pk).update(types=sorted({of_type for of_type, _mode in services}))
    for of_type, mode in services:
        serve(way.enterprise, of_type, mode)
    assert [one.name for one in needed_by(way.enterprise)] == wanted


def test_the_guide_names_what_it_names() -> None:
    """Answer 9: order, waybill, list, inbound note, payment; the others are asked beside."""
    assert {one.name for one in INTERFACES if one.in_guide} == {
        "order",
        "payment",
        "waybill",
        "inventory",
        "inbound_note",
    }


def test_a_merchant_that_files_its_own_lists_proves_them_too(way: Way) -> None:
    serve(way.enterprise, "merchant", "1210", clearance=way.enterprise.customs_code)
    names = {one.name for one in needed_by(way.enterprise)}
    assert names == {"order", "inventory", "cancellation", "goods_return", "status_query"}


def test_a_type_or_service_that_ended_asks_for_nothing(way: Way) -> None:
    service = serve(way.enterprise, "merchant", "1210")
    Enterprise.objects.filter(pk=way.enterprise.pk).update(types=[EnterpriseType.PAYMENT])
    assert needed_by(way.enterprise) == []
    Enterprise.objects.filter(pk=way.enterprise.pk).update(types=[EnterpriseType.MERCHANT])
    assert needed_by(way.enterprise)
    Service.objects.filter(pk=service.pk).update(ended=timezone.now())
    assert needed_by(way.enterprise) == []


def test_a_call_turns_an_interface_green_once_and_it_stays(served: Way) -> None:
    day = timezone.localdate()
    assert prove(served.enterprise, "order", message="A-1", day=day)
    assert not prove(served.enterprise, "order", message="A-2", day=day)
    assert InterfaceProof.objects.get(enterprise=served.enterprise).message_number == "A-1"
    assert AuditEntry.objects.filter(enterprise=served.enterprise, action="interface_proved").count() == 1
    assert [one.name for one in lacking(served.enterprise)] == ["status_query"]
    with pytest.raises(KeyError):
        prove(served.enterprise, "nonsense", message="A-1", day=day)


def test_evidence_is_of_an_interface_to_prove_after_the_test_was_opened(served: Way) -> None:
    served.connect()
    one = served.begin("interface_proof:order")
    yesterday = (timezone.localdate() - timedelta(days=1)).isoformat()
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    for said, words in (
        (proof("order", day=yesterday), "请填之后的测试日期"),
        (proof("order", day=tomorrow), "日期在将来"),
        (proof("order", day="nonsense"), "有效"),
        (proof("payment"), "为另一个接口建立"),
        (proof("order", message_number="编号"), "编号不对"),
        (proof("order", returned=""), "returned"),
    ):
        assert words in served.hand_in(one, said, paper=True), words
        assert served.latest().state == ApplicationState.DRAFT
    assert "已提交" in served.hand_in(one, proof("order"))
    prove(served.enterprise, "order", message="A-1", day=timezone.localdate())
    with pytest.raises(NotPossible, match="已经联调通过"):
        served.approve(one)
    Service.objects.filter(enterprise=served.enterprise).update(ended=timezone.now())
    InterfaceProof.objects.filter(enterprise=served.enterprise).delete()
    with pytest.raises(NotPossible, match="不需要联调这个接口"):
        served.approve(one)


def test_what_was_sent_back_comes_before_what_is_not_started(served: Way) -> None:
    served.connect()
    two = served.begin("interface_proof:status_query")
    served.hand_in(two, proof("status_query"), paper=True)
    assert "联调“订单申报”" in served.next_step()
    served.send_back(two, screenshot="看不清编号")
    assert "联调“状态查询”" in served.next_step() and "去补正" in served.next_step()
    order = served.begin("interface_proof:order")
    served.hand_in(order, proof("order"), paper=True)
    served.hand_in(two, proof("status_query"))
    assert "已提交，等待工作人员审核" in served.next_step()


# --- going live ---------------------------------------------------------------------------------------------------------


def test_nobody_goes_live_before_every_interface_is_green(served: Way) -> None:
    served.connect()
    prove(served.enterprise, "order", message="A-1", day=timezone.localdate())
    assert "connection_go_live:" not in served.client.get(PAGE).content.decode()
    with acting_as(enterprise_id=served.enterprise.pk, user_id=served.actor.user.pk):
        one = applications.begin(kind_named("connection_go_live"), by=served.actor.user, enterprise=served.enterprise)
        typed = {name: [text] for name, text in LIVE.items()}
        problems = applications.submit(one, typed, by=served.actor.user, version=one.version)
    assert "还有接口没有联调通过：状态查询" in problems["__all__"][0]
    prove(served.enterprise, "status_query", message="A-2", day=timezone.localdate())
    served.make_ready()
    assert "已提交" in served.hand_in(one, LIVE)
    serve(served.enterprise, "merchant", "9610", clearance=served.enterprise.customs_code)
    with pytest.raises(NotPossible, match="清单申报"):
        served.approve(one)
    assert not served.enterprise.may_file


def test_receipts_of_test_and_production_never_arrive_at_one_place(served: Way) -> None:
    test = served.connect()
    served.prove_all()
    one = served.begin("connection_go_live:")
    for same in (test.callback, "HTTPS://Test-ERP.example.org:443/receipts"):
        page = served.hand_in(one, {**LIVE, "callback": same})
        assert "与另一个环境的回推地址相同" in page
    assert "设置好生产环境的加签后请勾选" in served.hand_in(one, {**LIVE, "signing_confirmed": ""})
    served.hand_in(one, LIVE)
    served.approve()
    change = served.begin("connection_change:sandbox")
    page = served.hand_in(change, {"callback": LIVE["callback"], "reason": "合并"})
    assert "与另一个环境的回推地址相同" in page


def test_a_suspended_enterprise_is_not_reopened_by_going_live(served: Way) -> None:
    served.connect()
    served.prove_all()
    served.hand_in(served.begin("connection_go_live:"), LIVE)
    Enterprise.objects.filter(pk=served.enterprise.pk).update(state=EnterpriseState.SUSPENDED)
    with pytest.raises(NotPossible, match="企业已暂停"):
        served.approve()
    assert "企业已暂停" in served.next_step() and "查看申请" in served.page()


def test_a_suspended_enterprise_proves_and_changes_nothing(served: Way) -> None:
    served.connect()
    order = served.begin("interface_proof:order")
    change = served.begin("connection_change:sandbox")
    Enterprise.objects.filter(pk=served.enterprise.pk).update(state=EnterpriseState.SUSPENDED)
    assert "企业已暂停" in served.hand_in(order, proof("order"), paper=True)
    said = {"environment": "sandbox", "source_addresses": "9.9.9.9", "reason": "换线路"}
    assert "企业已暂停" in served.hand_in(change, said)
    Enterprise.objects.filter(pk=served.enterprise.pk).update(state=EnterpriseState.APPROVED)
    assert "已提交" in served.hand_in(order, proof("order")) and "已提交" in served.hand_in(change, said)


def test_who_files_by_page_already_goes_on_doing_so(served: Way) -> None:
    Enterprise.objects.filter(pk=served.enterprise.pk).update(state=EnterpriseState.APPROVED)
    served.connect()
    served.prove_all()
    served.hand_in(served.begin("connection_go_live:"), LIVE)
    served.approve()
    assert served.enterprise.state == EnterpriseState.APPROVED
    assert Connection.objects.filter(enterprise=served.enterprise).count() == 2


# --- changes ------------------------------------------------------------------------------------------------------------


def test_the_old_addresses_stay_in_force_until_the_change_is_approved(served: Way) -> None:
    test = served.connect()
    one = served.begin("connection_change:sandbox")
    said = applications.typed_in(one)
    assert said["callback"] == [test.callback] and said["source_addresses"] == ["1.1.1.1\n8.8.8.0/28"]
    assert "没有变更" in served.hand_in(one, {"reason": "换线路"})
    assert "为另一个环境建立" in served.hand_in(one, {"reason": "换线路", "environment": "production"})
    served.hand_in(one, {"environment": "sandbox", "source_addresses": "9.9.9.9", "reason": "换线路"})
    (version,) = versions_of(Application.objects.get(pk=one.pk))
    before = {line.name: line.before for line in version.lines if line.is_changed}
    assert before == {"source_addresses": "1.1.1.1\n8.8.8.0/28", "reason": ""}, "staff see what becomes different"
    test.refresh_from_db()
    assert test.source_addresses == ["1.1.1.1", "8.8.8.0/28"] and "变更申请" in served.page()
    served.approve(one)
    code = test.platform_code
    test.refresh_from_db()
    assert (test.source_addresses, test.platform_code, test.application) == (["9.9.9.9"], code, one)
    assert test.changed and AuditEntry.objects.filter(action="connection_changed", subject=code).exists()


def test_what_is_not_connected_is_not_changed(served: Way) -> None:
    assert served.client.post(PAGE, {"apply": "connection_change:production"})["Location"] == PAGE
    assert not Application.objects.filter(enterprise=served.enterprise).exists()
    with acting_as(enterprise_id=served.enterprise.pk, user_id=served.actor.user.pk):
        one = applications.begin(
            kind_named("connection_change"), by=served.actor.user, enterprise=served.enterprise, topic="production"
        )
        typed = {"environment": ["production"], "source_addresses": ["9.9.9.9"], "reason": ["x"],
                 "callback": [LIVE["callback"]]}  # fmt: skip
        problems = applications.submit(one, typed, by=served.actor.user, version=one.version)
    assert "还没有开通" in problems["__all__"][0]


# --- what staff end, and who of them helps ------------------------------------------------------------------------------


def desk_of(one: Connection) -> str:
    return reverse("admin:accounts_connection_change", args=[one.pk])


def test_staff_end_an_environment_with_a_reason_and_it_may_be_applied_for_anew(
    served: Way, client_of: Callable[[str], Client]
) -> None:
    test, staff, cast = served.connect(), client_of("staff"), served.cast
    helps = {"helper": test.helper_id}
    assert staff.post(desk_of(test), {**helps, "end_reason": " "}).status_code == 302  # nothing was to be done
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


# --- the page, and who may what -----------------------------------------------------------------------------------------


def test_developers_look_and_administrators_apply(cast: Cast, client_of: Callable[[str], Client]) -> None:
    developer, administrator = client_of("merchant_developer"), client_of("merchant_administrator")
    body = developer.get(PAGE).content.decode()
    assert "由企业管理员办理" in body and 'name="apply"' not in body and "9020001" in body
    assert developer.post(PAGE, {"apply": "interface_proof:status_query"}).status_code == 403
    for username in ("merchant_filer", "merchant_viewer", "merchant_finance"):
        assert client_of(username).get(PAGE).status_code == 403
    assert administrator.post(PAGE, {"apply": "nonsense"}).status_code == 404
    first = administrator.post(PAGE, {"apply": "interface_proof:status_query"})["Location"]
    again = administrator.post(PAGE, {"apply": "interface_proof:status_query"})["Location"]
    assert first == again and Application.objects.count() == 1
    assert administrator.post(PAGE, {"apply": "interface_proof:payment"})["Location"] == PAGE


def test_it_is_begun_on_its_own_page_alone(served: Way) -> None:
    listed = served.client.get("/applications/").content.decode()
    for kind in ("test_access", "interface_proof", "connection_go_live", "connection_change"):
        assert f"/applications/{kind}/new/" not in listed
        assert served.client.get(f"/applications/{kind}/new/")["Location"] == PAGE


def test_every_application_is_called_by_what_it_is_about(served: Way) -> None:
    served.connect()
    for what in ("interface_proof:order", "interface_proof:status_query", "connection_change:sandbox"):
        served.begin(what)
    listed = served.client.get("/applications/").content.decode()
    for words in ("接口联调凭证 · 订单申报", "接口联调凭证 · 状态查询", "对接参数变更 · 测试环境"):
        assert words in listed
    assert kind_named("service").named("merchant-1210") == "服务开通 · 电商企业 · 1210 保税进口"
    assert kind_named("test_access").named("") == "系统调试"
    assert kind_named("interface_proof").named("gone") == "接口联调凭证 · gone"


def test_each_interface_that_is_built_has_its_document(cast: Cast, client_of: Callable[[str], Client]) -> None:
    client = client_of("warehouse_administrator")
    page = html.fromstring(client.get(PAGE).content)
    links = page.xpath("//section[@aria-labelledby='interfaces']//a[contains(@href, '/interfaces/')]/@href")
    assert links == [reverse("interface", kwargs={"kind": "inventory"})]
    answer = client.get(links[0])
    document = html.fromstring(answer.content)
    for holds in (assert_nothing_inline, assert_named, assert_alive):
        holds(document, links[0])
    words = document.text_content()
    assert "CEB621Message" in words and "CEB622Message" in words and "copNo" in words
    assert client.get("/connection/interfaces/cancellation/").status_code == 404


def test_it_costs_the_same_however_much_was_handed_in(
    served: Way, django_assert_max_num_queries: Callable[..., object]
) -> None:
    served.connect()
    for name in ("order", "status_query"):
        served.hand_in(served.begin(f"interface_proof:{name}"), proof(name), paper=True)
    with django_assert_max_num_queries(30):  # type: ignore[operator]
        served.client.get(PAGE)


# --- the wall, and the laws of the database -----------------------------------------------------------------------------


def test_an_enterprise_sees_its_own_and_writes_nothing(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    with acting_as(enterprise_id=merchant.pk, user_id=None):
        assert {one.enterprise_id for one in Connection.objects.all()} == {merchant.pk}
        assert {one.enterprise_id for one in InterfaceProof.objects.all()} == {merchant.pk}
    for role, statement in (
        ("portal_web", "UPDATE accounts_connection SET callback = 'https://other.example.org/'"),
        ("portal_web", "DELETE FROM accounts_connection"),
        ("portal_web", "INSERT INTO accounts_interfaceproof (enterprise_id, interface, message_number, day)"
                       " SELECT enterprise_id, 'payment', 'x', now() FROM accounts_interfaceproof"),
        ("portal_web", "UPDATE accounts_interfaceproof SET day = now()"),
        ("portal_staff", "UPDATE accounts_connection SET platform_code = '9999999'"),
        ("portal_staff", "DELETE FROM accounts_connection"),
        ("portal_staff", "UPDATE accounts_interfaceproof SET message_number = 'x'"),
        ("portal_staff", "DELETE FROM accounts_interfaceproof"),
    ):  # fmt: skip
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            with acting_as(enterprise_id=merchant.pk, user_id=None, role=role):  # type: ignore[arg-type]
                with connection.cursor() as cursor:
                    cursor.execute(statement)


@pytest.mark.parametrize(
    "said",
    [
        {"platform_code": "1230000"},  # of production, in the test
        {"environment": "production", "platform_code": "9230000"},
        {"platform_code": "923000"},
        {"platform_code": "9060001"},  # the warehouse's
        {"short_code": "T00000"},  # the platform's own
        {"short_code": "L00001"},
        {"short_code": "T04001"},  # of direct logistics
        {"environment": "production", "platform_code": "1230000", "short_code": "T00009"},
        {"callback": "http://erp.example.org/"},
        {"source_addresses": []},
        {"source_addresses": [f"1.1.1.{last}" for last in range(11)]},
    ],
)
def test_the_database_keeps_codes_and_places_apart(cast: Cast, newcomer: Actor, said: dict[str, object]) -> None:
    good: dict[str, object] = {
        "enterprise": newcomer.enterprise, "environment": "sandbox", "platform_code": "9230000", "short_code": "",
        "source_addresses": ["1.1.1.1"], "callback": "https://erp.example.org/", "service_address": "https://x.example/",
        "helper": cast.users["staff"], "helper_name": "平台值班",
    }  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        Connection.objects.create(**{**good, **said})
    Connection.objects.create(**good)
    for again in (
        {"callback": "https://other.example.org/"},
        {"environment": "production", "platform_code": "1230000"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():  # one an environment; one callback an enterprise
            Connection.objects.create(**{**good, "platform_code": "9230001", **again})


def test_every_interface_is_called_by_its_name() -> None:
    names = [one.name for one in INTERFACES]
    assert len(set(names)) == len(names) and all(interface_named(name).name == name for name in names)
    assert {one for interface in INTERFACES for one in interface.types} == set(EnterpriseType)
    assert set(Environment.values) == {"sandbox", "production"}


def test_a_document_says_every_element_in_the_published_order_with_its_length(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    client = client_of("merchant_developer")
    page = html.fromstring(client.get(reverse("interface", kwargs={"kind": "order"})).content)
    head = page.xpath("//section[@aria-labelledby='sent-1']//tbody/tr")
    tags = [row.xpath("string(td[2])").strip() for row in head]
    assert tags[:4] == ["guid", "appType", "appTime", "appStatus"] and tags[-1] == "note"
    said = {row.xpath("string(td[2])").strip(): " ".join(row.text_content().split()) for row in head}
    assert "文字，1–60 位 是" in said["orderNo"] and "文字，最多 1000 位 否" in said["note"]
    assert "数字，最多 19 位，其中小数 5 位" in said["goodsValue"] and "由平台填写" in said["guid"]
    assert "returnStatus" in page.xpath("string(//section[@aria-labelledby='answered-1'])")
    for username, status in (("merchant_viewer", 403), ("stranger", 404)):
        assert client_of(username).get(reverse("interface", kwargs={"kind": "order"})).status_code == status
