"""What staff read of an application: every version in words, what it changed, and who else has the same numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.choices import flatten_choices
from django.utils.translation import gettext as _

from accounts.codes import as_code
from accounts.models import Application, Enterprise, Paper, Submission
from accounts.models.applications import ENDED
from accounts.onboarding.applications import Typed, form_of, typed_in
from accounts.onboarding.forms import CodeField, is_kept_if_blank, is_of_use, is_said_once
from accounts.onboarding.kinds import Kind, kind_named
from accounts.onboarding.same_numbers import NUMBERS, numbers_in, open_with
from portal.personal import MASKS


@dataclass(frozen=True, slots=True)
class Line:
    """One field of a version: what it says, and what it said before, if that was something else.

    Before is the version before; of the first version of a change it is what is in force.
    """

    name: str
    label: str
    value: str
    is_masked: bool
    is_changed: bool
    before: str
    #: What staff said of this field of the version before.
    asked: str


@dataclass(frozen=True, slots=True)
class PaperLine:
    """One paper of a version, and the one it replaced since the version before."""

    name: str
    label: str
    paper: Paper | None
    is_changed: bool
    before: Paper | None
    asked: str
    #: Whether it shows a person's identity.
    is_personal: bool


@dataclass(frozen=True, slots=True)
class Version:
    """One version as it was handed in, beside the one before it."""

    submission: Submission
    lines: list[Line]
    papers: list[PaperLine]
    #: What staff said of this version, by the word of the field.
    remarks: list[tuple[str, str]]
    changed: int = field(init=False)

    def __post_init__(self) -> None:
        lines: Sequence[Line | PaperLine] = [*self.lines, *self.papers]
        object.__setattr__(self, "changed", sum(line.is_changed for line in lines))


def versions_of(application: Application, *, uncovered: bool = False) -> list[Version]:
    """Every version that was handed in, the newest first; what belongs to a person masked unless uncovered."""
    kind = kind_named(application.kind)
    handed_in = list(
        application.submissions.select_related("submitted_by", "decided_by")
        .prefetch_related("remarks")
        .order_by("number")
    )
    papers = {paper.pk: paper for paper in application.papers.defer("content")}
    found: list[Version] = []
    before: Submission | None = None
    then = _in_force(application, kind, typed_in(handed_in[0])) if handed_in else None
    for submission in handed_in:
        asked = {remark.field: remark.text for remark in before.remarks.all()} if before else {}
        lines = _lines(kind, submission, then, asked, uncovered=uncovered)
        then = typed_in(submission)
        shown = _papers(kind, submission, before, asked, papers)
        words = kind.words
        remarks = [(str(words.get(one.field, one.field)), one.text) for one in submission.remarks.all()]
        found.append(Version(submission, lines, shown, remarks))
        before = submission
    return found[::-1]


def _in_force(application: Application, kind: Kind, first: Typed) -> Typed | None:
    """What the first version of a change is compared with, until it has taken its place; None for what is new."""
    enterprise, topic = application.enterprise, application.topic
    if enterprise is None or application.state in ENDED:
        return None
    if kind.replaced:
        return kind.replaced(enterprise, topic, first) or None
    return (kind.initial(enterprise, topic) or None) if kind.initial else None


def _lines(
    kind: Kind, submission: Submission, then: Typed | None, asked: Mapping[str, str], *, uncovered: bool
) -> list[Line]:
    now, is_first = typed_in(submission), submission.number == 1
    found = []
    for name, one in form_of(kind, now).fields.items():
        if name not in asked and not is_of_use(name, one, now) and not is_of_use(name, one, then or {}):
            continue
        mask = None if uncovered else MASKS.get(getattr(one, "mask", ""))
        texts, texts_before = now.get(name, []), (then or {}).get(name, [])
        is_kept = is_kept_if_blank(one) and not any(texts)
        if is_first and (is_kept or is_said_once(one)):
            texts_before = texts
        is_changed = then is not None and _plain(one, texts) != _plain(one, texts_before)
        said = (_said(one, texts), _said(one, texts_before))
        value, value_before = (mask(text) if mask and text else text for text in said)
        if is_kept:
            value = _("不改")
        label = str(one.label or name)
        found.append(Line(name, label, value, mask is not None, is_changed, value_before, asked.get(name, "")))
    return found


def _plain(one: forms.Field, texts: Sequence[str]) -> list[str]:
    """Without what is empty, codes as the field reads them, the ends of lines as everywhere but in what a browser sends."""
    if isinstance(one, CodeField):
        texts = [as_code(text) for text in texts]
    return ["\n".join(text.splitlines()) for text in texts if text]


def _papers(
    kind: Kind,
    submission: Submission,
    before: Submission | None,
    asked: Mapping[str, str],
    papers: Mapping[int, Paper],
) -> list[PaperLine]:
    now, then = _by_slot(submission, papers), _by_slot(before, papers) if before else None
    form = form_of(kind, typed_in(submission))
    there = {*now, *(then or {}), *asked}
    # What was typed calls for none of the others.
    slots = [one for one in kind.papers if one.name in there or not form.is_valid() or one.is_needed(form.cleaned_data)]
    labels = {slot.name: str(slot.label) for slot in slots}
    personal = {slot.name for slot in kind.papers if slot.is_personal}
    found = []
    for name in [*labels, *sorted({*now, *(then or {})} - {*labels})]:
        old = (then or {}).get(name)
        is_changed = then is not None and old != now.get(name)
        paper, said = now.get(name), asked.get(name, "")
        found.append(PaperLine(name, labels.get(name, name), paper, is_changed, old, said, name in personal))
    return found


def _by_slot(submission: Submission, papers: Mapping[int, Paper]) -> dict[str, Paper]:
    return {papers[pk].slot: papers[pk] for pk in submission.papers if pk in papers}


def _said(one: forms.Field, texts: Sequence[str]) -> str:
    """What was typed into a field, in words: a choice by what it is called."""
    if isinstance(one, forms.BooleanField):
        return _("是") if texts and texts[-1] not in ("", "false", "False", "0") else _("否")
    named: dict[str, str] = {}
    if isinstance(one, forms.ChoiceField):
        choices: Iterable[Any] = one.choices  # type: ignore[assignment]
        offered: list[tuple[Any, Any]] = list(flatten_choices(choices))
        named = {str(value): str(label) for value, label in offered}
    return _("、").join(named.get(text, text) for text in texts if text)


# --- who else has the same numbers --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Twin:
    """Another with the same numbers: an enterprise there is, or an application that is open too."""

    other: Enterprise | Application
    #: What the numbers are called.
    numbers: str

    @property
    def is_enterprise(self) -> bool:
        """Whether it is an enterprise already."""
        return isinstance(self.other, Enterprise)


def twins_of(application: Application, submission: Submission) -> list[Twin]:
    """Who else has a number that this version of an application says is its own. For the eyes of staff only."""
    own = numbers_in(typed_in(submission))
    labels = kind_named(application.kind).words

    def twin(other: Enterprise | Application, theirs: Mapping[str, str]) -> Twin:
        return Twin(other, _("、").join(str(labels[name]) for name in own if theirs.get(name) == own[name]))

    same = Q(pk=None)
    for name, number in own.items():
        same |= Q(**{name: number})
    enterprises = Enterprise.objects.filter(same).exclude(applications=application)
    found = [twin(one, {name: getattr(one, name) for name in NUMBERS}) for one in enterprises]
    for other in open_with(own.values()).select_related("application").order_by("application_id"):
        theirs = other.application
        is_own = theirs == application or (theirs.enterprise_id and theirs.enterprise_id == application.enterprise_id)
        numbers = numbers_in(typed_in(other))
        if not is_own and set(numbers.items()) & set(own.items()):
            found.append(twin(theirs, numbers))
    return found
