"""Documents become the text that is signed and sent, and go into the transport envelope (step 6 of the walk).

The writer is generated once per kind and writes canonical XML (C14N 1.0) directly: the digest is taken over these very
bytes, nothing is parsed or canonicalised on the way out. Optional elements without a value are left out, because an
empty element of an exact length breaks the published structure. Both namespaces are declared on the root, xsi unused,
as the canonical form of SignedInfo carries what is in scope there (spec §3.5).
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import uuid4

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from accounts.models import Enterprise
from declarations import shape
from declarations.fields import Code, Described, PersonalText, Text, Whole
from declarations.kinds import Kind, kind
from declarations.models import Outbound
from declarations.published import CEB, DXP
from declarations.reading import SHANGHAI
from declarations.shape import Clean
from portal.xml import XmlRefused, parse

XSI = "http://www.w3.org/2001/XMLSchema-instance"
IMPORTS = "DXPEDCCEB0000002"
#: The published upper limit of documents in one message (spec §2).
MOST_DOCUMENTS = 100

_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_ESCAPED_IN_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)
_TO_ESCAPE = re.compile("[&<>\r]").search
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]").search


class Sender(NamedTuple):
    """Who transmits: customs code, registered name, transmission number."""

    cop_code: str
    cop_name: str
    dxp_id: str


def build(which: Kind, sender: tuple[str, str, str], guid: str, documents: Iterable[Clean]) -> bytes:
    """The message without signature, in canonical form. ValueError on 0 or more than 100 documents."""
    write = _writer(which)
    bodies = [write(document) for document in documents]
    if not 1 <= len(bodies) <= MOST_DOCUMENTS:
        raise ValueError(f"a message carries 1 to {MOST_DOCUMENTS} documents, not {len(bodies)}")
    cop_code, cop_name, dxp_id = sender
    _refuse_forbidden(f"{guid}{cop_code}{cop_name}{dxp_id}")
    text = (
        f'<ceb:{which.sends} xmlns:ceb="{CEB}" xmlns:xsi="{XSI}" guid="{_attribute(guid)}" version="1.0">'
        f"{''.join(bodies)}"
        f"<ceb:BaseTransfer><ceb:copCode>{_escaped(cop_code)}</ceb:copCode><ceb:copName>{_escaped(cop_name)}</ceb:copName>"
        f"<ceb:dxpMode>DXP</ceb:dxpMode><ceb:dxpId>{_escaped(dxp_id)}</ceb:dxpId></ceb:BaseTransfer>"
        f"</ceb:{which.sends}>"
    )
    return text.encode()


def with_signature(unsigned: bytes, signature: bytes) -> bytes:
    """The message with the signature as last child of the root, not one byte else changed."""
    place = unsigned.rindex(b"</")
    return unsigned[:place] + signature + unsigned[place:]


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED) if _TO_ESCAPE(text) else text


def _attribute(text: str) -> str:
    return text.translate(_ESCAPED_IN_ATTRIBUTE)


@cache
def _writer(which: Kind) -> Callable[[Clean], str]:
    document, head, line = which.wrapper
    write_head = _compiled(which.slug, f"ceb:{head}", which.fields)
    if line is None:
        return lambda clean: f"<ceb:{document}>{write_head(clean[0])}</ceb:{document}>"
    write_line = _compiled(which.slug, f"ceb:{line}", which.line_fields)
    return lambda clean: (
        f"<ceb:{document}>{write_head(clean[0])}{''.join([write_line(one) for one in clean[1]])}</ceb:{document}>"
    )


def _compiled(slug: str, element: str, fields: Sequence[Described]) -> Callable[[tuple[Any, ...]], str]:
    """`write(v)`: one f-string over the values of a head or line.

    All its words are looked through at once; only where one of them holds a mark of XML are they escaped one by one.
    """
    words = [place for place, one in enumerate(fields) if isinstance(one, Text | Code | PersonalText)]

    def careful(v: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple([_escaped(value) if place in words and value else value for place, value in enumerate(v)])

    names: dict[str, Any] = {"careful": careful, "refuse_forbidden": _refuse_forbidden}
    parts = []
    for place, one in enumerate(fields):
        names[f"t{place}"] = one.text_of
        value = f"v[{place}]" if place in words or isinstance(one, Whole) else f"t{place}(v[{place}])"
        element_text = f"<ceb:{one.tag}>{{{value}}}</ceb:{one.tag}>"
        if one.required:
            parts.append(element_text)
        else:
            parts.append(f"{{'' if v[{place}] is None or v[{place}] == '' else f'{element_text}'}}")
    source = [
        "def write(v):",
        f"    said = f'{''.join(f'{{v[{place}]}}' for place in words)}'",
        "    if not said.isprintable():",
        "        refuse_forbidden(said)",
        "        v = careful(v)",
        "    elif '&' in said or '<' in said or '>' in said:",
        "        v = careful(v)",
        f'    return f"<{element}>{"".join(parts)}</{element}>"',
    ]
    exec(compile("\n".join(source), f"<writer of {slug}>", "exec"), names)  # noqa: S102
    return names["write"]


def _refuse_forbidden(text: str) -> None:
    if _FORBIDDEN(text):
        raise ValueError("a text holds a character XML 1.0 cannot carry")


def compile_kind(which: Kind) -> None:
    """Make the kind's writer now; raises whatever is wrong with its description."""
    _writer(which)


def new_guid() -> str:
    """The identity of a message, in the upper-case spelling the standard asks for."""
    return str(uuid4()).upper()


def sender_of(enterprise: Enterprise) -> Sender:
    """The enterprise as transmitting party."""
    return Sender(enterprise.customs_code, enterprise.name, enterprise.dxp_id)


class Sealed(NamedTuple):
    """A document as its tables hold it, a person's data still sealed."""

    head: tuple[Any, ...]
    lines: list[tuple[Any, ...]]


def fetch(which: Kind, document_ids: Sequence[int]) -> dict[int, Sealed]:
    """Documents as they stand in the database, by their ids; one query for all heads and one for all lines."""
    found = {row[0]: Sealed(row[1:], []) for row in _rows(which.body, which.fields, "document_id", document_ids)}
    if which.line:
        for row in _rows(which.line, which.line_fields, "document_id, gnum", document_ids):
            if row[0] in found:
                found[row[0]].lines.append(row[1:])
    return found


def _rows(
    model: type[models.Model], fields: Sequence[Described], order: str, document_ids: Sequence[int]
) -> list[tuple[Any, ...]]:
    """Past the fields' own ``from_db_value``, which would open every seal of all documents at once.

    One look into the index for each document: of a table just filled the planner knows nothing and would read all of it.
    """
    columns = ", ".join(connection.ops.quote_name(str(one.column)) for one in fields)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT said.* FROM unnest(%s::bigint[]) AS wanted (id) CROSS JOIN LATERAL "  # noqa: S608
            f"(SELECT document_id, {columns} FROM {table} WHERE document_id = wanted.id ORDER BY {order} OFFSET 0) said",
            [sorted(set(document_ids))],
        )
        return cursor.fetchall()


def opened(which: Kind, sealed: Sealed | None) -> Clean:
    """The document with its seals opened. LookupError when there is none, ``Unreadable`` when a seal does not open."""
    if sealed is None:
        raise LookupError("a document without body")
    return shape.unsealed(which, sealed.head, sealed.lines)


def load(which: Kind, document_ids: Sequence[int]) -> list[Clean]:
    """Documents as they stand in the database, in the order of the ids. LookupError when one is missing."""
    found = fetch(which, document_ids)
    return [opened(which, found.get(document_id)) for document_id in document_ids]


@dataclass(frozen=True, slots=True)
class Terminal:
    """A DxpMsg opened: who sent it to whom under which id, and the message it carries."""

    message_id: str
    sender: str
    receivers: tuple[str, ...]
    message_type: str
    data: bytes

    @property
    def receiver(self) -> str:
        """The first receiver: for a message of customs, the enterprise."""
        return self.receivers[0]


def wrap_for_customs(message: Outbound, signed: bytes) -> bytes:
    """The transport envelope of an outbound message: the same bytes each time it is sent."""
    return wrap(
        signed,
        message_id=message.guid,
        sender=message.dxp_id,
        receiver=IMPORTS,
        message_type=kind(message.kind).sends,
        now=message.created_at,
    )


def wrap(data: bytes, *, message_id: str, sender: str, receiver: str, message_type: str, now: datetime) -> bytes:
    """The transport envelope around a signed message; `now` is written as Beijing time without zone."""
    created = now.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<DxpMsg xmlns="{DXP}" ver="1.0"><TransInfo>'
        f"<CopMsgId>{_escaped(message_id)}</CopMsgId><SenderId>{_escaped(sender)}</SenderId>"
        f"<ReceiverIds><ReceiverId>{_escaped(receiver)}</ReceiverId></ReceiverIds>"
        f"<CreatTime>{created}</CreatTime><MsgType>{_escaped(message_type)}</MsgType></TransInfo>"
        f"<Data>{b64encode(data).decode()}</Data>"
        f"<AddInfo><FileName>{_escaped(message_type)}_{_escaped(message_id)}.xml</FileName></AddInfo></DxpMsg>"
    ).encode()


def unwrap(envelope: bytes) -> Terminal:
    """The envelope opened; XmlRefused when it is not a DxpMsg with everything that must stand in it."""
    root = parse(envelope)
    if root.tag != f"{{{DXP}}}DxpMsg":
        raise XmlRefused(_("不是传输报文（DxpMsg）。"))
    info = root.find(f"{{{DXP}}}TransInfo")
    data = root.findtext(f"{{{DXP}}}Data")
    if info is None or not data:
        raise XmlRefused(_("传输报文缺少 TransInfo 或 Data。"))

    def text(name: str) -> str:
        return (info.findtext(f"{{{DXP}}}{name}") or "").strip()

    receivers = tuple((one.text or "").strip() for one in info.findall(f"{{{DXP}}}ReceiverIds/{{{DXP}}}ReceiverId"))
    if not (text("CopMsgId") and text("SenderId") and receivers):
        raise XmlRefused(_("传输报文缺少报文编号、发送方或接收方。"))
    try:
        carried = b64decode("".join(data.split()), validate=True)
    except (NotBase64, ValueError) as error:
        raise XmlRefused(_("传输报文的 Data 不是 base64。")) from error
    return Terminal(text("CopMsgId"), text("SenderId"), receivers, text("MsgType"), carried)
