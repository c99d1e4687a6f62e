"""The wall around services: the enterprise reads its own; staff activate and end, and rewrite nothing."""

from django.db import migrations

from portal.tenancy import TenantPolicy

RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON accounts_service FROM portal_web, portal_staff;
GRANT INSERT, UPDATE (ended) ON accounts_service TO portal_staff;
"""
RIGHTS_BACK = "GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_service TO portal_web, portal_staff"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_services")]

    operations = [
        TenantPolicy("accounts_service", staff=True),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
    ]
