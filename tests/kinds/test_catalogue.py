"""What the kinds say of one another holds together."""

import pytest

from declarations.kinds import KINDS, Kind, kind

SLUGS = {which.slug for which in KINDS}


@pytest.mark.parametrize("which", KINDS, ids=lambda which: which.slug)
def test_it_names_only_kinds_and_fields_there_are(which: Kind) -> None:
    others = SLUGS - {which.slug}
    assert set(which.after) | set(which.apart_from) <= others
    assert set(which.compared_with) == set(which.after) | set(which.apart_from)
    for slug, name in which.named_by:
        assert slug in which.compared_with and name in which.head_names
    assert {which.number, which.order_no, *which.key} <= set(which.head_names)


def test_it_files_the_three_documents_of_a_trade_from_three_enterprises() -> None:
    three = {"order", "payment", "waybill"}
    assert all({slug, *kind(slug).apart_from} == three for slug in three)


def test_it_lists_no_kind_before_one_it_follows() -> None:
    seen: set[str] = set()
    for which in KINDS:
        assert set(which.after) <= seen
        seen.add(which.slug)
