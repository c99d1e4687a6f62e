"""What the rules may look at: one document as read, and what was looked up beforehand for all documents at once.

`filing.py` builds `Facts` with a constant number of queries, so that 5,000 documents cost the same as one. A rule sees
nothing else and asks the database nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple

from declarations.kinds import Kind
from declarations.shape import Clean, Entry, Problem, by_name


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
    """A document of this enterprise with the same key. may_file_again: customs has refused it. waits: it was never sent,
    as it waits for another."""

    document_id: int
    day: date
    fingerprint: bytes
    may_file_again: bool
    waits: bool = False


@dataclass(frozen=True)
class Facts:
    """now: the time of filing. codes: customs and credit code of the filer. types: what the filer is.

    directory: every enterprise code named on the documents → Party. filed: (kind slug, order number) → the documents of
    the other kinds about that order, of whatever enterprise. known: key → own document with that key. numbers: number →
    key of the own document that has it, for kinds whose number is not part of the key. payers: order number → the payment
    enterprise that the filer's own order names. closed: why the filer may file none of this kind today, as
    ``portal.sentences`` keeps it; unserved: the same for want of a service. services: (type, mode, district) of what the filer
    is activated for. mandates: (code, mode, district) of every merchant on the documents whose lists the filer
    may file today; district empty: every district.
    """

    now: datetime
    codes: frozenset[str]
    credit_code: str
    types: frozenset[str]
    directory: Mapping[str, Party] = field(default_factory=dict)
    filed: Mapping[tuple[str, str], tuple[Filed, ...]] = field(default_factory=dict)
    known: Mapping[tuple[str, ...], Known] = field(default_factory=dict)
    numbers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    payers: Mapping[str, str] = field(default_factory=dict)
    closed: str = ""
    unserved: str = ""
    services: frozenset[tuple[str, str, str]] = frozenset()
    mandates: frozenset[tuple[str, str, str]] = frozenset()

    @cached_property
    def found(self) -> frozenset[str]:
        """The parts of which something was found at all."""
        return frozenset(part for part in ("filed", "known", "numbers", "closed", "unserved") if getattr(self, part))

    def same(self, one: str, other: str) -> bool:
        """Whether two codes name one enterprise; a customs code and a credit code may be the same one."""
        if one == other:
            return True
        first, second = self.directory.get(one), self.directory.get(other)
        return first is not None and second is not None and first.credit_code == second.credit_code


class Unsound(Exception):
    """A rule asked for a cell whose value is wrong in itself; what the rule says would be noise, so it is not asked."""


class Cells(dict[str, Any]):
    """Clean values by field name; a cell that is wrong in itself is not among them."""

    def __missing__(self, name: str) -> Any:
        raise Unsound(name)


class Seen:
    """One document under the eyes of the rules: clean values by field name, and a way to point at one of them.

    `unsound` names the cells (line or None, field) that are wrong in themselves: rules are asked of everything else.
    """

    __slots__ = ("_clean", "entry", "head", "kind", "lines", "unsound")

    def __init__(
        self, kind: Kind, entry: Entry, clean: Clean, unsound: frozenset[tuple[int | None, str]] = frozenset()
    ) -> None:
        self.kind, self.entry, self._clean, self.unsound = kind, entry, clean, unsound
        of_head, of_line = by_name(kind)
        self.head, self.lines = of_head(clean.head), [of_line(line) for line in clean.lines]
        if unsound:
            self.head, self.lines = Cells(self.head), list(map(Cells, self.lines))
            for line, name in unsound:
                (self.head if line is None else self.lines[line]).pop(name, None)

    @property
    def clean(self) -> Clean:
        """The whole document, for rules that judge it as a whole."""
        if self.unsound:
            raise Unsound
        return self._clean

    @property
    def numbered_lines(self) -> list[tuple[int, dict[str, Any]]]:
        """Lines with their place, the sound ones first, so that they are judged before a rule meets an unsound one."""
        if not self.unsound:
            return list(enumerate(self.lines))
        bad = {line for line, _name in self.unsound}
        return sorted(enumerate(self.lines), key=lambda numbered: numbered[0] in bad)

    def wrong(self, rule: str, name: str = "", line: int | None = None, /, **params: Any) -> Problem:
        """The problem of that number at that cell."""
        rows = self.entry.rows
        place = line or 0
        return Problem(rule, name, line, rows[place] if place < len(rows) else None, params, kind=self.kind.slug)
