"""What customs publishes, as facts: field tables of the messages, code tables, the tariff, and the XSD built from the tables.

Beside the walk, not in it: the portal checks its outgoing and incoming messages against this, the sandbox what it
receives. It imports nothing of ours.
"""

import threading

from lxml import etree

from declarations.published.tables import FOLDER, Row, codes, messages, rows, tariff
from declarations.published.xsd import CEB, DS, DXP, namespace, xsd_text

__all__ = [
    "CEB",
    "DS",
    "DXP",
    "FOLDER",
    "Row",
    "codes",
    "messages",
    "namespace",
    "rows",
    "schema",
    "tariff",
    "xsd_text",
]

_kept = threading.local()


def schema(message: str) -> etree.XMLSchema:
    """The compiled XML schema of a message. Kept per thread, because its error log belongs to one check at a time.

    Raises KeyError when no table of the message is kept.
    """
    schemas: dict[str, etree.XMLSchema] = _kept.__dict__
    if message not in schemas:
        document = etree.fromstring(xsd_text(message).encode(), base_url=str(FOLDER / f"{message}.xsd"))
        schemas[message] = etree.XMLSchema(document)
    return schemas[message]
