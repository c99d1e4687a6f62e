"""开设公共监管场所: a public supervised site, which the platform company runs with the park; no enterprise applies for one.

One of the staff hands it in, another decides (``Kind.by_staff``); then its operator is invited.
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.access import Bystander
from accounts.actions import Action
from accounts.audit import record
from accounts.codes import check_district, check_name
from accounts.models import Application, ApplicationState, Enterprise, Profile, Service, User
from accounts.onboarding.forms import IdentityForm
from accounts.onboarding.same_numbers import taken
from accounts.roles import EnterpriseState, EnterpriseType, Mode

#: Room for a whole name.
WIDE = {"size": 50}


class PublicSiteForm(IdentityForm):
    """Who runs the site, under which customs, in which park."""

    customs_district = forms.CharField(
        label=gettext_lazy("主管关区"),
        max_length=4,
        validators=[check_district],
        help_text=gettext_lazy("4 位关区代码，如 2233"),
    )
    park = forms.CharField(
        label=gettext_lazy("所在园区"),
        max_length=100,
        validators=[check_name],
        widget=forms.TextInput(attrs=WIDE),
        help_text=gettext_lazy("与平台公司共同开设监管场所的园区"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs |= WIDE


def was_opened_by_staff(enterprise: Enterprise) -> bool:
    """Whether it began as a public site: the opening stands for all that others prepare before they file as a venue."""
    opened = Application.objects.filter(enterprise=enterprise, kind="public_site", state=ApplicationState.APPROVED)
    return opened.exists()


def why_no_site(application: Application, cleaned: Mapping[str, Any]) -> dict[str, list[str]]:
    """Both numbers have to be free; staff are told whose they are."""
    return taken(cleaned)


def open_site(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """There is the site, open at once for what it files, in its district; whoever runs it is invited next."""
    enterprise = Enterprise.objects.create(
        name=cleaned["name"],
        credit_code=cleaned["credit_code"],
        customs_code=cleaned["customs_code"],
        customs_district=cleaned["customs_district"],
        types=[EnterpriseType.VENUE],
        state=EnterpriseState.APPROVED,
    )
    application.enterprise = enterprise
    application.save(update_fields=["enterprise"])
    Service.objects.create(
        enterprise=enterprise, enterprise_type=EnterpriseType.VENUE, mode=Mode.DIRECT,
        district=enterprise.customs_district, clearance_code=enterprise.customs_code, clearance_name=enterprise.name,
        application=application,
    )  # fmt: skip
    Profile.objects.create(enterprise=enterprise, park=cleaned["park"], application=application)
    record(Bystander(user=staff, enterprise=enterprise), Action.ENTERPRISE_OPENED, enterprise.customs_code)
