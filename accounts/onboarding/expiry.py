"""Reminds the administrators of an enterprise that a licence, or a bank's letter of guarantee, ends; of a letter also finance.

90, 30 and 7 days before, each once, and of a letter on its last day.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import AuditEntry, Evidence, Licence, Qualification
from accounts.notices import notify_members
from accounts.roles import MemberRole
from portal.sentences import keep

#: Days before the end, the first one first.
REMINDERS = (90, 30, 7)
FIRST_REMINDER = REMINDERS[0]
#: The same of a letter: from the day after its last nothing new is held.
LETTER_REMINDERS = (*REMINDERS, 0)


def remind(today: date) -> int:
    """Tell what is due today; the number of licences and letters reminded of."""
    soon: dict[str, Any] = {
        "replaced": False,
        "ended": None,
        "valid_to__gte": today,
        "valid_to__lte": today + timedelta(days=FIRST_REMINDER),
    }
    licences = Qualification.objects.filter(**soon).select_related("enterprise")
    letters = Evidence.objects.filter(**soon).select_related("enterprise")
    return sum(_remind(one, today) for one in licences) + sum(_remind_of_letter(one, today) for one in letters)


@transaction.atomic
def _remind(one: Qualification, today: date) -> bool:
    """One licence: written down with the notice or not at all; whoever else looks at the same time tells nobody."""
    assert one.valid_to is not None
    left, due = _left(one.valid_to, today)
    rows = Qualification.objects.filter(Q(reminded=None) | Q(reminded__gt=due), pk=one.pk, replaced=False, ended=None)
    if not rows.update(reminded=due):
        return False
    said = {"licence": Licence(one.licence).label, "number": one.number, "day": one.valid_to, "left": left}
    text = gettext_noop(
        "%(licence)s还有 %(left)s 天到期。许可证 %(number)s 有效期至 %(day)s，到期后不能申报。"
        "请在“企业类型登记”提交新的许可证，审核期间旧证继续有效，直到到期"
    )
    page = reverse("application_of_kind", args=["types"])
    notify_members(one.enterprise, keep(text, **said), roles=[MemberRole.ADMINISTRATOR], address=page)
    record(Bystander(enterprise=one.enterprise), Action.LICENCE_REMINDED, f"qualification {one.pk}", days=left)
    return True


@transaction.atomic
def _remind_of_letter(one: Evidence, today: date) -> bool:
    """One letter: the record of deeds knows what was told of it, whoever looks at the same time waits and finds it there."""
    assert one.valid_to is not None
    left, due = _left(one.valid_to, today, LETTER_REMINDERS)
    Evidence.objects.select_for_update(no_key=True).get(pk=one.pk)
    # By its last day: a change of the limit has the same letter stand in another row.
    subject = f"guarantee until {one.valid_to}"
    told = AuditEntry.objects.filter(subject=subject, enterprise=one.enterprise, action=Action.LICENCE_REMINDED)
    if told.filter(details__due__lte=due).exists():
        return False
    text = keep(_LETTER_ENDS if left else _LETTER_ENDS_TODAY, number=one.number, day=one.valid_to, left=left)
    roles = [MemberRole.ADMINISTRATOR, MemberRole.FINANCE]
    notify_members(one.enterprise, text, roles=roles, address=reverse("guarantee"))
    record(Bystander(enterprise=one.enterprise), Action.LICENCE_REMINDED, subject, days=left, due=due)
    return True


_LETTER_ENDS = gettext_noop(
    "银行保函还有 %(left)s 天到期。保函 %(number)s 有效期至 %(day)s，到期后不再新增预扣，担保金账户须重新核验。"
    "请由企业管理员在“担保金账户”提交新的保函或保证金"
)
_LETTER_ENDS_TODAY = gettext_noop(
    "银行保函今天到期。保函 %(number)s 有效期至 %(day)s，明天起不再新增预扣，担保金账户须重新核验。"
    "请由企业管理员在“担保金账户”提交新的保函或保证金"
)


def _left(end: date, today: date, reminders: Sequence[int] = REMINDERS) -> tuple[int, int]:
    """How many days are left, and which of the reminders that is due for."""
    left = (end - today).days
    return left, min(days for days in reminders if left <= days)
