"""A document as brought to a door becomes clean values, or problems: by the description alone (step 4 of the walk).

`fill` adds what the door knows better than the clerk, `check` reads every cell. The row checker is generated once per kind
from the fields' own `quick` source; a cell it does not recognise goes to the field's `read`, so both say the same.
The same description gives the tuples for COPY and the fingerprint by which a repeated document is known.
"""

import dataclasses
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext

from declarations import kinds
from declarations.fields import CLERK, CUSTOMS, OWN, Code, Described, PersonalText, Text
from declarations.kinds import PARTIES, Kind
from declarations.reading import SHANGHAI, CutNumber, is_blank
from declarations.rulebook import ERROR, RULES
from portal import personal
from portal.sentences import speak

__all__ = [
    "Clean",
    "CutNumber",
    "Entry",
    "Filer",
    "Problem",
    "as_code",
    "check",
    "fill",
    "fingerprint",
    "head_columns",
    "head_row",
    "key_of",
    "line_columns",
    "line_rows",
    "read",
    "read_slowly",
    "unsound_cells",
]

Found = tuple[str, str, dict[str, Any]]
LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclasses.dataclass(slots=True)
class Entry:
    """One document as brought: raw values by field name. rows: sheet row of each line (or of the head), () elsewhere."""

    head: dict[str, Any]
    lines: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    rows: tuple[int, ...] = ()


class Clean(NamedTuple):
    """Typed values: `head` in the order of `kind.fields`, each line in the order of `kind.line_fields`."""

    head: tuple[Any, ...]
    lines: list[tuple[Any, ...]]


class Filer(NamedTuple):
    """What the door knows of the enterprise that files."""

    customs_code: str
    name: str
    types: frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong at one place: rule number, field, line from 0, sheet row. The words are put in when shown."""

    rule: str
    field: str = ""
    line: int | None = None
    row: int | None = None
    params: dict[str, Any] = dataclasses.field(default_factory=dict)
    level: str = ""
    kind: str = ""

    def __post_init__(self) -> None:
        if not self.level:
            object.__setattr__(self, "level", RULES[self.rule].level)

    @property
    def wrong(self) -> str:
        """What is wrong, in the reader's language."""
        return str(RULES[self.rule].text) % self._words

    @property
    def cure(self) -> str:
        """What to do."""
        return str(RULES[self.rule].cure) % self._words

    @property
    def text(self) -> str:
        """What is wrong and what to do."""
        wrong = self.wrong
        return wrong + ("" if wrong.endswith("。") else " ") + self.cure

    @property
    def label(self) -> str:
        """The name of the column; "" where the problem is the document's as a whole."""
        if not self.field or not self.kind:
            return ""
        return str(kinds.kind(self.kind).field(self.field, line=self.line is not None).label)

    @property
    def _words(self) -> dict[str, Any]:
        """Kinds, types, columns and formats are kept by name and spoken in the reader's language."""
        words = {name: _spoken(self.kind, name, value) for name, value in self.params.items()}
        if self.rule == "S05" and self.kind and self.field:
            words["wanted"] = kinds.kind(self.kind).field(self.field, line=self.line is not None).wanted
        return words

    def as_json(self) -> dict[str, Any]:
        """As JSON can keep it; holds nothing personal."""
        return {
            "rule": self.rule,
            "field": self.field,
            "line": self.line,
            "row": self.row,
            "params": self.params,
            "level": self.level,
            "kind": self.kind,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Problem":
        """What `as_json` gave."""
        return cls(**data)


def _spoken(kind_slug: str, name: str, value: Any) -> Any:
    if name in ("document", "kind"):
        return str(kinds.kind(value).label)
    if name in ("owner", "types"):
        named = value if isinstance(value, list) else [str(PARTY_LABELS[one]).lower() for one in value.split(",")]
        return gettext("、").join(named)
    if name == "why":
        return speak(value)
    if name == "name_field":
        return str(kinds.kind(kind_slug).field(value).label)
    if name == "columns":
        return gettext("”“").join(str(kinds.kind(kind_slug).field(one).label) for one in value.split(","))
    return value


PARTY_LABELS: dict[str, str | Promise] = {choice.value: choice.label for choice in type(PARTIES["ebp_code"])}


def fill(kind: Kind, entry: Entry, filer: Filer, *, now: datetime, names: Mapping[str, str]) -> Entry:
    """A new Entry with everything the clerk need not type.

    Identity and time of the filing are always the door's. Fixed values, the filer's own code and name and the registered
    names of the other parties (`names`: code → name) fill blanks only, so that a wrong value given is found, not hidden.
    """
    plan = _plan(kind)
    head = dict(entry.head)
    moment = _filed_at(now)
    head.update(guid=str(uuid4()).upper(), app_type="1", app_time=moment, app_status="2")
    if plan.declares:
        head["decl_time"] = moment.date()
    if plan.numbers and is_blank(head.get("cop_no")):
        head["cop_no"] = filer.customs_code + "".join(secrets.choice(LETTERS) for _ in range(10))
    for name, value in plan.head_fixed:
        if is_blank(head.get(name)):
            head[name] = value
    for code, name in kind.own:
        if len(kind.own) == 1 or PARTIES[code] in filer.types:
            if is_blank(head.get(code)):
                head[code] = filer.customs_code
            if is_blank(head.get(name)) and as_code(head[code]) == filer.customs_code:
                head[name] = filer.name
    for name, code in plan.named:
        if is_blank(head.get(name)) and (known := names.get(as_code(head.get(code)))):
            head[name] = known
    lines = []
    for number, line in enumerate(entry.lines, 1):
        line = {**line, "gnum": number}
        for name, value in plan.line_fixed:
            if is_blank(line.get(name)):
                line[name] = value
        lines.append(line)
    return Entry(head, lines, entry.rows)


@lru_cache(maxsize=8)
def _filed_at(now: datetime) -> datetime:
    return now.astimezone(SHANGHAI).replace(microsecond=0)


def as_code(given: Any) -> str:
    """A code as it is looked up: a sheet or the API may give one of digits only as a number."""
    return "" if given is None else str(given).strip().upper()


class _Plan(NamedTuple):
    head_fixed: tuple[tuple[str, Any], ...]
    line_fixed: tuple[tuple[str, Any], ...]
    named: tuple[tuple[str, str], ...]
    declares: bool
    numbers: bool


@cache
def _plan(kind: Kind) -> _Plan:
    def fixed(names: Iterable[str], fields: Iterable[Described]) -> tuple[tuple[str, Any], ...]:
        return tuple((name, one.fixed) for name, one in zip(names, fields, strict=True) if one.fixed is not None)

    return _Plan(
        fixed(kind.head_names, kind.fields),
        fixed(kind.line_names, kind.line_fields),
        tuple((name, one.name_of) for name, one in zip(kind.head_names, kind.fields, strict=True) if one.name_of),
        "decl_time" in kind.head_names,
        "cop_no" in kind.head_names,
    )


def read(kind: Kind, entry: Entry) -> tuple[Clean, list[Problem]]:
    """Every cell's clean value (None where it is wrong) and every problem of every cell."""
    head_of, line_of = _checkers(kind)
    found: list[Found] = []
    head = head_of(entry.head.get, found)
    return _gathered(kind, entry, head, found, line_of)


def check(kind: Kind, entry: Entry) -> tuple[Clean | None, list[Problem]]:
    """Clean values and every problem of every cell; None for the values when one of them is an error."""
    clean, problems = read(kind, entry)
    return (None if unsound_cells(problems) else clean), problems


def unsound_cells(problems: Iterable[Problem]) -> frozenset[tuple[int | None, str]]:
    """Line (None for the head) and field of every cell whose value cannot be used."""
    return frozenset((problem.line, problem.field) for problem in problems if problem.level == ERROR)


def read_slowly(kind: Kind, entry: Entry) -> tuple[Clean, list[Problem]]:
    """What `read` says, cell by cell through the fields' own `read`: the measure the generated code is held to."""

    def reader(fields: Sequence[Described], names: Sequence[str]) -> Callable[..., tuple[Any, ...]]:
        steps = [(name, _reading(one, name)) for one, name in zip(fields, names, strict=True)]
        return lambda get, found: tuple([read(get(name), found) for name, read in steps])

    found: list[Found] = []
    head = reader(kind.fields, kind.head_names)(entry.head.get, found)
    return _gathered(kind, entry, head, found, reader(kind.line_fields, kind.line_names))


def _gathered(
    kind: Kind, entry: Entry, head: tuple[Any, ...], found: list[Found], line_of: Callable[..., tuple[Any, ...]]
) -> tuple[Clean, list[Problem]]:
    rows = entry.rows
    problems = [
        Problem(rule, name, None, rows[0] if rows else None, params, kind=kind.slug) for rule, name, params in found
    ]
    lines = []
    if kind.line:
        for place, raw in enumerate(entry.lines):
            found = []
            lines.append(line_of(raw.get, found))
            if found:
                row = rows[place] if place < len(rows) else None
                problems += [Problem(rule, name, place, row, params, kind=kind.slug) for rule, name, params in found]
    return Clean(head, lines), problems


def _reading(one: Described, name: str) -> Callable[[Any, list[Found]], Any]:
    def read(raw: Any, found: list[Found]) -> Any:
        notes: list[str] = []
        try:
            value = one.read(raw, notes)
        except ValidationError as error:
            found.append((str(error.code), name, dict(error.params or {})))
            return None
        found += [(note, name, {}) for note in dict.fromkeys(notes)]
        return value

    return read


@cache
def _checkers(kind: Kind) -> tuple[Callable[..., tuple[Any, ...]], Callable[..., tuple[Any, ...]]]:
    return _compiled(kind.slug, kind.fields, kind.head_names), _compiled(kind.slug, kind.line_fields, kind.line_names)


def _compiled(slug: str, fields: Sequence[Described], names: Sequence[str]) -> Callable[..., tuple[Any, ...]]:
    """`check_row(get, found)`: one straight function, a test per cell, everything unusual left to `read`."""
    constants: dict[str, Any] = {}

    def put(constant: object) -> str:
        name = f"_c{len(constants)}"
        constants[name] = constant
        return name

    source = ["def check_row(get, found):"]
    for place, (one, name) in enumerate(zip(fields, names, strict=True)):
        test, value = one.quick("v", put)
        source.append(f"    v = get({name!r})")
        branch = "if"
        if one.given != CUSTOMS:
            source.append(f"    if {test}: a{place} = {value}")
            branch = "elif"
        if not one.required:
            source.append(f"    {branch} v is None or v == '': a{place} = {one.missing!r}")
        source.append(f"    else: a{place} = {put(_reading(one, name))}(v, found)")
    source.append(f"    return ({''.join(f'a{place}, ' for place in range(len(fields)))})")
    exec(compile("\n".join(source), f"<checker of {slug}>", "exec"), constants)  # noqa: S102
    return constants["check_row"]


def key_of(kind: Kind, clean: Clean) -> tuple[str, ...]:
    """The values of `kind.key`."""
    return tuple(clean.head[place] for place in _key_places(kind))


@cache
def _key_places(kind: Kind) -> tuple[int, ...]:
    return tuple(kind.head_names.index(name) for name in kind.key)


def fingerprint(kind: Kind, clean: Clean) -> bytes:
    """16 bytes that are equal when everything people said is equal; what the door filled in does not count."""
    return personal.keyed_hash(said(kind, clean))


def said(kind: Kind, clean: Clean) -> str:
    """Everything people said in one text: the values of the head as they stand in the message, then line by line."""
    of_head, of_line = _said(kind)
    return "\x1f".join([of_head(clean.head), *map(of_line, clean.lines)])


@cache
def _said(kind: Kind) -> tuple[Callable[..., str], Callable[..., str]]:
    def compiled(fields: Sequence[Described], between: str) -> Callable[..., str]:
        names: dict[str, Any] = {f"t{place}": one.text_of for place, one in enumerate(fields)}
        parts = [
            f"v[{place}]" if isinstance(one, Text | Code | PersonalText) else f"t{place}(v[{place}])"
            for place, one in enumerate(fields)
            if one.given in (CLERK, OWN)
        ]
        source = f"def say(v): return {between!r}.join(({', '.join(parts)},))" if parts else "def say(v): return ''"
        exec(compile(source, f"<text of {kind.slug}>", "exec"), names)  # noqa: S102
        return names["say"]

    return compiled(kind.fields, "\x1f"), compiled(kind.line_fields, "\x1e")


@cache
def by_name(kind: Kind) -> tuple[Callable[..., dict[str, Any]], Callable[..., dict[str, Any]]]:
    """What makes of the values of a head, and of a line, a dictionary by field name."""

    def compiled(names: Sequence[str]) -> Callable[..., dict[str, Any]]:
        made: dict[str, Any] = {}
        parts = ", ".join(f"{name!r}: v[{place}]" for place, name in enumerate(names))
        exec(compile(f"def name(v): return {{{parts}}}", f"<names of {kind.slug}>", "exec"), made)  # noqa: S102
        return made["name"]

    return compiled(kind.head_names), compiled(kind.line_names)


def head_columns(kind: Kind) -> tuple[str, ...]:
    """Columns of the body's table in the order of `head_row`."""
    return ("document_id", "enterprise_id", *kind.head_names)


def line_columns(kind: Kind) -> tuple[str, ...]:
    """Columns of the lines' table in the order of `line_rows`."""
    return ("document_id", "enterprise_id", *kind.line_names)


def head_row(kind: Kind, clean: Clean, document_id: int, enterprise_id: int) -> tuple[Any, ...]:
    """The body as psycopg takes it, by COPY or INSERT; a person's data sealed."""
    return _packers(kind)[0](clean.head, document_id, enterprise_id)


def line_rows(kind: Kind, clean: Clean, document_id: int, enterprise_id: int) -> list[tuple[Any, ...]]:
    """The lines as psycopg takes them."""
    pack = _packers(kind)[1]
    return [pack(line, document_id, enterprise_id) for line in clean.lines]


@cache
def _packers(kind: Kind) -> tuple[Callable[..., tuple[Any, ...]], Callable[..., tuple[Any, ...]]]:
    def compiled(fields: Sequence[Described]) -> Callable[..., tuple[Any, ...]]:
        names: dict[str, Any] = {f"seal{place}": one.sealed for place, one in enumerate(fields) if one.personal}
        parts = [f"seal{place}(v[{place}])" if one.personal else f"v[{place}]" for place, one in enumerate(fields)]
        source = f"def pack(v, document_id, enterprise_id): return (document_id, enterprise_id, {', '.join(parts)})"
        exec(compile(source, f"<columns of {kind.slug}>", "exec"), names)  # noqa: S102
        return names["pack"]

    return compiled(kind.fields), compiled(kind.line_fields)


def unsealed(kind: Kind, head: tuple[Any, ...], lines: Iterable[tuple[Any, ...]]) -> Clean:
    """The way back from `head_row` and `line_rows`, without their ids; `personal.Unreadable` when a seal does not open."""
    open_head, open_line = _openers(kind)
    return Clean(open_head(head), [open_line(line) for line in lines])


@cache
def _openers(kind: Kind) -> tuple[Callable[..., tuple[Any, ...]], Callable[..., tuple[Any, ...]]]:
    def compiled(fields: Sequence[Described]) -> Callable[..., tuple[Any, ...]]:
        if not any(one.personal for one in fields):
            return tuple
        names: dict[str, Any] = {f"open{place}": one.unsealed for place, one in enumerate(fields) if one.personal}
        parts = [f"open{place}(v[{place}])" if one.personal else f"v[{place}]" for place, one in enumerate(fields)]
        source = f"def open_row(v): return ({', '.join(parts)},)"
        exec(compile(source, f"<seals of {kind.slug}>", "exec"), names)  # noqa: S102
        return names["open_row"]

    return compiled(kind.fields), compiled(kind.line_fields)


def compile_kind(kind: Kind) -> None:
    """Make now all that is made from the kind's description when first asked for; raises whatever is wrong with it."""
    for make in (_checkers, _packers, _openers, _plan, _key_places, _said, by_name):
        make(kind)
