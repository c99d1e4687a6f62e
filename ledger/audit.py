"""The books looked at as a stranger would: everything computed anew from the rows, whatever the triggers promise.

Shares nothing with the code that writes them. Run by ``manage.py audit_ledger`` and every hour by the schedule.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True)
class Check:
    """One law: a question that finds each row that breaks it, told as a text."""

    law: str
    broken: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found."""

    law: str
    broken: list[str]


def _told(*kinds: str) -> str:
    """Whether it is told, or was settled by staff, that bill ``b`` differs so."""
    return f"""EXISTS (SELECT FROM ledger_discrepancy d WHERE d.kind IN ({", ".join(f"'{kind}'" for kind in kinds)})
               AND d.subject = 'bill ' || b.enterprise_id || ' ' || b.tax_no
               AND (d.closed_at IS NULL OR d.settled_by_id IS NOT NULL))"""


CHECKS = (
    Check(
        "every guarantee has its three accounts, and they sum to zero",
        """SELECT 'guarantee ' || g.id FROM ledger_guarantee g LEFT JOIN ledger_account a ON a.guarantee_id = g.id
            GROUP BY g.id HAVING count(a.id) <> 3 OR count(DISTINCT a.purpose) <> 3 OR sum(a.balance) <> 0""",
    ),
    Check(
        "nothing but funding is below zero",
        "SELECT 'account ' || id FROM ledger_account WHERE balance < 0 AND purpose <> 'funding'",
    ),
    Check(
        "an account is the sum of its entries and ends with the last of them",
        """SELECT 'account ' || a.id FROM ledger_account a LEFT JOIN (
               SELECT account_id, sum(amount) AS whole, count(*) AS many, max(version) AS last,
                      (array_agg(balance_after ORDER BY version DESC))[1] AS after
                 FROM ledger_entry GROUP BY account_id) e ON e.account_id = a.id
            WHERE (a.balance, a.version) IS DISTINCT FROM (coalesce(e.whole, 0), coalesce(e.many, 0))
               OR (a.balance, a.version) IS DISTINCT FROM (coalesce(e.after, 0), coalesce(e.last, 0))""",
    ),
    Check(
        "every entry continues the one before it",
        """SELECT 'entry ' || id FROM (
               SELECT id, version, balance_after - amount AS before,
                      lag(version, 1, 0::bigint) OVER line AS prior, lag(balance_after, 1, 0.00) OVER line AS stood
                 FROM ledger_entry WINDOW line AS (PARTITION BY account_id ORDER BY version)) e
            WHERE version <> prior + 1 OR before <> stood""",
    ),
    Check(
        "every transfer has two entries of its amount that sum to zero, on accounts of its guarantee",
        """SELECT 'transfer ' || t.id FROM ledger_transfer t
             LEFT JOIN ledger_entry e ON e.transfer_id = t.id LEFT JOIN ledger_account a ON a.id = e.account_id
            GROUP BY t.id HAVING count(e.id) <> 2 OR sum(e.amount) <> 0 OR max(e.amount) <> t.amount
               OR count(*) FILTER (WHERE a.guarantee_id <> t.guarantee_id OR a.enterprise_id <> t.enterprise_id) > 0""",
    ),
    Check(
        "accounts, entries, transfers and what is held belong to whose guarantee it is",
        """SELECT 'account ' || a.id FROM ledger_account a JOIN ledger_guarantee g ON g.id = a.guarantee_id
            WHERE a.enterprise_id <> g.enterprise_id
           UNION ALL SELECT 'entry ' || e.id FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
            WHERE e.enterprise_id <> a.enterprise_id
           UNION ALL SELECT 'transfer ' || t.id FROM ledger_transfer t JOIN ledger_guarantee g ON g.id = t.guarantee_id
            WHERE t.enterprise_id <> g.enterprise_id
           UNION ALL SELECT 'list ' || h.document_id FROM ledger_hold h JOIN ledger_guarantee g ON g.id = h.guarantee_id
            WHERE h.amount > 0 AND h.enterprise_id IS DISTINCT FROM g.enterprise_id""",
    ),
    Check(
        "every transfer goes from where to where its kind says, and is of a list if its kind is",
        """SELECT 'transfer ' || t.id FROM ledger_transfer t
             JOIN ledger_entry o ON o.transfer_id = t.id AND o.amount < 0 JOIN ledger_account oa ON oa.id = o.account_id
             JOIN ledger_entry i ON i.transfer_id = t.id AND i.amount > 0 JOIN ledger_account ia ON ia.id = i.account_id
            WHERE (t.document_id IS NULL) <> (t.kind IN ('top_up', 'reduce'))
               OR (t.kind, oa.purpose, ia.purpose) NOT IN (
                      ('top_up', 'funding', 'available'), ('reduce', 'available', 'funding'),
                      ('hold', 'available', 'held'), ('adjust', 'available', 'held'), ('adjust', 'held', 'available'),
                      ('release', 'held', 'available'), ('settle', 'held', 'available'))""",
    ),
    Check(
        "what lists hold is what the account says is held",
        """SELECT 'guarantee ' || a.guarantee_id FROM ledger_account a
             LEFT JOIN ledger_hold h ON h.guarantee_id = a.guarantee_id
            WHERE a.purpose = 'held' GROUP BY a.id HAVING a.balance <> coalesce(sum(h.amount), 0)""",
    ),
    Check(
        "what a list holds is what moved for it, and it moved as often as it says",
        """SELECT 'list ' || coalesce(h.document_id, t.document_id) FROM ledger_hold h FULL JOIN (
               SELECT t.document_id, count(*) AS many, sum(e.amount) AS whole FROM ledger_transfer t
                 JOIN ledger_entry e ON e.transfer_id = t.id JOIN ledger_account a ON a.id = e.account_id
                WHERE t.document_id IS NOT NULL AND a.purpose = 'held' GROUP BY t.document_id) t
               ON t.document_id = h.document_id
            WHERE (h.amount, h.moves) IS DISTINCT FROM (coalesce(t.whole, 0), coalesce(t.many, 0))""",
    ),
    Check(
        "what a list holds lies where it says, and nowhere else",
        """SELECT 'list ' || t.document_id FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.id
             JOIN ledger_account a ON a.id = e.account_id JOIN ledger_hold h ON h.document_id = t.document_id
            WHERE a.purpose = 'held' GROUP BY t.document_id, t.guarantee_id, h.guarantee_id, h.amount
           HAVING sum(e.amount) <> CASE WHEN t.guarantee_id = h.guarantee_id THEN h.amount ELSE 0 END""",
    ),
    # Once it is refused or sent back it calls for nothing: it gave all back for a reason, or was short and had nothing.
    Check(
        "a list that has bills calls for what the open ones come to, unless it gave everything back",
        """SELECT 'list ' || h.document_id FROM ledger_hold h JOIN (
               SELECT document_id, coalesce(sum(total) FILTER (WHERE state IN ('made', 'consolidated')), 0) AS whole
                 FROM ledger_taxbill WHERE document_id IS NOT NULL GROUP BY document_id) b
               ON b.document_id = h.document_id
            WHERE h.wanted <> b.whole AND (h.wanted <> 0 OR CASE h.moves WHEN 0 THEN NOT EXISTS (
                      SELECT FROM ledger_discrepancy d WHERE d.kind IN ('short', 'no_guarantee')
                         AND d.subject = 'list ' || h.document_id AND d.closed_at IS NOT NULL)
                  ELSE (SELECT t.kind <> 'release' OR t.reason = '' FROM ledger_transfer t
                         WHERE t.document_id = h.document_id ORDER BY t.id DESC LIMIT 1) END)""",
    ),
    Check(
        "who holds for a list answers for its bills",
        """SELECT 'bill ' || b.tax_no FROM ledger_taxbill b JOIN ledger_hold h ON h.document_id = b.document_id
            WHERE h.amount > 0 AND b.guarantor_id <> h.enterprise_id""",
    ),
    Check(
        "no list waits for money that is there",
        """SELECT 'list ' || h.document_id FROM ledger_hold h JOIN ledger_account a ON a.enterprise_id = h.enterprise_id
             JOIN ledger_guarantee g ON g.id = a.guarantee_id
            WHERE a.purpose = 'available' AND h.wanted > h.amount AND a.balance >= h.wanted - h.amount
              AND (g.valid_to IS NULL OR g.valid_to >= (now() AT TIME ZONE 'Asia/Shanghai')::date)""",
    ),
    Check(
        "what a list lacks is told, and nothing that it does not lack",
        """SELECT coalesce(d.subject, 'list ' || h.document_id) FROM (SELECT * FROM ledger_hold WHERE wanted > amount) h
             FULL JOIN (SELECT * FROM ledger_discrepancy WHERE closed_at IS NULL AND kind IN ('short', 'no_guarantee')) d
               ON d.subject = 'list ' || h.document_id
            WHERE d.id IS NULL OR h.id IS NULL""",
    ),
    Check(
        "what two of the staff agreed to is booked, to the fen and under its voucher",
        """SELECT 'limit change ' || c.id FROM ledger_limitchange c JOIN ledger_guarantee g USING (enterprise_id)
            WHERE c.state = 'confirmed' AND NOT EXISTS (
                SELECT FROM ledger_transfer t WHERE t.guarantee_id = g.id AND t.amount = c.amount
                   AND t.kind = CASE c.way WHEN 'reduce' THEN 'reduce' ELSE 'top_up' END
                   AND t.key = concat_ws(' ', t.kind, g.id, c.voucher))
           UNION ALL SELECT 'limit change ' || c.id FROM ledger_limitchange c
            WHERE c.state = 'confirmed' AND NOT EXISTS (
                SELECT FROM ledger_guarantee g WHERE g.enterprise_id = c.enterprise_id)""",
    ),
    Check(
        "a bill's total is its three taxes",
        "SELECT 'bill ' || tax_no FROM ledger_taxbill WHERE total <> duty + consumption + vat",
    ),
    Check(
        "a bill has lines",
        """SELECT 'bill ' || tax_no FROM ledger_taxbill b
            WHERE NOT EXISTS (SELECT FROM ledger_taxbillline WHERE bill_id = b.id)""",
    ),
    Check(
        "the lines of a bill add up to it, or it is told that they do not",
        f"""SELECT 'bill ' || b.tax_no FROM ledger_taxbill b JOIN (
               SELECT bill_id, sum(duty) AS duty, sum(consumption) AS consumption, sum(vat) AS vat
                 FROM ledger_taxbillline GROUP BY bill_id) l ON l.bill_id = b.id
            WHERE b.document_id IS NOT NULL AND b.state <> 'void'
              AND (l.duty, l.consumption, l.vat) <> (b.duty, b.consumption, b.vat) AND NOT {_told("lines_differ")}""",  # noqa: S608 (the words are ours)
    ),
    Check(
        "a bill has its list, or it is told that it has none",
        f"""SELECT 'bill ' || b.tax_no FROM ledger_taxbill b
            WHERE b.document_id IS NULL AND b.state <> 'void' AND NOT {_told("bill_without_list")}""",  # noqa: S608 (the words are ours)
    ),
    Check(
        "what was paid of a bill is what it comes to, or it is told that it is not",
        f"""SELECT 'bill ' || b.tax_no FROM ledger_taxbill b
            WHERE b.state = 'paid' AND b.paid_total <> b.total
              AND NOT {_told("paid_differs", "void_after_payment")}""",  # noqa: S608 (the words are ours)
    ),
    Check(
        "a bill's payment note is the latest that customs told",
        """SELECT 'bill ' || b.tax_no FROM ledger_taxbill b LEFT JOIN (
               SELECT DISTINCT ON (enterprise_id, tax_no) enterprise_id, tax_no, duty_no FROM ledger_taxbillnotice
                WHERE duty_no <> '' ORDER BY enterprise_id, tax_no, customs_time DESC,
                      array_position(ARRAY['void', 'consolidated', 'made'], status::text), duty_no COLLATE "C" DESC) n
               ON n.enterprise_id = b.enterprise_id AND n.tax_no = b.tax_no
            WHERE b.duty_no <> coalesce(n.duty_no, '')""",
    ),
    Check(
        "a bill's state is that of its latest notice, or paid",
        """SELECT 'bill ' || b.tax_no FROM ledger_taxbill b LEFT JOIN (
               SELECT DISTINCT ON (enterprise_id, tax_no) enterprise_id, tax_no, status FROM ledger_taxbillnotice
                ORDER BY enterprise_id, tax_no, customs_time DESC,
                         array_position(ARRAY['void', 'consolidated', 'made'], status::text)) n
               ON n.enterprise_id = b.enterprise_id AND n.tax_no = b.tax_no
            WHERE CASE b.state WHEN 'paid' THEN b.paid_on IS NULL ELSE b.state IS DISTINCT FROM n.status END""",
    ),
)


def audit() -> Iterator[Verdict]:
    """Ask every check; each is one statement, so it sees the books of one moment while work goes on."""
    for check in CHECKS:
        with connection.cursor() as cursor:
            cursor.execute(check.broken)
            yield Verdict(check.law, [told for (told,) in cursor.fetchall()])
