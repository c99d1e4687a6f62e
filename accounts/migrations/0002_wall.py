"""The wall around the tables of accounts: who sees and writes which row, and a record that cannot be changed."""

from django.db import migrations

from portal.tenancy import ENTERPRISE, USER, TenantPolicy

# Oneself, and the other members of the enterprise one acts for.
SEEN_USERS = f"id = {USER} OR id IN (SELECT user_id FROM accounts_membership WHERE enterprise_id = {ENTERPRISE})"
# The enterprise one acts for, and those one may switch to.
SEEN_ENTERPRISES = (
    f"id = {ENTERPRISE} OR id IN (SELECT enterprise_id FROM accounts_membership WHERE user_id = {USER} AND active)"
)
SEEN_MEMBERSHIPS = f"user_id = {USER} OR enterprise_id = {ENTERPRISE}"
# Nobody writes in another's name; a visitor's entry belongs to nobody.
WRITTEN_ENTRIES = (
    f"(enterprise_id IS NULL OR enterprise_id = {ENTERPRISE}) AND (user_id IS NULL OR user_id = {USER})"
)

# The pages need far less than the rights every table is given: what staff alone decide, they cannot write.
RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON
    accounts_user, accounts_user_groups, accounts_user_user_permissions, accounts_enterprise, accounts_membership,
    accounts_credential, auth_group, auth_group_permissions, auth_permission, django_content_type
    FROM portal_web;
GRANT UPDATE (last_login, password) ON accounts_user TO portal_web;
REVOKE ALL ON django_admin_log, django_migrations, accounts_user_groups, accounts_user_user_permissions,
    auth_group, auth_group_permissions FROM portal_web;
REVOKE INSERT, UPDATE, DELETE ON django_migrations, django_content_type, auth_permission, accounts_credential
    FROM portal_staff;
REVOKE DELETE ON accounts_user, accounts_enterprise, accounts_membership FROM portal_staff;
REVOKE UPDATE, DELETE ON accounts_auditentry FROM portal_web, portal_staff;
"""
RIGHTS_BACK = """
GRANT SELECT, INSERT, UPDATE, DELETE ON
    accounts_user, accounts_user_groups, accounts_user_user_permissions, accounts_enterprise, accounts_membership,
    accounts_credential, accounts_auditentry, auth_group, auth_group_permissions, auth_permission, django_content_type,
    django_admin_log, django_migrations
    TO portal_web, portal_staff;
"""

# What a visitor's transaction may ask although it sees no user: the one account of a name or an e-mail.
SIGN_IN = """
CREATE FUNCTION accounts_sign_in(login text) RETURNS SETOF accounts_user
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM accounts_user
    WHERE lower(username) = lower(login) OR (email <> '' AND lower(email) = lower(login))
    LIMIT 1
$$;
REVOKE ALL ON FUNCTION accounts_sign_in(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_sign_in(text) TO portal_web, portal_staff;
"""
# What is public about an enterprise, as in customs' register of enterprises; nothing else of its row is. Asked for by
# number, so that the register of all is never built for one form.
DIRECTORY = """
CREATE FUNCTION accounts_directory(codes text[])
RETURNS TABLE (customs_code varchar, credit_code varchar, name varchar, types varchar[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT customs_code, credit_code, name, types FROM accounts_enterprise
     WHERE state = 'approved' AND (customs_code = ANY (codes) OR credit_code = ANY (codes))
$$;
REVOKE ALL ON FUNCTION accounts_directory(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_directory(text[]) TO portal_web, portal_staff;
"""
# Refused to the owner too; two triggers, since TRUNCATE fires none of the row kind.
APPEND_ONLY = """
CREATE FUNCTION accounts_audit_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit record is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER accounts_audit_stands BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_stands();
CREATE TRIGGER accounts_audit_not_emptied BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_stands();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER accounts_audit_not_emptied ON accounts_auditentry;
DROP TRIGGER accounts_audit_stands ON accounts_auditentry;
DROP FUNCTION accounts_audit_stands();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        TenantPolicy("accounts_user", staff=True, using=SEEN_USERS, check=f"id = {USER}"),
        TenantPolicy("accounts_enterprise", staff=True, using=SEEN_ENTERPRISES),
        TenantPolicy("accounts_membership", staff=True, using=SEEN_MEMBERSHIPS),
        TenantPolicy("accounts_credential", staff=True),
        TenantPolicy("accounts_auditentry", staff=True, check=WRITTEN_ENTRIES),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(SIGN_IN, "DROP FUNCTION accounts_sign_in(text)"),
        migrations.RunSQL(DIRECTORY, "DROP FUNCTION accounts_directory(text[])"),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
    ]
