"""The lists as workbooks: the rows of the filter and no others, numbers as text, amounts as numbers, a line of totals.

Rows go from the database to a temporary file one by one, so memory stays the same however many there are.
"""

import tempfile
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

import xlsxwriter
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import Actor
from ledger.access import bills_of, movements_of, names_of
from ledger.models import BillState, Entry, Purpose, TaxBill, Transfer
from ledger.pages.account import MovementFilter, note_of
from ledger.pages.bill_list import differs, in_order
from ledger.pages.filter import TABS, Filter
from ledger.pages.looks import BILL_LOOKS, TRANSFER_LOOKS, UNSETTLED
from ledger.window import Window, today
from portal.calendar import SHANGHAI

#: As many as one workbook takes; it is written in about twenty seconds.
MOST_BILLS = 50_000
#: Rows fetched from the database at once.
_CHUNK = 2_000
#: So much of the file stays in memory before it goes to disk.
_IN_MEMORY = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a workbook: its head, how wide, and whether it is added up."""

    head: str
    width: int = 14
    is_money: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its cells, and whether it is kept apart from the totals."""

    cells: Sequence[Any]
    is_apart: bool = False


def bills_workbook(actor: Actor, asked: Filter) -> IO[bytes] | None:
    """The tax bills of a filter; None where they are more than one workbook takes."""
    on = today()
    bills = in_order(asked.in_tab(asked.narrowed(bills_of(actor), actor.enterprise), on), asked.tab)
    if bills[MOST_BILLS:].exists():
        return None
    names = names_of(_codes(bills))
    columns = (
        Column(_("电子税单编号"), 24),
        Column(_("清单编号"), 22),
        Column(_("订单编号"), 26),
        Column(_("运单编号"), 20),
        Column(_("申报关区"), 9),
        Column(_("税单日"), 19),
        Column(_("放行日"), 12),
        Column(_("关税"), 14, is_money=True),
        Column(_("消费税"), 14, is_money=True),
        Column(_("增值税"), 14, is_money=True),
        Column(_("税款合计"), 16, is_money=True),
        Column(_("状态"), 9),
        Column(_("海关状态代码"), 12),
        Column(_("缴款书编号"), 22),
        Column(_("可缴纳起"), 12),
        Column(_("缴纳截止"), 12),
        Column(_("缴款日"), 12),
        Column(_("缴款凭证"), 20),
        Column(_("实缴金额"), 14, is_money=True),
        Column(_("本系统计算合计"), 16),
        Column(_("与海关差额"), 12),
        Column(_("担保企业"), 28),
        Column(_("担保企业代码"), 14),
        Column(_("电商企业"), 28),
        Column(_("电商企业代码"), 14),
        Column(_("申报单位代码"), 14),
    )
    # Nobody pays a void bill: among others it is listed and left out of the sums, as on the page.
    rows = (
        Row(_bill_row(bill, names), is_apart=bill.state == BillState.VOID != asked.tab)
        for bill in bills.iterator(_CHUNK)
    )
    about = _("%(name)s 的电子税单，%(at)s 导出") % {"name": actor.enterprise.name, "at": _now()}
    if told := asked.in_words():
        about += _("；条件：%(words)s") % {"words": told}
    return _written(_("电子税单"), about, columns, rows, _("另有作废 %(count)s，不计入合计"))


def movements_workbook(actor: Actor, asked: MovementFilter) -> IO[bytes] | None:
    """The movements of a filter; None where they are more than one workbook takes."""
    narrowed = asked.narrowed(movements_of(actor))
    if narrowed.order_by("-id")[MOST_BILLS:].exists():
        return None
    columns = (
        Column(_("业务时间"), 19),
        Column(_("种类"), 12),
        Column(_("清单编号"), 22),
        Column(_("可用额度增加"), 16, is_money=True),
        Column(_("可用额度减少"), 16, is_money=True),
        Column(_("变动后可用"), 16),
        Column(_("变动后预扣"), 16),
        Column(_("说明"), 60),
        Column(_("变动编号"), 12),
    )
    about = _("%(name)s 的担保金变动，%(at)s 导出") % {"name": actor.enterprise.name, "at": _now()}
    if told := asked.in_words():
        about += _("；条件：%(words)s") % {"words": told}
    return _written(_("担保金变动"), about, columns, map(Row, _movement_rows(narrowed)))


def file_name(title: str, actor: Actor, asked: Filter | MovementFilter) -> str:
    """What the workbook is called: what it lists, whose, which of them, and of which period (without one: as of today)."""
    parts = [title, actor.enterprise.customs_code, *_which(asked), _period(asked.since, asked.until)]
    return f"{'_'.join(parts)}.xlsx"


def _which(asked: Filter | MovementFilter) -> list[str]:
    """The tab or kind, and the number, as far as a file name takes them."""
    if isinstance(asked, Filter):
        said = [TABS[asked.tab] if asked.tab else "", asked.duty_no, asked.q]
    else:
        said = [TRANSFER_LOOKS[asked.kind].word if asked.kind else "", asked.q]
    plain = ("".join(char for char in str(one) if char.isalnum() or char in "-_") for one in said)
    return [one for one in plain if one]


def _period(since: date | None, until: date | None) -> str:
    """A whole month by its number, any other period by its days."""
    if since and until and since.day == 1 and until == _last_of_month(since):
        return f"{since:%Y%m}"
    return "-".join(f"{day:%Y%m%d}" for day in (since, until or today()) if day)


def _last_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _bill_row(bill: TaxBill, names: dict[str, str]) -> Sequence[Any]:
    window = Window(bill.released_on) if bill.released_on else None
    look = BILL_LOOKS[bill.state]
    ours = (bill.own_duty, bill.own_consumption, bill.own_vat)
    own = sum((one for one in ours if one is not None), Decimal(0)) if None not in ours else None
    unsettled = bill.state in UNSETTLED
    return (
        bill.tax_no,
        bill.invt_no,
        bill.order_no,
        bill.logistics_no,
        bill.customs_code,
        bill.billed_at,
        bill.released_on,
        bill.duty,
        bill.consumption,
        bill.vat,
        bill.total,
        str(look.word),
        look.code,
        bill.duty_no,
        window.opens if window and unsettled else None,
        window.closes if window and unsettled else None,
        bill.paid_on,
        bill.paid_voucher,
        bill.paid_total,
        own,
        bill.total - own if own is not None and differs(bill) else None,
        names.get(bill.assure_code, ""),
        bill.assure_code,
        names.get(bill.ebc_code, ""),
        bill.ebc_code,
        bill.agent_code,
    )


def _codes(bills: Any) -> set[str]:
    """The enterprises named on the bills, each once."""
    found: set[str] = set()
    for column in ("assure_code", "ebc_code"):
        found.update(bills.order_by().values_list(column, flat=True).distinct())
    return found


def _movement_rows(narrowed: Any) -> Iterable[Sequence[Any]]:
    entries = (
        Entry.objects.filter(transfer__in=narrowed, account__purpose__in=(Purpose.AVAILABLE, Purpose.HELD))
        .select_related("transfer", "account")
        .order_by("-transfer_id", "account__purpose")
    )
    waiting: dict[str, Entry] = {}
    last: Transfer | None = None
    for entry in entries.iterator(_CHUNK):
        if last is not None and entry.transfer_id != last.pk:
            yield _movement_row(last, waiting)
            waiting = {}
        last = entry.transfer
        waiting[entry.account.purpose] = entry
    if last is not None:
        yield _movement_row(last, waiting)


def _movement_row(one: Transfer, sides: dict[str, Entry]) -> Sequence[Any]:
    left, held = sides.get(Purpose.AVAILABLE), sides.get(Purpose.HELD)
    change = left.amount if left else Decimal(0)
    return (
        one.happened_at,
        str(TRANSFER_LOOKS[one.kind].word),
        one.list_no,
        change if change > 0 else None,
        -change if change < 0 else None,
        left.balance_after if left else None,
        held.balance_after if held else None,
        note_of(one),
        str(one.pk),
    )


def _written(title: str, about: str, columns: Sequence[Column], rows: Iterable[Row], apart: str = "") -> IO[bytes]:
    """One sheet: what it is, heads, rows, and totals of the columns that are added up, by what was really written.

    Rows kept apart have a last line of their own, under the words of `apart`.
    """
    out = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  (the response closes it)
    with xlsxwriter.Workbook(out, {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet(title)
        head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#EDF0F2", "text_wrap": True, "valign": "top"})
        forms = {
            "money": book.add_format({"num_format": "#,##0.00"}),
            "sum": book.add_format({"num_format": "#,##0.00", "bold": True, "top": 1}),
            "day": book.add_format({"num_format": "yyyy-mm-dd"}),
            "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "text": book.add_format({"num_format": "@"}),
            "word": book.add_format({"bold": True, "top": 1}),
        }
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width)
        sheet.write_string(0, 0, about)
        for place, column in enumerate(columns):
            sheet.write_string(2, place, column.head, head)
        sheet.freeze_panes(3, 1)
        number = 3
        sums = {False: _Sum(columns), True: _Sum(columns)}
        for row in rows:
            for place, value in enumerate(row.cells):
                _write(sheet, number, place, value, forms)
            sums[row.is_apart].add(row.cells)
            number += 1
        sheet.autofilter(2, 0, max(number - 1, 2), len(columns) - 1)
        _totals(sheet, number, columns, _("合计 %(count)s"), sums[False], forms)
        if sums[True].count:
            _totals(sheet, number + 1, columns, apart, sums[True], forms)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(2)
    out.seek(0)
    return out


def _write(sheet: Any, row: int, place: int, value: Any, forms: dict[str, Any]) -> None:
    """A cell by what it holds; text is never read as a number or a formula."""
    if value is None or value == "":
        return
    if isinstance(value, Decimal):
        sheet.write_number(row, place, value, forms["money"])
    elif isinstance(value, datetime):
        sheet.write_datetime(row, place, value.astimezone(SHANGHAI).replace(tzinfo=None), forms["moment"])
    elif isinstance(value, date):
        sheet.write_datetime(row, place, value, forms["day"])
    else:
        sheet.write_string(row, place, value, forms["text"])


class _Sum:
    """How many rows there were, and what their columns of money come to."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.count = 0
        self.figures = {place: Decimal(0) for place, column in enumerate(columns) if column.is_money}

    def add(self, cells: Sequence[Any]) -> None:
        """One more row."""
        self.count += 1
        for place in self.figures:
            self.figures[place] += cells[place] or 0


def _totals(sheet: Any, row: int, columns: Sequence[Column], words: str, found: _Sum, forms: dict[str, Any]) -> None:
    """A last line: how many, and what they come to."""
    for place in range(len(columns)):
        if place in found.figures:
            sheet.write_number(row, place, found.figures[place], forms["sum"])
        else:
            text = words % {"count": f"{found.count:,}"} if place == 0 else ""
            sheet.write_string(row, place, text, forms["word"])


def _now() -> str:
    return f"{timezone.now().astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
