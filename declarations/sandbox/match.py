"""The match of the four documents: a list against its order, payment and waybill, and who filed which."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from declarations.published import codes
from declarations.sandbox.checks import LOGISTICS, amount, close
from declarations.sandbox.registry import Registry
from declarations.sandbox.settings import Settings

MANUAL = "1300"  # returned by hand, with free text: for what no published number names


@dataclass(frozen=True, slots=True)
class Filed:
    """One of the four as the match sees it. `filer` is the customs code of who sent it."""

    head: Mapping[str, str]
    lines: Sequence[Mapping[str, Any]]
    filer: str


def mismatches(
    inventory: Filed, order: Filed, payment: Filed, waybill: Filed, *, registry: Registry, settings: Settings
) -> list[tuple[str, str]]:
    """Every difference as (customs code, text), the gravest first; empty when the four fit."""
    return [
        *_entities(inventory, order, payment, waybill, registry),
        *_payer(order, payment, registry, settings),
        *_buyer(inventory, order),
        *_goods(inventory, order, settings),
        *_consignee(inventory, order, waybill),
    ]


def _seen(code: str) -> tuple[str, str]:
    return code, codes("customs_codes")[code]


def _differ(first: Mapping[str, str], second: Mapping[str, str], *pairs: tuple[str, str]) -> bool:
    return any(first.get(a, "").strip() != second.get(b, "").strip() for a, b in pairs)


def _entities(
    inventory: Filed, order: Filed, payment: Filed, waybill: Filed, registry: Registry
) -> Iterator[tuple[str, str]]:
    """Order, payment, waybill and, bonded, list come from different legal entities; compared by credit code.

    A merchant that files its own list may be the filer of the order too.
    """
    three = [registry.entity(filed.filer) for filed in (order, payment, waybill)]
    if len(set(three)) < 3:
        yield MANUAL, "订单、支付单、运单须由三个不同的法人申报"
    agent = registry.find(inventory.filer)
    merchant = registry.entity(inventory.head["ebcCode"])
    if agent is None:
        yield MANUAL, "申报企业未备案"
        return
    own = agent.credit_code == merchant
    bonded = inventory.head["tradeMode"] == "1210"
    if not own and not agent.types & (frozenset({"warehouse"}) if bonded else LOGISTICS):
        yield MANUAL, "清单应由保税仓储企业或电商企业申报" if bonded else "清单应由物流企业或电商企业申报"
    if bonded and agent.credit_code in (three[1:] if own else three):
        yield MANUAL, "清单须由不同于订单、支付单、运单的法人申报"


def _payer(order: Filed, payment: Filed, registry: Registry, settings: Settings) -> Iterator[tuple[str, str]]:
    if _differ(order.head, payment.head, ("buyerName", "payerName"), ("buyerIdNumber", "payerIdNumber")):
        yield _seen("1327")
    if not close(amount(order.head, "acturalPaid"), amount(payment.head, "amountPaid"), settings):
        yield _seen("1332")
    stated = order.head.get("payCode")
    if stated and registry.entity(stated) != registry.entity(payment.head["payCode"]):
        yield _seen("13035")
    stated = order.head.get("payTransactionId")
    if stated and stated != payment.head["payTransactionId"]:
        yield MANUAL, "订单与支付单的支付交易编号不一致"


def _buyer(inventory: Filed, order: Filed) -> Iterator[tuple[str, str]]:
    if _differ(inventory.head, order.head, ("buyerName", "buyerName")):
        yield _seen("13127")
    if _differ(inventory.head, order.head, ("buyerTelephone", "buyerTelephone")):
        yield _seen("130126")
    if _differ(inventory.head, order.head, ("buyerIdNumber", "buyerIdNumber")):
        yield MANUAL, "清单与订单订购人证件号码不一致"


def _goods(inventory: Filed, order: Filed, settings: Settings) -> Iterator[tuple[str, str]]:
    if len(inventory.lines) != len(order.lines):
        yield _seen("1320")
        return
    ordered = {int(line["gnum"]): line for line in order.lines}
    for line in inventory.lines:
        other = ordered.get(int(line["gnum"]))
        if (
            other is None
            or line["unit"] != other["unit"]
            or line["country"] != other["country"]
            or amount(line, "qty") != amount(other, "qty")
            or not close(amount(line, "totalPrice"), amount(other, "totalPrice"), settings)
            or any(line.get(tag) and other.get(tag) and line[tag] != other[tag] for tag in ("itemNo", "barCode"))
        ):
            yield _seen("1322")
            return


def _consignee(inventory: Filed, order: Filed, waybill: Filed) -> Iterator[tuple[str, str]]:
    if waybill.head["orderNo"] != inventory.head["orderNo"]:
        yield MANUAL, "运单与清单的订单编号不一致"
    if _differ(order.head, waybill.head, ("consignee", "consignee")):
        yield MANUAL, "订单与运单收货人不一致"
    if _differ(order.head, waybill.head, ("consigneeTelephone", "consigneeTelephone")):
        yield MANUAL, "订单与运单收货人电话不一致"
    if _differ(order.head, waybill.head, ("consigneeAddress", "consigneeAddress")):
        yield MANUAL, "订单与运单收货地址不一致"
    if _differ(inventory.head, waybill.head, ("consigneeAddress", "consigneeAddress")):
        yield MANUAL, "清单与运单收货地址不一致"
