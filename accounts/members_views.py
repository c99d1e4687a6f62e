"""The pages of members: an administrator's table of them, and the page an invitation leads to."""

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import members as deeds
from accounts.access import MemberRequest, PortalRequest, act_for, address_of, require_role
from accounts.members_forms import InviteForm, RolesForm
from accounts.models import Invitation, Membership, User
from accounts.roles import ROLE_NOTES, MemberRole

LOOKS_AND_SENDS = ["GET", "HEAD", "POST"]

for_administrators = require_role(MemberRole.ADMINISTRATOR)


# --- the administrator --------------------------------------------------------------------------------------------------


@require_http_methods(LOOKS_AND_SENDS)
@for_administrators
def members(request: MemberRequest) -> HttpResponse:
    """Who belongs to the enterprise, who is invited, and the form to invite."""
    form = InviteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            invited, token = deeds.invite(by=request.actor, **form.cleaned_data)
        except deeds.Refused as refused:
            form.add_error("email", str(refused))
        else:
            return _sent(request, invited, token)
    if "email" in form.errors:
        form.fields["email"].widget.attrs |= {"aria-invalid": "true", "aria-describedby": "id_email_error"}
    everybody = Membership.objects.filter(enterprise=request.actor.enterprise).select_related("user").order_by("pk")
    words = {
        "form": form,
        "members": [one for one in everybody if one.active],
        "removed": [one for one in everybody if not one.active],
        "invitations": _invitations(request),
        "days": deeds.VALID.days,
    }
    return render(request, "accounts/members/members.html", words)


@require_http_methods(LOOKS_AND_SENDS)
@for_administrators
def one(request: MemberRequest, pk: int) -> HttpResponse:
    """One member: their roles, to be changed."""
    membership = _own_member(request, pk)
    form = RolesForm(request.POST if request.method == "POST" else None, initial={"roles": membership.roles})
    if form.is_valid():
        try:
            deeds.change_roles(by=request.actor, membership=membership, roles=form.cleaned_data["roles"])
        except deeds.Refused as refused:
            form.add_error("roles", str(refused))
        else:
            messages.success(request, _("%(member)s 的角色已保存，立即生效") % {"member": membership.user})
            return _back(request, membership, MemberRole.ADMINISTRATOR in form.cleaned_data["roles"])
    words = {"membership": membership, "form": form, "only": deeds.is_only_administrator(membership)}
    return render(request, "accounts/members/member.html", words)


@require_http_methods(LOOKS_AND_SENDS)
@for_administrators
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask, then remove."""
    membership = _own_member(request, pk)
    if request.method != "POST":
        words = {"membership": membership, "only": deeds.is_only_administrator(membership)}
        return render(request, "accounts/members/remove.html", words)
    try:
        deeds.remove(by=request.actor, membership=membership)
    except deeds.Refused as refused:
        messages.error(request, str(refused))
        return redirect("member", pk)
    messages.success(request, _("%(member)s 已移除，立即生效") % {"member": membership.user})
    return _back(request, membership, still=False)


@require_POST
@for_administrators
def restore(request: MemberRequest, pk: int) -> HttpResponse:
    """Let a removed member back in."""
    membership = _own_member(request, pk)
    try:
        deeds.restore(by=request.actor, membership=membership)
    except deeds.Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("%(member)s 已恢复为成员，角色同以前") % {"member": membership.user})
    return redirect("members")


@require_POST
@for_administrators
def resend(request: MemberRequest, pk: int) -> HttpResponse:
    """Send an invitation again."""
    try:
        invited, token = deeds.resend(by=request.actor, invitation=_own_invitation(request, pk))
    except deeds.Refused as refused:
        messages.error(request, str(refused))
        return redirect("members")
    return _sent(request, invited, token)


@require_POST
@for_administrators
def revoke(request: MemberRequest, pk: int) -> HttpResponse:
    """Take an invitation back."""
    found = _own_invitation(request, pk)
    try:
        deeds.revoke(by=request.actor, invitation=found)
    except deeds.Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("发给 %(email)s 的邀请已撤销，其中的链接已失效") % {"email": found.email})
    return redirect("members")


def _own_member(request: MemberRequest, pk: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), pk=pk, enterprise=request.actor.enterprise)


def _own_invitation(request: MemberRequest, pk: int) -> Invitation:
    return get_object_or_404(Invitation, pk=pk, enterprise=request.actor.enterprise)


def _invitations(request: MemberRequest) -> list[tuple[Invitation, User | None]]:
    """Those not yet accepted, each with who sent it; None for staff, whom members do not see."""
    waiting = Invitation.objects.filter(enterprise=request.actor.enterprise, accepted_at=None, revoked_at=None)
    senders = User.objects.in_bulk({each.invited_by_id for each in waiting})
    return [(each, senders.get(each.invited_by_id)) for each in waiting]


def _sent(request: MemberRequest, invited: Invitation, token: str) -> HttpResponse:
    """Mail the letter, and say so."""
    deeds.mail(invited, link=request.build_absolute_uri(reverse("invitation", args=[token])))
    words = {"email": invited.email, "days": deeds.VALID.days}
    messages.success(request, _("已向 %(email)s 发出邀请，%(days)s 天内有效") % words)
    return redirect("members")


def _back(request: MemberRequest, membership: Membership, still: bool) -> HttpResponse:
    """To the table; who has just ended their own rule goes home, as the table is closed to them."""
    return redirect("members" if still or membership.user != request.user else "home")


# --- whoever is invited -------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(LOOKS_AND_SENDS)
def invitation(request: PortalRequest, token: str) -> HttpResponse:
    """Where the link of a letter leads: to signing in, then to joining."""
    told = deeds.told(token)
    if told is None:
        raise Http404
    user = request.user
    if told.is_open and request.method == "POST":
        if not user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if told.mine:
            return _join(request, user, token)
    words = {
        "told": told,
        "roles": [(role.label, ROLE_NOTES[role]) for role in MemberRole if role in (told.roles or ())],
    }
    status = 410 if not told.is_open else 403 if user.is_authenticated and not told.mine else 200
    return render(request, "accounts/members/invitation.html", words, status=status)


def _join(request: HttpRequest, user: User, token: str) -> HttpResponse:
    """Become a member, and act for that enterprise from now on."""
    try:
        enterprise = deeds.accept(user=user, token=token, address=address_of(request))
    except deeds.Refused as refused:  # it ended between the two
        messages.error(request, str(refused))
        return redirect("invitation", token)
    act_for(request, enterprise)
    messages.success(request, _("已加入 %(name)s，现在代表这家企业") % {"name": enterprise.name})
    return redirect("home")
