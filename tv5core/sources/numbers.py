"""Numbers as people and programs write them: counts, ratings, lengths, years.

A number that can be read in two ways is left out and noted, since a wrong value is worse than a
missing one. So is one with a unit, a sign or a digit grouping that is not known here.

==========================  =======================================================
written                     read as
==========================  =======================================================
``7,5``, ``1234,25``        decimal comma
``1,234.5``, ``1.234,5``    both marks: the last one is the decimal mark
``12,345``, ``1.234``       of counts thousands; elsewhere the comma is ambiguous
``12.000``                  of counts ambiguous
``1 234``, ``1'234``        thousands
``1.2K``, ``3M``, ``1,5 B`` of counts thousands, millions, billions
``8.1/10``, ``4/5``         of ratings the share of that scale, from 0 to 10
``85%``                     of ratings the share of a hundred
``1h 35m``, ``1:35``,       of lengths 95 minutes
``PT1H35M``, ``95 min``
``1_0``, ``٣``              not a number
==========================  =======================================================
"""

from __future__ import annotations

import functools
import math
import re
from fractions import Fraction

from tv5core.sources.values import Notes, text

__all__ = [
    "amount",
    "count",
    "digits",
    "integer",
    "number",
    "rating",
    "runtime",
    "seasons",
    "year_of",
]

_FIRST_YEAR, _LAST_YEAR = 1870, 2100
_MAX_WHOLE = 2**53
_MAX_CHARS = 40
# So many digits are below 2**53.
_SAFE_DIGITS = 15
_TOP_RATING = 10
_SCALES = (4, 5, 10, 20, 100)
_NOTHING = frozenset({"-", "--", "\u2013", "\u2014", "?", "unknown"})
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
# Unambiguous forms, and their thousands separators.
_FORMS = tuple(
    (re.compile(form), marks)
    for form, marks in (
        (r"[+-]?[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})", ""),
        (r"[+-]?0,[0-9]+", ""),
        (r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+", ","),
        (r"[+-]?[0-9]{1,3}(?:,[0-9]{3}){2,}", ","),
        (r"[+-]?[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]+)?", ","),
        (r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+", "."),
        (r"[+-]?[0-9]{1,3}(?:\.[0-9]{3}){2,}", "."),
        (r"[+-]?[0-9]{1,3}(?:[ '\u2019][0-9]{3})+(?:[.,][0-9]+)?", " '\u2019"),
    )
)
_ONE_GROUP = re.compile(r"([1-9][0-9]{0,2})([.,])([0-9]{3})")
_SUFFIXED = re.compile(r"([0-9]+)(?:[.,]([0-9]{1,2}))? ?(k|m|mn|mio|b|bn)\.?", re.IGNORECASE)
_POWERS = {"k": 3, "m": 6, "mn": 6, "mio": 6, "b": 9, "bn": 9}
_OF_SCALE = re.compile(r"(.+?) ?/ ?([0-9]{1,3})(?:\.0)?")

_HOURS = r"(?:h|hrs?|hours?|heures?|std)\.?"
_MINUTES = r"(?:m|mn|mins?|minutes?|'|\u2032)\.?"
_LENGTHS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<m>[0-9]+)(?:\.0+)? ?{_MINUTES}",
        # One digit only: 1.30 h may be an hour and a half.
        rf"(?P<h>[0-9]+(?:[.,][0-9])?) ?{_HOURS}",
        (
            rf"(?P<h>[0-9]+) ?{_HOURS},? ?(?:and |und |et )?(?P<mm>[0-9]{{1,2}}) ?{_MINUTES}"
            r"(?: ?(?P<s>[0-9]{1,2}) ?s(?:ec)?\.?)?"
        ),
        r"(?P<h>[0-9]+) ?h ?(?P<mm>[0-9]{2})",
        r"(?:0 days )?(?P<h>[0-9]{1,2}):(?P<mm>[0-9]{2})(?::(?P<s>[0-9]{2})(?:\.[0-9]+)?)?",
        (
            r"P(?:0+D)?T(?:(?P<h>[0-9]{1,5})H)?(?:(?P<m>[0-9]{1,5})M)?"
            r"(?:(?P<s>[0-9]{1,6})(?:\.[0-9]+)?S)?"
        ),
    )
)
_SEASONS = re.compile(r"\s*([0-9]{1,5})\s*(?:seasons?|series)\s*", re.IGNORECASE)
_YEAR = re.compile(
    r"(?:\([IVXLC]{1,6}\) ?|[IVXLC]{1,6} )?\(?([0-9]{4})(?:\.0+)?"
    r"(?: ?[-\u2013\u2014] ?(?:[0-9]{4}|[0-9]{2}|present)?| ?\)|-[0-9]{2}-[0-9]{2}(?:[T ].*)?)?\)?",
    re.IGNORECASE,
)


def number(value: object) -> float | None:
    """Return a finite number, from a number or its text in ASCII; None otherwise."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _MAX_CHARS or not _PLAIN.fullmatch(value):
            return None
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def amount(value: object, what: str, notes: Notes) -> float | None:
    """Return a number of 0 or more that may have a fraction; what is none is noted."""
    found: float | int | Fraction | None = number(value)
    if found is None:
        found = _exact(value)
    if found is None:
        _note(value, what, notes)
        return None
    if found < 0:
        notes.note(f"{what} out of range", _said(value))
        return None
    return float(found)


def count(value: object, what: str, notes: Notes) -> int:
    """Return a count; 0 where it is missing, cannot be read or is negative."""
    if isinstance(value, str) and _is_short_whole(value):
        return int(value)
    short = _short_count(value) if isinstance(value, str) else None
    found = _exact(value) if short is None else short
    if found is None or found.denominator != 1:
        _note(value, what, notes)
        return 0
    if not 0 <= found <= _MAX_WHOLE:
        notes.note(f"{what} out of range", _said(value))
        return 0
    return int(found)


@functools.lru_cache(maxsize=16384)
def _short_count(value: str) -> Fraction | None:
    """Return a count written with a suffix or with one thousands separator."""
    said = _said(value)
    if found := _SUFFIXED.fullmatch(said):
        digits, fraction, suffix = found.groups("")
        return Fraction(f"{digits}.{fraction or 0}") * Fraction(10) ** _POWERS[suffix.casefold()]
    found = _ONE_GROUP.fullmatch(said)
    if not found or (found.group(2) == "." and found.group(3) == "000"):
        # 12.000 may be twelve thousand or twelve: left to the caller's note.
        return Fraction(1, 2) if found else None
    return Fraction(found.group(1) + found.group(3))


def _is_short_whole(value: str) -> bool:
    """Whether a text is digits alone, as it is nearly always."""
    return value.isdigit() and value.isascii() and len(value) <= _SAFE_DIGITS


def integer(value: object, low: int, high: int, what: str, notes: Notes) -> int | None:
    """Return a whole number within limits; what is there but outside them is noted.

    Zero stands for "unknown" in all catalogues and is not noted.
    """
    found = _exact(value)
    if found is None or found.denominator != 1:
        _note(value, what, notes)
        return None
    if not low <= found <= high:
        if found:
            notes.note(f"{what} out of range", _said(value))
        return None
    return int(found)


def rating(value: object, notes: Notes) -> float | None:
    """Return a mean rating from 0 to 10; None where there is none or it is 0.

    ``8.1/10``, ``4/5`` and ``85%`` name their scale, which is stretched to 10.
    """
    if (usual := number(value)) is not None and 0 <= usual <= _TOP_RATING:
        return round(usual, 3) or None
    share, scale = _of_scale(value) if isinstance(value, str) else (value, _TOP_RATING)
    found = _exact(share)
    if found is None or not scale:
        _note(value, "rating", notes)
        return None
    if not 0 <= found <= scale:
        notes.note("rating out of range", _said(value))
        return None
    return round(float(found) if scale == _TOP_RATING else _stretched(found, scale), 3) or None


def _stretched(found: Fraction | int, scale: int) -> float:
    return float(Fraction(found) * _TOP_RATING / scale)


@functools.lru_cache(maxsize=4096)
def _of_scale(value: str) -> tuple[str, int]:
    """Split a rating into the number and its scale, 0 for a scale that is not known."""
    said = _said(value)
    if said.endswith("%"):
        return said[:-1].rstrip(), 100
    if not (found := _OF_SCALE.fullmatch(said)):
        return value, _TOP_RATING
    scale = int(found.group(2))
    return found.group(1), scale if scale in _SCALES else 0


def runtime(value: object, high: int, notes: Notes) -> int | None:
    """Return a length in minutes, 1 to ``high``; seconds are dropped.

    A number alone is minutes, ``1:35`` hours and minutes.
    """
    minutes = _length(value) if isinstance(value, str) else None
    if minutes is None:
        return integer(value, 1, high, "runtime", notes)
    if minutes.denominator != 1 or minutes > high:
        problem = "malformed" if minutes.denominator != 1 else "out of range"
        notes.note(f"runtime {problem}", _said(value))
        return None
    return int(minutes) or None


@functools.lru_cache(maxsize=4096)
def _length(value: str) -> Fraction | None:
    """Return the minutes of a length with units or colons; seconds are dropped."""
    said = _said(value)
    if said.isdigit():
        return None
    found = next((m for form in _LENGTHS if (m := form.fullmatch(said))), None)
    parts = {k: v for k, v in found.groupdict("").items() if v} if found else {}
    if not parts or len(said) > _MAX_CHARS or int(parts.get("mm", 0)) >= 60:
        return None
    hours = Fraction(parts.get("h", "0").replace(",", "."))
    return hours * 60 + int(parts.get("m") or parts.get("mm") or 0) + int(parts.get("s", 0)) // 60


def seasons(value: object, high: int, notes: Notes) -> int | None:
    """Return a number of seasons out of ``2`` or ``2 Seasons``."""
    found = _SEASONS.fullmatch(value) if isinstance(value, str) else None
    return integer(found.group(1) if found else value, 1, high, "seasons", notes)


def digits(value: object) -> str:
    """Return a positive whole number as text: ``862`` from ``"862.0"``; else empty text."""
    if isinstance(value, str):
        if _is_short_whole(value):
            return value.lstrip("0")
        if not _PLAIN.fullmatch(value.strip()):
            return ""
    found = _exact(value)
    if found is None or found.denominator != 1 or not 0 < found <= _MAX_WHOLE:
        return ""
    return str(int(found))


def year_of(value: object, notes: Notes) -> int | None:
    """Return a year of release, 1870 to 2100; of ``2010-2015`` the first."""
    given = _first_year(value) if isinstance(value, str) else value
    return integer(given, _FIRST_YEAR, _LAST_YEAR, "year", notes)


@functools.lru_cache(maxsize=4096)
def _first_year(value: str) -> str:
    found = _YEAR.fullmatch(_said(value))
    return found.group(1) if found else value


def _said(value: object) -> str:
    """Return a value as text; empty where it stands for no value."""
    found = text(value)
    return "" if found.casefold() in _NOTHING else found


def _exact(value: object) -> int | Fraction | None:
    """Return the number that a value means; None where it is none or ambiguous."""
    if isinstance(value, str):
        return _spelled(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    result = number(value)
    return None if result is None else Fraction(result)


# Years, ratings and lengths repeat by the thousand.
@functools.lru_cache(maxsize=16384)
def _spelled(value: str) -> int | Fraction | None:
    raw = _said(value)
    if not raw or len(raw) > _MAX_CHARS:
        return None
    if raw.isascii() and raw.isdigit():
        return int(raw)
    if _PLAIN.fullmatch(raw):
        return Fraction(raw)
    for form, marks in _FORMS:
        if form.fullmatch(raw):
            bare = "".join(each for each in raw if each not in marks)
            return Fraction(bare.replace(",", "."))
    return None


def _note(value: object, what: str, notes: Notes) -> None:
    """Note a value that is there but cannot be read."""
    if said := _said(value):
        unclear = _ONE_GROUP.fullmatch(said) is not None and isinstance(value, str)
        notes.note(f"{what} {'ambiguous' if unclear else 'malformed'}", said)
