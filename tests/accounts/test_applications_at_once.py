"""The same form sent from several windows at the same moment: one application, one paper in its slot, no error."""

from collections import Counter

import pytest
from django.test import Client

from accounts.models import Application, Paper
from accounts.onboarding import applications
from tests.accounts.papers import PDF, sent
from tests.cast import people
from tests.ledger.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

WINDOWS = 8


def windows(username: str) -> list[Client]:
    """Browsers of one person."""
    user, found = people().users[username], []
    for _each in range(WINDOWS):
        found.append(Client(raise_request_exception=False))
        found[-1].force_login(user)
    return found


def test_of_windows_that_begin_at_once_one_is_kept() -> None:
    told: Counter[int] = Counter()

    def job(number: int, client: Client) -> None:
        answer = client.post("/applications/account/new/", {"do": "save", "name": f"第 {number} 家"})
        told[answer.status_code] += 1

    jobs = [
        (lambda number=number, client=client: job(number, client)) for number, client in enumerate(windows("stranger"))
    ]
    assert at_once(jobs) == []
    assert told == {302: 1, 409: WINDOWS - 1}
    assert Application.objects.get().version == 2


def test_of_windows_that_upload_at_once_one_fills_the_slot() -> None:
    clients = windows("stranger")
    clients[0].post("/applications/account/new/", {"do": "save", "name": "甲"})
    one = Application.objects.get()
    told: Counter[int] = Counter()

    def job(client: Client) -> None:
        cells = {"do": "save", "version": one.version, "name": "乙", "paper_business_licence": sent(PDF)}
        told[client.post(f"/applications/{one.pk}/", cells).status_code] += 1

    assert at_once([(lambda client=client: job(client)) for client in clients]) == []
    assert told == {302: 1, 409: WINDOWS - 1}
    assert Paper.objects.count() == 1
    assert applications.typed_in(Application.objects.get())["name"] == ["乙"]
