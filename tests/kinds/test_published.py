"""The description against the published tables: what is derived from itself would agree with its own mistake."""

import pytest

from declarations import published
from declarations.fields import Amount, Code, Day, Described, Moment, PersonalText, Text, Whole
from declarations.kinds import KINDS, Kind, kind, kind_answered_by, kind_sending

PARTS = [
    pytest.param(which, part, fields, id=f"{which.slug} {part}")
    for which in KINDS
    for part, fields in ((which.wrapper[1], which.fields), (which.wrapper[2], which.line_fields))
    if part
]


def rows(which: Kind, part: str) -> list[published.Row]:
    return [row for row in published.rows(which.sends) if row.group.endswith(f"/{part}")]


@pytest.mark.parametrize(("which", "part", "fields"), PARTS)
def test_it_has_the_published_elements_in_their_order(which: Kind, part: str, fields: tuple[Described, ...]) -> None:
    assert [field.tag for field in fields] == [row.field for row in rows(which, part)]


@pytest.mark.parametrize(("which", "part", "fields"), PARTS)
def test_it_asks_for_what_the_table_asks_for(which: Kind, part: str, fields: tuple[Described, ...]) -> None:
    assert {f.tag: f.required for f in fields} == {row.field: row.required for row in rows(which, part)}


@pytest.mark.parametrize(("which", "part", "fields"), PARTS)
def test_it_has_the_published_lengths(which: Kind, part: str, fields: tuple[Described, ...]) -> None:
    for field, row in zip(fields, rows(which, part), strict=True):
        if isinstance(field, Text | PersonalText):
            assert row.type == "C" and row.bounds[1] == field.longest, field.tag
        elif isinstance(field, Code):
            low, high = row.bounds
            assert row.type == "C" and (low <= field.shortest, field.longest <= high) == (True, True), field.tag
            assert field.longest == high, field.tag
        elif isinstance(field, Amount):
            assert (field.max_digits, field.decimal_places) == row.digits, field.tag
        elif isinstance(field, Whole):
            assert row.type == "int" and field.digits == row.digits[0], field.tag
        else:
            assert row.bounds == ((8, 8) if isinstance(field, Day) else (14, 14)), field.tag
            assert isinstance(field, Day | Moment)


@pytest.mark.parametrize(("which", "part", "fields"), PARTS)
def test_it_has_the_published_fixed_values(which: Kind, part: str, fields: tuple[Described, ...]) -> None:
    for field, row in zip(fields, rows(which, part), strict=True):
        if row.fixed:
            assert str(field.fixed) == row.fixed, field.tag


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_stands_in_the_published_wrapper(which: Kind) -> None:
    document, head, line = which.wrapper
    occurs = {row.field: row.times for row in published.rows(which.sends) if row.type == "complex"}
    assert occurs[document] == (1, 100) and occurs[head] == (1, 1)
    assert line is None or occurs[line] == (1, 99)


@pytest.mark.parametrize(("which", "part", "fields"), PARTS)
def test_it_tells_the_clerk_what_to_write(which: Kind, part: str, fields: tuple[Described, ...]) -> None:
    for field in fields:
        assert field.label and field.note and field.group, field.tag
        assert field.given in {"clerk", "own", "system", "customs"}
        if field.example and field.given != "customs":
            field.read(field.example)


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_is_found_by_slug_message_and_receipt(which: Kind) -> None:
    assert kind(which.slug) is kind_sending(which.sends) is kind_answered_by(which.answered_by) is which
    receipt = {row.field for row in published.rows(which.answered_by)}
    assert all(tag in receipt and name in which.head_names for tag, name in which.answer_key)
    assert {*which.key, which.number, which.order_no} <= set(which.head_names)
    assert all(code in which.head_names and name in which.head_names for code, name in which.own)


@pytest.mark.parametrize(("which", "part", "fields"), PARTS)
def test_it_leaves_no_wording_in_a_migration(which: Kind, part: str, fields: tuple[Described, ...]) -> None:
    for field in fields:
        _, path, args, kwargs = field.deconstruct()
        assert path.startswith("django.db.models.") and not args
        assert not {"verbose_name", "help_text", "tag", "note", "example"} & kwargs.keys()
        assert field.clone().deconstruct()[1:] == (path, args, kwargs)
