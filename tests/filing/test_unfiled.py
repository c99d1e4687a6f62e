"""What workbooks could not file costs the desk as much as there is of it, whatever was filed in all the years before."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from declarations.doors import unfiled
from declarations.doors.template import workbook_of
from declarations.kinds import kind
from declarations.models import Document, Upload, UploadRow
from portal.tenancy import acting_as
from tests import make
from tests.exchange.desk import filed
from tests.filing.test_uploads import bad, decided, sent_in, swept
from tests.filing.test_waiting import times

pytestmark = pytest.mark.django_db
BY = "platform_filer"


def refused(cast, *numbers: int) -> Upload:
    """A workbook filed without these orders, which are wrong in shape."""
    entries = [make.order(numbers[0] + 1000), *map(bad, numbers)]
    upload = swept(sent_in(cast, workbook_of(kind("order"), entries), by=BY))
    decided(cast, upload, by=BY)
    return swept(upload)


def multiplied(upload: Upload, count: int) -> None:
    """The workbook had so many more documents that were refused, about orders of their own."""
    columns = ", ".join(one.column for one in UploadRow._meta.fields if one.column not in {"id", "row", "order_no"})
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO declarations_uploadrow ({columns}, row, order_no)"
            f" SELECT {columns}, row + n, order_no || '-' || n FROM declarations_uploadrow, generate_series(1, %s) n"
            " WHERE id = (SELECT id FROM declarations_uploadrow WHERE upload_id = %s AND order_no <> '' ORDER BY id LIMIT 1)",
            [count, upload.pk],
        )
        cursor.execute("ANALYZE declarations_uploadrow, declarations_upload")
    Upload.objects.filter(pk=upload.pk).update(refused=upload.refused + count)


def how_it_counts(cast) -> tuple[list[int], str]:
    """How many each workbook has left, as the desk asks behind the wall, and how the database really finds it."""
    actor = cast.actor(BY)
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        with CaptureQueriesContext(connection) as queries:
            left = unfiled.left_of(actor)
        (question,) = [one["sql"] for one in queries if "declarations_uploadrow" in one["sql"]]
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE) " + question)
            return [one.documents for one in left], "\n".join(row[0] for row in cursor.fetchall())


def test_it_costs_the_same_however_many_documents_there_ever_were(cast):
    """A probe of an index for each order left, once, also where whole workbooks are left."""
    books = [refused(cast, 1, 2), refused(cast, 3, 4)]
    for book in books:
        multiplied(book, 2_500)
    filed(cast, "order", 4, by=BY)
    assert how_it_counts(cast)[0] == [2_502, 2_501]
    times(Document.objects.order_by("id")[0], 50_000)
    left, plan = how_it_counts(cast)
    assert left == [2_502, 2_501]
    assert "Seq Scan on declarations_document" not in plan and plan.count("document_by_own_order") == 1
    assert "Index Searches: 5004" in plan
