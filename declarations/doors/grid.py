"""The check grid of an uploaded workbook (step 4 of the walk, as the clerk sees it): every problem at its cell."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext as _

from declarations.doors import staging, uploads
from declarations.doors.tables import Tab
from declarations.fields import Amount, Described, Whole
from declarations.kinds import kind as kind_of
from declarations.kinds.kind import Kind
from declarations.lifecycle import State
from declarations.models import Document, Upload, UploadRow, UploadState
from declarations.rulebook import ERROR, RULES, WAIT, WARNING
from declarations.rules import wait_of
from declarations.shape import Problem
from portal.paging import part_of
from portal.sentences import speak

ALL = "all"
_FIGURES = re.compile(r"%\([a-z_]+\)[sd]")
WAITING = frozenset({UploadState.RECEIVED, UploadState.FILING})


@dataclass(frozen=True, slots=True)
class SheetCell:
    """One cell as read from the sheet, masked when personal, and how bad what was found in it is."""

    text: str
    level: str = ""
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of the sheet with the problems found in it; `wait` says in one sentence what its document waits for."""

    number: int
    cells: list[SheetCell]
    problems: list[Problem]
    wait: str
    is_first: bool
    result: str
    address: str

    @property
    def has_errors(self) -> bool:
        """Whether the row itself stops its document."""
        return any(problem.level == ERROR for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Chip:
    """One rule and how many cells it found."""

    rule: str
    text: str
    count: int
    address: str
    current: bool


@dataclass(slots=True)
class Grid:
    """Everything the check page shows."""

    kind: Kind
    upload: Upload
    earlier: Upload | None
    tabs: list[Tab]
    chips: list[Chip]
    heads: list[Described]
    rows: list[SheetRow]
    newer: str
    older: str
    progress: tuple[int, int]
    standing: uploads.Standing

    @property
    def is_waiting(self) -> bool:
        """Whether a sweep still has to do something: the page asks again every second."""
        return self.upload.state in WAITING

    @property
    def is_checked(self) -> bool:
        """Whether the clerk may decide now."""
        return self.upload.state == UploadState.CHECKED

    @property
    def is_kept(self) -> bool:
        """Whether there are rows to show; those of a filed workbook are dropped after a while."""
        return any(tab.count for tab in self.tabs)

    @property
    def days_kept(self) -> int:
        """How many days the rows of a filed workbook stay."""
        return uploads.ROWS_KEPT.days

    @property
    def good_documents(self) -> int:
        """How many documents can be filed, those that then wait among them."""
        return self.upload.documents - self.upload.bad_documents - self.upload.known_documents

    @property
    def failed_rows(self) -> int:
        """How many rows belong to documents that cannot be filed, or were not accepted: they can be taken home."""
        return next((tab.count for tab in self.tabs if tab.slug == ERROR), 0)

    @property
    def good_rows(self) -> int:
        """How many rows have no error of their own."""
        return self.upload.rows - self.upload.bad_rows

    @property
    def width(self) -> int:
        """Columns of the table, for the line under a row that says why."""
        return len(self.heads) + 1


def address(upload: Upload, **asked: Any) -> str:
    """The page of an upload with a tab, a rule or a first row chosen."""
    query = urlencode({name: value for name, value in asked.items() if value})
    return reverse("upload_check", kwargs={"pk": upload.pk}) + (f"?{query}" if query else "")


def grid(upload: Upload, asked: Mapping[str, str]) -> Grid:
    """The page of one upload the actor may see."""
    kind = kind_of(upload.kind)
    rows = UploadRow.objects.filter(enterprise_id=upload.enterprise_id, upload_id=upload.pk)
    shows_rows = upload.state in {UploadState.CHECKED, UploadState.FILING, UploadState.FILED}
    counts = dict(rows.order_by().values_list("level").annotate(many=Count("id"))) if shows_rows else {}
    tab = asked.get("tab", "")
    if tab not in {ALL, ERROR, WAIT, WARNING, staging.KNOWN}:
        tab = ERROR if counts.get(ERROR) else ALL
    rule = asked.get("rule", "") if asked.get("rule", "") in RULES else ""
    chosen = rows if tab == ALL else rows.filter(level=tab)
    if rule:
        chosen = chosen.filter(problems__contains=[{"rule": rule}])
    part = part_of(chosen if shows_rows else chosen.none(), asked, key="row")
    heads, drawn = _drawn(kind, part.rows, _waits(upload, part.rows))
    (standing,) = uploads.standings([upload])
    return Grid(
        kind=kind,
        upload=upload,
        earlier=uploads.filed_before(upload),
        tabs=_tabs(upload, counts, tab),
        chips=_chips(upload, rule) if tab == ERROR else [],
        heads=heads,
        rows=drawn,
        newer=address(upload, tab=tab, rule=rule, **part.back) if part.back else "",
        older=address(upload, tab=tab, rule=rule, **part.on) if part.on else "",
        progress=uploads.progress(upload.pk) if upload.state in WAITING else (0, 0),
        standing=standing,
    )


def _tabs(upload: Upload, counts: Mapping[str, int], current: str) -> list[Tab]:
    is_filed = upload.state == UploadState.FILED
    words = [
        (ERROR, _("有错单证的行"), counts.get(ERROR, 0)),
        (WAIT, _("申报时须等待的行") if is_filed else _("须等前序单证的行"), counts.get(WAIT, 0)),
        (WARNING, _("有提示单证的行"), counts.get(WARNING, 0)),
        (staging.KNOWN, _("已申报过的行"), counts.get(staging.KNOWN, 0)),
        (ALL, _("全部行"), sum(counts.values())),
    ]
    return [
        Tab(slug, label, count, address(upload, tab=slug), slug == current)
        for slug, label, count in words
        if count or slug in {ALL, current}
    ]


def _chips(upload: Upload, current: str) -> list[Chip]:
    found = sorted(upload.found.items(), key=lambda item: -item[1])
    return [
        Chip(
            rule, _plain(rule), count, address(upload, tab=ERROR, rule="" if rule == current else rule), rule == current
        )
        for rule, count in found
        if rule in RULES
    ]


def _plain(rule: str) -> str:
    """A rule in words without its figures."""
    return _FIGURES.sub("…", str(RULES[rule].text)).rstrip("。")


def _waits(upload: Upload, staged: Sequence[UploadRow]) -> dict[int, str]:
    """What the documents of these rows wait for, by row: found by the check; once they are filed, as far as they still do."""
    if upload.state != UploadState.FILED:
        found = {row.row: wait_of(Problem.from_json(said) for said in row.problems) for row in staged}
        return {row: speak(wait.reason) for row, wait in found.items() if wait}
    ids = [row.document_id for row in staged if row.document_id and row.result == State.WAITING]
    waiting = Document.objects.filter(enterprise_id=upload.enterprise_id, pk__in=ids, state=State.WAITING)
    reasons = dict(waiting.values_list("pk", "reason")) if ids else {}
    return {row.row: speak(reasons[row.document_id]) for row in staged if row.document_id in reasons}


def _drawn(kind: Kind, staged: Sequence[UploadRow], waits: Mapping[int, str]) -> tuple[list[Described], list[SheetRow]]:
    """The columns in use on this page and its rows; a document's further rows repeat only the numbers of its head.

    Columns in which something was found on this page come first after the numbers, so that no wrong cell is out of sight.
    """
    read = [
        (
            row,
            cells,
            [problem for problem in map(Problem.from_json, row.problems) if problem.level != WAIT or row.row in waits],
        )
        for row, cells in zip(staged, staging.cells_of(staged), strict=True)
    ]
    heads = [
        ("head", described)
        for described in kind.fields
        if any(
            _present(cells.get("head") or {}, problems, described.name, line=False) for _row, cells, problems in read
        )
    ] + [
        ("line", described)
        for described in kind.line_fields
        if any(_present(cells.get("line") or {}, problems, described.name, line=True) for _row, cells, problems in read)
    ]
    wrong = {(problem.field, problem.line is not None) for _row, _cells, found in read for problem in found}
    leading = (kind.number, kind.order_no)
    heads.sort(
        key=lambda head: (
            not (head[0] == "head" and head[1].name in leading),
            (head[1].name, head[0] == "line") not in wrong,
        )
    )
    rows = []
    numbers = {kind.number, kind.order_no}
    known: dict[int, dict[str, Any]] = {}
    for row, cells, problems in read:
        head = cells.get("head")
        if head is not None:
            known[row.document_index] = {name: head.get(name) for name in numbers}
        said = {"head": head or known.get(row.document_index, {}), "line": cells.get("line") or {}}
        drawn = [
            _cell(described, said[part].get(described.name), problems, line=part == "line") for part, described in heads
        ]
        leads = reverse("detail", kwargs={"kind": kind.slug, "pk": row.document_id}) if row.document_id else ""
        told = [problem for problem in problems if problem.level != WAIT]
        is_first = "head" in cells
        rows.append(
            SheetRow(row.row, drawn, told, waits.get(row.row, "") if is_first else "", is_first, row.result, leads)
        )
    return [described for _part, described in heads], rows


def _present(values: Mapping[str, Any], problems: Sequence[Problem], name: str, *, line: bool) -> bool:
    return values.get(name) not in (None, "") or any(
        problem.field == name and (problem.line is not None) == line for problem in problems
    )


def _cell(described: Any, value: Any, problems: Sequence[Problem], *, line: bool) -> SheetCell:
    own = [problem for problem in problems if problem.field == described.name and (problem.line is not None) == line]
    level = next((level for level in (ERROR, WAIT, WARNING) if any(problem.level == level for problem in own)), "")
    text = "" if value is None else str(value)
    if described.personal and text:
        text = described.masked(text)
    return SheetCell(text, level, isinstance(described, Amount | Whole))
