"""What staff type about people on their desk: memberships, invitations, another address or password; each with its reason."""

from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
from django.utils.translation import gettext_lazy as _

from accounts import members
from accounts.access import Bystander
from accounts.audit import REASON
from accounts.models import Invitation, Membership, User
from accounts.roles import MemberRole

#: Why staff make nobody an administrator where there is one.
ASK_ADMINISTRATOR = _("这家企业已有管理员，管理员由企业自己增加：请企业的管理员在“成员”页邀请或修改角色")


class WordsField(forms.MultipleChoiceField):
    """Several words of one table, as boxes to tick."""

    widget = forms.CheckboxSelectMultiple


def reason_field(label: Any, *, required: bool = False) -> forms.CharField:
    """Why staff take the account of somebody, or the members of an enterprise, in hand; kept in the record of deeds."""
    return forms.CharField(
        label=label,
        min_length=REASON.start,
        max_length=REASON.stop - 1,
        required=required,
        help_text=_("记入操作记录，请写明核实了什么；不要写个人信息"),
    )


class MembershipForm(forms.ModelForm):
    """A membership, its roles as boxes to tick."""

    #: Who has it open (``accounts.admin``).
    staff: User
    roles = WordsField(label=_("角色"), choices=MemberRole.choices)
    reason = reason_field(_("原因"))

    class Meta:
        model = Membership
        fields = ("user", "enterprise", "roles", "active")

    @property
    def changes_anything(self) -> bool:
        """Whether the membership becomes another; a reason alone is none, nor what whoever may only look has sent."""
        return self.has_changed() and bool(set(self.changed_data) - {"reason"})

    def clean(self) -> dict[str, Any]:
        """None of the platform's own people belongs to an enterprise, whose applications they decide on; and whoever has an
        administrator lets another in themselves."""
        cleaned = super().clean() or self.cleaned_data
        user, enterprise = cleaned.get("user"), cleaned.get("enterprise")
        if user and cleaned.get("active") and (user.is_staff or user.is_auditor):
            where = "user" if isinstance(self.fields.get("user"), forms.ModelChoiceField) else "active"
            self.add_error(where, _("平台工作人员和审计员不能成为企业成员；要保留职员身份，请先取消其成员资格"))
        if self.changes_anything and not cleaned.get("reason") and "reason" not in self.errors:
            self.add_error("reason", _("变更成员请写明原因"))
        rules = cleaned.get("active") and MemberRole.ADMINISTRATOR in cleaned.get("roles", ())
        if rules and user and enterprise and members.is_let_in_by_others(user, enterprise):
            self.add_error("roles", ASK_ADMINISTRATOR)
        elif rules and enterprise and (why := members.why_not_let_in_by(self.staff, enterprise)):
            self.add_error("roles", why)
        return cleaned


class PersonForm(UserChangeForm):
    """A user; why another address is written is asked for."""

    reason = reason_field(_("修改邮箱的原因"))

    def clean(self) -> dict[str, Any]:
        """Whoever reads the letters of an account can take it over."""
        cleaned = super().clean() or self.cleaned_data
        if "email" in self.changed_data and not cleaned.get("reason") and "reason" not in self.errors:
            self.add_error("reason", _("修改邮箱请写明原因"))
        return cleaned


class SetPasswordForm(AdminPasswordChangeForm):
    """Another password, and why."""

    reason = reason_field(_("原因"), required=True)


class ReasonActionForm(ActionForm):
    """The actions of a list, with the reason some of them ask for."""

    reason = forms.CharField(label=_("原因"), required=False, max_length=REASON.stop - 1)


class InvitationForm(forms.ModelForm):
    """Whom staff invite into an enterprise: its first administrator, whom nobody there could invite."""

    by: Bystander
    roles = WordsField(label=_("角色"), choices=MemberRole.choices)
    reason = reason_field(_("原因"), required=True)

    class Meta:
        model = Invitation
        fields = ("enterprise", "email", "roles")

    def clean(self) -> dict[str, Any]:
        """Whether this address may be invited."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            cleaned["email"] = cleaned["email"].lower()
            self.by = Bystander(self.by.user, cleaned["enterprise"], self.by.address)
            try:
                members.check_may_be_invited(by=self.by, email=cleaned["email"])
            except members.Refused as refused:
                self.add_error("email", str(refused))
            if MemberRole.ADMINISTRATOR in cleaned["roles"] and members.has_administrator(cleaned["enterprise"]):
                self.add_error("roles", ASK_ADMINISTRATOR)
            elif (
                MemberRole.ADMINISTRATOR in cleaned["roles"]
                and self.by.user
                and (why := members.why_not_let_in_by(self.by.user, cleaned["enterprise"]))
            ):
                self.add_error("roles", why)
        return cleaned
