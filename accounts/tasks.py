"""The background work of accounts: a few lines each, the work is elsewhere."""

from celery import shared_task
from django.utils import timezone

from accounts import certificate_alarms, enrolment


@shared_task
def make_wanted_keys() -> None:
    """In the line of the signing service: the keys that enterprises asked for."""
    enrolment.make_wanted_keys()


@shared_task
def look_after_certificates() -> None:
    """Once a day: certificates that end soon, and keys that nothing names any more."""
    certificate_alarms.warn_all(timezone.now())
    enrolment.sweep_keys(timezone.now())
