"""How bytes reach customs. A transport sends or raises ``TransportError``, which says whether trying again helps."""


class TransportError(Exception):
    """The other side did not take the message. ``permanent``: the same bytes will never be taken."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent
