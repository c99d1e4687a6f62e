"""``manage.py load_cast``: the invented enterprises and people, their guarantees, and what customs' sandbox knows of them."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts.cast import PASSWORD, Cast, load_cast
from accounts.models import Evidence
from declarations.demo.registry import registry_of_all, tell
from ledger.guarantee import open_guarantee
from ledger.models import TariffLine
from portal.checks import refuse_in_production


class Command(BaseCommand):
    """Load the cast and the tariff into the portal, everybody who files into the sandbox; run again it changes nothing."""

    help = "Load the invented enterprises, people and certificates, and register them with the sandbox."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load both."""
        refuse_in_production("load_cast")
        cast = load_cast()
        open_guarantees(cast)
        if not TariffLine.objects.exists():
            call_command("import_tariff", stdout=self.stdout)
        tell(registry_of_all())
        self.stdout.write(
            f"{len(cast.enterprises)} enterprises, {len(cast.users)} people; everybody's password: {PASSWORD}"
        )


def open_guarantees(cast: Cast) -> None:
    """Open in the books what was verified of those who have no guarantee there yet; customs knows of the same."""
    verified = Evidence.objects.filter(
        item="guarantee", replaced=False, enterprise__in=cast.enterprises.values(), enterprise__guarantee=None
    )
    for evidence in verified.select_related("enterprise").order_by("pk"):
        assert evidence.amount is not None
        open_guarantee(
            enterprise=evidence.enterprise,
            kind=evidence.variety,
            number=evidence.number,
            amount=evidence.amount,
            user=None,
            at=timezone.now(),
        )
