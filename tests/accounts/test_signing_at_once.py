"""Many administrators, and many sweeps, at the same certificates at once: one certificate in use, one consent, one alarm."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import consent, credentials, enrolment
from accounts.cast import Cast
from accounts.certificate_alarms import warn_all
from accounts.models import AuditEntry, Credential, KeyRequest, Notice, SigningConsent
from portal.tenancy import acting_as
from tests.accounts.throwaway import Issued
from tests.cast import people
from tests.ledger.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)

HANDS = 6


@pytest.fixture
def cast(tmp_path: Any, settings: Any) -> Cast:
    settings.PORTAL_KEYS_DIR = tmp_path / "keys"
    credentials.read_key.cache_clear()
    return people()


def as_administrator(cast: Cast, deed: Any) -> Any:
    """The deed as the page does it, behind the wall."""
    actor = cast.actor("merchant_administrator")
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        return deed(actor)


def test_of_those_who_choose_at_once_one_certificate_signs(cast: Cast) -> None:
    for _number in range(HANDS):
        as_administrator(cast, lambda actor: enrolment.register_certificate(actor, "sandbox", Issued().pem()))
    Credential.objects.update(proven_at=timezone.now())  # as a signature of each key shows
    choices = list(Credential.objects.all())

    def choose(one: Credential) -> None:
        as_administrator(cast, lambda actor: enrolment.put_to_use(actor, one))

    assert at_once([lambda one=one: choose(one) for one in choices]) == []
    assert Credential.objects.filter(active=True).count() == 1
    assert AuditEntry.objects.filter(action="credential_used").count() == HANDS


def test_one_consent_is_given_and_one_key_asked_for(cast: Cast) -> None:
    given: list[bool] = []

    def ask(actor: Any) -> None:
        try:
            enrolment.ask_for_key(actor, "sandbox")
        except enrolment.NotPossible as problem:
            assert "已有一个" in str(problem)

    jobs = [lambda: given.append(as_administrator(cast, lambda actor: consent.give(actor, "2026-1")))] * HANDS
    assert at_once([*jobs, *[lambda: as_administrator(cast, ask)] * HANDS]) == []
    assert sorted(given) == [False] * (HANDS - 1) + [True]
    assert SigningConsent.objects.count() == KeyRequest.objects.count() == 1
    assert at_once([enrolment.make_wanted_keys] * 3) == []
    assert AuditEntry.objects.filter(action="key_made").count() == 1
    assert len(list(credentials.key_file("x").parent.glob("*.pem"))) == 1


def test_of_sweeps_at_once_one_sends_the_alarm(cast: Cast) -> None:
    now = timezone.now()
    credentials.make_credential(cast.enterprises["merchant"])
    Credential.objects.update(not_after=now + timedelta(days=20))
    assert at_once([lambda: warn_all(now)] * HANDS) == []
    assert Notice.objects.filter(user=cast.users["merchant_administrator"]).count() == 1
    assert AuditEntry.objects.filter(action="credential_warned").count() == 1
