"""The form page of every kind: filled in, checked, kept, filed, corrected."""

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from declarations.kinds import KINDS
from declarations.lifecycle import State
from declarations.models import Document, Draft, Outbound, Source
from tests import make
from tests.pages import filed

pytestmark = pytest.mark.django_db
SLUGS = [kind.slug for kind in KINDS]


@pytest.mark.parametrize("slug", SLUGS)
def test_it_files_what_is_right(slug, cast, client_of):
    for before in {"waybill": ("order", "payment"), "inventory": ("order", "payment", "waybill")}.get(slug, ()):
        filed.accept(filed.file(cast, before, 1))
    posted = {**filed.typed(slug, make.entry(slug, 1)), "do": "file"}
    answer = client_of(filed.FILERS[slug]).post(reverse("form", args=[slug]), posted)
    document = Document.objects.get(kind=slug)
    assert answer.headers["Location"] == reverse("detail", args=[slug, document.pk])
    assert document.state == State.QUEUED and document.source == Source.FORM
    assert Outbound.objects.filter(kind=slug).count() == 1


@pytest.mark.parametrize("slug", SLUGS)
def test_it_asks_for_every_field_a_clerk_fills(slug, cast, client_of):
    page = client_of(filed.FILERS[slug]).get(reverse("form", args=[slug])).content.decode()
    for name in make.entry(slug).head:
        assert f'name="h.{name}"' in page


@pytest.mark.parametrize("slug", SLUGS)
def test_it_says_what_is_wrong_on_top_and_at_the_field(slug, cast, client_of):
    page = client_of(filed.FILERS[slug]).post(reverse("form", args=[slug]), {"do": "file", "lines": "0"})
    said = page.context["page"].faults
    body = page.content.decode()
    assert said and not Document.objects.exists()
    for fault in said:
        assert fault.text in body
        if fault.target:
            assert f'href="#{fault.target}"' in body and f'id="{fault.target}"' in body
    assert 'aria-invalid="true"' in body


def test_it_keeps_what_was_typed(cast, client_of):
    entry = make.order(1, order_no='a"<b>', goods_value="abc")
    posted = {**filed.typed("order", entry), "do": "check"}
    body = client_of("merchant_filer").post(reverse("form", args=["order"]), posted).content.decode()
    assert 'value="a&quot;&lt;b&gt;"' in body and 'value="abc"' in body


def test_it_checks_without_filing(cast, client_of):
    posted = {**filed.typed("order", make.order(1)), "do": "check"}
    page = client_of("merchant_filer").post(reverse("form", args=["order"]), posted)
    assert page.context["passed"] and not Document.objects.exists()


def test_it_adds_and_removes_lines_without_script(cast, client_of):
    client, address = client_of("merchant_filer"), reverse("form", args=["order"])
    posted = filed.typed("order", make.order(1, lines=2))
    more = client.post(address, {**posted, "do": "add"}).context["page"].lines
    assert len(more) == 3 and more[2][0].is_first
    fewer = client.post(address, {**posted, "do": "remove-0"}).context["page"].lines
    assert [line[1].value for line in fewer] == [make.order(1, lines=2).lines[1]["item_name"]]


def test_it_names_the_line_that_is_wrong(cast, client_of):
    entry = make.order(1, lines=2)
    entry.lines[1]["country"] = "FRA"
    posted = {**filed.typed("order", entry), "do": "file"}
    (fault,) = client_of("merchant_filer").post(reverse("form", args=["order"]), posted).context["page"].faults
    assert fault.target == "f-1-country" and "第 2 项" in fault.label and "FRA" in fault.text


def test_it_tells_of_a_repeated_filing(cast, client_of):
    client = client_of("merchant_filer")
    posted = {**filed.typed("order", make.order(1)), "do": "file"}
    client.post(reverse("form", args=["order"]), posted)
    again = client.post(reverse("form", args=["order"]), posted)
    assert again.status_code == 200 and again.context["known"]
    assert Document.objects.count() == 1 and Outbound.objects.count() == 1


def test_it_keeps_a_draft_and_files_it_later(cast, client_of):
    client = client_of("merchant_filer")
    entry = make.order(1)
    half = filed.typed("order", entry) | {"h.buyer_name": ""}
    client.post(reverse("form", args=["order"]), {**half, "do": "draft"})
    draft = Draft.objects.get()
    assert entry.head["buyer_id_number"].encode() not in bytes(draft.content)
    address = reverse("draft", args=["order", draft.pk])
    assert entry.head["order_no"] in client.get(address).content.decode()
    assert entry.head["order_no"] in client.get(reverse("list", args=["order"]) + "?tab=drafts").content.decode()
    client.post(address, {**filed.typed("order", entry), "do": "file"})
    assert Document.objects.count() == 1 and not Draft.objects.exists()


def test_it_throws_a_draft_away(cast, client_of):
    client = client_of("merchant_filer")
    client.post(reverse("form", args=["order"]), {"h.order_no": "X1", "lines": "0", "do": "draft"})
    client.post(reverse("draft", args=["order", Draft.objects.get().pk]), {"do": "drop"})
    assert not Draft.objects.exists()


@pytest.mark.parametrize("slug", SLUGS)
def test_it_leads_a_refusal_back_to_its_field_and_files_anew(slug, cast, client_of):
    documents = filed.file(cast, slug, 1)
    filed.reject(documents)
    client = client_of(filed.FILERS[slug])
    address = reverse("form", args=[slug]) + f"?from={documents[0].pk}"
    detail = client.get(reverse("detail", args=[slug, documents[0].pk])).content.decode()
    assert address in detail and "1327" in detail
    page = client.get(address)
    assert documents[0].number in page.content.decode()
    assert AuditEntry.objects.filter(action="uncover").exists()
    values = {field.name: field.value for group in page.context["page"].groups for field in group.inputs}
    for line in page.context["page"].lines:
        values |= {field.name: field.value for field in line}
    values |= {"lines": str(len(page.context["page"].lines)), "h.note": "已更正", "do": "file"}
    assert client.post(address, values).status_code == 302
    document = Document.objects.get(pk=documents[0].pk)
    assert (document.state, document.attempt) == (State.QUEUED, 2)


def test_it_corrects_only_what_was_refused(cast, client_of):
    (document,) = filed.file(cast, "order", 1)
    client = client_of("merchant_filer")
    for number in (str(document.pk), "0", "x", "9" * 30):
        assert client.get(reverse("form", args=["order"]) + f"?from={number}").status_code == 404
