"""The pages on which a person guards their own account: the second factor with its recovery codes,
and where they are signed in.

Whoever has a second factor shows it before anything here is changed, and gives the password again before anything is
taken away. Members and staff meet these pages in the frame of the portal; who still owes the factor, without its menu.
"""

from functools import wraps
from typing import Any

import segno
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import passkeys, sessions
from accounts.access import (
    PROVEN_IN_SESSION,
    UserRequest,
    View,
    needs_second_factor,
    owes_second_factor,
    signed_in,
    whoever,
)
from accounts.actions import Action
from accounts.audit import record
from accounts.codes import check_name
from accounts.forms import AppCodeForm, PasswordAgainForm, SessionForm
from accounts.safety import tell_factor_removed, tell_factor_set
from accounts.second_factor import (
    address_to_scan,
    factors_of,
    make_recovery_codes,
    new_secret,
    open_proposed,
    remove_app,
    remove_passkey,
    seal_proposed,
    secret_to_type,
    set_up_app,
)
from accounts.sign_in import why_not_password
from accounts.views import mark_errors, query_next

PROPOSED_IN_SESSION = "second_factor_proposed"


def proven(view: View) -> View:
    """Let in who is signed in and has shown the second factor, if they have one."""

    @wraps(view)
    def guarded(request: UserRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if PROVEN_IN_SESSION not in request.session and factors_of(request.user):
            return redirect(query_next(reverse("login_code"), reverse("second_factor")))
        return view(request, *args, **kwargs)

    return never_cache(signed_in(guarded))


@require_http_methods(["GET", "HEAD"])
@proven
def second_factor(request: UserRequest) -> HttpResponse:
    """What there is of a second factor, and what can be done about it."""
    return show(request, "overview")


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@proven
def set_up(request: UserRequest) -> HttpResponse:
    """Set up an authenticator app: scan or type the secret, show that the app's code is right."""
    if factors_of(request.user).app:
        messages.info(request, _("已经设置了验证器；要换一部手机，请先停用再设置"))
        return redirect("second_factor")
    form = AppCodeForm(request.POST or None, label_suffix="")
    secret = open_proposed(request.session.get(PROPOSED_IN_SESSION, ""), request.user)
    if secret is not None and request.method == "POST" and form.is_valid():
        if set_up_app(request.user, secret, form.cleaned_data["code"]):
            return first_set_up(request)
        form.add_error("code", _("动态码不对。请确认手机时间准确，再填应用现在显示的动态码"))
    if secret is None:
        secret = new_secret()
        request.session[PROPOSED_IN_SESSION] = seal_proposed(secret, request.user)
    mark_errors(form)
    address = address_to_scan(secret, request.user)
    picture = segno.make(address, error="m").svg_data_uri(scale=5, border=3, light="#fff")
    return show(request, "app", form=form, secret=secret_to_type(secret), picture=picture)


@sensitive_post_parameters("password")
@require_POST
@proven
def remove(request: UserRequest) -> HttpResponse:
    """Stop using the app, given the password; who may not do without sets up another at once."""
    form = asked_again(request)
    if form.errors:
        return show(request, "overview", removing=form)
    remove_app(request.user)
    return removed(request, _("验证器已停用"))


@require_http_methods(["GET", "HEAD", "POST"])
@proven
def add_passkey(request: UserRequest) -> HttpResponse:
    """Add a passkey: the browser's script makes it and fills in the answer."""
    refused = ""
    if request.method == "POST":
        had_none = not factors_of(request.user)
        name = request.POST.get("name", "").strip()
        refused = _why_no_name(name)
        if not refused and passkeys.make(request, request.user, request.POST.get("passkey", ""), name):
            return first_set_up(request) if had_none else passkey_added(request)
        refused = refused or _("没有添加成功，请再试一次；一台设备只需添加一次")
    usable = passkeys.can_be_used(request)
    challenge = passkeys.ask_to_make(request, request.user) if usable else ""
    return show(request, "passkey", challenge=challenge, usable=usable, refused=refused)


def _why_no_name(name: str) -> str:
    """Why a key may not be called that; empty where it may."""
    try:
        check_name(name)
    except ValidationError as error:
        return str(error.messages[0])
    return ""


@sensitive_post_parameters("password")
@require_POST
@proven
def drop_passkey(request: UserRequest, pk: int) -> HttpResponse:
    """Take a passkey away, given the password; another's is not there."""
    if not any(key.pk == pk for key in factors_of(request.user).passkeys):
        raise Http404
    form = asked_again(request)
    if form.errors:
        return show(request, "overview", dropping=form, dropped=pk)
    remove_passkey(request.user, pk)
    return removed(request, _("通行密钥已删除"))


def passkey_added(request: UserRequest) -> HttpResponse:
    """One more passkey beside what there was."""
    record(whoever(request), Action.SECOND_FACTOR_SET, request.user.username)
    tell_factor_set(request.user)
    messages.success(request, _("通行密钥已添加"))
    return redirect("second_factor")


def removed(request: UserRequest, told: str) -> HttpResponse:
    """A factor was taken away; after the last one nothing has been shown in this session any more."""
    with sessions.renewed(request.session):
        if not factors_of(request.user):
            request.session.pop(PROVEN_IN_SESSION, None)
            sessions.end_others(request.session, request.user)
    record(whoever(request), Action.SECOND_FACTOR_REMOVED, request.user.username)
    tell_factor_removed(request.user)
    messages.success(request, told)
    return redirect("second_factor")


@sensitive_post_parameters("password")
@require_POST
@proven
def recovery_codes(request: UserRequest) -> HttpResponse:
    """Make new recovery codes, given the password, and show them this once."""
    if not factors_of(request.user):
        return redirect("second_factor")
    form = asked_again(request)
    if form.errors:
        return show(request, "overview", renewing=form)
    return new_codes(request)


@require_http_methods(["GET", "HEAD", "POST"])
@proven
def signed_in_places(request: UserRequest) -> HttpResponse:
    """Where one is signed in; a POST ends one of these sessions, or all but this one. Another's is not there."""
    own = sessions.sessions_of(request.user)
    here = sessions.row_of(request.session)
    if request.method != "POST":
        return render(request, "accounts/sessions.html", {"sessions": own, "here": here})
    form = SessionForm(request.POST)
    if form.is_valid() and form.cleaned_data["session"]:
        ended = sessions.end(own.filter(pk=form.cleaned_data["session"]).exclude(pk=here))
    elif form.is_valid() and form.cleaned_data["do"] == "others":
        ended = sessions.end_others(request.session, request.user)
    else:
        raise Http404
    if form.cleaned_data["session"] and not ended:
        raise Http404
    record(whoever(request), Action.SESSIONS_ENDED, request.user.username, count=ended)
    messages.success(request, _("已退出 %(count)s 处登录") % {"count": ended})
    return redirect("sessions")


def first_set_up(request: UserRequest) -> HttpResponse:
    """A second factor has just been set up: this session has shown it."""
    with sessions.renewed(request.session):
        request.session.pop(PROPOSED_IN_SESSION, None)
        request.session[PROVEN_IN_SESSION] = True
    record(whoever(request), Action.SECOND_FACTOR_SET, request.user.username)
    tell_factor_set(request.user)
    return new_codes(request)


def new_codes(request: UserRequest) -> HttpResponse:
    """The page of new recovery codes."""
    codes = make_recovery_codes(request.user)
    record(whoever(request), Action.RECOVERY_CODES_MADE, request.user.username, count=len(codes))
    return show(request, "codes", codes=codes)


def asked_again(request: UserRequest) -> Form:
    """The form with the password once more; without errors when it is right. Guesses are counted."""
    form = PasswordAgainForm(request.POST, label_suffix="", auto_id=False)
    if not form.is_valid():
        return form
    if why_not := why_not_password(request.user, form.cleaned_data["password"]):
        form.add_error("password", why_not)
    return form


def show(request: UserRequest, name: str, **more: Any) -> HttpResponse:
    """One of these pages, in the frame of the portal or, for who owes the factor, without its menu."""
    owes = owes_second_factor(request)
    return render(
        request,
        f"accounts/second_factor/{name}.html",
        {
            "frame": "base_public.html" if owes else "base.html",
            "owes": owes,
            "needed": needs_second_factor(request.user, request.memberships),
            "factors": factors_of(request.user),
            **more,
        },
    )
