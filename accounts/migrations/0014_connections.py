"""How the systems of enterprises are connected in each environment, and the interfaces they have proved."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0013_end_sessions'),
    ]

    operations = [
        migrations.CreateModel(
            name='Connection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('environment', models.CharField(choices=[('sandbox', '测试环境'), ('production', '生产环境')], max_length=10, verbose_name='环境')),
                ('platform_code', models.CharField(max_length=7, unique=True, verbose_name='平台代码')),
                ('short_code', models.CharField(blank=True, max_length=6, verbose_name='企业简码')),
                ('source_addresses', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=43), size=None, verbose_name='固定来源地址')),
                ('callback', models.CharField(max_length=300, verbose_name='异步回执回推地址')),
                ('service_address', models.CharField(max_length=200, verbose_name='接口地址')),
                ('helper_name', models.CharField(max_length=60, verbose_name='对接专员')),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='开通时间')),
                ('changed', models.DateTimeField(blank=True, null=True, verbose_name='上次变更')),
                ('application', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.application', verbose_name='申请')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='connections', to='accounts.enterprise', verbose_name='企业')),
                ('helper', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='对接专员')),
            ],
            options={
                'verbose_name': '系统对接',
                'verbose_name_plural': '系统对接',
                'ordering': ['enterprise', '-environment'],
                'constraints': [models.UniqueConstraint(fields=('enterprise', 'environment'), name='accounts_connection_one_in_force'), models.UniqueConstraint(fields=('enterprise', 'callback'), name='accounts_connection_callbacks_apart'), models.UniqueConstraint(condition=models.Q(('short_code', ''), _negated=True), fields=('short_code',), name='accounts_connection_short_code_once'), models.CheckConstraint(condition=models.Q(models.Q(('environment', 'sandbox'), ('platform_code__regex', '^9[0-9]{6}$')), models.Q(('environment', 'production'), ('platform_code__regex', '^[1-8][0-9]{6}$')), _connector='OR'), name='accounts_connection_codes_apart'), models.CheckConstraint(condition=models.Q(('short_code', ''), models.Q(('environment', 'sandbox'), ('short_code__regex', '^T[0-9]{5}$'), models.Q(('short_code', 'T00000'), _negated=True)), models.Q(('environment', 'production'), ('short_code__regex', '^L[0-9]{5}$')), _connector='OR'), name='accounts_connection_short_codes_apart'), models.CheckConstraint(condition=models.Q(('callback__startswith', 'https://')), name='accounts_connection_callback_is_https'), models.CheckConstraint(condition=models.Q(('source_addresses__len__range', (1, 10))), name='accounts_connection_some_sources')],
            },
        ),
        migrations.CreateModel(
            name='InterfaceProof',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('interface', models.CharField(max_length=20, verbose_name='接口')),
                ('message_number', models.CharField(max_length=60, verbose_name='测试报文编号')),
                ('day', models.DateField(verbose_name='测试日期')),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='通过时间')),
                ('application', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.application', verbose_name='申请')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='interface_proofs', to='accounts.enterprise', verbose_name='企业')),
            ],
            options={
                'verbose_name': '联调通过的接口',
                'verbose_name_plural': '联调通过的接口',
                'ordering': ['enterprise', 'id'],
                'constraints': [models.UniqueConstraint(fields=('enterprise', 'interface'), name='accounts_interfaceproof_once')],
            },
        ),
    ]
