"""The three sweeps of the schedule, run as the schedule runs them, from a workbook to customs' answer."""

from declarations import tasks
from declarations.doors import uploads
from declarations.doors.template import workbook_of
from declarations.exchange import inbox
from declarations.kinds import kind
from declarations.models import Document, Upload
from tests import make
from tests.exchange import answers
from tests.exchange.desk import history


def test_it_walks_from_a_workbook_to_customs_answer(signers, peer):
    actor = signers.actor("platform_filer")
    content = workbook_of(kind("order"), [make.order(n) for n in (1, 2)])
    upload = uploads.receive(actor=actor, kind=kind("order"), filename="x.xlsx", content=content)
    tasks.import_uploads()
    assert uploads.decide(actor=actor, upload=Upload.objects.get(), all_or_nothing=True)
    tasks.import_uploads()
    tasks.drain_outbox()
    (letter,) = peer.letters
    assert letter.sender == signers.enterprises["platform"].dxp_id
    first, second = Document.objects.filter(upload_id=upload.id).order_by("id").values_list("id", flat=True)
    for document_id, code in ((second, "100"), (first, "120"), (first, "2")):
        inbox.store(answers.to_filer(document_id, code, int(code)))
    tasks.drain_inbox()
    assert history(first) == [("queued", ""), ("sent", ""), ("stored", "120")]
    assert history(second) == [("queued", ""), ("sent", ""), ("rejected", "100")]


def test_it_does_nothing_when_there_is_nothing_to_do(db, peer):
    tasks.import_uploads()
    tasks.drain_outbox()
    tasks.drain_inbox()
    assert peer.bodies == []
