"""What the owner of an account is told of its safety: by a warning, which is mailed whoever did it and whoever read it."""

from django.urls import reverse
from django.utils.translation import gettext_noop

from accounts.models import User
from accounts.notices import warn
from portal.sentences import keep


def tell_password_changed(user: User) -> None:
    """Another password counts from now on, and all sessions but the one it was changed in have ended."""
    text = gettext_noop("您的密码已修改，其他登录已退出。不是您本人操作的，请马上重设密码，并拨打服务热线")
    warn(user, keep(text), address=reverse("sessions"))


def tell_factor_set(user: User) -> None:
    """There is one more way to show the second factor."""
    text = gettext_noop("您的账号增加了一种二次验证方式。不是您本人操作的，请马上修改密码，并拨打服务热线")
    warn(user, keep(text), address=reverse("second_factor"))


def tell_factor_removed(user: User) -> None:
    """There is one way less."""
    text = gettext_noop("您的账号停用了一种二次验证方式。不是您本人操作的，请马上修改密码，并拨打服务热线")
    warn(user, keep(text), address=reverse("second_factor"))


def tell_recovery_code_used(user: User, *, left: int) -> None:
    """Somebody came in by one of the codes on paper."""
    text = gettext_noop(
        "有人用恢复码登录了您的账号，恢复码还剩 %(left)s 个。不是您本人登录的，请马上修改密码，并拨打服务热线"
    )
    warn(user, keep(text, left=left), address=reverse("second_factor"))


def tell_factors_reset(user: User) -> None:
    """Staff took them all away, as is done for who lost their telephone."""
    text = gettext_noop("平台工作人员已重置您的二次验证，登录后请重新设置。没有请平台重置过的，请马上拨打服务热线")
    warn(user, keep(text), address=reverse("second_factor"))


def tell_new_browser(user: User, *, device: str, address: str) -> None:
    """Somebody signed in where this account was not signed in before."""
    text = gettext_noop(
        "您的账号在新的浏览器登录：%(device)s，地址 %(address)s。不是您本人登录的，请让它退出并修改密码"
    )
    words = {"device": device or keep(gettext_noop("未知设备")), "address": address}
    warn(user, keep(text, **words), address=reverse("sessions"))


def tell_email_changed(user: User, *, now: str) -> None:
    """Letters go to another address from now on; the old one has its own letter (``accounts/contact.py``)."""
    text = gettext_noop("您的账号邮箱已改为 %(now)s。不是您本人操作的，请马上修改密码，并拨打服务热线")
    warn(user, keep(text, now=now), address=reverse("contact"))


def tell_phone_changed(user: User, *, now: str) -> None:
    """Another telephone from now on."""
    text = gettext_noop("您的账号手机已改为 %(now)s。不是您本人操作的，请马上修改密码，并拨打服务热线")
    warn(user, keep(text, now=now), address=reverse("contact"))
