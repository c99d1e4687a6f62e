"""A licence ends: reminders before, and from the day after its last day nothing is filed that stands on it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.cast import Cast
from accounts.licences import closed_for, closed_types
from accounts.models import AuditEntry, Enterprise, Licence, Membership, Notice, Qualification
from accounts.notices import mail_due
from accounts.onboarding.expiry import remind
from accounts.roles import MemberRole
from accounts.tasks import remind_of_expiry
from declarations import filing
from declarations.doors import excel, uploads
from declarations.kinds import kind
from declarations.models import Document, Source, Upload
from portal.sentences import speak
from tests import make
from tests.pages import filed

pytestmark = pytest.mark.django_db
YESTERDAY = timezone.localdate() - timedelta(days=1)


def ends(cast: Cast, whose: str, day: date | None, **values: object) -> Qualification:
    """Its licence ends on that day."""
    one = Qualification.objects.get(enterprise=cast.enterprises[whose])
    Qualification.objects.filter(pk=one.pk).update(valid_to=day, **values)
    one.refresh_from_db()
    return one


def fresh(cast: Cast, whose: str) -> Enterprise:
    """As the next request finds it."""
    return Enterprise.objects.get(pk=cast.enterprises[whose].pk)


# --- the day ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["payment", "direct_logistics", "bonded_logistics"])
def test_it_is_valid_through_its_last_day(cast: Cast, whose: str) -> None:
    ends(cast, whose, date(2026, 6, 30))
    one = fresh(cast, whose)
    assert closed_types(one, date(2026, 6, 30)) == {}
    why = speak(closed_types(one, date(2026, 7, 1))[whose])
    assert "有效期至 2026-06-30，已到期" in why and "XK-" in why
    assert why == speak(closed_for(one, {whose}, date(2026, 7, 1)))
    assert closed_for(one, {"merchant"}, date(2026, 7, 1)) == ""


@pytest.mark.parametrize("whose", ["platform", "merchant", "warehouse", "venue"])
def test_the_other_types_need_none(cast: Cast, whose: str, django_assert_num_queries) -> None:
    one = fresh(cast, whose)
    with django_assert_num_queries(0):
        assert closed_types(one) == {}


def test_it_is_asked_once_however_often(cast: Cast, django_assert_num_queries) -> None:
    one = fresh(cast, "payment")
    with django_assert_num_queries(1):
        for _ in range(5):
            assert closed_for(one, {"payment"}) == ""


def test_none_and_one_not_yet_valid_close_too(cast: Cast) -> None:
    ends(cast, "payment", None, valid_from=date(2026, 8, 1))
    assert "自 2026-08-01 起有效" in speak(closed_types(fresh(cast, "payment"), date(2026, 7, 31))["payment"])
    assert closed_types(fresh(cast, "payment"), date(2026, 8, 1)) == {}
    Qualification.objects.all().update(replaced=True)
    why = speak(closed_types(fresh(cast, "payment"))["payment"])
    assert "尚未登记《金融许可证》或《支付业务许可证》" in why


def test_one_of_two_licences_and_one_of_two_types_is_enough(cast: Cast) -> None:
    ends(cast, "payment", YESTERDAY)
    one = fresh(cast, "payment")
    assert closed_types(one)
    Qualification.objects.create(enterprise=one, licence=Licence.FINANCE, number="B1")
    assert closed_types(fresh(cast, "payment")) == {}
    courier = ends(cast, "bonded_logistics", YESTERDAY).enterprise
    Enterprise.objects.filter(pk=courier.pk).update(types=["bonded_logistics", "direct_logistics"])
    Qualification.objects.create(enterprise=courier, licence=Licence.INTERNATIONAL_EXPRESS, number="G1")
    courier = fresh(cast, "bonded_logistics")
    assert closed_for(courier, {"bonded_logistics", "direct_logistics"}) == ""
    assert closed_for(courier, {"bonded_logistics"}) != ""


def test_the_day_is_that_of_shanghai(cast: Cast) -> None:
    last_second = datetime(2026, 6, 30, 15, 59, 59, tzinfo=UTC)  # 23:59:59 in Shanghai
    ends(cast, "payment", date(2026, 6, 30))
    entry = [make.entry("payment", 1)]
    for moment, closed in ((last_second, False), (last_second + timedelta(seconds=1), True)):
        found = filing._check(cast.actor("payment_filer"), kind("payment"), entry, moment).problems[0]
        assert ("E15" in {one.rule for one in found}) == closed, moment


# --- the doors ----------------------------------------------------------------------------------------------------------


def test_the_door_refuses_with_licence_day_and_cure(cast: Cast) -> None:
    actor = cast.actor("payment_filer")
    ends(cast, "payment", timezone.localdate())
    outcome = filing.file_documents(
        actor=actor, kind=kind("payment"), entries=[make.entry("payment", 1)], source=Source.FORM
    )
    assert len(outcome.waiting) + len(outcome.filed) == 1
    ends(cast, "payment", YESTERDAY)
    outcome = filing.file_documents(
        actor=cast.actor("payment_filer"), kind=kind("payment"), entries=[make.entry("payment", 2)], source=Source.FORM
    )
    (said,) = [one.text for one in outcome.problems[0] if one.rule == "E15"]
    assert outcome.refused == [0] and Document.objects.count() == 1
    assert f"有效期至 {YESTERDAY}" in said and "支付业务许可证" in said and "企业类型登记" in said


def test_of_two_types_the_one_whose_licence_ended_files_no_more(cast: Cast) -> None:
    courier = cast.enterprises["bonded_logistics"]
    Enterprise.objects.filter(pk=courier.pk).update(types=["bonded_logistics", "direct_logistics"])
    Qualification.objects.create(enterprise=courier, licence=Licence.INTERNATIONAL_EXPRESS, number="G1")

    def refused() -> set[str]:
        entry = [make.entry("waybill", 1)]
        actor = cast.actor("bonded_logistics_filer")
        (found,) = filing.check_documents(actor=actor, kind=kind("waybill"), entries=entry)
        return {one.rule for one in found}

    assert "W03" not in refused()
    ends_of(courier, Licence.EXPRESS)
    assert "W03" in refused() and "E15" not in refused()


def ends_of(enterprise: Enterprise, licence: str) -> None:
    """One of several licences ended yesterday."""
    Qualification.objects.filter(enterprise=enterprise, licence=licence).update(valid_to=YESTERDAY)


def test_five_thousand_cost_no_more_than_one(cast: Cast, django_assert_max_num_queries) -> None:
    def check(count: int) -> None:
        entries = [make.entry("payment", n) for n in range(count)]
        filing.check_documents(actor=cast.actor("payment_filer"), kind=kind("payment"), entries=entries)

    with django_assert_max_num_queries(20) as one:
        check(1)
    with django_assert_max_num_queries(len(one.captured_queries)):
        check(200)


@pytest.mark.parametrize(
    ("whose", "slug"), [("payment", "payment"), ("bonded_logistics", "waybill"), ("direct_logistics", "inventory")]
)
def test_the_pages_say_the_reason_file_nothing_and_open_again(
    cast: Cast, client_of: Callable[[str], Client], whose: str, slug: str
) -> None:
    client = client_of(f"{whose}_filer")
    ends(cast, whose, YESTERDAY)
    for name, files in (("form", 'value="file"'), ("upload", 'type="file"')):
        answer = client.get(reverse(name, args=[slug]))
        body = answer.content.decode()
        assert answer.status_code == 200 and body.count(f"有效期至 {YESTERDAY}，已到期") == 1 and "企业类型登记" in body
        assert "现在不能申报" in body and files not in body
    answer = client.post(reverse("upload", args=[slug]))
    assert answer.status_code == 403 and f"有效期至 {YESTERDAY}，已到期" in answer.content.decode()
    for name, args in (("home", []), ("list", [slug]), ("uploads", [])):
        answer = client.get(reverse(name, args=args))
        body = answer.content.decode()
        assert answer.status_code == 200 and f"有效期至 {YESTERDAY}，已到期" in body, name
        assert reverse("form", args=[slug]) not in body and reverse("upload", args=[slug]) not in body, name
    ends(cast, whose, timezone.localdate())
    for name, files in (("form", 'value="file"'), ("upload", 'type="file"')):
        assert files in client.get(reverse(name, args=[slug])).content.decode()
    assert "已到期" not in client.get(reverse("home")).content.decode()


def test_a_workbook_is_refused_row_by_row_with_the_reason(cast: Cast, client_of: Callable[[str], Client]) -> None:
    ends(cast, "payment", YESTERDAY)
    book = excel.workbook_of(kind("payment"), [make.entry("payment", 1), make.entry("payment", 2)])
    one = uploads.receive(actor=cast.actor("payment_filer"), kind=kind("payment"), filename="支付.xlsx", content=book)
    assert uploads.work_next()
    page = client_of("payment_filer").get(reverse("upload_check", args=[one.pk])).content.decode()
    assert f"有效期至 {YESTERDAY}，已到期" in page
    assert Upload.objects.get(pk=one.pk).bad_documents == 2


def test_a_workbook_checked_before_is_not_filed_after(cast: Cast, client_of: Callable[[str], Client]) -> None:
    upload = filed.uploaded(cast, "payment", [make.entry("payment", 1)])
    client = client_of("payment_filer")
    assert Upload.objects.get(pk=upload.pk).bad_documents == 0
    ends(cast, "payment", YESTERDAY)
    answer = client.post(reverse("upload_file", args=[upload.pk]), {"choice": "good"})
    assert answer.status_code == 403 and "已到期" in answer.content.decode()
    ends(cast, "payment", None)
    assert client.post(reverse("upload_file", args=[upload.pk]), {"choice": "good"}).status_code == 302
    ends(cast, "payment", YESTERDAY)  # decided on the last day, taken up the day after
    assert uploads.work_next()
    assert not Document.objects.exists()
    assert "已到期" in client.get(reverse("upload_check", args=[upload.pk])).content.decode()
    assert client.post(reverse("upload_file", args=[upload.pk]), {"do": "discard"}).status_code == 302


# --- reminders ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def administrator(cast: Cast) -> str:
    """The address of the administrator of the payment enterprise."""
    user = cast.users["stranger"]
    Membership.objects.create(
        user=user, enterprise=cast.enterprises["payment"], roles=[MemberRole.ADMINISTRATOR, MemberRole.FILER]
    )
    return user.email


def test_it_reminds_90_30_and_7_days_before_each_once(cast: Cast, administrator: str) -> None:
    end = date(2026, 12, 31)
    one = ends(cast, "payment", end)
    sent = []
    for left in range(100, -3, -1):
        for _ in range(2):
            remind(end - timedelta(days=left))
        sent += [left] * Notice.objects.all().delete()[0]
    assert sent == [90, 30, 7]
    deeds = AuditEntry.objects.filter(action="licence_reminded", subject=f"qualification {one.pk}").order_by("id")
    assert [deed.details["days"] for deed in deeds] == [90, 30, 7]


def test_the_letter_names_licence_day_and_cure_and_goes_to_administrators_only(cast: Cast, administrator: str) -> None:
    ends(cast, "payment", timezone.localdate() + timedelta(days=20))
    remind_of_expiry()
    mail_due()
    (letter,) = mail.outbox
    assert letter.to == [administrator]
    assert (
        "还有 20 天到期" in letter.subject
        and "/applications/types/" in letter.body
        and "支付业务许可证" in letter.body
        and "企业类型登记" in letter.body
    )
    assert Qualification.objects.get(enterprise=cast.enterprises["payment"]).reminded == 30


def test_a_licence_replaced_or_without_an_end_reminds_of_nothing(cast: Cast, administrator: str) -> None:
    ends(cast, "payment", date(2026, 12, 31), replaced=True)
    assert remind(date(2026, 12, 20)) == 0
    ends(cast, "payment", None, replaced=False)
    assert remind(date(2026, 12, 20)) == 0


def test_the_page_says_that_it_ends_soon(cast: Cast, administrator: str, client_of: Callable[[str], Client]) -> None:
    client = client_of("stranger")
    ends(cast, "payment", timezone.localdate() + timedelta(days=91))
    assert "快到期" not in client.get("/preparation/").content.decode()
    ends(cast, "payment", timezone.localdate() + timedelta(days=90))
    assert "快到期" in client.get("/preparation/").content.decode()
    ends(cast, "payment", YESTERDAY)
    assert "已到期" in client.get("/preparation/").content.decode()
