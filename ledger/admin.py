"""The desk of staff over the books: money that comes in, taxes paid outside, and everything to look at.

What is booked is booked by the same functions as everywhere (``limits.py``, ``payment.py``); nothing here writes a
balance. Whoever may change a guarantee may propose to move its money, and another who may confirms it (``limit_admin.py``);
whoever may change a bill may confirm its payment, whoever may change a discrepancy may say that it is dealt with.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, F, Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.access import address_of
from accounts.admin import ReadOnly, Recorded, WordFilter
from accounts.models import User
from ledger.discrepancies import ENDED_BY_MONEY, settle
from ledger.guarantee import LARGEST, LedgerProblem
from ledger.limits import DECIDES, propose
from ledger.models import (
    Account,
    Discrepancy,
    Fault,
    Guarantee,
    Hold,
    LimitChange,
    LimitState,
    LimitWay,
    Purpose,
    TariffLine,
    TaxBill,
    TaxBillLine,
    TaxRule,
    Transfer,
)
from ledger.payment import Payable, as_shown, confirm_payment, payable
from portal.money import FEN, money
from portal.sentences import speak

#: How many of the rows an action is for its page names.
MOST_LISTED = 20
VOUCHER = {"max_length": 60, "help_text": _("同一凭证只记一次账")}


def amount_field() -> forms.DecimalField:
    """A positive amount to the fen."""
    return forms.DecimalField(
        label=_("金额（元）"), min_value=FEN, max_value=LARGEST, decimal_places=2, max_digits=18, localize=False
    )


class MoneyForm(forms.Form):
    """Money in or out of one guarantee, as it is proposed."""

    way = forms.ChoiceField(
        label=_("方向"),
        choices=[(one.value, one.label) for one in (LimitWay.TOP_UP, LimitWay.REDUCE)],
        help_text=_("由另一位同事确认后记账。这里只登记本系统的账目；海关的额度不随之改变，须另行向海关增加或减少"),
    )
    amount = amount_field()
    voucher = forms.CharField(label=_("凭证号"), **VOUCHER)  # type: ignore[arg-type]


class PaymentForm(forms.Form):
    """The payment of tax bills, made outside: those of a payment note, or without its number those chosen."""

    duty_no = forms.CharField(
        label=_("缴款书编号"),
        required=False,
        max_length=50,
        help_text=_("填写后确认该缴款书的全部税单；留空则只确认所选的税单"),
    )
    paid_on = forms.DateField(label=_("缴款日期"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    voucher = forms.CharField(label=_("缴款凭证"), **VOUCHER)  # type: ignore[arg-type]


class SettledForm(forms.Form):
    """How staff dealt with a discrepancy."""

    why = forms.CharField(label=_("处理说明"), max_length=200, widget=forms.Textarea(attrs={"rows": 3}))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows an action is for, kept on its page in one field, however many they are."""

    numbers: list[int]

    @classmethod
    def of(cls, request: HttpRequest, queryset: QuerySet) -> "Chosen":
        """Those the page kept, or, on the way to it, those marked in the list."""
        if "sure" in request.POST:
            return cls([int(one) for one in re.findall(r"[0-9]{1,18}", request.POST.get("chosen", ""))])
        return cls(list(queryset.values_list("pk", flat=True)))

    def __str__(self) -> str:
        return " ".join(map(str, self.numbers))


def headline(duty_no: str, due: Payable) -> str:
    """What is to be paid, in one line."""
    told = [
        gettext("缴款书 %(note)s：%(count)s 份，%(total)s 元")
        if duty_no
        else gettext("所选税单：%(count)s 份，%(total)s 元")
    ]
    if due.paid:
        told.append(gettext("其中 %(paid)s 份已缴款"))
    if due.void:
        told.append(gettext("另有 %(void)s 份已作废，不计在内"))
    numbers = {"note": duty_no, "count": due.count, "total": money(due.total), "paid": due.paid, "void": due.void}
    return gettext("；").join(told) % numbers


def listed(bills: QuerySet) -> list[str]:
    """The first of the bills, and how many more there are."""
    first = bills.order_by("tax_no")[:MOST_LISTED]
    return [f"{bill.tax_no} · {bill.get_state_display()} · {money(bill.total)}" for bill in first] + more(bills.count())


def more(count: int) -> list[str]:
    """How many are not listed, if any."""
    return [gettext("……另有 %(count)s 项") % {"count": count - MOST_LISTED}] if count > MOST_LISTED else []


def ask(
    desk: admin.ModelAdmin,
    request: HttpRequest,
    chosen: Chosen,
    form: forms.Form,
    book: Callable[[dict[str, Any]], str],
    page: Callable[[], dict[str, Any]],
) -> HttpResponse | None:
    """The page between an action and its deed: a form for the chosen rows, then the deed.

    A refusal stands in the form, and the page shows what stands by then. Of rows that have left the list meanwhile nothing
    is asked.
    """
    if not chosen.numbers and "sure" not in request.POST:
        desk.message_user(request, gettext("所选的已不在表中，请看过现在的列表后再选"), messages.WARNING)
        return None
    if form.is_valid():
        try:
            desk.message_user(request, book(form.cleaned_data), messages.SUCCESS)
        except LedgerProblem as problem:
            form.add_error(None, speak(str(problem)))
        else:
            return None
    meta = desk.model._meta
    context = {
        **desk.admin_site.each_context(request),
        "opts": meta,
        "form": form,
        "chosen": chosen,
        "back": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"),
        **page(),
    }
    return TemplateResponse(request, "admin/ledger/ask.html", context)


def said_in(request: HttpRequest) -> Any:
    """What the form between an action and its deed says, if it was sent."""
    return request.POST if "sure" in request.POST else None


def yuan(column: str, label: Any) -> Callable[[Any, Any], str]:
    """A column of yuan, written as people read it."""

    @admin.display(description=label, ordering=column)
    def shown(desk: Any, row: Any) -> str:
        return money(getattr(row, column))

    return shown


def sentence_of(change: LimitChange) -> str:
    """What one of the staff proposes, in one line."""
    return " · ".join(
        filter(
            None,
            (
                str(change.get_way_display()), change.get_kind_display() if change.kind else "", change.number,
                gettext("有效期至 %(day)s") % {"day": change.valid_to} if change.valid_to else "",
                gettext("%s 元") % money(change.amount), gettext("凭证 %(voucher)s") % {"voucher": change.voucher},
                gettext("%s 提出") % change.proposed_by,
            ),
        )
    )  # fmt: skip


def staff_of(request: HttpRequest) -> User:
    """Who asks."""
    assert isinstance(request.user, User)
    return request.user


@admin.register(Guarantee)
class GuaranteeAdmin(ReadOnly):
    """Guarantees: opened by an approved application, or by two of the staff; money moves by two of them too (``limit_admin.py``)."""

    list_display = fields = ("enterprise", "kind", "number", "opened_on", "valid_to", "available", "held", "short")
    list_filter = ("kind",)
    list_select_related = ("enterprise",)
    search_fields = ("number", "enterprise__name", "enterprise__customs_code")
    actions = ("move_money",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With what is left, what is held, and how many lists wait for money."""
        accounts = Account.objects.filter(guarantee=OuterRef("pk"))
        waiting = (
            Hold.objects.filter(enterprise=OuterRef("enterprise"), wanted__gt=F("amount"))
            .order_by()
            .values("enterprise")
            .annotate(many=Count("id"))
        )
        return (
            super()
            .get_queryset(request)
            .annotate(
                left=Subquery(accounts.filter(purpose=Purpose.AVAILABLE).values("balance")),
                on_hold=Subquery(accounts.filter(purpose=Purpose.HELD).values("balance")),
                waiting=Subquery(waiting.values("many")),
            )
        )

    def has_book_permission(self, request: HttpRequest) -> bool:
        """Who may change a guarantee may propose to move its money."""
        return request.user.has_perm(DECIDES)

    @admin.action(description=_("增加或减少额度"), permissions=["book"])
    def move_money(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Propose money in or out of one guarantee; another of the staff confirms."""
        if len(queryset) != 1:
            self.message_user(request, gettext("请只选一个担保"), messages.WARNING)
            return None
        guarantee = queryset[0]

        def book(said: dict[str, Any]) -> str:
            propose(enterprise=guarantee.enterprise, by=staff_of(request), address=address_of(request), **said)
            return gettext("已提出，等另一位同事在“额度变动”中确认后记账")

        def page() -> dict[str, Any]:
            standing = gettext("%(enterprise)s：可用 %(left)s 元，预扣 %(held)s 元") % {
                "enterprise": guarantee.enterprise, "left": money(guarantee.left), "held": money(guarantee.on_hold),
            }  # fmt: skip
            title, submit = gettext("增加或减少额度"), gettext("提出")
            open_ones = LimitChange.objects.filter(enterprise=guarantee.enterprise, state=LimitState.PROPOSED)
            told = [gettext("待确认：%s") % sentence_of(one) for one in open_ones.select_related("proposed_by")]
            return {"title": title, "headline": standing, "action": "move_money", "submit": submit, "told": told}

        return ask(self, request, Chosen([guarantee.pk]), MoneyForm(said_in(request)), book, page)

    available = yuan("left", _("可用余额"))
    held = yuan("on_hold", _("预扣金额"))

    @admin.display(description=_("待补扣清单"), ordering="waiting")
    def short(self, guarantee: Any) -> int:
        """How many lists wait for money."""
        return guarantee.waiting or 0


class LineInline(admin.TabularInline):
    """The lines of a bill, customs' figures beside ours."""

    model = TaxBillLine
    fields = readonly_fields = (
        "gnum", "gcode", "value", "duty", "consumption", "vat", "own_value", "own_duty", "own_consumption", "own_vat",
        "faults",
    )  # fmt: skip
    extra = 0
    can_delete = False
    ordering = ("gnum",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    @admin.display(description=_("税则已知缺陷"))
    def faults(self, line: TaxBillLine) -> str:
        """What is known to be wrong with the tariff line ours rests on."""
        return faults_in_words(line.own_rates.get("faults", []))


@admin.register(TaxBill)
class TaxBillAdmin(ReadOnly):
    """Tax bills: looked at; their payment outside is confirmed by the action."""

    list_display = (
        "tax_no", "state", "whole", "duty_no", "guarantor", "invt_no", "billed_at", "released_on", "paid_on",
    )  # fmt: skip
    fields = (
        "tax_no", "invt_no", "order_no", "logistics_no", "enterprise", "guarantor", "merchant", "logistics",
        "customs_code", "state", "duty_no", "duty", "consumption", "vat", "whole", "billed_at", "released_on",
        "own_treatment", "own_rule", "own_duty", "own_consumption", "own_vat", "why", "paid_on", "paid_voucher", "paid",
        "received_at", "inbound_id",
    )  # fmt: skip
    list_filter = ("state", "released_on", "paid_on")
    list_select_related = ("guarantor",)
    search_fields = ("tax_no__startswith", "invt_no__startswith", "duty_no__exact", "order_no__exact")
    inlines = (LineInline,)
    actions = ("confirm",)
    ordering = ("-id",)
    show_full_result_count = False

    def has_book_permission(self, request: HttpRequest) -> bool:
        """Who may change a bill may confirm its payment."""
        return request.user.has_perm("ledger.change_taxbill")

    whole = yuan("total", _("税款合计"))
    paid = yuan("paid_total", _("实缴金额"))

    @admin.action(description=_("确认缴款"), permissions=["book"])
    def confirm(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """A payment note, or the chosen bills, were paid outside: they are paid, and their holds given back.

        What is confirmed is what the page showed: where bills or their sum became others, it is shown again first.
        """
        chosen = Chosen.of(request, queryset)
        rows = TaxBill.objects.filter(pk__in=chosen.numbers)
        notes = set(rows.values_list("duty_no", flat=True).distinct())
        form = PaymentForm(said_in(request), initial={"duty_no": notes.pop() if len(notes) == 1 else ""})
        form.is_valid()
        duty_no = (form.cleaned_data if form.is_bound else form.initial).get("duty_no", "")
        wanted = TaxBill.objects.filter(duty_no=duty_no) if duty_no else rows

        def book(said: dict[str, Any]) -> str:
            done = confirm_payment(
                duty_no=duty_no,
                bills=() if duty_no else list(rows),
                paid_on=said["paid_on"],
                voucher=said["voucher"],
                user=staff_of(request),
                shown=request.POST.get("shown", ""),
            )
            return gettext("已确认 %(count)s 份税单缴款，共 %(total)s 元，预扣的担保金已返还") % {
                "count": done.count, "total": money(done.total),
            }  # fmt: skip

        def page() -> dict[str, Any]:
            due, title = payable(wanted), gettext("确认缴款")
            shown = as_shown(duty_no, due.count, due.total)
            told = {"headline": headline(duty_no, due), "told": listed(wanted), "shown": shown}
            return {"title": title, "action": "confirm", "submit": title, **told}

        return ask(self, request, chosen, form, book, page)

    @admin.display(description=_("计算说明"))
    def why(self, bill: TaxBill) -> str:
        """Why ours differs or cannot be computed."""
        return speak(bill.own_note)


@admin.register(Transfer)
class TransferAdmin(ReadOnly):
    """Movements of money: looked at."""

    list_display = ("recorded_at", "kind", "moved", "enterprise", "list_no", "user", "key")
    list_filter = ("kind", "recorded_at")
    list_select_related = ("enterprise", "user")
    search_fields = ("list_no__startswith", "key__exact", "enterprise__name")
    ordering = ("-id",)
    show_full_result_count = False
    moved = yuan("amount", _("金额"))


class OpenFilter(WordFilter):
    """Those still open, unless the others are asked for."""

    title = _("是否解决")
    parameter_name = "closed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """Open is what is shown without asking."""
        return (("yes", _("已解决")), ("all", _("全部")))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those that are open, closed, or all."""
        shown = {"yes": ~Q(closed_at=None), "all": Q()}.get(self.value() or "", Q(closed_at=None))
        return queryset.filter(shown)

    def choices(self, changelist: Any) -> Any:
        """The first choice is called by what it shows."""
        first, *others = super().choices(changelist)
        return [{**first, "display": _("未解决")}, *others]


@admin.register(Discrepancy)
class DiscrepancyAdmin(ReadOnly):
    """What the books cannot follow: the open ones first of all; what no money ends is ended by staff who say how."""

    list_display = fields = (
        "opened_at", "kind", "number", "enterprise", "our_figure", "their_figure", "what", "closed_at", "settled_by",
        "settled_why",
    )  # fmt: skip
    list_filter = (OpenFilter, "kind")
    list_select_related = ("enterprise", "settled_by")
    search_fields = ("number__startswith", "enterprise__name")
    actions = ("settle",)
    ordering = ("-id",)
    show_full_result_count = False
    our_figure = yuan("ours", _("本系统金额"))
    their_figure = yuan("theirs", _("海关金额"))

    def has_book_permission(self, request: HttpRequest) -> bool:
        """Who may change a discrepancy may say that it is dealt with."""
        return request.user.has_perm("ledger.change_discrepancy")

    @admin.action(description=_("标为已处理"), permissions=["book"])
    def settle(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Somebody dealt with these outside, and says how."""
        chosen = Chosen.of(request, queryset)
        rows = list(Discrepancy.objects.filter(pk__in=chosen.numbers).order_by("pk"))

        def book(said: dict[str, Any]) -> str:
            done = settle(rows, why=said["why"], user=staff_of(request))
            if left := sum(1 for one in rows if one.kind in ENDED_BY_MONEY):
                words = gettext("%(left)s 项缺的是担保额度，向海关增加额度并登记后自动解决，不能标为已处理")
                self.message_user(request, words % {"left": left}, messages.WARNING)
            stands = Discrepancy.objects.filter(pk__in=chosen.numbers, closed_at=None).exclude(kind__in=ENDED_BY_MONEY)
            if busy := stands.count():
                words = gettext("%(busy)s 项正在随海关报文更新，请稍后再处理")
                self.message_user(request, words % {"busy": busy}, messages.WARNING)
            return gettext("已处理 %(count)s 项") % {"count": done}

        def page() -> dict[str, Any]:
            told = [f"{one.get_kind_display()} · {one.number} · {speak(one.note)}" for one in rows[:MOST_LISTED]]
            title = gettext("标为已处理")
            return {"title": title, "action": "settle", "submit": title, "told": told + more(len(rows))}

        return ask(self, request, chosen, SettledForm(said_in(request)), book, page)

    @admin.display(description=_("说明"))
    def what(self, one: Discrepancy) -> str:
        """What differs, and what to do."""
        return speak(one.note)


@admin.register(TaxRule)
class TaxRuleAdmin(Recorded):
    """Rules of tax by their day: a new one is added, none is changed, as bills rest on them."""

    list_display = ("since", "single_limit", "annual_limit", "over", "share", "vat_general", "vat_low", "basis")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


class FaultFilter(WordFilter):
    """Codes with one known fault."""

    title = _("已知缺陷")
    parameter_name = "fault"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """All words of the table."""
        return Fault.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Those that have it."""
        return queryset.filter(faults__contains=[self.value()]) if self.value() else queryset


@admin.register(TariffLine)
class TariffLineAdmin(ReadOnly):
    """The tariff with what is known to be wrong with it; imported by ``manage.py import_tariff``."""

    list_display = ("code", "name", "since", "duty", "vat", "consumption", "consumption_specific", "known_faults")
    fields = (
        "code", "name", "since", "unit1", "unit2", "duty", "vat", "vat_basis", "consumption", "consumption_specific",
        "condition", "consumption_basis", "known_faults",
    )  # fmt: skip
    list_filter = (FaultFilter, "since", "vat")
    search_fields = ("code__startswith", "name")
    show_full_result_count = False

    @admin.display(description=_("已知缺陷"))
    def known_faults(self, line: TariffLine) -> str:
        """The faults in words."""
        return faults_in_words(line.faults)


def faults_in_words(words: list[str]) -> str:
    """Faults of the tariff by their Chinese names."""
    return gettext("；").join(str(Fault(word).label) for word in words)
