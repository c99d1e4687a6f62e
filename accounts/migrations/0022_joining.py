"""Who joins by an invitation: nobody of the platform itself, and only while who sent it could still let somebody in."""

from django.db import migrations

from portal.tenancy import USER

# As in 0005, but for what it demands of the person and of the sender.
ACCEPT = """
CREATE OR REPLACE FUNCTION accounts_invitation_accept(hash bytea) RETURNS TABLE (invitation bigint, enterprise bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH used AS (
        UPDATE accounts_invitation SET accepted_at = now(), accepted_by_id = {user}
         WHERE token_hash = hash AND accepted_at IS NULL AND revoked_at IS NULL AND expires > now()
           AND EXISTS (SELECT FROM accounts_user u
                        WHERE u.id = {user} AND u.is_active AND lower(u.email) = accounts_invitation.email{person})
           {sender}
        RETURNING id, enterprise_id, roles
    ), joined AS (
        INSERT INTO accounts_membership (user_id, enterprise_id, roles, active)
        SELECT {user}, enterprise_id, roles, true FROM used
        ON CONFLICT (user_id, enterprise_id) DO UPDATE SET roles = EXCLUDED.roles, active = true
            WHERE NOT accounts_membership.active
    )
    SELECT id, enterprise_id FROM used
$$
""".replace("{user}", USER)
PERSON = " AND NOT u.is_staff AND NOT u.is_auditor"
SENDER = """AND EXISTS (SELECT FROM accounts_user s
                        WHERE s.id = accounts_invitation.invited_by_id AND s.is_active AND (s.is_staff OR EXISTS (
                              SELECT FROM accounts_membership m
                               WHERE m.user_id = s.id AND m.enterprise_id = accounts_invitation.enterprise_id
                                 AND m.active AND 'administrator' = ANY (m.roles))))"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0021_in_own_name")]

    operations = [
        migrations.RunSQL(
            ACCEPT.replace("{person}", PERSON).replace("{sender}", SENDER),
            ACCEPT.replace("{person}", "").replace("{sender}", ""),
        ),
    ]
