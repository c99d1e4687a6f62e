"""The numbers an enterprise is known by."""

import pytest
from django.core.exceptions import ValidationError

from accounts.cast import ENTERPRISES
from accounts.codes import check_credit_code, check_customs_code, check_district, check_dxp_id


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
        (check_district, "22"),
        (check_dxp_id, "DXPENT123"),
        (check_dxp_id, "DXPEDCCEB0000002"),
    ],
)
def test_it_refuses_what_is_not_one(check, value):
    with pytest.raises(ValidationError) as refusal:
        check(value)
    assert value in refusal.value.messages[0]
