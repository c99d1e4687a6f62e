"""The pages of mandates: the list, the form to propose one, and one with its history and what may be done with it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts import mandates
from accounts.access import MemberRequest, member, require_role, role_missing
from accounts.mandates import AGENTS, PRINCIPALS, MandateProblem, mandates_of
from accounts.mandates_pages import GIVES, MandateForm, ReasonForm, list_page, shown
from accounts.models import Mandate
from accounts.roles import EnterpriseState, MemberRole

View = Callable[..., HttpResponseBase]


def of_a_party(view: View) -> View:
    """Let only enterprises of a type in that gives or takes mandates."""

    @wraps(view)
    def guarded(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not (PRINCIPALS | AGENTS) & set(request.actor.enterprise.types):
            raise PermissionDenied(_("本企业的类型不委托他人申报清单，也不替他人申报"))
        return view(request, *args, **kwargs)

    return guarded


@require_GET
@member
@of_a_party
def listed(request: MemberRequest) -> HttpResponse:
    """What waits for an answer, whom the enterprise has file for it, for whom it files."""
    context = {"page": list_page(request.actor, request.GET), "can_propose": _may_propose(request)}
    return render(request, "accounts/mandates/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(MemberRole.ADMINISTRATOR)
@of_a_party
def propose(request: MemberRequest) -> HttpResponse:
    """Propose a mandate; the other party finds it under what it has to answer."""
    if not _may_propose(request):
        raise PermissionDenied(_("企业已暂停，不能提出或接受委托"))
    asked = request.GET
    known = {"partner": asked.get("partner", ""), "modes": asked.getlist("mode"), "district": asked.get("district", "")}
    form = MandateForm(request.actor.enterprise, request.POST if request.method == "POST" else None, known)
    if form.is_valid():
        said = form.cleaned_data
        try:
            made = mandates.propose(
                actor=request.actor, gives=said["side"] == GIVES, code=said["partner"], modes=said["modes"],
                district=said["district"], first_day=said["first_day"], last_day=said["last_day"],
            )  # fmt: skip
        except MandateProblem as problem:
            form.add_error(problem.field if problem.field in form.fields else None, str(problem))
        else:
            messages.success(request, _("已提出，等对方的企业管理员答复；接受后从开始日期起有效"))
            return redirect("mandate", pk=made[0].pk) if len(made) == 1 else redirect("mandates")
    for name in form.errors:
        if name in form.fields:
            form.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"id_{name}_error"}
    return render(request, "accounts/mandates/propose.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@member
@of_a_party
def mandate(request: MemberRequest, pk: int) -> HttpResponse:
    """One mandate of the enterprise's; an administrator answers or revokes it here."""
    one = get_object_or_404(mandates_of(request.actor.enterprise), pk=pk)
    if request.method == "POST":
        if not request.actor.may(MemberRole.ADMINISTRATOR):
            raise PermissionDenied(role_missing([MemberRole.ADMINISTRATOR]))
        try:
            messages.success(request, _done(request, one))
        except MandateProblem as problem:
            messages.error(request, str(problem))
        return redirect("mandate", pk=pk)
    return render(request, "accounts/mandates/detail.html", {"shown": shown(request.actor, one)})


def _done(request: MemberRequest, one: Mandate) -> str:
    """Do what the form asks; what to say of it. Raises ``MandateProblem``."""
    do, form = request.POST.get("do"), ReasonForm(request.POST)
    if not form.is_valid():
        raise MandateProblem(" ".join(str(text) for texts in form.errors.values() for text in texts))
    reason = form.cleaned_data["reason"]
    if do == "accept":
        mandates.accept(one, actor=request.actor)
        return _("已接受委托")
    if do == "decline":
        mandates.decline(one, actor=request.actor, reason=reason)
        return _("已答复对方：不接受")
    if do == "revoke":
        mandates.revoke(one, actor=request.actor, reason=reason)
        return _("已撤销，即刻起不能再凭它申报")
    raise MandateProblem(_("没有选择要办什么，请按页面上的按钮办理"))


def _may_propose(request: MemberRequest) -> bool:
    actor = request.actor
    return actor.may(MemberRole.ADMINISTRATOR) and actor.enterprise.state != EnterpriseState.SUSPENDED
