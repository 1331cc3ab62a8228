"""Bytes of a text file as text: UTF-8, else Windows-1252, never with signs for lost letters.

A line that is not UTF-8 is taken for Windows-1252, which holds all of Latin-1's letters. Two kinds
of lines are not: one that is UTF-8 but for few bytes was damaged, and one of whose high bytes most
stand three or more together is written in another alphabet.
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
