"""The desk of staff over connected systems: opened and changed by approving applications, looked at, ended and helped here."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.access import Bystander
from accounts.admin import ReadOnly, WordFilter
from accounts.ending_admin import Endable, EndingForm
from accounts.models import Connection, InterfaceProof, User
from accounts.onboarding import connection


class ConnectionForm(EndingForm):
    """Who helps, or why it is ended; one of the two at a time."""

    helper = forms.ModelChoiceField(
        label=_("对接专员"),
        queryset=User.objects.filter(is_staff=True, is_active=True, is_auditor=False).order_by("username"),
        help_text=_("姓名显示在企业的“系统对接”页"),
    )
    end_reason = forms.CharField(
        label=_("终止原因"),
        max_length=200,
        required=False,
        help_text=_("填写并保存即终止这个环境，不能恢复；要再开通由企业重新申请。原因企业可以看到。只换对接专员的不填"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "helper" in self.fields:  # who has left still stands there until another is chosen
            helper: Any = self.fields["helper"]
            helper.queryset |= User.objects.filter(pk=self.instance.helper_id)

    def clean(self) -> dict[str, Any]:
        """Something is to be done, and not both at once."""
        cleaned = super().clean()
        if cleaned.get("end_reason") and "helper" in self.changed_data:
            self.add_error("end_reason", _("终止和更换对接专员请分开办理"))
        elif not cleaned.get("end_reason") and "helper" not in self.changed_data and not self.errors:
            self.add_error("end_reason", _("没有要办的：请改选对接专员，或写明终止原因"))
        return cleaned


class InForceFilter(WordFilter):
    """In force, or ended by staff."""

    title = _("状态")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """Two."""
        return (("in_force", _("使用中")), ("ended", _("已终止")))

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Those of it."""
        if not (word := self.value()):
            return queryset
        return queryset.filter(Q(ended=None) if word == "in_force" else ~Q(ended=None))


@admin.register(Connection)
class ConnectionAdmin(Endable):
    """Connections: found by either code."""

    form = ConnectionForm
    readonly_fields = (
        "enterprise", "environment", "platform_code", "short_code", "source_addresses", "callback", "service_address",
        "application", "since", "changed", "ended",
    )  # fmt: skip
    fields = (*readonly_fields, "helper", "end_reason")
    list_display = (
        "platform_code", "environment", "enterprise", "short_code", "callback", "helper", "since", "changed", "ended",
    )  # fmt: skip
    list_filter = ("environment", InForceFilter, "since")
    list_select_related = ("enterprise", "helper")
    search_fields = ("platform_code", "short_code", "enterprise__name", "enterprise__customs_code")

    def end(self, one: Connection, *, staff: Bystander, reason: str) -> bool:
        """The environment knows the enterprise no more."""
        return connection.end(one, staff=staff, reason=reason)

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """Ended where a reason stands; else another helps."""
        if form.cleaned_data["end_reason"]:
            super().save_model(request, obj, form, change)
        elif "helper" in form.changed_data:
            assert isinstance(request.user, User)
            staff = Bystander(user=request.user, enterprise=obj.enterprise)
            if not connection.give_helper(obj, staff=staff, helper=form.cleaned_data["helper"]):
                messages.warning(request, gettext("刚刚已经终止，没有再办"))


@admin.register(InterfaceProof)
class InterfaceProofAdmin(ReadOnly):
    """Interfaces proved in the test environment."""

    list_display = ("enterprise", "interface", "message_number", "day", "since")
    list_filter = ("interface", "since")
    list_select_related = ("enterprise",)
    search_fields = ("message_number", "enterprise__name", "enterprise__customs_code")
