"""What somebody typed into the form of an application, as it is kept: packed, by field, the texts as the form sent them.

And for whom: what gates and effects ask of every application that is an enterprise's.
"""

import json
from collections.abc import Mapping, Sequence

from accounts.models import Application, Enterprise, Submission
from portal.personal import pack, unpack

LABEL = "accounts_application.content"

Typed = Mapping[str, Sequence[str]]


def typed_in(row: Application | Submission) -> dict[str, list[str]]:
    """What was typed, by field: the texts as the form sent them."""
    found: dict[str, list[str]] = json.loads(unpack(bytes(row.content), LABEL))
    return found


def packed(typed: Typed) -> bytes:
    """As it is kept."""
    return pack(json.dumps(typed, ensure_ascii=False, sort_keys=True).encode(), LABEL)


def enterprise_of(application: Application) -> Enterprise:
    """Whose it is, where only one that is an enterprise's comes."""
    assert application.enterprise is not None
    return application.enterprise
