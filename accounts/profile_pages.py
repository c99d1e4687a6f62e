"""The page 企业资料: what the portal knows of the enterprise one acts for, and the way to change it."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import MemberRequest, member, role_missing
from accounts.actions import Action
from accounts.audit import REASON, reason_in, record
from accounts.models import Profile
from accounts.models.profile import PERSONAL, profile_of
from accounts.onboarding import applications, pages
from accounts.onboarding.kinds import ENTERPRISE_CHANGE
from accounts.onboarding.numbers import proposed
from accounts.onboarding.offices import called
from accounts.onboarding.services import active
from accounts.roles import EnterpriseState, MemberRole
from portal.personal import MASKS

LOOKS = {
    EnterpriseState.DRAFT: ("idle", "circle"),
    EnterpriseState.APPROVED: ("ok", "check-circle"),
    EnterpriseState.SUSPENDED: ("bad", "pause-circle"),
}


@dataclass(frozen=True)
class Person:
    """One line about a person: masked, or whole once somebody said why."""

    label: Any
    text: str


@require_http_methods(["GET", "HEAD", "POST"])
@member
def profile(request: MemberRequest) -> HttpResponse:
    """Everything, what is about persons masked; a POST with a reason shows an administrator that too, on record."""
    actor, enterprise = request.actor, request.actor.enterprise
    is_administrator, fault = actor.may(MemberRole.ADMINISTRATOR), ""
    reason = reason_in(request, "reason")
    if request.method == "POST":
        if not is_administrator:
            raise PermissionDenied(role_missing([MemberRole.ADMINISTRATOR]))
        if len(reason) in REASON:
            record(actor, Action.UNCOVER, f"enterprise {enterprise.pk}", reason=reason)
        else:
            fault = _("请写明显示的原因，2 到 200 个字")
    uncovered = request.method == "POST" and not fault
    held = profile_of(enterprise)
    change = (
        applications.open_one(ENTERPRISE_CHANGE, by=request.user, enterprise=enterprise) if is_administrator else None
    )
    numbers = proposed(enterprise) if is_administrator else None
    state = EnterpriseState(enterprise.state)
    context = {
        "held": held,
        "look": pages.Look(*LOOKS[state], state.label),
        "office": called(held.registration_customs) if held else "",
        "persons": persons(held, uncovered=uncovered),
        "services": active(enterprise),
        "change": pages.Standing.of(change) if change else None,
        "change_kind": ENTERPRISE_CHANGE.name,
        "numbers": pages.Standing.of(numbers) if numbers else None,
        "is_administrator": is_administrator,
        "uncovered": uncovered,
        "reason": reason,
        "fault": fault,
    }
    return render(request, "accounts/profile/profile.html", context, status=400 if fault else 200)


def persons(held: Profile | None, *, uncovered: bool) -> list[Person]:
    """What is known of persons."""
    found = []
    for name, mask in PERSONAL.items():
        text = held.told(name) if held else ""
        label = ENTERPRISE_CHANGE.words[name]
        found.append(Person(label, text if uncovered or not text else MASKS[mask](text)))
    return found
