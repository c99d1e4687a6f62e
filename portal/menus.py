"""The menu: one table from who somebody is to the pages they may open.

A page is named by its URL name and arguments, an enterprise type and a role by their words, so that nothing is
imported upwards. Pages ask the same words again (`accounts.access.require_role`); a test holds the two together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One line of the menu; empty `types` or `roles` mean every type, every role."""

    label: Any
    icon: str
    url_name: str
    arguments: dict[str, str] = field(default_factory=dict)
    types: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    whole: bool = False

    @property
    def address(self) -> str:
        """Where the line leads; empty while no such page exists."""
        try:
            return reverse(self.url_name, kwargs=self.arguments)
        except NoReverseMatch:
            return ""

    def is_for(self, types: Iterable[str], roles: Iterable[str]) -> bool:
        """Whether somebody of these enterprise types and roles is shown the line."""
        return (not self.types or bool(self.types & set(types))) and (not self.roles or bool(self.roles & set(roles)))


@dataclass(frozen=True, slots=True)
class MenuSection:
    """A titled group of lines; the first one has no title."""

    title: Any
    entries: tuple[MenuEntry, ...]


@dataclass(frozen=True, slots=True)
class MenuLine:
    """An entry as drawn on one page."""

    label: Any
    icon: str
    address: str
    current: bool


#: The types of enterprise that file documents of any kind.
_FILERS = frozenset({"platform", "merchant", "payment", "direct_logistics", "bonded_logistics", "warehouse"})
#: The types whose lists are taxed, or who answer for the tax.
_TAXED = frozenset({"platform", "merchant", "direct_logistics", "warehouse"})
_READERS = frozenset({"administrator", "filer", "finance", "viewer", "developer"})

MENU: tuple[MenuSection, ...] = (
    MenuSection("", (MenuEntry(_("工作台"), "house", "home", whole=True),)),
    MenuSection(
        _("接入"),
        (MenuEntry(_("接入准备"), "check2-square", "preparation", roles=frozenset({"administrator", "viewer"})),),
    ),
    MenuSection(
        _("进口申报"),
        (
            MenuEntry(
                pgettext_lazy("several", "订单"),
                "receipt",
                "list",
                {"kind": "order"},
                frozenset({"platform", "merchant"}),
                _READERS,
            ),
            MenuEntry(
                pgettext_lazy("several", "支付单"),
                "credit-card-2-front",
                "list",
                {"kind": "payment"},
                frozenset({"payment"}),
                _READERS,
            ),
            MenuEntry(
                pgettext_lazy("several", "运单"),
                "truck",
                "list",
                {"kind": "waybill"},
                frozenset({"direct_logistics", "bonded_logistics"}),
                _READERS,
            ),
            MenuEntry(
                pgettext_lazy("several", "清单"),
                "boxes",
                "list",
                {"kind": "inventory"},
                frozenset({"warehouse", "direct_logistics", "merchant"}),
                _READERS,
            ),
            MenuEntry(_("批量导入"), "file-earmark-spreadsheet", "uploads", {}, _FILERS, _READERS),
        ),
    ),
    MenuSection(
        _("资金与税"),
        (
            MenuEntry(
                _("电子税单"),
                "file-earmark-text",
                "tax_bills",
                {},
                _TAXED,
                frozenset({"administrator", "filer", "finance", "viewer"}),
            ),
            MenuEntry(
                _("担保金账户"),
                "shield-check",
                "guarantee",
                {},
                _TAXED,
                frozenset({"administrator", "finance", "viewer"}),
            ),
        ),
    ),
    MenuSection(
        _("企业"),
        (
            MenuEntry(_("企业资料"), "building", "enterprise_profile", {}, frozenset(), _READERS),
            MenuEntry(_("服务开通"), "plug", "services", {}, frozenset(), _READERS),
            MenuEntry(_("系统对接"), "code-slash", "connection", {}, roles=frozenset({"administrator", "developer"})),
            MenuEntry(_("委托"), "pen", "mandates", {}, _TAXED, _READERS),
            MenuEntry(_("申请"), "pencil-square", "applications", {}, frozenset(), frozenset({"administrator"})),
            MenuEntry(_("成员与权限"), "people", "members", {}, frozenset(), frozenset({"administrator"})),
            MenuEntry(
                _("证书与加签"), "shield-lock", "credentials", {}, roles=frozenset({"administrator", "developer"})
            ),
        ),
    ),
)

#: For whoever has signed in and belongs to no enterprise yet.
MENU_WITHOUT_ENTERPRISE: tuple[MenuSection, ...] = (
    MenuSection(
        "", (MenuEntry(_("开始"), "house", "home", whole=True), MenuEntry(_("申请"), "pencil-square", "applications"))
    ),
)


def menu(
    types: Iterable[str], roles: Iterable[str], path: str, sections: Iterable[MenuSection] = MENU
) -> Sequence[tuple[Any, list[MenuLine]]]:
    """The sections and lines for somebody of these types and roles who stands on the page `path`."""
    types, roles = set(types), set(roles)
    drawn = []
    for section in sections:
        entries = [(entry, entry.address) for entry in section.entries if entry.is_for(types, roles)]
        lines = [
            MenuLine(entry.label, entry.icon, address, path == address if entry.whole else path.startswith(address))
            for entry, address in entries
            if address
        ]
        if lines:
            drawn.append((section.title, lines))
    return drawn
