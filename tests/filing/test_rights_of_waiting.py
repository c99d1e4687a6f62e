"""What waits is filed on the day it goes on: a right that ended meanwhile stops it, as it would stop a new one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.cast import Cast
from accounts.models import Enterprise, Mandate, Qualification, Service
from declarations import waiting
from declarations.models import Document, OutboundDocument
from tests import make
from tests.exchange.desk import accepted, bring, state
from tests.filing.test_waiting import missing, time_passes, waits, why

pytestmark = pytest.mark.django_db


def come(cast: Cast, *slugs: str, n: int = 1) -> None:
    """Customs takes what a document of that trade waits for."""
    for slug in slugs:
        accepted(cast, slug, n)


def end(cast: Cast, whose: str) -> Any:
    """Its services end; what is needed to begin them again."""
    rows = Service.objects.filter(enterprise=cast.enterprises[whose])
    rows.update(ended=timezone.now())
    return lambda: rows.update(ended=None)


def expire(cast: Cast, whose: str) -> Any:
    """The last day of its licences was yesterday; until tomorrow when the answer is called."""
    rows = Qualification.objects.filter(enterprise=cast.enterprises[whose])
    rows.update(valid_to=timezone.localdate() - timedelta(days=1), valid_from=None)
    return lambda: rows.update(valid_to=timezone.localdate())


def leave(cast: Cast, whose: str) -> Any:
    """Nobody may file for anybody any more."""
    rows = Mandate.objects.filter(agent=cast.enterprises[whose])
    last = dict(rows.values_list("pk", "last_day"))
    today = timezone.localdate()
    rows.update(first_day=today - timedelta(days=9), last_day=today - timedelta(days=1))
    return lambda: [rows.filter(pk=pk).update(last_day=day) for pk, day in last.items()]


LOST = [
    ("payment", "waybill", "bonded_logistics", expire, "E15", "有效期至"),
    ("payment", "waybill", "bonded_logistics", end, "E16", "没有在用的保税物流企业服务，不能申报。"),
    ("waybill", "inventory", "warehouse", leave, "L16", "在 2216 关区申报 1210 清单的有效委托"),
    ("waybill", "inventory", "warehouse", end, "E16", "没有在用的保税仓储企业服务，不能申报。"),
]


@pytest.mark.parametrize(("last", "slug", "whose", "lose", "rule", "words"), LOST)
def test_what_its_filer_lost_while_it_waited_stops_it_with_rule_and_reason(
    cast: Cast, last: str, slug: str, whose: str, lose: Any, rule: str, words: str
) -> None:
    before = [one for one in ("order", "payment", "waybill") if one not in (last, slug)]
    (kept,) = waits(cast, slug, 1)
    (lost,) = waits(cast, slug, 2)
    come(cast, *before, last)
    assert waiting.free_waiting() and state(kept) == ("queued", "")  # while it has the right
    come(cast, *before, n=2)
    give_back = lose(cast, whose)
    come(cast, last, n=2)
    assert waiting.free_waiting()
    assert (state(lost), missing(lost)) == (("failed", rule), "")
    assert words in why(lost)
    assert not OutboundDocument.objects.filter(document=lost).exists()
    give_back()
    assert bring(cast, slug, [make.entry(slug, 2)]).filed == {0: lost}  # again under its number


def test_a_service_of_another_district_does_not_carry_a_list(cast: Cast) -> None:
    (goods,) = waits(cast, "inventory", 1)
    Service.objects.filter(enterprise=cast.enterprises["warehouse"], district="2216").update(ended=timezone.now())
    come(cast, "order", "payment", "waybill")
    assert waiting.free_waiting()
    assert state(goods) == ("failed", "L17")
    assert why(goods) == "保税仓储企业没有在用的 1210 服务覆盖 2216 关区，不能在这个关区申报清单。"


def test_of_two_types_the_one_whose_licence_ended_sends_no_list_on(cast: Cast) -> None:
    """L14: a courier that is a merchant too may go on filing its own lists, not those of others."""
    courier = cast.enterprises["direct_logistics"]
    Enterprise.objects.filter(pk=courier.pk).update(types=["direct_logistics", "merchant"])
    Service.objects.create(
        enterprise=courier,
        enterprise_type="merchant",
        mode="9610",
        district="2216",
        clearance_code=courier.customs_code,
    )
    direct = {
        "trade_mode": "9610", "agent_code": courier.customs_code, "agent_name": courier.name, "ems_no": "",
        "area_code": "", "area_name": "", "country": "116", "traf_no": "NH919", "voyage_no": "NH919", "bill_no": "MAWB1",
    }  # fmt: skip
    entry = make.inventory(1, **direct)
    for line in entry.lines:
        line["item_record_no"] = ""
    outcome = bring(cast, "inventory", [entry], by="direct_logistics_filer")
    assert outcome.waiting, outcome.problems
    expire(cast, "direct_logistics")
    come(cast, "order", "payment", "waybill")
    assert waiting.free_waiting()
    assert state(outcome.waiting[0]) == ("failed", "L14")


def test_while_it_waits_for_others_a_right_that_ended_fails_nothing(cast: Cast) -> None:
    """The right may be back before the rest has come; only then it counts."""
    (goods,) = waits(cast, "inventory", 1)
    give_back = leave(cast, "warehouse")
    come(cast, "order", "payment")
    time_passes()
    assert not waiting.free_waiting()
    assert (state(goods), missing(goods)) == (("waiting", "E07"), "waybill")
    give_back()
    come(cast, "waybill")
    assert waiting.free_waiting()
    assert state(goods) == ("queued", "")


def test_the_clerk_reads_what_to_do(client_of: Callable[[str], Client], cast: Cast) -> None:
    (goods,) = waits(cast, "inventory", 1)
    leave(cast, "warehouse")
    come(cast, "order", "payment", "waybill")
    waiting.free_waiting()
    shown = client_of("warehouse_filer").get(reverse("detail", args=["inventory", goods])).content.decode()
    assert "请双方在“委托”页办理" in shown and "L16" in shown


def test_asking_for_the_rights_costs_the_same_for_fifty_as_for_five(cast: Cast) -> None:
    def cost(numbers: range) -> int:
        ids = waits(cast, "waybill", *numbers)
        for slug in ("order", "payment"):
            accepted(cast, slug, *numbers)
        with CaptureQueriesContext(connection) as queries:
            assert waiting.free_waiting()
        assert set(Document.objects.filter(id__in=ids).values_list("state", flat=True)) == {"queued"}
        return len(queries)

    assert cost(range(1, 6)) == cost(range(6, 56))
