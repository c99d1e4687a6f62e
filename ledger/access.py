"""Which tax bills and movements an actor may see. Every page of the ledger goes through here; row-level security stands
behind it."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Q, QuerySet
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from accounts.access import Actor, MemberRequest
from accounts.models import Enterprise
from accounts.roles import EnterpriseType, MemberRole
from ledger.models import Discrepancy, Guarantee, Hold, TaxBill, Transfer

View = Callable[..., HttpResponseBase]

#: Who files lists or answers for their tax; for the other types there are no such pages.
FINANCE_TYPES = frozenset(
    {
        EnterpriseType.PLATFORM,
        EnterpriseType.MERCHANT,
        EnterpriseType.WAREHOUSE,
        EnterpriseType.DIRECT_LOGISTICS,
    }
)
BILL_ROLES = (MemberRole.ADMINISTRATOR, MemberRole.FILER, MemberRole.FINANCE, MemberRole.VIEWER)
GUARANTEE_ROLES = (MemberRole.ADMINISTRATOR, MemberRole.FINANCE, MemberRole.VIEWER)


def of_finance_type(view: View) -> View:
    """Let only enterprises of a type that has tax bills in."""

    @wraps(view)
    def guarded(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not FINANCE_TYPES & set(request.actor.enterprise.types):
            raise PermissionDenied(_("本企业的类型没有税单和担保金账户"))
        return view(request, *args, **kwargs)

    return guarded


def may_see_bills(actor: Actor) -> bool:
    """Whether the pages of tax bills are there for the actor."""
    return bool(FINANCE_TYPES & set(actor.enterprise.types)) and actor.may(*BILL_ROLES)


def may_see_guarantee(actor: Actor) -> bool:
    """Whether the page of the guarantee account is there for the actor."""
    return bool(FINANCE_TYPES & set(actor.enterprise.types)) and actor.may(*GUARANTEE_ROLES)


def bills_of(actor: Actor) -> QuerySet[TaxBill]:
    """The tax bills on which the enterprise stands: as declarant, as guarantor, as e-commerce enterprise."""
    one = actor.enterprise
    return TaxBill.objects.filter(Q(enterprise=one) | Q(guarantor=one) | Q(merchant=one))


def guaranteed_by(actor: Actor) -> QuerySet[TaxBill]:
    """The tax bills whose sum is held on the enterprise's own guarantee account."""
    return TaxBill.objects.filter(guarantor=actor.enterprise)


def lists_guaranteed_by(enterprise: Enterprise) -> int:
    """How many lists hold something of its guarantee, or ought to: all that is still to be settled."""
    return Hold.objects.filter(enterprise=enterprise).filter(Q(amount__gt=0) | Q(wanted__gt=0)).count()


def guarantee_of(actor: Actor) -> Guarantee | None:
    """The enterprise's guarantee; None where it has given none."""
    return Guarantee.objects.filter(enterprise=actor.enterprise).first()


def movements_of(actor: Actor) -> QuerySet[Transfer]:
    """What moved on the enterprise's guarantee accounts."""
    return Transfer.objects.filter(enterprise=actor.enterprise)


def discrepancies_of(actor: Actor) -> QuerySet[Discrepancy]:
    """Where our books and customs disagree, as far as it is the enterprise's, and nobody has cleared it yet."""
    return Discrepancy.objects.filter(enterprise=actor.enterprise, closed_at=None)


def settled_of(actor: Actor) -> QuerySet[Discrepancy]:
    """Where they disagreed until staff ended it by hand, saying how."""
    return Discrepancy.objects.filter(enterprise=actor.enterprise).exclude(settled_why="")


def names_of(codes: Iterable[str]) -> dict[str, str]:
    """The names of enterprises by customs code or credit code, from the public register."""
    wanted = sorted({code for code in codes if code})
    with connection.cursor() as cursor:
        cursor.execute("SELECT customs_code, credit_code, name FROM accounts_directory(%s)", [wanted])
        return {code: name for *both, name in cursor.fetchall() for code in both}
