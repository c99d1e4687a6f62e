"""What happens to every request and answer: a number to find it by in the log, and the headers browsers obey."""

import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

current_request_id: ContextVar[str] = ContextVar("request_id", default="-")
ACCEPTED = re.compile(r"[A-Za-z0-9-]{8,64}")

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Gives every request a number, tells it in X-Request-ID and puts it into every log line of the request.

    A number given by a proxy is kept if it is harmless in a log.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request under its number."""
        given = request.headers.get("X-Request-ID", "")
        number = given if ACCEPTED.fullmatch(given) else secrets.token_hex(8)
        request.request_id = number  # type: ignore[attr-defined]
        token = current_request_id.set(number)
        try:
            response = self.get_response(request)
        finally:
            current_request_id.reset(token)
        response["X-Request-ID"] = number
        return response


class RequestIdFilter(logging.Filter):
    """Puts the number of the current request into a log record ("-" outside one)."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        record.request_id = current_request_id.get()
        return True


class SecurityHeadersMiddleware:
    """Headers that Django's own middleware does not know, and no caching of pages that show business data."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Add the headers where the view has not set its own."""
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if isinstance(response, HttpResponse) and not request.path.startswith("/static/"):
            response.setdefault("Cache-Control", "no-store")
        return response
