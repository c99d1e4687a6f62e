"""Keeps the keys enterprises sign with: in files under a handle, encrypted, never in a table.

Step 6 of the walk asks `credential_to_sign_with` and `signing_key` here: the signing service, which is a worker. The pages
write keys (``accounts/enrolment.py``) and never read one. For the demo and the tests `make_credential` plays the
certificate office: a certification authority invented for the purpose, kept in the same folder.
"""

import base64
import os
import secrets
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Credential, Enterprise, SigningConsent
from accounts.roles import Environment, KeyPlace
from portal.sentences import keep

AUTHORITY = "Tongguan Demo CA"
AUTHORITY_FILE = "demo-ca.pem"  # portal/checks.py knows it too
#: The version of the consent under which the demo signs for its invented enterprises.
DEMO_CONSENT = "demo"
VALID_FOR = timedelta(days=2 * 365)
NAME_LENGTH = 64  # X.520: upper bound of a common name


class CredentialProblem(Exception):
    """A certificate cannot be used now; the text says in Chinese why and what to do."""


class Pair(NamedTuple):
    """A private key and its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


def credential_in_use(enterprise_id: int, environment: str | None = None) -> Credential:
    """The one certificate the enterprise signs with in this environment (by default the one this portal runs in).

    Raises CredentialProblem when there is none.
    """
    environment = environment or present_environment()
    try:
        return Credential.objects.get(enterprise_id=enterprise_id, environment=environment, active=True)
    except Credential.DoesNotExist as error:
        label = Environment(environment).label
        raise CredentialProblem(_("企业没有%s使用中的证书，请先登记证书") % label) from error


def credential_to_sign_with(enterprise_id: int) -> tuple[Credential, int]:
    """The certificate in use whose key is kept here, and the consent under which it signs; both by one query.

    Raises CredentialProblem when there is none, when its key is elsewhere, or when the enterprise has not agreed.
    """
    consent = SigningConsent.objects.filter(enterprise=OuterRef("enterprise"), revoked_at=None).values("pk")[:1]
    found = Credential.objects.annotate(consent_id=Subquery(consent)).filter(
        enterprise_id=enterprise_id, environment=present_environment(), active=True
    )
    credential = found.first() or credential_in_use(enterprise_id)
    check_key_is_here(credential)
    consent_id: int | None = getattr(credential, "consent_id", None)
    if consent_id is None:
        raise CredentialProblem(
            keep(
                gettext_noop(
                    "企业没有同意云加签，本平台不能代为加签。请企业管理员在“证书与加签”同意云加签，之后自动发送"
                )
            )
        )
    return credential, consent_id


def check_key_is_here(credential: Credential) -> None:
    """Raise CredentialProblem when the key of the certificate never was ours to keep."""
    if credential.key_place == KeyPlace.DEVICE:
        reason = gettext_noop(
            "证书 %(serial)s 的密钥在企业自己的设备上，本平台不能加签。请企业管理员在“证书与加签”登记 PKCS#12 或制作密钥，并改用那个证书"
        )
        raise CredentialProblem(keep(reason, serial=credential.serial))


def signing_key(credential: Credential) -> rsa.RSAPrivateKey:
    """The private key of a credential that may sign now, read from its file once per process.

    Raises CredentialProblem when the certificate is of the other environment, out of use, expired, not yet valid, or its
    key cannot be opened.
    """
    check_environment(credential)
    check_usable(credential, timezone.now())
    check_key_is_here(credential)
    try:
        return read_key(credential.key_handle)
    except FileNotFoundError as error:
        raise CredentialProblem(_("证书 %s 的密钥不在本机，请重新登记证书") % credential.serial) from error
    except ValueError as error:
        raise CredentialProblem(_("证书 %s 的密钥打不开，请重新登记证书") % credential.serial) from error


@lru_cache(maxsize=1024)
def read_key(handle: str) -> rsa.RSAPrivateKey:
    """The key under a handle. A handle is never used twice, so what was read once stays true.

    Raises RuntimeError in the process of the pages: what was written there is read by the signing service alone.
    """
    if settings.PORTAL_PROCESS == "web":
        raise RuntimeError("the pages read no signing key")
    return opened(key_file(handle).read_bytes(), handle)


@lru_cache(maxsize=1024)
def certificate_base64(pem: str) -> str:
    """The certificate as a signature carries it: base64 of its DER form, without line breaks."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def present_environment() -> str:
    """The environment this portal runs in."""
    return Environment.PRODUCTION if settings.PORTAL_ENV == "production" else Environment.SANDBOX


def check_environment(credential: Credential) -> None:
    """Raise CredentialProblem unless the certificate is of the environment this portal runs in: the two never mix."""
    if credential.environment != present_environment():
        said = {"serial": credential.serial, "own": Environment(credential.environment).label}
        reason = gettext_noop("证书 %(serial)s 登记在%(own)s，只能在%(own)s加签，请登记本环境的证书")
        raise CredentialProblem(keep(reason, **said))


def check_usable(credential: Credential, now: datetime) -> None:
    """Raise CredentialProblem unless the certificate is in use and valid at this time."""
    day = "%Y-%m-%d"
    if not credential.active:
        raise CredentialProblem(_("证书 %s 已停用，请使用现行证书") % credential.serial)
    if now < credential.not_before:
        starts = timezone.localtime(credential.not_before).strftime(day)
        raise CredentialProblem(_("证书 %(serial)s 自 %(day)s 起才有效") % {"serial": credential.serial, "day": starts})
    if now > credential.not_after:
        ended = timezone.localtime(credential.not_after).strftime(day)
        raise CredentialProblem(
            _("证书 %(serial)s 已于 %(day)s 到期，请登记新证书") % {"serial": credential.serial, "day": ended}
        )


@transaction.atomic
def make_credential(
    enterprise: Enterprise, environment: str = Environment.SANDBOX, *, now: datetime | None = None
) -> Credential:
    """Make a key and a certificate for the demo or a test; it takes the place of the one in use.

    The enterprise agrees to cloud signing with it. Raises ImproperlyConfigured in production.
    """
    if settings.PORTAL_ENV == "production":
        raise ImproperlyConfigured("The demo's certificates are invented: not for production.")
    now = now or timezone.now()
    authority = demo_authority(now)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = issue(
        authority,
        subject=subject_of(enterprise),
        public_key=key.public_key(),
        now=now,
    )
    handle = new_handle()
    write_once(key_file(handle), private_pem(key, handle))
    Credential.objects.filter(enterprise=enterprise, environment=environment, active=True).update(
        active=False, ended_at=now
    )
    credential = Credential.objects.create(
        enterprise=enterprise,
        environment=environment,
        serial=serial_text(certificate.serial_number),
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key_handle=handle,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
    record(Bystander(enterprise=enterprise), Action.CREDENTIAL_MADE, credential.serial, environment=environment)
    agree_for_demo(enterprise)
    return credential


def agree_for_demo(enterprise: Enterprise) -> None:
    """The consent of an invented enterprise, given by nobody; one that stands is left as it is."""
    SigningConsent.objects.get_or_create(
        enterprise=enterprise, revoked_at=None, defaults={"text_version": DEMO_CONSENT}
    )


def subject_of(enterprise: Enterprise) -> x509.Name:
    """How an enterprise is named in its certificate: by its name and, as serial number, its customs code."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.COMMON_NAME, enterprise.name[:NAME_LENGTH]),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, enterprise.customs_code),
        ]
    )


def serial_text(serial: int) -> str:
    """A serial number as customs' card reader writes it: whole bytes in lower-case hex, so leading zeros stay."""
    return serial.to_bytes(max(1, (serial.bit_length() + 7) // 8)).hex()


def issue(authority: Pair, *, subject: x509.Name, public_key: rsa.RSAPublicKey, now: datetime) -> x509.Certificate:
    """A certificate for signing, given by the demo authority."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject)
        .public_key(public_key)
        # The first byte 03, as on the cards: so the demo too has a leading zero that must not be lost.
        .serial_number(int.from_bytes(b"\x03" + secrets.token_bytes(7)))
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(signing_usage(), critical=True)
        .sign(authority.key, hashes.SHA256())
    )


def demo_authority(now: datetime) -> Pair:
    """The invented authority of this data folder, made when first asked for."""
    file = settings.PORTAL_KEYS_DIR / AUTHORITY_FILE
    if not file.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + 5 * VALID_FOR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        write_once(file, private_pem(key, AUTHORITY_FILE) + pem)
    data = file.read_bytes()
    return Pair(opened(data, AUTHORITY_FILE), x509.load_pem_x509_certificate(data))


def signing_usage() -> x509.KeyUsage:
    """For signatures that bind, and nothing else."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def new_handle() -> str:
    """A name for a key that no other key ever has."""
    return secrets.token_hex(16)


def key_file(handle: str) -> Path:
    """Where the key of a handle lies."""
    return settings.PORTAL_KEYS_DIR / f"{handle}.pem"


def passphrase(field_key: str, handle: str) -> bytes:
    """What encrypts the key file of one handle: derived from a secret of the portal, so never stored."""
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"signing key {handle}".encode())
    return base64.b64encode(derived.derive(base64.b64decode(field_key)))


def private_pem(key: rsa.RSAPrivateKey, handle: str) -> bytes:
    """The private key as an encrypted PEM (PKCS#8, AES-256)."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase(settings.PORTAL_FIELD_KEYS[0], handle)),
    )


def opened(pem: bytes, handle: str) -> rsa.RSAPrivateKey:
    """The private key in an encrypted PEM, whichever of the portal's secrets it was written under; else ValueError."""
    for field_key in settings.PORTAL_FIELD_KEYS:
        try:
            key = serialization.load_pem_private_key(pem, passphrase(field_key, handle))
        except ValueError:
            continue
        if isinstance(key, rsa.RSAPrivateKey):
            return key
    raise ValueError(f"no secret of this portal opens the key {handle}")


def write_once(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, readable by us alone; when another process was first, keep its file."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def change_in_turn(enterprise: Enterprise, environment: str) -> None:
    """Wait for whoever is changing what this enterprise signs with; what is asked then stays true until the commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"certificates {enterprise.pk} {environment}"]
        )
