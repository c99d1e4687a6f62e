"""Which documents an actor may see. Every view goes through here; row-level security stands behind it."""

from django.db.models import QuerySet

from accounts.access import Actor
from declarations.kinds.kind import Kind
from declarations.models import Document, Draft, Upload


def documents_of(actor: Actor, kind: Kind) -> QuerySet[Document]:
    """The documents of that kind which the actor's enterprise filed."""
    return Document.objects.filter(enterprise=actor.enterprise, kind=kind.slug)


def drafts_of(actor: Actor, kind: Kind) -> QuerySet[Draft]:
    """The unfinished forms of the actor's enterprise; colleagues may finish each other's."""
    return Draft.objects.filter(enterprise=actor.enterprise, kind=kind.slug)


def uploads_of(actor: Actor) -> QuerySet[Upload]:
    """The workbooks the actor's enterprise sent in."""
    return Upload.objects.filter(enterprise=actor.enterprise)
