"""Checks who wants to sign in: by user name or e-mail, with a lock after too many failures.

What is answered, and how long it takes, does not tell whether an account exists.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import authenticate, login
from django.contrib.auth.backends import ModelBackend
from django.core.cache import cache
from django.http import HttpRequest

from accounts.access import Bystander, address_of
from accounts.actions import Action
from accounts.audit import record
from accounts.models import User
from portal.tenancy import acting_as

FAILURES_ALLOWED = 5
LOCKED_SECONDS = 15 * 60


class NameOrEmailBackend(ModelBackend):
    """Django's own backend, except that the account is found by user name or e-mail, whatever the case of letters."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The active user of this name or e-mail and password, or None."""
        if not username or password is None:
            return None
        user = account_of(username)
        if user is None:
            User().set_password(password)  # so that a name without an account takes as long as a wrong password
            return None
        with acting_as(enterprise_id=None, user_id=user.pk):
            # Inside, because a password kept with older settings of the hasher is hashed anew and saved here.
            right = user.check_password(password)
        return user if right and self.user_can_authenticate(user) else None


@dataclass(frozen=True)
class Attempt:
    """What came of one attempt to sign in."""

    user: User | None
    failures_left: int = FAILURES_ALLOWED

    @property
    def locked(self) -> bool:
        """Whether this name or this address must wait."""
        return self.user is None and self.failures_left <= 0


def sign_in(request: HttpRequest, username: str, password: str) -> Attempt:
    """Sign the user in on this session, or count a failure; both are written down.

    While a name or an address is locked the password is not looked at. What was typed is never kept: people type
    their password into the wrong box.
    """
    account = account_of(username)
    address = address_of(request)
    by_name, by_address, by_account = counters(username, address, account)
    if failures(by_name, by_address) >= FAILURES_ALLOWED:
        return Attempt(None, 0)
    user = authenticate(request, username=username, password=password)
    # The account may be locked by failures under its other name. That is answered like a wrong password: told, it
    # would say that both names are one account.
    if user is None or failures(by_account) >= FAILURES_ALLOWED:
        count_failure(by_account)
        left = max(FAILURES_ALLOWED - max(count_failure(by_name), count_failure(by_address)), 0)
        record(Bystander(address=address), Action.SIGN_IN_REFUSED, account.username if account else "", left=left)
        return Attempt(None, left)
    with acting_as(enterprise_id=None, user_id=user.pk):
        login(request, user)
        record(Bystander(user=user, address=address), Action.SIGN_IN, user.username)
    cache.delete_many([by_name, by_account])
    return Attempt(user)


def account_of(username: str) -> User | None:
    """The account of a user name or an e-mail. A function of the database, as nobody signed in may read the table."""
    return next(iter(User.objects.raw("SELECT * FROM accounts_sign_in(%s)", [username])), None)


def counters(username: str, address: str, account: User | None) -> tuple[str, str, str]:
    """The cache keys failures are counted under: the name as typed, the address, the account (or the lack of one)."""
    typed = hashlib.sha256(username.strip().lower().encode()).hexdigest()
    return (
        f"sign-in:name:{typed}",
        f"sign-in:address:{address}",
        f"sign-in:account:{account.pk}" if account else f"sign-in:nobody:{typed}",
    )


def failures(*keys: str) -> int:
    """The highest number of failures counted under these keys."""
    return max(cache.get_many(keys).values(), default=0)


def count_failure(key: str) -> int:
    """Count one failure; the fifth within the time starts the time of the lock."""
    cache.add(key, 0, LOCKED_SECONDS)
    try:
        count = int(cache.incr(key))
    except ValueError:  # ran out between the two
        cache.set(key, 1, LOCKED_SECONDS)
        return 1
    if count == FAILURES_ALLOWED:
        cache.touch(key, LOCKED_SECONDS)
    return count
