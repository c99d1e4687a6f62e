"""Registers the declarations with Django, and compiles the description where it will be used."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

#: The processes that check, pack and write documents; commands have other things to do and start faster.
COMPILING = frozenset({"web", "worker"})


class DeclarationsConfig(AppConfig):
    """单证的填报、发送与回执。"""

    name = "declarations"
    verbose_name = _("申报")

    def ready(self) -> None:
        """Say what keeps a type from being given up and codes from changing; compile the description of every kind before the first request or
        task, where a broken one stops the start.
        """
        # Not above: kinds are models, and Django reads this module before it loads models.
        from accounts.onboarding import numbers, numbers_elsewhere, types  # noqa: PLC0415
        from declarations.access import lists_naming, under_way, unfollowed  # noqa: PLC0415

        types.holding.append(under_way)
        numbers.naming.append(lists_naming)
        numbers_elsewhere.waiting_for_lists.append(unfollowed)
        if settings.PORTAL_PROCESS in COMPILING:
            from declarations.compiling import compile_all  # noqa: PLC0415

            compile_all()
