"""The Redis tier: entries and leases shared by processes on several machines.

It raises nothing to its callers but InvalidInputError, for what cannot be a name. While Redis is
unavailable, every read is a miss and nothing is stored; invalidations are kept, and sent before
anything is read again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from tv5core.cache.entry import Entry, Invalidation, PersistentTier
from tv5core.cache.redis import scripts
from tv5core.cache.redis.connection import RedisConnection
from tv5core.cache.redis.invalidation import FLOOR_MS, InvalidationChannel, Token
from tv5core.cache.redis.keys import RedisKeys
from tv5core.cache.stats import Counters
from tv5core.cache.validation import check_entry_names, check_keys, check_name

__all__ = ["RedisTier"]

_CHECK_S = 2.0
_MAX_TTL_MS = 30 * 24 * 3_600_000
_CHUNK = 500
_VERSION = b"\1"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


class RedisTier:
    """Entries in Redis.

    Parameters
    ----------
    url : str
        Such as ``redis://localhost:6379/0``.
    prefix : str
        What all keys start with: caches with the same prefix are one cache.
    clock : callable
        Unix seconds.
    check_s : float
        How often to compare the number of the last invalidation: how long memory may hold a
        value whose invalidation was lost on its way.
    disk : PersistentTier, optional
        The tier above, which stores up to which invalidation it is current: if some were
        missed while no process ran, it is cleared.
    """

    name = "redis"

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "tv5",
        clock: Callable[[], float] = time.time,
        check_s: float = _CHECK_S,
        disk: PersistentTier | None = None,
    ) -> None:
        self._clock = clock
        self._counters, self._keys = Counters(), RedisKeys(prefix)
        self._connection = RedisConnection(url, self._keys, self._counters)
        self._channel = InvalidationChannel(
            self._connection,
            self._keys,
            self._counters,
            check_s=check_s,
            disk=disk,
            checkpoint=f"redis:{prefix}",
        )
        register = self._connection.commands.register_script
        self._run_get, self._run_put = register(scripts.GET), register(scripts.PUT)
        self._run_release = register(scripts.RELEASE)
        self._hits = self._misses = 0

    async def _call(self, work: Callable[[], Awaitable[Any]], default: Any = None) -> Any:
        self._channel.start()
        return await self._connection.call(work, default)

    # -- entries --------------------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry that has not expired, fresh or stale."""
        check_entry_names(kind, key)
        entry = None
        if self._channel.verified and (not self._channel.pending or await self._channel.flush()):
            names, known = [self._keys.entry(kind, key)], [self._channel.seq]
            raw = await self._call(lambda: self._run_get(keys=names, args=known))
            entry = None if raw is None else self._decode(raw)
        if entry is None:
            self._misses += 1
        else:
            self._hits += 1
        return entry

    def _decode(self, raw: bytes) -> Entry | None:
        if raw[:1] != _VERSION:
            return None
        try:
            entry = _decoder.decode(memoryview(raw)[1:])
        except (msgspec.MsgspecError, ValueError):
            return None
        return entry if entry.stale_until > self._clock() else None

    def token(self) -> Token | None:
        """Return a token for what has been invalidated so far, as far as is known here.

        Redis may know of more; then a value is dropped that could have been stored.
        """
        self._channel.start()
        return self._channel.token()

    async def put(self, kind: str, key: str, entry: Entry, token: Token | None = None) -> None:
        """Store an entry, unless it was invalidated after the token was taken."""
        check_entry_names(kind, key, entry.tags)
        epoch, seq = token or (self._channel.epoch, self._channel.seq)
        left_ms = min(int((entry.stale_until - self._clock()) * 1e3), _MAX_TTL_MS)
        if not epoch or left_ms <= 0 or self._channel.pending:
            self._counters.add("dropped.unavailable" if left_ms > 0 else "dropped.expired")
            return
        keys = [
            self._keys.entry(kind, key),
            self._keys.epoch,
            self._keys.seq,
            self._keys.floor(kind, key),
            *self._keys.shared_floors(kind, entry.tags),
        ]
        data = _VERSION + _encoder.encode(entry)
        arguments: list[bytes | int] = [epoch, seq, data, left_ms, FLOOR_MS]
        done = await self._call(lambda: self._run_put(keys=keys, args=arguments), b"unavailable")
        self._counters.add("stored" if done == b"stored" else f"dropped.{done.decode()}")

    # -- invalidation ---------------------------------------------------------------------

    async def delete(self, kind: str, keys: Iterable[str]) -> int:
        """Delete entries by key; return how many there were, 0 while Redis is unavailable."""
        check_name("kind", kind)
        listed, total = check_keys(keys), 0
        for start in range(0, len(listed), _CHUNK):
            chunk = listed[start : start + _CHUNK]
            total += await self._invalidate("key", kind=kind, keys=chunk)
        return total

    async def delete_kind(self, kind: str) -> None:
        """Delete all entries of a kind; how many there were is unknown."""
        check_name("kind", kind)
        await self._invalidate("kind", kind=kind)

    async def delete_tag(self, tag: str) -> None:
        """Delete all entries with a tag; how many there were is unknown."""
        check_name("tag", tag)
        await self._invalidate("tag", tag=tag)

    async def clear(self) -> None:
        """Delete everything."""
        await self._invalidate("all")

    async def _invalidate(self, scope: str, **what: Any) -> int:
        self._channel.start()
        invalidation = Invalidation(scope, origin=self._channel.origin, **what)
        return await self._channel.invalidate(invalidation)

    def on_invalidation(self, listener: Callable[[Invalidation], None]) -> None:
        """Call a listener for other processes' invalidations, in the event loop."""
        self._channel.add_listener(listener)

    async def connected(self, timeout_s: float = 5.0) -> bool:
        """Wait until Redis answers and invalidations are received; return whether in time."""
        self._channel.start()
        try:
            await asyncio.wait_for(self._connection.connected.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    # -- leases ---------------------------------------------------------------------------

    async def acquire_lease(self, kind: str, key: str, owner: bytes, ttl_s: float) -> bool:
        """Acquire the lease on loading a key; true too while Redis is unavailable."""
        check_entry_names(kind, key)
        name, ttl_ms = self._keys.lease(kind, key), int(ttl_s * 1e3)
        work = lambda: self._connection.commands.set(name, owner, nx=True, px=ttl_ms)  # noqa: E731
        return await self._call(work, True) is not None

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Release a lease, where it is still its owner's."""
        check_entry_names(kind, key)
        name = self._keys.lease(kind, key)
        await self._call(lambda: self._run_release(keys=[name], args=[owner]))

    # -- life cycle -----------------------------------------------------------------------

    async def close(self) -> None:
        """Stop receiving invalidations and close the connections."""
        await self._channel.close()
        await self._connection.close()

    def stats(self) -> dict[str, Any]:
        """Return the tier's counters."""
        return {
            "hits": self._hits,
            "misses": self._misses,
            "stored": self._counters["stored"],
            "dropped": self._counters.with_prefix("dropped."),
            "failed": self._counters["failed"],
            "refused": self._counters["refused"],
            "reason": self._connection.reason,
            "pending_invalidations": self._channel.pending,
            "connected": self._connection.connected.is_set(),
            "invalidations": self._channel.seq,
        }
