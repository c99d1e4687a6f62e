"""What stands beside the certificates: keys asked of the signing service, and the consent to sign with keys kept here."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.who import Enterprise, User
from accounts.roles import Environment


class KeyRequest(models.Model):
    """A key an enterprise wants made here; open until the certificate for it is registered, or it is given up.

    The page only asks. The signing service makes the key, keeps it, and writes here what leaves it: the request that
    the certificate office answers with a certificate.
    """

    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="key_requests")
    environment = models.CharField(_("环境"), max_length=10, choices=Environment.choices)
    asked_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("申请人"), related_name="+")
    asked_at = models.DateTimeField(_("申请时间"), db_default=Now(), editable=False)
    #: Where the key is kept, and the request in PEM; empty until the signing service has made them.
    handle = models.CharField(_("密钥编号"), max_length=64, unique=True, null=True, blank=True)
    request = models.TextField(_("证书请求"), blank=True)
    closed = models.BooleanField(_("已结束"), default=False)

    class Meta:
        verbose_name = _("制作密钥的申请")
        verbose_name_plural = _("制作密钥的申请")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["enterprise", "environment"],
                name="accounts_keyrequest_one_open",
                condition=models.Q(closed=False),
            ),
            models.CheckConstraint(
                condition=models.Q(handle=None, request="") | models.Q(handle__isnull=False) & ~models.Q(request=""),
                name="accounts_keyrequest_made_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise} · {Environment(self.environment).label}"


class SigningConsent(models.Model):
    """That an enterprise agrees that the portal signs with keys it keeps: who, when, to which text, until when.

    One at a time is in force. Every signed message names the one it was signed under (``Outbound.consent_id``).
    """

    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="signing_consents")
    #: A key of ``accounts.consent.TEXTS``.
    text_version = models.CharField(_("文本版本"), max_length=20)
    #: Nobody only for the invented enterprises of the demo.
    given_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("同意人"), null=True, blank=True, related_name="+"
    )
    given_at = models.DateTimeField(_("同意时间"), db_default=Now(), editable=False)
    revoked_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("撤销人"), null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(_("撤销时间"), null=True, blank=True)

    class Meta:
        verbose_name = _("云加签同意")
        verbose_name_plural = _("云加签同意")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["enterprise"], name="accounts_signingconsent_one_in_force", condition=models.Q(revoked_at=None)
            ),
            models.CheckConstraint(
                condition=models.Q(given_by__isnull=False) | models.Q(text_version="demo"),
                name="accounts_signingconsent_given_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(revoked_by=None, revoked_at=None)
                | models.Q(revoked_by__isnull=False, revoked_at__isnull=False),
                name="accounts_signingconsent_revoked_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise} · {self.text_version}"
