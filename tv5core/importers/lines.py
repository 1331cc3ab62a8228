"""Reading text files line by line, whatever is in them."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tv5core.errors import ImportFormatError
from tv5core.importers.base import Context, Reject, excerpt

__all__ = ["MAX_RECORD", "CsvRow", "Line", "header_of", "read_csv", "read_lines", "sniff_delimiter"]

MAX_RECORD = 1 << 20
"""Longest line or CSV record accepted, in bytes."""

_DELIMITERS = ",;\t|"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Line(msgspec.Struct, frozen=True):
    """One physical line, its number from 1, and whether it had to be cut."""

    number: int
    raw: bytes
    overlong: bool = False


class CsvRow(msgspec.Struct, frozen=True):
    """One CSV record: the line it begins on and its fields by column name."""

    line: int
    fields: dict[str, str]


class _RecordTooLongError(Exception):
    """More lines belong to one record than can be right."""


def read_lines(path: Path, context: Context) -> Iterator[Line]:
    """Yield the lines of a file; one longer than ``MAX_RECORD`` comes cut and marked.

    A UTF-8 byte order mark is dropped.

    Raises
    ------
    ImportFormatError
        The file is UTF-16.
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_RECORD + 1):
            number += 1
            context.bytes_read += len(raw)
            overlong = len(raw) > MAX_RECORD and not raw.endswith(b"\n")
            if overlong:
                raw = raw[:1000]
                _skip_line(file, context)
            if number == 1:
                raw = _without_mark(raw)
            yield Line(number, raw, overlong)


def _skip_line(file: object, context: Context) -> None:
    while rest := file.readline(MAX_RECORD):  # type: ignore[attr-defined]
        context.bytes_read += len(rest)
        if rest.endswith(b"\n"):
            return


def _without_mark(raw: bytes) -> bytes:
    if raw.startswith(_UTF16):
        raise ImportFormatError("expected UTF-8 text, got UTF-16: convert the file first")
    return raw.removeprefix(b"\xef\xbb\xbf")


class _Feed:
    """Hands lines to csv.reader, remembers those of the current record, takes them back.

    A stray quotation mark makes csv.reader swallow the lines after it. With the
    lines at hand only the first is given up and the rest are read again.
    """

    def __init__(self, path: Path, context: Context) -> None:
        self._lines = read_lines(path, context)
        self._context = context
        self._again: deque[Line] = deque()
        self.taken: list[Line] = []
        self._size = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(line)
        self._size += len(line.raw)
        if line.overlong or self._size > MAX_RECORD:
            raise _RecordTooLongError
        return self._decode(line.raw)

    def _decode(self, raw: bytes) -> str:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            self._context.note("invalid UTF-8 replaced")
            text = raw.decode("utf-8", "replace")
        return text.replace("\0", "") if "\0" in text else text

    def begin(self) -> None:
        """Forget the lines of the record before."""
        self.taken.clear()
        self._size = 0

    def give_back(self) -> Line:
        """Put all lines of the record but its first back; return the first."""
        first = self.taken[0]
        self._again.extendleft(reversed(self.taken[1:]))
        return first

    def quotes_balance(self) -> bool:
        """Whether the record has an even number of quotation marks, as it must."""
        return sum(line.raw.count(b'"') for line in self.taken) % 2 == 0


def sniff_delimiter(header: str) -> str:
    """Return the most frequent of ``,``, ``;``, tab and ``|`` in a header line."""
    return max(_DELIMITERS, key=header.count)


def header_of(raw: bytes) -> list[str]:
    """Column names in a CSV file's first bytes; empty where there are none."""
    raw = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")
    line = raw.split(b"\n", 1)[0].decode("utf-8", "replace")
    try:
        fields = next(csv.reader([line], delimiter=sniff_delimiter(line)), [])
    except csv.Error:
        return []
    return [field.strip() for field in fields]


def read_csv(path: Path, context: Context) -> Iterator[CsvRow | Reject]:
    """Yield the records of a CSV file with a header line.

    Every record that is not blank becomes one :class:`CsvRow`, or a
    :class:`Reject` when it has another number of fields than the header, when
    its quotation marks do not balance or when it is longer than ``MAX_RECORD``.

    Raises
    ------
    ImportFormatError
        There is no header line.
    OSError
        The file cannot be read.
    """
    # The csv module's limit is one for the whole process; raise it, never lower it.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD))
    feed = _Feed(path, context)
    header, delimiter = _read_header(path, feed)
    reader = csv.reader(feed, delimiter=delimiter)
    while (record := _next_record(reader, feed, header)) is not None:
        if not isinstance(record, bool):
            yield record


def _read_header(path: Path, feed: _Feed) -> tuple[list[str], str]:
    try:
        line = next(feed, "")
    except _RecordTooLongError:
        line = ""
    header = header_of(line.encode("utf-8", "replace"))
    if not any(header):
        raise ImportFormatError(f"expected a CSV header in {path.name}, got none")
    return header, sniff_delimiter(line)


def _next_record(
    reader: Iterator[list[str]], feed: _Feed, header: list[str]
) -> CsvRow | Reject | bool | None:
    """Read the next record; False for a blank line, None at the end."""
    feed.begin()
    try:
        fields = next(reader, None)
    except _RecordTooLongError:
        return _reject(feed, "record too long", f"expected at most {MAX_RECORD} bytes")
    except csv.Error as error:
        return _reject(feed, "malformed CSV", str(error))
    if not fields:
        return None if fields is None else False
    return _record(feed, fields, header)


def _record(feed: _Feed, fields: list[str], header: list[str]) -> CsvRow | Reject:
    if len(feed.taken) > 1 and not feed.quotes_balance():
        return _reject(feed, "unbalanced quotes", "expected every quote to be closed")
    if len(fields) != len(header):
        detail = f"expected {len(header)} fields, got {len(fields)}"
        return _reject(feed, "wrong number of fields", detail)
    return CsvRow(feed.taken[0].number, dict(zip(header, fields, strict=True)))


def _reject(feed: _Feed, reason: str, detail: str) -> Reject:
    line = feed.give_back()
    return Reject(line.number, reason, detail, excerpt(line.raw))
