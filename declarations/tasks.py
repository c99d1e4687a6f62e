"""What the schedule calls (`portal/celery.py`): four sweeps. A task calls functions; no function calls a task.

The database row is the call: a sweep finds what is due, so a lost tick, a dead worker or an empty Redis costs seconds,
never a document.
"""

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone

from declarations.doors import uploads
from declarations.exchange import inbox, outbox


@shared_task
def import_uploads() -> None:
    """Read and check workbooks just received; file those the clerk has decided on (steps 2 to 5 of the walk)."""
    while uploads.work_next():
        pass


@shared_task
def drain_outbox() -> None:
    """Claim due messages, and build, sign, check, keep and send each (step 6 of the walk); stop when nobody answers."""
    while messages := outbox.claim():
        if not outbox.forward_all(messages):
            return


@shared_task
def drain_inbox() -> None:
    """Read what customs sent and move the documents it answers (step 9 of the walk)."""
    while inbox.process_next():
        pass


@shared_task
def tidy_up() -> None:
    """Let go of what nobody needs any more: undecided workbooks, rows of those filed long ago, sessions that ended."""
    uploads.drop_expired(now=timezone.now())
    call_command("clearsessions")
