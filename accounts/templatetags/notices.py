"""What pages show of what people are told: the number beside the bell, and the announcements of now."""

from typing import Any

from django import template
from django.template.context import Context

from accounts.announcements import current
from accounts.models import Announcement
from accounts.notices import unread_of

register = template.Library()


@register.simple_tag(takes_context=True)
def unread_notices(context: Context) -> int:
    """How many notices the reader of the page has not read."""
    user: Any = context["request"].user
    return unread_of(user) if user.is_authenticated else 0


@register.simple_tag(takes_context=True)
def announcements(context: Context) -> list[Announcement]:
    """What staff tell the reader now."""
    return current(context["request"])
