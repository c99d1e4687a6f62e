"""From 120 on: the officer takes each list a step further when it is due, and bills are gathered into payment notes.

Everything here happens inside one transaction of the caller, alone: what is held, what was said and what comes next are
written together or not at all, so that a process killed between two steps goes on with the next one.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import uuid4

from declarations.published import codes
from declarations.sandbox import answers, delivery, store
from declarations.sandbox.answers import BEIJING, Receipt
from declarations.sandbox.catalogue import INVENTORY
from declarations.sandbox.scenarios import BILL, CONSOLIDATED, HOLD, SHORT, VOID
from declarations.sandbox.settings import Settings
from declarations.sandbox.store import Connection

AT_ONCE = 500  # lists taken a step further in one transaction
AGAIN = timedelta(seconds=1)  # a list whose guarantee was too small looks again after it
CODE_OF = {"300": "1200", "399": "2300", "800": "2600", "100": "1300"}  # the bracketed codes seen with these statuses
MADE, GATHERED, VOIDED = "1", "2", "3"  # states of a tax bill

Row = dict[str, Any]


class Officer:
    """One batch of lists on the officer's table: what is said about each is kept until all have been looked at."""

    def __init__(self, connection: Connection, *, at: datetime, settings: Settings, dice: Random) -> None:
        self.connection, self.at, self.settings, self.dice = connection, at, settings, dice
        self.stamp = answers.stamp(store.take_time(connection, at, 1)[0])
        self.receipts: dict[int, list[Receipt]] = {}
        self.bills: dict[tuple[int, str], list[Row]] = {}
        self.notices: dict[tuple[int, str], list[Row]] = {}
        self.pauses: dict[int, timedelta] = {}

    def take_further(self, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        """Each of these lists, one step: those about which something is new, and those that look again later."""
        new: list[Row] = []
        later: list[Row] = []
        balances = store.balances(self.connection, (row["guarantor"] for row in rows))
        left = {guarantor: limit - held for guarantor, (limit, held) in balances.items()}
        for row in rows:
            step, _, after = row["steps"].partition(" ")
            if step in (HOLD, SHORT):
                known, limit = row["short_at"] is not None, balances[row["guarantor"]][0]
                if not self._hold(row, step, limit, left):
                    row["due_at"] = self.at + AGAIN
                    (later if known else new).append(row)
                    continue
                step, _, after = after.partition(" ")
            self._say(row, step)
            row["steps"] = after
            row["due_at"] = self.at + self._pause(row["inbound_id"]) if after else None
            new.append(row)
        return new, later

    def gather(self, rows: Iterable[Row]) -> dict[str, list[Row]]:
        """One payment note per guarantor and district for these bills: note number → bills."""
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            groups.setdefault((row["guarantor"], row["head"]["customsCode"]), []).append(row)
        notes = {}
        for (_, district), group in groups.items():
            day = self.at.astimezone(BEIJING)
            number = f"{district}{day:%Y%m%d}{store.take_note_number(self.connection) % 10**6:06d}"
            for row in group:
                row.update(bill=GATHERED, duty_no=number)
                self._notify(row)
            notes[number] = group
        return notes

    def send(self) -> None:
        """Put everything said on its way: messages of at most a hundred, one receiver and one filing each."""
        for inbound_id, receipts in self.receipts.items():
            for kind, receiver, text in answers.receipt_messages(receipts):
                self._queue(inbound_id, kind.receipt, receiver, text)
        for (inbound_id, receiver), rows in self.bills.items():
            for part in _parts(rows):
                text = answers.tax_bills([(self._bill_head(row), row["lines"]) for row in part])
                self._queue(inbound_id, "CEB816Message", receiver, text)
        for (inbound_id, receiver), rows in self.notices.items():
            for part in _parts(rows):
                text = answers.tax_notices([self._notice_head(row) for row in part])
                self._queue(inbound_id, "CEB818Message", receiver, text)

    def _hold(self, row: Row, step: str, limit: Decimal, left: dict[str, Decimal]) -> bool:
        """Take the tax from the guarantee; too small, say so once. Of a list that asked to be short only what the limit was
        raised by since counts."""
        there = left[row["guarantor"]]
        if step == SHORT:
            short_at = limit if row["short_at"] is None else row["short_at"]
            there = min(there, limit - short_at)
        if row["tax"] <= there:
            row["held"] = row["tax"]
            left[row["guarantor"]] -= row["tax"]
            return True
        if row["short_at"] is None:
            row["short_at"] = limit
            self._answer(row, "300", f"担保额度不足：本单税款{row['tax']:.2f}元，担保企业{row['guarantor']}"
                         f"可用{max(there, Decimal(0)):.2f}元；增加额度后自动放行")  # fmt: skip
        return False

    def _say(self, row: Row, step: str) -> None:
        if step == BILL:
            row["bill"] = MADE
            self.bills.setdefault((row["inbound_id"], row["receiver"]), []).append(row)
        elif step == CONSOLIDATED:
            if row["bill"] == MADE:
                self.gather([row])
        elif step == VOID:
            self._give_back(row)
            row["bill"] = VOIDED
            self._notify(row)
        else:
            if step in ("100", "700"):
                self._give_back(row)
                row["stands"] = step != "100"
            self._answer(row, step, row["remark"] if step == "300" else "")

    @staticmethod
    def _give_back(row: Row) -> None:
        """The list costs neither guarantee nor yearly total any more."""
        row.update(held=Decimal(0), counts=False)

    def _answer(self, row: Row, status: str, more: str) -> None:
        """Say a status about a list, in the words seen with it, and more where there is more to say."""
        code = CODE_OF.get(status)
        said = "，".join(filter(None, (codes("customs_codes" if code else "return_status")[code or status], more)))
        row.update(status=status, info=f"[Code:{code};Desc:{said}]" if code else said, stamp=self.stamp)
        keys = {tag: row["keys"].get(tag, "") for tag in INVENTORY.receipt_keys}
        receipt = Receipt(INVENTORY, row["receiver"], str(uuid4()), keys, status, self.stamp, row["info"])
        self.receipts.setdefault(row["inbound_id"], []).append(receipt)

    def _notify(self, row: Row) -> None:
        self.notices.setdefault((row["inbound_id"], row["receiver"]), []).append(row)

    def _pause(self, inbound_id: int) -> timedelta:
        """Until the next step: the same for the lists of one filing, so that they stay in one message."""
        if inbound_id not in self.pauses:
            self.pauses[inbound_id] = timedelta(seconds=self.dice.uniform(*self.settings.release or (0.0, 0.0)))
        return self.pauses[inbound_id]

    def _bill_head(self, row: Row) -> dict[str, str]:
        """The head of 816, its tags in the order of the published table."""
        head, lines = row["head"], row["lines"]
        sums = {
            tag: f"{sum((Decimal(line[tag]) for line in lines), Decimal(0)):.2f}"
            for tag in ("customsTax", "valueAddedTax", "consumptionTax")
        }
        named = ("ebcCode", "logisticsCode", "agentCode", "customsCode", "orderNo", "logisticsNo")
        return self._number(row) | sums | self._state(row) | {tag: head[tag] for tag in named}

    def _notice_head(self, row: Row) -> dict[str, str]:
        """The head of 818, its tags in the order of the published table."""
        return self._number(row) | self._state(row)

    def _number(self, row: Row) -> dict[str, str]:
        number = row["keys"]["invtNo"]
        return {"guid": str(uuid4()), "returnTime": self.stamp, "invtNo": number, "taxNo": f"{number}_0"}

    @staticmethod
    def _state(row: Row) -> dict[str, str]:
        return {"status": row["bill"], "entDutyNo": row["duty_no"], "assureCode": row["head"]["assureCode"]}

    def _queue(self, inbound_id: int, message: str, receiver: str, text: bytes) -> None:
        delivery.queue(
            self.connection, inbound_id, message, receiver, text, at=self.at, settings=self.settings, dice=self.dice
        )


def take_due_further(connection: Connection, *, at: datetime, settings: Settings, dice: Random) -> int:
    """Take the lists that are due a step further; how many there were."""
    if settings.release is None:
        return 0
    rows = store.due_clearances(connection, at, AT_ONCE)
    if rows:
        officer = Officer(connection, at=at, settings=settings, dice=dice)
        new, later = officer.take_further(rows)
        store.save_clearances(connection, new)
        store.put_off(connection, [row["document_id"] for row in later], at + AGAIN)
        officer.send()
    return len(rows)


def consolidate(
    connection: Connection, guarantor: str, *, at: datetime, settings: Settings, dice: Random
) -> list[tuple[str, str, int, Decimal]]:
    """Gather all open bills into payment notes: (note, guarantor, bills, sum). An empty guarantor means all of them."""
    rows = store.open_bills(connection, guarantor)
    if not rows:
        return []
    officer = Officer(connection, at=at, settings=settings, dice=dice)
    notes = officer.gather(rows)
    store.save_clearances(connection, rows)
    officer.send()
    return [
        (number, bills[0]["guarantor"], len(bills), sum((bill["tax"] for bill in bills), Decimal(0)))
        for number, bills in notes.items()
    ]


def _parts(rows: list[Row]) -> Iterable[list[Row]]:
    return (rows[start : start + answers.AT_MOST] for start in range(0, len(rows), answers.AT_MOST))
