"""Rules of the order."""

import pytest

from tests.rules.asking import cells_of, problems, rules


@pytest.mark.parametrize(
    ("paid", "wrong"), [("331.29", False), ("331.290", False), ("331.30", True), ("331.28999", True), ("347.85", True)]
)
def test_o01_paid_is_the_sum(paid: str, wrong: bool) -> None:
    sums = {"goods_value": "306.90", "tax_total": "24.39", "actual_paid": paid}
    assert ("O01" in rules("order", **sums)) is wrong
    if wrong:
        assert "331.29" in next(one for one in problems("order", **sums) if one.rule == "O01").text


def test_it_says_money_with_two_decimals_and_as_it_may_be_typed() -> None:
    """181.40, not 181.4; and no comma, which would be refused in the cell it is copied to."""

    def said(**cells: str) -> str:
        return next(one for one in problems("order", **cells) if one.rule == "O01").text

    assert "应为 181.40，" in said(goods_value="157.01", tax_total="24.39", actual_paid="1")
    assert "应为 12345.00，" in said(goods_value="12320.61", tax_total="24.39", actual_paid="1")
    assert "应为 24.391，" in said(goods_value="0.001", tax_total="24.39", actual_paid="1")


def test_o02_goods_value_is_the_sum_of_lines() -> None:
    assert "O02" not in rules("order")
    assert "O02" in rules("order", goods_value="1")


@pytest.mark.parametrize(
    ("price", "qty", "total", "wrong"),
    [
        ("3.335", "1", "3.34", False),
        ("3.335", "1", "3.33", True),
        ("0.33333", "3", "1", False),
        ("10", "3", "30", False),
        ("10", "3", "30.01", True),
        ("10", "3", "29.99", True),
    ],
)
def test_o03_total_is_price_times_quantity(price: str, qty: str, total: str, wrong: bool) -> None:
    found = cells_of("O03", "order", lines=1, line={"price": price, "qty": qty, "total_price": total})
    assert found == ([("total_price", 0)] if wrong else [])


def test_o04_quantity_is_above_zero() -> None:
    assert "O04" not in rules("order", line={"qty": "0.001"})
    assert cells_of("O04", "order", line={"qty": "0"}) == [("qty", 0), ("qty", 1)]


def test_o05_payment_is_named_whole_or_not_at_all() -> None:
    assert "O05" not in rules("order")
    assert "O05" not in rules("order", pay_code="", pay_name="", pay_transaction_id="")
    assert cells_of("O05", "order", pay_transaction_id="") == [("pay_transaction_id", None)]


def test_o06_only_gifts_cost_nothing() -> None:
    assert "O06" not in rules("order")
    gift = [one for one in problems("order", line={"price": "0", "total_price": "0"}) if one.rule == "O06"]
    assert [one.level for one in gift] == ["warning", "warning"]
