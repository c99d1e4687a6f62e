"""Services decide at filing: no active service, no document of the kind; a list only in the mode and district of one."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from accounts.cast import Cast
from accounts.models import Enterprise, Mandate, Service
from accounts.services import services_of, unserved_for
from declarations import filing
from declarations.doors import uploads
from declarations.kinds import kind
from declarations.models import Document, Draft, Source, Upload
from portal.sentences import speak
from tests import make
from tests.pages import filed

pytestmark = pytest.mark.django_db


def end(cast: Cast, whose: str, **which: str) -> None:
    """Its services end, those named or all."""
    Service.objects.filter(enterprise=cast.enterprises[whose], **which).update(ended=timezone.now())


def begin(cast: Cast, whose: str) -> None:
    """They are in force again."""
    Service.objects.filter(enterprise=cast.enterprises[whose]).update(ended=None)


def fresh(cast: Cast, whose: str) -> Enterprise:
    """As the next request finds it."""
    return Enterprise.objects.get(pk=cast.enterprises[whose].pk)


def said_of(cast: Cast, whose: str, slug: str, **cells: str) -> dict[str, str]:
    """What the door says of a document this enterprise brings: rule → text."""
    actor = cast.actor(f"{whose}_filer")
    (found,) = filing.check_documents(actor=actor, kind=kind(slug), entries=[make.entry(slug, 1, **cells)])
    return {one.rule: one.text for one in found}


FILES = [
    ("platform", "order", "电商平台"),
    ("merchant", "order", "电商企业"),
    ("payment", "payment", "支付企业"),
    ("direct_logistics", "waybill", "直购物流企业"),
    ("bonded_logistics", "waybill", "保税物流企业"),
    ("warehouse", "inventory", "保税仓储企业"),
    ("merchant", "inventory", "电商企业"),
]


@pytest.mark.parametrize(("whose", "slug", "label"), FILES)
def test_without_an_active_service_nothing_of_the_kind_is_filed_and_the_sentence_names_it(
    cast: Cast, whose: str, slug: str, label: str
) -> None:
    assert "E16" not in said_of(cast, whose, slug)
    end(cast, whose)
    said = said_of(cast, whose, slug)
    assert said["E16"] == f"没有在用的{label}服务，不能申报。请由企业管理员在“服务开通”中申请，审核通过后即可申报。"
    assert "L17" not in said
    begin(cast, whose)
    assert "E16" not in said_of(cast, whose, slug)


def test_of_two_types_one_with_a_service_is_enough_and_licences_come_first(cast: Cast) -> None:
    courier = cast.enterprises["bonded_logistics"]
    Enterprise.objects.filter(pk=courier.pk).update(types=["bonded_logistics", "platform", "merchant"])
    filers = {"platform", "merchant"}
    courier = fresh(cast, "bonded_logistics")
    why = unserved_for(courier, filers)
    assert speak(why) == "没有在用的电商平台或电商企业服务，不能申报"
    with override("en"):
        assert "平台" not in speak(why)
    Service.objects.create(
        enterprise=courier, enterprise_type="merchant", mode="9610", district="2216", clearance_code="312226DM04"
    )
    courier = fresh(cast, "bonded_logistics")
    assert unserved_for(courier, filers) == "" and ("merchant", "9610", "2216") in services_of(courier)
    assert unserved_for(courier, {"warehouse"}) == ""  # never could
    courier.qualifications.update(replaced=True)
    end(cast, "bonded_logistics")
    assert unserved_for(fresh(cast, "bonded_logistics"), {"bonded_logistics"}) == ""  # its licence is in the way


def test_it_is_asked_once_however_often(cast: Cast, django_assert_num_queries: Callable) -> None:
    one = fresh(cast, "merchant")
    with django_assert_num_queries(1):
        for _ in range(5):
            assert unserved_for(one, {"merchant"}) == "" and services_of(one)


def test_five_thousand_cost_no_more_than_one(cast: Cast, django_assert_max_num_queries: Callable) -> None:
    def check(count: int) -> None:
        entries = [make.entry("inventory", n) for n in range(count)]
        filing.check_documents(actor=cast.actor("warehouse_filer"), kind=kind("inventory"), entries=entries)

    with django_assert_max_num_queries(20) as one:
        check(1)
    with django_assert_max_num_queries(len(one.captured_queries)):
        check(100)


# --- lists: mode and district -------------------------------------------------------------------------------------------


def test_a_list_is_filed_where_and_as_what_one_is_activated(cast: Cast) -> None:
    assert "L17" not in said_of(cast, "warehouse", "inventory")
    end(cast, "warehouse", district="2216")
    said = said_of(cast, "warehouse", "inventory")["L17"]
    assert "1210" in said and "2216" in said and "服务开通" in said
    assert "L17" not in said_of(cast, "warehouse", "inventory", customs_code="2218")
    begin(cast, "warehouse")
    assert "L17" in said_of(cast, "warehouse", "inventory", customs_code="2210")


def test_a_merchant_files_its_own_list_under_its_merchant_service(cast: Cast) -> None:
    end(cast, "warehouse", district="2216")
    assert "L17" not in said_of(cast, "merchant", "inventory")
    end(cast, "merchant", district="2216", mode="1210")
    assert "L17" in said_of(cast, "merchant", "inventory")


def test_a_list_for_a_platform_that_sells_itself_rests_on_the_mandate_of_the_platform(cast: Cast) -> None:
    platform = cast.enterprises["platform"]
    own = {"ebc_code": platform.customs_code, "ebc_name": platform.name, "assure_code": platform.customs_code}
    assert "L16" not in said_of(cast, "warehouse", "inventory", **own)
    Mandate.objects.filter(principal=cast.enterprises["merchant"]).update(state="revoked")
    assert "L16" not in said_of(cast, "warehouse", "inventory", **own)
    # In the place of the merchant it mandates nobody, though it filed the order.
    assert "L16" in said_of(cast, "warehouse", "inventory")


@pytest.mark.parametrize(("whose", "slug"), [("platform", "order"), ("merchant", "order"), ("payment", "payment")])
def test_what_one_files_in_its_own_name_asks_for_no_mandate(cast: Cast, whose: str, slug: str) -> None:
    Mandate.objects.all().update(state="revoked")
    assert not {"L16", "E16", "E01", "E02"} & said_of(cast, whose, slug).keys()


# --- the doors ----------------------------------------------------------------------------------------------------------


def test_the_pages_say_reason_and_way_file_nothing_and_open_again(
    cast: Cast, client_of: Callable[[str], Client]
) -> None:
    client, typed = client_of("payment_filer"), filed.typed("payment", make.entry("payment", 1))
    end(cast, "payment")
    for name, files in (("form", 'value="file"'), ("upload", 'type="file"')):
        body = client.get(reverse(name, args=["payment"])).content.decode()
        assert "没有在用的支付企业服务" in body and f'href="{reverse("services")}">去服务开通' in body
        assert "现在不能申报" in body and files not in body
    answer = client.post(reverse("upload", args=["payment"]))
    assert answer.status_code == 403 and "“服务开通”中申请" in answer.content.decode() and not Upload.objects.exists()
    body = client.post(reverse("form", args=["payment"]), typed | {"do": "file"}).content.decode()
    assert "没有在用的支付企业服务，不能申报" in body and not Document.objects.exists()
    assert client.post(reverse("form", args=["payment"]), typed | {"do": "draft"}).status_code == 302
    for name, args in (("home", []), ("list", ["payment"]), ("uploads", [])):
        body = client.get(reverse(name, args=args)).content.decode()
        assert body.count("没有在用的支付企业服务，不能申报") == 1 and reverse("services") in body, name
        assert reverse("form", args=["payment"]) not in body and reverse("upload", args=["payment"]) not in body
    begin(cast, "payment")
    for name, files in (("form", 'value="file"'), ("upload", 'type="file"')):
        body = client.get(reverse(name, args=["payment"])).content.decode()
        assert files in body and "现在不能申报" not in body
    assert "没有在用的" not in client.get(reverse("home")).content.decode()


def test_a_kept_draft_stays_at_hand_while_nothing_may_be_filed(cast: Cast, client_of: Callable[[str], Client]) -> None:
    client, entry = client_of("payment_filer"), make.entry("payment", 1)
    kept = filing.save_draft(actor=cast.actor("payment_filer"), kind=kind("payment"), entry=entry)
    end(cast, "payment")
    address = reverse("draft", args=["payment", kept.pk])
    body = client.get(address).content.decode()
    assert "没有在用的支付企业服务" in body and reverse("services") in body
    typed = filed.typed("payment", entry)
    assert client.post(address, typed | {"do": "draft"}).status_code == 302
    body = client.post(address, typed | {"do": "file"}).content.decode()
    assert "没有在用的支付企业服务，不能申报" in body and entry.head["pay_transaction_id"] in body
    assert not Document.objects.exists() and Draft.objects.filter(pk=kept.pk).exists()
    opened_before = client.post(reverse("form", args=["payment"]), typed | {"do": "file"}).content.decode()
    assert "没有在用的支付企业服务，不能申报" in opened_before and entry.head["pay_transaction_id"] in opened_before
    begin(cast, "payment")
    assert "没有在用的" not in client.get(address).content.decode()
    assert client.post(address, typed | {"do": "file"}).status_code == 302 and Document.objects.exists()
    other = filing.save_draft(actor=cast.actor("payment_filer"), kind=kind("payment"), entry=entry)
    end(cast, "payment")
    assert client.post(reverse("draft", args=["payment", other.pk]), typed | {"do": "drop"}).status_code == 302
    assert not Draft.objects.exists()


def test_who_may_not_file_at_all_is_not_told_of_services_too(cast: Cast, client_of: Callable[[str], Client]) -> None:
    end(cast, "payment")
    Enterprise.objects.filter(pk=cast.enterprises["payment"].pk).update(state="suspended")
    assert "没有在用的" not in client_of("payment_filer").get("/").content.decode()


def test_a_workbook_checked_before_is_not_filed_after(cast: Cast, client_of: Callable[[str], Client]) -> None:
    upload = filed.uploaded(cast, "payment", [make.entry("payment", 1)])
    client, address = client_of("payment_filer"), reverse("upload_file", args=[upload.pk])
    assert Upload.objects.get(pk=upload.pk).bad_documents == 0
    end(cast, "payment")
    answer = client.post(address, {"choice": "good"})
    assert answer.status_code == 403 and "没有在用的支付企业服务" in answer.content.decode()
    begin(cast, "payment")
    assert client.post(address, {"choice": "good"}).status_code == 302
    end(cast, "payment")  # ended between the decision and the work
    assert uploads.work_next()
    assert not Document.objects.exists()
    assert "没有在用的支付企业服务" in client.get(reverse("upload_check", args=[upload.pk])).content.decode()


def test_what_was_filed_before_goes_its_way(cast: Cast) -> None:
    outcome = filing.file_documents(
        actor=cast.actor("payment_filer"), kind=kind("payment"), entries=[make.entry("payment", 1)], source=Source.FORM
    )
    end(cast, "payment")
    assert len(outcome.filed) == 1 and Document.objects.get().state == "queued"


# --- the first steps ----------------------------------------------------------------------------------------------------


def test_the_desk_of_who_is_not_open_yet_names_the_next_step(cast: Cast, client_of: Callable[[str], Client]) -> None:
    merchant = Enterprise.objects.filter(pk=cast.enterprises["merchant"].pk)
    merchant.update(state="draft", types=[])
    body = client_of("merchant_administrator").get("/").content.decode()
    assert "请先办理企业类型登记" in body and 'href="/applications/types/">去办理' in body
    body = client_of("merchant_viewer").get("/").content.decode()
    assert "请先办理企业类型登记" in body and "去办理" not in body
    merchant.update(types=["merchant"])
    body = client_of("merchant_administrator").get("/").content.decode()
    assert "没有使用中的生产环境证书" in body and 'href="/credentials/">去办理' in body
    merchant.update(state="approved")
    assert "下一步" not in client_of("merchant_administrator").get("/").content.decode()
