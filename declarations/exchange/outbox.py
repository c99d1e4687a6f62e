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
from django.utils.translation import gettext_noop as _

from accounts.credentials import CredentialProblem, credential_in_use
from declarations.exchange import envelope, schema, signing
from declarations.exchange.transports import TransportError, http
from declarations.kinds import kind
from declarations.lifecycle import Move, State, move_many
from declarations.models import Document, Outbound, OutboundBytes, OutboundDocument, OutboundState
from portal.bulk import next_ids, write_rows
from portal.personal import Unreadable, pack, unpack
from portal.sentences import keep
from portal.xml import XmlRefused

log = logging.getLogger(__name__)

DOCUMENTS_PER_MESSAGE = envelope.MOST_DOCUMENTS
#: A worker that dies leaves its claim behind; after this time another takes the message.
LEASE = timedelta(seconds=30)
#: Longest wait between two attempts; the wait doubles up to it.
LONGEST_WAIT = timedelta(minutes=5)
_MESSAGES_PER_CLAIM = 8
#: After so many unexpected errors a person has to look.
MAX_FAILURES = 5
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
        unspoilt = message.state == OutboundState.PENDING and not message.failures and not message.alone
        if unspoilt:
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


class NotReady(Exception):
    """The sender cannot send now, and waiting alone does not help; the (kept) sentence says what a person has to do."""


class MayNotLeave(ValueError):
    """A document of the message is to blame that its bytes may not leave; the (kept) sentence says why."""


def forward_all(messages: Sequence[Outbound]) -> bool:
    """Forward claimed messages one after the other; False when the gateway does not answer.

    Then what was not tried is given back at once, so that it is neither held nor counted as tried.
    """
    for place, message in enumerate(messages):
        if _renew(message) and not forward(message):
            _release(messages[place + 1 :])
            return False
    return True


def forward(message: Outbound) -> bool:
    """Build, sign, check, keep and send one claimed message; record how it ended. Never raises.

    Trouble that time cures leaves the message due again later; trouble that needs a person says what to do and waits;
    only what a document is to blame for fails that document, for the clerk to correct. False when the gateway did not
    answer, so that trying others now is useless.
    """
    try:
        if message.state == OutboundState.SIGNED or _sign_and_keep(message):
            _send(message)
    except (CredentialProblem, NotReady) as problem:
        _postpone(message, str(problem), needs_person=str(problem))
    except MayNotLeave as problem:
        _split_or_give_up(message, str(problem))
    except TransportError as error:
        if error.permanent:
            _give_up(message, str(error))
            return True
        _postpone(message, str(error), needs_person=str(error) if error.needs_person else "")
        return False
    except Exception as error:  # a poison message must not stop those behind it, whatever it is
        log.exception("message %s cannot be forwarded", message.guid)
        _set_aside(message, error)
    return True


def _set_aside(message: Outbound, error: Exception) -> None:
    """What nobody thought of: later and alone, and after ``MAX_FAILURES`` a person has to look; nothing is failed."""
    reason = keep(_("发送时出现意外错误（%(error)s），稍后自动再试"), error=type(error).__name__)
    Outbound.objects.filter(id=message.id, claim=message.claim).update(alone=True, failures=F("failures") + 1)
    _postpone(message, reason, needs_person=reason if message.failures + 1 >= MAX_FAILURES else "")


def _split_or_give_up(message: Outbound, reason: str) -> None:
    """Halve a message that may not leave until the document to blame stands alone and fails with the reason."""
    if message.document_count > 1:
        _split_own(message, reason)
    else:
        _give_up(message, reason)


def _split_own(message: Outbound, reason: str) -> None:
    """Split a message that was never signed, if it is still ours."""
    with transaction.atomic():
        ours = Outbound.objects.filter(id=message.id, claim=message.claim, state=OutboundState.PENDING)
        if ours.select_for_update(no_key=True).exists():
            move_many(_moves(split(message, reason), State.FAILED, reason), outbound_id=message.id)


def _sign_and_keep(message: Outbound) -> bool:
    """Make the bytes once, check exactly those bytes, and keep them before anybody else sees them.

    False when nothing is to be sent now: another worker has taken the message over, or it was too large and is split.
    """
    sender = envelope.sender_of(message.enterprise)
    if not sender.dxp_id:
        raise NotReady(keep(_("企业没有传输编号（DXP ID），请平台在后台补登后自动发送")))
    key = signing.key_of(credential_in_use(message.enterprise_id))
    unsigned = _build(message, sender)
    if len(unsigned) > LARGEST_MESSAGE and message.document_count > 1:
        _split_own(message, keep(_("报文过大，已拆成两份发送")))
        return False
    signed = signing.sign(unsigned, key)
    try:
        schema.check(signed)
        signing.verify(signed, key.public_key)
    except (schema.SchemaProblem, XmlRefused) as problem:
        raise MayNotLeave(str(problem)) from problem
    except signing.SignatureProblem as problem:
        raise NotReady(keep(_("证书 %(serial)s 与密钥不是一对，请重新登记证书"), serial=key.serial)) from problem
    now = timezone.now()
    with transaction.atomic():
        kept = Outbound.objects.filter(id=message.id, claim=message.claim, state=OutboundState.PENDING).update(
            state=OutboundState.SIGNED,
            signed_at=now,
            dxp_id=sender.dxp_id,
            certificate_serial=key.serial,
            byte_count=len(signed),
        )
        if kept:
            OutboundBytes.objects.create(
                outbound_id=message.id, enterprise_id=message.enterprise_id, content=pack(signed, _label(message.id))
            )
            message.state, message.dxp_id = OutboundState.SIGNED, sender.dxp_id
    return bool(kept)


def _build(message: Outbound, sender: envelope.Sender) -> bytes:
    """The unsigned text. ``MayNotLeave`` when a document has no body or holds what XML cannot carry."""
    try:
        documents = envelope.load(kind(message.kind), _document_ids(message))
        return envelope.build(kind(message.kind), sender, message.guid, documents)
    except Unreadable:
        raise  # a field key is missing: no fault of any document
    except (KeyError, ValueError) as problem:
        raise MayNotLeave(
            keep(_("单证内容无法写成报文（%(error)s），请重新录入后申报"), error=type(problem).__name__)
        ) from problem


def signed_bytes(outbound_id: int) -> bytes:
    """The signed message exactly as it was (or will be) sent. Raises ``OutboundBytes.DoesNotExist``."""
    kept = OutboundBytes.objects.values_list("content", flat=True).get(outbound_id=outbound_id)
    return unpack(bytes(kept), _label(outbound_id))


def _label(outbound_id: int) -> str:
    return f"outbound {outbound_id}"


def _renew(message: Outbound) -> bool:
    """Hold the claim for another ``LEASE``; False when it ran out and somebody else has the message."""
    return bool(
        Outbound.objects.filter(id=message.id, claim=message.claim, state=message.state).update(
            claimed_until=timezone.now() + LEASE
        )
    )


def _release(messages: Sequence[Outbound]) -> None:
    """Give claimed messages back as if they had not been taken."""
    for message in messages:
        Outbound.objects.filter(id=message.id, claim=message.claim).update(
            claimed_until=None, attempts=F("attempts") - 1
        )


def _send(message: Outbound) -> None:
    """Send the kept bytes, once more if need be, and move the documents that were waiting for it."""
    tried = Outbound.objects.filter(id=message.id, claim=message.claim, state=OutboundState.SIGNED).update(
        claimed_until=timezone.now() + LEASE, sendings=F("sendings") + 1
    )
    if not tried:
        return
    http.send(envelope.wrap_for_customs(message, signed_bytes(message.id)))
    now = timezone.now()
    with transaction.atomic():
        sent = Outbound.objects.filter(id=message.id, state=OutboundState.SIGNED).update(
            state=OutboundState.SENT, sent_at=now, claimed_until=None, last_error="", needs_person=""
        )
        if sent:
            move_many(_moves(_unanswered(message, State.QUEUED), State.SENT, ""), outbound_id=message.id)


def _moves(document_ids: Sequence[int], state: str, reason: str) -> list[Move]:
    now = timezone.now()
    return [Move(document_id, state, now, reason=reason) for document_id in document_ids]


def _unanswered(message: Outbound, *states: str) -> list[int]:
    """The documents that still wait for this very message, locked: neither answered nor filed again in a later one."""
    waiting = Document.objects.filter(state__in=states or (State.QUEUED, State.SENT), messages__outbound_id=message.id)
    later = OutboundDocument.objects.filter(document_id=OuterRef("id"), outbound_id__gt=message.id)
    locked = set(
        waiting.exclude(Exists(later))
        .order_by("id")
        .select_for_update(of=("self",), no_key=True)
        .values_list("id", flat=True)
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
    """Customs refuses these very bytes, or they may not leave: fail the documents, for the clerk to correct."""
    with transaction.atomic():
        failed = Outbound.objects.filter(id=message.id, claim=message.claim).update(
            state=OutboundState.FAILED, claimed_until=None, last_error=reason, needs_person=reason
        )
        if failed:
            move_many(_moves(_unanswered(message), State.FAILED, reason), outbound_id=message.id)


def split(message: Outbound, reason: str, *, inbound_id: int | None = None) -> list[int]:
    """Give a message up whole (refused by 900, or too large) and queue each half alone, in the caller's transaction.

    Returns the documents of the message when there is only one left, which then is the culprit; nothing is queued.
    """
    refused = Outbound.objects.filter(id=message.id).exclude(state=OutboundState.REFUSED)
    if not refused.update(state=OutboundState.REFUSED, claimed_until=None, last_error=reason):
        return []
    document_ids = _unanswered(message)
    if len(document_ids) <= 1:
        return document_ids
    move_many(_moves(document_ids, State.QUEUED, reason), outbound_id=message.id, inbound_id=inbound_id)
    middle = len(document_ids) // 2
    for half in (document_ids[:middle], document_ids[middle:]):
        queue(enterprise_id=message.enterprise_id, kind_slug=message.kind, document_ids=half, alone=True)
    return []
