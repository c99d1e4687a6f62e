"""What the address of the list of tax bills asks for, and the same asked of the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Enterprise
from ledger.models import BillState, TaxBill
from ledger.pages.looks import UNSETTLED
from ledger.window import DUE, FIRST_DAY, Phase, released_in, today
from portal.period import Period
from portal.prefix import begins

#: The tabs beside the states: what is to be paid now, and where our own figures are others than customs'.
WINDOW, DIFFERS = "due", "differs"
TABS: Mapping[str, Any] = {
    "": gettext_lazy("全部"),
    WINDOW: gettext_lazy("待缴"),
    BillState.MADE: gettext_lazy("已生成"),
    BillState.CONSOLIDATED: gettext_lazy("已汇总"),
    BillState.PAID: gettext_lazy("已缴"),
    BillState.VOID: gettext_lazy("作废"),
    DIFFERS: gettext_lazy("计算有差异"),
}
#: Which day a period is asked of.
DAYS: Mapping[str, Any] = {"": gettext_lazy("放行日"), "billed": gettext_lazy("税单日")}
#: As what one stands on a bill.
CAPACITIES: Mapping[str, Any] = {
    "guarantor": gettext_lazy("担保企业"),
    "merchant": gettext_lazy("电商企业"),
    "declarant": gettext_lazy("申报单位"),
}
_COLUMN_OF = {"guarantor": "guarantor", "merchant": "merchant", "declarant": "enterprise"}
_NUMBERS = ("tax_no", "invt_no", "order_no", "logistics_no", "duty_no")

#: Our own computation is there, and it is another than customs'.
OURS_DIFFERS = (
    Q(own_duty__isnull=False, own_consumption__isnull=False, own_vat__isnull=False)
    & ~Q(own_duty=F("duty"), own_consumption=F("consumption"), own_vat=F("vat"))
    & ~Q(state=BillState.VOID)
)


def is_due(on: date) -> Q:
    """To be paid now: not settled, and released at least 31 days ago or gathered into a payment note."""
    return Q(state=BillState.CONSOLIDATED) | Q(state__in=UNSETTLED, released_on__lte=on - timedelta(days=FIRST_DAY))


def phase_on(on: date) -> Case:
    """The phase of a bill, for the database to count by; the same as `window.phase_of`."""
    early = Q(released_on__isnull=True) | Q(released_on__gt=on - timedelta(days=FIRST_DAY))
    cases = [
        When(early, state=BillState.CONSOLIDATED, then=Value(str(Phase.OPEN))),
        When(released_on__isnull=True, then=Value(str(Phase.UNRELEASED))),
    ]
    for phase in (Phase.WAITING, Phase.OPEN, Phase.CLOSING):
        first, _last = released_in(phase, on)
        cases.append(When(released_on__gte=first, then=Value(str(phase))))
    return Case(*cases, default=Value(str(Phase.OVERDUE)), output_field=CharField())


@dataclass(slots=True)
class Filter:
    """What the address asks for; an entry that means nothing is left out and said in `faults`."""

    tab: str = ""
    q: str = ""
    #: Exactly the bills of one payment note.
    duty_no: str = ""
    #: What stands in one of these phases; in no phase in particular where there is none.
    phases: tuple[Phase, ...] = ()
    by: str = ""
    since: date | None = None
    until: date | None = None
    district: str = ""
    capacity: str = ""
    place: Mapping[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filter":
        """Read an address: never an error, whatever stands in it."""
        period = Period.of(query)
        return cls(
            tab=_known(query.get("tab", ""), TABS),
            q=_number(query.get("q", "")),
            duty_no=_number(query.get("duty_no", "")),
            phases=tuple(phase for phase in Phase if phase in query.get("phase", "").split(",")),
            by=_known(query.get("by", ""), DAYS),
            since=period.since,
            until=period.until,
            district=query.get("district", "") if query.get("district", "").isdecimal() else "",
            capacity=_known(query.get("as", ""), CAPACITIES),
            place={name: query.get(name, "") for name in ("before", "after")},
            faults=period.faults,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the tab restricts the list."""
        return any((self.q, self.duty_no, self.phases, self.since, self.until, self.district, self.capacity))

    @property
    def phases_in_words(self) -> str:
        """The phases as a reader would say them."""
        return _("、").join(str(phase.label) for phase in self.phases)

    @property
    def phase(self) -> str:
        """The phases as the address says them."""
        return ",".join(self.phases)

    def in_words(self) -> str:
        """The filter as a reader would say it."""
        said = [self.q, _("缴款书 %(number)s") % {"number": self.duty_no} if self.duty_no else ""]
        said.append(self.phases_in_words)
        day = str(DAYS[self.by])
        if self.since:
            said.append(_("%(what)s %(day)s 起") % {"what": day, "day": self.since})
        if self.until:
            said.append(_("%(what)s至 %(day)s") % {"what": day, "day": self.until})
        if self.district:
            said.append(_("关区 %(code)s") % {"code": self.district})
        if self.capacity:
            said.append(_("本企业为%(role)s") % {"role": CAPACITIES[self.capacity]})
        return _("，").join(part for part in said if part)

    def narrowed(self, bills: QuerySet[TaxBill], enterprise: Enterprise) -> QuerySet[TaxBill]:
        """The bills that fit, in whatever state."""
        if self.q:
            fits = Q()
            for column in _NUMBERS:
                fits |= begins(column, self.q)
            bills = bills.filter(fits)
        if self.duty_no:
            bills = bills.filter(duty_no=self.duty_no)
        if self.phases:
            bills = bills.alias(stands_in=phase_on(today())).filter(stands_in__in=self.phases)
        if self.capacity:
            bills = bills.filter(**{_COLUMN_OF[self.capacity]: enterprise})
        if self.district:
            bills = bills.filter(customs_code=self.district)
        if self.since:
            bills = bills.filter(
                **({"billed_at__gte": _midnight(self.since)} if self.by else {"released_on__gte": self.since})
            )
        if self.until and self.until < date.max:
            after = self.until + timedelta(days=1)
            bills = bills.filter(**({"billed_at__lt": _midnight(after)} if self.by else {"released_on__lt": after}))
        return bills

    def in_tab(self, bills: QuerySet[TaxBill], on: date) -> QuerySet[TaxBill]:
        """Of those, the ones under the tab."""
        if self.tab == WINDOW:
            return bills.filter(is_due(on))
        if self.tab == DIFFERS:
            return bills.filter(OURS_DIFFERS)
        return bills.filter(state=self.tab) if self.tab else bills

    def address(self, **changes: Any) -> str:
        """The list under this filter with some entries changed; the page always starts anew."""
        return reverse("tax_bills") + self._asking(**changes)

    @property
    def export_address(self) -> str:
        """The workbook of the list under this filter."""
        return reverse("tax_bills_export") + self._asking()

    def _asking(self, **changes: Any) -> str:
        entries = {
            "tab": self.tab,
            "q": self.q,
            "duty_no": self.duty_no,
            "phase": self.phase,
            "by": self.by,
            "since": self.since or "",
            "until": self.until or "",
            "district": self.district,
            "as": self.capacity,
            **changes,
        }
        asked = urlencode({name: value for name, value in entries.items() if value})
        return f"?{asked}" if asked else ""

    @property
    def clear_address(self) -> str:
        """The same tab without a filter."""
        return Filter(tab=self.tab).address()

    @property
    def any_phase_address(self) -> str:
        """The list under this filter, in whatever phase."""
        return self.address(phase="")


def counts_in(tab: str, state: str, phase: str, differs: bool) -> bool:
    """Whether bills of that state, phase and verdict stand under a tab; the same as `Filter.in_tab`."""
    if tab == WINDOW:
        return state in UNSETTLED and phase in DUE
    if tab == DIFFERS:
        return differs
    return tab in ("", state)


def _number(text: str) -> str:
    """A number as it was typed, without what cannot stand in one."""
    return "".join(text.split()).replace("\x00", "")[:60]


def _known(text: str, words: Mapping[str, Any]) -> str:
    return text if text in words else ""


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
