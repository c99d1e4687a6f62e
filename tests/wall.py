"""What the database says to those behind the wall."""

from django.db import DatabaseError, connection, transaction


def refused(sql: str, *values: object) -> bool:
    """Whether the database refuses the statement for want of a right or by a policy; any other error is a fault."""
    return _rows(sql, *values) is None


def writes(sql: str, *values: object) -> bool:
    """Whether the statement is let through and finds a row to write."""
    return bool(_rows(sql, *values))


def _rows(sql: str, *values: object) -> int | None:
    """How many rows the statement met; None where it is refused."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.rowcount
    except DatabaseError as error:
        assert "permission denied" in str(error) or "row-level security" in str(error), error
        return None
