"""接入准备 names the stages on the way to going live: of who connects a system of its own also the joint test."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from accounts.models import Membership, Service
from accounts.onboarding.interfaces import needed_by, prove
from accounts.roles import MemberRole
from tests.accounts.connecting import TEST, Way

pytestmark = pytest.mark.django_db

SYSTEM = reverse("connection")


def stages(client: Client) -> list[tuple[str, str, str]]:
    """The stages on the page: (word, how far, where it leads)."""
    (way,) = html.fromstring(client.get("/preparation/").content).xpath("//ol[@aria-label='接入阶段']")
    return [
        (
            one.text_content().strip(),
            one.get("class", "") or ("now" if one.get("aria-current") else ""),
            "".join(one.xpath("a/@href")),
        )
        for one in way
    ]


def test_the_joint_test_is_a_stage_of_who_goes_by_a_system(served: Way) -> None:
    by_page = stages(served.client)
    assert [word for word, _how, _place in by_page][3:] == ["服务开通", "上线"], "who files by page tests nothing"
    served.hand_in(served.begin("test_access:"), TEST)
    assert stages(served.client)[4:] == [("联调（已申请调试）", "", SYSTEM), ("上线", "", SYSTEM)]
    served.approve()
    assert stages(served.client)[4] == ("联调中 0/2", "", SYSTEM)
    first, second = needed_by(served.enterprise)
    prove(served.enterprise, first.name, message="TEST-0001", day=timezone.localdate())
    assert stages(served.client)[4] == ("联调中 1/2", "", SYSTEM)
    prove(served.enterprise, second.name, message="TEST-0002", day=timezone.localdate())
    assert stages(served.client)[4] == ("联调 2/2", "done", SYSTEM)
    Service.objects.filter(enterprise=served.enterprise).update(ended=timezone.now())
    assert stages(served.client)[4] == ("联调中 0/0", "", SYSTEM), "nothing says any more what is to be proved"


def test_it_is_the_present_stage_once_all_before_it_is_there(served: Way) -> None:
    served.connect()
    served.make_ready()
    assert [how for _word, how, _place in stages(served.client)] == ["done", "done", "done", "done", "now", ""]
    served.prove_all()
    assert [how for _word, how, _place in stages(served.client)] == ["done", "done", "done", "done", "done", "now"]


def test_who_does_not_see_the_page_of_the_system_is_not_led_there(
    served: Way, client_of: Callable[[str], Client]
) -> None:
    served.connect()
    assert stages(served.client)[4][2] == SYSTEM and SYSTEM in served.client.get("/preparation/").content.decode()
    Membership.objects.filter(user=served.actor.user).update(roles=[MemberRole.VIEWER])
    assert stages(served.client)[4] == ("联调中 0/2", "", "") and stages(served.client)[5][2] == ""
    assert SYSTEM not in served.client.get("/preparation/").content.decode()


def test_an_application_taken_back_is_no_joint_test(served: Way) -> None:
    one = served.begin("test_access:")
    assert len(stages(served.client)) == 6
    served.client.post(f"/applications/{one.pk}/", {"do": "withdraw", "version": one.version})
    assert len(stages(served.client)) == 5
