"""The forms of registering certificates. What a file is, and whether it can be taken, is ``enrolment``'s business."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.certificates import CertificateRefused, check_size
from accounts.credentials import present_environment
from accounts.roles import Environment


class EnvironmentForm(forms.Form):
    """For which environment; without one, or with a wrong one, that in which this portal runs."""

    environment = forms.ChoiceField(choices=Environment.choices, required=False)

    @property
    def chosen(self) -> str:
        """The environment meant."""
        return (self.is_valid() and self.cleaned_data["environment"]) or str(present_environment())


class SmallFile(forms.FileField):
    """A file that is read whole: its size is looked at before its content."""

    def clean(self, data: Any, initial: Any = None) -> bytes:
        """The bytes."""
        file = super().clean(data, initial)
        try:
            check_size(file.size)
        except CertificateRefused as refused:
            raise ValidationError(str(refused)) from None
        content: bytes = file.read()
        return content


def _file(label: Any, accept: str, empty: Any) -> SmallFile:
    return SmallFile(
        label=label,
        allow_empty_file=True,
        max_length=150,
        widget=forms.FileInput(attrs={"class": "form-control", "accept": accept}),
        error_messages={"required": empty, "invalid": empty, "max_length": _("文件名太长，请改短后再上传")},
    )


class CertificateForm(forms.Form):
    """A certificate alone; ``request`` is the key made here that it is said to belong to."""

    file = _file(_("证书文件"), ".cer,.crt,.pem,.der", _("请选择证书文件"))
    request = forms.IntegerField(required=False, widget=forms.HiddenInput)


class Pkcs12Form(forms.Form):
    """A certificate with its key. The password opens the file and is forgotten."""

    file = _file(_("PKCS#12 文件"), ".p12,.pfx", _("请选择 PKCS#12 文件"))
    password = forms.CharField(
        label=_("文件口令"),
        max_length=256,
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "off"}),
        error_messages={"max_length": _("口令最多 256 个字符")},
    )


class ProofForm(forms.Form):
    """What the key of a certificate signed. What it is worth is judged in ``key_proof``."""

    signature = forms.CharField(
        label=_("签名结果（Base64）"),
        max_length=10_000,
        widget=forms.Textarea(
            attrs={"class": "form-control mono", "rows": 5, "autocomplete": "off", "spellcheck": "false"}
        ),
        error_messages={
            "required": _("请粘贴签名结果"),
            "max_length": _("内容太长，不是签名。请只粘贴签名的 Base64 结果"),
        },
    )
