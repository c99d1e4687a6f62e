"""Where the key of a certificate is and how its use ended; keys asked for; the consent to sign with keys kept here."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_reminders'),
    ]

    operations = [
        migrations.AddField(
            model_name='credential',
            name='ended_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='停止使用时间'),
        ),
        migrations.AddField(
            model_name='credential',
            name='key_place',
            field=models.CharField(choices=[('device', '企业自己的设备'), ('imported', '本平台保管，随 PKCS#12 登记'), ('made', '本平台保管，在此制作')], db_default='made', default='made', max_length=10, verbose_name='密钥'),
        ),
        migrations.AddField(
            model_name='credential',
            name='stopped',
            field=models.BooleanField(db_default=False, default=False, verbose_name='人工停用'),
        ),
        migrations.AddField(
            model_name='credential',
            name='warned_days',
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='已提醒（到期前天数）'),
        ),
        migrations.CreateModel(
            name='KeyRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('environment', models.CharField(choices=[('sandbox', '测试环境'), ('production', '生产环境')], max_length=10, verbose_name='环境')),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='申请时间')),
                ('handle', models.CharField(blank=True, max_length=64, null=True, unique=True, verbose_name='密钥编号')),
                ('request', models.TextField(blank=True, verbose_name='证书请求')),
                ('closed', models.BooleanField(default=False, verbose_name='已结束')),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='申请人')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='key_requests', to='accounts.enterprise', verbose_name='企业')),
            ],
            options={
                'verbose_name': '制作密钥的申请',
                'verbose_name_plural': '制作密钥的申请',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('closed', False)), fields=('enterprise', 'environment'), name='accounts_keyrequest_one_open'), models.CheckConstraint(condition=models.Q(models.Q(('handle', None), ('request', '')), models.Q(('handle__isnull', False), models.Q(('request', ''), _negated=True)), _connector='OR'), name='accounts_keyrequest_made_whole')],
            },
        ),
        migrations.CreateModel(
            name='SigningConsent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text_version', models.CharField(max_length=20, verbose_name='文本版本')),
                ('given_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='同意时间')),
                ('revoked_at', models.DateTimeField(blank=True, null=True, verbose_name='撤销时间')),
                ('enterprise', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='signing_consents', to='accounts.enterprise', verbose_name='企业')),
                ('given_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='同意人')),
                ('revoked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='撤销人')),
            ],
            options={
                'verbose_name': '云加签同意',
                'verbose_name_plural': '云加签同意',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('enterprise',), name='accounts_signingconsent_one_in_force'), models.CheckConstraint(condition=models.Q(('given_by__isnull', False), ('text_version', 'demo'), _connector='OR'), name='accounts_signingconsent_given_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('revoked_at', None), ('revoked_by', None)), models.Q(('revoked_at__isnull', False), ('revoked_by__isnull', False)), _connector='OR'), name='accounts_signingconsent_revoked_by_somebody')],
            },
        ),
    ]
