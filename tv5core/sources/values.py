"""Cleaning of values from files and providers.

Every function takes any value that a file may have in a field and returns one of the right type, or
the empty one. A value that is present but unusable is counted through :meth:`Notes.note`, so that
nothing is left out silently.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

__all__ = [
    "MAX_TEXT",
    "Notes",
    "Remarks",
    "RowError",
    "decode",
    "imdb_id",
    "is_empty",
    "plain",
    "required_title",
    "shortened",
    "text",
    "unique",
]

MAX_TEXT = 20_000
_MAX_TITLE = 1_000
_EMPTY = frozenset({"", "nan", "none", "null", "n/a", "\\n", "nat", "undefined"})
_LONGEST_EMPTY = max(map(len, _EMPTY))
# Control characters, zero-width space and mark, line separators, lone surrogates.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff\ud800-\udfff]+")
_IMDB = re.compile(r"(?:https?://(?:www\.|m\.)?imdb\.com/title/)?(?:tt)?([0-9]{1,10})(?:\.0|/)?")
_SHORTEST_IMDB = 5
_DECODER = msgspec.json.Decoder()


class RowError(Exception):
    """Raised for one record that cannot be used; the reader of the source reports it.

    ``reason`` is one of a small number of phrases to count by, ``detail`` says what was expected
    and what was found.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Notes(Protocol):
    """Receives remarks about values that were left out of an accepted record."""

    def note(self, what: str, given: str = "", /) -> None:
        """Count one remark, such as ``runtime out of range``, on what was given."""


class Remarks(Counter[str]):
    """Remarks, counted by their text."""

    def note(self, what: str, given: str = "", /) -> None:
        """Count one remark."""
        del given
        self[what] += 1


def decode(raw: bytes) -> Any:
    """Decode one JSON value.

    Raises
    ------
    ValueError
        It is not JSON, not UTF-8, or nested too deeply.
    """
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def plain(value: object) -> str:
    """Text with single spaces and without control characters; numbers as text."""
    if not isinstance(value, str):
        return "" if value is None or isinstance(value, bool | dict | list) else str(value)
    if not value.isprintable():
        value = _CONTROL.sub(" ", value)
    return " ".join(value.split())


def is_empty(word: str) -> bool:
    """Whether a text is one of the words for "nothing", or empty."""
    return len(word) <= _LONGEST_EMPTY and word.casefold() in _EMPTY


def text(value: object, notes: Notes | None = None) -> str:
    """Like :func:`plain`, but words for "nothing" are empty text and length has a limit."""
    clean = plain(value)
    if len(clean) <= _LONGEST_EMPTY and clean.casefold() in _EMPTY:  # is_empty, without a call
        return ""
    if len(clean) > MAX_TEXT:
        if notes:
            notes.note("text cut at 20,000 characters", clean[-100:])
        return clean[:MAX_TEXT]
    return clean


def required_title(value: object) -> str:
    """Return the name of a title, which every row needs.

    Raises
    ------
    RowError
        It is empty or longer than 1,000 characters.
    """
    # A film may well be called "Null" or "None": those words count as titles here.
    title = plain(value)
    if not title:
        raise RowError("no title", "expected a title, got an empty field")
    if len(title) > _MAX_TITLE:
        raise RowError("title too long", f"expected at most 1,000 characters, got {len(title)}")
    return title


def imdb_id(value: object, notes: Notes | None = None) -> str:
    """Return an IMDb id with ``tt`` and at least seven digits, from that, its page or digits."""
    raw = text(value).casefold()
    if not raw:
        return ""
    found = _IMDB.fullmatch(raw)
    bare = found.group(1).lstrip("0") if found else ""
    if not bare or ("tt" in raw and len(found.group(1)) < _SHORTEST_IMDB):  # type: ignore[union-attr]
        if notes:
            notes.note("imdb id malformed", raw)
        return ""
    return "tt" + bare.zfill(7)


def shortened(text: str, limit: int) -> str:
    """Return a text, or the beginning of a longer one and a digest of it: as long as the limit.

    Two that begin alike stay two.
    """
    if len(text) <= limit:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{text[: limit - len(digest) - 1]}-{digest}"


def unique(items: Iterable[str], key: Callable[[str], str] = str.casefold) -> tuple[str, ...]:
    """Return the items without repeats, in order of first appearance."""
    seen: dict[str, str] = {}
    for item in items:
        seen.setdefault(key(item), item)
    return tuple(seen.values())
