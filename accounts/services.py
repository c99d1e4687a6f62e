"""What an enterprise is activated for (服务开通), asked wherever it files: as what, in which mode, in which district.

Beside ``licences.py``: a type of the enterprise files while its licence is valid and it has an active service.
"""

from collections.abc import Collection
from datetime import date
from functools import reduce

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.licences import closed_types
from accounts.models import Enterprise
from accounts.roles import EnterpriseType
from portal.sentences import Kept, keep

#: What to do where there is none.
CURE = _("请由企业管理员在“服务开通”中申请，审核通过后即可申报")

_UNSERVED = gettext_noop("没有在用的%(types)s服务，不能申报")
_EITHER = gettext_noop("%(one)s或%(other)s")


def unserved_for(enterprise: Enterprise, types: Collection[str], day: date | None = None) -> str:
    """Why the enterprise may not file what these types file, for want of a service, as ``portal.sentences`` keeps it.

    Empty where one of its types has a service, where none could ever file it, and where licences are in the way already.
    """
    closed = closed_types(enterprise, day)
    own = [one for one in EnterpriseType if one in types and one in enterprise.types and one not in closed]
    if not own or any(one.enterprise_type in own for one in enterprise.services_in_force):
        return ""
    # From the lazy label of each, kept as its message id, so that the reader's language is that of the page.
    return keep(_UNSERVED, types=reduce(_or, [keep(one.label) for one in own]))


def services_of(enterprise: Enterprise) -> frozenset[tuple[str, str, str]]:
    """What it is activated for now: (type, mode, district)."""
    return frozenset((one.enterprise_type, one.mode, one.district) for one in enterprise.services_in_force)


def _or(one: Kept, other: Kept) -> Kept:
    return keep(_EITHER, one=one, other=other)
