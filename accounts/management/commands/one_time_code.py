"""``manage.py one_time_code staff``: what the authenticator app of somebody of the cast shows now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.cast import PEOPLE, one_time_code
from accounts.models import AuthenticatorApp
from accounts.newcomers import NEWCOMERS
from portal.checks import refuse_in_production


class Command(BaseCommand):
    """Print a code that can be used at once."""

    help = "Print the code that signs one of the cast in after the password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare whose."""
        parser.add_argument("username", help="staff or merchant_administrator")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        """Print it; nothing of real people is ever printed."""
        refuse_in_production("one_time_code")
        if username not in PEOPLE and username not in NEWCOMERS:
            raise CommandError(f"{username} is not one of the cast.")
        try:
            self.stdout.write(one_time_code(username))
        except AuthenticatorApp.DoesNotExist:
            raise CommandError(f"{username} has no authenticator app: the password is enough, or set one up.") from None
