"""The wall around the books: who sees which row, and who may write at all.

The pages only read. Staff write what the admin needs: a guarantee and its movements, the payment of a bill. Everything
else is written by the sweeps, as the tables' owner. Nobody deletes.
"""

from django.db import migrations

from portal.tenancy import ENTERPRISE, TenantPolicy

TABLES = ("guarantee", "account", "transfer", "entry", "hold", "discrepancy")
# A bill is seen by who received it, who pays it, and whose goods it taxes.
SEEN_BILLS = f"enterprise_id = {ENTERPRISE} OR guarantor_id = {ENTERPRISE} OR merchant_id = {ENTERPRISE}"
# Lines and notices go with their bill: the question inside is answered under the policy of the bills.
SEEN_LINES = "EXISTS (SELECT FROM ledger_taxbill b WHERE b.id = ledger_taxbillline.bill_id)"
SEEN_NOTICES = f"""enterprise_id = {ENTERPRISE} OR EXISTS (
    SELECT FROM ledger_taxbill b
     WHERE b.enterprise_id = ledger_taxbillnotice.enterprise_id AND b.tax_no = ledger_taxbillnotice.tax_no)"""

# Balances, and what lists hold, are moved by the entries themselves (0003); a row is locked by whoever may update any of it.
RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON
    ledger_guarantee, ledger_account, ledger_transfer, ledger_entry, ledger_hold, ledger_discrepancy,
    ledger_taxbill, ledger_taxbillline, ledger_taxbillnotice, ledger_taxrule, ledger_tariffline
    FROM portal_web, portal_staff;
GRANT INSERT ON ledger_guarantee, ledger_account, ledger_transfer, ledger_entry, ledger_discrepancy, ledger_taxrule
    TO portal_staff;
GRANT UPDATE (version) ON ledger_account TO portal_staff;
GRANT UPDATE (enterprise_id, wanted) ON ledger_hold TO portal_staff;
GRANT UPDATE ON ledger_discrepancy TO portal_staff;
GRANT UPDATE (state, paid_on, paid_voucher, paid_total) ON ledger_taxbill TO portal_staff;
"""
RIGHTS_BACK = """
GRANT SELECT, INSERT, UPDATE, DELETE ON
    ledger_guarantee, ledger_account, ledger_transfer, ledger_entry, ledger_hold, ledger_discrepancy,
    ledger_taxbill, ledger_taxbillline, ledger_taxbillnotice, ledger_taxrule, ledger_tariffline
    TO portal_web, portal_staff;
"""

# Staff pay bills and do nothing else to their state; only what customs says of a list makes it give everything back.
DEEDS = """
CREATE POLICY pays ON ledger_taxbill AS RESTRICTIVE FOR UPDATE TO portal_staff USING (true) WITH CHECK (state = 'paid');
CREATE POLICY releases_nothing ON ledger_transfer AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (kind <> 'release');
"""
DEEDS_BACK = """
DROP POLICY releases_nothing ON ledger_transfer;
DROP POLICY pays ON ledger_taxbill;
"""

# How the books stand, for whoever watches the portal: a count and an age, and nothing of anybody's.
HEALTH = """
CREATE FUNCTION ledger_health() RETURNS TABLE (open_discrepancies bigint, oldest_discrepancy double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), extract(epoch FROM now() - min(opened_at))::float FROM ledger_discrepancy WHERE closed_at IS NULL
$$;
REVOKE ALL ON FUNCTION ledger_health() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_health() TO portal_web;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("accounts", "0002_wall")]

    operations = [
        *(TenantPolicy(f"ledger_{table}", staff=True) for table in TABLES),
        TenantPolicy("ledger_taxbill", staff=True, using=SEEN_BILLS),
        TenantPolicy("ledger_taxbillline", staff=True, using=SEEN_LINES),
        TenantPolicy("ledger_taxbillnotice", staff=True, using=SEEN_NOTICES),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(DEEDS, DEEDS_BACK),
        migrations.RunSQL(HEALTH, "DROP FUNCTION ledger_health()"),
    ]
