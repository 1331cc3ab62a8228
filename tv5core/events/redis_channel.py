"""RedisEvents: events that are published on a channel of Redis.

Pub/sub keeps nothing: what is published while nobody listens is lost, and nobody can tell. So after
each connection but the first, an event ``missed`` stands for what may have been.
"""

from __future__ import annotations

from tv5core.errors import InvalidInputError
from tv5core.events.event import MISSED, Event, received_event
from tv5core.events.source import Apply
from tv5core.observing import SILENT, Observer
from tv5core.redis_access.opening import open_redis

__all__ = ["RedisEvents"]

_TIMEOUT_S = 1.0
_LOOK_S = 5.0


class RedisEvents:
    """Events of a channel: ``PUBLISH`` to a single Redis, ``SPUBLISH`` to a cluster.

    Parameters
    ----------
    url : str
        See :mod:`tv5core.redis_access.address`.
    channel : str
    observer : Observer
        Counts ``events.malformed`` by source.
    """

    name = "redis"
    is_local = False

    def __init__(self, url: str, channel: str, observer: Observer = SILENT) -> None:
        if not channel:
            raise InvalidInputError("expected the name of a channel, got an empty one")
        self._redis = open_redis(url, timeout_s=_TIMEOUT_S)
        self._channel, self._observer = channel.encode(), observer

    async def deliver(self, apply: Apply, *, resumed: bool) -> None:
        """Deliver what is published, until this is cancelled or the connection is lost."""
        try:
            async with self._redis.listen(self._channel) as messages:
                if resumed:
                    await apply(Event((), MISSED))
                while True:
                    data = await messages.get(_LOOK_S)
                    if data is None:
                        # A connection that broke without a word, and a channel that has moved.
                        await self._redis.execute("EXISTS", self._channel)
                        continue
                    event = received_event(data, self.name, self._observer)
                    if event is not None:
                        await apply(event)
        finally:
            await self._redis.close()
