"""The home page: what needs doing now, how far everything is, and what the enterprise signs with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Min
from django.db.models.functions import Greatest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import npgettext

from accounts.access import Actor
from accounts.models import Credential
from declarations.access import uploads_of
from declarations.doors.advice import reasons
from declarations.doors.tables import STAGES, TODO, Stage
from declarations.kinds import KINDS
from declarations.kinds.kind import Kind
from declarations.lifecycle import State
from declarations.models import Document, Outbound, OutboundState, Upload, UploadState
from portal.sentences import speak

#: A certificate that ends within so many days is spoken of.
DAYS_BEFORE_END = 30


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: how many, since when, why, and the one next action."""

    icon: str
    tone: str
    title: str
    why: list[tuple[str, str, int]]
    count: int
    unit: str
    since: datetime | None
    address: str
    action: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the documents of one kind are: a count and an address for each group of states."""

    kind: Kind
    address: str
    total: int
    counts: list[tuple[str, int, str]]


@dataclass(slots=True)
class Desk:
    """Everything the home page shows."""

    tasks: list[Task]
    standings: list[Standing]
    heads: list[Any]
    uploads: list[Upload]
    files: list[Kind]
    credential: Credential | None
    ends_soon: bool

    @property
    def todo(self) -> int:
        """How many things wait for this enterprise."""
        return sum(task.count for task in self.tasks)


def desk(actor: Actor) -> Desk:
    """The home page of a member; a constant number of queries, whatever the enterprise has filed."""
    kinds = [kind for kind in KINDS if kind.filed_by & set(actor.enterprise.types)]
    documents = Document.objects.filter(enterprise=actor.enterprise)
    counted = {
        (slug, state): many
        for slug, state, many in documents.order_by().values_list("kind", "state").annotate(many=Count("id"))
    }
    own = {kind.slug for kind in kinds}
    found = {state for slug, state in counted if slug in own}
    shown = [stage for stage in STAGES if stage.always or stage.states & found]
    uploads = list(uploads_of(actor).select_related("user").order_by("-id")[:5])
    credential = Credential.objects.filter(enterprise=actor.enterprise, active=True).order_by("-not_after").first()
    return Desk(
        tasks=[*_refusals(actor, kinds, counted), *_stuck(actor), *_unfinished(actor)],
        standings=[_standing(kind, counted, shown) for kind in kinds],
        heads=[stage.label for stage in shown],
        uploads=uploads,
        files=kinds,
        credential=credential,
        ends_soon=bool(credential and (credential.not_after - timezone.now()).days < DAYS_BEFORE_END),
    )


def _standing(kind: Kind, counted: dict[tuple[str, str], int], shown: Sequence[Stage]) -> Standing:
    home = reverse("list", kwargs={"kind": kind.slug})
    counts = [
        (
            str(stage.label),
            sum(counted.get((kind.slug, state), 0) for state in stage.states),
            f"{home}?tab={stage.slug}",
        )
        for stage in shown
    ]
    total = sum(many for (slug, _state), many in counted.items() if slug == kind.slug)
    return Standing(kind, home, total, counts)


_TITLES = {State.REJECTED: "x-octagon", State.FAILED: "exclamation-triangle", State.DETAINED: "exclamation-triangle"}


def _refusals(actor: Actor, kinds: Sequence[Kind], counted: dict[tuple[str, str], int]) -> list[Task]:
    """Refused documents by kind and state, with the most frequent reasons."""
    if not any(counted.get((kind.slug, state)) for kind in kinds for state in TODO):
        return []
    found = (
        Document.objects.filter(enterprise=actor.enterprise, state__in=TODO)
        .order_by()
        .values_list("kind", "state", "reason")
        .annotate(many=Count("id"), since=Min("state_at"))
        .order_by("-many")[:200]
    )
    tasks = []
    rows = list(found)
    for kind in kinds:
        for state in (State.REJECTED, State.FAILED, State.DETAINED):
            own = [
                (reason, many, since) for slug, was, reason, many, since in rows if (slug, was) == (kind.slug, state)
            ]
            if not own:
                continue
            count = counted.get((kind.slug, state), 0)
            title = _("%(document)s%(state)s") % {
                "document": capfirst(str(kind.many)),
                "state": str(State(state).label).lower(),
            }
            tasks.append(
                Task(
                    icon=_TITLES[state], tone="bad", title=title, why=_why(own),
                    count=count, unit=npgettext("unit", "票", "票", count), since=min(since for _r, _m, since in own),
                    address=reverse("list", kwargs={"kind": kind.slug}) + "?tab=todo",
                    action=_("去更正") if actor.may_file else _("查看"),
                )
            )  # fmt: skip
    return tasks


def _why(found: Sequence[tuple[str, int, datetime]]) -> list[tuple[str, str, int]]:
    """The three most frequent reasons: code, words, how many."""
    many: dict[tuple[str, str], int] = {}
    for reason, count, _since in found:
        for said in reasons(reason):
            key = (said.code, said.text[:40])
            many[key] = many.get(key, 0) + count
    return [(code, text, count) for (code, text), count in sorted(many.items(), key=lambda item: -item[1])[:3]]


def _stuck(actor: Actor) -> list[Task]:
    """Messages that cannot leave before a person has done something."""
    waiting = Outbound.objects.filter(
        enterprise=actor.enterprise, state__in=[OutboundState.PENDING, OutboundState.SIGNED]
    ).exclude(needs_person="")
    found = waiting.order_by().values_list("kind", "needs_person").annotate(many=Count("id"), since=Min("created_at"))
    return [
        Task(
            icon="exclamation-triangle", tone="warn", title=_("报文发不出去，等本企业处理"), why=[("", speak(why), many)], count=many,
            unit=npgettext("unit", "份", "份", many), since=since,
            address=reverse("list", kwargs={"kind": slug}) + "?tab=queued", action=_("查看"),
        )
        for slug, why, many, since in found
    ]  # fmt: skip


def _unfinished(actor: Actor) -> list[Task]:
    """Workbooks that were checked and then left."""
    goes = Greatest(F("documents") - F("bad_documents") - F("known_documents"), 0)
    checked = uploads_of(actor).filter(state=UploadState.CHECKED).annotate(goes=goes)
    left = list(checked.filter(goes__gt=0).order_by("id")[:20])
    if not left:
        return []
    oldest = left[0]
    only = reverse("upload_check", kwargs={"pk": oldest.pk})
    why = [
        ("", _("%(name)s：可申报 %(count)s 票") % {"name": upload.filename, "count": upload.goes}, 0)
        for upload in left[:3]
    ]
    return [
        Task(
            icon="file-earmark-spreadsheet", tone="warn", title=_("导入已校验，尚未申报"), why=why, count=len(left),
            unit=npgettext("unit", "个", "个", len(left)), since=oldest.created_at,
            address=only if len(left) == 1 else reverse("uploads"), action=_("继续") if actor.may_file else _("查看"),
        )
    ]  # fmt: skip
