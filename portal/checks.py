"""What must never reach production: said at start by system checks, refused by the commands for trying out."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.management.base import CommandError


@register(Tags.security)
def production_is_no_demo(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """With PORTAL_ENV=production: no made-up secrets, no DEBUG, no sandbox in the place of customs."""
    if settings.PORTAL_ENV != "production":
        return []
    problems: list[CheckMessage] = [
        Error(
            f"{name} was made up by the portal; production needs its own.",
            hint=f"Set {name}, or {name}_FILE to the path of a file holding it.",
            id="portal.E001",
        )
        for name in settings.PORTAL_MADE_SECRETS
    ]
    if settings.DEBUG:
        problems.append(Error("DEBUG shows its insides to everybody.", hint="Unset DEBUG.", id="portal.E002"))
    gateway = urlsplit(settings.GATEWAY_URL)
    if gateway.hostname in ("localhost", "127.0.0.1", "::1") or gateway.port == settings.SANDBOX_PORT:
        problems.append(
            Error(
                f"GATEWAY_URL={settings.GATEWAY_URL} is the sandbox, not customs.",
                hint="Set GATEWAY_URL to the address of the data exchange platform.",
                id="portal.E003",
            )
        )
    return problems


@register(Tags.security)
def no_keys_of_the_demo(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """With PORTAL_ENV=production: the folder of signing keys never was a demo's, whose authority lies in it."""
    authority = settings.PORTAL_KEYS_DIR / "demo-ca.pem"
    if settings.PORTAL_ENV != "production" or not authority.exists():
        return []
    return [
        Error(
            f"{authority} is the invented authority of a demo: its certificates are no enterprise's.",
            hint="Give production a PORTAL_DATA and a database of its own.",
            id="portal.E006",
        )
    ]


@register(Tags.security)
def interfaces_are_apart(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Enterprises are told another host for the test than for production; with PORTAL_ENV=production they are told both."""
    test, live = settings.PORTAL_INTERFACES["sandbox"], settings.PORTAL_INTERFACES["production"]
    if test and live and urlsplit(test).hostname == urlsplit(live).hostname:
        return [
            Error(
                f"{test} and {live} are one host: test and production would mix.",
                hint="Give PORTAL_TEST_INTERFACES and PORTAL_LIVE_INTERFACES hosts of their own.",
                id="portal.E007",
            )
        ]
    if test and live:
        return []
    return [
        Warning(
            "The addresses of the interfaces are not set: nobody's own system can be connected.",
            hint="Set PORTAL_TEST_INTERFACES and PORTAL_LIVE_INTERFACES.",
            id="portal.W004",
        )
    ]


@register(Tags.security)
def a_proxy_stands_in_front(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """With PORTAL_ENV=production: TLS and the patience with slow callers belong to a proxy that reads whole requests."""
    if settings.PORTAL_ENV != "production" or settings.PORTAL_PROXIES:
        return []
    return [
        Warning(
            "No proxy is named: pages, and above all workbooks, should come through one that buffers requests.",
            hint="Put a buffering proxy (nginx: proxy_request_buffering on) in front; name its address in PORTAL_PROXIES.",
            id="portal.W001",
        )
    ]


@register(Tags.security)
def messages_are_sent(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """With PORTAL_ENV=production: who registers or forgets a password waits for a message that is really sent."""
    if settings.PORTAL_ENV != "production":
        return []
    printed: list[CheckMessage] = []
    if settings.PORTAL_SMS.endswith(".print_sms"):
        printed.append(
            Warning(
                "Text messages are only printed: nobody can register.",
                hint="Set PORTAL_SMS to a function that sends one.",
                id="portal.W002",
            )
        )
    if settings.EMAIL_BACKEND.endswith(".console.EmailBackend"):
        printed.append(
            Warning(
                "E-mails are only printed: nobody can register or reset a password.",
                hint="Set EMAIL_HOST (EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD) to a server that sends them.",
                id="portal.W003",
            )
        )
    return printed


@register(Tags.security)
def field_keys_are_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every key of PORTAL_FIELD_KEYS is 32 bytes in base64; found at start, not at the first name to encrypt."""
    problems: list[CheckMessage] = []
    for number, key in enumerate(settings.PORTAL_FIELD_KEYS, 1):
        try:
            good = len(base64.b64decode(key, validate=True)) == 32
        except binascii.Error:
            good = False
        if not good:
            problems.append(
                Error(
                    f"Key {number} of PORTAL_FIELD_KEYS is not 32 bytes in base64.",
                    hint="Make one: openssl rand -base64 32",
                    id="portal.E004",
                )
            )
    if not settings.PORTAL_FIELD_KEYS:
        problems.append(
            Error("PORTAL_FIELD_KEYS is empty.", hint="Make a key: openssl rand -base64 32", id="portal.E005")
        )
    return problems


def refuse_in_production(command: str) -> None:
    """Raise CommandError where real enterprises file: invented people with a known password have no place there."""
    if settings.PORTAL_ENV == "production":
        raise CommandError(
            f"PORTAL_ENV=production: `manage.py {command}` is for trying out only and does nothing here."
        )
