"""The log of invalidations that all processes follow, within one transaction.

An invalidation is appended in the transaction that deletes what it covers. A load reads the
log's last number before it starts, and its value is stored only if no later invalidation covers
it; so no process can put back what another has just invalidated.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import msgspec

from tv5core.cache.disk.environment import Txn
from tv5core.cache.entry import Invalidation

__all__ = ["after", "append", "invalidated_since", "last_seq", "surplus", "trim"]

_MAX_ENTRIES = 10_000
_MAX_READ = 1_000

_U64 = struct.Struct(">Q")


def last_seq(txn: Txn) -> int:
    """Return the number of the last invalidation; 0 where there is none."""
    with txn.raw.cursor(txn.dbs.log) as cursor:
        return int(_U64.unpack(cursor.key())[0]) if cursor.last() else 0


def append(txn: Txn, invalidation: Invalidation) -> int:
    """Append an invalidation; return its number."""
    seq = last_seq(txn) + 1
    txn.raw.put(_U64.pack(seq), msgspec.msgpack.encode(invalidation), db=txn.dbs.log)
    return seq


def after(txn: Txn, seq: int) -> list[Invalidation] | None:
    """Return the invalidations after a number; None where the log no longer has them all."""
    with txn.raw.cursor(txn.dbs.log) as cursor:
        if not cursor.first():
            return [] if seq == 0 else None
        first, last = int(_U64.unpack(cursor.key())[0]), last_seq(txn)
        if seq + 1 < first or seq > last or last - seq > _MAX_READ:
            return None
        found: list[Invalidation] = []
        more = cursor.set_range(_U64.pack(seq + 1))
        while more:
            found.append(msgspec.msgpack.decode(cursor.value(), type=Invalidation))
            more = cursor.next()
    return found


def invalidated_since(txn: Txn, seq: int, kind: str, key: str, tags: Iterable[str]) -> bool:
    """Return whether an entry was invalidated after a number, or may have been."""
    if last_seq(txn) == seq:
        return False
    later = after(txn, seq)
    return later is None or any(one.matches(kind, key, tags) for one in later)


def surplus(txn: Txn) -> int:
    """Return how many entries the log has beyond its maximum."""
    return max(0, int(txn.raw.stat(txn.dbs.log)["entries"]) - _MAX_ENTRIES)


def trim(txn: Txn, limit: int) -> int:
    """Delete up to ``limit`` of the oldest entries beyond the maximum; return how many."""
    count = min(surplus(txn), limit)
    with txn.raw.cursor(txn.dbs.log) as cursor:
        for _ in range(count):
            cursor.first()
            cursor.delete()
    return count
