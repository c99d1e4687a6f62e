"""Pages follow one another by key, either way round."""

import pytest

from accounts.models import User
from portal import paging
from portal.paging import part_of, whole

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(paging, "ROWS", 2)
    User.objects.all().delete()
    return [User.objects.create(username=f"u{number}").pk for number in range(5)]


@pytest.mark.parametrize("newest_first", [False, True])
def test_it_goes_through_all_rows_and_back(people: list[int], newest_first: bool) -> None:
    wanted = people[::-1] if newest_first else people
    pages, asked = [], {}
    while True:
        part = part_of(User.objects.all(), asked, newest_first=newest_first)
        pages.append([row.pk for row in part.rows])
        assert (part.back is None) is (len(pages) == 1)
        if part.on is None:
            break
        asked = {name: str(value) for name, value in part.on.items()}
    assert pages == [wanted[:2], wanted[2:4], wanted[4:]]
    back = part_of(
        User.objects.all(), {name: str(value) for name, value in part.back.items()}, newest_first=newest_first
    )
    assert [row.pk for row in back.rows] == wanted[2:4] and back.back and back.on
    first = part_of(
        User.objects.all(), {name: str(value) for name, value in back.back.items()}, newest_first=newest_first
    )
    assert [row.pk for row in first.rows] == wanted[:2] and first.back is None and first.on


def test_it_shows_the_first_page_for_nonsense_and_nothing_beyond_the_end(people: list[int]) -> None:
    for asked in ({}, {"after": "x"}, {"before": "-1"}, {"after": "9" * 19}, {"after": ""}):
        assert [row.pk for row in part_of(User.objects.all(), asked).rows] == people[:2], asked
    assert part_of(User.objects.all(), {"after": "9" * 18}) == paging.Part()


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("12", 12), ("", None), ("-1", None), ("1.5", None), ("²", None), ("9" * 19, None)]
)
def test_it_reads_whole_numbers_only(text: str, number: int | None) -> None:
    assert whole(text) == number


def test_it_reads_so_many_digits_and_no_more() -> None:
    assert whole("999", digits=3) == 999
    assert whole("1000", digits=3) is None
