"""The desk of staff over applications: the queue, the page of one with its papers and versions, and every move on it.

The moves are those of ``applications.py``: what it refuses is told on the same page, with everything that was typed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.access import Bystander, address_of
from accounts.actions import Action
from accounts.admin import ReadOnly, TypeFilter, WordFilter
from accounts.audit import REASON, reason_in, record
from accounts.models import Application, ApplicationState, AuditEntry, ErrandStep, Paper, Submission, User
from accounts.models.applications import ENDED, WAITS_FOR_STAFF
from accounts.models.errands import OVER
from accounts.onboarding import applications, errand_moves
from accounts.onboarding.applications import LONGEST_WORDS, NotPossible, Stale
from accounts.onboarding.comparing import twins_of, versions_of
from accounts.onboarding.errands import word_of
from accounts.onboarding.kinds import KINDS, Kind, kind_named
from accounts.onboarding.promises import days_late, late, working_days
from accounts.onboarding.reminders import remind
from accounts.onboarding.same_numbers import open_with
from portal.personal import Unreadable, unpack

PAPER_LABEL = "accounts_paper.content"
#: What a browser may be told a paper is; anything else is just bytes.
MEDIA_TYPES = ("application/pdf", "image/jpeg", "image/png")
#: How many deeds the page of an application lists.
MOST_DEEDS = 50
#: The kinds after whose approval staff have something to do.
ERRANDS = [kind.name for kind in KINDS if kind.errand]
#: What a search may say to be looked for among the numbers of applications, which have no enterprise yet.
NUMBER = re.compile(r"[0-9A-Z]{10}|[0-9A-Z]{18}", re.ASCII)


#: Taken on and not over.
ERRANDS_GOING_ON = Q(kind__in=ERRANDS, state=ApplicationState.APPROVED) & ~Exists(
    ErrandStep.objects.filter(application=OuterRef("pk"), stage__in=OVER)
)


class StateFilter(WordFilter):
    """The steps of the queue: what waits for staff, unless another is asked for or something is searched for."""

    title = _("步骤")
    parameter_name = "step"
    steps = {
        "waiting": Q(state__in=WAITS_FOR_STAFF) | ERRANDS_GOING_ON,
        ApplicationState.SUBMITTED: Q(state=ApplicationState.SUBMITTED),
        ApplicationState.SECOND: Q(state=ApplicationState.SECOND),
        ApplicationState.RETURNED: Q(state=ApplicationState.RETURNED),
        "errands": ERRANDS_GOING_ON,
        "ended": Q(state__in=ENDED),
        "all": Q(),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """The states in the order of the way, and what gathers several of them."""
        gathered = {
            "waiting": _("等待我方办理"), "errands": _("代办中"), "ended": _("已办结"), "all": _("全部"),
        }  # fmt: skip
        return [(str(word), gathered.get(word) or ApplicationState(word).label) for word in self.steps]

    def value(self) -> str:
        """The chosen step; none chosen, what waits, or everything where a search is made."""
        return super().value() or ("all" if self.request.GET.get("q") else "waiting")

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those at this step."""
        return queryset.filter(self.steps[self.value()])

    def choices(self, changelist: Any) -> Any:
        """Every one by its own name: there is no other "all"."""
        return list(super().choices(changelist))[1:]


class KindFilter(WordFilter):
    """Applications for one thing."""

    title = _("申请事项")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """The catalogue."""
        return [(kind.name, kind.label) for kind in KINDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those of the kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


class AgeFilter(WordFilter):
    """Later than promised, or still in time."""

    title = _("办理时限")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """Two."""
        return (("late", _("已超时")), ("in_time", _("未超时")))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Of those that wait for staff."""
        if not (word := self.value()):
            return queryset
        is_late = late(timezone.now())
        return queryset.filter(is_late if word == "late" else ~is_late & Q(state__in=WAITS_FOR_STAFF))


class AssigneeFilter(WordFilter):
    """Whose they are, as seen by who asks."""

    title = _("经办人")
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """Mine, nobody's, others'."""
        return (("mine", _("我的")), ("nobody", _("未分派")), ("others", _("他人")))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those of them."""
        mine, nobody = Q(assignee=request.user.pk), Q(assignee=None)
        wanted = {"mine": mine, "nobody": nobody, "others": ~mine & ~nobody}
        return queryset.filter(wanted[word]) if (word := self.value()) else queryset


class EnterpriseTypeFilter(TypeFilter):
    """Applications of enterprises of one type."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those whose enterprise holds the word."""
        return queryset.filter(enterprise__types__contains=[self.value()]) if self.value() else queryset


@dataclass(frozen=True, slots=True)
class Said:
    """What staff typed on the page of an application; a remark by the name of its field."""

    do: str = ""
    version: int = 0
    reason: str = ""
    why: str = ""
    day: str = ""
    remarks: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, request: HttpRequest, kind: Kind) -> "Said":
        """As the form sent it. PostgreSQL has no NUL; a line ends as it was counted in the browser."""
        told = {name: str(text).replace("\x00", "").replace("\r\n", "\n") for name, text in request.POST.items()}
        version = told.get("version", "")
        return cls(
            request.POST.get("do", ""),
            int(version) if re.fullmatch(r"[0-9]{1,9}", version) else 0,
            told.get("reason", ""),
            reason_in(request),
            told.get("day", ""),
            {name: told.get(f"remark.{name}", "") for name in kind.words},
        )

    @property
    def has_words(self) -> bool:
        """Whether anything would be lost."""
        return any(text.strip() for text in (self.reason, *self.remarks.values()))


@admin.register(Application)
class ApplicationAdmin(ReadOnly):
    """The queue, oldest first. Whoever may change an application may decide on it; others may look at most."""

    list_display = ("name_shown", "kind_shown", "step", "round_shown", "types_shown", "age", "assignee_shown")
    list_filter = (StateFilter, KindFilter, AgeFilter, AssigneeFilter, EnterpriseTypeFilter)
    list_select_related = ("enterprise", "assignee", "applicant", "first_approver")
    search_fields = ("title", "enterprise__name", "enterprise__credit_code", "enterprise__customs_code")
    search_help_text = _("企业名称、统一社会信用代码或海关十位编码")
    actions = ("remind",)
    ordering = ("state_at", "id")
    show_facets = admin.ShowFacets.ALWAYS
    show_full_result_count = False

    # --- the queue ------------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """What was handed in at least once: what is only being typed is the applicant's own."""
        handed_in = Submission.objects.filter(application=OuterRef("pk"))
        latest = handed_in.order_by("-number").values("number")[:1]
        never = Q(state=ApplicationState.DRAFT) | Q(state=ApplicationState.WITHDRAWN) & ~Exists(handed_in)
        shown = super().get_queryset(request).exclude(never)
        stage = ErrandStep.objects.filter(application=OuterRef("pk")).order_by("-number").values("stage")[:1]
        return shown.annotate(round=Subquery(latest), errand_stage=Subquery(stage)).defer("content")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Also by the numbers in open applications, which have no enterprise yet."""
        found, twice = super().get_search_results(request, queryset, search_term)
        number = search_term.strip().upper()
        if NUMBER.fullmatch(number):
            found = found | queryset.filter(pk__in=open_with([number]).values("application"))
        return found, twice

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever holds the right of Django to change applications."""
        return request.user.has_perm("accounts.change_application")

    @admin.display(description=_("名称"), ordering="title")
    def name_shown(self, one: Application) -> str:
        """What staff call it."""
        return called(one)

    @admin.display(description=_("申请事项"), ordering="kind")
    def kind_shown(self, one: Application) -> str:
        """What is applied for."""
        return kind_named(one.kind).named(one.topic)

    @admin.display(description=_("步骤"), ordering="state")
    def step(self, one: Any) -> str:
        """Its state; of a second look also who had the first, of what goes on after the approval how far it has come."""
        if one.state == ApplicationState.SECOND:
            return gettext("%(state)s（初审：%(who)s）") % {"state": one.get_state_display(), "who": one.first_approver}
        if one.state == ApplicationState.APPROVED and one.kind in ERRANDS:
            return word_of(one.errand_stage or "")
        return str(one.get_state_display())

    @admin.display(description=_("提交次数"))
    def round_shown(self, one: Any) -> int:
        """Which version it is."""
        return one.round

    @admin.display(description=_("企业类型"), empty_value="—")
    def types_shown(self, one: Application) -> str | None:
        """Those of the enterprise, where there is one and they are known."""
        return gettext("、").join(one.enterprise.type_labels) or None if one.enterprise else None

    @admin.display(description=_("已等待"), ordering="state_at", empty_value="—")
    def age(self, one: Application) -> str | None:
        """How long it has stood so, and by how much that is longer than promised."""
        if one.state in ENDED:
            return None
        waited = age_of(one)
        return format_html('<span class="late">{}</span>', waited) if days_late(one, timezone.now()) else waited

    @admin.display(description=_("经办人"), ordering="assignee")
    def assignee_shown(self, one: Application) -> str:
        """Who deals with it."""
        return str(one.assignee or gettext("未分派"))

    @admin.action(description=_("催办所选申请（发邮件）"), permissions=["change"])
    def remind(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Of what waits for staff its assignee, of what was returned its applicant."""
        done = remind(queryset, by=staff_of(request), address=address_of(request))
        level = messages.SUCCESS if done.count else messages.WARNING
        self.message_user(request, gettext("已发出催办 %s 份") % done.count, level)
        for why, count in done.left_out.items():
            told = gettext("%(count)s 份未催：%(why)s") % {"count": count, "why": why}
            self.message_user(request, told, messages.WARNING)

    # --- one application ------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        """The stock ones, and the papers."""
        opened = self.admin_site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(self.paper))
        place = "<int:object_id>/papers/<int:paper_id>/"
        return [path(place, opened, name="accounts_application_paper"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of an application, and what staff do on it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        application = self.get_object(request, unquote(object_id))
        if application is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        if request.method != "POST":
            return self.page(request, application, Said())
        if not self.has_change_permission(request, application):
            raise PermissionDenied
        said = Said.of(request, kind_named(application.kind))
        if said.do == "uncover":
            return self.uncover(request, application, said)
        try:
            told = move(application, said, staff_of(request), address_of(request))
        except (Stale, NotPossible) as problem:
            self.message_user(request, str(problem), messages.ERROR)
        except IntegrityError:
            # The numbers were free when the move looked, and another approval has just taken them.
            told = gettext("另一份使用相同号码的申请刚刚办结，请看过下面的核对提示后再办")
            self.message_user(request, told, messages.ERROR)
        else:
            self.message_user(request, told, messages.SUCCESS)
            if said.do != "take":
                return HttpResponseRedirect(self.queue_of(request))
            if not said.has_words:
                return HttpResponseRedirect(request.get_full_path())
        again = self.get_object(request, unquote(object_id))  # a move undone leaves an object that never was
        assert again is not None
        return self.page(request, again, said)

    def queue_of(self, request: HttpRequest) -> str:
        """The queue as it was narrowed before the page was opened."""
        place = reverse("admin:accounts_application_changelist")
        filters = self.get_preserved_filters(request)
        return str(add_preserved_filters({"preserved_filters": filters, "opts": self.opts}, place))

    def uncover(self, request: HttpRequest, application: Application, said: Said) -> HttpResponse:
        """The same page with nothing masked, for a reason and on record."""
        if len(said.why) not in REASON:
            self.message_user(request, gettext("请写明显示个人信息的理由，2 至 200 个字"), messages.ERROR)
            return self.page(request, application, said)
        write_down(request, application, Action.UNCOVER, reason=said.why)
        return self.page(request, application, said, uncovered=True)

    def page(
        self, request: HttpRequest, application: Application, said: Said, *, uncovered: bool = False
    ) -> HttpResponse:
        """Everything staff need to decide, with what they have typed so far."""
        kind = kind_named(application.kind)
        latest, *earlier = versions_of(application, uncovered=uncovered)
        may_decide = self.has_change_permission(request, application)
        decides = application.state in WAITS_FOR_STAFF and may_decide
        errand = kind.errand(application) if kind.errand else None
        goes_on = errand is not None and not errand.is_over and may_decide
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": called(application),
            "application": application,
            "kind": kind,
            "named": kind.named(application.topic),
            "latest": latest,
            "rows": [(line, said.remarks.get(line.name, "")) for line in latest.lines],
            "papers": [(line, said.remarks.get(line.name, "")) for line in latest.papers],
            "earlier": earlier,
            "age": "" if application.state in ENDED else age_of(application),
            "is_late": days_late(application, timezone.now()),
            "promised": kind.promised_days,
            "waits": application.state in WAITS_FOR_STAFF,
            "decides": decides,
            # What staff handed in themselves is not sent back to be corrected.
            "corrects": decides and not kind.by_staff,
            "is_mine": application.assignee_id == request.user.pk,
            "is_second": application.state == ApplicationState.SECOND,
            "why_not": applications.why_not_by(application, staff_of(request)) if decides or goes_on else "",
            "uncovered": uncovered,
            "covers": any(line.is_masked for line in latest.lines),
            "may_uncover": self.has_change_permission(request, application),
            "twins": [] if application.state in ENDED else twins_of(application, latest.submission),
            "faults": faults_now(application, latest.submission) if decides else [],
            "remarks": remarks_on(application, latest.submission) if decides else [],
            "deeds": deeds_of(application),
            "said": said,
            "lost": said.has_words and not decides and not goes_on,
            "unsaid": [(kind.words[name], text) for name, text in said.remarks.items() if text.strip()],
            "longest": LONGEST_WORDS,
            "errand": errand,
            "goes_on": goes_on,
            "today": timezone.localdate(),
            "queue": self.queue_of(request),
        }
        return TemplateResponse(request, "admin/accounts/application/review.html", context)

    def paper(self, request: HttpRequest, object_id: int, paper_id: int) -> HttpResponse:
        """A paper that was handed in, to keep or to look at; on record. One that shows who a person is, for a reason."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        handed_in = Submission.objects.filter(application=object_id, papers__contains=[paper_id])
        found = Paper.objects.filter(pk=paper_id, application=object_id).select_related("application").first()
        if found is None or not handed_in.exists():
            raise Http404
        if staff_of(request).is_auditor:
            raise PermissionDenied
        why: dict[str, str] = {}
        if is_personal(found):
            if not self.has_change_permission(request, found.application):
                raise PermissionDenied
            why["reason"] = reason_in(request)
            if len(why["reason"]) not in REASON:
                return self.ask_why(request, found, why["reason"])
        elif request.method == "POST":
            return HttpResponseNotAllowed(["GET", "HEAD"])
        write_down(request, found.application, Action.PAPER_DOWNLOADED, paper=found.pk, slot=found.slot, **why)
        try:
            content = unpack(bytes(found.content), PAPER_LABEL)
        except Unreadable:
            self.message_user(request, gettext("这份材料已无法读取，请退回补正，让申请人重新上传"), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:accounts_application_change", args=[object_id]))
        media_type = found.media_type if found.media_type in MEDIA_TYPES else "application/octet-stream"
        headers = {"Content-Disposition": content_disposition_header(True, found.name) or "attachment"}
        return HttpResponse(content, content_type=media_type, headers=headers)

    def ask_why(self, request: HttpRequest, paper: Paper, typed: str) -> HttpResponse:
        """The page that asks for the reason first."""
        if request.method == "POST":
            self.message_user(request, gettext("请写明显示个人信息的理由，2 至 200 个字"), messages.ERROR)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": kind_named(paper.application.kind).words.get(paper.slot, paper.name),
            "application": paper.application,
            "called": called(paper.application),
            "paper": paper,
            "why": typed,
        }
        return TemplateResponse(request, "admin/accounts/application/paper.html", context)


def is_personal(paper: Paper) -> bool:
    """Whether it shows a person's identity."""
    slots = kind_named(paper.application.kind).papers
    return any(slot.is_personal for slot in slots if slot.name == paper.slot)


def move(application: Application, said: Said, staff: User, address: str) -> str:
    """Make the move; the sentence that says what happens next. Raises ``Stale`` or ``NotPossible``."""
    name, kind = called(application), kind_named(application.kind).label
    how: dict[str, Any] = {"staff": staff, "version": said.version, "address": address}
    if said.do == "take":
        applications.take(application, **how)
        return gettext("已接手“%s”，核对后请通过、退回补正或不予通过") % name
    if said.do in ("approve", "refuse") and any(text.strip() for text in said.remarks.values()):
        raise NotPossible(gettext("各项旁边写了补正意见，只有退回补正才会送达：请退回，或先清空这些意见"))
    if said.do == "approve":
        if applications.approve(application, reason=said.reason, **how):
            if application.kind in ERRANDS:
                return gettext("“%s”已受理；以后每办一步，在它的申请页登记，企业会收到通知") % name
            return gettext("“%(name)s”已通过，%(kind)s即时生效") % {"name": name, "kind": kind}
        return gettext("“%s”初审通过，等另一位同事复核，复核通过后生效") % name
    if said.do == "send_back":
        applications.send_back(application, remarks=said.remarks, reason=said.reason, **how)
        return gettext("“%s”已退回补正，申请人在各项下看到意见，改好再提交后回到队列") % name
    if said.do == "refuse":
        applications.refuse(application, reason=said.reason, **how)
        return gettext("“%s”不予通过，申请人看到理由，这份申请到此结束") % name
    if said.do in ("go_on", "fail"):
        stage = errand_moves.go_on(application, failed=said.do == "fail", day=said.day, note=said.reason, **how)
        return gettext("“%(name)s”的代办已登记“%(stage)s”，企业已收到通知") % {"name": name, "stage": stage.label}
    raise NotPossible(gettext("请用页面下方的按钮办理"))


def called(application: Application) -> str:
    """What staff call it, also one whose kind gives it no title."""
    return application.title or gettext("第 %s 号申请") % application.pk


def faults_now(application: Application, submission: Submission) -> list[tuple[Any, str]]:
    """What the rules of today find wrong with what was handed in, by the word of the field: of the form, then of the gate."""
    kind = kind_named(application.kind)
    form = applications.form_of(kind, applications.typed_in(submission))
    found = form.errors or kind.gate(application, form.cleaned_data)
    return [(kind.words.get(name, ""), str(text)) for name, texts in found.items() for text in texts]


def remarks_on(application: Application, submission: Submission) -> list[str]:
    """What should be seen before deciding, though it forbids nothing."""
    kind = kind_named(application.kind)
    form = applications.form_of(kind, applications.typed_in(submission))
    return kind.remarks(application, form.cleaned_data) if form.is_valid() else []


def deeds_of(application: Application) -> Iterable[AuditEntry]:
    """What was done with it, the latest first."""
    found = AuditEntry.objects.filter(subject=f"{application.kind} {application.pk}", action__startswith="application_")
    return found.select_related("user").order_by("-id")[:MOST_DEEDS]


def age_of(application: Application) -> str:
    """For how many working days it has stood as it does; of what is late, by how many."""
    now = timezone.now()
    days = working_days(application.state_at, now)
    told = ngettext("%s 个工作日", "%s 个工作日", days) % days if days else gettext("不到 1 个工作日")
    if over := days_late(application, now):
        return gettext("%(age)s，超时 %(over)s 个工作日") % {"age": told, "over": over}
    return told


def staff_of(request: HttpRequest) -> User:
    """Who asks."""
    assert isinstance(request.user, User)
    return request.user


def write_down(request: HttpRequest, application: Application, action: str, **details: Any) -> None:
    """One entry in the record of deeds."""
    who = Bystander(user=staff_of(request), enterprise=application.enterprise, address=address_of(request))
    record(who, action, f"{application.kind} {application.pk}", **details)
