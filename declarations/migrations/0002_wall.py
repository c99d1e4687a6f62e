"""The wall around the tables of declarations, and the one question an enterprise may ask about others' documents."""

from django.db import migrations

from portal.tenancy import TenantPolicy

TABLES = (
    "document",
    "statechange",
    "order",
    "orderline",
    "payment",
    "waybill",
    "inventory",
    "inventoryline",
    "draft",
    "upload",
    "uploadfile",
    "uploadrow",
    "outbounddocument",
    "outboundbytes",
)
#: Staff see how far messages have come, and which wait for a person; never what stands in them.
WATCHED = ("outbound", "receipt")
#: What arrives from customs is put away by the gateway before anybody knows whose it is.
ARRIVALS = {"inbound": True, "inboundbytes": False}

# A history that can be written but not rewritten by the pages; only the sweeps (the owner) settle answers. A filing never
# changes whose a document is, of what kind, or its key. Staff may put a stuck message in line again, nothing else.
RIGHTS = """
REVOKE UPDATE, DELETE ON declarations_statechange, declarations_document, declarations_outbound,
    declarations_outbounddocument FROM portal_web;
GRANT UPDATE (number, order_no, platform_code, fingerprint, state, code, reason, state_at, attempt, answered_until,
              source, upload_id, sheet_row, filed_by_id, filed_at, changed_at) ON declarations_document TO portal_web;
REVOKE INSERT, UPDATE, DELETE ON declarations_receipt, declarations_inbound, declarations_inboundbytes,
    declarations_outboundbytes FROM portal_web;
REVOKE INSERT, UPDATE, DELETE ON declarations_outbound, declarations_inbound, declarations_receipt FROM portal_staff;
GRANT UPDATE (not_before, needs_person, claimed_until, failures) ON declarations_outbound TO portal_staff;
GRANT UPDATE (state, attempts, not_before, last_error) ON declarations_inbound TO portal_staff;
"""
RIGHTS_BACK = """
GRANT SELECT, INSERT, UPDATE, DELETE ON declarations_statechange, declarations_receipt, declarations_inbound,
    declarations_inboundbytes, declarations_outboundbytes, declarations_document, declarations_outbound,
    declarations_outbounddocument TO portal_web, portal_staff;
"""

# Whether the documents a filing stands on are accepted. They belong to other enterprises, so the answer is no more than
# customs itself would give to somebody who knows the order number: there or not, accepted or not, and by whom; of a
# waybill its number too, because a list names it by that.
PREDECESSORS = """
CREATE FUNCTION declarations_predecessors(kinds text[], order_numbers text[])
RETURNS TABLE (kind varchar, order_no varchar, platform_code varchar, number varchar, state varchar, filer varchar)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.kind, d.order_no, d.platform_code, CASE d.kind WHEN 'waybill' THEN d.number ELSE '' END, d.state,
           e.credit_code
      FROM declarations_document d JOIN accounts_enterprise e ON e.id = d.enterprise_id
     WHERE d.order_no = ANY (order_numbers) AND d.kind = ANY (kinds)
$$;
REVOKE ALL ON FUNCTION declarations_predecessors(text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_predecessors(text[], text[]) TO portal_web;
"""

# How the exchange stands, for whoever watches the portal: ages in seconds, a count, and nothing of anybody's.
HEALTH = """
CREATE FUNCTION declarations_health()
RETURNS TABLE (oldest_unsent double precision, oldest_unread double precision, waiting_for_a_person bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (SELECT extract(epoch FROM now() - min(created_at))::float FROM declarations_outbound
             WHERE state IN ('pending', 'signed')),
           (SELECT extract(epoch FROM now() - min(received_at))::float FROM declarations_inbound
             WHERE state = 'stored'),
           (SELECT count(*) FROM declarations_outbound WHERE state IN ('pending', 'signed') AND needs_person <> '')
         + (SELECT count(*) FROM declarations_inbound WHERE state = 'stuck')
$$;
REVOKE ALL ON FUNCTION declarations_health() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_health() TO portal_web;
"""


class Migration(migrations.Migration):
    dependencies = [("declarations", "0001_initial"), ("accounts", "0002_wall")]

    operations = [
        *(TenantPolicy(f"declarations_{table}") for table in TABLES),
        *(TenantPolicy(f"declarations_{table}", staff=True) for table in WATCHED),
        *(TenantPolicy(f"declarations_{table}", gateway=True, staff=staff) for table, staff in ARRIVALS.items()),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(PREDECESSORS, "DROP FUNCTION declarations_predecessors(text[], text[])"),
        migrations.RunSQL(HEALTH, "DROP FUNCTION declarations_health()"),
    ]
