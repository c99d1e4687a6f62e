"""Keeps account of where a person is signed in, and ends it there: one session, or all but the present one.

The row follows its session whenever the key is renewed: at sign-in, when the password or the second factor changes, when
another enterprise is chosen, and at the first request after somebody's roles have changed.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.models import Membership, User, UserSession

#: The row of a session, when it was last said to be used, and the roles its user had.
ROW_IN_SESSION = "signed_in"
SEEN_IN_SESSION = "seen"
ROLES_IN_SESSION = "roles"
#: A session in use writes so at most this often.
SEEN_EVERY_SECONDS = 5 * 60


def begin(session: SessionBase, user: User, *, address: str, agent: str) -> UserSession:
    """Note a session that has just begun; rows of sessions that are no more go."""
    UserSession.objects.filter(user=user).exclude(_alive()).delete()
    row = UserSession.objects.create(
        user=user, session_key=session.session_key or "", address=address or None, agent=agent[:300]
    )
    # From the sign-in on, however often it is written meanwhile.
    session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
    session[ROW_IN_SESSION] = row.pk
    session[SEEN_IN_SESSION] = int(time.time())
    return row


def see(session: SessionBase, address: str) -> None:
    """Note that a session is being used, if that was not noted lately."""
    row = row_of(session)
    now = int(time.time())
    if row and now - session.get(SEEN_IN_SESSION, 0) >= SEEN_EVERY_SECONDS:
        UserSession.objects.filter(pk=row).update(last_used=timezone.now(), address=address or None)
        session[SEEN_IN_SESSION] = now


def renew_when_roles_changed(session: SessionBase, user: User, memberships: Iterable[Membership]) -> None:
    """Give a session a new key when its user may now do other things than before."""
    if ROW_IN_SESSION not in session:
        return
    roles = [f"{each.enterprise_id} {' '.join(sorted(each.roles))}" for each in memberships]
    now = [*sorted(roles), "staff"] if user.is_staff else sorted(roles)
    before = session.get(ROLES_IN_SESSION)
    if before != now:
        if before is None:
            session[ROLES_IN_SESSION] = now
        else:
            with renewed(session):
                session[ROLES_IN_SESSION] = now


@contextmanager
def renewed(session: SessionBase) -> Iterator[None]:
    """What is written inside stands in the session under a new key, and the row follows in the same transaction.

    Of two requests of one session at once the later waits and goes on under the key of the earlier: otherwise there
    would be two sessions, one of which nobody sees or ends. Who was signed out meanwhile stays so.
    """
    row = UserSession.objects.select_for_update().filter(pk=row_of(session)).first()
    if row is None and row_of(session):
        session.flush()
        yield
        session.flush()
    elif row is not None and row.session_key != session.session_key:
        _go_on_as(session, row.session_key)
        yield
        session.modified = True
    else:
        yield
        session.cycle_key()
        UserSession.objects.filter(pk=row_of(session)).update(session_key=session.session_key)


def _go_on_as(session: SessionBase, key: str) -> None:
    kept = type(session)(key)
    session._session_cache = kept.load()  # type: ignore[attr-defined]
    session._session_key = key


def sessions_of(user: User) -> QuerySet[UserSession]:
    """Where this user is signed in now, the latest first."""
    return UserSession.objects.filter(_alive(), user=user)


def row_of(session: SessionBase) -> int:
    """The row of this session; 0 for one that was not begun by signing in."""
    return int(session.get(ROW_IN_SESSION, 0))


def end(sessions: QuerySet[UserSession]) -> int:
    """End these sessions: whoever uses them signs in anew. How many there were."""
    keys = list(sessions.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    return len(keys)


def end_others(session: SessionBase, user: User) -> int:
    """End all sessions of this user but this one."""
    return end(sessions_of(user).exclude(pk=row_of(session)))


def leave(session: SessionBase) -> None:
    """Forget the row of a session that is about to end."""
    UserSession.objects.filter(pk=row_of(session)).delete()


def _alive() -> Exists:
    return Exists(Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now()))
