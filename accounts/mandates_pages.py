"""What the pages of mandates show: the form, the list by whose turn it is and who files for whom, and one with its history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.access import Actor
from accounts.codes import check_district
from accounts.mandates import AGENTS, LONGEST_REASON, PRINCIPALS, mandates_of, partners, to_answer
from accounts.models import Enterprise, Mandate, MandateState
from accounts.roles import EnterpriseState, MemberRole, Mode
from portal.looks import Look
from portal.paging import Part, part_of
from portal.widgets import DayInput

GIVES, TAKES = "gives", "takes"
#: So many days before its end a mandate is said to end soon.
SOON = 30


class MandateForm(forms.Form):
    """A mandate to propose."""

    side = forms.ChoiceField(
        label=gettext_lazy("谁委托谁"),
        choices=(
            (GIVES, gettext_lazy("本企业委托对方申报")),
            (TAKES, gettext_lazy("对方委托本企业申报")),
        ),
    )
    partner = forms.CharField(
        label=gettext_lazy("对方的海关十位编码"),
        max_length=18,
        help_text=gettext_lazy("对方须已在本平台开通；也可填统一社会信用代码"),
        error_messages={"required": gettext_lazy("请填写对方的编码")},
    )
    modes = forms.MultipleChoiceField(
        label=gettext_lazy("业务模式"),
        choices=[(mode.value, f"{mode.value} {mode.label}") for mode in Mode],
        help_text=gettext_lazy("每种模式各成一份委托，可以分别撤销"),
        error_messages={"required": gettext_lazy("请至少选一种业务模式")},
    )
    district = forms.CharField(
        label=gettext_lazy("申报关区"),
        max_length=4,
        required=False,
        validators=[check_district],
        help_text=gettext_lazy("4 位关区代码，如 2216；留空表示所有关区"),
    )
    first_day = forms.DateField(
        label=gettext_lazy("开始日期"), widget=DayInput, error_messages={"required": gettext_lazy("请填写开始日期")}
    )
    last_day = forms.DateField(
        label=gettext_lazy("结束日期"),
        widget=DayInput,
        help_text=gettext_lazy("这一天仍有效；任何一方都可以提前撤销"),
        error_messages={"required": gettext_lazy("请填写结束日期")},
    )

    def __init__(
        self, enterprise: Enterprise, data: Mapping[str, Any] | None = None, known: Mapping[str, Any] | None = None
    ) -> None:
        today = timezone.localdate()
        started = {"first_day": today, "last_day": today + timedelta(days=364), **(known or {})}
        super().__init__(data, initial=started, label_suffix="")
        sides = sides_of(enterprise)
        side: Any = self.fields["side"]
        side.choices = [choice for choice in side.choices if choice[0] in sides]
        self.initial["side"] = sides[0] if sides else ""
        for name, one in self.fields.items():
            one.widget.attrs["class"] = "form-check-input" if name in ("side", "modes") else "form-control"

    def clean_partner(self) -> str:
        """Codes are written in capitals."""
        return str(self.cleaned_data["partner"]).strip().upper()

    @property
    def faults(self) -> list[tuple[str, str, str]]:
        """What is wrong: where it is on the page, what it is called, what is said of it."""
        return [
            (f"id_{name}" if name in self.fields else "", str(self.fields[name].label) if name in self.fields else "",
             str(text))
            for name, texts in self.errors.items() for text in texts
        ]  # fmt: skip


class ReasonForm(forms.Form):
    """Why a mandate is declined or revoked, for the other party to read."""

    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        error_messages={"max_length": gettext_lazy("原因最多 %(limit_value)s 个字")},
    )


def sides_of(enterprise: Enterprise) -> list[str]:
    """On which sides of a mandate an enterprise of its types may stand."""
    types = set(enterprise.types)
    return [side for side, able in ((GIVES, PRINCIPALS), (TAKES, AGENTS)) if able & types]


@dataclass(frozen=True)
class Step:
    """Something that happened to a mandate."""

    tone: str
    icon: str
    title: str
    at: datetime
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Shown:
    """One mandate as one of its parties sees it."""

    mandate: Mandate
    actor: Actor
    names: Mapping[int, tuple[str, str]]

    @property
    def address(self) -> str:
        """Its page."""
        return reverse("mandate", args=[self.mandate.pk])

    @property
    def is_given(self) -> bool:
        """Whether the enterprise is the one whose lists are filed."""
        return self.mandate.principal_id == self.actor.enterprise.pk

    @property
    def partner(self) -> tuple[str, str]:
        """Customs code and name of the other one."""
        key = self.mandate.agent_id if self.is_given else self.mandate.principal_id
        return self.names.get(key, ("", ""))

    @property
    def is_mine(self) -> bool:
        """Whether the enterprise proposed it."""
        return self.mandate.proposer_id == self.actor.enterprise.pk

    @cached_property
    def today(self) -> date:
        """The day in Shanghai."""
        return timezone.localdate()

    @property
    def is_over(self) -> bool:
        """Whether its days have passed."""
        return self.mandate.last_day < self.today

    @property
    def look(self) -> Look:
        """How it stands today."""
        one = self.mandate
        if one.state == MandateState.PROPOSED:
            if self.is_over:
                return Look("idle", "clock-history", _("逾期未答复"))
            return (
                Look("info", "hourglass-split", _("待对方答复"))
                if self.is_mine
                else Look("warn", "hourglass-split", _("待我方答复"))
            )
        if one.state == MandateState.ACCEPTED:
            return self._accepted()
        icon = "x-circle" if one.state == MandateState.DECLINED else "slash-circle"
        return Look("idle", icon, MandateState(one.state).label)

    def _accepted(self) -> Look:
        one = self.mandate
        if self.is_over:
            return Look("idle", "clock-history", _("已到期"))
        if one.first_day > self.today:
            return Look("info", "calendar3", _("尚未开始"))
        left = (one.last_day - self.today).days + 1
        if left <= SOON:
            return Look(
                "warn", "clock", ngettext("有效，还剩 %(days)s 天", "有效，还剩 %(days)s 天", left) % {"days": left}
            )
        return Look("ok", "check-circle", _("有效"))

    @property
    def means(self) -> str:
        """What it lets whom do, or why not, in one sentence."""
        one = self.mandate
        words = {"agent": self._name(one.agent_id), "principal": self._name(one.principal_id)}
        words["mode"] = str(Mode(one.mode).label)
        if one.in_force(self.today):
            return _("%(agent)s现在可以替%(principal)s申报%(mode)s清单") % words
        if one.state == MandateState.PROPOSED and not self.is_over:
            return _("接受后，%(agent)s才能替%(principal)s申报%(mode)s清单") % words
        if one.state == MandateState.ACCEPTED and not self.is_over:
            words["day"] = one.first_day.isoformat()
            return _("%(day)s 起，%(agent)s可以替%(principal)s申报%(mode)s清单") % words
        return _("%(agent)s不能凭这份委托替%(principal)s申报清单；需要时请重新提出") % words

    @property
    def mode(self) -> str:
        """The mode by code and word."""
        return f"{self.mandate.mode} {Mode(self.mandate.mode).label}"

    @property
    def district(self) -> str:
        """The district, or that it is every one."""
        return self.mandate.district or _("所有关区")

    @property
    def can_answer(self) -> bool:
        """Whether this member may accept or decline it now."""
        waits = self.mandate.state == MandateState.PROPOSED and not self.is_mine and not self.is_over
        return waits and self.actor.may(MemberRole.ADMINISTRATOR)

    @property
    def can_accept(self) -> bool:
        """Whether accepting is not kept from the enterprise."""
        return self.can_answer and self.actor.enterprise.state != EnterpriseState.SUSPENDED

    @property
    def can_revoke(self) -> bool:
        """Whether this member may end it, or take it back."""
        stands = self.mandate.state == MandateState.ACCEPTED and not self.is_over
        proposed = self.mandate.state == MandateState.PROPOSED and self.is_mine
        return (stands or proposed) and self.actor.may(MemberRole.ADMINISTRATOR)

    @property
    def steps(self) -> list[Step]:
        """What happened, newest first."""
        one = self.mandate
        asked = _("请对方接受委托") if one.proposer_id == one.principal_id else _("请对方给予委托")
        found = [Step("info", "send", self._by(_("%(who)s提出"), one.proposer_id), one.proposed_at, [asked])]
        if one.answered_at:
            other = one.agent_id if one.proposer_id == one.principal_id else one.principal_id
            if one.state == MandateState.DECLINED:
                found.append(Step("bad", "x-circle", self._by(_("%(who)s不接受"), other), one.answered_at, self._why))
            else:
                found.append(Step("ok", "check-circle", self._by(_("%(who)s接受"), other), one.answered_at))
        if one.revoked_at:
            title = _("%(who)s撤销") if one.answered_at else _("%(who)s撤回")
            found.append(Step("idle", "slash-circle", self._by(title, one.revoker_id), one.revoked_at, self._why))
        return found[::-1]

    @property
    def _why(self) -> list[str]:
        return [self.mandate.reason] if self.mandate.reason else []

    def _by(self, text: str, key: int | None) -> str:
        return text % {"who": self._name(key)}

    def _name(self, key: int | None) -> str:
        if key == self.actor.enterprise.pk:
            return self.actor.enterprise.name
        return self.names.get(key or 0, ("", ""))[1]


@dataclass(frozen=True)
class Tab:
    """One way to look at the list."""

    word: str
    label: Any
    count: int
    current: bool
    tone: str = ""

    @property
    def address(self) -> str:
        """Where it leads."""
        return f"{reverse('mandates')}?tab={self.word}"


ANSWER, GIVEN, TAKEN = "answer", "given", "taken"
_LABELS = {
    ANSWER: gettext_lazy("待我方答复"),
    GIVEN: gettext_lazy("我方委托他人"),
    TAKEN: gettext_lazy("他人委托我方"),
}


@dataclass(frozen=True)
class ListPage:
    """The list as one asks for it."""

    tabs: list[Tab]
    rows: list[Shown]
    part: Part[Mandate]

    @property
    def tab(self) -> Tab:
        """The one that is open."""
        return next(tab for tab in self.tabs if tab.current)

    def around(self, asked: dict[str, int] | None) -> str:
        """The page before or after this one; empty where none is."""
        return f"{self.tab.address}&" + "&".join(f"{name}={key}" for name, key in asked.items()) if asked else ""

    @property
    def newer(self) -> str:
        """The page of newer ones."""
        return self.around(self.part.back)

    @property
    def older(self) -> str:
        """The page of older ones."""
        return self.around(self.part.on)


def list_page(actor: Actor, asked: Mapping[str, str]) -> ListPage:
    """What waits for an answer, what was given, or what was taken; unasked the first that has something."""
    one = actor.enterprise
    sides = sides_of(one)
    found: dict[str, QuerySet[Mandate]] = {ANSWER: to_answer(one)}
    if GIVES in sides or mandates_of(one).filter(principal=one).exists():
        found[GIVEN] = mandates_of(one).filter(principal=one)
    if TAKES in sides or mandates_of(one).filter(agent=one).exists():
        found[TAKEN] = mandates_of(one).filter(agent=one)
    counts = {word: rows.count() for word, rows in found.items()}
    first = next((word for word, count in counts.items() if count), list(found)[-1])
    wanted = asked.get("tab", "") if asked.get("tab") in found else first
    tabs = [
        Tab(word, _LABELS[word], counts[word], word == wanted, "warn" if word == ANSWER and counts[word] else "")
        for word in found
    ]
    part = part_of(found[wanted], asked, newest_first=True)
    names = partners()
    return ListPage(tabs, [Shown(mandate, actor, names) for mandate in part.rows], part)


def shown(actor: Actor, mandate: Mandate) -> Shown:
    """One mandate for its page."""
    return Shown(mandate, actor, partners())
