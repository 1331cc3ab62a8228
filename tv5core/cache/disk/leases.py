"""Leases of the disk tier: which process loads a key, and until when at most."""

from __future__ import annotations

import struct

from tv5core.cache.disk.environment import Txn

__all__ = ["acquire", "any_expired", "release", "sweep"]

_PREFIX = b"lease:"
_EXPIRES = struct.Struct(">Q")  # then the owner
_MAX_TTL_MS = 600_000


def _key(key: bytes) -> bytes:
    return _PREFIX + key


def acquire(txn: Txn, key: bytes, owner: bytes, now_ms: int, ttl_ms: int) -> bool:
    """Acquire the lease on a key, unless another owner has it; return whether it did.

    A lease that outlasts any new one was written before the clock was set back: it is ignored.
    """
    data = txn.raw.get(_key(key), db=txn.dbs.meta)
    if data is not None and len(data) >= 8 and bytes(data[8:]) != owner:
        expires_ms = int(_EXPIRES.unpack_from(data)[0])
        if now_ms < expires_ms <= now_ms + max(ttl_ms, _MAX_TTL_MS):
            return False
    txn.raw.put(_key(key), _EXPIRES.pack(now_ms + ttl_ms) + owner, db=txn.dbs.meta)
    return True


def release(txn: Txn, key: bytes, owner: bytes) -> bool:
    """Release a lease; return whether it was still its owner's."""
    data = txn.raw.get(_key(key), db=txn.dbs.meta)
    if data is None or bytes(data[8:]) != owner:
        return False
    return bool(txn.raw.delete(_key(key), db=txn.dbs.meta))


def any_expired(txn: Txn, now_ms: int) -> bool:
    """Return whether the first lease has expired: a cheap check before a write transaction."""
    with txn.raw.cursor(txn.dbs.meta) as cursor:
        if not cursor.set_range(_PREFIX) or not bytes(cursor.key()).startswith(_PREFIX):
            return False
        data = cursor.value()
        return len(data) < 8 or int(_EXPIRES.unpack_from(data)[0]) <= now_ms


def sweep(txn: Txn, now_ms: int, limit: int) -> int:
    """Delete up to ``limit`` expired leases; return how many."""
    removed = 0
    with txn.raw.cursor(txn.dbs.meta) as cursor:
        more = cursor.set_range(_PREFIX)
        while more and removed < limit and bytes(cursor.key()).startswith(_PREFIX):
            data = cursor.value()
            if len(data) < 8 or int(_EXPIRES.unpack_from(data)[0]) <= now_ms:
                more = cursor.delete()
                removed += 1
            else:
                more = cursor.next()
    return removed
