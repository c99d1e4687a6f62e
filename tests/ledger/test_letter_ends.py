"""A bank's letter has a last day: it counts, the day after nothing new is held, and what is held stays."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import unescape
from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import Enterprise, Evidence, Membership, Notice
from accounts.models.preparation import GuaranteeKind
from accounts.onboarding.expiry import remind
from accounts.roles import MemberRole
from ledger.audit import audit
from ledger.guarantee import Wanted, align_many, hold_what_fits, open_guarantee, top_up
from ledger.limits import confirm
from ledger.models import Discrepancy, Guarantee, LimitChange, LimitWay
from portal.calendar import SHANGHAI
from portal.sentences import speak
from tests.ledger.books import NOW, balances, deposit, held, open_discrepancies, wants
from tests.ledger.test_limits import applied, approved

Clients = Callable[[str], Client]
D = Decimal


@pytest.fixture(autouse=True)
def sound(cast: Cast) -> Iterator[None]:
    """The books keep their laws, whatever happens."""
    yield
    assert [verdict for verdict in audit() if verdict.broken] == []


def today() -> date:
    return timezone.localdate()


def letter(enterprise: Enterprise, ends: date | None, amount: str = "1000.00") -> Guarantee:
    """A bank's letter through that day."""
    return open_guarantee(
        enterprise=enterprise, kind=GuaranteeKind.LETTER, number="BH-1", amount=D(amount), user=None, at=NOW,
        valid_to=ends,
    )  # fmt: skip


def accepted(document_id: int, guarantor: Enterprise, amount: str, *, on: date, hour: int = 12) -> Wanted:
    """A list customs took in on that day."""
    return replace(wants(document_id, guarantor, amount), at=datetime(on.year, on.month, on.day, hour, tzinfo=SHANGHAI))


@pytest.mark.parametrize(("days", "is_held"), [(-1, True), (0, True), (1, False)])
def test_its_last_day_still_counts_and_the_next_does_not(cast: Cast, days: int, is_held: bool) -> None:
    """By the day customs accepted the list, in Shanghai."""
    merchant, last = cast.enterprises["merchant"], today() - timedelta(days=3)
    guarantee = letter(merchant, last)
    align_many([accepted(1, merchant, "40.00", on=last + timedelta(days=days), hour=0 if days else 23)])
    assert held() == ({1: D("40.00")} if is_held else {})
    assert open_discrepancies() == ([] if is_held else [("short", "list 1")])
    assert balances(guarantee)[1] == (D("40.00") if is_held else 0)


@pytest.mark.parametrize("ends", ["deposit", "unknown"])
def test_a_deposit_and_a_letter_of_which_no_last_day_is_known_do_not_end(cast: Cast, ends: str) -> None:
    merchant = cast.enterprises["merchant"]
    deposit(merchant) if ends == "deposit" else letter(merchant, None)
    align_many([accepted(1, merchant, "40.00", on=today())])
    assert held() == {1: D("40.00")}


def test_the_sentence_names_the_last_day_and_what_helps(cast: Cast, client_of: Clients) -> None:
    merchant, last = cast.enterprises["merchant"], today() - timedelta(days=1)
    letter(merchant, last)
    align_many([accepted(1, merchant, "40.00", on=today())])
    row = Discrepancy.objects.get(closed_at=None)
    assert (row.enterprise, row.ours, row.theirs) == (merchant, D("1000.00"), D("40.00"))
    assert speak(row.note) == (
        f"清单 22162025I000000001 应预扣 40.00 元，担保企业的银行保函有效期至 {last}，已到期，不再新增预扣；新的保函核验后自动补扣"
    )
    page = unescape(client_of("merchant_finance").get(reverse("guarantee")).content.decode())
    assert f"银行保函已于 {last} 到期，不再新增预扣" in page and "保函已到期的换新保函" in page


def test_what_is_held_stays_and_is_given_back_as_ever(cast: Cast) -> None:
    merchant, last = cast.enterprises["merchant"], today() - timedelta(days=1)
    guarantee = letter(merchant, last)
    mine = accepted(1, merchant, "40.00", on=last)
    align_many([mine])
    align_many([mine, replace(mine, amount=D("50.00"))])  # customs' bill of a list accepted in time
    assert held() == {1: D("50.00")}
    align_many([replace(mine, amount=D("30.00"))])
    assert held() == {1: D("30.00")}
    align_many([replace(mine, amount=D("0.00"))])
    assert (held(), balances(guarantee)) == ({}, (D("1000.00"), D("0.00"), D("-1000.00")))


def test_money_given_back_after_the_end_goes_to_nobody_who_was_short(cast: Cast) -> None:
    """B5: held then would be a new hold."""
    merchant, last = cast.enterprises["merchant"], today() - timedelta(days=1)
    guarantee = letter(merchant, last, "50.00")
    first, second = accepted(1, merchant, "40.00", on=last), accepted(2, merchant, "40.00", on=last)
    align_many([first, second])
    align_many([replace(first, amount=D(0))])
    assert (held(), open_discrepancies()) == ({}, [("short", "list 2")])
    top_up(guarantee=guarantee, amount=D("10.00"), voucher="V1", user=None, at=NOW)
    hold_what_fits()  # as each hour
    align_many([second])
    assert held() == {}
    assert "已到期" in speak(Discrepancy.objects.get(closed_at=None).note)


def test_the_same_on_its_last_day_goes_to_the_oldest_short(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    letter(merchant, today(), "50.00")
    first, second = (accepted(n, merchant, "40.00", on=today()) for n in (1, 2))
    align_many([first, second])
    assert open_discrepancies() == [("short", "list 2")]
    align_many([replace(first, amount=D(0))])
    assert (held(), open_discrepancies()) == ({2: D("40.00")}, [])


@pytest.mark.parametrize(("typed", "last"), [
    ({"variety": "letter", "number": "BH-2", "valid_to": "2099-01-31"}, date(2099, 1, 31)),
    ({"variety": "deposit", "number": "BZJ-2", "valid_to": ""}, None),
])  # fmt: skip
@pytest.mark.parametrize("amount", ["1000.00", "1200.00", "900.00"])
def test_an_approved_letter_or_deposit_moves_it_on_and_what_waited_is_held(
    cast: Cast, typed: dict[str, str], last: date | None, amount: str
) -> None:
    merchant = cast.enterprises["merchant"]
    guarantee = letter(merchant, today() - timedelta(days=1))
    align_many([accepted(1, merchant, "40.00", on=today())])
    assert open_discrepancies() == [("short", "list 1")]
    approved(cast, applied(cast, amount=amount, **typed))
    guarantee.refresh_from_db()
    assert (guarantee.number, guarantee.valid_to) == (typed["number"], last)
    assert (held(), open_discrepancies()) == ({1: D("40.00")}, [])
    assert balances(guarantee) == (D(amount) - 40, D("40.00"), -D(amount))


def test_staff_who_open_a_letter_say_when_it_ends(cast: Cast, client_of: Clients) -> None:
    merchant, add = cast.enterprises["merchant"], reverse("admin:ledger_limitchange_add")
    said = {"enterprise": merchant.customs_code, "kind": "letter", "number": "BH-7", "amount": "500.00"}
    desk = client_of("staff")
    assert "请填写保函的最后一天" in desk.post(add, said).content.decode()
    past = (today() - timedelta(days=1)).isoformat()
    assert "到期，请换有效的保函" in desk.post(add, said | {"valid_to": past}).content.decode()
    assert not LimitChange.objects.exists()
    assert desk.post(add, said | {"valid_to": today().isoformat()}).status_code == 302
    confirm(LimitChange.objects.get(), by=cast.users["reviewer"])
    assert Guarantee.objects.get().valid_to == today()
    platform = cast.enterprises["platform"]
    plain = {"enterprise": platform.customs_code, "kind": "deposit", "number": "B-1", "amount": "5", "valid_to": past}
    assert desk.post(add, plain).status_code == 302
    assert LimitChange.objects.get(enterprise=platform).valid_to is None


def test_postgresql_gives_no_deposit_an_end(cast: Cast) -> None:
    guarantee = deposit(cast.enterprises["merchant"])
    with pytest.raises(IntegrityError), transaction.atomic():
        Guarantee.objects.filter(pk=guarantee.pk).update(valid_to=today())
    with pytest.raises(IntegrityError), transaction.atomic():
        LimitChange.objects.create(
            enterprise=cast.enterprises["platform"], way=LimitWay.OPEN, kind="deposit", number="B-2", amount=D(5),
            voucher="B-2", valid_to=today(), proposed_by=cast.users["staff"],
        )  # fmt: skip


def test_the_books_learn_what_the_preparation_knew(cast: Cast) -> None:
    """Letters verified before the books had a column for it."""
    known = import_module("ledger.migrations.0006_letter_ends").KNOWN
    last, merchant = date(2099, 1, 31), cast.enterprises["merchant"]
    guarantee, other = letter(merchant, None), deposit(cast.enterprises["platform"], number="BZJ-9")
    Evidence.objects.filter(item="guarantee").update(variety="letter", valid_to=last)
    with connection.cursor() as cursor:
        cursor.execute(known)
    guarantee.refresh_from_db()
    other.refresh_from_db()
    assert (guarantee.valid_to, other.valid_to) == (last, None)


@pytest.mark.parametrize(
    ("days", "words"), [(31, ""), (30, "此后不再新增预扣"), (0, "此后不再新增预扣"), (-1, "不再新增预扣")]
)
def test_the_page_shows_the_last_day(cast: Cast, client_of: Clients, days: int, words: str) -> None:
    last = today() + timedelta(days=days)
    letter(cast.enterprises["merchant"], last)
    page = unescape(client_of("merchant_finance").get(reverse("guarantee")).content.decode())
    assert f"有效期至 {last}" in page
    assert ("不再新增预扣" in page) is bool(words) and words in page
    Guarantee.objects.all().update(valid_to=None)
    assert "有效期至" not in client_of("merchant_finance").get(reverse("guarantee")).content.decode()


def test_finance_and_administrators_are_told_thirty_and_seven_days_before_and_on_the_day(cast: Cast) -> None:
    merchant, last = cast.enterprises["merchant"], today()
    Evidence.objects.filter(enterprise=merchant, item="guarantee").update(
        variety="letter", number="BH-1", valid_to=last
    )
    both = cast.users["merchant_administrator"]
    Membership.objects.filter(user=both, enterprise=merchant).update(
        roles=[MemberRole.ADMINISTRATOR, MemberRole.FINANCE]
    )
    for left in range(31, -2, -1):
        remind(last - timedelta(days=left))
    for name in ("merchant_finance", "merchant_administrator"):
        told = [speak(one.text) for one in Notice.objects.filter(user=cast.users[name]).order_by("pk")]
        assert [one.partition("。")[0] for one in told] == [
            "银行保函还有 31 天到期", "银行保函还有 30 天到期", "银行保函还有 7 天到期", "银行保函今天到期"
        ], name  # fmt: skip
    assert not Notice.objects.filter(user=cast.users["merchant_filer"]).exists()
