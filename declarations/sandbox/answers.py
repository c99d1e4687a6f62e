"""Writing what goes out: receipt messages in the spelling real receipts have, each in its envelope."""

import base64
from datetime import datetime, timedelta, timezone
from typing import NamedTuple
from uuid import uuid4
from xml.sax.saxutils import escape

from declarations.published import CEB, DXP
from declarations.sandbox.catalogue import RECEIVER, Kind

BEIJING = timezone(timedelta(hours=8))
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
AT_MOST = 100  # documents in one receipt message
INFO_LIMIT = 1000
QUOTED_LIMIT = 1_000_000  # characters of a broken message that are sent back


class Receipt(NamedTuple):
    """The answer to one document. `keys` are the tags of the receipt's own table, in its order; empty ones are left out."""

    kind: Kind
    receiver: str
    guid: str
    keys: dict[str, str]
    status: str
    stamp: str
    info: str


def stamp(moment: datetime) -> str:
    """Customs' time on the wire: 17 digits to the millisecond, Beijing time."""
    local = moment.astimezone(BEIJING)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"


def receipt_message(kind: Kind, receipts: list[Receipt], guid: str) -> bytes:
    """One receipt message of at most 100 answers of one kind."""
    parts = [DECLARATION, f'<{kind.receipt} xmlns="{CEB}" guid="{guid}" version="1.0">']
    for receipt in receipts:
        parts.append(f"<{kind.receipt_node}><guid>{receipt.guid}</guid>")
        parts.append(
            f"{_elements(receipt.keys)}<returnStatus>{receipt.status}</returnStatus><returnTime>{receipt.stamp}</returnTime>"
            f"<returnInfo>{escape(receipt.info[:INFO_LIMIT])}</returnInfo></{kind.receipt_node}>"
        )
    parts.append(f"</{kind.receipt}>")
    return "".join(parts).encode()


def receipt_messages(receipts: list[Receipt]) -> list[tuple[Kind, str, bytes]]:
    """Receipts grouped into messages: one kind, one receiver, one moment, at most a hundred."""
    groups: dict[tuple[str, str, str], list[Receipt]] = {}
    for receipt in receipts:
        groups.setdefault((receipt.kind.receipt, receipt.receiver, receipt.stamp), []).append(receipt)
    found = []
    for group in groups.values():
        for start in range(0, len(group), AT_MOST):
            part = group[start : start + AT_MOST]
            found.append((part[0].kind, part[0].receiver, receipt_message(part[0].kind, part, str(uuid4()))))
    return found


def tax_bills(bills: list[tuple[dict[str, str], list[dict[str, str]]]]) -> bytes:
    """816: tax bills, each a head and its lines, by the tags of the published table in its order."""
    return _taxes("CEB816Message", [
        f"<TaxHeadRd>{_elements(head)}</TaxHeadRd>"
        + "".join(f"<TaxListRd>{_elements(line)}</TaxListRd>" for line in lines)
        for head, lines in bills
    ])  # fmt: skip


def tax_notices(heads: list[dict[str, str]]) -> bytes:
    """818: what became of tax bills."""
    return _taxes("CEB818Message", [f"<TaxHeadStatus>{_elements(head)}</TaxHeadStatus>" for head in heads])


def _taxes(message: str, bodies: list[str]) -> bytes:
    inside = "".join(f"<Tax>{body}</Tax>" for body in bodies)
    return f'{DECLARATION}<{message} xmlns="{CEB}" guid="{uuid4()}" version="1.0">{inside}</{message}>'.encode()


def _elements(texts: dict[str, str]) -> str:
    """Elements by tag, the empty ones left out."""
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in texts.items() if text)


def format_error(
    *, guid: str, entry_guid: str, code: str, text: str, at: str, cop_msg_id: str, message_type: str, original: bytes
) -> bytes:
    """CEB900: the whole message is refused and sent back as text."""
    quoted = "".join(c for c in original.decode("utf-8", "replace") if c in "\t\n\r" or c >= " ")
    quoted = "".join(c for c in quoted[:QUOTED_LIMIT] if c not in "\ufffe\uffff").replace("]]>", "]]]]><![CDATA[>")
    return (
        f'{DECLARATION}<CEB900Message xmlns="{CEB}" guid="{guid}" version="1.0"><MessageReturn>'
        f"<guid>{entry_guid}</guid><returnStatus>{code}</returnStatus>"
        f"<returnInfo>{escape(f'[Code:{code};Desc:{text}]'[:5000])}</returnInfo><returnTime>{at}</returnTime>"
        f"<oriCopMsgId>{escape(cop_msg_id)}</oriCopMsgId><oriMessageType>{escape(message_type)}</oriMessageType>"
        f"<oriBizMessage><![CDATA[{quoted}]]></oriBizMessage></MessageReturn></CEB900Message>"
    ).encode()


def envelope(*, receiver: str, message_type: str, cop_msg_id: str, at: datetime, data: bytes) -> bytes:
    """A DxpMsg from customs to one enterprise's transmission id."""
    name = f"{message_type}_{cop_msg_id}.xml"
    return (
        f'{DECLARATION}<DxpMsg xmlns="{DXP}" ver="1.0"><TransInfo><CopMsgId>{cop_msg_id}</CopMsgId>'
        f"<SenderId>{RECEIVER}</SenderId><ReceiverIds><ReceiverId>{escape(receiver)}</ReceiverId></ReceiverIds>"
        f"<CreatTime>{at.astimezone(BEIJING):%Y-%m-%dT%H:%M:%S}</CreatTime><MsgType>{message_type}</MsgType></TransInfo>"
        f"<Data>{base64.b64encode(data).decode()}</Data><AddInfo><FileName>{name}</FileName></AddInfo></DxpMsg>"
    ).encode()
