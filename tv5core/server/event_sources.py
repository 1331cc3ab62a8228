"""Where a gateway's events come from, and what they invalidate.

Requests to ``/api/hooks`` come to one process, which applies them. What any process may hear, one
of a gateway listens for: it holds a lock in the folder that they share.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from aiohttp import web

from tv5core.events.event import MISSED, Event
from tv5core.events.listening import EventListener
from tv5core.events.source import EventSource
from tv5core.files.locking import try_lock
from tv5core.server.api.invalidation import invalidate_all_titles, invalidate_titles
from tv5core.server.resources import Resources

__all__ = ["listening"]

_LOCK = "events"


async def listening(resources: Resources, _: web.Application) -> AsyncIterator[None]:
    """Listen for the events of some settings while an application answers requests.

    Raises
    ------
    InvalidInputError
        A source needs a package that is not installed.
    """
    turn = _Turn(resources.shared)
    listener = EventListener(
        _sources(resources),
        partial(_apply, resources),
        owns=turn.is_ours,
        observer=resources.observer,
    )
    listener.start()
    yield
    await listener.close()
    turn.close()


def _sources(resources: Resources) -> list[EventSource]:
    settings, observer = resources.settings, resources.observer
    found: list[EventSource] = [resources.webhook]
    if settings.events_redis_channel is not None and settings.redis_url is not None:
        from tv5core.events.redis_channel import RedisEvents

        found.append(RedisEvents(settings.redis_url, settings.events_redis_channel, observer))
    if settings.events_kafka_url is not None:
        from tv5core.events.kafka import KafkaEvents

        found.append(KafkaEvents(settings.events_kafka_url, observer))
    return found


async def _apply(resources: Resources, event: Event) -> None:
    if event.event == MISSED:
        await invalidate_all_titles(resources)
    else:
        await invalidate_titles(resources, event.ids, event.event)


class _Turn:
    """Which process of a gateway listens: the one that holds a lock, until it ends."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / _LOCK
        self._held: int | None = None

    def is_ours(self) -> bool:
        if self._path is None or self._held is not None:
            return True
        self._held = try_lock(self._path)
        return self._held is not None

    def close(self) -> None:
        """Have another process listen."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
