"""What money rules have in common: sums are exact, products are rounded half up to the fen."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from declarations.fields import Amount
from declarations.rules.facts import Seen
from declarations.shape import Problem

FEN = Decimal("0.01")
_plain = Amount().text_of


def plain(value: Decimal) -> str:
    """Money as a clerk types it: at least two decimals, and no comma, which a cell may not hold (S10)."""
    return f"{value:.2f}" if value == fen(value) else _plain(value)


def fen(value: Decimal) -> Decimal:
    """Rounded half up to the fen."""
    return value.quantize(FEN, ROUND_HALF_UP)


def unequal_products(seen: Seen, rule: str) -> Iterator[Problem]:
    """Lines whose total is not price × quantity to the fen."""
    for place, line in seen.numbered_lines:
        product = line["price"] * line["qty"]
        if product != line["total_price"] and fen(product) != fen(line["total_price"]):
            yield seen.wrong(rule, "total_price", place, wanted=plain(fen(product)))


def not_above_zero(seen: Seen, rule: str, *names: str) -> Iterator[Problem]:
    """Amounts of the lines that are given and zero."""
    for place, line in seen.numbered_lines:
        for name in names:
            value = line[name]
            if value is not None and value <= 0:
                yield seen.wrong(rule, name, place)
