"""Search by any number (step 11 of the walk): own documents by the beginning of any number they carry, others' by the
exact number where they name this enterprise, tax bills and payment notes by theirs.

What belongs to others and names us not is answered exactly as what does not exist. Every look-up is an index probe
(migration 0004); their number is the same whatever was filed.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, F, Max, Q, QuerySet, Sum, Value
from django.db.models.functions import Collate
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from accounts.access import Actor
from declarations.doors.chain import Told, address_of, called, own
from declarations.doors.tables import look
from declarations.kinds import KINDS
from declarations.kinds import kind as kind_of
from declarations.kinds.kind import Kind
from declarations.models import Document
from ledger.access import bills_of, may_see_bills
from ledger.models import BillState, TaxBill
from ledger.pages.filter import Filter
from ledger.pages.looks import BILL_LOOKS, UNSETTLED
from portal.looks import Look
from portal.money import money
from portal.prefix import begins

#: The longest number there is, and from how many characters on a beginning is enough.
LONGEST, SHORTEST_BEGINNING = 60, 6
#: So many results are shown; one more is asked for, to know that there are more.
MOST = 20

#: The numbers of other things a document carries, beside its own and the order's.
CARRIED: dict[str, tuple[str, ...]] = {
    "order": ("pay_transaction_id",),
    "payment": (),
    "waybill": ("bill_no",),
    "inventory": ("invt_no", "pre_no", "logistics_no", "bill_no", "ems_no"),
}
BILL_NUMBERS = ("tax_no", "invt_no", "order_no", "logistics_no")


class Hit(NamedTuple):
    """A number found: on which document, as which of its fields."""

    slug: str
    pk: int
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the answer; `address` is empty where there is no page, `trade` leads to an own document of the trade."""

    label: str
    number: str
    look: Look
    who: str
    at: datetime
    found_by: str = ""
    address: str = ""
    trade: str = ""
    order_no: str = ""


@dataclass(slots=True)
class Answer:
    """Everything the page of results shows."""

    asked: str
    own: Sequence[Result] = ()
    others: Sequence[Result] = ()
    bills: Sequence[Result] = ()
    #: Payment notes; their bills stand on the page of the note, so they are not listed one by one.
    notes: Sequence[Result] = ()
    has_more: bool = False
    #: Whether the number is a whole one: then there is no more of it to type.
    is_whole: bool = False
    fault: str = ""

    @property
    def count(self) -> int:
        """How many results there are."""
        return len(self.own) + len(self.others) + len(self.bills) + len(self.notes)

    @property
    def leads_to(self) -> str:
        """The one page that says all of it: of the only own document, where the rest is its trade, or of the only bill or note."""
        pages = [*self.own, *self.bills, *self.notes]
        is_only = len(self.own) == 1 or (len(pages) == 1 and not self.others)
        if self.has_more or not is_only:
            return ""
        same_trade = all(one.order_no == pages[0].order_no for one in [*pages, *self.others])
        return pages[0].address if same_trade else ""


def tidied(text: str) -> str:
    """A number as people paste it: full-width characters as plain ones, without spaces or anything invisible."""
    plain = unicodedata.normalize("NFKC", text[: 4 * LONGEST])
    return "".join(char for char in plain if char.isprintable() and not char.isspace())


def answer(actor: Actor, text: str) -> Answer:
    """What this member finds under a number; the same number of queries whatever there is to find."""
    asked = tidied(text)
    if not asked:
        return Answer("")
    if len(asked) > LONGEST:
        return Answer(asked[:LONGEST], fault=_("编号最长 %(most)s 个字符") % {"most": LONGEST})
    numbers = list(dict.fromkeys([asked, asked.upper()]))
    hits, has_more = _bounded(_own(actor, numbers), numbers)
    documents = Document.objects.filter(enterprise=actor.enterprise).in_bulk([hit.pk for hit in hits])
    told = _others(numbers)
    trades = {one.order_no: address_of(actor, one) for one in reversed(own(actor, [one.order_no for one in told]))}
    bills, more_bills = _bills(actor, numbers)
    exact = [hit.value in numbers for hit in hits] + [bool(_carried(bill, numbers)) for bill in bills]
    return Answer(
        asked,
        [_result(actor, documents[hit.pk], hit) for hit in hits if hit.pk in documents],
        [_told(one, trades.get(one.order_no, "")) for one in told],
        [_bill(actor, bill, numbers) for bill in bills],
        _notes(actor, numbers),
        has_more or more_bills,
        all(exact),
    )


def _own(actor: Actor, numbers: Iterable[str]) -> list[Hit]:
    """Own documents that carry such a number; one query of index probes."""
    probes = [
        probe
        for kind in KINDS
        if kind.filed_by & set(actor.enterprise.types)
        for number in numbers
        for probe in _probes(actor, kind, number)
    ]
    if not probes:
        return []
    first, *rest = probes
    return [Hit(*row) for row in first.union(*rest, all=True)]


def _probes(actor: Actor, kind: Kind, number: str) -> Iterator[QuerySet[Any, tuple[Any, ...]]]:
    """A look into each index of a kind, for so many rows as are shown."""
    documents = Document.objects.filter(enterprise=actor.enterprise, kind=kind.slug)
    for column in dict.fromkeys(["order_no"] if kind.number == kind.order_no else ["number", "order_no"]):
        name = kind.order_no if column == "order_no" else kind.number
        yield _probe(documents.filter(_fits(column, number)), kind, name, F(column))
    for name in CARRIED[kind.slug]:
        bodies = kind.body._default_manager.filter(enterprise=actor.enterprise).exclude(**{name: ""})
        plain = bodies.alias(plain=Collate(F(name), "C"))
        yield _probe(plain.filter(_fits("plain", number)), kind, name, Collate(F(name), "C"))


def _fits(column: str, number: str) -> Q:
    return Q(**{column: number}) if len(number) < SHORTEST_BEGINNING else begins(column, number)


def _probe(rows: QuerySet[Any], kind: Kind, name: str, value: Any) -> QuerySet[Any, tuple[Any, ...]]:
    found = rows.order_by(value).values_list(Value(kind.slug), "pk", Value(name), value)
    return found[: MOST + 1]


def _bounded(hits: Sequence[Hit], numbers: Sequence[str]) -> tuple[list[Hit], bool]:
    """One hit for each document, exact ones only where there are any, as many as are shown; and whether there were more."""
    exact = [hit for hit in hits if hit.value in numbers]
    by_document: dict[int, Hit] = {}
    for hit in exact or hits:
        by_document.setdefault(hit.pk, hit)
    return list(by_document.values())[:MOST], len(by_document) > MOST


def _others(numbers: Sequence[str]) -> list[Told]:
    return sorted(called(numbers), key=lambda one: KINDS.index(kind_of(one.kind)))


def _bills(actor: Actor, numbers: Sequence[str]) -> tuple[list[TaxBill], bool]:
    """Tax bills of exactly such a number, else those whose own number begins so; one query of index probes."""
    if not may_see_bills(actor):
        return [], False
    bills = bills_of(actor)
    exact = [bills.filter(**{f"{name}__in": numbers}) for name in BILL_NUMBERS]
    first, *rest = [*exact, *(bills.filter(_fits("tax_no", number)) for number in numbers)]
    keys = [bill.order_by("-id")[: MOST + 1] for bill in (first, *rest)]
    found = list(keys[0].union(*keys[1:]))
    meant = [bill for bill in found if _carried(bill, numbers)] or found
    meant.sort(key=lambda bill: bill.pk, reverse=True)
    return meant[:MOST], len(meant) > MOST


def _notes(actor: Actor, numbers: Sequence[str]) -> list[Result]:
    """Payment notes of exactly such a number: how many of the enterprise's bills they gather, and what these come to."""
    if not may_see_bills(actor):
        return []
    is_void = Q(state=BillState.VOID)
    found = bills_of(actor).filter(duty_no__in=numbers).values("duty_no").order_by("duty_no")
    told = found.annotate(
        many=Count("pk", filter=~is_void), total=Sum("total", filter=~is_void), at=Max("billed_at"),
        left=Count("pk", filter=Q(state__in=UNSETTLED)),
    )  # fmt: skip
    return [_note(row) for row in told]


def _carried(bill: TaxBill, numbers: Iterable[str]) -> str:
    """By which of its numbers a bill is found exactly; empty when only by a beginning."""
    return next((name for name in BILL_NUMBERS if getattr(bill, name) in numbers), "")


def _result(actor: Actor, document: Document, hit: Hit) -> Result:
    kind = kind_of(hit.slug)
    found_by = "" if hit.value == document.number else f"{kind.field(hit.field).label} {hit.value}"
    return Result(
        label=capfirst(str(kind.label)), number=document.number, look=look(document.state, document.code),
        who=_("本企业"), at=document.state_at, found_by=found_by, order_no=document.order_no,
        address=reverse("detail", kwargs={"kind": kind.slug, "pk": document.pk}),
    )  # fmt: skip


def _told(one: Told, trade: str) -> Result:
    return Result(
        label=capfirst(str(kind_of(one.kind).label)), number=one.number, look=look(one.state, one.code),
        who=one.filer, at=one.state_at, order_no=one.order_no, trade=trade,
    )  # fmt: skip


def _bill(actor: Actor, bill: TaxBill, numbers: Sequence[str]) -> Result:
    name = _carried(bill, numbers) or "tax_no"
    label = bill._meta.get_field(name).verbose_name  # type: ignore[union-attr]
    return Result(
        label=_("税单"), number=bill.tax_no, look=_drawn(bill.state),
        who=_("海关"), at=bill.billed_at, found_by="" if name == "tax_no" else f"{label} {getattr(bill, name)}",
        address=reverse("tax_bill", kwargs={"pk": bill.pk}), order_no=bill.order_no,
    )  # fmt: skip


def _note(row: Mapping[str, Any]) -> Result:
    """A payment note is as far as its bills are; void ones do not count."""
    state = BillState.CONSOLIDATED if row["left"] else BillState.PAID if row["many"] else BillState.VOID
    sums = _("%(count)s 张，%(total)s 元") % {"count": row["many"], "total": money(row["total"] or 0)}
    return Result(
        label=_("缴款书"), number=row["duty_no"], look=_drawn(state), who=_("海关"), at=row["at"], found_by=sums,
        address=Filter(duty_no=row["duty_no"]).address(),
    )  # fmt: skip


def _drawn(state: str) -> Look:
    drawn = BILL_LOOKS[state]
    return Look(drawn.tone, drawn.icon, drawn.word, drawn.code)
