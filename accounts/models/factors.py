"""What a person proves themselves with besides the password: an authenticator app, and codes for when it is lost."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.who import User


class AuthenticatorApp(models.Model):
    """The app that shows this person a code every half minute. Its secret is sealed; a code works once."""

    user = models.OneToOneField(User, models.PROTECT, primary_key=True, related_name="authenticator_app")
    secret = models.BinaryField(_("密钥"))
    #: The half minute of the last code taken: that one and all before are used up.
    last_step = models.BigIntegerField(null=True)
    created = models.DateTimeField(_("设置时间"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("验证器")
        verbose_name_plural = _("验证器")

    def __str__(self) -> str:
        return str(self.user_id)


class RecoveryCode(models.Model):
    """One of the codes kept on paper; only its keyed hash is here, and it works once."""

    user = models.ForeignKey(User, models.PROTECT, related_name="recovery_codes")
    digest = models.BinaryField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("恢复码")
        verbose_name_plural = _("恢复码")
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="accounts_recovery_code_once")]

    def __str__(self) -> str:
        return str(self.pk)


class Passkey(models.Model):
    """A key that lives in a device of this person; only its public half is here."""

    user = models.ForeignKey(User, models.PROTECT, related_name="passkeys")
    name = models.CharField(_("名称"), max_length=60, blank=True)
    credential_id = models.BinaryField(unique=True)
    #: What the device said when it made the key: its number and its public half.
    credential = models.BinaryField()
    sign_count = models.BigIntegerField(default=0)
    created = models.DateTimeField(_("添加时间"), db_default=Now(), editable=False)
    last_used = models.DateTimeField(_("最近使用"), null=True)

    class Meta:
        verbose_name = _("通行密钥")
        verbose_name_plural = _("通行密钥")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name or str(self.pk)
