"""The wall around sessions: everybody's own, and for staff none."""

from django.db import migrations

from portal.tenancy import USER, TenantPolicy

RIGHTS = """
REVOKE ALL ON accounts_usersession FROM portal_staff;
REVOKE UPDATE ON accounts_usersession FROM portal_web;
GRANT UPDATE (session_key, address, last_used) ON accounts_usersession TO portal_web;
"""
RIGHTS_BACK = "GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_usersession TO portal_web, portal_staff"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_sessions")]

    operations = [
        TenantPolicy("accounts_usersession", using=f"user_id = {USER}"),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
    ]
