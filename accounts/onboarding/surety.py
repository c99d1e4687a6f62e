"""Who pays tax for another (由他人代缴): an enterprise open for filing, of a type that gives security, which has given some.

That it is open and of such a type is public and asked when it is named; one sentence answers for all that is wrong, so that
nobody learns another's state by trying codes. What security it has given is its own affair: staff alone see it, and are asked
at the approval.
"""

from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Enterprise, Evidence
from accounts.models.preparation import SECURITIES, GuaranteeKind
from accounts.notices import notify_members
from accounts.onboarding.preparation import GUARANTORS
from accounts.roles import MemberRole
from portal.money import money
from portal.sentences import keep


class _Named(NamedTuple):
    """Who is named, as far as an applicant may know it."""

    name: str
    types: list[str]


def why_not(enterprise: Enterprise, code: str) -> str:
    """Why the enterprise of that customs code cannot pay for this one, as far as the applicant may hear it; empty if it can."""
    if code == enterprise.customs_code:
        return _("这是本企业的编码；由本企业自己担保的，请改选保证金或银行保函")
    return "" if _named(code) else _("未找到可以代缴的企业，请核对对方的海关十位编码，或由对方先办妥担保")


def remark(code: str) -> str:
    """What staff should see of who is named: its name and what it has given."""
    named = _named(code)
    if named is None:
        return _("代缴企业 %(code)s 未登记、未开通，或不是可以担保的类型") % {"code": code}
    held = _security_of(code)
    if held is None:
        return _("代缴企业“%(name)s”没有在有效期内的担保，不能通过；请退回，由对方先办妥担保") % {"name": named.name}
    said = {
        "name": named.name, "kind": GuaranteeKind(held.variety).label, "number": held.number,
        "limit": money(held.amount or 0),
    }  # fmt: skip
    if held.valid_to is None:
        return _("代缴企业“%(name)s”：%(kind)s %(number)s，额度 %(limit)s 元") % said
    said["day"] = held.valid_to.isoformat()
    return _("代缴企业“%(name)s”：%(kind)s %(number)s，额度 %(limit)s 元，有效期至 %(day)s") % said


def take_on(enterprise: Enterprise, code: str) -> None:
    """Whoever is named pays for the enterprise from now on, and hears of it.

    Raises ValidationError for staff where it has given no security that counts today.
    """
    if _security_of(code) is None:
        raise ValidationError(remark(code))
    told = keep(
        gettext_noop("“%(name)s”（%(code)s）登记由本企业代缴税款，已审核通过；有异议请拨打服务热线"),
        name=enterprise.name, code=enterprise.customs_code,
    )  # fmt: skip
    other = Enterprise.objects.get(customs_code=code)
    notify_members(
        other, told, roles=[MemberRole.ADMINISTRATOR, MemberRole.FINANCE], address=reverse("guarantee")
    )  # fmt: skip


def _named(code: str) -> _Named | None:
    """The enterprise of that code that is open for filing, and of a type that gives security."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, types FROM accounts_clearing(%s, '', '', '')", [code])
        row = cursor.fetchone()
    found = _Named(*row) if row else None
    return found if found and GUARANTORS & set(found.types) else None


def _security_of(code: str) -> Evidence | None:
    """What it has given that counts today; only staff can ask."""
    given = Evidence.objects.filter(
        enterprise__customs_code=code, item="guarantee", replaced=False, variety__in=SECURITIES, amount__gt=0
    )
    held = given.first()
    return held if held and held.is_valid_on(timezone.localdate()) else None
