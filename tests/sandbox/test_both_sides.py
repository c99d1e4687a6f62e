"""Customs and the portal compute tax each on its own; whatever is bought, they agree to the fen."""

from datetime import date
from decimal import Decimal
from types import MappingProxyType

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from declarations import published
from declarations.sandbox import settings, tax
from ledger import tariff as portal_tariff
from ledger import tariff_file
from ledger import tax as portal_tax
from ledger.models import TariffLine, Treatment, VatClass

TODAY = date(2025, 6, 1)
ROWS = {row["code"]: row for row in published.tariff()}
SPECIAL = sorted(code for code, row in ROWS.items() if row["consumption_condition"] or row["consumption_specific"])
CUSTOMS = settings.read(settings.built_in(TODAY))
TREATMENTS = MappingProxyType({Treatment.REDUCED: tax.REDUCED, Treatment.FULL: tax.FULL})


def rate(row: dict[str, str]) -> portal_tax.Rate:
    """A row of the published tariff as the portal understands it."""
    number = {name: Decimal(row[name]) if row[name] else None for name in ("duty_pct", "consumption_pct")}
    vat = {"13": VatClass.GENERAL, "9": VatClass.LOW, "": ""}[row["vat_pct"]]
    return portal_tariff.rate_of(
        TariffLine(
            code=row["code"], since=TODAY, name=row["name_zh"], unit1=row["unit1"], unit2=row["unit2"],
            duty=number["duty_pct"], vat=vat, consumption=number["consumption_pct"],
            consumption_specific=row["consumption_specific"], condition=row["consumption_condition"],
            faults=tariff_file.faults_of(row),
        )
    )  # fmt: skip


RATES = {code: rate(row) for code, row in ROWS.items()}

money = st.decimals(min_value=0, max_value=9000, places=2)
quantity = st.decimals(min_value=Decimal("0.001"), max_value=3000, places=3).map(str)
units = st.sampled_from(["035", "036", "095", "096", "011", "008", "007", "020", "142"])


@st.composite
def lines(draw: st.DrawFn, prices: st.SearchStrategy[Decimal] = money) -> dict[str, str]:
    """One line of a list: any code, those with conditions often, and quantities right or wrong."""
    code = draw(st.one_of(st.sampled_from(SPECIAL), st.sampled_from(sorted(ROWS))))
    line = {"gcode": code, "totalPrice": f"{draw(prices)}", "qty": draw(st.sampled_from(["1", "1", "2"]))}
    first = ROWS[code]["unit1"] if draw(st.integers(0, 4)) else draw(units)
    line |= {"unit1": first, "qty1": draw(quantity)}
    if draw(st.booleans()):
        line |= {"unit2": draw(st.one_of(st.just(ROWS[code]["unit2"] or "035"), units)), "qty2": draw(quantity)}
    return line


dear = st.decimals(min_value=5000, max_value=26001, places=2)
baskets = st.one_of(st.lists(lines(), min_size=1, max_size=4), lines(dear).map(lambda line: [line | {"qty": "1"}]))


def good(line: dict[str, str]) -> portal_tax.Good:
    number = {name: Decimal(line[name]) if name in line else None for name in ("qty1", "qty2")}
    return portal_tax.Good(
        line["gcode"], Decimal(line["totalPrice"]), Decimal(line["qty"]), "", number["qty1"], line["unit1"],
        number["qty2"], line.get("unit2", ""),
    )  # fmt: skip


@hypothesis_settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(baskets, st.decimals(min_value=0, max_value=60, places=2), money)
def test_customs_and_the_portal_agree_to_the_fen(
    goods: list[dict[str, str]], freight: Decimal, so_far: Decimal
) -> None:
    goods = [line | {"gnum": f"{gnum}"} for gnum, line in enumerate(goods, 1)]
    head, bought = {"freight": f"{freight}", "insuredFee": "0"}, so_far * 3
    treatment = tax.treatment(tax.value(head, goods), goods, bought, CUSTOMS)
    own = portal_tax.assess(
        [good(line) for line in goods], freight=freight, insurance=Decimal(0), rule=portal_tax.rule_on(TODAY),
        rates=RATES, year_so_far=bought,
    )  # fmt: skip
    assert own.value == tax.value(head, goods)
    if own.treatment == Treatment.REFUSED:
        assert treatment in (tax.OVER_SINGLE, tax.OVER_ANNUAL)
        return
    assert treatment in (tax.REDUCED, tax.FULL)
    customs = tax.assess(head, goods, ROWS, full=treatment == tax.FULL, settings=CUSTOMS)
    if own.treatment == Treatment.UNKNOWN:
        assert customs.gaps
        return
    assert TREATMENTS[Treatment(own.treatment)] == treatment
    assert not customs.gaps
    for theirs, ours in zip(customs.lines, own.lines, strict=True):
        assert ours.taxes is not None
        assert (theirs.value, theirs.duty, theirs.consumption, theirs.vat) == (
            ours.value, ours.taxes.duty, ours.taxes.consumption, ours.taxes.vat,
        )  # fmt: skip
