"""How many applications and messages wait for a person, and how many differences in the books: the first page of staff."""

from typing import NamedTuple

from django import template
from django.contrib import admin
from django.db.models import Model, Q
from django.template import Context
from django.urls import reverse

from accounts.models import Application
from accounts.models.applications import WAITS_FOR_STAFF
from declarations.admin import WAITING
from ledger.models import Discrepancy, LimitChange, LimitState

register = template.Library()

OF_THE_DESK: dict[type[Model], Q] = {
    Application: Q(state__in=WAITS_FOR_STAFF),
    **WAITING,
    Discrepancy: Q(closed_at=None),
    LimitChange: Q(state=LimitState.PROPOSED),
}


class Row(NamedTuple):
    """One table of the desk: its name, how many of its rows wait, and where they are listed."""

    name: str
    waiting: int
    address: str


@register.simple_tag(takes_context=True)
def waiting_for_a_person(context: Context) -> list[Row]:
    """A row for each table that this member of staff may see."""
    request = context["request"]
    return [
        Row(
            str(model._meta.verbose_name),
            desk.get_queryset(request).filter(wait).count(),
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"),
        )
        for model, wait in OF_THE_DESK.items()
        if (desk := admin.site._registry[model]).has_view_permission(request)
    ]
