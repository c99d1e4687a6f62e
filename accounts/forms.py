"""The forms of signing in and of changing the enterprise one acts for."""

from django import forms
from django.utils.translation import gettext_lazy as _


class SignInForm(forms.Form):
    """User name or e-mail, and password. Whether they are right is sign_in's business."""

    username = forms.CharField(
        label=_("用户名或邮箱"),
        max_length=254,
        error_messages={"required": _("请填写用户名或邮箱")},
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label=_("密码"),
        max_length=256,
        strip=False,
        error_messages={"required": _("请填写密码")},
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "current-password"}),
    )


class SwitchForm(forms.Form):
    """The enterprise to act for from now on."""

    enterprise = forms.IntegerField(min_value=1)
