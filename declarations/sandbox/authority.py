"""The pretended card centre (制卡中心): a certificate for whoever brings a sound request, signed by an authority of our own.

It is made on first use and kept in the sandbox's database, its key open: what it signs is worth nothing anywhere else.
"""

import secrets
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from declarations.sandbox.store import Connection

NAME = "Tongguan Sandbox CA"
VALID_FOR = timedelta(days=365)
LEAST_BITS, MOST_BITS = 2048, 4096
_AUTHORITY_VALID_FOR = timedelta(days=20 * 365)
_EARLIER = timedelta(minutes=5)  # clocks differ


class BadRequest(ValueError):
    """No certificate can be issued for this request; the text says why."""


def issue(connection: Connection, request: str, at: datetime) -> str:
    """The certificate for a request (CSR, PEM), in PEM: its subject and its key, for signing, for a year. Raises BadRequest."""
    asked, public_key = _sound(request)
    key, authority = _authority(connection, at)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(authority.subject)
        .public_key(public_key)
        # The first byte 03, as on the cards.
        .serial_number(int.from_bytes(b"\x03" + secrets.token_bytes(7)))
        .not_valid_before(at - _EARLIER)
        .not_valid_after(at + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate)


def _sound(request: str) -> tuple[x509.CertificateSigningRequest, rsa.RSAPublicKey]:
    """The request as it is read, and its key, with which it is signed."""
    try:
        asked = x509.load_pem_x509_csr(request.strip().encode())
        subject, key, sound = asked.subject, asked.public_key(), asked.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise BadRequest("不是证书请求：应是.csr文件的全部内容，从-----BEGIN CERTIFICATE REQUEST-----到末行") from None
    if not sound:
        raise BadRequest("证书请求的签名与其公钥不符，可能被改动过")
    if not isinstance(key, rsa.RSAPublicKey) or not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise BadRequest(f"证书请求的密钥应为RSA，{LEAST_BITS}至{MOST_BITS}位")
    if not list(subject):
        raise BadRequest("证书请求没有写明签发给谁")
    return asked, key


def _authority(connection: Connection, at: datetime) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    row = connection.execute("SELECT key, certificate FROM authority").fetchone()
    if row is None:
        connection.execute("INSERT INTO authority (key, certificate) VALUES (%s, %s) ON CONFLICT DO NOTHING", _made(at))
        return _authority(connection, at)
    key = serialization.load_pem_private_key(row["key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key, x509.load_pem_x509_certificate(row["certificate"].encode())


def _made(at: datetime) -> list[str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _EARLIER)
        .not_valid_after(at + _AUTHORITY_VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return [private.decode(), _pem(certificate)]


def _usage(*, signs: bool) -> x509.KeyUsage:
    """For messages that bind, or for certificates."""
    return x509.KeyUsage(
        digital_signature=signs, content_commitment=signs, key_cert_sign=not signs, crl_sign=not signs,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
