"""The depot of direct logistics is kept: until now it was asked and thrown away."""

from django.db import migrations, models

# Who registered a venue beside it has a depot of its own, who did not a public one. A warehouse may run a venue without one:
# of those nobody knows, and their next registration asks.
KNOWN = """
UPDATE accounts_enterprise
   SET depot = CASE WHEN 'venue' = ANY (types) THEN 'own' ELSE 'public' END
 WHERE 'direct_logistics' = ANY (types) AND NOT types @> ARRAY['warehouse', 'venue']::varchar[]
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0019_notices_and_limits")]

    operations = [
        migrations.AddField(
            "enterprise",
            "depot",
            models.CharField(
                blank=True,
                choices=[("own", "自有库"), ("public", "公共库")],
                db_default="",
                max_length=10,
                verbose_name="直购物流的库",
            ),
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
    ]
