"""Whether two of the staff are two persons: not where one made the account of the other, or took its rights or keys in hand.

Only superusers can, and both then hold what one has given away; so all colleagues are told, and for a month the two count
as one wherever two have to agree.
"""

from datetime import timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_noop, override

from accounts.actions import Action
from accounts.models import AuditEntry, User
from accounts.notices import notify_staff
from portal.sentences import keep

#: How long after such a deed the two count as one.
LATELY = timedelta(days=30)
#: What gives somebody an account of another: the rights of it, or a way into it.
RIGHTS = ("is_active", "is_staff", "is_superuser", "is_auditor", "groups", "user_permissions")
KEYS = ("password", "email")

#: Why the second of the two has to be somebody else.
ONE_PERSON = gettext_noop(
    "近 30 天内你们一人改动过另一人的账号（新建、权限、密码、邮箱或二次验证），或两人的账号由同一人新建或解锁，"
    "不能算作两个人，请由另一位同事办理"
)


def are_one(one: User | None, other: User | None) -> bool:
    """Whether one of these two had the account of the other in hand lately, by the record of deeds, or somebody stands
    behind both: whoever made or unlocked their accounts, or the accounts of whoever did."""
    if one is None or other is None or one.pk == other.pk:
        return one is not None and one == other
    if _behind(one) & _behind(other):
        return True
    pair = Q(user=one, subject=f"accounts.user {other.pk}") | Q(user=other, subject=f"accounts.user {one.pk}")
    deeds = AuditEntry.objects.filter(pair, at__gt=timezone.now() - LATELY)
    touched = _as_written([*RIGHTS, *KEYS])
    changes = deeds.filter(action=Action.STAFF_CHANGE).values_list("details__changed", flat=True)
    return any(name.lower() in touched for changed in changes for name in changed or ())


def _behind(whose: User) -> set[int]:
    """Whoever lately made or unlocked this account, or the account of one who did, by key; its owner too."""
    found = fresh = {whose.pk}
    while fresh:
        deeds = AuditEntry.objects.filter(
            at__gt=timezone.now() - LATELY, action__in=[Action.STAFF_ADD, Action.SECOND_FACTOR_REMOVED],
            subject__in=[f"accounts.user {pk}" for pk in fresh], user__is_staff=True,
        )  # fmt: skip
        fresh = set(deeds.values_list("user_id", flat=True)) - found
        found = found | fresh
    return found


def tell_colleagues(whose: User, *, by: User) -> None:
    """Tell all staff who look after users that one of them took the account of another in hand."""
    if whose.is_staff and whose != by:
        words = gettext_noop("%(by)s 改动了职员 %(whose)s 的权限、密码、邮箱或二次验证。您不知情的请马上向本人核实")
        there = reverse("admin:accounts_user_change", args=[whose.pk])
        notify_staff("accounts.change_user", keep(words, by=str(by), whose=str(whose)), address=there)


def _as_written(fields: list[str]) -> set[str]:
    """The names under which Django's own change message, and so the record, speaks of these fields."""
    with override(None):
        labels = {str(User._meta.get_field(name).verbose_name).lower() for name in fields}  # type: ignore[union-attr]
    return labels | set(fields)
