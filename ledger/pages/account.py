"""The guarantee account: what is left, what is held for which days, every movement, and what does not agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Count, Min, Q, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import Actor
from ledger.access import discrepancies_of, guarantee_of, guaranteed_by, movements_of
from ledger.guarantee import OF_APPLICATION
from ledger.models import Account, BillState, DiscrepancyKind, Entry, Guarantee, Purpose, Transfer, TransferKind
from ledger.pages.bill import Open, opened
from ledger.pages.filter import WINDOW, Filter
from ledger.pages.looks import TRANSFER_LOOKS
from ledger.window import DUE, FIRST_DAY, Phase, phase_of, today
from portal.looks import Look
from portal.paging import part_of
from portal.period import Period
from portal.prefix import begins
from portal.sentences import speak

#: Below this share of the whole, what is left is spoken of.
LOW_SHARE = Decimal("0.2")
#: How long before its last day the end of a letter is spoken of.
ENDS_SOON = timedelta(days=30)
_ZERO = Decimal("0.00")
#: How many open discrepancies the page lists, and how many of them before they are asked for.
MOST_OPEN, FIRST_OPEN = 50, 4


@dataclass(slots=True)
class Standing:
    """How a guarantee stands."""

    guarantee: Guarantee
    available: Decimal = _ZERO
    held: Decimal = _ZERO

    @property
    def total(self) -> Decimal:
        """What was given in all, less what was taken back."""
        return self.available + self.held

    @property
    def has_ended(self) -> bool:
        """Whether the last day of the letter is over: what is held stays, nothing new is."""
        last = self.guarantee.valid_to
        return last is not None and last < today()

    @property
    def ends_soon(self) -> bool:
        """Whether a new letter should be under way: a bank needs a month."""
        last = self.guarantee.valid_to
        return last is not None and not self.has_ended and last - today() <= ENDS_SOON

    @property
    def is_low(self) -> bool:
        """Whether less than a fifth is left."""
        return self.available < self.total * LOW_SHARE

    @property
    def percent_left(self) -> int:
        """What is left of the whole, in percent."""
        return int(100 * self.available / self.total) if self.total else 0


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Lists that customs does not release because the enterprise's guarantee is too small there: how many, their tax."""

    count: int
    total: Decimal
    since: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """One part of what is held: why, and how much."""

    slug: str
    word: str
    amount: Decimal
    address: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of the bar, drawn without inline style."""

    slug: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Movement:
    """One transfer as the list shows it, seen from what is left."""

    transfer: Transfer
    look: Look
    change: Decimal
    available: Decimal | None
    held: Decimal | None
    note: str
    bill: str


@dataclass(slots=True)
class MovementFilter:
    """What the address asks for; an entry that means nothing is left out and said in `faults`."""

    kind: str = ""
    q: str = ""
    since: date | None = None
    until: date | None = None
    place: Mapping[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "MovementFilter":
        """Read an address: never an error, whatever stands in it."""
        kind, period = query.get("kind", ""), Period.of(query)
        return cls(
            kind=kind if kind in TransferKind.values else "",
            q="".join(query.get("q", "").split()).replace("\x00", "")[:30],
            since=period.since,
            until=period.until,
            place={name: query.get(name, "") for name in ("before", "after")},
            faults=period.faults,
        )

    @property
    def is_narrow(self) -> bool:
        """Whether anything restricts the list."""
        return any((self.kind, self.q, self.since, self.until))

    def in_words(self) -> str:
        """The filter as a reader would say it."""
        said = [self.q]
        if self.kind:
            said.append(str(TRANSFER_LOOKS[self.kind].word))
        if self.since:
            said.append(_("%(day)s 起") % {"day": self.since})
        if self.until:
            said.append(_("至 %(day)s") % {"day": self.until})
        return _("，").join(part for part in said if part)

    def narrowed(self, movements: QuerySet[Transfer]) -> QuerySet[Transfer]:
        """The movements that fit."""
        if self.kind:
            movements = movements.filter(kind=self.kind)
        if self.q:
            movements = movements.filter(begins("list_no", self.q))
        if self.since:
            movements = movements.filter(happened_at__gte=_midnight(self.since))
        if self.until and self.until < date.max:
            movements = movements.filter(happened_at__lt=_midnight(self.until + timedelta(days=1)))
        return movements

    def address(self, **changes: Any) -> str:
        """The list under this filter with some entries changed; the page always starts anew."""
        return reverse("guarantee") + self._asking(**changes)

    @property
    def export_address(self) -> str:
        """The workbook of the list under this filter."""
        return reverse("guarantee_export") + self._asking()

    def _asking(self, **changes: Any) -> str:
        entries = {
            "kind": self.kind, "q": self.q, "since": self.since or "", "until": self.until or "", **changes
        }  # fmt: skip
        asked = urlencode({name: value for name, value in entries.items() if value})
        return f"?{asked}" if asked else ""

    @property
    def clear_address(self) -> str:
        """Without a filter."""
        return reverse("guarantee")


@dataclass(slots=True)
class AccountPage:
    """Everything the page shows; ``standing`` is None where the enterprise has given no guarantee."""

    filter: MovementFilter
    standing: Standing | None
    movements: list[Movement]
    count: int = 0
    more: Decimal = _ZERO
    less: Decimal = _ZERO
    newer: str = ""
    older: str = ""
    shares: list[Share] = field(default_factory=list)
    open: list[Open] = field(default_factory=list)
    open_count: int = 0
    held_up: HeldUp | None = None
    kinds: Sequence[tuple[str, Any]] = field(
        default_factory=lambda: [(kind, look.word) for kind, look in TRANSFER_LOOKS.items()]
    )

    @property
    def has_bad(self) -> bool:
        """Whether something open keeps goods from being released."""
        return any(one.tone == "bad" for one in self.open)

    @property
    def folded(self) -> int:
        """How many of the open discrepancies are listed only when asked for."""
        return max(len(self.open) - FIRST_OPEN, 0)

    @property
    def net(self) -> Decimal:
        """What the movements of the filter come to."""
        return self.more + self.less

    @property
    def taken(self) -> Decimal:
        """What the movements of the filter took, without its sign."""
        return -self.less

    @property
    def bars(self) -> list[Bar]:
        """The parts of the whole as a bar."""
        total = sum((share.amount for share in self.shares), _ZERO)
        bars, start = [], _ZERO
        for share in self.shares:
            if share.amount:
                width = 100 * share.amount / total
                bars.append(Bar(share.slug, f"{start:.2f}%", f"{width:.2f}%"))
                start += width
        return bars


def standing_of(actor: Actor) -> Standing | None:
    """How the enterprise's guarantee stands; None where it has given none."""
    guarantee = guarantee_of(actor)
    return standing(guarantee) if guarantee else None


def standing(guarantee: Guarantee) -> Standing:
    """How a guarantee stands, by its accounts."""
    balances = dict(Account.objects.filter(guarantee=guarantee).values_list("purpose", "balance"))
    return Standing(guarantee, balances.get(Purpose.AVAILABLE, _ZERO), balances.get(Purpose.HELD, _ZERO))


def held_up(actor: Actor) -> HeldUp | None:
    """The lists that wait at customs for this enterprise's guarantee; None where there are none."""
    told = discrepancies_of(actor).filter(kind=DiscrepancyKind.HELD_UP)
    found = told.aggregate(many=Count("id"), total=Sum("theirs"), since=Min("opened_at"))
    return HeldUp(found["many"], found["total"] or _ZERO, found["since"]) if found["many"] else None


def account_page(actor: Actor, asked: MovementFilter) -> AccountPage:
    """The page that is asked for."""
    found = standing_of(actor)
    open_ones = discrepancies_of(actor)
    page = AccountPage(
        asked,
        found,
        [],
        open=opened(open_ones.order_by("id")[:MOST_OPEN]),
        open_count=open_ones.count(),
        held_up=held_up(actor),
    )
    if found is None:
        return page
    narrowed = asked.narrowed(movements_of(actor))
    part = part_of(narrowed, asked.place, newest_first=True)
    page.movements = movements(actor, part.rows)
    page.newer = asked.address(**part.back) if part.back else ""
    page.older = asked.address(**part.on) if part.on else ""
    page.count, page.more, page.less = changes(narrowed)
    page.shares = [share for share in shares_of(found) if share.amount or share.slug == "ok"]
    return page


def changes(narrowed: QuerySet[Transfer]) -> tuple[int, Decimal, Decimal]:
    """How many movements, and what they added to and took from what is left."""
    told = Entry.objects.filter(transfer__in=narrowed, account__purpose=Purpose.AVAILABLE).aggregate(
        many=Count("id"), more=Sum("amount", filter=Q(amount__gt=0)), less=Sum("amount", filter=Q(amount__lt=0))
    )
    return told["many"], told["more"] or _ZERO, told["less"] or _ZERO


def movements(actor: Actor, rows: Sequence[Transfer]) -> list[Movement]:
    """Transfers with what they left on both accounts, and the tax bill of their list."""
    sides: dict[tuple[int, str], Entry] = {}
    entries = Entry.objects.filter(transfer__in=rows).select_related("account")
    for entry in entries:
        sides[entry.transfer_id, entry.account.purpose] = entry
    numbers = {one.list_no for one in rows if one.list_no}
    bills = dict(guaranteed_by(actor).filter(invt_no__in=numbers).values_list("invt_no", "pk"))
    told = []
    for one in rows:
        left, held = sides.get((one.pk, Purpose.AVAILABLE)), sides.get((one.pk, Purpose.HELD))
        bill = bills.get(one.list_no)
        told.append(
            Movement(
                transfer=one,
                look=TRANSFER_LOOKS[one.kind],
                change=left.amount if left else _ZERO,
                available=left.balance_after if left else None,
                held=held.balance_after if held else None,
                note=note_of(one),
                bill=reverse("tax_bill", kwargs={"pk": bill}) if bill else "",
            )
        )
    return told


def note_of(transfer: Transfer) -> str:
    """What is said of a movement: the kept sentence, or the voucher by which money came in or went out."""
    if transfer.kind in (TransferKind.TOP_UP, TransferKind.REDUCE) and not transfer.reason:
        # The key is the kind, the guarantee and the voucher: a voucher counts once.
        voucher = transfer.key.split(" ", 2)[-1]
        if voucher.startswith(OF_APPLICATION):
            return _("第 %(number)s 号担保申请审核通过") % {"number": voucher.removeprefix(OF_APPLICATION)}
        return _("凭证 %(voucher)s") % {"voucher": voucher}
    return speak(transfer.reason)


def shares_of(found: Standing) -> list[Share]:
    """What was given, by what it is for now: the desk and the page of the account both draw these parts, which sum to it."""
    on = today()
    held = dict.fromkeys(("idle", "warn", "info"), _ZERO)
    with connection.cursor() as cursor:
        cursor.execute(_HELD_BY_DAY, {"guarantee": found.guarantee.pk, "enterprise": found.guarantee.enterprise_id})
        for released_on, is_noted, amount in cursor.fetchall():
            phase = phase_of(released_on, on, is_noted=bool(is_noted))
            held["idle" if phase == Phase.WAITING else "warn" if phase in DUE else "info"] += amount
    waiting = Filter(tab=BillState.MADE, since=on - timedelta(days=FIRST_DAY - 1), capacity="guarantor")
    return [
        Share("idle", _("预扣，等待期"), held["idle"], waiting.address()),
        Share("warn", _("预扣，待缴"), held["warn"], Filter(tab=WINDOW, capacity="guarantor").address()),
        Share("info", _("预扣，尚未放行或税单未到"), held["info"]),
        Share("ok", _("可用"), found.available),
    ]


#: What lists really hold, by the day of release of the bills that are not settled, and whether a payment note is issued.
_HELD_BY_DAY = """
SELECT b.released_on, b.is_noted, sum(h.amount)
  FROM ledger_hold h
  LEFT JOIN (SELECT document_id, min(released_on) AS released_on, bool_or(state = 'consolidated') AS is_noted
               FROM ledger_taxbill
              WHERE guarantor_id = %(enterprise)s AND state IN ('made', 'consolidated') AND document_id IS NOT NULL
              GROUP BY document_id) b ON b.document_id = h.document_id
 WHERE h.guarantee_id = %(guarantee)s AND h.amount > 0
 GROUP BY 1, 2
"""


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
