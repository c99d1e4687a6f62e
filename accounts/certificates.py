"""What a certificate must be before it is registered: read by content, refused with the place and the cure.

Pure: bytes in, facts or a sentence out. Who asks, and what becomes of it, is ``accounts/enrolment.py``.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.x509.oid import ExtensionOID, NameOID
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.codes import check_credit_code, check_customs_code
from accounts.credentials import AUTHORITY, serial_text, subject_of
from accounts.models import Credential, Enterprise
from accounts.roles import Environment

#: A certificate is some 2 KB, a PKCS#12 with its chain some 8 KB.
MOST_BYTES = 64 * 1024
#: Below, a key can be broken; above, signing takes so long that it holds up everybody's messages.
LEAST_BITS, MOST_BITS = 2048, 4096
#: RFC 5280, 4.1.2.2: at most 20 octets.
LONGEST_SERIAL = 20
#: Authorities that are only played: ours, and the card centre of the sandbox (declarations/sandbox/authority.py).
PRETENDED = frozenset({AUTHORITY, "Tongguan Sandbox CA"})
_DAY = "%Y-%m-%d"
#: Parts of names that have no short word of their own.
_PARTS = {NameOID.SERIAL_NUMBER: "serialNumber", NameOID.EMAIL_ADDRESS: "E", NameOID.USER_ID: "UID"}
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_NAMED_CODE = re.compile(r"[0-9A-Z]{10}|[0-9A-Z]{18}")


class CertificateRefused(ValueError):
    """A file is not a certificate the enterprise may sign with; the text says in Chinese what is wrong and the cure."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that may be registered, as it is kept and shown."""

    serial: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    bits: int
    pem: str
    #: The public key in DER, by which it is matched with a key kept here.
    public_key: bytes


def certificate_for(enterprise: Enterprise, environment: str, data: bytes, *, now: datetime) -> Certificate:
    """The one certificate in an uploaded file, PEM or DER, if the enterprise may sign with it now.

    Raises CertificateRefused with what is wrong first, in the order a person would ask.
    """
    found = one_certificate(data)
    _check_key(found)
    _check_purpose(found)
    _check_time(found, now)
    _check_subject(found, enterprise)
    _check_issuer(found, environment)
    return facts(found)


def facts(certificate: x509.Certificate) -> Certificate:
    """What a certificate says of itself."""
    public_key = certificate.public_key()
    return Certificate(
        serial=serial_text(certificate.serial_number),
        subject=spelled(certificate.subject),
        issuer=spelled(certificate.issuer),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        bits=public_key.key_size if isinstance(public_key, RSAPublicKey) else 0,
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        public_key=public_bytes(public_key),
    )


def spelled(name: x509.Name) -> str:
    """A name as people read it: the most particular part first."""
    said = []
    for part in reversed(list(name)):
        value = part.value if isinstance(part.value, str) else part.value.hex()
        said.append(f"{_PARTS.get(part.oid, part.rfc4514_attribute_name)}={value}")
    return ", ".join(said)


def public_bytes(key: object) -> bytes:
    """A public key in the one form in which equal keys are equal bytes."""
    assert isinstance(key, RSAPublicKey)
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


# --- the file ------------------------------------------------------------------------------------------------------------


def check_size(size: int) -> None:
    """Refuse what is empty or too large to be a certificate."""
    if not size:
        raise CertificateRefused(_("文件是空的，请重新导出后再上传"))
    if size > MOST_BYTES:
        said = {"size": -(-size // 1024), "most": MOST_BYTES // 1024}
        raise CertificateRefused(_("文件有 %(size)s KB，超过 %(most)s KB，不是证书文件。请核对选的是哪个文件") % said)


def is_pkcs12(data: bytes) -> bool:
    """Whether the bytes begin as PKCS#12 does: a sequence whose first part is the number 3 (RFC 7292, 4)."""
    return data[:1] == b"\x30" and b"\x02\x01\x03\x30" in data[1:10]


def one_certificate(data: bytes) -> x509.Certificate:
    """The certificate in the file, whichever form it has; a file with several, or with something else, is refused."""
    check_size(len(data))
    if is_pkcs12(data):
        raise CertificateRefused(_("这是 PKCS#12 文件，含有私钥。请改用“登记 PKCS#12”上传，并填写口令"))
    if b"-----BEGIN" not in data:
        return _loaded(data)
    blocks = list(_BLOCK.finditer(data))
    names = [block.group(1) for block in blocks]
    if any(name.endswith(b"PRIVATE KEY") for name in names):
        raise CertificateRefused(
            _("文件里有私钥，没有保存。只上传证书（.cer、.crt）；要由本平台保管密钥，请导出 PKCS#12 后登记")
        )
    if any(name.endswith(b"CERTIFICATE REQUEST") for name in names):
        raise CertificateRefused(_("这是证书请求（CSR），不是证书。请上传发证机构据此签发的证书"))
    if any(name == b"PKCS7" for name in names):
        raise CertificateRefused(_("这是 PKCS#7 证书链（.p7b）。请打开后只导出企业自己的证书（.cer）再上传"))
    loaded = [_loaded(block.group(0)) for block in blocks if block.group(1) == b"CERTIFICATE"]
    if len(loaded) > 1:
        raise CertificateRefused(_several(loaded))
    if not loaded:
        raise CertificateRefused(_("文件里没有完整的证书，可能只复制了一部分。请重新导出后上传"))
    return loaded[0]


def _loaded(data: bytes) -> x509.Certificate:
    """A certificate of which everything can be read: its parts are taken apart only when asked for."""
    try:
        load = x509.load_pem_x509_certificate if data.startswith(b"-----") else x509.load_der_x509_certificate
        certificate = load(data)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise CertificateRefused(
            _("文件不是证书，或已损坏。请用发证机构给的证书文件（.cer、.crt、.pem），或从浏览器、读卡器重新导出")
        ) from None
    try:
        _parts = certificate.subject, certificate.issuer, certificate.extensions
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise CertificateRefused(_("证书的使用者、颁发者或扩展项读不出。请向发证机构核实，或请其重新签发")) from None
    return certificate


def _several(certificates: list[x509.Certificate]) -> str:
    """A chain: which of them is probably meant."""
    said: dict[str, object] = {"count": len(certificates)}
    own = [one for one in certificates if not _is_authority(one)]
    if len(own) == 1 and own[0].serial_number > 0:
        said["serial"] = serial_text(own[0].serial_number)
        return _("文件里有 %(count)s 个证书，是一条证书链。请只留企业自己的证书（序列号 %(serial)s）再上传") % said
    return _("文件里有 %(count)s 个证书。请只留企业自己的一个再上传") % said


# --- what it says --------------------------------------------------------------------------------------------------------


def _check_key(certificate: x509.Certificate) -> None:
    try:
        key = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None  # SM2 and the like: readable as a certificate, not as a key
    if not isinstance(key, RSAPublicKey):
        raise CertificateRefused(_("证书的公钥不是 RSA。海关报文用 RSA 加签，请向发证机构申请 RSA 证书"))
    said = {"bits": key.key_size, "least": LEAST_BITS, "most": MOST_BITS}
    if key.key_size < LEAST_BITS:
        raise CertificateRefused(
            _("证书的 RSA 密钥只有 %(bits)s 位，少于 %(least)s 位。请换用更长的密钥重新申请证书") % said
        )
    if key.key_size > MOST_BITS:
        raise CertificateRefused(
            _(
                "证书的 RSA 密钥有 %(bits)s 位，超过 %(most)s 位，加签太慢。请用 %(least)s 至 %(most)s 位的密钥重新申请证书"
            )
            % said
        )
    number = certificate.serial_number
    if number <= 0 or number.bit_length() > 8 * LONGEST_SERIAL:
        raise CertificateRefused(_("证书的序列号不合规（应为不超过 20 字节的正数）。请向发证机构核实"))


def _check_purpose(certificate: x509.Certificate) -> None:
    if _is_authority(certificate):
        raise CertificateRefused(_("这是发证机构（CA）的证书，不是企业的证书。请上传签发给本企业的证书"))
    try:
        usage = certificate.extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE).value
    except x509.ExtensionNotFound:
        return
    assert isinstance(usage, x509.KeyUsage)
    if not (usage.digital_signature or usage.content_commitment):
        raise CertificateRefused(_("这个证书不能用于签名（可能是双证书中的加密证书）。请上传其中的签名证书"))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS).value
    except x509.ExtensionNotFound:
        return False
    return isinstance(constraints, x509.BasicConstraints) and constraints.ca


def _check_time(certificate: x509.Certificate, now: datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > ends:
        day = timezone.localtime(ends).strftime(_DAY)
        raise CertificateRefused(_("证书已于 %s 到期。请登记新的证书") % day)
    if now < begins:
        day = timezone.localtime(begins).strftime(_DAY)
        raise CertificateRefused(_("证书自 %s 起才有效。请到那一天再登记") % day)


def _check_subject(certificate: x509.Certificate, enterprise: Enterprise) -> None:
    """A certificate that names customs or credit codes names one of ours among them."""
    if named := strange_codes(certificate, enterprise.codes):
        said = {"named": _("、").join(sorted(named)), "own": enterprise.customs_code}
        raise CertificateRefused(
            _("证书签发给 %(named)s，不是本企业（海关十位编码 %(own)s）。请上传本企业的证书，或先切换企业") % said
        )


def strange_codes(certificate: x509.Certificate, codes: Collection[str]) -> set[str]:
    """The customs and credit codes it names, where none of these is among them: then it is somebody else's."""
    named = set(_codes_in(certificate.subject))
    return set() if named & set(codes) else named


def named_otherwise(credential: Credential, codes: Collection[str]) -> set[str]:
    """The same of one that is registered: its enterprise may have got other codes since."""
    return strange_codes(x509.load_pem_x509_certificate(credential.certificate.encode()), codes)


def _codes_in(name: x509.Name) -> Iterator[str]:
    """The customs and credit codes that stand in a subject, each alone in its part."""
    for part in name:
        value = str(part.value).strip().upper()
        if not _NAMED_CODE.fullmatch(value):
            continue
        try:
            (check_customs_code if len(value) == 10 else check_credit_code)(value)
        except ValidationError:
            continue
        yield value


def _check_issuer(certificate: x509.Certificate, environment: str) -> None:
    """What the demo invents never signs in production."""
    names = [str(part.value) for part in certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if environment == Environment.PRODUCTION and not PRETENDED.isdisjoint(names):
        raise CertificateRefused(_("这是演示用的证书，不能登记在生产环境。请上传发证机构签发的证书"))


# --- the request for one -------------------------------------------------------------------------------------------------


def request_for(enterprise: Enterprise, key: RSAPrivateKey) -> str:
    """What the certificate office is asked with: the enterprise's name and customs code, the public key, in PEM."""
    request = x509.CertificateSigningRequestBuilder().subject_name(subject_of(enterprise))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def public_key_of(request: str) -> bytes:
    """The public key a request asks for, as ``Certificate.public_key`` has it."""
    return public_bytes(x509.load_pem_x509_csr(request.encode()).public_key())


def check_request(text: str) -> None:
    """Refuse a request that no office would answer: not one, not RSA of a good length, or not signed with its key."""
    try:
        request = x509.load_pem_x509_csr(text.strip().encode())
        key, sound = request.public_key(), request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise ValidationError(
            _("这不是证书请求。请粘贴 .csr 文件的全部内容，从 -----BEGIN CERTIFICATE REQUEST----- 到末行")
        ) from None
    if not isinstance(key, RSAPublicKey) or not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise ValidationError(
            _("证书请求的密钥应为 RSA，%(least)s 至 %(most)s 位。请换用这样的密钥重新制作"),
            params={"least": LEAST_BITS, "most": MOST_BITS},
        )
    if not sound:
        raise ValidationError(_("证书请求的签名与其公钥不符，可能被改动过。请重新制作"))
