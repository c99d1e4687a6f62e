"""``manage.py bench``: how fast the main job is, beside the usual Django way and beside what bounds it.

Makes a portal of its own (database, Redis, keys) in a folder of the data folder, measures in it, takes it away, and
leaves ``bench.json``. Exit code 1 when something that is wanted is not met. Needs the packages of requirements-dev.txt.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.checks import refuse_in_production
from portal.folders import ROOT
from portal.servers import socket_folder

#: What belongs to the portal of the person at the terminal and not to the one that is measured.
NOT_OURS = ("DATABASE_URL", "WEB_DATABASE_URL", "SANDBOX_DATABASE_URL", "REDIS_URL", "PORTAL_DATA", "PORTAL_PROCESS")
PACKAGES = ("import_export", "tablib", "openpyxl", "signxml")


class Command(BaseCommand):
    """Measure the main job."""

    help = "Measure the main job beside the usual Django way; print a table and write bench.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the sizes."""
        parser.add_argument("--orders", type=int, default=10_000, help="orders of three lines for the product")
        parser.add_argument("--peer-orders", type=int, default=1_000, help="orders for the usual way, scaled")
        parser.add_argument("--repeat", type=int, default=3, help="runs of each, of which the median counts")
        parser.add_argument("--quick", action="store_true", help="one run of 2,000 orders beside 200")
        parser.add_argument("--out", type=Path, help="where to write the figures; bench.json of the data folder")

    def handle(
        self, *args: Any, orders: int, peer_orders: int, repeat: int, quick: bool, out: Path | None, **options: Any
    ) -> None:
        """Measure in a portal of its own, and keep what came out."""
        refuse_in_production("bench")
        if missing := [name for name in PACKAGES if find_spec(name) is None]:
            raise CommandError(f"{', '.join(missing)} is missing: make bench installs what the bench needs.")
        if min(orders, peer_orders, repeat) < 1:
            raise CommandError("--orders, --peer-orders and --repeat are numbers from 1.")
        if quick:
            orders, peer_orders, repeat = 2_000, 200, 1
        out = out or settings.PORTAL_DATA / "bench.json"
        settings.PORTAL_DATA.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir=settings.PORTAL_DATA))
        try:
            environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
            command = [sys.executable, "-m", "declarations.bench", *map(str, (orders, peer_orders, repeat, folder))]
            self.stdout.flush()
            ended = subprocess.run(command, cwd=ROOT, env={**environment, "PORTAL_DATA": str(folder)}, check=False)
            if ended.returncode:
                raise CommandError(f"The bench broke off ({ended.returncode}); its last words are above.")
            figures = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
            out.write_text((folder / "bench.json").read_text(encoding="utf-8"), encoding="utf-8")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(socket_folder(folder), ignore_errors=True)
        self.stdout.write(f"\nThe figures are in {out}.")
        if unmet := [figure["goal"].strip() for figure in figures if not figure["met"]]:
            raise CommandError(f"Not met: {'; '.join(unmet)}.")
