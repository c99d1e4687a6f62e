"""Every rule has a number, words, a basis and a test of its name."""

import re
from pathlib import Path

import pytest
from django.utils.translation import override

from declarations import rulebook
from declarations.kinds import KINDS
from declarations.rulebook import ERROR, NOTICE, RULES, SKIP, WAIT, WARNING
from declarations.rules import CHECKS
from declarations.shape import Problem
from tests import make
from tests.rules.asking import rules

FUNCTIONS = sorted({check for checks in CHECKS.values() for check in checks}, key=lambda check: check.__name__)
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("slug", make.MAKERS)
def test_it_has_nothing_to_say_of_a_valid_document(slug: str) -> None:
    assert rules(slug) == set()


@pytest.mark.parametrize("check", FUNCTIONS, ids=lambda check: check.__name__)
def test_it_has_a_number_words_and_a_test_for_every_rule(check) -> None:
    number = check.__name__[:3].upper()
    assert RULES[number].text and RULES[number].cure and RULES[number].basis
    assert check.__doc__
    assert f"def test_{check.__name__}(" in SOURCES


def test_it_asks_every_number_of_the_book_somewhere() -> None:
    asked = {check.__name__[:3].upper() for check in FUNCTIONS}
    assert {number for number in RULES if number[0] in "EOPWL"} == asked


def test_it_knows_the_levels() -> None:
    assert {rule.level for rule in RULES.values()} == {ERROR, WAIT, WARNING, NOTICE, SKIP}


def test_it_lists_the_rules_of_every_kind() -> None:
    assert set(CHECKS) == {which.slug for which in KINDS}


@pytest.mark.parametrize("number", RULES)
def test_it_speaks_with_the_figures_a_problem_carries(number: str) -> None:
    text = str(RULES[number].text) + str(RULES[number].cure)
    params = {name: _sample(name) for name in re.findall(r"%\((\w+)\)s", text)}
    problem = Problem(number, params=params, kind="order")
    with override("zh-hans"):
        assert "%(" not in problem.text
    assert Problem.from_json(problem.as_json()) == problem


def _sample(name: str) -> str:
    return {
        "document": "payment",
        "name_field": "ebp_name",
        "kind": "order",
        "owner": "payment",
        "types": "merchant,platform",
        "columns": "ebp_code,ebc_code",
    }.get(name, "1")


def test_it_gives_every_rule_a_number_of_its_own() -> None:
    listed = re.findall(r'Rule\("([A-Z][0-9]{2})"', Path(rulebook.__file__).read_text(encoding="utf-8"))
    assert len(listed) == len(set(listed)) == len(RULES)
