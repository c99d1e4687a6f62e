"""The names of published codes, for pages of every app."""

from django import template

from declarations.published import codes

register = template.Library()


@register.filter
def named_in(code: str, table: str) -> str:
    """The name a table gives to a code; empty where it has none."""
    return codes(table).get(code, "")
