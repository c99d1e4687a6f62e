"""A signature made by us holds for everybody who checks it by the published rules, and for nothing but those bytes."""

import re
import shutil
import subprocess
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier

from accounts.credentials import demo_authority
from accounts.models import Credential
from declarations.exchange import envelope, schema, signing
from declarations.kinds import KINDS, kind
from tests import make

GUID = "7F0C6A52-2D5B-4C3E-9B61-0E7B3C9D1A20"


@pytest.fixture
def credential(signers) -> Credential:
    return Credential.objects.get(enterprise=signers.enterprises["platform"])


@pytest.fixture
def foreign(signers) -> Credential:
    return Credential.objects.get(enterprise=signers.enterprises["payment"])


def unsigned(slug: str = "order", *numbers: int, **cells) -> bytes:
    documents = [make.clean(slug, n, **cells) for n in numbers or (1, 2)]
    return envelope.build(kind(slug), ("312226DM01", "雾凇<&>鲸", "DXPENT0000900001"), GUID, documents)


def public_key(credential: Credential):
    return x509.load_pem_x509_certificate(credential.certificate.encode()).public_key()


def problem(message: bytes, credential: Credential) -> str:
    with pytest.raises(signing.SignatureProblem) as caught:
        signing.verify(message, public_key(credential))
    return str(caught.value)


@pytest.mark.parametrize("slug", [one.slug for one in KINDS])
def test_it_writes_the_canonical_text_itself(slug):
    text = unsigned(slug)
    assert etree.tostring(etree.fromstring(text), method="c14n") == text


@pytest.mark.parametrize("awkward", ["a&b<c>d", "引号\"与'撇号", "换行\r\n制表\t", "𠮷野家🐳", "]]>", "&amp;"])
def test_it_writes_awkward_text_canonically(awkward):
    documents = [make.clean("order")]
    text = envelope.build(kind("order"), ("312226DM01", awkward, "DXPENT0000900001"), GUID, documents)
    root = etree.fromstring(text)
    assert etree.tostring(root, method="c14n") == text
    assert root.findtext(".//{*}copName") == awkward


@pytest.mark.parametrize("slug", [one.slug for one in KINDS])
def test_it_signs_what_we_and_the_schema_accept(slug, credential):
    text = unsigned(slug)
    signed = signing.sign(text, signing.key_of(credential))
    signing.verify(signed, public_key(credential))
    schema.check(signed)
    assert re.sub(rb"<ds:Signature .*</ds:Signature>", b"", signed) == text
    assert f"<ds:KeyName>{credential.serial}</ds:KeyName>".encode() in signed


@pytest.mark.parametrize("slug", [one.slug for one in KINDS])
def test_it_signs_what_another_library_accepts(slug, credential):
    signed = signing.sign(unsigned(slug), signing.key_of(credential))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checked = XMLVerifier().verify(
            signed,
            x509_cert=credential.certificate,
            expect_config=SignatureConfiguration(
                signature_methods=frozenset({SignatureMethod.RSA_SHA1}),
                digest_algorithms=frozenset({DigestAlgorithm.SHA1}),
            ),
        )
    assert checked.signed_xml is not None
    assert checked.signed_xml.tag.endswith(kind(slug).sends)


@pytest.mark.skipif(not shutil.which("xmlsec1"), reason="NOT CHECKED: xmlsec1 is not installed (apt install xmlsec1)")
@pytest.mark.parametrize("slug", [one.slug for one in KINDS])
def test_it_signs_what_xmlsec1_accepts(slug, credential, tmp_path):
    signed, authority = tmp_path / "message.xml", tmp_path / "authority.pem"
    signed.write_bytes(signing.sign(unsigned(slug), signing.key_of(credential)))
    authority.write_bytes(demo_authority(timezone.now()).certificate.public_bytes(Encoding.PEM))

    def verify() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["xmlsec1", "--verify", "--enabled-key-data", "x509", "--trusted-pem", authority, signed],
            capture_output=True,
            check=False,
        )

    assert verify().returncode == 0, verify().stderr.decode()
    signed.write_bytes(signed.read_bytes().replace(b"<ceb:orderNo>SH", b"<ceb:orderNo>SX", 1))
    assert verify().returncode != 0


def test_it_finds_one_changed_digit(credential):
    signed = signing.sign(unsigned(), signing.key_of(credential))
    price = signed.index(b"<ceb:goodsValue>") + len(b"<ceb:goodsValue>")
    changed = signed[:price] + bytes([signed[price] ^ 1]) + signed[price + 1 :]
    assert "摘要" in problem(changed, credential)


def test_it_finds_a_changed_digest_and_a_changed_value(credential):
    signed = signing.sign(unsigned(), signing.key_of(credential))
    other = signing.sign(unsigned("order", 3), signing.key_of(credential))
    own, foreign_info = (re.search(rb"<ds:SignedInfo.*</ds:SignedInfo>", one)[0] for one in (signed, other))
    assert "摘要" in problem(signed.replace(own, foreign_info), credential)
    own, foreign_value = (re.search(rb"<ds:SignatureValue>.*</ds:SignatureValue>", one)[0] for one in (signed, other))
    assert "签名值" in problem(signed.replace(own, foreign_value), credential)


def test_it_refuses_a_second_signature(credential):
    signed = signing.sign(unsigned(), signing.key_of(credential))
    signature = re.search(rb"<ds:Signature .*</ds:Signature>", signed)[0]
    assert "2" in problem(signed.replace(signature, signature * 2), credential)


def test_it_refuses_a_message_without_signature(credential):
    assert "0" in problem(unsigned(), credential)


def test_it_refuses_a_foreign_key(credential, foreign):
    signed = signing.sign(unsigned(), signing.key_of(credential))
    assert "证书" in problem(signed, foreign)


@pytest.mark.parametrize("part", [rb"<ds:SignedInfo.*</ds:SignedInfo>", rb"<ds:SignatureValue>.*</ds:SignatureValue>"])
def test_it_refuses_half_a_signature(credential, part):
    signed = signing.sign(unsigned(), signing.key_of(credential))
    assert "缺少" in problem(re.sub(part, b"", signed), credential)


@pytest.mark.parametrize("garbage", ["不是base64", "A", "====", "AAAA"])
@pytest.mark.parametrize("element", ["SignatureValue", "DigestValue"])
def test_it_refuses_garbage_instead_of_a_value(credential, element, garbage):
    signed = signing.sign(unsigned(), signing.key_of(credential)).decode()
    changed = re.sub(rf"<ds:{element}>.*</ds:{element}>", f"<ds:{element}>{garbage}</ds:{element}>", signed)
    assert problem(changed.encode(), credential)


def test_it_refuses_to_write_what_xml_cannot_carry():
    with pytest.raises(ValueError, match="XML"):
        envelope.build(kind("order"), ("312226DM01", "铃\x07", "DXPENT0000900001"), GUID, [make.clean("order")])


@pytest.mark.parametrize("count", [0, 101])
def test_it_writes_no_message_of_none_or_too_many(count):
    with pytest.raises(ValueError, match="100"):
        envelope.build(kind("payment"), ("c", "n", "d"), GUID, [make.clean("payment")] * count)
