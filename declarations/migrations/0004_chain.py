"""What crosses the wall to an enterprise named on another's document, and the numbers people search by.

An enterprise named on a document (as platform, merchant, payer, logistics enterprise, declarant, guarantor or enterprise of
the zone) may know its kind, number, state, filer and times; never what it says. Who asks is the enterprise of the session,
never an argument. About a document that does not name it both functions are as silent as about one that does not exist.
"""

from django.db import migrations

from portal.tenancy import ENTERPRISE

# Every field of a message that holds the code of an enterprise, for each kind; a test holds this equal to the description.
NAMED = """
CREATE FUNCTION declarations_names(kind text, document bigint, codes text[]) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT CASE kind
        WHEN 'order' THEN EXISTS (
            SELECT FROM declarations_order b WHERE b.document_id = document
               AND ARRAY[b.ebp_code, b.ebc_code, b.pay_code]::text[] && codes)
        WHEN 'payment' THEN EXISTS (
            SELECT FROM declarations_payment b WHERE b.document_id = document
               AND ARRAY[b.pay_code, b.ebp_code]::text[] && codes)
        WHEN 'waybill' THEN EXISTS (
            SELECT FROM declarations_waybill b WHERE b.document_id = document
               AND ARRAY[b.logistics_code]::text[] && codes)
        WHEN 'inventory' THEN EXISTS (
            SELECT FROM declarations_inventory b WHERE b.document_id = document
               AND ARRAY[b.ebp_code, b.ebc_code, b.logistics_code, b.assure_code, b.agent_code, b.area_code]::text[]
                   && codes)
        ELSE false
    END
$$;
REVOKE ALL ON FUNCTION declarations_names(text, bigint, text[]) FROM PUBLIC;
"""

# What either function tells of a document, and no more.
TELLS = """
RETURNS TABLE (kind varchar, number varchar, order_no varchar, platform_code varchar, state varchar, code varchar,
               filer varchar, filed_at timestamptz, state_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH asking AS (
        SELECT id, array_remove(ARRAY[customs_code, credit_code]::text[], '') AS codes FROM accounts_enterprise WHERE id = {enterprise}
    )
    SELECT d.kind, d.number, d.order_no, d.platform_code, d.state, d.code, e.name, d.filed_at, d.state_at
      FROM asking a, declarations_document d JOIN accounts_enterprise e ON e.id = d.enterprise_id
     WHERE d.id IN ({found}) AND d.enterprise_id <> a.id AND declarations_names(d.kind, d.id, a.codes)
     ORDER BY d.id DESC
     LIMIT {most}
$$;
"""

# The others' documents about these orders: for the lamps of one document, or of a page of a list.
CHAIN = (
    "CREATE FUNCTION declarations_chain(order_numbers text[])"
    + TELLS.format(
        enterprise=ENTERPRISE,
        found="SELECT id FROM declarations_document WHERE order_no = ANY (order_numbers)",
        most=1000,
    )
    + """
REVOKE ALL ON FUNCTION declarations_chain(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_chain(text[]) TO portal_web;
"""
)

# The others' documents that are called exactly so: by their own number, the order's, or customs' number of a list. What
# else stands in a document (the waybill or the account book of a list) finds it for its filer only.
SEARCH = (
    "CREATE FUNCTION declarations_search(numbers text[])"
    + TELLS.format(
        enterprise=ENTERPRISE,
        found="""
        SELECT id FROM declarations_document WHERE order_no = ANY (numbers)
        UNION SELECT id FROM declarations_document WHERE number = ANY (numbers) AND kind <> 'order'
        UNION SELECT document_id FROM declarations_inventory WHERE invt_no = ANY (numbers) AND invt_no <> ''""",
        most=50,
    )
    + """
REVOKE ALL ON FUNCTION declarations_search(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_search(text[]) TO portal_web;
"""
)

# table → column → name of the index. Own documents are found by the beginning of each number (doors/search.py), as two
# comparisons in the collation C; rows without the number are not in the index.
OWN_NUMBERS = {
    "order": {"pay_transaction_id": "order_by_own_payment"},
    "waybill": {"bill_no": "waybill_by_own_bill"},
    "inventory": {
        "invt_no": "inventory_by_own_list_no",
        "pre_no": "inventory_by_own_entry_no",
        "logistics_no": "inventory_by_own_waybill",
        "bill_no": "inventory_by_own_bill",
        "ems_no": "inventory_by_own_book",
    },
}
# Exact, whosever they are. The number of an order is its order number, which has an index already.
ANY_NUMBERS = """
CREATE INDEX document_by_any_number ON declarations_document (number) WHERE kind <> 'order';
CREATE INDEX inventory_by_list_no ON declarations_inventory (invt_no) WHERE invt_no <> '';
"""
# What was released on a day, for the desk: few rows are ever written here, one for each release.
RELEASED = """
CREATE INDEX statechange_released ON declarations_statechange (enterprise_id, happened_at)
 WHERE state IN ('released', 'closed');
"""


def _own_indexes():
    for table, columns in OWN_NUMBERS.items():
        for column, name in columns.items():
            yield migrations.RunSQL(
                f'CREATE INDEX {name} ON declarations_{table} (enterprise_id, {column} COLLATE "C")'
                f" WHERE {column} <> ''",
                f"DROP INDEX {name}",
            )


class Migration(migrations.Migration):
    dependencies = [("declarations", "0003_waiting")]

    operations = [
        migrations.RunSQL(ANY_NUMBERS, "DROP INDEX document_by_any_number, inventory_by_list_no"),
        *_own_indexes(),
        migrations.RunSQL(RELEASED, "DROP INDEX statechange_released"),
        migrations.RunSQL(NAMED, "DROP FUNCTION declarations_names(text, bigint, text[])"),
        migrations.RunSQL(CHAIN, "DROP FUNCTION declarations_chain(text[])"),
        migrations.RunSQL(SEARCH, "DROP FUNCTION declarations_search(text[])"),
    ]
