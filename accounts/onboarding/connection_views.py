"""The page 系统对接: developers look, administrators apply."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import MemberRequest, require_role, role_missing
from accounts.models import Enterprise
from accounts.onboarding import applications
from accounts.onboarding.applications import Typed
from accounts.onboarding.connection_page import BEGUN_HERE, page_for
from accounts.onboarding.kinds import Kind
from accounts.roles import MemberRole


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(MemberRole.ADMINISTRATOR, MemberRole.DEVELOPER)
def connection(request: MemberRequest) -> HttpResponse:
    """The page; a POST of an administrator begins the application it names."""
    if request.method == "POST":
        return _begun(request)
    return render(request, "accounts/connection/connection.html", {"page": page_for(request.actor)})


def _begun(request: MemberRequest) -> HttpResponse:
    actor = request.actor
    if not actor.may(MemberRole.ADMINISTRATOR):
        raise PermissionDenied(role_missing([MemberRole.ADMINISTRATOR]))
    wanted = request.POST.get("apply", "")
    name, _colon, topic = wanted.partition(":")
    if name not in BEGUN_HERE:
        raise Http404
    kind = BEGUN_HERE[name]
    if wanted in page_for(actor).offered:
        one = applications.begin(
            kind, by=actor.user, enterprise=actor.enterprise, topic=topic, title=actor.enterprise.name
        )
        if not applications.typed_in(one):
            applications.save(one, _begun_with(kind, topic, actor.enterprise), version=one.version)
        return redirect("application", pk=one.pk)
    if begun := applications.open_one(kind, by=actor.user, enterprise=actor.enterprise, topic=topic):
        return redirect("application", pk=begun.pk)  # in an older window
    messages.info(request, _("这一步现在不能申请，请看下一步"))
    return redirect("connection")


def _begun_with(kind: Kind, topic: str, enterprise: Enterprise) -> Typed:
    """What stands in the form before anything is typed: what is in force, or else what was chosen here."""
    in_force = kind.initial(enterprise, topic) if kind.initial else {}
    return in_force or ({kind.chosen_as: [topic]} if kind.chosen_as else {})
