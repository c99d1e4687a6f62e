"""What people are told: notices to one person, for every step that waits for them, and announcements to all."""

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.who import Enterprise, User
from accounts.roles import EnterpriseType

#: A page of this portal, and nothing a browser would take for another place.
OWN_PAGE = r"^(/([^/\\].*)?)?$"


class Notice(models.Model):
    """One sentence for one person; written by ``accounts.notices.notify`` and nowhere else."""

    user = models.ForeignKey(User, models.PROTECT, verbose_name=_("用户"), related_name="notices")
    #: Whose affair it is; None for what is the person's own, or for staff. Former members see it no more.
    enterprise = models.ForeignKey(
        Enterprise, models.PROTECT, verbose_name=_("企业"), null=True, blank=True, related_name="+"
    )
    #: As ``portal.sentences.keep`` keeps it.
    text = models.TextField(_("内容"))
    #: The page where the next step is made: a path of this portal.
    address = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField(_("时间"), db_default=Now(), editable=False)
    read_at = models.DateTimeField(_("阅读时间"), null=True, blank=True)
    #: When it is due to be mailed, or tried again; None when there is nothing to mail (any more).
    mail_after = models.DateTimeField(null=True, blank=True)
    mail_attempts = models.PositiveSmallIntegerField(db_default=0)
    mailed_at = models.DateTimeField(_("邮件时间"), null=True, blank=True)
    #: About the safety of the account: mailed even when read by then, as whoever read it may not be its owner.
    is_warning = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = _("消息")
        verbose_name_plural = _("消息")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "-id"], name="accounts_notice_of_user"),
            models.Index(fields=["user"], name="accounts_notice_unread", condition=models.Q(read_at=None)),
            models.Index(
                fields=["mail_after"], name="accounts_notice_to_mail", condition=models.Q(mail_after__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(address__regex=OWN_PAGE), name="accounts_notice_leads_into_the_portal"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Announcement(models.Model):
    """What staff tell everybody for a while."""

    title = models.CharField(_("标题"), max_length=100)
    text = models.TextField(_("内容"), max_length=2000)
    since = models.DateTimeField(_("显示开始"), default=timezone.now)
    until = models.DateTimeField(_("显示结束"), null=True, blank=True, help_text=_("不填则一直显示"))
    types = ArrayField(
        models.CharField(max_length=20, choices=EnterpriseType.choices),
        verbose_name=_("企业类型"),
        default=list,
        blank=True,
        help_text=_("只给这些类型的企业看；都不选则所有用户可见"),
    )
    public = models.BooleanField(_("登录页也显示"), default=False, help_text=_("未登录的人也能看到"))

    class Meta:
        verbose_name = _("公告")
        verbose_name_plural = _("公告")
        ordering = ["-since", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(public=True) | models.Q(types=[]),
                name="accounts_announcement_public_is_for_all",
                violation_error_message=_("登录页也显示的公告人人可见，不能再限定企业类型"),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """It ends after it begins."""
        if self.since and self.until and self.until <= self.since:
            raise ValidationError({"until": _("显示结束须晚于显示开始")})


class Dismissal(models.Model):
    """That a reader has put an announcement away; on the page of all announcements it stays."""

    announcement = models.ForeignKey(Announcement, models.PROTECT, related_name="dismissals")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("已收起的公告")
        verbose_name_plural = _("已收起的公告")
        constraints = [
            models.UniqueConstraint(fields=["user", "announcement"], name="accounts_dismissal_once"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
