"""Deeper walls, against a login of the pages or of the desk that sends SQL of its own.

Pages tell only whom a step of theirs concerns.
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


class Migration(migrations.Migration):
    dependencies = [("accounts", "0022_joining")]

    operations = [
        migrations.RunSQL(NOTIFY_MEMBER, NOTIFY_MEMBER_BACK),
        migrations.RunSQL(
            NOTIFY_MEMBERS.replace("{page}", FROM_A_PAGE), NOTIFY_MEMBERS.replace("{page}", FROM_A_PAGE_BACK)
        ),
        migrations.RunSQL(
            NOTIFY_STAFF.replace("{page}", OF_WHAT_IS_HANDED_IN), NOTIFY_STAFF.replace("{page}", "")
        ),
    ]
