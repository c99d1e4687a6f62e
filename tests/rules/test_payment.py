"""Rules of the payment."""

from tests.rules.asking import rules


def test_p01_something_was_paid() -> None:
    assert "P01" not in rules("payment", amount_paid="0.01")
    assert "P01" in rules("payment", amount_paid="0")
