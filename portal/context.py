"""What every page shows around its content: the product's name and contacts, the environment, the menu."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.menus import MENU_WITHOUT_ENTERPRISE, menu


def portal(request: HttpRequest) -> dict[str, Any]:
    """Template context: `portal` (name, contacts, environment) and `menu` for the acting member."""
    actor = getattr(request, "actor", None)
    production = settings.PORTAL_ENV == "production"
    return {
        "portal": {
            "name": settings.PORTAL_NAME,
            "name_en": settings.PORTAL_NAME_EN,
            "hotline": settings.PORTAL_HOTLINE,
            "email": settings.PORTAL_EMAIL,
            "environment": _("生产环境") if production else _("演示环境"),
            "is_trial": not production,
        },
        "actor": actor,
        "menu": (
            menu(actor.enterprise.types, actor.roles, request.path)
            if actor
            else menu((), (), request.path, MENU_WITHOUT_ENTERPRISE)
        ),
    }
