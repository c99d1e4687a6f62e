"""Registers the declarations with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeclarationsConfig(AppConfig):
    """单证的填报、发送与回执。"""

    name = "declarations"
    verbose_name = _("申报")
