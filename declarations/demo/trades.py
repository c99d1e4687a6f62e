"""Invented trades of bonded import (1210): who bought what, and the four documents each trade is told by.

The four agree with one another the way customs wants it (order number, buyer and payer, amounts, consignee, goods), so
a trade passes unless somebody spoils a field on purpose. The tax withheld is what the rules of the day and the published
tariff ask on goods and freight, so that the order says what customs' bill will. Goods come from ``goods.csv``; persons,
addresses and brands do not exist. Used by ``manage.py demo`` and by the tests.
"""
# untranslated: invented names and places are data

import csv
import random
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from declarations.shape import Entry
from ledger import tax
from ledger.tariff import rate_of
from ledger.tariff_file import read_tariff

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_SURNAMES = "宋何周梁叶陶孔秦施卢孟白邵方季裴苗贺常骆温舒邱鲍葛路欧阳"
_GIVEN = "然安晴舟言渊蔓宁川青原月怡岚文清越朗知夏微"
#: District codes and streets of Shanghai; the house numbers do not exist.
_PLACES = (
    ("310104", "上海市徐汇区澄岚路"),
    ("310115", "上海市浦东新区云栖路"),
    ("310106", "上海市静安区栎舟路"),
    ("310110", "上海市杨浦区芷岚路"),
)


class Party(NamedTuple):
    """An enterprise as a document names it."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Parties:
    """Who takes part in a trade."""

    platform: Party
    merchant: Party
    payment: Party
    logistics: Party
    warehouse: Party


class Good(NamedTuple):
    """One line of ``goods.csv``; price, and the tax on one unit without freight, in yuan; weights in kg."""

    sku: str
    name: str
    model: str
    barcode: str
    hs_code: str
    hs_name: str
    unit: str
    quantity1: Decimal
    unit1: str
    quantity2: Decimal | None
    unit2: str
    net: Decimal
    gross: Decimal
    origin: str
    price: Decimal
    tax: Decimal


class Person(NamedTuple):
    """A buyer who does not exist; the number has a right check character."""

    name: str
    id_number: str
    phone: str
    address: str
    district: str


@cache
def goods() -> tuple[Good, ...]:
    """All goods of the demonstration."""
    with (Path(__file__).parent / "goods.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_good(row) for row in csv.DictReader(file))


def _good(row: dict[str, str]) -> Good:
    return Good(
        sku=row["sku"],
        name=row["name_zh"],
        model=f"{row['brand_zh']}，{row['spec']}",
        barcode=row["barcode"],
        hs_code=row["hs_code"],
        hs_name=row["hs_name_zh"],
        unit=row["unit"],
        quantity1=Decimal(row["qty1"]),
        unit1=row["unit1"],
        quantity2=Decimal(row["qty2"]) if row["qty2"] else None,
        unit2=row["unit2"],
        net=Decimal(row["net_kg"]),
        gross=Decimal(row["gross_kg"]),
        origin=row["origin"],
        price=Decimal(row["price"]),
        tax=Decimal(row["tax_total"]),
    )


@cache
def _rates() -> dict[str, tax.Rate]:
    """What the published tariff says of the goods; read from its file, so that no table has to be filled for it."""
    codes = {good.hs_code for good in goods()}
    return {line.code: rate_of(line) for line in read_tariff(settings.TARIFF_FILE, date.min) if line.code in codes}


def person(chance: random.Random) -> Person:
    """An invented buyer, the same for the same state of ``chance``."""
    district, street = chance.choice(_PLACES)
    born = f"{chance.randint(1960, 2004)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    stem = f"{district}{born}{chance.randint(0, 999):03}"
    check = "10X98765432"[sum(int(digit) * weight for digit, weight in zip(stem, _WEIGHTS, strict=True)) % 11]
    return Person(
        name=chance.choice(_SURNAMES) + "".join(chance.sample(_GIVEN, chance.randint(1, 2))),
        id_number=stem + check,
        phone=f"13{chance.randint(0, 9)}0000{chance.randint(0, 9999):04}",
        address=f"{street}{chance.randint(1, 900)}号{chance.randint(1, 40)}栋{chance.randint(101, 2604)}室",
        district=district,
    )


@dataclass(slots=True)
class Trade:
    """One purchase: its numbers, its buyer, its goods."""

    number: int
    parties: Parties
    buyer: Person
    basket: list[tuple[Good, int]]
    paid_at: datetime
    prefix: str = "TG"
    freight: Decimal = Decimal("10.00")

    @property
    def order_no(self) -> str:
        """The order number; it carries the moment of purchase."""
        return f"{self.prefix}{self.paid_at:%Y%m%d%H%M%S}{self.number:06}"

    @property
    def transaction_no(self) -> str:
        """The number of the payment."""
        return f"LX{self.paid_at:%Y%m%d%H%M%S}{self.prefix}{self.number:06}"

    @property
    def waybill_no(self) -> str:
        """The number of the parcel."""
        return f"YL{self.paid_at:%Y%m%d%H%M%S}{self.prefix}{self.number:06}"

    @property
    def goods_value(self) -> Decimal:
        """All goods, in yuan."""
        return sum((good.price * count for good, count in self.basket), Decimal(0))

    @property
    def tax(self) -> Decimal:
        """The tax the platform withheld, in yuan: what the rules ask on goods and freight."""
        assessed = tax.assess(
            [
                tax.Good(
                    good.hs_code,
                    good.price * count,
                    Decimal(count),
                    good.unit,
                    good.quantity1 * count,
                    good.unit1,
                    good.quantity2 and good.quantity2 * count,
                    good.unit2,
                )
                for good, count in self.basket
            ],
            freight=self.freight,
            insurance=Decimal(0),
            rule=tax.rule_on(self.paid_at.date()),
            rates=_rates(),
        )
        return sum((line.taxes.total for line in assessed.lines if line.taxes), Decimal(0))

    @property
    def paid(self) -> Decimal:
        """What the buyer paid: goods, freight and tax, in yuan."""
        return self.goods_value + self.freight + self.tax

    @property
    def gross(self) -> Decimal:
        """Weight with packing, in kg."""
        return sum((good.gross * count for good, count in self.basket), Decimal(0))

    @property
    def net(self) -> Decimal:
        """Weight without packing, in kg."""
        return sum((good.net * count for good, count in self.basket), Decimal(0))

    def order(self) -> Entry:
        """The order as its merchant would type it."""
        return Entry(
            head={
                "order_no": self.order_no,
                "ebp_code": self.parties.platform.code,
                "ebp_name": self.parties.platform.name,
                "ebc_code": self.parties.merchant.code,
                "ebc_name": self.parties.merchant.name,
                "goods_value": str(self.goods_value),
                "freight": str(self.freight),
                "discount": "0",
                "tax_total": str(self.tax),
                "actual_paid": str(self.paid),
                "buyer_reg_no": f"u{self.number:08}",
                "buyer_name": self.buyer.name,
                "buyer_telephone": self.buyer.phone,
                "buyer_id_number": self.buyer.id_number,
                "pay_code": self.parties.payment.code,
                "pay_name": self.parties.payment.name,
                "pay_transaction_id": self.transaction_no,
                "consignee": self.buyer.name,
                "consignee_telephone": self.buyer.phone,
                "consignee_address": self.buyer.address,
                "consignee_district": self.buyer.district,
            },
            lines=[
                {
                    "item_no": good.sku,
                    "item_name": good.name,
                    "gmodel": good.model,
                    "bar_code": good.barcode,
                    "unit": good.unit,
                    "qty": str(count),
                    "price": str(good.price),
                    "total_price": str(good.price * count),
                    "country": good.origin,
                }
                for good, count in self.basket
            ],
            rows=(),
        )

    def payment(self) -> Entry:
        """The payment as the payment enterprise would type it."""
        return Entry(
            head={
                "pay_code": self.parties.payment.code,
                "pay_name": self.parties.payment.name,
                "pay_transaction_id": self.transaction_no,
                "order_no": self.order_no,
                "ebp_code": self.parties.platform.code,
                "ebp_name": self.parties.platform.name,
                "payer_id_number": self.buyer.id_number,
                "payer_name": self.buyer.name,
                "telephone": self.buyer.phone,
                "amount_paid": str(self.paid),
                "pay_time": f"{self.paid_at:%Y%m%d%H%M%S}",
            },
            lines=[],
            rows=(),
        )

    def waybill(self) -> Entry:
        """The waybill as the courier would type it."""
        return Entry(
            head={
                "logistics_code": self.parties.logistics.code,
                "logistics_name": self.parties.logistics.name,
                "logistics_no": self.waybill_no,
                "order_no": self.order_no,
                "freight": str(self.freight),
                "insured_fee": "0",
                "weight": str(self.gross),
                "goods_info": self.basket[0][0].name,
                "consignee": self.buyer.name,
                "consignee_address": self.buyer.address,
                "consignee_telephone": self.buyer.phone,
            },
            lines=[],
            rows=(),
        )

    def inventory(self) -> Entry:
        """The declaration list as the bonded warehouse would type it."""
        return Entry(
            head={
                "order_no": self.order_no,
                "ebp_code": self.parties.platform.code,
                "ebp_name": self.parties.platform.name,
                "ebc_code": self.parties.merchant.code,
                "ebc_name": self.parties.merchant.name,
                "logistics_no": self.waybill_no,
                "logistics_code": self.parties.logistics.code,
                "logistics_name": self.parties.logistics.name,
                "assure_code": self.parties.merchant.code,
                "ems_no": "T2216W000001",
                "customs_code": "2216",
                "port_code": "2216",
                "buyer_id_number": self.buyer.id_number,
                "buyer_name": self.buyer.name,
                "buyer_telephone": self.buyer.phone,
                "consignee_address": self.buyer.address,
                "agent_code": self.parties.warehouse.code,
                "agent_name": self.parties.warehouse.name,
                "area_code": self.parties.warehouse.code,
                "area_name": self.parties.warehouse.name,
                "trade_mode": "1210",
                "traf_mode": "Y",
                "country": "142",
                "freight": str(self.freight),
                "insured_fee": "0",
                "wrap_type": "2",
                "gross_weight": str(self.gross),
                "net_weight": str(self.net),
            },
            lines=[self._inventory_line(good, count) for good, count in self.basket],
            rows=(),
        )

    def _inventory_line(self, good: Good, count: int) -> dict[str, str]:
        line = {
            "item_record_no": f"{int(good.sku[2:]):06}",
            "item_no": good.sku,
            "item_name": good.name,
            "gcode": good.hs_code,
            "gname": good.name,
            "gmodel": good.model,
            "bar_code": good.barcode,
            "country": good.origin,
            "qty": str(count),
            "unit": good.unit,
            "qty1": str(good.quantity1 * count),
            "unit1": good.unit1,
            "price": str(good.price),
            "total_price": str(good.price * count),
        }
        if good.quantity2 is not None:
            line |= {"qty2": str(good.quantity2 * count), "unit2": good.unit2}
        return line


def trades(count: int, *, parties: Parties, paid_at: datetime, seed: int = 1, prefix: str = "TG") -> list[Trade]:
    """``count`` trades, the same for the same seed: one to three goods each, each trade within 5,000 yuan.

    The buyers are others with every moment of purchase, or they would soon have bought more than customs allows a year.
    """
    chance = random.Random(seed)  # noqa: S311 (sample data)
    buyers = random.Random(f"{seed} {paid_at:%Y%m%d%H%M%S}")  # noqa: S311 (sample data)
    small = [good for good in goods() if good.price < 900]
    return [
        Trade(
            number=number,
            parties=parties,
            buyer=person(buyers),
            basket=[(good, chance.randint(1, 2)) for good in chance.sample(small, chance.randint(1, 3))],
            paid_at=paid_at,
            prefix=prefix,
        )
        for number in range(1, count + 1)
    ]
