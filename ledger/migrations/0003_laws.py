"""The laws of the books, held by PostgreSQL itself against every program and every hand, the owner's included.

    an entry     continues its account without a gap: balance after = balance before + amount, version after version;
                 moves exactly its transfer's amount, on an account of its transfer's guarantee, from and to where a
                 transfer of this kind goes; never below zero
    a transfer   has two entries when it is committed, one of each sign, on two accounts: they sum to zero
    an account   is born empty; its balance and version are those of its last entry, which moves them itself
    a hold       is born empty; its amount, place and number of moves are moved by its list's entries and by nothing else;
                 it belongs to whom the list names, lies in one guarantee, that of its owner, and is no more than it
                 ought to be; what it is called by (the numbers of its list, its day) follows what the list says
    a bill       says what its latest 816 said; only a later one under the same number changes that, and takes its lines,
                 which are written at once and which nobody else changes, deletes or adds to; it is born unpaid, is paid
                 with what it comes to, and stays paid, then, so, by that and with so much, whatever is said of it later
    for ever     entries, transfers, what customs told of bills, and rules of tax are neither changed nor deleted;
                 guarantees, accounts, holds, bills and discrepancies not deleted; a guarantee stays with its enterprise

All of it costs the same however long the books are: each entry is compared with the one before it, by index, and the
entries of one statement are looked at together.
"""

from django.db import migrations

# One positive and one negative entry at most; that there are both is asked at the commit.
TWO_LEGS = "CREATE UNIQUE INDEX ledger_entry_two_legs ON ledger_entry (transfer_id, (amount > 0))"

# Correlated questions, not joins: whatever the planner has heard about the tables, they are answered by index.
# Runs as the owner, so that nobody else needs to be allowed to write a balance or what a list holds.
ENTRIES = """
CREATE FUNCTION ledger_entries_continue() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong bigint;
    held bigint[];
    way int;
BEGIN
    SELECT n.account_id INTO wrong FROM written n
     WHERE n.balance_after - n.amount IS DISTINCT FROM CASE n.version WHEN 1 THEN 0 ELSE (
               SELECT p.balance_after FROM ledger_entry p
                WHERE p.account_id = n.account_id AND p.version = n.version - 1) END
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'an entry does not continue account %: refused', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT n.transfer_id INTO wrong FROM written n
     WHERE (SELECT t.guarantee_id = a.guarantee_id AND t.enterprise_id = a.enterprise_id
                   AND n.enterprise_id = a.enterprise_id AND abs(n.amount) = t.amount
                   AND (a.purpose = 'funding' OR n.balance_after >= 0)
                   AND (t.kind, n.amount > 0, a.purpose) IN (
                           ('top_up', false, 'funding'), ('top_up', true, 'available'),
                           ('reduce', false, 'available'), ('reduce', true, 'funding'),
                           ('hold', false, 'available'), ('hold', true, 'held'),
                           ('adjust', false, 'available'), ('adjust', true, 'held'),
                           ('adjust', false, 'held'), ('adjust', true, 'available'),
                           ('release', false, 'held'), ('release', true, 'available'),
                           ('settle', false, 'held'), ('settle', true, 'available'))
              FROM ledger_transfer t, ledger_account a
             WHERE t.id = n.transfer_id AND a.id = n.account_id) IS NOT TRUE
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'an entry does not fit transfer %: refused', wrong USING ERRCODE = 'check_violation';
    END IF;
    UPDATE ledger_account a SET balance = last.balance_after, version = last.version
      FROM (SELECT DISTINCT ON (account_id) account_id, balance_after, version
              FROM written ORDER BY account_id, version DESC) last
     WHERE a.id = last.account_id;
    -- What lists hold: first what is given back, then what is taken. A list that is not met is refused.
    held := ARRAY(SELECT id FROM ledger_account WHERE purpose = 'held' AND id IN (SELECT account_id FROM written));
    FOREACH way IN ARRAY ARRAY[-1, 1] LOOP
        WITH moved AS MATERIALIZED (
            SELECT t.document_id, t.guarantee_id, t.enterprise_id, sum(n.amount) AS amount, count(*) AS times,
                   (array_agg(t.wanted ORDER BY n.transfer_id DESC) FILTER (WHERE t.wanted IS NOT NULL))[1] AS wanted
              FROM written n, LATERAL (SELECT document_id, guarantee_id, enterprise_id, wanted FROM ledger_transfer
                                        WHERE id = n.transfer_id LIMIT 1) t
             WHERE n.account_id = ANY (held) AND sign(n.amount) = way GROUP BY 1, 2, 3),
        met AS (
            UPDATE ledger_hold h
               SET amount = h.amount + m.amount, moves = h.moves + m.times, guarantee_id = m.guarantee_id,
                   wanted = coalesce(m.wanted, h.wanted)
              FROM moved m
             WHERE h.document_id = m.document_id
               AND (h.guarantee_id = m.guarantee_id OR way > 0 AND h.amount = 0)
               AND (h.enterprise_id = m.enterprise_id OR way < 0)
            RETURNING h.document_id, m.guarantee_id)
        SELECT document_id INTO wrong FROM moved m
         WHERE (document_id, guarantee_id) NOT IN (SELECT document_id, guarantee_id FROM met) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'list % holds nothing in this guarantee: refused', wrong USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION ledger_entries_continue() FROM PUBLIC;
CREATE TRIGGER ledger_entries_continue AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_continue();
"""
ENTRIES_BACK = """
DROP TRIGGER ledger_entries_continue ON ledger_entry;
DROP FUNCTION ledger_entries_continue();
"""

TRANSFERS = """
CREATE FUNCTION ledger_transfer_balances() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (SELECT count(*) = 2 AND sum(amount) = 0 AND min(account_id) < max(account_id)
          FROM ledger_entry WHERE transfer_id = NEW.id) IS NOT TRUE THEN
        RAISE EXCEPTION 'the entries of transfer % do not sum to zero: refused', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_transfer_balances AFTER INSERT ON ledger_transfer
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_transfer_balances();
"""
TRANSFERS_BACK = """
DROP TRIGGER ledger_transfer_balances ON ledger_transfer;
DROP FUNCTION ledger_transfer_balances();
"""

ACCOUNTS = """
CREATE FUNCTION ledger_account_follows() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.balance <> 0 OR NEW.version <> 0 OR NEW.enterprise_id IS DISTINCT FROM (
               SELECT enterprise_id FROM ledger_guarantee WHERE id = NEW.guarantee_id) THEN
            RAISE EXCEPTION 'an account is born empty and with its guarantee: refused' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF (NEW.id, NEW.enterprise_id, NEW.guarantee_id, NEW.purpose)
          IS DISTINCT FROM (OLD.id, OLD.enterprise_id, OLD.guarantee_id, OLD.purpose)
       OR (NEW.balance IS DISTINCT FROM CASE NEW.version WHEN 0 THEN 0 ELSE (
               SELECT balance_after FROM ledger_entry WHERE account_id = NEW.id AND version = NEW.version) END)
       OR EXISTS (SELECT FROM ledger_entry WHERE account_id = NEW.id AND version = NEW.version + 1) THEN
        RAISE EXCEPTION 'account % is what its last entry says: refused', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_account_follows BEFORE INSERT OR UPDATE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_account_follows();
"""
ACCOUNTS_BACK = """
DROP TRIGGER ledger_account_follows ON ledger_account;
DROP FUNCTION ledger_account_follows();
"""

# The entries' trigger above is the only hand that moves them: a statement of anybody's own stands in no trigger.
HOLDS = """
CREATE FUNCTION ledger_hold_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what list % holds moves with its entries only: refused', NEW.document_id
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER ledger_hold_born_empty BEFORE INSERT ON ledger_hold FOR EACH ROW
    WHEN (NEW.amount <> 0 OR NEW.moves <> 0 OR NEW.guarantee_id IS NOT NULL) EXECUTE FUNCTION ledger_hold_follows();
CREATE TRIGGER ledger_hold_follows BEFORE UPDATE ON ledger_hold FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND (OLD.id, OLD.document_id, OLD.guarantee_id, OLD.amount, OLD.moves)
          IS DISTINCT FROM (NEW.id, NEW.document_id, NEW.guarantee_id, NEW.amount, NEW.moves))
    EXECUTE FUNCTION ledger_hold_follows();

CREATE FUNCTION ledger_hold_of_whom() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM accounts_enterprise
                    WHERE id = NEW.enterprise_id AND NEW.guarantor_code IN (customs_code, credit_code)) THEN
        RAISE EXCEPTION 'list % names somebody else as guarantor: refused', NEW.document_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_hold_of_whom BEFORE INSERT OR UPDATE OF enterprise_id, guarantor_code ON ledger_hold FOR EACH ROW
    WHEN (NEW.enterprise_id IS NOT NULL) EXECUTE FUNCTION ledger_hold_of_whom();

-- While a transaction goes on, a hold may be named after who is to hold it next.
CREATE FUNCTION ledger_hold_at_home() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger_hold h LEFT JOIN ledger_guarantee g ON g.id = h.guarantee_id
                WHERE h.id = NEW.id AND h.amount > 0 AND h.enterprise_id IS DISTINCT FROM g.enterprise_id) THEN
        RAISE EXCEPTION 'list % holds something of somebody else: refused', NEW.document_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_hold_at_home AFTER UPDATE ON ledger_hold
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.amount > 0 AND OLD.enterprise_id IS DISTINCT FROM NEW.enterprise_id)
    EXECUTE FUNCTION ledger_hold_at_home();
"""
HOLDS_BACK = """
DROP TRIGGER ledger_hold_at_home ON ledger_hold;
DROP FUNCTION ledger_hold_at_home();
DROP TRIGGER ledger_hold_of_whom ON ledger_hold;
DROP FUNCTION ledger_hold_of_whom();
DROP TRIGGER ledger_hold_follows ON ledger_hold;
DROP TRIGGER ledger_hold_born_empty ON ledger_hold;
DROP FUNCTION ledger_hold_follows();
"""

GUARANTEES = """
CREATE FUNCTION ledger_guarantee_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'guarantee % stays with its enterprise: refused', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER ledger_guarantee_stays BEFORE UPDATE ON ledger_guarantee FOR EACH ROW
    WHEN ((OLD.id, OLD.enterprise_id) IS DISTINCT FROM (NEW.id, NEW.enterprise_id))
    EXECUTE FUNCTION ledger_guarantee_stays();
"""
GUARANTEES_BACK = """
DROP TRIGGER ledger_guarantee_stays ON ledger_guarantee;
DROP FUNCTION ledger_guarantee_stays();
"""

# What is ours beside it (our own computation, whose list it is, the state until it is paid) no law of a row can hold:
# the audit compares it with notices, lists and discrepancies.
BILLS = """
CREATE FUNCTION ledger_taxbill_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'bill % says what customs said: refused', OLD.tax_no USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER ledger_taxbill_follows BEFORE UPDATE ON ledger_taxbill FOR EACH ROW
    WHEN ((OLD.id, OLD.enterprise_id, OLD.tax_no) IS DISTINCT FROM (NEW.id, NEW.enterprise_id, NEW.tax_no)
          OR (OLD.assure_code, OLD.ebc_code, OLD.logistics_code, OLD.agent_code, OLD.invt_no, OLD.order_no,
              OLD.logistics_no, OLD.customs_code, OLD.duty, OLD.consumption, OLD.vat, OLD.total, OLD.billed_at,
              OLD.fingerprint, OLD.inbound_id, OLD.received_at)
             IS DISTINCT FROM
             (NEW.assure_code, NEW.ebc_code, NEW.logistics_code, NEW.agent_code, NEW.invt_no, NEW.order_no,
              NEW.logistics_no, NEW.customs_code, NEW.duty, NEW.consumption, NEW.vat, NEW.total, NEW.billed_at,
              NEW.fingerprint, NEW.inbound_id, NEW.received_at)
             AND (NEW.fingerprint = OLD.fingerprint
                  OR (NEW.billed_at, NEW.fingerprint) <= (OLD.billed_at, OLD.fingerprint)))
    EXECUTE FUNCTION ledger_taxbill_follows();

CREATE FUNCTION ledger_taxbill_stays_paid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'bill % is paid once, with what it comes to: refused', NEW.tax_no
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER ledger_taxbill_born_unpaid BEFORE INSERT ON ledger_taxbill FOR EACH ROW
    WHEN (NEW.state = 'paid') EXECUTE FUNCTION ledger_taxbill_stays_paid();
CREATE TRIGGER ledger_taxbill_paid_in_full BEFORE UPDATE ON ledger_taxbill FOR EACH ROW
    WHEN (OLD.state <> 'paid' AND NEW.state = 'paid' AND NEW.paid_total <> NEW.total)
    EXECUTE FUNCTION ledger_taxbill_stays_paid();
CREATE TRIGGER ledger_taxbill_stays_paid BEFORE UPDATE ON ledger_taxbill FOR EACH ROW
    WHEN (OLD.state = 'paid' AND (OLD.state, OLD.paid_on, OLD.paid_voucher, OLD.paid_total)
          IS DISTINCT FROM (NEW.state, NEW.paid_on, NEW.paid_voucher, NEW.paid_total))
    EXECUTE FUNCTION ledger_taxbill_stays_paid();

CREATE FUNCTION ledger_taxbill_takes_its_lines() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM ledger_taxbillline WHERE bill_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_taxbill_takes_its_lines AFTER UPDATE ON ledger_taxbill FOR EACH ROW
    WHEN (OLD.fingerprint <> NEW.fingerprint) EXECUTE FUNCTION ledger_taxbill_takes_its_lines();

CREATE FUNCTION ledger_taxbillline_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'line % of bill % goes with its 816 only: refused', OLD.gnum, OLD.bill_id
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER ledger_taxbillline_follows BEFORE UPDATE ON ledger_taxbillline FOR EACH ROW
    WHEN ((OLD.id, OLD.enterprise_id, OLD.bill_id, OLD.gnum, OLD.gcode, OLD.value, OLD.duty, OLD.consumption, OLD.vat)
          IS DISTINCT FROM
          (NEW.id, NEW.enterprise_id, NEW.bill_id, NEW.gnum, NEW.gcode, NEW.value, NEW.duty, NEW.consumption, NEW.vat))
    EXECUTE FUNCTION ledger_taxbillline_stands();
CREATE TRIGGER ledger_taxbillline_stands BEFORE DELETE ON ledger_taxbillline FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_taxbillline_stands();

-- Lines go only when a later 816 takes them all: a bill that has some was written before, and takes no more.
CREATE FUNCTION ledger_taxbillline_at_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT n.bill_id INTO wrong FROM (SELECT bill_id, count(*) AS many FROM written GROUP BY bill_id) n
     WHERE n.many <> (SELECT count(*) FROM ledger_taxbillline l WHERE l.bill_id = n.bill_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'bill % has the lines of its 816: refused', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_taxbillline_at_once AFTER INSERT ON ledger_taxbillline REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_taxbillline_at_once();
"""
BILLS_BACK = """
DROP TRIGGER ledger_taxbillline_at_once ON ledger_taxbillline;
DROP FUNCTION ledger_taxbillline_at_once();
DROP TRIGGER ledger_taxbillline_stands ON ledger_taxbillline;
DROP TRIGGER ledger_taxbillline_follows ON ledger_taxbillline;
DROP FUNCTION ledger_taxbillline_stands();
DROP TRIGGER ledger_taxbill_takes_its_lines ON ledger_taxbill;
DROP FUNCTION ledger_taxbill_takes_its_lines();
DROP TRIGGER ledger_taxbill_stays_paid ON ledger_taxbill;
DROP TRIGGER ledger_taxbill_paid_in_full ON ledger_taxbill;
DROP TRIGGER ledger_taxbill_born_unpaid ON ledger_taxbill;
DROP FUNCTION ledger_taxbill_stays_paid();
DROP TRIGGER ledger_taxbill_follows ON ledger_taxbill;
DROP FUNCTION ledger_taxbill_follows();
"""

# Refused to the owner too.
WRITTEN_ONCE = ("entry", "transfer", "taxbillnotice", "taxrule")
DELETED_BY_NOBODY = ("guarantee", "account", "hold", "taxbill", "discrepancy")
EMPTIED_BY_NOBODY = (*WRITTEN_ONCE, *DELETED_BY_NOBODY, "taxbillline")
FOR_EVER = """
CREATE FUNCTION ledger_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the books are append-only: % of % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""


def refuses(name: str, table: str, deeds: str) -> tuple[str, str]:
    """A trigger by which rows of a table stand for ever, and how to take it off again."""
    return (
        f"""
CREATE TRIGGER ledger_{table}_{name} BEFORE {deeds} ON ledger_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_stands();
""",
        f"DROP TRIGGER ledger_{table}_{name} ON ledger_{table}",
    )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_wall")]

    operations = [
        migrations.RunSQL(TWO_LEGS, "DROP INDEX ledger_entry_two_legs"),
        migrations.RunSQL(ENTRIES, ENTRIES_BACK),
        migrations.RunSQL(TRANSFERS, TRANSFERS_BACK),
        migrations.RunSQL(ACCOUNTS, ACCOUNTS_BACK),
        migrations.RunSQL(HOLDS, HOLDS_BACK),
        migrations.RunSQL(GUARANTEES, GUARANTEES_BACK),
        migrations.RunSQL(BILLS, BILLS_BACK),
        migrations.RunSQL(FOR_EVER, "DROP FUNCTION ledger_stands()"),
        *(migrations.RunSQL(*refuses("stands", table, "UPDATE OR DELETE")) for table in WRITTEN_ONCE),
        *(migrations.RunSQL(*refuses("stands", table, "DELETE")) for table in DELETED_BY_NOBODY),
        *(migrations.RunSQL(*refuses("not_emptied", table, "TRUNCATE")) for table in EMPTIED_BY_NOBODY),
    ]
