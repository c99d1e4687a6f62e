"""The desk of staff over what everybody is told: announcements, written here and shown on desk and sign-in page."""

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.utils.translation import gettext_lazy as _

from accounts.admin import Recorded
from accounts.models import Announcement
from accounts.roles import EnterpriseType
from accounts.staff_forms import WordsField


class AnnouncementForm(forms.ModelForm):
    """An announcement, the types it is for as boxes to tick."""

    types = WordsField(
        label=_("企业类型"),
        choices=EnterpriseType.choices,
        required=False,
        help_text=_("只给这些类型的企业看；都不选则所有用户可见"),
    )

    class Meta:
        model = Announcement
        fields = ("title", "text", "since", "until", "types", "public")
        widgets = {"text": AdminTextareaWidget}


@admin.register(Announcement)
class AnnouncementAdmin(Recorded):
    """Announcements: begun, changed and ended here; one that was shown stays."""

    form = AnnouncementForm
    list_display = ("title", "since", "until", "public")
    list_filter = ("public", "since")
    search_fields = ("title", "text")
