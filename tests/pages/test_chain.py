"""The lamps of a trade: what is there, what is missing and who owes it, and to whom each of it may be shown."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.urls import reverse
from django.utils import timezone
from lxml import html

from declarations.doors import chain
from declarations.kinds import KINDS, kind
from declarations.lifecycle import STATE_LOOKS, State
from declarations.models import Document
from ledger.models import BillState
from portal.tenancy import acting_as
from tests import make
from tests.pages import filed, trade
from tests.pages.trade import FILERS

pytestmark = pytest.mark.django_db
LABELS = ["订单", "支付单", "运单", "清单", "税单"]


def lamps(cast, document, by=""):
    """The lamps of a document as its filer sees them, behind the wall."""
    actor = cast.actor(by or FILERS[document.kind])
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        own = Document.objects.select_related(document.kind).get(pk=document.pk)
        found = chain.chain(actor, kind(document.kind), own)
    assert [lamp.label for lamp in found.lamps] == LABELS
    return dict(zip(("order", "payment", "waybill", "inventory", "bill"), found.lamps, strict=True))


def words(lamp):
    """State, who and what a lamp says."""
    return str(lamp.look.word), lamp.who, lamp.note


def test_an_order_alone_says_who_files_the_rest(cast):
    shown = lamps(cast, trade.file(cast, "order"))
    assert shown["order"].is_here and shown["order"].look.code == "2"
    assert words(shown["payment"]) == ("不可见", f"由{make.PAYER.name}申报", "单证上不写本企业，这里看不到")
    assert words(shown["waybill"]) == (
        "不可见", "由直购物流企业、保税物流企业申报", "单证上不写本企业，这里看不到"
    )  # fmt: skip
    assert words(shown["inventory"]) == (
        "尚未申报", "由电商企业、直购物流企业、保税仓储企业申报", "须等支付单、运单被海关接受",
    )  # fmt: skip
    assert words(shown["bill"]) == ("尚未生成", "由海关生成", "清单放行后生成")


def test_a_payer_sees_the_order_that_names_it(cast):
    paid = trade.file(cast, "payment")
    assert words(lamps(cast, paid)["order"]) == (
        "未见", f"由{make.PLATFORM.name}申报", "尚未申报，或申报时没有写明本企业",
    )  # fmt: skip
    order = trade.file(cast, "order", pay_code="", pay_name="", pay_transaction_id="")
    assert lamps(cast, paid)["order"].look.word == "未见", "it names nobody who pays"
    type(order.order).objects.filter(pk=order.pk).update(pay_code=make.PAYER.credit_code)
    assert lamps(cast, paid)["order"].number == order.number


def test_a_platform_sees_the_payment_that_names_it(cast):
    order = trade.file(cast, "order", by="platform_filer")
    assert words(lamps(cast, order, "platform_filer")["payment"])[0] == "尚未申报"
    paid = trade.file(cast, "payment")
    lamp = lamps(cast, order, "platform_filer")["payment"]
    assert (lamp.look.word, lamp.who, lamp.number) == (State.DECLARING.label, make.PAYER.name, paid.number)
    assert lamp.at == paid.state_at and not lamp.address


@pytest.mark.parametrize("state", list(State))
def test_a_partners_document_shows_its_state_code_filer_and_time(state, cast):
    order = trade.whole(cast)["order"]
    listed = Document.objects.get(kind="inventory")
    Document.objects.filter(pk=listed.pk).update(state=state, code="77")
    lamp = lamps(cast, order)["inventory"]
    drawn, code = STATE_LOOKS[state], "" if state == State.WAITING else "77"  # of waiting only a rule spoke
    assert (lamp.look.tone, lamp.look.icon, lamp.look.word, lamp.look.code) == (
        drawn.tone, drawn.icon, state.label, code,
    )  # fmt: skip
    assert (lamp.who, lamp.number, lamp.at) == (make.WAREHOUSE.name, listed.number, listed.state_at)


def test_what_waits_says_what_is_missing_and_who_owes_it(cast):
    listed = trade.file(cast, "inventory")
    shown = lamps(cast, listed)
    assert words(shown["order"])[:2] == ("尚未申报", f"应由{make.PLATFORM.name}、{make.MERCHANT.name}申报")
    assert words(shown["payment"])[:2] == ("尚未申报", "应由支付企业申报")
    assert words(shown["waybill"])[:2] == ("尚未申报", f"应由{make.COURIER.name}申报")
    assert shown["inventory"].look.word == State.WAITING.label
    trade.file(cast, "order", accepted=False)
    trade.file(cast, "payment")
    shown = lamps(cast, listed)
    assert words(shown["order"])[::2] == ("海关尚未接受", "已申报，等待海关接受")
    assert shown["payment"].look.word == "海关已接受" and shown["payment"].who == "支付企业"
    assert not shown["payment"].number and not shown["payment"].at


def test_what_was_filed_but_refused_is_not_accepted(cast):
    order, listed = trade.file(cast, "order"), trade.file(cast, "inventory")
    assert lamps(cast, listed)["order"].look.word == "海关已接受"
    filed.move([order], State.REJECTED, code="100", reason="[Code:1327;Desc:x]")
    lamp = lamps(cast, listed)["order"]
    assert lamp.look.word == "海关尚未接受" and "1327" not in str(lamp)


def test_a_list_compared_means_that_the_others_agree(cast):
    documents = trade.whole(cast)
    filed.move([documents["inventory"]], State.STORED, code="120")
    shown = lamps(cast, documents["order"])
    assert [str(shown[slug].look.word) for slug in ("payment", "waybill")] == ["比对一致", "比对一致"]
    assert shown["payment"].is_done and shown["inventory"].look.code == "120"


def test_own_documents_lead_to_their_pages(cast):
    order = trade.file(cast, "order")
    trade.file(cast, "payment")
    trade.file(cast, "waybill")
    listed = trade.file(cast, "inventory", by="merchant_filer")
    shown = lamps(cast, order)
    assert shown["inventory"].address == reverse("detail", args=["inventory", listed.pk])
    assert shown["inventory"].who == "本企业" and not shown["order"].address
    shown = lamps(cast, listed, "merchant_filer")
    assert shown["order"].address and shown["inventory"].is_here
    assert shown["payment"].who == make.PAYER.name  # as the merchant's own order says


def test_the_document_that_came_furthest_stands_for_its_kind(cast):
    order = trade.file(cast, "order", by="platform_filer")
    first = trade.file(cast, "payment")
    filed.move([first], State.REJECTED, code="100", reason="x")
    wanted = first.number
    assert lamps(cast, order, "platform_filer")["payment"].number == wanted
    # The order names its payment by number: another one is not meant, even where it came further.
    trade.file(cast, "payment", pay_transaction_id="PAYOTHER1")
    assert lamps(cast, order, "platform_filer")["payment"].number == wanted


def test_the_same_order_number_of_another_platform_is_another_trade(cast):
    neighbour = cast.enterprises["neighbour"]
    order = trade.file(cast, "order")
    trade.file(cast, "order", by="platform_filer")
    trade.file(cast, "payment")
    trade.file(cast, "waybill")
    listed = trade.file(cast, "inventory")
    assert lamps(cast, order)["inventory"].number == listed.number
    Document.objects.filter(pk=listed.pk).update(platform_code=neighbour.customs_code)
    assert not lamps(cast, order)["inventory"].number
    Document.objects.filter(pk=listed.pk).update(platform_code=make.PLATFORM.credit_code)
    assert lamps(cast, order)["inventory"].number == listed.number, "the platform's other code is the same platform"


@pytest.mark.parametrize("state", list(BillState))
def test_a_tax_bill_shows_its_state_sum_and_number(state, cast):
    documents = trade.whole(cast)
    filed.move([documents["inventory"]], State.RELEASED, code="800")
    bill = trade.bill(cast, documents["inventory"], state=state)
    for by, document in (("merchant_filer", documents["order"]), ("warehouse_filer", documents["inventory"])):
        lamp = lamps(cast, document, by)["bill"]
        assert (lamp.number, lamp.who, lamp.at) == (bill.tax_no, "税款 ¥ 30.03", bill.billed_at)
        assert lamp.address == reverse("tax_bill", args=[bill.pk])
        assert lamp.is_done == (state != BillState.VOID)


def test_a_bill_that_stands_comes_before_one_that_is_void(cast):
    documents = trade.whole(cast)
    trade.bill(cast, documents["inventory"], "221820250000000002", state=BillState.VOID)
    standing = trade.bill(cast, documents["inventory"])
    assert lamps(cast, documents["order"])["bill"].number == standing.tax_no


@pytest.mark.parametrize("by", ["warehouse_filer", "merchant_filer"])
def test_a_bill_of_another_platforms_trade_is_not_shown(by, cast):
    """An order number is unique on its platform only: the bill belongs to one trade, whoever's list it is."""
    order, elsewhere = trade.file(cast, "order"), cast.enterprises["neighbour"].customs_code
    trade.file(cast, "payment")
    trade.file(cast, "waybill")
    listed = trade.file(cast, "inventory", by=by)
    trade.numbered(listed, "221820250000000009")
    bill = trade.bill(cast, listed, "221820250000000009", document_id=None if by == "warehouse_filer" else listed.pk)
    assert lamps(cast, order)["bill"].number == bill.tax_no
    Document.objects.filter(pk=listed.pk).update(platform_code=elsewhere)
    assert not lamps(cast, order)["bill"].number
    assert lamps(cast, listed, by)["bill"].number == bill.tax_no


def test_an_accepted_document_names_who_filed_it_where_the_own_one_does(cast):
    documents = trade.whole(cast)
    shown = lamps(cast, documents["inventory"])
    assert (shown["order"].look.word, shown["order"].who) == ("海关已接受", make.MERCHANT.name), "the list names both"
    assert shown["payment"].who == "支付企业", "the list names no payer"
    assert lamps(cast, documents["waybill"])["order"].who == "", "a waybill names neither of the two who may have"
    filed.move([documents["inventory"]], State.STORED, code="120")
    assert lamps(cast, documents["inventory"])["order"].who == make.MERCHANT.name
    order = trade.file(cast, "order", 2, by="platform_filer")
    trade.file(cast, "payment", 2)
    trade.file(cast, "waybill", 2)
    assert order.enterprise_id == cast.enterprises["platform"].pk
    assert lamps(cast, trade.file(cast, "inventory", 2))["order"].who == make.PLATFORM.name


def test_a_released_list_is_asked_for_until_customs_closes_it(cast, client_of):
    documents = trade.whole(cast)
    order, listed = documents["order"], documents["inventory"]
    filed.move([order], State.STORED, code="120")
    filed.move([listed], State.RELEASED, code="800")
    trade.bill(cast, listed)
    address = reverse("detail", args=["order", order.pk])

    def asks():
        return "hx-trigger" in client_of("merchant_filer").get(address).content.decode().partition("<main")[2]

    assert asks()
    Document.objects.filter(pk=listed.pk).update(state_at=timezone.now() - timedelta(minutes=11))
    assert not asks(), "customs has had time enough"
    filed.move([listed], State.CLOSED, code="899")
    assert not asks()


def test_a_released_list_waits_for_its_bill(cast):
    documents = trade.whole(cast)
    filed.move([documents["inventory"]], State.RELEASED, code="800")
    assert words(lamps(cast, documents["order"])["bill"])[0] == "等待海关生成"
    for slug in ("payment", "waybill"):
        assert words(lamps(cast, documents[slug])["bill"]) == (
            "不可见", "由海关生成", "只发给申报、担保和电商企业",
        )  # fmt: skip


@pytest.mark.parametrize("member", ["viewer", "finance", "developer", "administrator"])
def test_a_bill_is_a_link_for_whom_has_the_page_only(member, cast, client_of):
    documents = trade.whole(cast)
    bill = trade.bill(cast, documents["inventory"])
    page = client_of(f"merchant_{member}").get(reverse("detail", args=["order", documents["order"].pk]))
    address = reverse("tax_bill", args=[bill.pk])
    links = html.fromstring(page.content).xpath("//ol[@class='lamps']//a/@href")
    assert (address in links) == (member != "developer") and bill.tax_no in page.content.decode()


@pytest.mark.parametrize("slug", [one.slug for one in KINDS])
def test_it_draws_the_chain_on_every_page(slug, cast, client_of):
    document = trade.whole(cast)[slug]
    page = html.fromstring(client_of(FILERS[slug]).get(reverse("detail", args=[slug, document.pk])).content)
    (drawn,) = page.xpath("//ol[@class='lamps']")
    assert [head.text for head in drawn.xpath(".//div[@class='head']/b")] == LABELS
    assert len(drawn.xpath("li[@aria-current='true']")) == 1
    for label in LABELS:
        assert label in drawn.get("aria-label")


def test_it_says_nothing_of_what_partners_say(cast, client_of):
    documents = trade.whole(cast)
    body = client_of("bonded_logistics_filer").get(reverse("detail", args=["waybill", documents["waybill"].pk]))
    text = body.content.decode()
    assert documents["inventory"].number in text, "the list names the courier"
    assert make.MERCHANT.customs_code not in text and "T2216W000001" not in text and "婴儿配方奶粉" not in text


def test_it_asks_again_while_the_list_moves_and_the_stamp_knows_it(cast, client_of):
    documents = trade.whole(cast)
    filed.move([documents["order"]], State.STORED, code="120")
    client = client_of("merchant_filer")
    address = reverse("detail", args=["order", documents["order"].pk])
    page = client.get(address)
    assert "hx-trigger" in page.content.decode().partition("<main")[2]
    seen = page.context["seen"]
    headers = {"HX-Request": "true"}
    assert client.get(address, {"seen": seen}, headers=headers).status_code == 204
    filed.move([documents["inventory"]], State.RELEASED, code="800")
    assert "放行" in client.get(address, {"seen": seen}, headers=headers).content.decode()


def test_it_costs_the_same_queries_however_much_was_filed(cast, django_assert_max_num_queries):
    documents = trade.whole(cast)
    actor = cast.actor("merchant_filer")
    order = Document.objects.select_related("order").get(pk=documents["order"].pk)
    with django_assert_max_num_queries(10) as one:
        chain.chain(actor, kind("order"), order)
    for n in range(2, 6):
        trade.whole(cast, n)
    for n in range(5):
        trade.file(cast, "payment", pay_transaction_id=f"PAYMORE{n}")
    trade.bill(cast, documents["inventory"])
    with django_assert_max_num_queries(len(one.captured_queries)):
        chain.chain(actor, kind("order"), order)


# --- the function itself -------------------------------------------------------------------------------------------


def told(cast, key, sql="declarations_chain", numbers=("SH2025060100001",)):
    """What the function tells that enterprise, whatever it asks."""
    enterprise = cast.enterprises[key].pk if key else None
    with acting_as(enterprise_id=enterprise, user_id=None), connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {sql}(%s)", [list(numbers)])
        return [
            dict(zip([column.name for column in cursor.description], row, strict=True)) for row in cursor.fetchall()
        ]


def test_it_tells_of_a_document_these_things_and_no_more(cast):
    trade.whole(cast)
    rows = told(cast, "merchant")
    assert {row["kind"] for row in rows} == {"inventory"}
    assert set(rows[0]) == {
        "kind", "number", "order_no", "platform_code", "state", "code", "filer", "filed_at", "state_at",
    }  # fmt: skip


@pytest.mark.parametrize("sql", ["declarations_chain", "declarations_search"])
def test_it_tells_each_enterprise_of_documents_that_name_it(sql, cast):
    trade.whole(cast)
    seen = {key: {row["kind"] for row in told(cast, key, sql)} for key in cast.enterprises}
    assert seen == {
        "platform": {"order", "payment", "inventory"},
        "merchant": {"inventory"},
        "payment": {"order"},
        "bonded_logistics": {"inventory"},
        "warehouse": set(),
        "direct_logistics": set(),
        "venue": set(),
        "neighbour": set(),
    }
    assert told(cast, "", sql) == []


@pytest.mark.parametrize("sql", ["declarations_chain", "declarations_search"])
@pytest.mark.parametrize("which", ["customs_code", "credit_code"])
def test_every_code_of_an_enterprise_on_a_document_names_it(which, sql, cast):
    """Whatever field the description says holds an enterprise's code: the wall knows it, by either code."""
    documents = trade.whole(cast)
    neighbour = cast.enterprises["neighbour"]
    for one in KINDS:
        fields = {name for name in one.head_names if name.endswith("_code")} - {"customs_code", "port_code"}
        assert fields >= {described.name_of for described in one.fields if described.name_of}
        bodies = one.body._default_manager.filter(pk=documents[one.slug].pk)
        for name in fields:
            before = bodies.values_list(name, flat=True)[0]
            assert told(cast, "neighbour", sql) == []
            bodies.update(**{name: getattr(neighbour, which)})
            assert [row["kind"] for row in told(cast, "neighbour", sql)] == [one.slug], (one.slug, name)
            bodies.update(**{name: before})


@pytest.mark.parametrize("sql", ["declarations_chain", "declarations_search"])
def test_it_lets_no_hostile_question_through(sql, cast):
    trade.whole(cast)
    for numbers in ((), ("",), ("%",), ("_" * 15,), ("SH%",), ("' OR 1=1 --",), ("x" * 100_000,), (None,)):
        assert told(cast, "merchant", sql, numbers) == []


@pytest.mark.parametrize("sql", ["declarations_chain(%s)", "declarations_search(%s)"])
@pytest.mark.parametrize("role", ["portal_staff", "portal_gateway"])
def test_only_the_pages_may_ask(role, sql, cast):
    with acting_as(enterprise_id=cast.enterprises["merchant"].pk, user_id=None, role=role):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(f"SELECT * FROM {sql}", [["x"]])


def test_nobody_may_ask_whom_a_document_names(cast):
    with acting_as(enterprise_id=cast.enterprises["merchant"].pk, user_id=None):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute("SELECT declarations_names('order', 1, ARRAY['x'])")
