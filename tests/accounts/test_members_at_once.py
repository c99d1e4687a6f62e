"""Administrators and guests who press at the same moment: one administrator always stays, one invitation joins once."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connections

from accounts import members
from accounts.access import Actor
from accounts.cast import Cast
from accounts.models import AuditEntry, Invitation, Membership
from accounts.roles import MemberRole
from portal.tenancy import acting_as
from tests.cast import people

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(jobs: Sequence[Callable[[], Any]]) -> list[BaseException]:
    """Run each job in a thread of its own, all begun together; what they raised."""
    gate, raised = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], Any]) -> None:
        try:
            gate.wait(60)
            job()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "somebody still waits"
    return raised


def administrators(cast: Cast) -> list[tuple[Actor, Membership]]:
    """All members of the merchant, made administrators, each as their session acts."""
    Membership.objects.filter(enterprise=cast.enterprises["merchant"]).update(roles=[MemberRole.ADMINISTRATOR])
    found = Membership.objects.filter(enterprise=cast.enterprises["merchant"]).select_related("user", "enterprise")
    return [(Actor.of(one), one) for one in found.order_by("pk")]


def behind_the_wall(actor: Actor, deed: Callable[..., Any], **words: Any) -> None:
    """A deed as a page does it: in the transaction of the member."""
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        deed(by=actor, **words)


@pytest.mark.parametrize("turn", range(3))
def test_of_administrators_who_remove_each_other_one_stays(turn: int) -> None:
    cast = people()
    everybody = administrators(cast)
    victims = [*everybody[1:], everybody[0]]

    def job(actor: Actor, victim: Membership) -> Callable[[], None]:
        if turn == 1:
            return lambda: behind_the_wall(actor, members.change_roles, membership=victim, roles=["viewer"])
        return lambda: behind_the_wall(actor, members.remove, membership=victim)

    raised = at_once([job(actor, victim) for (actor, _own), (_them, victim) in zip(everybody, victims, strict=True)])
    assert {type(error) for error in raised} == {members.Refused}
    left = Membership.objects.filter(
        enterprise=cast.enterprises["merchant"], active=True, roles=[MemberRole.ADMINISTRATOR]
    )
    assert left.count() >= 1
    assert len(raised) == len(everybody) - AuditEntry.objects.filter(action__startswith="member_").count()


def test_administrators_who_all_leave_at_once_cannot() -> None:
    cast = people()
    everybody = administrators(cast)

    def leave(actor: Actor, own: Membership) -> Callable[[], None]:
        return lambda: behind_the_wall(actor, members.remove, membership=own)

    (refused,) = at_once([leave(actor, own) for actor, own in everybody])
    assert isinstance(refused, members.Refused) and "唯一的管理员" in str(refused)
    assert Membership.objects.filter(enterprise=cast.enterprises["merchant"], active=True).count() == 1


def test_an_address_invited_by_many_at_once_has_one_open_invitation() -> None:
    cast = people()
    everybody = administrators(cast)

    def invite(actor: Actor) -> Callable[[], None]:
        return lambda: behind_the_wall(actor, members.invite, email="new@example.org", roles=["viewer"])

    assert at_once([invite(actor) for actor, _own in everybody]) == []
    assert Invitation.objects.count() == len(everybody) == 5
    assert Invitation.objects.filter(revoked_at=None).count() == 1


def test_an_invitation_accepted_many_times_at_once_joins_once() -> None:
    cast = people()
    (actor, _own), *_others = administrators(cast)
    guest = cast.users["stranger"]
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        _invitation, token = members.invite(by=actor, email=guest.email, roles=["viewer"])

    def accept() -> None:
        with acting_as(enterprise_id=None, user_id=guest.pk):
            members.accept(user=guest, token=token)

    raised = at_once([accept] * 8)
    assert [type(error) for error in raised] == [members.Refused] * 7
    assert Membership.objects.filter(user=guest).count() == 1
    assert AuditEntry.objects.filter(action="member_joined").count() == 1
