"""How a state looks: the one shape in which every page hands one to its badges and lamps."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Look:
    """What a badge or lamp needs to know of a state: tone, icon, word and the customs code behind it."""

    tone: str
    icon: str
    word: Any
    code: str = ""
