"""All measurements in order: the product and the usual way in turn, then the floors; what comes out is a list of figures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from django.utils import timezone

from declarations.bench import floors, ground, product
from declarations.bench.figures import Figure
from declarations.bench.processes import Asked
from declarations.bench.sheet import LINES, workbook

PER_MESSAGE = (100, 1)
#: What is asked of the job: so many times as fast as the usual way, by documents per message.
WANTED = {100: 30.0, 1: 15.0}
CHECK_WANTED = 100.0
MEMORY_LIMIT = 400.0
WARM_UP = 60


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many orders the product gets, how many the usual way (scaled by the document), and how often each runs."""

    orders: int
    peer_orders: int
    repeat: int


def measure(sizes: Sizes, folder: Path, tell: Callable[[str], None]) -> list[Figure]:
    """Everything, in one run; ``tell`` hears what is being done. The files needed lie in ``folder``."""
    tell("a portal of its own: tables, enterprises, certificates")
    here = ground.prepare()
    tell(f"workbooks: {sizes.orders} and {sizes.peer_orders} orders of {LINES} lines")
    now = timezone.now()
    content = workbook(sizes.orders, here.parties, now, prefix="B")
    peer_book = folder / "usual.xlsx"
    peer_book.write_bytes(workbook(sizes.peer_orders, here.parties, now, prefix="U"))
    merchant = str(here.actor.enterprise.pk)
    costs: dict[int, list[product.Cost]] = {per_message: [] for per_message in PER_MESSAGE}
    usual: list[float] = []
    signed_by_usual: list[int] = []
    with (
        Asked("declarations.bench.sink") as sink,
        Asked("declarations.bench.usual_worker", str(peer_book), merchant) as peer,
    ):
        gateway = f"http://127.0.0.1:{sink.first}/"
        small = workbook(WARM_UP, here.parties, now, prefix="W")
        product.run(here, small, per_message=1, gateway=gateway)
        for turn in range(1, sizes.repeat + 1):
            for per_message in PER_MESSAGE:
                tell(f"{turn}/{sizes.repeat}  the product, {per_message} document(s) in a message")
                costs[per_message].append(product.run(here, content, per_message=per_message, gateway=gateway))
                _whole(costs[per_message][-1], sizes.orders, per_message)
            tell(f"{turn}/{sizes.repeat}  the usual way")
            done = peer.ask("run")
            if done["signed"] != sizes.peer_orders:
                raise product.Stopped(f"the usual way signed {done['signed']} of {sizes.peer_orders}")
            signed_by_usual.append(done["signed"])
            usual.append(done["whole"] / sizes.peer_orders)
        tell("floors: the rows of one more run, then each step alone")
        product.run(here, content, per_message=100, gateway=gateway)
        floor = floors.measure(here, content, repeat=sizes.repeat)
    return [
        *_job(sizes, costs, median(usual)),
        *_signed(sizes, costs, min(signed_by_usual)),
        *_steps(sizes, floor),
        *_beside_floors(sizes, costs, floor),
        *_memory(sizes, costs),
    ]


def _whole(cost: product.Cost, orders: int, per_message: int) -> None:
    messages = -(-orders // per_message)
    if (cost.signed, cost.messages) != (orders, messages):
        raise product.Stopped(f"{cost.signed} of {orders} signed in {cost.messages} messages instead of {messages}")


def _job(sizes: Sizes, costs: dict[int, list[product.Cost]], usual: float) -> list[Figure]:
    return [
        Figure(
            f"stored upload to signed bytes committed, {per_message} per message",
            median(cost.whole for cost in costs[per_message]) / sizes.orders * 1e6,
            "us/document",
            usual * 1e6,
            f"the usual way, {sizes.peer_orders} orders, one task each",
            WANTED[per_message],
            is_peer=True,
        )
        for per_message in PER_MESSAGE
    ]


def _signed(sizes: Sizes, costs: dict[int, list[product.Cost]], by_usual: int) -> list[Figure]:
    """Nobody has left anything out: documents signed beside those in the workbook."""
    ours = [
        Figure(
            f"signed and kept by the product, {per_message} per message",
            min(cost.signed for cost in costs[per_message]),
            "documents",
            sizes.orders,
            "in the workbook",
        )
        for per_message in PER_MESSAGE
    ]
    return [
        *ours,
        Figure("signed by the usual way", by_usual, "documents", sizes.peer_orders, "in its workbook"),
    ]


def _steps(sizes: Sizes, floor: floors.Floors) -> list[Figure]:
    return [
        Figure(
            "check of one row: every cell and every rule",
            floor.row_ours * 1e6,
            "us/row",
            floor.row_form * 1e6,
            "a Django form per row",
            CHECK_WANTED,
            is_peer=True,
        ),
        Figure(
            "the same with facts of the database, names, fingerprint",
            floor.row_whole * 1e6,
            "us/row",
            floor.row_form * 1e6,
            "a Django form per row",
            is_peer=True,
        ),
        Figure(
            "read the sheet, guarded, in a process of its own",
            floor.read_ours / sizes.orders * 1e6,
            "us/document",
            floor.read_openpyxl / sizes.orders * 1e6,
            "openpyxl, read only",
            is_peer=True,
        ),
    ]


def _beside_floors(sizes: Sizes, costs: dict[int, list[product.Cost]], floor: floors.Floors) -> list[Figure]:
    def each(seconds: float) -> float:
        return seconds / sizes.orders * 1e6

    bounds = floor.read + floor.check + floor.copy + floor.seal
    figures = [
        Figure("  read, beside calamine alone", each(floor.read_ours), "us/document", each(floor.read), "floor"),
        Figure(
            "  check, beside the generated check of the cells alone",
            floor.row_whole * LINES * 1e6,
            "us/document",
            each(floor.check),
            "floor",
        ),
        Figure(
            "  store heads and lines, beside bare COPY of them",
            each(floor.store_ours),
            "us/document",
            each(floor.copy_bodies),
            "floor",
        ),
        Figure("  sign one message, beside bare RSA", floor.sign_ours * 1e6, "us/message", floor.rsa * 1e6, "floor"),
    ]
    for per_message in PER_MESSAGE:
        runs = costs[per_message]
        whole = median(cost.whole for cost in runs)
        signatures = floor.rsa * -(-sizes.orders // per_message)
        figures.append(
            Figure(
                f"  whole job, {per_message} per message, beside the sum of its floors",
                each(whole),
                "us/document",
                each(bounds + signatures),
                f"read {each(floor.read):.0f}, check {each(floor.check):.0f}, COPY {each(floor.copy):.0f}, "
                f"RSA {each(signatures):.0f}, compress and encrypt {each(floor.seal):.0f}",
            )
        )
    for per_message in PER_MESSAGE:
        runs = costs[per_message]
        for name, part in (
            ("read, check and stage", [cost.check for cost in runs]),
            ("check again and file", [cost.file for cost in runs]),
            ("build, sign, check, keep", [cost.sign for cost in runs]),
            ("send and note the rest", [cost.send for cost in runs]),
        ):
            figures.append(
                Figure(
                    f"  {per_message} per message: {name}",
                    each(median(part)),
                    "us/document",
                    each(median(cost.whole for cost in runs)),
                    "the whole job",
                )
            )
    return figures


def _memory(sizes: Sizes, costs: dict[int, list[product.Cost]]) -> list[Figure]:
    runs = [cost for own in costs.values() for cost in own]
    rows = sizes.orders * LINES
    return [
        Figure(
            f"memory of the import process, {rows} rows",
            max(cost.memory for cost in runs),
            "MB",
            MEMORY_LIMIT,
            "limit",
            1.0,
        ),
        Figure(
            f"memory of the process that reads the sheet, {rows} rows",
            max(cost.child_memory for cost in runs),
            "MB",
            MEMORY_LIMIT,
            "limit",
            1.0,
        ),
    ]
