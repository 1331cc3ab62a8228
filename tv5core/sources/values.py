"""Turning what files hold into clean values.

Every function takes whatever a file may have in a place and returns a value of
the right type, or the empty one. A value that is there but unusable is counted
through :meth:`Notes.note`, so that nothing is left out unseen.
"""

from __future__ import annotations

import ast
import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any, Protocol

import msgspec

__all__ = [
    "MAX_TEXT",
    "Notes",
    "Remarks",
    "RowError",
    "calendar_date",
    "decode",
    "digits",
    "imdb_id",
    "integer",
    "names",
    "number",
    "people_names",
    "plain",
    "rating",
    "required_title",
    "split_list",
    "text",
    "unique",
    "whole",
    "year_of",
]

MAX_TEXT = 20_000
_MAX_TITLE = 1_000
_MAX_LITERAL = 256 << 10
_FIRST_YEAR, _LAST_YEAR = 1870, 2100
_MAX_WHOLE = 2**53
_TOP_RATING = 10
_SHORT_LIST = 200
_EMPTY = frozenset({"", "nan", "none", "null", "n/a", "\\n", "nat", "undefined"})
_LONGEST_EMPTY = max(map(len, _EMPTY))
# Control characters, zero-width space and mark, line separators, lone surrogates.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff\ud800-\udfff]+")
# A Python literal may hold strings, plain numbers, names of constants and brackets: nothing that
# computes. The quantifiers are possessive, so a check never takes more than one pass.
_LITERAL = re.compile(
    r"(?:'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\"|[\[\]{}:,\s]++|\d++(?:\.\d*+)?+|True|False|None)*+",
    re.DOTALL,
)
_IMDB = re.compile(r"tt\d{5,10}")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_FORMS = ("%B %d, %Y", "%d %B %Y", "%b %d, %Y", "%d %b %Y", "%Y/%m/%d", "%m/%d/%Y")
_SUFFIXES = frozenset({"jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "m.d.", "ph.d.", "esq."})

_DECODER = msgspec.json.Decoder()


class RowError(Exception):
    """Raised for one record that cannot be used; what reads the source reports it.

    ``reason`` is one of a small number of phrases to count by, ``detail`` says what was expected
    and what was found.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Notes(Protocol):
    """Takes remarks about values that were left out of a record otherwise accepted."""

    def note(self, what: str) -> None:
        """Count one remark, such as ``runtime out of range``."""


class Remarks(Counter[str]):
    """Remarks, counted by what they say."""

    def note(self, what: str) -> None:
        """Count one remark."""
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


def text(value: object, notes: Notes | None = None) -> str:
    """Like :func:`plain`, but words for "nothing" are empty text and length has a limit."""
    clean = plain(value)
    if len(clean) <= _LONGEST_EMPTY and clean.casefold() in _EMPTY:
        return ""
    if len(clean) > MAX_TEXT:
        if notes:
            notes.note("text cut at 20,000 characters")
        return clean[:MAX_TEXT]
    return clean


def required_title(value: object) -> str:
    """Return the title itself, which no row can do without.

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


def number(value: object) -> float | None:
    """Return a finite number, from a number or its text; None otherwise."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def whole(value: object) -> int:
    """Return a count: the number rounded down, 0 where it is missing or negative."""
    result = number(value)
    return int(result) if result is not None and 0 < result <= _MAX_WHOLE else 0


def integer(value: object, low: int, high: int, what: str, notes: Notes) -> int | None:
    """Return a whole number within limits; what is there but outside them is noted.

    Zero stands for "unknown" in all catalogues and is not noted.
    """
    result = number(value)
    if result is None:
        if text(value):
            notes.note(f"{what} malformed")
        return None
    if not low <= result <= high:
        if result:
            notes.note(f"{what} out of range")
        return None
    return int(result)


def rating(value: object, notes: Notes) -> float | None:
    """Return a mean rating from 0 to 10; None where there is none or it is 0."""
    result = number(value)
    if result is None or result == 0:
        return None
    if not 0 < result <= _TOP_RATING:
        notes.note("rating out of range")
        return None
    return round(result, 3)


def digits(value: object) -> str:
    """Return a positive whole number as text: ``862`` from ``"862.0"``; else empty text."""
    result = number(value)
    if result is None or result != int(result) or not 0 < result <= _MAX_WHOLE:
        return ""
    return str(int(result))


def imdb_id(value: object, notes: Notes | None = None) -> str:
    """Return an IMDb id with ``tt`` and at least seven digits, from that or bare digits."""
    raw = text(value).casefold()
    if raw.isascii() and raw.isdigit():
        raw = "tt" + raw
    if not _IMDB.fullmatch(raw):
        if raw and notes:
            notes.note("imdb id malformed")
        return ""
    return "tt" + raw[2:].lstrip("0").zfill(7)


def year_of(value: object, notes: Notes) -> int | None:
    """Return a year of release, 1870 to 2100."""
    return integer(value, _FIRST_YEAR, _LAST_YEAR, "year", notes)


def calendar_date(value: object, notes: Notes) -> tuple[str, int | None]:
    """Return a date as ``YYYY-MM-DD`` and its year; a year alone gives an empty date.

    Times after the date are dropped; forms such as ``March 30, 2021`` are understood.
    """
    raw = text(value)
    if not raw:
        return "", None
    found = _parsed_date(raw)
    if found and _FIRST_YEAR <= found.year <= _LAST_YEAR:
        return found.isoformat(), found.year
    if raw.isascii() and raw.isdigit() and len(raw) == len("1999"):
        return "", year_of(raw, notes)
    notes.note("date malformed")
    return "", None


@functools.lru_cache(maxsize=65536)
def _parsed_date(raw: str) -> date | None:
    if _ISO_DATE.match(raw):
        try:
            return date.fromisoformat(raw[:10])
        except ValueError:
            return None
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(raw, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    return None


def split_list(value: object, notes: Notes, separators: str = ",") -> list[Any]:
    """Elements of a list however it is written.

    A JSON array, a Python literal (parsed by :func:`ast.literal_eval` after a
    check of its alphabet and size), or text divided by ``separators``.
    """
    if isinstance(value, list):
        return value
    raw = text(value) if not isinstance(value, str) else value.strip()
    if not raw or raw.casefold() in _EMPTY:
        return []
    if raw[0] == "[":
        return list(_bracketed(raw, notes))
    for separator in separators[1:]:
        raw = raw.replace(separator, separators[0])
    return raw.split(separators[0])


def _bracketed(raw: str, notes: Notes) -> tuple[Any, ...]:
    parsed = _short_list(raw) if len(raw) < _SHORT_LIST else _parse_list(raw)
    if parsed is None:
        notes.note("list malformed")
        return ()
    return parsed


def _parse_list(raw: str) -> tuple[Any, ...] | None:
    for parse in (_from_json, _from_literal):
        value = parse(raw)
        if isinstance(value, list):
            return tuple(value)
    return None


# Genre and country lists repeat by the thousand.
_short_list = functools.lru_cache(maxsize=16384)(_parse_list)


def _from_json(raw: str) -> object:
    try:
        return decode(raw.encode("utf-8", "replace"))
    except ValueError:
        return None


def _from_literal(raw: str) -> object:
    if len(raw) > _MAX_LITERAL or not _LITERAL.fullmatch(raw):
        return None
    try:
        return ast.literal_eval(raw)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def names(value: object, notes: Notes, key: str = "name", separators: str = ",") -> list[str]:
    """Names in a list of texts or of objects with a name."""
    found = (
        text(item.get(key)) if isinstance(item, dict) else text(item)
        for item in split_list(value, notes, separators)
    )
    return [name for name in found if name]


def people_names(value: object, notes: Notes) -> tuple[str, ...]:
    """Names of people, with ``, Jr.`` joined to the name before and bare numbers left out."""
    joined: list[str] = []
    for name in names(value, notes):
        if joined and name.casefold() in _SUFFIXES:
            joined[-1] += f", {name}"
        elif not name.isdigit():
            joined.append(name)
    return unique(joined)


def unique(items: Iterable[str], key: Callable[[str], str] = str.casefold) -> tuple[str, ...]:
    """Return the items without repeats, in order of first appearance."""
    seen: dict[str, str] = {}
    for item in items:
        seen.setdefault(key(item), item)
    return tuple(seen.values())
