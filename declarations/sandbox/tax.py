"""What customs computes for a list: its value, whether the limits allow it, and the tax of each line.

Pure functions over what was filed, the tariff and the settings of the day; the portal computes on its own and compares.
Taxes are computed in fractions and rounded once, so that exactly half a fen is seen to be half a fen.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor
from typing import NamedTuple

from declarations.sandbox.settings import Settings

REDUCED, FULL = "reduced", "full"
OVER_SINGLE, OVER_ANNUAL = "over_single", "over_annual"

LOW_VAT = "9"  # how the tariff of 2019 writes the low rate; anything else it writes is the general one
ZERO = Decimal(0)

# Statutory units: how many grams or millilitres, litres, sheets, pieces one of them is.
CONTENT = {"035": Fraction(1000), "036": Fraction(1), "095": Fraction(1000), "096": Fraction(1)}
LITRES = {"095": Fraction(1), "096": Fraction(1, 1000)}
SHEETS = dict.fromkeys(("011", "020", "010"), Fraction(1))
PIECES = dict.fromkeys(("008", "007", "011"), Fraction(1))

# From which unit price a consumption tax applies at all, by how the tariff words the condition (published/README.md).
COSMETICS, PER_CONTENT, PER_SHEET = "only if dutiable price >=10 CNY per ml or g", 10, 15
WATCHES, PER_WATCH = "only if dutiable price >=10000 CNY each", 10_000
BY_QUANTITY = re.compile(r"(?P<rate>[\d.]+) CNY/(?P<per>[lt])(?: if dutiable price .+, else (?P<low>[\d.]+) CNY/t)?")
LITRES_OF_A_TONNE = re.compile(r"1 t = ([\d.]+) l")


class Line(NamedTuple):
    """One line of a tax bill, in yuan."""

    gnum: str
    gcode: str
    value: Decimal
    duty: Decimal
    consumption: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Assessment:
    """The tax of a list. `gaps` says which rates were not known and what was taken instead."""

    lines: list[Line]
    gaps: list[str]

    @property
    def total(self) -> Decimal:
        """All taxes of all lines."""
        return sum((line.duty + line.consumption + line.vat for line in self.lines), ZERO)


def fen(value: Decimal) -> Decimal:
    """Rounded to the fen, half up."""
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def value(head: Mapping[str, str], lines: Sequence[Mapping[str, str]]) -> Decimal:
    """The dutiable value of a list: goods, freight and insurance."""
    return sum(values(head, lines), ZERO)


def values(head: Mapping[str, str], lines: Sequence[Mapping[str, str]]) -> list[Decimal]:
    """The dutiable value of each line: its price, and of freight and insurance its share by price; the last takes the rest."""
    prices = [fen(Decimal(line["totalPrice"])) for line in lines]
    charges = left = fen(Decimal(head["freight"]) + Decimal(head["insuredFee"]))
    goods, found = sum(prices, ZERO), []
    for price in prices[:-1]:
        share = min(left, fen(charges * price / goods)) if goods else ZERO
        left -= share
        found.append(price + share)
    return [*found, prices[-1] + left]


def treatment(total: Decimal, lines: Sequence[Mapping[str, str]], year_so_far: Decimal, settings: Settings) -> str:
    """Reduced tax, full tax, or over one of the two limits; a limit itself is still within."""
    single = len(lines) == 1 and Decimal(lines[0]["qty"]) == 1
    if total > settings.single_limit and (not single or total >= settings.annual_limit):
        return OVER_SINGLE
    if year_so_far + total > settings.annual_limit:
        return OVER_ANNUAL
    return FULL if total > settings.single_limit else REDUCED


def assess(
    head: Mapping[str, str], lines: Sequence[Mapping[str, str]], tariff: Mapping[str, Mapping[str, str]], *,
    full: bool, settings: Settings,
) -> Assessment:  # fmt: skip
    """The tax of a list whose codes all stand in `tariff`; each tax of each line is rounded by itself."""
    taxed, gaps = [], []
    for line, worth in zip(lines, values(head, lines), strict=True):
        rates = tariff[line["gcode"]]
        gaps += [f"{line['gcode']}{gap}" for gap in _gaps(line, rates, full=full)]
        taxed.append(_line(line, worth, rates, full=full, settings=settings))
    return Assessment(taxed, gaps)


def _gaps(line: Mapping[str, str], rates: Mapping[str, str], *, full: bool) -> Iterator[str]:
    if full and not rates["duty_pct"]:
        yield "关税税率未定，暂按0计"
    if not rates["vat_pct"]:
        yield "增值税税率未定，暂按一般税率计"
    if rates["consumption_basis"] == "todo":
        yield "消费税税率未定，暂按0计"
    if rates["consumption_specific"] and not _statutory(line, LITRES):
        yield "缺少以升计的法定数量，从量消费税暂按0计"


def _line(line: Mapping[str, str], worth: Decimal, rates: Mapping[str, str], *, full: bool, settings: Settings) -> Line:
    """Duty on the value; consumption tax on value and duty, itself included; VAT on all three. Rounded only at the end."""
    exact = Fraction(worth)
    duty = exact * _percent(rates["duty_pct"]) if full else Fraction(0)
    by_value, by_quantity = _by_value(line, exact, rates), _by_quantity(line, exact, rates, settings)
    consumption = (exact + duty + by_quantity) / (1 - by_value) * by_value + by_quantity
    vat_rate = settings.vat_low if rates["vat_pct"] == LOW_VAT else settings.vat_general
    vat = (exact + duty + consumption) * _percent(vat_rate)
    share = 1 if full else Fraction(settings.share)
    taxes = (_rounded(tax) for tax in (duty, consumption * share, vat * share))
    return Line(line["gnum"], line["gcode"], worth, *taxes)


def _by_value(line: Mapping[str, str], worth: Fraction, rates: Mapping[str, str]) -> Fraction:
    """The consumption tax rate, zero where the price of a unit stays below what the tariff names. No quantity: it applies."""
    rate, condition = _percent(rates["consumption_pct"]), rates["consumption_condition"]
    if condition.startswith(COSMETICS):
        units, least = (SHEETS, PER_SHEET) if "片" in rates["name_zh"] else (CONTENT, PER_CONTENT)
    elif condition.startswith(WATCHES):
        units, least = PIECES, PER_WATCH
    else:
        return rate
    return rate if worth >= least * _statutory(line, units) else Fraction(0)


def _by_quantity(line: Mapping[str, str], worth: Fraction, rates: Mapping[str, str], settings: Settings) -> Fraction:
    """The consumption tax by litre or tonne, in yuan for the whole line."""
    named, litres = BY_QUANTITY.match(rates["consumption_specific"]), _statutory(line, LITRES)
    if named is None or not litres:
        return Fraction(0)
    if named["per"] == "l":
        return litres * Fraction(named["rate"])
    tonne = LITRES_OF_A_TONNE.search(rates["consumption_condition"])
    tonnes = litres / Fraction(tonne[1] if tonne else 1000)
    cheap = named["low"] and worth < Fraction(settings.beer_line) * tonnes
    return tonnes * Fraction(named["low"] if cheap else named["rate"])


def _statutory(line: Mapping[str, str], units: Mapping[str, Fraction]) -> Fraction:
    """The statutory quantity in grams, litres, sheets or pieces; zero where none is declared."""
    for unit, quantity in (("unit1", "qty1"), ("unit2", "qty2")):
        if line.get(unit) in units and line.get(quantity):
            return Fraction(line[quantity]) * units[line[unit]]
    return Fraction(0)


def _percent(rate: str | Decimal) -> Fraction:
    return Fraction(rate or 0) / 100


def _rounded(amount: Fraction) -> Decimal:
    """To the fen, half up."""
    return Decimal(floor(amount * 100 + Fraction(1, 2))).scaleb(-2)
