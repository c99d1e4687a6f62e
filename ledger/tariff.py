"""Rules and tariff by day, out of their tables; the texts of the tariff's source are read here and nowhere else."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connections

from ledger.models import Fault, TariffLine, TaxRule
from ledger.tax import RULES, Rate, Rule, Specific, Threshold
from ledger.tax import rule_on as rule_of

_COSMETICS = re.compile(r"only if dutiable price >=(\S+) CNY per ml or g, or >=(\S+) CNY per sheet; else 0")
_PIECES = re.compile(r"only if dutiable price >=(\S+) CNY each; else 0")
_PER_LITRE = re.compile(r"(\S+) CNY/l")
_PER_TONNE = re.compile(r"(\S+) CNY/t(?: if dutiable price >=(\S+) USD/t, else (\S+) CNY/t)?")
_LITRES = re.compile(r"1 t = (\S+) l")
#: Codes of goods sold by the sheet say so in their name.
_BY_SHEET = "片"  # untranslated: a word of the tariff
#: A line drawn in dollars, in yuan: at 7, as the published tables of customs brokers do.
_YUAN_PER_DOLLAR = Decimal(7)


def rule_on(day: date) -> Rule:
    """The rule in force on the day customs accepted a list."""
    return rule_of(day, _rules())


def rates_of(codes: Iterable[str], day: date) -> dict[str, Rate]:
    """The rates of these codes on that day, by the latest line of each; a code that is not in the tariff is missing."""
    lines = TariffLine.objects.filter(code__in=set(codes), since__lte=day).order_by("code", "-since").distinct("code")
    return {line.code: rate_of(line) for line in lines}


def rate_of(line: TariffLine) -> Rate:
    """What a line of the tariff means; a condition that nobody here understands leaves the consumption tax unknown."""
    consumption, threshold, specific = line.consumption, None, None
    if line.condition.startswith("only if"):
        threshold = _threshold(line)
        consumption = consumption if threshold else None
    if line.consumption_specific:
        specific = _specific(line)
        consumption = (consumption or Decimal(0)) if specific else None
    faults = list(line.faults)
    if consumption is None and Fault.NO_CONSUMPTION not in faults:
        faults.append(Fault.NO_CONSUMPTION)
    return Rate(line.code, line.duty, line.vat, consumption, threshold, specific, tuple(faults))


def keep_rules(using: str = "default", **_: Any) -> None:
    """Write the rules of ``tax.RULES`` that are not in their table yet; runs after every migration.

    What is known of the law comes with the program; a table that was emptied, as between tests, has it again.
    """
    connection = connections[using]
    if TaxRule._meta.db_table in connection.introspection.table_names():
        TaxRule.objects.using(using).bulk_create(
            [TaxRule(**{name: getattr(rule, name) for name in Rule.__slots__}) for rule in RULES],
            ignore_conflicts=True,
        )


def _rules() -> list[Rule]:
    names = Rule.__slots__
    return [Rule(*row) for row in TaxRule.objects.values_list(*names)] or list(RULES)


def _threshold(line: TariffLine) -> Threshold | None:
    if found := _COSMETICS.fullmatch(line.condition):
        if _BY_SHEET in line.name:
            return Threshold(Decimal(found[2]), "sheet")
        return Threshold(Decimal(found[1]), "measure")
    if found := _PIECES.fullmatch(line.condition):
        return Threshold(Decimal(found[1]), "piece")
    return None


def _specific(line: TariffLine) -> Specific | None:
    if found := _PER_LITRE.fullmatch(line.consumption_specific):
        return Specific(Decimal(found[1]))
    tonne, litres = _PER_TONNE.fullmatch(line.consumption_specific), _LITRES.fullmatch(line.condition)
    if tonne and litres:
        drawn = Decimal(tonne[2]) * _YUAN_PER_DOLLAR if tonne[2] else None
        return Specific(Decimal(tonne[1]), Decimal(litres[1]), drawn, Decimal(tonne[3]) if tonne[3] else None)
    return None
