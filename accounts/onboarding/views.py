"""The pages on which an enterprise applies for something and sees what staff said; generic over the kind."""

from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import MultipleChoiceField
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import Bystander, UserRequest, View, address_of, signed_in
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Application, Paper, Submission
from accounts.models.applications import ENDED
from accounts.onboarding import applications, pages, papers
from accounts.onboarding.applications import Stale, Typed
from accounts.onboarding.kinds import Kind, kind_named
from portal.paging import part_of, whole

READ_AND_WRITE = ["GET", "HEAD", "POST"]
#: The version of an application nothing was kept of yet.
NEW = 1
SUBMIT, WITHDRAW, REMOVE = "submit", "withdraw", "remove:"


def applicant(view: View) -> View:
    """Let in whoever may apply for something: everybody signed in, but staff, who have no enterprise and decide."""

    @wraps(view)
    def guarded(request: UserRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.actor is None and request.user.is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return signed_in(guarded)


@require_GET
@applicant
def listed(request: UserRequest) -> HttpResponse:
    """Everything applied for, newest first, and what can be applied for now."""
    part = part_of(pages.own(request).defer("content").prefetch_related("errand_steps"), request.GET, newest_first=True)
    home = reverse("applications")
    context = {
        "standings": [pages.Standing.of(one) for one in part.rows],
        **pages.beginnings(request),
        "closed": applications.why_suspended(request.actor.enterprise if request.actor else None),
        "newer": f"{home}?{urlencode(part.back)}" if part.back else "",
        "older": f"{home}?{urlencode(part.on)}" if part.on else "",
    }
    return render(request, "accounts/onboarding/list.html", context)


@require_GET
@applicant
def latest(request: UserRequest, kind: str) -> HttpResponse:
    """Where one stands with a kind: at the latest application, at the empty form, or on the page where it is begun."""
    wanted = _begun_by(request, kind)
    if wanted.begun_at:
        return redirect(wanted.begun_at)
    found = pages.own(request).filter(kind=wanted.name, topic="")
    one = found.exclude(state__in=ENDED).first() or found.first()
    return redirect("application", pk=one.pk) if one else redirect("application_new", kind=wanted.name)


@require_http_methods(READ_AND_WRITE)
@applicant
def begin(request: UserRequest, kind: str) -> HttpResponse:
    """The empty form of a kind. The first save makes the application; one that is open already is shown instead."""
    wanted = _begun_by(request, kind)
    if wanted.begun_at:
        return redirect(wanted.begun_at)
    enterprise = None if wanted.without_enterprise or request.actor is None else request.actor.enterprise
    one = applications.open_one(wanted, by=request.user, enterprise=enterprise)
    if request.method != "POST":
        if one is not None:
            return redirect("application", pk=one.pk)
        if why_not := pages.why_not_now(request, wanted):
            messages.warning(request, why_not)
            return redirect("applications")
        context = pages.blank_page(request, wanted) | _limits()
        return render(request, "accounts/onboarding/form.html", context)
    if one is not None:  # begun in another window meanwhile
        return _overtaken(request, one)
    one = applications.begin(wanted, by=request.user, enterprise=enterprise)
    try:
        return _kept(request, one, NEW)
    except Stale:
        return _overtaken(request, get_object_or_404(pages.own(request), pk=one.pk))


@require_http_methods(READ_AND_WRITE)
@applicant
def application(request: UserRequest, pk: int) -> HttpResponse:
    """One application: to write in while it waits for the applicant, to read and take back while it waits for staff."""
    one = get_object_or_404(pages.own(request), pk=pk)
    if request.method != "POST":
        return _page(request, one)
    if kind_named(one.kind).by_staff:  # the enterprise reads what staff propose about it
        raise Http404
    version = whole(request.POST.get("version", ""), digits=9) or 0
    try:
        if request.POST.get("do") == WITHDRAW:
            applications.withdraw(one, by=request.user, version=version, address=address_of(request))
            messages.success(request, _("申请已撤回，填写的内容还在；需要时可以重新申请"))
            return redirect("application", pk=pk)
        return _kept(request, one, version)
    except Stale:
        return _overtaken(request, get_object_or_404(pages.own(request), pk=pk))


@require_GET
@applicant
def version(request: UserRequest, pk: int, number: int) -> HttpResponse:
    """A version as it was handed in, with what staff said at each field."""
    one = get_object_or_404(pages.own(request), pk=pk)
    try:
        context = pages.version_page(one, number)
    except Submission.DoesNotExist as error:
        raise Http404 from error
    return render(request, "accounts/onboarding/version.html", context)


@require_GET
@applicant
def paper(request: UserRequest, pk: int, paper: int) -> HttpResponse:
    """One paper of an application, as a download."""
    one = get_object_or_404(pages.own(request), pk=pk)
    found = get_object_or_404(Paper, application=one, pk=paper)
    return papers.served(found, Bystander(request.user, one.enterprise, address_of(request)))


def _begun_by(request: UserRequest, name: str) -> Kind:
    """The kind of that name, if this person may apply for it: who has no enterprise knows only what is for them."""
    try:
        kind = kind_named(name)
    except KeyError as error:
        raise Http404 from error
    if kind.by_staff:
        raise Http404
    if why_not := pages.why_not(request, kind):
        if request.actor is None:
            raise Http404
        raise PermissionDenied(why_not)
    return kind


def _kept(request: UserRequest, one: Application, version: int) -> HttpResponse:
    """Keep what was typed and the papers that can be taken, then do what was asked. Raises ``Stale``."""
    kind, do = kind_named(one.kind), request.POST.get("do", "")
    typed = _typed(request, kind)
    applications.save(one, typed, version=version)
    problems = _take_papers(request, one, kind)
    if do == SUBMIT and not problems:
        problems = applications.submit(one, typed, by=request.user, version=one.version, address=address_of(request))
        if not problems:
            told = _("已提交，通常 %(days)s 个工作日内答复") % {"days": kind.promised_days}
            messages.success(request, told)
            return redirect("application", pk=one.pk)
    elif do == SUBMIT:
        problems = applications.problems_of(one, typed) | problems
    who = Bystander(request.user, one.enterprise, address_of(request))
    record(who, Action.DRAFT_SAVED, f"{one.kind} {one.pk}", version=one.version)
    if problems:
        return _page(request, one, typed=typed, problems=problems)
    messages.success(request, _("已暂存，尚未提交"))
    return redirect("application", pk=one.pk)


def _typed(request: UserRequest, kind: Kind) -> Typed:
    """What is in the form: one text a field, which is the one that counts, but where several can be ticked."""
    fields = {name: one for name, one in kind.form.base_fields.items() if name in request.POST}
    sent = {name: [text.replace("\0", "") for text in request.POST.getlist(name)] for name in fields}
    return {
        name: sent[name] if isinstance(one, MultipleChoiceField) else sent[name][-1:] for name, one in fields.items()
    }


def _take_papers(request: UserRequest, one: Application, kind: Kind) -> dict[str, list[str]]:
    """Keep every file that came with the form, and take out what was asked; what is refused, by paper."""
    refused: dict[str, list[str]] = {}
    by, address = request.user, address_of(request)
    for slot in kind.papers:
        sent = request.FILES.get(f"{pages.PAPER}{slot.name}")
        if sent is not None:
            try:
                papers.take(one, slot, sent, by=by, address=address)
            except papers.PaperRefused as error:
                refused[slot.name] = [str(error)]
        elif request.POST.get("do") == f"{REMOVE}{slot.name}":
            papers.remove(one, slot, by=by, address=address)
    return refused


def _page(
    request: UserRequest,
    one: Application,
    *,
    typed: Typed | None = None,
    problems: dict[str, list[str]] | None = None,
) -> HttpResponse:
    context = pages.page_of(one, typed=typed, problems=problems) | _limits()
    return render(request, _template(one), context)


def _overtaken(request: UserRequest, one: Application) -> HttpResponse:
    """Nothing was kept, as somebody else wrote first: the latest, with what was typed kept on the page."""
    typed = _typed(request, kind_named(one.kind))
    context = pages.page_of(one, typed=typed or None, is_stale=True) | _limits()
    return render(request, _template(one), context | {"had_papers": bool(request.FILES)}, status=409)


def _template(one: Application) -> str:
    return f"accounts/onboarding/{'form' if pages.Standing.of(one).is_mine else 'shown'}.html"


def _limits() -> dict[str, object]:
    return {"most": papers.MOST_MEGABYTES, "accepted": papers.ACCEPTED}
