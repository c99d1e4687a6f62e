"""The words for who somebody is: types of enterprise, roles of a member, modes of supervision.

Every later step asks in these words who may file what.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class EnterpriseType(models.TextChoices):
    """What an enterprise is to customs; one enterprise may be several (domain §3)."""

    PLATFORM = "platform", _("电商平台")
    MERCHANT = "merchant", _("电商企业")
    PAYMENT = "payment", _("支付企业")
    DIRECT_LOGISTICS = "direct_logistics", _("直购物流企业")
    BONDED_LOGISTICS = "bonded_logistics", _("保税物流企业")
    WAREHOUSE = "warehouse", _("保税仓储企业")
    VENUE = "venue", _("监管场所经营人")


class Depot(models.TextChoices):
    """Where direct logistics has its parcels checked: its own depot makes it an operator of a venue beside (domain §3)."""

    OWN = "own", _("自有库")
    PUBLIC = "public", _("公共库")


class MemberRole(models.TextChoices):
    """What a member may do in the enterprise; one member may hold several."""

    ADMINISTRATOR = "administrator", _("企业管理员")
    FILER = "filer", _("申报员")
    FINANCE = "finance", _("财务")
    VIEWER = "viewer", pgettext_lazy("role", "查看")
    DEVELOPER = "developer", _("开发")


#: What each role is for, said where roles are given.
ROLE_NOTES = {
    MemberRole.ADMINISTRATOR: _("管理成员与权限，办理企业的各项申请；也能申报，能看税单和担保金账户"),
    MemberRole.FILER: _("录入、导入和申报单证，看税单"),
    MemberRole.FINANCE: _("看税单和担保金账户，看单证；不能申报"),
    MemberRole.VIEWER: _("看单证、税单和担保金账户；什么也不能改"),
    MemberRole.DEVELOPER: _("看单证和报文，供系统对接；看不到税单和担保金账户"),
}

#: Who may file: the menu, the pages and the door ask the same.
FILING_ROLES = (MemberRole.ADMINISTRATOR, MemberRole.FILER)


class Mode(models.TextChoices):
    """Customs supervision mode; the value is the published code of the mode."""

    DIRECT = "9610", _("直购进口")
    BONDED = "1210", _("保税进口")


#: Which type files the lists of a mode, beside the merchant that files its own.
LIST_FILERS = {Mode.BONDED: EnterpriseType.WAREHOUSE, Mode.DIRECT: EnterpriseType.DIRECT_LOGISTICS}


class EnterpriseState(models.TextChoices):
    """How far an enterprise has come: only an approved one files; a suspended one may look."""

    DRAFT = "draft", _("未开通")
    APPROVED = "approved", _("已开通")
    SUSPENDED = "suspended", _("已暂停")


class Environment(models.TextChoices):
    """Where a certificate is valid; the two never mix."""

    SANDBOX = "sandbox", _("测试环境")
    PRODUCTION = "production", _("生产环境")


class KeyPlace(models.TextChoices):
    """Where the private key of a certificate is, and how it came there."""

    DEVICE = "device", _("企业自己的设备")
    IMPORTED = "imported", _("本平台保管，随 PKCS#12 登记")
    MADE = "made", _("本平台保管，在此制作")
