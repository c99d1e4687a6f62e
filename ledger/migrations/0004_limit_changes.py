"""Changes of limits that one of the staff proposes and another confirms; staff book money in and out for nothing else."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from portal.tenancy import USER, TenantPolicy

# The pages only read. One of the staff proposes, in their own name; another decides, once, in theirs.
RIGHTS = f"""
REVOKE INSERT, UPDATE, DELETE ON ledger_limitchange FROM portal_web, portal_staff;
GRANT INSERT, UPDATE (state, decided_by_id, decided_at, reason) ON ledger_limitchange TO portal_staff;
CREATE POLICY proposes ON ledger_limitchange AS RESTRICTIVE FOR INSERT TO portal_staff
    WITH CHECK (state = 'proposed' AND proposed_by_id = {USER});
CREATE POLICY decides ON ledger_limitchange AS RESTRICTIVE FOR UPDATE TO portal_staff
    USING (state = 'proposed') WITH CHECK (state <> 'proposed' AND decided_by_id = {USER});
"""
RIGHTS_BACK = """
DROP POLICY decides ON ledger_limitchange;
DROP POLICY proposes ON ledger_limitchange;
"""

# Money comes in or goes out for what two have agreed to and nothing else: a confirmed change, to the fen and under its
# voucher, or an application for a guarantee as it is approved, under its number: what it says is sealed, so the approval of
# the minute stands for the sum. An approval may name the guarantee anew.
TWO_PERSONS = """
CREATE POLICY two_persons ON ledger_transfer AS RESTRICTIVE FOR INSERT TO portal_staff WITH CHECK (
    ledger_transfer.kind NOT IN ('top_up', 'reduce')
    OR EXISTS (
        SELECT FROM ledger_limitchange c
         WHERE c.enterprise_id = ledger_transfer.enterprise_id AND c.state = 'confirmed'
           AND c.amount = ledger_transfer.amount
           AND ledger_transfer.kind = CASE c.way WHEN 'reduce' THEN 'reduce' ELSE 'top_up' END
           AND ledger_transfer.key = concat_ws(' ', ledger_transfer.kind, ledger_transfer.guarantee_id, c.voucher))
    OR EXISTS (
        SELECT FROM accounts_application a
         WHERE a.enterprise_id = ledger_transfer.enterprise_id AND a.kind = 'guarantee' AND a.state = 'approved'
           AND a.state_at >= now() - interval '1 minute'
           AND ledger_transfer.key
               = concat_ws(' ', ledger_transfer.kind, ledger_transfer.guarantee_id, 'application', a.id)));
GRANT UPDATE (kind, number) ON ledger_guarantee TO portal_staff;
CREATE POLICY named_by_approval ON ledger_guarantee AS RESTRICTIVE FOR UPDATE TO portal_staff USING (true) WITH CHECK (
    EXISTS (SELECT FROM accounts_application a
             WHERE a.enterprise_id = ledger_guarantee.enterprise_id AND a.kind = 'guarantee' AND a.state = 'approved'
               AND a.state_at >= now() - interval '1 minute'));
"""
TWO_PERSONS_BACK = """
DROP POLICY named_by_approval ON ledger_guarantee;
REVOKE UPDATE (kind, number) ON ledger_guarantee FROM portal_staff;
DROP POLICY two_persons ON ledger_transfer;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0017_profile_wall'),
        ('ledger', '0003_laws'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='guarantee',
            name='kind',
            field=models.CharField(choices=[('deposit', '保证金'), ('letter', '银行保函')], max_length=10, verbose_name='担保方式'),
        ),
        migrations.CreateModel(
            name='LimitChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('way', models.CharField(choices=[('open', '开立担保'), ('top_up', '增加额度'), ('reduce', '减少额度')], max_length=10, verbose_name='事项')),
                ('kind', models.CharField(blank=True, choices=[('deposit', '保证金'), ('letter', '银行保函')], max_length=10, verbose_name='担保方式')),
                ('number', models.CharField(blank=True, max_length=60, verbose_name='担保编号')),
                ('amount', models.DecimalField(decimal_places=2, max_digits=18, verbose_name='金额')),
                ('voucher', models.CharField(max_length=60, verbose_name='凭证号')),
                ('state', models.CharField(choices=[('proposed', '待确认'), ('confirmed', '已确认'), ('declined', '不予确认')], default='proposed', max_length=10, verbose_name='状态')),
                ('proposed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='提出时间')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='确认时间')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='不予确认的理由')),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='确认人')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.enterprise', verbose_name='担保企业')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='提出人')),
            ],
            options={
                'verbose_name': '额度变动',
                'verbose_name_plural': '额度变动',
                'constraints': [models.CheckConstraint(condition=models.Q(('decided_by', models.F('proposed_by')), _negated=True), name='limitchange_by_two'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(('decided_by__isnull', False), ('state__in', ['confirmed', 'declined']), ('decided_at__isnull', False)), _connector='OR'), name='limitchange_decided_by_somebody'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='limitchange_of_something'), models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ['deposit', 'letter']), ('way', 'open'), models.Q(('number', ''), _negated=True)), models.Q(('kind', ''), ('number', ''), ('way__in', ['top_up', 'reduce'])), _connector='OR'), name='limitchange_way'), models.UniqueConstraint(condition=models.Q(('state', 'declined'), _negated=True), fields=('enterprise', 'voucher'), name='limitchange_voucher_once'), models.UniqueConstraint(condition=models.Q(('state', 'proposed'), ('way', 'open')), fields=('enterprise',), name='limitchange_opened_once')],
            },
        ),
        TenantPolicy("ledger_limitchange", staff=True),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(TWO_PERSONS, TWO_PERSONS_BACK),
    ]
