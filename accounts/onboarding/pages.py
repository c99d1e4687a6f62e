"""What the applicant's pages show of an application: fields, papers, remarks, versions, and whose turn it is.

Everything is drawn from the description of the kind; the pages know no kind by name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.forms import BoundField
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.access import UserRequest, role_missing
from accounts.models import Application, ApplicationState, Enterprise, Paper, Submission, Verdict
from accounts.models.applications import ENDED, OPEN_TO_APPLICANT, WAITS_FOR_STAFF
from accounts.onboarding import applications
from accounts.onboarding.applications import Typed, why_suspended
from accounts.onboarding.errands import Errand
from accounts.onboarding.forms import is_kept_if_blank, is_of_use
from accounts.onboarding.kinds import KINDS, Kind, PaperSlot, kind_named
from accounts.onboarding.papers_on_file import OnFile
from accounts.onboarding.turns import HELD, NOW, Turn, When
from accounts.roles import MemberRole
from portal.looks import Look
from portal.personal import MASKS

#: Before the name of a paper's file input: a paper may be called like a field.
PAPER = "paper_"
#: A text field that may say so much is drawn twice as wide.
LONG_TEXT = 80


LOOKS = {
    ApplicationState.DRAFT: ("idle", "pencil"),
    ApplicationState.SUBMITTED: ("info", "hourglass-split"),
    ApplicationState.SECOND: ("info", "hourglass-split"),
    ApplicationState.RETURNED: ("bad", "arrow-return-left"),
    ApplicationState.APPROVED: ("ok", "check-circle"),
    ApplicationState.REFUSED: ("bad", "x-circle"),
    ApplicationState.WITHDRAWN: ("idle", "slash-circle"),
}
VERDICTS = {
    Verdict.APPROVED: ("ok", "check-circle"),
    Verdict.RETURNED: ("bad", "arrow-return-left"),
    Verdict.REFUSED: ("bad", "x-circle"),
}
NEXT: Mapping[str, Any] = {
    ApplicationState.DRAFT: gettext_lazy("填写完整后提交审核"),
    ApplicationState.RETURNED: gettext_lazy("按审核意见补正后再次提交"),
    ApplicationState.SECOND: gettext_lazy("初审已通过，等待另一位工作人员复核"),
    ApplicationState.REFUSED: gettext_lazy("看清原因后可以重新申请"),
    ApplicationState.WITHDRAWN: gettext_lazy("需要时可以重新申请"),
}


# --- whose it is, and who may begin -------------------------------------------------------------------------------------


def own(request: UserRequest) -> QuerySet[Application]:
    """The applications this person may see: their own for an account, and as administrator those of the enterprise."""
    mine = Q(enterprise=None, applicant=request.user)
    if request.actor is not None and request.actor.may(MemberRole.ADMINISTRATOR):
        mine |= Q(enterprise=request.actor.enterprise)
    return Application.objects.filter(mine)


def why_not(request: UserRequest, kind: Kind) -> str:
    """Why a member may not begin an application of this kind; empty when they may."""
    if kind.without_enterprise or (request.actor is not None and request.actor.may(MemberRole.ADMINISTRATOR)):
        return ""
    return role_missing([MemberRole.ADMINISTRATOR])


def why_not_now(request: UserRequest, kind: Kind) -> str:
    """Why nobody begins one now, whatever their role: the enterprise is suspended. One begun before stays at hand."""
    return "" if kind.without_enterprise or request.actor is None else why_suspended(request.actor.enterprise)


@dataclass(frozen=True)
class Beginning:
    """A kind that can be begun, as it stands in the list."""

    kind: Kind
    turn: Turn

    @property
    def changes(self) -> bool:
        """Whether it would change what is in force."""
        return self.turn == HELD

    @property
    def papers(self) -> list[PaperSlot]:
        """The papers it asks for whatever is typed."""
        return [slot for slot in self.kind.papers if slot.is_always_needed]


def beginnings(request: UserRequest) -> dict[str, list[Beginning]]:
    """The kinds this person may begin here and has none open of, by when: now, later, or to change what is in force."""
    began = set(own(request).exclude(state__in=ENDED).filter(topic="").values_list("kind", flat=True))
    here = [kind for kind in KINDS if not kind.begun_at and not kind.by_staff and kind.name not in began]
    found: dict[str, list[Beginning]] = {when.value: [] for when in When}
    for kind in here:
        if not why_not(request, kind) and not why_not_now(request, kind):
            turn = _turn(request, kind)
            found[turn.when].append(Beginning(kind, turn))
    return found


def _turn(request: UserRequest, kind: Kind) -> Turn:
    if request.actor is None:
        return NOW
    if kind.without_enterprise:
        return Turn(When.HELD, _("再开一家企业；与现在的企业分开管理"))
    return kind.turn(request.actor.enterprise) if kind.turn else NOW


def begun_with(request: UserRequest, kind: Kind) -> tuple[Typed, str]:
    """What the form of a new application holds, so that nobody types it all again, and the sentence that says so.

    What was not decided is gone on with; after an approval, what is in force is what can be changed. Not of an account
    opened: that is another enterprise's.
    """
    before = own(request).filter(kind=kind.name, topic="", state__in=ENDED)
    if kind.without_enterprise:
        before = before.exclude(state=ApplicationState.APPROVED)
    latest = before.first()
    if kind.initial and request.actor and (latest is None or latest.state == ApplicationState.APPROVED):
        fields = kind.form().fields
        now = kind.initial(request.actor.enterprise, "")
        held = {name: texts for name, texts in now.items() if not is_kept_if_blank(fields[name])}
        return held, _("已填入现在生效的内容，请在此基础上修改；审核通过之前，原来的继续有效") if held else ""
    if kind.known and latest is None:
        return kind.known(request.user), _("已填入注册时的姓名、手机和邮箱，请核对")
    typed = applications.typed_in(latest) if latest else {}
    return typed, _("已带入上一次申请填写的内容，请核对；材料需要重新上传") if typed else ""


# --- the list -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """One application as it stands: whose turn it is, and what to do."""

    application: Application
    kind: Kind

    @classmethod
    def of(cls, application: Application) -> "Standing":
        """With its kind."""
        return cls(application, kind_named(application.kind))

    @property
    def label(self) -> str:
        """What was applied for, with what was chosen where it was begun."""
        return self.kind.named(self.application.topic)

    @cached_property
    def errand(self) -> Errand | None:
        """What staff do for the enterprise since it was approved, where they do anything."""
        return self.kind.errand(self.application) if self.kind.errand else None

    @property
    def leads_on(self) -> bool:
        """Whether the applicant goes on from here: it was approved, and what was to be done is done."""
        is_done = self.errand is None or (self.errand.is_over and not self.errand.has_failed)
        return self.application.state == ApplicationState.APPROVED and is_done

    @property
    def look(self) -> Look:
        """Its state."""
        if self.errand:
            return self.errand.look
        state = ApplicationState(self.application.state)
        return Look(*LOOKS[state], state.label)

    @property
    def is_mine(self) -> bool:
        """Whether it waits for the applicant."""
        return self.application.state in OPEN_TO_APPLICANT

    @property
    def waits(self) -> bool:
        """Whether it waits for staff."""
        return self.application.state in WAITS_FOR_STAFF

    @property
    def next_step(self) -> str:
        """What comes next, and who does it."""
        if self.errand:
            return self.errand.next_step
        if self.application.state == ApplicationState.SUBMITTED:
            return _("等待工作人员审核，通常 %(days)s 个工作日内答复") % {"days": self.kind.promised_days}
        if self.application.state == ApplicationState.APPROVED:
            return str(self.kind.after)
        return str(NEXT[self.application.state])

    @property
    def action(self) -> str:
        """The word on the way to it."""
        if self.application.state == ApplicationState.RETURNED:
            return _("去补正")
        return _("继续填写") if self.is_mine else _("查看")

    @property
    def again(self) -> str:
        """The word on the way to apply once more from here; empty where there is none."""
        if self.application.state not in ENDED or self.application.topic or why_suspended(self.application.enterprise):
            return ""
        if self.errand:
            return _("重新申请") if self.errand.has_failed else _("申请另一份") if self.errand.is_over else ""
        if self.application.state == ApplicationState.APPROVED:
            return "" if self.kind.without_enterprise else _("申请变更")
        return _("重新申请")


# --- one application ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """A field of the form as it is drawn, with what is said at it."""

    bound: BoundField
    errors: Sequence[str]
    remark: str
    #: What is stored, where it differs from what was typed and somebody else wrote meanwhile.
    stored: str

    @property
    def id(self) -> str:
        """Where links to the field lead."""
        return self.bound.auto_id

    @property
    def is_group(self) -> bool:
        """Whether it is several boxes under one name."""
        return bool(self.bound.field.widget.use_fieldset)

    @property
    def is_tick(self) -> bool:
        """Whether it is one box to tick."""
        return isinstance(self.bound.field.widget, forms.CheckboxInput)

    @property
    def belongs_to(self) -> str:
        """The class by which it is drawn only while something is ticked."""
        tick = getattr(self.bound.field, "belongs_to", ())
        shown = self.errors or self.remark or self.stored or not tick
        return "" if shown else "-".join(("of", *tick))

    @property
    def described_by(self) -> str:
        """The ids of what is said at it."""
        said = [(self.errors, "err"), (self.remark, "remark"), (self.stored, "stored"), (self.bound.help_text, "note")]
        return " ".join(f"{self.id}_{part}" for there, part in said if there)

    @property
    def width(self) -> str:
        """How much of the row it takes."""
        field = self.bound.field
        if self.is_group or isinstance(field.widget, forms.Textarea):
            return "w4"
        return "w2" if type(field) is forms.CharField and (field.max_length or 0) >= LONG_TEXT else ""


@dataclass(frozen=True)
class Drawer:
    """A paper asked for, as it is drawn, with what lies in it."""

    slot: PaperSlot
    paper: Paper | None
    errors: Sequence[str] = ()
    remark: str = ""
    #: A paper handed in earlier, which serves if none is uploaded.
    on_file: OnFile | None = None

    @property
    def belongs_to(self) -> str:
        """The class by which it is drawn only while something is ticked."""
        tick = self.slot.belongs_to or ()
        return "" if self.errors or self.remark or not tick else "-".join(("of", *tick))

    @property
    def id(self) -> str:
        """Where links to it lead, and the name of its input."""
        return f"{PAPER}{self.slot.name}"

    @property
    def described_by(self) -> str:
        """The ids of what is said at it."""
        said = [(self.errors, "err"), (self.remark, "remark"), (True, "note")]
        return " ".join(f"{self.id}_{part}" for there, part in said if there)


@dataclass(frozen=True)
class Fault:
    """One thing to mend, as the summary at the top says it, with the place of it."""

    target: str
    label: str
    text: str


@dataclass(frozen=True)
class Version:
    """A version that was handed in, with what staff said of it."""

    submission: Submission
    remarks: Sequence[tuple[str, str]]

    @property
    def look(self) -> Look:
        """What was decided."""
        if not self.submission.verdict:
            return Look("info", "hourglass-split", _("等待审核"))
        verdict = Verdict(self.submission.verdict)
        return Look(*VERDICTS[verdict], verdict.label)


def inputs(
    kind: Kind,
    typed: Typed,
    *,
    problems: Mapping[str, Sequence[str]],
    remarks: Mapping[str, str],
    stored: Typed | None = None,
    enterprise: Enterprise | None = None,
) -> list[Input]:
    """The fields of the kind with what was typed in them, right or wrong, and what is said at each."""
    form = kind.form(initial=_values(kind, typed) if typed else None, label_suffix="")
    form.use_required_attribute = False
    _tell_kept(form, kind, enterprise)
    others = dict(_words(kind, stored, typed)) if stored is not None else {}
    found = []
    for bound in form:
        if _is_idle(bound) and not problems.get(bound.name) and not remarks.get(bound.name):
            continue
        one = Input(bound, problems.get(bound.name, ()), remarks.get(bound.name, ""), others.get(bound.name, ""))
        _dress(one)
        found.append(one)
    return found


def _tell_kept(form: forms.Form, kind: Kind, enterprise: Enterprise | None) -> None:
    """At each field that is left blank unless it changes: what is in force, masked."""
    if kind.initial is None or enterprise is None:
        return
    held = {name: field for name, field in form.fields.items() if is_kept_if_blank(field)}
    now = kind.initial(enterprise, "") if held else {}
    for name, field in held.items():
        if text := "".join(now.get(name, ())):
            mask = MASKS[field.mask]  # type: ignore[attr-defined]
            field.help_text = _("现为 %(masked)s，不改的留空") % {"masked": mask(text)}


def _is_idle(bound: BoundField) -> bool:
    """Whether it is one of those that are asked later, and is not filled."""
    return getattr(bound.field, "asked_later", False) and not bound.value()


def _values(kind: Kind, typed: Typed) -> dict[str, Any]:
    """What each field holds, as its widget reads it from what was sent."""
    return {bound.name: bound.data for bound in applications.form_of(kind, typed)}


def _words(kind: Kind, typed: Typed, other: Typed) -> Iterable[tuple[str, str]]:
    """The fields that differ from the other, as a reader sees them."""
    theirs = _values(kind, other)
    for bound in applications.form_of(kind, typed):
        if (bound.data or "") != (theirs[bound.name] or ""):
            yield bound.name, in_words(bound) or _("未填")


def _dress(one: Input) -> None:
    """Classes, and what a reader of the screen is told. How long a text may be is said by the portal, not cut off."""
    widget, attrs = one.bound.field.widget, one.bound.field.widget.attrs
    attrs.pop("maxlength", None)
    if one.is_group or one.is_tick:
        attrs["class"] = "form-check-input"
    else:
        attrs["class"] = "form-select" if isinstance(widget, forms.Select) else "form-control"
    if one.is_group:
        return  # said by the fieldset around it
    if one.bound.field.required:
        attrs["aria-required"] = "true"
    if one.errors or one.remark:
        attrs["aria-invalid"] = "true"
    if one.described_by:
        attrs["aria-describedby"] = one.described_by


def in_words(bound: BoundField) -> str:
    """What was typed, for reading: a choice by its word, what belongs to a person masked."""
    value = bound.data
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if not value and is_kept_if_blank(bound.field):
        return _("不改")
    texts = [str(one) for one in value] if isinstance(value, list) else [str(value or "")]
    choices = {str(code): str(word) for code, word in getattr(bound.field, "choices", ())}
    if mask := MASKS.get(getattr(bound.field, "mask", "")):
        texts = [mask(text) for text in texts]
    return _("、").join(choices.get(text, text) if text else "" for text in texts)


def drawers(
    kind: Kind,
    papers: Iterable[Paper],
    *,
    problems: Mapping[str, Sequence[str]],
    remarks: Mapping[str, str],
    on_file: Mapping[str, OnFile] | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> list[Drawer]:
    """The papers the kind asks for, with what lies there and what is said at each.

    Where something was ``chosen`` before the form was begun, only those that it calls for.
    """
    held, filed = {paper.slot: paper for paper in papers}, on_file or {}
    slots = [slot for slot in kind.papers if slot.name in held or not chosen or slot.is_needed(chosen)]
    return [
        Drawer(slot, held.get(slot.name), problems.get(slot.name, ()), remarks.get(slot.name, ""), filed.get(slot.name))
        for slot in slots
    ]


def _handed_in(kind: Kind, papers: Iterable[Paper], typed: Typed, remarks: Mapping[str, str]) -> list[Drawer]:
    """The papers of a version: those that lie there, and those that what was typed calls for."""
    form = applications.form_of(kind, typed)
    needed = {slot.name for slot in kind.papers if form.is_valid() and slot.is_needed(form.cleaned_data)}
    found = drawers(kind, papers, problems={}, remarks=remarks)
    return [one for one in found if one.paper or one.remark or one.slot.name in needed]


def faults(kind: Kind, found: Mapping[str, Sequence[str]]) -> list[Fault]:
    """What is to mend, in the order of the page; what belongs to no field stands first."""
    slots = {slot.name for slot in kind.papers}
    places = [("", "", found.get("__all__", ()))] + [
        (f"{PAPER}{name}" if name in slots else f"id_{name}", str(label), found.get(name, ()))
        for name, label in kind.words.items()
    ]
    return [Fault(target, label, text) for target, label, texts in places for text in texts]


def versions(application: Application, kind: Kind) -> list[Version]:
    """What was handed in, newest first."""
    handed_in = application.submissions.defer("content").prefetch_related("remarks").order_by("-number")
    return [Version(one, [(str(kind.words.get(each.field, each.field)), each.text) for each in one.remarks.all()])
            for one in handed_in]  # fmt: skip


def remarks_on(application: Application, found: Sequence[Version]) -> dict[str, str]:
    """What staff ask to be mended now, by field or paper."""
    if application.state != ApplicationState.RETURNED or not found:
        return {}
    return {remark.field: remark.text for remark in found[0].submission.remarks.all()}


def page_of(
    application: Application,
    *,
    typed: Typed | None = None,
    problems: Mapping[str, Sequence[str]] | None = None,
    is_stale: bool = False,
) -> dict[str, Any]:
    """What the page of an application shows: to write in while it waits for the applicant, else to read.

    ``typed`` is what was just typed, ``problems`` what is wrong with it; ``is_stale`` says that nothing of it was kept
    because somebody else was faster.
    """
    standing, problems = Standing.of(application), problems or {}
    kind, kept = standing.kind, applications.typed_in(application)
    found = versions(application, kind)
    remarks = remarks_on(application, found)
    papers = applications.papers_of(application)
    shown = kept if typed is None else typed
    filed = {}
    if standing.is_mine:
        filed = applications.on_file(kind, applications.form_of(kind, shown), application.enterprise, papers)
    context: dict[str, Any] = {
        "standing": standing,
        "application": application,
        "kind": kind,
        "versions": found,
        "latest": found[0] if found else None,
        "is_stale": is_stale,
        "drawers": drawers(
            kind, papers, problems=problems, remarks=remarks, on_file=filed, chosen=_chosen(kind, application)
        )
        if standing.is_mine
        else _handed_in(kind, papers, kept, remarks),
        "faults": faults(kind, problems),
    }
    if standing.is_mine:
        context |= {
            "inputs": inputs(
                kind, shown, problems=problems, remarks=remarks,
                stored=kept if is_stale else None, enterprise=application.enterprise,
            ),
            "action": reverse("application", kwargs={"pk": application.pk}),
            "version": application.version,
            "to_mend": faults(kind, {name: [text] for name, text in remarks.items()}),
        }  # fmt: skip
    else:
        lost = dict(_words(kind, typed, kept)) if typed and is_stale else {}
        context |= {
            "said": read(kind, kept),
            "lost": [(kind.words[name], text) for name, text in lost.items()],
        }
    return context


def _chosen(kind: Kind, application: Application) -> dict[str, str]:
    """What was chosen where the application was begun."""
    return {kind.chosen_as: application.topic} if kind.chosen_as and application.topic else {}


def blank_page(request: UserRequest, kind: Kind) -> dict[str, Any]:
    """What the page shows before anything is kept."""
    typed, why = begun_with(request, kind)
    enterprise = request.actor.enterprise if request.actor else None
    filed = applications.on_file(kind, applications.form_of(kind, typed), enterprise, ()) if typed else {}
    return {
        "kind": kind,
        "inputs": inputs(kind, typed, problems={}, remarks={}, enterprise=enterprise),
        "drawers": drawers(kind, (), problems={}, remarks={}, on_file=filed),
        "action": reverse("application_new", kwargs={"kind": kind.name}),
        "version": 0,
        "begun_with": why,
    }


def read(kind: Kind, typed: Typed, remarks: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
    """Each field for reading: what it is called, what was typed, what was remarked."""
    said = remarks or {}
    shown = [
        one for one in applications.form_of(kind, typed) if one.name in said or is_of_use(one.name, one.field, typed)
    ]
    return [(str(one.label), in_words(one), said.get(one.name, "")) for one in shown]


def version_page(application: Application, number: int) -> dict[str, Any]:
    """What the page of an earlier version shows, as it was handed in. Raises ``Submission.DoesNotExist``."""
    kind = kind_named(application.kind)
    one = application.submissions.prefetch_related("remarks").get(number=number)
    remarks = {remark.field: remark.text for remark in one.remarks.all()}
    papers = application.papers.filter(pk__in=one.papers).defer("content")
    return {
        "application": application,
        "kind": kind,
        "shown": Version(one, []),
        "said": read(kind, applications.typed_in(one), remarks),
        "drawers": _handed_in(kind, papers, applications.typed_in(one), remarks),
    }
