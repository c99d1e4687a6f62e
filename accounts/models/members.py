"""Who is invited to become a member of an enterprise; the members themselves are ``who.Membership``.

Every row is one letter that was sent: inviting an address again revokes the row before it and writes a new one.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.who import Enterprise, User
from accounts.roles import MemberRole


class Invitation(models.Model):
    """That whoever reads the mail of an address may join an enterprise, once, until a day, with these roles."""

    enterprise = models.ForeignKey(Enterprise, models.PROTECT, verbose_name=_("企业"), related_name="invitations")
    #: In small letters: an address is asked for whatever the case.
    email = models.EmailField(_("邮箱"))
    roles = ArrayField(
        models.CharField(max_length=20, choices=MemberRole.choices), verbose_name=_("角色"), default=list
    )
    #: What finds it again by its link; the token in the link is kept nowhere.
    token_hash = models.BinaryField(max_length=16, unique=True)
    invited_by = models.ForeignKey(User, models.PROTECT, verbose_name=_("邀请人"), related_name="+")
    created = models.DateTimeField(_("邀请时间"), db_default=Now(), editable=False)
    expires = models.DateTimeField(_("有效至"))
    accepted_at = models.DateTimeField(_("加入时间"), null=True, blank=True)
    accepted_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("加入者"), null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(_("撤销时间"), null=True, blank=True)

    class Meta:
        verbose_name = _("邀请")
        verbose_name_plural = _("邀请")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["enterprise", "email"],
                name="accounts_invitation_one_open",
                condition=models.Q(accepted_at=None, revoked_at=None),
            ),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="accounts_invitation_small_letters"),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None, accepted_by=None)
                | models.Q(accepted_at__isnull=False, accepted_by__isnull=False, revoked_at=None),
                name="accounts_invitation_accepted_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enterprise} · {self.pk}"

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires <= timezone.now()

    @property
    def role_labels(self) -> list[str]:
        """The Chinese names of the roles, in the order of the table of roles."""
        return [str(role.label) for role in MemberRole if role.value in self.roles]
