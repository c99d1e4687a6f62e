"""The hardened parser against what is known to hurt parsers."""

import time

import pytest

from portal.xml import XmlRefused, parse

BOMB = (
    '<!DOCTYPE a [<!ENTITY b0 "ha">'
    + "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 12))
    + "]><a>&b11;</a>"
)
HOSTILE = {
    "billion laughs": BOMB,
    "quadratic": f'<!DOCTYPE a [<!ENTITY b "{"x" * 50000}">]><a>{"&b;" * 5000}</a>',
    "file": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "network": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/x">%b;]><a/>',
    "doctype alone": "<!DOCTYPE a><a/>",
    "doctype after a comment": '<?xml version="1.0"?><!-- x --> \n<!DOCTYPE a><a/>',
    "processing instruction": "<a><?php echo 1 ?></a>",
    "depth": "<a>" * 10000 + "</a>" * 10000,
    "huge text": f"<a>{'x' * 11_000_000}</a>",
    "undefined entity": "<a>&b;</a>",
    "control character": "<a>\x01</a>",
    "half": "<a>",
    "nothing": "",
    "no markup": "hello",
    "two roots": "<a/><b/>",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_it_refuses_with_a_reason(name: str, encoding: str) -> None:
    start = time.monotonic()
    with pytest.raises(XmlRefused) as refusal:
        parse(HOSTILE[name].encode(encoding))
    assert str(refusal.value.reason)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        b"<a>\x00</a>",
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        b"<a>\xff\xfe</a>",
        b'<?xml version="1.0" encoding="gb2312"?><a>' + b"\xff" + b"</a>",
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>',
        b"<?xml",
        b"<!--",
        b"<?a?>",
    ],
)
def test_it_refuses_broken_bytes(data: bytes) -> None:
    with pytest.raises(XmlRefused):
        parse(data)


def test_it_refuses_more_than_the_limit() -> None:
    with pytest.raises(XmlRefused):
        parse(b"<a>" + b"x" * 100 + b"</a>", limit=50)


def test_it_honours_the_declared_encoding() -> None:
    assert parse('<?xml version="1.0" encoding="gb2312"?><a>上海</a>'.encode("gb2312")).text == "上海"
    assert parse('<?xml version="1.0" encoding="UTF-16"?><a>上海</a>'.encode("utf-16")).text == "上海"
    assert parse("\ufeff<a>上海</a>".encode()).text == "上海"


def test_it_reads_a_text_as_it_was_signed() -> None:
    """Canonical XML drops comments, so a comment must not cut a number in two (B3, case 93)."""
    assert parse(b"<a>3101<!-- x -->15</a>").text == "310115"


def test_it_lets_a_quoted_doctype_pass() -> None:
    assert parse(b"<a><![CDATA[<!DOCTYPE b>]]></a>").text == "<!DOCTYPE b>"


def test_it_does_not_follow_references() -> None:
    root = parse(
        b'<a xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:x="http://www.w3.org/2001/XMLSchema-instance"'
        b' x:schemaLocation="http://127.0.0.1:9/ http://127.0.0.1:9/x.xsd"><xi:include href="file:///etc/passwd"/></a>'
    )
    assert len(root) == 1 and not root[0].text
