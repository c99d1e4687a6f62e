"""The wall around applications: whose they are, and what applicants and staff may write of them."""

from django.db import migrations

from portal.tenancy import ENTERPRISE, USER, TenantPolicy

# The enterprise's; while there is none, whoever applies for one.
SEEN = f"enterprise_id = {ENTERPRISE} OR (enterprise_id IS NULL AND applicant_id = {USER})"
# The policy of the application itself stands behind these.
OF_SEEN = "EXISTS (SELECT FROM accounts_application a WHERE a.id = application_id)"
OF_SEEN_SUBMISSION = "EXISTS (SELECT FROM accounts_submission s WHERE s.id = submission_id)"

RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON accounts_application, accounts_submission, accounts_remark, accounts_paper
    FROM portal_web, portal_staff;
GRANT INSERT, UPDATE (title, content, state, state_at, version, first_approver_id) ON accounts_application TO portal_web;
GRANT INSERT ON accounts_submission, accounts_paper TO portal_web;
GRANT UPDATE (replaced) ON accounts_paper TO portal_web;
GRANT UPDATE (enterprise_id, state, state_at, version, first_approver_id, assignee_id) ON accounts_application
    TO portal_staff;
GRANT UPDATE (verdict, reason, decided_by_id, decided_at) ON accounts_submission TO portal_staff;
GRANT INSERT ON accounts_remark TO portal_staff;
"""
RIGHTS_BACK = """
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_application, accounts_submission, accounts_remark, accounts_paper
    TO portal_web, portal_staff;
"""

# An applicant hands in and takes back, and decides nothing; what is decided stands. Nobody begins in another's name; what
# one administrator of an enterprise began, another may go on with.
DEEDS = f"""
CREATE POLICY begins ON accounts_application AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK (applicant_id = {USER} AND state = 'draft' AND assignee_id IS NULL AND first_approver_id IS NULL);
CREATE POLICY applies ON accounts_application AS RESTRICTIVE FOR UPDATE TO portal_web
    USING (state IN ('draft', 'returned', 'submitted', 'second'))
    WITH CHECK (state IN ('draft', 'returned', 'submitted', 'withdrawn') AND first_approver_id IS NULL);
CREATE POLICY decides_nothing ON accounts_submission AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK (verdict = '' AND decided_by_id IS NULL AND decided_at IS NULL);
CREATE POLICY decides ON accounts_application AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (state IN ('submitted', 'second', 'approved')) WITH CHECK (state NOT IN ('draft', 'withdrawn'));
CREATE POLICY decides_once ON accounts_submission AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (verdict = '') WITH CHECK (verdict <> '');
"""
DEEDS_BACK = """
DROP POLICY decides_once ON accounts_submission;
DROP POLICY decides ON accounts_application;
DROP POLICY decides_nothing ON accounts_submission;
DROP POLICY applies ON accounts_application;
DROP POLICY begins ON accounts_application;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_applications")]

    operations = [
        TenantPolicy("accounts_application", staff=True, using=SEEN),
        TenantPolicy("accounts_submission", staff=True, using=OF_SEEN),
        TenantPolicy("accounts_remark", staff=True, using=OF_SEEN_SUBMISSION),
        TenantPolicy("accounts_paper", staff=True, using=OF_SEEN),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(DEEDS, DEEDS_BACK),
    ]
