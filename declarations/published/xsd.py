"""Writes the XSD of a message from its published table: order, occurrence, lengths, digits and fixed values."""

from xml.sax.saxutils import quoteattr

from declarations.published.tables import Row, rows

CEB = "http://www.chinaport.gov.cn/ceb"
DXP = "http://www.chinaport.gov.cn/dxp"
DS = "http://www.w3.org/2000/09/xmldsig#"

# Parts that every CEB message shares; their children stand in the table `_common`.
SHARED = ("BaseTransfer", "BaseSubscribe", "ExtendMessage")


def namespace(message: str) -> str:
    """The target namespace of a message: the envelope has its own."""
    return DXP if message == "DxpMsg" else CEB


def xsd_text(message: str) -> str:
    """The XML schema of a message as text. It imports `xmldsig.xsd`, kept beside this file. KeyError if unknown."""
    table = rows(message) + (() if message == "DxpMsg" else rows("_common"))
    children: dict[str, list[Row]] = {}
    for row in table:
        children.setdefault(row.group, []).append(row)
    target = namespace(message)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{target}" xmlns:ds="{DS}"',
        f'           targetNamespace="{target}" elementFormDefault="qualified" attributeFormDefault="unqualified">',
        f'  <xs:import namespace="{DS}" schemaLocation="xmldsig.xsd"/>',
        f'  <xs:element name="{message}">',
        *_content(message, children, 4),
        "  </xs:element>",
        "</xs:schema>",
    ]
    return "\n".join(lines) + "\n"


def _content(path: str, children: dict[str, list[Row]], depth: int) -> list[str]:
    """The complex type of the node at `path`: a sequence of its elements, then its attributes."""
    elements = [row for row in children[path] if not row.field.startswith("@")]
    attributes = [row for row in children[path] if row.field.startswith("@")]
    pad = " " * depth
    lines = [f"{pad}<xs:complexType>"]
    if elements:
        lines.append(f"{pad}  <xs:sequence>")
        for row in elements:
            lines += _element(row, children, depth + 4)
        lines.append(f"{pad}  </xs:sequence>")
    for row in attributes:
        lines += _attribute(row, depth + 2)
    lines.append(f"{pad}</xs:complexType>")
    return lines


def _element(row: Row, children: dict[str, list[Row]], depth: int) -> list[str]:
    pad = " " * depth
    low, high = row.times
    most = "unbounded" if high is None else high
    occurs = (f' minOccurs="{low}"' if low != 1 else "") + (f' maxOccurs="{most}"' if most != 1 else "")
    if row.field == "ds:Signature":
        return [f'{pad}<xs:element ref="ds:Signature"{occurs}/>']
    start = f"{pad}<xs:element name={quoteattr(row.field)}{occurs}>"
    end = f"{pad}</xs:element>"
    path = row.field if row.field in SHARED else f"{row.group}/{row.field}"
    if row.type == "any":
        return [start, *_anything(depth + 2), end]
    if path not in children:
        return [start, *_simple(row, depth + 2), end]
    if row.type == "complex":
        return [start, *_content(path, children, depth + 2), end]
    return [start, *_text_with_attributes(children[path], depth + 2), end]


def _attribute(row: Row, depth: int) -> list[str]:
    pad = " " * depth
    use = "required" if row.required else "optional"
    name = quoteattr(row.field[1:])
    if row.type.startswith("xs:"):
        return [f'{pad}<xs:attribute name={name} type="{row.type}" use="{use}"/>']
    return [f'{pad}<xs:attribute name={name} use="{use}">', *_simple(row, depth + 2), f"{pad}</xs:attribute>"]


def _simple(row: Row, depth: int) -> list[str]:
    """The simple type of a value. A fixed value is an enumeration: XSD's own `fixed` would let an empty element pass."""
    facets: list[tuple[str, int | str]]
    if row.type.startswith("xs:"):
        kind, facets = row.type, []
    elif row.fixed:
        kind, facets = "xs:string", [("enumeration", row.fixed)]
    elif row.type == "N":
        total, fraction = row.digits
        kind, facets = "xs:decimal", [("totalDigits", total), ("fractionDigits", fraction)]
    elif row.type == "int":
        kind, facets = "xs:int", [("totalDigits", row.digits[0])]
    else:
        kind, facets = "xs:string", _lengths(row)
    pad = " " * depth
    lines = [f"{pad}<xs:simpleType>", f'{pad}  <xs:restriction base="{kind}">']
    lines += [f'{pad}    <xs:{name} value="{value}"/>' for name, value in facets]
    return [*lines, f"{pad}  </xs:restriction>", f"{pad}</xs:simpleType>"]


def _lengths(row: Row) -> list[tuple[str, int | str]]:
    low, high = row.bounds
    if high is not None and low == high:
        return [("length", low)]
    facets: list[tuple[str, int | str]] = [("minLength", low)] if low else []
    return facets + ([("maxLength", high)] if high is not None else [])


def _text_with_attributes(attributes: list[Row], depth: int) -> list[str]:
    pad = " " * depth
    lines = [f"{pad}<xs:complexType>", f"{pad}  <xs:simpleContent>", f'{pad}    <xs:extension base="xs:string">']
    for row in attributes:
        lines += _attribute(row, depth + 6)
    return [*lines, f"{pad}    </xs:extension>", f"{pad}  </xs:simpleContent>", f"{pad}</xs:complexType>"]


def _anything(depth: int) -> list[str]:
    pad = " " * depth
    return [
        f'{pad}<xs:complexType mixed="true">',
        f"{pad}  <xs:sequence>",
        f'{pad}    <xs:any minOccurs="0" maxOccurs="unbounded" processContents="skip"/>',
        f"{pad}  </xs:sequence>",
        f'{pad}  <xs:anyAttribute processContents="skip"/>',
        f"{pad}</xs:complexType>",
    ]
