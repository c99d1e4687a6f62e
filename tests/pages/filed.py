"""Documents brought in through the one door, for pages to show."""

from django.utils import timezone

from accounts.access import Actor, actor_of
from accounts.cast import Cast
from declarations import filing
from declarations.doors import uploads
from declarations.doors.template import workbook_of
from declarations.kinds import kind
from declarations.lifecycle import Move, State, move_many
from declarations.models import Document, Source, Upload
from declarations.shape import Entry
from tests import make

#: Who files each kind in these tests.
FILERS = {
    "order": "merchant_filer",
    "payment": "payment_filer",
    "waybill": "bonded_logistics_filer",
    "inventory": "warehouse_filer",
}
OWNERS = {"order": "merchant", "payment": "payment", "waybill": "bonded_logistics", "inventory": "warehouse"}


def actor(cast: Cast, slug: str) -> Actor:
    """Who files this kind, as an actor."""
    return actor_of(cast.users[FILERS[slug]].pk, cast.enterprises[OWNERS[slug]].pk)


def file(cast: Cast, slug: str, *numbers: int) -> list[Document]:
    """The n-th documents of a kind, filed; what must be there before them is filed and accepted first."""
    for before in kind(slug).after:
        accept(file(cast, before, *numbers))
    entries = [make.entry(slug, number) for number in numbers]
    outcome = filing.file_documents(actor=actor(cast, slug), kind=kind(slug), entries=entries, source=Source.FORM)
    own = Document.objects.filter(enterprise=cast.enterprises[OWNERS[slug]], kind=slug)
    assert not outcome.refused, [problem.text for found in outcome.problems.values() for problem in found]
    return list(own.order_by("id"))[-len(numbers) :]


def accept(documents: list[Document]) -> None:
    """Customs has taken them in."""
    move(documents, State.SENT)
    move(documents, State.DECLARING, code="2")


def reject(documents: list[Document], reason: str = "[Code:1327;Desc:订单购买人与支付单支付人不一致]") -> None:
    """Customs has refused them."""
    move(documents, State.SENT)
    move(documents, State.REJECTED, code="100", reason=reason)


def move(documents: list[Document], state: str, *, code: str = "", reason: str = "") -> None:
    """Into a state, now."""
    now = timezone.now()
    move_many([Move(document.pk, state, now, code=code, reason=reason) for document in documents])


def uploaded(cast: Cast, slug: str, entries: list[Entry]) -> Upload:
    """A workbook of these documents, sent in and checked."""
    content = workbook_of(kind(slug), entries)
    upload = uploads.receive(actor=actor(cast, slug), kind=kind(slug), filename="样例.xlsx", content=content)
    assert uploads.work_next()
    upload.refresh_from_db()
    return upload


def typed(slug: str, entry: Entry) -> dict[str, str]:
    """What a browser posts when somebody types this document into the form."""
    posted = {f"h.{name}": str(value) for name, value in entry.head.items()}
    for number, line in enumerate(entry.lines):
        posted |= {f"l.{number}.{name}": str(value) for name, value in line.items()}
    return {**posted, "lines": str(len(entry.lines))}
