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


class SwitchForm(forms.Form):
    """The enterprise to act for from now on."""

    enterprise = forms.IntegerField(min_value=1)
