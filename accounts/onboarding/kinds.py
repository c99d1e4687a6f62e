"""The catalogue of what can be applied for: description only.

A kind to add: write its form in ``forms.py`` and what its approval changes in ``effects.py``, and list it here. Pages,
papers, versions, the queue of staff and the audit come from the description.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Application, Enterprise, User
from accounts.models.preparation import GuaranteeKind
from accounts.onboarding import evidence, profile, public_site, services, types
from accounts.onboarding.agency import AgencyForm, take_on
from accounts.onboarding.certificate_change import CertificateChangeForm, change_certificate
from accounts.onboarding.effects import open_account
from accounts.onboarding.forms import AccountForm
from accounts.roles import EnterpriseType


@dataclass(frozen=True)
class PaperSlot:
    """A paper a kind asks for."""

    name: str
    label: Any
    note: Any = ""
    required: bool = True
    #: Where not always: whether what was typed calls for it, asked of the form as far as it is right.
    when: Callable[[Mapping[str, Any]], bool] | None = None

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
    #: Working days staff promise to decide in.
    promised_days: int = 1
    #: Whether a second person of the staff has to agree.
    second_person: bool = False
    #: Applied for by whoever has no enterprise yet; all others by an administrator of the enterprise.
    without_enterprise: bool = False
    #: Begun by one of the staff on their desk and handed in at once (``applications.lodge``); decided by another of them.
    by_staff: bool = False
    #: What the form of an enterprise begins with: what is in force, as the form would send it.
    initial: Callable[[Enterprise], Mapping[str, list[str]]] | None = None
    #: The field that names the application to staff.
    titled_by: str = ""
    #: The URL name of the page where it is begun, for what begins with something chosen there.
    begun_at: str = ""

    @property
    def words(self) -> dict[str, Any]:
        """What fields and papers are called, by name, in the order of the page."""
        fields = {name: field.label for name, field in self.form.base_fields.items()}
        return fields | {slot.name: slot.label for slot in self.papers}

    def title(self, cleaned: Mapping[str, Any]) -> str:
        """What staff call an application with these contents."""
        return str(cleaned.get(self.titled_by, ""))[:100]


ACCOUNT = Kind(
    "account",
    _("企业开户"),
    AccountForm,
    papers=(PaperSlot("business_licence", _("营业执照"), _("加盖公章的扫描件或照片")),),
    effect=open_account,
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
            _("企业名称或法定代表人有变时必须上传变更后的营业执照，加盖公章"),
            required=False,
        ),
    ),
    effect=profile.change_profile,
    gate=profile.why_no_change,
    second_person=True,
    initial=profile.in_force,
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


def _ticked(of_type: EnterpriseType) -> Callable[[Mapping[str, Any]], bool]:
    return lambda cleaned: of_type in (cleaned.get("types") or ())


TYPES = Kind(
    "types",
    _("企业类型登记"),
    types.TypesForm,
    papers=(
        PaperSlot(
            "international_licence",
            _("国际快递业务经营许可"),
            _("直购物流企业上传，加盖公章"),
            required=False,
            when=_ticked(EnterpriseType.DIRECT_LOGISTICS),
        ),
        PaperSlot(
            "express_licence",
            _("快递业务经营许可证"),
            _("保税物流企业上传，加盖公章"),
            required=False,
            when=_ticked(EnterpriseType.BONDED_LOGISTICS),
        ),
        PaperSlot(
            "payment_licence_copy",
            _("金融许可证或支付业务许可证"),
            _("支付企业上传，加盖公章"),
            required=False,
            when=_ticked(EnterpriseType.PAYMENT),
        ),
    ),
    effect=types.register_types,
)

CARD = Kind(
    "ic_card",
    _("电子口岸 IC 卡或 Ikey"),
    evidence.CardForm,
    papers=(
        PaperSlot("service_form", _("业务登记表"), _SCAN),
        PaperSlot("customs_certificate", _("海关备案证明"), _SCAN),
        PaperSlot("legal_representative_id", _("法定代表人身份证"), _SCAN),
        PaperSlot("operator_id", _("操作员身份证"), _SCAN),
    ),
    effect=evidence.keep_card,
)

TYPE_FILING = Kind(
    "type_filing",
    _("电商企业类型备案"),
    evidence.TypeFilingForm,
    papers=(PaperSlot("filing_page", _("备案页面截图"), _("看得清勾选的类型和网址")),),
    effect=evidence.keep_type_filing,
)

CERTIFICATE = Kind(
    "signing_certificate", _("加密证书"), evidence.CertificateForm, papers=(), effect=evidence.keep_certificate
)

DXP_IMPORT = Kind(
    "dxp_import", _("申报传输 ID（进口）"), evidence.TransmissionForm, papers=(), effect=evidence.keep_transmission
)

DXP_EXPORT = Kind(
    "dxp_export", _("申报传输 ID（出口）"), evidence.TransmissionForm, papers=(), effect=evidence.keep_transmission
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
    second_person=True,
)

CERTIFICATE_AGENCY = Kind(
    "certificate_agency",
    _("加密证书代办"),
    AgencyForm,
    papers=(
        PaperSlot("business_licence", _("营业执照"), _("加盖公章的扫描件或照片")),
        PaperSlot("authorisation", _("代办委托书"), _("写明委托事项和期限，加盖公章，法定代表人签字")),
        PaperSlot("registration_form", _("业务登记表"), _("上海制卡中心的《业务登记表》，加盖公章")),
        PaperSlot("legal_identity", _("法定代表人身份证件"), _("正反面，加盖公章")),
        PaperSlot("operator_identity", _("经办人身份证件"), _("正反面，加盖公章")),
    ),
    effect=take_on,
    promised_days=5,
)

CERTIFICATE_CHANGE = Kind(
    "certificate_change",
    _("更换加签证书"),
    CertificateChangeForm,
    papers=(),
    effect=change_certificate,
    titled_by="serial",
    begun_at="credentials",
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
        ),
        PaperSlot(
            "express_licence",
            _("快递业务经营许可证"),
            _("保税物流企业上传，加盖公章的扫描件"),
            required=False,
            when=_for(EnterpriseType.BONDED_LOGISTICS),
        ),
        PaperSlot(
            "payment_licence",
            _("支付业务许可证或金融许可证"),
            _("支付企业上传，加盖公章的扫描件；银行上传金融许可证"),
            required=False,
            when=_for(EnterpriseType.PAYMENT),
        ),
    ),
    effect=services.activate,
    gate=services.why_no_service,
    begun_at="services",
)

GO_LIVE = Kind(
    "page_go_live",
    _("页面上线"),
    services.GoLiveForm,
    papers=(),
    effect=services.go_live,
    gate=services.why_not_live,
    begun_at="services",
)

KINDS: tuple[Kind, ...] = (
    ACCOUNT,
    ENTERPRISE_CHANGE,
    PUBLIC_SITE,
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
)
_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> Kind:
    """The kind of that name. Raises KeyError for one that is not in the catalogue."""
    return _BY_NAME[name]
