"""作废: what was verified counts no more, as an authority took it back or as it was false; staff say why, and it stays said."""

from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Enterprise, Evidence, Qualification
from accounts.models.preparation import GuaranteeKind, Medium, SigningWay
from accounts.notices import notify_members
from accounts.onboarding.kinds import kind_named
from accounts.roles import MemberRole
from portal.sentences import keep

_LICENCE_VOIDED = gettext_noop(
    "平台已将%(licence)s（%(number)s）作废，需要它的企业类型即时停止申报。原因：%(reason)s。"
    "请在“企业类型登记”提交有效的许可证"
)
_EVIDENCE_VOIDED = gettext_noop("平台已将“%(item)s”的凭证作废。原因：%(reason)s。请重新提交凭证")


@transaction.atomic
def void(one: Qualification | Evidence, *, staff: Bystander, reason: str) -> bool:
    """It counts no more, and the administrators of the enterprise are told why. False if it had ended or given way before."""
    running = type(one)._default_manager.filter(pk=one.pk, replaced=False, ended=None)
    if not running.update(ended=timezone.now(), end_reason=reason):
        return False
    said: dict[str, Any]
    if isinstance(one, Qualification):
        action, page, text = Action.LICENCE_VOIDED, "types", _LICENCE_VOIDED
        said = {"licence": one.get_licence_display(), "number": one.number, "reason": reason}
    else:
        action, page, text = Action.EVIDENCE_VOIDED, one.item, _EVIDENCE_VOIDED
        said = {"item": kind_named(one.item).label, "reason": reason}
        _give_back(one)
    what = one.licence if isinstance(one, Qualification) else one.item
    record(staff, action, f"{one._meta.model_name} {one.pk}", what=what, reason=reason)
    there = reverse("application_of_kind", args=[page])
    notify_members(one.enterprise, keep(text, **said), roles=[MemberRole.ADMINISTRATOR], address=there)
    return True


def _give_back(one: Evidence) -> None:
    """No message is made any more under a number that is not the enterprise's; whoever it belongs to may register it."""
    if one.item == "dxp_import":
        Enterprise.objects.filter(pk=one.enterprise_id, dxp_id=one.number).update(dxp_id="")


def variety_of(one: Evidence) -> str:
    """Its kind of card, signing or guarantee in words."""
    words = {"ic_card": Medium, "signing_certificate": SigningWay, "guarantee": GuaranteeKind}.get(one.item)
    return str(words(one.variety).label) if words and one.variety else ""
