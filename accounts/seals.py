"""Seals the record of deeds into a chain, run by run, and looks whether chain and record still stand.

Linking each entry to the one before at once would line up all writers, so a sweep does it later (``accounts/tasks.py``).
Entries are taken in the order of the transactions that wrote them, and of these only such as have ended for all: whoever
commits late has a later place, so that nothing is ever skipped and nothing comes before what is sealed.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import AuditSeal

#: The most entries one seal covers: what whoever verifies holds in memory at a time.
ENTRIES_PER_SEAL = 1000
#: Only one seals at a time: the key of PostgreSQL's advisory lock.
LOCK = 0x5EA1
#: What the first seal of all names as the one before it.
BEGINNING = "0" * 64
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
#: Transaction and number of an entry, and its hash.
_DIGEST = struct.Struct(">qq32s")

#: Every column of the record, as text that no setting of a session changes. A test holds it against the table.
CANONICAL = {
    "id": "id::text",
    "enterprise_id": "enterprise_id::text",
    "user_id": "user_id::text",
    "action": "action",
    "subject": "subject",
    "details": "details::text",
    "address": "address::text",
    "at": "(extract(epoch FROM at) * 1000000)::bigint::text",
    "turn": "turn::text",
}
_ENTRIES = f"""
SELECT turn, id, ARRAY[{", ".join(CANONICAL.values())}]::text[] FROM accounts_auditentry
 WHERE (turn, id) > (%s, %s) AND (turn, id) <= (%s, %s) AND id > %s AND id <= %s ORDER BY turn, id LIMIT %s
"""  # noqa: S608 (our own columns)

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Digest:
    """Where an entry stands, and its hash."""

    place: Place
    hash: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of the look at the chain: ``fault`` names the first thing that is not as it was sealed."""

    seals: int
    entries: int
    waiting: int
    head: str
    fault: str = ""


def seal_next() -> int:
    """Seal the next run of entries that nothing can come before any more; their number, 0 when there is none.

    While another seals there is none. Also none is written for nothing.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(
            "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint FROM pg_current_snapshot() now"
        )
        oldest_running, next_turn = cursor.fetchone()
        last = AuditSeal.objects.defer("digests").order_by("number").last()
        floor, begins, found = _lowest_floor(last), _end_of(last), []
        if last and last.through_turn >= next_turn:
            # Another server, restored from a dump: it counts transactions anew. What is left of the old one has ended.
            found = _entries(begins, (_HIGHEST, _HIGHEST), floor, _HIGHEST, ENTRIES_PER_SEAL)
            if not found:
                floor = AuditSeal.objects.aggregate(Max("highest"))["highest__max"]
                begins = (_LOWEST, _LOWEST)
        found = found or _entries(begins, (oldest_running - 1, _HIGHEST), floor, _HIGHEST, ENTRIES_PER_SEAL)
        if found:
            _append(last, floor, found)
        return len(found)


def verify() -> Standing:
    """Compute the whole chain anew, a seal at a time."""
    last: AuditSeal | None = None
    seals = entries = ceiling = 0
    while seal := AuditSeal.objects.filter(number__gt=last.number if last else _LOWEST).order_by("number").first():
        if last is None or last.floor != seal.floor:
            ceiling = _ceiling_of(seal)
        if fault := _fault_of_chain(last, seal) or _fault_of_run(last, seal, ceiling):
            return Standing(seals, entries, 0, last.hash if last else BEGINNING, fault)
        last, seals, entries = seal, seals + 1, entries + seal.entries
    floor, begins = _lowest_floor(last), _end_of(last)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM accounts_auditentry WHERE (turn, id) > (%s, %s) AND id > %s", [*begins, floor]
        )
        (waiting,) = cursor.fetchone()
    return Standing(seals, entries, waiting, last.hash if last else BEGINNING)


def _append(last: AuditSeal | None, floor: int, found: Sequence[Digest]) -> None:
    seal = AuditSeal(
        number=last.number + 1 if last else 1,
        at=timezone.now(),
        entries=len(found),
        floor=floor,
        through_turn=found[-1].place[0],
        through_entry=found[-1].place[1],
        highest=max(one.place[1] for one in found),
        digests=b"".join(_DIGEST.pack(*one.place, one.hash) for one in found),
        previous=last.hash if last else BEGINNING,
    )
    seal.hash = _hash_of(seal)
    seal.save(force_insert=True)


def _hash_of(seal: AuditSeal) -> str:
    said = [
        seal.number, seal.at.timestamp(), seal.entries, seal.floor, seal.through_turn, seal.through_entry, seal.highest,
        seal.previous,
    ]  # fmt: skip
    return sha256(json.dumps(said).encode() + bytes(seal.digests)).hexdigest()


def _entries(after: Place, through: Place, floor: int, ceiling: int, limit: int) -> list[Digest]:
    """The entries of these places in order, hashed as they are now."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [*after, *through, floor, ceiling, limit])
        return [Digest((turn, number), _digest(columns)) for turn, number, columns in cursor.fetchall()]


def _digest(columns: list[str | None]) -> bytes:
    return sha256(json.dumps(columns, ensure_ascii=False).encode()).digest()


def _lowest_floor(seal: AuditSeal | None) -> int:
    return seal.floor if seal else _LOWEST


def _end_of(seal: AuditSeal | None) -> Place:
    return (seal.through_turn, seal.through_entry) if seal else (_LOWEST, _LOWEST)


def _told(seal: AuditSeal) -> str:
    """A seal by its number and its entries."""
    numbers = [number for _turn, number, _hash in _DIGEST.iter_unpack(_whole(bytes(seal.digests)))] or [0]
    return f"seal {seal.number} (entries {min(numbers)} to {max(numbers)})"


def _whole(digests: bytes) -> bytes:
    return digests[: len(digests) - len(digests) % _DIGEST.size]


def _fault_of_chain(last: AuditSeal | None, seal: AuditSeal) -> str:
    """What is wrong with the seal itself, or with how it follows the one before."""
    if seal.number != (expected := last.number + 1 if last else 1):
        return f"seal {expected} was removed"
    if seal.hash != _hash_of(seal):
        return f"{_told(seal)} was changed"
    if seal.previous != (last.hash if last else BEGINNING):
        return f"{_told(last) if last else 'what was before seal 1'} was made anew"
    return ""


def _ceiling_of(seal: AuditSeal) -> int:
    """The last number of an entry that was written on the server of this seal."""
    later = AuditSeal.objects.filter(number__gt=seal.number, floor__gt=seal.floor).order_by("number")
    return later.values_list("floor", flat=True).first() or _HIGHEST


def _fault_of_run(last: AuditSeal | None, seal: AuditSeal, ceiling: int) -> str:
    """The first entry of the run that is not as it was sealed."""
    goes_on = last is not None and last.floor == seal.floor
    begins = _end_of(last) if goes_on else (_LOWEST, _LOWEST)
    if last and not goes_on and (left := _entries(_end_of(last), (_HIGHEST, _HIGHEST), last.floor, seal.floor, 1)):
        return f"entry {left[0].place[1]} was put in between"
    sealed = [Digest((turn, number), hash_) for turn, number, hash_ in _DIGEST.iter_unpack(bytes(seal.digests))]
    present = _entries(begins, _end_of(seal), seal.floor, ceiling, seal.entries + 1)
    for was, now in zip_longest(sealed, present):
        if was != now:
            return _difference(sealed, was, now)
    return ""


def _difference(sealed: Sequence[Digest], was: Digest | None, now: Digest | None) -> str:
    """What happened where the record first differs from its seal."""
    if was and (now is None or now.place > was.place):
        kept = _is_there(was.place[1])  # moved to another place, that is: its transaction was changed
        return f"entry {was.place[1]} was {'changed' if kept else 'removed'}"
    assert now is not None
    known = now.place[1] in {one.place[1] for one in sealed}
    return f"entry {now.place[1]} was {'changed' if known else 'put in between'}"


def _is_there(number: int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM accounts_auditentry WHERE id = %s)", [number])
        return cursor.fetchone()[0]
