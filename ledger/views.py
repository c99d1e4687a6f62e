"""The pages of the books: tax bills and the guarantee account. A view fetches what the actor may see and renders."""

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from django_htmx.middleware import HtmxDetails

from accounts.access import MemberRequest, require_role
from ledger.access import (
    BILL_ROLES,
    GUARANTEE_ROLES,
    bills_of,
    of_finance_type,
)
from ledger.pages.account import MovementFilter, account_page
from ledger.pages.bill import bill_page
from ledger.pages.bill_list import bill_list, notes_to_pay
from ledger.pages.export import MOST_BILLS, bills_workbook, file_name, movements_workbook
from ledger.pages.filter import Filter
from ledger.pages.schedule import schedule


class Request(MemberRequest):
    """A member's request that also knows whether htmx asks; for annotations only."""

    htmx: HtmxDetails


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_GET
@require_role(*BILL_ROLES)
@of_finance_type
def tax_bills(request: Request) -> HttpResponse:
    """The tax bills by state, with the totals of the filter; those of one payment note stand alone.

    htmx gets the part that changes.
    """
    asked = Filter.of(request.GET)
    page = bill_list(request.actor, asked)
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "ledger/_bills.html", {"page": page})
    context = {
        "page": page,
        "schedule": None if asked.duty_no else schedule(request.actor),
        "notes": [] if asked.duty_no else notes_to_pay(request.actor),
        "sees_account": request.actor.may(*GUARANTEE_ROLES),
    }
    return render(request, "ledger/bills.html", context)


@require_GET
@require_role(*BILL_ROLES)
@of_finance_type
def tax_bill(request: Request, pk: int) -> HttpResponse:
    """One tax bill: what customs asks for, how it came about, and where it is in its days."""
    bill = get_object_or_404(bills_of(request.actor), pk=pk)
    return render(request, "ledger/bill.html", {"page": bill_page(request.actor, bill)})


@require_GET
@require_role(*BILL_ROLES)
@of_finance_type
def tax_bills_export(request: Request) -> HttpResponseBase:
    """The list as a workbook, as filtered."""
    asked = Filter.of(request.GET)
    book = bills_workbook(request.actor, asked)
    if book is None:
        messages.warning(
            request,
            _("符合条件的税单超过 %(most)s 张，一个工作簿放不下。请按放行日或税单日分段导出")
            % {"most": f"{MOST_BILLS:,}"},
        )
        return redirect(asked.address())
    name = file_name(_("电子税单"), request.actor, asked)
    return FileResponse(book, as_attachment=True, filename=name, content_type=XLSX)


@require_GET
@require_role(*GUARANTEE_ROLES)
@of_finance_type
def guarantee(request: Request) -> HttpResponse:
    """The guarantee account: what is left, what is held, every movement, and what does not agree."""
    page = account_page(request.actor, MovementFilter.of(request.GET))
    if request.htmx and not request.htmx.history_restore_request:
        return render(request, "ledger/_movements.html", {"page": page})
    return render(request, "ledger/guarantee.html", {"page": page})


@require_GET
@require_role(*GUARANTEE_ROLES)
@of_finance_type
def guarantee_export(request: Request) -> HttpResponseBase:
    """The movements as a workbook, as filtered."""
    asked = MovementFilter.of(request.GET)
    book = movements_workbook(request.actor, asked)
    if book is None:
        messages.warning(
            request,
            _("符合条件的变动超过 %(most)s 笔，一个工作簿放不下。请按日期分段导出") % {"most": f"{MOST_BILLS:,}"},
        )
        return redirect(asked.address())
    name = file_name(_("担保金变动"), request.actor, asked)
    return FileResponse(book, as_attachment=True, filename=name, content_type=XLSX)
