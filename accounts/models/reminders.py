"""That staff reminded somebody of an application: once a day at most, whoever of them presses the button."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.applications import Application
from accounts.models.who import User


class Reminder(models.Model):
    """One reminder by e-mail; whom it went to follows from the state the application was in."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="reminders")
    #: The day in Shanghai.
    on = models.DateField(_("催办日期"))
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(_("时间"), db_default=Now())

    class Meta:
        verbose_name = _("催办")
        verbose_name_plural = _("催办")
        ordering = ["application", "on"]
        constraints = [models.UniqueConstraint(fields=["application", "on"], name="accounts_reminder_once_a_day")]

    def __str__(self) -> str:
        return f"{self.application} · {self.on}"
