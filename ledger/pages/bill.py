"""The page of one tax bill: what customs asks for, how it came about, when it is due, and what happened to it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.access import Actor
from ledger.access import discrepancies_of, may_see_guarantee, movements_of, names_of, settled_of
from ledger.models import BillState, Discrepancy, TaxBill, TaxBillNotice, Transfer
from ledger.pages.bill_list import differs
from ledger.pages.explanation import Explanation, explain
from ledger.pages.looks import AMOUNT_WORDS, BILL_LOOKS, DISCREPANCY_LOOKS, TAXES, TRANSFER_LOOKS, UNSETTLED
from ledger.window import DUE, FIRST_DAY, LAST_DAY, Phase, Window, phase_of, today
from portal.calendar import SHANGHAI
from portal.looks import Look
from portal.sentences import speak


@dataclass(frozen=True, slots=True)
class Compared:
    """One tax: customs' figure and ours."""

    word: str
    customs: Decimal
    ours: Decimal | None
    is_sum: bool = False

    @property
    def agrees(self) -> bool:
        """Whether both are the same."""
        return self.ours == self.customs

    @property
    def off_by(self) -> Decimal:
        """By how much customs' figure is another."""
        return abs(self.customs - (self.ours or Decimal(0)))

    @property
    def is_more(self) -> bool:
        """Whether customs asks for more than we would."""
        return self.ours is not None and self.customs > self.ours


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is with the bill, and what they do."""

    who: str
    what: str
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Party:
    """An enterprise named on the bill."""

    role: str
    name: str
    code: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened to the bill."""

    look: Look
    at: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """A discrepancy nobody has cleared yet, in words."""

    tone: str
    icon: str
    title: str
    number: str
    note: str
    action: str
    #: What stands against what, each under its word.
    amounts: list[tuple[str, Decimal]]
    bill_id: int | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """A movement on the guarantee for this bill."""

    look: Look
    transfer: Transfer
    note: str


@dataclass(frozen=True, slots=True)
class Road:
    """The days 0 to 45 as a bar: what has gone, and where today stands; in percent of its length."""

    day: int
    gone: str
    window_at: str
    now: str
    is_late: bool

    @classmethod
    def of(cls, day: int) -> "Road":
        """For the day after release that it is."""
        whole = LAST_DAY + 1
        at = min(max(day + 1, 0), whole)
        return cls(
            day,
            gone=f"{100 * at / whole:.2f}%",
            window_at=f"{100 * FIRST_DAY / whole:.2f}%",
            now=f"{min(100 * at / whole, 99.3):.2f}%",
            is_late=day > LAST_DAY,
        )


@dataclass(slots=True)
class BillPage:
    """Everything the page shows."""

    bill: TaxBill
    look: Look
    turn: Turn
    phase: str
    window: Window | None
    road: Road | None
    taxes: list[Compared]
    differs: bool
    note: str
    explanation: Explanation
    parties: list[Party]
    happened: list[Happened]
    movements: list[Moved]
    sees_account: bool
    open: list[Open] = field(default_factory=list)
    #: What staff ended by hand, each with how.
    settled: list[Discrepancy] = field(default_factory=list)

    @property
    def is_unsettled(self) -> bool:
        """Whether it is still to be paid."""
        return self.bill.state in UNSETTLED

    @property
    def is_noted(self) -> bool:
        """Whether its payment note is issued and not paid yet."""
        return self.bill.state == BillState.CONSOLIDATED

    @property
    def is_void(self) -> bool:
        """Whether nobody pays it any more."""
        return self.bill.state == BillState.VOID

    @property
    def is_warned(self) -> bool:
        """Whether its end is near or past."""
        return self.is_unsettled and self.phase in (Phase.CLOSING, Phase.OVERDUE)


def bill_page(actor: Actor, bill: TaxBill) -> BillPage:
    """The page of a bill the actor may see."""
    on, own_id = today(), actor.enterprise.pk
    phase = phase_of(bill.released_on, on, is_noted=bill.state == BillState.CONSOLIDATED)
    window = Window(bill.released_on) if bill.released_on else None
    lines = list(bill.lines.order_by("gnum"))
    sees_account = may_see_guarantee(actor) and bill.guarantor_id == own_id
    return BillPage(
        bill=bill,
        look=BILL_LOOKS[bill.state],
        turn=_turn(bill, phase, window, is_guarantor=bill.guarantor_id == own_id),
        phase=phase,
        window=window,
        road=Road.of(window.day(on)) if window else None,
        taxes=_compared(bill),
        differs=differs(bill),
        note=speak(bill.own_note),
        explanation=explain(bill, lines, _accepted_about(bill)),
        parties=_parties(actor, bill),
        happened=_happened(bill),
        movements=_movements(actor, bill) if sees_account else [],
        sees_account=sees_account,
        open=opened(discrepancies_of(actor).filter(_about(bill)).order_by("id")),
        settled=list(settled_of(actor).filter(_about(bill)).order_by("id")),
    )


def opened(found: Iterable[Discrepancy]) -> list[Open]:
    """Discrepancies in words: what is wrong, and what to do."""
    told = []
    for one in found:
        tone, icon, action = DISCREPANCY_LOOKS[one.kind]
        words = AMOUNT_WORDS.get(one.kind, AMOUNT_WORDS[""])
        amounts = [
            (str(word), amount)
            for word, amount in zip(words, (one.theirs, one.ours), strict=True)
            if amount is not None and word
        ]
        title = str(one.get_kind_display())
        told.append(
            Open(tone, icon, title, one.number, speak(one.note), str(action), amounts, one.bill_id, one.opened_at)
        )
    return sorted(told, key=lambda one: one.tone != "bad")


def _about(bill: TaxBill) -> Q:
    asked = Q(bill_id=bill.pk)
    if bill.document_id is not None:
        asked |= Q(document_id=bill.document_id)
    return asked


def _accepted_about(bill: TaxBill) -> date:
    """The day whose rates count where our own computation kept none: release is the nearest thing known."""
    return bill.released_on or bill.billed_at.astimezone(SHANGHAI).date()


def _compared(bill: TaxBill) -> list[Compared]:
    rows = [Compared(str(tax.word), getattr(bill, tax.name), getattr(bill, f"own_{tax.name}")) for tax in TAXES]
    ours = [row.ours for row in rows if row.ours is not None]
    return [*rows, Compared(_("合计"), bill.total, sum(ours, Decimal(0)) if len(ours) == 3 else None, is_sum=True)]


def _turn(bill: TaxBill, phase: str, window: Window | None, *, is_guarantor: bool) -> Turn:
    """Who does what next."""
    if bill.state == BillState.VOID:
        return Turn("", _("已作废，不必缴纳；预扣的税款已返还担保金"))
    if bill.state == BillState.PAID:
        return Turn("", _("已缴纳，预扣的税款已返还担保金"))
    payer = _("本企业") if is_guarantor else _("担保企业")
    if bill.state == BillState.CONSOLIDATED:
        return Turn(payer, _by_note(bill, phase, window), is_guarantor)
    if window is None:
        return Turn(_("海关"), _("放行清单；放行日起算缴纳期限"))
    if phase == Phase.WAITING:
        return Turn("", _("等待期，%(day)s 起才可缴纳；其间撤销或退货的，税单作废、预扣返还") % {"day": window.opens})
    if phase == Phase.OVERDUE:
        return Turn(payer, _("已过 %(day)s 截止日，请尽快到现场海关缴纳") % {"day": window.closes}, is_guarantor)
    what = _("到现场海关汇总税单、取得缴款书并缴纳，%(day)s 截止") % {"day": window.closes}
    return Turn(payer, what, is_guarantor and phase in DUE)


def _by_note(bill: TaxBill, phase: str, window: Window | None) -> str:
    """What is to be done about a bill whose payment note is issued."""
    words = {"number": bill.duty_no, "day": window.closes if window else ""}
    if window is None:
        return _("缴款书 %(number)s 已出，请按其缴纳；放行日未知，截止日见缴款书") % words
    if phase == Phase.OVERDUE:
        return _("缴款书 %(number)s 已过 %(day)s 截止日，请尽快缴纳") % words
    return _("缴款书 %(number)s 已出，请按其缴纳，%(day)s 截止") % words


def _parties(actor: Actor, bill: TaxBill) -> list[Party]:
    codes = [
        (_("担保企业"), bill.assure_code),
        (_("电商企业"), bill.ebc_code),
        (_("物流企业"), bill.logistics_code),
        (_("申报单位"), bill.agent_code),
    ]
    names = names_of(code for _role, code in codes)
    own = {actor.enterprise.customs_code, actor.enterprise.credit_code}
    return [Party(role, names.get(code, ""), code, code in own) for role, code in codes if code]


def _happened(bill: TaxBill) -> list[Happened]:
    """Every notice of customs and what we did, newest first."""
    found = []
    notices = TaxBillNotice.objects.filter(enterprise_id=bill.enterprise_id, tax_no=bill.tax_no)
    for notice in notices.order_by("customs_time", "id"):
        text = _("缴款书编号 %(number)s") % {"number": notice.duty_no} if notice.duty_no else ""
        found.append(Happened(BILL_LOOKS[notice.status], notice.customs_time, text))
    if not found:
        found.append(Happened(BILL_LOOKS[BillState.MADE], bill.billed_at))
    found.sort(key=lambda one: one.at)
    found.reverse()
    return found


def _movements(actor: Actor, bill: TaxBill) -> list[Moved]:
    about = Q(list_no=bill.invt_no)
    if bill.document_id is not None:
        about |= Q(document_id=bill.document_id)
    found = movements_of(actor).filter(about).order_by("-id")[:50]
    return [Moved(TRANSFER_LOOKS[one.kind], one, speak(one.reason)) for one in found]
