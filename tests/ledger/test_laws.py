"""The laws of the books against raw SQL, the owner's included; and the audit, which finds what got past them."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from accounts.cast import Cast
from ledger.audit import CHECKS, audit
from ledger.guarantee import align_many
from ledger.models import Account, Entry, Guarantee, Hold, Transfer
from ledger.tasks import audit_books
from portal.bulk import write_rows
from tests.cast import NEVER_EMPTIED
from tests.ledger.books import balances, deposit, wants


@pytest.fixture
def guarantee(cast: Cast) -> Guarantee:
    """A deposit of 1,000 of which a list holds 30."""
    found = deposit(cast.enterprises["platform"], "1000.00")
    align_many([wants(1, cast.enterprises["platform"], "30.00")])
    run("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would ask
    run("SET CONSTRAINTS ALL DEFERRED")
    return found


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


def verdicts() -> dict[str, int]:
    return {verdict.law: len(verdict.broken) for verdict in audit() if verdict.broken}


def test_the_audit_is_content_with_books_that_stand(guarantee: Guarantee) -> None:
    assert verdicts() == {}
    said = StringIO()
    call_command("audit_ledger", stdout=said)
    assert said.getvalue().count("ok ") == len(CHECKS)
    assert said.getvalue().endswith("The books stand.\n")


#: What somebody who switched the triggers off could have done → the laws the audit finds broken.
FORGERIES = {
    "UPDATE ledger_entry SET amount = amount + 1 WHERE amount = 30": {
        "an account is the sum of its entries and ends with the last of them",
        "every entry continues the one before it",
        "every transfer has two entries of its amount that sum to zero, on accounts of its guarantee",
        "what a list holds is what moved for it, and it moved as often as it says",
    },
    "UPDATE ledger_account SET balance = balance + 1 WHERE purpose = 'available'": {
        "every guarantee has its three accounts, and they sum to zero",
        "an account is the sum of its entries and ends with the last of them",
    },
    "UPDATE ledger_account SET version = version + 1 WHERE purpose = 'available'": {
        "an account is the sum of its entries and ends with the last of them",
    },
    "UPDATE ledger_entry SET balance_after = balance_after + 1 WHERE version = 1 AND amount = 1000": {
        "every entry continues the one before it",
    },
    "UPDATE ledger_transfer SET amount = amount + 1 WHERE kind = 'hold'": {
        "every transfer has two entries of its amount that sum to zero, on accounts of its guarantee",
    },
    "DELETE FROM ledger_entry WHERE amount = 30": {
        "an account is the sum of its entries and ends with the last of them",
        "every transfer has two entries of its amount that sum to zero, on accounts of its guarantee",
        "what a list holds is what moved for it, and it moved as often as it says",
    },
    "UPDATE ledger_hold SET amount = 29, wanted = 29": {
        "what lists hold is what the account says is held",
        "what a list holds is what moved for it, and it moved as often as it says",
    },
    "UPDATE ledger_hold SET wanted = 40": {
        "no list waits for money that is there",
        "what a list lacks is told, and nothing that it does not lack",
    },
    "UPDATE ledger_hold SET moves = 2": {
        "what a list holds is what moved for it, and it moved as often as it says",
    },
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_the_audit_finds_what_got_past_the_laws(
    guarantee: Guarantee, forgery: str, caplog: pytest.LogCaptureFixture
) -> None:
    run("SET LOCAL session_replication_role = replica")  # as the owner of the server could: no trigger fires
    run(forgery)
    run("SET LOCAL session_replication_role = origin")
    assert set(verdicts()) == FORGERIES[forgery]
    with pytest.raises(CommandError, match="difference"):
        call_command("audit_ledger", stdout=StringIO())
    if "wanted = 40" not in forgery:
        audit_books()
        assert [record.levelname for record in caplog.records if record.name == "ledger.tasks"] == ["ERROR"] * len(
            FORGERIES[forgery]
        )


def test_the_hourly_look_holds_what_was_missed(guarantee: Guarantee, caplog: pytest.LogCaptureFixture) -> None:
    run("UPDATE ledger_hold SET wanted = 40")
    audit_books()
    assert verdicts() == {}
    assert balances(guarantee)[1] == Decimal("40.00")
    assert Entry.objects.count() == 6
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
