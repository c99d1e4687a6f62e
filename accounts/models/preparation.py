"""What is in force of an enterprise's preparation: the evidence of each item, and the licences its types need.

Both come into force by an approved application and give way to the next one, or are ended by staff who say why; nothing of
them is ever taken back, so that it can be said what was in force when.
"""

from datetime import date

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.applications import Application
from accounts.models.who import Enterprise


class Medium(models.TextChoices):
    """What an enterprise signs in with at the E-Port."""

    IC_CARD = "ic_card", _("IC 卡")
    IKEY = "ikey", _("Ikey")


class SigningWay(models.TextChoices):
    """With what documents are signed (announcement 113 of 2018)."""

    DEVICE = "device", _("加密机")
    IC_CARD = "ic_card", _("IC 卡")
    IKEY = "ikey", _("Ikey")


class GuaranteeKind(models.TextChoices):
    """How tax is guaranteed to customs."""

    DEPOSIT = "deposit", _("保证金")
    LETTER = "letter", _("银行保函")
    AGENT = "agent", _("由仓储、物流企业代缴")


#: Those by which an enterprise gives security itself: they have a limit, and an account in the books.
SECURITIES = (GuaranteeKind.DEPOSIT, GuaranteeKind.LETTER)


class FiledType(models.TextChoices):
    """The types customs knows on the platform of customs and enterprises (关企合作平台)."""

    PLATFORM = "platform", _("电子商务交易平台")
    MERCHANT = "merchant", _("电子商务企业")
    PAYMENT = "payment", _("支付企业")
    LOGISTICS = "logistics", _("物流企业")
    VENUE = "venue", _("监管场所运营人")


class Evidence(models.Model):
    """What proves one item of the preparation: only the columns its item has are filled."""

    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="evidence")
    #: The kind of application that brings it (``accounts.onboarding.kinds``).
    item = models.CharField(_("准备事项"), max_length=20)
    application = models.ForeignKey(
        Application, models.PROTECT, verbose_name=_("申请"), null=True, blank=True, related_name="+"
    )
    #: Of the card, the certificate, the transmission, the account or letter; of who guarantees instead.
    number = models.CharField(_("编号"), max_length=60, blank=True)
    #: A word of Medium, SigningWay or GuaranteeKind.
    variety = models.CharField(_("种类"), max_length=20, blank=True)
    filed_types = ArrayField(
        models.CharField(max_length=20, choices=FiledType.choices), verbose_name=_("备案类型"), default=list, blank=True
    )
    website = models.URLField(_("网址"), blank=True)
    amount = models.DecimalField(_("额度"), max_digits=15, decimal_places=2, null=True, blank=True)
    valid_to = models.DateField(_("有效期至"), null=True, blank=True)
    since = models.DateTimeField(_("核验时间"), db_default=Now())
    #: A later one of the same item is in force.
    replaced = models.BooleanField(_("已被替换"), default=False)
    #: Staff have ended it, and why, for the enterprise to read; until a later one takes its place it stands so.
    ended = models.DateTimeField(_("作废时间"), null=True, blank=True)
    end_reason = models.CharField(_("作废原因"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("准备凭证")
        verbose_name_plural = _("准备凭证")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["enterprise", "item"], name="accounts_evidence_one_in_force", condition=models.Q(replaced=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.item} {self.number}".strip()

    def is_valid_on(self, day: date) -> bool:
        """Whether it shows anything on that day: a bank's letter through its last, and nothing that was ended."""
        return self.ended is None and (self.valid_to is None or day <= self.valid_to)


class Licence(models.TextChoices):
    """What an authority permits an enterprise to do."""

    EXPRESS = "express", _("快递业务经营许可证")
    INTERNATIONAL_EXPRESS = "international", _("国际快递业务经营许可")
    EXPRESS_OPERATOR = "operator", _("进出境快件运营人登记")
    FINANCE = "finance", _("金融许可证")
    PAYMENT = "payment", _("支付业务许可证")


class Qualification(models.Model):
    """A licence as it is in force: valid from its first through its last day, by the days of Shanghai."""

    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="qualifications")
    licence = models.CharField(_("许可证"), max_length=20, choices=Licence.choices)
    application = models.ForeignKey(
        Application, models.PROTECT, verbose_name=_("申请"), null=True, blank=True, related_name="+"
    )
    number = models.CharField(_("许可证号"), max_length=60)
    scope = models.CharField(_("业务范围"), max_length=300, blank=True)
    valid_from = models.DateField(_("有效期自"), null=True, blank=True)
    #: Without a last day it is valid until it is taken back.
    valid_to = models.DateField(_("有效期至"), null=True, blank=True)
    since = models.DateTimeField(_("登记时间"), db_default=Now())
    #: A later one of the same licence is in force, or the type it was for was given up.
    replaced = models.BooleanField(_("已被替换"), default=False)
    #: Staff have ended it, and why, for the enterprise to read; until a later one takes its place it stands so.
    ended = models.DateTimeField(_("作废时间"), null=True, blank=True)
    end_reason = models.CharField(_("作废原因"), max_length=200, blank=True, default="", db_default="")
    #: How many days before its end its administrators were last reminded.
    reminded = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("资质")
        verbose_name_plural = _("资质")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["valid_to"], name="accounts_qualification_ends", condition=models.Q(replaced=False))
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["enterprise", "licence"],
                name="accounts_qualification_one_in_force",
                condition=models.Q(replaced=False),
            ),
            models.CheckConstraint(
                condition=models.Q(valid_to=None)
                | models.Q(valid_from=None)
                | models.Q(valid_to__gte=models.F("valid_from")),
                name="accounts_qualification_begins_before_it_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_licence_display()} {self.number}"

    def is_valid_on(self, day: date) -> bool:
        """Whether it permits anything on that day."""
        begun = self.valid_from is None or self.valid_from <= day
        return self.ended is None and begun and (self.valid_to is None or day <= self.valid_to)
