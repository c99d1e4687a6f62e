"""Writes down who did what to which thing, in the transaction of the deed, so that neither exists without the other."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.http import HttpRequest

from accounts.access import Actor, Bystander, present_address
from accounts.actions import Action

#: How much a reason to see what is masked says, in characters.
REASON = range(2, 201)

# No RETURNING: a visitor's row may be written, not read back, under row-level security.
INSERT = """
INSERT INTO accounts_auditentry (enterprise_id, user_id, action, subject, details, address)
VALUES (%s, %s, %s, %s, %s::jsonb, %s::inet)
"""


def record(actor: Actor | Bystander | None, action: str, subject: str = "", **details: Any) -> None:
    """Append one entry. Details hold numbers, counts and reasons, never names, numbers or phones of persons.

    From where is the actor's address, or else that of the request at hand; a task has none.
    Raises ValueError for an action that is not in the table of actions.
    """
    with connection.cursor() as cursor:
        cursor.execute(INSERT, _row(actor, action, subject, details))


def record_many(deeds: Iterable[tuple[Actor | Bystander | None, str, str, Mapping[str, Any]]]) -> None:
    """Append an entry for each of these (who, action, subject, details), all at once. Raises ValueError as ``record``."""
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, [_row(*deed) for deed in deeds])


def reason_in(request: HttpRequest, name: str = "why") -> str:
    """The reason somebody gives to see what is masked, as the record keeps it; one that is none is not in ``REASON``."""
    return request.POST.get(name, "").replace("\x00", "").strip()


def _row(actor: Actor | Bystander | None, action: str, subject: str, details: Mapping[str, Any]) -> tuple[Any, ...]:
    """The columns of an entry, as the statement above has them."""
    user = actor.user if actor else None
    enterprise = actor.enterprise if actor else None
    return (
        enterprise.pk if enterprise else None,
        user.pk if user else None,
        Action(action).value,
        subject[:200],
        json.dumps(details, cls=DjangoJSONEncoder, ensure_ascii=False),
        (actor.address if actor else "") or present_address.get() or None,
    )
