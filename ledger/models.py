"""The books: guarantee accounts in double entry, one hold per list, electronic tax bills, and the tariff they rest on.

A document is known here by its number only. Money is in yuan with two decimals. Entries and transfers are written once
and never changed; PostgreSQL holds the laws of the books itself (``ledger/migrations/0003_laws.py``), so that no program
and no hand can break them. What the books cannot follow is a ``Discrepancy``, never a lost message of customs.
"""

from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.preparation import SECURITIES, GuaranteeKind

#: The most a column of yuan holds.
_MOST = Decimal("9999999999999999.99")


def _money(label: object, **options: object) -> models.DecimalField:
    """A column of yuan."""
    return models.DecimalField(label, max_digits=18, decimal_places=2, **options)  # type: ignore[arg-type]


def _within(*names: str) -> Q:
    """Each of these columns is an amount: not below zero, and not "not a number", which PostgreSQL puts above all."""
    return Q(**{f"{name}__range": (Decimal(0), _MOST) for name in names})


def _number(label: object, length: int, **options: object) -> models.CharField:
    """A column of a number that is searched by its beginning."""
    return models.CharField(label, max_length=length, db_collation="C", **options)  # type: ignore[arg-type]


#: What stands on an account of one's own: who is guaranteed for by another has none.
SECURITY_CHOICES = [(one.value, one.label) for one in SECURITIES]


class Guarantee(models.Model):
    """The security an enterprise has given customs for the tax on lists; one per enterprise."""

    enterprise = models.OneToOneField(
        "accounts.Enterprise", models.PROTECT, related_name="guarantee", verbose_name=_("担保企业")
    )
    kind = models.CharField(_("担保方式"), max_length=10, choices=SECURITY_CHOICES)
    number = models.CharField(_("担保编号"), max_length=60, help_text=_("保证金收据或保函的编号"))
    opened_on = models.DateField(_("开立日期"))
    #: The last day of a bank's letter, by the days of Shanghai; empty where none is known, and of a deposit.
    valid_to = models.DateField(_("有效期至"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("担保")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=[one.value for one in SECURITIES]), name="guarantee_kind"),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(kind=GuaranteeKind.LETTER), name="guarantee_letters_end"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"


class Purpose(models.TextChoices):
    """The three accounts of a guarantee: what is left, what lists hold, and where it all came from."""

    AVAILABLE = "available", _("可用")
    HELD = "held", _("预扣")
    FUNDING = "funding", _("额度来源")


class Account(models.Model):
    """One account of a guarantee. Balance and version are those of its last entry; the database sees to it."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False, verbose_name=_("企业"))
    guarantee = models.ForeignKey(
        Guarantee, models.PROTECT, db_index=False, related_name="accounts", verbose_name=_("担保")
    )
    purpose = models.CharField(_("账户"), max_length=10, choices=Purpose.choices)
    balance = _money(_("余额"), default=Decimal(0))
    version = models.BigIntegerField(_("笔数"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("账户")
        constraints = [
            models.UniqueConstraint(fields=["guarantee", "purpose"], name="account_once"),
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="account_purpose"),
            models.CheckConstraint(
                condition=Q(purpose=Purpose.FUNDING) | Q(balance__gte=0), name="account_not_below_zero"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} {self.balance}"


class TransferKind(models.TextChoices):
    """Why money moved between two accounts of a guarantee."""

    TOP_UP = "top_up", _("增加额度")
    REDUCE = "reduce", _("减少额度")
    HOLD = "hold", pgettext_lazy("movement", "预扣")
    ADJUST = "adjust", _("预扣调整")
    RELEASE = "release", _("预扣返还")
    SETTLE = "settle", _("缴税后返还")


#: The movements that are not a list's.
OF_NO_LIST = (TransferKind.TOP_UP, TransferKind.REDUCE)


class Transfer(models.Model):
    """One movement of money between two accounts of one guarantee; written once, for ever."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False, verbose_name=_("企业"))
    guarantee = models.ForeignKey(
        Guarantee, models.PROTECT, db_index=False, related_name="transfers", verbose_name=_("担保")
    )
    kind = models.CharField(_("种类"), max_length=10, choices=TransferKind.choices)
    #: What makes the movement one and the same, however often it is asked for.
    key = models.CharField(_("业务主键"), max_length=120, unique=True, db_collation="C")
    amount = _money(_("金额"))
    document_id = models.BigIntegerField(_("清单"), null=True, blank=True)
    list_no = _number(_("清单编号"), 30, blank=True)
    #: What the list ought to hold from now on; empty where that stays as it was.
    wanted = _money(_("应预扣金额"), null=True, blank=True)
    #: A kept sentence.
    reason = models.TextField(_("说明"), blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("经办人"),
    )
    inbound_id = models.BigIntegerField(_("来件编号"), null=True, blank=True)
    happened_at = models.DateTimeField(_("业务时间"))
    recorded_at = models.DateTimeField(_("记账时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("资金变动")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_of_something"),
            models.CheckConstraint(condition=Q(kind__in=TransferKind.values), name="transfer_kind"),
            models.CheckConstraint(
                condition=Q(kind__in=OF_NO_LIST, document_id=None) | ~Q(kind__in=OF_NO_LIST) & ~Q(document_id=None),
                name="transfer_of_a_list",
            ),
        ]
        indexes = [
            models.Index(fields=["guarantee", "-id"], name="transfer_newest"),
            models.Index(fields=["document_id", "id"], name="transfer_of_list", condition=~Q(document_id=None)),
            models.Index(fields=["guarantee", "list_no"], name="transfer_by_list_number"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"


class LimitWay(models.TextChoices):
    """What one of the staff proposes to do with a limit."""

    OPEN = "open", _("开立担保")
    TOP_UP = "top_up", _("增加额度")
    REDUCE = "reduce", _("减少额度")


class LimitState(models.TextChoices):
    """Whether another of the staff has looked at it."""

    PROPOSED = "proposed", _("待确认")
    CONFIRMED = "confirmed", _("已确认")
    DECLINED = "declined", _("不予确认")


class LimitChange(models.Model):
    """Money in or out of a guarantee, or one to open, as one of the staff proposes it and another confirms it.

    The voucher is what the movement is booked under. Moves are made in ``ledger/limits.py`` and nowhere else.
    """

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, related_name="+", verbose_name=_("担保企业"))
    way = models.CharField(_("事项"), max_length=10, choices=LimitWay.choices)
    #: Of a guarantee to open; empty otherwise.
    kind = models.CharField(_("担保方式"), max_length=10, choices=SECURITY_CHOICES, blank=True)
    number = models.CharField(_("担保编号"), max_length=60, blank=True)
    #: Of a letter to open.
    valid_to = models.DateField(_("有效期至"), null=True, blank=True)
    amount = _money(_("金额"))
    voucher = models.CharField(_("凭证号"), max_length=60)
    state = models.CharField(_("状态"), max_length=10, choices=LimitState.choices, default=LimitState.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("提出人")
    )
    proposed_at = models.DateTimeField(_("提出时间"), db_default=Now(), editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("确认人")
    )
    decided_at = models.DateTimeField(_("确认时间"), null=True, blank=True)
    #: Why it was declined.
    reason = models.CharField(_("不予确认的理由"), max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("额度变动")
        constraints = [
            models.CheckConstraint(condition=~Q(decided_by=F("proposed_by")), name="limitchange_by_two"),
            models.CheckConstraint(
                condition=Q(state=LimitState.PROPOSED, decided_by=None, decided_at=None)
                | Q(state__in=[LimitState.CONFIRMED, LimitState.DECLINED], decided_by__isnull=False)
                & Q(decided_at__isnull=False),
                name="limitchange_decided_by_somebody",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="limitchange_of_something"),
            models.CheckConstraint(
                condition=Q(way=LimitWay.OPEN, kind__in=[one.value for one in SECURITIES]) & ~Q(number="")
                | Q(way__in=[LimitWay.TOP_UP, LimitWay.REDUCE], kind="", number=""),
                name="limitchange_way",
            ),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(kind=GuaranteeKind.LETTER), name="limitchange_letters_end"
            ),
            models.UniqueConstraint(
                fields=["enterprise", "voucher"],
                name="limitchange_voucher_once",
                condition=~Q(state=LimitState.DECLINED),
            ),
            models.UniqueConstraint(
                fields=["enterprise"],
                name="limitchange_opened_once",
                condition=Q(way=LimitWay.OPEN, state=LimitState.PROPOSED),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_way_display()} {self.amount}"


class Entry(models.Model):
    """One side of a transfer, with the account's balance after it; written once, for ever."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False)
    transfer = models.ForeignKey(Transfer, models.PROTECT, db_index=False, related_name="entries")
    account = models.ForeignKey(Account, models.PROTECT, db_index=False, related_name="entries")
    amount = _money(_("金额"))
    balance_after = _money(_("余额"))
    version = models.BigIntegerField(_("笔数"))

    class Meta:
        verbose_name = verbose_name_plural = _("分录")
        constraints = [
            models.UniqueConstraint(fields=["account", "version"], name="entry_once"),
            models.CheckConstraint(condition=~Q(amount=0), name="entry_of_something"),
        ]


class Hold(models.Model):
    """What a list keeps held of a guarantee, and what it ought to: at most one row per list, 0 when given back.

    ``wanted`` is more than ``amount`` while the guarantee is too small, or while the guarantor has none here.
    """

    #: The guarantor; empty while its code belongs to no enterprise here.
    enterprise = models.ForeignKey(
        "accounts.Enterprise", models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("担保企业")
    )
    guarantor_code = models.CharField(_("担保企业代码"), max_length=30)
    document_id = models.BigIntegerField(_("清单"), unique=True)
    guarantee = models.ForeignKey(
        Guarantee, models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("担保")
    )
    amount = _money(_("预扣金额"), default=Decimal(0))
    wanted = _money(_("应预扣金额"), default=Decimal(0))
    #: How often money moved for this list; makes the keys of its transfers.
    moves = models.PositiveIntegerField(_("次数"), default=0)
    invt_no = _number(_("清单编号"), 18, blank=True)
    cop_no = _number(_("企业内部编号"), 20, blank=True)
    order_no = _number(_("订单编号"), 60, blank=True)
    at = models.DateTimeField(_("业务时间"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("预扣")
        constraints = [
            models.CheckConstraint(condition=_within("amount", "wanted"), name="hold_not_below_zero"),
            models.CheckConstraint(condition=Q(amount__lte=F("wanted")), name="hold_no_more_than_wanted"),
            models.CheckConstraint(condition=Q(amount=0) | ~Q(guarantee=None), name="hold_is_held_somewhere"),
        ]
        indexes = [
            models.Index(fields=["guarantee", "document_id"], name="hold_open", condition=Q(amount__gt=0)),
            models.Index(fields=["enterprise", "document_id"], name="hold_short", condition=Q(wanted__gt=F("amount"))),
        ]

    def __str__(self) -> str:
        return f"{self.invt_no or self.cop_no} {self.amount}"


class DiscrepancyKind(models.TextChoices):
    """How our books can differ from what customs says."""

    SHORT = "short", _("担保余额不足")
    NO_GUARANTEE = "no_guarantee", _("没有担保")
    HELD_UP = "held_up", _("海关因担保额度不足未放行")
    TAX_DIFFERS = "tax_differs", _("税款与本系统计算不一致")
    NOT_COMPUTED = "not_computed", _("税款无法计算")
    LINES_DIFFER = "lines_differ", _("税单表体与表头不一致")
    BILL_WITHOUT_LIST = "bill_without_list", _("税单找不到清单")
    GUARANTOR_DIFFERS = "guarantor_differs", _("税单担保企业与清单不一致")
    VOID_AFTER_PAYMENT = "void_after_payment", _("已缴税单被作废")
    PAID_DIFFERS = "paid_differs", _("已缴税单金额有变")


class Discrepancy(models.Model):
    """Something our books cannot follow; open until it is put right, or until staff have dealt with it and say how."""

    enterprise = models.ForeignKey(
        "accounts.Enterprise", models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("企业")
    )
    kind = models.CharField(_("种类"), max_length=20, choices=DiscrepancyKind.choices)
    #: What it is about, for us: ``list <document>`` or ``bill <enterprise> <number>``.
    subject = models.CharField(_("对象"), max_length=100, db_collation="C")
    #: The number people know it by: of the list, or of the bill.
    number = _number(_("编号"), 60, blank=True)
    document_id = models.BigIntegerField(_("清单"), null=True, blank=True)
    bill_id = models.BigIntegerField(_("税单"), null=True, blank=True)
    ours = _money(_("本系统金额"), null=True, blank=True)
    theirs = _money(_("海关金额"), null=True, blank=True)
    #: A kept sentence: what differs, and what to do.
    note = models.TextField(_("说明"), blank=True)
    opened_at = models.DateTimeField(_("发现时间"))
    closed_at = models.DateTimeField(_("解决时间"), null=True, blank=True)
    #: Who of the staff dealt with it, and how; empty when it was put right by itself.
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("处理人"),
    )
    settled_why = models.CharField(_("处理说明"), max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("账务差异")
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="discrepancy_once"),
            models.CheckConstraint(
                condition=Q(settled_by=None, settled_why="")
                | Q(settled_by__isnull=False, closed_at__isnull=False) & ~Q(settled_why=""),
                name="discrepancy_settled_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["enterprise", "-id"], name="discrepancy_open", condition=Q(closed_at=None)),
            models.Index(fields=["opened_at"], name="discrepancy_oldest", condition=Q(closed_at=None)),
            models.Index(fields=["document_id"], name="discrepancy_of_list", condition=~Q(document_id=None)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"


class BillState(models.TextChoices):
    """How far a tax bill has come; ``paid`` is ours, customs never says it."""

    MADE = "made", _("已生成")
    CONSOLIDATED = "consolidated", _("已汇总")
    VOID = "void", _("已作废")
    PAID = "paid", _("已缴款")


class Treatment(models.TextChoices):
    """How a list is taxed, as we compute it."""

    REDUCED = "reduced", _("限值内优惠征税")
    FULL = "full", _("全额征税")
    REFUSED = "refused", _("超过限值")
    UNKNOWN = "unknown", _("无法计算")


class TaxBill(models.Model):
    """One electronic tax bill as customs made it (816), with what became of it (818) and our own computation beside.

    ``enterprise`` is who received it, the declarant of the list; guarantor and merchant see it too.
    """

    enterprise = models.ForeignKey(
        "accounts.Enterprise", models.PROTECT, db_index=False, related_name="+", verbose_name=_("申报企业")
    )
    guarantor = models.ForeignKey(
        "accounts.Enterprise",
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("担保企业"),
    )
    merchant = models.ForeignKey(
        "accounts.Enterprise",
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("电商企业"),
    )
    logistics = models.ForeignKey(
        "accounts.Enterprise",
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("物流企业"),
    )
    assure_code = models.CharField(_("担保企业代码"), max_length=64, blank=True)
    ebc_code = models.CharField(_("电商企业代码"), max_length=64, blank=True)
    logistics_code = models.CharField(_("物流企业代码"), max_length=64, blank=True)
    agent_code = models.CharField(_("申报单位代码"), max_length=18, blank=True)
    #: The list, by its number here; empty while it is not known.
    document_id = models.BigIntegerField(_("清单"), null=True, blank=True)
    invt_no = _number(_("清单编号"), 18)
    tax_no = _number(_("电子税单编号"), 50)
    order_no = _number(_("订单编号"), 60, blank=True)
    logistics_no = _number(_("物流运单编号"), 60, blank=True)
    customs_code = models.CharField(_("申报口岸"), max_length=4, blank=True)
    duty = _money(_("关税"))
    consumption = _money(_("消费税"))
    vat = _money(_("增值税"))
    total = _money(_("税款合计"))
    state = models.CharField(_("状态"), max_length=12, choices=BillState.choices, default=BillState.MADE)
    duty_no = _number(_("缴款书编号"), 50, blank=True)
    #: When customs made it (return time of the 816), and the Shanghai day its list was released.
    billed_at = models.DateTimeField(_("生成时间"))
    released_on = models.DateField(_("放行日期"), null=True, blank=True)
    #: Ours: how we would tax the list, by which rule, how much, and why we differ or cannot say (a kept sentence).
    own_treatment = models.CharField(_("本系统征税方式"), max_length=10, choices=Treatment.choices, blank=True)
    own_rule = models.DateField(_("所依税则日期"), null=True, blank=True)
    own_duty = _money(_("本系统关税"), null=True, blank=True)
    own_consumption = _money(_("本系统消费税"), null=True, blank=True)
    own_vat = _money(_("本系统增值税"), null=True, blank=True)
    own_note = models.TextField(_("计算说明"), blank=True)
    paid_on = models.DateField(_("缴款日期"), null=True, blank=True)
    paid_voucher = models.CharField(_("缴款凭证"), max_length=60, blank=True)
    #: What was really paid, whatever a later 816 says.
    paid_total = _money(_("实缴金额"), null=True, blank=True)
    #: Tells a repeated 816 from another one under the same number.
    fingerprint = models.CharField(max_length=64)
    inbound_id = models.BigIntegerField(_("来件编号"), null=True, blank=True)
    received_at = models.DateTimeField(_("收到时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("电子税单")
        constraints = [
            models.UniqueConstraint(fields=["enterprise", "tax_no"], name="taxbill_once"),
            models.CheckConstraint(
                condition=_within("duty", "consumption", "vat", "own_duty", "own_consumption", "own_vat", "paid_total"),
                name="taxbill_of_amounts",
            ),
            models.CheckConstraint(
                condition=Q(total=F("duty") + F("consumption") + F("vat")), name="taxbill_total_is_its_taxes"
            ),
            models.CheckConstraint(condition=Q(state__in=BillState.values), name="taxbill_state"),
            models.CheckConstraint(
                condition=Q(state=BillState.PAID, paid_on__isnull=False, paid_total__isnull=False) & ~Q(paid_voucher="")
                | ~Q(state=BillState.PAID) & Q(paid_on=None, paid_total=None, paid_voucher=""),
                name="taxbill_paid_by_something",
            ),
        ]
        indexes = [
            models.Index(fields=["enterprise", "-id"], name="taxbill_newest"),
            models.Index(fields=["guarantor", "-id"], name="taxbill_of_guarantor"),
            models.Index(fields=["merchant", "-id"], name="taxbill_of_merchant"),
            models.Index(fields=["tax_no"], name="taxbill_by_number"),
            models.Index(fields=["invt_no"], name="taxbill_by_list_number"),
            models.Index(fields=["order_no"], name="taxbill_by_order", condition=~Q(order_no="")),
            models.Index(fields=["logistics_no"], name="taxbill_by_waybill", condition=~Q(logistics_no="")),
            models.Index(fields=["duty_no"], name="taxbill_by_payment_note", condition=~Q(duty_no="")),
            models.Index(fields=["document_id"], name="taxbill_of_list", condition=~Q(document_id=None)),
            models.Index(fields=["released_on"], name="taxbill_by_release", condition=~Q(released_on=None)),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.tax_no}"


class TaxBillLine(models.Model):
    """One line of a tax bill, and ours beside it."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False)
    bill = models.ForeignKey(TaxBill, models.CASCADE, db_index=False, related_name="lines")
    gnum = models.PositiveIntegerField(_("商品项号"))
    gcode = models.CharField(_("商品编码"), max_length=10)
    value = models.DecimalField(_("完税价格"), max_digits=19, decimal_places=5)
    duty = _money(_("关税"))
    consumption = _money(_("消费税"))
    vat = _money(_("增值税"))
    own_value = _money(_("本系统完税价格"), null=True, blank=True)
    own_duty = _money(_("本系统关税"), null=True, blank=True)
    own_consumption = _money(_("本系统消费税"), null=True, blank=True)
    own_vat = _money(_("本系统增值税"), null=True, blank=True)
    #: How ours came about (``tax.Line.workings``): goods, carriage, the rates applied in percent, faults of the tariff.
    own_rates = models.JSONField(_("本系统税率"), default=dict, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("税单表体")
        constraints = [
            models.UniqueConstraint(fields=["bill", "gnum"], name="taxbillline_once"),
            models.CheckConstraint(
                condition=_within(
                    "value", "duty", "consumption", "vat", "own_value", "own_duty", "own_consumption", "own_vat"
                ),
                name="taxbillline_of_amounts",
            ),
        ]


class TaxBillNotice(models.Model):
    """One thing customs said of a bill's state: each 818, and each 816 for itself. Never changed; a repetition is one."""

    enterprise = models.ForeignKey("accounts.Enterprise", models.PROTECT, db_index=False)
    tax_no = _number(_("电子税单编号"), 50)
    invt_no = _number(_("清单编号"), 18)
    status = models.CharField(_("状态"), max_length=12, choices=BillState.choices)
    duty_no = _number(_("缴款书编号"), 50, blank=True)
    customs_time = models.DateTimeField(_("海关时间"))
    fingerprint = models.CharField(max_length=64, unique=True)
    inbound_id = models.BigIntegerField(_("来件编号"), null=True, blank=True)
    received_at = models.DateTimeField(_("收到时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("税单状态")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=(BillState.MADE, BillState.CONSOLIDATED, BillState.VOID)),
                name="taxbillnotice_status",
            )
        ]
        indexes = [
            models.Index(fields=["enterprise", "tax_no", "customs_time"], name="taxbillnotice_in_order"),
            models.Index(fields=["enterprise", "invt_no"], name="taxbillnotice_by_list"),
        ]


class Over(models.TextChoices):
    """What a rule does with a transaction over the limits."""

    FULL = "full", _("全额征税")
    ONE_ITEM = "one_item", _("仅单件不可分割商品全额征税")


class TaxRule(models.Model):
    """The limits and rates in force for lists accepted from a day on (domain: dated parameters); in yuan and percent."""

    since = models.DateField(_("生效日期"), unique=True)
    single_limit = _money(_("单次限值"))
    annual_limit = _money(_("年度限值"))
    over = models.CharField(_("超过限值"), max_length=10, choices=Over.choices)
    share = models.DecimalField(_("限值内征收比例（%）"), max_digits=5, decimal_places=2)
    vat_general = models.DecimalField(_("增值税率（%）"), max_digits=5, decimal_places=2)
    vat_low = models.DecimalField(_("增值税低税率（%）"), max_digits=5, decimal_places=2)
    basis = models.CharField(_("依据"), max_length=200)

    class Meta:
        verbose_name = verbose_name_plural = _("税收规则")
        ordering = ["-since"]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d}"


class VatClass(models.TextChoices):
    """Which of the two rates of VAT a code stands under."""

    GENERAL = "general", _("基本税率")
    LOW = "low", _("低税率")


class Fault(models.TextChoices):
    """What is known to be wrong or unsure with a line of the tariff; shown, never hidden."""

    NOT_IN_TARIFF = "not_in_tariff", _("税则中没有这个编码")
    NO_DUTY = "no_duty", _("没有关税税率")
    DUTY_EQUIVALENT = "duty_equivalent", _("从量关税，按折算的百分比列示")
    NO_VAT = "no_vat", _("没有增值税率")
    VAT_BY_RULE = "vat_by_rule", _("增值税率由法规推定，未经核对")
    VAT_BY_NEIGHBOUR = "vat_by_neighbour", _("增值税率取自相邻编码")
    NO_CONSUMPTION = "no_consumption", _("消费税率未填")
    CONSUMPTION_BY_RULE = "consumption_by_rule", _("消费税率由法规推定，未经核对")
    CONSUMPTION_BY_NEIGHBOUR = "consumption_by_neighbour", _("消费税率取自相邻编码")
    NO_QUANTITY = "no_quantity", _("申报数量缺少判断所需的计量单位")


class TariffLine(models.Model):
    """What the tariff says of one code from a day on; rates in percent, faults as the source states them."""

    code = models.CharField(_("商品编码"), max_length=10)
    since = models.DateField(_("生效日期"))
    name = models.CharField(_("商品名称"), max_length=500)
    unit1 = models.CharField(_("第一法定单位"), max_length=3, blank=True)
    unit2 = models.CharField(_("第二法定单位"), max_length=3, blank=True)
    duty = models.DecimalField(_("关税率（%）"), max_digits=7, decimal_places=3, null=True, blank=True)
    vat = models.CharField(_("增值税"), max_length=10, choices=VatClass.choices, blank=True)
    vat_basis = models.CharField(_("增值税依据"), max_length=20, blank=True)
    consumption = models.DecimalField(_("消费税率（%）"), max_digits=6, decimal_places=3, null=True, blank=True)
    #: As the source writes it, in English; ``tariff.py`` reads it.
    consumption_specific = models.CharField(_("从量消费税"), max_length=200, blank=True)
    condition = models.CharField(_("消费税条件"), max_length=200, blank=True)
    consumption_basis = models.CharField(_("消费税依据"), max_length=20, blank=True)
    faults = ArrayField(
        models.CharField(max_length=30, choices=Fault.choices), verbose_name=_("已知缺陷"), default=list, blank=True
    )

    class Meta:
        verbose_name = verbose_name_plural = _("税则")
        ordering = ["code", "-since"]
        constraints = [models.UniqueConstraint(fields=["code", "since"], name="tariffline_once")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
