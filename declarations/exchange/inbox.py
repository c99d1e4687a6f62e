"""The inbox: store the raw bytes first and answer at once; read them later (steps 8 and 9 of the walk).

``store`` runs in the web process under a role that may do nothing else. ``process`` runs in a sweep, one message per
transaction: the message is read, its receipts are written (a repeated one has the same fingerprint and is dropped), the
state of every document it touches is derived anew from all receipts, and the documents are moved set by set. What a
list's state or bill means for the guarantee follows in the same transaction (``money.py``).
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _
from lxml import etree

from accounts.models import Enterprise
from declarations.exchange import envelope, money, outbox, schema, taxes
from declarations.exchange.receipts import MESSAGE_REFUSED, Answer, deciding, is_known, state_of
from declarations.exchange.said import UnreadableMessage, moment, texts
from declarations.kinds import INVENTORY, Inventory, kind_answered_by
from declarations.kinds import kind as kind_of
from declarations.kinds.kind import Kind
from declarations.lifecycle import Move, State, move_many
from declarations.models import Document, Inbound, InboundBytes, InboundState, Outbound, Receipt
from declarations.published import CEB
from ledger import bills
from portal.personal import pack, unpack
from portal.sentences import keep
from portal.xml import XmlRefused

#: After so many failures a message waits for a person, with the reason; its bytes stay.
MAX_ATTEMPTS = 5
#: A reader that dies leaves its message behind; after this time another takes it.
LEASE = timedelta(seconds=30)

log = logging.getLogger(__name__)


def store(raw: bytes) -> int:
    """Keep what arrived, byte for byte, and return its number. Nothing is parsed."""
    now = timezone.now()
    with transaction.atomic():
        inbound = Inbound.objects.create(
            sha256=hashlib.sha256(raw).hexdigest(), byte_count=len(raw), not_before=now, received_at=now
        )
        InboundBytes.objects.create(inbound_id=inbound.id, content=pack(raw, _label(inbound.id)))
    return inbound.id


def raw_bytes(inbound_id: int) -> bytes:
    """What arrived, byte for byte. Raises ``InboundBytes.DoesNotExist``."""
    kept = InboundBytes.objects.values_list("content", flat=True).get(inbound_id=inbound_id)
    return unpack(bytes(kept), _label(inbound_id))


def _label(inbound_id: int) -> str:
    return f"inbound {inbound_id}"


def process_next() -> bool:
    """Read the oldest due message in one transaction; False when there is none.

    A message that cannot be read at all waits for a person at once; one that failed for another reason is tried again
    with a doubling wait, up to ``MAX_ATTEMPTS``.
    """
    inbound_id = _claim()
    if inbound_id is None:
        return False
    with transaction.atomic():
        inbound = Inbound.objects.select_for_update().get(id=inbound_id)
        if inbound.state != InboundState.STORED:
            return True
        try:
            with transaction.atomic():
                _process(inbound)
            inbound.state, inbound.last_error, inbound.processed_at = InboundState.PROCESSED, "", timezone.now()
        except (UnreadableMessage, XmlRefused, schema.SchemaProblem) as problem:
            inbound.state, inbound.last_error = InboundState.STUCK, str(problem)
        except Exception as error:  # a poison message must not stop those behind it
            log.exception("message %s cannot be read", inbound_id)
            inbound.last_error = keep(_("处理时出现意外错误（%(error)s）"), error=type(error).__name__)
            inbound.not_before = timezone.now() + timedelta(seconds=2**inbound.attempts)
            if inbound.attempts >= MAX_ATTEMPTS:
                inbound.state = InboundState.STUCK
        inbound.save()
    return True


def _claim() -> int | None:
    """Take the oldest due message for ``LEASE`` and count the attempt, in a transaction of its own.

    So a message that kills its reader outright is counted too, and in the end waits for a person instead of coming back.
    """
    with transaction.atomic():
        now = timezone.now()
        due = Inbound.objects.select_for_update(skip_locked=True).filter(state=InboundState.STORED, not_before__lte=now)
        inbound = due.order_by("not_before", "id").first()
        if inbound is None:
            return None
        inbound.attempts += 1
        inbound.not_before = now + LEASE
        if inbound.attempts > MAX_ATTEMPTS:
            inbound.state, inbound.last_error = InboundState.STUCK, keep(_("读取这份报文的进程多次中断"))
        inbound.save(update_fields=["attempts", "not_before", "state", "last_error"])
        return inbound.id


@dataclass(frozen=True, slots=True)
class _Read:
    """One receipt as it stands in the message: what it answers, and what it says."""

    by: str
    value: str
    code: str
    info: str
    customs_time: datetime
    numbers: dict[str, str]


def _process(inbound: Inbound) -> None:
    """Find the enterprise and the kind of message, then settle its receipts or its refusal."""
    letter = envelope.unwrap(raw_bytes(inbound.id))
    root = schema.check(letter.data)
    inbound.message = etree.QName(root).localname
    inbound.guid = root.get("guid", "")
    if letter.sender != envelope.IMPORTS:
        raise UnreadableMessage(keep(_("发件传输编号 %(sender)s 不是海关"), sender=letter.sender))
    ours = {enterprise.dxp_id: enterprise for enterprise in Enterprise.objects.filter(dxp_id__in=letter.receivers)}
    enterprise = next((ours[receiver] for receiver in letter.receivers if receiver in ours), None)
    if enterprise is None:
        raise UnreadableMessage(keep(_("收件传输编号 %(receiver)s 不属于任何企业"), receiver=letter.receivers[0]))
    inbound.enterprise = enterprise
    InboundBytes.objects.filter(inbound_id=inbound.id).update(enterprise_id=enterprise.id)
    if inbound.message == "CEB900Message":
        _refuse_message(inbound, enterprise.pk, root)
        return
    if inbound.message in (taxes.BILLS, taxes.NEWS):
        _settle_bills(inbound, enterprise.pk, root)
        return
    try:
        kind = kind_answered_by(inbound.message)
    except KeyError:
        raise UnreadableMessage(keep(_("没有单证以 %(message)s 作答"), message=inbound.message)) from None
    _settle(inbound, enterprise.pk, kind, [_read(kind, element) for element in root if _is_receipt(element)])


def _is_receipt(element: etree._Element) -> bool:
    return isinstance(element.tag, str) and element.find(f"{{{CEB}}}returnStatus") is not None


def _read(kind: Kind, element: etree._Element) -> _Read:
    said = texts(element)
    by, value = kind.answered_on({tag: said.get(tag, "") for tag, _field in kind.answer_key})
    return _Read(
        by=by,
        value=value,
        code=said["returnStatus"],
        info=said["returnInfo"],
        customs_time=moment(said["returnTime"]),
        numbers={name: said[tag] for tag, name in kind.customs_numbers.items() if said.get(tag)},
    )


def _settle(inbound: Inbound, enterprise_id: int, kind: Kind, read: list[_Read]) -> None:
    """Write the receipts, then derive the state of every document they touch from all receipts it has."""
    if kind is INVENTORY:
        _one_after_the_other(enterprise_id)
    own = Document.objects.filter(enterprise_id=enterprise_id, kind=kind.slug)
    documents = {
        (by, value): document_id
        for by in ("key", "number")
        for value, document_id in own.filter(
            **{f"{by}__in": [receipt.value for receipt in read if receipt.by == by]}
        ).values_list(by, "id")
    }
    found = [(receipt, documents.get((receipt.by, receipt.value))) for receipt in read]
    touched = sorted({document_id for _receipt, document_id in found if document_id})
    _take_in_order(touched)
    receipts = [
        Receipt(
            enterprise_id=enterprise_id,
            document_id=document_id,
            inbound_id=inbound.id,
            kind=kind.slug,
            code=receipt.code,
            info=receipt.info,
            customs_time=receipt.customs_time,
            numbers=receipt.numbers,
            fingerprint=_fingerprint(enterprise_id, kind.slug, receipt),
            received_at=inbound.received_at,
        )
        for receipt, document_id in found
    ]
    Receipt.objects.bulk_create(receipts, ignore_conflicts=True)
    _adopt(receipts)
    _keep_numbers(kind, touched)
    settle_states(touched, inbound_id=inbound.id)
    if kind is INVENTORY:
        money.settle_lists(touched, enterprise_id=enterprise_id, inbound_id=inbound.id)


def _settle_bills(inbound: Inbound, enterprise_id: int, root: etree._Element) -> None:
    """Keep the bills, or what became of them, then settle the lists they name now or named before.

    A bill of a list not ours is kept too.
    """
    made, news = taxes.bills_in(root), taxes.notices_in(root)
    _one_after_the_other(enterprise_id)
    told = {(bill.tax_no, bill.invt_no) for bill in made} | {(notice.tax_no, notice.invt_no) for notice in news}
    numbers = {invt_no for _tax_no, invt_no in told} | bills.lists_of(enterprise_id, {tax_no for tax_no, _no in told})
    named = Inventory.objects.filter(enterprise_id=enterprise_id, invt_no__in=numbers).exclude(invt_no="")
    lists = dict(named.values_list("document_id", "invt_no"))
    _take_in_order(lists)
    bills.take_in_order(enterprise_id, tax_nos={tax_no for tax_no, _no in told}, invt_nos=numbers)
    known = frozenset(lists.values())
    bills.record_bills(
        made,
        enterprise_id=enterprise_id,
        inbound_id=inbound.id,
        received_at=inbound.received_at,
        known_lists=known,
    )
    bills.record_notices(
        news,
        enterprise_id=enterprise_id,
        inbound_id=inbound.id,
        received_at=inbound.received_at,
        known_lists=known,
    )
    money.settle_lists(lists, enterprise_id=enterprise_id, inbound_id=inbound.id)


def _one_after_the_other(enterprise_id: int) -> None:
    """Read the messages about one enterprise's lists and bills singly, and take this lock before any other.

    A list gets its number by one message and its bill by another. Were both read at once, the bill would not see the
    list, nor the list the bill, and nobody would ever bring them together.
    """
    list(Enterprise.objects.select_for_update(no_key=True).filter(id=enterprise_id).values_list("id"))


def _adopt(receipts: Iterable[Receipt]) -> None:
    """A repeated receipt whose document was not there the first time finds it now; one statement."""
    found = [(receipt.fingerprint, receipt.document_id) for receipt in receipts if receipt.document_id]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE declarations_receipt r SET document_id = f.document_id "
            "FROM unnest(%s::text[], %s::bigint[]) AS f (fingerprint, document_id) "
            "WHERE r.fingerprint = f.fingerprint AND r.document_id IS NULL",
            [[fingerprint for fingerprint, _id in found], [document_id for _fingerprint, document_id in found]],
        )


def _take_in_order(document_ids: Iterable[int]) -> None:
    """Lock documents in id order before anything is written about them: two messages never wait crosswise."""
    ids = set(document_ids)
    list(Document.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id").values_list("id"))


def _fingerprint(enterprise_id: int, kind_slug: str, receipt: _Read) -> str:
    """What makes two receipts the same: everything they say, not the guid, which the e-port makes anew each time."""
    said = (enterprise_id, kind_slug, receipt.by, receipt.value, receipt.code, receipt.customs_time, receipt.info)
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _keep_numbers(kind: Kind, document_ids: Iterable[int]) -> None:
    """Write the numbers customs gave (pre-entry number, list number) into the bodies: of this attempt's the latest's."""
    table = kind.body._meta.db_table
    for name in kind.customs_numbers.values():
        with connection.cursor() as cursor:
            cursor.execute(
                f'UPDATE "{table}" b SET "{name}" = g.number FROM ('  # noqa: S608
                "SELECT DISTINCT ON (r.document_id) r.document_id, r.numbers ->> %(name)s AS number "
                "FROM declarations_receipt r JOIN declarations_document d ON d.id = r.document_id "
                "WHERE d.id = ANY (%(ids)s) AND r.numbers ? %(name)s "
                "AND (d.answered_until IS NULL OR r.customs_time > d.answered_until) "
                "ORDER BY r.document_id, r.customs_time DESC, number DESC"
                f') g WHERE b.document_id = g.document_id AND b."{name}" IS DISTINCT FROM g.number',
                {"name": name, "ids": list(document_ids)},
            )


def settle_states(document_ids: Iterable[int], *, inbound_id: int) -> list[int]:
    """Derive the state of each document from all receipts of its present attempt and move those that differ.

    Runs in the caller's transaction; the documents are locked first, in id order, so that two messages about the same
    documents settle one after the other. A document that waits was not sent yet: what is said of it now was said of an
    attempt before, and moves nothing. Returns the documents that moved.
    """
    ids = sorted(set(document_ids))
    documents = {
        document.id: document
        for document in Document.objects.select_for_update(no_key=True)
        .filter(id__in=ids)
        .exclude(state=State.WAITING)
        .order_by("id")
        .only("id", "kind", "answered_until")
    }
    answers: dict[int, list[Answer]] = {}
    for document_id, code, customs_time, info in Receipt.objects.filter(document_id__in=documents).values_list(
        "document_id", "code", "customs_time", "info"
    ):
        document = documents[document_id]
        of_this_attempt = document.answered_until is None or customs_time > document.answered_until
        if of_this_attempt and is_known(kind_of(document.kind), code):
            answers.setdefault(document_id, []).append(Answer(code, customs_time, info))
    moves = []
    for document_id, said in answers.items():
        answer = deciding(said)
        if answer:
            moves.append(Move(document_id, state_of(answer.code) or "", answer.at, answer.code, answer.info))
    return move_many(moves, inbound_id=inbound_id)


def _refuse_message(inbound: Inbound, enterprise_id: int, root: etree._Element) -> None:
    """900: the whole message was refused. Bisect it; the last document left alone bears the refusal."""
    said = texts(root[0])
    message = Outbound.objects.filter(guid=said["oriCopMsgId"], enterprise_id=enterprise_id).first()
    if message is None:
        raise UnreadableMessage(keep(_("被退回的报文 %(guid)s 不在发件记录中"), guid=said["oriCopMsgId"]))
    reason = f"{said['returnStatus']} {said['returnInfo']}"
    customs_time = moment(said["returnTime"])
    note = keep(_("整份报文被退回，已拆成两份重新发送：%(reason)s"), reason=reason)
    for document_id in outbox.split(message, note, inbound_id=inbound.id):
        Receipt.objects.create(
            enterprise_id=enterprise_id,
            document_id=document_id,
            inbound_id=inbound.id,
            kind=message.kind,
            code=MESSAGE_REFUSED,
            info=reason,
            customs_time=customs_time,
            fingerprint=hashlib.sha256(f"900 {message.guid} {document_id}".encode()).hexdigest(),
            received_at=inbound.received_at,
        )
        settle_states([document_id], inbound_id=inbound.id)
