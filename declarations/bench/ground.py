"""What the bench stands on: a portal of its own, made for it, and empty before each run."""

from dataclasses import dataclass

from django.core.management import call_command
from django.db import connection

from accounts.access import Actor
from accounts.cast import Cast, load_cast
from accounts.credentials import credential_in_use
from declarations.demo.sample import parties_of
from declarations.demo.trades import Parties
from declarations.exchange import signing

FILER = "merchant_filer"
ENTERPRISE = "merchant"


@dataclass(frozen=True, slots=True)
class Ground:
    """Who files, with which key, and whom the documents name."""

    cast: Cast
    actor: Actor
    parties: Parties
    key: signing.SigningKey


def prepare() -> Ground:
    """Tables, the invented enterprises and people, a certificate for each; the database is new."""
    call_command("migrate", interactive=False, verbosity=0)
    cast = load_cast()
    key = signing.key_of(credential_in_use(cast.enterprises[ENTERPRISE].pk))
    return Ground(cast, cast.actor(FILER), parties_of(cast), key)


def clear() -> None:
    """No declarations any more, and nothing of what came before still to be written to the disk."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name.startswith("declarations_")]
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        cursor.execute("CHECKPOINT")
