"""Electronic tax bills as customs sends them: 816 the bill with its lines, 818 what became of it (step 9 of the walk).

Neither answers one of our documents by its own number; both name the list by the number customs gave it.
"""

from collections.abc import Iterator
from decimal import Decimal

from django.utils.translation import gettext_noop as _
from lxml import etree

from declarations.exchange.said import UnreadableMessage, figure, moment, texts
from declarations.published import CEB
from ledger.bills import STATES, Bill, BillLine, Notice
from ledger.guarantee import LARGEST
from portal.money import fen
from portal.sentences import keep

BILLS, NEWS = "CEB816Message", "CEB818Message"


def bills_in(root: etree._Element) -> list[Bill]:
    """The bills of an 816. Raises ``UnreadableMessage``."""
    return [_bill(head, part) for head, part in _heads(root, "TaxHeadRd")]


def notices_in(root: etree._Element) -> list[Notice]:
    """The news of an 818. Raises ``UnreadableMessage``."""
    return [_notice(head) for head, _part in _heads(root, "TaxHeadStatus")]


def _heads(root: etree._Element, name: str) -> Iterator[tuple[dict[str, str], etree._Element]]:
    for part in root.findall(f"{{{CEB}}}Tax"):
        head = part.find(f"{{{CEB}}}{name}")
        if head is not None:
            yield texts(head), part


def _bill(head: dict[str, str], part: etree._Element) -> Bill:
    return Bill(
        invt_no=head["invtNo"],
        tax_no=head["taxNo"],
        order_no=head.get("orderNo", ""),
        # The published text spells it logisticNo, real bills logisticsNo, the published structure knows neither.
        logistics_no=head.get("logisticsNo") or head.get("logisticNo", ""),
        assure_code=head.get("assureCode", ""),
        ebc_code=head.get("ebcCode", ""),
        logistics_code=head.get("logisticsCode", ""),
        agent_code=head.get("agentCode", ""),
        customs_code=head.get("customsCode", ""),
        duty=_tax(head, "customsTax"),
        consumption=_tax(head, "consumptionTax"),
        vat=_tax(head, "valueAddedTax"),
        status=_status(head),
        duty_no=head.get("entDutyNo", ""),
        billed_at=moment(head["returnTime"]),
        lines=tuple(_line(texts(line)) for line in part.findall(f"{{{CEB}}}TaxListRd")),
    )


def _line(said: dict[str, str]) -> BillLine:
    if int(said["gnum"]) < 1:
        raise UnreadableMessage(keep(_("gnum“%(number)s”不是商品项号"), number=said["gnum"]))
    return BillLine(
        gnum=int(said["gnum"]),
        gcode=said["gcode"],
        value=_within(figure(said, "taxPrice"), said, "taxPrice"),
        duty=_tax(said, "customsTax"),
        consumption=_tax(said, "consumptionTax"),
        vat=_tax(said, "valueAddedTax"),
    )


def _tax(said: dict[str, str], tag: str) -> Decimal:
    """A tax, to the fen."""
    return fen(_within(figure(said, tag), said, tag))


def _within(amount: Decimal, said: dict[str, str], tag: str) -> Decimal:
    """The amount, if the books can add it up: the published structure lets pass what no guarantee will ever hold."""
    if amount > LARGEST:
        raise UnreadableMessage(keep(_("%(tag)s“%(amount)s”过大，不像是税款"), tag=tag, amount=said[tag]))
    return amount


def _notice(head: dict[str, str]) -> Notice:
    return Notice(
        invt_no=head["invtNo"],
        tax_no=head["taxNo"],
        status=_status(head),
        duty_no=head.get("entDutyNo", ""),
        customs_time=moment(head["returnTime"]),
    )


def _status(head: dict[str, str]) -> str:
    if head["status"] not in STATES:
        raise UnreadableMessage(
            keep(_("税单 %(number)s 的状态“%(status)s”不认识"), number=head["taxNo"], status=head["status"])
        )
    return head["status"]
