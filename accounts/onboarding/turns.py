"""When something can be applied for: now, later and why not yet, as a change of what is in force, or never."""

from dataclasses import dataclass
from enum import StrEnum


class When(StrEnum):
    """The four answers."""

    NOW = "now"
    LATER = "later"
    #: It is in force: an application changes it.
    HELD = "held"
    #: The types of the enterprise have no use for it.
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Turn:
    """One of them; of what comes later, what has to be there before; of what is held, what else it is for than a change."""

    when: When
    why: str = ""


NOW, HELD, NEVER = Turn(When.NOW), Turn(When.HELD), Turn(When.NEVER)


def later(why: str) -> Turn:
    """Not yet, because."""
    return Turn(When.LATER, why)
