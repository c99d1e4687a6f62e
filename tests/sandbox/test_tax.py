"""What customs taxes: the worked examples of the rules, through the gateway, to the fen."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from itertools import count

import pytest

from declarations.demo import trades as demonstration
from declarations.demo.trades import goods
from declarations.sandbox import settings, store, tax
from tests.conftest import until
from tests.sandbox.conftest import Listener, Sandbox
from tests.sandbox.papers import Good, Trade, trade

MILK, CREAM, MASKS, WINE = "1901101000", "3304990029", "3304990049", "2204210000"
WHISKY, BEER, RICE_WINE, BAG, WATCH = "2208300000", "2203000000", "2206001000", "4202210090", "9101210090"
KILO, LITRE, PIECE, EACH = "035", "095", "011", "008"
_people = count(1)


def somebody() -> str:
    """The number of a buyer who has bought nothing yet."""
    return f"310102{next(_people):011d}X"


def one(gcode: str, price: str, first: tuple[str, str], second: tuple[str, str] | None = None, qty: str = "1") -> Good:
    return Good(gcode, price, qty, first, second)


def taxes(customs: Sandbox, listener: Listener, filed: Trade) -> tuple[str, str, str]:
    """Duty, consumption tax and VAT of the bill that customs makes for a trade."""
    customs.file_trade(filed)
    until(lambda: listener.bills_of(filed.inventory), what=f"the bill, there is {listener.of(filed.inventory)[-1:]}")
    head = listener.bills_of(filed.inventory)[0].head
    return head["customsTax"], head["consumptionTax"], head["valueAddedTax"]


@pytest.mark.parametrize(("lines", "freight", "expected"), [
    ([one(MILK, "320", ("0.8", KILO))], "10", ("0.00", "0.00", "30.03")),
    ([one(CREAM, "425", ("0.02", KILO), ("1", PIECE))], "0", ("0.00", "52.50", "45.50")),
    ([one(WINE, "600", ("0.75", LITRE), ("0.75", KILO))], "20", ("0.00", "48.22", "62.69")),
    ([one(MILK, "49.50", ("0.2", KILO))] * 3, "0", ("0.00", "0.00", "13.50")),
    ([one(MASKS, "100", ("0.25", KILO), ("1", PIECE))], "0", ("0.00", "12.35", "10.71")),
    ([one(MASKS, "100", ("0.25", KILO), ("10", PIECE))], "0", ("0.00", "0.00", "9.10")),
    ([one(WHISKY, "388", ("0.7", LITRE), ("0.67", KILO))], "0", ("0.00", "68.46", "44.21")),
    ([one(BEER, "78", ("3", LITRE), ("3.03", KILO))], "0", ("0.00", "0.53", "7.17")),
    ([one(RICE_WINE, "50", ("962", LITRE), ("1000", KILO))], "0", ("0.00", "168.00", "26.39")),
])  # fmt: skip
def test_reduced_tax_within_the_limits(
    releasing: Sandbox, listener: Listener, lines: list[Good], freight: str, expected: tuple[str, str, str]
) -> None:
    assert taxes(releasing, listener, trade(*lines, freight=freight, buyer_id=somebody())) == expected


def test_the_mask_of_one_piece_is_taxed_twenty_three_yuan_and_six_fen(releasing: Sandbox, listener: Listener) -> None:
    filed = trade(one(MASKS, "100", ("0.25", KILO), ("1", PIECE)), freight="0", buyer_id=somebody())
    assert sum(map(Decimal, taxes(releasing, listener, filed))) == Decimal("23.06")


@pytest.mark.parametrize(("earlier", "lines", "expected"), [
    (["5000", "5000"], [one(BAG, "8000", ("1", KILO))], ("480.00", "0.00", "1102.40")),
    (["5000", "5000", "3999.99"], [one(WATCH, "12000", ("1", EACH))], ("960.00", "3240.00", "2106.00")),
])  # fmt: skip
def test_full_tax_on_one_item_over_the_single_limit(
    releasing: Sandbox, listener: Listener, earlier: list[str], lines: list[Good], expected: tuple[str, str, str]
) -> None:
    buyer = somebody()
    for amount in earlier:
        taxes(releasing, listener, trade(one(MILK, amount, ("1", KILO)), freight="0", buyer_id=buyer))
    assert taxes(releasing, listener, trade(*lines, freight="0", buyer_id=buyer)) == expected


def test_no_full_tax_for_two_items_nor_over_the_year(releasing: Sandbox, listener: Listener) -> None:
    two = trade(one(BAG, "4000", ("2", KILO), qty="2"), freight="0", buyer_id=somebody())
    releasing.file_trade(two)
    until(lambda: listener.statuses(two.inventory) == ["-621005"])
    buyer = somebody()
    for amount in ("5000", "5000", "4000.01"):
        taxes(releasing, listener, trade(one(MILK, amount, ("1", KILO)), freight="0", buyer_id=buyer))
    watch = trade(one(WATCH, "12000", ("1", EACH)), freight="0", buyer_id=buyer)
    releasing.file_trade(watch)
    until(lambda: listener.statuses(watch.inventory) == ["2", "100"])
    assert "totalPrice：26,000.01" in listener.of(watch.inventory)[1].info


@pytest.mark.parametrize(("gcode", "price", "first", "second", "taxed"), [
    (CREAM, "200.00", ("0.02", KILO), ("1", PIECE), True),
    (CREAM, "199.99", ("0.02", KILO), ("1", PIECE), False),
    (CREAM, "199.99", ("20", "036"), ("1", PIECE), False),
    (MASKS, "75.00", ("0.125", KILO), ("5", PIECE), True),
    (MASKS, "74.99", ("0.125", KILO), ("5", PIECE), False),
    (MASKS, "20", ("0.125", KILO), None, True),
])  # fmt: skip
def test_cosmetics_are_taxed_from_a_price_per_gram_or_sheet(
    releasing: Sandbox, listener: Listener, gcode: str, price: str, first: tuple[str, str],
    second: tuple[str, str] | None, taxed: bool,
) -> None:  # fmt: skip
    filed = trade(one(gcode, price, first, second), freight="0", buyer_id=somebody())
    assert (Decimal(taxes(releasing, listener, filed)[1]) > 0) is taxed


def test_freight_and_insurance_are_shared_by_price_and_the_last_line_takes_the_rest(
    releasing: Sandbox, listener: Listener
) -> None:
    filed = trade(*[one(MILK, "10", ("1", KILO))] * 3, one(MILK, "0", ("1", KILO)), freight="9", buyer_id=somebody())
    filed.inventory = filed.inventory.changed(insuredFee="1")
    taxes(releasing, listener, filed)
    (bill,) = listener.bills_of(filed.inventory)
    assert [line["taxPrice"] for line in bill.lines] == ["13.33", "13.33", "13.33", "0.01"]


@pytest.fixture
def tariff(releasing: Sandbox) -> Iterator[store.Connection]:
    """Customs' own tables."""
    with closing(store.connect(releasing.url)) as connection:
        yield connection


def assessed(connection: store.Connection, line: Good, day: date) -> tax.Assessment:
    """The tax that the rules of a day put on one line within the limits."""
    filed = trade(line, freight="0").inventory
    rules = settings.load(connection, day)
    rates = store.rates(connection, [line.gcode])
    full = tax.treatment(tax.value(filed.head, filed.lines), filed.lines, Decimal(0), rules) == tax.FULL
    return tax.assess(filed.head, filed.lines, rates, full=full, settings=rules)


@pytest.mark.parametrize(("day", "total"), [
    (date(2017, 6, 1), "226.10"),
    (date(2018, 4, 30), "226.10"),
    (date(2018, 5, 1), "212.80"),
    (date(2019, 3, 31), "212.80"),
    (date(2019, 4, 1), "172.90"),
])  # fmt: skip
def test_the_rate_is_that_of_the_day(tariff: store.Connection, day: date, total: str) -> None:
    assert assessed(tariff, one(BAG, "1900", ("1", KILO)), day).total == Decimal(total)


@pytest.mark.parametrize("good", goods(), ids=lambda good: good.sku)
def test_the_goods_of_the_demonstration_are_taxed_as_they_say(
    tariff: store.Connection, good: demonstration.Good
) -> None:
    second = (str(good.quantity2), good.unit2) if good.quantity2 is not None else None
    line = one(good.hs_code, str(good.price), (str(good.quantity1), good.unit1), second)
    assert assessed(tariff, line, date(2025, 6, 1)).total == good.tax


@pytest.mark.parametrize(("gcode", "price", "vat"), [(MILK, "15", "1.37"), (CREAM, "12.75", "1.37")])
def test_half_a_fen_is_rounded_up(tariff: store.Connection, gcode: str, price: str, vat: str) -> None:
    line = one(gcode, price, ("0.001", KILO), ("1", PIECE))  # 1.365 both; to the even neighbour it would be 1.36
    assert assessed(tariff, line, date(2025, 6, 1)).lines[0].vat == Decimal(vat)


def test_it_keeps_a_tariff_of_its_own_and_takes_over_a_new_one(releasing: Sandbox, tariff: store.Connection) -> None:
    assert tariff.execute("SELECT count(*) AS n FROM tariff").fetchone() == {"n": 11_929}
    tariff.execute("DELETE FROM tariff WHERE code LIKE '01%'")
    tariff.execute("UPDATE tariff SET vat_pct = '99' WHERE code = '1901101000'")
    tariff.commit()
    store.prepare(releasing.url)
    assert tariff.execute("SELECT count(*) AS n FROM tariff").fetchone() == {"n": 11_929}
    assert tariff.execute("SELECT vat_pct FROM tariff WHERE code = '1901101000'").fetchone() == {"vat_pct": "13"}
