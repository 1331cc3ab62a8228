"""The disk tier: LMDB in a folder, shared by the processes that open it.

It raises nothing to its callers but InvalidInputError, for what cannot be a name. What cannot be
read is a miss; what cannot be written is dropped and counted; where an *invalidation* cannot be
written, the whole tier is emptied by drawing a new epoch, which takes no room. After a failed
write (a full disk), the tier drops values for a while, and then tries again.

Reads run on the calling thread and take a few microseconds. Writes go through one thread and
are visible, in this process too, once they are committed: until then memory has the value.
Invalidations and leases return after their commit.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from sys import _getframe
from threading import get_ident
from typing import Any

import lmdb

from tv5core.arguments import check_int
from tv5core.cache.disk import entries, invalidation_log, leases
from tv5core.cache.disk.control_page import UnusableError
from tv5core.cache.disk.entry_codec import (
    decode,
    encode,
    entry_key,
    kind_of,
    kind_prefix,
    tag_prefix,
)
from tv5core.cache.disk.environment import Txn
from tv5core.cache.disk.maintenance import Maintenance
from tv5core.cache.disk.writer_thread import Job
from tv5core.cache.entry import Entry, Invalidation
from tv5core.cache.validation import check_entry_names, check_keys, check_name
from tv5core.errors import InvalidInputError

__all__ = ["MIN_BYTES", "DiskTier"]

MIN_BYTES = 1 << 20
"""The smallest capacity: below it LMDB's own pages leave no room."""

MAX_BYTES = 1 << 46
"""The largest: half of what a process can address."""

_ERRORS = (lmdb.Error, UnusableError, OSError)
_CHUNK = 500
_MIN_VALUES_PER_CAP = 32
_OVERHEAD_BYTES = 200

Token = tuple[int, int]
"""The epoch, and the number of the last invalidation."""


class DiskTier:
    """Entries in a folder, below a memory tier.

    Parameters
    ----------
    folder : path-like
        Created where it is missing. A file there that is not a cache's, or is damaged, is
        renamed and the tier starts empty, with a warning in the log (``tv5core``).
    cap_bytes : int
        Maximal size of the file, at least 1 MiB. Above 80 % of it entries are evicted, those
        that expire next first.
    clock : callable
        Unix seconds, which all processes share.
    poll_s, sweep_s : float
        How often to read other processes' invalidations, and to remove expired entries.
    """

    name = "disk"

    def __init__(
        self,
        folder: str | os.PathLike[str],
        cap_bytes: int,
        *,
        clock: Callable[[], float] = time.time,
        poll_s: float = 0.1,
        sweep_s: float = 1.0,
    ) -> None:
        cap_bytes = check_int("cap_bytes", cap_bytes, -MAX_BYTES, MAX_BYTES)
        if cap_bytes < MIN_BYTES:
            raise InvalidInputError(f"expected at least {MIN_BYTES:,} bytes, got {cap_bytes:,}")
        self._maintenance = Maintenance(
            Path(folder).absolute(), cap_bytes, clock, poll_s=poll_s, sweep_s=sweep_s
        )
        self._counters = self._maintenance.counters
        self._hits = self._misses = 0

    # -- entries --------------------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry that has not expired, fresh or stale; without a task switch."""
        maintenance, entry = self._maintenance, None
        environment = maintenance.environment
        if environment is not None and not maintenance.reads_disabled:
            # Without a context manager: this is the hot path.
            try:
                # This coroutine is never suspended between the two, so its frame tells of it.
                raw, dbs, ticket = environment.begin_read((get_ident(), _getframe()))
                try:
                    data = raw.get(entry_key(kind, key), db=dbs.entries)
                    if data is not None:
                        entry = decode(data, environment.epoch, maintenance.now_ms)
                finally:
                    environment.end_read(raw, ticket)
            except (UnicodeEncodeError, AttributeError, TypeError):
                check_entry_names(kind, key)
                raise
            except _ERRORS as error:
                maintenance.record_read_failure(error)
        # Without a lock: a lost count is harmless.
        if entry is None:
            self._misses += 1
        else:
            self._hits += 1
        return entry

    def _read(self, work: Callable[[Txn, int], Any]) -> Any:
        """Run ``work`` in a read transaction; None where that fails."""
        environment = self._maintenance.environment
        if environment is None or self._maintenance.reads_disabled:
            return None
        try:
            with environment.read() as txn:
                return work(txn, environment.epoch)
        except _ERRORS as error:
            self._maintenance.record_read_failure(error)
            return None

    def token(self) -> Token | None:
        """Return a token for what has been invalidated so far."""
        token: Token | None = self._read(lambda txn, epoch: (epoch, invalidation_log.last_seq(txn)))
        return token

    async def put(self, kind: str, key: str, entry: Entry, token: Token | None = None) -> None:
        """Queue an entry to be stored.

        Parameters
        ----------
        kind, key : str
        entry : Entry
        token : Token, optional
            Taken before the load: the entry is dropped where it was invalidated since.
        """
        check_entry_names(kind, key, entry.tags)
        size = len(entry.value) + len(key) + _OVERHEAD_BYTES
        work: Callable[[Txn], object] = partial(self._put, kind, key, entry, token)
        if size * _MIN_VALUES_PER_CAP > self._maintenance.cap_bytes:
            self._counters.add("dropped.too_large")
            # Delete at least the entry it would have replaced.
            size, work = 0, partial(entries.delete, key=entry_key(kind, key))
        if self._maintenance.cooldown.active:
            self._counters.add("dropped.cooldown")
        elif not self._maintenance.writer.try_submit(Job(work, size)):
            self._counters.add("dropped.queue_full")

    def _put(self, kind: str, key: str, entry: Entry, token: Token | None, txn: Txn) -> str:
        environment = self._maintenance.environment
        epoch = 0 if environment is None else environment.epoch
        if token is not None and (
            token[0] != epoch
            or invalidation_log.invalidated_since(txn, token[1], kind, key, entry.tags)
        ):
            return "dropped.invalidated"
        expires_ms = int(entry.stale_until * 1e3)
        data = encode(entry, epoch, expires_ms)
        entries.put(txn, entry_key(kind, key), data, expires_ms, entry.tags)
        return "stored"

    # -- invalidation ---------------------------------------------------------------------

    async def delete(self, kind: str, keys: Iterable[str]) -> int:
        """Delete entries by key; return how many there were."""
        total = 0
        check_name("kind", kind)
        for chunk in _chunks(check_keys(keys), _CHUNK):
            invalidation = Invalidation("key", kind, tuple(chunk), origin=self._maintenance.origin)
            names = [entry_key(kind, key) for key in chunk]
            total += await self._invalidate(invalidation, partial(_delete_all, names))
        return total

    async def delete_kind(self, kind: str) -> int:
        """Delete all entries of a kind; return how many there were."""
        check_name("kind", kind)
        invalidation = Invalidation("kind", kind, origin=self._maintenance.origin)
        return await self._delete_prefix(invalidation, "entries", kind_prefix(kind))

    async def delete_tag(self, tag: str) -> int:
        """Delete all entries with a tag; return how many there were."""
        check_name("tag", tag)
        invalidation = Invalidation("tag", tag=tag, origin=self._maintenance.origin)
        return await self._delete_prefix(invalidation, "tags", tag_prefix(tag))

    async def clear(self) -> None:
        """Delete everything, at once and in every process."""

        def work(txn: Txn) -> int:
            environment = self._maintenance.environment
            if environment is not None:
                self._maintenance.renew_epoch(environment)
            entries.delete_all(txn)
            return 0

        await self._invalidate(Invalidation("all", origin=self._maintenance.origin), work)

    async def _delete_prefix(self, invalidation: Invalidation, database: str, prefix: bytes) -> int:
        def work(txn: Txn) -> int:
            return entries.delete_prefix(txn, getattr(txn.dbs, database), prefix, _CHUNK)

        # The first transaction appends to the log: what a load puts afterwards is dropped.
        deleted = total = await self._invalidate(invalidation, work)
        while deleted == _CHUNK:
            total += (deleted := await self._submit(work))
        return total

    async def _invalidate(self, invalidation: Invalidation, work: Callable[[Txn], int]) -> int:
        def logged_work(txn: Txn) -> int:
            invalidation_log.append(txn, invalidation)
            return work(txn)

        return await self._submit(logged_work)

    async def _submit(self, work: Callable[[Txn], int]) -> int:
        future = self._maintenance.writer.submit(work, default=0, essential=True)
        # It continues where the caller is cancelled.
        deleted: Any = await asyncio.wrap_future(future)
        return int(deleted)

    # -- leases ---------------------------------------------------------------------------

    async def acquire_lease(self, kind: str, key: str, owner: bytes, ttl_s: float) -> bool:
        """Acquire the lease on loading a key; true too where leases cannot be stored.

        Parameters
        ----------
        owner : bytes
            Identifies this holder.
        ttl_s : float
            When it expires, should its holder be killed.
        """
        check_entry_names(kind, key)
        ttl_ms = int(ttl_s * 1e3)
        name = entry_key(kind, key)

        def work(txn: Txn) -> bool:
            return leases.acquire(txn, name, owner, self._maintenance.now_ms, ttl_ms)

        return bool(await asyncio.wrap_future(self._maintenance.writer.submit(work, default=True)))

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Release a lease, after what was put before is committed."""
        check_entry_names(kind, key)
        name = entry_key(kind, key)
        self._maintenance.writer.submit(
            lambda txn: leases.release(txn, name, owner)
        )  # not waited for

    # -- checkpoints ----------------------------------------------------------------------

    def checkpoint(self, name: str) -> bytes | None:
        """Return the value stored under a name."""

        def work(txn: Txn, _: int) -> bytes | None:
            data = txn.raw.get(_checkpoint_key(name), db=txn.dbs.meta)
            return None if data is None else bytes(data)

        value: bytes | None = self._read(work)
        return value

    async def set_checkpoint(self, name: str, value: bytes | None) -> None:
        """Store a value under a name, which invalidations do not delete; None deletes it."""
        at = _checkpoint_key(name)

        def work(txn: Txn) -> bool:
            if value is None:
                return bool(txn.raw.delete(at, db=txn.dbs.meta))
            return bool(txn.raw.put(at, value, db=txn.dbs.meta))

        await asyncio.wrap_future(self._maintenance.writer.submit(work))

    # -- life cycle -----------------------------------------------------------------------

    def on_invalidation(self, listener: Callable[[Invalidation], None]) -> None:
        """Call a listener for other handles' invalidations, from another thread."""
        self._maintenance.add_listener(listener)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything put so far is committed; return whether it was in time."""
        return self._maintenance.writer.flush(timeout_s)

    async def close(self) -> None:
        """Commit what is queued, in a thread, and release the folder."""
        await asyncio.to_thread(self._maintenance.close)

    def stats(self) -> dict[str, Any]:
        """Return what the tier holds, and its counters."""
        counters = self._counters
        return {
            **(self._read(self._measure) or {"entries": 0, "bytes": 0, "invalidations": 0}),
            "cap_bytes": self._maintenance.cap_bytes,
            "hits": self._hits,
            "misses": self._misses,
            "stored": counters["stored"],
            "queued": self._maintenance.writer.queued,
            "dropped": counters.with_prefix("dropped."),
            "evictions": counters.with_prefix("evicted."),
            "failed": counters.with_prefix("failed."),
            "emptied": counters["emptied"],
            "cooldown": self._maintenance.cooldown.reason,
            "reason": self._reason,
            "warnings": list(self._maintenance.warnings),
        }

    @property
    def _reason(self) -> str:
        """Why the tier is not used; empty where it is."""
        maintenance = self._maintenance
        if maintenance.reads_disabled:
            return "an invalidation could not be stored"
        unused = maintenance.environment is None or maintenance.cooldown.active
        return maintenance.cooldown.reason if unused else ""

    def census(self) -> dict[str, dict[str, int]]:
        """Count entries and their bytes by kind; reads every entry, so it is slow."""
        found: dict[str, dict[str, int]] = {}
        last = b""
        while block := self._read(partial(self._block, last)):
            for key, size in block:
                of = found.setdefault(kind_of(key), {"entries": 0, "bytes": 0})
                of["entries"] += 1
                of["bytes"] += size
            last = block[-1][0]
        return dict(sorted(found.items()))

    @staticmethod
    def _block(last: bytes, txn: Txn, _: int) -> list[tuple[bytes, int]]:
        with txn.raw.cursor(txn.dbs.entries) as cursor:
            if not cursor.set_range(last + b"\0"):
                return []
            some = islice(cursor.iternext(), _CHUNK)
            return [(bytes(key), len(value)) for key, value in some]

    def _measure(self, txn: Txn, _: int) -> dict[str, int]:
        environment = self._maintenance.environment
        return {
            "entries": txn.raw.stat(txn.dbs.entries)["entries"],
            "bytes": 0 if environment is None else environment.used_bytes(txn),
            "invalidations": invalidation_log.last_seq(txn),
        }


def _delete_all(keys: Iterable[bytes], txn: Txn) -> int:
    return sum(entries.delete(txn, key) for key in keys)


def _checkpoint_key(name: str) -> bytes:
    return entry_key("checkpoint:", name)


def _chunks(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(keys)
    while chunk := list(islice(iterator, size)):
        yield chunk
