"""Lists customs does not release because the guarantee is too small: told to the guarantor, who is rarely who filed them.

Our own books may well show enough: customs' balance is the one that counts, ours only mirrors it. So the guarantor gets a
discrepancy with what customs says, until the list goes on.
"""

import re
from collections.abc import Collection

from django.db.models import Q
from django.utils.translation import gettext_noop as _

from accounts.models import Enterprise
from declarations.kinds import Inventory
from declarations.lifecycle import State
from ledger.discrepancies import Found, close, open_many
from ledger.models import DiscrepancyKind, Hold
from portal.sentences import keep

#: Customs' code and words for it; the code alone stands for every review by hand.
CODE, WORDS = "1200", "担保额度不足"  # untranslated: customs' own words
_SAID = re.compile(rf"\[Code:\s*{CODE}\s*;\s*Desc:(?P<text>[^\]]*{WORDS}[^\]]*)\]")
_NOTE = _("清单 %(list)s 停在海关审核，海关答复：%(said)s")


def tell(document_ids: Collection[int]) -> None:
    """Have open, for the guarantor, which of these lists customs holds up now; of the others nothing is left open.

    Runs in the caller's transaction after the holds; a constant number of queries.
    """
    held_up = {
        document_id: (said["text"].strip(), invt_no or cop_no, code)
        for document_id, reason, invt_no, cop_no, code in Inventory.objects.filter(
            document_id__in=document_ids, document__state=State.REVIEW, document__reason__contains=WORDS
        ).values_list("document_id", "document__reason", "invt_no", "cop_no", "assure_code")
        if (said := _SAID.search(reason))
    }
    guarantors = _guarantors({code for _text, _number, code in held_up.values()}) if held_up else {}
    wanted = dict(Hold.objects.filter(document_id__in=held_up).values_list("document_id", "wanted")) if held_up else {}
    open_many(
        Found(
            kind=DiscrepancyKind.HELD_UP,
            subject=_subject(document_id),
            enterprise_id=guarantors[code],
            number=number,
            document_id=document_id,
            theirs=wanted.get(document_id),
            note=keep(_NOTE, list=number, said=said),
        )
        for document_id, (said, number, code) in held_up.items()
        if code in guarantors
    )
    close([DiscrepancyKind.HELD_UP], [_subject(one) for one in document_ids if one not in held_up])


def _guarantors(codes: Collection[str]) -> dict[str, int]:
    """code → the enterprise here that it belongs to, customs or credit code alike."""
    found = Enterprise.objects.filter(Q(customs_code__in=codes) | Q(credit_code__in=codes))
    return {code: pk for pk, *own in found.values_list("pk", "customs_code", "credit_code") for code in own}


def _subject(document_id: int) -> str:
    return f"list {document_id}"
