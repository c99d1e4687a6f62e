"""What the schedule calls (``portal/celery.py``): the record of deeds is sealed, notices go out by mail, and who holds a
licence that ends soon is told.
"""

from celery import shared_task
from django.utils import timezone

from accounts import notices, seals
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
    """Once a day: licences that end soon."""
    expiry.remind(timezone.localdate())
