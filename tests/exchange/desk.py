"""Short words of the stories: file, certify, answer, drain. Everything goes through the real functions of the walk."""

from collections.abc import Sequence
from typing import Any

from accounts.cast import Cast
from accounts.credentials import agree_for_demo, make_credential
from accounts.models import Credential, Enterprise
from declarations.exchange import inbox, outbox
from declarations.filing import Outcome, file_documents
from declarations.kinds import kind
from declarations.models import Document, Outbound, OutboundDocument, Source, StateChange
from declarations.shape import Entry
from tests import make

FILERS = {
    "order": "platform_filer",
    "payment": "payment_filer",
    "waybill": "bonded_logistics_filer",
    "inventory": "warehouse_filer",
}
# Keys cost a tenth of a second each: made once, the row is written anew in each test.
_certified: dict[str, dict[str, Any]] = {}
_KEPT = ("environment", "serial", "certificate", "key_handle", "not_before", "not_after")


def certify(enterprise: Enterprise) -> Credential:
    """A certificate in use for that enterprise."""
    kept = _certified.get(enterprise.customs_code)
    if kept is not None:
        agree_for_demo(enterprise)
        return Credential.objects.create(enterprise=enterprise, **kept)
    credential = make_credential(enterprise)
    _certified[enterprise.customs_code] = {name: getattr(credential, name) for name in _KEPT}
    return credential


def bring(cast: Cast, slug: str, entries: Sequence[Entry], *, by: str = "", **options: Any) -> Outcome:
    """File as the usual filer of that kind, or as somebody else."""
    return file_documents(
        actor=cast.actor(by or FILERS[slug]),
        kind=kind(slug),
        entries=entries,
        **{"source": Source.FORM, **options},
    )


def filed(cast: Cast, slug: str, *numbers: int, by: str = "", **cells: Any) -> list[int]:
    """The n-th documents of a kind, filed; their ids in order."""
    outcome = bring(cast, slug, [make.entry(slug, n, **cells) for n in numbers], by=by)
    assert not outcome.refused, [
        (one.rule, one.field, one.text) for found in outcome.problems.values() for one in found
    ]
    return [outcome.filed[place] for place in range(len(numbers))]


def accepted(cast: Cast, slug: str, *numbers: int) -> list[int]:
    """The same, and customs has taken them into its store already."""
    ids = filed(cast, slug, *numbers)
    Document.objects.filter(id__in=ids).update(state="stored")
    return ids


def listed(cast: Cast, *numbers: int) -> list[int]:
    """Declaration lists filed, everything they stand on accepted."""
    for slug in ("order", "payment", "waybill"):
        accepted(cast, slug, *numbers)
    return filed(cast, "inventory", *numbers)


def state(document_id: int) -> tuple[str, str]:
    """State and code of a document now."""
    return Document.objects.values_list("state", "code").get(id=document_id)


def history(document_id: int) -> list[tuple[str, str]]:
    """Every move of a document in order."""
    return list(StateChange.objects.filter(document_id=document_id).order_by("id").values_list("state", "code"))


def carried(message: Outbound) -> list[int]:
    """The documents of a message in their order."""
    return list(
        OutboundDocument.objects.filter(outbound_id=message.id).order_by("id").values_list("document_id", flat=True)
    )


def forward_all() -> list[Outbound]:
    """What a sweep of the outbox does; the messages it took."""
    taken: list[Outbound] = []
    while messages := outbox.claim():
        outbox.forward_all(messages)
        taken += messages
    return taken


def read_all() -> int:
    """What a sweep of the inbox does; how many messages it read."""
    count = 0
    while inbox.process_next():
        count += 1
    return count


def due_again() -> None:
    """Time passes: every wait and every claim is over."""
    long_ago = make.NOW
    Outbound.objects.exclude(claimed_until=None).update(claimed_until=long_ago)
    Outbound.objects.update(not_before=long_ago)
