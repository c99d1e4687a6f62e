"""Rules of the payment."""

from collections.abc import Iterator

from declarations.rules.facts import Facts, Seen
from declarations.shape import Problem


def p01_something_was_paid(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """支付金额大于零。"""
    if seen.head["amount_paid"] <= 0:
        yield seen.wrong("P01", "amount_paid")


CHECKS = (p01_something_was_paid,)
