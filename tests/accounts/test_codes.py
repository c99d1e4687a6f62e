"""The numbers an enterprise is known by."""

import pytest
from django.core.exceptions import ValidationError

from accounts import codes
from accounts.cast import ENTERPRISES
from accounts.codes import check_credit_code, check_customs_code, check_district, check_dxp_id
from declarations import published


@pytest.mark.parametrize("key", ENTERPRISES)
def test_it_takes_the_numbers_of_the_cast(key):
    _name, credit_code, customs_code, _types, district, dxp_id = ENTERPRISES[key]
    check_credit_code(credit_code)
    check_customs_code(customs_code)
    check_district(district)
    check_dxp_id(dxp_id)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (check_credit_code, "913101150000900189"),  # wrong check character
        (check_credit_code, "91310115000090755t"),  # small letter
        (check_credit_code, "9131 01150000900188"),
        (check_credit_code, ""),
        (check_customs_code, "312226DM0"),
        (check_customs_code, "992226DM01"),  # no such province
        (check_customs_code, "312206DM01"),  # no such zone
        (check_customs_code, "３12226DM01"),
        (check_customs_code, "312226DM01\n"),
        (check_customs_code, "310026DM01"),  # a province is no place
        (check_customs_code, "810126DM01"),  # mainland customs registers nobody in Hong Kong
        (check_district, "22"),
        (check_district, "2299"),  # not in the table
        (check_district, "22A6"),
        (check_dxp_id, "DXPENT123"),
        (check_dxp_id, "DXPEDCCEB0000002"),
    ],
)
def test_it_refuses_what_is_not_one(check, value):
    with pytest.raises(ValidationError) as refusal:
        check(value)
    assert value in refusal.value.messages[0]


@pytest.mark.parametrize("code", ["110126DM01", "3223940001", "3290960001", "44031600A1", "3122260001", "659091DM0Z"])
def test_it_takes_the_places_that_customs_counts_otherwise_than_the_state(code):
    check_customs_code(code)


def test_the_districts_are_those_the_lists_are_checked_by():
    assert codes.published("districts") == published.codes("districts")
    for code in published.codes("districts"):
        if code.isdigit():
            check_district(code)


def test_the_provinces_are_those_of_the_mainland():
    assert len(codes.provinces()) == 31
    assert codes.provinces()["31"] == "上海市"
