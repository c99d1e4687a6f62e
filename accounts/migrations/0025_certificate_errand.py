"""The errand for a certificate after it was taken on: step by step by staff, seen by its enterprise, changed by nobody.

And that a certificate registered alone is put to use only once its key has signed something for us.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from portal.tenancy import USER, TenantPolicy

# The policy of the application itself stands behind it.
OF_SEEN = "EXISTS (SELECT FROM accounts_application a WHERE a.id = application_id)"

RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON accounts_errandstep FROM portal_web, portal_staff;
GRANT INSERT ON accounts_errandstep TO portal_staff;
"""
RIGHTS_BACK = "GRANT SELECT, INSERT, UPDATE, DELETE ON accounts_errandstep TO portal_web, portal_staff"

# Whether this is the next step: of an errand taken on, after every one before it, and none of them failed. What step has
# which number is a constraint of the table. A function, as a policy may not ask its own table; it passes no wall.
NEXT = """
CREATE FUNCTION accounts_errand_goes_on(errand bigint, step integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM accounts_application
                    WHERE id = errand AND kind = 'certificate_agency' AND state = 'approved')
       AND (SELECT count(*) = step - 1 AND count(*) FILTER (WHERE stage = 'failed') = 0
              FROM accounts_errandstep WHERE application_id = errand)
$$;
REVOKE ALL ON FUNCTION accounts_errand_goes_on(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_errand_goes_on(bigint, integer) TO portal_staff;
"""
# What is approved is changed by nobody (0024): of an errand the version counts on, so that of two who have it open one moves.
MOVES = """
CREATE FUNCTION accounts_errand_moves(errand bigint, seen integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE accounts_application SET version = version + 1
     WHERE id = errand AND version = seen AND kind = 'certificate_agency' AND state = 'approved';
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION accounts_errand_moves(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_errand_moves(bigint, integer) TO portal_staff;
"""
DEEDS = f"""
CREATE POLICY goes_on ON accounts_errandstep AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (by_id = {USER} AND at = statement_timestamp() AND accounts_errand_goes_on(application_id, number)
                AND day <= (now() AT TIME ZONE 'Asia/Shanghai')::date AND NOT EXISTS (
                    SELECT FROM accounts_application a JOIN accounts_membership m ON m.enterprise_id = a.enterprise_id
                     WHERE a.id = application_id AND m.user_id = {USER} AND m.active));
"""

# Until now nobody was asked: what is in use goes out of it, and is put to use again once its key is shown.
UNPROVED = """
UPDATE accounts_credential SET active = false, ended_at = now(), stopped = true WHERE active AND key_place = 'device'
"""
# It is registered first and proved then.
PROOF = """
GRANT UPDATE (proven_at) ON accounts_credential TO portal_web;
CREATE POLICY proves_later ON accounts_credential AS RESTRICTIVE FOR INSERT TO portal_web WITH CHECK (proven_at IS NULL);
CREATE FUNCTION accounts_credential_stays_proven() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF current_user = 'portal_web' AND OLD.proven_at IS NOT NULL AND NEW.proven_at IS DISTINCT FROM OLD.proven_at THEN
        RAISE EXCEPTION 'permission denied: a key once shown stays so' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_credential_stays_proven BEFORE UPDATE ON accounts_credential
    FOR EACH ROW EXECUTE FUNCTION accounts_credential_stays_proven();
"""
PROOF_BACK = """
DROP TRIGGER accounts_credential_stays_proven ON accounts_credential;
DROP FUNCTION accounts_credential_stays_proven();
DROP POLICY proves_later ON accounts_credential;
REVOKE UPDATE (proven_at) ON accounts_credential FROM portal_web;
"""
# As in 0010, but that it takes none whose key was not shown.
CHANGE = """
CREATE OR REPLACE FUNCTION accounts_change_certificate(approved bigint, wanted text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    whose bigint;
BEGIN
    SELECT enterprise_id INTO whose FROM accounts_application
     WHERE id = approved AND kind = 'certificate_change' AND state = 'approved';
    PERFORM FROM accounts_credential WHERE enterprise_id = whose AND environment = 'production' ORDER BY id FOR UPDATE;
    PERFORM FROM accounts_credential
      WHERE enterprise_id = whose AND environment = 'production' AND serial = wanted AND not_after > now(){proved};
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE accounts_credential SET active = false, ended_at = now(), stopped = false
     WHERE enterprise_id = whose AND environment = 'production' AND active AND serial <> wanted;
    UPDATE accounts_credential SET active = true, ended_at = NULL, stopped = false
     WHERE enterprise_id = whose AND environment = 'production' AND serial = wanted;
    RETURN true;
END $$;
"""
PROVED = " AND (key_place <> 'device' OR proven_at IS NOT NULL)"


class Migration(migrations.Migration):

    dependencies = [("accounts", "0024_deeper_walls")]

    operations = [
        migrations.CreateModel(
            name='ErrandStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(verbose_name='第几步')),
                ('stage', models.CharField(choices=[('at_centre', '已送制卡中心'), ('ready', '可领取'), ('handed_over', '已交付'), ('failed', '未能办成')], max_length=11, verbose_name='进度')),
                ('day', models.DateField(verbose_name='日期')),
                ('note', models.CharField(blank=True, max_length=500, verbose_name='说明')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='登记时间')),
                ('application', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='errand_steps', to='accounts.application', verbose_name='申请')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='登记人')),
            ],
            options={
                'verbose_name': '代办进度',
                'verbose_name_plural': '代办进度',
                'ordering': ['application', 'number'],
                'constraints': [models.UniqueConstraint(fields=('application', 'number'), name='accounts_errandstep_once'), models.CheckConstraint(condition=models.Q(models.Q(('number', 1), ('stage', 'at_centre')), models.Q(('number', 2), ('stage', 'ready')), models.Q(('number', 3), ('stage', 'handed_over')), models.Q(('number__range', (1, 3)), ('stage', 'failed'), models.Q(('note', ''), _negated=True)), _connector='OR'), name='accounts_errandstep_in_order')],
            },
        ),
        TenantPolicy("accounts_errandstep", staff=True, using=OF_SEEN),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(NEXT, "DROP FUNCTION accounts_errand_goes_on(bigint, integer)"),
        migrations.RunSQL(MOVES, "DROP FUNCTION accounts_errand_moves(bigint, integer)"),
        migrations.RunSQL(DEEDS, "DROP POLICY goes_on ON accounts_errandstep"),
        migrations.AddField(
            model_name='credential',
            name='proven_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='密钥验证时间'),
        ),
        migrations.RunSQL(UNPROVED, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.CheckConstraint(condition=models.Q(('active', False), models.Q(('key_place', 'device'), _negated=True), ('proven_at__isnull', False), _connector='OR'), name='accounts_credential_in_use_has_its_key'),
        ),
        migrations.RunSQL(PROOF, PROOF_BACK),
        migrations.RunSQL(CHANGE.replace("{proved}", PROVED), CHANGE.replace("{proved}", "")),
    ]
