"""Documents that wait for those they stand on, and go on by themselves (between steps 5 and 6 of the walk).

A sweep looks at the rows, not at events: whatever was accepted while nobody listened, or in the very moment a document was
filed, stands in the table at the next tick. Of those whose predecessors all stand accepted the rules that look at other
documents are asked again, set by set; what passes is queued in the same transaction, what time cannot cure fails with the
rule's sentence, the rest waits on at the back of the line. Those for whom nothing has come are looked at now and then too,
so that what they say they wait for stays true.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Enterprise, EnterpriseState
from declarations import filing
from declarations.exchange import outbox
from declarations.kinds import kind as kind_of
from declarations.kinds.kind import Kind
from declarations.lifecycle import FILED, FIRST_LOOK, Move, State, move_many, note_waits
from declarations.reading import SHANGHAI
from declarations.rulebook import ERROR
from declarations.rules import wait_of
from declarations.rules.waits import kept

#: Documents looked at in one transaction: so many for whom everything is there, and so many whose time has come.
PORTION = 500
#: A document is looked at again after as long as it has waited so far, but within this time.
LONGEST = timedelta(minutes=10)

# First those for whom everything is there, then those whose time has come; whoever was looked at goes to the back. One
# probe of an index for the first kind missing settles most of them. What bears the same order number but stands on another
# platform is not there: whoever files guessed numbers costs nobody a look. (A platform has two codes, a waybill names none.)
# Documents of an enterprise that may not file wait on.
_DUE = """
WITH begun AS MATERIALIZED (
    SELECT d.id, d.not_before, d.order_no, d.platform_code, d.waits_for
      FROM declarations_document d
     WHERE d.state = 'waiting'
       AND d.enterprise_id = ANY (ARRAY(SELECT id FROM accounts_enterprise WHERE state = %(approved)s))
       AND EXISTS (SELECT FROM declarations_document p
                    WHERE p.order_no = d.order_no AND p.kind = split_part(d.waits_for, ',', 1)
                      AND p.state = ANY (%(filed)s))
), ready AS (
    SELECT b.id FROM begun b
     WHERE NOT EXISTS (
           SELECT FROM unnest(string_to_array(b.waits_for, ',')) AS w (slug)
            WHERE NOT EXISTS (
                  SELECT FROM declarations_document p
                   WHERE p.order_no = b.order_no AND p.kind = w.slug AND p.state = ANY (%(filed)s)
                     AND (p.platform_code = b.platform_code OR '' IN (p.platform_code, b.platform_code)
                          OR EXISTS (SELECT FROM accounts_enterprise e
                                      WHERE p.platform_code IN (e.customs_code, e.credit_code)
                                        AND b.platform_code IN (e.customs_code, e.credit_code)))))
     ORDER BY b.not_before, b.id LIMIT %(most)s
), stale AS (
    SELECT d.id FROM declarations_document d
     WHERE d.state = 'waiting' AND d.not_before <= %(now)s
       AND d.enterprise_id = ANY (ARRAY(SELECT id FROM accounts_enterprise WHERE state = %(approved)s))
     ORDER BY d.not_before, d.id LIMIT %(most)s
)
SELECT d.id, d.enterprise_id, d.kind, d.state_at, d.id IN (SELECT id FROM ready)
  FROM declarations_document d
 WHERE d.id IN (SELECT id FROM ready UNION SELECT id FROM stale) AND d.state = 'waiting'
 ORDER BY d.enterprise_id, d.kind, d.id
   FOR NO KEY UPDATE SKIP LOCKED
"""


class _Due(NamedTuple):
    """A waiting document whose turn it is, since when it waits, and whether everything it waits for seems to be there."""

    id: int
    enterprise_id: int
    kind: str
    since: datetime
    seems_ready: bool


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
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE,
            {
                "approved": EnterpriseState.APPROVED.value,
                "filed": [str(state) for state in FILED],
                "now": now,
                "most": limit,
            },
        )
        return [_Due(*row) for row in cursor.fetchall()]


def _look_at(enterprise_id: int, kind: Kind, due: Sequence[_Due], now: datetime) -> int:
    """Ask the rules again of documents of one filer and kind; how many wait no longer."""
    enterprise = Enterprise.objects.get(pk=enterprise_id)
    found = filing.check_again(enterprise=enterprise, kind=kind, document_ids=[one.id for one in due], now=now)
    moves, freed, waits, again = [], [], {}, {}
    for one in due:
        problems = found[one.id]
        wrong = next((problem for problem in problems if problem.level == ERROR), None)
        wait = wait_of(problems)
        waits[one.id] = wait.waits_for if wait and not wrong else ""
        if wrong:
            moves.append(Move(one.id, State.FAILED, now, wrong.rule, kept(wrong)))
        elif wait:
            moves.append(Move(one.id, State.WAITING, one.since, wait.code, wait.reason))
            again[one.id] = now + _until_next_look(one, now)
        else:
            moves.append(Move(one.id, State.QUEUED, now))
            freed.append(one.id)
    note_waits(waits, not_before=again)
    move_many(moves)
    if freed:
        _date(kind, freed, now)
        outbox.queue(enterprise_id=enterprise_id, kind_slug=kind.slug, document_ids=freed)
    return len(due) - len(again)


def _until_next_look(one: _Due, now: datetime) -> timedelta:
    """As long as it has waited. Who is asked in vain though everything seems there is asked at every tick that has room:
    it goes behind all the others, so that however many of them there are, each delays another once."""
    return LONGEST if one.seems_ready else min(max(now - one.since, FIRST_LOOK), LONGEST)


def _date(kind: Kind, document_ids: Sequence[int], now: datetime) -> None:
    """It is filed with customs now and not when it was saved: its message bears this time and day."""
    moment = now.astimezone(SHANGHAI).replace(microsecond=0)
    said: dict[str, Any] = {"app_time": moment}
    if "decl_time" in kind.head_names:
        said["decl_time"] = moment.date()
    kind.body._default_manager.filter(document_id__in=document_ids).update(**said)
