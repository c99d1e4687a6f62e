"""The form page of every kind: filled in, checked, kept, filed, corrected."""

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from declarations import published
from declarations.doors import forms
from declarations.filing import check_documents
from declarations.kinds import KINDS, kind
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


def test_it_warns_before_filing_unchanged_what_was_refused(cast, client_of):
    documents = filed.file(cast, "order", 1)
    filed.reject(documents)
    client = client_of("merchant_filer")
    address = reverse("form", args=["order"]) + f"?from={documents[0].pk}"
    page = client.get(address).context["page"]
    typed = {one.name: one.value for group in page.groups for one in group.inputs}
    typed |= {one.name: one.value for line in page.lines for one in line} | {
        "lines": str(len(page.lines)),
        "do": "file",
    }
    warned = client.post(address, typed)
    assert warned.context["same"] and "完全相同" in warned.content.decode()
    assert 'name="same"' in warned.content.decode()
    assert client.post(address, {**typed, "same": "1"}).status_code == 302
    assert Document.objects.get(pk=documents[0].pk).attempt == 2


@pytest.mark.parametrize("spoilt", ["A\x00B", "A\ud800B"])
@pytest.mark.parametrize("name", ["order_no", "ebp_code", "buyer_name"])
def test_it_refuses_what_no_text_can_hold_at_its_field(name, spoilt, cast):
    posted = {**filed.typed("order", make.order(1)), f"h.{name}": spoilt}
    entry = forms.read(kind("order"), posted)
    (found,) = check_documents(actor=filed.actor(cast, "order"), kind=kind("order"), entries=[entry])
    assert ("S07", name) in {(problem.rule, problem.field) for problem in found}


@pytest.mark.parametrize("wish", ["remove-" + "9" * 5000, "remove-x", "remove--1", "remove-²"])
def test_it_takes_any_wish_and_any_number_of_lines(wish, cast, client_of):
    posted = {**filed.typed("order", make.order(1)), "do": wish}
    client = client_of("merchant_filer")
    lines = client.post(reverse("form", args=["order"]), posted).context["page"].lines
    assert len(lines) == int(posted["lines"])
    assert client.post(reverse("form", args=["order"]), {**posted, "lines": "9" * 5000}).status_code == 200


def test_it_takes_the_exact_name_of_a_code_and_says_so(cast, client_of):
    entry = make.order(1)
    country, unit = entry.lines[0]["country"], entry.lines[0]["unit"]
    entry.lines[0]["country"] = published.codes("countries")[country]
    page = client_of("merchant_filer").post(
        reverse("form", args=["order"]), {**filed.typed("order", entry), "do": "check"}
    )
    assert page.context["passed"] and [told.target for told in page.context["named"]] == ["f-0-country"]
    values = {one.column: one.value for one in page.context["page"].lines[0]}
    assert (values["country"], values["unit"]) == (country, unit)


def test_a_name_of_two_codes_is_not_guessed(cast, client_of):
    """Two published districts are called 济南海关; 上海海关 is one."""
    districts = published.codes("districts")
    assert sorted(code for code, name in districts.items() if name == "济南海关") == ["4205", "4300"]
    entry = make.inventory(1)
    entry.head["customs_code"], entry.head["port_code"] = "济南海关", districts["2200"]
    page = client_of("warehouse_filer").post(
        reverse("form", args=["inventory"]), {**filed.typed("inventory", entry), "do": "check"}
    )
    values = {one.column: one.value for group in page.context["page"].groups for one in group.inputs}
    assert (values["customs_code"], values["port_code"]) == ("济南海关", "2200")


@pytest.mark.parametrize("slug", SLUGS)
def test_its_hints_speak_of_the_form_and_of_this_filer(slug, cast, client_of):
    body = client_of(filed.FILERS[slug]).get(reverse("form", args=[slug])).content.decode()
    assert "Excel" not in body and "模板" not in body


def test_it_asks_for_the_other_party_and_not_for_oneself(cast, client_of):
    page = client_of("merchant_filer").get(reverse("form", args=["order"])).context["page"]
    asked = {one.column: one for group in page.groups for one in group.inputs}
    assert asked["ebp_code"].is_needed and "可不填" not in asked["ebp_code"].note
    assert not asked["ebc_code"].is_needed and asked["ebc_code"].value and "可不填" in asked["ebc_code"].note


def test_it_says_that_a_line_is_still_empty(cast, client_of):
    client, address = client_of("merchant_filer"), reverse("form", args=["order"])
    posted = filed.typed("order", make.order(1))
    assert "还有一项是空的" not in client.post(address, {**posted, "do": "add"}).content.decode()
    one_more = str(int(posted["lines"]) + 1)
    page = client.post(address, {**posted, "lines": one_more, "do": "add"})
    assert str(len(page.context["page"].lines)) == one_more and "还有一项是空的" in page.content.decode()


def test_it_leads_on_by_the_browser_when_htmx_posts(cast, client_of):
    posted = {**filed.typed("order", make.order(1)), "do": "file"}
    answer = client_of("merchant_filer").post(reverse("form", args=["order"]), posted, headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == reverse("detail", args=["order", Document.objects.get().pk])
