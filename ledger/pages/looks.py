"""How states, days and movements look: tone, icon and word from one table, for every page of the ledger."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ledger.models import BillState, DiscrepancyKind, TaxBill, TransferKind
from ledger.window import Phase, Window, phase_of
from portal.looks import Look

#: States in which somebody still has to pay.
UNSETTLED = (BillState.MADE, BillState.CONSOLIDATED)

BILL_LOOKS: dict[str, Look] = {
    BillState.MADE: Look("idle", "file-earmark-text", gettext_lazy("已生成"), "1"),
    BillState.CONSOLIDATED: Look("info", "check2-square", gettext_lazy("已汇总"), "2"),
    BillState.VOID: Look("idle", "slash-circle", gettext_lazy("作废"), "3"),
    BillState.PAID: Look("ok", "check-circle-fill", gettext_lazy("已缴")),
}

TRANSFER_LOOKS: dict[str, Look] = {
    TransferKind.TOP_UP: Look("ok", "plus-lg", TransferKind.TOP_UP.label),
    TransferKind.REDUCE: Look("warn", "arrow-down-circle", TransferKind.REDUCE.label),
    TransferKind.HOLD: Look("info", "shield-lock", TransferKind.HOLD.label),
    TransferKind.ADJUST: Look("info", "arrow-left-right", TransferKind.ADJUST.label),
    TransferKind.RELEASE: Look("idle", "arrow-return-left", TransferKind.RELEASE.label),
    TransferKind.SETTLE: Look("ok", "check-circle", TransferKind.SETTLE.label),
}


#: Kind of discrepancy → how grave it is, and what the reader may do about it.
DISCREPANCY_LOOKS: dict[str, tuple[str, str, Any]] = {
    DiscrepancyKind.SHORT: (
        "bad",
        "exclamation-triangle",
        gettext_lazy("请向海关增加额度，保函已到期的换新保函；登记后自动补扣，清单不必重报"),
    ),
    DiscrepancyKind.NO_GUARANTEE: (
        "bad",
        "exclamation-triangle",
        gettext_lazy("请核对清单上的担保企业代码；本企业担保的，请拨打服务热线登记担保"),
    ),
    DiscrepancyKind.HELD_UP: (
        "bad",
        "hourglass-split",
        gettext_lazy("以海关的余额为准，在本系统登记不改变它：请向海关增加额度，到账后海关自动放行，清单不必重报"),
    ),
    DiscrepancyKind.TAX_DIFFERS: (
        "warn",
        "exclamation-triangle",
        gettext_lazy("以海关数字缴纳；请核对商品编码和法定数量，有异议时凭税单编号询问现场海关"),
    ),
    DiscrepancyKind.NOT_COMPUTED: (
        "warn",
        "question-circle",
        gettext_lazy("无须操作，税单到后按海关数字预扣"),
    ),
    DiscrepancyKind.LINES_DIFFER: (
        "warn",
        "exclamation-triangle",
        gettext_lazy("以表头数字缴纳；请凭税单编号询问现场海关"),
    ),
    DiscrepancyKind.BILL_WITHOUT_LIST: (
        "warn",
        "question-circle",
        gettext_lazy("请核对清单编号；清单不是经本系统申报的，可以不处理"),
    ),
    DiscrepancyKind.GUARANTOR_DIFFERS: (
        "warn",
        "exclamation-triangle",
        gettext_lazy("预扣按清单上的担保企业；请凭税单编号询问现场海关"),
    ),
    DiscrepancyKind.VOID_AFTER_PAYMENT: (
        "bad",
        "exclamation-triangle",
        gettext_lazy("请凭缴款凭证到现场海关办理退税"),
    ),
    DiscrepancyKind.PAID_DIFFERS: (
        "bad",
        "exclamation-triangle",
        gettext_lazy("请凭缴款凭证到现场海关补缴或退税"),
    ),
}


#: What the two amounts of a discrepancy are: customs' or wanted, and ours; "" for every other kind.
AMOUNT_WORDS: dict[str, tuple[Any, Any]] = {
    DiscrepancyKind.SHORT: (gettext_lazy("应预扣"), gettext_lazy("可用")),
    DiscrepancyKind.NO_GUARANTEE: (gettext_lazy("应预扣"), ""),
    DiscrepancyKind.HELD_UP: (gettext_lazy("应预扣"), ""),
    DiscrepancyKind.LINES_DIFFER: (gettext_lazy("表头"), gettext_lazy("核对结果")),
    DiscrepancyKind.GUARANTOR_DIFFERS: (gettext_lazy("税单"), ""),
    DiscrepancyKind.VOID_AFTER_PAYMENT: ("", gettext_lazy("已缴")),
    DiscrepancyKind.PAID_DIFFERS: (gettext_lazy("税单现为"), gettext_lazy("已缴")),
    "": (gettext_lazy("海关"), gettext_lazy("本系统")),
}


@dataclass(frozen=True, slots=True)
class Tax:
    """One of the three taxes: its name in the tables, and its word."""

    name: str
    word: Any


TAXES = (
    Tax("duty", gettext_lazy("关税")),
    Tax("consumption", gettext_lazy("消费税")),
    Tax("vat", gettext_lazy("增值税")),
)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a bill must be paid, as one cell says it, with the tone of how near that is."""

    text: str
    tone: str = ""
    title: str = ""


def deadline(bill: TaxBill, on: date) -> Deadline:
    """The last cell of a bill's row: the last day while it is to be paid, else how it ended."""
    if bill.state == BillState.PAID:
        return Deadline(_("%(day)s 缴") % {"day": short(bill.paid_on, on)} if bill.paid_on else "")
    if bill.state == BillState.VOID or bill.released_on is None:
        return Deadline("")
    is_noted = bill.state == BillState.CONSOLIDATED
    window, phase = Window(bill.released_on), phase_of(bill.released_on, on, is_noted=is_noted)
    said = {
        "day": window.day(on),
        "opens": window.opens,
        "closes": window.closes,
    }
    title = _("放行后第 %(day)s 日；%(opens)s 至 %(closes)s 缴纳") % said
    if is_noted:
        title = _("缴款书已出，%(closes)s 截止") % said
    left = (window.closes - on).days
    if phase == Phase.OVERDUE:
        return Deadline(_("逾期 %(days)d 日") % {"days": -left}, "bad", title)
    if left == 0:
        return Deadline(_("今日"), "warn", title)
    if left == 1:
        return Deadline(_("明日"), "warn", title)
    return Deadline(short(window.closes, on), "warn" if phase == Phase.CLOSING else "", title)


def short(day: date | None, on: date) -> str:
    """A day without its year where that is the present one."""
    if day is None:
        return ""
    return day.strftime("%m-%d" if day.year == on.year else "%Y-%m-%d")
