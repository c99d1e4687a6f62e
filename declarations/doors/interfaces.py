"""The interface document of a kind, for developers who connect their own system: every element of its message in order.

Made from the description of the kind and the published field table, so it cannot say anything else than what is checked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.access import MemberRequest, require_role
from accounts.roles import MemberRole
from declarations import published
from declarations.fields import CLERK, CUSTOMS, OWN, SYSTEM, Described
from declarations.kinds import KINDS, Kind
from declarations.published import Row

#: What the types of a published table are called.
TYPES = {"C": gettext_lazy("文字"), "N": gettext_lazy("数字"), "int": gettext_lazy("整数")}
#: Who fills an element in, where it is not the enterprise.
GIVEN = {
    SYSTEM: gettext_lazy("由平台填写"),
    OWN: gettext_lazy("由平台按企业资料填写"),
    CUSTOMS: gettext_lazy("由海关给出，申报时不填"),
}


@dataclass(frozen=True)
class Element:
    """One element of a message as a developer reads it."""

    name: str
    label: str | Promise
    form: str
    is_required: bool
    #: What may stand in it, and what for; empty where the published table says all.
    notes: Sequence[str]
    example: str = ""


@dataclass(frozen=True)
class Part:
    """The elements of one node of a message, in published order."""

    node: str
    elements: Sequence[Element]


@require_safe
@require_role(MemberRole.ADMINISTRATOR, MemberRole.DEVELOPER)
def interface(request: MemberRequest, kind: Kind) -> HttpResponse:
    """The document of one kind."""
    context = {
        "kind": kind,
        "title": capfirst(str(kind.label)),
        "sent": sent(kind),
        "answered": answered(kind),
        "others": [one for one in KINDS if one is not kind and one.filed_by & set(request.actor.enterprise.types)],
    }
    return render(request, "declarations/interface.html", context)


def sent(kind: Kind) -> list[Part]:
    """What is sent: the head and, where there is one, an item."""
    _document, head, line = kind.wrapper
    parts = [Part(head, _described(kind, head, kind.fields))]
    return [*parts, Part(line, _described(kind, line, kind.line_fields))] if line else parts


def answered(kind: Kind) -> list[Part]:
    """What comes back, as it is published."""
    leaves = [row for row in published.rows(kind.answered_by) if row.type in TYPES and not row.field.startswith("@")]
    return [
        Part(
            group.rpartition("/")[2], [Element(row.field, row.name_zh, form_of(row), row.required, ()) for row in rows]
        )
        for group, rows in _grouped(leaves)
    ]


def _described(kind: Kind, node: str, fields: Iterable[Described]) -> list[Element]:
    table = {row.field: row for row in published.rows(kind.sends) if row.group.rpartition("/")[2] == node}
    return [
        Element(one.tag, one.label, form_of(table[one.tag]), table[one.tag].required, _notes(one), one.example)
        for one in fields
    ]


def _notes(one: Described) -> list[str]:
    given: Any = GIVEN.get(one.given, "")
    wanted = str(one.wanted) if one.given == CLERK and one.fixed is None else ""
    return [text for text in (str(given), str(one.note), wanted) if text]


def form_of(row: Row) -> str:
    """Type and length in words."""
    word = str(TYPES[row.type])
    if not row.length:
        return word
    if row.type == "N":
        whole, fraction = row.digits
        return _("%(type)s，最多 %(digits)s 位，其中小数 %(fraction)s 位") % {
            "type": word, "digits": whole, "fraction": fraction,
        }  # fmt: skip
    least, dots, most = row.length.partition("..")
    if dots and not least:
        return _("%(type)s，最多 %(most)s 位") % {"type": word, "most": most}
    return _("%(type)s，%(length)s 位") % {"type": word, "length": f"{least}–{most}" if dots else least}


def _grouped(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.group, []).append(row)
    return list(found.items())
