"""Long lists page by page: by the key of the last row seen, never by counting rows from the start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

ROWS = 50
Row = TypeVar("Row", bound=Model)


def whole(text: str, *, digits: int = 18) -> int | None:
    """The whole number an address or a form says, of so many digits at most; None where it says none."""
    return int(text) if text.isdecimal() and len(text) <= digits else None


@dataclass(frozen=True, slots=True)
class Part(Generic[Row]):
    """The rows of one page; `back` and `on` are what an address asks for the pages around it, None where none is."""

    rows: list[Row] = field(default_factory=list)
    back: dict[str, int] | None = None
    on: dict[str, int] | None = None


def part_of(rows: QuerySet[Row], asked: Mapping[str, str], *, key: str = "id", newest_first: bool = False) -> Part[Row]:
    """The page of `rows` in the order of `key` that an address asks for by `after` or `before`; nonsense asks the first.

    `key` is unique among the rows and a whole number of at most 18 digits.
    """
    onwards, backwards = ("before", "after") if newest_first else ("after", "before")
    begin, end = whole(asked.get(onwards, "")), whole(asked.get(backwards, ""))
    reads_back = end is not None
    limit, name = (end, backwards) if reads_back else (begin, onwards)
    if limit is not None:
        rows = rows.filter(**{f"{key}__{'gt' if name == 'after' else 'lt'}": limit})
    found = list(rows.order_by(key if newest_first == reads_back else f"-{key}")[: ROWS + 1])
    has_more, found = len(found) > ROWS, found[:ROWS]
    if not found:
        return Part()
    if reads_back:
        found.reverse()
    has_back, has_on = (has_more, True) if reads_back else (begin is not None, has_more)
    return Part(
        found,
        {backwards: _key(found[0], key)} if has_back else None,
        {onwards: _key(found[-1], key)} if has_on else None,
    )


def _key(row: Any, key: str) -> int:
    return int(getattr(row, key))
