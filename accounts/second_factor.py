"""The second proof of who somebody is: the code of an authenticator app, a passkey, or one of the recovery codes.

Every code works once. What is wrong about a code is never said: mistyped, used, too old or none at all.
"""

import base64
import secrets
import time
import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from accounts.models import AuthenticatorApp, Passkey, RecoveryCode, User
from portal.personal import Unreadable, keyed_hash, pack, unpack

#: What every authenticator app expects (RFC 6238): six digits, SHA-1, half a minute.
DIGITS, STEP_SECONDS = 6, 30
#: Clocks of telephones go wrong by less than a step.
STEPS_EITHER_WAY = 1
SECRET_BYTES = 20
RECOVERY_CODES = 10
RECOVERY_CODE_LENGTH = 10
#: Without letters that are taken for digits.
RECOVERY_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
SECRET_PLACE = "accounts_authenticatorapp.secret"  # noqa: S105


@dataclass(frozen=True)
class Factors:
    """What one person has set up."""

    app: AuthenticatorApp | None
    passkeys: tuple[Passkey, ...]
    recovery_codes_left: int

    def __bool__(self) -> bool:
        """Whether there is anything to be asked for; recovery codes alone are nothing."""
        return self.app is not None or bool(self.passkeys)


def factors_of(user: User) -> Factors:
    """What this person has set up."""
    return Factors(
        AuthenticatorApp.objects.filter(user=user).first(),
        tuple(Passkey.objects.filter(user=user)),
        RecoveryCode.objects.filter(user=user, used_at=None).count(),
    )


def new_secret() -> bytes:
    """The secret of an app to be set up."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_to_type(secret: bytes) -> str:
    """The secret as it is typed into an app, in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address_to_scan(secret: bytes, user: User) -> str:
    """The otpauth:// address an app reads from the picture."""
    return _totp(secret).get_provisioning_uri(user.get_username(), str(settings.PORTAL_NAME))


def normal(code: str) -> str:
    """A code as it is compared: full-width digits, blanks, hyphens and small letters are how people type."""
    plain = unicodedata.normalize("NFKC", code).upper()
    return "".join(letter for letter in plain if letter not in " -\u2010\u2013\u2014\t")


def step_of(secret: bytes, code: str) -> int | None:
    """The half minute whose code this is, around now; None when it is none of theirs."""
    now = int(time.time()) // STEP_SECONDS
    for step in range(now - STEPS_EITHER_WAY, now + STEPS_EITHER_WAY + 1):
        try:
            _totp(secret).verify(code.encode(), step * STEP_SECONDS)
        except InvalidToken:
            continue
        return step
    return None


def code_at(secret: bytes, step: int) -> str:
    """The code of a half minute."""
    return _totp(secret).generate(step * STEP_SECONDS).decode()


def set_up_app(user: User, secret: bytes, code: str) -> bool:
    """Keep the secret of an app that shows the right code; False when it does not."""
    step = step_of(secret, normal(code))
    if step is None:
        return False
    # Ignored when another window was faster: one person has one app.
    made = AuthenticatorApp(user=user, secret=pack(secret, SECRET_PLACE), last_step=step)
    AuthenticatorApp.objects.bulk_create([made], ignore_conflicts=True)
    return AuthenticatorApp.objects.filter(user=user, last_step=step).exists()


def remove_app(user: User) -> None:
    """Forget the app."""
    AuthenticatorApp.objects.filter(user=user).delete()
    _forget_what_stands_in(user)


def remove_passkey(user: User, pk: int) -> bool:
    """Forget a passkey of this person; False when they have no such one."""
    gone, _rows = Passkey.objects.filter(user=user, pk=pk).delete()
    _forget_what_stands_in(user)
    return bool(gone)


def forget_factors(user: User) -> None:
    """Forget all this person has set up: they lost it, and staff made sure who they are. Their sessions end, since who
    found the telephone may be signed in."""
    for model in (AuthenticatorApp, Passkey, RecoveryCode):
        model.objects.filter(user=user).delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_end_sessions(%s)", [user.pk])


def _forget_what_stands_in(user: User) -> None:
    """With the last factor go the recovery codes that stood in for it."""
    if not factors_of(user):
        RecoveryCode.objects.filter(user=user).delete()


def uses_up(user: User, code: str) -> str:
    """Take a code of this person: "app" or "recovery" says which it was; empty when it is none that still works."""
    code = normal(code)
    if len(code) == DIGITS and code.isdecimal() and code.isascii():
        return "app" if _uses_up_app(user, code) else ""
    if len(code) != RECOVERY_CODE_LENGTH:
        return ""
    unused = RecoveryCode.objects.filter(user=user, digest=_digest(user, code), used_at=None)
    return "recovery" if unused.update(used_at=timezone.now()) else ""


def _uses_up_app(user: User, code: str) -> bool:
    app = AuthenticatorApp.objects.filter(user=user).first()
    if app is None:
        return False
    step = step_of(secret_of(app), code)
    if step is None:
        return False
    # One statement decides: of two that bring the same code at once, one comes too late.
    fresh = AuthenticatorApp.objects.filter(Q(last_step=None) | Q(last_step__lt=step), user=user)
    return bool(fresh.update(last_step=step))


def make_recovery_codes(user: User) -> list[str]:
    """New recovery codes in the place of the old; shown now and never again."""
    codes = [
        "".join(secrets.choice(RECOVERY_LETTERS) for _letter in range(RECOVERY_CODE_LENGTH))
        for _code in range(RECOVERY_CODES)
    ]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def secret_of(app: AuthenticatorApp) -> bytes:
    """The secret opened."""
    return unpack(bytes(app.secret), SECRET_PLACE)


def seal_proposed(secret: bytes, user: User) -> str:
    """A secret not yet taken into use, sealed for the session of this person."""
    return base64.b64encode(pack(secret, f"proposed {user.pk}")).decode()


def open_proposed(sealed: str, user: User) -> bytes | None:
    """The secret proposed in this session; None when it is not this person's."""
    try:
        return unpack(base64.b64decode(sealed), f"proposed {user.pk}")
    except (Unreadable, ValueError):
        return None


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 (as RFC 6238 has it)


def _digest(user: User, code: str) -> bytes:
    return keyed_hash(f"recovery code {user.pk} {code}")
