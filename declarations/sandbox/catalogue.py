"""The four messages customs takes, as facts: where a document's parts stand, what identifies it, how it is answered."""

from dataclasses import dataclass
from itertools import chain, repeat

from declarations.published import codes

RECEIVER = "DXPEDCCEB0000002"  # the import system's address


@dataclass(frozen=True, slots=True)
class Kind:
    """One message: its nodes, its key, its receipt and the published error numbers of its part of the list."""

    message: str
    label: str
    wrapper: str
    head: str
    line: str  # "" where the document has no lines
    filer: str  # the tag that names who files
    key: tuple[str, str]  # who and which number, together unique among what stands
    receipt: str
    receipt_node: str
    receipt_keys: tuple[str, ...]
    duplicate: str
    missing: str  # a change or deletion of what was never filed
    stale: str  # older than what is stored
    state: str  # no longer to be changed
    parameter: str
    signature: str
    gnum: str = ""


ORDER = Kind(
    "CEB311Message", "订单", "Order", "OrderHead", "OrderList", "ebpCode", ("ebpCode", "orderNo"),
    "CEB312Message", "OrderReturn", ("ebpCode", "ebcCode", "orderNo"),
    duplicate="-301010", missing="-301009", stale="-301014", state="-301011", parameter="-301008",
    signature="-301020", gnum="-301002",
)  # fmt: skip
PAYMENT = Kind(
    "CEB411Message", "支付单", "Payment", "PaymentHead", "", "payCode", ("payCode", "payTransactionId"),
    "CEB412Message", "PaymentReturn", ("payCode", "payTransactionId"),
    duplicate="-401007", missing="-401006", stale="-401012", state="-401008", parameter="-401009",
    signature="-401009",
)  # fmt: skip
WAYBILL = Kind(
    "CEB511Message", "运单", "Logistics", "LogisticsHead", "", "logisticsCode", ("logisticsCode", "logisticsNo"),
    "CEB512Message", "LogisticsReturn", ("logisticsCode", "logisticsNo"),
    duplicate="-504015", missing="-504014", stale="-505016", state="-504016", parameter="-504011",
    signature="-504011",
)  # fmt: skip
INVENTORY = Kind(
    "CEB621Message", "清单", "Inventory", "InventoryHead", "InventoryList", "agentCode", ("agentCode", "copNo"),
    "CEB622Message", "InventoryReturn", ("customsCode", "ebpCode", "ebcCode", "agentCode", "copNo", "preNo", "invtNo"),
    duplicate="-621004", missing="-621011", stale="-621001", state="-621012", parameter="-621001",
    signature="-621029", gnum="-621027",
)  # fmt: skip

KINDS = {kind.message: kind for kind in (ORDER, PAYMENT, WAYBILL, INVENTORY)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is answered to one document: the return status and the bracketed code with its text."""

    status: str
    code: str
    text: str

    def info(self, guid: str = "") -> str:
        """`[Code:n;Desc:…]`, followed by the guid that was sent, so that the answer to a second filing can be told apart."""
        return f"[Code:{self.code};Desc:{self.text}]" + (f"[{guid}]" if guid else "")


def official(code: str, *values: str) -> str:
    """The published text of an error number, its `*` places filled with values in turn and emptied when there are none."""
    text = codes("platform_errors")[code].split(" / ")[-1].rstrip("！")
    parts = text.split("*")
    filled = [part + value for part, value in zip(parts[:-1], chain(values, repeat("")), strict=False)]
    return "".join([*filled, parts[-1]]).replace("[]", "").rstrip("，, ")


def problem(code: str, *values: str) -> Verdict:
    """A processing error: the number is the status itself."""
    return Verdict(code, code, official(code, *values))


def wrong(kind: Kind, text: str) -> Verdict:
    """A document whose content breaks a rule, in the words that its part of the error list has for it."""
    if kind is INVENTORY:
        return problem(kind.parameter, text)
    return Verdict(kind.parameter, kind.parameter, f"参数校验不通过，{text}")
