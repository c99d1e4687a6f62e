"""Rules that hold for every kind."""

from datetime import date, timedelta

from django.utils.translation import override

from declarations.kinds import INVENTORY, ORDER, kind
from declarations.rules import Filed, Known, check_sense, check_together, wait_of
from declarations.shape import check, fingerprint, key_of, read, unsound_cells
from portal.sentences import keep, speak
from tests import make
from tests.rules.asking import cells_of, problems, rules

CODES = {
    "order": ("order", "SH2025060100001"),
    "payment": ("payment", "SH2025060100001"),
    "waybill": ("waybill", "SH2025060100001"),
}


def changed(slug: str, *filed: Filed) -> dict:
    return {**make.accepted(), CODES[slug]: filed}


def test_e01_filer_is_named() -> None:
    assert "E01" not in rules("order", by=make.MERCHANT)
    assert "E01" not in rules("order", ebc_code=make.MERCHANT.credit_code, by=make.MERCHANT)
    assert "E01" in rules("order", by=make.MERCHANT, ebc_code="3122960X99")
    assert "E01" in rules("inventory", agent_code=make.COURIER.customs_code)
    problem = next(one for one in problems("order", by=make.WAREHOUSE) if one.rule == "E01")
    assert "电商平台代码" in problem.text and "电商企业代码" in problem.text


def test_e02_filer_may_file_this_kind() -> None:
    assert "E02" not in rules("payment")
    assert "E02" in rules("payment", by=make.WAREHOUSE)
    assert "支付企业" in next(one for one in problems("payment", by=make.WAREHOUSE) if one.rule == "E02").text


def test_e15_licence_is_valid() -> None:
    assert "E15" not in rules("payment")
    closed = {"closed": keep("《%(licence)s》已到期", licence="支付业务许可证")}
    (said,) = [one for one in problems("payment", facts=closed) if one.rule == "E15"]
    assert said.text.startswith("《支付业务许可证》已到期。") and "企业类型登记" in said.cure and said.field == ""


def test_e16_service_is_active() -> None:
    assert "E16" not in rules("order")
    unserved = {"unserved": keep("没有在用的%(types)s服务，不能申报", types="电商平台")}
    (said,) = [one for one in problems("order", facts=unserved) if one.rule == "E16"]
    assert said.text.startswith("没有在用的电商平台服务，不能申报。") and "“服务开通”" in said.cure and said.field == ""


def test_e03_lines_from_1_to_99() -> None:
    assert "E03" not in rules("order", lines=1)
    assert "E03" not in rules("order", lines=99)
    assert "E03" in rules("order", lines=100)
    assert "E03" in rules("order", lines=0)
    assert "E03" not in rules("payment")


def _known(slug: str, *, may_file_again: bool = False, waits: bool = False, **cells) -> dict:
    clean = make.clean(slug, **cells)
    known = Known(7, date(2025, 6, 1), fingerprint(kind(slug), clean), may_file_again, waits)
    return {"known": {key_of(kind(slug), clean): known}}


def test_e04_same_document_is_filed_once() -> None:
    assert "E04" in rules("order", facts=_known("order"))
    assert "E04" in rules("inventory", facts=_known("inventory"))
    assert not {"E04", "E05"} & rules("order", facts=_known("order", may_file_again=True))
    assert not {"E04", "E05"} & rules("order", n=2, facts=_known("order"), filed={})


def test_e05_number_is_not_used_for_another_document() -> None:
    assert "E05" not in rules("order", facts=_known("order"))
    assert "E05" in rules("order", facts=_known("order"), note="别的内容")
    assert "E05" in rules("order", facts=_known("order"), line={"note": "别的内容"})


def test_e06_times_lie_in_the_past() -> None:
    assert "E06" not in rules("payment", pay_time=make.NOW)
    assert "E06" in rules("payment", pay_time=make.NOW + timedelta(hours=1))
    assert "E06" not in rules("inventory", ie_date="20250602")
    assert "E06" in rules("inventory", ie_date="20250603")


def test_e07_predecessors_are_there() -> None:
    assert "E07" not in rules("order", filed={})
    assert "E07" not in rules("payment", filed={})
    assert cells_of("E07", "waybill", filed={}) == [("order_no", None)] * 2
    assert cells_of("E07", "inventory", filed={}) == [("order_no", None)] * 2 + [("logistics_no", None)]
    other = changed("waybill", Filed("SF9", "", make.COURIER.credit_code, True))
    assert cells_of("E07", "inventory", filed=other) == [("logistics_no", None)]
    text = next(one for one in problems("waybill", filed={}) if one.rule == "E07").text
    assert "订单" in text and "电商平台" in text


def test_it_says_who_owes_what_is_missing() -> None:
    """By name where the document names them, by type where it does not; whose name is not registered, as written."""

    def said(**asked) -> list[str]:
        return [one.wrong for one in problems("inventory", filed={}, **asked) if one.rule == "E07"]

    order, payment, waybill = said()
    assert f"应由{make.PLATFORM.name}、{make.MERCHANT.name}申报" in order
    assert "应由支付企业申报" in payment
    assert f"应由{make.COURIER.name}申报" in waybill
    assert "应由某快递公司申报" in said(logistics_code="3122960X99", logistics_name="某快递公司")[2]
    assert f"应由{make.PAYER.name}申报" in said(facts={"payers": {"SH2025060100001": make.PAYER.name}})[1]
    (one,) = {
        one.wrong
        for one in problems("inventory", filed={}, ebc_code=make.PLATFORM.customs_code)
        if "订单" in one.wrong and one.params.get("document") == "order"
    }
    assert f"应由{make.PLATFORM.name}申报" in one


def test_it_waits_only_for_what_time_can_cure() -> None:
    """What is missing, not accepted or another platform's waits; what no filing of others can cure is refused."""
    stranger = Filed("SH2025060100001", make.WAREHOUSE.customs_code, make.WAREHOUSE.credit_code, True)
    own = Filed("SH2025060100001", "", make.COURIER.credit_code, False)
    levels = {
        one.rule: one.level
        for filed in ({}, changed("order", own), changed("order", stranger))
        for slug in ("waybill", "inventory")
        for one in problems(slug, filed=filed)
    }
    assert {rule for rule, level in levels.items() if level == "wait"} == {"E07", "E08", "E12"}
    assert {rule for rule, level in levels.items() if level == "error"} == {"E09"}


def test_it_puts_into_one_kept_sentence_what_it_waits_for() -> None:
    waiting = Filed("SH2025060100001", make.PLATFORM.customs_code, make.PLATFORM.credit_code, False)
    wait = wait_of(problems("inventory", filed={("order", "SH2025060100001"): (waiting,)}))
    assert wait is not None
    assert (wait.waits_for, wait.code) == ("order,payment,waybill", "E07")
    with override("zh-hans"):
        assert speak(wait.reason) == (
            f"支付单尚未申报，应由支付企业申报；运单尚未申报，应由{make.COURIER.name}申报；"
            f"订单尚未被海关接受，由{make.PLATFORM.name}、{make.MERCHANT.name}申报"
        )
    assert wait_of(problems("inventory")) is None


def test_e08_predecessors_are_accepted() -> None:
    waiting = Filed("SH2025060100001", make.PLATFORM.customs_code, make.PLATFORM.credit_code, False)
    assert "E08" not in rules("waybill")
    assert "E08" in rules("waybill", filed=changed("order", waiting))
    assert "E08" not in rules("waybill", filed=changed("order", waiting, waiting._replace(accepted=True)))


def test_e09_filers_are_different_enterprises() -> None:
    def filer(slug: str, who: make.Cast) -> dict:
        return changed(slug, Filed("SF0000000001", "", who.credit_code, True))

    assert "E09" not in rules("payment")
    assert "E09" in rules("payment", filed=filer("order", make.PAYER))
    assert "E09" in rules("inventory", filed=filer("waybill", make.WAREHOUSE))
    direct = {"trade_mode": "9610"}
    assert "E09" not in rules("inventory", filed=filer("waybill", make.WAREHOUSE), **direct)
    merchant = {"by": make.MERCHANT, "filed": filer("order", make.MERCHANT)}
    assert "E09" not in rules("inventory", **merchant)
    assert "E09" in rules("inventory", filed=filer("order", make.WAREHOUSE))


def test_e10_parties_are_registered() -> None:
    assert "E10" not in rules("order")
    assert cells_of("E10", "order", pay_code="3122960X99") == [("pay_code", None)]
    (short,) = [one for one in problems("order", pay_code="3122960X99") if one.rule == "E10"]
    assert short.params == {"value": "3122960X99"}
    (long,) = [one for one in problems("order", pay_code="91310115MA1K99999X") if one.rule == "E10"]
    assert "91310115MA1K99999X" not in str(long.as_json())


def test_e11_names_are_the_registered_ones() -> None:
    assert "E11" not in rules("order", ebp_name="")
    assert cells_of("E11", "order", ebp_name="另一家公司") == [("ebp_name", None)]


def test_e12_platform_is_the_same() -> None:
    """An order of the same number on another platform is not this trade's: the right one may still come."""
    stranger = Filed("SH2025060100001", make.WAREHOUSE.customs_code, make.WAREHOUSE.credit_code, True)
    by_credit_code = stranger._replace(platform_code=make.PLATFORM.credit_code)
    assert {"E07", "E12"} <= rules("inventory", filed=changed("order", stranger))
    assert cells_of("E12", "inventory", filed=changed("order", stranger)) == [("ebp_code", None)]
    assert not {"E07", "E12"} & rules("inventory", filed=changed("order", by_credit_code))
    assert not {"E07", "E12"} & rules("inventory", filed=changed("order", stranger, by_credit_code))
    assert not {"E07", "E12"} & rules("waybill", filed=changed("order", stranger)), "a waybill names no platform"


def test_it_says_beside_what_is_missing_that_another_platform_has_the_number() -> None:
    stranger = Filed("SH2025060100001", make.WAREHOUSE.customs_code, make.WAREHOUSE.credit_code, True)
    wait = wait_of(problems("inventory", filed=changed("order", stranger)))
    assert wait is not None
    assert (wait.waits_for, wait.code) == ("order", "E07")
    with override("zh-hans"):
        assert speak(wait.reason) == (
            f"订单尚未申报，应由{make.PLATFORM.name}、{make.MERCHANT.name}申报（另一家电商平台有同号订单，请核对电商平台代码）"
        )
    assert make.WAREHOUSE.customs_code not in wait.reason and make.WAREHOUSE.name not in wait.reason


def test_it_finds_a_number_twice_in_one_upload() -> None:
    entries = [make.order(1), make.order(2), make.order(1), make.order(1, note="不同")]
    documents = []
    for place, entry in enumerate(entries):
        entry.rows = (10 + place,)
        clean, _ = check(ORDER, make.filled(ORDER, entry))
        assert clean is not None
        documents.append((entry, clean))
    found = check_together(ORDER, documents)
    assert {place: problem.rule for place, problem in found.items()} == {2: "X03", 3: "X02"}
    assert found[3].row == 13 and "10" in found[3].text


def test_e13_number_names_one_document() -> None:
    clean = make.clean("inventory")
    number, key = clean.head[INVENTORY.head_names.index("cop_no")], key_of(INVENTORY, clean)
    assert "E13" not in rules("inventory", cop_no=number, facts={"numbers": {number: key}})
    assert "E13" in rules("inventory", cop_no=number, facts={"numbers": {number: ("another", "order")}})
    assert "E13" not in rules("order", facts={"numbers": {}})


def test_e14_same_document_waits_once() -> None:
    assert "E14" in rules("waybill", facts=_known("waybill", waits=True))
    assert "E14" not in rules("waybill", facts=_known("waybill"))
    changed_while_waiting = rules("waybill", facts=_known("waybill", waits=True), note="别的内容")
    assert not {"E04", "E05", "E14"} & changed_while_waiting


def test_it_asks_every_rule_whose_own_cells_are_sound() -> None:
    """A telephone that is none hides neither the wrong sum nor the wrong total of another line."""
    entry = make.filled(ORDER, make.entry("order", actual_paid="1", consignee_telephone="139"), make.FILERS["order"])
    clean, found = read(ORDER, entry)
    unsound = unsound_cells(found)
    assert unsound == {(None, "consignee_telephone")}
    said = {one.rule for one in check_sense(ORDER, entry, clean, make.facts(make.FILERS["order"]), unsound)}
    assert "O01" in said


def test_it_asks_no_rule_about_a_cell_that_is_wrong_in_itself() -> None:
    entry = make.filled(ORDER, make.entry("order", actual_paid="much", line={"qty": "two"}), make.FILERS["order"])
    clean, found = read(ORDER, entry)
    said = check_sense(ORDER, entry, clean, make.facts(make.FILERS["order"]), unsound_cells(found))
    assert [one for one in said if one.level == "error"] == []
