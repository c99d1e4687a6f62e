"""May a list that fits its three documents be taken: tariff and yearly total; and what it begins its way to release with."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from declarations.published import codes
from declarations.sandbox import store, tax
from declarations.sandbox.answers import BEIJING
from declarations.sandbox.catalogue import INVENTORY
from declarations.sandbox.messages import Document
from declarations.sandbox.registry import Registry
from declarations.sandbox.scenarios import REVIEWED, USUAL, YEAR, scenario_of
from declarations.sandbox.settings import Settings
from declarations.sandbox.store import Connection

OVER_THE_YEAR, NOT_CHECKED = "1313", INVENTORY.parameter


class Assessor:
    """Looks at the lists of one message, with what they need fetched at once; an earlier list counts for the later ones."""

    def __init__(
        self, connection: Connection, documents: list[Document], registry: Registry, settings: Settings,
        *, at: datetime, dice: Random,
    ) -> None:  # fmt: skip
        self.registry, self.settings = registry, settings
        self.year = at.astimezone(BEIJING).year
        self.tariff = store.rates(connection, (line["gcode"] for one in documents for line in one.lines))
        self.bought = store.bought(connection, (buyer(one) for one in documents), self.year)
        low, high = settings.release or (0.0, 0.0)
        self.first_step = at + timedelta(seconds=dice.uniform(low, high))
        self.rows: list[dict[str, Any]] = []

    def objections(self, document: Document) -> list[tuple[str, str]]:
        """Why the list is returned, as (customs code, text); none when it is taken."""
        absent = [line["gcode"] for line in document.lines if line["gcode"] not in self.tariff]
        if absent:
            return [(NOT_CHECKED, f"清单报文校验失败，商品编码{'、'.join(dict.fromkeys(absent))}不在税则中，无法计税")]
        worth, so_far = tax.value(document.head, document.lines), self._so_far(document)
        if scenario_of(document.head) is YEAR:
            so_far = self.settings.annual_limit
        if tax.treatment(worth, document.lines, so_far, self.settings) != tax.OVER_ANNUAL:
            return []
        total, limit = so_far + worth, self.settings.annual_limit
        text = f"{codes('customs_codes')[OVER_THE_YEAR]},超过个人年度购买额度;totalPrice：{total:,.2f} > limitPrice: {limit:,};"
        return [(OVER_THE_YEAR, f"{text}请改按一般贸易办理")]

    def take(self, document: Document, inbound_id: int) -> None:
        """The list is taken: it counts in the buyer's year, its tax is computed, its steps are planned."""
        head, lines = document.head, document.lines
        worth, so_far = tax.value(head, lines), self._so_far(document)
        full = tax.treatment(worth, lines, so_far, self.settings) == tax.FULL
        assessed = tax.assess(head, lines, self.tariff, full=full, settings=self.settings)
        scenario = scenario_of(head)
        steps = scenario.steps if scenario else REVIEWED if assessed.gaps else USUAL
        guarantor = self.registry.find(head["assureCode"])
        assert guarantor is not None  # it is one of the parties, and those have been looked up
        self.bought[buyer(document)] = so_far + worth
        self.rows.append({
            "guid": document.guid, "inbound_id": inbound_id, "buyer": buyer(document), "year": self.year, "value": worth,
            "guarantor": guarantor.customs_code, "tax": assessed.total, "lines": [_texts(line) for line in assessed.lines],
            "steps": " ".join(steps), "remark": "；".join(dict.fromkeys(assessed.gaps)), "due_at": self.first_step,
        })  # fmt: skip

    def _so_far(self, document: Document) -> Decimal:
        return self.bought.get(buyer(document), Decimal(0))


def buyer(document: Document) -> str:
    """One spelling for one person: the number of the identity card."""
    return document.head["buyerIdNumber"].strip().upper()


def _texts(line: tax.Line) -> dict[str, str]:
    """A line as the tax bill writes it."""
    return {
        "gnum": line.gnum, "gcode": line.gcode, "taxPrice": f"{line.value:.2f}", "customsTax": f"{line.duty:.2f}",
        "valueAddedTax": f"{line.vat:.2f}", "consumptionTax": f"{line.consumption:.2f}",
    }  # fmt: skip
