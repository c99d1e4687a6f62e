"""The order of the record and its seals; the wall around what people are told, and who may tell them."""

from django.db import migrations

from portal.tenancy import ENTERPRISE, USER, TenantPolicy

# The transaction that wrote an entry, so that a seal covers only entries none can be put before any more: every
# transaction below pg_snapshot_xmin has ended. Entries of before this migration get its own number, all the same one.
TURN = """
ALTER TABLE accounts_auditentry ADD COLUMN turn bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint);
CREATE INDEX accounts_audit_by_turn ON accounts_auditentry (turn, id);
"""
TURN_BACK = "ALTER TABLE accounts_auditentry DROP COLUMN turn"

# Number, time and turn of an entry are not the writer's to say. What is sealed stands.
RIGHTS = """
REVOKE INSERT ON accounts_auditentry FROM portal_web, portal_staff;
GRANT INSERT (enterprise_id, user_id, action, subject, details, address) ON accounts_auditentry
    TO portal_web, portal_staff;
REVOKE ALL ON accounts_auditseal FROM portal_web, portal_staff;
GRANT SELECT ON accounts_auditseal TO portal_staff;
REVOKE ALL ON accounts_notice FROM portal_web, portal_staff;
GRANT SELECT, UPDATE (read_at) ON accounts_notice TO portal_web;
GRANT SELECT ON accounts_notice TO portal_staff;
REVOKE INSERT, UPDATE, DELETE ON accounts_announcement FROM portal_web;
REVOKE DELETE ON accounts_announcement FROM portal_staff;
"""
RIGHTS_BACK = """
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_auditseal, accounts_notice, accounts_announcement
    TO portal_web, portal_staff;
GRANT INSERT ON accounts_auditentry TO portal_web, portal_staff;
"""
APPEND_ONLY = """
CREATE TRIGGER accounts_seal_stands BEFORE UPDATE OR DELETE ON accounts_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_stands();
CREATE TRIGGER accounts_seal_not_emptied BEFORE TRUNCATE ON accounts_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_stands();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER accounts_seal_not_emptied ON accounts_auditseal;
DROP TRIGGER accounts_seal_stands ON accounts_auditseal;
"""

# How long the oldest entry waits for its seal, for whoever watches the portal.
HEALTH = """
CREATE FUNCTION accounts_health() RETURNS TABLE (oldest_unsealed double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH last AS (SELECT floor, through_turn, through_entry FROM accounts_auditseal ORDER BY number DESC LIMIT 1)
    SELECT extract(epoch FROM now() - min(e.at))::float FROM accounts_auditentry e
     WHERE (e.turn, e.id) > (coalesce((SELECT through_turn FROM last), 0), coalesce((SELECT through_entry FROM last), 0))
       AND e.id > coalesce((SELECT floor FROM last), 0)
$$;
REVOKE ALL ON FUNCTION accounts_health() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_health() TO portal_web;
"""

# One's own; of an enterprise only as long as one is its member.
SEEN_NOTICES = (
    f"user_id = {USER} AND (enterprise_id IS NULL OR enterprise_id IN"
    f" (SELECT enterprise_id FROM accounts_membership WHERE user_id = {USER} AND active))"
)
# On their desk staff are told how many of their own wait.
OWN_ON_THE_DESK = f"CREATE POLICY own ON accounts_notice FOR SELECT TO portal_staff USING (user_id = {USER})"
# Those of now: the public ones are everybody's, the others for who signed in, some only for enterprises of a type.
SEEN_ANNOUNCEMENTS = (
    "since <= now() AND (until IS NULL OR until > now())"
    f" AND (public OR {USER} IS NOT NULL AND (types = '{{}}'"
    f" OR types && (SELECT e.types FROM accounts_enterprise e WHERE e.id = {ENTERPRISE})))"
)
# Who makes a step tells those who make the next one, whom the wall hides from them: nothing is told back, not even
# whether such a user exists.
NOTIFY = """
CREATE FUNCTION accounts_notify(users bigint[], of_enterprise bigint, words text, page text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO accounts_notice (user_id, enterprise_id, text, address, mail_after)
    SELECT id, of_enterprise, words, page, CASE WHEN email <> '' THEN now() END
      FROM accounts_user WHERE id = ANY (users) AND is_active ORDER BY id
$$;
CREATE FUNCTION accounts_notify_staff(app text, permission text, words text, page text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH meant AS (SELECT p.id FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
                    WHERE c.app_label = app AND p.codename = permission)
    SELECT accounts_notify(array_agg(u.id), NULL, words, page) FROM accounts_user u
     WHERE u.is_active AND u.is_staff AND NOT u.is_auditor AND u.id IS DISTINCT FROM {user} AND (
           u.is_superuser
           OR EXISTS (SELECT FROM accounts_user_user_permissions g WHERE g.user_id = u.id
                         AND g.permission_id IN (SELECT id FROM meant))
           OR EXISTS (SELECT FROM accounts_user_groups m JOIN auth_group_permissions g ON g.group_id = m.group_id
                       WHERE m.user_id = u.id AND g.permission_id IN (SELECT id FROM meant)))
$$;
REVOKE ALL ON FUNCTION accounts_notify(bigint[], bigint, text, text),
    accounts_notify_staff(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_notify(bigint[], bigint, text, text),
    accounts_notify_staff(text, text, text, text) TO portal_web, portal_staff;
""".replace("{user}", USER)
NOTIFY_BACK = """
DROP FUNCTION accounts_notify_staff(text, text, text, text);
DROP FUNCTION accounts_notify(bigint[], bigint, text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_record"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.RunSQL(TURN, TURN_BACK),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
        migrations.RunSQL(HEALTH, "DROP FUNCTION accounts_health()"),
        TenantPolicy("accounts_notice", using=SEEN_NOTICES),
        migrations.RunSQL(OWN_ON_THE_DESK, "DROP POLICY own ON accounts_notice"),
        TenantPolicy("accounts_announcement", staff=True, using=SEEN_ANNOUNCEMENTS),
        migrations.RunSQL(NOTIFY, NOTIFY_BACK),
    ]
