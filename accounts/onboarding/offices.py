"""The customs offices of Shanghai where an enterprise is registered: what they are called, where they are, for which area.

From the implementation guide of the Shanghai platform, chapter 9 (``offices.csv``): 20 offices with 25 counters.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from django.utils.translation import gettext

FILE = Path(__file__).with_name("offices.csv")
#: An office elsewhere: the guide lists Shanghai's only, and an enterprise may be registered anywhere.
ELSEWHERE = "elsewhere"
#: The first two digits of the codes customs gives in Shanghai (GB/T 2260).
SHANGHAI = "31"


@dataclass(frozen=True, slots=True)
class Counter:
    """One place of an office, and the area it is for; the phone number is without the city's 021."""

    address: str
    area: str
    phone: str


@dataclass(frozen=True, slots=True)
class Office:
    """A customs office; the district is its four digits in messages, empty where the guide and the table have no match."""

    key: str
    name: str
    district: str
    counters: tuple[Counter, ...]


def _read() -> dict[str, Office]:
    found: dict[str, Office] = {}
    with FILE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            counter = Counter(row["address"], row["area"], row["phone"])
            before = found[row["number"]].counters if row["number"] in found else ()
            found[row["number"]] = Office(row["number"], row["name"], row["district"], (*before, counter))
    return found


#: By number, in the order of the guide.
OFFICES = _read()


def offices_for(words: str) -> list[Office]:
    """The offices in whose name, areas or addresses the words occur, each with the counters that fit; all for no words."""
    found: list[Office] = []
    for office in OFFICES.values():
        counters = tuple(one for one in office.counters if words in office.name or words in one.area + one.address)
        if counters:
            found.append(replace(office, counters=counters))
    return found


def called(key: str) -> str:
    """What an office is called, by its key, or ELSEWHERE; empty where none is known."""
    if key == ELSEWHERE:
        return gettext("上海以外的海关")
    return OFFICES[key].name if key in OFFICES else ""


def counters_of(offices: Iterable[Office]) -> int:
    """How many places that are."""
    return sum(len(office.counters) for office in offices)
