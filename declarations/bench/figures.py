"""What is measured, as it is printed and kept: each figure beside its peer or limit, and whether what was wanted is met."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    ``beside``: the peer's figure, the floor or the limit, in the same unit; ``against`` names it. ``ratio``: how many
    times faster than the peer (for a peer), or how many times the floor or limit (for these). ``wanted``: the ratio at
    least (peer) or at most (floor, limit) that is asked for; None where nothing is.
    """

    goal: str
    figure: float
    unit: str
    beside: float
    against: str
    wanted: float | None = None
    is_peer: bool = False

    @property
    def ratio(self) -> float:
        """How this figure stands to the one beside it."""
        return self.beside / self.figure if self.is_peer else self.figure / self.beside

    @property
    def met(self) -> bool:
        """Whether it is as good as wanted; what nothing is wanted of is good as it is."""
        if self.wanted is None:
            return True
        return self.ratio >= self.wanted if self.is_peer else self.ratio <= self.wanted

    def as_json(self) -> dict[str, Any]:
        """As it stands in bench.json."""
        said = asdict(self)
        del said["is_peer"]
        rounded = {name: round(said[name], 4) for name in ("figure", "beside")}
        return said | rounded | {"ratio": round(self.ratio, 3), "met": self.met}


def table(figures: Iterable[Figure]) -> Iterator[str]:
    """The lines of the table."""
    yield f"{'goal':<62}{'figure':>10} {'unit':<13}{'beside':>10}  {'ratio':>7}  {'wanted':>7}  met"
    for one in figures:
        wanted = "" if one.wanted is None else f"{'>=' if one.is_peer else '<='}{one.wanted:g}"
        met = "" if one.wanted is None else ("yes" if one.met else "NO")
        yield (
            f"{one.goal:<62}{one.figure:>10.1f} {one.unit:<13}{one.beside:>10.1f}  {one.ratio:>7.2f}  {wanted:>7}  {met:<3}"
            f"  {one.against}"
        )
