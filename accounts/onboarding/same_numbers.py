"""The two numbers by which everybody knows an enterprise: no two have the same, and none is applied for twice."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.actions import Action
from accounts.codes import as_code
from accounts.models import ApplicationState, AuditEntry, Enterprise, Submission
from accounts.models.applications import WAITS_FOR_STAFF
from accounts.onboarding.typed import Typed

#: The fields by which an enterprise is known: no two may have the same.
NUMBERS = ("credit_code", "customs_code")
#: Handed in and not decided for good.
OPEN_TO_ALL_EYES = (*WAITS_FOR_STAFF, ApplicationState.RETURNED)


def numbers_in(typed: Typed) -> dict[str, str]:
    """The numbers of an enterprise in what was typed, by field: of several the last one, as the form takes it."""
    return {name: code for name in NUMBERS if (texts := typed.get(name)) and (code := as_code(texts[-1]))}


def taken(numbers: Mapping[str, Any], *, but: Enterprise | None = None) -> dict[str, list[str]]:
    """Whose these numbers are already, in sentences for staff by field; one enterprise does not stand in its own way."""
    same = Q(credit_code=numbers["credit_code"]) | Q(customs_code=numbers["customs_code"])
    problems: dict[str, list[str]] = {}
    for other in Enterprise.objects.filter(same):
        for name in NUMBERS:
            if other != but and getattr(other, name) == numbers[name]:
                told = _("企业“%(name)s”已用这个号码开户，请核对") % {"name": other.name}
                problems.setdefault(name, []).append(told)
    for name in NUMBERS:
        if used := _given_up(str(numbers[name]), but):
            told = _("这个号码曾是企业“%(name)s”的，旧单证仍在该号码下，不能再用") % {"name": used.name}
            problems.setdefault(name, []).append(told)
    return problems


def _given_up(number: str, but: Enterprise | None) -> Enterprise | None:
    """Who had this number before it was changed: what was filed under it would be seen by whoever has it next."""
    changes = AuditEntry.objects.filter(action=Action.NUMBERS_CHANGED, details__was__contains=[number])
    last = changes.exclude(enterprise=but).select_related("enterprise").first()
    return last.enterprise if last else None


def open_with(numbers: Iterable[str]) -> QuerySet[Submission]:
    """The last versions of open applications that say one of these numbers is theirs."""
    later = Submission.objects.filter(application=OuterRef("application"), number__gt=OuterRef("number"))
    found = Submission.objects.filter(numbers__overlap=list(numbers), application__state__in=OPEN_TO_ALL_EYES)
    return found.filter(~Exists(later))
