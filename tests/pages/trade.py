"""One trade as its enterprises file it: platform or merchant, payer, courier and warehouse, each by its own clerk."""

from decimal import Decimal

from django.utils import timezone

from accounts.cast import Cast
from declarations import filing
from declarations.kinds import kind
from declarations.models import Document, Inventory, Source
from ledger.models import BillState, TaxBill
from ledger.window import today
from tests import make
from tests.pages import filed

FILERS = {**filed.FILERS, "order": "merchant_filer"}


def file(cast: Cast, slug: str, n: int = 1, *, by: str = "", accepted: bool = True, **cells: str) -> Document:
    """The n-th document of a kind, filed by its clerk and, unless it waits, taken in by customs."""
    outcome = filing.file_documents(
        actor=cast.actor(by or FILERS[slug]),
        kind=kind(slug),
        entries=[make.entry(slug, n, **cells)],
        source=Source.FORM,
    )
    saved = outcome.filed | outcome.waiting
    assert saved, [problem.text for found in outcome.problems.values() for problem in found]
    document = Document.objects.get(pk=saved[0])
    if accepted and outcome.filed:
        filed.accept([document])
        document.refresh_from_db()
    return document


def whole(cast: Cast, n: int = 1) -> dict[str, Document]:
    """The four documents of the n-th trade, all taken in by customs."""
    return {slug: file(cast, slug, n) for slug in ("order", "payment", "waybill", "inventory")}


def numbered(document: Document, invt_no: str, pre_no: str = "I2025000000001") -> None:
    """Customs has given the list its numbers."""
    Inventory.objects.filter(pk=document.pk).update(invt_no=invt_no, pre_no=pre_no)


def bill(cast: Cast, document: Document, invt_no: str = "221820250000000001", **cells: object) -> TaxBill:
    """The tax bill of a list: warehouse declares, merchant answers for the tax."""
    now = timezone.now()
    merchant = cast.enterprises["merchant"]
    payment = {"state": cells.get("state"), "paid_on": today(), "paid_voucher": "PZ-1", "paid_total": Decimal("30.03")}
    paid = cells.get("state") == BillState.PAID
    made = TaxBill.objects.create(**{
        "enterprise_id": document.enterprise_id, "guarantor": merchant, "merchant": merchant,
        "document_id": document.pk, "invt_no": invt_no, "tax_no": f"{invt_no}_0", "order_no": document.order_no,
        "customs_code": "2218", "duty": Decimal(0), "consumption": Decimal(0), "vat": Decimal("30.03"),
        "total": Decimal("30.03"), "billed_at": now, "released_on": today(), "fingerprint": f"{invt_no} 1",
        "received_at": now, **cells, **({"state": BillState.MADE} if paid else {}),
    })  # fmt: skip
    if paid:
        TaxBill.objects.filter(pk=made.pk).update(**payment)
    return made
