"""The forms of signing in and of changing the enterprise one acts for."""

from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
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


class CodeForm(forms.Form):
    """The code of an authenticator app, or a recovery code."""

    code = forms.CharField(
        label=_("动态码或恢复码"),
        max_length=64,
        error_messages={
            "required": _("请填写验证器上的 6 位动态码，或一个恢复码"),
            "max_length": _("动态码是 6 位数字，恢复码是 10 个字符"),
        },
        widget=forms.TextInput(
            attrs={
                "class": "form-control code",
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )


class AppCodeForm(CodeForm):
    """The code of the app that is being set up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Only digits come from an app."""
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("应用显示的 6 位动态码")
        self.fields["code"].error_messages["required"] = _("请填写验证器上的 6 位动态码")
        self.fields["code"].widget.attrs |= {"inputmode": "numeric"}


class PasswordAgainForm(forms.Form):
    """The password once more, before something that guards the account is taken away."""

    password = forms.CharField(
        label=_("现在的密码"),
        max_length=256,
        strip=False,
        error_messages={"required": _("请填写现在的密码")},
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "current-password"}),
    )


class OwnPasswordForm(PasswordChangeForm):
    """One's own password, given the old one; the rules for passwords are Django's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Labels and looks of the portal."""
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        labels = {"old_password": _("现在的密码"), "new_password1": _("新密码"), "new_password2": _("再填一次新密码")}
        for name, label in labels.items():
            self.fields[name].label = label
            self.fields[name].widget.attrs |= {"class": "form-control"}
            self.fields[name].error_messages["required"] = _("请填写这一栏")

    def save(self, commit: bool = True) -> Any:
        """Only the password is written: no more of a user is the web's to write."""
        self.user.set_password(self.cleaned_data["new_password1"])
        if commit:
            self.user.save(update_fields=["password"])
        return self.user


class SessionForm(forms.Form):
    """One session to end, or all others."""

    session = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    do = forms.CharField(max_length=10, required=False)


class SwitchForm(forms.Form):
    """The enterprise to act for from now on."""

    enterprise = forms.IntegerField(min_value=1)
