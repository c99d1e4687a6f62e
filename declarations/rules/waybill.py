"""Rules of the waybill. It does not name the mode; the type of the filer does, unless it is both."""

from collections.abc import Iterator

from accounts.roles import EnterpriseType
from declarations.rules.facts import Facts, Seen
from declarations.shape import Problem


def w01_weight_is_above_zero(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """毛重大于零。"""
    if seen.head["weight"] <= 0:
        yield seen.wrong("W01", "weight")


def w02_bonded_leaves_out_the_bill(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """保税进口不填提运单号。"""
    if EnterpriseType.DIRECT_LOGISTICS not in facts.types and seen.head["bill_no"]:
        yield seen.wrong("W02", "bill_no")


def w03_direct_names_the_bill(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """直购进口必填提运单号。"""
    if EnterpriseType.BONDED_LOGISTICS not in facts.types and not seen.head["bill_no"]:
        yield seen.wrong("W03", "bill_no")


CHECKS = (w01_weight_is_above_zero, w02_bonded_leaves_out_the_bill, w03_direct_names_the_bill)
