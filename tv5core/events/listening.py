"""EventListener: keeps sources going, one task each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from tv5core.backoff import Backoff
from tv5core.events.event import Event
from tv5core.events.source import Apply, EventSource
from tv5core.observing import SILENT, Observer

__all__ = ["EventListener"]

_OWNER_EVERY_S = 0.5
_FIRST_S, _MAX_S = 0.5, 15.0
_STEADY_S = 60.0

log = logging.getLogger("tv5core")


class EventListener:
    """Applies the events of some sources; a source that fails is tried again, less often each time.

    Parameters
    ----------
    sources : sequence of EventSource
    apply : callable
        Applies an event.
    owns : callable
        Whether this process is the one, of several, that listens for what any may hear.
    observer : Observer
        Counts ``events.applied`` and ``events.failed`` by source.
    """

    def __init__(
        self,
        sources: Sequence[EventSource],
        apply: Apply,
        *,
        owns: Callable[[], bool] = lambda: True,
        observer: Observer = SILENT,
    ) -> None:
        self._sources, self._apply, self._owns = tuple(sources), apply, owns
        self._observer = observer
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start to listen."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._listen(source)) for source in self._sources]

    async def _listen(self, source: EventSource) -> None:
        resumed = await self._wait_for_turn(source)
        backoff, failures = Backoff(_FIRST_S, _MAX_S, jitter=0.5), 0
        loop = asyncio.get_running_loop()

        async def apply(event: Event) -> None:
            await self._apply(event)
            self._observer.count("events.applied", 1, source=source.name)

        while True:
            started = loop.time()
            try:
                await source.deliver(apply, resumed=resumed)
            except Exception as error:  # noqa: BLE001 - a source must not end its process
                self._observer.count("events.failed", 1, source=source.name)
                # The message may hold an address with credentials.
                log.warning("events: %s failed: %s", source.name, type(error).__name__)
            failures = 0 if loop.time() - started > _STEADY_S else failures + 1
            await asyncio.sleep(backoff.pause_s(max(0, failures - 1)))
            resumed = True

    async def _wait_for_turn(self, source: EventSource) -> bool:
        """Wait until this process listens; return whether another did before."""
        waited = False
        while not source.is_local and not self._owns():
            waited = True
            await asyncio.sleep(_OWNER_EVERY_S)
        return waited

    async def close(self) -> None:
        """Stop listening."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
