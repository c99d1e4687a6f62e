"""What a list means for the guarantee: how much customs keeps back for it, and which bill is its own (step 9 of the walk).

A list's hold is a function of the set of everything that arrived about it, receipts and bills, so any order of arrival,
and any repetition, ends in the same books. Customs' figure counts as soon as there is one; until then our own tax does.
Where the two disagree, or where the guarantee does not carry it, the ledger keeps a discrepancy, and the message is read
all the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext_noop as _

from declarations.exchange import shortage
from declarations.exchange.receipts import STATE_OF_CODE
from declarations.kinds import Inventory, InventoryLine
from declarations.lifecycle import FILED, State
from declarations.models import Receipt
from ledger import bills, guarantee, tariff, tax
from ledger.models import BillState
from portal.calendar import SHANGHAI
from portal.sentences import keep

#: Customs' own check of the list passed, and customs did not take that back: now it keeps the tax from the guarantee.
_ACCEPTED = FILED - {State.DECLARING}
#: The answers that come with or after acceptance, the one that gives it first.
_ACCEPTING = ("120", *(code for code, state in STATE_OF_CODE.items() if state in _ACCEPTED and code != "120"))
_RELEASING = frozenset({"800", "899"})
_WHY_OF_BILL: dict[str, str] = {
    BillState.VOID: _("税单作废，预扣返还"),
    BillState.PAID: _("税款已缴，预扣返还"),
}


@dataclass(frozen=True, slots=True)
class _List:
    """A list as far as money is concerned, with the moments of customs it was accepted and released at."""

    document_id: int
    state: str
    cop_no: str
    order_no: str
    invt_no: str
    assure_code: str
    ebc_code: str
    logistics_code: str
    freight: Decimal
    insured_fee: Decimal
    accepted_at: datetime | None
    released_at: datetime | None


def settle_lists(document_ids: Iterable[int], *, enterprise_id: int, inbound_id: int) -> None:
    """Bring bills and holds of these lists of one enterprise to what everything that arrived about them calls for.

    Runs in the caller's transaction, after the states are settled and with the documents locked; a constant number of
    queries whatever the number of lists. Nothing that disagrees with us raises.
    """
    lists = _lists(sorted(set(document_ids)))
    if not lists:
        return
    own = _own_tax(lists)
    bills.attach(
        enterprise_id,
        [
            bills.Attached(
                one.invt_no,
                one.document_id,
                _day(one.released_at),
                own.get(one.document_id),
                assure_code=one.assure_code,
                ebc_code=one.ebc_code,
                logistics_code=one.logistics_code,
            )
            for one in lists
            if one.invt_no
        ],
    )
    standing = bills.standing(enterprise_id, [one.invt_no for one in lists if one.invt_no])
    guarantee.align_many(
        [
            guarantee.Wanted(
                document_id=one.document_id,
                guarantor_code=one.assure_code,
                amount=_amount(one, standing.get(one.invt_no), own.get(one.document_id)),
                invt_no=one.invt_no,
                cop_no=one.cop_no,
                order_no=one.order_no,
                at=one.accepted_at,
                owner_id=enterprise_id,
                why=_why(one, standing.get(one.invt_no), own.get(one.document_id)),
            )
            for one in lists
        ],
        inbound_id=inbound_id,
    )
    shortage.tell([one.document_id for one in lists])


def _amount(one: _List, bill: bills.Standing | None, own: tax.Assessment | None) -> Decimal | None:
    """What the list has to hold; None when neither customs nor we can say."""
    if one.state not in _ACCEPTED:
        return Decimal(0)
    if bill:
        return bill.total
    return own.total if own else None


def _why(one: _List, bill: bills.Standing | None, own: tax.Assessment | None) -> str:
    """Why the list has to hold so much, or why nobody can say: a kept sentence, for whoever reads the movement."""
    if one.state == State.SHIPPED_BACK:
        return keep(_("退运，预扣返还"))
    if one.state not in _ACCEPTED:
        return keep(_("退单，预扣返还"))
    if bill:
        return keep(_WHY_OF_BILL.get(bill.state, _("按税单金额预扣，与税单一致")))
    if own is None or own.total is None:
        return own.reason if own else ""
    return keep(_("海关接受清单，按本系统计算的税款预扣"))


def _lists(document_ids: list[int]) -> list[_List]:
    answers: dict[int, dict[str, datetime]] = defaultdict(dict)
    for document_id, code, at, answered_until in (
        Receipt.objects.filter(document_id__in=document_ids, code__in=_ACCEPTING)
        .order_by("-customs_time")  # the first one of a code stays
        .values_list("document_id", "code", "customs_time", "document__answered_until")
    ):
        if answered_until is None or at > answered_until:
            answers[document_id][code] = at
    bodies = Inventory.objects.filter(document_id__in=document_ids).order_by("document_id")
    return [
        _List(*said, _accepted_at(answers[said[0]]), _released_at(answers[said[0]]))
        for said in bodies.values_list(
            "document_id", "document__state", "cop_no", "order_no", "invt_no", "assure_code", "ebc_code",
            "logistics_code", "freight", "insured_fee",
        )
    ]  # fmt: skip


def _accepted_at(answers: Mapping[str, datetime]) -> datetime | None:
    """When customs accepted the list; while that answer (120) is missing, the first one that cannot have come before."""
    return answers.get("120") or min(answers.values(), default=None)


def _released_at(answers: Mapping[str, datetime]) -> datetime | None:
    return min((at for code, at in answers.items() if code in _RELEASING), default=None)


def _own_tax(lists: list[_List]) -> dict[int, tax.Assessment]:
    """Our own computation for every list customs accepted, by the rule and the tariff of that day."""
    by_day: dict[date, list[_List]] = defaultdict(list)
    for one in lists:
        if day := _day(one.accepted_at):
            by_day[day].append(one)
    goods: dict[int, list[tax.Good]] = defaultdict(list)
    for document_id, gcode, value, qty, unit, qty1, unit1, qty2, unit2 in (
        InventoryLine.objects.filter(document_id__in=[one.document_id for day in by_day.values() for one in day])
        .order_by("document_id", "gnum")
        .values_list("document_id", "gcode", "total_price", "qty", "unit", "qty1", "unit1", "qty2", "unit2")
    ):
        goods[document_id].append(tax.Good(gcode, value, qty, unit, qty1, unit1, qty2, unit2))
    found: dict[int, tax.Assessment] = {}
    for day, accepted in by_day.items():
        rule = tariff.rule_on(day)
        rates = tariff.rates_of({good.gcode for one in accepted for good in goods[one.document_id]}, day)
        for one in accepted:
            found[one.document_id] = tax.assess(
                goods[one.document_id], freight=one.freight, insurance=one.insured_fee, rule=rule, rates=rates
            )
    return found


def _day(moment: datetime | None) -> date | None:
    """The day in Shanghai."""
    return moment.astimezone(SHANGHAI).date() if moment else None
