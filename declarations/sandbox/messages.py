"""Reading what arrives: the envelope, the message inside it, the documents inside that. Everything is hostile here."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from lxml import etree

from declarations import published
from declarations.published import CEB, DS, DXP
from declarations.sandbox.catalogue import INVENTORY, KINDS, RECEIVER, Kind, official

MAGIC = "SANDBOX900"  # in an order number or a note: the whole message is answered with 900


class Broken(Exception):
    """The message cannot be taken apart; it is answered as a whole. `code` is a published transport error number."""

    def __init__(self, code: str, detail: str = "", message_type: str = "Unknown") -> None:
        self.code = code
        self.text = official(code) + (f"：{detail}" if detail else "")
        self.message_type = message_type
        super().__init__(self.text)


class Address(NamedTuple):
    """Who sends and under which number; `digest` tells whether a repeat carries the same message."""

    cop_msg_id: str
    sender: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DxpMsg whose structure holds."""

    cop_msg_id: str
    sender: str
    receivers: tuple[str, ...]
    message_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Document:
    """One filed document: texts by tag, as sent."""

    kind: Kind
    head: dict[str, str]
    lines: list[dict[str, str]]

    @property
    def guid(self) -> str:
        """The document's own number, given by its filer."""
        return self.head["guid"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose structure holds, still with its signature."""

    kind: Kind
    root: etree._Element
    cop_code: str
    dxp_id: str
    documents: list[Document]


def parse(data: bytes) -> etree._Element:
    """Bytes → root element, without DTD, entities, processing instructions or network. Raises Broken 0001."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Broken("0001", "不是完整的XML") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Broken("0001", "不接受DTD")
    beside = [*root.itersiblings(preceding=True), *root.itersiblings()]
    if beside or next(root.iter(etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise Broken("0001", "不接受处理指令")
    return root


def address(body: bytes) -> Address:
    """The least of an envelope that an answer needs. Raises Broken when it cannot be read."""
    root = parse(body)
    found = []
    for tag, limit in (("CopMsgId", 255), ("SenderId", 16)):
        text = (root.findtext(f"{{{DXP}}}TransInfo/{{{DXP}}}{tag}") or "").strip()
        if not 0 < len(text) <= limit:
            raise Broken("0999", f"信封缺少{tag}")
        found.append(text)
    data = "".join((root.findtext(f"{{{DXP}}}Data") or "").split())
    return Address(found[0], found[1], hashlib.sha256(data.encode()).digest())


def read_envelope(body: bytes) -> Envelope:
    """The envelope, checked against its published structure. Raises Broken."""
    root = parse(body)
    _check(root, "DxpMsg")
    info = f"{{{DXP}}}TransInfo/{{{DXP}}}"
    try:
        data = base64.b64decode("".join((root.findtext(f"{{{DXP}}}Data") or "").split()), validate=True)
    except binascii.Error:
        raise Broken("0001", "Data不是base64") from None
    receivers = tuple(node.text or "" for node in root.iterfind(f"{info}ReceiverIds/{{{DXP}}}ReceiverId"))
    if RECEIVER not in receivers:
        raise Broken("2001")
    return Envelope(
        (root.findtext(f"{info}CopMsgId") or "").strip(),
        (root.findtext(f"{info}SenderId") or "").strip(),
        receivers,
        root.findtext(f"{info}MsgType") or "",
        data,
    )


def read_message(envelope: Envelope) -> Message:
    """The message in the envelope, checked against its published schema. Raises Broken."""
    root = parse(envelope.data)
    name = etree.QName(root).localname
    kind = KINDS.get(name)
    if kind is None or etree.QName(root).namespace != CEB:
        raise Broken("0999", "不受理的报文类型", name if name in published.messages() else "Unknown")
    if envelope.message_type != name:
        raise Broken("0999", "MsgType与报文根节点不一致", name)
    _check(root, name)
    documents = [_document(kind, node) for node in root.iterfind(f"{{{CEB}}}{kind.wrapper}")]
    if any(MAGIC in document.head.get(tag, "") for document in documents for tag in ("orderNo", "note")):
        raise Broken("0002", f"演示：单证号或备注含{MAGIC}", name)
    if kind is INVENTORY and not all(document.head.get("copNo", "").strip() for document in documents):
        raise Broken("0999", "清单缺少copNo，无法回执", name)
    transfer = root.find(f"{{{CEB}}}BaseTransfer")
    assert transfer is not None  # the schema has just demanded it
    return Message(kind, root, _text(transfer, "copCode"), _text(transfer, "dxpId"), documents)


def signatures(root: etree._Element) -> list[etree._Element]:
    """Every signature anywhere in the message."""
    return list(root.iter(f"{{{DS}}}Signature"))


def _check(root: etree._Element, name: str) -> None:
    schema = published.schema(name)
    if schema.validate(root):
        return
    error = next(iter(schema.error_log))  # type: ignore[call-overload]
    tag = (error.path or "").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    raise Broken("0002", f"第{error.line}行 {tag} {error.type_name}", name if name != "DxpMsg" else "Unknown")


def _text(node: etree._Element, tag: str) -> str:
    return node.findtext(f"{{{CEB}}}{tag}") or ""


def _document(kind: Kind, node: etree._Element) -> Document:
    head = node.find(f"{{{CEB}}}{kind.head}")
    assert head is not None
    lines = node.iterfind(f"{{{CEB}}}{kind.line}") if kind.line else ()
    return Document(kind, _texts(head), [_texts(line) for line in lines])


def _texts(node: etree._Element) -> dict[str, str]:
    return {etree.QName(child).localname: child.text or "" for child in node if isinstance(child.tag, str)}
