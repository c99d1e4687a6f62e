"""Who files for whom: proposed by one, accepted by the other, revoked by either, and nothing filed for another without."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import mandates, mandates_ending
from accounts.access import Actor
from accounts.cast import Cast
from accounts.mandates import MandateProblem, in_force
from accounts.models import AuditEntry, Enterprise, Mandate, MandateState, Membership, Notice, User
from accounts.roles import EnterpriseState, EnterpriseType, MemberRole, Mode
from portal.sentences import speak
from portal.tenancy import acting_as
from tests import make
from tests.cast import prove
from tests.exchange.desk import accepted, bring

pytestmark = pytest.mark.django_db


@pytest.fixture
def bare(cast: Cast) -> Cast:
    """Everybody, nobody with a mandate."""
    Mandate.objects.all().delete()
    return cast


def administrator(cast: Cast, key: str) -> Actor:
    """One who may bind that enterprise."""
    user, _made = User.objects.get_or_create(username=f"{key}_head", defaults={"name": "程外人"})
    membership, _made = Membership.objects.get_or_create(
        user=user, enterprise=cast.enterprises[key], defaults={"roles": [MemberRole.ADMINISTRATOR]}
    )
    return Actor.of(Membership.objects.select_related("user", "enterprise").get(pk=membership.pk))


def behind_the_wall(actor: Actor) -> AbstractContextManager[None]:
    return acting_as(enterprise_id=actor.enterprise.pk, user_id=actor.user.pk)


def proposed(cast: Cast, *, by: str = "merchant", to: str = "warehouse", gives: bool = True, **said: object) -> Mandate:
    """A mandate the one proposes to the other."""
    actor = administrator(cast, by)
    today = timezone.localdate()
    wanted = {"modes": ["1210"], "district": "", "first_day": today, "last_day": today + timedelta(days=30), **said}
    with behind_the_wall(actor):
        (one,) = mandates.propose(
            actor=actor,
            gives=gives,
            code=cast.enterprises[to].customs_code,
            **wanted,  # type: ignore[arg-type]
        )
    return one


def moved(cast: Cast, one: Mandate, move: Callable[..., None], *, by: str, **said: str) -> None:
    """One of the two does something with it, behind their wall."""
    actor = administrator(cast, by)
    with behind_the_wall(actor):
        move(Mandate.objects.get(pk=one.pk), actor=actor, **said)
    one.refresh_from_db()


@pytest.fixture
def trade(bare: Cast) -> Cast:
    """Order, payment and waybill of two trades are accepted; the lists are still to be filed."""
    for slug in ("order", "payment", "waybill"):
        accepted(bare, slug, 1, 2)
    return bare


def problems_of_the_list(cast: Cast, n: int = 1) -> set[str]:
    """What keeps the warehouse from filing the list of a trade for the merchant."""
    outcome = bring(cast, "inventory", [make.inventory(n)])
    return {one.rule for one in outcome.problems.get(0, []) if one.level == "error"}


# --- filing for another -------------------------------------------------------------------------------------------------


def test_nothing_is_filed_for_another_before_both_agree_nor_after_one_revokes(trade: Cast) -> None:
    assert problems_of_the_list(trade) == {"L16"}
    one = proposed(trade)
    assert problems_of_the_list(trade) == {"L16"}
    moved(trade, one, mandates.accept, by="warehouse")
    assert problems_of_the_list(trade) == set()
    moved(trade, one, mandates.revoke, by="merchant", reason="换了仓库")
    outcome = bring(trade, "inventory", [make.inventory(2)])
    (problem,) = [one for one in outcome.problems[0] if one.rule == "L16"]
    assert (problem.field, outcome.refused) == ("ebc_code", [0])
    assert "2216" in problem.text and "1210" in problem.text and "委托" in problem.cure


@pytest.mark.parametrize(
    ("said", "is_filed"),
    [
        ({"district": "2216"}, True),
        ({"district": "2233"}, False),
        ({"first_day": date(2020, 1, 1), "last_day": timezone.localdate()}, True),
        ({"first_day": timezone.localdate() + timedelta(days=1)}, False),
    ],
)
def test_it_counts_for_its_district_and_on_its_days(trade: Cast, said: dict[str, object], is_filed: bool) -> None:
    moved(trade, proposed(trade, **said), mandates.accept, by="warehouse")
    assert problems_of_the_list(trade) == (set() if is_filed else {"L16"})


def test_it_counts_in_its_mode_for_its_principal_and_its_agent_alone(bare: Cast) -> None:
    today = timezone.localdate()
    moved(bare, proposed(bare), mandates.accept, by="warehouse")
    merchant, warehouse = bare.enterprises["merchant"], bare.enterprises["warehouse"]
    found = {(merchant.customs_code, "1210", ""), (merchant.credit_code, "1210", "")}
    for codes in ([merchant.customs_code], [merchant.credit_code], [merchant.credit_code, "312246DM08"]):
        with behind_the_wall(administrator(bare, "warehouse")):
            assert in_force(warehouse, codes, today) == found
        assert in_force(warehouse, codes, today) == found  # as a worker
    assert in_force(warehouse, [bare.enterprises["neighbour"].customs_code], today) == frozenset()
    assert in_force(bare.enterprises["direct_logistics"], [merchant.customs_code], today) == frozenset()
    with behind_the_wall(administrator(bare, "neighbour")):  # asks for another's
        assert in_force(warehouse, [merchant.customs_code], today) == frozenset()
    Enterprise.objects.filter(pk=merchant.pk).update(state=EnterpriseState.SUSPENDED)
    assert in_force(warehouse, [merchant.customs_code], today) == frozenset()


def test_a_merchant_files_its_own_list_without_any(trade: Cast) -> None:
    merchant = trade.enterprises["merchant"]
    own = {"agent_code": merchant.customs_code, "agent_name": merchant.name}
    outcome = bring(trade, "inventory", [make.inventory(1, **own)], by="merchant_filer")
    assert "L16" not in {one.rule for one in outcome.problems.get(0, [])}
    assert 0 in outcome.filed


# --- proposing and answering --------------------------------------------------------------------------------------------


def test_either_side_proposes_and_the_other_answers(bare: Cast) -> None:
    first = proposed(bare)
    second = proposed(bare, by="warehouse", to="neighbour", gives=False)
    for one, principal, agent, answers in (
        (first, "merchant", "warehouse", "warehouse"),
        (second, "neighbour", "warehouse", "neighbour"),
    ):
        assert (one.principal, one.agent) == (bare.enterprises[principal], bare.enterprises[agent])
        proposer = principal if answers == agent else agent
        with pytest.raises(MandateProblem, match="不由本企业办理"):
            moved(bare, one, mandates.accept, by=proposer)
        moved(bare, one, mandates.accept, by=answers)
        assert one.in_force() and one.answered_at
    told = AuditEntry.objects.filter(subject=f"mandate {first.pk}").order_by("id")
    assert [(entry.action, entry.enterprise_id) for entry in told] == [
        ("mandate_proposed", first.principal_id), ("mandate_accepted", first.agent_id),
    ]  # fmt: skip


def test_what_was_declined_or_taken_back_is_at_an_end(bare: Cast) -> None:
    declined, back = proposed(bare), proposed(bare, district="2216")
    moved(bare, declined, mandates.decline, by="warehouse", reason="账册还没有备案")
    moved(bare, back, mandates.revoke, by="merchant")
    assert (declined.state, declined.reason) == (MandateState.DECLINED, "账册还没有备案")
    assert (back.state, back.revoker) == (MandateState.REVOKED, bare.enterprises["merchant"])
    for one in (declined, back):
        for move in (mandates.accept, mandates.decline, mandates.revoke):
            for by in ("merchant", "warehouse"):
                with pytest.raises(MandateProblem, match="最新内容"):
                    moved(bare, one, move, by=by)


def test_the_one_asked_declines_and_takes_nothing_back(bare: Cast) -> None:
    one = proposed(bare)
    with pytest.raises(MandateProblem):
        moved(bare, one, mandates.revoke, by="warehouse")


@pytest.mark.parametrize("by", ["merchant", "warehouse"])
def test_either_revokes_at_once_whatever_became_of_it(bare: Cast, by: str) -> None:
    one = proposed(bare)
    moved(bare, one, mandates.accept, by="warehouse")
    Enterprise.objects.filter(pk=bare.enterprises[by].pk).update(state=EnterpriseState.SUSPENDED)
    moved(bare, one, mandates.revoke, by=by, reason="停止合作")
    assert not one.in_force()
    assert (one.revoker, one.reason) == (bare.enterprises[by], "停止合作")


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"to": "payment"}, "modes", "保税仓储企业申报"),
        ({"modes": ["9610"]}, "modes", "直购物流企业申报"),
        ({"by": "warehouse", "to": "merchant"}, "side", "只有电商平台和电商企业"),
        ({"by": "warehouse", "to": "payment", "gives": False}, "partner", "只有电商平台和电商企业"),
        ({"to": "merchant"}, "partner", "本企业的编码"),
        ({"first_day": date(2026, 1, 2), "last_day": date(2026, 1, 1)}, "last_day", "早于"),
        ({"first_day": date(2020, 1, 1), "last_day": date(2020, 1, 2)}, "last_day", "已过"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(bare: Cast, said: dict, field: str, words: str) -> None:
    with pytest.raises(MandateProblem, match=words) as refused:
        proposed(bare, **said)
    assert refused.value.field == field
    assert not Mandate.objects.exists()


@pytest.mark.parametrize("state", [EnterpriseState.SUSPENDED, EnterpriseState.DRAFT])
def test_a_partner_that_is_not_open_is_as_one_that_is_not_there(bare: Cast, state: str) -> None:
    Enterprise.objects.filter(pk=bare.enterprises["warehouse"].pk).update(state=state)
    with pytest.raises(MandateProblem, match="没有找到") as refused:
        proposed(bare)
    assert refused.value.field == "partner"


def test_a_suspended_enterprise_neither_proposes_nor_accepts(bare: Cast) -> None:
    one = proposed(bare)
    Enterprise.objects.filter(types__overlap=["merchant", "warehouse"]).update(state=EnterpriseState.SUSPENDED)
    for move in (lambda: proposed(bare, district="2216"), lambda: moved(bare, one, mandates.accept, by="warehouse")):
        with pytest.raises(MandateProblem, match="企业已暂停"):
            move()
    moved(bare, one, mandates.decline, by="warehouse")


def test_no_two_of_the_same_are_in_force_at_once(bare: Cast) -> None:
    today = timezone.localdate()
    one = proposed(bare, last_day=today + timedelta(days=9))
    with pytest.raises(MandateProblem, match="等待答复"):
        proposed(bare, by="warehouse", to="merchant", gives=False)
    moved(bare, one, mandates.accept, by="warehouse")
    with pytest.raises(MandateProblem, match=f"已有委托 {one.pk}") as refused:
        proposed(bare, first_day=today + timedelta(days=9))
    assert refused.value.field == "first_day"
    after = proposed(bare, first_day=today + timedelta(days=10))
    moved(bare, after, mandates.accept, by="warehouse")
    elsewhere = proposed(bare, district="2216")
    moved(bare, elsewhere, mandates.accept, by="warehouse")
    moved(bare, one, mandates.revoke, by="warehouse")
    moved(bare, proposed(bare, last_day=today + timedelta(days=9)), mandates.accept, by="warehouse")


def test_of_two_that_overlap_the_database_lets_one_be_accepted(bare: Cast) -> None:
    """Proposed while neither was in force: by one now and, later, by who knew nothing of it."""
    one = proposed(bare)
    day = timezone.localdate()
    other = Mandate.objects.create(
        principal=one.principal, agent=one.agent, proposer=one.principal, mode="1210", district="", first_day=day,
        last_day=day, state=MandateState.DECLINED,
    )  # fmt: skip
    moved(bare, one, mandates.accept, by="warehouse")
    Mandate.objects.filter(pk=other.pk).update(state=MandateState.PROPOSED)
    with pytest.raises(MandateProblem, match="在这些日子里有效"):
        moved(bare, other, mandates.accept, by="warehouse")
    with pytest.raises(IntegrityError), transaction.atomic():
        Mandate.objects.filter(pk=other.pk).update(state=MandateState.ACCEPTED)


def test_what_was_not_answered_in_time_cannot_be_accepted(bare: Cast) -> None:
    one = proposed(bare)
    yesterday = timezone.localdate() - timedelta(days=1)
    Mandate.objects.filter(pk=one.pk).update(first_day=yesterday, last_day=yesterday)
    with pytest.raises(MandateProblem, match="结束日期已过"):
        moved(bare, one, mandates.accept, by="warehouse")
    assert not mandates.to_answer(bare.enterprises["warehouse"]).exists()


def test_a_partner_is_asked_so_often_a_day_and_no_more(bare: Cast) -> None:
    for _time in range(mandates.MOST_A_DAY):
        moved(bare, proposed(bare), mandates.revoke, by="merchant")
    told = Notice.objects.count()
    with pytest.raises(MandateProblem, match="明天再提出") as refused:
        proposed(bare)
    assert refused.value.field == "partner" and told and Notice.objects.count() == told
    back = proposed(bare, by="warehouse", to="merchant", gives=False)  # the other one has its own ten
    moved(bare, back, mandates.decline, by="merchant")
    Mandate.objects.update(proposed_at=timezone.now() - timedelta(days=1, minutes=1))
    assert proposed(bare).state == MandateState.PROPOSED


def test_two_modes_are_two_mandates_and_one_that_cannot_be_keeps_both_back(bare: Cast) -> None:
    actor, today = administrator(bare, "merchant"), timezone.localdate()
    direct = bare.enterprises["direct_logistics"]
    said = {"gives": True, "district": "", "first_day": today, "last_day": today}
    with behind_the_wall(actor):
        with pytest.raises(MandateProblem, match="保税仓储企业申报"):
            mandates.propose(actor=actor, code=direct.customs_code, modes=["9610", "1210"], **said)  # type: ignore[arg-type]
        assert not Mandate.objects.exists()
    Enterprise.objects.filter(pk=direct.pk).update(types=[EnterpriseType.DIRECT_LOGISTICS, EnterpriseType.WAREHOUSE])
    with behind_the_wall(actor):
        made = mandates.propose(actor=actor, code=direct.credit_code, modes=["9610", "1210"], **said)  # type: ignore[arg-type]
    assert [one.mode for one in made] == [Mode.DIRECT, Mode.BONDED]


# --- the wall -----------------------------------------------------------------------------------------------------------


def rows(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.rowcount


def test_both_parties_see_it_and_nobody_else(bare: Cast) -> None:
    one = proposed(bare)
    for key in bare.enterprises:
        with behind_the_wall(administrator(bare, key)):
            assert rows("SELECT FROM accounts_mandate") == (1 if key in ("merchant", "warehouse") else 0), key
            named = mandates.partners()
        other = {"merchant": "warehouse", "warehouse": "merchant"}.get(key)
        assert set(named) == ({bare.enterprises[other].pk} if other else set()), key
    with acting_as(enterprise_id=None, user_id=None):
        assert rows("SELECT FROM accounts_mandate") == 0
        assert rows("SELECT FROM accounts_partners()") == 0
    with acting_as(enterprise_id=None, user_id=bare.users["staff"].pk, role="portal_staff"):
        assert rows("SELECT FROM accounts_mandate") == 1
        with pytest.raises(DatabaseError), transaction.atomic():
            rows(f"UPDATE accounts_mandate SET state = 'accepted' WHERE id = {one.pk}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_mandate SET state = 'accepted', answered_at = now()",
        "UPDATE accounts_mandate SET state = 'declined'",
        "UPDATE accounts_mandate SET last_day = '2099-01-01'",
        "UPDATE accounts_mandate SET principal_id = agent_id",
        "UPDATE accounts_mandate SET state = 'revoked', revoker_id = agent_id",
        "DELETE FROM accounts_mandate",
        "INSERT INTO accounts_mandate (principal_id, agent_id, proposer_id, mode, district, first_day, last_day, state,"
        " reason) SELECT principal_id, agent_id, proposer_id, '9610', '', first_day, last_day, 'accepted', ''"
        " FROM accounts_mandate",
        "INSERT INTO accounts_mandate (principal_id, agent_id, proposer_id, mode, district, first_day, last_day, state,"
        " reason) SELECT principal_id, agent_id, agent_id, '9610', '', first_day, last_day, 'proposed', ''"
        " FROM accounts_mandate",
    ],
)
def test_who_proposed_it_accepts_nothing_even_by_sql(bare: Cast, statement: str) -> None:
    proposed(bare)
    with pytest.raises(DatabaseError), behind_the_wall(administrator(bare, "merchant")):
        rows(statement)


def test_nobody_else_changes_it_and_what_is_at_an_end_stays(bare: Cast) -> None:
    one = proposed(bare)
    with behind_the_wall(administrator(bare, "neighbour")):
        assert rows("UPDATE accounts_mandate SET state = 'accepted'") == 0
    moved(bare, one, mandates.revoke, by="merchant")
    with behind_the_wall(administrator(bare, "warehouse")):
        assert rows("UPDATE accounts_mandate SET state = 'accepted'") == 0


# --- the pages ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def client_as(bare: Cast) -> Callable[[str], Client]:
    def signed_in(key: str) -> Client:
        client = Client()
        client.force_login(administrator(bare, key).user)
        prove(client)
        return client

    return signed_in


def form(**said: object) -> dict[str, object]:
    today = timezone.localdate()
    return {
        "side": "gives", "partner": "312246DM06", "modes": ["1210"], "district": "", "first_day": today.isoformat(),
        "last_day": (today + timedelta(days=90)).isoformat(), **said,
    }  # fmt: skip


def test_it_is_walked_by_pages_alone(bare: Cast, client_as: Callable[[str], Client]) -> None:
    merchant, warehouse = client_as("merchant"), client_as("warehouse")
    assert "提出委托" in merchant.get(reverse("mandates")).content.decode()
    answer = merchant.post(reverse("mandate_new"), form(district="2216"), follow=True)
    one = Mandate.objects.get()
    address = reverse("mandate", args=[one.pk])
    assert answer.redirect_chain == [(address, 302)]
    body = answer.content.decode()
    assert "待对方答复" in body and "撤回" in body and "接受委托</button>" not in body
    listed = warehouse.get(reverse("mandates")).content.decode()
    assert "待我方答复" in listed and bare.enterprises["merchant"].name in listed and address in listed
    body = warehouse.post(address, {"do": "accept"}, follow=True).content.decode()
    assert "已接受委托" in body and "现在可以替" in body and "有效" in body
    body = merchant.post(address, {"do": "revoke", "reason": "换了仓库"}, follow=True).content.decode()
    assert "即刻起不能再凭它申报" in body
    body = warehouse.get(address).content.decode()
    assert "换了仓库" in body and "已撤销" in body and 'name="do"' not in body
    assert [one.action for one in AuditEntry.objects.filter(subject=f"mandate {one.pk}").order_by("id")] == [
        "mandate_proposed", "mandate_accepted", "mandate_revoked",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"partner": ""}, "请填写对方的编码"),
        ({"partner": "3122460000"}, "没有找到"),
        ({"partner": "<b>x</b>"}, "没有找到"),
        ({"modes": []}, "请至少选一种业务模式"),
        ({"modes": ["1239"]}, "1239"),
        ({"district": "22a6"}, "请填 4 位数字"),
        ({"first_day": ""}, "请填写开始日期"),
        ({"last_day": "明天"}, "日期"),
        ({"last_day": "2020-01-01", "first_day": "2020-01-01"}, "已过"),
        ({"side": "takes"}, "side"),
    ],
)
def test_the_form_says_what_is_wrong_where_it_is_and_keeps_the_rest(
    client_as: Callable[[str], Client], said: dict[str, object], words: str
) -> None:
    page = client_as("merchant").post(reverse("mandate_new"), form(**said))
    body = page.content.decode()
    assert page.status_code == 200 and words in body and 'class="errsum"' in body
    assert "<b>x" not in body
    assert not Mandate.objects.exists()


def test_only_an_administrator_proposes_answers_and_revokes(cast: Cast, client_of: Callable[[str], Client]) -> None:
    one = Mandate.objects.get(principal=cast.enterprises["merchant"], mode="1210")
    address = reverse("mandate", args=[one.pk])
    for username in ("merchant_filer", "merchant_viewer", "warehouse_filer"):
        client = client_of(username)
        assert client.get(address).status_code == 200
        assert 'name="do"' not in client.get(address).content.decode()
        assert client.post(address, {"do": "revoke"}).status_code == 403
        assert client.get(reverse("mandate_new")).status_code == 403
    one.refresh_from_db()
    assert one.in_force()
    assert client_of("neighbour_filer").get(address).status_code == 404
    assert client_of("payment_filer").get(reverse("mandates")).status_code == 403
    for said, words in (
        ({"do": "nonsense"}, "没有选择要办什么"),
        ({"do": "accept"}, "最新内容"),
        ({"do": "revoke", "reason": "长" * 201}, "原因最多 200 个字"),
        ({"do": "revoke", "reason": "a\x00b"}, "空字符"),
    ):
        body = client_of("merchant_administrator").post(address, said, follow=True).content.decode()
        assert words in body, words
    one.refresh_from_db()
    assert one.in_force()


def test_it_tells_what_ends_soon_and_what_has_ended(bare: Cast, client_as: Callable[[str], Client]) -> None:
    one, today = proposed(bare), timezone.localdate()
    moved(bare, one, mandates.accept, by="warehouse")
    client = client_as("merchant")
    for first, last, words in (
        (0, 0, "有效，还剩 1 天"), (0, 400, "现在可以替"), (3, 400, "尚未开始"), (-9, -1, "已到期"),
    ):  # fmt: skip
        days = {"first_day": today + timedelta(days=first), "last_day": today + timedelta(days=last)}
        Mandate.objects.filter(pk=one.pk).update(**days)
        body = client.get(reverse("mandate", args=[one.pk])).content.decode()
        assert words in body, words
        assert ("撤销委托</button>" in body) == (last >= 0)


def test_a_long_list_goes_page_by_page(bare: Cast, client_as: Callable[[str], Client]) -> None:
    day = timezone.localdate()
    Mandate.objects.bulk_create(
        Mandate(
            principal=bare.enterprises["merchant"], agent=bare.enterprises["warehouse"], mode="1210", district="",
            first_day=day, last_day=day, state=MandateState.DECLINED, proposer=bare.enterprises["merchant"],
        )
        for _ in range(60)
    )  # fmt: skip
    client = client_as("merchant")
    first = client.get(reverse("mandates") + "?tab=given").content.decode()
    assert "下一页" in first and first.count('class="key"') == 50
    before = Mandate.objects.order_by("-id")[49].pk
    second = client.get(reverse("mandates") + f"?tab=given&before={before}").content.decode()
    assert "上一页" in second and second.count('class="key"') == 10
    assert client.get(reverse("mandates") + "?tab=nonsense&before=x").status_code == 200


# --- before it ends ----------------------------------------------------------------------------------------------------


def reminded(cast: Cast, key: str) -> list[str]:
    """What the administrator of that enterprise was told of an end."""
    told = Notice.objects.filter(user=administrator(cast, key).user, text__contains="天到期").order_by("id")
    return [speak(one.text) for one in told]


def test_both_are_reminded_30_and_7_days_before_it_ends_each_once(bare: Cast) -> None:
    today = timezone.localdate()
    one = proposed(bare, last_day=today + timedelta(days=40))
    administrator(bare, "warehouse")
    assert mandates_ending.remind(today + timedelta(days=15)) == 0, "nobody has accepted it"
    moved(bare, one, mandates.accept, by="warehouse")
    days = [mandates_ending.remind(today + timedelta(days=gone)) for gone in (9, 10, 11, 32, 33, 34, 40, 41)]
    assert days == [0, 1, 0, 0, 1, 0, 0, 0]
    for key, partner in (("merchant", "warehouse"), ("warehouse", "merchant")):
        first, second = reminded(bare, key)
        assert bare.enterprises[partner].name in first and "还有 30 天到期" in first and "还有 7 天到期" in second


def test_of_one_that_another_follows_nobody_is_reminded(bare: Cast) -> None:
    today = timezone.localdate()
    end = today + timedelta(days=5)
    first = proposed(bare, district="2216", last_day=end)
    moved(bare, first, mandates.accept, by="warehouse")
    later = proposed(bare, first_day=end + timedelta(days=1), last_day=end + timedelta(days=90))  # every district
    moved(bare, later, mandates.accept, by="warehouse")
    assert mandates_ending.remind(today) == 0
    moved(bare, later, mandates.revoke, by="merchant")
    assert mandates_ending.remind(today) == 1
