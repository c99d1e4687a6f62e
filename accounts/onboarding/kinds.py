"""The catalogue of what can be applied for: description only.

A kind to add: write its form in ``forms.py`` and what its approval changes in ``effects.py``, and list it here. Pages,
papers, versions, the queue of staff and the audit come from the description.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Application, Enterprise, User
from accounts.models.preparation import GuaranteeKind
from accounts.onboarding import connection, evidence, numbers, opening, profile, public_site, services, types
from accounts.onboarding.agency import AgencyForm, take_on
from accounts.onboarding.certificate_change import CertificateChangeForm, change_certificate, why_not_this
from accounts.onboarding.effects import open_account
from accounts.onboarding.errands import Errand, errand_of, others_going_on
from accounts.onboarding.forms import AccountForm, known_of
from accounts.onboarding.papers_on_file import OnFile
from accounts.onboarding.turns import HELD, Turn
from accounts.roles import EnterpriseType

IN_FORCE = _("已经生效，不需要再办")
PREPARATION = ("preparation", _("去接入准备"))


@dataclass(frozen=True)
class PaperSlot:
    """A paper a kind asks for."""

    name: str
    label: Any
    note: Any = ""
    required: bool = True
    #: Where not always: whether what was typed calls for it, asked of the form as far as it is right.
    when: Callable[[Mapping[str, Any]], bool] | None = None
    #: The tick without which it is not drawn: field and value.
    belongs_to: tuple[str, str] | None = None
    #: The paper of an earlier application that still serves for what was typed: it is taken over, not asked for again.
    on_file: Callable[[Enterprise, Mapping[str, Any]], OnFile | None] | None = None
    #: Whether it shows a person's identity: staff open it for a reason only.
    is_personal: bool = False

    def is_needed(self, cleaned: Mapping[str, Any]) -> bool:
        """Whether it has to be handed in with this."""
        return self.when(cleaned) if self.when else self.required

    @property
    def is_always_needed(self) -> bool:
        """Whether it has to be handed in whatever is typed."""
        return self.required and self.when is None


def _nothing(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """Nothing stands in the way."""
    return {}


def _unremarked(application: Application, cleaned: Mapping[str, Any]) -> list[str]:
    """Nothing is remarked."""
    return []


@dataclass(frozen=True)
class Kind:
    """What can be applied for: its words, its form, its papers, and what comes of it."""

    name: str
    label: Any
    form: type[forms.Form]
    papers: tuple[PaperSlot, ...]
    #: What the approval changes, called in its transaction: (application, cleaned form, staff). Raises ValidationError
    #: with a Chinese sentence for staff when it cannot be.
    effect: Callable[[Application, Mapping[str, Any], User], None]
    #: What of the enterprise stands in the way, by field ("__all__" for none), asked when it is handed in and again when
    #: it is approved: (application, cleaned form).
    gate: Callable[[Application, Mapping[str, Any]], dict[str, list[str]]] = _nothing
    #: What is in force and may be changed by it, by field as a form sends it; empty where nothing is. A new application
    #: begins with it, and staff see beside it what would become different: (enterprise, topic).
    initial: Callable[[Enterprise, str], Mapping[str, Sequence[str]]] | None = None
    #: What is known of who applies, for a first application, by field: the user.
    known: Callable[[User], Mapping[str, Sequence[str]]] | None = None
    #: What of what is in force its approval takes the place of, where what was typed decides that and a new application
    #: begins with none of it; staff see it as they see ``initial``: (enterprise, topic, what was typed).
    replaced: Callable[[Enterprise, str, Mapping[str, Sequence[str]]], Mapping[str, Sequence[str]]] | None = None
    #: What staff should see though nothing forbids it, in sentences: (application, cleaned form).
    remarks: Callable[[Application, Mapping[str, Any]], list[str]] = _unremarked
    #: When an enterprise applies for it; None for what anybody may apply for at any time.
    turn: Callable[[Enterprise], Turn] | None = None
    #: Working days staff promise to decide in.
    promised_days: int = 1
    #: Whether a second person of the staff has to agree.
    second_person: bool = False
    #: Applied for by whoever has no enterprise yet; all others by an administrator of the enterprise.
    without_enterprise: bool = False
    #: Begun by one of the staff on their desk and handed in at once (``applications.lodge``); decided by another of them.
    by_staff: bool = False
    #: The field that names the application to staff.
    titled_by: str = ""
    #: The URL name of the page where it is begun, for what begins with something chosen there.
    begun_at: str = ""
    #: The field that says what was chosen there.
    chosen_as: str = ""
    #: What comes of its approval, as the applicant reads it.
    after: Any = IN_FORCE
    #: What staff do for the enterprise after its approval, step by step; None where the approval is all.
    errand: Callable[[Application], Errand | None] | None = None
    #: Where to go on from there: the URL name of the page, and its word.
    leads_to: tuple[str, Any] = PREPARATION

    @property
    def words(self) -> dict[str, Any]:
        """What fields and papers are called, by name, in the order of the page."""
        fields = {name: field.label for name, field in self.form.base_fields.items()}
        return fields | {slot.name: slot.label for slot in self.papers}

    def named(self, topic: str) -> str:
        """What it is called with what was chosen where it was begun, in words."""
        if not (topic and self.chosen_as):
            return str(self.label)
        offered = self.form.base_fields[self.chosen_as]
        assert isinstance(offered, forms.ChoiceField)
        return f"{self.label} · {dict(offered.choices).get(topic, topic)}"  # type: ignore[arg-type]

    @property
    def asks_by_contents(self) -> bool:
        """Whether all the papers it asks for depend on what is typed."""
        return bool(self.papers) and not any(slot.is_always_needed for slot in self.papers)

    def title(self, cleaned: Mapping[str, Any]) -> str:
        """What staff call an application with these contents."""
        return str(cleaned.get(self.titled_by, ""))[:100]


ACCOUNT = Kind(
    "account",
    _("企业开户"),
    AccountForm,
    papers=(PaperSlot("business_licence", _("营业执照"), _("加盖公章的扫描件或照片")),),
    effect=open_account,
    known=known_of,
    after=_("申请人已成为企业管理员，下一步登记企业类型，再照清单办理接入准备"),
    second_person=True,
    without_enterprise=True,
    titled_by="name",
)

# A second person for every change: what two have approved no single one replaces, and whom the portal writes and calls
# about an enterprise is worth as much as its name.
ENTERPRISE_CHANGE = Kind(
    "enterprise_change",
    _("企业资料变更"),
    profile.ChangeForm,
    papers=(
        PaperSlot(
            "business_licence",
            _("营业执照"),
            _("企业名称或法定代表人有变时必须上传变更后的营业执照，加盖公章；只换新证的也在这里上传"),
            required=False,
        ),
    ),
    effect=profile.change_profile,
    gate=profile.why_no_change,
    second_person=True,
    initial=lambda enterprise, topic: profile.in_force(enterprise),
    turn=lambda enterprise: HELD,
    after=_("变更已生效"),
    leads_to=("enterprise_profile", _("去企业资料")),
)

PUBLIC_SITE = Kind(
    "public_site",
    _("开设公共监管场所"),
    public_site.PublicSiteForm,
    papers=(),
    effect=public_site.open_site,
    gate=public_site.why_no_site,
    by_staff=True,
    titled_by="name",
)

_SCAN = _("加盖公章的扫描件或照片")

ENTERPRISE_NUMBERS = Kind(
    numbers.KIND,
    _("企业代码变更"),
    numbers.NumbersForm,
    papers=(
        PaperSlot("business_licence", _("营业执照"), _("信用代码有变时上传：写有新代码，加盖公章"), required=False),
        PaperSlot(
            "customs_certificate", _("海关备案证明"), _("海关编码有变时上传：写有新编码，加盖公章"), required=False
        ),
    ),
    effect=numbers.change_numbers,
    gate=numbers.why_not_these,
    initial=lambda enterprise, topic: numbers.in_force(enterprise),
    remarks=numbers.what_follows,
    by_staff=True,
    after=_("新代码已生效，已申报的单证仍用原代码"),
    leads_to=("enterprise_profile", _("去企业资料")),
)


def _ticked(of_type: EnterpriseType) -> Callable[[Mapping[str, Any]], bool]:
    return lambda cleaned: of_type in (cleaned.get("types") or ())


def _unchanged(group: str) -> Callable[[Enterprise, Mapping[str, Any]], OnFile | None]:
    return lambda enterprise, cleaned: types.unchanged(enterprise, group, cleaned)


def _registered(group: str) -> Callable[[Enterprise, Mapping[str, Any]], OnFile | None]:
    return lambda enterprise, cleaned: types.registered(enterprise, group)


TYPES = Kind(
    "types",
    _("企业类型登记"),
    types.TypesForm,
    papers=(
        PaperSlot(
            "international_licence",
            _("国际快递业务经营许可"),
            _("加盖公章的扫描件或照片"),
            required=False,
            when=_ticked(EnterpriseType.DIRECT_LOGISTICS),
            belongs_to=("types", EnterpriseType.DIRECT_LOGISTICS.value),
            on_file=_unchanged("international"),
        ),
        PaperSlot(
            "express_licence",
            _("快递业务经营许可证"),
            _("加盖公章的扫描件或照片"),
            required=False,
            when=_ticked(EnterpriseType.BONDED_LOGISTICS),
            belongs_to=("types", EnterpriseType.BONDED_LOGISTICS.value),
            on_file=_unchanged("express"),
        ),
        PaperSlot(
            "payment_licence_copy",
            _("金融许可证或支付业务许可证"),
            _("加盖公章的扫描件或照片"),
            required=False,
            when=_ticked(EnterpriseType.PAYMENT),
            belongs_to=("types", EnterpriseType.PAYMENT.value),
            on_file=_unchanged("payment"),
        ),
    ),
    effect=types.register_types,
    gate=types.why_not_these,
    initial=lambda enterprise, topic: types.in_force(enterprise),
    turn=types.turn,
    after=_("类型和许可证已经生效，下一步照清单办理接入准备"),
)

CARD = Kind(
    "ic_card",
    _("电子口岸 IC 卡或 Ikey"),
    evidence.CardForm,
    papers=(
        PaperSlot("service_form", _("业务登记表"), _SCAN),
        PaperSlot("business_licence", _("营业执照"), _SCAN, on_file=profile.licence_on_file),
        PaperSlot("customs_certificate", _("海关备案证明"), _SCAN),
        PaperSlot("legal_representative_id", _("法定代表人身份证"), _SCAN, is_personal=True),
        PaperSlot("operator_id", _("操作员身份证"), _SCAN, is_personal=True),
    ),
    effect=evidence.keep_card,
    gate=evidence.why_not_yet,
    initial=evidence.in_force_of("ic_card"),
    turn=evidence.turn_of("ic_card"),
)

TYPE_FILING = Kind(
    "type_filing",
    _("电商企业类型备案"),
    evidence.TypeFilingForm,
    papers=(PaperSlot("filing_page", _("备案页面截图"), _("看得清勾选的类型和网址")),),
    effect=evidence.keep_type_filing,
    gate=evidence.why_no_type_filing,
    remarks=evidence.visit_remarks,
    initial=evidence.in_force_of("type_filing"),
    turn=evidence.turn_of("type_filing"),
)

CERTIFICATE = Kind(
    "signing_certificate",
    _("加密证书"),
    evidence.CertificateForm,
    papers=(),
    effect=evidence.keep_certificate,
    gate=evidence.why_not_yet,
    initial=evidence.in_force_of("signing_certificate"),
    turn=evidence.turn_of("signing_certificate"),
)

DXP_IMPORT = Kind(
    "dxp_import",
    _("申报传输 ID（进口）"),
    evidence.TransmissionForm,
    papers=(),
    effect=evidence.keep_transmission,
    gate=evidence.why_not_yet,
    remarks=evidence.transmission_remarks,
    initial=evidence.in_force_of("dxp_import"),
    turn=evidence.turn_of("dxp_import"),
)

DXP_EXPORT = Kind(
    "dxp_export",
    _("申报传输 ID（出口）"),
    evidence.TransmissionForm,
    papers=(),
    effect=evidence.keep_transmission,
    gate=evidence.why_not_yet,
    remarks=evidence.transmission_remarks,
    initial=evidence.in_force_of("dxp_export"),
    turn=evidence.turn_of("dxp_export"),
)

GUARANTEE = Kind(
    "guarantee",
    _("担保金账户"),
    evidence.GuaranteeForm,
    papers=(
        PaperSlot(
            "guarantee_paper",
            _("汇款凭证或保函"),
            _("由他人代缴时不用上传"),
            required=False,
            when=lambda cleaned: cleaned.get("variety") in (GuaranteeKind.DEPOSIT, GuaranteeKind.LETTER),
        ),
    ),
    effect=evidence.keep_guarantee,
    gate=evidence.why_no_guarantee,
    initial=evidence.in_force_of("guarantee"),
    remarks=evidence.guarantee_remarks,
    turn=evidence.turn_of_guarantee,
    second_person=True,
)

CERTIFICATE_AGENCY = Kind(
    "certificate_agency",
    _("加密证书代办"),
    AgencyForm,
    papers=(
        PaperSlot("business_licence", _("营业执照"), _SCAN, on_file=profile.licence_on_file),
        PaperSlot("authorisation", _("代办委托书"), _("写明委托事项和期限，加盖公章，法定代表人签字")),
        PaperSlot("registration_form", _("业务登记表"), _("上海制卡中心的《业务登记表》，加盖公章")),
        PaperSlot("legal_identity", _("法定代表人身份证件"), _("正反面，加盖公章"), is_personal=True),
        PaperSlot("operator_identity", _("经办人身份证件"), _("正反面，加盖公章"), is_personal=True),
    ),
    effect=take_on,
    gate=evidence.why_no_agency,
    remarks=others_going_on,
    turn=evidence.turn_of_agency,
    errand=errand_of,
    leads_to=("credentials", _("去证书与加签")),
)

CERTIFICATE_CHANGE = Kind(
    "certificate_change",
    _("更换加签证书"),
    CertificateChangeForm,
    papers=(),
    effect=change_certificate,
    gate=why_not_this,
    titled_by="serial",
    begun_at="credentials",
    leads_to=("credentials", _("去证书与加签")),
)


def _for(*types: EnterpriseType) -> Callable[[Mapping[str, Any]], bool]:
    return lambda cleaned: services.needs_licence(str(cleaned.get("service", "")), *types)


SERVICE = Kind(
    "service",
    _("服务开通"),
    services.ServiceForm,
    papers=(
        PaperSlot(
            "international_licence",
            _("国际快递资质"),
            _("直购物流企业上传，加盖公章的扫描件"),
            required=False,
            when=_for(EnterpriseType.DIRECT_LOGISTICS),
            on_file=_registered("international"),
        ),
        PaperSlot(
            "express_licence",
            _("快递业务经营许可证"),
            _("保税物流企业上传，加盖公章的扫描件"),
            required=False,
            when=_for(EnterpriseType.BONDED_LOGISTICS),
            on_file=_registered("express"),
        ),
        PaperSlot(
            "payment_licence",
            _("支付业务许可证或金融许可证"),
            _("支付企业上传，加盖公章的扫描件；银行上传金融许可证"),
            required=False,
            when=_for(EnterpriseType.PAYMENT),
            on_file=_registered("payment"),
        ),
    ),
    effect=services.activate,
    gate=services.why_no_service,
    replaced=services.replaced,
    remarks=services.service_remarks,
    begun_at="services",
    chosen_as="service",
    after=_("服务已开通。各项都齐了，就可以申请页面上线"),
    leads_to=("services", _("去服务开通")),
)

GO_LIVE = Kind(
    "page_go_live",
    _("页面上线"),
    services.GoLiveForm,
    papers=(),
    effect=services.go_live,
    gate=services.why_not_live,
    remarks=opening.live_remarks,
    begun_at="services",
    after=_("已经上线，可以录入、导入和申报"),
    leads_to=("home", _("进入工作台")),
)

TEST_ACCESS = Kind(
    "test_access",
    _("系统调试"),
    connection.TestAccessForm,
    papers=(),
    effect=connection.open_test,
    gate=connection.why_no_test,
    begun_at="connection",
    after=_("测试环境已开通，测试参数见“系统对接”；接着逐个联调接口"),
    leads_to=("connection", _("去系统对接")),
)

INTERFACE_PROOF = Kind(
    "interface_proof",
    _("接口联调凭证"),
    connection.InterfaceProofForm,
    papers=(PaperSlot("screenshot", _("回执截图"), _("看得清报文编号和返回的结果；遮去个人信息")),),
    effect=connection.take_proof,
    gate=connection.why_no_proof,
    begun_at="connection",
    chosen_as="interface",
    after=_("这个接口已联调通过"),
    leads_to=("connection", _("去系统对接")),
)

CONNECTION_GO_LIVE = Kind(
    "connection_go_live",
    _("系统上线"),
    connection.ConnectionGoLiveForm,
    papers=(),
    effect=connection.open_production,
    gate=connection.why_no_production,
    remarks=opening.production_remarks,
    begun_at="connection",
    after=_("生产环境已开通，生产参数见“系统对接”"),
    leads_to=("connection", _("去系统对接")),
)

CONNECTION_CHANGE = Kind(
    "connection_change",
    _("对接参数变更"),
    connection.ConnectionChangeForm,
    papers=(),
    effect=connection.change_connection,
    gate=connection.why_no_change,
    initial=connection.as_typed,
    begun_at="connection",
    chosen_as="environment",
    leads_to=("connection", _("去系统对接")),
)

KINDS: tuple[Kind, ...] = (
    ACCOUNT,
    ENTERPRISE_CHANGE,
    PUBLIC_SITE,
    ENTERPRISE_NUMBERS,
    TYPES,
    CARD,
    TYPE_FILING,
    CERTIFICATE,
    CERTIFICATE_AGENCY,
    CERTIFICATE_CHANGE,
    DXP_IMPORT,
    DXP_EXPORT,
    GUARANTEE,
    SERVICE,
    GO_LIVE,
    TEST_ACCESS,
    INTERFACE_PROOF,
    CONNECTION_GO_LIVE,
    CONNECTION_CHANGE,
)
_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> Kind:
    """The kind of that name. Raises KeyError for one that is not in the catalogue."""
    return _BY_NAME[name]
