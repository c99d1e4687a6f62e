"""``manage.py load_cast``: the invented enterprises and people, their guarantees, and what customs' sandbox knows of them."""

import subprocess
import sys
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts.cast import PASSWORD, Cast, load_cast
from declarations.demo.registry import GUARANTEE, GUARANTORS, write_registry
from ledger.guarantee import open_guarantee
from ledger.models import Guarantee, TariffLine
from portal.checks import refuse_in_production
from portal.folders import ROOT


class Command(BaseCommand):
    """Load the cast and the tariff into the portal, the cast's registry into the sandbox; run again it changes nothing."""

    help = "Load the invented enterprises, people and certificates, and register them with the sandbox."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load both."""
        refuse_in_production("load_cast")
        cast = load_cast()
        open_guarantees(cast)
        if not TariffLine.objects.exists():
            call_command("import_tariff", stdout=self.stdout)
        registry = settings.PORTAL_DATA / "sandbox" / "registry.json"
        write_registry(cast, registry)
        subprocess.run(
            [sys.executable, "-m", "declarations.sandbox", "load", str(registry)],
            check=True,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,  # our own line says it; stderr stays
        )
        self.stdout.write(
            f"{len(cast.enterprises)} enterprises, {len(cast.users)} people; everybody's password: {PASSWORD}"
        )


def open_guarantees(cast: Cast) -> None:
    """Give those who may stand surety and have no guarantee yet the deposit that customs knows of too."""
    for key in GUARANTORS:
        enterprise = cast.enterprises[key]
        if not Guarantee.objects.filter(enterprise=enterprise).exists():
            open_guarantee(
                enterprise=enterprise,
                kind=GUARANTEE["kind"],
                number=f"BZJ{enterprise.customs_code}",
                amount=Decimal(GUARANTEE["limit"]),
                user=None,
                at=timezone.now(),
            )
