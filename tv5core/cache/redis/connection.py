"""Clients of one Redis, with timeouts, and a cooldown while it is unavailable.

A server may come back from a snapshot, or be replaced by a replica, between two commands. Either
breaks the connections. So each new connection asks who the server is, and binds the epoch of the
data to that (see ``tv5core.cache.redis.scripts``), before any command is sent over it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import DataError, RedisError, ResponseError

from tv5core.arguments import shown
from tv5core.cache.cooldown import Cooldown
from tv5core.cache.redis import scripts
from tv5core.cache.redis.keys import RedisKeys
from tv5core.cache.stats import Counters
from tv5core.errors import InvalidInputError

__all__ = ["ERRORS", "RedisConnection"]

TIMEOUT_S = 0.1
"""What a command may take: a slower cache is useless."""

ERRORS = (RedisError, OSError)
"""What an unavailable Redis raises; TimeoutError is an OSError."""

_MAX_COOLDOWN_S = 5.0
_GREETING_S = 1.0
# A process has one run id; a replication id ends where a server's history leaves its master's.
_IDENTITY = re.compile(rb"^(?:run_id|master_replid):(\w+)", re.MULTILINE)
_INFO = (("INFO", "server"), ("INFO", "replication"))

log = logging.getLogger("tv5core")


def _client(url: str, **settings: Any) -> Redis:
    try:
        return Redis.from_url(url, **settings)
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(f"expected a URL of a Redis, got {shown(url)}: {error}") from error


class RedisConnection:
    """One client for commands and one for messages.

    Parameters
    ----------
    url : str
    keys : RedisKeys
    counters : Counters

    Attributes
    ----------
    commands, messages : Redis
        The second waits for messages, so it cannot have the timeout of commands.
    connected : asyncio.Event
        Set once the messages are received and nothing was missed.
    """

    def __init__(self, url: str, keys: RedisKeys, counters: Counters) -> None:
        self._keys = keys
        retry = Retry(NoBackoff(), 0)
        self.commands = _client(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=retry,
            protocol=2,
            redis_connect_func=self._greet,
        )
        self.messages = _client(
            url, socket_timeout=None, socket_connect_timeout=1.0, retry=retry, protocol=2
        )
        self.connected = asyncio.Event()
        self._counters = counters
        self._cooldown = Cooldown(time.monotonic, max_s=_MAX_COOLDOWN_S)

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
            result = await work()
        except DataError as error:
            raise InvalidInputError(f"expected what Redis can store, got {error}") from error
        except ResponseError:  # Redis is there, and refuses this command
            self._counters.add("refused")
            return default
        except ERRORS as error:
            self.record_failure(error)
            return default
        self.record_success()
        return result

    def record_failure(self, error: BaseException) -> None:
        """Start or prolong the cooldown."""
        self._counters.add("failed")
        self.connected.clear()
        if self._cooldown.record_failure(type(error).__name__):  # the message may hold the URL
            log.warning("cache: Redis is unavailable: %s", type(error).__name__)

    def record_success(self) -> None:
        """End the cooldown."""
        if self._cooldown.record_success():
            log.warning("cache: Redis is available again")

    # -- who the server is ----------------------------------------------------------------

    async def _greet(self, connection: Any) -> None:
        """Prepare a new connection; it is not used where that fails."""
        try:
            async with asyncio.timeout(_GREETING_S):
                await connection.on_connect()
                await connection.send_packed_command(connection.pack_commands(_INFO))
                answers = [await _answer(connection) for _ in _INFO]
                arguments = _bind_arguments(_identity(answers))
                names = (self._keys.epoch, self._keys.seq)
                await connection.send_command("EVAL", scripts.BIND, 2, *names, *arguments)
                await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise

    async def bind(self) -> tuple[bytes, int]:
        """Return the epoch of the server's present life, drawn where it has none, and seq.

        A connection outlives that a server takes over another's data, so this is done again.
        """
        async with self.commands.pipeline(transaction=False) as pipe:
            for command in _INFO:
                pipe.execute_command(*command)
            answers = await pipe.execute(raise_on_error=False)
        arguments = _bind_arguments(_identity(answers))
        names = (self._keys.epoch, self._keys.seq)
        epoch, seq = await self.commands.eval(scripts.BIND, 2, *names, *arguments)
        return bytes(epoch), int(seq)

    async def close(self) -> None:
        """Close both clients."""
        for client in (self.commands, self.messages):
            await client.aclose()


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _identity(answers: list[Any]) -> bytes:
    """Return what identifies a server and its history; empty where it does not say."""
    parts: list[bytes] = []
    for answer in answers:
        if isinstance(answer, dict):  # as the client parses it
            found = (answer.get(name) for name in ("run_id", "master_replid"))
            parts += [str(part).encode() for part in found if part]
        elif isinstance(answer, bytes):
            parts += _IDENTITY.findall(answer)
    return b":".join(parts)


def _bind_arguments(identity: bytes) -> tuple[bytes, bytes]:
    return identity + b":", os.urandom(8).hex().encode()
