"""The desk of staff over connected systems: opened and changed by approving applications, looked at here."""

from django.contrib import admin

from accounts.admin import ReadOnly
from accounts.models import Connection, InterfaceProof


@admin.register(Connection)
class ConnectionAdmin(ReadOnly):
    """Connections: found by either code."""

    list_display = (
        "platform_code",
        "environment",
        "enterprise",
        "short_code",
        "callback",
        "helper",
        "since",
        "changed",
    )
    list_filter = ("environment", "since")
    list_select_related = ("enterprise", "helper")
    search_fields = ("platform_code", "short_code", "enterprise__name", "enterprise__customs_code")


@admin.register(InterfaceProof)
class InterfaceProofAdmin(ReadOnly):
    """Interfaces proved in the test environment."""

    list_display = ("enterprise", "interface", "message_number", "day", "since")
    list_filter = ("interface", "since")
    list_select_related = ("enterprise",)
    search_fields = ("message_number", "enterprise__name", "enterprise__customs_code")
