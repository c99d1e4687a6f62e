"""A paper of an earlier application that still serves: it is taken over, not asked for again."""

from dataclasses import dataclass

from accounts.models import Paper


@dataclass(frozen=True, slots=True)
class OnFile:
    """The paper, without its bytes, and in words what it shows."""

    paper: Paper
    words: str
