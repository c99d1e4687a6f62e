"""The last look at the exact bytes, and the first at what arrives: hostile XML is refused with a reason, never run."""

import pytest

from declarations.exchange import envelope, schema
from declarations.kinds import kind
from declarations.published import CEB, DXP
from portal.xml import XmlRefused
from tests import make
from tests.exchange.answers import MORNING

GUID = "7F0C6A52-2D5B-4C3E-9B61-0E7B3C9D1A20"
SENDER = ("312226DM01", "上海雾凇鲸网络科技有限公司", "DXPENT0000900001")
LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><x>&d;</x>'
)
FILE_READ = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'
HOSTILE = {
    "nothing": b"",
    "blanks": b"  \n ",
    "garbage": b"\x00\x01\x02\xff garbage",
    "text": "不是报文".encode(),
    "cut": b"<ceb:CEB312Message",
    "laughs": LAUGHS,
    "laughs_in_utf16": LAUGHS.decode().encode("utf-16"),
    "file": FILE_READ,
    "late_doctype": b"<?xml version='1.0'?><!-- x --><?x y?><!doctype x><x/>",
    "net": b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>',
    "deep": b"<x>" * 100_000 + b"</x>" * 100_000,
    "instruction": b"<x><?php evil()?></x>",
    "undeclared_entity": b"<x>&nbsp;</x>",
    "unknown_encoding": b"<?xml version='1.0' encoding='klingon'?><x/>",
    "two_roots": b"<x/><y/>",
    "zip": b"PK\x03\x04" + b"\0" * 100,
}


def message(slug: str = "order") -> bytes:
    return envelope.build(kind(slug), SENDER, GUID, [make.clean(slug)])


def problem(text: bytes) -> str:
    with pytest.raises(schema.SchemaProblem) as caught:
        schema.check(text)
    return str(caught.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_it_refuses_hostile_xml(name):
    for read in (schema.check, envelope.unwrap):
        with pytest.raises(XmlRefused) as caught:
            read(HOSTILE[name])
        assert str(caught.value).endswith("。")


def test_it_refuses_messages_nobody_publishes():
    assert "Order" in problem(b"<Order/>")
    assert "CEB999Message" in problem(f'<ceb:CEB999Message xmlns:ceb="{CEB}"/>'.encode())


def test_it_refuses_the_right_name_in_the_wrong_namespace():
    assert "CEB311Message" in problem(message().replace(CEB.encode(), b"http://example.org/ceb"))


@pytest.mark.parametrize(
    ("was", "becomes", "place"),
    [
        (b"<ceb:orderNo>", b"<ceb:orderNumber>", "order"),
        (b'guid="7', b'guid="77', "CEB311Message"),
        (b"<ceb:appType>1</ceb:appType>", b"<ceb:appType>9999</ceb:appType>", "appType"),
        (b"<ceb:currency>142</ceb:currency>", b"", "buyerRegNo"),
    ],
)
def test_it_names_the_place_of_a_breach(was, becomes, place):
    text = message().replace(was, becomes).replace(was.replace(b"<", b"</"), becomes.replace(b"<", b"</"))
    assert place.lower() in problem(text).lower()


def test_it_never_repeats_a_value():
    who = make.person(1)
    text = message().replace(who.name.encode(), (who.name * 90).encode())
    assert who.name not in problem(text)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"DxpMsg", b"DxpMess"),
        (DXP.encode(), b"http://example.org/dxp"),
        (b"<CopMsgId>", b"<Copmsgid>"),
        (b"<SenderId>", b"<Sender>"),
        (b"ReceiverIds", b"Receivers"),
        (b"<Data>", b"<Daten>"),
        (b"TransInfo", b"Info"),
        (b"<Data>", b"<Data>*"),
    ],
)
def test_it_refuses_an_envelope_with_something_missing(was, becomes):
    whole = envelope.wrap(b"x", message_id="1", sender="2", receiver="3", message_type="T", now=MORNING)
    changed = whole.replace(was, becomes)
    if becomes != b"<Data>*":
        changed = changed.replace(was.replace(b"<", b"</"), becomes.replace(b"<", b"</"))
    with pytest.raises(XmlRefused):
        envelope.unwrap(changed)


def test_it_opens_what_it_closed():
    data = b"<x>&amp;</x>" * 1000
    whole = envelope.wrap(data, message_id="a&b", sender="2", receiver="3", message_type="T", now=MORNING)
    opened = envelope.unwrap(whole)
    assert opened == envelope.Terminal("a&b", "2", ("3",), "T", data)
