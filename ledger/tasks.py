"""What the schedule calls (``portal/celery.py``): the hourly look at the books."""

import logging

from celery import shared_task

from ledger.audit import audit
from ledger.guarantee import hold_what_fits

log = logging.getLogger(__name__)


@shared_task
def audit_books() -> None:
    """Hold for lists that wait although the money is there, then compute the books anew; a broken law is an error."""
    hold_what_fits()
    for verdict in audit():
        if verdict.broken:
            log.error("the books: broken %s times: %s (%s)", len(verdict.broken), verdict.law, verdict.broken[0])
