"""Certificates in use here that end soon: told to the administrators of the enterprise, 90, 30 and 7 days before."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.credentials import present_environment
from accounts.models import Credential, Membership
from accounts.notices import notify_members
from accounts.roles import EnterpriseState, Environment, MemberRole
from portal.sentences import keep

log = logging.getLogger(__name__)

#: So many days before the end an alarm goes out; the page and the desk speak of it from the first one on.
ALARMS = (90, 30, 7)


def due_alarm(credential: Credential, now: datetime) -> int | None:
    """The alarm that has to go out now: the nearest one reached, unless it or a nearer one went out before."""
    left = credential.not_after - now
    reached = [days for days in ALARMS if left <= timedelta(days=days)]
    if not reached or left <= timedelta(0):
        return None
    nearest = min(reached)
    return None if credential.warned_days is not None and credential.warned_days <= nearest else nearest


def warn_all(now: datetime) -> int:
    """Tell what is due, each alarm once; how many."""
    soon = Credential.objects.filter(
        active=True,
        environment=present_environment(),
        enterprise__state=EnterpriseState.APPROVED,
        not_after__gt=now,
        not_after__lte=now + timedelta(days=max(ALARMS)),
    )
    return sum(_warn(pk, now) for pk in list(soon.order_by("not_after", "pk").values_list("pk", flat=True)))


@transaction.atomic
def _warn(pk: int, now: datetime) -> bool:
    """One alarm: noted with the notice or not at all, and by one sweep only."""
    kept = Credential.objects.select_for_update(skip_locked=True, of=("self",)).select_related("enterprise")
    credential = kept.filter(pk=pk, active=True).first()
    days = due_alarm(credential, now) if credential else None
    if credential is None or days is None:
        return False
    if not _has_administrator(credential):
        log.warning("certificate %s ends soon, and its enterprise has no administrator", pk)
        return False
    Credential.objects.filter(pk=pk).update(warned_days=days)
    record(Bystander(enterprise=credential.enterprise), Action.CREDENTIAL_WARNED, credential.serial, days=days)
    said = {
        "environment": Environment(credential.environment).label,
        "serial": credential.serial,
        "day": timezone.localtime(credential.not_after).strftime("%Y-%m-%d"),
        "days": days_left(credential, now),
    }
    text = gettext_noop(
        "加签证书还有 %(days)s 天到期。%(environment)s使用中的证书 %(serial)s 于 %(day)s 到期，到期后报文不能加签，"
        "单证等在本平台。请登记新证书并启用，办理约需 5 个工作日，也可以申请加密证书代办"
    )
    page = reverse("credentials")
    notify_members(credential.enterprise, keep(text, **said), roles=[MemberRole.ADMINISTRATOR], address=page)
    return True


def _has_administrator(credential: Credential) -> bool:
    """Whether anybody would hear of it; until then the alarm waits."""
    members = Membership.objects.filter(enterprise=credential.enterprise, active=True, user__is_active=True)
    return members.filter(roles__contains=[MemberRole.ADMINISTRATOR]).exists()


def days_left(credential: Credential, now: datetime) -> int:
    """Whole days until the end; below zero after it."""
    return (credential.not_after - now).days
