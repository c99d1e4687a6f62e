"""Many rows at once: ids in one call, rows by COPY where PostgreSQL allows it, else by INSERT, changes by one UPDATE.

PostgreSQL refuses COPY FROM under row-level security, so the web process (a plain role) inserts; workers (the owner)
copy, which is several times faster. Both write the same columns.
"""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection
from psycopg import sql

from portal import tenancy


@contextmanager
def many_objects() -> Iterator[None]:
    """While a workbook's cells are made into objects by the hundred thousand, and all of them live on.

    Python would go through all of them again and again to look for garbage, of which there is none: a tenth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def next_ids(table: str, count: int) -> list[int]:
    """Take `count` ids from the sequence of `table` in one call."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count])
        return [row[0] for row in cursor.fetchall()]


def write_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write `rows` (values in the order of `columns`) in the caller's transaction.

    Past Django's cursor, but its errors are Django's (`IntegrityError` and the like).
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    with connection.cursor() as cursor, connection.wrap_database_errors:
        if tenancy.is_owner():
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
            with cursor.cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, marks)
        cursor.cursor.executemany(statement, [tuple(row) for row in rows])


@contextmanager
def checking_references() -> Iterator[None]:
    """PostgreSQL checks the references of what was written so far, while the block computes and asks it nothing.

    It would do so at the end of the transaction, when nobody has anything else to do; that takes it as long as writing.
    """
    with connection.wrap_database_errors, connection.connection.pipeline(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        yield


def update_many(table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Set columns of many rows in one statement; `columns` are names and their types, the first of them is the key."""
    key, *names = columns
    arrays = [list(values) for values in zip(*rows, strict=True)]
    if arrays:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} t SET {', '.join(f'{name} = n.{name}' for name in names)} "  # noqa: S608 (names are ours)
                f"FROM unnest({', '.join(f'%s::{kind}[]' for kind in columns.values())}) n ({', '.join(columns)}) "
                f"WHERE t.{key} = n.{key}",
                arrays,
            )
