"""What customs writes: receipts and refusals as bytes, in the transport envelope, about documents in the database."""

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
    inside = "".join(f"<ceb:{tag}>{escape(values[tag])}</ceb:{tag}>" for tag in order if tag in values)
    return f"<ceb:{ELEMENTS[slug]}>{inside}</ceb:{ELEMENTS[slug]}>"


def message(slug: str, *receipts: str) -> bytes:
    """A receipt message as customs sends it."""
    name = kind(slug).answered_by
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ceb:{name} xmlns:ceb="{CEB}" guid="{str(uuid4()).upper()}" version="1.0">'
        f"{''.join(receipts)}</ceb:{name}>"
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
