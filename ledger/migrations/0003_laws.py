"""The laws of the books, held by PostgreSQL itself against every program and every hand, the owner's included.

    an entry     continues its account without a gap: balance after = balance before + amount, version after version;
                 moves exactly its transfer's amount, on an account of its transfer's guarantee; never below zero
    a transfer   has two entries when it is committed, one of each sign: they sum to zero
    an account   is born empty; its balance and version are those of its last entry, which moves them itself
    for ever     entries and transfers are neither changed nor deleted, accounts not deleted

All of it costs the same however long the books are: each entry is compared with the one before it, by index, and the
entries of one statement are looked at together.
"""

from django.db import migrations

# One positive and one negative entry at most; that there are both is asked at the commit.
TWO_LEGS = "CREATE UNIQUE INDEX ledger_entry_two_legs ON ledger_entry (transfer_id, (amount > 0))"

# Correlated questions, not joins: whatever the planner has heard about the tables, they are answered by index.
ENTRIES = """
CREATE FUNCTION ledger_entries_continue() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE wrong bigint;
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
    RETURN NULL;
END $$;
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
    IF (SELECT count(*) = 2 AND sum(amount) = 0 FROM ledger_entry WHERE transfer_id = NEW.id) IS NOT TRUE THEN
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

# Refused to the owner too; two triggers each, since TRUNCATE fires none of the row kind.
FOR_EVER = """
CREATE FUNCTION ledger_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the books are append-only: % of % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER ledger_entry_stands BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_stands();
CREATE TRIGGER ledger_transfer_stands BEFORE UPDATE OR DELETE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_stands();
CREATE TRIGGER ledger_account_stands BEFORE DELETE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_stands();
CREATE TRIGGER ledger_entry_not_emptied BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_stands();
CREATE TRIGGER ledger_transfer_not_emptied BEFORE TRUNCATE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_stands();
CREATE TRIGGER ledger_account_not_emptied BEFORE TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_stands();
"""
FOR_EVER_BACK = """
DROP TRIGGER ledger_account_not_emptied ON ledger_account;
DROP TRIGGER ledger_transfer_not_emptied ON ledger_transfer;
DROP TRIGGER ledger_entry_not_emptied ON ledger_entry;
DROP TRIGGER ledger_account_stands ON ledger_account;
DROP TRIGGER ledger_transfer_stands ON ledger_transfer;
DROP TRIGGER ledger_entry_stands ON ledger_entry;
DROP FUNCTION ledger_stands();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_wall")]

    operations = [
        migrations.RunSQL(TWO_LEGS, "DROP INDEX ledger_entry_two_legs"),
        migrations.RunSQL(ENTRIES, ENTRIES_BACK),
        migrations.RunSQL(TRANSFERS, TRANSFERS_BACK),
        migrations.RunSQL(ACCOUNTS, ACCOUNTS_BACK),
        migrations.RunSQL(FOR_EVER, FOR_EVER_BACK),
    ]
