"""The wall around second factors: everybody's own, and staff may take one away but read no secret."""

from django.db import migrations

from portal.tenancy import USER, TenantPolicy

OWN = f"user_id = {USER}"

RIGHTS = """
REVOKE ALL ON accounts_authenticatorapp, accounts_recoverycode FROM portal_staff;
REVOKE UPDATE ON accounts_authenticatorapp, accounts_recoverycode FROM portal_web;
GRANT UPDATE (last_step) ON accounts_authenticatorapp TO portal_web;
GRANT UPDATE (used_at) ON accounts_recoverycode TO portal_web;
GRANT SELECT (user_id, created), DELETE ON accounts_authenticatorapp TO portal_staff;
GRANT SELECT (id, user_id), DELETE ON accounts_recoverycode TO portal_staff;
"""
RIGHTS_BACK = """
REVOKE SELECT (user_id, created) ON accounts_authenticatorapp FROM portal_staff;
REVOKE SELECT (id, user_id) ON accounts_recoverycode FROM portal_staff;
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_authenticatorapp, accounts_recoverycode TO portal_web, portal_staff;
"""

# What has been used stays used.
USED_UP = """
CREATE POLICY uses_up ON accounts_recoverycode AS RESTRICTIVE FOR UPDATE TO portal_web
    USING (used_at IS NULL) WITH CHECK (used_at IS NOT NULL);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_second_factor")]

    operations = [
        TenantPolicy("accounts_authenticatorapp", staff=True, using=OWN),
        TenantPolicy("accounts_recoverycode", staff=True, using=OWN),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(USED_UP, "DROP POLICY uses_up ON accounts_recoverycode"),
    ]
