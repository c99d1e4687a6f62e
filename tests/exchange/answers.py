"""What customs writes: receipts and refusals as bytes, in the transport envelope, about documents in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from declarations.exchange import envelope
from declarations.kinds import kind
from declarations.models import Document, Outbound
from declarations.published import CEB
from declarations.reading import SHANGHAI

ELEMENTS = {
    "order": "OrderReturn",
    "payment": "PaymentReturn",
    "waybill": "LogisticsReturn",
    "inventory": "InventoryReturn",
}
#: Customs' clock in the stories; later than every filing, so that a new attempt can still be answered.
MORNING = datetime(2025, 6, 2, 10, 0, tzinfo=SHANGHAI)


def at(minutes: float) -> datetime:
    """Customs' clock so many minutes after MORNING."""
    return MORNING + timedelta(minutes=minutes)


def clock(moment: datetime) -> str:
    """As a receipt spells it: 17 digits."""
    local = moment.astimezone(SHANGHAI)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03}"


def receipt(document_id: int, code: str, minutes: float = 0, *, info: str = "", **cells: str) -> str:
    """One answer on one document, its identity read from the body as the document was filed."""
    document = Document.objects.get(id=document_id)
    which = kind(document.kind)
    body = which.body._default_manager.get(document_id=document_id)
    said = {tag: str(getattr(body, name)) for tag, name in which.answer_key}
    return stranger(document.kind, said | cells, code, minutes, info=info)


def stranger(slug: str, said: dict[str, str], code: str, minutes: float = 0, *, info: str = "") -> str:
    """One answer on whatever document is named."""
    if slug == "inventory":
        said = {"preNo": "I202500000000000001"[:18], **said}
    values = {
        "guid": str(uuid4()).upper(),
        **said,
        "returnStatus": code,
        "returnTime": clock(at(minutes)),
        "returnInfo": info or f"[Code:{code};Desc:测试]",
    }
    order = ("guid", "customsCode", "ebpCode", "ebcCode", "payCode", "payTransactionId", "logisticsCode", "logisticsNo",
             "agentCode", "copNo", "preNo", "invtNo", "orderNo", "returnStatus", "returnTime", "returnInfo")  # fmt: skip
    return f"<ceb:{ELEMENTS[slug]}>{_elements(values, order)}</ceb:{ELEMENTS[slug]}>"


def message(slug: str, *receipts: str) -> bytes:
    """A receipt message as customs sends it."""
    name = kind(slug).answered_by
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ceb:{name} xmlns:ceb="{CEB}" guid="{str(uuid4()).upper()}" version="1.0">'
        f"{''.join(receipts)}</ceb:{name}>"
    ).encode()


def bill(
    invt_no: str,
    minutes: float = 0,
    *,
    duty: str = "0",
    consumption: str = "0",
    vat: str = "0",
    lines: Sequence[Mapping[str, str]] = (),
    **head: str,
) -> str:
    """A tax bill as it stands in an 816; without lines of its own it has one that bears the whole."""
    values = {
        "guid": str(uuid4()).upper(),
        "returnTime": clock(at(minutes)),
        "invtNo": invt_no,
        "taxNo": f"{invt_no}_0",
        "customsTax": duty,
        "valueAddedTax": vat,
        "consumptionTax": consumption,
        "status": "1",
        **head,
    }
    order = ("guid", "returnTime", "invtNo", "taxNo", "customsTax", "valueAddedTax", "consumptionTax", "status",
             "entDutyNo", "note", "assureCode", "ebcCode", "logisticsCode", "agentCode", "customsCode", "orderNo",
             "logisticNo", "logisticsNo")  # fmt: skip
    whole = {"customsTax": duty, "valueAddedTax": vat, "consumptionTax": consumption}
    said = lines or [{"gnum": "1", "gcode": "1901101000", "taxPrice": "100", **whole}]
    columns = ("gnum", "gcode", "taxPrice", "customsTax", "valueAddedTax", "consumptionTax")
    return (
        f"<ceb:Tax><ceb:TaxHeadRd>{_elements(values, order)}</ceb:TaxHeadRd>"
        + "".join(f"<ceb:TaxListRd>{_elements(line, columns)}</ceb:TaxListRd>" for line in said)
        + "</ceb:Tax>"
    )


def news(invt_no: str, status: str, minutes: float = 0, **head: str) -> str:
    """What became of a tax bill, as it stands in an 818: 1 made, 2 consolidated, 3 void."""
    values = {
        "guid": str(uuid4()).upper(),
        "returnTime": clock(at(minutes)),
        "invtNo": invt_no,
        "taxNo": f"{invt_no}_0",
        "status": status,
        **({"entDutyNo": f"PAY{invt_no}"} if status == "2" else {}),
        **head,
    }
    order = ("guid", "returnTime", "invtNo", "taxNo", "status", "entDutyNo", "assureCode")
    return f"<ceb:Tax><ceb:TaxHeadStatus>{_elements(values, order)}</ceb:TaxHeadStatus></ceb:Tax>"


def _elements(values: Mapping[str, str], order: Sequence[str]) -> str:
    return "".join(f"<ceb:{tag}>{escape(values[tag])}</ceb:{tag}>" for tag in order if tag in values)


def tax_message(name: str, *parts: str) -> bytes:
    """An 816 ("CEB816Message") or 818 as customs sends it."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ceb:{name} xmlns:ceb="{CEB}" guid="{str(uuid4()).upper()}" version="1.0">'
        f"{''.join(parts)}</ceb:{name}>"
    ).encode()


def refusal(outbound: Outbound, minutes: float = 0, *, code: str = "0002", info: str = "报文结构不符") -> bytes:
    """900: the whole message refused."""
    return (
        f'<ceb:CEB900Message xmlns:ceb="{CEB}" guid="{str(uuid4()).upper()}" version="1.0"><ceb:MessageReturn>'
        f"<ceb:guid>{str(uuid4()).upper()}</ceb:guid><ceb:returnStatus>{code}</ceb:returnStatus>"
        f"<ceb:returnInfo>{escape(info)}</ceb:returnInfo><ceb:returnTime>{clock(at(minutes))}</ceb:returnTime>"
        f"<ceb:oriCopMsgId>{outbound.guid}</ceb:oriCopMsgId>"
        f"<ceb:oriMessageType>{kind(outbound.kind).sends}</ceb:oriMessageType>"
        f"<ceb:oriBizMessage><![CDATA[<!DOCTYPE x><x/>]]></ceb:oriBizMessage></ceb:MessageReturn></ceb:CEB900Message>"
    ).encode()


def letter(inner: bytes, to: str, **parts: Any) -> bytes:
    """In the envelope, addressed to a transmission number."""
    return envelope.wrap(
        inner,
        **{
            "message_id": str(uuid4()).upper(),
            "sender": envelope.IMPORTS,
            "receiver": to,
            "message_type": "CEB",
            "now": MORNING,
            **parts,
        },
    )


def to_filer(document_id: int, code: str, minutes: float = 0, **cells: str) -> bytes:
    """One answer on one document, addressed to who filed it."""
    document = Document.objects.select_related("enterprise").get(id=document_id)
    return letter(message(document.kind, receipt(document_id, code, minutes, **cells)), document.enterprise.dxp_id)
