"""The wall around passkeys: everybody's own, and staff may take one away."""

from django.db import migrations

from portal.tenancy import USER, TenantPolicy

RIGHTS = """
REVOKE ALL ON accounts_passkey FROM portal_staff;
REVOKE UPDATE ON accounts_passkey FROM portal_web;
GRANT UPDATE (sign_count, last_used) ON accounts_passkey TO portal_web;
GRANT SELECT (id, user_id), DELETE ON accounts_passkey TO portal_staff;
"""
RIGHTS_BACK = """
REVOKE SELECT (id, user_id) ON accounts_passkey FROM portal_staff;
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_passkey TO portal_web, portal_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_passkeys")]

    operations = [
        TenantPolicy("accounts_passkey", staff=True, using=f"user_id = {USER}"),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
    ]
