"""What no code could do without, and single steps of the product beside it; measured on the rows of the run before.

All figures are seconds for the whole workbook. Everything runs in one process, one step after the other.
"""

import gc
import io
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import openpyxl
import python_calamine
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection, transaction
from django.utils import timezone

from declarations import filing, shape
from declarations.bench.ground import Ground
from declarations.bench.plain import ORDER, form_class
from declarations.doors import excel
from declarations.exchange import envelope, outbox, signing
from declarations.models import Document, OutboundBytes
from declarations.rules import Facts, Party, check_sense
from portal.bulk import write_rows
from portal.workbook import open_sheet

BODIES = ("declarations_order", "declarations_orderline")
#: What a run writes: table and which of its rows are there once the bytes are signed.
WRITTEN = (
    ("declarations_uploadrow", "true"),
    ("declarations_document", "true"),
    ("declarations_statechange", "state = 'queued'"),
    *((table, "true") for table in BODIES),
    ("declarations_outbound", "true"),
    ("declarations_outbounddocument", "true"),
    ("declarations_outboundbytes", "true"),
)
FORM_ROWS = 600
SIGNATURES = 200


@dataclass(frozen=True, slots=True)
class Floors:
    """Seconds for the whole workbook, unless said otherwise."""

    read: float
    read_ours: float
    read_openpyxl: float
    check: float
    copy: float
    copy_bodies: float
    store_ours: float
    seal: float
    #: seconds for one signature, bare and with everything around it
    rsa: float
    sign_ours: float
    #: seconds for one row of the sheet: a Django form; every cell and every rule; and with all that belongs to a check,
    #: the facts of the database, names filled in and the fingerprint by which a repetition is known
    row_form: float
    row_ours: float
    row_whole: float


def measure(ground: Ground, content: bytes, *, repeat: int) -> Floors:
    """After a run with a hundred documents per message, whose rows are in the tables; they are gone afterwards."""
    again, computing = _Clock(repeat), _Clock(repeat, time.process_time)
    entries = excel.read_rows(ORDER, open_sheet(content)).entries
    row_count = sum(len(entry.rows) for entry in entries)
    enterprise = ground.actor.enterprise
    filer = shape.Filer(enterprise.customs_code, enterprise.name, frozenset(enterprise.types))
    filled = [shape.fill(ORDER, entry, filer, now=timezone.now(), names={}) for entry in entries]
    ids = list(Document.objects.order_by("id").values_list("id", flat=True))
    documents = envelope.load(ORDER, ids)
    messages = [outbox.signed_bytes(one) for one in OutboundBytes.objects.values_list("outbound_id", flat=True)]
    unsigned = envelope.build(ORDER, envelope.sender_of(enterprise), envelope.new_guid(), documents[:1])
    rows = {table: _rows_of(table, which) for table, which in WRITTEN}
    facts = _facts(ground)
    forms = _form_rows(entries)
    store_ours, copy_bodies = again(
        lambda: _store(ids, documents, enterprise.pk),
        lambda: _copy({table: rows[table] for table in BODIES}),
        before=lambda: _empty(BODIES),
    )
    (copy,) = again(lambda: _copy(rows), before=lambda: _empty([table for table, _which in WRITTEN]))
    read, read_ours, read_openpyxl = again(
        lambda: _read_bare(content),
        lambda: excel.read_rows(ORDER, open_sheet(content)),
        lambda: _read_openpyxl(content),
    )
    _empty([table for table, _which in WRITTEN])
    check, asked, whole, form = computing(
        lambda: [shape.read(ORDER, entry) for entry in filled],
        lambda: [check_sense(ORDER, entry, shape.read(ORDER, entry)[0], facts) for entry in filled],
        lambda: filing.check_documents(actor=ground.actor, kind=ORDER, entries=entries),
        lambda: [_valid(one) for one in forms],
    )
    (seal,) = computing(lambda: _seal(messages, documents))
    rsa, sign_ours = computing(
        lambda: _rsa(ground.key), lambda: [signing.sign(unsigned, ground.key) for _ in range(SIGNATURES)]
    )
    return Floors(
        read=read,
        read_ours=read_ours,
        read_openpyxl=read_openpyxl,
        check=check,
        copy=copy,
        copy_bodies=copy_bodies,
        store_ours=store_ours,
        seal=seal,
        rsa=rsa / SIGNATURES,
        sign_ours=sign_ours / SIGNATURES,
        row_form=form / len(forms),
        row_ours=asked / row_count,
        row_whole=whole / row_count,
    )


class _Clock:
    """Runs things in turn, several times, and gives the median of each; no garbage is looked for meanwhile.

    ``tells``: the clock on the wall, or that of the processor for what only computes, which is the same on a machine
    that does nothing else.
    """

    def __init__(self, repeat: int, tells: Callable[[], float] = time.perf_counter) -> None:
        self.repeat, self.tells = repeat, tells

    def __call__(self, *works: Callable[[], object], before: Callable[[], object] | None = None) -> list[float]:
        times: list[list[float]] = [[] for _work in works]
        for _turn in range(self.repeat):
            for work, own in zip(works, times, strict=True):
                if before:
                    before()
                gc.collect()
                gc.disable()
                began = self.tells()
                result = work()
                own.append(self.tells() - began)
                gc.enable()
                del result
        return [median(own) for own in times]


def _read_bare(content: bytes) -> Any:
    return list(python_calamine.load_workbook(io.BytesIO(content)).get_sheet_by_index(0).iter_rows())


def _read_openpyxl(content: bytes) -> Any:
    sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
    return list(sheet.iter_rows(values_only=True))


def _facts(ground: Ground) -> Facts:
    enterprise, everybody = ground.actor.enterprise, ground.cast.enterprises.values()
    return Facts(
        now=timezone.now(),
        codes=frozenset({enterprise.customs_code, enterprise.credit_code}),
        credit_code=enterprise.credit_code,
        types=frozenset(enterprise.types),
        directory={one.customs_code: Party(one.name, one.credit_code) for one in everybody},
    )


def _form_rows(entries: Sequence[shape.Entry]) -> list[dict[str, Any]]:
    rows = [
        entry.head | {f"line_{name}": value for name, value in line.items()}
        for entry in entries
        for line in entry.lines
    ]
    return rows[:FORM_ROWS]


def _valid(row: dict[str, Any]) -> bool:
    form = form_class(tuple(row))(row)
    if not form.is_valid():
        raise AssertionError(form.errors.as_text())
    return True


def _store(ids: Sequence[int], documents: Sequence[shape.Clean], enterprise_id: int) -> None:
    pairs = list(zip(ids, documents, strict=True))
    heads = (shape.head_row(ORDER, clean, document_id, enterprise_id) for document_id, clean in pairs)
    lines = (row for document_id, clean in pairs for row in shape.line_rows(ORDER, clean, document_id, enterprise_id))
    with transaction.atomic():
        write_rows(BODIES[0], shape.head_columns(ORDER), heads)
        write_rows(BODIES[1], shape.line_columns(ORDER), lines)


def _copy(rows: Mapping[str, bytes]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table, data in rows.items():
            with cursor.cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                copy.write(data)


def _seal(messages: Sequence[bytes], documents: Sequence[shape.Clean]) -> None:
    cipher, nonce = AESGCM(os.urandom(32)), os.urandom(12)
    for message in messages:
        cipher.encrypt(nonce, zlib.compress(message, 1), None)
    personal = [place for place, one in enumerate(ORDER.fields) if one.personal]
    for document in documents:
        for place in personal:
            cipher.encrypt(nonce, document.head[place].encode(), None)


def _rsa(key: signing.SigningKey) -> None:
    text = os.urandom(600)
    for _signature in range(SIGNATURES):
        key.private_key.sign(text, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303


def _rows_of(table: str, which: str) -> bytes:
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy(
            f"COPY (SELECT * FROM {table} WHERE {which}) TO STDOUT (FORMAT binary)"  # noqa: S608 (names of ours)
        ) as copy,
    ):
        return b"".join(copy)


def _empty(tables: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        cursor.execute("CHECKPOINT")
