"""Lets the health page ask for two ages without seeing a row of anybody's."""

from django.db import migrations

OLDEST = """
CREATE FUNCTION declarations_oldest() RETURNS TABLE (unsent timestamptz, unread timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (SELECT min(created_at) FROM declarations_outbound WHERE state IN ('pending', 'signed')),
           (SELECT min(received_at) FROM declarations_inbound WHERE state = 'stored')
$$;
REVOKE ALL ON FUNCTION declarations_oldest() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_oldest() TO portal_web;
"""


class Migration(migrations.Migration):
    dependencies = [("declarations", "0002_wall")]

    operations = [migrations.RunSQL(OLDEST, "DROP FUNCTION declarations_oldest()")]
