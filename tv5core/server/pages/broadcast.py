"""Broadcast: one reading of the figures a second, however many clients look.

Every message says everything it is about, so a client that missed some is right again with the
next. ``state`` has the series of the last 15 minutes in it and is sent first, and whenever the
series has grown; ``now`` leaves it out. Nothing is queued: a slow client gets the latest only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from tv5core.server.metrics import Figures

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Broadcast", "FullError", "Read"]

log = logging.getLogger("tv5core.server")

Read = Callable[[float], Figures]
"""Returns the figures of a moment, in Unix seconds; called in a thread."""

_encode = msgspec.json.Encoder().encode


class FullError(Exception):
    """There are as many clients as there may be."""


class Broadcast:
    """Reads the figures while anybody looks.

    Parameters
    ----------
    read : callable
    most_clients : int
    interval_s : float
        Seconds between two readings.
    """

    def __init__(self, read: Read, most_clients: int, interval_s: float = 1.0) -> None:
        self._read = read
        self._most_clients = most_clients
        self._interval_s = interval_s
        self._clients = 0
        self._task: asyncio.Task[None] | None = None
        self._reading = asyncio.Lock()
        self._news = asyncio.Condition()
        self._number = 0
        self._read_at = float("-inf")
        self._figures: Figures | None = None
        self._closed = False

    @property
    def clients(self) -> int:
        """How many listen."""
        return self._clients

    @contextmanager
    def client(self) -> Iterator[AsyncIterator[bytes]]:
        """Listen; yields an iterator of events, which ends when the gateway does.

        Raises
        ------
        FullError
        """
        if self._clients >= self._most_clients or self._closed:
            raise FullError
        self._clients += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            yield self._events()
        finally:
            self._clients -= 1
            if not self._clients and self._task is not None:
                self._task.cancel()
                self._task = None

    async def state(self) -> bytes:
        """Return the figures as JSON, read within the last interval."""
        async with self._reading:
            if time.monotonic() - self._read_at >= self._interval_s or self._figures is None:
                await self._take()
            return _encode(self._figures)

    async def close(self) -> None:
        """End every stream."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        async with self._news:
            self._news.notify_all()

    async def _run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                async with self._reading:
                    await self._take()
            except Exception:  # the page says that its figures are old; the next may be there
                log.exception("the figures of the live page could not be read")
            await asyncio.sleep(max(0.05, self._interval_s - (time.monotonic() - began)))

    async def _take(self) -> None:
        self._figures = await asyncio.to_thread(self._read, time.time())
        self._read_at = time.monotonic()
        async with self._news:
            self._number += 1
            self._news.notify_all()

    async def _events(self) -> AsyncIterator[bytes]:
        seen, series = 0, None
        while True:
            async with self._news:
                while not self._closed and self._number == seen:
                    await self._news.wait()
            if self._closed or self._figures is None:
                return
            seen, figures = self._number, self._figures
            latest = (figures.started_at, figures.series[-1].time if figures.series else None)
            if latest == series:
                yield _event("now", _without_series(figures), seen)
            else:
                yield _event("state", _encode(figures), seen)
            series = latest


def _without_series(figures: Figures) -> bytes:
    return _encode(msgspec.structs.replace(figures, series=()))


def _event(name: str, data: bytes, number: int) -> bytes:
    """Return a server-sent event; JSON has no line breaks of its own."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name.encode(), number, data)
