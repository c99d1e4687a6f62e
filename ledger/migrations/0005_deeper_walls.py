"""What two have agreed to is agreed by two, now: the approval that books money says by whom, and nobody says when."""

from django.db import migrations

from portal.tenancy import USER

# As in 0004, but for what is asked of the application.
TWO_PERSONS = """
ALTER POLICY two_persons ON ledger_transfer WITH CHECK (
    ledger_transfer.kind NOT IN ('top_up', 'reduce')
    OR EXISTS (
        SELECT FROM ledger_limitchange c
         WHERE c.enterprise_id = ledger_transfer.enterprise_id AND c.state = 'confirmed'
           AND c.amount = ledger_transfer.amount
           AND ledger_transfer.kind = CASE c.way WHEN 'reduce' THEN 'reduce' ELSE 'top_up' END
           AND ledger_transfer.key = concat_ws(' ', ledger_transfer.kind, ledger_transfer.guarantee_id, c.voucher))
    OR EXISTS (
        SELECT FROM accounts_application a
         WHERE a.enterprise_id = ledger_transfer.enterprise_id AND {approved}
           AND ledger_transfer.key
               = concat_ws(' ', ledger_transfer.kind, ledger_transfer.guarantee_id, 'application', a.id)));
ALTER POLICY named_by_approval ON ledger_guarantee WITH CHECK (
    EXISTS (SELECT FROM accounts_application a
             WHERE a.enterprise_id = ledger_guarantee.enterprise_id AND {approved}));
"""
BEFORE = "a.kind = 'guarantee' AND a.state = 'approved' AND a.state_at >= now() - interval '1 minute'"
# In the transaction of the approval, by the acting user on another's first word; neither applied for it.
BY_TWO = f"""a.kind = 'guarantee' AND a.state = 'approved' AND a.state_at >= now()
    AND a.first_approver_id <> {USER} AND a.applicant_id NOT IN (a.first_approver_id, {USER})
    AND EXISTS (SELECT FROM accounts_submission s
                 WHERE s.application_id = a.id AND s.verdict = 'approved' AND s.decided_by_id = {USER}
                   AND s.decided_at >= now())"""

# That the other is not who proposed is a constraint of the table since 0004.
LIMITS = f"""
CREATE POLICY proposes_now ON ledger_limitchange AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (proposed_at = statement_timestamp());
CREATE POLICY decides_now ON ledger_limitchange AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (true) WITH CHECK (decided_at = statement_timestamp() AND NOT EXISTS (
        SELECT FROM accounts_membership m
         WHERE m.enterprise_id = ledger_limitchange.enterprise_id AND m.user_id = {USER} AND m.active));
"""
LIMITS_BACK = """
DROP POLICY decides_now ON ledger_limitchange;
DROP POLICY proposes_now ON ledger_limitchange;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0024_deeper_walls"), ("ledger", "0004_limit_changes")]

    operations = [
        migrations.RunSQL(TWO_PERSONS.replace("{approved}", BY_TWO), TWO_PERSONS.replace("{approved}", BEFORE)),
        migrations.RunSQL(LIMITS, LIMITS_BACK),
    ]
