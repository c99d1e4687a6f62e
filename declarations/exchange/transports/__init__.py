"""How bytes reach customs. A transport sends or raises ``TransportError``, which says whether trying again helps."""


class TransportError(Exception):
    """The other side did not take the message; the (kept) sentence says why.

    ``permanent``: the same bytes will never be taken. ``needs_person``: they will, once somebody has put something right.
    """

    def __init__(self, reason: str, *, permanent: bool = False, needs_person: bool = False) -> None:
        super().__init__(reason)
        self.permanent, self.needs_person = permanent, needs_person
