"""The outbox: queue, claim, forward (steps 5 and 6 of the walk).

The outbox row is written in the transaction that files its documents; a sweep finds it. A claim is one short
transaction with an end time, and no database lock is held while the network is used. The signed bytes are saved before
they are sent and are sent again unchanged when the outcome is unknown: customs knows them by their guid.
"""

import logging
import random
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.credentials import CredentialProblem, credential_in_use
from declarations.exchange import envelope, schema, signing
from declarations.exchange.transports import TransportError, http
from declarations.kinds import kind
from declarations.lifecycle import Move, State, move_many
from declarations.models import Document, Outbound, OutboundBytes, OutboundDocument, OutboundState
from portal.bulk import next_ids, write_rows
from portal.personal import pack, unpack
from portal.xml import XmlRefused

log = logging.getLogger(__name__)

DOCUMENTS_PER_MESSAGE = envelope.MOST_DOCUMENTS
#: A worker that dies leaves its claim behind; after this time another takes the message.
LEASE = timedelta(seconds=30)
#: Longest wait between two attempts; the wait doubles up to it.
LONGEST_WAIT = timedelta(minutes=5)
_MESSAGES_PER_CLAIM = 8
#: So often an unexpected error counts as passing.
MAX_ATTEMPTS = 5
#: Customs takes envelopes of 10 MB; base64 makes a third more of a message. A larger one is split before it is sent.
LARGEST_MESSAGE = 7 * 1024 * 1024


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
            guid=envelope.new_guid(),
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
    """Fill the unsigned messages of one sender and kind to the brim; return what is left to send, in order."""
    ours: dict[tuple[int, str], list[Outbound]] = {}
    for message in due:
        untried = message.attempts == 0 or message.needs_person
        if message.state == OutboundState.PENDING and untried and not message.alone:
            ours.setdefault((message.enterprise_id, message.kind), []).append(message)
    emptied: set[int] = set()
    for messages in ours.values():
        needed = -(-sum(message.document_count for message in messages) // DOCUMENTS_PER_MESSAGE)
        if needed < len(messages):
            _pour(messages[:needed], messages)
            emptied.update(message.id for message in messages[needed:])
    Outbound.objects.filter(id__in=emptied).delete()
    return [message for message in due if message.id not in emptied]


def _pour(into: list[Outbound], messages: list[Outbound]) -> None:
    """Move the documents of ``messages`` into the first of them, a hundred each.

    Claims that ran out end here: a worker that still holds one may not keep the bytes it made of the old content.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE declarations_outbounddocument e SET outbound_id = (%(into)s::bigint[])[1 + p.place / %(most)s] "
            "FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM declarations_outbounddocument "
            "WHERE outbound_id = ANY (%(all)s)) p WHERE e.id = p.id",
            {
                "into": [message.id for message in into],
                "all": [message.id for message in messages],
                "most": DOCUMENTS_PER_MESSAGE,
            },
        )
    left = sum(message.document_count for message in messages)
    for message in into:
        message.document_count = min(left, DOCUMENTS_PER_MESSAGE)
        left -= message.document_count
        Outbound.objects.filter(id=message.id).update(document_count=message.document_count, claim=None)


def forward(message: Outbound) -> None:
    """Build, sign, check, keep and send one claimed message; record how it ended. Never raises for what can happen.

    Passing trouble (no connection, no certificate yet) leaves the message due again later with the reason shown;
    trouble that time does not cure fails the document to blame with the reason, so that the clerk can act.
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
        _split_or_give_up(message, str(problem))
    except Exception as error:  # a poison message must not stop those behind it
        log.exception("message %s cannot be forwarded", message.guid)
        _set_aside(message, f"{type(error).__name__}: {error}"[:500])


def _set_aside(message: Outbound, reason: str) -> None:
    """What nobody thought of: later and alone; when that does not help, find the document that is to blame.

    A message already signed may have reached customs, so it is never given up: it waits for a person.
    """
    if message.attempts < MAX_ATTEMPTS:
        Outbound.objects.filter(id=message.id, claim=message.claim).update(alone=True)
        _postpone(message, reason)
    elif message.state == OutboundState.PENDING:
        _split_or_give_up(message, reason)
    else:
        _postpone(message, reason, needs_person=reason)


def _split_or_give_up(message: Outbound, reason: str) -> None:
    """Bytes that may not leave: halve the message until the document to blame stands alone and fails with the reason."""
    if message.document_count > 1:
        _split_own(message, reason)
    else:
        _give_up(message, reason)


def _split_own(message: Outbound, reason: str) -> None:
    """Split a message that was never signed, if it is still ours."""
    with transaction.atomic():
        ours = Outbound.objects.filter(id=message.id, claim=message.claim, state=OutboundState.PENDING)
        if ours.select_for_update().exists():
            move_many(_moves(split(message, reason), State.FAILED, reason), outbound_id=message.id)


def _sign_and_keep(message: Outbound) -> bool:
    """Make the bytes once, check exactly those bytes, and keep them before anybody else sees them.

    False when nothing is to be sent now: another worker has taken the message over, or it was too large and is split.
    """
    key = signing.key_of(credential_in_use(message.enterprise_id))
    documents = envelope.load(kind(message.kind), _document_ids(message))
    sender = envelope.sender_of(message.enterprise)
    unsigned = envelope.build(kind(message.kind), sender, message.guid, documents)
    if len(unsigned) > LARGEST_MESSAGE and len(documents) > 1:
        _split_own(message, _("报文过大，已拆成两份发送"))
        return False
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
    return unpack(bytes(kept), _label(outbound_id))


def _label(outbound_id: int) -> str:
    return f"outbound {outbound_id}"


def _send(message: Outbound) -> None:
    """Send the kept bytes, once more if need be, and move the documents that were waiting for it."""
    renewed = Outbound.objects.filter(id=message.id, claim=message.claim, state=OutboundState.SIGNED).update(
        claimed_until=timezone.now() + LEASE
    )
    if not renewed:
        return
    http.send(envelope.wrap_for_customs(message, signed_bytes(message.id)))
    now = timezone.now()
    with transaction.atomic():
        sent = Outbound.objects.filter(id=message.id, state=OutboundState.SIGNED).update(
            state=OutboundState.SENT, sent_at=now, claimed_until=None, last_error="", needs_person=""
        )
        if sent:
            move_many(_moves(_unanswered(message), State.SENT, ""), outbound_id=message.id)


def _moves(document_ids: Sequence[int], state: str, reason: str) -> list[Move]:
    now = timezone.now()
    return [Move(document_id, state, now, reason=reason) for document_id in document_ids]


def _unanswered(message: Outbound) -> list[int]:
    """The documents that still wait for this very message, locked: neither answered nor filed again in a later one."""
    waiting = Document.objects.filter(state__in=[State.QUEUED, State.SENT], messages__outbound_id=message.id)
    later = OutboundDocument.objects.filter(document_id=OuterRef("id"), outbound_id__gt=message.id)
    locked = set(
        waiting.exclude(Exists(later)).order_by("id").select_for_update(of=("self",)).values_list("id", flat=True)
    )
    return [document_id for document_id in _document_ids(message) if document_id in locked]


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
            move_many(_moves(_unanswered(message), State.FAILED, reason), outbound_id=message.id)


def split(message: Outbound, reason: str) -> list[int]:
    """Give a message up whole (refused by 900, or too large) and queue each half alone, in the caller's transaction.

    Returns the documents of the message when there is only one left, which then is the culprit; nothing is queued.
    """
    refused = Outbound.objects.filter(id=message.id).exclude(state=OutboundState.REFUSED)
    if not refused.update(state=OutboundState.REFUSED, claimed_until=None, last_error=reason):
        return []
    document_ids = _unanswered(message)
    if len(document_ids) <= 1:
        return document_ids
    move_many(_moves(document_ids, State.QUEUED, reason), outbound_id=message.id)
    middle = len(document_ids) // 2
    for half in (document_ids[:middle], document_ids[middle:]):
        queue(enterprise_id=message.enterprise_id, kind_slug=message.kind, document_ids=half, alone=True)
    return []
