"""What holds for every page: nothing inline (the policy forbids it), labels, one heading, nothing dead."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse
from django.utils import timezone
from lxml import html

from portal.templatetags import parts
from tests import make
from tests.pages import filed


def pages(cast):
    """Pages of an enterprise with something in every list."""
    documents = filed.file(cast, "order", 1, 2)
    filed.reject(documents[:1])
    upload = filed.uploaded(cast, "order", [make.order(3), make.order(4, goods_value="1")])
    return [
        reverse("home"),
        reverse("uploads"),
        reverse("upload_check", args=[upload.pk]),
        reverse("list", args=["order"]),
        reverse("list", args=["order"]) + "?tab=todo&q=nothing",
        reverse("list", args=["order"]) + "?tab=drafts",
        reverse("form", args=["order"]),
        reverse("form", args=["order"]) + f"?from={documents[0].pk}",
        reverse("upload", args=["order"]),
        reverse("detail", args=["order", documents[0].pk]),
        reverse("switch_enterprise"),
        "/nowhere/",
        reverse("list", args=["payment"]),
    ]


@pytest.mark.django_db
def test_it_is_sound_markup_on_every_page(cast, client_of):
    client = client_of("merchant_filer")
    for address in pages(cast):
        response = client.get(address)
        assert response.status_code in (200, 403, 404), address
        page = html.fromstring(response.content)
        assert_nothing_inline(page, address)
        assert_named(page, address)
        assert_alive(page, address)


def assert_nothing_inline(page, address):
    """No script, style or handler in the page itself."""
    assert not page.xpath("//style | //@style | //@*[starts-with(name(), 'on')]"), address
    for script in page.iter("script"):
        assert script.get("src") and not (script.text or "").strip(), address
    assert "javascript:" not in html.tostring(page, encoding="unicode"), address


def assert_named(page, address):
    """One h1, a language, a title; every input has a label; ids are unique; every reference is met."""
    assert len(page.xpath("//h1")) == 1, address
    assert page.get("lang") and page.findtext(".//title").strip(), address
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids)), (address, sorted(one for one in ids if ids.count(one) > 1))
    for field in page.xpath("//input[not(@type='hidden')] | //select | //textarea"):
        labelled = (
            page.xpath(f"//label[@for='{field.get('id')}']") if field.get("id") else field.xpath("ancestor::label")
        )
        assert labelled or field.get("aria-label"), (address, field.attrib)
    for attribute in ("aria-describedby", "aria-labelledby", "list"):
        for value in page.xpath(f"//@{attribute}"):
            assert set(value.split()) <= set(ids), (address, attribute, value)
    for button in page.xpath("//button | //a"):
        assert button.text_content().strip() or button.get("aria-label"), (address, html.tostring(button))


def assert_alive(page, address):
    """Every link leads somewhere; what htmx fetches has the same address without script."""
    for link in page.iter("a"):
        assert link.get("href") not in (None, "", "#"), (address, html.tostring(link))
        if link.get("href").startswith("#"):
            assert link.get("href")[1:] in page.xpath("//@id"), (address, link.get("href"))
        if link.get("hx-get"):
            assert link.get("hx-get") == link.get("href"), address
    for place in page.xpath("//*[local-name()='use']/@href"):
        _name, _hash, symbol = place.rpartition("#")
        assert symbol in SYMBOLS, (address, place)


with open(finders.find("icons.svg"), encoding="utf-8") as _sprite:
    SYMBOLS = set(html.fromstring(_sprite.read().encode()).xpath("//@id"))


def test_it_writes_money_and_quantities():
    assert parts.money(Decimal("1234567.5")) == "1,234,567.50"
    assert parts.money(Decimal("0")) == "0.00"
    assert parts.money(Decimal("1.23450")) == "1.2345"
    assert parts.money(None) == ""
    assert parts.quantity(Decimal("1200.00000")) == "1,200"
    assert parts.quantity(Decimal("0.50000")) == "0.5"


def test_it_writes_moments_as_short_as_they_can_be():
    now = timezone.localtime()
    assert parts.when(now) == f"{now:%H:%M}"
    assert parts.when(datetime(2001, 2, 3, 4, 5, tzinfo=now.tzinfo)) == "2001-02-03"
    assert parts.when(date(2001, 2, 3)) == "2001-02-03"
    assert parts.when(None) == ""
    assert parts.waited(timezone.now() - timedelta(hours=3, minutes=12)) == "3 小时 12 分"
    assert parts.waited(timezone.now() - timedelta(days=2, hours=1)) == "2 天 1 小时"


def test_it_draws_a_badge_with_word_and_code_and_escapes():
    drawn = parts.badge(SimpleNamespace(tone="bad", icon="x-circle", word="<退单>", code="100"))
    assert "&lt;退单&gt;" in drawn and "<b>100</b>" in drawn and "st-bad" in drawn


def test_it_draws_shares_without_inline_style():
    drawn = parts.meter("一半", ok=1, bad=1)
    assert 'width="50.00%"' in drawn and "style" not in drawn
    assert "rect" not in parts.meter("无", ok=0)
