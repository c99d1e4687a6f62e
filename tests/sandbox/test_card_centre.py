"""The pretended card centre: a sound request becomes a certificate by command and by form, and what it signs is taken."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.conftest import until
from tests.sandbox.conftest import Listener, Sandbox
from tests.sandbox.papers import Party, envelope, key, message, party, sign, trade

NAME = x509.Name(
    [x509.NameAttribute(NameOID.COMMON_NAME, "新来平台"), x509.NameAttribute(NameOID.SERIAL_NUMBER, "3122260121")]
)


def request(signed_with: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, subject: x509.Name = NAME) -> str:
    """A request (CSR) as the portal makes it."""
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(signed_with, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def certified(customs: Sandbox, text: str, folder: Path) -> tuple[int, str, str]:
    """What the command says: exit code, certificate, complaint."""
    file = folder / "request.csr"
    file.write_text(text, encoding="utf-8")
    said = customs.run("certify", str(file))
    return said.returncode, said.stdout, said.stderr


def post(customs: Sandbox, text: str) -> tuple[int, str]:
    """The same by the form of the page; a browser ends lines in its own way."""
    return customs.post(urlencode({"request": text.replace("\n", "\r\n")}).encode(), path="/issued.pem")


def test_by_command_and_by_form_one_authority_issues_what_was_asked_for(customs: Sandbox, tmp_path: Path) -> None:
    text = request(key("新来平台"))
    code, by_command, complaint = certified(customs, text, tmp_path)
    assert code == 0, complaint
    status, by_form = post(customs, text)
    assert status == 200, by_form
    assert 'action="/issued.pem"' in customs.get("/")[1]
    (kept,) = customs.rows("SELECT certificate FROM authority")
    authority = x509.load_pem_x509_certificate(str(kept[0]).encode())
    issued = [x509.load_pem_x509_certificate(one.encode()) for one in (by_command, by_form)]
    assert len({one.serial_number for one in issued}) == 2
    now = datetime.now(UTC)
    for one in issued:
        one.verify_directly_issued_by(authority)
        assert one.subject == NAME and one.public_key() == key("新来平台").public_key()
        usage = one.extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.digital_signature and not usage.key_cert_sign
        assert one.not_valid_before_utc <= now < one.not_valid_after_utc <= now + timedelta(days=366)


def test_an_order_signed_with_it_is_taken_once_it_is_registered(
    customs: Sandbox, listener: Listener, tmp_path: Path
) -> None:
    _code, issued, _complaint = certified(customs, request(key("新来平台")), tmp_path)
    by: Party = replace(party(21, "新来平台", "platform"), certificate=x509.load_pem_x509_certificate(issued.encode()))
    one = trade()
    paper = one.order.changed(ebpCode=by.customs_code, ebpName=by.name)
    customs.post(envelope(sign(message([paper], by), by), by))
    until(lambda: listener.statuses(paper) == ["-10102"])
    file = tmp_path / "registry.json"
    file.write_text(json.dumps({"enterprises": [by.entry()]}), encoding="utf-8")
    assert customs.run("load", str(file)).returncode == 0
    other = trade().order.changed(ebpCode=by.customs_code, ebpName=by.name)
    customs.file(other, sender=by)
    until(lambda: listener.statuses(other) == ["2"], what=f"{listener.of(other)}")


def altered(text: str) -> str:
    """A request whose key is another's: the signature does not fit."""
    own, other = (x509.load_pem_x509_csr(one.encode()) for one in (text, request(key("别人"))))
    der = own.public_bytes(Encoding.DER).replace(
        own.public_key().public_numbers().n.to_bytes(256),  # type: ignore[union-attr]
        other.public_key().public_numbers().n.to_bytes(256),  # type: ignore[union-attr]
    )
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: "", "不是证书请求"),
        (lambda: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "不是证书请求"),
        (lambda: altered(request(key("新来平台"))), "签名与其公钥不符"),
        (lambda: request(ec.generate_private_key(ec.SECP256R1())), "应为RSA"),
        (lambda: request(rsa.generate_private_key(public_exponent=65537, key_size=1024)), "2048"),
        (lambda: request(key("新来平台"), x509.Name([])), "签发给谁"),
    ],
    ids=["empty", "garbage", "altered", "elliptic", "short", "nameless"],
)
def test_what_is_no_sound_request_gets_a_reason_and_no_certificate(
    customs: Sandbox, tmp_path: Path, make: "object", why: str
) -> None:
    text = make()  # type: ignore[operator]
    code, printed, complaint = certified(customs, text, tmp_path)
    assert code == 1 and printed == "" and why in complaint and "Traceback" not in complaint
    status, answer = post(customs, text)
    assert status == 400 and why in answer


def test_a_form_much_too_long_is_not_read(customs: Sandbox) -> None:
    status, said = post(customs, "x" * 100_000)
    assert status == 413 and "65536" in said


def test_a_file_that_is_not_there_is_named(customs: Sandbox, tmp_path: Path) -> None:
    said = customs.run("certify", str(tmp_path / "nothing.csr"))
    assert said.returncode == 1 and "nothing.csr" in said.stderr and "Traceback" not in said.stderr
