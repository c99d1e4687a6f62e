"""The preparation: what each type has to see to, the plan of dates, and evidence from its form to being in force."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone
from lxml import html

from accounts.cast import Cast
from accounts.models import Application, Enterprise, Evidence, Membership, Notice
from accounts.onboarding import applications
from accounts.onboarding.admin import remarks_on
from accounts.onboarding.applications import NotPossible
from accounts.onboarding.checklist import ItemState, checklist
from accounts.onboarding.comparing import versions_of
from accounts.onboarding.expiry import remind
from accounts.onboarding.kinds import CARD, kind_named
from accounts.onboarding.offices import OFFICES, counters_of
from accounts.onboarding.preparation import ITEMS, end_of, items_for, plan, ticks_fit, ticks_of
from accounts.onboarding.services import why_not_ready
from accounts.roles import EnterpriseState, EnterpriseType, MemberRole
from portal.calendar import is_working_day, last_of_working_days, working_day_from, working_days_within
from portal.tenancy import acting_as
from tests.cast import prove

# --- domain §3, line by line --------------------------------------------------------------------------------------------

BY_NAME = {item.name: item for item in ITEMS}
#: Item → who decides, where, working days, and whose: P platform, E merchant, D direct, W warehouse, L bonded logistics, Y payment.
TABLE = [
    ("company", "市场监督管理", "市场监督管理", 0, "PEDWLY"),
    ("customs", "注册地海关", "注册地海关", 20, "PEDWLY"),
    ("card", "上海制卡中心", "蔡伦路 1600 号", 8, "PEDWLY"),
    ("types", "注册地海关", "关企合作平台", 10, "PEDWLY"),
    ("certificate", "上海制卡中心", "蔡伦路 1600 号", 5, "PEDWLY"),
    ("dxp", "数据中心上海分中心", "shdatacenter.eport.sh.cn", 5, "PEDWLY"),
    ("guarantee", "现场海关", "中山东一路 13 号", 3, "PEDW"),
]
LETTERS = {
    "P": EnterpriseType.PLATFORM,
    "E": EnterpriseType.MERCHANT,
    "D": EnterpriseType.DIRECT_LOGISTICS,
    "W": EnterpriseType.WAREHOUSE,
    "L": EnterpriseType.BONDED_LOGISTICS,
    "Y": EnterpriseType.PAYMENT,
}


def test_the_items_are_those_of_the_table_in_its_order() -> None:
    assert [item.name for item in ITEMS] == [name for name, *_ in TABLE]
    for name, who, where, days, _roles in TABLE:
        item = BY_NAME[name]
        places = " ".join(f"{one.name} {one.address} {one.site}" for one in item.where)
        assert who in str(item.who) and where in places and item.working_days == days, name


@pytest.mark.parametrize("letter", LETTERS)
def test_every_type_has_the_items_of_its_column(letter: str) -> None:
    wanted = [name for name, _who, _where, _days, roles in TABLE if letter in roles]
    assert [item.name for item in items_for([LETTERS[letter]])] == wanted


def test_the_fees_and_the_evidence_are_those_of_the_table() -> None:
    assert [name for name in ("customs", "types", "certificate", "dxp") if str(BY_NAME[name].fee) != "免费"] == []
    assert "收费" in str(BY_NAME["card"].fee) and "免费" in str(BY_NAME["guarantee"].fee)
    shown = {item.name: str(item.evidence) for item in ITEMS}
    assert "海关十位编码" in shown["customs"] and "业务登记表" in shown["card"] and "证书编号" in shown["certificate"]
    assert "DXP ID" in shown["dxp"] and "额度" in shown["guarantee"] and "营业执照" in shown["company"]


@pytest.mark.parametrize(
    ("types", "ticks"),
    [
        ({"platform"}, {"platform"}),
        ({"merchant"}, {"merchant"}),
        ({"direct_logistics", "venue"}, {"logistics", "venue"}),
        ({"direct_logistics"}, {"logistics"}),
        ({"warehouse"}, {"merchant"}),
        ({"warehouse", "venue"}, {"merchant", "venue"}),
        ({"bonded_logistics"}, {"logistics"}),
        ({"payment"}, {"payment"}),
    ],
)
def test_each_type_ticks_what_customs_calls_it(types: set[str], ticks: set[str]) -> None:
    assert set(ticks_of(types)) == ticks
    assert ticks_fit(ticks, types)
    assert not ticks_fit(ticks | {"platform", "payment"}, types)
    assert not ticks_fit(set(), types)
    # Where customs wants it a warehouse ticks the venue, be it one here or not; nobody else does.
    assert ticks_fit(ticks | {"venue"}, types) == ("warehouse" in types or "venue" in types)


def test_direct_logistics_ticks_two_with_a_depot_of_its_own_and_one_without() -> None:
    assert ticks_of({"direct_logistics", "venue"}, "own") == ["logistics", "venue"]
    assert ticks_of({"direct_logistics"}, "public") == ["logistics"]
    assert not ticks_fit({"logistics"}, {"direct_logistics", "venue"}, "own")
    assert not ticks_fit({"logistics", "venue"}, {"direct_logistics"}, "public")
    # A warehouse may leave out its venue; the depot of direct logistics beside it may not be left out.
    both = {"direct_logistics", "warehouse", "venue"}
    assert ticks_fit({"logistics", "merchant"}, both, "public")
    assert not ticks_fit({"logistics", "merchant"}, both, "own")


def test_the_repeated_licence_check_of_the_guide_is_a_note_and_costs_no_days() -> None:
    dxp = BY_NAME["dxp"]
    assert "不必再验" in str((dxp.said_of or {})[EnterpriseType.DIRECT_LOGISTICS])
    assert dxp.working_days == 5 and "注册地海关" not in str(dxp.who)


# --- working days -------------------------------------------------------------------------------------------------------


def test_it_knows_the_days_off_and_the_days_worked_instead() -> None:
    assert not is_working_day(date(2026, 2, 16))  # Monday, eve of the Spring Festival
    assert is_working_day(date(2026, 2, 14)) and is_working_day(date(2026, 2, 28))  # Saturdays worked instead
    assert not is_working_day(date(2026, 2, 21)) and not is_working_day(date(2026, 2, 23))
    assert not is_working_day(date(2026, 10, 7)) and is_working_day(date(2026, 10, 10))
    assert working_day_from(date(2026, 10, 1)) == date(2026, 10, 8)


def test_it_counts_over_spring_festival_and_the_saturdays_worked_for_it() -> None:
    # Fri 13, Sat 14 (worked), then off until Tue 24.
    assert last_of_working_days(date(2026, 2, 13), 3) == date(2026, 2, 24)
    assert working_days_within(date(2026, 2, 13), date(2026, 2, 28)) == 2 + 5


def test_it_counts_over_national_day() -> None:
    # Tue 29, Wed 30, off 1–7, Thu 8, Fri 9, Sat 10 (worked), Mon 12.
    assert last_of_working_days(date(2026, 9, 29), 6) == date(2026, 10, 12)


# --- the plan -----------------------------------------------------------------------------------------------------------


def test_the_whole_way_with_a_deposit_takes_51_working_days() -> None:
    start = date(2026, 3, 2)
    spans = plan(items_for(["merchant"]), start=start, done={}, today=start)
    assert sum(item.working_days for item in items_for(["merchant"])) == 51
    assert working_days_within(start, end_of(spans)) == 51
    assert [(str(one.item.name), one.first, one.last) for one in spans[1:3]] == [
        ("customs", date(2026, 3, 2), date(2026, 3, 27)),
        ("card", date(2026, 3, 30), date(2026, 4, 9)),  # Tomb-Sweeping Day on Monday 6 April
    ]
    assert working_days_within(start, end_of(plan(items_for(["payment"]), start=start, done={}, today=start))) == 48


def test_the_whole_way_goes_over_the_spring_festival() -> None:
    start = date(2026, 1, 19)
    spans = {one.item.name: one for one in plan(items_for(["merchant"]), start=start, done={}, today=start)}
    # 19 January to 14 February (a Saturday worked) are 20 days of Monday to Friday and one more.
    assert spans["customs"].last == date(2026, 2, 13)
    assert (spans["card"].first, spans["card"].last) == (date(2026, 2, 14), date(2026, 3, 3))


def test_what_is_done_moves_what_follows_and_what_is_late_ends_today_at_the_earliest() -> None:
    start, items = date(2026, 3, 2), items_for(["merchant"])
    done = {"company": start, "customs": date(2026, 3, 10)}
    spans = {one.item.name: one for one in plan(items, start=start, done=done, today=date(2026, 3, 11))}
    assert (spans["customs"].done, spans["customs"].first, spans["customs"].last) == (True, start, date(2026, 3, 10))
    assert (spans["card"].first, spans["card"].last) == (date(2026, 3, 11), date(2026, 3, 20))
    late = {one.item.name: one for one in plan(items, start=start, done=done, today=date(2026, 4, 30))}
    assert (late["card"].first, late["card"].last) == (date(2026, 3, 11), date(2026, 4, 30))
    assert late["types"].first == date(2026, 5, 6)  # after Labour Day


def test_a_letter_of_guarantee_waits_for_nothing_and_takes_a_month() -> None:
    start, items = date(2026, 3, 2), items_for(["merchant"])
    spans = {one.item.name: one for one in plan(items, start=start, done={}, today=start, letter=True)}
    assert (spans["guarantee"].first, spans["guarantee"].last) == (start, date(2026, 4, 1))
    assert working_days_within(start, end_of(list(spans.values()))) == 48


# --- evidence -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def enterprise(cast: Cast) -> Enterprise:
    """A merchant that has just opened its account; its administrator is the one without an enterprise so far."""
    one = Enterprise.objects.create(
        name="上海桐溪岸贸易有限公司", credit_code="913101150000930090", customs_code="312226DM77",
        types=["merchant"], customs_district="2210",
    )  # fmt: skip
    Membership.objects.create(user=cast.users["stranger"], enterprise=one, roles=[MemberRole.ADMINISTRATOR])
    return one


def be(enterprise: Enterprise, **values: object) -> None:
    """It is so from now on."""
    for name, value in values.items():
        setattr(enterprise, name, value)
    enterprise.save(update_fields=list(values))


GOOD: dict[str, dict[str, list[str]]] = {
    "ic_card": {"medium": ["ic_card"], "number": ["8931000417"], "progress": ["done"]},
    "type_filing": {
        "filed_types": ["merchant"], "website": ["https://shop.example.org"], "filed_on": ["2026-06-01"], "visited_on": [""],
    },
    "signing_certificate": {"way": ["device"], "number": ["JM20260417"]},
    "dxp_import": {"dxp_id": ["DXPENT0000910077"]},
    "dxp_export": {"dxp_id": ["DXPENT0000910078"]},
    "guarantee": {
        "variety": ["deposit"], "number": ["DB-77"], "amount": ["500000"], "valid_to": [""], "agent_code": [""],
    },
}  # fmt: skip


def told(
    cast: Cast, enterprise: Enterprise, kind: str, typed: dict[str, list[str]] | None = None
) -> dict[str, list[str]]:
    """What the administrator is told who hands in the evidence of one item, whole; nothing where it is taken."""
    user = cast.users["stranger"]
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        one = applications.begin(kind_named(kind), by=user, enterprise=enterprise)
        held = set(one.papers.filter(replaced=False).values_list("slot", flat=True))
        for slot in kind_named(kind).papers:
            if slot.name not in held:
                one.papers.create(
                    slot=slot.name, name="scan.pdf", media_type="application/pdf", size=4, sha256="0" * 64,
                    content=b"%PDF", uploaded_by=user,
                )  # fmt: skip
        return applications.submit(one, typed or GOOD[kind], by=user, version=one.version)


def handed_in(cast: Cast, enterprise: Enterprise, kind: str, typed: dict[str, list[str]] | None = None) -> Application:
    """The evidence of one item, handed in."""
    assert told(cast, enterprise, kind, typed) == {}
    return Application.objects.filter(enterprise=enterprise, kind=kind).latest("id")


def approved(cast: Cast, one: Application) -> None:
    """By staff; by a second person where two have to agree."""
    for staff in (cast.users["staff"], cast.users["neighbour_filer"]):  # the second stands for another of the staff
        with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
            if applications.approve(one, staff=staff, version=one.version):
                return


def refused(cast: Cast, one: Application, match: str) -> None:
    staff = cast.users["staff"]
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        with pytest.raises(NotPossible, match=match), transaction.atomic():
            applications.approve(one, staff=staff, version=one.version)
    one.refresh_from_db()


def problems(kind: str, **typed: str) -> dict[str, str]:
    """What the form of that kind says of these words, by field."""
    said = GOOD[kind] | {name: [text] for name, text in typed.items()}
    return {
        name: " ".join(map(str, texts)) for name, texts in applications.form_of(kind_named(kind), said).errors.items()
    }


def test_it_goes_item_by_item_to_the_end(cast: Cast, enterprise: Enterprise) -> None:
    for kind in ("ic_card", "type_filing", "signing_certificate", "dxp_import", "guarantee"):
        approved(cast, handed_in(cast, enterprise, kind))
    enterprise.refresh_from_db()
    assert enterprise.dxp_id == "DXPENT0000910077"
    held = {one.item: one for one in enterprise.evidence.filter(replaced=False)}
    assert (held["ic_card"].variety, held["ic_card"].number) == ("ic_card", "8931000417")
    assert (held["type_filing"].filed_types, held["type_filing"].website) == (["merchant"], "https://shop.example.org")
    assert held["signing_certificate"].number == "JM20260417"
    assert (held["guarantee"].variety, held["guarantee"].amount) == ("deposit", 500_000)
    shown = checklist(enterprise, today=timezone.localdate(), may_apply=True)
    assert shown.is_whole and shown.next is None
    approved(cast, handed_in(cast, enterprise, "dxp_export"))
    enterprise.refresh_from_db()
    assert enterprise.dxp_id == "DXPENT0000910077", "the number of exports is another"


def test_an_item_needs_the_one_before_it_but_a_letter_of_guarantee_does_not(cast: Cast, enterprise: Enterprise) -> None:
    for kind in ("type_filing", "signing_certificate", "dxp_import", "guarantee"):
        assert "第 3 项“电子口岸 IC 卡或 Ikey”还没有核验" in told(cast, enterprise, kind)["__all__"][0], kind
    approved(cast, handed_in(cast, enterprise, "ic_card"))
    assert "第 4 项" in told(cast, enterprise, "dxp_export")["__all__"][0]
    letter = GOOD["guarantee"] | {"variety": ["letter"], "valid_to": ["2099-01-31"]}
    approved(cast, handed_in(cast, enterprise, "guarantee", letter))
    assert Evidence.objects.get(enterprise=enterprise, item="guarantee").valid_to == date(2099, 1, 31)


def test_a_letter_counts_through_its_last_day_and_is_reminded_of_before(cast: Cast, enterprise: Enterprise) -> None:
    for kind in ("ic_card", "type_filing", "signing_certificate", "dxp_import"):
        approved(cast, handed_in(cast, enterprise, kind))
    today = timezone.localdate()
    end = (today + timedelta(days=20)).isoformat()
    letter = GOOD["guarantee"] | {"variety": ["letter"], "number": ["BH-9"], "valid_to": [end]}
    approved(cast, handed_in(cast, enterprise, "guarantee", letter))
    Notice.objects.all().delete()
    sent = []
    for left in range(100, -2, -1):
        for _time in range(2):
            remind(today + timedelta(days=20 - left))
        sent += [left] * Notice.objects.filter(user=cast.users["stranger"]).delete()[0]
    assert sent == [90, 30, 7, 0]
    held = Evidence.objects.filter(enterprise=enterprise, item="guarantee")

    turn = kind_named("guarantee").turn
    assert turn is not None

    def stands(last: date) -> tuple[bool, bool, str]:
        held.update(valid_to=last)
        listed = {row.item.name: row for row in checklist(enterprise, today=today, may_apply=True).rows}["guarantee"]
        lacking = any("担保金账户" in one for one in why_not_ready(enterprise))
        return listed.is_done, not lacking, turn(enterprise).when.name

    assert stands(today) == (True, True, "HELD")
    assert stands(today - timedelta(days=1)) == (False, False, "NOW")
    (row,) = [one for one in checklist(enterprise, today=today, may_apply=True).rows if one.item.name == "guarantee"]
    assert row.state == ItemState.LAPSED and "到期，请重新提交凭证" in row.notes[0]


def test_imports_and_exports_are_applied_for_apart_in_either_order(cast: Cast, enterprise: Enterprise) -> None:
    assert "第 3 项" in told(cast, enterprise, "dxp_export")["__all__"][0]
    for kind in ("ic_card", "type_filing", "signing_certificate"):
        approved(cast, handed_in(cast, enterprise, kind))
    assert told(cast, enterprise, "dxp_export") == {}
    assert told(cast, enterprise, "guarantee")["__all__"]  # what follows waits for the one for imports


def test_what_is_told_at_once_is_also_asked_of_staff(cast: Cast, enterprise: Enterprise) -> None:
    approved(cast, handed_in(cast, enterprise, "ic_card"))
    one = handed_in(cast, enterprise, "type_filing")
    be(enterprise, types=["platform"])  # another registration was approved meanwhile
    refused(cast, one, "应勾选：电子商务交易平台")
    assert not Evidence.objects.filter(enterprise=enterprise, item="type_filing").exists()


def test_the_ticks_have_to_be_those_of_the_type(cast: Cast, enterprise: Enterprise) -> None:
    approved(cast, handed_in(cast, enterprise, "ic_card"))
    said = told(cast, enterprise, "type_filing", GOOD["type_filing"] | {"filed_types": ["platform"]})
    assert "应勾选：电子商务企业" in said["filed_types"][0]
    be(enterprise, types=[])
    assert "企业还没有登记类型" in told(cast, enterprise, "type_filing")["__all__"][0]


@pytest.mark.parametrize(("depot", "ticks"), [("own", ["logistics", "venue"]), ("public", ["logistics"])])
def test_the_ticks_are_those_of_the_depot(cast: Cast, enterprise: Enterprise, depot: str, ticks: list[str]) -> None:
    types = ["direct_logistics", "venue"] if depot == "own" else ["direct_logistics"]
    be(enterprise, types=types, depot=depot)
    approved(cast, handed_in(cast, enterprise, "ic_card"))
    visited = GOOD["type_filing"] | {"visited_on": ["2026-06-05"]}
    for wrong in ({"logistics", "venue"} ^ set(ticks), {"logistics", "venue", "merchant"}):
        assert "filed_types" in told(cast, enterprise, "type_filing", visited | {"filed_types": sorted(wrong)})
    approved(cast, handed_in(cast, enterprise, "type_filing", visited | {"filed_types": ticks}))


def test_whom_customs_visits_says_when(cast: Cast, enterprise: Enterprise) -> None:
    be(enterprise, types=["payment"])
    approved(cast, handed_in(cast, enterprise, "ic_card"))
    ticked = GOOD["type_filing"] | {"filed_types": ["payment"]}
    assert "现场验核" in told(cast, enterprise, "type_filing", ticked)["visited_on"][0]
    approved(cast, handed_in(cast, enterprise, "type_filing", ticked | {"visited_on": ["2026-06-05"]}))


@pytest.mark.parametrize(("visited", "is_late"), [("2026-06-15", False), ("2026-06-16", True)])
def test_staff_see_that_a_visit_came_late_and_decide(
    cast: Cast, enterprise: Enterprise, client_of: Callable[[str], Client], visited: str, is_late: bool
) -> None:
    be(enterprise, types=["payment"])
    approved(cast, handed_in(cast, enterprise, "ic_card"))
    # Filed on Monday 1 June: the tenth working day after it is Monday the 15th.
    typed = GOOD["type_filing"] | {"filed_types": ["payment"], "visited_on": [visited]}
    one = handed_in(cast, enterprise, "type_filing", typed)
    page = client_of("staff").get(f"/admin/accounts/application/{one.pk}/change/").content.decode()
    assert ("超过网上提交" in page) == is_late
    approved(cast, one)


def test_who_pays_no_tax_gives_no_guarantee(cast: Cast, enterprise: Enterprise) -> None:
    be(enterprise, types=["payment"])
    letter = GOOD["guarantee"] | {"variety": ["letter"], "valid_to": ["2099-01-31"]}
    for typed in (letter, GOOD["guarantee"]):
        assert "不需要“担保金账户”" in told(cast, enterprise, "guarantee", typed)["__all__"][0]


def test_a_transmission_number_is_one_enterprises_and_one_for_both_directions_is_remarked(
    cast: Cast, enterprise: Enterprise
) -> None:
    for kind in ("ic_card", "type_filing", "signing_certificate"):
        approved(cast, handed_in(cast, enterprise, kind))
    merchants = cast.enterprises["merchant"].dxp_id
    # Whether somebody else has it is told to staff alone.
    refused(cast, handed_in(cast, enterprise, "dxp_import", {"dxp_id": [merchants]}), "另一家企业")
    Application.objects.filter(enterprise=enterprise, kind="dxp_import").update(state="withdrawn")
    approved(cast, handed_in(cast, enterprise, "dxp_import"))
    both = handed_in(cast, enterprise, "dxp_export", GOOD["dxp_import"])
    (remark,) = remarks_on(both, both.submissions.get())
    assert "分开申请" in remark
    Application.objects.filter(pk=both.pk).update(state="withdrawn")
    own = handed_in(cast, enterprise, "dxp_export", {"dxp_id": ["DXPENT0000900999"]})
    assert remarks_on(own, own.submissions.get()) == []


def test_a_later_evidence_takes_the_place_of_the_one_before(cast: Cast, enterprise: Enterprise) -> None:
    approved(cast, handed_in(cast, enterprise, "ic_card"))
    approved(cast, handed_in(cast, enterprise, "ic_card", GOOD["ic_card"] | {"number": ["8931000999"]}))
    rows = Evidence.objects.filter(enterprise=enterprise, item="ic_card").order_by("id")
    assert [(one.number, one.replaced) for one in rows] == [("8931000417", True), ("8931000999", False)]


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_staff_see_what_a_later_evidence_changes_and_of_a_first_one_nothing(
    cast: Cast, enterprise: Enterprise, kind: str
) -> None:
    def changed(one: Application) -> dict[str, str]:
        (version,) = versions_of(one)
        return {line.name: line.before for line in version.lines if line.is_changed}

    held = ("ic_card", "type_filing", "signing_certificate", "dxp_import")
    ticks = [one.value for one in ticks_of(enterprise.types, enterprise.depot)]
    for before in held[: held.index(kind) if kind in held else len(held)]:
        Evidence.objects.create(enterprise=enterprise, item=before, number="1", filed_types=ticks)
    first = handed_in(cast, enterprise, kind)
    assert changed(first) == {}
    approved(cast, first)
    field, other = {
        "type_filing": ("website", "https://other.example.org"), "dxp_import": ("dxp_id", "DXPENT0000910099"),
        "dxp_export": ("dxp_id", "DXPENT0000910099"),
    }.get(kind, ("number", "8931000999"))  # fmt: skip
    later = changed(handed_in(cast, enterprise, kind, GOOD[kind] | {field: [other]}))
    later.pop("filed_on", "")  # the day is that of each filing
    assert later.pop("amount", "500000.00") == "500000.00"  # written another way
    assert later == {field: GOOD[kind][field][0]}


def test_a_new_evidence_begins_with_what_is_in_force(
    cast: Cast, enterprise: Enterprise, client_of: Callable[[str], Client]
) -> None:
    def number() -> list[str]:
        page = html.fromstring(client_of("stranger").get("/applications/ic_card/new/").content)
        found: list[str] = page.xpath('//input[@name="number"]/@value')
        return found

    assert number() == []
    Evidence.objects.create(enterprise=enterprise, item="ic_card", number="8931000417", variety="ikey")
    assert number() == ["8931000417"]


def test_a_change_of_what_was_verified_moves_nothing_in_the_plan(cast: Cast, enterprise: Enterprise) -> None:
    be(enterprise, created=datetime(2026, 3, 2, 4, tzinfo=UTC))
    for number, day in (("8931000417", 9), ("8931000999", 30)):
        Evidence.objects.filter(enterprise=enterprise).update(replaced=True)
        since = datetime(2026, 3, day, 4, tzinfo=UTC)
        Evidence.objects.create(enterprise=enterprise, item="ic_card", number=number, variety="ikey", since=since)
    shown = checklist(enterprise, today=date(2026, 4, 1), may_apply=True)
    card = shown.rows[2]
    assert card.evidence == ["Ikey 8931000999"], "what is in force"
    assert card.span and card.span.last == date(2026, 3, 9), "when it was first verified"
    assert shown.rows[3].span and shown.rows[3].span.first == date(2026, 3, 10)


def test_what_is_wrong_is_said_at_its_field() -> None:
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    yesterday = (timezone.localdate() - timedelta(days=1)).isoformat()
    assert "没有办结" in problems("ic_card", progress="paid")["progress"]
    assert "卡号不对" in problems("ic_card", number="你好")["number"]
    assert "将来" in problems("type_filing", filed_on=tomorrow)["filed_on"]
    assert "不会早于" in problems("type_filing", visited_on="2026-05-31")["visited_on"]
    assert set(problems("type_filing", filed_types="", website="", filed_on="x")) == {
        "filed_types",
        "website",
        "filed_on",
    }
    assert "证书编号" in problems("signing_certificate", number="")["number"]
    assert problems("signing_certificate", way="ikey", number="") == {}
    assert "DXPENT" in problems("dxp_import", dxp_id="DXPENT12")["dxp_id"]
    assert set(problems("guarantee", number="", amount="")) == {"number", "amount"}
    assert "amount" in problems("guarantee", amount="-5") and "amount" in problems("guarantee", amount="1.234")
    assert set(problems("guarantee", variety="letter")) == {"valid_to"}
    assert "到期" in problems("guarantee", variety="letter", valid_to=yesterday)["valid_to"]
    assert set(problems("guarantee", variety="agent")) == {"agent_code"}
    assert problems("guarantee", variety="agent", agent_code="312246DM06", amount="x", number="") == {}
    assert set(problems("guarantee", variety="")) == {"variety"}


def test_the_papers_are_those_of_the_table(cast: Cast, enterprise: Enterprise) -> None:
    assert {slot.name for slot in CARD.papers} == {
        "service_form", "business_licence", "customs_certificate", "legal_representative_id", "operator_id",
    }  # fmt: skip
    for kind in ("ic_card", "type_filing", "signing_certificate", "dxp_import"):
        approved(cast, handed_in(cast, enterprise, kind))
    user = cast.users["stranger"]
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        one = applications.begin(kind_named("guarantee"), by=user, enterprise=enterprise)
        assert set(applications.submit(one, GOOD["guarantee"], by=user, version=one.version)) == {"guarantee_paper"}
        agent = GOOD["guarantee"] | {"variety": ["agent"], "agent_code": ["312246DM06"]}
        assert applications.submit(one, agent, by=user, version=one.version) == {}


def test_evidence_is_brought_by_staff_only_and_stands(cast: Cast, enterprise: Enterprise) -> None:
    approved(cast, handed_in(cast, enterprise, "ic_card"))
    one = Evidence.objects.get(enterprise=enterprise)
    neighbour = cast.actor("neighbour_filer")
    with acting_as(enterprise_id=neighbour.enterprise.pk, user_id=neighbour.user.pk):
        assert not Evidence.objects.filter(enterprise=enterprise).exists()
    with acting_as(enterprise_id=enterprise.pk, user_id=cast.users["stranger"].pk):
        assert Evidence.objects.get() == one
        for attempt in (
            lambda: Evidence.objects.update(number="x"),
            lambda: Evidence.objects.all().delete(),
            lambda: Evidence.objects.create(enterprise=enterprise, item="dxp_import", number="x"),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                attempt()
    with acting_as(enterprise_id=None, user_id=cast.users["staff"].pk, role="portal_staff"):
        for values in ({"number": "x"}, {"replaced": False}):
            with pytest.raises(DatabaseError), transaction.atomic():
                Evidence.objects.filter(pk=one.pk).update(**values)


# --- the page -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def administrator(cast: Cast, enterprise: Enterprise) -> Client:
    client = Client()
    client.force_login(cast.users["stranger"])
    prove(client)
    return client


def page(client: Client) -> str:
    answer = client.get("/preparation/")
    assert answer.status_code == 200
    return " ".join(html.fromstring(answer.content).text_content().split())


def test_the_page_names_the_next_step_from_the_first_to_the_last(
    cast: Cast, enterprise: Enterprise, administrator: Client
) -> None:
    be(enterprise, types=[])
    assert "下一步：企业类型登记" in page(administrator)
    be(enterprise, types=["merchant"])
    said = page(administrator)
    assert "前期准备 2/7" in said and "第 3 项 电子口岸 IC 卡或 Ikey" in said and "等待第 3 项" in said
    assert (
        "全程 51 个工作日" in said
        and "统一社会信用代码 913101150000930090" in said
        and "海关十位编码 312226DM77" in said
    )
    for number, kind in enumerate(
        ("ic_card", "type_filing", "signing_certificate", "dxp_import", "guarantee"), start=3
    ):
        assert f"第 {number} 项" in page(administrator).split("下一步：")[1][:12]
        one = handed_in(cast, enterprise, kind)
        assert "已提交，等平台核验" in page(administrator)
        approved(cast, one)
    said = page(administrator)
    assert (
        "前期准备 7/7" in said
        and "下一步：服务开通" in said
        and "进口 DXPENT0000910077" in said
        and "额度 500,000.00 元" in said
    )


def test_a_remark_stands_at_its_item_with_its_field(cast: Cast, enterprise: Enterprise, administrator: Client) -> None:
    one = handed_in(cast, enterprise, "ic_card")
    staff = cast.users["staff"]
    with acting_as(enterprise_id=None, user_id=staff.pk, role="portal_staff"):
        applications.send_back(
            one, staff=staff, version=one.version, remarks={"number": "卡号与扫描件不同"}, reason="请核对"
        )
    said = page(administrator)
    assert "第 3 项“电子口岸 IC 卡或 Ikey”被退回补正" in said and "卡号，卡号与扫描件不同" in said
    assert "退回补正" in said and "由企业管理员照意见改正后再提交" in said
    handed_in(cast, enterprise, "ic_card")
    assert "被退回补正" not in page(administrator)


def test_how_far_the_card_is_stands_on_the_page(cast: Cast, enterprise: Enterprise, administrator: Client) -> None:
    user = cast.users["stranger"]
    with acting_as(enterprise_id=enterprise.pk, user_id=user.pk):
        one = applications.begin(CARD, by=user, enterprise=enterprise)
        applications.save(one, GOOD["ic_card"] | {"progress": ["paid"]}, version=one.version)
    said = page(administrator)
    assert "已付费，可退款" in said and "进行中" in said


def test_who_files_payments_needs_no_guarantee(cast: Cast, enterprise: Enterprise, administrator: Client) -> None:
    be(enterprise, types=["payment"])
    said = page(administrator)
    assert "前期准备 2/6" in said and "全程 48 个工作日" in said and "本企业的类型不需要" in said
    assert "银行保函约需 1 个月" not in said
    assert "10 个工作日内带许可证到注册地海关验核" in said


def test_a_late_item_moves_the_end_and_the_page_says_by_how_much(enterprise: Enterprise, administrator: Client) -> None:
    be(enterprise, created=datetime(2026, 3, 2, 4, tzinfo=UTC))
    shown = checklist(enterprise, today=date(2026, 3, 3), may_apply=True)
    assert (shown.late, shown.end) == (0, shown.first_end)
    late = checklist(enterprise, today=date(2026, 3, 17), may_apply=True)  # the card ought to be there on the 12th
    assert late.late == 3 and late.rows[2].is_late
    assert "已顺延" in page(administrator)


def test_the_office_is_the_one_that_registered_the_enterprise(enterprise: Enterprise, administrator: Client) -> None:
    assert "浦东新区合欢路2号" in page(administrator)
    be(enterprise, customs_district="")
    assert "不知道属于哪个海关" in page(administrator)


def test_administrators_and_viewers_look_and_nobody_else(client_of: Callable[[str], Client]) -> None:
    expected = {"administrator": 200, "viewer": 200, "filer": 403, "finance": 403, "developer": 403}
    for role, status in expected.items():
        assert client_of(f"merchant_{role}").get("/preparation/").status_code == status, role
    assert client_of("stranger").get("/preparation/").status_code == 404
    assert Client().get("/preparation/")["Location"].startswith("/login/")


def test_the_page_costs_the_same_queries_whatever_was_applied_for(
    cast: Cast, enterprise: Enterprise, administrator: Client, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(30) as one:
        administrator.get("/preparation/")
    for kind in ("ic_card", "type_filing", "signing_certificate", "dxp_import"):
        approved(cast, handed_in(cast, enterprise, kind))
    with django_assert_max_num_queries(len(one.captured_queries)):
        administrator.get("/preparation/")


# --- the offices --------------------------------------------------------------------------------------------------------


def test_there_are_20_offices_with_25_counters() -> None:
    assert (len(OFFICES), counters_of(OFFICES.values())) == (20, 25)


def test_everybody_finds_an_office_by_its_area(db: None, client_of: Callable[[str], Client]) -> None:
    for client in (Client(), client_of("stranger"), client_of("merchant_viewer")):
        said = client.get("/offices/").content.decode()
        assert "20 个海关，25 个窗口" in said and "崇明区长兴镇" in said
        found = client.get("/offices/", {"q": "奉贤综合保税区"}).content.decode()
        assert "环城西路3111号" in found and "崇明区长兴镇" not in found
        assert "没有管辖“火星<b>" not in client.get("/offices/", {"q": "火星<b>"}).content.decode()
        assert "没有管辖“火星”" in client.get("/offices/", {"q": "火星"}).content.decode()
        assert client.get("/offices/", {"q": "长" * 500}).status_code == 200
        assert client.post("/offices/").status_code in (403, 405)


def test_an_enterprise_that_files_already_has_everything(cast: Cast, client_of: Callable[[str], Client]) -> None:
    assert cast.enterprises["merchant"].state == EnterpriseState.APPROVED
    assert "前期准备 7/7" in client_of("merchant_administrator").get("/preparation/").content.decode()
