"""manage.py up: the whole portal in the foreground, until SIGTERM or Ctrl-C."""

import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from portal import static_files
from portal.supervisor import Supervisor


class Command(BaseCommand):
    """Migrate, gather static files, then run web, worker, beat and, but for production, the sandbox."""

    help = "Start the whole portal and stay until Ctrl-C: pages, background work, pretended customs."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until asked to end."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        supervisor = Supervisor(
            port=settings.PORTAL_PORT,
            sandbox_port=settings.SANDBOX_PORT,
            token=settings.GATEWAY_TOKEN,
            sandbox=settings.PORTAL_ENV != "production",
        )
        supervisor.check_free()
        call_command("migrate", interactive=False, verbosity=0)
        static_files.gather()
        with supervisor as portal:
            self.stdout.write(
                f"{settings.PORTAL_NAME_EN}: {portal.address}/  (logs: {portal.data / 'log'}, Ctrl-C ends)"
            )
            self.stdout.flush()
            portal.wait()
