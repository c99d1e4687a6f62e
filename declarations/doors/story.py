"""The detail page (step 11 of the walk): whose turn it is, what the document says, and everything that happened."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.access import Actor
from declarations.doors.advice import TOP_UP, Reason, disagreeing, reasons, ways_out, why
from declarations.doors.letters import IN, OUT
from declarations.doors.tables import Cell, look, said
from declarations.doors.turns import Turn, next_steps, stops_of, turn, unmet_by
from declarations.exchange.receipts import STATE_OF_CODE, state_of
from declarations.fields import Amount, Described, Text
from declarations.kinds import INVENTORY
from declarations.kinds.kind import Kind, Line
from declarations.lifecycle import REFUSED, STATE_LOOKS, State
from declarations.models import (
    Document,
    Outbound,
    OutboundDocument,
    OutboundState,
    Receipt,
    Source,
    StateChange,
    Upload,
)
from declarations.published import codes
from declarations.rulebook import RULES
from ledger.access import bills_of, may_see_bills, may_see_guarantee, movements_of
from ledger.models import BillState, TaxBill, TaxBillNotice
from ledger.pages.looks import BILL_LOOKS, TRANSFER_LOOKS
from portal.calendar import SHANGHAI
from portal.looks import Look
from portal.money import money
from portal.sentences import speak
from portal.templatetags.parts import waited


@dataclass(slots=True)
class Step:
    """One thing that happened, as the timeline tells it."""

    at: datetime
    tone: str
    icon: str
    title: str
    code: str = ""
    meta: str = ""
    lines: list[str] = field(default_factory=list)
    message: str = ""
    message_label: str = ""
    upload: str = ""
    reasons: Sequence[Reason] = ()
    #: Which comes first of what happened in one second: customs' clock knows no shorter time.
    rank: int = 7


@dataclass(frozen=True, slots=True)
class Statement:
    """A field with its label, as read; `flagged` when customs points at it, `wide` when it is long."""

    label: Any
    cell: Cell
    name: str
    tag: str
    flagged: bool
    wide: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under one heading."""

    title: Any
    statements: list[Statement]


@dataclass(slots=True)
class Goods:
    """The lines of a document: the columns in use and a row for each line."""

    columns: list[Cell]
    rows: list[list[Cell]]


@dataclass(slots=True)
class Story:
    """Everything a detail page shows."""

    kind: Kind
    document: Document
    look: Look
    turn: Turn
    sections: list[Section]
    goods: Goods | None
    goods_flagged: bool
    steps: list[Step]
    next_steps: str
    reasons: list[Reason]
    ways_out: list[str]

    @property
    def is_refused(self) -> bool:
        """Whether it may be corrected and filed again under the same number."""
        return self.document.state in REFUSED

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for others: customs does not know it yet, and it may be corrected."""
        return self.document.state == State.WAITING

    @property
    def is_ours(self) -> bool:
        """Whether a rule of this house refused it, and not customs."""
        return self.is_refused and self.document.code in RULES

    @property
    def is_moving(self) -> bool:
        """Whether anything may still happen to it without the reader: then the page asks again."""
        return bool(self.next_steps) and not self.is_refused

    @property
    def pace(self) -> int:
        """Seconds between two questions of the page: 3 while answers are due, 30 after ten minutes of silence."""
        return 3 if timezone.now() - self.document.changed_at < timedelta(minutes=10) else 30


def stamp(story: Story) -> str:
    """Equal for two stories of a document exactly when a page shows the same."""
    document, length = story.document, waited(story.document.state_at)
    shown = repr((document.state, document.code, length, story.turn, story.next_steps, story.pace, story.steps))
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def story(kind: Kind, document: Document, *, actor: Actor | None = None) -> Story:
    """The page of one document the actor may see; a constant number of queries.

    What became of a list's tax is told as far as `actor` may see it; without one it is left out.
    """
    outbounds = _outbounds(document)
    receipts = list(Receipt.objects.filter(document=document).order_by("customs_time", "id"))
    changes = list(StateChange.objects.filter(document=document).select_related("user").order_by("id"))
    found = why(document.code, document.reason) if document.state in REFUSED else []
    flagged = {name for reason in found for name in reason.advice.fields}
    steps = [
        *_filed(document, changes),
        *_waited(changes),
        *(step for outbound in outbounds for step in _sent(kind, document, outbound)),
        *_given_up(kind, document, changes, receipts),
        *(_answered(kind, document, receipt) for receipt in receipts),
        *(_taxed(actor, document) if actor else ()),
    ]
    steps.sort(key=lambda step: (step.at.replace(microsecond=0), step.rank, step.at), reverse=True)
    return Story(
        kind=kind,
        document=document,
        look=look(document.state, document.code),
        turn=turn(
            kind,
            document.state,
            message=outbounds[-1] if outbounds else None,
            why=found,
            unmet=unmet_by(kind, [document]).get(document.pk, ()),
            reason=document.reason,
            body=getattr(document, kind.slug),
            stop=stops_of(kind, [document]).get(document.pk),
        ),
        ways_out=ways_out(kind, disagreeing(found)),
        sections=_sections(kind, document, flagged),
        goods=_goods(kind, document),
        goods_flagged=any(reason.advice.lines for reason in found),
        steps=steps,
        next_steps=next_steps(kind, document.state),
        reasons=found,
    )


def _outbounds(document: Document) -> list[Outbound]:
    enclosed = OutboundDocument.objects.filter(document=document).select_related("outbound").order_by("outbound_id")
    return [link.outbound for link in enclosed]


def _sections(kind: Kind, document: Document, flagged: Iterable[str]) -> list[Section]:
    body = getattr(document, kind.slug)
    sections: dict[str, Section] = {}
    for described in kind.fields:
        cell = said(described, getattr(body, described.name))
        if not cell.text and not cell.code:
            continue
        title = capfirst(str(described.group) or str(kind.label))
        section = sections.setdefault(title, Section(title, []))
        wide = len(cell.text) > 30
        statement = Statement(described.label, cell, described.name, described.tag, described.name in flagged, wide)
        section.statements.append(statement)
    by_system = capfirst(str(kind.field("guid").group))
    return sorted(sections.values(), key=lambda section: section.title == by_system)


def _goods(kind: Kind, document: Document) -> Goods | None:
    """A column for each figure, code and listed text; other texts stand small under the first listed text.

    A unit stands with its quantity, or the sums would not fit on the page.
    """
    if kind.line is None:
        return None
    lines = list(kind.line._default_manager.filter(document=document).order_by("gnum"))
    used = [
        described
        for described in kind.line_fields
        if described.fixed is None and any(getattr(line, described.name) not in (None, "") for line in lines)
    ]
    shown = [described for described in used if described.listed or not isinstance(described, Text)]
    figures = {described.name for described in shown}
    units = {
        quantity: described
        for described in shown
        if described.codes == "units" and (quantity := described.name.replace("unit", "qty")) in figures
    }
    columns = [described for described in shown if described not in units.values()]
    named = next((described for described in columns if described.listed and isinstance(described, Text)), None)
    small = [described for described in used if described not in shown]
    rows = []
    for line in lines:
        beside = _("，").join(
            f"{cell.name} {cell.text}"
            for cell in (said(described, getattr(line, described.name)) for described in small)
            if cell.text
        )
        cells = [
            replace(_measured(line, described, units), small=beside if described is named else "")
            for described in columns
        ]
        rows.append(cells)
    heads = [Cell(str(described.label), is_number=isinstance(described, Amount)) for described in columns]
    return Goods(heads, rows)


def _measured(line: Line, described: Described, units: Mapping[str, Described]) -> Cell:
    """What a field of a line says; a quantity with its unit."""
    cell, unit = said(described, getattr(line, described.name)), units.get(described.name)
    if unit is None or not cell.text:
        return cell
    of = said(unit, getattr(line, unit.name))
    return replace(cell, text=f"{cell.text} {of.text}".rstrip(), code=of.code)


def _filed(document: Document, changes: Iterable[StateChange]) -> Iterator[Step]:
    """Each time it was filed: by whom, from which row of which workbook, and that it passed every rule."""
    filings = {
        change.attempt: change for change in changes if change.user_id and change.state in {State.QUEUED, State.WAITING}
    }
    for attempt in range(1, document.attempt + 1):
        change = filings.get(attempt)
        latest = attempt == document.attempt
        if change is None and not latest:
            continue
        at = change.happened_at if change else document.filed_at
        person = (change.user if change else None) or (document.filed_by if latest else None)
        who = [str(person)] if person else []
        upload = ""
        if latest and document.source == Source.WORKBOOK and document.upload_id:
            book = Upload.objects.filter(id=document.upload_id).values_list("filename", flat=True).first()
            row = document.sheet_row
            if book:
                upload = reverse("upload_check", kwargs={"pk": document.upload_id})
            who.append(_("“%(book)s”第 %(row)s 行") % {"book": book or "", "row": row or ""})
        elif latest:
            who.append(str(Source(document.source).label))
        meta = _("第 %(number)s 次") % {"number": attempt} if document.attempt > 1 else ""
        yield Step(at, "idle", "check2-square", _("校验通过"), lines=[_("每一项内容和每一条规则都已核对")], rank=1)
        yield Step(at, "idle", "pencil-square", _("申报"), meta=meta, lines=[_("，").join(who)], upload=upload, rank=0)


def _waited(changes: Iterable[StateChange]) -> Iterator[Step]:
    """How long it had to wait, for what, and that it went on: moves of ours, whoever owed what was missing."""
    waits = False
    for change in changes:
        if change.state == State.WAITING:
            still = waits and not change.user_id
            at, title = (change.recorded_at, _("仍在等待")) if still else (change.happened_at, _("等待前序单证"))
            yield Step(at, "hold", "hourglass", title, lines=[speak(change.reason)], rank=3 if still else 2)
        elif waits and change.state == State.QUEUED:
            yield Step(change.happened_at, "idle", "check2-square", _("前序单证已到齐"), rank=4)
        waits = change.state == State.WAITING


def _sent(kind: Kind, document: Document, outbound: Outbound) -> Iterator[Step]:
    """What became of one message that carried the document: signed, sent, or why not yet."""
    link = _message(kind, document, OUT, outbound.id)
    together = _("报文 %(name)s，共 %(count)s 票") % {"name": kind.sends, "count": outbound.document_count}
    if outbound.signed_at:
        serial = _("证书序列号 %(serial)s") % {"serial": outbound.certificate_serial}
        yield Step(outbound.signed_at, "idle", "pen", _("加签"), lines=[serial], rank=5)
    if outbound.sent_at:
        size = _("%(size)s KB") % {"size": f"{outbound.byte_count / 1024:.1f}"}
        meta = _("发送 %(times)s 次后送达") % {"times": outbound.sendings} if outbound.sendings > 1 else ""
        yield Step(
            outbound.sent_at, "info", "arrow-up-circle-fill", _("发往海关"), meta=meta,
            lines=[_("，").join([together, size])], message=link, message_label=_("报文 XML"), rank=6,
        )  # fmt: skip
    elif outbound.last_error and outbound.state in {OutboundState.PENDING, OutboundState.SIGNED}:
        times = _("已试 %(times)s 次") % {"times": outbound.sendings} if outbound.sendings else ""
        again = _("稍后自动再发同一份报文，不必重新申报")
        yield Step(
            outbound.not_before, "warn", "exclamation-triangle-fill", _("发送未成功，等待再发"), meta=times,
            lines=[speak(outbound.last_error), again],
        )  # fmt: skip


def _given_up(
    kind: Kind, document: Document, changes: Iterable[StateChange], receipts: Sequence[Receipt]
) -> Iterator[Step]:
    """Moves that no receipt explains: sending given up, a message split in two."""
    answered = {(receipt.code, receipt.info) for receipt in receipts}
    for change in changes:
        if (change.code, change.reason) in answered or not change.reason:
            continue
        if change.state == State.FAILED and change.code in RULES:
            lines = [speak(change.reason), str(RULES[change.code].cure)]
            yield Step(change.happened_at, "bad", "x-circle-fill", _("不再符合要求"), code=change.code, lines=lines)
        elif change.state == State.FAILED:
            found = list(reasons(change.reason))
            yield Step(change.happened_at, "bad", "x-circle-fill", _("发送失败"), code=change.code, reasons=found)
        elif change.state == State.QUEUED:
            step = Step(change.happened_at, "warn", "arrow-repeat", _("重新排队发送"), lines=[speak(change.reason)])
            if change.inbound_id:
                step.message, step.message_label = _message(kind, document, IN, change.inbound_id), _("回执 XML")
            yield step


_ANSWER_ICONS = {
    "ok": "check-circle-fill",
    "bad": "x-circle-fill",
    "info": "arrow-down-circle-fill",
    "hold": "pause-circle",
}
#: The rank of what follows from an answer of the same second.
_AFTER_ANSWERS = 100


def _answered(kind: Kind, document: Document, receipt: Receipt) -> Step:
    """One receipt: its code in plain Chinese, the original text, and for a refusal what to do."""
    state = state_of(receipt.code)
    tone = STATE_LOOKS[state].tone if state else "idle"
    step = Step(
        receipt.customs_time, tone, _ANSWER_ICONS.get(tone, "info-circle"),
        _verdict(receipt.code, state),
        code=receipt.code,
        message=_message(kind, document, IN, receipt.inbound_id),
        message_label=_("回执 XML"),
        rank=10 + weight_of(receipt.code),
    )  # fmt: skip
    if state in REFUSED:
        step.reasons = list(reasons(receipt.info))
        return step
    for reason in reasons(receipt.info):
        step.lines.append(" ".join(part for part in (reason.code, reason.text) if part))
        if reason.advice is TOP_UP:
            step.lines.append(str(TOP_UP.text))
    return step


def _verdict(code: str, state: str | None) -> str:
    """What a receipt says in short: customs' own words, which are Chinese; to other readers the state it leads to."""
    own = codes("return_status").get(code) if (get_language() or "zh").startswith("zh") else None
    return own or (str(State(state).label) if state else _("海关回执"))


def weight_of(code: str) -> int:
    """The rank of an answer among those of one second: the codes in the order a document meets them."""
    known = list(STATE_OF_CODE)
    return known.index(code) if code in known else len(known)


def _taxed(actor: Actor, document: Document) -> Iterator[Step]:
    """What became of the list's tax, also long after customs closed it: its bill, and what the guarantee held for it."""
    if document.kind != INVENTORY.slug:
        return
    if may_see_bills(actor):
        yield from _billed(actor, document)
    if may_see_guarantee(actor):
        for one in movements_of(actor).filter(document_id=document.pk).order_by("id"):
            drawn = TRANSFER_LOOKS[one.kind]
            title = _("担保金：%(movement)s") % {"movement": drawn.word}
            meta = _("%(amount)s 元") % {"amount": money(one.amount)}
            yield Step(
                one.happened_at,
                drawn.tone,
                drawn.icon,
                title,
                meta=meta,
                lines=[speak(one.reason)],
                rank=_AFTER_ANSWERS,
            )


def _billed(actor: Actor, document: Document) -> Iterator[Step]:
    """What customs said of the tax bill, and that it was paid, of which we know the day only."""
    bills = {bill.tax_no: bill for bill in bills_of(actor).filter(document_id=document.pk)}
    told = TaxBillNotice.objects.filter(enterprise=document.enterprise_id, tax_no__in=bills).order_by("id")
    for notice in told:
        bill = bills[notice.tax_no]
        # Only the sum of the latest 816 is kept, so what an earlier one came to is not told.
        is_latest = notice.customs_time == bill.billed_at
        lines = {
            BillState.MADE: [_("税款合计 %(amount)s 元") % {"amount": money(bill.total)}] if is_latest else [],
            BillState.CONSOLIDATED: [_("缴款书编号 %(number)s") % {"number": notice.duty_no}],
            BillState.VOID: [_("不必缴纳，预扣返还")],
        }[BillState(notice.status)]
        yield _of_bill(bill, notice.status, notice.customs_time, lines)
    for bill in bills.values():
        if bill.paid_on:
            at = max(document.state_at, datetime.combine(bill.paid_on, time.min, SHANGHAI))
            line = _("缴款日 %(day)s，凭证 %(voucher)s") % {"day": bill.paid_on, "voucher": bill.paid_voucher}
            yield _of_bill(bill, BillState.PAID, at, [line])


def _of_bill(bill: TaxBill, status: str, at: datetime, lines: list[str]) -> Step:
    drawn = BILL_LOOKS[status]
    return Step(
        at, drawn.tone, drawn.icon, _("电子税单%(state)s") % {"state": drawn.word}, code=drawn.code, lines=lines,
        message=reverse("tax_bill", kwargs={"pk": bill.pk}), message_label=_("电子税单"), rank=_AFTER_ANSWERS,
    )  # fmt: skip


def _message(kind: Kind, document: Document, direction: str, number: int) -> str:
    return reverse("message", kwargs={"kind": kind.slug, "pk": document.pk, "direction": direction, "message": number})
