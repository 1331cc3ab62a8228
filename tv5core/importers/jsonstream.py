"""Streaming of JSON values from a file of any size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from tv5core.errors import ImportFormatError
from tv5core.importers.base import Context, Reject, Source, excerpt
from tv5core.importers.lines import read_lines
from tv5core.importers.opening import open_source
from tv5core.sources.encodings import decode_text
from tv5core.sources.values import Notes, RowError, decode

__all__ = [
    "MAX_VALUE",
    "UNCLOSED",
    "decode_tolerantly",
    "end_of_value",
    "peek",
    "read_json_array",
    "read_json_file",
    "read_json_lines",
]

UNCLOSED = -2
MAX_VALUE = 8 << 20
"""Longest single value in an array, in bytes."""
_MAX_FILE = 64 << 20
_CHUNK = 1 << 20
_MAX_RECOVERIES = 100
# Strings whole, so that brackets inside them do not count; a lone quote is an unfinished string.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\]]', re.DOTALL)
_GAP = re.compile(rb"[\s,]*")
_SCALAR = re.compile(rb"[^\s,\[\]{}]+")
# Strings whole, so that the words are found outside of them only.
_NOT_JSON = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b', re.DOTALL)


def decode_tolerantly(raw: bytes, notes: Notes) -> Any:
    """Decode one JSON value, though it is not UTF-8 or has the NaN that Python writes.

    Raises
    ------
    ValueError
        It is not JSON for another reason.
    """
    try:
        return decode(raw)
    except ValueError as error:
        first = error
    try:
        fixed = decode_text(raw, notes).encode("utf-8", "replace")
        value = decode(_NOT_JSON.sub(_null_for_nan, fixed))
    except (RowError, ValueError):
        raise first from None
    if _NOT_JSON.sub(_null_for_nan, fixed) != fixed:
        notes.note("NaN in JSON read as nothing", excerpt(raw))
    return value


def _null_for_nan(found: re.Match[bytes]) -> bytes:
    return found.group() if found.group().startswith(b'"') else b"null"


def end_of_value(buffer: bytes, start: int) -> int:
    """Position after the object or array that begins at ``start``.

    Returns
    -------
    int
        -1 if it is not whole; ``UNCLOSED`` if another bracket closes than was opened last, so that
        more of the file will not make it whole.
    """
    closing: list[int] = []
    for token in _TOKEN.finditer(buffer, start):
        mark = buffer[token.start()]
        if mark in b"{[":
            closing.append(mark + 2)  # "[" and "]", "{" and "}" are two apart
        elif mark in b"}]":
            if not closing or closing.pop() != mark:
                return UNCLOSED
            if not closing:
                return token.end()
        elif token.end() - token.start() == 1:
            return -1
    return -1


class _Window:
    """The part of the file in memory, and the line it begins on."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.buffer = b""
        self.at = 0
        self.line = 1

    def more(self) -> bool:
        """Read more, dropping what was consumed; False at the end of the file."""
        chunk = self._file.read(_CHUNK)
        self.buffer = self.buffer[self.at :] + chunk
        self.at = 0
        return bool(chunk)

    def pass_to(self, end: int) -> bytes:
        """Advance to ``end`` and return what was consumed."""
        passed = self.buffer[self.at : end]
        self.line += passed.count(b"\n")
        self.at = end
        return passed

    def skip_gap(self) -> int:
        """Skip blanks and commas; return the next byte, or -1 at the end of the file."""
        while True:
            gap = _GAP.match(self.buffer, self.at)
            self.pass_to(gap.end() if gap else self.at)
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return -1

    def take_value(self) -> bytes | None:
        """Read one object or array; None if it is longer than allowed or never ends."""
        while (end := end_of_value(self.buffer, self.at)) < 0:
            if end == UNCLOSED or len(self.buffer) - self.at > MAX_VALUE or not self.more():
                return None
        return self.pass_to(end)

    def take_scalar(self) -> bytes:
        """Skip anything else up to the next blank, comma or bracket."""
        found = _SCALAR.match(self.buffer, self.at)
        return self.pass_to(found.end() if found else self.at + 1)

    def recover(self) -> None:
        """After an unfinished object: continue from the next opening brace."""
        nearest = self.buffer.find(b"{", self.at + 1)
        self.pass_to(nearest if nearest >= 0 else len(self.buffer))


def read_json_array(source: Source, context: Context) -> Iterator[tuple[int, Any] | Reject]:
    """Yield ``(line, object)`` for each object of an array, or of objects in a row.

    The file is never held as a whole. A malformed object is one reject.

    Raises
    ------
    ImportFormatError
        The file is packed, and damaged or too large.
    OSError
        The file cannot be read.
    """
    with open_source(source, context) as file:
        window = _Window(file)
        window.more()
        _skip_opening(window)
        yield from _array_items(window, context)


def _skip_opening(window: _Window) -> None:
    if window.buffer.startswith(b"\xef\xbb\xbf"):
        window.pass_to(3)
    if window.skip_gap() == ord("["):
        window.pass_to(window.at + 1)


def _array_items(window: _Window, context: Context) -> Iterator[tuple[int, Any] | Reject]:
    recoveries = 0
    while (mark := window.skip_gap()) >= 0:
        line = window.line
        if mark == ord("]"):
            window.pass_to(window.at + 1)
        elif mark in b"{[":
            start = window.buffer[window.at : window.at + 300]
            raw = window.take_value()
            if raw is not None:
                yield _decoded(line, raw, context)
                continue
            yield Reject(line, "unfinished JSON", "expected the object to end", excerpt(start))
            recoveries += 1
            if recoveries >= _MAX_RECOVERIES:
                yield Reject(line, "unreadable file", "too much of it is not JSON; gave up here")
                return
            window.recover()
        else:
            raw = window.take_scalar()
            yield Reject(line, "not an object", "expected a JSON object", excerpt(raw))


def _decoded(line: int, raw: bytes, context: Context) -> tuple[int, Any] | Reject:
    try:
        value = decode_tolerantly(raw, context)
    except ValueError as error:
        return Reject(line, "malformed JSON", str(error), excerpt(raw))
    if not isinstance(value, dict):
        return Reject(line, "not an object", "expected a JSON object, got an array", excerpt(raw))
    return line, value


def read_json_lines(source: Source, context: Context) -> Iterator[tuple[int, bytes] | Reject]:
    """Yield ``(line, bytes)`` for each line that is not blank."""
    for line in read_lines(source, context):
        if line.overlong:
            yield Reject(line.number, "record too long", excerpt=excerpt(line.raw))
        elif raw := line.raw.strip():
            yield line.number, raw


def read_json_file(source: Source, context: Context) -> Any:
    """Decode a file that is one JSON value of at most 64 MiB.

    Raises
    ------
    ImportFormatError
        It is larger, or not JSON.
    """
    with open_source(source, context) as file:
        raw = file.read(_MAX_FILE + 1)
    name = source.name.name
    if len(raw) > _MAX_FILE:
        raise ImportFormatError(f"expected at most {_MAX_FILE} bytes in {name}, got more")
    try:
        return decode_tolerantly(raw.removeprefix(b"\xef\xbb\xbf"), context)
    except ValueError as error:
        raise ImportFormatError(f"expected JSON in {name}, got: {error}") from None


def peek(head: bytes) -> tuple[str, bytes]:
    """How a JSON file is laid out, judged by its beginning.

    Parameters
    ----------
    head : bytes
        The first bytes of the file, up to 1 MiB.

    Returns
    -------
    tuple of str and bytes
        ``array``, ``lines`` or ``object``, and the first object if it is whole
        within ``head``, else empty.
    """
    head = head.removeprefix(b"\xef\xbb\xbf")
    start = len(head) - len(head.lstrip())
    if head[start : start + 1] == b"[":
        inner = head.find(b"{", start)
        end = end_of_value(head, inner) if inner >= 0 else -1
        return "array", head[inner:end] if end > 0 else b""
    end = end_of_value(head, start)
    if end < 0:
        return "object", b""
    return ("lines" if head[end:].lstrip() else "object"), head[start:end]
