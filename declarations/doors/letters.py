"""A message as a page may show it (step 11 of the walk): one document of it, personal data masked, laid out to be read."""

from functools import cache

from lxml import etree

from declarations.exchange import envelope, inbox, outbox
from declarations.kinds import KINDS
from declarations.kinds.kind import Kind
from declarations.models import Document, InboundBytes, OutboundBytes, OutboundDocument, Receipt, StateChange
from declarations.published import CEB
from portal import personal
from portal.xml import parse

OUT, IN = "out", "in"


class NoSuchMessage(LookupError):
    """The document was in no such message, or its bytes are gone."""


def raw(document: Document, direction: str, number: int) -> bytes:
    """The bytes as sent or received, of a message that carried this very document. Raises `NoSuchMessage`."""
    if direction == OUT and OutboundDocument.objects.filter(document=document, outbound_id=number).exists():
        try:
            return outbox.signed_bytes(number)
        except OutboundBytes.DoesNotExist as missing:
            raise NoSuchMessage from missing
    if direction == IN and any(
        said.objects.filter(document=document, inbound_id=number).exists() for said in (Receipt, StateChange)
    ):
        try:
            return inbox.raw_bytes(number)
        except InboundBytes.DoesNotExist as missing:
            raise NoSuchMessage from missing
    raise NoSuchMessage


def shown(kind: Kind, document: Document, direction: str, data: bytes) -> tuple[str, int]:
    """The message as indented text with this document's part only, masked; and how many other parts were left out."""
    letter = envelope.unwrap(data).data if direction == IN else data
    root = parse(letter)
    parts = [element for element in root if isinstance(element.tag, str) and _is_part(element)]
    own = [element for element in parts if _is_about(kind, document, element)] or parts[:1]
    for element in parts:
        if element not in own:
            root.remove(element)
    for quoted in root.iter(f"{{{CEB}}}oriBizMessage"):
        quoted.text = "…"  # 900 quotes the refused message whole, persons and all; it stands beside this one, masked
    masks = _masks()
    for element in root.iter():
        mask = masks.get(etree.QName(element).localname) if isinstance(element.tag, str) else None
        if mask and element.text:
            element.text = personal.MASKS[mask](element.text.strip())
    for element in root.iter():
        if len(element):
            element.text = None
        element.tail = None
    etree.indent(root, space="  ")
    return etree.tostring(root, encoding="unicode"), len(parts) - len(own)


@cache
def _masks() -> dict[str, str]:
    """Element name → mask, for every personal field of every kind."""
    described = (entry for kind in KINDS for entry in (*kind.fields, *kind.line_fields))
    return {entry.tag: entry.mask for entry in described if entry.personal}


def _is_part(element: etree._Element) -> bool:
    """Whether an element is one document or one receipt of a message, and no envelope or signature."""
    names = {etree.QName(child).localname for child in element.iter() if isinstance(child.tag, str)}
    return "guid" in names


def _is_about(kind: Kind, document: Document, element: etree._Element) -> bool:
    """Whether a part speaks of this document: every element of the number it is known by says so."""
    tag = kind.field(kind.number).tag
    said = {
        (child.text or "").strip()
        for child in element.iter()
        if isinstance(child.tag, str) and etree.QName(child).localname == tag
    }
    return document.number in said
