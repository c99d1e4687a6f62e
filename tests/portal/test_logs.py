"""The log says what went wrong, never with whose data."""

import logging
import sys

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import DatabaseError

from portal.logs import DiscreetFormatter, without_quotations

WHOLE = (
    'duplicate key value violates unique constraint "x"\n'
    "DETAIL:  Key (name, id)=(程外人, 310101199001011237) already exists.\n"
    "it goes on\n"
    "HINT:  Try another."
)


def lines(error: BaseException, message: str = "it failed: %s") -> str:
    """What the log has of an error: as an argument and with its traceback."""
    try:
        raise error
    except BaseException:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, message, (error,), sys.exc_info())
    return DiscreetFormatter("%(levelname)s %(message)s").format(record)


def test_it_takes_out_what_is_quoted_and_leaves_the_rest():
    assert without_quotations("all is well\nLINES: 3") == "all is well\nLINES: 3"
    assert without_quotations(WHOLE) == 'duplicate key value violates unique constraint "x"\nHINT:  Try another.'
    assert "程外人" not in without_quotations(repr(ValueError(WHOLE)))
    assert "程外人" not in lines(ValueError(WHOLE)) + lines(ValueError(WHOLE), "it failed: %r")


@pytest.mark.parametrize(
    ("broken", "kept"),
    [
        ("INSERT INTO persons VALUES ('程外人', 2)", "duplicate key value"),
        ("INSERT INTO persons VALUES ('过路人', NULL)", "null value in column"),
        ("SELECT '关岫云' FROM persons WHERE nothing = 1", "does not exist"),
    ],
)
def test_it_writes_the_errors_of_postgresql_without_their_values(db, broken, kept):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE persons (name text PRIMARY KEY, age int NOT NULL) ON COMMIT DROP")
        cursor.execute("INSERT INTO persons VALUES ('程外人', 1)")
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            cursor.execute(broken)
    name = broken.split("'")[1]
    assert name in str(caught.value)
    # The traceback shows our own source too, where this test names the statement by a variable only.
    told = lines(caught.value)
    assert name not in told, told
    assert kept in told
    assert "Traceback" in told


def test_it_is_what_the_portal_logs_with():
    (name,) = {handler["formatter"] for handler in settings.LOGGING["handlers"].values()}
    assert settings.LOGGING["formatters"][name]["class"] == "portal.logs.DiscreetFormatter"
