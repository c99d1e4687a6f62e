"""The tax on a list, as a pure function over dated rules and the tariff; nothing here reads a table or a clock.

Domain §8: the dutiable value is price, freight and insurance; within both limits no duty and a share of VAT and
consumption tax; over them full tax where the rule of the day lets it through, else refusal. Decimal throughout, one
division per tax and that last, so that what lies exactly on half a fen is rounded up as customs does: each tax of each
line to the fen, the head is the sum of the lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from django.utils.translation import gettext_noop as _

from ledger.models import Fault, Over, Treatment, VatClass
from portal.money import fen, money
from portal.sentences import keep

ZERO = Decimal("0.00")
PERCENT = Decimal("0.01")
#: Enough digits for every product of what a list may say; only the one division is ever inexact.
_DIGITS = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """Limits and rates in force from a day on; yuan and percent (``models.TaxRule``)."""

    since: date
    single_limit: Decimal
    annual_limit: Decimal
    over: str
    share: Decimal
    vat_general: Decimal
    vat_low: Decimal
    basis: str


# untranslated: numbers of announcements, as they are published
RULES = (
    Rule(date(2016, 4, 8), Decimal(2000), Decimal(20000), Over.FULL, Decimal(70), Decimal(17), Decimal(11),
         "财关税〔2016〕18号"),  # untranslated: number of an announcement
    Rule(date(2018, 5, 1), Decimal(2000), Decimal(20000), Over.FULL, Decimal(70), Decimal(16), Decimal(10),
         "财关税〔2016〕18号；财税〔2018〕32号"),  # untranslated: number of an announcement
    Rule(date(2019, 1, 1), Decimal(5000), Decimal(26000), Over.ONE_ITEM, Decimal(70), Decimal(16), Decimal(10),
         "财关税〔2018〕49号；财税〔2018〕32号"),  # untranslated: number of an announcement
    Rule(date(2019, 4, 1), Decimal(5000), Decimal(26000), Over.ONE_ITEM, Decimal(70), Decimal(13), Decimal(9),
         "财关税〔2018〕49号；财政部 税务总局 海关总署公告2019年第39号"),  # untranslated: number of an announcement
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Good:
    """One line of a list, as far as tax is concerned."""

    gcode: str
    value: Decimal
    qty: Decimal
    unit: str = ""
    qty1: Decimal | None = None
    unit1: str = ""
    qty2: Decimal | None = None
    unit2: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Consumption tax applies only from ``price`` yuan per unit on."""

    price: Decimal
    #: A key of ``_UNITS``: measure (gram or millilitre), sheet, piece.
    per: str


@dataclass(frozen=True, slots=True)
class Specific:
    """Consumption tax by quantity: ``yuan`` for every ``litres``; ``low_yuan`` where the same litres cost under ``line``."""

    yuan: Decimal
    litres: Decimal = Decimal(1)
    line: Decimal | None = None
    low_yuan: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """What the tariff says of a code on a day; percent; None where the tariff does not say (``tariff.rates_of``)."""

    code: str
    duty: Decimal | None
    vat: str
    consumption: Decimal | None
    threshold: Threshold | None = None
    specific: Specific | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """The rates one line is taxed by, in percent; consumption tax by quantity is ``specific / per`` yuan."""

    duty: Decimal
    vat: Decimal
    consumption: Decimal
    share: Decimal
    specific: Decimal = Decimal(0)
    per: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Taxes:
    """The three taxes of one line, each rounded to the fen."""

    duty: Decimal
    consumption: Decimal
    vat: Decimal

    @property
    def total(self) -> Decimal:
        """All three."""
        return self.duty + self.consumption + self.vat


@dataclass(frozen=True, slots=True)
class Line:
    """One line assessed: its dutiable value, what it is taxed by and how much; no taxes where they cannot be known."""

    gcode: str
    goods: Decimal
    carriage: Decimal
    value: Decimal
    applied: Applied | None
    taxes: Taxes | None
    #: Whether consumption tax applies, where a price per unit decides, or by how much of what, where quantity does (a kept
    #: sentence), else "".
    deciding: str = ""
    faults: tuple[str, ...] = ()

    def workings(self) -> dict[str, Any]:
        """How the taxes came about, as it is stored and shown beside customs' figures; numbers as text, rates in percent."""
        told: dict[str, Any] = {"goods": str(self.goods), "carriage": str(self.carriage), "faults": list(self.faults)}
        if self.deciding:
            told["deciding"] = self.deciding
        if self.applied:
            one = self.applied
            told |= {name: _plain(getattr(one, name)) for name in ("duty", "vat", "consumption", "share")}
            if one.specific:
                told |= {"specific": _plain(one.specific), "per": _plain(one.per)}
        return told


@dataclass(frozen=True, slots=True)
class Assessment:
    """How a list is taxed. The four sums are None when it is refused or cannot be known; ``reason`` (kept) says why."""

    treatment: str
    value: Decimal
    lines: tuple[Line, ...]
    rule: Rule
    duty: Decimal | None = None
    consumption: Decimal | None = None
    vat: Decimal | None = None
    total: Decimal | None = None
    reason: str = ""

    @property
    def faults(self) -> tuple[tuple[str, str], ...]:
        """What is unsure about the tariff lines used: (code, fault), each once."""
        return tuple(dict.fromkeys((line.gcode, fault) for line in self.lines for fault in line.faults))


def rule_on(day: date, rules: Iterable[Rule] = RULES) -> Rule:
    """The rule of the day customs accepted the list; before the first rule, the first."""
    ordered = sorted(rules, key=lambda rule: rule.since)
    return next((rule for rule in reversed(ordered) if rule.since <= day), ordered[0])


def assess(
    goods: Sequence[Good],
    *,
    freight: Decimal,
    insurance: Decimal,
    rule: Rule,
    rates: Mapping[str, Rate],
    year_so_far: Decimal | None = None,
) -> Assessment:
    """Tax a list by the rule of its day. ``year_so_far``: what the buyer had this year before it, as far as known."""
    with localcontext() as context:
        context.prec = _DIGITS
        context.rounding = ROUND_HALF_UP
        prices = [fen(good.value) for good in goods]
        carriage = shares(prices, fen(freight + insurance))
        value = sum(prices, ZERO) + sum(carriage, ZERO)
        treatment = treat(goods, value, rule, year_so_far or ZERO)
        full = treatment == Treatment.FULL
        lines = tuple(
            _line(good, price, share, rates.get(good.gcode), rule, full=full)
            for good, price, share in zip(goods, prices, carriage, strict=True)
        )
        if treatment == Treatment.REFUSED:
            return Assessment(treatment, value, lines, rule, reason=_refusal(value, rule, year_so_far or ZERO))
        unknown = [line.gcode for line in lines if line.taxes is None]
        if unknown or not lines:
            return Assessment(Treatment.UNKNOWN, value, lines, rule, reason=_no_rate(unknown))
        taxes = [line.taxes for line in lines if line.taxes]
        duty, consumption, vat = (
            sum((getattr(one, name) for one in taxes), ZERO) for name in ("duty", "consumption", "vat")
        )
        return Assessment(treatment, value, lines, rule, duty, consumption, vat, duty + consumption + vat)


def treat(goods: Sequence[Good], value: Decimal, rule: Rule, year_so_far: Decimal) -> str:
    """Within both limits reduced, over them what the rule says. Over means strictly more."""
    within_year = year_so_far + value <= rule.annual_limit
    if value <= rule.single_limit and within_year:
        return Treatment.REDUCED
    if rule.over == Over.FULL:
        return Treatment.FULL
    one_item = len(goods) == 1 and goods[0].qty == 1
    if one_item and within_year and value < rule.annual_limit:
        return Treatment.FULL
    return Treatment.REFUSED


def shares(prices: Sequence[Decimal], carriage: Decimal) -> list[Decimal]:
    """Freight and insurance spread over the lines by their value, to the fen; the last line takes what remains."""
    left, whole, spread = carriage, sum(prices, ZERO), []
    for price in prices[:-1]:
        share = min(fen(carriage * price / whole), left) if whole else ZERO
        spread.append(share)
        left -= share
    return [*spread, left] if prices else []


def taxes_on(value: Decimal, by: Applied) -> Taxes:
    """The three taxes on a dutiable value: the formula, and nothing else.

    With d, c, v the rates, q what consumption tax by quantity comes to and k the share: duty = value·d, consumption tax
    = ((value + duty)·c + q) / (1 − c) · k, VAT = (value + duty + q) / (1 − c) · v · k, which is (value + duty + full
    consumption tax) · v · k.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        d, c, v, k = (rate * PERCENT for rate in (by.duty, by.consumption, by.vat, by.share))
        duty = value * d
        below = (1 - c) * by.per
        base = (value + duty) * by.per
        return Taxes(fen(duty), fen((base * c + by.specific) * k / below), fen((base + by.specific) * v * k / below))


def _line(good: Good, price: Decimal, carriage: Decimal, rate: Rate | None, rule: Rule, *, full: bool) -> Line:
    value = price + carriage
    if rate is None:
        return Line(good.gcode, price, carriage, value, None, None, "", (Fault.NOT_IN_TARIFF,))
    consumption, deciding, faults = _consumption(good, value, rate)
    specific = _specific(good, value, rate.specific)
    if rate.specific and specific is None:
        faults = (*faults, Fault.NO_QUANTITY)
    duty = rate.duty if full else Decimal(0)
    if duty is None or not rate.vat or consumption is None or specific is None:
        return Line(good.gcode, price, carriage, value, None, None, deciding, faults)
    applied = Applied(
        duty=duty,
        vat=rule.vat_low if rate.vat == VatClass.LOW else rule.vat_general,
        consumption=consumption,
        share=Decimal(100) if full else rule.share,
        specific=specific[0],
        per=specific[1],
    )
    deciding = deciding or specific[2]
    return Line(good.gcode, price, carriage, value, applied, taxes_on(value, applied), deciding, faults)


#: What a quantity in a customs unit comes to, in the unit a price is asked for.
_UNITS: dict[str, dict[str, Decimal]] = {
    "measure": {"035": Decimal(1000), "036": Decimal(1), "095": Decimal(1000), "096": Decimal(1)},
    "sheet": {"011": Decimal(1), "020": Decimal(1), "010": Decimal(1)},
    "piece": {"008": Decimal(1), "007": Decimal(1), "011": Decimal(1)},
    "litre": {"095": Decimal(1), "096": Decimal("0.001")},
}
_DECIDES = {
    ("measure", True): _("每克（毫升）完税价格 %(price)s 元，达到 %(line)s 元，征消费税"),
    ("measure", False): _("每克（毫升）完税价格 %(price)s 元，不到 %(line)s 元，不征消费税"),
    ("sheet", True): _("每片（张）完税价格 %(price)s 元，达到 %(line)s 元，征消费税"),
    ("sheet", False): _("每片（张）完税价格 %(price)s 元，不到 %(line)s 元，不征消费税"),
    ("piece", True): _("每只完税价格 %(price)s 元，达到 %(line)s 元，征消费税"),
    ("piece", False): _("每只完税价格 %(price)s 元，不到 %(line)s 元，不征消费税"),
}


def _quantity(good: Good, per: str) -> Decimal | None:
    """The declared statutory quantity in the unit a rule asks for; a wrong second quantity really changes the tax."""
    for quantity, unit in ((good.qty1, good.unit1), (good.qty2, good.unit2)):
        if quantity and unit in _UNITS[per]:
            return quantity * _UNITS[per][unit]
    return None


def _consumption(good: Good, value: Decimal, rate: Rate) -> tuple[Decimal | None, str, tuple[str, ...]]:
    """The rate of consumption tax that applies, why, and the faults; without the quantity that decides, it applies."""
    if rate.threshold is None or not rate.consumption:
        return rate.consumption, "", rate.faults
    quantity = _quantity(good, rate.threshold.per)
    if quantity is None:
        return rate.consumption, "", (*rate.faults, Fault.NO_QUANTITY)
    reached = value >= rate.threshold.price * quantity
    said = keep(
        _DECIDES[rate.threshold.per, reached], price=money(fen(value / quantity)), line=money(rate.threshold.price)
    )
    return rate.consumption if reached else Decimal(0), said, rate.faults


def _specific(good: Good, value: Decimal, specific: Specific | None) -> tuple[Decimal, Decimal, str] | None:
    """Consumption tax by quantity as a fraction, so that it is divided only once, and whence; None without the litres."""
    if specific is None:
        return Decimal(0), Decimal(1), ""
    litres = _quantity(good, "litre")
    if litres is None:
        return None
    cheap = specific.line is not None and value * specific.litres < specific.line * litres
    yuan = specific.low_yuan if cheap and specific.low_yuan is not None else specific.yuan
    said = keep(
        _("%(litres)s 升，每 %(per)s 升 %(yuan)s 元"),
        litres=_plain(litres),
        per=_plain(specific.litres),
        yuan=_plain(yuan),
    )
    return litres * yuan, specific.litres, said


def _refusal(value: Decimal, rule: Rule, year_so_far: Decimal) -> str:
    if year_so_far + value > rule.annual_limit:
        return keep(
            _("本单完税价格 %(value)s 元，本年累计将达 %(year)s 元，超过年度限值 %(limit)s 元，应按一般贸易办理"),
            value=money(value),
            year=money(year_so_far + value),
            limit=money(rule.annual_limit),
        )
    return keep(
        _("本单完税价格 %(value)s 元，超过单次限值 %(limit)s 元，又不是一件不可分割的商品，应按一般贸易办理"),
        value=money(value),
        limit=money(rule.single_limit),
    )


def _no_rate(codes: Iterable[str]) -> str:
    return keep(_("税则资料不全，商品编码 %(codes)s 的税款无法计算"), codes="、".join(sorted(set(codes))))


def _plain(number: Decimal) -> str:
    """A number without needless zeros: 13, 6.5, 0.6384."""
    return f"{number.normalize():f}"
