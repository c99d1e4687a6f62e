"""The message catalogue: every kind of document the portal knows, written out by hand."""

from declarations.kinds.inventory import INVENTORY, Inventory, InventoryLine
from declarations.kinds.kind import PARTIES, Body, Kind, Line
from declarations.kinds.order import ORDER, Order, OrderLine
from declarations.kinds.payment import PAYMENT, Payment
from declarations.kinds.waybill import WAYBILL, Waybill

__all__ = [
    "KINDS",
    "PARTIES",
    "Body",
    "Inventory",
    "InventoryLine",
    "Kind",
    "Line",
    "Order",
    "OrderLine",
    "Payment",
    "Waybill",
    "kind",
    "kind_answered_by",
    "kind_sending",
]

KINDS: tuple[Kind, ...] = (ORDER, PAYMENT, WAYBILL, INVENTORY)

_BY_SLUG = {entry.slug: entry for entry in KINDS}
_BY_ANSWER = {entry.answered_by: entry for entry in KINDS}
_BY_MESSAGE = {entry.sends: entry for entry in KINDS}


def kind(slug: str) -> Kind:
    """The kind of that name; KeyError when there is none."""
    return _BY_SLUG[slug]


def kind_answered_by(message: str) -> Kind:
    """The kind a receipt belongs to ("CEB312Message"); KeyError when there is none."""
    return _BY_ANSWER[message]


def kind_sending(message: str) -> Kind:
    """The kind a message carries ("CEB311Message"); KeyError when there is none."""
    return _BY_MESSAGE[message]
