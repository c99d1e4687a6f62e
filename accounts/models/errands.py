"""加密证书代办 after it was taken on: one row for each step staff made, never changed.

Taken on is the approval of the application. Steps are made in ``accounts/onboarding/errand_moves.py`` and nowhere else.
"""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.applications import Application
from accounts.models.who import User


class ErrandStage(models.TextChoices):
    """What a step has come to."""

    AT_CENTRE = "at_centre", _("已送制卡中心")
    READY = "ready", _("可领取")
    HANDED_OVER = "handed_over", _("已交付")
    FAILED = "failed", _("未能办成")


#: In this order, one after the other; it may fail instead of any of them.
WAY = (ErrandStage.AT_CENTRE, ErrandStage.READY, ErrandStage.HANDED_OVER)
#: Nothing comes after these.
OVER = (ErrandStage.HANDED_OVER, ErrandStage.FAILED)


class ErrandStep(models.Model):
    """One step: when it was made, by whom, and what the enterprise is told beside it."""

    application = models.ForeignKey(Application, models.PROTECT, verbose_name=_("申请"), related_name="errand_steps")
    number = models.PositiveSmallIntegerField(_("第几步"))
    stage = models.CharField(_("进度"), max_length=11, choices=ErrandStage.choices)
    #: When it happened, as staff say; ``at`` is when they wrote it down.
    day = models.DateField(_("日期"))
    note = models.CharField(_("说明"), max_length=500, blank=True)
    by = models.ForeignKey(User, models.PROTECT, verbose_name=_("登记人"), related_name="+")
    at = models.DateTimeField(_("登记时间"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("代办进度")
        verbose_name_plural = _("代办进度")
        ordering = ["application", "number"]
        constraints = [
            models.UniqueConstraint(fields=["application", "number"], name="accounts_errandstep_once"),
            models.CheckConstraint(
                condition=models.Q(number=1, stage="at_centre")
                | models.Q(number=2, stage="ready")
                | models.Q(number=3, stage="handed_over")
                | models.Q(number__range=(1, 3), stage="failed") & ~models.Q(note=""),
                name="accounts_errandstep_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application} · {self.get_stage_display()}"
