"""The table of every URL of the portal and who may ask it for what. A URL that is not here fails the build.

A policy says the answer's status for every asker, method and thing asked for, and where the things come from. The key is
the URL's name with its namespace, or its route where it has no name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

from django.urls import reverse

from accounts.models import Application, Mandate, Membership, Paper
from accounts.onboarding.services import MODES
from accounts.roles import FILING_ROLES, EnterpriseType, MemberRole
from declarations.kinds import KINDS
from tests.pages.world import Asker, Owned, World, kinds_of

GET, POST = "GET", "POST"
ROLES = frozenset(MemberRole.values)
FILERS = frozenset(FILING_ROLES)
ADMINISTRATORS = frozenset({MemberRole.ADMINISTRATOR})
#: Who sees what the enterprise signs with.
SIGNING_READERS = ADMINISTRATORS | {MemberRole.DEVELOPER}
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
class OfLink(Everybody):
    """The page a link sent by mail leads to; these links are nobody's."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name, args=["MQ", "now"]))
        yield Ask(reverse(name, args=["x", "now"]))


@dataclass(frozen=True)
class SignedIn(Policy):
    """For whoever is signed in, of whatever enterprise or none: visitors are sent to sign in."""

    get: int = 405
    post: int = 405
    data: Mapping[str, Any] = field(default_factory=dict)

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name), data=self.data)

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        done = self.get if method == GET else self.post
        return 302 if asker.is_anonymous and done != 405 else done


@dataclass(frozen=True)
class NoPasskey(SignedIn):
    """The page of one passkey; nobody in this world has one."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name, kwargs={"pk": MISSING}), data=self.data)


@dataclass(frozen=True)
class Announced(SignedIn):
    """An announcement that is meant for everybody, and one there is not."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name, args=[int(world.rows["announcement"])]), "own")
        yield Ask(reverse(name, args=[MISSING]), "missing")

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        done = super().answer(asker, method, ask)
        return 404 if ask.whose == "missing" and method == POST and not asker.is_anonymous else done


@dataclass(frozen=True)
class ByFactor(SignedIn):
    """Another answer for those who have a second factor: of the cast, staff and administrators."""

    other: int = 302

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        done = super().answer(asker, method, ask)
        has_one = asker.is_staff or MemberRole.ADMINISTRATOR in asker.roles
        return self.other if has_one and done != 405 else done


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
class Kept(OfAKind):
    """A form kept unfinished: read while nothing may be filed too, and then read alone."""

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        return OfAKind.answer(replace(self, files=method != GET), asker, method, ask)


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
class Applicants(Policy):
    """For everybody signed in, with an enterprise or before there is one; staff decide and do not apply."""

    get: int = 405
    post: int = 405
    words: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name, kwargs=self.words), data=self.data)

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        done = self.get if method == GET else self.post
        if done == 405:
            return 405
        if asker.is_anonymous:
            return 302
        if asker.is_staff or ask.whose in ("other", "missing", "crossed"):
            return 404
        return done


@dataclass(frozen=True)
class NoSuchKind(Applicants):
    """What cannot be applied for is not there, whoever asks."""

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        answer = super().answer(asker, method, ask)
        return answer if answer == 405 or asker.is_anonymous else 404


@dataclass(frozen=True)
class Begin(Applicants):
    """The empty form; whoever has one open is led there, and told that nothing of a second one is kept."""

    get: int = 200
    post: int = 302

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        has_one = asker.name in world.applied and not asker.enterprise
        yield Ask(reverse(name, kwargs=self.words), "own" if has_one else "", self.data)

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        answer = super().answer(asker, method, ask)
        if ask.whose == "own":
            return 302 if method == GET else 409
        return answer


@dataclass(frozen=True)
class OfApplication(Applicants):
    """A page of one application: of whoever applied, and of the administrators of the enterprise it belongs to."""

    #: What the address says beside: the number of a version, or a paper (the one that goes with it is put in).
    number: int = 0
    paper: bool = False

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        def ask(whose: Whose, pk: int, number: int, paper: int) -> Ask:
            words = {"pk": pk}
            if self.number:
                words["number"] = number
            if self.paper:
                words["paper"] = paper
            version = Application.objects.filter(pk=pk).values_list("version", flat=True).first() or 1
            return Ask(reverse(name, kwargs=words), whose, {"version": version, **self.data}, place="application")

        for username, (pk, paper) in world.applied.items():
            own = username == asker.name
            yield ask("own" if own else "other", pk, self.number, paper)
            if own and (self.number or self.paper):
                yield ask("crossed", pk, MISSING, MISSING)
                yield ask("crossed", pk, MISSING, next(it for pk_, it in world.applied.values() if pk_ != pk))
        yield ask("missing", MISSING, self.number, MISSING)


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
class OfConnection(Members):
    """The page of the connected system: its administrator applies for what the page has, for nothing else."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name), "missing", {"apply": "nonsense"}, place="connection")
        yield Ask(reverse(name), "own", {"apply": "interface_proof:status_query"}, place="connection")
        yield Ask(reverse(name), "own", {"apply": "connection_change:sandbox"}, place="connection")
        yield Ask(reverse(name), "own", {"apply": "interface_proof:payment"}, place="connection")

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        if method == POST and asker.enterprise and MemberRole.ADMINISTRATOR not in asker.roles:
            return 403
        return super().answer(asker, method, Ask(ask.address) if method == GET else ask)


@dataclass(frozen=True)
class OfInterface(Members):
    """The interface document of a kind: the same for all who connect a system, whatever they file."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        for one in KINDS:
            yield Ask(reverse(name, kwargs={"kind": one.slug}))


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
class OfPerson(Policy):
    """What one person is told: for all others it is not there; visitors are sent to sign in."""

    data: Mapping[str, Any] = field(default_factory=dict)

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        other = "stranger" if asker.name != "stranger" else "neighbour_filer"
        if not asker.is_anonymous:
            yield Ask(reverse(name, kwargs={"pk": world.notices[asker.name]}), "own", self.data, place="notice")
        yield Ask(reverse(name, kwargs={"pk": world.notices[other]}), "other", self.data, place="notice")
        yield Ask(reverse(name, kwargs={"pk": MISSING}), "missing", self.data, place="notice")

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        if method == GET:
            return 405
        return 302 if asker.is_anonymous or ask.whose == "own" else 404


@dataclass(frozen=True)
class ProfileOf(Members):
    """What is known of the enterprise: all members look, administrators uncover what is about persons."""

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        if method == POST and asker.enterprise and not asker.roles & ADMINISTRATORS:
            return 403
        return super().answer(asker, method, ask)


@dataclass(frozen=True)
class OfMember(Members):
    """A page of one member of the enterprise: the one who came last."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        own, other = world.cast.enterprises.get(asker.enterprise), world.cast.enterprises["neighbour"]
        if own == other:
            other = world.cast.enterprises["merchant"]
        for whose, enterprise in (("own", own), ("other", other)):
            if enterprise:
                pk = Membership.objects.filter(enterprise=enterprise).latest("pk").pk
                yield Ask(reverse(name, kwargs={"pk": pk}), whose, self.data, place="member")  # type: ignore[arg-type]
        yield Ask(reverse(name, kwargs={"pk": MISSING}), "missing", self.data, place="member")


@dataclass(frozen=True)
class OfInvitation(Members):
    """What may be done with an invitation of the enterprise."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        for owner, (pk, _token) in world.invitations.items():
            whose: Whose = "own" if owner == asker.enterprise else "other"
            yield Ask(reverse(name, kwargs={"pk": pk}), whose, place="invitation")
        yield Ask(reverse(name, kwargs={"pk": MISSING}), "missing", place="invitation")


@dataclass(frozen=True)
class Invited(Policy):
    """Where the link of an invitation leads: visitors and the one it was sent to; for a made-up link there is no such page."""

    addressee: str = "stranger"

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        _pk, token = world.invitations["merchant"]
        yield Ask(reverse(name, kwargs={"token": token}), "own", place="link")
        yield Ask(reverse(name, kwargs={"token": "A" * len(token)}), "missing", place="link")

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        if ask.whose == "missing":
            return 404
        if asker.name not in ("", self.addressee):
            return 403
        return 200 if method == GET else 302


@dataclass(frozen=True)
class Staff(Policy):
    """The desk of staff: visitors are sent to sign in, for members it does not exist. ``thing`` is a table's rows.

    Auditors may look at what is ``for_auditors``, and send nothing but what is their own.
    """

    get: int = 200
    post: int = 200
    missing: int = 302
    missing_post: int = 0
    words: Mapping[str, Any] = field(default_factory=dict)
    thing: str = ""
    query: str = ""
    address: str = ""
    for_auditors: int = 403
    missing_to_auditors: int = 0
    own: bool = False

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
        if asker.is_auditor and not self.own:
            if method == POST:
                return 403
            return (ask.whose == "missing" and self.missing_to_auditors) or self.for_auditors
        if ask.whose == "missing":
            return self.missing_post or self.missing if method == POST else self.missing
        return self.get if method == GET else self.post


@dataclass(frozen=True)
class StaffPaper(Staff):
    """A paper of an application, on the desk of staff."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        application = int(world.rows["application"])
        paper = Paper.objects.get(application=application).pk
        for whose, key, number in (("own", application, paper), ("missing", application, MISSING)):
            words = {"object_id": key, "paper_id": number}
            yield Ask(reverse(name, kwargs=words), whose, place="staff")  # type: ignore[arg-type]
            if not asker.is_staff:
                return  # turned away before the address is looked at


@dataclass(frozen=True)
class Gateway(Policy):
    """The door of customs: nobody has the token, whoever is signed in."""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        yield Ask(reverse(name), data={"x": "1"})

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        return 405 if method == GET else 401


@dataclass(frozen=True)
class OfSigning(Members):
    """One certificate, or one key asked for, of one's own enterprise; ``thing`` names the table."""

    thing: str = ""

    def asks(self, name: str, world: World, asker: Asker) -> Iterator[Ask]:
        for owner, things in world.signing.items():
            whose: Whose = "own" if owner == asker.enterprise else "other"
            yield Ask(reverse(name, kwargs={"pk": things[self.thing]}), whose, self.data, place=self.thing)
        yield Ask(reverse(name, kwargs={"pk": MISSING}), "missing", self.data, place=self.thing)


@dataclass(frozen=True)
class KeyRequestOf(OfSigning):
    """A key asked for: developers look, administrators give it up."""

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        if method == POST and asker.enterprise and not asker.roles & ADMINISTRATORS:
            return 403
        return super().answer(asker, method, ask)


@dataclass(frozen=True)
class SigningConsentOf(Members):
    """The consent: developers look, administrators decide."""

    def answer(self, asker: Asker, method: str, ask: Ask) -> int:
        if method == POST and asker.enterprise and not asker.roles & ADMINISTRATORS:
            return 403
        return super().answer(asker, method, ask)


def _own_of_other_kinds(world: World, asker: Asker, slug: str) -> list[Owned]:
    """What the asker has of other kinds, to be asked for under this one."""
    return [one for (owner, kept), one in world.owned.items() if owner == asker.enterprise and kept != slug]


def _desk(
    table: str, *, app: str = "accounts", add: int = 200, change: int = 200, delete: int = 403, for_auditors: int = 403
) -> dict[str, Policy]:
    """The stock pages of one table for staff; 403 where nobody may add, change or delete."""
    looked_at, gone_to = {"for_auditors": for_auditors}, {"missing_to_auditors": 302}
    where = f"admin:{app}_{table}"
    posted = 200 if change == 200 else 403
    gone = 302 if delete == 200 else 403
    return {
        f"{where}_changelist": Staff(**looked_at),
        f"{where}_add": Staff(get=add, post=add),
        f"{where}_history": Staff(thing=table, **looked_at, **gone_to),
        f"{where}_delete": Staff(get=delete, post=delete, missing=gone, thing=table),
        f"{where}_change": Staff(
            post=posted,
            missing_post=302 if posted == 200 else 403,
            thing=table,
            **looked_at,
            missing_to_auditors=302 if for_auditors == 200 else 403,
        ),
        f"admin/{app}/{table}/<path:object_id>/": Staff(get=302, post=302, thing=table, for_auditors=302),
    }


POLICIES: Mapping[str, tuple[Policy, ...]] = {
    name: policy if isinstance(policy, tuple) else (policy,)
    for name, policy in {
        # Everybody
        "login": Everybody(signed_in_get=302, signed_in_post=302, data={"username": "nobody_here", "password": "x"}),
        "login_code": Everybody(get=302, post=302),
        "register": Everybody(post=200, data={"email": "x"}, signed_in_get=302, signed_in_post=302),
        "register_codes": Everybody(get=302, post=302),
        "register_account": Everybody(get=302, post=302),
        "forgot_password": Everybody(post=200, data={"email": "x"}, signed_in_get=302, signed_in_post=302),
        "reset_password": OfLink(signed_in_get=302, signed_in_post=302),
        "logout": Everybody(get=405, post=302),
        "set_language": Everybody(get=302, post=302, data={"language": "en"}),
        "health": Everybody(post=405),
        "offices": Everybody(post=405),
        "receive": Gateway(),
        # Whoever is signed in
        "sessions": (
            SignedIn(get=200, post=302, data={"do": "others"}),
            SignedIn(get=200, post=404, data={"session": MISSING}),
            SignedIn(get=200, post=404),
        ),
        "contact": (
            SignedIn(get=200, post=200),
            SignedIn(get=200, post=200, data={"what": "email", "email-email": "new@example.org"}),
        ),
        "contact_code": SignedIn(get=302, post=302, data={"code": "x"}),
        "announcements": SignedIn(get=200),
        "announcement_dismiss": Announced(post=302),
        "second_factor": SignedIn(get=200),
        "second_factor_app": ByFactor(get=200, post=200, data={"code": "x"}),
        "second_factor_remove": SignedIn(post=200, data={"password": "x"}),
        "add_passkey": SignedIn(get=200, post=200, data={"passkey": "{}"}),
        "drop_passkey": NoPasskey(post=404, data={"password": "x"}),
        "recovery_codes": ByFactor(post=302, other=200, data={"password": "x"}),
        # Members
        "home": Members(get=200, home=True),
        "search": Members(get=200),
        "switch_enterprise": Switch(get=200, post=302),
        "enterprise_profile": ProfileOf(get=200, post=200, data={"reason": "与海关核对"}),
        "members": Members(get=200, post=200, roles=ADMINISTRATORS),
        "member": OfMember(get=200, post=302, roles=ADMINISTRATORS, data={"roles": ["filer"]}),
        "member_remove": OfMember(get=200, post=302, roles=ADMINISTRATORS),
        "member_restore": OfMember(post=302, roles=ADMINISTRATORS),
        "invitation_resend": OfInvitation(post=302, roles=ADMINISTRATORS),
        "invitation_revoke": OfInvitation(post=302, roles=ADMINISTRATORS),
        "invitation": Invited(),
        "preparation": Members(get=200, roles=frozenset({MemberRole.ADMINISTRATOR, MemberRole.VIEWER})),
        "applications": Applicants(get=200),
        "application_of_kind": (
            Applicants(get=302, words={"kind": "account"}),
            NoSuchKind(get=404, words={"kind": "no_such"}),
            NoSuchKind(get=404, words={"kind": "public_site"}),
        ),
        "application_new": (
            Begin(words={"kind": "account"}, data={"do": "save"}),
            NoSuchKind(get=404, post=404, words={"kind": "no_such"}),
            NoSuchKind(get=404, post=404, words={"kind": "public_site"}),
        ),
        "application": (
            OfApplication(get=200, post=302, data={"do": "save", "name": "x"}),
            OfApplication(get=200, post=200, data={"do": "submit"}),
            OfApplication(get=200, post=302, data={"do": "withdraw"}),
        ),
        "application_version": OfApplication(get=200, number=1),
        "paper": OfApplication(get=200, paper=True),
        "notices": Everybody(get=302, post=405, signed_in_get=200),
        "notice": (OfPerson(), OfPerson(data={"open": ""})),
        "notices_read": (
            Everybody(get=405, post=302, data={"upto": "1"}),
            Everybody(get=405, post=302, signed_in_post=404, data={"upto": "x"}),
        ),
        "change_password": SignedIn(get=200, post=200, data={"old_password": "x"}),
        "credentials": Members(get=200, roles=SIGNING_READERS),
        "new_credential": (
            Members(get=200, post=200, roles=ADMINISTRATORS, data={"way": "pkcs12"}),
            Members(get=200, post=302, roles=ADMINISTRATORS, data={"way": "key", "environment": "production"}),
        ),
        "change_credential": (
            OfSigning(post=302, roles=ADMINISTRATORS, thing="credential", data={"do": "stop"}),
            OfSigning(post=302, roles=ADMINISTRATORS, thing="credential", data={"do": "use"}),
        ),
        # What is kept here has nothing to prove.
        "key_proof": OfSigning(get=302, post=302, roles=ADMINISTRATORS, thing="credential", data={"signature": "x"}),
        "key_request": KeyRequestOf(get=200, post=302, roles=SIGNING_READERS, thing="key_request"),
        "signing_consent": (
            SigningConsentOf(get=200, post=302, roles=SIGNING_READERS, data={"do": "revoke"}),
            SigningConsentOf(get=200, post=302, roles=SIGNING_READERS, data={"do": "give"}),
        ),
        "uploads": Members(get=200),
        "upload_check": OfWorkbook(get=200),
        "upload_failed": OfWorkbook(get=200, roles=FILERS, files=True),
        "upload_file": (
            OfWorkbook(post=302, roles=FILERS, files=True, data={"do": "discard"}),
            OfWorkbook(post=302, roles=FILERS, files=True, data={"choice": "good"}),
        ),
        "services": OfServices(get=200, post=302),
        "connection": OfConnection(get=200, post=302, roles=SIGNING_READERS),
        "interface": OfInterface(get=200, roles=SIGNING_READERS),
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
            Kept(get=200, post=302, roles=FILERS, thing="draft", data={"do": "drop"}),
            Kept(get=200, post=302, roles=FILERS, thing="draft", data={"do": "draft", "lines": "0"}),
        ),
        "upload": OfAKind(get=200, post=200, roles=FILERS, files=True),
        "template": OfAKind(get=200, roles=FILERS, files=True),
        # Staff
        "admin:index": Staff(for_auditors=200),
        "admin:login": Staff(get=302, for_auditors=302),
        "admin:logout": Staff(get=405, post=302, own=True),
        "admin:password_change": Staff(get=302, post=302, own=True),
        "admin:password_change_done": Staff(post=405, for_auditors=200),
        "admin:autocomplete": Staff(post=405, query="?app_label=accounts&model_name=membership&field_name=user"),
        "admin:jsi18n": Staff(post=405, for_auditors=200),
        "admin:view_on_site": Staff(
            get=404, post=404, words={"content_type_id": "1", "object_id": "1"}, for_auditors=404
        ),
        "admin:app_list": Staff(words={"app_label": "accounts"}, for_auditors=200),
        "admin/(?P<url>.*)$": Staff(get=404, post=404, address="/admin/nothing/here/", for_auditors=404),
        "admin:auth_user_password_change": Staff(thing="user", missing=404),
        **_desk("enterprise"),
        "admin:accounts_enterprise_profile": Staff(thing="enterprise"),
        "admin:accounts_enterprise_numbers": Staff(thing="enterprise"),
        **_desk("user"),
        **_desk("membership"),
        **_desk("invitation", change=403),
        **_desk("credential", add=403, change=403),
        **_desk("auditentry", add=403, change=403, for_auditors=200),
        "admin:accounts_auditentry_export": Staff(post=403, for_auditors=200),
        **_desk("auditseal", add=403, change=403, for_auditors=200),
        **_desk("announcement"),
        **_desk("application", add=403),
        "admin:accounts_application_paper": StaffPaper(post=405, missing=404, missing_post=405),
        **_desk("signingconsent", add=403, change=403),
        **_desk("mandate", add=403, change=403),
        **_desk("service", add=403),
        **_desk("qualification", add=403),
        **_desk("evidence", add=403),
        **_desk("connection", add=403),
        **_desk("interfaceproof", add=403, change=403),
        **_desk("group", app="auth", delete=200),
        **_desk("outbound", app="declarations", add=403, change=403),
        **_desk("inbound", app="declarations", add=403, change=403),
        **_desk("receipt", app="declarations", add=403, change=403),
        **_desk("guarantee", app="ledger", add=403, change=403),
        **_desk("limitchange", app="ledger", change=403),
        **_desk("taxrule", app="ledger", change=403),
        **_desk("taxbill", app="ledger", add=403, change=403),
        **_desk("transfer", app="ledger", add=403, change=403),
        **_desk("discrepancy", app="ledger", add=403, change=403),
        **_desk("tariffline", app="ledger", add=403, change=403),
    }.items()
}
