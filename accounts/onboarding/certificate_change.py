"""更换加签证书: an enterprise that files for real signs with another certificate only once staff have agreed.

The one in use stays in force meanwhile. Asked for on the page of certificates (``accounts/enrolment.py``).
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.certificates import named_otherwise
from accounts.credentials import change_in_turn
from accounts.models import Application, Credential, User
from accounts.onboarding.typed import enterprise_of
from accounts.roles import Environment


class CertificateChangeForm(forms.Form):
    """Which certificate, and why another."""

    serial = forms.CharField(
        label=gettext_lazy("改用的证书序列号"),
        max_length=40,
        validators=[RegexValidator(r"^[0-9a-f]+\Z", gettext_lazy("请照“证书与加签”所列填写：数字和小写字母 a 到 f"))],
        help_text=gettext_lazy("已登记在生产环境的证书"),
    )
    reason = forms.CharField(
        label=gettext_lazy("更换原因"), max_length=200, help_text=gettext_lazy("如：即将到期、设备更换")
    )


def why_not_this(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """The gate: it is no certificate of numbers the enterprise had before."""
    enterprise = enterprise_of(application)
    held = enterprise.credentials.filter(environment=Environment.PRODUCTION, serial=cleaned["serial"]).first()
    return {"__all__": [of_old_codes(held)]} if held and of_old_codes(held) else {}


def of_old_codes(credential: Credential) -> str:
    """Why this certificate signs nothing any more, if it was given to codes that its enterprise has no longer."""
    named = named_otherwise(credential, credential.enterprise.codes)
    return (
        _("证书 %(serial)s 签发给 %(named)s，不是本企业现在的代码，不能启用。请登记签发给新代码的证书")
        % {"serial": credential.serial, "named": _("、").join(sorted(named))}
        if named
        else ""
    )


def change_certificate(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """It is in use from now on, and the one before gives way; if it can still sign. That it was approved is told as ever."""
    enterprise, serial = enterprise_of(application), cleaned["serial"]
    change_in_turn(enterprise, Environment.PRODUCTION)
    wanted = Credential.objects.filter(enterprise=enterprise, environment=Environment.PRODUCTION, serial=serial)
    if (found := wanted.select_related("enterprise").first()) and (why := of_old_codes(found)):
        raise ValidationError(why)
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_change_certificate(%s, %s)", [application.pk, serial])
        (changed,) = cursor.fetchone()
    if not changed:
        raise ValidationError(
            _("企业在生产环境没有登记序列号 %(serial)s 的证书，或它已到期，或它的密钥还没有验证。请退回补正")
            % {"serial": serial}
        )
    who = Bystander(user=staff, enterprise=application.enterprise)
    record(who, Action.CREDENTIAL_USED, serial, environment=str(Environment.PRODUCTION), application=application.pk)
