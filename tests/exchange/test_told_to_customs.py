"""Whoever goes live is known to pretended customs by itself: with certificates and guarantee, and nothing it knew is undone."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from pytest_django import Settings

from accounts.cast import Cast
from accounts.credentials import make_credential
from accounts.enrolment import ask_for_key, make_wanted_keys, register_certificate
from accounts.models import Evidence, SigningConsent
from accounts.roles import EnterpriseState, Environment, KeyPlace
from declarations.demo import registry
from portal.folders import ROOT
from tests.conftest import free_ports, until
from tests.exchange.desk import certify, filed, forward_all
from tests.sandbox.conftest import TOKEN, Sandbox

DIRECTOR = "merchant_administrator"


@pytest.fixture
def customs(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """Pretended customs with a database of its own that knows nobody; the portal is told where it is. Not started."""
    database = f"customs_{uuid.uuid4().hex}"
    url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}"))
    monkeypatch.setenv("SANDBOX_DATABASE_URL", url)
    port, nobody = free_ports(2)
    sandbox = Sandbox(url, port, nobody, {"delay": "0", "repeat": "0", "shuffle": "no", "release": "no"})
    settings.PORTAL_DATA, settings.GATEWAY_TOKEN = tmp_path, TOKEN
    settings.GATEWAY_URL = f"http://127.0.0.1:{port}/dxp"
    yield sandbox
    if sandbox.process is not None:
        sandbox.kill()
    with closing(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def known(customs: Sandbox) -> set[str]:
    """The customs codes of its registry."""
    return {str(code) for (code,) in customs.rows("SELECT customs_code FROM enterprise")}


def limit(customs: Sandbox, code: str) -> tuple[object, ...]:
    """The guarantee it knows of."""
    (row,) = customs.rows("SELECT guarantee_kind, guarantee_limit FROM enterprise WHERE customs_code = %s", code)
    return row


def certificates(customs: Sandbox, code: str) -> set[str]:
    """The certificates it knows of."""
    return {str(pem) for (pem,) in customs.rows("SELECT pem FROM certificate WHERE customs_code = %s", code)}


def test_a_newcomer_gets_a_certificate_goes_live_and_its_first_order_is_taken(
    cast: Cast, customs: Sandbox, tmp_path: Path
) -> None:
    merchant = cast.enterprises["merchant"]
    merchant.state = EnterpriseState.DRAFT
    merchant.save(update_fields=["state"])
    director = cast.actor(DIRECTOR)
    asked = ask_for_key(director, Environment.SANDBOX)
    make_wanted_keys()
    asked.refresh_from_db()
    request = tmp_path / "request.csr"
    request.write_text(asked.request)
    issued = customs.run("certify", str(request))
    assert issued.returncode == 0, issued.stderr
    credential = register_certificate(director, Environment.SANDBOX, issued.stdout.encode(), request=asked)
    credential.refresh_from_db()
    assert credential.active and credential.key_place == KeyPlace.MADE
    SigningConsent.objects.create(enterprise=merchant, text_version="demo")
    assert registry.keep_told() and merchant.customs_code not in known(customs)

    merchant.state = EnterpriseState.APPROVED
    merchant.save(update_fields=["state"])
    assert registry.keep_told() and merchant.customs_code in known(customs)
    assert certificates(customs, merchant.customs_code) == {credential.certificate}
    customs.start()
    filed(cast, "order", 1, by=DIRECTOR)
    (message,) = forward_all()
    message.refresh_from_db()
    assert message.state == "sent", message.last_error
    until(lambda: customs.rows("SELECT 1 FROM inbound WHERE state <> 'kept'"), what="customs has read it")
    assert customs.rows("SELECT message, status FROM document") == [("CEB311Message", "2")]


def test_it_is_told_when_something_is_new_and_only_then(cast: Cast, customs: Sandbox) -> None:
    platform = cast.enterprises["platform"]
    assert registry.keep_told() and not registry.keep_told()
    assert known(customs) == {one.customs_code for one in cast.enterprises.values()}
    first, second = make_credential(platform), make_credential(platform)
    assert registry.keep_told() and not registry.keep_told()
    assert certificates(customs, platform.customs_code) == {first.certificate, second.certificate}
    made = make_credential(platform, Environment.PRODUCTION)
    assert not registry.keep_told() and made.certificate not in certificates(customs, platform.customs_code)


def test_guarantees_are_those_verified_and_what_customs_was_topped_up_by_stays(cast: Cast, customs: Sandbox) -> None:
    platform, payment = (cast.enterprises[key].customs_code for key in ("platform", "payment"))
    registry.keep_told()
    assert limit(customs, platform) == ("deposit", Decimal("200000.00")) and limit(customs, payment) == (None, None)
    assert customs.run("top-up", platform, "5000").returncode == 0
    certify(cast.enterprises["platform"])
    assert registry.keep_told() and limit(customs, platform) == ("deposit", Decimal("205000.00"))
    registry.tell(registry.registry_of_all())
    assert limit(customs, platform) == ("deposit", Decimal("205000.00"))
    verified = Evidence.objects.filter(enterprise=cast.enterprises["platform"], item="guarantee")
    verified.update(variety="letter", amount=Decimal("300000.00"))
    assert registry.keep_told() and limit(customs, platform) == ("letter", Decimal("300000.00"))
    verified.update(variety="agent", amount=None)
    assert registry.keep_told() and limit(customs, platform) == (None, None)


def test_who_is_suspended_stays_known_and_who_has_no_number_is_left_out(cast: Cast, customs: Sandbox) -> None:
    venue, platform = cast.enterprises["venue"], cast.enterprises["platform"]
    venue.dxp_id = ""
    venue.save(update_fields=["dxp_id"])
    assert registry.keep_told() and venue.customs_code not in known(customs)
    platform.state = EnterpriseState.SUSPENDED
    platform.save(update_fields=["state"])
    registry.keep_told()
    assert platform.customs_code in known(customs)


def test_while_the_sandbox_is_away_nothing_breaks_and_it_is_told_later(
    cast: Cast, customs: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as away:
        away.setenv("SANDBOX_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/customs")
        assert not registry.keep_told()
    assert "does not take the registry" in caplog.text
    assert not registry.told_file().exists() and list(registry.told_file().parent.iterdir()) == []
    assert registry.keep_told() and known(customs)


@pytest.mark.parametrize(
    ("environment", "is_told"),
    [
        ({}, True),
        ({"SANDBOX_PORT": "8077"}, True),
        ({"GATEWAY_URL": "https://dxp.example.org/dxp"}, False),
        ({"PORTAL_ENV": "production"}, False),
    ],
)
def test_the_schedule_tells_it_only_where_it_stands_in_for_customs(environment: dict[str, str], is_told: bool) -> None:
    kept = {
        name: value for name, value in os.environ.items() if name not in ("GATEWAY_URL", "SANDBOX_PORT", "PORTAL_ENV")
    }
    asked = subprocess.run(
        [sys.executable, "-c", "from portal.celery import LINES, SCHEDULE; print(*SCHEDULE, LINES)"],
        cwd=ROOT, env={**kept, "DJANGO_SETTINGS_MODULE": "portal.settings", **environment}, capture_output=True,
        text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ("declarations.tasks.tell_sandbox" in asked.stdout) is is_told
    assert "('uploads', 'outbox', 'inbox', 'record')" in asked.stdout
