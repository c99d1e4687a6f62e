"""The desk of staff over enterprises: looked at, suspended and opened again; a public site is opened from here.

What an enterprise is and holds (name, numbers, types, district, transmission number, approved data) comes into force by
the approval of an application alone, so that no single person changes it. Other numbers are proposed from here
(``numbers_admin.py``).
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from accounts import numbers_admin
from accounts.access import Bystander, address_of, is_member
from accounts.actions import Action
from accounts.admin import OWN_ENTERPRISE, MembershipInline, TellsMembers, TypeFilter
from accounts.audit import REASON, reason_in, record
from accounts.models import Credential, Enterprise, Profile, User
from accounts.models.profile import PERSONAL, profile_of
from accounts.notices import notify_members
from accounts.onboarding import applications
from accounts.onboarding.kinds import PUBLIC_SITE
from accounts.onboarding.numbers import proposed
from accounts.onboarding.offices import called
from accounts.onboarding.services import active, tell_whom_it_cleared
from accounts.roles import EnterpriseState
from portal.personal import MASKS
from portal.sentences import keep

#: What its members are told when staff change the state of an enterprise.
STATE_TOLD = {
    Action.ENTERPRISE_SUSPENDED: gettext_noop("“%(name)s”已暂停，只能查看，不能申报。原因：%(reason)s"),
    Action.ENTERPRISE_REOPENED: gettext_noop("“%(name)s”已恢复，可以继续申报。说明：%(reason)s"),
}
#: What of the approved data is about nobody.
PLAIN = ("registration_customs", "website", "park", "business_licence", "since")


class EnterpriseForm(forms.ModelForm):
    """The state of an enterprise: what is open is suspended, what is suspended opened again, each for a reason."""

    reason = forms.CharField(
        label=_("变更状态的原因"),
        max_length=200,
        required=False,
        help_text=_("改变状态时必填，记入操作记录；暂停的原因企业可以看到"),
    )

    #: Who has it open (``EnterpriseAdmin.get_form``).
    staff: User

    class Meta:
        model = Enterprise
        fields = ("state",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "state" in self.fields:  # who may only look has no field
            opened = self.instance.state != EnterpriseState.DRAFT
            offered = (EnterpriseState.APPROVED, EnterpriseState.SUSPENDED) if opened else (EnterpriseState.DRAFT,)
            self.fields["state"].choices = [(one.value, one.label) for one in offered]  # type: ignore[attr-defined]
            if not opened:
                self.fields["state"].help_text = _("未开通的企业由“页面上线”的申请审核通过后开通，不在这里开通")

    def clean(self) -> dict[str, Any]:
        """Nobody is suspended or opened again without a word, or by one of their own."""
        cleaned = super().clean() or self.cleaned_data
        moved = "state" in self.changed_data and "state" in cleaned
        if moved and not cleaned.get("reason") and "reason" not in self.errors:
            self.add_error("reason", _("改变状态请写明原因"))
        if moved and is_member(self.staff, self.instance):
            self.add_error("state", OWN_ENTERPRISE)
        return cleaned


class CredentialInline(admin.TabularInline):
    """The certificates of an enterprise, to look at."""

    model = Credential
    fields = readonly_fields = ("environment", "serial", "not_before", "not_after", "active")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


def profile_column(name: str) -> Callable[[Any, Enterprise], str]:
    """A line of the approved data as staff see it without a reason."""

    @admin.display(description=Profile._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    def shown(desk: Any, enterprise: Enterprise) -> str:
        held = profile_of(enterprise)
        return (line_of(held, name) if held else "") or "—"

    return shown


def line_of(held: Profile, name: str, *, uncovered: bool = False) -> str:
    """One column of the approved data in words; masked if it is about a person and no reason was given."""
    if name in PERSONAL:
        text = held.told(name)
        return text if uncovered or not text else MASKS[PERSONAL[name]](text)
    if name == "registration_customs":
        return called(held.registration_customs)
    if name == "business_licence":
        paper = held.business_licence
        if paper is None:
            return ""
        there = reverse("admin:accounts_application_paper", args=[paper.application_id, paper.pk])
        return format_html('<a href="{}" download>{}</a>', there, paper.name)
    if name == "since":
        return timezone.localtime(held.since).strftime("%Y-%m-%d %H:%M")
    return str(getattr(held, name))


@admin.register(Enterprise)
class EnterpriseAdmin(TellsMembers):
    """Enterprises: found by any of their numbers; suspended and opened again here, and changed by applications only."""

    form = EnterpriseForm
    list_display = ("name", "customs_code", "credit_code", "types_shown", "customs_district", "dxp_id", "state")
    list_filter = ("state", TypeFilter, "customs_district")
    search_fields = ("name", "customs_code", "credit_code", "dxp_id")
    inlines = (MembershipInline, CredentialInline)
    readonly_fields = (
        "name", "credit_code", "customs_code", "types_shown", "customs_district", "dxp_id", "state_reason",
        *PLAIN, *PERSONAL, "uncovering", "other_numbers",
    )  # fmt: skip
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "credit_code",
                    "customs_code",
                    "other_numbers",
                    "types_shown",
                    "customs_district",
                    "dxp_id",
                ),
                "description": _("名称、号码、类型和关区不在这里修改，只随审核通过的申请变更"),
            },
        ),
        (_("状态"), {"fields": ("state", "reason", "state_reason")}),
        (_("企业资料"), {"fields": (*PERSONAL, *PLAIN, "uncovering")}),
    )
    legal_representative = profile_column("legal_representative")
    contact_name = profile_column("contact_name")
    contact_phone = profile_column("contact_phone")
    contact_email = profile_column("contact_email")
    registration_customs = profile_column("registration_customs")
    website = profile_column("website")
    park = profile_column("park")
    business_licence = profile_column("business_licence")
    since = profile_column("since")

    def get_urls(self) -> list[Any]:
        """The stock ones, and the approved data whole."""
        opened, numbers = self.admin_site.admin_view(self.profile), self.admin_site.admin_view(self.numbers)
        return [
            path("<path:object_id>/profile/", opened, name="accounts_enterprise_profile"),
            path("<path:object_id>/numbers/", numbers, name="accounts_enterprise_numbers"),
            *super().get_urls(),
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look is shown no way to propose anything."""
        if self.has_change_permission(request, obj):
            return self.fieldsets
        (label, shown), *more = self.fieldsets
        return [(label, {**shown, "fields": [one for one in shown["fields"] if one != "other_numbers"]}), *more]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form knows who has it open."""
        form = super().get_form(request, obj, change, **kwargs)
        form.staff = request.user  # type: ignore[attr-defined]
        return form

    def save_model(self, request: HttpRequest, obj: Enterprise, form: Any, change: bool) -> None:
        """Suspending and opening are deeds of their own, with their reason."""
        moved = "state" in form.changed_data
        if moved:
            obj.state_reason = form.cleaned_data["reason"]
        obj.save(update_fields=["state", "state_reason"])
        if moved:
            suspended = obj.state == EnterpriseState.SUSPENDED
            deed = Action.ENTERPRISE_SUSPENDED if suspended else Action.ENTERPRISE_REOPENED
            record(as_staff(request, obj), deed, obj.customs_code, reason=obj.state_reason)
            told = keep(STATE_TOLD[deed], name=obj.name, reason=obj.state_reason)
            notify_members(obj, told, address=reverse("home"))
            if suspended:
                tell_whom_it_cleared(obj, active(obj))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The stock page, but that nothing else is added from it."""
        told = {"show_save_and_add_another": False, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, told)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """A public site handed in: another of the staff decides. Every other enterprise applies for its account itself."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = PUBLIC_SITE.form(request.POST or None, label_suffix="")
        if request.method == "POST" and form.is_valid():
            typed = {name: [str(value)] for name, value in form.cleaned_data.items()}
            staff, topic = as_staff(request, None).user, form.cleaned_data["customs_code"]
            assert staff is not None
            problems = applications.lodge(PUBLIC_SITE, typed, by=staff, topic=topic, address=address_of(request))
            if not problems:
                told = (
                    gettext("“%s”已提交，等另一位同事在“申请”中审核，通过后即可邀请经营人") % form.cleaned_data["name"]
                )
                self.message_user(request, told, messages.SUCCESS)
                return redirect("admin:accounts_enterprise_changelist")
            for name, texts in problems.items():
                form.add_error(None if name == "__all__" else name, texts)
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "title": PUBLIC_SITE.label, "form": form,
        }  # fmt: skip
        return TemplateResponse(request, "admin/accounts/enterprise/public_site.html", context)

    def profile(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The approved data of one enterprise, masked; with nothing masked for a reason and on record."""
        enterprise = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, enterprise):
            raise PermissionDenied
        if enterprise is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        why, uncovered = reason_in(request), False
        if request.method == "POST":
            if not self.has_change_permission(request, enterprise):
                raise PermissionDenied
            if uncovered := len(why) in REASON:
                record(as_staff(request, enterprise), Action.UNCOVER, f"enterprise {enterprise.pk}", reason=why)
            else:
                self.message_user(request, gettext("请写明显示个人信息的理由，2 至 200 个字"), messages.ERROR)
        held = profile_of(enterprise)
        if held is None:
            return HttpResponseRedirect(reverse("admin:accounts_enterprise_change", args=[enterprise.pk]))
        names = [(name, Profile._meta.get_field(name).verbose_name) for name in (*PERSONAL, *PLAIN)]  # type: ignore[union-attr]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("企业资料"),
            "enterprise": enterprise,
            "lines": [(label, line_of(held, name, uncovered=uncovered)) for name, label in names],
            "uncovered": uncovered,
            "may_uncover": self.has_change_permission(request, enterprise),
            "why": why,
        }
        return TemplateResponse(request, "admin/accounts/enterprise/profile.html", context)

    def numbers(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Where other numbers are proposed for it."""
        enterprise = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, enterprise):
            raise PermissionDenied
        if enterprise is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        return numbers_admin.page(self, request, enterprise)

    @admin.display(description=_("代码变更"))
    def other_numbers(self, enterprise: Enterprise) -> str:
        """The way to propose others, or the proposal that waits for a colleague."""
        if one := proposed(enterprise):
            there = reverse("admin:accounts_application_change", args=[one.pk])
            return format_html('<a href="{}">{}</a>', there, gettext("已提出，等另一位同事审核"))
        there = reverse("admin:accounts_enterprise_numbers", args=[enterprise.pk])
        return format_html('<a href="{}">{}</a>', there, gettext("凭证明材料提出变更，另一位同事审核"))

    @admin.display(description=_("企业类型"))
    def types_shown(self, enterprise: Enterprise) -> str:
        """Its types by their Chinese names."""
        return gettext("、").join(enterprise.type_labels)

    @admin.display(description=_("个人信息"), empty_value="—")
    def uncovering(self, enterprise: Enterprise) -> str | None:
        """Where staff say why they have to see what is masked."""
        if profile_of(enterprise) is None:
            return None
        there = reverse("admin:accounts_enterprise_profile", args=[enterprise.pk])
        return format_html('<a href="{}">{}</a>', there, gettext("已遮挡，写明理由后显示"))


def as_staff(request: HttpRequest, enterprise: Enterprise | None) -> Bystander:
    """Who asks, for the record of deeds."""
    assert isinstance(request.user, User)
    return Bystander(user=request.user, enterprise=enterprise, address=address_of(request))
