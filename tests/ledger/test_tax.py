"""The tax on a list: every worked example, both limits both ways, the goods of the demonstration, and a second calculator."""

import csv
import random
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from ledger import tariff
from ledger.models import Fault, Over, Treatment, VatClass
from ledger.tax import (
    RULES,
    Applied,
    Assessment,
    Good,
    Rate,
    Rule,
    Specific,
    Threshold,
    assess,
    rule_on,
    shares,
    taxes_on,
)
from portal.sentences import speak

TODAY = date(2025, 6, 2)
GOODS = Path(__file__).with_name("demo_goods.csv")
COSMETICS, MASKS, WATCHES = (
    Threshold(Decimal(10), "measure"),
    Threshold(Decimal(15), "sheet"),
    Threshold(Decimal(10000), "piece"),
)


def rate(
    duty: str | None = "0", consumption: str | None = "0", *, vat: str = VatClass.GENERAL, **other: object
) -> Rate:
    """What the tariff says of the goods of an example."""
    return Rate(
        "1",
        None if duty is None else Decimal(duty),
        vat,
        None if consumption is None else Decimal(consumption),
        **other,
    )  # type: ignore[arg-type]


def good(value: str, qty: str = "1", **quantities: str) -> Good:
    """One line; quantities as qty1, unit1, qty2, unit2."""
    said = {name: Decimal(one) if name.startswith("qty") else one for name, one in quantities.items()}
    return Good("1", Decimal(value), Decimal(qty), **said)


def taxed(
    *goods: Good, by: Rate | None = None, freight: str = "0", year: str | None = None, day: date = TODAY
) -> Assessment:
    """A list of these goods, all of one code."""
    return assess(
        goods,
        freight=Decimal(freight),
        insurance=Decimal(0),
        rule=rule_on(day),
        rates={"1": by or rate()},
        year_so_far=None if year is None else Decimal(year),
    )


def sums(of: Assessment) -> tuple[str, ...]:
    """Duty, consumption tax, VAT and all together."""
    return tuple(str(one) for one in (of.duty, of.consumption, of.vat, of.total))


def test_example_1_milk_powder_with_freight() -> None:
    found = taxed(good("320"), freight="10")
    assert (found.value, sums(found)) == (Decimal("330.00"), ("0.00", "0.00", "30.03", "30.03"))


def test_example_2_cream_above_the_line_of_high_end_cosmetics() -> None:
    cream = good("425", qty1="0.02", unit1="035", qty2="1", unit2="011")
    found = taxed(cream, by=rate("1", "15", threshold=COSMETICS))
    assert sums(found) == ("0.00", "52.50", "45.50", "98.00")
    assert speak(found.lines[0].deciding) == "每克（毫升）完税价格 21.25 元，达到 10.00 元，征消费税"


def test_example_3_wine() -> None:
    assert sums(taxed(good("600"), by=rate("14", "10"), freight="20")) == ("0.00", "48.22", "62.69", "110.91")


def test_example_4_one_bag_over_the_single_limit_and_two_that_are_not_one() -> None:
    bag = rate("6")
    found = taxed(good("8000"), by=bag, year="10000")
    assert (found.treatment, sums(found)) == (Treatment.FULL, ("480.00", "0.00", "1102.40", "1582.40"))
    two = taxed(good("8000", "2"), by=bag, year="10000")
    assert (two.treatment, two.total) == (Treatment.REFUSED, None)
    assert (
        speak(two.reason)
        == "本单完税价格 8,000.00 元，超过单次限值 5,000.00 元，又不是一件不可分割的商品，应按一般贸易办理"
    )
    assert taxed(good("4000"), good("4000"), by=bag).treatment == Treatment.REFUSED


def test_example_5_one_watch_up_to_the_last_fen_of_the_year() -> None:
    watch = rate("8", "20", threshold=WATCHES)
    found = taxed(good("12000", qty1="1", unit1="008"), by=watch, year="13999.99")
    assert (found.treatment, sums(found)) == (Treatment.FULL, ("960.00", "3240.00", "2106.00", "6306.00"))
    over = taxed(good("12000", qty1="1", unit1="008"), by=watch, year="14000.01")
    assert over.treatment == Treatment.REFUSED
    assert speak(over.reason) == (
        "本单完税价格 12,000.00 元，本年累计将达 26,000.01 元，超过年度限值 26,000.00 元，应按一般贸易办理"
    )


def test_example_6_each_line_is_rounded_and_the_second_quantity_decides() -> None:
    assert sums(taxed(*[good("49.50")] * 3))[2:] == ("13.50", "13.50")
    assert sums(taxed(good("148.50")))[2:] == ("13.51", "13.51")
    masks = rate("1", "15", threshold=MASKS)
    assert str(taxed(good("100", qty1="0.25", unit1="035", qty2="1", unit2="011"), by=masks).total) == "23.06"
    assert str(taxed(good("100", qty1="0.25", unit1="035", qty2="10", unit2="011"), by=masks).total) == "9.10"


def test_the_dated_example_a_bag_in_2017() -> None:
    assert str(taxed(good("1900"), by=rate("6"), day=date(2017, 6, 1)).total) == "226.10"


@pytest.mark.parametrize(
    ("value", "year", "treatment"),
    [
        ("5000.00", "0", Treatment.REDUCED),
        ("5000.01", "0", Treatment.FULL),
        ("5000.00", "21000.00", Treatment.REDUCED),
        ("5000.00", "21000.01", Treatment.REFUSED),
        ("5000.01", "20999.99", Treatment.FULL),
        ("5000.01", "21000.00", Treatment.REFUSED),
        ("25999.99", "0", Treatment.FULL),
        ("25999.99", "0.01", Treatment.FULL),
        ("25999.99", "0.02", Treatment.REFUSED),
        ("26000.00", "0", Treatment.REFUSED),
        ("26000.01", "0", Treatment.REFUSED),
        ("0.01", "25999.99", Treatment.REDUCED),
        ("0.01", "26000.00", Treatment.REFUSED),
    ],
)
def test_over_a_limit_means_more_than_it(value: str, year: str, treatment: str) -> None:
    assert taxed(good(value), year=year).treatment == treatment


@pytest.mark.parametrize(
    ("value", "year", "treatment"),
    [
        ("2000.00", "18000.00", Treatment.REDUCED),
        ("2000.01", "0", Treatment.FULL),
        ("2000.00", "18000.01", Treatment.FULL),
        ("30000", "0", Treatment.FULL),
    ],
)
def test_before_2019_what_is_over_is_taxed_in_full_whatever_it_is(value: str, year: str, treatment: str) -> None:
    assert taxed(good(value, "2"), year=year, day=date(2018, 12, 31)).treatment == treatment


def test_the_rule_is_that_of_the_day_customs_accepted_the_list() -> None:
    assert taxed(good("3000"), day=date(2018, 12, 31)).treatment == Treatment.FULL
    assert taxed(good("3000"), day=date(2019, 1, 1)).treatment == Treatment.REDUCED
    rates = {
        date(2018, 4, 30): ("17", "11"),
        date(2018, 5, 1): ("16", "10"),
        date(2019, 3, 31): ("16", "10"),
        date(2019, 4, 1): ("13", "9"),
    }
    for day, (general, low) in rates.items():
        for vat, percent in ((VatClass.GENERAL, general), (VatClass.LOW, low)):
            assert taxed(good("1000"), by=rate(vat=vat), day=day).total == Decimal(percent) * 7


def test_freight_and_insurance_belong_to_the_value_and_are_shared_by_it() -> None:
    found = assess(
        [good("10"), good("20"), good("0.05")],
        freight=Decimal("6.66"),
        insurance=Decimal("3.35"),
        rule=rule_on(TODAY),
        rates={"1": rate()},
    )
    assert [line.carriage for line in found.lines] == [Decimal("3.33"), Decimal("6.66"), Decimal("0.02")]
    assert found.value == Decimal("40.06")
    assert shares([Decimal(0), Decimal(0)], Decimal("10.00")) == [Decimal("0.00"), Decimal("10.00")]
    assert shares([], Decimal("10.00")) == []


@given(st.lists(st.decimals(0, 5000, places=2), min_size=1, max_size=30), st.decimals(0, 500, places=2))
def test_shares_always_sum_to_what_was_shared_and_none_is_negative(prices: list[Decimal], carriage: Decimal) -> None:
    spread = shares(prices, carriage)
    assert sum(spread) == carriage
    assert min(spread) >= 0


@pytest.mark.parametrize(
    ("quantities", "threshold", "applies"),
    [
        ({"qty1": "0.04", "unit1": "035"}, COSMETICS, True),  # 10.00 a gram
        ({"qty1": "0.04001", "unit1": "035"}, COSMETICS, False),
        ({"qty1": "40", "unit1": "036"}, COSMETICS, True),
        ({"qty1": "0.04", "unit1": "095"}, COSMETICS, True),
        ({"qty1": "40", "unit1": "096"}, COSMETICS, True),
        ({"qty1": "1", "unit1": "011", "qty2": "0.05", "unit2": "035"}, COSMETICS, False),
        ({"qty1": "0.1", "unit1": "035", "qty2": "26", "unit2": "011"}, MASKS, True),  # 15.38 a sheet
        ({"qty1": "0.1", "unit1": "035", "qty2": "27", "unit2": "011"}, MASKS, False),
    ],
)
def test_consumption_tax_of_cosmetics_turns_on_the_price_of_a_unit(
    quantities: Mapping[str, str], threshold: Threshold, applies: bool
) -> None:
    found = taxed(good("400", **quantities), by=rate("1", "15", threshold=threshold))
    assert (found.consumption != 0) == applies
    assert found.faults == ()


def test_without_the_quantity_that_decides_consumption_tax_applies_and_says_so() -> None:
    for quantities in ({}, {"qty1": "0", "unit1": "035"}, {"qty1": "1", "unit1": "011"}):
        found = taxed(good("1", **quantities), by=rate("1", "15", threshold=COSMETICS))
        assert found.consumption != 0
        assert found.faults == (("1", Fault.NO_QUANTITY),)


def test_a_watch_pays_from_ten_thousand_each() -> None:
    watch = rate("8", "20", threshold=WATCHES)
    for value, qty, applies in (("10000", "1", True), ("9999.99", "1", False), ("12000", "2", False)):
        one = good(value, "1", qty1=qty, unit1="008")
        assert (taxed(one, by=watch).consumption != 0) == applies, value


def test_tax_by_quantity_is_of_litres_and_cheap_beer_pays_less() -> None:
    beer = rate(specific=Specific(Decimal(250), Decimal(988), Decimal(2590), Decimal(220)))
    litres = {"qty1": "988", "unit1": "095"}
    assert taxed(good("2590", **litres), by=beer).consumption == Decimal("175.00")
    cheap = taxed(good("2589.99", **litres), by=beer)
    assert cheap.consumption == Decimal("154.00")
    assert speak(cheap.lines[0].deciding) == "988 升，每 988 升 220 元"
    assert taxed(good("2590", qty1="988000", unit1="096"), by=beer).consumption == Decimal("175.00")
    unknown = taxed(good("2590", qty1="988", unit1="035"), by=beer)
    assert (unknown.treatment, unknown.faults) == (Treatment.UNKNOWN, (("1", Fault.NO_QUANTITY),))


def test_what_the_tariff_does_not_say_is_not_computed_and_says_why() -> None:
    for by, faults in (
        (rate(vat="", faults=(Fault.NO_VAT,)), ("1", "no_vat")),
        (rate("0", None, faults=(Fault.NO_CONSUMPTION,)), ("1", "no_consumption")),
    ):
        found = taxed(good("100"), good("200"), by=by)
        assert (found.treatment, found.total, found.duty, found.faults) == (Treatment.UNKNOWN, None, None, (faults,))
        assert speak(found.reason) == "税则资料不全，商品编码 1 的税款无法计算"
    missing = assess([good("1")], freight=Decimal(0), insurance=Decimal(0), rule=rule_on(TODAY), rates={})
    assert (missing.treatment, missing.faults) == (Treatment.UNKNOWN, (("1", Fault.NOT_IN_TARIFF),))
    assert assess([], freight=Decimal(1), insurance=Decimal(0), rule=rule_on(TODAY), rates={}).treatment == "unknown"


def test_a_missing_duty_matters_only_where_duty_is_paid() -> None:
    assert taxed(good("5000"), by=rate(None)).total == Decimal("455.00")
    assert taxed(good("5000.01"), by=rate(None)).treatment == Treatment.UNKNOWN


def test_a_gift_costs_nothing_and_pays_nothing() -> None:
    assert sums(taxed(good("0"), good("100")))[3] == "9.10"
    assert sums(taxed(good("0"))) == ("0.00", "0.00", "0.00", "0.00")


def test_a_line_tells_how_its_tax_came_about() -> None:
    spirit = rate("5", "20", specific=Specific(Decimal("0.912")), faults=(Fault.CONSUMPTION_BY_NEIGHBOUR,))
    line = taxed(good("388", qty1="0.7", unit1="095"), by=spirit).lines[0]
    told = line.workings()
    assert speak(told.pop("deciding")) == "0.7 升，每 1 升 0.912 元"
    assert told == {
        "goods": "388.00", "carriage": "0.00", "faults": ["consumption_by_neighbour"], "duty": "0", "vat": "13",
        "consumption": "20", "share": "70", "specific": "0.6384", "per": "1",
    }  # fmt: skip


@pytest.mark.django_db
def test_the_goods_of_the_demonstration_pay_what_their_table_says() -> None:
    """74 rows worked out elsewhere. Of sheets the table counts those in the box, which a list declares as quantity."""
    call_command("import_tariff", stdout=StringIO())
    sheets = {"DG040": "5", "DG041": "5"}
    with GOODS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rates = tariff.rates_of({row["hs_code"] for row in rows}, TODAY)
    found = {}
    for row in rows:
        one = Good(
            row["hs_code"],
            Decimal(row["price"]),
            Decimal(1),
            qty1=Decimal(row["qty1"]),
            unit1=row["unit1"],
            qty2=Decimal(sheets.get(row["sku"]) or row["qty2"] or 0),
            unit2=row["unit2"],
        )
        whole = assess([one], freight=Decimal(0), insurance=Decimal(0), rule=tariff.rule_on(TODAY), rates=rates)
        applied = whole.lines[0].applied
        assert applied is not None
        found[row["sku"]] = (*sums(whole), rates[one.gcode].duty)
        assert applied.consumption == Decimal(row["consumption_pct_applied"]), row["sku"]
    assert len(found) == 74
    told = ("duty", "consumption_tax", "vat", "tax_total")
    assert found == {row["sku"]: (*(row[name] for name in told), Decimal(row["mfn_pct"])) for row in rows}


def exactly(value: Decimal, by: Applied) -> tuple[Decimal, Decimal, Decimal]:
    """The formulas as the announcement words them, in fractions: a second calculator, step by step."""
    d, c, v, k = (Fraction(one) / 100 for one in (by.duty, by.consumption, by.vat, by.share))
    duty = Fraction(value) * d
    by_quantity = Fraction(by.specific) / Fraction(by.per)
    base = (Fraction(value) + duty + by_quantity) / (1 - c)
    consumption = base * c + by_quantity
    vat = (Fraction(value) + duty + consumption) * v
    return tuple(Decimal((tax * 100 + Fraction(1, 2)).__floor__()) / 100 for tax in (duty, consumption * k, vat * k))  # type: ignore[return-value]


def test_ten_thousand_random_lines_agree_with_a_calculator_in_fractions() -> None:
    chance = random.Random(816)
    for _line in range(10_000):
        value = Decimal(chance.randrange(0, 2_600_000)) / 100
        full = chance.random() < 0.3
        per = Decimal(chance.choice((1, 988, 962)))
        by = Applied(
            duty=Decimal(chance.choice((0, 1, 5, "6.5", 8, 15, "11.032"))) if full else Decimal(0),
            vat=Decimal(chance.choice((9, 10, 11, 13, 16, 17))),
            consumption=Decimal(chance.choice((0, 0, 5, 10, 15, 20, 56))),
            share=Decimal(100 if full else 70),
            specific=Decimal(chance.choice((0, 0, 19, 250, "0.6384", "1482"))),
            per=per,
        )
        found = taxes_on(value, by)
        assert (found.duty, found.consumption, found.vat) == exactly(value, by), (value, by)


def test_half_a_fen_is_rounded_up_also_behind_a_division() -> None:
    assert taxes_on(Decimal("100.05"), Applied(Decimal(10), Decimal(13), Decimal(0), Decimal(100))).duty == Decimal(
        "10.01"
    )
    # 19 litres at 250 yuan per 988: 0.625 yuan of VAT exactly, behind a quotient that never ends.
    by = Applied(Decimal(0), Decimal(13), Decimal(0), Decimal(100), Decimal(4750), Decimal(988))
    assert taxes_on(Decimal(0), by).vat == Decimal("0.63")


def test_the_rules_are_data_and_another_rule_is_another_answer() -> None:
    assert [rule.since for rule in RULES] == sorted(rule.since for rule in RULES)
    later = Rule(
        date(2030, 1, 1), Decimal(6000), Decimal(50000), Over.ONE_ITEM, Decimal(100), Decimal(10), Decimal(5), "x"
    )
    found = assess([good("6000", "2")], freight=Decimal(0), insurance=Decimal(0), rule=later, rates={"1": rate()})
    assert (found.treatment, found.total) == (Treatment.REDUCED, Decimal("600.00"))
    assert rule_on(date(2031, 1, 1), [*RULES, later]) is later
