"""The wall around certificates, keys asked for, and the consent: what an administrator of the enterprise may write."""

from django.db import migrations

from portal.tenancy import ENTERPRISE, USER, TenantPolicy

# The web asks for whoever is signed in; only an administrator of the enterprise may deal with what it signs with.
ADMINISTERS = (
    f"EXISTS (SELECT FROM accounts_membership m WHERE m.enterprise_id = {ENTERPRISE} AND m.user_id = {USER}"
    " AND m.active AND 'administrator' = ANY (m.roles))"
)

# Nothing is deleted, and what a certificate says is never changed. Keys are made, and alarms noted, by the owner.
RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON accounts_keyrequest, accounts_signingconsent FROM portal_web, portal_staff;
GRANT INSERT, UPDATE (active, ended_at, stopped) ON accounts_credential TO portal_web;
GRANT INSERT, UPDATE (closed) ON accounts_keyrequest TO portal_web;
GRANT INSERT, UPDATE (revoked_by_id, revoked_at) ON accounts_signingconsent TO portal_web;
"""
RIGHTS_BACK = """
REVOKE INSERT, UPDATE (active, ended_at, stopped) ON accounts_credential FROM portal_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_keyrequest, accounts_signingconsent TO portal_web, portal_staff;
"""

# A certificate is registered first and put to use then; a consent is given and revoked in one's own name, now.
DEEDS = f"""
CREATE POLICY registers ON accounts_credential AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK ({ADMINISTERS} AND NOT active AND NOT stopped AND ended_at IS NULL AND warned_days IS NULL);
CREATE POLICY chooses ON accounts_credential AS RESTRICTIVE FOR UPDATE TO portal_web USING ({ADMINISTERS});
CREATE POLICY asks ON accounts_keyrequest AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK ({ADMINISTERS} AND asked_by_id = {USER} AND handle IS NULL AND NOT closed);
CREATE POLICY closes ON accounts_keyrequest AS RESTRICTIVE FOR UPDATE TO portal_web
    USING ({ADMINISTERS} AND NOT closed) WITH CHECK (closed);
CREATE POLICY agrees ON accounts_signingconsent AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK ({ADMINISTERS} AND given_by_id = {USER} AND given_at = statement_timestamp() AND revoked_at IS NULL);
CREATE POLICY revokes ON accounts_signingconsent AS RESTRICTIVE FOR UPDATE TO portal_web
    USING ({ADMINISTERS} AND revoked_at IS NULL)
    WITH CHECK (revoked_by_id = {USER} AND revoked_at = statement_timestamp());
"""
DEEDS_BACK = """
DROP POLICY revokes ON accounts_signingconsent;
DROP POLICY agrees ON accounts_signingconsent;
DROP POLICY closes ON accounts_keyrequest;
DROP POLICY asks ON accounts_keyrequest;
DROP POLICY chooses ON accounts_credential;
DROP POLICY registers ON accounts_credential;
"""

# For /health/, which nobody signs in for: how many certificates in use end soon, and in how many days the first.
HEALTH = """
CREATE FUNCTION accounts_certificates_health(wanted text, days integer)
RETURNS TABLE (ending_soon integer, first_ends_in_days integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FILTER (WHERE c.not_after < now() + make_interval(days => days))::integer,
           floor(extract(epoch FROM min(c.not_after) - now()) / 86400)::integer
      FROM accounts_credential c JOIN accounts_enterprise e ON e.id = c.enterprise_id
     WHERE c.active AND c.environment = wanted AND e.state = 'approved'
$$;
REVOKE ALL ON FUNCTION accounts_certificates_health(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_certificates_health(text, integer) TO portal_web, portal_staff;
"""

# What staff agreed to comes into force by this alone: of certificates they write nothing themselves.
CHANGE = """
CREATE FUNCTION accounts_change_certificate(approved bigint, wanted text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    whose bigint;
BEGIN
    SELECT enterprise_id INTO whose FROM accounts_application
     WHERE id = approved AND kind = 'certificate_change' AND state = 'approved';
    PERFORM FROM accounts_credential WHERE enterprise_id = whose AND environment = 'production' ORDER BY id FOR UPDATE;
    PERFORM FROM accounts_credential
      WHERE enterprise_id = whose AND environment = 'production' AND serial = wanted AND not_after > now();
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE accounts_credential SET active = false, ended_at = now(), stopped = false
     WHERE enterprise_id = whose AND environment = 'production' AND active AND serial <> wanted;
    UPDATE accounts_credential SET active = true, ended_at = NULL, stopped = false
     WHERE enterprise_id = whose AND environment = 'production' AND serial = wanted;
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION accounts_change_certificate(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_change_certificate(bigint, text) TO portal_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_credentials")]

    operations = [
        TenantPolicy("accounts_keyrequest", staff=True),
        TenantPolicy("accounts_signingconsent", staff=True),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(DEEDS, DEEDS_BACK),
        migrations.RunSQL(CHANGE, "DROP FUNCTION accounts_change_certificate(bigint, text)"),
        migrations.RunSQL(HEALTH, "DROP FUNCTION accounts_certificates_health(text, integer)"),
    ]
