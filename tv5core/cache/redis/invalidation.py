"""Invalidations over Redis: sent and numbered by a script, received by pub/sub.

An invalidation that cannot be sent is kept and sent before anything is read again. A process
that finds a number missing (messages were lost, or Redis was unavailable or lost its data)
invalidates everything it holds, so nothing outdated survives a reconnection. Where the history of
the data in Redis went back, what is stored there is invalid too: it has another epoch.

In a cluster there is a channel for each partition (see ``tv5core.cache.redis.partition``). What
concerns all partitions is numbered in each, and told by one.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial

import msgspec

from tv5core.cache.entry import Invalidation, PersistentTier
from tv5core.cache.redis import scripts
from tv5core.cache.redis.connection import NAME, RedisConnection
from tv5core.cache.redis.keys import RedisKeys
from tv5core.cache.stats import Counters
from tv5core.redis_access.messages import Messages
from tv5core.redis_access.refusals import ERRORS

__all__ = ["InvalidationChannel", "Token"]

_GRACE_S = 0.25  # how long a message may take after its number is visible
FLOOR_MS = 31 * 24 * 3_600_000  # longer than any entry lives
_MAX_PENDING = 1_000
_CANCEL_S = 0.1

Token = tuple[bytes, int]
"""The epoch of the data in Redis, and the number of the last invalidation known here."""

_encoder = msgspec.msgpack.Encoder()


class InvalidationChannel:
    """Send invalidations, and receive those of other processes.

    Parameters
    ----------
    connection : RedisConnection
    keys : RedisKeys
    counters : Counters
    origin : bytes
        Identifies this handle's own invalidations.
    check_s : float
        How often to compare the number of the last invalidation.
    disk : PersistentTier or None
        Stores up to which invalidation it is current: if some were missed while no process
        ran, it must be cleared.
    checkpoint : str
        Under which name it stores that.

    Attributes
    ----------
    epoch : bytes
        Of the data in Redis; empty until known.
    seq : int
        Number of the last invalidation known here.
    """

    def __init__(
        self,
        connection: RedisConnection,
        keys: RedisKeys,
        counters: Counters,
        origin: bytes,
        *,
        check_s: float,
        disk: PersistentTier | None,
        checkpoint: str,
    ) -> None:
        self._connection, self._keys, self._counters = connection, keys, counters
        self._origin, self._client = origin, connection.client
        self._check_s, self._disk, self._checkpoint = check_s, disk, checkpoint
        self._saved = _saved_position(disk, checkpoint)
        self._may_change = connection.client.fails_over
        self._script = (scripts.CHECKED if self._may_change else scripts.PLAIN).invalidate
        self.epoch, self.seq = b"", 0
        self._listeners: list[Callable[[Invalidation], None]] = []
        self._pending = list[Invalidation]()
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def verified(self) -> bool:
        """Whether the data may be read: since the last failure its position was compared."""
        return not self.epoch or self._connection.connected.is_set()

    @property
    def pending(self) -> int:
        """Number of invalidations that could not be sent yet."""
        return len(self._pending)

    def token(self) -> Token | None:
        """Return the position that is known here; None where there is none yet."""
        return (self.epoch, self.seq) if self.epoch else None

    # -- sending --------------------------------------------------------------------------

    async def invalidate(self, invalidation: Invalidation, *, tells: bool = True) -> int | None:
        """Send an invalidation, or keep it for later; return how many entries it deleted, or None.

        Where it does not tell, another channel does, once this one has it; what is kept is told.
        """
        deleted = None
        if not self._pending or await self.flush():
            deleted = await self._connection.call(partial(self._send, invalidation, tells=tells))
        if deleted is None:
            self._keep(invalidation)
            return None
        return int(deleted)

    def _keep(self, invalidation: Invalidation) -> None:
        self._counters.add("pending")
        self._pending.append(invalidation)
        if len(self._pending) > _MAX_PENDING:
            self._pending = [Invalidation("all", origin=self._origin)]

    async def flush(self) -> bool:
        """Send the pending invalidations; return whether none is left."""
        async with self._flushing:
            while self._pending:
                first = self._pending[0]
                try:
                    if await self._connection.call(partial(self._send, first)) is None:
                        return False
                except (ValueError, TypeError):  # nothing is stored under such a name
                    self._counters.add("dropped.invalidation")
                if self._pending and self._pending[0] is first:
                    self._pending.pop(0)
        return True

    async def _send(self, invalidation: Invalidation, *, tells: bool = True) -> int:
        floors, entries = self._covered(invalidation)
        message = _encoder.encode(invalidation) if tells else b""
        new_epoch = self.epoch.rpartition(b":")[0] + b":" + os.urandom(8).hex().encode()
        seq, deleted = await self._client.run(
            self._script,
            [self._keys.seq, self._keys.epoch, *floors, *entries],
            [
                *(self._keys.channel, FLOOR_MS, len(floors), message),
                *(self.epoch, self.seq, new_epoch, self._client.publish, NAME),
            ],
        )
        self._advance(int(seq))
        return int(deleted)

    def _covered(self, invalidation: Invalidation) -> tuple[list[bytes], list[bytes]]:
        """Return the floors to raise, and the entries to delete."""
        keys, kind = self._keys, invalidation.kind
        if invalidation.scope == "key":
            floors = [keys.floor(kind, key) for key in invalidation.keys]
            return floors, [keys.entry(kind, key) for key in invalidation.keys]
        if invalidation.scope == "kind":
            return [keys.kind_floor(kind)], []
        if invalidation.scope == "tag":
            return [keys.tag_floor(invalidation.tag)], []
        return [keys.all_floor()], []

    # -- receiving ------------------------------------------------------------------------

    def add_listener(self, listener: Callable[[Invalidation], None]) -> None:
        """Call a listener for other processes' invalidations, in the event loop."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Start to receive, where that is not done yet."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                async with self._client.listen(self._keys.channel) as messages:
                    await self._receive(messages)
            except (*ERRORS, ValueError, TypeError) as error:  # also what is no position
                self._connection.record_failure(error)
            await asyncio.sleep(self._connection.retry_in_s)

    async def _receive(self, messages: Messages) -> None:
        """Receive, until the channel may have another server."""
        due, behind, epoch = 0.0, 0, self.epoch
        while not self._may_change or self.epoch == epoch or not epoch:
            epoch = self.epoch
            now = time.monotonic()
            lost = not self._connection.connected.is_set() and not self._connection.retry_in_s
            if now >= due or lost:
                behind = await self._check_position(behind)
                due = now + (_GRACE_S if behind else self._check_s)
            wait_s = min(max(0.01, due - now), _GRACE_S)
            message = await messages.get(wait_s)
            if message is not None:
                self._handle(message)

    async def _check_position(self, behind: int) -> int:
        """Invalidate everything where messages were missed; return a number still to arrive."""
        epoch, last = await self._read_position()
        if not self.epoch:
            missed = self._saved is not None and self._saved != _position(epoch, last)
        else:
            missed = epoch != self.epoch or bool(behind > self.seq)
        if missed:  # before the position is taken: an interrupt loses no invalidation
            self._notify(Invalidation("all"))
        if missed or not self.epoch:
            self.epoch, self.seq = epoch, last
        behind = last if last > self.seq else 0
        await self._save_position()
        self._connection.record_success()
        if self._pending:
            await self.flush()
        self._connection.connected.set()
        return behind

    async def _read_position(self) -> Token:
        """Return the position of the data in Redis, which is new where numbers were lost."""
        known = self.seq
        epoch, last = await self._connection.bind()
        if epoch == self.epoch and last < known:
            await self._send(Invalidation("all", origin=self._origin))
            epoch, last = await self._connection.bind()
        return epoch, last

    async def _save_position(self) -> None:
        position = _position(self.epoch, self.seq)
        if self._disk is not None and position != self._saved:
            self._saved = position
            await self._disk.set_checkpoint(self._checkpoint, position)

    def _advance(self, seq: int) -> bool:
        """Advance to a number; return whether all before it are known."""
        known = self.seq
        if seq == known + 1:
            self.seq = seq
        return seq <= known + 1

    def _handle(self, data: bytes) -> None:
        number, _, raw = data.partition(b" ")
        try:
            seq, told = int(number), msgspec.msgpack.decode(raw, type=Invalidation) if raw else None
        except (ValueError, msgspec.MsgspecError):
            return
        if told is not None and told.origin != self._origin:
            self._notify(told)
        if not self._advance(seq):
            # Numbers in between were missed, unless they are our own, on their way back.
            self.seq = seq
            self._notify(Invalidation("all"))

    def _notify(self, invalidation: Invalidation) -> None:
        self._counters.add("received")
        for listener in self._listeners:
            listener(invalidation)

    async def close(self) -> None:
        """Stop receiving."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            # Repeatedly: a client that is just closing a connection may swallow a cancellation.
            task.cancel()
            await asyncio.wait({task}, timeout=_CANCEL_S)


def _saved_position(disk: PersistentTier | None, checkpoint: str) -> bytes | None:
    """Return the position of the disk's entries; None where it has none."""
    if disk is None:
        return None
    saved = disk.checkpoint(checkpoint)
    return saved or (b"unknown" if disk.stats()["entries"] else None)


def _position(epoch: bytes, seq: int) -> bytes:
    return epoch + b" " + str(seq).encode()
