"""The detail page: the story of a document, its messages masked, the raw bytes for a reason and on record."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts.models import AuditEntry
from declarations.doors import story
from declarations.doors.advice import reasons
from declarations.exchange import outbox
from declarations.kinds import KINDS, kind
from declarations.lifecycle import State
from declarations.models import Inbound, InboundBytes, Outbound, Receipt, StateChange
from portal.personal import pack
from portal.sentences import keep
from tests.pages import filed

pytestmark = pytest.mark.django_db
SLUGS = [kind.slug for kind in KINDS]


def receipt(document, code, info, *, at=None):
    """An answer of customs on a document, as the inbox would have kept it."""
    now = at or timezone.now()
    inbound = Inbound.objects.create(
        enterprise_id=document.enterprise_id, sha256="0" * 64, byte_count=1, not_before=now, received_at=now
    )
    InboundBytes.objects.create(inbound_id=inbound.pk, enterprise_id=document.enterprise_id, content=pack(b"<r/>"))
    return Receipt.objects.create(
        enterprise_id=document.enterprise_id, document=document, inbound_id=inbound.pk, kind=document.kind, code=code,
        info=info, customs_time=now, fingerprint=f"{document.pk} {code} {info}"[:64], received_at=now,
    )  # fmt: skip


def sent(cast_with_keys, slug):
    """A document whose message was signed and kept, as the outbox does it."""
    (document,) = filed.file(cast_with_keys, slug, 1)
    for message in outbox.claim():
        assert outbox._sign_and_keep([message])
    return document


@pytest.mark.parametrize("slug", SLUGS)
def test_it_tells_every_step(slug, cast, client_of):
    (document,) = filed.file(cast, slug, 1)
    receipt(document, "2", "[Code:2;Desc:新增申报成功]")
    receipt(document, "100", "[Code:1327;Desc:订购人与支付人不一致]")
    filed.reject([document])
    page = client_of(filed.FILERS[slug]).get(reverse("detail", args=[slug, document.pk]))
    titles = [step.title for step in page.context["story"].steps]
    assert titles[0] == "海关退单" and titles[-2:] == ["校验通过", "申报"]
    body = page.content.decode()
    assert "订购人与支付人不一致" in body and "请核对后由有误的一方更正" in body


def test_it_frames_the_field_customs_points_at(cast, client_of):
    documents = filed.file(cast, "order", 1)
    filed.reject(documents)
    page = client_of("merchant_filer").get(reverse("detail", args=["order", documents[0].pk]))
    flagged = {said.name for section in page.context["story"].sections for said in section.statements if said.flagged}
    assert flagged == {"buyer_name", "buyer_id_number"}


def test_it_offers_no_correction_to_whom_may_not_file(cast, client_of):
    documents = filed.file(cast, "order", 1)
    filed.reject(documents)
    body = client_of("merchant_viewer").get(reverse("detail", args=["order", documents[0].pk])).content.decode()
    assert "?from=" not in body


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("slug", SLUGS)
def test_it_draws_every_state(slug, state, cast):
    (document,) = filed.file(cast, slug, 1)
    document.state = state
    assert story.story(kind(slug), document).turn.what


@pytest.mark.parametrize("slug", SLUGS)
def test_it_shows_a_message_masked(slug, cast_with_keys, client_of):
    document = sent(cast_with_keys, slug)
    number = document.messages.get().outbound_id
    page = client_of(filed.FILERS[slug]).get(reverse("message", args=[slug, document.pk, "out", number]))
    text = page.context["text"]
    body = getattr(document, slug)
    assert document.number in text and kind(slug).sends in text
    for described in kind(slug).fields:
        if described.personal and getattr(body, described.name):
            assert f">{described.masked(getattr(body, described.name))}</" in text
            assert f">{getattr(body, described.name)}</" not in text


def test_it_shows_one_document_of_a_message_of_many(cast_with_keys, client_of):
    documents = filed.file(cast_with_keys, "order", 1, 2, 3)
    (message,) = outbox.claim()
    assert outbox._sign_and_keep([message])
    page = client_of("merchant_filer").get(reverse("message", args=["order", documents[1].pk, "out", message.pk]))
    assert page.context["others"] == 2
    assert documents[1].number in page.context["text"] and documents[0].number not in page.context["text"]


def test_it_gives_the_raw_bytes_for_a_reason_and_on_record(cast_with_keys, client_of):
    document = sent(cast_with_keys, "order")
    number = document.messages.get().outbound_id
    client = client_of("merchant_filer")
    address = reverse("raw", args=["order", document.pk, "out", number])
    assert client.get(address).status_code == 405
    refused = client.post(address, {"reason": " "})
    assert refused.status_code == 400 and "请写明下载原因" in refused.content.decode()
    assert not AuditEntry.objects.filter(action="raw_download").exists()
    given = client.post(address, {"reason": "海关来电核对"})
    assert given.content == outbox.signed_bytes(number)
    assert given.headers["Content-Disposition"].startswith("attachment")
    entry = AuditEntry.objects.get(action="raw_download")
    assert entry.details["reason"] == "海关来电核对" and entry.user == cast_with_keys.users["merchant_filer"]


def test_it_shows_only_messages_the_document_was_in(cast_with_keys, client_of):
    first = sent(cast_with_keys, "order")
    (second,) = filed.file(cast_with_keys, "order", 2)
    number = first.messages.get().outbound_id
    client = client_of("merchant_filer")
    for direction in ("out", "in"):
        assert client.get(reverse("message", args=["order", second.pk, direction, number])).status_code == 404


@pytest.mark.parametrize("slug", SLUGS)
def test_it_costs_the_same_queries_however_much_happened(slug, cast, client_of, django_assert_max_num_queries):
    (document,) = filed.file(cast, slug, 1)
    client = client_of(filed.FILERS[slug])
    address = reverse("detail", args=[slug, document.pk])
    client.get(address)
    with django_assert_max_num_queries(26) as one:
        client.get(address)
    for number in range(10):
        receipt(document, "2", f"[Code:2;Desc:{number}]")
    with django_assert_max_num_queries(len(one.captured_queries)):
        client.get(address)


def test_documents_that_disagree_are_nobodys_fault_yet(cast, client_of):
    documents = filed.file(cast, "order", 1)
    filed.reject(documents, "[Code:1332;Desc:支付金额与订单支付金额不一致]")
    page = client_of("merchant_filer").get(reverse("detail", args=["order", documents[0].pk]))
    told = page.context["story"]
    assert not told.turn.is_ours and "订单、支付单" in told.turn.what
    body = page.content.decode()
    assert "变更申报" in body and "内容不变也可以重新申报" in body and "用原编号重新申报" in body


def test_what_is_wrong_with_one_document_stays_the_filers_to_correct(cast):
    documents = filed.file(cast, "order", 1)
    filed.reject(documents, "[Code:1300;Desc:人工退单][Code:1332;Desc:不一致]")
    documents[0].refresh_from_db()
    told = story.story(kind("order"), documents[0])
    assert told.turn.is_ours and not told.ways_out


@pytest.mark.parametrize("slug", ["order", "payment", "waybill"])
def test_it_does_not_say_what_others_have_filed(slug, cast):
    documents = filed.file(cast, slug, 1)
    filed.accept(documents)
    documents[0].refresh_from_db()
    told = story.story(kind(slug), documents[0]).turn
    assert told.what == "等订单、支付单、运单、清单到齐并一致" and not told.who


def test_it_orders_what_happened_in_one_second_by_step(cast_with_keys):
    document = sent(cast_with_keys, "order")
    second = timezone.now().replace(microsecond=0)
    message = document.messages.get().outbound
    Outbound.objects.filter(pk=message.pk).update(
        signed_at=second.replace(microsecond=900), sent_at=second.replace(microsecond=800), state="sent"
    )
    StateChange.objects.filter(document=document).update(happened_at=second.replace(microsecond=999))
    receipt(document, "120", "[Code:1800;Desc:逻辑校验通过]", at=second)
    receipt(document, "2", "[Code:2;Desc:新增申报成功]", at=second)
    titles = [step.code or step.title for step in reversed(story.story(kind("order"), document).steps)]
    assert titles == ["申报", "校验通过", "加签", "发往海关", "2", "120"]


def test_it_says_on_top_that_the_gateway_is_away(cast_with_keys):
    document = sent(cast_with_keys, "order")
    soon = timezone.now() + timedelta(minutes=3)
    reason = keep("连接海关网关失败（%(error)s），稍后自动重发", error="timeout")
    message = Outbound.objects.filter(pk=document.messages.get().outbound_id)
    message.update(sendings=4, attempts=9, not_before=soon, last_error=reason)
    told = story.story(kind("order"), document).turn
    assert "已试 4 次" in told.what and f"{timezone.localtime(soon):%H:%M}" in told.what and "timeout" in told.what
    message.update(needs_person=keep("请平台核对网关地址与口令"))
    told = story.story(kind("order"), document).turn
    assert told.is_ours and told.what == "请平台核对网关地址与口令"


def test_it_says_codes_in_words(cast, client_of):
    documents = filed.file(cast, "order", 1)
    page = client_of("merchant_filer").get(reverse("detail", args=["order", documents[0].pk]))
    cells = {one.name: one.cell for section in page.context["story"].sections for one in section.statements}
    words = {name: (cells[name].text, cells[name].code) for name in ("order_type", "buyer_id_type", "app_type")}
    assert words == {"order_type": ("进口", "I"), "buyer_id_type": ("身份证", "1"), "app_type": ("新增", "1")}
    assert (cells["app_status"].text, cells["app_status"].code) == ("申报", "2")


def test_it_names_the_field_behind_an_element_of_the_message():
    (reason,) = reasons("[Code:-10102;Desc:无效企业代码,ebpCode]")
    assert reason.text == "无效企业代码,ebpCode（电商平台代码）"
    assert "海关没有以这个编码登记的企业" in str(reason.advice.text) and "ebp_code" in reason.advice.fields
    (reason,) = reasons("[Code:1;Desc:iPhone, orderNo（订单编号）]")
    assert reason.text == "iPhone, orderNo（订单编号）"


SHORT = "[Code:1200;Desc:待人工审核，担保额度不足：本单税款30.03元，担保企业可用10.00元；增加额度后自动放行]"


def test_a_list_reviewed_for_a_guarantee_that_is_too_small_waits_for_its_guarantor(cast, client_of):
    documents = filed.file(cast, "inventory", 1)
    receipt(documents[0], "300", SHORT)
    filed.accept(documents)
    filed.move(documents, State.REVIEW, code="300", reason=SHORT)
    page = client_of("warehouse_filer").get(reverse("detail", args=["inventory", documents[0].pk]))
    told, body = page.context["story"].turn, page.content.decode()
    assert documents[0].inventory.ebc_name in told.who and not told.is_ours and "增加担保额度" in told.what
    assert "请担保企业增加担保额度，到账后海关自动放行，不必重报" in body
    (row,) = client_of("warehouse_filer").get(reverse("list", args=["inventory"])).context["page"].rows
    assert documents[0].inventory.ebc_name in row.next_step


def test_a_list_reviewed_for_anything_else_waits_for_customs(cast, client_of):
    documents = filed.file(cast, "inventory", 1)
    filed.accept(documents)
    filed.move(documents, State.REVIEW, code="300", reason="[Code:1200;Desc:待人工审核]")
    page = client_of("warehouse_filer").get(reverse("detail", args=["inventory", documents[0].pk]))
    assert page.context["story"].turn.who == "海关" and "增加担保额度" not in page.content.decode()


def test_a_quantity_stands_with_its_unit_so_that_the_total_fits_beside(cast, client_of):
    (listed,) = filed.file(cast, "inventory", 1)
    page = client_of("warehouse_filer").get(reverse("detail", args=["inventory", listed.pk]))
    goods = page.context["story"].goods
    heads = [head.text for head in goods.columns]
    assert "总价" in heads and not {"计量单位", "法定计量单位"} & set(heads)
    first = dict(zip(heads, goods.rows[0], strict=True))
    assert (first["数量"].text, first["数量"].code) == ("2 袋", "136") and first["法定数量"].text == "2 千克"
    cells = html.fromstring(page.content).xpath("//table[contains(@class, 'goods')]/tbody/tr[1]/td[@data-label='数量']")
    assert cells[0].text_content().split() == ["2", "袋", "136"]
