"""The list page of every kind, derived from its description: tabs, filters, columns, rows (steps 1 and 11 of the walk)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, QuerySet
from django.db.models.functions import Collate
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from declarations.doors.advice import reasons
from declarations.doors.turns import Stop, stops_of, turn, unmet_by
from declarations.fields import Amount, Money, Whole
from declarations.kinds.kind import Kind
from declarations.lifecycle import STATE_LOOKS, State
from declarations.models import Document, Draft, Source
from declarations.published import codes
from declarations.shape import Problem
from portal.looks import Look
from portal.money import money
from portal.paging import Part, part_of
from portal.period import Period
from portal.prefix import begins
from portal.templatetags.parts import quantity


def look(state: str, code: str = "") -> Look:
    """The badge of a state of a document, with the customs code that decided it; a wait has none."""
    drawn = STATE_LOOKS[state]
    return Look(drawn.tone, drawn.icon, State(state).label, "" if state == State.WAITING else code)


DRAFT_LOOK = Look("idle", "pencil", gettext_lazy("草稿"))


@dataclass(frozen=True, slots=True)
class Stage:
    """States shown under one tab; `always` keeps the tab when it is empty."""

    slug: str
    label: Any
    states: frozenset[str]
    always: bool = True


STAGES: tuple[Stage, ...] = (
    Stage("todo", gettext_lazy("需处理"), frozenset({State.REJECTED, State.FAILED, State.DETAINED})),
    Stage("waiting", pgettext_lazy("tab", "等待"), frozenset({State.WAITING}), always=False),
    Stage("queued", gettext_lazy("待发送"), frozenset({State.QUEUED})),
    Stage("declaring", gettext_lazy("申报中"), frozenset({State.SENT, State.DECLARING})),
    Stage(
        "customs",
        gettext_lazy("海关处理中"),
        frozenset({State.REVIEW, State.EXAMINED, State.INSPECTING, State.SUSPENDED}),
        always=False,
    ),
    Stage("stored", gettext_lazy("已入库"), frozenset({State.STORED})),
    Stage("released", gettext_lazy("已放行"), frozenset({State.RELEASED, State.CLOSED}), always=False),
    Stage("ended", gettext_lazy("已退运"), frozenset({State.SHIPPED_BACK}), always=False),
)
TODO = STAGES[0].states
#: What changes by itself: while one document stands so, a list asks again.
MOVING = frozenset(State) - TODO - {State.STORED, State.RELEASED, State.CLOSED, State.SHIPPED_BACK}
DRAFTS = "drafts"


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of a list: its word, how many, where it leads."""

    slug: str
    label: Any
    count: int
    address: str
    current: bool

    @property
    def urgent(self) -> bool:
        """Whether the count is drawn in red."""
        return self.slug == "todo" and self.count > 0


@dataclass(frozen=True, slots=True)
class Cell:
    """What one field says, in words; `code` is the code behind a name, `name` the column on a phone, `drop`
    the class that leaves it out where the screen is too narrow, `small` what stands under it."""

    text: str
    code: str = ""
    name: str = ""
    is_number: bool = False
    drop: str = ""
    small: str = ""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One document of a list."""

    number: str
    address: str
    cells: Sequence[Cell]
    look: Look
    next_step: str
    is_bad: bool
    changed: datetime


@dataclass(slots=True)
class Filter:
    """What the address asks for; an entry that means nothing is left out and said in `faults`."""

    tab: str = ""
    q: str = ""
    code: str = ""
    source: str = ""
    since: date | None = None
    until: date | None = None
    place: Mapping[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filter":
        """Read an address: never an error, whatever stands in it."""
        period = Period.of(query)
        found = cls(
            tab=query.get("tab", ""),
            q=query.get("q", "").strip().replace("\x00", "")[:60],
            code=query.get("code", "").strip().replace("\x00", "")[:10],
            source=query.get("source", ""),
            since=period.since,
            until=period.until,
            place={name: query.get(name, "") for name in ("before", "after")},
            faults=period.faults,
        )
        if found.tab not in {stage.slug for stage in STAGES} | {DRAFTS}:
            found.tab = ""
        if found.source not in Source.values:
            found.source = ""
        return found

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the tab restricts the list."""
        return any((self.q, self.code, self.source, self.since, self.until))

    def in_words(self) -> str:
        """The filter as a reader would say it."""
        said = [self.q, self.code]
        if self.source:
            said.append(str(Source(self.source).label))
        if self.since:
            said.append(_("%(day)s 起") % {"day": self.since})
        if self.until:
            said.append(_("至 %(day)s") % {"day": self.until})
        return _("，").join(part for part in said if part)

    def narrowed(self, kind: Kind, documents: QuerySet[Document]) -> QuerySet[Document]:
        """The documents of the kind that fit, whatever their state."""
        if self.q:
            documents = _called(kind, documents, self.q)
        if self.code:
            documents = documents.filter(code=self.code)
        if self.source:
            documents = documents.filter(source=self.source)
        if self.since:
            documents = documents.filter(filed_at__gte=_midnight(self.since))
        if self.until and self.until < date.max:
            documents = documents.filter(filed_at__lt=_midnight(self.until + timedelta(days=1)))
        return documents

    def address(self, kind: Kind, **changes: Any) -> str:
        """The list under this filter with some entries changed; the page always starts anew."""
        entries = {
            "tab": self.tab,
            "q": self.q,
            "code": self.code,
            "source": self.source,
            "since": self.since or "",
            "until": self.until or "",
            **changes,
        }
        asked = urlencode({name: value for name, value in entries.items() if value})
        return reverse("list", kwargs={"kind": kind.slug}) + (f"?{asked}" if asked else "")


def list_of(kind: Kind, state: str) -> str:
    """The list of a kind under the tab that holds a state."""
    tab = next((stage.slug for stage in STAGES if state in stage.states), "")
    return Filter(tab=tab).address(kind)


def _called(kind: Kind, documents: QuerySet[Document], text: str) -> QuerySet[Document]:
    """Those one of whose numbers begins so: the filer's own, the order's, customs'."""
    own = documents.filter(begins("number", text) | begins("order_no", text))
    if not kind.called_by_customs:
        return own
    bodies = kind.body._default_manager.exclude(**{kind.called_by_customs: ""})
    plain = bodies.alias(plain=Collate(F(kind.called_by_customs), "C"))
    # A union of probes: an OR over two tables would read every document.
    return documents.filter(pk__in=own.values("pk").union(plain.filter(begins("plain", text)).values("pk")))


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


#: Codes of one letter or digit that have no table of their own: (element, code) → what it stands for.
WORDS: Mapping[tuple[str, str], Any] = {
    ("orderType", "I"): gettext_lazy("进口"),
    ("ieFlag", "I"): gettext_lazy("进口"),
    ("buyerIdType", "1"): gettext_lazy("身份证"),
    ("payerIdType", "1"): gettext_lazy("身份证"),
    ("appType", "1"): pgettext_lazy("appType", "新增"),
    ("appType", "2"): pgettext_lazy("appType", "变更"),
    ("appType", "3"): pgettext_lazy("appType", "删除"),
    ("appStatus", "1"): pgettext_lazy("appStatus", "暂存"),
    ("appStatus", "2"): pgettext_lazy("appStatus", "申报"),
}


def said(described: Any, value: Any) -> Cell:
    """What a field says, for reading: masked when personal, name and code when coded, figures with commas."""
    label = str(described.label)
    if value is None or value == "":
        return Cell("", name=label)
    if described.personal:
        return Cell(described.masked(value), name=label)
    if described.codes:
        code = str(value)
        return Cell(codes(described.codes).get(code, ""), code=code, name=label)
    if (described.tag, str(value)) in WORDS:
        return Cell(str(WORDS[described.tag, str(value)]), code=str(value), name=label)
    if isinstance(described, Amount):
        written = money(value) if isinstance(described, Money) else quantity(value)
        return Cell(written, name=label, is_number=True)
    if isinstance(value, datetime):
        return Cell(timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S"), name=label)
    return Cell(str(value), name=label, is_number=isinstance(described, Whole))


@dataclass(frozen=True, slots=True)
class Name:
    """What a document is called: customs' own number once it has given one, else the filer's; `beside` says which is which."""

    number: str
    beside: str = ""

    @classmethod
    def of(cls, kind: Kind, document: Document) -> "Name":
        """The name of a document whose body is loaded."""
        if not kind.called_by_customs:
            return cls(document.number)
        label, given = kind.field(kind.number).label, getattr(getattr(document, kind.slug), kind.called_by_customs)
        if given:
            return cls(given, f"{label} {document.number}")
        words = {"own": label, "given": kind.field(kind.called_by_customs).label}
        return cls(document.number, _("这是%(own)s；%(given)s由海关给出") % words)


@dataclass(slots=True)
class ListPage:
    """Everything a list page shows."""

    kind: Kind
    filter: Filter
    tabs: list[Tab]
    columns: list[Cell]
    rows: list[ListRow]
    newer: str
    older: str
    is_moving: bool = False

    @property
    def address(self) -> str:
        """This very page of the list."""
        return self.filter.address(self.kind, **self.filter.place)

    @property
    def pace(self) -> int:
        """Seconds between two questions of the page: 3 while something here has just moved, else 15."""
        fresh = timezone.now() - timedelta(minutes=10)
        return 3 if any(row.changed > fresh for row in self.rows) else 15

    @property
    def number_label(self) -> Any:
        """What the number is called that the rows are known by."""
        return self.kind.field(self.kind.number).label

    @property
    def searched(self) -> str:
        """The numbers the filter looks for."""
        names = (self.kind.number, self.kind.called_by_customs, self.kind.order_no)
        return _("、").join(str(self.kind.field(name).label) for name in dict.fromkeys(names) if name)

    @property
    def is_drafts(self) -> bool:
        """Whether the tab of drafts is open."""
        return self.filter.tab == DRAFTS

    @property
    def sources(self) -> list[tuple[str, Any]]:
        """The choices of the filter by source."""
        return list(Source.choices)

    @property
    def clear_address(self) -> str:
        """The same tab without a filter."""
        return self.filter.address(self.kind, q="", code="", source="", since="", until="")


def page(kind: Kind, documents: QuerySet[Document], drafts: QuerySet[Draft], asked: Filter) -> ListPage:
    """The page of one kind: `documents` and `drafts` are all the actor may see."""
    narrowed = asked.narrowed(kind, documents)
    counts = dict(narrowed.order_by().values_list("state").annotate(many=Count("id")))
    tabs = _tabs(kind, asked, counts, drafts.count())
    if asked.tab == DRAFTS:
        kept = part_of(drafts.select_related("user").defer("content"), asked.place, newest_first=True)
        rows = [_draft_row(kind, draft) for draft in kept.rows]
        return ListPage(kind, asked, tabs, [], rows, *_around(kind, asked, kept))
    states = next((stage.states for stage in STAGES if stage.slug == asked.tab), None)
    if states:
        narrowed = narrowed.filter(state__in=states)
    part = part_of(narrowed.select_related(kind.slug), asked.place, newest_first=True)
    columns = [described for described in kind.fields if described.listed and described.name != kind.number]
    heads = [
        Cell(str(described.label), is_number=isinstance(described, Amount | Whole), drop=_drop(kind, place, described))
        for place, described in enumerate(columns)
    ]
    unmet, stops = unmet_by(kind, part.rows), stops_of(kind, part.rows)
    rows = [_row(kind, columns, one, unmet.get(one.pk, ()), stops.get(one.pk)) for one in part.rows]
    moving = any(counts.get(state) for state in MOVING)
    return ListPage(kind, asked, tabs, heads, rows, *_around(kind, asked, part), is_moving=moving)


def stamp(page: ListPage) -> str:
    """Equal for two lists exactly when they show the same rows in the same states, and the same counts."""
    shown = repr(
        (
            [(row.address, row.look, row.next_step, row.changed) for row in page.rows],
            page.tabs,
            page.is_moving,
            page.pace,
        )
    )
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def _drop(kind: Kind, place: int, described: Any) -> str:
    """Columns after the third need a wide screen; a phone shows the figures and the order number."""
    on_phone = isinstance(described, Amount) or described.name == kind.order_no
    return " ".join(name for name, left_out in (("late", place > 2), ("drop-sm", not on_phone)) if left_out)


def _tabs(kind: Kind, asked: Filter, counts: Mapping[str, int], drafts: int) -> list[Tab]:
    def tab(slug: str, label: Any, count: int) -> Tab:
        return Tab(slug, label, count, asked.address(kind, tab=slug), slug == asked.tab)

    tabs = [tab("", _("全部"), sum(counts.values()))]
    for stage in STAGES:
        count = sum(counts.get(state, 0) for state in stage.states)
        if stage.always or count or stage.slug == asked.tab:
            tabs.append(tab(stage.slug, stage.label, count))
    tabs.insert(2, tab(DRAFTS, DRAFT_LOOK.word, drafts))
    return tabs


def _around(kind: Kind, asked: Filter, part: Part[Any]) -> tuple[str, str]:
    """The addresses of the pages before and after."""
    newer = asked.address(kind, **part.back) if part.back else ""
    return newer, asked.address(kind, **part.on) if part.on else ""


def _row(
    kind: Kind, columns: Sequence[Any], document: Document, unmet: Sequence[Problem], stop: Stop | None
) -> ListRow:
    body = getattr(document, kind.slug)
    bad = document.state in TODO
    return ListRow(
        number=document.number,
        address=reverse("detail", kwargs={"kind": kind.slug, "pk": document.pk}),
        cells=[
            replace(said(described, getattr(body, described.name)), drop=_drop(kind, place, described))
            for place, described in enumerate(columns)
        ],
        look=look(document.state, document.code),
        next_step=_reason(document.reason)
        if bad and document.reason
        else turn(kind, document.state, unmet=unmet, reason=document.reason, body=body, stop=stop).in_short,
        is_bad=bad,
        changed=document.changed_at,
    )


def _reason(info: str) -> str:
    """Why it was refused, as one cell: codes and words without customs' brackets."""
    return _("；").join(" ".join(part for part in (said.code, said.text) if part) for said in reasons(info))


def _draft_row(kind: Kind, draft: Draft) -> ListRow:
    return ListRow(
        number=draft.number or _("未填%(label)s") % {"label": kind.field(kind.number).label},
        address=reverse("draft", kwargs={"kind": kind.slug, "pk": draft.pk}),
        cells=[],
        look=DRAFT_LOOK,
        next_step=_("%(name)s 暂存，接着填写后申报") % {"name": draft.user},
        is_bad=False,
        changed=draft.changed_at,
    )
