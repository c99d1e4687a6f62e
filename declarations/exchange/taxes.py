"""Electronic tax bills as customs sends them: 816 the bill with its lines, 818 what became of it (step 9 of the walk).

Neither answers one of our documents by its own number; both name the list by the number customs gave it.
"""

from collections.abc import Iterator

from django.utils.translation import gettext_noop as _
from lxml import etree

from declarations.exchange.said import UnreadableMessage, figure, moment, money, texts
from declarations.published import CEB
from ledger.bills import STATES, Bill, BillLine, Notice
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
        duty=money(head, "customsTax"),
        consumption=money(head, "consumptionTax"),
        vat=money(head, "valueAddedTax"),
        status=_status(head),
        duty_no=head.get("entDutyNo", ""),
        billed_at=moment(head["returnTime"]),
        lines=tuple(_line(texts(line)) for line in part.findall(f"{{{CEB}}}TaxListRd")),
    )


def _line(said: dict[str, str]) -> BillLine:
    return BillLine(
        gnum=int(said["gnum"]),
        gcode=said["gcode"],
        value=figure(said, "taxPrice"),
        duty=money(said, "customsTax"),
        consumption=money(said, "consumptionTax"),
        vat=money(said, "valueAddedTax"),
    )


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
