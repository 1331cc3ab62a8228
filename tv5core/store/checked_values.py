"""Values in LMDB that end in their checksum: vectors, journal entries, marks, sections.

A checked value is a body and after it, little-endian, the CRC-32 of its key and that body. The key
is in it so that a value under a wrong key is found out too. A catalogue of format 4 or earlier has
bodies alone; from their lengths alone readers distinguish the two, so a catalogue may hold
both until :mod:`tv5core.store.upgrading` has rewritten the last of the old ones.
"""

from __future__ import annotations

import struct
import zlib

from tv5core.errors import CorruptFileError

__all__ = ["CHECKSUM_BYTES", "body_of", "is_intact", "with_checksum"]

CHECKSUM_BYTES = 4

_CHECKSUM = struct.Struct("<I")
_RESIDUE = 0x2144DF1C  # the CRC-32 of anything that is followed by its own CRC-32


def with_checksum(key: bytes, body: bytes) -> bytes:
    """Return the value to store for a body under a key."""
    return body + _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(key)))


def is_intact(key: bytes, value: bytes | memoryview) -> bool:
    """Return whether a value ends in the checksum of its key and body."""
    return len(value) >= CHECKSUM_BYTES and zlib.crc32(value, zlib.crc32(key)) == _RESIDUE


def body_of(key: bytes, value: bytes | memoryview, what: str) -> bytes:
    """Return the body of a checked value.

    Parameters
    ----------
    key : bytes
    value : bytes-like
    what : str
        What the value is, for the message.

    Raises
    ------
    CorruptFileError
        It is not what was stored under this key.
    """
    if not is_intact(key, value):
        stored = bytes(value[-CHECKSUM_BYTES:])[::-1].hex()
        got = zlib.crc32(value[:-CHECKSUM_BYTES], zlib.crc32(key))
        raise CorruptFileError(f"expected {what} of checksum {stored}, got {got:08x}")
    return bytes(value[:-CHECKSUM_BYTES])
