"""The errand for a certificate after it was taken on: step by step by staff, seen by its enterprise, changed by nobody."""

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
# which number is a constraint of the table.
NEXT = """
CREATE FUNCTION accounts_errand_goes_on(errand bigint, step integer) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM accounts_application
                    WHERE id = errand AND kind = 'certificate_agency' AND state = 'approved')
       AND (SELECT count(*) = step - 1 AND count(*) FILTER (WHERE stage = 'failed') = 0
              FROM accounts_errandstep WHERE application_id = errand)
$$;
REVOKE ALL ON FUNCTION accounts_errand_goes_on(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_errand_goes_on(bigint, integer) TO portal_staff;
"""
DEEDS = f"""
CREATE POLICY goes_on ON accounts_errandstep AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (by_id = {USER} AND at = statement_timestamp() AND accounts_errand_goes_on(application_id, number));
"""


class Migration(migrations.Migration):

    dependencies = [("accounts", "0022_joining")]

    operations = [
        migrations.CreateModel(
            name='ErrandStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(verbose_name='第几步')),
                ('stage', models.CharField(choices=[('at_centre', '已送卡中心'), ('ready', '可领取'), ('handed_over', '已交付'), ('failed', '未能办成')], max_length=11, verbose_name='进度')),
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
        migrations.RunSQL(DEEDS, "DROP POLICY goes_on ON accounts_errandstep"),
    ]
