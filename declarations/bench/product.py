"""The product's way: a stored upload goes through the tasks of the schedule, in the workers of their lines."""

import time
from dataclasses import dataclass
from typing import Any

from django.db import connection

from declarations.bench.ground import Ground, clear
from declarations.bench.processes import Asked
from declarations.bench.sheet import KIND
from declarations.doors import uploads
from declarations.kinds import kind
from declarations.models import OutboundBytes, OutboundDocument, Upload, UploadState

WORKER = "declarations.bench.worker"
LOOK_SECONDS = 0.005
#: The messages whose bytes are not committed yet.
UNSIGNED = "SELECT count(*) FROM declarations_outbound WHERE state = 'pending'"


class Stopped(Exception):
    """The upload did not come to its end; the text says where."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run, in seconds: reading and checking, filing, until the last bytes are committed; and until all are sent.

    ``memory`` and ``child_memory`` in MB: of the worker that imports and of the process that reads the sheet.
    """

    check: float
    file: float
    sign: float
    send: float
    signed: int
    messages: int
    memory: float
    child_memory: float

    @property
    def whole(self) -> float:
        """From the stored upload to signed bytes committed."""
        return self.check + self.file + self.sign


def run(ground: Ground, content: bytes, *, per_message: int, gateway: str) -> Cost:
    """One workbook from its stored upload to the gateway; the clerk's decision between costs next to nothing."""
    clear()
    upload = uploads.receive(actor=ground.actor, kind=kind(KIND), filename="bench.xlsx", content=content)
    environment = {"PORTAL_DOCUMENTS_PER_MESSAGE": str(per_message), "GATEWAY_URL": gateway}
    with Asked(WORKER, environment=environment) as importing, Asked(WORKER, environment=environment) as sending:
        check = importing.ask("import_uploads")
        _expect(upload, UploadState.CHECKED)
        began = time.perf_counter()
        if not uploads.decide(actor=ground.actor, upload=upload, all_or_nothing=True):
            raise Stopped("the workbook is not free of errors")
        decision = time.perf_counter() - began
        file = importing.ask("import_uploads")
        _expect(upload, UploadState.FILED)
        began = time.perf_counter()
        sending.tell("drain_outbox")
        while _unsigned():
            time.sleep(LOOK_SECONDS)
        sign = time.perf_counter() - began
        sending.answer()
        send = time.perf_counter() - began - sign
    return Cost(
        check["wall"],
        decision + file["wall"],
        sign,
        send,
        OutboundDocument.objects.filter(outbound_id__in=OutboundBytes.objects.values("outbound_id")).count(),
        OutboundBytes.objects.count(),
        file["memory"],
        file["child_memory"],
    )


def _unsigned() -> Any:
    with connection.cursor() as cursor:
        cursor.execute(UNSIGNED)
        return cursor.fetchone()[0]


def _expect(upload: Upload, state: str) -> None:
    upload.refresh_from_db()
    if upload.state != state:
        raise Stopped(f"the upload is {upload.state}, not {state}: {upload.reason} {upload.found}")
