"""What the desk counts: the documents of a workbook that were not taken and are not filed yet, and trades whose list is refused."""

from django.db import migrations, models

from portal.tenancy import ENTERPRISE

# Of the own documents that customs has not compared yet: by kind, how many belong to a trade whose list was refused, by whom
# it is corrected, and since when. Only of lists that name the enterprise of the session, which the lamps of the trade show too.
REFUSED_LISTS = f"""
CREATE INDEX document_refused_list ON declarations_document (order_no) WHERE kind = 'inventory' AND state IN ('rejected', 'failed');
CREATE FUNCTION declarations_refused_lists()
RETURNS TABLE (kind varchar, filer varchar, documents bigint, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH asking AS (
        SELECT id, array_remove(ARRAY[customs_code, credit_code]::text[], '') AS codes FROM accounts_enterprise WHERE id = {ENTERPRISE}
    )
    SELECT d.kind, e.name, count(DISTINCT d.id), min(l.state_at)
      FROM asking a
      JOIN declarations_document d ON d.enterprise_id = a.id AND d.state = 'declaring' AND d.kind <> 'inventory'
      JOIN declarations_document l ON l.order_no = d.order_no AND l.kind = 'inventory' AND l.state IN ('rejected', 'failed')
      JOIN accounts_enterprise e ON e.id = l.enterprise_id
     WHERE (l.enterprise_id = a.id OR declarations_names(l.kind, l.id, a.codes))
       AND (d.platform_code IN ('', l.platform_code)
            OR EXISTS (SELECT FROM accounts_enterprise p
                        WHERE d.platform_code IN (p.customs_code, p.credit_code)
                          AND l.platform_code IN (p.customs_code, p.credit_code)))
     GROUP BY d.kind, e.name
$$;
REVOKE ALL ON FUNCTION declarations_refused_lists() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_refused_lists() TO portal_web;
"""
REFUSED_LISTS_BACK = """
DROP FUNCTION declarations_refused_lists();
DROP INDEX document_refused_list;
"""


class Migration(migrations.Migration):
    dependencies = [("declarations", "0005_room")]

    operations = [
        migrations.AddField(
            "uploadrow",
            "order_no",
            models.CharField(db_collation="C", db_default="", default="", max_length=60),
        ),
        migrations.AddIndex(
            "uploadrow",
            models.Index(
                condition=models.Q(("order_no", ""), _negated=True), fields=["upload_id"], name="uploadrow_refused"
            ),
        ),
        migrations.AddIndex(
            "upload",
            models.Index(
                condition=models.Q(("refused__gt", 0), ("state", "filed")),
                fields=["enterprise", "filed_at"],
                name="upload_refused",
            ),
        ),
        migrations.RunSQL(REFUSED_LISTS, REFUSED_LISTS_BACK),
    ]
