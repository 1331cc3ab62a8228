"""Keys and values of the disk tier, as bytes.

An entry is stored under kind and key, as a header (version, checksum, epoch, expiry) and the
entry in msgpack.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from tv5core.cache.entry import Entry

__all__ = [
    "decode",
    "encode",
    "entry_key",
    "expires_ms_of",
    "kind_of",
    "kind_prefix",
    "tag_prefix",
    "tags_of",
]

_VERSION = 1
MAX_KEY_BYTES = 400
"""Longer keys are hashed: LMDB takes 511 bytes, of which the indexes need some."""

_MAX_KIND_BYTES = 64

_HEADER = struct.Struct("<BIQQ")  # version, checksum of what follows it, epoch, expiry
_CHECKSUM_START = 5
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


@lru_cache(maxsize=256)  # there are few kinds
def kind_prefix(kind: str) -> bytes:
    """Return the prefix of the keys of all entries of a kind, and of no other."""
    raw = kind.encode()
    if len(raw) > _MAX_KIND_BYTES or b"\0" in raw or not raw:
        raw = b"\1" + _digest(raw)
    return raw + b"\0"


def kind_of(key: bytes) -> str:
    """Return the kind of an entry's key; of a hashed kind, the hash."""
    return key.partition(b"\0")[0].decode("utf-8", "replace").lstrip("\1")


def entry_key(kind: str, key: str) -> bytes:
    """Return the key of an entry; a long one is hashed."""
    raw = key.encode()
    if len(raw) > MAX_KEY_BYTES:
        return kind_prefix(kind) + b"\1" + _digest(raw)
    return kind_prefix(kind) + b"\0" + raw


def tag_prefix(tag: str) -> bytes:
    """Return the prefix of the index rows of a tag."""
    return _digest(tag.encode())


def _digest(raw: bytes) -> bytes:
    # Without zero bytes, which end a kind. 30 hexadecimal digits are 120 bits.
    return hashlib.blake2b(raw, digest_size=15).hexdigest().encode()


def encode(entry: Entry, epoch: int, expires_ms: int) -> bytes:
    """Encode an entry."""
    rest = struct.pack("<QQ", epoch, expires_ms) + _encoder.encode(entry)
    return struct.pack("<BI", _VERSION, zlib.crc32(rest)) + rest


def decode(data: memoryview, epoch: int, now_ms: int) -> Entry | None:
    """Decode an entry; None where it is of another version or epoch, damaged, or expired."""
    if len(data) < _HEADER.size:
        return None
    version, checksum, of_epoch, expires_ms = _HEADER.unpack_from(data)
    if version != _VERSION or of_epoch != epoch or expires_ms <= now_ms:
        return None
    if zlib.crc32(data[_CHECKSUM_START:]) != checksum:
        return None
    try:
        return _decoder.decode(data[_HEADER.size :])
    except (msgspec.MsgspecError, ValueError):
        return None


def expires_ms_of(data: memoryview) -> int | None:
    """Return when stored bytes expire, in Unix milliseconds; None where they are too short."""
    return None if len(data) < _HEADER.size else int(_HEADER.unpack_from(data)[3])


def tags_of(data: memoryview) -> Iterable[str]:
    """Return the tags of stored bytes; none where they cannot be decoded."""
    if data[0] != _VERSION:
        return ()
    try:
        return _decoder.decode(data[_HEADER.size :]).tags
    except (msgspec.MsgspecError, ValueError):
        return ()
