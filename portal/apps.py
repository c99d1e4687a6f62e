"""Registers the ground with Django: its system checks, and the Celery application that @shared_task binds to."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from portal import checks
from portal.celery import app

__all__ = ["PortalConfig", "app", "checks"]


class PortalConfig(AppConfig):
    """The portal itself: no tables, only commands, checks and template tags."""

    name = "portal"
    verbose_name = _("门户")
