"""The detail page: the story of a document, its messages masked, the raw bytes for a reason and on record."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from declarations.doors import story
from declarations.exchange import outbox
from declarations.kinds import KINDS, kind
from declarations.lifecycle import State
from declarations.models import Inbound, InboundBytes, Receipt
from portal.personal import pack
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
        assert outbox._sign_and_keep(message)
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
    assert outbox._sign_and_keep(message)
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
    with django_assert_max_num_queries(20) as one:
        client.get(address)
    for number in range(10):
        receipt(document, "2", f"[Code:2;Desc:{number}]")
    with django_assert_max_num_queries(len(one.captured_queries)):
        client.get(address)
