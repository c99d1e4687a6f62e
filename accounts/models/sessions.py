"""Where a person is signed in: one row for each session, so that they see it and can end it."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.who import User


class UserSession(models.Model):
    """A session begun by signing in. The session itself is Django's; this says whose, from where and with what."""

    user = models.ForeignKey(User, models.PROTECT, related_name="sessions")
    session_key = models.CharField(max_length=40, unique=True)
    agent = models.CharField(_("设备"), max_length=300, blank=True)
    address = models.GenericIPAddressField(_("地址"), null=True)
    begun = models.DateTimeField(_("登录时间"), db_default=Now(), editable=False)
    last_used = models.DateTimeField(_("最近使用"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("登录")
        verbose_name_plural = _("登录")
        ordering = ["-last_used"]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def device(self) -> str:
        """What the browser calls itself, in two words; empty when it says nothing we know."""
        words = (_known(BROWSERS, self.agent), _known(SYSTEMS, self.agent))
        return " · ".join(str(word) for word in words if word)


def _known(table: tuple[tuple[str, object], ...], agent: str) -> object:
    return next((name for mark, name in table if mark in agent), "")


#: What stands in the name a browser gives itself; the first that does decides, as they all imitate each other.
BROWSERS: tuple[tuple[str, object], ...] = (
    ("MicroMessenger", _("微信")),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS: tuple[tuple[str, object], ...] = (
    ("HarmonyOS", _("鸿蒙")),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
