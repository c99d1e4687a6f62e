"""The numbers by which everybody knows an enterprise change by an approval alone; and who hands that in."""

from django.db import migrations

from portal.tenancy import USER

# Nobody writes the numbers of an enterprise that there is: they are given with its row, and changed below.
RIGHTS = """
REVOKE UPDATE ON accounts_enterprise FROM portal_staff;
GRANT UPDATE (name, types, depot, customs_district, dxp_id, state, state_reason) ON accounts_enterprise TO portal_staff;
"""
RIGHTS_BACK = """
REVOKE UPDATE (name, types, depot, customs_district, dxp_id, state, state_reason) ON accounts_enterprise FROM portal_staff;
GRANT UPDATE ON accounts_enterprise TO portal_staff;
"""

# What one of the staff handed in and another, who asks this, has just approved comes into force by this alone, with what
# names the enterprise by its customs code and goes on with it. ``ending``: its certificates that name the old numbers.
CHANGE = f"""
CREATE FUNCTION accounts_change_numbers(approved bigint, ending bigint[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wanted record;
    was varchar;
BEGIN
    SELECT a.enterprise_id AS whose, s.numbers[1] AS credit, s.numbers[2] AS customs INTO wanted
      FROM accounts_application a JOIN accounts_submission s ON s.application_id = a.id
     WHERE a.id = approved AND a.kind = 'enterprise_numbers' AND a.state = 'approved'
       AND a.state_at >= now() - interval '1 minute' AND cardinality(s.numbers) = 2
       AND s.verdict = 'approved' AND s.decided_by_id = {USER} AND s.submitted_by_id <> s.decided_by_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT customs_code INTO was FROM accounts_enterprise WHERE id = wanted.whose FOR UPDATE;
    UPDATE accounts_enterprise SET credit_code = wanted.credit, customs_code = wanted.customs WHERE id = wanted.whose;
    UPDATE accounts_credential SET active = false, ended_at = now(), stopped = true
     WHERE enterprise_id = wanted.whose AND id = ANY (ending) AND active;
    IF was <> wanted.customs THEN
        UPDATE accounts_service SET clearance_code = wanted.customs WHERE clearance_code = was AND ended IS NULL;
        UPDATE accounts_evidence SET number = wanted.customs
         WHERE item = 'guarantee' AND variety = 'agent' AND number = was AND NOT replaced;
        UPDATE accounts_keyrequest SET closed = true WHERE enterprise_id = wanted.whose AND NOT closed;
    END IF;
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION accounts_change_numbers(bigint, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_change_numbers(bigint, bigint[]) TO portal_staff;
"""

# Staff begin these two, in their own name, handed in at once, decided by nobody yet; none is about an enterprise of theirs.
OF_STAFF = "('public_site', 'enterprise_numbers')"
LODGED = f"""
DROP POLICY lodges ON accounts_submission;
DROP POLICY lodges ON accounts_application;
CREATE POLICY lodges ON accounts_application AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (state = 'submitted' AND applicant_id = {USER} AND assignee_id IS NULL AND first_approver_id IS NULL
                AND (kind = 'public_site' AND enterprise_id IS NULL
                     OR kind = 'enterprise_numbers' AND topic = enterprise_id::text AND NOT EXISTS (
                        SELECT FROM accounts_membership m
                         WHERE m.enterprise_id = accounts_application.enterprise_id AND m.user_id = {USER} AND m.active)));
CREATE POLICY lodges ON accounts_submission AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (verdict = '' AND decided_by_id IS NULL AND decided_at IS NULL AND submitted_by_id = {USER} AND EXISTS (
        SELECT FROM accounts_application a
         WHERE a.id = application_id AND a.kind IN {OF_STAFF} AND a.applicant_id = {USER}));
GRANT INSERT ON accounts_paper TO portal_staff;
CREATE POLICY lodges ON accounts_paper AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (uploaded_by_id = {USER} AND NOT replaced AND EXISTS (
        SELECT FROM accounts_application a
         WHERE a.id = application_id AND a.kind = 'enterprise_numbers' AND a.applicant_id = {USER}
           AND NOT EXISTS (SELECT FROM accounts_submission s WHERE s.application_id = a.id)));
"""
LODGED_BACK = f"""
DROP POLICY lodges ON accounts_paper;
REVOKE INSERT ON accounts_paper FROM portal_staff;
DROP POLICY lodges ON accounts_submission;
DROP POLICY lodges ON accounts_application;
CREATE POLICY lodges ON accounts_application AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (kind = 'public_site' AND state = 'submitted' AND applicant_id = {USER} AND enterprise_id IS NULL
                AND assignee_id IS NULL AND first_approver_id IS NULL);
CREATE POLICY lodges ON accounts_submission AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (verdict = '' AND decided_by_id IS NULL AND decided_at IS NULL AND submitted_by_id = {USER} AND EXISTS (
        SELECT FROM accounts_application a
         WHERE a.id = application_id AND a.kind = 'public_site' AND a.applicant_id = {USER}));
"""

# What staff hand in about an enterprise it reads, and neither begins, changes, adds to nor takes back.
BY_STAFF = f"EXISTS (SELECT FROM accounts_application a WHERE a.id = application_id AND a.kind IN {OF_STAFF})"
READ_ONLY = f"""
DROP POLICY not_for_staff ON accounts_application;
CREATE POLICY not_for_staff ON accounts_application AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK (kind NOT IN {OF_STAFF});
CREATE POLICY reads_of_staff ON accounts_application AS RESTRICTIVE FOR UPDATE TO portal_web
    USING (kind NOT IN {OF_STAFF});
CREATE POLICY reads_of_staff ON accounts_submission AS RESTRICTIVE FOR INSERT TO portal_web WITH CHECK (NOT {BY_STAFF});
CREATE POLICY reads_of_staff ON accounts_paper AS RESTRICTIVE FOR INSERT TO portal_web WITH CHECK (NOT {BY_STAFF});
CREATE POLICY replaces_none_of_staff ON accounts_paper AS RESTRICTIVE FOR UPDATE TO portal_web USING (NOT {BY_STAFF});
"""
READ_ONLY_BACK = """
DROP POLICY replaces_none_of_staff ON accounts_paper;
DROP POLICY reads_of_staff ON accounts_paper;
DROP POLICY reads_of_staff ON accounts_submission;
DROP POLICY reads_of_staff ON accounts_application;
DROP POLICY not_for_staff ON accounts_application;
CREATE POLICY not_for_staff ON accounts_application AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK (kind <> 'public_site');
"""

# As in 0017, by one kind more: it may move the office, and bring the licence.
PROFILE = """EXISTS (
    SELECT FROM accounts_application a
     WHERE a.id = application_id AND a.enterprise_id = accounts_profile.enterprise_id AND a.state = 'approved'
       AND a.kind IN ({kinds}) AND a.state_at >= now() - interval '1 minute')"""
KINDS = "'account', 'enterprise_change', 'public_site'"


def _profile(kinds: str) -> str:
    allowed = PROFILE.replace("{kinds}", kinds)
    return f"""
ALTER POLICY approved ON accounts_profile WITH CHECK ({allowed});
ALTER POLICY approved_anew ON accounts_profile WITH CHECK ({allowed});
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0022_joining")]

    operations = [
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(CHANGE, "DROP FUNCTION accounts_change_numbers(bigint, bigint[])"),
        migrations.RunSQL(LODGED, LODGED_BACK),
        migrations.RunSQL(READ_ONLY, READ_ONLY_BACK),
        migrations.RunSQL(_profile(f"{KINDS}, 'enterprise_numbers'"), _profile(KINDS)),
    ]
