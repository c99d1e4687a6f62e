"""Documents for tests: valid by default, agreeing with each other, of nobody who exists.

`make.trade(3)` is the third trade: order, payment, waybill and list of one parcel. Persons are numbered too: their
identity numbers carry a day of birth before 1910 and a right check character, their telephones begin with 1390000.
Nothing here is ever a real person, enterprise or number.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from stdnum.cn import ric

from accounts.cast import DISTRICTS, ENTERPRISES
from accounts.onboarding.services import SERVICES
from declarations.kinds import Kind, kind
from declarations.reading import SHANGHAI
from declarations.rules import Facts, Filed, Party
from declarations.shape import Clean, Entry, Filer, check, fill

NOW = datetime(2025, 6, 2, 9, 30, tzinfo=SHANGHAI)


class Cast(NamedTuple):
    """An enterprise of the cast, with what it is."""

    customs_code: str
    credit_code: str
    name: str
    types: frozenset[str]


def _cast(key: str) -> Cast:
    name, credit_code, customs_code, types, _, _ = ENTERPRISES[key]
    return Cast(customs_code, credit_code, name, frozenset(types))


PLATFORM, MERCHANT, PAYER = _cast("platform"), _cast("merchant"), _cast("payment")
COURIER, WAREHOUSE, CARRIER = _cast("bonded_logistics"), _cast("warehouse"), _cast("direct_logistics")
CAST = (PLATFORM, MERCHANT, PAYER, COURIER, WAREHOUSE, CARRIER)
FILERS = {"order": PLATFORM, "payment": PAYER, "waybill": COURIER, "inventory": WAREHOUSE}

SURNAMES = "沈顾陆朱钱孙周吴郑王冯陈褚卫蒋韩杨"
GIVEN = ("若溪", "清和", "子衿", "思远", "云舟", "明夷", "晚晴")

GOODS: tuple[dict[str, Any], ...] = (
    {
        "item_no": "DG001",
        "name": "婴儿配方奶粉1段",
        "gname": "婴儿配方奶粉",
        "gmodel": "澜牧滋|800克/罐",
        "gcode": "1901101000",
        "bar_code": "2000000000015",
        "unit": "122",
        "price": "268",
        "qty1": "0.8",
        "unit1": "035",
        "country": "609",
        "net": "0.8",
    },
    {
        "item_no": "DG006",
        "name": "全脂成人奶粉",
        "gname": "全脂奶粉",
        "gmodel": "澜牧滋|1千克/袋",
        "gcode": "0402210000",
        "bar_code": "2000000000060",
        "unit": "136",
        "price": "89",
        "qty1": "1",
        "unit1": "035",
        "country": "609",
        "net": "1",
    },
    {
        "item_no": "DG009",
        "name": "深海鱼油胶囊",
        "gname": "鱼油胶囊",
        "gmodel": "蓝屿|168克/瓶",
        "gcode": "2106909090",
        "bar_code": "2000000000091",
        "unit": "142",
        "price": "129.90",
        "qty1": "0.168",
        "unit1": "035",
        "country": "601",
        "net": "0.168",
    },
)


class Person(NamedTuple):
    """A person who does not exist."""

    name: str
    number: str
    telephone: str
    address: str


def person(n: int = 1) -> Person:
    """The n-th invented person: right check character, born before 1910."""
    stem = f"310115{1900 + n % 10}{n // 10 % 12 + 1:02}{n // 120 % 28 + 1:02}{n % 1000:03}"
    return Person(
        SURNAMES[n % len(SURNAMES)] + GIVEN[n % len(GIVEN)],
        stem + ric.calc_check_digit(stem + "0"),
        f"1390000{n % 10000:04}",
        f"上海市浦东新区示例路{n}号101室",
    )


def _goods(n: int, lines: int) -> list[tuple[dict[str, Any], int]]:
    return [(GOODS[(n + place) % len(GOODS)], 1 + (n + place) % 2) for place in range(lines)]


def _value(n: int, lines: int) -> Decimal:
    return sum((Decimal(goods["price"]) * count for goods, count in _goods(n, lines)), Decimal())


def _number(n: int) -> str:
    return f"SH20250601{n:05}"


def order(n: int = 1, *, lines: int = 2, line: Mapping[str, Any] | None = None, **head: Any) -> Entry:
    """An order as a clerk brings it; `head` changes cells of the head, `line` cells of every line."""
    who, value = person(n), _value(n, lines)
    return Entry(
        {
            "order_no": _number(n),
            "ebp_code": PLATFORM.customs_code,
            "ebp_name": PLATFORM.name,
            "ebc_code": MERCHANT.customs_code,
            "ebc_name": MERCHANT.name,
            "goods_value": str(value),
            "freight": "0",
            "discount": "0",
            "tax_total": "24.39",
            "actual_paid": str(value + Decimal("24.39")),
            "buyer_reg_no": f"u{n:06}",
            "buyer_name": who.name,
            "buyer_telephone": who.telephone,
            "buyer_id_number": who.number,
            "pay_code": PAYER.customs_code,
            "pay_name": PAYER.name,
            "pay_transaction_id": f"PAY{n:010}",
            "consignee": who.name,
            "consignee_telephone": who.telephone,
            "consignee_address": who.address,
            **head,
        },
        [
            {
                "item_no": goods["item_no"],
                "item_name": goods["name"],
                "gmodel": goods["gmodel"],
                "bar_code": goods["bar_code"],
                "unit": goods["unit"],
                "qty": str(count),
                "price": goods["price"],
                "total_price": str(Decimal(goods["price"]) * count),
                "country": goods["country"],
                **(line or {}),
            }
            for goods, count in _goods(n, lines)
        ],
    )


def payment(n: int = 1, *, lines: int = 2, **head: Any) -> Entry:
    """The payment of the n-th order."""
    who = person(n)
    return Entry(
        {
            "pay_transaction_id": f"PAY{n:010}",
            "order_no": _number(n),
            "ebp_code": PLATFORM.customs_code,
            "ebp_name": PLATFORM.name,
            "payer_id_number": who.number,
            "payer_name": who.name,
            "telephone": who.telephone,
            "amount_paid": str(_value(n, lines) + Decimal("24.39")),
            "pay_time": "2025-06-01 09:30:00",
            **head,
        }
    )


def waybill(n: int = 1, *, lines: int = 2, **head: Any) -> Entry:
    """The waybill of the n-th order."""
    who, net = person(n), _net(n, lines)
    return Entry(
        {
            "logistics_no": f"SF{n:010}",
            "order_no": _number(n),
            "freight": "0",
            "insured_fee": "0",
            "weight": str(net + Decimal("0.3")),
            "goods_info": "食品",
            "consignee": who.name,
            "consignee_address": who.address,
            "consignee_telephone": who.telephone,
            **head,
        }
    )


def inventory(n: int = 1, *, lines: int = 2, line: Mapping[str, Any] | None = None, **head: Any) -> Entry:
    """The bonded (1210) list of the n-th order."""
    who, net = person(n), _net(n, lines)
    return Entry(
        {
            "order_no": _number(n),
            "ebp_code": PLATFORM.customs_code,
            "ebp_name": PLATFORM.name,
            "ebc_code": MERCHANT.customs_code,
            "ebc_name": MERCHANT.name,
            "logistics_no": f"SF{n:010}",
            "logistics_code": COURIER.customs_code,
            "logistics_name": COURIER.name,
            "assure_code": MERCHANT.customs_code,
            "ems_no": "T2216W000001",
            "customs_code": "2216",
            "port_code": "2216",
            "buyer_id_number": who.number,
            "buyer_name": who.name,
            "buyer_telephone": who.telephone,
            "consignee_address": who.address,
            "area_code": WAREHOUSE.customs_code,
            "area_name": WAREHOUSE.name,
            "trade_mode": "1210",
            "traf_mode": "7",
            "country": "142",
            "freight": "0",
            "insured_fee": "0",
            "wrap_type": "2",
            "gross_weight": str(net + Decimal("0.3")),
            "net_weight": str(net),
            **head,
        },
        [
            {
                "item_record_no": f"LH{goods['item_no']}",
                "item_no": goods["item_no"],
                "item_name": goods["name"],
                "gcode": goods["gcode"],
                "gname": goods["gname"],
                "gmodel": goods["gmodel"],
                "bar_code": goods["bar_code"],
                "country": goods["country"],
                "qty": str(count),
                "unit": goods["unit"],
                "qty1": str(Decimal(goods["qty1"]) * count),
                "unit1": goods["unit1"],
                "price": goods["price"],
                "total_price": str(Decimal(goods["price"]) * count),
                **(line or {}),
            }
            for goods, count in _goods(n, lines)
        ],
    )


def _net(n: int, lines: int) -> Decimal:
    return sum((Decimal(goods["net"]) * count for goods, count in _goods(n, lines)), Decimal())


MAKERS = {"order": order, "payment": payment, "waybill": waybill, "inventory": inventory}


def entry(slug: str, n: int = 1, **cells: Any) -> Entry:
    """A document of that kind."""
    return MAKERS[slug](n, **cells)  # type: ignore[operator]


def trade(n: int = 1, *, lines: int = 2) -> dict[str, Entry]:
    """The four documents of one parcel."""
    return {slug: maker(n, lines=lines) for slug, maker in MAKERS.items()}  # type: ignore[operator]


def filled(which: Kind, brought: Entry, by: Cast | None = None, *, now: datetime = NOW) -> Entry:
    """The document with everything the door adds."""
    who = by or FILERS[which.slug]
    names = {one.customs_code: one.name for one in CAST}
    return fill(which, brought, Filer(who.customs_code, who.name, who.types), now=now, names=names)


def clean(slug: str, n: int = 1, **cells: Any) -> Clean:
    """The typed values of a document; the test fails when it is not valid in shape."""
    which = kind(slug)
    values, problems = check(which, filled(which, entry(slug, n, **cells)))
    assert values is not None, [(one.rule, one.field, one.text) for one in problems]
    return values


def facts(by: Cast, *, filed: Mapping[tuple[str, str], tuple[Filed, ...]] | None = None, **changes: Any) -> Facts:
    """Facts of a filer who knows the whole cast, every trade's other documents accepted unless `filed` says otherwise."""
    directory = {code: Party(one.name, one.credit_code) for one in CAST for code in (one.customs_code, one.credit_code)}
    return Facts(
        **{
            "now": NOW,
            "codes": frozenset({by.customs_code, by.credit_code}),
            "credit_code": by.credit_code,
            "types": by.types,
            "directory": directory,
            "filed": accepted() if filed is None else filed,
            "mandates": MANDATES,
            "services": services(by),
            **changes,
        }
    )


#: The merchant has everybody file its lists, in every district.
MANDATES = frozenset(
    (code, mode, "") for code in (MERCHANT.customs_code, MERCHANT.credit_code) for mode in ("1210", "9610")
)


def services(by: Cast) -> frozenset[tuple[str, str, str]]:
    """What an enterprise of the cast is activated for."""
    return frozenset(
        (of_type, mode, district)
        for of_type, mode in SERVICES.values() if of_type in by.types for district in DISTRICTS
    )  # fmt: skip


def accepted(n: int = 1) -> dict[tuple[str, str], tuple[Filed, ...]]:
    """Order, payment and waybill of the n-th trade, each accepted by customs."""
    return {
        ("order", _number(n)): (Filed(_number(n), PLATFORM.customs_code, PLATFORM.credit_code, True),),
        ("payment", _number(n)): (Filed(f"PAY{n:010}", PLATFORM.customs_code, PAYER.credit_code, True),),
        ("waybill", _number(n)): (Filed(f"SF{n:010}", "", COURIER.credit_code, True),),
    }
