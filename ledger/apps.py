"""Registers the ledger with Django."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    """担保金、税单与额度。"""

    name = "ledger"
    verbose_name = _("账务")

    def ready(self) -> None:
        """Have the known rules of tax in their table after every migration."""
        # Not above: Django reads this module before it loads models.
        from ledger.tariff import keep_rules  # noqa: PLC0415

        post_migrate.connect(keep_rules, sender=self)
