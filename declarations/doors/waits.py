"""Who is waited for (on the home page): own documents that go on once another enterprise, or customs, has done its part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection
from django.db.models import Count, Min
from django.utils.translation import gettext as _

from accounts.access import Actor
from declarations.doors.advice import names_of
from declarations.doors.chain import lacks
from declarations.doors.tables import list_of
from declarations.doors.turns import Stop, stopped
from declarations.exchange import shortage
from declarations.kinds import kind as kind_of
from declarations.kinds.kind import Kind
from declarations.lifecycle import REFUSED, State
from declarations.models import Document
from ledger.access import may_see_guarantee
from ledger.access import names_of as names_of_enterprises
from portal.sentences import speak


@dataclass(frozen=True, slots=True)
class Wait:
    """Documents that go on by themselves once another has come: which, how many, what is missing, who owes it, since when."""

    kind: Kind
    missing: str
    why: str
    count: int
    since: datetime
    address: str


def waits_of(
    actor: Actor, kinds: Sequence[Kind], counted: Mapping[tuple[str, str], int], stops: Sequence[tuple[Stop, int]]
) -> list[Wait]:
    """Own documents that others hold up, those that wait longest first: by what is missing and who owes it."""
    documents = Document.objects.filter(enterprise=actor.enterprise).order_by()
    found: Iterable[tuple[str, str, str, int, datetime]] = ()
    if any(counted.get((kind.slug, State.WAITING)) for kind in kinds):
        found = (
            documents.filter(state=State.WAITING)
            .values_list("kind", "waits_for", "reason")
            .annotate(many=Count("id"), since=Min("filed_at"))
            .order_by("since")[:20]
        )
    missing = [
        Wait(
            kind_of(slug), names_of(waits_for.split(",")) if waits_for else "", speak(reason), many, since,
            list_of(kind_of(slug), State.WAITING),
        )
        for slug, waits_for, reason, many, since in found
    ]  # fmt: skip
    compared = any(counted.get((kind.slug, State.DECLARING)) for kind in kinds)
    later = _compared_later(kinds) if compared else []
    return _merged([*missing, *_stopped(actor, stops), *_short(actor, counted), *later])


def _merged(waits: Iterable[Wait]) -> list[Wait]:
    """Those that say the same as one, the oldest first; documents of several tabs are found in the whole list."""
    found: dict[tuple[str, str, str], Wait] = {}
    for wait in sorted(waits, key=lambda wait: wait.since):
        key = (wait.kind.slug, wait.missing, wait.why)
        before = found.get(key)
        if before:
            address = before.address if before.address == wait.address else list_of(wait.kind, "")
            wait = replace(before, count=before.count + wait.count, address=address)
        found[key] = wait
    return list(found.values())


def _compared_later(kinds: Sequence[Kind]) -> list[Wait]:
    """What customs has, and compares once the other documents of the trade are there too."""
    return [
        Wait(kind, one.missing, one.why, one.documents, one.since, list_of(kind, State.DECLARING))
        for one in lacks()
        if (kind := kind_of(one.kind)) in kinds
    ]


def all_stops() -> list[tuple[Stop, int]]:
    """Where the trades of own documents that customs took in stand still, and of how many each; oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 0, kind, standing, list_state, filer, is_own, min(since), codes, guarantees, count(*)"
            " FROM declarations_stopped()"
            " GROUP BY kind, standing, list_state, filer, is_own, codes, guarantees ORDER BY min(since)"
        )
        return [(Stop._make(row), many) for *row, many in cursor.fetchall()]


def _stopped(actor: Actor, stops: Sequence[tuple[Stop, int]]) -> list[Wait]:
    """Own documents whose trade goes on once somebody else has seen to its list; customs' own work is no wait.

    What is one's own to do stands among what needs doing.
    """
    waits = []
    for stop, many in stops:
        if stop.is_own or stop.is_ours or (stop.guarantees and may_see_guarantee(actor)):
            continue
        if stop.list_state in REFUSED:
            missing, why = _("清单更正"), _("清单被海关退单，由%(filer)s更正后重新申报") % {"filer": stop.filer}
        elif stop.guarantees or stop.list_state == State.DETAINED:
            missing, why = _("担保额度") if stop.guarantees else _("扣留的清单"), stopped(stop).in_short
        else:
            continue
        kind = kind_of(stop.kind)
        waits.append(Wait(kind, missing, why, many, stop.since, list_of(kind, stop.standing)))
    return waits


def _short(actor: Actor, counted: Mapping[tuple[str, str], int]) -> list[Wait]:
    """Own lists that customs holds up until another's guarantee is raised."""
    lists = kind_of("inventory")
    if not counted.get((lists.slug, State.REVIEW)):
        return []
    held_up = Document.objects.filter(
        enterprise=actor.enterprise, kind=lists.slug, state=State.REVIEW, reason__contains=shortage.WORDS
    ).exclude(inventory__assure_code__in=actor.enterprise.codes)
    codes = held_up.order_by().values_list("inventory__assure_code")
    found = list(codes.annotate(many=Count("id"), since=Min("state_at")).order_by("since"))
    names = names_of_enterprises(code for code, _many, _since in found) if found else {}
    why = _("由担保企业%(name)s增加担保额度，到账后海关自动放行")
    return [
        Wait(lists, _("担保额度"), why % {"name": names.get(code, code)}, many, since, list_of(lists, State.REVIEW))
        for code, many, since in found
    ]
