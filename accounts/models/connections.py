"""How the system of an enterprise is connected: one row in force per environment, and the interfaces it has proved in the test.

Both come into force by an approved application (``accounts/onboarding/connection.py``). A change rewrites the addresses of
the row, not its codes; what stood before is kept by the applications.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.applications import Application
from accounts.models.who import Enterprise, User
from accounts.roles import Environment

#: The short code under which everybody finds the platform's own logistics enterprise of the test environment.
TEST_LOGISTICS = "T00000"


class Connection(models.Model):
    """What an enterprise's system was given in one environment, and from where and to where it talks there."""

    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="connections")
    environment = models.CharField(_("环境"), max_length=10, choices=Environment.choices)
    #: Those of the test begin with 9, those of production never do: no code is ever one of both.
    platform_code = models.CharField(_("平台代码"), max_length=7, unique=True)
    #: By which whoever carries parcels is found; T in the test, L in production.
    short_code = models.CharField(_("企业简码"), max_length=6, blank=True)
    #: Addresses, or narrow ranges of them, as ``ipaddress`` writes them.
    source_addresses = ArrayField(models.CharField(max_length=43), verbose_name=_("固定来源地址"))
    callback = models.CharField(_("异步回执回推地址"), max_length=300)
    #: Where its interfaces are, as it was told.
    service_address = models.CharField(_("接口地址"), max_length=200)
    #: Who of the staff helps with it: whoever approved. The name stands beside, as members see no staff.
    helper = models.ForeignKey(User, models.PROTECT, verbose_name=_("对接专员"), related_name="+")
    helper_name = models.CharField(_("对接专员"), max_length=60)
    #: What brought the addresses that are in force.
    application = models.ForeignKey(
        Application, models.PROTECT, verbose_name=_("申请"), null=True, blank=True, related_name="+"
    )
    since = models.DateTimeField(_("开通时间"), db_default=Now())
    changed = models.DateTimeField(_("上次变更"), null=True, blank=True)
    ended = models.DateTimeField(_("终止时间"), null=True, blank=True)
    #: Why staff ended it, for the enterprise to read.
    end_reason = models.CharField(_("终止原因"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("系统对接")
        verbose_name_plural = _("系统对接")
        ordering = ["enterprise", "-environment", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["enterprise", "environment"],
                name="accounts_connection_one_in_force",
                condition=models.Q(ended=None),
            ),
            models.UniqueConstraint(
                fields=["enterprise", "callback"],
                name="accounts_connection_callbacks_apart",
                condition=models.Q(ended=None),
            ),
            models.UniqueConstraint(
                fields=["short_code"], name="accounts_connection_short_code_once", condition=~models.Q(short_code="")
            ),
            models.CheckConstraint(
                condition=models.Q(environment="sandbox", platform_code__regex="^9[0-9]{6}$")
                | models.Q(environment="production", platform_code__regex="^[1-8][0-9]{6}$"),
                name="accounts_connection_codes_apart",
            ),
            models.CheckConstraint(
                condition=models.Q(short_code="")
                | models.Q(environment="sandbox", short_code__regex="^T[0-9]{5}$")
                & ~models.Q(short_code=TEST_LOGISTICS)
                | models.Q(environment="production", short_code__regex="^L[0-9]{5}$"),
                name="accounts_connection_short_codes_apart",
            ),
            models.CheckConstraint(
                condition=models.Q(callback__startswith="https://"), name="accounts_connection_callback_is_https"
            ),
            models.CheckConstraint(
                condition=models.Q(source_addresses__len__range=(1, 10)), name="accounts_connection_some_sources"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.platform_code} · {Environment(self.environment).label}"


class InterfaceProof(models.Model):
    """That an enterprise masters an interface in the test environment; once proved it stays so."""

    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="interface_proofs")
    #: A name of ``accounts.onboarding.interfaces.INTERFACES``.
    interface = models.CharField(_("接口"), max_length=20)
    #: The test message that shows it, and its day.
    message_number = models.CharField(_("测试报文编号"), max_length=60)
    day = models.DateField(_("测试日期"))
    #: The evidence staff agreed to; none where a call to the interface itself proved it.
    application = models.ForeignKey(
        Application, models.PROTECT, verbose_name=_("申请"), null=True, blank=True, related_name="+"
    )
    since = models.DateTimeField(_("通过时间"), db_default=Now())

    class Meta:
        verbose_name = _("联调通过的接口")
        verbose_name_plural = _("联调通过的接口")
        ordering = ["enterprise", "id"]
        constraints = [
            models.UniqueConstraint(fields=["enterprise", "interface"], name="accounts_interfaceproof_once"),
        ]

    def __str__(self) -> str:
        return f"{self.interface} {self.message_number}"
