"""The numbers and names an enterprise and its people are known by, and what makes each of them well formed."""

import csv
import re
import unicodedata
from functools import cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum.cn import uscc
from stdnum.exceptions import ValidationError as NumberRefused

# Four digits of the place, one for the kind of zone, one for the kind of enterprise, four for its number.
#: So much may be typed of a code, with what stands between.
LONGEST_TYPED = 100
CUSTOMS_CODE = re.compile(r"[0-9]{4}[1-9A-Z]{2}[0-9A-Z]{4}")
#: Where the place of a customs code would be the whole province: customs registers in a city, a district or "elsewhere in
#: the province" (90), never in a province as such.
NO_PLACE = "00"
DXP_ID = re.compile(r"DXPENT[0-9]{10}")
#: What no name has, by its Unicode category: control characters, line breaks, and what turns the direction or is not seen.
NOT_IN_NAMES = ("Cc", "Cf", "Zl", "Zp")


@cache
def published(table: str) -> dict[str, str]:
    """A code table of customs, code → name: the file the messages are checked by (``declarations/published``)."""
    with (settings.PUBLISHED_CODES / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        return {row["code"]: row["name_zh"] for row in csv.DictReader(stream)}


@cache
def provinces() -> dict[str, str]:
    """The provinces customs registers in, by the two digits a code begins with: those of the mainland, which have districts."""
    divisions = published("divisions")
    inhabited = {code[:2] for code in divisions if not code.endswith("0000")}
    return {code[:2]: name for code, name in divisions.items() if code.endswith("0000") and code[:2] in inhabited}


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
    """Refuse what cannot be a customs registration code: 10 characters beginning with a place on the mainland.

    The first two digits are those of a province (GB/T 2260). The next two are a city or district as customs counts them,
    which is not as GB/T 2260 does (Kunshan is 3223, Pudong 3122), and no whole table of them is published: any but none is
    taken, so that no right code is refused.
    """
    if not CUSTOMS_CODE.fullmatch(value):
        raise ValidationError(
            _("海关十位编码“%(value)s”不对，请对照海关备案证明填写：前 4 位为所在地区数字，共 10 位，字母大写"),
            code="customs_code",
            params={"value": value},
        )
    if value[:2] not in provinces() or value[2:4] == NO_PLACE:
        raise ValidationError(
            _("海关十位编码“%(value)s”不对：前 4 位 %(place)s 不是海关的注册地区，请对照海关备案证明填写"),
            code="customs_code",
            params={"value": value, "place": value[:4]},
        )


def as_code(text: str) -> str:
    """A code as it is published, however it was typed: in capitals, without spaces, no letter or digit of full width.

    What is far too long for one is given back as it is, to be refused: bringing order into many marks takes ever longer.
    """
    if len(text) > LONGEST_TYPED:
        return text
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def check_name(value: str) -> None:
    """Refuse a name that does not read as it is written: it stands in letters, lists and their subjects among other words."""
    if any(unicodedata.category(one) in NOT_IN_NAMES for one in value):
        raise ValidationError(_("名称中有换行、控制字符或看不见的字符，请删去后重新填写"), code="name")


def check_dxp_id(value: str) -> None:
    """Refuse what is not a transmission number of an enterprise: DXPENT and ten digits."""
    if not DXP_ID.fullmatch(value):
        raise ValidationError(
            _("申报传输编号“%(value)s”不对，应为 DXPENT 加 10 位数字，由数据分中心发放"),
            code="dxp_id",
            params={"value": value},
        )


def check_district(value: str) -> None:
    """Refuse what is not a customs district of the published table, by which lists are checked too."""
    if not re.fullmatch(r"[0-9]{4}", value):
        raise ValidationError(
            _("关区代码“%(value)s”不对，请填 4 位数字"), code="customs_district", params={"value": value}
        )
    if value not in published("districts"):
        raise ValidationError(
            _("关区代码表里没有“%(value)s”，请对照海关公布的关区代码填写"),
            code="customs_district",
            params={"value": value},
        )
