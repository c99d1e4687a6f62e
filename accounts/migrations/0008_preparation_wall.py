"""The wall around evidence and licences: an enterprise looks at its own, and only an approval by staff brings any."""

from django.db import migrations

from portal.tenancy import TenantPolicy

RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON accounts_evidence, accounts_qualification FROM portal_web, portal_staff;
GRANT INSERT, UPDATE (replaced) ON accounts_evidence, accounts_qualification TO portal_staff;
"""
RIGHTS_BACK = """
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_evidence, accounts_qualification TO portal_web, portal_staff;
"""
# What was in force stays as it was; only that a later one took its place is written, once.
DEEDS = """
CREATE POLICY begins ON accounts_evidence AS RESTRICTIVE FOR INSERT TO portal_staff WITH CHECK (NOT replaced);
CREATE POLICY gives_way ON accounts_evidence AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (NOT replaced) WITH CHECK (replaced);
CREATE POLICY begins ON accounts_qualification AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (NOT replaced AND reminded IS NULL);
CREATE POLICY gives_way ON accounts_qualification AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (NOT replaced) WITH CHECK (replaced);
"""
DEEDS_BACK = """
DROP POLICY gives_way ON accounts_qualification;
DROP POLICY begins ON accounts_qualification;
DROP POLICY gives_way ON accounts_evidence;
DROP POLICY begins ON accounts_evidence;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_preparation")]

    operations = [
        TenantPolicy("accounts_evidence", staff=True),
        TenantPolicy("accounts_qualification", staff=True),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(DEEDS, DEEDS_BACK),
    ]
