"""Keeping the cache on disk small: what expired goes, then what expires soonest.

All in small transactions, so that neither another process's writes nor this one's wait long.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import lmdb

from tv5core.cache.disk import entry_codec as records
from tv5core.cache.disk.environment import Environment, Txn

__all__ = ["FULL_SHARE", "Evictor"]

FULL_SHARE = 0.8
"""Share of its cap from which entries are evicted; the rest is room to write in."""

_BATCH = 200


class Evictor:
    """Remove entries that expired, or for which there is no room.

    Parameters
    ----------
    environment : Environment
    cap_bytes : int
        What all entries and indexes may take.
    removed : callable
        Told (reason, how many): ``expired`` or ``room``.
    """

    def __init__(
        self, environment: Environment, cap_bytes: int, removed: Callable[[str, int], None]
    ) -> None:
        self._environment, self._cap_bytes, self._removed = environment, cap_bytes, removed

    def over(self, txn: Txn) -> bool:
        """Say whether entries must go."""
        return self._environment.used_bytes(txn) > FULL_SHARE * self._cap_bytes

    def sweep(self, now_ms: int) -> int:
        """Remove what expired; return how many entries.

        Raises
        ------
        UnusableError, lmdb.Error
        """
        total = 0
        while removed := self._sweep_some(now_ms):
            total += removed
            if removed < _BATCH:
                break
        return total

    def _sweep_some(self, now_ms: int) -> int:
        with self._environment.read() as txn:
            if not records.soonest(txn, 1, now_ms):
                return 0
        return self._remove("expired", now_ms)

    def _remove(self, reason: str, before_ms: int | None) -> int:
        batch = _BATCH
        while True:
            self._environment.wait_for_readers()
            try:
                removed = self._environment.write(partial(_remove, batch, before_ms))
            except lmdb.MapFullError:  # removing takes pages, too
                if batch == 1:
                    raise
                batch = max(1, batch // 10)
            else:
                self._removed(reason, removed)
                return removed

    def make_room(self, now_ms: int, batches: int | None = None) -> int:
        """Evict until there is room: expired entries, then the soonest to expire.

        Parameters
        ----------
        batches : int, optional
            Evict so many batches, whether there seems to be room or not.

        Returns
        -------
        int
            How many entries went.

        Raises
        ------
        UnusableError, lmdb.Error
        """
        total = self.sweep(now_ms)
        done = 0
        while self._evict_more(done, batches):
            removed = self._remove("room", None)
            total, done = total + removed, done + 1
            if not removed:
                break
        if total:
            # LMDB gives out pages again from the second transaction after the one that freed them.
            self._environment.write(_turn)
        return total

    def _evict_more(self, done: int, batches: int | None) -> bool:
        if batches is not None:
            return done < batches
        with self._environment.read() as txn:
            return self.over(txn)


def _turn(txn: Txn) -> None:
    txn.raw.put(b"turn", os.urandom(8), db=txn.dbs.meta)


def _remove(limit: int, before_ms: int | None, txn: Txn) -> int:
    if before_ms is None:  # of a small cache, not too much at a time
        limit = min(limit, max(1, int(txn.raw.stat(txn.dbs.entries)["entries"]) // 20))
    rows = records.soonest(txn, limit, before_ms)
    for row, key in rows:
        records.delete(txn, key)
        txn.raw.delete(row, db=txn.dbs.expiry)  # where no entry, or a damaged one, was behind it
    return len(rows)
