"""What the desk counts: the documents of a workbook that were not taken and are not filed yet, what a trade lacks."""

from django.db import migrations, models

from portal.tenancy import ENTERPRISE

# Where a trade stands still, of the own documents at 2 or 120 (`document`, of a `kind`, in a `standing`): how far the list
# came, who filed it and whether that is oneself, since when the document waits for it, which documents customs said disagree
# (its codes, where it said nothing else; never its words), and whether one's own guarantee is what is missing. Only of lists
# that name the enterprise of the session; of several the one the lamps of the trade show.
_ENDED_BADLY = "('rejected', 'failed', 'detained', 'review', 'inspecting', 'suspended')"
_SAME_PLATFORM = """('' IN (d.platform_code, {other}.platform_code) OR d.platform_code = {other}.platform_code
            OR EXISTS (SELECT FROM accounts_enterprise p
                        WHERE d.platform_code IN (p.customs_code, p.credit_code)
                          AND {other}.platform_code IN (p.customs_code, p.credit_code)))"""
_ASKING = f"""WITH asking AS (
        SELECT id, array_remove(ARRAY[customs_code, credit_code]::text[], '') AS codes FROM accounts_enterprise WHERE id = {ENTERPRISE}
    )"""
# OFFSET 0: each is found by a probe of an index; the planner does not turn it into a join with the whole history.
_STOPPED = f"""
RETURNS TABLE (document bigint, kind varchar, standing varchar, list_state varchar, filer varchar, is_own boolean,
               since timestamptz, codes text, guarantees boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    {_ASKING}
    SELECT d.id, d.kind, d.state, l.state, e.name, l.enterprise_id = a.id, greatest(d.state_at, l.state_at),
           CASE WHEN l.state = 'rejected' THEN (
                SELECT CASE WHEN bool_and(said[1] IN ('1320', '1322', '1327', '1332', '13035', '13127', '130126'))
                            THEN string_agg(DISTINCT said[1], ',') END
                  FROM regexp_matches(l.reason, '\\[Code:\\s*(-?\\w+)\\s*;', 'g') AS said) END,
           l.state = 'review' AND l.reason ~ '\\[Code:\\s*1200\\s*;[^]]*担保额度不足'
           AND (SELECT b.assure_code = ANY (a.codes) FROM declarations_inventory b WHERE b.document_id = l.id)
      FROM asking a
     CROSS JOIN ({{orders}}) AS stopped
     CROSS JOIN LATERAL (
           SELECT * FROM declarations_document
            WHERE enterprise_id = a.id AND kind IN ('order', 'payment', 'waybill') AND order_no = stopped.order_no
              AND state IN ('declaring', 'stored')
           OFFSET 0) AS d
     CROSS JOIN LATERAL (
           SELECT i.* FROM declarations_document i
            WHERE i.order_no = d.order_no AND i.kind = 'inventory' AND {_SAME_PLATFORM.format(other="i")}
              AND (i.enterprise_id = a.id OR declarations_names(i.kind, i.id, a.codes))
            ORDER BY CASE WHEN i.state NOT IN ('rejected', 'failed') THEN array_position(
                          ARRAY['waiting', 'queued', 'sent', 'declaring', 'stored', 'review', 'examined', 'inspecting', 'detained',
                                'suspended', 'released', 'closed', 'shipped_back'], i.state::text) END DESC NULLS LAST,
                     i.filed_at DESC
            LIMIT 1) AS l
      JOIN accounts_enterprise e ON e.id = l.enterprise_id
     WHERE l.state IN {_ENDED_BADLY}
$$;
"""
_OF_THESE = "SELECT DISTINCT unnest(order_numbers) AS order_no"
_OF_ALL = f"SELECT DISTINCT order_no FROM declarations_document WHERE kind = 'inventory' AND state IN {_ENDED_BADLY}"
STOPPED = f"""
CREATE INDEX document_stopped_list ON declarations_document (order_no) WHERE kind = 'inventory' AND state IN {_ENDED_BADLY};
CREATE FUNCTION declarations_stopped() {_STOPPED.format(orders=_OF_ALL)}
CREATE FUNCTION declarations_stopped_of(order_numbers text[]) {_STOPPED.format(orders=_OF_THESE)}
REVOKE ALL ON FUNCTION declarations_stopped(), declarations_stopped_of(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_stopped(), declarations_stopped_of(text[]) TO portal_web;
"""
STOPPED_BACK = """
DROP FUNCTION declarations_stopped(), declarations_stopped_of(text[]);
DROP INDEX document_stopped_list;
"""

# What the own documents at 2 lack, as the lamps of their trades show it: the fields that name oneself, who pays (of an order),
# the kinds of the trade that can be seen (0: refused, 1: on its way, 2: accepted), how many documents, since when.
LACKING = f"""
CREATE FUNCTION declarations_lacking()
RETURNS TABLE (kind varchar, own_codes text, payer text, seen text, documents bigint, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    {_ASKING}
    SELECT d.kind, body.own_codes, CASE WHEN trade.seen ~ 'payment' THEN '' ELSE body.payer END, trade.seen,
           count(*), min(d.state_at)
      FROM asking a
     CROSS JOIN LATERAL (
           SELECT * FROM declarations_document
            WHERE enterprise_id = a.id AND kind IN ('order', 'payment', 'waybill') AND state = 'declaring'
           OFFSET 0) AS d
     CROSS JOIN LATERAL (
           SELECT concat_ws(',', CASE WHEN b.ebp_code = ANY (a.codes) THEN 'ebp_code' END,
                                 CASE WHEN b.ebc_code = ANY (a.codes) THEN 'ebc_code' END,
                                 CASE WHEN b.pay_code = ANY (a.codes) THEN 'pay_code' END) AS own_codes,
                  b.pay_name::text AS payer, b.pay_transaction_id::text AS paid_by
             FROM declarations_order b WHERE d.kind = 'order' AND b.document_id = d.id
           UNION ALL
           SELECT concat_ws(',', CASE WHEN b.pay_code = ANY (a.codes) THEN 'pay_code' END,
                                 CASE WHEN b.ebp_code = ANY (a.codes) THEN 'ebp_code' END), '', ''
             FROM declarations_payment b WHERE d.kind = 'payment' AND b.document_id = d.id
           UNION ALL
           SELECT CASE WHEN b.logistics_code = ANY (a.codes) THEN 'logistics_code' ELSE '' END, '', ''
             FROM declarations_waybill b WHERE d.kind = 'waybill' AND b.document_id = d.id) AS body
     CROSS JOIN LATERAL (
           SELECT coalesce(string_agg(one.kind || ':' || one.best, ',' ORDER BY one.kind), '') AS seen
             FROM (SELECT x.kind, max(CASE WHEN x.state IN ('rejected', 'failed') THEN 0
                                           WHEN x.state IN ('waiting', 'queued', 'sent', 'shipped_back') THEN 1 ELSE 2 END) AS best
                     FROM declarations_document x
                    WHERE x.order_no = d.order_no AND x.kind IN ('order', 'payment', 'waybill', 'inventory') AND x.kind <> d.kind
                      AND (x.kind <> 'payment' OR body.paid_by IN ('', x.number)) AND {_SAME_PLATFORM.format(other="x")}
                      AND (x.enterprise_id = a.id OR d.kind = 'waybill' AND x.kind IN ('order', 'payment')
                           OR declarations_names(x.kind, x.id, a.codes))
                    GROUP BY x.kind) AS one) AS trade
     GROUP BY 1, 2, 3, 4
$$;
REVOKE ALL ON FUNCTION declarations_lacking() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION declarations_lacking() TO portal_web;
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
        migrations.RunSQL(STOPPED, STOPPED_BACK),
        migrations.RunSQL(LACKING, "DROP FUNCTION declarations_lacking()"),
    ]
