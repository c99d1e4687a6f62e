"""From–to days as an address of a list says them: read once for all lists, never an error, whatever stands there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _


@dataclass(slots=True)
class Period:
    """Both days belong to it; None where it has no such end. `faults` are sentences for the reader, with the cure."""

    since: date | None = None
    until: date | None = None
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Period":
        """The entries `since` and `until` (2025-06-16); what is no day is left out and said."""
        found = cls()
        found.since, found.until = (found._day(query.get(name, "")) for name in ("since", "until"))
        if found.since and found.until and found.since > found.until:
            words = {"since": found.since, "until": found.until}
            found.faults.append(_("起始日 %(since)s 晚于截止日 %(until)s，请对调") % words)
        return found

    def _day(self, text: str) -> date | None:
        try:
            day = parse_date(text) if text else None
        except ValueError:
            day = None
        if text and day is None:
            self.faults.append(_("“%(text)s”不是日期，请填 2025-06-16 这样的日期") % {"text": text[:20]})
        return day
