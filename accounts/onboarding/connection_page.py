"""What the page 系统对接 shows: the way to production step by step, what comes next, and each environment by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.access import Actor
from accounts.models import Application, ApplicationState, Connection, InterfaceProof, Service
from accounts.models.applications import ENDED, OPEN_TO_APPLICANT
from accounts.models.connections import TEST_LOGISTICS
from accounts.onboarding import services
from accounts.onboarding.connection import CARRIERS
from accounts.onboarding.interfaces import Interface, needed_for, proofs_of
from accounts.onboarding.kinds import CONNECTION_CHANGE, CONNECTION_GO_LIVE, INTERFACE_PROOF, TEST_ACCESS, Kind
from accounts.onboarding.pages import LOOKS
from accounts.onboarding.services import active
from accounts.roles import EnterpriseState, EnterpriseType, Environment, MemberRole
from portal.looks import Look

#: What is applied for on this page; each for something chosen there.
BEGUN_HERE: Mapping[str, Kind] = {
    kind.name: kind for kind in (TEST_ACCESS, INTERFACE_PROOF, CONNECTION_GO_LIVE, CONNECTION_CHANGE)
}
DONE = Look("ok", "check-circle-fill", gettext_lazy("已完成"))
NOW = Look("info", "arrow-repeat", gettext_lazy("待办理"))
LATER = Look("idle", "circle", gettext_lazy("未开始"))
PROVED = Look("ok", "check-circle", gettext_lazy("已通过"))
NOT_PROVED = Look("idle", "circle", gettext_lazy("未开始"))
#: Who names a logistics enterprise in what it files, and needs one to try with.
NAME_LOGISTICS = frozenset({EnterpriseType.PLATFORM, EnterpriseType.MERCHANT, EnterpriseType.WAREHOUSE})


@dataclass(frozen=True)
class Deed:
    """What an administrator can do about something: go on with its application, or begin one (``apply``)."""

    words: str
    address: str = ""
    apply: str = ""


@dataclass(frozen=True)
class Step:
    """One step of the way."""

    label: str
    look: Look
    note: str


@dataclass(frozen=True)
class Next:
    """What comes next; without a deed it waits for somebody else, or nothing is left."""

    label: str
    todo: str
    deed: Deed | None = None


@dataclass(frozen=True)
class Row:
    """One interface to prove."""

    interface: Interface
    proof: InterfaceProof | None
    look: Look
    deed: Deed | None
    #: The page that describes it, where there is one.
    document: str

    @property
    def is_returned(self) -> bool:
        """Whether staff want something mended."""
        return self.look.tone == "bad"


@dataclass(frozen=True)
class Side:
    """One environment."""

    environment: Environment
    connection: Connection | None
    #: An application that is not decided yet: to open the environment, or to change its addresses.
    look: Look | None
    deed: Deed | None
    #: The application that brought what is in force.
    origin: str
    #: Of an environment that is not connected any more, what staff ended last.
    ended: Connection | None = None

    @property
    def is_test(self) -> bool:
        """Whether it is the environment for trying out."""
        return self.environment == Environment.SANDBOX


@dataclass(frozen=True)
class Page:
    """Everything on the page."""

    steps: list[Step]
    next: Next
    test: Side
    production: Side
    rows: list[Row]
    #: The short code to name as logistics enterprise in the test; empty for whom that is nothing.
    test_logistics: str
    #: Whether the enterprise's own short code is anything to it.
    carries: bool

    @property
    def proved(self) -> int:
        """How many interfaces are green."""
        return sum(row.proof is not None for row in self.rows)

    @property
    def offered(self) -> set[str]:
        """What can be begun now."""
        return {deed.apply for deed in self._deeds() if deed is not None and deed.apply}

    def _deeds(self) -> Iterator[Deed | None]:
        yield self.test.deed
        yield self.production.deed
        yield from (row.deed for row in self.rows)


class _Way:
    """How far one enterprise has come, read once."""

    def __init__(self, actor: Actor) -> None:
        self.actor, self.enterprise = actor, actor.enterprise
        self.may_apply = actor.may(MemberRole.ADMINISTRATOR)
        self.is_suspended = self.enterprise.state == EnterpriseState.SUSPENDED
        self.services: list[Service] = active(self.enterprise)
        self.needed = needed_for(self.enterprise, self.services)
        self.proofs = proofs_of(self.enterprise)
        found = list(Connection.objects.filter(enterprise=self.enterprise).order_by("id"))
        self.connections = {one.environment: one for one in found if one.ended is None}
        self.ended = {one.environment: one for one in found if one.ended}
        self.applications: dict[tuple[str, str], Application] = {}
        own = Application.objects.filter(enterprise=self.enterprise, kind__in=BEGUN_HERE).defer("content")
        for one in own.order_by("-id"):
            self.applications.setdefault((one.kind, one.topic), one)

    def open_one(self, kind: Kind, topic: str = "") -> Application | None:
        """The latest application for it, unless it is at an end."""
        one = self.applications.get((kind.name, topic))
        return one if one is not None and one.state not in ENDED else None

    def look(self, kind: Kind, topic: str = "") -> Look | None:
        """The state of the latest application, where that still says something."""
        one = self.applications.get((kind.name, topic))
        if one is None or one.state in (ApplicationState.APPROVED, ApplicationState.WITHDRAWN):
            return None
        state = ApplicationState(one.state)
        return Look(*LOOKS[state], state.label)

    def deed(self, kind: Kind, words: str, topic: str = "") -> Deed | None:
        """What an administrator can do about it now."""
        if not self.may_apply:
            return None
        if one := self.open_one(kind, topic):
            address = reverse("application", kwargs={"pk": one.pk})
            if one.state == ApplicationState.RETURNED:
                return Deed(_("去补正"), address)
            return Deed(_("继续填写") if one.state in OPEN_TO_APPLICANT else _("查看申请"), address)
        return None if self.is_suspended else Deed(words, apply=f"{kind.name}:{topic}")

    @property
    def is_proved(self) -> bool:
        """Whether every interface is green."""
        return bool(self.needed) and all(one.name in self.proofs for one in self.needed)

    @property
    def is_tested(self) -> bool:
        """Whether all of the test is behind it."""
        return self.is_proved and Environment.SANDBOX in self.connections

    @cached_property
    def lacks(self) -> services.Step | None:
        """The first thing beside the test that production still asks for."""
        return next((step for step in services.steps_of(self.enterprise, by_page=False) if not step.is_met), None)

    def row(self, interface: Interface) -> Row:
        """An interface as it stands."""
        proof = self.proofs.get(interface.name)
        look, deed = PROVED, None
        if proof is None:
            look = self.look(INTERFACE_PROOF, interface.name) or NOT_PROVED
            if Environment.SANDBOX in self.connections:
                deed = self.deed(INTERFACE_PROOF, _("提交凭证"), interface.name)
        return Row(interface, proof, look, deed, _document(interface))

    def side(self, environment: Environment) -> Side:
        """An environment as it stands."""
        connection = self.connections.get(environment)
        if connection is not None:
            look = self.look(CONNECTION_CHANGE, environment)
            deed = self.deed(CONNECTION_CHANGE, _("申请变更"), environment)
            return Side(environment, connection, look, deed, self._origin(connection))
        kind, words, is_due = (
            (TEST_ACCESS, _("申请调试"), bool(self.services))
            if environment == Environment.SANDBOX
            else (CONNECTION_GO_LIVE, _("申请上线"), self.is_tested and self.lacks is None)
        )
        deed = self.deed(kind, words) if is_due or self.open_one(kind) else None
        return Side(environment, None, self.look(kind), deed, "", self.ended.get(environment))

    def _origin(self, connection: Connection) -> str:
        if not self.may_apply or connection.application_id is None:
            return ""
        return reverse("application", kwargs={"pk": connection.application_id})


def page_for(actor: Actor) -> Page:
    """What the page shows to a member of the enterprise."""
    way = _Way(actor)
    test, production = way.side(Environment.SANDBOX), way.side(Environment.PRODUCTION)
    rows = [way.row(one) for one in way.needed]
    types = {one.enterprise_type for one in way.services}
    return Page(
        _steps(way, test, production, rows),
        _next(way, test, production, rows),
        test,
        production,
        rows,
        TEST_LOGISTICS if test.connection and types & NAME_LOGISTICS else "",
        bool(types & CARRIERS),
    )


def _steps(way: _Way, test: Side, production: Side, rows: list[Row]) -> list[Step]:
    """The way as the guide has it (domain: 企业开户 to 上线配置)."""
    has_service, in_test, live = bool(way.services), test.connection is not None, production.connection is not None
    proved = sum(row.proof is not None for row in rows)

    def look(is_done: bool, is_now: bool, asked: Look | None = None) -> Look:
        return DONE if is_done else asked or (NOW if is_now else LATER)

    return [
        Step(_("企业开户"), DONE, way.enterprise.name),
        Step(_("服务开通"), look(has_service, True), _("已开通 %s 项") % len(way.services) if has_service else ""),
        Step(_("系统开发"), look(in_test, has_service), _("按本企业各接口的文档开发")),
        Step(_("申请调试"), look(in_test, has_service, test.look), _("提供固定来源地址和回推地址")),
        Step(
            _("联调"),
            look(way.is_proved, in_test),
            _("已通过 %(proved)s 个，共 %(all)s 个接口") % {"proved": proved, "all": len(rows)} if rows else "",
        ),
        Step(_("申请上线"), look(live, in_test and way.is_proved, production.look), _("各接口通过后申请")),
        Step(_("上线配置"), look(live, False), _("把生产参数配置到系统里，加签后申报")),
    ]


def _next(way: _Way, test: Side, production: Side, rows: list[Row]) -> Next:
    """The one thing to do now, and whose turn it is."""
    by_whom = "" if way.may_apply else _("，由企业管理员办理")
    if way.is_suspended:
        return Next(_("恢复企业"), _("企业已暂停，由平台工作人员办理"))
    if not way.services:
        return Next(_("服务开通"), _("至少开通一项服务后，才能申请调试"), Deed(_("去服务开通"), reverse("services")))
    if test.connection is None:
        return Next(_("申请调试"), _turn(way, TEST_ACCESS, _("填写固定来源地址和回推地址")) + by_whom, test.deed)
    if missing := [row for row in rows if row.proof is None]:
        row = min(missing, key=_urgency)
        label = _("联调“%(interface)s”") % {"interface": row.interface.label}
        todo = _turn(way, INTERFACE_PROOF, _("在测试环境调通后提交凭证"), row.interface.name)
        return Next(label, todo + by_whom, row.deed)
    if production.connection is None and production.deed is None and way.lacks:
        deed = Deed(_("去办理"), way.lacks.address) if way.may_apply else None
        return Next(str(way.lacks.label), f"{way.lacks.cure}{by_whom}", deed)
    if production.connection is None:
        return Next(_("申请上线"), _turn(way, CONNECTION_GO_LIVE, _("填写生产系统的地址")) + by_whom, production.deed)
    return Next("", _("生产环境已经开通，可以由系统申报"))


def _turn(way: _Way, kind: Kind, todo: str, topic: str = "") -> str:
    """What has to be done about it, by how far its application is."""
    one = way.open_one(kind, topic)
    if one is None:
        return todo
    if one.state == ApplicationState.RETURNED:
        return _("照审核意见补正后再提交")
    return _("填写完整后提交审核") if one.state in OPEN_TO_APPLICANT else _("已提交，等待工作人员审核")


def _urgency(row: Row) -> int:
    """What was sent back first, then what is not handed in, last what waits for staff."""
    return 0 if row.is_returned else 2 if row.look.icon == "hourglass-split" else 1


def _document(interface: Interface) -> str:
    try:
        return reverse("interface", kwargs={"kind": interface.name})
    except NoReverseMatch:
        return ""
