"""What is generated from the description says what the description says: checker and writer."""

# Hypothesis takes its bounds without a time zone.
# ruff: noqa: DTZ001

import time
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from declarations import published
from declarations.exchange import envelope
from declarations.fields import CLERK, OWN, Amount, Described, Whole
from declarations.kinds import KINDS, ORDER, Kind
from declarations.reading import SHANGHAI
from declarations.shape import (
    Clean,
    CutNumber,
    Entry,
    Problem,
    by_name,
    check,
    fingerprint,
    head_columns,
    head_row,
    key_of,
    line_columns,
    line_rows,
    read,
    read_slowly,
    said,
    unsealed,
)
from tests import make

SENDER = envelope.Sender(make.PLATFORM.customs_code, "上海<示例>&“商城”有限公司", "DXPENT0000000001")
HALF = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ODD = st.one_of(
    st.none(),
    st.text(max_size=70),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.decimals(allow_nan=True),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(SHANGHAI)),
    st.lists(st.integers(), max_size=1),
    st.from_regex(r"[0-9]{1,20}(\.[0-9]{0,7})?", fullmatch=True),
    st.from_regex(r"[0-9]{17}[0-9Xx]", fullmatch=True),
    st.integers(1, 500).map(lambda n: make.person(n).number),
    st.text(st.characters(categories=["Zs", "Cf", "Lo", "Nd"])),
    st.text("0123456789ABCXxＡ０ ，,.-+eE/无空·•", max_size=20),
    st.text(max_size=20).map(CutNumber),
    st.sampled_from(
        [
            "142",
            "035",
            "2216",
            "1210",
            "I",
            "1",
            "2",
            "7",
            "3122960A01",
            "3122960a01",
            "无",
            "/",
            " ",
            "a b",
            "20250601",
            "2025-06-01 09:30:00",
            "13900000001",
            "+8613900000001",
            1,
            1.0,
            268.5,
            0.1 + 0.2,
        ]
    ),
)
# What a message can carry and a field can hold: any character of XML 1.0, carriage return and markup among them.
CARRIED = st.text(
    st.one_of(
        st.sampled_from("&<>\r\n\t\"'"),
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    ),
    min_size=1,
    max_size=40,
)


def entry_of(draw: st.DrawFn, which: Kind) -> Entry:
    """A valid document in which some cells are anything at all."""
    entry = make.filled(which, make.entry(which.slug))
    for cells, names in ((entry.head, which.head_names), *((line, which.line_names) for line in entry.lines)):
        for name in draw(st.lists(st.sampled_from(names), max_size=6)):
            cells[name] = draw(ODD)
    entry.rows = tuple(range(3, 3 + max(len(entry.lines), 1)))
    return entry


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types and spelling all the way down."""
    return repr(one) == repr(other) and one == other


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_checks_as_the_fields_themselves_do(which: Kind) -> None:
    @HALF
    @given(st.data())
    def equal(data: st.DataObject) -> None:
        entry = data.draw(st.composite(entry_of)(which))
        assert same(read(which, entry), read_slowly(which, entry))

    equal()


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_checks_every_single_cell_as_its_field_does(which: Kind) -> None:
    @HALF
    @given(ODD)
    def equal(raw: Any) -> None:
        lines = [dict.fromkeys(which.line_names, raw)] if which.line else []
        entry = Entry(dict.fromkeys(which.head_names, raw), lines)
        assert same(read(which, entry), read_slowly(which, entry))

    equal()


def test_it_reports_every_cell_with_row_line_and_column() -> None:
    entry = make.filled(ORDER, make.order(1, lines=3, buyer_name="", goods_value="1,0", note="x" * 1001))
    entry.lines[2]["unit"] = "千克"
    entry.rows = (5, 6, 7)
    clean, problems = check(ORDER, entry)
    assert clean is None
    assert [(one.rule, one.field, one.line, one.row) for one in problems] == [
        ("S10", "goods_value", None, 5),
        ("S01", "buyer_name", None, 5),
        ("S02", "note", None, 5),
        ("S27", "unit", 2, 7),
    ]
    assert [one.label for one in problems] == ["商品价格", "订购人姓名", "备注", "单位"]
    assert Problem.from_json(problems[0].as_json()) == problems[0]


def test_it_fills_in_what_the_door_knows() -> None:
    entry = make.order(1, ebp_code="", ebp_name="", ebc_name="")
    filled = make.filled(ORDER, entry)
    assert (filled.head["ebp_code"], filled.head["ebp_name"]) == (make.PLATFORM.customs_code, make.PLATFORM.name)
    assert filled.head["ebc_name"] == make.MERCHANT.name
    assert [line["gnum"] for line in filled.lines] == [1, 2]
    assert filled.head["currency"] == filled.lines[0]["currency"] == "142"
    assert "guid" not in entry.head and "gnum" not in entry.lines[0]
    foreign = make.filled(ORDER, make.order(1, currency="502"))
    assert [one.rule for one in check(ORDER, foreign)[1]] == ["S24"]
    inventory = make.filled(KINDS[3], make.inventory())
    assert len(inventory.head["cop_no"]) == 20 and inventory.head["cop_no"].startswith(make.WAREHOUSE.customs_code)


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_knows_a_document_again_by_what_people_said(which: Kind) -> None:
    first, again, other = make.clean(which.slug), make.clean(which.slug), make.clean(which.slug, note="别的")
    assert first.head != again.head
    assert fingerprint(which, first) == fingerprint(which, again) != fingerprint(which, other)
    assert key_of(which, first) == key_of(which, again)


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_knows_it_by_every_value_as_it_stands_in_the_message(which: Kind) -> None:
    heads = st.tuples(*[_value(one) for one in which.fields])
    lines = st.tuples(*[_value(one) for one in which.line_fields])

    def texts(fields, values) -> list[str]:
        pairs = zip(fields, values, strict=True)
        return [one.text_of(value) for one, value in pairs if one.given in (CLERK, OWN)]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.builds(Clean, heads, st.lists(lines, max_size=3) if which.line else st.just([])))
    def told(document: Clean) -> None:
        spoken = ["\x1e".join(texts(which.line_fields, line)) for line in document.lines]
        assert said(which, document) == "\x1f".join([*texts(which.fields, document.head), *spoken])

    told()


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_gives_copy_its_columns(which: Kind) -> None:
    clean = make.clean(which.slug)
    row = head_row(which, clean, 7, 8)
    assert len(row) == len(head_columns(which)) and row[:2] == (7, 8)
    for column, value, told in zip(head_columns(which)[2:], row[2:], clean.head, strict=True):
        assert isinstance(value, bytes) if which.field(column).personal else value == told
    assert all(len(line) == len(line_columns(which)) for line in line_rows(which, clean, 7, 8))


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_keeps_and_names_every_value_as_the_fields_themselves_do(which: Kind) -> None:
    heads = st.tuples(*[_value(one) for one in which.fields])
    lines = st.tuples(*[_value(one) for one in which.line_fields])

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.builds(Clean, heads, st.lists(lines, max_size=3) if which.line else st.just([])))
    def kept(document: Clean) -> None:
        head, rows = head_row(which, document, 7, 8), line_rows(which, document, 7, 8)
        assert unsealed(which, head[2:], [row[2:] for row in rows]) == document
        for one, value, told in zip(which.fields, head[2:], document.head, strict=True):
            assert one.unsealed(value) == told and (isinstance(value, bytes) or not one.personal or not told)
        of_head, of_line = by_name(which)
        assert of_head(document.head) == dict(zip(which.head_names, document.head, strict=True))
        assert [of_line(line) for line in document.lines] == [
            dict(zip(which.line_names, line, strict=True)) for line in document.lines
        ]

    kept()


def _value(one: Described) -> st.SearchStrategy[Any]:
    if one.fixed is not None:
        value: st.SearchStrategy[Any] = st.just(one.fixed)
    elif isinstance(one, Amount):
        value = st.decimals(0, Decimal("99999999999999.99999"), places=5)
    elif isinstance(one, Whole):
        value = st.integers(1, one.limit)
    elif one.missing is None:
        value = (
            st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(SHANGHAI))
            if "Time" in one.plain_path
            else st.dates(date(2000, 1, 1), date(2099, 12, 31))
        )
    else:
        value = CARRIED
    return value if one.required else st.one_of(st.just(one.missing), value)


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_writes_canonical_xml(which: Kind) -> None:
    heads = st.tuples(*[_value(one) for one in which.fields])
    lines = st.tuples(*[_value(one) for one in which.line_fields])
    documents = st.builds(Clean, heads, st.lists(lines, min_size=1, max_size=3) if which.line else st.just([]))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(documents, CARRIED)
    def canonical(document: Clean, guid: str) -> None:
        written = envelope.build(which, SENDER, guid, [document])
        root = etree.fromstring(written)
        assert etree.tostring(root, method="c14n") == written
        assert root.get("guid") == guid
        head = next(root.iter(f"{{{published.CEB}}}{which.wrapper[1]}"))
        expected = [
            (one.tag, one.text_of(value))
            for one, value in zip(which.fields, document.head, strict=True)
            if one.required or value not in ("", None)
        ]
        assert [(etree.QName(child).localname, child.text) for child in head] == expected

    canonical()


SIGNATURE = (
    f'<ds:Signature xmlns:ds="{published.DS}"><ds:SignedInfo>'
    '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></ds:CanonicalizationMethod>'
    f'<ds:SignatureMethod Algorithm="{published.DS}rsa-sha1"></ds:SignatureMethod><ds:Reference URI="">'
    f'<ds:DigestMethod Algorithm="{published.DS}sha1"></ds:DigestMethod><ds:DigestValue>MA==</ds:DigestValue></ds:Reference>'
    "</ds:SignedInfo><ds:SignatureValue>MA==</ds:SignatureValue></ds:Signature>"
).encode()


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
@pytest.mark.parametrize("count", [1, 100])
def test_it_writes_what_the_published_structure_allows(which: Kind, count: int) -> None:
    unsigned = envelope.build(
        which, SENDER, envelope.new_guid(), [make.clean(which.slug, n) for n in range(1, count + 1)]
    )
    message = envelope.with_signature(unsigned, SIGNATURE)
    assert message.replace(SIGNATURE, b"") == unsigned
    root = etree.fromstring(message)
    schema = published.schema(which.sends)
    assert schema.validate(root), schema.error_log
    assert etree.QName(root[-1]).localname == "Signature"


def test_it_sends_one_to_a_hundred_documents() -> None:
    document = make.clean("payment")
    for count in (0, 101):
        with pytest.raises(ValueError, match="1 to 100"):
            envelope.build(KINDS[1], SENDER, envelope.new_guid(), [document] * count)


def test_it_refuses_what_xml_cannot_carry() -> None:
    document = make.clean("payment")
    bad = document._replace(head=(*document.head[:-1], "a\x0bb"))
    with pytest.raises(ValueError, match="cannot carry"):
        envelope.build(KINDS[1], SENDER, envelope.new_guid(), [bad])


def test_it_wraps_and_opens_the_transport_envelope() -> None:
    wrapped = envelope.wrap(
        b"<a/>",
        message_id="M&1",
        sender="DXPENT0000000001",
        receiver=envelope.IMPORTS,
        message_type="CEB311Message",
        now=make.NOW,
    )
    assert published.schema("DxpMsg").validate(etree.fromstring(wrapped))
    letter = envelope.unwrap(wrapped)
    assert (letter.message_id, letter.receiver, letter.message_type) == ("M&1", envelope.IMPORTS, "CEB311Message")
    assert letter.data == b"<a/>"


@given(st.binary(min_size=1, max_size=200))
@settings(deadline=None)
def test_it_opens_what_it_wrapped_byte_for_byte(data: bytes) -> None:
    wrapped = envelope.wrap(data, message_id="M1", sender="S", receiver="R", message_type="CEB311Message", now=make.NOW)
    assert envelope.unwrap(wrapped).data == data


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_is_far_faster_than_cell_by_cell(which: Kind) -> None:
    """The floor is low on purpose, machines differ; `bench` measures the figure against a Django form."""
    entry = make.filled(which, make.entry(which.slug))
    read(which, entry), read_slowly(which, entry)

    def took(checker: Any) -> float:
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(40):
                checker(which, entry)
            best = min(best, time.perf_counter() - start)
        return best

    assert took(read) * 1.5 < took(read_slowly)
