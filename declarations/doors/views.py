"""The pages of every kind of document (steps 1 and 11 of the walk). A view fetches what the actor may see, calls the door
and renders; it decides nothing."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from accounts import audit
from accounts.access import Actor, MemberRequest, closed_because, member, refuse_while_shut, require_role
from accounts.actions import Action
from accounts.onboarding.services import steps_of
from accounts.roles import FILING_ROLES, EnterpriseState, EnterpriseType, MemberRole
from accounts.services import unserved_for
from declarations import filing
from declarations.access import documents_of, drafts_of, uploads_of
from declarations.doors import chain, failed_rows, forms, grid, letters, search, story, tables, unfiled, uploads
from declarations.doors.desk import desk
from declarations.doors.signatures import signature_of
from declarations.doors.template import template
from declarations.kinds import KINDS
from declarations.kinds import kind as kind_of
from declarations.kinds.kind import MOST_LINES, Kind
from declarations.lifecycle import REFUSED, REPLACEABLE
from declarations.models import Document, Draft, Source, Upload, UploadState
from declarations.rulebook import ERROR
from declarations.shape import Entry, Filer, Problem
from portal.looks import Look
from portal.paging import part_of, whole

View = Callable[..., HttpResponse]


class Request(MemberRequest):
    """A member's request that also knows whether htmx asks; for annotations only."""

    htmx: HtmxDetails


files = require_role(*FILING_ROLES, files=True)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
UPLOAD_LOOKS = {
    UploadState.RECEIVED: ("info", "hourglass-split"),
    UploadState.CHECKED: ("warn", "check2-square"),
    UploadState.REFUSED: ("bad", "x-circle"),
    UploadState.FILING: ("info", "hourglass-split"),
    UploadState.FILED: ("ok", "check-circle"),
    UploadState.DISCARDED: ("idle", "slash-circle"),
}


def of_own_kind(view: View) -> View:
    """Let only enterprises in whose type files this kind: for the others there is no such document."""

    @wraps(view)
    def guarded(request: Request, kind: Kind, *args: Any, **kwargs: Any) -> HttpResponse:
        if not kind.filed_by & set(request.actor.enterprise.types):
            raise PermissionDenied(_("本企业的类型不申报%(label)s") % {"label": kind.label})
        return view(request, kind, *args, **kwargs)

    return guarded


@require_GET
@member
def home(request: Request) -> HttpResponse:
    """The desk: what needs doing."""
    context = {"desk": desk(request.actor), "may_file": request.actor.may_file, "now": timezone.localtime()}
    context["unserved"] = _unserved(request.actor, KINDS)
    if request.actor.enterprise.state == EnterpriseState.DRAFT:
        # Whoever tries out a system of its own is on the way to go live by that, and not by page.
        by_page = not request.actor.enterprise.connections.filter(ended=None).exists()
        missing = (step for step in steps_of(request.actor.enterprise, by_page=by_page) if not step.is_met)
        context |= {"is_new": True, "next": next(missing, None), "leads": request.actor.may(MemberRole.ADMINISTRATOR)}
    return render(request, "home.html", context)


@require_GET
@member
def search_page(request: Request) -> HttpResponse:
    """What is found under a number; where one page says all of it, that page."""
    found = search.answer(request.actor, request.GET.get("q", ""))
    if found.leads_to:
        return redirect(found.leads_to)
    return render(request, "declarations/search.html", {"answer": found})


@require_GET
@member
@of_own_kind
def list_page(request: Request, kind: Kind) -> HttpResponse:
    """The documents of one kind by state; htmx gets the part that changes."""
    asked = tables.Filter.of(request.GET)
    shown = tables.page(kind, documents_of(request.actor, kind), drafts_of(request.actor, kind), asked)
    context = {"page": shown, "may_file": request.actor.may_file_as(kind.filed_by), "seen": tables.stamp(shown)}
    context["others_file"] = _others_who_file(kind, request.actor.enterprise.types)
    context["unserved"] = _unserved(request.actor, [kind])
    return _page_or_part(request, "declarations/list.html", "declarations/_list.html", context)


def _unserved(actor: Actor, kinds: Iterable[Kind]) -> list[str]:
    """Why kinds may not be filed for want of a service, each reason once; nothing while the enterprise files nothing at all."""
    reasons = [unserved_for(actor.enterprise, kind.filed_by) for kind in kinds] if actor.enterprise.may_file else []
    return list(dict.fromkeys(filter(None, reasons)))


def _others_who_file(kind: Kind, types: Collection[str]) -> str:
    """The other types of enterprise that file the kind, as a reader lists them; empty where only one's own type does."""
    return _("、").join(str(one.label) for one in EnterpriseType if one in kind.filed_by and one not in types)


def _page_or_part(request: Request, page: str, part: str, context: dict[str, Any]) -> HttpResponse:
    """The whole page; for htmx the part that changes; for its polls nothing (204) while what they saw still stands."""
    if not request.htmx or request.htmx.history_restore_request:
        return render(request, page, context)
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    return render(request, part, context)


@require_GET
@member
@of_own_kind
def detail(request: Request, kind: Kind, pk: int) -> HttpResponse:
    """One document: what it says, how far its trade is, whose turn it is, and everything that happened to it."""
    document = _document(request, kind, pk)
    told, trade = story.story(kind, document, actor=request.actor), chain.chain(request.actor, kind, document)
    context = {
        "story": told,
        "name": tables.Name.of(kind, document),
        "chain": trade,
        "seen": story.stamp(told) + chain.stamp(trade),
        "may_file": request.actor.may_file_as(kind.filed_by),
        "again": reverse("form", kwargs={"kind": kind.slug}) + f"?from={pk}",
    }
    return _page_or_part(request, "declarations/detail.html", "declarations/_document.html", context)


def _document(request: Request, kind: Kind, pk: int) -> Document:
    return get_object_or_404(documents_of(request.actor, kind).select_related(kind.slug, "filed_by"), pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@files
@of_own_kind
def form(request: Request, kind: Kind) -> HttpResponse:
    """A new document typed in; with `from` one refused, or waiting, to be corrected and filed again."""
    refused = _refused(request, kind)
    if request.method == "POST":
        return _typed(request, kind, refused=refused)  # while it is shut the rules refuse the filing alone
    if refused is None:
        return _form(request, _Page(kind, forms.blank(kind, request.actor)))
    audit.record(request.actor, Action.UNCOVER, f"{kind.slug} {refused.pk}", reason=_("更正后重新申报"))
    return _form(request, _Page(kind, forms.again(kind, refused), refused=refused))


def _refused(request: Request, kind: Kind) -> Document | None:
    """The document the address asks to correct; 404 when it is not one of ours, or customs has it."""
    asked = request.GET.get("from", "")
    if not asked:
        return None
    number = whole(asked)
    if number is None:
        raise Http404
    document = _document(request, kind, number)
    if document.state not in REPLACEABLE:
        raise Http404
    return document


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*FILING_ROLES)
@of_own_kind
def draft(request: Request, kind: Kind, pk: int) -> HttpResponse:
    """A form kept unfinished: go on, file it, or throw it away.

    While nothing may be filed it stays at hand, and the rules refuse the filing alone: what was typed is nobody's to lose.
    A suspended enterprise reads it.
    """
    if request.method == "POST" and not request.actor.may_file:
        raise PermissionDenied(closed_because(request.actor.enterprise))
    kept = get_object_or_404(drafts_of(request.actor, kind), pk=pk)
    if request.method == "POST":
        return _typed(request, kind, kept=kept)
    if kept.user_id != request.user.pk:
        audit.record(request.actor, Action.UNCOVER, f"{kind.slug} draft {kept.pk}", reason=_("打开同事的草稿"))
    return _form(request, _Page(kind, filing.read_draft(kept), kept=kept))


def _typed(request: Request, kind: Kind, *, kept: Draft | None = None, refused: Document | None = None) -> HttpResponse:
    """What the clerk pressed: a line more or less, keep, check, throw away, or file."""
    entry, wish = forms.read(kind, request.POST), request.POST.get("do", "check")
    lines = whole(request.POST.get("lines", ""), digits=3) or 0
    if wish == "draft":
        kept = filing.save_draft(actor=request.actor, kind=kind, entry=entry, draft=kept)
        messages.success(request, _("已暂存，可以关闭页面，以后从“草稿”继续"))
        return _on_to(request, reverse("draft", kwargs={"kind": kind.slug, "pk": kept.pk}))
    if wish == "drop" and kept:
        audit.record(request.actor, Action.DRAFT_DELETED, f"{kind.slug} {kept.pk}")
        kept.delete()
        messages.success(request, _("草稿已删除"))
        return _on_to(request, reverse("list", kwargs={"kind": kind.slug}))
    if wish == "add" or wish.startswith("remove-"):
        entry = forms.read(kind, request.POST, without=whole(wish.removeprefix("remove-")))
        more = 1 if wish == "add" and len(entry.lines) < MOST_LINES else 0
        page = _Page(kind, entry, kept, refused, more=more, has_empty=wish == "add" and len(entry.lines) < lines)
        return _form(request, page)
    entry, named = forms.coded(kind, entry)
    page = _Page(kind, entry, kept, refused, named=named)
    if refused is not None and page.was_refused:
        page.is_same = forms.is_unchanged(kind, entry, refused, request.actor)
    if wish == "file" and (not page.is_same or request.POST.get("same")):
        return _file(request, page)
    (found,) = filing.check_documents(actor=request.actor, kind=kind, entries=[entry])
    page.problems, page.is_checked = found, True
    return _form(request, page)


def _on_to(request: Request, address: str) -> HttpResponse:
    """Another page, asked for by the browser itself also when htmx posted."""
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def _file(request: Request, page: "_Page") -> HttpResponse:
    kind = page.kind
    outcome = filing.file_documents(actor=request.actor, kind=kind, entries=[page.entry], source=Source.FORM)
    found = outcome.problems.get(0, [])
    saved = outcome.filed | outcome.waiting
    if 0 not in saved:
        page.problems, page.is_known = found, bool(outcome.known)
        return _form(request, page)
    if page.kept:
        page.kept.delete()
    if outcome.waiting:
        messages.success(request, _("已保存，等待前序单证，到齐后自动发往海关"))
    else:
        messages.success(request, _("已申报，正在加签并发往海关"))
    for told in page.named:
        messages.info(request, f"{told.label}{_('：')}{told.text}")
    for problem in found:
        if problem.level == "warning":
            messages.warning(request, " ".join(part for part in (problem.label, problem.text) if part))
    return _on_to(request, reverse("detail", kwargs={"kind": kind.slug, "pk": saved[0]}))


@dataclass(slots=True)
class _Page:
    """A form page to be shown: what is in it, where it came from, and what was found out about it."""

    kind: Kind
    entry: Entry
    kept: Draft | None = None
    refused: Document | None = None
    problems: list[Problem] = field(default_factory=list)
    named: list[forms.Fault] = field(default_factory=list)
    more: int = 0
    has_empty: bool = False
    is_same: bool = False
    is_checked: bool = False
    is_known: bool = False

    @property
    def was_refused(self) -> bool:
        """Whether it corrects a refused document, and not one that waits."""
        return self.refused is not None and self.refused.state in REFUSED


def _form(request: Request, page: _Page) -> HttpResponse:
    found, refused = page.problems, page.refused
    context = {
        "page": forms.page(page.kind, page.entry, found, more=page.more, types=request.actor.enterprise.types),
        "draft": page.kept,
        "draft_look": tables.DRAFT_LOOK,
        "again": refused,
        "said": forms.said_of(page.kind, refused) if refused and page.was_refused else [],
        "named": page.named,
        "same": page.is_same,
        "has_empty": page.has_empty,
        "unserved": _unserved(request.actor, [page.kind]),
        "may_keep": request.actor.may_file,
        "may_file": request.actor.may_file_as(page.kind.filed_by),
        "passed": page.is_checked and not any(problem.level == ERROR for problem in found),
        "known": [one.text for one in found if one.level == "skip"] if page.is_checked or page.is_known else [],
    }
    return render(request, "declarations/form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@files
@of_own_kind
def upload(request: Request, kind: Kind) -> HttpResponse:
    """Send in a workbook; it is kept and put in line, nothing is read here. While the kind is shut the page says why."""
    sent, fault = request.FILES.get("file"), ""
    if request.method == "POST":
        refuse_while_shut(request.actor, kind.filed_by)
        if sent is None or not sent.size:
            fault = _("没有选择文件，或文件是空的。请选择填好的工作簿再上传")
        elif sent.size > uploads.MAX_BYTES:
            fault = _("文件有 %(size)s MB，超过 %(most)s MB。请拆成几个文件上传") % {
                "size": f"{sent.size / 1024 / 1024:.1f}", "most": uploads.MAX_BYTES // 1024 // 1024
            }  # fmt: skip
        else:
            try:
                kept = uploads.receive(actor=request.actor, kind=kind, filename=sent.name or "", content=sent.read())
                return redirect("upload_check", pk=kept.pk)
            except uploads.TooManyWaiting as full:
                fault = str(full)
    before = uploads_of(request.actor).filter(kind=kind.slug).select_related("user").order_by("-id")[:5]
    context = {
        "kind": kind, "fault": fault, "about": _(kind.body.__doc__ or ""), "most": uploads.MAX_BYTES // 1024 // 1024,
        "uploads": _shown(before), "unfiled": _unfiled(request),
        "unserved": _unserved(request.actor, [kind]), "may_file": request.actor.may_file_as(kind.filed_by),
    }  # fmt: skip
    return render(request, "declarations/upload.html", context)


def _shown(sent: Iterable[Upload]) -> list[tuple[uploads.Standing, Any, Look]]:
    """Uploads with how their documents stand, the kind in words and the badge."""
    return [
        (
            standing,
            capfirst(str(kind_of(standing.upload.kind).many)),
            Look(*UPLOAD_LOOKS[UploadState(standing.upload.state)], UploadState(standing.upload.state).label),
        )
        for standing in uploads.standings(sent)
    ]


@require_GET
@files
@of_own_kind
def template_file(request: Request, kind: Kind) -> HttpResponse:
    """The workbook to fill in."""
    name = _("%(label)s导入模板.xlsx") % {"label": kind.label}
    headers = {"Content-Disposition": content_disposition_header(True, name)}
    one = request.actor.enterprise
    filer = Filer(one.customs_code, one.name, frozenset(one.types))
    return HttpResponse(template(kind, filer), content_type=XLSX, headers=headers)


@require_GET
@member
def uploads_page(request: Request) -> HttpResponse:
    """Every workbook the enterprise sent in, newest first."""
    part = part_of(uploads_of(request.actor).select_related("user"), request.GET, newest_first=True)
    actor = request.actor
    own = [kind for kind in KINDS if kind.filed_by & set(actor.enterprise.types)]
    kinds = [kind for kind in own if actor.may_file_as(kind.filed_by)] or own
    home = reverse("uploads")
    context = {
        "uploads": _shown(part.rows),
        "unfiled": _unfiled(request),
        "newer": f"{home}?{urlencode(part.back)}" if part.back else "",
        "older": f"{home}?{urlencode(part.on)}" if part.on else "",
        "kinds": kinds,
        "unserved": _unserved(actor, own),
        "may_file": any(request.actor.may_file_as(kind.filed_by) for kind in kinds),
    }
    return render(request, "declarations/uploads.html", context)


def _unfiled(request: Request) -> set[int]:
    """The workbooks of which the desk says that something is still to be filed."""
    return {one.upload_id for one in unfiled.left_of(request.actor)}


@require_GET
@member
def upload_check(request: Request, pk: int) -> HttpResponse:
    """The check grid of one workbook; while a sweep works, htmx asks again every second."""
    one = get_object_or_404(uploads_of(request.actor).select_related("user"), pk=pk)
    shown = grid.grid(one, request.GET)
    polls = request.htmx and not request.htmx.history_restore_request and request.htmx.target != "grid"
    name = "declarations/_check.html" if polls else "declarations/upload_check.html"
    may_file = request.actor.may_file_as(kind_of(one.kind).filed_by)
    return render(request, name, {"grid": shown, "may_file": may_file})


@require_GET
@files
def upload_failed(request: Request, pk: int) -> HttpResponse:
    """The rows of a workbook that cannot be filed, with what is wrong; the persons in them stand there in the clear."""
    one = get_object_or_404(uploads_of(request.actor), pk=pk)
    audit.record(request.actor, Action.UNCOVER, f"{one.kind} upload {one.pk}", reason=_("下载未申报的行"))
    name = _("%(name)s-未申报的行.xlsx") % {"name": one.filename.rpartition(".")[0] or one.filename}
    headers = {"Content-Disposition": content_disposition_header(True, name)}
    return HttpResponse(failed_rows.workbook(one), content_type=XLSX, headers=headers)


@require_POST
@files
def upload_file(request: Request, pk: int) -> HttpResponse:
    """The clerk's decision on a checked workbook: file, or drop it."""
    one = get_object_or_404(uploads_of(request.actor), pk=pk)
    if request.POST.get("do") == "discard":
        if uploads.discard(actor=request.actor, upload=one):
            messages.success(request, _("这次导入已放弃"))
        return redirect("upload_check", pk=pk)
    refuse_while_shut(request.actor, kind_of(one.kind).filed_by)
    if not uploads.decide(actor=request.actor, upload=one, all_or_nothing=request.POST.get("choice") == "all"):
        messages.warning(request, _("这个文件已经决定过，或没有可以申报的单证，没有重复申报"))
    return redirect("upload_check", pk=pk)


@require_GET
@member
@of_own_kind
def message(request: Request, kind: Kind, pk: int, direction: str, message: int) -> HttpResponse:
    """A message this document was in, personal data masked."""
    document = _document(request, kind, pk)
    return _letter(request, kind, document, direction, message)


@require_POST
@require_role(MemberRole.FILER, MemberRole.ADMINISTRATOR)
@of_own_kind
def raw(request: Request, kind: Kind, pk: int, direction: str, message: int) -> HttpResponse:
    """The same message byte for byte, for a reason and on record."""
    document = _document(request, kind, pk)
    reason = request.POST.get("reason", "").strip().replace("\x00", "")
    if len(reason) < 2 or len(reason) > 200:
        fault = _("请写明下载原因，2 到 200 个字")
        return _letter(request, kind, document, direction, message, reason=reason, fault=fault)
    data = _bytes(document, direction, message)
    subject = f"{kind.slug} {document.pk} {direction} {message}"
    audit.record(request.actor, Action.RAW_DOWNLOAD, subject, reason=reason, size=len(data))
    name = f"{kind.slug}-{document.pk}-{direction}-{message}.xml"
    headers = {"Content-Disposition": content_disposition_header(True, name)}
    return HttpResponse(data, content_type="application/xml", headers=headers)


def _bytes(document: Document, direction: str, number: int) -> bytes:
    try:
        return letters.raw(document, direction, number)
    except letters.NoSuchMessage:
        raise Http404 from None


def _letter(
    request: Request,
    kind: Kind,
    document: Document,
    direction: str,
    number: int,
    *,
    reason: str = "",
    fault: str = "",
) -> HttpResponse:
    data = _bytes(document, direction, number)
    text, others = letters.shown(kind, document, direction, data)
    sent = {"kind": kind.slug, "pk": document.pk, "direction": direction, "message": number}
    context = {
        "kind": kind, "document": document, "name": tables.Name.of(kind, document), "text": text, "others": others,
        "size": len(data), "reason": reason,
        "title": _("报文") if direction == letters.OUT else _("回执"), "fault": fault,
        "raw_address": reverse("raw", kwargs=sent),
        "may_raw": request.actor.may(MemberRole.FILER, MemberRole.ADMINISTRATOR),
        "signature": signature_of(number) if direction == letters.OUT else None,
    }  # fmt: skip
    return render(request, "declarations/message.html", context, status=400 if fault else 200)
