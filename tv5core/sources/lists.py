"""Parsing of lists: JSON, the notation of Python or NumPy, or text with separators."""

from __future__ import annotations

import functools
import re
from typing import Any

from tv5core.sources.literals import LiteralError, parse_literal
from tv5core.sources.values import Notes, decode, is_empty, text, unique

__all__ = ["names", "people_names", "split_list"]

_SHORT_LIST = 200
_SUFFIXES = frozenset({"jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "m.d.", "ph.d.", "esq."})
_CLOSING = {"[": "]", "(": ")", "{": "}", "'": "'", '"': '"'}
_ENTITY = re.compile(r"&#?\w{1,8};")
_CALL = re.compile(r"[A-Za-z_][\w.]*\(\s*(?:[\[({'\"].*)?\)", re.DOTALL)


def split_list(value: object, notes: Notes, separators: str = ",", what: str = "list") -> list[Any]:
    """Return the elements of a list in any notation.

    A JSON array, a literal as :mod:`tv5core.sources.literals` reads it, or text divided by ``|`` or
    ``;`` where it has one, else by ``separators``. What is malformed, or left out by NumPy, is
    noted as ``what``.
    """
    if isinstance(value, list):
        return value
    raw = text(value) if not isinstance(value, str) else value.strip()
    if is_empty(raw):
        return []
    if _is_literal(raw):
        found = _bracketed(raw)
        if found is None:
            notes.note(f"{what} malformed", raw)
        elif ... in found:
            notes.note(f"{what} shortened by NumPy", raw)
        return [item for item in found or () if item is not ...]
    if "|" in raw:  # No name holds one.
        return raw.split("|")
    if ";" in raw and not _ENTITY.search(raw):
        return raw.split(";")
    for separator in separators[1:]:
        raw = raw.replace(separator, separators[0])
    return _quoted(raw) or raw.split(separators[0])


def _is_literal(raw: str) -> bool:
    """Whether a text is in brackets; names in brackets such as ``(G)I-DLE`` are not."""
    if raw[0] == "[" or (raw[-1] == ")" and _CALL.fullmatch(raw)):
        return True
    inside = raw[1:].lstrip()[:2].lstrip("uUbB")[:1]
    return raw[0] in "({" and (raw[-1] == _CLOSING[raw[0]] or inside in ("'", '"'))


def _bracketed(raw: str) -> tuple[Any, ...] | None:
    return _short_list(raw) if len(raw) < _SHORT_LIST else _parse_list(raw)


def _parse_list(raw: str) -> tuple[Any, ...] | None:
    try:
        value = decode(raw.encode("utf-8", "replace"))
    except ValueError:
        value = _from_literal(raw)
    if value == {}:
        return ()
    # One value in round brackets is no tuple in Python, and one object is a list of one here.
    if isinstance(value, dict):
        return (value,)
    return tuple(value) if isinstance(value, list) else None


# Genre and country lists repeat by the thousand.
_short_list = functools.lru_cache(maxsize=16384)(_parse_list)


def _from_literal(raw: str) -> object:
    try:
        return parse_literal(raw)
    except LiteralError:
        return None


def _quoted(raw: str) -> list[Any]:
    """Elements of a list that lost its brackets: ``'Drama', 'War'``."""
    if raw[0] not in "'\"" or raw[-1] != raw[0] or "," not in raw:
        return []
    found = _from_literal(f"[{raw}]")
    return found if isinstance(found, list) and all(isinstance(x, str) for x in found) else []


def names(
    value: object, notes: Notes, key: str = "name", separators: str = ",", what: str = "list"
) -> list[str]:
    """Names in a list of texts or of objects with a name."""
    found: list[str] = []
    for item in split_list(value, notes, separators, what):
        inner = item.get(key) if isinstance(item, dict) else item
        if name := text(inner):
            found.append(name)
        elif isinstance(inner, list | dict) or (isinstance(item, dict) and key not in item):
            notes.note(f"{what}: entry without a name", str(item))
    return found


def people_names(value: object, notes: Notes, what: str = "list") -> tuple[str, ...]:
    """Names of people, with ``, Jr.`` joined to the name before and bare numbers left out."""
    joined: list[str] = []
    for name in names(value, notes, what=what):
        if joined and name.casefold() in _SUFFIXES:
            joined[-1] += f", {name}"
        elif not name.isdigit():
            joined.append(name)
        else:
            notes.note("number among people", name)
    return unique(joined)
