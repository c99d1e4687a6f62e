"""Certificates in use here that end soon: told to the administrators of the enterprise by mail, 90, 30 and 7 days before."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.credentials import present_environment
from accounts.models import Credential, Membership
from accounts.roles import EnterpriseState, Environment, MemberRole

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
    """Send what is due, each alarm once; how many. What could not be sent is tried again by the next sweep."""
    soon = Credential.objects.filter(
        active=True,
        environment=present_environment(),
        enterprise__state=EnterpriseState.APPROVED,
        not_after__gt=now,
        not_after__lte=now + timedelta(days=max(ALARMS)),
    )
    sent = 0
    for pk in list(soon.order_by("not_after", "pk").values_list("pk", flat=True)):
        try:
            sent += _warn(pk, now)
        except OSError:  # the mail server, of whichever kind of trouble: smtplib's are OSErrors
            log.exception("the alarm for certificate %s could not be sent", pk)
    return sent


@transaction.atomic
def _warn(pk: int, now: datetime) -> bool:
    """One alarm: noted with the mail or not at all, and by one sweep only."""
    kept = Credential.objects.select_for_update(skip_locked=True, of=("self",)).select_related("enterprise")
    credential = kept.filter(pk=pk, active=True).first()
    days = due_alarm(credential, now) if credential else None
    if credential is None or days is None:
        return False
    to = addresses(credential)
    if not to:
        log.warning("certificate %s ends soon, and its enterprise has no administrator with an address", pk)
        return False
    Credential.objects.filter(pk=pk).update(warned_days=days)
    record(Bystander(enterprise=credential.enterprise), Action.CREDENTIAL_WARNED, credential.serial, days=days)
    with override(settings.LANGUAGE_CODE):
        subject, body = letter(credential, now)
    for address in to:  # one letter each: nobody reads the others' addresses
        send_mail(subject, body, None, [address])
    return True


def addresses(credential: Credential) -> list[str]:
    """Where the administrators of the enterprise read their mail."""
    members = Membership.objects.filter(
        enterprise=credential.enterprise,
        active=True,
        user__is_active=True,
        roles__contains=[MemberRole.ADMINISTRATOR],
    )
    return sorted(members.exclude(user__email="").values_list("user__email", flat=True))


def letter(credential: Credential, now: datetime) -> tuple[str, str]:
    """Subject and text of the mail."""
    said = {
        "enterprise": credential.enterprise.name,
        "environment": Environment(credential.environment).label,
        "serial": credential.serial,
        "day": timezone.localtime(credential.not_after).strftime("%Y-%m-%d"),
        "days": days_left(credential, now),
        "portal": settings.PORTAL_NAME,
        "hotline": settings.PORTAL_HOTLINE,
    }
    subject = _("加签证书还有 %(days)s 天到期：%(enterprise)s") % said
    body = _(
        "%(enterprise)s在%(environment)s使用中的加签证书（序列号 %(serial)s）将于 %(day)s 到期，还有 %(days)s 天。\n"
        "到期后报文不能加签，申报的单证会等在本平台，不能发往海关。\n\n"
        "请登录%(portal)s，在“证书与加签”登记新证书并启用。办理证书约需 5 个工作日，也可以申请加密证书代办。\n"
        "服务热线 %(hotline)s"
    )
    return subject, body % said


def days_left(credential: Credential, now: datetime) -> int:
    """Whole days until the end; below zero after it."""
    return (credential.not_after - now).days
