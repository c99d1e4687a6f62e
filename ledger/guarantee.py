"""Guarantee accounts: money comes in, lists hold part of it, and give it back (domain §8).

Every movement is a transfer with two entries; ``Hold`` says what one list holds now. Holds are brought to what they
ought to be, set by set, in the transaction of whoever knows why. What does not fit is a ``Discrepancy`` and is held as
soon as it fits; after the last day of a bank's letter nothing new does. Locks are always taken in one order: accounts
by id, then holds by document. Whoever locks documents or bills does so before (documents, bills, accounts, holds), and
calls here once per transaction. A discrepancy comes last, by whoever has its list or bill; who has neither
(``discrepancies.settle``) leaves alone what another has in hand.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import Enterprise, User
from ledger.discrepancies import Found, close, open_many
from ledger.models import Account, Discrepancy, DiscrepancyKind, Guarantee, Hold, Purpose, Transfer, TransferKind
from portal.bulk import next_ids, update_many, write_rows
from portal.money import money
from portal.sentences import keep

#: The most one movement may be; far above any guarantee, far below what the columns hold.
LARGEST = Decimal("1000000000.00")
#: What the voucher of a movement begins with that an approved application brought; its number follows.
OF_APPLICATION = "application "
#: How many holds that were short are tried at once when money is given back.
_BATCH = 1000
_OF_HOLDS = (DiscrepancyKind.SHORT, DiscrepancyKind.NO_GUARANTEE, DiscrepancyKind.NOT_COMPUTED)


class LedgerProblem(ValueError):
    """What was asked cannot be booked; the text (kept sentence) says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one list ought to hold. ``amount`` is None when nobody can say: then nothing moves."""

    document_id: int
    guarantor_code: str
    amount: Decimal | None
    invt_no: str
    cop_no: str
    order_no: str
    at: datetime | None
    #: Who is told when the guarantor is none of our enterprises: the owner of the list.
    owner_id: int | None = None
    #: Why it is to hold so much, or why nobody can say (a kept sentence): stands with the movement, or the discrepancy.
    why: str = ""

    @property
    def number(self) -> str:
        """What people know the list by."""
        return self.invt_no or self.cop_no


def open_guarantee(
    *,
    enterprise: Enterprise,
    kind: str,
    number: str,
    amount: Decimal,
    user: User | None,
    at: datetime,
    voucher: str = "",
    valid_to: date | None = None,
) -> Guarantee:
    """Open the guarantee of an enterprise with its first money; the same again changes nothing.

    The money is booked under the guarantee's own number, where no voucher is named. Lists that name the enterprise and
    found no guarantee hold now what they ought to. Raises ``LedgerProblem``.
    """
    check_movement(amount, number)
    with transaction.atomic():
        guarantee, made = Guarantee.objects.get_or_create(
            enterprise=enterprise,
            defaults={"kind": kind, "number": number, "opened_on": timezone.localdate(at), "valid_to": valid_to},
        )
        if (guarantee.kind, guarantee.number) != (kind, number):
            raise LedgerProblem(
                keep(
                    _("%(enterprise)s 已有担保 %(number)s，请在其上增加额度"),
                    enterprise=enterprise,
                    number=guarantee.number,
                )
            )
        if made:
            Account.objects.bulk_create(
                [Account(enterprise=enterprise, guarantee=guarantee, purpose=purpose) for purpose in Purpose]
            )
            Hold.objects.filter(enterprise=None, guarantor_code__in=enterprise.codes).update(enterprise=enterprise)
        top_up(guarantee=guarantee, amount=amount, voucher=voucher or number, user=user, at=at)
    return guarantee


def bring_limit(
    *,
    guarantee: Guarantee,
    kind: str,
    number: str,
    limit: Decimal,
    voucher: str,
    user: User | None,
    at: datetime,
    valid_to: date | None = None,
) -> None:
    """Bring the limit to what it ought to be, once per voucher, and let the guarantee be called so, and end so, from now on.

    Raises ``LedgerProblem``, also when less is available than is to go.
    """
    with transaction.atomic():
        books = _Books.lock([guarantee.pk])
        if is_booked(guarantee, voucher):
            return
        missing = limit + books.accounts[guarantee.pk][Purpose.FUNDING].balance
        renamed = (guarantee.kind, guarantee.number, guarantee.valid_to) != (kind, number, valid_to)
        if renamed:
            guarantee.kind, guarantee.number, guarantee.valid_to = kind, number, valid_to
            guarantee.save(update_fields=["kind", "number", "valid_to"])
        if missing:
            move = top_up if missing > 0 else reduce
            move(guarantee=guarantee, amount=abs(missing), voucher=voucher, user=user, at=at)
        if renamed:
            _hold_what_fits_in(guarantee.pk)  # a letter that had ended counts again


def left_of(guarantee: Guarantee) -> Decimal:
    """What is left of it now."""
    return Account.objects.get(guarantee=guarantee, purpose=Purpose.AVAILABLE).balance


def limit_of(guarantee: Guarantee) -> Decimal:
    """All that was ever given, less what went out again."""
    return -Account.objects.get(guarantee=guarantee, purpose=Purpose.FUNDING).balance


def is_booked(guarantee: Guarantee, voucher: str) -> bool:
    """Whether money came in or went out under this voucher."""
    keys = [_key(kind, guarantee, voucher) for kind in (TransferKind.TOP_UP, TransferKind.REDUCE)]
    return Transfer.objects.filter(key__in=keys).exists()


def _key(kind: str, guarantee: Guarantee, voucher: str) -> str:
    return f"{kind} {guarantee.pk} {voucher}"


def top_up(*, guarantee: Guarantee, amount: Decimal, voucher: str, user: User | None, at: datetime) -> None:
    """Money came in: funding → available. A voucher counts once; then holds that did not fit are tried again.

    Raises ``LedgerProblem``.
    """
    _fund(TransferKind.TOP_UP, guarantee, amount, voucher, user, at)


def reduce(*, guarantee: Guarantee, amount: Decimal, voucher: str, user: User | None, at: datetime) -> None:
    """Money went out, or the letter was lowered: available → funding. What lists hold stands.

    Raises ``LedgerProblem``, also when less is available.
    """
    _fund(TransferKind.REDUCE, guarantee, amount, voucher, user, at)


def align_many(wanted: Iterable[Wanted], *, inbound_id: int | None = None) -> None:
    """Bring the hold of each list to what it ought to be, in the caller's transaction; the difference moves, once.

    Called again with the same it moves nothing. What disagrees never raises: it is a discrepancy, open until it is put
    right. Money given back goes first to the oldest lists that were short.
    """
    asked = {one.document_id: one for one in wanted}
    guarantors = _guarantors(asked.values())
    with transaction.atomic():
        stand = _stand(asked)
        known = _to_do(asked, stand, guarantors)
        books = _take(known, guarantors, stand)
        books.inbound_id = inbound_id
        books.bring({document_id: one.amount or Decimal(0) for document_id, one in known.items()})
        books.write()
        _tell(asked.values(), books, guarantors)


def settle_many(left: Mapping[int, Decimal], *, why: str, user: User | None) -> None:
    """Tax of these lists was paid outside, in cash: of what each holds all but what is ``left`` to pay is given back.

    A list that was short holds what is left, if it fits now. Runs in the caller's transaction; ``why`` is a kept sentence.
    """
    with transaction.atomic():
        stand = {document_id: hold for document_id, hold in _stand(left).items() if hold.wanted}
        told = dict(  # whoever was told that a list has no guarantor here is told of what becomes of it
            Discrepancy.objects.filter(kind=DiscrepancyKind.NO_GUARANTEE, document_id__in=stand).values_list(
                "document_id", "enterprise_id"
            )
        )
        paid = {
            document_id: Wanted(
                document_id, hold.guarantor_code, None, hold.number, "", "", hold.at, told.get(document_id), why
            )
            for document_id, hold in sorted(stand.items())
        }
        guarantors = _guarantors(paid.values())
        books = _take(paid, guarantors, stand)
        books.user, books.giving_back = user, TransferKind.SETTLE
        for hold in books.holds.values():
            hold.target = books.guarantee_of(hold.enterprise_id)
        books.bring({document_id: left[document_id] for document_id in paid})
        books.write()
        _tell([replace(one, amount=left[document_id]) for document_id, one in paid.items()], books, guarantors)


def hold_what_fits() -> None:
    """Try every list that is short once more, guarantee by guarantee.

    Money that comes in or is given back does so itself; this is for a list that named a guarantor in the very moment its
    guarantee was opened.
    """
    short = Hold.objects.filter(wanted__gt=F("amount")).exclude(enterprise__guarantee=None)
    for guarantee_id in (
        short.order_by("enterprise__guarantee").values_list("enterprise__guarantee", flat=True).distinct()
    ):
        _hold_what_fits_in(guarantee_id)


def _hold_what_fits_in(guarantee_id: int) -> None:
    """The same for one guarantee."""
    with transaction.atomic():
        books = _Books.lock([guarantee_id])
        books.freed.add(guarantee_id)
        books.bring({})
        books.write()


def _fund(kind: str, guarantee: Guarantee, amount: Decimal, voucher: str, user: User | None, at: datetime) -> None:
    """Move money in or out, once per voucher, and write down who did."""
    check_movement(amount, voucher)
    key = _key(kind, guarantee, voucher)
    with transaction.atomic():
        books = _Books.lock([guarantee.pk])
        before = Transfer.objects.filter(key=key).first()
        if before is not None:
            if before.amount != amount:
                raise LedgerProblem(
                    keep(
                        _("凭证 %(voucher)s 已经记账 %(amount)s 元，金额不同的请用另一个凭证号"),
                        voucher=voucher,
                        amount=money(before.amount),
                    )
                )
            return
        if kind == TransferKind.REDUCE and books.available(guarantee.pk) < amount:
            raise LedgerProblem(
                keep(
                    _("可用余额只有 %(left)s 元，不能减少 %(amount)s 元；预扣中的金额要等清单返还"),
                    left=money(books.available(guarantee.pk)),
                    amount=money(amount),
                )
            )
        books.user = user
        way = (
            (Purpose.FUNDING, Purpose.AVAILABLE)
            if kind == TransferKind.TOP_UP
            else (Purpose.AVAILABLE, Purpose.FUNDING)
        )
        books.move(guarantee.pk, kind, key, amount, way, at=at)
        books.bring({})
        books.write()
        if user is not None:
            action = Action.GUARANTEE_TOP_UP if kind == TransferKind.TOP_UP else Action.GUARANTEE_REDUCED
            staff = Bystander(user=user, enterprise=guarantee.enterprise)
            record(staff, action, guarantee.number, amount=str(amount), voucher=voucher)


def check_movement(amount: Decimal, voucher: str) -> None:
    """Raises ``LedgerProblem`` for an amount or a voucher that is none."""
    if not amount.is_finite() or not 0 < amount <= LARGEST or amount != amount.quantize(Decimal("0.01")):
        raise LedgerProblem(
            keep(
                _("金额 %(amount)s 不对，应大于 0、不超过 %(largest)s，最多两位小数"),
                amount=str(amount),
                largest=money(LARGEST),
            )
        )
    if not voucher.strip() or len(voucher) > 60:
        raise LedgerProblem(keep(_("请填写凭证号，60 个字以内")))


@dataclass(frozen=True, slots=True)
class _Guarantor:
    """An enterprise that a list names as guarantor, and its guarantee here, if it has one."""

    enterprise_id: int
    guarantee_id: int | None


def _guarantors(wanted: Iterable[Wanted]) -> dict[str, _Guarantor]:
    """code → whose it is; a code may be the customs or the credit code."""
    codes = {one.guarantor_code for one in wanted}
    found: dict[str, _Guarantor] = {}
    for pk, guarantee_id, *own in Enterprise.objects.filter(
        Q(customs_code__in=codes) | Q(credit_code__in=codes)
    ).values_list("pk", "guarantee__pk", "customs_code", "credit_code"):
        found |= {code: _Guarantor(pk, guarantee_id) for code in own}
    return found


def _to_do(
    asked: Mapping[int, Wanted], stand: Mapping[int, "_Held"], guarantors: Mapping[str, _Guarantor]
) -> dict[int, Wanted]:
    """Those of the lists whose hold may have to change; a repeated answer of customs locks nothing."""
    found = {}
    for document_id, one in sorted(asked.items()):
        hold, guarantor = stand.get(document_id), guarantors.get(one.guarantor_code)
        if hold is None:
            settled = not one.amount
        else:
            at_home = not hold.amount or (guarantor is not None and guarantor.guarantee_id == hold.guarantee_id)
            named = not one.amount or (hold.number, hold.at) == (one.number, one.at)
            settled = hold.amount == hold.wanted == one.amount and at_home and named
        if one.amount is not None and not settled:
            found[document_id] = one
    return found


@dataclass(slots=True)
class _Held:
    """A hold as it stands in its locked row, and as the movements of this transaction leave it."""

    document_id: int
    enterprise_id: int | None
    guarantor_code: str
    guarantee_id: int | None
    amount: Decimal
    wanted: Decimal
    moves: int
    number: str
    at: datetime | None
    #: Where it is to be held from now on, and why it moves (a kept sentence).
    target: int | None = None
    why: str = ""
    moved: bool = False
    #: It was short, and money was given back.
    waited: bool = False
    #: What it ought to be by its row, and whether it was less.
    wanted_before: Decimal = Decimal(0)
    was_short: bool = False


@dataclass(slots=True)
class _Standing:
    """An account as it stands now."""

    id: int
    balance: Decimal
    version: int


_HOLD_COLUMNS = (
    "document_id", "enterprise_id", "guarantor_code", "guarantee_id", "amount", "wanted", "moves", "invt_no", "cop_no",
    "at",
)  # fmt: skip
_NOTE = f"""
INSERT INTO ledger_hold AS h
    (document_id, enterprise_id, guarantor_code, invt_no, cop_no, order_no, at, amount, wanted, moves)
SELECT n.*, 0, 0, 0 FROM unnest(
    %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[]) n
ON CONFLICT (document_id) DO UPDATE SET enterprise_id = excluded.enterprise_id,
    guarantor_code = excluded.guarantor_code, invt_no = excluded.invt_no, cop_no = excluded.cop_no,
    order_no = excluded.order_no, at = excluded.at
RETURNING {", ".join(f"h.{name}" for name in _HOLD_COLUMNS)}
"""  # noqa: S608 (the names are those of the tuple above)
_TRANSFER_COLUMNS = (
    "id", "enterprise_id", "guarantee_id", "kind", "key", "amount", "document_id", "list_no", "wanted", "reason",
    "user_id", "inbound_id", "happened_at", "recorded_at",
)  # fmt: skip
_ENTRY_COLUMNS = ("transfer_id", "enterprise_id", "account_id", "amount", "balance_after", "version")


@dataclass(slots=True)
class _Books:
    """The accounts of some guarantees, locked, and the movements of one transaction, written at its end at once."""

    accounts: dict[int, dict[str, _Standing]]
    owners: dict[int, int]
    #: Of the guarantees that end, their last day.
    last_days: dict[int, date] = field(default_factory=dict)
    now: datetime = field(default_factory=timezone.now)
    user: User | None = None
    inbound_id: int | None = None
    giving_back: str = TransferKind.RELEASE
    holds: dict[int, _Held] = field(default_factory=dict)
    freed: set[int] = field(default_factory=set)
    transfers: list[tuple[Any, ...]] = field(default_factory=list)
    entries: list[tuple[Any, ...]] = field(default_factory=list)

    @classmethod
    def lock(cls, guarantee_ids: Collection[int]) -> "_Books":
        """Take the accounts in the order of their ids, whoever asks for which: no two transactions wait crosswise."""
        accounts: dict[int, dict[str, _Standing]] = {}
        owners = {}
        rows = Account.objects.select_for_update(no_key=True).filter(guarantee_id__in=guarantee_ids).order_by("id")
        for pk, owner, guarantee_id, purpose, balance, version in rows.values_list(
            "id", "enterprise_id", "guarantee_id", "purpose", "balance", "version"
        ):
            accounts.setdefault(guarantee_id, {})[purpose] = _Standing(pk, balance, version)
            owners[guarantee_id] = owner
        # Asked behind the locks: whoever renews a letter has them too.
        ending = Guarantee.objects.filter(pk__in=accounts).values_list("pk", "valid_to") if accounts else ()
        return cls(accounts, owners, {pk: last for pk, last in ending if last is not None})

    def available(self, guarantee_id: int) -> Decimal:
        """What is left now."""
        return self.accounts[guarantee_id][Purpose.AVAILABLE].balance

    def guarantee_of(self, enterprise_id: int | None) -> int | None:
        """The guarantee of an enterprise, if its accounts are locked."""
        return next((pk for pk, owner in self.owners.items() if owner == enterprise_id), None)

    def ended_for(self, hold: _Held) -> date | None:
        """The last day of the letter that is to hold it, if that is over; its last day still counts.

        What customs accepted in time is held whenever we hear of it. What was short then is a new hold today.
        """
        last = self.last_days.get(hold.target) if hold.target is not None else None
        day = timezone.localdate(self.now if hold.was_short or hold.at is None else hold.at)
        return last if last is not None and last < day else None

    def move(
        self,
        guarantee_id: int,
        kind: str,
        key: str,
        amount: Decimal,
        way: tuple[str, str],
        *,
        at: datetime,
        hold: _Held | None = None,
    ) -> None:
        """Note one movement from the first account of ``way`` to the second."""
        owner, user_id = self.owners[guarantee_id], self.user.pk if self.user else None
        of_list = (hold.document_id, hold.number, hold.wanted, hold.why) if hold else (None, "", None, "")
        self.transfers.append(
            (
                owner, guarantee_id, str(kind), key, amount, *of_list, user_id, self.inbound_id, at, self.now,
            )
        )  # fmt: skip
        for purpose, signed in zip(way, (-amount, amount), strict=True):
            account = self.accounts[guarantee_id][purpose]
            account.balance += signed
            account.version += 1
            self.entries.append((owner, account.id, signed, account.balance, account.version))
        if way[1] == Purpose.AVAILABLE:
            self.freed.add(guarantee_id)

    def bring(self, amounts: Mapping[int, Decimal]) -> None:
        """Bring the locked holds to these amounts: first what is given back, then what is taken, oldest list first.

        When money was given back, the holds of the same guarantees that were short stand in the same line.
        """
        for document_id, amount in amounts.items():
            if hold := self.holds.get(document_id):
                self._lower(hold, amount)
        line = {document_id: self.holds[document_id] for document_id in amounts if document_id in self.holds}
        while True:
            waiting = self._short(self.holds) if self.freed else []
            self.holds |= {hold.document_id: hold for hold in waiting}
            line |= {hold.document_id: hold for hold in waiting}
            for _document_id, hold in sorted(line.items()):
                self._raise(hold)
            if len(waiting) < _BATCH:
                return
            line = {}

    def _lower(self, hold: _Held, amount: Decimal) -> None:
        elsewhere = hold.guarantee_id is not None and hold.guarantee_id != hold.target
        kept = Decimal(0) if elsewhere else min(hold.amount, amount)
        hold.wanted = amount
        if hold.amount > kept and hold.guarantee_id is not None:
            kind = self.giving_back if kept == 0 else TransferKind.ADJUST
            self._shift(hold, kind, hold.amount - kept, (Purpose.HELD, Purpose.AVAILABLE))
            hold.amount = kept

    def _raise(self, hold: _Held) -> None:
        need = hold.wanted - hold.amount
        if need <= 0 or hold.target is None or self.available(hold.target) < need or self.ended_for(hold):
            return
        kind = TransferKind.ADJUST if hold.amount else TransferKind.HOLD
        hold.guarantee_id = hold.target
        self._shift(hold, kind, need, (Purpose.AVAILABLE, Purpose.HELD))
        hold.amount = hold.wanted

    def _shift(self, hold: _Held, kind: str, amount: Decimal, way: tuple[str, str]) -> None:
        assert hold.guarantee_id is not None
        hold.moves, hold.moved = hold.moves + 1, True
        key = f"list {hold.document_id} {hold.moves}"
        at = hold.at if kind == TransferKind.HOLD else None
        self.move(hold.guarantee_id, kind, key, amount, way, at=at or self.now, hold=hold)

    def _short(self, seen: Collection[int]) -> list[_Held]:
        """The oldest holds that were short and fit now. One that another transaction has in hand is left to it."""
        today, fits = timezone.localdate(self.now), Q(pk=None)
        for guarantee_id in self.freed:
            if self.last_days.get(guarantee_id, today) < today:
                continue
            fits |= Q(enterprise=self.owners[guarantee_id], wanted__lte=F("amount") + self.available(guarantee_id))
        rows = (
            Hold.objects.select_for_update(no_key=True, skip_locked=True)
            .filter(fits, wanted__gt=F("amount"))
            .exclude(document_id__in=seen)
            .order_by("document_id")
        )
        why = keep(_("可用余额足够后补扣"))
        return [
            replace(hold, target=self.guarantee_of(hold.enterprise_id), why=why, waited=True)
            for hold in _read(rows[:_BATCH])
        ]

    def write(self) -> None:
        """Write the movements, which themselves bring the rows of accounts and holds on.

        Of a hold that ought to be something else but does not move, only that is written. What had waited and is held
        now is no discrepancy any more.
        """
        holds = [hold for _document_id, hold in sorted(self.holds.items())]
        if self.transfers:
            self._write_transfers()
        update_many(
            "ledger_hold",
            {"document_id": "bigint", "wanted": "numeric"},
            [(hold.document_id, hold.wanted) for hold in holds if not hold.moved and hold.wanted != hold.wanted_before],
        )
        done = [_subject(hold.document_id) for hold in holds if hold.waited and hold.amount == hold.wanted]
        close((DiscrepancyKind.SHORT, DiscrepancyKind.NO_GUARANTEE), done)

    def _write_transfers(self) -> None:
        ids = next_ids("ledger_transfer", len(self.transfers))
        write_rows(
            "ledger_transfer", _TRANSFER_COLUMNS, [(pk, *row) for pk, row in zip(ids, self.transfers, strict=True)]
        )
        write_rows("ledger_entry", _ENTRY_COLUMNS, [(ids[place // 2], *row) for place, row in enumerate(self.entries)])


def _take(wanted: Mapping[int, Wanted], guarantors: Mapping[str, _Guarantor], stand: Mapping[int, _Held]) -> _Books:
    """Lock accounts, then holds; a hold that meanwhile moved to another guarantee makes us begin again with that too."""
    targets = {
        document_id: found.guarantee_id
        for document_id, one in wanted.items()
        if (found := guarantors.get(one.guarantor_code))
    }
    more = {hold.guarantee_id for document_id, hold in stand.items() if document_id in wanted and hold.amount}
    while True:
        point = transaction.savepoint()
        books = _Books.lock({pk for pk in (*targets.values(), *more) if pk is not None})
        rows = Hold.objects.select_for_update(no_key=True).filter(document_id__in=wanted).order_by("document_id")
        books.holds = {hold.document_id: hold for hold in _read(rows)}
        books.holds |= _note(wanted, books.holds, guarantors)
        elsewhere = {hold.guarantee_id for hold in books.holds.values() if hold.amount} - books.accounts.keys()
        if not elsewhere:
            transaction.savepoint_commit(point)
            break
        transaction.savepoint_rollback(point)  # lets the locks go too
        more |= elsewhere
    for document_id, hold in books.holds.items():
        hold.target, hold.why = targets.get(document_id), wanted[document_id].why
    return books


def _note(
    wanted: Mapping[int, Wanted], holds: Mapping[int, _Held], guarantors: Mapping[str, _Guarantor]
) -> dict[int, _Held]:
    """Write down of each list what is new: its guarantor, numbers and day. Of two that come first, one waits here."""
    rows = []
    for document_id, one in wanted.items():
        hold, found = holds.get(document_id), guarantors.get(one.guarantor_code)
        if one.amount is None or (hold is None and not one.amount):
            continue
        owner = found.enterprise_id if found else None
        if hold is None or owner is None or (hold.enterprise_id, hold.number, hold.at) != (owner, one.number, one.at):
            rows.append((document_id, owner, one.guarantor_code, one.invt_no, one.cop_no, one.order_no, one.at))
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [list(column) for column in zip(*rows, strict=True)])
        return {hold.document_id: hold for hold in map(_held, cursor.fetchall())}


def _tell(asked: Iterable[Wanted], books: _Books, guarantors: Mapping[str, _Guarantor]) -> None:
    """Open and close what our books cannot follow, of the lists asked for."""
    found: list[Found] = []
    fine: list[str] = []
    for one in asked:
        guarantor, hold = guarantors.get(one.guarantor_code), books.holds.get(one.document_id)
        told = guarantor.enterprise_id if guarantor else one.owner_id
        if one.amount is None:
            kind, note, left = DiscrepancyKind.NOT_COMPUTED, keep(_NOT_COMPUTED, list=one.number, why=one.why), None
        elif hold is None or hold.amount >= hold.wanted:
            fine.append(_subject(one.document_id))
            continue
        elif guarantor is None or guarantor.guarantee_id is None:
            words = _NO_GUARANTEE if guarantor else _NO_GUARANTOR
            kind, left = DiscrepancyKind.NO_GUARANTEE, None
            note = keep(words, list=one.number, code=one.guarantor_code, amount=money(one.amount))
        elif ended := books.ended_for(hold):
            kind, left = DiscrepancyKind.SHORT, books.available(guarantor.guarantee_id)
            note = keep(_ENDED, list=one.number, amount=money(one.amount), day=ended.isoformat())
        else:
            kind, left = DiscrepancyKind.SHORT, books.available(guarantor.guarantee_id)
            missing = hold.wanted - hold.amount - left
            note = keep(_SHORT, list=one.number, amount=money(one.amount), left=money(left), missing=money(missing))
        found.append(
            Found(
                kind=kind,
                subject=_subject(one.document_id),
                enterprise_id=told,
                number=one.number,
                document_id=one.document_id,
                ours=left,
                theirs=one.amount,
                note=note,
            )
        )
    close(_OF_HOLDS, fine)
    for kind in _OF_HOLDS:
        close([other for other in _OF_HOLDS if other != kind], [one.subject for one in found if one.kind == kind])
    open_many(found)


_SHORT = _("清单 %(list)s 应预扣 %(amount)s 元，可用余额 %(left)s 元，还差 %(missing)s 元；增加额度后自动补扣")
_ENDED = _(
    "清单 %(list)s 应预扣 %(amount)s 元，担保企业的银行保函有效期至 %(day)s，已到期，不再新增预扣；新的保函核验后自动补扣"
)
_NO_GUARANTEE = _("清单 %(list)s 应预扣 %(amount)s 元，担保企业 %(code)s 在本系统没有担保；登记担保后自动预扣")
_NO_GUARANTOR = _("清单 %(list)s 应预扣 %(amount)s 元，担保企业 %(code)s 不是本系统的企业；请核对清单上的担保企业编号")
_NOT_COMPUTED = _("清单 %(list)s 的税款本系统无法计算，海关税单到达后按税单预扣。%(why)s")


def _subject(document_id: int) -> str:
    return f"list {document_id}"


def _stand(documents: Iterable[int]) -> dict[int, _Held]:
    """The holds of these lists as they stand, not locked."""
    return {hold.document_id: hold for hold in _read(Hold.objects.filter(document_id__in=list(documents)))}


def _read(rows: Any) -> list[_Held]:
    return [_held(row) for row in rows.values_list(*_HOLD_COLUMNS)]


def _held(row: Sequence[Any]) -> _Held:
    document_id, enterprise_id, guarantor_code, guarantee_id, amount, wanted, moves, invt_no, cop_no, at = row
    number = invt_no or cop_no
    return _Held(
        document_id,
        enterprise_id,
        guarantor_code,
        guarantee_id,
        amount,
        wanted,
        moves,
        number,
        at,
        wanted_before=wanted,
        was_short=amount < wanted,
    )
