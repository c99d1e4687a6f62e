"""The list page of every kind: what it shows, in how many queries, and that it stays one's own."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_noop
from lxml import html

from accounts.access import actor_of
from declarations.access import documents_of
from declarations.doors import tables, uploads
from declarations.filing import save_draft
from declarations.kinds import KINDS
from declarations.kinds import kind as kind_of
from declarations.lifecycle import State
from declarations.models import Document, Outbound, OutboundState
from portal import paging
from portal.sentences import keep
from portal.tenancy import acting_as
from tests import make
from tests.pages import filed, trade

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
        "q=H2025": set(),
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
    ["tab=none", "before=x", "after=-1", "before=" + "9" * 30, "since=2025-02-30", "until=abc", "q=%27%5C", "source=x"],
)
def test_it_never_breaks_on_a_strange_address(query, cast, client_of):
    assert client_of("merchant_filer").get(reverse("list", args=["order"]) + "?" + query).status_code == 200


def test_it_turns_pages_by_key_both_ways(cast, client_of, monkeypatch):
    monkeypatch.setattr(paging, "ROWS", 2)
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


def test_a_period_the_wrong_way_round_is_said(cast, client_of):
    text = client_of("merchant_filer").get("/order/?since=2025-06-02&until=2025-06-01").content.decode()
    assert "起始日 2025-06-02 晚于截止日 2025-06-01，请对调" in text
    assert "请对调" not in client_of("merchant_filer").get("/order/?since=2025-06-01&until=2025-06-01").content.decode()


@pytest.mark.parametrize("slug", SLUGS)
def test_it_costs_the_same_queries_for_one_and_for_many(slug, cast, client_of, django_assert_max_num_queries):
    client = client_of(filed.FILERS[slug])
    filed.file(cast, slug, 1)
    client.get(reverse("list", args=[slug]))
    # One for the licence, where the type needs it; one for the services; one for the bell.
    with django_assert_max_num_queries(19) as one:
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
    assert {state for stage in tables.STAGES for state in stage.states} == set(State)


def copied(document: Document, many: int) -> None:
    """So many further documents like this one, with numbers of their own."""
    own = {"number": "'N' || n", "key": "'K' || n", "order_no": "'R' || n"}
    columns = [field.column for field in Document._meta.concrete_fields if field.column != "id"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO declarations_document ({', '.join(columns)}) "
            f"SELECT {', '.join(own.get(column, column) for column in columns)} FROM declarations_document, "
            "generate_series(1, %s) AS n WHERE id = %s",
            [many, document.pk],
        )
        cursor.execute("ANALYZE declarations_document")


@pytest.mark.parametrize("slug", ["order", "inventory"])
def test_it_searches_by_the_beginning_of_a_number_through_indexes_of_both_numbers(slug, cast):
    (document,) = filed.file(cast, slug, 1)
    copied(document, 3000)
    actor = filed.actor(cast, slug)
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        narrowed = tables.Filter(q=document.number[:12]).narrowed(kind_of(slug), documents_of(actor, kind_of(slug)))
        assert [one.pk for one in narrowed] == [document.pk]
        plan = narrowed.order_by().explain()
    conditions = [line for line in plan.splitlines() if "Index Cond" in line]
    for column in ("number", "order_no"):
        wanted = (f"({column})::text >= ", f"({column})::text < ")
        assert any(all(part in line for part in wanted) for line in conditions), plan
    assert "Seq Scan on declarations_document" not in plan


def test_a_list_is_found_by_either_number_and_each_is_called_by_its_name(cast, client_of):
    """企业内部编号 is the filer's, 清单编号 is customs'."""
    listed, other = filed.file(cast, "inventory", 1, 2)
    client, home = client_of("warehouse_filer"), reverse("list", args=["inventory"])
    page, wanted = reverse("detail", args=["inventory", listed.pk]), "22162026I000000128"
    assert "企业内部编号；清单编号由海关给出" in client.get(page).content.decode()
    trade.numbered(listed, wanted)
    for asked in (listed.number, wanted, wanted[:16], listed.order_no):
        shown = client.get(home, {"q": asked})
        assert [row.number for row in shown.context["page"].rows] == [listed.number], asked
        assert shown.context["page"].tabs[0].count == 1
    assert client.get(home, {"q": "22162026I9"}).context["page"].rows == []
    assert len(client.get(home).context["page"].rows) == 2
    sheet = html.fromstring(client.get(home).content)
    assert sheet.xpath("//th")[0].text_content().strip() == "企业内部编号"
    assert sheet.xpath("//label[@for='by-q']")[0].text == "企业内部编号、清单编号、订单编号"
    one = html.fromstring(client.get(page).content)
    assert one.xpath("//h1")[0].text == f"清单 {wanted}" and wanted in one.xpath("//title")[0].text
    assert f"企业内部编号 {listed.number}" in one.xpath("//*[@class='sub']")[0].text
    assert other.number in client.get(reverse("detail", args=["inventory", other.pk])).content.decode()


def test_other_lists_have_one_number_and_call_it_as_the_form_does(cast, client_of):
    for slug in ("order", "payment", "waybill"):
        (document,) = filed.file(cast, slug, 1 + SLUGS.index(slug))
        sheet = html.fromstring(client_of(filed.FILERS[slug]).get(reverse("list", args=[slug])).content)
        assert sheet.xpath("//th")[0].text_content().strip() == kind_of(slug).field(kind_of(slug).number).label
        page = client_of(filed.FILERS[slug]).get(reverse("detail", args=[slug, document.pk])).content
        assert html.fromstring(page).xpath("//h1")[0].text.endswith(document.number)


def test_it_finds_the_documents_of_an_order_by_the_beginning_of_its_number(cast, client_of):
    documents = filed.file(cast, "waybill", 1, 2)
    page = client_of("bonded_logistics_filer").get(reverse("list", args=["waybill"]) + f"?q={documents[1].order_no}")
    assert [row.number for row in page.context["page"].rows] == [documents[1].number]
    page = client_of("bonded_logistics_filer").get(reverse("list", args=["waybill"]) + "?q=SH2025")
    assert len(page.context["page"].rows) == 2


def test_it_lists_drafts_without_opening_them(cast, client_of):
    actor = actor_of(cast.users["merchant_filer"].pk, cast.enterprises["merchant"].pk)
    draft = save_draft(actor=actor, kind=kind_of("order"), entry=make.order(1))
    client = client_of("merchant_filer")
    with CaptureQueriesContext(
        connection,
    ) as made:
        page = client.get(reverse("list", args=["order"]) + "?tab=drafts")
    assert draft.number in page.content.decode()
    assert not any('"declarations_draft"."content"' in query["sql"] for query in made.captured_queries)


def test_it_turns_the_pages_of_uploads_both_ways(cast, client_of, monkeypatch):
    monkeypatch.setattr(paging, "ROWS", 2)
    actor = filed.actor(cast, "order")
    for number in range(5):
        uploads.receive(actor=actor, kind=kind_of("order"), filename=f"{number}.xlsx", content=b"x")
    client, home = client_of("merchant_filer"), reverse("uploads")

    def names(page) -> list[str]:
        return [standing.upload.filename for standing, _label, _look in page.context["uploads"]]

    first = client.get(home)
    assert names(first) == ["4.xlsx", "3.xlsx"] and not first.context["newer"]
    second = client.get(first.context["older"])
    third = client.get(second.context["older"])
    assert names(third) == ["0.xlsx"] and not third.context["older"]
    assert names(client.get(third.context["newer"])) == names(second) == ["2.xlsx", "1.xlsx"]
    assert names(client.get(second.context["newer"])) == names(first)


def test_the_list_of_imports_marks_the_ones_the_desk_reminds_of(cast, client_of):
    def marked():
        pages = [
            client_of("merchant_filer").get(reverse(*name)) for name in (("uploads",), ("upload", None, ["order"]))
        ]
        return [page.content.decode().count("待改正") for page in pages]

    for number in (2, 3):
        one = filed.uploaded(cast, "order", [make.order(number + 5), make.order(number, goods_value="x")])
        uploads.decide(actor=cast.actor("merchant_filer"), upload=one, all_or_nothing=False)
        assert uploads.work_next()
    assert marked() == [2, 2]
    trade.file(cast, "order", 2, accepted=False)
    assert marked() == [1, 1], "one of them was typed in"


def test_it_says_what_a_worker_kept_in_the_readers_language(cast, client_of):
    (document,) = filed.file(cast, "order", 1)
    why = keep(gettext_noop("还没有导入过。先下载模板，填好后上传，系统逐格校验"))
    Outbound.objects.update(state=OutboundState.SIGNED, last_error=why, needs_person=why, not_before=timezone.now())
    client, detail = client_of("merchant_filer"), reverse("detail", args=["order", document.pk])
    for address in (reverse("home"), detail):
        assert "还没有导入过" in client.get(address).content.decode()
    client.cookies["django_language"] = "en"
    for address in (reverse("home"), detail):
        page = client.get(address).content.decode()
        assert "还没有导入过" not in page and "&quot;say&quot;" not in page, address
        assert "template" in page


def test_it_says_why_sending_failed_in_the_readers_language(cast, client_of):
    documents = filed.file(cast, "order", 1)
    filed.move(documents, State.SENT)
    filed.move(documents, State.FAILED, reason=keep(gettext_noop("还没有导入过。先下载模板，填好后上传，系统逐格校验")))
    client = client_of("merchant_filer")
    client.cookies["django_language"] = "en"
    for address in (
        reverse("home"),
        reverse("list", args=["order"]),
        reverse("detail", args=["order", documents[0].pk]),
        reverse("form", args=["order"]) + f"?from={documents[0].pk}",
    ):
        page = client.get(address).content.decode()
        assert "还没有导入过" not in page and "&quot;say&quot;" not in page, address


def test_it_says_who_else_may_have_filed_when_empty(cast, client_of):
    body = client_of("merchant_filer").get(reverse("list", args=["inventory"])).content.decode()
    assert "保税仓储企业" in body and "不在这里" in body
    body = client_of("payment_filer").get(reverse("list", args=["payment"])).content.decode()
    assert "不在这里" not in body


def test_the_desk_offers_only_workbooks_with_something_to_file(cast, client_of):
    wrong = filed.uploaded(cast, "order", [make.order(1, goods_value="1")])
    good = filed.uploaded(cast, "order", [make.order(2), make.order(3)])
    body = client_of("merchant_filer").get(reverse("home")).content.decode()
    (task,) = client_of("merchant_filer").get(reverse("home")).context["desk"].tasks
    assert task.count == 1 and task.address.endswith(f"/{good.pk}/") and "可申报 2 票" in body
    assert wrong.bad_documents == 1


def test_the_desk_draws_a_column_for_what_there_is(cast, client_of):
    documents = filed.file(cast, "order", 1)
    heads = [str(head) for head in client_of("merchant_filer").get(reverse("home")).context["desk"].heads]
    assert heads == ["需处理", "待发送", "申报中", "已入库"]
    filed.accept(documents)
    filed.move(documents, State.RELEASED, code="800")
    heads = [str(head) for head in client_of("merchant_filer").get(reverse("home")).context["desk"].heads]
    assert heads[-1] == "已放行"
