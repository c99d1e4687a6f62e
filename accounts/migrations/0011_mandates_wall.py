"""The wall around mandates: both parties see one, the other than its proposer answers it, and no two are in force at once."""

from django.db import migrations

from portal.tenancy import ENTERPRISE, TenantPolicy

PARTY = f"{ENTERPRISE} IN (principal_id, agent_id)"

RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON accounts_mandate FROM portal_web, portal_staff;
GRANT INSERT, UPDATE (state, answered_at, revoker_id, revoked_at, reason) ON accounts_mandate TO portal_web;
"""
RIGHTS_BACK = "GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_mandate TO portal_web, portal_staff"

# Nobody accepts what it has proposed itself, or proposes in another's name; what is at an end stays so.
DEEDS = f"""
CREATE POLICY proposes ON accounts_mandate AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK (state = 'proposed' AND proposer_id = {ENTERPRISE} AND proposed_at BETWEEN now() AND clock_timestamp()
                AND answered_at IS NULL AND revoker_id IS NULL);
CREATE POLICY answers ON accounts_mandate AS RESTRICTIVE FOR UPDATE TO portal_web
    USING (state IN ('proposed', 'accepted'))
    WITH CHECK (CASE WHEN state IN ('accepted', 'declined') THEN proposer_id <> {ENTERPRISE} AND revoker_id IS NULL
                     ELSE state = 'revoked' AND revoker_id = {ENTERPRISE} END);
"""
DEEDS_BACK = """
DROP POLICY answers ON accounts_mandate;
DROP POLICY proposes ON accounts_mandate;
"""

# Of the same two, mode and district at most one is accepted for any day. Ranges, as GiST knows them by itself; every
# district (empty) is a district of its own.
ONE_AT_A_TIME = """
ALTER TABLE accounts_mandate ADD CONSTRAINT accounts_mandate_one_at_a_time EXCLUDE USING gist (
    int8range(principal_id, principal_id, '[]') WITH &&,
    int8range(agent_id, agent_id, '[]') WITH &&,
    int4range(mode::int, mode::int, '[]') WITH &&,
    int4range(coalesce(nullif(district, '')::int, -1), coalesce(nullif(district, '')::int, -1), '[]') WITH &&,
    daterange(first_day, last_day, '[]') WITH &&
) WHERE (state = 'accepted');
"""
ONE_AT_A_TIME_BACK = "ALTER TABLE accounts_mandate DROP CONSTRAINT accounts_mandate_one_at_a_time"

# The approved enterprises of these codes, as accounts_directory tells them, and the key a mandate refers to them by.
KEYS = """
CREATE FUNCTION accounts_keys(codes text[])
RETURNS TABLE (id bigint, customs_code varchar, credit_code varchar, name varchar, types varchar[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, customs_code, credit_code, name, types FROM accounts_enterprise
     WHERE state = 'approved' AND (customs_code = ANY (codes) OR credit_code = ANY (codes))
$$;
REVOKE ALL ON FUNCTION accounts_keys(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_keys(text[]) TO portal_web;
"""
# What those are called with whom the enterprise shares a mandate, whatever became of them since.
PARTNERS = f"""
CREATE FUNCTION accounts_partners() RETURNS TABLE (id bigint, customs_code varchar, name varchar)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id, customs_code, name FROM accounts_enterprise
     WHERE id IN (SELECT CASE {ENTERPRISE} WHEN principal_id THEN agent_id ELSE principal_id END
                    FROM accounts_mandate WHERE {PARTY})
$$;
REVOKE ALL ON FUNCTION accounts_partners() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_partners() TO portal_web;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_mandates")]

    operations = [
        TenantPolicy("accounts_mandate", staff=True, using=PARTY),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(DEEDS, DEEDS_BACK),
        migrations.RunSQL(ONE_AT_A_TIME, ONE_AT_A_TIME_BACK),
        migrations.RunSQL(KEYS, "DROP FUNCTION accounts_keys(text[])"),
        migrations.RunSQL(PARTNERS, "DROP FUNCTION accounts_partners()"),
    ]
