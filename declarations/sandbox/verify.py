"""Signature and certificate of a message, by the published profile and nothing wider.

The key comes from the registry, never from the message: KeyInfo only says which registered certificate is meant. What is
verified is the very tree from which the documents were read, so a wrapped or doubled signature protects nothing else.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from declarations.published import DS
from declarations.sandbox.catalogue import official
from declarations.sandbox.messages import signatures

C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = f"{DS}enveloped-signature"
RSA_SHA1 = f"{DS}rsa-sha1"
SHA1 = f"{DS}sha1"


class Unverified(Exception):
    """The signature does not hold. `code` is 1001 (invalid), 1002 (out of date) or 1004 (does not fit the data)."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.text = official(code) + (f"，{detail}" if detail else "")
        super().__init__(self.text)


def verify(root: etree._Element, certificates: Iterable[x509.Certificate], *, at: datetime) -> None:
    """Raise Unverified unless the message is signed once, in place, by one of these certificates, valid at that time.

    The signature is taken out of the tree: afterwards the tree is exactly what was signed.
    """
    found = signatures(root)
    if len(found) != 1 or found[0].getparent() is not root or root[-1] is not found[0]:
        raise Unverified("1001", "须有且仅有一个签名，位于报文末尾")
    signature = found[0]
    digest = _profile(signature)
    certificate = _certificate(signature, certificates)
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise Unverified("1002", "证书不在有效期内")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise Unverified("1001", "仅支持RSA证书")
    signed_info = etree.tostring(signature[0], method="c14n", with_comments=False)
    value = _bytes(signature.findtext(f"{{{DS}}}SignatureValue"))
    _take_out(signature)
    content = etree.tostring(root.getroottree(), method="c14n", with_comments=False)
    if hashlib.sha1(content, usedforsecurity=False).digest() != digest:
        raise Unverified("1004", "摘要不符")
    try:
        key.verify(value, signed_info, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  (the published algorithm)
    except InvalidSignature:
        raise Unverified("1004", "签名值不符") from None


def _profile(signature: etree._Element) -> bytes:
    """Check SignedInfo against the published profile; give the digest it states."""
    info = signature[0]
    references = info.findall(f"{{{DS}}}Reference")
    transforms = info.findall(f"{{{DS}}}Reference/{{{DS}}}Transforms/{{{DS}}}Transform")
    if (
        etree.QName(info).localname != "SignedInfo"
        or _algorithm(info, "CanonicalizationMethod") != C14N
        or _algorithm(info, "SignatureMethod") != RSA_SHA1
        or len(references) != 1
        or references[0].get("URI") != ""
        or [transform.get("Algorithm") for transform in transforms] != [ENVELOPED]
        or _algorithm(references[0], "DigestMethod") != SHA1
    ):
        raise Unverified("1001", "签名算法或引用不符合规范")
    return _bytes(references[0].findtext(f"{{{DS}}}DigestValue"))


def _certificate(signature: etree._Element, certificates: Iterable[x509.Certificate]) -> x509.Certificate:
    """The registered certificate that KeyName names by its serial number in lower-case hexadecimal digits."""
    info = f"{{{DS}}}KeyInfo/{{{DS}}}"
    name = (signature.findtext(f"{info}KeyName") or "").strip()
    for certificate in certificates:
        if name and name.lstrip("0") == f"{certificate.serial_number:x}":
            break
    else:
        raise Unverified("1001", "证书未备案")
    stated = signature.findtext(f"{info}X509Data/{{{DS}}}X509Certificate")
    if stated is not None and _bytes(stated) != certificate.public_bytes(Encoding.DER):
        raise Unverified("1001", "所附证书与备案不符")
    return certificate


def _algorithm(node: etree._Element, tag: str) -> str | None:
    child = node.find(f"{{{DS}}}{tag}")
    return None if child is None else child.get("Algorithm")


def _bytes(text: str | None) -> bytes:
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except binascii.Error:
        raise Unverified("1001", "签名不是base64") from None


def _take_out(signature: etree._Element) -> None:
    """Remove the signature but leave the text behind it, as the enveloped transform does."""
    parent = signature.getparent()
    assert parent is not None
    before = signature.getprevious()
    if signature.tail:
        if before is None:
            parent.text = (parent.text or "") + signature.tail
        else:
            before.tail = (before.tail or "") + signature.tail
    signature.tail = None
    parent.remove(signature)
