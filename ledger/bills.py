"""Electronic tax bills: what customs sent (816), what became of it (818), and the list it belongs to.

Each function takes the set of what arrived and ends in the same rows in whatever order it came. Bills are locked by
their number, before any account (``guarantee.py`` tells the order), and all that a transaction will touch at once
(``take_in_order``). How they are paid: ``payment.py``.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_noop as _

from accounts.models import Enterprise
from ledger.discrepancies import Found, close, open_many
from ledger.models import BillState, DiscrepancyKind, TaxBill, TaxBillLine, TaxBillNotice, Treatment
from ledger.tax import Assessment
from portal.bulk import next_ids, update_many, write_rows
from portal.money import fen, money
from portal.sentences import keep

#: customs' digit → the state; any other digit is refused by the published structure before it comes here.
STATES = {"1": BillState.MADE, "2": BillState.CONSOLIDATED, "3": BillState.VOID}
#: States in which customs still keeps the tax from the guarantee.
OPEN_STATES = (BillState.MADE, BillState.CONSOLIDATED)
NOTHING = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of an 816."""

    gnum: int
    gcode: str
    value: Decimal
    duty: Decimal
    consumption: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """An 816; ``status`` is customs' digit (1 made, 2 consolidated, 3 void)."""

    invt_no: str
    tax_no: str
    order_no: str
    logistics_no: str
    assure_code: str
    ebc_code: str
    logistics_code: str
    agent_code: str
    customs_code: str
    duty: Decimal
    consumption: Decimal
    vat: Decimal
    status: str
    duty_no: str
    billed_at: datetime
    lines: tuple[BillLine, ...]

    @property
    def fingerprint(self) -> str:
        """Equal when everything it says is equal."""
        lines = [(one.gnum, one.gcode, *map(fen, _taxes(one)), str(one.value.normalize())) for one in self.lines]
        said = (
            self.invt_no, self.tax_no, self.order_no, self.logistics_no, self.assure_code, self.ebc_code,
            self.logistics_code, self.agent_code, self.customs_code, *map(fen, _taxes(self)), self.status, self.duty_no,
            self.billed_at.timestamp(), lines,
        )  # fmt: skip
        return hashlib.sha256(repr(said).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Notice:
    """An 818."""

    invt_no: str
    tax_no: str
    status: str
    duty_no: str
    customs_time: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What the bills of one list come to; ``total`` is that of those neither void nor paid."""

    total: Decimal
    state: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A list a bill may belong to: its document, the Shanghai day of its release, our own computation, whom it names.

    Who answers for a bill, and who sees it, follows the list; where it names nobody, the bill's own word stands.
    """

    invt_no: str
    document_id: int
    released_on: date | None
    own: Assessment | None
    assure_code: str = ""
    ebc_code: str = ""
    logistics_code: str = ""


def record_bills(
    bills: Iterable[Bill],
    *,
    enterprise_id: int,
    inbound_id: int | None,
    received_at: datetime,
    known_lists: Collection[str] = (),
) -> None:
    """Keep bills an enterprise received; the same again changes nothing, of two under one number the later counts.

    A bill not tied to a list is a discrepancy until ``attach`` finds the list; those of ``known_lists`` (list numbers)
    are attached by the caller in the same transaction.
    """
    latest: dict[str, Bill] = {}
    notices = []
    for bill in sorted(bills, key=_rank_of_bill):
        latest[bill.tax_no] = bill
        notices.append(Notice(bill.invt_no, bill.tax_no, bill.status, bill.duty_no, bill.billed_at))
    if not latest:
        return
    with transaction.atomic():
        rows = _upsert(sorted(latest.values(), key=lambda bill: bill.tax_no), enterprise_id, inbound_id, received_at)
        _write_lines(enterprise_id, {pk: latest[tax_no] for tax_no, pk in rows.items()})
        record_notices(
            notices,
            enterprise_id=enterprise_id,
            inbound_id=inbound_id,
            received_at=received_at,
            known_lists=known_lists,
        )


def record_notices(
    notices: Iterable[Notice],
    *,
    enterprise_id: int,
    inbound_id: int | None,
    received_at: datetime,
    known_lists: Collection[str] = (),
) -> None:
    """Keep what customs said of bills' states, also of bills not here yet; the same again changes nothing."""
    told = {_fingerprint(enterprise_id, one): one for one in notices}
    with transaction.atomic():
        bills = locked(Q(enterprise=enterprise_id, tax_no__in={one.tax_no for one in told.values()}))
        TaxBillNotice.objects.bulk_create(
            [
                TaxBillNotice(
                    enterprise_id=enterprise_id,
                    tax_no=one.tax_no,
                    invt_no=one.invt_no,
                    status=STATES[one.status],
                    duty_no=one.duty_no,
                    customs_time=one.customs_time,
                    fingerprint=fingerprint,
                    inbound_id=inbound_id,
                    received_at=received_at,
                )
                for fingerprint, one in sorted(told.items())
            ],
            ignore_conflicts=True,
        )
        _derive_states(enterprise_id, bills)
        _look_for_lists([bill for bill in bills if bill.invt_no not in known_lists])


def standing(enterprise_id: int, invt_nos: Iterable[str]) -> dict[str, Standing]:
    """What customs' bills say of these lists now, with the bills locked; a list without a bill is missing.

    Of several bills of one list those neither void nor paid count; a bill that customs only told the end of (818 void
    before the 816) is void. A bill belongs to the list its latest 816 names, whatever list an 818 about it names.
    """
    numbers = set(invt_nos)
    found: dict[str, list[TaxBill]] = {}
    for bill in locked(Q(enterprise=enterprise_id, invt_no__in=numbers)):
        found.setdefault(bill.invt_no, []).append(bill)
    ended = _void_before_their_816(enterprise_id, numbers.difference(found))
    stands = {invt_no: Standing(NOTHING, BillState.VOID) for invt_no in ended}
    for invt_no, bills in found.items():
        open_bills = [bill for bill in bills if bill.state in OPEN_STATES]
        state = (open_bills or sorted(bills, key=lambda bill: bill.state == BillState.PAID))[-1].state
        stands[invt_no] = Standing(sum((bill.total for bill in open_bills), NOTHING), state)
    return stands


def lists_of(enterprise_id: int, tax_nos: Collection[str]) -> set[str]:
    """The numbers of all lists customs ever named with these bills: one that moves is settled where it was, too."""
    told = TaxBillNotice.objects.filter(enterprise=enterprise_id, tax_no__in=tax_nos)
    return set(told.values_list("invt_no", flat=True).distinct())


def attach(enterprise_id: int, lists: Iterable[Attached]) -> None:
    """Tie bills to their lists and whom those name, keep our own computation beside, and tell what differs."""
    by_number = {one.invt_no: one for one in lists if one.invt_no}
    with transaction.atomic():
        bills = locked(Q(enterprise=enterprise_id, invt_no__in=by_number))
        if not bills:
            return
        lines: dict[int, list[TaxBillLine]] = {bill.pk: [] for bill in bills}
        for line in TaxBillLine.objects.filter(bill__in=bills).order_by("bill", "gnum"):
            lines[line.bill_id].append(line)
        named = [by_number[bill.invt_no] for bill in bills]
        owners = _owners({code for pair in zip(bills, named, strict=True) for one in pair for code in _named(one)})
        changed, changed_lines, found = [], [], []
        for bill, one in zip(bills, named, strict=True):
            if _set(bill, _whose(bill, one, owners) | _own_of_head(bill, one)):
                changed.append(bill)
            changed_lines += [line for line in lines[bill.pk] if _set(line, _own_of_line(line, one.own))]
            found += _differences(bill, lines[bill.pk], one, owners)
        _write("ledger_taxbill", {**_OF_LIST, **_OWN_OF_HEAD}, changed)
        _write("ledger_taxbillline", _OWN_OF_LINE, changed_lines)
        _tell(OF_LISTS, bills, found)
        _look_for_lists(bills)


def take_in_order(enterprise_id: int, *, tax_nos: Collection[str], invt_nos: Collection[str]) -> None:
    """Lock the bills a message is about and all others of the lists it touches: two transactions never wait crosswise."""
    locked(Q(enterprise=enterprise_id) & (Q(tax_no__in=tax_nos) | Q(invt_no__in=invt_nos)))


def locked(wanted: Q) -> list[TaxBill]:
    """Bills by owner and number, locked in that order, always."""
    rows = TaxBill.objects.select_for_update(no_key=True, of=("self",)).filter(wanted)
    return list(rows.order_by("enterprise_id", "tax_no"))


_COLUMNS = {
    "enterprise_id": "bigint", "guarantor_id": "bigint", "merchant_id": "bigint", "logistics_id": "bigint",
    "assure_code": "text", "ebc_code": "text", "logistics_code": "text", "agent_code": "text", "invt_no": "text",
    "tax_no": "text", "order_no": "text", "logistics_no": "text", "customs_code": "text", "duty": "numeric",
    "consumption": "numeric", "vat": "numeric", "total": "numeric", "billed_at": "timestamptz", "fingerprint": "text",
    "inbound_id": "bigint", "received_at": "timestamptz",
}  # fmt: skip
#: What a bill has that no 816 says.
_ABSENT = {
    "state": f"'{BillState.MADE}'", "duty_no": "''", "own_treatment": "''", "own_note": "''", "paid_voucher": "''",
}  # fmt: skip
#: What it has of its list, and is without when a later 816 under its number names another list.
_OF_ITS_LIST = {
    "document_id": "NULL", "released_on": "NULL", "own_treatment": "''", "own_rule": "NULL", "own_duty": "NULL",
    "own_consumption": "NULL", "own_vat": "NULL", "own_note": "''",
}  # fmt: skip
_SAID = [name for name in _COLUMNS if name not in ("enterprise_id", "tax_no")]
_UPSERT = f"""
INSERT INTO ledger_taxbill AS b ({", ".join((*_COLUMNS, *_ABSENT))})
SELECT n.*, {", ".join(_ABSENT.values())} FROM unnest({", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())}) n
ON CONFLICT (enterprise_id, tax_no) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _SAID)},
    {
    ", ".join(
        f"{name} = CASE WHEN b.invt_no = excluded.invt_no THEN b.{name} ELSE {none} END"
        for name, none in _OF_ITS_LIST.items()
    )
}
WHERE (excluded.billed_at, excluded.fingerprint) > (b.billed_at, b.fingerprint)
RETURNING b.tax_no, b.id
"""  # noqa: S608 (the names are those of the tables above)


def _rank_of_bill(bill: Bill) -> tuple[datetime, str]:
    """The later one counts; at the same time the choice is only the same every time."""
    return (bill.billed_at, bill.fingerprint)


def _upsert(bills: Sequence[Bill], enterprise_id: int, inbound_id: int | None, received_at: datetime) -> dict[str, int]:
    """Write heads that are new or later than what stands under their number: tax number → row."""
    owners = _owners({code for bill in bills for code in _named(bill)})
    rows = [
        (
            enterprise_id, *map(owners.get, _named(bill)), *_named(bill), bill.agent_code, bill.invt_no, bill.tax_no,
            bill.order_no, bill.logistics_no, bill.customs_code, *map(fen, _taxes(bill)),
            sum(map(fen, _taxes(bill)), Decimal(0)), bill.billed_at, bill.fingerprint, inbound_id, received_at,
        )
        for bill in bills
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [list(column) for column in zip(*rows, strict=True)])
        return dict(cursor.fetchall())


def _owners(codes: Collection[str]) -> dict[str, int]:
    """code → the enterprise it belongs to, customs or credit code alike."""
    found: dict[str, int] = {}
    for pk, *own in Enterprise.objects.filter(Q(customs_code__in=codes) | Q(credit_code__in=codes)).values_list(
        "pk", "customs_code", "credit_code"
    ):
        found |= dict.fromkeys(own, pk)
    return found


def _write_lines(enterprise_id: int, bills: Mapping[int, Bill]) -> None:
    """The lines of bills just written; those of an earlier 816 under the same number went with it."""
    lines = [(pk, line) for pk, bill in bills.items() for line in {one.gnum: one for one in bill.lines}.values()]
    if lines:
        ids = next_ids("ledger_taxbillline", len(lines))
        write_rows(
            "ledger_taxbillline",
            ("id", "enterprise_id", "bill_id", "gnum", "gcode", "value", "duty", "consumption", "vat", "own_rates"),
            [
                (line_id, enterprise_id, pk, line.gnum, line.gcode, line.value, *map(fen, _taxes(line)), "{}")
                for line_id, (pk, line) in zip(ids, lines, strict=True)
            ],
        )


_LIFE = {state: rank for rank, state in enumerate(STATES.values())}


def state_of(told: Collection[TaxBillNotice]) -> tuple[str, str]:
    """State and payment note from the set of notices; the note stays known when a bill becomes void."""
    noted = [one for one in told if one.duty_no]
    return BillState(_last(told).status), _last(noted).duty_no if noted else ""


def _last(told: Collection[TaxBillNotice]) -> TaxBillNotice:
    """The latest counts, of the same moment what is later in a bill's life."""
    return max(told, key=lambda one: (one.customs_time, _LIFE[BillState(one.status)], one.duty_no, one.invt_no))


def _void_before_their_816(enterprise_id: int, invt_nos: Collection[str]) -> set[str]:
    """Of these lists those about whose bill nothing came but that it is void."""
    notices = TaxBillNotice.objects.filter(enterprise=enterprise_id)
    here = TaxBill.objects.filter(enterprise=enterprise_id, tax_no=OuterRef("tax_no"))
    early = notices.filter(~Exists(here), tax_no__in=notices.filter(invt_no__in=invt_nos).values("tax_no"))
    last = [_last(told) for told in _told(early).values()]
    open_ones = {one.invt_no for one in last if one.status != BillState.VOID}
    return {one.invt_no for one in last if one.invt_no in invt_nos} - open_ones


def _told(notices: QuerySet[TaxBillNotice]) -> dict[str, list[TaxBillNotice]]:
    """The notices of each bill."""
    told: dict[str, list[TaxBillNotice]] = {}
    for notice in notices:
        told.setdefault(notice.tax_no, []).append(notice)
    return told


def _derive_states(enterprise_id: int, bills: Iterable[TaxBill]) -> None:
    """The state of each bill from all its notices; a payment, which customs does not tell, stands."""
    by_number = {bill.tax_no: bill for bill in bills}
    changed, void = [], set()
    for tax_no, told in _told(TaxBillNotice.objects.filter(enterprise=enterprise_id, tax_no__in=by_number)).items():
        bill = by_number[tax_no]
        state, duty_no = state_of(told)
        if state == BillState.VOID:
            void.add(tax_no)
        if _set(bill, {"state": bill.state if bill.state == BillState.PAID else state, "duty_no": duty_no}):
            changed.append(bill)
    _write("ledger_taxbill", {"state": "text", "duty_no": "text"}, changed)
    _look_at_paid([bill for bill in by_number.values() if bill.state == BillState.PAID], void)


def _look_at_paid(paid: Collection[TaxBill], void: Collection[str]) -> None:
    """What customs said otherwise of bills since they were paid: money has to come back, or more is due."""
    found = []
    for bill in paid:
        if bill.tax_no in void:
            note = keep(_("税单 %(number)s 已缴款，海关又将其作废；请向海关办理退税"), number=bill.tax_no)
            found.append(_found(bill, DiscrepancyKind.VOID_AFTER_PAYMENT, bill.paid_total, NOTHING, note))
        elif bill.total != bill.paid_total:
            note = keep(
                _("税单 %(number)s 已缴款 %(paid)s 元，海关又将其改为 %(total)s 元；请向海关补缴或办理退税"),
                number=bill.tax_no,
                paid=money(bill.paid_total),
                total=money(bill.total),
            )
            found.append(_found(bill, DiscrepancyKind.PAID_DIFFERS, bill.paid_total, bill.total, note))
    _tell((DiscrepancyKind.VOID_AFTER_PAYMENT, DiscrepancyKind.PAID_DIFFERS), paid, found)


def _look_for_lists(bills: Collection[TaxBill]) -> None:
    """Bills tied to no list are discrepancies, unless void; then nothing can differ from the list."""
    words = _("税单 %(number)s 所对应的清单 %(list)s 不在本系统；请核对清单是否由本企业申报")
    lost = [bill for bill in bills if bill.document_id is None]
    found = []
    for bill in lost:
        if bill.state != BillState.VOID:
            note = keep(words, number=bill.tax_no, list=bill.invt_no)
            found.append(_found(bill, DiscrepancyKind.BILL_WITHOUT_LIST, None, bill.total, note))
    _tell((DiscrepancyKind.BILL_WITHOUT_LIST,), bills, found)
    close(OF_LISTS, [subject_of(bill) for bill in lost])


def _tell(kinds: Iterable[str], bills: Collection[TaxBill], found: Sequence[Found]) -> None:
    """Of these kinds have open about the bills what was found, and nothing else."""
    subjects = [subject_of(bill) for bill in bills]
    loud = {one.kind for one in found}
    close([kind for kind in kinds if kind not in loud], subjects)
    for kind in sorted(loud):
        differing = {one.subject for one in found if one.kind == kind}
        close([kind], [subject for subject in subjects if subject not in differing])
    open_many(found)


#: How a bill can differ from itself, from the list, and from ours.
OF_LISTS = (DiscrepancyKind.LINES_DIFFER, DiscrepancyKind.TAX_DIFFERS, DiscrepancyKind.GUARANTOR_DIFFERS)
_OF_LIST = {
    "document_id": "bigint", "released_on": "date", "guarantor_id": "bigint", "merchant_id": "bigint",
    "logistics_id": "bigint",
}  # fmt: skip
_OWN_OF_HEAD = {
    "own_treatment": "text", "own_rule": "date", "own_duty": "numeric", "own_consumption": "numeric",
    "own_vat": "numeric", "own_note": "text",
}  # fmt: skip
_OWN_OF_LINE = {
    "own_value": "numeric", "own_duty": "numeric", "own_consumption": "numeric", "own_vat": "numeric",
    "own_rates": "jsonb",
}  # fmt: skip


def _named(one: Bill | TaxBill | Attached) -> tuple[str, str, str]:
    """The codes of guarantor, e-commerce enterprise and logistics enterprise."""
    return one.assure_code, one.ebc_code, one.logistics_code


def _whose(bill: TaxBill, one: Attached, owners: Mapping[str, int]) -> dict[str, Any]:
    """The list a bill belongs to, and the enterprises that list names, in the order of ``_OF_LIST``."""
    codes = [by_list or by_bill for by_list, by_bill in zip(_named(one), _named(bill), strict=True)]
    return dict(zip(_OF_LIST, (one.document_id, one.released_on, *map(owners.get, codes)), strict=True))


def _own_of_head(bill: TaxBill, one: Attached) -> dict[str, Any]:
    """What the head of a bill keeps of our computation, in the order of ``_OWN_OF_HEAD``."""
    own = one.own
    if own is None:
        return dict(zip(_OWN_OF_HEAD, ("", None, None, None, None, ""), strict=True))
    note = own.reason
    if own.total is not None and _taxes(own) != _taxes(bill):
        note = keep(
            _("海关税款 %(theirs)s 元，本系统计算 %(ours)s 元，以海关为准"),
            theirs=money(bill.total),
            ours=money(own.total),
        )
    values = (str(own.treatment), own.rule.since, own.duty, own.consumption, own.vat, note)
    return dict(zip(_OWN_OF_HEAD, values, strict=True))


def _own_of_line(line: TaxBillLine, own: Assessment | None) -> dict[str, Any]:
    """Ours beside a line of a bill: lines correspond by their number, one to one."""
    place = line.gnum - 1
    if own is None or not 0 <= place < len(own.lines):
        return dict(zip(_OWN_OF_LINE, (None, None, None, None, {}), strict=True))
    ours = own.lines[place]
    taxes = _taxes(ours.taxes) if ours.taxes and own.total is not None else (None, None, None)
    return dict(zip(_OWN_OF_LINE, (ours.value, *taxes, ours.workings()), strict=True))


def _set(row: TaxBill | TaxBillLine, values: Mapping[str, Any]) -> bool:
    """Set the values; whether any was another."""
    changed = any(getattr(row, name) != value for name, value in values.items())
    for name, value in values.items():
        setattr(row, name, value)
    return changed


def _write(table: str, columns: Mapping[str, str], rows: Sequence[TaxBill | TaxBillLine]) -> None:
    """Write these columns of the rows, all at once."""
    texts = {name: json.dumps if kind == "jsonb" else None for name, kind in columns.items()}
    update_many(
        table,
        {"id": "bigint", **columns},
        [
            (row.pk, *(text(getattr(row, name)) if text else getattr(row, name) for name, text in texts.items()))
            for row in rows
        ],
    )


def _differences(bill: TaxBill, lines: Sequence[TaxBillLine], one: Attached, owners: Mapping[str, int]) -> list[Found]:
    """Where a bill differs from itself, from its list or from ours; of a paid one its sum is no question any more."""
    if bill.state == BillState.VOID:
        return []
    own = one.own
    found = []
    sums = tuple(sum((taxes[place] for taxes in map(_taxes, lines)), Decimal(0)) for place in range(3))
    if sums != _taxes(bill):
        note = keep(
            _("税单 %(number)s 表体合计 %(lines)s 元，与表头 %(head)s 元或其各税种不一致；以表头为准，请向海关核实"),
            number=bill.tax_no,
            lines=money(sum(sums)),
            head=money(bill.total),
        )
        found.append(_found(bill, DiscrepancyKind.LINES_DIFFER, sum(sums, Decimal(0)), bill.total, note))
    elif own is not None and [line.gcode for line in own.lines] != [line.gcode for line in lines]:
        note = keep(_("税单 %(number)s 的商品项与清单不一致；请核对申报的商品编码"), number=bill.tax_no)
        found.append(_found(bill, DiscrepancyKind.LINES_DIFFER, own.total, bill.total, note))
    if bill.state == BillState.PAID:
        return found
    if own is not None and own.treatment != Treatment.UNKNOWN and _taxes(own) != _taxes(bill):
        found.append(_found(bill, DiscrepancyKind.TAX_DIFFERS, own.total, bill.total, bill.own_note))
    theirs, ours = (owners.get(code, code) for code in (bill.assure_code, one.assure_code))
    if theirs and ours and theirs != ours:
        note = keep(
            _("税单 %(number)s 上的担保企业 %(theirs)s 不是清单上的 %(ours)s；预扣按清单，请向海关核实"),
            number=bill.tax_no,
            theirs=bill.assure_code,
            ours=one.assure_code,
        )
        found.append(_found(bill, DiscrepancyKind.GUARANTOR_DIFFERS, None, bill.total, note))
    return found


def _found(bill: TaxBill, kind: str, ours: Decimal | None, theirs: Decimal, note: str) -> Found:
    return Found(
        kind=kind,
        subject=subject_of(bill),
        enterprise_id=bill.guarantor_id or bill.enterprise_id,
        number=bill.tax_no,
        document_id=bill.document_id,
        bill_id=bill.pk,
        ours=ours,
        theirs=theirs,
        note=note,
    )


def subject_of(bill: TaxBill) -> str:
    """What a discrepancy about a bill is kept under."""
    return f"bill {bill.enterprise_id} {bill.tax_no}"


def _fingerprint(enterprise_id: int, notice: Notice) -> str:
    """Everything a notice says, not the guid, which is made anew each time."""
    said = (
        enterprise_id,
        notice.tax_no,
        notice.invt_no,
        notice.status,
        notice.duty_no,
        notice.customs_time.timestamp(),
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _taxes(of: Any) -> tuple[Any, Any, Any]:
    """The three taxes of whatever has them."""
    return of.duty, of.consumption, of.vat
