"""The workbook that is measured: orders of three lines, every column of the sheet filled that a clerk may fill."""

import random
from collections.abc import Iterator
from datetime import datetime

from declarations.demo.trades import Parties, Trade, goods, person
from declarations.doors.template import workbook_of
from declarations.kinds import kind
from declarations.shape import Entry

KIND = "order"
LINES = 3
#: Columns a clerk may fill in or leave to the portal, as a sheet exported from a shop brings them.
OPTIONAL_HEAD = {"order_type": "I", "currency": "142", "buyer_id_type": "1", "batch_numbers": "B20250501"}
OPTIONAL_LINE = {
    "currency": "142",
    "item_describe": "原装进口，随附中文标签",  # untranslated: data
    "note": "保税仓现货",  # untranslated: data
}


def orders(count: int, parties: Parties, paid_at: datetime, *, prefix: str) -> Iterator[Entry]:
    """Orders of three different goods, the same for the same arguments; their numbers begin with ``prefix``."""
    chance = random.Random(len(prefix) + count)  # noqa: S311 (sample data)
    small = [good for good in goods() if good.price < 900]
    for number in range(1, count + 1):
        basket = [(good, chance.randint(1, 2)) for good in chance.sample(small, LINES)]
        order = Trade(number, parties, person(chance), basket, paid_at, prefix).order()
        order.head |= OPTIONAL_HEAD | {"note": f"批次内第 {number} 单"}  # untranslated: data
        for place, line in enumerate(order.lines, 1):
            line |= OPTIONAL_LINE | {"gnum": str(place)}
        yield order


def workbook(count: int, parties: Parties, paid_at: datetime, *, prefix: str) -> bytes:
    """The same as a workbook in the layout of the template: one row a line, the head repeated on each."""
    return workbook_of(kind(KIND), list(orders(count, parties, paid_at, prefix=prefix)))
