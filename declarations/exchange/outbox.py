"""The outbox: queue, claim, forward (steps 5 and 6 of the walk).

The outbox row is written in the transaction that files its documents; a sweep finds it. A claim is one short
transaction with an end time, and no database lock is held while the network is used. The signed bytes are saved before
they are sent and are sent again unchanged when the outcome is unknown: customs knows them by their guid.
"""

import random
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.credentials import CredentialProblem, credential_in_use
from declarations.exchange import envelope, schema, signing
from declarations.exchange.transports import TransportError, http
from declarations.kinds import kind
from declarations.lifecycle import Move, State, move_many
from declarations.models import Outbound, OutboundBytes, OutboundDocument, OutboundState
from portal.bulk import next_ids, write_rows
from portal.personal import pack, unpack
from portal.xml import XmlRefused

DOCUMENTS_PER_MESSAGE = envelope.MOST_DOCUMENTS
#: A worker that dies leaves its claim behind; after this time another takes the message.
LEASE = timedelta(seconds=30)
#: Longest wait between two attempts; the wait doubles up to it.
LONGEST_WAIT = timedelta(minutes=5)
_MESSAGES_PER_CLAIM = 8


def new_guid() -> str:
    """The identity of a message: 36 characters, upper case, as the standard asks."""
    return str(uuid.uuid4()).upper()


def queue(*, enterprise_id: int, kind_slug: str, document_ids: Sequence[int], alone: bool = False) -> None:
    """Write the outbox rows of ``document_ids`` in the caller's transaction: one message per hundred documents.

    ``alone``: the message is not joined with others before it is signed (half of a message that customs refused).
    """
    now = timezone.now()
    portions = [
        document_ids[start : start + DOCUMENTS_PER_MESSAGE]
        for start in range(0, len(document_ids), DOCUMENTS_PER_MESSAGE)
    ]
    outbound_ids = next_ids("declarations_outbound", len(portions))
    Outbound.objects.bulk_create(
        Outbound(
            id=outbound_id,
            enterprise_id=enterprise_id,
            kind=kind_slug,
            guid=new_guid(),
            document_count=len(portion),
            alone=alone,
            not_before=now,
            created_at=now,
        )
        for outbound_id, portion in zip(outbound_ids, portions, strict=True)
    )
    write_rows(
        "declarations_outbounddocument",
        ["enterprise_id", "outbound_id", "document_id"],
        (
            (enterprise_id, outbound_id, document_id)
            for outbound_id, portion in zip(outbound_ids, portions, strict=True)
            for document_id in portion
        ),
    )


def claim() -> list[Outbound]:
    """Take the next due messages for ``LEASE``; other workers pass them over.

    Small messages of one sender and kind that were never signed are joined first, whether they came by form or by
    workbook: n documents cost at most n / 100 messages, rounded up.
    """
    with transaction.atomic():
        now = timezone.now()
        free = Q(claimed_until=None) | Q(claimed_until__lt=now)
        due = list(
            Outbound.objects.select_for_update(skip_locked=True)
            .filter(free, state__in=[OutboundState.PENDING, OutboundState.SIGNED], not_before__lte=now)
            .order_by("not_before", "id")[: DOCUMENTS_PER_MESSAGE * _MESSAGES_PER_CLAIM]
        )
        taken = _join_small(due)[:_MESSAGES_PER_CLAIM]
        token = uuid.uuid4()
        Outbound.objects.filter(id__in=[message.id for message in taken]).update(
            claim=token, claimed_until=now + LEASE, attempts=F("attempts") + 1
        )
        for message in taken:
            message.claim = token
            message.attempts += 1
        return taken


def _join_small(due: list[Outbound]) -> list[Outbound]:
    """Move the documents of small unsigned messages together; return what is left to send, in order."""
    kept: list[Outbound] = []
    open_messages: dict[tuple[int, str], Outbound] = {}
    joined: dict[int, list[int]] = {}
    for message in due:
        sender = (message.enterprise_id, message.kind)
        target = open_messages.get(sender)
        joinable = message.state == OutboundState.PENDING and message.attempts == 0 and not message.alone
        if joinable and target and target.document_count + message.document_count <= DOCUMENTS_PER_MESSAGE:
            target.document_count += message.document_count
            joined.setdefault(target.id, []).append(message.id)
            continue
        kept.append(message)
        if joinable and (target is None or message.document_count < target.document_count):
            open_messages[sender] = message
    for target_id, source_ids in joined.items():
        OutboundDocument.objects.filter(outbound_id__in=source_ids).update(outbound_id=target_id)
        Outbound.objects.filter(id__in=source_ids).delete()
    for message in kept:
        if message.id in joined:
            Outbound.objects.filter(id=message.id).update(document_count=message.document_count)
    return kept


def forward(message: Outbound) -> None:
    """Build, sign, check, keep and send one claimed message; record how it ended. Never raises for what can happen.

    Passing trouble (no connection, no certificate yet) leaves the message due again later with the reason shown;
    trouble that time does not cure fails its documents with the reason, so that the clerk can act.
    """
    try:
        if message.state == OutboundState.SIGNED or _sign_and_keep(message):
            _send(message)
    except CredentialProblem as problem:
        _postpone(message, str(problem), needs_person=str(problem))
    except TransportError as error:
        if error.permanent:
            _give_up(message, str(error))
        else:
            _postpone(message, str(error))
    except (schema.SchemaProblem, signing.SignatureProblem, XmlRefused) as problem:
        _give_up(message, str(problem))


def _sign_and_keep(message: Outbound) -> bool:
    """Make the bytes once, check exactly those bytes, and keep them before anybody else sees them.

    False when another worker has taken the message over meanwhile.
    """
    key = signing.key_of(credential_in_use(message.enterprise_id))
    sender = (message.enterprise.customs_code, message.enterprise.name, message.enterprise.dxp_id)
    documents = envelope.load(kind(message.kind), _document_ids(message))
    unsigned = envelope.build(kind(message.kind), sender, message.guid, documents)
    signed = signing.sign(unsigned, key)
    schema.check(signed)
    signing.verify(signed, key.private_key.public_key())
    now = timezone.now()
    with transaction.atomic():
        kept = Outbound.objects.filter(id=message.id, claim=message.claim, state=OutboundState.PENDING).update(
            state=OutboundState.SIGNED, signed_at=now, certificate_serial=key.serial, byte_count=len(signed)
        )
        if kept:
            OutboundBytes.objects.create(
                outbound_id=message.id, enterprise_id=message.enterprise_id, content=pack(signed, _label(message.id))
            )
    return bool(kept)


def signed_bytes(outbound_id: int) -> bytes:
    """The signed message exactly as it was (or will be) sent. Raises ``OutboundBytes.DoesNotExist``."""
    kept = OutboundBytes.objects.values_list("content", flat=True).get(outbound_id=outbound_id)
    return unpack(kept, _label(outbound_id))


def _label(outbound_id: int) -> str:
    return f"outbound {outbound_id}"


def _send(message: Outbound) -> None:
    """Send the kept bytes, once more if need be, and move the documents that were waiting for it."""
    renewed = Outbound.objects.filter(id=message.id, claim=message.claim, state=OutboundState.SIGNED).update(
        claimed_until=timezone.now() + LEASE
    )
    if not renewed:
        return
    http.send(
        envelope.wrap(
            signed_bytes(message.id),
            message_id=message.guid,
            sender=message.enterprise.dxp_id,
            receiver=envelope.IMPORTS,
            message_type=kind(message.kind).sends,
            now=message.created_at,
        )
    )
    now = timezone.now()
    with transaction.atomic():
        sent = Outbound.objects.filter(id=message.id, state=OutboundState.SIGNED).update(
            state=OutboundState.SENT, sent_at=now, claimed_until=None, last_error="", needs_person=""
        )
        if sent:
            move_many(_moves(message, State.SENT, ""), outbound_id=message.id)


def _moves(message: Outbound, state: str, reason: str) -> list[Move]:
    now = timezone.now()
    return [Move(document_id, state, now, reason=reason) for document_id in _document_ids(message)]


def _document_ids(message: Outbound) -> list[int]:
    """The documents of a message in the order they stand in it."""
    enclosed = OutboundDocument.objects.filter(outbound_id=message.id).order_by("id")
    return list(enclosed.values_list("document_id", flat=True))


def _postpone(message: Outbound, reason: str, *, needs_person: str = "") -> None:
    """Due again later: the wait doubles with each attempt, with a little chance so that waiters spread out."""
    wait = min(timedelta(seconds=2 ** min(message.attempts, 12)), LONGEST_WAIT) * random.uniform(0.8, 1.2)  # noqa: S311
    Outbound.objects.filter(id=message.id, claim=message.claim).update(
        not_before=timezone.now() + wait, claimed_until=None, last_error=reason, needs_person=needs_person
    )


def _give_up(message: Outbound, reason: str) -> None:
    """The same bytes will never be taken: fail the documents with the reason, for the clerk to correct."""
    with transaction.atomic():
        failed = Outbound.objects.filter(id=message.id, claim=message.claim).update(
            state=OutboundState.FAILED, claimed_until=None, last_error=reason, needs_person=reason
        )
        if failed:
            move_many(_moves(message, State.FAILED, reason), outbound_id=message.id)


def split_refused(message: Outbound, reason: str) -> list[int]:
    """Customs refused the whole message (900): send each half as a message of its own, in the caller's transaction.

    Returns the documents of the message when there is only one left, which then is the culprit; nothing is queued.
    """
    refused = Outbound.objects.filter(id=message.id).exclude(state=OutboundState.REFUSED)
    if not refused.update(state=OutboundState.REFUSED, claimed_until=None, last_error=reason):
        return []
    unanswered = Q(document__state__in=[State.QUEUED, State.SENT])
    document_ids = list(
        OutboundDocument.objects.filter(unanswered, outbound_id=message.id)
        .order_by("id")
        .values_list("document_id", flat=True)
    )
    if len(document_ids) <= 1:
        return document_ids
    note = _("整份报文被退回，已拆成两份重新发送：%(reason)s") % {"reason": reason}
    move_many(_moves(message, State.QUEUED, note), outbound_id=message.id)
    middle = len(document_ids) // 2
    for half in (document_ids[:middle], document_ids[middle:]):
        queue(enterprise_id=message.enterprise_id, kind_slug=message.kind, document_ids=half, alone=True)
    return []
