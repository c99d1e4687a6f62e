"""加密证书代办: the platform fetches the certificate at the card centre for an enterprise that cannot go there itself.

From the implementation guide of the Shanghai platform, chapter 6, 4.6, and item 5 of the preparation. Approved means taken
on; then it goes its way step by step (``errands.py``), and the certificate comes in by 证书与加签, as any other.
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.certificates import check_request
from accounts.codes import check_name
from accounts.models import Application, User
from accounts.onboarding.forms import NOT_AN_EMAIL, PHONE, personal


class AgencyForm(forms.Form):
    """Which certificate is wanted, for which device, and who may be asked."""

    purpose = forms.ChoiceField(
        label=_("办理事项"),
        choices=(("", _("请选择")), ("new", _("新办")), ("renewal", _("到期换发")), ("lost", _("遗失或损坏补办"))),
    )
    device = forms.ChoiceField(
        label=_("密钥所在"),
        choices=(("", _("请选择")), ("portal", _("本平台加签服务")), ("machine", _("企业自备加密机"))),
        help_text=_("选本平台加签服务的，先在“证书与加签”制作密钥，下载证书请求"),
    )
    certificate_request = forms.CharField(
        label=_("证书请求（CSR）"),
        max_length=8000,
        required=False,
        validators=[check_request],
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("粘贴 .csr 文件的全部内容；企业自备加密机的可不填"),
    )
    contact_name = personal(forms.CharField(label=_("经办人"), max_length=60, validators=[check_name]), "name")
    contact_phone = personal(forms.CharField(label=_("经办人电话"), max_length=30, validators=[PHONE]), "phone")
    contact_email = personal(forms.EmailField(label=_("经办人邮箱"), error_messages=NOT_AN_EMAIL), "email")
    note = forms.CharField(label=_("说明"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def clean(self) -> dict[str, Any]:
        """A key kept here is known by its request."""
        cleaned = super().clean() or self.cleaned_data
        at_portal = cleaned.get("device") == "portal"
        if at_portal and not cleaned.get("certificate_request") and "certificate_request" not in self.errors:
            self.add_error("certificate_request", _("密钥在本平台加签服务的，请粘贴在“证书与加签”下载的证书请求"))
        return cleaned


def take_on(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """Nothing comes into force by it: the certificate does once it is registered."""
