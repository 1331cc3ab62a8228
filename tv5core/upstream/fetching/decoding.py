"""JSON bodies into structs: lenient where providers are loose, exact where they are wrong.

A null counts as a missing value, as TMDB means it, and a number in quotes as a number. Any other
mismatch is an error that names its place in the document.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from tv5core.errors import MalformedResponseError

__all__ = ["convert", "decode", "drop_nulls"]

T = TypeVar("T")
_EXCERPT_CHARS = 60


def decode(body: bytes, kind: type[T], label: str) -> T:
    """Decode a body.

    Parameters
    ----------
    body : bytes
        JSON.
    kind : type
        Type of the result, such as a struct.
    label : str
        Name of the request, such as ``movie/603``, for messages; without keys.

    Raises
    ------
    MalformedResponseError
        The body is not JSON, or a value in it has another type; the message ends with its place,
        such as ``$.results[3].id``.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponseError(
            f"{label}: expected JSON, got {_excerpt(body)} ({error})"
        ) from None
    return convert(value, kind, label)


def convert(value: Any, kind: type[T], label: str) -> T:
    """Convert a decoded value; see :func:`decode`."""
    try:
        return msgspec.convert(drop_nulls(value), kind, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MalformedResponseError(f"{label}: {error}", _place(str(error))) from None


def drop_nulls(value: Any) -> Any:
    """Remove nulls from objects and lists, at any depth."""
    if isinstance(value, dict):
        return {key: drop_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [drop_nulls(each) for each in value if each is not None]
    return value


def _place(message: str) -> str:
    """Return the place at the end of msgspec's messages."""
    match = re.search(r"`(\$[^`]*)`$", message)
    return match[1] if match else "$"


def _excerpt(body: bytes) -> str:
    shown = body[:_EXCERPT_CHARS].decode("utf-8", "replace")
    return f"{len(body):,} bytes beginning {shown!r}" if body else "an empty body"
