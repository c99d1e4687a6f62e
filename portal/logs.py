"""Keeps persons' data out of the logs: what PostgreSQL quotes from a row or a statement in its errors; and keys.

The first line of its error says what went wrong and stays; `DETAIL: Key (…)=(…)`, `Failing row contains (…)`, the
statement (`LINE 1: …`) and the line of a COPY (`CONTEXT: …`) quote values. A refused request is logged with its address,
and the address of an invitation is its key.
"""

import logging
import re

_QUOTED = r"(?:DETAIL|CONTEXT|STATEMENT|QUERY|LINE \d+):"
#: A quotation may have lines of its own: it ends before PostgreSQL's hint, Python's words around the next error, or never.
_QUOTATION = re.compile(
    rf"^{_QUOTED}.*?"
    r"(?=^HINT:|^Traceback \(most recent|^The above exception was|^During handling of the above|\Z)",
    re.MULTILINE | re.DOTALL,
)
#: The same in the repr() of an error, all on one line.
_WRITTEN_OUT = re.compile(rf"\\n{_QUOTED}.*")

#: An address whose last part lets somebody in.
_KEY_IN_ADDRESS = re.compile(r"((?<!/members)/invitations/|/password/reset/[^/\s]+/)[^/\s]+")


def without_quotations(text: str) -> str:
    """The text of an error without what PostgreSQL quotes in it; anything else as it is."""
    return _WRITTEN_OUT.sub(" …", _QUOTATION.sub("", text)).rstrip()


class DiscreetFormatter(logging.Formatter):
    """Writes a record without those quotations and keys, wherever they stand: message, traceback or its causes."""

    def format(self, record: logging.LogRecord) -> str:
        """The line as logged, and its traceback."""
        return _KEY_IN_ADDRESS.sub(r"\1…", without_quotations(super().format(record)))
