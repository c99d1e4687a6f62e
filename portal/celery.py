"""The background work: the Celery application, and the whole schedule as one table.

A task is only a nudge: the rows in the database are the work. So every tick may be lost, and one that was not taken
before the next is due is thrown away (`expires`), or a sleeping worker would wake to a thousand of them.
"""

import os
import signal
from pathlib import Path

from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, celeryd_init, worker_process_init, worker_ready
from django.conf import settings

from portal import services

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# task (named as a string: the ground imports nothing above it) → the line it stands in, and seconds between two ticks or
# the hour of the day. Each line has a worker of its own: neither a large workbook nor a gateway that does not answer
# keeps customs' answers waiting.
SCHEDULE: dict[str, tuple[str, float | crontab]] = {
    "declarations.tasks.import_uploads": ("uploads", 1.0),
    "ledger.tasks.audit_books": ("uploads", 3600.0),
    "accounts.tasks.remind_of_expiry": ("uploads", crontab(hour=8, minute=10)),
    "declarations.tasks.tidy_up": ("uploads", crontab(hour=3, minute=30)),
    "declarations.tasks.drain_outbox": ("outbox", 2.0),
    # Beside the outbox, which signs: keys are made where they are used.
    "accounts.tasks.make_wanted_keys": ("outbox", 2.0),
    "accounts.tasks.look_after_certificates": ("uploads", crontab(hour=8, minute=20)),
    "declarations.tasks.drain_inbox": ("inbox", 1.0),
    # Beside the inbox, as only its answers end a wait.
    "declarations.tasks.free_waiting": ("inbox", 1.0),
    "accounts.tasks.seal_audit": ("record", 60.0),
    "accounts.tasks.mail_notices": ("record", 60.0),
}
if settings.PORTAL_SANDBOX:
    SCHEDULE["declarations.tasks.tell_sandbox"] = ("record", 3.0)
LINES = tuple(dict.fromkeys(line for line, _when in SCHEDULE.values()))
ONCE_A_DAY_EXPIRES = 3600.0

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    beat_schedule={
        name.rpartition(".")[2]: {
            "task": name,
            "schedule": when,
            "options": {
                "queue": line,
                "expires": when * 0.9 if isinstance(when, float) else ONCE_A_DAY_EXPIRES,
            },
        }
        for name, (line, when) in SCHEDULE.items()
    },
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=2000,
    broker_connection_retry_on_startup=True,
    timezone="Asia/Shanghai",
)
app.autodiscover_tasks()


@celeryd_init.connect
@beat_init.connect
def use_the_servers(**_: object) -> None:
    """Worker and beat hold the servers themselves, so that they can end in peace when their supervisor was killed."""
    services.attach()


@worker_process_init.connect
def die_with_the_worker(**_: object) -> None:
    """A pool process must not outlive its parent, even when that was killed without warning."""
    services.die_with_parent(signal.SIGKILL)


@worker_ready.connect
def tell_the_supervisor(**_: object) -> None:
    """Touch the file the supervisor waits for."""
    if path := os.environ.get("PORTAL_READY_FILE"):
        Path(path).touch()
