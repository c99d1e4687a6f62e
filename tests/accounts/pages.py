"""Pages of the access tests: one per guard, and one that fails after writing."""

from django.contrib import admin
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path

from accounts.access import gateway, member, require_role
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Enterprise
from accounts.roles import MemberRole


def who(request: HttpRequest) -> HttpResponse:
    """The role of the database, and what it sees without any filter of the application."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (role,) = cursor.fetchone()
    names = ",".join(Enterprise.objects.order_by("pk").values_list("customs_code", flat=True))
    return HttpResponse(f"{role} {names}")


@member
def desk(request: HttpRequest) -> HttpResponse:
    return who(request)


@require_role(MemberRole.FINANCE, MemberRole.FILER)
def bills(request: HttpRequest) -> HttpResponse:
    return who(request)


@require_role(MemberRole.FILER, files=True)
def filing(request: HttpRequest) -> HttpResponse:
    return who(request)


@member
def written(request: HttpRequest) -> HttpResponse:
    record(request.actor, Action.FILE, "kept")
    return HttpResponse("kept")


@member
def broken(request: HttpRequest) -> HttpResponse:
    record(request.actor, Action.FILE, "lost")
    raise RuntimeError("after writing")


@member
def missing(request: HttpRequest) -> HttpResponse:
    record(request.actor, Action.FILE, "lost")
    raise Http404


@member
def refused_by_database(request: HttpRequest) -> HttpResponse:
    record(request.actor, Action.FILE, "lost")
    Enterprise.objects.update(state="draft")
    return HttpResponse("never")


@gateway
def receive(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return HttpResponse(cursor.fetchone()[0])


urlpatterns = [
    path("", desk, name="home"),
    path("who/", who),
    path("search/", desk, name="search"),
    path("desk/", desk),
    path("bills/", bills),
    path("filing/", filing),
    path("written/", written),
    path("broken/", broken),
    path("missing/", missing),
    path("refused/", refused_by_database),
    path("customs/receive/", receive),
    path("admin/", admin.site.urls),
    path("language/", include("django.conf.urls.i18n")),
    path("", include("accounts.urls")),
]
handler403 = "portal.errors.forbidden"
handler404 = "portal.errors.missing"
handler500 = "portal.errors.broken"
