"""The workbook's way in: received, read and checked, decided on, filed (steps 1 to 5 of the walk).

The request only stores the file. A sweep reads it, checks every cell of every row and stages the rows; the clerk looks
at the problems and decides; a sweep files what was decided through the one door. Each of the two works in one
transaction while the worker alone has the upload in hand: a worker that dies leaves nothing half done, and the next
sweep begins again.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from accounts import audit
from accounts.access import Actor, actor_of
from accounts.actions import Action
from accounts.models import Membership
from declarations import filing
from declarations.doors import excel
from declarations.kinds import kind
from declarations.kinds.kind import Kind
from declarations.models import Source, Upload, UploadFile, UploadRow, UploadState
from declarations.rulebook import ERROR, SKIP, WARNING
from declarations.shape import Entry, Problem
from portal.bulk import write_rows
from portal.personal import pack, unpack
from portal.workbook import WorkbookRefused, open_sheet

MAX_BYTES = 20 * 1024 * 1024
#: A workbook that has brought down its worker so often is not tried again.
MAX_ATTEMPTS = 3
#: Already filed with the same content: nothing to do, counted apart from what is wrong.
KNOWN = "known"


def receive(*, actor: Actor, kind: Kind, filename: str, content: bytes) -> Upload:
    """Keep an uploaded file and put it in line for reading; nothing is read here."""
    with transaction.atomic():
        upload = Upload.objects.create(
            enterprise=actor.enterprise,
            kind=kind.slug,
            user=actor.user,
            filename=filename[:255],
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            created_at=timezone.now(),
        )
        UploadFile.objects.create(
            upload_id=upload.id, enterprise_id=actor.enterprise.id, content=pack(content, _file_label(upload.id))
        )
        audit.record(actor, Action.UPLOAD, f"{kind.slug} {upload.id}", size=len(content))
    return upload


def filed_before(upload: Upload) -> Upload | None:
    """The earlier upload of the very same bytes that was filed, newest first."""
    return (
        Upload.objects.filter(
            enterprise_id=upload.enterprise_id,
            kind=upload.kind,
            sha256=upload.sha256,
            state=UploadState.FILED,
            id__lt=upload.id,
        )
        .order_by("-id")
        .first()
    )


def decide(*, actor: Actor, upload: Upload, all_or_nothing: bool) -> bool:
    """The clerk's word to file a checked upload; False when it was decided already (a second click, another tab)."""
    with transaction.atomic():
        decided = Upload.objects.filter(
            id=upload.id, enterprise=actor.enterprise, state=UploadState.CHECKED, documents__gt=F("bad_documents")
        )
        if all_or_nothing:
            decided = decided.filter(bad_documents=0)
        if not decided.update(state=UploadState.FILING, all_or_nothing=all_or_nothing, user=actor.user, attempts=0):
            return False
        audit.record(actor, Action.UPLOAD_FILED, f"{upload.kind} {upload.id}", all_or_nothing=all_or_nothing)
    return True


def discard(*, actor: Actor, upload: Upload) -> bool:
    """Drop a checked or refused upload with its rows; False when it is being filed or was."""
    with transaction.atomic():
        dropped = Upload.objects.filter(
            id=upload.id, enterprise=actor.enterprise, state__in=[UploadState.CHECKED, UploadState.REFUSED]
        ).update(state=UploadState.DISCARDED)
        if dropped:
            UploadRow.objects.filter(upload_id=upload.id).delete()
            UploadFile.objects.filter(upload_id=upload.id).delete()
            audit.record(actor, Action.UPLOAD_DISCARDED, f"{upload.kind} {upload.id}")
    return bool(dropped)


def progress(upload_id: int) -> tuple[int, int]:
    """How many documents of how many are through, while a sweep works; (0, 0) when nobody says."""
    try:
        return cache.get(_progress_key(upload_id)) or (0, 0)
    except RedisError:
        return (0, 0)


def _say_progress(upload_id: int, done: int, total: int) -> None:
    try:
        cache.set(_progress_key(upload_id), (done, total), timeout=600)
    except RedisError:
        return  # a display only: the work goes on


def _progress_key(upload_id: int) -> str:
    return f"upload-progress-{upload_id}"


def work_next() -> bool:
    """Check or file the oldest upload that waits for it and that no other worker has in hand; False when none does."""
    for upload_id in list(_waiting().order_by("id").values_list("id", flat=True)):
        with _in_hand(upload_id) as ours:
            if ours:
                _work(upload_id)
                return True
    return False


def _waiting() -> QuerySet[Upload]:
    return Upload.objects.filter(state__in=[UploadState.RECEIVED, UploadState.FILING])


@contextmanager
def _in_hand(upload_id: int) -> Iterator[bool]:
    """Whether the upload is this worker's alone; held by the connection, so a worker that dies lets go of it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"upload {upload_id}"])
        ours: bool = cursor.fetchone()[0]
    try:
        yield ours
    finally:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"upload {upload_id}"])


def _work(upload_id: int) -> None:
    """Count the attempt in a transaction of its own, then check or file in another.

    So a workbook which kills its worker is given up after ``MAX_ATTEMPTS`` instead of coming back for ever.
    """
    with transaction.atomic():
        upload = _waiting().select_for_update().filter(id=upload_id).first()
        if upload is None:
            return
        upload.attempts += 1
        if upload.attempts > MAX_ATTEMPTS and upload.state == UploadState.FILING:
            _give_back(upload, _("申报三次都未完成，没有申报任何单证，请再次申报；仍不成功请联系平台"))
            return
        if upload.attempts > MAX_ATTEMPTS:
            _refuse(upload, _("这份工作簿三次读取都未完成，请另存为新的 .xlsx 文件，删去图片和公式后再上传"))
            return
        upload.save(update_fields=["attempts"])
    with transaction.atomic():
        locked = _waiting().select_for_update().get(id=upload_id)
        if locked.state == UploadState.RECEIVED:
            _check(locked)
        else:
            _file(locked)


def _refuse(upload: Upload, reason: str) -> None:
    upload.state, upload.reason, upload.checked_at = UploadState.REFUSED, reason, timezone.now()
    upload.save()


def _give_back(upload: Upload, reason: str) -> None:
    """Nothing was filed: the clerk may decide once more."""
    upload.state, upload.attempts, upload.reason = UploadState.CHECKED, 0, reason
    upload.save()


def _check(upload: Upload) -> None:
    """Read the workbook, check everything, stage every row with its problems."""
    kept = UploadFile.objects.values_list("content", flat=True).get(upload_id=upload.id)
    document_kind = kind(upload.kind)
    try:
        actor = actor_of(upload.user_id, upload.enterprise_id)
        reading = excel.read_rows(
            document_kind, open_sheet(unpack(bytes(kept), _file_label(upload.id)), max_bytes=MAX_BYTES)
        )
    except WorkbookRefused as refusal:
        _refuse(upload, str(refusal.reason))
        return
    except Membership.DoesNotExist:
        _refuse(upload, _("上传人已不是本企业成员，请由现任成员重新上传"))
        return
    _say_progress(upload.id, 0, len(reading.entries))
    problems = filing.check_documents(actor=actor, kind=document_kind, entries=reading.entries)
    _add_reading_problems(reading, problems)
    levels = [_level(found) for found in problems]
    UploadRow.objects.filter(upload_id=upload.id).delete()
    write_rows(
        "declarations_uploadrow",
        ["enterprise_id", "upload_id", "row", "document_index", "content", "level", "problems", "result"],
        _staged(upload, reading.entries, problems, levels),
    )
    errors = [problem for found in problems for problem in found if problem.level == ERROR]
    upload.state, upload.attempts, upload.checked_at = UploadState.CHECKED, 0, timezone.now()
    upload.rows = reading.row_count
    upload.documents = len(reading.entries)
    upload.bad_rows = len({problem.row for problem in errors})
    upload.bad_documents = levels.count(ERROR)
    upload.known_documents = levels.count(KNOWN)
    upload.warnings = sum(problem.level == WARNING for found in problems for problem in found)
    upload.found = dict(Counter(problem.rule for problem in errors))
    upload.save()


def _add_reading_problems(reading: excel.Reading, problems: list[list[Problem]]) -> None:
    """Put what the reader of the sheet found beside what the rules found, at the document its row belongs to."""
    index_of = {row: index for index, entry in enumerate(reading.entries) for row in entry.rows}
    for problem in reading.problems:
        problems[index_of[problem.row or 0]].append(problem)


def _level(problems: Iterable[Problem]) -> str:
    """The worst of a document's problems: ``error``, else ``known``, else ``warning``, else nothing."""
    levels = {problem.level for problem in problems}
    if ERROR in levels:
        return ERROR
    if SKIP in levels:
        return KNOWN
    return WARNING if WARNING in levels else ""


def _staged(
    upload: Upload, entries: Sequence[Entry], problems: Sequence[Sequence[Problem]], levels: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    for index, (entry, found, level) in enumerate(zip(entries, problems, levels, strict=True)):
        by_row: dict[int, list[dict[str, Any]]] = {}
        for problem in found:
            by_row.setdefault(problem.row or entry.rows[0], []).append(problem.as_json())
        for position, row in enumerate(entry.rows):
            cells = {"line": entry.lines[position] if entry.lines else {}}
            if position == 0:
                cells["head"] = entry.head
            content = pack(json.dumps(cells, default=_cell_as_json, ensure_ascii=False).encode(), _row_label(upload.id))
            own = json.dumps(by_row.get(row, []), ensure_ascii=False)
            yield (upload.enterprise_id, upload.id, row, index, content, level, own, "")
        if index % 500 == 0:
            _say_progress(upload.id, index, len(entries))


def _file(upload: Upload) -> None:
    """File what the clerk decided: every staged document without an error, through the one door, all in one go."""
    document_kind = kind(upload.kind)
    try:
        actor = actor_of(upload.user_id, upload.enterprise_id)
    except Membership.DoesNotExist:
        actor = None
    if actor is None or not actor.may_file:
        _give_back(upload, _("决定申报的成员已不能为本企业申报，请由有申报角色的成员再次申报"))
        return
    staged = list(UploadRow.objects.filter(upload_id=upload.id).exclude(level=ERROR).order_by("document_index", "row"))
    indexes, entries = _entries(staged)
    _say_progress(upload.id, 0, len(entries))
    outcome = filing.file_documents(
        actor=actor,
        kind=document_kind,
        entries=entries,
        source=Source.WORKBOOK,
        upload_id=upload.id,
        all_or_nothing=upload.all_or_nothing,
    )
    _keep_results(upload.id, indexes, outcome)
    upload.state, upload.attempts, upload.reason, upload.filed_at = UploadState.FILED, 0, "", timezone.now()
    upload.filed = len(outcome.filed)
    upload.skipped = len(outcome.known)
    upload.refused = upload.documents - upload.filed - upload.skipped
    upload.save()
    UploadFile.objects.filter(upload_id=upload.id).delete()


def _entries(staged: Iterable[UploadRow]) -> tuple[list[int], list[Entry]]:
    """Staged rows back into documents; beside them the index each had in the workbook."""
    indexes, entries = [], []
    for index, rows in groupby(staged, key=lambda row: row.document_index):
        own = list(rows)
        cells = [cells_of(row) for row in own]
        indexes.append(index)
        lines = [cell["line"] for cell in cells if cell["line"]]
        entries.append(Entry(head=cells[0]["head"], lines=lines, rows=tuple(row.row for row in own)))
    return indexes, entries


def cells_of(row: UploadRow) -> dict[str, dict[str, Any]]:
    """The cells of a staged row as read from the sheet: ``head`` (first row of a document only) and ``line``.

    Personal data in the clear: whoever shows it masks it.
    """
    return json.loads(unpack(bytes(row.content), _row_label(row.upload_id)), object_hook=_cell_from_json)


def _keep_results(upload_id: int, indexes: Sequence[int], outcome: filing.Outcome) -> None:
    """Write the fate of each document at its rows, set by set; what was refused at filing keeps its new problems."""
    fates = [(indexes[position], "filed", document_id) for position, document_id in outcome.filed.items()] + [
        (indexes[position], "skipped", None) for position in outcome.known
    ]
    fates += [(indexes[position], "refused", None) for position in outcome.refused]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE declarations_uploadrow SET result = 'refused' WHERE upload_id = %s", [upload_id])
        cursor.execute(
            "UPDATE declarations_uploadrow r SET result = f.result, document_id = f.document_id "
            "FROM unnest(%s::int[], %s::text[], %s::bigint[]) AS f (document_index, result, document_id) "
            "WHERE r.upload_id = %s AND r.document_index = f.document_index",
            [*([fate[part] for fate in fates] for part in range(3)), upload_id],
        )
    for position in outcome.refused:
        found = outcome.problems[position]
        first = UploadRow.objects.filter(upload_id=upload_id, document_index=indexes[position]).order_by("row").first()
        if first is not None:
            first.problems, first.level = [problem.as_json() for problem in found], ERROR
            first.save(update_fields=["problems", "level"])


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


def _file_label(upload_id: int) -> str:
    return f"upload {upload_id}"


def _row_label(upload_id: int) -> str:
    return f"upload row {upload_id}"
