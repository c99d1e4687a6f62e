"""Lists on their way to release, as customs tells it: receipts, bills and news as messages, and what the books then say."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from accounts.models import Enterprise
from declarations.models import Document, InventoryLine, Receipt
from ledger.models import Account, Discrepancy, Hold, TaxBill
from tests.exchange import answers


class Told(NamedTuple):
    """One thing customs says of a list, in the minute it says it: a receipt, a bill (816) or news of a bill (818)."""

    what: str
    minutes: float
    text: str = ""


def invt_no(document_id: int) -> str:
    """The number customs gave the list in the stories."""
    return f"22162025I{document_id % 10**9:09}"


def letter(told: Told, *document_ids: int) -> bytes:
    """One message that tells the same of these lists, in that order, addressed to who filed the first."""
    enterprise = Enterprise.objects.get(id=Document.objects.values_list("enterprise_id").get(id=document_ids[0])[0])
    return answers.letter(_message(told, document_ids), enterprise.dxp_id)


def _message(told: Told, document_ids: Iterable[int]) -> bytes:
    numbers = [(document_id, invt_no(document_id)) for document_id in document_ids]
    if told.what == "816":
        return answers.tax_message(
            "CEB816Message",
            *(_bill(one, number, told.minutes, told.text or "30.03") for one, number in numbers),
        )
    if told.what == "818":
        return answers.tax_message(
            "CEB818Message", *(answers.news(number, told.text, told.minutes) for _one, number in numbers)
        )
    said = () if told.what in ("1", "2", "3") else ("invtNo",)
    return answers.message(
        "inventory",
        *(answers.receipt(one, told.what, told.minutes, **dict.fromkeys(said, number)) for one, number in numbers),
    )


def _bill(document_id: int, number: str, minutes: float, vat: str) -> str:
    """A bill of that VAT and nothing else, on the goods of the list; the first line bears it."""
    goods = InventoryLine.objects.filter(document_id=document_id).order_by("gnum")
    lines = [
        {
            "gnum": str(gnum), "gcode": gcode, "taxPrice": str(value), "customsTax": "0", "consumptionTax": "0",
            "valueAddedTax": vat if gnum == 1 else "0",
        }
        for gnum, gcode, value in goods.values_list("gnum", "gcode", "total_price")
    ]  # fmt: skip
    return answers.bill(number, minutes, vat=vat, lines=lines)


class Books(NamedTuple):
    """Everything that must be the same whatever came first."""

    documents: frozenset[tuple[object, ...]]
    receipts: frozenset[tuple[object, ...]]
    holds: frozenset[tuple[int, Decimal]]
    wanted: frozenset[tuple[int, Decimal]]
    balances: frozenset[tuple[object, ...]]
    bills: frozenset[tuple[object, ...]]
    discrepancies: frozenset[tuple[object, ...]]


def books() -> Books:
    """The books now."""
    return Books(
        documents=frozenset(Document.objects.values_list("id", "state", "code", "inventory__invt_no")),
        receipts=frozenset(Receipt.objects.values_list("document_id", "code", "customs_time")),
        holds=frozenset(Hold.objects.exclude(amount=0).values_list("document_id", "amount")),
        wanted=frozenset(Hold.objects.exclude(wanted=0).values_list("document_id", "wanted")),
        balances=frozenset(Account.objects.values_list("guarantee_id", "purpose", "balance")),
        bills=frozenset(
            TaxBill.objects.values_list(
                "tax_no", "document_id", "state", "total", "duty_no", "billed_at", "released_on",
                "own_duty", "own_consumption", "own_vat",
            )
        ),
        discrepancies=frozenset(
            Discrepancy.objects.filter(closed_at=None).values_list("kind", "subject", "document_id", "ours", "theirs")
        ),
    )  # fmt: skip


def held(document_id: int) -> Decimal:
    """What the guarantee holds for a list."""
    return Hold.objects.filter(document_id=document_id).values_list("amount", flat=True).first() or Decimal(0)


def balances(enterprise: Enterprise) -> dict[str, Decimal]:
    """The accounts of an enterprise's guarantee: available, held, funding."""
    return dict(Account.objects.filter(enterprise=enterprise).values_list("purpose", "balance"))
