"""Telling the members of an enterprise, the other one's of a mandate too; warnings; announcements put away and past.

A certificate's number counts within its enterprise; people change their own address and telephone.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from portal.tenancy import ENTERPRISE, USER, TenantPolicy

# Who makes a step tells the members of the enterprise that makes the next one: their own, or one they share a mandate
# with. Never themselves, and nothing is told back.
NOTIFY_MEMBERS = """
CREATE FUNCTION accounts_notify_members(of_enterprise bigint, wanted text[], words text, page text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT accounts_notify(array_agg(m.user_id), of_enterprise, words, page) FROM accounts_membership m
     WHERE m.enterprise_id = of_enterprise AND m.active AND m.user_id IS DISTINCT FROM {user}
       AND (wanted = '{}' OR m.roles && wanted::varchar[])
       AND (current_setting('role') <> 'portal_web' OR of_enterprise = {enterprise}
            OR EXISTS (SELECT FROM accounts_mandate d WHERE {enterprise} IN (d.principal_id, d.agent_id)
                          AND of_enterprise IN (d.principal_id, d.agent_id)))
$$;
REVOKE ALL ON FUNCTION accounts_notify_members(bigint, text[], text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_notify_members(bigint, text[], text, text) TO portal_web, portal_staff;
""".replace("{user}", USER).replace("{enterprise}", ENTERPRISE)
# A warning goes to whose account it is, also when they did it themselves: it may not have been them.
WARN = f"""
CREATE FUNCTION accounts_warn(person bigint, words text, page text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO accounts_notice (user_id, text, address, mail_after, is_warning)
    SELECT id, words, page, CASE WHEN email <> '' THEN now() END, true FROM accounts_user
     WHERE id = person AND is_active AND (current_setting('role') <> 'portal_web' OR id = {USER})
$$;
REVOKE ALL ON FUNCTION accounts_warn(bigint, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_warn(bigint, text, text) TO portal_web, portal_staff;
"""

# Who signed in reads past ones too; a visitor those of now.
MEANT_FOR = (
    f"{USER} IS NOT NULL AND (public OR types = '{{}}'"
    f" OR types && (SELECT e.types FROM accounts_enterprise e WHERE e.id = {ENTERPRISE}))"
)
ANNOUNCEMENTS = (
    "ALTER POLICY tenant ON accounts_announcement USING (since <= now()"
    f" AND (public AND (until IS NULL OR until > now()) OR {MEANT_FOR}))"
    " WITH CHECK (false)"
)
OF_NOW = "since <= now() AND (until IS NULL OR until > now()) AND (public OR ({meant}))".replace("{meant}", MEANT_FOR)
ANNOUNCEMENTS_BACK = f"ALTER POLICY tenant ON accounts_announcement USING ({OF_NOW}) WITH CHECK ({OF_NOW})"

RIGHTS = """
REVOKE UPDATE, DELETE ON accounts_dismissal FROM portal_web;
REVOKE ALL ON accounts_dismissal FROM portal_staff;
GRANT UPDATE (email, phone) ON accounts_user TO portal_web;
"""
RIGHTS_BACK = """
REVOKE UPDATE (email, phone) ON accounts_user FROM portal_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_dismissal TO portal_web, portal_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0018_clearing")]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="is_warning",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="Dismissal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "announcement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dismissals",
                        to="accounts.announcement",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={"verbose_name": "已收起的公告", "verbose_name_plural": "已收起的公告"},
        ),
        migrations.AddConstraint(
            model_name="dismissal",
            constraint=models.UniqueConstraint(fields=("user", "announcement"), name="accounts_dismissal_once"),
        ),
        migrations.RemoveConstraint(model_name="credential", name="accounts_credential_serial_once"),
        migrations.AddConstraint(
            model_name="credential",
            constraint=models.UniqueConstraint(
                fields=("enterprise", "environment", "serial"), name="accounts_credential_serial_once"
            ),
        ),
        TenantPolicy("accounts_dismissal", using=f"user_id = {USER}"),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(ANNOUNCEMENTS, ANNOUNCEMENTS_BACK),
        migrations.RunSQL(
            NOTIFY_MEMBERS, "DROP FUNCTION accounts_notify_members(bigint, text[], text, text)"
        ),
        migrations.RunSQL(WARN, "DROP FUNCTION accounts_warn(bigint, text, text)"),
    ]
