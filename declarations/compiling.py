"""Compiles the description of every kind at once, at the start of a process: row checkers, packers, writers, schemas.

Each of them is made when first asked for and kept. Made at the start they cost the first clerk nothing, the forked pool
processes of the worker share them, and a description that cannot be compiled keeps the process from starting at all.
"""

from collections.abc import Iterable

from declarations import published, shape
from declarations.exchange import envelope
from declarations.kinds import KINDS, Kind

#: What customs sends beside the answers of the kinds: tax bills and what becomes of them, the refusal of a message whole.
ANSWERS = ("CEB816Message", "CEB818Message", "CEB900Message")


def compile_all(kinds: Iterable[Kind] = KINDS) -> None:
    """Make everything that is derived from the description; raises whatever is wrong with it."""
    for kind in kinds:
        shape.compile_kind(kind)
        envelope.compile_kind(kind)
        published.schema(kind.sends)
        published.schema(kind.answered_by)
    for message in ANSWERS:
        published.schema(message)
