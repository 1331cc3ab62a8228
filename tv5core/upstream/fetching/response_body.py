"""Reading a body of unknown size: bounded both as sent and as decompressed."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator

import aiohttp

from tv5core.errors import MalformedResponseError, ResponseTooLargeError
from tv5core.upstream.fetching.gzip_stream import GzipStream
from tv5core.upstream.fetching.pacing import Pacer

__all__ = ["iter_body", "read_body"]


async def read_body(
    raw: aiohttp.ClientResponse, label: str, max_compressed_bytes: int, max_bytes: int
) -> bytes:
    """Read a whole body.

    Parameters
    ----------
    raw : aiohttp.ClientResponse
    label : str
        Name of the request, for messages.
    max_compressed_bytes, max_bytes : int
        Largest size as sent, and decompressed.

    Raises
    ------
    ResponseTooLargeError
        The body is larger; hardly anything beyond the bound is read.
    MalformedResponseError
        The body cannot be decompressed, or ends early.
    """
    body = bytearray()
    async for chunk in iter_body(raw, label, max_compressed_bytes, max_bytes):
        body += chunk
    return bytes(body)


async def iter_body(
    raw: aiohttp.ClientResponse, label: str, max_compressed_bytes: int, max_bytes: int
) -> AsyncIterator[bytes]:
    """Yield a body in pieces, without its Content-Encoding; errors as for :func:`read_body`."""
    sent = _ByteLimit(label, "sent", max_compressed_bytes)
    decompressed = _ByteLimit(label, "decompressed", max_bytes)
    sent.check_announced(raw.headers.get("Content-Length", ""))
    decompressor = _decompressor(raw.headers.get("Content-Encoding", "identity"), label)
    pacer = Pacer()
    async for piece in raw.content.iter_any():
        sent.add(len(piece))
        for chunk in decompressor.feed(piece):
            decompressed.add(len(chunk))
            if chunk:
                yield chunk
            await pacer.pace()
    decompressor.finish()


class _ByteLimit:
    """Counts bytes, and raises beyond a limit."""

    def __init__(self, label: str, form: str, limit: int) -> None:
        self._label, self._form, self._limit, self._count = label, form, limit, 0

    def add(self, count: int) -> None:
        self._count += count
        if self._count > self._limit:
            raise self._too_large("more")

    def check_announced(self, length: str) -> None:
        """Refuse a body by its Content-Length, before any of it is read."""
        if length.isdigit() and int(length[:18]) > self._limit:
            raise self._too_large(length[:18])

    def _too_large(self, got: str) -> ResponseTooLargeError:
        return ResponseTooLargeError(
            f"{self._label}: expected at most {self._limit} bytes {self._form}, got {got}"
        )


class _Identity:
    """Passes on a body that is not compressed."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        yield piece

    def finish(self) -> None:
        """Do nothing: HTTP itself checks the length of the body."""


class _Gzip:
    """Decompresses in small steps, so that a decompression bomb is noticed early."""

    def __init__(self, label: str) -> None:
        self._label, self._stream = label, GzipStream()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        with contextlib.suppress(zlib.error):
            yield from self._stream.feed(piece)
            return
        raise MalformedResponseError(f"{self._label}: expected gzip, got other bytes")

    def finish(self) -> None:
        if not self._stream.is_whole:
            raise MalformedResponseError(f"{self._label}: expected a whole gzip body, got a part")


def _decompressor(encoding: str, label: str) -> _Identity | _Gzip:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _Identity()
    if name in ("gzip", "x-gzip", "deflate"):
        return _Gzip(label)
    raise MalformedResponseError(f"{label}: expected gzip or nothing, got encoding {name[:40]!r}")
