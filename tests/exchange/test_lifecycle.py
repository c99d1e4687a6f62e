"""States move set by set, only where the table allows, and every real move leaves exactly one line of history."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.cast import Cast
from declarations.lifecycle import (
    ALLOWED,
    FILED,
    REFUSED,
    REPLACEABLE,
    STATE_LOOKS,
    Beginning,
    Move,
    State,
    begin_again,
    begin_many,
    move_many,
)
from declarations.models import Document, StateChange
from tests.exchange.answers import at
from tests.exchange.desk import filed, history, state


def beginning(number: str) -> Beginning:
    return Beginning(number, f"P|{number}", number, "P", number.encode().ljust(16)[:16])


def begin(cast: Cast, *numbers: str) -> dict[str, int]:
    return begin_many(
        [beginning(number) for number in numbers],
        enterprise_id=cast.enterprises["platform"].pk,
        kind_slug="order",
        user_id=cast.users["platform_filer"].pk,
        source="form",
        upload_id=None,
        now=timezone.now(),
    )


@pytest.mark.parametrize("into", list(State))
def test_it_moves_from_every_allowed_state_and_from_no_other(cast, into):
    ids = begin(cast, *State)
    for number, document_id in ids.items():
        Document.objects.filter(id=document_id).update(state=number.removeprefix("P|"))
    StateChange.objects.all().delete()
    moved = move_many(Move(document_id, into, at(1), "7", "因为") for document_id in ids.values())
    possible = {ids[f"P|{source}"] for source in {*ALLOWED[into], into}}
    assert set(moved) == possible
    assert set(Document.objects.filter(state=into).values_list("id", flat=True)) == possible
    assert set(StateChange.objects.values_list("document_id", "state", "code")) == {
        (one, into, "7") for one in possible
    }


def test_it_notes_only_real_moves(cast):
    (document_id,) = filed(cast, "order", 1)
    wish = Move(document_id, State.STORED, at(1), "120", "入库")
    assert move_many([wish]) == [document_id]
    assert move_many([wish]) == []
    assert move_many([wish, wish]) == []
    assert move_many([Move(document_id, State.QUEUED, at(2))]) == []
    assert move_many([Move(0, State.STORED, at(2))]) == []
    assert move_many([]) == []
    assert history(document_id) == [("queued", ""), ("stored", "120")]


def test_it_moves_a_thousand_by_as_many_statements_as_one(cast, django_assert_num_queries):
    ids = list(begin(cast, *(str(n) for n in range(1000))).values())
    with CaptureQueriesContext(
        connection,
    ) as one:
        move_many([Move(ids[0], State.SENT, at(1))])
    with django_assert_num_queries(len(one)):
        assert len(move_many(Move(document_id, State.SENT, at(1)) for document_id in ids)) == 999


def test_it_begins_a_document_once(cast):
    first = begin(cast, "1", "2")
    assert set(first) == {"P|1", "P|2"}
    assert set(begin(cast, "2", "3", "3")) == {"P|3"}
    assert Document.objects.count() == StateChange.objects.count() == 3


def test_it_keeps_the_order_of_what_was_brought(cast):
    numbers = [str(n) for n in (5, 3, 9, 1)]
    ids = begin(cast, *numbers)
    assert sorted(ids.values()) == [ids[f"P|{number}"] for number in numbers]


def test_it_begins_again_only_what_was_refused(cast):
    ids = begin(cast, *State)
    for number, document_id in ids.items():
        Document.objects.filter(id=document_id).update(state=number.removeprefix("P|"))
    again = begin_again(
        {document_id: beginning(key.removeprefix("P|")) for key, document_id in ids.items()},
        user_id=cast.users["platform_filer"].pk,
        source="form",
        upload_id=None,
        now=timezone.now(),
    )
    assert again == {ids[f"P|{one}"] for one in REPLACEABLE}
    refused = {ids[f"P|{one}"] for one in REFUSED}
    assert set(Document.objects.filter(id__in=again).values_list("state", flat=True)) == {"queued"}
    assert set(Document.objects.filter(attempt=2).values_list("id", flat=True)) == refused
    assert set(StateChange.objects.filter(attempt=2).values_list("document_id", flat=True)) == refused


def test_it_has_a_look_and_a_way_in_for_every_state():
    assert set(STATE_LOOKS) == set(ALLOWED) == set(State)
    assert not FILED & REPLACEABLE


def test_no_answer_moves_what_waits(cast):
    (document_id,) = begin(cast, "1").values()
    Document.objects.update(state=State.WAITING)
    for into in set(State) - {State.WAITING, State.QUEUED, State.FAILED}:
        assert move_many([Move(document_id, into, at(1), "120")]) == []
    assert move_many([Move(document_id, State.QUEUED, at(1))]) == [document_id]


@pytest.mark.django_db(transaction=True)
def test_it_doubles_nothing_when_two_begin_the_same_at_once(committed):
    """The second waits for the first inside PostgreSQL, sees its row and passes on."""
    found: list[dict[str, int]] = []
    waiting = threading.Event()

    def second() -> None:
        try:
            waiting.set()
            with transaction.atomic():
                found.append(begin(committed, "1", "2", "3"))
        finally:
            connection.close()

    with transaction.atomic():
        first = begin(committed, "2", "1")
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(5)
    thread.join(10)
    assert set(first) == {"P|1", "P|2"}
    assert set(found[0]) == {"P|3"}
    assert Document.objects.count() == StateChange.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_it_never_makes_two_wait_for_each_other_crosswise(committed):
    """The same four hundred, brought in opposite order at the same moment, new and then refused."""
    numbers = [str(n) for n in range(400)]
    ready = threading.Barrier(2)
    begun: list[int] = []

    def clerk(order: list[str]) -> None:
        try:
            ready.wait(5)
            with transaction.atomic():
                begun.append(len(begin(committed, *order)))
            ready.wait(5)
            Document.objects.update(state=State.REJECTED)
            ids = dict(Document.objects.values_list("number", "id"))
            ready.wait(5)
            with transaction.atomic():
                again = {ids[number]: beginning(number) for number in order}
                user_id = committed.users["platform_filer"].pk
                begun.append(
                    len(begin_again(again, user_id=user_id, source="form", upload_id=None, now=timezone.now()))
                )
        finally:
            connection.close()

    threads = [threading.Thread(target=clerk, args=(order,)) for order in (numbers, numbers[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(begun) == [0, 0, 400, 400]
    assert set(Document.objects.values_list("attempt", flat=True)) == {2}


@pytest.mark.django_db(transaction=True)
def test_it_moves_once_when_two_move_the_same_at_once(committed):
    with transaction.atomic():
        ids = sorted(begin(committed, *(str(n) for n in range(20))).values())
    moved: list[int] = []
    ready = threading.Barrier(2)

    def move(order: list[int]) -> None:
        try:
            ready.wait(5)
            with transaction.atomic():
                moved.extend(move_many(Move(one, State.SENT, at(1)) for one in order))
        finally:
            connection.close()

    threads = [threading.Thread(target=move, args=(order,)) for order in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(moved) == ids
    assert StateChange.objects.filter(state=State.SENT).count() == 20


def test_it_moves_a_failed_message_s_document_when_customs_answers_after_all(cast):
    (document_id,) = filed(cast, "order", 1)
    move_many([Move(document_id, State.FAILED, timezone.now() - timedelta(minutes=1), reason="拒收")])
    move_many([Move(document_id, State.STORED, at(3), "120")])
    assert state(document_id) == ("stored", "120")
