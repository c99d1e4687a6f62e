"""Signatures that do not hold are refused, whatever trick they use."""

import pytest
import signxml
from cryptography import x509
from lxml import etree

from declarations.published import DS
from declarations.sandbox.verify import Unverified, verify
from tests.conftest import until
from tests.sandbox.conftest import Listener, Sandbox
from tests.sandbox.papers import Paper, cast, certificate, envelope, message, sign, signature, trade


def outcome(customs: Sandbox, listener: Listener, paper: Paper, text: str) -> tuple[str, str]:
    """(status, info) answered to a message with this one document."""
    assert customs.post(envelope(text, cast()["platform"]))[0] == 200
    until(lambda: listener.of(paper))
    answer = listener.of(paper)[0]
    return answer.status, answer.info


def test_it_agrees_with_another_implementation() -> None:
    sender = cast()["platform"]
    text = sign(message([trade().order], sender), sender)
    expected = signxml.SignatureConfiguration(
        require_x509=False, location="./", signature_methods=frozenset({signxml.SignatureMethod.RSA_SHA1}),
        digest_algorithms=frozenset({signxml.DigestAlgorithm.SHA1}),
    )  # fmt: skip

    class Verifier(signxml.XMLVerifier):
        def check_signature_alg_expired(self, *arguments: object) -> None: ...

    Verifier().verify(
        text.encode(), x509_cert=sender.certificate, expect_config=expected, ignore_ambiguous_key_info=True
    )


def test_it_refuses_an_order_without_signature(customs: Sandbox, listener: Listener) -> None:
    paper = trade().order
    status, info = outcome(customs, listener, paper, message([paper], cast()["platform"]))
    assert status == "-301020" and "[Code:1001;" in info


def test_it_refuses_a_digit_changed_after_signing(customs: Sandbox, listener: Listener) -> None:
    paper, sender = trade().order, cast()["platform"]
    text = sign(message([paper], sender), sender).replace("<ceb:acturalPaid>595.69", "<ceb:acturalPaid>595.68")
    status, info = outcome(customs, listener, paper, text)
    assert status == "-301020" and "[Code:1004;" in info


@pytest.mark.parametrize(("name", "status"), [("payment", "-401009"), ("waybill", "-504011"), ("inventory", "-621029")])
def test_it_has_a_number_for_every_kind(customs: Sandbox, listener: Listener, name: str, status: str) -> None:
    paper = getattr(trade(), name)
    sender = cast()[{"payment": "payment", "waybill": "courier", "inventory": "warehouse"}[name]]
    text = sign(message([paper], sender), sender).replace("张三", "李四")
    assert customs.post(envelope(text, sender))[0] == 200
    until(lambda: listener.statuses(paper) == [status])


def make_foreign(text: str) -> str:
    return sign(text, cast()["neighbour"])


def make_foreign_with_our_serial(text: str) -> str:
    return sign(text, cast()["platform"], signing_key="thief")


def make_self_made(text: str) -> str:
    own = certificate("thief", serial=cast()["platform"].certificate.serial_number)
    return sign(text, cast()["platform"], own=own, signing_key="thief")


def make_expired(text: str) -> str:
    return sign(text, cast()["platform"], own=cast()["platform"].expired)


def make_upper_case(text: str) -> str:
    return sign(text, cast()["platform"], serial=f"{cast()['platform'].certificate.serial_number:X}G")


def make_digest_of_something_else(text: str) -> str:
    return sign(text, cast()["platform"], digest_of=b"something else")


def make_reference_elsewhere(text: str) -> str:
    return sign(text, cast()["platform"], uri="#x")


def make_value_rotten(text: str) -> str:
    signed = sign(text, cast()["platform"])
    start = signed.index("<ds:SignatureValue>") + 19
    return signed[:start] + ("B" if signed[start] == "A" else "A") + signed[start + 1 :]


def make_comment_in_key(text: str) -> str:
    return (
        sign(text, cast()["neighbour"])
        .replace("<ds:KeyName>", f"<ds:KeyName>{cast()['platform'].certificate.serial_number:x}<!--")
        .replace("</ds:KeyName>", "--></ds:KeyName>")
    )


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (make_foreign, "1001"),
        (make_foreign_with_our_serial, "1004"),
        (make_self_made, "1001"),
        (make_expired, "1002"),
        (make_upper_case, "1001"),
        (make_digest_of_something_else, "1004"),
        (make_reference_elsewhere, "1001"),
        (make_value_rotten, "1004"),
        (make_comment_in_key, "1001"),
    ],
)
def test_it_refuses_wrong_signatures(customs: Sandbox, listener: Listener, make: object, code: str) -> None:
    paper = trade().order
    status, info = outcome(customs, listener, paper, make(message([paper], cast()["platform"])))  # type: ignore[operator]
    assert status == "-301020" and f"[Code:{code};" in info


def test_it_refuses_a_second_signature_hidden_in_the_extension(customs: Sandbox, listener: Listener) -> None:
    sender, paper = cast()["platform"], trade().order
    hidden = signature(b"other", sender)
    extension = (
        "<ceb:ExtendMessage><ceb:name>a</ceb:name><ceb:version>1</ceb:version>"
        f"<ceb:Message>{hidden}</ceb:Message></ceb:ExtendMessage></ceb:CEB311Message>"
    )
    text = sign(message([paper], sender).replace("</ceb:CEB311Message>", extension), sender)
    status, info = outcome(customs, listener, paper, text)
    assert status == "-301020" and "[Code:1001;" in info


def test_it_refuses_a_signed_message_wrapped_in_another(customs: Sandbox, listener: Listener) -> None:
    sender, paper, signed_paper = cast()["platform"], trade().order, trade().order
    original = sign(message([signed_paper], sender), sender)
    cut = original.index("<ds:Signature")
    end = original.rindex("</ceb:CEB311Message>")
    inner, proof = original[:cut] + original[end:], original[cut:end]
    extension = (
        "<ceb:ExtendMessage><ceb:name>a</ceb:name><ceb:version>1</ceb:version>"
        f"<ceb:Message>{inner}</ceb:Message></ceb:ExtendMessage>{proof}</ceb:CEB311Message>"
    )
    text = message([paper], sender).replace("</ceb:CEB311Message>", extension)
    status, info = outcome(customs, listener, paper, text)
    assert status == "-301020" and "[Code:1004;" in info
    assert not listener.of(signed_paper)


def test_it_reads_what_is_signed_when_a_comment_splits_a_number(customs: Sandbox, listener: Listener) -> None:
    sender, paper = cast()["platform"], trade().order
    number = paper.head["orderNo"]
    text = sign(message([paper], sender), sender).replace(f">{number}<", f">{number[:4]}<!-- x -->{number[4:]}<")
    assert outcome(customs, listener, paper, text)[0] == "2"


def certificates(*names: str) -> list[x509.Certificate]:
    return [cast()[name].certificate for name in names]


def test_it_leaves_the_tree_as_it_was_signed() -> None:
    from_now = cast()["platform"].certificate.not_valid_before_utc
    text = message([trade().order], cast()["platform"]).replace("</ceb:BaseTransfer>", "</ceb:BaseTransfer>\n ")
    root = etree.fromstring(sign(text, cast()["platform"]).encode())
    verify(root, certificates("neighbour", "platform"), at=from_now)
    assert root.find(f"{{{DS}}}Signature") is None
    assert etree.tostring(root, method="c14n") == etree.tostring(etree.fromstring(text.encode()), method="c14n")
    with pytest.raises(Unverified):
        verify(root, certificates("platform"), at=from_now)
