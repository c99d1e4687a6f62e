"""What was really sent and received, read from the files of ``manage.py export_messages``."""

import re
import shutil
import subprocess
from base64 import b64decode
from collections import Counter
from decimal import Decimal
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from declarations import published

CERTIFICATE = "{http://www.w3.org/2000/09/xmldsig#}X509Certificate"

#: The element that holds one document, and those that together name it, by kind of message.
KEYS = {
    "CEB311Message": ("Order", ("ebpCode", "orderNo")),
    "CEB411Message": ("Payment", ("payCode", "payTransactionId")),
    "CEB511Message": ("Logistics", ("logisticsCode", "logisticsNo")),
    "CEB621Message": ("Inventory", ("ebpCode", "orderNo")),
}

_CEB = f"{{{published.CEB}}}"
_TAXES = ("customsTax", "valueAddedTax", "consumptionTax")


def messages(folder: Path) -> list[Path]:
    """The messages of a folder in the order they were made."""
    return sorted(folder.glob("*.xml"))


def is_valid(message: Path) -> bool:
    """Whether a message has the published structure."""
    root = etree.parse(message).getroot()
    return bool(published.schema(etree.QName(root).localname).validate(root))


def documents(folder: Path) -> Counter[tuple[str, ...]]:
    """How often each document was sent, by root name and business key; a repeated message is one file."""
    sent: Counter[tuple[str, ...]] = Counter()
    for message in messages(folder):
        root = etree.parse(message).getroot()
        name = etree.QName(root).localname
        element, key = KEYS[name]
        for document in root.findall(f"{{{published.CEB}}}{element}"):
            said = {etree.QName(node).localname: node.text or "" for node in document[0]}
            sent[(name, *(said[part] for part in key))] += 1
    return sent


def withheld(folder: Path) -> dict[str, Decimal]:
    """Order number → the tax its platform withheld, as the orders in a folder of messages say it."""
    orders = (
        head for message in messages(folder) for head in etree.parse(message).getroot().iterfind(f".//{_CEB}OrderHead")
    )
    return {_said(head, "orderNo"): Decimal(_said(head, "taxTotal")) for head in orders}


def billed(folder: Path) -> dict[str, Decimal]:
    """Order number → what customs' tax bill asks, all three taxes, of the tax bills in a folder of messages."""
    bills = (
        head for message in messages(folder) for head in etree.parse(message).getroot().iterfind(f".//{_CEB}TaxHeadRd")
    )
    return {_said(head, "orderNo"): sum((Decimal(_said(head, name)) for name in _TAXES), Decimal(0)) for head in bills}


def _said(head: etree._Element, name: str) -> str:
    return head.findtext(f"{_CEB}{name}") or ""


def verifies_with_xmlsec1(message: Path, work: Path) -> bool:
    """Whether an independent program accepts the signature, with the certificate the message names."""
    certificate = etree.parse(message).getroot().findtext(f".//{CERTIFICATE}") or ""
    pem = work / "certificate.pem"
    loaded = x509.load_der_x509_certificate(b64decode(certificate))
    pem.write_bytes(loaded.public_bytes(Encoding.PEM))
    program = shutil.which("xmlsec1")
    assert program is not None
    result = subprocess.run(
        [program, "--verify", "--pubkey-cert-pem", str(pem), str(message)], capture_output=True, text=True, check=False
    )
    return result.returncode == 0 and re.search(r"^OK$", result.stdout + result.stderr, re.M) is not None
