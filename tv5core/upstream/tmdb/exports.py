"""TMDB's daily exports: the ids of all films or series, one JSON object per line, in gzip.

They are parsed as they arrive, with a bound on everything, so that a damaged or hostile file
costs neither memory nor disk.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from tv5core.errors import (
    ImportFormatError,
    MalformedResponseError,
    TitleNotFoundError,
    UpstreamStatusError,
)
from tv5core.upstream.fetching.decoding import drop_nulls, parse_json
from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.fetching.gzip_stream import GZIP_MAGIC, GzipStream
from tv5core.upstream.fetching.lenient import EXACT, prune
from tv5core.upstream.fetching.omissions import record_omissions
from tv5core.upstream.fetching.pacing import Pacer
from tv5core.upstream.tmdb.api_errors import error_from_status
from tv5core.upstream.tmdb.types import END_OF_IDS

__all__ = [
    "ExportParser",
    "ExportedId",
    "MalformedLine",
    "export_path",
    "latest_export_day",
    "read_export_file",
    "stream_export",
]

_NAMES = {"movie": "movie_ids", "tv": "tv_series_ids"}
_READY_AT_HOUR = 8
_MAX_COMPRESSED_BYTES = 512 << 20
_MAX_BYTES = 4 << 30
_MAX_LINE_BYTES = 64 << 10
_STEP_BYTES = 256 << 10
# Object stores respond 403 for a missing file.
_MISSING_STATUSES = (403, 404)


class ExportedId(msgspec.Struct, frozen=True, gc=False):
    """One line of an export.

    Attributes
    ----------
    id : int
        TMDB's id: positive and below 10**12.
    popularity : float
        From 0; 0 where it is missing or unusable.
    adult : bool
    original_title, original_name : str
        Name of a film or of a series; only one of the two is present.
    omitted : int
        Unusable values of the line that were left out.
    """

    id: Annotated[int, msgspec.Meta(gt=0, lt=END_OF_IDS)]
    popularity: Annotated[float, msgspec.Meta(ge=0, le=1e300)] = 0.0
    # Never left out: an adult title would count as another.
    adult: Annotated[bool, EXACT] = False
    original_title: str | None = None
    original_name: str | None = None
    omitted: int = msgspec.field(default=0, name="(omitted)")

    @property
    def media(self) -> str:
        """``movie``, ``tv``, or empty where neither name is present."""
        if self.original_title is not None:
            return "movie"
        return "tv" if self.original_name is not None else ""


class MalformedLine(msgspec.Struct, frozen=True):
    """A line that cannot be used, by its number from 1, or what follows the end of the file."""

    line: int
    problem: str


_DECODER = msgspec.json.Decoder(ExportedId, strict=False)


def latest_export_day(now: datetime | None = None) -> date:
    """Return the day of the newest export that is certainly available: by 08:00 UTC."""
    now = datetime.now(UTC) if now is None else now.astimezone(UTC)
    return now.date() - timedelta(days=0 if now.hour >= _READY_AT_HOUR else 1)


def export_path(media: str, day: date) -> str:
    """Return the path of the export of a day."""
    return f"p/exports/{_NAMES[media]}_{day:%m_%d_%Y}.json.gz"


async def stream_export(fetcher: Fetcher, path: str) -> AsyncIterator[ExportedId | MalformedLine]:
    """Stream an export; see ``Tmdb.export``."""
    parser, pacer = ExportParser(path), Pacer()
    url = fetcher.provider.files_url(path)
    try:
        async for chunk in fetcher.stream(url, max_bytes=_MAX_COMPRESSED_BYTES):
            for part in parser.decompress(chunk):
                for each in parser.parse(part):
                    yield each
                await pacer.pace()
    except UpstreamStatusError as error:
        if error.status in _MISSING_STATUSES:
            raise TitleNotFoundError(f"tmdb: expected an export {path}, got none") from None
        raise error_from_status(error.status, error.code, error.message, path) from None
    if parser.is_empty:
        raise MalformedResponseError(f"{path}: expected a gzip file, got an empty one")
    for each in parser.finish():
        yield each


def read_export_file(path: Path) -> Iterator[ExportedId | MalformedLine]:
    """Read a downloaded export, compressed or not.

    Raises
    ------
    ImportFormatError
        The file is damaged or not an export.
    OSError
        The file cannot be read.
    """
    parser = ExportParser(path.name)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_STEP_BYTES):
                yield from parser.feed(chunk)
        yield from parser.finish()
    except MalformedResponseError as error:
        raise ImportFormatError(str(error)) from None


class ExportParser:
    """Parses the bytes of an export, compressed or not, into lines.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    max_bytes : int
        Largest size, decompressed.
    """

    def __init__(self, name: str, *, max_bytes: int = _MAX_BYTES) -> None:
        self._name, self._max_bytes = name, max_bytes
        self._gzip: GzipStream | None = None
        self._is_started = False
        self._rest, self._lines, self._bytes = b"", 0, 0
        self._is_skipping = False

    @property
    def is_empty(self) -> bool:
        """Whether no byte has come yet; even an export without lines is a gzip file of some."""
        return not (self._is_started or self._rest)

    def feed(self, chunk: bytes) -> Iterator[ExportedId | MalformedLine]:
        """Parse the next bytes; yield the lines they complete.

        Raises
        ------
        MalformedResponseError
            The bytes are not gzip, or a bound is exceeded.
        """
        for part in self.decompress(chunk):
            yield from self.parse(part)

    def decompress(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the next bytes decompressed, in small steps, for :meth:`parse`."""
        if not self._is_started:
            chunk = self._rest + chunk
            if len(chunk) < len(GZIP_MAGIC):
                self._rest = chunk
                return
            self._rest, self._is_started = b"", True
            self._gzip = GzipStream() if chunk.startswith(GZIP_MAGIC) else None
        if self._gzip is None:
            yield chunk
            return
        try:
            yield from self._gzip.feed(chunk)
        except zlib.error as error:
            raise MalformedResponseError(
                f"{self._name}: expected a gzip file, got a damaged one ({error})"
            ) from None

    def parse(self, part: bytes) -> Iterator[ExportedId | MalformedLine]:
        """Yield the lines that decompressed bytes complete; too long ones are skipped."""
        self._bytes += len(part)
        if self._bytes > self._max_bytes:
            raise MalformedResponseError(
                f"{self._name}: expected at most {self._max_bytes:,} bytes decompressed, got more"
            )
        return self._split(part)

    def finish(self) -> Iterator[ExportedId | MalformedLine]:
        """Yield the last line, which may lack its line feed, and what follows the gzip file.

        Raises
        ------
        MalformedResponseError
            The file is truncated.
        """
        if self._gzip is not None and not self._gzip.is_whole:
            raise MalformedResponseError(f"{self._name}: expected a whole gzip file, got a part")
        if self._rest.strip() and not self._is_skipping:
            yield self._line(self._rest)
        self._rest = b""
        if self._gzip is not None:
            self._gzip.finish()
            if extra := self._gzip.trailing_bytes:
                yield MalformedLine(
                    self._lines + 1, f"expected the end of the gzip file, got {extra:,} bytes more"
                )

    def _split(self, part: bytes) -> Iterator[ExportedId | MalformedLine]:
        *whole, self._rest = (self._rest + part).split(b"\n")
        if whole and self._is_skipping:
            # The end of a line of which the beginning was counted already.
            self._is_skipping = False
            del whole[0]
        for line in whole:
            if line.strip():
                yield self._line(line)
            else:
                self._lines += 1
        if len(self._rest) > _MAX_LINE_BYTES:
            if not self._is_skipping:
                self._is_skipping = True
                yield self._too_long()
            self._rest = b""

    def _too_long(self) -> MalformedLine:
        self._lines += 1
        return MalformedLine(
            self._lines, f"expected at most {_MAX_LINE_BYTES:,} bytes, got a longer line"
        )

    def _line(self, line: bytes) -> ExportedId | MalformedLine:
        self._lines += 1
        try:
            return _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        try:
            return _decode_loosely(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return MalformedLine(self._lines, str(error))


def _decode_loosely(line: bytes) -> ExportedId:
    """Decode a line without its unusable values."""
    with record_omissions() as parsed:
        value, omitted = prune(drop_nulls(parse_json(line)), ExportedId)
    found = msgspec.convert(value, ExportedId, strict=False)
    return msgspec.structs.replace(found, omitted=len(omitted) + parsed.total())
