"""Certificates that end soon: told 90, 30 and 7 days before, each once, and to the watch."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import checks, mail
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts import notices, tasks
from accounts.cast import Cast
from accounts.certificate_alarms import warn_all
from accounts.credentials import make_credential
from accounts.models import AuditEntry, Credential, Enterprise, Membership, Notice
from accounts.roles import EnterpriseState, MemberRole
from portal.celery import SCHEDULE, app
from tests.exchange.desk import certify

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def credential(cast: Cast) -> Credential:
    """The merchant's."""
    return certify(cast.enterprises["merchant"])


def ends_in(credential: Credential, **left: int) -> None:
    Credential.objects.filter(pk=credential.pk).update(not_after=NOW + timedelta(**left))


def test_each_alarm_goes_out_once_to_the_administrators(cast: Cast, credential: Credential) -> None:
    told = []
    for days in range(95, -3, -1):
        ends_in(credential, days=days, hours=1)
        for _sweep in range(2):
            if warn_all(NOW):
                told.append(days)
    assert told == [89, 29, 6], "each as soon as fewer whole days are left"
    notices.mail_due()
    (letter,) = mail.outbox
    assert letter.to == ["merchant_administrator@example.org"]
    for word in (cast.enterprises["merchant"].name, "还有 89 天", credential.serial, "测试环境", "5 个工作日"):
        assert word in letter.body
    assert letter.body.count("/credentials/") == 3
    deeds = AuditEntry.objects.filter(action="credential_warned").order_by("id")
    assert [one.details for one in deeds] == [{"days": 90}, {"days": 30}, {"days": 7}]


def test_one_registered_late_gets_the_nearest_alarm_only(cast: Cast, credential: Credential) -> None:
    ends_in(credential, days=5)
    assert (warn_all(NOW), warn_all(NOW)) == (1, 0)
    notices.mail_due()
    assert mail.outbox[0].subject == "[通关] 加签证书还有 5 天到期"


def test_nobody_is_told_of_what_is_not_in_use_or_whose_enterprise_is_not_open(
    cast: Cast, credential: Credential
) -> None:
    ends_in(credential, days=5)
    Credential.objects.update(active=False)
    assert warn_all(NOW) == 0
    Credential.objects.update(active=True, environment="production")
    assert warn_all(NOW) == 0, "nothing is signed with it here"
    Credential.objects.update(environment="sandbox")
    for state in (EnterpriseState.SUSPENDED, EnterpriseState.DRAFT):
        Enterprise.objects.filter(pk=credential.enterprise_id).update(state=state)
        assert warn_all(NOW) == 0
    Enterprise.objects.filter(pk=credential.enterprise_id).update(state=EnterpriseState.APPROVED)
    ends_in(credential, days=-1)
    assert warn_all(NOW) == 0, "what has ended is not going to end"


def test_who_left_is_not_written_to_and_the_alarm_waits_for_an_administrator(
    cast: Cast, credential: Credential
) -> None:
    ends_in(credential, days=20)
    administrators = Membership.objects.filter(roles__contains=[MemberRole.ADMINISTRATOR])
    administrators.update(active=False)
    assert warn_all(NOW) == 0 and not Notice.objects.exists()
    administrators.update(active=True)
    Membership.objects.filter(user=cast.users["merchant_viewer"]).update(roles=[MemberRole.ADMINISTRATOR])
    assert warn_all(NOW) == 1
    told = set(Notice.objects.values_list("user__username", flat=True))
    assert told == {"merchant_administrator", "merchant_viewer"}
    assert notices.mail_due() == 2
    assert all(len(one.to) == 1 for one in mail.outbox), "nobody reads another's address"


def test_the_sweep_stands_in_the_schedule(cast: Cast, credential: Credential) -> None:
    for name in ("accounts.tasks.look_after_certificates", "accounts.tasks.make_wanted_keys"):
        assert name in SCHEDULE and name in app.tasks
    assert SCHEDULE["accounts.tasks.make_wanted_keys"][0] == SCHEDULE["declarations.tasks.drain_outbox"][0]
    ends_in(credential, days=20)
    tasks.look_after_certificates()
    tasks.make_wanted_keys()
    assert Notice.objects.count() == 1


@pytest.mark.parametrize(
    ("days", "word", "tone"),
    [(200, "", ""), (89, "还有 88 天", "text-warn"), (6, "还有 5 天", "text-bad"), (-1, "已到期", "text-bad")],
)
def test_the_desk_speaks_of_it(
    days: int, word: str, tone: str, cast: Cast, credential: Credential, client_of: Any
) -> None:
    Credential.objects.update(not_after=timezone.now() + timedelta(days=days, hours=-1))
    page = html.fromstring(client_of("merchant_filer").get(reverse("home")).content)
    (card,) = page.xpath("//section[@aria-labelledby='signing']")
    assert word in card.text_content() and ("天，请" in card.text_content()) == ("天" in word)
    assert not tone or card.xpath(f".//dd[contains(@class, '{tone}')]")
    assert not card.xpath(".//a"), "a clerk has no page to go to"
    administrator = html.fromstring(client_of("merchant_administrator").get(reverse("home")).content)
    assert administrator.xpath("//section[@aria-labelledby='signing']//a/@href") == [reverse("credentials")]


def test_the_watch_is_told_of_open_enterprises_only(cast: Cast, credential: Credential) -> None:
    def watched() -> tuple[int, int | None]:
        said = Client().get("/health/").json()
        return said["certificates_ending_within_30_days"], said["first_certificate_ends_in_days"]

    Credential.objects.update(not_after=timezone.now() + timedelta(days=40, hours=1))
    assert watched() == (0, 40)
    Credential.objects.update(not_after=timezone.now() + timedelta(days=10, hours=1))
    assert watched() == (1, 10)
    Credential.objects.update(not_after=timezone.now() - timedelta(hours=1))
    assert watched() == (1, -1)
    Enterprise.objects.update(state=EnterpriseState.SUSPENDED)
    assert watched() == (0, None)


def test_production_knows_no_certificate_of_the_demo(cast: Cast, settings: Any, tmp_path: Any) -> None:
    settings.PORTAL_KEYS_DIR = tmp_path
    make_credential(cast.enterprises["merchant"])
    assert "portal.E006" not in {one.id for one in checks.run_checks(tags=["security"])}
    settings.PORTAL_ENV = "production"
    assert "portal.E006" in {one.id for one in checks.run_checks(tags=["security"])}
    with pytest.raises(ImproperlyConfigured):
        make_credential(cast.enterprises["merchant"])
