"""Checks who wants to sign in: by user name or e-mail, then by a second factor, with a lock after too many failures.

What is answered, and how long it takes, does not tell whether an account exists.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import authenticate, login
from django.contrib.auth.backends import ModelBackend
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from accounts import browsers, passkeys, sessions
from accounts.access import PROVEN_IN_SESSION, Bystander, address_of
from accounts.actions import Action
from accounts.audit import record
from accounts.limits import (
    AREA,
    LOCKED_SECONDS,
    area_of,
    count_failure,
    count_today,
    counted_today,
    failures,
    forget_failures,
    forget_today,
    network_of,
    take_back_today,
)
from accounts.models import User
from accounts.safety import tell_new_browser, tell_recovery_code_used
from accounts.second_factor import factors_of, uses_up
from portal.tenancy import acting_as

#: Failures of one name (and of one account) from one address; nobody elsewhere is kept from that account by them.
FAILURES_ALLOWED = 5
#: Failures from one address under whatever names. Much higher: a whole enterprise sits behind one address.
FAILURES_OF_ADDRESS = 50
#: Wrong second factors of one account in a day, from wherever and however often the password was shown before.
GUESSES_A_DAY = 30
#: Wrong passwords of one account in a day, from wherever: then only browsers it was signed in with before are let in, so that
#: nobody keeps people from where they work.
PASSWORDS_A_DAY = 100
BACKEND = "accounts.sign_in.NameOrEmailBackend"
#: Whose password was right in this session, until when, and the mark of that password.
AWAITED_IN_SESSION = "second_factor_of"
AWAITED_SECONDS = 10 * 60

log = logging.getLogger(__name__)


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
    #: Nobody can sign in now, whatever they type.
    closed: bool = False
    #: The password was right; the second factor is still to be shown.
    half: bool = False
    #: Nothing more is taken today.
    tomorrow: bool = False

    @property
    def locked(self) -> bool:
        """Whether this name or this address must wait."""
        return self.user is None and self.failures_left <= 0


def sign_in(request: HttpRequest, username: str, password: str) -> Attempt:
    """Sign the user in on this session, or count a failure; both are written down.

    While a name or an address is locked the password is not looked at. What was typed is never kept: people type
    their password into the wrong box.
    """
    try:
        return _try(request, username, password)
    except RedisError:
        # Closed, not open: uncounted, passwords could be guessed as fast as we answer, and the doors behind them show
        # persons' data. Who is signed in works on, because sessions are in the database.
        log.exception("failures to sign in cannot be counted: nobody can sign in")
        return Attempt(None, closed=True)


def _try(request: HttpRequest, username: str, password: str) -> Attempt:
    account = account_of(username)
    address = address_of(request)
    by_name, by_account = counters(username, address, account)
    places = places_of(address)
    if failures(by_name) >= FAILURES_ALLOWED or any(failures(key) >= allowed for key, allowed in places.items()):
        return Attempt(None, 0)
    user = authenticate(request, username=username, password=password)
    # The account may be locked by failures under its other name, or from elsewhere today. That is answered like a wrong
    # password: told, it would say that both names are one account, or that there is one.
    if user is None or failures(by_account) >= FAILURES_ALLOWED or _is_guessed_at(request, user):
        count_failure(by_account, FAILURES_ALLOWED)
        if account and user is None:
            count_today(_of_day(account))
        left = min(
            FAILURES_ALLOWED - count_failure(by_name, FAILURES_ALLOWED),
            *(allowed - count_failure(key, allowed) for key, allowed in places.items()),
        )
        left = max(left, 0)
        record(Bystander(address=address), Action.SIGN_IN_REFUSED, account.username if account else "", left=left)
        return Attempt(None, left)
    cache.delete_many([by_name, by_account])  # before signing in: when it fails, nobody is
    with acting_as(enterprise_id=None, user_id=user.pk):
        if factors_of(user):
            await_second_factor(request, user)
            return Attempt(user, half=True)
        enter(request, user, Action.SIGN_IN)
    return Attempt(user)


def forget_guesses(user: User) -> None:
    """Another password was set by the link of a letter: what was guessed of the old one today no longer matters."""
    try:
        forget_today(_of_day(user))
    except RedisError:
        log.exception("the wrong passwords of today cannot be forgotten")


def _is_guessed_at(request: HttpRequest, user: User) -> bool:
    return counted_today(_of_day(user)) >= PASSWORDS_A_DAY and not browsers.is_known(request, user)


def _of_day(account: User) -> str:
    return f"sign-in:guesses:{account.pk}"


def enter(request: HttpRequest, user: User, deed: Action, *, proven: bool = False) -> None:
    """Begin the session of this user, whose transaction this is, under a new key."""
    request.session.pop(AWAITED_IN_SESSION, None)
    is_new = user.last_login is not None and not browsers.is_known(request, user)
    login(request, user, BACKEND)
    agent = request.headers.get("User-Agent", "")
    row = sessions.begin(request.session, user, address=address_of(request), agent=agent)
    if is_new:
        tell_new_browser(user, device=row.device, address=address_of(request))
    if proven:
        request.session[PROVEN_IN_SESSION] = True
    record(Bystander(user=user, address=address_of(request)), deed, user.username)


def await_second_factor(request: HttpRequest, user: User) -> None:
    """Remember for some minutes that the password was right; nobody is signed in by that."""
    request.session.cycle_key()
    request.session[AWAITED_IN_SESSION] = {
        "user": user.pk,
        "until": int(time.time()) + AWAITED_SECONDS,
        "password": user.get_session_auth_hash(),
    }


def awaited(request: HttpRequest) -> User | None:
    """Who has to show a second factor in this session: whose password was right, or who is signed in without it."""
    if isinstance(request.user, User):
        return None if PROVEN_IN_SESSION in request.session or not factors_of(request.user) else request.user
    waiting = request.session.get(AWAITED_IN_SESSION)
    if not waiting or waiting["until"] < time.time():
        return None
    with acting_as(enterprise_id=None, user_id=waiting["user"]):
        user = User.objects.filter(pk=waiting["user"], is_active=True).first()
    # A password changed meanwhile is a password not shown.
    return user if user and constant_time_compare(waiting["password"], user.get_session_auth_hash()) else None


def show_second_factor(request: HttpRequest, user: User, *, code: str = "", passkey: str = "") -> Attempt:
    """Let the user in by this code or the answer of a passkey, or count a failure: by the account alone, as their password is known already."""
    counter = f"second-factor:{user.pk}"
    who = Bystander(user=user, address=address_of(request))
    try:
        count = count_failure(counter, FAILURES_ALLOWED)  # first, so that many at once are counted too
        if count > FAILURES_ALLOWED:
            return Attempt(None, 0)
        today = count_today(counter)
        if today > GUESSES_A_DAY:
            return Attempt(None, 0, tomorrow=True)
        with acting_as(enterprise_id=None, user_id=user.pk):
            if passkey:
                kind = "passkey" if passkeys.signs(request, user, passkey) else ""
            else:
                kind = uses_up(user, code)
            if not kind:
                left = min(FAILURES_ALLOWED - count, GUESSES_A_DAY - today)
                record(who, Action.SECOND_FACTOR_REFUSED, user.username, left=left)
                return Attempt(None, left, tomorrow=today == GUESSES_A_DAY)
            forget_failures(counter)
            take_back_today(counter)  # that one alone: what somebody else guessed today stays counted
            if kind == "recovery":
                record(who, Action.RECOVERY_CODE_USED, user.username)
                tell_recovery_code_used(user, left=factors_of(user).recovery_codes_left)
            prove(request, user)
    except RedisError:
        log.exception("failures of the second factor cannot be counted: nobody can sign in")
        return Attempt(None, closed=True)
    return Attempt(user)


def prove(request: HttpRequest, user: User) -> None:
    """The second factor was shown: begin the session, or let the one begun without it go on under a new key."""
    if isinstance(request.user, User):
        with sessions.renewed(request.session):
            request.session[PROVEN_IN_SESSION] = True
    else:
        enter(request, user, Action.SIGN_IN, proven=True)


def account_of(username: str) -> User | None:
    """The account of a user name or an e-mail. A function of the database, as nobody signed in may read the table."""
    return next(iter(User.objects.raw("SELECT * FROM accounts_sign_in(%s)", [username])), None)


def counters(username: str, address: str, account: User | None) -> tuple[str, str]:
    """The cache keys failures are counted under: the name as typed and the account (or the lack of one), each from
    this address only."""
    typed = hashlib.sha256(username.strip().lower().encode()).hexdigest()
    place = network_of(address)
    return (
        f"sign-in:name:{typed}:{place}",
        f"sign-in:account:{account.pk}:{place}" if account else f"sign-in:nobody:{typed}:{place}",
    )


def places_of(address: str) -> dict[str, int]:
    """The cache keys failures are counted under whatever the name, with how many are allowed: of the address alone, and
    of the area of IPv6 it is in."""
    place = network_of(address)
    area = area_of(place)
    allowed = {f"sign-in:address:{place}": FAILURES_OF_ADDRESS}
    return allowed | ({f"sign-in:address:{area}": FAILURES_OF_ADDRESS * AREA} if area else {})


def why_not_password(user: User, password: str) -> str:
    """Why this is not taken as the password of somebody signed in; empty when it is right. Guesses are counted."""
    counter = f"password-again:{user.pk}"
    try:
        if count_failure(counter, FAILURES_ALLOWED) > FAILURES_ALLOWED:
            return _("尝试次数过多，请 %(minutes)s 分钟后再试") % {"minutes": LOCKED_SECONDS // 60}
        if not user.check_password(password):
            return _("密码不对")
        forget_failures(counter)
    except RedisError:
        return _("暂时无法核对密码，请过几分钟再试")
    return ""
