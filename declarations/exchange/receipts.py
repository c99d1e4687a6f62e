"""Answers of customs: what each code means, and which state a document's receipts add up to (step 9 of the walk).

The state is a pure function of the *set* of receipts, so any order of arrival, and any repetition, ends in the same
state. The rule (domain §6, message standard §5): an answer of the e-port never overrides one of customs, and "saved"
overrides nothing; otherwise the later time counts, at the same time the higher rank; after release only what customs
itself may do to released goods (inspection, detention, shipping back, closing) still counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from declarations.kinds.kind import Kind
from declarations.lifecycle import State

#: code → state, in rising rank. ``1`` (saved at the e-port) is not yet a filing. Unknown codes are kept and shown, and
#: change nothing; every negative code is an error of processing.
STATE_OF_CODE: dict[str, str] = {
    "1": State.SENT,
    "2": State.DECLARING,
    "3": State.DECLARING,
    "4": State.FAILED,
    "120": State.STORED,
    "300": State.REVIEW,
    "399": State.EXAMINED,
    "400": State.EXAMINED,
    "100": State.REJECTED,
    "600": State.SUSPENDED,
    "500": State.INSPECTING,
    "501": State.DETAINED,
    "502": State.DETAINED,
    "503": State.DETAINED,
    "599": State.DETAINED,
    "800": State.RELEASED,
    "899": State.CLOSED,
    "700": State.SHIPPED_BACK,
}
_RANK = {code: rank for rank, code in enumerate(STATE_OF_CODE)}
_SAVED = "1"
_E_PORT = frozenset({"1", "2", "3", "4"})
_RELEASED = frozenset({"800", "899"})
#: What may still happen to released goods.
_AFTER_RELEASE = _RELEASED | {"500", "501", "502", "503", "599", "700"}

#: The code under which a refusal of the whole message (900) is kept on its one document.
MESSAGE_REFUSED = "-900"


@dataclass(frozen=True, slots=True)
class Answer:
    """One receipt as far as the state is concerned; ``at`` is customs' time."""

    code: str
    at: datetime
    info: str = ""


def state_of(code: str) -> str | None:
    """The state a code stands for; None for a code we do not know."""
    if code.startswith("-"):
        return State.FAILED
    return STATE_OF_CODE.get(code)


def is_known(kind: Kind, code: str) -> bool:
    """Whether the receipts of that kind know the code; any other is kept and shown, and changes nothing."""
    return code.startswith("-") or not kind.answer_codes or code in kind.answer_codes


def deciding(answers: Iterable[Answer]) -> Answer | None:
    """The answer that decides the state, whatever the order and number of ``answers``; None when none says anything."""
    known = [answer for answer in answers if state_of(answer.code)]
    customs = [answer for answer in known if answer.code not in _E_PORT and not answer.code.startswith("-")]
    released = [answer for answer in customs if answer.code in _RELEASED]
    if released:
        first = min(answer.at for answer in released)
        customs = [
            answer
            for answer in customs
            if answer.code in _RELEASED or (answer.code in _AFTER_RELEASE and answer.at > first)
        ]
    port = [answer for answer in known if answer.code != _SAVED]
    return max(customs or port or known, key=_weight, default=None)


def _weight(answer: Answer) -> tuple[datetime, int, str, str]:
    """Later counts more; at the same time the higher rank; the text only makes the choice the same every time."""
    return (answer.at, _RANK.get(answer.code, len(_RANK)), answer.code, answer.info)
