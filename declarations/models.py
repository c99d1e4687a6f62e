"""The living tables, the same for all kinds of document (steps 1 to 9 of the walk).

``Document`` is the row that lives: number, owner, state. What it says stands in the body of its kind
(``declarations/kinds``), what was sent and received in ``Outbound`` and ``Inbound``, byte for byte in tables of their
own that nothing references, so that they can be moved or thinned out without touching the rest. Every table carries
``enterprise_id`` and a row-level policy (``declarations/migrations``).
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from declarations.kinds import (  # noqa: F401  (Django finds the bodies through this module)
    Inventory,
    InventoryLine,
    Order,
    OrderLine,
    Payment,
    Waybill,
)
from declarations.lifecycle import State


class Source(models.TextChoices):
    """The door a document came in by."""

    FORM = "form", _("页面录入")
    WORKBOOK = "workbook", _("批量导入")


class Document(models.Model):
    """One filing of one enterprise: its business key, its state and where it came from."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False, verbose_name=_("企业"))
    kind = models.CharField(_("单证种类"), max_length=20)
    #: The number people call it by: order number, transaction number, waybill number, internal list number.
    number = models.CharField(_("单证编号"), max_length=60, db_collation="C")
    #: The values of ``Kind.key`` joined by ``|``; unique for the enterprise and kind, for ever.
    key = models.CharField(_("业务主键"), max_length=140, db_collation="C")
    #: What joins the documents of one trade. The platform is empty where the message does not name it (511).
    order_no = models.CharField(_("订单编号"), max_length=60, db_collation="C")
    platform_code = models.CharField(_("电商平台代码"), max_length=18, blank=True)
    #: Equal when everything the filer said is equal (``shape.fingerprint``): tells a repetition from a contradiction.
    fingerprint = models.BinaryField(max_length=16)
    state = models.CharField(_("状态"), max_length=20, choices=State.choices, default=State.QUEUED)
    #: The customs code and text that decided the state; empty before the first answer.
    code = models.CharField(_("回执代码"), max_length=10, blank=True)
    reason = models.TextField(_("原因"), blank=True)
    #: While it waits: the kinds missing or not accepted, joined by commas ("order,payment"); "" otherwise.
    waits_for = models.CharField(_("等待的单证"), max_length=60, blank=True, default="", db_default="")
    #: While it waits: when it was last asked whether it still has to.
    looked_at = models.DateTimeField(_("上次核对"), null=True, blank=True)
    state_at = models.DateTimeField(_("状态时间"))
    #: Counted up when a refused document is filed again. Receipts up to ``answered_until`` (customs' clock) belong to
    #: earlier attempts and no longer count.
    attempt = models.PositiveSmallIntegerField(_("第几次申报"), default=1)
    answered_until = models.DateTimeField(_("前次回执截止"), null=True, blank=True)
    source = models.CharField(_("来源"), max_length=10, choices=Source.choices)
    upload_id = models.BigIntegerField(_("导入批次"), null=True, blank=True)
    sheet_row = models.PositiveIntegerField(_("表格行号"), null=True, blank=True)
    filed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("申报人"),
    )
    filed_at = models.DateTimeField(_("申报时间"))
    changed_at = models.DateTimeField(_("更新时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("单证")
        constraints = [
            models.UniqueConstraint(fields=["enterprise", "kind", "key"], name="document_once"),
            # Receipts (622) name a list by this number alone.
            models.UniqueConstraint(
                fields=["enterprise", "number"], condition=Q(kind="inventory"), name="document_list_number_once"
            ),
        ]
        indexes = [
            models.Index(fields=["enterprise", "kind", "state", "-id"], name="document_by_state"),
            models.Index(fields=["enterprise", "kind", "-id"], name="document_newest"),
            models.Index(fields=["enterprise", "kind", "number"], name="document_by_number"),
            models.Index(fields=["order_no", "kind"], name="document_by_order"),
            models.Index(fields=["enterprise", "kind", "order_no"], name="document_by_own_order"),
            models.Index(fields=["looked_at", "id"], name="document_waiting", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class StateChange(models.Model):
    """One move of one document, written by ``lifecycle.move_many`` and never changed."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False)
    document = models.ForeignKey(Document, models.PROTECT, related_name="changes")
    state = models.CharField(max_length=20, choices=State.choices)
    code = models.CharField(max_length=10, blank=True)
    reason = models.TextField(blank=True)
    happened_at = models.DateTimeField()
    attempt = models.PositiveSmallIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    outbound_id = models.BigIntegerField(null=True)
    inbound_id = models.BigIntegerField(null=True)
    recorded_at = models.DateTimeField()


class Draft(models.Model):
    """A form not yet filed, complete or not; the content is JSON, compressed and encrypted."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False)
    kind = models.CharField(max_length=20)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    number = models.CharField(max_length=60, blank=True)
    content = models.BinaryField()
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["enterprise", "kind", "-id"], name="draft_newest")]


class UploadState(models.TextChoices):
    """How far a workbook has come."""

    RECEIVED = "received", _("等待校验")
    CHECKED = "checked", _("校验完成")
    REFUSED = "refused", _("无法读取")
    FILING = "filing", _("正在申报")
    FILED = "filed", _("已申报")
    DISCARDED = "discarded", _("已放弃")


class Upload(models.Model):
    """A workbook a clerk sent in: what it is, how far it has come, and the four numbers at the end."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False)
    kind = models.CharField(max_length=20)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    filename = models.CharField(max_length=255)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=UploadState.choices, default=UploadState.RECEIVED)
    #: Whether only the good documents are filed or none while one is bad; set by the clerk with the decision to file.
    all_or_nothing = models.BooleanField(default=False)
    #: Why a workbook cannot be read, in Chinese, with the cure.
    reason = models.TextField(blank=True)
    rows = models.PositiveIntegerField(default=0)
    documents = models.PositiveIntegerField(default=0)
    bad_rows = models.PositiveIntegerField(default=0)
    bad_documents = models.PositiveIntegerField(default=0)
    known_documents = models.PositiveIntegerField(default=0)
    #: Documents that would wait for others, as found by the check.
    waiting_documents = models.PositiveIntegerField(default=0, db_default=0)
    warnings = models.PositiveIntegerField(default=0)
    #: rule number → how many cells it found
    found = models.JSONField(default=dict)
    filed = models.PositiveIntegerField(default=0)
    #: Documents saved that wait for others; not among those filed.
    waiting = models.PositiveIntegerField(default=0, db_default=0)
    refused = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    #: When it was last checked, or filed; while that is being done, since when.
    checked_at = models.DateTimeField(null=True)
    filed_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["enterprise", "kind", "-id"], name="upload_newest"),
            models.Index(fields=["enterprise", "sha256"], name="upload_by_content"),
            models.Index(fields=["id"], name="upload_due", condition=Q(state__in=["received", "filing"])),
            models.Index(
                fields=["enterprise", "filed_at"], name="upload_refused", condition=Q(state="filed", refused__gt=0)
            ),
        ]


class UploadFile(models.Model):
    """The bytes of an uploaded workbook, compressed and encrypted; dropped once the upload is filed or discarded."""

    upload_id = models.BigIntegerField(primary_key=True)
    enterprise_id = models.BigIntegerField()
    content = models.BinaryField()


class UploadRow(models.Model):
    """One staged row of a workbook: its cells (compressed, encrypted), its problems and, after filing, its fate."""

    enterprise_id = models.BigIntegerField()
    upload_id = models.BigIntegerField()
    row = models.PositiveIntegerField()
    #: Which document of the workbook the row belongs to, counted from 0 in order of appearance.
    document_index = models.PositiveIntegerField()
    content = models.BinaryField()
    #: ``""`` good, ``warning``, ``wait`` (for another document), ``known`` (already filed) or ``error``: the worst of its
    #: document's problems decides.
    level = models.CharField(max_length=10, blank=True)
    #: Problems of this very row as ``Problem.as_json``; never a personal value in them.
    problems = models.JSONField(default=list)
    #: ``""`` before filing, then ``filed``, ``waiting``, ``refused`` or ``skipped``.
    result = models.CharField(max_length=10, blank=True)
    document_id = models.BigIntegerField(null=True)
    #: After filing, at the first row of a document that was refused: its order, by which it is known again once it is filed.
    order_no = models.CharField(max_length=60, db_collation="C", default="", db_default="")

    class Meta:
        indexes = [
            models.Index(fields=["upload_id", "row"], name="uploadrow_in_order"),
            models.Index(fields=["upload_id", "document_index"], name="uploadrow_by_document"),
            models.Index(fields=["upload_id"], name="uploadrow_refused", condition=~Q(order_no="")),
        ]


class OutboundState(models.TextChoices):
    """How far a message to customs has come."""

    PENDING = "pending", _("待加签")
    SIGNED = "signed", _("待发送")
    SENT = "sent", _("已发送")
    FAILED = "failed", _("发送失败")
    REFUSED = "refused", _("整份退回")


class Outbound(models.Model):
    """The outbox: one row per message, written in the transaction that files its documents."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False)
    kind = models.CharField(max_length=20)
    #: The message's guid, made once: customs knows a repeated message by it.
    guid = models.CharField(max_length=36, unique=True)
    state = models.CharField(max_length=10, choices=OutboundState.choices, default=OutboundState.PENDING)
    document_count = models.PositiveSmallIntegerField()
    #: Half of a message that customs refused whole: not joined with others before it is signed.
    alone = models.BooleanField(default=False)
    #: How often it was claimed; how often sending was tried; how often something nobody thought of went wrong.
    attempts = models.PositiveIntegerField(default=0)
    sendings = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    last_error = models.TextField(blank=True)
    #: Filled when waiting does not help: what a person has to do.
    needs_person = models.TextField(blank=True)
    #: The sender's transmission number and certificate as they stand in the signed message.
    dxp_id = models.CharField(max_length=30, blank=True)
    certificate_serial = models.CharField(max_length=40, blank=True)
    #: The consent to cloud signing under which it was signed (``accounts.SigningConsent``).
    consent_id = models.BigIntegerField(null=True, blank=True)
    byte_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("发件")
        indexes = [
            models.Index(
                fields=["not_before", "id"], name="outbound_due", condition=Q(state__in=["pending", "signed"])
            ),
            models.Index(fields=["id"], name="outbound_waits_for_person", condition=~Q(needs_person="")),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class OutboundDocument(models.Model):
    """Which documents a message carries; their order in it is the order of these rows."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False)
    outbound = models.ForeignKey(Outbound, models.CASCADE, related_name="enclosed")
    document = models.ForeignKey(Document, models.PROTECT, related_name="messages")


class OutboundBytes(models.Model):
    """The signed message exactly as sent, compressed and encrypted; the key is that of its ``Outbound``."""

    outbound_id = models.BigIntegerField(primary_key=True)
    enterprise_id = models.BigIntegerField()
    content = models.BinaryField()


class InboundState(models.TextChoices):
    """How far a message from customs has come."""

    STORED = "stored", _("待处理")
    PROCESSED = "processed", _("已处理")
    STUCK = "stuck", _("待人工")


class Inbound(models.Model):
    """The inbox: one row per arrival, stored before anything is read. The enterprise is known once it is read."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, null=True, db_index=False)
    message = models.CharField(max_length=20, blank=True)
    guid = models.CharField(max_length=36, blank=True)
    state = models.CharField(max_length=10, choices=InboundState.choices, default=InboundState.STORED)
    sha256 = models.CharField(max_length=64)
    byte_count = models.PositiveIntegerField()
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    last_error = models.TextField(blank=True)
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("来件")
        indexes = [
            models.Index(fields=["not_before", "id"], name="inbound_due", condition=Q(state="stored")),
            models.Index(fields=["id"], name="inbound_waits_for_person", condition=Q(state="stuck")),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class InboundBytes(models.Model):
    """What arrived, byte for byte, compressed and encrypted; the key is that of its ``Inbound``."""

    inbound_id = models.BigIntegerField(primary_key=True)
    enterprise_id = models.BigIntegerField(null=True)
    content = models.BinaryField()


class Receipt(models.Model):
    """One answer of customs on one document; never changed. A repeated answer has the same fingerprint: one row."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False)
    #: Empty when customs answered on a document we do not know; shown to staff, never lost.
    document = models.ForeignKey(Document, models.PROTECT, null=True, related_name="receipts")
    inbound_id = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=10)
    info = models.TextField()
    customs_time = models.DateTimeField()
    #: The numbers it gave (field name → number): pre-entry number, list number.
    numbers = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, unique=True)
    received_at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = _("回执")
        indexes = [models.Index(fields=["id"], name="receipt_of_nobody", condition=Q(document=None))]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
