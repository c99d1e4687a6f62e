"""The pages of signing in and out, and of changing the enterprise one acts for."""

from typing import cast
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, logout
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import browsers, sessions
from accounts.access import MemberRequest, PortalRequest, act_for, member, signed_in, whoever
from accounts.actions import Action
from accounts.audit import record
from accounts.forms import CodeForm, OwnPasswordForm, SignInForm, SwitchForm
from accounts.limits import LOCKED_SECONDS
from accounts.models import Enterprise
from accounts.passkeys import ask_to_sign
from accounts.safety import tell_password_changed
from accounts.sign_in import Attempt, awaited, show_second_factor, sign_in
from portal.tenancy import acting_as


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
        if attempt.half:
            return redirect(query_next(reverse("login_code"), where_next(request)))
        if attempt.user is not None:
            return browsers.remember(request, HttpResponseRedirect(where_next(request)), attempt.user)
        form.add_error("password", why_refused(attempt))
        status = 503 if attempt.closed else 200
    mark_errors(form)
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return render(request, "accounts/login.html", {"form": form, "next": wanted}, status=status)


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def login_code(request: HttpRequest) -> HttpResponse:
    """The second step of signing in; for who has not taken the first, that one."""
    user = awaited(request)
    if user is None:
        return redirect("login")
    asked = request.method == "POST"
    answer = request.POST.get("passkey", "")
    form = CodeForm(request.POST if asked and not answer else None, label_suffix="")
    status, refused = 200, ""
    if asked and (answer or form.is_valid()):
        code = "" if answer else form.cleaned_data["code"]
        attempt = show_second_factor(request, user, code=code, passkey=answer)
        if attempt.user is not None:
            return browsers.remember(request, HttpResponseRedirect(where_next(request)), attempt.user)
        refused = why_refused(attempt, _("验证码不对或已经用过，还可以试 %(left)s 次"))
        if answer:
            refused = why_refused(attempt, _("通行密钥没有通过，还可以试 %(left)s 次"))
        else:
            form.add_error("code", refused)
        status = 503 if attempt.closed else 200
    mark_errors(form)
    with acting_as(enterprise_id=None, user_id=user.pk):
        challenge = ask_to_sign(request, user)
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    context = {"form": form, "next": wanted, "challenge": challenge, "refused": refused if answer else ""}
    return render(request, "accounts/login_code.html", context, status=status)


@require_POST
def sign_out(request: PortalRequest) -> HttpResponse:
    """End the session."""
    if request.user.is_authenticated:
        record(whoever(request), Action.SIGN_OUT, request.user.username)
        sessions.leave(request.session)
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
        form.save()
        with sessions.renewed(self.request.session):
            self.request.session[HASH_SESSION_KEY] = form.user.get_session_auth_hash()
            sessions.end_others(self.request.session, form.user)
        tell_password_changed(form.user)
        record(whoever(cast(PortalRequest, self.request)), Action.PASSWORD_CHANGED, self.request.user.get_username())
        messages.success(self.request, _("密码已修改；在其他地方的登录已退出"))
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        """Tell a reader of the screen which field is wrong."""
        mark_errors(form)
        return super().form_invalid(form)


change_password = require_http_methods(["GET", "HEAD", "POST"])(signed_in(_ChangePassword.as_view()))


def mark_errors(form: BaseForm) -> None:
    """Tell a reader of the screen which field is wrong, and where it is said why."""
    for name in form.errors:
        if name in form.fields:
            form.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"id_{name}_error"}


def why_refused(attempt: Attempt, wrong: str = "") -> str:
    """What the page says of a failed attempt: the same for a wrong name and a wrong password."""
    if attempt.closed:
        return _("暂时无法登录，与用户名和密码无关。请过几分钟再试，仍不行请拨打服务热线")
    if attempt.tomorrow:
        return _("今天试错的次数已到上限，请明天再试；手机丢失的请拨打服务热线")
    if attempt.locked:
        return _("尝试次数过多，请 %(minutes)s 分钟后再试") % {"minutes": LOCKED_SECONDS // 60}
    return (wrong or _("用户名或密码不对，还可以试 %(left)s 次")) % {"left": attempt.failures_left}


def query_next(address: str, wanted: str) -> str:
    """The address, and where to go on from there."""
    return address if wanted == reverse("home") else f"{address}?next={quote(wanted)}"


def where_next(request: HttpRequest) -> str:
    """The page asked for before signing in, if it is one of ours; else home."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return reverse("home")
