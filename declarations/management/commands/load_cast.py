"""``manage.py load_cast``: the invented enterprises and people, and what customs' sandbox knows of them."""

import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.cast import PASSWORD, load_cast
from declarations.demo.registry import write_registry
from portal.checks import refuse_in_production
from portal.folders import ROOT


class Command(BaseCommand):
    """Load the cast into the portal and its registry into the sandbox; run again it changes nothing."""

    help = "Load the invented enterprises, people and certificates, and register them with the sandbox."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load both."""
        refuse_in_production("load_cast")
        cast = load_cast()
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
