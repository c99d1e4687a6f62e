"""What staff tell everybody, or the enterprises of some types, for a while."""

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.access import PortalRequest
from accounts.models import Announcement, Dismissal

#: The most a page shows, the newest of them.
SHOWN = 3


def current(request: PortalRequest) -> list[Announcement]:
    """The announcements of now for who asks, without those put away: a visitor is told the public ones only."""
    rows = meant_for(request).filter(Q(until=None) | Q(until__gt=timezone.now()))
    if request.user.is_authenticated:
        rows = rows.exclude(pk__in=Dismissal.objects.filter(user=request.user).values("announcement"))
    return list(rows[:SHOWN])


def meant_for(request: PortalRequest) -> QuerySet[Announcement]:
    """The announcements for who asks that have begun, also those that are over."""
    rows = Announcement.objects.filter(since__lte=timezone.now())
    if not request.user.is_authenticated:
        return rows.filter(public=True)
    if request.actor is None:
        return rows.filter(types=[])
    return rows.filter(Q(types=[]) | Q(types__overlap=request.actor.enterprise.types))
