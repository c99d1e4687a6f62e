"""What the schedule calls (``portal/celery.py``): a few lines each, the work is elsewhere."""

from celery import shared_task
from django.utils import timezone

from accounts import certificate_alarms, enrolment, mandates_ending, notices, seals
from accounts.onboarding import expiry


@shared_task
def seal_audit() -> None:
    """Seal what was written down since; the rest of a long day in as many seals as it takes."""
    while seals.seal_next() == seals.ENTRIES_PER_SEAL:
        pass


@shared_task
def mail_notices() -> None:
    """Mail each person the notices that are due, all in one letter."""
    notices.mail_due()


@shared_task
def remind_of_expiry() -> None:
    """Once a day: licences, letters of guarantee and mandates that end soon."""
    expiry.remind(timezone.localdate())
    mandates_ending.remind(timezone.localdate())


@shared_task
def make_wanted_keys() -> None:
    """In the line of the signing service: the keys that enterprises asked for."""
    enrolment.make_wanted_keys()


@shared_task
def look_after_certificates() -> None:
    """Once a day: certificates that end soon, and keys that nothing names any more."""
    certificate_alarms.warn_all(timezone.now())
    enrolment.sweep_keys(timezone.now())
