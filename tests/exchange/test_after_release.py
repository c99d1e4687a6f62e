"""The story of a list goes on after customs has closed it: its tax bill, and what the guarantee held, for whom it concerns."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.cast import Cast
from declarations.doors.story import Step, story
from declarations.exchange import inbox
from declarations.kinds import kind
from declarations.lifecycle import State
from declarations.models import Document
from ledger.audit import audit
from ledger.models import TaxBill
from ledger.payment import confirm_payment
from tests import make
from tests.exchange.desk import accepted, bring, listed, read_all
from tests.exchange.lists import Told, held, invt_no, letter

ROAD = (Told("2", 1), Told("120", 2), Told("399", 4), Told("800", 6), Told("816", 7), Told("899", 8))
GATHERED, VOID = Told("818", 9, "2"), Told("818", 10, "3")


def tell(*all_told: Told, about: int) -> None:
    """Customs says it all, and it is read."""
    for told in all_told:
        inbox.store(letter(told, about))
    read_all()


def steps(cast: Cast, document_id: int, by: str = "warehouse_filer") -> list[Step]:
    """What its page tells this person, the first thing first."""
    document = Document.objects.select_related("inventory").get(id=document_id)
    return list(reversed(story(kind("inventory"), document, actor=cast.actor(by)).steps))


def of_tax(found: list[Step]) -> list[tuple[str, list[str]]]:
    """What it tells of the tax bill."""
    return [(step.title, step.lines) for step in found if step.title.startswith("电子税单")]


@pytest.fixture
def own(secured: Cast) -> int:
    """A list the merchant declares itself and stands surety for."""
    for slug in ("order", "payment", "waybill"):
        accepted(secured, slug, 1)
    names = {"agent_code": make.MERCHANT.customs_code, "agent_name": make.MERCHANT.name}
    entry = make.inventory(1, **names, assure_code=make.MERCHANT.customs_code)
    return bring(secured, "inventory", [entry], by="merchant_filer").filed[0]


def test_it_tells_the_bill_from_its_making_to_its_payment(secured: Cast) -> None:
    (goods,) = listed(secured, 1)
    tell(*ROAD, GATHERED, about=goods)
    confirm_payment(duty_no=f"PAY{invt_no(goods)}", paid_on=date(2025, 7, 20), voucher="PZ-1", user=None)
    assert held(goods) == 0 and not [verdict for verdict in audit() if verdict.broken]
    found = steps(secured, goods)
    assert of_tax(found) == [
        ("电子税单已生成", ["税款合计 30.03 元"]),
        ("电子税单已汇总", [f"缴款书编号 PAY{invt_no(goods)}"]),
        ("电子税单已缴", ["缴款日 2025-07-20，凭证 PZ-1"]),
    ]
    assert [step.title for step in found].index("电子税单已汇总") > [step.code for step in found].index("899")
    assert {step.message for step in found if "税单" in step.title} == {
        reverse("tax_bill", args=[TaxBill.objects.get().pk])
    }


@pytest.mark.parametrize("comes_late", [False, True])
def test_it_tells_the_sum_of_a_changed_bill_only_where_customs_last_said_it(secured: Cast, comes_late: bool) -> None:
    """What the bill came to before is not kept, and is not told as if it had always been what it is."""
    (goods,) = listed(secured, 1)
    changed = (Told("816", 7, "30.03"), Told("816", 9, "99.00"))
    tell(*ROAD[:4], *(reversed(changed) if comes_late else changed), about=goods)
    assert of_tax(steps(secured, goods)) == [("电子税单已生成", []), ("电子税单已生成", ["税款合计 99.00 元"])]


def test_it_tells_that_the_bill_is_void(secured: Cast) -> None:
    (goods,) = listed(secured, 1)
    tell(*ROAD, VOID, about=goods)
    assert of_tax(steps(secured, goods))[-1] == ("电子税单作废", ["不必缴纳，预扣返还"])


def test_the_guarantor_s_own_list_tells_what_was_held_and_given_back(secured: Cast, own: int) -> None:
    tell(*ROAD, VOID, about=own)
    found = [step for step in steps(secured, own, "merchant_administrator") if step.title.startswith("担保金")]
    assert [step.title for step in found] == ["担保金：预扣", "担保金：预扣调整", "担保金：预扣返还"]
    assert found[-1].meta == "30.03 元" and found[-1].lines == ["税单作废，预扣返还"]


@pytest.mark.parametrize(("by", "bill", "guarantee"), [
    ("merchant_administrator", True, True), ("merchant_viewer", True, True), ("merchant_filer", True, False),
])  # fmt: skip
def test_each_role_is_told_what_its_pages_of_the_books_show(
    secured: Cast, own: int, by: str, bill: bool, guarantee: bool
) -> None:
    tell(*ROAD, about=own)
    titles = [step.title for step in steps(secured, own, by)]
    assert any(title.startswith("电子税单") for title in titles) is bill
    assert any(title.startswith("担保金") for title in titles) is guarantee


def test_who_only_declares_is_told_nothing_of_another_s_guarantee(secured: Cast) -> None:
    (goods,) = listed(secured, 1)
    tell(*ROAD, about=goods)
    assert not [step for step in steps(secured, goods) if step.title.startswith("担保金")]


def test_it_asks_the_database_as_often_however_much_has_happened(secured: Cast, own: int) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            steps(secured, own, "merchant_administrator")
        return len(queries)

    tell(*ROAD, about=own)
    before = cost()
    tell(GATHERED, VOID, Told("816", 11, "45.50"), Told("818", 12, "1"), about=own)
    assert cost() == before


def test_goods_that_customs_detains_are_customs_to_deal_with(secured: Cast, client_of) -> None:
    """Nothing of a detained list can be corrected, so nobody is sent to do it."""
    (goods,) = listed(secured, 1)
    tell(*ROAD[:3], Told("500", 5), Told("501", 6), about=goods)
    page = client_of("warehouse_filer").get(reverse("detail", args=["inventory", goods]))
    told = page.context["story"]
    assert told.document.state == State.DETAINED
    assert (told.turn.who, told.turn.is_ours, told.next_steps) == ("现场海关", False, "随后：由现场海关处理")
    assert "联系现场海关" in told.turn.ours and "?from=" not in page.content.decode()
