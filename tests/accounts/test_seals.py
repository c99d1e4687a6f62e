"""The record of deeds under its seals: nothing is skipped, and whatever is done to it afterwards is found and named."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import seals, tasks
from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.models import AuditEntry, AuditSeal
from accounts.seals import seal_next, verify
from portal.tenancy import acting_as

pytestmark = pytest.mark.django_db(transaction=True)

WRITE = "INSERT INTO accounts_auditentry (action, subject, details) VALUES ('file', %s, '{}')"


def write(count: int = 1) -> list[int]:
    """So many deeds, each in a transaction of its own; the numbers of their entries."""
    for number in range(count):
        record(Bystander(address="203.0.113.7"), Action.FILE, f"order {number}", count=number)
    return list(AuditEntry.objects.order_by("-id").values_list("id", flat=True)[:count][::-1])


@contextmanager
def another_connection() -> Iterator[object]:
    """Somebody else's transaction, begun and not ended."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            yield cursor
    finally:
        other.close()


@pytest.fixture
def few_per_seal(monkeypatch):
    """Small numbers stand for large ones."""
    monkeypatch.setattr(seals, "ENTRIES_PER_SEAL", 3)


# --- sealing ------------------------------------------------------------------------------------------------------------


def test_a_minute_without_deeds_makes_no_seal():
    tasks.seal_audit()
    assert not AuditSeal.objects.exists() and verify() == seals.Standing(0, 0, 0, seals.BEGINNING)
    write(2)
    tasks.seal_audit()
    tasks.seal_audit()
    assert [(seal.number, seal.entries) for seal in AuditSeal.objects.all()] == [(1, 2)]


def test_a_long_day_is_sealed_in_as_many_runs_as_it_takes(few_per_seal):
    write(8)
    tasks.seal_audit()
    assert list(AuditSeal.objects.order_by("number").values_list("number", "entries")) == [(1, 3), (2, 3), (3, 2)]
    write()
    assert verify() == seals.Standing(3, 8, 1, AuditSeal.objects.get(number=3).hash)


def test_one_transaction_of_many_deeds_is_sealed_in_runs_too(few_per_seal):
    with transaction.atomic():
        write(7)
    tasks.seal_audit()
    assert (AuditSeal.objects.count(), verify().entries, verify().fault) == (3, 7, "")


def test_a_late_commit_is_neither_skipped_nor_put_in_between():
    with another_connection() as early, another_connection() as late:
        early.execute("SELECT pg_current_xact_id()")  # begins first,
        late.execute(WRITE, ["late"])  # but this one has the smaller number,
        early.execute(WRITE, ["early"])
        early.execute("COMMIT")
        assert seal_next() == 1  # and is not there yet when the other is sealed.
        write()
        assert seal_next() == 0, "what was written while a transaction runs waits for its end"
        late.execute("COMMIT")
    assert seal_next() == 2
    late, early = AuditEntry.objects.get(subject="late"), AuditEntry.objects.get(subject="early")
    assert late.pk < early.pk
    assert (verify().entries, verify().waiting, verify().fault) == (3, 0, "")


def test_a_transaction_that_is_rolled_back_leaves_no_gap_that_matters():
    with another_connection() as other:
        other.execute(WRITE, ["never"])
        write()
        other.execute("ROLLBACK")
    assert seal_next() == 1 and verify().fault == ""


def test_two_at_once_seal_everything_once(few_per_seal):
    write(20)
    with another_connection() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [seals.LOCK])
        assert seal_next() == 0, "while another seals there is nothing to do"

    def work() -> None:
        try:
            for _turn in range(10):
                seal_next()
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tasks.seal_audit()
    found = verify()
    assert (found.entries, found.waiting, found.fault) == (20, 0, "")


def test_it_goes_on_where_a_worker_died(few_per_seal):
    write(6)
    seal_next()
    with pytest.raises(RuntimeError), transaction.atomic():
        seal_next()
        raise RuntimeError("killed before the commit")
    assert AuditSeal.objects.count() == 1
    tasks.seal_audit()
    assert (verify().seals, verify().entries, verify().fault) == (2, 6, "")


def test_it_goes_on_after_a_dump_was_restored_into_another_server():
    """There transactions are counted anew, from far below the numbers of the old server."""
    old = write(3)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_audit_stands")
        cursor.execute("UPDATE accounts_auditentry SET turn = 1000000000000 + id")
        cursor.execute("ALTER TABLE accounts_auditentry ENABLE TRIGGER accounts_audit_stands")
    lowest, highest = (seals._LOWEST, seals._LOWEST), (seals._HIGHEST, seals._HIGHEST)
    seals._append(None, seals._LOWEST, seals._entries(lowest, highest, seals._LOWEST, seals._HIGHEST, 2))
    write(2)  # on the new one
    assert [seal_next(), seal_next(), seal_next()] == [1, 2, 0]
    write()
    tasks.seal_audit()
    assert [seal.floor for seal in AuditSeal.objects.order_by("number")][2:] == [old[-1]] * 2
    assert verify() == seals.Standing(4, 6, 0, AuditSeal.objects.get(number=4).hash)
    assert tampered(f"DELETE FROM accounts_auditentry WHERE id = {old[2]}") == f"entry {old[2]} was removed"
    assert tampered(
        "INSERT INTO accounts_auditentry (id, action, subject, details, turn)"
        f" VALUES ({old[0] - 100}, 'file', '', '{{}}', 9000000000000)"
    ) == f"entry {old[0] - 100} was put in between"  # fmt: skip


def test_the_watch_is_told_how_long_the_oldest_waits():
    def watched() -> float | None:
        return Client().get("/health/").json()["audit_oldest_unsealed_seconds"]

    assert watched() is None
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_auditentry (action, subject, details, at) VALUES ('file', '', '{}', %s)",
            [timezone.now() - timedelta(hours=1)],
        )
    write()
    assert 3590 < watched() < 3700
    tasks.seal_audit()
    assert watched() is None
    write()
    assert watched() < 60


# --- what is done to it afterwards --------------------------------------------------------------------------------------


def tampered(*statements: str) -> str:
    """What is found after the owner has done this with the triggers off; it is undone again."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_audit_stands")
            cursor.execute("ALTER TABLE accounts_auditseal DISABLE TRIGGER accounts_seal_stands")
            for statement in statements:
                cursor.execute(statement)
        fault = verify().fault
        transaction.set_rollback(True)
    return fault


def test_every_change_of_every_column_is_found_and_the_entry_named(cast, few_per_seal):
    record(cast.actor("merchant_filer"), Action.FILE, "order 1", count=1)
    ids = write(6)
    tasks.seal_audit()
    assert verify().fault == ""
    number = ids[3]
    changes = {
        "enterprise_id": "(SELECT max(id) FROM accounts_enterprise)",
        "user_id": "(SELECT max(id) FROM accounts_user)",
        "action": "'sign_in'",
        "subject": "'order 9'",
        "details": "'{\"count\": 4}'",
        "address": "'203.0.113.8'",
        "at": "at + interval '1 microsecond'",
        "turn": "turn - 1",
        "id": "id + 1000",
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'accounts_auditentry'")
        columns = {name for (name,) in cursor.fetchall()}
    assert columns == set(changes) == set(seals.CANONICAL), "every column is under the seal, a new one too"
    for column, value in changes.items():
        fault = tampered(f"UPDATE accounts_auditentry SET {column} = {value} WHERE id = {number}")
        if column == "id":
            assert fault == f"entry {number} was removed"
        else:
            assert fault == f"entry {number} was changed", column


def test_an_entry_removed_or_put_in_between_is_named(few_per_seal):
    ids = write(7)
    tasks.seal_audit()
    for number in ids:
        assert tampered(f"DELETE FROM accounts_auditentry WHERE id = {number}") == f"entry {number} was removed"
    new = ids[-1] + 50
    for at in (ids[0], ids[3], ids[5]):
        put = (
            "INSERT INTO accounts_auditentry (id, action, subject, details, turn)"
            f" SELECT {new}, 'file', '', '{{}}', turn - 1 FROM accounts_auditentry WHERE id = {at}"
        )
        assert tampered(put) == f"entry {new} was put in between"
    many = (
        "INSERT INTO accounts_auditentry (action, subject, details, turn)"
        " SELECT 'file', '', '{}', 1 FROM generate_series(1, 20)"
    )
    assert tampered(many).endswith("was put in between")


def test_the_first_of_several_is_named(few_per_seal):
    ids = write(7)
    tasks.seal_audit()
    fault = tampered(
        f"DELETE FROM accounts_auditentry WHERE id = {ids[5]}",
        f"UPDATE accounts_auditentry SET subject = '' WHERE id = {ids[2]}",
    )
    assert fault == f"entry {ids[2]} was changed"


def test_a_seal_changed_removed_or_made_anew_is_named(few_per_seal):
    ids = write(9)
    tasks.seal_audit()
    for change in ("digests = digests || '\\x00'", "hash = repeat('0', 64)", "at = now()", "entries = 2", "floor = 0"):
        assert tampered(f"UPDATE accounts_auditseal SET {change} WHERE number = 2").startswith("seal 2 (entries"), (
            change
        )
    assert tampered("DELETE FROM accounts_auditseal WHERE number = 2") == "seal 2 was removed"
    assert tampered("DELETE FROM accounts_auditseal WHERE number = 1") == "seal 1 was removed"
    # The entry, its hash and the seal, all made to fit; the next seal still names the old one.
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_audit_stands")
            cursor.execute("ALTER TABLE accounts_auditseal DISABLE TRIGGER accounts_seal_stands")
            cursor.execute("UPDATE accounts_auditentry SET subject = 'x' WHERE id = %s", [ids[4]])
            first = AuditSeal.objects.get(number=1)
            last = AuditSeal.objects.get(number=2)
            AuditSeal.objects.filter(number=2).delete()
            through = (last.through_turn, last.through_entry)
            seals._append(
                first, first.floor,
                seals._entries((first.through_turn, first.through_entry), through, first.floor, seals._HIGHEST, 3),
            )  # fmt: skip
        assert verify().fault == f"seal 2 (entries {ids[3]} to {ids[5]}) was made anew"
        transaction.set_rollback(True)


def test_the_command_tells_how_it_stands_and_fails_where_it_does_not():
    ids = write(3)
    tasks.seal_audit()
    said = StringIO()
    call_command("verify_audit", stdout=said)
    assert "3 entries in 1 seals, 0 not sealed yet" in said.getvalue()
    known = said.getvalue().split()[-1]
    call_command("verify_audit", known=known, stdout=said)
    for wrong in (known.replace("1:", "2:"), "1:" + "0" * 64, "nonsense", "1:"):
        with pytest.raises(CommandError):
            call_command("verify_audit", known=wrong, stdout=said)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_audit_stands")
            cursor.execute("DELETE FROM accounts_auditentry WHERE id = %s", [ids[1]])
        with pytest.raises(CommandError, match=f"entry {ids[1]} was removed") as failed:
            call_command("verify_audit", stdout=said)
        assert failed.value.returncode == 1
        transaction.set_rollback(True)


# --- who may write what -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["turn", "at", "id"])
@pytest.mark.parametrize("role", ["portal_web", "portal_staff"])
def test_nobody_says_when_an_entry_was_written(cast, role, column):
    values = {"turn": "1", "at": "now()", "id": "1"}
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        acting_as(enterprise_id=None, user_id=None, role=role),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"INSERT INTO accounts_auditentry (action, subject, details, {column})"
            f" VALUES ('file', '', '{{}}', {values[column]})"
        )


@pytest.mark.parametrize(
    "statement", ["UPDATE accounts_auditseal SET hash = ''", "DELETE FROM accounts_auditseal", "SELECT 1 FROM accounts_auditseal"]
)  # fmt: skip
def test_what_is_sealed_stands_for_the_owner_and_is_out_of_reach_of_the_pages(db, statement):
    write()
    tasks.seal_audit()
    if not statement.startswith("SELECT"):
        with pytest.raises(ProgrammingError, match="append-only"), connection.cursor() as cursor:
            cursor.execute(statement)
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            acting_as(enterprise_id=None, user_id=None, role="portal_staff"),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        acting_as(enterprise_id=None, user_id=None),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
