"""Every move of an application: begun, saved, handed in, taken on, sent back, approved, refused, withdrawn.

Each is one function, one transaction, one conditional UPDATE on the version somebody saw, so that of two people who have
the same application open one moves it and the other is told; and one entry in the record of deeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.forms import Form
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.access import Bystander, is_member
from accounts.actions import Action
from accounts.audit import record
from accounts.colleagues import ONE_PERSON, are_one
from accounts.models import Application, ApplicationState, Enterprise, Paper, Remark, Submission, User, Verdict
from accounts.models.applications import ENDED, OPEN_TO_APPLICANT, WAITS_FOR_STAFF
from accounts.notices import notify, notify_members, notify_staff
from accounts.onboarding.kinds import Kind, kind_named
from accounts.onboarding.papers import PaperRefused, take_first, take_over
from accounts.onboarding.papers_on_file import OnFile
from accounts.onboarding.same_numbers import numbers_in
from accounts.onboarding.typed import Typed, packed, typed_in
from accounts.roles import EnterpriseState, MemberRole
from portal.sentences import keep

#: The most a reason or a remark may say, in characters.
LONGEST_WORDS = 500
#: The most one person may hand in within a day, taken back or not: each time staff are told.
MOST_A_DAY = 20
#: Whoever may do this decides on applications.
DECIDES = "accounts.change_application"


class Stale(Exception):
    """Somebody else moved it since: the text says in Chinese to look again."""

    def __init__(self) -> None:
        super().__init__(_("这份申请刚刚被他人更新，请看过最新内容后再办"))


class NotPossible(Exception):
    """A move that cannot be made now; the text says in Chinese why and what to do."""


# --- what was typed ----------------------------------------------------------------------------------------------------


def form_of(kind: Kind, typed: Typed) -> Form:
    """The form of the kind, filled with what was typed."""
    data = QueryDict(mutable=True)
    for name, texts in typed.items():
        data.setlist(name, list(texts))
    return kind.form(data, label_suffix="")


def _packed(kind: Kind, typed: Typed) -> bytes:
    told = {name: list(texts) for name, texts in typed.items() if name in kind.form.base_fields}
    return packed(told)


def papers_of(application: Application) -> list[Paper]:
    """The papers that would be handed in next, without their bytes."""
    return list(application.papers.filter(replaced=False).defer("content").order_by("slot"))


# --- the applicant ------------------------------------------------------------------------------------------------------


@transaction.atomic
def begin(kind: Kind, *, by: User, enterprise: Enterprise | None, topic: str = "", title: str = "") -> Application:
    """The open application of this kind and topic, or a new empty one. Raises PermissionDenied for an auditor."""
    if by.is_auditor:
        raise PermissionDenied(_("审计员只能查看，不能修改任何内容"))
    if found := open_one(kind, by=by, enterprise=enterprise, topic=topic):
        return found
    try:
        with transaction.atomic():
            return Application.objects.create(
                enterprise=enterprise, applicant=by, kind=kind.name, topic=topic, title=title, content=_packed(kind, {})
            )
    except IntegrityError:  # begun in another window at the same moment
        if found := open_one(kind, by=by, enterprise=enterprise, topic=topic):
            return found
        raise


def open_one(kind: Kind, *, by: User, enterprise: Enterprise | None, topic: str = "") -> Application | None:
    """The application of this kind and topic that is not at an end; there is at most one."""
    mine = {"enterprise": enterprise} if enterprise else {"enterprise": None, "applicant": by}
    return Application.objects.filter(kind=kind.name, topic=topic, **mine).exclude(state__in=ENDED).first()


@transaction.atomic
def save(application: Application, typed: Typed, *, version: int) -> None:
    """Keep what was typed, right or wrong: nothing typed is ever lost. Raises ``Stale``."""
    kind = kind_named(application.kind)
    _change(application, version, OPEN_TO_APPLICANT, content=_packed(kind, typed))


@transaction.atomic
def submit(
    application: Application, typed: Typed, *, by: User, version: int, address: str = ""
) -> dict[str, list[str]]:
    """Keep what was typed and, if it is whole, hand it in. What is wrong otherwise, by field or paper. Raises ``Stale``."""
    kind = kind_named(application.kind)
    if why := _why_suspended(application):
        save(application, typed, version=version)
        return {"__all__": [why]}
    form = form_of(kind, typed)
    papers = papers_of(application)
    filed = on_file(kind, form, application.enterprise, papers)
    if problems := _problems(kind, form, papers, filed):
        save(application, typed, version=version)
        return problems
    if refused := kind.gate(application, form.cleaned_data) or _too_often(by):
        save(application, typed, version=version)
        return refused
    _change(
        application, version, OPEN_TO_APPLICANT, content=_packed(kind, typed),
        title=kind.title(form.cleaned_data) or (application.enterprise.name if application.enterprise else ""),
        state=ApplicationState.SUBMITTED, first_approver=None,
    )  # fmt: skip
    slots = {slot.name: slot for slot in kind.papers}
    papers += [take_over(application, slots[name], kept.paper, by=by, address=address) for name, kept in filed.items()]
    _submitted(application, papers, typed, by, address)
    return {}


def _why_suspended(application: Application) -> str:
    """A suspended enterprise looks and applies for nothing; what staff themselves propose about it goes on."""
    return "" if kind_named(application.kind).by_staff else why_suspended(application.enterprise)


def why_suspended(enterprise: Enterprise | None) -> str:
    """Why nothing is applied for while the enterprise is suspended: pages offer nothing to begin. Empty while it is not."""
    if enterprise is None or enterprise.state != EnterpriseState.SUSPENDED:
        return ""
    return _("企业已暂停，恢复由平台工作人员办理；恢复后再申请")


def problems_of(application: Application, typed: Typed) -> dict[str, list[str]]:
    """What is wrong with it or missing, by field or paper; empty when it could be handed in."""
    kind = kind_named(application.kind)
    form, papers = form_of(kind, typed), papers_of(application)
    return _problems(kind, form, papers, on_file(kind, form, application.enterprise, papers))


def _too_often(by: User) -> dict[str, list[str]]:
    lately = Submission.objects.filter(submitted_by=by, at__gt=timezone.now() - timedelta(days=1))
    if lately.count() < MOST_A_DAY:
        return {}
    told = _("24 小时内最多提交 %(count)s 次申请，请明天再提交；填写的内容已保存，急需时请拨打服务热线")
    return {"__all__": [told % {"count": MOST_A_DAY}]}


def on_file(kind: Kind, form: Form, enterprise: Enterprise | None, papers: Sequence[Paper]) -> dict[str, OnFile]:
    """The papers handed in earlier that serve for this too, by slot: where they are needed and none was uploaded anew."""
    if enterprise is None or not form.is_bound:
        return {}
    form.is_valid()  # what is right of it is known only then
    held = {paper.slot for paper in papers}
    slots = [
        slot for slot in kind.papers if slot.on_file and slot.name not in held and slot.is_needed(form.cleaned_data)
    ]
    found = {slot.name: slot.on_file(enterprise, form.cleaned_data) for slot in slots if slot.on_file}
    return {name: kept for name, kept in found.items() if kept is not None}


def _submitted(application: Application, papers: Sequence[Paper], typed: Typed, by: User, address: str) -> None:
    """Keep this version for ever, and have staff look at it."""
    number = application.submissions.count() + 1
    Submission.objects.create(
        application=application, number=number, content=application.content, papers=[one.pk for one in papers],
        numbers=list(numbers_in(typed).values()), submitted_by=by,
    )  # fmt: skip
    _write_down(application, by, Action.APPLICATION_SUBMITTED, address, number=number)
    _tell_staff(application, gettext_noop("“%(title)s”的%(kind)s申请待审核"))


def _problems(kind: Kind, form: Form, papers: Sequence[Paper], filed: Mapping[str, object]) -> dict[str, list[str]]:
    problems = {name: [str(text) for text in texts] for name, texts in form.errors.items()}
    held = {paper.slot for paper in papers} | filed.keys()
    for slot in kind.papers:
        if slot.is_needed(form.cleaned_data) and slot.name not in held:
            problems[slot.name] = [_("请上传%(paper)s") % {"paper": slot.label}]
    return problems


@transaction.atomic
def withdraw(application: Application, *, by: User, version: int, address: str = "") -> None:
    """Take it back before it is decided. Raises ``Stale``."""
    open_ones = (*OPEN_TO_APPLICANT, *WAITS_FOR_STAFF)
    _change(application, version, open_ones, state=ApplicationState.WITHDRAWN, first_approver=None)
    _write_down(application, by, Action.APPLICATION_WITHDRAWN, address)


# --- staff --------------------------------------------------------------------------------------------------------------


@dataclass
class _Refused(Exception):
    """Undoes what was begun, for what is wrong with it by field or paper."""

    problems: dict[str, list[str]]


@transaction.atomic
def lodge(
    kind: Kind,
    typed: Typed,
    *,
    by: User,
    topic: str,
    address: str = "",
    enterprise: Enterprise | None = None,
    files: Mapping[str, UploadedFile] | None = None,
) -> dict[str, list[str]]:
    """Hand in at once what one of the staff begins themselves; another decides. What is wrong otherwise, by field or paper.

    What is about an enterprise is told to its administrators, and is nothing for one of its members. Raises
    PermissionDenied for anybody else.
    """
    if not (kind.by_staff and by.is_staff):
        raise PermissionDenied(_("只有平台工作人员可以提出这一申请"))
    if is_member(by, enterprise):
        return {"__all__": [_("不能为自己的企业提出这一申请，请由另一位同事提出")]}
    form, files = form_of(kind, typed), files or {}
    if problems := _problems(kind, form, (), files):
        return problems
    one = Application(
        kind=kind.name, topic=topic, applicant=by, content=_packed(kind, typed), state=ApplicationState.SUBMITTED,
        enterprise=enterprise, title=kind.title(form.cleaned_data) or (enterprise.name if enterprise else ""),
    )  # fmt: skip
    try:
        with transaction.atomic():
            one.save()
            papers = _papers_of_staff(one, files, by, address)
            if refused := kind.gate(one, form.cleaned_data):
                raise _Refused(refused)
            _submitted(one, papers, typed, by, address)
            _tell_enterprise(one, gettext_noop("平台工作人员为本企业提出了%(kind)s申请，等另一位工作人员审核"))
    except IntegrityError:
        return {"__all__": [_("已经提出过这一申请，还在等待另一位同事审核")]}
    except _Refused as refused_for:
        return refused_for.problems
    return {}


def _papers_of_staff(one: Application, files: Mapping[str, UploadedFile], by: User, address: str) -> list[Paper]:
    """The files in their slots. Raises ``_Refused``."""
    papers, refused = [], {}
    for slot in kind_named(one.kind).papers:
        if slot.name in files:
            try:
                papers.append(take_first(one, slot, files[slot.name], by=by, address=address))
            except PaperRefused as error:
                refused[slot.name] = [str(error)]
    if refused:
        raise _Refused(refused)
    return papers


@transaction.atomic
def take(application: Application, *, staff: User, version: int, address: str = "") -> None:
    """Become the one who deals with it. Raises ``Stale``."""
    _change(application, version, WAITS_FOR_STAFF, assignee=staff)
    _write_down(application, staff, Action.APPLICATION_TAKEN, address)


@transaction.atomic
def approve(application: Application, *, staff: User, version: int, reason: str = "", address: str = "") -> bool:
    """Approve: in force now (True), or waiting for a second person (False). Raises ``Stale`` or ``NotPossible``.

    Where two have to agree, the second one may not be the first; nobody approves what they applied for themselves.
    """
    kind = kind_named(application.kind)
    _check_words(reason, needed=False)
    if why := why_not_by(application, staff) or _why_suspended(application):
        raise NotPossible(why)
    if kind.by_staff and not application.applicant.is_staff:
        raise NotPossible(_("提出这份申请的人不是平台工作人员。请不予通过，由同事重新提出"))
    if kind.second_person and application.state == ApplicationState.SUBMITTED:
        _change(
            application, version, (ApplicationState.SUBMITTED,),
            state=ApplicationState.SECOND, first_approver=staff, assignee=None,
        )  # fmt: skip
        _write_down(application, staff, Action.APPLICATION_APPROVED_FIRST, address, reason=reason)
        _tell_staff(application, gettext_noop("“%(title)s”的%(kind)s申请已初审通过，待另一人复核"))
        return False
    waits = (ApplicationState.SECOND,) if kind.second_person else (ApplicationState.SUBMITTED,)
    _decide(application, version, waits, staff, Verdict.APPROVED, reason)
    form = form_of(kind, typed_in(application))
    if not form.is_valid():  # rules may have become stricter since it was handed in
        raise NotPossible(_("申请内容已不符合现行规则，请退回补正：%s") % form.errors.as_text())
    if refused := kind.gate(application, form.cleaned_data):  # or the enterprise is no longer as it was
        raise NotPossible(" ".join(text for texts in refused.values() for text in texts))
    try:
        kind.effect(application, form.cleaned_data, staff)
    except ValidationError as error:
        raise NotPossible(" ".join(error.messages)) from error
    _write_down(application, staff, Action.APPLICATION_APPROVED, address, reason=reason)
    _tell_applicant(application, gettext_noop("您的%(kind)s申请已通过"))
    return True


def why_not_by(application: Application, staff: User) -> str:
    """Why this one of the staff may not approve it, though somebody else may; empty if they may."""
    handed_in = application.applicant_id == staff.pk or application.submissions.filter(submitted_by=staff).exists()
    if handed_in or is_member(staff, application.enterprise_id):
        return _("不能审核自己或自己企业提交的申请，请由另一位同事审核")
    if application.first_approver_id == staff.pk:
        return _("初审和复核须是两个人：这份申请由您初审，请由另一位同事复核")
    first = application.applicant if kind_named(application.kind).by_staff else application.first_approver
    if are_one(first, staff):
        return _(ONE_PERSON)
    return ""


@transaction.atomic
def send_back(
    application: Application, *, staff: User, version: int, remarks: Mapping[str, str], reason: str, address: str = ""
) -> None:
    """Ask for corrections, each at its field. Raises ``Stale``, or ``NotPossible`` when nothing is said."""
    kind = kind_named(application.kind)
    if kind.by_staff:
        raise NotPossible(_("这份申请由同事提出，不退回补正：有误的请不予通过并写明理由，由同事重新提出"))
    said = {name: text.strip() for name, text in remarks.items() if text.strip()}
    _check_words(reason, needed=not said)
    for name, text in said.items():
        if name not in kind.words:
            raise NotPossible(_("没有这一项：%s") % name)
        _check_words(text, needed=True)
    submission = _decide(application, version, WAITS_FOR_STAFF, staff, Verdict.RETURNED, reason, first_approver=None)
    Remark.objects.bulk_create(Remark(submission=submission, field=name, text=text) for name, text in said.items())
    _write_down(application, staff, Action.APPLICATION_RETURNED, address, fields=sorted(said), reason=reason)
    _tell_applicant(application, gettext_noop("您的%(kind)s申请已退回，请按意见补正后再提交"))


@transaction.atomic
def refuse(application: Application, *, staff: User, version: int, reason: str, address: str = "") -> None:
    """Refuse for good, with the reason. Raises ``Stale``, or ``NotPossible`` without a reason."""
    _check_words(reason, needed=True)
    _decide(application, version, WAITS_FOR_STAFF, staff, Verdict.REFUSED, reason, first_approver=None)
    _write_down(application, staff, Action.APPLICATION_REFUSED, address, reason=reason)
    _tell_applicant(application, gettext_noop("您的%(kind)s申请不予通过，理由见申请页"))
    if kind_named(application.kind).by_staff:
        _tell_enterprise(application, gettext_noop("平台为本企业提出的%(kind)s申请没有通过，一切照旧"))


# --- one move -----------------------------------------------------------------------------------------------------------


def _change(application: Application, version: int, states: Sequence[str], **values: Any) -> None:
    """Write the values if it is still as somebody saw it, and count the version up; PostgreSQL notes when it moved."""
    found = Application.objects.filter(pk=application.pk, version=version, state__in=states)
    if not found.update(version=F("version") + 1, **values):
        raise Stale
    for name, value in values.items():
        setattr(application, name, value)
    application.version = version + 1
    if "state" in values:
        application.refresh_from_db(fields=["state_at"])


def _decide(
    application: Application, version: int, states: Sequence[str], staff: User, verdict: Verdict, reason: str,
    **values: Any,
) -> Submission:  # fmt: skip
    """Write the verdict on the last version, and move the application by it, which PostgreSQL asks for first."""
    submission = application.submissions.order_by("number").last()
    said = {"verdict": verdict, "reason": reason, "decided_by": staff, "decided_at": Now()}
    if submission is None or not Submission.objects.filter(pk=submission.pk, verdict="").update(**said):
        raise Stale
    _change(application, version, states, state=ApplicationState(verdict), **values)
    return submission


def _check_words(text: str, *, needed: bool) -> None:
    if needed and not text.strip():
        raise NotPossible(_("请写明意见，申请人要据此改正"))
    if len(text) > LONGEST_WORDS:
        raise NotPossible(_("意见最多 %s 个字") % LONGEST_WORDS)


def _write_down(application: Application, user: User, action: Action, address: str, **details: Any) -> None:
    who = Bystander(user=user, enterprise=application.enterprise, address=address)
    record(who, action, f"{application.kind} {application.pk}", version=application.version, **details)


def _tell_staff(application: Application, text: str) -> None:
    """It waits for staff now: those who decide on applications, but whoever is acting."""
    told = keep(text, title=application.title, kind=kind_named(application.kind).label)
    notify_staff(DECIDES, told, address=reverse("admin:accounts_application_change", args=[application.pk]))


def _tell_applicant(application: Application, text: str) -> None:
    """It waits for whoever applied, or is decided: of an enterprise all who may go on with it, as one may have left."""
    kind = kind_named(application.kind)
    told = keep(text, kind=kind.label)
    page = reverse("admin:accounts_application_change" if kind.by_staff else "application", args=[application.pk])
    if application.enterprise is None or kind.by_staff:  # staff are no members
        notify([application.applicant], told, address=page)
    else:
        notify_members(application.enterprise, told, roles=[MemberRole.ADMINISTRATOR], address=page)


def _tell_enterprise(application: Application, text: str) -> None:
    """What staff do about an enterprise its administrators hear of, though they did not apply for it."""
    if application.enterprise is not None:
        told = keep(text, kind=kind_named(application.kind).label)
        page = reverse("application", args=[application.pk])
        notify_members(application.enterprise, told, roles=[MemberRole.ADMINISTRATOR], address=page)
