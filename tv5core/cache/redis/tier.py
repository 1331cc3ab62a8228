"""The shared tier: Redis, for processes on several machines.

It never raises to its callers. While Redis is away every read is a miss and nothing is stored;
invalidations made meanwhile are owed, and sent before anything is read from it again. Other
processes' invalidations arrive by pub/sub and are numbered: who finds a number missing (messages
were lost, or Redis was away or began anew) forgets all it has in memory, so nothing stale
outlives a reconnection.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tv5core.cache.cooldown import Cooldown
from tv5core.cache.entry import Entry, Invalidation, PersistentTier
from tv5core.cache.redis import scripts
from tv5core.cache.stats import Counters

__all__ = ["RedisTier"]

TIMEOUT_S = 0.1
"""What a command may take: a cache that is slower is as good as none."""

_CHECK_S = 2.0  # how often the number of the last invalidation is compared
_GRACE_S = 0.25  # how long its message may take
_LONGEST_AWAY_S = 5.0  # between two tries to reach it
_FLOOR_MS = 31 * 24 * 3_600_000  # longer than any entry lives
_LONGEST_MS = 30 * 24 * 3_600_000
_MAX_OWED = 1_000
_CANCEL_S = 0.1
_CHUNK = 500
_VERSION = b"\1"
_ERRORS = (RedisError, OSError)  # of which TimeoutError is one

log = logging.getLogger("tv5core")

Token = tuple[bytes, int]
"""Which life of the Redis, and the number of the last invalidation known here."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


class RedisTier:
    """Entries in Redis.

    Parameters
    ----------
    url : str
        Such as ``redis://localhost:6379/0``.
    prefix : str
        What all keys start with: caches of one prefix are one cache.
    clock : callable
        Unix time in seconds.
    check_s : float
        How often to compare the number of the last invalidation; what a lost message left
        stale is gone from memory after this.
    disk : PersistentTier, optional
        The tier above, where to note which invalidations it has followed: what it missed while
        no process was there must empty it.
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
        self._disk = disk
        self._noted = self._disk_note(disk, prefix)
        self._prefix, self._clock, self._check_s = prefix.encode(), clock, check_s
        never = Retry(NoBackoff(), 0)
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=never,
            protocol=2,
        )
        # Waits for messages, so it cannot have the commands' time limit.
        self._listening: Redis = Redis.from_url(
            url, socket_timeout=None, socket_connect_timeout=1.0, retry=never, protocol=2
        )
        register = self._redis.register_script
        self._get, self._put = register(scripts.GET), register(scripts.PUT)
        self._invalidating, self._releasing = (
            register(scripts.INVALIDATE),
            register(scripts.RELEASE),
        )
        self.origin = os.urandom(8).hex().encode()
        self._counts, self._cooldown = Counters(), Cooldown(time.monotonic, max_s=_LONGEST_AWAY_S)
        self._listeners: list[Callable[[Invalidation], None]] = []
        self._owed: list[Invalidation] = []
        self._epoch, self._seq = b"", 0
        self._hits = self._misses = 0
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._paying = asyncio.Lock()

    @staticmethod
    def _disk_note(disk: PersistentTier | None, prefix: str) -> bytes | None:
        """Return what the disk followed last; None where it has nothing that could be old."""
        if disk is None:
            return None
        noted = disk.checkpoint(f"redis:{prefix}")
        return noted or (b"unknown" if disk.stats()["entries"] else None)

    # -- keys -----------------------------------------------------------------------------

    def _name(self, part: str, *of: str) -> bytes:
        """Return a key; what users name is hashed, so that no key of theirs can be another's."""
        if not of:
            return self._prefix + b":" + part.encode()
        raw = b"\0".join(str(len(text)).encode() + b":" + text.encode() for text in of)
        digest = hashlib.blake2b(raw, digest_size=15).hexdigest()
        return b":".join((self._prefix, part.encode(), digest.encode()))

    def _floors(self, kind: str, tags: Iterable[str]) -> list[bytes]:
        tagged = [self._name("tag", tag) for tag in tags]
        return [self._name("all"), self._name("kind", kind), *tagged]

    # -- being away -----------------------------------------------------------------------

    async def _call(self, work: Callable[[], Awaitable[Any]], default: Any = None) -> Any:
        """Run a command; ``default`` while Redis is away, and where it fails."""
        self._ensure_listening()
        if self._cooldown.active:
            return default
        try:
            result = await work()
        except _ERRORS as error:
            self._failed(error)
            return default
        self._succeeded()
        return result

    def _failed(self, error: BaseException) -> None:
        self._counts.add("failed")
        self._connected.clear()
        if self._cooldown.record_failure(type(error).__name__):  # the message may hold the URL
            log.warning("cache: does without Redis for now: %s", type(error).__name__)

    def _succeeded(self) -> None:
        if self._cooldown.record_success():
            log.warning("cache: uses Redis again")

    # -- values ---------------------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry that has not expired, stale or not."""
        entry = None
        if not self._owed or await self._pay():
            raw = await self._call(lambda: self._get(keys=[self._name("entry", kind, key)]))
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
        """Note what has been invalidated so far, as far as is known here, before a load starts.

        It may know less than Redis does; then a value is turned away that could have stayed.
        """
        self._ensure_listening()
        return (self._epoch, self._seq) if self._epoch else None

    async def put(self, kind: str, key: str, entry: Entry, token: Token | None = None) -> None:
        """Store an entry, unless it was invalidated after the token was taken."""
        epoch, seq = token or (self._epoch, self._seq)
        left_ms = min(int((entry.stale_until - self._clock()) * 1e3), _LONGEST_MS)
        if not epoch or left_ms <= 0 or self._owed:
            self._counts.add("dropped.away" if left_ms > 0 else "dropped.expired")
            return
        keys = [
            self._name("entry", kind, key),
            self._name("epoch"),
            self._name("seq"),
            self._name("floor", kind, key),
            *self._floors(kind, entry.tags),
        ]
        arguments: list[bytes | int] = [epoch, seq, _VERSION + _encoder.encode(entry), left_ms]
        done = await self._call(lambda: self._put(keys=keys, args=arguments), b"away")
        self._counts.add("stored" if done == b"stored" else f"dropped.{done.decode()}")

    # -- invalidation ---------------------------------------------------------------------

    async def delete(self, kind: str, keys: Iterable[str]) -> int:
        """Remove entries by key; return how many there were, 0 where Redis is away."""
        some, total = list(keys), 0
        for start in range(0, len(some), _CHUNK):
            chunk = tuple(some[start : start + _CHUNK])
            total += await self._invalidate(Invalidation("key", kind, chunk, origin=self.origin))
        return total

    async def delete_kind(self, kind: str) -> None:
        """Remove all entries of a kind; how many there were is not known."""
        await self._invalidate(Invalidation("kind", kind, origin=self.origin))

    async def delete_tag(self, tag: str) -> None:
        """Remove all entries that carry a tag."""
        await self._invalidate(Invalidation("tag", tag=tag, origin=self.origin))

    async def clear(self) -> None:
        """Remove everything."""
        await self._invalidate(Invalidation("all", origin=self.origin))

    async def _invalidate(self, what: Invalidation) -> int:
        if self._owed and not await self._pay():
            self._owe(what)
            return 0
        removed = await self._call(lambda: self._send(what))
        if removed is None:
            self._owe(what)
            return 0
        return int(removed)

    def _owe(self, what: Invalidation) -> None:
        self._counts.add("owed")
        self._owed.append(what)
        if len(self._owed) > _MAX_OWED:
            self._owed = [Invalidation("all", origin=self.origin)]

    async def _pay(self) -> bool:
        """Send the invalidations that are owed; say whether none is any more."""
        async with self._paying:
            while self._owed:
                what = self._owed[0]
                if await self._call(partial(self._send, what)) is None:
                    return False
                if self._owed and self._owed[0] is what:
                    self._owed.pop(0)
        return True

    async def _send(self, what: Invalidation) -> int:
        floors, entries = self._named(what)
        seq, removed = await self._invalidating(
            keys=[self._name("seq"), *floors, *entries],
            args=[self._name("told"), _FLOOR_MS, len(floors), _encoder.encode(what)],
        )
        self._learn(int(seq))
        return int(removed)

    def _named(self, what: Invalidation) -> tuple[list[bytes], list[bytes]]:
        if what.scope == "key":
            floors = [self._name("floor", what.kind, key) for key in what.keys]
            return floors, [self._name("entry", what.kind, key) for key in what.keys]
        if what.scope == "kind":
            return [self._name("kind", what.kind)], []
        return [self._name("tag", what.tag) if what.scope == "tag" else self._name("all")], []

    # -- following ------------------------------------------------------------------------

    def on_invalidation(self, listener: Callable[[Invalidation], None]) -> None:
        """Have a callable told of other processes' invalidations, in the event loop."""
        self._listeners.append(listener)

    def _ensure_listening(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                async with self._listening.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(self._name("told"))
                    await self._follow(channel)
            except _ERRORS as error:
                self._failed(error)
            await asyncio.sleep(self._cooldown.remaining_s)

    async def _follow(self, channel: PubSub) -> None:
        due, behind = 0.0, 0
        while True:
            now = time.monotonic()
            if now >= due:
                behind = await self._compare(behind)
                due = now + (_GRACE_S if behind else self._check_s)
            message = await channel.get_message(timeout=max(0.01, due - now))
            if message is not None:
                self._hear(message["data"])

    async def _compare(self, behind: int) -> int:
        """Forget all where invalidations were missed; return a number that is yet to arrive."""
        names = [self._name("epoch"), self._name("seq")]
        first, number = await self._redis.mget(names)
        if first is None:
            await self._redis.set(names[0], os.urandom(8).hex(), nx=True)
            first, number = await self._redis.mget(names)
        epoch, last = first if isinstance(first, bytes) else b"", int(number or 0)
        if not self._epoch:
            missed = self._noted is not None and self._noted != _note(epoch, last)
        else:
            missed = epoch != self._epoch or last < self._seq or bool(behind > self._seq)
        if missed or not self._epoch:
            self._epoch, self._seq = epoch, last
        if missed:
            self._tell(Invalidation("all"))
        behind = last if last > self._seq else 0
        await self._note_followed()
        self._succeeded()
        if self._owed:
            await self._pay()
        self._connected.set()
        return behind

    async def _note_followed(self) -> None:
        note = _note(self._epoch, self._seq)
        if self._disk is not None and note != self._noted:
            self._noted = note
            await self._disk.set_checkpoint(f"redis:{self._prefix.decode()}", note)

    def _learn(self, seq: int) -> bool:
        """Note a number; say whether those before it are known."""
        known = self._seq
        if seq == known + 1:
            self._seq = seq
        return seq <= known + 1

    def _hear(self, data: bytes) -> None:
        number, _, raw = data.partition(b" ")
        try:
            seq, what = int(number), msgspec.msgpack.decode(raw, type=Invalidation)
        except (ValueError, msgspec.MsgspecError):
            return
        if what.origin != self.origin:
            self._tell(what)
        if not self._learn(seq):
            # Numbers in between were missed, unless they are our own and just on their way.
            self._seq = seq
            self._tell(Invalidation("all"))

    def _tell(self, what: Invalidation) -> None:
        self._counts.add("followed")
        for listener in self._listeners:
            listener(what)

    async def connected(self, timeout_s: float = 5.0) -> bool:
        """Wait until Redis answers and is followed; say whether that was in time."""
        self._ensure_listening()
        try:
            await asyncio.wait_for(self._connected.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    # -- leases ---------------------------------------------------------------------------

    async def acquire_lease(self, kind: str, key: str, owner: bytes, ttl_s: float) -> bool:
        """Take the lease on loading a key; true too while Redis is away."""
        name, ttl_ms = self._name("lease", kind, key), int(ttl_s * 1e3)
        work = lambda: self._redis.set(name, owner, nx=True, px=ttl_ms)  # noqa: E731
        return await self._call(work, True) is not None

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Give a lease back, where it is still its owner's."""
        name = self._name("lease", kind, key)
        await self._call(lambda: self._releasing(keys=[name], args=[owner]))

    # -- maintenance ---------------------------------------------------------------------------

    async def close(self) -> None:
        """Stop following and close the connections."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            # Again and again: a client that is just giving up a connection may swallow one.
            task.cancel()
            await asyncio.wait({task}, timeout=_CANCEL_S)
        for client in (self._redis, self._listening):
            await client.aclose()

    def stats(self) -> dict[str, Any]:
        """Return what the tier did, as of now."""
        return {
            "hits": self._hits,
            "misses": self._misses,
            "stored": self._counts["stored"],
            "dropped": self._counts.with_prefix("dropped."),
            "failed": self._counts["failed"],
            "owed": len(self._owed),
            "connected": self._connected.is_set(),
            "invalidations": self._seq,
        }


def _note(epoch: bytes, seq: int) -> bytes:
    return epoch + b" " + str(seq).encode()
