"""From a visitor to a user: an address and a telephone, each proved by a code sent there, then a name and a password.

What is answered does not tell whether the address has an account already: then its owner is told so by mail, and no code
on the page is ever right. Until the user is made, all there is lies sealed in the visitor's session.
"""

import base64
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from accounts.access import Bystander, address_of
from accounts.actions import Action
from accounts.audit import record
from accounts.limits import TooOften, count_failure, count_sending, network_of
from accounts.models import User
from accounts.models.who import PHONE_PLACE
from accounts.outgoing import write_mail, write_sms
from accounts.second_factor import normal
from accounts.sign_in import account_of, enter
from portal.personal import Unreadable, pack, seal, unpack
from portal.tenancy import acting_as

CODE_DIGITS = 6
CODE_MINUTES = 15
TRIES = 5
#: How many names may be tried with one registration: each answer tells whether a name is taken.
NAMES_TRIED = 10
IN_SESSION = "registration"
PLACE = "session.registration"


@dataclass(frozen=True)
class Registration:
    """What a visitor has said and proved so far."""

    id: str
    email: str
    phone: str
    #: Empty when the address has an account: no code is right then.
    email_code: str
    phone_code: str
    until: int
    checked: bool = False
    #: The page that was asked for before, an invitation for one; empty for home.
    afterwards: str = ""


def begin(request: HttpRequest, email: str, phone: str, *, afterwards: str = "") -> None:
    """Send a code to each, and remember them in this session, with the page to go on to. Raises TooOften."""
    count_sending("register", network_of(address_of(request)), emails=[email], phones=[phone])
    taken = account_of(email) is not None
    one = Registration(
        id=secrets.token_hex(8),
        email=email,
        phone=phone,
        email_code="" if taken else new_code(),
        phone_code=new_code(),
        until=int(time.time()) + CODE_MINUTES * 60,
        afterwards=afterwards,
    )
    if taken:
        write_mail(email, *_already_there())
    else:
        write_mail(email, *_code_letter(one.email_code))
    write_sms(phone, _("验证码 %(code)s，%(minutes)s 分钟内有效，用于注册%(portal)s账号。") % _words(one.phone_code))
    keep(request.session, one)


def present(session: SessionBase) -> Registration | None:
    """The registration of this session that has not run out."""
    try:
        kept = json.loads(unpack(base64.b64decode(session.get(IN_SESSION, "")), PLACE))
    except (Unreadable, ValueError):
        return None
    one = Registration(**kept)
    return one if one.until > time.time() else None


def keep(session: SessionBase, one: Registration) -> None:
    """Remember it, sealed: it names a person."""
    session[IN_SESSION] = base64.b64encode(pack(json.dumps(asdict(one)).encode(), PLACE)).decode()


def give_up(session: SessionBase) -> None:
    """Forget it."""
    session.pop(IN_SESSION, None)


def check(session: SessionBase, one: Registration, email_code: str, phone_code: str) -> set[str]:
    """Which of the two codes are wrong; when none is, both are proved. Raises TooOften after the last try."""
    _count([(f"registration:{one.id}", TRIES)])
    wrong = set()
    if not one.email_code or not constant_time_compare(normal(email_code), one.email_code):
        wrong.add("email_code")
    if not constant_time_compare(normal(phone_code), one.phone_code):
        wrong.add("phone_code")
    if not wrong:
        # Time for the last page; the codes have served.
        keep(session, replace(one, checked=True, email_code="", phone_code="", until=one.until + CODE_MINUTES * 60))
    return wrong


def name_is_taken(one: Registration, username: str) -> bool:
    """Whether another has this user name. Raises TooOften: names are not to be read out one by one."""
    _count([(f"registration-names:{one.id}", NAMES_TRIED)])
    return account_of(username) is not None


def make_user(request: HttpRequest, one: Registration, *, username: str, name: str, password: str) -> User:
    """Make the user, who belongs to no enterprise yet, and sign them in. IntegrityError when somebody was faster."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT accounts_register(%s, %s, %s, %s, %s)",
            [username, name, one.email, seal(one.phone, PHONE_PLACE), make_password(password)],
        )
        (pk,) = cursor.fetchone()
    with acting_as(enterprise_id=None, user_id=pk):
        user = User.objects.get(pk=pk)
        record(Bystander(user=user, address=address_of(request)), Action.REGISTERED, user.username)
        give_up(request.session)
        enter(request, user, Action.SIGN_IN)
    return user


def new_code() -> str:
    """A code as it is sent."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def _words(code: str = "") -> dict[str, object]:
    return {"code": code, "minutes": CODE_MINUTES, "portal": settings.PORTAL_NAME, "hotline": settings.PORTAL_HOTLINE}


def _code_letter(code: str) -> tuple[str, str]:
    return (
        _("%(portal)s：注册验证码") % _words(),
        _(
            "验证码：%(code)s\n\n%(minutes)s 分钟内有效，用于注册%(portal)s账号。请勿告诉他人。\n"
            "如果不是你本人在注册，不必理会这封邮件。\n\n服务热线 %(hotline)s"
        )
        % _words(code),
    )


def _already_there() -> tuple[str, str]:
    return (
        _("%(portal)s：这个邮箱已有账号") % _words(),
        _(
            "有人用这个邮箱注册%(portal)s账号，但它已经有账号了。\n\n"
            "如果是你本人：请直接登录，忘记密码时在登录页选择“忘记密码”。\n"
            "如果不是：不必理会这封邮件，账号没有任何变化。\n\n服务热线 %(hotline)s"
        )
        % _words(),
    )


def _count(counted: Iterable[tuple[str, int]]) -> None:
    over = [key for key, allowed in counted if count_failure(key, allowed) > allowed]
    if over:
        raise TooOften
