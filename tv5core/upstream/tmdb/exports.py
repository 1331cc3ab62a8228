"""TMDB's daily exports: all ids of films or series, one JSON object a line, in gzip.

They are read as they come, with a bound on everything, so that a damaged or hostile file costs
neither memory nor disk.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from tv5core.errors import (
    ImportFormatError,
    MalformedResponseError,
    TitleNotFoundError,
    UpstreamStatusError,
)
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.tmdb.api_errors import refusal

__all__ = [
    "BadLine",
    "ExportedId",
    "LineReader",
    "export_path",
    "latest_export_day",
    "read_export",
    "read_export_file",
]

_NAMES = {"movie": "movie_ids", "tv": "tv_series_ids"}
_READY_AT_HOUR = 8
_MAX_PACKED_BYTES = 512 << 20
_MAX_BYTES = 4 << 30
_MAX_LINE_BYTES = 64 << 10
_STEP_BYTES = 256 << 10
# Stores of files hide what is not there behind a refusal.
_MISSING = (403, 404)
_GZIP = b"\x1f\x8b"


class ExportedId(msgspec.Struct, frozen=True, gc=False):
    """One line of an export.

    Attributes
    ----------
    id : int
        TMDB's number.
    popularity : float
    adult : bool
    original_title, original_name : str
        The name of a film or of a series: which of the two is there tells the kind.
    """

    id: int
    popularity: float = 0.0
    adult: bool = False
    original_title: str | None = None
    original_name: str | None = None

    @property
    def media(self) -> str:
        """``movie``, ``tv``, or empty where the line does not tell."""
        if self.original_title is not None:
            return "movie"
        return "tv" if self.original_name is not None else ""


class BadLine(msgspec.Struct, frozen=True):
    """A line that is no id, by its number from 1."""

    line: int
    problem: str


_DECODER = msgspec.json.Decoder(ExportedId, strict=False)


def latest_export_day(now: datetime | None = None) -> date:
    """Return the day of the newest export that is sure to be there: ready by 08:00 UTC."""
    now = datetime.now(UTC) if now is None else now.astimezone(UTC)
    return now.date() - timedelta(days=0 if now.hour >= _READY_AT_HOUR else 1)


def export_path(media: str, day: date) -> str:
    """Return the path of a day's export at TMDB."""
    return f"p/exports/{_NAMES[media]}_{day:%m_%d_%Y}.json.gz"


async def read_export(fetcher: Fetcher, path: str) -> AsyncIterator[ExportedId | BadLine]:
    """Stream an export; see ``Tmdb.export``."""
    reader = LineReader(path)
    url = fetcher.provider.files_url(path)
    try:
        async for chunk in fetcher.stream(url, max_bytes=_MAX_PACKED_BYTES):
            for each in reader.feed(chunk):
                yield each
    except UpstreamStatusError as error:
        if error.status in _MISSING:
            raise TitleNotFoundError(f"tmdb: expected an export {path}, got none") from None
        raise refusal(error.status, error.code, error.message, path) from None
    for each in reader.finish():
        yield each


def read_export_file(path: Path) -> Iterator[ExportedId | BadLine]:
    """Read an export that was downloaded before, packed or not.

    Raises
    ------
    ImportFormatError
        The file is damaged or is no export.
    OSError
        It cannot be read.
    """
    reader = LineReader(path.name)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_STEP_BYTES):
                yield from reader.feed(chunk)
        yield from reader.finish()
    except MalformedResponseError as error:
        raise ImportFormatError(str(error)) from None


class LineReader:
    """Turns the bytes of an export, packed or not, into its lines.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    max_bytes : int
        Most that is unpacked.
    """

    def __init__(self, name: str, *, max_bytes: int = _MAX_BYTES) -> None:
        self._name, self._max_bytes = name, max_bytes
        self._unpack: zlib._Decompress | None = None
        self._begun = self._whole = False
        self._rest, self._lines, self._bytes = b"", 0, 0

    def feed(self, chunk: bytes) -> Iterator[ExportedId | BadLine]:
        """Take the next bytes; yield what they complete.

        Raises
        ------
        MalformedResponseError
        """
        if not self._begun:
            self._begun = True
            if chunk[:2] == _GZIP:
                self._unpack = _gunzip()
        for part in self._unpacked(chunk):
            self._bytes += len(part)
            if self._bytes > self._max_bytes:
                raise MalformedResponseError(
                    f"{self._name}: expected at most {self._max_bytes:,} bytes unpacked, got more"
                )
            yield from self._split(part)

    def finish(self) -> Iterator[ExportedId | BadLine]:
        """Yield the last line.

        Raises
        ------
        MalformedResponseError
            The file ends before its end.
        """
        if self._unpack is not None and not self._unpack.eof:
            raise MalformedResponseError(f"{self._name}: expected a whole gzip file, got a part")
        if self._rest.strip():
            yield self._line(self._rest)
        self._rest = b""

    def _unpacked(self, chunk: bytes) -> Iterator[bytes]:
        if self._unpack is None:
            yield chunk
            return
        while chunk:
            try:
                yield self._unpack.decompress(chunk, _STEP_BYTES)
            except zlib.error as error:
                raise MalformedResponseError(
                    f"{self._name}: expected a gzip file, got a damaged one ({error})"
                ) from None
            chunk = self._unpack.unconsumed_tail
            # A gzip file may be several, one behind the other, and end in padding.
            if self._unpack.eof and (chunk := self._unpack.unused_data.lstrip(b"\0")):
                self._unpack = _gunzip()

    def _split(self, part: bytes) -> Iterator[ExportedId | BadLine]:
        *whole, self._rest = (self._rest + part).split(b"\n")
        for line in whole:
            if line.strip():
                yield self._line(line)
            else:
                self._lines += 1
        if len(self._rest) > _MAX_LINE_BYTES:
            raise MalformedResponseError(
                f"{self._name}: expected lines of at most {_MAX_LINE_BYTES:,} bytes, got a longer "
                f"one after line {self._lines:,}"
            )

    def _line(self, line: bytes) -> ExportedId | BadLine:
        self._lines += 1
        try:
            return _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return BadLine(self._lines, str(error))


def _gunzip() -> zlib._Decompress:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)
