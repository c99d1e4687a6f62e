"""The limit of a guarantee: as an approved application says, or as two of the staff agree; and nobody alone, even by SQL."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import Application, AuditEntry, Enterprise, Evidence, Membership, Notice, User
from accounts.onboarding import applications
from accounts.onboarding.applications import NotPossible
from accounts.onboarding.kinds import GUARANTEE
from accounts.roles import MemberRole
from ledger.audit import audit
from ledger.guarantee import LedgerProblem, align_many, top_up
from ledger.limits import confirm, decline, follow_approval, propose
from ledger.models import Guarantee, LimitChange, LimitState, LimitWay, Transfer
from portal.sentences import speak
from portal.tenancy import acting_as
from tests.cast import people
from tests.ledger.books import NOW, balances, deposit, held, meanwhile, wants
from tests.ledger.test_concurrency import at_once
from tests.wall import refused

Clients = Callable[[str], Client]
D = Decimal


def as_staff(user: User) -> AbstractContextManager[None]:
    return acting_as(enterprise_id=None, user_id=user.pk, role="portal_staff")


def sound() -> bool:
    """The books, looked at as a stranger would."""
    return [verdict for verdict in audit() if verdict.broken] == []


# --- by an approved application -----------------------------------------------------------------------------------------


def applied(cast: Cast, key: str = "merchant", **typed: str) -> Application:
    """A guarantee applied for by an administrator, whole."""
    enterprise, user = cast.enterprises[key], cast.users["merchant_administrator"]
    Membership.objects.get_or_create(
        user=user, enterprise=enterprise, defaults={"roles": [MemberRole.ADMINISTRATOR], "active": True}
    )
    good = {"variety": "deposit", "number": "DB-77", "amount": "500.00", "valid_to": "", "agent_code": ""}
    said = {name: [text] for name, text in (good | typed).items()}
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        one = applications.begin(GUARANTEE, by=user, enterprise=enterprise)
        one.papers.create(
            slot="guarantee_paper", name="scan.pdf", media_type="application/pdf", size=4, sha256="0" * 64,
            content=b"%PDF", uploaded_by=user,
        )  # fmt: skip
        assert applications.submit(one, said, by=user, version=one.version) == {}
    return one


def approved(cast: Cast, one: Application) -> Application:
    for name in ("staff", "reviewer"):
        with as_staff(cast.users[name]):
            applications.approve(one, staff=cast.users[name], version=one.version)
    return one


def test_the_books_hold_what_was_approved(cast: Cast, client_of: Clients) -> None:
    merchant = cast.enterprises["merchant"]
    align_many([wants(1, merchant, "40.00")])
    one = applied(cast)
    with as_staff(cast.users["staff"]):
        assert applications.approve(one, staff=cast.users["staff"], version=one.version) is False
    assert not Guarantee.objects.exists(), "one alone opens nothing"
    with as_staff(cast.users["reviewer"]):
        applications.approve(one, staff=cast.users["reviewer"], version=one.version)
    guarantee = Guarantee.objects.get()
    assert (guarantee.enterprise, guarantee.kind, guarantee.number) == (merchant, "deposit", "DB-77")
    assert balances(guarantee) == (D("460.00"), D("40.00"), D("-500.00"))
    assert (held(), sound()) == ({1: D("40.00")}, True)
    assert Transfer.objects.get(kind="top_up").key == f"top_up {guarantee.pk} application {one.pk}"
    page = unescape(client_of("merchant_finance").get("/guarantee/").content.decode())
    assert f"第 {one.pk} 号担保申请审核通过" in page and "application" not in page
    entry = AuditEntry.objects.get(action="guarantee_top_up")
    assert (entry.user.username, entry.details["amount"]) == ("reviewer", "500.00")


@pytest.mark.parametrize(("amount", "kind"), [("800.00", "top_up"), ("200.00", "reduce"), ("500.00", "")])
def test_a_later_approval_brings_the_limit_to_what_it_says(cast: Cast, amount: str, kind: str) -> None:
    merchant = cast.enterprises["merchant"]
    approved(cast, applied(cast))
    align_many([wants(1, merchant, "40.00")])
    one = approved(cast, applied(cast, variety="letter", number="BH-9", amount=amount, valid_to="2099-01-31"))
    guarantee = Guarantee.objects.get()
    assert (guarantee.kind, guarantee.number) == ("letter", "BH-9")
    assert balances(guarantee) == (D(amount) - 40, D("40.00"), -D(amount))
    moved = Transfer.objects.filter(key__endswith=f"application {one.pk}").values_list("kind", flat=True)
    assert (list(moved), sound()) == ([kind] if kind else [], True)


def test_the_same_approval_is_booked_once(cast: Cast) -> None:
    approved(cast, applied(cast))
    first = Evidence.objects.get(enterprise=cast.enterprises["merchant"], item="guarantee", replaced=False)
    guarantee = Guarantee.objects.get()
    top_up(guarantee=guarantee, amount=D("100.00"), voucher="V1", user=None, at=NOW)
    for _time in range(2):
        follow_approval(Evidence, evidence=first, staff=cast.users["staff"])
    assert balances(guarantee) == (D("600.00"), D("0.00"), D("-600.00"))


def test_what_lists_hold_is_not_taken_away_and_the_old_stays_in_force(cast: Cast) -> None:
    merchant = cast.enterprises["merchant"]
    approved(cast, applied(cast))
    align_many([wants(1, merchant, "450.00")])
    one = applied(cast, number="DB-78", amount="400.00")
    with as_staff(cast.users["staff"]):
        applications.approve(one, staff=cast.users["staff"], version=one.version)
    with as_staff(cast.users["reviewer"]), pytest.raises(NotPossible, match="不能减少 100"):
        with transaction.atomic():
            applications.approve(one, staff=cast.users["reviewer"], version=one.version)
    guarantee = Guarantee.objects.get()
    assert (guarantee.number, balances(guarantee)[2]) == ("DB-77", D("-500.00"))
    assert Evidence.objects.get(enterprise=merchant, item="guarantee", replaced=False).number == "DB-77"
    align_many([wants(1, merchant, "0")])
    with as_staff(cast.users["reviewer"]):
        one.refresh_from_db()
        applications.approve(one, staff=cast.users["reviewer"], version=one.version)
    assert balances(guarantee) == (D("400.00"), D("0.00"), D("-400.00"))


def test_who_is_guaranteed_for_by_another_has_no_limit_of_its_own(cast: Cast) -> None:
    agent = cast.enterprises["warehouse"].customs_code
    approved(cast, applied(cast, key="platform", variety="agent", agent_code=agent, number="", amount=""))
    assert not Guarantee.objects.exists()
    approved(cast, applied(cast))
    approved(cast, applied(cast, variety="agent", agent_code=agent, number="", amount=""))
    guarantee = Guarantee.objects.get()
    assert (guarantee.number, balances(guarantee)) == ("DB-77", (D("0.00"), D("0.00"), D("0.00")))


def test_a_sum_no_account_takes_is_refused_in_words(cast: Cast) -> None:
    one = applied(cast, amount="9999999999.00")
    with as_staff(cast.users["staff"]):
        applications.approve(one, staff=cast.users["staff"], version=one.version)
    with as_staff(cast.users["reviewer"]), pytest.raises(NotPossible, match="1,000,000,000"), transaction.atomic():
        applications.approve(one, staff=cast.users["reviewer"], version=one.version)
    assert not Guarantee.objects.exists()


# --- by two of the staff ------------------------------------------------------------------------------------------------


def proposed(
    cast: Cast, way: str = LimitWay.TOP_UP, amount: str = "50.00", voucher: str = "V1", **more: str
) -> LimitChange:
    staff, platform = cast.users["staff"], cast.enterprises["platform"]
    with as_staff(staff):
        return propose(enterprise=platform, way=way, amount=D(amount), voucher=voucher, by=staff, **more)


def why(problem: pytest.ExceptionInfo[LedgerProblem]) -> str:
    return speak(str(problem.value))


def test_nothing_moves_before_another_confirms_and_each_hears_of_it(cast: Cast) -> None:
    guarantee, reviewer = deposit(cast.enterprises["platform"], "100.00"), cast.users["reviewer"]
    change = proposed(cast)
    assert balances(guarantee)[0] == D("100.00")
    told = Notice.objects.get(user=reviewer)
    assert "增加额度 50.00 元，待另一人确认" in speak(told.text) and told.address.endswith("/ledger/limitchange/")
    assert not Notice.objects.filter(user__username__in=["staff", "auditor"]).exists()
    with as_staff(reviewer):
        confirm(change, by=reviewer, address="203.0.113.7")
    assert balances(guarantee)[0] == D("150.00")
    change.refresh_from_db()
    assert (change.state, change.decided_by, change.decided_at is not None) == ("confirmed", reviewer, True)
    deeds = AuditEntry.objects.filter(subject=f"limit change {change.pk}").order_by("pk")
    assert [(deed.action, deed.user.username, deed.details["voucher"]) for deed in deeds] == [
        ("limit_proposed", "staff", "V1"), ("limit_confirmed", "reviewer", "V1"),
    ]  # fmt: skip
    assert deeds[1].address == "203.0.113.7" and sound()


def test_a_confirmed_change_is_told_to_who_proposed_it_and_to_who_looks_after_the_money(cast: Cast) -> None:
    merchant, reviewer = cast.enterprises["merchant"], cast.users["reviewer"]
    deposit(merchant, "100.00")
    said = {"way": LimitWay.TOP_UP, "amount": D("50.00"), "voucher": "V1"}
    with as_staff(cast.users["staff"]):
        change = propose(enterprise=merchant, by=cast.users["staff"], **said)
    Notice.objects.all().delete()
    with as_staff(reviewer):
        confirm(change, by=reviewer)
    told = {one.user.username: (speak(one.text), one.address) for one in Notice.objects.select_related("user")}
    own = ("担保账户增加额度 50.00 元，凭证 V1，已记账", "/guarantee/")
    assert told == {
        "staff": (f"{merchant.name} 增加额度 50.00 元已确认并记账", "/admin/ledger/limitchange/"),
        "merchant_administrator": own, "merchant_finance": own,
    }  # fmt: skip


def test_who_proposed_it_neither_confirms_nor_declines_it(cast: Cast) -> None:
    guarantee, staff = deposit(cast.enterprises["platform"], "100.00"), cast.users["staff"]
    change = proposed(cast)
    for deed in (lambda: confirm(change, by=staff), lambda: decline(change, by=staff, reason="填错了")):
        with as_staff(staff), pytest.raises(LedgerProblem) as problem:
            deed()
        assert "两个人" in why(problem)
    with pytest.raises(IntegrityError, match="limitchange_by_two"), transaction.atomic():
        LimitChange.objects.update(state="confirmed", decided_by=staff, decided_at=NOW)
    assert (LimitChange.objects.get().state, balances(guarantee)[0]) == ("proposed", D("100.00"))


def test_who_belongs_to_the_enterprise_moves_none_of_its_money(cast: Cast) -> None:
    guarantee, reviewer = deposit(cast.enterprises["platform"], "100.00"), cast.users["reviewer"]
    change = proposed(cast)
    belonging = Membership.objects.create(user=reviewer, enterprise=guarantee.enterprise, roles=[MemberRole.VIEWER])
    said = {"enterprise": guarantee.enterprise, "way": LimitWay.TOP_UP, "amount": D("9.00"), "voucher": "V2"}
    for deed in (
        lambda: confirm(change, by=reviewer),
        lambda: decline(change, by=reviewer, reason="填错了"),
        lambda: propose(by=reviewer, **said),
    ):
        with as_staff(reviewer), pytest.raises(LedgerProblem) as problem:
            deed()
        assert "您是“上海雾凇鲸网络科技有限公司”的成员" in why(problem)
    assert LimitChange.objects.get().state == "proposed"
    Membership.objects.filter(pk=belonging.pk).update(active=False)
    with as_staff(reviewer):
        confirm(change, by=reviewer)
    assert balances(guarantee)[0] == D("150.00")


def test_what_is_declined_moves_nothing_and_its_voucher_is_free_again(cast: Cast) -> None:
    guarantee, reviewer = deposit(cast.enterprises["platform"], "100.00"), cast.users["reviewer"]
    change = proposed(cast)
    with as_staff(reviewer):
        for reason in ("", " x ", "长" * 201):
            with pytest.raises(LedgerProblem) as problem:
                decline(change, by=reviewer, reason=reason)
            assert "2 到 200 个字" in why(problem)
        decline(change, by=reviewer, reason="凭证金额不符")
        with pytest.raises(LedgerProblem) as problem:
            confirm(change, by=reviewer)
        assert "刚刚由他人办理" in why(problem)
    assert (LimitChange.objects.get().reason, balances(guarantee)[0]) == ("凭证金额不符", D("100.00"))
    assert "凭证金额不符" in speak(Notice.objects.get(user=cast.users["staff"]).text)
    again = proposed(cast, amount="60.00")
    with as_staff(reviewer):
        confirm(again, by=reviewer)
    assert balances(guarantee)[0] == D("160.00")


@pytest.mark.parametrize(
    ("way", "amount", "voucher", "words"),
    [
        ("top_up", "50.00", "B-platform", "已经记账"),
        ("top_up", "50.00", "application 1", "留给担保申请"),
        ("top_up", "50.00", " ", "请填写凭证号"),
        ("top_up", "0", "V", "不对"),
        ("top_up", "1.001", "V", "不对"),
        ("top_up", "NaN", "V", "不对"),
        ("reduce", "100.01", "V", "可用余额只有 100.00 元"),
        ("open", "50.00", "V", "已有担保"),
    ],
)
def test_what_cannot_be_booked_is_not_even_proposed(
    cast: Cast, way: str, amount: str, voucher: str, words: str
) -> None:
    deposit(cast.enterprises["platform"], "100.00", number="B-platform")
    named = {"kind": "deposit", "number": "V"} if way == "open" else {}
    with pytest.raises(LedgerProblem) as problem:
        proposed(cast, way, amount, voucher, **named)
    assert words in why(problem)
    assert not LimitChange.objects.exists()


def test_there_is_nothing_to_change_without_a_guarantee_and_one_opening_at_a_time(cast: Cast) -> None:
    for way in (LimitWay.TOP_UP, LimitWay.REDUCE):
        with pytest.raises(LedgerProblem) as problem:
            proposed(cast, way)
        assert "还没有担保" in why(problem)
    proposed(cast, LimitWay.OPEN, kind="deposit", number="V1")
    for voucher in ("V1", "V2"):
        with pytest.raises(LedgerProblem) as problem:
            proposed(cast, LimitWay.OPEN, voucher=voucher, kind="deposit", number=voucher)
        assert "已经提出过" in why(problem)


def test_what_no_longer_fits_stays_proposed_and_says_why(cast: Cast) -> None:
    platform, reviewer = cast.enterprises["platform"], cast.users["reviewer"]
    guarantee = deposit(platform, "100.00")
    out = proposed(cast, LimitWay.REDUCE, "80.00")
    align_many([wants(1, platform, "40.00")])
    with as_staff(reviewer), pytest.raises(LedgerProblem) as problem, transaction.atomic():
        confirm(out, by=reviewer)
    assert "可用余额只有 60.00 元，不能减少 80.00 元" in why(problem)
    assert (LimitChange.objects.get().state, balances(guarantee)) == (
        "proposed",
        (D("60.00"), D("40.00"), D("-100.00")),
    )
    align_many([wants(1, platform, "0")])
    out.refresh_from_db()
    with as_staff(reviewer):
        confirm(out, by=reviewer)
    assert balances(guarantee)[0] == D("20.00")


def test_a_guarantee_opened_by_an_approval_meanwhile_is_not_opened_again(cast: Cast) -> None:
    change = proposed(cast, LimitWay.OPEN, "500.00", "DB-77", kind="deposit", number="DB-77")
    approved(cast, applied(cast, key="platform"))
    reviewer = cast.users["reviewer"]
    with as_staff(reviewer), pytest.raises(LedgerProblem) as problem, transaction.atomic():
        confirm(change, by=reviewer)
    assert "已有担保 DB-77" in why(problem)
    assert balances(Guarantee.objects.get())[2] == D("-500.00")


@pytest.mark.django_db(transaction=True)
def test_of_several_who_confirm_at_once_one_books_it() -> None:
    cast = people()
    guarantee = deposit(cast.enterprises["platform"], "100.00")
    change = proposed(cast)
    others = [User.objects.create(username=f"other{n}", is_staff=True, is_superuser=True) for n in range(4)]

    def job(user: User) -> Callable[[], object]:
        def run() -> None:
            with as_staff(user):
                confirm(LimitChange.objects.get(pk=change.pk), by=user)

        return run

    raised = at_once([job(user) for user in others])
    assert len(raised) == 3 and all("刚刚由他人办理" in speak(str(one)) for one in raised)
    assert balances(guarantee)[0] == D("150.00")


def test_an_approval_undoes_no_change_two_agreed_to_after_it_was_handed_in(cast: Cast, client_of: Clients) -> None:
    merchant, staff, reviewer = cast.enterprises["merchant"], cast.users["staff"], cast.users["reviewer"]
    approved(cast, applied(cast, amount="100.00"))
    guarantee = Guarantee.objects.get()
    one = applied(cast, amount="150.00")
    page = reverse("admin:accounts_application_change", args=[one.pk])
    today = timezone.localdate().isoformat()
    said = unescape(client_of("staff").get(page).content.decode())
    assert f"现行额度 100.00 元（{today} 核验）；通过后额度为 150.00 元，不是在其上增加" in said
    with as_staff(staff):
        change = propose(enterprise=merchant, way=LimitWay.TOP_UP, amount=D("100.00"), voucher="V1", by=staff)
    with as_staff(reviewer):
        confirm(change, by=reviewer)
    assert "现行额度 200.00 元" in unescape(client_of("staff").get(page).content.decode())
    with as_staff(staff):
        applications.approve(one, staff=staff, version=one.version)
    with as_staff(reviewer), pytest.raises(NotPossible, match=r"增加额度.*凭证 V1"), transaction.atomic():
        applications.approve(one, staff=reviewer, version=one.version)
    assert balances(guarantee)[2] == D("-200.00")
    one.refresh_from_db()
    with as_staff(reviewer):
        applications.send_back(
            one, staff=reviewer, version=one.version, remarks={}, reason="额度已变动，请按现在的填写"
        )
    one.papers.update(replaced=True)
    approved(cast, applied(cast, amount="250.00"))  # handed in again, with the change in sight
    assert (balances(guarantee)[2], sound()) == (D("-250.00"), True)


@pytest.mark.django_db(transaction=True)
def test_an_approval_and_a_confirmation_at_once_wait_for_each_other_and_not_for_ever() -> None:
    cast = people()
    merchant, staff, reviewer = cast.enterprises["merchant"], cast.users["staff"], cast.users["reviewer"]
    approved(cast, applied(cast))
    with as_staff(staff):
        change = propose(enterprise=merchant, way=LimitWay.TOP_UP, amount=D("50.00"), voucher="V1", by=staff)
    again = applied(cast, number="DB-78", amount="600.00")
    with as_staff(staff):
        applications.approve(again, staff=staff, version=again.version)

    def second() -> None:
        with as_staff(reviewer), pytest.raises(NotPossible, match="提交之后"), transaction.atomic():
            applications.approve(again, staff=reviewer, version=again.version)

    with meanwhile(second) as begin:
        Enterprise.objects.select_for_update(no_key=True).get(pk=merchant.pk)  # as whoever confirms begins
        begin()
        with as_staff(reviewer):
            confirm(change, by=reviewer)
    guarantee = Guarantee.objects.get()
    assert (guarantee.number, balances(guarantee)[2], sound()) == ("DB-77", D("-550.00"), True)


def test_what_the_preparation_says_of_the_limit_is_what_the_books_hold(cast: Cast) -> None:
    merchant, reviewer = cast.enterprises["merchant"], cast.users["reviewer"]
    approved(cast, applied(cast))
    since = Evidence.objects.get(enterprise=merchant, item="guarantee", replaced=False).since
    with as_staff(cast.users["staff"]):
        change = propose(
            enterprise=merchant, way=LimitWay.TOP_UP, amount=D("50.00"), voucher="V1", by=cast.users["staff"]
        )
    with as_staff(reviewer):
        confirm(change, by=reviewer)
    held = Evidence.objects.get(enterprise=merchant, item="guarantee", replaced=False)
    assert (held.amount, held.number, held.application, held.since) == (D("550.00"), "DB-77", None, since)


def test_the_audit_finds_a_change_that_was_confirmed_and_not_booked(cast: Cast) -> None:
    deposit(cast.enterprises["platform"], "100.00")
    change = proposed(cast)
    assert sound()
    LimitChange.objects.update(state="confirmed", decided_by=cast.users["reviewer"], decided_at=NOW)
    broken = [verdict for verdict in audit() if verdict.broken]
    assert [(one.broken, "two of the staff" in one.law) for one in broken] == [([f"limit change {change.pk}"], True)]


# --- the wall -----------------------------------------------------------------------------------------------------------


def test_no_enterprise_sees_anothers_changes_or_writes_its_own(cast: Cast) -> None:
    deposit(cast.enterprises["platform"], "100.00")
    proposed(cast)
    for username, many in (("platform_filer", 1), ("merchant_filer", 0)):
        actor = cast.actor(username)
        with acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk):
            assert LimitChange.objects.count() == many
            assert refused("UPDATE ledger_limitchange SET state = 'confirmed'")
            assert refused("DELETE FROM ledger_limitchange")


def test_by_sql_too_nobody_proposes_for_another_or_decides_on_their_own(cast: Cast) -> None:
    guarantee = deposit(cast.enterprises["platform"], "100.00")
    change = proposed(cast)
    staff, reviewer = cast.users["staff"], cast.users["reviewer"]
    insert = (
        "INSERT INTO ledger_limitchange (enterprise_id, way, kind, number, amount, voucher, state, proposed_by_id, reason)"
        " VALUES (%s, 'top_up', '', '', 1, %s, %s, %s, '')"
    )
    decide = "UPDATE ledger_limitchange SET state = 'confirmed', decided_at = statement_timestamp(), decided_by_id = %s"
    with as_staff(staff):
        assert refused(insert, guarantee.enterprise_id, "V2", "proposed", reviewer.pk)
        assert refused(insert, guarantee.enterprise_id, "V2", "confirmed", staff.pk)
        assert refused(decide, reviewer.pk), "in another's name"
        with pytest.raises(IntegrityError, match="limitchange_by_two"), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(decide, [staff.pk])
        assert refused("UPDATE ledger_limitchange SET amount = 500")
        assert refused("DELETE FROM ledger_limitchange")
    with as_staff(reviewer):
        confirm(change, by=reviewer)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE ledger_limitchange SET state = 'declined', reason = 'x'")
            assert cursor.rowcount == 0, "what is decided stands"


@pytest.mark.parametrize(
    "key", ["top_up {pk} V1", "top_up {pk} V9", "top_up {pk} application 1", "top_up {pk} application {application}"]
)
def test_staff_book_no_money_that_nobody_confirmed(cast: Cast, key: str) -> None:
    guarantee = deposit(cast.enterprises["platform"], "100.00")
    proposed(cast)
    other = approved(cast, applied(cast))  # of another enterprise
    insert = (
        "INSERT INTO ledger_transfer (enterprise_id, guarantee_id, kind, key, amount, list_no, reason, happened_at, recorded_at)"
        " VALUES (%s, %s, 'top_up', %s, %s, '', '', now(), now())"
    )
    with as_staff(cast.users["staff"]):
        named = key.format(pk=guarantee.pk, application=other.pk)
        assert refused(insert, guarantee.enterprise_id, guarantee.pk, named, D("50.00"))
        with pytest.raises(DatabaseError), transaction.atomic():
            top_up(guarantee=guarantee, amount=D("50.00"), voucher="V1", user=cast.users["staff"], at=NOW)
    assert balances(guarantee)[0] == D("100.00")


def test_an_approval_books_money_at_its_time_and_never_after(cast: Cast) -> None:
    one = approved(cast, applied(cast))
    first = Guarantee.objects.get()
    again = approved(cast, applied(cast, number="DB-78"))  # the same sum: nothing moved by it
    insert = (
        "INSERT INTO ledger_transfer (enterprise_id, guarantee_id, kind, key, amount, list_no, reason, happened_at, recorded_at)"
        " VALUES (%s, %s, 'top_up', %s, 900, '', '', now(), now())"
    )
    row = (first.enterprise_id, first.pk, f"top_up {first.pk} application {again.pk}")
    Application.objects.filter(pk__in=[one.pk, again.pk]).update(state_at=timezone.now() - timedelta(seconds=70))
    with as_staff(cast.users["staff"]):
        assert refused(insert, *row)
    assert balances(first)[2] == D("-500.00")


def test_staff_name_a_guarantee_anew_by_an_approval_only(cast: Cast) -> None:
    deposit(cast.enterprises["platform"], "100.00")
    approved(cast, applied(cast))
    Application.objects.update(state_at=NOW)
    with as_staff(cast.users["staff"]):
        assert refused("UPDATE ledger_guarantee SET number = 'X'")
        assert refused("UPDATE ledger_guarantee SET enterprise_id = enterprise_id")


def test_a_confirmed_change_is_booked_to_the_fen_and_once(cast: Cast) -> None:
    guarantee, reviewer = deposit(cast.enterprises["platform"], "100.00"), cast.users["reviewer"]
    change = proposed(cast)
    with as_staff(reviewer):
        confirm(change, by=reviewer)
        with pytest.raises(DatabaseError), transaction.atomic():
            top_up(guarantee=guarantee, amount=D("50.01"), voucher="V2", user=reviewer, at=NOW)
        top_up(guarantee=guarantee, amount=D("50.00"), voucher="V1", user=reviewer, at=NOW)  # the same again: nothing
    assert balances(guarantee)[0] == D("150.00")


# --- the desk -----------------------------------------------------------------------------------------------------------


def test_the_desk_shows_what_waits_and_what_was_decided(cast: Cast, client_of: Clients) -> None:
    deposit(cast.enterprises["platform"], "100.00")
    first, second = proposed(cast), proposed(cast, voucher="V2", amount="70.00")
    reviewer, address = client_of("reviewer"), reverse("admin:ledger_limitchange_changelist")
    assert "额度变动：2 份等待人工处理" in reviewer.get("/admin/").content.decode()
    page = {"action": "decline", "_selected_action": [first.pk], "chosen": str(first.pk), "sure": "1"}
    assert "errorlist" in reviewer.post(address, {**page, "reason": "x"}).content.decode()
    said = unescape(reviewer.post(address, {**page, "reason": "凭证不符"}, follow=True).content.decode())
    assert "没有记账" in said and "70.00" in said and "凭证不符" not in said
    assert "凭证不符" in unescape(reviewer.get(address + "?decided=declined").content.decode())
    both = {"action": "confirm", "_selected_action": [first.pk, second.pk]}
    assert "请只选一项" in unescape(reviewer.post(address + "?decided=all", both, follow=True).content.decode())
    assert reviewer.get(address + "?decided=nonsense").context["cl"].result_count == 1
    assert reviewer.get(address + "?decided=all").context["cl"].result_count == 2


def test_who_may_only_look_decides_nothing(cast: Cast, client_of: Clients) -> None:
    deposit(cast.enterprises["platform"], "100.00")
    change, address = proposed(cast), reverse("admin:ledger_limitchange_changelist")
    User.objects.filter(username="reviewer").update(is_superuser=False)
    reviewer = User.objects.get(username="reviewer")
    assert client_of("reviewer").get(address).status_code == 403
    reviewer.user_permissions.set([Permission.objects.get(codename="view_limitchange")])
    page = {"action": "confirm", "_selected_action": [change.pk], "chosen": str(change.pk), "sure": "1"}
    assert "确认并记账" not in client_of("reviewer").get(address).content.decode()
    client_of("reviewer").post(address, page)
    assert LimitChange.objects.get().state == LimitState.PROPOSED
    reviewer.user_permissions.add(Permission.objects.get(codename="change_guarantee"))
    client_of("reviewer").post(address, page)
    assert LimitChange.objects.get().state == LimitState.CONFIRMED


def test_the_moment_of_opening_is_that_of_the_approval(cast: Cast) -> None:
    before = datetime.now(UTC)
    approved(cast, applied(cast))
    assert before <= Transfer.objects.get().happened_at <= datetime.now(UTC)
    assert Enterprise.objects.get(guarantee__isnull=False) == cast.enterprises["merchant"]
