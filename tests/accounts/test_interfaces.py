"""The interfaces an enterprise proves in the test: whose they are, what shows it, and the document of each."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts.cast import Cast
from accounts.models import (
    ApplicationState,
    AuditEntry,
    Enterprise,
    InterfaceProof,
    Service,
)
from accounts.onboarding.applications import NotPossible
from accounts.onboarding.interfaces import INTERFACES, interface_named, lacking, needed_by, prove
from accounts.roles import EnterpriseType, Environment
from tests.accounts.connecting import PAGE, Way, proof, serve
from tests.pages.test_markup import assert_alive, assert_named, assert_nothing_inline

pytestmark = pytest.mark.django_db


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
