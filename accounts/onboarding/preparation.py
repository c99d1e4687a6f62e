"""What an enterprise sees to before it is connected: seven items in six offices, as data, and their plan of dates.

From the implementation guide of the Shanghai platform, chapter 5. The order is fixed, as each item needs the result of
the one before; only a bank's letter of guarantee may be asked for at any time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models.preparation import FiledType
from accounts.roles import Depot, EnterpriseType
from portal.calendar import last_of_working_days, working_day_from


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is done: an address, a site, a telephone, as far as there is one."""

    name: Any
    address: Any = ""
    hours: Any = ""
    phone: Any = ""
    site: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the preparation."""

    name: str
    label: Any
    #: For the axis of the plan, where there is little room.
    short: Any
    #: Who decides on it.
    who: Any
    where: tuple[Place, ...]
    #: What to do, in one sentence.
    how: Any
    fee: Any
    #: What is to be shown as its result.
    evidence: Any
    working_days: int
    #: The applications that bring its evidence, the one it needs first; none where opening the account brought it.
    kinds: tuple[str, ...] = ()
    #: The types of enterprise it is for; empty: all.
    types: frozenset[str] = frozenset()
    #: What the guide says differently of one type, and how it is read here.
    said_of: Mapping[str, Any] | None = None


CARD_CENTRE = Place(
    _("上海制卡中心"),
    _("浦东新区蔡伦路 1600 号 1 楼 2 号窗口"),
    _("工作日 8:30–11:30，13:00–16:30"),
    "021-962116",
    "https://card.tongguanbao.net/",
)
E_PORT = Place(_("中国电子口岸，关企合作平台"), phone="010-95198", site="http://www.chinaport.gov.cn/")
REGISTRATION_CUSTOMS = Place(_("注册地海关"), phone="12360")
DATA_CENTRE = Place(_("电子口岸数据中心上海分中心"), phone="021-962116", site="http://shdatacenter.eport.sh.cn/")
DUTY_OFFICE = Place(_("上海海关关税处（银行保函）"), _("黄浦区中山东一路 13 号"), phone=_("021-68890000 转关税处"))

#: Who guarantees tax to customs; the others pay none.
GUARANTORS = frozenset(
    {
        EnterpriseType.PLATFORM,
        EnterpriseType.MERCHANT,
        EnterpriseType.DIRECT_LOGISTICS,
        EnterpriseType.WAREHOUSE,
    }
)
#: Whose type filing customs always verifies on the spot, with the licence; the others' when it asks for it.
VISITS = frozenset({EnterpriseType.DIRECT_LOGISTICS, EnterpriseType.BONDED_LOGISTICS, EnterpriseType.PAYMENT})
#: Within so many working days of the filing on line.
VISIT_WITHIN = 10
#: About how long a bank takes for a letter of guarantee.
LETTER_DAYS = 30

FREE = _("免费")

ITEMS: tuple[Item, ...] = (
    Item(
        "company",
        _("企业注册"),
        _("企业注册"),
        _("市场监督管理部门"),
        (Place(_("市场监督管理部门"), site="https://www.samr.gov.cn/"),),
        _("已经注册的不用再办"),
        "",
        _("营业执照、统一社会信用代码"),
        0,
    ),
    Item(
        "customs",
        _("海关注册登记"),
        _("海关注册"),
        _("注册地海关"),
        (REGISTRATION_CUSTOMS,),
        _("到注册地海关办理报关单位备案，材料先问该海关；已有海关十位编码的不用再办"),
        FREE,
        _("海关备案证明、海关十位编码"),
        20,
        said_of={
            EnterpriseType.DIRECT_LOGISTICS: _("直购物流企业还须有国际快递业务经营许可和进出境快件运营人资质，在“企业类型登记”中填报")
        },
    ),
    Item(
        "card",
        _("电子口岸 IC 卡或 Ikey"),
        _("IC 卡"),
        _("上海制卡中心"),
        (CARD_CENTRE,),
        _("在制卡中心网站填表、上传盖章材料；审核通过后网上缴费邮寄，或到窗口缴费取卡。已付费可退，已办结不可退"),
        _("收费，以窗口公布为准"),
        _("《业务登记表》、营业执照、海关备案证明、法定代表人和操作员身份证，都盖公章"),
        8,
        kinds=("ic_card",),
    ),
    Item(
        "types",
        _("电商企业类型备案"),
        _("类型备案"),
        _("注册地海关"),
        (E_PORT, REGISTRATION_CUSTOMS),
        _("用 IC 卡或 Ikey 登录关企合作平台，在“企业注册信息变更申请”中勾选类型、填写网址"),
        FREE,
        _("已勾选的类型、企业网址、备案页面截图"),
        10,
        kinds=("type_filing",),
    ),
    Item(
        "certificate",
        _("加密证书"),
        _("加密证书"),
        _("平台和上海制卡中心"),
        (CARD_CENTRE,),
        _("先发邮件给平台，主题写“申请办理加密机”加企业名称，内容写企业全称、业务类型（进口）、联系人和联系电话，再到制卡中心；也可以用 IC 卡或 Ikey 加签"),
        FREE,
        _("证书编号"),
        5,
        kinds=("signing_certificate",),
    ),
    Item(
        "dxp",
        _("申报传输 ID（DXP ID）"),
        "DXP ID",
        _("电子口岸数据中心上海分中心"),
        (DATA_CENTRE,),
        _("用 IC 卡登录，填写外网应用系统申请使用登记表和数据接口开通申请表，密码设备选“加密机”并填证书编号；进口、出口分开申请"),
        FREE,
        _("DXP ID，没有它不能申报"),
        5,
        kinds=("dxp_import", "dxp_export"),
        said_of={
            # 5.3.6 of the guide repeats the licence check of 5.3.4 where every other role has its days: not a second check.
            EnterpriseType.DIRECT_LOGISTICS: _("许可证在类型备案时已由海关验核，这里不必再验")
        },
    ),
    Item(
        "guarantee",
        _("担保金账户"),
        _("担保金"),
        _("现场海关；保函另经上海海关关税处和银行"),
        (Place(_("现场海关")), DUTY_OFFICE),
        _("保证金：向现场海关申请，审核后汇款，凭汇款凭证开户。保函：依次经现场海关、关税处、银行，约 1 个月，可以提前办"),
        _("保证金免费，保函由银行收费"),
        _("担保种类、额度，汇款凭证或保函"),
        3,
        kinds=("guarantee",),
        types=GUARANTORS,
    ),
)  # fmt: skip
_BY_KIND = {kind: item for item in ITEMS for kind in item.kinds}


def item_of_kind(kind: str) -> Item | None:
    """The item whose evidence that kind of application brings."""
    return _BY_KIND.get(kind)


def is_needed(item: Item, types: Collection[str]) -> bool:
    """Whether an enterprise of these types needs it; while no type is registered, everything."""
    return not item.types or not types or bool(item.types & set(types))


def items_for(types: Collection[str]) -> tuple[Item, ...]:
    """What an enterprise of these types needs, in the order in which it is done."""
    return tuple(item for item in ITEMS if is_needed(item, types))


def always_visits(types: Collection[str]) -> bool:
    """Whether customs verifies the type filing of these types on the spot in any case."""
    return bool(VISITS & set(types))


#: What each type ticks at its filing.
TICKS: Mapping[str, FiledType] = {
    EnterpriseType.PLATFORM: FiledType.PLATFORM,
    EnterpriseType.MERCHANT: FiledType.MERCHANT,
    EnterpriseType.PAYMENT: FiledType.PAYMENT,
    EnterpriseType.DIRECT_LOGISTICS: FiledType.LOGISTICS,
    EnterpriseType.BONDED_LOGISTICS: FiledType.LOGISTICS,
    # The warehouse files as agent in China of the merchant abroad.
    EnterpriseType.WAREHOUSE: FiledType.MERCHANT,
    EnterpriseType.VENUE: FiledType.VENUE,
}


def ticks_of(types: Collection[str], depot: str = "") -> list[FiledType]:
    """What an enterprise of these types ticks, in the order of the table of customs.

    Direct logistics with a depot of its own ticks two; for a public depot its operator ticks the second.
    """
    wanted = {TICKS[one] for one in types}
    if depot == Depot.OWN:
        wanted.add(FiledType.VENUE)
    return [one for one in FiledType if one in wanted]


def ticks_fit(ticked: Collection[str], types: Collection[str], depot: str = "") -> bool:
    """Whether the ticks are those of the types; a warehouse may tick the venue where its customs wants it."""
    spare = {FiledType.VENUE} if EnterpriseType.WAREHOUSE in types and depot != Depot.OWN else set()
    wanted = set(ticks_of(types, depot))
    return wanted - spare <= set(ticked) <= wanted | spare


# --- the plan of dates --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when an item is seen to; done, or as planned."""

    item: Item
    first: date
    last: date
    done: bool


def plan(
    items: Iterable[Item], *, start: date, done: Mapping[str, date], today: date, letter: bool = False
) -> list[Span]:
    """When each item begins and ends if nothing comes between: one after the other, by working days.

    ``done``: name of an item → the day it was. What should be over by now and is not ends today at the earliest. A letter
    of guarantee (``letter``) takes a month of its own and waits for nothing.
    """
    spans: list[Span] = []
    free, is_next = working_day_from(start), True
    for item in items:
        if item.name == "guarantee" and letter and item.name not in done:
            first = working_day_from(max(start, today))
            spans.append(Span(item, first, working_day_from(first + timedelta(days=LETTER_DAYS)), done=False))
        elif day := done.get(item.name):
            spans.append(Span(item, min(free, day), day, done=True))
            if item.working_days and not (item.name == "guarantee" and letter):
                free = max(free, working_day_from(day + timedelta(days=1)))
        elif item.working_days:
            last = last_of_working_days(free, item.working_days)
            if is_next:
                last = max(last, working_day_from(today))
            spans.append(Span(item, free, last, done=False))
            free, is_next = working_day_from(last + timedelta(days=1)), False
        else:
            spans.append(Span(item, free, free, done=False))
    return spans


def end_of(spans: Sequence[Span]) -> date:
    """When everything is done."""
    return max(span.last for span in spans)
