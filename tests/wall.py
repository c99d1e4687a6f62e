"""What the database says to those behind the wall."""

from django.db import DatabaseError, connection, transaction


def refused(sql: str, *values: object) -> bool:
    """Whether the database refuses the statement for want of a right or by a policy; any other error is a fault."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
    except DatabaseError as error:
        assert "permission denied" in str(error) or "row-level security" in str(error), error
        return True
    return False
