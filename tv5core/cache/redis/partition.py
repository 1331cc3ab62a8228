"""Partition: the part of the tier that is in one place, with its own epoch, numbers and channel.

A single Redis is one partition. In a cluster, what a script touches must have one slot, so the tier
has 16 partitions, each in a slot of its own, spread evenly over the nodes. Each is to the tier what
a single Redis is: it has an epoch, which belongs to the node that serves it, numbers its
invalidations, and publishes them on a channel of its slot. A node that is lost costs its partitions
alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tv5core.cache.entry import Invalidation, PersistentTier
from tv5core.cache.redis import scripts
from tv5core.cache.redis.connection import NAME, Outage, RedisConnection
from tv5core.cache.redis.invalidation import FLOOR_MS, InvalidationChannel, Token
from tv5core.cache.redis.keys import RedisKeys
from tv5core.cache.stats import Counters
from tv5core.redis_access.client import Argument, RedisClient

__all__ = ["Partition"]


class Partition:
    """Entries and leases in one place.

    Parameters
    ----------
    client : RedisClient
    address : object
        Named in reasons.
    keys : RedisKeys
    counters : Counters
    outage : Outage
    origin : bytes
        Identifies the handle's own invalidations.
    check_s : float
    disk : PersistentTier or None
    checkpoint : str
        As for :class:`InvalidationChannel`.

    Attributes
    ----------
    keys : RedisKeys
    connection : RedisConnection
    channel : InvalidationChannel
    """

    def __init__(
        self,
        client: RedisClient,
        address: object,
        keys: RedisKeys,
        counters: Counters,
        outage: Outage,
        origin: bytes,
        *,
        check_s: float,
        disk: PersistentTier | None,
        checkpoint: str,
    ) -> None:
        self.keys, self._client, self._counters = keys, client, counters
        self.connection = RedisConnection(client, address, keys, counters, outage)
        self.channel = InvalidationChannel(
            self.connection,
            keys,
            counters,
            origin,
            check_s=check_s,
            disk=disk,
            checkpoint=checkpoint,
        )
        self._scripts, self._shared = scripts.PLAIN, list[bytes]()
        self._name: tuple[str, ...] = ()
        if client.fails_over:
            self._scripts, self._shared = scripts.CHECKED, [keys.epoch, keys.seq]
            self._name = (NAME,)

    async def _call(self, work: Callable[[], Awaitable[Any]], default: Any = None) -> Any:
        self.channel.start()
        return await self.connection.call(work, default)

    async def get(self, kind: str, key: str) -> bytes | None:
        """Return an entry's bytes, where it is there and valid."""
        if not self.channel.verified or (self.channel.pending and not await self.channel.flush()):
            return None
        names = [self.keys.entry(kind, key), *self._shared]
        known: tuple[Argument, ...] = (self.channel.seq, *self._name)
        raw: bytes | None = await self._call(
            lambda: self._client.run(self._scripts.get, names, known)
        )
        return raw

    def token(self) -> Token | None:
        """Return the position that is known here."""
        self.channel.start()
        return self.channel.token()

    async def put(
        self,
        kind: str,
        key: str,
        data: bytes,
        left_ms: int,
        tags: tuple[str, ...],
        token: Token | None,
    ) -> str:
        """Store an entry, unless it was invalidated after the token; return what was done."""
        epoch, seq = token or (self.channel.epoch, self.channel.seq)
        if not epoch or self.channel.pending:
            return "unavailable"
        keys = self.keys
        names = [
            *(keys.entry(kind, key), keys.epoch, keys.seq, keys.floor(kind, key)),
            *keys.shared_floors(kind, tags),
        ]
        given: tuple[Argument, ...] = (epoch, seq, data, left_ms, FLOOR_MS, *self._name)
        done: bytes = await self._call(
            lambda: self._client.run(self._scripts.put, names, given), b"unavailable"
        )
        return done.decode()

    async def invalidate(self, invalidation: Invalidation, *, tells: bool = True) -> int | None:
        """Send an invalidation; None where it is kept for later."""
        self.channel.start()
        return await self.channel.invalidate(invalidation, tells=tells)

    async def acquire_lease(self, kind: str, key: str, owner: bytes, ttl_ms: int) -> bool:
        """Acquire the lease on loading a key; true too while Redis is unavailable."""
        name = self.keys.lease(kind, key)
        work = lambda: self._client.execute("SET", name, owner, "PX", ttl_ms, "NX")  # noqa: E731
        return await self._call(work, True) is not None

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Release a lease, where it is still its owner's."""
        name = self.keys.lease(kind, key)
        await self._call(lambda: self._client.run(scripts.RELEASE, [name], [owner]))
