"""Rules of the declaration list: what each mode asks for, weights, quantities, the guarantor."""

from collections.abc import Iterator

from accounts.roles import LIST_FILERS, EnterpriseType, Mode
from declarations.rules.amounts import not_above_zero, unequal_products
from declarations.rules.facts import Facts, Seen
from declarations.rules.trade import filed_by_one
from declarations.shape import Problem

BONDED_HEAD = ("ems_no", "area_code", "area_name")
BONDED_LINE = ("item_record_no",)
DIRECT_HEAD = ("traf_no", "voyage_no", "bill_no")
CHINA = "142"


def _bonded(seen: Seen) -> bool:
    return bool(seen.head["trade_mode"] == Mode.BONDED)


def _direct(seen: Seen) -> bool:
    return bool(seen.head["trade_mode"] == Mode.DIRECT)


def _cells(seen: Seen, rule: str, head: tuple[str, ...], line: tuple[str, ...], *, filled: bool) -> Iterator[Problem]:
    for name in head:
        if bool(seen.head[name]) is filled:
            yield seen.wrong(rule, name)
    for place, values in seen.numbered_lines:
        for name in line:
            if bool(values[name]) is filled:
                yield seen.wrong(rule, name, place)


def l01_bonded_names_book_and_warehouse(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """1210 必填账册编号、区内企业和备案料号。"""
    if _bonded(seen):
        yield from _cells(seen, "L01", BONDED_HEAD, BONDED_LINE, filled=False)


def l02_bonded_leaves_out_the_voyage(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """1210 不填运输工具、航次和提运单号。"""
    if _bonded(seen):
        yield from _cells(seen, "L02", DIRECT_HEAD, (), filled=True)


def l03_bonded_comes_from_china(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """1210 的起运国为 142。"""
    if _bonded(seen) and seen.head["country"] != CHINA:
        yield seen.wrong("L03", "country")


def l04_direct_names_the_voyage(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """9610 必填运输工具、航次和提运单号。"""
    if _direct(seen):
        yield from _cells(seen, "L04", DIRECT_HEAD, (), filled=False)


def l05_direct_leaves_out_book_and_warehouse(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """9610 不填账册编号、区内企业和备案料号。"""
    if _direct(seen):
        yield from _cells(seen, "L05", BONDED_HEAD, BONDED_LINE, filled=True)


def l06_net_is_not_above_gross(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """净重不大于毛重。"""
    if seen.head["net_weight"] > seen.head["gross_weight"]:
        yield seen.wrong("L06", "net_weight")


def l07_weights_are_above_zero(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """重量大于零。"""
    for name in ("gross_weight", "net_weight"):
        if seen.head[name] <= 0:
            yield seen.wrong("L07", name)


def l08_second_quantity_has_its_unit(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """第二数量与第二计量单位同时填写。"""
    for place, line in seen.numbered_lines:
        if (line["qty2"] is None) is not (line["unit2"] == ""):
            yield seen.wrong("L08", "qty2" if line["qty2"] is None else "unit2", place)


def l09_guarantor_is_on_the_list(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """担保企业是清单上的平台、电商企业或物流企业。"""
    if not any(
        facts.same(seen.head["assure_code"], seen.head[name]) for name in ("ebp_code", "ebc_code", "logistics_code")
    ):
        yield seen.wrong("L09", "assure_code")


def l10_total_is_price_times_quantity(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """总价＝单价×数量，四舍五入到分。"""
    return unequal_products(seen, "L10")


def l11_quantities_are_above_zero(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """各项数量大于零。"""
    return not_above_zero(seen, "L11", "qty", "qty1", "qty2")


def l12_mode_is_bonded_or_direct(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """进口只有 1210 和 9610。"""
    if seen.head["trade_mode"] not in Mode.values:
        yield seen.wrong("L12", "trade_mode")


def l13_same_unit_same_quantity(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """申报单位即法定单位时，两个数量相同。"""
    for place, line in seen.numbered_lines:
        if line["unit"] == line["unit1"] and line["qty"] != line["qty1"]:
            yield seen.wrong("L13", "qty1", place)


def l14_mode_says_who_files(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """1210 由保税仓储企业申报，9610 由直购物流企业申报，电商企业可自行申报。"""
    owner = LIST_FILERS.get(seen.head["trade_mode"])
    if owner and owner not in facts.types and seen.head["ebc_code"] not in facts.codes:
        yield seen.wrong("L14", "trade_mode", owner=owner.value)


def e09_list_comes_from_a_fourth_enterprise(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """1210 的清单由第四家企业申报；电商企业自行申报的清单，订单可由它自己申报。"""
    if seen.head["ebc_code"] not in facts.codes:
        yield from filed_by_one(seen, facts, "order")
    if _bonded(seen):
        yield from filed_by_one(seen, facts, "waybill")


def l15_only_gifts_cost_nothing(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """只有赠品的单价为零。"""
    return not_above_zero(seen, "L15", "price")


def l16_merchant_has_mandated_the_filer(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """替别的电商企业申报清单，须有对方给予、申报当天有效的委托；自己申报自己的清单不需要。"""
    merchant, mode, district = seen.head["ebc_code"], seen.head["trade_mode"], seen.head["customs_code"]
    if merchant in facts.codes or mode not in Mode.values:
        return
    if facts.mandates.isdisjoint(((merchant, mode, district), (merchant, mode, ""))):
        yield seen.wrong("L16", "ebc_code", mode=mode, district=district)


def l17_filer_is_activated_for_mode_and_district(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """申报清单须有这种贸易方式、这个关区在用的服务；电商企业申报自己的清单凭电商企业的服务。"""
    mode, district = seen.head["trade_mode"], seen.head["customs_code"]
    if facts.unserved or mode not in Mode.values:  # E16 and L12 speak of that
        return
    own = {EnterpriseType.MERCHANT} if seen.head["ebc_code"] in facts.codes else set()
    # Where it neither is of the type that files such a list nor files its own, L14 speaks.
    filers = ({LIST_FILERS[mode]} & facts.types) | own
    if filers and facts.services.isdisjoint((one, mode, district) for one in filers & facts.types):
        yield seen.wrong("L17", "customs_code", owner=",".join(sorted(filers)), mode=mode, district=district)


CHECKS = (
    l01_bonded_names_book_and_warehouse,
    l02_bonded_leaves_out_the_voyage,
    l03_bonded_comes_from_china,
    l04_direct_names_the_voyage,
    l05_direct_leaves_out_book_and_warehouse,
    l06_net_is_not_above_gross,
    l07_weights_are_above_zero,
    l08_second_quantity_has_its_unit,
    l09_guarantor_is_on_the_list,
    l10_total_is_price_times_quantity,
    l11_quantities_are_above_zero,
    l12_mode_is_bonded_or_direct,
    l13_same_unit_same_quantity,
    l14_mode_says_who_files,
    l15_only_gifts_cost_nothing,
    l16_merchant_has_mandated_the_filer,
    l17_filer_is_activated_for_mode_and_district,
    e09_list_comes_from_a_fourth_enterprise,
)
#: The rules that look at the other documents of the trade.
OF_THE_TRADE = (e09_list_comes_from_a_fourth_enterprise,)
#: The rules that ask what the filer is entitled to today: of two types one whose licence has ended counts no more (L14).
OF_THE_RIGHT = (
    l14_mode_says_who_files,
    l16_merchant_has_mandated_the_filer,
    l17_filer_is_activated_for_mode_and_district,
)
