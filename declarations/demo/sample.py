"""The sample of the demonstration: 120 trades as four workbooks, some of them spoiled, and the figures that follow.

Three orders are wrong in themselves and stop at the door; their waybills and lists wait for an order that never comes.
Three trades contradict one another between two parties, which only customs can see: their lists come back refused. Seven
lists carry a magic value of the pretended customs, so that every way to the end is seen.
"""
# untranslated: invented names and places are data

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from accounts.cast import Cast
from declarations.demo.trades import Parties, Party, Trade, trades
from declarations.doors import excel
from declarations.kinds import Kind, kind
from declarations.shape import Entry

TRADES = 120

#: Who files which kind, in the order of filing.
FILERS = (
    ("order", "merchant_filer"),
    ("payment", "payment_filer"),
    ("waybill", "bonded_logistics_filer"),
    ("inventory", "warehouse_filer"),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """How many documents of one kind: in the workbook, stopped at the door, waiting for others, gone to customs; of
    these accepted by customs' own check (whatever came afterwards), released, and refused."""

    brought: int
    stopped: int
    waiting: int
    filed: int
    accepted: int
    released: int
    refused: int


EXPECTED = {
    "order": Figures(brought=120, stopped=3, waiting=0, filed=117, accepted=113, released=0, refused=0),
    "payment": Figures(brought=120, stopped=0, waiting=0, filed=120, accepted=113, released=0, refused=0),
    "waybill": Figures(brought=120, stopped=0, waiting=3, filed=117, accepted=113, released=0, refused=0),
    "inventory": Figures(brought=120, stopped=0, waiting=3, filed=117, accepted=112, released=111, refused=5),
}


@dataclass(frozen=True, slots=True)
class BillFigures:
    """How many tax bills customs made, and how many of them it has put on a payment note or declared void."""

    made: int
    consolidated: int
    void: int


EXPECTED_BILLS = BillFigures(made=111, consolidated=1, void=1)


def _wrong_check_digit(order: Entry) -> None:
    number = order.head["buyer_id_number"]
    order.head["buyer_id_number"] = number[:-1] + ("0" if number[-1] != "0" else "1")


def _one_fen_too_much(order: Entry) -> None:
    order.head["actual_paid"] = str(Decimal(order.head["actual_paid"]) + Decimal("0.01"))


def _letters_for_a_country(order: Entry) -> None:
    order.lines[0]["country"] = "FRA"


def _another_payer(payment: Entry) -> None:
    payment.head["payer_name"] = "于途"


def _another_amount(payment: Entry) -> None:
    payment.head["amount_paid"] = str(Decimal(payment.head["amount_paid"]) * 2)


def _another_phone(inventory: Entry) -> None:
    inventory.head["buyer_telephone"] = "13800009999"


#: (kind, number of the trade) → how its document is spoiled.
SPOILED: dict[tuple[str, int], Callable[[Entry], None]] = {
    ("order", 7): _wrong_check_digit,
    ("order", 15): _one_fen_too_much,
    ("order", 23): _letters_for_a_country,
    ("payment", 31): _another_payer,
    ("payment", 44): _another_amount,
    ("inventory", 52): _another_phone,
}

#: Number of the trade → what its list says in its note to the pretended customs, whose page explains each.
MAGIC: dict[int, str] = {
    60: "SANDBOX300",
    66: "SANDBOX500",
    72: "SANDBOX100",
    78: "SANDBOX1313",
    84: "SANDBOX700",
    90: "SANDBOX818",
    96: "SANDBOXVOID",
}


@dataclass(slots=True)
class Sample:
    """The workbooks of one run; order numbers carry the moment of the run, so every run files anew."""

    parties: Parties
    started: datetime
    trades: list[Trade] = field(init=False)

    def __post_init__(self) -> None:
        self.trades = trades(TRADES, parties=self.parties, paid_at=self.started)

    def entries(self, slug: str) -> list[Entry]:
        """The documents of one kind, the spoiled ones spoiled."""
        entries = []
        for trade in self.trades:
            entry: Entry = getattr(trade, slug)()
            if spoil := SPOILED.get((slug, trade.number)):
                spoil(entry)
            if slug == "inventory" and (magic := MAGIC.get(trade.number)):
                entry.head["note"] = magic
            entries.append(entry)
        return entries

    def workbook(self, slug: str) -> bytes:
        """The same as a workbook in the layout of the template."""
        document_kind: Kind = kind(slug)
        return excel.workbook_of(document_kind, self.entries(slug))


def parties_of(cast: Cast) -> Parties:
    """The enterprises of the cast that take part in a bonded trade."""

    def party(key: str) -> Party:
        return Party(cast.enterprises[key].customs_code, cast.enterprises[key].name)

    return Parties(
        platform=party("platform"),
        merchant=party("merchant"),
        payment=party("payment"),
        logistics=party("bonded_logistics"),
        warehouse=party("warehouse"),
    )
