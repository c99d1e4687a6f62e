"""Each signed message names the consent to cloud signing it was signed under."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("declarations", "0007_gateway")]

    operations = [
        migrations.AddField("outbound", "consent_id", models.BigIntegerField(blank=True, null=True)),
    ]
