"""Invitations, and the wall around them and around memberships, which the pages may change now."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from portal.tenancy import ENTERPRISE, USER, TenantPolicy

# Asked by policies: one on memberships could not read memberships itself, and nobody else's session may say so.
ADMINISTERS = f"""
CREATE FUNCTION accounts_administers() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM accounts_membership
         WHERE user_id = {USER} AND enterprise_id = {ENTERPRISE} AND active AND 'administrator' = ANY (roles))
$$;
REVOKE ALL ON FUNCTION accounts_administers() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_administers() TO portal_web;
"""
# What the holder of a link is told before joining: a visitor, and the user it was sent to. Anybody else, and whoever comes
# when it is over, learns that and no more.
TOLD = f"""
CREATE FUNCTION accounts_invitation_told(hash bytea)
RETURNS TABLE (state text, mine boolean, enterprise varchar, roles varchar[], address text, expires timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.state, s.mine, e.name, o.roles,
           left(o.email, 1) || '***' || substring(o.email FROM position('@' IN o.email)), o.expires
      FROM accounts_invitation i
      CROSS JOIN LATERAL (
          SELECT CASE WHEN i.accepted_at IS NOT NULL THEN 'used' WHEN i.revoked_at IS NOT NULL THEN 'revoked'
                      WHEN i.expires <= now() THEN 'expired' ELSE 'open' END AS state,
                 EXISTS (SELECT FROM accounts_user u
                          WHERE u.id = {USER} AND u.is_active AND lower(u.email) = i.email) AS mine) s
      LEFT JOIN accounts_invitation o ON o.id = i.id AND s.state = 'open' AND (s.mine OR {USER} IS NULL)
      LEFT JOIN accounts_enterprise e ON e.id = o.enterprise_id
     WHERE i.token_hash = hash
$$;
REVOKE ALL ON FUNCTION accounts_invitation_told(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_invitation_told(bytea) TO portal_web;
"""
# Joining: once, in time, and only by the user whose address it was sent to. Who was removed gets back with the roles of
# the invitation; who is a member keeps what they have.
ACCEPT = f"""
CREATE FUNCTION accounts_invitation_accept(hash bytea) RETURNS TABLE (invitation bigint, enterprise bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH used AS (
        UPDATE accounts_invitation SET accepted_at = now(), accepted_by_id = {USER}
         WHERE token_hash = hash AND accepted_at IS NULL AND revoked_at IS NULL AND expires > now()
           AND EXISTS (SELECT FROM accounts_user u
                        WHERE u.id = {USER} AND u.is_active AND lower(u.email) = accounts_invitation.email)
        RETURNING id, enterprise_id, roles
    ), joined AS (
        INSERT INTO accounts_membership (user_id, enterprise_id, roles, active)
        SELECT {USER}, enterprise_id, roles, true FROM used
        ON CONFLICT (user_id, enterprise_id) DO UPDATE SET roles = EXCLUDED.roles, active = true
            WHERE NOT accounts_membership.active
    )
    SELECT id, enterprise_id FROM used
$$;
REVOKE ALL ON FUNCTION accounts_invitation_accept(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_invitation_accept(bytea) TO portal_web;
"""

# An invitation is written once and may be taken back; it is accepted by the function above alone.
RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON accounts_invitation FROM portal_web, portal_staff;
GRANT INSERT, UPDATE (revoked_at) ON accounts_invitation TO portal_web, portal_staff;
GRANT UPDATE (roles, active) ON accounts_membership TO portal_web;
"""
RIGHTS_BACK = """
REVOKE UPDATE (roles, active) ON accounts_membership FROM portal_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_invitation TO portal_web, portal_staff;
"""

# No session but an administrator's gives roles or lets anybody in, whatever SQL it sends.
DEEDS = f"""
CREATE POLICY administers ON accounts_membership AS RESTRICTIVE FOR UPDATE TO portal_web
    USING (enterprise_id = {ENTERPRISE} AND accounts_administers())
    WITH CHECK (enterprise_id = {ENTERPRISE} AND accounts_administers());
CREATE POLICY invites ON accounts_invitation AS RESTRICTIVE FOR INSERT TO portal_web, portal_staff
    WITH CHECK (invited_by_id = {USER} AND accepted_at IS NULL AND accepted_by_id IS NULL AND revoked_at IS NULL);
CREATE POLICY administers_inviting ON accounts_invitation AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK (accounts_administers());
CREATE POLICY revokes ON accounts_invitation AS RESTRICTIVE FOR UPDATE TO portal_web, portal_staff
    USING (accepted_at IS NULL AND revoked_at IS NULL) WITH CHECK (revoked_at IS NOT NULL);
CREATE POLICY administers_revoking ON accounts_invitation AS RESTRICTIVE FOR UPDATE TO portal_web
    USING (accounts_administers());
"""
DEEDS_BACK = """
DROP POLICY administers_revoking ON accounts_invitation;
DROP POLICY revokes ON accounts_invitation;
DROP POLICY administers_inviting ON accounts_invitation;
DROP POLICY invites ON accounts_invitation;
DROP POLICY administers ON accounts_membership;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_applications_wall'),
    ]

    operations = [
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, verbose_name='邮箱')),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('administrator', '企业管理员'), ('filer', '申报员'), ('finance', '财务'), ('viewer', '查看'), ('developer', '开发')], max_length=20), default=list, size=None, verbose_name='角色')),
                ('token_hash', models.BinaryField(max_length=16, unique=True)),
                ('created', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='邀请时间')),
                ('expires', models.DateTimeField(verbose_name='有效至')),
                ('accepted_at', models.DateTimeField(blank=True, null=True, verbose_name='加入时间')),
                ('revoked_at', models.DateTimeField(blank=True, null=True, verbose_name='撤销时间')),
                ('accepted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='加入者')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='accounts.enterprise', verbose_name='企业')),
                ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='邀请人')),
            ],
            options={
                'verbose_name': '邀请',
                'verbose_name_plural': '邀请',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('revoked_at', None)), fields=('enterprise', 'email'), name='accounts_invitation_one_open'), models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='accounts_invitation_small_letters'), models.CheckConstraint(condition=models.Q(models.Q(('accepted_at', None), ('accepted_by', None)), models.Q(('accepted_at__isnull', False), ('accepted_by__isnull', False), ('revoked_at', None)), _connector='OR'), name='accounts_invitation_accepted_by_somebody')],
            },
        ),
        TenantPolicy("accounts_invitation", staff=True),
        migrations.RunSQL(ADMINISTERS, "DROP FUNCTION accounts_administers()"),
        migrations.RunSQL(TOLD, "DROP FUNCTION accounts_invitation_told(bytea)"),
        migrations.RunSQL(ACCEPT, "DROP FUNCTION accounts_invitation_accept(bytea)"),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(DEEDS, DEEDS_BACK),
    ]
