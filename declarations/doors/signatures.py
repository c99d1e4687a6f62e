"""Who stands behind the signature of a message: the certificate, the consent, and the people who filed what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import SigningConsent, User
from declarations.models import Outbound, OutboundDocument, StateChange


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature, traced."""

    serial: str
    signed_at: datetime
    consent: SigningConsent | None
    filed_by: Sequence[User]


def signature_of(outbound_id: int) -> Signature | None:
    """The signature of a message; None while it has none."""
    message = Outbound.objects.filter(pk=outbound_id).exclude(signed_at=None).first()
    if message is None or message.signed_at is None:
        return None
    consent = SigningConsent.objects.select_related("given_by").filter(pk=message.consent_id or 0).first()
    return Signature(message.certificate_serial, message.signed_at, consent, _filed_by(message))


def _filed_by(message: Outbound) -> list[User]:
    """Who filed each document of the message last before it was signed; each person once."""
    enclosed = OutboundDocument.objects.filter(outbound_id=message.pk).values("document_id")
    by_people = StateChange.objects.filter(document__in=enclosed, recorded_at__lte=message.signed_at)
    last = by_people.exclude(user=None).order_by("document_id", "-id").distinct("document_id").values("user_id")
    return list(User.objects.filter(pk__in=[one["user_id"] for one in last]).order_by("pk"))
