"""Documents that wait for those they stand on."""

from django.conf import settings
from django.db import migrations, models

STATES = [
    ("waiting", "等待前序单证"),
    ("queued", "待发送"),
    ("sent", "已发送"),
    ("declaring", "申报中"),
    ("stored", "海关入库"),
    ("review", "人工审核"),
    ("examined", "审结"),
    ("inspecting", "查验"),
    ("detained", "扣留"),
    ("suspended", "挂起"),
    ("released", "放行"),
    ("closed", "结关"),
    ("shipped_back", "退运"),
    ("rejected", "退单"),
    ("failed", "发送失败"),
]

# The pages file documents again, also those that wait; they may write what a filing says of waiting, as of its state.
RIGHTS = "GRANT UPDATE (waits_for, looked_at) ON declarations_document TO portal_web"
RIGHTS_BACK = "REVOKE UPDATE (waits_for, looked_at) ON declarations_document FROM portal_web"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_wall"),
        ("declarations", "0002_wall"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "document", "looked_at", models.DateTimeField(blank=True, null=True, verbose_name="上次核对")
        ),
        migrations.AddField(
            "document",
            "waits_for",
            models.CharField(blank=True, db_default="", default="", max_length=60, verbose_name="等待的单证"),
        ),
        migrations.AddField("upload", "waiting", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.AddField("upload", "waiting_documents", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.AlterField(
            "document",
            "state",
            models.CharField(choices=STATES, default="queued", max_length=20, verbose_name="状态"),
        ),
        migrations.AlterField("statechange", "state", models.CharField(choices=STATES, max_length=20)),
        migrations.AddIndex(
            "document",
            models.Index(condition=models.Q(("state", "waiting")), fields=["looked_at", "id"], name="document_waiting"),
        ),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
    ]
