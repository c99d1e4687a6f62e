"""The usual Django way to do the same job, as its libraries' manuals show it: what the product is measured beside.

openpyxl reads the sheet; django-import-export validates every row by its model's ``full_clean`` and saves it, once as the
preview and once for good, as its admin pages do; lxml's E-factory builds one message per order; signxml signs it with the
key object kept; one Celery task per message is published to Redis. Nothing is encrypted, no structure is checked, no
outbox is kept, nothing is sent: it does less than the product.

The flat model has the columns of the sheet with the validators a developer would declare. It belongs to no app of the
portal: its table exists in the bench's own database only.
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

import openpyxl
from celery import Celery
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.db import connection, models
from import_export.resources import ModelResource
from lxml import etree
from lxml.builder import ElementMaker
from signxml import XMLSigner, methods
from tablib import Dataset

from declarations.bench.plain import ITEM, ORDER, columns, name_of, plain_field
from declarations.doors.template import columns_of
from declarations.published import CEB
from portal import services

QUEUE = "bench"


def send(message: str) -> int:
    """What the task would do; it is published and not worked off, so this is never called."""
    return len(message)


@cache
def flat_model(names: tuple[str, ...]) -> type[models.Model]:
    """One row of the sheet as one row of a table, the order number and the item's number unique together."""
    by_name = {name_of(column): column for column in columns_of(ORDER, clerk_only=False)}
    options = {
        "app_label": "bench",
        "constraints": [models.UniqueConstraint(fields=["order_no", ITEM], name="bench_row_once")],
    }
    body: dict[str, Any] = {"__module__": __name__, "Meta": type("Meta", (), options)}
    body |= {name: plain_field(by_name[name]) for name in names}
    return type("FlatRow", (models.Model,), body)


@cache
def resource_of(model: type[models.Model]) -> type[ModelResource]:
    """django-import-export's own description of the import, validation switched on."""
    meta = {
        "model": model,
        "import_id_fields": ("order_no", ITEM),
        "exclude": ("id",),
        "clean_model_instances": True,
    }
    return type("FlatResource", (ModelResource,), {"Meta": type("Meta", (), meta)})


class Usual:
    """The whole job on one workbook; seconds of each step are kept in ``steps``."""

    def __init__(self, content: bytes, key: RSAPrivateKey, certificate: x509.Certificate) -> None:
        self.content, self.key, self.certificate = content, key, certificate
        self.steps: dict[str, float] = {}
        self.signed = 0
        rows = _rows_of(content)
        self.columns = columns([str(cell) for cell in next(rows)])
        self.names = [name_of(one) for one in self.columns]
        self.model = flat_model(tuple(self.names))
        self.head = [one for one in zip(self.columns, self.names, strict=True) if not one[0].line]
        self.line = [one for one in zip(self.columns, self.names, strict=True) if one[0].line]
        self.signer = XMLSigner(
            method=methods.enveloped,
            signature_algorithm="rsa-sha256",
            digest_algorithm="sha256",
            c14n_algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        )
        self.app = Celery("bench", broker=services.broker_url())
        self.app.conf.task_default_queue = QUEUE
        self.send = self.app.task(name="bench.send", ignore_result=True)(send)

    def run(self) -> float:
        """All steps in order; seconds on the clock."""
        began = time.perf_counter()
        with self._step("read"):
            rows = _rows_of(self.content)
            next(rows)
            dataset = Dataset(*rows, headers=self.names)
        with self._step("import"):
            resource = resource_of(self.model)
            for preview in (True, False):
                result = resource().import_data(dataset, dry_run=preview, raise_errors=True)
                if result.has_validation_errors():
                    raise AssertionError(result.invalid_rows[0].error)
        with self._step("build and sign"):
            messages = [etree.tostring(self._signed(lines)) for lines in self._orders()]
        with self._step("publish"):
            for message in messages:
                self.send.delay(message.decode())
        self.signed = len(messages)
        return time.perf_counter() - began

    @contextmanager
    def table(self) -> Iterator[None]:
        """The flat table while the block runs; what was published is thrown away with it."""
        with connection.schema_editor() as editor:
            editor.create_model(self.model)
        try:
            yield
        finally:
            with connection.schema_editor() as editor:
                editor.delete_model(self.model)
            with self.app.connection_for_write() as broker:
                broker.default_channel.queue_purge(QUEUE)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.steps[name] = time.perf_counter() - began

    def _orders(self) -> Iterator[list[Any]]:
        rows = self.model._default_manager.order_by("order_no", ITEM)
        for _number, lines in groupby(rows, key=attrgetter("order_no")):
            yield list(lines)

    def _signed(self, lines: list[Any]) -> etree._Element:
        e = ElementMaker(namespace=CEB, nsmap={"ceb": CEB})
        first = lines[0]
        head = [e(column.field.tag, str(getattr(first, name))) for column, name in self.head]
        items = [
            e.OrderList(*[e(column.field.tag, str(getattr(line, name))) for column, name in self.line])
            for line in lines
        ]
        transfer = e.BaseTransfer(e.copCode(first.ebc_code), e.copName(first.ebc_name), e.dxpMode("DXP"))
        root = e.CEB311Message(e.Order(e.OrderHead(*head), *items), transfer, guid=first.order_no, version="1.0")
        return self.signer.sign(root, key=self.key, cert=[self.certificate])


def _rows_of(content: bytes) -> Iterator[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
    return ([("" if cell is None else cell) for cell in row] for row in sheet.iter_rows(values_only=True))
