"""Rules of the order: the sums of one document agree with themselves."""

from collections.abc import Iterator

from declarations.rules.amounts import not_above_zero, plain, unequal_products
from declarations.rules.facts import Facts, Seen
from declarations.shape import Problem


def o01_paid_is_the_sum(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """实际支付金额＝商品价格＋运杂费＋代扣税款－非现金抵扣，一分不差。"""
    head = seen.head
    wanted = head["goods_value"] + head["freight"] + head["tax_total"] - head["discount"]
    if head["actual_paid"] != wanted:
        yield seen.wrong("O01", "actual_paid", wanted=plain(wanted))


def o02_goods_value_is_the_sum_of_lines(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """商品价格＝各项总价之和。"""
    wanted = sum([line["total_price"] for line in seen.lines])
    if seen.lines and seen.head["goods_value"] != wanted:
        yield seen.wrong("O02", "goods_value", wanted=plain(wanted))


def o03_total_is_price_times_quantity(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """总价＝单价×数量，四舍五入到分。"""
    return unequal_products(seen, "O03")


def o04_quantity_is_above_zero(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """数量大于零。"""
    return not_above_zero(seen, "O04", "qty")


def o05_payment_is_named_whole_or_not_at_all(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """支付企业代码、名称、交易编号同时填写或同时留空。"""
    names = ("pay_code", "pay_name", "pay_transaction_id")
    missing = [name for name in names if not seen.head[name]]
    if len(missing) < len(names):
        for name in missing:
            yield seen.wrong("O05", name)


def o06_only_gifts_cost_nothing(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """只有赠品的单价为零。"""
    return not_above_zero(seen, "O06", "price")


CHECKS = (
    o01_paid_is_the_sum,
    o02_goods_value_is_the_sum_of_lines,
    o03_total_is_price_times_quantity,
    o04_quantity_is_above_zero,
    o05_payment_is_named_whole_or_not_at_all,
    o06_only_gifts_cost_nothing,
)
