"""Registers the ledger with Django."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    """担保金、税单与额度。"""

    name = "ledger"
    verbose_name = _("账务")

    def ready(self) -> None:
        """Have the known rules of tax in their table after every migration, limits follow what is approved, and say what
        keeps an enterprise from other numbers.

        The desk of staff has more than one file.
        """
        # Not above: Django reads this module before it loads models.
        from accounts.onboarding import numbers  # noqa: PLC0415
        from accounts.onboarding.evidence import guarantee_verified  # noqa: PLC0415
        from ledger.access import lists_guaranteed_by  # noqa: PLC0415
        from ledger.limits import follow_approval  # noqa: PLC0415
        from ledger.tariff import keep_rules  # noqa: PLC0415

        post_migrate.connect(keep_rules, sender=self)
        guarantee_verified.connect(follow_approval)
        numbers.guaranteed.append(lists_guaranteed_by)
        autodiscover_modules("limit_admin")
