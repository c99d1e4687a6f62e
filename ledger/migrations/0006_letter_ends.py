"""The last day of a bank's letter stands with the guarantee: after it nothing new is held."""

from django.db import migrations, models

# The books learn what the preparation knows already.
KNOWN = """
UPDATE ledger_guarantee g SET valid_to = e.valid_to FROM accounts_evidence e
 WHERE e.enterprise_id = g.enterprise_id AND e.item = 'guarantee' AND NOT e.replaced
   AND e.variety = 'letter' AND g.kind = 'letter' AND e.valid_to IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_deeper_walls"), ("accounts", "0008_preparation_wall")]

    operations = [
        migrations.AddField(
            model_name="guarantee",
            name="valid_to",
            field=models.DateField(blank=True, null=True, verbose_name="有效期至"),
        ),
        migrations.AddField(
            model_name="limitchange",
            name="valid_to",
            field=models.DateField(blank=True, null=True, verbose_name="有效期至"),
        ),
        migrations.AddConstraint(
            model_name="guarantee",
            constraint=models.CheckConstraint(
                condition=models.Q(("valid_to", None), ("kind", "letter"), _connector="OR"),
                name="guarantee_letters_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitchange",
            constraint=models.CheckConstraint(
                condition=models.Q(("valid_to", None), ("kind", "letter"), _connector="OR"),
                name="limitchange_letters_end",
            ),
        ),
        # Renamed by an approval alone, as before (0004).
        migrations.RunSQL("GRANT UPDATE (valid_to) ON ledger_guarantee TO portal_staff", migrations.RunSQL.noop),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
    ]
