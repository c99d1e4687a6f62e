"""The forms of signing in, of becoming a user and guarding one's account, and of changing the enterprise."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.password_validation import validate_password
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from accounts.codes import check_name
from accounts.models import User
from accounts.sign_in import why_not_password

PASSWORD_LENGTH = 256


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
        max_length=PASSWORD_LENGTH,
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
                "class": "form-control mono",
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
        max_length=PASSWORD_LENGTH,
        strip=False,
        error_messages={"required": _("请填写现在的密码")},
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "current-password"}),
    )


class RegisterForm(forms.Form):
    """Where a visitor can be reached."""

    email = forms.EmailField(
        label=_("邮箱"),
        max_length=254,
        error_messages={"required": _("请填写邮箱"), "invalid": _("这不是邮箱地址，应形如 name@example.com")},
        widget=forms.EmailInput(attrs={"class": "form-control", "autocomplete": "email"}),
    )
    phone = forms.CharField(
        label=_("手机"),
        max_length=30,
        error_messages={"required": _("请填写手机号码")},
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "tel", "inputmode": "tel"}),
    )

    def clean_phone(self) -> str:
        """Eleven digits of a mobile telephone, however they were typed."""
        plain = unicodedata.normalize("NFKC", self.cleaned_data["phone"])
        digits = re.sub(r"[\s()-]", "", plain).removeprefix("+86")
        if not re.fullmatch(r"1[3-9][0-9]{9}", digits):
            raise forms.ValidationError(_("请填写 11 位手机号码，如 13800001234"))
        return digits


class CodesForm(forms.Form):
    """The codes sent to address and telephone."""

    email_code = forms.CharField(
        label=_("邮件中的验证码"),
        max_length=20,
        error_messages={"required": _("请填写邮件中的 6 位验证码")},
        widget=forms.TextInput(attrs={"class": "form-control mono", "inputmode": "numeric", "autocomplete": "off"}),
    )
    phone_code = forms.CharField(
        label=_("短信中的验证码"),
        max_length=20,
        error_messages={"required": _("请填写短信中的 6 位验证码")},
        widget=forms.TextInput(
            attrs={"class": "form-control mono", "inputmode": "numeric", "autocomplete": "one-time-code"}
        ),
    )


class AccountForm(forms.Form):
    """What a new user is called and signs in with."""

    username = forms.CharField(
        label=_("用户名"),
        max_length=60,
        validators=User._meta.get_field("username").validators,
        help_text=_("登录用，也可以用邮箱登录；60 个字以内，只能用文字、数字和 . + - _"),
        error_messages={"required": _("请填写用户名")},
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "username", "autocapitalize": "none"}),
    )
    name = forms.CharField(
        label=_("姓名"),
        max_length=60,
        validators=[check_name],
        error_messages={"required": _("请填写姓名")},
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("密码"),
        max_length=PASSWORD_LENGTH,
        strip=False,
        help_text=_("至少 10 个字符，不能全是数字，也不能是常见密码"),
        error_messages={"required": _("请填写密码")},
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "new-password"}),
    )

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        """A password must not be like the address either."""
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """The rules for passwords, which look at the name too."""
        said = self.cleaned_data
        user = User(username=said.get("username", ""), name=said.get("name", ""), email=self.email)
        if said.get("password"):
            try:
                validate_password(said["password"], user)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return said


class ForgottenForm(forms.Form):
    """The address of an account whose password is forgotten."""

    email = forms.EmailField(
        label=_("注册时的邮箱"),
        max_length=254,
        error_messages={"required": _("请填写邮箱"), "invalid": _("这不是邮箱地址，应形如 name@example.com")},
        widget=forms.EmailInput(attrs={"class": "form-control", "autocomplete": "email"}),
    )


def dress(form: forms.Form, labels: Mapping[str, Any]) -> None:
    """Give Django's form of a password our words and looks, and the length that can be signed in with."""
    form.label_suffix = ""
    for name, label in labels.items():
        field = form.fields[name]
        field.label, field.help_text = label, ""
        field.widget.attrs |= {"class": "form-control"}
        field.error_messages["required"] = _("请填写这一栏")
        field.validators.append(MaxLengthValidator(PASSWORD_LENGTH, _("密码最多 256 个字符")))


class NewPasswordForm(SetPasswordForm):
    """A new password for a forgotten one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Labels and looks of the portal."""
        super().__init__(*args, **kwargs)
        dress(self, {"new_password1": _("新密码"), "new_password2": _("再填一次新密码")})


class OwnPasswordForm(PasswordChangeForm):
    """One's own password, given the old one; the rules for passwords are Django's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Labels and looks of the portal."""
        super().__init__(*args, **kwargs)
        dress(
            self, {"old_password": _("现在的密码"), "new_password1": _("新密码"), "new_password2": _("再填一次新密码")}
        )

    def clean_old_password(self) -> str:
        """The password of now; guesses are counted, since a session may be in the wrong hands."""
        password: str = self.cleaned_data["old_password"]
        if why_not := why_not_password(self.user, password):
            raise forms.ValidationError(why_not)
        return password

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
