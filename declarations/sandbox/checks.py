"""What one document must be by itself, whatever else is filed: registered parties, values, sums."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from declarations.published import codes
from declarations.sandbox import tax
from declarations.sandbox.catalogue import INVENTORY, ORDER, PAYMENT, WAYBILL, Kind, Verdict, official, problem, wrong
from declarations.sandbox.messages import Document
from declarations.sandbox.registry import Enterprise, Registry
from declarations.sandbox.settings import Settings

LOGISTICS = frozenset({"direct_logistics", "bonded_logistics"})
ANYONE: frozenset[str] = frozenset()

# Per kind: which named parties must be registered, and as what.
PARTIES: dict[Kind, tuple[tuple[str, frozenset[str]], ...]] = {
    ORDER: (("ebpCode", frozenset({"platform"})), ("ebcCode", frozenset({"merchant"}))),
    PAYMENT: (("payCode", frozenset({"payment"})), ("ebpCode", frozenset({"platform"}))),
    WAYBILL: (("logisticsCode", LOGISTICS),),
    INVENTORY: (
        ("ebpCode", frozenset({"platform"})),
        ("ebcCode", frozenset({"merchant"})),
        ("logisticsCode", LOGISTICS),
        ("agentCode", ANYONE),
        ("areaCode", ANYONE),
    ),
}
# Per kind: who may file it, by the tags that name them.
FILERS = {
    ORDER: ("ebpCode", "ebcCode"),
    PAYMENT: ("payCode",),
    WAYBILL: ("logisticsCode",),
    INVENTORY: ("agentCode", "ebcCode"),
}
# Values that have only one, per kind.
ONLY = {
    ORDER: {"orderType": "I", "buyerIdType": "1"},
    PAYMENT: {"payerIdType": "1"},
    WAYBILL: {"packNo": "1"},
    INVENTORY: {"ieFlag": "I", "buyerIdType": "1", "packNo": "1"},
}
# Values that come from a published table; an empty optional one is not looked up.
TABLES = {
    "unit": "units", "unit1": "units", "unit2": "units", "country": "countries", "tradeCountry": "countries",
    "customsCode": "districts", "portCode": "districts", "trafMode": "transport_modes", "wrapType": "wrap_types",
    "consigneeDistrict": "divisions",
}  # fmt: skip
BONDED_NEEDS, BONDED_BARS = ("emsNo", "areaCode", "areaName"), ("trafNo", "voyageNo", "billNo")
TIME = re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])([0-5]\d){2})?")


def check(document: Document, sender: Enterprise, registry: Registry, settings: Settings) -> Verdict | None:
    """The first reason to refuse the document, or None."""
    kind, head = document.kind, document.head
    for tag, types in PARTIES[kind]:
        if not head.get(tag):
            continue
        enterprise = registry.find(head[tag])
        if enterprise is None:
            return Verdict("-10102", "-10102", f"{official('-10102')}，{tag}未备案")
        if types and not types & enterprise.types:
            return Verdict("-10101", "-10101", f"{official('-10101')}，{tag}")
    if sender.credit_code not in {registry.entity(head[tag]) for tag in FILERS[kind]}:
        text = f"传输企业不是{'或'.join(FILERS[kind])}"
        return problem("-621015", "BaseTransfer", text) if kind is INVENTORY else wrong(kind, text)
    if (verdict := _lines(document)) is not None:
        return verdict
    if (text := next(_values(document), "") or next(_sums(document, settings), "")) != "":
        return wrong(kind, text)
    return _inventory(document, settings) if kind is INVENTORY else None


def amount(texts: Mapping[str, str], tag: str) -> Decimal:
    """The number under a tag, zero where it is absent."""
    return Decimal(texts.get(tag) or 0)


def close(first: Decimal, second: Decimal, settings: Settings) -> bool:
    """Whether two amounts agree within the tolerance of the day."""
    return abs(first - second) <= settings.tolerance * max(abs(first), abs(second))


def _lines(document: Document) -> Verdict | None:
    """Lines are numbered from 1 without a gap; orders and lists refer to each other by this number."""
    numbers = [int(line["gnum"]) for line in document.lines]
    if numbers and sorted(numbers) != list(range(1, len(numbers) + 1)):
        return problem(document.kind.gnum)
    return None


def _values(document: Document) -> Iterator[str]:
    head = document.head
    if head["appStatus"] != "2":
        yield "appStatus应为2"
    if head["appType"] not in ("1", "2", "3"):
        yield "appType应为1、2或3"
    for tag in ("appTime", "payTime", "declTime", "ieDate"):
        if head.get(tag) and not TIME.fullmatch(head[tag]):
            yield f"{tag}不是有效时间"
    for tag, value in ONLY[document.kind].items():
        if head.get(tag) != value:
            yield f"{tag}应为{value}"
    for texts in (head, *document.lines):
        for tag, table in TABLES.items():
            if texts.get(tag) and texts[tag] not in codes(table):
                yield f"{tag}不在代码表中"


def _sums(document: Document, settings: Settings) -> Iterator[str]:
    head = document.head
    for number, line in enumerate(document.lines, 1):
        if not close(amount(line, "qty") * amount(line, "price"), amount(line, "totalPrice"), settings):
            yield f"第{number}项totalPrice与单价乘数量不符"
    if document.kind is ORDER:
        paid = (
            amount(head, "goodsValue") + amount(head, "freight") + amount(head, "taxTotal") - amount(head, "discount")
        )
        if not close(paid, amount(head, "acturalPaid"), settings):
            yield "acturalPaid与各项金额之和不符"


def _inventory(document: Document, settings: Settings) -> Verdict | None:
    head, lines = document.head, document.lines
    text = next(_modes(head, lines), "")
    if not text and head["assureCode"] not in {head[tag] for tag in ("ebpCode", "ebcCode", "logisticsCode")}:
        text = "assureCode应为本清单的电商平台、电商企业或物流企业"
    if not text and amount(head, "netWeight") > amount(head, "grossWeight"):
        text = "netWeight大于grossWeight"
    if not text and any(bool(line.get("unit2")) != bool(line.get("qty2")) for line in lines):
        text = "unit2与qty2应同时填写"
    if text:
        return wrong(INVENTORY, text)
    worth = tax.value(head, lines)
    if tax.treatment(worth, lines, Decimal(0), settings) == tax.OVER_SINGLE:
        limit = settings.annual_limit if worth >= settings.annual_limit else settings.single_limit
        return problem("-621005", head["copNo"], f"{limit}")
    return None


def _modes(head: dict[str, str], lines: list[dict[str, str]]) -> Iterator[str]:
    """Bonded goods (1210) come from an account book, direct purchase (9610) on a named flight or voyage."""
    mode = head["tradeMode"]
    if mode not in ("1210", "9610"):
        yield "tradeMode应为1210或9610"
    if mode == "9610":
        yield from (f"{tag}不能为空" for tag in BONDED_BARS if not head.get(tag))
        return
    yield from (f"{tag}不能为空" for tag in BONDED_NEEDS if not head.get(tag))
    yield from (f"{tag}不应填写" for tag in BONDED_BARS if head.get(tag))
    if head["country"] != "142":
        yield "country应为142"
    if not all(line.get("itemRecordNo") for line in lines):
        yield "itemRecordNo不能为空"
