"""``manage.py demo``: the main job in the open, on a fresh machine.

Starts the whole portal, loads a cast, files sample workbooks by the pages a clerk uses, all at once, so that waybills and
lists wait for what they stand on, follows them to release and tax bill, prints what became of every document and what
the guarantee holds, and leaves the portal running. ``--once`` ends instead: exit code 0 when the figures are those the
sample calls for, the guarantee holds what the open bills say and each order withheld what its bill asks, to the fen,
else 1.
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
from django.db.models import Sum
from django.utils import timezone

from accounts.cast import ENTERPRISES, PASSWORD, PEOPLE, Cast, load_cast
from accounts.newcomers import ACCOUNTS, NEWCOMERS, ON_THEIR_WAY, load_newcomers
from declarations.demo.clerk import Clerk, PageProblem
from declarations.demo.sample import (
    EXPECTED,
    EXPECTED_BILLS,
    FILERS,
    TRADES,
    BillFigures,
    Figures,
    Sample,
    parties_of,
)
from declarations.kinds import Order, kind
from declarations.lifecycle import FILED, REFUSED, State
from declarations.models import Document, Outbound, OutboundState, Upload, UploadState
from ledger.models import Account, BillState, Discrepancy, Hold, Purpose, TaxBill
from portal import static_files
from portal.calendar import SHANGHAI
from portal.checks import refuse_in_production
from portal.sentences import speak
from portal.supervisor import Supervisor

#: How long one step of the demonstration may take before it counts as failed.
PATIENCE_SECONDS = 180
#: Customs' own check passed, whatever came afterwards.
ACCEPTED = (FILED - {State.DECLARING}) | {State.SHIPPED_BACK}
#: Customs says no more of a list.
ENDED = REFUSED | {State.CLOSED, State.SHIPPED_BACK}


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
            self._say("newcomers: an enterprise that prepares, applications that wait for staff")
            load_newcomers(cast)
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
        """File the four workbooks and follow them to the end; print the tables; whether the figures are right."""
        sample = Sample(parties_of(cast), timezone.now().astimezone(SHANGHAI).replace(microsecond=0))
        connection.close()  # the long waits below need no open transaction
        try:
            uploads = self._file_all(sample, {slug: Clerk(address, name, PASSWORD) for slug, name in FILERS})
        except PageProblem as problem:
            raise CommandError(f"A page did not work as it should: {problem}") from problem
        for slug, wanted in EXPECTED.items():
            self._until(f"{slug}: accepted", lambda: self._count(uploads[slug], *ACCEPTED), wanted.accepted)  # noqa: B023
        self._until(
            "inventory: through customs", lambda: self._count(uploads["inventory"], *ENDED), EXPECTED["inventory"].filed
        )
        lists = list(Document.objects.filter(upload_id=uploads["inventory"]).values_list("id", flat=True))
        self._until("tax bills: settled", lambda: self._settled(lists), EXPECTED_BILLS.made)
        figures = {slug: self._figures(uploads[slug]) for slug, _username in FILERS}
        self._print_table(figures, uploads)
        right = self._print_money(lists, uploads["order"])
        return right and figures == EXPECTED

    def _file_all(self, sample: Sample, clerks: dict[str, Clerk]) -> dict[str, int]:
        """Each clerk sends a workbook in, looks at what was found, and files; nobody waits for anybody else."""
        uploads: dict[str, int] = {}
        for slug, clerk in clerks.items():
            self._say(f"{slug}: upload a workbook of {TRADES} documents")
            name = f"{kind(slug).label}_{sample.started:%m%d_%H%M}.xlsx"
            uploads[slug] = clerk.upload(slug, name, sample.workbook(slug))
        for slug, upload_id in uploads.items():
            self._until(f"{slug}: checked", lambda: self._upload_is(upload_id, UploadState.CHECKED), 1)  # noqa: B023
        for slug, upload_id in uploads.items():
            clerks[slug].file_good_ones(upload_id)
        for slug, upload_id in uploads.items():
            self._until(f"{slug}: filed", lambda: self._upload_is(upload_id, UploadState.FILED), 1)  # noqa: B023
            early = Upload.objects.get(id=upload_id).waiting
            if early:
                self._say(f"{slug}: {early} came too early and wait for what they stand on")
        return uploads

    def _upload_is(self, upload_id: int, state: str) -> int:
        upload = Upload.objects.get(id=upload_id)
        if upload.state == UploadState.REFUSED:
            raise CommandError(f"The workbook was refused: {speak(upload.reason)}")
        return int(upload.state == state)

    def _count(self, upload_id: int, *states: str) -> int:
        return Document.objects.filter(upload_id=upload_id, state__in=states).count()

    def _settled(self, lists: list[int]) -> int:
        """How many bills there are, as soon as those that customs settles at once are settled."""
        bills = self._bill_figures(lists)
        return bills.made if bills == EXPECTED_BILLS else min(bills.made, EXPECTED_BILLS.made - 1)

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
        waiting = self._count(upload_id, State.WAITING)
        return Figures(
            brought=upload.documents,
            stopped=upload.refused,
            waiting=waiting,
            filed=upload.filed + upload.waiting - waiting,
            accepted=self._count(upload_id, *ACCEPTED),
            released=self._count(upload_id, State.RELEASED, State.CLOSED),
            refused=self._count(upload_id, *REFUSED),
        )

    def _print_table(self, figures: dict[str, Figures], uploads: dict[str, int]) -> None:
        heads = ("brought", "stopped", "waiting", "sent", "messages", "accepted", "released", "rejected", "pending")
        self.stdout.write("\n" + f"{'document':<12}" + "".join(f"{head:>10}" for head in heads))
        for slug, said in figures.items():
            messages = Outbound.objects.filter(
                state=OutboundState.SENT, enclosed__document__upload_id=uploads[slug]
            ).distinct()
            sent = said.filed - self._count(uploads[slug], State.QUEUED)
            pending = self._count(uploads[slug], State.QUEUED, State.SENT, State.DECLARING)
            numbers = (said.brought, said.stopped, said.waiting, sent, messages.count(), said.accepted)
            cells = "".join(f"{number:>10}" for number in (*numbers, said.released, said.refused, pending))
            mark = "" if said == EXPECTED[slug] else f"   <- should be {EXPECTED[slug]}"
            self.stdout.write(f"{slug:<12}{cells}{mark}")
        self.stdout.write(
            "waiting: for an order that was stopped at the door; they go on by themselves when it is filed."
        )
        self.stdout.write("pending: accepted by the e-port, while their declaration list was refused or is missing.")
        self.stdout.write("\nRejected by customs, with its reason:")
        refused = Document.objects.filter(upload_id__in=uploads.values(), state__in=REFUSED).order_by(
            "kind", "order_no"
        )
        for document in refused:
            self.stdout.write(f"  {document.kind} {document.order_no}  {document.code}  {document.reason}")
        self.stdout.write("")

    def _bill_figures(self, lists: list[int]) -> BillFigures:
        bills = TaxBill.objects.filter(document_id__in=lists)
        return BillFigures(
            made=bills.count(),
            consolidated=bills.filter(state=BillState.CONSOLIDATED).count(),
            void=bills.filter(state=BillState.VOID).count(),
        )

    def _print_money(self, lists: list[int], orders: int) -> bool:
        """Print bills and guarantee; whether they are right, agree with the orders, and we reckon as customs does."""
        bills = self._bill_figures(lists)
        of_lists = TaxBill.objects.filter(document_id__in=lists)
        due = (
            of_lists.filter(state__in=(BillState.MADE, BillState.CONSOLIDATED)).aggregate(sum=Sum("total"))["sum"] or 0
        )
        held = Hold.objects.filter(document_id__in=lists).aggregate(sum=Sum("amount"))["sum"] or 0
        balances = dict(
            Account.objects.values_list("purpose").annotate(sum=Sum("balance")).values_list("purpose", "sum")
        )
        withheld = dict(Order.objects.filter(document__upload_id=orders).values_list("order_no", "tax_total"))
        unlike = [bill for bill in of_lists if withheld[bill.order_no] != bill.total]
        differing = Discrepancy.objects.filter(document_id__in=lists, closed_at=None)
        mark = "" if bills == EXPECTED_BILLS else f"   <- should be {EXPECTED_BILLS}"
        equal = "equal to the fen" if held == due else "   <- should be equal"
        self.stdout.write(
            f"Tax bills: {bills.made} made, of these {bills.consolidated} consolidated and {bills.void} void{mark}"
        )
        self.stdout.write(f"Tax by the open bills:   {due:>12} yuan")
        self.stdout.write(f"Tax held for the lists:  {held:>12} yuan, {equal}")
        if not unlike:
            self.stdout.write("Tax withheld by each order: as customs billed it, to the fen")
        for bill in unlike:
            self.stdout.write(
                f"  order {bill.order_no}: {withheld[bill.order_no]} yuan withheld, {bill.total} billed   <- should be equal"
            )
        for discrepancy in differing:
            self.stdout.write(f"  {discrepancy}: {speak(discrepancy.note)}   <- should not differ from customs")
        self.stdout.write(
            f"Guarantee accounts: {balances.get(Purpose.HELD)} yuan held, {balances.get(Purpose.AVAILABLE)} available"
        )
        self.stdout.write("")
        return bills == EXPECTED_BILLS and held == due and not differing and not unlike

    def _print_logins(self, address: str) -> None:
        self.stdout.write(f"Portal: {address}/    Pretended customs: http://127.0.0.1:{settings.SANDBOX_PORT}/")
        self.stdout.write(f"Logins (the password is always {PASSWORD}):")
        for username, (name, memberships, staff) in PEOPLE.items():
            where = ", ".join(f"{key} {ENTERPRISES[key][2]}" for key in memberships)
            self.stdout.write(
                f"  {username:<24}{name}  {where or ('the admin, /admin/' if staff else 'no enterprise')}"
            )
        for username, name in NEWCOMERS.items():
            self.stdout.write(f"  {username:<24}{name}  {ACCOUNTS[username]['name']}, {ON_THEIR_WAY[username]}")
        self.stdout.write("Staff and administrators are asked for a code after the password; it is shown by")
        self.stdout.write("  .venv/bin/python manage.py one_time_code staff    (or merchant_administrator, newcomer)")
        self.stdout.write("Enterprises, as forms and workbooks ask for them (customs code, name):")
        for key, (name, _credit_code, customs_code, *_more) in ENTERPRISES.items():
            self.stdout.write(f"  {key:<24}{customs_code}  {name}")
        self.stdout.write("")

    def _say(self, text: str) -> None:
        self.stdout.write(f"{timezone.localtime():%H:%M:%S}  {text}")
        self.stdout.flush()
