"""What was approved of an enterprise beside its numbers: whom it answers by, which customs registered it, its website.

In force from the approval on, until the next one (``accounts/onboarding/profile.py``). What is about a person is sealed.
"""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.applications import Application, Paper
from accounts.models.who import Enterprise
from portal.personal import open_sealed, seal

#: The columns about persons, and how each is masked (``portal.personal.MASKS``).
PERSONAL = {
    "legal_representative": "name",
    "contact_name": "name",
    "contact_phone": "phone",
    "contact_email": "email",
}


class Profile(models.Model):
    """The approved data of one enterprise; of a public site, which nobody applied for, only its park at first."""

    enterprise = models.OneToOneField(
        Enterprise, models.PROTECT, primary_key=True, verbose_name=_("企业"), related_name="profile"
    )
    #: A key of ``accounts.onboarding.offices.OFFICES``, or ELSEWHERE.
    registration_customs = models.CharField(_("注册地海关"), max_length=20, blank=True)
    legal_representative = models.BinaryField(_("法定代表人"), null=True)
    contact_name = models.BinaryField(_("联系人"), null=True)
    contact_phone = models.BinaryField(_("联系电话"), null=True)
    contact_email = models.BinaryField(_("联系邮箱"), null=True)
    website = models.URLField(_("网站"), blank=True)
    park = models.CharField(_("所在园区"), max_length=100, blank=True)
    #: The licence the name and the legal representative were compared with.
    business_licence = models.ForeignKey(
        Paper, models.PROTECT, verbose_name=_("营业执照"), null=True, blank=True, related_name="+"
    )
    #: By whose approval it is so; none of the invented enterprises of the demo was applied for.
    application = models.ForeignKey(
        Application, models.PROTECT, verbose_name=_("申请"), null=True, blank=True, related_name="+"
    )
    since = models.DateTimeField(_("生效时间"), db_default=Now())

    class Meta:
        verbose_name = _("企业资料")
        verbose_name_plural = _("企业资料")

    def __str__(self) -> str:
        return str(self.enterprise_id)

    def told(self, name: str) -> str:
        """What a sealed column says; empty where nothing is known. Raises ``portal.personal.Unreadable``."""
        sealed = getattr(self, name)
        return open_sealed(bytes(sealed), _place(name)) if sealed else ""


def profile_of(enterprise: Enterprise) -> Profile | None:
    """What was approved of it, with its licence but for the bytes; looked up once, however often it is asked for."""
    held = Profile.objects.select_related("business_licence").defer("business_licence__content")
    models.prefetch_related_objects([enterprise], models.Prefetch("profile", held))
    return getattr(enterprise, "profile", None)


def sealed(name: str, text: str) -> bytes | None:
    """The text as that column keeps it."""
    return seal(text, _place(name)) if text else None


def _place(name: str) -> str:
    return f"accounts_profile.{name}"
