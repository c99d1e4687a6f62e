"""The list of tax bills: tabs with counts, totals of the filter, one page of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    ExpressionWrapper,
    F,
    Func,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.fields import BooleanField, DateField
from django.db.models.functions import Coalesce
from django.urls import reverse

from accounts.access import Actor
from ledger.access import bills_of, guaranteed_by
from ledger.models import BillState, TaxBill
from ledger.pages.filter import (
    CAPACITIES,
    DAYS,
    DIFFERS,
    OURS_DIFFERS,
    TABS,
    WINDOW,
    Filter,
    counts_in,
    phase_on,
)
from ledger.pages.looks import BILL_LOOKS, UNSETTLED, Deadline, deadline, short
from ledger.pages.schedule import Amount
from ledger.window import Phase, Window, phase_of, today
from portal.looks import Look
from portal.paging import Part, part_of

_ZERO = Decimal("0.00")
#: How many payment notes are listed above the bills.
MOST_NOTES = 5
_SUMS = ("duty", "consumption", "vat", "total")
#: A key that orders by the day of release, then by arrival: a whole number, as pages are turned by one. What has no such
#: day comes last.
_BY_RELEASE = ExpressionWrapper(
    Func(
        Coalesce(F("released_on"), Value(date.max), output_field=DateField()),
        template="((%(expressions)s - DATE '2000-01-01')::bigint * 100000000000)",
        output_field=BigIntegerField(),
    )
    + F("id"),
    output_field=BigIntegerField(),
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab: its word, how many, where it leads, the tone of its count."""

    label: Any
    count: int
    address: str
    current: bool
    tone: str = ""


@dataclass(slots=True)
class Totals:
    """How many bills, and what they come to; void ones among others are counted apart, as nobody pays them."""

    count: int = 0
    duty: Decimal = Decimal("0.00")
    consumption: Decimal = Decimal("0.00")
    vat: Decimal = Decimal("0.00")
    total: Decimal = Decimal("0.00")
    void: int = 0
    void_total: Decimal = Decimal("0.00")

    @property
    def rows(self) -> int:
        """How many are listed."""
        return self.count + self.void


@dataclass(frozen=True, slots=True)
class Row:
    """One tax bill of the list."""

    bill: TaxBill
    address: str
    released: str
    look: Look
    deadline: Deadline
    differs: bool
    #: Somebody else pays it.
    is_others: bool

    @property
    def is_void(self) -> bool:
        """Whether nobody pays it any more."""
        return self.bill.state == BillState.VOID


@dataclass(slots=True)
class Note:
    """A payment note: customs gathered bills into it, and they are paid by it in one sum."""

    number: str
    all: Totals
    #: What is still to be paid of it, and the last day of the bill that was released first.
    left: Amount
    closes: date | None
    phase: str
    #: Whether the enterprise itself pays it; else it may see a part of its bills only.
    is_ours: bool
    paid_on: date | None = None
    address: str = ""

    @property
    def tone(self) -> str:
        """How near its last day is."""
        return {Phase.CLOSING: "warn", Phase.OVERDUE: "bad"}.get(Phase(self.phase), "") if self.left.count else ""


@dataclass(slots=True)
class BillList:
    """Everything the list shows."""

    filter: Filter
    tabs: list[Tab]
    rows: list[Row]
    totals: Totals
    districts: list[str]
    note: Note | None = None
    newer: str = ""
    older: str = ""
    days: Sequence[tuple[str, Any]] = field(default=tuple(DAYS.items()))
    capacities: Sequence[tuple[str, Any]] = field(default=tuple(CAPACITIES.items()))

    @property
    def by_deadline(self) -> bool:
        """Whether the rows stand by their last day instead of by arrival."""
        return self.filter.tab == WINDOW


def bill_list(actor: Actor, asked: Filter) -> BillList:
    """The page of the list that is asked for."""
    on = today()
    everything = bills_of(actor)
    narrowed = asked.narrowed(everything, actor.enterprise)
    groups = grouped(narrowed, on)
    part = _part(asked.in_tab(narrowed, on), asked)
    return BillList(
        filter=asked,
        tabs=_tabs(asked, groups),
        rows=[row(bill, on, actor.enterprise.pk) for bill in part.rows],
        totals=totals(asked.tab, groups),
        districts=list(everything.order_by("customs_code").values_list("customs_code", flat=True).distinct()),
        note=next(iter(_notes(everything.filter(duty_no=asked.duty_no), actor, on)), None) if asked.duty_no else None,
        newer=asked.address(**part.back) if part.back else "",
        older=asked.address(**part.on) if part.on else "",
    )


def notes_to_pay(actor: Actor) -> list[Note]:
    """The payment notes the enterprise has to pay, the first to end first; as many as are worth listing."""
    unpaid = guaranteed_by(actor).filter(state=BillState.CONSOLIDATED).exclude(duty_no="")
    return _notes(unpaid, actor, today())[:MOST_NOTES]


def _notes(bills: QuerySet[TaxBill], actor: Actor, on: date) -> list[Note]:
    """The payment notes of bills, one question."""
    is_left, is_void = Q(state__in=UNSETTLED), Q(state=BillState.VOID)
    found = (
        bills.order_by()
        .values("duty_no")
        .annotate(
            many=Count("id", filter=~is_void),
            amount=Sum("total", filter=~is_void),
            void_many=Count("id", filter=is_void),
            void_amount=Sum("total", filter=is_void),
            left=Count("id", filter=is_left),
            left_amount=Sum("total", filter=is_left),
            first=Min("released_on", filter=is_left),
            paid=Max("paid_on"),
            others=Count("id", filter=~Q(guarantor=actor.enterprise) | Q(guarantor=None)),
        )
        .order_by(F("first").asc(nulls_last=True), "duty_no")
    )
    return [
        Note(
            number=one["duty_no"],
            all=Totals(
                one["many"], total=one["amount"] or _ZERO, void=one["void_many"], void_total=one["void_amount"] or _ZERO
            ),
            left=Amount(one["left"], one["left_amount"] or _ZERO),
            closes=Window(one["first"]).closes if one["first"] else None,
            phase=phase_of(one["first"], on, is_noted=True),
            is_ours=not one["others"],
            paid_on=one["paid"],
            address=Filter(duty_no=one["duty_no"]).address(),
        )
        for one in found
    ]


def grouped(bills: QuerySet[TaxBill], on: date) -> Sequence[Mapping[str, Any]]:
    """Counts and sums by state, phase and verdict, in one question: tabs and totals both come of it."""
    verdict = Case(When(OURS_DIFFERS, then=Value(True)), default=Value(False), output_field=BooleanField())
    return list(
        bills.order_by()
        .annotate(phase=phase_on(on), differs=verdict)
        .values("state", "phase", "differs")
        .annotate(many=Count("id"), **{f"sum_{name}": Sum(name) for name in _SUMS})
    )


def totals(tab: str, groups: Sequence[Mapping[str, Any]]) -> Totals:
    """What stands under a tab, added up."""
    found = Totals()
    for group in groups:
        if not counts_in(tab, group["state"], group["phase"], group["differs"]):
            continue
        if group["state"] == BillState.VOID != tab:
            found.void += group["many"]
            found.void_total += group["sum_total"]
        else:
            found.count += group["many"]
            for name in _SUMS:
                setattr(found, name, getattr(found, name) + group[f"sum_{name}"])
    return found


def row(bill: TaxBill, on: date, own_id: int) -> Row:
    """One bill as the list shows it."""
    return Row(
        bill=bill,
        address=reverse("tax_bill", kwargs={"pk": bill.pk}),
        released=short(bill.released_on, on),
        look=BILL_LOOKS[bill.state],
        deadline=deadline(bill, on),
        differs=differs(bill),
        is_others=bill.guarantor_id != own_id,
    )


def differs(bill: TaxBill) -> bool:
    """Whether our own computation is there and another than customs'; the same as `OURS_DIFFERS`."""
    ours = (bill.own_duty, bill.own_consumption, bill.own_vat)
    return None not in ours and ours != (bill.duty, bill.consumption, bill.vat) and bill.state != BillState.VOID


def _tabs(asked: Filter, groups: Sequence[Mapping[str, Any]]) -> list[Tab]:
    found = []
    for slug, label in TABS.items():
        count = totals(slug, groups).rows
        if count or slug != DIFFERS or asked.tab == DIFFERS:
            tone = "warn" if slug in (WINDOW, DIFFERS) and count else ""
            found.append(Tab(label, count, asked.address(tab=slug), slug == asked.tab, tone))
    return found


def in_order(bills: QuerySet[TaxBill], tab: str) -> QuerySet[TaxBill]:
    """As a tab lists them: what is to be paid by its last day, all else the newest first."""
    return bills.order_by(_BY_RELEASE) if tab == WINDOW else bills.order_by("-id")


def _part(bills: QuerySet[TaxBill], asked: Filter) -> Part[TaxBill]:
    if asked.tab == WINDOW:
        return part_of(bills.annotate(by_release=_BY_RELEASE), asked.place, key="by_release")
    return part_of(bills, asked.place, newest_first=True)
