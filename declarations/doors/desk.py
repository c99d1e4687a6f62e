"""The home page: what needs doing now, who is waited for, how far everything is, how the money stands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, F, Min, OuterRef, Sum
from django.db.models.functions import Greatest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import npgettext

from accounts.access import Actor
from accounts.certificate_alarms import ALARMS, days_left
from accounts.credentials import present_environment
from accounts.models import Credential, SigningConsent
from accounts.roles import MemberRole
from declarations.access import uploads_of
from declarations.doors import unfiled, uploads
from declarations.doors.advice import reasons
from declarations.doors.tables import STAGES, TODO, Stage, list_of
from declarations.doors.turns import Stop
from declarations.doors.waits import Wait, all_stops, waits_of
from declarations.kinds import KINDS
from declarations.kinds.kind import Kind
from declarations.lifecycle import REFUSED, State
from declarations.models import Document, Outbound, OutboundState, StateChange, UploadState
from ledger.access import bills_of, discrepancies_of, may_see_bills, may_see_guarantee
from ledger.models import BillState, DiscrepancyKind
from ledger.pages.account import Share, Standing, held_up, shares_of, standing_of
from ledger.pages.schedule import Amount, Schedule, schedule
from ledger.window import today
from portal.calendar import SHANGHAI
from portal.money import money
from portal.sentences import speak

#: So many reasons of a kind are shown, each so long; figures in them differ from document to document.
MOST_REASONS, LONGEST_REASON = 3, 60
_FIGURE = re.compile(r"[0-9][0-9,.]*")
_SENTENCE = re.compile("[。；;]")


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: how many, since when, why (code, words, of how many) and `more` reasons, and the one next action."""

    icon: str
    tone: str
    title: str
    why: list[tuple[str, str, int]]
    count: int
    unit: str
    since: datetime | None
    address: str
    action: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the documents of one kind are: a count and an address for each group of states."""

    kind: Kind
    address: str
    total: int
    counts: list[tuple[str, int, str]]


@dataclass(frozen=True, slots=True)
class Released:
    """What customs released today: how many lists, or bills of others' lists, and the tax of the bills that have come."""

    label: str
    count: int
    unit: str
    tax: Decimal
    address: str


@dataclass(frozen=True, slots=True)
class Purse:
    """How the guarantee stands (None where none is given), what its parts are for, and what has to be paid of it."""

    standing: Standing | None
    shares: Sequence[Share]
    schedule: Schedule | None

    @classmethod
    def of(cls, actor: Actor) -> "Purse":
        """The guarantee of the actor's enterprise."""
        standing = standing_of(actor)
        return cls(standing, shares_of(standing) if standing else (), schedule(actor))

    @property
    def parts(self) -> dict[str, int]:
        """The parts of the bar, in fen."""
        return {share.slug: int(share.amount * 100) for share in self.shares}


@dataclass(slots=True)
class Desk:
    """Everything the home page shows."""

    tasks: list[Task]
    waits: list[Wait]
    released: Released | None
    purse: Purse | None
    money_first: bool
    standings: list[Progress]
    heads: list[Any]
    uploads: list[uploads.Standing]
    files: list[Kind]
    credential: Credential | None
    #: In how many days it ends, below zero when it has; None while that is far away.
    ends_in: int | None
    may_see_credentials: bool

    @property
    def todo(self) -> int:
        """How many things wait for this enterprise."""
        return sum(task.count for task in self.tasks)

    @property
    def waiting(self) -> int:
        """How many documents wait for others."""
        return sum(wait.count for wait in self.waits)


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
    sent = uploads_of(actor).select_related("user").order_by("-id")[:5]
    credential = _credential(actor)
    left = days_left(credential, timezone.now()) if credential else None
    purse = Purse.of(actor) if may_see_guarantee(actor) else None
    payments = [*_held_up(actor), *_payments(purse), *_disagreements(actor)] if purse else []
    stops = [one for one in all_stops() if one[0].kind in own]
    filings = [
        *_refusals(actor, kinds, counted),
        *_disagreeing(stops),
        *_stuck(actor),
        *_unfiled(actor),
        *_unfinished(actor),
    ]
    money_first = purse is not None and actor.roles <= {MemberRole.FINANCE}
    return Desk(
        tasks=[*payments, *filings] if money_first else [*filings, *payments],
        waits=waits_of(actor, kinds, counted, stops),
        released=_released(actor, kinds, counted),
        purse=purse,
        money_first=money_first,
        standings=_standings(kinds, counted, shown),
        heads=[stage.label for stage in shown],
        uploads=uploads.standings(sent),
        files=[kind for kind in kinds if actor.may_file_as(kind.filed_by)],
        credential=credential,
        ends_in=left if left is not None and left < max(ALARMS) else None,
        may_see_credentials=actor.may(MemberRole.ADMINISTRATOR, MemberRole.DEVELOPER),
    )


def _credential(actor: Actor) -> Credential | None:
    """The certificate in use here, and whether the enterprise agreed to sign with a key kept here (``consented``)."""
    agreed = SigningConsent.objects.filter(enterprise=OuterRef("enterprise"), revoked_at=None)
    used = Credential.objects.filter(enterprise=actor.enterprise, environment=present_environment(), active=True)
    return used.annotate(consented=Exists(agreed)).first()


def _standings(kinds: Sequence[Kind], counted: dict[tuple[str, str], int], shown: Sequence[Stage]) -> list[Progress]:
    """One row for each kind the enterprise files; for each it might file, while it has filed none."""
    found = [_standing(kind, counted, shown) for kind in kinds]
    return [standing for standing in found if standing.total] or found


def _standing(kind: Kind, counted: dict[tuple[str, str], int], shown: Sequence[Stage]) -> Progress:
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
    return Progress(kind, home, total, counts)


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
            why, more = _why(own)
            tasks.append(
                Task(
                    icon=_TITLES[state], tone="bad", title=title, why=why, more=more, count=count,
                    unit=npgettext("unit", "票", "票", count), since=min(since for _r, _m, since in own),
                    address=reverse("list", kwargs={"kind": kind.slug}) + "?tab=todo",
                    action=_("去更正") if actor.may_file_as(kind.filed_by) and state in REFUSED else _("查看"),
                )
            )  # fmt: skip
    return tasks


def _why(found: Sequence[tuple[str, int, datetime]]) -> tuple[list[tuple[str, str, int]], int]:
    """The most frequent reasons (code, words, of how many documents), and how many others there are."""
    many: dict[tuple[str, str], int] = {}
    for reason, count, _since in found:
        for key in dict.fromkeys((said.code, _gist(said.text)) for said in reasons(reason)):
            many[key] = many.get(key, 0) + count
    first = sorted(many.items(), key=lambda item: -item[1])[:MOST_REASONS]
    return [(code, text, count) for (code, text), count in first], len(many) - len(first)


def _gist(text: str) -> str:
    """The first sentence of a reason without its figures, as one line; cut between words where it is long."""
    gist = _FIGURE.sub("…", _SENTENCE.split(text, maxsplit=1)[0]).rstrip("…：:，, ")
    if len(gist) <= LONGEST_REASON:
        return gist
    kept = gist[:LONGEST_REASON]
    cut = max(kept.rfind(mark) for mark in "，、：（ ")
    return (kept[:cut] if cut > 0 else kept) + "…"


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


def _unfiled(actor: Actor) -> list[Task]:
    """Workbooks of which documents were not taken and are not filed yet: each by itself, or where they are many all in one."""
    left = unfiled.left_of(actor)
    if len(left) > MOST_REASONS:
        return [_to_be_filed(actor, left, reverse("uploads"))]
    return [_to_be_filed(actor, [one], reverse("upload_check", kwargs={"pk": one.upload_id})) for one in left]


def _to_be_filed(actor: Actor, left: Sequence[unfiled.Left], address: str) -> Task:
    why = [
        ("", _("%(name)s：未受理 %(count)s 票") % {"name": one.filename, "count": one.documents}, 0)
        for one in left[:MOST_REASONS]
    ]
    count = sum(one.documents for one in left)
    return Task(
        icon="file-earmark-spreadsheet", tone="bad", title=_("导入有未受理的单证，改好再传"), why=why,
        more=len(left) - len(why), count=count, unit=npgettext("unit", "票", "票", count), since=left[0].filed_at,
        address=address, action=_("去改正") if actor.may_file else _("查看"),
    )  # fmt: skip


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


def _disagreeing(stops: Sequence[tuple[Stop, int]]) -> list[Task]:
    """Own documents of which customs said, when it refused the list, that they or those they disagree with are wrong."""
    doubted = [(stop, many) for stop, many in stops if stop.is_ours and not stop.is_own]
    tasks = []
    for kind in (kind for kind in KINDS if any(stop.kind == kind.slug for stop, _many in doubted)):
        own = [(stop, many) for stop, many in doubted if stop.kind == kind.slug]
        why: dict[tuple[str, str], int] = {}
        for stop, many in own:
            for said in stop.why:
                key = said.code, f"{said.text}{_('；')}{said.advice.text}"
                why[key] = why.get(key, 0) + many
        first = sorted(why.items(), key=lambda item: -item[1])[:MOST_REASONS]
        count, standings = sum(many for _stop, many in own), {stop.standing for stop, _many in own}
        tasks.append(
            Task(
                icon="x-octagon", tone="bad", title=_("%(document)s与其他单证不一致，清单被退单") % {"document": kind.label},
                why=[(code, text, many) for (code, text), many in first], more=len(why) - len(first), count=count,
                unit=npgettext("unit", "票", "票", count), since=min(stop.since for stop, _many in own),
                address=list_of(kind, standings.pop() if len(standings) == 1 else ""), action=_("查看"),
            )
        )  # fmt: skip
    return tasks


def _released(actor: Actor, kinds: Sequence[Kind], counted: Mapping[tuple[str, str], int]) -> Released | None:
    """Today's releases: of own lists; for who files none, of the lists whose tax bills it sees, if there are any."""
    filed = {slug for slug, _state in counted}
    lists = next((kind for kind in kinds if kind.slug == "inventory" and kind.slug in filed), None)
    count, tax = 0, Decimal(0)
    if may_see_bills(actor):
        bills = bills_of(actor).filter(released_on=today()).exclude(state=BillState.VOID)
        if lists is not None:
            bills = bills.filter(enterprise=actor.enterprise)
        sums = bills.aggregate(many=Count("id"), tax=Sum("total"))
        count, tax = sums["many"], sums["tax"] or tax
    if lists is not None:
        many = _released_lists(actor)
        address = list_of(lists, State.RELEASED)
        return Released(_("今日放行"), many, npgettext("unit", "票", "票", many), tax, address)
    address = f"{reverse('tax_bills')}?since={today()}&until={today()}"
    return Released(_("今日税单"), count, npgettext("unit", "张", "张", count), tax, address) if count else None


def _released_lists(actor: Actor) -> int:
    midnight = datetime.combine(today(), time.min, SHANGHAI)
    releases = StateChange.objects.filter(
        enterprise=actor.enterprise, state__in=[State.RELEASED, State.CLOSED], document__kind="inventory"
    )
    before = StateChange.objects.filter(
        document=OuterRef("document"), state__in=[State.RELEASED, State.CLOSED], happened_at__lt=midnight
    )
    first = releases.filter(happened_at__gte=midnight).exclude(Exists(before))
    return first.values("document").distinct().count()


def _held_up(actor: Actor) -> list[Task]:
    """Lists, whoever filed them, that customs does not release because this enterprise's guarantee is too small there."""
    found = held_up(actor)
    if found is None:
        return []
    why = _("海关暂不放行，税款合计 ¥ %(total)s；请向海关增加额度，到账后自动放行") % {"total": money(found.total)}
    return [
        Task(
            icon="hourglass-split", tone="bad", title=_("清单等担保额度"), why=[("", why, 0)], count=found.count,
            unit=npgettext("unit", "票", "票", found.count), since=found.since, address=reverse("guarantee"), action=_("看怎么办"),
        )
    ]  # fmt: skip


def _payments(purse: Purse) -> list[Task]:
    """Tax to be paid: what is late first."""
    plan = purse.schedule
    if plan is None:
        return []

    def task(tone: str, icon: str, title: str, why: str, amount: Amount) -> Task:
        said = _("合计 ¥ %(total)s") % {"total": money(amount.total)} + _("，") + why
        return Task(
            icon=icon, tone=tone, title=title, why=[("", said, 0)], count=amount.count,
            unit=npgettext("unit", "张", "张", amount.count), since=None, address=amount.address, action=_("查看税单"),
        )  # fmt: skip

    tasks = (
        task(
            "bad", "exclamation-triangle", _("税单逾期未缴"), _("放行已超过 45 日，请尽快到现场海关缴纳"), plan.overdue
        ),
        task("warn", "calendar3", _("税单将截止"), _("放行后第 43 至 45 日，第 45 日 24:00 截止"), plan.closing),
        task("info", "calendar3", _("税单可缴纳"), _("缴款书已出，或放行后第 31 至 42 日"), plan.open),
    )
    return [one for one in tasks if one.count]


def _disagreements(actor: Actor) -> list[Task]:
    """Where the books and customs disagree; lists that the guarantee is too small for come first.

    Those that customs itself holds up are told apart (`_held_up`).
    """
    told = discrepancies_of(actor).exclude(kind=DiscrepancyKind.HELD_UP)
    rows = told.order_by().values_list("kind").annotate(many=Count("id"), since=Min("opened_at"))
    short = [row for row in rows if row[0] in _TOO_SMALL]
    others = [row for row in rows if row[0] not in _TOO_SMALL]
    tasks = []
    for tone, title, found in (
        ("bad", _("担保金不足，未能预扣"), short),
        ("warn", _("账目与海关不一致"), others),
    ):
        if found:
            count = sum(many for _kind, many, _since in found)
            tasks.append(
                Task(
                    icon="shield-lock" if found is short else "exclamation-triangle", tone=tone, title=title,
                    why=[("", str(DiscrepancyKind(slug).label), many) for slug, many, _since in found], count=count,
                    unit=npgettext("unit", "项", "项", count), since=min(since for _kind, _many, since in found),
                    address=reverse("guarantee"), action=_("看怎么办"),
                )
            )  # fmt: skip
    return tasks


_TOO_SMALL = (DiscrepancyKind.SHORT, DiscrepancyKind.NO_GUARANTEE)
