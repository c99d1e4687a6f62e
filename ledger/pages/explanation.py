"""Every figure of a tax bill explained: value, rates, formula with its numbers, and whether customs came to the same.

What the ledger kept of its own computation is told as it was made. Where there is none (the list is another enterprise's,
or its bill came without it), the published rates are tried on customs' own dutiable value; only what really comes to
customs' figures is told as an explanation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ledger.models import Fault, TariffLine, TaxBill, TaxBillLine, Treatment, VatClass
from ledger.pages.looks import TAXES
from ledger.tariff import rates_of, rule_on
from ledger.tax import Applied, Rate, Rule, Taxes, taxes_on
from portal.money import money
from portal.sentences import speak

FEN = Decimal("0.01")
_WHOLE = Decimal(100)

#: What a treatment means for who pays, in one sentence.
TREATMENTS: Mapping[str, Any] = {
    Treatment.REDUCED: gettext_lazy(
        "限值以内（单次 %(single)s 元、每人每年 %(annual)s 元）：关税免征，消费税和增值税按应纳税额的 %(share)s%% 征收"
    ),
    Treatment.FULL: gettext_lazy("超过单次限值 %(single)s 元的单件商品：关税、消费税、增值税都按一般税率全额征收"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One figure: its name, how it comes about, what it comes to, and customs' own where that is another."""

    name: str
    how: str
    gets: Decimal | None
    customs: Decimal | None = None
    #: Whether there is a figure of customs to compare with.
    compares: bool = False
    is_sum: bool = False

    @property
    def agrees(self) -> bool:
        """Whether customs came to the same."""
        return self.compares and self.gets == self.customs

    @property
    def off_by(self) -> Decimal | None:
        """Customs' figure less ours."""
        return None if self.gets is None or self.customs is None else self.customs - self.gets


@dataclass(slots=True)
class Explained:
    """One line of the bill."""

    line: TaxBillLine
    name: str
    steps: list[Step] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    #: A sentence where the figures cannot be led back to rates.
    unexplained: str = ""

    @property
    def total(self) -> Decimal:
        """What customs asks for the line."""
        return self.line.duty + self.line.consumption + self.line.vat


@dataclass(slots=True)
class Explanation:
    """The whole bill: the treatment in words, the rule it follows, its lines."""

    treatment: str
    rule: str
    lines: list[Explained]
    #: Whether the rates were found by trying, not kept from our own computation.
    is_tried: bool = False

    @property
    def has_consumption(self) -> bool:
        """Whether the formula of consumption tax stands anywhere."""
        return any(one.steps and one.line.consumption for one in self.lines)


def explain(bill: TaxBill, lines: Sequence[TaxBillLine], on: date) -> Explanation:
    """How the figures of a bill came about; ``on`` is the day whose rates count where none were kept."""
    codes = {line.gcode for line in lines}
    names = _names(codes, bill.own_rule or on)
    rule = rule_on(bill.own_rule or on)
    if any("vat" in line.own_rates for line in lines):
        explained = [_kept(line, names.get(line.gcode, "")) for line in lines]
        return Explanation(_treatment(bill.own_treatment, rule), _basis(rule), explained)
    rates = rates_of(codes, on)
    treatment, tried = max(
        (
            (one, [_tried(line, names.get(line.gcode, ""), rates.get(line.gcode), rule, one) for line in lines])
            for one in (Treatment.REDUCED, Treatment.FULL)
        ),
        key=lambda found: sum(bool(one.steps) for one in found[1]),
    )
    if not any(one.steps for one in tried):
        return Explanation("", _basis(rule), tried)
    return Explanation(_treatment(treatment, rule), _basis(rule), tried, is_tried=True)


def _names(codes: Iterable[str], on: date) -> dict[str, str]:
    lines = TariffLine.objects.filter(code__in=codes, since__lte=on).order_by("code", "-since").distinct("code")
    return {line.code: line.name for line in lines}


def _treatment(treatment: str, rule: Rule) -> str:
    if treatment not in TREATMENTS:
        return ""
    limits = {"single": money(rule.single_limit), "annual": money(rule.annual_limit), "share": plain(rule.share)}
    return str(TREATMENTS[treatment]) % limits


def _basis(rule: Rule) -> str:
    return _("%(day)s 起的规定，%(basis)s") % {"day": rule.since, "basis": rule.basis}


# --- as our own computation was kept ---------------------------------------------------------------------------------


def _kept(line: TaxBillLine, name: str) -> Explained:
    told = line.own_rates
    found = Explained(line, name, faults=[spoken(fault) for fault in told.get("faults", ())])
    ours = line.own_duty, line.own_consumption, line.own_vat
    if "vat" not in told or line.own_value is None or None in ours:
        found.unexplained = _("税则资料不全，这一项本系统无法计算，以海关数字为准")
        return found
    applied = Applied(**{name: Decimal(told[name]) for name in Applied.__slots__ if name in told})
    goods, carriage = Decimal(told.get("goods", "0")), Decimal(told.get("carriage", "0"))
    how = _("商品价格 %(goods)s") % {"goods": money(goods)}
    if carriage:
        how = _("商品价格 %(goods)s + 分摊的运费和保险费 %(carriage)s") % {
            "goods": money(goods), "carriage": money(carriage)
        }  # fmt: skip
    found.steps = _steps(line, line.own_value, how, applied, Taxes(*ours), speak(told.get("deciding", "")))
    return found


def _steps(line: TaxBillLine, value: Decimal, how: str, by: Applied, ours: Taxes, deciding: str) -> list[Step]:
    hows = (_how_duty(value, by), _how_consumption(value, by, deciding), _how_vat(value, by))
    steps = [Step(_("完税价格"), how, value, line.value, compares=True)]
    for tax, said in zip(TAXES, hows, strict=True):
        steps.append(Step(str(tax.word), said, getattr(ours, tax.name), getattr(line, tax.name), compares=True))
    total = line.duty + line.consumption + line.vat
    return [*steps, Step(_("本项合计"), "", ours.total, total, compares=True, is_sum=True)]


def _how_duty(value: Decimal, by: Applied) -> str:
    if by.share < _WHOLE:
        return _("限值以内，税率为 0")
    return _("%(value)s × 关税税率 %(rate)s%%") % {"value": money(value), "rate": plain(by.duty)}


def _how_consumption(value: Decimal, by: Applied, deciding: str) -> str:
    if not by.consumption and not by.specific:
        return deciding or _("这类商品不征消费税")
    words = {
        "base": _base(value, by),
        "left": plain(_WHOLE - by.consumption),
        "rate": plain(by.consumption),
        "quantity": plain(_to_five(by.specific / by.per)),
    }
    if not by.specific:
        said = _("%(base)s ÷ (1 − %(rate)s%%) × 消费税税率 %(rate)s%%") % words
    elif not by.consumption:
        said = _("从量 %(quantity)s") % words
    else:
        said = _("(%(base)s × %(rate)s%% + 从量 %(quantity)s) ÷ (1 − %(rate)s%%)") % words
    said += _share(by)
    return f"{said}{_('；')}{deciding}" if deciding else said


def _how_vat(value: Decimal, by: Applied) -> str:
    full = _full_consumption(value, by)
    words = {"base": _base(value, by, bare=not full), "consumption": money(full), "rate": plain(by.vat)}
    if not full:
        said = _("%(base)s × 增值税税率 %(rate)s%%") % words
    elif by.share < _WHOLE:
        said = _("(%(base)s + 未打折的消费税 %(consumption)s) × 增值税税率 %(rate)s%%") % words
    else:
        said = _("(%(base)s + 消费税 %(consumption)s) × 增值税税率 %(rate)s%%") % words
    return said + _share(by)


def _base(value: Decimal, by: Applied, *, bare: bool = True) -> str:
    """Dutiable value, with the duty where there is one; in brackets where something is done with it."""
    duty = value * by.duty / _WHOLE
    if not duty:
        return money(value)
    said = f"{money(value)} + {_('关税')} {money(duty)}"
    return f"({said})" if bare else said


def _share(by: Applied) -> str:
    return f" × {plain(by.share)}%" if by.share < _WHOLE else ""


def _full_consumption(value: Decimal, by: Applied) -> Decimal:
    """Consumption tax before the share, to five decimals at most: what VAT is reckoned on."""
    c, base = by.consumption / _WHOLE, value * (1 + by.duty / _WHOLE)
    return _to_five((base * c + by.specific / by.per) / (1 - c))


def _to_five(yuan: Decimal) -> Decimal:
    """To five decimals, as customs states taxes."""
    return yuan.quantize(Decimal("0.00001"), ROUND_HALF_UP)


# --- where nothing was kept ------------------------------------------------------------------------------------------


def _tried(line: TaxBillLine, name: str, rate: Rate | None, rule: Rule, treatment: str) -> Explained:
    """The line with the steps that come to customs' figures by the published rates; a sentence where none do."""
    found = Explained(line, name, unexplained=_("按已导入的税则算不出海关的数字，以海关为准"))
    if rate is None:
        found.faults = [spoken(Fault.NOT_IN_TARIFF)]
        return found
    found.faults = [spoken(fault) for fault in rate.faults]
    full = treatment == Treatment.FULL
    duty = rate.duty if full else Decimal(0)
    if duty is None or not rate.vat or rate.specific:
        return found
    share = _WHOLE if full else rule.share
    vat = rule.vat_low if rate.vat == VatClass.LOW else rule.vat_general
    value, wanted = line.value.quantize(FEN, ROUND_HALF_UP), Taxes(line.duty, line.consumption, line.vat)
    for consumption in dict.fromkeys((rate.consumption or Decimal(0), Decimal(0))):
        by = Applied(duty=duty, vat=vat, consumption=consumption, share=share)
        if taxes_on(value, by) == wanted:
            deciding = "" if consumption or not rate.consumption else _("单价未达到征税标准，不征消费税")
            found.steps = _steps(line, value, _("海关认定的完税价格"), by, wanted, deciding)
            found.unexplained = ""
            break
    return found


def spoken(fault: str) -> str:
    """A fault of the tariff as a reader says it; one that is not known here as it is."""
    return str(Fault(fault).label) if fault in Fault.values else fault


def plain(number: Decimal) -> str:
    """A number with thousands comma and without needless zeros."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
