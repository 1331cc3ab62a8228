"""A Redis, or one slot of a cluster, with a cooldown while it is unavailable.

A server may come back from a snapshot, or be replaced by a replica, between two commands. Where it
is a single one, either breaks the connections: each new connection binds the epoch of the data to
who the server is (see ``tv5core.cache.redis.scripts``) before any command is sent over it. Where
another server may take over, scripts do so themselves.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import DataError, ResponseError

from tv5core.cache.cooldown import Cooldown
from tv5core.cache.redis import scripts
from tv5core.cache.redis.keys import RedisKeys
from tv5core.cache.stats import Counters
from tv5core.errors import InvalidInputError
from tv5core.redis_access.client import RedisClient
from tv5core.redis_access.refusals import AWAY, ERRORS, refusal_of

__all__ = ["NAME", "TIMEOUT_S", "Outage", "RedisConnection", "greeting"]

TIMEOUT_S = 0.1
"""What a command may take: a slower cache is useless."""

NAME = os.urandom(8).hex()
"""Makes the names of epochs that this process draws its own, with Redis's time."""

_CALL_S = 0.08  # below what the cache gives the tier: one node that hangs is not the whole tier
_MAX_COOLDOWN_S = 5.0
_MAX_FAILOVER_COOLDOWN_S = 1.0  # somebody takes over soon
_GREETING_S = 1.0

log = logging.getLogger("tv5core")


def greeting(keys: RedisKeys) -> Callable[[Any], Awaitable[None]]:
    """Return what prepares a new connection to a single Redis."""
    command = ("EVAL", scripts.BIND.text, 2, keys.epoch, keys.seq, NAME)

    async def greet(connection: Any) -> None:
        try:
            async with asyncio.timeout(_GREETING_S):
                await connection.on_connect()
                await connection.send_command(*command)
                await connection.read_response()
        except BaseException:  # it is not used where that fails
            await connection.disconnect(nowait=True)
            raise

    return greet


class Outage:
    """Logs once when the first of several places goes away, and when the last is back."""

    def __init__(self) -> None:
        self._away: set[str] = set()

    def begin(self, name: str, reason: str) -> None:
        """Note that a place is away."""
        if not self._away:
            log.warning("cache: Redis is unavailable (%s): %s", name, reason)
        self._away.add(name)

    def end(self, name: str) -> None:
        """Note that a place is back."""
        self._away.discard(name)
        if not self._away:
            log.warning("cache: Redis is available again")


class RedisConnection:
    """What keeps its keys in one place: a server, or one slot.

    Parameters
    ----------
    client : RedisClient
        Remains the caller's to close.
    address : object
        Named in the log and in reasons, without credentials.
    keys : RedisKeys
    counters : Counters
    outage : Outage

    Attributes
    ----------
    client : RedisClient
    connected : asyncio.Event
        Set once the messages are received and nothing was missed.
    """

    def __init__(
        self,
        client: RedisClient,
        address: object,
        keys: RedisKeys,
        counters: Counters,
        outage: Outage,
    ) -> None:
        self.client, self._address, self._keys = client, address, keys
        self.connected = asyncio.Event()
        self._counters, self._outage = counters, outage
        self._limit_s = _CALL_S if client.fails_over else None
        max_s = _MAX_FAILOVER_COOLDOWN_S if client.fails_over else _MAX_COOLDOWN_S
        self._cooldown = Cooldown(time.monotonic, max_s=max_s)

    @property
    def reason(self) -> str:
        """Why Redis is not used; empty where it is."""
        return self._cooldown.reason

    @property
    def retry_in_s(self) -> float:
        """Seconds until Redis is tried again."""
        return self._cooldown.remaining_s

    async def call(self, work: Callable[[], Awaitable[Any]], default: Any = None) -> Any:
        """Run a command; return ``default`` during the cooldown, and where it fails.

        Raises
        ------
        InvalidInputError
            The client cannot encode it.
        """
        if self._cooldown.active:
            return default
        try:
            result = await self._in_time(work)
        except DataError as error:
            raise InvalidInputError(f"expected what Redis can store, got {error}") from error
        except ERRORS as error:
            if not self._is_refused(error):
                self.record_failure(error)
                return default
            self._counters.add("refused")  # Redis is there, and refuses this command
            return default
        self.record_success()
        return result

    async def _in_time(self, work: Callable[[], Awaitable[Any]]) -> Any:
        if self._limit_s is None:
            return await work()
        async with asyncio.timeout(self._limit_s):
            return await work()

    def _is_refused(self, error: BaseException) -> bool:
        """Whether an error concerns one command, rather than all."""
        is_answer = isinstance(error, ResponseError) and not isinstance(error, AWAY)
        return is_answer and refusal_of(error, self._address) is None

    def record_failure(self, error: BaseException) -> None:
        """Start or prolong the cooldown."""
        self._counters.add("failed")
        self.connected.clear()
        refusal = refusal_of(error, self._address)
        # An error's own message may hold what was sent.
        reason = type(error).__name__ if refusal is None else str(refusal)
        if self._cooldown.record_failure(reason):
            self._outage.begin(self._keys.name, reason)

    def record_success(self) -> None:
        """End the cooldown."""
        if self._cooldown.record_success():
            self._outage.end(self._keys.name)

    async def bind(self) -> tuple[bytes, int]:
        """Return the epoch of the server's present life, drawn where it has none, and seq.

        A connection outlives that a server takes over another's data, so this is done again.
        """
        epoch, seq = await self.client.run(scripts.BIND, [self._keys.epoch, self._keys.seq], [NAME])
        return bytes(epoch), int(seq)
