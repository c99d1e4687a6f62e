"""Whoever reads the tables without the keys reads no person: not in bodies, messages, drafts, uploads or problems."""

from collections.abc import Iterator

import pytest
from django.db import connection

from declarations.doors import uploads
from declarations.doors.template import workbook_of
from declarations.exchange import inbox
from declarations.filing import save_draft
from declarations.kinds import kind
from declarations.models import Document
from tests import make
from tests.exchange import answers
from tests.exchange.desk import filed, forward_all, listed, read_all

CANARY = make.person(77)
#: The number with a wrong check character: found by a rule, kept with the row, never repeated in the problem.
WRONG = CANARY.number[:-1] + ("0" if CANARY.number[-1] != "0" else "1")
WORDS = (*CANARY, WRONG, "金丝雀街")


def everything() -> Iterator[tuple[str, bytes]]:
    """Every row of every table as bytes, texts as UTF-8 and binary values as they are."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                cells = [bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in row]
                yield table, b"\x00".join(cells)


@pytest.mark.django_db
def test_it_keeps_no_person_readable_in_any_table(signers, peer):
    (document_id, *_others) = listed(signers, 77)
    filed(signers, "order", 78, consignee_address="上海市金丝雀街1号")
    save_draft(actor=signers.actor("platform_filer"), kind=kind("order"), entry=make.order(77, buyer_id_number=WRONG))
    content = workbook_of(
        kind("order"), [make.order(77, buyer_id_number=WRONG), make.order(79, buyer_name=CANARY.name)]
    )
    uploads.receive(actor=signers.actor("platform_filer"), kind=kind("order"), filename="x.xlsx", content=content)
    while uploads.work_next():
        pass
    Document.objects.filter(state="queued").update(attempt=1)
    assert forward_all()
    assert any(CANARY.name.encode() in letter.data for letter in peer.letters)  # what leaves is in the clear
    inbox.store(answers.to_filer(document_id, "120", 1))
    read_all()
    rows = list(everything())
    tables = {table for table, _row in rows}
    assert {
        "declarations_order",
        "declarations_outboundbytes",
        "declarations_uploadrow",
        "declarations_draft",
    } <= tables
    readable = {(table, word) for table, row in rows for word in WORDS if word.encode() in row}
    assert readable == set()


@pytest.mark.django_db
def test_it_opens_for_whoever_has_the_keys(cast):
    (document_id,) = filed(cast, "order", 77)
    body = Document.objects.get(id=document_id).order
    assert (body.buyer_name, body.buyer_id_number) == (CANARY.name, CANARY.number)
    assert type(body).objects.filter(buyer_id_number=CANARY.number).count() == 1
