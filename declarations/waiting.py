"""Documents that wait for those they stand on, and go on by themselves (between steps 5 and 6 of the walk).

A sweep looks at the rows, not at events: whatever was accepted while nobody listened, or in the very moment a document was
filed, stands in the table at the next tick. Of those whose predecessors all stand accepted, one of them newly, the rules that
look at other documents are asked again, set by set; of what then waits for nothing any more also those of the filer's licence,
service and mandate, for it is filed with customs now. What passes is queued in the same transaction, what time cannot cure
fails with the rule's sentence, the rest waits on. The others are looked at too, ever more rarely, so that what they say they
wait for stays true.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Enterprise
from accounts.roles import EnterpriseState
from declarations import filing
from declarations.exchange import outbox
from declarations.kinds import kind as kind_of
from declarations.kinds.kind import Kind
from declarations.lifecycle import FILED, Move, State, move_many, note_waits
from declarations.reading import SHANGHAI
from declarations.rulebook import ERROR
from declarations.rules import wait_of
from declarations.rules.waits import kept

#: Documents looked at in one transaction.
PORTION = 500
#: A document is looked at again after as long as it has waited so far, but not before the shortest of these times, and not
#: after the longest: the one where some of what it waits for is there, the other where nothing is.
SHORTEST, LONGEST, LONGEST_IN_VAIN = timedelta(seconds=15), timedelta(minutes=10), timedelta(days=1)
#: What was accepted so shortly before a look may have been committed after it; the look has not seen it then.
IN_FLIGHT = timedelta(minutes=1)

# First those for whom everything seems to be there and something came since they were last looked at, then those who have
# paused long enough; among them who was looked at longest ago, so that whoever is asked in vain goes behind all others.
# A waiting document costs one probe of an index, however many documents there are: the planner never turns a sum over
# each row into a join with the whole history. Documents of an enterprise that may not file wait on.
_DUE = """
SELECT d.id, d.enterprise_id, d.kind, d.state_at
  FROM declarations_document d
 WHERE d.state = 'waiting' AND d.id IN (
       SELECT w.id
         FROM declarations_document w
        CROSS JOIN LATERAL (SELECT string_to_array(w.waits_for, ',') AS kinds) AS missing
        CROSS JOIN LATERAL (
              SELECT count(DISTINCT p.kind) AS kinds,
                     count(DISTINCT p.kind) = cardinality(missing.kinds)
                     AND max(p.changed_at) > w.looked_at - %(in_flight)s AS make_ready
                FROM declarations_document p
               WHERE p.order_no = w.order_no AND p.kind = ANY (missing.kinds) AND p.state = ANY (%(filed)s)) AS come
        WHERE w.state = 'waiting'
          AND w.enterprise_id = ANY (ARRAY(SELECT id FROM accounts_enterprise WHERE state = %(approved)s))
          AND (come.make_ready
               OR w.looked_at <= %(now)s - least(greatest(w.looked_at - w.state_at, %(shortest)s),
                                                 CASE come.kinds WHEN 0 THEN %(in_vain)s ELSE %(longest)s END))
        ORDER BY come.make_ready DESC NULLS LAST, w.looked_at, w.id
        LIMIT %(most)s)
 ORDER BY d.enterprise_id, d.kind, d.id
   FOR NO KEY UPDATE SKIP LOCKED
"""
# Where many wait the planner reckons that reading all documents there ever were is the cheaper way to find them.
_BY_INDEX = "SET LOCAL enable_seqscan = off"


class _Due(NamedTuple):
    """A waiting document whose turn it is, and since when it waits."""

    id: int
    enterprise_id: int
    kind: str
    since: datetime


def free_waiting(*, limit: int = PORTION) -> bool:
    """Look at the documents whose turn it is; whether any of them waits no longer, so that looking once more may help."""
    with transaction.atomic():
        now = timezone.now()
        due = _take(now, limit)
        moved = 0
        for (enterprise_id, slug), group in groupby(due, key=lambda one: (one.enterprise_id, one.kind)):
            moved += _look_at(enterprise_id, kind_of(slug), list(group), now)
    return moved > 0


def _take(now: datetime, limit: int) -> list[_Due]:
    """The documents whose turn it is, locked; what a clerk or another worker has in hand is passed over."""
    asked: dict[str, Any] = {
        "approved": EnterpriseState.APPROVED.value,
        "filed": [str(state) for state in FILED],
        "in_flight": IN_FLIGHT,
        "shortest": SHORTEST,
        "longest": LONGEST,
        "in_vain": LONGEST_IN_VAIN,
        "now": now,
        "most": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BY_INDEX)
        cursor.execute(_DUE, asked)
        return [_Due(*row) for row in cursor.fetchall()]


def _look_at(enterprise_id: int, kind: Kind, due: Sequence[_Due], now: datetime) -> int:
    """Ask the rules again of documents of one filer and kind; how many wait no longer."""
    enterprise = Enterprise.objects.get(pk=enterprise_id)
    found = filing.check_again(enterprise=enterprise, kind=kind, document_ids=[one.id for one in due], now=now)
    moves, freed, waits = [], [], {}
    for one in due:
        problems = found[one.id]
        wrong = next((problem for problem in problems if problem.level == ERROR), None)
        wait = wait_of(problems)
        waits[one.id] = wait.waits_for if wait and not wrong else ""
        if wrong:
            moves.append(Move(one.id, State.FAILED, now, wrong.rule, kept(wrong)))
        elif wait:
            moves.append(Move(one.id, State.WAITING, one.since, wait.code, wait.reason))
        else:
            moves.append(Move(one.id, State.QUEUED, now))
            freed.append(one.id)
    note_waits(waits, now=now)
    move_many(moves)
    if freed:
        _date(kind, freed, now)
        outbox.queue(enterprise_id=enterprise_id, kind_slug=kind.slug, document_ids=freed)
    return sum(not still for still in waits.values())


def _date(kind: Kind, document_ids: Sequence[int], now: datetime) -> None:
    """It is filed with customs now and not when it was saved: its message bears this time and day."""
    moment = now.astimezone(SHANGHAI).replace(microsecond=0)
    said: dict[str, Any] = {"app_time": moment}
    if "decl_time" in kind.head_names:
        said["decl_time"] = moment.date()
    kind.body._default_manager.filter(document_id__in=document_ids).update(**said)
