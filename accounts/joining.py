"""The pages of who is not signed in yet: becoming a user in three steps, and a new password for a forgotten one."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from redis.exceptions import RedisError

from accounts import browsers, password_reset, registration
from accounts.forms import AccountForm, CodesForm, ForgottenForm, NewPasswordForm, RegisterForm
from accounts.limits import TooOften
from accounts.views import mark_errors, where_next

RESET_IN_SESSION = "password_reset"
#: What stands in the address once the link's own has been put away: addresses are seen and kept by many.
PUT_AWAY = "now"


def for_visitors(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Who is signed in has no business here; when nothing can be counted, nothing is sent."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return redirect("home")
        try:
            return view(request, *args, **kwargs)
        except RedisError:
            return render(request, "accounts/joining/closed.html", status=503)

    return never_cache(require_http_methods(["GET", "HEAD", "POST"])(guarded))


@for_visitors
def register(request: HttpRequest) -> HttpResponse:
    """First step: address and telephone, to each of which a code is sent."""
    form = RegisterForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        try:
            said = form.cleaned_data
            registration.begin(request, said["email"], said["phone"], afterwards=_afterwards(request))
            return redirect("register_codes")
        except TooOften as often:
            form.add_error(None, str(often))
    return page(request, "register", form)


@sensitive_post_parameters()
@for_visitors
def register_codes(request: HttpRequest) -> HttpResponse:
    """Second step: the two codes; or new ones."""
    one = registration.present(request.session)
    if one is None or one.checked:
        return redirect("register" if one is None else "register_account")
    if request.method == "POST" and request.POST.get("do") == "again":
        return sent_again(request, one)
    form = CodesForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        try:
            wrong = registration.check(
                request.session, one, form.cleaned_data["email_code"], form.cleaned_data["phone_code"]
            )
        except TooOften:
            return begin_anew(request, _("验证码输错次数过多，请重新开始"))
        if not wrong:
            return redirect("register_account")
        for name in sorted(wrong):
            form.add_error(name, _("验证码不对，请核对最近收到的一条"))
    return page(request, "codes", form, registration=one)


@sensitive_post_parameters()
@for_visitors
def register_account(request: HttpRequest) -> HttpResponse:
    """Third step: user name, name and password; then the user is made and signed in."""
    one = registration.present(request.session)
    if one is None or not one.checked:
        return redirect("register" if one is None else "register_codes")
    form = AccountForm(one.email, request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            if registration.name_is_taken(one, said["username"]):
                form.add_error("username", _("已有这个用户名，请换一个"))
            else:
                with transaction.atomic():
                    user = registration.make_user(
                        request, one, username=said["username"], name=said["name"], password=said["password"]
                    )
                messages.success(request, _("账号已注册"))
                return browsers.remember(request, HttpResponseRedirect(one.afterwards or reverse("home")), user)
        except TooOften:
            return begin_anew(request, _("用户名试得太多，请重新开始"))
        except IntegrityError:  # another took name or address between the question and now
            return begin_anew(request, _("没有注册成功，请重新开始"))
    return page(request, "account", form, registration=one)


def _afterwards(request: HttpRequest) -> str:
    """The page a visitor was led here from; the desk is not for who has just registered."""
    wanted = where_next(request)
    return "" if wanted.startswith(reverse("admin:index")) else wanted


def sent_again(request: HttpRequest, one: registration.Registration) -> HttpResponse:
    """Send new codes to the same address and telephone; the old ones are void."""
    try:
        registration.begin(request, one.email, one.phone, afterwards=one.afterwards)
        messages.success(request, _("新的验证码已发送，以前的作废"))
    except TooOften as often:
        messages.error(request, str(often))
    return redirect("register_codes")


def begin_anew(request: HttpRequest, why: str) -> HttpResponse:
    """Back to the first step."""
    registration.give_up(request.session)
    messages.error(request, why)
    return redirect("register")


@for_visitors
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Ask for a link by mail; the answer is the same for every address."""
    form = ForgottenForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        try:
            password_reset.ask(request, form.cleaned_data["email"])
            return page(request, "sent", form, email=form.cleaned_data["email"])
        except TooOften as often:
            form.add_error("email", str(often))
    return page(request, "forgot", form)


@sensitive_post_parameters()
@for_visitors
def reset_password(request: HttpRequest, account: str, token: str) -> HttpResponse:
    """The page a link leads to: the new password. What the link says is put away in the session first."""
    if token != PUT_AWAY:
        request.session[RESET_IN_SESSION] = token
        return redirect("reset_password", account, PUT_AWAY)
    user = password_reset.user_of(account, str(request.session.get(RESET_IN_SESSION, "")))
    if user is None:
        return page(request, "link_is_void", None)
    form = NewPasswordForm(user, request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        done = password_reset.reset(request, user, form.cleaned_data["new_password1"])
        request.session.pop(RESET_IN_SESSION, None)
        if not done:
            return page(request, "link_is_void", None)
        messages.success(request, _("密码已重设，请用新密码登录"))
        return redirect("login")
    return page(request, "reset", form)


def page(request: HttpRequest, name: str, form: BaseForm | None, **more: Any) -> HttpResponse:
    """One of these pages."""
    if form is not None:
        mark_errors(form)
    return render(request, f"accounts/joining/{name}.html", {"form": form, **more})
