"""The forms of what can be applied for: the one place where a field's rule, word and note stand.

They are bound to what was typed, drawn on the applicant's page, and asked again at the approval.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.codes import as_code, check_credit_code, check_customs_code, check_name, provinces
from accounts.contact import phone_of
from accounts.models import User
from accounts.onboarding.offices import ELSEWHERE, OFFICES, SHANGHAI

PHONE = RegexValidator(r"^1[3-9][0-9]{9}\Z|^0[0-9]{2,3}-?[0-9]{7,8}(-[0-9]{1,6})?\Z", _("请填手机号，或带区号的座机号"))


Field = TypeVar("Field", bound=forms.Field)


#: What is said of an address that is none, with the look of one.
NOT_AN_EMAIL = {"invalid": _("这不是邮箱地址，应形如 name@example.com")}
NOT_A_URL = {"invalid": _("这不是网址，应形如 https://www.example.com")}


class CodeField(forms.CharField):
    """A number by which offices know somebody, taken as it is published."""

    def to_python(self, value: Any) -> str:
        """In capitals and without spaces: a clerk who copies it from a scan is not sent back for that."""
        return as_code(super().to_python(value) or "")

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Without the length: the browser would cut off what is longer with its spaces."""
        return {name: value for name, value in super().widget_attrs(widget).items() if name != "maxlength"}


def personal(field: Field, mask: str) -> Field:
    """A field about a person: staff see it masked (``portal.personal.MASKS``) until they say why they must see it."""
    field.mask = mask  # type: ignore[attr-defined]
    return field


def belonging(field: Field, name: str, value: str) -> Field:
    """A field that is of use only while ``value`` is ticked in the field ``name``: otherwise it is not drawn."""
    field.belongs_to = (name, value)  # type: ignore[attr-defined]
    return field


def asked_later(field: Field) -> Field:
    """A field that is drawn only once it is asked for, or filled."""
    field.asked_later = True  # type: ignore[attr-defined]
    return field


def kept_if_blank(field: Field) -> Field:
    """A field of a change that is left blank unless it changes: what is in force need not be shown for it."""
    field.required, field.kept_if_blank = False, True  # type: ignore[attr-defined]
    return field


def said_once(field: Field) -> Field:
    """A field of a change that is about the change itself: nothing of it is in force before."""
    field.said_once = True  # type: ignore[attr-defined]
    return field


def is_said_once(field: forms.Field) -> bool:
    """Whether it is one of those."""
    return getattr(field, "said_once", False)


def is_kept_if_blank(field: forms.Field) -> bool:
    """Whether it is one of those."""
    return getattr(field, "kept_if_blank", False)


def is_of_use(name: str, field: forms.Field, typed: Mapping[str, Sequence[str]]) -> bool:
    """Whether a reader needs it: not where its tick is missing, or it was never asked for."""
    if getattr(field, "asked_later", False):
        return bool(typed.get(name))
    ticked_in, value = getattr(field, "belongs_to", ("", ""))
    return not ticked_in or value in typed.get(ticked_in, ())


class IdentityForm(forms.Form):
    """What an enterprise is known by: its name and both its numbers."""

    name = forms.CharField(
        label=_("企业名称"), max_length=100, validators=[check_name], help_text=_("与营业执照及海关备案一致")
    )
    credit_code = CodeField(
        label=_("统一社会信用代码"), max_length=18, validators=[check_credit_code], help_text=_("18 位，见营业执照")
    )
    customs_code = CodeField(
        label=_("海关十位编码"), max_length=10, validators=[check_customs_code], help_text=_("见海关备案证明")
    )


class RegisteredForm(IdentityForm):
    """With the office of customs that registered it."""

    registration_customs = forms.ChoiceField(label=_("注册地海关"), choices=())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offices = [(one.key, one.name) for one in OFFICES.values()]
        choices = [("", _("请选择")), *offices, (ELSEWHERE, _("上海以外的海关"))]
        self.fields["registration_customs"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The customs code begins with the region of the office that gave it (GB/T 2260: 31 is Shanghai)."""
        cleaned = super().clean() or self.cleaned_data
        code, office = cleaned.get("customs_code"), cleaned.get("registration_customs")
        if code and office and (problem := why_not_that_office(code, office)):
            self.add_error("customs_code", problem)
        return cleaned


class AccountForm(RegisteredForm):
    """企业开户: who the enterprise is, where customs registered it, whom to ask."""

    legal_representative = personal(
        forms.CharField(label=_("法定代表人"), max_length=60, validators=[check_name]), "name"
    )
    contact_name = personal(forms.CharField(label=_("联系人"), max_length=60, validators=[check_name]), "name")
    contact_phone = personal(forms.CharField(label=_("联系电话"), max_length=30, validators=[PHONE]), "phone")
    contact_email = personal(forms.EmailField(label=_("联系邮箱"), error_messages=NOT_AN_EMAIL), "email")
    website = forms.URLField(
        label=_("网站"), required=False, assume_scheme="https", error_messages=NOT_A_URL, help_text=_("没有可不填")
    )


def known_of(user: User) -> dict[str, list[str]]:
    """Whom to ask, as far as they said it when they registered."""
    return {"contact_name": [user.name], "contact_phone": [phone_of(user)], "contact_email": [user.email]}


def why_not_that_office(code: str, office: str) -> str:
    """Why this customs code cannot have been given by that office; empty when it can."""
    if code.startswith(SHANGHAI) == (office != ELSEWHERE):
        return ""
    return gettext(
        "编码以 %(begins)s（%(province)s）开头，与注册地海关不符：上海各海关给出的编码以 31 开头。请核对编码和注册地海关"
    ) % {"begins": code[:2], "province": provinces().get(code[:2], "")}
