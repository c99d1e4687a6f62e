"""Receipts on their way: a table of what is to be sent and when, and the courier that posts it to the portal.

A row leaves the table's waiting part only when the portal has said 200; killed at any moment, the courier goes on where it
was. Receipts travel late, twice and out of order, as the settings say.
"""

import http.client
import logging
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlsplit
from uuid import uuid4

from declarations.sandbox import answers
from declarations.sandbox.settings import Settings
from declarations.sandbox.store import Connection, DictRow

log = logging.getLogger("sandbox")

AT_ONCE = 20  # receipts fetched in one go
IDLE_SECONDS = 0.5
BACK_OFF_FROM, BACK_OFF_TO = 0.5, 30.0
TIMEOUT_SECONDS = 20


def queue(
    connection: Connection, inbound_id: int, message_type: str, receiver: str, data: bytes,
    *, at: datetime, settings: Settings, dice: Random,
) -> None:  # fmt: skip
    """Put a receipt message on its way, a share of them twice."""
    cop_msg_id = str(uuid4())
    body = answers.envelope(receiver=receiver, message_type=message_type, cop_msg_id=cop_msg_id, at=at, data=data)
    for again in (False, True) if dice.random() < settings.repeat else (False,):
        _insert(connection, inbound_id, message_type, body, again, at=at, settings=settings, dice=dice)


def send_again(connection: Connection, inbound_id: int, *, at: datetime, settings: Settings, dice: Random) -> int:
    """Put all receipts that a message brought about on their way once more; how many there are."""
    rows = connection.execute(
        "SELECT message_type, body FROM outgoing WHERE inbound_id = %s AND NOT again ORDER BY id", [inbound_id]
    ).fetchall()
    for row in rows:
        _insert(
            connection, inbound_id, row["message_type"], bytes(row["body"]), True, at=at, settings=settings, dice=dice
        )
    return len(rows)


def _insert(
    connection: Connection, inbound_id: int, message_type: str, body: bytes, again: bool,
    *, at: datetime, settings: Settings, dice: Random,
) -> None:  # fmt: skip
    low, high = settings.delay
    seconds = dice.uniform(low, high) if settings.shuffle else low
    place = dice.random() if settings.shuffle else 0.0
    connection.execute(
        "INSERT INTO outgoing (inbound_id, message_type, body, again, place, due_at) VALUES (%s, %s, %s, %s, %s, %s)",
        [inbound_id, message_type, body, again, place, at + timedelta(seconds=seconds)],
    )


class Courier:
    """Posts what is due to the portal over one kept connection."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self.path = parts.path or "/"
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/xml"}
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.portal = make(parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_SECONDS)

    def step(self, connection: Connection) -> float:
        """Send what is due; seconds until there may be more."""
        rows = connection.execute(
            "SELECT id, body, attempts FROM outgoing WHERE sent_at IS NULL AND due_at <= %s ORDER BY place, id LIMIT %s",
            [datetime.now(UTC), AT_ONCE],
        ).fetchall()
        connection.commit()
        for row in rows:
            error = self._post(bytes(row["body"]))
            self._note(connection, row, error)
            if error:
                return BACK_OFF_FROM
        return 0.0 if len(rows) == AT_ONCE else self._until_next(connection)

    def _post(self, body: bytes) -> str:
        """Empty when the portal has taken it, else what went wrong. A connection that went stale is tried once more."""
        for fresh in (False, True):
            if fresh:
                self.portal.close()
            try:
                self.portal.request("POST", self.path, body, self.headers)
                response = self.portal.getresponse()
                response.read()
                return "" if response.status == 200 else f"HTTP {response.status}"
            except (OSError, http.client.HTTPException) as error:
                self.portal.close()
                fault = type(error).__name__
        return fault

    def _note(self, connection: Connection, row: DictRow, error: str) -> None:
        now = datetime.now(UTC)
        if not error:
            connection.execute("UPDATE outgoing SET sent_at = %s, last_error = '' WHERE id = %s", [now, row["id"]])
        else:
            wait = min(BACK_OFF_FROM * 2 ** min(row["attempts"], 10), BACK_OFF_TO)
            log.warning("receipt %s not taken by the portal: %s, next try in %.1f s", row["id"], error, wait)
            connection.execute(
                "UPDATE outgoing SET attempts = attempts + 1, last_error = %s, due_at = %s WHERE id = %s",
                [error, now + timedelta(seconds=wait), row["id"]],
            )
        connection.commit()

    def _until_next(self, connection: Connection) -> float:
        row = connection.execute("SELECT min(due_at) AS due FROM outgoing WHERE sent_at IS NULL").fetchone()
        connection.commit()
        if row is None or row["due"] is None:
            return IDLE_SECONDS
        return min(max((row["due"] - datetime.now(UTC)).total_seconds(), 0.001), IDLE_SECONDS)
