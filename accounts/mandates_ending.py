"""Reminds both parties that a mandate ends: 30 and 7 days before, each once, unless another follows it without a gap."""

from datetime import date, timedelta

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import AuditEntry, Mandate, MandateState
from accounts.notices import notify_members
from accounts.roles import MemberRole, Mode
from portal.sentences import keep

#: Days before the last one, the first one first.
REMINDERS = (30, 7)
_ENDS = gettext_noop(
    "与“%(name)s”的%(mode)s委托还有 %(left)s 天到期（有效期至 %(day)s），到期后不能再凭它申报清单。"
    "要继续的，请在“委托”提出新的委托，由对方接受"
)


def remind(today: date) -> int:
    """Tell what is due today; the number of mandates reminded of."""
    soon = Mandate.objects.filter(
        state=MandateState.ACCEPTED, last_day__gte=today, last_day__lte=today + timedelta(days=REMINDERS[0])
    )
    return sum(_remind(one.pk, today) for one in soon)


@transaction.atomic
def _remind(pk: int, today: date) -> bool:
    """One mandate: the record of deeds knows what was told of it, whoever looks at the same time waits and finds it there."""
    one = Mandate.objects.select_for_update(no_key=True, of=("self",)).select_related("principal", "agent").get(pk=pk)
    left = (one.last_day - today).days
    due, subject = min(days for days in REMINDERS if left <= days), f"mandate {pk}"
    told = AuditEntry.objects.filter(subject=subject, action=Action.MANDATE_REMINDED, details__due__lte=due)
    if one.state != MandateState.ACCEPTED or told.exists() or _is_followed(one):
        return False
    for reader, partner in ((one.principal, one.agent), (one.agent, one.principal)):
        said = {"name": partner.name, "mode": Mode(one.mode).label, "left": left, "day": one.last_day.isoformat()}
        page = reverse("mandate", args=[pk])
        notify_members(reader, keep(_ENDS, **said), roles=[MemberRole.ADMINISTRATOR], address=page)
    record(Bystander(enterprise=one.principal), Action.MANDATE_REMINDED, subject, days=left, due=due)
    return True


def _is_followed(one: Mandate) -> bool:
    """Whether lists may be filed there the day after, too."""
    after = one.last_day + timedelta(days=1)
    same = Mandate.objects.filter(principal=one.principal, agent=one.agent, mode=one.mode)
    return same.filter(
        state=MandateState.ACCEPTED, district__in={one.district, ""}, first_day__lte=after, last_day__gte=after
    ).exists()
