"""Users, enterprises, memberships, certificates, and the append-only record of what was done."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.actions import Action
from accounts.codes import check_credit_code, check_customs_code, check_district, check_dxp_id
from accounts.roles import Depot, EnterpriseState, EnterpriseType, Environment, KeyPlace, MemberRole

#: What a sealed telephone is bound to.
PHONE_PLACE = "accounts_user.phone"


class User(AbstractUser):
    """A person who signs in, by user name or by e-mail; what they may do follows from their memberships."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    username = models.CharField(
        _("用户名"),
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[\w.+-]+\Z", _("用户名只能用文字、数字和 . + - _"))],
        help_text=_("60 个字以内，只能用文字、数字和 . + - _，不能用邮箱"),
        error_messages={"unique": _("已有这个用户名，请换一个")},
    )
    name = models.CharField(_("姓名"), max_length=60, blank=True)
    is_auditor = models.BooleanField(
        _("审计员"),
        default=False,
        db_default=False,
        help_text=_("在后台只看操作记录及其封存，什么都不能改；须同时勾选职员状态"),
    )
    #: Sealed; proved by a code sent there. Nobody is found by it.
    phone = models.BinaryField(_("手机"), null=True)

    class Meta:
        verbose_name = _("用户")
        verbose_name_plural = _("用户")
        constraints = [
            models.UniqueConstraint(Lower("username"), name="accounts_user_username_once"),
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_once", condition=~models.Q(email="")),
            # Either name signs in: a user name that looks like an e-mail could be somebody else's.
            models.CheckConstraint(
                condition=~models.Q(username__contains="@"),
                name="accounts_user_username_is_no_email",
                violation_error_message=_("用户名不能含有 @，邮箱请填在邮箱一栏"),
            ),
            models.CheckConstraint(
                condition=~models.Q(is_auditor=True, is_superuser=True),
                name="accounts_user_auditor_is_no_superuser",
                violation_error_message=_("审计员不能同时是超级用户"),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        """The name to show."""
        return str(self)

    def get_short_name(self) -> str:
        """The name to show."""
        return str(self)


class Enterprise(models.Model):
    """An enterprise as customs knows it. Its own row is its own; only number, name and type are public here."""

    name = models.CharField(_("企业名称"), max_length=100, help_text=_("与营业执照及海关备案一致"))
    credit_code = models.CharField(_("统一社会信用代码"), max_length=18, unique=True, validators=[check_credit_code])
    customs_code = models.CharField(_("海关十位编码"), max_length=10, unique=True, validators=[check_customs_code])
    types = ArrayField(
        models.CharField(max_length=20, choices=EnterpriseType.choices), verbose_name=_("企业类型"), default=list
    )
    #: Of direct logistics alone; empty for all others.
    depot = models.CharField(_("直购物流的库"), max_length=10, choices=Depot.choices, blank=True, db_default="")
    customs_district = models.CharField(
        _("主管关区"), max_length=4, blank=True, validators=[check_district], help_text=_("4 位关区代码，如 2218")
    )
    dxp_id = models.CharField(
        _("申报传输编号"),
        max_length=16,
        blank=True,
        validators=[check_dxp_id],
        help_text=_("DXPENT 加 10 位数字；没有它不能向海关发送"),
    )
    state = models.CharField(_("状态"), max_length=10, choices=EnterpriseState.choices, default=EnterpriseState.DRAFT)
    #: Why staff changed the state last; the members read it while the enterprise is suspended.
    state_reason = models.CharField(_("上次变更状态的原因"), max_length=200, blank=True)
    created = models.DateTimeField(_("登记时间"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("企业")
        verbose_name_plural = _("企业")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["dxp_id"], name="accounts_enterprise_dxp_id_once", condition=~models.Q(dxp_id="")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def codes(self) -> frozenset[str]:
        """Both numbers the enterprise may stand under in a document."""
        return frozenset({self.customs_code, self.credit_code})

    @cached_property
    def licences_in_force(self) -> tuple[Any, ...]:
        """Its licences, of each kind the latest; asked once. Whether they are valid is ``accounts.licences``' business."""
        return tuple(self.qualifications.filter(replaced=False))

    @cached_property
    def services_in_force(self) -> tuple[Any, ...]:
        """What it is activated for; asked once. What may be filed under it is ``accounts.services``' business."""
        return tuple(self.services.filter(ended=None))

    @property
    def may_file(self) -> bool:
        """Whether new documents are taken from this enterprise, as far as that depends on no licence or service."""
        return self.state == EnterpriseState.APPROVED

    @property
    def type_labels(self) -> list[str]:
        """The Chinese names of its types, in the order of the table of types."""
        return [str(kind.label) for kind in EnterpriseType if kind.value in self.types]


class Membership(models.Model):
    """That a user belongs to an enterprise, and what they may do there."""

    user = models.ForeignKey(User, models.PROTECT, verbose_name=_("用户"), related_name="memberships")
    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="memberships")
    roles = ArrayField(
        models.CharField(max_length=20, choices=MemberRole.choices), verbose_name=_("角色"), default=list
    )
    active = models.BooleanField(_("有效"), default=True)
    created = models.DateTimeField(_("加入时间"), db_default=Now(), editable=False)
    #: Written by a trigger whoever changes the roles: a session that is older gets a new key (accounts/access.py).

    class Meta:
        verbose_name = _("成员")
        verbose_name_plural = _("成员")
        ordering = ["enterprise", "user"]
        constraints = [models.UniqueConstraint(fields=["user", "enterprise"], name="accounts_membership_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.enterprise}"

    @property
    def role_labels(self) -> list[str]:
        """The Chinese names of the roles, in the order of the table of roles."""
        return [str(role.label) for role in MemberRole if role.value in self.roles]


class Credential(models.Model):
    """A certificate of an enterprise. The private key is not here: only the handle it is kept under.

    Where the key stays on the enterprise's own device nothing is kept under the handle.
    """

    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="credentials")
    environment = models.CharField(_("环境"), max_length=10, choices=Environment.choices)
    serial = models.CharField(
        _("证书序列号"), max_length=40, help_text=_("十六进制小写，保留前导零，与签名中的写法一致")
    )
    certificate = models.TextField(_("证书"), help_text=_("PEM 格式"))
    key_handle = models.CharField(_("密钥编号"), max_length=64, unique=True)
    not_before = models.DateTimeField(_("生效时间"))
    not_after = models.DateTimeField(_("失效时间"))
    active = models.BooleanField(_("使用中"), default=True)
    created = models.DateTimeField(_("登记时间"), db_default=Now(), editable=False)
    key_place = models.CharField(
        _("密钥"), max_length=10, choices=KeyPlace.choices, default=KeyPlace.MADE, db_default=KeyPlace.MADE
    )
    #: When it last went out of use, and whether by hand rather than because another took its place.
    ended_at = models.DateTimeField(_("停止使用时间"), null=True, blank=True)
    stopped = models.BooleanField(_("人工停用"), default=False, db_default=False)
    #: The last alarm that went out: so many days before the end (``accounts/certificate_alarms.py``).
    warned_days = models.PositiveSmallIntegerField(_("已提醒（到期前天数）"), null=True, blank=True)
    #: When it was shown that the enterprise has the key, which it keeps itself (``accounts/key_proof.py``).
    proven_at = models.DateTimeField(_("密钥验证时间"), null=True, blank=True)

    class Meta:
        verbose_name = _("证书")
        verbose_name_plural = _("证书")
        ordering = ["enterprise", "-not_after"]
        constraints = [
            # Not over all: a certificate is no secret, so whoever came first could keep its owner from registering it.
            models.UniqueConstraint(
                fields=["enterprise", "environment", "serial"], name="accounts_credential_serial_once"
            ),
            models.UniqueConstraint(
                fields=["enterprise", "environment"],
                name="accounts_credential_one_in_use",
                condition=models.Q(active=True),
            ),
            models.CheckConstraint(
                condition=models.Q(active=False) | ~models.Q(key_place="device") | models.Q(proven_at__isnull=False),
                name="accounts_credential_in_use_has_its_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.serial} · {Environment(self.environment).label}"


class AuditEntry(models.Model):
    """One thing somebody did. Written by audit.record(); the database refuses to change or remove it."""

    enterprise = models.ForeignKey(
        Enterprise, models.PROTECT, verbose_name=_("企业"), null=True, blank=True, related_name="+"
    )
    user = models.ForeignKey(User, models.PROTECT, verbose_name=_("用户"), null=True, blank=True, related_name="+")
    action = models.CharField(_("操作"), max_length=40)
    subject = models.CharField(_("对象"), max_length=200, blank=True)
    details = models.JSONField(_("说明"), default=dict, blank=True)
    address = models.GenericIPAddressField(_("来源地址"), null=True, blank=True)
    at = models.DateTimeField(_("时间"), db_default=Now())

    class Meta:
        verbose_name = _("操作记录")
        verbose_name_plural = _("操作记录")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["enterprise", "-id"], name="accounts_audit_by_enterprise"),
            # What became of one application, found again on its page.
            models.Index(
                fields=["subject"],
                name="accounts_audit_of_application",
                condition=models.Q(action__startswith="application_"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action_label} {self.subject}".strip()

    @property
    def action_label(self) -> str:
        """The Chinese name of the action."""
        return str(dict(Action.choices).get(self.action, self.action))
