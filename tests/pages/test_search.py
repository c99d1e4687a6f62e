"""Search by any number: own documents by any of theirs, partners' by the exact one, and of strangers' nothing at all."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from lxml import html

from declarations.doors import search
from declarations.kinds import kind
from declarations.models import Document, Order
from ledger.models import BillState, TaxBill
from ledger.window import today
from portal.tenancy import acting_as
from tests import make
from tests.pages import trade
from tests.pages.trade import FILERS

pytestmark = pytest.mark.django_db
LIST_NO = "221820250000000001"
NOTE_NO = "221620250000000099"


def found(cast, by, text):
    """What a member finds, behind the wall."""
    actor = cast.actor(by)
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        return search.answer(actor, text)


def ask(client_of, by, text):
    """The page, or where it leads."""
    return client_of(by).get(reverse("search"), {"q": text})


def page_of(document):
    return reverse("detail", args=[document.kind, document.pk])


def own_numbers():
    """Every number of every kind: who searches, and under what field of the document it stands."""
    return [
        (slug, name)
        for slug, carried in search.CARRIED.items()
        for name in dict.fromkeys((kind(slug).number, kind(slug).order_no, *carried))
    ]


@pytest.mark.parametrize(("slug", "name"), own_numbers())
def test_it_finds_an_own_document_by_every_number_whole_or_begun(slug, name, cast, client_of):
    document = trade.whole(cast)[slug]
    body = getattr(document, slug)
    if not getattr(body, name):
        type(body).objects.filter(pk=body.pk).update(**{name: "NUMBER0001"})
        body.refresh_from_db()
    number = getattr(body, name)
    for asked in (number, number[: max(6, len(number) - 1)], f"  {number}\t", number.lower()):
        (result,) = found(cast, FILERS[slug], asked).own
        assert result.address == page_of(document), asked
        assert result.found_by == ("" if name == kind(slug).number else result.found_by)
    assert ask(client_of, FILERS[slug], number).headers["Location"] == page_of(document)


def test_the_table_of_numbers_knows_every_number_a_document_carries():
    """A field named …no or …id that is listed nowhere would be a number nobody can search by."""
    for slug, carried in search.CARRIED.items():
        one = kind(slug)
        known = {one.number, one.order_no, *carried}
        numbers = {name for name in one.head_names if name.endswith(("_no", "transaction_id"))}
        assert numbers - known <= {"buyer_reg_no", "pack_no", "traf_no", "voyage_no", "loct_no", "license_no"}


def test_a_beginning_needs_six_characters(cast):
    trade.file(cast, "order")
    assert found(cast, "merchant_filer", "SH2025").count == 1
    assert found(cast, "merchant_filer", "SH202").count == 0


def test_a_short_number_is_found_whole(cast):
    order = trade.file(cast, "order", order_no="A1")
    assert found(cast, "merchant_filer", "A1").own[0].address == page_of(order)


def test_an_exact_number_hides_those_that_only_begin_so(cast):
    first = trade.file(cast, "order", order_no="SH777777")
    trade.file(cast, "order", 2, order_no="SH7777771")
    assert [one.address for one in found(cast, "merchant_filer", "SH777777").own] == [page_of(first)]
    assert found(cast, "merchant_filer", "SH77777").count == 2


def test_it_shows_the_first_and_says_that_there_are_more(cast, client_of):
    for n in range(1, search.MOST + 3):
        trade.file(cast, "order", n)
    answer = found(cast, "merchant_filer", "SH202506")
    assert len(answer.own) == search.MOST and answer.has_more and not answer.leads_to
    assert "还有更多" in ask(client_of, "merchant_filer", "SH202506").content.decode()


@pytest.mark.parametrize("number", ["order_no", "number", "invt_no"])
def test_a_partner_finds_a_document_that_names_it_by_the_whole_number(number, cast, client_of):
    listed = trade.whole(cast)["inventory"]
    trade.numbered(listed, LIST_NO)
    text = LIST_NO if number == "invt_no" else getattr(listed, number)
    (result,) = [one for one in found(cast, "platform_filer", text).others if one.label == "清单"]
    assert (result.number, result.who, result.address) == (listed.number, make.WAREHOUSE.name, "")
    assert not [one for one in found(cast, "platform_filer", text[:-1]).others if one.label == "清单"]
    page = ask(client_of, "platform_filer", text).content.decode()
    assert listed.number in page and make.WAREHOUSE.name in page and "婴儿" not in page


@pytest.mark.parametrize("name", ["logistics_no", "pre_no", "ems_no"])
def test_a_partner_finds_nothing_by_what_else_the_document_says(name, cast):
    listed = trade.whole(cast)["inventory"]
    trade.numbered(listed, LIST_NO)
    number = getattr(Document.objects.get(pk=listed.pk).inventory, name)
    assert found(cast, "platform_filer", number).count == 0
    assert found(cast, "warehouse_filer", number).own


def test_a_partners_document_leads_to_ones_own_of_the_trade(cast, client_of):
    documents = trade.whole(cast)
    trade.numbered(documents["inventory"], LIST_NO)
    (result,) = found(cast, "merchant_filer", LIST_NO).others
    assert result.trade == page_of(documents["order"])
    assert result.trade in ask(client_of, "merchant_filer", LIST_NO).content.decode()


def test_an_order_number_leads_to_ones_own_document_which_shows_the_rest(cast, client_of):
    documents = trade.whole(cast)
    trade.bill(cast, documents["inventory"])
    for slug in ("order", "payment", "waybill", "inventory"):
        answered = ask(client_of, FILERS[slug], documents["order"].order_no)
        assert answered.headers["Location"] == page_of(documents[slug])


def test_two_own_documents_of_a_trade_are_both_listed(cast, client_of):
    order = trade.file(cast, "order")
    for slug in ("payment", "waybill"):
        trade.file(cast, slug)
    trade.file(cast, "inventory", by="merchant_filer")
    answered = ask(client_of, "merchant_filer", order.order_no)
    assert answered.status_code == 200 and len(answered.context["answer"].own) == 2


@pytest.mark.parametrize("name", search.BILL_NUMBERS)
@pytest.mark.parametrize("by", ["merchant_finance", "warehouse_filer"])
def test_a_tax_bill_is_found_by_each_of_its_numbers(by, name, cast):
    documents = trade.whole(cast)
    bill = trade.bill(cast, documents["inventory"], LIST_NO, logistics_no="YD2025000099")
    (result,) = found(cast, by, getattr(bill, name)).bills
    assert (result.number, result.address) == (bill.tax_no, reverse("tax_bill", args=[bill.pk]))


def test_a_tax_bill_alone_is_opened_at_once(cast, client_of):
    bill = trade.bill(cast, trade.whole(cast)["inventory"])
    for text in (bill.tax_no, bill.tax_no[:-1]):
        assert ask(client_of, "merchant_finance", text).headers["Location"] == reverse("tax_bill", args=[bill.pk])


@pytest.mark.parametrize("by", ["neighbour_filer", "platform_filer", "payment_filer", "merchant_developer"])
def test_a_tax_bill_is_nobody_elses(by, cast):
    bill = trade.bill(cast, trade.whole(cast)["inventory"], LIST_NO, duty_no=NOTE_NO, logistics_no="YD2025000099")
    for name in ("tax_no", "duty_no", "logistics_no"):
        answer = found(cast, by, getattr(bill, name))
        assert answer.bills == [] and answer.notes == []


def noted(cast, many, **cells):
    """So many bills of 30.03 yuan under one payment note."""
    document = trade.whole(cast)["inventory"]
    return [
        trade.bill(cast, document, f"22182025000000{n:04}", duty_no=NOTE_NO, state=BillState.CONSOLIDATED, **cells)
        for n in range(many)
    ]


def test_the_whole_number_of_a_payment_note_leads_to_its_page_however_many_bills_it_has(cast, client_of):
    noted(cast, search.MOST + 2)
    answer = found(cast, "merchant_finance", NOTE_NO)
    (note,) = answer.notes
    assert (note.label, note.number, note.found_by) == ("缴款书", NOTE_NO, "22 张，660.66 元")
    assert (answer.count, answer.has_more, answer.bills) == (1, False, [])
    page = f"{reverse('tax_bills')}?duty_no={NOTE_NO}"
    assert ask(client_of, "merchant_finance", NOTE_NO).headers["Location"] == page
    assert found(cast, "merchant_finance", NOTE_NO[:-1]).count == 0


def test_a_payment_note_stands_before_what_else_has_its_number(cast, client_of):
    noted(cast, 1)
    trade.file(cast, "order", 2, order_no=NOTE_NO)
    page = ask(client_of, "merchant_filer", NOTE_NO).content.decode()
    assert page.index('id="notes"') < page.index('id="own"') and "1 张，30.03 元" in page


def test_a_payment_note_is_paid_when_all_its_bills_are_and_void_ones_do_not_count(cast):
    first, second, third = noted(cast, 3)

    def told():
        (note,) = found(cast, "merchant_finance", NOTE_NO).notes
        return str(note.look.word), note.found_by

    paid = {"state": BillState.PAID, "paid_on": today(), "paid_voucher": "PZ-1", "paid_total": first.total}
    TaxBill.objects.filter(pk=first.pk).update(**paid)
    assert told() == ("已汇总", "3 张，90.09 元")
    TaxBill.objects.filter(pk__in=(second.pk, third.pk)).update(state=BillState.VOID)
    assert told() == ("已缴", "1 张，30.03 元")


def test_no_more_of_a_whole_number_is_asked_for(cast, client_of):
    for n in range(search.MOST + 2):
        trade.file(cast, "order", n + 1)
    Order.objects.update(pay_transaction_id="PAY2025000001")
    whole = ask(client_of, "merchant_filer", "PAY2025000001").content.decode()
    begun = ask(client_of, "merchant_filer", "PAY2025").content.decode()
    assert "还有更多" in whole and "请输入更完整的编号" not in whole
    assert "请输入更完整的编号" in begun


def answered(client_of, by, number):
    """The whole answer to a number, with the number itself and what differs in every answer taken out."""
    page = ask(client_of, by, number)
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.content.decode())
    headers = {
        name: value for name, value in page.headers.items() if name not in ("Expires", "X-Request-ID", "Content-Length")
    }
    return page.status_code, headers, text.replace(number, "")


@pytest.mark.parametrize(
    "by",
    [
        "neighbour_filer", "venue_filer", "direct_logistics_filer", "bonded_logistics_filer", "payment_filer",
        "platform_filer", "merchant_filer", "merchant_finance", "merchant_viewer", "warehouse_filer",
    ],
)  # fmt: skip
def test_a_strangers_number_is_answered_byte_for_byte_as_none(by, cast, client_of):
    """Every number of every document and bill that is neither the asker's nor names it."""
    documents = trade.whole(cast)
    trade.numbered(documents["inventory"], LIST_NO)
    bill = trade.bill(cast, documents["inventory"], LIST_NO, duty_no="2218202500000099")
    enterprise = cast.actor(by).enterprise
    numbers = {
        getattr(getattr(document, slug), name)
        for slug, document in documents.items()
        for name in (kind(slug).number, *search.CARRIED[slug])
    } | {documents["order"].order_no, bill.tax_no, bill.duty_no, LIST_NO}
    strange = 0
    for number in sorted(numbers - {""}):
        if found(cast, by, number).count:
            continue
        strange += 1
        nothing = "".join("Q" if char.isalpha() else "9" if char.isdigit() else char for char in number)
        assert answered(client_of, by, number) == answered(client_of, by, nothing), (enterprise.name, number)
    assert strange


def test_whatever_is_begun_of_a_strangers_number_stays_unknown(cast):
    documents = trade.whole(cast)
    trade.numbered(documents["inventory"], LIST_NO)
    trade.bill(cast, documents["inventory"], LIST_NO)
    for number in (LIST_NO, documents["order"].order_no, documents["inventory"].number, "PAY0000000001"):
        for length in range(1, len(number) + 1):
            assert found(cast, "neighbour_filer", number[:length]).count == 0


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "%", "%%%%%%%%", "______________", "SH2025%", "SH2025_", "'; DROP TABLE x; --", "\\",
        "x" * 59, "x" * 61, "x" * 4000, "中文编号六个字", "\u200b\u200b", "\ud7ff\uffff", "\U0010ffff" * 7, "<script>", "-1", "1e9",
        "null", "\u202e12345678", "SH2025'\"", "ﬁﬁﬁﬁﬁﬁ" * 30,
    ],
)  # fmt: skip
def test_it_answers_whatever_is_typed(text, cast, client_of):
    trade.file(cast, "order")
    for by in ("merchant_filer", "venue_filer", "payment_filer"):
        page = ask(client_of, by, text)
        assert page.status_code == 200 and page.context["answer"].count == 0
        assert "<script>" not in page.content.decode().partition("<main")[2]


def test_a_character_no_text_may_hold_is_refused_with_every_other_address_that_has_it(cast, client_of):
    assert ask(client_of, "merchant_filer", "SH2025\x00").status_code == 400
    assert search.tidied("SH\x002025") == "SH2025"


def test_it_says_that_a_number_is_too_long(cast, client_of):
    page = html.fromstring(ask(client_of, "merchant_filer", "x" * 61).content)
    assert page.xpath("//*[@role='alert']") and page.xpath("//input[@id='seek']/@aria-invalid") == ["true"]


@pytest.mark.parametrize(
    "text",
    [
        "ＳＨ２０２５０６０１０００１",
        "SH2025 0601 0001",
        "SH20250601\u20090001",
        "\ufeffSH202506010001\r\n",
        "sh202506010001",
    ],
)
def test_it_tidies_what_is_pasted(text, cast):
    order = trade.file(cast, "order", order_no="SH202506010001")
    assert found(cast, "merchant_filer", text).own[0].address == page_of(order)


def test_a_number_in_small_letters_is_found_as_it_was_filed(cast):
    order = trade.file(cast, "order", order_no="ab-123456")
    assert found(cast, "merchant_filer", "ab-123456").own[0].address == page_of(order)


def test_the_box_is_on_every_page_and_asks_by_get(cast, client_of):
    for by in ("merchant_filer", "venue_filer", "merchant_finance"):
        page = html.fromstring(client_of(by).get(reverse("search")).content)
        (box,) = page.xpath("//header//form[@role='search']")
        assert box.get("action") == reverse("search") and not box.get("method")
        assert box.xpath("input[@name='q' and @type='search']/@aria-label")
    assert client_of("merchant_filer").post(reverse("search"), {"q": "x"}).status_code == 405


def test_it_costs_the_same_queries_whatever_there_is(cast):
    actor = cast.actor("merchant_filer")
    documents = trade.whole(cast)
    trade.numbered(documents["inventory"], LIST_NO)
    trade.bill(cast, documents["inventory"])
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        with CaptureQueriesContext(connection) as one:
            assert search.answer(actor, documents["order"].order_no).count == 3
        assert len(one) == 6
    for n in range(2, 8):
        trade.whole(cast, n)
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        for text in (documents["order"].order_no, "SH202506", LIST_NO, "nothing at all"):
            with CaptureQueriesContext(connection) as more:
                search.answer(actor, text)
            assert len(more) <= len(one), text
