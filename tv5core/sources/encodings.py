"""Decoding of text files: UTF-8, else Windows-1252, never with replacement characters.

A line that is not UTF-8 is decoded as Windows-1252, which has all letters of Latin-1. Two kinds of
lines are refused: a line that is UTF-8 except for a few bytes is damaged, and a line most of whose
high bytes come in runs of three or more is in another alphabet.
"""

from __future__ import annotations

import codecs
import re

from tv5core.errors import InvalidInputError
from tv5core.sources.values import Notes, RowError

__all__ = ["check_encoding", "decode_text"]

# Bytes that Windows-1252 does not define.
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_RUN = re.compile(rb"[\x80-\xff]{3,}")
_HIGH = re.compile(rb"[\x80-\xff]")
_FEW = 6


def decode_text(raw: bytes, notes: Notes) -> str:
    """Decode a line, and note when it is not UTF-8.

    Raises
    ------
    RowError
        It is in an encoding that is not known here.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    whole = _SEQUENCE.findall(raw)
    high = len(_HIGH.findall(raw))
    if len(whole) > high - sum(map(len, whole)):
        notes.note("invalid UTF-8 replaced")
        return raw.decode("utf-8", "replace")
    if high > _FEW and 2 * sum(map(len, _RUN.findall(raw))) > high:
        raise RowError(
            "unknown encoding", "expected UTF-8 or Windows-1252; an encoding can be given"
        )
    notes.note("line read as Windows-1252")
    return raw.translate(None, _UNDEFINED).decode("cp1252")


def check_encoding(name: str) -> str:
    """Return the usual name of an encoding, empty for UTF-8.

    Raises
    ------
    InvalidInputError
        Python knows no text encoding of that name.
    """
    try:
        found = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError):
        raise InvalidInputError(f"expected an encoding such as cp1251, got {name!r}") from None
    return "" if found.name in ("utf-8", "utf-8-sig") else found.name
