"""Messages are made: written, signed, checked and packed, several side by side (step 6 of the walk).

Nothing here asks the database, so messages may be made in threads: RSA, compression and the check of the structure run
outside the interpreter's lock, and while one message waits for its signature the next is written. What stands in the way
of one message comes back as its problem and touches no other.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from declarations.exchange import envelope, schema, signing
from declarations.kinds import kind
from declarations.models import Outbound
from portal.personal import Unreadable, pack
from portal.sentences import keep
from portal.xml import XmlRefused

#: Customs takes envelopes of 10 MB; base64 makes a third more of a message. A larger one is split before it is sent.
LARGEST_MESSAGE = 7 * 1024 * 1024
#: Messages made side by side.
HANDS = min(4, os.cpu_count() or 1)
#: Documents in a message from which reading, checking and compressing it outweigh its signature.
MANY = 10
#: Small messages signed ahead of who checks them, at a time.
AHEAD = 20


class NotReady(Exception):
    """The sender cannot send now, and waiting alone does not help; the (kept) sentence says what a person has to do."""


class MayNotLeave(ValueError):
    """A document of the message is to blame that its bytes may not leave; the (kept) sentence says why."""


class TooLarge(Exception):
    """Customs would not take an envelope of that size, and there is more than one document to split."""


@dataclass(frozen=True, slots=True)
class Order:
    """Everything a message is made of; None stands for a document without body."""

    message: Outbound
    sender: envelope.Sender
    key: signing.SigningKey
    documents: list[envelope.Sealed | None]


@dataclass(frozen=True, slots=True)
class Made:
    """A message as it is kept: size and bytes, these compressed and encrypted; or what came in between."""

    order: Order
    size: int = 0
    packed: bytes = b""
    problem: Exception | None = None


def label(outbound_id: int) -> str:
    """What the bytes of a message are bound to."""
    return f"outbound {outbound_id}"


def make_all(orders: Sequence[Order]) -> list[Made]:
    """Each message, or its problem, in the order given."""
    if len(orders) < 2 or HANDS < 2:
        return [make(order) for order in orders]
    if sum(len(order.documents) for order in orders) >= MANY * len(orders):
        with ThreadPoolExecutor(HANDS) as hands:
            return list(hands.map(make, orders))
    return _signed_ahead(orders)


def _signed_ahead(orders: Sequence[Order]) -> list[Made]:
    """Small messages: nearly all is the signature, so one hand does nothing but sign, some ahead of who checks and packs.

    Two hands that did everything would mostly wait for each other: all but the signature takes turns in the interpreter.
    """
    portions = [orders[start : start + AHEAD] for start in range(0, len(orders), AHEAD)]
    with ThreadPoolExecutor(1) as hand:
        signing_ = [hand.submit(_signed_all, portion, [_written(order) for order in portion]) for portion in portions]
        return [
            _finished(order, signed)
            for portion, future in zip(portions, signing_, strict=True)
            for order, signed in zip(portion, future.result(), strict=True)
        ]


def make(order: Order) -> Made:
    """One message; whatever stands in its way is in the answer, nothing is raised."""
    return _finished(order, _signed(order, _written(order)))


def _written(order: Order) -> bytes | Exception:
    try:
        unsigned = _write(order)
    except Exception as problem:  # settled by whoever ordered it
        return problem
    return TooLarge() if len(unsigned) > LARGEST_MESSAGE and order.message.document_count > 1 else unsigned


def _signed_all(orders: Sequence[Order], unsigned: Sequence[bytes | Exception]) -> list[bytes | Exception]:
    return [_signed(*pair) for pair in zip(orders, unsigned, strict=True)]


def _signed(order: Order, unsigned: bytes | Exception) -> bytes | Exception:
    if isinstance(unsigned, Exception):
        return unsigned
    try:
        return signing.sign(unsigned, order.key)
    except Exception as problem:  # settled by whoever ordered it
        return problem


def _finished(order: Order, signed: bytes | Exception) -> Made:
    if isinstance(signed, Exception):
        return Made(order, problem=signed)
    try:
        _check(signed, order.key)
        return Made(order, len(signed), pack(signed, label(order.message.id)))
    except Exception as problem:  # settled by whoever ordered it
        return Made(order, problem=problem)


def _write(order: Order) -> bytes:
    """The unsigned text. ``MayNotLeave`` when a document has no body or holds what XML cannot carry."""
    which = kind(order.message.kind)
    try:
        documents = [envelope.opened(which, sealed) for sealed in order.documents]
        return envelope.build(which, order.sender, order.message.guid, documents)
    except Unreadable:
        raise  # a field key is missing: no fault of any document
    except (LookupError, ValueError) as problem:
        raise MayNotLeave(
            keep(_("单证内容无法写成报文（%(error)s），请重新录入后申报"), error=type(problem).__name__)
        ) from problem


def _check(signed: bytes, key: signing.SigningKey) -> None:
    """The finished bytes have the published structure, and customs will find the signature good."""
    try:
        signing.verify_read(schema.check(signed), key.public_key)
    except (schema.SchemaProblem, XmlRefused) as problem:
        raise MayNotLeave(str(problem)) from problem
    except signing.SignatureProblem as problem:
        raise NotReady(keep(_("证书 %(serial)s 与密钥不是一对，请重新登记证书"), serial=key.serial)) from problem
