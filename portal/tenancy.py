"""The wall between enterprises, inside PostgreSQL: roles, who is acting, and the policy every tenant table carries.

Three roles without login, taken on by SET ROLE:

    portal_web      the pages. Sees and writes only rows whose enterprise_id is the acting enterprise.
    portal_staff    the admin pages. Sees the tables of accounts whole, documents not at all.
    portal_gateway  the door for customs. May put away what arrives, nothing else.

The owner's login owns the tables and passes the policies: migrations, commands and workers (PostgreSQL refuses COPY FROM
under row-level security). The application's own filters stand before this wall, never instead of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from django.conf import settings
from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import RunSQL
from django.db.migrations.state import ProjectState
from psycopg.errors import RaiseException

from portal.services import ServiceError

Statement = str | tuple[str, dict[str, Any] | list[Any] | tuple[Any, ...] | None]  # as RunSQL takes them
Role = Literal["portal_web", "portal_staff", "portal_gateway"]
ROLES: tuple[Role, ...] = ("portal_web", "portal_staff", "portal_gateway")

# What a policy compares with; NULL (sees nothing) when nobody is acting.
ENTERPRISE = "nullif(current_setting('portal.enterprise', true), '')::bigint"
USER = "nullif(current_setting('portal.user', true), '')::bigint"

ROLE_SQL = """
DO $$
DECLARE
    name text;
    missing boolean;
BEGIN
    FOREACH name IN ARRAY ARRAY['portal_web', 'portal_staff', 'portal_gateway'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;  -- another migration was faster
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION 'The database login % may not create the roles of the portal. Let an administrator run: CREATE ROLE portal_web NOLOGIN; CREATE ROLE portal_staff NOLOGIN; CREATE ROLE portal_gateway NOLOGIN; GRANT portal_web, portal_staff, portal_gateway TO %; then migrate again.', current_user, quote_ident(current_user);
            END;
        END IF;
        missing := NOT pg_has_role(current_user, name, 'MEMBER');
        IF missing OR NOT EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper) THEN
            BEGIN
                EXECUTE format('GRANT %I TO CURRENT_USER', name);
            EXCEPTION
                WHEN unique_violation OR sqlstate 'XX000' THEN NULL;  -- "tuple concurrently updated"
                WHEN insufficient_privilege THEN
                    IF missing THEN
                        RAISE EXCEPTION 'The database login % may not act as %. Let an administrator run: GRANT portal_web, portal_staff, portal_gateway TO %; then migrate again.', current_user, name, quote_ident(current_user);
                    END IF;
            END;
        END IF;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_pages') THEN
            BEGIN
                EXECUTE format('GRANT %I TO portal_pages', name);
            EXCEPTION
                WHEN insufficient_privilege OR unique_violation OR sqlstate 'XX000' THEN NULL;  -- given by whoever made it
            END;
        END IF;
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA public TO portal_web, portal_staff, portal_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO portal_web, portal_staff;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO portal_web, portal_staff;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO portal_web, portal_staff;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO portal_web, portal_staff;
"""


class Roles(RunSQL):
    """Migration operation: make the three roles and their rights on every table of now and later.

    Run it first of all. The roles belong to the whole cluster, so going backwards leaves them.
    """

    def __init__(self) -> None:
        super().__init__(ROLE_SQL, RunSQL.noop)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Make the roles; a login that may not is told so in one sentence."""
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        except DatabaseError as error:
            if isinstance(error.__cause__, RaiseException):
                raise ServiceError(error.__cause__.diag.message_primary) from error
            raise

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """As it is written in a migration."""
        return self.__class__.__qualname__, [], {}

    def describe(self) -> str:
        """For the migration's progress lines."""
        return "Make the roles portal_web, portal_staff and portal_gateway"


class TenantPolicy(RunSQL):
    """Migration operation: row-level security on `table`.

    portal_web passes rows for which `using` is true (by default: enterprise_id is the acting enterprise), for reading and
    writing alike; `check` is another condition for what is written. `staff` lets portal_staff pass every row, `gateway` lets
    portal_gateway insert and read. The owner passes; it is not forced.
    """

    def __init__(
        self, table: str, *, staff: bool = False, gateway: bool = False, using: str = "", check: str = ""
    ) -> None:
        self.table, self.staff, self.gateway, self.using, self.check = table, staff, gateway, using, check
        allowed = using or f"enterprise_id = {ENTERPRISE}"
        forward: list[Statement] = [
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
            f'CREATE POLICY tenant ON "{table}" TO portal_web USING ({allowed}) WITH CHECK ({check or allowed})',
        ]
        backward: list[Statement] = [f'DROP POLICY tenant ON "{table}"']
        if staff:
            forward.append(f'CREATE POLICY staff ON "{table}" TO portal_staff USING (true) WITH CHECK (true)')
            backward.append(f'DROP POLICY staff ON "{table}"')
        if gateway:
            forward += [
                f'GRANT SELECT, INSERT ON "{table}" TO portal_gateway',
                f'CREATE POLICY gateway_reads ON "{table}" FOR SELECT TO portal_gateway USING (true)',
                f'CREATE POLICY gateway_puts ON "{table}" FOR INSERT TO portal_gateway WITH CHECK (true)',
                _grant_sequences(table),
            ]
            backward += [
                f'DROP POLICY gateway_puts ON "{table}"',
                f'DROP POLICY gateway_reads ON "{table}"',
                f'REVOKE ALL ON "{table}" FROM portal_gateway',
            ]
        backward.append(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
        super().__init__(forward, backward)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """As it is written in a migration."""
        options: Mapping[str, Any] = {
            name: value for name in ("staff", "gateway", "using", "check") if (value := getattr(self, name))
        }
        return self.__class__.__qualname__, [self.table], dict(options)

    def describe(self) -> str:
        """For the migration's progress lines."""
        return f"Protect {self.table} by row-level security"


def _grant_sequences(table: str) -> str:
    """USAGE on the sequences owned by the table's columns, whatever they are called."""
    return f"""
        DO $$
        DECLARE sequence text;
        BEGIN
            FOR sequence IN
                SELECT pg_get_serial_sequence('public.{table}', attname) FROM pg_attribute
                WHERE attrelid = 'public.{table}'::regclass AND attnum > 0 AND NOT attisdropped
            LOOP
                IF sequence IS NOT NULL THEN
                    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO portal_gateway', sequence);
                END IF;
            END LOOP;
        END $$
    """  # noqa: S608 (the name comes from a migration)


@contextmanager
def acting_as(
    *,
    enterprise_id: int | None,
    user_id: int | None,
    role: Role = "portal_web",
    using: str = "default",
    read_only: bool = False,
) -> Iterator[None]:
    """One transaction under `role`, for this enterprise and user; None means nobody, who sees no tenant row.

    With `read_only` PostgreSQL refuses every write in it.

    Role and settings are local to the transaction, so no pooled connection ever carries them on. Inside an outer transaction
    it is a savepoint, and what was before is put back at the end: by PostgreSQL when rolled back, by us when kept.
    """
    if role not in ROLES:
        raise ValueError(f"no such role: {role}")
    connection = connections[using]
    wanted = (role, _text(enterprise_id), _text(user_id))
    before_name = getattr(connection, "portal_role", None)
    before = _present(connection) if connection.in_atomic_block else None
    try:
        with transaction.atomic(using=using):
            _become(connection, wanted)
            connection.portal_role = role  # type: ignore[attr-defined]
            if read_only:
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION READ ONLY")
            yield
        if before is not None and not connection.needs_rollback:
            _become(connection, before)
    finally:
        connection.portal_role = before_name  # type: ignore[attr-defined]


def is_owner(using: str = "default") -> bool:
    """Whether we act as the tables' owner now: it may COPY and passes the policies. Costs no query."""
    role = getattr(connections[using], "portal_role", None)
    return role is None and settings.PORTAL_PROCESS != "web"


def unprotected_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """The tables with a column enterprise_id that lack row-level security or have no policy; must be empty."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'enterprise_id' AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
              AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
            ORDER BY 1
        """)
        return [name for (name,) in cursor.fetchall()]


def _text(number: int | None) -> str:
    return "" if number is None else str(int(number))


def _present(connection: BaseDatabaseWrapper) -> tuple[str, str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('role'), coalesce(current_setting('portal.enterprise', true), ''),"
            " coalesce(current_setting('portal.user', true), '')"
        )
        role, enterprise, user = cursor.fetchone()
        return role, enterprise, user


def _become(connection: BaseDatabaseWrapper, who: tuple[str, str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('role', %s, true), set_config('portal.enterprise', %s, true), set_config('portal.user', %s, true)",
            who,
        )
