"""Staff take the errand for a certificate one step on: each one row, one entry in the record, and the enterprise is told.

Of two who have the same page open one makes the step and the other is told, by the version of the application.
"""

from datetime import date

from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Application, ApplicationState, ErrandStage, ErrandStep, User
from accounts.notices import notify_members
from accounts.onboarding.applications import LONGEST_WORDS, NotPossible, Stale, why_not_by
from accounts.onboarding.errands import Errand
from accounts.onboarding.kinds import kind_named
from accounts.roles import MemberRole
from portal.sentences import keep

#: What the administrators of the enterprise are told of each.
TOLD = {
    ErrandStage.AT_CENTRE: gettext_noop("加密证书代办：材料已于 %(day)s 送上海制卡中心，约 5 个工作日办好"),
    ErrandStage.READY: gettext_noop("加密证书代办：证书 %(day)s 起可领取，平台工作人员领取后与经办人联系交付"),
    ErrandStage.HANDED_OVER: gettext_noop("加密证书代办：证书已于 %(day)s 交付，请到“证书与加签”登记"),
    ErrandStage.FAILED: gettext_noop("加密证书代办未能办成，原因见申请页；原因消除后可以重新申请"),
}


@transaction.atomic
def go_on(
    application: Application, *, staff: User, version: int, failed: bool, day: str, note: str, address: str = ""
) -> ErrandStage:
    """Make the next step, or say that it came to nothing. Raises ``Stale`` or ``NotPossible``."""
    errand = _errand_seen(application, version)
    if why := why_not_by(application, staff):
        raise NotPossible(why)
    stage = ErrandStage.FAILED if failed else errand.next_stage
    if stage is None or errand.is_over:
        raise NotPossible(_("这次代办已经办结，不能再登记"))
    happened, said = _day(day, errand), note.strip()
    if failed and not said:
        raise NotPossible(_("请写明未能办成的原因，企业要据此处理"))
    if len(said) > LONGEST_WORDS:
        raise NotPossible(_("说明最多 %s 个字") % LONGEST_WORDS)
    ErrandStep.objects.create(
        application=application, number=len(errand.steps) + 1, stage=stage, day=happened, note=said, by=staff
    )
    who = Bystander(user=staff, enterprise=application.enterprise, address=address)
    subject = f"{application.kind} {application.pk}"
    record(who, Action.APPLICATION_ERRAND, subject, version=application.version, stage=str(stage))
    _tell(application, stage, happened)
    return stage


def _errand_seen(application: Application, version: int) -> Errand:
    """The errand as it was seen; from here on nobody else moves it. Raises ``Stale``, or ``NotPossible`` for what is none."""
    kind = kind_named(application.kind)
    if kind.errand is None or application.state != ApplicationState.APPROVED:
        raise NotPossible(_("这份申请没有在办的代办，请先受理"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_errand_moves(%s, %s)", [application.pk, version])
        (moves,) = cursor.fetchone()
    if not moves:
        raise Stale
    application.version = version + 1
    errand = kind.errand(application)
    assert errand is not None
    return errand


def _day(text: str, errand: Errand) -> date:
    """The day it happened. Raises ``NotPossible`` for none, one to come, or one before the last step."""
    try:
        day = parse_date(text.strip())
    except ValueError:
        day = None
    if day is None:
        raise NotPossible(_("请填写日期，如 2026-01-31"))
    if day > timezone.localdate():
        raise NotPossible(_("日期在将来，请核对"))
    if day < errand.earliest:
        raise NotPossible(_("日期早于上一步（%s），请核对") % errand.earliest.isoformat())
    return day


def _tell(application: Application, stage: ErrandStage, day: date) -> None:
    done = stage == ErrandStage.HANDED_OVER
    page = reverse("credentials") if done else reverse("application", args=[application.pk])
    told = keep(TOLD[stage], day=day.isoformat())
    assert application.enterprise is not None
    notify_members(application.enterprise, told, roles=[MemberRole.ADMINISTRATOR], address=page)
