"""Rules of the declaration list."""

from typing import Any

import pytest

from tests import make
from tests.rules.asking import cells_of, problems, rules

DIRECT = {
    "by": make.CARRIER,
    "trade_mode": "9610",
    "ems_no": "",
    "area_code": "",
    "area_name": "",
    "traf_no": "MU588",
    "voyage_no": "MU588",
    "bill_no": "999-12345678",
    "country": "502",
    "traf_mode": "5",
    "line": {"item_record_no": ""},
}


def test_it_has_nothing_to_say_of_a_valid_direct_list() -> None:
    assert rules("inventory", **DIRECT) == set()


@pytest.mark.parametrize("name", ["ems_no", "area_code"])
def test_l01_bonded_names_book_and_warehouse(name: str) -> None:
    assert "L01" not in rules("inventory")
    assert (name, None) in cells_of("L01", "inventory", **{name: ""})
    assert cells_of("L01", "inventory", line={"item_record_no": ""}) == [("item_record_no", 0), ("item_record_no", 1)]


@pytest.mark.parametrize("name", ["traf_no", "voyage_no", "bill_no"])
def test_l02_bonded_leaves_out_the_voyage(name: str) -> None:
    assert "L02" not in rules("inventory")
    assert cells_of("L02", "inventory", **{name: "MU588"}) == [(name, None)]


def test_l03_bonded_comes_from_china() -> None:
    assert "L03" not in rules("inventory")
    assert "L03" in rules("inventory", country="502")


@pytest.mark.parametrize("name", ["traf_no", "voyage_no", "bill_no"])
def test_l04_direct_names_the_voyage(name: str) -> None:
    assert "L04" not in rules("inventory", **DIRECT)
    assert cells_of("L04", "inventory", **{**DIRECT, name: ""}) == [(name, None)]


def test_l05_direct_leaves_out_book_and_warehouse() -> None:
    assert "L05" not in rules("inventory", **DIRECT)
    assert cells_of("L05", "inventory", **{**DIRECT, "ems_no": "T1"}) == [("ems_no", None)]
    assert len(cells_of("L05", "inventory", **{**DIRECT, "line": {"item_record_no": "L1"}})) == 2


def test_l06_net_is_not_above_gross() -> None:
    assert "L06" not in rules("inventory", net_weight="1", gross_weight="1")
    assert "L06" in rules("inventory", net_weight="1.00001", gross_weight="1")


def test_l07_weights_are_above_zero() -> None:
    assert "L07" not in rules("inventory")
    assert cells_of("L07", "inventory", net_weight="0", gross_weight="0") == [
        ("gross_weight", None),
        ("net_weight", None),
    ]


def test_l08_second_quantity_has_its_unit() -> None:
    assert "L08" not in rules("inventory", line={"qty2": "1", "unit2": "035"})
    assert cells_of("L08", "inventory", lines=1, line={"qty2": "1"}) == [("unit2", 0)]
    assert cells_of("L08", "inventory", lines=1, line={"unit2": "035"}) == [("qty2", 0)]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (make.PLATFORM.customs_code, False),
        (make.MERCHANT.credit_code, False),
        (make.COURIER.customs_code, False),
        (make.WAREHOUSE.customs_code, True),
        ("3122960X99", True),
    ],
)
def test_l09_guarantor_is_on_the_list(code: str, wrong: bool) -> None:
    assert ("L09" in rules("inventory", assure_code=code)) is wrong


def test_l10_total_is_price_times_quantity() -> None:
    assert "L10" not in rules("inventory")
    assert cells_of("L10", "inventory", lines=1, line={"total_price": "1"}) == [("total_price", 0)]


@pytest.mark.parametrize("name", ["qty", "qty1", "qty2"])
def test_l11_quantities_are_above_zero(name: str) -> None:
    assert "L11" not in rules("inventory", line={name: "0.5", "unit2": "035"})
    assert cells_of("L11", "inventory", lines=1, line={name: "0", "unit2": "035"}) == [(name, 0)]


def test_l12_mode_is_bonded_or_direct() -> None:
    assert "L12" not in rules("inventory")
    assert "L12" in rules("inventory", trade_mode="9710")


def test_l13_same_unit_same_quantity() -> None:
    same = {"unit": "035", "unit1": "035", "qty": "2", "qty1": "2"}
    assert "L13" not in rules("inventory", line=same)
    found = [one for one in problems("inventory", line={**same, "qty1": "20"}) if one.rule == "L13"]
    assert [one.level for one in found] == ["warning", "warning"]


def test_l14_mode_says_who_files() -> None:
    assert "L14" not in rules("inventory")
    assert "L14" not in rules("inventory", by=make.MERCHANT)
    assert "L14" in rules("inventory", by=make.CARRIER)
    assert "L14" in rules("inventory", **{**DIRECT, "by": make.WAREHOUSE})


def test_l15_only_gifts_cost_nothing() -> None:
    assert "L15" not in rules("inventory")
    assert "L15" in rules("inventory", line={"price": "0", "total_price": "0"})


def test_l16_merchant_has_mandated_the_filer() -> None:
    def asked(*mandates: tuple[str, str, str], **cells: Any) -> set[str]:
        return rules("inventory", facts={"mandates": frozenset(mandates)}, **cells)

    merchant = make.MERCHANT.customs_code
    assert cells_of("L16", "inventory", facts={"mandates": frozenset()}) == [("ebc_code", None)]
    assert "L16" not in asked((merchant, "1210", ""))
    assert "L16" not in asked((merchant, "1210", "2216"))
    assert "L16" in asked((merchant, "1210", "2233"))
    assert "L16" in asked((merchant, "9610", ""))
    assert "L16" in asked((make.PLATFORM.customs_code, "1210", ""))
    assert "L16" not in asked(by=make.MERCHANT)
    assert "L16" not in asked(by=make.MERCHANT, ebc_code=make.MERCHANT.credit_code)
    assert "L16" in asked(**DIRECT)
    assert "L16" not in asked((merchant, "9610", ""), **DIRECT)
    assert "L16" not in asked(trade_mode="9710")  # L12 speaks of that


def test_l17_filer_is_activated_for_mode_and_district() -> None:
    def asked(*services: tuple[str, str, str], **cells: Any) -> set[str]:
        return rules("inventory", facts={"services": frozenset(services), **cells.pop("facts", {})}, **cells)

    assert cells_of("L17", "inventory", facts={"services": frozenset()}) == [("customs_code", None)]
    assert "L17" not in asked(("warehouse", "1210", "2216"))
    for other in (("warehouse", "1210", "2218"), ("warehouse", "9610", "2216"), ("merchant", "1210", "2216")):
        assert "L17" in asked(other), other
    assert "L17" not in asked(("direct_logistics", "9610", "2216"), **DIRECT)
    assert "L17" in asked(("direct_logistics", "9610", "2233"), **DIRECT)
    # A merchant that files its own list counts by its merchant service, whichever of its codes stands there.
    for own in ({}, {"ebc_code": make.MERCHANT.credit_code}):
        assert "L17" not in asked(("merchant", "1210", "2216"), by=make.MERCHANT, **own)
        assert "L17" in asked(("merchant", "9610", "2216"), by=make.MERCHANT, **own)
    both = make.MERCHANT._replace(types=frozenset({"merchant", "warehouse"}))
    for one in ("merchant", "warehouse"):
        assert "L17" not in asked((one, "1210", "2216"), by=both)
    others = {"ebc_code": make.CARRIER.customs_code, "ebc_name": make.CARRIER.name}
    assert "L17" in asked(("merchant", "1210", "2216"), by=both, **others)
    # What others speak of.
    assert "L17" not in asked(facts={"unserved": "why"}) and "L17" not in asked(trade_mode="9710")
    assert "L17" not in asked(by=make.CARRIER)
    (said,) = [one for one in problems("inventory", facts={"services": frozenset()}) if one.rule == "L17"]
    assert said.text.startswith("保税仓储企业没有在用的 1210 服务覆盖 2216 关区") and "“服务开通”" in said.cure


@pytest.mark.parametrize(
    ("who", "mode", "shape"), [(make.WAREHOUSE, "9610", {**DIRECT, "line": {}}), (make.CARRIER, "1210", {})]
)
def test_l17_a_list_of_ones_own_without_the_type_of_a_merchant_needs_a_service_too(
    who: make.Cast, mode: str, shape: dict[str, Any]
) -> None:
    """Who names itself as the merchant passes L14 and L16 in the mode of others; no service of its own covers that mode."""
    (of_type,) = who.types
    other = "1210" if mode == "9610" else "9610"
    own = {**shape, "by": who, "ebc_code": who.customs_code, "ebc_name": who.name}
    for served in (frozenset(), {(of_type, other, "2216")}, {("merchant", mode, "2216")}):
        said = rules("inventory", facts={"services": frozenset(served)}, **own)
        assert "L17" in said and not said & {"L14", "L16"}, served
    merchant = {**own, "by": who._replace(types=who.types | {"merchant"})}
    assert "L17" not in rules("inventory", facts={"services": frozenset({("merchant", mode, "2216")})}, **merchant)
    assert "L17" in rules("inventory", facts={"services": frozenset({(of_type, other, "2216")})}, **merchant)


def test_e09_list_comes_from_a_fourth_enterprise() -> None:
    def filer(slug: str, who: make.Cast) -> dict:
        found = make.accepted()
        return {
            key: tuple(one._replace(filer_credit_code=who.credit_code) for one in filed) if key[0] == slug else filed
            for key, filed in found.items()
        }

    for slug in ("order", "payment", "waybill"):
        assert "E09" in rules("inventory", filed=filer(slug, make.WAREHOUSE)), slug
    assert "E09" not in rules("inventory", by=make.MERCHANT, filed=filer("order", make.MERCHANT))
    assert "E09" in rules("inventory", by=make.MERCHANT, filed=filer("payment", make.MERCHANT))
    assert "E09" not in rules("inventory", **DIRECT, filed=filer("waybill", make.CARRIER))
