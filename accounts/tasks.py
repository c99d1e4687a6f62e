"""What the schedule calls (``portal/celery.py``): the record of deeds is sealed, and notices go out by mail."""

from celery import shared_task

from accounts import notices, seals


@shared_task
def seal_audit() -> None:
    """Seal what was written down since; the rest of a long day in as many seals as it takes."""
    while seals.seal_next() == seals.ENTRIES_PER_SEAL:
        pass


@shared_task
def mail_notices() -> None:
    """Mail each person the notices that are due, all in one letter."""
    notices.mail_due()
