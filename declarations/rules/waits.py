"""What a document waits for, from the problems that time will cure: kinds, rule and a sentence that names who owes it.

And the sentence of a rule that a document broke while it waited. Both are kept, as no reader is there when they are found.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from django.utils.translation import gettext_noop as _

from declarations import kinds
from declarations.rulebook import RULES, WAIT
from declarations.shape import PARTY_LABELS, Problem
from portal.sentences import keep

_SAYS = {
    "E07": _("%(document)s尚未申报，应由%(owner)s申报"),
    "E08": _("%(document)s尚未被海关接受，由%(owner)s申报"),
    "E12": _("%(document)s尚未申报，应由%(owner)s申报（另一家电商平台有同号%(document)s，请核对电商平台代码）"),
}
#: Lists by how many stand in them; each is one sentence, as every sentence inside another doubles its marks when kept.
_AND = {2: _("%(one)s；%(two)s"), 3: _("%(one)s；%(two)s；%(three)s")}
_OR = {2: _("%(one)s、%(two)s"), 3: _("%(one)s、%(two)s、%(three)s")}
_PLACES = ("one", "two", "three")


class Wait(NamedTuple):
    """`waits_for`: the kinds, joined by commas; `code`: the first rule that found one; `reason`: a kept sentence."""

    waits_for: str
    code: str
    reason: str


def wait_of(problems: Iterable[Problem]) -> Wait | None:
    """What a document with these problems waits for; None when there is nothing to wait for."""
    found = [problem for problem in problems if problem.level == WAIT]
    owed = [problem for problem in found if "owner" in problem.params]
    if not owed:
        return None
    # A document of that number on another platform is no document to wait for; it is said beside the missing one.
    elsewhere = {problem.params["document"] for problem in found if problem.rule == "E12"}
    missing = tuple((problem.rule, problem.params["document"], _owner(problem)) for problem in owed)
    return _said(missing, frozenset(elsewhere))


def owed(problems: Iterable[Problem]) -> dict[str, list[Any]]:
    """Which kinds nobody has filed yet, and who has to; names, or types of enterprise as lazy texts."""
    return {problem.params["document"]: _named(_owner(problem)) for problem in problems if problem.rule == "E07"}


def kept(problem: Problem) -> str:
    """What is wrong of a document that waited, as a kept sentence; what to do stands in the rulebook."""
    return keep(RULES[problem.rule].text, **{name: _word(name, value) for name, value in problem.params.items()})


def _word(name: str, value: Any) -> Any:
    """A value of a problem as it stands in the sentence; a kind or a type of enterprise as a lazy text."""
    if name == "document":
        return kinds.kind(value).label
    return _joined(_OR, _named(value)) if name == "owner" else value


def _owner(problem: Problem) -> str | tuple[str, ...]:
    owner = problem.params["owner"]
    return owner if isinstance(owner, str) else tuple(owner)


@lru_cache(maxsize=1000)
def _said(found: tuple[tuple[str, str, str | tuple[str, ...]], ...], elsewhere: frozenset[str]) -> Wait:
    """A thousand documents that wait for the same enterprise share one sentence; it is put together once."""
    sentences = [
        keep(
            _SAYS["E12" if slug in elsewhere else rule],
            document=kinds.kind(slug).label,
            owner=_joined(_OR, _named(owner)),
        )
        for rule, slug, owner in found
    ]
    missing = {slug for _rule, slug, _owner in found}
    in_order = [kind.slug for kind in kinds.KINDS if kind.slug in missing]
    return Wait(",".join(in_order), found[0][0], _joined(_AND, sentences))


def _named(owner: str | tuple[str, ...]) -> list[Any]:
    return [PARTY_LABELS[one] for one in owner.split(",")] if isinstance(owner, str) else list(owner)


def _joined(by: dict[int, str], parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else keep(by[len(parts)], **dict(zip(_PLACES, parts, strict=False)))
