"""The signature of a message: enveloped XML-DSig, RSA-SHA1, inclusive C14N, as published (step 6 of the walk).

``envelope.build`` writes text that already is the canonical form, so nothing is canonicalised here: the digest is taken
over those very bytes and SignedInfo is a constant with one hole. What is signed is the canonical form of SignedInfo
*inside* the message, which carries the namespaces in scope there (ceb, ds, xsi). ``verify`` goes the other way, from the
finished bytes through lxml's own canonicalisation, so it would notice if that text were not canonical.
"""

import hmac
from base64 import b64decode, b64encode
from functools import lru_cache
from hashlib import sha1
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.utils.translation import gettext_noop as _
from lxml import etree

from accounts.credentials import CredentialProblem, certificate_base64, credential_to_sign_with, signing_key
from accounts.models import Credential
from declarations import published
from declarations.exchange.envelope import XSI, with_signature
from portal.sentences import keep
from portal.xml import parse

DS = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"

_IN_SCOPE = f' xmlns:ceb="{published.CEB}" xmlns:ds="{DS}" xmlns:xsi="{XSI}"'
_SIGNED_INFO = (
    "<ds:SignedInfo{scope}>"
    f'<ds:CanonicalizationMethod Algorithm="{C14N}"></ds:CanonicalizationMethod>'
    f'<ds:SignatureMethod Algorithm="{DS}rsa-sha1"></ds:SignatureMethod>'
    '<ds:Reference URI=""><ds:Transforms>'
    f'<ds:Transform Algorithm="{DS}enveloped-signature"></ds:Transform></ds:Transforms>'
    f'<ds:DigestMethod Algorithm="{DS}sha1"></ds:DigestMethod>'
    "<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
)
_SIGNATURE = (
    f'<ds:Signature xmlns:ds="{DS}">{{signed_info}}<ds:SignatureValue>{{value}}</ds:SignatureValue>'
    "<ds:KeyInfo><ds:KeyName>{serial}</ds:KeyName>"
    "<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
)


class SignatureProblem(ValueError):
    """A signature does not hold; the text says which part."""


class SigningKey(NamedTuple):
    """What a message is signed with: the key, its serial as KeyName spells it, the certificate as base64 of its DER.

    And the consent of the enterprise it is signed under.
    """

    private_key: RSAPrivateKey
    public_key: RSAPublicKey
    serial: str
    certificate: str
    consent_id: int | None = None


def key_in_use(enterprise_id: int) -> SigningKey:
    """The key the enterprise signs with now, by its consent; raises ``CredentialProblem`` when it cannot."""
    credential, consent_id = credential_to_sign_with(enterprise_id)
    return key_of(credential)._replace(consent_id=consent_id)


def key_of(credential: Credential) -> SigningKey:
    """The key of a certificate in use; raises ``accounts.credentials.CredentialProblem`` when it cannot sign now."""
    public_key = _public_key(credential.certificate)
    return SigningKey(
        signing_key(credential), public_key, credential.serial, certificate_base64(credential.certificate)
    )


@lru_cache(maxsize=1024)
def _public_key(certificate: str) -> RSAPublicKey:
    """The key customs will verify with: that of the certificate, not the one we sign with."""
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    if not isinstance(key, RSAPublicKey):
        raise CredentialProblem(keep(_("证书不是 RSA 证书，请登记 RSA 证书")))
    return key


def sign(unsigned: bytes, key: SigningKey) -> bytes:
    """Return the message with its signature; ``unsigned`` must be canonical (``envelope.build`` is)."""
    digest = b64encode(sha1(unsigned, usedforsecurity=False).digest()).decode()
    signed = _SIGNED_INFO.format(scope=_IN_SCOPE, digest=digest).encode()
    value = b64encode(key.private_key.sign(signed, padding.PKCS1v15(), hashes.SHA1())).decode()  # noqa: S303
    signature = _SIGNATURE.format(
        signed_info=_SIGNED_INFO.format(scope="", digest=digest),
        value=value,
        serial=key.serial,
        certificate=key.certificate,
    )
    return with_signature(unsigned, signature.encode())


def verify(message: bytes, public_key: RSAPublicKey) -> None:
    """Check digest and signature of the finished bytes; raises ``SignatureProblem``."""
    verify_read(parse(message), public_key)


def verify_read(root: etree._Element, public_key: RSAPublicKey) -> None:
    """The same of finished bytes just read: ``root`` is theirs. The signature is taken out of the tree."""
    signatures = root.findall(f"{{{DS}}}Signature")
    if len(signatures) != 1:
        raise SignatureProblem(keep(_("报文应有一个签名，实有 %(count)s 个"), count=len(signatures)))
    signature = signatures[0]
    signed_info = signature.find(f"{{{DS}}}SignedInfo")
    value = signature.findtext(f"{{{DS}}}SignatureValue")
    digest = signature.findtext(f".//{{{DS}}}DigestValue")
    if signed_info is None or not value or not digest:
        raise SignatureProblem(keep(_("签名缺少 SignedInfo、SignatureValue 或 DigestValue")))
    signed = etree.tostring(signed_info, method="c14n")
    root.remove(signature)
    actual = sha1(etree.tostring(root, method="c14n"), usedforsecurity=False).digest()
    try:
        said, value_bytes = b64decode(digest), b64decode(value)
    except ValueError:
        raise SignatureProblem(keep(_("签名中的 DigestValue 或 SignatureValue 不是 base64"))) from None
    if not hmac.compare_digest(actual, said):
        raise SignatureProblem(keep(_("摘要不符：报文在加签之后被改动，或加签文本不是规范形式")))
    try:
        public_key.verify(value_bytes, signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    except InvalidSignature:
        raise SignatureProblem(keep(_("签名值与证书不符"))) from None
