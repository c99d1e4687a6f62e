"""Whose turn it is with a document, what they do, and what that asks of the filer: one table by state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from declarations import filing
from declarations.doors.advice import TOP_UP, Reason, disagreeing, names_of, reasons
from declarations.kinds import KINDS, Body
from declarations.kinds.kind import Kind
from declarations.lifecycle import REFUSED, State
from declarations.models import Document, Outbound, OutboundState
from declarations.rulebook import WAIT
from declarations.rules.waits import owed
from declarations.shape import Problem
from portal.sentences import speak


@dataclass(frozen=True, slots=True)
class Turn:
    """`who` (empty when nobody has anything left to do) does `what`; `ours` is what the filer does meanwhile."""

    who: str
    what: str
    ours: str
    is_ours: bool = False
    short: str = ""

    @property
    def in_short(self) -> str:
        """One cell of a list."""
        if self.short:
            return self.short
        return f"{self.who}{_('：')}{self.what}" if self.who else capfirst(self.what)


_NOTHING = gettext_lazy("无须操作")
_BY_ITSELF = gettext_lazy("无须操作，回执到后自动更新")
_US = gettext_lazy("本企业")
_PORTAL = gettext_lazy("本系统")
_CUSTOMS = gettext_lazy("海关")


class Stop(NamedTuple):
    """Why a trade stands still for an own document at 2 or 120: how far its list came, who filed it, since when it matters.

    `codes` are customs' where documents disagree; `guarantees`: one's own guarantee is too small.
    """

    document: int
    kind: str
    standing: str
    list_state: str
    filer: str
    is_own: bool
    since: datetime
    codes: str
    guarantees: bool

    @property
    def why(self) -> list[Reason]:
        """Which documents disagree, by customs' codes, in the published words."""
        return list(reasons("".join(f"[Code:{code};Desc:]" for code in (self.codes or "").split(",") if code)))

    @property
    def is_ours(self) -> bool:
        """Whether customs said that the own document, or the one it disagrees with, is wrong."""
        return self.kind in disagreeing(self.why)


#: state → who, what, what is ours to do
TURNS: dict[str, tuple[Any, Any, Any]] = {
    State.WAITING: ("", gettext_lazy("等前序单证到齐并被海关接受"), gettext_lazy("无须操作，到齐后自动发往海关")),
    State.QUEUED: (_PORTAL, gettext_lazy("加签并发往海关"), gettext_lazy("无须操作，几秒内自动发送")),
    State.SENT: (gettext_lazy("电子口岸"), gettext_lazy("接收报文并回执"), _BY_ITSELF),
    State.DECLARING: (_CUSTOMS, gettext_lazy("比对单证"), _BY_ITSELF),
    State.STORED: (_CUSTOMS, gettext_lazy("审单"), _BY_ITSELF),
    State.REVIEW: (_CUSTOMS, pgettext_lazy("step", "人工审核"), gettext_lazy("无须操作，请备好交易资料以便查问")),
    State.EXAMINED: (_CUSTOMS, pgettext_lazy("step", "放行"), _BY_ITSELF),
    State.INSPECTING: (_CUSTOMS, pgettext_lazy("step", "查验"), gettext_lazy("请配合现场查验")),
    State.DETAINED: (
        gettext_lazy("现场海关"),
        gettext_lazy("处理扣留的货物"),
        gettext_lazy("请联系现场海关，按其要求办理；扣留的单证不能更正重报"),
    ),
    State.SUSPENDED: (_CUSTOMS, gettext_lazy("处理挂起"), gettext_lazy("无须操作，时间较长时请询问现场海关")),
    State.RELEASED: ("", gettext_lazy("已放行，无后续步骤"), _NOTHING),
    State.CLOSED: ("", gettext_lazy("已结关，无后续步骤"), _NOTHING),
    State.SHIPPED_BACK: ("", gettext_lazy("已退运，无后续步骤"), _NOTHING),
    State.REJECTED: (_US, gettext_lazy("更正后重新申报"), ""),
    State.FAILED: (_US, gettext_lazy("更正后重新申报"), ""),
}
_OURS = frozenset({State.REJECTED, State.FAILED})


def turn(
    kind: Kind,
    state: str,
    *,
    message: Outbound | None = None,
    why: Iterable[Reason] = (),
    unmet: Sequence[Problem] = (),
    reason: str = "",
    body: Body | None = None,
    stop: Stop | None = None,
) -> Turn:
    """Whose turn it is; `message` is the one that carries the document, `why` what customs said when refusing it.

    Of a document that waits: `unmet` is what it waits for. Of one that is reviewed: `reason` is what customs said, `body`
    names the guarantor. `stop` is why the trade of one that customs took in stands still.
    """
    if stop:
        return stopped(stop)
    if state == State.WAITING and unmet:
        return _waits(unmet)
    if state == State.REVIEW and any(said.advice is TOP_UP for said in reasons(reason)):
        return _tops_up(kind, body)
    if state == State.QUEUED and message and message.needs_person:
        return Turn(str(_US), speak(message.needs_person), _("处理后自动发送，不必重新申报"), is_ours=True)
    if state == State.QUEUED and message and message.last_error:
        return _held_up(message)
    documents = disagreeing(why) if state in REFUSED else ()
    if documents:
        what = _("核对%(documents)s，由有误的一方更正") % {"documents": names_of(documents)}
        ours = _("先与对方核对哪一份有误，办法见上")
        return Turn(_("单证有误的一方"), what, ours)
    followers = _followers(kind)
    if followers and state == State.DECLARING:
        everything = _("、").join(str(other.label) for other in KINDS)
        what = _("等%(documents)s到齐并一致") % {"documents": everything}
        return Turn("", what, _("无须操作，到齐后海关自动比对；各单证到哪一步见下方"))
    if followers and state == State.STORED:
        return Turn("", _("已随清单比对入库，无后续步骤"), str(_NOTHING))
    who, what, ours = TURNS[state]
    return Turn(str(who), str(what), str(ours), state in _OURS)


def unmet_by(kind: Kind, documents: Iterable[Document]) -> dict[int, list[Problem]]:
    """What those of one enterprise's documents that wait are waiting for now, by document: asked as the sweep asks.

    A constant number of queries, none where nothing waits.
    """
    waiting = [document for document in documents if document.state == State.WAITING]
    if not waiting:
        return {}
    ids = [document.pk for document in waiting]
    found = filing.check_again(enterprise=waiting[0].enterprise, kind=kind, document_ids=ids, now=timezone.now())
    return {one: [problem for problem in problems if problem.level == WAIT] for one, problems in found.items()}


def stops_of(kind: Kind, documents: Iterable[Document]) -> dict[int, Stop]:
    """Where the trade stands still, of those of one enterprise's documents that customs took in, by document: as its lamps show.

    One query, none where it cannot be.
    """
    orders = [document.order_no for document in documents if document.state in {State.DECLARING, State.STORED}]
    if not orders or not _followers(kind):
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM declarations_stopped_of(%s)", [orders])
        return {stop.document: stop for stop in map(Stop._make, cursor.fetchall()) if stop.kind == kind.slug}


def stopped(stop: Stop) -> Turn:
    """Who gets the trade going again: who is in the wrong, the office on site, the guarantor, customs, or who filed the list."""
    if stop.is_ours:
        words = {"codes": stop.codes.replace(",", _("、")), "documents": names_of(disagreeing(stop.why))}
        what = _("清单被海关退单（%(codes)s）：核对%(documents)s，由有误的一方更正") % words
        return Turn(_("单证有误的一方"), what, _("请先与对方核对哪一份有误"), is_ours=True, short=capfirst(what))
    if stop.list_state in REFUSED:
        what = _("清单被退单，更正后重新申报")
        return Turn(str(_US) if stop.is_own else stop.filer, what, _("无须操作，清单更正后海关重新比对"), stop.is_own)
    if stop.list_state == State.DETAINED:
        return Turn(str(TURNS[State.DETAINED][0]), _("处理扣留的货物（清单已扣留）"), str(_NOTHING))
    if stop.guarantees:
        return Turn(str(_US), _("增加担保额度，到账后海关自动放行"), "", is_ours=True)
    return Turn(str(_CUSTOMS), _("清单：%(step)s") % {"step": TURNS[stop.list_state][1]}, str(_NOTHING))


def _waits(unmet: Sequence[Problem]) -> Turn:
    """Who has not filed yet does; once everything is filed it is with customs. Then it goes on by itself."""
    missing = owed(unmet)
    if not missing:
        ours = str(TURNS[State.WAITING][2])
        documents = names_of(dict.fromkeys(problem.params["document"] for problem in unmet))
        what = _("接受%(documents)s") % {"documents": documents}
        return Turn(str(_CUSTOMS), what, ours, short=_("等海关接受%(documents)s") % {"documents": documents})
    who = _("、").join(dict.fromkeys(str(owner) for owners in missing.values() for owner in owners))
    documents = names_of(missing)
    what = _("申报%(documents)s，由海关接受") % {"documents": documents}
    ours = _("无须操作，到齐后自动发往海关；久等不到的，请核对订单编号，有误的可以更正")
    return Turn(who, what, ours, short=_("等%(documents)s（%(who)s）") % {"documents": documents, "who": who})


def _tops_up(kind: Kind, body: Body | None) -> Turn:
    """The guarantee is too small: customs looks again by itself once the guarantor has raised it."""
    what = _("增加担保额度，到账后海关自动放行")
    code = getattr(body, "assure_code", "")
    if code and code == getattr(body, "agent_code", ""):
        return Turn(str(_US), what, "", is_ours=True)
    names = [getattr(body, one.name) for one in kind.fields if one.name_of and getattr(body, one.name_of, "") == code]
    who = _("担保企业%(name)s") % {"name": next(filter(None, names), code)}
    return Turn(who, what, _("不必重报，请提醒担保企业增加额度"))


def _held_up(message: Outbound) -> Turn:
    """A message that could not be sent yet: what is in the way, how often it was tried, when it is tried again."""
    words = {
        "why": speak(message.last_error),
        "times": max(message.sendings, 1),
        "at": f"{timezone.localtime(message.not_before):%H:%M}",
    }
    if message.sendings and message.state == OutboundState.SIGNED:
        what = ngettext(
            "发往海关，暂时连不上：已试 %(times)s 次，下次 %(at)s。%(why)s",
            "发往海关，暂时连不上：已试 %(times)s 次，下次 %(at)s。%(why)s",
            message.sendings,
        )
    else:
        what = _("加签并发往海关，尚未成功：下次 %(at)s 再试。%(why)s")
    return Turn(str(_PORTAL), what % words, _("无须操作，连上后自动发送，不必重新申报"))


def next_steps(kind: Kind, state: str) -> str:
    """What comes after the present step, in grey on top of the timeline; empty at the end of the road."""
    followers = _followers(kind)
    if state in {State.RELEASED, State.CLOSED, State.SHIPPED_BACK} or (followers and state == State.STORED):
        return ""
    if state in REFUSED:
        return _("随后：更正并重新申报")
    if state == State.DETAINED:
        return _("随后：由现场海关处理")
    if state == State.WAITING:
        return _("随后：前序单证到齐后发往海关")
    if state in {State.QUEUED, State.SENT}:
        return _("随后：电子口岸回执、海关比对")
    if followers:
        return _("随后：单证到齐后海关比对、入库")
    return _("随后：海关审核、放行")


def _followers(kind: Kind) -> str:
    """The kinds that are filed after this one."""
    return _("、").join(str(other.many) for other in KINDS if kind.slug in other.after)
