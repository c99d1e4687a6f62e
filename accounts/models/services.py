"""What an enterprise has been activated for: as what, in which mode, in which district, cleared by whom.

A row comes into force when its application is approved (``accounts/onboarding/services.py``); one that takes its place
ends it, or staff do.
"""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.codes import check_customs_code, check_district
from accounts.models.applications import Application
from accounts.models.who import Enterprise
from accounts.roles import EnterpriseType, Mode


class Service(models.Model):
    """One service of an enterprise; in force until it has ended."""

    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="services")
    enterprise_type = models.CharField(_("企业类型"), max_length=20, choices=EnterpriseType.choices)
    mode = models.CharField(_("业务模式"), max_length=4, choices=Mode.choices)
    district = models.CharField(_("开展业务关区"), max_length=4, validators=[check_district])
    #: The clearance-service enterprise as it was called at the approval.
    clearance_code = models.CharField(_("通关服务企业编码"), max_length=10, validators=[check_customs_code])
    clearance_name = models.CharField(_("通关服务企业"), max_length=100)
    since = models.DateTimeField(_("开通时间"), db_default=Now())
    ended = models.DateTimeField(_("终止时间"), null=True, blank=True)
    #: Why staff ended it, for the enterprise to read; empty where another took its place.
    end_reason = models.CharField(_("终止原因"), max_length=200, blank=True, default="", db_default="")
    application = models.ForeignKey(
        Application, models.PROTECT, verbose_name=_("申请"), null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("已开通服务")
        verbose_name_plural = _("已开通服务")
        ordering = ["enterprise", "enterprise_type", "mode", "district", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["enterprise", "enterprise_type", "mode", "district"],
                name="accounts_service_one_in_force",
                condition=models.Q(ended=None),
            )
        ]

    def __str__(self) -> str:
        return f"{EnterpriseType(self.enterprise_type).label} {self.mode} {self.district}"
