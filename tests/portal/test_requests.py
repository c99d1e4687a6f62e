"""Every request has a number, every answer the headers; production refuses what belongs to a demo."""

import base64
import logging

import pytest
from django.core.checks import CheckMessage
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from portal import checks, errors
from portal.middleware import RequestIdFilter, RequestIdMiddleware, SecurityHeadersMiddleware, current_request_id


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse(current_request_id.get())


def test_it_gives_every_request_a_number_and_logs_it() -> None:
    response = RequestIdMiddleware(answer)(RequestFactory().get("/"))
    number = response["X-Request-ID"]
    assert isinstance(response, HttpResponse)
    assert response.content.decode() == number
    assert len(number) == 16
    record = logging.makeLogRecord({})
    assert RequestIdFilter().filter(record)
    assert record.__dict__["request_id"] == "-"


@pytest.mark.parametrize(("given", "kept"), [("abcdef-0123456789", True), ("x", False), ("bad\nline-000000", False)])
def test_it_keeps_a_harmless_number_of_a_proxy(given: str, kept: bool) -> None:
    response = RequestIdMiddleware(answer)(RequestFactory().get("/", headers={"X-Request-ID": given}))
    assert (response["X-Request-ID"] == given) is kept


def test_it_forbids_caching_of_pages_but_not_of_static_files() -> None:
    headers = SecurityHeadersMiddleware(answer)
    assert headers(RequestFactory().get("/order/"))["Cache-Control"] == "no-store"
    assert "Cache-Control" not in headers(RequestFactory().get("/static/css/x.css"))


def test_it_shows_our_mistake_without_asking_the_database() -> None:
    request = RequestFactory().get("/")
    request.request_id = "0123456789abcdef"  # type: ignore[attr-defined]
    response = errors.broken(request)  # no django_db: a query would fail the test
    assert response.status_code == 500
    assert "0123456789abcdef" in response.content.decode()


def ids(found: list[CheckMessage]) -> set[str | None]:
    return {message.id for message in found}


def test_production_refuses_what_belongs_to_a_demo() -> None:
    with override_settings(PORTAL_ENV="production", PORTAL_MADE_SECRETS=["SECRET_KEY"], DEBUG=True):
        assert ids(checks.production_is_no_demo(None)) == {"portal.E001", "portal.E002", "portal.E003"}
    with override_settings(PORTAL_ENV="production", PORTAL_MADE_SECRETS=[], GATEWAY_URL="https://dxp.example.org/dxp"):
        assert checks.production_is_no_demo(None) == []
    with override_settings(PORTAL_ENV="demo", PORTAL_MADE_SECRETS=["SECRET_KEY"], DEBUG=True):
        assert checks.production_is_no_demo(None) == []


def test_production_is_told_of_messages_that_are_only_printed() -> None:
    smtp = "django.core.mail.backends.smtp.EmailBackend"
    console = "django.core.mail.backends.console.EmailBackend"
    for env, mail, sms, expected in (
        ("production", console, "accounts.outgoing.print_sms", {"portal.W002", "portal.W003"}),
        ("production", smtp, "somewhere.send", set()),
        ("demo", console, "accounts.outgoing.print_sms", set()),
    ):
        with override_settings(PORTAL_ENV=env, EMAIL_BACKEND=mail, PORTAL_SMS=sms):
            assert ids(checks.messages_are_sent(None)) == expected


def test_production_is_told_of_the_proxy_in_front() -> None:
    for env, proxies, expected in (
        ("production", [], {"portal.W001"}),
        ("production", ["10.0.0.1"], set()),
        ("demo", [], set()),
    ):
        with override_settings(PORTAL_ENV=env, PORTAL_PROXIES=proxies):
            assert ids(checks.a_proxy_stands_in_front(None)) == expected


def test_it_refuses_keys_that_are_none() -> None:
    good = base64.b64encode(bytes(32)).decode()
    for keys, expected in (([good], set()), ([], {"portal.E005"}), ([good, "short"], {"portal.E004"})):
        with override_settings(PORTAL_FIELD_KEYS=keys):
            assert ids(checks.field_keys_are_keys(None)) == expected
