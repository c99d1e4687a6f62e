"""The inbox: what waits for somebody, unread first, each line leading to the page of the next step."""

from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import UserRequest, signed_in
from accounts.models import Notice
from accounts.notices import mark_read, unread_of
from accounts.views import switch_to
from portal.paging import part_of, whole


@require_http_methods(["GET", "HEAD"])
@signed_in
def notices(request: UserRequest) -> HttpResponse:
    """One's notices: those not read yet, or all with ?all=1."""
    everything = "all" in request.GET
    rows = Notice.objects.filter(user=request.user).select_related("enterprise")
    part = part_of(rows if everything else rows.filter(read_at=None), request.GET, newest_first=True)
    kept = {"all": "1"} if everything else {}
    page = {
        "rows": part.rows,
        "everything": everything,
        "unread": unread_of(request.user),
        "newer": part.back and "?" + urlencode(kept | part.back),
        "older": part.on and "?" + urlencode(kept | part.on),
    }
    return render(request, "accounts/notices.html", {"page": page})


@require_POST
@signed_in
def notice(request: UserRequest, pk: int) -> HttpResponse:
    """Mark one as read, and go on to the page it leads to; for anybody else's there is no such page."""
    found = get_object_or_404(Notice.objects.select_related("enterprise"), pk=pk, user=request.user)
    if found.read_at is None:
        Notice.objects.filter(pk=found.pk).update(read_at=timezone.now())
    if "open" not in request.POST or not found.address:
        return redirect("notices")
    acting = request.actor.enterprise.pk if request.actor else None
    membership = next((one for one in request.memberships if one.enterprise_id == found.enterprise_id), None)
    if membership and membership.enterprise_id != acting:
        switch_to(request, membership.enterprise)
    return redirect(found.address)


@require_POST
@signed_in
def read_all(request: UserRequest) -> HttpResponse:
    """Mark all as read that stood on the page."""
    upto = whole(request.POST.get("upto", ""))
    if upto is None:
        raise Http404
    mark_read(request.user, upto=upto)
    return redirect("notices")
