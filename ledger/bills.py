"""Electronic tax bills: what customs sent (816), what became of it (818), the list it belongs to, and its payment.

Each function takes the set of what arrived and ends in the same rows in whatever order it came. Bills are locked by
their number, before any account (``guarantee.py`` tells the order).
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Enterprise, User
from ledger.discrepancies import Found, close, open_many
from ledger.guarantee import LedgerProblem, settle_many
from ledger.models import BillState, DiscrepancyKind, TaxBill, TaxBillLine, TaxBillNotice, Treatment
from ledger.tax import Assessment
from portal.bulk import next_ids, write_rows
from portal.money import money
from portal.sentences import keep

#: customs' digit → the state; any other digit is refused by the published structure before it comes here.
STATES = {"1": BillState.MADE, "2": BillState.CONSOLIDATED, "3": BillState.VOID}
#: States in which customs still keeps the tax from the guarantee.
OPEN_STATES = (BillState.MADE, BillState.CONSOLIDATED)
_FEN, _NOTHING = Decimal("0.01"), Decimal("0.00")


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
        lines = [(one.gnum, one.gcode, *map(_fen, _taxes(one)), str(one.value.normalize())) for one in self.lines]
        said = (
            self.invt_no, self.tax_no, self.order_no, self.logistics_no, self.assure_code, self.ebc_code,
            self.logistics_code, self.agent_code, self.customs_code, *map(_fen, _taxes(self)), self.status, self.duty_no,
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
    """A list a bill may belong to: its document, the Shanghai day of its release, and our own computation."""

    invt_no: str
    document_id: int
    released_on: date | None
    own: Assessment | None


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
        _replace_lines(enterprise_id, {pk: latest[tax_no] for tax_no, pk in rows.items()})
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
        bills = _lock(Q(enterprise=enterprise_id, tax_no__in={one.tax_no for one in told.values()}))
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
    before the 816) is void.
    """
    numbers = set(invt_nos)
    found: dict[str, list[TaxBill]] = {}
    for bill in _lock(Q(enterprise=enterprise_id, invt_no__in=numbers)):
        found.setdefault(bill.invt_no, []).append(bill)
    early = _told(TaxBillNotice.objects.filter(enterprise=enterprise_id, invt_no__in=numbers.difference(found)))
    stands = {
        told[0].invt_no: Standing(_NOTHING, BillState.VOID)
        for told in early.values()
        if state_of(told)[0] == BillState.VOID
    }
    for invt_no, bills in found.items():
        open_bills = [bill for bill in bills if bill.state in OPEN_STATES]
        state = (open_bills or sorted(bills, key=lambda bill: bill.state == BillState.PAID))[-1].state
        stands[invt_no] = Standing(sum((bill.total for bill in open_bills), _NOTHING), state)
    return stands


def attach(enterprise_id: int, lists: Iterable[Attached]) -> None:
    """Tie bills to their lists, keep our own computation beside customs', and open or close what differs."""
    by_number = {one.invt_no: one for one in lists if one.invt_no}
    with transaction.atomic():
        bills = _lock(Q(enterprise=enterprise_id, invt_no__in=by_number))
        if not bills:
            return
        lines: dict[int, list[TaxBillLine]] = {bill.pk: [] for bill in bills}
        for line in TaxBillLine.objects.filter(bill__in=bills).order_by("bill", "gnum"):
            lines[line.bill_id].append(line)
        changed, changed_lines, found = [], [], []
        for bill in bills:
            one = by_number[bill.invt_no]
            if _set(bill, _own_of_head(bill, one)):
                changed.append(bill)
            changed_lines += [line for line in lines[bill.pk] if _set(line, _own_of_line(line, one.own))]
            found += _differences(bill, lines[bill.pk], one.own)
        TaxBill.objects.bulk_update(changed, _OWN_OF_HEAD, batch_size=500)
        TaxBillLine.objects.bulk_update(changed_lines, _OWN_OF_LINE, batch_size=500)
        for kind in _OF_BILLS:
            differing = {one.subject for one in found if one.kind == kind}
            close([kind], [subject for bill in bills if (subject := _subject(bill)) not in differing])
        open_many(found)
        _look_for_lists(bills)


def confirm_payment(
    *, paid_on: date, voucher: str, user: User | None, duty_no: str = "", bills: Iterable[TaxBill] = ()
) -> int:
    """Staff confirm that bills were paid outside, in cash: they are paid, and their holds given back. How many.

    Said again with the same voucher it changes nothing. Raises ``LedgerProblem`` for a void bill, for one paid by
    another voucher, and when there is none.
    """
    if not voucher.strip() or len(voucher) > 60:
        raise LedgerProblem(keep(_("请填写凭证号，60 个字以内")))
    if paid_on > timezone.localdate():
        raise LedgerProblem(keep(_("缴款日期 %(day)s 在将来"), day=str(paid_on)))
    wanted = Q(duty_no=duty_no) if duty_no else Q(pk__in=[bill.pk for bill in bills])
    with transaction.atomic():
        chosen = _lock(wanted)
        if not chosen:
            raise LedgerProblem(keep(_("没有找到要确认缴款的税单")))
        for bill in chosen:
            _refuse_payment(bill, voucher)
        paid = [bill for bill in chosen if bill.state != BillState.PAID]
        TaxBill.objects.filter(pk__in=[bill.pk for bill in paid]).update(
            state=BillState.PAID, paid_on=paid_on, paid_voucher=voucher, paid_total=F("total")
        )
        why = keep(_("税款已缴，凭证 %(voucher)s"), voucher=voucher)
        settle_many(_left_of(paid), why=why, user=user)
        if user is not None and paid:
            total = sum((bill.total for bill in paid), Decimal(0))
            staff = Bystander(user=user, enterprise=paid[0].guarantor)
            subject = duty_no or paid[0].tax_no
            record(staff, Action.TAX_PAID, subject, bills=len(paid), total=str(total), voucher=voucher)
    return len(paid)


def _refuse_payment(bill: TaxBill, voucher: str) -> None:
    if bill.state == BillState.VOID:
        raise LedgerProblem(keep(_("税单 %(number)s 已作废，不能确认缴款"), number=bill.tax_no))
    if bill.state == BillState.PAID and bill.paid_voucher != voucher:
        raise LedgerProblem(
            keep(
                _("税单 %(number)s 已由凭证 %(voucher)s 缴款"),
                number=bill.tax_no,
                voucher=bill.paid_voucher,
            )
        )


def _left_of(paid: Sequence[TaxBill]) -> dict[int, Decimal]:
    """The lists of these bills, and what their other bills still call for."""
    left = {bill.document_id: _NOTHING for bill in paid if bill.document_id is not None}
    for other in TaxBill.objects.filter(document_id__in=left, state__in=OPEN_STATES).only("document_id", "total"):
        assert other.document_id is not None
        left[other.document_id] += other.total
    return left


def _lock(wanted: Q) -> list[TaxBill]:
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
#: What a bill has that no 816 says; a later 816 under the same number takes our computation off until it is done anew.
_ABSENT = {
    "state": f"'{BillState.MADE}'", "duty_no": "''", "own_treatment": "''", "own_note": "''", "paid_voucher": "''",
}  # fmt: skip
_SAID = [name for name in _COLUMNS if name not in ("enterprise_id", "tax_no")]
_UPSERT = f"""
INSERT INTO ledger_taxbill AS b ({", ".join((*_COLUMNS, *_ABSENT))})
SELECT n.*, {", ".join(_ABSENT.values())} FROM unnest({", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())}) n
ON CONFLICT (enterprise_id, tax_no) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _SAID)},
    document_id = CASE WHEN b.invt_no = excluded.invt_no THEN b.document_id END
WHERE (excluded.billed_at, excluded.fingerprint) > (b.billed_at, b.fingerprint)
RETURNING b.tax_no, b.id
"""  # noqa: S608 (the names are those of the tables above)


def _rank_of_bill(bill: Bill) -> tuple[datetime, str]:
    """The later one counts; at the same time the choice is only the same every time."""
    return (bill.billed_at, bill.fingerprint)


def _upsert(bills: Sequence[Bill], enterprise_id: int, inbound_id: int | None, received_at: datetime) -> dict[str, int]:
    """Write heads that are new or later than what stands under their number: tax number → row."""
    owners = _owners({code for bill in bills for code in (bill.assure_code, bill.ebc_code, bill.logistics_code)})
    rows = [
        (
            enterprise_id, owners.get(bill.assure_code), owners.get(bill.ebc_code), owners.get(bill.logistics_code),
            bill.assure_code, bill.ebc_code, bill.logistics_code, bill.agent_code, bill.invt_no, bill.tax_no,
            bill.order_no, bill.logistics_no, bill.customs_code, *map(_fen, _taxes(bill)),
            sum(map(_fen, _taxes(bill)), Decimal(0)), bill.billed_at, bill.fingerprint, inbound_id, received_at,
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


def _replace_lines(enterprise_id: int, bills: Mapping[int, Bill]) -> None:
    """The lines of bills just written; those of an earlier 816 under the same number go."""
    TaxBillLine.objects.filter(bill_id__in=bills).delete()
    lines = [(pk, line) for pk, bill in bills.items() for line in {one.gnum: one for one in bill.lines}.values()]
    if lines:
        ids = next_ids("ledger_taxbillline", len(lines))
        write_rows(
            "ledger_taxbillline",
            ("id", "enterprise_id", "bill_id", "gnum", "gcode", "value", "duty", "consumption", "vat", "own_rates"),
            [
                (line_id, enterprise_id, pk, line.gnum, line.gcode, line.value, *map(_fen, _taxes(line)), "{}")
                for line_id, (pk, line) in zip(ids, lines, strict=True)
            ],
        )


_LIFE = {state: rank for rank, state in enumerate(STATES.values())}


def state_of(told: Collection[TaxBillNotice]) -> tuple[str, str]:
    """State and payment note from the set of notices.

    The latest counts, of the same moment what is later in a bill's life; the note stays known when a bill becomes void.
    """
    last = max(told, key=lambda one: (one.customs_time, _LIFE[BillState(one.status)], one.duty_no))
    noted = [one for one in told if one.duty_no]
    note = last.duty_no or (max(noted, key=lambda one: (one.customs_time, one.duty_no)).duty_no if noted else "")
    return BillState(last.status), note


def _told(notices: QuerySet[TaxBillNotice]) -> dict[str, list[TaxBillNotice]]:
    """The notices of each bill."""
    told: dict[str, list[TaxBillNotice]] = {}
    for notice in notices:
        told.setdefault(notice.tax_no, []).append(notice)
    return told


def _derive_states(enterprise_id: int, bills: Iterable[TaxBill]) -> None:
    """The state of each bill from all its notices; a payment, which customs does not tell, stands."""
    by_number = {bill.tax_no: bill for bill in bills}
    changed = []
    for tax_no, told in _told(TaxBillNotice.objects.filter(enterprise=enterprise_id, tax_no__in=by_number)).items():
        bill = by_number[tax_no]
        state, duty_no = state_of(told)
        _tell_of_refund(bill, void=state == BillState.VOID)
        state = bill.state if bill.state == BillState.PAID else state
        if (bill.state, bill.duty_no) != (state, duty_no):
            bill.state, bill.duty_no = state, duty_no
            changed.append(bill)
    TaxBill.objects.bulk_update(changed, ["state", "duty_no"], batch_size=500)


def _tell_of_refund(bill: TaxBill, *, void: bool) -> None:
    """A bill that was paid and is void now: the money has to come back from the treasury."""
    if bill.state != BillState.PAID or not void:
        return
    note = keep(_("税单 %(number)s 已缴款，海关又将其作废；请向海关办理退税"), number=bill.tax_no)
    open_many([_found(bill, DiscrepancyKind.VOID_AFTER_PAYMENT, bill.total, Decimal(0), note)])


def _look_for_lists(bills: Iterable[TaxBill]) -> None:
    """Bills tied to no list are discrepancies, unless void."""
    lost = [bill for bill in bills if bill.document_id is None and bill.state != BillState.VOID]
    note = _("税单 %(number)s 所对应的清单 %(list)s 不在本系统；请核对清单是否由本企业申报")
    open_many(
        _found(
            bill,
            DiscrepancyKind.BILL_WITHOUT_LIST,
            None,
            bill.total,
            keep(note, number=bill.tax_no, list=bill.invt_no),
        )
        for bill in lost
    )
    close(
        [DiscrepancyKind.BILL_WITHOUT_LIST],
        [_subject(bill) for bill in bills if bill.document_id is not None or bill.state == BillState.VOID],
    )


_OF_BILLS = (DiscrepancyKind.TAX_DIFFERS, DiscrepancyKind.LINES_DIFFER)
_OWN_OF_HEAD = (
    "document_id", "released_on", "own_treatment", "own_rule", "own_duty", "own_consumption", "own_vat", "own_note",
)  # fmt: skip
_OWN_OF_LINE = ("own_value", "own_duty", "own_consumption", "own_vat", "own_rates")


def _own_of_head(bill: TaxBill, one: Attached) -> dict[str, Any]:
    """What the head of a bill keeps of its list and of our computation, in the order of ``_OWN_OF_HEAD``."""
    own = one.own
    if own is None:
        return dict(zip(_OWN_OF_HEAD, (one.document_id, one.released_on, "", None, None, None, None, ""), strict=True))
    note = own.reason
    if own.total is not None and _taxes(own) != _taxes(bill):
        note = keep(
            _("海关税款 %(theirs)s 元，本系统计算 %(ours)s 元，以海关为准"),
            theirs=money(bill.total),
            ours=money(own.total),
        )
    values = (
        one.document_id, one.released_on, str(own.treatment), own.rule.since, own.duty, own.consumption, own.vat, note,
    )  # fmt: skip
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


def _differences(bill: TaxBill, lines: Sequence[TaxBillLine], own: Assessment | None) -> list[Found]:
    """Where a bill differs from itself or from ours; nothing of a void one matters."""
    if bill.state == BillState.VOID:
        return []
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
    if own is not None and own.treatment != Treatment.UNKNOWN and _taxes(own) != _taxes(bill):
        found.append(_found(bill, DiscrepancyKind.TAX_DIFFERS, own.total, bill.total, bill.own_note))
    return found


def _found(bill: TaxBill, kind: str, ours: Decimal | None, theirs: Decimal, note: str) -> Found:
    return Found(
        kind=kind,
        subject=_subject(bill),
        enterprise_id=bill.guarantor_id or bill.enterprise_id,
        number=bill.tax_no,
        document_id=bill.document_id,
        bill_id=bill.pk,
        ours=ours,
        theirs=theirs,
        note=note,
    )


def _subject(bill: TaxBill) -> str:
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


def _fen(amount: Decimal) -> Decimal:
    return amount.quantize(_FEN, ROUND_HALF_UP)
