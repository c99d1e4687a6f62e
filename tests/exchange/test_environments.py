"""Test and production never mix: a key signs in its own environment alone, and nothing leaves without a valid signature."""

import pytest
from cryptography import x509
from django.core import checks

from accounts.cast import Cast
from accounts.credentials import CredentialProblem, make_credential
from accounts.models import Credential
from accounts.roles import Environment
from declarations.exchange import outbox, signing
from declarations.models import Outbound, OutboundBytes, OutboundState
from portal.sentences import speak
from tests.exchange.desk import certify, due_again, filed, forward_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def both(cast: Cast) -> dict[str, Credential]:
    """A certificate in use in each environment, as two real ones would be."""
    platform = cast.enterprises["platform"]
    return {"sandbox": certify(platform), "production": make_credential(platform, Environment.PRODUCTION)}


@pytest.mark.parametrize(("env", "own"), [("production", "production"), ("demo", "sandbox")])
def test_each_environment_signs_with_its_own_certificate(
    cast: Cast, both: dict[str, Credential], peer, settings, env: str, own: str
) -> None:
    settings.PORTAL_ENV = env
    filed(cast, "order", 1)
    forward_all()
    message = Outbound.objects.get()
    assert (message.state, message.certificate_serial) == (OutboundState.SENT, both[own].serial)
    sent = outbox.signed_bytes(message.pk)
    other = next(one for name, one in both.items() if name != own)
    for credential in (both[own], other):
        public_key = x509.load_pem_x509_certificate(credential.certificate.encode()).public_key()
        if credential is both[own]:
            signing.verify(sent, public_key)  # type: ignore[arg-type]
        else:
            with pytest.raises(signing.SignatureProblem):
                signing.verify(sent, public_key)  # type: ignore[arg-type]


@pytest.mark.parametrize(("env", "own"), [("production", "production"), ("demo", "sandbox")])
def test_the_key_of_the_other_environment_is_not_even_opened(
    both: dict[str, Credential], settings, env: str, own: str
) -> None:
    settings.PORTAL_ENV = env
    for name, credential in both.items():
        if name == own:
            assert signing.key_of(credential).serial == credential.serial
        else:
            with pytest.raises(CredentialProblem) as refused:
                signing.key_of(credential)
            assert f"只能在{Environment(name).label}加签" in speak(str(refused.value))


def test_production_sends_nothing_with_a_certificate_of_the_test_alone(cast: Cast, peer, settings) -> None:
    certify(cast.enterprises["platform"])
    settings.PORTAL_ENV = "production"
    filed(cast, "order", 1)
    forward_all()
    message = Outbound.objects.get()
    assert message.state == OutboundState.PENDING and not OutboundBytes.objects.exists() and not peer.letters
    assert "没有生产环境使用中的证书" in speak(message.needs_person)


def test_production_refuses_a_message_whose_signature_does_not_hold(
    cast: Cast, both: dict[str, Credential], peer, settings
) -> None:
    """The key is not that of the certificate: customs would find no valid signature, so it never leaves."""
    handle = both["sandbox"].key_handle
    Credential.objects.filter(pk=both["sandbox"].pk).delete()
    Credential.objects.filter(pk=both["production"].pk).update(key_handle=handle)
    settings.PORTAL_ENV = "production"
    filed(cast, "order", 1)
    forward_all()
    message = Outbound.objects.get()
    assert message.state == OutboundState.PENDING and not OutboundBytes.objects.exists() and not peer.letters
    assert "不是一对" in speak(message.needs_person)


def test_a_message_without_a_signature_is_none(cast: Cast, both: dict[str, Credential], peer) -> None:
    filed(cast, "order", 1)
    forward_all()
    signed = outbox.signed_bytes(Outbound.objects.get().pk)
    unsigned = (
        signed[: signed.index(b"<ds:Signature ")] + signed[signed.index(b"</ds:Signature>") + len(b"</ds:Signature>") :]
    )
    public_key = x509.load_pem_x509_certificate(both["sandbox"].certificate.encode()).public_key()
    with pytest.raises(signing.SignatureProblem) as refused:
        signing.verify(unsigned, public_key)  # type: ignore[arg-type]
    assert "实有 0 个" in speak(str(refused.value))


def test_what_was_signed_in_the_test_is_not_sent_from_production(
    cast: Cast, both: dict[str, Credential], peer, settings
) -> None:
    first, url = filed(cast, "order", 1), settings.GATEWAY_URL
    settings.GATEWAY_URL = "http://127.0.0.1:9/"
    forward_all()
    message = Outbound.objects.get()
    assert message.state == OutboundState.SIGNED
    settings.PORTAL_ENV, settings.GATEWAY_URL = "production", url
    due_again()
    second = filed(cast, "order", 2)
    forward_all()
    message.refresh_from_db()
    assert message.state == OutboundState.SIGNED and "另一个环境的证书" in speak(message.needs_person)
    assert Outbound.objects.exclude(pk=message.pk).get().state == OutboundState.SENT, "it keeps nobody waiting"
    settings.PORTAL_ENV = "demo"
    due_again()
    forward_all()
    message.refresh_from_db()
    assert (message.state, message.needs_person) == (OutboundState.SENT, "") and first != second


def test_the_interfaces_of_the_two_are_never_one_host(settings) -> None:
    def found() -> set[str]:
        return {str(one.id) for one in checks.run_checks(tags=["security"])} & {"portal.E007", "portal.W004"}

    assert found() == set()
    settings.PORTAL_INTERFACES = {"sandbox": "https://api.example.org/test/", "production": "https://API.example.org/"}
    assert found() == {"portal.E007"}
    settings.PORTAL_INTERFACES = {"sandbox": "", "production": "https://api.example.org/"}
    assert found() == {"portal.W004"}
