"""The wall around what was approved of an enterprise, and how staff hand in what another of them decides."""

from django.db import migrations

from portal.tenancy import USER, TenantPolicy

RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON accounts_profile FROM portal_web, portal_staff;
GRANT INSERT ON accounts_profile TO portal_staff;
GRANT UPDATE (registration_customs, legal_representative, contact_name, contact_phone, contact_email, website, park,
    business_licence_id, application_id, since) ON accounts_profile TO portal_staff;
"""
RIGHTS_BACK = "GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_profile TO portal_web, portal_staff"

# Nothing of it is written but by the approval of an application of that very enterprise, in its transaction.
APPROVED = """EXISTS (
    SELECT FROM accounts_application a
     WHERE a.id = application_id AND a.enterprise_id = accounts_profile.enterprise_id AND a.state = 'approved'
       AND a.kind IN ('account', 'enterprise_change', 'public_site') AND a.state_at >= now() - interval '1 minute')"""
DEEDS = f"""
CREATE POLICY approved ON accounts_profile AS RESTRICTIVE FOR INSERT TO portal_staff WITH CHECK ({APPROVED});
CREATE POLICY approved_anew ON accounts_profile AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (true) WITH CHECK ({APPROVED});
"""
DEEDS_BACK = """
DROP POLICY approved_anew ON accounts_profile;
DROP POLICY approved ON accounts_profile;
"""

# Staff begin a public site and nothing else; in their own name, handed in at once, decided by nobody yet.
LODGED = f"""
GRANT INSERT ON accounts_application, accounts_submission TO portal_staff;
CREATE POLICY lodges ON accounts_application AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (kind = 'public_site' AND state = 'submitted' AND applicant_id = {USER} AND enterprise_id IS NULL
                AND assignee_id IS NULL AND first_approver_id IS NULL);
CREATE POLICY lodges ON accounts_submission AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (verdict = '' AND decided_by_id IS NULL AND decided_at IS NULL AND submitted_by_id = {USER} AND EXISTS (
        SELECT FROM accounts_application a
         WHERE a.id = application_id AND a.kind = 'public_site' AND a.applicant_id = {USER}));
"""
LODGED_BACK = """
DROP POLICY lodges ON accounts_submission;
DROP POLICY lodges ON accounts_application;
REVOKE INSERT ON accounts_application, accounts_submission FROM portal_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0016_profile")]

    operations = [
        TenantPolicy("accounts_profile", staff=True),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(DEEDS, DEEDS_BACK),
        migrations.RunSQL(LODGED, LODGED_BACK),
    ]
