"""What customs answers to the four documents: accepted, refused, matched or not."""

import pytest

from tests.conftest import until
from tests.sandbox.conftest import Listener, Sandbox
from tests.sandbox.papers import Paper, Trade, cast, guid, trade


def file_three(customs: Sandbox, listener: Listener, one: Trade) -> None:
    """File order, payment and waybill and wait until each is at 2."""
    customs.file(one.order)
    customs.file(one.payment)
    customs.file(one.waybill)
    until(lambda: all("2" in listener.statuses(paper) for paper in (one.order, one.payment, one.waybill)))


def answered(listener: Listener, paper: Paper, *statuses: str) -> None:
    """Wait for exactly these answers, in customs' order of time."""
    until(lambda: len(listener.of(paper)) >= len(statuses), what=f"answers of {paper.kind.label}")
    assert listener.statuses(paper) == list(statuses), listener.of(paper)


def test_it_takes_a_trade_to_the_match_of_the_four(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    file_three(customs, listener, one)
    customs.file(one.inventory)
    for paper in (one.order, one.payment, one.waybill, one.inventory):
        answered(listener, paper, "2", "120")
        first, last = listener.of(paper)
        assert first.time < last.time
        assert last.info == "[Code:1800;Desc:逻辑校验通过]"
    assert listener.of(one.order)[0].info == f"新增申报成功[{one.order.head['guid']}]"
    assert listener.of(one.order)[0].receiver == cast()["platform"].dxp_id
    listed = listener.of(one.inventory)[1].keys
    assert listed["preNo"].startswith("B20") and len(listed["invtNo"]) == 18 and listed["invtNo"][8] == "I"
    assert "invtNo" not in listener.of(one.inventory)[0].keys


def test_it_takes_payment_before_order(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    customs.file(one.payment)
    customs.file(one.order)
    customs.file(one.waybill)
    for paper in (one.order, one.payment, one.waybill):
        answered(listener, paper, "2")


def test_it_answers_a_hundred_documents_in_few_messages(customs: Sandbox, listener: Listener) -> None:
    trades = [trade() for _ in range(100)]
    before = len(listener.bodies)
    for name in ("order", "payment", "waybill", "inventory"):
        customs.file(*[getattr(one, name) for one in trades])
    until(lambda: all(listener.statuses(one.waybill) == ["2", "120"] for one in trades), seconds=60)
    until(lambda: all(listener.statuses(one.inventory) == ["2", "120"] for one in trades), seconds=60)
    until(lambda: len(listener.bodies) == before + 8)


def test_it_refuses_a_waybill_before_its_order_and_payment(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    customs.file(one.order)
    customs.file(one.waybill)
    answered(listener, one.waybill, "-504011")
    assert "对应支付单信息不存在" in listener.of(one.waybill)[0].info
    customs.file(one.payment)
    customs.file(one.waybill)
    answered(listener, one.waybill, "-504011", "2")


def test_it_names_what_a_list_lacks(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    customs.file(one.order)
    customs.file(one.inventory)
    answered(listener, one.inventory, "-621003")
    assert "对应支付单、运单信息不存在" in listener.of(one.inventory)[0].info
    customs.file(one.payment)
    customs.file(one.waybill)
    customs.file(one.inventory)
    answered(listener, one.inventory, "-621003", "2", "120")


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("payment", {"payerName": "李四"}, "1327"),
        ("payment", {"payerIdNumber": "110101190001010023"}, "1327"),
        ("payment", {"amountPaid": "500"}, "1332"),
        ("order", {"payCode": "3122260108", "payName": "独家"}, "13035"),
        ("order", {"payTransactionId": "OTHER"}, "1300"),
        ("inventory", {"buyerName": "李四"}, "13127"),
        ("inventory", {"buyerTelephone": "13900000002"}, "130126"),
        ("inventory", {"buyerIdNumber": "110101190001010023"}, "1300"),
        ("waybill", {"consignee": "李四"}, "1300"),
        ("waybill", {"consigneeTelephone": "13900000002"}, "1300"),
        ("waybill", {"consigneeAddress": "上海市别处"}, "1300"),
        ("inventory", {"consigneeAddress": "上海市别处"}, "1300"),
    ],
)
def test_it_returns_a_list_that_does_not_fit(
    customs: Sandbox, listener: Listener, name: str, changes: dict[str, str], code: str
) -> None:
    one = trade()
    setattr(one, name, getattr(one, name).changed(**changes))
    file_three(customs, listener, one)
    customs.file(one.inventory)
    answered(listener, one.inventory, "2", "100")
    assert f"[Code:{code};Desc:" in listener.of(one.inventory)[1].info
    answered(listener, one.order, "2")


def test_it_compares_the_goods_of_list_and_order(customs: Sandbox, listener: Listener) -> None:
    one, two = trade(), trade()
    one.inventory.lines.append(one.inventory.lines[0] | {"gnum": "2"})
    two.inventory = two.inventory.with_line(0, qty="1", totalPrice="268")
    for each, code in ((one, "1320"), (two, "1322")):
        file_three(customs, listener, each)
        customs.file(each.inventory)
        answered(listener, each.inventory, "2", "100")
        assert f"[Code:{code};" in listener.of(each.inventory)[1].info


def test_it_lets_amounts_differ_within_the_tolerance(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    one.payment = one.payment.changed(amountPaid="590")
    file_three(customs, listener, one)
    customs.file(one.inventory)
    answered(listener, one.inventory, "2", "120")


def test_it_takes_a_corrected_list_after_a_return(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    file_three(customs, listener, one)
    customs.file(one.inventory.changed(buyerName="李四"))
    answered(listener, one.inventory, "2", "100")
    customs.file(one.inventory.changed(guid=guid()))
    answered(listener, one.inventory, "2", "100", "2", "120")


def test_it_refuses_a_second_new_filing_while_the_first_stands(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    file_three(customs, listener, one)
    customs.file(one.inventory)
    answered(listener, one.inventory, "2", "120")
    codes = {"order": "-301010", "payment": "-401007", "waybill": "-504015", "inventory": "-621004"}
    for name, code in codes.items():
        paper = getattr(one, name)
        second = paper.changed(guid=guid())
        customs.file(second)
        answered(listener, paper, "2", "120", "100")
        info = listener.of(paper)[2].info
        assert info.startswith(f"[Code:{code};") and info.endswith(f"[{second.head['guid']}]")


def test_it_refuses_a_second_list_for_the_same_order(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    file_three(customs, listener, one)
    customs.file(one.inventory)
    other = one.inventory.changed(guid=guid(), copNo=one.inventory.head["copNo"] + "B")
    customs.file(other)
    answered(listener, other, "100")


def test_it_finds_a_duplicate_within_one_message(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    customs.file(one.order, one.order.changed(guid=guid()))
    until(lambda: len(listener.of(one.order)) == 2)
    assert sorted(listener.statuses(one.order)) == ["100", "2"]


def test_it_counts_a_document_once_however_it_comes_again(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    customs.file(one.order)
    answered(listener, one.order, "2")
    from_before = listener.of(one.order)[0]
    customs.file(one.order.changed(appTime="20250602093001"))
    answered(listener, one.order, "2", "2")
    assert listener.of(one.order)[1] == from_before._replace(keys=listener.of(one.order)[1].keys)
    number = one.order.head["orderNo"]
    assert customs.rows(f"SELECT count(*) FROM document WHERE order_no = '{number}'") == [(1,)]


def test_it_changes_and_deletes_what_is_not_used_yet(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    customs.file(one.order)
    customs.file(one.order.changed(guid=guid(), appType="2", appTime="20250602093001", buyerName="李四"))
    answered(listener, one.order, "2", "2")
    customs.file(one.order.changed(guid=guid(), appType="2", appTime="20250602093001"))
    answered(listener, one.order, "2", "2", "-301014")
    customs.file(one.order.changed(guid=guid(), appType="3", appTime="20250602093002"))
    answered(listener, one.order, "2", "2", "-301014", "2")
    customs.file(one.order.changed(guid=guid(), appType="3", appTime="20250602093003"))
    answered(listener, one.order, "2", "2", "-301014", "2", "-301009")
    customs.file(one.payment)
    customs.file(one.waybill)
    answered(listener, one.waybill, "-504011")


def test_it_changes_nothing_that_a_list_has_used(customs: Sandbox, listener: Listener) -> None:
    one = trade()
    file_three(customs, listener, one)
    customs.file(one.inventory)
    answered(listener, one.order, "2", "120")
    customs.file(one.order.changed(guid=guid(), appType="2", appTime="20250602093001"))
    answered(listener, one.order, "2", "120", "-301011")


@pytest.mark.parametrize(
    ("name", "changes", "status"),
    [
        ("order", {"acturalPaid": "700"}, "-301008"),
        ("order", {"buyerIdType": "2"}, "-301008"),
        ("order", {"appStatus": "1"}, "-301008"),
        ("order", {"appTime": "20251302093000"}, "-301008"),
        ("order", {"ebcCode": "3199999999"}, "-10102"),
        ("order", {"ebcCode": "3122260103"}, "-10101"),
        ("payment", {"payCode": "3122260108"}, "-401009"),
        ("waybill", {"packNo": "2"}, "-504011"),
        ("inventory", {"emsNo": None}, "-621001"),
        ("inventory", {"areaCode": None}, "-621001"),
        ("inventory", {"country": "609"}, "-621001"),
        ("inventory", {"billNo": "B1"}, "-621001"),
        ("inventory", {"customsCode": "9999"}, "-621001"),
        ("inventory", {"assureCode": "3122260105"}, "-621001"),
        ("inventory", {"netWeight": "3"}, "-621001"),
        ("inventory", {"agentCode": "3122260106"}, "-621015"),
        ("inventory", {"tradeMode": "9610"}, "-621001"),
    ],
)
def test_it_refuses_what_a_document_may_not_say(
    customs: Sandbox, listener: Listener, name: str, changes: dict[str, str | None], status: str
) -> None:
    paper = getattr(trade(), name).changed(**changes)
    customs.file(paper)
    answered(listener, paper, status)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"gnum": "2"}, "-621027"),
        ({"itemRecordNo": None}, "-621001"),
        ({"unit": "999"}, "-621001"),
        ({"totalPrice": "600"}, "-621001"),
        ({"qty2": "1"}, "-621001"),
        ({"price": "3000", "totalPrice": "6000"}, "-621005"),
    ],
)
def test_it_refuses_what_a_line_may_not_say(
    customs: Sandbox, listener: Listener, changes: dict[str, str | None], status: str
) -> None:
    paper = trade().inventory.with_line(0, **changes)
    customs.file(paper)
    answered(listener, paper, status)


def test_it_wants_different_legal_entities(customs: Sandbox, listener: Listener) -> None:
    one, everything = trade(), cast()["all"]
    one.payment = one.payment.changed(payCode=everything.customs_code)
    one.waybill = one.waybill.changed(logisticsCode=everything.credit_code)
    one.inventory = one.inventory.changed(logisticsCode=everything.customs_code)
    customs.file(one.order)
    customs.file(one.payment, sender=everything)
    customs.file(one.waybill, sender=everything)
    customs.file(one.inventory)
    answered(listener, one.inventory, "2", "100")
    assert "三个不同的法人" in listener.of(one.inventory)[1].info


def test_it_lets_a_merchant_file_order_and_list(customs: Sandbox, listener: Listener) -> None:
    one, merchant = trade(), cast()["merchant"]
    customs.file(one.order, sender=merchant)
    customs.file(one.payment)
    customs.file(one.waybill)
    paper = one.inventory.changed(agentCode=merchant.customs_code)
    customs.file(paper, sender=merchant)
    answered(listener, paper, "2", "120")
    assert listener.of(one.order)[0].receiver == merchant.dxp_id


def test_it_lets_only_warehouse_or_merchant_file_a_bonded_list(customs: Sandbox, listener: Listener) -> None:
    one, carrier = trade(), cast()["carrier"]
    file_three(customs, listener, one)
    paper = one.inventory.changed(agentCode=carrier.customs_code)
    customs.file(paper, sender=carrier)
    answered(listener, paper, "2", "100")
    assert "保税仓储企业或电商企业" in listener.of(paper)[1].info
