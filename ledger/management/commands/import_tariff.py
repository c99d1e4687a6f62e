"""``manage.py import_tariff``: puts a tariff into its table and tells its stated faults."""

from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.models import Fault
from ledger.tariff_file import TariffRefused, import_tariff, read_tariff

#: The tariff that comes with the portal holds the duties as of January 2019.
SINCE = date(2019, 1, 1)


def day(text: str) -> date:
    """A day as it is typed; argparse says so when it is none."""
    return date.fromisoformat(text)


class Command(BaseCommand):
    """Import a tariff; the same file again changes nothing."""

    help = "Import a tariff (CSV; columns as in declarations/published/README.md) and list the faults it states."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which file, and from which day it is valid."""
        parser.add_argument("file", nargs="?", type=Path, default=settings.TARIFF_FILE, help="default: %(default)s")
        parser.add_argument(
            "--since",
            type=day,
            default=SINCE,
            metavar="YYYY-MM-DD",
            help="valid from this day (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and say what was done and what is known to be wrong."""
        try:
            done = import_tariff(read_tariff(options["file"], options["since"]))
        except TariffRefused as problem:
            raise CommandError(str(problem)) from problem
        total = done.added + done.changed + done.same
        self.stdout.write(
            f"{total:,} codes valid since {options['since']}: "
            f"{done.added:,} new, {done.changed:,} changed, {done.same:,} as before"
        )
        if done.faults:
            self.stdout.write("Faults the file states of itself, by codes (shown wherever such a code is taxed):")
        for fault in Fault:
            if count := done.faults.get(fault.value):
                self.stdout.write(f"{count:>8,}  {fault.value}  {fault.label}")
