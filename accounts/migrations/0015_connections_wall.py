"""The wall around connections: the enterprise reads its own; staff open and change them, and give no code twice."""

from django.db import migrations

from portal.tenancy import TenantPolicy

# The codes of a connection are never rewritten, and nothing of what was proved is.
RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON accounts_connection, accounts_interfaceproof FROM portal_web, portal_staff;
GRANT INSERT, UPDATE (source_addresses, callback, application_id, changed) ON accounts_connection TO portal_staff;
GRANT INSERT ON accounts_interfaceproof TO portal_staff;
"""
RIGHTS_BACK = """
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_connection, accounts_interfaceproof TO portal_web, portal_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0014_connections")]

    operations = [
        TenantPolicy("accounts_connection", staff=True),
        TenantPolicy("accounts_interfaceproof", staff=True),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
    ]
