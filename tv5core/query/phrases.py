"""Phrases that say when a title is from and how long it runs: eras, years, hours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Numbers", "Phrase", "era", "runtime"]


class Numbers(NamedTuple):
    """A range of a numeric field, ends included; None for no end."""

    field: str
    low: int | None
    high: int | None


class Phrase(NamedTuple):
    """What was read at a place.

    Attributes
    ----------
    length : int
        Words it takes up.
    meaning : Numbers
    explicit : bool
        Whether it can mean nothing else: ``from the 80s`` and not a bare ``1984``.
    """

    length: int
    meaning: Numbers
    explicit: bool


_DECADE_WORDS = {
    name: 1900 + 10 * number
    for number, name in enumerate(
        "twenties thirties forties fifties sixties seventies eighties nineties".split(), 2
    )
} | {"noughties": 2000}
_DECADE = re.compile(r"(?:(1[89]|20)?(\d)0)s")
_YEAR = re.compile(r"(?:18[89]|19\d|20[0-3])\d")
_PARTS = {"early": (0, 3), "mid": (4, 6), "late": (7, 9)}
_FIRST_OF_20TH = 3
"""The ``20s`` of a century that is not named are those of the last one from here on: ``30s``."""

_FROM = {"from", "of", "during"}
_SCENES = {"set", "takes", "place", "happening", "life", "back", "that", "those"}
_BEFORE, _AFTER = {"before", "until", "till", "pre"}, {"after", "since", "post"}


def era(words: Sequence[str], at: int) -> Phrase | None:
    """Read an era that begins at a word, such as ``from the early 80s`` or ``before 1960``."""
    if _is_scene(words, at):
        return None
    end, linked = at, ""
    if words[end] in _FROM | _BEFORE | _AFTER | {"in", "between"}:
        linked, end = words[end], end + 1
    if linked and words[end : end + 1] == ["the"]:
        end += 1
    span = _span(words, end)
    if span is None:
        return None
    length, low, high = span
    end += length
    if linked in _FROM | {"between"}:
        end, high = _up_to(words, end, high)
    if linked in _BEFORE:
        return Phrase(end - at, Numbers("year", None, low - 1), explicit=True)
    if linked in _AFTER:
        low, high = (low if linked == "since" else high + 1), 9999
        return Phrase(end - at, Numbers("year", low, None), explicit=True)
    return Phrase(end - at, Numbers("year", low, high), linked in _FROM | {"between"})


def _is_scene(words: Sequence[str], at: int) -> bool:
    """Return whether an era is that of the story: ``set in the 80s``."""
    before = [word for word in words[max(0, at - 3) : at] if word not in {"in", "the", "during"}]
    return bool(before) and before[-1] in _SCENES


def _span(words: Sequence[str], at: int) -> tuple[int, int, int] | None:
    """Return how many words name a span of years here, its first year and its last."""
    part = _PARTS.get(words[at]) if at < len(words) else None
    start = at + (part is not None)
    word = words[start] if start < len(words) else ""
    if (decade := _decade(word)) is not None:
        first, last = part or (0, 9)
        return start + 1 - at, decade + first, decade + last
    if part is None and _YEAR.fullmatch(word):
        return 1, int(word), int(word)
    return None


def _decade(word: str) -> int | None:
    if word in _DECADE_WORDS:
        return _DECADE_WORDS[word]
    found = _DECADE.fullmatch(word)
    if found is None:
        return None
    tens = int(found[2])
    century = int(found[1]) if found[1] else 19 if tens >= _FIRST_OF_20TH else 20
    return century * 100 + tens * 10


def _up_to(words: Sequence[str], at: int, high: int) -> tuple[int, int]:
    """Read the end of a span of two: ``and 1999``, ``to the 90s``."""
    if at >= len(words) or words[at] not in {"and", "to", "until", "through"}:
        return at, high
    start = at + 2 if words[at + 1 : at + 2] == ["the"] else at + 1
    span = _span(words, start)
    if span is None or span[2] < high:
        return at, high
    return start + span[0], span[2]


_NUMBERS = {
    word: number
    for number, word in enumerate("one two three four five six seven eight nine ten".split(), 1)
} | {"a": 1, "an": 1, "half": 0.5}
_UNITS = {"h": 60, "hr": 60, "hrs": 60, "hour": 60, "hours": 60}
_UNITS |= dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 1)
_SHORTER = "under|below|within|less than|shorter than|up to|at most|no longer than|not longer than"
_LONGER = "over|above|more than|longer than|at least"
_LIMITS = [(phrase.split(), True) for phrase in _LONGER.split("|")]
_LIMITS += [(phrase.split(), False) for phrase in _SHORTER.split("|")]


def runtime(words: Sequence[str], at: int) -> Phrase | None:
    """Read a limit of the running time that begins at a word, such as ``under two hours``."""
    for limit, longer in _LIMITS:
        if list(words[at : at + len(limit)]) == limit:
            found = _minutes(words, at + len(limit))
            if found is None:
                return None
            end, minutes = found
            low, high = (minutes, None) if longer else (None, minutes)
            return Phrase(end - at, Numbers("runtime", low, high), explicit=True)
    return None


def _minutes(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """Read a duration: where it ends, and its minutes."""
    if at >= len(words):
        return None
    joined = re.fullmatch(r"(\d{1,3})(h|hr|hrs|m|min|mins)?(\d{1,2})?", words[at])
    if joined and joined[2]:
        more = words[at + 1] if at + 1 < len(words) and not joined[3] else ""
        apart = re.fullmatch(r"([0-5]\d)(m|min|mins)?", more) if joined[2][0] == "h" else None
        rest = int(apart[1] if apart else joined[3] or 0)
        return at + 1 + (apart is not None), int(joined[1]) * _UNITS[joined[2]] + rest
    amount = float(joined[1]) if joined else _NUMBERS.get(words[at])
    if amount is None:
        return None
    at += 1
    if words[at : at + 1] == ["an"] and amount == _NUMBERS["half"]:
        at += 1
    if tuple(words[at : at + 3]) == ("and", "a", "half"):
        amount, at = amount + 0.5, at + 3
    unit = _UNITS.get(words[at]) if at < len(words) else None
    return None if unit is None else (at + 1, round(amount * unit))
