"""How a visitor, who may write no user, becomes one: a plain user and nothing more."""

from django.db import migrations

REGISTER = """
CREATE FUNCTION accounts_register(username text, name text, email text, phone bytea, password text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO accounts_user
        (username, name, email, phone, password, is_superuser, is_staff, is_active, date_joined)
    VALUES ($1, $2, $3, $4, $5, false, false, true, now())
    RETURNING id
$$;
REVOKE ALL ON FUNCTION accounts_register(text, text, text, bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_register(text, text, text, bytea, text) TO portal_web;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_phone")]

    operations = [
        migrations.RunSQL(REGISTER, "DROP FUNCTION accounts_register(text, text, text, bytea, text)"),
    ]
