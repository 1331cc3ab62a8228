"""Decoding of text files: UTF-8, else Windows-1252, never with replacement characters.

A line that is not UTF-8 is decoded as Windows-1252, which has all letters of Latin-1, and counted,
so that a report names that encoding. A line that is UTF-8 except for a few bytes is damaged. Lines
of other alphabets are refused, as far as they show: most of their high bytes come in runs of three
or more, as in Cyrillic or Greek words, or a word would have a sign within it, such as a superscript
three where Windows-1250 has a letter. A word of two letters passes, and so does one whose letters
are letters in both: name the encoding of such files.
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
_LETTERS = re.compile(rb"[\xc0-\xd6\xd8-\xf6\xf8-\xff]{3,}")
# Signs within words, and bytes without a meaning; in Windows-1250 or 1251 they are letters.
_SIGN_WITHIN = re.compile(
    r"[\u00a3\u00a5\u00a8\u00af\u00b2\u00b3\u00b8\u00b9\u00bc\u00be](?=[^\W\d_])"
    r"|(?<=[^\W\d_])[\u00bd\u00bf](?=[^\W\d_])"
)
_UNDEFINED_WITHIN = re.compile(rb"[A-Za-z][\x8d\x8f\x90\x9d][A-Za-z]")
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
    runs = _RUN.findall(raw) if high > _FEW else _LETTERS.findall(raw)
    decoded = raw.translate(None, _UNDEFINED).decode("cp1252")
    if 2 * sum(map(len, runs)) > high or _has_other_letters(raw, decoded):
        raise RowError(
            "unknown encoding",
            "expected UTF-8 or Windows-1252; --encoding takes another, as cp1251",
        )
    notes.note("line read as Windows-1252")
    return decoded


def _has_other_letters(raw: bytes, decoded: str) -> bool:
    return bool(_SIGN_WITHIN.search(decoded) or _UNDEFINED_WITHIN.search(raw))


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
