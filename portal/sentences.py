"""Sentences that are stored now and read later: kept as the marked text and its values, spoken in the reader's language.

A worker has no reader, so what it writes down (why a file was refused, why a message waits) is kept by its message id.

Values are what people typed, so a value is never a sentence by what it looks like, only by where it comes from: what
``keep`` gave is put into another sentence as an object, and every text stays a text.
"""

import json
import re
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, override

_BEGINS = '{"say":'
#: A place for a value is %(name)s or %(name)d, as it is: one with a width would be as wide as somebody likes.
_PLACE = re.compile(r"%\((\w+)\)[sd]")
_WHOLE = re.compile(rf"(?:[^%]|%%|{_PLACE.pattern})*+", re.DOTALL)
#: The longest that is spoken, in characters: a text that only looks like a sentence could be grown without end.
_LONGEST = 100_000


class Kept(str):
    """A sentence as ``keep`` gives it, which may stand in another one."""

    __slots__ = ()


def keep(text: str | Promise, **params: Any) -> Kept:
    """The form of a sentence that is stored; `text` is marked by `gettext_noop` (or lazily) where it is written.

    Equal sentences are kept equally, so rows can be grouped by them. A value may be a lazy text or what ``keep`` gave.
    Raises ValueError where a value's place is more than its name.
    """
    message, words = _message_id(text), {name: _inside(value) for name, value in params.items()}
    if words:
        _check(message)
    said = {"say": message, "with": words}
    return Kept(json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str))


def speak(kept: str | None) -> str:
    """What `keep` kept, in the active language; any other text (customs' own words) as it is."""
    if not kept or not kept.startswith(_BEGINS):
        return kept or ""
    try:
        return _spoken(json.loads(kept))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return kept


def _inside(value: Any) -> Any:
    """A value as it stands in a sentence: what is to be spoken with it as an object, all else as it is."""
    if isinstance(value, Promise):
        value = keep(value)
    return json.loads(value) if isinstance(value, Kept) else value


def _spoken(said: dict[str, Any]) -> str:
    text, words = said["say"], said["with"]
    words = {name: _spoken(value) if isinstance(value, dict) else value for name, value in words.items()}
    return _put_in(gettext(text), words) if text != "" else ""


def _message_id(text: str | Promise) -> str:
    with override(None):
        return str(text)


def _put_in(text: str, words: dict[str, Any]) -> str:
    if not words:
        return text
    _check(text)
    if len(text) + sum(len(str(words[name])) for name in _PLACE.findall(text)) > _LONGEST:
        raise ValueError("too long to be spoken")
    return text % words


def _check(text: str) -> None:
    if not _WHOLE.fullmatch(text):
        raise ValueError("a value's place in a sentence is %(name)s or %(name)d, and nothing more")
