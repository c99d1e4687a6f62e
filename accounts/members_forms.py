"""The forms of inviting a member and of giving roles. What may be done is the business of ``members``."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.roles import ROLE_NOTES, MemberRole


class RolesForm(forms.Form):
    """The roles a member has, as boxes to tick."""

    roles = forms.MultipleChoiceField(
        label=_("角色"),
        choices=MemberRole.choices,
        error_messages={
            "required": _("请至少选一个角色"),
            "invalid_choice": _("没有这个角色，请在所列角色中选"),
            "invalid_list": _("没有这个角色，请在所列角色中选"),
        },
    )

    def __init__(self, data: Any = None, *, initial: Any = None) -> None:
        super().__init__(data, initial=initial, label_suffix="")

    def boxes(self) -> Iterator[tuple[str, Any, Any, bool]]:
        """Each role: its word, its name, what it is for, and whether it is ticked."""
        ticked = self["roles"].value() or ()
        return ((role.value, role.label, ROLE_NOTES[role], role.value in ticked) for role in MemberRole)


class InviteForm(RolesForm):
    """Whom to invite, and with which roles."""

    email = forms.EmailField(
        label=_("邮箱"),
        max_length=254,
        error_messages={"required": _("请填写邮箱"), "invalid": _("邮箱的写法不对，应如 name@example.org")},
        widget=forms.EmailInput(
            attrs={"class": "form-control", "autocomplete": "off", "aria-describedby": "email_hint"}
        ),
    )
    field_order = ("email", "roles")
