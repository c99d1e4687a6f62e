"""What names a number that is about to change: staff count it before it does, and learn nothing else of others' documents."""

from django.db import migrations

# Lists of others that stand so and name one of these codes: found by the state of each enterprise's lists, which few have.
LISTS = """
CREATE FUNCTION declarations_lists_naming(whose bigint, codes text[], standing text[]) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM accounts_enterprise e
      JOIN declarations_document d ON d.enterprise_id = e.id AND d.kind = 'inventory' AND d.state = ANY (standing)
     WHERE e.id <> whose AND declarations_names(d.kind, d.id, codes)
$$;
REVOKE ALL ON FUNCTION declarations_lists_naming(bigint, text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_lists_naming(bigint, text[], text[]) TO portal_staff;
"""
# What else names them, whoever filed it, was not refused, and has no list that is through.
UNFOLLOWED = """
CREATE FUNCTION declarations_unfollowed(codes text[], refused text[], through text[])
RETURNS TABLE (kind varchar, many bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH naming AS (
        SELECT document_id FROM declarations_order WHERE ARRAY[ebp_code, ebc_code, pay_code]::text[] && codes
        UNION ALL SELECT document_id FROM declarations_payment WHERE ARRAY[pay_code, ebp_code]::text[] && codes
        UNION ALL SELECT document_id FROM declarations_waybill WHERE logistics_code = ANY (codes)
    )
    SELECT d.kind, count(*) FROM naming n JOIN declarations_document d ON d.id = n.document_id
     WHERE d.state <> ALL (refused) AND NOT EXISTS (
        SELECT FROM declarations_document l
         WHERE l.order_no = d.order_no AND l.kind = 'inventory' AND l.state = ANY (through)
           AND d.platform_code IN ('', l.platform_code))
     GROUP BY d.kind
$$;
REVOKE ALL ON FUNCTION declarations_unfollowed(text[], text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_unfollowed(text[], text[], text[]) TO portal_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("declarations", "0008_consent")]

    operations = [
        migrations.RunSQL(LISTS, "DROP FUNCTION declarations_lists_naming(bigint, text[], text[])"),
        migrations.RunSQL(UNFOLLOWED, "DROP FUNCTION declarations_unfollowed(text[], text[], text[])"),
    ]
