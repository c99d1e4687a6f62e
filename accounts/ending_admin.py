"""The desk of staff over what is in force and may be ended with a reason: services, licences, evidence of the preparation.

Each comes into force by an approved application and is rewritten nowhere; what is ended here the enterprise applies for anew.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.access import Bystander, is_member
from accounts.admin import OWN_ENTERPRISE, ReadOnly, WordFilter
from accounts.models import Evidence, Qualification, Service, User
from accounts.onboarding import services, voiding
from accounts.onboarding.kinds import kind_named
from accounts.onboarding.preparation import ITEMS


class EndingForm(forms.ModelForm):
    """Why it is ended; nothing else of it changes here."""

    end_reason = forms.CharField(
        label=_("终止原因"),
        max_length=200,
        help_text=_("保存即终止，不能恢复；要再开通由企业重新申请。原因企业可以看到"),
    )

    #: Who has it open (``Endable.get_form``).
    staff: User

    def clean(self) -> dict[str, Any]:
        """Nobody ends anything of an enterprise of their own."""
        cleaned = super().clean() or self.cleaned_data
        if is_member(self.staff, self.instance.enterprise_id):
            self.add_error(next(iter(self.fields)), OWN_ENTERPRISE)
        return cleaned


class Endable(ReadOnly):
    """Looked at and, while it is in force, ended with a reason by whoever has the right to change it."""

    form = EndingForm

    def is_in_force(self, one: Any) -> bool:
        """Whether there is something to end."""
        return one.ended is None

    def end(self, one: Any, *, staff: Bystander, reason: str) -> bool:
        """The deed; False where somebody else was faster."""
        raise NotImplementedError

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever has the right to, while it is in force."""
        running = obj is None or self.is_in_force(obj)
        return running and admin.ModelAdmin.has_change_permission(self, request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form knows who has it open."""
        form = super().get_form(request, obj, change, **kwargs)
        form.staff = request.user  # type: ignore[attr-defined]
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The deed, with its reason; of two who end it at once one does."""
        assert isinstance(request.user, User)
        staff = Bystander(user=request.user, enterprise=obj.enterprise)
        if not self.end(obj, staff=staff, reason=form.cleaned_data["end_reason"]):
            messages.warning(request, gettext("刚刚已经终止，没有再办"))


@admin.register(Service)
class ServiceAdmin(Endable):
    """Services: activated by approving their applications, looked at and ended here."""

    readonly_fields = (
        "enterprise", "enterprise_type", "mode", "district", "clearance_code", "clearance_name", "since", "ended",
    )  # fmt: skip
    fields = (*readonly_fields, "end_reason")
    list_display = ("enterprise", "enterprise_type", "mode", "district", "clearance_name", "since", "ended")
    list_filter = ("enterprise_type", "mode", "since")
    list_select_related = ("enterprise",)
    search_fields = ("enterprise__name", "enterprise__customs_code", "clearance_code")

    def end(self, one: Service, *, staff: Bystander, reason: str) -> bool:
        """Nothing is filed under it any more."""
        return services.end(one, staff=staff, reason=reason)


class StandingFilter(WordFilter):
    """What counts today, what has run out, what staff ended, and what gave way."""

    title = _("状态")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """In the order of a life."""
        return [(word, label) for word, (label, _which) in standings().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those that stand so."""
        return queryset.filter(standings()[word][1]) if (word := self.value()) else queryset


def standings() -> dict[str, tuple[Any, Q]]:
    """How a licence or a piece of evidence may stand today."""
    stands, over = Q(replaced=False, ended=None), Q(valid_to__lt=timezone.localdate())
    return {
        "in_force": (_("有效"), stands & ~over),
        "run_out": (_("已到期"), stands & over),
        "voided": (_("已作废"), Q(ended__isnull=False)),
        "replaced": (_("已被替换"), Q(replaced=True, ended=None)),
    }


class VoidingForm(EndingForm):
    """Why it counts no more."""

    end_reason = forms.CharField(
        label=_("作废原因"),
        max_length=200,
        help_text=_("保存即作废，不能恢复；要再生效由企业重新提交。原因企业可以看到，请不要写个人信息"),
    )


class Voidable(Endable):
    """What an approval verified, looked at; what turns out to be revoked or false counts no more."""

    form = VoidingForm
    list_select_related = ("enterprise",)
    search_fields = ("number", "enterprise__name", "enterprise__customs_code", "enterprise__credit_code")
    show_full_result_count = False

    def is_in_force(self, one: Any) -> bool:
        """Neither ended nor given way to a later one."""
        return one.ended is None and not one.replaced

    def end(self, one: Any, *, staff: Bystander, reason: str) -> bool:
        """It counts no more, and the enterprise is told why."""
        return voiding.void(one, staff=staff, reason=reason)

    @admin.display(description=_("状态"))
    def standing(self, one: Any) -> str:
        """How it stands today."""
        if one.ended:
            return gettext("已作废")
        if one.replaced:
            return gettext("已被替换")
        return gettext("已到期") if one.valid_to and one.valid_to < timezone.localdate() else gettext("有效")


@admin.register(Qualification)
class QualificationAdmin(Voidable):
    """Licences of the enterprises."""

    readonly_fields = (
        "enterprise", "licence", "number", "scope", "valid_from", "valid_to", "since", "standing", "application", "ended",
    )  # fmt: skip
    fields = (*readonly_fields, "end_reason")
    list_display = ("enterprise", "licence", "number", "valid_from", "valid_to", "standing", "since")
    list_filter = ("licence", StandingFilter, "valid_to")


class ItemFilter(WordFilter):
    """Evidence of one item."""

    title = _("准备事项")
    parameter_name = "item"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """Every application that brings evidence."""
        return [(kind, kind_named(kind).label) for item in ITEMS for kind in item.kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those of it."""
        return queryset.filter(item=self.value()) if self.value() else queryset


@admin.register(Evidence)
class EvidenceAdmin(Voidable):
    """Evidence of the preparation."""

    readonly_fields = (
        "enterprise", "item_shown", "number", "variety_shown", "filed_types", "website", "amount", "valid_to", "since",
        "standing", "application", "ended",
    )  # fmt: skip
    fields = (*readonly_fields, "end_reason")
    list_display = ("enterprise", "item_shown", "number", "variety_shown", "amount", "valid_to", "standing", "since")
    list_filter = (ItemFilter, StandingFilter, "valid_to")

    @admin.display(description=_("准备事项"), ordering="item")
    def item_shown(self, one: Evidence) -> str:
        """What it proves."""
        return str(kind_named(one.item).label)

    @admin.display(description=_("种类"), empty_value="—")
    def variety_shown(self, one: Evidence) -> str | None:
        """Which kind of card, signing or guarantee."""
        return voiding.variety_of(one) or None
