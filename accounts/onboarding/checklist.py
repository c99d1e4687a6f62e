"""How far an enterprise has come with its preparation: each item with its state, dates, evidence, and what to do next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Application, ApplicationState, Enterprise, Evidence, Profile, Qualification, Submission
from accounts.models.applications import ENDED, OPEN_TO_APPLICANT, WAITS_FOR_STAFF
from accounts.models.preparation import FiledType, GuaranteeKind, Medium, SigningWay
from accounts.onboarding.applications import typed_in
from accounts.onboarding.evidence import CARD_PROGRESS, why_lapsed
from accounts.onboarding.kinds import (
    CARD,
    CERTIFICATE,
    DXP_EXPORT,
    DXP_IMPORT,
    GUARANTEE,
    TYPE_FILING,
    TYPES,
    kind_named,
)
from accounts.onboarding.offices import OFFICES, Office
from accounts.onboarding.preparation import (
    ITEMS,
    VISIT_WITHIN,
    Item,
    Span,
    always_visits,
    end_of,
    is_needed,
    plan,
    ticks_of,
)
from accounts.roles import EnterpriseType
from portal.calendar import is_arranged, last_of_working_days, working_days_within
from portal.looks import Look
from portal.money import money


class ItemState(models.TextChoices):
    """How far one item has come."""

    NOT_STARTED = "not_started", gettext_lazy("未开始")
    UNDER_WAY = "under_way", gettext_lazy("进行中")
    SUBMITTED = "submitted", gettext_lazy("待核验")
    VERIFIED = "verified", gettext_lazy("已核验")
    RETURNED = "returned", gettext_lazy("退回补正")
    LAPSED = "lapsed", gettext_lazy("已失效")
    NOT_NEEDED = "not_needed", gettext_lazy("不需要")


LOOKS: Mapping[str, tuple[str, str]] = {
    ItemState.NOT_STARTED: ("idle", "circle"),
    ItemState.UNDER_WAY: ("info", "pencil"),
    ItemState.SUBMITTED: ("warn", "hourglass-split"),
    ItemState.VERIFIED: ("ok", "check-circle"),
    ItemState.RETURNED: ("bad", "arrow-return-left"),
    ItemState.LAPSED: ("bad", "exclamation-triangle"),
    ItemState.NOT_NEEDED: ("idle", "slash-circle"),
}


@dataclass(slots=True)
class Row:
    """One line of the list."""

    number: int
    item: Item
    state: ItemState
    span: Span | None = None
    #: What stands in force, in words.
    evidence: list[str] = field(default_factory=list)
    notes: list[Any] = field(default_factory=list)
    #: What staff asked to be corrected: (field in words, text).
    remarks: list[tuple[str, str]] = field(default_factory=list)
    #: The number of the item it waits for; 0 where it can be seen to now.
    waits_for: int = 0
    #: (address, words) of what can be applied for now.
    links: list[tuple[str, Any]] = field(default_factory=list)
    #: Whether something of it was sent back, be it a change of what is in force.
    returned: bool = False

    @property
    def look(self) -> Look:
        """The badge."""
        if self.waits_for:
            return Look("idle", "hourglass", _("等待第 %(number)s 项") % {"number": self.waits_for})
        return Look(*LOOKS[self.state], self.state.label)

    @property
    def holds_up(self) -> bool:
        """Whether what follows waits for it."""
        return self.state not in (ItemState.VERIFIED, ItemState.NOT_NEEDED)

    @property
    def tone(self) -> str:
        """How its bar and number are drawn."""
        if self.state in (ItemState.VERIFIED, ItemState.RETURNED):
            return "done" if self.state == ItemState.VERIFIED else "bad"
        return "" if self.waits_for or self.state == ItemState.NOT_NEEDED else "now"

    @property
    def is_late(self) -> bool:
        """Whether it takes longer than it was to."""
        return bool(self.item.working_days) and not self.is_done and self.worked > self.item.working_days

    @property
    def is_done(self) -> bool:
        """Whether it is verified."""
        return self.state == ItemState.VERIFIED

    @property
    def worked(self) -> int:
        """The working days it took, or is planned to take."""
        return working_days_within(self.span.first, self.span.last) if self.span else 0


@dataclass(frozen=True, slots=True)
class Checklist:
    """Everything the page says."""

    rows: list[Row]
    today: date
    #: When all would have been done had nothing come between.
    first_end: date
    types: Row
    office: Office | None
    #: Licences in force, the first to end on top. When a bank's letter ends stands at its item.
    licences: list[Qualification]

    @property
    def needed(self) -> list[Row]:
        """The lines that count."""
        return [row for row in self.rows if row.state != ItemState.NOT_NEEDED]

    @property
    def verified(self) -> int:
        """How many of them are done."""
        return sum(row.state == ItemState.VERIFIED for row in self.needed)

    @property
    def is_whole(self) -> bool:
        """Whether the preparation is at its end."""
        return self.verified == len(self.needed)

    @property
    def next(self) -> Row | None:
        """What to see to next: always named, until all is done. Without a type nobody knows what is needed."""
        if self.types.state != ItemState.VERIFIED:
            return self.types
        return next((row for row in self.needed if row.state != ItemState.VERIFIED), None)

    @property
    def returned(self) -> list[Row]:
        """What was sent back."""
        return [row for row in (self.types, *self.rows) if row.returned]

    @property
    def working_days(self) -> int:
        """Of all items one after the other."""
        return sum(row.item.working_days for row in self.needed)

    @property
    def end(self) -> date:
        """When everything is done, as planned now."""
        return end_of([row.span for row in self.needed if row.span])

    @property
    def late(self) -> int:
        """By how many working days that is later than it would have been."""
        return working_days_within(self.first_end, self.end) - 1 if self.end > self.first_end else 0

    @property
    def unarranged(self) -> int | None:
        """The first year of the plan whose days off the State Council has not arranged yet, as far as is known here."""
        years = range(self.today.year, self.end.year + 1)
        return next((year for year in years if not self.is_whole and not is_arranged(year)), None)

    @property
    def letter_may_start(self) -> bool:
        """Whether a letter of guarantee could be asked for before its turn comes."""
        return any(row.item.name == "guarantee" and row.state == ItemState.NOT_STARTED for row in self.needed)


def checklist(enterprise: Enterprise, *, today: date, may_apply: bool) -> Checklist:
    """The preparation of this enterprise as it stands; with addresses to apply at for who may."""
    every = list(enterprise.evidence.order_by("id"))
    lapsed = {one.item: why_lapsed(one, enterprise, today) for one in every if not one.replaced}
    evidence = {one.item: one for one in every if not one.replaced and not lapsed[one.item]}
    # A later change of what was verified moves nothing: an item is done since the first evidence it needs came.
    first = {one.item: one for one in reversed(every)}
    applied = _applied(enterprise)
    remarks = _remarks(applied.values())
    begun = timezone.localtime(enterprise.created)
    done = {item.name: begun.date() for item in ITEMS if not item.kinds}
    for item in ITEMS:
        if item.kinds and item.kinds[0] in evidence and (came := first.get(item.kinds[0])):
            done[item.name] = timezone.localtime(came.since).date()
    needed = [item for item in ITEMS if is_needed(item, enterprise.types)]
    letter = _is_letter(evidence.get(GUARANTEE.name), applied.get(GUARANTEE.name))
    spans = {span.item.name: span for span in plan(needed, start=begun.date(), done=done, today=today, letter=letter)}
    original = plan(
        needed, start=begun.date(), done={"company": begun.date(), "customs": begun.date()}, today=begun.date(),
        letter=letter,
    )  # fmt: skip
    rows: list[Row] = []
    for number, item in enumerate(ITEMS, start=1):
        row = Row(number, item, ItemState.NOT_NEEDED)
        rows.append(row)
        if item not in needed:
            continue
        row.span = spans[item.name]
        _say_state(row, enterprise, evidence, applied, remarks)
        whys = [lapsed[kind] for kind in item.kinds if lapsed.get(kind)]
        if row.state == ItemState.NOT_STARTED and whys:
            row.state = ItemState.LAPSED
        to_do = row.state in (ItemState.LAPSED, ItemState.UNDER_WAY)
        row.notes = [_("%(why)s，请重新提交凭证") % {"why": why} if to_do else why for why in whys] + row.notes
        if row.state == ItemState.NOT_STARTED:
            before = next((one for one in reversed(rows[:-1]) if one.state != ItemState.NOT_NEEDED), None)
            waits = before is not None and before.holds_up and not (item.name == "guarantee" and letter)
            row.waits_for = before.number if before and waits else 0
        if may_apply:
            row.links = _links(row, evidence, applied, early=item.name == "guarantee")
    return Checklist(
        rows, today, end_of(original), _types_row(enterprise, applied, remarks, may_apply=may_apply),
        _office_of(enterprise), sorted(enterprise.licences_in_force, key=lambda one: one.valid_to or date.max),
    )  # fmt: skip


def _applied(enterprise: Enterprise) -> dict[str, Application]:
    """The latest application of each kind."""
    kinds = [kind for item in ITEMS for kind in item.kinds] + [TYPES.name]
    found = Application.objects.filter(enterprise=enterprise, kind__in=kinds).order_by("id")
    return {one.kind: one for one in found}


def _remarks(applied: Iterable[Application]) -> dict[str, list[tuple[str, str]]]:
    """What staff said of what they sent back or refused, by kind of application."""
    said_to = {one.pk: one for one in applied if one.state in (ApplicationState.RETURNED, ApplicationState.REFUSED)}
    found: dict[str, list[tuple[str, str]]] = {}
    latest = (
        Submission.objects.filter(application__in=said_to).exclude(verdict="").order_by("application_id", "-number")
    )
    for submission in latest.distinct("application_id").prefetch_related("remarks"):
        kind = kind_named(said_to[submission.application_id].kind)
        said = [(str(kind.words.get(one.field, "")), one.text) for one in submission.remarks.all()]
        found[kind.name] = ([("", submission.reason)] if submission.reason else []) + said
    return found


def _say_state(
    row: Row,
    enterprise: Enterprise,
    evidence: Mapping[str, Evidence],
    applied: Mapping[str, Application],
    remarks: Mapping[str, list[tuple[str, str]]],
) -> None:
    """Into the line: its state, what is in force, what staff said."""
    if not row.item.kinds:
        row.state = ItemState.VERIFIED
        code = {"company": _("统一社会信用代码 %s") % enterprise.credit_code}
        row.evidence = [code.get(row.item.name) or _("海关十位编码 %s") % enterprise.customs_code]
        row.notes = _notes(row, enterprise, None)
        return
    first = row.item.kinds[0]
    asked = applied.get(first)
    row.state = _state_of(asked, in_force=first in evidence)
    row.evidence = [text for kind in row.item.kinds if kind in evidence for text in _words(evidence[kind])]
    row.remarks = [said for kind in row.item.kinds for said in remarks.get(kind, ())]
    row.returned = any(kind in applied and applied[kind].state == ApplicationState.RETURNED for kind in row.item.kinds)
    row.notes = _notes(row, enterprise, asked)


def _state_of(asked: Application | None, *, in_force: bool) -> ItemState:
    """What is in force stays in force while a change of it is looked at."""
    if in_force:
        return ItemState.VERIFIED
    if asked is None or asked.state in ENDED:
        return ItemState.NOT_STARTED
    if asked.state in WAITS_FOR_STAFF:
        return ItemState.SUBMITTED
    return ItemState.RETURNED if asked.state == ApplicationState.RETURNED else ItemState.UNDER_WAY


def _words(held: Evidence) -> list[str]:
    """Evidence in words."""
    if held.item == CARD.name:
        return [f"{Medium(held.variety).label} {held.number}"]
    if held.item == TYPE_FILING.name:
        return [_("、").join(str(FiledType(one).label) for one in held.filed_types), held.website]
    if held.item == CERTIFICATE.name:
        return [f"{SigningWay(held.variety).label} {held.number}".strip()]
    if held.item == DXP_IMPORT.name:
        return [_("进口 %s") % held.number]
    if held.item == DXP_EXPORT.name:
        return [_("出口 %s") % held.number]
    if held.variety == GuaranteeKind.AGENT:
        return [_("由 %s 代缴税款") % held.number]
    said = [f"{GuaranteeKind(held.variety).label} {held.number}", _("额度 %s 元") % money(held.amount)]
    return said + ([_("有效期至 %s") % held.valid_to.isoformat()] if held.valid_to else [])


def _notes(row: Row, enterprise: Enterprise, asked: Application | None) -> list[Any]:
    """What holds for this enterprise beside what holds for all."""
    said_of, types = row.item.said_of or {}, enterprise.types
    notes: list[Any] = [text for of_type, text in said_of.items() if of_type in types]
    if row.item.name == "types" and types:
        wanted = _("、").join(str(one.label) for one in ticks_of(types, enterprise.depot))
        notes.append(_("本企业应勾选：%s") % wanted)
        if EnterpriseType.WAREHOUSE in types and EnterpriseType.VENUE not in types:
            notes.append(_("主管海关要求时，保税仓储企业还可勾选监管场所运营人"))
        visit = (
            _("网上提交后 10 个工作日内带许可证到注册地海关验核")
            if always_visits(types)
            else _("只在海关转人工审核时，10 个工作日内到注册地海关办理")
        )
        notes.append(visit)
    if asked is None or asked.state not in OPEN_TO_APPLICANT:
        return notes
    typed = typed_in(asked)
    if row.item.name == "card":
        notes += [label for word, label in CARD_PROGRESS if typed.get("progress") == [word]]
    if row.item.name == "types" and always_visits(types) and (filed := parse_day(typed.get("filed_on"))):
        until = last_of_working_days(filed + timedelta(days=1), VISIT_WITHIN)
        notes.append(_("最晚 %s 到现场验核") % until.isoformat())
    return notes


def parse_day(texts: Sequence[str] | None) -> date | None:
    """The day somebody typed into a form that is not handed in yet, if it is one."""
    try:
        return date.fromisoformat((texts or [""])[0])
    except ValueError:
        return None


def _links(
    row: Row, evidence: Mapping[str, Evidence], applied: Mapping[str, Application], *, early: bool
) -> list[tuple[str, Any]]:
    """Where to apply for what can be applied for now."""
    links: list[tuple[str, Any]] = []
    for place, kind in enumerate(row.item.kinds):
        address = application_page(kind)
        asked = applied.get(kind)
        waits = (row.waits_for and not early) or (place and row.item.kinds[0] not in evidence)
        if address and not waits:
            links.append(
                (
                    address,
                    _link_words(kind, asked, in_force=kind in evidence, second=bool(place), early=bool(row.waits_for)),
                )
            )
    return links


def _link_words(kind: str, asked: Application | None, *, in_force: bool, second: bool, early: bool) -> Any:
    if asked and asked.state == ApplicationState.RETURNED:
        return _("去补正")
    if asked and asked.state in WAITS_FOR_STAFF:
        return _("查看申请")
    if asked and asked.state == ApplicationState.DRAFT:
        return _("继续填写")
    if in_force:
        return _("变更")
    if second:
        return _("申请出口")
    return _("提前办保函") if early else _("填写凭证")


def application_page(kind: str) -> str:
    """Where that kind is applied for, or the application of it that is under way."""
    return reverse("application_of_kind", kwargs={"kind": kind})


def _types_row(
    enterprise: Enterprise,
    applied: Mapping[str, Application],
    remarks: Mapping[str, list[tuple[str, str]]],
    *,
    may_apply: bool,
) -> Row:
    """The registration of types, without which nobody knows what else is needed."""
    asked = applied.get(TYPES.name)
    row = Row(0, _TYPES_ITEM, _state_of(asked, in_force=bool(enterprise.types)))
    row.remarks = list(remarks.get(TYPES.name, ()))
    row.returned = asked is not None and asked.state == ApplicationState.RETURNED
    if may_apply and (address := application_page(TYPES.name)):
        words = _link_words(TYPES.name, asked, in_force=bool(enterprise.types), second=False, early=False)
        row.links = [(address, words if enterprise.types or asked else _("登记类型"))]
    return row


#: Not one of the seven, but before them.
_TYPES_ITEM = Item(
    "registration",
    TYPES.label,
    TYPES.label,
    gettext_lazy("平台"),
    (),
    gettext_lazy("勾选企业类型并填报各类型的许可证；登记后才知道要准备哪些"),
    "",
    gettext_lazy("各类型的许可证"),
    0,
    kinds=(TYPES.name,),
)


def _is_letter(held: Evidence | None, asked: Application | None) -> bool:
    """Whether the guarantee is, or is going to be, a bank's letter."""
    if held:
        return held.variety == GuaranteeKind.LETTER
    return asked is not None and typed_in(asked).get("variety") == [GuaranteeKind.LETTER.value]


def _office_of(enterprise: Enterprise) -> Office | None:
    """The customs office that registered the enterprise: as its approved data say, else by its district."""
    held = Profile.objects.filter(enterprise=enterprise).first()
    if held and held.registration_customs:
        return OFFICES.get(held.registration_customs)
    district = enterprise.customs_district
    return next((one for one in OFFICES.values() if district and one.district == district), None)


# --- the plan as it is drawn --------------------------------------------------------------------------------------------

#: Months whose names would stand closer than so many percent of the axis are left out.
CLOSEST_MONTHS = 12
#: Days.
SHORTEST_AXIS = 14


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars and months along one axis; places are percent of its length, as SVG takes them."""

    bars: list[tuple[Row, str, str]]
    months: list[tuple[str, date]]
    today: str


def chart(shown: Checklist) -> Chart:
    """The plan drawn: every item that takes days, from its first to its last."""
    rows = [(row, row.span) for row in shown.needed if row.span and row.item.working_days]
    first = min(span.first for _row, span in rows)
    length = max((max(span.last for _row, span in rows) - first).days + 1, SHORTEST_AXIS)

    def place(day: date) -> float:
        return min(max(100 * (day - first).days / length, 0), 100)

    bars = [
        (row, f"{place(span.first):.2f}%", f"{max(place(span.last + timedelta(days=1)) - place(span.first), 1.5):.2f}%")
        for row, span in rows
    ]
    months = [(0.0, first)]
    day = first
    while (day := (day.replace(day=1) + timedelta(days=32)).replace(day=1)) <= first + timedelta(days=length):
        if place(day) - months[-1][0] >= CLOSEST_MONTHS and place(day) <= 100 - CLOSEST_MONTHS / 2:
            months.append((place(day), day))
    return Chart(bars, [(f"{at:.2f}%", day) for at, day in months], f"{place(shown.today):.2f}%")
