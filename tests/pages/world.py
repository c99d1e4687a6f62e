"""A world with two of everything: each enterprise of the cast has documents, drafts, workbooks and messages of its own.

Everything came in by the real door, was signed and sent, and was answered; so that whoever asks for another's thing asks
for a thing that is there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker
from stdnum.cn import uscc

from accounts import members
from accounts.access import ENTERPRISE_IN_SESSION, Bystander
from accounts.cast import Cast, give_licences, give_services
from accounts.enrolment import ask_for_key, make_wanted_keys
from accounts.models import (
    Announcement,
    Application,
    AuditEntry,
    AuditSeal,
    Connection,
    Credential,
    Enterprise,
    Evidence,
    InterfaceProof,
    Invitation,
    Mandate,
    Membership,
    Notice,
    Qualification,
    Service,
    SigningConsent,
    Submission,
    User,
)
from accounts.notices import notify
from accounts.onboarding import applications, papers
from accounts.onboarding.kinds import ACCOUNT
from accounts.roles import EnterpriseState, EnterpriseType, Environment, MemberRole
from declarations.doors import excel, uploads
from declarations.exchange import inbox
from declarations.exchange.envelope import new_guid
from declarations.filing import file_documents, save_draft
from declarations.kinds import KINDS, kind
from declarations.models import Document, Inbound, InboundBytes, Outbound, OutboundDocument, Receipt, Source
from declarations.shape import Entry
from ledger.discrepancies import ENDED_BY_MONEY
from ledger.models import Discrepancy, Guarantee, LimitChange, TariffLine, TaxBill, TaxRule, Transfer
from portal.personal import pack
from tests import make
from tests.accounts.papers import PDF, sent
from tests.accounts.test_applications import GOOD
from tests.cast import people, prove
from tests.exchange import answers
from tests.exchange.desk import certify, forward_all, read_all
from tests.exchange.peer import listening
from tests.pages import books

#: Two enterprises the cast does not have: a second one that files payments, and one that was suspended after filing.
EXTRA = {
    "payment_twin": ("上海镜湖铃支付有限公司", EnterpriseType.PAYMENT, 9),
    "suspended": ("上海停桨岛贸易有限公司", EnterpriseType.MERCHANT, 10),
}
#: Who has documents of which kind; for each kind the first that is not the asker's is "the other enterprise".
OWNERS = {
    "order": ("neighbour", "merchant", "platform", "suspended"),
    "payment": ("payment_twin", "payment"),
    "waybill": ("direct_logistics", "bonded_logistics"),
    "inventory": ("neighbour", "merchant", "warehouse", "suspended"),
}
FILER_OF = {"payment_twin": "payment_twin_filer", "suspended": "suspended_filer"}
PER_OWNER = 2


@dataclass(frozen=True)
class Owned:
    """What one enterprise has of one kind: a document declared, one refused, a message out and in, draft, workbook."""

    enterprise: str
    slug: str
    document: int
    refused: int
    outbound: int
    inbound: int
    draft: int
    upload: int


@dataclass(frozen=True)
class Asker:
    """Somebody who asks for pages; ``enterprise`` is empty for who belongs to none."""

    name: str
    enterprise: str = ""
    types: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    may_file: bool = False
    is_staff: bool = False
    is_auditor: bool = False

    def __str__(self) -> str:
        return self.name or "anonymous"

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody signed in."""
        return not self.name


@dataclass(frozen=True)
class World:
    """Everybody, and what they have."""

    cast: Cast
    owned: dict[tuple[str, str], Owned]
    #: Each enterprise → the tax bills on which it stands.
    bills: dict[str, list[int]]
    #: Enterprise → a certificate and a key asked for, each by its table.
    signing: dict[str, dict[str, int]]
    #: One row of each table on the desk of staff: its key.
    rows: dict[str, str]
    #: Each enterprise that has invited somebody → the invitation and the token of its link. The merchant's is for the stranger.
    invitations: dict[str, tuple[int, str]]
    #: Who applied for something, a person or an enterprise nobody administers → the application and the paper with it.
    applied: dict[str, tuple[int, int]]
    #: One notice of each person.
    notices: dict[str, int]

    def of_other(self, enterprise: str, slug: str) -> Owned:
        """What another enterprise has of that kind."""
        owner = next(key for key in OWNERS[slug] if key != enterprise)
        return self.owned[owner, slug]

    def bill_of_other(self, enterprise: str) -> int:
        """A tax bill on which that enterprise does not stand."""
        return next(pk for found in self.bills.values() for pk in found if pk not in self.bills.get(enterprise, ()))

    def askers(self) -> list[Asker]:
        """Anonymous, every person of the cast, and the people of the extra enterprises."""
        found = [Asker("")]
        for username, user in self.cast.users.items():
            if username == "payment_twin_filer":
                continue  # asks for nothing that payment_filer does not
            membership = Membership.objects.select_related("enterprise").filter(user=user).first()
            if membership is None:
                found.append(Asker(username, is_staff=user.is_staff, is_auditor=user.is_auditor))
                continue
            enterprise = membership.enterprise
            key = next(key for key, one in self.cast.enterprises.items() if one.pk == enterprise.pk)
            found.append(
                Asker(username, key, frozenset(enterprise.types), frozenset(membership.roles), enterprise.may_file)
            )
        return found

    def client(self, asker: Asker, **options: bool) -> Client:
        """A browser of theirs."""
        client = Client(raise_request_exception=False, **options)
        if not asker.is_anonymous:
            client.force_login(self.cast.users[asker.name])
            prove(client)
        if asker.enterprise:  # as after their first page: from then on a refused request writes nothing
            session = client.session
            session[ENTERPRISE_IN_SESSION] = self.cast.enterprises[asker.enterprise].pk
            session.save()
        return client


@contextmanager
def standing(blocker: DjangoDbBlocker) -> Iterator[World]:
    """The world for all tests of a file, in one transaction that is rolled back; they change nothing in it.

    pytest-django makes a database only when some test asks for one by `db`: let the first test of the file do so.
    """
    with blocker.unblock(), transaction.atomic():
        yield build(people())
        transaction.set_rollback(True)


def build(cast: Cast) -> World:
    """Make the world in the present transaction."""
    whole = Cast({**cast.enterprises, **_more_enterprises()}, dict(cast.users))
    whole = Cast(whole.enterprises, {**cast.users, **_more_people(whole)})
    for enterprise in whole.enterprises.values():
        certify(enterprise)
    wanted = [(owner, slug) for slug, owners in OWNERS.items() for owner in owners]
    filed = {}
    for place, (owner, slug) in enumerate(wanted):
        filed[owner, slug] = _file(whole, owner, slug, first=1 + place * PER_OWNER)
    with listening() as gateway:
        before, settings.GATEWAY_URL = settings.GATEWAY_URL, gateway.url
        forward_all()
        settings.GATEWAY_URL = before
    for ids in filed.values():
        for document_id in ids:
            inbox.store(answers.to_filer(document_id, "2", 1))
        inbox.store(answers.to_filer(ids[-1], "100", 2))
    read_all()
    owned = {(owner, slug): _owned(whole, owner, slug, filed[owner, slug]) for owner, slug in wanted}
    while uploads.work_next():
        pass
    billed = _bills(whole)
    Enterprise.objects.filter(pk=whole.enterprises["suspended"].pk).update(state=EnterpriseState.SUSPENDED)
    invited, applied = _invitations(whole), _applied(whole)
    return World(whole, owned, billed, _signing(whole), _rows(whole), invited, applied, _notices(whole))


def _signing(cast: Cast) -> dict[str, dict[str, int]]:
    """What two enterprises sign with, and a key that waits for its certificate."""
    found = {}
    for key, username in (("merchant", "merchant_administrator"), ("neighbour", "neighbour_filer")):
        request = ask_for_key(cast.actor(username), Environment.SANDBOX)
        credential = Credential.objects.filter(enterprise=cast.enterprises[key])[0]
        found[key] = {"credential": credential.pk, "key_request": request.pk}
    make_wanted_keys()
    return found


#: Tax bills: who declared, for whom, and who pays. The last one is short of a guarantee.
WISHES = (
    books.Wish(1),
    books.Wish(2, declarant="neighbour", merchant="neighbour", guarantor="neighbour", more_vat="0.01"),
    books.Wish(3, declarant="direct_logistics", merchant="neighbour", guarantor="platform"),
    books.Wish(4, declarant="suspended", merchant="suspended", guarantor="suspended"),
)


def _bills(cast: Cast) -> dict[str, list[int]]:
    """Two of everything in the books; whose bill it is by the places it names."""
    for owner in ("merchant", "neighbour", "platform"):
        books.give(cast, owner)
    found: dict[str, list[int]] = {}
    for wish, bill in zip(WISHES, books.bring(cast, WISHES), strict=True):
        for key in {wish.declarant, wish.merchant, wish.guarantor}:
            found.setdefault(key, []).append(bill.pk)
    return found


def _invitations(cast: Cast) -> dict[str, tuple[int, str]]:
    """Somebody invited by each of two enterprises."""
    found = {}
    for key, email in (("merchant", "stranger@example.org"), ("neighbour", "nobody@example.org")):
        staff = Bystander(user=cast.users["staff"], enterprise=cast.enterprises[key])
        invitation, token = members.invite(by=staff, email=email, roles=[MemberRole.VIEWER])
        found[key] = (invitation.pk, token)
    return found


def _notices(cast: Cast) -> dict[str, int]:
    for user in cast.users.values():
        membership = Membership.objects.select_related("enterprise").filter(user=user).first()
        notify([user], "有事待办", address="/", enterprise=membership.enterprise if membership else None)
    return dict(Notice.objects.values_list("user__username", "pk"))


def _rows(cast: Cast) -> dict[str, str]:
    enterprise, user = cast.enterprises["neighbour"], cast.users["neighbour_filer"]
    rows = {
        "enterprise": enterprise,
        "user": user,
        "membership": Membership.objects.get(user=user),
        "invitation": Invitation.objects.get(enterprise=enterprise),
        "credential": Credential.objects.filter(enterprise=enterprise)[0],
        "signingconsent": SigningConsent.objects.filter(enterprise=enterprise)[0],
        "mandate": Mandate.objects.filter(principal=enterprise)[0],
        "service": Service.objects.filter(enterprise=enterprise)[0],
        "qualification": Qualification.objects.all()[0],
        "evidence": Evidence.objects.filter(enterprise=enterprise)[0],
        "connection": Connection.objects.filter(enterprise=enterprise)[0],
        "interfaceproof": InterfaceProof.objects.filter(enterprise=enterprise)[0],
        "auditentry": AuditEntry.objects.filter(enterprise=enterprise)[0],
        "auditseal": AuditSeal.objects.create(
            number=1,
            at=timezone.now(),
            entries=0,
            floor=0,
            through_turn=0,
            through_entry=0,
            highest=0,
            digests=b"",
        ),
        "announcement": Announcement.objects.create(
            title="系统维护", text="周六停机", since=timezone.now() - timedelta(days=1)
        ),
        "group": Group.objects.create(name="staff"),
        "guarantee": Guarantee.objects.get(enterprise=enterprise),
        "limitchange": _limit_changes(cast)["neighbour"],
        "taxrule": TaxRule.objects.all()[0],
        "taxbill": TaxBill.objects.filter(enterprise=enterprise)[0],
        "transfer": Transfer.objects.filter(enterprise=enterprise)[0],
        "discrepancy": Discrepancy.objects.filter(closed_at=None).exclude(kind__in=ENDED_BY_MONEY)[0],
        "tariffline": TariffLine.objects.all()[0],
        "application": _waiting_application(),
        **waiting_for_a_person(enterprise),
    }
    return {table: str(row.pk) for table, row in rows.items()}


def _limit_changes(cast: Cast) -> dict[str, LimitChange]:
    """Two enterprises for which one of the staff proposes more money."""
    return {
        key: LimitChange.objects.create(
            enterprise=cast.enterprises[key], way="top_up", amount=1, voucher="V1", proposed_by=cast.users["staff"]
        )
        for key in ("merchant", "neighbour")
    }


def _applied(cast: Cast) -> dict[str, tuple[int, int]]:
    """Applications handed in once: of somebody without an enterprise, and of two enterprises.

    The last one was begun by a member who is no administrator now, so nobody of the cast may see it.
    """
    found = {}
    begun = {"stranger": "stranger", "merchant_administrator": "merchant_administrator", "neighbour": "neighbour_filer"}
    for key, username in begun.items():
        user, membership = cast.users[username], Membership.objects.filter(user=cast.users[username]).first()
        one = applications.begin(ACCOUNT, by=user, enterprise=membership.enterprise if membership else None)
        applications.save(one, {"name": [f"{username} 申请的企业"]}, version=one.version)
        paper = papers.take(one, ACCOUNT.papers[0], sent(PDF), by=user)
        Submission.objects.create(application=one, number=1, content=one.content, papers=[paper.pk], submitted_by=user)
        found[key] = (one.pk, paper.pk)
    return found


def _waiting_application() -> Application:
    """An account applied for by somebody who asks for no page; it waits for staff."""
    user = User.objects.create(username="visitor", name="程访客")
    one = applications.begin(ACCOUNT, by=user, enterprise=None)
    papers.take(one, ACCOUNT.papers[0], sent(PDF), by=user)
    assert applications.submit(one, GOOD, by=user, version=one.version) == {}
    return one


def waiting_for_a_person(enterprise: Enterprise) -> dict[str, Outbound | Inbound | Receipt]:
    """A message that cannot leave, one that cannot be read, and an answer on no document of ours."""
    now = timezone.now()
    later = now + timedelta(days=1)
    inbound = Inbound.objects.create(
        enterprise=enterprise, state="stuck", attempts=5, last_error="unreadable", sha256="1" * 64, byte_count=1,
        not_before=later, received_at=now,
    )  # fmt: skip
    return {
        "inbound": inbound,
        "outbound": Outbound.objects.create(
            enterprise=enterprise, kind="order", guid=new_guid(), document_count=1, failures=3,
            needs_person="no certificate", not_before=later, created_at=now,
        ),
        "receipt": Receipt.objects.create(
            enterprise=enterprise, inbound_id=inbound.pk, kind="order", code="2", info="", customs_time=now,
            fingerprint="1" * 64, received_at=now,
        ),
    }  # fmt: skip


def _more_enterprises() -> dict[str, Enterprise]:
    made = {}
    for key, (name, of_type, number) in EXTRA.items():
        stem = f"91310115000093{number:03}"
        made[key] = Enterprise.objects.create(
            name=name,
            credit_code=stem + uscc.calc_check_digit(stem),
            customs_code=f"312246DX{number:02}",
            types=[of_type],
            customs_district="2216",
            dxp_id=f"DXPENT00009100{number:02}",
            state=EnterpriseState.APPROVED,
        )
        give_licences(made[key])
        give_services(made[key])
    return made


def _more_people(cast: Cast) -> dict[str, User]:
    made = {}
    for key, username in FILER_OF.items():
        made[username] = User.objects.create(username=username, name="程外人")
        Membership.objects.create(
            user=made[username], enterprise=cast.enterprises[key], roles=[MemberRole.FILER], active=True
        )
    return made


def entry_of(cast: Cast, owner: str, slug: str, n: int, **cells: str) -> Entry:
    """The n-th document of a kind as that enterprise would bring it."""
    enterprise = cast.enterprises[owner]
    if EnterpriseType.MERCHANT in enterprise.types:
        cells = {"ebc_code": enterprise.customs_code, "ebc_name": enterprise.name, **cells}
        if slug == "inventory":
            cells = {"assure_code": enterprise.customs_code, **cells}
    if owner == "direct_logistics" and slug == "waybill":
        cells = {"bill_no": f"6180000{n:04}", **cells}
    return make.entry(slug, n, **cells)


def file(cast: Cast, owner: str, slug: str, entries: list[Entry]) -> list[int]:
    """File as that enterprise's filer; the ids in order."""
    outcome = file_documents(
        actor=cast.actor(FILER_OF.get(owner, f"{owner}_filer")), kind=kind(slug), entries=entries, source=Source.FORM
    )
    told = [(one.rule, one.field, one.text) for found in outcome.problems.values() for one in found]
    assert len(outcome.filed) == len(entries), (owner, slug, told)
    return [outcome.filed[place] for place in range(len(entries))]


def _file(cast: Cast, owner: str, slug: str, *, first: int) -> list[int]:
    """Two documents, what they stand on filed and accepted before."""
    numbers = range(first, first + PER_OWNER)
    for before, filer in (("order", "platform"), ("payment", "payment"), ("waybill", "bonded_logistics")):
        if before in kind(slug).after:
            ids = file(cast, filer, before, [make.entry(before, n) for n in numbers])
            Document.objects.filter(id__in=ids).update(state="stored")
    return file(cast, owner, slug, [entry_of(cast, owner, slug, n) for n in numbers])


def _owned(cast: Cast, owner: str, slug: str, ids: list[int]) -> Owned:
    actor = cast.actor(FILER_OF.get(owner, f"{owner}_filer"))
    entry = entry_of(cast, owner, slug, 900)
    book = excel.workbook_of(kind(slug), [entry])
    return Owned(
        owner,
        slug,
        document=ids[0],
        refused=ids[-1],
        outbound=OutboundDocument.objects.get(document_id=ids[0]).outbound_id,
        inbound=Receipt.objects.filter(document_id=ids[0]).latest("id").inbound_id,
        draft=save_draft(actor=actor, kind=kind(slug), entry=entry).pk,
        upload=uploads.receive(actor=actor, kind=kind(slug), filename="明细.xlsx", content=book).pk,
    )


def kinds_of(types: frozenset[str]) -> Iterator[str]:
    """The kinds an enterprise of these types files."""
    return (one.slug for one in KINDS if one.filed_by & types)


def put_away_unread() -> None:
    """One arrival nobody has read yet: it belongs to no enterprise."""
    now = timezone.now()
    arrived = Inbound.objects.create(sha256="0" * 64, byte_count=1, not_before=now, received_at=now)
    InboundBytes.objects.create(inbound_id=arrived.pk, content=pack(b"x", f"inbound {arrived.pk}"))
