"""Frames on a stream: a length of four bytes, little-endian, then that many bytes."""

from __future__ import annotations

import asyncio
import struct

from tv5core.errors import InvalidInputError

__all__ = ["MAX_FRAME_BYTES", "frame", "read_frame"]

MAX_FRAME_BYTES = 64 << 20
"""The longest frame; a title has about 5 KB, so it holds some ten thousand."""

_LENGTH = struct.Struct("<I")


def frame(body: bytes, limit: int = MAX_FRAME_BYTES) -> bytes:
    """Return a body with its length before it.

    Raises
    ------
    InvalidInputError
        It is longer than a frame may be.
    """
    if len(body) > limit:
        raise InvalidInputError(f"expected a message of at most {limit} bytes, got {len(body)}")
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader, limit: int = MAX_FRAME_BYTES) -> bytes | None:
    """Return the next body, or None where the stream ended between two frames.

    Raises
    ------
    InvalidInputError
        The length is above the limit; nothing of the body was read.
    ConnectionError
        The stream ended within a frame.
    """
    try:
        head = await reader.readexactly(_LENGTH.size)
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise ConnectionResetError("expected a whole frame, got a part of its length") from error
    (length,) = _LENGTH.unpack(head)
    if length > limit:
        raise InvalidInputError(f"expected a frame of at most {limit} bytes, got {length}")
    try:
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        got = len(error.partial)
        raise ConnectionResetError(f"expected {length} bytes of a frame, got {got}") from error
