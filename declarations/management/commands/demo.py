"""``manage.py demo``: the main job in the open, on a fresh machine.

Starts the whole portal, loads a cast, files sample workbooks by the pages a clerk uses, waits for customs' answers,
prints what became of every document, and leaves the portal running. ``--once`` ends instead: exit code 0 when the
figures are those the sample calls for, else 1.
"""

import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from accounts.cast import PASSWORD, PEOPLE, Cast, load_cast
from declarations.demo.clerk import Clerk, PageProblem
from declarations.demo.sample import EXPECTED, FILERS, TRADES, Figures, Sample, parties_of
from declarations.kinds import kind
from declarations.lifecycle import FILED, REFUSED, State
from declarations.models import Document, Outbound, OutboundState, Upload, UploadState
from portal import static_files
from portal.calendar import SHANGHAI
from portal.checks import refuse_in_production
from portal.sentences import speak
from portal.supervisor import Supervisor

#: How long one step of the demonstration may take before it counts as failed.
PATIENCE_SECONDS = 180


class Command(BaseCommand):
    """Run the demonstration."""

    help = "Start everything, file the sample workbooks by the pages, wait for customs, print what became of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare ``--once``."""
        parser.add_argument(
            "--once", action="store_true", help="end after the table; exit code 1 when the figures are not right"
        )

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        """Set up, file the sample, print what became of it; then stay or end."""
        refuse_in_production("demo")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        supervisor = Supervisor(
            port=settings.PORTAL_PORT, sandbox_port=settings.SANDBOX_PORT, token=settings.GATEWAY_TOKEN
        )
        supervisor.check_free()
        self._say("database: migrate")
        call_command("migrate", interactive=False, verbosity=0)
        static_files.gather()
        self._say("cast: enterprises, people, certificates")
        call_command("load_cast", stdout=self.stdout)
        cast = load_cast()
        self._say("start: pages, background work, pretended customs")
        with supervisor as portal:
            right = self._file_sample(cast, portal.address)
            if once:
                if not right:
                    raise CommandError("The figures are not what the sample calls for; see the table above.")
            else:
                self._print_logins(portal.address)
                self.stdout.write("Ctrl-C ends.")
                self.stdout.flush()
                portal.wait()
        if once:
            self.stdout.write(
                "Ended, as --once asks: nothing runs any more. `make demo` keeps it running, with logins."
            )

    def _file_sample(self, cast: Cast, address: str) -> bool:
        """File the four workbooks in order and print the table; whether the figures are right."""
        sample = Sample(parties_of(cast), timezone.now().astimezone(SHANGHAI).replace(microsecond=0))
        connection.close()  # the long waits below need no open transaction
        uploads: dict[str, int] = {}
        try:
            for slug, username in FILERS:
                uploads[slug] = self._file_one(sample, slug, Clerk(address, username, PASSWORD))
                if slug != "order":  # order and payment go in any order, all else waits for what it stands on
                    self._wait_accepted(uploads)
        except PageProblem as problem:
            raise CommandError(f"A page did not work as it should: {problem}") from problem
        wanted = EXPECTED["inventory"]
        self._until(
            "inventory: matched by customs",
            lambda: self._count(uploads["inventory"], State.STORED, State.REJECTED),
            wanted.accepted + wanted.refused,
        )
        for slug in ("order", "payment", "waybill"):
            self._until(f"{slug}: accepted", lambda: self._count(uploads[slug], State.STORED), EXPECTED[slug].accepted)  # noqa: B023
        figures = {slug: self._figures(uploads[slug]) for slug, _username in FILERS}
        self._print_table(figures, uploads)
        return figures == EXPECTED

    def _file_one(self, sample: Sample, slug: str, clerk: Clerk) -> int:
        self._say(f"{slug}: upload a workbook of {TRADES} documents")
        upload_id = clerk.upload(slug, f"{kind(slug).label}_{sample.started:%m%d_%H%M}.xlsx", sample.workbook(slug))
        self._until(f"{slug}: checked", lambda: self._upload_is(upload_id, UploadState.CHECKED), 1)
        clerk.file_good_ones(upload_id)
        self._until(f"{slug}: filed", lambda: self._upload_is(upload_id, UploadState.FILED), 1)
        return upload_id

    def _wait_accepted(self, uploads: dict[str, int]) -> None:
        for slug, upload_id in uploads.items():
            total = Document.objects.filter(upload_id=upload_id).count()
            self._until(f"{slug}: answered", lambda: self._count(upload_id, *FILED, *REFUSED), total)  # noqa: B023

    def _upload_is(self, upload_id: int, state: str) -> int:
        upload = Upload.objects.get(id=upload_id)
        if upload.state == UploadState.REFUSED:
            raise CommandError(f"The workbook was refused: {speak(upload.reason)}")
        return int(upload.state == state)

    def _count(self, upload_id: int, *states: str) -> int:
        return Document.objects.filter(upload_id=upload_id, state__in=states).count()

    def _until(self, what: str, done: Callable[[], int], wanted: int) -> None:
        """Wait until ``done()`` reaches ``wanted``, showing how far it is; give up after ``PATIENCE_SECONDS``."""
        deadline, shown = time.monotonic() + PATIENCE_SECONDS, -1
        while (count := done()) < wanted:
            if count != shown:
                self._say(f"{what} {count}/{wanted}")
                shown = count
            if time.monotonic() > deadline:
                self.stdout.write(self.style.ERROR(f"{what}: only {count}/{wanted} after {PATIENCE_SECONDS} s"))
                return
            time.sleep(0.3)
        self._say(f"{what} {count}/{wanted}")

    def _figures(self, upload_id: int) -> Figures:
        upload = Upload.objects.get(id=upload_id)
        return Figures(
            brought=upload.documents,
            stopped=upload.refused,
            filed=upload.filed,
            accepted=self._count(upload_id, State.STORED),
            refused=self._count(upload_id, *REFUSED),
        )

    def _print_table(self, figures: dict[str, Figures], uploads: dict[str, int]) -> None:
        heads = ("brought", "stopped", "filed", "messages", "sent", "accepted", "rejected", "waiting")
        self.stdout.write("\n" + f"{'document':<12}" + "".join(f"{head:>10}" for head in heads))
        for slug, said in figures.items():
            messages = Outbound.objects.filter(
                state=OutboundState.SENT, enclosed__document__upload_id=uploads[slug]
            ).distinct()
            unsent = self._count(uploads[slug], State.QUEUED)
            waiting = said.filed - said.accepted - said.refused
            numbers = (said.brought, said.stopped, said.filed, messages.count(), said.filed - unsent)
            cells = "".join(f"{number:>10}" for number in (*numbers, said.accepted, said.refused, waiting))
            mark = "" if said == EXPECTED[slug] else f"   <- should be {EXPECTED[slug]}"
            self.stdout.write(f"{slug:<12}{cells}{mark}")
        self.stdout.write("waiting: accepted by the e-port, while their declaration list was refused or is missing.")
        self.stdout.write("\nRejected by customs, with its reason:")
        refused = Document.objects.filter(upload_id__in=uploads.values(), state__in=REFUSED).order_by("kind", "number")
        for document in refused:
            self.stdout.write(f"  {document.kind} {document.order_no}  {document.code}  {document.reason}")
        self.stdout.write("")

    def _print_logins(self, address: str) -> None:
        self.stdout.write(f"Portal: {address}/    Pretended customs: http://127.0.0.1:{settings.SANDBOX_PORT}/")
        self.stdout.write(f"Logins (the password is always {PASSWORD}):")
        for username, (name, memberships, staff) in PEOPLE.items():
            where = ", ".join(memberships) or ("the admin, /admin/" if staff else "no enterprise")
            self.stdout.write(f"  {username:<24}{name}  {where}")
        self.stdout.write("")

    def _say(self, text: str) -> None:
        self.stdout.write(f"{timezone.localtime():%H:%M:%S}  {text}")
        self.stdout.flush()
