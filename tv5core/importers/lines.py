"""Reading of text files by lines, whatever they contain."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from typing import IO

import msgspec

from tv5core.errors import ImportFormatError
from tv5core.importers.base import Context, Options, Reject, Source, excerpt
from tv5core.importers.dialect import Dialect, dialect_of
from tv5core.importers.opening import open_source
from tv5core.sources.encodings import decode_text
from tv5core.sources.values import RowError

__all__ = ["MAX_RECORD", "CsvRow", "Line", "header_of", "read_csv", "read_lines"]

MAX_RECORD = 1 << 20
"""Longest line or CSV record accepted, in bytes."""

_BOM = b"\xef\xbb\xbf"
_LOOK_AHEAD = 200


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
    """A record spans implausibly many lines."""


def read_lines(source: Source, context: Context) -> Iterator[Line]:
    """Yield the lines of a file; one longer than ``MAX_RECORD`` comes cut and marked.

    A UTF-8 byte order mark is dropped.

    Raises
    ------
    ImportFormatError
        The file is packed, and damaged or too large.
    OSError
        The file cannot be read.
    """
    with open_source(source, context) as file:
        number = 0
        while raw := file.readline(MAX_RECORD + 1):
            number += 1
            overlong = len(raw) > MAX_RECORD and not raw.endswith(b"\n")
            if overlong:
                raw = raw[:1000]
                _skip_line(file)
            yield Line(number, raw.removeprefix(_BOM) if number == 1 else raw, overlong)


def _skip_line(file: IO[bytes]) -> None:
    while rest := file.readline(MAX_RECORD):
        if rest.endswith(b"\n"):
            return


class _Feed:
    """Feeds lines to csv.reader, and can take back those of the current record.

    A stray quotation mark makes csv.reader swallow the lines after it. Since the lines are kept,
    only the first is rejected and the rest are read again.
    """

    def __init__(self, source: Source, context: Context) -> None:
        self._lines = read_lines(source, context)
        self._context = context
        self._again: deque[Line] = deque()
        self.current: list[Line] = []
        self._size = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.current.append(line)
        self._size += len(line.raw)
        if line.overlong or self._size > MAX_RECORD:
            raise _RecordTooLongError
        text = decode_text(line.raw, self._context)
        return text.replace("\0", "") if "\0" in text else text

    def begin(self) -> None:
        """Forget the lines of the record before."""
        self.current.clear()
        self._size = 0

    def give_back(self) -> Line:
        """Put all lines of the record but its first back; return the first."""
        first = self.current[0]
        self._again.extendleft(reversed(self.current[1:]))
        return first

    def ahead(self, count: int) -> list[bytes]:
        """Look at the next lines that are not blank; blank ones before them are dropped."""
        while len(self._again) < count and (line := next(self._lines, None)) is not None:
            if line.raw.strip() or self._again:
                self._again.append(line)
        return [line.raw for line in self._again]

    def drop(self) -> None:
        """Drop the line that is next, and blank ones behind it."""
        self._again.popleft()
        while self._again and not self._again[0].raw.strip():
            self._again.popleft()

    def quotes_balance(self) -> bool:
        """Whether the record has an even number of quotation marks, as it must."""
        return sum(line.raw.count(b'"') for line in self.current) % 2 == 0


def header_of(source: Source, options: Options | None = None) -> list[str]:
    """Column names of a CSV file; empty where there are none."""
    return _open_csv(_Feed(source, Context(options or Options())))[1]


def read_csv(source: Source, context: Context, *, fold: bool = False) -> Iterator[CsvRow | Reject]:
    """Yield the records of a CSV file with a header line.

    Every record that is not blank becomes one :class:`CsvRow`, or a
    :class:`Reject` when it has another number of fields than the header, when
    its quotation marks do not balance or when it is longer than ``MAX_RECORD``.
    With ``fold`` the names of columns are in lower case.

    Raises
    ------
    ImportFormatError
        There is no header line.
    OSError
        The file cannot be read.
    """
    # The csv module's limit is one for the whole process; raise it, never lower it.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD))
    feed = _Feed(source, context)
    reader, header, dialect = _open_csv(feed)
    header = [name.casefold() for name in header] if fold else header
    if not any(header):
        raise ImportFormatError(f"expected a CSV header in {source.name.name}, got none")
    _note_doubles(header, context)
    while (record := _next_record(reader, feed, header, dialect)) is not None:
        if not isinstance(record, bool):
            yield record


def _open_csv(feed: _Feed) -> tuple[Iterator[list[str]], list[str], Dialect]:
    """Read the header; return the record reader, the header and the dialect."""
    dialect = dialect_of(feed.ahead(_LOOK_AHEAD))
    if dialect.declared:
        feed.drop()
        feed.ahead(1)
    reader = csv.reader(
        feed, delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
    )  # fmt: skip
    try:
        header = next(reader, [])
    except RowError as error:
        raise ImportFormatError(f"{error.reason}: {error.detail}") from None
    except (_RecordTooLongError, csv.Error):
        header = []
    return reader, [field.strip() for field in header], dialect


def _note_doubles(header: list[str], context: Context) -> None:
    for name, count in Counter(filter(None, header)).items():
        if count > 1:
            context.note("column named twice, the last one used", name)


def _next_record(
    reader: Iterator[list[str]], feed: _Feed, header: list[str], dialect: Dialect
) -> CsvRow | Reject | bool | None:
    """Read the next record; False for a blank line, None at the end."""
    feed.begin()
    try:
        fields = next(reader, None)
    except _RecordTooLongError:
        return _reject(feed, "record too long", f"expected at most {MAX_RECORD} bytes")
    except RowError as error:
        return _reject(feed, error.reason, error.detail)
    except csv.Error as error:
        return _reject(feed, "malformed CSV", str(error))
    if not fields:
        return None if fields is None else False
    if dialect.quoted and len(feed.current) > 1 and not feed.quotes_balance():
        return _reject(feed, "unbalanced quotes", "expected every quote to be closed")
    return _record(feed, fields, header)


def _record(feed: _Feed, fields: list[str], header: list[str]) -> CsvRow | Reject:
    if len(fields) != len(header):
        detail = f"expected {len(header)} fields, got {len(fields)}"
        return _reject(feed, "wrong number of fields", detail)
    return CsvRow(feed.current[0].number, dict(zip(header, fields, strict=True)))


def _reject(feed: _Feed, reason: str, detail: str) -> Reject:
    line = feed.give_back()
    return Reject(line.number, reason, detail, excerpt(line.raw))
