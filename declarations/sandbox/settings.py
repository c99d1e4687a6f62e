"""What can be set in the sandbox: how receipts travel, and dated figures of the rules it applies."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from declarations.sandbox.store import Connection

BEGINNING = date(2016, 4, 8)  # the cross-border retail rules start on this day
NEVER = "no"  # in place of a range of seconds: customs stops at 120

# name → (dated values, what it means)
KNOWN: dict[str, tuple[dict[date, str], str]] = {
    "delay": ({BEGINNING: "0.2..1.5"}, "回执在多少秒之后发出（从..到）"),
    "repeat": ({BEGINNING: "0.1"}, "多大比例的回执会发两次（0至1）"),
    "shuffle": ({BEGINNING: "yes"}, "回执是否打乱顺序（yes/no）"),
    "seed": ({BEGINNING: ""}, "随机数种子，空为每次不同"),
    "signature": ({BEGINNING: "yes"}, "是否要求每份报文都有签名（yes/no）；有签名则必验"),
    "tolerance": ({BEGINNING: "0.05"}, "金额比对的容差（占较大者的比例）"),
    "single_limit": (
        {BEGINNING: "2000", date(2019, 1, 1): "5000"},
        "单笔限值（元），多于一件的超限清单退回，仅一件的全额征税",
    ),
    "annual_limit": ({BEGINNING: "20000", date(2019, 1, 1): "26000"}, "年度限值（元），按订购人证件号与自然年累计"),
    "share": ({BEGINNING: "0.7"}, "限值以内按法定应纳税额的多大比例征收（0至1）"),
    "vat_general": ({BEGINNING: "17", date(2018, 5, 1): "16", date(2019, 4, 1): "13"}, "增值税一般税率（%）"),
    "vat_low": ({BEGINNING: "11", date(2018, 5, 1): "10", date(2019, 4, 1): "9"}, "增值税低税率（%）"),
    "beer_line": ({BEGINNING: "2590"}, "啤酒按较高从量税率征税的完税价格（元/吨），税则写作370美元"),
    "release": ({BEGINNING: "0.3..1.5"}, "比对相符（120）之后，海关每一步相隔多少秒（从..到）；no 则停在120"),
}


class BadSetting(ValueError):
    """A setting that is not known or a value that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force on one day."""

    delay: tuple[float, float]
    repeat: float
    shuffle: bool
    seed: str
    signature: bool
    tolerance: Decimal
    single_limit: Decimal
    annual_limit: Decimal
    share: Decimal
    vat_general: Decimal
    vat_low: Decimal
    beer_line: Decimal
    release: tuple[float, float] | None


def from_environment() -> dict[str, str]:
    """SANDBOX_DELAY, SANDBOX_REPEAT, … : values that hold for this process and are not stored."""
    return {name: os.environ[f"SANDBOX_{name.upper()}"] for name in KNOWN if os.environ.get(f"SANDBOX_{name.upper()}")}


def load(connection: Connection, day: date, overrides: Mapping[str, str] = {}) -> Settings:
    """The settings of a day: the latest stored or built-in value, or what this process was started with."""
    values = built_in(day)
    rows = connection.execute("SELECT name, value FROM setting WHERE since <= %s ORDER BY since", [day])
    values |= {row["name"]: row["value"] for row in rows if row["name"] in KNOWN}
    return read(values | dict(overrides))


def built_in(day: date) -> dict[str, str]:
    """The values of a day as they come with the program."""
    return {name: _of_day(dated, day) for name, (dated, _) in KNOWN.items()}


def read(values: Mapping[str, str]) -> Settings:
    """Typed settings from their texts. Raises BadSetting, naming the one that is wrong."""
    if unknown := values.keys() - KNOWN.keys():
        raise BadSetting(f"没有这个设置：{'、'.join(sorted(unknown))}；可设置：{'、'.join(KNOWN)}")
    return Settings(
        delay=_range("delay", values["delay"]),
        repeat=float(_number("repeat", values["repeat"], most=Decimal(1))),
        shuffle=_truth("shuffle", values["shuffle"]),
        seed=values["seed"],
        signature=_truth("signature", values["signature"]),
        tolerance=_number("tolerance", values["tolerance"], most=Decimal(1)),
        single_limit=_number("single_limit", values["single_limit"]),
        annual_limit=_number("annual_limit", values["annual_limit"]),
        share=_number("share", values["share"], most=Decimal(1)),
        vat_general=_number("vat_general", values["vat_general"], most=Decimal(100)),
        vat_low=_number("vat_low", values["vat_low"], most=Decimal(100)),
        beer_line=_number("beer_line", values["beer_line"]),
        release=None if values["release"] == NEVER else _range("release", values["release"]),
    )


def spelled(value: object) -> str:
    """A value as it is typed."""
    if value is None:
        return NEVER
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "..".join(map(str, value)) if isinstance(value, tuple) else str(value)


def put(connection: Connection, name: str, value: str, since: date) -> None:
    """Store a value from a day on. Raises BadSetting."""
    read(built_in(since) | {name: value})
    with connection.transaction():
        connection.execute(
            "INSERT INTO setting (name, since, value) VALUES (%s, %s, %s)"
            " ON CONFLICT (name, since) DO UPDATE SET value = excluded.value",
            [name, since, value],
        )


def _of_day(dated: Mapping[date, str], day: date) -> str:
    return dated[max((since for since in dated if since <= day), default=min(dated))]


def _number(name: str, text: str, most: Decimal | None = None) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise BadSetting(f"{name} 应为数字，不是“{text}”") from None
    if not value.is_finite() or value < 0 or (most is not None and value > most):
        raise BadSetting(f"{name} 的值“{text}”超出范围")
    return value


def _range(name: str, text: str) -> tuple[float, float]:
    low, dots, high = text.partition("..")
    first, last = float(_number(name, low)), float(_number(name, high if dots else low))
    if last < first:
        raise BadSetting(f"{name} 应从小到大，例如 0.2..1.5")
    return first, last


def _truth(name: str, text: str) -> bool:
    if text not in ("yes", "no"):
        raise BadSetting(f"{name} 只能是 yes 或 no")
    return text == "yes"
