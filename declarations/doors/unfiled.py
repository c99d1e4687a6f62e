"""What of filed workbooks was not taken and is not filed yet (after step 4 of the walk): the desk reminds of it.

A refused document is no document: all that is known of it are the cells of its rows, which are sealed. So when a workbook
is filed the order of each refused one is written at its first row. It is dealt with once a document of the kind about that
order is filed, whichever door it comes in by. What is left after two weeks will not be filed any more.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from accounts.access import Actor
from declarations.doors import staging
from declarations.fields import Described
from declarations.kinds import kind as kind_of
from declarations.models import Upload, UploadRow
from portal.bulk import update_many

#: How long the desk reminds of what was not taken; the rows themselves are kept longer.
REMINDED = timedelta(days=14)
_AT_A_TIME = 500
# One probe of an index for each order of two weeks' refused rows: asked with EXISTS, the planner reads the enterprise's
# documents of all years instead, once for each workbook.
_LEFT = """
SELECT u.id, u.filename, u.filed_at, u.refused - settled.documents AS documents
  FROM declarations_upload u
 CROSS JOIN LATERAL (
    SELECT count(*) AS documents
      FROM declarations_uploadrow r
     CROSS JOIN LATERAL (
        SELECT FROM declarations_document d
         WHERE d.enterprise_id = u.enterprise_id AND d.kind = u.kind AND d.order_no = r.order_no
           AND d.filed_at > u.filed_at
         LIMIT 1) AS filed
     WHERE r.upload_id = u.id AND r.order_no <> '') AS settled
 WHERE u.enterprise_id = %s AND u.state = 'filed' AND u.refused > 0 AND u.filed_at > %s
   AND u.refused > settled.documents
 ORDER BY u.id
"""


class Left(NamedTuple):
    """A filed workbook of which so many documents were not taken and are not filed yet."""

    upload_id: int
    filename: str
    filed_at: datetime
    documents: int


def left_of(actor: Actor) -> list[Left]:
    """The enterprise's workbooks of which something is still to be filed, the oldest first; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, [actor.enterprise.pk, timezone.now() - REMINDED])
        return [Left(*row) for row in cursor.fetchall()]


def remember(upload: Upload) -> None:
    """Write at the rows of a workbook just filed which orders its refused documents are about."""
    if upload.refused:
        update_many("declarations_uploadrow", {"id": "bigint", "order_no": "text"}, _orders(upload))


def _orders(upload: Upload) -> Iterator[tuple[int, str]]:
    """The first row of each refused document, with the order it is about where one can be read."""
    kind = kind_of(upload.kind)
    described = kind.field(kind.order_no)
    refused = UploadRow.objects.filter(upload_id=upload.pk, result="refused")
    firsts = refused.order_by("document_index", "row").distinct("document_index").iterator(chunk_size=_AT_A_TIME)
    while some := list(islice(firsts, _AT_A_TIME)):
        for row, cells in zip(some, staging.cells_of(some), strict=True):
            if order_no := _read(described, cells.get("head", {}).get(kind.order_no)):
                yield row.pk, order_no


def _read(described: Described, raw: object) -> str:
    try:
        return str(described.read(raw, []) or "")
    except ValidationError:
        return ""
