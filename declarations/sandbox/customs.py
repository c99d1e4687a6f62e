"""What customs decides about a message: refused whole, refused by its sender's standing, or document by document.

`decide` runs inside one transaction of its caller: receipts are queued and documents stored together or not at all.
"""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from uuid import uuid4

from declarations.published import codes
from declarations.sandbox import answers, delivery, registry, store
from declarations.sandbox.answers import Receipt
from declarations.sandbox.assessor import Assessor
from declarations.sandbox.catalogue import INVENTORY, ORDER, PAYMENT, WAYBILL, Kind, Verdict, official, problem, wrong
from declarations.sandbox.checks import check
from declarations.sandbox.match import Filed, mismatches
from declarations.sandbox.messages import Broken, Document, Message, read_envelope, read_message, signatures
from declarations.sandbox.registry import Enterprise, Registry
from declarations.sandbox.settings import Settings
from declarations.sandbox.store import Connection
from declarations.sandbox.verify import Unverified, verify

PASSED = f"[Code:1800;Desc:{codes('customs_codes')['1800']}]"
DONE = {"1": "新增", "2": "变更", "3": "删除"}

Key = tuple[str, str]
Row = dict[str, Any]


@dataclass(slots=True)
class Case:
    """One message on the table: who sent it, what stands already, what is answered and stored."""

    connection: Connection
    inbound_id: int
    kind: Kind
    receiver: str
    filer: str
    registry: Registry
    settings: Settings
    port_time: datetime  # the e-port's answers
    customs_time: datetime  # customs' answers to the same documents, later
    match_time: datetime  # and to those that a list matched
    rows: list[Row] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    fallen: list[int] = field(default_factory=list)
    matched: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    assessor: Assessor | None = None  # of lists only

    def key(self, document: Document) -> Key:
        """Who and which number: unique among the documents that stand."""
        who, number = self.kind.key
        return self.registry.entity(document.head[who]), document.head[number]


def decide(connection: Connection, inbound: store.DictRow, *, at: datetime, settings: Settings, dice: Random) -> str:
    """Decide a kept message, queue its receipts, store its documents; say in a word what came of it."""
    body = bytes(inbound["body"])
    data = body
    try:
        envelope = read_envelope(body)
        data = envelope.data
        message = read_message(envelope)
    except Broken as fault:
        refuse_whole(connection, inbound, fault, data, at=at, settings=settings, dice=dice)
        return f"900 {fault.code}"
    known = registry.read(connection)
    sender = known.find(message.cop_code)
    times = store.take_time(connection, at, 3)
    case = Case(
        connection, inbound["id"], message.kind, envelope.sender, sender.customs_code if sender else message.cop_code,
        known, settings, times[0], times[1], times[2],
    )  # fmt: skip
    if message.kind is INVENTORY:
        case.numbers = store.take_numbers(connection, len(message.documents))
    verdict = _standing(case, message, sender, envelope.sender, at)
    if verdict is not None:
        for document in message.documents:
            _answer(case, document, verdict)
    else:
        assert sender is not None
        if case.kind is INVENTORY:
            case.assessor = Assessor(connection, message.documents, known, settings, at=case.customs_time, dice=dice)
        _file(case, message.documents, sender)
    store.put_down(connection, case.fallen)
    store.advance(connection, case.matched, status="120", info=PASSED, stamp=answers.stamp(case.match_time))
    store.store_documents(connection, case.rows)
    if case.assessor is not None:
        store.open_clearances(connection, case.assessor.rows)
    for kind, receiver, text in answers.receipt_messages(case.receipts):
        delivery.queue(connection, inbound["id"], kind.receipt, receiver, text, at=at, settings=settings, dice=dice)
    return verdict.status if verdict else f"{len(message.documents)}"


def refuse_whole(
    connection: Connection, inbound: store.DictRow, fault: Broken, data: bytes,
    *, at: datetime, settings: Settings, dice: Random,
) -> None:  # fmt: skip
    """Queue a CEB900 for a message that cannot be taken apart."""
    moment = store.take_time(connection, at, 1)[0]
    text = answers.format_error(
        guid=str(uuid4()), entry_guid=str(uuid4()), code=fault.code, text=fault.text, at=answers.stamp(moment),
        cop_msg_id=inbound["cop_msg_id"], message_type=fault.message_type, original=data,
    )  # fmt: skip
    delivery.queue(
        connection, inbound["id"], "CEB900Message", inbound["sender"], text, at=at, settings=settings, dice=dice
    )


def _standing(case: Case, message: Message, sender: Enterprise | None, address: str, at: datetime) -> Verdict | None:
    """May this sender file at all: registered, from its own address, with a signature that holds."""
    if sender is None:
        return problem("-10102")
    if not sender.dxp_id == message.dxp_id == address:
        return Verdict("-10102", "2002", official("2002"))
    if not signatures(message.root) and not case.settings.signature:
        return None
    try:
        verify(message.root, registry.certificates(case.connection, sender), at=at)
    except Unverified as fault:
        return Verdict(case.kind.signature, fault.code, f"验签失败，{fault.text}")
    return None


def _file(case: Case, documents: list[Document], sender: Enterprise) -> None:
    """Every document in turn; what an earlier one of the message did counts for the later ones."""
    connection, message = case.connection, case.kind.message
    keys = [case.key(document) for document in documents]
    standing: dict[Key, Row] = dict(store.standing(connection, message, keys))
    guids: dict[str, Row] = dict(store.standing_guids(connection, message, [d.guid for d in documents]))
    before = Before(case, documents)
    for document, key in zip(documents, keys, strict=True):
        twin = guids.get(document.guid)
        if twin is not None and _same(twin, document, key):
            _repeat(case, twin)
            continue
        verdict = (
            (wrong(case.kind, "guid已用于另一单证") if twin is not None and document.head["appType"] == "1" else None)
            or check(document, sender, case.registry, case.settings)
            or _succession(case, document, standing.get(key))
            or before.refusal(document)
        )
        if verdict is not None:
            _answer(case, document, verdict)
            continue
        row = _accept(case, document, standing.get(key))
        standing[key] = guids[document.guid] = row
        if case.kind is INVENTORY:
            before.lists.setdefault(document.head["orderNo"], []).append(row)
            _match(case, document, row, before)


class Before:
    """What was filed before, fetched with a fixed number of queries: the documents a waybill or list rests on."""

    def __init__(self, case: Case, documents: list[Document]) -> None:
        self.case = case
        numbers = sorted({document.head["orderNo"] for document in documents})
        asked = {WAYBILL: (ORDER, PAYMENT), INVENTORY: (ORDER, PAYMENT, INVENTORY)}.get(case.kind, ())
        found = {k: store.standing_for_orders(case.connection, k.message, numbers) for k in asked}
        self.orders, self.payments = found.get(ORDER, {}), found.get(PAYMENT, {})
        self.lists: dict[str, list[Row]] = dict(found.get(INVENTORY, {}))
        self.waybills: dict[Key, store.DictRow] = {}
        if case.kind is INVENTORY:
            keys = [self._waybill_key(document) for document in documents]
            self.waybills = store.standing(case.connection, WAYBILL.message, keys)

    def refusal(self, document: Document) -> Verdict | None:
        """A waybill needs order and payment filed; a list the waybill too, and no second list for one order."""
        number = document.head["orderNo"]
        if self.case.kind is WAYBILL:
            absent = [k.label for k, found in ((ORDER, self.orders), (PAYMENT, self.payments)) if not found.get(number)]
            return wrong(WAYBILL, f"对应{'、'.join(absent)}信息不存在，订单编号[{number}]") if absent else None
        if self.case.kind is not INVENTORY or document.head["appType"] == "3":
            return None
        merchant = self.case.registry.entity(document.head["ebcCode"])
        if any(row["stands"] and row["merchant"] == merchant for row in self.lists.get(number, ())):
            return Verdict("100", INVENTORY.duplicate, official(INVENTORY.duplicate, document.head["copNo"]))
        three = self.three(document)
        absent = [k.label for k, row in zip((ORDER, PAYMENT, WAYBILL), three, strict=True) if row is None]
        return problem("-621003", f"对应{'、'.join(absent)}信息不存在，订单编号：{number}") if absent else None

    def three(self, document: Document) -> tuple[Row | None, Row | None, Row | None]:
        """The order, payment and waybill that a list names, each None where none stands."""
        head, entity = document.head, self.case.registry.entity
        platform, merchant = entity(head["ebpCode"]), entity(head["ebcCode"])
        orders = [
            row
            for row in self.orders.get(head["orderNo"], ())
            if (row["key_a"], row["merchant"]) == (platform, merchant)
        ]
        payments = [row for row in self.payments.get(head["orderNo"], ()) if entity(row["head"]["ebpCode"]) == platform]
        named = orders[-1]["head"].get("payTransactionId") if orders else ""
        payments.sort(key=lambda row: row["head"]["payTransactionId"] == named)
        waybill = self.waybills.get(self._waybill_key(document))
        return orders[-1] if orders else None, payments[-1] if payments else None, waybill

    def _waybill_key(self, document: Document) -> Key:
        return self.case.registry.entity(document.head["logisticsCode"]), document.head["logisticsNo"]


def _same(row: Row, document: Document, key: Key) -> bool:
    """Whether a filing is one that stands already, sent once more; of changes each has its own time."""
    head = document.head
    if (row["key_a"], row["key_b"], row["app_type"]) != (*key, head["appType"]):
        return False
    return head["appType"] == "1" or row["app_time"] == head["appTime"]


def _succession(case: Case, document: Document, old: Row | None) -> Verdict | None:
    """A new filing must not meet one that stands; a change or deletion needs one, younger than it and not yet used."""
    kind, head = case.kind, document.head
    if head["appType"] == "1":
        if old is None or not old["stands"]:
            return None
        return Verdict("100", kind.duplicate, official(kind.duplicate, head[kind.key[1]]))
    if old is None or not old["stands"]:
        return problem(kind.missing, head[kind.key[1]])
    if old["status"] != "2":
        return problem(kind.state, head[kind.key[1]])
    if head["appTime"] <= old["app_time"]:
        return problem(kind.stale, "appTime不晚于已存单证")
    return None


def _accept(case: Case, document: Document, old: Row | None) -> Row:
    """Answer 2 and store; what stood under the same key stands no longer."""
    if old is not None and old["stands"]:
        old["stands"] = False
        if "id" in old:
            case.fallen.append(old["id"])
    action, head = DONE[document.head["appType"]], document.head
    if case.kind is INVENTORY:
        info = f"清单{action}申报成功[电商企业编码：{head['ebcCode']}订单编号：{head['orderNo']}]"
    else:
        info = f"{action}申报成功[{document.guid}]"
    row = _store(case, document, "2", info, stands=head["appType"] != "3")
    _receipt(case, row, case.kind, answers.stamp(case.port_time))
    return row


def _match(case: Case, document: Document, row: Row, before: Before) -> None:
    """Customs' own answer to a list: 120 for the four that fit and within the year, or 100 for the list alone."""
    order, payment, waybill = before.three(document)
    if document.head["appType"] == "3" or order is None or payment is None or waybill is None:
        return
    parts = [Filed(part["head"], part["lines"], part["filer"]) for part in (order, payment, waybill)]
    found = mismatches(
        Filed(document.head, document.lines, case.filer), *parts, registry=case.registry, settings=case.settings
    )
    moment = answers.stamp(case.customs_time)
    assert case.assessor is not None
    found = found or case.assessor.objections(document)
    if found:
        row.update(status="100", stands=False, info="".join(f"[Code:{c};Desc:{t}]" for c, t in found), stamp=moment)
        _receipt(case, row, INVENTORY, moment)
        return
    serial = case.numbers[len(case.rows) - 1]
    row["keys"]["invtNo"] = f"{document.head['customsCode']}{moment[:4]}I{serial % 10**9:09d}"
    row.update(status="120", info=PASSED, stamp=moment)
    _receipt(case, row, INVENTORY, moment)
    case.assessor.take(document, case.inbound_id)
    later = answers.stamp(case.match_time)
    for kind, part in ((ORDER, order), (PAYMENT, payment), (WAYBILL, waybill)):
        part.update(status="120", info=PASSED, stamp=later)
        case.matched.append(part["id"])
        _receipt(case, part, kind, later)


def _answer(case: Case, document: Document, verdict: Verdict) -> None:
    """Refuse one document: stored as refused, standing for nothing."""
    row = _store(case, document, verdict.status, verdict.info(document.guid), stands=False)
    _receipt(case, row, case.kind, answers.stamp(case.port_time))


def _repeat(case: Case, row: Row) -> None:
    """The filing stands already: its latest answer again, as it was."""
    _receipt(case, row, case.kind, row["stamp"])


def _store(case: Case, document: Document, status: str, info: str, *, stands: bool) -> Row:
    head = document.head
    keys = {tag: head.get(tag, "") for tag in case.kind.receipt_keys}
    if case.kind is INVENTORY:
        serial = case.numbers[len(case.rows)]
        keys["preNo"] = f"B{answers.stamp(case.port_time)[:8]}{serial % 10**9:09d}"
        keys["invtNo"] = ""
    key = case.key(document)
    row: Row = {
        "inbound_id": case.inbound_id, "message": case.kind.message, "guid": document.guid,
        "app_type": head["appType"], "app_time": head["appTime"], "key_a": key[0], "key_b": key[1],
        "merchant": case.registry.entity(head.get("ebcCode", "")), "order_no": head["orderNo"], "filer": case.filer,
        "receiver": case.receiver, "status": status, "info": info, "stamp": answers.stamp(case.port_time),
        "stands": stands, "keys": keys, "head": head, "lines": document.lines,
    }  # fmt: skip
    case.rows.append(row)
    return row


def _receipt(case: Case, row: Row, kind: Kind, moment: str) -> None:
    """Note the answer that a document's row holds now."""
    keys = {tag: row["keys"].get(tag, "") for tag in kind.receipt_keys}
    case.receipts.append(Receipt(kind, row["receiver"], str(uuid4()), keys, row["status"], moment, row["info"]))
