"""The Redis tier: entries and leases shared by processes on several machines.

It raises nothing to its callers but InvalidInputError, for what cannot be a name. While Redis is
unavailable, every read is a miss and nothing is stored; invalidations are kept, and sent before
anything is read again. In a cluster, that is so of each partition.
"""

from __future__ import annotations

import asyncio
import os
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tv5core.cache.entry import Entry, Invalidation, PersistentTier
from tv5core.cache.redis.connection import TIMEOUT_S, Outage, greeting
from tv5core.cache.redis.invalidation import Token
from tv5core.cache.redis.keys import RedisKeys
from tv5core.cache.redis.partition import Partition
from tv5core.cache.redis.server_figures import ServerFigures
from tv5core.cache.stats import Counters
from tv5core.cache.validation import check_entry_names, check_keys, check_name
from tv5core.redis_access.address import RedisAddress
from tv5core.redis_access.opening import check_redis, open_redis
from tv5core.redis_access.slots import spread_tags

__all__ = ["PARTITIONS", "RedisTier"]

PARTITIONS = 16
"""Of a cluster. More spread better over many nodes, and cost each process more connections."""

_CHECK_S = 2.0
_OPENING_S = 1.0  # what a Redis that hangs may delay opening
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
        self._clock, self._url, self._prefix = clock, url, prefix
        self._counters, self._origin = Counters(), os.urandom(8).hex().encode()
        address = RedisAddress.parse(url)
        is_cluster = address.kind == "cluster"
        names = spread_tags(prefix, PARTITIONS) if is_cluster else [prefix]
        keys = [RedisKeys(name) for name in names]
        self._client = open_redis(address, timeout_s=TIMEOUT_S, greet=greeting(keys[0]))
        self._figures, outage = ServerFigures(self._client), Outage()
        self._partitions = [
            Partition(
                *(self._client, address, each, self._counters, outage, self._origin),
                check_s=check_s,
                disk=disk,
                checkpoint=f"redis:{each.name}",
            )
            for each in keys
        ]
        self._hits = self._misses = 0

    def _of(self, kind: str, key: str) -> int:
        """Return the number of the partition that a key is in."""
        if len(self._partitions) == 1:
            return 0
        name = f"{kind}\0{key}".encode("utf-8", "surrogatepass")
        return zlib.crc32(name) % len(self._partitions)

    # -- entries --------------------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry that has not expired, fresh or stale."""
        check_entry_names(kind, key)
        raw = await self._partitions[self._of(kind, key)].get(kind, key)
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

    def token(self) -> tuple[Token | None, ...] | None:
        """Return a token for what has been invalidated so far, as far as is known here.

        Redis may know of more; then a value is dropped that could have been stored.
        """
        found = tuple(partition.token() for partition in self._partitions)
        return found if any(found) else None

    async def put(
        self,
        kind: str,
        key: str,
        entry: Entry,
        token: tuple[Token | None, ...] | None = None,
    ) -> None:
        """Store an entry, unless it was invalidated after the token was taken."""
        check_entry_names(kind, key, entry.tags)
        number = self._of(kind, key)
        left_ms = min(int((entry.stale_until - self._clock()) * 1e3), _MAX_TTL_MS)
        if left_ms <= 0:
            self._counters.add("dropped.expired")
            return
        at, data = None if token is None else token[number], _VERSION + _encoder.encode(entry)
        done = "unavailable"
        if token is None or at is not None:
            put = self._partitions[number].put
            done = await put(kind, key, data, left_ms, entry.tags, at)
        self._counters.add("stored" if done == "stored" else f"dropped.{done}")

    # -- invalidation ---------------------------------------------------------------------

    async def delete(self, kind: str, keys: Iterable[str]) -> int:
        """Delete entries by key; return how many there were, 0 while Redis is unavailable."""
        check_name("kind", kind)
        parts: dict[int, list[str]] = {}
        for key in check_keys(keys):
            parts.setdefault(self._of(kind, key), []).append(key)
        deleting = [self._delete(number, kind, chosen) for number, chosen in parts.items()]
        if len(deleting) == 1:
            return await deleting[0]
        return sum(await asyncio.gather(*deleting))

    async def _delete(self, number: int, kind: str, keys: list[str]) -> int:
        """Delete entries of one partition."""
        total = 0
        for start in range(0, len(keys), _CHUNK):
            chunk = tuple(keys[start : start + _CHUNK])
            invalidation = Invalidation("key", kind=kind, keys=chunk, origin=self._origin)
            total += await self._partitions[number].invalidate(invalidation) or 0
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

    async def _invalidate(self, scope: str, **what: str) -> None:
        """Invalidate in all partitions, then tell: who hears of it finds nothing old in any."""
        invalidation = Invalidation(scope, origin=self._origin, **what)  # type: ignore[arg-type]
        first = zlib.crc32(_encoder.encode(what)) % len(self._partitions)
        tellers = [*self._partitions[first:], *self._partitions[:first]]
        if len(tellers) > 1:
            silent = (each.invalidate(invalidation, tells=False) for each in tellers[1:])
            await asyncio.gather(*silent)
        for each in tellers:
            if await each.invalidate(invalidation) is not None:
                break

    def on_invalidation(self, listener: Callable[[Invalidation], None]) -> None:
        """Call a listener for other processes' invalidations, in the event loop."""
        for partition in self._partitions:
            partition.channel.add_listener(listener)

    async def connected(self, timeout_s: float = 5.0) -> bool:
        """Wait until Redis answers and invalidations are received; return whether in time."""
        for partition in self._partitions:
            partition.channel.start()
        waiting = (each.connection.connected.wait() for each in self._partitions)
        try:
            await asyncio.wait_for(asyncio.gather(*waiting), timeout_s)
        except TimeoutError:
            return False
        return True

    async def check(self) -> bool:
        """Return whether Redis answers; raise RedisAccessError where it cannot be used so."""
        return await check_redis(self._url, prefix=self._prefix, timeout_s=_OPENING_S)

    # -- leases ---------------------------------------------------------------------------

    async def acquire_lease(self, kind: str, key: str, owner: bytes, ttl_s: float) -> bool:
        """Acquire the lease on loading a key; true too while Redis is unavailable."""
        check_entry_names(kind, key)
        partition = self._partitions[self._of(kind, key)]
        return await partition.acquire_lease(kind, key, owner, int(ttl_s * 1e3))

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Release a lease, where it is still its owner's."""
        check_entry_names(kind, key)
        await self._partitions[self._of(kind, key)].release_lease(kind, key, owner)

    # -- life cycle -----------------------------------------------------------------------

    async def close(self) -> None:
        """Stop receiving invalidations and close the connections."""
        await self._figures.close()
        await asyncio.gather(*(partition.channel.close() for partition in self._partitions))
        await self._client.close()

    def stats(self) -> dict[str, Any]:
        """Return the tier's counters, and what the servers say of themselves."""
        self._figures.start()
        connections = [partition.connection for partition in self._partitions]
        channels = [partition.channel for partition in self._partitions]
        reasons = [each.reason for each in connections]
        return {
            "hits": self._hits,
            "misses": self._misses,
            "stored": self._counters["stored"],
            "dropped": self._counters.with_prefix("dropped."),
            "failed": self._counters["failed"],
            "refused": self._counters["refused"],
            "reason": next(filter(None, reasons), "") if all(reasons) else "",
            "pending_invalidations": sum(channel.pending for channel in channels),
            "connected": all(each.connected.is_set() for each in connections),
            "invalidations": sum(channel.seq for channel in channels),
            "partitions": len(connections),
            "unavailable_partitions": sum(map(bool, reasons)),
            "server": self._figures.latest(),
        }
