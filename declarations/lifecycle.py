"""States of a document and the only code that changes them (steps 5, 6 and 9 of the walk).

A document's state follows from three things: what we did (waits, queued, sent, failed to send), what customs answered
(``declarations/exchange/receipts.py`` turns its receipts into one state), and nothing else. ``move_many`` is the one
writer: a conditional UPDATE set by set, so that a late or repeated move does no harm, with a ``StateChange`` row for
every move that really happened.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from portal.bulk import next_ids


class State(models.TextChoices):
    """Where a document stands; stored as the word, shown through ``STATE_LOOKS``."""

    WAITING = "waiting", _("等待前序单证")
    QUEUED = "queued", _("待发送")
    SENT = "sent", _("已发送")
    DECLARING = "declaring", _("申报中")
    STORED = "stored", _("海关入库")
    REVIEW = "review", _("人工审核")
    EXAMINED = "examined", _("审结")
    INSPECTING = "inspecting", _("查验")
    DETAINED = "detained", _("扣留")
    SUSPENDED = "suspended", _("挂起")
    RELEASED = "released", _("放行")
    CLOSED = "closed", _("结关")
    SHIPPED_BACK = "shipped_back", _("退运")
    REJECTED = "rejected", _("退单")
    FAILED = "failed", _("发送失败")


@dataclass(frozen=True, slots=True)
class StateLook:
    """How a state is shown everywhere: tone and icon of the badge, and one sentence on what it means."""

    tone: str
    icon: str
    sentence: Any


STATE_LOOKS: dict[str, StateLook] = {
    State.WAITING: StateLook("hold", "hourglass", _("已保存，前序单证到齐并被海关接受后自动发往海关")),
    State.QUEUED: StateLook("idle", "hourglass", _("已通过校验，排队加签发送，无须操作")),
    State.SENT: StateLook("info", "send", _("报文已送达，等待海关第一份回执")),
    State.DECLARING: StateLook("info", "arrow-up-circle", _("电子口岸已接收，等待海关比对其他单证")),
    State.STORED: StateLook("ok", "check-circle", _("海关逻辑校验通过，已入库")),
    State.REVIEW: StateLook("hold", "person-check", _("海关人工审核中，无须操作")),
    State.EXAMINED: StateLook("ok", "check-circle", _("海关审结，等待放行")),
    State.INSPECTING: StateLook("hold", "search", _("海关查验中，请配合现场")),
    State.DETAINED: StateLook("bad", "exclamation-triangle", _("货物被海关扣留，请联系现场海关")),
    State.SUSPENDED: StateLook("hold", "pause-circle", _("海关挂起，等待海关处理")),
    State.RELEASED: StateLook("ok", "check-circle-fill", _("海关已放行")),
    State.CLOSED: StateLook("ok", "check-circle-fill", _("海关已结关")),
    State.SHIPPED_BACK: StateLook("idle", "arrow-return-left", _("货物退运，流程结束")),
    State.REJECTED: StateLook("bad", "x-circle", _("海关退单，请按原因更正后重新申报")),
    State.FAILED: StateLook("bad", "exclamation-triangle", _("未能申报到海关，请按原因更正后重新申报")),
}

#: Customs answered 2, 3 or 120 (or later) and did not take it back: the document counts as filed (domain §6).
FILED = frozenset(
    {
        State.DECLARING,
        State.STORED,
        State.REVIEW,
        State.EXAMINED,
        State.INSPECTING,
        State.DETAINED,
        State.SUSPENDED,
        State.RELEASED,
        State.CLOSED,
    }
)

#: A definite refusal: the same business key may be filed again, as a new attempt of the same document.
REFUSED = frozenset({State.REJECTED, State.FAILED})

#: What was filed under the key may be replaced by filing again: customs refused it, or was never asked.
REPLACEABLE = REFUSED | {State.WAITING}

_ANSWERED = frozenset(State) - {State.WAITING, State.QUEUED, State.SENT}

#: state → the states it may be entered from. Whatever customs answered is derived from the whole set of its
#: receipts, so between answers every move is allowed; back to QUEUED leads only a refusal, a message sent in vain or the
#: end of a wait. Of a document that waits customs knows nothing: no answer moves it, only a rule can still fail it.
ALLOWED: dict[str, frozenset[str]] = {
    State.WAITING: REFUSED,
    State.QUEUED: REPLACEABLE | {State.SENT},
    State.SENT: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.WAITING, State.QUEUED, State.SENT}) | _ANSWERED,
    **{state: frozenset({State.QUEUED, State.SENT}) | _ANSWERED for state in _ANSWERED - {State.FAILED}},
}


@dataclass(frozen=True, slots=True)
class Move:
    """One wish: this document into this state, because of this code and text, at this moment (customs' or ours)."""

    document_id: int
    state: str
    at: datetime
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A document about to exist: its identity, and the sheet row it came from (None for a form).

    ``waits_for``: the kinds it waits for, joined by commas, with the rule that found them missing and the kept sentence.
    """

    number: str
    key: str
    order_no: str
    platform_code: str
    fingerprint: bytes
    sheet_row: int | None = None
    waits_for: str = ""
    code: str = ""
    reason: str = ""

    @property
    def state(self) -> State:
        """Where such a document begins."""
        return State.WAITING if self.waits_for else State.QUEUED


_BEGIN = """
WITH begun AS (
    INSERT INTO declarations_document
           (id, enterprise_id, kind, number, key, order_no, platform_code, fingerprint, sheet_row, state, code, reason,
            waits_for, looked_at, state_at, attempt, source, upload_id, filed_by_id, filed_at, changed_at)
    SELECT b.id, %(enterprise)s, %(kind)s, b.number, b.key, b.order_no, b.platform_code, b.fingerprint, b.sheet_row,
           b.state, b.code, (%(reasons)s::text[])[b.reason], b.waits_for,
           CASE b.state WHEN 'waiting' THEN %(now)s::timestamptz END, %(now)s, 1,
           %(source)s, %(upload)s, %(user)s, %(now)s, %(now)s
      FROM unnest(%(ids)s::bigint[], %(numbers)s::text[], %(keys)s::text[], %(orders)s::text[], %(platforms)s::text[],
                  %(fingerprints)s::bytea[], %(rows)s::int[], %(states)s::text[], %(codes)s::text[],
                  %(why)s::int[], %(waits)s::text[])
           AS b (id, number, key, order_no, platform_code, fingerprint, sheet_row, state, code, reason, waits_for)
     ORDER BY b.key COLLATE "C"
        ON CONFLICT (enterprise_id, kind, key) DO NOTHING
 RETURNING id, enterprise_id, key, state, code, reason
), noted AS (
    INSERT INTO declarations_statechange
           (enterprise_id, document_id, state, code, reason, happened_at, attempt, user_id, recorded_at)
    SELECT enterprise_id, id, state, code, reason, %(now)s, 1, %(user)s, %(now)s FROM begun
)
SELECT key, id FROM begun
"""


def begin_many(
    beginnings: Sequence[Beginning],
    *,
    enterprise_id: int,
    kind_slug: str,
    user_id: int,
    source: str,
    upload_id: int | None,
    now: datetime,
    ids: Sequence[int] = (),
) -> dict[str, int]:
    """Make documents, QUEUED or WAITING, with their first ``StateChange``; returns key → id of those that are new.

    A key that somebody else filed in the same instant is left out, not doubled. ``ids`` are those taken for them
    beforehand, else they follow the order of what was brought. Rows are written in the order of their keys, so that two
    workers never wait for each other crosswise; who brings them in portions sorts them first.
    """
    ids = list(ids) or next_ids("declarations_document", len(beginnings))
    with connection.cursor() as cursor:
        cursor.execute(
            _BEGIN,
            {
                "enterprise": enterprise_id,
                "kind": kind_slug,
                "ids": ids,
                "keys": [beginning.key for beginning in beginnings],
                **_columns(beginnings),
                "source": source,
                "upload": upload_id,
                "user": user_id,
                "now": now,
            },
        )
        return dict(cursor.fetchall())


def _columns(beginnings: Collection[Beginning]) -> dict[str, list[Any]]:
    """What is said of each beginning, column by column; a reason that thousands share is said once."""
    reasons = {beginning.reason: 0 for beginning in beginnings}
    reasons = {reason: place for place, reason in enumerate(reasons, 1)}
    return {
        "numbers": [beginning.number for beginning in beginnings],
        "orders": [beginning.order_no for beginning in beginnings],
        "platforms": [beginning.platform_code for beginning in beginnings],
        "fingerprints": [beginning.fingerprint for beginning in beginnings],
        "rows": [beginning.sheet_row for beginning in beginnings],
        "states": [str(beginning.state) for beginning in beginnings],
        "codes": [beginning.code for beginning in beginnings],
        "reasons": list(reasons),
        "why": [reasons[beginning.reason] for beginning in beginnings],
        "waits": [beginning.waits_for for beginning in beginnings],
    }


#: Whoever changes several documents takes them in id order first: two workers never wait for each other crosswise.
_LOCK = "SELECT id FROM declarations_document WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"

_BEGIN_AGAIN = """
UPDATE declarations_document d
   SET attempt = d.attempt + (d.state <> 'waiting')::int, filed_by_id = %(user)s, filed_at = %(now)s,
       source = %(source)s, upload_id = %(upload)s, sheet_row = b.sheet_row, number = b.number,
       order_no = b.order_no, platform_code = b.platform_code, fingerprint = b.fingerprint,
       waits_for = b.waits_for, looked_at = CASE WHEN b.waits_for <> '' THEN %(now)s::timestamptz END,
       answered_until = coalesce((SELECT least(max(customs_time), now()) FROM declarations_receipt r
                                   WHERE r.document_id = d.id HAVING d.state <> 'waiting' OR count(*) > 0),
                                 d.answered_until)
  FROM unnest(%(ids)s::bigint[], %(rows)s::int[], %(numbers)s::text[], %(orders)s::text[], %(platforms)s::text[],
              %(fingerprints)s::bytea[], %(waits)s::text[])
       AS b (id, sheet_row, number, order_no, platform_code, fingerprint, waits_for)
 WHERE d.id = b.id AND d.state = ANY (%(replaceable)s)
RETURNING d.id
"""


def begin_again(
    beginnings: dict[int, Beginning], *, user_id: int, source: str, upload_id: int | None, now: datetime
) -> set[int]:
    """Begin the next attempt of refused documents (id → what is filed now); returns those that were still refused.

    Receipts so far stop counting; the documents are QUEUED, or WAITING, again. One that waits was never sent: what it says
    is replaced, and it is the same attempt.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [list(beginnings)])
        cursor.execute(
            _BEGIN_AGAIN,
            {
                "ids": list(beginnings),
                **_columns(beginnings.values()),
                "replaceable": [str(state) for state in REPLACEABLE],
                "source": source,
                "upload": upload_id,
                "user": user_id,
                "now": now,
            },
        )
        begun = {row[0] for row in cursor.fetchall()}
    again = ((document_id, beginnings[document_id]) for document_id in begun)
    move_many((Move(one, said.state, now, said.code, said.reason) for one, said in again), user_id=user_id)
    return begun


_WAIT = """
UPDATE declarations_document d
   SET waits_for = w.waits_for, looked_at = %s,
       answered_until = coalesce((SELECT least(max(customs_time), now()) FROM declarations_receipt r
                                   WHERE r.document_id = d.id HAVING count(*) > 0), d.answered_until)
  FROM unnest(%s::bigint[], %s::text[]) AS w (id, waits_for)
 WHERE d.id = w.id AND d.state = 'waiting'
"""


def note_waits(waits: Mapping[int, str], *, now: datetime) -> None:
    """Write down for what each waiting document still waits ("" for nothing), and that it was looked at.

    Answers that came while it waited belong to an earlier attempt, as nothing of this one has left. The caller holds the
    rows.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WAIT, [now, list(waits), list(waits.values())])


_MOVE = """
WITH wish AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(moments)s::timestamptz[],
                         %(codes)s::text[], %(reasons)s::text[], %(outbounds)s::bigint[])
                  AS w (id, state, at, code, reason, outbound_id)
), allowed AS (
    SELECT * FROM unnest(%(into)s::text[], %(out_of)s::text[]) AS a (into_state, from_state)
), moved AS (
    UPDATE declarations_document d
       SET state = w.state, code = w.code, reason = w.reason, state_at = w.at, changed_at = now()
      FROM wish w
     WHERE d.id = w.id
       AND (d.state, d.code, d.reason, d.state_at) IS DISTINCT FROM (w.state, w.code, w.reason, w.at)
       AND (d.state = w.state OR EXISTS (SELECT 1 FROM allowed a
                                          WHERE a.into_state = w.state AND a.from_state = d.state))
 RETURNING d.id, d.enterprise_id, d.state, d.code, d.reason, d.state_at, d.attempt, w.outbound_id
)
INSERT INTO declarations_statechange
       (enterprise_id, document_id, state, code, reason, happened_at, attempt, user_id, outbound_id, inbound_id,
        recorded_at)
SELECT enterprise_id, id, state, code, reason, state_at, attempt, %(user)s, outbound_id, %(inbound)s, now() FROM moved
RETURNING document_id
"""


def move_many(
    moves: Iterable[Move],
    *,
    user_id: int | None = None,
    outbound_id: int | Mapping[int, int] | None = None,
    inbound_id: int | None = None,
) -> list[int]:
    """Move documents set by set and return the ids of those that really moved.

    `user_id`, `outbound_id`, `inbound_id`: who or which message made them move, for the record; of several messages
    sent together, the one of each document.

    A wish whose move is not in ``ALLOWED``, or that changes nothing, is left out silently: that is what makes late,
    early and repeated answers harmless. One statement, whatever the number; runs in the caller's transaction. Wishes
    are taken in id order, so that two workers never wait for each other crosswise.
    """
    ordered: Sequence[Move] = sorted(moves, key=lambda move: move.document_id)
    if not ordered:
        return []
    outbounds = (
        outbound_id
        if isinstance(outbound_id, Mapping)
        else dict.fromkeys([m.document_id for m in ordered], outbound_id)
    )
    pairs = [(into, out_of) for into, sources in ALLOWED.items() for out_of in sources]
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [[move.document_id for move in ordered]])
        cursor.execute(
            _MOVE,
            {
                "ids": [move.document_id for move in ordered],
                "states": [str(move.state) for move in ordered],
                "moments": [move.at for move in ordered],
                "codes": [move.code for move in ordered],
                "reasons": [move.reason for move in ordered],
                "into": [str(into) for into, _source in pairs],
                "out_of": [str(source) for _into, source in pairs],
                "user": user_id,
                "outbounds": [outbounds[move.document_id] for move in ordered],
                "inbound": inbound_id,
            },
        )
        return [row[0] for row in cursor.fetchall()]
