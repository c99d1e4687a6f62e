"""The form page of every kind, derived from its description (step 1 of the walk).

It shows inputs, notes and the problems the door found, and reads a post back into an `Entry`; it validates nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from accounts.access import Actor
from declarations import shape
from declarations.doors.advice import Reason, why
from declarations.fields import CLERK, OWN, Amount, Described, Moment, Whole
from declarations.kinds import PARTIES
from declarations.kinds.kind import MOST_LINES, Kind
from declarations.models import Document
from declarations.published import codes
from declarations.rulebook import ERROR, WAIT, WARNING
from declarations.shape import Entry, Problem
from portal.money import money
from portal.paging import whole

#: Words of notes that are not for a form, and not for a party that is somebody else.
_FOR_WORKBOOKS = ("Excel",)
_FOR_OTHERS = ("自己申报",)  # untranslated: compared with the note as written
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
#: Live sums beside the form: kind → (label, terms); a term is a field of head or lines, `-` takes it off.
SUMS: dict[str, tuple[tuple[Any, str], ...]] = {
    "order": (
        (gettext_lazy("各项总价之和"), "total_price"),
        (gettext_lazy("应付合计"), "goods_value freight tax_total -discount"),
        (gettext_lazy("实际支付金额"), "actual_paid"),
    ),
    "inventory": ((gettext_lazy("各项总价之和"), "total_price"),),
}


@dataclass(slots=True)
class Input:
    """One field to fill in, with what the door said of it."""

    described: Described
    name: str
    id: str
    column: str
    value: str
    is_fixed: bool = False
    problems: list[Problem] = field(default_factory=list)
    is_first: bool = False
    is_own: bool = False

    @property
    def label(self) -> Any:
        """The word above the input, as in the workbook."""
        return self.described.label

    @property
    def is_needed(self) -> bool:
        """Whether the clerk must fill it; what the door fills in is not asked for."""
        asked = self.described.required and not self.described.name_of and self.described.given == CLERK
        return asked and not self.is_own

    @property
    def note(self) -> str:
        """What to fill in; what is said for workbooks, or for another party than this filer, is left out."""
        if isinstance(self.described, Moment):
            example = _("例如 %(example)s") % {"example": self.described.example}
            return _("，").join((str(self.described.note), example))
        with override(None):
            written = re.split("[；;]", str(self.described.note))
        shown = re.split("[；;]", str(self.described.note))
        if len(shown) != len(written):
            return str(self.described.note)
        left_out = _FOR_WORKBOOKS if self.is_own else (*_FOR_WORKBOOKS, *_FOR_OTHERS)
        parts = zip(written, shown, strict=True)
        return _("；").join(part.strip() for said, part in parts if not any(word in said for word in left_out))

    @property
    def is_number(self) -> bool:
        """Whether figures are expected."""
        return isinstance(self.described, Amount | Whole)

    @property
    def longest(self) -> int | None:
        """The most characters the field holds."""
        longest = getattr(self.described, "longest", None) or getattr(self.described, "max_length", None)
        return int(longest) if longest else None

    @property
    def codes(self) -> str:
        """The published code table to choose from; empty where none is."""
        return self.described.codes or ""

    @property
    def code_word(self) -> str:
        """What the code typed in stands for."""
        return codes(self.codes).get(self.value.strip(), "") if self.codes else ""

    @property
    def width(self) -> str:
        """How much of the grid the input takes."""
        if self.described.personal:
            return "w2" if self.described.mask == "address" else ""
        return "w2" if (self.longest or 0) >= 200 or self.described.name_of else ""

    @property
    def errors(self) -> list[Problem]:
        """What stops filing."""
        return [problem for problem in self.problems if problem.level == ERROR]

    @property
    def warnings(self) -> list[Problem]:
        """What is only said."""
        return [problem for problem in self.problems if problem.level == WARNING]

    @property
    def described_by(self) -> str:
        """The ids of the texts that belong to the input."""
        ids = [f"{self.id}-note"] if self.note else []
        return " ".join([*ids, f"{self.id}-err"] if self.errors or self.warnings else ids)


@dataclass(frozen=True, slots=True)
class InputGroup:
    """Inputs under one heading."""

    title: Any
    inputs: list[Input]


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the summary on top: which input, what to do."""

    target: str
    label: str
    text: str


@dataclass(slots=True)
class FormPage:
    """Everything a form page shows."""

    kind: Kind
    groups: list[InputGroup]
    heads: list[Described]
    lines: list[list[Input]]
    faults: list[Fault]
    waits: list[Fault]
    warnings: list[Fault]
    sums: list[tuple[Any, str, str]]

    @property
    def tables(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The code tables the inputs choose from."""
        used = {entry.codes: None for group in self.groups for entry in group.inputs if entry.codes}
        used |= {entry.codes: None for line in self.lines[:1] for entry in line if entry.codes}
        return [(name, list(codes(name).items())) for name in used]


def read(kind: Kind, posted: Mapping[str, str], *, without: int | None = None) -> Entry:
    """What was typed, as an entry for the door. Lines left wholly empty are dropped, and the line `without`.

    What no text can hold (NUL, half a character) comes back as U+FFFD, which the rules refuse at its field.
    """
    posted = {name: _NO_TEXT.sub("\ufffd", value) for name, value in posted.items()}
    head = {entry.name: posted.get(f"h.{entry.name}", "") for entry in asked_of_head(kind)}
    count = min(whole(posted.get("lines", ""), digits=3) or 0, MOST_LINES + 1)
    asked = asked_of_line(kind)
    lines = [
        {entry.name: posted.get(f"l.{number}.{entry.name}", "") for entry in asked}
        for number in range(count)
        if number != without
    ]
    return Entry(head=head, lines=[line for line in lines if any(value.strip() for value in line.values())])


def coded(kind: Kind, entry: Entry) -> tuple[Entry, list[Fault]]:
    """The entry with every exact name of a code table replaced by its code, and what was replaced.

    Only a name that one code alone bears is replaced: nothing is guessed.
    """
    said: list[Fault] = []

    def replaced(values: Mapping[str, str], fields: Iterable[Described], target: str, label: str) -> dict[str, str]:
        found = dict(values)
        for described in fields:
            name = str(found.get(described.name, "")).strip()
            code = _code_of(described.codes).get(name) if described.codes else None
            if code:
                found[described.name] = code
                text = _("“%(name)s”已换成代码 %(code)s") % {"name": name, "code": code}
                said.append(Fault(f"{target}-{described.name}", label % {"label": described.label}, text))
        return found

    head = replaced(entry.head, asked_of_head(kind), "f", "%(label)s")
    lines = [
        replaced(line, asked_of_line(kind), f"f-{number}", _line_label(number))
        for number, line in enumerate(entry.lines)
    ]
    return Entry(head=head, lines=lines, rows=entry.rows), said


@cache
def _code_of(table: str) -> dict[str, str]:
    """The codes of a table by name, names of several codes left out."""
    known = codes(table)
    many = Counter(known.values())
    return {name: code for code, name in known.items() if many[name] == 1 and name not in known}


def is_unchanged(kind: Kind, entry: Entry, refused: Document, actor: Actor) -> bool:
    """Whether an entry says exactly what the refused document said."""
    enterprise = actor.enterprise
    filer = shape.Filer(enterprise.customs_code, enterprise.name, frozenset(enterprise.types))
    clean, _problems = shape.check(kind, shape.fill(kind, entry, filer, now=timezone.now(), names={}))
    return clean is not None and shape.fingerprint(kind, clean) == bytes(refused.fingerprint)


def asked_of_head(kind: Kind) -> list[Any]:
    """The fields of the head a clerk fills in or sees filled; the number is asked for even where it can be made."""
    return [entry for entry in kind.fields if entry.given in (CLERK, OWN) or entry.name == kind.number]


def asked_of_line(kind: Kind) -> list[Any]:
    """The fields of a line a clerk fills in."""
    return [described for described in kind.line_fields if described.given == CLERK]


def blank(kind: Kind, actor: Actor) -> Entry:
    """A new entry: the filer's own code and name where they are known to belong, the rest empty."""
    head: dict[str, str] = {}
    for code, name in kind.own:
        if len(kind.own) == 1 or PARTIES.get(code) in actor.enterprise.types:
            head |= {code: actor.enterprise.customs_code, name: actor.enterprise.name}
    return Entry(head=head, lines=[{}] if kind.line else [])


def again(kind: Kind, document: Document) -> Entry:
    """What a refused document said, to be corrected and filed anew."""
    body = getattr(document, kind.slug)
    head = {entry.name: _typed(entry, getattr(body, entry.name)) for entry in asked_of_head(kind)}
    lines = []
    if kind.line:
        for line in kind.line._default_manager.filter(document=document).order_by("gnum"):
            lines.append({entry.name: _typed(entry, getattr(line, entry.name)) for entry in asked_of_line(kind)})
    return Entry(head=head, lines=lines)


def said_of(kind: Kind, document: Document) -> list[tuple[Reason, list[tuple[str, Any]]]]:
    """Why it was refused: each reason with the inputs to look at first (id and label)."""
    asked = {entry.name: entry for entry in asked_of_head(kind)}
    said = []
    for reason in why(document.code, document.reason):
        inputs = [(f"f-{name}", asked[name].label) for name in reason.advice.fields if name in asked]
        if reason.advice.lines:
            inputs.append(("goods", _("商品")))
        said.append((reason, inputs))
    return said


def _typed(described: Any, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(described, Moment):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    return str(described.text_of(value))


def page(
    kind: Kind, entry: Entry, problems: Sequence[Problem] = (), *, more: int = 0, types: Iterable[str] = ()
) -> FormPage:
    """The form filled with an entry; `more` empty lines are added, the first of them gets the focus.

    `types` are the filer's: of the parties a kind names, one's own is filled in and the others must be.
    """
    own = kind.own_codes(types)
    lines = [*entry.lines, *({} for _number in range(more))] if kind.line else []
    if kind.line and not lines:
        lines = [{}]
    by_place: dict[tuple[int | None, str], list[Problem]] = {}
    for problem in problems:
        by_place.setdefault((problem.line, problem.field), []).append(problem)
    groups: dict[str, InputGroup] = {}
    for described in asked_of_head(kind):
        title = str(described.group)
        value = str(entry.head.get(described.name, ""))
        drawn = Input(described, f"h.{described.name}", f"f-{described.name}", described.name, value)
        drawn.is_fixed = described.given == OWN
        drawn.is_own = described.name in own
        drawn.problems = by_place.get((None, described.name), [])
        groups.setdefault(title, InputGroup(title, [])).inputs.append(drawn)
    grid = []
    for number, line in enumerate(lines):
        row: list[Input] = []
        for described in asked_of_line(kind):
            place = f"l.{number}.{described.name}"
            value = str(line.get(described.name, ""))
            drawn = Input(described, place, f"f-{number}-{described.name}", described.name, value)
            drawn.problems = by_place.get((number, described.name), [])
            drawn.is_first = bool(more) and number == len(entry.lines) and not row
            row.append(drawn)
        grid.append(row)
    return FormPage(
        kind=kind,
        groups=list(groups.values()),
        heads=asked_of_line(kind),
        lines=grid,
        faults=_faults(kind, problems, ERROR),
        waits=_faults(kind, problems, WAIT),
        warnings=_faults(kind, problems, WARNING),
        sums=[(label, terms, money(_sum(entry, terms))) for label, terms in SUMS.get(kind.slug, ())],
    )


def _faults(kind: Kind, problems: Iterable[Problem], level: str) -> list[Fault]:
    shown = {entry.name for entry in asked_of_head(kind)}
    faults = []
    for problem in problems:
        if problem.level != level:
            continue
        if problem.line is not None:
            target = f"f-{problem.line}-{problem.field}" if problem.field else "goods"
            label = _line_label(problem.line) % {"label": problem.label}
        else:
            target = f"f-{problem.field}" if problem.field in shown else "goods" if problem.rule == "E03" else ""
            label = problem.label
        faults.append(Fault(target, label, problem.text))
    return faults


def _line_label(number: int) -> str:
    return _("第 %(number)s 项商品的%(label)s") % {"number": number + 1, "label": "%(label)s"}


def _sum(entry: Entry, terms: str) -> Decimal:
    """What the live sum shows before the browser computes it; what is no number counts as nothing."""
    total = Decimal(0)
    for term in terms.split():
        name = term.removeprefix("-")
        for values in (entry.head, *entry.lines):
            try:
                amount = Decimal(str(values.get(name) or 0).replace(",", "").strip() or 0)
            except InvalidOperation:
                continue
            if amount.is_finite() and amount.adjusted() < 15:
                total += -amount if term.startswith("-") else amount
    return total.quantize(Decimal("0.00001"))
