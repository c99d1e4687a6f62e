"""Another address or telephone of one's own: it counts once a code sent there was shown, and the old one is told.

What is answered does not tell whether an address has an account: then its owner is told so by mail, and no code is ever
right. Until then all there is lies sealed in the session.
"""

import base64
import json
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Literal

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
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
from accounts.registration import CODE_MINUTES, TRIES, new_code
from accounts.safety import tell_email_changed, tell_phone_changed
from accounts.second_factor import normal
from accounts.sign_in import account_of
from portal.personal import Unreadable, mask_email, mask_phone, open_sealed, pack, seal, unpack

IN_SESSION = "contact_change"
What = Literal["email", "phone"]


@dataclass(frozen=True)
class Change:
    """What somebody wants changed, and the code that proves it."""

    id: str
    what: What
    to: str
    #: Empty when the address is another's: no code is right then.
    code: str
    until: int


def phone_of(user: User) -> str:
    """The telephone of a user; empty where there is none."""
    return open_sealed(bytes(user.phone), PHONE_PLACE) if user.phone else ""


def begin(request: HttpRequest, user: User, what: What, to: str) -> None:
    """Send a code there, and remember it in this session. Raises TooOften."""
    network = network_of(address_of(request))
    if what == "email":
        count_sending("contact", network, emails=[to])
    else:
        count_sending("contact", network, phones=[to])
    other = account_of(to) if what == "email" else None
    is_anothers = other is not None and other.pk != user.pk
    one = Change(
        secrets.token_hex(8), what, to, "" if is_anothers else new_code(), int(time.time()) + CODE_MINUTES * 60
    )
    words = _words(code=one.code)
    if what == "phone":
        write_sms(to, _("验证码 %(code)s，%(minutes)s 分钟内有效，用于更换%(portal)s账号的手机。") % words)
    elif is_anothers:
        text = _("有人想把这个邮箱用于另一个%(portal)s账号，没有成功；您的账号没有任何变化。\n\n服务热线 %(hotline)s")
        write_mail(to, _("%(portal)s：这个邮箱已有账号") % words, text % words)
    else:
        text = _(
            "验证码：%(code)s\n\n%(minutes)s 分钟内有效，用于更换%(portal)s账号的邮箱。请勿告诉他人。\n"
            "如果不是您本人在操作，不必理会这封邮件。\n\n服务热线 %(hotline)s"
        )
        write_mail(to, _("%(portal)s：更换邮箱的验证码") % words, text % words)
    kept = json.dumps(asdict(one)).encode()
    request.session[IN_SESSION] = base64.b64encode(pack(kept, _place(user))).decode()


def present(session: SessionBase, user: User) -> Change | None:
    """The change of this person that waits for its code and has not run out."""
    try:
        kept = json.loads(unpack(base64.b64decode(session.get(IN_SESSION, "")), _place(user)))
    except (Unreadable, ValueError):
        return None
    one = Change(**kept)
    return one if one.until > time.time() else None


def give_up(session: SessionBase) -> None:
    """Forget it."""
    session.pop(IN_SESSION, None)


def is_right(one: Change, code: str) -> bool:
    """Whether this is the code that was sent. Raises TooOften after the last try."""
    if count_failure(f"contact:{one.id}", TRIES) > TRIES:
        raise TooOften(_("验证码输错次数过多，请重新开始"))
    return bool(one.code) and constant_time_compare(normal(code), one.code)


def finish(request: HttpRequest, user: User, one: Change) -> bool:
    """The new one counts from now on, and the old one is told; False when another account took the address meanwhile."""
    who = Bystander(user=user, address=address_of(request))
    mine = User.objects.filter(pk=user.pk)
    give_up(request.session)
    if one.what == "phone":
        old = phone_of(user)
        mine.update(phone=seal(one.to, PHONE_PLACE))
        record(who, Action.PHONE_CHANGED, user.username)
        tell_phone_changed(user, now=mask_phone(one.to))
        if old:
            text = _("您的%(portal)s账号已改用另一个手机。不是您本人操作的，请马上拨打服务热线 %(hotline)s")
            write_sms(old, text % _words())
        return True
    try:
        with transaction.atomic():
            mine.update(email=one.to)
    except IntegrityError:
        return False
    record(who, Action.EMAIL_CHANGED, user.username)
    tell_email_changed(user, now=mask_email(one.to))
    tell_old_address(user.email)
    return True


def tell_old_address(email: str) -> None:
    """The last letter to the address of an account that has another now, whoever changed it; nothing where there was none."""
    if email:
        text = _(
            "您的%(portal)s账号已改用另一个邮箱，以后的邮件不再发到这里。\n\n"
            "如果不是您本人操作，请马上拨打服务热线 %(hotline)s"
        )
        write_mail(email, _("%(portal)s：账号的邮箱已更换") % _words(), text % _words())


def _place(user: User) -> str:
    return f"session.contact {user.pk}"


def _words(code: str = "") -> dict[str, object]:
    return {"code": code, "minutes": CODE_MINUTES, "portal": settings.PORTAL_NAME, "hotline": settings.PORTAL_HOTLINE}
