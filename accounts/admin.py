"""The desk of staff: the stock Django admin over users, members and certificates; enterprises, the record of deeds and what
people are told are in ``enterprise_admin.py``, ``record_admin.py`` and ``notice_admin.py``, what staff end in
``ending_admin.py``.

Nothing of accounts is ever deleted here: members and users are switched off, enterprises suspended, so that every entry
of the record keeps its name.
"""

import re
from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db.models import DateField, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from accounts import members
from accounts.access import Bystander, address_of
from accounts.actions import Action
from accounts.audit import REASON, reason_in, record
from accounts.codes import check_name
from accounts.colleagues import KEYS, RIGHTS, tell_colleagues
from accounts.contact import tell_old_address
from accounts.models import Credential, Enterprise, Invitation, Mandate, Membership, SigningConsent, User
from accounts.roles import EnterpriseType, MemberRole
from accounts.safety import tell_email_changed, tell_factors_reset, tell_password_changed
from accounts.second_factor import forget_factors
from accounts.staff_forms import InvitationForm, MembershipForm, PersonForm, ReasonActionForm, SetPasswordForm
from portal.personal import mask_email


def own_password(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    """One page for everybody's own password, where guesses are counted and other sessions end."""
    return redirect("change_password")


admin.site.password_change = own_password  # type: ignore[method-assign,assignment]
admin.site.site_header = _("后台管理")
admin.site.site_title = _("后台管理")
admin.site.index_title = _("企业、用户与报文")


#: A day, or a moment, as the filters of days write it; PostgreSQL knows no time zones farther away.
MOMENT = re.compile(r"(19|20)\d\d-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d+)?([+-](0\d|1[0-4]):\d\d)?)?", re.ASCII)

#: Why one of the staff decides nothing about an enterprise.
OWN_ENTERPRISE = _("您是这家企业的成员，请由另一位同事办理")
#: What the administrators of an enterprise read of what staff did with the account of one of its members.
PASSWORD_SET = gettext_noop("平台工作人员重设了成员 %(member)s 的登录密码。您不知情的请马上向本人核实，并拨打服务热线")
EMAIL_CHANGED = gettext_noop("平台工作人员修改了成员 %(member)s 的账号邮箱。您不知情的请马上向本人核实，并拨打服务热线")
FACTORS_RESET = gettext_noop("平台工作人员重置了成员 %(member)s 的二次验证。您不知情的请马上向本人核实，并拨打服务热线")
#: The number of a row, as far as PostgreSQL counts.
NUMBER = re.compile(r"\d{1,18}", re.ASCII)
#: The columns that are shown among other words and in the subjects of letters.
NAMES = ("name", "title")


class NumberSelect(AutocompleteSelect):
    """A row chosen by typing; a word where its number belongs chooses none, whoever sent it."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        """The chosen row, if there can be one."""
        return super().optgroups(name, [one for one in value if NUMBER.fullmatch(str(one))], attr)


class Numbered(admin.options.BaseModelAdmin):
    """Whoever offers rows to choose by typing does so with ``NumberSelect``."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The stock field, but for its widget."""
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = NumberSelect(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class Declared(Numbered, admin.ModelAdmin):
    """A list is narrowed by the filters it offers and by nothing else that an address may say."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether one of the filters of this list asks so; of moments only such as there may be here."""
        if lookup.endswith(("__gte", "__lt")) and not MOMENT.fullmatch(value):
            return False
        return any(lookup in self.asked_by(one) for one in self.list_filter)

    def asked_by(self, one: Any) -> tuple[str, ...]:
        """The names under which a filter stands in the address."""
        if not isinstance(one, str):
            return (one.parameter_name,)
        field = self.model._meta.get_field(one)
        ways = ("__gte", "__lt", "__isnull") if isinstance(field, DateField) else ("", "__exact", "__isnull")
        return tuple(one + way for way in ways)


class WordFilter(admin.SimpleListFilter):
    """Rows whose list of words holds one; a word that is not offered is as good as none."""

    def value(self) -> str | None:
        """The chosen word, if it is one of those offered."""
        word = super().value()
        return word if word in {known for known, _label in self.lookup_choices} else None


class Recorded(Declared):
    """Whatever staff change stands in the record of deeds too, with the names of the fields, not their values."""

    #: Whether a change here says why, in its field ``reason``.
    asks_reason = False

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Django's own log, and the record of deeds."""
        self.write_down(request, Action.STAFF_ADD, obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Django's own log, and the record of deeds."""
        self.write_down(request, Action.STAFF_CHANGE, obj, message)
        return super().log_change(request, obj, message)

    def write_down(self, request: HttpRequest, action: str, obj: Model, message: Any, **details: Any) -> None:
        """One entry: which row of which table, and which fields; and why, where that was asked."""
        assert isinstance(request.user, User)
        enterprise = obj if isinstance(obj, Enterprise) else getattr(obj, "enterprise", None)
        staff = Bystander(user=request.user, enterprise=enterprise, address=address_of(request))
        if self.asks_reason and (why := reason_in(request, "reason")):
            details["reason"] = why
        record(staff, action, f"{obj._meta.label_lower} {obj.pk}", changed=changed_fields(message), **details)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The stock field; a name or title reads as it is written, whoever types it."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and db_field.name in NAMES:
            field.validators.append(check_name)
        return field

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


class ReadOnly(Declared):
    """Looked at, never changed here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


class TellsMembers(Recorded):
    """A table on whose pages staff change memberships: the member is told, and the administrators."""

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save, write down why, and tell whoever may do other things now."""
        super().save_formset(request, form, formset, change)
        if formset.model is Membership:
            for row in (row for row in formset.forms if row.changes_anything):
                one = row.instance
                details = {"changed": sorted({*row.changed_data} - {"reason"}), "reason": row.cleaned_data["reason"]}
                staff = Bystander(user=cast(User, request.user), enterprise=one.enterprise)
                record(staff, Action.STAFF_CHANGE, f"{one._meta.label_lower} {one.pk}", **details)
                members.follow_staff(one, by=cast(User, request.user))


class MembershipInline(Numbered, admin.TabularInline):
    """The members of an enterprise, on its page."""

    model = Membership
    form = MembershipForm
    fields = ("user", "roles", "active", "reason")
    autocomplete_fields = ("user",)
    extra = 0
    can_delete = False

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        """The forms, told who has them open."""
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.staff = request.user  # type: ignore[attr-defined]
        return formset


class UserMembershipInline(MembershipInline):
    """The enterprises of a user, on their page."""

    fields = ("enterprise", "roles", "active", "reason")
    autocomplete_fields = ("enterprise",)


class TypeFilter(WordFilter):
    """Enterprises of one type."""

    title = _("企业类型")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """All words of the table."""
        return EnterpriseType.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those that hold the word."""
        return queryset.filter(types__contains=[self.value()]) if self.value() else queryset


class RoleFilter(WordFilter):
    """Members with one role."""

    title = _("角色")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """All words of the table."""
        return MemberRole.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those that hold the word."""
        return queryset.filter(roles__contains=[self.value()]) if self.value() else queryset


@admin.register(User)
class PersonAdmin(TellsMembers, UserAdmin):
    """Users: stock, with the one name they have."""

    form = PersonForm
    add_form = AdminUserCreationForm
    change_password_form = SetPasswordForm
    change_user_password_template = "admin/accounts/user/change_password.html"  # noqa: S105
    action_form = ReasonActionForm
    asks_reason = True
    list_display = ("username", "name", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "is_auditor")
    search_fields = ("username", "name", "email")
    readonly_fields = ("last_login", "date_joined")
    inlines = (UserMembershipInline,)
    actions = ("reset_second_factor",)
    fieldsets = (
        (None, {"fields": ("username", "password", "name", "email", "reason")}),
        (_("权限"), {"fields": ("is_active", "is_staff", "is_superuser", "is_auditor", "groups", "user_permissions")}),
        (_("时间"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "name", "email", "usable_password", "password1", "password2"),
            },
        ),
    )

    @admin.action(description=_("重置二次验证（已核对身份）"), permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """For who lost phone and codes: they sign in anew everywhere and set up another, and all who let people into their
        enterprises hear of it. That of staff only a superuser resets."""
        if len(reason_in(request, "reason")) not in REASON:
            self.message_user(request, gettext("请在操作旁写明重置的原因，2 至 200 个字"), messages.ERROR)
            return
        chosen = [one for one in users if request.user.is_superuser or not one.is_staff]
        for one in chosen:
            forget_factors(one)
            self.write_down(request, Action.SECOND_FACTOR_REMOVED, one, None)
            tell_factors_reset(one)
            self.tell_others(request, one, FACTORS_RESET)
        self.message_user(request, gettext("已重置 %(count)s 人的二次验证") % {"count": len(chosen)})

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save; of another address the old one is told too, and who is switched off lets nobody in any more."""
        old = User.objects.get(pk=obj.pk).email if change and "email" in form.changed_data else obj.email
        super().save_model(request, obj, form, change)
        if old != obj.email:
            tell_old_address(old)
            tell_email_changed(obj, now=mask_email(obj.email) or "—")
            members.tell_administrators(obj, EMAIL_CHANGED)
        if change and not {*RIGHTS, *KEYS}.isdisjoint(form.changed_data):
            tell_colleagues(obj, by=cast(User, request.user))
        if change and "is_active" in form.changed_data and not obj.is_active:
            members.follow_closing(obj)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """A password set by staff is told to whose it is."""
        if isinstance(obj, User) and "password" in changed_fields(message):
            tell_password_changed(obj)
            self.tell_others(request, obj, PASSWORD_SET)
        return super().log_change(request, obj, message)

    def tell_others(self, request: HttpRequest, whose: User, words: str) -> None:
        """Colleagues where it is one of the staff, and the administrators of the enterprises they belong to."""
        tell_colleagues(whose, by=cast(User, request.user))
        members.tell_administrators(whose, words)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Staff but superusers change no others of the staff: whose password one sets, one becomes."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (
            not isinstance(obj, User) or not obj.is_staff or obj == request.user or request.user.is_superuser
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Only a superuser makes staff: otherwise staff could give themselves every right."""
        if request.user.is_superuser:
            return self.readonly_fields
        return (*self.readonly_fields, "is_staff", "is_superuser", "is_auditor", "groups", "user_permissions")


@admin.register(Membership)
class MembershipAdmin(Recorded):
    """Memberships: who may do what in which enterprise."""

    form = MembershipForm
    asks_reason = True
    list_display = ("user", "enterprise", "roles_shown", "active", "created")
    list_filter = ("active", RoleFilter)
    list_select_related = ("user", "enterprise")
    search_fields = ("user__username", "user__name", "enterprise__name", "enterprise__customs_code")
    autocomplete_fields = ("user", "enterprise")

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, told who has it open."""
        form = super().get_form(request, obj, change, **kwargs)
        form.staff = request.user  # type: ignore[attr-defined]
        return form

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """Save, and tell the member and the administrators."""
        super().save_model(request, obj, form, change)
        if form.changes_anything:
            members.follow_staff(obj, by=cast(User, request.user))

    @admin.display(description=_("角色"))
    def roles_shown(self, membership: Membership) -> str:
        """The roles by their Chinese names."""
        return gettext("、").join(membership.role_labels)


@admin.register(Invitation)
class InvitationAdmin(ReadOnly):
    """Invitations: sent and taken back here too, changed nowhere."""

    form = InvitationForm
    fields = ("enterprise", "email", "roles", "reason")
    list_display = ("email", "enterprise", "roles_shown", "created", "expires", "accepted_at", "revoked_at")
    list_filter = ("created", RoleFilter)
    list_select_related = ("enterprise",)
    search_fields = ("email", "enterprise__name", "enterprise__customs_code")
    autocomplete_fields = ("enterprise",)
    actions = ("revoke",)

    @admin.display(description=_("角色"))
    def roles_shown(self, invitation: Invitation) -> str:
        """The roles by their Chinese names."""
        return gettext("、").join(invitation.role_labels)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever has the right to."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, told who invites."""
        assert isinstance(request.user, User)
        form = super().get_form(request, obj, change, **kwargs)
        form.by = Bystander(user=request.user, address=address_of(request))  # type: ignore[attr-defined]
        return form

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        """Invite, and send the letter."""
        made, token = members.invite(by=form.by, email=obj.email, roles=obj.roles, reason=form.cleaned_data["reason"])
        members.mail(made, link=request.build_absolute_uri(reverse("invitation", args=[token])))
        obj.pk = made.pk

    @admin.action(description=_("撤销所选邀请"), permissions=["add"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        """Take back those not yet accepted."""
        assert isinstance(request.user, User)
        done = 0
        for invitation in queryset.select_related("enterprise"):
            staff = Bystander(user=request.user, enterprise=invitation.enterprise, address=address_of(request))
            try:
                members.revoke(by=staff, invitation=invitation)
                done += 1
            except members.Refused as refused:
                messages.warning(request, f"{invitation.email}{gettext('：')}{refused}")
        if done:
            messages.success(request, gettext("已撤销 %(count)s 份邀请") % {"count": done})


@admin.register(Credential)
class CredentialAdmin(ReadOnly):
    """Certificates: made elsewhere, looked at here."""

    list_display = (
        "serial",
        "enterprise",
        "environment",
        "key_place",
        "not_before",
        "not_after",
        "proven_at",
        "active",
    )
    list_filter = ("environment", "key_place", "active", "not_after")
    list_select_related = ("enterprise",)
    search_fields = ("serial", "enterprise__name", "enterprise__customs_code")


@admin.register(Mandate)
class MandateAdmin(ReadOnly):
    """Mandates: made and revoked by the two parties, looked at here."""

    list_display = ("id", "principal", "agent", "mode", "district", "first_day", "last_day", "state")
    list_filter = ("state", "mode")
    list_select_related = ("principal", "agent")
    search_fields = ("principal__name", "principal__customs_code", "agent__name", "agent__customs_code")


@admin.register(SigningConsent)
class SigningConsentAdmin(ReadOnly):
    """Consents to cloud signing: given and revoked by the enterprises, looked at here."""

    list_display = ("id", "enterprise", "text_version", "given_by", "given_at", "revoked_by", "revoked_at")
    list_filter = ("text_version", "given_at", "revoked_at")
    list_select_related = ("enterprise", "given_by", "revoked_by")
    search_fields = ("enterprise__name", "enterprise__customs_code")


def changed_fields(message: Any) -> list[str]:
    """The names of the fields in Django's own change message, inlines included."""
    if not isinstance(message, list):
        return []
    parts = [part for item in message for part in item.values()]
    return sorted({name for part in parts for name in part.get("fields", ())})


# The desk of applications stands on the classes above, so it comes after them.
from accounts.onboarding import admin as _applications  # noqa: E402, F401
