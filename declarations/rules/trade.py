"""What rules ask about the other documents of one trade: which there are, who filed them, and who still has to."""

from collections.abc import Iterator

from declarations import kinds
from declarations.rules.facts import Facts, Filed, Seen
from declarations.shape import Problem


def joined_by(seen: Seen, slug: str) -> str:
    """The field by which this document names the other: a list names its waybill by the waybill's own number."""
    return dict(seen.kind.named_by).get(slug, seen.kind.order_no)


def about_this_trade(seen: Seen, facts: Facts, slug: str) -> list[Filed]:
    """The documents of that kind about the same order of the same platform, and of the number named, where one is."""
    found = _of_the_order(seen, facts, slug)
    if not found:
        return []
    platform = _platform(seen)
    named = dict(seen.kind.named_by).get(slug)
    number = seen.head[named] if named else ""
    return [
        one
        for one in found
        if (not platform or not one.platform_code or facts.same(one.platform_code, platform))
        and (not number or one.number == number)
    ]


def of_another_platform(seen: Seen, facts: Facts, slug: str) -> bool:
    """Whether a document of that kind about this order number belongs to another platform."""
    platform = _platform(seen)
    found = _of_the_order(seen, facts, slug)
    return bool(platform) and any(one.platform_code and not facts.same(one.platform_code, platform) for one in found)


def filed_by_one(seen: Seen, facts: Facts, *slugs: str) -> Iterator[Problem]:
    """E09 for each of these kinds that the filer itself has filed about this trade."""
    for slug in slugs:
        if any(one.filer_credit_code == facts.credit_code for one in about_this_trade(seen, facts, slug)):
            yield seen.wrong("E09", seen.kind.own[0][0], document=slug)


def owed_by(seen: Seen, facts: Facts, slug: str) -> list[str] | str:
    """Who has to file the document of that kind: the names of the enterprises this one names for it, else the types.

    A list names platform and merchant, who file the order, and the courier of the waybill; who pays stands in the order.
    """
    names = []
    for code, name in kinds.kind(slug).own:
        given = seen.head.get(code)
        if given:
            party = facts.directory.get(given)
            names.append(party.name if party else seen.head.get(name) or given)
    if not names and slug == "payment" and (payer := facts.payers.get(seen.head[seen.kind.order_no])):
        names.append(payer)
    return list(dict.fromkeys(names)) or owner_types(slug)


def owner_types(slug: str) -> str:
    """The types of enterprise that file a kind, joined by commas."""
    return ",".join(sorted(owner.value for owner in kinds.kind(slug).filed_by))


def _platform(seen: Seen) -> str:
    return str(seen.head[seen.kind.platform_code]) if seen.kind.platform_code else ""


def _of_the_order(seen: Seen, facts: Facts, slug: str) -> tuple[Filed, ...]:
    return facts.filed.get((slug, seen.head[seen.kind.order_no]), ())
