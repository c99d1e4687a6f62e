"""How long an application has waited, in working days, and whether that is longer than staff promised.

Working days are those of China as the State Council arranges them (``portal.calendar``), by the clock of Shanghai. The day
something came does not count: what came on Friday and is promised in one working day is late from Tuesday on.
"""

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from django.db.models import Q

from accounts.models.applications import WAITS_FOR_STAFF, Application
from accounts.onboarding.kinds import KINDS, kind_named
from portal.calendar import SHANGHAI, is_working_day, working_days_within


def working_days(since: datetime, until: datetime) -> int:
    """How many working days began after the day of `since`, up to the day of `until`."""
    first, last = since.astimezone(SHANGHAI).date(), until.astimezone(SHANGHAI).date()
    return working_days_within(first + timedelta(days=1), last)


def days_late(application: Application, now: datetime) -> int:
    """By how many working days it is late; 0 while it is in time, or waits for somebody else."""
    if application.state not in WAITS_FOR_STAFF:
        return 0
    return max(working_days(application.state_at, now) - kind_named(application.kind).promised_days, 0)


def late(now: datetime, kinds: Iterable = KINDS) -> Q:
    """The applications that wait for staff longer than promised."""
    found = Q(pk=None)
    for kind in kinds:
        found |= Q(kind=kind.name, state_at__lt=_late_before(kind.promised_days, now))
    return Q(state__in=WAITS_FOR_STAFF) & found


def _late_before(promised: int, now: datetime) -> datetime:
    """What came before this moment has seen more than so many working days begin."""
    day = now.astimezone(SHANGHAI).date()
    left = promised
    while left or not is_working_day(day):
        left -= is_working_day(day)
        day -= timedelta(days=1)
    return datetime.combine(day, time(), SHANGHAI)
