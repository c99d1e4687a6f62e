"""The workbook's way in: received, read and checked, decided on, filed (steps 1 to 5 of the walk).

The request only stores the file. A sweep reads it, checks every cell of every row and stages the rows (`staging.py`);
the clerk looks at the problems and decides; a sweep files what was decided through the one door. Each of the two works
in one transaction while the worker alone has the upload in hand: a worker that dies leaves nothing half done, and the
next sweep begins again. Once a day another sweep drops what nobody needs any more.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from accounts import audit
from accounts.access import Actor, actor_of
from accounts.actions import Action
from accounts.licences import closed_for
from accounts.models import Membership
from accounts.services import unserved_for
from declarations import filing
from declarations.doors import excel, staging, unfiled
from declarations.filing import Outcome
from declarations.kinds import kind
from declarations.kinds.kind import Kind
from declarations.lifecycle import State
from declarations.models import Document, Source, Upload, UploadFile, UploadRow, UploadState
from portal.bulk import many_objects
from portal.personal import pack, unpack
from portal.sentences import keep
from portal.workbook import MAX_BYTES, WorkbookRefused, open_sheet

#: A workbook that has brought down its worker so often is not tried again.
MAX_ATTEMPTS = 3
#: Workbooks of one enterprise that may wait at a time; it takes its turn with the others for each.
MAX_WAITING = 20
#: How long a workbook waits for the clerk's decision: what was checked a month ago says nothing about today.
UNDECIDED_KEPT = timedelta(days=30)
#: How long the rows of a filed workbook stay: long enough to correct what was refused. They hold personal data, which
#: may be kept no longer than its purpose needs (个人信息保护法 art. 19); what was filed lives on in the documents.
ROWS_KEPT = timedelta(days=90)


class Standing(NamedTuple):
    """An upload as its documents stand now: `filed` went to customs, `waiting` still wait for others to file."""

    upload: Upload
    filed: int
    waiting: int


class TooManyWaiting(Exception):
    """The enterprise has as many workbooks waiting as it may; its text says so to the clerk."""

    def __str__(self) -> str:
        return gettext("本企业已有 %(most)s 份工作簿在等待处理，请等其中几份处理完再上传") % {"most": MAX_WAITING}


def receive(*, actor: Actor, kind: Kind, filename: str, content: bytes) -> Upload:
    """Keep an uploaded file and put it in line for reading; nothing is read here. Raises TooManyWaiting."""
    if _waiting().filter(enterprise=actor.enterprise).count() >= MAX_WAITING:
        raise TooManyWaiting
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


def standings(sent: Iterable[Upload]) -> list[Standing]:
    """Each of these uploads of one enterprise with how its documents stand; one query, none where nothing had to wait."""
    sent = list(sent)
    waited = [upload for upload in sent if upload.waiting]
    still: dict[int | None, int] = {}
    if waited:
        documents = Document.objects.filter(
            enterprise_id=waited[0].enterprise_id,
            kind__in={upload.kind for upload in waited},
            state=State.WAITING,
            upload_id__in=[upload.pk for upload in waited],
        )
        still = dict(documents.order_by().values_list("upload_id").annotate(many=Count("id")))
    return [
        Standing(upload, upload.filed + upload.waiting - still.get(upload.pk, 0), still.get(upload.pk, 0))
        for upload in sent
    ]


def filed_before(upload: Upload) -> Upload | None:
    """The newest earlier upload of the very same bytes of which documents were filed."""
    return (
        Upload.objects.filter(
            enterprise_id=upload.enterprise_id,
            kind=upload.kind,
            sha256=upload.sha256,
            state=UploadState.FILED,
            id__lt=upload.id,
        )
        .filter(Q(filed__gt=0) | Q(waiting__gt=0))
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
        if not decided.update(
            state=UploadState.FILING, all_or_nothing=all_or_nothing, user=actor.user, attempts=0, reason=""
        ):
            return False
        audit.record(actor, Action.UPLOAD_FILED, f"{upload.kind} {upload.id}", all_or_nothing=all_or_nothing)
    return True


def discard(*, actor: Actor, upload: Upload) -> bool:
    """Drop a checked or refused upload with its rows; False when it is being filed or was."""
    with transaction.atomic():
        dropped = Upload.objects.filter(
            id=upload.id, enterprise=actor.enterprise, state__in=[UploadState.CHECKED, UploadState.REFUSED]
        ).update(state=UploadState.DISCARDED, reason="")
        if dropped:
            _drop_content(upload.id)
            audit.record(actor, Action.UPLOAD_DISCARDED, f"{upload.kind} {upload.id}")
    return bool(dropped)


def drop_expired(*, now: datetime) -> None:
    """Give up what nobody decided on in time, and let go of rows and files past their time; each in its transaction."""
    undecided = Upload.objects.filter(state=UploadState.CHECKED, checked_at__lt=now - UNDECIDED_KEPT)
    reason = keep(_("校验后 %(days)s 天内没有决定，内容已删除；仍要申报请重新上传。"), days=UNDECIDED_KEPT.days)
    for upload_id in list(undecided.values_list("id", flat=True)):
        with transaction.atomic():
            if undecided.filter(id=upload_id).update(state=UploadState.DISCARDED, reason=reason):
                _drop_content(upload_id)
    filed = Upload.objects.filter(state=UploadState.FILED, filed_at__lt=now - ROWS_KEPT)
    with_rows = filed.filter(Exists(UploadRow.objects.filter(upload_id=OuterRef("id"))))
    for upload_id in list(with_rows.values_list("id", flat=True)):
        _drop_content(upload_id)


def _drop_content(upload_id: int) -> None:
    UploadRow.objects.filter(upload_id=upload_id).delete()
    UploadFile.objects.filter(upload_id=upload_id).delete()


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
    """Check or file the upload whose turn it is and that no other worker has in hand; False when none waits."""
    for upload_id in _in_turn():
        with _in_hand(upload_id) as ours:
            if ours:
                _work(upload_id)
                return True
    return False


def _in_turn() -> list[int]:
    """What waits, in the order of its turn: of each enterprise its oldest, the one served longest ago first; and so on.

    So many or large workbooks of one enterprise delay another's by no more than one.
    """
    waiting = list(_waiting().order_by("id").values_list("id", "enterprise_id"))
    if len(waiting) < 2:
        return [upload_id for upload_id, _enterprise in waiting]
    served = dict(
        Upload.objects.filter(enterprise_id__in={enterprise for _upload, enterprise in waiting})
        .values("enterprise_id")
        .annotate(last=Max(Greatest("checked_at", "filed_at")))
        .values_list("enterprise_id", "last")
    )
    before: Counter[int] = Counter()
    turns = []
    for upload_id, enterprise in waiting:
        last = served[enterprise]
        turns.append((before[enterprise], last.timestamp() if last else 0.0, upload_id))
        before[enterprise] += 1
    return [upload_id for _place, _last, upload_id in sorted(turns)]


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

    So a workbook which kills its worker is given up after `MAX_ATTEMPTS` instead of coming back for ever.
    """
    with transaction.atomic():
        upload = _waiting().select_for_update().filter(id=upload_id).first()
        if upload is None:
            return
        upload.attempts += 1
        if upload.attempts > MAX_ATTEMPTS and upload.state == UploadState.FILING:
            _give_back(upload, keep(_("申报三次都未完成，没有申报任何单证，请再次申报；仍不成功请联系平台")))
            return
        if upload.attempts > MAX_ATTEMPTS:
            _refuse(upload, keep(_("这份工作簿三次读取都未完成，请另存为新的 .xlsx 文件，删去图片和公式后再上传")))
            return
        # Its enterprise is served from now on, whatever becomes of it: the next turn is another's.
        if upload.state == UploadState.RECEIVED:
            upload.checked_at = timezone.now()
        else:
            upload.filed_at = timezone.now()
        upload.save(update_fields=["attempts", "checked_at", "filed_at"])
    with transaction.atomic():
        locked = _waiting().select_for_update().get(id=upload_id)
        with many_objects():
            (_check if locked.state == UploadState.RECEIVED else _file)(locked)


def _refuse(upload: Upload, reason: str) -> None:
    """Nobody will read it any more: the file goes at once, the reason stays."""
    upload.state, upload.reason, upload.checked_at = UploadState.REFUSED, reason, timezone.now()
    upload.save()
    UploadFile.objects.filter(upload_id=upload.id).delete()


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
        content = unpack(bytes(kept), _file_label(upload.id))
        reading = excel.read_rows(document_kind, open_sheet(content, max_bytes=MAX_BYTES))
    except WorkbookRefused as refusal:
        _refuse(upload, refusal.kept)
        return
    except Membership.DoesNotExist:
        _refuse(upload, keep(_("上传人已不是本企业成员，请由现任成员重新上传")))
        return
    _say_progress(upload.id, 0, len(reading.entries))
    problems = filing.check_documents(actor=actor, kind=document_kind, entries=reading.entries)
    staging.stage(upload, reading, problems, tell=lambda done: _say_progress(upload.id, done, len(reading.entries)))
    upload.state, upload.attempts, upload.checked_at = UploadState.CHECKED, 0, timezone.now()
    upload.save()


def _file(upload: Upload) -> None:
    """File what the clerk decided: every staged document without an error, through the one door, all in one go."""
    document_kind = kind(upload.kind)
    try:
        actor = actor_of(upload.user_id, upload.enterprise_id)
    except Membership.DoesNotExist:
        actor = None
    if actor is None or not actor.may_file:
        _give_back(upload, keep(_("决定申报的成员已不能为本企业申报，请由有申报角色的成员再次申报")))
        return
    filers = document_kind.filed_by
    if why := closed_for(actor.enterprise, filers) or unserved_for(actor.enterprise, filers):
        _give_back(upload, why)
        return
    staged = staging.good_documents(upload)
    _say_progress(upload.id, 0, len(staged))
    outcome = filing.file_documents(
        actor=actor,
        kind=document_kind,
        entries=[one.entry for one in staged],
        source=Source.WORKBOOK,
        upload_id=upload.id,
        all_or_nothing=upload.all_or_nothing,
    )
    in_vain = _in_vain(upload, outcome)
    staging.settle(upload, staged, outcome, is_final=not in_vain)
    if in_vain:
        upload.checked_at = timezone.now()
        _give_back(upload, in_vain)
        return
    upload.state, upload.attempts, upload.reason, upload.filed_at = UploadState.FILED, 0, "", timezone.now()
    upload.filed = len(outcome.filed)
    upload.waiting = len(outcome.waiting)
    upload.skipped = len(outcome.known)
    upload.refused = upload.documents - upload.filed - upload.waiting - upload.skipped
    upload.save()
    unfiled.remember(upload)
    UploadFile.objects.filter(upload_id=upload.id).delete()


def _in_vain(upload: Upload, outcome: Outcome) -> str:
    """Why the decision came to nothing, the facts having changed since the check; "" when it did not."""
    if outcome.filed or outcome.waiting:
        return ""
    if upload.all_or_nothing and outcome.refused:
        return keep(
            _(
                "校验之后有 %(count)s 票不再符合要求；按“全部无误才申报”，一票也没有申报。"
                "原因在下表各行，请处理后重新上传，或只申报其余无误的。"
            ),
            count=len(outcome.refused),
        )
    if not outcome.known:
        return keep(
            _("校验之后 %(count)s 票都不再符合要求，一票也没有申报。原因在下表各行，请处理后重新上传。"),
            count=len(outcome.refused),
        )
    return ""


def _file_label(upload_id: int) -> str:
    return f"upload {upload_id}"
