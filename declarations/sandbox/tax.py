"""What customs computes for a list: its value, whether the limits allow it, and the tax of each line.

Pure functions over what was filed, the tariff and the settings of the day; the portal computes on its own and compares.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from declarations.sandbox.settings import Settings

REDUCED, FULL = "reduced", "full"
OVER_SINGLE, OVER_ANNUAL = "over_single", "over_annual"

LOW_VAT = "9"  # how the tariff of 2019 writes the low rate; anything else it writes is the general one
THOUSAND, HUNDRED, ZERO, ONE = Decimal(1000), Decimal(100), Decimal(0), Decimal(1)
# Grams or millilitres in one statutory unit; what is in neither table is counted by the piece.
CONTENT = {"035": THOUSAND, "036": ONE, "095": THOUSAND, "096": ONE}
LITRES = {"095": ONE, "096": ONE / THOUSAND}

# Above which unit price a consumption tax applies at all, by how the tariff words the condition (published/README.md).
COSMETICS, PER_CONTENT, PER_SHEET = "only if dutiable price >=10 CNY per ml or g", Decimal(10), Decimal(15)
WATCHES, PER_WATCH = "only if dutiable price >=10000 CNY each", Decimal(10_000)
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
    charges = left = fen(Decimal(head["freight"])) + fen(Decimal(head["insuredFee"]))
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
    if rates["consumption_specific"] and not _measure(line, LITRES):
        yield "缺少以升计的法定数量，从量消费税暂按0计"


def _line(line: Mapping[str, str], worth: Decimal, rates: Mapping[str, str], *, full: bool, settings: Settings) -> Line:
    """Duty on the value; consumption tax on value and duty, itself included; VAT on all three. Rounded only at the end."""
    share = ONE if full else settings.share
    duty = worth * _percent(rates["duty_pct"]) if full else ZERO
    by_value = _by_value(line, worth, rates)
    by_quantity = _by_quantity(line, worth, rates, settings)
    consumption = (worth + duty + by_quantity) / (1 - by_value) * by_value + by_quantity
    general = settings.vat_low if rates["vat_pct"] == LOW_VAT else settings.vat_general
    vat = (worth + duty + consumption) * general / HUNDRED
    return Line(line["gnum"], line["gcode"], worth, fen(duty), fen(consumption * share), fen(vat * share))


def _by_value(line: Mapping[str, str], worth: Decimal, rates: Mapping[str, str]) -> Decimal:
    """The consumption tax rate, zero where the price of a unit stays below what the tariff names. No quantity: it applies."""
    rate, condition = _percent(rates["consumption_pct"]), rates["consumption_condition"]
    if condition.startswith(COSMETICS):
        sheets = "片" in rates["name_zh"]
        quantity, least = (_pieces(line), PER_SHEET) if sheets else (_measure(line, CONTENT), PER_CONTENT)
    elif condition.startswith(WATCHES):
        quantity, least = _pieces(line), PER_WATCH
    else:
        return rate
    return rate if not quantity or worth / quantity >= least else ZERO


def _by_quantity(line: Mapping[str, str], worth: Decimal, rates: Mapping[str, str], settings: Settings) -> Decimal:
    """The consumption tax by litre or tonne, in yuan for the whole line."""
    named = BY_QUANTITY.match(rates["consumption_specific"])
    litres = _measure(line, LITRES)
    if named is None or not litres:
        return ZERO
    if named["per"] == "l":
        return litres * Decimal(named["rate"])
    tonne = LITRES_OF_A_TONNE.search(rates["consumption_condition"])
    tonnes = litres / Decimal(tonne[1] if tonne else 1000)
    cheap = named["low"] and worth / tonnes < settings.beer_line
    return tonnes * Decimal(named["low"] if cheap else named["rate"])


def _statutory(line: Mapping[str, str]) -> Iterator[tuple[str, Decimal]]:
    for unit, quantity in (("unit1", "qty1"), ("unit2", "qty2")):
        if line.get(unit) and line.get(quantity):
            yield line[unit], Decimal(line[quantity])


def _measure(line: Mapping[str, str], units: Mapping[str, Decimal]) -> Decimal:
    """The statutory quantity in grams, millilitres or litres; zero where none is declared."""
    return next((quantity * units[unit] for unit, quantity in _statutory(line) if unit in units), ZERO)


def _pieces(line: Mapping[str, str]) -> Decimal:
    """The statutory quantity that is counted, not weighed; zero where none is declared."""
    return next((quantity for unit, quantity in _statutory(line) if unit not in CONTENT), ZERO)


def _percent(text: str) -> Decimal:
    return Decimal(text or 0) / HUNDRED
