"""The page 服务开通: what is active, what is being decided, what may be applied for, and the way to go live by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import Actor, MemberRequest, member, role_missing
from accounts.mandates import unmandated
from accounts.models import Application, ApplicationState, Service
from accounts.models.applications import ENDED
from accounts.onboarding import applications
from accounts.onboarding.kinds import GO_LIVE, SERVICE
from accounts.onboarding.services import MODES, SERVICES, Step, active, label_of, steps_of
from accounts.roles import EnterpriseState, EnterpriseType, MemberRole
from portal.looks import Look

LOOKS: Mapping[str, tuple[str, str]] = {
    ApplicationState.DRAFT: ("idle", "pencil"),
    ApplicationState.SUBMITTED: ("info", "hourglass-split"),
    ApplicationState.SECOND: ("info", "hourglass-split"),
    ApplicationState.RETURNED: ("bad", "arrow-return-left"),
}
#: How many ended services are shown.
MOST_ENDED = 20


@dataclass(frozen=True)
class Underway:
    """An application that is not decided yet."""

    application: Application
    label: Any

    @property
    def address(self) -> str:
        """Its page; empty while there is none."""
        return page_of(self.application)

    @property
    def look(self) -> Look:
        """Its state."""
        state = ApplicationState(self.application.state)
        return Look(*LOOKS[state], state.label)


@dataclass(frozen=True)
class Offer:
    """A service that may be applied for; ``again`` where it is active already, for another district or another clearance."""

    service: str
    label: Any
    again: bool


@dataclass(frozen=True)
class Page:
    """Everything on the page."""

    active: list[Service]
    #: Of these, those whose clearance-service enterprise has no mandate yet, by key.
    unmandated: set[int]
    #: What staff ended, the last one first; what another took the place of is not among them.
    ended: list[Service]
    underway: list[Underway]
    offers: list[Offer]
    #: The way to going live, for who is still on it.
    steps: list[Step]
    #: The application to go live, if one is open.
    going_live: Underway | None
    is_live: bool
    is_suspended: bool

    @property
    def may_go_live(self) -> bool:
        """Whether the application to go live can be begun."""
        return (
            not self.is_live
            and not self.is_suspended
            and self.going_live is None
            and all(step.is_met for step in self.steps)
        )


@require_http_methods(["GET", "HEAD", "POST"])
@member
def services(request: MemberRequest) -> HttpResponse:
    """The page; a POST of an administrator begins the application for a service, or the one to go live."""
    if request.method == "POST":
        return _begun(request)
    context = {"page": page(request.actor), "may_apply": request.actor.may(MemberRole.ADMINISTRATOR)}
    return render(request, "accounts/services/services.html", context)


def _begun(request: MemberRequest) -> HttpResponse:
    actor = request.actor
    if not actor.may(MemberRole.ADMINISTRATOR):
        raise PermissionDenied(role_missing([MemberRole.ADMINISTRATOR]))
    if why_not := applications.why_suspended(actor.enterprise):
        messages.warning(request, why_not)
        return redirect("services")
    wanted = request.POST.get("apply", "")
    if wanted == GO_LIVE.name:
        one = applications.begin(GO_LIVE, by=actor.user, enterprise=actor.enterprise, title=actor.enterprise.name)
    elif wanted in {offer.service for offer in _offers(actor, active(actor.enterprise), set())}:
        one = applications.begin(
            SERVICE, by=actor.user, enterprise=actor.enterprise, topic=wanted, title=actor.enterprise.name
        )
        if not applications.typed_in(one):
            applications.save(one, {"service": [wanted]}, version=one.version)
    else:
        raise Http404
    if address := page_of(one):
        return redirect(address)
    messages.success(request, _("已建立申请，请在“申请”页填写并提交"))
    return redirect("services")


def page(actor: Actor) -> Page:
    """What the page shows to a member of the enterprise."""
    enterprise = actor.enterprise
    own = Application.objects.filter(enterprise=enterprise, kind__in=[SERVICE.name, GO_LIVE.name])
    open_ones = list(own.exclude(state__in=ENDED).order_by("-id"))
    going = next((one for one in open_ones if one.kind == GO_LIVE.name), None)
    running = active(enterprise)
    underway = [Underway(one, _label(one)) for one in open_ones if one.kind == SERVICE.name]
    return Page(
        active=running,
        unmandated=unmandated(enterprise, running, timezone.localdate()),
        ended=list(
            Service.objects.filter(enterprise=enterprise).exclude(end_reason="").order_by("-ended")[:MOST_ENDED]
        ),
        underway=underway,
        offers=_offers(actor, running, {one.application.topic for one in underway}),
        steps=steps_of(enterprise) if enterprise.state == EnterpriseState.DRAFT else [],
        going_live=Underway(going, GO_LIVE.label) if going else None,
        is_live=enterprise.state == EnterpriseState.APPROVED,
        is_suspended=enterprise.state == EnterpriseState.SUSPENDED,
    )


def page_of(application: Application) -> str:
    """The page an application is filled in on; empty where there is none."""
    try:
        return reverse("application", kwargs={"pk": application.pk})
    except NoReverseMatch:
        return ""


def _label(application: Application) -> Any:
    typed = applications.typed_in(application).get("service", [""])[0]
    return label_of(typed) if typed in SERVICES else SERVICE.label


def _offers(actor: Actor, running: list[Service], topics: set[str]) -> list[Offer]:
    """The services of the types the enterprise is registered under, except those being decided."""
    held = {f"{one.enterprise_type}-{one.mode}" for one in running}
    wanted = [
        f"{of_type.value}-{mode.value}"
        for of_type in EnterpriseType if of_type.value in actor.enterprise.types for mode in MODES[of_type]
    ]  # fmt: skip
    return [Offer(service, label_of(service), service in held) for service in wanted if service not in topics]
