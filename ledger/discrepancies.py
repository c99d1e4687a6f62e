"""What our books cannot follow: opened, told anew and closed, many at once (``models.Discrepancy``).

A receipt is never refused because our mirror disagrees; the row is what remains, until it is put right, or until staff
have dealt with it and say how. Each one opened is also written to the log, and ``/health/`` counts those that are open.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass, fields
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record_many
from accounts.models import User
from ledger.models import Discrepancy, DiscrepancyKind

#: What ends as soon as the money is there, and not before.
ENDED_BY_MONEY = frozenset({DiscrepancyKind.SHORT, DiscrepancyKind.NO_GUARANTEE, DiscrepancyKind.HELD_UP})

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
#: What staff looked at when they dealt with one; the same again is nothing new to them.
_LOOKED_AT = ("ours", "theirs", "note")


def _other(names: Iterable[str]) -> str:
    """Whether what is told now is another than what stands."""
    old, new = ([f"{row}.{name}" for name in names] for row in ("d", "excluded"))
    return f"({', '.join(old)}) IS DISTINCT FROM ({', '.join(new)})"


_OPEN = f"""
INSERT INTO ledger_discrepancy AS d ({", ".join(_TYPES)}, opened_at, settled_why)
SELECT n.*, now(), '' FROM unnest({", ".join(f"%s::{kind}[]" for kind in _TYPES.values())}) n
ON CONFLICT (kind, subject) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _TOLD)},
    opened_at = CASE WHEN d.closed_at IS NULL THEN d.opened_at ELSE excluded.opened_at END, closed_at = NULL,
    settled_by_id = NULL, settled_why = ''
WHERE CASE WHEN d.settled_by_id IS NOT NULL THEN {_other(_LOOKED_AT)}
           WHEN d.closed_at IS NOT NULL THEN true ELSE {_other(_TOLD)} END
RETURNING kind, opened_at = now()
"""  # noqa: S608 (the names are those of the class above)


def open_many(found: Iterable[Found]) -> None:
    """Have these open, with what is known of them now; one already open keeps the day it was found.

    One that staff have dealt with stays so while figures and sentence are those they saw.
    """
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
    """What was open of these is put right; what staff had dealt with, too: should it come again, it is open again."""
    if kinds and subjects:
        Discrepancy.objects.filter(
            Q(closed_at=None) | Q(settled_by__isnull=False), kind__in=kinds, subject__in=subjects
        ).update(closed_at=Coalesce("closed_at", Now()), settled_by=None, settled_why="")


def settle(rows: Collection[Discrepancy], *, why: str, user: User) -> int:
    """Staff dealt with these, and say how; how many it ended. Each stands in the record of deeds.

    What money ends stays open: until then the list is short, whatever anybody says. One that is being told anew in this
    moment is left alone: everybody else holds its list or its bill before it (``guarantee.py``), and waits for nobody here.
    """
    with transaction.atomic():
        chosen = Discrepancy.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        ended = list(
            chosen.select_related("enterprise")
            .filter(pk__in=[one.pk for one in rows], closed_at=None)
            .exclude(kind__in=ENDED_BY_MONEY)
            .order_by("pk")
        )
        Discrepancy.objects.filter(pk__in=[one.pk for one in ended]).update(
            closed_at=Now(), settled_by=user, settled_why=why
        )
        record_many(
            (
                Bystander(user=user, enterprise=one.enterprise),
                Action.DISCREPANCY_SETTLED,
                one.number,
                {"kind": one.kind, "why": why},
            )
            for one in ended
        )
    return len(ended)
