"""The second tier: LMDB in a folder, shared by the processes that open it.

It never raises to its callers. What cannot be read is a miss; what cannot be written is
dropped and counted; and where an *invalidation* cannot be written, the whole tier is emptied
by drawing a new epoch, which takes no room. When writing fails (a full disk), the tier drops
what it is given for a while, and comes back when there is room.

Reads run on the calling thread, a few microseconds each. Writes go through one thread and
are seen, by this process too, once they are committed: until then the memory above has the
value. Invalidations and leases return after their commit.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb

from tv5core.cache.disk import entry_codec as records
from tv5core.cache.disk import leases
from tv5core.cache.disk.control_page import UnusableError
from tv5core.cache.disk.environment import Txn
from tv5core.cache.disk.maintenance import Maintenance, delete_all
from tv5core.cache.disk.writer_thread import Job
from tv5core.cache.entry import Entry, Invalidation
from tv5core.errors import InvalidInputError

__all__ = ["MIN_BYTES", "DiskTier"]

MIN_BYTES = 1 << 20
"""The smallest cap: below it LMDB's own pages leave no room."""

_ERRORS = (lmdb.Error, UnusableError, OSError)
_CHUNK = 500
_LARGEST_SHARE = 32  # of the cap, for one value
_OVERHEAD_BYTES = 200

Token = tuple[int, int]
"""The epoch, and the number of the last invalidation."""


class DiskTier:
    """Entries in a folder; made for use below a memory tier.

    Parameters
    ----------
    folder : path-like
        Made where it is missing. A file there that is not a cache's, or is damaged, is
        renamed and the tier starts empty, with a warning in the log (``tv5core``).
    cap_bytes : int
        What the file may grow to, at least 1 MiB. From 80 % on, entries are evicted, those
        that expire soonest first.
    clock : callable
        Unix time in seconds: it is shared with other processes.
    poll_s, sweep_s : float
        How often other processes' invalidations are looked for, and expired entries removed.
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
        if cap_bytes < MIN_BYTES:
            raise InvalidInputError(f"expected at least {MIN_BYTES:,} bytes, got {cap_bytes:,}")
        self._maintenance = Maintenance(
            Path(folder), cap_bytes, clock, poll_s=poll_s, sweep_s=sweep_s
        )
        self._counts = self._maintenance.counts
        self._hits = self._misses = 0

    # -- values ---------------------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry that has not expired, stale or not; a few microseconds, no switch."""
        maintenance, entry = self._maintenance, None
        environment = maintenance.environment
        if environment is not None and not maintenance.reads_disabled:
            # Spelled out rather than through a context manager: this is what has to be fast.
            try:
                raw, dbs, ticket = environment.begin_read()
                try:
                    data = raw.get(records.entry_key(kind, key), db=dbs.entries)
                    if data is not None:
                        entry = records.decode(data, environment.epoch, maintenance.now_ms)
                finally:
                    environment.end_read(raw, ticket)
            except UnicodeEncodeError:
                pass  # such a key is not stored either
            except _ERRORS as error:
                maintenance.record_read_failure(error)
        # Without a lock: a count lost to another thread does no harm.
        if entry is None:
            self._misses += 1
        else:
            self._hits += 1
        return entry

    def _read(self, work: Callable[[Txn, int], Any]) -> Any:
        """Run ``work`` in a read transaction; None where that cannot be done."""
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
        """Note what has been invalidated so far, before a load starts."""
        token: Token | None = self._read(lambda txn, epoch: (epoch, records.last_seq(txn)))
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
        size = len(entry.value) + len(key) + _OVERHEAD_BYTES
        work: Callable[[Txn], object] = partial(self._put, kind, key, entry, token)
        if not records.is_text(kind, key, *entry.tags):
            self._counts.add("dropped.text")
            return
        if size * _LARGEST_SHARE > self._maintenance.cap_bytes:
            self._counts.add("dropped.size")
            size, at = 0, records.entry_key(kind, key)
            work = partial(records.delete, key=at)  # at least what it would have replaced goes
        if self._maintenance.cooldown.active:
            self._counts.add("dropped.quiet")
        elif not self._maintenance.writer.offer(Job(work, size)):
            self._counts.add("dropped.queue")

    def _put(self, kind: str, key: str, entry: Entry, token: Token | None, txn: Txn) -> str:
        environment = self._maintenance.environment
        epoch = 0 if environment is None else environment.epoch
        if token is not None and (
            token[0] != epoch or records.overtaken(txn, token[1], kind, key, entry.tags)
        ):
            return "dropped.overtaken"
        expires_ms = int(entry.stale_until * 1e3)
        data = records.encode(entry, epoch, expires_ms)
        records.put(txn, records.entry_key(kind, key), data, expires_ms, entry.tags)
        return "stored"

    # -- invalidation ---------------------------------------------------------------------

    async def delete(self, kind: str, keys: Iterable[str]) -> int:
        """Remove entries by key; return how many there were."""
        total = 0
        for chunk in _chunks((key for key in keys if records.is_text(kind, key)), _CHUNK):
            logged = Invalidation("key", kind, tuple(chunk), origin=self._maintenance.origin)
            some = [records.entry_key(kind, key) for key in chunk]
            total += await self._invalidate(logged, partial(_delete_all, some))
        return total

    async def delete_kind(self, kind: str) -> int:
        """Remove all entries of a kind; return how many there were."""
        if not records.is_text(kind):
            return 0
        logged = Invalidation("kind", kind, origin=self._maintenance.origin)
        return await self._delete_prefix(logged, "entries", records.kind_prefix(kind))

    async def delete_tag(self, tag: str) -> int:
        """Remove all entries that carry a tag; return how many there were."""
        if not records.is_text(tag):
            return 0
        logged = Invalidation("tag", tag=tag, origin=self._maintenance.origin)
        return await self._delete_prefix(logged, "tags", records.tag_prefix(tag))

    async def clear(self) -> None:
        """Remove everything, at once and in every process."""

        def work(txn: Txn) -> int:
            environment = self._maintenance.environment
            if environment is not None:
                self._maintenance.renew(environment)
            delete_all(txn)
            return 0

        await self._invalidate(Invalidation("all", origin=self._maintenance.origin), work)

    async def _delete_prefix(self, logged: Invalidation, database: str, prefix: bytes) -> int:
        def work(txn: Txn) -> int:
            return records.delete_prefix(txn, getattr(txn.dbs, database), prefix, _CHUNK)

        # The log's entry is in the first transaction: what a load puts after it is dropped.
        removed = total = await self._invalidate(logged, work)
        while removed == _CHUNK:
            total += (removed := await self._ask(work))
        return total

    async def _invalidate(self, logged: Invalidation, work: Callable[[Txn], int]) -> int:
        def noted(txn: Txn) -> int:
            records.append_log(txn, logged)
            return work(txn)

        return await self._ask(noted)

    async def _ask(self, work: Callable[[Txn], int]) -> int:
        done = self._maintenance.writer.submit(work, failed=0, essential=True)
        # A caller who is cancelled does not stop it.
        removed: Any = await asyncio.wrap_future(done)
        return int(removed)

    # -- leases ---------------------------------------------------------------------------

    async def acquire_lease(self, kind: str, key: str, owner: bytes, ttl_s: float) -> bool:
        """Take the lease on loading a key; true too where leases cannot be kept.

        Parameters
        ----------
        owner : bytes
            Tells this holder from all others.
        ttl_s : float
            When it ends by itself, should its holder be killed.
        """
        if not records.is_text(kind, key):
            return True
        ttl_ms = int(ttl_s * 1e3)
        at = records.entry_key(kind, key)

        def work(txn: Txn) -> bool:
            return leases.take(txn, at, owner, self._maintenance.now_ms, ttl_ms)

        return bool(await asyncio.wrap_future(self._maintenance.writer.submit(work, failed=True)))

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Give a lease back, after what was put before is committed."""
        if not records.is_text(kind, key):
            return
        at = records.entry_key(kind, key)
        self._maintenance.writer.submit(
            lambda txn: leases.release(txn, at, owner)
        )  # not waited for

    # -- checkpoints ----------------------------------------------------------------------

    def checkpoint(self, name: str) -> bytes | None:
        """Return what was noted under a name."""

        def work(txn: Txn, _: int) -> bytes | None:
            data = txn.raw.get(_checkpoint_key(name), db=txn.dbs.meta)
            return None if data is None else bytes(data)

        noted: bytes | None = self._read(work)
        return noted

    async def set_checkpoint(self, name: str, value: bytes | None) -> None:
        """Note something under a name, which invalidations leave alone; None forgets it."""
        at = _checkpoint_key(name)

        def work(txn: Txn) -> bool:
            if value is None:
                return bool(txn.raw.delete(at, db=txn.dbs.meta))
            return bool(txn.raw.put(at, value, db=txn.dbs.meta))

        await asyncio.wrap_future(self._maintenance.writer.submit(work))

    # -- maintenance ---------------------------------------------------------------------------

    def on_invalidation(self, listener: Callable[[Invalidation], None]) -> None:
        """Have a callable told of other handles' invalidations, from another thread."""
        self._maintenance.listen(listener)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything given so far is committed; say whether it was in time."""
        return self._maintenance.writer.flush(timeout_s)

    async def close(self) -> None:
        """Commit what is queued, off the loop, and let go of the folder."""
        await asyncio.to_thread(self._maintenance.close)

    def stats(self) -> dict[str, Any]:
        """Return what the tier holds and what it did, as of now."""
        counts = self._counts
        return {
            **(self._read(self._measure) or {"entries": 0, "bytes": 0, "invalidations": 0}),
            "cap_bytes": self._maintenance.cap_bytes,
            "hits": self._hits,
            "misses": self._misses,
            "stored": counts["stored"],
            "waiting": self._maintenance.writer.waiting,
            "dropped": counts.with_prefix("dropped."),
            "evictions": counts.with_prefix("evicted."),
            "failed": counts.with_prefix("failed."),
            "emptied": counts["emptied"],
            "quiet": self._maintenance.cooldown.reason,
            "warnings": list(self._maintenance.warnings),
        }

    def census(self) -> dict[str, dict[str, int]]:
        """Count entries and their bytes by kind; looks at every one, so it takes its time."""
        found: dict[str, dict[str, int]] = {}
        last = b""
        while block := self._read(partial(self._block, last)):
            for key, size in block:
                of = found.setdefault(records.kind_of(key), {"entries": 0, "bytes": 0})
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
            "invalidations": records.last_seq(txn),
        }


def _delete_all(keys: Iterable[bytes], txn: Txn) -> int:
    return sum(records.delete(txn, key) for key in keys)


def _checkpoint_key(name: str) -> bytes:
    return records.entry_key("checkpoint:", name)


def _chunks(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(keys)
    while chunk := list(islice(iterator, size)):
        yield chunk
