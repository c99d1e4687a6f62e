"""Who is asking: every request meets this first, every view asks it.

The middleware finds the member and the enterprise, and runs the view in one transaction under the PostgreSQL role and
the enterprise of that actor, so that row-level security stands behind whatever the view forgets.
"""

import hmac
from collections.abc import Callable, Collection
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from accounts import sessions
from accounts.licences import CURE, closed_for, closed_types
from accounts.models import Application, Enterprise, Membership, User
from accounts.roles import FILING_ROLES, EnterpriseState, MemberRole
from accounts.services import CURE as SERVICE_CURE
from accounts.services import unserved_for
from portal.sentences import speak
from portal.tenancy import Role, acting_as

ENTERPRISE_IN_SESSION = "enterprise"
#: Set once the second factor has been shown in this session.
PROVEN_IN_SESSION = "second_factor"
# Who asks PostgreSQL when a path begins so; every other path asks as the plain role of the web.
STAFF_PATH = "/admin/"
# What an auditor does for themselves; everywhere else on the desk of staff they look and change nothing.
OWN_PATHS = frozenset({"/admin/logout/", "/admin/password_change/"})
GATEWAY_PATH = "/customs/receive/"
# Where somebody may go who still owes the second factor: to show it or set it up, to leave, to read in their language.
UNPROVEN_PATHS = ("/second-factor/", "/login/", "/logout/", "/language/", "/health/")

View = Callable[..., HttpResponseBase]

#: From where the request at hand came; empty in tasks and commands. The record of deeds falls back to it.
present_address: ContextVar[str] = ContextVar("present_address", default="")


@dataclass(frozen=True)
class Actor:
    """A member acting for one enterprise: what doors, filing and audit are given instead of a request."""

    user: User
    enterprise: Enterprise
    roles: frozenset[str]
    address: str = ""

    @classmethod
    def of(cls, membership: Membership, address: str = "") -> "Actor":
        """The actor a membership makes."""
        return cls(membership.user, membership.enterprise, frozenset(membership.roles), address)

    def may(self, *roles: str) -> bool:
        """Whether the member holds one of these roles."""
        return not self.roles.isdisjoint(roles)

    @property
    def may_file(self) -> bool:
        """Whether this member may file now: the enterprise is approved, and the role reaches."""
        return self.enterprise.may_file and self.may(*FILING_ROLES)

    def may_file_as(self, types: Collection[str]) -> bool:
        """Whether this member may file now what these types file: one of them has a valid licence and a service too."""
        return self.may_file and not closed_for(self.enterprise, types) and not unserved_for(self.enterprise, types)

    @property
    def closed(self) -> list[str]:
        """Why types of the enterprise may not file today, as ``portal.sentences`` keeps it; one reason for each."""
        return list(closed_types(self.enterprise).values())


@dataclass(frozen=True)
class Bystander:
    """Somebody or something that acts, but as no member: a visitor, staff, a stranger, a task."""

    user: User | None = None
    enterprise: Enterprise | None = None
    address: str = ""


def is_member(user: User, enterprise: Enterprise | int | None) -> bool:
    """Whether they belong to it now: who of the staff does decides nothing about it."""
    number = enterprise.pk if isinstance(enterprise, Enterprise) else enterprise
    return number is not None and user.memberships.filter(enterprise=number, active=True).exists()


class PortalRequest(HttpRequest):
    """A request as EnterpriseMiddleware leaves it; for annotations only."""

    actor: Actor | None
    memberships: tuple[Membership, ...]
    view_raised: bool
    #: Whether the enterprise chosen in the session is no longer one's own.
    chosen_is_gone: bool
    #: What is written once the answer stands, by a page of the desk that itself only reads.
    afterwards: list[Callable[[], None]]


class MemberRequest(HttpRequest):
    """A request as a view behind @member or @require_role gets it; for annotations only."""

    actor: Actor
    memberships: tuple[Membership, ...]
    user: User


class UserRequest(PortalRequest):
    """A request as a view behind @signed_in gets it; for annotations only."""

    user: User


def actor_of(user_id: int, enterprise_id: int) -> Actor:
    """The actor a task works for, read anew: Membership.DoesNotExist when the member has been removed since."""
    return Actor.of(
        Membership.objects.select_related("user", "enterprise").get(
            user_id=user_id, user__is_active=True, enterprise_id=enterprise_id, active=True
        )
    )


def address_of(request: HttpRequest) -> str:
    """The address of the real peer. X-Forwarded-For is believed only as far as our own proxies wrote it."""
    peer = str(request.META.get("REMOTE_ADDR") or "")
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    while peer in settings.PORTAL_PROXIES and hops and is_address(hops[-1]):
        peer = hops.pop()
    return peer


def is_address(text: str) -> bool:
    """Whether this is the address of a machine."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class EnterpriseMiddleware:
    """Sets request.actor and request.memberships, and runs the view in one transaction under the actor's wall.

    A view that raises is rolled back, although Django has made a response of the exception by then.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Django gives the rest of the chain."""
        self.get_response = get_response

    def __call__(self, request: PortalRequest) -> HttpResponse:
        """Remember from where it comes, for whatever is written down of it, and answer."""
        token = present_address.set(address_of(request))
        try:
            return self.answer(request)
        finally:
            present_address.reset(token)

    def answer(self, request: PortalRequest) -> HttpResponse:
        """Recognise who asks, and answer behind their wall."""
        request.actor = None
        request.memberships = ()
        request.view_raised = False
        request.chosen_is_gone = False
        request.afterwards = []
        if request.path_info.startswith(GATEWAY_PATH):
            return self.inside(request, role="portal_gateway")
        user_id = self.signed_in(request)
        if request.path_info.startswith(STAFF_PATH):
            return self.as_staff(request, user_id)
        if user_id is None:
            return self.inside(request)
        with acting_as(enterprise_id=None, user_id=user_id):
            self.recognise(request, user_id)
            self.look_after_session(request)
            if owes_second_factor(request) and not request.path_info.startswith(UNPROVEN_PATHS):
                return to_second_factor(request)
        if request.chosen_is_gone and request.actor and request.path_info != reverse("logout"):
            return to_switch(request, request.actor.enterprise)
        response = self.inside(
            request, enterprise_id=request.actor.enterprise.pk if request.actor else None, user_id=user_id
        )
        add_never_cache_headers(response)
        return response

    def process_exception(self, request: PortalRequest, exception: Exception) -> None:
        """Remember that the view raised: its writes are not kept."""
        request.view_raised = True

    def signed_in(self, request: PortalRequest) -> int | None:
        """The user of the session. The row itself is checked by Django when request.user is read."""
        value = request.session.get(SESSION_KEY)
        return int(value) if value is not None else None

    def recognise(self, request: PortalRequest, user_id: int) -> None:
        """Find the user and the enterprise chosen in the session, or else the first the user belongs to."""
        if not request.user.is_authenticated or request.user.is_auditor:
            return  # an auditor acts for nobody, whatever they were before
        memberships = (
            Membership.objects.filter(user_id=user_id, active=True).select_related("enterprise").order_by("pk")
        )
        request.memberships = tuple(memberships)
        chosen = request.session.get(ENTERPRISE_IN_SESSION)
        membership = next((each for each in request.memberships if each.enterprise_id == chosen), None)
        if membership is None:
            request.chosen_is_gone = request.session.pop(ENTERPRISE_IN_SESSION, None) is not None
            if not request.memberships:
                if request.chosen_is_gone:
                    rotate_token(request)  # no form of before is sent for an enterprise joined afterwards
                return
            # From now on chosen: once it is gone nobody acts for another enterprise without being told.
            membership = request.memberships[0]
            request.session[ENTERPRISE_IN_SESSION] = membership.enterprise_id
        request.actor = Actor(request.user, membership.enterprise, frozenset(membership.roles), address_of(request))

    def look_after_session(self, request: PortalRequest) -> None:
        """Note that the session is used, and renew its key when its user's roles have changed."""
        if isinstance(request.user, User):
            sessions.see(request.session, address_of(request))
            sessions.renew_when_roles_changed(request.session, request.user, request.memberships)

    def as_staff(self, request: PortalRequest, user_id: int | None) -> HttpResponse:
        """Pages of the admin: for staff, under the role that sees accounts and no documents; for auditors to look at."""
        if user_id is not None:
            with acting_as(enterprise_id=None, user_id=user_id):
                is_staff = request.user.is_active and request.user.is_staff
                sessions.see(request.session, address_of(request))
            if is_staff and owes_second_factor(request):
                return to_second_factor(request)
            if is_staff:
                is_auditor = isinstance(request.user, User) and request.user.is_auditor
                looks_only = is_auditor and request.path_info not in OWN_PATHS
                if looks_only and request.method not in ("GET", "HEAD"):
                    raise PermissionDenied(_("审计员只能查看，不能修改任何内容"))
                response = self.inside(request, user_id=user_id, role="portal_staff", read_only=looks_only)
                if request.afterwards and not request.view_raised:
                    with acting_as(enterprise_id=None, user_id=user_id, role="portal_staff"):
                        for write in request.afterwards:
                            write()
                add_never_cache_headers(response)
                return response
            if request.user.is_authenticated:
                raise Http404
        return to_sign_in(request)

    def inside(
        self,
        request: PortalRequest,
        *,
        enterprise_id: int | None = None,
        user_id: int | None = None,
        role: Role = "portal_web",
        read_only: bool = False,
    ) -> HttpResponse:
        """The rest of the request in one transaction under one role."""
        with acting_as(enterprise_id=enterprise_id, user_id=user_id, role=role, read_only=read_only):
            response = self.get_response(request)
            if request.view_raised:
                transaction.set_rollback(True)
        return response


def needs_second_factor(user: User, memberships: Collection[Membership]) -> bool:
    """Whether this user may not do with a password alone: staff, and administrators of any enterprise."""
    return user.is_staff or any(MemberRole.ADMINISTRATOR in each.roles for each in memberships)


def owes_second_factor(request: PortalRequest) -> bool:
    """Whether the user of this session must show a second factor and has not, whatever page they ask for."""
    return (
        PROVEN_IN_SESSION not in request.session
        and isinstance(request.user, User)
        and needs_second_factor(request.user, request.memberships)
    )


def to_second_factor(request: HttpRequest) -> HttpResponse:
    """Lead to where the second factor is set up or shown, before anything else."""
    where = reverse("second_factor")
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": where})
    return HttpResponseRedirect(where)


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a visitor to the sign-in page, and back here afterwards; a fragment asked by htmx sends the whole page."""
    came_from = request.get_full_path() if request.method in {"GET", "HEAD"} else reverse("home")
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = redirect_to_login(request.headers.get("HX-Current-URL") or came_from).url
        return response
    return redirect_to_login(came_from)


def act_for(request: HttpRequest, enterprise: Enterprise) -> None:
    """Act for this enterprise from now on; a form opened before, for another one, can no longer be sent."""
    with sessions.renewed(request.session):
        request.session[ENTERPRISE_IN_SESSION] = enterprise.pk
    rotate_token(request)


def to_switch(request: HttpRequest, enterprise: Enterprise) -> HttpResponse:
    """Nothing is done for another enterprise than the one it was meant for: say for which one acts now, and ask."""
    rotate_token(request)
    words = {"name": enterprise.name}
    messages.warning(request, _("成员资格已被取消，不能再代表刚才的企业，这一步没有做。现在代表 %(name)s") % words)
    address = reverse("switch_enterprise")
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def member(view: View) -> View:
    """Let only a member of an enterprise in: visitors sign in first, for anybody else the page does not exist.

    The home page alone tells a user without an enterprise what to do, and leads staff to their desk.
    """

    @wraps(view)
    def guarded(request: PortalRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.actor is not None:
            return view(request, *args, **kwargs)
        if not request.user.is_authenticated:
            return to_sign_in(request)
        if request.resolver_match is None or request.resolver_match.view_name != "home":
            raise Http404
        if request.user.is_staff:
            return HttpResponseRedirect(reverse("admin:index"))
        latest = Application.objects.filter(enterprise=None, applicant=request.user).defer("content").first()
        return render(request, "accounts/without_enterprise.html", {"application": latest})

    return guarded


def signed_in(view: View) -> View:
    """Let in whoever is signed in, of whatever enterprise or none; visitors sign in first."""

    @wraps(view)
    def guarded(request: PortalRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        return view(request, *args, **kwargs)

    return guarded


def whoever(request: PortalRequest) -> Actor | Bystander:
    """Who asks, for the record of deeds: the member, or else a user of no enterprise, or a visitor."""
    if request.actor is not None:
        return request.actor
    return Bystander(user=request.user if isinstance(request.user, User) else None, address=address_of(request))


def require_role(*roles: str, files: bool = False) -> Callable[[View], View]:
    """Let only members with one of these roles in; with files=True only while the enterprise may file."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.actor.may(*roles):
                raise PermissionDenied(role_missing(roles))
            if files and not request.actor.enterprise.may_file:
                raise PermissionDenied(closed_because(request.actor.enterprise))
            return view(request, *args, **kwargs)

        return member(guarded)

    return decorate


class ClosedForNow(PermissionDenied):
    """Refused because of a licence or a service, whatever the role: the page says so in other words."""

    for_now = True


def refuse_while_shut(actor: Actor, types: Collection[str]) -> None:
    """Raise ``ClosedForNow``, with the licence or service and the cure, where what these types file may not be filed today."""
    if why := closed_for(actor.enterprise, types):
        raise ClosedForNow(f"{speak(why)}{_('。')}{CURE}")
    if why := unserved_for(actor.enterprise, types):
        raise ClosedForNow(f"{speak(why)}{_('。')}{SERVICE_CURE}")


def closed_because(enterprise: Enterprise) -> str:
    """The sentence for a member of an enterprise that may not file now."""
    if enterprise.state == EnterpriseState.SUSPENDED:
        if enterprise.state_reason:
            return _("企业已暂停，只能查看，不能申报。原因：%(reason)s") % {"reason": enterprise.state_reason}
        return _("企业已暂停，只能查看，不能申报")
    return _("企业尚未开通，只能查看，不能申报")


def role_missing(roles: Collection[str]) -> str:
    """The sentence for a member whose role does not reach."""
    wanted = _("、").join(str(MemberRole(role).label) for role in roles)
    return _("这一页需要角色：%(roles)s") % {"roles": wanted}


def gateway(view: View) -> View:
    """Let only the gateway in: it knows the bearer token. Anybody else is answered 401 and nothing more."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, b"Bearer " + settings.GATEWAY_TOKEN.encode()):
            return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
        return view(request, *args, **kwargs)

    return guarded
