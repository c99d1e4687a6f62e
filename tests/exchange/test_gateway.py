"""The door for customs: a token, a size, and bytes kept under a role that can do nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.utils import ProgrammingError
from django.test import Client
from django.utils import timezone

from declarations.doors import gateway
from declarations.exchange import inbox
from declarations.models import Inbound
from ledger.models import Discrepancy
from portal.tenancy import acting_as

ADDRESS = "/customs/receive/"


def post(content: bytes, *, token: str | None = "", **headers: str) -> int:
    """The status of the answer; by default with the right token."""
    if token is not None:
        headers["authorization"] = f"Bearer {token or settings.GATEWAY_TOKEN}"
    return Client().post(ADDRESS, content, content_type="application/xml", headers=headers).status_code


@pytest.mark.parametrize("token", [None, "wrong", "口令"])
def test_it_lets_nobody_in_without_the_token(db, token):
    assert post(b"<x/>", token=token) == 401
    assert not Inbound.objects.exists()


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic abc"])
def test_it_lets_nobody_in_with_half_a_token(db, authorization):
    answer = Client().post(ADDRESS, b"<x/>", content_type="application/xml", headers={"authorization": authorization})
    assert answer.status_code == 401
    assert answer.content == b""
    assert not Inbound.objects.exists()


def test_it_keeps_what_was_posted(db):
    assert post(b"\x00whatever\xff") == 200
    assert inbox.raw_bytes(Inbound.objects.get().id) == b"\x00whatever\xff"


def test_it_refuses_nothing_and_too_much(db, monkeypatch):
    monkeypatch.setattr(gateway, "MAX_BYTES", 1000)
    assert post(b"") == 400
    assert post(b"x" * 1000) == 200
    assert post(b"x" * 1001) == 413
    assert Inbound.objects.count() == 1


def test_it_takes_posts_alone(db):
    for method in ("get", "put", "delete", "head"):
        answer = getattr(Client(), method)(ADDRESS, headers={"authorization": f"Bearer {settings.GATEWAY_TOKEN}"})
        assert answer.status_code == 405
    assert not Inbound.objects.exists()


def test_it_needs_no_form_token_and_no_session(db):
    strict = Client(enforce_csrf_checks=True)
    headers = {"authorization": f"Bearer {settings.GATEWAY_TOKEN}"}
    answer = strict.post(ADDRESS, b"<x/>", content_type="application/xml", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"OK")
    assert not answer.cookies


def test_it_may_put_away_and_learn_the_number_and_nothing_else(db):
    with acting_as(enterprise_id=None, user_id=None, role="portal_gateway"):
        number = inbox.store(b"<x/>")
    assert inbox.raw_bytes(number) == b"<x/>"
    for statement in (
        "SELECT content FROM declarations_inboundbytes",
        "SELECT sha256 FROM declarations_inbound",
        "UPDATE declarations_inbound SET state = 'processed'",
        "DELETE FROM declarations_inboundbytes",
        "SELECT 1 FROM declarations_document",
        "INSERT INTO declarations_receipt (code) VALUES ('800')",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            acting_as(enterprise_id=None, user_id=None, role="portal_gateway"),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_it_tells_the_watch_in_how_many_things_the_books_differ(db):
    def watched() -> dict[str, Any]:
        return Client().get("/health/").json()

    assert (watched()["open_discrepancies"], watched()["oldest_discrepancy_seconds"]) == (0, None)
    yesterday = timezone.now() - timedelta(days=1)
    for subject, closed_at in (("list 1", None), ("list 2", None), ("list 3", timezone.now())):
        Discrepancy.objects.create(kind="short", subject=subject, opened_at=yesterday, closed_at=closed_at)
    assert watched()["open_discrepancies"] == 2
    assert 86300 < watched()["oldest_discrepancy_seconds"] < 90000
