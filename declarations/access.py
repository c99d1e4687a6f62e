"""Which documents an actor may see. Every view goes through here; row-level security stands behind it."""

from collections.abc import Collection
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet

from accounts.access import Actor
from accounts.models import Enterprise
from declarations.kinds import KINDS
from declarations.kinds.kind import Kind
from declarations.lifecycle import REFUSED, State
from declarations.models import Document, Draft, Upload
from portal.tenancy import acting_as

#: Of no document that stands so is anything still to come.
_THROUGH = frozenset({State.RELEASED, State.CLOSED, State.SHIPPED_BACK})
_ENDED = REFUSED | _THROUGH


def documents_of(actor: Actor, kind: Kind) -> QuerySet[Document]:
    """The documents of that kind which the actor's enterprise filed."""
    return Document.objects.filter(enterprise=actor.enterprise, kind=kind.slug)


def drafts_of(actor: Actor, kind: Kind) -> QuerySet[Draft]:
    """The unfinished forms of the actor's enterprise; colleagues may finish each other's."""
    return Draft.objects.filter(enterprise=actor.enterprise, kind=kind.slug)


def uploads_of(actor: Actor) -> QuerySet[Upload]:
    """The workbooks the actor's enterprise sent in."""
    return Upload.objects.filter(enterprise=actor.enterprise)


def under_way(enterprise: Enterprise, staying: Collection[str]) -> list[tuple[int, Any]]:
    """What is under way that nobody could look after once the enterprise has these types alone: how many of each kind.

    Asked by the enterprise and by staff, who see no documents: so it is counted as the enterprise sees them.
    """
    left = [kind for kind in KINDS if kind.filed_by & set(enterprise.types) and not kind.filed_by & set(staying)]
    if not left:
        return []
    with acting_as(enterprise_id=enterprise.pk, user_id=None):
        standing = Document.objects.filter(enterprise=enterprise, kind__in=[kind.slug for kind in left])
        counted = list(standing.exclude(state__in=_ENDED).values_list("kind", "state").annotate(count=Count("pk")))
    told = []
    for kind in left:
        # What others stand on has said all it has to say once customs has stored it.
        is_followed = any(kind.slug in other.after for other in KINDS)
        count = sum(
            many for slug, state, many in counted if slug == kind.slug and not (is_followed and state == State.STORED)
        )
        if count:
            told.append((count, kind.label))
    return told


def lists_naming(enterprise: Enterprise, codes: Collection[str]) -> int:
    """How many lists of others are under way that name one of its codes. Asked by staff, who see none of them."""
    standing = sorted(set(State) - _ENDED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT declarations_lists_naming(%s, %s, %s)", [enterprise.pk, sorted(codes), standing])
        count: int = cursor.fetchone()[0]
    return count


def unfollowed(codes: Collection[str]) -> list[tuple[int, Any]]:
    """What names one of these codes and waits for a list that gets through, whoever filed it: how many of each kind.

    A list has to name the same codes as these, and cannot once they are nobody's.
    """
    with connection.cursor() as cursor:
        given: list[list[str]] = [sorted(codes), sorted(REFUSED), sorted(_THROUGH)]
        cursor.execute("SELECT kind, many FROM declarations_unfollowed(%s, %s, %s)", given)
        counted = dict(cursor.fetchall())
    return [(counted[kind.slug], kind.label) for kind in KINDS if kind.slug in counted]
