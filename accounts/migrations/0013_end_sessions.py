"""How staff end the sessions of somebody whose second factor they reset: they see no session themselves."""

from django.db import migrations

END = """
CREATE FUNCTION accounts_end_sessions(person bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM django_session WHERE session_key IN (SELECT session_key FROM accounts_usersession WHERE user_id = $1);
    DELETE FROM accounts_usersession WHERE user_id = $1;
$$;
REVOKE ALL ON FUNCTION accounts_end_sessions(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_end_sessions(bigint) TO portal_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_services_wall")]

    operations = [migrations.RunSQL(END, "DROP FUNCTION accounts_end_sessions(bigint)")]
