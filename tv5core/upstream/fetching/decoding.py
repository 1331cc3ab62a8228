"""JSON bodies into structs, forgiving where providers are loose and exact where they are wrong.

A null is a value left out, as TMDB means it, and a number in quotes is a number. What does not fit
even so is an error that says where in the document it is.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from tv5core.errors import MalformedResponseError

__all__ = ["converted", "decoded", "without_nulls"]

T = TypeVar("T")
_EXCERPT_CHARS = 60


def decoded(body: bytes, kind: type[T], what: str) -> T:
    """Decode a body.

    Parameters
    ----------
    body : bytes
        JSON.
    kind : type
        What it should be, such as a struct.
    what : str
        What was asked for, such as ``movie/603``, for the message; no secrets.

    Raises
    ------
    MalformedResponseError
        The body is not JSON, or a value in it is of another type; the message ends with its
        place, such as ``$.results[3].id``.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponseError(
            f"{what}: expected JSON, got {_excerpt(body)} ({error})"
        ) from None
    return converted(value, kind, what)


def converted(value: Any, kind: type[T], what: str) -> T:
    """Convert what is decoded already; see :func:`decoded`."""
    try:
        return msgspec.convert(without_nulls(value), kind, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MalformedResponseError(f"{what}: {error}", _place(str(error))) from None


def without_nulls(value: Any) -> Any:
    """Leave nulls out of objects and lists, at any depth."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value if each is not None]
    return value


def _place(message: str) -> str:
    """Return the place at the end of msgspec's messages."""
    found = re.search(r"`(\$[^`]*)`$", message)
    return found[1] if found else "$"


def _excerpt(body: bytes) -> str:
    shown = body[:_EXCERPT_CHARS].decode("utf-8", "replace")
    return f"{len(body):,} bytes beginning {shown!r}" if body else "an empty body"
