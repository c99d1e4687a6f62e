"""Licences, evidence and connections that staff end, saying why; whoever helps with a connection may be another."""

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

# Once ended it stays so; of what is in force staff write nothing but that it gives way or ends.
RIGHTS = """
GRANT UPDATE (ended, end_reason) ON accounts_evidence, accounts_qualification, accounts_connection TO portal_staff;
GRANT UPDATE (helper_id, helper_name) ON accounts_connection TO portal_staff;
CREATE POLICY begins ON accounts_connection AS RESTRICTIVE FOR INSERT TO portal_staff WITH CHECK (ended IS NULL);
CREATE POLICY stays_ended ON accounts_connection AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (ended IS NULL) WITH CHECK (true);
"""
RIGHTS_BACK = """
DROP POLICY stays_ended ON accounts_connection;
DROP POLICY begins ON accounts_connection;
REVOKE UPDATE (helper_id, helper_name) ON accounts_connection FROM portal_staff;
REVOKE UPDATE (ended, end_reason) ON accounts_evidence, accounts_qualification, accounts_connection FROM portal_staff;
"""
# A policy cannot compare the row before with the row after.
STAYS = """
CREATE FUNCTION accounts_ended_stays() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF current_user = 'portal_staff' AND OLD.ended IS NOT NULL
       AND (NEW.ended, NEW.end_reason) IS DISTINCT FROM (OLD.ended, OLD.end_reason) THEN
        RAISE EXCEPTION 'permission denied: what was voided stays so' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_evidence_ended_stays BEFORE UPDATE ON accounts_evidence
    FOR EACH ROW EXECUTE FUNCTION accounts_ended_stays();
CREATE TRIGGER accounts_qualification_ended_stays BEFORE UPDATE ON accounts_qualification
    FOR EACH ROW EXECUTE FUNCTION accounts_ended_stays();
"""
STAYS_BACK = """
DROP TRIGGER accounts_qualification_ended_stays ON accounts_qualification;
DROP TRIGGER accounts_evidence_ended_stays ON accounts_evidence;
DROP FUNCTION accounts_ended_stays();
"""
# As in 0008, but that what is in force may end too; what has ended still gives way to a later one.
GIVES_WAY = """
ALTER POLICY begins ON accounts_{table} WITH CHECK (NOT replaced AND ended IS NULL{more});
ALTER POLICY gives_way ON accounts_{table} WITH CHECK (replaced OR ended IS NOT NULL);
"""
GIVES_WAY_BACK = """
ALTER POLICY gives_way ON accounts_{table} WITH CHECK (replaced);
ALTER POLICY begins ON accounts_{table} WITH CHECK (NOT replaced{more});
"""
MORE = {"evidence": "", "qualification": " AND reminded IS NULL"}


def _ending(model: str, ended: str, reason: str) -> list[migrations.AddField]:
    """The two columns of what staff end."""
    return [
        migrations.AddField(model, "ended", models.DateTimeField(blank=True, null=True, verbose_name=ended)),
        migrations.AddField(
            model,
            "end_reason",
            models.CharField(blank=True, db_default="", default="", max_length=200, verbose_name=reason),
        ),
    ]


def _in_force(name: str, second: str) -> list[Operation]:
    """A law of connections that from now on holds for those in force alone."""
    law = models.UniqueConstraint(condition=models.Q(ended=None), fields=("enterprise", second), name=name)
    return [
        migrations.RemoveConstraint(model_name="connection", name=name),
        migrations.AddConstraint(model_name="connection", constraint=law),
    ]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0025_certificate_errand")]

    operations = [
        *_ending("connection", "终止时间", "终止原因"),
        *_ending("evidence", "作废时间", "作废原因"),
        *_ending("qualification", "作废时间", "作废原因"),
        *_in_force("accounts_connection_one_in_force", "environment"),
        *_in_force("accounts_connection_callbacks_apart", "callback"),
        migrations.AlterModelOptions(
            name="connection",
            options={
                "ordering": ["enterprise", "-environment", "-id"],
                "verbose_name": "系统对接",
                "verbose_name_plural": "系统对接",
            },
        ),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(STAYS, STAYS_BACK),
        *(
            migrations.RunSQL(
                GIVES_WAY.format(table=table, more=more), GIVES_WAY_BACK.format(table=table, more=more)
            )
            for table, more in MORE.items()
        ),
    ]
