"""What the schedule calls (`portal/celery.py`): the sweeps. A task calls functions; no function calls a task.

The database row is the call: a sweep finds what is due, so a lost tick, a dead worker or an empty Redis costs seconds,
never a document.
"""

from time import monotonic

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone

from declarations import waiting
from declarations.demo import registry
from declarations.doors import uploads
from declarations.exchange import inbox, outbox

#: Seconds that one sweep of a line keeps the next one waiting.
LONGEST_TURN = 5.0


@shared_task
def import_uploads() -> None:
    """Read and check workbooks just received; file those the clerk has decided on (steps 2 to 5 of the walk)."""
    while uploads.work_next():
        pass


@shared_task
def drain_outbox() -> None:
    """Claim due messages, and build, sign, check, keep and send each (step 6 of the walk); stop when nobody answers."""
    outbox.drain()


@shared_task
def drain_inbox() -> None:
    """Read what customs sent and move the documents it answers (step 9 of the walk).

    A stream that does not end gives way now and then: those who wait for what it brings stand in the same line.
    """
    ends = monotonic() + LONGEST_TURN
    while inbox.process_next() and monotonic() < ends:
        pass


@shared_task
def free_waiting() -> None:
    """Send on documents whose predecessors customs has accepted since (between steps 5 and 6 of the walk)."""
    while waiting.free_waiting():
        pass


@shared_task
def tell_sandbox() -> None:
    """Let pretended customs know who files now, with which certificates; scheduled where it stands in for customs."""
    registry.keep_told()


@shared_task
def tidy_up() -> None:
    """Let go of what nobody needs any more: undecided workbooks, rows of those filed long ago, sessions that ended."""
    uploads.drop_expired(now=timezone.now())
    call_command("clearsessions")
