"""How the limit of a guarantee changes: as an approved application says, or as one of the staff proposes and another confirms.

Both book by ``guarantee.py`` in the transaction of the decision; PostgreSQL lets staff book money in and out for nothing
else (``ledger/migrations/0004_limit_changes.py``).
"""

from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.access import Bystander, is_member
from accounts.actions import Action
from accounts.audit import record
from accounts.colleagues import ONE_PERSON, are_one
from accounts.models import Enterprise, Evidence, User
from accounts.models.preparation import SECURITIES
from accounts.notices import notify, notify_members, notify_staff
from accounts.roles import MemberRole
from ledger.guarantee import (
    OF_APPLICATION,
    LedgerProblem,
    bring_limit,
    check_movement,
    is_booked,
    left_of,
    limit_of,
    open_guarantee,
    reduce,
    top_up,
)
from ledger.models import Guarantee, LimitChange, LimitState, LimitWay
from portal.money import money
from portal.sentences import keep, speak

#: Whoever may do this proposes and decides.
DECIDES = "ledger.change_guarantee"
#: Whom of an enterprise a change of its limit is told to.
TOLD = (MemberRole.ADMINISTRATOR, MemberRole.FINANCE)
#: The evidence of the preparation that says what the limit is.
ITEM = "guarantee"
#: The most a reason may say, in characters.
LONGEST_REASON = 200


# --- by an approved application -----------------------------------------------------------------------------------------


def follow_approval(sender: object, *, evidence: Evidence, staff: User, **_more: Any) -> None:
    """Open the guarantee that was verified, or bring its limit to what was; once for each application.

    Who is guaranteed for by another has no limit of its own from then on. Raises ValidationError, which undoes the approval,
    also where two agreed to another limit after it was handed in.
    """
    _check_nothing_agreed_since(evidence)
    enterprise, has_own = evidence.enterprise, evidence.variety in SECURITIES
    limit = evidence.amount if has_own and evidence.amount else Decimal(0)
    how: dict[str, Any] = {"voucher": f"{OF_APPLICATION}{evidence.application_id}", "user": staff, "at": timezone.now()}
    guarantee = _alone(enterprise)
    try:
        if guarantee is not None:
            said = evidence if has_own else guarantee
            kind = evidence.variety if has_own else guarantee.kind
            bring_limit(
                guarantee=guarantee, kind=kind, number=said.number, valid_to=said.valid_to, limit=limit, **how
            )  # fmt: skip
        elif limit:
            open_guarantee(
                enterprise=enterprise, kind=evidence.variety, number=evidence.number, valid_to=evidence.valid_to,
                amount=limit, **how,
            )  # fmt: skip
    except LedgerProblem as problem:
        raise ValidationError(speak(str(problem))) from problem


def _check_nothing_agreed_since(evidence: Evidence) -> None:
    """What an application says of the limit is not put over what two agreed to after it was handed in."""
    assert evidence.application is not None
    handed_in = evidence.application.submissions.latest("number").at
    agreed = LimitChange.objects.filter(
        enterprise=evidence.enterprise, state=LimitState.CONFIRMED, decided_at__gt=handed_in
    )
    if change := agreed.order_by("decided_at").last():
        words = keep(
            _("提交之后额度已由两人确认变动（%(way)s %(amount)s 元，凭证 %(voucher)s），请退回，由企业按变动后的额度填写再提交"),
            way=LimitWay(change.way).label, amount=money(change.amount), voucher=change.voucher,
        )  # fmt: skip
        raise ValidationError(speak(words))


# --- by two of the staff ------------------------------------------------------------------------------------------------


@transaction.atomic
def propose(
    *,
    enterprise: Enterprise,
    way: str,
    amount: Decimal,
    voucher: str,
    by: User,
    kind: str = "",
    number: str = "",
    valid_to: date | None = None,
    address: str = "",
) -> LimitChange:
    """Propose a movement; nothing is booked until another confirms it. Raises ``LedgerProblem``."""
    _check_impartial(by, enterprise)
    check_movement(amount, voucher)
    if voucher.startswith(OF_APPLICATION):
        raise LedgerProblem(keep(_("凭证号 %(voucher)s 留给担保申请，请填汇款或保函的凭证号"), voucher=voucher))
    change = LimitChange(
        enterprise=enterprise, way=way, kind=kind, number=number, valid_to=valid_to, amount=amount, voucher=voucher,
        proposed_by=by,
    )  # fmt: skip
    _check(change, Guarantee.objects.filter(enterprise=enterprise).first())
    try:
        with transaction.atomic():
            change.save()
    except IntegrityError as error:
        words = _("凭证 %(voucher)s 已经提出过，或该企业已有待确认的开立；请先在“额度变动”中办理")
        raise LedgerProblem(keep(words, voucher=voucher)) from error
    _write_down(change, Action.LIMIT_PROPOSED, by, address)
    told = keep(
        _("%(who)s提出：%(enterprise)s %(way)s %(amount)s 元，待另一人确认"),
        who=str(by), enterprise=enterprise.name, way=LimitWay(way).label, amount=money(amount),
    )  # fmt: skip
    notify_staff(DECIDES, told, address=reverse("admin:ledger_limitchange_changelist"))
    return change


@transaction.atomic
def confirm(change: LimitChange, *, by: User, address: str = "") -> None:
    """Another confirms, and it is booked now. Raises ``LedgerProblem``: then it stays proposed."""
    _decide(change, LimitState.CONFIRMED, by)
    guarantee = _alone(change.enterprise)
    _check(change, guarantee)
    how: dict[str, Any] = {"amount": change.amount, "voucher": change.voucher, "user": by, "at": timezone.now()}
    if guarantee is None:
        how |= {"kind": change.kind, "number": change.number, "valid_to": change.valid_to}
        open_guarantee(enterprise=change.enterprise, **how)
    elif change.way == LimitWay.TOP_UP:
        top_up(guarantee=guarantee, **how)
    else:
        reduce(guarantee=guarantee, **how)
    _tell_preparation(change.enterprise)
    _write_down(change, Action.LIMIT_CONFIRMED, by, address)
    said = {"way": LimitWay(change.way).label, "amount": money(change.amount)}
    told = keep(_("%(enterprise)s %(way)s %(amount)s 元已确认并记账"), enterprise=change.enterprise.name, **said)
    notify([change.proposed_by], told, address=reverse("admin:ledger_limitchange_changelist"))
    own = keep(_("担保账户%(way)s %(amount)s 元，凭证 %(voucher)s，已记账"), voucher=change.voucher, **said)
    notify_members(change.enterprise, own, roles=TOLD, address=reverse("guarantee"))


@transaction.atomic
def decline(change: LimitChange, *, by: User, reason: str, address: str = "") -> None:
    """Another does not confirm, and says why: nothing is booked. Raises ``LedgerProblem``."""
    if not 2 <= len(reason.strip()) <= LONGEST_REASON:
        raise LedgerProblem(keep(_("请写明不予确认的理由，2 到 200 个字")))
    _decide(change, LimitState.DECLINED, by, reason=reason.strip())
    _write_down(change, Action.LIMIT_DECLINED, by, address, reason=reason.strip())
    told = keep(
        _("%(enterprise)s %(way)s %(amount)s 元未予确认，理由：%(reason)s"),
        enterprise=change.enterprise.name, way=LimitWay(change.way).label, amount=money(change.amount),
        reason=reason.strip(),
    )  # fmt: skip
    notify([change.proposed_by], told, address=reverse("admin:ledger_limitchange_changelist"))


def _check(change: LimitChange, guarantee: Guarantee | None) -> None:
    """Whether it can be booked as things stand."""
    if change.way == LimitWay.OPEN:
        if guarantee is not None:
            words = _("%(enterprise)s 已有担保 %(number)s，请在其上增加额度")
            raise LedgerProblem(keep(words, enterprise=change.enterprise, number=guarantee.number))
        return
    if guarantee is None:
        raise LedgerProblem(keep(_("%(enterprise)s 还没有担保，请先开立"), enterprise=change.enterprise))
    if is_booked(guarantee, change.voucher):
        raise LedgerProblem(keep(_("凭证 %(voucher)s 已经记账，请用另一个凭证号"), voucher=change.voucher))
    left = left_of(guarantee)
    if change.way == LimitWay.REDUCE and left < change.amount:
        words = _("可用余额只有 %(left)s 元，不能减少 %(amount)s 元；预扣中的金额要等清单返还")
        raise LedgerProblem(keep(words, left=money(left), amount=money(change.amount)))


def _decide(change: LimitChange, state: LimitState, by: User, **values: Any) -> None:
    """Of several who decide at once one does; who proposed it does not."""
    if change.proposed_by_id == by.pk:
        raise LedgerProblem(keep(_("提出和确认须是两个人：自己提出的请由另一位同事办理")))
    _check_impartial(by, change.enterprise)
    if state == LimitState.CONFIRMED and are_one(change.proposed_by, by):
        raise LedgerProblem(keep(ONE_PERSON))
    values |= {"state": state, "decided_by": by, "decided_at": Now()}
    if not LimitChange.objects.filter(pk=change.pk, state=LimitState.PROPOSED).update(**values):
        raise LedgerProblem(keep(_("这一项刚刚由他人办理，请看最新的状态")))
    change.refresh_from_db()


def _check_impartial(by: User, enterprise: Enterprise) -> None:
    """Nobody of the staff moves the money of an enterprise of their own."""
    if is_member(by, enterprise):
        words = _("您是“%(enterprise)s”的成员，不能办理它的额度，请由另一位同事办理")
        raise LedgerProblem(keep(words, enterprise=enterprise.name))


def _alone(enterprise: Enterprise) -> Guarantee | None:
    """The guarantee of the enterprise, while nobody else opens one or changes its limit. Documents may go on naming it."""
    Enterprise.objects.select_for_update(no_key=True).get(pk=enterprise.pk)
    return Guarantee.objects.filter(enterprise=enterprise).first()


def _tell_preparation(enterprise: Enterprise) -> None:
    """What the preparation says of the limit is what the books hold: the evidence in force gives way to one that says so."""
    in_force = Evidence.objects.filter(
        enterprise=enterprise, item=ITEM, replaced=False, ended=None, variety__in=SECURITIES
    )
    held = in_force.first()
    if held is None:
        return
    in_force.update(replaced=True)
    Evidence.objects.create(
        enterprise=enterprise, item=ITEM, variety=held.variety, number=held.number, valid_to=held.valid_to,
        amount=limit_of(Guarantee.objects.get(enterprise=enterprise)), since=held.since,
    )  # fmt: skip


def _write_down(change: LimitChange, action: Action, by: User, address: str, **details: Any) -> None:
    who = Bystander(user=by, enterprise=change.enterprise, address=address)
    said = {"way": change.way, "amount": str(change.amount), "voucher": change.voucher}
    record(who, action, f"limit change {change.pk}", **said, **details)
