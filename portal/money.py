"""Yuan: rounded to the fen as customs does, and as people read them, in sentences and on pages alike."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

FEN = Decimal("0.01")


def fen(amount: Decimal) -> Decimal:
    """An amount to the fen, half up."""
    return amount.quantize(FEN, ROUND_HALF_UP)


def money(value: Any) -> str:
    """Yuan with thousands comma and at least two decimals; more only where the amount has them. Nothing stays empty."""
    if value is None or value == "":
        return ""
    amount = Decimal(value)
    if amount == amount.quantize(FEN):
        return f"{amount:,.2f}"
    return f"{amount.normalize():,f}"
