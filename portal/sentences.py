"""Sentences that are stored now and read later: kept as the marked text and its values, spoken in the reader's language.

A worker has no reader, so what it writes down (why a file was refused, why a message waits) is kept by its message id.
"""

import json
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, override

_BEGINS = '{"say":'


def keep(text: str | Promise, **params: Any) -> str:
    """The form of a sentence that is stored; `text` is marked by `gettext_noop` (or lazily) where it is written.

    Equal sentences are kept equally, so rows can be grouped by them. A value may be a lazy text or a kept sentence.
    """
    words = {name: keep(value) if isinstance(value, Promise) else value for name, value in params.items()}
    said = {"say": _message_id(text), "with": words}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)


def speak(kept: str | None) -> str:
    """What `keep` kept, in the active language; any other text (customs' own words) as it is."""
    if not kept or not kept.startswith(_BEGINS):
        return kept or ""
    try:
        said = json.loads(kept)
        text, words = said["say"], said["with"]
        words = {name: speak(value) if isinstance(value, str) else value for name, value in words.items()}
        return _put_in(gettext(text), words) if text != "" else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return kept


def _message_id(text: str | Promise) -> str:
    with override(None):
        return str(text)


def _put_in(text: str, words: dict[str, Any]) -> str:
    return text % words if words else text
