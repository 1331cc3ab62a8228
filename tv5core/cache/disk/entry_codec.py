"""What the cache on disk stores, and how, within one transaction.

``entries``  kind, key -> head (version, checksum, epoch, expiry) and the entry in msgpack
``expiry``   expiry in ms (uint64, big-endian), entry key -> nothing
``tags``     digest of a tag, entry key -> nothing
``log``      seq (uint64, big-endian) -> an invalidation, in msgpack
``meta``     the format, leases and checkpoints

An invalidation is written to the log in the transaction that removes what it names. A load
notes the log's last number before it starts, and its result is stored only if no later entry
names it; so no process can put back what another has just declared old.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache

import lmdb
import msgspec

from tv5core.cache.disk.environment import Txn
from tv5core.cache.entry import Entry, Invalidation

__all__ = [
    "append_log",
    "decode",
    "delete",
    "delete_prefix",
    "encode",
    "entry_key",
    "is_text",
    "kind_of",
    "kind_prefix",
    "last_seq",
    "log_surplus",
    "logged_after",
    "overtaken",
    "put",
    "soonest",
    "tag_prefix",
    "trim_log",
]

VERSION = 1
MAX_KEY_BYTES = 400
"""Longer keys are hashed: LMDB takes 511 bytes, of which indexes need some."""

_MAX_KIND_BYTES = 64
_LOG_KEPT = 10_000
_LOG_LOOKED_AT = 1_000

_HEAD = struct.Struct("<BIQQ")  # version, checksum of what follows it, epoch, expiry
_CHECKED_FROM = 5
_U64 = struct.Struct(">Q")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


# -- keys ---------------------------------------------------------------------------------


@lru_cache(maxsize=256)  # there are a handful
def kind_prefix(kind: str) -> bytes:
    """Return what the keys of all entries of a kind, and of no other, start with."""
    raw = kind.encode()
    if len(raw) > _MAX_KIND_BYTES or b"\0" in raw or not raw:
        raw = b"\1" + _digest(raw)
    return raw + b"\0"


def kind_of(key: bytes) -> str:
    """Return the kind an entry's key belongs to; of a hashed one, the hash."""
    return key.partition(b"\0")[0].decode("utf-8", "replace").lstrip("\1")


def is_text(*some: str) -> bool:
    """Say whether these can be written; text with half a surrogate pair cannot."""
    try:
        for text in some:
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def entry_key(kind: str, key: str) -> bytes:
    """Return the key of an entry; hashed where it is long."""
    raw = key.encode()
    if len(raw) > MAX_KEY_BYTES:
        return kind_prefix(kind) + b"\1" + _digest(raw)
    return kind_prefix(kind) + b"\0" + raw


def tag_prefix(tag: str) -> bytes:
    """Return what the rows of a tag start with."""
    return _digest(tag.encode())


def _digest(raw: bytes) -> bytes:
    # Without zero bytes, which end a kind; 30 hexadecimal digits are 120 bits.
    return hashlib.blake2b(raw, digest_size=15).hexdigest().encode()


# -- entries ------------------------------------------------------------------------------


def encode(entry: Entry, epoch: int, expires_ms: int) -> bytes:
    """Turn an entry into the bytes stored for it."""
    rest = struct.pack("<QQ", epoch, expires_ms) + _encoder.encode(entry)
    return struct.pack("<BI", VERSION, zlib.crc32(rest)) + rest


def decode(data: memoryview, epoch: int, now_ms: int) -> Entry | None:
    """Restore an entry; None where it is of another version or epoch, damaged, or expired."""
    if len(data) < _HEAD.size:
        return None
    version, checksum, of_epoch, expires_ms = _HEAD.unpack_from(data)
    if version != VERSION or of_epoch != epoch or expires_ms <= now_ms:
        return None
    if zlib.crc32(data[_CHECKED_FROM:]) != checksum:
        return None
    try:
        return _decoder.decode(data[_HEAD.size :])
    except (msgspec.MsgspecError, ValueError):
        return None


def put(txn: Txn, key: bytes, data: bytes, expires_ms: int, tags: Iterable[str]) -> None:
    """Store an entry with its rows in the indexes, replacing the one before it."""
    delete(txn, key)
    txn.raw.put(key, data, db=txn.dbs.entries)
    txn.raw.put(_U64.pack(expires_ms) + key, b"", db=txn.dbs.expiry)
    for tag in tags:
        txn.raw.put(tag_prefix(tag) + key, b"", db=txn.dbs.tags)


def delete(txn: Txn, key: bytes) -> bool:
    """Remove an entry and its rows in the indexes; say whether there was one."""
    data = txn.raw.get(key, db=txn.dbs.entries)
    if data is None:
        return False
    if len(data) >= _HEAD.size:
        txn.raw.delete(_U64.pack(_HEAD.unpack_from(data)[3]) + key, db=txn.dbs.expiry)
        for tag in _tags_of(data):
            txn.raw.delete(tag_prefix(tag) + key, db=txn.dbs.tags)
    txn.raw.delete(key, db=txn.dbs.entries)
    return True


def _tags_of(data: memoryview) -> Iterable[str]:
    if data[0] != VERSION:
        return ()
    try:
        return _decoder.decode(data[_HEAD.size :]).tags
    except (msgspec.MsgspecError, ValueError):
        return ()


def delete_prefix(txn: Txn, database: lmdb._Database, prefix: bytes, limit: int) -> int:
    """Remove up to ``limit`` entries whose row in a database starts so; return how many.

    Parameters
    ----------
    database : handle
        ``entries`` (the row is the entry's key) or ``tags`` (the key follows the prefix).
    """
    cut = 0 if database is txn.dbs.entries else len(prefix)
    rows = _rows(txn, database, prefix, limit)
    for row in rows:
        # A row that no entry stands behind any more goes too.
        if not delete(txn, row[cut:]) or cut:
            txn.raw.delete(row, db=database)
    return len(rows)


def _rows(txn: Txn, database: lmdb._Database, prefix: bytes, limit: int) -> list[bytes]:
    rows: list[bytes] = []
    with txn.raw.cursor(database) as cursor:
        more = cursor.set_range(prefix)
        while more and len(rows) < limit:
            row = bytes(cursor.key())
            if not row.startswith(prefix):
                break
            rows.append(row)
            more = cursor.next()
    return rows


def soonest(txn: Txn, limit: int, before_ms: int | None = None) -> list[tuple[bytes, bytes]]:
    """Return the index rows and keys of the entries that expire first.

    Parameters
    ----------
    limit : int
    before_ms : int, optional
        Only those that expire before.
    """
    found: list[tuple[bytes, bytes]] = []
    for row in _rows(txn, txn.dbs.expiry, b"", limit):
        if before_ms is not None and _U64.unpack_from(row)[0] >= before_ms:
            break
        found.append((row, row[8:]))
    return found


# -- the log of invalidations -------------------------------------------------------------


def last_seq(txn: Txn) -> int:
    """Return the number of the last invalidation; 0 where there was none."""
    with txn.raw.cursor(txn.dbs.log) as cursor:
        return int(_U64.unpack(cursor.key())[0]) if cursor.last() else 0


def append_log(txn: Txn, what: Invalidation) -> int:
    """Note an invalidation; return its number."""
    seq = last_seq(txn) + 1
    txn.raw.put(_U64.pack(seq), msgspec.msgpack.encode(what), db=txn.dbs.log)
    return seq


def logged_after(txn: Txn, seq: int) -> list[Invalidation] | None:
    """Return the invalidations after a number, or None where some are no longer known."""
    with txn.raw.cursor(txn.dbs.log) as cursor:
        if not cursor.first():
            return [] if seq == 0 else None
        first, last = int(_U64.unpack(cursor.key())[0]), last_seq(txn)
        if seq + 1 < first or seq > last or last - seq > _LOG_LOOKED_AT:
            return None
        found: list[Invalidation] = []
        more = cursor.set_range(_U64.pack(seq + 1))
        while more:
            found.append(msgspec.msgpack.decode(cursor.value(), type=Invalidation))
            more = cursor.next()
    return found


def overtaken(txn: Txn, token: int, kind: str, key: str, tags: Iterable[str]) -> bool:
    """Say whether an entry was invalidated after a token was taken, or may have been."""
    if last_seq(txn) == token:
        return False
    later = logged_after(txn, token)
    return later is None or any(one.matches(kind, key, tags) for one in later)


def log_surplus(txn: Txn) -> int:
    """Return how many invalidations there are beyond those kept."""
    return max(0, int(txn.raw.stat(txn.dbs.log)["entries"]) - _LOG_KEPT)


def trim_log(txn: Txn, limit: int) -> int:
    """Forget up to ``limit`` invalidations beyond those kept; return how many."""
    surplus = min(log_surplus(txn), limit)
    with txn.raw.cursor(txn.dbs.log) as cursor:
        for _ in range(surplus):
            cursor.first()
            cursor.delete()
    return surplus
