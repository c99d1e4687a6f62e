"""Reminds the administrators of an enterprise that a licence ends: 90, 30 and 7 days before, each once."""

import logging
from datetime import date, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Membership, Qualification
from accounts.roles import MemberRole

#: Days before the end, the first one first.
REMINDERS = (90, 30, 7)
FIRST_REMINDER = REMINDERS[0]

log = logging.getLogger(__name__)


def remind(today: date) -> int:
    """Send what is due today; the number of licences reminded of.

    The reminder is written down before the letter goes: whoever else looks at the same time sends none. What could not
    be sent is taken back, and the sweep of the next day tries again.
    """
    sent = 0
    ending = Qualification.objects.filter(
        replaced=False, valid_to__gte=today, valid_to__lte=today + timedelta(days=FIRST_REMINDER)
    ).select_related("enterprise")
    for one in ending:
        assert one.valid_to is not None
        left = (one.valid_to - today).days
        due = min(days for days in REMINDERS if left <= days)
        rows = Qualification.objects.filter(Q(reminded=None) | Q(reminded__gt=due), pk=one.pk, replaced=False)
        if not rows.update(reminded=due):
            continue
        try:
            _write(one, left)
        except OSError:
            Qualification.objects.filter(pk=one.pk).update(reminded=one.reminded)
            log.exception("reminder of licence %s not sent", one.pk)
            continue
        record(Bystander(enterprise=one.enterprise), Action.LICENCE_REMINDED, f"qualification {one.pk}", days=left)
        sent += 1
    return sent


def _write(one: Qualification, left: int) -> None:
    """One letter to each administrator, in Chinese: nobody reads it in a browser of their own."""
    addresses = Membership.objects.filter(
        enterprise=one.enterprise, active=True, user__is_active=True, roles__contains=[MemberRole.ADMINISTRATOR]
    ).exclude(user__email="")
    with override(settings.LANGUAGE_CODE):
        said = {
            "enterprise": one.enterprise.name, "licence": one.get_licence_display(), "number": one.number,
            "day": one.valid_to, "left": left, "portal": settings.PORTAL_NAME,
        }  # fmt: skip
        subject = _("%(licence)s还有 %(left)s 天到期") % said
        text = (
            _(
                "%(enterprise)s：\n\n《%(licence)s》（%(number)s）有效期至 %(day)s，还有 %(left)s 天。到期后不能申报。\n"
                "请在“接入准备”打开“企业类型登记”，提交新的许可证；审核期间旧证继续有效，直到到期。\n\n%(portal)s"
            )
            % said
        )
        for address in addresses.values_list("user__email", flat=True):
            send_mail(subject, text, None, [address])
