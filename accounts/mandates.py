"""Every move of a mandate: proposed by one party, accepted or declined by the other, revoked by either at once.

Each is one function, one transaction and one entry in the record of deeds. Whoever files a list for another is asked for
one in force (``in_force``, step 4 of the walk).
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.access import Actor
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Enterprise, Mandate, MandateState, Service
from accounts.notices import notify_members
from accounts.roles import LIST_FILERS, EnterpriseState, EnterpriseType, MemberRole, Mode
from portal.sentences import keep

#: Whose lists may be filed by another.
PRINCIPALS = frozenset({EnterpriseType.PLATFORM, EnterpriseType.MERCHANT})
#: Who may file another's lists, in some mode.
AGENTS = frozenset(LIST_FILERS.values())
#: The most a reason may say, in characters.
LONGEST_REASON = 200
#: The most an enterprise may propose to the same other one within a day, taken back or not: each is told to their people.
MOST_A_DAY = 10


class MandateProblem(Exception):
    """A move that cannot be made; the text says in Chinese why and what to do, ``field`` at which input."""

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class Partner(NamedTuple):
    """The other party, as far as it is public."""

    id: int
    customs_code: str
    name: str
    types: frozenset[str]


def mandates_of(enterprise: Enterprise) -> QuerySet[Mandate]:
    """Those the enterprise gave and those it took."""
    return Mandate.objects.filter(Q(principal=enterprise) | Q(agent=enterprise))


def to_answer(enterprise: Enterprise) -> QuerySet[Mandate]:
    """What others proposed and the enterprise has not answered, as long as it can be."""
    return (
        mandates_of(enterprise)
        .filter(state=MandateState.PROPOSED, last_day__gte=timezone.localdate())
        .exclude(proposer=enterprise)
    )


def in_force(agent: Enterprise, codes: Collection[str], day: date) -> frozenset[tuple[str, str, str]]:
    """For whom of these codes the agent may file lists on that day: (code, mode, district), empty for every district.

    One query; every principal stands under both of its codes. For one that is not open for filing nobody files.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.customs_code, p.credit_code, m.mode, m.district FROM accounts_keys(%s) p"
            " JOIN accounts_mandate m ON m.principal_id = p.id"
            " WHERE m.agent_id = %s AND m.state = 'accepted' AND %s BETWEEN m.first_day AND m.last_day",
            [list(codes), agent.pk, day],
        )
        rows = cursor.fetchall()
    return frozenset((code, mode, district) for *both, mode, district in rows for code in both)


def unmandated(principal: Enterprise, services: Iterable[Service], day: date) -> set[int]:
    """Of these services of a merchant those whose clearance-service enterprise has no mandate on that day, by key: its lists
    would be refused there (rule L16)."""
    wanted = [
        one
        for one in services
        if one.enterprise_type == EnterpriseType.MERCHANT and one.clearance_code != principal.customs_code
    ]
    if not wanted:
        return set()
    given = Mandate.objects.filter(
        principal=principal, state=MandateState.ACCEPTED, first_day__lte=day, last_day__gte=day
    )
    known = partners()
    held = {(known[one.agent_id][0], one.mode, one.district) for one in given if one.agent_id in known}
    return {
        one.pk
        for one in wanted
        if not {(one.clearance_code, one.mode, one.district), (one.clearance_code, one.mode, "")} & held
    }


def partner_of(code: str) -> Partner | None:
    """The enterprise open for filing under that customs or credit code."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, customs_code, name, types FROM accounts_keys(%s)", [[code]])
        row = cursor.fetchone()
    return Partner(row[0], row[1], row[2], frozenset(row[3])) if row else None


def partners() -> dict[int, tuple[str, str]]:
    """Customs code and name of everybody the acting enterprise shares a mandate with, by key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, customs_code, name FROM accounts_partners()")
        return {key: (code, name) for key, code, name in cursor.fetchall()}


# --- moves --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def propose(
    *, actor: Actor, gives: bool, code: str, modes: Iterable[str], district: str, first_day: date, last_day: date
) -> list[Mandate]:
    """Ask the enterprise under that code to take a mandate (``gives``) or to give one; one for each mode.

    Raises ``MandateProblem`` and then proposes none.
    """
    _check_not_suspended(actor)
    partner = partner_of(code)
    if partner is None:
        raise MandateProblem(
            _("没有找到以“%(code)s”登记并已开通的企业，请核对对方的海关十位编码；对方尚未开通的，请等开通后再提出")
            % {"code": code[:18]},
            "partner",
        )
    if partner.id == actor.enterprise.pk:
        raise MandateProblem(_("这是本企业的编码；本企业申报自己的清单不需要委托"), "partner")
    own = frozenset(actor.enterprise.types)
    principal, agent = (own, partner.types) if gives else (partner.types, own)
    modes = [mode.value for mode in Mode if mode in set(modes)]
    _check_types(principal, agent, modes, gives)
    _check_days(first_day, last_day)
    _check_not_too_often(actor, partner, len(modes))
    keys = (actor.enterprise.pk, partner.id) if gives else (partner.id, actor.enterprise.pk)
    return [_proposed(actor, keys, partner, mode, district, first_day, last_day) for mode in modes]


@transaction.atomic
def accept(mandate: Mandate, *, actor: Actor) -> None:
    """In force from its first day on. Raises ``MandateProblem``."""
    _check_not_suspended(actor)
    if mandate.last_day < timezone.localdate():
        raise MandateProblem(_("委托的结束日期已过，不能再接受；需要时请重新提出"))
    try:
        with transaction.atomic():
            _answer(mandate, actor, MandateState.ACCEPTED)
    except IntegrityError as error:
        raise MandateProblem(
            _("同一业务模式、同一关区已有一份委托在这些日子里有效；请先撤销那一份，或请对方改日期重新提出")
        ) from error
    _write_down(mandate, actor, Action.MANDATE_ACCEPTED)
    _tell_other(mandate, actor, gettext_noop("“%(name)s”已接受%(mode)s委托，%(first)s 起有效"))


@transaction.atomic
def decline(mandate: Mandate, *, actor: Actor, reason: str = "") -> None:
    """Leave it; the proposer reads the reason. Raises ``MandateProblem``."""
    _answer(mandate, actor, MandateState.DECLINED, reason=reason.strip())
    _write_down(mandate, actor, Action.MANDATE_DECLINED)
    _tell_other(mandate, actor, gettext_noop("“%(name)s”没有接受%(mode)s委托，原因见委托页"))


@transaction.atomic
def revoke(mandate: Mandate, *, actor: Actor, reason: str = "") -> None:
    """End it at once, or take a proposal back. Lists filed go on, those that wait are asked again.

    Raises ``MandateProblem``.
    """
    mine = Q(state=MandateState.ACCEPTED) | Q(state=MandateState.PROPOSED, proposer=actor.enterprise)
    _move(
        mandate, actor, mine,
        state=MandateState.REVOKED, revoker=actor.enterprise, revoked_at=Now(), reason=reason.strip(),
    )  # fmt: skip
    _write_down(mandate, actor, Action.MANDATE_REVOKED)
    taken_back = gettext_noop("“%(name)s”撤回了提出的%(mode)s委托，不用再答复")
    ended = gettext_noop("“%(name)s”已撤销%(mode)s委托，即刻起不能再凭它申报")
    _tell_other(mandate, actor, ended if mandate.answered_at else taken_back)


def _proposed(
    actor: Actor, keys: tuple[int, int], partner: Partner, mode: str, district: str, first_day: date, last_day: date
) -> Mandate:
    principal, agent = keys
    same = Mandate.objects.filter(principal_id=principal, agent_id=agent, mode=mode, district=district)
    running = same.filter(state=MandateState.ACCEPTED, first_day__lte=last_day, last_day__gte=first_day).first()
    words = {"mode": Mode(mode).label, "number": running.pk if running else ""}
    if running:
        raise MandateProblem(
            _("%(mode)s在这一关区已有委托 %(number)s，日期与这次重叠；请改日期，或先撤销那一份") % words, "first_day"
        )
    try:
        with transaction.atomic():
            mandate = Mandate.objects.create(
                principal_id=principal, agent_id=agent, mode=mode, district=district, first_day=first_day,
                last_day=last_day, proposer=actor.enterprise,
            )  # fmt: skip
    except IntegrityError as error:
        raise MandateProblem(
            _("%(mode)s在这一关区已有一份委托等待答复；请先答复或撤回那一份") % words, "modes"
        ) from error
    _write_down(mandate, actor, Action.MANDATE_PROPOSED, partner=partner.customs_code)
    _tell_other(mandate, actor, gettext_noop("“%(name)s”提出%(mode)s委托，等贵企业答复"))
    return mandate


def _answer(mandate: Mandate, actor: Actor, state: MandateState, reason: str = "") -> None:
    theirs = Q(state=MandateState.PROPOSED) & ~Q(proposer=actor.enterprise)
    _move(mandate, actor, theirs, state=state, answered_at=Now(), reason=reason)


def _move(mandate: Mandate, actor: Actor, only: Q, **said: object) -> None:
    """Write what is said if the mandate still stands as it must: of two who move it at once one does."""
    if not mandates_of(actor.enterprise).filter(only, pk=mandate.pk).update(**said):
        raise MandateProblem(_("这份委托刚刚有变化，或不由本企业办理，请看过最新内容后再办"))
    mandate.refresh_from_db()


def _check_not_suspended(actor: Actor) -> None:
    if actor.enterprise.state == EnterpriseState.SUSPENDED:
        raise MandateProblem(_("企业已暂停，不能提出或接受委托"))


def _check_types(principal: frozenset[str], agent: frozenset[str], modes: Collection[str], gives: bool) -> None:
    if not PRINCIPALS & principal:
        text = _("只有电商平台和电商企业委托他人申报清单")
        raise MandateProblem(text, "side" if gives else "partner")
    for mode in modes:
        if LIST_FILERS[Mode(mode)] not in agent:
            raise MandateProblem(
                _("%(mode)s的清单由%(filer)s申报，受托方不是这一类企业")
                % {"mode": Mode(mode).label, "filer": LIST_FILERS[Mode(mode)].label},
                "modes",
            )


def _check_days(first_day: date, last_day: date) -> None:
    if last_day < first_day:
        raise MandateProblem(_("结束日期早于开始日期"), "last_day")
    if last_day < timezone.localdate():
        raise MandateProblem(_("结束日期已过，请填今天或以后的日期"), "last_day")


def _check_not_too_often(actor: Actor, partner: Partner, more: int) -> None:
    lately = mandates_of(actor.enterprise).filter(
        Q(principal=partner.id) | Q(agent=partner.id),
        proposer=actor.enterprise, proposed_at__gt=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    if lately.count() + more > MOST_A_DAY:
        raise MandateProblem(
            _("24 小时内最多向同一企业提出 %(count)s 份委托，请明天再提出") % {"count": MOST_A_DAY}, "partner"
        )


def _write_down(mandate: Mandate, actor: Actor, action: Action, **details: object) -> None:
    record(
        actor, action, f"mandate {mandate.pk}", mode=mandate.mode, district=mandate.district,
        first_day=mandate.first_day, last_day=mandate.last_day, **details,
    )  # fmt: skip


def _tell_other(mandate: Mandate, actor: Actor, text: str) -> None:
    """Whoever answers for the other party: it waits for them, or something came of what they did."""
    other = mandate.agent_id if mandate.principal_id == actor.enterprise.pk else mandate.principal_id
    said = {"name": actor.enterprise.name, "mode": Mode(mandate.mode).label, "first": mandate.first_day}
    page = reverse("mandate", args=[mandate.pk])
    notify_members(other, keep(text, **said), roles=[MemberRole.ADMINISTRATOR], address=page)
