"""Takes from customs' door what it does not need: it puts messages away, and reads none.

It learns the number a message was given, under which it puts the bytes away; the workers read them as the tables' owner.
"""

from django.db import migrations

RIGHTS = """
DROP POLICY gateway_reads ON declarations_inboundbytes;
REVOKE SELECT ON declarations_inboundbytes, declarations_inbound FROM portal_gateway;
GRANT SELECT (id) ON declarations_inbound TO portal_gateway;
"""
RIGHTS_BACK = """
CREATE POLICY gateway_reads ON declarations_inboundbytes FOR SELECT TO portal_gateway USING (true);
GRANT SELECT ON declarations_inboundbytes, declarations_inbound TO portal_gateway;
"""


class Migration(migrations.Migration):
    dependencies = [("declarations", "0006_desk")]

    operations = [migrations.RunSQL(RIGHTS, RIGHTS_BACK)]
