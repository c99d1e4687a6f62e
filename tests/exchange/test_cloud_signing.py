"""Cloud signing: nothing is signed without the consent of the enterprise, and each signature names who stands behind it."""

from collections.abc import Callable

import pytest
from cryptography import x509
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts.cast import Cast
from accounts.models import AuditEntry, Credential, Enterprise, Membership, SigningConsent, User
from accounts.roles import EnterpriseState, KeyPlace, MemberRole
from declarations.doors.signatures import signature_of
from declarations.exchange import outbox, signing
from declarations.models import Document, Outbound, OutboundState
from portal.sentences import speak
from tests.exchange.desk import FILERS, carried, certify, due_again, filed, forward_all, state

pytestmark = pytest.mark.django_db

CONSENT = reverse("signing_consent")


@pytest.fixture
def administrator(cast: Cast, client_of: Callable[[str], Client]) -> Client:
    """Of the platform, whose clerk is its administrator here."""
    Membership.objects.filter(user=cast.users["platform_filer"]).update(
        roles=[MemberRole.FILER, MemberRole.ADMINISTRATOR]
    )
    return client_of("platform_filer")


@pytest.fixture
def agreed(cast: Cast, administrator: Client) -> SigningConsent:
    """A consent given on the page by a person, in the place of the demo's."""
    certify(cast.enterprises["platform"])
    SigningConsent.objects.all().delete()
    administrator.post(CONSENT, {"do": "give", "version": "2026-1", "agreed": "yes"})
    return SigningConsent.objects.get()


def test_each_signature_is_traced_to_consent_certificate_and_filer(
    cast: Cast, agreed: SigningConsent, peer, administrator: Client
) -> None:
    one, two = filed(cast, "order", 1, 2)
    forward_all()
    message = Outbound.objects.get()
    assert (message.state, message.consent_id) == (OutboundState.SENT, agreed.pk)
    found = signature_of(message.pk)
    assert found is not None and found.consent == agreed
    assert agreed.given_by == cast.users["platform_filer"] and agreed.given_at <= found.signed_at
    certificate = Credential.objects.get(environment="sandbox", serial=found.serial)
    assert certificate.enterprise == message.enterprise
    public_key = x509.load_pem_x509_certificate(certificate.certificate.encode()).public_key()
    signing.verify(outbox.signed_bytes(message.pk), public_key)  # type: ignore[arg-type]
    assert carried(message) == [one, two] and list(found.filed_by) == [cast.users[FILERS["order"]]]
    page = administrator.get(reverse("message", args=["order", one, "out", message.pk]))
    shown = html.fromstring(page.content).xpath("//section[.//h2[@id='signature']]")[0].text_content()
    for word in (found.serial, str(agreed.given_by), f"第 {agreed.pk} 号", "2026-1"):
        assert word in shown


def test_a_message_that_two_people_filed_names_both(cast: Cast, agreed: SigningConsent, peer) -> None:
    second = User.objects.create(username="platform_second", name="第二人")
    Membership.objects.create(user=second, enterprise=cast.enterprises["platform"], roles=[MemberRole.FILER])
    both = Cast(cast.enterprises, {**cast.users, "platform_second": second})
    filed(both, "order", 1)
    filed(both, "order", 2, by="platform_second")
    forward_all()
    found = signature_of(Outbound.objects.get().pk)
    assert found is not None and set(found.filed_by) == {cast.users["platform_filer"], second}


def test_without_consent_it_waits_with_the_cure_and_goes_on_once_there_is_one(
    cast: Cast, agreed: SigningConsent, peer, administrator: Client
) -> None:
    administrator.post(CONSENT, {"do": "revoke"})
    agreed.refresh_from_db()
    assert agreed.revoked_at and agreed.revoked_by == cast.users["platform_filer"]
    (one,) = filed(cast, "order", 1)
    forward_all()
    message = Outbound.objects.get()
    assert (message.state, message.consent_id, message.signed_at) == (OutboundState.PENDING, None, None)
    assert "没有同意云加签" in speak(message.needs_person) and "证书与加签" in speak(message.needs_person)
    assert "没有同意云加签" in administrator.get(reverse("home")).content.decode()
    assert state(one)[0] == "queued", "nothing is failed: the clerk has done nothing wrong"
    administrator.post(CONSENT, {"do": "give", "version": "2026-1", "agreed": "yes"})
    due_again()
    forward_all()
    message.refresh_from_db()
    again = SigningConsent.objects.get(revoked_at=None)
    assert (message.state, message.consent_id, message.needs_person) == (OutboundState.SENT, again.pk, "")
    assert again.pk != agreed.pk
    page = administrator.get(CONSENT).content.decode()
    assert f"第 {again.pk} 号" in page and "已撤销的同意" in page
    deeds = AuditEntry.objects.filter(action__startswith="consent_").order_by("id").values_list("action", flat=True)
    assert list(deeds) == ["consent_given", "consent_revoked", "consent_given"]


def test_with_its_key_on_the_enterprises_device_it_waits_and_says_so(
    cast: Cast, agreed: SigningConsent, peer, administrator: Client
) -> None:
    Credential.objects.update(key_place=KeyPlace.DEVICE, proven_at=timezone.now())
    filed(cast, "order", 1)
    forward_all()
    reason = speak(Outbound.objects.get().needs_person)
    assert "企业自己的设备" in reason and "PKCS#12" in reason and Credential.objects.get().serial in reason
    assert "密钥在企业自己的设备上" in administrator.get(reverse("home")).content.decode()


def test_a_stopped_certificate_signs_nothing_more(
    cast: Cast, agreed: SigningConsent, peer, administrator: Client
) -> None:
    administrator.post(reverse("change_credential", args=[Credential.objects.get().pk]), {"do": "stop"})
    filed(cast, "order", 1)
    forward_all()
    assert Outbound.objects.get().state == OutboundState.PENDING
    assert "没有测试环境使用中的证书" in speak(Outbound.objects.get().needs_person)
    assert "没有使用中的加签证书" in administrator.get(reverse("home")).content.decode()


def test_the_consent_costs_no_query_of_its_own(cast: Cast, agreed: SigningConsent, peer) -> None:
    counted = []
    for numbers in ((1,), (2, 3, 4)):
        for number in numbers:
            filed(cast, "order", number)
            Outbound.objects.filter(state=OutboundState.PENDING).update(alone=True)
        with CaptureQueriesContext(connection) as asked:
            forward_all()
        assert Outbound.objects.filter(consent_id=agreed.pk).count() == numbers[-1]
        of_signing = [one["sql"] for one in asked.captured_queries if 'FROM "accounts_credential"' in one["sql"]]
        assert len(of_signing) == 1 and "accounts_signingconsent" in of_signing[0]
        assert sum("accounts_signingconsent" in one["sql"] for one in asked.captured_queries) == 1
        counted.append(len(asked.captured_queries))
    assert counted[0] == counted[1], "three messages as one"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"do": "give", "version": "2026-1"}, "请先勾选"),
        ({"do": "give", "version": "2020-1", "agreed": "yes"}, "文本刚有更新"),
        ({"do": "give", "agreed": "yes"}, "没有办理"),
        ({}, "请先勾选"),
    ],
)
def test_only_the_text_that_was_read_is_agreed_to(
    data: dict[str, str], word: str, cast: Cast, administrator: Client
) -> None:
    page = administrator.get(CONSENT).content.decode()
    assert "用它对本企业申报的报文加签" in page and 'value="2026-1"' in page
    assert word in administrator.post(CONSENT, data, follow=True).content.decode()
    assert not SigningConsent.objects.exists()


def test_it_is_given_once_and_revoked_once(cast: Cast, agreed: SigningConsent, administrator: Client) -> None:
    again = administrator.post(CONSENT, {"do": "give", "version": "2026-1", "agreed": "yes"}, follow=True)
    assert "已经同意过" in again.content.decode() and SigningConsent.objects.count() == 1
    for _time in range(2):
        assert administrator.post(CONSENT, {"do": "revoke"}).status_code == 302
    assert AuditEntry.objects.filter(action="consent_revoked").count() == 1


def test_a_developer_reads_it_and_a_suspended_enterprise_only_revokes(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    developer, administrator = client_of("merchant_developer"), client_of("merchant_administrator")
    give = {"do": "give", "version": "2026-1", "agreed": "yes"}
    page = html.fromstring(developer.get(CONSENT).content)
    assert not page.xpath("//main//form") and developer.post(CONSENT, give).status_code == 403
    assert administrator.post(CONSENT, give).status_code == 302
    Enterprise.objects.update(state=EnterpriseState.SUSPENDED)
    assert administrator.post(CONSENT, {"do": "revoke"}).status_code == 302
    assert administrator.post(CONSENT, give).status_code == 403
    assert not SigningConsent.objects.filter(revoked_at=None).exists()
    assert not Document.objects.exists()
