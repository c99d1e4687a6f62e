"""Which licence each type of enterprise needs to file, and why it may not file without one that is valid today."""

from collections.abc import Collection, Mapping
from datetime import date

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.models import Enterprise, Licence, Qualification
from accounts.roles import EnterpriseType
from portal.sentences import keep

#: Type → the licences of which one must be valid. The types that are not here need none.
NEEDED: Mapping[str, tuple[Licence, ...]] = {
    EnterpriseType.DIRECT_LOGISTICS: (Licence.INTERNATIONAL_EXPRESS,),
    EnterpriseType.BONDED_LOGISTICS: (Licence.EXPRESS,),
    EnterpriseType.PAYMENT: (Licence.FINANCE, Licence.PAYMENT),
}
#: What to do in each case.
CURE = _("请由企业管理员在“企业类型登记”中提交有效的许可证，审核通过后即可申报")

_MISSING = gettext_noop("%(type)s尚未登记《%(licence)s》，不能申报")
_EXPIRED = gettext_noop("《%(licence)s》（%(number)s）有效期至 %(day)s，已到期，%(type)s不能申报")
_VOIDED = gettext_noop("《%(licence)s》（%(number)s）已作废：%(reason)s。%(type)s不能申报")
_NOT_YET = gettext_noop("《%(licence)s》（%(number)s）自 %(day)s 起有效，%(type)s在此之前不能申报")
_EITHER: str | Promise = _("金融许可证》或《支付业务许可证")


def closed_types(enterprise: Enterprise, day: date | None = None) -> dict[str, str]:
    """The types for which no licence is valid on that day (today), each with the reason as ``portal.sentences`` keeps it.

    Asks the database once in the life of ``enterprise``, and not at all where no type needs a licence.
    """
    wanting = [one for one in EnterpriseType if one in enterprise.types and one in NEEDED]
    if not wanting:
        return {}
    day, held = day or timezone.localdate(), enterprise.licences_in_force
    return {one.value: why for one in wanting if (why := _why_closed(one, held, day))}


def closed_for(enterprise: Enterprise, types: Collection[str], day: date | None = None) -> str:
    """Why the enterprise may not file what these types file; empty while one of its types may, or none ever could."""
    own = [one.value for one in EnterpriseType if one in types and one in enterprise.types]
    closed = closed_types(enterprise, day) if own else {}
    return closed[own[0]] if own and closed.keys() >= set(own) else ""


def _why_closed(of_type: EnterpriseType, held: Collection[Qualification], day: date) -> str:
    wanted = NEEDED[of_type]
    found = [one for one in held if one.licence in wanted]
    if any(one.is_valid_on(day) for one in found):
        return ""
    if not found:
        return keep(_MISSING, type=of_type.label, licence=_EITHER if len(wanted) > 1 else wanted[0].label)
    one = max(found, key=lambda each: each.valid_to or date.max)
    said = {"licence": Licence(one.licence).label, "number": one.number, "type": of_type.label}
    if one.ended:
        return keep(_VOIDED, **said, reason=one.end_reason)
    if one.valid_to and one.valid_to < day:
        return keep(_EXPIRED, **said, day=one.valid_to.isoformat())
    return keep(_NOT_YET, **said, day=one.valid_from.isoformat() if one.valid_from else "")
