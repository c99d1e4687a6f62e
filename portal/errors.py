"""The pages of what went wrong; each works without the database and without JavaScript."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: signed in, but this role may not; the page says why where the refusal did."""
    return render(
        request,
        "403.html",
        {"reason": str(exception or ""), "for_now": getattr(exception, "for_now", False)},
        status=403,
    )


def missing(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: there is none, or it is another enterprise's; both look the same."""
    return render(request, "404.html", status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """500: our mistake; the page gives the number under which the log has it."""
    number = getattr(request, "request_id", "")
    # Without the request: no context processor may ask the database that has just failed.
    return HttpResponse(get_template("500.html").render({"request_id": number}), status=500)
