"""Magic values: what an order number or a list's note may contain to choose what happens to the list.

A step is what customs says next: a return status, `816` for the tax bill, `818.2` and `818.3` for what becomes of it, or
`hold` for taking the tax from the guarantee, of which customs only speaks when it fails.
"""

from collections.abc import Mapping
from typing import NamedTuple

HOLD, SHORT, BILL, CONSOLIDATED, VOID = "hold", "short", "816", "818.2", "818.3"


class Scenario(NamedTuple):
    """A magic value, the steps after 120, and what it shows; without steps the list is returned at the match."""

    magic: str
    steps: tuple[str, ...]
    text: str


RELEASE = ("399", "800", BILL, "899")
USUAL = (HOLD, *RELEASE)
REVIEWED = (HOLD, "300", *RELEASE)

YEAR = Scenario("SANDBOX1313", (), "年度超限：比对相符仍以100退回，代码1313，当作年度额度已用完")
SCENARIOS = (
    YEAR,
    Scenario("SANDBOX300", REVIEWED, "人工审核（300）后继续放行"),
    Scenario("SANDBOX500", (HOLD, "399", "500", *RELEASE[1:]), "审结后查验（500），再放行"),
    Scenario("SANDBOX100", (HOLD, "300", "100"), "人工审核（300）后退单（100）：年度额度与担保预扣返还，可改后再报"),
    Scenario("SANDBOX501", (HOLD, "399", "500", "501"), "查验后扣留（501），到此为止，担保仍预扣"),
    Scenario("SANDBOX600", (HOLD, "600"), "挂起（600），到此为止，担保仍预扣"),
    Scenario("SANDBOX700", (HOLD, "399", "500", "700"), "查验后退运（700）：年度额度与担保预扣返还，不出税单"),
    Scenario("SANDBOX818", (*USUAL, CONSOLIDATED), "结关后税单汇总（818，状态2，带缴款书编号）"),
    Scenario("SANDBOXVOID", (*USUAL, VOID), "结关后税单作废（818，状态3）：年度额度与担保预扣返还"),
    Scenario(
        "SANDBOXSHORT",
        (SHORT, *RELEASE),
        "担保不足：当作可用额度为0，得300；担保企业的额度增加到够本单税款后自动继续，如 "
        "manage.py sandbox top-up 312246DM02 5000",
    ),
)


def scenario_of(head: Mapping[str, str]) -> Scenario | None:
    """The scenario that a list asks for, the first of the table where it asks for several."""
    asked = f"{head['orderNo']} {head.get('note', '')}"
    return next((scenario for scenario in SCENARIOS if scenario.magic in asked), None)
