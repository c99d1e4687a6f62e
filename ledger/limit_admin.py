"""The desk of staff over limits: what one of them proposes, another confirms or does not; only then is it booked."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.access import address_of
from accounts.admin import ReadOnly
from accounts.models import Enterprise
from accounts.models.preparation import GuaranteeKind
from ledger.admin import Chosen, amount_field, ask, said_in, sentence_of, staff_of, yuan
from ledger.guarantee import LedgerProblem, left_of
from ledger.limits import DECIDES, LONGEST_REASON, confirm, decline, propose
from ledger.models import SECURITY_CHOICES, Guarantee, LimitChange, LimitState, LimitWay
from portal.money import money
from portal.sentences import speak
from portal.widgets import DayInput


class OpeningForm(forms.Form):
    """A guarantee to open, with its first money."""

    enterprise = forms.CharField(
        label=_("担保企业"),
        max_length=10,
        help_text=_("企业的海关十位编码；已有担保的，请在“担保”中选中它增加或减少额度"),
    )
    kind = forms.ChoiceField(label=_("担保方式"), choices=SECURITY_CHOICES)
    number = forms.CharField(
        label=_("担保编号"), max_length=60, help_text=_("保证金收据或保函的编号；首笔额度以它为凭证记账")
    )
    valid_to = forms.DateField(
        label=_("保函有效期至"), widget=DayInput, required=False, help_text=_("保证金不填；到期后不再新增预扣")
    )
    amount = amount_field()

    def clean_enterprise(self) -> Enterprise:
        """The enterprise of that customs code."""
        code: str = self.cleaned_data["enterprise"]
        found = Enterprise.objects.filter(customs_code=code).first()
        if found is None:
            raise forms.ValidationError(gettext("没有海关十位编码为 %(code)s 的企业，请核对") % {"code": code})
        return found

    def clean(self) -> dict[str, Any]:
        """A bank's letter has a last day, a deposit has none."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("kind") != GuaranteeKind.LETTER:
            self.errors.pop("valid_to", None)
            cleaned["valid_to"] = None
        elif "valid_to" not in self.errors:
            last = cleaned.get("valid_to")
            if last is None:
                self.add_error("valid_to", gettext("请填写保函的最后一天"))
            elif last < timezone.localdate():
                self.add_error("valid_to", gettext("保函已于 %(day)s 到期，请换有效的保函") % {"day": last.isoformat()})
        return cleaned


class ConfirmForm(forms.Form):
    """Nothing more is asked than to be sure."""


class DeclineForm(forms.Form):
    """Why it is not confirmed; who proposed it reads it."""

    reason = forms.CharField(
        label=_("不予确认的理由"), min_length=2, max_length=LONGEST_REASON, widget=forms.Textarea(attrs={"rows": 3})
    )


class DecidedFilter(admin.SimpleListFilter):
    """What waits, unless something else is asked for."""

    title = _("状态")
    parameter_name = "decided"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """What waits is what is shown without asking."""
        return (("confirmed", LimitState.CONFIRMED.label), ("declined", LimitState.DECLINED.label), ("all", _("全部")))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those of that state; a word that is not offered is as good as none."""
        if (word := self.value()) == "all":
            return queryset
        return queryset.filter(state=word if word in ("confirmed", "declined") else LimitState.PROPOSED)

    def choices(self, changelist: Any) -> Any:
        """The first choice is called by what it shows."""
        first, *others = super().choices(changelist)
        return [{**first, "display": LimitState.PROPOSED.label}, *others]


@admin.register(LimitChange)
class LimitChangeAdmin(ReadOnly):
    """Changes of limits: proposed from here or from a guarantee, decided by another; never changed otherwise."""

    list_display = (
        "proposed_at", "enterprise", "way", "figure", "voucher", "proposed_by", "state", "decided_by", "reason",
    )  # fmt: skip
    fields = (
        "proposed_at", "enterprise", "way", "figure", "voucher", "kind", "number", "valid_to", "state", "proposed_by", "decided_by",
        "decided_at", "reason",
    )  # fmt: skip
    list_filter = (DecidedFilter, "way")
    list_select_related = ("enterprise", "proposed_by", "decided_by")
    search_fields = ("voucher", "enterprise__name", "enterprise__customs_code")
    actions = ("confirm", "decline")
    ordering = ("id",)
    show_full_result_count = False
    figure = yuan("amount", _("金额"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who may change a guarantee may propose to open one."""
        return request.user.has_perm(DECIDES)

    def has_book_permission(self, request: HttpRequest) -> bool:
        """And may decide on what another proposed."""
        return request.user.has_perm(DECIDES)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Propose to open a guarantee."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = OpeningForm(request.POST or None)
        back = reverse("admin:ledger_limitchange_changelist")
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            try:
                propose(
                    way=LimitWay.OPEN, voucher=said["number"], by=staff_of(request), address=address_of(request), **said
                )
            except LedgerProblem as problem:
                form.add_error(None, speak(str(problem)))
            else:
                self.message_user(request, gettext("已提出，等另一位同事确认后开立"), messages.SUCCESS)
                return redirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "title": gettext("开立担保"),
            "submit": gettext("提出"),
            "back": back,
            "target": request.path,
        }
        return TemplateResponse(request, "admin/ledger/ask.html", context)

    @admin.action(description=_("确认并记账"), permissions=["book"])
    def confirm(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Confirm what another proposed; it is booked at once."""
        return self.decide(request, queryset, "confirm", gettext("确认并记账"), ConfirmForm(said_in(request)))

    @admin.action(description=_("不予确认"), permissions=["book"])
    def decline(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Do not confirm what another proposed, and say why."""
        return self.decide(request, queryset, "decline", gettext("不予确认"), DeclineForm(said_in(request)))

    def decide(
        self, request: HttpRequest, queryset: QuerySet, deed: str, title: str, form: forms.Form
    ) -> HttpResponse | None:
        """The page between the action and its deed, for one change."""
        chosen = Chosen.of(request, queryset)
        found = LimitChange.objects.select_related("enterprise", "proposed_by").filter(pk__in=chosen.numbers)
        if len(found) != 1:
            self.message_user(request, gettext("请只选一项额度变动"), messages.WARNING)
            return None
        change = found[0]

        def book(said: dict[str, Any]) -> str:
            who = {"by": staff_of(request), "address": address_of(request)}
            if deed == "decline":
                decline(change, reason=said["reason"], **who)  # type: ignore[arg-type]
                return gettext("已记下不予确认，没有记账，提出人会收到理由")
            confirm(change, **who)  # type: ignore[arg-type]
            left = left_of(Guarantee.objects.get(enterprise=change.enterprise))
            return gettext("已记账，可用余额 %(left)s 元") % {"left": money(left)}

        def page() -> dict[str, Any]:
            guarantee = Guarantee.objects.filter(enterprise=change.enterprise).first()
            told = [sentence_of(change)]
            told.append(
                gettext("现可用余额 %s 元") % money(left_of(guarantee)) if guarantee else gettext("现在没有担保")
            )
            return {"title": title, "headline": str(change.enterprise), "action": deed, "submit": title, "told": told}

        return ask(self, request, chosen, form, book, page)
