"""The tariff from its file: every row, every stated fault, the same file again, other editions, and files that are none."""

from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from pytest_django import DjangoDbBlocker

from ledger import tariff
from ledger.models import Fault, TariffLine, TaxRule, VatClass
from ledger.tax import RULES

pytestmark = pytest.mark.django_db
TODAY = date(2025, 6, 2)
HEADER = (
    "code,name_zh,unit1,unit2,duty_pct,vat_pct,vat_basis,consumption_pct,consumption_specific,consumption_condition,"
    "consumption_basis"
)
GOOD = "1901101000,奶粉,035,,5,13,page,0,,,rule"


def imported(*arguments: str) -> str:
    said = StringIO()
    call_command("import_tariff", *arguments, stdout=said)
    return said.getvalue()


def written(folder: Path, *rows: str, header: str = HEADER) -> str:
    path = folder / "tariff.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return str(path)


def test_the_published_tariff_comes_in_whole_with_its_faults_told() -> None:
    assert imported().splitlines() == [
        "11,929 codes valid since 2019-01-01: 11,929 new, 0 changed, 0 as before",
        "Faults the file states of itself, by codes (shown wherever such a code is taxed):",
        "     253  no_duty  没有关税税率",
        "      27  duty_equivalent  从量关税，按折算的百分比列示",
        "     824  no_vat  没有增值税率",
        "  10,509  vat_by_rule  增值税率由法规推定，未经核对",
        "     496  vat_by_neighbour  增值税率取自相邻编码",
        "     449  no_consumption  消费税率未填",
        "      78  consumption_by_rule  消费税率由法规推定，未经核对",
        "      11  consumption_by_neighbour  消费税率取自相邻编码",
    ]
    assert "11,929 codes valid since 2019-01-01: 0 new, 0 changed, 11,929 as before" in imported()
    rates = tariff.rates_of(
        [
            "1901101000",
            "2203000000",
            "2208300000",
            "3304990029",
            "3304990049",
            "9102110000",
            "2402200000",
            "9999999999",
        ],
        TODAY,
    )
    assert "9999999999" not in rates
    assert (rates["1901101000"].duty, rates["1901101000"].vat, rates["1901101000"].consumption) == (5, "general", 0)
    beer = rates["2203000000"].specific
    assert beer and (beer.yuan, beer.litres, beer.line, beer.low_yuan) == (250, 988, 2590, 220)
    whisky = rates["2208300000"]
    assert whisky.specific and (whisky.consumption, whisky.specific.yuan) == (20, Decimal("0.912"))
    for code, price, per in (
        ("3304990029", 10, "measure"),
        ("3304990049", 15, "sheet"),
        ("9102110000", 10000, "piece"),
    ):
        threshold = rates[code].threshold
        assert threshold and (threshold.price, threshold.per) == (price, per)
    assert (rates["2402200000"].consumption, rates["2402200000"].faults) == (None, ("vat_by_rule", "no_consumption"))


def test_every_text_of_the_published_tariff_is_understood() -> None:
    imported()
    told = TariffLine.objects.exclude(consumption_specific="") | TariffLine.objects.filter(
        condition__startswith="only if"
    )
    assert told.count() == 26 + 18 + 15 + 2
    assert [line.code for line in told if tariff.rate_of(line).consumption is None] == []


def test_a_condition_nobody_understands_leaves_the_tax_unknown(tmp_path: Path) -> None:
    imported(
        written(
            tmp_path,
            "3304990029,霜,035,011,1,13,page,15,,only if the moon is full,rule",
            "2208300000,酒,095,035,5,13,page,20,one bottle in ten,,page",
        )
    )
    for rate in tariff.rates_of(["3304990029", "2208300000"], TODAY).values():
        assert (rate.consumption, Fault.NO_CONSUMPTION in rate.faults) == (None, True)


def test_what_a_file_says_otherwise_is_changed_and_the_rest_left(tmp_path: Path) -> None:
    imported(written(tmp_path, GOOD, "0402210000,全脂奶粉,035,,10,13,rule,0,,,rule"))
    changed = written(tmp_path, GOOD.replace(",5,13", ",5.5,9"), "0402210000,全脂奶粉,035,,10,13,rule,0,,,rule")
    assert "2 codes valid since 2019-01-01: 0 new, 1 changed, 1 as before" in imported(changed)
    line = TariffLine.objects.get(code="1901101000")
    assert (line.duty, line.vat) == (Decimal("5.500"), VatClass.LOW)


def test_a_later_edition_counts_from_its_day_on_and_the_earlier_stays(tmp_path: Path) -> None:
    imported(written(tmp_path, GOOD))
    imported(written(tmp_path, GOOD.replace(",5,13", ",0,13")), "--since", "2025-01-01")
    assert tariff.rates_of(["1901101000"], date(2024, 12, 31))["1901101000"].duty == 5
    assert tariff.rates_of(["1901101000"], date(2025, 1, 1))["1901101000"].duty == 0
    assert tariff.rates_of(["1901101000"], date(2018, 12, 31)) == {}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((), "no rows below the first"),
        ((GOOD, GOOD), "1901101000 stands there more than once"),
        ((GOOD.replace("1901101000", "1.90E+09"),), "row 2: code '1.90E+09' should be ten digits"),
        ((GOOD, GOOD.replace("1901101000", "1901101001").replace(",13,", ",17,")), "row 3: vat_pct '17' should be 13, 9 or empty"),
        ((GOOD.replace(",5,13", ",five,13"),), "row 2: duty_pct 'five' should be a percentage"),
        ((GOOD.replace(",5,13", ",-1,13"),), "row 2: duty_pct '-1' should be a percentage"),
        ((GOOD.replace(",5,13", ",NaN,13"),), "row 2: duty_pct 'NaN' should be a percentage"),
        ((GOOD.replace("page,0,", "page,100,"),), "row 2: consumption_pct 100.000 should be below 100"),
        ((GOOD.replace("奶粉", "奶" * 501),), "row 2: name_zh is longer than 500 characters"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_tariff_is_refused_with_its_place(tmp_path: Path, rows: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError) as refused:
        imported(written(tmp_path, *rows))
    assert said in str(refused.value)
    assert not TariffLine.objects.exists()


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        imported(str(tmp_path / "nowhere.csv"))
    with pytest.raises(CommandError, match="Is a directory"):
        imported(str(tmp_path))
    (tmp_path / "gbk.csv").write_bytes((HEADER + "\n" + GOOD).encode("gbk"))
    with pytest.raises(CommandError, match="not a CSV file in UTF-8"):
        imported(str(tmp_path / "gbk.csv"))
    with pytest.raises(CommandError, match="lacks the columns vat_basis"):
        imported(written(tmp_path, GOOD, header=HEADER.replace("vat_basis", "basis")))
    with pytest.raises(CommandError, match="invalid day value"):
        imported("--since", "2019-13-01")


def test_the_rules_of_tax_stand_in_their_table(django_db_blocker: DjangoDbBlocker) -> None:
    assert TaxRule.objects.count() == len(RULES)
    for day, since in (
        (date(2016, 1, 1), date(2016, 4, 8)),
        (date(2018, 4, 30), date(2016, 4, 8)),
        (date(2018, 12, 31), date(2018, 5, 1)),
        (date(2019, 1, 1), date(2019, 1, 1)),
        (date(2019, 3, 31), date(2019, 1, 1)),
        (TODAY, date(2019, 4, 1)),
    ):
        assert tariff.rule_on(day).since == since
    assert {rule.since: rule for rule in RULES} == {
        rule.since: rule for rule in map(tariff.rule_on, (r.since for r in RULES))
    }


def test_a_rule_added_by_staff_counts_from_its_day(db: None) -> None:
    new = TaxRule.objects.get(since=date(2019, 4, 1))
    new.pk, new.since, new.single_limit = None, date(2026, 1, 1), Decimal(6000)
    new.save()
    assert tariff.rule_on(date(2025, 12, 31)).single_limit == 5000
    assert tariff.rule_on(date(2026, 1, 1)).single_limit == 6000


def test_the_tariff_that_comes_with_the_portal_is_named_in_the_settings() -> None:
    assert settings.TARIFF_FILE.is_file()
