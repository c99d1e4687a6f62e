"""The chain of one trade (step 11 of the walk): order, payment, waybill, list and tax bill as five lamps.

Each lamp says as much as the reader's enterprise may know, from three sources: its own documents; those of others that name
it (``declarations_chain``: kind, number, state, filer, times, nothing they say); and about the documents this one stands on
what customs itself would tell (``declarations_predecessors``: there or not, accepted or not). Of anything else a lamp says
who files it, and that it cannot be seen from here.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import Actor
from accounts.roles import EnterpriseType
from declarations.doors.tables import look
from declarations.kinds import KINDS, Order
from declarations.kinds import kind as kind_of
from declarations.kinds.kind import Kind
from declarations.lifecycle import FILED, REFUSED, State
from declarations.models import Document
from ledger.access import FINANCE_TYPES, bills_of, may_see_bills, names_of
from ledger.models import BillState, TaxBill
from ledger.pages.looks import BILL_LOOKS
from portal.looks import Look
from portal.money import money


class Told(NamedTuple):
    """A document of a trade as far as it may be known: of others what a function told, of the reader's own its key too."""

    kind: str
    number: str
    order_no: str
    platform_code: str
    state: str
    code: str
    filer: str
    filed_at: datetime
    state_at: datetime
    pk: int | None = None


@dataclass(frozen=True, slots=True)
class Lamp:
    """One document of the chain: how far it is, whose it is, since when, or what is missing and who owes it."""

    label: str
    look: Look
    who: str = ""
    number: str = ""
    note: str = ""
    at: datetime | None = None
    address: str = ""
    is_here: bool = False

    @property
    def is_done(self) -> bool:
        """Whether the way from it onwards is drawn as gone."""
        return self.look.tone == "ok"

    @property
    def sentence(self) -> str:
        """The lamp in words."""
        return " ".join(str(part) for part in (self.label, self.look.word, self.look.code) if part)


@dataclass(frozen=True, slots=True)
class Chain:
    """The lamps of a document's trade; `is_moving` while one of them may change without the reader."""

    lamps: Sequence[Lamp]
    is_moving: bool = False

    @property
    def sentence(self) -> str:
        """All of it in words, for who does not see it."""
        return _("，").join(lamp.sentence for lamp in self.lamps)


def stamp(chain: Chain) -> str:
    """Equal for two chains exactly when they show the same."""
    return hashlib.sha256(repr([(lamp, lamp.sentence) for lamp in chain.lamps]).encode()).hexdigest()[:8]


#: What changes no more before somebody acts.
_STILL = REFUSED | {State.RELEASED, State.CLOSED, State.SHIPPED_BACK}
#: Customs has compared the documents of the trade, and they agreed.
_COMPARED = FILED - {State.DECLARING}
_RELEASED = frozenset({State.RELEASED, State.CLOSED})
#: Customs closes a list soon after its release; so long a page still asks for it.
_CLOSES_WITHIN = timedelta(minutes=10)
#: Of several documents of a kind the one that came furthest stands for all; refused ones come last.
_RANKS = {state: -1 if state in REFUSED else rank for rank, state in enumerate(State)}


def chain(actor: Actor, kind: Kind, document: Document) -> Chain:
    """The chain a document of the actor's enterprise belongs to; a bounded number of queries, whatever was filed."""
    trade = _Trade(actor, kind, document)
    return Chain([*(trade.lamp(other) for other in KINDS), trade.bill_lamp()], trade.is_moving)


def named(order_numbers: Iterable[str]) -> list[Told]:
    """The documents of others about these orders on which the acting enterprise is named, newest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM declarations_chain(%s)", [list(order_numbers)])
        return [Told(*row) for row in cursor.fetchall()]


def own(actor: Actor, order_numbers: Iterable[str]) -> list[Told]:
    """The enterprise's own documents about these orders, newest first; one query."""
    about = Document.objects.filter(
        enterprise=actor.enterprise, kind__in=[kind.slug for kind in KINDS], order_no__in=list(order_numbers)
    )
    names = ("kind", "number", "order_no", "platform_code", "state", "code", "filed_at", "state_at", "pk")
    us = _("本企业")
    return [
        Told(slug, number, order_no, platform, state, code, us, filed_at, state_at, pk)
        for slug, number, order_no, platform, state, code, filed_at, state_at, pk in about.order_by("-pk").values_list(
            *names
        )
    ]


def called(numbers: Iterable[str]) -> list[Told]:
    """The documents of others on which the acting enterprise is named and that are called exactly so, newest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM declarations_search(%s)", [list(numbers)])
        return [Told(*row) for row in cursor.fetchall()]


class Lack(NamedTuple):
    """What own documents at 2 lack: `missing` is what is known not to be there, `why` says of each kind who files it."""

    kind: str
    missing: str
    why: str
    documents: int
    since: datetime


def lacks() -> list[Lack]:
    """What the enterprise's documents at 2 lack, as the lamps of their trades show it; one query.

    Nothing of a trade whose list has come: then customs compares, or the list says itself what is next.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, own_codes, payer, seen, documents, since FROM declarations_lacking()")
        rows = cursor.fetchall()
    found = [_lack(*row) for row in rows]
    return [one for one in found if one]


#: How `declarations_lacking` says how far a document came.
_REFUSED, _ACCEPTED = 0, 2


def _lack(slug: str, own_codes: str, payer: str, seen: str, documents: int, since: datetime) -> Lack | None:
    own_kind, ours = kind_of(slug), set(own_codes.split(",")) - {""}
    came = {other: int(best) for other, best in (one.split(":") for one in seen.split(",") if one)}
    if came.get("inventory") in {_REFUSED, _ACCEPTED}:
        return None
    missing, said = [], []
    for other in (one for one in KINDS if one.slug != slug and came.get(one.slug) != _ACCEPTED):
        words = {"document": other.label, "owner": payer if other.slug == "payment" and payer else owners(other)}
        names_us = _where_named(own_kind, ours, other)
        if other.slug in came:
            refused = came[other.slug] == _REFUSED
            said.append(
                (_("%(document)s被退单，由%(owner)s更正") if refused else _("%(document)s已申报，海关尚未接受")) % words
            )
        elif names_us or other.slug in own_kind.after:
            said.append(_("%(document)s由%(owner)s申报") % words)
        else:
            said.append(_("%(document)s由%(owner)s申报（本企业看不到）") % words)
            continue
        missing.append(other.slug)
        if other.slug == "order":
            break  # the others come after it
    if not said:
        return None
    names = _("、").join(str(kind_of(one).label) for one in missing) or _("其他单证（本企业看不到）")
    return Lack(slug, names, _("；").join(said), documents, since)


def _where_named(own_kind: Kind, ours: Iterable[str], other: Kind) -> set[bool]:
    """Whether another document names us where an own one does: True where it must, False where it may; empty: never."""
    return {other.field(code).required for code in _code_fields(own_kind) & set(ours) & _code_fields(other)}


def owners(kind: Kind, body: Any = None) -> str:
    """Who files documents of a kind: the enterprises another document names for it, else the types of enterprise."""
    return _("、").join(_candidates(kind, body))


def _candidates(kind: Kind, body: Any) -> list[str]:
    names = [getattr(body, name, "") for _code, name in kind.own]
    types = [str(owner.label) for owner in EnterpriseType if owner in kind.filed_by]
    return list(dict.fromkeys(name for name in names if name)) or types


def address_of(actor: Actor, told: Told) -> str:
    """The page of an own document; empty for another's, and for a kind this enterprise has no pages of."""
    if told.pk is None or not kind_of(told.kind).filed_by & set(actor.enterprise.types):
        return ""
    return reverse("detail", kwargs={"kind": told.kind, "pk": told.pk})


class _Trade:
    """What is known of the trade of one document, looked up once, and a lamp of it for each kind."""

    def __init__(self, actor: Actor, kind: Kind, document: Document) -> None:
        self.actor, self.kind, self.document = actor, kind, document
        self.body = getattr(document, kind.slug)
        orders = [document.order_no]
        candidates = [*own(actor, orders), *named(orders)]
        predecessors = self._asked_of_customs()
        codes = {one.platform_code for one in candidates} | {platform for _slug, platform, *_rest in predecessors}
        same = _same_enterprise(document.platform_code, codes)
        self.found: dict[str, list[Told]] = {other.slug: [] for other in KINDS}
        elsewhere = []
        for one in candidates:
            if one.platform_code in same and self._is_meant(one.kind, one.number):
                self.found[one.kind].append(one)
            elif one.kind == "inventory":
                elsewhere.append(one)
        self.accepted: dict[str, bool] = {}
        filers: dict[str, str] = {}
        for slug, platform, number, state, filer in predecessors:
            # Customs would tell the number of a waybill only.
            if platform in same and (not number or self._is_meant(slug, number)):
                self.accepted[slug] = self.accepted.get(slug, False) or state in FILED
                if state in FILED:
                    filers[slug] = filer
        self.filers = self._named_here(filers)
        self.bill = self._bill(elsewhere)

    def _asked_of_customs(self) -> list[tuple[str, str, str, str, str]]:
        """Kind, platform, number, state and filer's credit code of the documents this one stands on."""
        if not self.kind.after:
            return []
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT kind, platform_code, number, state, filer FROM declarations_predecessors(%s, %s)",
                [list(self.kind.after), [self.document.order_no]],
            )
            return cursor.fetchall()

    def _is_meant(self, slug: str, number: str) -> bool:
        """Whether the document of that number is the one this one names, where it names one by its number."""
        if slug == self.kind.slug:
            return number == self.document.number
        names_it_by = dict(self.kind.named_by).get(slug, kind_of(slug).number)
        wanted = "" if names_it_by == self.kind.order_no else getattr(self.body, names_it_by, "")
        return not wanted or number == wanted

    def _bill(self, elsewhere: Sequence[Told]) -> TaxBill | None:
        """The tax bill of the trade's list, where this enterprise stands on it; one that is void comes last.

        An order number is unique on its platform only: the bills of lists `elsewhere` under the same number are not meant.
        """
        if not FINANCE_TYPES & set(self.actor.enterprise.types):
            return None
        list_no = getattr(self.body, "invt_no", "")
        meant = Q(invt_no=list_no) if list_no else Q(order_no=self.document.order_no)
        found = [
            bill
            for bill in bills_of(self.actor).filter(meant).order_by("-billed_at")[:20]
            if list_no or not _is_of(bill, elsewhere)
        ]
        return min(found, key=lambda bill: bill.state == BillState.VOID, default=None)

    @property
    def is_moving(self) -> bool:
        """Whether a document that can be seen may still change by itself, or its tax bill is still to come."""
        lists, fresh = self.found["inventory"], timezone.now() - _CLOSES_WITHIN
        waits_for_bill = self.bill is None and self._expects_a_bill and self._has(_RELEASED)
        closes = any(one.state == State.RELEASED and one.state_at > fresh for one in lists)
        return waits_for_bill or closes or any(one.state not in _STILL for one in lists)

    @property
    def _expects_a_bill(self) -> bool:
        return bool(FINANCE_TYPES & set(self.actor.enterprise.types))

    def _has(self, states: Iterable[str]) -> bool:
        return any(one.state in states for ones in self.found.values() for one in ones)

    def lamp(self, other: Kind) -> Lamp:
        """How far the document of that kind is, as far as it may be known here."""
        if found := self.found[other.slug]:
            return self._seen(other, max(found, key=lambda one: (_RANKS[State(one.state)], one.filed_at)))
        label, who = str(other.label), self._payer(other) or owners(other, self.body)
        if other.slug in self.accepted:
            if self.accepted[other.slug]:
                return Lamp(label, Look("ok", "check-circle", _("海关已接受")), self._filer(other))
            return Lamp(label, Look("warn", "hourglass", _("海关尚未接受")), who, note=_("已申报，等待海关接受"))
        if self._has(_COMPARED):
            note = _("海关已与其他单证比对")
            return Lamp(label, Look("ok", "check-circle", _("比对一致")), self._filer(other), note=note)
        if other.slug in self.kind.after:
            return Lamp(label, Look("warn", "hourglass", _("尚未申报")), _("应由%(owner)s申报") % {"owner": who})
        filer = _("由%(owner)s申报") % {"owner": who}
        names_us = self._names_us(other)
        if True in names_us:
            return Lamp(label, Look("idle", "circle", _("尚未申报")), filer, note=self._needs(other))
        if names_us:
            return Lamp(label, Look("idle", "eye-slash", _("未见")), filer, note=_("尚未申报，或申报时没有写明本企业"))
        return Lamp(label, Look("idle", "eye-slash", _("不可见")), filer, note=_("单证上不写本企业，这里看不到"))

    def _named_here(self, filers: Mapping[str, str]) -> dict[str, str]:
        """Of the filers (kind → credit code) the names of those this document names, by either of their codes."""
        if not filers:
            return {}
        names, codes = names_of(filers.values()), {getattr(self.body, code) for code in _code_fields(self.kind)}
        here = {name for code, name in names.items() if code in codes}
        return {slug: names[code] for slug, code in filers.items() if names.get(code) in here}

    def _filer(self, other: Kind) -> str:
        """Who has filed a document customs has: the one this document names for it, else who alone can be; else nobody.

        Which of the named enterprises it was is no secret from who names them; that it was another is.
        """
        if known := self.filers.get(other.slug):
            return known
        who = [payer] if (payer := self._payer(other)) else _candidates(other, self.body)
        return who[0] if len(who) == 1 else ""

    def _payer(self, other: Kind) -> str:
        """Who pays, as the enterprise's own order of the trade says; a list or waybill does not name them."""
        orders = [one.pk for one in self.found["order"] if one.pk]
        if other.slug != "payment" or self.kind.slug == "order" or not orders:
            return ""
        return Order.objects.filter(pk__in=orders).values_list("pay_name", flat=True)[0]

    def _seen(self, other: Kind, one: Told) -> Lamp:
        here = one.pk == self.document.pk
        return Lamp(
            str(other.label), look(one.state, one.code), one.filer, number=one.number, at=one.state_at,
            address="" if here else address_of(self.actor, one), is_here=here,
        )  # fmt: skip

    def _names_us(self, other: Kind) -> set[bool]:
        """Where the other document names us."""
        ours = {code for code in _code_fields(self.kind) if getattr(self.body, code) in self.actor.enterprise.codes}
        return _where_named(self.kind, ours, other)

    def _needs(self, other: Kind) -> str:
        """What must be accepted before the other can be."""
        missing = [kind_of(slug) for slug in other.after if not self._is_accepted(slug)]
        if not missing:
            return ""
        return _("须等%(documents)s被海关接受") % {"documents": _("、").join(str(one.label) for one in missing)}

    def _is_accepted(self, slug: str) -> bool:
        return self.accepted.get(slug, False) or any(one.state in FILED for one in self.found[slug])

    def bill_lamp(self) -> Lamp:
        """The electronic tax bill: customs makes it once the list is released."""
        label, customs = _("税单"), _("由海关生成")
        if self.bill:
            return self._bill_seen(label, self.bill)
        if not self._expects_a_bill:
            note = _("只发给申报、担保和电商企业")
            return Lamp(label, Look("idle", "eye-slash", _("不可见")), customs, note=note)
        if self._has(_RELEASED):
            return Lamp(label, Look("info", "hourglass-split", _("等待海关生成")), customs, note=_("清单已放行"))
        return Lamp(label, Look("idle", "circle", _("尚未生成")), customs, note=_("清单放行后生成"))

    def _bill_seen(self, label: str, bill: TaxBill) -> Lamp:
        drawn = BILL_LOOKS[bill.state]
        settled = bill.state == BillState.VOID
        return Lamp(
            label, Look("idle" if settled else "ok", drawn.icon, drawn.word, drawn.code),
            _("税款 ¥ %(amount)s") % {"amount": money(bill.total)}, number=bill.tax_no, at=bill.billed_at,
            address=reverse("tax_bill", kwargs={"pk": bill.pk}) if may_see_bills(self.actor) else "",
        )  # fmt: skip


def _is_of(bill: TaxBill, lists: Sequence[Told]) -> bool:
    """Whether the bill belongs to one of these lists: an own one by its key, another's by the number customs gave it."""
    if bill.document_id in {one.pk for one in lists if one.pk}:
        return True
    others = [one for one in lists if one.pk is None]
    return bool(others) and any(one in others for one in called([bill.invt_no]))


def _code_fields(kind: Kind) -> set[str]:
    """The fields of a kind that hold the code of an enterprise with its name beside."""
    return {described.name_of for described in kind.fields if described.name_of}


def _same_enterprise(code: str, others: Iterable[str]) -> set[str]:
    """Those of the codes that name the same enterprise, by customs code or credit code; no code contradicts none."""
    unlike = {other for other in others if other and code and other != code}
    same = {other for other in others if other not in unlike}
    if unlike:
        with connection.cursor() as cursor:
            cursor.execute("SELECT customs_code, credit_code FROM accounts_directory(%s)", [[code]])
            same |= unlike & {one for row in cursor.fetchall() for one in row}
    return same | {code}
