"""What an approval changes: the one place where something applied for comes into force.

Called inside the transaction of the approval, by staff. A ValidationError undoes the approval and is told to staff.
"""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from accounts.models import Application, Enterprise, Membership, User
from accounts.onboarding.offices import OFFICES
from accounts.onboarding.profile import keep_profile
from accounts.onboarding.same_numbers import taken
from accounts.roles import MemberRole


def open_account(application: Application, cleaned: Mapping[str, Any], staff: User) -> None:
    """There is an enterprise now, not yet open for filing, and the applicant is its administrator."""
    if problems := taken(cleaned):
        raise ValidationError([text for texts in problems.values() for text in texts])
    office = OFFICES.get(cleaned["registration_customs"])
    enterprise = Enterprise.objects.create(
        name=cleaned["name"],
        credit_code=cleaned["credit_code"],
        customs_code=cleaned["customs_code"],
        customs_district=office.district if office else "",
    )
    Membership.objects.create(user=application.applicant, enterprise=enterprise, roles=[MemberRole.ADMINISTRATOR])
    application.enterprise = enterprise
    application.save(update_fields=["enterprise"])
    keep_profile(application, cleaned)
