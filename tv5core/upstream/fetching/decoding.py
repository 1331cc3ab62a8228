"""JSON bodies into structs, without the values that providers get wrong.

A null counts as a missing value, as TMDB means it, a number in quotes as a number, and a number
as a text where a text is expected. Any other mismatch is left out and counted; see
:mod:`.omissions`. Only where a required value is unusable, such as an id, is it an error, which
names the place in the document.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import Any, TypeVar

import msgspec

from tv5core.errors import MalformedResponseError
from tv5core.upstream.fetching.lenient import prune
from tv5core.upstream.fetching.omissions import note_omissions

__all__ = ["convert", "decode", "drop_nulls", "parse_json"]

T = TypeVar("T")
_EXCERPT_CHARS = 60
_SURROGATES = re.compile("[\ud800-\udfff]")
_OUT_OF_RANGE, _HALF_CHARACTER = "(number out of range)", "(half a surrogate pair)"
_NOT_UTF8 = "(not UTF-8)"


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
        The body is not JSON, or a required value in it is unusable; the message ends with its
        place, such as ``$.id``.
    """
    try:
        value = parse_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponseError(
            f"{label}: expected JSON, got {_excerpt(body)} ({error})"
        ) from None
    return convert(value, kind, label)


def parse_json(body: bytes) -> Any:
    """Parse JSON in UTF-8, with what other encoders write: a byte order mark, ``NaN``, ``1e999``.

    Numbers that are not finite become null; bytes that are not UTF-8 and halves of surrogate pairs
    become U+FFFD. All are counted as omissions.

    Raises
    ------
    msgspec.DecodeError, UnicodeDecodeError, RecursionError
        The body is not JSON.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            return _parse_loosely(body)
        except (ValueError, RecursionError):
            raise error from None


def _parse_loosely(body: bytes) -> Any:
    omitted: list[str] = []

    def finite(text: str) -> float | None:
        number = float(text)
        if math.isfinite(number):
            return number
        omitted.append(_OUT_OF_RANGE)
        return None

    text = body.decode("utf-8", "replace")
    odd = text.count("\ufffd") - body.count("\ufffd".encode())
    omitted += [_NOT_UTF8] * odd
    value = json.loads(text, parse_constant=finite, parse_float=finite)
    value = _replace_surrogates(value, omitted)
    note_omissions(omitted)
    return value


def _replace_surrogates(value: Any, omitted: list[str]) -> Any:
    if isinstance(value, dict):
        return {
            _replace_surrogates(key, omitted): _replace_surrogates(each, omitted)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_replace_surrogates(each, omitted) for each in value]
    if isinstance(value, str) and _SURROGATES.search(value):
        omitted.append(_HALF_CHARACTER)
        return _SURROGATES.sub("\ufffd", value)
    return value


def convert(value: Any, kind: type[T], label: str) -> T:
    """Convert a decoded value; see :func:`decode`."""
    try:
        value = drop_nulls(value)
        try:
            return msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError:
            return _convert_loosely(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MalformedResponseError(f"{label}: {error}", _place(str(error))) from None


def _convert_loosely(value: Any, kind: type[T]) -> T:
    kept, omitted = prune(value, kind)
    converted = msgspec.convert(kept, kind, strict=False)
    note_omissions(omitted)
    return converted


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
