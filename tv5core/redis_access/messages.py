"""What is published on one channel, while somebody listens."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError

__all__ = ["Messages"]

_CONFIRMED_S = 1.0


class Messages:
    """A subscription to one channel, over a connection of its own.

    Parameters
    ----------
    client : Redis
        Without a timeout of its connections: nothing may be published for long.
    channel : bytes
    is_sharded : bool
        Whether the channel is that of a slot (Redis 7), as in a cluster.
    """

    def __init__(self, client: Redis, channel: bytes, *, is_sharded: bool = False) -> None:
        self._pubsub: PubSub = client.pubsub()
        self._channel, self._is_sharded = channel, is_sharded

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(_CONFIRMED_S):
                await self._subscribe()
        except BaseException:
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]
            raise
        return self

    async def _subscribe(self) -> None:
        """Subscribe, and wait for the answer: what is published from now on is received."""
        if self._is_sharded:
            await self._pubsub.ssubscribe(self._channel)
        else:
            await self._pubsub.subscribe(self._channel)
        while (await self._next(_CONFIRMED_S)).get("type") not in ("subscribe", "ssubscribe"):
            pass

    async def _next(self, timeout_s: float) -> dict[str, Any]:
        found = await self._pubsub.get_message(timeout=timeout_s)
        return {} if found is None else found

    async def get(self, timeout_s: float) -> bytes | None:
        """Return the next message; None where none comes in time.

        Raises
        ------
        redis.exceptions.ConnectionError
            The subscription ended: the connection broke off, or the slot has another node.
        """
        ends = time.monotonic() + timeout_s
        while True:
            found = await self._next(max(0.0, ends - time.monotonic()))
            kind = found.get("type")
            if kind in ("message", "smessage"):
                return bytes(found["data"])
            if kind in ("unsubscribe", "sunsubscribe"):
                raise RedisConnectionError("the channel has another node")
            if time.monotonic() >= ends:
                return None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
