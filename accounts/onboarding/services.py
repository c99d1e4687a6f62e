"""服务开通 and 页面上线: what an enterprise is activated for, service by service, and then opened for filing by page."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.codes import check_customs_code, check_district
from accounts.models import Application, Enterprise, Service, User
from accounts.roles import LIST_FILERS, EnterpriseState, EnterpriseType, Mode

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
    clearance_code = forms.CharField(
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


# --- what stands in the way, asked when it is handed in and again when it is approved ------------------------------------


def why_no_service(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """A service is the one the application was begun for, of a type the enterprise is registered under."""
    if cleaned["service"] != application.topic:
        return {
            "service": [_("这份申请是为另一项服务建立的，请改回原来的服务；要开通别的服务，请在“服务开通”页另行申请")]
        }
    enterprise = application.enterprise
    of_type, _mode = SERVICES[cleaned["service"]]
    if enterprise is not None and of_type in enterprise.types:
        return {}
    text = _("企业还没有登记为%(type)s，请先办理企业类型登记，通过后再申请这项服务")
    return {"service": [text % {"type": of_type.label}]}


def why_not_live(application: Application, cleaned: Mapping[str, Any] | None = None) -> dict[str, list[str]]:
    """The gate of 页面上线: an account that waits to be opened, a type, a service."""
    enterprise = application.enterprise
    assert enterprise is not None
    if enterprise.state == EnterpriseState.APPROVED:
        return {"__all__": [_("企业已经上线，可以申报，不需要再申请")]}
    if enterprise.state == EnterpriseState.SUSPENDED:
        return {"__all__": [_("企业已暂停，恢复由平台工作人员办理，不在这里申请")]}
    if not enterprise.types:
        return {"__all__": [_("企业还没有登记企业类型，请先办理企业类型登记")]}
    if not active(enterprise):
        return {"__all__": [_("还没有开通的服务，请先申请服务开通，至少一项通过后再申请上线")]}
    return {}


# --- what an approval changes --------------------------------------------------------------------------------------------


def activate(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The service is in force from now on, in the place of the one for the same district."""
    enterprise = application.enterprise
    assert enterprise is not None
    of_type, mode = SERVICES[cleaned["service"]]
    clearance = _clearing(enterprise, cleaned["clearance_code"], mode)
    same = {"enterprise": enterprise, "enterprise_type": of_type, "mode": mode, "district": cleaned["district"]}
    Service.objects.filter(**same, ended=None).update(ended=timezone.now())
    Service.objects.create(
        **same, clearance_code=clearance.customs_code, clearance_name=clearance.name, application=application
    )


def go_live(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The enterprise files from now on."""
    enterprise = application.enterprise
    assert enterprise is not None
    waits = Enterprise.objects.filter(pk=enterprise.pk, state=EnterpriseState.DRAFT)
    if not waits.update(state=EnterpriseState.APPROVED):
        raise ValidationError(_("企业的状态刚刚变了，请核对后再审核"))


def _clearing(enterprise: Enterprise, code: str, mode: Mode) -> Enterprise:
    """The clearance-service enterprise: one that may file the lists of that mode. Raises ValidationError."""
    found = Enterprise.objects.filter(customs_code=code).first()
    if found is None:
        raise ValidationError(_("通关服务企业 %(code)s 没有在本平台开户，请退回申请人核对编码") % {"code": code})
    able = {LIST_FILERS[mode]} | ({EnterpriseType.MERCHANT} if found == enterprise else set())
    if able & set(found.types):
        return found
    raise ValidationError(
        _("通关服务企业“%(name)s”不是%(filer)s，不能申报%(mode)s清单，请退回申请人核对")
        % {"name": found.name, "filer": LIST_FILERS[mode].label, "mode": mode.label}
    )
