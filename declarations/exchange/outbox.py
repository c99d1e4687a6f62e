"""The outbox: queue, claim, forward (steps 5 and 6 of the walk).

The outbox row is written in the transaction that files its documents; a sweep finds it. A claim is one short
transaction with an end time, and no database lock is held while the network is used. The signed bytes are saved before
they are sent and are sent again unchanged when the outcome is unknown: customs knows them by their guid.

Claimed messages are made a portion at a time: their documents are read by one query, the messages written, signed and
checked side by side (signing leaves the interpreter), and all kept in one transaction. What is wrong with one message
is said of that message only.
"""

import logging
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.credentials import CredentialProblem, present_environment
from accounts.roles import EnterpriseState
from declarations.exchange import envelope, signing
from declarations.exchange.making import Made, MayNotLeave, NotReady, Order, TooLarge, label, make_all
from declarations.exchange.transports import TransportError, http
from declarations.kinds import kind
from declarations.lifecycle import Move, State, move_many
from declarations.models import Outbound, OutboundBytes, OutboundState
from portal.bulk import many_objects, next_ids, write_rows
from portal.personal import unpack
from portal.sentences import keep

log = logging.getLogger(__name__)
Key = TypeVar("Key")

DOCUMENTS_PER_MESSAGE = settings.PORTAL_DOCUMENTS_PER_MESSAGE
#: A worker that dies leaves its claim behind; after this time another takes the message.
LEASE = timedelta(seconds=30)
#: Longest wait between two attempts; the wait doubles up to it.
LONGEST_WAIT = timedelta(minutes=5)
#: Messages looked at, and at most taken, by one claim.
_MESSAGES_PER_CLAIM = 500
#: Messages signed before the first of them is sent.
_MESSAGES_PER_ROUND = 10_000
#: Documents whose messages are made and kept together.
_DOCUMENTS_PER_PORTION = 1000
#: Messages read from the database, sent and noted as sent together, unless that takes longer than a while.
_MESSAGES_PER_SENDING, _SENDING_SECONDS = 50, 5.0
#: After so many unexpected errors a person has to look.
MAX_FAILURES = 5
#: Why nothing of an enterprise leaves while it may only look; what was signed keeps its bytes.
_SUSPENDED = keep(_("企业已暂停，报文等在本平台，不发往海关；企业恢复后自动发送"))


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
    same = {
        "enterprise_id": enterprise_id,
        "kind": kind_slug,
        "state": str(OutboundState.PENDING),
        "alone": alone,
        "not_before": now,
        "created_at": now,
        **dict.fromkeys(("attempts", "sendings", "failures", "byte_count"), 0),
        **dict.fromkeys(("last_error", "needs_person", "dxp_id", "certificate_serial"), ""),
    }
    write_rows(
        "declarations_outbound",
        ["id", "guid", "document_count", *same],
        (
            (outbound_id, envelope.new_guid(), len(portion), *same.values())
            for outbound_id, portion in zip(outbound_ids, portions, strict=True)
        ),
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
    workbook: n documents cost at most n / 100 messages, rounded up. So where more is waiting than was looked at, a
    message that is not full yet is left for the next claim to fill.
    """
    with transaction.atomic():
        now = timezone.now()
        free = Q(claimed_until=None) | Q(claimed_until__lt=now)
        due = list(
            Outbound.objects.select_for_update(skip_locked=True)
            .filter(free, state__in=[OutboundState.PENDING, OutboundState.SIGNED], not_before__lte=now)
            .order_by("not_before", "id")[:_MESSAGES_PER_CLAIM]
        )
        taken = _join_small(due)
        if len(due) == _MESSAGES_PER_CLAIM:
            taken = [message for message in taken if not _takes_more(message)] or taken
        token = uuid.uuid4()
        Outbound.objects.filter(id__in=[message.id for message in taken]).update(
            claim=token, claimed_until=now + LEASE, attempts=F("attempts") + 1
        )
        for message in taken:
            message.claim = token
            message.attempts += 1
        return taken


def _takes_more(message: Outbound) -> bool:
    """Whether documents of other messages may be put into this one."""
    unspoilt = message.state == OutboundState.PENDING and not message.failures and not message.alone
    return unspoilt and message.document_count < DOCUMENTS_PER_MESSAGE


def _join_small(due: list[Outbound]) -> list[Outbound]:
    """Fill the unsigned messages of one sender and kind to the brim; return what is left to send, in order."""
    ours: dict[tuple[int, str], list[Outbound]] = {}
    for message in due:
        if _takes_more(message):
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


def drain() -> None:
    """Send whatever is due; stop when nobody answers.

    First everything is signed and kept, so that a gateway that is slow keeps nobody's bytes waiting, then sent in order.
    """
    while messages := claim():
        ready: list[Outbound] = []
        while messages:
            ready += sign_all(messages)
            messages = claim() if len(ready) < _MESSAGES_PER_ROUND else []
        if not _send(ready):
            return


def forward_all(messages: Sequence[Outbound]) -> bool:
    """Make, keep and send claimed messages; False when the gateway does not answer.

    Trouble that time cures leaves a message due again later; trouble that needs a person says what to do and waits; only
    what a document is to blame for fails that document, for the clerk to correct. When nobody answers, what was not tried
    is given back at once, so that it is neither held nor counted as tried.
    """
    return _send(sign_all(messages))


def sign_all(messages: Sequence[Outbound]) -> list[Outbound]:
    """Those of the claimed messages whose bytes are kept now, or were before, in the order they are due."""
    ready: list[Outbound] = []
    for portion in _portions(messages):
        held = _hold(portion)
        ready += [message for message in held if message.state == OutboundState.SIGNED]
        with many_objects():
            ready += _sign_and_keep([message for message in held if message.state == OutboundState.PENDING])
    return sorted(ready, key=lambda message: (message.not_before, message.id))


def _portions(messages: Iterable[Outbound]) -> Iterator[list[Outbound]]:
    """The messages in their order, so many at a time as hold ``_DOCUMENTS_PER_PORTION`` documents."""
    portion: list[Outbound] = []
    left = _DOCUMENTS_PER_PORTION
    for message in messages:
        portion.append(message)
        left -= message.document_count
        if left <= 0:
            yield portion
            portion, left = [], _DOCUMENTS_PER_PORTION
    if portion:
        yield portion


def _set_aside(message: Outbound, error: Exception) -> None:
    """What nobody thought of: later and alone, and after ``MAX_FAILURES`` a person has to look; nothing is failed."""
    log.error("message %s cannot be forwarded", message.guid, exc_info=error)
    reason = keep(_("发送时出现意外错误（%(error)s），稍后自动再试"), error=type(error).__name__)
    Outbound.objects.filter(id=message.id, claim=message.claim).update(alone=True, failures=F("failures") + 1)
    _postpone([message], reason, needs_person=reason if message.failures + 1 >= MAX_FAILURES else "")


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


def _sign_and_keep(messages: Sequence[Outbound]) -> list[Outbound]:
    """Make the bytes of pending messages, check exactly those bytes, keep them before anybody else sees them.

    Returns those now kept. Not among them: what cannot be made (recorded at each), what was too large and is split, and
    what another worker has taken over meanwhile.
    """
    try:
        return _keep(_made(messages))
    except Exception as error:  # a poison message must not stop those beside it, whatever it is
        if len(messages) == 1:
            _set_aside(messages[0], error)
            return []
        log.exception("%s messages cannot be made together; each is tried alone", len(messages))
        return [kept for message in messages for kept in _sign_and_keep([message])]


def _made(messages: Sequence[Outbound]) -> list[Made]:
    """The messages that could be made; the others are settled here, each by its own problem."""
    tried = make_all(_orders(messages))
    for one in tried:
        if one.problem is not None:
            _settle(one.order.message, one.problem)
    return [one for one in tried if one.problem is None]


def _orders(messages: Sequence[Outbound]) -> list[Order]:
    """What is needed to make each message, read for all at once; the messages of who cannot sign now wait."""
    signers: dict[int, tuple[envelope.Sender, signing.SigningKey]] = {}
    for enterprise_id, own in _grouped(messages, lambda message: message.enterprise_id).items():
        try:
            if own[0].enterprise.state == EnterpriseState.SUSPENDED:
                raise NotReady(_SUSPENDED)
            sender = envelope.sender_of(own[0].enterprise)
            if not sender.dxp_id:
                raise NotReady(keep(_("企业没有传输编号（DXP ID），请平台在后台补登后自动发送")))
            signers[enterprise_id] = sender, signing.key_in_use(enterprise_id)
        except (CredentialProblem, NotReady) as problem:
            _postpone(own, str(problem), needs_person=str(problem))
    ready = [message for message in messages if message.enterprise_id in signers]
    enclosed = _enclosed(ready)
    sealed: dict[int, envelope.Sealed] = {}
    for slug, own in _grouped(ready, lambda message: message.kind).items():
        ids = [document_id for message in own for document_id in enclosed[message.id]]
        sealed |= envelope.fetch(kind(slug), ids)
    return [
        Order(message, *signers[message.enterprise_id], [sealed.get(one) for one in enclosed[message.id]])
        for message in ready
    ]


def _settle(message: Outbound, problem: Exception) -> None:
    """Record why a message could not be made, and see to it that its documents go on or the clerk hears of it."""
    if isinstance(problem, TooLarge):
        _split_own(message, keep(_("报文过大，已拆成两份发送")))
    elif isinstance(problem, MayNotLeave):
        _split_or_give_up(message, str(problem))
    elif isinstance(problem, NotReady):
        _postpone([message], str(problem), needs_person=str(problem))
    else:
        _set_aside(message, problem)


_KEEP = """
UPDATE declarations_outbound o
   SET state = 'signed', signed_at = %(now)s, dxp_id = m.dxp_id, certificate_serial = m.serial,
       consent_id = m.consent_id, byte_count = m.size
  FROM unnest(%(ids)s::bigint[], %(claims)s::uuid[], %(dxp_ids)s::text[], %(serials)s::text[], %(consents)s::bigint[],
              %(sizes)s::int[])
       AS m (id, claim, dxp_id, serial, consent_id, size)
 WHERE o.id = m.id AND o.claim = m.claim AND o.state = 'pending'
RETURNING o.id
"""


def _keep(made: Sequence[Made]) -> list[Outbound]:
    """Save the bytes of messages that are still ours, all in one transaction; returns those messages."""
    if not made:
        return []
    orders = [one.order for one in made]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                _KEEP,
                {
                    "now": timezone.now(),
                    "ids": [order.message.id for order in orders],
                    "claims": [order.message.claim for order in orders],
                    "dxp_ids": [order.sender.dxp_id for order in orders],
                    "serials": [order.key.serial for order in orders],
                    "consents": [order.key.consent_id for order in orders],
                    "sizes": [one.size for one in made],
                },
            )
            kept = {outbound_id for (outbound_id,) in cursor.fetchall()}
        ours = [one for one in made if one.order.message.id in kept]
        write_rows(
            "declarations_outboundbytes",
            ["outbound_id", "enterprise_id", "content"],
            ((one.order.message.id, one.order.message.enterprise_id, one.packed) for one in ours),
        )
    for one in ours:
        one.order.message.state, one.order.message.dxp_id = OutboundState.SIGNED, one.order.sender.dxp_id
    return [one.order.message for one in ours]


def signed_bytes(outbound_id: int) -> bytes:
    """The signed message exactly as it was (or will be) sent. Raises ``OutboundBytes.DoesNotExist``."""
    kept = OutboundBytes.objects.values_list("content", flat=True).get(outbound_id=outbound_id)
    return unpack(bytes(kept), label(outbound_id))


_HOLD = """
UPDATE declarations_outbound o
   SET claimed_until = %s
  FROM unnest(%s::bigint[], %s::uuid[], %s::text[]) AS m (id, claim, state)
 WHERE o.id = m.id AND o.claim = m.claim AND o.state = m.state
RETURNING o.id
"""


def _hold(messages: Sequence[Outbound]) -> list[Outbound]:
    """Hold the claims for another ``LEASE``; those that ran out, and that somebody else has now, are left out."""
    columns = (
        [message.id for message in messages],
        [message.claim for message in messages],
        [str(message.state) for message in messages],
    )
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [timezone.now() + LEASE, *columns])
        ours = {outbound_id for (outbound_id,) in cursor.fetchall()}
    return [message for message in messages if message.id in ours]


def _release(messages: Sequence[Outbound]) -> None:
    """Give claimed messages back as if they had not been taken."""
    for claim_, own in _grouped(messages, lambda message: message.claim).items():
        Outbound.objects.filter(id__in=[message.id for message in own], claim=claim_).update(
            claimed_until=None, attempts=F("attempts") - 1
        )


def _send(messages: Sequence[Outbound]) -> bool:
    """Send kept bytes in order, and note some at a time what was taken; False when the gateway does not answer."""
    waiting = deque(messages)
    while waiting:
        portion = _hold([waiting.popleft() for _place in range(min(_MESSAGES_PER_SENDING, len(waiting)))])
        answers, rest = _send_portion(portion)
        if not answers:
            _release([*rest, *waiting])
            return False
        waiting.extendleft(reversed(rest))
    return True


def _send_portion(portion: Sequence[Outbound]) -> tuple[bool, Sequence[Outbound]]:
    """Whether the gateway answers, and the messages that were not tried: it does not, or it is slow and the claims age."""
    leaving = _that_may_leave(portion, _bodies(portion))
    sent: list[Outbound] = []
    began = time.monotonic()
    try:
        for place, (message, kept) in enumerate(leaving):
            if time.monotonic() - began > _SENDING_SECONDS:
                return True, [message for message, _kept in leaving[place:]]
            try:
                http.send(envelope.wrap_for_customs(message, unpack(kept, label(message.id))))
                sent.append(message)
            except TransportError as error:
                if not error.permanent:
                    reason = str(error)
                    _postpone([message], reason, needs_person=reason if error.needs_person else "", tried=1)
                    return False, [message for message, _kept in leaving[place + 1 :]]
                _give_up(message, str(error))
            except Exception as error:  # a poison message must not stop those behind it, whatever it is
                _set_aside(message, error)
    finally:
        _note_sent(sent)
    return True, []


_BODIES = """
SELECT b.outbound_id, CASE e.state WHEN %s THEN NULL ELSE b.content END
  FROM declarations_outboundbytes b JOIN declarations_outbound o ON o.id = b.outbound_id
  JOIN accounts_enterprise e ON e.id = o.enterprise_id
 WHERE b.outbound_id = ANY (%s)
   AND EXISTS (SELECT FROM accounts_credential c
                WHERE c.enterprise_id = o.enterprise_id AND c.environment = %s AND c.serial = o.certificate_serial)
"""


def _bodies(messages: Sequence[Outbound]) -> dict[int, bytes | None]:
    """The kept bytes of messages, packed: None of whom staff have suspended; not of those signed in the other environment."""
    ids, environment = [message.id for message in messages], str(present_environment())
    with connection.cursor() as cursor:
        cursor.execute(_BODIES, [str(EnterpriseState.SUSPENDED), ids, environment])
        return {outbound_id: None if kept is None else bytes(kept) for outbound_id, kept in cursor.fetchall()}


def _that_may_leave(messages: Sequence[Outbound], bodies: Mapping[int, bytes | None]) -> list[tuple[Outbound, bytes]]:
    """Those with bytes to send; the others wait for a person, as what was signed for the test never goes to customs."""
    if foreign := [message for message in messages if message.id not in bodies]:
        reason = keep(_("报文是用另一个环境的证书加签的，不能在本环境发送，请平台核对是否接错了数据库"))
        _postpone(foreign, reason, needs_person=reason)
    if suspended := [message for message in messages if message.id in bodies and bodies[message.id] is None]:
        _postpone(suspended, _SUSPENDED, needs_person=_SUSPENDED)
    return [(message, kept) for message in messages if (kept := bodies.get(message.id)) is not None]


_SENT = """
UPDATE declarations_outbound
   SET state = 'sent', sent_at = %s, claimed_until = NULL, last_error = '', needs_person = '', sendings = sendings + 1
 WHERE id IN (SELECT id FROM declarations_outbound WHERE id = ANY (%s) AND state = 'signed' ORDER BY id FOR NO KEY UPDATE)
RETURNING id
"""


def _note_sent(messages: Sequence[Outbound]) -> None:
    """Customs has taken these; move the documents that were waiting for them."""
    if not messages:
        return
    try:
        _note(messages)
    except Exception as error:  # what cannot be noted is sent once more, by itself: customs knows its guid
        if len(messages) == 1:
            _set_aside(messages[0], error)
            return
        log.exception("%s messages cannot be noted as sent together; each is tried alone", len(messages))
        for message in messages:
            _note_sent([message])


def _note(messages: Sequence[Outbound]) -> None:
    now = timezone.now()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_SENT, [now, [message.id for message in messages]])
            sent = [outbound_id for (outbound_id,) in cursor.fetchall()]
        waiting = _waiting_for(sent, State.QUEUED)
        move_many(
            [Move(document_id, State.SENT, now) for document_id in waiting],
            outbound_id=waiting,
        )


_WAITING_FOR = """
SELECT d.id, e.outbound_id
  FROM declarations_outbounddocument e JOIN declarations_document d ON d.id = e.document_id
 WHERE e.outbound_id = ANY (%s) AND d.state = ANY (%s)
   AND NOT EXISTS (SELECT FROM declarations_outbounddocument later
                    WHERE later.document_id = d.id AND later.outbound_id > e.outbound_id)
 ORDER BY d.id
   FOR NO KEY UPDATE OF d
"""


def _waiting_for(outbound_ids: Sequence[int], *states: str) -> dict[int, int]:
    """Document → message for those that still wait for one of these very messages, locked.

    That is: neither answered nor filed again in a later one.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WAITING_FOR, [list(outbound_ids), [str(state) for state in states]])
        return dict(cursor.fetchall())


def _moves(document_ids: Sequence[int], state: str, reason: str) -> list[Move]:
    now = timezone.now()
    return [Move(document_id, state, now, reason=reason) for document_id in document_ids]


def _unanswered(message: Outbound) -> list[int]:
    """The documents that still wait for this very message, locked, in the order they stand in it."""
    waiting = _waiting_for([message.id], State.QUEUED, State.SENT)
    return [document_id for document_id in _enclosed([message])[message.id] if document_id in waiting]


def _enclosed(messages: Sequence[Outbound]) -> dict[int, list[int]]:
    """The documents of each message in the order they stand in it."""
    enclosed: dict[int, list[int]] = {message.id: [] for message in messages}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outbound_id, document_id FROM declarations_outbounddocument WHERE outbound_id = ANY (%s) ORDER BY id",
            [list(enclosed)],
        )
        for outbound_id, document_id in cursor.fetchall():
            enclosed[outbound_id].append(document_id)
    return enclosed


def _grouped(messages: Iterable[Outbound], key: Callable[[Outbound], Key]) -> dict[Key, list[Outbound]]:
    groups: dict[Key, list[Outbound]] = {}
    for message in messages:
        groups.setdefault(key(message), []).append(message)
    return groups


_POSTPONE = """
UPDATE declarations_outbound o
   SET not_before = m.not_before, claimed_until = NULL, last_error = %s, needs_person = %s, sendings = sendings + %s
  FROM unnest(%s::bigint[], %s::uuid[], %s::timestamptz[]) AS m (id, claim, not_before)
 WHERE o.id = m.id AND o.claim = m.claim
"""


def _postpone(messages: Sequence[Outbound], reason: str, *, needs_person: str = "", tried: int = 0) -> None:
    """Due again later: the wait doubles with each attempt, with a little chance so that waiters spread out."""
    now = timezone.now()
    columns = (
        [message.id for message in messages],
        [message.claim for message in messages],
        [now + _wait(message.attempts) for message in messages],
    )
    with connection.cursor() as cursor:
        cursor.execute(_POSTPONE, [reason, needs_person, tried, *columns])


def _wait(attempts: int) -> timedelta:
    return min(timedelta(seconds=2 ** min(attempts, 12)), LONGEST_WAIT) * random.uniform(0.8, 1.2)  # noqa: S311


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
