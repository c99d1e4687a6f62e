"""A suspended enterprise applies for nothing: its pages say why and offer nothing to begin; what it began stays at hand."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.cast import Cast
from accounts.models import Application, Enterprise
from accounts.roles import EnterpriseState
from tests.accounts.test_application_pages import Applicant

pytestmark = pytest.mark.django_db

Clients = Callable[[str], Client]
NEW = "/applications/enterprise_change/new/"
#: What begins an application: a button of its own form, or one that leads to the form. Another enterprise may be opened.
BEGINS = re.compile(r'class="btn[^"]*" href="/applications/(?!account/)[a-z_]+/(new/)?"|name="apply"')


def stand(cast: Cast, state: EnterpriseState) -> None:
    Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk).update(state=state)


def shown(client: Client, address: str) -> str:
    answer = client.get(address, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("address", ["/applications/", "/services/", "/preparation/", "/enterprise/profile/"])
def test_pages_say_why_and_offer_nothing_to_begin(cast: Cast, client_of: Clients, address: str) -> None:
    client = client_of("merchant_administrator")
    before = shown(client, address)
    assert BEGINS.search(before) and "企业已暂停" not in before
    stand(cast, EnterpriseState.SUSPENDED)
    body = shown(client, address)
    assert not BEGINS.search(body) and "企业已暂停" in body


def test_nothing_is_begun_and_what_was_begun_is_read(cast: Cast, client_of: Clients) -> None:
    merchant, client = cast.enterprises["merchant"], client_of("merchant_administrator")
    assert Applicant(client).open(NEW).press("save", contact_name="柳新人").status == 200
    one = Application.objects.get(enterprise=merchant)
    stand(cast, EnterpriseState.SUSPENDED)
    for address in ("/applications/types/new/", "/applications/types/"):
        assert "恢复后再申请" in shown(client, address)
    answer = client.post("/services/", {"apply": "merchant-1210"}, follow=True)
    assert answer.redirect_chain == [("/services/", 302)] and "恢复后再申请" in answer.content.decode()
    assert list(Application.objects.filter(enterprise=merchant)) == [one]
    for address in (NEW, f"/applications/{one.pk}/"):
        assert Applicant(client).open(address).value("contact_name") == "柳新人"
    stand(cast, EnterpriseState.APPROVED)
    assert Applicant(client).open("/applications/types/new/").form is not None
    client.post("/services/", {"apply": "merchant-1210"})
    assert Application.objects.filter(enterprise=merchant, kind="service").exists()
