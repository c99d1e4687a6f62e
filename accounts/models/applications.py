"""What an enterprise applies for and staff decide on: one table for all kinds, with every version that was handed in.

What is in force stands elsewhere (``Enterprise`` and the like): an application changes it only when it is approved, so
the old version stays in force meanwhile. Moves are made in ``accounts/onboarding/applications.py`` and nowhere else.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.who import Enterprise, User


class ApplicationState(models.TextChoices):
    """How far an application has come."""

    DRAFT = "draft", _("填写中")
    SUBMITTED = "submitted", _("待审核")
    SECOND = "second", _("待复核")
    RETURNED = "returned", _("退回补正")
    APPROVED = "approved", _("已通过")
    REFUSED = "refused", _("不予通过")
    WITHDRAWN = "withdrawn", _("已撤回")


#: Whoever applied may still write in these.
OPEN_TO_APPLICANT = (ApplicationState.DRAFT, ApplicationState.RETURNED)
#: These wait for staff.
WAITS_FOR_STAFF = (ApplicationState.SUBMITTED, ApplicationState.SECOND)
#: At an end: nothing of it changes any more.
ENDED = (ApplicationState.APPROVED, ApplicationState.REFUSED, ApplicationState.WITHDRAWN)


class Application(models.Model):
    """One thing applied for, from the first word typed to the decision."""

    #: None until there is an enterprise: then it belongs to whoever applies for an account.
    enterprise = models.ForeignKey(
        Enterprise, models.PROTECT, verbose_name=_("企业"), null=True, blank=True, related_name="applications"
    )
    applicant = models.ForeignKey(User, models.PROTECT, verbose_name=_("申请人"), related_name="+")
    #: A key of ``accounts.onboarding.kinds.KINDS``.
    kind = models.CharField(_("申请事项"), max_length=20)
    #: What of that kind, where an enterprise may have several open at once: a service, an item of the preparation.
    topic = models.CharField(_("事项"), max_length=40, blank=True)
    #: What staff call it by: the name of the enterprise.
    title = models.CharField(_("名称"), max_length=100, blank=True)
    #: What was typed last, as the form was sent: {field: text or list of texts}, packed (``portal.personal``).
    content = models.BinaryField()
    state = models.CharField(_("状态"), max_length=10, choices=ApplicationState.choices, default=ApplicationState.DRAFT)
    #: Counted up by every move and every save: who decides says which version they saw.
    version = models.PositiveIntegerField(_("版本"), default=1)
    assignee = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("经办人"), null=True, blank=True, related_name="+"
    )
    #: Who approved first, where a second person has to.
    first_approver = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("初审人"), null=True, blank=True, related_name="+"
    )
    created = models.DateTimeField(_("建立时间"), db_default=Now(), editable=False)
    #: Since when it stands in this state: the age in the queue.
    state_at = models.DateTimeField(_("状态时间"), db_default=Now())

    class Meta:
        verbose_name = _("申请")
        verbose_name_plural = _("申请")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "state_at"], name="accounts_application_queue")]
        constraints = [
            models.UniqueConstraint(
                fields=["enterprise", "kind", "topic"],
                name="accounts_application_one_open",
                condition=~models.Q(state__in=["approved", "refused", "withdrawn"]),
            ),
            models.UniqueConstraint(
                fields=["applicant", "kind", "topic"],
                name="accounts_application_one_open_without_enterprise",
                condition=models.Q(enterprise=None) & ~models.Q(state__in=["approved", "refused", "withdrawn"]),
            ),
            models.CheckConstraint(
                condition=models.Q(state="second") ^ models.Q(first_approver=None) | models.Q(state="approved"),
                name="accounts_application_second_knows_first",
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.pk)


class Verdict(models.TextChoices):
    """What staff said of one version."""

    APPROVED = "approved", _("通过")
    RETURNED = "returned", _("退回补正")
    REFUSED = "refused", _("不予通过")


class Submission(models.Model):
    """One version as it was handed in; only the verdict is written later, once."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="submissions")
    number = models.PositiveSmallIntegerField(_("第几次提交"))
    content = models.BinaryField()
    #: The papers that belonged to this version.
    papers = ArrayField(models.BigIntegerField(), default=list)
    #: The credit code and customs code it says are the enterprise's: staff find it by them, the content being packed.
    numbers = ArrayField(models.CharField(max_length=30), default=list)
    submitted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(_("提交时间"), db_default=Now())
    verdict = models.CharField(_("审核结果"), max_length=10, choices=Verdict.choices, blank=True)
    reason = models.TextField(_("审核意见"), blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(_("审核时间"), null=True, blank=True)

    class Meta:
        verbose_name = _("提交")
        verbose_name_plural = _("提交")
        ordering = ["application", "number"]
        constraints = [models.UniqueConstraint(fields=["application", "number"], name="accounts_submission_once")]
        indexes = [GinIndex(fields=["numbers"], name="accounts_submission_by_number")]

    def __str__(self) -> str:
        return f"{self.application} · {self.number}"


class Remark(models.Model):
    """What staff ask to be corrected at one field of one version; the applicant sees it there."""

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="remarks")
    #: The name of a field of the form, or of a paper it asks for.
    field = models.CharField(max_length=40)
    text = models.CharField(_("意见"), max_length=500)

    class Meta:
        verbose_name = _("补正意见")
        verbose_name_plural = _("补正意见")
        ordering = ["submission", "id"]
        constraints = [models.UniqueConstraint(fields=["submission", "field"], name="accounts_remark_once_a_field")]

    def __str__(self) -> str:
        return self.text


class Paper(models.Model):
    """A file handed in with an application. A replaced one stays, for the versions that had it."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="papers")
    #: What it is, by the word the kind of application asks for it with.
    slot = models.CharField(max_length=40)
    name = models.CharField(_("文件名"), max_length=150)
    media_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    #: The bytes as they are served, packed (``portal.personal``).
    content = models.BinaryField()
    uploaded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(_("上传时间"), db_default=Now())
    #: No longer part of what will be handed in next.
    replaced = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("材料")
        verbose_name_plural = _("材料")
        ordering = ["application", "slot", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "slot"], name="accounts_paper_one_in_a_slot", condition=models.Q(replaced=False)
            )
        ]

    def __str__(self) -> str:
        return self.name
