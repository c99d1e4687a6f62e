"""What our books cannot follow: opened, told anew and closed, many at once (``models.Discrepancy``).

A receipt is never refused because our mirror disagrees; the row is what remains, until it is put right. Each one opened
is also written to the log, and ``/health/`` counts those that are open.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass, fields
from decimal import Decimal

from django.db import connection
from django.db.models.functions import Now

from ledger.models import Discrepancy

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing found to differ; the columns of ``Discrepancy``."""

    kind: str
    subject: str
    enterprise_id: int | None
    number: str = ""
    document_id: int | None = None
    bill_id: int | None = None
    ours: Decimal | None = None
    theirs: Decimal | None = None
    note: str = ""


_TYPES = {
    "kind": "text", "subject": "text", "enterprise_id": "bigint", "number": "text", "document_id": "bigint",
    "bill_id": "bigint", "ours": "numeric", "theirs": "numeric", "note": "text",
}  # fmt: skip
_TOLD = [one.name for one in fields(Found) if one.name not in ("kind", "subject")]
_OPEN = f"""
INSERT INTO ledger_discrepancy AS d ({", ".join(_TYPES)}, opened_at)
SELECT n.*, now() FROM unnest({", ".join(f"%s::{kind}[]" for kind in _TYPES.values())}) n
ON CONFLICT (kind, subject) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _TOLD)},
    opened_at = CASE WHEN d.closed_at IS NULL THEN d.opened_at ELSE excluded.opened_at END, closed_at = NULL
WHERE d.closed_at IS NOT NULL
   OR ({", ".join(f"d.{name}" for name in _TOLD)}) IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _TOLD)})
RETURNING kind, opened_at = now()
"""  # noqa: S608 (the names are those of the class above)


def open_many(found: Iterable[Found]) -> None:
    """Have these open, with what is known of them now; one already open keeps the day it was found."""
    rows = sorted({(one.kind, one.subject): one for one in found}.values(), key=lambda one: (one.kind, one.subject))
    if not rows:
        return
    columns = zip(*((str(kind), *rest) for kind, *rest in map(astuple, rows)), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [list(column) for column in columns])
        opened = [kind for kind, is_new in cursor.fetchall() if is_new]
    if opened:
        log.warning(
            "the books differ from customs: %s",
            ", ".join(f"{kind} {opened.count(kind)}" for kind in sorted(set(opened))),
        )


def close(kinds: Collection[str], subjects: Collection[str]) -> None:
    """What was open of these is put right."""
    if kinds and subjects:
        Discrepancy.objects.filter(kind__in=kinds, subject__in=subjects, closed_at=None).update(closed_at=Now())
