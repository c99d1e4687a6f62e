"""The background work of accounts: a few lines each, the work is elsewhere."""

from celery import shared_task
from django.utils import timezone

from accounts.onboarding import expiry


@shared_task
def remind_of_expiry() -> None:
    """Once a day: licences that end soon."""
    expiry.remind(timezone.localdate())
