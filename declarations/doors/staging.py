"""The rows of a workbook between check and filing (steps 2 to 5 of the walk): cells, problems and at last their fate.

Every problem lies at its own row and every row knows the worst of its document, so tabs, chips and the upload's figures
are all counted from the same rows. They are written when the workbook is checked and once more when it is filed, for
what was right an hour ago may be wrong by then; both times set by set.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet

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

#: Documents whose cells are packed together; their first row carries them for all. One by one, compressing and
#: encrypting them would cost more than checking them; a page of rows opens only the blocks its rows lie in.
BLOCK = 32

COLUMNS = ("enterprise_id", "upload_id", "row", "document_index", "content", "level", "problems", "result")
NO_PROBLEMS = "[]"
SETTLE = """
UPDATE declarations_uploadrow r
   SET level = s.level, result = s.result, document_id = s.document_id
  FROM unnest(%s::int[], %s::text[], %s::text[], %s::bigint[]) AS s (document_index, level, result, document_id)
 WHERE r.upload_id = %s AND r.document_index = s.document_index
"""
SAY = """
UPDATE declarations_uploadrow r
   SET problems = s.problems::jsonb
  FROM unnest(%s::bigint[], %s::text[]) AS s (id, problems)
 WHERE r.id = s.id AND r.upload_id = %s
"""
GOOD = """
SELECT document_index, array_agg(id ORDER BY row), jsonb_agg(problems ORDER BY row) FILTER (WHERE problems <> '[]')
  FROM declarations_uploadrow
 WHERE upload_id = %s AND level <> 'error'
 GROUP BY document_index
 ORDER BY document_index
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
    """A document that may be filed, as it lies in the rows: its place in the sheet, its rows' ids, what the reader of
    the sheet said, and whether anything at all was said when it was checked.
    """

    entry: Entry
    index: int
    row_ids: Sequence[int]
    told: list[Problem]
    was_told: bool


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
    for start in range(0, len(entries), BLOCK):
        content = _packed(upload.id, entries[start : start + BLOCK])
        for index, entry in enumerate(entries[start : start + BLOCK], start):
            level, at_rows = _level(problems[index]), _at_rows(entry.rows, problems[index])
            for row, own in zip(entry.rows, at_rows, strict=True):
                yield (upload.enterprise_id, upload.id, row, index, content, level, own, "")
                content = b""
        if start % (BLOCK * 16) == 0:
            tell(start)


def _packed(upload_id: int, entries: Sequence[Entry]) -> bytes:
    """The cells of some documents of one sheet: names once, then of each its head, its lines and its rows."""
    head, line = list(entries[0].head), list(entries[0].lines[0]) if entries[0].lines else []
    documents = [
        ([entry.head[name] for name in head], [[one[name] for name in line] for one in entry.lines], entry.rows)
        for entry in entries
    ]
    said = {"head": head, "line": line, "documents": documents}
    return pack(json.dumps(said, default=_cell_as_json, ensure_ascii=False).encode(), _label(upload_id))


def _unpacked(upload_id: int, content: bytes | memoryview) -> Iterator[Entry]:
    """The documents of a block."""
    said = json.loads(unpack(bytes(content), _label(upload_id)), object_hook=_cell_from_json)
    names, line_names = said["head"], said["line"]
    for head, lines, rows in said["documents"]:
        yield Entry(
            dict(zip(names, head, strict=True)),
            [dict(zip(line_names, line, strict=True)) for line in lines],
            tuple(rows),
        )


def _level(problems: Sequence[Problem]) -> str:
    """The worst of a document's problems: `error`, else `known`, else `wait`, else `warning`, else nothing."""
    if not problems:
        return ""
    levels = {problem.level for problem in problems}
    if ERROR in levels:
        return ERROR
    if SKIP in levels:
        return KNOWN
    if WAIT in levels:
        return WAIT
    return WARNING if WARNING in levels else ""


def _at_rows(rows: Sequence[int], found: Sequence[Problem]) -> list[str]:
    """The problems of each row as JSON; what belongs to no row of its own stands at the first."""
    if not found:
        return [NO_PROBLEMS] * len(rows)
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
    with connection.cursor() as cursor:
        cursor.execute(GOOD, [upload.id])
        good = {index: (row_ids, found) for index, row_ids, found in cursor.fetchall()}
    staged = []
    blocks = _blocks(upload.id).order_by("document_index").values_list("document_index", "content")
    for start, content in blocks:
        for index, entry in enumerate(_unpacked(upload.id, content), start):
            if index in good:
                row_ids, found = good[index]
                said = [one for own in json.loads(found) for one in own] if found else []
                told = [Problem.from_json(one) for one in said if one["rule"] in OF_THE_SHEET]
                staged.append(Staged(entry, index, row_ids, told, bool(said)))
    return staged


def _blocks(upload_id: int) -> QuerySet[UploadRow]:
    """The rows that carry the cells of a block."""
    return UploadRow.objects.filter(upload_id=upload_id).exclude(content=b"")


def settle(upload: Upload, staged: Sequence[Staged], outcome: Outcome, *, is_final: bool) -> None:
    """Write what filing found, and when that `is_final` the fate of every document, at its rows; then recount.

    Not final: nothing was filed and the clerk decides once more, so only problems and levels are new.
    """
    known = set(outcome.known)
    saved = outcome.filed | outcome.waiting
    fates = dict.fromkeys(known, "skipped") | dict.fromkeys(saved, "filed") | dict.fromkeys(outcome.waiting, "waiting")
    levels, results = [], []
    says: list[tuple[int, str]] = []
    for place, one in enumerate(staged):
        found = outcome.problems.get(place, []) + one.told
        # Filed by somebody else in the very moment: known without a problem that says so.
        levels.append(KNOWN if place in known else _level(found))
        results.append(fates.get(place, "refused") if is_final else "")
        if found or one.was_told:
            says += zip(one.row_ids, _at_rows(one.entry.rows, found), strict=True)
    indexes, ids = [one.index for one in staged], [saved.get(place) for place in range(len(staged))]
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, [indexes, levels, results, ids, upload.id])
        if says:
            cursor.execute(SAY, [*map(list, zip(*says, strict=True)), upload.id])
    if is_final:
        UploadRow.objects.filter(upload_id=upload.id, result="").update(result="refused")
    recount(upload)


def cells_of(rows: Sequence[UploadRow]) -> list[dict[str, dict[str, Any]]]:
    """The cells of some staged rows of one upload as read from the sheet: `head` (first row of a document only), `line`.

    Personal data in the clear: whoever shows it masks it.
    """
    if not rows:
        return []
    upload_id = rows[0].upload_id
    starts = {row.document_index - row.document_index % BLOCK for row in rows}
    documents = {
        index: entry
        for start, content in _blocks(upload_id)
        .filter(document_index__in=starts)
        .values_list("document_index", "content")
        for index, entry in enumerate(_unpacked(upload_id, content), start)
    }
    return [_cells(documents[row.document_index], row.row) for row in rows]


def _cells(entry: Entry, row: int) -> dict[str, dict[str, Any]]:
    position = entry.rows.index(row)
    cells = {"line": entry.lines[position] if entry.lines else {}}
    return cells | {"head": entry.head} if position == 0 else cells


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
