"""What Redis says of itself: how often it found a key that it was asked for.

It counts all that is read of it, by anyone: an entry and the floors that it is compared with count
one each, so that its ratio is above that of the tier, whose hits are entries.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tv5core.redis_access.client import RedisClient
from tv5core.redis_access.refusals import ERRORS

__all__ = ["ServerFigures"]

_EVERY_S = 5.0
_NAMES = ("keyspace_hits", "keyspace_misses", "evicted_keys", "expired_keys")


class ServerFigures:
    """The sums over all masters, read every five seconds from the first time they are wanted.

    Parameters
    ----------
    client : RedisClient
    """

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._latest: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to read, where a loop runs and that is not done yet."""
        if self._task is not None and not self._task.done():
            return
        try:
            self._task = asyncio.get_running_loop().create_task(self._read_on())
        except RuntimeError:  # asked for outside of the loop
            self._task = None

    async def _read_on(self) -> None:
        while True:
            try:
                self._latest = _summed(await self._client.info("stats"))
            except ERRORS:
                self._latest = {}
            await asyncio.sleep(_EVERY_S)

    def latest(self) -> dict[str, Any]:
        """Return the figures; nothing where none is known: it is away, or refuses to tell."""
        return dict(self._latest)

    async def close(self) -> None:
        """Stop reading."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})


def _summed(servers: list[dict[str, Any]]) -> dict[str, Any]:
    sums = {name: sum(int(each.get(name, 0)) for each in servers) for name in _NAMES}
    asked = sums["keyspace_hits"] + sums["keyspace_misses"]
    return {
        "servers": len(servers),
        **sums,
        "hit_ratio": sums["keyspace_hits"] / asked if asked else None,
    }
