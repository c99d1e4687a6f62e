"""Personal fields in the database: sealed in the row, text in Python, found by the whole value through a plain index."""

import pytest
from django.core.exceptions import FieldError
from django.db import connection
from django.utils import timezone

from accounts.cast import make_enterprise
from declarations import shape
from declarations.exchange import envelope
from declarations.kinds import KINDS, ORDER, Kind, Order
from declarations.models import Document, Source
from tests import make

pytestmark = pytest.mark.django_db


def keep(which: Kind, n: int = 1) -> tuple[Document, shape.Clean]:
    """A document with its body and lines, as filing writes them."""
    clean = make.clean(which.slug, n)
    now = timezone.now()
    enterprise = make_enterprise(
        {"order": "platform", "payment": "payment", "waybill": "bonded_logistics"}.get(which.slug, "warehouse")
    )
    document = Document.objects.create(
        enterprise=enterprise,
        kind=which.slug,
        number=f"N{n}",
        key=f"K{n}",
        order_no=f"SH{n}",
        state_at=now,
        source=Source.FORM,
        filed_at=now,
        changed_at=now,
        fingerprint=shape.fingerprint(which, clean),
    )
    with connection.cursor() as cursor:
        for model, columns, rows in (
            (which.body, shape.head_columns(which), [shape.head_row(which, clean, document.pk, enterprise.pk)]),
            (which.line, shape.line_columns(which), shape.line_rows(which, clean, document.pk, enterprise.pk)),
        ):
            if model:
                names = ", ".join(f'"{name}"' for name in columns)
                holes = ", ".join(["%s"] * len(columns))
                cursor.executemany(f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({holes})', rows)
    return document, clean


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_loads_what_was_filed_for_the_message(which: Kind) -> None:
    first, clean = keep(which)
    second, other = keep(which, 2)
    loaded = envelope.load(which, [second.pk, first.pk])
    assert loaded == [other, clean]
    sender = envelope.sender_of(first.enterprise)
    guid = envelope.new_guid()
    assert envelope.build(which, sender, guid, loaded) == envelope.build(which, sender, guid, [other, clean])


def test_it_keeps_nothing_readable_in_the_row() -> None:
    document, _ = keep(ORDER)
    who = make.person(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(o)::text FROM declarations_order o WHERE document_id = %s", [document.pk])
        row = cursor.fetchone()[0]
        for text in (who.name, who.number, who.telephone, who.address):
            assert text not in row and text.encode().hex() not in row
    body = Order.objects.get(document=document)
    assert (body.buyer_name, body.buyer_id_number, body.consignee_address) == (who.name, who.number, who.address)


def test_it_finds_a_person_by_the_whole_value_only() -> None:
    document, _ = keep(ORDER)
    keep(ORDER, 2)
    who = make.person(1)
    assert [body.pk for body in Order.objects.filter(buyer_id_number=who.number)] == [document.pk]
    assert [body.pk for body in Order.objects.filter(buyer_name=who.name)] == [document.pk]
    assert not Order.objects.filter(buyer_id_number=who.number[:-1]).exists()
    for lookup in ("contains", "startswith", "in", "gt"):
        with pytest.raises(FieldError):
            Order.objects.filter(**{f"buyer_name__{lookup}": who.name}).exists()


def test_a_plain_index_serves_the_search_for_a_person() -> None:
    """No page searches so yet, so no table carries the index; the day one does, this is all it takes."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX order_by_buyer_number ON declarations_order (enterprise_id, buyer_id_number)")
    document, _ = keep(ORDER)
    found = Order.objects.filter(enterprise=document.enterprise, buyer_id_number=make.person(1).number)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    assert "order_by_buyer_number" in found.explain()


def test_it_saves_a_body_the_plain_way_too() -> None:
    document, _ = keep(ORDER)
    body = Order.objects.get(document=document)
    body.buyer_name = "陆云舟"
    body.save()
    assert Order.objects.get(buyer_name="陆云舟").pk == document.pk
    assert ORDER.field("buyer_name").masked("陆云舟") == "陆**"
