"""Work that nobody waits for, bounded: writes to lower tiers, and the release of leases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Background"]

MAX_WRITES = 1_000
MAX_WRITE_BYTES = 32 << 20
"""Limits of the writes under way; a slow tier must not keep every value in memory a second time."""

_MAX_TASKS = 10_000


class Background:
    """Tasks of one cache that nobody waits for."""

    def __init__(self) -> None:
        self._sizes: dict[asyncio.Task[None], int] = {}
        self._bytes = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def full(self) -> bool:
        """Whether there is no room for another write."""
        return len(self._sizes) >= MAX_WRITES or self._bytes >= MAX_WRITE_BYTES

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], size: int = 0) -> bool:
        """Start some work; return whether there was room for it.

        Parameters
        ----------
        work : callable
            Returns the coroutine; not called where there is no room.
        size : int
            Bytes that it holds; 0 for work that only gives something back, which has more room.
        """
        too_many = self.full if size else len(self._sizes) >= _MAX_TASKS
        if self._closed or too_many:
            return False
        task = asyncio.get_running_loop().create_task(work())
        self._sizes[task] = size
        self._bytes += size
        task.add_done_callback(self._finished)
        return True

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._bytes -= self._sizes.pop(task)

    async def wait_for_room(self, timeout_s: float) -> None:
        """Wait until there is room for a write, for ``timeout_s`` at most."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while self.full and (left_s := deadline - loop.time()) > 0:
            await asyncio.wait(self._sizes, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)

    async def drain(self) -> None:
        """Wait for everything that was started."""
        while self._sizes:
            await asyncio.gather(*self._sizes, return_exceptions=True)

    async def close(self, timeout_s: float) -> int:
        """Wait for ``timeout_s`` at most, cancel the rest, and return how many those were."""
        if self._sizes:
            draining = asyncio.ensure_future(self.drain())
            await asyncio.wait({draining}, timeout=timeout_s)
            draining.cancel()
        self._closed = True
        left = list(self._sizes)
        for task in left:
            task.cancel()
        return len(left)
