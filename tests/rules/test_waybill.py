"""Rules of the waybill."""

from tests import make
from tests.rules.asking import rules

BOTH = make.COURIER._replace(types=frozenset({"bonded_logistics", "direct_logistics"}))


def test_w01_weight_is_above_zero() -> None:
    assert "W01" not in rules("waybill", weight="0.001")
    assert "W01" in rules("waybill", weight="0")


def test_w02_bonded_leaves_out_the_bill() -> None:
    assert "W02" not in rules("waybill")
    assert "W02" in rules("waybill", bill_no="999-12345678")
    assert "W02" not in rules("waybill", by=BOTH, bill_no="999-12345678")


def test_w03_direct_names_the_bill() -> None:
    assert "W03" not in rules("waybill", by=make.CARRIER, bill_no="999-12345678")
    assert "W03" in rules("waybill", by=make.CARRIER)
    assert "W03" not in rules("waybill", by=BOTH)
