"""服务开通 and 页面上线: what an enterprise is activated for, service by service, and then opened for filing by page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.codes import check_customs_code, check_district
from accounts.credentials import present_environment
from accounts.licences import CURE, NEEDED, closed_for, closed_types
from accounts.models import Application, Enterprise, Service, User
from accounts.notices import notify_members
from accounts.onboarding.evidence import held_by
from accounts.onboarding.forms import CodeField
from accounts.onboarding.preparation import items_for
from accounts.onboarding.public_site import was_opened_by_staff
from accounts.onboarding.typed import enterprise_of
from accounts.roles import LIST_FILERS, EnterpriseState, EnterpriseType, Environment, KeyPlace, MemberRole, Mode
from portal.sentences import keep, speak

#: In which modes a type has something to file.
MODES: Mapping[EnterpriseType, tuple[Mode, ...]] = {
    EnterpriseType.PLATFORM: (Mode.DIRECT, Mode.BONDED),
    EnterpriseType.MERCHANT: (Mode.DIRECT, Mode.BONDED),
    EnterpriseType.PAYMENT: (Mode.DIRECT, Mode.BONDED),
    EnterpriseType.DIRECT_LOGISTICS: (Mode.DIRECT,),
    EnterpriseType.BONDED_LOGISTICS: (Mode.BONDED,),
    EnterpriseType.WAREHOUSE: (Mode.BONDED,),
    EnterpriseType.VENUE: (Mode.DIRECT,),
}
#: What each service is called on paper and in the address of its application.
SERVICES: Mapping[str, tuple[EnterpriseType, Mode]] = {
    f"{of_type.value}-{mode.value}": (of_type, mode) for of_type, modes in MODES.items() for mode in modes
}


def label_of(service: str) -> Promise:
    """What a service is called."""
    of_type, mode = SERVICES[service]
    return format_lazy("{} · {} {}", of_type.label, mode.value, mode.label)


class ServiceForm(forms.Form):
    """服务开通: which service, where, and who clears for the enterprise."""

    service = forms.ChoiceField(
        label=gettext_lazy("开通的服务"),
        choices=[("", gettext_lazy("请选择")), *((service, label_of(service)) for service in SERVICES)],
        help_text=gettext_lazy("每项服务分别申请、分别审核"),
    )
    district = forms.CharField(
        label=gettext_lazy("开展业务关区"),
        max_length=4,
        validators=[check_district],
        help_text=gettext_lazy("4 位关区代码，如 2216；在几个关区开展业务的，每个关区申请一次"),
    )
    clearance_code = CodeField(
        label=gettext_lazy("通关服务企业的海关十位编码"),
        max_length=10,
        validators=[check_customs_code],
        help_text=gettext_lazy("替本企业申报清单的仓储或物流企业；由本企业自己申报清单的，填本企业的编码"),
    )


class GoLiveForm(forms.Form):
    """页面上线: that the enterprise files by page."""

    confirmed = forms.BooleanField(
        label=gettext_lazy("已核对企业资料、企业类型和已开通的服务，今后在页面上录入或导入申报"),
        error_messages={"required": gettext_lazy("核对后请勾选")},
    )


def needs_licence(service: str, *types: EnterpriseType) -> bool:
    """Whether it is a service of one of these types."""
    return service in SERVICES and SERVICES[service][0] in types


def active(enterprise: Enterprise) -> list[Service]:
    """What the enterprise is activated for now."""
    return list(Service.objects.filter(enterprise=enterprise, ended=None))


# --- what staff see beside it ---------------------------------------------------------------------------------------------


def replaced(enterprise: Enterprise, topic: str, typed: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The service in force for the same district, as the form would send it: the one an approval takes the place of."""
    district = [text.strip() for text in typed.get("district", ())][-1:]
    for one in _of_service(enterprise, topic):
        if [one.district] == district:
            return {"service": [topic], "district": district, "clearance_code": [one.clearance_code]}
    return {}


def service_remarks(application: Application, cleaned: Mapping[str, Any]) -> list[str]:
    """What staff should see of a service that exists already: what it becomes in this district, and where it stays as it is."""
    told, others = [], []
    for one in _of_service(enterprise_of(application), cleaned["service"]):
        said = {"district": one.district, "name": one.clearance_name, "code": one.clearance_code}
        if one.district != cleaned["district"]:
            others.append(_("%(district)s（通关服务企业 %(name)s %(code)s）") % said)
        elif one.clearance_code == cleaned["clearance_code"]:
            told.append(_("与 %(district)s 关区现在的服务相同，没有变更") % said)
        else:
            told.append(_("通过后取代 %(district)s 关区现在的服务，它的通关服务企业是 %(name)s %(code)s") % said)
    if others:
        told.append(_("这项服务在其他关区已开通，不受影响：%(districts)s") % {"districts": _("、").join(others)})
    return told


def _of_service(enterprise: Enterprise, service: str) -> list[Service]:
    """What is in force of one service, in whichever district."""
    return [one for one in active(enterprise) if f"{one.enterprise_type}-{one.mode}" == service]


# --- what stands in the way, asked when it is handed in and again when it is approved ------------------------------------


def why_no_service(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """A service is the one the application was begun for, of a type the enterprise is registered under, and who is to
    clear there can."""
    if cleaned["service"] != application.topic:
        return {
            "service": [_("这份申请是为另一项服务建立的，请改回原来的服务；要开通别的服务，请在“服务开通”页另行申请")]
        }
    enterprise = application.enterprise
    of_type, mode = SERVICES[cleaned["service"]]
    if enterprise is None or of_type not in enterprise.types:
        text = _("企业还没有登记为%(type)s，请先办理企业类型登记，通过后再申请这项服务")
        return {"service": [text % {"type": of_type.label}]}
    if why := closed_types(enterprise).get(of_type):
        return {"service": [_closed(why)]}
    # Who waits to be opened is asked when it goes live; who files already, for what a type added since needs.
    is_asked = enterprise.state == EnterpriseState.APPROVED and of_type in _types_to_prepare(enterprise)
    missing = [str(step.cure) for step in _preparation_steps(enterprise) if not step.is_met] if is_asked else []
    if missing:
        return {"__all__": missing}
    if why := _why_not_clearing(enterprise, cleaned["clearance_code"], mode, cleaned["district"]):
        return {"clearance_code": [why]}
    return {}


def why_not_live(application: Application, cleaned: Mapping[str, Any] | None = None) -> dict[str, list[str]]:
    """The gate of 页面上线: an account that waits to be opened, and everything it needs to file."""
    enterprise = enterprise_of(application)
    if enterprise.state == EnterpriseState.APPROVED:
        return {"__all__": [_("企业已经上线，可以申报，不需要再申请")]}
    missing = why_not_ready(enterprise)
    return {"__all__": missing} if missing else {}


def why_not_ready(enterprise: Enterprise, *, by_page: bool = True) -> list[str]:
    """What an enterprise still lacks before it may file, by page or by its own system: a sentence for each, with the cure."""
    return [str(step.cure) for step in steps_of(enterprise, by_page=by_page) if not step.is_met]


@dataclass(frozen=True)
class Step:
    """One thing an enterprise needs before it may file: whether it is there, else what to do and on which page."""

    label: Any
    is_met: bool
    cure: Any
    address: str
    #: What is there, in words.
    note: str = ""


def steps_of(enterprise: Enterprise, *, by_page: bool = True) -> list[Step]:
    """Everything an enterprise needs before it may file, by page or by its own system, in the order it is seen to."""
    return [
        _types_step(enterprise),
        *_licence_steps(enterprise),
        *_preparation_steps(enterprise),
        *_signing_steps(enterprise, by_page=by_page),
        _service_step(enterprise),
    ]


def _types_step(enterprise: Enterprise) -> Step:
    return Step(
        gettext_lazy("企业类型登记"),
        bool(enterprise.types),
        _("企业还没有登记企业类型，请先办理企业类型登记"),
        reverse("application_of_kind", args=["types"]),
        _("、").join(enterprise.type_labels),
    )


def _licence_steps(enterprise: Enterprise) -> list[Step]:
    """Of types that need a licence to file, that one of them may today."""
    why = closed_for(enterprise, enterprise.types)
    if not why and not NEEDED.keys() & set(enterprise.types):
        return []
    label, address = gettext_lazy("许可证在有效期内"), reverse("application_of_kind", args=["types"])
    return [Step(label, not why, _closed(why) if why else "", address)]


def _closed(why: str) -> str:
    return _("%(why)s。%(cure)s") % {"why": speak(why), "cure": CURE}


def _preparation_steps(enterprise: Enterprise) -> list[Step]:
    """The items its types need. Of two that bring one item the first counts: imports, which are what is filed here."""
    types = _types_to_prepare(enterprise)
    if enterprise.types and not types:
        return []
    held = held_by(enterprise)
    steps = []
    for item in items_for(types):
        if item.kinds:
            label = gettext_lazy("申报传输 ID（进口）") if item.kinds[0] == "dxp_import" else item.label
            cure = _("“%(item)s”还没有核验，请在“接入准备”办理并提交凭证") % {"item": label}
            steps.append(Step(label, item.kinds[0] in held, cure, reverse("preparation")))
    return steps


def _types_to_prepare(enterprise: Enterprise) -> list[str]:
    """Its types but the venue of a public site, for which the opening by staff stands."""
    if EnterpriseType.VENUE in enterprise.types and was_opened_by_staff(enterprise):
        return [one for one in enterprise.types if one != EnterpriseType.VENUE]
    return enterprise.types


def _signing_steps(enterprise: Enterprise, *, by_page: bool) -> list[Step]:
    """A certificate valid today; where its key is kept here, also that the enterprise agrees that it is used.

    What is filed by page is signed here, in the environment this portal runs in: a key on a device cannot. A system signs
    what it files in production, with whichever key.
    """
    now = timezone.now()
    environment = Environment(present_environment()) if by_page else Environment.PRODUCTION
    in_use = enterprise.credentials.filter(environment=environment, active=True)
    used = in_use.filter(not_before__lte=now, not_after__gte=now).first()
    on_device = used is not None and used.key_place == KeyPlace.DEVICE
    serial = used.serial if used else ""
    said = {"environment": environment.label, "serial": serial}
    cure = _("没有使用中的%(environment)s证书，请在“证书与加签”登记，或制作密钥后登记签发的证书") % said
    if on_device:
        cure = _(
            "%(environment)s证书 %(serial)s 的密钥在企业自己的设备上，页面申报由本平台加签，"
            "请在“证书与加签”登记 PKCS#12 或制作密钥，并改用那个证书"
        ) % said  # fmt: skip
    is_met = used is not None and not (by_page and on_device)
    steps = [Step(_("%(environment)s的加签证书") % said, is_met, cure, reverse("credentials"), serial)]
    if used and not on_device:
        steps.append(
            Step(
                gettext_lazy("云加签同意书"),
                enterprise.signing_consents.filter(revoked_at=None).exists(),
                _("密钥由本平台保管，还没有同意云加签，请企业管理员看过同意书后同意"),
                reverse("signing_consent"),
            )
        )
    return steps


def _service_step(enterprise: Enterprise) -> Step:
    running = active(enterprise)
    return Step(
        gettext_lazy("至少开通一项服务"),
        bool(running),
        _("还没有开通的服务，请先申请服务开通，至少一项通过后再申请上线"),
        reverse("services") + "#offers",
        _("、").join(dict.fromkeys(f"{one.mode} {one.district}" for one in running)),
    )


def _why_not_clearing(enterprise: Enterprise, code: str, mode: Mode, district: str) -> str:
    """Why the enterprise of that code cannot file the lists there; empty where it can, or where it is the applicant itself."""
    filer = LIST_FILERS[mode]
    said = {"code": code, "filer": filer.label, "mode": mode.label, "district": district}
    found = _clearing(enterprise, code, mode, district)
    if found is None:
        return (
            _("没有找到以“%(code)s”登记并已开通的企业，请核对通关服务企业的编码；对方尚未开通的，请等开通后再申请")
            % said
        )
    said["name"] = found.name
    if code == enterprise.customs_code:
        if {filer, EnterpriseType.MERCHANT} & set(found.types):
            return ""
        return _("本企业不是电商企业或%(filer)s，不能申报%(mode)s清单，请填替本企业申报的企业的编码") % said
    if filer not in found.types:
        return _("通关服务企业“%(name)s”不是%(filer)s，不能申报%(mode)s清单，请核对编码，或改填另一家") % said
    if not found.serves:
        return _("通关服务企业“%(name)s”没有开通 %(district)s 关区的%(mode)s服务，请对方先开通，或改填另一家") % said
    return ""


class _Clearing(NamedTuple):
    """A clearance-service enterprise as far as an applicant may know it; ``serves``: whether it files the lists there."""

    name: str
    types: list[str]
    serves: bool


def _clearing(enterprise: Enterprise, code: str, mode: Mode, district: str) -> _Clearing | None:
    """The enterprise under that code that is to clear there: the applicant itself, or one that is open for filing."""
    if code == enterprise.customs_code:
        return _Clearing(enterprise.name, enterprise.types, serves=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, types, serves FROM accounts_clearing(%s, %s, %s, %s)",
            [code, LIST_FILERS[mode], mode, district],
        )
        row = cursor.fetchone()
    return _Clearing(*row) if row else None


# --- what an approval changes --------------------------------------------------------------------------------------------


def activate(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The service is in force from now on, in the place of the one for the same district."""
    enterprise = enterprise_of(application)
    of_type, mode = SERVICES[cleaned["service"]]
    code = cleaned["clearance_code"]
    clearance = _clearing(enterprise, code, mode, cleaned["district"])
    if clearance is None:
        raise ValidationError(_("通关服务企业的状态刚刚变了，请核对后再审核"))
    same = {"enterprise": enterprise, "enterprise_type": of_type, "mode": mode, "district": cleaned["district"]}
    Service.objects.filter(**same, ended=None).update(ended=timezone.now())
    Service.objects.create(**same, clearance_code=code, clearance_name=clearance.name, application=application)
    if code != enterprise.customs_code and (named := Enterprise.objects.filter(customs_code=code).first()):
        told = keep(_NAMED, name=enterprise.name, mode=mode.value, district=cleaned["district"])
        notify_members(named, told, roles=[MemberRole.ADMINISTRATOR], address=reverse("mandates"))


def go_live(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The enterprise files from now on."""
    enterprise = enterprise_of(application)
    if not open_for_filing(enterprise):
        raise ValidationError(_("企业的状态刚刚变了，请核对后再审核"))


def open_for_filing(enterprise: Enterprise) -> bool:
    """An enterprise that waited files from now on, and its members hear of it. False where it did not wait."""
    waits = Enterprise.objects.filter(pk=enterprise.pk, state=EnterpriseState.DRAFT)
    opened = bool(waits.update(state=EnterpriseState.APPROVED))
    if opened:
        told = keep(gettext_noop("“%(name)s”已上线，可以申报"), name=enterprise.name)
        notify_members(enterprise, told, address=reverse("home"))
    return opened


# --- what staff end ------------------------------------------------------------------------------------------------------


@transaction.atomic
def end(service: Service, *, staff: Bystander, reason: str) -> bool:
    """Nothing is filed under it any more, and the administrators of the enterprise are told why. False if it had ended."""
    running = Service.objects.filter(pk=service.pk, ended=None)
    if not running.update(ended=timezone.now(), end_reason=reason):
        return False
    said = {"mode": service.mode, "district": service.district, "reason": reason}
    of_type = EnterpriseType(service.enterprise_type).label
    record(staff, Action.SERVICE_ENDED, f"service {service.pk}", type=service.enterprise_type, **said)
    told = keep(_ENDED, type=of_type, **said)
    notify_members(service.enterprise, told, roles=[MemberRole.ADMINISTRATOR], address=reverse("services"))
    tell_whom_it_cleared(service.enterprise, [service])
    return True


def tell_whom_it_cleared(enterprise: Enterprise, stopped: Iterable[Service]) -> None:
    """Whoever named it as clearance-service enterprise hears where it files no lists any more; one notice for all."""
    places: dict[int, list[str]] = {}
    for one in stopped:
        if one.enterprise_type == LIST_FILERS[Mode(one.mode)]:
            rests_on_it = Service.objects.filter(
                clearance_code=enterprise.customs_code, mode=one.mode, district=one.district, ended=None
            ).exclude(enterprise=enterprise)
            for other in sorted(set(rests_on_it.values_list("enterprise_id", flat=True))):
                places.setdefault(other, []).append(f"{one.mode} {one.district}")
    for other, named in places.items():
        told = keep(_NOT_CLEARED, name=enterprise.name, places=", ".join(named))
        notify_members(other, told, roles=[MemberRole.ADMINISTRATOR], address=reverse("services"))


_NOT_CLEARED = gettext_noop(
    "通关服务企业“%(name)s”现在不能替本企业申报清单：%(places)s。请与对方联系，或在“服务开通”改填另一家"
)
_NAMED = gettext_noop(
    "“%(name)s”开通了 %(mode)s 服务（%(district)s 关区），通关服务企业填的是贵企业；替其申报清单还须有双方接受的委托"
)
_ENDED = gettext_noop("平台已终止本企业的服务：%(type)s %(mode)s，%(district)s 关区。原因：%(reason)s")
