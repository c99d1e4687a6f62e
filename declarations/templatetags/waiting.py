"""How many messages wait for a person, on the first page of the desk of staff."""

from typing import NamedTuple

from django import template
from django.contrib import admin
from django.template import Context
from django.urls import reverse

from declarations.admin import WAITING

register = template.Library()


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
            desk.get_queryset(request).count(),
            reverse(f"admin:declarations_{model._meta.model_name}_changelist"),
        )
        for model in WAITING
        if (desk := admin.site._registry[model]).has_view_permission(request)
    ]
