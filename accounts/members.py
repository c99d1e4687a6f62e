"""Every deed about the members of an enterprise: invited, joined, given other roles, removed, let back in.

Each is one function, one transaction and one entry in the record of deeds. The deeds of one enterprise happen one after
the other, so that of two administrators who remove each other at once one stays.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.access import Actor, Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.colleagues import LATELY, are_one
from accounts.models import AuditEntry, Enterprise, Invitation, Membership, User
from accounts.notices import notify, notify_member, notify_members
from accounts.outgoing import write_mail
from accounts.roles import MemberRole
from portal.personal import keyed_hash
from portal.sentences import keep
from portal.tenancy import acting_as

#: How long an invitation may be accepted.
VALID = timedelta(days=7)
#: Letters in 24 hours, of one enterprise and to one address: nobody is to be pestered through us.
MOST_A_DAY = 100
MOST_TO_AN_ADDRESS = 5


class Refused(Exception):
    """A deed that cannot be done; the text says in Chinese why and what to do."""


@dataclass(frozen=True)
class Told:
    """What the holder of a link may know; the words are there while it is open, for a visitor and for its addressee."""

    #: open, used, revoked or expired.
    state: str
    #: Whether it was sent to the user who is signed in.
    mine: bool
    enterprise: str | None
    roles: list[str] | None
    address: str | None
    expires: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it may still be accepted."""
        return self.state == "open"


# --- inviting -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def invite(*, by: Actor | Bystander, email: str, roles: Collection[str], reason: str = "") -> tuple[Invitation, str]:
    """A new invitation and the token of its link; an earlier one to this address is over. Staff say why. Raises
    ``Refused``."""
    assert by.user is not None
    email, chosen = email.strip().lower(), in_order(roles)
    enterprise = check_may_be_invited(by=by, email=email)
    Invitation.objects.filter(enterprise=enterprise, email=email, accepted_at=None, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        enterprise=enterprise, email=email, roles=chosen, token_hash=_hash_of(token), invited_by=by.user,
        expires=timezone.now() + VALID,
    )  # fmt: skip
    why = {"reason": reason} if reason else {}
    record(by, Action.MEMBER_INVITED, f"invitation {invitation.pk}", roles=chosen, **why)
    return invitation, token


def check_may_be_invited(*, by: Actor | Bystander, email: str) -> Enterprise:
    """Raises ``Refused`` when this address is a member, or has had enough letters; it stays so until the commit."""
    enterprise = _in_turn(by)
    if Membership.objects.filter(enterprise=enterprise, active=True, user__email__iexact=email).exists():
        raise Refused(_("%(email)s 已是本企业成员，不用再邀请；要改角色请在成员表中修改") % {"email": email})
    lately = Invitation.objects.filter(enterprise=enterprise, created__gt=timezone.now() - timedelta(days=1))
    if lately.filter(email=email).count() >= MOST_TO_AN_ADDRESS:
        raise Refused(
            _("24 小时内已向 %(email)s 发出 %(count)s 次邀请，请明天再发；收不到时请核对邮箱，并查看垃圾邮件")
            % {"email": email, "count": MOST_TO_AN_ADDRESS}
        )
    if lately.count() >= MOST_A_DAY:
        raise Refused(_("本企业 24 小时内已发出 %(count)s 份邀请，请明天再发") % {"count": MOST_A_DAY})
    return enterprise


@transaction.atomic
def resend(*, by: Actor, invitation: Invitation) -> tuple[Invitation, str]:
    """The same invitation by a new letter, valid anew; the link of the old one no longer works. Raises ``Refused``."""
    enterprise = _in_turn(by)
    waiting = Invitation.objects.filter(pk=invitation.pk, enterprise=enterprise, accepted_at=None, revoked_at=None)
    if not waiting.exists():
        raise Refused(_("这份邀请已被接受或撤销，不能重发；需要时请重新邀请"))
    return invite(by=by, email=invitation.email, roles=invitation.roles)


@transaction.atomic
def revoke(*, by: Actor | Bystander, invitation: Invitation) -> None:
    """Take it back: its link no longer works. Raises ``Refused``."""
    enterprise = _in_turn(by)
    waiting = Invitation.objects.filter(pk=invitation.pk, enterprise=enterprise, accepted_at=None, revoked_at=None)
    if not waiting.update(revoked_at=timezone.now()):
        raise Refused(_("这份邀请已被接受或撤销，请看成员表"))
    record(by, Action.INVITATION_REVOKED, f"invitation {invitation.pk}")


def mail(invitation: Invitation, *, link: str) -> None:
    """Send the letter with the link once the invitation is kept; that it cannot be sent does not undo it."""
    words = {"invitation": invitation, "link": link, "days": VALID.days}
    subject = _("%(enterprise)s 邀请加入") % {"enterprise": invitation.enterprise.name}
    write_mail(invitation.email, subject, render_to_string("accounts/members/letter.txt", words))


# --- joining ------------------------------------------------------------------------------------------------------------


def told(token: str) -> Told | None:
    """What the holder of this link may know; None when there never was such a link."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_invitation_told(%s)", [_hash_of(token)])
        row = cursor.fetchone()
    return Told(*row) if row else None


@transaction.atomic
def accept(*, user: User, token: str, address: str = "") -> Enterprise:
    """Become a member, or one again. Raises ``Refused`` when it is over, was sent to another address, or to one of the
    platform's own people: they would decide on, or see the record of, what they file."""
    if user.is_staff or user.is_auditor:
        raise Refused(_("平台工作人员和审计员不能成为企业成员，请用另一个账号接受邀请"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_invitation_accept(%s)", [_hash_of(token)])
        row = cursor.fetchone()
    if row is None:
        raise Refused(_("这份邀请现在不能接受"))
    number, enterprise_id = row
    with acting_as(enterprise_id=enterprise_id, user_id=user.pk):
        membership = Membership.objects.select_related("enterprise").get(user=user, enterprise_id=enterprise_id)
        who = Bystander(user=user, enterprise=membership.enterprise, address=address)
        record(who, Action.MEMBER_JOINED, user.username, invitation=number, roles=membership.roles)
        told = keep(gettext_noop("%(member)s 已接受邀请，加入本企业"), member=str(user))
        notify_members(membership.enterprise, told, roles=[MemberRole.ADMINISTRATOR], address=reverse("members"))
    return membership.enterprise


# --- members ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def change_roles(*, by: Actor, membership: Membership, roles: Collection[str]) -> None:
    """Give a member exactly these roles; they count from the next request on. Raises ``Refused``."""
    _in_turn(by)
    chosen, now = in_order(roles), _of_own(by, membership)
    if not now.active:
        raise Refused(_("%(member)s 已被移除；请先恢复再改角色") % {"member": now.user})
    if MemberRole.ADMINISTRATOR not in chosen:
        _check_one_is_left(now)
    if chosen != in_order(now.roles):
        if MemberRole.ADMINISTRATOR not in chosen:
            _take_back(Q(invited_by=now.user, enterprise=now.enterprise_id))
        _write(now, roles=chosen)
        record(by, Action.MEMBER_ROLES, now.user.username, before=now.roles, after=chosen)
        tell(now, by=by.user)


@transaction.atomic
def remove(*, by: Actor, membership: Membership) -> None:
    """No longer a member, from the next request on. Raises ``Refused``."""
    _in_turn(by)
    now = _of_own(by, membership)
    if now.active:
        _check_one_is_left(now)
        _take_back(_of_gone(now.user) & Q(enterprise=now.enterprise_id))  # first: who removes themselves may not after
        _write(now, active=False)
        record(by, Action.MEMBER_REMOVED, now.user.username, roles=now.roles)
        tell(now, by=by.user)


def _of_gone(user: User) -> Q:
    """Who was removed does not come back by an invitation of before, be it sent to them or by them."""
    return Q(invited_by=user) | Q(email__iexact=user.email)


def _take_back(which: Q) -> None:
    Invitation.objects.filter(which, accepted_at=None, revoked_at=None).update(revoked_at=timezone.now())


def follow_staff(membership: Membership, *, by: User) -> None:
    """What staff made of a membership on their desk: open invitations end as if the enterprise had done it, the member is
    told, and so are the administrators, whose enterprise it is."""
    user, enterprise = membership.user, membership.enterprise
    if not membership.active:
        _take_back(_of_gone(user) & Q(enterprise=enterprise))
    elif MemberRole.ADMINISTRATOR not in membership.roles:
        _take_back(Q(invited_by=user, enterprise=enterprise))
    tell(membership, by=by)
    others = User.objects.filter(memberships__in=_administrators(enterprise)).exclude(pk=user.pk)
    words = keep(gettext_noop("平台工作人员变更了成员 %(member)s 的资格或角色，请在成员表中核对"), member=str(user))
    notify(others, words, enterprise=enterprise, address=reverse("members"))


def tell_administrators(whose: User, words: str) -> None:
    """Tell whoever lets people into an enterprise what staff did with the account of one of its members; by ``%(member)s``."""
    for one in whose.memberships.filter(active=True).select_related("enterprise"):
        others = User.objects.filter(memberships__in=_administrators(one.enterprise)).exclude(pk=whose.pk)
        notify(others, keep(words, member=str(whose)), enterprise=one.enterprise, address=reverse("members"))


def follow_closing(user: User) -> None:
    """The account was switched off: nobody joins any more by an invitation they sent, nor they by one sent to them."""
    _take_back(_of_gone(user))


@transaction.atomic
def restore(*, by: Actor, membership: Membership) -> None:
    """A member again, with the roles they had. Raises ``Refused``."""
    _in_turn(by)
    now = _of_own(by, membership)
    if not now.active:
        _write(now, active=True)
        record(by, Action.MEMBER_RESTORED, now.user.username, roles=now.roles)
        tell(now, by=by.user)


def tell(membership: Membership, *, by: User | None) -> None:
    """Tell a member what they may do from now on, unless they did it themselves."""
    if by is not None and by.pk == membership.user_id:
        return
    now = Membership.objects.select_related("user", "enterprise").get(pk=membership.pk)
    said = {"name": now.enterprise.name}
    if now.active:
        words = {role.value: role.label for role in MemberRole if role.value in now.roles}
        roles = keep(" / ".join(f"%({word})s" for word in words), **words)
        told = keep(gettext_noop("您在“%(name)s”的角色现在是：%(roles)s"), roles=roles, **said)
        notify_member(now.user, now.enterprise, told, address="/")
    else:
        told = keep(gettext_noop("您不再是“%(name)s”的成员，不能再代表它"), **said)
        notify_member(now.user, now.enterprise, told)


def has_administrator(enterprise: Enterprise) -> bool:
    """Whether somebody there lets people in."""
    return _administrators(enterprise).exists()


def is_let_in_by_others(user: User, enterprise: Enterprise) -> bool:
    """Whether they are no administrator, where there is one who could make them one."""
    present = _administrators(enterprise)
    return present.exists() and (user.pk is None or not present.filter(user=user).exists())


#: Why another of the staff has to let an administrator in.
CHANGED_LATELY = gettext_noop(
    "您近 30 天内改动过这家企业的成员，或其管理员的账号；为它增加管理员请由另一位同事办理，避免一个人就能换掉企业的管理员"
)


def why_not_let_in_by(staff: User, enterprise: Enterprise) -> str:
    """Why this one of the staff lets no administrator in there, though nobody else can: who lately changed its members, or the
    account of one who ruled it, would choose whom to put in their place. Empty if they may, or others are asked."""
    if has_administrator(enterprise):
        return ""
    rules = Membership.objects.filter(enterprise=enterprise)
    ruled = rules.filter(roles__contains=[MemberRole.ADMINISTRATOR]).values_list("user_id", flat=True)
    subjects = [f"accounts.membership {pk}" for pk in rules.values_list("pk", flat=True)]
    subjects += [f"accounts.user {pk}" for pk in ruled]
    deeds = AuditEntry.objects.filter(at__gt=timezone.now() - LATELY, action=Action.STAFF_CHANGE, subject__in=subjects)
    changed = User.objects.filter(pk__in=deeds.values("user_id"))
    return _(CHANGED_LATELY) if any(are_one(one, staff) for one in changed) else ""


def is_only_administrator(membership: Membership) -> bool:
    """Whether nobody else could give roles and let members in."""
    rules = membership.active and MemberRole.ADMINISTRATOR in membership.roles
    return rules and not _administrators(membership.enterprise).exclude(pk=membership.pk).exists()


def in_order(roles: Collection[str]) -> list[str]:
    """The roles in the order of their table. Raises ``Refused`` for none, or for one that does not exist."""
    if not roles:
        raise Refused(_("请至少选一个角色"))
    if not set(roles) <= set(MemberRole.values):
        raise Refused(_("没有这个角色，请在所列角色中选"))
    return [role.value for role in MemberRole if role.value in roles]


# --- what all of them ask -----------------------------------------------------------------------------------------------


def _in_turn(by: Actor | Bystander) -> Enterprise:
    """Wait for whoever is changing the members of this enterprise; then a member must still be its administrator."""
    enterprise = by.enterprise
    assert enterprise is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"members {enterprise.pk}"])
    if isinstance(by, Actor) and not _administrators(enterprise).filter(user=by.user).exists():
        raise Refused(_("当前账号已不是本企业的管理员，没有改动"))
    return enterprise


def _administrators(enterprise: Enterprise) -> QuerySet[Membership]:
    return Membership.objects.filter(
        enterprise=enterprise, active=True, user__is_active=True, roles__contains=[MemberRole.ADMINISTRATOR]
    )


def _of_own(by: Actor, membership: Membership) -> Membership:
    """The membership as it stands now."""
    return Membership.objects.select_related("user").get(pk=membership.pk, enterprise=by.enterprise)


def _check_one_is_left(membership: Membership) -> None:
    """Without an administrator nobody could let one in."""
    if is_only_administrator(membership):
        raise Refused(
            _("%(member)s 是本企业唯一的管理员，不能移除，也不能去掉管理员角色；请先让另一位成员成为管理员")
            % {"member": membership.user}
        )


def _write(membership: Membership, **values: object) -> None:
    """Write it, or fail: a wall that lets nothing through is no success."""
    if not Membership.objects.filter(pk=membership.pk).update(**values):
        raise Refused(_("当前账号已不是本企业的管理员，没有改动"))


def _hash_of(token: str) -> bytes:
    return keyed_hash(f"invitation {token}")
