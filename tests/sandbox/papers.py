"""Enterprises, keys and the four documents of one trade, as an enterprise's own program would make and sign them."""

import base64
import hashlib
import itertools
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from declarations.published import CEB, DS, DXP, rows
from declarations.sandbox.catalogue import KINDS, Kind

Texts = dict[str, str]
_numbers = itertools.count(1)


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """The signing key of an enterprise, one per name and run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(name: str, *, days: tuple[int, int] = (-1, 30), serial: int | None = None) -> x509.Certificate:
    """A certificate over the key of that name, valid from..to in days from now."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key(name).public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .sign(key(name), hashes.SHA256())
    )


@dataclass(frozen=True)
class Party:
    """An enterprise that can sign."""

    customs_code: str
    credit_code: str
    name: str
    types: tuple[str, ...]
    dxp_id: str
    certificate: x509.Certificate
    expired: x509.Certificate

    def entry(self) -> dict[str, object]:
        """Its entry in the registry file."""
        return {
            "customs_code": self.customs_code,
            "credit_code": self.credit_code,
            "name": self.name,
            "types": list(self.types),
            "dxp_id": self.dxp_id,
            "certificates": [c.public_bytes(Encoding.PEM).decode() for c in (self.certificate, self.expired)],
            "guarantee": {"kind": "deposit", "limit": "200000.00"},
        }


@cache
def party(number: int, name: str, *types: str) -> Party:
    """The party of that number; always the same within a run."""
    return Party(
        f"31222601{number:02d}", f"91310000MA1K0000{number:02d}", name, types, f"DXPENT00000001{number:02d}",
        certificate(name), certificate(name, days=(-30, -1)),
    )  # fmt: skip


def cast() -> dict[str, Party]:
    """One enterprise of each type, and a second merchant."""
    return {
        "platform": party(1, "平台", "platform"),
        "merchant": party(2, "电商", "merchant"),
        "payment": party(3, "支付", "payment"),
        "courier": party(4, "快递", "bonded_logistics"),
        "warehouse": party(5, "仓库", "warehouse"),
        "carrier": party(6, "直邮", "direct_logistics"),
        "neighbour": party(7, "邻居", "merchant"),
        "all": party(8, "独家", "platform", "merchant", "payment", "bonded_logistics"),
    }


def registry(**limits: str | None) -> str:
    """The registry file of the cast; the limits of guarantees by part, None for no guarantee, others 200,000."""
    entries = {name: one.entry() for name, one in cast().items()}
    for name, limit in limits.items():
        entries[name]["guarantee"] = {"kind": "letter", "limit": limit} if limit else None
    return json.dumps({"enterprises": list(entries.values())}, ensure_ascii=False)


def guid() -> str:
    """A new upper-case guid."""
    return str(uuid.uuid4()).upper()


@dataclass
class Paper:
    """One document: head and lines by tag."""

    kind: Kind
    head: Texts
    lines: list[Texts]

    def changed(self, **head: str | None) -> "Paper":
        """The same document with other values; None leaves the element out."""
        values = {tag: text for tag, text in (self.head | head).items() if text is not None}
        return Paper(self.kind, values, [dict(line) for line in self.lines])

    def with_line(self, number: int, **line: str | None) -> "Paper":
        """The same document with other values in one line."""
        lines = [dict(one) for one in self.lines]
        lines[number] = {tag: text for tag, text in (lines[number] | line).items() if text is not None}
        return Paper(self.kind, dict(self.head), lines)


@dataclass
class Trade:
    """The four documents of one parcel; they fit each other."""

    order: Paper
    payment: Paper
    waybill: Paper
    inventory: Paper


@dataclass(frozen=True)
class Good:
    """One line of goods: what it costs, how many, and the statutory quantities with their units."""

    gcode: str = "1901101000"  # milk powder
    price: str = "268"
    qty: str = "2"
    first: tuple[str, str] = ("1.6", "035")
    second: tuple[str, str] | None = None

    @property
    def total(self) -> Decimal:
        """The price of all of them."""
        return Decimal(self.price) * Decimal(self.qty)


def trade(*goods: Good, freight: str = "10", buyer_id: str = "", magic: str = "") -> Trade:
    """A new bonded trade (1210), numbers and buyer its own: milk powder, 2 × 268, freight 10, unless told otherwise."""
    number, goods = next(_numbers), goods or (Good(),)
    people, run = cast(), f"{datetime.now(UTC):%m%d%H%M%S}"
    order_no, time = f"SH{run}{number:05d}{magic}", "20250602093000"
    value = sum((good.total for good in goods), Decimal(0))
    paid = f"{value + Decimal(freight) + Decimal('49.69')}"
    platform = {"ebpCode": people["platform"].customs_code, "ebpName": "平台"}
    merchant = {"ebcCode": people["merchant"].customs_code, "ebcName": "电商"}
    buyer = {
        "buyerName": "张三",
        "buyerTelephone": "13900000001",
        "buyerIdType": "1",
        "buyerIdNumber": buyer_id or f"110101{number:011d}X",
    }
    address = {"consigneeAddress": "上海市浦东新区某路1号"}
    consignee = {"consignee": "张三", "consigneeTelephone": "13900000001", **address}
    logistics = {
        "logisticsCode": people["courier"].customs_code,
        "logisticsName": "快递",
        "logisticsNo": f"L{run}{number}",
    }
    filed = {"appType": "1", "appTime": time, "appStatus": "2"}
    lines = [
        {"gnum": f"{gnum}", "gmodel": "800克/罐", "unit": "122", "qty": good.qty, "price": good.price,
         "totalPrice": f"{good.total}", "currency": "142", "country": "609"}
        for gnum, good in enumerate(goods, 1)
    ]  # fmt: skip
    kinds = {kind.wrapper: kind for kind in KINDS.values()}
    return Trade(
        Paper(
            kinds["Order"],
            filed | platform | merchant | buyer | consignee
            | {"guid": guid(), "orderType": "I", "orderNo": order_no, "goodsValue": f"{value}", "freight": freight, "discount": "0",
               "taxTotal": "49.69", "acturalPaid": paid, "currency": "142", "buyerRegNo": "u1",
               "payTransactionId": f"P{run}{number}"},
            [line | {"itemName": "奶粉"} for line in lines],
        ),
        Paper(
            kinds["Payment"],
            filed | platform
            | {"guid": guid(), "payCode": people["payment"].customs_code, "payName": "支付", "orderNo": order_no,
               "payTransactionId": f"P{run}{number}", "payerIdType": "1", "payerIdNumber": buyer["buyerIdNumber"],
               "payerName": "张三", "amountPaid": paid, "currency": "142", "payTime": time},
            [],
        ),
        Paper(
            kinds["Logistics"],
            filed | logistics | consignee
            | {"guid": guid(), "orderNo": order_no, "freight": freight, "insuredFee": "0", "currency": "142", "weight": "2",
               "packNo": "1"},
            [],
        ),
        Paper(
            kinds["Inventory"],
            filed | platform | merchant | buyer | address | logistics
            | {"guid": guid(), "orderNo": order_no, "copNo": f"{run}{number:07d}", "assureCode": merchant["ebcCode"],
               "emsNo": "T2249W000001", "ieFlag": "I", "declTime": "20250602", "customsCode": "2249", "portCode": "2249",
               "agentCode": people["warehouse"].customs_code, "agentName": "仓库",
               "areaCode": people["warehouse"].customs_code, "areaName": "仓库", "tradeMode": "1210", "trafMode": "Y",
               "country": "142", "freight": freight, "insuredFee": "0", "currency": "142", "packNo": "1",
               "grossWeight": "2", "netWeight": "1.6"},
            [
                line | {"itemRecordNo": "R1", "gcode": good.gcode, "gname": "奶粉"}
                | dict(zip(("qty1", "unit1"), good.first, strict=True))
                | dict(zip(("qty2", "unit2"), good.second or (), strict=False))
                for line, good in zip(lines, goods, strict=True)
            ],
        ),
    )  # fmt: skip


def message(papers: list[Paper], sender: Party, *, dxp_id: str = "") -> str:
    """The message of one kind, unsigned, elements in published order."""
    kind = papers[0].kind
    parts = [
        f'<ceb:{kind.message} xmlns:ceb="{CEB}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' guid="{guid()}" version="1.0">'
    ]
    for paper in papers:
        parts.append(f"<ceb:{kind.wrapper}>{_node(kind, kind.head, paper.head)}")
        parts += [_node(kind, kind.line, line) for line in paper.lines]
        parts.append(f"</ceb:{kind.wrapper}>")
    transfer = {
        "copCode": sender.customs_code,
        "copName": sender.name,
        "dxpMode": "DXP",
        "dxpId": dxp_id or sender.dxp_id,
    }
    body = "".join(f"<ceb:{tag}>{text}</ceb:{tag}>" for tag, text in transfer.items())
    return "".join(parts) + f"<ceb:BaseTransfer>{body}</ceb:BaseTransfer></ceb:{kind.message}>"


def _node(kind: Kind, name: str, texts: Texts) -> str:
    path = f"{kind.message}/{kind.wrapper}/{name}"
    order = [row.field for row in rows(kind.message) if row.group == path]
    assert set(texts) <= set(order), set(texts) - set(order)
    return f"<ceb:{name}>" + "".join(f"<ceb:{t}>{texts[t]}</ceb:{t}>" for t in order if t in texts) + f"</ceb:{name}>"


def signature(
    content: bytes, sender: Party, *, serial: str = "", own: x509.Certificate | None = None,
    signing_key: str = "", uri: str = "", digest_of: bytes | None = None,
) -> str:  # fmt: skip
    """The Signature element over a canonical text, to be put before the end of the root."""
    used = own or sender.certificate
    digest = base64.b64encode(hashlib.sha1(digest_of or content).digest()).decode()
    info = (
        f'<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{DS}rsa-sha1"></ds:SignatureMethod><ds:Reference URI="{uri}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{DS}enveloped-signature"></ds:Transform></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{DS}sha1"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>'
    )
    scope = f'xmlns:ceb="{CEB}" xmlns:ds="{DS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    signed = f"<ds:SignedInfo {scope}>{info}</ds:SignedInfo>".encode()
    value = key(signing_key or sender.name).sign(signed, padding.PKCS1v15(), hashes.SHA1())
    name = serial or f"{used.serial_number:x}"
    attached = base64.b64encode(used.public_bytes(Encoding.DER)).decode()
    return (
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>{info}</ds:SignedInfo>'
        f"<ds:SignatureValue>{base64.b64encode(value).decode()}</ds:SignatureValue><ds:KeyInfo><ds:KeyName>{name}</ds:KeyName>"
        f"<ds:X509Data><ds:X509Certificate>{attached}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
    )


def sign(text: str, sender: Party, **how: object) -> str:
    """The message with its signature; `how` as in `signature`, to make wrong ones."""
    content = etree.tostring(etree.fromstring(text.encode()), method="c14n")
    end = text.rindex("</ceb:")
    return text[:end] + signature(content, sender, **how) + text[end:]  # type: ignore[arg-type]


def envelope(
    text: str, sender: Party, *, cop_msg_id: str = "", message_type: str = "", receiver: str = "DXPEDCCEB0000002",
    sender_id: str = "",
) -> bytes:  # fmt: skip
    """The DxpMsg of a message."""
    kind = message_type or text[text.index("<ceb:") + 5 :].split(" ", 1)[0]
    return (
        f'<DxpMsg xmlns="{DXP}" ver="1.0"><TransInfo><CopMsgId>{cop_msg_id or guid()}</CopMsgId>'
        f"<SenderId>{sender_id or sender.dxp_id}</SenderId><ReceiverIds><ReceiverId>{receiver}</ReceiverId></ReceiverIds>"
        f"<CreatTime>2025-06-02T09:30:00</CreatTime><MsgType>{kind}</MsgType></TransInfo>"
        f"<Data>{base64.b64encode(text.encode()).decode()}</Data></DxpMsg>"
    ).encode()
