"""Rules that hold for every kind of document: who files, when, once, and after what."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache

from declarations.kinds.kind import MOST_LINES, Kind
from declarations.reading import SHANGHAI
from declarations.rules.facts import Facts, Seen
from declarations.rules.trade import (
    about_this_trade,
    filed_by_one,
    joined_by,
    of_another_platform,
    owed_by,
    owner_types,
)
from declarations.shape import Problem, fingerprint, key_of

CLOCK_DIFFERENCE = timedelta(minutes=5)
PAST_ONLY = ("pay_time", "ie_date")


def e01_filer_is_named(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """申报企业必须是单证所列的企业之一。"""
    codes = [code for code, _ in seen.kind.own]
    if facts.codes.isdisjoint([seen.head[code] for code in codes]):
        yield seen.wrong("E01", codes[0], columns=",".join(codes))


def e02_filer_may_file_this_kind(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """企业类型决定可以申报哪些单证。"""
    if not facts.types & seen.kind.filed_by:
        yield seen.wrong("E02", kind=seen.kind.slug, types=owner_types(seen.kind.slug))


def e03_lines_from_1_to_99(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """一份单证 1 到 99 项商品。"""
    if seen.kind.line and not 1 <= len(seen.lines) <= MOST_LINES:
        yield seen.wrong("E03", count=len(seen.lines))


def e04_same_document_is_filed_once(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """内容相同的单证不重复申报。"""
    known = facts.known.get(key_of(seen.kind, seen.clean))
    stands = known and not known.may_file_again and not known.waits
    if known and stands and known.fingerprint == fingerprint(seen.kind, seen.clean):
        yield seen.wrong("E04", seen.kind.number, day=known.day.isoformat())


def e05_number_is_not_used_for_another_document(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """同一单号不能申报另一份内容；还在等待的一份没有发出，可以更换。"""
    known = facts.known.get(key_of(seen.kind, seen.clean))
    stands = known and not known.may_file_again and not known.waits
    if known and stands and known.fingerprint != fingerprint(seen.kind, seen.clean):
        yield seen.wrong("E05", seen.kind.key[-1], day=known.day.isoformat())


def e06_times_lie_in_the_past(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """支付时间、进口日期不能在将来。"""
    for name in PAST_ONLY:
        value = seen.head.get(name)
        if value is None:
            continue
        latest = facts.now.astimezone(SHANGHAI).date() if name == "ie_date" else facts.now + CLOCK_DIFFERENCE
        if value > latest:
            yield seen.wrong("E06", name)


def e07_predecessors_are_there(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """运单在订单和支付单之后，清单在三单之后。"""
    for slug in seen.kind.after:
        if not about_this_trade(seen, facts, slug):
            yield seen.wrong("E07", joined_by(seen, slug), document=slug, owner=owed_by(seen, facts, slug))


def e08_predecessors_are_accepted(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """前序单证须已被海关接受（回执 2、3 或 120）。"""
    for slug in seen.kind.after:
        found = about_this_trade(seen, facts, slug)
        if found and not any(one.accepted for one in found):
            yield seen.wrong("E08", joined_by(seen, slug), document=slug, owner=owed_by(seen, facts, slug))


def e09_filers_are_different_enterprises(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """订单、支付单、运单由不同企业申报；清单的申报企业不是支付企业。"""
    return filed_by_one(seen, facts, *seen.kind.apart_from)


def e10_parties_are_registered(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """单证所列企业应在本平台登记。"""
    for code, _ in _parties(seen.kind):
        if seen.head[code] and seen.head[code] not in facts.directory:
            # A longer one may be anything pasted here by a slip of the column; it is not repeated.
            yield seen.wrong("E10", code, value=seen.head[code] if len(seen.head[code]) <= 10 else "…")


def e11_names_are_the_registered_ones(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """企业名称应与登记名称一致。"""
    for code, name in _parties(seen.kind):
        party = facts.directory.get(seen.head[code])
        if party and seen.head[name] and party.name != seen.head[name]:
            yield seen.wrong("E11", name, name=party.name)


def e12_platform_is_the_same(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """单号相同而电商平台是另一家，不是这笔交易的单证：照 E07 等待，同时提醒核对平台代码。

    订单由平台代码和订单编号共同确定；谁都可以用猜到的编号申报一份，所以它不能使别人的单证失败。
    """
    for slug in seen.kind.after:
        if not about_this_trade(seen, facts, slug) and of_another_platform(seen, facts, slug):
            yield seen.wrong("E12", seen.kind.platform_code, document=slug)


def e13_number_names_one_document(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """海关回执按编号找单证；编号不是主键的单证，一个编号只能用于一份。"""
    holder = facts.numbers.get(seen.head[seen.kind.number])
    if holder is not None and holder != key_of(seen.kind, seen.clean):
        yield seen.wrong("E13", seen.kind.number)


def e14_same_document_waits_once(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """内容相同而正在等待的单证不重复申报。"""
    known = facts.known.get(key_of(seen.kind, seen.clean))
    if known and known.waits and known.fingerprint == fingerprint(seen.kind, seen.clean):
        yield seen.wrong("E14", seen.kind.number, day=known.day.isoformat())


def e15_licence_is_valid(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """申报的企业类型须有有效的许可证；许可证最后一天仍可申报。"""
    if facts.closed:
        yield seen.wrong("E15", why=facts.closed)


def e16_service_is_active(seen: Seen, facts: Facts) -> Iterator[Problem]:
    """申报的企业类型须有在用的服务。"""
    if facts.unserved:
        yield seen.wrong("E16", why=facts.unserved)


@cache
def _parties(kind: Kind) -> list[tuple[str, str]]:
    return [(one.name_of, name) for name, one in zip(kind.head_names, kind.fields, strict=True) if one.name_of]


CHECKS = (
    e01_filer_is_named,
    e02_filer_may_file_this_kind,
    e03_lines_from_1_to_99,
    e04_same_document_is_filed_once,
    e05_number_is_not_used_for_another_document,
    e06_times_lie_in_the_past,
    e07_predecessors_are_there,
    e08_predecessors_are_accepted,
    e09_filers_are_different_enterprises,
    e10_parties_are_registered,
    e11_names_are_the_registered_ones,
    e12_platform_is_the_same,
    e13_number_names_one_document,
    e14_same_document_waits_once,
    e15_licence_is_valid,
    e16_service_is_active,
)
#: The rules that look at the other documents of the trade.
OF_THE_TRADE = (
    e07_predecessors_are_there,
    e08_predecessors_are_accepted,
    e09_filers_are_different_enterprises,
    e12_platform_is_the_same,
)
#: The rules that ask what the filer is entitled to today.
OF_THE_RIGHT = (e15_licence_is_valid, e16_service_is_active)
