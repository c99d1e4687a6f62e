"""Pages that ask again by themselves: what moves comes in anew, what stands still costs nothing and is left alone."""

import pytest
from django.urls import reverse
from lxml import html

from declarations.lifecycle import State
from tests.pages import filed

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def seen(page) -> str:
    """What the page would say it has seen, when it asks again."""
    return page.context["seen"]


def asks(page) -> list[str]:
    """When the page asks again."""
    return html.fromstring(page.content).xpath("//main//*[@hx-trigger]/@hx-trigger")


@pytest.mark.parametrize("path", ["detail", "list"])
def test_it_asks_again_and_is_answered_only_when_something_moved(path, cast, client_of):
    documents = filed.file(cast, "order", 1)
    client = client_of("merchant_filer")
    address = reverse(path, args=["order", documents[0].pk] if path == "detail" else ["order"])
    page = client.get(address)
    assert asks(page) == ["every 3s"] and "刷新看进度" in page.content.decode()
    assert client.get(address, {"seen": seen(page)}, headers=HTMX).status_code == 204
    filed.accept(documents)
    part = client.get(address, {"seen": seen(page)}, headers=HTMX)
    assert part.status_code == 200 and "申报中" in part.content.decode() and "<html" not in part.content.decode()
    assert "seen=" not in part.content.decode()


def test_it_stops_asking_when_nothing_moves_any_more(cast, client_of):
    documents = filed.file(cast, "order", 1, 2)
    filed.accept(documents[:1])
    filed.move(documents[:1], State.STORED, code="120")
    filed.reject(documents[1:])
    client = client_of("merchant_filer")
    for document in documents:
        assert asks(client.get(reverse("detail", args=["order", document.pk]))) == []
    assert asks(client.get(reverse("list", args=["order"]))) == []


def test_a_list_asks_for_its_rows_and_counts_and_leaves_the_filter_alone(cast, client_of):
    filed.file(cast, "order", 1)
    page = html.fromstring(client_of("merchant_filer").get(reverse("list", args=["order"]) + "?q=SH").content)
    (rows,) = page.xpath("//*[@id='rows']")
    assert rows.get("hx-select-oob") == "#tabs" and page.xpath("//*[@id='tabs']")
    assert rows.get("hx-get").endswith("?q=SH")
    assert not rows.xpath(".//form")
