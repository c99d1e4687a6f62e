"""Whose turn it is with a document, what they do, and what that asks of the filer: one table by state."""

from dataclasses import dataclass
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from declarations.kinds import KINDS
from declarations.kinds.kind import Kind
from declarations.lifecycle import REFUSED, State


@dataclass(frozen=True, slots=True)
class Turn:
    """`who` (empty when nobody has anything left to do) does `what`; `ours` is what the filer does meanwhile."""

    who: str
    what: str
    ours: str
    is_ours: bool = False

    @property
    def in_short(self) -> str:
        """One cell of a list."""
        return f"{self.who}{_('：')}{self.what}" if self.who else capfirst(self.what)


_NOTHING = gettext_lazy("无须操作")
_BY_ITSELF = gettext_lazy("无须操作，回执到后自动更新")
_US = gettext_lazy("本企业")
_CUSTOMS = gettext_lazy("海关")

#: state → who, what, what is ours to do
TURNS: dict[str, tuple[Any, Any, Any]] = {
    State.QUEUED: (gettext_lazy("本系统"), gettext_lazy("加签并发往海关"), gettext_lazy("无须操作，几秒内自动发送")),
    State.SENT: (gettext_lazy("电子口岸"), gettext_lazy("接收报文并回执"), _BY_ITSELF),
    State.DECLARING: (_CUSTOMS, gettext_lazy("比对单证"), _BY_ITSELF),
    State.STORED: (_CUSTOMS, gettext_lazy("审单"), _BY_ITSELF),
    State.REVIEW: (_CUSTOMS, pgettext_lazy("step", "人工审核"), gettext_lazy("无须操作，请备好交易资料以便查问")),
    State.EXAMINED: (_CUSTOMS, pgettext_lazy("step", "放行"), _BY_ITSELF),
    State.INSPECTING: (_CUSTOMS, pgettext_lazy("step", "查验"), gettext_lazy("请配合现场查验")),
    State.DETAINED: (_US, gettext_lazy("联系现场海关处理"), ""),
    State.SUSPENDED: (_CUSTOMS, gettext_lazy("处理挂起"), gettext_lazy("无须操作，时间较长时请询问现场海关")),
    State.RELEASED: ("", gettext_lazy("已放行，无后续步骤"), _NOTHING),
    State.CLOSED: ("", gettext_lazy("已结关，无后续步骤"), _NOTHING),
    State.SHIPPED_BACK: ("", gettext_lazy("已退运，无后续步骤"), _NOTHING),
    State.REJECTED: (_US, gettext_lazy("更正后重新申报"), ""),
    State.FAILED: (_US, gettext_lazy("更正后重新申报"), ""),
}
_OURS = frozenset({State.REJECTED, State.FAILED, State.DETAINED})


def turn(kind: Kind, state: str, *, needs_person: str = "") -> Turn:
    """Whose turn it is; `needs_person` is why a message waits for somebody of this enterprise, if it does."""
    if state == State.QUEUED and needs_person:
        return Turn(str(_US), needs_person, _("处理后自动发送，不必重新申报"), is_ours=True)
    followers = _followers(kind)
    if followers and state == State.DECLARING:
        who = _("申报%(documents)s的企业") % {"documents": followers}
        what = _("报送%(documents)s") % {"documents": followers}
        return Turn(who, what, _("无须操作，单证到齐后海关自动比对"))
    if followers and state == State.STORED:
        return Turn("", _("已随清单比对入库，无后续步骤"), str(_NOTHING))
    who, what, ours = TURNS[state]
    return Turn(str(who), str(what), str(ours), state in _OURS)


def next_steps(kind: Kind, state: str) -> str:
    """What comes after the present step, in grey on top of the timeline; empty at the end of the road."""
    followers = _followers(kind)
    if state in {State.RELEASED, State.CLOSED, State.SHIPPED_BACK} or (followers and state == State.STORED):
        return ""
    if state in REFUSED:
        return _("随后：更正并重新申报")
    if state in {State.QUEUED, State.SENT}:
        return _("随后：电子口岸回执、海关比对")
    if followers:
        return _("随后：%(documents)s、海关比对、入库") % {"documents": followers}
    return _("随后：海关审核、放行")


def _followers(kind: Kind) -> str:
    """The kinds that are filed after this one."""
    return _("、").join(str(other.many) for other in KINDS if kind.slug in other.after)
