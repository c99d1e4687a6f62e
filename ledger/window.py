"""The days after release: how long a tax bill waits, when it may be paid, when it must be.

Release is day 0. Until the end of day 30 goods may come back; on the days 31 to 45 the sum is paid; then it is overdue.
Once customs has gathered a bill into a payment note, it waits no longer: it may be paid at once, its last day stays.
Days are counted in Shanghai. The pages of the ledger and the desk ask here, so that all say the same.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.calendar import SHANGHAI

FIRST_DAY, LAST_DAY = 31, 45
#: From this day on the end is near enough to be spoken of.
CLOSING_DAY = 43


class Phase(models.TextChoices):
    """Where a bill that is not settled stands in its days."""

    UNRELEASED = "unreleased", _("待放行")
    WAITING = "waiting", _("等待期")
    OPEN = "open", _("可缴纳")
    CLOSING = "closing", _("将截止")
    OVERDUE = "overdue", _("逾期")


#: The phases in which somebody has to pay.
DUE = (Phase.OPEN, Phase.CLOSING, Phase.OVERDUE)


def today() -> date:
    """The present day in Shanghai."""
    return timezone.now().astimezone(SHANGHAI).date()


@dataclass(frozen=True, slots=True)
class Window:
    """The days of what was released on one day."""

    released_on: date

    @property
    def opens(self) -> date:
        """The first day on which it may be paid."""
        return self.released_on + timedelta(days=FIRST_DAY)

    @property
    def closes(self) -> date:
        """The last day on which it may be paid."""
        return self.released_on + timedelta(days=LAST_DAY)

    def day(self, on: date) -> int:
        """Which day after release it is."""
        return (on - self.released_on).days

    def phase(self, on: date) -> Phase:
        """Where it stands on that day."""
        day = self.day(on)
        if day < FIRST_DAY:
            return Phase.WAITING
        if day < CLOSING_DAY:
            return Phase.OPEN
        return Phase.CLOSING if day <= LAST_DAY else Phase.OVERDUE


def phase_of(released_on: date | None, on: date, *, is_noted: bool = False) -> Phase:
    """The phase of a bill, released or not; `is_noted` when its payment note is issued."""
    phase = Window(released_on).phase(on) if released_on else Phase.UNRELEASED
    return Phase.OPEN if is_noted and phase not in DUE else phase


def released_in(phase: Phase, on: date) -> tuple[date | None, date | None]:
    """The first and last day of release of what stands in that phase on a day; None is without limit."""

    def before(days: int) -> date:
        return on - timedelta(days=days)

    return {
        Phase.WAITING: (before(FIRST_DAY - 1), None),
        Phase.OPEN: (before(CLOSING_DAY - 1), before(FIRST_DAY)),
        Phase.CLOSING: (before(LAST_DAY), before(CLOSING_DAY)),
        Phase.OVERDUE: (None, before(LAST_DAY + 1)),
        Phase.UNRELEASED: (None, None),
    }[phase]
