"""Eviction from the disk tier: expired entries first, then those that expire next.

Everything runs in small transactions, so that no process's writes wait long.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import lmdb

from tv5core.cache.disk import entries
from tv5core.cache.disk.environment import Environment, Txn

__all__ = ["FULL_SHARE", "Evictor"]

FULL_SHARE = 0.8
"""Share of the capacity above which entries are evicted; the rest is room to write in."""

_BATCH_ENTRIES = 200


class Evictor:
    """Remove expired entries, and others where there is no room.

    Parameters
    ----------
    environment : Environment
    cap_bytes : int
        Capacity for all entries and indexes.
    on_evict : callable
        Called with a reason (``expired`` or ``capacity``) and how many entries were removed.
    """

    def __init__(
        self, environment: Environment, cap_bytes: int, on_evict: Callable[[str, int], None]
    ) -> None:
        self._environment, self._cap_bytes, self._on_evict = environment, cap_bytes, on_evict

    def is_full(self, txn: Txn) -> bool:
        """Return whether entries must be evicted."""
        return self._environment.used_bytes(txn) > FULL_SHARE * self._cap_bytes

    def sweep(self, now_ms: int) -> int:
        """Remove expired entries; return how many.

        Raises
        ------
        UnusableError, lmdb.Error
        """
        total = 0
        while removed := self._sweep_batch(now_ms):
            total += removed
            if removed < _BATCH_ENTRIES:
                break
        return total

    def _sweep_batch(self, now_ms: int) -> int:
        with self._environment.read() as txn:
            if not entries.first_to_expire(txn, 1, now_ms):
                return 0
        return self._remove("expired", now_ms)

    def _remove(self, reason: str, before_ms: int | None) -> int:
        batch = _BATCH_ENTRIES
        while True:
            self._environment.wait_for_readers()
            try:
                removed = self._environment.write(partial(_remove, batch, before_ms))
            except lmdb.MapFullError:  # deleting takes pages, too
                if batch == 1:
                    raise
                batch = max(1, batch // 10)
            else:
                self._on_evict(reason, removed)
                return removed

    def make_room(self, now_ms: int, batches: int | None = None) -> int:
        """Evict until there is room: expired entries, then those that expire next.

        Parameters
        ----------
        batches : int, optional
            Evict this many batches, whether or not there seems to be room.

        Returns
        -------
        int
            How many entries were removed.

        Raises
        ------
        UnusableError, lmdb.Error
        """
        total = self.sweep(now_ms)
        done = 0
        while self._evict_more(done, batches):
            removed = self._remove("capacity", None)
            total, done = total + removed, done + 1
            if not removed:
                break
        if total:
            # LMDB reuses pages from the second transaction after the one that freed them.
            self._environment.write(_advance_transaction)
        return total

    def _evict_more(self, done: int, batches: int | None) -> bool:
        if batches is not None:
            return done < batches
        with self._environment.read() as txn:
            return self.is_full(txn)


def _advance_transaction(txn: Txn) -> None:
    txn.raw.put(b"turn", os.urandom(8), db=txn.dbs.meta)


def _remove(limit: int, before_ms: int | None, txn: Txn) -> int:
    if before_ms is None:  # of a small cache, only a few at a time
        limit = min(limit, max(1, int(txn.raw.stat(txn.dbs.entries)["entries"]) // 20))
    rows = entries.first_to_expire(txn, limit, before_ms)
    for row, key in rows:
        entries.delete(txn, key)
        txn.raw.delete(row, db=txn.dbs.expiry)  # where its entry is missing or damaged
    return len(rows)
