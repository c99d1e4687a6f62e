"""Reminding by e-mail whoever an application waits for: of the staff its assignee, of a returned one its applicant.

Once a day at most for each application, whoever presses the button. The letters leave after the transaction, so that no
lock is held while the network is used.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Application, ApplicationState, Reminder, User
from accounts.models.applications import WAITS_FOR_STAFF
from accounts.onboarding.kinds import kind_named
from accounts.outgoing import write_mail
from portal.calendar import SHANGHAI

NOBODY_HAS_IT = gettext_lazy("未分派，没有经办人可催")
WAITS_FOR_NOBODY = gettext_lazy("已办结，不用催")
NO_ADDRESS = gettext_lazy("对方没有登记邮箱，或账号已停用")
TODAY_ALREADY = gettext_lazy("今天已催过")


@dataclass(slots=True)
class Reminded:
    """How many were reminded of, and how many were not, by the reason why."""

    count: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


@transaction.atomic
def remind(applications: Iterable[Application], *, by: User, home: str, address: str = "") -> Reminded:
    """Remind of each of these once today; ``home`` is the address of the portal, for the letter."""
    told, today = Reminded(), timezone.now().astimezone(SHANGHAI).date()
    letters: dict[User, list[Application]] = {}
    for one in applications:
        whom, why_not = _waited_for(one)
        if whom is None:
            told.left_out[why_not] += 1
        elif not Reminder.objects.get_or_create(application=one, on=today, defaults={"by": by})[1]:
            told.left_out[str(TODAY_ALREADY)] += 1
        else:
            who = Bystander(user=by, enterprise=one.enterprise, address=address)
            record(who, Action.APPLICATION_REMINDED, f"{one.kind} {one.pk}", state=one.state)
            letters.setdefault(whom, []).append(one)
            told.count += 1
    for whom, theirs in letters.items():
        subject, text = _letter(whom, theirs, home)
        write_mail(whom.email, subject, text)
    return told


def _waited_for(application: Application) -> tuple[User | None, str]:
    """Whom it waits for; or nobody, and why."""
    if application.state == ApplicationState.RETURNED:
        whom = application.applicant
    elif application.state not in WAITS_FOR_STAFF:
        return None, str(WAITS_FOR_NOBODY)
    elif application.assignee is None:
        return None, str(NOBODY_HAS_IT)
    else:
        whom = application.assignee
    return (whom, "") if whom.is_active and whom.email else (None, str(NO_ADDRESS))


def _letter(whom: User, applications: list[Application], home: str) -> tuple[str, str]:
    """Subject and text, in Chinese whoever presses the button. Of persons it names the reader alone."""
    with override(settings.LANGUAGE_CODE):
        ours = [one for one in applications if one.state in WAITS_FOR_STAFF]
        returned = [one for one in applications if one.state == ApplicationState.RETURNED]
        lines = [_("%(name)s：") % {"name": whom}, ""]
        for told, theirs in (
            (_("以下申请在等您审核："), ours),
            (_("以下申请已退回补正，改好后请重新提交："), returned),
        ):
            if theirs:
                lines += [told, *(f"· {kind_named(one.kind).label} {one.title}" for one in theirs), ""]
        lines += [_("请登录办理：%s") % home]
        return _("有 %s 份申请等您办理") % len(applications), "\n".join(lines)
