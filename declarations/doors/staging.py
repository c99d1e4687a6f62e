"""The rows of a workbook between check and filing (steps 2 to 5 of the walk): cells, problems and at last their fate.

Every problem lies at its own row and every row knows the worst of its document, so tabs, chips and the upload's figures
are all counted from the same rows. They are written when the workbook is checked and once more when it is filed, for
what was right an hour ago may be wrong by then; both times set by set.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from declarations.doors.excel import Reading
from declarations.filing import Outcome
from declarations.models import Upload, UploadRow
from declarations.rulebook import ERROR, SKIP, WAIT, WARNING
from declarations.shape import Entry, Problem
from portal.bulk import write_rows
from portal.personal import pack, unpack

#: Already filed with the same content: nothing to do, counted apart from what is wrong.
KNOWN = "known"
#: Only the reader of the sheet finds these: whoever checks the rows once more carries them over.
OF_THE_SHEET = frozenset({"X01", "X04", "X05", "X06", "X07"})
#: What such a cell shows is no content, so whatever else is found in it says the same thing worse.
NO_CONTENT = frozenset({"X04", "X05"})
DIFFERS = "X01"

COLUMNS = ("enterprise_id", "upload_id", "row", "document_index", "content", "level", "problems", "result")
SETTLE = """
UPDATE declarations_uploadrow r
   SET level = s.level, problems = s.problems::jsonb, result = s.result, document_id = s.document_id
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[])
       AS s (id, level, problems, result, document_id)
 WHERE r.id = s.id AND r.upload_id = %s
"""
FOUND = """
SELECT problem->>'rule', problem->>'level', count(*)
  FROM declarations_uploadrow r CROSS JOIN jsonb_array_elements(r.problems) AS problem
 WHERE r.upload_id = %s
 GROUP BY 1, 2
 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Staged:
    """A document that may be filed, as it lies in the rows: its rows' ids, and what the reader of the sheet said."""

    entry: Entry
    row_ids: tuple[int, ...]
    told: list[Problem]


def stage(upload: Upload, reading: Reading, problems: list[list[Problem]], *, tell: Callable[[int], None]) -> None:
    """Write every row of the sheet with what was found in it; `tell` hears now and then how many documents are done."""
    _add_reading_problems(reading, problems)
    UploadRow.objects.filter(upload_id=upload.id).delete()
    write_rows("declarations_uploadrow", COLUMNS, _rows(upload, reading.entries, problems, tell))
    recount(upload)


def _add_reading_problems(reading: Reading, problems: list[list[Problem]]) -> None:
    """Put what the reader of the sheet found beside what the rules found, at the document its row belongs to."""
    index_of = {row: index for index, entry in enumerate(reading.entries) for row in entry.rows}
    spoilt = set()
    for problem in reading.problems:
        index = index_of[problem.row or 0]
        problems[index].append(problem)
        if problem.rule in NO_CONTENT:
            spoilt.add(index)
    for index in spoilt:
        problems[index] = _without_echoes(problems[index])


def _without_echoes(found: list[Problem]) -> list[Problem]:
    """The problems of a document without those that an error value or a formula without result has caused."""
    causes = [problem for problem in found if problem.rule in NO_CONTENT]
    cells = {(cause.field, cause.line, cause.row) for cause in causes}
    # What a later row says of the head stands in the head, unless the head says something else.
    differing = {(problem.field, problem.row) for problem in found if problem.rule == DIFFERS}
    heads = {cause.field for cause in causes if cause.line is None and (cause.field, cause.row) not in differing}

    def is_echo(problem: Problem) -> bool:
        in_head = problem.line is None and problem.field in heads
        return in_head or (problem.field, problem.line, problem.row) in cells

    return [problem for problem in found if problem.rule in NO_CONTENT or not is_echo(problem)]


def _rows(
    upload: Upload, entries: Sequence[Entry], problems: Sequence[Sequence[Problem]], tell: Callable[[int], None]
) -> Iterator[tuple[Any, ...]]:
    for index, (entry, found) in enumerate(zip(entries, problems, strict=True)):
        level = _level(found)
        at_rows = _at_rows(entry.rows, found)
        for position, row in enumerate(entry.rows):
            cells = {"line": entry.lines[position] if entry.lines else {}}
            if position == 0:
                cells["head"] = entry.head
            content = pack(json.dumps(cells, default=_cell_as_json, ensure_ascii=False).encode(), _label(upload.id))
            yield (upload.enterprise_id, upload.id, row, index, content, level, at_rows[position], "")
        if index % 500 == 0:
            tell(index)


def _level(problems: Iterable[Problem]) -> str:
    """The worst of a document's problems: `error`, else `known`, else `wait`, else `warning`, else nothing."""
    levels = {problem.level for problem in problems}
    if ERROR in levels:
        return ERROR
    if SKIP in levels:
        return KNOWN
    if WAIT in levels:
        return WAIT
    return WARNING if WARNING in levels else ""


def _at_rows(rows: Sequence[int], found: Iterable[Problem]) -> list[str]:
    """The problems of each row as JSON; what belongs to no row of its own stands at the first."""
    at: dict[int, list[dict[str, Any]]] = {row: [] for row in rows}
    for problem in found:
        at.get(problem.row or rows[0], at[rows[0]]).append(problem.as_json())
    return [json.dumps(own, ensure_ascii=False) for own in at.values()]


def recount(upload: Upload) -> None:
    """Set the upload's figures from its rows; the caller saves. What filing made of it is not touched."""
    figures = UploadRow.objects.filter(upload_id=upload.id).aggregate(
        rows=Count("id"),
        documents=Count("document_index", distinct=True),
        bad_rows=Count("id", filter=Q(problems__contains=[{"level": ERROR}])),
        bad_documents=Count("document_index", distinct=True, filter=Q(level=ERROR)),
        known_documents=Count("document_index", distinct=True, filter=Q(level=KNOWN)),
        waiting_documents=Count("document_index", distinct=True, filter=Q(level=WAIT)),
    )
    for name, figure in figures.items():
        setattr(upload, name, figure)
    with connection.cursor() as cursor:
        cursor.execute(FOUND, [upload.id])
        found = cursor.fetchall()
    upload.found = {rule: count for rule, level, count in found if level == ERROR}
    upload.warnings = sum(count for _rule, level, count in found if level == WARNING)


def good_documents(upload: Upload) -> list[Staged]:
    """Every staged document without an error, in the order of the sheet."""
    rows = UploadRow.objects.filter(upload_id=upload.id).exclude(level=ERROR).order_by("document_index", "row")
    staged = []
    for _index, group in groupby(rows, key=lambda row: row.document_index):
        own = list(group)
        cells = [cells_of(row) for row in own]
        lines = [cell["line"] for cell in cells if cell["line"]]
        entry = Entry(head=cells[0]["head"], lines=lines, rows=tuple(row.row for row in own))
        told = [Problem.from_json(said) for row in own for said in row.problems if said["rule"] in OF_THE_SHEET]
        staged.append(Staged(entry, tuple(row.id for row in own), told))
    return staged


def settle(upload: Upload, staged: Sequence[Staged], outcome: Outcome, *, is_final: bool) -> None:
    """Write what filing found, and when that `is_final` the fate of every document, at its rows; then recount.

    Not final: nothing was filed and the clerk decides once more, so only problems and levels are new.
    """
    known = set(outcome.known)
    saved = outcome.filed | outcome.waiting
    fates = dict.fromkeys(known, "skipped") | dict.fromkeys(saved, "filed") | dict.fromkeys(outcome.waiting, "waiting")
    columns: tuple[list[Any], ...] = ([], [], [], [], [])
    for place, one in enumerate(staged):
        found = outcome.problems.get(place, []) + one.told
        # Filed by somebody else in the very moment: known without a problem that says so.
        level = KNOWN if place in known else _level(found)
        fate = fates.get(place, "refused") if is_final else ""
        for row_id, own in zip(one.row_ids, _at_rows(one.entry.rows, found), strict=True):
            for column, value in zip(columns, (row_id, level, own, fate, saved.get(place)), strict=True):
                column.append(value)
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, [*columns, upload.id])
    if is_final:
        UploadRow.objects.filter(upload_id=upload.id, result="").update(result="refused")
    recount(upload)


def cells_of(row: UploadRow) -> dict[str, dict[str, Any]]:
    """The cells of a staged row as read from the sheet: `head` (first row of a document only) and `line`.

    Personal data in the clear: whoever shows it masks it.
    """
    return json.loads(unpack(bytes(row.content), _label(row.upload_id)), object_hook=_cell_from_json)


def _cell_as_json(value: Any) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    if isinstance(value, Decimal):
        return {"number": str(value)}
    raise TypeError(f"a cell of type {type(value).__name__}")


def _cell_from_json(said: dict[str, Any]) -> Any:
    if len(said) != 1:
        return said
    if "moment" in said:
        return datetime.fromisoformat(said["moment"])
    if "day" in said:
        return date.fromisoformat(said["day"])
    if "number" in said:
        return Decimal(said["number"])
    return said


def _label(upload_id: int) -> str:
    return f"upload row {upload_id}"
