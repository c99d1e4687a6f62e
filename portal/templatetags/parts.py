"""The small parts every page is made of: icon, badge, lamp, meter, and how money and moments are written."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal import personal, sentences
from portal.looks import Look
from portal.money import money

register = template.Library()
register.filter(money)

_MASKS = {
    "name": personal.mask_name,
    "number": personal.mask_number,
    "phone": personal.mask_phone,
    "address": personal.mask_address,
}


@register.simple_tag
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """An icon of the sprite; `size` is s, l or xl. Without a label it is ornament and hidden from readers."""
    kind = f"i i-{size}" if size else "i"
    target = f"{static('icons.svg')}#{name}"
    if label:
        return format_html('<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>', kind, label, target)
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', kind, target)


@register.simple_tag
def badge(look: Look, size: str = "") -> SafeString:
    """A state as icon, word and customs code; never colour alone."""
    code = format_html("<b>{}</b>", look.code) if look.code else ""
    big = " st-lg" if size == "lg" else ""
    return format_html('<span class="st st-{}{}">{}{}{}</span>', look.tone, big, icon(look.icon), look.word, code)


@register.simple_tag
def lamp(tone: str, name: str) -> SafeString:
    """An icon in the solid colour of a tone, as in the timeline; the words stand beside it."""
    target = f"{static('icons.svg')}#{name}"
    return format_html('<svg class="i lamp-{}" aria-hidden="true"><use href="{}"/></svg>', tone, target)


@register.simple_tag
def meter(label: str, **shares: int) -> SafeString:
    """A bar of shares by tone (`ok=3 warn=1 bad=1`), drawn without inline style; `label` says it in words."""
    total = sum(shares.values()) or 1
    parts, start = [], 0.0
    for tone, share in shares.items():
        width = 100 * share / total
        if share:
            parts.append((tone, f"{start:.2f}%", f"{width:.2f}%"))
        start += width
    bars = format_html_join("", '<rect class="{}" x="{}" width="{}" height="8"/>', parts)
    return format_html('<svg class="meter" role="img" aria-label="{}" width="100%" height="8">{}</svg>', label, bars)


@register.filter
def speak(kept: str | None) -> str:
    """A sentence a worker kept, in the reader's language; any other text as it is."""
    return sentences.speak(kept)


@register.filter
def quantity(value: Any) -> str:
    """A quantity without idle zeros."""
    if value is None or value == "":
        return ""
    text = f"{Decimal(value):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.filter
def when(value: datetime | date | None) -> str:
    """A moment as short as it can be: 13:14 today, 06-16 this year, else 2025-06-16 (Shanghai time)."""
    return _moment(value, "%H:%M", "%m-%d", "%Y-%m-%d")


@register.filter
def exactly(value: datetime | None) -> str:
    """A moment to the second: 13:14:05 today, 06-16 13:14:05 this year, else with the year (Shanghai time)."""
    return _moment(value, "%H:%M:%S", "%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S")


def _moment(value: datetime | date | None, today: str, this_year: str, else_: str) -> str:
    if value is None:
        return ""
    now = timezone.localtime()
    if not isinstance(value, datetime):
        return value.strftime("%m-%d" if value.year == now.year else "%Y-%m-%d")
    local = timezone.localtime(value)
    if local.date() == now.date():
        return local.strftime(today)
    return local.strftime(this_year if local.year == now.year else else_)


@register.filter
def waited(value: datetime | None) -> str:
    """How long ago, as a length: 3 小时 12 分."""
    if value is None:
        return ""
    minutes = max(int((timezone.now() - value).total_seconds() // 60), 0)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return _("%(days)d 天 %(hours)d 小时") % {"days": days, "hours": hours}
    if hours:
        return _("%(hours)d 小时 %(minutes)d 分") % {"hours": hours, "minutes": minutes % 60}
    return ngettext("%(minutes)d 分", "%(minutes)d 分", minutes) % {"minutes": minutes}


@register.filter
def masked(value: str, mask: str) -> str:
    """A personal value with its middle hidden; `mask` is name, number, phone or address."""
    return _MASKS[mask](value) if value else ""
