"""Deeper walls, against a login of the pages or of the desk that sends SQL of its own.

Pages tell only whom a step of theirs concerns. What is handed in stands until staff decide, whose verdict an application
carries into its new state; what takes two is decided by two. When something moved is nobody's to say.
"""

from django.db import migrations

from portal.tenancy import ENTERPRISE, USER

# --- who is told --------------------------------------------------------------------------------------------------------

# The desk tells applicants, colleagues and members of every enterprise, so it keeps the broad function; pages tell by
# those below. An administrator tells a member, or who was one, of their own enterprise.
NOTIFY_MEMBER = f"""
REVOKE EXECUTE ON FUNCTION accounts_notify(bigint[], bigint, text, text) FROM portal_web;
CREATE FUNCTION accounts_notify_member(person bigint, of_enterprise bigint, words text, page text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT accounts_notify(ARRAY[person], NULL, words, page)
     WHERE EXISTS (SELECT FROM accounts_membership m WHERE m.user_id = person AND m.enterprise_id = of_enterprise)
       AND (current_setting('role') <> 'portal_web' OR of_enterprise = {ENTERPRISE} AND accounts_administers())
$$;
REVOKE ALL ON FUNCTION accounts_notify_member(bigint, bigint, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_notify_member(bigint, bigint, text, text) TO portal_web, portal_staff;
"""
NOTIFY_MEMBER_BACK = """
DROP FUNCTION accounts_notify_member(bigint, bigint, text, text);
GRANT EXECUTE ON FUNCTION accounts_notify(bigint[], bigint, text, text) TO portal_web;
"""
# As in 0019, but for what it demands of a page: a member of their own enterprise tells its members, an administrator the
# administrators of the other party of a mandate that was moved just now.
NOTIFY_MEMBERS = """
CREATE OR REPLACE FUNCTION accounts_notify_members(of_enterprise bigint, wanted text[], words text, page text)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT accounts_notify(array_agg(m.user_id), of_enterprise, words, page) FROM accounts_membership m
     WHERE m.enterprise_id = of_enterprise AND m.active AND m.user_id IS DISTINCT FROM {user}
       AND (wanted = '{}' OR m.roles && wanted::varchar[])
       AND (current_setting('role') <> 'portal_web' OR {page})
$$
""".replace("{user}", USER)
FROM_A_PAGE = f"""
    of_enterprise = {ENTERPRISE} AND EXISTS (
        SELECT FROM accounts_membership o WHERE o.user_id = {USER} AND o.enterprise_id = {ENTERPRISE} AND o.active)
    OR accounts_administers() AND 'administrator' = ANY (m.roles) AND EXISTS (
        SELECT FROM accounts_mandate d
         WHERE {ENTERPRISE} IN (d.principal_id, d.agent_id) AND of_enterprise IN (d.principal_id, d.agent_id)
           AND greatest(d.proposed_at, d.answered_at, d.revoked_at) >= now() - interval '1 minute')"""
FROM_A_PAGE_BACK = f"""
    of_enterprise = {ENTERPRISE} OR EXISTS (
        SELECT FROM accounts_mandate d WHERE {ENTERPRISE} IN (d.principal_id, d.agent_id)
           AND of_enterprise IN (d.principal_id, d.agent_id))"""
# As in 0007, but that a page tells reviewers alone, and of what its user hands in in this very transaction.
NOTIFY_STAFF = """
CREATE OR REPLACE FUNCTION accounts_notify_staff(app text, permission text, words text, page text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH meant AS (SELECT p.id FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
                    WHERE c.app_label = app AND p.codename = permission)
    SELECT accounts_notify(array_agg(u.id), NULL, words, page) FROM accounts_user u
     WHERE u.is_active AND u.is_staff AND NOT u.is_auditor AND u.id IS DISTINCT FROM {user} AND (
           u.is_superuser
           OR EXISTS (SELECT FROM accounts_user_user_permissions g WHERE g.user_id = u.id
                         AND g.permission_id IN (SELECT id FROM meant))
           OR EXISTS (SELECT FROM accounts_user_groups m JOIN auth_group_permissions g ON g.group_id = m.group_id
                       WHERE m.user_id = u.id AND g.permission_id IN (SELECT id FROM meant))){page}
$$
""".replace("{user}", USER)
OF_WHAT_IS_HANDED_IN = f"""
       AND (current_setting('role') <> 'portal_web' OR (app, permission) = ('accounts', 'change_application') AND EXISTS (
            SELECT FROM accounts_submission s WHERE s.submitted_by_id = {USER} AND s.at >= now()))"""

# --- what is applied for ------------------------------------------------------------------------------------------------

# The kinds of accounts.onboarding.kinds that take a second person, as they are now.
TWO_PERSONS = "('account', 'enterprise_change', 'guarantee')"

# What a policy cannot compare, the row before and after. A move is timed here and by nobody. Applicants hand in and take
# back, and change nothing while staff look at it; staff neither undo what is decided nor give it to another enterprise,
# and who approves first does so in their own name.
MOVES = f"""
CREATE FUNCTION accounts_application_moves() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    way text := OLD.state || ' ' || NEW.state;
BEGIN
    IF NEW.state <> OLD.state AND NEW.state_at = OLD.state_at THEN
        NEW.state_at := statement_timestamp();
    END IF;
    IF current_user = 'portal_web' AND (
           way NOT IN ('draft draft', 'draft submitted', 'draft withdrawn', 'returned returned', 'returned submitted',
                       'returned withdrawn', 'submitted withdrawn', 'second withdrawn')
           OR OLD.state IN ('submitted', 'second')
              AND (NEW.content, NEW.title) IS DISTINCT FROM (OLD.content, OLD.title))
       OR current_user = 'portal_staff' AND (
           way NOT IN ('submitted submitted', 'submitted second', 'submitted approved', 'submitted returned',
                       'submitted refused', 'second second', 'second approved', 'second returned', 'second refused',
                       'approved approved')
           OR NEW.enterprise_id IS DISTINCT FROM OLD.enterprise_id
              AND (OLD.enterprise_id IS NOT NULL OR way <> 'approved approved')
           OR NEW.first_approver_id IS NOT NULL AND NEW.first_approver_id IS DISTINCT FROM OLD.first_approver_id
              AND (NEW.first_approver_id IS DISTINCT FROM {USER} OR way <> 'submitted second')) THEN
        RAISE EXCEPTION 'permission denied for this move of an application: %', way
              USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_application_moves BEFORE UPDATE ON accounts_application
    FOR EACH ROW EXECUTE FUNCTION accounts_application_moves();
REVOKE UPDATE (state_at) ON accounts_application FROM portal_web, portal_staff;
"""
MOVES_BACK = """
GRANT UPDATE (state_at) ON accounts_application TO portal_web, portal_staff;
DROP TRIGGER accounts_application_moves ON accounts_application;
DROP FUNCTION accounts_application_moves();
"""

# For an enterprise its administrators apply. A version is a true copy of what is handed in in this transaction, and papers
# come and go while the applicant may write.
MAY_APPLY = "enterprise_id IS NULL OR accounts_administers()"
HANDED_IN = "a.state = 'submitted' AND a.state_at >= now()"
IS_OPEN = f"""EXISTS (
    SELECT FROM accounts_application a
     WHERE a.id = application_id AND (a.{MAY_APPLY}) AND (a.state IN ('draft', 'returned') OR {HANDED_IN}))"""
APPLICANTS = f"""
CREATE POLICY administers_beginning ON accounts_application AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK ({MAY_APPLY});
CREATE POLICY administers ON accounts_application AS RESTRICTIVE FOR UPDATE TO portal_web USING ({MAY_APPLY});
CREATE POLICY begins_now ON accounts_application AS RESTRICTIVE FOR INSERT TO portal_web, portal_staff
    WITH CHECK (created = statement_timestamp() AND state_at = statement_timestamp());
CREATE POLICY hands_in_now ON accounts_submission AS RESTRICTIVE FOR INSERT TO portal_web, portal_staff
    WITH CHECK (submitted_by_id = {USER} AND at = statement_timestamp());
CREATE POLICY true_copy ON accounts_submission AS RESTRICTIVE FOR INSERT TO portal_web WITH CHECK (
    papers <@ ARRAY(SELECT p.id FROM accounts_paper p
                     WHERE p.application_id = accounts_submission.application_id AND NOT p.replaced)
    AND EXISTS (SELECT FROM accounts_application a
                 WHERE a.id = application_id AND (a.{MAY_APPLY}) AND {HANDED_IN}
                   AND a.content = accounts_submission.content));
CREATE POLICY uploads ON accounts_paper AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK (uploaded_by_id = {USER} AND at = statement_timestamp() AND NOT replaced AND {IS_OPEN});
CREATE POLICY replaces ON accounts_paper AS RESTRICTIVE FOR UPDATE TO portal_web
    USING ({IS_OPEN}) WITH CHECK (replaced);
"""
APPLICANTS_BACK = """
DROP POLICY replaces ON accounts_paper;
DROP POLICY uploads ON accounts_paper;
DROP POLICY true_copy ON accounts_submission;
DROP POLICY hands_in_now ON accounts_submission;
DROP POLICY begins_now ON accounts_application;
DROP POLICY administers ON accounts_application;
DROP POLICY administers_beginning ON accounts_application;
"""

# Neither who applied, nor who handed it in once, nor a member of the enterprise it is for.
IMPARTIAL = f"""{USER} <> applicant_id
    AND NOT EXISTS (SELECT FROM accounts_submission h
                     WHERE h.application_id = accounts_application.id AND h.submitted_by_id = {USER})
    AND NOT EXISTS (SELECT FROM accounts_membership m
                     WHERE m.enterprise_id = accounts_application.enterprise_id AND m.user_id = {USER} AND m.active)"""
# The verdict of this state on the last version, by the acting user, in this transaction.
DECIDED = f"""EXISTS (
    SELECT FROM accounts_submission s
     WHERE s.application_id = accounts_application.id AND s.verdict = accounts_application.state
       AND s.decided_by_id = {USER} AND s.decided_at >= now()
       AND s.number = (SELECT max(l.number) FROM accounts_submission l WHERE l.application_id = s.application_id))"""
STAFF = f"""
CREATE POLICY verdict_now ON accounts_submission AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (true) WITH CHECK (decided_by_id = {USER} AND decided_at = statement_timestamp());
CREATE POLICY by_verdict ON accounts_application AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (state <> 'approved' OR state_at >= now())
    WITH CHECK (CASE state
        WHEN 'submitted' THEN true
        WHEN 'second' THEN kind IN {TWO_PERSONS} AND (first_approver_id <> {USER} OR {IMPARTIAL})
        WHEN 'approved' THEN {DECIDED} AND {IMPARTIAL} AND first_approver_id IS DISTINCT FROM {USER}
                             AND (first_approver_id IS NOT NULL) = (kind IN {TWO_PERSONS})
        ELSE {DECIDED} END);
"""
STAFF_BACK = """
DROP POLICY by_verdict ON accounts_application;
DROP POLICY verdict_now ON accounts_submission;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0023_numbers_wall")]

    operations = [
        migrations.RunSQL(NOTIFY_MEMBER, NOTIFY_MEMBER_BACK),
        migrations.RunSQL(
            NOTIFY_MEMBERS.replace("{page}", FROM_A_PAGE), NOTIFY_MEMBERS.replace("{page}", FROM_A_PAGE_BACK)
        ),
        migrations.RunSQL(
            NOTIFY_STAFF.replace("{page}", OF_WHAT_IS_HANDED_IN), NOTIFY_STAFF.replace("{page}", "")
        ),
        migrations.RunSQL(MOVES, MOVES_BACK),
        migrations.RunSQL(APPLICANTS, APPLICANTS_BACK),
        migrations.RunSQL(STAFF, STAFF_BACK),
    ]
