"""The wall alone: with no filter of the application at all, PostgreSQL shows and takes nothing of another enterprise.

Nothing is patched: the models are asked for everything they have, and the tables by raw SQL.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.db.utils import DatabaseError
from pytest_django import DjangoDbBlocker

from declarations.models import Inbound
from ledger.models import TaxBill, TaxBillLine, TaxBillNotice
from portal.folders import ROOT
from portal.tenancy import ROLES, acting_as, unprotected_tables
from tests.conftest import Stack
from tests.pages.canaries import Filled
from tests.pages.world import World, put_away_unread, standing

#: What staff see of enterprises: accounts, to do their work, how far messages have come, and the books they keep.
#: Documents never.
STAFF_SEES = {
    "accounts_application",
    "accounts_membership",
    "accounts_credential",
    "accounts_keyrequest",
    "accounts_signingconsent",
    "accounts_auditentry",
    "accounts_invitation",
    "accounts_evidence",
    "accounts_profile",
    "accounts_qualification",
    "accounts_service",
    "accounts_connection",
    "accounts_interfaceproof",
    "declarations_outbound",
    "declarations_inbound",
    "declarations_receipt",
    "ledger_account",
    "ledger_discrepancy",
    "ledger_entry",
    "ledger_guarantee",
    "ledger_hold",
    "ledger_limitchange",
    "ledger_taxbill",
    "ledger_taxbillline",
    "ledger_taxbillnotice",
    "ledger_transfer",
}
#: What belongs to one person, whatever enterprise it is about: to an enterprise alone nothing of it is shown.
OF_A_PERSON = {"accounts_notice"}
#: What the door for customs puts away, before anybody knows whose it is.
ARRIVALS = {"declarations_inbound"}
#: The functions that pass the wall on purpose, and what they tell.
PASS_THE_WALL = {
    "accounts_administers": "whether the acting user is an administrator of the acting enterprise, for policies",
    "accounts_certificates_health": "how many certificates in use end soon, and in how many days the first, for /health/",
    "accounts_change_certificate": "nothing: puts the certificate to use that an approved application of its enterprise names",
    "accounts_change_numbers": "nothing: gives an enterprise the numbers the acting user has just approved for it, and what follows",
    "accounts_clearing": "name and types of an approved enterprise of that number, and whether it has one service in one district",
    "accounts_directory": "numbers, names and types of approved enterprises, which are public",
    "accounts_end_sessions": "nothing: it ends the sessions of somebody, for staff",
    "accounts_errand_moves": "whether the errand was still as it was seen: counts its version on, so that of two one moves it",
    "accounts_health": "an age, for /health/",
    "accounts_notify": "nothing: it puts a notice into the inbox of others, for staff",
    "accounts_notify_member": "nothing: the same, for who is or was a member, for an administrator of their enterprise",
    "accounts_notify_members": "nothing: the same, for members of one's enterprise or of one with which a mandate moved just now",
    "accounts_warn": "nothing: the same, for oneself",
    "accounts_notify_staff": "nothing: the same, for those who decide on what one hands in",
    "accounts_invitation_accept": "nothing: it makes the acting user a member, by a token sent to their address",
    "accounts_invitation_told": "enterprise and roles of an open invitation, by its token, to a visitor or its addressee",
    "accounts_register": "makes a plain user of a visitor, and tells the number it gave them",
    "accounts_keys": "the same, and the key a mandate refers to them by",
    "accounts_partners": "number and name of the enterprises one shares a mandate with",
    "accounts_sign_in": "the one account of a name, for somebody not yet signed in",
    "declarations_chain": "kind, numbers, state, filer and times of others' documents on which one is named, by order",
    "declarations_health": "two ages and a count, for /health/",
    "declarations_lacking": "which kinds of a trade can be seen that own documents belong to, as declarations_chain tells",
    "declarations_lists_naming": "to staff, how many lists of others that are under way name some codes",
    "declarations_predecessors": "whether the documents of a known order number are there and accepted",
    "declarations_search": "the same of others' documents on which one is named, by exact number",
    "declarations_stopped": "state and filer of lists that name one where the trade of an own document stands still, and the code by"
    " which customs said that own documents disagree",
    "declarations_stopped_of": "the same, by order",
    "declarations_unfollowed": "to staff, how many documents that name some codes wait for a list",
    "ledger_entries_continue": "nothing: a trigger that moves a balance with its entry, for roles that may not write balances",
    "ledger_health": "in how many things the books differ, and since when, for /health/",
}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with standing(django_db_blocker) as world:
        put_away_unread()
        yield world


def ask(sql: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def tables() -> list[str]:
    """Every table with a column enterprise_id."""
    return [
        name
        for (name,) in ask(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND column_name = 'enterprise_id' ORDER BY 1"
        )
    ]


def tenant_models() -> list[type[models.Model]]:
    """The models of those tables."""
    return [model for model in apps.get_models() if model._meta.db_table in tables()]


def named_on_bills() -> dict[tuple[type[models.Model], int], set[int]]:
    """The tax bills an enterprise sees though another received them, since it pays or its goods are taxed: with all of them."""
    named: dict[tuple[type[models.Model], int], set[int]] = {}
    for bill in TaxBill.objects.all():
        notices = TaxBillNotice.objects.filter(enterprise=bill.enterprise_id, tax_no=bill.tax_no)
        for party in {bill.guarantor_id, bill.merchant_id} - {None, bill.enterprise_id}:
            named.setdefault((TaxBill, party), set()).add(bill.pk)
            named.setdefault((TaxBillLine, party), set()).update(bill.lines.values_list("pk", flat=True))
            named.setdefault((TaxBillNotice, party), set()).update(notices.values_list("pk", flat=True))
    return named


def refused(sql: str, *values: object) -> bool:
    """Whether PostgreSQL refuses the statement for lack of right or by a policy, and nothing else."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
    except DatabaseError as error:
        assert "permission denied" in str(error) or "row-level security" in str(error), f"{sql}: {error}"
        return True
    return False


def test_every_tenant_table_is_protected_and_has_a_model(db: None) -> None:
    assert unprotected_tables(connection) == []
    assert {model._meta.db_table for model in tenant_models()} == set(tables())
    assert len(tables()) >= 21


def test_it_shows_every_enterprise_its_own_rows_only_whatever_is_asked(
    world: World, capsys: pytest.CaptureFixture
) -> None:
    everything = {model: dict(model.objects.values_list("pk", "enterprise_id")) for model in tenant_models()}
    assert [model.__name__ for model, rows in everything.items() if len(set(rows.values()) - {None}) < 2] == []
    named, shown = named_on_bills(), 0
    assert named
    for key, enterprise in world.cast.enterprises.items():
        with acting_as(enterprise_id=enterprise.pk, user_id=None):
            for model, rows in everything.items():
                of_a_person = model._meta.db_table in OF_A_PERSON
                own = {pk for pk, owner in rows.items() if owner == enterprise.pk and not of_a_person}
                seen = own | named.get((model, enterprise.pk), set())
                assert set(model.objects.values_list("pk", flat=True)) == seen, (key, model)
                table = model._meta.db_table
                assert ask(
                    f'SELECT count(*), count(*) FILTER (WHERE enterprise_id = %s) FROM "{table}"', enterprise.pk
                ) == [(len(seen), len(own))], (key, table)
                shown += len(seen)
    with capsys.disabled():
        print(f"\n{len(everything)} tables x {len(world.cast.enterprises)} enterprises: {shown} own rows, 0 of others")


def test_it_lets_nobody_write_in_anothers_name(world: World) -> None:
    """Every row of another enterprise, copied, moved, changed, deleted by raw SQL."""
    moved = 0
    for model in tenant_models():
        table = model._meta.db_table
        columns = [field.column for field in model._meta.concrete_fields]
        copied = ", ".join("%s" if name == "enterprise_id" else f'"{name}"' for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        (own, *_more), (other, *_rest) = ask(
            f'SELECT enterprise_id FROM "{table}" WHERE enterprise_id IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT 2'
        )
        with acting_as(enterprise_id=own, user_id=None):
            # The copy has the key of its original: a wall that let it through would say so by another error.
            assert refused(f'INSERT INTO "{table}" ({names}) SELECT {copied} FROM "{table}"', other), table
            assert refused(f'UPDATE "{table}" SET enterprise_id = %s', other), table
            for statement in (
                f'UPDATE "{table}" SET enterprise_id = enterprise_id WHERE enterprise_id = %s',
                f'DELETE FROM "{table}" WHERE enterprise_id = %s',
            ):
                try:
                    with transaction.atomic(), connection.cursor() as cursor:
                        cursor.execute(statement, [other])
                        moved += cursor.rowcount
                except DatabaseError as error:
                    assert "permission denied" in str(error), error
    assert moved == 0


def test_the_pages_only_read_the_books(world: World) -> None:
    """Their own rows too: balances, holds, bills, the rules and the tariff are written by sweeps and staff."""
    books = [model._meta.db_table for model in apps.get_app_config("ledger").get_models()]
    assert len(books) == 12
    with acting_as(enterprise_id=world.cast.enterprises["platform"].pk, user_id=None):
        for table in books:
            ask(f'SELECT * FROM "{table}" LIMIT 1')
            for statement in (
                f'INSERT INTO "{table}" DEFAULT VALUES',
                f'UPDATE "{table}" SET id = id',
                f'DELETE FROM "{table}"',
            ):
                assert refused(statement), statement


def test_it_shows_nobody_and_the_other_roles_nothing(world: World) -> None:
    for role in ROLES:
        with acting_as(enterprise_id=None, user_id=None, role=role):
            for table in tables():
                allowed = (role == "portal_staff" and table in STAFF_SEES) or (
                    role == "portal_gateway" and table in ARRIVALS
                )
                if not allowed:
                    assert refused(f'SELECT 1 FROM "{table}"') or ask(f'SELECT count(*) FROM "{table}"') == [(0,)], (
                        role,
                        table,
                    )


def test_it_lets_no_page_out_of_its_role(world: World) -> None:
    """SQL that got into a page could not become the owner of another transaction's rows by these words alone."""
    enterprise = world.cast.enterprises["merchant"]
    with acting_as(enterprise_id=enterprise.pk, user_id=None):
        for statement in (
            "ALTER TABLE declarations_document DISABLE ROW LEVEL SECURITY",
            "DROP POLICY tenant ON declarations_document",
            "CREATE POLICY all_of_it ON declarations_document USING (true)",
            "TRUNCATE declarations_document",
        ):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)


def test_the_functions_that_pass_the_wall_are_known_and_bounded(world: World) -> None:
    rows = ask("""
        SELECT p.proname, coalesce(p.proconfig::text, ''), has_function_privilege('public', p.oid, 'EXECUTE')
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef ORDER BY 1
    """)
    assert {name for name, _settings, _public in rows} == set(PASS_THE_WALL)
    for name, fixed, public in rows:
        assert "search_path=public, pg_temp" in fixed, name
        assert not public, f"everybody may call {name}"


def test_no_view_shows_the_rows_of_its_owner(world: World) -> None:
    """A view runs with the rights of its owner, who passes the wall: there is none."""
    assert (
        ask("SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace") == []
    )


COUNT = """
import json, django
django.setup()
from django.apps import apps
from django.db import ProgrammingError, connection
found = {}
with connection.cursor() as cursor:
    cursor.execute("SELECT current_user")
    who = cursor.fetchone()[0]
    for model in apps.get_models():
        table = model._meta.db_table
        if any(field.column == "enterprise_id" for field in model._meta.concrete_fields) or table in (
            "accounts_user", "accounts_enterprise"
        ):
            try:
                cursor.execute(f'SELECT count(*) FROM "{table}"')
                found[table] = cursor.fetchone()[0]
            except ProgrammingError as error:
                if "permission denied" not in str(error):
                    raise
                found[table] = 0
print(json.dumps([who, found]))
"""


def counted(stack: Stack, process: str) -> tuple[str, dict[str, int]]:
    """Who a process of that kind is to PostgreSQL, and how many rows it sees without saying for whom it acts."""
    run = subprocess.run(
        [sys.executable, "-c", COUNT],
        cwd=ROOT,
        env={**stack.environment, "PORTAL_PROCESS": process},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    who, found = json.loads(run.stdout.splitlines()[-1])
    return who, found


@pytest.mark.slow
def test_a_web_process_sees_nothing_before_it_says_for_whom(filled: Filled) -> None:
    owner, all_rows = counted(filled.stack, "command")
    web, seen = counted(filled.stack, "web")
    assert owner != web == "portal_web"
    assert all_rows["declarations_document"] and all_rows["declarations_outboundbytes"]
    assert seen == dict.fromkeys(all_rows, 0)


ESCAPE = """
import django
django.setup()
from django.db import connection, ProgrammingError
with connection.cursor() as cursor:
    cursor.execute("SET ROLE NONE")
    try:
        cursor.execute("SELECT count(*) FROM declarations_document")
        print("seen")
    except ProgrammingError as refused:
        print(refused)
"""


@pytest.mark.slow
def test_a_web_process_that_drops_its_role_can_read_nothing_at_all(filled: Filled) -> None:
    """Its login is not the owner's: what an injected statement could take off leaves no rights behind."""
    run = subprocess.run(
        [sys.executable, "-c", ESCAPE],
        cwd=ROOT,
        env={**filled.stack.environment, "PORTAL_PROCESS": "web"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "permission denied" in run.stdout


def test_an_arrival_belongs_to_nobody_before_it_is_read(world: World) -> None:
    unread = Inbound.objects.filter(enterprise=None).count()
    assert unread
    for enterprise in world.cast.enterprises.values():
        with acting_as(enterprise_id=enterprise.pk, user_id=None):
            assert not Inbound.objects.filter(enterprise=None).exists()
