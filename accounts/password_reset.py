"""A new password for who has forgotten theirs: by a link sent to the address of the account, used once, within an hour.

The same is answered whether the address has an account; its owner learns by mail which of the two it is. The second
factor, if there is one, is asked for all the same.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext as _

from accounts import sessions
from accounts.access import Bystander, address_of
from accounts.actions import Action
from accounts.audit import record
from accounts.limits import count_sending, network_of
from accounts.models import User
from accounts.outgoing import write_mail
from accounts.safety import tell_password_changed
from accounts.sign_in import account_of, forget_guesses
from portal.tenancy import acting_as


def ask(request: HttpRequest, email: str) -> None:
    """Write to the address: a link, or that there is no account. Raises TooOften, in either case alike."""
    count_sending("reset", network_of(address_of(request)), emails=[email])
    user = account_of(email)
    if user is not None and user.is_active:
        link = reverse("reset_password", args=[address_part(user), default_token_generator.make_token(user)])
        write_mail(user.email, *_letter(request.build_absolute_uri(link)))
    else:
        write_mail(email, *_no_account(request.build_absolute_uri(reverse("register"))))
    known = user.username if user else ""
    record(Bystander(address=address_of(request)), Action.PASSWORD_RESET_ASKED, known)


def address_part(user: User) -> str:
    """How the link names the account."""
    return urlsafe_base64_encode(force_bytes(user.pk))


def user_of(part: str, token: str) -> User | None:
    """Whose link this is; None when it is nobody's, has been used or is too old."""
    try:
        pk = int(urlsafe_base64_decode(part).decode("ascii"))
    except ValueError:
        return None
    if not 0 < pk < 2**63:
        return None
    with acting_as(enterprise_id=None, user_id=pk):
        user = User.objects.filter(pk=pk, is_active=True).first()
    return user if user and default_token_generator.check_token(user, token) else None


def reset(request: HttpRequest, user: User, password: str) -> bool:
    """Keep the new password and end all sessions that stood on the old one; False when the link was just used already."""
    old = user.password
    user.set_password(password)
    with acting_as(enterprise_id=None, user_id=user.pk):
        # The link stood on the old password: of two that use it at once, one changes it.
        if not User.objects.filter(pk=user.pk, password=old, is_active=True).update(password=user.password):
            return False
        sessions.end(sessions.sessions_of(user))
        record(Bystander(user=user, address=address_of(request)), Action.PASSWORD_RESET, user.username)
        tell_password_changed(user)
    forget_guesses(user)
    return True


def _words(**more: Any) -> dict[str, Any]:
    return {
        "portal": settings.PORTAL_NAME,
        "hotline": settings.PORTAL_HOTLINE,
        "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
        **more,
    }


def _letter(link: str) -> tuple[str, str]:
    return (
        _("%(portal)s：重设密码") % _words(),
        _(
            "请打开下面的地址重设密码，%(minutes)s 分钟内有效，只能用一次：\n\n%(link)s\n\n"
            "如果不是你本人在操作，不必理会这封邮件，密码没有改变。\n\n服务热线 %(hotline)s"
        )
        % _words(link=link),
    )


def _no_account(link: str) -> tuple[str, str]:
    return (
        _("%(portal)s：这个邮箱没有账号") % _words(),
        _(
            "有人要重设这个邮箱的%(portal)s密码，但这个邮箱没有账号，或者账号已停用。\n\n"
            "如果是你本人：可能用的是另一个邮箱；也可以注册一个账号：%(link)s\n"
            "如果不是：不必理会这封邮件。\n\n服务热线 %(hotline)s"
        )
        % _words(link=link),
    )
