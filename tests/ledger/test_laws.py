"""The laws of the books against raw SQL, the owner's included; and the audit, which finds what got past them."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from accounts.cast import Cast
from ledger.audit import CHECKS, audit
from ledger.bills import Attached, Bill, BillLine, attach, record_bills
from ledger.guarantee import align_many
from ledger.models import OF_NO_LIST, Account, Entry, Guarantee, Hold, Purpose, TaxBill, Transfer, TransferKind
from ledger.payment import confirm_payment
from ledger.tasks import audit_books
from portal.bulk import write_rows
from tests.cast import NEVER_EMPTIED
from tests.ledger.books import NOW, balances, deposit, undone, wants
from tests.ledger.test_bills import an_816, receive


@pytest.fixture
def guarantee(cast: Cast) -> Guarantee:
    """A deposit of 1,000 of which a list holds 30."""
    found = deposit(cast.enterprises["platform"], "1000.00")
    align_many([wants(1, cast.enterprises["platform"], "30.00")])
    run("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would ask
    run("SET CONSTRAINTS ALL DEFERRED")
    return found


@pytest.fixture
def billed(guarantee: Guarantee, cast: Cast) -> Guarantee:
    """The same, another's guarantee beside, and the list has its bill."""
    deposit(cast.enterprises["merchant"], "500.00", number="B")
    platform, warehouse = cast.enterprises["platform"], cast.enterprises["warehouse"]
    number = wants(1, platform, "30.00").invt_no
    tax = (Decimal(0), Decimal(0), Decimal("30.00"))
    bill = Bill(
        number, f"{number}_0", "", "", platform.customs_code, "", "", "", "2216", *tax, "1", "", NOW,
        (BillLine(1, "1901101000", Decimal(330), *tax),),
    )  # fmt: skip
    record_bills([bill], enterprise_id=warehouse.pk, inbound_id=None, received_at=NOW, known_lists={number})
    attach(warehouse.pk, [Attached(number, 1, None, None)])
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("SET CONSTRAINTS ALL DEFERRED")
    return guarantee


@pytest.fixture
def names(cast: Cast) -> dict[str, object]:
    """What statements say of enterprises."""
    ids = {name: cast.enterprises[name].pk for name in ("platform", "merchant", "warehouse")}
    return {**ids, "code": f"'{cast.enterprises['merchant'].customs_code}'"}


def run(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@contextmanager
def refused(said: str) -> Iterator[None]:
    """The statements inside are refused, at the latest when they are to be committed, by a law that says so."""
    with pytest.raises(DatabaseError, match=said), transaction.atomic():
        yield
        run("SET CONSTRAINTS ALL IMMEDIATE")


def account(guarantee: Guarantee, purpose: str) -> Account:
    return Account.objects.get(guarantee=guarantee, purpose=purpose)


def a_transfer(
    guarantee: Guarantee,
    amount: str = "10.00",
    key: str = "by hand",
    kind: str = "hold",
    document_id: int | None = 1,
) -> int:
    """A transfer without entries, which no commit survives."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_transfer (enterprise_id, guarantee_id, kind, key, amount, document_id, list_no, reason,"
            " happened_at, recorded_at) VALUES (%s, %s, %s, %s, %s, %s, '', '', now(), now()) RETURNING id",
            [guarantee.enterprise_id, guarantee.pk, kind, key, amount, document_id],
        )
        return cursor.fetchone()[0]


def an_entry(transfer: int, account: Account, amount: str, *, after: str = "", version: int = 0) -> None:
    """One entry, by default one that continues its account as it should."""
    account.refresh_from_db()
    run(
        "INSERT INTO ledger_entry (enterprise_id, transfer_id, account_id, amount, balance_after, version)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        account.enterprise_id,
        transfer,
        account.pk,
        amount,
        after or account.balance + Decimal(amount),
        version or account.version + 1,
    )


def test_a_transfer_by_hand_that_keeps_the_laws_is_taken(guarantee: Guarantee) -> None:
    """It needs a list that calls for more, and takes what the list holds along."""
    run("UPDATE ledger_hold SET wanted = 40")
    transfer = a_transfer(guarantee)
    an_entry(transfer, account(guarantee, "available"), "-10.00")
    an_entry(transfer, account(guarantee, "held"), "10.00")
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert balances(guarantee) == (Decimal("960.00"), Decimal("40.00"), Decimal("-1000.00"))
    assert Hold.objects.values_list("amount", "moves").get() == (Decimal("40.00"), 2)
    assert verdicts() == {}


def test_a_transfer_without_both_sides_is_refused(guarantee: Guarantee) -> None:
    with refused("do not sum to zero"):
        a_transfer(guarantee)
    with refused("do not sum to zero"):
        an_entry(a_transfer(guarantee), account(guarantee, "available"), "-10.00")


def test_a_third_side_is_refused_also_later(guarantee: Guarantee) -> None:
    done = Transfer.objects.get(kind="hold").pk
    for purpose, amount in (("available", "-30.00"), ("held", "30.00")):
        with refused("ledger_entry_two_legs"):
            an_entry(done, account(guarantee, purpose), amount)


def test_entries_of_another_amount_are_refused(guarantee: Guarantee) -> None:
    with refused("does not fit transfer"):
        an_entry(a_transfer(guarantee), account(guarantee, "held"), "10.01")


def test_an_entry_of_nothing_and_a_transfer_of_nothing_are_refused(guarantee: Guarantee) -> None:
    with refused("entry_of_something"):
        an_entry(a_transfer(guarantee), account(guarantee, "held"), "0.00")
    for amount in ("0.00", "-10.00"):
        with refused("transfer_of_something"):
            a_transfer(guarantee, amount)


def test_an_entry_on_an_account_of_another_guarantee_is_refused(guarantee: Guarantee, cast: Cast) -> None:
    other = deposit(cast.enterprises["merchant"], number="B")
    with refused("does not fit transfer"):
        an_entry(a_transfer(guarantee), account(other, "held"), "10.00")


def test_a_balance_that_does_not_follow_is_refused(guarantee: Guarantee) -> None:
    with refused("does not continue account"):
        an_entry(a_transfer(guarantee), account(guarantee, "held"), "10.00", after="999.00")


@pytest.mark.parametrize("version", [1, 3, -1, 99])
def test_a_version_out_of_line_is_refused(guarantee: Guarantee, version: int) -> None:
    with refused("does not continue account|entry_once"):
        an_entry(a_transfer(guarantee), account(guarantee, "held"), "10.00", version=version)


def test_what_would_fall_below_zero_is_refused(guarantee: Guarantee) -> None:
    with refused("does not fit transfer"):
        an_entry(a_transfer(guarantee, "970.01"), account(guarantee, "available"), "-970.01")
    # Not even for a moment, within one statement.
    held = account(guarantee, "held")
    with refused("does not fit transfer"):
        out, back = a_transfer(guarantee, "31.00", "out"), a_transfer(guarantee, "31.00", "back")
        write_rows(
            "ledger_entry",
            ("enterprise_id", "transfer_id", "account_id", "amount", "balance_after", "version"),
            [
                (held.enterprise_id, out, held.pk, Decimal("-31.00"), Decimal("-1.00"), 2),
                (held.enterprise_id, back, held.pk, Decimal("31.00"), Decimal("30.00"), 3),
            ],
        )


@pytest.mark.parametrize("table", ["entry", "transfer"])
def test_what_is_written_stays_written(guarantee: Guarantee, table: str) -> None:
    for statement in (
        f"UPDATE ledger_{table} SET amount = amount",
        f"UPDATE ledger_{table} SET amount = 1 WHERE false",
        f"DELETE FROM ledger_{table}",
    ):
        with refused("append-only"):
            run(statement)


def test_the_books_are_not_emptied(guarantee: Guarantee) -> None:
    """The tests themselves switch these triggers off to clean up, so it is asked what else stands there."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
             WHERE t.tgfoid = 'ledger_stands'::regproc AND t.tgtype & 32 > 0 ORDER BY 1
        """)
        assert cursor.fetchall() == [(f"ledger_{table}",) for table in NEVER_EMPTIED]
        for table in NEVER_EMPTIED:
            cursor.execute(f"ALTER TABLE ledger_{table} ENABLE TRIGGER ledger_{table}_not_emptied")
    for table in NEVER_EMPTIED:
        with refused("append-only"):
            run(f"TRUNCATE ledger_{table} CASCADE")


@pytest.mark.parametrize(
    "change",
    [
        "balance = balance + 1",
        "version = version + 1",
        "version = version - 1",
        "version = 0, balance = 0",
        "purpose = 'funding'",
        "guarantee_id = guarantee_id + 1",
        "enterprise_id = enterprise_id + 1",
    ],
)
def test_an_account_is_what_its_last_entry_says(guarantee: Guarantee, change: str) -> None:
    with refused("is what its last entry says"):
        run(f"UPDATE ledger_account SET {change} WHERE purpose = 'held'")


def test_an_account_is_born_empty_and_never_dies(guarantee: Guarantee, cast: Cast) -> None:
    with refused("born empty"):
        other = Guarantee.objects.create(
            enterprise=cast.enterprises["merchant"], kind="deposit", number="X", opened_on="2025-06-02"
        )
        Account.objects.create(enterprise=other.enterprise, guarantee=other, purpose="available", balance=5)
    with refused("born empty"):
        other = Guarantee.objects.create(
            enterprise=cast.enterprises["merchant"], kind="deposit", number="X", opened_on="2025-06-02"
        )
        Account.objects.create(enterprise=guarantee.enterprise, guarantee=other, purpose="available")
    with refused("account_once"):
        Account.objects.create(enterprise=guarantee.enterprise, guarantee=guarantee, purpose="available")
    with refused("append-only"):
        run("DELETE FROM ledger_account")


CALLS_FOR = "a list that has bills calls for what the open ones come to, unless it gave everything back"
ANSWERS = "who holds for a list answers for its bills"

#: What raw SQL may not do → the law that says so.
REFUSED = {
    "UPDATE ledger_hold SET amount = 20": "moves with its entries only",
    "UPDATE ledger_hold SET amount = 60, wanted = 60": "moves with its entries only",
    "UPDATE ledger_hold SET amount = 0, wanted = 0": "moves with its entries only",
    "UPDATE ledger_hold SET moves = 2": "moves with its entries only",
    "UPDATE ledger_hold SET guarantee_id = NULL": "moves with its entries only",
    "UPDATE ledger_hold SET guarantee_id = (SELECT max(id) FROM ledger_guarantee)": "moves with its entries only",
    "UPDATE ledger_hold SET document_id = 99": "moves with its entries only",
    "UPDATE ledger_hold SET wanted = 29.99": "hold_no_more_than_wanted",
    "UPDATE ledger_hold SET wanted = 'NaN'": "hold_not_below_zero",
    "UPDATE ledger_hold SET enterprise_id = {merchant}": "names somebody else as guarantor",
    "UPDATE ledger_hold SET enterprise_id = {merchant}, guarantor_code = {code}": "holds something of somebody else",
    "UPDATE ledger_hold SET enterprise_id = NULL": "holds something of somebody else",
    "INSERT INTO ledger_hold (document_id, enterprise_id, guarantor_code, guarantee_id, amount, wanted, moves, invt_no,"
    " cop_no, order_no) SELECT 77, enterprise_id, guarantor_code, guarantee_id, 500, 500, 1, '', '', '' FROM ledger_hold":
        "moves with its entries only",
    "INSERT INTO ledger_hold (document_id, enterprise_id, guarantor_code, amount, wanted, moves, invt_no, cop_no, order_no)"
    " VALUES (77, {merchant}, 'X', 0, 500, 0, '', '', '')": "names somebody else as guarantor",
    "DELETE FROM ledger_hold": "append-only",
    "UPDATE ledger_guarantee SET enterprise_id = {warehouse}": "stays with its enterprise",
    "UPDATE ledger_guarantee SET kind = 'gift'": "guarantee_kind",
    "DELETE FROM ledger_guarantee": "append-only",
    "INSERT INTO ledger_account (enterprise_id, guarantee_id, purpose, balance, version)"
    " SELECT enterprise_id, id, 'escrow', 0, 0 FROM ledger_guarantee": "account_purpose",
    "UPDATE ledger_account SET version = version + 1": "is what its last entry says",
    "UPDATE ledger_account SET balance = balance + 1": "is what its last entry says",
    "UPDATE ledger_taxbill SET vat = 29, total = 29": "says what customs said",
    "UPDATE ledger_taxbill SET vat = 'NaN', total = 'NaN'": "says what customs said",
    "UPDATE ledger_taxbill SET invt_no = 'X'": "says what customs said",
    "UPDATE ledger_taxbill SET tax_no = 'X', billed_at = billed_at + interval '1 day'": "says what customs said",
    "UPDATE ledger_taxbill SET vat = 29, total = 29, billed_at = billed_at - interval '1 day'": "says what customs said",
    "UPDATE ledger_taxbill SET vat = 'NaN', total = 'NaN', fingerprint = 'f', billed_at = billed_at + interval '1 day'": "taxbill_of_amounts",
    "UPDATE ledger_taxbill SET duty = -1, total = 29, fingerprint = 'f', billed_at = billed_at + interval '1 day'": "taxbill_of_amounts",
    "UPDATE ledger_taxbill SET total = 29, fingerprint = 'f', billed_at = billed_at + interval '1 day'": "taxbill_total_is_its_taxes",
    "UPDATE ledger_taxbill SET vat = 29, total = 29, billed_at = billed_at + interval '1 day'": "says what customs said",
    "UPDATE ledger_taxbill SET state = 'paid', paid_on = '2025-07-10', paid_voucher = 'PZ1', paid_total = 0.01":
        "is paid once, with what it comes to",
    "INSERT INTO ledger_taxbill (enterprise_id, assure_code, ebc_code, logistics_code, agent_code, invt_no, tax_no,"
    " order_no, logistics_no, customs_code, duty, consumption, vat, total, state, duty_no, billed_at, own_treatment,"
    " own_note, paid_on, paid_voucher, paid_total, fingerprint, received_at) SELECT enterprise_id, '', '', '', '', 'X',"
    " 'X', '', '', '', 0, 0, 1, 1, 'paid', '', now(), '', '', '2025-07-10', 'PZ1', 1, 'X', now() FROM ledger_taxbill":
        "is paid once, with what it comes to",
    "INSERT INTO ledger_taxbillline (enterprise_id, bill_id, gnum, gcode, value, duty, consumption, vat, own_rates)"
    " SELECT enterprise_id, id, 2, '1', 0, 0, 0, 0, '{{}}' FROM ledger_taxbill": "has the lines of its 816",
    "UPDATE ledger_taxbill SET own_vat = 'NaN'": "taxbill_of_amounts",
    "UPDATE ledger_taxbill SET state = 'paid'": "taxbill_paid_by_something",
    "UPDATE ledger_taxbill SET state = 'paid', paid_on = '2025-07-10'": "taxbill_paid_by_something",
    "UPDATE ledger_taxbill SET state = 'paid', paid_voucher = 'PZ1'": "taxbill_paid_by_something",
    "UPDATE ledger_taxbill SET paid_on = '2025-07-10', paid_voucher = 'PZ1'": "taxbill_paid_by_something",
    "UPDATE ledger_taxbill SET state = 'gone'": "taxbill_state",
    "DELETE FROM ledger_taxbill": "append-only",
    "UPDATE ledger_taxbillline SET vat = 29": "goes with its 816 only",
    "UPDATE ledger_taxbillline SET own_vat = 'NaN'": "taxbillline_of_amounts",
    "DELETE FROM ledger_taxbillline": "goes with its 816 only",
    "UPDATE ledger_taxbillnotice SET status = 'void'": "append-only",
    "INSERT INTO ledger_taxbillnotice (enterprise_id, tax_no, invt_no, status, duty_no, customs_time, fingerprint,"
    " received_at) VALUES ({warehouse}, 'X', 'X', 'paid', '', now(), 'X', now())": "taxbillnotice_status",
    "DELETE FROM ledger_taxbillnotice": "append-only",
    "UPDATE ledger_taxrule SET share = 0": "append-only",
    "DELETE FROM ledger_taxrule": "append-only",
    "DELETE FROM ledger_discrepancy": "append-only",
}  # fmt: skip


@pytest.mark.parametrize("statement", REFUSED)
def test_raw_sql_that_would_break_the_books_is_refused(
    billed: Guarantee, names: dict[str, object], statement: str
) -> None:
    with refused(REFUSED[statement]):
        run(statement.format(**names))
    with refused(f"{REFUSED[statement]}|permission denied|row-level security"):
        run("SET LOCAL ROLE portal_staff")
        run(statement.format(**names))


#: What the 816 says of a bill, beside its sums, its list and its number.
SAID = {
    "assure_code": "'X'", "ebc_code": "'X'", "logistics_code": "'X'", "agent_code": "'X'", "order_no": "'X'",
    "logistics_no": "'X'", "customs_code": "'9999'", "fingerprint": "'X'", "inbound_id": "9", "received_at": "now()",
}  # fmt: skip


@pytest.mark.parametrize("column", SAID)
def test_all_that_customs_said_of_a_bill_changes_only_by_what_it_says_later(billed: Guarantee, column: str) -> None:
    earlier = "billed_at = billed_at - interval '1 day'"
    for more in ("", f", {earlier}", ", fingerprint = fingerprint"):
        if column != "fingerprint" or more.endswith("day'"):
            with refused("says what customs said"):
                run(f"UPDATE ledger_taxbill SET {column} = {SAID[column]}{more}")
    other = "" if column == "fingerprint" else ", fingerprint = 'f'"
    run(f"UPDATE ledger_taxbill SET {column} = {SAID[column]}{other}, billed_at = billed_at + interval '1 day'")


@pytest.mark.parametrize("role", ["portal_staff", ""])
def test_a_bill_is_paid_once_and_stays_so(billed: Guarantee, role: str) -> None:
    confirm_payment(bills=TaxBill.objects.all(), paid_on=date(2025, 7, 10), voucher="PZ1", user=None)
    for change in (
        "state = 'made', paid_on = NULL, paid_voucher = '', paid_total = NULL",
        "state = 'void', paid_on = NULL, paid_voucher = '', paid_total = NULL",
        "paid_on = '2025-07-11'",
        "paid_voucher = 'PZ2'",
        "paid_total = 0.01",
        "paid_total = NULL",
    ):
        with refused("is paid once|row-level security"):
            if role:
                run(f"SET LOCAL ROLE {role}")
            run(f"UPDATE ledger_taxbill SET {change}")
    assert verdicts() == {}


def test_staff_pay_bills_and_make_them_nothing_else(billed: Guarantee) -> None:
    for state in ("void", "consolidated"):
        with refused("row-level security"):
            run("SET LOCAL ROLE portal_staff")
            run(f"UPDATE ledger_taxbill SET state = '{state}'")


def test_a_list_gives_everything_back_only_when_customs_says_so(billed: Guarantee) -> None:
    """Staff cannot write such a movement; another one by which nothing is called for any more is found."""

    def give_back(kind: str, reason: str) -> None:
        run(
            "INSERT INTO ledger_transfer (enterprise_id, guarantee_id, kind, key, amount, document_id, list_no, reason,"
            " wanted, happened_at, recorded_at) VALUES (%s, %s, %s, 'by hand', 30, 1, '', %s, 0, now(), now())",
            billed.enterprise_id,
            billed.pk,
            kind,
            reason,
        )
        transfer = Transfer.objects.get(key="by hand").pk
        an_entry(transfer, account(billed, "held"), "-30.00")
        an_entry(transfer, account(billed, "available"), "30.00")
        run("SET CONSTRAINTS ALL IMMEDIATE")

    with refused("row-level security"):
        run("SET LOCAL ROLE portal_staff")
        give_back("release", "因故")
    for kind, reason in (("settle", "税款已缴"), ("adjust", "因故"), ("release", "")):
        with undone():
            give_back(kind, reason)
            assert set(verdicts()) == {CALLS_FOR}
    with undone():
        give_back("release", "退单，预扣返还")
        assert verdicts() == {}


def test_a_list_that_was_short_and_is_refused_calls_for_nothing(billed: Guarantee, cast: Cast) -> None:
    """Nothing moved for it, so it is the end of its shortage that tells; forgotten by hand, the shortage still stands."""
    number, tax = wants(2, "", None).invt_no, (Decimal(0), Decimal(0), Decimal("5000.00"))
    line = BillLine(1, "1901101000", Decimal(55000), *tax)
    receive(cast, an_816(cast, invt_no=number, tax_no="T2", vat=tax[2], lines=(line,)))
    attach(cast.enterprises["warehouse"].pk, [Attached(number, 2, None, None)])
    align_many([wants(2, billed.enterprise, "5000.00")])
    assert verdicts() == {}
    with undone():
        run("UPDATE ledger_hold SET wanted = 0 WHERE document_id = 2")
        assert set(verdicts()) == {CALLS_FOR, "what a list lacks is told, and nothing that it does not lack"}
    align_many([wants(2, billed.enterprise, "0")])
    assert verdicts() == {}


@pytest.mark.parametrize("column", ["invt_no", "cop_no", "order_no", "at", "guarantor_code"])
def test_what_a_hold_is_called_by_is_for_the_reader_of_customs_messages_to_say(billed: Guarantee, column: str) -> None:
    """No law ties it to the list, which the books know by its number only; but nobody at a desk may write it."""
    for role in ("portal_staff", "portal_web"):
        with refused("permission denied"):
            run(f"SET LOCAL ROLE {role}")
            run(f"UPDATE ledger_hold SET {column} = {column}")
    align_many([replace(wants(1, billed.enterprise, "30.00"), invt_no="X", at=NOW + timedelta(days=1))])
    assert Hold.objects.values_list("invt_no", "at").get() == ("X", NOW + timedelta(days=1))


def test_staff_may_write_no_more_than_their_desk_does(db: None) -> None:
    """Neither a balance nor what a list holds: the entries move both."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT grantee, substr(table_name, 8), privilege_type, string_agg(column_name, ' ' ORDER BY column_name)
              FROM information_schema.column_privileges
             WHERE grantee ~ '^portal_' AND table_name LIKE 'ledger%%' AND privilege_type = 'UPDATE'
               AND table_name <> 'ledger_discrepancy' GROUP BY 1, 2, 3 ORDER BY 2
        """)
        may = cursor.fetchall()
        cursor.execute("""
            SELECT grantee, privilege_type, string_agg(substr(table_name, 8), ' ' ORDER BY table_name)
              FROM information_schema.table_privileges WHERE grantee ~ '^portal_' AND table_name LIKE 'ledger%%'
               AND privilege_type IN ('INSERT', 'DELETE', 'TRUNCATE', 'TRIGGER') GROUP BY 1, 2 ORDER BY 2
        """)
        inserted = "account discrepancy entry guarantee limitchange taxrule transfer"
        assert cursor.fetchall() == [("portal_staff", "INSERT", inserted)]
    assert {(grantee, table): set(columns.split()) for grantee, table, _update, columns in may} == {
        ("portal_staff", "account"): {"version"},
        ("portal_staff", "guarantee"): {"kind", "number", "valid_to"},
        ("portal_staff", "hold"): {"enterprise_id", "wanted"},
        ("portal_staff", "limitchange"): {"state", "decided_by_id", "decided_at", "reason"},
        ("portal_staff", "taxbill"): {"state", "paid_on", "paid_voucher", "paid_total"},
    }


#: The ways money may go: kind, from, to.
WAYS = {
    ("top_up", "funding", "available"), ("reduce", "available", "funding"), ("hold", "available", "held"),
    ("adjust", "available", "held"), ("adjust", "held", "available"), ("release", "held", "available"),
    ("settle", "held", "available"),
}  # fmt: skip


@pytest.mark.parametrize("role", ["portal_staff", ""])
@pytest.mark.parametrize("kind", TransferKind.values)
def test_the_kind_of_a_transfer_decides_from_where_to_where_it_goes(guarantee: Guarantee, role: str, kind: str) -> None:
    run("UPDATE ledger_hold SET wanted = 40")
    document_id = None if kind in OF_NO_LIST else 1
    for start, end in itertools.product(Purpose.values, repeat=2):
        # Staff give back what customs says, and book money in and out for what two of them agreed to (test_limits.py).
        may = (kind, start, end) in WAYS and not (role and kind in ("release", "top_up", "reduce"))
        with undone() if may else refused("does not fit transfer|do not sum to zero|row-level security"):
            if role:
                run(f"SET LOCAL ROLE {role}")
            transfer = a_transfer(guarantee, kind=kind, document_id=document_id)
            an_entry(transfer, account(guarantee, start), "-10.00")
            an_entry(transfer, account(guarantee, end), "10.00")
            run("SET CONSTRAINTS ALL IMMEDIATE")
            run("RESET ROLE")
            assert verdicts().keys() <= {
                "no list waits for money that is there",
                "what a list lacks is told, and nothing that it does not lack",
            }


def test_a_movement_is_of_a_known_kind_and_of_a_list_if_its_kind_is(guarantee: Guarantee) -> None:
    with refused("transfer_kind"):
        a_transfer(guarantee, kind="gift")
    for kind in TransferKind.values:
        with refused("transfer_of_a_list"):
            a_transfer(guarantee, kind=kind, document_id=1 if kind in OF_NO_LIST else None)


def test_a_list_takes_and_gives_back_only_what_is_its_own(guarantee: Guarantee, cast: Cast) -> None:
    platform, merchant = cast.enterprises["platform"], cast.enterprises["merchant"]
    other = deposit(merchant, number="B")
    align_many([wants(2, platform, "50.00"), wants(3, merchant, "50.00")])

    def by_hand(guarantee: Guarantee, kind: str, document_id: int, amount: str) -> None:
        way = ("available", "held") if kind == "hold" else ("held", "available")
        transfer = a_transfer(guarantee, amount, kind=kind, document_id=document_id)
        an_entry(transfer, account(guarantee, way[0]), f"-{amount}")
        an_entry(transfer, account(guarantee, way[1]), amount)

    with refused("list 99 holds nothing in this guarantee"):
        by_hand(guarantee, "hold", 99, "10.00")
    with refused("list 1 holds nothing in this guarantee"):
        by_hand(other, "hold", 1, "10.00")
    with refused("list 1 holds nothing in this guarantee"):
        by_hand(other, "release", 1, "10.00")
    with refused("hold_no_more_than_wanted"):
        by_hand(guarantee, "hold", 1, "0.01")
    with refused("hold_not_below_zero"):
        by_hand(guarantee, "release", 1, "30.01")


def verdicts() -> dict[str, int]:
    return {verdict.law: len(verdict.broken) for verdict in audit() if verdict.broken}


def test_the_audit_is_content_with_books_that_stand(billed: Guarantee) -> None:
    assert verdicts() == {}
    said = StringIO()
    call_command("audit_ledger", stdout=said)
    assert said.getvalue().count("ok ") == len(CHECKS)
    assert said.getvalue().endswith("The books stand.\n")


#: What somebody who switched the laws off could have done → the laws the audit finds broken.
FORGERIES = {
    "UPDATE ledger_entry SET amount = amount + 1 WHERE amount = 30": {
        "an account is the sum of its entries and ends with the last of them",
        "every entry continues the one before it",
        "every transfer has two entries of its amount that sum to zero, on accounts of its guarantee",
        "what a list holds is what moved for it, and it moved as often as it says",
        "what a list holds lies where it says, and nowhere else",
    },
    "UPDATE ledger_account SET balance = balance + 1 WHERE purpose = 'available'": {
        "every guarantee has its three accounts, and they sum to zero",
        "an account is the sum of its entries and ends with the last of them",
    },
    "UPDATE ledger_account SET version = version + 1 WHERE purpose = 'available'": {
        "an account is the sum of its entries and ends with the last of them",
    },
    "UPDATE ledger_account SET balance = -1 WHERE purpose = 'available'": {
        "every guarantee has its three accounts, and they sum to zero",
        "nothing but funding is below zero",
        "an account is the sum of its entries and ends with the last of them",
    },
    "UPDATE ledger_entry SET balance_after = balance_after + 1 WHERE version = 1 AND amount = 1000": {
        "every entry continues the one before it",
    },
    "UPDATE ledger_transfer SET amount = amount + 1 WHERE kind = 'hold'": {
        "every transfer has two entries of its amount that sum to zero, on accounts of its guarantee",
    },
    "UPDATE ledger_transfer SET kind = 'release' WHERE kind = 'hold'": {
        "every transfer goes from where to where its kind says, and is of a list if its kind is",
    },
    "UPDATE ledger_transfer SET document_id = 1 WHERE kind = 'top_up'": {
        "every transfer goes from where to where its kind says, and is of a list if its kind is",
    },
    "DELETE FROM ledger_entry WHERE amount = 30": {
        "an account is the sum of its entries and ends with the last of them",
        "every transfer has two entries of its amount that sum to zero, on accounts of its guarantee",
        "what a list holds is what moved for it, and it moved as often as it says",
    },
    "UPDATE ledger_guarantee SET enterprise_id = {warehouse} WHERE enterprise_id = {platform}": {
        "accounts, entries, transfers and what is held belong to whose guarantee it is",
    },
    "UPDATE ledger_hold SET enterprise_id = {merchant}": {
        ANSWERS,
        "accounts, entries, transfers and what is held belong to whose guarantee it is",
    },
    "UPDATE ledger_hold SET guarantee_id = (SELECT max(id) FROM ledger_guarantee), enterprise_id = {merchant}": {
        ANSWERS,
        "what lists hold is what the account says is held",
        "what a list holds lies where it says, and nowhere else",
    },
    "UPDATE ledger_hold SET amount = 29": {
        "what lists hold is what the account says is held",
        "what a list holds is what moved for it, and it moved as often as it says",
        "what a list holds lies where it says, and nowhere else",
        "no list waits for money that is there",
        "what a list lacks is told, and nothing that it does not lack",
    },
    "UPDATE ledger_hold SET moves = 2": {
        "what a list holds is what moved for it, and it moved as often as it says",
    },
    "UPDATE ledger_taxbill SET total = 29": {
        CALLS_FOR,
        "a bill's total is its three taxes",
    },
    "DELETE FROM ledger_taxbillline": {"a bill has lines"},
    "UPDATE ledger_taxbillline SET vat = 29": {"the lines of a bill add up to it, or it is told that they do not"},
    "UPDATE ledger_taxbill SET state = 'paid', paid_on = '2025-07-10', paid_voucher = 'PZ1', paid_total = 0.01": {
        "what was paid of a bill is what it comes to, or it is told that it is not",
        CALLS_FOR,
    },
    "DELETE FROM ledger_taxbillnotice": {"a bill's state is that of its latest notice, or paid"},
}
#: The constraints such a hand would have to take off before, as it cannot switch them off.
TAKEN_OFF = {
    "UPDATE ledger_transfer SET document_id = 1 WHERE kind = 'top_up'": ("transfer", "transfer_of_a_list"),
    "UPDATE ledger_account SET balance = -1 WHERE purpose = 'available'": ("account", "account_not_below_zero"),
    "UPDATE ledger_taxbill SET total = 29": ("taxbill", "taxbill_total_is_its_taxes"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_the_laws_refuse_the_audit_finds_should_it_get_past_them(
    billed: Guarantee, names: dict[str, object], forgery: str, caplog: pytest.LogCaptureFixture
) -> None:
    with refused("refused|violates check constraint"):
        run(forgery.format(**names))
    if forgery in TAKEN_OFF:
        run("ALTER TABLE ledger_{} DROP CONSTRAINT {}".format(*TAKEN_OFF[forgery]))
    run("SET LOCAL session_replication_role = replica")  # as the owner of the server could: no trigger fires
    run(forgery.format(**names))
    run("SET LOCAL session_replication_role = origin")
    assert set(verdicts()) == FORGERIES[forgery]
    with pytest.raises(CommandError, match="difference"):
        call_command("audit_ledger", stdout=StringIO())
    if "no list waits for money that is there" not in FORGERIES[forgery]:
        audit_books()
        assert [record.levelname for record in caplog.records if record.name == "ledger.tasks"] == ["ERROR"] * len(
            FORGERIES[forgery]
        )


#: What no law of a row can refuse its owner, as whoever reads customs' messages says it → the laws found broken.
FOUND = {
    "UPDATE ledger_taxbill SET guarantor_id = {merchant}, merchant_id = {merchant}": {ANSWERS},
    "UPDATE ledger_taxbill SET document_id = NULL": {"a bill has its list, or it is told that it has none"},
    "UPDATE ledger_taxbill SET duty_no = 'N1'": {"a bill's payment note is the latest that customs told"},
    "UPDATE ledger_taxbill SET state = 'consolidated'": {"a bill's state is that of its latest notice, or paid"},
    "UPDATE ledger_taxbill SET state = 'paid', paid_on = '2025-07-10', paid_voucher = 'PZ1', paid_total = 30":
        {CALLS_FOR},
    "UPDATE ledger_taxbill SET duty = 50, total = 80, fingerprint = 'f', billed_at = now()":
        {CALLS_FOR, "a bill has lines"},
    "UPDATE ledger_hold SET wanted = 40": {
        CALLS_FOR,
        "no list waits for money that is there",
        "what a list lacks is told, and nothing that it does not lack",
    },
    "INSERT INTO ledger_limitchange (enterprise_id, way, kind, number, amount, voucher, state, proposed_by_id, decided_by_id,"
    " decided_at, reason) SELECT {platform}, 'top_up', '', '', 5, 'V', 'confirmed', min(id), max(id), now(), ''"
    " FROM accounts_user": {"what two of the staff agreed to is booked, to the fen and under its voucher"},
}  # fmt: skip


@pytest.mark.parametrize("statement", FOUND)
def test_what_no_law_refuses_the_audit_finds(billed: Guarantee, names: dict[str, object], statement: str) -> None:
    run(statement.format(**names))
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert set(verdicts()) == FOUND[statement]


def test_the_audit_knows_no_law_that_was_not_seen_broken() -> None:
    assert set().union(*FORGERIES.values(), *FOUND.values()) == {check.law for check in CHECKS}


def test_the_hourly_look_holds_what_was_missed(guarantee: Guarantee, caplog: pytest.LogCaptureFixture) -> None:
    run("UPDATE ledger_hold SET wanted = 40")
    audit_books()
    assert verdicts() == {}
    assert balances(guarantee)[1] == Decimal("40.00")
    assert Entry.objects.count() == 6
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
