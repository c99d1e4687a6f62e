"""From 120 to release: every outcome there is, limits, guarantee, tax bills; through the gateway and out of the database."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from declarations.sandbox.messages import MAGIC
from declarations.sandbox.scenarios import SCENARIOS, YEAR
from tests.conftest import until
from tests.sandbox.conftest import Bill, Listener, Sandbox
from tests.sandbox.papers import Good, Trade, cast, envelope, guid, trade

Make = Callable[..., Sandbox]

TO_RELEASE = ["2", "120", "399", "800", "899"]
MERCHANT = cast()["merchant"].customs_code
_people = count(1)


def somebody() -> str:
    """The number of a buyer who has bought nothing yet."""
    return f"310101{next(_people):011d}X"


def worth(amount: str, buyer: str, *, qty: str = "2", magic: str = "") -> Trade:
    """A trade of milk powder worth that much, without freight."""
    return trade(Good(price=f"{Decimal(amount) / Decimal(qty)}", qty=qty), freight="0", buyer_id=buyer, magic=magic)


def come_to(listener: Listener, one: Trade, *statuses: str) -> None:
    """Wait until exactly this has been said about the list, in customs' order of time."""
    until(
        lambda: len(listener.of(one.inventory)) >= len(statuses),
        what=f"{statuses}, there is {listener.statuses(one.inventory)}",
    )
    assert listener.statuses(one.inventory) == list(statuses), listener.of(one.inventory)


def books(customs: Sandbox, one: Trade) -> tuple[object, ...]:
    """What customs holds for a list, whether it counts in the year, and the state of its bill."""
    question = (
        "SELECT c.held, c.counts, c.bill FROM clearance c JOIN document d ON d.id = c.document_id"
        " WHERE d.guid = %s ORDER BY d.id DESC LIMIT 1"
    )
    found = customs.rows(question, one.inventory.head["guid"])
    return found[0] if found else (None, None, None)


def bill_of(listener: Listener, one: Trade) -> Bill:
    """Wait for the tax bill of a list."""
    until(lambda: listener.bills_of(one.inventory), what="the tax bill")
    return listener.bills_of(one.inventory)[0]


def test_it_takes_a_list_to_release_and_bills_it(releasing: Sandbox, listener: Listener) -> None:
    one = trade()
    releasing.file_trade(one)
    come_to(listener, one, *TO_RELEASE)
    examined, released, closed = listener.of(one.inventory)[2:]
    assert (examined.info, released.info) == ("[Code:2300;Desc:审核通过]", "[Code:2600;Desc:放行]")
    bill, head = bill_of(listener, one), one.inventory.head
    assert released.time < bill.head["returnTime"] < closed.time
    assert bill.receiver == cast()["warehouse"].dxp_id
    named = {tag: head[tag] for tag in ("assureCode", "ebcCode", "logisticsCode", "agentCode", "customsCode")}
    numbers = {tag: head[tag] for tag in ("orderNo", "logisticsNo")}
    invt_no = released.keys["invtNo"]
    expected = {"invtNo": invt_no, "taxNo": f"{invt_no}_0", "status": "1"} | named | numbers
    assert bill.head.items() >= expected.items() and "entDutyNo" not in bill.head
    assert (bill.head["customsTax"], bill.head["consumptionTax"], bill.head["valueAddedTax"]) == (
        "0.00",
        "0.00",
        "49.69",
    )
    assert [line["taxPrice"] for line in bill.lines] == ["546.00"]
    assert books(releasing, one) == (Decimal("49.69"), True, "1")


def test_each_bill_is_the_sum_of_its_lines(releasing: Sandbox, listener: Listener) -> None:
    one = trade(Good(), Good("2204210000", "168", "1", ("0.75", "095"), ("0.75", "035")), Good(price="33.33", qty="3"))
    releasing.file_trade(one)
    bill = bill_of(listener, one)
    for tag in ("customsTax", "valueAddedTax", "consumptionTax"):
        assert Decimal(bill.head[tag]) == sum(Decimal(line[tag]) for line in bill.lines)
    assert sum(Decimal(line["taxPrice"]) for line in bill.lines) == Decimal("536") + 168 + Decimal("99.99") + 10


OUTCOMES = [
    ("SANDBOX300", ["300", "399", "800", "899"], ["1"], True),
    ("SANDBOX500", ["399", "500", "800", "899"], ["1"], True),
    ("SANDBOX100", ["300", "100"], [], False),
    ("SANDBOX501", ["399", "500", "501"], [], True),
    ("SANDBOX600", ["600"], [], True),
    ("SANDBOX700", ["399", "500", "700"], [], False),
    ("SANDBOX818", ["399", "800", "899"], ["1", "2"], True),
    ("SANDBOXVOID", ["399", "800", "899"], ["1", "3"], False),
]


@pytest.mark.parametrize("place", ["orderNo", "note"])
@pytest.mark.parametrize(("magic", "after", "bills", "costs"), OUTCOMES)
def test_a_magic_value_chooses_the_outcome(
    releasing: Sandbox, listener: Listener, magic: str, after: list[str], bills: list[str], costs: bool, place: str
) -> None:
    one = trade(magic=magic) if place == "orderNo" else trade()
    if place == "note":
        one.inventory = one.inventory.changed(note=f"试单{magic}")
    releasing.file_trade(one)
    come_to(listener, one, "2", "120", *after)
    until(lambda: len(listener.bills_of(one.inventory)) >= len(bills), what=f"bills {bills}")
    assert [bill.head["status"] for bill in listener.bills_of(one.inventory)] == bills
    question = "SELECT c.steps, c.due_at FROM clearance c JOIN document d ON d.id = c.document_id WHERE d.guid = %s"
    until(lambda: releasing.rows(question, one.inventory.head["guid"]) == [("", None)], what="nothing left to do")
    held, counts, bill = books(releasing, one)
    assert (held > 0, counts, bill) == (costs, costs, bills[-1] if bills else "")


def test_the_outcomes_are_all_there_are() -> None:
    tried_elsewhere = {YEAR.magic, "SANDBOXSHORT"}
    assert {magic for magic, *_ in OUTCOMES} | tried_elsewhere == {scenario.magic for scenario in SCENARIOS}


def test_the_page_names_every_magic_value_and_setting(releasing: Sandbox) -> None:
    page = releasing.get("/")[1].replace("<wbr>", "")  # where a phone may break a long word
    for magic in (MAGIC, *(scenario.magic for scenario in SCENARIOS)):
        assert f"<td>{magic}</td>" in page
    for text in ("annual_limit", "release", "sandbox consolidate", "sandbox top-up", "-621005", "1313", "不在税则中"):
        assert text in page


def test_a_list_returned_after_review_is_corrected_and_counts_once(releasing: Sandbox, listener: Listener) -> None:
    one = trade()
    corrected = one.inventory.changed(guid=guid())
    one.inventory = one.inventory.changed(note="SANDBOX100")
    releasing.file_trade(one)
    come_to(listener, one, "2", "120", "300", "100")
    one.inventory = corrected
    releasing.file(corrected)
    come_to(listener, one, "2", "120", "300", "100", *TO_RELEASE)
    assert books(releasing, one) == (Decimal("49.69"), True, "1")
    buyer = one.inventory.head["buyerIdNumber"]
    assert releasing.rows("SELECT sum(value) FROM clearance WHERE counts AND buyer = %s", buyer) == [
        (Decimal("546.00"),)
    ]


def test_a_list_once_taken_is_neither_changed_nor_deleted(releasing: Sandbox, listener: Listener) -> None:
    one = trade()
    releasing.file_trade(one)
    come_to(listener, one, *TO_RELEASE)
    before = books(releasing, one)
    for app_type, time in (("2", "20250602093001"), ("3", "20250602093002")):
        releasing.file(one.inventory.changed(guid=guid(), appType=app_type, appTime=time))
    come_to(listener, one, *TO_RELEASE, "-621012", "-621012")
    assert books(releasing, one) == before


# Limits


@pytest.mark.parametrize(("amount", "qty", "statuses"), [
    ("5000.00", "2", TO_RELEASE),
    ("5000.02", "2", ["-621005"]),
    ("5000.01", "1", TO_RELEASE),
    ("25999.99", "1", TO_RELEASE),
    ("26000.00", "1", ["-621005"]),
])  # fmt: skip
def test_the_single_limit_both_ways(
    releasing: Sandbox, listener: Listener, amount: str, qty: str, statuses: list[str]
) -> None:
    one = worth(amount, somebody(), qty=qty)
    releasing.file_trade(one)
    come_to(listener, one, *statuses)


def test_freight_counts_towards_the_single_limit(releasing: Sandbox, listener: Listener) -> None:
    one = trade(Good(price="2500"), freight="0.01", buyer_id=somebody())
    releasing.file_trade(one)
    come_to(listener, one, "-621005")


def test_the_annual_limit_both_ways(releasing: Sandbox, listener: Listener) -> None:
    buyer = somebody()
    year = [worth("5000", buyer) for _ in range(5)]
    releasing.file_trade(*year)
    for one in year:
        come_to(listener, one, *TO_RELEASE)
    over, full = worth("1000.02", buyer), worth("1000.00", buyer)
    releasing.file_trade(over)
    come_to(listener, over, "2", "100")
    info = listener.of(over.inventory)[1].info
    assert (
        info.startswith("[Code:1313;") and "totalPrice：26,000.02 > limitPrice: 26,000;" in info and "一般贸易" in info
    )
    releasing.file_trade(full)
    come_to(listener, full, *TO_RELEASE)
    least = worth("0.01", buyer, qty="1")
    releasing.file_trade(least)
    come_to(listener, least, "2", "100")


def test_lists_of_one_message_count_for_one_another(releasing: Sandbox, listener: Listener) -> None:
    buyer = somebody()
    many = [worth("5000", buyer) for _ in range(6)]
    releasing.file_trade(*many)
    for one in many[:5]:
        come_to(listener, one, *TO_RELEASE)
    come_to(listener, many[5], "2", "100")


def test_one_person_is_one_buyer_however_the_number_is_written(releasing: Sandbox, listener: Listener) -> None:
    buyer = somebody()
    many = [worth("5000", buyer.lower() if number % 2 else buyer) for number in range(6)]
    for one in many:
        releasing.file_trade(one)
    come_to(listener, many[5], "2", "100")


def test_a_single_item_over_the_limit_counts_in_the_year(releasing: Sandbox, listener: Listener) -> None:
    buyer = somebody()
    first, second = worth("20000", buyer, qty="1"), worth("6000.01", buyer, qty="1")
    for one in (first, second):
        releasing.file_trade(one)
    come_to(listener, first, *TO_RELEASE)
    come_to(listener, second, "2", "100")


@pytest.mark.parametrize("magic", ["SANDBOX100", "SANDBOX700", "SANDBOXVOID"])
def test_what_customs_sends_back_or_voids_is_given_back_to_the_year(
    releasing: Sandbox, listener: Listener, magic: str
) -> None:
    buyer = somebody()
    whole = worth("25000", buyer, qty="1", magic=magic)
    releasing.file_trade(whole)
    until(lambda: books(releasing, whole)[1] is False, what="the list counts no longer")
    after = worth("5000", buyer)
    releasing.file_trade(after)
    come_to(listener, after, *TO_RELEASE)


def test_a_magic_value_is_over_the_year(releasing: Sandbox, listener: Listener) -> None:
    one = trade(magic=YEAR.magic)
    releasing.file_trade(one)
    come_to(listener, one, "2", "100")
    assert "[Code:1313;" in listener.of(one.inventory)[1].info
    assert listener.statuses(one.order) == ["2"]


# Tariff


def test_a_code_that_is_not_in_the_tariff_is_returned(releasing: Sandbox, listener: Listener) -> None:
    one = trade(Good("9999999999"), Good())
    releasing.file_trade(one)
    come_to(listener, one, "2", "100")
    info = listener.of(one.inventory)[1].info
    assert "9999999999不在税则中" in info and "1901101000" not in info


@pytest.mark.parametrize(("gcode", "gap"), [("3004201912", "增值税"), ("2710191200", "消费税")])
def test_an_unknown_rate_is_reviewed_and_then_taxed_by_the_general_rate(
    releasing: Sandbox, listener: Listener, gcode: str, gap: str
) -> None:
    one = trade(Good(gcode, "100", "1"), freight="0")
    releasing.file_trade(one)
    come_to(listener, one, "2", "120", "300", "399", "800", "899")
    info = listener.of(one.inventory)[2].info
    assert info.startswith("[Code:1200;Desc:待人工审核，") and gcode in info and gap in info
    bill = bill_of(listener, one)
    assert (bill.head["consumptionTax"], bill.head["valueAddedTax"]) == ("0.00", "9.10")


# Guarantee


def short_of(listener: Listener, one: Trade) -> tuple[str, str]:
    """What a list needs and what is left, as its 300 says."""
    info = listener.of(one.inventory)[-1].info
    found = re.fullmatch(
        r"\[Code:1200;Desc:待人工审核，担保额度不足：本单税款(.+)元，担保企业(.+)可用(.+)元；增加额度后自动放行\]", info
    )
    assert found and found[2] == MERCHANT, info
    return found[1], found[3]


def test_a_guarantee_too_small_stops_a_list_until_it_is_topped_up(
    make_customs: Make, listener: Listener, tmp_path: Path
) -> None:
    customs = make_customs(release="0")
    customs.load(tmp_path, merchant="99.37")
    customs.start()
    first, second = trade(), trade()
    customs.file_trade(first)
    come_to(listener, first, *TO_RELEASE)
    customs.file_trade(second)
    come_to(listener, second, "2", "120", "300")
    assert short_of(listener, second) == ("49.69", "49.68")
    assert books(customs, second) == (Decimal(0), True, "")
    customs.load(tmp_path, merchant="99.38")
    come_to(listener, second, "2", "120", "300", "399", "800", "899")
    page = customs.get("/")[1]
    assert f"<td>{MERCHANT}</td><td>电商</td><td>保函</td><td>99.38</td><td>99.38</td><td>0.00</td>" in page
    assert "<td>已生成</td><td>2</td><td>99.38</td><td>99.38</td>" in page
    assert re.search(r"<td>20\d\d</td><td>2</td><td>1092.00</td><td>546.00</td>", page)


def test_a_top_up_lets_every_list_go_on_that_it_suffices_for(
    make_customs: Make, listener: Listener, tmp_path: Path
) -> None:
    """The command of a newcomer: nothing else is loaded, started again or filed again."""
    customs = make_customs(release="0")
    customs.load(tmp_path, merchant=None)
    customs.start()
    first, second = trade(), trade()
    for one in (first, second):
        customs.file_trade(one)
        come_to(listener, one, "2", "120", "300")
    assert f"（{MERCHANT}）的担保额度现为 50.00 元" in customs.run("top-up", MERCHANT, "50").stdout
    until(lambda: sorted((listener.statuses(one.inventory)[-1]) for one in (first, second)) == ["300", "899"])
    customs.run("top-up", MERCHANT, "49.38")
    for one in (first, second):
        come_to(listener, one, "2", "120", "300", "399", "800", "899")
    assert "<td>保证金</td><td>99.38</td><td>99.38</td><td>0.00</td>" in customs.get("/")[1]


@pytest.mark.parametrize(("arguments", "cure"), [
    (["3122260000", "5000"], "见沙箱页面的备案企业"), ([MERCHANT, "5,000"], "不写逗号"), ([MERCHANT, "0"], "大于0"),
    ([MERCHANT, "1.005"], "最多两位小数"), ([MERCHANT, "NaN"], "如 5000.00"), ([MERCHANT, "1e20"], "不超过"),
])  # fmt: skip
def test_a_top_up_that_cannot_be_says_what_to_give(customs: Sandbox, arguments: list[str], cure: str) -> None:
    before = customs.rows("SELECT customs_code, guarantee_limit FROM enterprise ORDER BY 1")
    said = customs.run("top-up", *arguments)
    assert said.returncode == 1 and cure in said.stderr and "Traceback" not in said.stderr
    assert customs.rows("SELECT customs_code, guarantee_limit FROM enterprise ORDER BY 1") == before


def test_a_registry_loaded_again_undoes_no_top_up_and_a_new_guarantee_replaces_the_old(
    make_customs: Make, tmp_path: Path
) -> None:
    customs = make_customs()
    limit = "SELECT guarantee_kind, guarantee_limit::text FROM enterprise WHERE customs_code = %s"
    customs.load(tmp_path, merchant="100")
    customs.run("top-up", MERCHANT, "5")
    customs.load(tmp_path, merchant="100")
    assert customs.rows(limit, MERCHANT) == [("letter", "105.00")]
    customs.load(tmp_path, merchant="300")
    assert customs.rows(limit, MERCHANT) == [("letter", "300.00")]
    customs.load(tmp_path, merchant=None)
    customs.run("top-up", MERCHANT, "7")
    customs.load(tmp_path, merchant=None)
    assert customs.rows(limit, MERCHANT) == [("deposit", "7.00")]


def test_who_is_registered_under_another_customs_code_is_no_longer_under_the_first(
    make_customs: Make, tmp_path: Path
) -> None:
    customs = make_customs()
    entry, file = cast()["merchant"].entry() | {"customs_code": "3122260188"}, tmp_path / "moved.json"
    file.write_text(json.dumps({"enterprises": [entry]}), encoding="utf-8")
    assert customs.run("load", str(file)).returncode == 0
    codes = customs.rows("SELECT customs_code FROM enterprise WHERE credit_code = %s", entry["credit_code"])
    assert codes == [("3122260188",)]


def test_who_has_no_guarantee_waits_for_one(make_customs: Make, listener: Listener, tmp_path: Path) -> None:
    customs = make_customs(release="0")
    customs.load(tmp_path, merchant=None)
    customs.start()
    one = trade()
    customs.file_trade(one)
    come_to(listener, one, "2", "120", "300")
    assert short_of(listener, one) == ("49.69", "0.00")
    customs.load(tmp_path, merchant="50")
    come_to(listener, one, "2", "120", "300", "399", "800", "899")


@pytest.mark.parametrize("magic", ["SANDBOX100", "SANDBOX700", "SANDBOXVOID"])
def test_what_customs_sends_back_or_voids_frees_the_guarantee(
    make_customs: Make, listener: Listener, tmp_path: Path, magic: str
) -> None:
    customs = make_customs(release="0")
    customs.load(tmp_path, merchant="49.69")
    customs.start()
    first, second = trade(magic=magic), trade()
    customs.file_trade(first)
    until(lambda: books(customs, first)[:2] == (0, False), what="the guarantee is free")
    customs.file_trade(second)
    come_to(listener, second, *TO_RELEASE)


def test_a_magic_value_is_short_until_the_limit_is_raised_by_what_it_needs(
    make_customs: Make, listener: Listener
) -> None:
    customs = make_customs(release="0")
    customs.start()
    one, other = trade(magic="SANDBOXSHORT"), trade()
    customs.file_trade(one, other)
    come_to(listener, other, *TO_RELEASE)
    come_to(listener, one, "2", "120", "300")
    assert short_of(listener, one) == ("49.69", "0.00")
    assert customs.run("top-up", MERCHANT, "49.68").returncode == 0
    third = trade()
    customs.file_trade(third)
    come_to(listener, third, *TO_RELEASE)
    assert listener.statuses(one.inventory)[-1] == "300"
    assert "200049.69 元" in customs.run("top-up", MERCHANT, "0.01").stdout
    come_to(listener, one, "2", "120", "300", "399", "800", "899")
    assert books(customs, one) == (Decimal("49.69"), True, "1")


def test_a_magic_value_goes_on_also_where_there_was_no_guarantee_at_all(
    make_customs: Make, listener: Listener, tmp_path: Path
) -> None:
    customs = make_customs(release="0")
    customs.load(tmp_path, merchant=None)
    customs.start()
    one, plain = trade(magic="SANDBOXSHORT"), trade()
    customs.file_trade(one, plain)
    for each in (one, plain):
        come_to(listener, each, "2", "120", "300")
        assert short_of(listener, each) == ("49.69", "0.00")
    assert customs.run("top-up", MERCHANT, "99.37").returncode == 0
    until(lambda: sorted(listener.statuses(each.inventory)[-1] for each in (one, plain)) == ["300", "899"])
    customs.run("top-up", MERCHANT, "0.01")
    for each in (one, plain):
        come_to(listener, each, "2", "120", "300", "399", "800", "899")


def test_bills_are_gathered_into_a_payment_note_and_paid(
    make_customs: Make, listener: Listener, tmp_path: Path
) -> None:
    customs = make_customs(release="0")
    customs.load(tmp_path, merchant="99.38", platform="10000")
    customs.start()
    two, elsewhere, voided = [trade(), trade()], trade(), trade(magic="SANDBOXVOID")
    elsewhere.inventory = elsewhere.inventory.changed(assureCode=cast()["platform"].customs_code)
    voided.inventory = voided.inventory.changed(assureCode=cast()["platform"].customs_code)
    customs.file_trade(*two, elsewhere, voided)
    for one in (*two, elsewhere):
        come_to(listener, one, *TO_RELEASE)
    until(lambda: books(customs, voided)[2] == "3")
    said = customs.run("consolidate", MERCHANT)
    assert said.returncode == 0 and "税单 2 份，合计 99.38 元" in said.stdout
    number = re.search(r"\d{18}", said.stdout)[0]  # type: ignore[index]
    until(lambda: all(len(listener.bills_of(one.inventory)) == 2 for one in two), what="818")
    for one in two:
        notice = listener.bills_of(one.inventory)[1]
        assert (notice.message, notice.lines) == ("CEB818Message", [])
        assert (notice.head["status"], notice.head["entDutyNo"]) == ("2", number)
    assert len(listener.bills_of(elsewhere.inventory)) == 1
    assert "合计 49.69 元" in customs.run("consolidate").stdout
    assert "没有待汇总的税单" in customs.run("consolidate").stdout
    third = trade()
    customs.file_trade(third)
    come_to(listener, third, "2", "120", "300")
    assert "99.38" in customs.run("paid", number).stdout
    come_to(listener, third, "2", "120", "300", "399", "800", "899")
    again = customs.run("paid", number)
    assert again.returncode == 1 and "consolidate" in again.stderr


# Time, repetition, death


def test_each_step_is_said_once_though_customs_is_killed_between_them(make_customs: Make, listener: Listener) -> None:
    customs = make_customs(release="0.1..0.3")
    customs.start()
    many = [trade(magic="SANDBOX818") for _ in range(6)]
    for one in many:
        customs.file_trade(one)
    for status in ("399", "800", "899"):
        until(lambda status=status: any(status in listener.statuses(one.inventory) for one in many))
        customs.kill()
        customs.start()
    until(lambda: all(len(listener.bills_of(one.inventory)) >= 2 for one in many), seconds=30)
    for one in many:
        # a receipt may travel twice when the courier is killed after it was taken; it says the same then
        said = dict.fromkeys((answer.status, answer.time) for answer in listener.of(one.inventory))
        assert [status for status, _ in said] == TO_RELEASE
        bills = dict.fromkeys((bill.head["status"], bill.head["guid"]) for bill in listener.bills_of(one.inventory))
        assert [status for status, _ in bills] == ["1", "2"]
    assert customs.rows("SELECT count(*), sum(held), sum(value) FROM clearance WHERE counts") == [
        (6, Decimal("298.14"), Decimal("3276.00"))
    ]


def test_a_repeated_message_is_answered_as_before_and_counts_once(releasing: Sandbox, listener: Listener) -> None:
    one, number = trade(), guid()
    for paper in (one.order, one.payment, one.waybill):
        releasing.file(paper)
    text = releasing.file(one.inventory, cop_msg_id=number)
    come_to(listener, one, *TO_RELEASE)
    (bill,) = listener.bills_of(one.inventory)
    assert releasing.post(envelope(text, cast()["warehouse"], cop_msg_id=number)) == (200, "OK")
    come_to(listener, one, *(status for status in TO_RELEASE for _ in range(2)))
    until(lambda: len(listener.bills_of(one.inventory)) == 2, what="the bill again")
    assert listener.bills_of(one.inventory) == [bill, bill]
    releasing.file(one.inventory)
    until(lambda: listener.statuses(one.inventory).count("899") == 3, what="the latest answer again")
    buyer = one.inventory.head["buyerIdNumber"]
    assert releasing.rows("SELECT count(*), sum(held) FROM clearance WHERE buyer = %s", buyer) == [
        (1, Decimal("49.69"))
    ]


def test_it_stops_at_120_when_told_so_and_goes_on_later(make_customs: Make, listener: Listener) -> None:
    customs = make_customs(release="")
    assert customs.run("settings", "release", "no", "--since", "2020-01-01").returncode == 0
    customs.start()
    one = trade()
    customs.file_trade(one)
    come_to(listener, one, "2", "120")
    assert "release       no " in customs.run("settings").stdout
    assert books(customs, one) == (Decimal(0), True, "")
    assert customs.run("settings", "release", "0", "--since", "2020-01-01").returncode == 0
    come_to(listener, one, *TO_RELEASE)
    for bad in ("never", "2..1", "-1"):
        result = customs.run("settings", "release", bad)
        assert result.returncode == 1 and "release" in result.stderr


def test_a_hundred_lists_are_released_in_few_messages(make_customs: Make, listener: Listener) -> None:
    customs = make_customs(release="0.2")
    customs.start()
    before, many = len(listener.bodies), [trade() for _ in range(100)]
    customs.file_trade(*many)
    until(lambda: all(listener.statuses(one.inventory) == TO_RELEASE for one in many), seconds=60)
    # four times 2 and 120, then 399, 800, 816 and 899
    assert len(listener.bodies) - before == 8 + 4
