"""The table of every URL of the portal and who may ask it for what. A URL that is not here fails the build.

A policy says the answer's status for every asker, method and thing asked for, and where the things come from. The key is
the URL's name with its namespace, or its route where it has no name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from django.urls import reverse

from accounts.models import Mandate
from accounts.onboarding.services import MODES
from accounts.roles import FILING_ROLES, EnterpriseType, MemberRole
from declarations.kinds import KINDS
from tests.pages.world import Asker, Owned, World, kinds_of

GET, POST = "GET", "POST"
ROLES = frozenset(MemberRole.values)
FILERS = frozenset(FILING_ROLES)
#: Whose lists are taxed, or who answers for the tax; and who of them reads bills, and the account.
TAXED = frozenset(
    {EnterpriseType.PLATFORM, EnterpriseType.MERCHANT, EnterpriseType.DIRECT_LOGISTICS, EnterpriseType.WAREHOUSE}
)
BILL_READERS = ROLES - {MemberRole.DEVELOPER}
ACCOUNT_READERS = BILL_READERS - {MemberRole.FILER}
#: No such thing, whoever asks.
MISSING = 987_654_321

#: Whose thing is asked for: there is none to name; one's own; another enterprise's; nobody's; one's own, but not there.
Whose = Literal["", "own", "other", "missing", "crossed"]


@dataclass(frozen=True)
class Ask:
    """One address to ask for, with what a POST says."""

    address: str
    whose: Whose = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    slug: str = ""
    #: What stands for the thing asked for: asks with the same place must not be told apart unless it is one's own.
    place: str = ""


class Policy:
    """What is answered to whom."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        """The addresses to try as that asker."""
        raise NotImplementedError

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        """The status to expect."""
        raise NotImplementedError


@dataclass(frozen=True)
class Everybody(Policy):
    """The same for all, signed in or not."""

    get: int = 200
    post: int = 200
    data: Mapping[str, Any] = field(default_factory=dict)
    signed_in_get: int = 0
    signed_in_post: int = 0

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name), data=self.data)

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        if not asker.is_anonymous:
            changed = self.signed_in_get if method == GET else self.signed_in_post
            if changed:
                return changed
        return self.get if method == GET else self.post


@dataclass(frozen=True)
class Members(Policy):
    """For members of an enterprise: visitors are sent to sign in, for all others there is no such page."""

    get: int = 405
    post: int = 405
    roles: frozenset[str] = ROLES
    files: bool = False
    home: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name), data=self.data)

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        done = self.get if method == GET else self.post
        if done == 405:
            return 405
        if asker.is_anonymous:
            return 302
        if not asker.enterprise:
            return (302 if asker.is_staff else 200) if self.home else 404
        if not asker.roles & self.roles or (self.files and not asker.may_file):
            return 403
        if ask.slug and ask.slug not in kinds_of(asker.types):
            return 403
        return done if ask.whose in ("", "own") else 404


@dataclass(frozen=True)
class OfAKind(Members):
    """A page of a kind of document, for those whose type files it; ``thing`` names what of theirs it shows."""

    thing: str = ""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        for one in KINDS:
            if self.thing:
                asks = self.things(name, world, asker, one.slug)
                yield from asks if one.slug in kinds_of(asker.types) else islice(asks, 1 if asker.enterprise else 2)
            else:
                yield Ask(reverse(name, kwargs={"kind": one.slug}), "", self.data, one.slug)

    def things(self, name: str, world: World, asker: Asker, slug: str) -> Iterator[Ask]:
        def ask(whose: Whose, number: int) -> Ask:
            return Ask(reverse(name, kwargs={"kind": slug, "pk": number}), whose, self.data, slug, slug)

        yield ask("other", getattr(world.of_other(asker.enterprise, slug), self.thing))
        yield ask("missing", MISSING)
        for other in _own_of_other_kinds(world, asker, slug):
            yield ask("crossed", getattr(other, self.thing))
        own = world.owned.get((asker.enterprise, slug))
        if own:
            yield ask("own", getattr(own, self.thing))


@dataclass(frozen=True)
class Message(OfAKind):
    """A message of a document: both must be one's own and belong together."""

    thing: str = "document"

    def things(self, name: str, world: World, asker: Asker, slug: str) -> Iterator[Ask]:
        other, own = world.of_other(asker.enterprise, slug), world.owned.get((asker.enterprise, slug))
        for direction, thing in (("out", "outbound"), ("in", "inbound")):

            def ask(whose: Whose, document: int, message: int, way: str = direction) -> Ask:
                words = {"kind": slug, "pk": document, "direction": way, "message": message}
                return Ask(reverse(name, kwargs=words), whose, self.data, slug, slug)

            yield ask("other", other.document, getattr(other, thing))
            yield ask("missing", MISSING, MISSING)
            yield ask("other", MISSING, getattr(other, thing))
            if own:
                yield ask("own", own.document, getattr(own, thing))
                yield ask("other", own.document, getattr(other, thing))
                yield ask("other", other.document, getattr(own, thing))
                yield ask("crossed", own.document, MISSING)
                for crossed in _own_of_other_kinds(world, asker, slug):
                    yield ask("crossed", own.document, getattr(crossed, thing))


@dataclass(frozen=True)
class Corrected(OfAKind):
    """The form opened on a refused document (``?from=``)."""

    thing: str = "refused"

    def things(self, name: str, world: World, asker: Asker, slug: str) -> Iterator[Ask]:
        def ask(whose: Whose, number: object) -> Ask:
            address = reverse(name, kwargs={"kind": slug})
            return Ask(f"{address}?from={number}", whose, self.data, slug, slug)

        own, other = world.owned.get((asker.enterprise, slug)), world.of_other(asker.enterprise, slug)
        yield ask("other", other.refused)
        yield ask("missing", MISSING)
        yield ask("other", other.document)
        yield ask("missing", "1%20or%201=1")
        yield ask("missing", "9" * 40)
        if own:
            yield ask("own", own.refused)
            yield ask("crossed", own.document)


@dataclass(frozen=True)
class OfWorkbook(Members):
    """A page of one uploaded workbook."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        for slug in sorted({one.slug for one in KINDS}):
            own, other = world.owned.get((asker.enterprise, slug)), world.of_other(asker.enterprise, slug)
            if own:
                yield Ask(reverse(name, kwargs={"pk": own.upload}), "own", self.data, place="upload")
            yield Ask(reverse(name, kwargs={"pk": other.upload}), "other", self.data, place="upload")
        yield Ask(reverse(name, kwargs={"pk": MISSING}), "missing", self.data, place="upload")


@dataclass(frozen=True)
class OfBooks(Members):
    """A page of the books, for the types whose lists are taxed or who answer for the tax."""

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        done = self.get if method == GET else self.post
        if done != 405 and asker.enterprise and not asker.types & TAXED:
            return 403
        return super().answer(asker, method, ask)


@dataclass(frozen=True)
class OfBill(OfBooks):
    """The page of one tax bill: for who declared, who pays, and whose goods it taxes."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        for pk in world.bills.get(asker.enterprise, ()):
            yield Ask(reverse(name, kwargs={"pk": pk}), "own", self.data, place="bill")
        yield Ask(reverse(name, kwargs={"pk": world.bill_of_other(asker.enterprise)}), "other", self.data, place="bill")
        yield Ask(reverse(name, kwargs={"pk": MISSING}), "missing", self.data, place="bill")


@dataclass(frozen=True)
class OfServices(Members):
    """The page of services: its administrator applies for one of its types, for another there is none."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name), "missing", {"apply": "nonsense"}, place="service")
        yield Ask(reverse(name), "own", {"apply": "page_go_live"}, place="service")
        for of_type in sorted(asker.types):
            mode = MODES[EnterpriseType(of_type)][0]
            yield Ask(reverse(name), "own", {"apply": f"{of_type}-{mode.value}"}, place="service")
        if asker.types and EnterpriseType.PAYMENT not in asker.types:
            yield Ask(reverse(name), "other", {"apply": "payment-9610"}, place="service")

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        if method == POST and asker.enterprise and MemberRole.ADMINISTRATOR not in asker.roles:
            return 403
        return super().answer(asker, method, Ask(ask.address) if method == GET else ask)


@dataclass(frozen=True)
class OfMandates(Members):
    """The pages of mandates, for the types that give or take them; with ``one`` that of one, for its two parties."""

    one: bool = False

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        if not self.one:
            yield from super().asks(name, world, asker)
            return
        enterprise = world.cast.enterprises.get(asker.enterprise)
        key = enterprise.pk if enterprise else None
        parties = Mandate.objects.order_by("pk").values_list("pk", "principal_id", "agent_id")
        own = [pk for pk, *two in parties if key in two][:1]
        other = [pk for pk, *two in parties if key not in two][:1]
        for whose, numbers in (("own", own), ("other", other), ("missing", [MISSING])):
            for pk in numbers:
                yield Ask(reverse(name, kwargs={"pk": pk}), whose, self.data, place="mandate")  # type: ignore[arg-type]

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        done = self.get if method == GET else self.post
        if done != 405 and asker.enterprise and not asker.types & TAXED:
            return 403
        if method == POST and ask.whose == "own" and MemberRole.ADMINISTRATOR not in asker.roles:
            return 403
        return super().answer(asker, method, ask)


@dataclass(frozen=True)
class Switch(Members):
    """The page to change the enterprise: one's own are known, every other is not there."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        own, other = world.cast.enterprises.get(asker.enterprise), world.cast.enterprises["neighbour"]
        if asker.enterprise == "neighbour":
            other = world.cast.enterprises["merchant"]
        if own:
            yield Ask(reverse(name), "own", {"enterprise": own.pk}, place="switch")
        yield Ask(reverse(name), "other", {"enterprise": other.pk}, place="switch")
        yield Ask(reverse(name), "missing", {"enterprise": MISSING}, place="switch")

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        return super().answer(asker, method, Ask(ask.address) if method == GET else ask)


@dataclass(frozen=True)
class Staff(Policy):
    """The desk of staff: visitors are sent to sign in, for members it does not exist. ``thing`` is a table's rows."""

    get: int = 200
    post: int = 200
    missing: int = 302
    missing_post: int = 0
    words: Mapping[str, Any] = field(default_factory=dict)
    thing: str = ""
    query: str = ""
    address: str = ""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        if not self.thing:
            yield Ask((self.address or reverse(name, kwargs=self.words)) + self.query, data=self.words)
            return
        for whose, key in (("own", world.rows[self.thing]), ("missing", str(MISSING))):
            address = f"/{name.replace('<path:object_id>', key)}"
            if "/" not in name:
                address = reverse(name, kwargs={"id" if name.endswith("password_change") else "object_id": key})
            yield Ask(address, whose, place="staff")  # type: ignore[arg-type]
            if not asker.is_staff:
                return  # turned away before the address is looked at

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        if asker.is_anonymous:
            return 302
        if not asker.is_staff:
            return 404
        if ask.whose == "missing":
            return self.missing_post or self.missing if method == POST else self.missing
        return self.get if method == GET else self.post


@dataclass(frozen=True)
class Gateway(Policy):
    """The door of customs: nobody has the token, whoever is signed in."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name), data={"x": "1"})

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        return 405 if method == GET else 401


def _own_of_other_kinds(world: World, asker: Asker, slug: str) -> list[Owned]:
    """What the asker has of other kinds, to be asked for under this one."""
    return [one for (owner, kept), one in world.owned.items() if owner == asker.enterprise and kept != slug]


def _desk(
    table: str, *, app: str = "accounts", add: int = 200, change: int = 200, delete: int = 403
) -> dict[str, Policy]:
    """The stock pages of one table for staff; 403 where nobody may add, change or delete."""
    where = f"admin:{app}_{table}"
    posted = 200 if change == 200 else 403
    gone = 302 if delete == 200 else 403
    return {
        f"{where}_changelist": Staff(),
        f"{where}_add": Staff(get=add, post=add),
        f"{where}_history": Staff(thing=table),
        f"{where}_delete": Staff(get=delete, post=delete, missing=gone, thing=table),
        f"{where}_change": Staff(post=posted, missing_post=302 if posted == 200 else 403, thing=table),
        f"admin/{app}/{table}/<path:object_id>/": Staff(get=302, post=302, thing=table),
    }


POLICIES: Mapping[str, tuple[Policy, ...]] = {
    name: policy if isinstance(policy, tuple) else (policy,)
    for name, policy in {
        # Everybody
        "login": Everybody(signed_in_get=302, signed_in_post=302, data={"username": "nobody_here", "password": "x"}),
        "logout": Everybody(get=405, post=302),
        "set_language": Everybody(get=302, post=302, data={"language": "en"}),
        "health": Everybody(post=405),
        "receive": Gateway(),
        # Members
        "home": Members(get=200, home=True),
        "search": Members(get=200),
        "switch_enterprise": Switch(get=200, post=302),
        "change_password": Members(get=200, post=200, data={"old_password": "x"}),
        "uploads": Members(get=200),
        "upload_check": OfWorkbook(get=200),
        "upload_failed": OfWorkbook(get=200, roles=FILERS, files=True),
        "upload_file": (
            OfWorkbook(post=302, roles=FILERS, files=True, data={"do": "discard"}),
            OfWorkbook(post=302, roles=FILERS, files=True, data={"choice": "good"}),
        ),
        "services": OfServices(get=200, post=302),
        "mandates": OfMandates(get=200),
        "mandate_new": OfMandates(get=200, post=200, roles=frozenset({MemberRole.ADMINISTRATOR})),
        "mandate": (
            OfMandates(get=200, post=302, one=True, data={"do": "revoke"}),
            OfMandates(get=200, post=302, one=True, data={"do": "nonsense"}),
        ),
        "tax_bills": OfBooks(get=200, roles=BILL_READERS),
        "tax_bills_export": OfBooks(get=200, roles=BILL_READERS),
        "tax_bill": OfBill(get=200, roles=BILL_READERS),
        "guarantee": OfBooks(get=200, roles=ACCOUNT_READERS),
        "guarantee_export": OfBooks(get=200, roles=ACCOUNT_READERS),
        "list": OfAKind(get=200),
        "detail": OfAKind(get=200, thing="document"),
        "message": Message(get=200),
        "raw": (
            Message(post=200, roles=FILERS, data={"reason": "与客户核对"}),
            Message(post=400, roles=FILERS, data={"reason": ""}),
        ),
        "form": (
            OfAKind(get=200, post=302, roles=FILERS, files=True, data={"do": "draft", "lines": "0"}),
            Corrected(get=200, post=200, roles=FILERS, files=True, data={"do": "file", "lines": "0"}),
        ),
        "draft": (
            OfAKind(get=200, post=302, roles=FILERS, files=True, thing="draft", data={"do": "drop"}),
            OfAKind(get=200, post=302, roles=FILERS, files=True, thing="draft", data={"do": "draft", "lines": "0"}),
        ),
        "upload": OfAKind(get=200, post=200, roles=FILERS, files=True),
        "template": OfAKind(get=200, roles=FILERS, files=True),
        # Staff
        "admin:index": Staff(),
        "admin:login": Staff(get=302),
        "admin:logout": Staff(get=405, post=302),
        "admin:password_change": Staff(),
        "admin:password_change_done": Staff(post=405),
        "admin:autocomplete": Staff(post=405, query="?app_label=accounts&model_name=membership&field_name=user"),
        "admin:jsi18n": Staff(post=405),
        "admin:view_on_site": Staff(get=404, post=404, words={"content_type_id": "1", "object_id": "1"}),
        "admin:app_list": Staff(words={"app_label": "accounts"}),
        "admin/(?P<url>.*)$": Staff(get=404, post=404, address="/admin/nothing/here/"),
        "admin:auth_user_password_change": Staff(thing="user", missing=404),
        **_desk("enterprise"),
        **_desk("user"),
        **_desk("membership"),
        **_desk("credential", add=403, change=403),
        **_desk("mandate", add=403, change=403),
        **_desk("service", add=403, change=403),
        **_desk("auditentry", add=403, change=403),
        **_desk("group", app="auth", delete=200),
        **_desk("outbound", app="declarations", add=403, change=403),
        **_desk("inbound", app="declarations", add=403, change=403),
        **_desk("receipt", app="declarations", add=403, change=403),
        **_desk("guarantee", app="ledger", change=403),
        **_desk("taxrule", app="ledger", change=403),
        **_desk("taxbill", app="ledger", add=403, change=403),
        **_desk("transfer", app="ledger", add=403, change=403),
        **_desk("discrepancy", app="ledger", add=403, change=403),
        **_desk("tariffline", app="ledger", add=403, change=403),
    }.items()
}
