"""A catalogue's own fields: their declaration, and whether a value is one of theirs.

A field is declared once, with a type, and kept in the catalogue's record. What is stored in it can
then be filtered and counted like any built-in field; a ``text`` is only given back.

========== ======================= ===============================
type       value in Title.extra    note
========== ======================= ===============================
keyword    str                     one of many that repeat
keywords   tuple of str            several of them
int        int                     below 2**62 either way
float      float or int            finite
bool       bool
date       str                     ``2010-07-16``
text       str                     any; stored, not filtered by
========== ======================= ===============================
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import get_args

from tv5core.arguments import check_text, check_type, shown
from tv5core.errors import InvalidInputError
from tv5core.types import ExtraType, ExtraValue

__all__ = [
    "EXTRA_TYPES",
    "MAX_EXTRA_FIELDS",
    "check_declaration",
    "check_extra",
    "extra_fault",
    "is_date",
    "united_declarations",
]

EXTRA_TYPES: tuple[str, ...] = get_args(ExtraType)
MAX_EXTRA_FIELDS = 64
_LARGEST = 1 << 62
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def check_declaration(given: object) -> dict[str, ExtraType]:
    """Return names and types of fields, or raise InvalidInputError."""
    check_type("extra_fields", given, Mapping)
    found: dict[str, ExtraType] = {}
    for name, kind in given.items():  # type: ignore[attr-defined]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidInputError(
                "expected the name of an extra field in lower case letters, digits and _, up to "
                f"40, got {shown(name)}"
            )
        if kind not in EXTRA_TYPES:
            raise InvalidInputError(
                f"expected the type of the extra field {name} to be one of "
                f"{', '.join(EXTRA_TYPES)}; got {shown(kind)}"
            )
        found[name] = kind
    if len(found) > MAX_EXTRA_FIELDS:
        raise InvalidInputError(
            f"expected at most {MAX_EXTRA_FIELDS} extra fields, got {len(found)}"
        )
    return found


def united_declarations(
    declared: Mapping[str, str], given: Mapping[str, ExtraType]
) -> dict[str, str]:
    """Return the fields declared so far and those now given.

    Raises
    ------
    InvalidInputError
        A field is declared with another type.
    """
    for name, kind in given.items():
        if declared.get(name, kind) != kind:
            raise InvalidInputError(
                f"expected the extra field {name} to be declared as {declared[name]} as before, "
                f"got {kind}"
            )
    return dict(check_declaration({**declared, **given}))


def check_extra(
    extra: Mapping[str, ExtraValue], declared: Mapping[str, str], place: int, id: str
) -> None:
    """Raise InvalidInputError unless all values belong to declared fields and have their types."""
    for name, value in extra.items():
        if name not in declared:
            have = ", ".join(declared) or "none"
            raise InvalidInputError(
                f"expected extra fields among those declared ({have}) at {place} ({id}), got "
                f"{shown(name)}: declare it with Catalog.open(..., extra_fields=...)"
            )
        if fault := extra_fault(value, declared[name]):
            raise InvalidInputError(f"expected {fault} in extra {name} at {place} ({id})")


def extra_fault(value: object, kind: str) -> str:
    """Say what was expected of a value of a type, and what it is; empty where it is right."""
    expected, right = _EXPECTED[kind], _CHECKS[kind](value)
    return "" if right else f"{expected}, got {shown(value)}"


def is_date(value: object) -> bool:
    """Whether a value is a day of the calendar, as ISO 8601 writes it."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_float(value: object) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


def _is_text(value: object) -> bool:
    try:
        return bool(check_text("a keyword", value).strip())
    except InvalidInputError:
        return False


def _is_any_text(value: object) -> bool:
    try:
        check_text("a text", value)
    except InvalidInputError:
        return False
    return True


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value))


_CHECKS = {
    "keyword": _is_text,
    "keywords": _are_texts,
    "int": _is_int,
    "float": _is_float,
    "bool": lambda value: isinstance(value, bool),
    "date": is_date,
    "text": _is_any_text,
}
_EXPECTED = {
    "keyword": "text that is not empty",
    "keywords": "a tuple of texts that are not empty",
    "int": "a whole number below 2**62",
    "float": "a finite number",
    "bool": "True or False",
    "date": "a date such as 2010-07-16",
    "text": "text",
}
