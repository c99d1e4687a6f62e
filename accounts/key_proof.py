"""That the key of a certificate registered alone is in the hands of who registered it: a text, signed with it.

A certificate is no secret, so registering one shows nothing. The text names the enterprise, the environment, the
certificate and the day, and ends in what only this portal can make; it stands for that day and the next, so that whoever
carries it to a machine of their own has at least a day, and nothing has to be kept of it.
"""

import base64
import binascii
from datetime import date, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.access import Actor
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Credential
from accounts.roles import KeyPlace

#: What a text begins with, so that its signature means nothing elsewhere.
BEGINS = "tongguan-key-proof"
#: What a machine may put after the text when it writes it to a file.
LINE_ENDS = (b"", b"\n", b"\r\n")
#: As the messages to customs are signed with SHA-1, a device may know nothing newer.
HASHES = (hashes.SHA256(), hashes.SHA1())  # noqa: S303 (verified, never made)
#: Base64 of the longest signature, 512 bytes, with its line breaks.
LONGEST = 1000


class NotProved(ValueError):
    """What was handed in shows nothing; the text says in Chinese why and what to do."""


def needs_proof(credential: Credential) -> bool:
    """Whether nobody has shown yet that the key is there."""
    return credential.key_place == KeyPlace.DEVICE and credential.proven_at is None


def text_to_sign(credential: Credential, day: date | None = None) -> str:
    """What is to be signed, as it is given out on this day (by default today)."""
    issued = (day or timezone.localdate()).isoformat()
    words = [BEGINS, credential.enterprise.customs_code, credential.environment, credential.serial, issued]
    said = " ".join(words)
    ours = salted_hmac("accounts.key_proof", f"{credential.pk} {said}", algorithm="sha256").hexdigest()
    return f"{said} {ours[:32]}"


def command_for(text: str) -> str:
    """How it is signed on a machine of one's own; it prints what is to be handed in."""
    return f"printf %s '{text}' | openssl dgst -sha256 -sign own.key | openssl base64 -A"


@transaction.atomic
def prove(actor: Actor, credential: Credential, typed: str) -> None:
    """The key is there: the certificate may be used from now on. Raises NotProved."""
    if not needs_proof(credential):
        return
    signature = _bytes(typed)
    key = x509.load_pem_x509_certificate(credential.certificate.encode()).public_key()
    assert isinstance(key, RSAPublicKey)  # no other is registered
    today = timezone.localdate()
    texts = [text_to_sign(credential, day).encode() for day in (today, today - timedelta(days=1))]
    if not any(_is_signed(key, signature, text + end) for text in texts for end in LINE_ENDS):
        raise NotProved(
            _(
                "签名与这个证书不符。请用证书自己的私钥，对本页现在的文字签名（SHA-256，PKCS#1 v1.5），再粘贴 Base64 结果"
            )
        )
    unproved = Credential.objects.filter(pk=credential.pk, enterprise=actor.enterprise, proven_at=None)
    if unproved.update(proven_at=timezone.now()):
        record(actor, Action.CREDENTIAL_PROVED, credential.serial, environment=credential.environment)


def _bytes(typed: str) -> bytes:
    """The signature in what was pasted. Raises NotProved."""
    bare = "".join(typed.split())
    if not bare:
        raise NotProved(_("请粘贴签名结果"))
    if len(bare) > LONGEST:
        raise NotProved(_("内容太长，不是签名。请只粘贴签名的 Base64 结果"))
    try:
        return base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        raise NotProved(_("这不是 Base64。请粘贴命令打印的整行结果，不要带引号")) from None


def _is_signed(key: RSAPublicKey, signature: bytes, text: bytes) -> bool:
    for algorithm in HASHES:
        try:
            key.verify(signature, text, padding.PKCS1v15(), algorithm)
        except InvalidSignature:
            continue
        return True
    return False
