"""The interfaces an enterprise has to prove in the test environment before it goes live by its own system.

From the implementation guide of the Shanghai platform, answer 9, and what every role has a page for beside. Which of them
an enterprise needs follows from its active services alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Application, Enterprise, InterfaceProof, Service, User
from accounts.onboarding.services import active
from accounts.roles import EnterpriseType

_LIST_FILERS = frozenset({EnterpriseType.DIRECT_LOGISTICS, EnterpriseType.WAREHOUSE})


@dataclass(frozen=True)
class Interface:
    """One interface, and which types prove it."""

    #: That of the kind of document it carries, where there is one.
    name: str
    label: Any
    #: What has to come back for it to be proved.
    answer: Any
    types: frozenset[EnterpriseType]
    #: Named by the guide; the others are asked of whoever has the page.
    in_guide: bool = True
    #: Also of a merchant that files its own lists.
    of_lists: bool = False


_FILED = _("平台同步回执为成功，并收到海关入库回执")

INTERFACES: tuple[Interface, ...] = (
    Interface("order", _("订单申报"), _FILED, frozenset({EnterpriseType.PLATFORM, EnterpriseType.MERCHANT})),
    Interface("payment", _("支付单申报"), _FILED, frozenset({EnterpriseType.PAYMENT})),
    Interface(
        "waybill",
        _("运单申报"),
        _FILED,
        frozenset({EnterpriseType.DIRECT_LOGISTICS, EnterpriseType.BONDED_LOGISTICS}),
    ),
    Interface("inventory", _("清单申报"), _("收到海关审结或放行回执"), _LIST_FILERS, of_lists=True),
    Interface("inbound_note", _("入库明细单申报"), _FILED, frozenset({EnterpriseType.VENUE})),
    Interface(
        "waybill_prep", _("运单准备"), _("物流企业能查到这份运单准备"), frozenset({EnterpriseType.WAREHOUSE}), False
    ),
    Interface("cancellation", _("撤销申请"), _("收到撤销申请的回执"), _LIST_FILERS, False, of_lists=True),
    Interface("goods_return", _("退货申请"), _("收到退货申请的回执"), _LIST_FILERS, False, of_lists=True),
    Interface("status_query", _("状态查询"), _("查到自己申报的单证及其最新回执"), frozenset(EnterpriseType), False),
)
_BY_NAME = {one.name: one for one in INTERFACES}


def interface_named(name: str) -> Interface:
    """The interface of that name. Raises KeyError."""
    return _BY_NAME[name]


def needed_by(enterprise: Enterprise) -> list[Interface]:
    """What the enterprise has to prove, by what it is activated for now."""
    return needed_for(enterprise, active(enterprise))


def needed_for(enterprise: Enterprise, services: Iterable[Service]) -> list[Interface]:
    """What whoever has these services has to prove, in the order of the table."""
    services = list(services)
    types = {one.enterprise_type for one in services if one.enterprise_type in enterprise.types}
    files_own_lists = any(
        one.enterprise_type == EnterpriseType.MERCHANT and one.clearance_code == enterprise.customs_code
        for one in services
    )
    return [one for one in INTERFACES if types & one.types or (one.of_lists and files_own_lists)]


def proofs_of(enterprise: Enterprise) -> dict[str, InterfaceProof]:
    """What it has proved, by interface."""
    return {one.interface: one for one in InterfaceProof.objects.filter(enterprise=enterprise)}


def lacking(enterprise: Enterprise) -> list[Interface]:
    """What it has still to prove."""
    proved = proofs_of(enterprise)
    return [one for one in needed_by(enterprise) if one.name not in proved]


def prove(
    enterprise: Enterprise,
    interface: str,
    *,
    message: str,
    day: date,
    application: Application | None = None,
    by: User | None = None,
) -> bool:
    """From now on the interface is proved: by evidence staff agreed to, or, without any, by a call to the interface itself.

    ``message`` is the number of the test message, ``day`` when it was. False where it was proved before: that stays.
    """
    _proof, is_new = InterfaceProof.objects.get_or_create(
        enterprise=enterprise,
        interface=interface_named(interface).name,
        defaults={"message_number": message, "day": day, "application": application},
    )
    if is_new:
        details = {"application": application.pk} if application else {}
        record(Bystander(user=by, enterprise=enterprise), Action.INTERFACE_PROVED, interface, **details)
    return is_new
