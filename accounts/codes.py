"""The numbers an enterprise is known by, and what makes each of them well formed."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum.cn import uscc
from stdnum.exceptions import ValidationError as NumberRefused

# First two digits of an administrative division (GB/T 2260), mainland only: that is where customs registers.
PROVINCES = frozenset(
    f"{region}{number}"
    for region, last in ((1, 5), (2, 3), (3, 7), (4, 6), (5, 4), (6, 5))
    for number in range(1, last + 1)
) | {"50"}
# Four digits of the division, one for the kind of zone, one for the kind of enterprise, four for its number.
CUSTOMS_CODE = re.compile(r"[0-9]{4}[1-9A-Z]{2}[0-9A-Z]{4}")
DXP_ID = re.compile(r"DXPENT[0-9]{10}")


def check_credit_code(value: str) -> None:
    """Refuse what is not a unified social credit code (GB 32100: 18 characters, the last a check character)."""
    try:
        well_formed = uscc.validate(value) == value
    except NumberRefused:
        well_formed = False
    if not well_formed:
        raise ValidationError(
            _("统一社会信用代码“%(value)s”不对，请对照营业执照填写 18 位代码，字母大写"),
            code="credit_code",
            params={"value": value},
        )


def check_customs_code(value: str) -> None:
    """Refuse what cannot be a customs registration code: 10 characters beginning with a mainland division."""
    if not CUSTOMS_CODE.fullmatch(value) or value[:2] not in PROVINCES:
        raise ValidationError(
            _("海关十位编码“%(value)s”不对，请对照海关备案证明填写：前 4 位为所在地区数字，共 10 位，字母大写"),
            code="customs_code",
            params={"value": value},
        )


def check_dxp_id(value: str) -> None:
    """Refuse what is not a transmission number of an enterprise: DXPENT and ten digits."""
    if not DXP_ID.fullmatch(value):
        raise ValidationError(
            _("申报传输编号“%(value)s”不对，应为 DXPENT 加 10 位数字，由数据分中心发放"),
            code="dxp_id",
            params={"value": value},
        )


def check_district(value: str) -> None:
    """Refuse what is not a four-digit customs district."""
    if not re.fullmatch(r"[0-9]{4}", value):
        raise ValidationError(
            _("关区代码“%(value)s”不对，请填 4 位数字"), code="customs_district", params={"value": value}
        )
