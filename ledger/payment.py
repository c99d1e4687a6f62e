"""The payment of tax bills: made outside, in cash or by payment note, and confirmed here by staff (domain §8)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils.translation import gettext_noop as _

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import User
from ledger.bills import NOTHING, OPEN_STATES, locked, subject_of
from ledger.discrepancies import close
from ledger.guarantee import LedgerProblem, settle_many
from ledger.models import BillState, DiscrepancyKind, TaxBill
from ledger.window import today
from portal.calendar import SHANGHAI
from portal.sentences import keep


@dataclass(frozen=True, slots=True)
class Payable:
    """What some bills come to, those of a payment note or others; void ones are counted apart, as nobody pays them."""

    count: int
    total: Decimal
    void: int
    paid: int


@dataclass(frozen=True, slots=True)
class Paid:
    """What a confirmation made paid, and how many void bills of the note it left out."""

    count: int
    total: Decimal
    void: int


def payable(bills: QuerySet[TaxBill]) -> Payable:
    """Count and add up, by one query; a payment note is ``TaxBill.objects.filter(duty_no=…)``."""
    void = Q(state=BillState.VOID)
    found = bills.order_by().aggregate(
        count=Count("pk", filter=~void),
        total=Sum("total", filter=~void, default=NOTHING),
        void=Count("pk", filter=void),
        paid=Count("pk", filter=Q(state=BillState.PAID)),
    )
    return Payable(**found)


def as_shown(duty_no: str, count: int, total: Decimal) -> str:
    """What a page shows of what is to be paid; it comes back with the confirmation."""
    return f"{duty_no} {count} {total}"


def confirm_payment(
    *,
    paid_on: date,
    voucher: str,
    user: User | None,
    duty_no: str = "",
    bills: Collection[TaxBill] = (),
    shown: str | None = None,
) -> Paid:
    """Staff confirm that the bills of a payment note, or those chosen, were paid; their holds are given back.

    Said again with the same voucher it changes nothing. Void bills of a note are left out. Raises ``LedgerProblem`` for a
    void one chosen by itself, for one paid by another voucher, for a day before a bill was there, when there is none, and
    where the bills, once locked, are not what was ``shown`` to whoever confirms (``as_shown``).
    """
    if not voucher.strip() or len(voucher) > 60:
        raise LedgerProblem(keep(_("请填写凭证号，60 个字以内")))
    if paid_on > today():
        raise LedgerProblem(keep(_("缴款日期 %(day)s 在将来"), day=str(paid_on)))
    with transaction.atomic():
        found = locked(Q(duty_no=duty_no) if duty_no else Q(pk__in=[bill.pk for bill in bills]))
        chosen = [bill for bill in found if not duty_no or bill.state != BillState.VOID]
        _refuse(found, chosen, duty_no, voucher, paid_on)
        stands = as_shown(duty_no, len(chosen), sum((bill.total for bill in chosen), NOTHING))
        if shown not in (None, stands):
            raise LedgerProblem(keep(_("税单的份数或金额与刚才所示不同，请核对后再确认")))
        paid = [bill for bill in chosen if bill.state != BillState.PAID]
        TaxBill.objects.filter(pk__in=[bill.pk for bill in paid]).update(
            state=BillState.PAID, paid_on=paid_on, paid_voucher=voucher, paid_total=F("total")
        )
        why = keep(_("税款已缴，凭证 %(voucher)s"), voucher=voucher)
        settle_many(_left_of(paid), why=why, user=user)
        close((DiscrepancyKind.TAX_DIFFERS, DiscrepancyKind.GUARANTOR_DIFFERS), [subject_of(bill) for bill in paid])
        total = sum((bill.total for bill in paid), NOTHING)
        if user is not None and paid:
            staff = Bystander(user=user, enterprise=paid[0].guarantor)
            subject = duty_no or paid[0].tax_no
            record(staff, Action.TAX_PAID, subject, bills=len(paid), total=str(total), voucher=voucher)
    return Paid(len(paid), total, len(found) - len(chosen))


def _refuse(found: Sequence[TaxBill], chosen: Sequence[TaxBill], duty_no: str, voucher: str, paid_on: date) -> None:
    """Raise ``LedgerProblem`` where these bills cannot have been paid so."""
    if not found:
        raise LedgerProblem(keep(_("没有找到要确认缴款的税单")))
    if not chosen:
        raise LedgerProblem(keep(_("缴款书 %(note)s 的税单都已作废，不能确认缴款"), note=duty_no))
    for bill in chosen:
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
    last = max(chosen, key=_first_day)
    if paid_on < _first_day(last):
        words = _("缴款日期 %(day)s 不能早于 %(first)s：税单 %(number)s 这一天才生成或放行")
        raise LedgerProblem(keep(words, day=str(paid_on), first=str(_first_day(last)), number=last.tax_no))


def _first_day(bill: TaxBill) -> date:
    """The first day on which a bill can have been paid: it is there, and what is known of its release lies behind."""
    billed_on = bill.billed_at.astimezone(SHANGHAI).date()
    return max(billed_on, bill.released_on or billed_on)


def _left_of(paid: Sequence[TaxBill]) -> dict[int, Decimal]:
    """The lists of these bills, and what their other bills still call for."""
    left = {bill.document_id: NOTHING for bill in paid if bill.document_id is not None}
    for other in TaxBill.objects.filter(document_id__in=left, state__in=OPEN_STATES).only("document_id", "total"):
        assert other.document_id is not None
        left[other.document_id] += other.total
    return left
