"""The pages of signing in and out, and of changing the enterprise one acts for."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Bystander, MemberRequest, PortalRequest, act_for, address_of, member
from accounts.actions import Action
from accounts.audit import record
from accounts.forms import OwnPasswordForm, SignInForm, SwitchForm
from accounts.models import Enterprise
from accounts.sign_in import LOCKED_SECONDS, Attempt, sign_in


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """The sign-in page; whoever is signed in already goes on to where they wanted to go."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(where_next(request))
    form = SignInForm(request.POST or None, label_suffix="")
    status = 200
    if request.method == "POST" and form.is_valid():
        attempt = sign_in(request, form.cleaned_data["username"], form.cleaned_data["password"])
        if attempt.user is not None:
            return HttpResponseRedirect(where_next(request))
        form.add_error("password", why_refused(attempt))
        status = 503 if attempt.closed else 200
    for name in form.errors:
        form.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"id_{name}_error"}
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return render(request, "accounts/login.html", {"form": form, "next": wanted}, status=status)


@require_POST
def sign_out(request: PortalRequest) -> HttpResponse:
    """End the session."""
    if request.user.is_authenticated:
        actor = request.actor or Bystander(user=request.user, address=address_of(request))
        record(actor, Action.SIGN_OUT, request.user.username)
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@require_http_methods(["GET", "HEAD", "POST"])
@member
def switch_enterprise(request: MemberRequest) -> HttpResponse:
    """Choose the enterprise to act for from now on; for one that is not one's own there is no such page."""
    if request.method != "POST":
        return render(request, "accounts/switch_enterprise.html")
    form = SwitchForm(request.POST)
    wanted = form.cleaned_data["enterprise"] if form.is_valid() else None
    membership = next((each for each in request.memberships if each.enterprise_id == wanted), None)
    if membership is None:
        raise Http404
    switch_to(request, membership.enterprise)
    return redirect("home")


def switch_to(request: PortalRequest | MemberRequest, enterprise: Enterprise) -> None:
    """Act for this enterprise of one's own from now on, on record and said."""
    record(request.actor, Action.SWITCH_ENTERPRISE, enterprise.customs_code)
    act_for(request, enterprise)
    messages.success(request, _("现在代表 %(name)s") % {"name": enterprise.name})


class _ChangePassword(PasswordChangeView):
    """One's own password; this session goes on, all others of this user end with the old password."""

    form_class = OwnPasswordForm
    template_name = "accounts/change_password.html"
    success_url = reverse_lazy("home")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Write it, and that it was done."""
        response = super().form_valid(form)
        record(cast(MemberRequest, self.request).actor, Action.PASSWORD_CHANGED, self.request.user.get_username())
        messages.success(self.request, _("密码已修改；在其他地方的登录已退出"))
        return response

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        """Tell a reader of the screen which field is wrong."""
        for name in form.errors:
            form.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"id_{name}_error"}
        return super().form_invalid(form)


change_password = require_http_methods(["GET", "HEAD", "POST"])(member(_ChangePassword.as_view()))


def why_refused(attempt: Attempt) -> str:
    """What the page says of a failed attempt: the same for a wrong name and a wrong password."""
    if attempt.closed:
        return _("暂时无法登录，与用户名和密码无关。请过几分钟再试，仍不行请拨打服务热线")
    if attempt.locked:
        return _("尝试次数过多，请 %(minutes)s 分钟后再试") % {"minutes": LOCKED_SECONDS // 60}
    return _("用户名或密码不对，还可以试 %(left)s 次") % {"left": attempt.failures_left}


def where_next(request: HttpRequest) -> str:
    """The page asked for before signing in, if it is one of ours; else home."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse("home")
