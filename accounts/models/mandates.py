"""Who files whose lists: a mandate one enterprise gives and another takes, by mode and district, from day to day.

Moves are made in ``accounts/mandates.py``. It belongs to both parties and to nobody else (migration 0011).
"""

from datetime import date

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.codes import check_district
from accounts.models.who import Enterprise
from accounts.roles import Mode


class MandateState(models.TextChoices):
    """How far a mandate has come; only an accepted one is in force, on its days."""

    PROPOSED = "proposed", _("待对方答复")
    ACCEPTED = "accepted", _("已接受")
    DECLINED = "declined", _("未接受")
    REVOKED = "revoked", _("已撤销")


class Mandate(models.Model):
    """The principal has the agent file lists on which it is the e-commerce enterprise: a merchant, or a platform that sells
    itself. Orders, payments and waybills are filed in one's own name, so no other kind asks for one."""

    principal = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("委托方"), related_name="mandates_given")
    agent = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("受托方"), related_name="mandates_taken")
    mode = models.CharField(_("业务模式"), max_length=4, choices=Mode.choices)
    #: Empty: every district.
    district = models.CharField(_("申报关区"), max_length=4, blank=True, validators=[check_district])
    first_day = models.DateField(_("开始日期"))
    last_day = models.DateField(_("结束日期"))
    state = models.CharField(_("状态"), max_length=10, choices=MandateState.choices, default=MandateState.PROPOSED)
    #: Which of the two proposed it: the other one answers.
    proposer = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("提出方"), related_name="+")
    proposed_at = models.DateTimeField(_("提出时间"), db_default=Now(), editable=False)
    answered_at = models.DateTimeField(_("答复时间"), null=True, blank=True)
    revoker = models.ForeignKey(
        Enterprise, models.PROTECT, verbose_name=_("撤销方"), null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(_("撤销时间"), null=True, blank=True)
    #: Why it was declined or revoked; the other party reads it.
    reason = models.CharField(_("原因"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("委托")
        verbose_name_plural = _("委托")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["agent", "principal"], name="accounts_mandate_in_force", condition=models.Q(state="accepted")
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(principal=models.F("agent")), name="accounts_mandate_between_two"
            ),
            models.CheckConstraint(
                condition=models.Q(proposer=models.F("principal")) | models.Q(proposer=models.F("agent")),
                name="accounts_mandate_proposed_by_a_party",
            ),
            models.CheckConstraint(
                condition=models.Q(first_day__lte=models.F("last_day")), name="accounts_mandate_days_in_order"
            ),
            models.CheckConstraint(condition=models.Q(mode__in=Mode.values), name="accounts_mandate_of_a_mode"),
            models.CheckConstraint(
                condition=models.Q(district="") | models.Q(district__regex=r"^[0-9]{4}$"),
                name="accounts_mandate_of_a_district",
            ),
            models.UniqueConstraint(
                fields=["principal", "agent", "mode", "district"],
                name="accounts_mandate_asked_once",
                condition=models.Q(state="proposed"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    def in_force(self, day: date | None = None) -> bool:
        """Whether lists may be filed under it on that day, today if none is named."""
        day = day or timezone.localdate()
        return self.state == MandateState.ACCEPTED and self.first_day <= day <= self.last_day
