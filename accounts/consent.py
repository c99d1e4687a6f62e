"""Cloud signing (云加签): one consent per enterprise, given and revoked by its administrator, to a text with a version.

Without one in force the signing service does not sign (``credentials.credential_to_sign_with``); what it signed names the
consent it was signed under.
"""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.access import Actor
from accounts.actions import Action
from accounts.audit import record
from accounts.credentials import DEMO_CONSENT
from accounts.models import SigningConsent
from accounts.notices import notify_members
from accounts.roles import MemberRole
from portal.sentences import keep

#: What is agreed to now; a text once agreed to is never reworded, a new one gets a new version.
PRESENT_TEXT = "2026-1"
TEXTS: dict[str, Sequence[Any]] = {
    "2026-1": (
        _("本企业同意由本平台的加签服务保管本企业的加签密钥，并用它对本企业申报的报文加签（云加签）。"),
        _("加签只用于本企业成员经本平台申报的单证；每次加签都记录报文、证书、申报人、时间和所依据的本同意。"),
        _("密钥加密保存在数据库之外，只有加签服务使用；平台不向任何人提供密钥。"),
        _("经云加签发出的报文视为本企业签署，本企业对申报内容负责。"),
        _("企业管理员可以随时撤销。撤销后平台不再加签，等待加签的报文留在本平台；此前已加签的报文仍会发出。"),
    ),
    DEMO_CONSENT: (_("演示用的虚构企业，由演示程序代为同意，没有同意人。"),),
}


def consent_of(actor: Actor) -> SigningConsent | None:
    """The consent in force of the actor's enterprise."""
    kept = SigningConsent.objects.select_related("given_by")
    return kept.filter(enterprise=actor.enterprise, revoked_at=None).first()


def earlier_consents_of(actor: Actor) -> list[SigningConsent]:
    """Those revoked, the last one first."""
    kept = SigningConsent.objects.select_related("given_by", "revoked_by")
    return list(kept.filter(enterprise=actor.enterprise).exclude(revoked_at=None))


@transaction.atomic
def give(actor: Actor, version: str) -> bool:
    """Agree to the text of this version. False when one stands already, or when the text read is no longer the present."""
    if version != PRESENT_TEXT:
        return False
    try:
        with transaction.atomic():
            consent = SigningConsent.objects.create(
                enterprise=actor.enterprise, given_by=actor.user, text_version=version
            )
    except IntegrityError:  # one stands already
        return False
    record(actor, Action.CONSENT_GIVEN, f"signing_consent {consent.pk}", text=version)
    _tell(actor, gettext_noop("本企业已同意云加签，等待加签的报文自动发送"))
    return True


@transaction.atomic
def revoke(actor: Actor) -> bool:
    """Take it back, at once: the next message is not signed any more. False when there is none."""
    consent = consent_of(actor)
    standing = SigningConsent.objects.filter(enterprise=actor.enterprise, revoked_at=None)
    if consent is None or not standing.update(revoked_by=actor.user, revoked_at=Now()):
        return False
    record(actor, Action.CONSENT_REVOKED, f"signing_consent {consent.pk}", text=consent.text_version)
    _tell(actor, gettext_noop("本企业已撤销云加签同意，此后的报文不再加签，等在本平台"))
    return True


def _tell(actor: Actor, text: str) -> None:
    """The other administrators: whether messages leave hangs on it."""
    notify_members(actor.enterprise, keep(text), roles=[MemberRole.ADMINISTRATOR], address=reverse("signing_consent"))
