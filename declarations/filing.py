"""The one door's lock: form and workbook both file here (steps 3 to 5 of the walk).

``check_documents`` says everything that is wrong with documents and changes nothing; ``file_documents`` says the same and
files those with which nothing is wrong. What only comes too early is saved and waits (``waiting.py``). Facts are looked up for all documents at once, so that 5,000 cost as many
queries as one; rows are checked and built outside, and saved in one transaction with the outbox rows that will send them.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts import audit
from accounts.access import Actor
from accounts.actions import Action
from accounts.licences import closed_for, closed_types
from accounts.mandates import in_force
from accounts.models import Enterprise
from accounts.services import services_of, unserved_for
from declarations import shape
from declarations.exchange import outbox
from declarations.kinds.inventory import INVENTORY
from declarations.kinds.kind import Kind
from declarations.kinds.order import ORDER
from declarations.kinds.payment import PAYMENT
from declarations.lifecycle import FILED, REFUSED, Beginning, State, begin_again, begin_many
from declarations.models import Document, Draft, Order
from declarations.reading import SHANGHAI
from declarations.rulebook import ERROR, SKIP
from declarations.rules import (
    Facts,
    Filed,
    Known,
    Party,
    Wait,
    check_right,
    check_sense,
    check_together,
    check_trade,
    wait_of,
)
from declarations.shape import Clean, Entry, Filer, Problem
from portal.bulk import checking_references, next_ids, write_rows
from portal.personal import pack, unpack


@dataclass(slots=True)
class Outcome:
    """What became of each document, by its place in what was brought: four ways, and nothing falls between.

    ``filed`` goes to customs now, ``waiting`` is saved and goes by itself when the documents it stands on are accepted;
    both place → id. ``problems`` also holds the warnings and notices of filed documents.
    """

    filed: dict[int, int] = field(default_factory=dict)
    waiting: dict[int, int] = field(default_factory=dict)
    known: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    problems: dict[int, list[Problem]] = field(default_factory=dict)


@dataclass(slots=True)
class _Checked:
    """Documents after all checks: the values of those right in shape, by place, and the problems of each."""

    clean: dict[int, Clean]
    prints: dict[int, bytes]
    problems: list[list[Problem]]
    facts: Facts

    def places(self, level: str) -> list[int]:
        return [place for place, found in enumerate(self.problems) if any(problem.level == level for problem in found)]


def check_documents(*, actor: Actor, kind: Kind, entries: Sequence[Entry]) -> list[list[Problem]]:
    """All problems of all cells of all documents, by place; nothing is saved."""
    return _check(actor, kind, entries, timezone.now()).problems


def file_documents(
    *,
    actor: Actor,
    kind: Kind,
    entries: Sequence[Entry],
    source: str,
    upload_id: int | None = None,
    all_or_nothing: bool = False,
) -> Outcome:
    """File every document with which nothing is wrong; one transaction, all of them or none.

    A document whose predecessors customs has not accepted yet is saved and waits. One filed before with the same content is passed over (``known``); a refused one is filed again as its next
    attempt. With ``all_or_nothing`` a single wrong document keeps all from being filed.
    """
    now = timezone.now()
    with transaction.atomic():
        checked = _check(actor, kind, entries, now)
        refused = checked.places(ERROR)
        known = [place for place in checked.places(SKIP) if place not in set(refused)]
        outcome = Outcome(known=known, refused=refused)
        outcome.problems = {place: found for place, found in enumerate(checked.problems) if found}
        if all_or_nothing and refused:
            return outcome
        left_out = {*refused, *known}
        good = {place: clean for place, clean in checked.clean.items() if place not in left_out}
        waits = {place: wait for place in good if (wait := wait_of(checked.problems[place]))}
        begin = _Begin(actor=actor, kind=kind, source=source, upload_id=upload_id, now=now)
        saved = begin.save(good, checked.prints, entries, checked.facts, waits)
        outcome.filed = {place: document_id for place, document_id in saved.items() if place not in waits}
        outcome.waiting = {place: document_id for place, document_id in saved.items() if place in waits}
        lost = sorted(good.keys() - saved.keys())
        if lost:
            _say_who_was_faster(outcome, {place: good[place] for place in lost}, actor, kind, entries, now)
        if all_or_nothing and outcome.refused:
            transaction.set_rollback(True)
            outcome.filed, outcome.waiting = {}, {}
        if outcome.filed:
            outbox.queue(
                enterprise_id=actor.enterprise.pk, kind_slug=kind.slug, document_ids=list(outcome.filed.values())
            )
        if outcome.filed or outcome.waiting:
            _put_on_record(outcome, actor, kind, source=source, upload_id=upload_id)
    return outcome


def _put_on_record(outcome: Outcome, actor: Actor, kind: Kind, *, source: str, upload_id: int | None) -> None:
    ids = [*outcome.filed.values(), *outcome.waiting.values()]
    subject = f"{kind.slug} {ids[0]}" if len(ids) == 1 else kind.slug
    waiting = {"waiting": len(outcome.waiting)} if outcome.waiting else {}
    audit.record(actor, Action.FILE, subject, documents=len(outcome.filed), **waiting, source=source, upload=upload_id)


def _say_who_was_faster(
    outcome: Outcome, lost: Mapping[int, Clean], actor: Actor, kind: Kind, entries: Sequence[Entry], now: datetime
) -> None:
    """Somebody filed the same key between our look and our writing: theirs stands, ours is the same or contradicts."""
    facts = _facts(actor.enterprise, kind, list(lost.values()), {}, now)
    # Theirs stands also where it waits: it is as new as ours, so ours is no correction of it.
    facts = replace(facts, known={key: known._replace(waits=False) for key, known in facts.known.items()})
    for place, clean in lost.items():
        found = [
            problem
            for problem in check_sense(kind, entries[place], clean, facts)
            if problem.rule in {"E04", "E05", "E13"}
        ]
        outcome.problems.setdefault(place, []).extend(found)
        same = any(problem.level == SKIP for problem in found)
        (outcome.known if same else outcome.refused).append(place)


def _check(actor: Actor, kind: Kind, entries: Sequence[Entry], now: datetime) -> _Checked:
    """Shape first, then sense: every rule whose own cells are right in shape is asked, of every document."""
    enterprise = actor.enterprise
    filer = Filer(enterprise.customs_code, enterprise.name, frozenset(enterprise.types))
    directory = _directory(_codes_named(kind, entries), enterprise.customs_code)
    names = {code: party.name for code, party in directory.items()}
    read = [shape.read(kind, shape.fill(kind, entry, filer, now=now, names=names)) for entry in entries]
    facts = _facts(enterprise, kind, [clean for clean, _found in read], directory, now)
    problems: list[list[Problem]] = []
    whole: list[tuple[int, Clean]] = []
    for place, (clean, found) in enumerate(read):
        unsound = shape.unsound_cells(found)
        if not unsound:
            whole.append((place, clean))
        problems.append(
            [_nameless(kind, problem, entries[place]) for problem in found]
            + check_sense(kind, entries[place], clean, facts, unsound)
        )
    prints = [shape.fingerprint(kind, clean) for _place, clean in whole]
    together = check_together(kind, [(entries[place], clean) for place, clean in whole], prints)
    for position, problem in together.items():
        problems[whole[position][0]].append(problem)
    return _Checked(
        dict(whole), {place: one for (place, _clean), one in zip(whole, prints, strict=True)}, problems, facts
    )


def _nameless(kind: Kind, problem: Problem, entry: Entry) -> Problem:
    """A name left blank that its code could not fill in: what is wrong is the code, so that is where it is said."""
    if problem.rule != "S01" or problem.line is not None:
        return problem
    code = kind.field(problem.field).name_of
    if not code or not shape.as_code(entry.head.get(code)):
        return problem
    return replace(problem, rule="S29", field=code, params={"name_field": problem.field})


def _codes_named(kind: Kind, entries: Iterable[Entry]) -> set[str]:
    """Every enterprise code on the documents, as brought; what is no code finds nobody and does no harm."""
    columns = {code for field_ in kind.fields if (code := field_.name_of)}
    named = (entry.head.get(column) for entry in entries for column in columns)
    return {shape.as_code(code) for code in named} - {""}


def _directory(codes: set[str], own_code: str) -> dict[str, Party]:
    """The registered enterprises of these codes, found under customs code and credit code alike; one query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT customs_code, credit_code, name FROM accounts_directory(%s)", [[*codes, own_code]])
        rows = cursor.fetchall()
    return {code: Party(name, credit) for customs, credit, name in rows for code in (customs, credit)}


def _facts(
    enterprise: Enterprise, kind: Kind, documents: Sequence[Clean], directory: Mapping[str, Party], now: datetime
) -> Facts:
    """Everything the rules may look at, in a constant number of queries whatever the number of documents."""
    return replace(
        _entitled(_trade_facts(enterprise, kind, documents, directory, now), enterprise, kind, documents),
        known=_known(enterprise, kind, documents),
        numbers=_numbers(enterprise, kind, documents),
    )


def _entitled(facts: Facts, enterprise: Enterprise, kind: Kind, documents: Sequence[Clean]) -> Facts:
    """The facts with what the enterprise is entitled to at their time: licences, services, mandates; one query each."""
    day = timezone.localdate(facts.now)
    closed = closed_for(enterprise, kind.filed_by, day)
    # Of several types that file this kind, one whose licence has ended no longer counts; if all have, `closed` says so.
    types = frozenset(enterprise.types) - ({} if closed else closed_types(enterprise, day)).keys()
    return replace(
        facts,
        types=types,
        closed=closed,
        unserved=unserved_for(enterprise, kind.filed_by, day),
        services=services_of(enterprise),
        mandates=_mandates(enterprise, kind, documents, facts.now),
    )


def _trade_facts(
    enterprise: Enterprise, kind: Kind, documents: Sequence[Clean], directory: Mapping[str, Party], now: datetime
) -> Facts:
    """Who files, and what stands of the other documents of each trade."""
    return Facts(
        now=now,
        codes=frozenset({enterprise.customs_code, enterprise.credit_code}),
        credit_code=enterprise.credit_code,
        types=frozenset(enterprise.types),
        directory=directory,
        filed=_filed(kind, documents),
        payers=_payers(enterprise, kind, documents),
    )


def check_again(
    *, enterprise: Enterprise, kind: Kind, document_ids: Collection[int], now: datetime
) -> dict[int, list[Problem]]:
    """What is wrong with documents saved earlier as far as time may change it, by document.

    That is others' documents; and of those that wait for nothing any more what the filer is entitled to now. Set by set, and
    without reading a person's data: no such rule asks for any.
    """
    names = [name for name, field_ in zip(kind.head_names, kind.fields, strict=True) if not field_.personal]
    unread = frozenset((None, name) for name in kind.head_names if name not in names)
    rows = kind.body._default_manager.filter(document_id__in=document_ids).values_list("document_id", *names)
    heads = {document_id: dict(zip(names, said, strict=True)) for document_id, *said in rows}
    entries = {document_id: Entry(head) for document_id, head in heads.items()}
    documents = {one: Clean(tuple([head.get(name) for name in kind.head_names]), []) for one, head in heads.items()}
    directory = _directory(_codes_named(kind, entries.values()), enterprise.customs_code)
    facts = _trade_facts(enterprise, kind, list(documents.values()), directory, now)
    found = {one: check_trade(kind, entries[one], clean, facts, unread) for one, clean in documents.items()}
    if through := {one: documents[one] for one, problems in found.items() if wait_of(problems) is None}:
        facts = _entitled(facts, enterprise, kind, list(through.values()))
        for one, clean in through.items():
            found[one] += check_right(kind, entries[one], clean, facts, unread)
    return found


def _filed(kind: Kind, documents: Sequence[Clean]) -> dict[tuple[str, str], tuple[Filed, ...]]:
    """Other kinds' documents about the same orders, whoever filed them; one query."""
    others = list(kind.compared_with)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, order_no, platform_code, number, state, filer FROM declarations_predecessors(%s, %s)",
            [others, _order_numbers(kind, documents)],
        )
        rows = cursor.fetchall()
    found: dict[tuple[str, str], tuple[Filed, ...]] = {}
    for slug, order_no, platform_code, number, state, filer in rows:
        one = Filed(number, platform_code, filer, state in FILED)
        found[slug, order_no] = (*found.get((slug, order_no), ()), one)
    return found


def _order_numbers(kind: Kind, documents: Sequence[Clean]) -> list[str]:
    place = kind.head_names.index(kind.order_no)
    return sorted({clean.head[place] for clean in documents if clean.head[place]})


def _payers(enterprise: Enterprise, kind: Kind, documents: Sequence[Clean]) -> dict[str, str]:
    """Who pays, as the enterprise's own orders say; one query, none for whom files no orders or need not wait for payments."""
    if PAYMENT.slug not in kind.after or not ORDER.filed_by & set(enterprise.types):
        return {}
    numbers = _order_numbers(kind, documents)
    own = Order.objects.filter(document__enterprise=enterprise, document__number__in=numbers)
    return dict(own.filter(document__kind=ORDER.slug).exclude(pay_name="").values_list("order_no", "pay_name"))


def _known(enterprise: Enterprise, kind: Kind, documents: Sequence[Clean]) -> dict[tuple[str, ...], Known]:
    """The enterprise's own documents with the same keys; one query."""
    keys = {"|".join(key): key for key in (shape.key_of(kind, clean) for clean in documents) if all(key)}
    rows = Document.objects.filter(enterprise=enterprise, kind=kind.slug, key__in=list(keys)).values_list(
        "key", "id", "filed_at", "fingerprint", "state"
    )
    return {
        keys[key]: Known(
            document_id,
            timezone.localtime(filed_at).date(),
            bytes(print_),
            may_file_again=state in REFUSED,
            waits=state == State.WAITING,
        )
        for key, document_id, filed_at, print_, state in rows
    }


def _numbers(enterprise: Enterprise, kind: Kind, documents: Sequence[Clean]) -> dict[str, tuple[str, ...]]:
    """Which of its numbers the enterprise uses already, and for which key; one query, none where the key has the number."""
    if kind.number in kind.key:
        return {}
    place = kind.head_names.index(kind.number)
    rows = Document.objects.filter(
        enterprise=enterprise, kind=kind.slug, number__in=[clean.head[place] for clean in documents]
    ).values_list("number", "key")
    return {number: tuple(key.split("|")) for number, key in rows}


def _mandates(
    enterprise: Enterprise, kind: Kind, documents: Sequence[Clean], now: datetime
) -> frozenset[tuple[str, str, str]]:
    """For which other merchants named on the lists the enterprise may file; one query, none where it names itself alone."""
    if kind is not INVENTORY:
        return frozenset()
    place = kind.head_names.index("ebc_code")
    named = {clean.head[place] for clean in documents} - {None, "", *enterprise.codes}
    return in_force(enterprise, named, now.astimezone(SHANGHAI).date()) if named else frozenset()


#: New documents written at a time; while the database checks what they refer to, the next are made ready.
PORTION = 1000
#: What a document says as its tables take it: its head, its lines.
_Body = tuple[tuple[Any, ...], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begin:
    """Writes good documents: identity and state through ``lifecycle``, bodies and lines in bulk."""

    actor: Actor
    kind: Kind
    source: str
    upload_id: int | None
    now: datetime

    def save(
        self,
        good: Mapping[int, Clean],
        prints: Mapping[int, bytes],
        entries: Sequence[Entry],
        facts: Facts,
        waits: Mapping[int, Wait],
    ) -> dict[int, int]:
        """Place → id of every document that was saved, new, as the next attempt of a refused one or for one that waits."""
        beginnings = {
            place: self._beginning(clean, prints[place], entries[place], waits.get(place))
            for place, clean in good.items()
        }
        again = {
            place: facts.known[key].document_id
            for place, clean in good.items()
            if (key := shape.key_of(self.kind, clean)) in facts.known
        }
        begun = begin_again(
            {document_id: beginnings[place] for place, document_id in again.items()},
            user_id=self.actor.user.pk,
            source=self.source,
            upload_id=self.upload_id,
            now=self.now,
        )
        self._drop_bodies(begun)
        saved = {place: document_id for place, document_id in again.items() if document_id in begun}
        self._write(self._bodies(saved, good).values())
        saved |= self._save_new({place: one for place, one in beginnings.items() if place not in again}, good)
        return dict(sorted(saved.items()))

    def _save_new(self, beginnings: Mapping[int, Beginning], good: Mapping[int, Clean]) -> dict[int, int]:
        """Place → id of the documents that are new; while the database checks one portion, the next is made ready."""
        ids = dict(zip(beginnings, next_ids("declarations_document", len(beginnings)), strict=True))
        places = sorted(beginnings, key=lambda place: beginnings[place].key)
        portions = [{place: ids[place] for place in places[at : at + PORTION]} for at in range(0, len(places), PORTION)]
        saved: dict[int, int] = {}
        bodies = self._bodies(portions[0], good) if portions else {}
        for portion, following in zip_longest(portions, portions[1:]):
            begun = begin_many(
                [beginnings[place] for place in portion],
                enterprise_id=self.actor.enterprise.pk,
                kind_slug=self.kind.slug,
                user_id=self.actor.user.pk,
                source=self.source,
                upload_id=self.upload_id,
                now=self.now,
                ids=list(portion.values()),
            )
            ours = {place: one for place, one in portion.items() if beginnings[place].key in begun}
            self._write([bodies[place] for place in ours])
            saved |= ours
            if following:
                with checking_references():
                    bodies = self._bodies(following, good)
        return saved

    def _beginning(self, clean: Clean, print_: bytes, entry: Entry, wait: Wait | None) -> Beginning:
        head = shape.by_name(self.kind)[0](clean.head)
        return Beginning(
            number=head[self.kind.number],
            key="|".join(shape.key_of(self.kind, clean)),
            order_no=head[self.kind.order_no],
            platform_code=head[self.kind.platform_code] if self.kind.platform_code else "",
            fingerprint=print_,
            sheet_row=entry.rows[0] if entry.rows else None,
            **(wait._asdict() if wait else {}),
        )

    def _drop_bodies(self, document_ids: Iterable[int]) -> None:
        """What was said before gives way to what is said now; what was signed stays in the bytes of its message."""
        ids = list(document_ids)
        if ids and self.kind.line:
            self.kind.line._default_manager.filter(document_id__in=ids).delete()
        if ids:
            self.kind.body._default_manager.filter(document_id__in=ids).delete()

    def _bodies(self, ids: Mapping[int, int], good: Mapping[int, Clean]) -> dict[int, _Body]:
        """Place → what is to be written of a document."""
        kind, enterprise_id = self.kind, self.actor.enterprise.pk
        return {
            place: (
                shape.head_row(kind, good[place], document_id, enterprise_id),
                shape.line_rows(kind, good[place], document_id, enterprise_id),
            )
            for place, document_id in ids.items()
        }

    def _write(self, bodies: Collection[_Body]) -> None:
        kind = self.kind
        write_rows(kind.body._meta.db_table, shape.head_columns(kind), (head for head, _lines in bodies))
        if kind.line:
            lines = (line for _head, own in bodies for line in own)
            write_rows(kind.line._meta.db_table, shape.line_columns(kind), lines)


def save_draft(*, actor: Actor, kind: Kind, entry: Entry, draft: Draft | None = None) -> Draft:
    """Keep a form as it is, complete or not; nothing is checked. The content is compressed and encrypted."""
    number = entry.head.get(kind.number) or entry.head.get(kind.order_no) or ""
    draft = draft or Draft(enterprise=actor.enterprise, kind=kind.slug)
    draft.user, draft.number, draft.changed_at = actor.user, str(number)[:60], timezone.now()
    draft.content = pack(
        json.dumps({"head": entry.head, "lines": entry.lines}, ensure_ascii=False).encode(), _draft_label(draft)
    )
    with transaction.atomic():
        draft.save()
        audit.record(actor, Action.DRAFT_SAVED, f"{kind.slug} {draft.pk}")
    return draft


def read_draft(draft: Draft) -> Entry:
    """The form as it was kept."""
    said: dict[str, Any] = json.loads(unpack(bytes(draft.content), _draft_label(draft)))
    return Entry(head=said["head"], lines=said["lines"])


def _draft_label(draft: Draft) -> str:
    return f"draft {draft.enterprise_id} {draft.kind}"
