"""The sandbox's own database: its tables, made at start, and every SQL statement but those of delivery."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

Connection = psycopg.Connection[DictRow]

SCHEMA = """
CREATE TABLE IF NOT EXISTS enterprise (
    customs_code text PRIMARY KEY, credit_code text NOT NULL UNIQUE, name text NOT NULL, types text[] NOT NULL,
    dxp_id text NOT NULL, guarantee_kind text, guarantee_limit numeric(18, 2));
CREATE TABLE IF NOT EXISTS certificate (
    customs_code text NOT NULL REFERENCES enterprise ON DELETE CASCADE, serial text NOT NULL, pem text NOT NULL,
    PRIMARY KEY (customs_code, serial));
CREATE TABLE IF NOT EXISTS setting (
    name text NOT NULL, since date NOT NULL, value text NOT NULL, PRIMARY KEY (name, since));
CREATE TABLE IF NOT EXISTS inbound (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sender text NOT NULL, cop_msg_id text NOT NULL,
    digest bytea NOT NULL, body bytea NOT NULL, arrived_at timestamptz NOT NULL, state text NOT NULL DEFAULT 'kept',
    outcome text NOT NULL DEFAULT '', repeats int NOT NULL DEFAULT 0, UNIQUE (sender, cop_msg_id));
CREATE INDEX IF NOT EXISTS inbound_kept ON inbound (id) WHERE state = 'kept';
CREATE TABLE IF NOT EXISTS document (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, inbound_id bigint NOT NULL REFERENCES inbound,
    message text NOT NULL, guid text NOT NULL, app_type text NOT NULL, app_time text NOT NULL,
    key_a text NOT NULL, key_b text NOT NULL, merchant text NOT NULL, order_no text NOT NULL,
    filer text NOT NULL, receiver text NOT NULL, status text NOT NULL, info text NOT NULL, stamp text NOT NULL,
    stands boolean NOT NULL, keys jsonb NOT NULL, head jsonb NOT NULL, lines jsonb NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS document_key ON document (message, key_a, key_b) WHERE stands;
CREATE UNIQUE INDEX IF NOT EXISTS document_guid ON document (message, guid) WHERE stands;
CREATE INDEX IF NOT EXISTS document_order ON document (order_no, message) WHERE stands;
CREATE TABLE IF NOT EXISTS outgoing (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, inbound_id bigint NOT NULL REFERENCES inbound,
    message_type text NOT NULL, body bytea NOT NULL, again boolean NOT NULL DEFAULT false, place double precision NOT NULL,
    due_at timestamptz NOT NULL, attempts int NOT NULL DEFAULT 0, sent_at timestamptz, last_error text NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS outgoing_due ON outgoing (due_at) WHERE sent_at IS NULL;
CREATE INDEX IF NOT EXISTS outgoing_inbound ON outgoing (inbound_id);
CREATE SEQUENCE IF NOT EXISTS filing_number;
CREATE TABLE IF NOT EXISTS clock (one boolean PRIMARY KEY DEFAULT true CHECK (one), last timestamptz NOT NULL);
INSERT INTO clock (last) VALUES ('2000-01-01+08') ON CONFLICT DO NOTHING;
"""

# Advisory locks: one for making the tables, one held by the serving process, one around every decided message.
MAKING, SERVING, DECIDING = 7_311_001, 7_311_002, 7_311_003


def connect(url: str) -> Connection:
    """A connection to the sandbox's database. Raises psycopg.OperationalError."""
    return psycopg.connect(url, row_factory=dict_row, connect_timeout=5, application_name="sandbox")


def prepare(url: str) -> None:
    """Make the database, if its server has none of that name, and the tables in it; may be called any number of times."""
    try:
        connection = connect(url)
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise
        _create_database(url)
        connection = connect(url)
    with closing(connection), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MAKING])
        connection.execute(SCHEMA)


def _create_database(url: str) -> None:
    parts = urlsplit(url)
    server = urlunsplit(parts._replace(path="/postgres"))
    with closing(psycopg.connect(server, autocommit=True, connect_timeout=5)) as connection:
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(parts.path.lstrip("/"))))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was quicker


def keep(
    connection: Connection, *, sender: str, cop_msg_id: str, digest: bytes, body: bytes, at: datetime
) -> tuple[int, bool, bool]:
    """Keep the bytes of an envelope: (its row, whether it is new, whether a repeat carries the same data)."""
    with connection.transaction():
        row = connection.execute(
            "INSERT INTO inbound (sender, cop_msg_id, digest, body, arrived_at) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (sender, cop_msg_id) DO NOTHING RETURNING id",
            [sender, cop_msg_id, digest, body, at],
        ).fetchone()
        if row:
            return row["id"], True, True
        row = connection.execute(
            "UPDATE inbound SET repeats = repeats + 1 WHERE sender = %s AND cop_msg_id = %s RETURNING id, digest",
            [sender, cop_msg_id],
        ).fetchone()
        assert row is not None
        return row["id"], False, bytes(row["digest"]) == digest


def next_kept(connection: Connection) -> DictRow | None:
    """The oldest message that is not decided yet; inside the transaction nobody else decides one."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [DECIDING])
    return connection.execute("SELECT * FROM inbound WHERE state = 'kept' ORDER BY id LIMIT 1").fetchone()


def decided(connection: Connection, inbound_id: int, outcome: str, state: str = "answered") -> None:
    """Note what came of a message."""
    connection.execute("UPDATE inbound SET state = %s, outcome = %s WHERE id = %s", [state, outcome, inbound_id])


def take_time(connection: Connection, now: datetime, steps: int) -> list[datetime]:
    """So many moments, a millisecond apart, later than every one given before: receipts never share or go back in time."""
    row = connection.execute(
        "UPDATE clock SET last = greatest(%s, last + interval '1 ms') + %s RETURNING last",
        [now, timedelta(milliseconds=steps - 1)],
    ).fetchone()
    assert row is not None
    return [row["last"] - timedelta(milliseconds=steps - 1 - step) for step in range(steps)]


def take_numbers(connection: Connection, count: int) -> list[int]:
    """So many numbers of the one row from which preNo and invtNo are made."""
    rows = connection.execute("SELECT nextval('filing_number') AS number FROM generate_series(1, %s)", [count])
    return [row["number"] for row in rows]


def standing(connection: Connection, message: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], DictRow]:
    """The documents of a message kind that stand under these keys."""
    rows = connection.execute(
        "SELECT d.* FROM document d JOIN unnest(%s::text[], %s::text[]) k(a, b) ON d.key_a = k.a AND d.key_b = k.b"
        " WHERE d.stands AND d.message = %s",
        [[a for a, _ in keys], [b for _, b in keys], message],
    )
    return {(row["key_a"], row["key_b"]): row for row in rows}


def standing_guids(connection: Connection, message: str, guids: list[str]) -> dict[str, DictRow]:
    """The documents of a message kind that stand with these guids."""
    rows = connection.execute(
        "SELECT * FROM document WHERE stands AND message = %s AND guid = ANY(%s)", [message, guids]
    )
    return {row["guid"]: row for row in rows}


def standing_for_orders(connection: Connection, message: str, numbers: list[str]) -> dict[str, list[DictRow]]:
    """The documents of a message kind that stand, by the order number they name."""
    found: dict[str, list[DictRow]] = {}
    for row in connection.execute(
        "SELECT * FROM document WHERE stands AND message = %s AND order_no = ANY(%s) ORDER BY id", [message, numbers]
    ):
        found.setdefault(row["order_no"], []).append(row)
    return found


def put_down(connection: Connection, ids: Iterable[int]) -> None:
    """These documents stand no longer: changed, deleted or returned."""
    connection.execute("UPDATE document SET stands = false WHERE id = ANY(%s)", [list(ids)])


def store_documents(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Insert decided documents, all in one COPY."""
    columns = (
        "inbound_id", "message", "guid", "app_type", "app_time", "key_a", "key_b", "merchant", "order_no", "filer",
        "receiver", "status", "info", "stamp", "stands", "keys", "head", "lines",
    )  # fmt: skip
    statement = sql.SQL("COPY document ({}) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([Jsonb(row[c]) if c in ("keys", "head", "lines") else row[c] for c in columns])


def advance(connection: Connection, ids: list[int], *, status: str, info: str, stamp: str) -> None:
    """Move standing documents on to a later customs status."""
    connection.execute(
        "UPDATE document SET status = %s, info = %s, stamp = %s WHERE id = ANY(%s)", [status, info, stamp, ids]
    )


def counts(connection: Connection) -> dict[str, list[DictRow]]:
    """The figures of the page: messages by state, documents by kind and status, receipts waiting, sent and retried."""
    questions = {
        "inbound": "SELECT state, count(*) AS n, sum(repeats) AS repeats FROM inbound GROUP BY state ORDER BY state",
        "document": "SELECT message, status, count(*) AS n FROM document GROUP BY message, status ORDER BY message, status",
        "outgoing": "SELECT (sent_at IS NOT NULL) AS sent, count(*) AS n, count(*) FILTER (WHERE again) AS again,"
        " max(attempts) AS attempts FROM outgoing GROUP BY 1 ORDER BY 1",
        "enterprise": "SELECT customs_code, name, types, dxp_id, guarantee_kind, guarantee_limit FROM enterprise"
        " ORDER BY customs_code",
    }
    return {name: connection.execute(question).fetchall() for name, question in questions.items()}
