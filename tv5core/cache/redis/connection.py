"""Clients of one Redis, with timeouts, and a cooldown while it is unavailable."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tv5core.cache.cooldown import Cooldown
from tv5core.cache.stats import Counters

__all__ = ["ERRORS", "RedisConnection"]

TIMEOUT_S = 0.1
"""What a command may take: a slower cache is useless."""

ERRORS = (RedisError, OSError)
"""What an unavailable Redis raises; TimeoutError is an OSError."""

_MAX_COOLDOWN_S = 5.0

log = logging.getLogger("tv5core")


class RedisConnection:
    """One client for commands and one for messages.

    Parameters
    ----------
    url : str
    counters : Counters

    Attributes
    ----------
    commands, messages : Redis
        The second waits for messages, so it cannot have the timeout of commands.
    connected : asyncio.Event
        Set once the messages are received and nothing was missed.
    """

    def __init__(self, url: str, counters: Counters) -> None:
        retry = Retry(NoBackoff(), 0)
        self.commands: Redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=retry,
            protocol=2,
        )
        self.messages: Redis = Redis.from_url(
            url, socket_timeout=None, socket_connect_timeout=1.0, retry=retry, protocol=2
        )
        self.connected = asyncio.Event()
        self._counters = counters
        self._cooldown = Cooldown(time.monotonic, max_s=_MAX_COOLDOWN_S)

    @property
    def retry_in_s(self) -> float:
        """Seconds until Redis is tried again."""
        return self._cooldown.remaining_s

    async def call(self, work: Callable[[], Awaitable[Any]], default: Any = None) -> Any:
        """Run a command; return ``default`` during the cooldown, and where it fails."""
        if self._cooldown.active:
            return default
        try:
            result = await work()
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

    async def close(self) -> None:
        """Close both clients."""
        for client in (self.commands, self.messages):
            await client.aclose()
