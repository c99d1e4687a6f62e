#!/usr/bin/env python
"""Every command of the portal starts here: the servers first, then Django."""

import os
import sys

try:
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    from portal import services
except ModuleNotFoundError as missing:
    if missing.name and missing.name.partition(".")[0] in ("portal", "accounts", "ledger", "declarations"):
        raise
    sys.exit(f"This Python has no {missing.name}: use .venv/bin/python manage.py …, or make, which also makes .venv.")

# Commands that look at files only; they must work where no server can be started.
WITHOUT_SERVERS = {"", "help", "--help", "--version", "version", "check_text", "collectstatic", "makemessages", "bench"}


def main() -> int:
    """Run one command; a server that cannot start is one sentence and exit code 1, never a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        if command not in WITHOUT_SERVERS:
            services.attach()
        execute_from_command_line(sys.argv)
    except services.ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    except OperationalError as error:
        if "connection" not in str(error):
            raise
        print(f"The database does not answer ({str(error).splitlines()[0]}): check DATABASE_URL.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
