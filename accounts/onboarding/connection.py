"""系统对接: the way of an enterprise that files by its own system, from the test application to production parameters.

From the implementation guide of the Shanghai platform, chapter 6, 1.3 to 1.7, and answers 1, 7, 8 and 9. The two
environments share nothing: codes, addresses and keys are another's in each.
"""

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.codes import check_name
from accounts.models import Application, Connection, Enterprise, User
from accounts.notices import notify, notify_members
from accounts.onboarding import interfaces
from accounts.onboarding.addresses import CallbackField, SourcesField
from accounts.onboarding.forms import PHONE, personal
from accounts.onboarding.services import active, open_for_filing, why_not_ready
from accounts.onboarding.typed import enterprise_of
from accounts.roles import EnterpriseType, Environment, MemberRole
from portal.sentences import keep
from portal.widgets import DayInput

Refusals = dict[str, list[str]]

#: Whoever carries parcels is found by a short code of its own. Everybody is given one, as anybody may carry later; who does
#: not is not told.
CARRIERS = frozenset({EnterpriseType.DIRECT_LOGISTICS, EnterpriseType.BONDED_LOGISTICS})
#: How often codes are drawn until some are free.
DRAWS = 20

_SOURCES_NOTE = gettext_lazy(
    "系统发出请求的公网固定地址，登记在白名单里；每行一个，最多 10 个，可以写一段（IPv4 不大于 /28，IPv6 不大于 /64）"
)
_CALLBACK_NOTE = gettext_lazy("平台把异步回执推到这里；以 https:// 开头，域名或公网地址，不带用户名、口令和 #")


class TestAccessForm(forms.Form):
    """申请调试: where the system is, and who looks after it."""

    source_addresses = SourcesField(label=gettext_lazy("测试系统的固定来源地址"), help_text=_SOURCES_NOTE)
    callback = CallbackField(label=gettext_lazy("测试环境异步回执回推地址"), help_text=_CALLBACK_NOTE)
    contact_name = personal(
        forms.CharField(label=gettext_lazy("技术联系人"), max_length=60, validators=[check_name]), "name"
    )
    contact_phone = personal(
        forms.CharField(label=gettext_lazy("技术联系人电话"), max_length=30, validators=[PHONE]), "phone"
    )
    contact_email = personal(forms.EmailField(label=gettext_lazy("技术联系人邮箱")), "email")


class InterfaceProofForm(forms.Form):
    """接口联调凭证: which test message shows that an interface is mastered."""

    interface = forms.ChoiceField(
        label=gettext_lazy("联调的接口"),
        choices=[("", gettext_lazy("请选择")), *((one.name, one.label) for one in interfaces.INTERFACES)],
        help_text=gettext_lazy("每个接口分别提交"),
    )
    message_number = forms.RegexField(
        r"^[0-9A-Za-z_-]{4,60}\Z",
        label=gettext_lazy("测试报文编号"),
        help_text=gettext_lazy("报文的 guid，或单证在测试环境的编号"),
        error_messages={"invalid": gettext_lazy("编号不对，请填 4 到 60 位字母、数字、短横或下划线")},
    )
    day = forms.DateField(label=gettext_lazy("测试日期"), widget=DayInput)
    returned = forms.CharField(
        label=gettext_lazy("返回的结果"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("同步回执和异步回执各返回了什么，照抄代码和说明；不要写个人信息"),
    )

    def clean_day(self) -> date:
        """What is tried tomorrow proves nothing today."""
        day: date = self.cleaned_data["day"]
        if day > timezone.localdate():
            raise ValidationError(_("日期在将来，请核对"))
        return day


class ConnectionGoLiveForm(forms.Form):
    """申请上线: where the production system is, and that it signs."""

    source_addresses = SourcesField(label=gettext_lazy("生产系统的固定来源地址"), help_text=_SOURCES_NOTE)
    callback = CallbackField(
        label=gettext_lazy("生产环境异步回执回推地址"),
        help_text=gettext_lazy("须与测试环境的不同，测试回执和生产回执不能推到一处"),
    )
    signing_confirmed = forms.BooleanField(
        label=gettext_lazy("已在“证书与加签”设置好生产环境的证书；知道生产环境不收没有有效签名的报文"),
        error_messages={"required": gettext_lazy("设置好生产环境的加签后请勾选")},
    )


class ConnectionChangeForm(forms.Form):
    """对接参数变更: other addresses for an environment that is connected already."""

    environment = forms.ChoiceField(
        label=gettext_lazy("环境"), choices=[("", gettext_lazy("请选择")), *Environment.choices]
    )
    source_addresses = SourcesField(label=gettext_lazy("固定来源地址"), help_text=_SOURCES_NOTE)
    callback = CallbackField(label=gettext_lazy("异步回执回推地址"), help_text=_CALLBACK_NOTE)
    reason = forms.CharField(
        label=gettext_lazy("变更原因"), max_length=200, help_text=gettext_lazy("如：更换出口线路、迁移系统")
    )


def in_force(enterprise: Enterprise, environment: str) -> Connection | None:
    """What the enterprise was given in this environment, if it is connected there."""
    return Connection.objects.filter(enterprise=enterprise, environment=environment, ended=None).first()


def as_typed(enterprise: Enterprise, environment: str) -> dict[str, list[str]]:
    """The same as the form of a change would send it: the form begins with it."""
    present = in_force(enterprise, environment)
    if present is None:
        return {}
    return {
        "environment": [environment],
        "source_addresses": ["\n".join(present.source_addresses)],
        "callback": [present.callback],
    }


# --- what stands in the way, asked when it is handed in and again when it is approved ------------------------------------


def why_no_test(application: Application, cleaned: Mapping[str, Any] | None = None) -> Refusals:
    """The gate of 申请调试: a service, and no test access yet."""
    enterprise = enterprise_of(application)
    if not active(enterprise):
        return _whole(_("还没有开通的服务，请先申请服务开通，至少一项通过后再申请调试"))
    if in_force(enterprise, Environment.SANDBOX):
        return _whole(_("测试环境已经开通；要改来源地址或回推地址，请在“系统对接”申请变更"))
    return {}


def why_no_proof(application: Application, cleaned: Mapping[str, Any]) -> Refusals:
    """The gate of evidence: the interface is one to prove, and was tried since the test environment was opened."""
    enterprise, wanted = enterprise_of(application), cleaned["interface"]
    if wanted != application.topic:
        return {"interface": [_("这份凭证是为另一个接口建立的，请改回原来的接口；别的接口请在“系统对接”另行提交")]}
    test = in_force(enterprise, Environment.SANDBOX)
    if test is None:
        return _whole(_("测试环境还没有开通，请先申请调试"))
    if wanted not in {one.name for one in interfaces.needed_by(enterprise)}:
        return {"interface": [_("按企业已开通的服务不需要联调这个接口；服务变了的请撤回这份凭证")]}
    if wanted in interfaces.proofs_of(enterprise):
        return {"interface": [_("这个接口已经联调通过，不需要再提交")]}
    opened = timezone.localtime(test.since).date()
    if cleaned["day"] < opened:
        return {"day": [_("测试环境 %(day)s 才开通，请填之后的测试日期") % {"day": opened.isoformat()}]}
    return {}


def why_no_production(application: Application, cleaned: Mapping[str, Any]) -> Refusals:
    """The gate of 申请上线: every interface proved, all that filing needs at hand, and nothing of the test taken along."""
    enterprise = enterprise_of(application)
    if refused := why_not_proved(enterprise):
        return refused
    if in_force(enterprise, Environment.PRODUCTION):
        return _whole(_("生产环境已经开通；要改来源地址或回推地址，请在“系统对接”申请变更"))
    if missing := why_not_ready(enterprise, by_page=False):
        return {"__all__": missing}
    return _why_no_callback(enterprise, Environment.PRODUCTION, cleaned["callback"])


def why_not_proved(enterprise: Enterprise) -> Refusals:
    """What of the test is missing before production."""
    if not in_force(enterprise, Environment.SANDBOX):
        return _whole(_("测试环境还没有开通，请先申请调试"))
    if not active(enterprise):
        return _whole(_("企业现在没有开通的服务，请先申请服务开通"))
    if missing := interfaces.lacking(enterprise):
        named = _("、").join(str(one.label) for one in missing)
        return _whole(_("还有接口没有联调通过：%(interfaces)s。请在“系统对接”逐个提交凭证") % {"interfaces": named})
    return {}


def why_no_change(application: Application, cleaned: Mapping[str, Any]) -> Refusals:
    """The gate of a change: the environment is connected, and something becomes different."""
    enterprise, environment = enterprise_of(application), cleaned["environment"]
    if environment != application.topic:
        return {"environment": [_("这份申请是为另一个环境建立的，请改回原来的环境；两个环境分别申请")]}
    present = in_force(enterprise, environment)
    if present is None:
        return _whole(_("这个环境还没有开通，没有可以变更的参数"))
    if (present.source_addresses, present.callback) == (cleaned["source_addresses"], cleaned["callback"]):
        return _whole(_("来源地址和回推地址都与现在的相同，没有变更"))
    return _why_no_callback(enterprise, environment, cleaned["callback"])


def _why_no_callback(enterprise: Enterprise, environment: str, callback: str) -> Refusals:
    """Receipts of the two environments never arrive at the same place."""
    there = Connection.objects.filter(enterprise=enterprise, callback=callback, ended=None)
    if there.exclude(environment=environment).exists():
        return {"callback": [_("与另一个环境的回推地址相同。测试回执和生产回执不能推到一处，请填另一个地址")]}
    return {}


def _whole(text: str) -> Refusals:
    return {"__all__": [text]}


# --- what an approval changes --------------------------------------------------------------------------------------------


def open_test(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The test environment knows the enterprise from now on."""
    _open(application, Environment.SANDBOX, cleaned, staff)


def take_proof(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """The interface is green."""
    interfaces.prove(
        enterprise_of(application), cleaned["interface"],
        message=cleaned["message_number"], day=cleaned["day"], application=application, by=staff,
    )  # fmt: skip


def open_production(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """Production knows the enterprise from now on; one that waited to be opened files from now on."""
    enterprise = enterprise_of(application)
    _open(application, Environment.PRODUCTION, cleaned, staff)
    open_for_filing(enterprise)


def change_connection(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """Other addresses from now on, under the same codes."""
    environment = cleaned["environment"]
    enterprise = enterprise_of(application)
    present = Connection.objects.filter(enterprise=enterprise, environment=environment, ended=None)
    try:
        with transaction.atomic():
            present.update(
                source_addresses=cleaned["source_addresses"], callback=cleaned["callback"],
                application=application, changed=timezone.now(),
            )  # fmt: skip
    except IntegrityError as error:
        raise ValidationError(_("另一个环境刚刚改成了同一个回推地址，请退回申请人改填")) from error
    changed = present.first()
    if changed is None:
        raise ValidationError(_("这个环境刚刚已被终止，没有可以变更的参数"))
    _write_down(Action.CONNECTION_CHANGED, changed, staff)


def _open(application: Application, environment: Environment, cleaned: Mapping[str, Any], staff: User) -> None:
    """A row with codes nobody else has, in either environment."""
    enterprise = enterprise_of(application)
    address = settings.PORTAL_INTERFACES[environment]
    if not address:
        raise ValidationError(
            _("平台还没有设置%(environment)s的接口地址，请平台运维设置后再审核") % {"environment": environment.label}
        )
    for _draw in range(DRAWS):
        platform_code, short_code = _draw_codes(environment)
        try:
            with transaction.atomic():
                made = Connection.objects.create(
                    enterprise=enterprise, environment=environment,
                    platform_code=platform_code, short_code=short_code,
                    source_addresses=cleaned["source_addresses"], callback=cleaned["callback"],
                    service_address=address, helper=staff, helper_name=str(staff), application=application,
                )  # fmt: skip
        except IntegrityError:  # somebody has the code; or the enterprise was just connected by another application
            continue
        _write_down(Action.CONNECTION_OPENED, made, staff)
        return
    raise ValidationError(_("没能分配平台代码；这家企业可能刚有另一份申请生效，请刷新核对后再审核"))


def _draw_codes(environment: str) -> tuple[str, str]:
    """A platform code and a short code, such as this environment has."""
    six, five = f"{secrets.randbelow(10**6):06}", f"{secrets.randbelow(10**5):05}"
    if environment == Environment.SANDBOX:
        return f"9{six}", f"T{five}"
    return f"{1 + secrets.randbelow(8)}{six}", f"L{five}"


def _write_down(action: Action, connection: Connection, staff: User) -> None:
    who = Bystander(user=staff, enterprise=connection.enterprise)
    record(
        who, action, connection.platform_code, environment=str(connection.environment),
        application=connection.application_id, addresses=len(connection.source_addresses),
    )  # fmt: skip


# --- what staff end, and who of them helps --------------------------------------------------------------------------------


@transaction.atomic
def end(connection: Connection, *, staff: Bystander, reason: str) -> bool:
    """The environment knows the enterprise no more; who looks after its system is told why. False if it had ended before."""
    running = Connection.objects.filter(pk=connection.pk, ended=None)
    if not running.update(ended=timezone.now(), end_reason=reason):
        return False
    environment = Environment(connection.environment)
    said = {"environment": environment.value, "reason": reason}
    record(staff, Action.CONNECTION_ENDED, connection.platform_code, **said)
    _tell(connection, keep(_ENDED, environment=environment.label, code=connection.platform_code, reason=reason))
    return True


@transaction.atomic
def give_helper(connection: Connection, *, staff: Bystander, helper: User) -> bool:
    """Another of the staff helps from now on; they, and who looks after the system, are told. False if it has ended."""
    running = Connection.objects.filter(pk=connection.pk, ended=None)
    before = running.values_list("helper_id", flat=True).first()
    if not running.update(helper=helper, helper_name=str(helper)):
        return False
    said = {"environment": str(connection.environment), "before": before, "after": helper.pk}
    record(staff, Action.CONNECTION_HELPER, connection.platform_code, **said)
    words = {"environment": Environment(connection.environment).label, "helper": str(helper)}
    _tell(connection, keep(_HELPED, **words))
    there = reverse("admin:accounts_connection_change", args=[connection.pk])
    named = {"enterprise": connection.enterprise.name, "environment": words["environment"]}
    notify([helper], keep(_HELPS, **named), address=there)
    return True


def _tell(connection: Connection, text: str) -> None:
    notify_members(connection.enterprise, text, roles=LOOK_AFTER_IT, address=reverse("connection"))


#: Who in an enterprise looks after its system.
LOOK_AFTER_IT = (MemberRole.ADMINISTRATOR, MemberRole.DEVELOPER)
_ENDED = gettext_noop(
    "平台已终止本企业的%(environment)s（平台代码 %(code)s）。原因：%(reason)s。需要时可在“系统对接”重新申请"
)
_HELPED = gettext_noop("本企业%(environment)s的对接专员改为 %(helper)s")
_HELPS = gettext_noop("您现在是“%(enterprise)s”%(environment)s的对接专员")
