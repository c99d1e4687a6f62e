"""What staff tell everybody, or the enterprises of some types, for a while."""

from django.db.models import Q
from django.utils import timezone

from accounts.access import PortalRequest
from accounts.models import Announcement

#: The most a page shows, the newest of them.
SHOWN = 3


def current(request: PortalRequest) -> list[Announcement]:
    """The announcements of now for who asks: a visitor is told the public ones only."""
    now = timezone.now()
    rows = Announcement.objects.filter(Q(until=None) | Q(until__gt=now), since__lte=now)
    if not request.user.is_authenticated:
        rows = rows.filter(public=True)
    elif request.actor is None:
        rows = rows.filter(types=[])
    else:
        rows = rows.filter(Q(types=[]) | Q(types__overlap=request.actor.enterprise.types))
    return list(rows[:SHOWN])
