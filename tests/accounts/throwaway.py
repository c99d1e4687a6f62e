"""A certificate office of the tests' own: any certificate, good or bad, and files of every kind with it."""

import subprocess
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from django.utils import timezone

PASSWORD = "口令 Aa#1"


@cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """A key; made once, as it takes a while. ``number`` tells several apart."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def a_name(**parts: str) -> x509.Name:
    """A name of parts as CN, SERIAL_NUMBER, O."""
    oids = {
        "cn": NameOID.COMMON_NAME, "serial": NameOID.SERIAL_NUMBER, "o": NameOID.ORGANIZATION_NAME,
        "ou": NameOID.ORGANIZATIONAL_UNIT_NAME,
    }  # fmt: skip
    return x509.Name([x509.NameAttribute(oids[name], value) for name, value in parts.items()])


@dataclass
class Issued:
    """A certificate for a merchant of the cast, unless said otherwise."""

    subject: x509.Name = field(default_factory=lambda: a_name(cn="上海栗光屿国际贸易有限公司", serial="312246DM02"))
    issuer: x509.Name = field(default_factory=lambda: a_name(cn="Throwaway CA", o="Tests"))
    key: Any = field(default_factory=rsa_key)
    public_key: Any = None
    starts: timedelta = timedelta(days=-1)
    ends: timedelta = timedelta(days=400)
    serial: int = 0
    ca: bool | None = False
    usage: tuple[bool, bool] | None = (True, True)
    #: In DER one more extension, with nothing in it: the last part of its number; 99 is known to nobody.
    odd: int | None = None

    def certificate(self) -> x509.Certificate:
        """Signed by the office."""
        now = timezone.now()
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.issuer)
            .public_key(self.public_key or self.key.public_key())
            .serial_number(self.serial or x509.random_serial_number())
            .not_valid_before(now + self.starts)
            .not_valid_after(now + self.ends)
        )
        if self.ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca=self.ca, path_length=None), critical=True)
        if self.usage is not None:
            builder = builder.add_extension(a_usage(*self.usage), critical=True)
        if self.odd is not None:
            none = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"), b"\x05\x00")
            builder = builder.add_extension(none, critical=False)
        return builder.sign(rsa_key(2048, 99), hashes.SHA256())

    def pem(self) -> bytes:
        """As text."""
        return self.certificate().public_bytes(serialization.Encoding.PEM)

    def der(self) -> bytes:
        """As bytes."""
        made = self.certificate().public_bytes(serialization.Encoding.DER)
        return made.replace(b"\x06\x03\x55\x1d\x63", bytes([0x06, 0x03, 0x55, 0x1D, self.odd or 99]))

    def p12(self, password: str = PASSWORD, *, cas: list[x509.Certificate] | None = None) -> bytes:
        """With its key."""
        return a_p12(self.key, self.certificate(), password, cas=cas)


def a_usage(signs: bool, commits: bool) -> x509.KeyUsage:
    """What a key may be used for."""
    others = dict.fromkeys(("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False)
    return x509.KeyUsage(
        digital_signature=signs, content_commitment=commits, key_encipherment=not signs, encipher_only=False,
        decipher_only=False, **others,
    )  # fmt: skip


def a_p12(
    key: Any, certificate: x509.Certificate | None, password: str = PASSWORD, *,
    cas: list[x509.Certificate] | None = None,
) -> bytes:  # fmt: skip
    """A PKCS#12 of whatever is given."""
    closed: Any = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"", key, certificate, cas, closed)


def endless_p12() -> bytes:
    """A PKCS#12 whose password takes an hour to compute: the rounds of its seal, the last number in it, made very many."""
    made = Issued().p12()
    digits = next(count for count in (1, 2, 3) if made[-2 - count : -count] == bytes([2, count]))
    more = 4 - digits
    seal = next(at for at in range(len(made)) if made[at] == 0x30 and made[at + 1] == len(made) - at - 2)
    assert made[:2] == b"\x30\x82"
    whole = int.from_bytes(made[2:4]) + more
    inside = made[4:seal] + bytes([0x30, made[seal + 1] + more]) + made[seal + 2 : -2 - digits]
    return b"\x30\x82" + whole.to_bytes(2) + inside + b"\x02\x04\x7f\xff\xff\xff"


def elliptic() -> ec.EllipticCurvePrivateKey:
    """A key that is not RSA."""
    return ec.generate_private_key(ec.SECP256R1())


def openssl_p12(folder: Path, *options: str) -> bytes:
    """The same by the openssl command, as an enterprise would make it."""
    (folder / "key.pem").write_bytes(
        rsa_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "own.pem").write_bytes(Issued().pem())
    subprocess.run(
        ["openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "own.pem", "-out", "own.p12",
         "-passout", "pass:plain-pass", *options],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return (folder / "own.p12").read_bytes()
