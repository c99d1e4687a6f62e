"""``manage.py one_time_code staff``: what the authenticator app of somebody here shows now."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.cast import one_time_code
from accounts.models import AuthenticatorApp, User
from portal.checks import refuse_in_production


class Command(BaseCommand):
    """Print a code that can be used at once."""

    help = "Print the code that signs somebody in after the password; never in production."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare whose."""
        parser.add_argument("username", help="staff, merchant_administrator, or whoever registered here")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        """Print it; nothing of real people is ever printed."""
        refuse_in_production("one_time_code")
        if not settings.PORTAL_SANDBOX:
            raise CommandError("This portal is connected to a real gateway: its people are no cast.")
        if not User.objects.filter(username=username).exists():
            raise CommandError(f"There is no user {username}.")
        try:
            self.stdout.write(one_time_code(username))
        except AuthenticatorApp.DoesNotExist:
            raise CommandError(f"{username} has no authenticator app: the password is enough, or set one up.") from None
