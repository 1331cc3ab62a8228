"""Reading a body without believing its size: bounded as sent and as unpacked."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

import aiohttp

from tv5core.errors import MalformedResponseError, ResponseTooLargeError

__all__ = ["chunks", "read_body"]

_STEP_BYTES = 65_536
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


async def read_body(
    raw: aiohttp.ClientResponse, where: str, max_packed_bytes: int, max_bytes: int
) -> bytes:
    """Read a body whole.

    Raises
    ------
    ResponseTooLargeError
        It is larger than it may be, as sent or unpacked; nothing much beyond that was read.
    MalformedResponseError
        It cannot be unpacked, or ends early.
    """
    found = bytearray()
    async for chunk in chunks(raw, where, max_packed_bytes, max_bytes):
        found += chunk
    return bytes(found)


async def chunks(
    raw: aiohttp.ClientResponse, where: str, max_packed_bytes: int, max_bytes: int
) -> AsyncIterator[bytes]:
    """Read a body piece by piece, with its Content-Encoding undone; errors as in ``read_body``."""
    packed, unpacked = _Meter(where, "sent", max_packed_bytes), _Meter(where, "unpacked", max_bytes)
    packed.look_ahead(raw.headers.get("Content-Length", ""))
    unpacker = _unpacker(raw.headers.get("Content-Encoding", "identity"), where)
    async for piece in raw.content.iter_any():
        packed.add(len(piece))
        for chunk in unpacker.feed(piece):
            unpacked.add(len(chunk))
            yield chunk
    unpacker.finish()


class _Meter:
    """Counts bytes up to a limit."""

    def __init__(self, where: str, how: str, limit: int) -> None:
        self._where, self._how, self._limit, self._count = where, how, limit, 0

    def add(self, count: int) -> None:
        self._count += count
        if self._count > self._limit:
            raise self._too_large("more")

    def look_ahead(self, length: str) -> None:
        """Refuse what is announced as too large before any of it is read."""
        if length.isdigit() and int(length[:18]) > self._limit:
            raise self._too_large(length[:18])

    def _too_large(self, got: str) -> ResponseTooLargeError:
        return ResponseTooLargeError(
            f"{self._where}: expected at most {self._limit} bytes {self._how}, got {got}"
        )


class _Plain:
    """A body that is not packed."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        yield piece

    def finish(self) -> None:
        """Nothing was begun, so nothing can be incomplete; HTTP's own length was checked."""


class _Gzip:
    """Unpacks in small steps, so that a bomb is noticed when it has hardly gone off."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            if self._unpacker.eof:
                # gzip may consist of several members, one after another.
                self._unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
            yield self._step(piece)
            piece = self._unpacker.unconsumed_tail or self._unpacker.unused_data

    def _step(self, piece: bytes) -> bytes:
        try:
            return self._unpacker.decompress(piece, _STEP_BYTES)
        except zlib.error:
            pass
        raise MalformedResponseError(f"{self._where}: expected gzip, got other bytes")

    def finish(self) -> None:
        if not self._unpacker.eof:
            raise MalformedResponseError(f"{self._where}: expected a whole gzip body, got a part")


def _unpacker(encoding: str, where: str) -> _Plain | _Gzip:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _Plain()
    if name in ("gzip", "x-gzip", "deflate"):
        return _Gzip(where)
    raise MalformedResponseError(f"{where}: expected gzip or nothing, got encoding {name[:40]!r}")
