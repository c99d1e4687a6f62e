"""What the rules may look at: one document as read, and what was looked up beforehand for all documents at once.

`filing.py` builds `Facts` with a constant number of queries, so that 5,000 documents cost the same as one. A rule sees
nothing else and asks the database nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from declarations.kinds import Kind
from declarations.shape import Clean, Entry, Problem


class Party(NamedTuple):
    """An enterprise in the directory, found under its customs code and under its credit code."""

    name: str
    credit_code: str


class Filed(NamedTuple):
    """A document of another kind about the same order. accepted: customs stands by it (a receipt 2, 3 or 120)."""

    number: str
    platform_code: str
    filer_credit_code: str
    accepted: bool


class Known(NamedTuple):
    """A document of this enterprise with the same key. may_file_again: customs has refused it."""

    document_id: int
    day: date
    fingerprint: bytes
    may_file_again: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """now: the time of filing. codes: customs and credit code of the filer. types: what the filer is.

    directory: every enterprise code named on the documents → Party. filed: (kind slug, order number) → the documents of
    the other kinds about that order, of whatever enterprise. known: key → own document with that key.
    """

    now: datetime
    codes: frozenset[str]
    credit_code: str
    types: frozenset[str]
    directory: Mapping[str, Party] = field(default_factory=dict)
    filed: Mapping[tuple[str, str], tuple[Filed, ...]] = field(default_factory=dict)
    known: Mapping[tuple[str, ...], Known] = field(default_factory=dict)

    def same(self, one: str, other: str) -> bool:
        """Whether two codes name one enterprise; a customs code and a credit code may be the same one."""
        if one == other:
            return True
        first, second = self.directory.get(one), self.directory.get(other)
        return first is not None and second is not None and first.credit_code == second.credit_code


class Seen:
    """One document under the eyes of the rules: clean values by field name, and a way to point at one of them."""

    __slots__ = ("clean", "entry", "head", "kind", "lines")

    def __init__(self, kind: Kind, entry: Entry, clean: Clean) -> None:
        self.kind, self.entry, self.clean = kind, entry, clean
        self.head: dict[str, Any] = dict(zip(kind.head_names, clean.head, strict=True))
        names = kind.line_names
        self.lines: list[dict[str, Any]] = [dict(zip(names, line, strict=True)) for line in clean.lines]

    def wrong(self, rule: str, name: str = "", line: int | None = None, /, **params: Any) -> Problem:
        """The problem of that number at that cell."""
        rows = self.entry.rows
        place = line or 0
        return Problem(rule, name, line, rows[place] if place < len(rows) else None, params, kind=self.kind.slug)
