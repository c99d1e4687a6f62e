"""The sandbox's own database: its tables, made at start, and every SQL statement but those of delivery."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from declarations.published import tariff

Connection = psycopg.Connection[DictRow]

SCHEMA = """
CREATE TABLE IF NOT EXISTS enterprise (
    customs_code text PRIMARY KEY, credit_code text NOT NULL UNIQUE, name text NOT NULL, types text[] NOT NULL,
    dxp_id text NOT NULL, guarantee_kind text, guarantee_limit numeric(18, 2));
CREATE TABLE IF NOT EXISTS registered_guarantee (
    customs_code text PRIMARY KEY REFERENCES enterprise ON DELETE CASCADE, kind text, "limit" numeric(18, 2));
CREATE TABLE IF NOT EXISTS authority (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), key text NOT NULL, certificate text NOT NULL);
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
CREATE TABLE IF NOT EXISTS tariff (
    code text PRIMARY KEY, name_zh text NOT NULL, unit1 text NOT NULL, unit2 text NOT NULL, duty_pct text NOT NULL,
    vat_pct text NOT NULL, vat_basis text NOT NULL, consumption_pct text NOT NULL, consumption_specific text NOT NULL,
    consumption_condition text NOT NULL, consumption_basis text NOT NULL);
CREATE TABLE IF NOT EXISTS clearance (
    document_id bigint PRIMARY KEY REFERENCES document, inbound_id bigint NOT NULL REFERENCES inbound,
    buyer text NOT NULL, year int NOT NULL, value numeric(18, 2) NOT NULL, counts boolean NOT NULL DEFAULT true,
    guarantor text NOT NULL, tax numeric(18, 2) NOT NULL, held numeric(18, 2) NOT NULL DEFAULT 0, lines jsonb NOT NULL,
    steps text NOT NULL, remark text NOT NULL, due_at timestamptz, short_at numeric(18, 2),
    bill text NOT NULL DEFAULT '', duty_no text NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS clearance_due ON clearance (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS clearance_year ON clearance (buyer, year) INCLUDE (value) WHERE counts;
CREATE INDEX IF NOT EXISTS clearance_held ON clearance (guarantor) INCLUDE (held) WHERE held > 0;
CREATE INDEX IF NOT EXISTS clearance_open ON clearance (guarantor) WHERE bill = '1';
CREATE INDEX IF NOT EXISTS clearance_note ON clearance (duty_no) WHERE duty_no <> '';
CREATE SEQUENCE IF NOT EXISTS filing_number;
CREATE SEQUENCE IF NOT EXISTS note_number;
CREATE TABLE IF NOT EXISTS clock (one boolean PRIMARY KEY DEFAULT true CHECK (one), last timestamptz NOT NULL);
INSERT INTO clock (last) VALUES ('2000-01-01+08') ON CONFLICT DO NOTHING;
"""

# Advisory locks: one for making the tables, one held by the serving process, one around everything decided.
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
        _take_over_tariff(connection)


def _take_over_tariff(connection: Connection) -> None:
    """Customs' own copy of the published tariff, made anew when the published one has other rows."""
    published_rows = [tuple(row.values()) for row in tariff()]
    kept = connection.execute('SELECT * FROM tariff ORDER BY code COLLATE "C"').fetchall()
    if [tuple(row.values()) for row in kept] == sorted(published_rows):
        return
    connection.execute("TRUNCATE tariff")
    with connection.cursor() as cursor, cursor.copy("COPY tariff FROM STDIN") as copy:
        for row in published_rows:
            copy.write_row(row)


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


def decide_alone(connection: Connection) -> None:
    """Until the end of the transaction nobody else decides anything."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [DECIDING])


def next_kept(connection: Connection) -> DictRow | None:
    """The oldest message that is not decided yet; inside the transaction nobody else decides one."""
    decide_alone(connection)
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


def rates(connection: Connection, gcodes: Iterable[str]) -> dict[str, DictRow]:
    """The rows of the tariff for these codes; a code that is not in it has none."""
    rows = connection.execute("SELECT * FROM tariff WHERE code = ANY(%s)", [sorted(set(gcodes))])
    return {row["code"]: row for row in rows}


def bought(connection: Connection, buyers: Iterable[str], year: int) -> dict[str, Decimal]:
    """What each of these buyers has bought in a year: the value of the lists that count."""
    rows = connection.execute(
        "SELECT buyer, sum(value) AS total FROM clearance WHERE counts AND year = %s AND buyer = ANY(%s) GROUP BY buyer",
        [year, sorted(set(buyers))],
    )
    return {row["buyer"]: row["total"] for row in rows}


def balances(connection: Connection, guarantors: Iterable[str]) -> dict[str, tuple[Decimal, Decimal]]:
    """Of each guarantor the limit and what of it is held; without a guarantee the limit is nought."""
    rows = connection.execute(
        "SELECT e.customs_code, coalesce(e.guarantee_limit, 0) AS size, coalesce(sum(c.held), 0) AS held"
        " FROM enterprise e LEFT JOIN clearance c ON c.guarantor = e.customs_code AND c.held > 0"
        " WHERE e.customs_code = ANY(%s) GROUP BY e.customs_code",
        [sorted(set(guarantors))],
    )
    return {row["customs_code"]: (row["size"], row["held"]) for row in rows}


def open_clearances(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Lists that customs has taken, found by the guid under which they stand, begin their way to release."""
    columns = ("inbound_id", "buyer", "year", "value", "guarantor", "tax", "lines", "steps", "remark", "due_at")
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.SQL("INSERT INTO clearance (document_id, {}) SELECT id, {} FROM document"
                    " WHERE stands AND message = 'CEB621Message' AND guid = %s").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(sql.Placeholder() * len(columns))
            ),
            [[*(Jsonb(row[c]) if c == "lines" else row[c] for c in columns), row["guid"]] for row in rows],
        )  # fmt: skip


_CLEARANCES = (
    "SELECT c.*, d.receiver, d.keys, d.head, d.status, d.info, d.stamp, d.stands"
    " FROM clearance c JOIN document d ON d.id = c.document_id"
)


def due_clearances(connection: Connection, at: datetime, limit: int) -> list[DictRow]:
    """Lists of which the next step is due, the longest waiting first, each with its document."""
    return connection.execute(
        _CLEARANCES + " WHERE c.due_at <= %s ORDER BY c.due_at, c.document_id LIMIT %s", [at, limit]
    ).fetchall()


def next_due(connection: Connection) -> datetime | None:
    """When the next step of a list is due."""
    row = connection.execute("SELECT min(due_at) AS due FROM clearance WHERE due_at IS NOT NULL").fetchone()
    return row["due"] if row else None


def open_bills(connection: Connection, guarantor: str) -> list[DictRow]:
    """Bills without a payment note, of one guarantor or, without one named, of all."""
    return connection.execute(
        _CLEARANCES + " WHERE c.bill = '1' AND %s IN ('', c.guarantor) ORDER BY c.document_id", [guarantor]
    ).fetchall()


def save_clearances(connection: Connection, rows: list[DictRow]) -> None:
    """Write back what the officer has changed, of the list's way and of its document."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE clearance SET counts = %(counts)s, held = %(held)s, steps = %(steps)s, due_at = %(due_at)s,"
            " short_at = %(short_at)s, bill = %(bill)s, duty_no = %(duty_no)s WHERE document_id = %(document_id)s",
            [{name: row[name] for name in _CHANGED} for row in rows],
        )
        cursor.executemany(
            "UPDATE document SET status = %(status)s, info = %(info)s, stamp = %(stamp)s, stands = %(stands)s"
            " WHERE id = %(document_id)s",
            [{name: row[name] for name in ("status", "info", "stamp", "stands", "document_id")} for row in rows],
        )


_CHANGED = ("document_id", "counts", "held", "steps", "due_at", "short_at", "bill", "duty_no")


def put_off(connection: Connection, document_ids: list[int], until: datetime) -> None:
    """The next step of these lists is tried again later."""
    connection.execute("UPDATE clearance SET due_at = %s WHERE document_id = ANY(%s)", [until, document_ids])


def settle(connection: Connection, duty_no: str) -> tuple[int, Decimal]:
    """A payment note is paid: its bills' guarantee is free again; how many bills, and how much."""
    row = connection.execute(
        "WITH paid AS (SELECT document_id, held FROM clearance WHERE duty_no = %s AND bill = '2' FOR UPDATE), done AS ("
        "UPDATE clearance c SET bill = 'paid', held = 0 FROM paid WHERE c.document_id = paid.document_id)"
        " SELECT count(*) AS bills, coalesce(sum(held), 0) AS total FROM paid",
        [duty_no],
    ).fetchone()
    assert row is not None
    return row["bills"], row["total"]


def take_note_number(connection: Connection) -> int:
    """The number from which a payment note's own is made."""
    row = connection.execute("SELECT nextval('note_number') AS number").fetchone()
    assert row is not None
    return int(row["number"])


def counts(connection: Connection) -> dict[str, list[DictRow]]:
    """The figures of the page: messages by state, documents by kind and status, receipts, guarantees, yearly totals, bills."""
    questions = {
        "inbound": "SELECT state, count(*) AS n, sum(repeats) AS repeats FROM inbound GROUP BY state ORDER BY state",
        "document": "SELECT message, status, count(*) AS n FROM document GROUP BY message, status ORDER BY message, status",
        "outgoing": "SELECT (sent_at IS NOT NULL) AS sent, count(*) AS n, count(*) FILTER (WHERE again) AS again,"
        " max(attempts) AS attempts FROM outgoing GROUP BY 1 ORDER BY 1",
        "enterprise": "SELECT customs_code, name, types, dxp_id FROM enterprise ORDER BY customs_code",
        "guarantee": "SELECT e.customs_code, e.name, e.guarantee_kind, e.guarantee_limit, coalesce(sum(c.held), 0) AS held"
        " FROM enterprise e LEFT JOIN clearance c ON c.guarantor = e.customs_code AND c.held > 0"
        " WHERE e.guarantee_limit IS NOT NULL GROUP BY e.customs_code ORDER BY e.customs_code",
        "year": "SELECT year, count(*) AS buyers, sum(total) AS total, max(total) AS most FROM (SELECT year, buyer,"
        " sum(value) AS total FROM clearance WHERE counts GROUP BY year, buyer) b GROUP BY year ORDER BY year",
        "bill": "SELECT bill, count(*) AS n, sum(tax) AS tax, sum(held) AS held FROM clearance GROUP BY bill ORDER BY bill",
    }
    return {name: connection.execute(question).fetchall() for name, question in questions.items()}
