"""The sense of a document, after its shape (step 4 of the walk): numbered rules, all of them asked, all answers kept.

A rule is a function named by its number; its words and its legal basis stand in `rulebook.py`, its test bears its name.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from declarations.kinds import Kind
from declarations.rulebook import RULES, Rule
from declarations.rules import every_kind, inventory, order, payment, waybill
from declarations.rules.facts import Facts, Filed, Known, Party, Seen, Unsound
from declarations.rules.waits import Wait, wait_of
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
    "Wait",
    "check_right",
    "check_sense",
    "check_together",
    "check_trade",
    "wait_of",
]

Check = Callable[[Seen, Facts], Iterable[Problem]]

#: What others' filing can cure or make wrong: asked again of a document that waits.
OF_THE_TRADE: tuple[Check, ...] = (*every_kind.OF_THE_TRADE, *inventory.OF_THE_TRADE)
#: What the filer is entitled to may end while a document waits: asked again once the wait is over.
OF_THE_RIGHT: tuple[Check, ...] = (*every_kind.OF_THE_RIGHT, *inventory.OF_THE_RIGHT)

CHECKS: dict[str, tuple[Check, ...]] = {
    "order": (*every_kind.CHECKS, *order.CHECKS),
    "payment": (*every_kind.CHECKS, *payment.CHECKS),
    "waybill": (*every_kind.CHECKS, *waybill.CHECKS),
    "inventory": (*every_kind.CHECKS, *inventory.CHECKS),
}


#: Rules that compare with what was found, and which part of the facts: where nothing was found they say nothing.
COMPARES: dict[Check, str] = {
    every_kind.e04_same_document_is_filed_once: "known",
    every_kind.e05_number_is_not_used_for_another_document: "known",
    every_kind.e08_predecessors_are_accepted: "filed",
    every_kind.e09_filers_are_different_enterprises: "filed",
    every_kind.e12_platform_is_the_same: "filed",
    every_kind.e13_number_names_one_document: "numbers",
    every_kind.e14_same_document_waits_once: "known",
    every_kind.e15_licence_is_valid: "closed",
    every_kind.e16_service_is_active: "unserved",
    inventory.e09_list_comes_from_a_fourth_enterprise: "filed",
}


@cache
def _in_question(slug: str, found: frozenset[str]) -> tuple[Check, ...]:
    return tuple(check for check in CHECKS[slug] if check not in COMPARES or COMPARES[check] in found)


def check_sense(
    kind: Kind, entry: Entry, clean: Clean, facts: Facts, unsound: frozenset[tuple[int | None, str]] = frozenset()
) -> list[Problem]:
    """Every problem of every rule of the kind whose own cells are sound; nothing is asked of the database."""
    return _asked(_in_question(kind.slug, facts.found), Seen(kind, entry, clean, unsound), facts)


def check_trade(
    kind: Kind, entry: Entry, clean: Clean, facts: Facts, unsound: frozenset[tuple[int | None, str]] = frozenset()
) -> list[Problem]:
    """The same of those rules alone that look at the other documents of the trade."""
    checks = [check for check in CHECKS[kind.slug] if check in OF_THE_TRADE]
    return _asked(checks, Seen(kind, entry, clean, unsound), facts)


def check_right(
    kind: Kind, entry: Entry, clean: Clean, facts: Facts, unsound: frozenset[tuple[int | None, str]] = frozenset()
) -> list[Problem]:
    """The same of those rules alone that ask what the filer is entitled to: licence, service, mandate."""
    checks = [check for check in CHECKS[kind.slug] if check in OF_THE_RIGHT]
    return _asked(checks, Seen(kind, entry, clean, unsound), facts)


def _asked(checks: Iterable[Check], seen: Seen, facts: Facts) -> list[Problem]:
    found: list[Problem] = []
    for check in checks:
        try:
            found.extend(check(seen, facts))
        except Unsound:
            continue
    return found


def check_together(
    kind: Kind, documents: Sequence[tuple[Entry, Clean]], prints: Sequence[bytes] = ()
) -> dict[int, Problem]:
    """Documents of one upload that name the same key or number, by place in the sequence; `prints`: their fingerprints.

    X03: the very same document again, skipped; X02: the same key for another document; E13: another document under the
    same number, where the number is not part of the key.
    """
    first: dict[tuple[str, ...], tuple[Entry, bytes]] = {}
    numbers: set[str] = set()
    number_place = None if kind.number in kind.key else kind.head_names.index(kind.number)
    repeated: dict[int, Problem] = {}
    for place, (entry, clean) in enumerate(documents):
        key, print_ = key_of(kind, clean), prints[place] if prints else fingerprint(kind, clean)
        row = entry.rows[0] if entry.rows else None
        if key in first:
            earlier, earlier_print = first[key]
            same = earlier_print == print_
            said = {"first": earlier.rows[0] if earlier.rows else 1}
            repeated[place] = Problem("X03" if same else "X02", kind.key[-1], None, row, said, kind=kind.slug)
            continue
        first[key] = entry, print_
        if number_place is not None:
            number = clean.head[number_place]
            if number in numbers:
                repeated[place] = Problem("E13", kind.number, None, row, {}, kind=kind.slug)
            numbers.add(number)
    return repeated
