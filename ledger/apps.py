"""Registers the ledger with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    """担保金、税单与额度。"""

    name = "ledger"
    verbose_name = _("账务")
