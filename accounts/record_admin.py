"""The desk of auditors: the record of deeds by who, what, when and from where, its seals, and a sheet of it to take along.

Auditors see this and nothing else, in a transaction in which PostgreSQL refuses every write (``accounts/access.py``).
"""

import json
import tempfile
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import IO, Any

import xlsxwriter
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.access import Bystander, PortalRequest, address_of
from accounts.actions import Action
from accounts.admin import ReadOnly
from accounts.audit import record
from accounts.models import ApplicationState, AuditEntry, AuditSeal, ErrandStage, User
from accounts.roles import EnterpriseType, Environment, MemberRole, Mode
from portal.calendar import SHANGHAI

#: The most entries of one sheet: it is made while somebody waits.
MOST_ROWS = 100_000
#: What a cell of a sheet can hold.
LONGEST_CELL = 32_000
_IN_MEMORY = 2 * 1024 * 1024
_MOMENT = "%Y-%m-%d %H:%M:%S"
#: What the details of an entry are called; a test holds the table to everything that is ever recorded.
WORDS = {
    "reason": _("理由"), "version": _("版本"), "application": _("申请"), "environment": _("环境"), "roles": _("角色"),
    "slot": _("材料"), "size": _("字节"), "fields": _("补正的项目"), "number": _("第几次提交"), "mode": _("业务模式"),
    "district": _("关区"), "type": _("企业类型"), "before": _("原来"), "after": _("现在"), "amount": _("金额（元）"),
    "changed": _("改动的项目"), "stage": _("进度"), "what": _("项目"), "key": _("密钥"), "paper": _("材料编号"),
    "state": _("状态"), "days": _("剩余天数"), "due": _("提前天数"), "left": _("还可以试"), "count": _("数量"),
    "addresses": _("来源地址数"), "invitation": _("邀请"), "partner": _("对方"), "first_day": _("开始日期"),
    "last_day": _("结束日期"), "voucher": _("凭证号"), "bills": _("税单数"), "total": _("合计"), "documents": _("票数"),
    "source": _("来源"), "upload": _("导入批次"), "rows": _("条数"), "asked": _("筛选条件"), "text": _("文本版本"),
    "sent": _("发出"), "received": _("收到"), "all_or_nothing": _("整批申报"), "was": _("原来"), "now": _("现在"),
}  # fmt: skip
#: Words that are kept as codes, by their code.
_CODES = {
    str(one.value): one.label
    for codes in (Environment, MemberRole, EnterpriseType, ApplicationState, ErrandStage, Mode)
    for one in codes
}


class Asked(admin.SimpleListFilter):
    """A filter one writes into; all of them are one form (``templates/admin/accounts/record.html``)."""

    kind = "text"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """None: there is nothing to choose from."""
        return ()

    def has_output(self) -> bool:
        """Always."""
        return True

    def value(self) -> str:
        """What was written."""
        return (super().value() or "").strip()[:80]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """What was asked for, or all."""
        return self.narrow(request, queryset, self.value()) if self.value() else queryset

    def narrow(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        """The entries asked for by this text."""
        raise NotImplementedError


class ByWho(Asked):
    """Entries of one person."""

    title = _("用户名、邮箱或姓名")
    parameter_name = "who"

    def narrow(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        """By user name, e-mail or name, whole."""
        return queryset.filter(
            user__in=User.objects.filter(Q(username__iexact=text) | Q(email__iexact=text) | Q(name=text))
        )


class ByEnterprise(Asked):
    """Entries of one enterprise."""

    title = _("企业名称或编码")
    parameter_name = "firm"

    def narrow(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        """By a part of its name, or by one of its numbers."""
        enterprise = Q(enterprise__name__contains=text) | Q(enterprise__customs_code__iexact=text)
        return queryset.filter(enterprise | Q(enterprise__credit_code__iexact=text))


class ByAddress(Asked):
    """Entries from one place."""

    title = _("来源地址（从头输入）")
    parameter_name = "from"

    def narrow(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        """By the beginning of the address."""
        return queryset.filter(address__startswith=text)


class ByAction(Asked):
    """Entries of one deed."""

    title = _("操作")
    parameter_name = "action"
    kind = "select"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        """All deeds there are."""
        return Action.choices

    def narrow(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        """By its word."""
        return queryset.filter(action=text)


class BySince(Asked):
    """Entries from a day on."""

    title = _("日期从")
    parameter_name = "since"
    kind = "date"

    def narrow(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        """From its first moment in Shanghai."""
        day = _day(request, text)
        return queryset.filter(at__gte=_begins(day)) if day else queryset.none()


class ByUntil(Asked):
    """Entries up to a day."""

    title = _("日期至")
    parameter_name = "until"
    kind = "date"

    def narrow(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        """With that whole day in Shanghai."""
        day = _day(request, text)
        return queryset.filter(at__lt=_begins(day + timedelta(days=1))) if day else queryset.none()


class ForAuditors(ReadOnly):
    """Looked at by auditors too, who hold no permission of Django's."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Auditors, and whom Django allows it."""
        return _is_auditor(request) or super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return _is_auditor(request) or super().has_module_permission(request)


@admin.register(AuditEntry)
class AuditEntryAdmin(ForAuditors):
    """The record of deeds: looked at here, changed nowhere."""

    change_list_template = "admin/accounts/record.html"
    list_display = ("at_exactly", "action_shown", "subject", "user", "enterprise", "address")
    fields = ("at_exactly", "action_shown", "subject", "user", "enterprise", "address", "details_shown")
    list_filter = (BySince, ByUntil, ByWho, ByAction, ByEnterprise, ByAddress, "at")
    list_select_related = ("user", "enterprise")
    search_fields = ("subject", "user__username", "user__name", "enterprise__name")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    @admin.display(description=_("时间"), ordering="at")
    def at_exactly(self, entry: AuditEntry) -> str:
        """To the second, in Shanghai."""
        return f"{entry.at.astimezone(SHANGHAI):{_MOMENT}}"

    @admin.display(description=_("说明"))
    def details_shown(self, entry: AuditEntry) -> str:
        """A line for each thing that was said."""
        told = ((WORDS.get(name, name), said) for name, said in (entry.details or {}).items())
        return format_html_join("", "<div>{}：{}</div>", ((word, _in_words(said)) for word, said in told)) or "—"

    @admin.display(description=_("操作"), ordering="action")
    def action_shown(self, entry: AuditEntry) -> str:
        """The action by its Chinese name."""
        return entry.action_label

    def get_urls(self) -> list[URLPattern]:
        """With the sheet."""
        address = path("export/", self.admin_site.admin_view(self.export), name="accounts_auditentry_export")
        return [address, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, and where its sheet is."""
        export = reverse("admin:accounts_auditentry_export")
        asked = request.GET.urlencode()
        return super().changelist_view(
            request, {"export": f"{export}?{asked}" if asked else export, **(extra_context or {})}
        )

    def export(self, request: PortalRequest) -> HttpResponseBase:
        """The entries the list would show, as a sheet; that somebody took it along is written down."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        back = f"{reverse('admin:accounts_auditentry_changelist')}?{request.GET.urlencode()}"
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse("admin:accounts_auditentry_changelist"))
        count = rows.order_by()[: MOST_ROWS + 1].count()
        if count > MOST_ROWS:
            told = gettext("超过 %(most)s 条，一张表放不下：请用日期缩小范围后再导出")
            messages.warning(request, told % {"most": f"{MOST_ROWS:,}"})
            return HttpResponseRedirect(back)
        sheet = _sheet(rows.select_related("user", "enterprise").order_by("id"))
        assert isinstance(request.user, User)
        who = Bystander(user=request.user, address=address_of(request))
        asked = sorted(name for name in request.GET if name in self.known_filters())
        request.afterwards.append(lambda: record(who, Action.AUDIT_EXPORT, rows=count, asked=asked))
        name = f"audit-{timezone.now().astimezone(SHANGHAI):%Y%m%d-%H%M}.xlsx"
        return FileResponse(sheet, as_attachment=True, filename=name)

    def known_filters(self) -> set[str]:
        """The names under which this list is narrowed."""
        return {"q"} | {name for one in self.list_filter for name in self.asked_by(one)}


@admin.register(AuditSeal)
class AuditSealAdmin(ForAuditors):
    """The seals over the record; whether they stand is computed by ``manage.py verify_audit``."""

    list_display = ("number", "at", "entries", "highest", "hash_begins")
    fields = ("number", "at", "entries", "highest", "previous", "hash")
    list_filter = ("at",)
    search_fields = ("hash",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    @admin.display(description=_("散列值"))
    def hash_begins(self, seal: AuditSeal) -> str:
        """Enough of it to compare by eye; the whole stands on the page of the seal."""
        return f"{seal.hash[:16]}…"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Without the hashes of each entry: nobody reads them here."""
        return super().get_queryset(request).defer("digests")


def _in_words(said: Any) -> str:
    if isinstance(said, list):
        return gettext("、").join(_in_words(one) for one in said)
    return str(_CODES.get(said, said)) if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def _is_auditor(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_auditor


def _day(request: HttpRequest, text: str) -> date | None:
    """The day that was written; whoever writes none is told."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not 1900 < day.year < 2100:
        messages.warning(request, gettext("“%(text)s”不是日期，请写成 2026-11-21 的样子") % {"text": text})
        return None
    return day


def _begins(day: date) -> datetime:
    return datetime.combine(day, time.min, SHANGHAI)


def _sheet(rows: QuerySet[AuditEntry]) -> IO[bytes]:
    """One row an entry, all of it as text, so that nothing in it is ever a formula."""
    heads = (
        _("编号"), _("时间"), _("操作"), _("对象"), _("用户名"), _("姓名"), _("企业"), _("海关十位编码"), _("来源地址"),
        _("说明"),
    )  # fmt: skip
    widths = (10, 20, 18, 28, 20, 12, 30, 14, 18, 60)
    out = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  (the response closes it)
    with xlsxwriter.Workbook(out, {"constant_memory": True}) as book:
        sheet = book.add_worksheet(gettext("操作记录"))
        bold = book.add_format({"bold": True, "bottom": 1, "bg_color": "#EDF0F2"})
        for place, (head, width) in enumerate(zip(heads, widths, strict=True)):
            sheet.set_column(place, place, width)
            sheet.write_string(0, place, str(head), bold)
        sheet.freeze_panes(1, 0)
        number = 0
        for number, entry in enumerate(rows.iterator(2000), 1):
            for place, text in enumerate(_cells(entry)):
                sheet.write_string(number, place, text[:LONGEST_CELL])
        sheet.autofilter(0, 0, max(number, 1), len(heads) - 1)
    out.seek(0)
    return out


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    user, enterprise = entry.user, entry.enterprise
    return (
        str(entry.pk),
        f"{entry.at.astimezone(SHANGHAI):{_MOMENT}}",
        entry.action_label,
        entry.subject,
        user.username if user else "",
        user.name if user else "",
        enterprise.name if enterprise else "",
        enterprise.customs_code if enterprise else "",
        entry.address or "",
        json.dumps(entry.details, ensure_ascii=False) if entry.details else "",
    )
