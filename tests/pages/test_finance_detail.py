"""One tax bill for finance: every figure led back to its rates, whose turn it is, what to do where something differs."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from lxml import html

from ledger import bills, discrepancies
from ledger.models import BillState, Discrepancy, DiscrepancyKind, Fault, TariffLine, TaxBill
from ledger.pages.bill import Road
from ledger.tariff import rate_of
from ledger.window import FIRST_DAY, LAST_DAY, Phase, Window, phase_of, released_in, today
from tests.pages import books
from tests.pages.books import BAG, BEER, CREAM, MILK, WINE, Wish

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance(cast, client_of):
    """The merchant's finance at a browser; the merchant has given a guarantee."""
    books.give(cast, "merchant")
    return client_of("merchant_finance")


def opened(cast, client, wish):
    """The page of the bill of a wish."""
    (bill,) = books.bring(cast, [wish])
    answer = client.get(reverse("tax_bill", kwargs={"pk": bill.pk}))
    assert answer.status_code == 200
    return answer.context["page"], said(answer)


def said(answer):
    """The text of a page, every gap one blank."""
    return " ".join(html.fromstring(answer.content).xpath("//main")[0].text_content().split())


def steps(page):
    """What each line's figures come from: name → how and how much."""
    return [{step.name: (step.how, step.gets) for step in one.steps} for one in page.explanation.lines]


def test_within_the_limits_it_says_value_formula_and_share(cast, finance):
    page, text = opened(cast, finance, Wish(1, ((MILK, "320.00"),), "10"))
    (told,) = steps(page)
    assert told["完税价格"] == ("商品价格 320.00 + 分摊的运费和保险费 10.00", Decimal("330.00"))
    assert told["关税"] == ("限值以内，税率为 0", Decimal("0.00"))
    assert told["消费税"] == ("这类商品不征消费税", Decimal("0.00"))
    assert told["增值税"] == ("330.00 × 增值税税率 13% × 70%", Decimal("30.03"))
    assert told["本项合计"][1] == Decimal("30.03")
    assert all(step.agrees for one in page.explanation.lines for step in one.steps)
    assert "关税免征，消费税和增值税按应纳税额的 70% 征收" in text and "海关多" not in text


def test_consumption_tax_is_told_with_what_decides_it(cast, finance):
    page, text = opened(cast, finance, Wish(1, ((CREAM, "425.00"),), "0"))
    (told,) = steps(page)
    assert told["消费税"][1] == Decimal("52.50") and told["增值税"][1] == Decimal("45.50")
    assert told["消费税"][0].startswith("425.00 ÷ (1 − 15%) × 消费税税率 15% × 70%；每克")
    assert told["增值税"][0] == "(425.00 + 未打折的消费税 75.00) × 增值税税率 13% × 70%"
    assert page.bill.total == Decimal("98.00") and "消费税是价内税" in text


def test_tax_by_quantity_is_told_by_litres_and_rate(cast, finance):
    page, text = opened(cast, finance, Wish(1, ((BEER, "156.00"),), "10"))
    (told,) = steps(page)
    assert told["消费税"] == ("从量 1.51822 × 70%；6 升，每 988 升 250 元", Decimal("1.06"))
    assert told["增值税"] == ("(166.00 + 未打折的消费税 1.51822) × 增值税税率 13% × 70%", Decimal("15.24"))
    assert "从量 1.51822 × 70%；6 升，每 988 升 250 元" in text


def test_over_the_single_limit_it_says_why_all_is_taxed(cast, finance):
    page, text = opened(cast, finance, Wish(1, ((BAG, "8000.00"),), "0"))
    (told,) = steps(page)
    assert told["关税"] == ("8,000.00 × 关税税率 6%", Decimal("480.00"))
    assert told["增值税"] == ("(8,000.00 + 关税 480.00) × 增值税税率 13%", Decimal("1102.40"))
    assert "超过单次限值 5,000.00 元的单件商品" in text


def test_every_figure_of_every_line_is_there_and_adds_up(cast, finance):
    wish = Wish(1, ((MILK, "99.00"), (CREAM, "120.00"), (WINE, "88.00")), "12")
    page, text = opened(cast, finance, wish)
    for one in page.explanation.lines:
        *taxes, whole = [step.gets for step in one.steps[1:]]
        assert sum(taxes) == whole == one.total
        assert one.line.gcode in text and one.name in text
    assert sum(one.total for one in page.explanation.lines) == page.bill.total
    assert [(row.customs, row.ours) for row in page.taxes][-1] == (page.bill.total, page.bill.total)


def test_faults_of_the_tariff_stand_beside_the_goods_they_touch(cast, finance):
    page, text = opened(cast, finance, Wish(1, ((MILK, "99.00"), (WINE, "88.00")), "0"))
    faults = [one.faults for one in page.explanation.lines]
    assert faults[0] == [] and str(Fault.VAT_BY_RULE.label) in faults[1]
    assert "税则资料的已知缺陷" in text


def test_a_difference_says_where_how_much_and_what_to_do(cast, finance):
    page, text = opened(cast, finance, Wish(1, ((MILK, "99.00"), (CREAM, "120.00")), "12", more_vat="0.02"))
    off = [step for one in page.explanation.lines for step in one.steps if not step.agrees]
    assert [(step.name, step.customs - step.gets) for step in off] == [
        ("增值税", Decimal("0.02")), ("本项合计", Decimal("0.02"))
    ]  # fmt: skip
    assert "海关多 0.02" in text and "以海关数字缴纳" in text
    (point,) = page.open
    assert point.amounts == [("海关", page.bill.total), ("本系统", page.bill.total - Decimal("0.02"))]


def test_without_our_own_computation_the_published_rates_are_tried(cast, finance):
    for n, (code, price) in enumerate(((CREAM, "425.00"), (BAG, "8000.00")), 1):
        page, text = opened(cast, finance, Wish(n, ((code, price),), "0", own=False))
        assert page.explanation.is_tried and "按已导入的税则对海关的完税价格推算" in text
        assert all(step.agrees for one in page.explanation.lines for step in one.steps)
        assert "未计算" in text
    assert "超过单次限值" in text


def test_what_the_rates_do_not_come_to_is_said_and_not_made_up(cast, finance):
    wish = Wish(1, ((CREAM, "425.00"), (WINE, "88.00")), "0", own=False, more_vat="0.05")
    page, _text = opened(cast, finance, wish)
    first, second = page.explanation.lines
    assert first.steps == [] and "按已导入的税则算不出海关的数字" in first.unexplained
    assert second.steps and not second.unexplained


def test_goods_that_are_not_in_the_tariff_are_said_to_be(cast, finance):
    (bill,) = books.bring(cast, [Wish(1, own=False)])
    TariffLine.objects.filter(code=MILK).delete()
    text = said(finance.get(reverse("tax_bill", kwargs={"pk": bill.pk})))
    assert "税则中没有这个编码" in text and "30.03" in text


def test_it_says_whose_turn_it_is_and_until_when(cast, finance, client_of):
    cases = {
        Wish(1, days=5): ("等待期", False),
        Wish(2, days=31): ("到现场海关汇总税单", True),
        Wish(3, days=44, status="2", duty_no="DN7"): ("缴款书 DN7 已出，请按其缴纳", True),
        Wish(7, days=2, status="2", duty_no="DN8"): ("缴款书 DN8 已出，请按其缴纳", True),
        Wish(8, days=47, status="2", duty_no="DN9"): ("缴款书 DN9 已过", True),
        Wish(9, days=None, status="2", duty_no="DN10"): ("缴款书 DN10 已出", True),
        Wish(4, days=46): ("已过", True),
        Wish(5, days=50, status="3"): ("已作废，不必缴纳", False),
        Wish(6, days=None): ("放行清单", False),
    }
    for wish, (words, is_ours) in cases.items():
        page, text = opened(cast, finance, wish)
        assert words in page.turn.what and page.turn.is_ours is is_ours, wish
        if wish.days is not None:
            window = Window(page.bill.released_on)
            is_void, is_noted = wish.status == "3", wish.status == "2"
            assert (f"{window.opens}" in text, f"{window.closes}" in text) == (not (is_void or is_noted), not is_void)
            assert ("已出，现在缴纳" in text) is is_noted
            assert f"{window.released_on}" in text
    other = client_of("warehouse_filer").get(reverse("tax_bill", kwargs={"pk": TaxBill.objects.get(duty_no="DN7").pk}))
    turn = other.context["page"].turn
    assert (turn.who, turn.is_ours) == ("担保企业", False)


def test_it_leads_to_the_trade_the_payment_note_and_the_movements(cast, finance, client_of):
    (bill,) = books.bring(cast, [Wish(1, days=44, status="2", duty_no="DN7")])
    address = reverse("tax_bill", kwargs={"pk": bill.pk})
    page = html.fromstring(finance.get(address).content)
    links = page.xpath("//main//a/@href")
    for number in (bill.invt_no, bill.order_no, bill.logistics_no):
        assert reverse("search") + f"?q={number}" in links
    assert reverse("tax_bills") + "?duty_no=DN7" in links
    assert reverse("guarantee") + f"?q={bill.invt_no}" in links
    happened = finance.get(address).context["page"].happened
    assert [one.look.code for one in happened] == ["2", "1"] and "DN7" in happened[0].text
    moved = finance.get(address).context["page"].movements
    assert [(one.transfer.kind, one.transfer.amount) for one in moved] == [("hold", bill.total)]
    for username in ("merchant_filer", "warehouse_filer"):
        other = client_of(username).get(address)
        assert other.status_code == 200 and other.context["page"].movements == []
        assert "担保金变动" not in other.content.decode()


def test_a_paid_bill_shows_voucher_and_what_came_back(cast, finance):
    (bill,) = books.bring(cast, [Wish(1, days=40)])
    books.pay(bill)
    page = finance.get(reverse("tax_bill", kwargs={"pk": bill.pk})).context["page"]
    assert page.look.word == "已缴" and page.bill.state == BillState.PAID
    assert [one.transfer.kind for one in page.movements] == ["settle", "hold"]


@pytest.mark.parametrize(
    ("days", "phase"),
    [
        (0, Phase.WAITING), (30, Phase.WAITING), (31, Phase.OPEN), (42, Phase.OPEN), (43, Phase.CLOSING),
        (45, Phase.CLOSING), (46, Phase.OVERDUE),
    ],
)  # fmt: skip
def test_the_window_opens_on_day_31_and_closes_with_day_45(days, phase):
    on = today()
    released = on - timedelta(days=days)
    assert phase_of(released, on) == phase
    first, last = released_in(phase, on)
    assert (first is None or first <= released) and (last is None or released <= last)
    window = Window(released)
    assert (window.opens - released).days == FIRST_DAY and (window.closes - released).days == LAST_DAY
    road = Road.of(days)
    assert road.is_late is (phase == Phase.OVERDUE) and road.gone.endswith("%")


def test_what_was_paid_is_told_where_customs_changed_the_bill_afterwards(cast, finance):
    (bill,) = books.bring(cast, [Wish(1, days=40)])
    books.pay(bill)
    address = reverse("tax_bill", kwargs={"pk": bill.pk})
    assert "实缴" not in said(finance.get(address))
    own = books.assessed(Wish(1), {line.code: rate_of(line) for line in TariffLine.objects.all()})
    changed = replace(books.bill_of(cast, Wish(1, days=40, more_vat="5.00"), own), billed_at=books.moment(0))
    bills.record_bills([changed], enterprise_id=bill.enterprise_id, inbound_id=None, received_at=books.moment(0))
    text = said(finance.get(address))
    assert f"实缴 {bill.total}" in text and f"¥ {bill.total + 5}" in text
    months = finance.get(reverse("tax_bills")).context["schedule"].months
    assert [month.paid.total for month in months] == [bill.total]


def test_what_staff_ended_by_hand_is_told_with_how(cast, finance):
    page, _text = opened(cast, finance, Wish(1, days=5, more_vat="0.02"))
    discrepancy = Discrepancy.objects.get(bill_id=page.bill.pk, kind=DiscrepancyKind.TAX_DIFFERS)
    discrepancies.settle([discrepancy], why="现场海关已核实", user=cast.users["staff"])
    answer = finance.get(reverse("tax_bill", kwargs={"pk": page.bill.pk}))
    assert answer.context["page"].open == [] and "平台已处理，现场海关已核实" in said(answer)
