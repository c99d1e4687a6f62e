"""What is written is in the writer's own name, for staff too; and no page begins what staff alone begin."""

from django.db import migrations

from portal.tenancy import USER

# The pages are held to it since 0002.
OWN_ENTRIES = f"""
CREATE POLICY in_own_name ON accounts_auditentry AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (user_id IS NULL OR user_id = {USER})
"""
OF_STAFF = """
CREATE POLICY not_for_staff ON accounts_application AS RESTRICTIVE FOR INSERT TO portal_web
    WITH CHECK (kind <> 'public_site')
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0020_depot")]

    operations = [
        migrations.RunSQL(OWN_ENTRIES, "DROP POLICY in_own_name ON accounts_auditentry"),
        migrations.RunSQL(OF_STAFF, "DROP POLICY not_for_staff ON accounts_application"),
    ]
