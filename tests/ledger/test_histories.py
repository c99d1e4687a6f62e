"""Random histories of two guarantees against a model of fifty lines; each history is a seed, told when it fails."""

import os
import random
from decimal import Decimal

import pytest
from django.db import transaction

from accounts.cast import Cast
from ledger.audit import audit
from ledger.guarantee import LedgerProblem, align_many, reduce, settle_many, top_up
from ledger.models import Guarantee, Hold
from tests.ledger.books import NOW, balances, deposit, held, open_discrepancies, wants

#: Which histories are played: so many, from this one on (LEDGER_HISTORIES=10000 LEDGER_SEED=1000 for a night).
HISTORIES = int(os.environ.get("LEDGER_HISTORIES", "20"))
SEED = int(os.environ.get("LEDGER_SEED", "0"))
STEPS = 25
DOCUMENTS = range(1, 9)


class Model:
    """What the books should be: per guarantor what is left, per list what it wants, holds, and where."""

    def __init__(self, left: dict[str, int]) -> None:
        self.left = left
        self.lists: dict[int, dict] = {}
        #: Per list what its bills come to, those not paid yet.
        self.bills: dict[int, list[int]] = {}

    def align(self, asked: dict[int, tuple[str, int]]) -> None:
        freed = set()
        for document, (who, amount) in sorted(asked.items()):
            if document not in self.lists and not amount:
                continue
            one = self.lists.setdefault(document, {"wants": 0, "holds": 0, "who": who})
            keeps = 0 if one["who"] != who else min(one["holds"], amount)
            if one["holds"] > keeps:
                self.left[one["who"]] += one["holds"] - keeps
                freed.add(one["who"])
            one.update(wants=amount, holds=keeps, who=who)
        self.fill(set(asked), freed)

    def fill(self, line: set[int], freed: set[str]) -> None:
        for document, one in self.lists.items():
            if one["who"] in freed and 0 < one["wants"] - one["holds"] <= self.left[one["who"]]:
                line.add(document)
        for document in sorted(line & set(self.lists)):
            one = self.lists[document]
            need = one["wants"] - one["holds"]
            if 0 < need <= self.left[one["who"]]:
                self.left[one["who"]] -= need
                one["holds"] = one["wants"]

    def fund(self, who: str, amount: int) -> bool:
        if self.left[who] + amount < 0:
            return False
        self.left[who] += amount
        self.fill(set(), {who} if amount > 0 else set())
        return True

    def settle(self, left: dict[int, int]) -> None:
        claims = {one: rest for one, rest in left.items() if self.lists.get(one, {"wants": 0})["wants"]}
        self.align({one: (self.lists[one]["who"], rest) for one, rest in claims.items()})


@pytest.mark.parametrize("seed", range(SEED, SEED + HISTORIES))
def test_a_random_history_ends_where_the_model_ends(cast: Cast, seed: int) -> None:
    """Amounts are in fen, so that nothing fits by accident; a list may have two bills, paid one by one or together."""
    chance = random.Random(seed)
    guarantors = {name: cast.enterprises[name] for name in ("platform", "merchant")}
    guarantees = {name: deposit(one, "100.00", name) for name, one in guarantors.items()}
    model = Model(dict.fromkeys(guarantors, 10000))
    funded = dict.fromkeys(guarantors, 10000)
    for step in range(STEPS):
        deed = chance.choice(("align", "align", "align", "again", "fund", "settle", "settle"))
        if deed in ("align", "again"):
            asked = {}
            for document in chance.sample(DOCUMENTS, chance.randrange(1, 5)):
                bills = [chance.randrange(1, 6100) for _bill in range(chance.choice((0, 1, 1, 2)))]
                model.bills[document] = bills
                asked[document] = (chance.choice(list(guarantors)), sum(bills))
            for _time in range(2 if deed == "again" else 1):
                align_many([wants(one, guarantors[who], str(yuan(fen))) for one, (who, fen) in asked.items()])
            model.align(asked)
            if deed == "again":
                model.align(asked)
        elif deed == "fund":
            who, amount = chance.choice(list(guarantors)), chance.choice((-6000, -1999, 501, 2000, 4999))
            if model.fund(who, amount):
                funded[who] += amount
                assert fund(guarantees[who], amount, step)
            else:
                assert not fund(guarantees[who], amount, step)
        else:
            left = {}
            for document in chance.sample(DOCUMENTS, 2):
                bills = model.bills.setdefault(document, [])
                del bills[: chance.choice((1, 2))]
                left[document] = sum(bills)
            settle_many({document: yuan(rest) for document, rest in left.items()}, why="", user=None)
            model.settle(left)
        compare(model, guarantees, funded)
    assert [verdict for verdict in audit() if verdict.broken] == []


def yuan(fen: int) -> Decimal:
    """Fen in yuan."""
    return Decimal(fen) / 100


def fund(guarantee: Guarantee, amount: int, step: int) -> bool:
    """Money in or out; whether it could be."""
    move = top_up if amount > 0 else reduce
    try:
        with transaction.atomic():
            move(guarantee=guarantee, amount=yuan(abs(amount)), voucher=f"V{step}", user=None, at=NOW)
    except LedgerProblem:
        return False
    return True


def compare(model: Model, guarantees: dict[str, Guarantee], funded: dict[str, int]) -> None:
    assert held() == {document: yuan(one["holds"]) for document, one in sorted(model.lists.items()) if one["holds"]}
    for name, guarantee in guarantees.items():
        on_hold = sum(one["holds"] for one in model.lists.values() if one["who"] == name)
        assert balances(guarantee) == (yuan(model.left[name]), yuan(on_hold), yuan(-funded[name]))
    short = {f"list {document}" for document, one in model.lists.items() if one["holds"] < one["wants"]}
    assert {subject for _kind, subject in open_discrepancies()} == short
    assert set(Hold.objects.values_list("document_id", flat=True)) == set(model.lists)
