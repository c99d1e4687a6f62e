"""One cell at a time: what is tidied, what is refused, and by which rule."""

# A cell of a sheet has no time zone.
# ruff: noqa: DTZ001

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from declarations.fields import Code, Day, Moment, Money, PersonalText, Text, Whole
from declarations.kinds import INVENTORY, KINDS, ORDER, Kind
from declarations.reading import SHANGHAI
from declarations.shape import CutNumber, check
from tests import make

NUMBER = Text("订单编号", 60, halfwidth=True)
WORDS = Text("名称", 10, named=True)
UNIT = Code("单位", 3, codes="units")
COUNTRY = Code("国别", 3, codes="countries")
HS = Code("商品编码", 10, pattern="[0-9]{10}", wanted="10 位数字")
ENTERPRISE = ORDER.field("ebp_code")
AMOUNT = Money("金额")
COUNT = Whole("件数", 9)
DAY = Day("日期")
MOMENT = Moment("时间")
NAME = PersonalText("姓名", 60, mask="name")
IDENTITY = PersonalText("证件号码", 60, mask="number")
PHONE = PersonalText("电话", 30, mask="phone")
ADDRESS = PersonalText("地址", 200, mask="address")
SOMEBODY = make.person(7)
X = make.person(next(n for n in range(1, 99) if make.person(n).number.endswith("X")))


@pytest.mark.parametrize(
    ("field", "raw", "value", "notes"),
    [
        (NUMBER, " SH01 ", "SH01", []),
        (NUMBER, "ＳＨ０１", "SH01", ["S31"]),
        (NUMBER, 20250601.0, "20250601", []),
        (NUMBER, 100200300, "100200300", []),
        (NUMBER, "/../';DROP--", "/../';DROP--", []),
        (WORDS, "深海\u00a0鱼油", "深海 鱼油", ["S34"]),
        (WORDS, "𠮷野家𡈽", "𠮷野家𡈽", []),
        (WORDS, 12.5, "12.5", []),
        (UNIT, "035", "035", []),
        (UNIT, 35.0, "035", ["S33"]),
        (UNIT, "０３５", "035", ["S31"]),
        (HS, 402210000.0, "0402210000", ["S33"]),
        (ENTERPRISE, "3122960a01", "3122960A01", ["S32"]),
        (AMOUNT, "12.50", Decimal("12.5"), []),
        (AMOUNT, 0.1 + 0.2, Decimal("0.3"), []),
        (AMOUNT, 268.0, Decimal(268), []),
        (AMOUNT, "１２．５", Decimal("12.5"), ["S31"]),
        (AMOUNT, Decimal("1E+2"), Decimal(100), []),
        (AMOUNT, "-0", Decimal(0), []),
        (AMOUNT, "1.000000", Decimal(1), []),
        (COUNT, "1", 1, []),
        (COUNT, 3.0, 3, []),
        (DAY, "2025年6月1日", date(2025, 6, 1), []),
        (DAY, "2025/6/1", date(2025, 6, 1), []),
        (DAY, 20250601.0, date(2025, 6, 1), []),
        (DAY, datetime(2025, 6, 1), date(2025, 6, 1), []),
        (MOMENT, "20250601093000", datetime(2025, 6, 1, 9, 30, tzinfo=SHANGHAI), []),
        (MOMENT, "2025-06-01 09:30", datetime(2025, 6, 1, 9, 30, tzinfo=SHANGHAI), []),
        (MOMENT, "2025-06-01T09:30:15", datetime(2025, 6, 1, 9, 30, 15, tzinfo=SHANGHAI), []),
        (MOMENT, datetime(2025, 6, 1, 9, 30), datetime(2025, 6, 1, 9, 30, tzinfo=SHANGHAI), []),
        (MOMENT, datetime(2025, 6, 1, 1, 30, tzinfo=UTC), datetime(2025, 6, 1, 9, 30, tzinfo=SHANGHAI), []),
        (NAME, "阿依古丽•买买提", "阿依古丽·买买提", ["S36"]),
        (NAME, "𬱖𠮷", "𬱖𠮷", []),
        (NAME, "J. Smith", "J. Smith", []),
        (IDENTITY, X.number.lower(), X.number, ["S32"]),
        (IDENTITY, "".join(chr(ord(c) + 0xFEE0) for c in SOMEBODY.number), SOMEBODY.number, ["S31"]),
        (PHONE, "+86 139 0000 0001", "13900000001", ["S34", "S35"]),
        (PHONE, "021-68890000", "021-68890000", []),
        (PHONE, "95013123456转123", "95013123456转123", []),
        (ADDRESS, "上海市示例路1号", "上海市示例路1号", []),
    ],
)
def test_it_reads_what_is_clearly_meant(field: Any, raw: Any, value: Any, notes: list[str]) -> None:
    said: list[str] = []
    assert field.read(raw, said) == value
    assert said == notes


@pytest.mark.parametrize(
    ("field", "raw", "rule"),
    [
        (NUMBER, "", "S01"),
        (NUMBER, "\u3000", "S01"),
        (NUMBER, None, "S01"),
        (NUMBER, "x" * 61, "S02"),
        (NUMBER, "SH 01", "S08"),
        (NUMBER, "订单1", "S08"),
        (NUMBER, "SH😀", "S08"),
        (NUMBER, CutNumber("310115190001010000"), "S06"),
        (NUMBER, 310115190001010000.0, "S06"),
        (NUMBER, 10**15, "S06"),
        (NUMBER, 1.23e17, "S06"),
        (NUMBER, float("nan"), "S14"),
        (NUMBER, True, "S25"),
        (NUMBER, date(2025, 6, 1), "S25"),
        (NUMBER, ["x"], "S25"),
        (NUMBER, {"x": 1}, "S25"),
        (NUMBER, "SH\u200b01", "S07"),
        (NUMBER, "SH\x0001", "S07"),
        (NUMBER, "SH\u202e01", "S07"),
        (NUMBER, "a\nb", "S07"),
        (WORDS, "\ud800", "S07"),
        (WORDS, "a\ufffeb", "S07"),
        (WORDS, "\ufeff名称", "S07"),
        (WORDS, "无", "S23"),
        (WORDS, "/", "S23"),
        (WORDS, "字" * 11, "S02"),
        (UNIT, "千克", "S27"),
        (UNIT, "箩筐", "S37"),
        (COUNTRY, "日本国", "S38"),
        (COUNTRY, "新西", "S38"),
        (COUNTRY, "沈若溪", "S37"),
        (WORDS, "名\ufffd称", "S07"),
        (UNIT, "999", "S04"),
        (UNIT, "-1", "S04"),
        (HS, "19011010", "S03"),
        (HS, "190110100", "S03"),
        (HS, "19011010000", "S03"),
        (HS, "190110100A", "S05"),
        (ENTERPRISE, "312296", "S05"),
        (ENTERPRISE, "31229-0A01", "S05"),
        (ENTERPRISE, SOMEBODY.number, "S28"),
        (ENTERPRISE, f" {X.number.lower()} ", "S28"),
        (UNIT, SOMEBODY.number, "S28"),
        (AMOUNT, "1,234.50", "S10"),
        (AMOUNT, "1，234", "S10"),
        (AMOUNT, "-1", "S11"),
        (AMOUNT, -0.5, "S11"),
        (AMOUNT, "1.000001", "S12"),
        (AMOUNT, "123456789012345", "S13"),
        (AMOUNT, 1e20, "S13"),
        (AMOUNT, 10**400, "S13"),
        (NUMBER, 10**400, "S06"),
        (NUMBER, Decimal("sNaN"), "S14"),
        (AMOUNT, "1e3", "S14"),
        (AMOUNT, "NaN", "S14"),
        (AMOUNT, float("inf"), "S14"),
        (AMOUNT, Decimal("Infinity"), "S14"),
        (AMOUNT, "12元", "S09"),
        (AMOUNT, "12。5", "S09"),
        (AMOUNT, "٣", "S09"),
        (AMOUNT, "=1+1", "S09"),
        (AMOUNT, True, "S09"),
        (AMOUNT, [], "S09"),
        (AMOUNT, Decimal("1E-7"), "S12"),
        (AMOUNT, Decimal("1E-999999"), "S14"),
        (NUMBER, Decimal("1E-999999"), "S14"),
        (AMOUNT, Decimal("1E+999999"), "S13"),
        (COUNT, "0", "S15"),
        (COUNT, "1.5", "S15"),
        (COUNT, "1000000000", "S15"),
        (DAY, "20260230", "S16"),
        (DAY, "19000101", "S18"),
        (DAY, "25-06-01", "S16"),
        (DAY, 45810.0, "S16"),
        (DAY, datetime(2025, 6, 1, 9), "S16"),
        (DAY, "2025-06-01T00:00:00+08:00", "S16"),
        (DAY, True, "S16"),
        (MOMENT, "2025-06-01", "S17"),
        (MOMENT, "20250601250000", "S17"),
        (MOMENT, "2025-06-01T09:30:00Z", "S17"),
        (MOMENT, "2025-06-01 09:30:00+08:00", "S17"),
        (MOMENT, "20250631093000", "S17"),
        (MOMENT, "18991231093000", "S18"),
        (NAME, "无", "S23"),
        (NAME, "张\u200b三", "S07"),
        (NAME, "张\u202e三", "S07"),
        (NAME, "张" * 61, "S02"),
        (IDENTITY, SOMEBODY.number[:-1] + ("0" if SOMEBODY.number[-1] != "0" else "1"), "S20"),
        (IDENTITY, SOMEBODY.number[:6] + SOMEBODY.number[8:-1], "S19"),
        (IDENTITY, "310115190002300018", "S21"),
        (IDENTITY, "310115209901010018", "S21"),
        (IDENTITY, 3.10115e17, "S06"),
        (IDENTITY, "31011519000101 018", "S19"),
        (PHONE, "无", "S22"),
        (PHONE, "12345", "S22"),
        (PHONE, "手机13900000001", "S22"),
        (ADDRESS, "示" * 201, "S02"),
    ],
)
def test_it_refuses_by_number(field: Any, raw: Any, rule: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        field.read(raw)
    assert refusal.value.code == rule
    assert "%" not in str(refusal.value.messages[0])


@pytest.mark.parametrize(
    ("field", "raw", "rule"),
    [
        (ORDER.field("currency"), "502", "S24"),
        (ORDER.field("order_type"), "E", "S24"),
        (ORDER.field("currency", line=True), "840", "S04"),
        (ORDER.field("buyer_id_type"), "2", "S24"),
        (INVENTORY.field("pack_no"), "2", "S24"),
        (INVENTORY.field("invt_no"), "221620251000000001", "S26"),
        (INVENTORY.field("customs_code"), "9999", "S04"),
    ],
)
def test_it_keeps_fixed_and_customs_values(field: Any, raw: Any, rule: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        field.read(raw)
    assert refusal.value.code == rule


def test_it_never_repeats_a_personal_value() -> None:
    """A clerk's slip of the column must not carry a number of 18 digits into a message, either."""
    for which in (ORDER, INVENTORY):
        for field in which.fields:
            for raw in (SOMEBODY.number, SOMEBODY.number[:-1] + "?", SOMEBODY.address * 30, SOMEBODY.name * 90):
                try:
                    field.read(raw)
                except ValidationError as refusal:
                    said = str(refusal.params) + refusal.messages[0]
                    assert SOMEBODY.number[:10] not in said and SOMEBODY.address[6:] not in said
                    assert SOMEBODY.name not in said


def test_it_spells_values_for_the_wire() -> None:
    assert [AMOUNT.text_of(Decimal(text)) for text in ("12.50000", "100", "0.00000", "0.00001", "1E+2")] == [
        "12.5",
        "100",
        "0",
        "0.00001",
        "100",
    ]
    assert MOMENT.text_of(datetime(2025, 6, 1, 1, 30, tzinfo=UTC)) == "20250601093000"
    assert DAY.text_of(date(2025, 6, 1)) == "20250601"
    assert [field.text_of(None) for field in (AMOUNT, COUNT, DAY, MOMENT)] == [""] * 4


def test_it_takes_a_credit_code_that_only_looks_like_an_identity_number() -> None:
    assert ENTERPRISE.read("913101200512250499") == "913101200512250499"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)
def test_it_never_keeps_an_identity_number_brought_as_a_code(kind: Kind) -> None:
    for name, one in zip(kind.head_names, kind.fields, strict=True):
        if isinstance(one, Code) and one.longest >= 18 and one.fixed is None:
            entry = make.filled(kind, make.entry(kind.slug, **{name: SOMEBODY.number}), make.FILERS[kind.slug])
            clean, found = check(kind, entry)
            assert clean is None and [problem.rule for problem in found if problem.field == name] == ["S28"], name
            assert SOMEBODY.number not in str([problem.as_json() for problem in found])
