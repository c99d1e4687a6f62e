"""Registers the application under its Chinese name."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Users, enterprises, members and what they did."""

    name = "accounts"
    verbose_name = _("企业与用户")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The desk of staff has more than one file."""
        autodiscover_modules("enterprise_admin", "record_admin", "notice_admin", "ending_admin", "connection_admin")
