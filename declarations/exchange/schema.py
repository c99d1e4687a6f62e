"""Check of the exact bytes against the published structure, outgoing and incoming (step 6 and 9 of the walk).

The schema is built from the published field tables (``declarations/published``), not from our own description of a
kind, so that it cannot agree with a mistake of ours.
"""

from threading import Lock

from django.utils.translation import gettext_noop as _
from lxml import etree

from declarations import published
from portal.sentences import keep
from portal.xml import parse

#: Messages are made in threads, and the log of errors belongs to the schema.
_one_at_a_time = Lock()


class SchemaProblem(ValueError):
    """A message does not have the published structure; says where, never repeats a value (it may be personal)."""


def check(message: bytes) -> etree._Element:
    """Parse ``message`` with the hardened parser and validate it; return its root.

    Raises ``SchemaProblem`` naming the first three places, ``portal.xml.XmlRefused`` when it is no acceptable XML.
    """
    root = parse(message)
    name = etree.QName(root).localname
    try:
        schema = published.schema(name)
    except KeyError:
        raise SchemaProblem(keep(_("报文 %(name)s 不在已公布的报文之列"), name=name)) from None
    with _one_at_a_time:
        valid = schema.validate(root)
        errors = [] if valid else list(schema.error_log)  # type: ignore[call-overload]
    if not valid:
        found = [f"{_element(entry.path)} ({entry.type_name})" for entry in errors]
        places = "; ".join(found[:3])
        raise SchemaProblem(keep(_("%(name)s 不符合已公布的结构：%(places)s"), name=name, places=places))
    return root


def _element(path: str | None) -> str:
    return (path or "").rsplit("/", 1)[-1].replace("ceb:", "") or "?"
