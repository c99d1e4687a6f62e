"""What the enterprise has to pay as guarantor, and when: figures, the strip of the days 0 to 45, the months."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Max, Min, Sum
from django.db.models.functions import Coalesce, TruncMonth
from django.utils.translation import gettext as _

from accounts.access import Actor
from ledger.access import guaranteed_by
from ledger.models import BillState
from ledger.pages.filter import WINDOW, Filter
from ledger.pages.looks import UNSETTLED, short
from ledger.window import CLOSING_DAY, DUE, FIRST_DAY, LAST_DAY, Phase, Window, phase_of, today

MONTHS = 6
#: Height of the strip in pixels, as the page draws it.
STRIP = 96


@dataclass(slots=True)
class Amount:
    """How many bills, and their sum."""

    count: int = 0
    total: Decimal = Decimal("0.00")
    address: str = ""

    def add(self, count: int, total: Decimal) -> None:
        """Some more."""
        self.count += count
        self.total += total


@dataclass(frozen=True, slots=True)
class Day:
    """One day after release in the strip: what was released on it, how far that is, and where its bar stands."""

    number: int
    released_on: date
    amount: Amount
    phase: Phase
    height: int
    closes: date
    #: The lower part of the bar: what has a payment note.
    noted: int = 0

    @property
    def x(self) -> str:
        """Where its bar begins."""
        return f"{100 * self.number / (LAST_DAY + 1):.3f}%"

    @property
    def top(self) -> int:
        """How far below the upper edge its bar begins."""
        return STRIP - self.height

    @property
    def noted_top(self) -> int:
        """How far below it the part with a payment note begins."""
        return STRIP - self.noted


@dataclass(frozen=True, slots=True)
class Month:
    """What was released in one month: paid and still to be paid, how far the payment is, and its workbook."""

    name: str
    amount: Amount
    unpaid: Amount
    paid: Amount
    word: str
    tone: str
    export: str

    @property
    def parts(self) -> tuple[Amount, Amount]:
        """Still to be paid, and paid."""
        return self.unpaid, self.paid


@dataclass(slots=True)
class Schedule:
    """The days of all bills the enterprise guarantees and has not settled."""

    on: date
    phases: dict[str, Amount]
    days: list[Day]
    last_today: Amount
    #: Those that may be paid before day 31, as their payment note is issued.
    early: Amount
    months: list[Month] = field(default_factory=list)
    bar: str = f"{92 / (LAST_DAY + 1):.3f}%"
    height: int = STRIP

    @property
    def waiting(self) -> Amount:
        """Released, day 0 to 30."""
        return self.phases[Phase.WAITING]

    @property
    def open(self) -> Amount:
        """Day 31 to 42, or earlier with a payment note."""
        return self.phases[Phase.OPEN]

    @property
    def by_day(self) -> int:
        """How many of the open ones are so by their day of release, with or without a note."""
        return self.open.count - self.early.count

    @property
    def closing(self) -> Amount:
        """Day 43 to 45."""
        return self.phases[Phase.CLOSING]

    @property
    def overdue(self) -> Amount:
        """Past day 45."""
        return self.phases[Phase.OVERDUE]

    @property
    def unreleased(self) -> Amount:
        """A bill is there, the list's release is not known."""
        return self.phases[Phase.UNRELEASED]

    @property
    def payable(self) -> Amount:
        """Day 31 to 45, or earlier with a payment note."""
        asked = Filter(tab=WINDOW, phases=(Phase.OPEN, Phase.CLOSING), capacity="guarantor")
        return Amount(self.open.count + self.closing.count, self.open.total + self.closing.total, asked.address())

    @property
    def zones(self) -> Sequence[tuple[date, date]]:
        """First and last day of release of the three zones of the strip."""
        starts = (FIRST_DAY - 1, CLOSING_DAY - 1, LAST_DAY)
        ends = (0, FIRST_DAY, CLOSING_DAY)
        return [
            (self.on - timedelta(days=start), self.on - timedelta(days=end))
            for start, end in zip(starts, ends, strict=True)
        ]

    @property
    def listed(self) -> list[Day]:
        """The days on which something was released, the next to end first."""
        return [day for day in reversed(self.days) if day.amount.count]


def schedule(actor: Actor) -> Schedule | None:
    """Two questions: unsettled bills by day of release, and all by month; None where the enterprise guarantees none."""
    on, bills = today(), guaranteed_by(actor).order_by()
    by_day = list(
        bills.filter(state__in=UNSETTLED).values("released_on", "state").annotate(many=Count("id"), amount=Sum("total"))
    )
    since = _months_back(on, MONTHS - 1)
    by_month = list(
        bills.filter(released_on__gte=since)
        .exclude(state=BillState.VOID)
        .annotate(month=TruncMonth("released_on"))
        .values("month", "state")
        .annotate(
            many=Count("id"),
            amount=Sum(Coalesce("paid_total", "total")),
            first=Min("released_on"),
            last=Max("released_on"),
        )
    )
    if not by_day and not by_month:
        return None
    return arranged(on, by_day, by_month)


def arranged(on: date, by_day: Iterable[Mapping[str, Any]], by_month: Iterable[Mapping[str, Any]]) -> Schedule:
    """The schedule of a day, from what the database counted."""
    phases = {str(phase): Amount(address=_in_phase(phase)) for phase in Phase}
    released: dict[int, Amount] = defaultdict(Amount)
    noted: dict[date, Decimal] = defaultdict(Decimal)
    early = Amount()
    for group in by_day:
        day, count, total = group["released_on"], group["many"], group["amount"]
        is_noted = group["state"] == BillState.CONSOLIDATED
        phases[phase_of(day, on, is_noted=is_noted)].add(count, total)
        if is_noted and phase_of(day, on) not in DUE:
            early.add(count, total)
        if is_noted and day:
            noted[day] += total
        if day:
            released[(on - day).days].add(count, total)
    most = max((amount.total for number, amount in released.items() if 0 <= number <= LAST_DAY), default=Decimal(0))
    days = []
    for number in range(LAST_DAY + 1):
        day, amount = on - timedelta(days=number), released[number]
        amount.address = Filter(since=day, until=day).address()
        height, lower = (max(2, round(STRIP * total / most)) if total else 0 for total in (amount.total, noted[day]))
        days.append(Day(number, day, amount, phase_of(day, on), height, Window(day).closes, lower))
    return Schedule(on, phases, days, last_today=released[LAST_DAY], early=early, months=_months(on, by_month))


def _in_phase(phase: Phase) -> str:
    """The list of what stands in a phase and is not settled."""
    return Filter(tab=WINDOW if phase in DUE else BillState.MADE, phases=(phase,), capacity="guarantor").address()


def _months(on: date, groups: Iterable[Mapping[str, Any]]) -> list[Month]:
    found: dict[date, list[Mapping[str, Any]]] = defaultdict(list)
    for group in groups:
        found[group["month"]].append(group)
    months = []
    for first in sorted(found, reverse=True):
        last = _months_back(first, -1) - timedelta(days=1)
        asked = Filter(since=first, until=last, capacity="guarantor")
        amount, unpaid, paid = Amount(address=asked.address()), Amount(), Amount()
        for group in found[first]:
            for part in (amount, paid if group["state"] == BillState.PAID else unpaid):
                part.add(group["many"], group["amount"])
        word, tone = _how_far([group for group in found[first] if group["state"] in UNSETTLED], on)
        months.append(Month(f"{first:%Y-%m}", amount, unpaid, paid, word, tone, asked.export_address))
    return months


def _how_far(unsettled: Sequence[Mapping[str, Any]], on: date) -> tuple[str, str]:
    """How far the payment of a month is, in words, and the tone; by the days on which something really was released."""
    if not unsettled:
        return _("已缴清"), "ok"
    left = sum(group["many"] for group in unsettled)
    first, last = min(group["first"] for group in unsettled), max(group["last"] for group in unsettled)
    is_noted = any(group["state"] == BillState.CONSOLIDATED for group in unsettled)
    if phase_of(first, on, is_noted=is_noted) == Phase.WAITING:
        return _("未到缴纳日，%(day)s 起") % {"day": short(Window(first).opens, on)}, ""
    if Window(last).phase(on) == Phase.OVERDUE:
        return _("逾期 %(count)d 张") % {"count": left}, "bad"
    return _("未缴 %(count)d 张") % {"count": left}, "warn"


def _months_back(day: date, count: int) -> date:
    """The first day of the month so many before."""
    months = day.year * 12 + day.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)
