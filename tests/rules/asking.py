"""How the tests of the rules ask: a document with some cells changed, and the numbers of the rules that object."""

from collections.abc import Mapping
from typing import Any

from declarations.kinds import kind
from declarations.rules import Filed, check_sense
from declarations.shape import Problem, check
from tests import make


def problems(
    slug: str,
    *,
    by: make.Cast | None = None,
    filed: Mapping[tuple[str, str], tuple[Filed, ...]] | None = None,
    facts: Mapping[str, Any] | None = None,
    **cells: Any,
) -> list[Problem]:
    """What the rules say of a document that is right in shape; every sentence is spoken once, so that it can be."""
    which, who = kind(slug), by or make.FILERS[slug]
    entry = make.filled(which, make.entry(slug, **cells), who)
    clean, found = check(which, entry)
    assert clean is not None, [(one.rule, one.field, one.text) for one in found]
    said = check_sense(which, entry, clean, make.facts(who, filed=filed, **(facts or {})))
    assert all(one.text and "%" not in one.text for one in said)
    return said


def rules(slug: str, **asked: Any) -> set[str]:
    """The numbers of the rules that object."""
    return {one.rule for one in problems(slug, **asked)}


def cells_of(rule: str, slug: str, **asked: Any) -> list[tuple[str, int | None]]:
    """Field and line of everything one rule objects to."""
    return [(one.field, one.line) for one in problems(slug, **asked) if one.rule == rule]
