"""``manage.py verify_audit``: computes the chain of seals over the record of deeds anew, and names what breaks it first."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import AuditSeal
from accounts.seals import verify


class Command(BaseCommand):
    """Look at the record; exit code 1 when an entry or a seal was changed, removed or put in between.

    Holds one seal and its entries in memory at a time: 100,000 entries took ten seconds beside a busy portal on two cores,
    and 90 MB, nearly all of it Django. Who owns the database could write the whole chain anew: therefore
    note the last seal outside now and then, and give it back here as ``--known``.
    """

    help = "Compute the seals over the record of deeds anew; exit code 1 and the first difference when there is one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--known: a seal noted elsewhere."""
        parser.add_argument(
            "--known", metavar="NUMBER:HASH", help="a seal noted outside earlier, as this command tells it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell how it stands."""
        if options["known"]:
            self.look_for(options["known"])
        found = verify()
        if found.fault:
            raise CommandError(f"The record does not stand: {found.fault}.")
        self.stdout.write(
            f"The record stands: {found.entries} entries in {found.seals} seals, {found.waiting} not sealed yet."
        )
        if found.seals:
            self.stdout.write(f"Last seal, to be noted elsewhere: {found.seals}:{found.head}")

    def look_for(self, known: str) -> None:
        """The seal noted elsewhere is still there."""
        number, _colon, told = known.partition(":")
        if not number.isdecimal() or len(number) > 18 or len(told) != 64:
            raise CommandError(f"--known {known} is no seal: give NUMBER:HASH as an earlier run told it.")
        if not AuditSeal.objects.filter(number=int(number), hash=told.lower()).exists():
            raise CommandError(f"The record does not stand: seal {number} is not the one that was noted.")
