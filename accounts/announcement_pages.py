"""What staff announced, then and now; and how a reader puts one away."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import UserRequest, signed_in
from accounts.announcements import meant_for
from accounts.models import Dismissal
from portal.paging import part_of


@require_http_methods(["GET", "HEAD"])
@signed_in
def announcements(request: UserRequest) -> HttpResponse:
    """All that were meant for the reader, past ones and those put away too."""
    part = part_of(meant_for(request), request.GET, newest_first=True)
    page = {
        "rows": part.rows,
        "now": timezone.now(),
        "newer": part.back and "?" + urlencode(part.back),
        "older": part.on and "?" + urlencode(part.on),
    }
    return render(request, "accounts/announcements.html", {"page": page})


@require_POST
@signed_in
def dismiss(request: UserRequest, pk: int) -> HttpResponse:
    """Show it on the desk no more; what is not meant for the reader is not there."""
    found = get_object_or_404(meant_for(request), pk=pk)
    Dismissal.objects.get_or_create(announcement=found, user=request.user)
    return redirect("home")
