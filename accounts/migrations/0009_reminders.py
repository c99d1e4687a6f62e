"""Reminders of applications, staff's own; an application found by its numbers, its deeds by their subject."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from portal.tenancy import TenantPolicy

# Of reminders the pages know nothing; staff add them and take none back.
RIGHTS = """
REVOKE ALL ON accounts_reminder FROM portal_web;
REVOKE UPDATE, DELETE ON accounts_reminder FROM portal_staff;
"""
RIGHTS_BACK = """
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_reminder TO portal_web, portal_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_preparation_wall")]

    operations = [
        migrations.CreateModel(
            name="Reminder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("on", models.DateField(verbose_name="催办日期")),
                (
                    "at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="时间"),
                ),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reminders",
                        to="accounts.application",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={"verbose_name": "催办", "verbose_name_plural": "催办", "ordering": ["application", "on"]},
        ),
        migrations.AddConstraint(
            model_name="reminder",
            constraint=models.UniqueConstraint(fields=("application", "on"), name="accounts_reminder_once_a_day"),
        ),
        migrations.AddField(
            model_name="submission",
            name="numbers",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=30), default=list, size=None
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=django.contrib.postgres.indexes.GinIndex(fields=["numbers"], name="accounts_submission_by_number"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                condition=models.Q(("action__startswith", "application_")),
                fields=["subject"],
                name="accounts_audit_of_application",
            ),
        ),
        TenantPolicy("accounts_reminder", staff=True, using="false"),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
    ]
