"""Row-level security of accounts by raw SQL: what PostgreSQL itself shows and refuses, whatever the views do."""

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.cast import Cast
from accounts.models import AuditEntry, Enterprise
from accounts.roles import EnterpriseState
from portal.tenancy import acting_as, unprotected_tables
from tests.wall import refused

TENANT_TABLES = ("accounts_enterprise", "accounts_membership", "accounts_credential", "accounts_auditentry")


def ask(sql: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def as_member(cast: Cast, username: str):
    actor = cast.actor(username)
    return acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk)


def test_it_leaves_no_tenant_table_unprotected(db):
    assert [name for name in unprotected_tables(connection) if name.startswith("accounts_")] == []


def test_it_shows_a_member_only_their_own_enterprise(cast_with_keys):
    cast = cast_with_keys
    neighbour = cast.enterprises["neighbour"]
    record(cast.actor("neighbour_filer"), Action.FILE, "order 1")
    with as_member(cast, "merchant_filer"):
        assert ask("SELECT customs_code FROM accounts_enterprise") == [(cast.enterprises["merchant"].customs_code,)]
        assert {row[0] for row in ask("SELECT enterprise_id FROM accounts_membership")} == {
            cast.enterprises["merchant"].pk
        }
        assert {row[0] for row in ask("SELECT enterprise_id FROM accounts_credential")} == {
            cast.enterprises["merchant"].pk
        }
        assert ask("SELECT 1 FROM accounts_auditentry WHERE enterprise_id = %s", neighbour.pk) == []
        assert "neighbour_filer" not in {row[0] for row in ask("SELECT username FROM accounts_user")}
        assert "merchant_finance" in {row[0] for row in ask("SELECT username FROM accounts_user")}


def test_it_shows_nothing_to_nobody(cast_with_keys):
    record(cast_with_keys.actor("merchant_filer"), Action.FILE, "order 1")
    with acting_as(enterprise_id=None, user_id=None):
        for table in (*TENANT_TABLES, "accounts_user"):
            assert ask(f"SELECT count(*) FROM {table}") == [(0,)], table


def test_it_lets_no_page_write_what_staff_decide(cast):
    merchant, neighbour = cast.enterprises["merchant"], cast.enterprises["neighbour"]
    user = cast.users["merchant_filer"]
    with as_member(cast, "merchant_filer"):
        assert refused("UPDATE accounts_enterprise SET state = 'approved' WHERE id = %s", merchant.pk)
        assert refused(
            "INSERT INTO accounts_membership (user_id, enterprise_id, roles, active)"
            " VALUES (%s, %s, '{administrator}', true)",
            user.pk,
            neighbour.pk,
        )
        assert refused("UPDATE accounts_user SET is_superuser = true WHERE id = %s", user.pk)
        assert refused("UPDATE accounts_user SET last_login = now() WHERE username = 'merchant_finance'")
        assert refused("SELECT 1 FROM django_admin_log")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_user SET password = 'x' WHERE username = 'neighbour_filer'")
            assert cursor.rowcount == 0
            cursor.execute("UPDATE accounts_membership SET roles = '{administrator}' WHERE user_id = %s", [user.pk])
            assert cursor.rowcount == 0


def test_it_writes_audit_entries_in_ones_own_name_only(cast):
    merchant, neighbour = cast.enterprises["merchant"], cast.enterprises["neighbour"]
    insert = (
        "INSERT INTO accounts_auditentry (enterprise_id, user_id, action, subject, details)"
        " VALUES (%s, %s, 'file', '', '{}')"
    )
    me, other = cast.users["merchant_filer"].pk, cast.users["neighbour_filer"].pk
    with as_member(cast, "merchant_filer"):
        assert not refused(insert, merchant.pk, me)
        assert not refused(insert, None, me)
        assert refused(insert, neighbour.pk, me)
        assert refused(insert, merchant.pk, other)
    with acting_as(enterprise_id=None, user_id=None):
        record(Bystander(address="203.0.113.7"), Action.SIGN_IN_REFUSED)
        assert refused(insert, merchant.pk, None)
    staff, reviewer = cast.users["staff"].pk, cast.users["reviewer"].pk
    with acting_as(enterprise_id=None, user_id=staff, role="portal_staff"):
        assert not refused(insert, merchant.pk, staff)
        assert not refused(insert, neighbour.pk, None)
        assert refused(insert, merchant.pk, reviewer)
        assert refused(insert, None, me)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET action = 'x'",
        "DELETE FROM accounts_auditentry",
        "DELETE FROM accounts_auditentry WHERE false",
    ],
)
def test_it_refuses_to_change_the_record_even_to_the_owner(cast, statement):
    record(cast.actor("merchant_filer"), Action.FILE, "order 1")
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.count() == 1


def test_it_refuses_to_empty_the_record_even_to_the_owner(db):
    with connection.cursor() as cursor:
        # Switched off for the tests alone (tests/cast.py), so that they may clean up; here it stands as everywhere else.
        cursor.execute("ALTER TABLE accounts_auditentry ENABLE TRIGGER accounts_audit_not_emptied")
        with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
            cursor.execute("TRUNCATE accounts_auditentry")
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER accounts_audit_not_emptied")


def test_it_publishes_number_and_name_of_approved_enterprises_asked_for_alone(cast):
    Enterprise.objects.filter(pk=cast.enterprises["venue"].pk).update(state=EnterpriseState.SUSPENDED)
    neighbour, venue = cast.enterprises["neighbour"], cast.enterprises["venue"]
    asked = "SELECT customs_code, credit_code, name FROM accounts_directory(ARRAY[%s, %s, 'no number'])"
    told = [(neighbour.customs_code, neighbour.credit_code, neighbour.name)]
    with as_member(cast, "merchant_filer"):
        assert ask(asked, neighbour.customs_code, venue.customs_code) == told
        assert ask(asked, neighbour.credit_code, venue.credit_code) == told
        assert ask("SELECT * FROM accounts_directory(ARRAY[]::text[])") == []


def test_it_shows_staff_accounts_whole_and_lets_nobody_be_deleted(cast):
    with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
        assert ask("SELECT count(*) FROM accounts_enterprise") == [(len(cast.enterprises),)]
        assert ask("SELECT count(*) FROM accounts_user") == [(len(cast.users),)]
        assert refused("DELETE FROM accounts_enterprise")
        assert refused("UPDATE accounts_credential SET active = false")


def test_it_shows_the_gateway_nothing_of_accounts(cast):
    with acting_as(enterprise_id=None, user_id=None, role="portal_gateway"):
        for table in (*TENANT_TABLES, "accounts_user", "django_session"):
            assert refused(f"SELECT 1 FROM {table}"), table
