"""Who is on their way in the demonstration: they come once, by the same moves as everybody."""

import pytest

from accounts.cast import Cast
from accounts.models import Application, ApplicationState, Membership
from accounts.newcomers import NEWCOMERS, load_newcomers
from accounts.roles import EnterpriseState, MemberRole

pytestmark = pytest.mark.django_db


def test_one_prepares_with_an_item_sent_back_and_one_waits_for_staff(cast: Cast) -> None:
    """What staff and the applicant find."""
    load_newcomers(cast)
    found = dict(Application.objects.values_list("kind", "state").filter(applicant__username="newcomer"))
    assert found == {
        "account": ApplicationState.APPROVED, "types": ApplicationState.APPROVED, "ic_card": ApplicationState.APPROVED,
        "type_filing": ApplicationState.RETURNED,
    }  # fmt: skip
    assert Application.objects.get(applicant__username="visitor").state == ApplicationState.SUBMITTED
    membership = Membership.objects.get(user__username="newcomer")
    assert (membership.roles, membership.enterprise.state) == ([MemberRole.ADMINISTRATOR], EnterpriseState.DRAFT)


def test_a_second_run_changes_nothing(cast: Cast) -> None:
    """The demonstration is started again and again on the same data."""
    load_newcomers(cast)
    before = Application.objects.filter(applicant__username__in=NEWCOMERS).count()
    load_newcomers(cast)
    assert Application.objects.filter(applicant__username__in=NEWCOMERS).count() == before
