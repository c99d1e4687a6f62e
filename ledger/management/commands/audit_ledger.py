"""``manage.py audit_ledger``: computes the books anew and tells every row that breaks a law."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.audit import audit

#: How many rows that break one law are told by name.
TOLD = 10


class Command(BaseCommand):
    """Audit the books; exit code 1 when a law is broken."""

    help = "Compute balances, holds, transfers and bills anew from their rows; exit code 1 on any difference."

    def handle(self, *args: Any, **options: Any) -> None:
        """One line per law."""
        differences = 0
        for verdict in audit():
            differences += len(verdict.broken)
            self.stdout.write(f"{'BROKEN' if verdict.broken else 'ok':<6}  {verdict.law}")
            for told in verdict.broken[:TOLD]:
                self.stdout.write(f"          {told}")
            if len(verdict.broken) > TOLD:
                self.stdout.write(f"          and {len(verdict.broken) - TOLD} more")
        if differences:
            raise CommandError(f"{differences} differences")
        self.stdout.write("The books stand.")
