"""The pages on which a person changes their own address or telephone: what is wanted, then the code sent there.

Whoever has a second factor has shown it, and the password is given once more; guesses are counted.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from redis.exceptions import RedisError

from accounts import contact
from accounts.access import UserRequest
from accounts.forms import CodesForm, PasswordAgainForm, RegisterForm
from accounts.limits import TooOften
from accounts.models import User
from accounts.security import proven
from accounts.sign_in import why_not_password
from accounts.views import mark_errors
from portal.personal import mask_email, mask_phone

TRY_LATER = gettext_lazy("暂时无法发送验证码，请过几分钟再试")


class AddressForm(PasswordAgainForm):
    """Another address, and the password."""

    email = RegisterForm.base_fields["email"]
    field_order = ("email", "password")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["email"].label = _("新邮箱")

    def clean_email(self) -> str:
        """Another than now."""
        wanted: str = self.cleaned_data["email"]
        if wanted.lower() == self.user.email.lower():
            raise forms.ValidationError(_("这就是现在的邮箱"))
        return wanted

    def clean_password(self) -> str:
        """The password of now."""
        return _right(self.user, self.cleaned_data["password"])


class PhoneForm(PasswordAgainForm):
    """Another telephone, and the password."""

    phone = RegisterForm.base_fields["phone"]
    field_order = ("phone", "password")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["phone"].label = _("新手机")

    def clean_phone(self) -> str:
        """Eleven digits, and another than now."""
        wanted = RegisterForm.clean_phone(self)  # type: ignore[arg-type]
        if wanted == contact.phone_of(self.user):
            raise forms.ValidationError(_("这就是现在的手机"))
        return wanted

    def clean_password(self) -> str:
        """The password of now."""
        return _right(self.user, self.cleaned_data["password"])


class CodeForm(forms.Form):
    """The code that was sent."""

    code = CodesForm.base_fields["phone_code"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("验证码")
        self.fields["code"].error_messages["required"] = _("请填写收到的 6 位验证码")


FORMS = {"email": AddressForm, "phone": PhoneForm}


def _right(user: User, password: str) -> str:
    if why_not := why_not_password(user, password):
        raise forms.ValidationError(why_not)
    return password


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@proven
def change(request: UserRequest) -> HttpResponse:
    """What there is now, masked, and what is wanted instead."""
    asked = request.POST.get("what", "")
    filled: dict[str, Any] = {
        what: form(request.user, request.POST if what == asked else None, label_suffix="", prefix=what, auto_id="id_%s")
        for what, form in FORMS.items()
    }
    if (form := filled.get(asked)) and form.is_valid():
        try:
            contact.begin(request, request.user, asked, form.cleaned_data[asked])  # type: ignore[arg-type]
            return redirect("contact_code")
        except TooOften as often:
            form.add_error(asked, str(often))
        except RedisError:
            form.add_error(asked, TRY_LATER)
    for form in filled.values():
        _mark(form)
    now = {"email": mask_email(request.user.email), "phone": mask_phone(contact.phone_of(request.user))}
    return render(request, "accounts/contact/change.html", {"now": now, **filled})


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@proven
def code(request: UserRequest) -> HttpResponse:
    """The code that was sent there; without one, back to what is wanted."""
    one = contact.present(request.session, request.user)
    if one is None:
        return redirect("contact")
    form = CodeForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        try:
            if contact.is_right(one, form.cleaned_data["code"]):
                return _finished(request, one)
            form.add_error("code", _("验证码不对，请核对最近收到的一条"))
        except TooOften as often:
            contact.give_up(request.session)
            messages.error(request, str(often))
            return redirect("contact")
        except RedisError:
            form.add_error("code", TRY_LATER)
    mark_errors(form)
    return render(request, "accounts/contact/code.html", {"form": form, "change": one})


def _finished(request: UserRequest, one: contact.Change) -> HttpResponse:
    """Change it, and say so."""
    if not contact.finish(request, request.user, one):
        messages.error(request, _("没有改成，请重新开始"))
    elif one.what == "email":
        messages.success(request, _("邮箱已更换，以后的邮件发到新邮箱；原邮箱已收到通知"))
    else:
        messages.success(request, _("手机已更换"))
    return redirect("contact")


def _mark(form: forms.Form) -> None:
    """Tell a reader of the screen which field is wrong."""
    for name in form.errors:
        if name in form.fields:
            said = {"aria-invalid": "true", "aria-describedby": f"{form[name].id_for_label}_error"}
            form.fields[name].widget.attrs |= said
