"""The desk of each type of enterprise and member: what needs doing, who is waited for, what was released, the money."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts.models.preparation import GuaranteeKind
from declarations.doors import unfiled, uploads
from declarations.doors.advice import ADVICE
from declarations.doors.desk import MOST_REASONS, desk
from declarations.exchange import shortage
from declarations.lifecycle import Move, State, move_many
from declarations.models import Document, Inventory, StateChange, Upload
from ledger import guarantee
from ledger.models import Discrepancy, DiscrepancyKind, Guarantee
from ledger.window import today
from portal.sentences import keep
from portal.tenancy import acting_as
from tests import make
from tests.filing.test_waiting import times
from tests.pages import filed, trade

pytestmark = pytest.mark.django_db
HOME = reverse("home")


def shown(cast, by):
    """The desk of a member, behind the wall."""
    actor = cast.actor(by)
    with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
        return desk(actor)


def titles(found):
    """The tasks of a desk."""
    return [task.title for task in found.tasks]


def open_guarantee(cast, key="merchant", amount="1000.00"):
    """A deposit at customs."""
    enterprise = cast.enterprises[key]
    kept = Guarantee.objects.filter(enterprise=enterprise).first()
    return kept or guarantee.open_guarantee(
        enterprise=enterprise, kind=GuaranteeKind.DEPOSIT, number=f"BZJ-{key}", amount=Decimal(amount), user=None,
        at=timezone.now(),
    )  # fmt: skip


def hold(document, amount, key="312246DM02"):
    """What a list holds of a guarantee."""
    guarantee.align_many([
        guarantee.Wanted(document.pk, key, Decimal(amount), "", document.number, document.order_no, timezone.now())
    ])  # fmt: skip


def release(documents, at=None):
    """Customs lets them go."""
    at = at or timezone.now()
    move_many([Move(document.pk, State.RELEASED, at, code="800") for document in documents])


def test_it_groups_what_waits_by_what_is_missing_and_who_owes_it(cast, client_of):
    for n in (1, 2, 3):
        trade.file(cast, "inventory", n)
    trade.file(cast, "inventory", 4, logistics_code=make.CARRIER.customs_code, logistics_name=make.CARRIER.name)
    Document.objects.filter(number=Document.objects.latest("id").number).update(
        filed_at=timezone.now() - timedelta(hours=3)
    )
    first, second = shown(cast, "warehouse_filer").waits
    assert (first.count, second.count) == (1, 3), "who waits longest comes first"
    assert first.missing == "订单、支付单、运单" and make.CARRIER.name in first.why and make.COURIER.name in second.why
    page = client_of("warehouse_filer").get(HOME)
    (table,) = html.fromstring(page.content).xpath("//table[contains(@class, 'waits')]")
    assert "3 小时 0 分" in table.text_content() and table.xpath(".//td[@class='num']/a/@href")
    listed = client_of("warehouse_filer").get(table.xpath(".//td[@class='num']/a/@href")[0])
    assert len(listed.context["page"].rows) == 4, "the number leads to what it counts"


def test_what_customs_compares_later_waits_for_what_its_lamps_call_missing(cast):
    """The payment first; and of what the enterprise cannot see nobody says that it is not filed."""
    first, _second = trade.file(cast, "order"), trade.file(cast, "order", 2)
    Document.objects.filter(pk=first.pk).update(state_at=timezone.now() - timedelta(hours=2))
    (wait,) = shown(cast, "merchant_filer").waits
    assert (wait.count, wait.missing) == (2, "清单")
    assert wait.why.startswith(f"支付单由{make.PAYER.name}申报（本企业看不到）；运单由直购物流企业、")
    trade.file(cast, "order", 3, by="platform_filer")
    (wait,) = shown(cast, "platform_filer").waits
    assert wait.missing == "支付单、清单" and wait.why.startswith(f"支付单由{make.PAYER.name}申报；运单")
    trade.file(cast, "payment", 3)
    (wait,) = shown(cast, "platform_filer").waits
    assert wait.missing == "清单" and "支付单" not in wait.why
    filed.move(list(Document.objects.all()), State.STORED, code="120")
    assert shown(cast, "merchant_filer").waits == []


def test_a_payment_waits_for_its_order_and_then_for_what_it_cannot_see(cast):
    trade.file(cast, "payment")
    (wait,) = shown(cast, "payment_filer").waits
    assert (wait.missing, wait.why) == ("订单", "订单由电商平台、电商企业申报")
    trade.file(cast, "order")
    (wait,) = shown(cast, "payment_filer").waits
    assert wait.missing == "其他单证（本企业看不到）" and "清单由" in wait.why and "订单" not in wait.why


def test_a_waybill_waits_for_its_order_and_then_for_the_list(cast):
    waybill = trade.file(cast, "waybill")
    assert waybill.state == State.WAITING
    (wait,) = shown(cast, "bonded_logistics_filer").waits
    assert wait.missing == "订单、支付单"
    order, _paid = trade.file(cast, "order", 2), trade.file(cast, "payment", 2)
    trade.file(cast, "waybill", 2)
    assert shown(cast, "bonded_logistics_filer").waits[1].missing == "清单"
    filed.move([order], State.REJECTED, code="100", reason="x")
    later = shown(cast, "bonded_logistics_filer").waits[1]
    assert later.missing == "订单" and later.why.startswith("订单被退单，由")


def test_each_row_is_as_old_as_what_waits_in_it(cast):
    """An order of this minute does not wait as long as the oldest of all orders."""
    old, young = trade.whole(cast)["order"], trade.file(cast, "order", 2, pay_name="另一家支付企业")
    long_ago = timezone.now() - timedelta(minutes=19)
    Document.objects.filter(pk=old.pk).update(state_at=long_ago)
    (row,) = shown(cast, "merchant_filer").waits
    assert (row.count, row.since) == (1, Document.objects.get(pk=young.pk).state_at), "customs compares the other"
    trade.file(cast, "order", 3)
    Document.objects.filter(number=young.number).update(state_at=long_ago)
    assert [(row.count, row.since == long_ago) for row in shown(cast, "merchant_filer").waits] == [
        (1, True),
        (1, False),
    ]


def test_a_trade_whose_list_is_refused_waits_for_its_correction_and_for_nothing_else(cast):
    """The merchant is named on the list and may know; who pays is not, and waits as before."""
    documents = trade.whole(cast)
    trade.whole(cast, 2)
    filed.move([documents["inventory"]], State.REJECTED, code="100", reason="[Code:1313;Desc:x]")
    (refused,) = shown(cast, "merchant_filer").waits
    assert (refused.count, refused.missing) == (1, "清单更正")
    assert make.WAREHOUSE.name in refused.why and refused.since == Document.objects.get(state="rejected").state_at
    (courier,) = shown(cast, "bonded_logistics_filer").waits
    assert (courier.count, courier.missing) == (1, "清单更正")
    (payer,) = shown(cast, "payment_filer").waits
    assert (payer.count, payer.missing) == (2, "其他单证（本企业看不到）")
    Document.objects.filter(kind="inventory").update(platform_code=make.MERCHANT.customs_code)
    (apart,) = shown(cast, "merchant_filer").waits
    assert (apart.count, apart.missing) == (2, "清单"), "the list of another platform's trade is no matter of this one"
    Document.objects.filter(kind="inventory").update(platform_code=make.PLATFORM.credit_code)
    assert shown(cast, "merchant_filer").waits == [refused], "the platform's other code is the same platform"


def test_a_trade_with_lists_of_two_filers_is_counted_once(cast):
    """As the lamps: the one that came furthest stands for it, the newest of those refused."""
    first = trade.whole(cast)["inventory"]
    for slug in ("order", "payment", "waybill"):
        trade.file(cast, slug, 2)
    other = trade.file(cast, "inventory", by="merchant_filer")
    for listed in (first, other):
        filed.move([listed], State.REJECTED, code="100", reason="[Code:1313;Desc:x]")
    by = "bonded_logistics_filer"
    rows = {row.missing: (row.count, make.MERCHANT.name in row.why) for row in shown(cast, by).waits}
    assert rows == {"清单更正": (1, True), "清单": (1, False)}
    Document.objects.filter(pk=first.pk).update(state=State.DECLARING)
    assert [row.missing for row in shown(cast, by).waits] == ["清单"], "one of the two stands"


STOPPED = [
    (State.REJECTED, "1313", "清单被退单，更正后重新申报", "清单更正"),
    (State.FAILED, "", "清单被退单，更正后重新申报", "清单更正"),
    (State.DETAINED, "", "处理扣留的货物（清单已扣留）", "扣留的清单"),
    (State.REVIEW, "", "清单：人工审核", ""),
    (State.INSPECTING, "", "清单：查验", ""),
]


@pytest.mark.parametrize("standing", [State.DECLARING, State.STORED])
@pytest.mark.parametrize(("state", "code", "step", "missing"), STOPPED)
def test_desk_list_and_page_of_an_order_say_the_same_of_its_list(standing, state, code, step, missing, cast, client_of):
    documents = trade.whole(cast)
    order = documents["order"]
    if standing == State.STORED:
        filed.move([order], State.STORED, code="120")
    filed.move([documents["inventory"]], state, code="100", reason=f"[Code:{code};Desc:x]" if code else "")
    client = client_of("merchant_filer")
    page = client.get(reverse("detail", args=["order", order.pk])).context["story"].turn
    (row,) = client.get(reverse("list", args=["order"])).context["page"].rows
    assert page.what == step and row.next_step == page.in_short
    assert [wait.missing for wait in shown(cast, "merchant_filer").waits] == ([missing] if missing else [])
    assert page.who in {make.WAREHOUSE.name, "现场海关", "海关"}
    filed.move([documents["inventory"]], State.RELEASED, code="800")
    assert "清单被退单" not in client.get(reverse("detail", args=["order", order.pk])).context["story"].turn.what


def test_who_is_not_named_on_the_list_is_told_nothing_of_it(cast, client_of):
    documents = trade.whole(cast)
    filed.move([documents["payment"]], State.STORED, code="120")
    filed.move([documents["inventory"]], State.REJECTED, code="100", reason="[Code:1327;Desc:x]")
    turn = (
        client_of("payment_filer")
        .get(reverse("detail", args=["payment", documents["payment"].pk]))
        .context["story"]
        .turn
    )
    assert "清单被" not in turn.what
    assert shown(cast, "payment_filer").tasks == [] == shown(cast, "payment_filer").waits


@pytest.mark.parametrize("code", sorted(ADVICE))
def test_whose_document_customs_doubts_has_it_to_do_with_code_and_reason(code, cast, client_of):
    """What customs said of the list itself stays with its filer."""
    documents = trade.whole(cast)
    filed.move([documents["inventory"]], State.REJECTED, code="100", reason=f"[Code:{code};Desc:张三1234.56]")
    found = shown(cast, "merchant_filer")
    page = client_of("merchant_filer").get(reverse("detail", args=["order", documents["order"].pk])).content.decode()
    assert "张三" not in page
    if "order" not in ADVICE[code].kinds:
        assert found.tasks == [] and [wait.missing for wait in found.waits] == ["清单更正"]
        return
    (task,) = found.tasks
    assert found.waits == [] and task.count == 1 and task.title == "订单与其他单证不一致，清单被退单"
    assert task.why[0][0] == code and str(ADVICE[code].text) in task.why[0][1] and "张三" not in task.why[0][1]
    assert f"清单被海关退单（{code}）" in page
    filed.move([documents["inventory"]], State.REJECTED, code="100", reason=f"[Code:{code};Desc:x][Code:1300;Desc:x]")
    assert shown(cast, "merchant_filer").tasks == [], "something else is wrong too"


def test_what_says_the_same_is_one_row(cast):
    """Whatever customs gave as the reason, and however far the own documents came."""
    for n, code in enumerate(("1300", "1313", "1327", "1332"), 1):
        documents = trade.whole(cast, n)
        if n % 2:
            filed.move([documents["order"]], State.STORED, code="120")
        filed.move([documents["inventory"]], State.REJECTED, code="100", reason=f"[Code:{code};Desc:x]")
    found = shown(cast, "merchant_filer")
    assert [(wait.missing, wait.count, wait.address) for wait in found.waits] == [
        ("清单更正", 2, reverse("list", args=["order"]))
    ]
    (task,) = found.tasks
    assert task.count == 2 and {code: many for code, _text, many in task.why} == {"1327": 1, "1332": 1}
    assert [(wait.missing, wait.count) for wait in shown(cast, "bonded_logistics_filer").waits] == [("清单更正", 4)]


def test_a_payment_customs_doubts_is_told_where_the_list_names_its_filer(cast):
    documents = trade.whole(cast)
    filed.move([documents["inventory"]], State.REJECTED, code="100", reason="[Code:1332;Desc:x]")
    Inventory.objects.update(area_code=make.PAYER.customs_code)
    (task,) = shown(cast, "payment_filer").tasks
    assert task.title == "支付单与其他单证不一致，清单被退单" and task.why[0][0] == "1332"


def test_a_list_that_wants_guarantee_waits_for_the_guarantor(cast):
    documents = trade.whole(cast)
    listed = documents["inventory"]
    filed.move([documents["order"]], State.STORED, code="120")
    filed.move([listed], State.REVIEW, code="300", reason="[Code:1200;Desc:担保额度不足，本单税款24.39元，可用0.00元]")
    assert listed.inventory.assure_code in cast.enterprises["merchant"].codes
    (wait,) = shown(cast, "warehouse_filer").waits
    assert (wait.missing, wait.count) == ("担保额度", 1) and make.MERCHANT.name in wait.why
    (wait,) = shown(cast, "merchant_filer").waits
    assert (wait.missing, wait.why) == ("担保额度", "本企业：增加担保额度，到账后海关自动放行")
    assert shown(cast, "merchant_administrator").waits == [], (
        "it stands among what needs doing, of who sees the guarantee"
    )
    assert [wait.missing for wait in shown(cast, "bonded_logistics_filer").waits] == [], (
        "why is between those two and customs"
    )
    filed.move([listed], State.REVIEW, code="300", reason="[Code:1200;Desc:人工审核]")
    filed.move([listed], State.EXAMINED, code="399")
    assert shown(cast, "warehouse_filer").waits == shown(cast, "merchant_filer").waits == []


def test_nobody_is_waited_for_where_the_refused_list_is_ones_own(cast):
    for slug in ("order", "payment", "waybill"):
        trade.file(cast, slug)
    assert [wait.missing for wait in shown(cast, "merchant_filer").waits] == ["清单"]
    own = trade.file(cast, "inventory", by="merchant_filer")
    assert shown(cast, "merchant_filer").waits == [], "customs compares"
    filed.move([own], State.REJECTED, code="100", reason="[Code:1327;Desc:x]")
    desk_ = shown(cast, "merchant_filer")
    assert desk_.waits == [] and titles(desk_) == ["清单退单"]


@pytest.mark.parametrize(("state", "action"), [("rejected", "去更正"), ("failed", "去更正"), ("detained", "查看")])
def test_only_what_can_be_corrected_asks_for_it(state, action, cast):
    filed.move(filed.file(cast, "order", 1), state, code="501")
    (task,) = shown(cast, "merchant_filer").tasks
    assert task.action == action
    (task,) = shown(cast, "merchant_viewer").tasks
    assert task.action == "查看"


def test_reasons_are_told_without_their_figures_and_say_how_many_there_are(cast, client_of):
    orders = filed.file(cast, "order", 1, 2, 3, 4, 5)
    said = [
        "[Code:1313;Desc:订购人累计总价：26,346.00，超过26,000.00]", "[Code:1313;Desc:订购人累计总价：31,002.50，超过26,000.00。请退款]",
        "[Code:1300;Desc:甲]", "[Code:1320;Desc:乙]", "[Code:1322;Desc:丙][Code:1322;Desc:丙]",
    ]  # fmt: skip
    for order, reason in zip(orders, said, strict=True):
        filed.move([order], State.REJECTED, code="100", reason=reason)
    (task,) = shown(cast, "merchant_filer").tasks
    assert task.why[0] == ("1313", "订购人累计总价：…，超过", 2) and len(task.why) == 3 and task.more == 1
    assert {count for _code, _text, count in task.why[1:]} == {1}
    body = client_of("merchant_filer").get(HOME).content.decode()
    assert "<b>×2</b>" in body and "另有 1 种" in body


def test_a_long_reason_is_cut_between_words(cast):
    filed.move(filed.file(cast, "order", 1), State.REJECTED, code="100", reason="，".join(["十个字的一句话就是它"] * 9))
    (_code, text, _count), *_rest = shown(cast, "merchant_filer").tasks[0].why
    assert text == "，".join(["十个字的一句话就是它"] * 5) + "…"


def test_a_kind_never_filed_takes_no_line_beside_others(cast):
    assert {one.kind.slug for one in shown(cast, "merchant_filer").standings} == {"order", "inventory"}
    trade.file(cast, "order")
    assert [one.kind.slug for one in shown(cast, "merchant_filer").standings] == ["order"]


def orders_left(cast, by="merchant_filer"):
    """What the desk says is left of imported workbooks: titles, counts and reasons."""
    return [(task.title, task.count, task.why[0][1]) for task in shown(cast, by).tasks if "未受理" in task.title]


def test_it_reminds_of_what_a_workbook_could_not_file_until_it_is_filed(cast, client_of):
    bad = make.order(2, goods_value="x"), make.order(3, buyer_id_number="1")
    upload = filed.uploaded(cast, "order", [make.order(1), *bad])
    assert orders_left(cast) == [], "the clerk has not decided yet"
    uploads.decide(actor=cast.actor("merchant_filer"), upload=upload, all_or_nothing=False)
    assert uploads.work_next()
    title = "导入有未受理的单证，改好再传"
    assert orders_left(cast) == [(title, 2, f"{upload.filename}：未受理 2 票")]
    (task,) = shown(cast, "merchant_filer").tasks
    assert (task.action, task.address) == ("去改正", reverse("upload_check", args=[upload.pk]))
    assert shown(cast, "merchant_viewer").tasks[0].action == "查看"
    assert "2 票未受理" in client_of("merchant_filer").get(HOME).content.decode()
    assert orders_left(cast, "neighbour_filer") == []
    trade.file(cast, "order", 9, accepted=False)
    assert orders_left(cast)[0][1] == 2, "another order does not help"
    trade.file(cast, "order", 2, accepted=False)
    assert orders_left(cast)[0][1] == 1, "one was typed in"
    second = filed.uploaded(cast, "order", [make.order(3)])
    uploads.decide(actor=cast.actor("merchant_filer"), upload=second, all_or_nothing=True)
    assert uploads.work_next() and orders_left(cast) == [], "the other one came with another workbook"


@pytest.mark.parametrize("books", [2, MOST_REASONS + 1])
def test_each_workbook_leads_to_its_own_page_and_where_they_are_many_to_all_of_them(books, cast):
    sent = []
    for n in range(books):
        one = filed.uploaded(cast, "order", [make.order(10 + n), make.order(n, goods_value="x")])
        uploads.decide(actor=cast.actor("merchant_filer"), upload=one, all_or_nothing=False)
        assert uploads.work_next()
        sent.append(one)
    found = [(task.address, task.count, task.more) for task in shown(cast, "merchant_filer").tasks]
    each = [(reverse("upload_check", args=[one.pk]), 1, 0) for one in sent]
    assert found == (each if books == 2 else [(reverse("uploads"), books, 1)])


def test_it_reminds_for_two_weeks_also_of_rows_without_an_order_number(cast):
    upload = filed.uploaded(cast, "order", [make.order(1), make.order(2, order_no="")])
    uploads.decide(actor=cast.actor("merchant_filer"), upload=upload, all_or_nothing=False)
    assert uploads.work_next() and orders_left(cast)[0][1] == 1
    Upload.objects.update(filed_at=timezone.now() - unfiled.REMINDED)
    assert orders_left(cast) == []


def test_it_counts_the_lists_released_today_once(cast):
    lists = [trade.whole(cast, n)["inventory"] for n in (1, 2, 3)]
    release(lists[:2])
    filed.move(lists[:1], State.CLOSED, code="899")
    found = shown(cast, "warehouse_filer").released
    assert found.count == 2 and found.address.endswith("?tab=released")
    StateChange.objects.filter(document=lists[1]).update(happened_at=timezone.now() - timedelta(days=1))
    filed.move(lists[1:2], State.CLOSED, code="899")
    assert shown(cast, "warehouse_filer").released.count == 1, "released yesterday, closed today"


def test_who_files_no_lists_counts_by_the_tax_bills(cast):
    listed = trade.whole(cast)["inventory"]
    release([listed])
    assert shown(cast, "merchant_filer").released is None, "none that it could see"
    trade.bill(cast, listed)
    found = shown(cast, "merchant_filer").released
    assert (found.label, found.unit) == ("今日税单", "张")
    assert shown(cast, "warehouse_filer").released.label == "今日放行"
    assert (found.count, found.tax) == (1, Decimal("30.03")) and found.address.startswith(reverse("tax_bills"))
    assert shown(cast, "payment_filer").released is None


@pytest.mark.parametrize("by", ["merchant_administrator", "merchant_finance", "merchant_viewer"])
def test_it_shows_the_guarantee_to_whom_it_concerns(by, cast, client_of):
    hold_ = trade.whole(cast)["inventory"]
    open_guarantee(cast)
    hold(hold_, "30.03")
    standing = shown(cast, by).purse.standing
    assert standing.available + standing.held == standing.total and standing.held == Decimal("30.03")
    body = client_of(by).get(HOME).content.decode()
    assert f"{standing.available:,.2f}" in body and "30.03" in body and reverse("guarantee") in body


@pytest.mark.parametrize("by", ["merchant_filer", "merchant_developer", "payment_filer", "venue_filer"])
def test_it_shows_no_money_to_the_others(by, cast, client_of):
    open_guarantee(cast)
    assert shown(cast, by).purse is None
    assert reverse("guarantee") not in client_of(by).get(HOME).content.decode()


def test_it_warns_when_little_is_left(cast, client_of):
    listed = trade.whole(cast)["inventory"]
    total = guarantee_total(open_guarantee(cast))
    assert "只剩" not in client_of("merchant_finance").get(HOME).content.decode()
    hold(listed, total * Decimal("0.81"))
    assert "可用额度只剩" in client_of("merchant_finance").get(HOME).content.decode()


def guarantee_total(kept):
    """What was given in all."""
    return sum(account.balance for account in kept.accounts.exclude(purpose="funding"))


def test_it_says_when_a_list_did_not_fit(cast):
    listed = trade.whole(cast)["inventory"]
    total = guarantee_total(open_guarantee(cast))
    hold(listed, total + 1)
    assert Discrepancy.objects.get(closed_at=None).kind == DiscrepancyKind.SHORT
    assert "担保金不足，未能预扣" in titles(shown(cast, "merchant_finance"))
    assert "担保金不足，未能预扣" not in titles(shown(cast, "merchant_filer"))


def test_the_guarantor_hears_of_lists_customs_holds_up_for_want_of_its_guarantee(cast, client_of):
    """Whoever filed them: the merchant guarantees what the warehouse declares."""
    listed = trade.whole(cast)["inventory"]
    said = "[Code:1200;Desc:担保额度不足，本单税款24.39元，可用0.00元]"
    filed.move([listed], State.REVIEW, code="300", reason=said)
    hold(listed, "24.39")
    shortage.tell([listed.pk])
    first = shown(cast, "merchant_finance").tasks[0]
    assert (first.title, first.count, first.address) == ("清单等担保额度", 1, reverse("guarantee"))
    assert "24.39" in first.why[0][1] and "向海关增加额度" in first.why[0][1]
    assert "账目与海关不一致" not in titles(shown(cast, "merchant_finance"))
    assert "清单等担保额度" not in titles(shown(cast, "warehouse_filer"))
    assert "清单等担保额度" in client_of("merchant_administrator").get(HOME).content.decode()
    filed.move([listed], State.RELEASED, code="800")
    shortage.tell([listed.pk])
    assert "清单等担保额度" not in titles(shown(cast, "merchant_finance"))


def test_the_parts_of_the_guarantee_are_those_of_its_page_and_sum_to_it(cast, client_of):
    listed, other = (trade.whole(cast, n)["inventory"] for n in (1, 2))
    kept = open_guarantee(cast)
    for document, amount in ((listed, "30.03"), (other, "12.00")):
        hold(document, amount)
    trade.bill(cast, listed, released_on=today() - timedelta(days=33))
    desk_ = shown(cast, "merchant_finance")
    assert sum(share.amount for share in desk_.purse.shares) == guarantee_total(kept)
    amounts = {str(share.word): share.amount for share in desk_.purse.shares}
    assert amounts["预扣，待缴"] == Decimal("30.03") and amounts["预扣，尚未放行或税单未到"] == Decimal("12.00")
    pages = [client_of("merchant_finance").get(page).content.decode() for page in (HOME, reverse("guarantee"))]
    for word in ("预扣，待缴", "预扣，尚未放行或税单未到", "总额度"):
        assert all(word in page for page in pages), word


def test_it_says_where_books_and_customs_differ_until_it_is_cleared(cast):
    open_ones = {"enterprise": cast.enterprises["merchant"], "opened_at": timezone.now(), "note": keep("税款不一致")}
    one = Discrepancy.objects.create(kind=DiscrepancyKind.TAX_DIFFERS, subject="bill 1 x", **open_ones)
    (task,) = [task for task in shown(cast, "merchant_finance").tasks if task.title == "账目与海关不一致"]
    assert (task.count, task.since, task.address) == (1, one.opened_at, reverse("guarantee"))
    Discrepancy.objects.update(closed_at=timezone.now())
    assert shown(cast, "merchant_finance").tasks == []


@pytest.mark.parametrize(
    ("day", "title"),
    [
        (0, ""),
        (30, ""),
        (31, "税单可缴纳"),
        (42, "税单可缴纳"),
        (43, "税单将截止"),
        (45, "税单将截止"),
        (46, "税单逾期未缴"),
    ],
)
def test_bills_are_spoken_of_from_day_31_on(day, title, cast):
    trade.bill(cast, trade.whole(cast)["inventory"], released_on=today() - timedelta(days=day))
    assert titles(shown(cast, "merchant_finance")) == ([title] if title else [])


@pytest.mark.parametrize("state", ["void", "paid"])
def test_bills_that_are_settled_are_not(state, cast):
    trade.bill(cast, trade.whole(cast)["inventory"], released_on=today() - timedelta(days=46), state=state)
    assert titles(shown(cast, "merchant_finance")) == []


def test_finance_sees_money_first_and_nothing_to_file_with(cast, client_of):
    documents = trade.whole(cast)
    open_guarantee(cast)
    filed.move([documents["order"]], State.REJECTED, code="100", reason="[Code:1327;Desc:x]")
    trade.bill(cast, documents["inventory"], released_on=today() - timedelta(days=44))
    said = titles(shown(cast, "merchant_finance"))
    assert said[0] == "税单将截止" and len(said) == 2
    assert titles(shown(cast, "merchant_administrator")) == said[::-1]
    order = html.fromstring(client_of("merchant_finance").get(HOME).content).xpath("//main//section/@aria-labelledby")
    assert order.index("purse") < order.index("todo")
    order = html.fromstring(client_of("merchant_administrator").get(HOME).content).xpath(
        "//main//section/@aria-labelledby"
    )
    assert order.index("todo") < order.index("purse")


@pytest.mark.parametrize(
    "by",
    [
        "merchant_administrator", "merchant_filer", "merchant_finance", "merchant_viewer", "merchant_developer", "platform_filer",
        "payment_filer", "direct_logistics_filer", "bonded_logistics_filer", "warehouse_filer", "venue_filer",
    ],
)  # fmt: skip
def test_every_link_of_the_desk_opens(by, cast, client_of):
    documents = trade.whole(cast)
    for key in ("merchant", "platform", "warehouse"):
        open_guarantee(cast, key)
    trade.file(cast, "waybill", 2)
    trade.file(cast, "inventory", 3)
    release([documents["inventory"]])
    trade.bill(cast, documents["inventory"], released_on=today() - timedelta(days=44))
    client = client_of(by)
    page = html.fromstring(client.get(HOME).content)
    links = {link for link in page.xpath("//main//a/@href | //nav//a/@href") if not link.startswith("#")}
    for address in links:
        assert client.get(address).status_code == 200, address


def test_it_costs_the_same_queries_however_much_there_is(cast):
    def queries():
        actor = cast.actor("merchant_administrator")
        with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
            with CaptureQueriesContext(connection) as asked:
                desk(actor)
        return len(asked)

    open_guarantee(cast)
    documents = trade.whole(cast)
    listed = trade.file(cast, "inventory", 9, by="merchant_filer")
    assert listed.state == State.WAITING
    filed.move([documents["order"]], State.REJECTED, code="100", reason="[Code:1327;Desc:x]")
    trade.file(cast, "order", 8)
    first = queries()
    assert first <= 20
    for n in range(2, 6):
        trade.bill(cast, trade.whole(cast, n)["inventory"], f"2218202500000000{n:02}")
        trade.file(cast, "inventory", 20 + n, by="merchant_filer", logistics_name=f"快递{n}")
    assert queries() <= first


@pytest.mark.parametrize("name", ["declarations_lacking", "declarations_stopped", "declarations_stopped_of"])
def test_what_stands_still_is_found_by_index_however_much_there_ever_was(name, cast):
    """A probe of an index for each order; what was done with long ago is not read, also where many trades stand still."""
    documents = trade.whole(cast)
    filed.move([documents["order"]], State.STORED, code="120")
    times(documents["order"], 20_000)
    times(trade.file(cast, "order", 2), 3_000)
    filed.move([documents["inventory"]], State.REJECTED, code="100", reason="[Code:1327;Desc:x]")
    times(documents["inventory"], 3_000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('portal.enterprise', %s, true)", [str(cast.enterprises["merchant"].pk)])
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [name])
        orders = "ARRAY(SELECT order_no FROM declarations_document WHERE kind = 'inventory' ORDER BY id LIMIT 100)"
        cursor.execute("EXPLAIN (ANALYZE) " + cursor.fetchone()[0].replace("order_numbers", orders))
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on declarations_document" not in plan
    assert "document_" in plan
