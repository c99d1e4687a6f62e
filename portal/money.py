"""Yuan as people read them, in sentences and on pages alike."""

from decimal import Decimal
from typing import Any

_FEN = Decimal("0.01")


def money(value: Any) -> str:
    """Yuan with thousands comma and at least two decimals; more only where the amount has them. Nothing stays empty."""
    if value is None or value == "":
        return ""
    amount = Decimal(value)
    if amount == amount.quantize(_FEN):
        return f"{amount:,.2f}"
    return f"{amount.normalize():,f}"
