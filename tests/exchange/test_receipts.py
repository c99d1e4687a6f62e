"""Laws of the one function that turns receipts into a state, over receipts nobody thought of."""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarations.exchange.receipts import STATE_OF_CODE, Answer, deciding, state_of
from declarations.lifecycle import STATE_LOOKS, State
from tests.exchange.answers import at

E_PORT = ["1", "2", "3", "4", "-1", "-900", "-621001"]
CUSTOMS = [code for code in STATE_OF_CODE if code not in E_PORT]
RELEASED = ["800", "899"]
AFTER_RELEASE = ["500", "501", "502", "503", "599", "700"]
BEFORE_RELEASE = [code for code in CUSTOMS if code not in RELEASED + AFTER_RELEASE]
UNKNOWN = ["", "0", "9999", "abc", "１００", "8000"]


def answers(codes: list[str], **sizes: int) -> st.SearchStrategy[list[Answer]]:
    one = st.builds(Answer, st.sampled_from(codes), st.integers(0, 6).map(at), st.sampled_from(["", "甲", "乙"]))
    return st.lists(one, **sizes)


def state(said: list[Answer]) -> str | None:
    answer = deciding(said)
    return state_of(answer.code) if answer else None


@given(answers(E_PORT + CUSTOMS + UNKNOWN, max_size=8), st.randoms(use_true_random=False))
def test_it_says_the_same_in_any_order_however_often_repeated(said: list[Answer], chance: random.Random):
    shuffled = said + chance.choices(said, k=5) if said else []
    chance.shuffle(shuffled)
    assert deciding(shuffled) == deciding(said)


@given(answers(RELEASED, min_size=1, max_size=3), answers(BEFORE_RELEASE + E_PORT + UNKNOWN, max_size=6))
def test_it_never_undoes_a_release(release: list[Answer], others: list[Answer]):
    assert state(release + others) in (State.RELEASED, State.CLOSED)


@pytest.mark.parametrize("code", ["100", "120", "300", "399", "400", "600"])
def test_it_keeps_the_release_when_an_old_answer_comes_later(code):
    assert state([Answer("800", at(5)), Answer(code, at(50))]) == State.RELEASED


@given(answers(BEFORE_RELEASE + E_PORT, max_size=5), st.sampled_from(AFTER_RELEASE), st.integers(1, 5))
def test_it_lets_customs_stop_or_ship_back_released_goods(others: list[Answer], code: str, later: int):
    stopped = Answer(code, at(1) + timedelta(minutes=later))
    assert deciding([Answer("800", at(1)), stopped, *others]) == stopped


@given(answers(CUSTOMS, max_size=5).filter(lambda said: not any(one.code in RELEASED for one in said)))
def test_it_lets_a_release_end_an_inspection_before_it(earlier: list[Answer]):
    release = Answer("800", at(7))
    assert deciding([*earlier, release]) == release


def test_it_does_not_count_an_inspection_of_the_same_moment_as_the_release():
    assert state([Answer("500", at(1)), Answer("800", at(1))]) == State.RELEASED


@given(answers(CUSTOMS, min_size=1, max_size=4), answers(E_PORT, max_size=4))
def test_it_never_lets_the_port_override_customs(customs: list[Answer], port: list[Answer]):
    assert deciding(customs + port) == deciding(customs)


@given(answers(E_PORT + CUSTOMS, max_size=5), answers(UNKNOWN, max_size=5))
def test_it_is_not_changed_by_codes_it_does_not_know(known: list[Answer], unknown: list[Answer]):
    assert deciding(known + unknown) == deciding(known)


@given(answers(CUSTOMS + E_PORT, min_size=1, max_size=6))
def test_it_lets_the_later_answer_of_customs_count(said: list[Answer]):
    customs = [one for one in said if one.code in BEFORE_RELEASE]
    if customs and not any(one.code in RELEASED + AFTER_RELEASE for one in said):
        decided = deciding(said)
        assert decided is not None
        assert decided.at == max(one.at for one in customs)


@given(answers([code for code in E_PORT if code != "1"], min_size=1), answers(["1"]))
def test_it_does_not_go_back_to_merely_saved(said: list[Answer], saved: list[Answer]):
    assert deciding(said + saved) == deciding(said)


@given(st.integers(1, 10**8))
def test_it_fails_a_document_for_every_negative_code(number: int):
    assert state([Answer(f"-{number}", at(1)), Answer("2", at(0))]) == State.FAILED


def test_it_says_nothing_of_nothing():
    assert deciding([]) is None
    assert deciding([Answer("9999", at(1))]) is None


def test_it_knows_a_state_with_a_sentence_for_every_code():
    assert set(STATE_OF_CODE.values()) <= set(STATE_LOOKS)


def test_it_takes_the_higher_rank_at_the_same_moment():
    assert state([Answer("100", at(1)), Answer("120", at(1))]) == State.REJECTED
    assert state([Answer("2", at(1)), Answer("120", at(1))]) == State.STORED
