"""An enterprise that may not file now: told on every page, offered nothing that cannot work."""

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.models import Enterprise
from accounts.roles import EnterpriseState
from declarations import filing
from declarations.kinds import kind
from declarations.models import Draft
from tests import make
from tests.pages import filed

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(cast, client_of):
    """A filer whose enterprise was suspended after filing; one order was refused, one workbook lies checked."""
    filed.reject(filed.file(cast, "order", 1))
    filed.uploaded(cast, "order", [make.order(2)])
    Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk).update(state=EnterpriseState.SUSPENDED)
    return client_of("merchant_filer")


def test_it_says_so_on_every_page(client):
    for address in (reverse("home"), reverse("list", args=["order"]), reverse("uploads"), reverse("switch_enterprise")):
        body = client.get(address).content.decode()
        assert "企业已暂停，只能查看" in body and settings.PORTAL_HOTLINE in body, address


def test_it_offers_nothing_that_cannot_work(client):
    for address in (reverse("home"), reverse("list", args=["order"]), reverse("list", args=["order"]) + "?tab=todo"):
        body = client.get(address).content.decode()
        for word in ("去更正", "继续<", reverse("form", args=["order"]), reverse("upload", args=["order"])):
            assert word not in body, (address, word)


def test_a_kept_draft_is_read_and_nothing_is_done_with_it(cast, client):
    entry = make.entry("order", 3)
    kept = filing.save_draft(actor=cast.actor("merchant_filer"), kind=kind("order"), entry=entry)
    address = reverse("draft", args=["order", kept.pk])
    assert address in client.get(reverse("list", args=["order"]) + "?tab=drafts").content.decode()
    body = client.get(address).content.decode()
    assert entry.head["order_no"] in body and "企业已暂停，只能查看" in body and "<fieldset" in body
    assert 'name="do"' not in body.replace('<fieldset class="stack" disabled', "").split("</fieldset>")[-1]
    for wish in ("draft", "check", "drop", "file", "add"):
        answer = client.post(address, filed.typed("order", entry) | {"do": wish})
        assert answer.status_code == 403 and "企业已暂停，只能查看，不能申报" in answer.content.decode(), wish
    assert Draft.objects.filter(pk=kept.pk).exists()
    Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk).update(state=EnterpriseState.APPROVED)
    body = client.get(address).content.decode()
    assert 'value="file"' in body and '<fieldset class="stack">' in body
    assert client.post(address, filed.typed("order", entry) | {"do": "draft"}).status_code == 302


def test_an_empty_list_invites_only_who_may_file(cast, client):
    address = reverse("list", args=["inventory"])
    assert "还没有清单" in client.get(address).content.decode()
    assert "从表格导入最快" not in client.get(address).content.decode()
    Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk).update(state=EnterpriseState.APPROVED)
    assert "从表格导入最快" in client.get(address).content.decode()


def test_the_refusal_has_a_text_of_its_own(client):
    page = client.get(reverse("form", args=["order"]))
    assert page.status_code == 403
    assert "企业已暂停，只能查看，不能申报" in page.content.decode() and "角色" not in page.content.decode()


def test_who_lacks_a_role_or_an_enterprise_is_told_who_gives_it(client_of):
    for who, address in (("stranger", "/"), ("merchant_viewer", reverse("form", args=["order"]))):
        assert settings.PORTAL_HOTLINE in client_of(who).get(address).content.decode()
    refused = client_of("merchant_viewer").get(reverse("form", args=["order"])).content.decode()
    assert "请联系本企业的管理员，由其在“成员与权限”中添加" in refused
