"""Reminding whoever an application waits for: of the staff its assignee, or all who decide where it has none; of a
returned one its applicant.

Who applied and has left since is not told: the administrators of the enterprise go on with it.

Once a day at most for each application, whoever presses the button. Of several applications one person gets one letter.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Application, ApplicationState, Reminder, User
from accounts.models.applications import WAITS_FOR_STAFF
from accounts.notices import notify
from accounts.onboarding.kinds import kind_named
from accounts.roles import MemberRole
from portal.calendar import SHANGHAI
from portal.sentences import keep

NOBODY_ELSE = gettext_lazy("未分派，也没有其他能审核的同事可催")
WAITS_FOR_NOBODY = gettext_lazy("已办结，不用催")
NO_ADDRESS = gettext_lazy("对方没有登记邮箱，或账号已停用")
TODAY_ALREADY = gettext_lazy("今天已催过")


@dataclass(slots=True)
class Reminded:
    """How many were reminded of, and how many were not, by the reason why."""

    count: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


@transaction.atomic
def remind(applications: Iterable[Application], *, by: User, address: str = "") -> Reminded:
    """Remind of each of these once today."""
    told, today = Reminded(), timezone.now().astimezone(SHANGHAI).date()
    others = list(_deciders().exclude(pk=by.pk))
    for one in applications:
        whom, why_not = _waited_for(one, others)
        if not whom:
            told.left_out[why_not] += 1
        elif not Reminder.objects.get_or_create(application=one, on=today, defaults={"by": by})[1]:
            told.left_out[str(TODAY_ALREADY)] += 1
        else:
            who = Bystander(user=by, enterprise=one.enterprise, address=address)
            record(who, Action.APPLICATION_REMINDED, f"{one.kind} {one.pk}", state=one.state)
            _tell(whom, one)
            told.count += 1
    return told


def _waited_for(application: Application, others: list[User]) -> tuple[list[User], str]:
    """Whom it waits for, of what nobody has taken all others who decide; or nobody, and why."""
    if application.state == ApplicationState.RETURNED:
        whom = _applying(application)
    elif application.state not in WAITS_FOR_STAFF and not _goes_on(application):
        return [], str(WAITS_FOR_NOBODY)
    elif application.assignee is None:
        whom = others
        if not whom:
            return [], str(NOBODY_ELSE)
    else:
        whom = [application.assignee]
    reached = [one for one in whom if one.is_active and one.email]
    return reached, "" if reached else str(NO_ADDRESS)


def _goes_on(application: Application) -> bool:
    """Whether it is an errand that staff have taken on and not ended."""
    kind = kind_named(application.kind)
    errand = kind.errand(application) if kind.errand else None
    return errand is not None and not errand.is_over


def _deciders() -> QuerySet[User]:
    """All of the staff who may decide on applications."""
    return User.objects.with_perm("accounts.change_application").filter(is_staff=True, is_auditor=False)


def _applying(application: Application) -> list[User]:
    """Who applied; where they no longer administer the enterprise, those who do."""
    if application.enterprise is None:
        return [application.applicant]
    administrators = User.objects.filter(
        memberships__enterprise=application.enterprise, memberships__active=True,
        memberships__roles__contains=[MemberRole.ADMINISTRATOR],
    )  # fmt: skip
    applicant = administrators.filter(pk=application.applicant_id)
    return list(applicant or administrators)


def _tell(whom: Sequence[User], one: Application) -> None:
    """Where it waits, and for what."""
    said = {"kind": kind_named(one.kind).label, "title": one.title}
    if one.state == ApplicationState.RETURNED:
        text = keep(gettext_noop("催办：%(kind)s“%(title)s”已退回补正，改好后请重新提交"), **said)
        notify(whom, text, address=reverse("application", args=[one.pk]), enterprise=one.enterprise)
    else:
        words = gettext_noop("催办：%(kind)s“%(title)s”在等您审核")
        if one.assignee is None:
            words = gettext_noop("催办：%(kind)s“%(title)s”还没有人接手，请接手审核")
        if one.state == ApplicationState.APPROVED:
            words = gettext_noop("催办：%(kind)s“%(title)s”已受理，代办还没有办完")
        text = keep(words, **said)
        notify(whom, text, address=reverse("admin:accounts_application_change", args=[one.pk]))
