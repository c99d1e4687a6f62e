"""The sense of a document, after its shape (step 4 of the walk): numbered rules, all of them asked, all answers kept.

A rule is a function named by its number; its words and its legal basis stand in `rulebook.py`, its test bears its name.
"""

from collections.abc import Callable, Iterable, Sequence

from declarations.kinds import Kind
from declarations.rulebook import RULES, Rule
from declarations.rules import every_kind, inventory, order, payment, waybill
from declarations.rules.facts import Facts, Filed, Known, Party, Seen
from declarations.shape import Clean, Entry, Problem, fingerprint, key_of

__all__ = [
    "CHECKS",
    "RULES",
    "Facts",
    "Filed",
    "Known",
    "Party",
    "Problem",
    "Rule",
    "Seen",
    "check_sense",
    "check_together",
]

Check = Callable[[Seen, Facts], Iterable[Problem]]

CHECKS: dict[str, tuple[Check, ...]] = {
    "order": (*every_kind.CHECKS, *order.CHECKS),
    "payment": (*every_kind.CHECKS, *payment.CHECKS),
    "waybill": (*every_kind.CHECKS, *waybill.CHECKS),
    "inventory": (*every_kind.CHECKS, *inventory.CHECKS),
}


def check_sense(kind: Kind, entry: Entry, clean: Clean, facts: Facts) -> list[Problem]:
    """Every problem of every rule of the kind; nothing is asked of the database."""
    seen = Seen(kind, entry, clean)
    return [problem for check in CHECKS[kind.slug] for problem in check(seen, facts)]


def check_together(kind: Kind, documents: Sequence[tuple[Entry, Clean]]) -> dict[int, Problem]:
    """Documents of one upload with the same key: place in the sequence → X02 (differs) or X03 (the same, skipped)."""
    first: dict[tuple[str, ...], tuple[Entry, bytes]] = {}
    repeated: dict[int, Problem] = {}
    for place, (entry, clean) in enumerate(documents):
        key, print_ = key_of(kind, clean), fingerprint(kind, clean)
        if key not in first:
            first[key] = entry, print_
            continue
        earlier, earlier_print = first[key]
        row = entry.rows[0] if entry.rows else None
        repeated[place] = Problem(
            "X03" if earlier_print == print_ else "X02",
            kind.key[-1],
            None,
            row,
            {"first": earlier.rows[0] if earlier.rows else 1},
            kind=kind.slug,
        )
    return repeated
