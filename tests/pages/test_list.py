"""The list page of every kind: what it shows, in how many queries, and that it stays one's own."""

import pytest
from django.urls import reverse

from declarations.doors import tables
from declarations.kinds import KINDS
from declarations.lifecycle import State
from tests.pages import filed

pytestmark = pytest.mark.django_db
SLUGS = [kind.slug for kind in KINDS]


@pytest.mark.parametrize("slug", SLUGS)
def test_it_lists_what_was_filed(slug, cast, client_of):
    (document,) = filed.file(cast, slug, 1)
    page = client_of(filed.FILERS[slug]).get(reverse("list", args=[slug])).content.decode()
    assert document.number in page
    assert reverse("detail", args=[slug, document.pk]) in page
    assert "待发送" in page


@pytest.mark.parametrize("slug", SLUGS)
def test_it_says_how_to_begin_when_empty(slug, cast, client_of):
    page = client_of(filed.FILERS[slug]).get(reverse("list", args=[slug])).content.decode()
    assert "从表格导入最快" in page


def test_it_shows_nothing_of_others(cast, client_of):
    (document,) = filed.file(cast, "order", 1)
    page = client_of("neighbour_filer").get(reverse("list", args=["order"])).content.decode()
    assert document.number not in page


def test_it_counts_each_state_and_opens_its_tab(cast, client_of):
    documents = filed.file(cast, "order", 1, 2, 3)
    filed.reject(documents[:1])
    client = client_of("merchant_filer")
    page = client.get(reverse("list", args=["order"]) + "?tab=todo")
    rows = page.context["page"].rows
    assert [row.number for row in rows] == [documents[0].number]
    assert rows[0].next_step.startswith("1327 ")
    counts = {tab.slug: tab.count for tab in page.context["page"].tabs}
    assert counts == {"": 3, "todo": 1, "drafts": 0, "queued": 2, "declaring": 0, "stored": 0}


def test_it_narrows_by_number_code_source_and_day(cast, client_of):
    documents = filed.file(cast, "order", 1, 2)
    filed.reject(documents[:1])
    client = client_of("merchant_filer")
    day = documents[0].filed_at.astimezone().date()
    for query, wanted in {
        f"q={documents[1].number}": {documents[1].number},
        "q=SH2025": {document.number for document in documents},
        "code=100": {documents[0].number},
        "source=form": {document.number for document in documents},
        "source=workbook": set(),
        "until=2001-01-01": set(),
        f"since={day}&until=9999-12-31": {document.number for document in documents},
    }.items():
        page = client.get(reverse("list", args=["order"]) + "?" + query).context["page"]
        assert {row.number for row in page.rows} == wanted, query


@pytest.mark.parametrize(
    "query",
    ["tab=none", "before=x", "after=-1", "before=" + "9" * 30, "since=2025-02-30", "until=abc", "q=%00%27", "source=x"],
)
def test_it_never_breaks_on_a_strange_address(query, cast, client_of):
    assert client_of("merchant_filer").get(reverse("list", args=["order"]) + "?" + query).status_code == 200


def test_it_turns_pages_by_key_both_ways(cast, client_of, monkeypatch):
    monkeypatch.setattr(tables, "ROWS", 2)
    filed.file(cast, "order", 1, 2, 3, 4, 5)
    client = client_of("merchant_filer")
    first = client.get(reverse("list", args=["order"])).context["page"]
    assert len(first.rows) == 2 and first.older and not first.newer
    second = client.get(first.older).context["page"]
    third = client.get(second.older).context["page"]
    assert len(third.rows) == 1 and not third.older
    assert client.get(third.newer).context["page"].rows == second.rows
    assert client.get(second.newer).context["page"].rows == first.rows


def test_it_answers_htmx_with_the_part_that_changes(cast, client_of):
    client = client_of("merchant_filer")
    address = reverse("list", args=["order"])
    part = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and 'class="tabs"' in part
    back = client.get(address, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}).content.decode()
    assert "<html" in back


@pytest.mark.parametrize("slug", SLUGS)
def test_it_costs_the_same_queries_for_one_and_for_many(slug, cast, client_of, django_assert_max_num_queries):
    client = client_of(filed.FILERS[slug])
    filed.file(cast, slug, 1)
    client.get(reverse("list", args=[slug]))
    with django_assert_max_num_queries(16) as one:
        client.get(reverse("list", args=[slug]))
    filed.file(cast, slug, *range(2, 12))
    with django_assert_max_num_queries(len(one.captured_queries)):
        client.get(reverse("list", args=[slug]))


def test_it_masks_persons_everywhere(cast, client_of):
    (document,) = filed.file(cast, "order", 1)
    client = client_of("merchant_filer")
    for address in (reverse("list", args=["order"]), reverse("detail", args=["order", document.pk])):
        page = client.get(address).content.decode()
        for value in (document.order.buyer_name, document.order.buyer_id_number, document.order.buyer_telephone):
            assert value and value not in page


def test_it_gives_every_state_a_badge_and_a_turn():
    for kind in KINDS:
        for state in State:
            assert tables.look(state).word
            assert tables.turn(kind, state).what
    assert {state for group in tables.GROUPS for state in group.states} == set(State)
